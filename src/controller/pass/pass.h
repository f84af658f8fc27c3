/* pass: all pods that wait, in their order, each decided against one picture.
 *
 * What a decision promises is taken off the picture before the next pod is looked at. Belongs to
 * the loop. docs/internals/controller.md, A pod's way. */
#pragma once

#include "controller/act/act.h"
#include "controller/pass/warm.h"
#include "picture/bound.h"

enum { GS_PASS_WHATS = GS_DECIDE_WAIT + 1 };

struct gs_pass_counts {
    uint64_t passes;
    uint64_t decisions[GS_PASS_WHATS];
    uint64_t longest_us; /* of a decision */
    uint64_t waiting;    /* pods, now */
    uint64_t gated;      /* of them */
    uint64_t moves;      /* under way */
};

/* What may be bought; NULL functions: nothing. */
struct gs_pass_market {
    const struct gs_offer *(*offers)(void *ctx, size_t *ret_n);
    /* The pod needs a new node (offer: which kind of the offers), or nothing holds it (NULL). Asked
     * between `begin` and `end` of each pass, for every such pod; `ask` has what keeps it off the
     * nodes of the view (NULL with no offer). `want` returns why no such node is bought for it,
     * until the end of the pass; NULL: it is. */
    void (*begin)(void *ctx);
    const char *(*want)(void *ctx, const struct gs_store_pod *pod, const struct gs_decide_pod *ask,
                        const struct gs_offer *offer);
    void (*end)(void *ctx);
    /* After `end`: a NodePool that serves what needs a node of the offer is about to open. Whoever
     * asks Karpenter before that is told no, and asked again after ten seconds only. */
    bool (*opens)(void *ctx, const struct gs_offer *offer);
    /* How long such a node takes from when it is asked for until it serves, as far as it was seen.
     * False: it is not known. NULL is fine. */
    bool (*expects)(void *ctx, const struct gs_offer *offer, uint32_t *ret_s);
    /* Slices that are to be free at any time, at most `max`; and how many of each are neither there
     * nor coming. Before `end`. */
    size_t (*warm)(void *ctx, struct gs_warm *ret, size_t max);
    void (*cold)(void *ctx, const struct gs_warm *warm, uint32_t missing);
    /* The SlicePool of that name; NULL: there is none. */
    const struct gs_slicepool *(*pool)(void *ctx, const char *name);
    /* Whether pods of the node may be moved. */
    bool (*moves)(void *ctx, const struct gs_store_node *node);
    void *ctx;
};

struct gs_pass;

/* What the volumes of pods require (picture/claims). NULL: it is not looked at. */
struct gs_pass_volumes {
    /* Asked for where it is not known or old; a pass follows once it is. `now_us`:
     * CLOCK_MONOTONIC. */
    bool (*look)(void *ctx, struct gs_store_pod *pod, uint64_t now_us);
    void *ctx;
};

struct gs_pass_options {
    struct gs_store *store;
    struct gs_act *act;
    struct gs_pass_volumes volumes;
    struct gs_pass_market market;
    uint64_t recut_limit_us; /* a gate stays so long for a re-cut; 0: 30 s */
    uint64_t book_limit_us;  /* a booking stands so long; 0: 120 s */
    const char *schedulers;  /* whose pods are booked, by their names and commas; NULL:
                                "default-scheduler" */
    uint64_t move_limit_us;  /* a gate stays so long for a move; 0: 120 s */
    uint64_t move_rest_us;   /* a pod that started later than this ago is not moved */
    uint32_t moves_an_hour;  /* in the whole cluster; 0: none */
};

int gs_pass_new(const struct gs_pass_options *options, struct gs_pass **ret, struct gs_err *err);
void gs_pass_free(struct gs_pass *pass);

/* One pass. `now_us`: CLOCK_MONOTONIC; `real_us`: CLOCK_REALTIME. *ret_again_us: when the next is
 * due though nothing changes; UINT64_MAX: never. GS_NO_MEMORY. */
int gs_pass_run(struct gs_pass *pass, uint64_t now_us, uint64_t real_us, uint64_t *ret_again_us,
                struct gs_err *err);

/* What became of a move: for gs_act_options.moved. */
void gs_pass_moved(struct gs_pass *pass, const struct gs_act_moved *answer);

struct gs_pass_counts gs_pass_counts(const struct gs_pass *pass);
