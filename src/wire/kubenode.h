/* kubenode: what planning needs to know of one Kubernetes Node object.
 *
 * Its labels and taints, what pods may use (status.allocatable), and which GPU it has, from the
 * labels that GPU feature discovery sets. It shows counts, not which GPU holds what. Source of the
 * labels: NVIDIA k8s-device-plugin v0.20, internal/lm. */
#pragma once

#include "core/constraint.h"
#include "core/demand.h"
#include "wire/kuberequest.h"

struct json_t;

enum { GS_KUBENODE_SLICES_MAX = GS_PROFILES_MAX }; /* different slice resources of one node */

/* What "nvidia.com/gpu" counts there. */
enum gs_kubenode_gpu {
    GS_KUBENODE_WHOLE, /* whole GPUs */
    GS_KUBENODE_SLICE, /* MIG strategy single: slices of one profile */
    GS_KUBENODE_SHARE  /* time-slicing or MPS: shares of a GPU or slice, no hardware of its own;
                          or a mixture of slices that the device plugin cannot offer */
};

struct gs_kubenode_slices {
    struct gs_profile_name profile;
    uint64_t count;
    bool shared; /* counts shares, not slices */
};

struct gs_kubenode {
    const char *name;
    struct gs_node_facts facts; /* complete; a cordoned node has its taint */
    bool cordoned;
    uint64_t cpu_milli;
    uint64_t memory_bytes;
    uint64_t pods;
    uint64_t gpus; /* of nvidia.com/gpu */
    enum gs_kubenode_gpu gpu_means;
    struct gs_profile_name single;     /* GS_KUBENODE_SLICE */
    struct gs_kubenode_slices *slices; /* of nvidia.com/mig-* */
    size_t n_slices;
    const struct gs_kubeamount *others; /* of all other resources, none of them 0 */
    size_t n_others;
    const char *product; /* the GPU's name as labelled, without what sharing and MIG add to it
                            ("NVIDIA-A100-SXM4-40GB"); "" when there is no label */
    const struct gs_model *model; /* of that name; NULL: no such model is known */
    const char *instance_type;    /* node.kubernetes.io/instance-type; "" when not labelled */
};

/* A value of the label nvidia.com/gpu.product taken apart. */
struct gs_kubenode_product {
    struct gs_view name; /* without "-MIG-<profile>" and "-SHARED" */
    enum gs_kubenode_gpu means;
    struct gs_profile_name profile; /* GS_KUBENODE_SLICE */
};
struct gs_kubenode_product gs_kubenode_product(struct gs_view label);

/* All of the result lives in the arena. GS_INVALID: no name, an amount or a type that is wrong.
 * GS_LIMIT: more slice resources or amounts than a node can have. GS_NO_MEMORY. */
int gs_kubenode_parse(const struct json_t *object, struct gs_arena *arena, struct gs_kubenode *ret,
                      struct gs_err *err);

/* "": it has no such label. */
const char *gs_kubenode_label(const struct gs_kubenode *node, const char *key);

/* The Ready condition of a Node's status; *ret_message (may be NULL) is what goes with it, borrowed
 * from the object, "" where there is none. */
bool gs_kubenode_is_ready(const struct json_t *object, const char **ret_message);

#define GS_KUBENODE_STARTUP_TAINT "gpuslice.dev/startup"

/* It has our startup taint, or Karpenter, which made it, has not called it initialized: nothing is
 * done to it before. */
bool gs_kubenode_is_starting(const struct gs_kubenode *node);
