/* better: what the planner would buy for all that runs, in place of the nodes that are there.
 *
 * Asked for by a person, and worked out by a thread, as it may take seconds: what it needs is
 * copied first. Same models and instance types as now, on demand; CPU and memory of the pods are
 * looked at, their other wishes and DaemonSets are not. Belongs to the loop.
 * docs/internals/dashboard.md. */
#pragma once

#include <systemd/sd-event.h>

#include "dashboard/dashboard.h"

struct gs_better;
struct gs_store;

struct gs_better_options {
    sd_event *event;
    const struct gs_store *store;
    const char *region; /* whose prices count; "": as nodes are labelled */
};

/* GS_NO_MEMORY, GS_IO. */
int gs_better_new(const struct gs_better_options *options, struct gs_better **ret,
                  struct gs_err *err);

/* Waits for the thread. Nobody may wait any more. NULL is fine. */
void gs_better_free(struct gs_better *better);

/* As struct gs_dashboard_options wants them; `ctx` is the gs_better. */
void gs_better_ask(void *ctx, struct gs_dashboard_job *job);
void gs_better_forget(void *ctx, struct gs_dashboard_job *job);
