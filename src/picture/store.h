/* store: the cluster as decisions need it, from the API server's objects.
 *
 * Fed by watches (feed.c), asked by the pass. Of a pod that is bound only what it takes from its
 * node is kept, some 200 bytes; of one that waits for slices everything that bears on where it may
 * run. Beside what the API server has said it holds what was asked of it and is not seen yet:
 * nominations and wishes on their way. Belongs to the loop. */
#pragma once

#include "base/map.h"
#include "core/demand.h"
#include "picture/places.h"
#include "picture/volumes.h"
#include "wire/gpunode.h"
#include "wire/kubenode.h"
#include "wire/kubepod.h"
#include "wire/kuberules.h"
#include "wire/kubewait.h"

struct json_t; /* jansson's */

/* Our annotation of a node that is about to go. */
#define GS_STORE_LEAVING "gpuslice.dev/leaving"

enum {
    GS_STORE_RESOURCES_MAX = 256, /* different slices that pods of the cluster ask for */
    GS_STORE_POD_WANTS_MAX = GS_WANTS_MAX,
    GS_STORE_FAILED_ON_MAX = 4
};

/* So many of a resource; `resource` is the store's number of it. */
struct gs_store_want {
    uint16_t resource;
    uint16_t count;
};

/* Rules of a pod that decisions obey (rules.h). */
#define GS_STORE_OBEYED                                                                            \
    (1u << GS_UNOBEYED_POD_AFFINITY | 1u << GS_UNOBEYED_POD_ANTI_AFFINITY |                        \
     1u << GS_UNOBEYED_SPREAD | 1u << GS_UNOBEYED_HOST_PORTS |                                     \
     1u << GS_UNOBEYED_EPHEMERAL_STORAGE | 1u << GS_UNOBEYED_HUGEPAGES |                           \
     1u << GS_UNOBEYED_OTHER_RESOURCE)

/* "namespace/Kind/name" */
#define GS_STORE_OWNER_MAX (2 * 253 + 63 + 3)

struct gs_store_node;
struct gs_store_pod;

/* What pods of one owner that may be moved have in common: one that takes the place of another asks
 * for the same. */
struct gs_store_kin {
    const char *owner;         /* "namespace/ReplicaSet/name" */
    struct gs_store_kin *next; /* of the same owner, asking for something else */
    struct gs_want want;       /* one slice */
    struct gs_constraint *constraint;
    uint64_t cpu_milli;
    uint64_t memory_bytes;
    int32_t priority;
    uint32_t n_pods;
};

struct gs_store_rules;
struct gs_store_space;

/* What pods of one template have in common, as rules of other pods see them. */
struct gs_store_shape {
    struct gs_store_space *space;
    struct gs_store_shape *prev; /* of the namespace */
    struct gs_store_shape *next;
    struct gs_store_pod *pods;    /* those that are on nodes, bound or nominated */
    struct gs_store_rules *rules; /* their own; NULL: none */
    uint32_t n_pods;              /* on nodes and waiting */
    uint32_t n_labels;
    uint32_t shunned_as_of; /* gs_store.rules_changes: whether others keep them off, then */
    bool shunned;
    char text[]; /* gs_kuberules.text: the namespace, then a line for each label */
};

struct gs_store_rules {
    struct gs_store_shape *shape;
    struct gs_store_rules
        *prev; /* of all that keep pods of others off: anti-affinity, host ports */
    struct gs_store_rules *next;
    bool listed;
    struct gs_arena arena; /* of: */
    struct gs_kuberules rules;
};

/* A namespace with pods. */
struct gs_store_space {
    struct gs_store_shape *shapes;
    char name[];
};

/* So much of a resource beside CPU, memory and GPUs. */
struct gs_store_other {
    const char *name;
    uint64_t there; /* status.allocatable */
    uint64_t taken; /* by pods bound and nominated */
};

/* The node that is bought for a pod that waits, as of the last decision. All 0: none is. */
struct gs_store_bought {
    uint64_t uusd_h;
    uint64_t since_us; /* CLOCK_REALTIME: decided so ever since */
    uint32_t takes_s;  /* as nodes like it took; 0: not known */
};

/* An Event of a pod: a hash of its reason, and when (CLOCK_MONOTONIC; 0: none). */
struct gs_store_told {
    uint32_t reason;
    uint64_t at_us;
};
enum { GS_STORE_TOLD_MAX = 4 };

/* What the volumes of a pod that waits require, as far as it is known. */
struct gs_store_volumes {
    struct gs_volumes *of;                  /* NULL: it is not known yet */
    const struct gs_constraint *constraint; /* with the pod's own; NULL: that is all */
    struct gs_arena arena;                  /* of it */
    bool reading;      /* they are being asked for; or a request for that has to wait */
    unsigned tries;    /* in a row that found them not as the scheduler wants them */
    uint64_t since_us; /* CLOCK_MONOTONIC: wanted since; 0: not yet */
    uint64_t again_us; /* what is known is asked for again by then */
    uint64_t until_us; /* the gate is kept so long for them; 0: they need none */
};

/* A pod that waits and asks for slices; or one that has our gate and must lose it. */
struct gs_store_waiting {
    struct gs_store_pod *of;
    struct gs_store_waiting *prev; /* in the store's list */
    struct gs_store_waiting *next;
    struct gs_arena arena; /* of `pod` and `wait` */
    struct gs_kubepod pod;
    struct gs_kubewait wait;
    uint64_t since_us; /* CLOCK_MONOTONIC: when we saw it first */
    bool acting;       /* a request about it is under way */
    bool wished;       /* a wish under way is for it; as of the pass */
    bool late;         /* one is that has no answer in time, or no node any more; likewise */
    bool lifted;       /* its gate was taken off; the watch may not show it yet */
    uint32_t buys;     /* the offer that it needs a node of, plus 1; 0: none. Likewise */
    /* What was asked of the API server shows in the watch by then, or is decided anew. */
    uint64_t settles_us;
    uint64_t nominated_us;                        /* since when it is nominated; 0: it is not */
    uint32_t said;                                /* the last Event's reason and text: a hash */
    struct gs_store_told told[GS_STORE_TOLD_MAX]; /* Events, by their reasons */
    unsigned what;                                /* enum gs_decide_what of the last decision */
    char why[512];                                /* in words */
    struct gs_store_bought bought;
    uint64_t keep_until_us; /* a re-cut or move for it is given so long; 0: there is none */
    uint64_t hope_until_us; /* pods on their way are waited for so long; 0: it needed none yet */
    struct gs_store_volumes volumes;
    uint64_t open_until_us; /* its NodePool is given so long to open; 0: it needs none yet */
    /* Why our gate holds it back for nothing: it is none that we decide for. NULL: we do. */
    const char *let_go;
    unsigned n_failures; /* requests about it in a row that the API server did not take */
    /* Nodes where it was booked and could not be bound, the last first; for a time. */
    const char *failed_on[GS_STORE_FAILED_ON_MAX];
    unsigned n_failed_on;
    unsigned n_failed_bookings;
    uint64_t failed_until_us;
};

struct gs_store_pod {
    const char *key; /* "namespace/name"; behind the wants, in the same memory, and so is: */
    const char *uid;
    struct gs_store_node *node;      /* where it is bound; NULL: nowhere */
    struct gs_store_node *nominated; /* where it is expected; NULL: nowhere, or it is bound */
    struct gs_store_pod *prev;       /* of the same node, bound or nominated */
    struct gs_store_pod *next;
    uint64_t cpu_milli;
    uint64_t memory_bytes;
    struct gs_store_waiting *waiting; /* NULL: it does not wait for slices */
    struct gs_store_shape *shape;
    struct gs_store_pod *prev_alike; /* of the same shape, on a node too */
    struct gs_store_pod *next_alike;
    struct gs_store_kin *kin; /* NULL: it must not be moved */
    uint32_t created_s;       /* CLOCK_REALTIME */
    uint32_t holder;          /* gs_store_holder of it */
    bool deleting;            /* it ends; what it has is its own until it is gone */
    bool daemon;              /* it is its node's: of a DaemonSet, or static */
    bool stand_in;            /* for warm slices: Karpenter is to see it, nobody to run it */
    bool unschedulable;       /* it says so; of stand-ins only */
    bool seen;                /* in the list under way */
    uint8_t n_wants;
    uint8_t n_claims; /* PersistentVolumeClaims of its namespace: hashes of their names, behind: */
    struct gs_store_want wants[];
};

/* A wish that the agent has not answered. */
struct gs_store_wish {
    struct gs_store_wish *next;
    struct gs_arena arena; /* of `wish` */
    struct gs_gpunode_wish wish;
    uint64_t since_us; /* CLOCK_MONOTONIC: it was sent, or seen first */
    bool sent;         /* a request with it was begun */
    bool shows;        /* the object has it */
};

#define GS_STORE_NO_PROFILE UINT8_MAX

struct gs_store_slice {
    uint8_t profile; /* of the GPU's model; GS_STORE_NO_PROFILE: none of it */
    uint8_t start;
    uint8_t state; /* enum gs_gpunode_slice_state */
    bool plain;
    uint32_t holder; /* gs_store_holder of the pod that has it; 0: none that is known */
};

/* What decisions need of a GPU in a GpuNode's status. */
struct gs_store_gpu {
    const char *uuid;
    const struct gs_model *model; /* NULL: not known */
    uint64_t revision;
    bool mig;
    bool healthy;
    bool whole_held;
    uint8_t n_slices;
    const struct gs_store_slice *slices; /* GS_MEMORY_UNITS_MAX at most */
};

struct gs_store_node {
    char *name;
    uint32_t seat; /* in gs_store.places */
    bool known;    /* there is a Node; false: only named by a pod or a GpuNode */
    bool seen;     /* in the list under way */
    bool gpu_seen;
    struct gs_kubenode node;
    struct gs_kubenode_slices *slices; /* those of `node` */
    void *kept;                        /* the texts, labels and taints of `node`, and: */
    struct gs_store_other *others;
    size_t n_others;
    const char *uid;
    bool ready;
    bool deleting;
    bool starting;          /* has our startup taint, or is not initialized yet */
    const char *slicepool;  /* label gpuslice.dev/slicepool; "": none */
    bool held;              /* karpenter.sh/do-not-disrupt is there, */
    bool held_by_us;        /* and we have put it there */
    bool holding;           /* a request about that is under way */
    uint64_t hold_after_us; /* CLOCK_MONOTONIC: not asked again before, unless it is shown anew */
    bool leaving;           /* we have cordoned it: it is empty, and about to go */
    bool has_gpus;          /* there is a GpuNode */
    struct gs_store_gpu *gpus;
    unsigned n_gpus;
    const char *gpus_version;     /* the GpuNode's resourceVersion */
    uint64_t gpus_at_us;          /* CLOCK_MONOTONIC: when the GpuNode was last shown */
    struct gs_store_wish *wishes; /* not answered yet; one a GPU at most */
    bool wishing;                 /* a request with them is under way */
    uint64_t wish_after_us;       /* CLOCK_MONOTONIC: the last was refused; 0: or was it, before
                                     the GpuNode was shown anew */
    struct gs_store_pod *pods;    /* bound and nominated */
    uint64_t cpu_milli;           /* taken by them */
    uint64_t memory_bytes;
    uint32_t n_pods;
    uint32_t n_nominated; /* of them: not bound */
    uint32_t n_movable;   /* of them: may be moved */
    struct gs_store *store;
    uint32_t changes; /* grows when it, its GPUs, pods or wishes change */
    bool dirty;       /* changed since the view last looked: in the store's list, by */
    struct gs_store_node *next_dirty;
    uint32_t number; /* in the view, plus 1; 0: none yet */
};

struct gs_store {
    struct gs_map pods;           /* by key: struct gs_store_pod */
    struct gs_map nodes;          /* by name: struct gs_store_node */
    struct gs_map kins;           /* by owner: struct gs_store_kin, the first of its list */
    struct gs_map shapes;         /* by text: struct gs_store_shape */
    struct gs_map spaces;         /* by name: struct gs_store_space */
    struct gs_places places;      /* the nodes' labels, as rules go by them */
    struct gs_store_rules *ruled; /* those that keep pods of others off, in no order */
    uint32_t rules_changes;       /* grows when that list changes; never 0 */
    struct gs_alloc pieces;       /* of memory of just the size */
    struct gs_profile_name resources[GS_STORE_RESOURCES_MAX];
    unsigned n_resources;             /* 0 is whole GPUs */
    struct gs_store_waiting *waiting; /* all that wait, in no order */
    size_t n_waiting;
    size_t n_wishes;             /* of all nodes */
    size_t n_stand_ins;          /* pods */
    struct gs_store_node *dirty; /* nodes that the view is to look at; it takes them out */
    bool changed;                /* a decision may be another one now */
    uint64_t refused;            /* objects that could not be read */
    size_t n_gone;               /* nodes that went since gs_store_forget, some twice */
    uint32_t forgets; /* how often nodes were forgotten: who keeps pointers to them looks */
};

void gs_store_init(struct gs_store *store);
void gs_store_done(struct gs_store *store);

/* An object as it is now (`gone`: as it last was). Of a pod that asks for more than we reckon with
 * is kept who and where it is. GS_INVALID: it cannot be read, and is left out; GS_LIMIT,
 * GS_NO_MEMORY. `now_us`: CLOCK_MONOTONIC. */
int gs_store_pod(struct gs_store *store, const struct json_t *object, bool gone, uint64_t now_us,
                 struct gs_err *err);
int gs_store_node(struct gs_store *store, const struct json_t *object, bool gone,
                  struct gs_err *err);
int gs_store_gpunode(struct gs_store *store, const struct json_t *object, bool gone,
                     uint64_t now_us, struct gs_err *err);

/* A list of a kind begins; ends: what was not in it is gone. */
enum gs_store_kind { GS_STORE_PODS, GS_STORE_NODES, GS_STORE_GPUNODES };
void gs_store_listing(struct gs_store *store, enum gs_store_kind kind);
void gs_store_listed(struct gs_store *store, enum gs_store_kind kind);

/* Whether so many nodes have gone that they are to be forgotten. */
bool gs_store_is_littered(const struct gs_store *store);

/* Nodes that are gone, with their pods and GPUs, are forgotten; before(ctx, node) is called for
 * each, the last time that it is there. */
void gs_store_forget(struct gs_store *store, void (*before)(void *ctx, struct gs_store_node *node),
                     void *ctx);

/* NULL: none of this name. */
struct gs_store_node *gs_store_find_node(const struct gs_store *store, const char *name);
struct gs_store_pod *gs_store_find_pod(const struct gs_store *store, const char *key);

/* The pod that a wish names, if it is still that one. */
struct gs_store_pod *gs_store_pod_of(const struct gs_store *store,
                                     const struct gs_gpunode_pod *name);

/* Whose pod it is, as kins are found by; "" for the kind and name of none. */
void gs_store_owner_of(const struct gs_kubepod *pod, char ret[GS_STORE_OWNER_MAX]);

/* The rules of a pod that waits which decisions do not obey: bit i, enum gs_kubepod_unobeyed. */
uint32_t gs_store_unobeyed(const struct gs_store_pod *pod);

/* store_volumes.c: what the volumes of a pod that waits require is known from now on; it is the
 * store's. NULL: as it was. `again_us`: CLOCK_MONOTONIC. GS_NO_MEMORY. */
int gs_store_set_volumes(struct gs_store_pod *pod, struct gs_volumes *volumes, uint64_t again_us,
                         struct gs_err *err);

/* What the pod that waits requires of its node, with what its volumes do; NULL: nothing. */
const struct gs_constraint *gs_store_constraint(const struct gs_store_waiting *waiting);

/* A pod that has a claim which only one pod at a time may have, and is on a node or expected there,
 * beside `pod` itself; *ret_claim is its name. NULL: there is none. */
const struct gs_store_pod *gs_store_volume_user(const struct gs_store_pod *pod,
                                                const char **ret_claim);

/* A pod, by "namespace/name", as slices name who holds them. Never 0. */
uint32_t gs_store_holder(const char *name_space, const char *name);

/* The view is to look at the node anew. */
void gs_store_touch(struct gs_store_node *node);

/* The pod is expected there (NULL: nowhere) from now on, until the watch says otherwise. */
void gs_store_nominate(struct gs_store_pod *pod, struct gs_store_node *node);

/* How many of the store's resource the pods of the node take: bound, and all. */
struct gs_store_taken {
    uint32_t bound;
    uint32_t all;
};
void gs_store_taken(const struct gs_store_node *node,
                    struct gs_store_taken ret[GS_STORE_RESOURCES_MAX]);

/* NULL: it has no such GPU. */
const struct gs_store_gpu *gs_store_gpu_of(const struct gs_store_node *node, const char *uuid);

/* A wish is about to be sent; it is copied. An older one for the same GPU goes. GS_NO_MEMORY. */
int gs_store_wish(struct gs_store_node *node, const struct gs_gpunode_wish *wish, uint64_t now_us,
                  struct gs_err *err);
/* It was not taken. */
void gs_store_unwish(struct gs_store_node *node, const char *id);

/* The resource's number, which it gets now where it has none. -1: no GPU that we know has it. */
int gs_store_resource(struct gs_store *store, const struct gs_profile_name *name);
