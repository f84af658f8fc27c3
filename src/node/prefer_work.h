/* prefer_work: a choice while it is made. For prefer*.c alone. */
#pragma once

#include "node/prefer.h"

/* Replicas are told apart: entry device * replicas + replica of the arrays below. */
struct gs_prefer_work {
    struct gs_arena *arena;
    const struct gs_prefer *with;
    unsigned need;          /* to be chosen beside those that are required */
    const char **available; /* the kubelet's text of what may be chosen; NULL: not free */
    bool *required;
    const char **ids; /* what is chosen: the required ones, then those that are added here */
    unsigned n_ids;
    struct gs_err *err;
};

int gs_prefer_no_memory(const struct gs_prefer_work *work);

/* Takes a replica of a device (0 where it is not shared), which is available. */
void gs_prefer_take(struct gs_prefer_work *work, unsigned device, unsigned replica);

/* prefer_slices.c, prefer_whole.c: choose work->need of what is available. */
int gs_prefer_slices(struct gs_prefer_work *work);
int gs_prefer_whole(struct gs_prefer_work *work);
int gs_prefer_replicas(struct gs_prefer_work *work);
