#include "money/shares.h"

int gs_shares_init(struct gs_shares *shares, struct gs_arena *arena, const struct gs_model *model,
                   struct gs_err *err)
{
    *shares = (struct gs_shares){.model = model};
    shares->whole = (uint32_t)(model->memory_units == 0 ? 1 : model->memory_units) *
                    (model->compute_slices == 0 ? 1 : model->compute_slices);
    for (unsigned p = 0; p < model->n_profiles; p++) {
        const struct gs_profile *profile = &model->profiles[p];
        uint32_t by_memory = (uint32_t)profile->memory_units * model->compute_slices;
        uint32_t by_compute = (uint32_t)profile->compute_slices *
                              (model->memory_units == 0 ? 1 : model->memory_units);
        shares->of_profile[p] = by_memory > by_compute ? by_memory : by_compute;
    }
    if (!model->placements_known) {
        return 0;
    }
    int r = gs_statetable_new(arena, model, GS_ALL_PROFILES, &shares->table, err);
    return r == GS_NO_MEMORY ? r : 0; /* without a table the room is what is left */
}

/* NULL: no memory. States with one placement more come later in the table, as their sets are larger
 * numbers. */
static const uint32_t *fill_best(const struct gs_shares *shares, struct gs_arena *arena)
{
    const struct gs_statetable *table = shares->table;
    uint32_t *best = GS_ARENA_NEW(arena, uint32_t, table->n_states);
    if (best == NULL) {
        return NULL;
    }
    for (unsigned s = table->n_states; s-- > 0;) {
        for (unsigned i = 0; i < table->n_placements; i++) {
            unsigned p = table->placements[i].profile;
            uint16_t next = table->next[s * table->n_placements + i];
            if (next != GS_STATE_NONE) {
                uint32_t with = shares->of_profile[p] + best[next];
                best[s] = with > best[s] ? with : best[s];
            }
        }
    }
    return best;
}

/* The state of what is taken; GS_STATE_NONE: it is not one of the model's. */
static uint16_t state_of(const struct gs_statetable *table, const struct gs_money_gpu *gpu)
{
    uint64_t set = 0;
    for (unsigned i = 0; i < gpu->n_slices; i++) {
        const struct gs_money_slice *slice = &gpu->slices[i];
        if (slice->use == GS_MONEY_FREE) {
            continue;
        }
        int at = slice->profile >= table->model->n_profiles
                     ? -1
                     : gs_statetable_placement(table, slice->profile, slice->start);
        if (at < 0) {
            return GS_STATE_NONE;
        }
        set |= UINT64_C(1) << at;
    }
    return gs_statetable_find(table, set);
}

int gs_shares_room(struct gs_shares *shares, struct gs_arena *arena, const struct gs_money_gpu *gpu,
                   uint32_t taken, uint32_t *ret, struct gs_err *err)
{
    uint16_t state = shares->table == NULL ? GS_STATE_NONE : state_of(shares->table, gpu);
    if (state == GS_STATE_NONE) {
        *ret = shares->whole > taken ? shares->whole - taken : 0;
        return 0;
    }
    if (shares->best == NULL && (shares->best = fill_best(shares, arena)) == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for what GPUs can be cut into");
    }
    *ret = shares->best[state];
    return 0;
}

uint16_t gs_shares_stranded(const struct gs_shares *shares, const struct gs_money_gpu *gpu)
{
    const struct gs_statetable *table = shares->table;
    uint16_t state = table == NULL ? GS_STATE_NONE : state_of(table, gpu);
    if (state == GS_STATE_NONE) {
        return 0;
    }
    uint32_t of_use = table->occupied[state];
    for (unsigned i = 0; i < table->n_placements; i++) {
        if (table->next[state * table->n_placements + i] != GS_STATE_NONE) {
            of_use |= table->placements[i].span;
        }
    }
    return (uint16_t)(((1u << table->model->memory_units) - 1u) & ~of_use);
}
