/* moves: pods that end so that a slice comes free, and start again where there is room for them.
 *
 * What is under way follows from the note on the pod that waits (wire/kubemove.h), so that the next
 * leader goes on with it. Only limits and refusals are forgotten with the process. Part of the
 * pass; belongs to the loop. docs/internals/controller.md, Moves. */
#pragma once

#include "controller/act/act.h"
#include "picture/movers.h"
#include "wire/kubemove.h"

enum { GS_MOVES_MAX = 16, GS_MOVES_REFUSED_MAX = 256 };

struct gs_moves_options {
    struct gs_store *store;
    bool (*node)(void *ctx, const struct gs_store_node *node); /* NULL: nowhere */
    void *ctx;
    uint64_t limit_us; /* one takes so long at most */
    uint64_t rest_us;  /* a pod that started later than this ago is not moved */
    uint32_t an_hour;  /* in the whole cluster; 0: none */
};

/* One that is under way. */
struct gs_move {
    struct gs_kubemove what;
    char waits[2 * GS_KUBEMOVE_NAME_MAX + 2]; /* "namespace/name" of the pod that it is for */
    char waits_uid[GS_KUBEMOVE_KIND_MAX + 1];
    uint64_t until_us; /* CLOCK_MONOTONIC */
    bool evicted;      /* the API server has said yes */
    bool served;       /* the one that takes its place has a place itself */
    bool reserved;     /* a free slice is its, in this pass's view */
};

/* An eviction that was refused, by budgets for the most part. */
struct gs_moves_refusal {
    char uid[GS_KUBEMOVE_KIND_MAX + 1];
    uint64_t until_us; /* not asked again before */
    uint64_t wait_us;  /* the next time so long, doubling */
};

struct gs_moves {
    struct gs_moves_options options;
    struct gs_move list[GS_MOVES_MAX];
    unsigned n;
    struct gs_moves_refusal refused[GS_MOVES_REFUSED_MAX];
    unsigned next_refused; /* the oldest goes first */
    struct gs_movers movers;
    bool looked;      /* `movers` is of this pass */
    uint64_t full_us; /* CLOCK_MONOTONIC: when all moves of the hour may be made again */
    uint64_t now_us;
    uint64_t real_us;
};

void gs_moves_init(struct gs_moves *moves, const struct gs_moves_options *options);
void gs_moves_done(struct gs_moves *moves);

/* A pass begins, with a view that was refreshed: what is over goes, what another leader began is
 * found, and room for successors is taken off. True: GPUs are kept (kept_for). */
bool gs_moves_begin(struct gs_moves *moves, struct gs_nodes_view *view, uint64_t now_us,
                    uint64_t real_us);

/* Who may be moved, for a decision of this pass. GS_NO_MEMORY. */
int gs_moves_holders(struct gs_moves *moves, struct gs_nodes_view *view,
                     struct gs_decide_cluster *cluster, struct gs_err *err);

/* The one that is under way for this pod; NULL: none. */
const struct gs_move *gs_moves_for(const struct gs_moves *moves, const struct gs_store_pod *pod);

/* The move whose successor this waiting pod is; NULL: none. */
struct gs_move *gs_moves_after(struct gs_moves *moves, const struct gs_store_pod *pod);

/* Whether one more may begin; else when (CLOCK_MONOTONIC; UINT64_MAX: never). */
bool gs_moves_may(const struct gs_moves *moves, uint64_t *ret_when_us);

/* Pods of the node are on their way here or from here: Karpenter is to leave it alone. */
bool gs_moves_touch(const struct gs_moves *moves, const struct gs_store_node *node);

/* The decision, for this pod, begins: what is to be asked for. NULL: too many are under way. */
const struct gs_move *gs_moves_add(struct gs_moves *moves, const struct gs_nodes_view *view,
                                   const struct gs_store_pod *pod,
                                   const struct gs_decision *decision);

/* The one whose pod, by its uid, was asked to go; NULL: none. */
const struct gs_move *gs_moves_asked(const struct gs_moves *moves, const char *uid);

/* What became of it. */
void gs_moves_answered(struct gs_moves *moves, const struct gs_act_moved *answer);
