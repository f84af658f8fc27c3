/* allocate: what a container gets that was granted these devices.
 *
 * nvidia-node-stack 2.4. With cdi-cri alone NVIDIA_VISIBLE_DEVICES is "void", so that an image
 * which says "all" does not see the neighbours where the nvidia runtime is the node's default. */
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

struct gs_allocate {
    const struct gs_offer *offer;
    const struct gs_offer_resource *resource;
    const struct gs_agentconfig *config;
    const struct gs_offer_mark *marks; /* sick and retiring ones are refused */
    unsigned n_marks;
    unsigned control_nodes;  /* set of enum gs_control_node: which the host has */
    bool imex_channel_there; /* the host has the device node of channel 0 */
    /* A random UUID as text for the annotation; one a container. */
    char uuid[GS_UUID_TEXT + 1];
};

/* What one container gets that asks for `ids`. GS_NOT_FOUND: an id that the resource does not have.
 * GS_BUSY: one that is sick, lost or about to be destroyed. GS_INVALID: no id, one given twice, or
 * more than one of a shared resource with failRequestsGreaterThanOne. GS_UNKNOWN: pass-device-specs
 * needs the device node of a slice, and the driver lists none; or the IMEX channel is required and
 * is not there. */
int gs_allocate(struct gs_arena *arena, const struct gs_allocate *with, const struct gs_dp_ids *ids,
                struct gs_dp_grant *ret, struct gs_err *err);
