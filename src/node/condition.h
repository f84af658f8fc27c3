/* condition: what is not as it should be on this node, for people and for the API.
 *
 * Each is a code with one sentence. Parts of node/ return lists of them; the agent keeps them by
 * code and subject, logs each change once, and shows them in /metrics and /debug/state. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

enum gs_condition_code {
    GS_COND_SINGLE_MIXED,         /* strategy single: devices of more than one kind */
    GS_COND_SINGLE_EMPTY_GPU,     /* strategy single: a GPU with MIG on and no slice */
    GS_COND_NAME_TOO_LONG,        /* a resource name of more than 63 characters: not offered */
    GS_COND_TOO_MANY_DEVICES,     /* more replicas than a list may have: fewer are offered */
    GS_COND_GPU_LOST,             /* it fell off the bus, or the driver is gone */
    GS_COND_MODE_PENDING,         /* a MIG mode that waits for a reset */
    GS_COND_DEVICE_NODES_UNKNOWN, /* the driver lists no cap minors for a slice */
    GS_COND_DEVICE_SICK,          /* an event of the driver made it unhealthy */
    GS_COND_HOLDERS_UNREADABLE,   /* who holds what could not be read: busy */
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
