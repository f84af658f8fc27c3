/* agenda: what happens when: a queue of times that only go forward.
 *
 * A radix heap: an entry lies in the bucket of the highest bit in which its time differs from the
 * time that was taken last, and comes down bucket by bucket, so that memory is walked in order.
 * Entries are never looked for: one that no longer holds is left in and known by its time when it
 * comes up. docs/internals/simulate.md has the other queues tried. */
#pragma once

#include <stdint.h>

#include "base/arena.h"

#define GS_SIM_NEVER INT64_MAX
enum { GS_SIM_AGENDA_BUCKETS = 64, GS_SIM_AGENDA_CHUNK = 63 };

struct gs_sim_entry {
    int64_t at;   /* 0 to GS_SIM_NEVER - 1 */
    uint32_t who; /* of equal times the lower goes first */
};

struct gs_sim_chunk;

/* All zero: empty, at time 0. */
struct gs_sim_agenda {
    struct gs_sim_entry *now; /* those at `last`, the highest `who` first */
    size_t n_now;
    size_t cap_now;
    int64_t last;                                        /* the time that was taken last */
    struct gs_sim_chunk *buckets[GS_SIM_AGENDA_BUCKETS]; /* [b]: the highest bit that differs */
    int64_t least[GS_SIM_AGENDA_BUCKETS];                /* of a bucket that is not empty */
    uint64_t filled;                                     /* bit b: bucket b is not empty */
    struct gs_sim_chunk *spare;
    size_t n; /* entries in all */
};

/* `entry.at` must not be before the time that was taken last. False: no memory. */
bool gs_sim_agenda_add(struct gs_sim_agenda *agenda, struct gs_arena *arena,
                       struct gs_sim_entry entry);

/* The time of the first entry; GS_SIM_NEVER: there is none. */
static inline int64_t gs_sim_agenda_at(const struct gs_sim_agenda *agenda)
{
    return agenda->n_now > 0     ? agenda->last
           : agenda->filled != 0 ? agenda->least[__builtin_ctzll(agenda->filled)]
                                 : GS_SIM_NEVER;
}

/* Takes the first entry if its time is `at`, which must not be later than any other's, and its
 * `who` is below `below`: 1. 0: it is not so. GS_NO_MEMORY, without a text: the agenda is of no
 * more use. */
int gs_sim_agenda_take(struct gs_sim_agenda *agenda, struct gs_arena *arena, int64_t at,
                       uint32_t below, struct gs_sim_entry *ret);

/* Drops every entry for which `keep` says no; it may change `who`, but not the order of two. */
void gs_sim_agenda_sift(struct gs_sim_agenda *agenda,
                        bool (*keep)(void *ctx, struct gs_sim_entry *entry), void *ctx);
