/* catalog: every GPU model that gpuslice knows, and how a user may name one.
 *
 * The table is made at build time from data/gpu-models.json. Pure, constant, thread-safe. */
#pragma once

#include "core/model.h"

/* All models, in the order of the JSON file. */
const struct gs_model *gs_catalog(size_t *ret_count);

/* Finds a model by its id ("A100-40GB"), by NVML's product name with or without "NVIDIA "
 * ("A100-SXM4-40GB", "H200 NVL"), by the product name as GPU feature discovery labels it (blanks
 * as dashes, "NVIDIA-A100-SXM4-40GB"), or by PCI id ("0x20B010DE", or "20b0", "10de:20b0").
 * Letters may be upper or lower case. A family or an incomplete name ("A100") that fits exactly
 * one model finds it.
 * GS_NOT_FOUND: no model fits; the text names the nearest or all.
 * GS_AMBIGUOUS: several fit; the text lists them. */
int gs_catalog_find(struct gs_view name, const struct gs_model **ret_model, struct gs_err *err);

/* True when some model of the catalogue has this profile. */
bool gs_catalog_has_profile(const struct gs_profile_name *name);
