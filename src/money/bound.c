/* The fewest GPUs that what is held could be on, and what they would cost. */
#include "base/arena.h"
#include "base/cleanup.h"
#include "core/pack.h"
#include "core/plan/plan.h"
#include "money/money.h"

#define WORK_BYTES_MAX ((size_t)256 << 20)

/* By the closed form, where all is of the five plain profiles of an A100. */
static bool by_form(const struct gs_money_kind *kind, uint64_t *ret_gpus)
{
    unsigned at[5];
    uint64_t counts[5];
    uint64_t plain = 0;
    uint64_t all = 0;
    if (kind->model == NULL || !kind->model->placements_known ||
        !gs_pack_has_closed_form(kind->model, at)) {
        return false;
    }
    for (unsigned i = 0; i < 5; i++) {
        counts[i] = kind->slices[at[i]];
        plain += counts[i];
    }
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        all += kind->slices[p];
    }
    const struct gs_pack_plain form = {counts[0], counts[1], counts[2], counts[3], counts[4]};
    *ret_gpus = gs_pack_closed_form(&form);
    return plain == all;
}

static int by_plan(struct gs_arena *arena, const struct gs_money_kind *kind, uint64_t *ret_gpus,
                   struct gs_err *err)
{
    struct gs_want wants[GS_PROFILES_MAX];
    struct gs_alternative ways[GS_PROFILES_MAX];
    struct gs_item items[GS_PROFILES_MAX];
    size_t n = 0;
    for (unsigned p = 0; p < kind->model->n_profiles; p++) {
        if (kind->slices[p] > 0) {
            wants[n] = (struct gs_want){
                .model = kind->model, .profile = kind->model->profiles[p].parts, .count = 1};
            ways[n] = (struct gs_alternative){.wants = &wants[n], .n_wants = 1};
            items[n] = (struct gs_item){.name = "",
                                        .count = kind->slices[p],
                                        .alternatives = &ways[n],
                                        .n_alternatives = 1};
            n++;
        }
    }
    const struct gs_plan_input input = {.goal = GS_PLAN_GPUS,
                                        .items = items,
                                        .n_items = n,
                                        .models = &kind->model,
                                        .n_models = 1,
                                        .quick = true};
    struct gs_plan plan = {.bound = 0};
    int r = n == 0 ? 0 : gs_plan_make(arena, &input, &plan, err);
    if (r == 0 && plan.n_unplaced > 0) {
        return gs_fail(err, GS_UNKNOWN, "slices of %s that do not fit onto one", kind->model->id);
    }
    *ret_gpus = (uint64_t)plan.bound;
    return r;
}

int gs_money_bound(const struct gs_money_sum *sum, uint64_t *ret_uusd_h, struct gs_err *err)
{
    uint64_t all = 0;
    for (unsigned i = 0; i < sum->n_kinds; i++) {
        const struct gs_money_kind *kind = &sum->kinds[i];
        GS_CLEANUP(gs_arena_done) struct gs_arena arena;
        uint64_t gpus = 0;
        int r = 0;
        gs_arena_init(&arena, &gs_alloc_heap, WORK_BYTES_MAX);
        if (kind->strange > 0) {
            return gs_fail(err, GS_UNKNOWN, "%s: slices of it are held whose profile is not known",
                           kind->model == NULL ? "a GPU that is not in the catalogue"
                                               : kind->model->id);
        }
        if (kind->model != NULL && !by_form(kind, &gpus)) {
            r = by_plan(&arena, kind, &gpus, err);
        }
        if (r != 0) {
            return r;
        }
        all += (gpus + kind->whole) * (gpus + kind->whole > 0 ? kind->cheapest_gpu : 0);
    }
    *ret_uusd_h = all;
    return 0;
}
