/* plugin: the device plugins of the agent: one socket a resource, known to the kubelet.
 *
 * Serves ListAndWatch, Allocate, GetPreferredAllocation and the rest from what is offered
 * (agent/offering), and sees to it that the kubelet has each resource: it registers when a socket
 * is new, when the kubelet makes its own anew, and when a ListAndWatch stream ends, since the
 * kubelet drops the new plugin when an old one of the same resource goes. Belongs to the loop. */
#pragma once

#include <systemd/sd-event.h>

#include "agent/offering.h"
#include "agent/trouble.h"
#include "node/metrics.h"

struct gs_plugins;

struct gs_plugins_options {
    sd_event *event;
    const struct gs_agentconfig *config;
    struct gs_offering *offering;
    struct gs_troubles *troubles;
    struct gs_metrics_counters *counters;
    /* The kubelet was given another list, or took up a resource. */
    void (*sent)(void *ctx);
    /* It was granted something. */
    void (*granted)(void *ctx);
    void *ctx;
};

/* Watches for the kubelet's socket. GS_IO: its folder cannot be watched; GS_NO_MEMORY. */
int gs_plugins_new(const struct gs_plugins_options *options, struct gs_plugins **ret,
                   struct gs_err *err);

/* Ends all streams and removes the sockets. */
void gs_plugins_free(struct gs_plugins *plugins);

/* What is offered has changed: new resources get a socket, changed lists are sent. */
void gs_plugins_update(struct gs_plugins *plugins);

/* Whether the kubelet listens to every resource. */
bool gs_plugins_are_registered(const struct gs_plugins *plugins);

/* How a resource stands with the kubelet, for people: "registered", or what keeps it from it. */
const char *gs_plugins_standing(const struct gs_plugins *plugins, const char *resource);
