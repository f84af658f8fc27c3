/* monitor: the thread that listens to the driver and reads what GPUs and slices are doing.
 *
 * Changes nothing. It has a session of the driver of its own, which it closes while the worker
 * needs every session closed (a reset, an Ampere change of mode) and opens again after. What it
 * finds is handed to the loop. */
#pragma once

#include "agent/box.h"
#include "agent/gather.h"
#include "gpu/gpu_read.h"
#include "gpu/gpu_watch.h"

struct gs_monitor;

/* What was read at one time, for one snapshot. The last user frees it. */
struct gs_findings {
    struct gs_box *box;
    struct gs_arena arena;
    struct gs_offer offer;     /* of the box */
    struct gs_holding holding; /* valid where has_holding */
    bool has_holding;
    struct gs_gpu_readings *gpus;     /* one a GPU of the snapshot; NULL: metrics are off */
    struct gs_slice_readings *slices; /* one a slice */
};

/* By identity, as what was found out may be of another snapshot. NULL: nothing is known of it;
 * `findings` may be NULL. */
const struct gs_held *gs_findings_held(const struct gs_findings *findings,
                                       const struct gs_slice_id *id);

void gs_findings_free(struct gs_findings *findings); /* NULL is fine */

struct gs_monitor_options {
    struct gs_gather gather; /* `gpus` is the monitor's own and `cluster` NULL: see monitor.c */
    /* On the loop's thread. */
    void (*event)(void *ctx, const struct gs_gpu_event *event);
    void (*found)(void *ctx, struct gs_findings *findings); /* becomes the loop's */
    void (*stopped)(void *ctx);
    void *ctx;
};

/* Starts the thread. GS_NO_MEMORY, GS_IO. */
int gs_monitor_start(const struct gs_monitor_options *options, struct gs_monitor **ret,
                     struct gs_err *err);

/* On the loop's thread: what is to be read from now on. */
void gs_monitor_look_at(struct gs_monitor *monitor, struct gs_box *box);

/* On the loop's thread: reads before its time. */
void gs_monitor_now(struct gs_monitor *monitor);

/* From the worker's thread. true: returns when the session is closed. */
void gs_monitor_quiet(struct gs_monitor *monitor, bool quiet);

/* On the loop's thread: `stopped` follows. */
void gs_monitor_stop(struct gs_monitor *monitor);
void gs_monitor_free(struct gs_monitor *monitor); /* after `stopped`; NULL is fine */
