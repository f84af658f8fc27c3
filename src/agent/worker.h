/* worker: the thread that reads and changes the GPUs.
 *
 * It opens the driver, finishes what a killed run left, hands each snapshot to the loop, and
 * carries out orders one after the other. A driver that is gone is tried again with back-off, with
 * everything read anew; the lock of partition is taken for each change, so that commands by hand
 * have their turn. All functions here belong to the loop's thread, and so do the callbacks. */
#pragma once

#include "agent/recut.h"

struct gs_worker;

struct gs_worker_options {
    struct gs_handoff *handoff;
    sd_event *event;
    struct gs_machine_roots roots;
    const struct gs_agentconfig *config; /* outlives the worker */
    struct gs_cluster *cluster;          /* NULL: none */
    const char *node_name;
    struct gs_recut_loop loop;
    bool (*grants)(void *ctx, struct gs_arena *arena, struct gs_holding_input *input);
    void (*seen)(void *ctx, const struct gs_holding_input *input, uint64_t started_us);
    void (*driver)(void *ctx, const struct gs_err *err); /* NULL: it answers */
    void (*begun)(void *ctx, const struct gs_order *order);
    void (*ended)(void *ctx, const struct gs_order_result *result);
    void (*stopped)(void *ctx); /* after gs_worker_stop: the thread is at its end */
    void *ctx;
    void (*quiet)(void *ctx, bool quiet); /* as of gs_recut, on the worker's thread */
    void *quiet_ctx;
};

/* Starts the thread. GS_NO_MEMORY, GS_IO. */
int gs_worker_start(const struct gs_worker_options *options, struct gs_worker **ret,
                    struct gs_err *err);

/* Queues an order, which is copied. One of the label or the file takes the place of such a one
 * before it and is tried again with back-off while what failed may pass (something in use, the
 * API server, the driver); one of the socket or the cluster is tried once. GS_LIMIT: too many wait;
 * GS_NO_MEMORY.
 */
int gs_worker_order(struct gs_worker *worker, const struct gs_order *order, struct gs_err *err);

/* The hardware has changed, or may have: it is read anew. */
void gs_worker_rescan(struct gs_worker *worker);

/* A GPU needs no more orders: the thread ends before its next step; `stopped` tells. */
void gs_worker_stop(struct gs_worker *worker);

/* After `stopped`, or if it was never begun. NULL is fine. */
void gs_worker_free(struct gs_worker *worker);
