/* recut_guard: what a re-cut knows that the driver does not, and how slices are taken out of the
 * kubelet's hands. Private to recut.c. On the worker's thread. */
#pragma once

#include "agent/recut.h"

struct gs_recut_guard {
    struct gs_recut *recut;
    struct gs_arena arena; /* of one round of readings */
    struct gs_box *box;    /* whose slices are asked about */
    struct gs_offer offer;
    struct gs_holding holding;
    bool *reserved;   /* a slice of the box: for a pod that is on its way here */
    uint32_t marked;  /* bit k: GPU k has been in this round */
    bool began;       /* there is a round */
    bool lowered;     /* to be restored */
    uint32_t changed; /* bit k: a slice of GPU k was made or destroyed, and was not read since */
    bool done_any;    /* some slice was made or destroyed */
};

void gs_recut_guard_init(struct gs_recut_guard *state, struct gs_recut *recut,
                         struct gs_guard *ret_guard);

/* What was lowered and not destroyed is offered again. After the last snapshot was offered. */
void gs_recut_guard_done(struct gs_recut_guard *state);
