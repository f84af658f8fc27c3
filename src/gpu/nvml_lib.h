/* nvml_lib: libnvidia-ml.so.1 as found on this machine: its functions and its codes.
 *
 * Functions are found by name, the newest version of each first, as NVIDIA's own bindings do
 * (go-nvml, pkg/nvml/lib.go). One that the driver does not have is NULL here; callers go through
 * GS_NVML, which then gives NVML_ERROR_FUNCTION_NOT_FOUND. Private to the room. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "gpu/nvml_abi.h"

struct gs_nvml_lib {
    void *handle;
    int (*init)(void);
    int (*shutdown)(void);
    const char *(*error_string)(int code);
    int (*driver_version)(char *text, unsigned size);
    int (*nvml_version)(char *text, unsigned size);
    int (*cuda_version)(int *version);

    int (*device_count)(unsigned *n);
    int (*device_by_index)(unsigned index, struct nvml_device **device);
    int (*name)(struct nvml_device *device, char *text, unsigned size);
    int (*uuid)(struct nvml_device *device, char *text, unsigned size);
    int (*serial)(struct nvml_device *device, char *text, unsigned size);
    int (*minor)(struct nvml_device *device, unsigned *minor);
    int (*pci)(struct nvml_device *device, struct nvml_pci_info *info);
    int (*memory)(struct nvml_device *device, struct nvml_memory *memory);
    int (*architecture)(struct nvml_device *device, unsigned *architecture);
    int (*compute_capability)(struct nvml_device *device, int *major, int *minor);
    int (*field_values)(struct nvml_device *device, int n, struct nvml_field_value *values);

    int (*index)(struct nvml_device *device, unsigned *index);
    int (*virtualization)(struct nvml_device *device, unsigned *mode);
    int (*fabric_v)(struct nvml_device *device, void *info);
    int (*fabric)(struct nvml_device *device, struct nvml_fabric_info *info);

    int (*memory_v2)(struct nvml_device *device, struct nvml_memory_v2 *memory);
    int (*clock)(struct nvml_device *device, unsigned type, unsigned *mhz);
    int (*temperature)(struct nvml_device *device, unsigned sensor, unsigned *celsius);
    int (*power)(struct nvml_device *device, unsigned *milliwatts);
    int (*energy)(struct nvml_device *device, uint64_t *millijoules);
    int (*pcie_replays)(struct nvml_device *device, unsigned *count);
    int (*utilization)(struct nvml_device *device, struct nvml_utilization *percent);
    int (*encoder)(struct nvml_device *device, unsigned *percent, unsigned *period_us);
    int (*decoder)(struct nvml_device *device, unsigned *percent, unsigned *period_us);
    int (*remapped)(struct nvml_device *device, unsigned *corrected, unsigned *uncorrected,
                    unsigned *pending, unsigned *failed);

    int (*gpm_support)(struct nvml_device *device, struct nvml_gpm_support *support);
    int (*gpm_alloc)(struct nvml_gpm_sample **sample);
    int (*gpm_free)(struct nvml_gpm_sample *sample);
    int (*gpm_get)(struct nvml_device *device, struct nvml_gpm_sample *sample);
    int (*gpm_get_mig)(struct nvml_device *device, unsigned gi, struct nvml_gpm_sample *sample);
    int (*gpm_metrics)(struct nvml_gpm_metrics_get *get);

    int (*event_types)(struct nvml_device *device, uint64_t *types);
    int (*event_set)(struct nvml_event_set **set);
    int (*event_register)(struct nvml_device *device, uint64_t types, struct nvml_event_set *set);
    int (*event_wait)(struct nvml_event_set *set, struct nvml_event_data *data, unsigned limit_ms);
    int (*event_free)(struct nvml_event_set *set);

    int (*mig_mode)(struct nvml_device *device, unsigned *current, unsigned *pending);
    int (*set_mig_mode)(struct nvml_device *device, unsigned mode, int *status);
    int (*mig_max)(struct nvml_device *device, unsigned *n);
    int (*mig_by_index)(struct nvml_device *device, unsigned index, struct nvml_device **mig);
    int (*mig_attributes)(struct nvml_device *mig, struct nvml_attributes *attributes);
    int (*mig_gi_id)(struct nvml_device *mig, unsigned *id);
    int (*mig_ci_id)(struct nvml_device *mig, unsigned *id);

    int (*gi_profile_v)(struct nvml_device *device, unsigned profile, void *info);
    int (*gi_profile)(struct nvml_device *device, unsigned profile,
                      struct nvml_gi_profile_info *info);
    int (*gi_placements)(struct nvml_device *device, unsigned profile_id,
                         struct nvml_placement *placements, unsigned *n);
    int (*gi_create)(struct nvml_device *device, unsigned profile_id,
                     const struct nvml_placement *placement, struct nvml_gi **gi);
    int (*gi_destroy)(struct nvml_gi *gi);
    int (*gi_list)(struct nvml_device *device, unsigned profile_id, struct nvml_gi **gis,
                   unsigned *n);
    int (*gi_by_id)(struct nvml_device *device, unsigned id, struct nvml_gi **gi);
    int (*gi_info)(struct nvml_gi *gi, struct nvml_gi_info *info);

    int (*ci_profile)(struct nvml_gi *gi, unsigned profile, unsigned engine_profile,
                      struct nvml_ci_profile_info *info);
    int (*ci_placements)(struct nvml_gi *gi, unsigned profile_id, struct nvml_placement *placements,
                         unsigned *n);
    int (*ci_create)(struct nvml_gi *gi, unsigned profile_id, struct nvml_ci **ci);
    int (*ci_create_at)(struct nvml_gi *gi, unsigned profile_id,
                        const struct nvml_placement *placement, struct nvml_ci **ci);
    int (*ci_destroy)(struct nvml_ci *ci);
    int (*ci_list)(struct nvml_gi *gi, unsigned profile_id, struct nvml_ci **cis, unsigned *n);
    int (*ci_by_id)(struct nvml_gi *gi, unsigned id, struct nvml_ci **ci);
    int (*ci_info)(struct nvml_ci *ci, struct nvml_ci_info *info);    /* _v2 */
    int (*ci_info_v1)(struct nvml_ci *ci, struct nvml_ci_info *info); /* without the placement */

    /* compute, graphics, MPS; `_v1` fills struct nvml_process_info_v1 */
    int (*processes[3])(struct nvml_device *device, unsigned *n, struct nvml_process_info *list);
    int (*processes_v1[3])(struct nvml_device *device, unsigned *n,
                           struct nvml_process_info_v1 *list);
};

/* Calls a function of the library, or gives the code for one that is not there. */
#define GS_NVML(lib, function, ...)                                                                \
    ((lib)->function != NULL ? (lib)->function(__VA_ARGS__) : NVML_ERROR_FUNCTION_NOT_FOUND)

/* Opens `path`, a file or a name that the loader looks for. GS_NOT_FOUND: there is none, or the
 * loader refuses it (its reason is in the text). GS_UNSUPPORTED: it lacks what every driver has. */
int gs_nvml_lib_open(const char *path, struct gs_nvml_lib *ret, struct gs_err *err);

/* Fine on a zeroed one. */
void gs_nvml_lib_close(struct gs_nvml_lib *lib);

/* NVML's word for a code without its prefix, "IN_USE"; "?" for one that we do not know. */
const char *gs_nvml_word(int code);

/* Whether the code says that the GPU or the driver is gone, so that any other call would too. */
bool gs_nvml_is_gone(int code);

/* Fails with what `code` stands for in gpu.h; the text is "<what>: NVML says IN_USE (19)". */
int gs_nvml_fail(const struct gs_nvml_lib *lib, int code, struct gs_err *err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
