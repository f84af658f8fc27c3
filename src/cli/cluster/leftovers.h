/* leftovers: what of gpuslice is in a cluster beside its programs, taken out piece by piece.
 *
 * Each function looks for one kind of thing, removes it (or only names it in a dry run) and writes
 * a line a thing. What cannot be removed is said, and the rest goes on. They return a code only
 * where going on makes no sense: nobody answers, or there is no memory. */
#pragma once

#include "base/buf.h"
#include "cli/cluster/link.h"

struct gs_leftovers {
    struct gs_link *link;
    const char *name_space; /* of the controller */
    bool dry_run;
    uint64_t wait_s;
    struct gs_buf out;
    size_t n;             /* things */
    struct gs_err failed; /* the first that could not be removed */
};

/* A line: "<kind> <name>: <done>", or why not. */
void gs_leftovers_say(struct gs_leftovers *left, const char *kind, const char *name,
                      const char *done, const struct gs_err *why);

int gs_leftovers_webhook(struct gs_leftovers *left, struct gs_err *err);

/* SlicePools; then waits for the NodePools and NodeOverlays that were made of them. */
int gs_leftovers_pools(struct gs_leftovers *left, struct gs_err *err);

/* Scaled to none; waits until its pods are gone. */
int gs_leftovers_controller(struct gs_leftovers *left, struct gs_err *err);

/* Bookings: our annotation, and the nomination of pods that are not bound. */
int gs_leftovers_pods(struct gs_leftovers *left, struct gs_err *err);

/* Our annotations and startup taint. */
int gs_leftovers_nodes(struct gs_leftovers *left, struct gs_err *err);
