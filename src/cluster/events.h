/* events: what happened to a node, told to people, not too often.
 *
 * The same event (reason, action, note) again within six minutes is counted, not posted again: its
 * object is brought up to date at most once a minute (a series of events.k8s.io/v1). Ten new ones
 * may come at once, then ten a minute; what is too much, or fails, is dropped and counted. Nobody
 * waits for events. */
#pragma once

#include <systemd/sd-event.h>

#include "cluster/cluster.h"

struct gs_events;

struct gs_events_options {
    sd_event *event;
    struct gs_cluster cluster; /* outlives the events */
    const char *node;
    const char *controller; /* "gpuslice.dev/agent" */
    const char *instance;   /* the host's name, or the pod's */
    uint64_t repeat_us;     /* an event's count is brought up to date so often; 0: 60 s */
    uint64_t refill_us;     /* one more new event after so long, ten at once; 0: 6 s */
};

struct gs_events_counts {
    uint64_t posted;
    uint64_t repeated; /* counted in a series */
    uint64_t dropped;  /* too many at once */
    uint64_t failed;   /* the API server did not take them */
};

/* Everything in `options` is copied. GS_NO_MEMORY, GS_IO. */
int gs_events_new(const struct gs_events_options *options, struct gs_events **ret,
                  struct gs_err *err);
void gs_events_free(struct gs_events *events);

/* The node's uid, when it is known. */
void gs_events_know_uid(struct gs_events *events, const char *uid);

/* `reason` and `action` are words ("SliceBusy", "Recut"); the note is cut at 1024 bytes. */
void gs_events_post(struct gs_events *events, bool warning, const char *reason, const char *action,
                    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

struct gs_events_counts gs_events_counts(const struct gs_events *events);
