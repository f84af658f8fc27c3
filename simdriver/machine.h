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

struct sim_ci {
    uint8_t present;
    uint8_t profile; /* NVML_COMPUTE_INSTANCE_PROFILE_* */
    uint8_t start;   /* compute slices inside the GI */
    uint8_t size;
    uint16_t leaked;     /* handles held by nobody: destroy says IN_USE and no process is listed */
    uint64_t generation; /* changes with each creation: an old handle does not fit */
};

struct sim_gi {
    uint8_t present;
    uint8_t profile; /* index into the model's profiles (struct gs_model), not NVML's number */
    uint8_t start;   /* memory units */
    uint8_t size;
    uint16_t leaked;
    uint64_t generation;
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
    uint64_t xids; /* so far */
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

/* What goes wrong on demand. */
struct sim_fault {
    char function[64]; /* "nvmlDeviceCreateGpuInstanceWithPlacement", "" : a free entry, "*": any */
    uint32_t skip;     /* calls that pass before it acts */
    uint32_t times;    /* calls it acts on; SIM_NONE: all that come */
    uint32_t code;     /* nvmlReturn_t to give; 0: the call is done (after delay_us) */
    uint32_t delay_us;
    uint8_t hang; /* never comes back (until the fault is lifted) */
    uint8_t kill; /* 1: the process is killed before the call acts, 2: after it has */
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
    uint8_t driver_gone; /* nvmlInit: DRIVER_NOT_LOADED */
    uint64_t generation; /* of instances; never goes back */
    uint64_t boots;
    uint64_t calls; /* NVML calls of all clients so far */
    uint32_t delay_us[SIM_DELAYS];
    uint64_t next_event;
    struct sim_gpu gpus[SIM_GPUS_MAX];
    struct sim_holder holders[SIM_HOLDERS];
    struct sim_session sessions[SIM_SESSIONS];
    struct sim_event events[SIM_EVENTS];
    struct sim_fault faults[SIM_FAULTS];
};
