/* recut: brings the GPUs to a wanted layout while pods run. On the worker's thread.
 *
 * docs/internals/agent.md, Growing and Shrinking: the one order of things in which no pod fails.
 * The hardware is changed by partition, under its lock and journal; this is its guard. */
#pragma once

#include <signal.h>

#include "agent/gather.h"
#include "agent/survey.h"
#include "partition/apply.h"

enum gs_order_origin {
    GS_ORDER_FILE,
    GS_ORDER_LABEL,
    GS_ORDER_SOCKET,
    GS_ORDER_CLUSTER /* a wish in the GpuNode */
};

/* Of file and label the latest stands until it is done; the others are tried once. */
static inline bool gs_order_stands(enum gs_order_origin origin)
{
    return origin == GS_ORDER_FILE || origin == GS_ORDER_LABEL;
}

/* A layout that somebody wants. */
struct gs_order {
    enum gs_order_origin origin;
    uint64_t number;  /* of the order, counts up */
    const char *name; /* of the configuration; "": the only one */
    const char *text; /* a mig-parted document; NULL: `file`, or what the GPUs offer */
    const char *file; /* "": none */
    const char *gpu;  /* UUID: `text` says where each slice of this GPU alone is to be
                         (core/layout.h), and nothing else of this struct what; NULL: all GPUs */
    bool only_idle;
    bool dry_run;
};

/* How an order ended. */
struct gs_order_result {
    uint64_t number;
    enum gs_order_origin origin;
    int code; /* 0, or why not */
    struct gs_err err;
    bool dry_run;
    bool changed; /* some step was done */
    bool retries; /* it is tried again by itself */
    uint64_t took_us;
    struct gs_apply_report report;
    struct gs_buf lines; /* what was said */
};

/* What a resource is left with when the leaving slices are gone. */
struct gs_recut_left {
    const char *resource; /* in the arena of the call */
    uint64_t healthy;     /* devices, replicas counted */
};

struct gs_recut_leaving {
    const struct gs_guard_leaving *at;
    unsigned n;
    struct gs_arena *arena;
    struct gs_recut_left *left; /* written by `lower` */
    unsigned n_left;
};

/* What the re-cut needs of the loop. All run on the loop's thread; `ctx` is theirs. */
struct gs_recut_loop {
    /* The slices are to go: node.status is lowered by them. `await` ends when the API server has
     * it; at once where there is none. */
    void (*lower)(void *ctx, struct gs_recut_leaving *leaving, struct gs_await *await);
    /* Lists say that they are unhealthy, and node.status again; `await` ends when the kubelet
     * does not give them away any more. */
    void (*retire)(void *ctx, struct gs_await *await);
    /* Nobody waits for lower or retire any more. */
    void (*give_up)(void *ctx);
    /* What was lowered and retired, and is still there, stays: everything as it was. */
    void (*restore)(void *ctx);
    /* A new snapshot; the reference becomes the loop's. */
    void (*offer)(void *ctx, struct gs_box *box);
    void *ctx;
};

struct gs_recut {
    struct gs_gather gather;
    struct gs_survey *survey;
    const struct gs_recut_loop *loop;
    struct gs_inventory_tables *tables;
    const volatile sig_atomic_t *stop;
    /* Other sessions of the driver are closed (true), as a GPU may be reset, and opened again. On
     * the worker's thread. NULL: there are none. */
    void (*quiet)(void *ctx, bool quiet);
    void *quiet_ctx;
};

/* Hands a snapshot to the loop. */
void gs_recut_offer(const struct gs_recut *recut, struct gs_box *box);

/* Carries out the order. Everything is in the result; whatever it was, the snapshot of the end has
 * been offered. `ret->lines` is the caller's to free. */
void gs_recut(struct gs_recut *recut, const struct gs_order *order, struct gs_order_result *ret);
