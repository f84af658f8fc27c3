/* gpunode: a node's GPUs as an object of the Kubernetes API (gpunodes.gpuslice.dev/v1alpha1).
 *
 * `status` is the agent's: what the hardware has and who holds it. `spec` is the controller's: what
 * single GPUs are to become, each with the revision of the status that it was decided on. The
 * agent carries a wish out if the GPU still has that revision, and otherwise refuses it; either
 * way it says so in the GPU's `decision`. A wish that was answered is history: it is not carried
 * out again after a reboot, as its revision is gone. Sans-I/O. deploy/crds/gpunodes.yaml is the
 * schema; docs/internals/controller.md has the protocol. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "core/statetable.h"

struct json_t; /* jansson's */

#define GS_GPUNODE_GROUP "gpuslice.dev"
#define GS_GPUNODE_VERSION "v1alpha1"
#define GS_GPUNODE_PATH "/apis/gpuslice.dev/v1alpha1/gpunodes"

enum {
    GS_GPUNODE_GPUS_MAX = 16,
    GS_GPUNODE_PODS_MAX = 16, /* that one wish is for */
    GS_GPUNODE_ID_MAX = 63,   /* bytes of a wish's id */
    GS_GPUNODE_MESSAGE_MAX = 1024
};

enum gs_gpunode_slice_state {
    GS_GPUNODE_FREE,    /* nobody holds it, the kubelet may give it away */
    GS_GPUNODE_HELD,    /* a pod or a process has it, or it is not known that none has */
    GS_GPUNODE_GRANTED, /* given away, the pod is not listed yet */
    GS_GPUNODE_LEAVING, /* a re-cut is about to take it */
    GS_GPUNODE_SICK     /* not given away until it is well */
};

struct gs_gpunode_pod {
    const char *name_space;
    const char *name;
    const char *uid; /* "": not known */
};

/* A GPU instance. */
struct gs_gpunode_slice {
    struct gs_profile_name profile;
    uint8_t start; /* memory unit */
    uint8_t size;  /* memory units */
    enum gs_gpunode_slice_state state;
    bool plain;           /* one compute instance that fills it; others are never re-cut by us */
    const char *resource; /* that it counts for: "nvidia.com/mig-1g.5gb" */
    const char *uuid;     /* of its MIG device; "": none, or several */
    struct gs_gpunode_pod holder; /* texts "": nobody, or not a pod */
};

enum gs_gpunode_result {
    GS_GPUNODE_NONE, /* no wish was seen yet */
    GS_GPUNODE_RUNNING,
    GS_GPUNODE_DONE,
    GS_GPUNODE_STALE,  /* the GPU has changed since: decide anew */
    GS_GPUNODE_BUSY,   /* a slice in the way is in use, or pods were faster */
    GS_GPUNODE_FAILED, /* the message says why */
    GS_GPUNODE_REFUSED /* it can never be: no such profile, does not fit */
};

/* How the last wish for a GPU was answered. */
struct gs_gpunode_decision {
    char id[GS_GPUNODE_ID_MAX + 1]; /* "": none */
    enum gs_gpunode_result result;
    const char *message; /* for people; "": nothing to say */
    uint64_t at_us;      /* CLOCK_REALTIME */
};

struct gs_gpunode_gpu {
    unsigned index;
    const char *uuid;
    const char *model;   /* id of the catalogue; "": not known there */
    const char *product; /* NVML's name */
    bool mig;            /* cut into slices */
    bool whole_held;     /* not mig: a pod or process has it */
    bool healthy;
    uint64_t revision; /* grows with each change of the slices, never again the same, 1 at first */
    const struct gs_gpunode_slice *slices; /* by start, then profile */
    unsigned n_slices;                     /* GS_MEMORY_UNITS_MAX at most */
    struct gs_gpunode_decision decision;
};

/* What a GPU is to become. */
struct gs_gpunode_wish {
    const char *id; /* one decision, one id */
    const char *uuid;
    uint64_t based_on;                 /* the revision that it was decided on */
    const char *layout;                /* placed form of core/layout.h; "": the empty GPU */
    const char *reason;                /* for people */
    const struct gs_gpunode_pod *pods; /* that are to get its new slices */
    unsigned n_pods;
};

struct gs_gpunode_condition {
    const char *type; /* "Ready" */
    bool is_true;
    const char *reason; /* "AllSlicesOffered" */
    const char *message;
    uint64_t since_us; /* CLOCK_REALTIME */
};

struct gs_gpunode {
    const char *name; /* of the node */
    const char *uid;
    const char *resource_version;
    const char *node_uid;              /* by its owner reference; "": none */
    const struct gs_gpunode_gpu *gpus; /* by index */
    unsigned n_gpus;
    const struct gs_gpunode_wish *wishes; /* one a GPU at most */
    unsigned n_wishes;
    const struct gs_gpunode_condition *conditions;
    unsigned n_conditions;
    const char *agent; /* its version; "": none has written yet */
    uint64_t seen_us;  /* when the agent last wrote; 0: never */
};

/* "Free", "Done": as they stand in the object. */
const char *gs_gpunode_state_text(enum gs_gpunode_slice_state state);
const char *gs_gpunode_result_text(enum gs_gpunode_result result);

/* Everything lives in the arena. What a newer version says beside this is passed over. GS_INVALID:
 * what the schema would refuse; the text names object and field. GS_LIMIT, GS_NO_MEMORY. */
int gs_gpunode_parse(const struct json_t *object, struct gs_arena *arena, struct gs_gpunode *ret,
                     struct gs_err *err);

/* The whole object for a server-side apply: of the agent (apiVersion, kind, name, owner, status),
 * or of the controller (…, spec). GS_INVALID: not UTF-8; GS_LIMIT, GS_NO_MEMORY. */
int gs_gpunode_write_status(const struct gs_gpunode *node, struct gs_buf *out, struct gs_err *err);
int gs_gpunode_write_spec(const struct gs_gpunode *node, struct gs_buf *out, struct gs_err *err);
