/* profile_rule: NVIDIA's rule for the name of a GPU instance profile.
 *
 * The name is not told by every driver, and others (Kubernetes resources, mig-parted files) make it
 * from the facts: part of the memory in eighths, times the GPU's memory in GiB rounded up
 * (go-nvlib, pkg/nvlib/device/mig_profile.go). Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Writes "1g.5gb+me". `attrs` is what follows "gb", sign included, or "". Empty when the memory of
 * the GPU or of the profile is not known (UINT64_MAX, UINT32_MAX, 0 of the GPU) or does not make
 * sense: nothing may be named by a guess. */
void gs_profile_rule_name(uint32_t compute_slices, uint32_t memory_mib, uint64_t gpu_bytes,
                          const char *attrs, char *ret_name, size_t size);

/* What follows "gb" in the name of a profile with this NVML_GPU_INSTANCE_PROFILE_* number: "",
 * "+me", "+gfx", "-me", "+me.all". NULL: a number that is newer than this program. */
const char *gs_profile_rule_attrs(uint32_t nvml_profile);
