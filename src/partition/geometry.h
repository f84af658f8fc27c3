/* geometry: what one GPU is cut into, what of it is in use, and what it should be cut into.
 *
 * The vocabulary of change.h. A goal is a list of GPU instances, each with its compute instances,
 * made from a mig-parted configuration (goal.h), a checkpoint (places), or from what is there.
 * Profiles of GPU instances are indices into the model, of compute instances numbers of compute
 * slices. Pure; no I/O, no allocation. */
#pragma once

#include "core/transition.h"
#include "gpu/gpu.h"
#include "wire/migspec.h"

/* What is in use, in the order of the instances it was read with. */
struct gs_geometry_busy {
    uint16_t gis;                       /* bit i: at[i], or a compute instance in it */
    uint16_t cis[GS_GPU_INSTANCES_MAX]; /* bit j of [i]: at[i].compute[j] */
};

struct gs_inside;

/* One GPU as it is. */
struct gs_geometry {
    const struct gs_transition_index *index; /* of its model's state table */
    const struct gs_gpu_instances *instances;
    const struct gs_geometry_busy *busy;
    const struct gs_inside *inside; /* by profile of the model; NULL: nothing told (inside.h) */
    bool places_cis; /* the driver creates compute instances where it is told (R525) */
};

/* A compute instance that is wanted. */
struct gs_geometry_ci {
    uint8_t slices;
    bool exact;       /* of NVML profile `profile`; otherwise any with so many slices will do */
    uint32_t profile; /* NVML_COMPUTE_INSTANCE_PROFILE_*, always filled in */
};

/* A GPU instance that is wanted. */
struct gs_geometry_gi {
    uint8_t profile; /* index into the model */
    uint8_t start;   /* memory unit; only with gs_geometry_goal.placed */
    uint8_t n_cis;
    struct gs_geometry_ci cis[GS_COMPUTE_INSTANCES_MAX];
};

struct gs_geometry_goal {
    bool placed;
    unsigned n;
    struct gs_geometry_gi gis[GS_MEMORY_UNITS_MAX];
};

/* Which instances of `cut` (bit i: at[i]) stand in the way of something. */
struct gs_geometry_blockers {
    uint16_t busy;
    uint16_t foreign;
    uint16_t cis[GS_GPU_INSTANCES_MAX]; /* of a busy one the compute instances (bit j) */
};

/* The compute slices of a CI profile of NVML; 0: not one that is known. */
unsigned gs_geometry_ci_slices(uint32_t profile);

/* The NVML profile of a plain CI of so many compute slices; GS_NOT_KNOWN: there is none. */
uint32_t gs_geometry_ci_profile(unsigned slices);

/* A CI that exists: its compute slices, by its profile and, when that is new, by its size. */
unsigned gs_geometry_slices_of(const struct gs_compute_instance *ci);

/* The profile of the model that a GI has, or -1: foreign (docs/internals/partition.md). */
int gs_geometry_profile_of(const struct gs_model *model, const struct gs_gpu_instance *gi);

/* The profile of the model that has this name, its compute slices apart. GS_NOT_FOUND: the model
 * lacks it; the text names the one that differs by one GB, or lists what it has. */
int gs_geometry_profile_find(const struct gs_model *model, const struct gs_profile_name *name,
                             unsigned *ret_profile, struct gs_err *err);

/* What a checkpoint says. GS_NOT_FOUND: a GPU instance profile that the model lacks; GS_INVALID: a
 * place it may not have, or two that overlap; GS_UNSUPPORTED: a compute instance profile or engine
 * profile that is not known. */
int gs_geometry_goal_from_state(const struct gs_model *model, const struct gs_mig_state *state,
                                struct gs_geometry_goal *ret_goal, struct gs_err *err);

/* How a goal reads: "3g.20gb@4,2g.10gb@0(1c,1c)", or without places "1x 3g.20gb, 2x 1g.5gb";
 * "nothing" when it is empty. Cut when too long. */
enum { GS_GEOMETRY_TEXT_MAX = 400 };
void gs_geometry_goal_format(const struct gs_model *model, const struct gs_geometry_goal *goal,
                             char ret_text[GS_GEOMETRY_TEXT_MAX + 1]);

/* The same of what there is; `model` may be NULL (then all reads as foreign), and `which` says
 * which of them (bit i: at[i]). */
void gs_geometry_format(const struct gs_model *model, const struct gs_gpu_instances *instances,
                        uint32_t which, char ret_text[GS_GEOMETRY_TEXT_MAX + 1]);
