/* Whether a saved report can be true: every number in its range, sums and savings as its own
 * numbers give them, and the sentences that these numbers make. What is not computed from numbers
 * of the report (its rules and notes, and the trace behind it) cannot be checked here. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/simulate/claim.h"

struct check {
    const struct gs_report *report;
    struct gs_err *err;
    char where[40]; /* "policies[3]." */
    bool failed;
};

static void fail(struct check *check, const char *key, const char *says)
{
    if (!check->failed) {
        (void)gs_fail(check->err, GS_INVALID, "not a report of gpuslice simulate: %s%s: %s",
                      check->where, key, says);
    }
    check->failed = true;
}

static void expect(struct check *check, bool right, const char *key, const char *says)
{
    if (!right) {
        fail(check, key, says);
    }
}

/* Unknown, or at least `min` and at most `max`. */
static void expect_range(struct check *check, int64_t value, int64_t min, int64_t max,
                         const char *key)
{
    if (value != GS_REPORT_UNKNOWN && (value < min || value > max)) {
        fail(check, key, "its value is out of the range that it can have");
    }
}

/* ------------------------------------------------------------------ ranges */

enum { WHOLE_MPCT = 100000, TOLERANCE_MAX_PERMILLE = 150, GPUS_MAX = 1 << 22 };

/* A saving is at most all; how much more than before something costs has no bound. */
static bool is_saving(const char *key)
{
    return strstr(key, "saving_") != NULL || strstr(key, "sooner_") != NULL ||
           strstr(key, "less_lost_") != NULL;
}

static bool is_share(const char *key)
{
    return strstr(key, "share_") != NULL || strstr(key, "_known_pct") != NULL ||
           strstr(key, "_unknown_pct") != NULL;
}

/* All that is counted, measured or paid is 0 or more. */
static void check_field(struct check *check, const struct gs_report_field *field,
                        const void *object)
{
    const char *at = (const char *)object + field->at;
    int64_t most = is_saving(field->key) || is_share(field->key) ? WHOLE_MPCT : INT64_MAX;
    bool below = is_saving(field->key) || strcmp(field->key, "fewer_nodes_ci") == 0;
    int64_t least = below ? INT64_MIN : 0;
    int64_t values[2] = {GS_REPORT_UNKNOWN, GS_REPORT_UNKNOWN};
    if (field->kind == GS_REPORT_FIXED) {
        memcpy(values, at, sizeof(*values));
    } else if (field->kind == GS_REPORT_INTERVAL) {
        memcpy(values, at, sizeof(values));
    }
    expect_range(check, values[0], least, most, field->key);
    expect_range(check, values[1], least, most, field->key);
    if (field->kind == GS_REPORT_INTERVAL && values[0] != GS_REPORT_UNKNOWN) {
        expect(check, check->report->draws > 0, field->key, "an interval without draws");
    }
}

static void check_fields(struct check *check, const struct gs_report_field *fields, size_t n,
                         const void *object)
{
    for (size_t i = 0; i < n; i++) {
        check_field(check, &fields[i], object);
    }
}

static void check_series(struct check *check, const int64_t *values, size_t n, bool rising,
                         const char *key)
{
    for (size_t i = 0; values != NULL && i < n; i++) {
        expect(check, values[i] >= 0, key, "a negative value");
        expect(check, !rising || i == 0 || values[i] >= values[i - 1], key,
               "a percentile below the one before it");
    }
}

/* ------------------------------------------------------------------ what follows from what */

/* Whether `mpct` is what `part` saves of `whole`, both of which are rounded to thousandths. */
static bool is_saved(int64_t mpct, int64_t part, int64_t whole)
{
    if (mpct == GS_REPORT_UNKNOWN || part == GS_REPORT_UNKNOWN || whole <= 0) {
        return true; /* less than a thousandth of an hour says nothing */
    }
    __int128 off = (__int128)mpct * whole - (__int128)WHOLE_MPCT * ((__int128)whole - part);
    off = off < 0 ? -off : off;
    /* Half a unit of the saving, and what half a unit of `part` and of `whole` make of it. */
    __int128 room = (__int128)whole + (__int128)WHOLE_MPCT * (1 + (__int128)part / whole);
    return off <= room;
}

static void check_rows(struct check *check)
{
    const struct gs_report *report = check->report;
    const int64_t parts[] = {report->skipped_rows,   report->job_rows,   report->rows_without_gpu,
                             report->rows_never_ran, report->rows_whole, report->rows_unmapped};
    __int128 sum = 0;
    for (size_t i = 0; i < GS_ARRAY_LEN(parts); i++) {
        sum += parts[i];
    }
    expect(check, sum == report->input_rows, "input_rows",
           "it is not the sum of the rows that were used and of those that were not");
    expect(check, report->skipped.n == 0 || report->skipped_rows + report->rows_unmapped > 0,
           "trace.skipped", "it names rows, and none is counted");
    expect(check, report->job_rows == 0 || report->jobs > 0, "trace.jobs", "rows without jobs");
}

/* What a fixed fleet does for jobs, as its own numbers have it; elsewhere there is none. */
static void check_gains(struct check *check, const struct gs_report_policy *policy)
{
    const struct gs_report *report = check->report;
    const struct gs_report_policy *whole = &report->policies[0];
    bool queue = strcmp(report->world, "queue") == 0, loss = strcmp(report->world, "loss") == 0;
    int64_t nodes = queue || loss ? gs_report_nodes(report) : 0;
    expect(check, queue || policy->sooner_mpct == GS_REPORT_UNKNOWN, "sooner_pct",
           "only jobs of a queue are done sooner");
    expect(check, loss || policy->less_lost_mpct == GS_REPORT_UNKNOWN, "less_lost_pct",
           "only the world loss loses work");
    expect(check, is_saved(policy->sooner_mpct, policy->job_mean_ms, whole->job_mean_ms),
           "sooner_pct", "it is not what job_mean_s has");
    if (policy->less_lost_mpct != GS_REPORT_UNKNOWN && report->asked_mh > 0) {
        __int128 less = ((__int128)whole->charged_mh - policy->charged_mh) * WHOLE_MPCT;
        __int128 off = (__int128)policy->less_lost_mpct * report->asked_mh - less;
        /* Three roundings of hours, of which one may be up to a whole unit, and of two savings. */
        __int128 room = (__int128)2 * report->asked_mh + (__int128)4 * WHOLE_MPCT;
        expect(check, off <= room && -off <= room, "less_lost_pct",
               "it is not what lost_gpu_hours has");
    }
    expect(check,
           policy->fewest_nodes == GS_REPORT_UNKNOWN ||
               (policy->fewest_nodes >= 1 && policy->fewest_nodes <= nodes),
           "fewest_nodes", "more nodes than there are, or none");
    expect(check,
           (policy->sooner_mpct != GS_REPORT_UNKNOWN ||
            policy->sooner_ci.lo_mpct == GS_REPORT_UNKNOWN) &&
               (policy->less_lost_mpct != GS_REPORT_UNKNOWN ||
                policy->less_lost_ci.lo_mpct == GS_REPORT_UNKNOWN),
           "sooner_ci_pct", "an interval of a gain that is not known");
}

static void check_policy(struct check *check, size_t at)
{
    const struct gs_report *report = check->report;
    const struct gs_report_policy *policy = &report->policies[at];
    (void)snprintf(check->where, sizeof(check->where), "policies[%zu].", at);
    check_fields(check, gs_report_policy_fields, gs_report_n_policy_fields, policy);
    check_series(check, policy->wait_ms, GS_REPORT_QUANTILES, true, "wait_percentiles_s");
    check_series(check, policy->on_mgpu, report->n_buckets, false, "gpus_on");
    expect(check, gs_report_find(report, policy->name) == policy, "name", "it is there twice");
    expect(check, is_saved(policy->saving_mpct, policy->gpu_mh, report->whole_mh), "saving_pct",
           "it is not what its GPU-hours save of whole_gpu_hours");
    expect(check, is_saved(policy->node_saving_mpct, policy->node_gpu_mh, report->whole_node_mh),
           "node_saving_pct", "it is not what its GPU-hours of nodes save");
    expect(check,
           (policy->saving_mpct != GS_REPORT_UNKNOWN ||
            policy->saving_ci.lo_mpct == GS_REPORT_UNKNOWN) &&
               (policy->node_saving_mpct != GS_REPORT_UNKNOWN ||
                policy->node_saving_ci.lo_mpct == GS_REPORT_UNKNOWN),
           "saving_ci_pct", "an interval of a saving that is not known");
    check_gains(check, policy);
    expect(check, policy->charged_mh - 1 <= policy->gpu_mh, "lost_gpu_hours",
           "more than all of its GPU-hours");
    expect(check, policy->lost <= 0 || policy->charged_mh > 0, "lost_gpu_hours",
           "none, and jobs were lost");
    expect(check, policy->least_mh == GS_REPORT_UNKNOWN || policy->least_mh <= policy->gpu_mh + 1,
           "gpu_hours", "fewer than the bound of what it did");
    expect(check,
           policy->wait_ms == NULL || (policy->wait_ms[50] == policy->wait_p50_ms &&
                                       policy->wait_ms[95] == policy->wait_p95_ms),
           "wait_percentiles_s", "its 50th and 95th are not wait_p50_s and wait_p95_s");
    check->where[0] = '\0';
}

static void check_baseline(struct check *check)
{
    const struct gs_report *report = check->report;
    if (report->n_policies == 0 || strcmp(report->policies[0].name, "whole") != 0) {
        fail(check, "policies", "the first is not \"whole\"");
        return;
    }
    const struct gs_report_policy *whole = &report->policies[0];
    const struct {
        const char *key;
        int64_t of_report, of_policy;
    } same[] = {
        {"whole_gpu_hours", report->whole_mh, whole->gpu_mh},
        {"whole_node_gpu_hours", report->whole_node_mh, whole->node_gpu_mh},
        {"whole_gpu_cost_usd", report->whole_cost_uusd, whole->cost_uusd},
        {"whole_peak_gpus", report->whole_peak_gpus, whole->peak_gpus},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(same); i++) {
        expect(check, same[i].of_report == same[i].of_policy, same[i].key,
               "it is not that of the policy whole");
    }
    expect(check,
           report->ours == NULL ||
               (strcmp(report->ours, "whole") != 0 && gs_report_find(report, report->ours) != NULL),
           "ours", "it names no policy with slices");
}

/* No policy is below the bound, and no bound below the ideal. Where a job was lost, or work waits,
 * whole GPUs did not run what the bound is of. */
static void check_bounds(struct check *check)
{
    const struct gs_report *report = check->report;
    const struct gs_report_policy *whole = &report->policies[0];
    expect(check,
           report->ideal_saving_mpct == GS_REPORT_UNKNOWN ||
               report->bound_saving_mpct == GS_REPORT_UNKNOWN ||
               report->ideal_saving_mpct >= report->bound_saving_mpct,
           "ideal_saving_pct", "it is below the bound");
    expect(check,
           !gs_report_is_bounded(report) || whole->lost > 0 || whole->charged_mh > 0 ||
               report->bound_peak_gpus <= whole->peak_gpus,
           "bound_peak_gpus", "more than whole GPUs had");
}

static bool is_one_of(const char *text, const char *const *names)
{
    while (*names != NULL && strcmp(*names, text) != 0) {
        names++;
    }
    return *names != NULL;
}

static void check_names(struct check *check)
{
    static const char *const worlds[] = {"instant", "elastic", "queue", "loss", NULL};
    static const char *const maps[] = {"strict", "lenient", NULL};
    static const char *const sources[] = {"csv",   "jsonl",   "pods", "prometheus", "synthetic",
                                          "openb", "gentd26", "miso", NULL};
    const struct gs_report *report = check->report;
    expect(check, is_one_of(report->world, worlds), "world.name", "there is no such world");
    expect(check, is_one_of(report->map, maps), "map.name", "there is no such map");
    expect(check, is_one_of(report->source, sources), "trace.format", "there is no such format");
}

static void check_timeline(struct check *check)
{
    const struct gs_report *report = check->report;
    int64_t span = report->to_ms - report->from_ms;
    __int128 steps = (__int128)report->bucket_ms * (int64_t)report->n_buckets;
    expect(check, span >= 0, "trace.window_to_s", "it is before window_from_s");
    expect(check, report->bucket_ms >= 0, "timeline.step_s", "it is negative");
    expect(check,
           report->n_buckets == 0 ||
               (report->bucket_ms > 0 && steps >= span && steps - report->bucket_ms <= span),
           "timeline.steps", "they do not make up the window");
    check_series(check, report->whole_on_mgpu, report->n_buckets, false, "timeline.whole_gpus");
    check_series(check, report->bound_on_mgpu, report->n_buckets, false, "timeline.bound_gpus");
}

static void check_whatifs(struct check *check)
{
    for (size_t i = 0; i < check->report->n_whatifs; i++) {
        const struct gs_report_whatif *whatif = &check->report->whatifs[i];
        (void)snprintf(check->where, sizeof(check->where), "what_if[%zu].", i);
        check_fields(check, gs_report_whatif_fields, gs_report_n_whatif_fields, whatif);
        expect(check, i == 0 || whatif->tolerance_permille > whatif[-1].tolerance_permille,
               "tolerance_pct", "it is not above the one before it");
        check->where[0] = '\0';
    }
}

/* The sentences that are made of the numbers alone. */
static int check_sentences(struct check *check, struct gs_arena *arena, struct gs_err *err)
{
    const struct gs_report *report = check->report;
    struct gs_report again = *report;
    int r = gs_report_say(&again, arena, err);
    if (r < 0) {
        return r;
    }
    expect(check, strcmp(again.claim, report->claim) == 0, "claim",
           "it does not follow from the numbers; simulate again, also where another version of "
           "gpuslice wrote it");
    bool same = again.for_whom.n == report->for_whom.n;
    for (size_t i = 0; same && i < again.for_whom.n; i++) {
        same = strcmp(again.for_whom.items[i], report->for_whom.items[i]) == 0;
    }
    expect(check, same, "for_whom", "it does not follow from the numbers");
    return 0;
}

int gs_report_check(const struct gs_report *report, struct gs_arena *arena, struct gs_err *err)
{
    struct check check = {.report = report, .err = err};
    check_fields(&check, gs_report_fields, gs_report_n_fields, report);
    check_rows(&check);
    check_names(&check);
    check_timeline(&check);
    check_baseline(&check);
    if (!check.failed) {
        check_bounds(&check);
    }
    for (size_t i = 0; !check.failed && i < report->n_policies; i++) {
        check_policy(&check, i);
    }
    check_whatifs(&check);
    expect(&check, report->tolerance_permille <= TOLERANCE_MAX_PERMILLE, "map.tolerance_pct",
           "it is above 15");
    expect_range(&check, report->gpus, 1, GPUS_MAX, "world.gpus");
    expect(&check, report->node_gpus >= 1, "world.node_gpus", "a node has one GPU or more");
    int r = check.failed ? GS_INVALID : check_sentences(&check, arena, err);
    return check.failed ? (int)GS_INVALID : r;
}
