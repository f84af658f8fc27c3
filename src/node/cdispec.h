/* cdispec: which CDI file describes the GPUs and slices that there are.
 *
 * As nvidia-ctk (v1.17 to v1.20) and NVIDIA's device plugin write it: a device for each GPU that is
 * not cut and for each slice, and what every container needs of the driver. Pure. */
#pragma once

#include "base/arena.h"
#include "gpu/driver_files.h"
#include "node/snapshot.h"
#include "wire/cdi.h"

#define GS_CDISPEC_KIND "k8s.device-plugin.nvidia.com/gpu"

/* How devices are called; several: each device is there once for each. */
enum {
    GS_CDISPEC_UUID = 1,      /* "GPU-...", "MIG-..." */
    GS_CDISPEC_INDEX = 2,     /* "0", "0:1" */
    GS_CDISPEC_TYPE_INDEX = 4 /* "gpu0", "mig0:1" */
};

struct gs_cdispec_options {
    const char *kind;        /* NULL: GS_CDISPEC_KIND */
    unsigned names;          /* bits of the above; 0: GS_CDISPEC_UUID */
    const char *driver_root; /* as the container runtime sees it; NULL: "/" */
    const char *dev_root;    /* likewise; NULL: driver_root */
    const char *hook; /* nvidia-cdi-hook or nvidia-ctk, as the runtime sees it; NULL, "": none */
    unsigned hooks;   /* that it knows (GS_HOOK_...); 0: those that all releases know */
    bool nodes_from_numbers; /* nodes get type, major and minor, so that the runtime makes them
                                where the host has none; else only what nvidia-ctk writes */
    bool all;                /* a device "all" with everything, as nvidia-ctk adds */
};

/* The nodes of one GPU. */
struct gs_cdispec_nodes {
    struct gs_device_node gpu; /* /dev/nvidia<minor> */
    unsigned n_drm;
    struct gs_device_node drm[GS_DRM_NODES_MAX];
    unsigned n_drm_links;
    struct gs_drm_link drm_links[GS_DRM_LINKS_MAX];
};

/* What of the machine's files the file tells. */
struct gs_cdispec_machine {
    const struct gs_driver_files *files;  /* NULL: none are known */
    const struct gs_cdispec_nodes *nodes; /* one for each GPU of the snapshot */
    unsigned n_control; /* nvidia-modeset, nvidia-uvm-tools, nvidia-uvm, nvidiactl: what there is */
    const struct gs_device_node *control;
    uint32_t caps_major; /* of /dev/nvidia-caps; GS_NOT_KNOWN */
};

/* Makes the description in the arena, sorted as nvidia-ctk sorts. Left out are GPUs that are lost
 * or cut, slices whose minors are not known, and slices of drivers before R470 under their UUID,
 * which is no name in CDI. Without any device left, gs_cdi_format refuses it. GS_NO_MEMORY. */
int gs_cdispec_make(const struct gs_snapshot *snapshot, const struct gs_cdispec_machine *machine,
                    const struct gs_cdispec_options *options, struct gs_arena *arena,
                    struct gs_cdi_spec *ret, struct gs_err *err);
