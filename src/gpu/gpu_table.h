/* gpu_table: GPUs in memory, for tests and dry runs.
 *
 * A table is the machine; sessions are opened on it as a program opens the driver, and outlive
 * nothing: closing one leaves the table as it is. It keeps the rules of the hardware: placements,
 * limits, engines, GI ids by the size of their place, what holds what, which mode change waits for
 * a reset. What it does not have is time: everything is done at once.
 *
 * The struct is plain data without pointers of its own (models are constants), so that a copy is
 * an assignment, two machines are compared with gs_gpu_table_equal, and one that lies in shared
 * memory goes on living when the process that changed it is killed. Tests may read and write every
 * field. Models come from the catalogue; one whose placements are not known is refused.
 *
 * What drivers brought (mig-hardware 3.6): creation of GIs by place R460, and before it no change
 * at all; +me profiles R470; 4g beside 3g R510; creation of CIs by place, double-memory 1g and +me
 * of 2g R525; the gfx, -me and me.all profiles R575. */
#pragma once

#include "gpu/gpu.h"
#include "gpu/gpu_read.h"
#include "gpu/gpu_watch.h"

enum {
    GS_GPU_TABLE_GPUS_MAX = 16,
    GS_GPU_TABLE_PROCESSES_MAX = 64, /* of one GPU */
    GS_GPU_TABLE_FAULTS_MAX = 16,
    GS_GPU_TABLE_EVENTS_MAX = 64 /* the newest; a watch that is slow loses the oldest */
};

/* The operations of the port, for faults, hooks and counts. */
enum gs_gpu_op {
    GS_GPU_OP_DRIVER,
    GS_GPU_OP_COUNT,
    GS_GPU_OP_GET,
    GS_GPU_OP_PROFILES,
    GS_GPU_OP_INSTANCES,
    GS_GPU_OP_COMPUTE_PROFILES,
    GS_GPU_OP_COMPUTE_PLACES,
    GS_GPU_OP_PROCESSES,
    GS_GPU_OP_MIG_DEVICE,
    GS_GPU_OP_FABRIC,
    GS_GPU_OP_READ,
    GS_GPU_OP_READ_SLICE,
    GS_GPU_OP_WATCH_OPEN,
    GS_GPU_OP_WATCH_NEXT,
    GS_GPU_OP_CREATE,
    GS_GPU_OP_DESTROY,
    GS_GPU_OP_CREATE_COMPUTE,
    GS_GPU_OP_DESTROY_COMPUTE,
    GS_GPU_OP_SET_MODE,
    GS_GPU_OP_RESET,
    GS_GPU_OPS
};

/* "create", "destroy compute", ... */
extern const char *const gs_gpu_op_names[GS_GPU_OPS];

/* Whether the operation changes the machine. */
bool gs_gpu_op_changes(enum gs_gpu_op op);

/* One call as a hook sees it; what the operation does not take is GS_NOT_KNOWN. */
struct gs_gpu_call {
    enum gs_gpu_op op;
    uint64_t number; /* 1, 2, 3, ... over all operations of the table */
    uint32_t gpu;    /* of a reset: the first */
    uint32_t gi;
    uint32_t ci;
    uint32_t profile_id;
    uint32_t start;
};

/* Runs before an operation acts (`after` false) and again when it has acted, before the caller
 * sees it. It may end the process or leave by longjmp: the table is whole at both points. */
typedef void (*gs_gpu_hook)(void *ctx, const struct gs_gpu_call *call, bool after);

/* What goes wrong on demand. */
struct gs_gpu_fault {
    enum gs_gpu_op op;
    uint32_t skip;     /* calls of op that pass before it acts */
    uint32_t times;    /* calls it acts on; 0: a free entry; GS_NOT_KNOWN: all that come */
    enum gs_code code; /* what is returned */
    int sys_errno;     /* with GS_IO */
    bool done;         /* the operation is carried out, and the code is returned all the same */
};

struct gs_gpu_table_ci {
    bool present;
    uint8_t profile;     /* NVML_COMPUTE_INSTANCE_PROFILE_*; the profile id is the same number */
    uint8_t start;       /* compute slices of its GI */
    uint8_t size;        /* compute slices */
    uint8_t mig_index;   /* of its MIG device */
    uint16_t leaked;     /* handles that nobody holds: destroy is busy, no process is listed */
    uint64_t generation; /* of the table when it was made: another slice has another one */
};

struct gs_gpu_table_gi {
    bool present;
    uint8_t profile; /* index into the model's profiles */
    uint8_t start;   /* memory units */
    uint16_t leaked;
    uint32_t busy_ppm; /* what it is busy; gs_gpu_read_slice tells it on Hopper and later */
    uint64_t sampled;  /* the generation that the last reader named, plus one; 0: none */
    uint64_t generation;
    struct gs_gpu_table_ci cis[GS_COMPUTE_INSTANCES_MAX]; /* by id */
};

struct gs_gpu_table_gpu {
    const struct gs_model *model; /* NULL: cannot be cut */
    char uuid[48];
    char serial[16];
    char pci_bus_id[24];
    uint32_t pci_device_id;
    uint32_t minor;
    enum gs_mig_mode mode;
    enum gs_mig_mode pending;
    bool lost; /* fell off the bus: GS_IO, ENODEV */
    bool vm;   /* passed through to a VM: no reset; on Ampere a mode change waits for a reboot */
    uint32_t clients;  /* other programs with a driver session: monitors and the like */
    uint32_t resets;   /* so far */
    uint32_t busy_ppm; /* of the whole GPU, as of a slice */
    uint64_t sampled;
    struct gs_gpu_readings readings; /* as read, but for memory; not known at first */
    struct gs_gpu_fabric fabric;     /* not attached at first */
    struct gs_gpu_table_gi gis[GS_GPU_INSTANCES_MAX]; /* by id */
    unsigned n_processes;
    struct gs_gpu_process processes[GS_GPU_TABLE_PROCESSES_MAX];
};

struct gs_gpu_table {
    unsigned driver_major;
    unsigned n_gpus;
    uint64_t generation; /* counts creations */
    uint64_t calls;
    uint64_t calls_of[GS_GPU_OPS];
    gs_gpu_hook hook;
    void *hook_ctx;
    struct gs_gpu_fault faults[GS_GPU_TABLE_FAULTS_MAX];
    uint64_t n_events; /* so far; event k lies at k % GS_GPU_TABLE_EVENTS_MAX */
    struct gs_gpu_event events[GS_GPU_TABLE_EVENTS_MAX];
    struct gs_gpu_table_gpu gpus[GS_GPU_TABLE_GPUS_MAX];
};

/* A machine without GPUs. `driver_major`: 450 and up, say 580. */
void gs_gpu_table_init(struct gs_gpu_table *ret, unsigned driver_major);

/* Adds `count` GPUs of a model, named as gs_catalog_find takes it; MIG is off. Errors of that, or
 * GS_UNKNOWN: the placements of the model are not known; GS_LIMIT: too many GPUs. */
int gs_gpu_table_add(struct gs_gpu_table *table, const char *model, unsigned count,
                     struct gs_err *err);

/* Adds `count` GPUs that cannot be cut. GS_LIMIT. */
int gs_gpu_table_add_whole(struct gs_gpu_table *table, unsigned count, struct gs_err *err);

/* Turns MIG on at all GPUs that can be cut, at once, however the model would do it. */
void gs_gpu_table_mig_on(struct gs_gpu_table *table);

/* A session on the table, which must outlive it. */
void gs_gpu_table_open(struct gs_gpu_table *table, struct gs_gpus *ret);

/* A process takes hold of a slice, or of the whole GPU (gi and ci GS_NOT_KNOWN). GS_NOT_FOUND: no
 * such instance. GS_LIMIT: too many processes. */
int gs_gpu_table_hold(struct gs_gpu_table *table, unsigned gpu, uint32_t gi, uint32_t ci,
                      uint32_t pid, struct gs_err *err);

/* The process lets go of everything. */
void gs_gpu_table_drop(struct gs_gpu_table *table, uint32_t pid);

/* GS_LIMIT: all entries are taken. */
int gs_gpu_table_fault(struct gs_gpu_table *table, const struct gs_gpu_fault *fault,
                       struct gs_err *err);
void gs_gpu_table_clear_faults(struct gs_gpu_table *table);

/* Something happened that watches tell: an XID, say. Changes of what is cut tell themselves, and
 * `lost` of a GPU does. The UUID is filled in. */
void gs_gpu_table_tell(struct gs_gpu_table *table, const struct gs_gpu_event *event);

/* The machine is started anew: processes, clients and instances are gone, lost GPUs are back, and
 * the mode is what was pending (Ampere) or off (Hopper and later). */
void gs_gpu_table_reboot(struct gs_gpu_table *table);

/* The same GPUs, modes, instances with the same ids and generations, processes and clients. Counts
 * of calls, faults, hooks, readings and events are not looked at. */
bool gs_gpu_table_equal(const struct gs_gpu_table *a, const struct gs_gpu_table *b);

/* What is cut into one GPU, as gs_gpu_instances gives it, without a call being counted. */
void gs_gpu_table_read(const struct gs_gpu_table *table, unsigned gpu,
                       struct gs_gpu_instances *ret);
