/* cluster_bed: a cluster to try the port on, whatever implements it.
 *
 * The suite speaks to the cluster through the port (bed->cluster) and plays the rest of the world
 * through the functions here: who puts nodes and pods, and who cuts the cable. `memory` is the
 * cluster in memory; `fake` is an API server's client over the scripted server (tests/kube); `real`
 * the same over the API server that the environment names. */
#pragma once

#include "unit/check.h"

#include <systemd/sd-event.h>

#include "cluster/cluster.h"
#include "kube/api.h"

struct cluster_bed;

struct cluster_bed_ops {
    const char *name;
    void (*begin)(struct cluster_bed *bed);
    void (*end)(struct cluster_bed *bed);
    void (*put_node)(struct cluster_bed *bed, const struct gs_cluster_node *node);
    void (*remove_node)(struct cluster_bed *bed, const char *name);
    void (*put_pod)(struct cluster_bed *bed, const struct gs_cluster_pod *pod);
    void (*remove_pod)(struct cluster_bed *bed, const char *name_space, const char *name);
    void (*away)(struct cluster_bed *bed, bool away);
    /* The event of that name: its count and note. False: there is none. */
    bool (*event)(struct cluster_bed *bed, const char *name, uint32_t *ret_count, char *ret_note,
                  size_t size);
    void (*remove_event)(struct cluster_bed *bed, const char *name);
};

struct cluster_bed {
    const struct cluster_bed_ops *ops;
    sd_event *event;
    struct gs_cluster cluster;
    struct api api;
};

extern const struct cluster_bed_ops cluster_bed_memory;
extern const struct cluster_bed_ops cluster_bed_fake;
extern const struct cluster_bed_ops cluster_bed_real;

/* A node with a name and nothing else. */
void cluster_bed_put_bare_node(struct cluster_bed *bed, const char *name);
