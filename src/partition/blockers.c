/* gs_fit_blockers: what stands in the way, where no final state keeps all that is in use. */
#include <limits.h>

#include "partition/fit_work.h"

/* The compute instances of a busy GI that are in the way of the wanted one that it comes nearest
 * to; 0: of one at least none is. */
static unsigned torn_cis(const struct gs_fit *fit, const struct gs_geometry_goal *goal, unsigned i)
{
    struct gs_inside inside;
    unsigned busy = fit->cut->busy->cis[i];
    unsigned fewest = busy;
    gs_inside_of(fit->cut, fit->table->placements[fit->placement[i]].profile, &inside);
    for (unsigned b = 0; b < goal->n && fewest != 0; b++) {
        unsigned these =
            fit->pairs[i][b].of_a_kind
                ? gs_inside_blockers(&inside, &fit->cut->instances->at[i], busy, &goal->gis[b])
                : busy;
        fewest = __builtin_popcount(these) < __builtin_popcount(fewest) ? these : fewest;
    }
    return fewest;
}

static void block(struct gs_geometry_blockers *blockers, unsigned i, unsigned cis)
{
    blockers->busy = (uint16_t)(blockers->busy | 1u << i);
    blockers->cis[i] = (uint16_t)(blockers->cis[i] | cis);
}

/* Busy instances that a state keeps and that would have to lose a busy compute instance: those that
 * no wanted one can be made of, else all of the profile. */
static void add_torn(const struct gs_fit *fit, const struct gs_geometry_goal *goal, uint16_t state,
                     struct gs_geometry_blockers *blockers)
{
    for (unsigned p = 0; p < fit->table->model->n_profiles; p++) {
        int8_t becomes[GS_GPU_INSTANCES_MAX];
        if (gs_fit_assign(fit, goal, state, p, becomes) != GS_FIT_NEVER) {
            continue;
        }
        uint8_t list[GS_GPU_INSTANCES_MAX];
        unsigned n = gs_fit_kept(fit, state, p, list);
        bool found = false;
        for (unsigned e = 0; e < n; e++) {
            unsigned cis = torn_cis(fit, goal, list[e]);
            if (cis != 0) {
                block(blockers, list[e], cis);
                found = true;
            }
        }
        for (unsigned e = 0; e < n && !found; e++) {
            if ((fit->cut->busy->gis >> list[e] & 1u) != 0) {
                block(blockers, list[e], fit->cut->busy->cis[list[e]]);
            }
        }
    }
}

static struct gs_geometry_blockers blockers_of(const struct gs_fit *fit,
                                               const struct gs_geometry_goal *goal, uint16_t state)
{
    struct gs_geometry_blockers blockers = {0};
    add_torn(fit, goal, state, &blockers);
    for (unsigned i = 0; i < fit->cut->instances->n; i++) {
        uint16_t bit = (uint16_t)(1u << i);
        if (fit->placement[i] < 0) {
            bool covers =
                (gs_fit_units(&fit->cut->instances->at[i]) & fit->table->occupied[state]) != 0;
            blockers.foreign = (uint16_t)(blockers.foreign | (covers ? bit : 0u));
        } else if ((fit->cut->busy->gis & bit) != 0 &&
                   (fit->table->sets[state] >> fit->placement[i] & 1u) == 0) {
            block(&blockers, i, fit->cut->busy->cis[i]);
        }
    }
    return blockers;
}

void gs_fit_blockers(const struct gs_fit *fit, const struct gs_geometry_goal *goal,
                     struct gs_geometry_blockers *ret_blockers)
{
    uint16_t one;
    const uint16_t *states;
    unsigned n;
    gs_fit_candidates(fit, goal, &one, &states, &n);
    int fewest = INT_MAX;
    *ret_blockers = (struct gs_geometry_blockers){0};
    for (unsigned k = 0; k < n; k++) {
        struct gs_geometry_blockers blockers = blockers_of(fit, goal, states[k]);
        int many = __builtin_popcount(blockers.busy) + __builtin_popcount(blockers.foreign);
        if (many < fewest) {
            fewest = many;
            *ret_blockers = blockers;
        }
    }
}
