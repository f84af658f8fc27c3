/* sample: what is kept of one moment: numbers, and what everything costs, as src/history takes
 * them. Pure; memory from the heap. docs/internals/history.md has the series. */
#pragma once

#include "board/figures.h"
#include "history/history.h"

enum {
    GS_SAMPLE_NAMES_MAX = 1000, /* of one kind, the dearest; the others are one row */
    GS_SAMPLE_RECUTS_MAX = 1024 /* whose durations are remembered */
};
#define GS_SAMPLE_RECUTS_US (3600ull * 1000000) /* and for how long */

struct gs_sample_recut {
    uint64_t at_us; /* CLOCK_MONOTONIC */
    uint64_t lasted_us;
};

/* What has happened since the last sample. */
struct gs_sample_counts {
    uint64_t accepted; /* pods that got their slices at once */
    uint64_t delayed;  /* and those that had to wait for a re-cut, a move or a node */
    uint64_t recuts;
    uint64_t failed_recuts;
    uint64_t node_starts;
    uint64_t failed_node_starts;
};

struct gs_sample {
    struct gs_sample_counts counts;
    struct gs_sample_recut recuts[GS_SAMPLE_RECUTS_MAX]; /* a ring */
    unsigned n_recuts;
    unsigned next_recut;
    struct gs_history_value *values;
    size_t n_values;
    size_t cap_values;
    struct gs_history_cost *costs;
    size_t n_costs;
    size_t cap_costs;
    bool failed; /* no memory */
};

void gs_sample_done(struct gs_sample *sample);

void gs_sample_recut(struct gs_sample *sample, uint64_t now_us, uint64_t lasted_us);

/* Fills `values` and `costs`; those that are counted are all taken up, and stay in `counts` until
 * gs_sample_taken. The costs of each kind add up to the bill. GS_NO_MEMORY, GS_LIMIT. */
int gs_sample_make(struct gs_sample *sample, struct gs_board *board, uint64_t n_waiting,
                   uint64_t now_us, struct gs_err *err);

/* They were written. */
void gs_sample_taken(struct gs_sample *sample);

/* The series counts things: its steps are added up. */
bool gs_sample_is_count(const char *series);
