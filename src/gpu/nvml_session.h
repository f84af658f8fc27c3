/* nvml_session: an open driver session, and what of it is remembered between calls.
 *
 * Handles of GPUs and the kinds of instances are asked for once and kept, since a driver answers
 * slowly and they do not change; a change of mode and a reset make all of them invalid. Handles of
 * instances are never kept: they die with the instance. Private to the room. */
#pragma once

#include "gpu/gpu_nvml.h"
#include "gpu/gpu_read.h"
#include "gpu/gpu_watch.h"
#include "gpu/nvml_lib.h"

/* The CI profiles of the GIs of one profile. */
struct gs_nvml_ci_kinds {
    bool known;
    unsigned n;
    struct gs_compute_profile at[GS_COMPUTE_PROFILES_MAX];
    struct gs_compute_places places[GS_COMPUTE_PROFILES_MAX]; /* size 0: not asked for yet */
};

/* The last sample of what a slice does, and what it made with the one before. */
struct gs_nvml_activity {
    struct nvml_gpm_sample *sample; /* NULL: none was taken yet */
    int64_t at_ms;                  /* of the sample; 0: it is not of this slice */
    uint64_t generation;            /* that the caller named */
    struct gs_slice_readings last;  /* its activity only */
};

enum { GS_NVML_WHOLE = GS_GPU_INSTANCES_MAX }; /* the index of the whole GPU beside its GIs */

/* What GPUs of one make have in common; those of one make offer the same kinds of instances. */
struct gs_nvml_make {
    bool known;
    char name[GS_GPU_NAME_MAX];
    uint32_t pci_device_id;
    uint32_t pci_subsystem_id;
    uint64_t memory_bytes;
    enum gs_mig_mode mode;
};

/* What is remembered of one GPU. */
struct gs_nvml_gpu {
    struct nvml_device *device; /* NULL: not asked for yet */
    struct gs_nvml_make make;
    bool profiles_known;
    unsigned n_profiles;
    struct gs_gpu_profile profiles[GS_GPU_PROFILES_MAX];
    struct gs_nvml_ci_kinds ci_kinds[GS_GPU_PROFILES_MAX]; /* by index of the GI profile */
    int gpm; /* 0: not asked yet; 1: has it; -1: has it not */
    struct gs_nvml_activity activity[GS_NVML_WHOLE + 1];
};

struct gs_nvml_session {
    struct gs_nvml_lib lib;
    bool open;                       /* nvmlInit was called and not yet nvmlShutdown */
    uint64_t epoch;                  /* counts up when handles of the session may have died */
    struct nvml_gpm_sample *scratch; /* where the next sample is put; NULL: none yet */
    char driver_version[80];
    char root[4096];
    char smi[4096];
    unsigned reset_limit_s;
    struct gs_nvml_gpu gpus[GS_GPUS_MAX];
};

/* Starts the session where it is not open. GS_IO. */
int gs_nvml_begin(struct gs_nvml_session *session, struct gs_err *err);
void gs_nvml_end(struct gs_nvml_session *session);

/* Forgets handles and kinds of all GPUs. */
void gs_nvml_forget(struct gs_nvml_session *session);

/* The handle of a GPU. GS_NOT_FOUND: there is no such GPU. */
int gs_nvml_device(struct gs_nvml_session *session, unsigned gpu, struct nvml_device **ret,
                   struct gs_err *err);

/* GS_UNSUPPORTED, with the reason, when the driver cannot place instances. */
int gs_nvml_may_change(const struct gs_nvml_session *session, struct gs_err *err);

/* A text of the driver: ended within its array, and without control characters. `from` is changed.
 */
void gs_nvml_text(char *ret, size_t size, char *from, size_t from_size);

/* Total memory in bytes; UINT64_MAX: not known (a MIG GPU tells it to monitors only). */
uint64_t gs_nvml_memory(struct gs_nvml_session *session, struct nvml_device *device);

/* The mode and what is pending, as in struct gs_gpu. */
int gs_nvml_mode(struct gs_nvml_session *session, unsigned gpu, struct nvml_device *device,
                 enum gs_mig_mode *ret_mode, enum gs_mig_mode *ret_pending, struct gs_err *err);

/* nvml_profiles.c: kinds, remembered. */
int gs_nvml_profiles(struct gs_nvml_session *session, unsigned gpu, struct gs_err *err);
/* Remembers what make a GPU is of. */
void gs_nvml_note_make(struct gs_nvml_session *session, const struct gs_gpu *gpu);
int gs_nvml_ci_kinds(struct gs_nvml_session *session, unsigned gpu, uint32_t gi_id,
                     struct nvml_gi *gi, unsigned profile, const struct gs_nvml_ci_kinds **ret,
                     struct gs_err *err);
/* Where CIs of the kind at[k] of the GI profile may lie, remembered. */
int gs_nvml_ci_places(struct gs_nvml_session *session, unsigned gpu, uint32_t gi_id,
                      struct nvml_gi *gi, unsigned profile, unsigned k,
                      const struct gs_compute_places **ret, struct gs_err *err);

/* nvml_instances.c: functions of gpu.h. */
/* A GI's handle; looked up each time, since it dies with the instance. */
int gs_nvml_gi(struct gs_nvml_session *session, unsigned gpu, uint32_t gi, struct nvml_gi **ret,
               struct gs_err *err);
int gs_nvml_instances(void *impl, unsigned gpu, struct gs_gpu_instances *ret, struct gs_err *err);
int gs_nvml_compute_profiles(void *impl, unsigned gpu, uint32_t gi, struct gs_compute_profile *ret,
                             unsigned *ret_n, struct gs_err *err);
int gs_nvml_compute_places(void *impl, unsigned gpu, uint32_t gi, uint32_t profile_id,
                           struct gs_compute_places *ret, struct gs_err *err);
int gs_nvml_create(void *impl, unsigned gpu, uint32_t profile_id, uint32_t start, uint32_t size,
                   struct gs_gpu_instance *ret, struct gs_err *err);
int gs_nvml_destroy(void *impl, unsigned gpu, uint32_t gi, struct gs_err *err);
int gs_nvml_create_compute(void *impl, unsigned gpu, uint32_t gi, uint32_t profile_id,
                           uint32_t start, uint32_t size, struct gs_compute_instance *ret,
                           struct gs_err *err);
int gs_nvml_destroy_compute(void *impl, unsigned gpu, uint32_t gi, uint32_t ci, struct gs_err *err);

/* nvml_processes.c */
int gs_nvml_processes(void *impl, unsigned gpu, struct gs_gpu_process *ret, size_t cap,
                      size_t *ret_n, struct gs_err *err);

/* nvml_reset.c */
int gs_nvml_reset(void *impl, const unsigned *gpus, unsigned n, struct gs_err *err);

/* nvml_mig.c: MIG devices. */
/* Looks for one among the GPU's MIG devices; ci GS_NOT_KNOWN: any of the GI. NULL: there is none.
 */
struct nvml_device *gs_nvml_find_mig(struct gs_nvml_session *session, struct nvml_device *device,
                                     uint32_t gi, uint32_t ci, uint32_t *ret_index);
/* The first of a GI, in the quickest way. NULL: it has none, or that cannot be told. */
struct nvml_device *gs_nvml_mig_of_gi(struct gs_nvml_session *session, unsigned gpu,
                                      struct nvml_device *device, uint32_t gi);
int gs_nvml_mig_device(void *impl, unsigned gpu, uint32_t gi, uint32_t ci,
                       struct gs_mig_device *ret, struct gs_err *err);
int gs_nvml_fabric(void *impl, unsigned gpu, struct gs_gpu_fabric *ret, struct gs_err *err);

/* nvml_readings.c */
int gs_nvml_read(void *impl, unsigned gpu, struct gs_gpu_readings *ret, struct gs_err *err);
int gs_nvml_read_slice(void *impl, unsigned gpu, uint32_t gi, uint64_t generation,
                       struct gs_slice_readings *ret, struct gs_err *err);

/* nvml_activity.c */
/* Fills in the activity. NVML's code: one of gs_nvml_is_gone, or success. */
int gs_nvml_activity(struct gs_nvml_session *session, unsigned gpu, uint32_t gi,
                     uint64_t generation, struct gs_slice_readings *ret);
/* Gives the samples of all GPUs back to the library. */
void gs_nvml_activity_done(struct gs_nvml_session *session);

/* nvml_watch.c */
int gs_nvml_watch_open(void *impl, void **ret_watch, struct gs_err *err);
int gs_nvml_watch_next(void *impl, void *opened, unsigned limit_ms, struct gs_gpu_event *ret,
                       struct gs_err *err);
void gs_nvml_watch_close(void *impl, void *watch);
