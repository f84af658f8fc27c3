/* driver_files: what the files of a machine tell about its GPUs, and which of them a container
 * needs.
 *
 * All is looked up below chosen folders, so that it works for this machine, for a driver that is
 * mounted somewhere (/run/nvidia/driver), from inside a container, and for a simulated machine.
 * Nothing is written. What a file does not tell is GS_NOT_KNOWN or ""; bounds as said. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/view.h"
#include "gpu/gpu.h"

enum { GS_ROOT_MAX = 1024, GS_NODE_PATH_MAX = 128, GS_DRM_NODES_MAX = 4, GS_DRM_LINKS_MAX = 2 };

/* "" is "/". Paths behind them begin with a slash; they end without one. */
struct gs_machine_roots {
    char host[GS_ROOT_MAX];   /* what the container runtime takes for "/": its hooks' programs */
    char kernel[GS_ROOT_MAX]; /* /proc and /sys lie below it */
    char driver[GS_ROOT_MAX]; /* the driver's libraries, programs, firmware, sockets */
    char dev[GS_ROOT_MAX];    /* /dev/nvidia... */
    bool simulated;           /* of a simulated machine */
};

/* ---- Of the kernel ---- */

struct gs_pci_facts {
    int32_t numa_node; /* negative: none, or not told */
    uint32_t class;    /* 0x030200 is a 3D controller; GS_NOT_KNOWN */
};

/* /sys/bus/pci/devices/<address>; `pci_bus_id` as NVML writes it, with eight digits of domain, or
 * as the kernel does, with four. GS_NOT_FOUND: no such device. GS_INVALID: not an address. */
int gs_driver_pci(const struct gs_machine_roots *roots, const char *pci_bus_id,
                  struct gs_pci_facts *ret, struct gs_err *err);

/* DMI product name, "p4d.24xlarge", without blanks at its ends. GS_NOT_FOUND, GS_IO. */
int gs_driver_machine_type(const struct gs_machine_roots *roots, char *ret, size_t size,
                           struct gs_err *err);

/* Minors of /dev/nvidia-caps/nvidia-cap<minor>, by minor of the GPU (not its index), GI, CI. They
 * never change while the driver is loaded. GS_NOT_KNOWN: not in the file. */
struct gs_cap_minors {
    uint32_t config;  /* the right to cut */
    uint32_t monitor; /* the right to look into all slices */
    uint32_t gi[GS_GPUS_MAX][GS_GPU_INSTANCES_MAX];
    uint32_t ci[GS_GPUS_MAX][GS_GPU_INSTANCES_MAX][GS_COMPUTE_INSTANCES_MAX];
};

/* /proc/driver/nvidia-caps/mig-minors. Without the file (a driver before R450, no driver) all are
 * GS_NOT_KNOWN. Lines that are none are skipped, as NVIDIA's tools do. GS_IO. */
int gs_driver_caps(const struct gs_machine_roots *roots, struct gs_cap_minors *ret,
                   struct gs_err *err);
void gs_cap_minors_parse(struct gs_view text, struct gs_cap_minors *ret);

/* /proc/driver/nvidia/capabilities/gpu<M>/mig/gi<G>[/ci<C>]/access: there while the instance is. */
struct gs_cap_file {
    uint32_t minor;
    uint32_t mode; /* 0444 */
    bool modify;   /* the driver's tools may change the node */
};

/* ci GS_NOT_KNOWN: that of the GI. GS_NOT_FOUND. GS_INVALID: not such a file. GS_IO. */
int gs_driver_cap_file(const struct gs_machine_roots *roots, uint32_t gpu_minor, uint32_t gi,
                       uint32_t ci, struct gs_cap_file *ret, struct gs_err *err);
int gs_cap_file_parse(struct gs_view text, struct gs_cap_file *ret, struct gs_err *err);

/* Of /proc/devices. */
struct gs_driver_majors {
    uint32_t gpu;  /* "nvidia" or "nvidia-frontend": /dev/nvidia<m>, nvidiactl, nvidia-modeset */
    uint32_t uvm;  /* "nvidia-uvm" */
    uint32_t caps; /* "nvidia-caps" */
};

int gs_driver_majors(const struct gs_machine_roots *roots, struct gs_driver_majors *ret,
                     struct gs_err *err);
void gs_driver_majors_parse(struct gs_view text, struct gs_driver_majors *ret);

/* ---- Device nodes ---- */

struct gs_device_node {
    char path[GS_NODE_PATH_MAX]; /* "/dev/nvidia0": in a container, and below the dev root */
    bool exists;                 /* as a character device */
    uint32_t major;              /* of the node, or what it would be; GS_NOT_KNOWN */
    uint32_t minor;
    uint32_t mode; /* permissions, 0666; GS_NOT_KNOWN: no node */
    uint32_t gid;  /* GS_NOT_KNOWN: no node */
};

/* Looks at one node. That there is none, or no device, is no error: exists is false. */
void gs_driver_node(const struct gs_machine_roots *roots, const char *path,
                    struct gs_device_node *ret);

/* The nodes that every container with a GPU gets, those that exist: nvidia-modeset,
 * nvidia-uvm-tools, nvidia-uvm, nvidiactl. Where none does, what /proc/devices says that there
 * could be: `exists` is false then, and the numbers are known. */
enum { GS_CONTROL_NODES_MAX = 4 };
int gs_driver_control_nodes(const struct gs_machine_roots *roots,
                            struct gs_device_node ret[GS_CONTROL_NODES_MAX], unsigned *ret_n,
                            struct gs_err *err);

/* /dev/nvidia<minor>. Without a node the numbers are those of /proc/devices. */
int gs_driver_gpu_node(const struct gs_machine_roots *roots, uint32_t gpu_minor,
                       struct gs_device_node *ret, struct gs_err *err);

/* /dev/dri/card<n> and renderD<n> of a GPU, by /sys/bus/pci/devices/<address>/drm. A GPU without,
 * as most in servers are, is no error. GS_INVALID: not an address. GS_IO. */
int gs_driver_drm_nodes(const struct gs_machine_roots *roots, const char *pci_bus_id,
                        struct gs_device_node ret[GS_DRM_NODES_MAX], unsigned *ret_n,
                        struct gs_err *err);

/* A link below /dev/dri/by-path, by which programs find the nodes of a GPU. */
struct gs_drm_link {
    char link[GS_NODE_PATH_MAX];   /* "/dev/dri/by-path/pci-0000:07:00.0-card" */
    char target[GS_NODE_PATH_MAX]; /* "../card1" */
};

int gs_driver_drm_links(const struct gs_machine_roots *roots, const char *pci_bus_id,
                        struct gs_drm_link ret[GS_DRM_LINKS_MAX], unsigned *ret_n,
                        struct gs_err *err);

/* ---- What a container gets of the driver ---- */

/* One file that is mounted: below the driver root, and where containers look for it. */
struct gs_driver_mount {
    const char *path;
    const char *container_path;
};

/* A link that a container needs: `link` -> `target`, which is as it is written, not resolved. */
struct gs_driver_link {
    const char *target;
    const char *link;
};

struct gs_driver_files {
    size_t n_mounts; /* libraries, what graphics needs, GSP firmware, nvidia-smi and its like */
    const struct gs_driver_mount *mounts;
    size_t n_sockets; /* of persistenced, fabricmanager, MPS */
    const struct gs_driver_mount *sockets;
    size_t n_links; /* libcuda.so -> libcuda.so.1, ... */
    const struct gs_driver_link *links;
    size_t n_graphics_links;
    const struct gs_driver_link *graphics_links;
    size_t n_lib_folders; /* of the libraries, for ldconfig */
    const char *const *lib_folders;
    size_t n_cuda_folders; /* with libraries of the driver's version, without those in vdpau */
    const char *const *cuda_folders;
};

/* Finds the driver's files of this version ("580.65.06") below the driver root, where and in the
 * order in which nvidia-ctk v1.20 does; only its search of PATH for programs is of the usual
 * folders. Lives in the arena. GS_NOT_FOUND: there is no library of that version. GS_LIMIT: over
 * 4,096 files. GS_INVALID: not a version. GS_IO, GS_NO_MEMORY. */
int gs_driver_files_find(const struct gs_machine_roots *roots, const char *driver_version,
                         struct gs_arena *arena, struct gs_driver_files *ret, struct gs_err *err);

/* ---- The program of the hooks ---- */

/* Hooks that container runtimes run, by the release of NVIDIA's container toolkit that brought
 * them. An older one fails on a hook that it does not know, and with it the container. */
enum {
    GS_HOOK_CREATE_SYMLINKS = 1,
    GS_HOOK_UPDATE_LDCACHE = 2,
    GS_HOOK_ENABLE_CUDA_COMPAT = 4,               /* v1.17.5 */
    GS_HOOK_DISABLE_DEVICE_NODE_MODIFICATION = 8, /* v1.18 */
    GS_HOOK_UPDATE_APPLICATION_PROFILE = 16,      /* v1.20 */
    GS_HOOK_APPLY_CUDA_MEMORY_LIMITS = 32,        /* v1.20.1; of whole GPUs */
    GS_HOOKS_ALL = 63
};

/* The hook of that name ("create-symlinks"); GS_HOOKS_ALL for "all"; 0: there is none. */
unsigned gs_driver_hook_named(struct gs_view name);

struct gs_hook_program {
    char path[GS_ROOT_MAX]; /* "/usr/bin/nvidia-cdi-hook", below the host root; "": there is none */
    unsigned hooks;         /* that it knows; looked for in the program, which is not run */
};

/* Looks for `wanted`, or with NULL for nvidia-cdi-hook and then nvidia-ctk in the usual folders; ""
 * is none. None is no error. GS_LIMIT: `wanted` is too long. GS_IO: it is there and cannot be read.
 */
int gs_driver_hook_program(const struct gs_machine_roots *roots, const char *wanted,
                           struct gs_hook_program *ret, struct gs_err *err);
