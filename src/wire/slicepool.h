/* slicepool: what a user asks of us for their slices (slicepools.gpuslice.dev/v1alpha1).
 *
 * Which instance types may be bought, what they are cut into, and up to which limits. Sans-I/O.
 * deploy/crds/slicepools.yaml is the schema and says the defaults, which the API server fills in;
 * the reader fills in the same where they lack. */
#pragma once

#include "base/arena.h"
#include "core/constraint.h"
#include "core/model.h"
#include "wire/gpunode.h" /* its conditions */

struct json_t; /* jansson's */

#define GS_SLICEPOOL_PATH "/apis/gpuslice.dev/v1alpha1/slicepools"

enum {
    GS_SLICEPOOL_TYPES_MAX = 32,
    GS_SLICEPOOL_ZONES_MAX = 32,
    GS_SLICEPOOL_TAINTS_MAX = 32,
    GS_SLICEPOOL_LABELS_MAX = 64,
    GS_SLICEPOOL_PROFILES_MAX = 64,
    GS_SLICEPOOLS_MAX = 256,      /* of one cluster */
    GS_SLICEPOOL_PARTS_MAX = 512, /* NodePools of one SlicePool */
    GS_SLICEPOOL_USD_MAX = 24     /* bytes of dollars as text, with their end */
};

enum gs_slicepool_moves { GS_SLICEPOOL_MOVES_NEVER, GS_SLICEPOOL_MOVES_OPT_IN };

/* What re-cuts of its nodes may make. */
enum gs_slicepool_recut { GS_SLICEPOOL_RECUT_ANY, GS_SLICEPOOL_RECUT_PROFILES };

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
    uint32_t spot_percent;    /* of the price on demand, 1 to 100; counts where all is spot */
    const char *const *zones; /* none: any */
    unsigned n_zones;
    const struct gs_profile_name *profiles; /* none: all that the instance types' GPUs have */
    unsigned n_profiles;
    uint64_t gpus_limit; /* UINT64_MAX: none */
    uint64_t uusd_limit; /* millionths of a dollar an hour; UINT64_MAX: none */
    enum gs_slicepool_moves moves;
    enum gs_slicepool_recut recut; /* PROFILES without profiles: all that the GPUs have */
    enum gs_slicepool_scaling scaling;
    const struct gs_slicepool_warm *warm;
    unsigned n_warm;
    const struct gs_label *labels; /* of its nodes, beside ours */
    unsigned n_labels;
    const struct gs_taint *taints; /* of its nodes */
    unsigned n_taints;
    uint32_t empty_after_s;  /* an empty node goes after so long; 600 */
    uint32_t start_limit_s;  /* a node that is not initialized by then is ended; 1200 */
    uint32_t expire_after_s; /* UINT32_MAX: never; 2592000 (720 h) */
};

/* Everything lives in the arena. GS_INVALID: what the schema would refuse; the text names object
 * and field. GS_LIMIT, GS_NO_MEMORY. */
int gs_slicepool_parse(const struct json_t *object, struct gs_arena *arena,
                       struct gs_slicepool *ret, struct gs_err *err);

/* The same of one whose spec cannot be read: name, uid, generation, deleting, and scaling, profiles
 * and recut where they can be read. It may buy nothing: there are no instance types. GS_INVALID: it
 * has no name.
 */
int gs_slicepool_parse_head(const struct json_t *object, struct gs_arena *arena,
                            struct gs_slicepool *ret, struct gs_err *err);

/* Whether the profile is among the pool's; it is where the pool lists none. */
bool gs_slicepool_lists(const struct gs_slicepool *pool, const struct gs_profile_name *profile);

/* One of the NodePools that were made of it. */
struct gs_slicepool_part {
    const char *name; /* of the NodePool */
    const char *instance_type;
    const char *layout; /* of a node: as in the label nvidia.com/mig.config */
    uint32_t nodes;
    bool open;          /* nodes may be bought from it */
    const char *reason; /* why it is closed, for people; "": open */
};

struct gs_slicepool_status {
    const char *name; /* of the SlicePool */
    uint64_t observed_generation;
    const struct gs_gpunode_condition *conditions; /* "Ready", "Open", ... */
    unsigned n_conditions;
    const struct gs_slicepool_part *parts;
    unsigned n_parts;
    uint64_t gpus;          /* of its nodes */
    uint64_t uusd;          /* what they cost an hour, in millionths of a dollar */
    const char *region;     /* whose prices those are; NULL or "": the controller knows of none */
    const char *controller; /* version of the controller that wrote it; NULL or "": not told */
};

/* The whole object (apiVersion, kind, name, status) for a server-side apply. GS_INVALID: not UTF-8;
 * GS_LIMIT, GS_NO_MEMORY. */
int gs_slicepool_write_status(const struct gs_slicepool_status *status, struct gs_buf *out,
                              struct gs_err *err);

/* The status of a SlicePool; one that has none yet is all "", 0 and none. Everything lives in the
 * arena. GS_INVALID: what the schema would refuse; GS_LIMIT, GS_NO_MEMORY. */
int gs_slicepool_parse_status(const struct json_t *object, struct gs_arena *arena,
                              struct gs_slicepool_status *ret, struct gs_err *err);

/* Millionths of a dollar as a decimal, exactly: 1500000 is "1.5". */
void gs_slicepool_usd_format(uint64_t uusd, char ret[GS_SLICEPOOL_USD_MAX]);

/* The same back: "200", "0.25"; six digits behind the point and 999999999 dollars at most. False:
 * anything else. */
bool gs_slicepool_usd_parse(struct gs_view text, uint64_t *ret_uusd);
