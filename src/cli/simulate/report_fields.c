#include <string.h>

#include "base/cleanup.h"
#include "cli/simulate/report.h"

#define AT(type, field, wanted)                                                                    \
    (offsetof(type, field) +                                                                       \
     0 * sizeof(                                                                                   \
             char[__builtin_types_compatible_p(__typeof__(((type *)0)->field), wanted) ? 1 : -1]))
#define FIXED(type, part_, key_, places_, field)                                                   \
    {                                                                                              \
        .part = (part_), .key = (key_), .kind = GS_REPORT_FIXED, .places = (places_),              \
        .at = AT(type, field, int64_t)                                                             \
    }
#define KNOWN(type, part_, key_, places_, field)                                                   \
    {                                                                                              \
        .part = (part_), .key = (key_), .kind = GS_REPORT_FIXED, .places = (places_),              \
        .known = true, .at = AT(type, field, int64_t)                                              \
    }
#define TEXT(type, part_, key_, known_, field)                                                     \
    {                                                                                              \
        .part = (part_), .key = (key_), .kind = GS_REPORT_TEXT, .known = (known_),                 \
        .at = AT(type, field, const char *)                                                        \
    }
#define INTERVAL(type, key_, field)                                                                \
    {                                                                                              \
        .key = (key_), .kind = GS_REPORT_INTERVAL, .places = 3,                                    \
        .at = AT(type, field, struct gs_report_interval)                                           \
    }

const struct gs_report_field gs_report_fields[] = {
    TEXT(struct gs_report, NULL, "claim", true, claim),
    KNOWN(struct gs_report, NULL, "whole_gpu_hours", 3, whole_mh),
    FIXED(struct gs_report, NULL, "whole_node_gpu_hours", 3, whole_node_mh),
    FIXED(struct gs_report, NULL, "asked_gpu_hours", 3, asked_mh),
    FIXED(struct gs_report, NULL, "whole_gpu_cost_usd", 6, whole_cost_uusd),
    KNOWN(struct gs_report, NULL, "whole_peak_gpus", 0, whole_peak_gpus),
    FIXED(struct gs_report, NULL, "ideal_saving_pct", 3, ideal_saving_mpct),
    FIXED(struct gs_report, NULL, "bound_saving_pct", 3, bound_saving_mpct),
    FIXED(struct gs_report, NULL, "bound_peak_gpus", 0, bound_peak_gpus),
    FIXED(struct gs_report, NULL, "sliceable_share_pct", 3, sliceable_mpct),
    INTERVAL(struct gs_report, "sliceable_share_ci_pct", sliceable_ci),
    TEXT(struct gs_report, NULL, "ours", false, ours),
    KNOWN(struct gs_report, NULL, "events", 0, events),
    KNOWN(struct gs_report, NULL, "input_rows", 0, input_rows),
    KNOWN(struct gs_report, NULL, "skipped_rows", 0, skipped_rows),

    TEXT(struct gs_report, "trace", "file", true, trace),
    TEXT(struct gs_report, "trace", "format", true, source),
    KNOWN(struct gs_report, "trace", "rows_used", 0, job_rows),
    KNOWN(struct gs_report, "trace", "rows_without_gpu", 0, rows_without_gpu),
    KNOWN(struct gs_report, "trace", "rows_never_ran", 0, rows_never_ran),
    KNOWN(struct gs_report, "trace", "rows_whole", 0, rows_whole),
    KNOWN(struct gs_report, "trace", "rows_unmapped", 0, rows_unmapped),
    KNOWN(struct gs_report, "trace", "jobs", 0, jobs),
    KNOWN(struct gs_report, "trace", "window_from_s", 3, from_ms),
    KNOWN(struct gs_report, "trace", "window_to_s", 3, to_ms),
    {.part = "trace",
     .key = "fractional_only",
     .kind = GS_REPORT_FLAG,
     .at = AT(struct gs_report, fractional_only, bool)},

    TEXT(struct gs_report, "map", "name", true, map),
    FIXED(struct gs_report, "map", "tolerance_pct", 1, tolerance_permille),
    FIXED(struct gs_report, "map", "speed_known_pct", 3, speed_known_mpct),
    FIXED(struct gs_report, "map", "compute_unknown_pct", 3, compute_unknown_mpct),
    FIXED(struct gs_report, "map", "use_unknown_pct", 3, use_unknown_mpct),

    TEXT(struct gs_report, "world", "name", true, world),
    TEXT(struct gs_report, "world", "model", true, model),
    FIXED(struct gs_report, "world", "gpus", 0, gpus),
    KNOWN(struct gs_report, "world", "node_gpus", 0, node_gpus),
    TEXT(struct gs_report, "world", "instance", false, instance),
    TEXT(struct gs_report, "world", "region", false, region),
    FIXED(struct gs_report, "world", "gpu_hour_usd", 6, gpu_hour_uusd),

    KNOWN(struct gs_report, "intervals", "draws", 0, draws),
    KNOWN(struct gs_report, "intervals", "seed", 0, seed),
    FIXED(struct gs_report, "intervals", "independent_parts", 0, independent_parts),
    TEXT(struct gs_report, "intervals", "none_because", false, no_draws),
};
const size_t gs_report_n_fields = GS_ARRAY_LEN(gs_report_fields);

const struct gs_report_field gs_report_policy_fields[] = {
    TEXT(struct gs_report_policy, NULL, "name", true, name),
    TEXT(struct gs_report_policy, NULL, "says", true, says),
    KNOWN(struct gs_report_policy, NULL, "gpu_hours", 3, gpu_mh),
    FIXED(struct gs_report_policy, NULL, "node_gpu_hours", 3, node_gpu_mh),
    FIXED(struct gs_report_policy, NULL, "lost_gpu_hours", 3, charged_mh),
    FIXED(struct gs_report_policy, NULL, "saving_pct", 3, saving_mpct),
    INTERVAL(struct gs_report_policy, "saving_ci_pct", saving_ci),
    FIXED(struct gs_report_policy, NULL, "node_saving_pct", 3, node_saving_mpct),
    INTERVAL(struct gs_report_policy, "node_saving_ci_pct", node_saving_ci),
    FIXED(struct gs_report_policy, NULL, "sooner_pct", 3, sooner_mpct),
    INTERVAL(struct gs_report_policy, "sooner_ci_pct", sooner_ci),
    FIXED(struct gs_report_policy, NULL, "less_lost_pct", 3, less_lost_mpct),
    INTERVAL(struct gs_report_policy, "less_lost_ci_pct", less_lost_ci),
    FIXED(struct gs_report_policy, NULL, "fewest_nodes", 0, fewest_nodes),
    INTERVAL(struct gs_report_policy, "fewer_nodes_ci", fewer_nodes_ci),
    FIXED(struct gs_report_policy, NULL, "last_end_s", 3, last_end_ms),
    FIXED(struct gs_report_policy, NULL, "wait_p50_s", 3, wait_p50_ms),
    FIXED(struct gs_report_policy, NULL, "wait_p95_s", 3, wait_p95_ms),
    FIXED(struct gs_report_policy, NULL, "job_mean_s", 3, job_mean_ms),
    FIXED(struct gs_report_policy, NULL, "slowdown_p95", 3, slowdown_p95_permille),
    FIXED(struct gs_report_policy, NULL, "moves", 0, moves),
    FIXED(struct gs_report_policy, NULL, "recuts", 0, recuts),
    FIXED(struct gs_report_policy, NULL, "restarts", 0, restarts),
    FIXED(struct gs_report_policy, NULL, "peak_gpus", 0, peak_gpus),
    FIXED(struct gs_report_policy, NULL, "peak_nodes", 0, peak_nodes),
    FIXED(struct gs_report_policy, NULL, "lost_pods", 0, lost),
    FIXED(struct gs_report_policy, NULL, "delayed_pods", 0, delayed),
    FIXED(struct gs_report_policy, NULL, "cost_usd", 6, cost_uusd),
    FIXED(struct gs_report_policy, NULL, "bound_gpu_hours", 3, least_mh),
};
const size_t gs_report_n_policy_fields = GS_ARRAY_LEN(gs_report_policy_fields);

const struct gs_report_field gs_report_whatif_fields[] = {
    KNOWN(struct gs_report_whatif, NULL, "tolerance_pct", 1, tolerance_permille),
    FIXED(struct gs_report_whatif, NULL, "saving_pct", 3, saving_mpct),
    FIXED(struct gs_report_whatif, NULL, "bound_saving_pct", 3, bound_saving_mpct),
    FIXED(struct gs_report_whatif, NULL, "sliceable_share_pct", 3, sliceable_mpct),
};
const size_t gs_report_n_whatif_fields = GS_ARRAY_LEN(gs_report_whatif_fields);

const struct gs_report_list gs_report_lists[] = {
    {NULL, "for_whom", AT(struct gs_report, for_whom, struct gs_report_texts)},
    {"trace", "skipped", AT(struct gs_report, skipped, struct gs_report_texts)},
    {"map", "rules", AT(struct gs_report, map_rules, struct gs_report_texts)},
    {"world", "rules", AT(struct gs_report, world_rules, struct gs_report_texts)},
    {NULL, "notes", AT(struct gs_report, notes, struct gs_report_texts)},
};
const size_t gs_report_n_lists = GS_ARRAY_LEN(gs_report_lists);

/* Every number of a struct that has these fields. */
static void forget(void *object, const struct gs_report_field *fields, size_t n)
{
    const int64_t unknown = GS_REPORT_UNKNOWN;
    for (size_t i = 0; i < n; i++) {
        char *at = (char *)object + fields[i].at;
        if (fields[i].kind == GS_REPORT_FIXED) {
            memcpy(at, &unknown, sizeof(unknown));
        } else if (fields[i].kind == GS_REPORT_INTERVAL) {
            memcpy(at, &unknown, sizeof(unknown));
            memcpy(at + sizeof(unknown), &unknown, sizeof(unknown));
        }
    }
}

void gs_report_init(struct gs_report *report)
{
    memset(report, 0, sizeof(*report));
    forget(report, gs_report_fields, gs_report_n_fields);
    report->read_us = report->simulate_us = report->total_us = GS_REPORT_UNKNOWN;
}

void gs_report_init_policy(struct gs_report_policy *policy)
{
    memset(policy, 0, sizeof(*policy));
    forget(policy, gs_report_policy_fields, gs_report_n_policy_fields);
}

const struct gs_report_policy *gs_report_find(const struct gs_report *report, const char *name)
{
    for (size_t i = 0; name != NULL && i < report->n_policies; i++) {
        if (strcmp(report->policies[i].name, name) == 0) {
            return &report->policies[i];
        }
    }
    return NULL;
}
