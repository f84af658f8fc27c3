/* transition: the steps from what a GPU is cut into to what it should be cut into.
 *
 * Slices in use never move and are never destroyed; each counts toward what is wanted. The answer
 * has the fewest steps (each destroy and each create is one), and with that the fewest destroys.
 * Of several final states with as many slices kept, the one that leaves the most placements
 * possible wins, then the lowest occupied units, then the lowest set: the rule of
 * gs_multiset.state. After every step the GPU is in a legal state. Steps come in this order: a
 * create as soon as its place is free, larger slices first; before it only the destroys that it
 * needs; destroys that no create needs come last. Why: docs/internals/transition.md. Pure. */
#pragma once

#include "core/layout.h"

enum { GS_STEPS_MAX = 2 * GS_MEMORY_UNITS_MAX };

enum gs_step_kind { GS_STEP_DESTROY, GS_STEP_CREATE };

/* "destroy", "create". */
const char *gs_step_word(enum gs_step_kind kind);

struct gs_step {
    enum gs_step_kind kind;
    struct gs_placement placement;
};

struct gs_transition {
    struct gs_step steps[GS_STEPS_MAX];
    unsigned n_steps;
    unsigned n_destroys;
    uint16_t from; /* states of the table */
    uint16_t to;
};

/* The states of a table by multiset, in the order in which a transition likes to end in them. */
struct gs_transition_index {
    const struct gs_statetable *table;
    const uint16_t *order;  /* all states */
    const uint16_t *firsts; /* a multiset m: order[firsts[m]] up to order[firsts[m + 1]] */
};

/* Makes the index into the arena: 2 bytes a state and 2 a multiset stay, 8 more a state are used
 * meanwhile. `table` must outlive it. GS_NO_MEMORY. */
int gs_transition_index_init(struct gs_arena *arena, const struct gs_statetable *table,
                             struct gs_transition_index *ret_index, struct gs_err *err);

/* The final state of the fewest steps from `from` to a state of `multiset` that has all placements
 * of `in_use` (a subset of those of `from`). GS_STATE_NONE: there is none, as slices in use stand
 * in the way. One pass over the states of the multiset; no allocation. */
uint16_t gs_transition_target(const struct gs_transition_index *index, uint16_t from,
                              uint64_t in_use, unsigned multiset);

/* The fewest slices of `in_use` without which some state of `multiset` would have all the rest; 0
 * when none stands in the way. Of several such sets, the one that goes with the state that comes
 * first in the index. */
uint64_t gs_transition_blockers(const struct gs_transition_index *index, uint64_t in_use,
                                unsigned multiset);

/* Writes the ordered steps between two states. No allocation. */
void gs_transition_steps(const struct gs_statetable *table, uint16_t from, uint16_t to,
                         struct gs_transition *ret_transition);

/* All of it from layouts. No allocation; on failure *ret_transition is untouched.
 * GS_BUSY: slices in use stand in the way; the text names the fewest that do.
 * GS_INFEASIBLE: what is wanted does not fit even on an empty GPU; the text says which limit.
 * GS_INVALID: a profile takes no part in the table. */
int gs_transition_plan(const struct gs_transition_index *index, const struct gs_layout *from,
                       const struct gs_layout_goal *goal, struct gs_transition *ret_transition,
                       struct gs_err *err);
