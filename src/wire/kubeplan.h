/* kubeplan: from a cluster's pods and nodes to what has to be planned.
 *
 * Without nodes the question is "what would this workload need": every pod that waits or runs and
 * asks for GPUs or slices is demand. With nodes, pods that are bound stay where they are and take
 * from their node; those that wait are demand, and what is left of each GPU node can be used. A
 * node shows counts, not which GPU holds what, so only advertised slices that nobody has can be
 * used again. Pods of DaemonSets and static pods belong to their node and are never demand.
 * What does not add up is said in a note, not guessed. */
#pragma once

#include "core/demand.h"
#include "core/offer.h"
#include "wire/kubelist.h"
#include "wire/kubenode.h"
#include "wire/kubenotes.h"
#include "wire/kubepod.h"

enum {
    GS_KUBEPLAN_DAEMONS_MAX = 1000 /* different DaemonSets whose size is added up */
};

/* What becomes of a pod: exactly one of these. */
enum gs_kubeplan_fate {
    GS_FATE_DEMAND,
    GS_FATE_STAYS,        /* bound to a node of the list, from which it takes */
    GS_FATE_NO_GPU,       /* asks for no GPU and no slice, and is not bound to a node of the list */
    GS_FATE_FINISHED,     /* Succeeded or Failed */
    GS_FATE_DAEMON,       /* of a DaemonSet */
    GS_FATE_MIRROR,       /* a static pod */
    GS_FATE_LEAVING,      /* being deleted, and not bound to a node of the list */
    GS_FATE_REFUSED,      /* asks for shares of GPUs, or for what is no profile */
    GS_FATE_NODE_UNKNOWN, /* bound to a node that the list lacks */
    GS_FATE_ADRIFT,       /* runs, and is bound to no node */
    GS_FATE_COUNT
};

struct gs_kubeplan_tally {
    uint64_t pods;
    const char *first; /* the first such pod, "namespace/name"; NULL: none */
};

struct gs_kubeplan_summary {
    uint64_t pods;  /* read */
    uint64_t nodes; /* read */
    struct gs_kubeplan_tally fates[GS_FATE_COUNT];
    struct gs_kubeplan_tally
        unobeyed[GS_UNOBEYED_COUNT]; /* of demand pods; one may be in several */
    const char *other_resource;      /* the first of GS_UNOBEYED_OTHER_RESOURCE; NULL: none */

    /* Sentences about what does not add up or is not used, in the order of the input. */
    struct gs_kubenotes notes;

    /* Nodes with GPUs, by name; what is left beside the pods that stay. */
    const struct gs_existing_node *existing;
    size_t n_existing;

    /* What all DaemonSets together ask for on one node, each by its largest pod. A DaemonSet that
     * runs on some nodes only is counted too: an upper bound. */
    uint64_t daemon_cpu_milli;
    uint64_t daemon_memory_bytes;
    uint32_t daemon_pods;
};

/* In words: "demand", "bound to a node that the node list lacks". */
const char *gs_kubeplan_fate_text(enum gs_kubeplan_fate fate);

struct gs_kubeplan;

/* All that is kept lives in the arena. `with_nodes`: nodes will be added. NULL: no memory. */
struct gs_kubeplan *gs_kubeplan_new(struct gs_arena *arena, bool with_nodes);

/* All nodes come before the first pod. The node is kept: it must live as long as the arena, but
 * for one without GPUs, of which only the name is copied. GS_LIMIT, GS_NO_MEMORY. */
int gs_kubeplan_add_node(struct gs_kubeplan *plan, const struct gs_kubenode *node,
                         struct gs_err *err);

/* No more nodes; the first pod says the same. GS_INVALID: a node was added twice. */
int gs_kubeplan_end_nodes(struct gs_kubeplan *plan, struct gs_err *err);

/* The pod may go when this returns. GS_INVALID: it, or a node, was added twice. GS_LIMIT: too many
 * kinds (core/demand.h). GS_NO_MEMORY. */
int gs_kubeplan_add_pod(struct gs_kubeplan *plan, const struct gs_kubepod *pod, struct gs_err *err);

/* Adds the demand to `demand` and makes the summary; the plan takes nothing after this. */
int gs_kubeplan_finish(struct gs_kubeplan *plan, struct gs_demand *demand,
                       const struct gs_kubeplan_summary **ret, struct gs_err *err);

/* One file of `kubectl get -o json`. */
struct gs_kubeplan_file {
    const char *label;
    uint64_t size; /* 0: not known */
    struct gs_kubelist_source source;
};

/* Reads the files and does all of the above. `nodes` may be NULL. `scratch` holds one object at a
 * time; it must be empty and is left so. Errors name file and line. */
int gs_kubeplan_read(const struct gs_kubeplan_file *pods, const struct gs_kubeplan_file *nodes,
                     struct gs_arena *arena, struct gs_arena *scratch, struct gs_demand *demand,
                     const struct gs_kubeplan_summary **ret, struct gs_err *err);
