/* kubepod: what planning needs to know of one Kubernetes Pod object.
 *
 * Reads it, judges nothing: whether the pod is demand is kubeplan's business. Rules of the
 * scheduler that the planner does not obey are named in `unobeyed`, never dropped in silence. */
#pragma once

#include "core/demand.h"
#include "wire/kuberequest.h"

struct json_t;

enum gs_kubepod_phase {
    GS_KUBEPOD_PENDING, /* also when the object has no status yet */
    GS_KUBEPOD_RUNNING,
    GS_KUBEPOD_SUCCEEDED,
    GS_KUBEPOD_FAILED,
    GS_KUBEPOD_UNKNOWN
};

/* What bears on where the pod may run and is not looked at. Bit numbers. */
enum gs_kubepod_unobeyed {
    GS_UNOBEYED_POD_AFFINITY,      /* required pod affinity */
    GS_UNOBEYED_POD_ANTI_AFFINITY, /* required pod anti-affinity */
    GS_UNOBEYED_SPREAD,            /* topologySpreadConstraints with DoNotSchedule */
    GS_UNOBEYED_VOLUMES,           /* persistent volumes, which may be tied to a zone or node: by
                                      who does not ask for its claims */
    GS_UNOBEYED_HOST_PORTS,
    GS_UNOBEYED_CLAIMS, /* resource claims (DRA) */
    GS_UNOBEYED_EPHEMERAL_STORAGE,
    GS_UNOBEYED_HUGEPAGES,
    GS_UNOBEYED_OTHER_RESOURCE, /* vpc.amazonaws.com/efa and the like */
    GS_UNOBEYED_TOLERATION,     /* a toleration that compares numbers, taken as absent */
    GS_UNOBEYED_COUNT
};

enum { GS_KUBEPOD_CLAIMS_MAX = 16 }; /* that are looked at; no GPU node attaches many more */

/* A volume of the pod that is a PersistentVolumeClaim. */
struct gs_kubepod_claim {
    const char *name;
    bool own; /* an ephemeral volume's, which Kubernetes makes for the pod */
};

struct gs_kubepod {
    const char *id; /* "namespace/name" */
    const char *name_space;
    const char *name;
    enum gs_kubepod_phase phase;
    const char *node;       /* spec.nodeName; NULL: not bound */
    const char *owner_kind; /* of the controller; "" without one */
    const char *owner_name;
    bool mirror;   /* of a static pod: the kubelet runs it, nobody schedules it */
    bool deleting; /* has a deletionTimestamp; holds its resources until it is gone */
    int32_t priority;
    uint64_t cpu_milli;
    uint64_t memory_bytes;
    const struct gs_want *wants; /* none: no GPU */
    size_t n_wants;
    const struct gs_kubeamount *others; /* of all other resources */
    size_t n_others;
    bool more_others;                       /* there are more kinds of them than these */
    const struct gs_constraint *constraint; /* NULL: none; without what its volumes require */
    const struct gs_kubepod_claim *claims;
    size_t n_claims;
    bool more_claims;           /* there are more of them than these */
    uint32_t unobeyed;          /* bit i: enum gs_kubepod_unobeyed */
    const char *other_resource; /* the first of GS_UNOBEYED_OTHER_RESOURCE; or NULL */
    const char *refused;        /* a shared or malformed NVIDIA resource it asks for; or NULL */
};

/* In words: "required pod affinity". */
const char *gs_kubepod_unobeyed_text(enum gs_kubepod_unobeyed what);

/* All of the result lives in the arena. GS_INVALID: not what the API server would let pass; the
 * text names the pod once its name is known. GS_LIMIT (kuberequest.h), GS_NO_MEMORY. */
int gs_kubepod_parse(const struct json_t *object, struct gs_arena *arena, struct gs_kubepod *ret,
                     struct gs_err *err);

/* The same of a pod that gs_kubepod_parse does not take, as it asks for more than we reckon with:
 * who it is and where, without what it asks for; `refused` is `why`. */
int gs_kubepod_outline(const struct json_t *object, const char *why, struct gs_arena *arena,
                       struct gs_kubepod *ret, struct gs_err *err);
