/* demand: what is wanted, as kinds of items with a count each.
 *
 * An *item* is one thing that runs on one node: a pod, or a slice asked for on the command line.
 * Equal items are one *kind*, so that a million pods of fifty shapes are fifty kinds: all work
 * behind this header grows with kinds, not with items. Nothing here knows nodes or prices. */
#pragma once

#include "base/arena.h"
#include "core/constraint.h"
#include "core/model.h"

enum {
    GS_WANTS_MAX = 8,          /* different resources of one alternative */
    GS_ALTERNATIVES_MAX = 128, /* of one item: "any slice with 1 GiB or more" is about 60 */
    GS_WANT_COUNT_MAX = 1024,  /* of one resource in one item */
    GS_KINDS_MAX = 20000       /* different items of one demand */
};
#define GS_ITEMS_MAX 1000000000ull       /* items of one demand */
#define GS_CPU_MILLI_MAX 100000000ull    /* of one item: 100,000 cores */
#define GS_MEMORY_BYTES_MAX (1ull << 50) /* of one item: 1 PiB */

/* One resource and how many of it, all on the node where the item runs. */
struct gs_want {
    bool whole_gpu;               /* uncut GPUs; a slice of the full-GPU profile is no whole GPU */
    const struct gs_model *model; /* only on this model; NULL: on any that has the profile */
    /* Whole GPUs that are never cut, by the offer's gpu_name, model NULL: GPUs without MIG ("L4")
     * and models without known placements ("RTX-PRO-4500-32GB"). Else NULL. */
    const char *gpu_name;
    struct gs_profile_name profile; /* slices: the profile; unused for whole GPUs */
    uint32_t count;                 /* 1 to GS_WANT_COUNT_MAX */
};

/* One way to serve an item: all of its wants. No wants: an item that needs no GPU. */
struct gs_alternative {
    const struct gs_want *wants;
    size_t n_wants;
};

struct gs_item {
    const char *name;        /* for people: of the first item of this kind; "" when it has none */
    uint64_t count;          /* items of this kind, 1 or more */
    uint64_t cpu_milli;      /* a thousandth of a core; 0: none asked for */
    uint64_t memory_bytes;   /* host memory */
    uint32_t gpu_memory_mib; /* each slice or GPU must have this much; 0: any. A profile whose
                                memory is not known is not used for an item that asks */
    const struct gs_alternative *alternatives; /* at least one */
    size_t n_alternatives;
    const struct gs_constraint *constraint; /* NULL: any node without taints */
    const char *bound_node; /* must stay on this node of the cluster (it runs there); NULL: free */
    bool spare;             /* capacity asked for beyond the items: named as such in the plan */
};

struct gs_demand;

/* An empty demand; all it keeps lives in the arena. NULL: no memory. */
struct gs_demand *gs_demand_new(struct gs_arena *arena);

/* Adds items: counts up an equal kind, or makes a new one from a deep copy of `item` (names of
 * models excepted, which are constant). Equal: everything but name and count. O(1) expected.
 * GS_INVALID: a bound of this header is broken (the text says which). GS_LIMIT: more kinds or
 * items than allowed. GS_NO_MEMORY. On failure the demand is as it was. */
int gs_demand_add(struct gs_demand *demand, const struct gs_item *item, struct gs_err *err);

/* The kinds, in the order of their first item. Valid until the next add. */
const struct gs_item *gs_demand_items(const struct gs_demand *demand, size_t *ret_count);

/* Items of all kinds together. */
uint64_t gs_demand_total(const struct gs_demand *demand);

/* A demand of at most `max_kinds` kinds that is no easier to serve: CPU and host memory are rounded
 * up, by as little as will do, so that more items are equal. *ret_percent is the most by which a
 * request may have grown (0: the demand had few enough kinds and is returned as it is).
 * GS_LIMIT: items differ in too many other ways. GS_NO_MEMORY. */
int gs_demand_coarsen(struct gs_arena *arena, const struct gs_demand *demand, size_t max_kinds,
                      const struct gs_demand **ret, unsigned *ret_percent, struct gs_err *err);
