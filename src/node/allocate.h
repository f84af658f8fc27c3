/* allocate: what a container gets that was granted these devices.
 *
 * nvidia-node-stack 2.4. Where all strategies are CDI, NVIDIA_VISIBLE_DEVICES is "void", so that an
 * image which says "all" does not see its neighbours where the nvidia runtime is the default. */
#pragma once

#include "node/offer.h"

enum { GS_UUID_TEXT = 36 };

/* Device nodes that every GPU container gets, where the host has them. */
enum gs_control_node {
    GS_CONTROL_CTL = 1,
    GS_CONTROL_UVM = 2,
    GS_CONTROL_UVM_TOOLS = 4,
    GS_CONTROL_MODESET = 8
};

/* Devices beside GPUs that a CDI file on this host describes, as
 * k8s.device-plugin.nvidia.com/gds=all. Only what is described is named: a container with an
 * unknown name does not start. */
enum gs_cdi_extra {
    GS_CDI_IMEX = 1, /* imex-channel=0 */
    GS_CDI_GDRCOPY = 2,
    GS_CDI_GDS = 4,
    GS_CDI_MOFED = 8
};

struct gs_allocate {
    const struct gs_offer *offer;
    const struct gs_offer_resource *resource;
    const struct gs_agentconfig *config;
    /* Sick ones are refused. Retiring ones are granted, as the kubelet took them before it heard of
     * it and a refusal would fail the pod: the caller keeps the slice. */
    const struct gs_offer_mark *marks;
    unsigned n_marks;
    unsigned control_nodes;  /* set of enum gs_control_node: which the host has */
    unsigned cdi_extras;     /* set of enum gs_cdi_extra */
    bool imex_channel_there; /* the host has the device node of channel 0 */
    /* With GS_LIST_CDI_ANNOTATIONS: a random UUID as text for the annotation; one a container. */
    char uuid[GS_UUID_TEXT + 1];
};

/* What one container gets that asks for `ids`. GS_NOT_FOUND: an id that the resource does not have.
 * GS_BUSY: one that is sick or lost. GS_INVALID: no id, one given twice, or more than one of a
 * shared resource with failRequestsGreaterThanOne. GS_UNKNOWN: the IMEX channel is required and is
 * not there. GS_NO_MEMORY. */
int gs_allocate(struct gs_arena *arena, const struct gs_allocate *with, const struct gs_dp_ids *ids,
                struct gs_dp_grant *ret, struct gs_err *err);
