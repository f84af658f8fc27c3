/* Which series there are. */
#include "base/cleanup.h"
#include "base/near.h"
#include "board/past.h"

/* historian/sample.c makes them; controller/past/prometheus.c knows some of them. */
static const char *const series[] = {
    "accepted_percent", "bill_usd_h",
    "bound_usd_h",      "failed_node_starts",
    "failed_recuts",    "fragmentation_percent",
    "held_percent",     "idle_percent",
    "idle_usd_h",       "node_starts",
    "recut_p50_s",      "recut_p95_s",
    "recuts",           "sick_percent",
    "starting_usd_h",   "stranded_percent",
    "stranded_usd_h",   "unpriced_nodes",
    "used_usd_h",       "waiting_pods",
    "whole_gpus_usd_h",
};

static bool is_series(struct gs_view name)
{
    for (size_t i = 0; i < GS_ARRAY_LEN(series); i++) {
        if (gs_view_eq(name, series[i])) {
            return true;
        }
    }
    return false;
}

int gs_board_check_series(const char *names, struct gs_err *err)
{
    struct gs_view rest = gs_view(names);
    while (rest.p != NULL) {
        struct gs_view name = gs_view_split(&rest, ',');
        if (is_series(name)) {
            continue;
        }
        char nears[160];
        struct gs_near near = GS_NEAR_INIT(name);
        for (size_t i = 0; i < GS_ARRAY_LEN(series); i++) {
            gs_near_offer(&near, series[i]);
        }
        gs_near_format(&near, nears, sizeof(nears));
        return gs_fail(err, GS_INVALID,
                       "there is no series \"%.*s\"; expected some of those of "
                       "docs/internals/history.md, between commas%s",
                       (int)(name.n < 64 ? name.n : 64), name.p, nears);
    }
    return 0;
}
