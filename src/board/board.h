/* board: what the dashboard shows, as documents: who is on which slice, what waits, what it costs.
 *
 * Is told what nodes, GPUs and pods there are, from objects of a cluster (objects.h) or from one
 * machine, and keeps of them what the pages need. A change costs the nodes that changed, and who
 * watches gets those alone. Pods are told apart by numbers, which slices refer to; a document names
 * only those that its reader may see. Belongs to one thread; no I/O; memory from the heap.
 * docs/internals/dashboard.md has the documents. */
#pragma once

#include "base/buf.h"
#include "money/money.h"
#include "wire/gpunode.h"
#include "wire/want.h"

struct gs_board;
struct gs_store;

enum {
    GS_BOARD_PRICE_TEXT_MAX = 128,
    GS_BOARD_NAMES_MAX = 1 << 20, /* of each kind: namespaces, workloads, pods, nodes */
    GS_BOARD_TEXT_MAX = 256,      /* bytes of a text that is told; longer ones are cut */
    GS_BOARD_GONE_MAX = 4096      /* nodes that went, which somebody may not have been told of */
};
#define GS_BOARD_DOC_MAX ((size_t)256 << 20)

struct gs_board_options {
    const char *kind; /* "cluster" or "node" */
    const char *name; /* of it, for people */
    bool untold;      /* nobody asks for documents: figures and news alone, in less memory */
    bool series;      /* numbers over time are kept, and can be asked for. Likewise */
    bool events;      /* of GPUs and pods */
    /* What such a node costs, millionths of a dollar an hour, or GS_MONEY_NOT_KNOWN. */
    uint64_t (*price)(void *ctx, const char *instance_type, const char *region,
                      const char *capacity_type);
    void *ctx;
};

enum gs_board_state {
    GS_BOARD_READY,
    GS_BOARD_STARTING, /* paid, and does not serve yet */
    GS_BOARD_SILENT,   /* its agent has told nothing */
    GS_BOARD_ENDING,
    GS_BOARD_BROKEN
};

/* What is told of a node; texts "" where not known. */
struct gs_board_node {
    const char *name;
    const char *pool;
    const char *instance_type;
    const char *region;
    const char *zone;
    const char *capacity_type;
    const char *why; /* it is not ready */
    enum gs_board_state state;
    bool shown; /* it has GPUs, or will have: shown without a GpuNode too */
};

struct gs_board_pod {
    const char *name_space;
    const char *name;
    const char *workload;  /* "Deployment/web"; "" */
    const char *node;      /* where it is bound; "" */
    const char *nominated; /* where it is expected; "" */
    const struct gs_want *wants;
    size_t n_wants; /* GS_WANTS_MAX at most */
};

/* GS_NO_MEMORY. */
int gs_board_new(const struct gs_board_options *options, struct gs_board **ret, struct gs_err *err);
void gs_board_free(struct gs_board *board);
void gs_board_freep(struct gs_board **board);

/* As it is now; it takes the place of what was told before. GS_INVALID: a pod of a namespace that
 * cannot be; GS_LIMIT, GS_NO_MEMORY. */
int gs_board_put_node(struct gs_board *board, const struct gs_board_node *node, struct gs_err *err);
int gs_board_put_gpus(struct gs_board *board, const struct gs_gpunode *gpus, struct gs_err *err);
int gs_board_put_pod(struct gs_board *board, const struct gs_board_pod *pod, struct gs_err *err);

/* It is gone. One that was never there is fine. */
void gs_board_drop_node(struct gs_board *board, const char *name);
void gs_board_drop_gpus(struct gs_board *board, const char *name);
void gs_board_drop_pod(struct gs_board *board, const char *name_space, const char *name);

/* Whether all was told at least once: documents say so. */
void gs_board_set_whole(struct gs_board *board, bool whole);

/* Nodes that have changed are written anew. True: something a reader would see has changed.
 * `now_us`: CLOCK_REALTIME. GS_NO_MEMORY in *ret_failed (may be NULL): try again later. */
bool gs_board_refresh(struct gs_board *board, uint64_t now_us, bool *ret_failed);

/* ---- documents ---- */

/* Who reads. NULL `sees`: everything is shown. */
struct gs_board_reader {
    bool (*sees)(void *ctx, const char *name_space);
    void *ctx;
};

/* What a reader has. */
struct gs_board_mark {
    uint64_t epoch;
    uint64_t revision;
    uint32_t n_pods;
};
struct gs_board_mark gs_board_mark(const struct gs_board *board);
uint64_t gs_board_revision(const struct gs_board *board);

/* Each appends one JSON document. GS_LIMIT, GS_NO_MEMORY. As of the last refresh. */
int gs_board_write_fleet(const struct gs_board *board, const struct gs_board_reader *reader,
                         struct gs_buf *out, struct gs_err *err);
int gs_board_write_money(struct gs_board *board, const struct gs_board_reader *reader,
                         struct gs_buf *out, struct gs_err *err);

/* What has changed since the mark. GS_NOT_FOUND: that is not known any more: the reader has to ask
 * for everything; err untouched. */
int gs_board_write_changes(const struct gs_board *board, const struct gs_board_reader *reader,
                           const struct gs_board_mark *since, struct gs_buf *out,
                           struct gs_err *err);

/* The pods that wait, as the store knows them. `store` NULL: there is no cluster. `decides`: the
 * decisions in it are ours; else they are not shown. `now_us`: CLOCK_REALTIME. */
int gs_board_write_waiting(const struct gs_board *board, const struct gs_store *store, bool decides,
                           uint64_t now_us, const struct gs_board_reader *reader,
                           struct gs_buf *out, struct gs_err *err);

/* Calls for each namespace that there is, so that rights can be asked for. */
void gs_board_each_namespace(const struct gs_board *board,
                             void (*each)(void *ctx, const char *name_space), void *ctx);
