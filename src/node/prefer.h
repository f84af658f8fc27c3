/* prefer: which of the devices that are free a container should get.
 *
 * Slices, packed: those that cost the fewest placements that their GPUs could still be cut to
 * beside what is held, of equals on the GPU that is used more (the core's policy min-loss); spread:
 * on the GPU that is used least (its policy spread). The sum is the least possible for any number
 * of slices. Replicas: distributed or packed over the devices, as NVIDIA's plugin. Whole GPUs: on
 * as few NUMA nodes as possible. docs/internals/node.md. */
#pragma once

#include "node/offer.h"

struct gs_prefer {
    const struct gs_offer *offer;
    const struct gs_offer_resource *resource;
    const struct gs_agentconfig *config;
    const bool *held; /* one entry a slice of the snapshot: somebody holds it, as far as is known.
                         Of `resource` those that are not available count as held too. NULL: none */
};

/* Chooses choice->size ids among choice->available, all of choice->must_include among them and
 * first. GS_INVALID: size is less than the required ones, or one is given twice. GS_NOT_FOUND: an
 * unknown id is required; unknown ones that are available are passed over. GS_INFEASIBLE: fewer
 * available than asked for. GS_NO_MEMORY. */
int gs_prefer(struct gs_arena *arena, const struct gs_prefer *with,
              const struct gs_dp_choice *choice, struct gs_dp_ids *ret, struct gs_err *err);
