/* choose: which kinds of node a SlicePool should offer for what waits.
 *
 * The fleet planner (core/plan) finds the cheapest nodes; layouts that are the same on every GPU
 * are preferred where they cost the same. Pure; memory from an arena.
 * docs/internals/karpenter.md. */
#pragma once

#include "core/plan/plan.h"
#include "karpenter/kind.h"

enum {
    GS_KARPENTER_KINDS_MAX = 8,   /* layouts of one instance type that are offered at a time */
    GS_KARPENTER_CHOICES_MAX = 64 /* of one SlicePool */
};

struct gs_karpenter_choice {
    struct gs_karpenter_kind kind;
    uint32_t nodes; /* new ones, about */
};

struct gs_karpenter_ask {
    const char *slicepool;
    const struct gs_offer *offers; /* its instance types; `profiles` as it allows */
    size_t n_offers;
    const struct gs_item *items; /* what waits, one alternative each or more */
    size_t n_items;
    /* What runs on such nodes, and may come again: where it costs no more for what waits, layouts
     * suit both. NULL: nothing. */
    const struct gs_item *running;
    size_t n_running;
    struct gs_plan_tables *tables; /* NULL: made for this */
};

/* How many nodes of each kind the items take, each item on the first kind, in the order given, that
 * holds it. *ret_unserved: items that none holds. */
void gs_karpenter_load(const struct gs_karpenter_kind *const *kinds, size_t n,
                       const struct gs_item *items, size_t n_items, uint32_t *ret_nodes,
                       uint64_t *ret_unserved);

/* The same, but kinds at the front are left out where the others serve as much for less: pods that
 * one node would hold together are not spread over the nodes that are best for each. */
void gs_karpenter_load_cheapest(const struct gs_karpenter_kind *const *kinds, size_t n,
                                const struct gs_item *items, size_t n_items, uint32_t *ret_nodes,
                                uint64_t *ret_unserved);

/* The kinds, in the order of gs_karpenter_kind_order; items that no instance type holds have none.
 * GS_LIMIT, GS_NO_MEMORY. */
int gs_karpenter_choose(struct gs_arena *arena, const struct gs_karpenter_ask *ask,
                        struct gs_karpenter_choice ret[GS_KARPENTER_CHOICES_MAX], size_t *ret_n,
                        struct gs_err *err);

/* Whether layouts that cost `after` an hour take the place of others that would cost `before` for
 * the same. So that they do not change with each pod, a young choice gives way only where a quarter
 * is saved; an `old` one wherever anything is. */
bool gs_karpenter_is_worth(uint64_t before_uusd, uint64_t after_uusd, bool old);
