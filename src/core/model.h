/* model: what is known of one kind of GPU and of the slices it can be cut into.
 *
 * Plain constant data. Memory is counted in *memory units*, NVML's placement units: unit u of an
 * occupancy is bit u. How many units a GPU has is the driver's choice (8 on A100-class GPUs, 4 on
 * A30, 12 on RTX PRO 6000); nothing here assumes one. Facts that are not known are GS_NOT_KNOWN,
 * never 0. Source of the numbers: data/gpu-models.json. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/profile_name.h"

#define GS_NOT_KNOWN UINT32_MAX

enum {
    GS_PROFILES_MAX = 16,    /* profiles of one model (the most so far: 11) */
    GS_PLACEMENTS_MAX = 64,  /* (profile, start) pairs of one model (the most so far: 30) */
    GS_MEMORY_UNITS_MAX = 16 /* memory units of one GPU (the most so far: 12) */
};

/* Whole engines, handed out by the GPU's total. */
enum gs_engine {
    GS_ENGINE_COPY,
    GS_ENGINE_DECODER,
    GS_ENGINE_ENCODER,
    GS_ENGINE_JPEG,
    GS_ENGINE_OFA,
    GS_ENGINES
};

/* A kind of slice (a GPU instance profile). */
struct gs_profile {
    const char *name; /* as NVIDIA prints it: "1g.5gb+me" */
    struct gs_profile_name parts;
    uint32_t nvml_profile;    /* NVML_GPU_INSTANCE_PROFILE_* value, or GS_NOT_KNOWN */
    uint32_t nvml_profile_id; /* the driver's id ("19" of nvidia-smi mig -lgip) or GS_NOT_KNOWN */
    uint32_t memory_mib;      /* or GS_NOT_KNOWN */
    uint32_t sm_count;        /* or GS_NOT_KNOWN */
    uint32_t engines[GS_ENGINES]; /* each a count or GS_NOT_KNOWN */
    uint8_t compute_slices;       /* 1 to the model's compute_slices */
    uint8_t memory_units;         /* 1 to the model's memory_units; 0 = not known */
    uint8_t max_instances;        /* on an empty GPU */
    uint16_t starts;              /* bit u: may start at memory unit u; 0 = not known */
};

struct gs_variant {
    const char *product_name; /* NVML's name, "NVIDIA A100-SXM4-40GB" */
    uint32_t pci_device_id;   /* device id << 16 | 0x10DE; 0 = not known */
};

struct gs_model {
    const char *id; /* "A100-40GB" */
    const char *family;
    const char *architecture; /* "ampere", "hopper", ... */
    const char *const *product_names;
    const struct gs_variant *variants;
    const struct gs_profile *profiles; /* in the order of the catalogue, smallest first */
    uint8_t n_product_names;
    uint8_t n_variants;
    uint8_t n_profiles;
    uint8_t compute_slices;
    uint8_t memory_units; /* 0 = not known */
    uint8_t max_instances;
    bool placements_known;         /* false: the model is never planned */
    bool verified;                 /* every fact was seen on that GPU; false: some are inherited */
    bool mode_change_needs_reset;  /* Ampere: turning MIG on or off resets the GPU */
    const char *placements_source; /* where the starts come from, in words */
    uint32_t memory_mib;           /* of the whole GPU, or GS_NOT_KNOWN */
    uint32_t memory_gib;           /* rounded up, the number in the full profile's name */
};

/* Finds the profile whose name equals `name` (attributes in any order). -1: the model lacks it. */
int gs_model_profile_index(const struct gs_model *model, const struct gs_profile_name *name);

/* Reads a profile name and finds it in the model. GS_INVALID: not a profile name.
 * GS_NOT_FOUND: the model lacks it; the text lists what it has. */
int gs_model_profile_find(const struct gs_model *model, struct gs_view name, unsigned *ret_index,
                          struct gs_err *err);

/* The memory units that an instance of `profile` at `start` takes. */
static inline uint16_t gs_profile_span(const struct gs_profile *profile, unsigned start)
{
    return (uint16_t)(((1u << profile->memory_units) - 1u) << start);
}

/* How many of a kind of engine (enum gs_engine) the whole GPU has: what its full-GPU profile has.
 * GS_NOT_KNOWN when the use of any profile of the model is not known. */
uint32_t gs_model_engine_total(const struct gs_model *model, unsigned engine);

/* Whether so many instances of each profile stay within the GPU's compute slices, memory units,
 * engines and instance limits. A quick test: necessary on every model, not sufficient where
 * placements matter. `counts` has one entry a profile of the model.
 * Engines that are not known for some profile of the model bind nothing (the reference gives no
 * number to hold them to); max_instances then is the only limit on media variants. */
bool gs_model_counts_within_limits(const struct gs_model *model, const uint8_t *counts);

/* 0, or GS_UNKNOWN with the reason why this model is not planned. */
int gs_model_require_placements(const struct gs_model *model, struct gs_err *err);
