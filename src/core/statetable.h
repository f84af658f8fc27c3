/* statetable: every legal way to cut one GPU, as a table.
 *
 * A *state* is a set of placements that fit together on one GPU; state 0 is the empty GPU. The
 * table holds all of them for a model and a choice of its profiles, with the state that each
 * placement leads to and comes from, so that every question about one GPU is a look-up. It is
 * built from placements (catalogue, or NVML on a live node), never from lists of geometries.
 *
 * Two states with the same number of each profile are of one *multiset*. A multiset is maximal
 * when no other contains it; a state is position-maximal when nothing can be added to it.
 *
 * Known sizes (mig-hardware.md 1.4, and tests): 298 states, 38 multisets, 12 maximal for the five
 * plain profiles of A100-class GPUs; 723 / 78 / 28 with the double-memory 1g; 2319 / 128 / 44 with
 * the media variant too. */
#pragma once

#include "base/arena.h"
#include "core/model.h"

#define GS_STATE_NONE UINT16_MAX
enum { GS_STATES_MAX = 60000 };

/* One profile at one start. */
struct gs_placement {
    uint8_t profile; /* index into the model's profiles */
    uint8_t start;   /* memory unit */
    uint16_t span;   /* the memory units it takes */
};

struct gs_multiset {
    uint8_t counts[GS_PROFILES_MAX]; /* instances of each profile of the model */
    uint16_t state;                  /* the state to cut for it: see gs_statetable_new */
    bool maximal;
};

struct gs_statetable {
    const struct gs_model *model;
    uint32_t profiles;     /* bit p: profile p takes part */
    unsigned n_placements; /* GS_PLACEMENTS_MAX at most; ordered by profile, then start */
    unsigned n_states;
    unsigned n_multisets;
    struct gs_placement placements[GS_PLACEMENTS_MAX];
    const uint64_t *sets;     /* a state: bit i = placement i is there; ascending */
    const uint16_t *occupied; /* a state: its memory units */
    const uint16_t *next;     /* [state * n_placements + i]: with placement i added, or NONE */
    const uint16_t *prev;     /* [state * n_placements + i]: with placement i removed, or NONE */
    const uint16_t *multiset; /* a state: index of its multiset */
    const struct gs_multiset *multisets; /* ordered by counts; 0 is the empty one */
};

/* All profiles of the model, for the `profiles` argument. */
#define GS_ALL_PROFILES UINT32_MAX

/* Builds the table into the arena (about 150 KB for an A100 with all profiles).
 * Of the states of one multiset, gs_multiset.state is the one that leaves the most placements
 * possible, then the one with the lowest occupied units, then the lowest set: a 3g goes to
 * start 4 and keeps 0..3 for a 4g.
 * GS_UNKNOWN: the model's placements are not known. GS_LIMIT: more than GS_STATES_MAX states.
 * GS_NO_MEMORY. */
int gs_statetable_new(struct gs_arena *arena, const struct gs_model *model, uint32_t profiles,
                      const struct gs_statetable **ret_table, struct gs_err *err);

/* The state that is this set of placements; GS_STATE_NONE when they do not fit together. */
uint16_t gs_statetable_find(const struct gs_statetable *table, uint64_t set);

/* Index of the placement of `profile` at `start`, or -1: not allowed there or not in the table. */
int gs_statetable_placement(const struct gs_statetable *table, unsigned profile, unsigned start);

/* Index of the multiset with these counts, or -1: they do not fit on one GPU. */
int gs_statetable_multiset(const struct gs_statetable *table, const uint8_t *counts);

/* True when no placement can be added. */
bool gs_statetable_is_full(const struct gs_statetable *table, uint16_t state);

/* How many placements could still be added, one at a time. */
unsigned gs_statetable_freedom(const struct gs_statetable *table, uint16_t state);
