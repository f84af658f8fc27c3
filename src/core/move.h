/* move: the smallest slice whose move elsewhere makes room for a request that found none.
 *
 * Make before break: the slice's new place is taken while it still sits at the old one, then the
 * old one is given up, then the request goes in. The new place may be on another GPU or on the
 * same one. Found over the buckets of gs_online and not over its GPUs. Pure; nothing is changed
 * until gs_move_apply. docs/internals/online.md. */
#pragma once

#include "core/online.h"

struct gs_move {
    struct gs_slot victim;  /* the slice that moves */
    struct gs_slot target;  /* its new place, same profile */
    struct gs_slot request; /* what becomes possible then; on the victim's GPU */
};

/* Which slices may move. `may_move` is asked about slots of available GPUs. */
struct gs_movable {
    bool (*may_move)(const void *ctx, struct gs_slot victim);
    const void *ctx;
};

struct gs_move_table;

/* Every (state, slice) whose removal makes room for a profile, worked out beforehand (32 KB
 * for an A100-class GPU with the five plain profiles, 256 KB with all). Shared as `decisions`,
 * which must outlive it. GS_NO_MEMORY. */
int gs_move_table_new(struct gs_arena *arena, const struct gs_policy_table *decisions,
                      const struct gs_move_table **ret_table, struct gs_err *err);

/* Finds a move for `profile`, for which gs_online_find said GS_NOT_FOUND. Of all possible victims
 * one with the fewest compute slices; among those the one that costs the policy least: both
 * slices' new costs less what the victim's old place would cost now. Then: moves to another GPU
 * before moves on the same one, lower profile, lower state, lower placement of the victim.
 * `movable` NULL: every slice may move. With it, GPUs of a bucket are asked about one by one until
 * one may.
 * `online` must be of the decisions that the table was made from.
 * GS_NOT_FOUND: no single move makes room. */
int gs_move_find(const struct gs_move_table *table, const struct gs_online *online,
                 unsigned profile, const struct gs_movable *movable, struct gs_move *ret_move);

/* Makes the move and places the request. The move must come from gs_move_find on this fleet as it
 * is now; otherwise GS_BUSY or GS_NOT_FOUND, and nothing is changed. */
int gs_move_apply(struct gs_online *online, const struct gs_move *move, struct gs_err *err);
