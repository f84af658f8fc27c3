/* inside: what the files of the simulated machine share among themselves. */
#pragma once

#include "simdriver/machine.h"

/* A driver that the simulation knows. */
struct sim_driver {
    uint32_t major;
    const char *version;
    uint32_t cuda;         /* what nvmlSystemGetCudaDriverVersion says */
    uint32_t last_profile; /* the last NVML_GPU_INSTANCE_PROFILE_* that it knows */
};

/* NULL: none of that number. */
const struct sim_driver *sim_driver_find(uint32_t major);

/* NULL: no model has this id. */
const struct gs_model *sim_model_by_id(const char *id);

/* The GPU with this number. SIM_INVALID_ARGUMENT: none; SIM_GPU_IS_LOST. */
int sim_gpu_get(const struct sim_machine *machine, unsigned gpu, const struct sim_gpu **ret);

/* Whether a profile of the model may be created on the GPU by the machine's driver. */
bool sim_profile_is_offered(const struct sim_machine *machine, const struct gs_profile *profile,
                            const struct gs_model *model);

/* The memory units and the counts a profile of what is cut into the GPU. */
uint16_t sim_taken_units(const struct gs_model *model, const struct sim_gpu *gpu,
                         uint8_t ret_counts[GS_PROFILES_MAX]);

/* Whether what is counted may be on one GPU with this driver: the model's limits, and no 4g beside
 * a 3g before driver 510. */
bool sim_counts_fit(const struct sim_machine *machine, const struct gs_model *model,
                    const uint8_t counts[GS_PROFILES_MAX]);

/* The compute slices of a GI that its CIs take, bit s: slice s. */
uint32_t sim_taken_slices(const struct sim_gi *gi);

/* The files of the GPU, or of the machine, have to change. */
void sim_tree_changes(struct sim_machine *machine, struct sim_gpu *gpu);

/* A name-based UUID of version 5's form from `text`, without a hyphen's worth of chance: the same
 * text gives the same UUID. 36 characters. */
void sim_uuid(const char *text, char ret_uuid[37]);
