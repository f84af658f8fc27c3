/* gpu: the NVIDIA GPUs of one machine, as our programs see and change them.
 *
 * A table of operations with two implementations: `nvml` drives the real library, `table` holds
 * GPUs in memory for tests and dry runs. One contract suite (tests/contract) runs over both. What
 * the driver does not tell is GS_NOT_KNOWN (numbers) or "" (text), never 0. Ids are the driver's:
 * a GPU instance (GI) id is 0 to 14 and not dense; a compute instance (CI) id counts inside its GI;
 * a *profile* is NVML's enum value, a *profile id* the driver's own number for it, and they differ.
 * Starts and sizes of GIs are in memory units, of CIs in compute slices of their GI.
 * A MIG UUID is an address, not an identity: it may come back for another slice.
 *
 * Calls may block for seconds (a destroy takes about one). Not thread-safe: one thread at a time.
 *
 * Codes of all calls, beside those named: GS_NOT_FOUND: there is no such GPU or instance;
 * GS_UNSUPPORTED: the driver or the GPU does not do it, or MIG is off; GS_BUSY: something holds it;
 * GS_INFEASIBLE: no room, or the place is taken; GS_INVALID: no such profile or placement;
 * GS_IO: the driver failed (sys_errno EPERM: no permission; ENODEV: the GPU is lost or the driver
 * gone). The text names the GPU and NVML's own word for the code. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/model.h"

enum {
    GS_GPUS_MAX = 32,             /* the driver's own bound on a machine */
    GS_GPU_INSTANCES_MAX = 15,    /* GI ids 0 to 14 */
    GS_COMPUTE_INSTANCES_MAX = 8, /* of one GI */
    GS_GPU_PROFILES_MAX = 32,     /* GI profiles of one GPU */
    GS_COMPUTE_PROFILES_MAX = 16, /* CI profiles of one GI */
    GS_GPU_UUID_MAX = 96,
    GS_GPU_NAME_MAX = 96,
    GS_GPU_PROCESSES_MAX = 4096
};

enum gs_mig_mode {
    GS_MIG_NOT_CAPABLE, /* this GPU cannot be cut */
    GS_MIG_OFF,
    GS_MIG_ON
};

/* NVML's numbers; there may be more. */
enum gs_gpu_virtualization {
    GS_GPU_BARE,
    GS_GPU_PASSED_THROUGH, /* the whole GPU, to a virtual machine */
    GS_GPU_VGPU,           /* a virtual GPU in a virtual machine: cannot be cut from here */
    GS_GPU_HOST_VGPU,      /* a hypervisor */
    GS_GPU_HOST_VSGA
};

struct gs_gpu_driver {
    char driver_version[80]; /* "580.65.06" */
    char nvml_version[80];
    uint32_t cuda_version;  /* 1000 * major + 10 * minor, or GS_NOT_KNOWN */
    bool can_place;         /* creates GPU instances where we say; false (before R460): every change
                               is GS_UNSUPPORTED */
    bool can_place_compute; /* CIs too; false (before R525): the driver alone decides where */
};

struct gs_gpu {
    unsigned index; /* NVML's: order of the PCI bus */
    char uuid[GS_GPU_UUID_MAX];
    char name[GS_GPU_NAME_MAX]; /* "NVIDIA A100-SXM4-40GB" */
    char pci_bus_id[32];        /* as NVML writes it, "00000000:07:00.0" */
    char serial[32];
    uint32_t pci_device_id;    /* device << 16 | vendor; GS_NOT_KNOWN */
    uint32_t pci_subsystem_id; /* likewise */
    uint32_t minor;            /* of /dev/nvidia<minor>; may change with the MIG mode */
    uint32_t architecture;     /* NVML's number: Ampere 7, Hopper 9, Blackwell 10 */
    uint32_t compute_major;    /* CUDA compute capability */
    uint32_t compute_minor;
    uint64_t memory_bytes;   /* total; UINT64_MAX: not known */
    uint32_t virtualization; /* enum gs_gpu_virtualization; GS_NOT_KNOWN */
    enum gs_mig_mode mode;
    enum gs_mig_mode pending; /* differs from mode: a reset or reboot is outstanding */
    bool mode_change_needs_reset;
    unsigned max_mig_devices; /* 0 with MIG off */
};

/* A kind of GI that the driver offers on a GPU. */
struct gs_gpu_profile {
    uint32_t profile;    /* NVML_GPU_INSTANCE_PROFILE_* */
    uint32_t profile_id; /* "19" of nvidia-smi mig -lgip */
    char name[64];       /* by NVIDIA's rule from the facts below: "1g.5gb+me" */
    uint32_t compute_slices;
    uint32_t max_instances; /* as the driver says; wrong on A30 with some drivers */
    uint32_t memory_mib;    /* or GS_NOT_KNOWN, as the three below */
    uint32_t sm_count;
    uint32_t engines[GS_ENGINES];
    uint32_t size;   /* memory units of each placement; 0: not told */
    uint32_t starts; /* bit u: may start at memory unit u; 0: not told */
};

/* A kind of CI inside a GI. */
struct gs_compute_profile {
    uint32_t profile; /* NVML_COMPUTE_INSTANCE_PROFILE_* */
    uint32_t profile_id;
    uint32_t compute_slices;
    uint32_t max_instances;
    uint32_t sm_count;
};

/* Where CIs of a kind may lie in a GI. */
struct gs_compute_places {
    uint32_t size;   /* compute slices that each takes */
    uint32_t starts; /* bit s: may start at compute slice s */
};

struct gs_compute_instance {
    uint32_t id;
    uint32_t profile;
    uint32_t profile_id;
    uint32_t start; /* compute slices; GS_NOT_KNOWN with old drivers */
    uint32_t size;
    char uuid[GS_GPU_UUID_MAX]; /* of the MIG device */
};

struct gs_gpu_instance {
    uint32_t id;
    uint32_t profile;
    uint32_t profile_id;
    uint32_t start; /* memory units */
    uint32_t size;
    unsigned n_compute;
    struct gs_compute_instance compute[GS_COMPUTE_INSTANCES_MAX]; /* by id */
};

/* Everything cut into one GPU, by start. */
struct gs_gpu_instances {
    unsigned n;
    struct gs_gpu_instance at[GS_GPU_INSTANCES_MAX];
};

/* A process that has a context on a GPU. */
struct gs_gpu_process {
    uint32_t pid;          /* in the PID namespace of the driver's host */
    uint32_t gpu_instance; /* GS_NOT_KNOWN: of the whole GPU */
    uint32_t compute_instance;
    uint64_t memory_bytes; /* UINT64_MAX: not known */
};

/* What SetMigMode did. */
enum gs_mig_activation {
    GS_MIG_ACTIVE,        /* the mode is what was asked */
    GS_MIG_PENDING_RESET, /* the GPU has to be reset first (16, or in use by clients: 19) */
};

struct gs_gpu_ops;
struct gs_mig_device; /* gpu_read.h, as the next three */
struct gs_gpu_fabric;
struct gs_gpu_readings;
struct gs_slice_readings;
struct gs_gpu_event; /* gpu_watch.h */

/* An open machine. Made by gs_gpu_nvml_open or gs_gpu_table_open, given back with gs_gpu_close. */
struct gs_gpus {
    const struct gs_gpu_ops *ops;
    void *impl;
};

struct gs_gpu_ops {
    const char *name;
    void (*close)(void *impl);
    int (*driver)(void *impl, struct gs_gpu_driver *ret, struct gs_err *err);
    int (*count)(void *impl, unsigned *ret, struct gs_err *err);
    int (*get)(void *impl, unsigned gpu, struct gs_gpu *ret, struct gs_err *err);
    int (*profiles)(void *impl, unsigned gpu, struct gs_gpu_profile *ret, unsigned *ret_n,
                    struct gs_err *err);
    int (*instances)(void *impl, unsigned gpu, struct gs_gpu_instances *ret, struct gs_err *err);
    int (*compute_profiles)(void *impl, unsigned gpu, uint32_t gi, struct gs_compute_profile *ret,
                            unsigned *ret_n, struct gs_err *err);
    int (*compute_places)(void *impl, unsigned gpu, uint32_t gi, uint32_t profile_id,
                          struct gs_compute_places *ret, struct gs_err *err);
    int (*processes)(void *impl, unsigned gpu, struct gs_gpu_process *ret, size_t cap,
                     size_t *ret_n, struct gs_err *err);
    int (*mig_device)(void *impl, unsigned gpu, uint32_t gi, uint32_t ci, struct gs_mig_device *ret,
                      struct gs_err *err);
    int (*fabric)(void *impl, unsigned gpu, struct gs_gpu_fabric *ret, struct gs_err *err);
    int (*read)(void *impl, unsigned gpu, struct gs_gpu_readings *ret, struct gs_err *err);
    int (*read_slice)(void *impl, unsigned gpu, uint32_t gi, uint64_t generation,
                      struct gs_slice_readings *ret, struct gs_err *err);
    int (*watch_open)(void *impl, void **ret_watch, struct gs_err *err);
    int (*watch_next)(void *impl, void *watch, unsigned limit_ms, struct gs_gpu_event *ret,
                      struct gs_err *err);
    void (*watch_close)(void *impl, void *watch);
    int (*create)(void *impl, unsigned gpu, uint32_t profile_id, uint32_t start, uint32_t size,
                  struct gs_gpu_instance *ret, struct gs_err *err);
    int (*destroy)(void *impl, unsigned gpu, uint32_t gi, struct gs_err *err);
    int (*create_compute)(void *impl, unsigned gpu, uint32_t gi, uint32_t profile_id,
                          uint32_t start, uint32_t size, struct gs_compute_instance *ret,
                          struct gs_err *err);
    int (*destroy_compute)(void *impl, unsigned gpu, uint32_t gi, uint32_t ci, struct gs_err *err);
    int (*set_mode)(void *impl, unsigned gpu, enum gs_mig_mode mode, enum gs_mig_activation *ret,
                    struct gs_err *err);
    int (*reset)(void *impl, const unsigned *gpus, unsigned n, struct gs_err *err);
};

/* Frees what the implementation holds; ends the driver session. A closed or zeroed one is fine. */
void gs_gpu_close(struct gs_gpus *gpus);

int gs_gpu_driver(struct gs_gpus *gpus, struct gs_gpu_driver *ret, struct gs_err *err);

/* GPUs that NVML lists, 0 to GS_GPUS_MAX. Numbers of GPUs below are 0 to that less one. */
int gs_gpu_count(struct gs_gpus *gpus, unsigned *ret, struct gs_err *err);

/* Reads the facts anew: mode, pending and minor change. A GPU that is lost: GS_IO, ENODEV. */
int gs_gpu_get(struct gs_gpus *gpus, unsigned gpu, struct gs_gpu *ret, struct gs_err *err);

/* The kinds of GI that the GPU offers, by NVML's enum; `ret` has room for GS_GPU_PROFILES_MAX.
 * None on a GPU that cannot be cut. Driver 535 hides them while MIG is off (GS_UNSUPPORTED). */
int gs_gpu_profiles(struct gs_gpus *gpus, unsigned gpu, struct gs_gpu_profile *ret, unsigned *ret_n,
                    struct gs_err *err);

/* What is cut into the GPU now; none with MIG off. */
int gs_gpu_instances(struct gs_gpus *gpus, unsigned gpu, struct gs_gpu_instances *ret,
                     struct gs_err *err);

/* The kinds of CI that fit into GI `gi`; `ret` has room for GS_COMPUTE_PROFILES_MAX. */
int gs_gpu_compute_profiles(struct gs_gpus *gpus, unsigned gpu, uint32_t gi,
                            struct gs_compute_profile *ret, unsigned *ret_n, struct gs_err *err);

/* The places in GI `gi` of a kind of CI, taken ones too: they are the same in every GI of its
 * profile. GS_UNSUPPORTED: the driver does not tell (before R525); GS_INVALID: no such kind. */
int gs_gpu_compute_places(struct gs_gpus *gpus, unsigned gpu, uint32_t gi, uint32_t profile_id,
                          struct gs_compute_places *ret, struct gs_err *err);

/* The processes on the GPU and all of its slices; *ret_n may be above cap, then only cap were
 * written. */
int gs_gpu_processes(struct gs_gpus *gpus, unsigned gpu, struct gs_gpu_process *ret, size_t cap,
                     size_t *ret_n, struct gs_err *err);

/* Creates a GI at a place and reads it back. GS_INFEASIBLE: the place is taken or the GPU has
 * nothing left (the driver does not tell which: read the instances again). */
int gs_gpu_create(struct gs_gpus *gpus, unsigned gpu, uint32_t profile_id, uint32_t start,
                  uint32_t size, struct gs_gpu_instance *ret, struct gs_err *err);

/* GS_BUSY: it has a CI, or a client holds it. */
int gs_gpu_destroy(struct gs_gpus *gpus, unsigned gpu, uint32_t gi, struct gs_err *err);

/* Creates a CI and reads it back, UUID included. start GS_NOT_KNOWN: wherever the driver likes. */
int gs_gpu_create_compute(struct gs_gpus *gpus, unsigned gpu, uint32_t gi, uint32_t profile_id,
                          uint32_t start, uint32_t size, struct gs_compute_instance *ret,
                          struct gs_err *err);

/* GS_BUSY: a process has a context in it, or a handle leaked (then no process is listed). */
int gs_gpu_destroy_compute(struct gs_gpus *gpus, unsigned gpu, uint32_t gi, uint32_t ci,
                           struct gs_err *err);

/* Turns MIG on or off. SUCCESS of the driver with an activation status other than 0 is
 * GS_MIG_PENDING_RESET, not success. GS_BUSY: instances exist (off), or clients hold the GPU. */
int gs_gpu_set_mode(struct gs_gpus *gpus, unsigned gpu, enum gs_mig_mode mode,
                    enum gs_mig_activation *ret, struct gs_err *err);

/* Resets `n` GPUs together (NVLink peers have to be) with `nvidia-smi -r` of the driver's root.
 * The session is closed before and opened again after. GS_BUSY: something holds one of them. */
int gs_gpu_reset(struct gs_gpus *gpus, const unsigned *indices, unsigned n, struct gs_err *err);
