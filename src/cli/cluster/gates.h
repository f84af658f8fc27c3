/* gates: our scheduling gate is taken off pods.
 *
 * Each pod is one JSON patch that removes our gate if it still stands where it was seen; other
 * gates and everything else of the pod stay. What changed meanwhile is read anew and tried again.
 */
#pragma once

#include "base/arena.h"
#include "cli/cluster/link.h"

struct gs_gates;

struct gs_gates_pod {
    struct gs_gates *of;
    const char *name_space;
    const char *name;
    size_t at;  /* our gate, in its list */
    bool gated; /* it has our gate */
    bool gone;  /* it was gone, or another was faster */
    bool lifted;
    unsigned tries;
    struct gs_err err; /* it could not be lifted */
    struct gs_link_request request;
    char path[600];
};

struct gs_gates {
    struct gs_link *link;
    struct gs_arena arena; /* of what follows */
    struct gs_gates_pod **pods;
    size_t n;
    size_t cap;
    size_t read; /* pods that were looked at */
    size_t ended;
    void (*progress)(const struct gs_gates *gates); /* one more has ended; may be NULL */
};

void gs_gates_init(struct gs_gates *gates, struct gs_link *link);
void gs_gates_done(struct gs_gates *gates);

/* Finds gated pods: all of a namespace ("": of the cluster). The codes of a list. */
int gs_gates_find(struct gs_gates *gates, const char *name_space, struct gs_err *err);

/* Adds one pod, gated or not. GS_INVALID: no name; GS_NOT_FOUND: there is none; codes of a GET. */
int gs_gates_add(struct gs_gates *gates, const char *name_space, const char *name,
                 struct gs_err *err);

/* Lifts the gate of each pod that has it, some at a time; what became of each is said in it.
 * GS_IO: the loop broke. */
int gs_gates_lift(struct gs_gates *gates, struct gs_err *err);
