/* shares: how much of a GPU a slice is, and how much of the rest could still be cut. Of src/money
 * only. */
#pragma once

#include "base/arena.h"
#include "core/statetable.h"
#include "money/money.h"

struct gs_shares {
    const struct gs_model *model;
    uint32_t whole;                       /* shares of a GPU: memory units times compute slices */
    uint32_t of_profile[GS_PROFILES_MAX]; /* 0: its size is not known */
    const struct gs_statetable *table;    /* NULL: placements are not known */
    const uint32_t *best; /* a state: the most that can be added to it; NULL: not worked out yet */
};

/* GS_NO_MEMORY. */
int gs_shares_init(struct gs_shares *shares, struct gs_arena *arena, const struct gs_model *model,
                   struct gs_err *err);

/* Shares that could be cut beside what is taken (slices that are held or sick). Where that cannot
 * be told, what is left: `whole` less `taken`. GS_NO_MEMORY. */
int gs_shares_room(struct gs_shares *shares, struct gs_arena *arena, const struct gs_money_gpu *gpu,
                   uint32_t taken, uint32_t *ret, struct gs_err *err);

/* Memory units that are not taken and that no placement reaches; 0 where that cannot be told. */
uint16_t gs_shares_stranded(const struct gs_shares *shares, const struct gs_money_gpu *gpu);
