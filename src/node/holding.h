/* holding: who holds which slice, and which are idle.
 *
 * Idle: no live pod holds it in pod-resources or in the kubelet's checkpoint, no grant is in
 * flight, no process is on it. Whatever could not be read makes busy all that it might have named.
 * The rules are in docs/internals/agent.md, "Shrinking", and docs/internals/node.md. */
#pragma once

#include "node/offer.h"
#include "wire/kubeletcheckpoint.h"
#include "wire/podresources.h"

/* A pod of this node by the API or the kubelet. */
struct gs_holder_pod {
    const char *uid;
    const char *name_space;
    const char *name;
    bool finished; /* Succeeded or Failed: all its containers have ended for good */
};

/* Allocate was answered; pod-resources does not show it yet. */
struct gs_holder_grant {
    const char *resource;
    const char *const *ids;
    unsigned n_ids;
    uint64_t age_us; /* since the answer */
};

struct gs_holder_process {
    unsigned gpu;
    uint32_t gi; /* GS_NOT_KNOWN: of the whole GPU */
    uint32_t ci;
    uint32_t pid;
    const char *pod_uid; /* "" : of no pod, or not known */
};

/* NULL or false: it could not be read. */
struct gs_holding_input {
    const struct gs_offer *offer;
    const struct gs_podres_list *listed;
    const struct gs_kubelet_checkpoint *checkpoint;
    bool pods_known;          /* the pods below are all of this node */
    bool pod_dirs_known;      /* the names in <kubelet root>/pods are all there are */
    uint32_t processes_known; /* bit g: of GPU g */
    unsigned n_pods;
    unsigned n_pod_dirs;
    unsigned n_grants;
    unsigned n_processes;
    uint64_t grant_timeout_us; /* a grant that is older and that nobody shows is over */
    const struct gs_holder_pod *pods;
    const char *const *pod_dirs;
    const struct gs_holder_grant *grants;
    const struct gs_holder_process *processes;
};

/* Why a slice is not idle; a set, and what is found first is the text. */
enum gs_hold {
    GS_HOLD_POD = 1,        /* pod-resources */
    GS_HOLD_CHECKPOINT = 2, /* only in the checkpoint */
    GS_HOLD_GRANT = 4,
    GS_HOLD_PROCESS = 8,
    GS_HOLD_UNREADABLE = 16
};

/* A container that has a slice or GPU, by pod-resources or the kubelet's record. */
struct gs_held_by {
    const char *name_space; /* "", as pod, where only the pod's UID is known */
    const char *pod;
    const char *container;
    const char *pod_uid; /* "": not known */
    unsigned replica;    /* the first that it has; GS_NOT_KNOWN: the device is not shared */
};

struct gs_held {
    unsigned why;           /* set of enum gs_hold; 0: idle */
    const char *name_space; /* of the holder; "" where there is none or it is not known */
    const char *pod;
    const char *container;
    const char *pod_uid;
    uint32_t pid;       /* GS_NOT_KNOWN */
    unsigned n_holders; /* containers that hold it: several with replicas; of a GPU all of them */
    const struct gs_held_by *holders; /* of a slice, and of a GPU that is held whole; else NULL */
    const char *text;                 /* "pod default/train, container main"; "" when idle */
};

struct gs_holding {
    unsigned n_slices;
    const struct gs_held *slices; /* one a slice of the snapshot */
    unsigned n_gpus;
    const struct gs_held *gpus;            /* one a GPU: whole, or held by any of its slices */
    unsigned n_strangers;                  /* ids that are held and that their resource lacks: */
    const struct gs_offer_gone *strangers; /* they must stay in their lists, unhealthy */
    struct gs_conditions conditions;
};

/* Everything of `input` must outlive the result. GS_NO_MEMORY; GS_LIMIT: more than
 * GS_OFFER_GONE_MAX strangers. Where it fails, everything is busy. */
int gs_holding_new(struct gs_arena *arena, const struct gs_holding_input *input,
                   struct gs_holding *ret, struct gs_err *err);

/* Whether pod-resources shows all ids of a grant: it is not in flight any more. */
bool gs_holding_shows(const struct gs_podres_list *listed, const struct gs_holder_grant *grant);

static inline bool gs_held_idle(const struct gs_held *held)
{
    return held->why == 0;
}
