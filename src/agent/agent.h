/* agent: everything that runs on a node, put together. Private to src/agent.
 *
 * docs/internals/agent.md. All of it belongs to the loop. */
#pragma once

#include <sys/types.h>

#include <systemd/sd-event.h>

#include "agent/cdifile.h"
#include "agent/gpunode.h"
#include "agent/machine.h"
#include "agent/monitor.h"
#include "agent/nodelabels.h"
#include "agent/offering.h"
#include "agent/plugin.h"
#include "agent/status.h"
#include "agent/trouble.h"
#include "agent/worker.h"
#include "cluster/events.h"
#include "net/http_server.h"

struct gs_control; /* control.h: HTTP, on both sockets */
struct gs_figures; /* figures.h: lines for CloudWatch */
struct gs_leaving; /* leave.h: the way out */

struct gs_agent {
    sd_event *event;
    struct gs_handoff *handoff;
    const struct gs_agentconfig *config;
    struct gs_machine_roots roots;
    char node_name[GS_CLUSTER_NAME_MAX];
    struct gs_machine_facts machine;
    struct gs_troubles troubles;
    struct gs_metrics_counters counters;
    struct gs_offering *offering;
    struct gs_cdifile *cdifile;
    struct gs_plugins *plugins;
    struct gs_status *status;
    struct gs_worker *worker;
    struct gs_monitor *monitor;
    struct gs_findings *findings; /* the latest; NULL: none yet */
    struct gs_control *control;
    struct gs_figures *figures; /* NULL: none are asked for */
    struct gs_leaving *leaving; /* NULL: the agent stays */
    sd_event_source *tick;      /* health that comes back with time */
    uint64_t n_orders;
    unsigned n_running; /* orders of the socket that have not ended */
    bool unlisted;      /* the CDI file lacks what is offered: the kubelet has the old lists */
    bool layout_failed; /* the last order that stands did not come true */
    bool ordered;       /* an order stands, and has not ended yet */
    /* the cluster; `has_cluster` false: none */
    bool has_cluster;
    struct gs_cluster cluster;
    struct gs_cluster_watch *node_watch;
    struct gs_nodelabels *labels;
    struct gs_agentnode *gpunode; /* NULL: not behind an API server */
    struct gs_events *events;
    char nodepool[GS_CLUSTER_NAME_MAX]; /* Karpenter's, by the node's label; "": none */
    bool has_taint;
    struct gs_cluster_call *taint_call;
    /* the end */
    unsigned threads; /* that run */
    bool reload;      /* leaves to come back with another configuration */
};

/* Puts it together and starts the threads. The error says what to do. */
int gs_agent_start(struct gs_agent *agent, const struct gs_agentconfig *config, sd_event *event,
                   struct gs_err *err);

/* Begins to leave: tells the scheduler, waits for pods on their way, ends the threads, and then the
 * loop. `reload`: to be started again at once. Once more: at once. */
void gs_agent_leave(struct gs_agent *agent, bool reload);

/* After the loop has ended. Slices, the CDI file and labels stay as they are. */
void gs_agent_done(struct gs_agent *agent);

/* Whether pods can be served. */
bool gs_agent_is_ready(const struct gs_agent *agent);

/* Lists, labels and numbers follow what is offered. */
void gs_agent_refresh(struct gs_agent *agent);

/* An order of this origin; *ret_number (may be NULL) is how its result is known. */
int gs_agent_order(struct gs_agent *agent, struct gs_order order, uint64_t *ret_number,
                   struct gs_err *err);
