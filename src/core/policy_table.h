/* policy_table: all decisions of a policy for a model, worked out beforehand.
 *
 * Constant once made; any number of fleets of that model may share one. */
#pragma once

#include "core/policy.h"

#define GS_PLACEMENT_NONE UINT8_MAX

struct gs_policy_table {
    const struct gs_policy *policy;
    const struct gs_statetable *states;
    unsigned n_profiles;   /* of the model; the row length below */
    const uint8_t *best;   /* [state * n_profiles + p]: where p goes, GS_PLACEMENT_NONE: no room */
    const int32_t *cost;   /* [state * n_profiles + p]: what that costs; INT32_MAX: no room */
    const uint16_t *rank;  /* [state * n_profiles + p]: place of the state among those for p, 0 the
                              cheapest; GS_STATE_NONE: no room */
    const uint16_t *order; /* [p * n_states + rank]: the state of that rank */
    const uint16_t *fits;  /* a state: bit p = p has room */
    const uint8_t *tier;   /* a state: its tier (policy.h) */
    unsigned n_tiers;      /* all are below */
};

/* GS_NO_MEMORY. The tables take about 9 bytes a state and profile of the
 * model (18 KB for an A100-class GPU with the five plain profiles, 142 KB with all). `states` and
 * `policy` must outlive the result. */
int gs_policy_table_new(struct gs_arena *arena, const struct gs_statetable *states,
                        const struct gs_policy *policy, const struct gs_policy_table **ret_table,
                        struct gs_err *err);

/* Whether the profile takes part (gs_statetable.profiles). */
static inline bool gs_policy_table_has(const struct gs_policy_table *table, unsigned profile)
{
    return profile < table->n_profiles && (table->states->profiles >> profile & 1u) != 0;
}
