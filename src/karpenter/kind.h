/* kind: a kind of node that a SlicePool may have: an instance type with one layout.
 *
 * Each becomes a NodePool and a NodeOverlay of Karpenter's (objects.h). A layout that has a name
 * that every node understands (`all-1g.5gb`, `all-disabled`) goes by it, others are spelled
 * (core/spell.h). Pure; no allocation. docs/internals/karpenter.md. */
#pragma once

#include "core/demand.h"
#include "core/offer.h"
#include "core/spell.h"

enum { GS_KARPENTER_NAME_MAX = 63 };

#define GS_KARPENTER_LAYOUT_LABEL "nvidia.com/mig.config"
#define GS_KARPENTER_POOL_LABEL "gpuslice.dev/slicepool"
#define GS_KARPENTER_STARTUP_TAINT "gpuslice.dev/startup"

struct gs_karpenter_kind {
    const struct gs_offer *offer;         /* the instance type */
    char layout[GS_SPELL_MAX + 1];        /* the label's value */
    uint32_t slices[GS_PROFILES_MAX];     /* of a node, of each profile of the offer's model */
    uint32_t whole;                       /* GPUs of a node that are left uncut */
    char name[GS_KARPENTER_NAME_MAX + 1]; /* of the NodePool and NodeOverlay */
};

/* The kind with this layout, as a label says it. GS_INVALID: it is none of the instance type (not
 * understood, other GPUs, slices that do not fit); the text says which. */
int gs_karpenter_kind_read(const char *slicepool, const struct gs_offer *offer,
                           struct gs_view layout, struct gs_karpenter_kind *ret,
                           struct gs_err *err);

/* The same from what is wanted of its GPUs. `spell`: GPUs in all as the offer has. GS_LIMIT: it
 * cannot be said in a label. */
int gs_karpenter_kind_of(const char *slicepool, const struct gs_offer *offer,
                         const struct gs_spell *spell, struct gs_karpenter_kind *ret,
                         struct gs_err *err);

/* Every GPU cut into one profile as often as it fits; profile -1: all whole. GS_INFEASIBLE: the
 * GPUs cannot be cut so. */
int gs_karpenter_kind_all(const char *slicepool, const struct gs_offer *offer, int profile,
                          struct gs_karpenter_kind *ret, struct gs_err *err);

/* Whether a node has room for all of the wants; and for how many such items, by slices, CPU and
 * memory. */
uint32_t gs_karpenter_kind_holds(const struct gs_karpenter_kind *kind, const struct gs_item *item);

/* Which is taken first where several hold a pod: those that offer fewer different things, then
 * the cheaper a GPU, then by name. For qsort. */
int gs_karpenter_kind_order(const struct gs_karpenter_kind *a, const struct gs_karpenter_kind *b);
