/* nodelabels: the labels that the node carries, and the one that says how it is to be cut.
 *
 * Writes the labels of GPU feature discovery as node/labels makes them, within a turn of the loop
 * of a change, and takes ours away that are true no more. Reads nvidia.com/mig.config, which makes
 * an order, and keeps nvidia.com/mig.config.state as mig-manager does. Belongs to the loop. */
#pragma once

#include <systemd/sd-event.h>

#include "agent/offering.h"
#include "agent/trouble.h"
#include "cluster/cluster.h"
#include "node/labels.h"

struct gs_nodelabels;

struct gs_nodelabels_options {
    sd_event *event;
    const struct gs_agentconfig *config;
    struct gs_offering *offering;
    struct gs_cluster *cluster;
    const char *node_name;
    const char *machine_type;   /* NULL: not known */
    const struct gs_vgpu *vgpu; /* NULL: not known */
    uint64_t started_s;
    struct gs_troubles *troubles;
    /* The label asks for this configuration, which it did not before. */
    void (*wanted)(void *ctx, const char *name);
    void *ctx;
};

int gs_nodelabels_new(const struct gs_nodelabels_options *options, struct gs_nodelabels **ret,
                      struct gs_err *err);
void gs_nodelabels_free(struct gs_nodelabels *labels);

/* What is offered has changed. */
void gs_nodelabels_update(struct gs_nodelabels *labels);

/* The node as it is now; NULL: there is none. */
void gs_nodelabels_node(struct gs_nodelabels *labels, const struct gs_cluster_node *node);

/* The controller has cut a GPU otherwise than the label says: the label is history, also for the
 * next agent, until it changes or the node boots. */
void gs_nodelabels_overtaken(struct gs_nodelabels *labels);

/* How the order of the label stands. */
void gs_nodelabels_state(struct gs_nodelabels *labels, enum gs_mig_config_state state);
