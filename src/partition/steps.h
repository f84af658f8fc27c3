/* steps: the steps of one GPU instance, written one after another into a change. Private to
 * change.h. Pure; no I/O, no allocation. */
#pragma once

#include "partition/change.h"

/* Compute instances on their way into a GI. */
struct gs_steps_making {
    const struct gs_geometry_gi *want;
    const struct gs_inside_plan *inside;
    unsigned of_slices; /* of the GI */
    bool places;        /* the driver creates them where it is told */
    unsigned attempt;
};

/* What every step of an instance that is there says. */
struct gs_change_step gs_steps_of(const struct gs_gpu_instance *gi);

/* Its compute slice as it is written down; GS_INSIDE_ANYWHERE: not known, or what no GI has. */
uint8_t gs_steps_start(const struct gs_compute_instance *ci);

/* One more compute instance into a list. */
void gs_steps_list(struct gs_change_cis *cis, uint32_t profile, uint8_t start);

/* The instance goes, with all in it; comes; or stays, and its compute instances become others. */
void gs_steps_gone(struct gs_change *change, const struct gs_gpu_instance *gi);
void gs_steps_new(struct gs_change *change, const struct gs_model *model, unsigned start,
                  const struct gs_steps_making *making);
void gs_steps_stay(struct gs_change *change, const struct gs_gpu_instance *gi,
                   const struct gs_steps_making *making);

/* One compute instance goes. */
void gs_steps_destroy_ci(struct gs_change *change, struct gs_change_step step,
                         const struct gs_compute_instance *ci);

/* Whether a step is the first of its GPU instance: those before it leave whole slices. */
bool gs_steps_begins(const struct gs_change *change, unsigned k);

/* Those missing come; what they are is added to what the GI shall have, in all of its steps from
 * `first` on. */
void gs_steps_create_cis(struct gs_change *change, const struct gs_change_step *step,
                         const struct gs_steps_making *making, unsigned first);
