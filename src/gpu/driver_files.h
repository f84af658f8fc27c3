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

enum { GS_ROOT_MAX = 1024, GS_NODE_PATH_MAX = 128, GS_DRM_NODES_MAX = 4 };

/* "" is "/". Paths behind them begin with a slash; they end without one. */
struct gs_machine_roots {
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

/* /dev/dri/card<n> and renderD<n> of a GPU, by /sys/bus/pci/devices/<address>/drm; none is fine. */
int gs_driver_drm_nodes(const struct gs_machine_roots *roots, const char *pci_bus_id,
                        struct gs_device_node ret[GS_DRM_NODES_MAX], unsigned *ret_n,
                        struct gs_err *err);

/* ---- What a container gets of the driver ---- */

/* Paths are those in the container, which are those below the driver root. */
struct gs_path_list {
    size_t n;
    const char **at;
};

/* A link that a container needs: `link` -> `target`, which is as it is written, not resolved. */
struct gs_driver_link {
    const char *link;
    const char *target;
};

struct gs_driver_files {
    struct gs_path_list libraries; /* lib*.so.<version>, in the order of nvidia-ctk */
    struct gs_path_list graphics;  /* files of OpenGL, Vulkan, X; what nvidia-ctk mounts of them */
    struct gs_path_list ipc;       /* sockets of persistenced, fabricmanager, MPS */
    struct gs_path_list firmware;  /* gsp*.bin */
    struct gs_path_list binaries;  /* nvidia-smi, ... */
    struct gs_path_list lib_folders;  /* of the libraries, for ldconfig */
    struct gs_path_list cuda_folders; /* where libcuda.so.<version> is */
    size_t n_links;
    const struct gs_driver_link *links; /* libcuda.so -> libcuda.so.1, ... */
    size_t n_graphics_links;
    const struct gs_driver_link *graphics_links;
};

/* Finds the driver's files of this version below the driver root. Lives in the arena. GS_NOT_FOUND:
 * there is no libcuda.so.<version>. GS_LIMIT: more files than 4,096. GS_IO, GS_NO_MEMORY. */
int gs_driver_files_find(const struct gs_machine_roots *roots, const char *driver_version,
                         struct gs_arena *arena, struct gs_driver_files *ret, struct gs_err *err);
