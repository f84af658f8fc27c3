/* status: the one who writes our numbers in node.status. Belongs to the loop.
 *
 * The kubelet itself brings them up to date every ten seconds; a pod that waits has no such time.
 * So they are patched as soon as the kubelet has what it was told (GetAllocatableResources), never
 * before, and lowered at once where a re-cut is about to take something (docs/internals/agent.md).
 * What to write is decided in node/capacity. */
#pragma once

#include <systemd/sd-event.h>

#include "agent/offering.h"
#include "agent/trouble.h"
#include "cluster/cluster.h"
#include "net/handoff.h"

struct gs_status;

struct gs_status_options {
    sd_event *event;
    const struct gs_agentconfig *config;
    struct gs_offering *offering;
    struct gs_cluster *cluster; /* NULL: numbers are left to the kubelet */
    const char *node_name;
    struct gs_troubles *troubles;
    void (*settled)(void *ctx); /* hardware, lists, kubelet and node.status agree */
    void *ctx;
};

int gs_status_new(const struct gs_status_options *options, struct gs_status **ret,
                  struct gs_err *err);
void gs_status_free(struct gs_status *status);

/* A list was sent, a ceiling was set or lifted: the kubelet is asked, node.status follows. */
void gs_status_update(struct gs_status *status);

/* The node as the API server has it now; NULL: there is none. */
void gs_status_node(struct gs_status *status, const struct gs_cluster_node *node);

/* `await` ends when node.status has what was true when this was called: at once without an API
 * server. One at a time. */
void gs_status_await_patch(struct gs_status *status, struct gs_await *await);

/* `await` ends when the kubelet's answer names no device that a list calls unhealthy, and
 * node.status has been written since. */
void gs_status_await_kubelet(struct gs_status *status, struct gs_await *await);

/* Nobody waits any more. */
void gs_status_give_up(struct gs_status *status);

/* Whether everything agrees now. */
bool gs_status_is_settled(const struct gs_status *status);

/* Whether node.status has what it should have now; true where there is no API server. */
bool gs_status_is_written(const struct gs_status *status);
