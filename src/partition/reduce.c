/* gs_change_reduce: the part of a goal that can be had beside what is in use. */
#include <assert.h>

#include "partition/change.h"
#include "partition/fit.h"

/* What is left of a goal when busy instances are given what they match, or stay as they are. */
struct part {
    const struct gs_geometry *cut;
    const struct gs_geometry_goal *goal;
    struct gs_geometry_goal base; /* busy ones: wanted, or as they are */
    uint32_t served;              /* of the goal, by busy ones */
};

static struct gs_geometry_gi as_it_is(const struct gs_fit *fit, unsigned i)
{
    const struct gs_placement *place = &fit->table->placements[fit->placement[i]];
    const struct gs_gpu_instance *gi = &fit->cut->instances->at[i];
    struct gs_geometry_gi same = {.profile = place->profile, .start = place->start};
    for (unsigned j = 0; j < gi->n_compute; j++) {
        same.cis[same.n_cis++] = (struct gs_geometry_ci){
            .slices = (uint8_t)gs_geometry_slices_of(&gi->compute[j]),
            .exact = true,
            .profile = gi->compute[j].profile,
        };
    }
    return same;
}

static int best_wish(const struct gs_fit *fit, const struct part *part, unsigned i)
{
    int best = -1;
    for (unsigned b = 0; b < part->goal->n; b++) {
        const struct gs_fit_pair *pair = &fit->pairs[i][b];
        if ((part->served >> b & 1u) == 0 && pair->possible &&
            (best < 0 || pair->n_kept > fit->pairs[i][best].n_kept)) {
            best = (int)b;
        }
    }
    return best;
}

static void keep_busy(const struct gs_fit *fit, struct part *part)
{
    part->base.placed = part->goal->placed;
    for (unsigned i = 0; i < part->cut->instances->n; i++) {
        if ((part->cut->busy->gis >> i & 1u) == 0 || fit->placement[i] < 0) {
            continue;
        }
        int b = best_wish(fit, part, i);
        part->served |= b < 0 ? 0u : 1u << b;
        assert(part->base.n < GS_MEMORY_UNITS_MAX);
        part->base.gis[part->base.n++] = b < 0 ? as_it_is(fit, i) : part->goal->gis[b];
    }
}

/* The goal with these of the wanted GIs; false: more than can be said. */
static bool with_these(const struct part *part, uint32_t these, struct gs_geometry_goal *ret,
                       unsigned *ret_units)
{
    *ret = part->base;
    *ret_units = 0;
    for (unsigned b = 0; b < part->goal->n; b++) {
        if ((these >> b & 1u) != 0) {
            if (ret->n == GS_MEMORY_UNITS_MAX) {
                return false;
            }
            const struct gs_geometry_gi *want = &part->goal->gis[b];
            *ret_units += part->cut->index->table->model->profiles[want->profile].memory_units;
            ret->gis[ret->n++] = *want;
        }
    }
    return true;
}

static bool can_be(const struct gs_geometry *cut, const struct gs_geometry_goal *goal)
{
    struct gs_fit fit;
    struct gs_fit_target target;
    gs_fit_init(&fit, cut, goal, false);
    return gs_fit_check(&fit, goal, NULL) == 0 && gs_fit_find(&fit, goal, &target);
}

/* The best choice of `many` of the wanted GIs that are still open. 0: none (never a choice). */
static uint32_t best_choice(const struct part *part, unsigned many)
{
    uint32_t best = 0;
    unsigned best_units = 0;
    for (uint32_t these = 1; these < 1u << part->goal->n; these++) {
        struct gs_geometry_goal goal;
        unsigned units;
        if ((these & part->served) == 0 && (unsigned)__builtin_popcount(these) == many &&
            with_these(part, these, &goal, &units) && units > best_units &&
            can_be(part->cut, &goal)) {
            best = these;
            best_units = units;
        }
    }
    return best;
}

/* Adds to the goal what is idle, would go, and hinders nothing that is made: to remove it gains
 * nothing now. */
static void keep_idle(const struct gs_geometry *cut, struct gs_geometry_goal *goal)
{
    for (unsigned i = 0; i < cut->instances->n && goal->n < GS_MEMORY_UNITS_MAX; i++) {
        struct gs_fit fit;
        struct gs_fit_target before;
        struct gs_fit_target after;
        gs_fit_init(&fit, cut, goal, false);
        if (fit.placement[i] < 0 || gs_fit_check(&fit, goal, NULL) < 0 ||
            !gs_fit_find(&fit, goal, &before) || before.wanted[i] >= 0) {
            continue;
        }
        struct gs_geometry_goal more = *goal;
        more.gis[more.n++] = as_it_is(&fit, i);
        gs_fit_init(&fit, cut, &more, false);
        if (gs_fit_check(&fit, &more, NULL) == 0 && gs_fit_find(&fit, &more, &after) &&
            after.wanted[i] >= 0 &&
            after.n_kept >= before.n_kept + (int)cut->instances->at[i].n_compute) {
            *goal = more;
        }
    }
}

int gs_change_reduce(const struct gs_geometry *cut, const struct gs_geometry_goal *goal,
                     struct gs_geometry_goal *ret_goal, struct gs_geometry_goal *ret_left,
                     struct gs_err *err)
{
    struct gs_fit fit;
    gs_fit_init(&fit, cut, goal, false);
    int r = gs_fit_check(&fit, goal, err);
    if (r < 0) {
        return r;
    }
    struct part part = {.cut = cut, .goal = goal};
    keep_busy(&fit, &part);
    uint32_t these = 0;
    unsigned open = goal->n - (unsigned)__builtin_popcount(part.served);
    for (unsigned many = open; many > 0 && these == 0; many--) {
        these = best_choice(&part, many);
    }
    unsigned units;
    with_these(&part, these, ret_goal, &units);
    struct gs_geometry_goal left = {.placed = goal->placed};
    for (unsigned b = 0; b < goal->n; b++) {
        if (((these | part.served) >> b & 1u) == 0) {
            left.gis[left.n++] = goal->gis[b];
        }
    }
    *ret_left = left;
    keep_idle(cut, ret_goal);
    return 0;
}
