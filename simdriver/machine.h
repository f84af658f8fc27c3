/* machine: the simulated machine: GPUs, what is cut into them, who holds what.
 *
 * One state for all processes of the machine: a file of fixed size, DIR/state, mapped by each and
 * guarded by a robust lock. A client that is killed at any point leaves the last whole state: a
 * change is made on a copy, which then takes the place of the state with one store (store.h).
 * This header is the state itself and what changes it, as plain functions on a struct in memory:
 * no I/O, no clock (the caller passes `now`), no lock. The exported nvml functions, the control
 * program and the files under the machine's root are built on it and on nothing else.
 *
 * Behaviour follows the driver as the project's reference describes it: which codes, which ids,
 * which places when the driver chooses, what survives a reset. Codes are NVML's own
 * (nvmlReturn_t), since those are what a client sees. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/model.h"

enum {
    SIM_GPUS_MAX = 16,
    SIM_GIS = 15, /* GI ids 0 to 14 */
    SIM_CIS = 8,  /* CI ids 0 to 7 of a GI */
    SIM_HOLDERS = 512,
    SIM_SESSIONS = 256,
    SIM_EVENTS = 1024, /* the newest; a slow reader loses the oldest */
    SIM_FAULTS = 64,
    SIM_NONE = 0xFFFFFFFF
};

/* Codes, as NVML numbers them (nvmlReturn_t). */
enum sim_code {
    SIM_OK = 0,
    SIM_UNINITIALIZED = 1,
    SIM_INVALID_ARGUMENT = 2,
    SIM_NOT_SUPPORTED = 3,
    SIM_NOT_FOUND = 6,
    SIM_INSUFFICIENT_SIZE = 7,
    SIM_DRIVER_NOT_LOADED = 9,
    SIM_TIMEOUT = 10,
    SIM_GPU_IS_LOST = 15,
    SIM_RESET_REQUIRED = 16,
    SIM_IN_USE = 19,
    SIM_INSUFFICIENT_RESOURCES = 23,
    SIM_UNKNOWN = 999
};

/* Event types, as NVML numbers them (bits). */
#define SIM_EVENT_XID 0x8u
#define SIM_EVENT_MIG 0x100u

/* All structs here lie in DIR/state as they are: no pointers, and the layout is part of the file's
 * version (store.h). */

struct sim_ci {
    uint8_t present;
    uint8_t profile; /* NVML_COMPUTE_INSTANCE_PROFILE_* */
    uint8_t start;   /* compute slices inside the GI */
    uint8_t size;
    uint8_t mig_index;   /* of nvmlDeviceGetMigDeviceHandleByIndex; stays until it is destroyed */
    uint8_t unused;      /* 0 */
    uint16_t leaked;     /* handles held by nobody: destroy says IN_USE and no process is listed */
    uint64_t generation; /* changes with each creation: an old handle does not fit */
};

struct sim_gi {
    uint8_t present;
    uint8_t profile; /* index into the model's profiles (struct gs_model), not NVML's number */
    uint8_t start;   /* memory units */
    uint8_t size;
    uint16_t leaked;
    uint16_t unused;     /* 0 */
    uint64_t generation; /* changes with each creation: an old handle does not fit */
    struct sim_ci cis[SIM_CIS];
};

struct sim_gpu {
    char model[40]; /* id in the catalogue: "A100-40GB" */
    char name[96];  /* NVML's, of the variant */
    char uuid[48];  /* "GPU-..." */
    char serial[24];
    uint32_t pci_domain, pci_bus, pci_device;
    uint32_t pci_device_id, pci_subsystem_id;
    uint32_t minor;
    int32_t numa_node; /* -1: none */
    uint8_t mode;      /* 1: MIG on */
    uint8_t pending;
    uint8_t lost;  /* fell off the bus: GPU_IS_LOST until the next reboot */
    uint8_t vm;    /* passed through to a VM: no reset, a mode change waits for a reboot */
    uint64_t xids; /* since the last reboot */
    uint64_t tree; /* changes when the files of this GPU under the machine's root must (tree.h) */
    struct sim_gi gis[SIM_GIS];
};

/* A process with a context on a slice (gi, ci) or on a whole GPU (both SIM_NONE). It lives as long
 * as the process does: pid and start time, as pids come again. */
struct sim_holder {
    uint32_t pid; /* 0: a free entry */
    uint32_t gpu, gi, ci;
    uint64_t start_time; /* field 22 of /proc/PID/stat */
    uint64_t memory_mib;
    uint32_t busy_percent; /* of its slice: what utilisation and GPM report */
    char name[64];
};

/* A process that has called nvmlInit and not yet nvmlShutdown. It holds the GPUs: an Ampere mode
 * change of another process says IN_USE meanwhile. */
struct sim_session {
    uint32_t pid;
    uint32_t count;
    uint64_t start_time;
};

struct sim_event {
    uint64_t seq;  /* 1, 2, 3, ... */
    uint64_t type; /* nvmlEventType* bits */
    uint64_t data; /* the XID */
    uint32_t gpu, gi, ci;
};

/* What goes wrong on demand. How many calls it has seen is counted beside the state (store.h), as
 * calls of all clients are. */
struct sim_fault {
    char function[64]; /* "nvmlDeviceCreateGpuInstanceWithPlacement", "" : a free entry, "*": any */
    uint32_t skip;     /* calls that pass before it acts */
    uint32_t times;    /* calls it acts on; SIM_NONE: all that come */
    uint32_t code;     /* nvmlReturn_t to give; 0: the call is done (after delay_us) */
    uint32_t delay_us;
    uint8_t hang; /* never comes back (until the fault is lifted) */
    uint8_t kill; /* 1: the process is killed before the call acts, 2: after it has */
    uint16_t unused;
    uint32_t serial; /* which fault this is: an entry may be used again */
};

enum sim_delay {
    SIM_DELAY_CREATE_GI,
    SIM_DELAY_CREATE_CI,
    SIM_DELAY_DESTROY_GI,
    SIM_DELAY_DESTROY_CI,
    SIM_DELAY_SET_MODE,
    SIM_DELAY_RESET,
    SIM_DELAY_INIT,
    SIM_DELAYS
};

struct sim_machine {
    char driver_version[80];
    uint32_t driver_major; /* 450, 470, 525, 580: what later drivers brought is hidden */
    uint32_t cuda_version; /* 13000 */
    uint32_t n_gpus;
    uint32_t next_fault; /* serial of the next one */
    uint8_t driver_gone; /* nvmlInit: DRIVER_NOT_LOADED */
    uint8_t unused[7];   /* 0 */
    uint64_t generation; /* of instances; never goes back */
    uint64_t boots;      /* sessions and handles of an earlier boot are dead */
    uint64_t loads;      /* of the driver; likewise */
    uint64_t tree;       /* as that of a GPU, for the files of the whole machine */
    uint64_t next_event; /* seq of the next event; the first is 1 */
    uint32_t delay_us[SIM_DELAYS];
    uint32_t unused2;                  /* 0 */
    struct sim_gpu gpus[SIM_GPUS_MAX]; /* in PCI order, which is NVML's */
    struct sim_holder holders[SIM_HOLDERS];
    struct sim_session sessions[SIM_SESSIONS];
    struct sim_event events[SIM_EVENTS]; /* event seq lies at seq % SIM_EVENTS */
    struct sim_fault faults[SIM_FAULTS];
};

/* ---- Making a machine ---- */

/* Empties *machine and gives it a driver: 450, 470, 525, 535, 550, 570, 580 or 595.
 * SIM_NOT_FOUND: there is no such driver; nothing is written. */
int sim_machine_init(struct sim_machine *machine, uint32_t driver_major);

/* Adds a GPU behind those that are there. `seed` tells apart the GPUs of different machines: serial
 * and UUID are made from it, the model and the number on the machine. `product` chooses the variant
 * by NVML's name; NULL: the first that has a PCI id.
 * GS_LIMIT: the machine has SIM_GPUS_MAX. GS_UNKNOWN: the model's placements are not known.
 * GS_UNSUPPORTED: the model needs a later driver (named). GS_NOT_FOUND: no such product. */
int sim_machine_add_gpu(struct sim_machine *machine, const struct gs_model *model,
                        const char *product, const char *seed, bool vm, struct gs_err *err);

/* Whether every index, number and text lies in its bounds, what is cut fits together and nothing
 * is named twice: then all functions below are safe on it. For state that comes from a file. */
int sim_machine_check(const struct sim_machine *machine, struct gs_err *err);

/* The catalogue's entry for the GPU. Never NULL on a machine that was checked. A GPU that cannot be
 * cut (L4) has one without profiles, which the catalogue does not list. */
const struct gs_model *sim_gpu_model(const struct sim_gpu *gpu);

/* A model by any name that gs_catalog_find takes, or one of the few without MIG that the simulation
 * knows for mixed machines ("T4", "L4", "A10G", "L40S"). */
int sim_model_find(struct gs_view name, const struct gs_model **ret_model, struct gs_err *err);

/* The first driver (major) that runs the model, by NVIDIA's table. */
uint32_t sim_model_min_driver(const struct gs_model *model);

/* The whole GPU's memory. Where the catalogue does not know it, an estimate that gives the
 * profiles their names by go-nvlib's rule. */
uint64_t sim_gpu_memory_mib(const struct sim_gpu *gpu);

/* What the driver keeps for itself, of the whole GPU without MIG; a guess (1.5 %). */
uint64_t sim_gpu_reserved_mib(const struct sim_gpu *gpu);

/* ---- Kinds of instances ---- */

/* A kind of GI as this driver tells it for this GPU. All numbers are there: what the catalogue does
 * not know is estimated, and `estimated` says so. */
struct sim_gi_profile {
    uint32_t profile; /* NVML_GPU_INSTANCE_PROFILE_* */
    uint32_t id;      /* the driver's own number, "19" */
    uint32_t index;   /* into the model's profiles */
    uint32_t compute_slices;
    uint32_t max_instances; /* as told; with old drivers wrong on A30 */
    uint32_t sm_count;
    uint32_t engines[GS_ENGINES];
    uint64_t memory_mib;
    uint32_t size;   /* memory units of a placement */
    uint32_t starts; /* bit u: may start at memory unit u */
    bool gfx;
    bool estimated;
    char name[64]; /* "1g.5gb+me" */
};

/* By NVML's enum. SIM_NOT_SUPPORTED: this GPU or driver does not have it (or driver 535 hides it
 * while MIG is off). SIM_INVALID_ARGUMENT: past the last enum value that this driver knows.
 * SIM_GPU_IS_LOST, here and in all calls that name a GPU. */
int sim_gi_profile(const struct sim_machine *machine, unsigned gpu, uint32_t profile,
                   struct sim_gi_profile *ret);

/* By the driver's id. SIM_INVALID_ARGUMENT: no such id on this GPU with this driver. */
int sim_gi_profile_by_id(const struct sim_machine *machine, unsigned gpu, uint32_t id,
                         struct sim_gi_profile *ret);

/* That of an instance that is there, whatever the driver hides. */
void sim_gi_profile_of(const struct sim_machine *machine, unsigned gpu, uint32_t gi,
                       struct sim_gi_profile *ret);

/* A kind of CI inside a GI. */
struct sim_ci_profile {
    uint32_t profile; /* NVML_COMPUTE_INSTANCE_PROFILE_* */
    uint32_t id;      /* the driver's own number; per GI */
    uint32_t compute_slices;
    uint32_t max_instances;
    uint32_t sm_count;
    uint32_t engines[GS_ENGINES]; /* shared by the CIs of the GI */
    uint32_t size;                /* compute slices of a placement */
    uint32_t starts;              /* bit s: may start at slice s of the GI */
    bool gfx;
    char name[64]; /* "1c.3g.20gb" */
};

/* By NVML's enums. SIM_INVALID_ARGUMENT: an enum that the driver does not know; SIM_NOT_SUPPORTED:
 * it is none of this GI's; SIM_NOT_FOUND: there is no such GI. */
int sim_ci_profile(const struct sim_machine *machine, unsigned gpu, uint32_t gi, uint32_t profile,
                   uint32_t engine_profile, struct sim_ci_profile *ret);

/* By id, as nvidia-smi mig -lcip prints it. SIM_INVALID_ARGUMENT: none of this GI's. */
int sim_ci_profile_by_id(const struct sim_machine *machine, unsigned gpu, uint32_t gi, uint32_t id,
                         struct sim_ci_profile *ret);

/* ---- Instances ---- */

/* How many more of this kind could be created now, one after another, by the driver's choice.
 * SIM_NOT_SUPPORTED: MIG is off. SIM_INVALID_ARGUMENT: no such id. */
int sim_gi_remaining(const struct sim_machine *machine, unsigned gpu, uint32_t id, uint32_t *ret);

/* Creates a GI. `start` SIM_NONE: the driver chooses (the start that takes the fewest of the
 * placements still possible, the lowest of those), and size is not looked at.
 * SIM_NOT_SUPPORTED: MIG is off. SIM_INVALID_ARGUMENT: no such id, or the placement is none of the
 * profile's. SIM_INSUFFICIENT_RESOURCES: no room, or that place is taken. */
int sim_gi_create(struct sim_machine *machine, unsigned gpu, uint32_t id, uint32_t start,
                  uint32_t size, uint32_t *ret_gi);

/* SIM_NOT_FOUND: there is none. SIM_IN_USE: a CI is in it, a process or a leaked handle holds it.
 */
int sim_gi_destroy(struct sim_machine *machine, unsigned gpu, uint32_t gi);

/* NULL: no such GPU or instance. */
const struct sim_gi *sim_gi_get(const struct sim_machine *machine, unsigned gpu, uint32_t gi);
const struct sim_ci *sim_ci_get(const struct sim_machine *machine, unsigned gpu, uint32_t gi,
                                uint32_t ci);

/* As sim_gi_remaining and sim_gi_create, inside a GI. SIM_NOT_FOUND: there is no such GI. The
 * driver's choice is the lowest start that is free. */
int sim_ci_remaining(const struct sim_machine *machine, unsigned gpu, uint32_t gi, uint32_t id,
                     uint32_t *ret);
int sim_ci_create(struct sim_machine *machine, unsigned gpu, uint32_t gi, uint32_t id,
                  uint32_t start, uint32_t size, uint32_t *ret_ci);

/* SIM_NOT_FOUND; SIM_IN_USE: a process or a leaked handle holds it. */
int sim_ci_destroy(struct sim_machine *machine, unsigned gpu, uint32_t gi, uint32_t ci);

/* ---- MIG devices: a GI and a CI ---- */

enum { SIM_MIG_UUID_MAX = 80 };

/* "MIG-xxxxxxxx-xxxx-5xxx-xxxx-xxxxxxxxxxxx", a function of the GPU, the GI id and the first
 * graphics engine and of nothing else: it comes back for another profile. Before driver 470
 * "MIG-GPU-<uuid>/<gi>/<ci>". The instance must be there. */
void sim_mig_uuid(const struct sim_machine *machine, unsigned gpu, uint32_t gi, uint32_t ci,
                  char ret_uuid[SIM_MIG_UUID_MAX]);

/* Finds a MIG device by either form. SIM_NOT_FOUND. */
int sim_mig_find(const struct sim_machine *machine, const char *uuid, uint32_t *ret_gpu,
                 uint32_t *ret_gi, uint32_t *ret_ci);

/* How many MIG devices the GPU may have at most; 0 with MIG off. */
uint32_t sim_mig_max(const struct sim_machine *machine, unsigned gpu);

/* The MIG device with this index, 0 to sim_mig_max - 1; SIM_NOT_FOUND: a hole.
 * SIM_INVALID_ARGUMENT: beyond. */
int sim_mig_at(const struct sim_machine *machine, unsigned gpu, uint32_t index, uint32_t *ret_gi,
               uint32_t *ret_ci);

/* ---- Mode, reset, driver, reboot ---- */

/* What nvmlDeviceSetMigMode does, called by process `pid` (its own session does not count).
 * *ret_status (activationStatus): SIM_OK: active; SIM_IN_USE: clients hold the GPU, the mode is
 * pending until a reset; SIM_RESET_REQUIRED: pending until a reboot (VM).
 * SIM_NOT_SUPPORTED: the GPU cannot be cut. SIM_IN_USE: instances exist, nothing was changed. */
int sim_mode_set(struct sim_machine *machine, unsigned gpu, uint32_t mode, uint32_t pid,
                 int *ret_status);

/* Resets the GPUs whose bits are set in `gpus`, for process `pid`. What is cut is gone; a pending
 * mode becomes the mode on Ampere, MIG is off on later ones.
 * SIM_IN_USE: a process other than `pid` has an NVML session or a context on one of them
 * (*ret_gpu), nothing was changed. SIM_NOT_SUPPORTED: it is passed through to a VM. */
int sim_reset(struct sim_machine *machine, uint32_t gpus, uint32_t pid, unsigned *ret_gpu);

/* Unloads the driver (nvmlInit then says DRIVER_NOT_LOADED) and loads it again. Unloading says
 * SIM_IN_USE while any process has a session or a context. What is cut is gone with it; the mode
 * stays on Ampere and is off on later ones. */
int sim_driver_unload(struct sim_machine *machine, uint32_t pid);
void sim_driver_load(struct sim_machine *machine);

/* Everything that ran is gone, and what is cut; lost GPUs and leaked handles come back; modes as
 * after a reload, and pending ones of VMs are active. */
void sim_reboot(struct sim_machine *machine);

/* The GPU falls off the bus, until the next reboot. SIM_NOT_FOUND. */
int sim_lose(struct sim_machine *machine, unsigned gpu);

/* ---- Who holds what ---- */

/* Whether a process (not `except`) has a context there; SIM_NONE for gi and ci: anywhere on the
 * GPU, for ci: anywhere in the GI. */
bool sim_is_held(const struct sim_machine *machine, unsigned gpu, uint32_t gi, uint32_t ci,
                 uint32_t except);

/* A process takes a context. SIM_NOT_FOUND: there is no such slice, or with gi SIM_NONE the GPU is
 * cut. SIM_INSUFFICIENT_RESOURCES: SIM_HOLDERS are there, or the slice lacks the memory. */
int sim_hold(struct sim_machine *machine, const struct sim_holder *holder);

/* It lets go of all it holds. SIM_NOT_FOUND: nothing. */
int sim_release(struct sim_machine *machine, uint32_t pid, uint64_t start_time);

/* A process begins or ends a session (nvmlInit, nvmlShutdown; counted).
 * SIM_INSUFFICIENT_RESOURCES: SIM_SESSIONS processes have one. SIM_UNINITIALIZED: it has none.
 * SIM_DRIVER_NOT_LOADED. */
int sim_session_begin(struct sim_machine *machine, uint32_t pid, uint64_t start_time);
int sim_session_end(struct sim_machine *machine, uint32_t pid, uint64_t start_time);

/* Forgets holders and sessions whose process is gone. True: there were some. */
bool sim_prune(struct sim_machine *machine, bool (*alive)(uint32_t pid, uint64_t start_time));

/* Memory in use by processes there, as sim_is_held counts them. */
uint64_t sim_used_mib(const struct sim_machine *machine, unsigned gpu, uint32_t gi, uint32_t ci);

/* ---- Events ---- */

/* Gives it the next number. SIM_NOT_FOUND: no such GPU. */
int sim_event_push(struct sim_machine *machine, uint64_t type, unsigned gpu, uint32_t gi,
                   uint32_t ci, uint64_t data);

/* The oldest event after number `after` that is still kept and whose type's bit is set for its GPU
 * in types[gpu]. NULL: none. */
const struct sim_event *sim_event_next(const struct sim_machine *machine, uint64_t after,
                                       const uint64_t types[SIM_GPUS_MAX]);
