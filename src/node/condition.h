/* condition: what is not as it should be on this node, for people and for the API.
 *
 * Each is a code with one sentence. Parts of node/ return lists of them; the agent keeps them by
 * code and subject, logs each change once, and shows them in /metrics and /debug/state. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

enum gs_condition_code {
    GS_COND_SINGLE_MIXED_PROFILES, /* strategy single: slices of more than one kind */
    GS_COND_SINGLE_MIXED_MODE,     /* strategy single: GPUs with MIG on and off */
    GS_COND_SINGLE_EMPTY_GPU,      /* strategy single: a GPU with MIG on and no slice */
    GS_COND_COMPUTE_INSTANCES,     /* slices that share a GPU instance are offered (1c.2g.10gb) */
    GS_COND_NAME_TOO_LONG,         /* a resource name of more than 63 characters: not offered */
    GS_COND_GPU_LOST,
    GS_COND_MODE_PENDING, /* MIG mode waits for a reset */
    GS_COND_SLICE_SICK,
    GS_COND_DEVICE_NODES_UNKNOWN, /* the driver lists no cap minors for a slice */
    GS_COND_SHARED_UNUSED,        /* sharing names a resource that is not there */
    GS_COND_UNREADABLE, /* a source of holders could not be read: all it could name is busy */
    GS_CONDITIONS
};

struct gs_condition {
    enum gs_condition_code code;
    const char *subject; /* resource, GPU or slice; "": the node */
    const char *text;    /* one sentence: what was found, what was expected, what to do */
};

struct gs_conditions {
    unsigned n;
    size_t cap;
    struct gs_condition *at;
};

/* "SingleMixedProfiles": as the API and metrics name it. */
const char *gs_condition_name(enum gs_condition_code code);

/* Puts one more at the end; copies the texts. GS_NO_MEMORY. */
int gs_conditions_add(struct gs_conditions *list, struct gs_arena *arena,
                      enum gs_condition_code code, const char *subject, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
