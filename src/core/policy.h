/* policy: the rules by which one slice finds its place among many GPUs, behind one table.
 *
 * A rule gives each (state of a GPU, placement) a cost; the lowest cost wins. It sees one GPU and
 * no history, so that all its decisions can be tabulated once (policy_table.h). Integers only. */
#pragma once

#include "base/view.h"
#include "core/statetable.h"

enum { GS_POLICY_TIERS_MAX = 17 };

struct gs_policy {
    const char *name;
    const char *summary; /* one line, for people */
    bool by_index;       /* the lowest GPU that has room wins; cost chooses among its starts only */
    /* by_index: GPUs of a lower tier go before others; below GS_POLICY_TIERS_MAX. NULL: all are in
     * one tier. */
    unsigned (*tier)(const struct gs_statetable *table, uint16_t state);
    /* What it costs to add `placement` to a GPU in `state`, where it fits. Of equal costs the
     * lowest state wins, then the lowest placement, then the GPU longest in its state. */
    int32_t (*cost)(const struct gs_statetable *table, uint16_t state, unsigned placement);
};

/* All of them; the first is the one that ships as default. */
const struct gs_policy *gs_policies(size_t *ret_count);

/* GS_NOT_FOUND: no such name; the text lists those there are. */
int gs_policy_find(struct gs_view name, const struct gs_policy **ret_policy, struct gs_err *err);
