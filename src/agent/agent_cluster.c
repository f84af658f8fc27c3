#include "agent/agent_work.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "cluster/cluster_kube.h"

static void on_untainted(void *ctx, int result, const struct gs_err *err)
{
    struct gs_agent *agent = ctx;
    agent->taint_call = NULL;
    if (result < 0) {
        gs_trouble_bad(&agent->troubles, GS_TROUBLE_API, "TaintNotRemoved", err->msg);
    } else {
        gs_log_info("the startup taint %s is removed: hardware, layout, plugins and node.status "
                    "agree",
                    agent->config->startup_taint);
    }
}

void gs_agent_on_settled(void *ctx)
{
    struct gs_agent *agent = ctx;
    struct gs_err err;
    gs_agentnode_settled(agent->gpunode);
    if (!agent->has_taint || agent->taint_call != NULL || agent->ordered || agent->layout_failed ||
        agent->leaving != NULL || !gs_agent_is_ready(agent)) {
        return;
    }
    if (gs_cluster_remove_taint(&agent->cluster, agent->node_name, agent->config->startup_taint,
                                on_untainted, agent, &agent->taint_call, &err) < 0) {
        agent->taint_call = NULL;
        gs_log_error("removing the startup taint: %s", err.msg);
    }
}

static void on_node(void *ctx, const struct gs_cluster_node *node)
{
    struct gs_agent *agent = ctx;
    const char *nodepool =
        node == NULL ? NULL : gs_cluster_pairs_find(&node->labels, "karpenter.sh/nodepool");
    snprintf(agent->nodepool, sizeof(agent->nodepool), "%s", nodepool == NULL ? "" : nodepool);
    agent->has_taint = false;
    if (node == NULL) {
        gs_trouble_bad(&agent->troubles, GS_TROUBLE_API, "NoNode",
                       "the API server has no node of this name: set node-name, or wait for the "
                       "kubelet to register it");
    } else {
        gs_events_know_uid(agent->events, node->uid);
        for (size_t i = 0; i < node->n_taints && agent->config->startup_taint[0] != '\0'; i++) {
            agent->has_taint =
                agent->has_taint || strcmp(node->taints[i].key, agent->config->startup_taint) == 0;
        }
    }
    gs_status_node(agent->status, node);
    gs_nodelabels_node(agent->labels, node);
    gs_agentnode_node(agent->gpunode, node == NULL ? NULL : node->uid);
    if (gs_status_is_settled(agent->status)) {
        gs_agent_on_settled(agent);
    }
}

static void on_reach(void *ctx, const struct gs_cluster_reach *reach)
{
    struct gs_agent *agent = ctx;
    if (reach->reachable) {
        gs_trouble_good(&agent->troubles, GS_TROUBLE_API);
    } else {
        agent->counters.api_errors++;
        gs_trouble_bad(&agent->troubles, GS_TROUBLE_API, "Unreachable", reach->why->msg);
    }
}

int gs_agent_join_cluster(struct gs_agent *agent, struct gs_err *err)
{
    const struct gs_agentconfig *config = agent->config;
    const struct gs_cluster_kube_options options = {
        .event = agent->event,
        .kubeconfig = config->kubeconfig[0] == '\0' ? NULL : config->kubeconfig,
        .user_agent = "gpuslice-agent/" GS_VERSION,
    };
    int r = gs_cluster_kube_open(&options, &agent->cluster, err);
    if (r < 0) {
        return gs_wrap(err, r,
                       "the API server (without one: --api=false; then node.status is left to the "
                       "kubelet and labels are not written)");
    }
    agent->has_cluster = true;
    const struct gs_events_options events = {.event = agent->event,
                                             .cluster = agent->cluster,
                                             .node = agent->node_name,
                                             .controller = "gpuslice.dev/agent",
                                             .instance = agent->node_name};
    return gs_events_new(&events, &agent->events, err);
}

int gs_agent_watch_node(struct gs_agent *agent, struct gs_err *err)
{
    const struct gs_nodelabels_options labels = {
        .event = agent->event,
        .config = agent->config,
        .offering = agent->offering,
        .cluster = &agent->cluster,
        .node_name = agent->node_name,
        .machine_type = agent->machine.has_type ? agent->machine.type : NULL,
        .vgpu = agent->machine.has_vgpu ? &agent->machine.vgpu : NULL,
        .started_s = (uint64_t)time(NULL),
        .troubles = &agent->troubles,
        .wanted = gs_agent_on_wanted,
        .ctx = agent,
    };
    const struct gs_cluster_node_sink sink = {.node = on_node, .reach = on_reach, .ctx = agent};
    int r = gs_nodelabels_new(&labels, &agent->labels, err);
    r = r < 0 ? r : gs_agentnode_new(agent, &agent->gpunode, err);
    return r < 0 ? r
                 : gs_cluster_watch_node(&agent->cluster, agent->node_name, &sink,
                                         &agent->node_watch, err);
}
