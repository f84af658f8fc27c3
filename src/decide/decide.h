/* decide: which slice a waiting pod gets, and what has to happen for it. Pure.
 *
 * The cluster is a snapshot: nodes with what is left on them, their GPUs with the slices there are,
 * and what was promised. One pod is decided at a time; the caller writes the answer into its
 * snapshot before it asks for the next, in the order of gs_decide_order. The same code decides in
 * the controller, for `gpuslice why` and in the simulator. docs/internals/decide.md.
 *
 * In this order, the first that can be done:
 * 1. BOOK   a node has free slices, nobody else was promised them, and the pod may run there.
 * 2. WAIT   a re-cut under way, or a node that starts, will have it (`until_node`).
 * 3. RECUT  idle slices of one GPU make way (several GPUs of one node, if several slices are asked
 *           for). Never a slice that is held, granted, sick, or promised; and never into what the
 *           node's SlicePool does not allow (`bound_by`).
 * 4. MOVE   one slice of a pod that may be moved goes elsewhere, and then as 3.
 * 5. BUY    a new node would hold it.
 * 6. WAIT   nothing can be done now; the text says why, and what would help. */
#pragma once

#include "core/demand.h"
#include "core/layout.h"
#include "core/offer.h"
#include "core/policy_table.h"

#define GS_DECIDE_NONE UINT32_MAX /* no node, GPU, slice, pod, offer */

enum {
    GS_DECIDE_TEXT_MAX = 512,
    GS_DECIDE_NODES_MAX = 100000,
    GS_DECIDE_WANTS_MAX = GS_WANTS_MAX,
    GS_DECIDE_KEEPS_MAX = 16,   /* pods for which the caller keeps GPUs at a time */
    GS_DECIDE_PATIENCE_S = 600, /* a GPU kept for a pod that waits longer is lent to nobody */
    GS_DECIDE_VICTIMS_MAX = 32  /* slices that one decision looks at for a move */
};

enum gs_decide_what {
    GS_DECIDE_BOOK,
    GS_DECIDE_RECUT,
    GS_DECIDE_MOVE,
    GS_DECIDE_BUY,
    GS_DECIDE_WAIT
};

/* A slice as the decision sees it. */
enum gs_decide_slice_state {
    GS_DECIDE_IDLE,  /* nobody holds it; it may make way if it is not promised */
    GS_DECIDE_FIXED, /* held, granted, sick, leaving, or not of a plain form */
};

/* Of these there are as many as slices of the cluster, and room for more: small. */
struct gs_decide_slice {
    struct gs_placement placement;
    uint32_t pod; /* the caller's number of who holds it; UINT32_MAX: nobody we know */
    enum gs_decide_slice_state state : 8;
    bool movable; /* its pod may be evicted for a move */
};

struct gs_decide_gpu {
    const struct gs_model *model; /* NULL: cannot be cut */
    bool mig;                     /* cut; false: whole, and never cut by a decision */
    bool whole_free;              /* not mig: nobody has it */
    bool open;                    /* may be re-cut: healthy, and no re-cut under way */
    uint64_t kept_for;            /* gs_decide_rank of a pod that it is kept free for; 0: nobody */
    struct gs_decide_slice slices[GS_MEMORY_UNITS_MAX];
    unsigned n_slices;
};

/* What a node's open GPUs have to say to one more slice of a profile, whoever they are kept for and
 * whatever is promised: the decision looks closer only where this is good. */
struct gs_decide_bid {
    int32_t cost; /* of the default policy (core/policy.h), beside what is fixed */
    uint8_t
        destroys;  /* idle slices that have to make way; UINT8_MAX: fixed ones stand in the way */
    uint8_t held;  /* fixed slices that stand in the way; UINT8_MAX: no open GPU has it at all */
    uint16_t most; /* so many fit beside what is fixed, over all its GPUs */
};

/* Made by gs_decide_sum; as old as the GPUs that it was made of. */
struct gs_decide_sum {
    struct gs_decide_bid bids[GS_PROFILES_MAX];
    uint32_t held; /* fixed slices, and whole GPUs that somebody has */
    uint32_t idle; /* slices */
};

/* A node. Amounts are what is left beside pods that are bound, nominated or promised. `free`: what
 * node.status.allocatable has beyond those, of each profile of `model`; it may be less than the
 * idle slices, as pods are on their way to them. `coming`: what re-cuts under way will add, and
 * what a node that starts will have, less what is promised of it. `facts` are without the startup
 * taints that go before pods come. */
struct gs_decide_node {
    const char *name;
    const struct gs_node_facts *facts;
    const struct gs_model *model; /* of its GPUs; nodes have GPUs of one model */
    const char *gpu_name;         /* GPUs without a model ("L4"); NULL: the model's id */
    uint64_t cpu_milli;
    uint64_t memory_bytes;
    uint32_t pods;
    bool usable;     /* Ready, not deleting, no startup taint: bookings may go there */
    bool recuttable; /* and its agent answers, after Initialized */
    uint32_t free[GS_PROFILES_MAX];
    uint32_t coming[GS_PROFILES_MAX];
    uint32_t free_gpus; /* whole ones */
    const struct gs_decide_gpu *gpus;
    unsigned n_gpus;                 /* GS_OFFER_GPUS_MAX at most */
    const struct gs_decide_sum *sum; /* of `gpus` as they are now; NULL: each decision makes it,
                                        which costs about 2 us a GPU */
    /* The SlicePool that allows re-cuts to make only some profiles (bit p of `recut_to`: profile p
     * of `model`); what is there of others stays, is booked and may make way. NULL: all. */
    const char *bound_by;
    uint16_t recut_to;
};

/* Whether a re-cut of the node may make slices of the profile. */
static inline bool gs_decide_may_make(const struct gs_decide_node *node, unsigned profile)
{
    return node->bound_by == NULL || (node->recut_to >> profile & 1u) != 0;
}

/* What keeps a pod off nodes beside its labels and theirs. */
struct gs_decide_bar {
    const char *what; /* "host ports" */
    bool amount;      /* the node has too little of it */
    bool by_place;    /* it hangs on the node's zone or the like: another may do elsewhere */
};

struct gs_decide_pod {
    const char *name; /* "namespace/name", for texts */
    int32_t priority;
    uint64_t created_us;
    uint64_t cpu_milli;
    uint64_t memory_bytes;
    const struct gs_want *wants;
    size_t n_wants;
    const struct gs_constraint *constraint; /* NULL: none */
    bool may_move_others;                   /* moves are opted in to for it */
    const char *const *avoid; /* names of nodes that did not take it lately: not looked at */
    size_t n_avoid;
    const uint8_t *barred; /* a byte for each node of the cluster: 0, or what keeps the pod off, the
                              number in `bars` plus 1; NULL: nothing does */
    const struct gs_decide_bar *bars;
    uint32_t kept_node; /* where GPUs are kept for it: asked first; any number if there is none */
};

struct gs_decide_cluster {
    const struct gs_decide_node *nodes;
    size_t n_nodes;
    /* What a new node may be: offers of open pools, with max_nodes what limits leave. */
    const struct gs_offer *offers;
    size_t n_offers;
    /* Who holds slices, by gs_decide_slice.pod: for moves and for texts. A slice whose number is
     * not below n_holders is never moved. */
    const struct gs_decide_pod *holders;
    size_t n_holders;
    uint64_t now_us; /* on the clock of created_us */
};

struct gs_decide_recut {
    uint32_t gpu;            /* of the node */
    struct gs_layout layout; /* what it is to become; in_use: what stays as it is held */
};

/* Fields that a decision does not use are GS_DECIDE_NONE or 0. */
struct gs_decision {
    enum gs_decide_what what;
    uint32_t node;                                    /* BOOK, RECUT; MOVE: of the victim */
    struct gs_decide_recut recuts[GS_OFFER_GPUS_MAX]; /* RECUT: at least one, on `node`; MOVE: those
                                                         on `move.to_node` that come before the
                                                         eviction, none when the slice is there */
    unsigned n_recuts;
    struct {
        uint32_t gpu, slice; /* the victim, on `node` */
        uint32_t to_node;    /* where its successor finds room */
    } move;
    uint32_t offer;      /* BUY: the cheapest that holds it */
    uint32_t until_node; /* WAIT: a re-cut under way there will have it: promise `coming` to it */
    struct {             /* WAIT, MOVE: GPUs to be kept for it, if it is among the first */
        uint32_t node;   /* GS_DECIDE_KEEPS_MAX that wait; NONE: nothing needs to be kept */
        uint32_t gpus;   /* bit g: the node's GPU g; write gs_decide_rank(pod) into kept_for */
    } keep;
    bool borrowed;                /* BOOK, RECUT: on a GPU that is kept for another pod */
    char why[GS_DECIDE_TEXT_MAX]; /* plain words: what was decided, and why not the cheaper ways */
};

struct gs_decider;

/* State tables and policies by model, made when first asked for; the arena is the decider's for
 * good, and a GPU model takes about 2 MB of it. NULL: no memory. */
struct gs_decider *gs_decider_new(struct gs_arena *arena);

/* What the GPUs of a node with this model bid. GS_LIMIT: more GPUs or slices than there may be.
 * GS_NO_MEMORY. */
int gs_decide_sum(struct gs_decider *decider, const struct gs_model *model,
                  const struct gs_decide_gpu *gpus, unsigned n_gpus, struct gs_decide_sum *ret,
                  struct gs_err *err);

/* Decides one pod. O(nodes). GS_INVALID: wants that no GPU has (the text says which); GS_LIMIT,
 * GS_NO_MEMORY. On failure *ret is untouched. */
int gs_decide(struct gs_decider *decider, const struct gs_decide_cluster *cluster,
              const struct gs_decide_pod *pod, struct gs_decision *ret, struct gs_err *err);

/* Who is decided first: higher priority; then who waits longer; of those that came in the same
 * second (Kubernetes knows no less) who asks for more; then by name. For qsort. */
int gs_decide_order(const struct gs_decide_pod *a, const struct gs_decide_pod *b);

/* Priority, and time of creation in seconds, as one number: the higher goes first. Never 0. */
uint64_t gs_decide_rank(const struct gs_decide_pod *pod);
