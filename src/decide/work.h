/* work: what the parts of one decision share. Private to decide. */
#pragma once

#include "decide/kind.h"

/* Slices that a decision looks at closely for a move. */
enum { GS_MOVES_TRIED_MAX = 2000 };

/* What a pod asks of nodes with GPUs of one model. */
struct gs_need {
    const struct gs_model *model;
    struct gs_kind *kind;            /* NULL: model NULL */
    const char *gpu_name;            /* what it was resolved for */
    bool possible;                   /* such nodes can have it at all */
    uint32_t count[GS_PROFILES_MAX]; /* slices */
    uint32_t total;                  /* slices of all profiles */
    uint32_t gpus;                   /* whole ones */
};

/* Whose GPUs count: those that are kept for others are left out, or may be borrowed. */
enum gs_keeping { GS_KEEPING_AVOID, GS_KEEPING_BORROW };

/* One pod, one snapshot. */
struct gs_work {
    struct gs_decider *decider;
    const struct gs_decide_cluster *cluster;
    const struct gs_decide_pod *pod;
    uint64_t rank;
    enum gs_keeping keeping;
    bool kept;           /* a GPU was left out of a node's room as it is kept for others */
    uint32_t except;     /* a node that is not looked at, or GS_DECIDE_NONE */
    struct gs_need need; /* the last that was resolved */
    struct gs_decide_sum sum;
    unsigned tried_moves; /* GS_MOVES_TRIED_MAX at most */
    unsigned tries;       /* of searches over several slices, all nodes together: bounded */
};

/* A node as this pod may use it: what is free but for GPUs that are kept from it. */
struct gs_room {
    uint32_t free[GS_PROFILES_MAX];
    uint32_t closed; /* bit g: GPU g may not be re-cut */
};

/* What a node is to become for the pod. */
struct gs_cut_answer {
    unsigned destroys;
    int64_t cost;
    struct gs_decide_recut recuts[GS_OFFER_GPUS_MAX];
    unsigned n_recuts;
};

/* What the pod asks of such nodes; gpu_name may be NULL. GS_NO_MEMORY, GS_LIMIT. */
int gs_need_of(struct gs_work *work, const struct gs_model *model, const char *gpu_name,
               const struct gs_need **ret, struct gs_err *err);

/* 0, or GS_INVALID: the pod asks for nothing, or for what no GPU has; GS_LIMIT. */
int gs_need_check(const struct gs_decide_pod *pod, struct gs_err *err);

/* The node's sum, its own or made now; valid until the next call. */
int gs_work_sum(struct gs_work *work, const struct gs_decide_node *node,
                const struct gs_decide_sum **ret, struct gs_err *err);

/* Adds the slices of a GPU to held and idle. */
void gs_work_count(const struct gs_decide_gpu *gpu, struct gs_decide_sum *sum);

/* GS_LIMIT: more GPUs or slices than there may be. */
int gs_work_check(const struct gs_decide_gpu *gpus, unsigned n_gpus, struct gs_err *err);

/* CPU, memory and one pod more. */
bool gs_work_holds(const struct gs_work *work, const struct gs_decide_node *node);

/* What keeps the pod off a node of the cluster beside labels and taints; NULL: nothing. */
const struct gs_decide_bar *gs_work_bar(const struct gs_work *work,
                                        const struct gs_decide_node *node);

/* The pod is not to be tried there again. */
bool gs_work_avoids(const struct gs_work *work, const struct gs_decide_node *node);

/* By its labels and taints. */
enum gs_verdict gs_work_allows(const struct gs_work *work, const struct gs_node_facts *facts,
                               const char **ret_because);

void gs_work_room(struct gs_work *work, const struct gs_decide_node *node, struct gs_room *ret);

/* Compute slices that nobody has or was promised: the fewer, the fuller the node. */
uint64_t gs_work_left(const struct gs_decide_node *node);

/* The largest profile of which the node has less than the need; -1: none. */
int gs_work_short(const struct gs_need *need, const uint32_t *free);

/* Whether re-cuts of the node may make every profile of which it has less than the need. */
bool gs_work_may_make(const struct gs_need *need, const struct gs_decide_node *node);

/* The fixed slices of a GPU, as bits of its slices, that stand in the way of the profile: the
 * fewest. 0: none does, or it cannot be cut. */
uint32_t gs_work_in_the_way(const struct gs_kind *kind, const struct gs_decide_gpu *gpu,
                            unsigned profile);

/* The fewest idle slices of the node's open GPUs that make way for what is missing of the need
 * beside room->free. False: they cannot. `most_destroys`: more are not looked for. */
bool gs_cut_find(struct gs_work *work, const struct gs_need *need,
                 const struct gs_decide_node *node, const struct gs_room *room,
                 unsigned most_destroys, struct gs_cut_answer *ret);

/* Whether so many empty GPUs hold the need's slices. */
bool gs_cut_holds_empty(struct gs_work *work, const struct gs_need *need, unsigned n_gpus);

/* Each finds the best node for one way, writes what it decides into *ret (all but the text) and
 * returns 1; 0: there is none. Negative: as gs_decide. */
int gs_way_book(struct gs_work *work, struct gs_decision *ret, struct gs_err *err);
int gs_way_coming(struct gs_work *work, struct gs_decision *ret, struct gs_err *err);
int gs_way_recut(struct gs_work *work, struct gs_decision *ret, struct gs_err *err);
int gs_way_move(struct gs_work *work, struct gs_decision *ret, struct gs_err *err);
int gs_way_buy(struct gs_work *work, struct gs_decision *ret, struct gs_err *err);

/* Which limits forbid a node that would hold the pod; NULL: it is not for limits. */
const char *gs_way_no_more(struct gs_work *work);

/* Why nothing could be done at once, over all nodes, and which GPU is best kept for the pod. */
struct gs_blame {
    size_t nodes;        /* each node counts once, where it failed first */
    size_t other;        /* no such slices or GPUs on it */
    size_t unusable;     /* not ready, ending, starting */
    size_t small;        /* CPU, memory or number of pods */
    const char *lacking; /* of the last of those */
    size_t barred;       /* labels or taints */
    const char *because;
    size_t taken;        /* every slice in use, promised or too small */
    size_t silent;       /* of those: its GPUs cannot be re-cut now */
    size_t kept;         /* of those: what would do is on GPUs that are kept for others */
    size_t bound;        /* of those: could be cut for it, were it not for its SlicePool */
    uint32_t bound_node; /* the first of them */
    uint32_t keep_node;
    uint32_t keep_gpus;
    unsigned tried;     /* nodes looked at for it */
    unsigned keep_held; /* fixed slices in the way on them */
};
int gs_blame(struct gs_work *work, struct gs_blame *ret, struct gs_err *err);

/* The text of a decision. `blame` NULL: it was booked. */
void gs_why(struct gs_work *work, const struct gs_blame *blame, struct gs_decision *decision);
