/* kind: one model of GPU as decisions need it: its tables, and what each cut of a GPU has to say to
 * one more slice. Private to decide.
 *
 * A GPU is two sets of placements of the model's state table: what is fixed and what is idle. How
 * many idle slices a profile would cost there is worked out once and remembered, as a cluster has
 * many GPUs and few ways to be cut. */
#pragma once

#include "decide/decide.h"

enum { GS_KINDS_OF_GPU_MAX = 64, GS_KIND_ROWS = 8192 /* a power of two */ };

#define GS_BID_NONE UINT8_MAX

/* A GPU as placements of the table. */
struct gs_kind_cut {
    uint64_t fixed;
    uint64_t idle;
};

/* The bids of one GPU; `most` of gs_decide_bid is here of that GPU. */
struct gs_kind_row {
    struct gs_kind_cut cut;
    bool used;
    struct gs_decide_bid bids[GS_PROFILES_MAX];
};

struct gs_kind {
    const struct gs_model *model;
    const struct gs_statetable *states; /* NULL: its placements are not known, it is never cut */
    const struct gs_policy_table *policy;
    uint8_t index[GS_PROFILES_MAX][GS_MEMORY_UNITS_MAX]; /* of a placement; GS_PLACEMENT_NONE */
    uint8_t by_size[GS_PROFILES_MAX];                    /* profiles, largest first */
    struct gs_kind_row *rows;                            /* GS_KIND_ROWS, by hash */
};

struct gs_decider {
    struct gs_arena *arena;
    struct gs_kind kinds[GS_KINDS_OF_GPU_MAX];
    unsigned n_kinds;
    struct gs_kind *last;
};

/* The model's tables, made when first asked for. GS_NO_MEMORY; GS_LIMIT: too many models. */
int gs_kind_of(struct gs_decider *decider, const struct gs_model *model, struct gs_kind **ret,
               struct gs_err *err);

/* The GPU as sets. False: it cannot be cut (whole, no model, slices that the table does not have),
 * or has more slices than there may be. Whether it is open is not asked. */
bool gs_kind_cut_of(const struct gs_kind *kind, const struct gs_decide_gpu *gpu,
                    struct gs_kind_cut *ret);

/* Which of `idle` have to go so that `must` (placements that fit together, fixed ones among them)
 * leaves room for the rest: those that can never stay. The rest may still be too many. */
uint64_t gs_kind_forced(const struct gs_kind *kind, uint64_t must, uint64_t idle);

/* The fewest of `fixed` without which the profile would have room; 0: no such set, or it has. */
uint64_t gs_kind_in_the_way(const struct gs_kind *kind, uint64_t fixed, unsigned profile);

/* The bids of a GPU that is cut so; valid until the next call. */
const struct gs_kind_row *gs_kind_row(struct gs_kind *kind, struct gs_kind_cut cut);

/* All sets of `size` bits out of `from` (of GS_MEMORY_UNITS_MAX bits at most), one after the other;
 * *mask is 0 at first. False: there is none, or no more. */
bool gs_kind_choose(uint64_t from, unsigned size, uint32_t *mask, uint64_t *ret_bits);
