/* gpu_watch: what the driver tells unasked: errors, changes of what is cut, GPUs that are lost.
 *
 * A watch is opened on a handle (struct gs_gpus) and used by the thread that has the handle, as one
 * call may wait as long as it is told to. So a program that watches while it changes GPUs opens
 * two handles, one a thread: each has its own session, NVML counts them, and what one does not
 * stop the other. But a session holds the driver: before an Ampere GPU changes its mode, before a
 * reset, and before the driver is unloaded, both threads have to close theirs. */
#pragma once

#include "gpu/gpu.h"

enum gs_gpu_event_kind {
    GS_GPU_EVENT_NONE,       /* nothing came within the limit */
    GS_GPU_EVENT_XID,        /* data: its number; 999: one that NVML does not know */
    GS_GPU_EVENT_ECC_SINGLE, /* corrected */
    GS_GPU_EVENT_ECC_DOUBLE, /* not corrected */
    GS_GPU_EVENT_MIG_CHANGE, /* instances were made or destroyed, or the mode changed */
    GS_GPU_EVENT_RECOVERY,   /* the driver wants something done: data: enum gs_gpu_recovery */
    GS_GPU_EVENT_LOST        /* the GPU fell off the bus; told once, then it is watched no more */
};

struct gs_gpu_event {
    enum gs_gpu_event_kind kind;
    uint32_t
        gpu; /* index; GS_NOT_KNOWN: the driver names a GPU that it does not list: any of them */
    char uuid[GS_GPU_UUID_MAX]; /* of the GPU; "": as above */
    uint64_t data;              /* UINT64_MAX where the kind has none */
    uint32_t gi;                /* GS_NOT_KNOWN, as ci: the whole GPU */
    uint32_t ci;
};

/* Made by gs_gpu_watch_open, given back with gs_gpu_watch_close. */
struct gs_gpu_watch {
    struct gs_gpus *gpus;
    void *impl;
};

/* Watches all GPUs, each for what it can tell; one that can tell nothing, or is lost, is left out.
 * What happened before is not told. The handle must outlive the watch. GS_IO: as in gpu.h.
 * GS_NO_MEMORY. GS_UNSUPPORTED: the driver has no events at all. */
int gs_gpu_watch_open(struct gs_gpus *gpus, struct gs_gpu_watch *ret, struct gs_err *err);

/* The next event, or kind GS_GPU_EVENT_NONE after `limit_ms`. GS_IO: the driver is gone, or was
 * loaded anew, or the handle's session was ended (a change of mode, a reset): close the watch, and
 * try to open another; it will not work again. The events between are not told: read everything. */
int gs_gpu_watch_next(struct gs_gpu_watch *watch, unsigned limit_ms, struct gs_gpu_event *ret,
                      struct gs_err *err);

/* A closed or zeroed one is fine. */
void gs_gpu_watch_close(struct gs_gpu_watch *watch);
