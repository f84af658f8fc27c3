/* slicepool: what a user asks of us for their slices (slicepools.gpuslice.dev/v1alpha1).
 *
 * Which instance types may be bought, what they are cut into, and up to which limits. Sans-I/O.
 * deploy/crds/slicepools.yaml is the schema and says the defaults, which the API server fills in;
 * the reader fills in the same where they lack. */
#pragma once

#include "base/arena.h"
#include "core/constraint.h"
#include "core/model.h"

struct json_t; /* jansson's */

#define GS_SLICEPOOL_PATH "/apis/gpuslice.dev/v1alpha1/slicepools"

enum {
    GS_SLICEPOOL_TYPES_MAX = 32,
    GS_SLICEPOOL_ZONES_MAX = 32,
    GS_SLICEPOOL_TAINTS_MAX = 32,
    GS_SLICEPOOL_LABELS_MAX = 64,
    GS_SLICEPOOL_PROFILES_MAX = 64,
    GS_SLICEPOOLS_MAX = 256 /* of one cluster */
};

enum gs_slicepool_moves { GS_SLICEPOOL_MOVES_NEVER, GS_SLICEPOOL_MOVES_OPT_IN };

/* Where Karpenter's NodeOverlay is not to be had: static pools that we scale. */
enum gs_slicepool_scaling { GS_SLICEPOOL_OVERLAY, GS_SLICEPOOL_STATIC };

struct gs_slicepool_warm {
    struct gs_profile_name profile;
    uint32_t count; /* free slices that are always kept */
};

struct gs_slicepool_class {
    const char *group; /* "karpenter.k8s.aws" */
    const char *kind;  /* "EC2NodeClass" */
    const char *name;
};

struct gs_slicepool {
    const char *name;
    const char *uid;
    uint64_t generation;
    bool deleting;
    struct gs_slicepool_class node_class;
    const char *const *instance_types; /* in the user's order */
    unsigned n_instance_types;
    const char *const *capacity_types; /* "reserved", "spot", "on-demand" */
    unsigned n_capacity_types;
    const char *const *zones; /* none: any */
    unsigned n_zones;
    const struct gs_profile_name *profiles; /* none: all that the instance types' GPUs have */
    unsigned n_profiles;
    uint64_t gpus_limit;       /* UINT64_MAX: none */
    uint64_t uusd_limit;       /* millionths of a dollar an hour; UINT64_MAX: none */
    enum gs_slicepool_moves moves;
    enum gs_slicepool_scaling scaling;
    const struct gs_slicepool_warm *warm;
    unsigned n_warm;
    const struct gs_label *labels; /* of its nodes, beside ours */
    unsigned n_labels;
    const struct gs_taint *taints; /* of its nodes */
    unsigned n_taints;
    uint32_t empty_after_s;   /* an empty node goes after so long; 600 */
    uint32_t start_limit_s;   /* a node that is not initialized by then is ended; 1200 */
    uint32_t expire_after_s;  /* UINT32_MAX: never; 2592000 (720 h) */
};

/* Everything lives in the arena. GS_INVALID: what the schema would refuse; the text names object and
 * field. GS_LIMIT, GS_NO_MEMORY. */
int gs_slicepool_parse(const struct json_t *object, struct gs_arena *arena,
                       struct gs_slicepool *ret, struct gs_err *err);
