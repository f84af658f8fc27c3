#include "agent/agent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/control.h"
#include "agent/figures.h"
#include "agent/leave.h"
#include "base/log.h"
#include "cluster/cluster_kube.h"
#include "gpu/gpu_env.h"

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* ---- What is offered ---- */

void gs_agent_refresh(struct gs_agent *agent)
{
    if (!agent->unlisted) {
        gs_plugins_update(agent->plugins);
    }
    if (agent->labels != NULL) {
        gs_nodelabels_update(agent->labels);
    }
    gs_agentnode_update(agent->gpunode);
}

static void judge_offer(struct gs_agent *agent)
{
    const struct gs_offer *offer = gs_offering_offer(agent->offering);
    if (offer != NULL && offer->conditions.n > 0) {
        gs_trouble_bad(&agent->troubles, GS_TROUBLE_OFFER,
                       gs_condition_name(offer->conditions.at[0].code),
                       offer->conditions.at[0].text);
    } else {
        gs_trouble_good(&agent->troubles, GS_TROUBLE_OFFER);
    }
}

/* Of those that are not well, the first. */
static void judge_health(struct gs_agent *agent)
{
    char text[400];
    if (gs_offering_sick(agent->offering, text, sizeof(text))) {
        gs_trouble_bad(&agent->troubles, GS_TROUBLE_HEALTH, "Sick", text);
    } else {
        gs_trouble_good(&agent->troubles, GS_TROUBLE_HEALTH);
    }
}

/* Whether the file names what there is. */
static bool write_cdi(struct gs_agent *agent)
{
    struct gs_err err;
    const struct gs_box *box = gs_offering_box(agent->offering);
    if (box != NULL && gs_cdifile_write(agent->cdifile, &box->snapshot, &err) < 0) {
        gs_trouble_bad(&agent->troubles, GS_TROUBLE_CDI, "NotWritten", err.msg);
        return false;
    }
    gs_trouble_good(&agent->troubles, GS_TROUBLE_CDI);
    return true;
}

/* The file before the list: who is granted a slice finds it there. Where it cannot be written the
 * kubelet is not told of the new ones yet. */
static void on_offer(void *ctx, struct gs_box *box)
{
    struct gs_agent *agent = ctx;
    struct gs_err err;
    if (gs_offering_set(agent->offering, box, &err) < 0) {
        gs_trouble_bad(&agent->troubles, GS_TROUBLE_OFFER, "NotOffered", err.msg);
        return;
    }
    judge_offer(agent);
    judge_health(agent);
    agent->unlisted = !write_cdi(agent);
    gs_agent_refresh(agent);
    if (agent->monitor != NULL) {
        gs_monitor_look_at(agent->monitor, box);
        if (gs_offering_has_gone(agent->offering)) {
            gs_monitor_now(agent->monitor);
        }
    }
}

static void on_sent(void *ctx)
{
    struct gs_agent *agent = ctx;
    gs_status_update(agent->status);
}

static void on_granted(void *ctx)
{
    struct gs_agent *agent = ctx;
    gs_agentnode_granted(agent->gpunode);
}

/* ---- Re-cuts ---- */

static void on_lower(void *ctx, struct gs_recut_leaving *leaving, struct gs_await *await)
{
    struct gs_agent *agent = ctx;
    struct gs_err err;
    int r = gs_offering_lower(agent->offering, leaving, &err);
    if (r < 0) {
        gs_await_end(await, r, &err);
        return;
    }
#ifdef GS_LIST_FIRST /* the wrong order, for the test that must find it:                           \
                        tests/cluster/test_recut.py */
    gs_offering_retire(agent->offering);
    gs_plugins_update(agent->plugins);
    gs_status_update(agent->status);
    gs_await_end(await, 0, NULL);
    return;
#endif
    gs_status_update(agent->status);
    gs_status_await_patch(agent->status, await);
}

static void on_retire(void *ctx, struct gs_await *await)
{
    struct gs_agent *agent = ctx;
    gs_offering_retire(agent->offering);
    gs_plugins_update(agent->plugins);
    gs_status_update(agent->status);
    gs_agentnode_update(agent->gpunode);
    gs_status_await_kubelet(agent->status, await);
}

static void on_give_up(void *ctx)
{
    struct gs_agent *agent = ctx;
    gs_status_give_up(agent->status);
}

static void on_restore(void *ctx)
{
    struct gs_agent *agent = ctx;
    if (agent->leaving != NULL) {
        return; /* the ceilings are those of the way out */
    }
    gs_offering_restore(agent->offering);
    gs_plugins_update(agent->plugins);
    gs_status_update(agent->status);
    gs_agentnode_update(agent->gpunode);
}

static bool copy_grants(void *ctx, struct gs_arena *arena, struct gs_holding_input *input)
{
    struct gs_agent *agent = ctx;
    struct gs_grants *grants = gs_offering_grants(agent->offering);
    gs_grants_expire(grants, now_us(), agent->config->grant_timeout_s * 1000000);
    return gs_grants_copy(grants, now_us(), arena, input);
}

static void on_seen(void *ctx, const struct gs_holding_input *input, uint64_t started_us)
{
    struct gs_agent *agent = ctx;
    gs_grants_seen(gs_offering_grants(agent->offering), input->listed, input->checkpoint,
                   started_us);
}

/* ---- Orders ---- */

static void post(struct gs_agent *agent, bool warning, const char *reason, const char *note)
{
    if (agent->events != NULL) {
        gs_events_post(agent->events, warning, reason, "Recut", "%s", note);
    }
}

static void set_state(struct gs_agent *agent, enum gs_order_origin origin,
                      enum gs_mig_config_state state)
{
    if (origin == GS_ORDER_LABEL && agent->labels != NULL) {
        gs_nodelabels_state(agent->labels, state);
    }
}

/* What is tried again stays "failed" meanwhile. */
static void on_begun(void *ctx, const struct gs_order *order)
{
    struct gs_agent *agent = ctx;
    if (!agent->layout_failed) {
        set_state(agent, order->origin, GS_MIG_STATE_PENDING);
    }
}

static void count(struct gs_agent *agent, const struct gs_order_result *result)
{
    if (result->dry_run) {
        return;
    }
    if (result->code == GS_BUSY) {
        agent->counters.recuts_busy++;
    } else if (result->code != 0) {
        agent->counters.recuts_failed++;
    }
    if (result->changed) {
        gs_metrics_count(&agent->counters, result->took_us);
    }
}

static const char *failed_word(int code)
{
    return code == GS_BUSY         ? "InUse"
           : code == GS_NOT_FOUND  ? "UnknownLayout"
           : code == GS_INFEASIBLE ? "DoesNotFit"
           : code == GS_INVALID    ? "BadLayout"
                                   : "Failed";
}

static void say_failed(struct gs_agent *agent, const struct gs_order_result *result)
{
    char text[700];
    snprintf(text, sizeof(text), "%s%s", result->err.msg,
             result->retries ? "; it is tried again" : "");
    gs_trouble_bad(&agent->troubles, GS_TROUBLE_LAYOUT, failed_word(result->code), text);
    post(agent, true, "LayoutFailed", text);
}

static void on_ended(void *ctx, const struct gs_order_result *result)
{
    struct gs_agent *agent = ctx;
    count(agent, result);
    if (result->origin == GS_ORDER_SOCKET) {
        agent->n_running--;
        gs_log_info("order of the control socket: %s",
                    result->code == 0 ? "done" : result->err.msg);
        gs_control_ended(agent->control, result);
    } else if (gs_order_stands(result->origin)) {
        agent->ordered = agent->ordered && result->retries;
        agent->layout_failed = result->code != 0;
        set_state(agent, result->origin,
                  result->code == 0 ? GS_MIG_STATE_SUCCESS : GS_MIG_STATE_FAILED);
    }
    gs_agentnode_ended(agent->gpunode, result);
    if (result->origin == GS_ORDER_CLUSTER && result->changed && agent->labels != NULL) {
        gs_nodelabels_overtaken(agent->labels);
    }
    if (result->code != 0) {
        if (gs_order_stands(result->origin)) {
            say_failed(agent, result);
        }
        return;
    }
    if (gs_order_stands(result->origin)) {
        gs_trouble_good(&agent->troubles, GS_TROUBLE_LAYOUT);
    }
    if (result->changed) {
        char text[100];
        snprintf(text, sizeof(text), "the GPUs were cut anew in %.2f s",
                 (double)result->took_us / 1e6);
        gs_log_info("%s", text);
        post(agent, false, "LayoutApplied", text);
    }
    gs_status_update(agent->status); /* and with it the startup taint */
}

int gs_agent_order(struct gs_agent *agent, struct gs_order order, uint64_t *ret_number,
                   struct gs_err *err)
{
    order.number = ++agent->n_orders;
    int r = agent->leaving != NULL
                ? gs_fail(err, GS_BUSY, "the agent is about to end: try again in a moment")
                : gs_worker_order(agent->worker, &order, err);
    if (r == 0 && gs_order_stands(order.origin)) {
        agent->ordered = true;
        agent->layout_failed = false;
    }
    agent->n_running += r == 0 && order.origin == GS_ORDER_SOCKET;
    if (r == 0 && ret_number != NULL) {
        *ret_number = order.number;
    }
    return r;
}

static void order_layout(struct gs_agent *agent, enum gs_order_origin origin, const char *name)
{
    const struct gs_order order = {
        .origin = origin, .name = name, .file = agent->config->layout_file};
    struct gs_err err;
    gs_log_info("layout %s is wanted by %s", name[0] == '\0' ? "of the file" : name,
                origin == GS_ORDER_LABEL ? "the label of the node" : "the configuration");
    if (gs_agent_order(agent, order, NULL, &err) < 0) {
        gs_trouble_bad(&agent->troubles, GS_TROUBLE_LAYOUT, "NotOrdered", err.msg);
    }
}

static void on_wanted(void *ctx, const char *name)
{
    order_layout(ctx, GS_ORDER_LABEL, name);
}

/* ---- Driver and health ---- */

static void on_driver(void *ctx, const struct gs_err *err)
{
    struct gs_agent *agent = ctx;
    if (err == NULL) {
        gs_trouble_good(&agent->troubles, GS_TROUBLE_DRIVER);
    } else {
        gs_trouble_bad(&agent->troubles, GS_TROUBLE_DRIVER, "DriverLost", err->msg);
    }
}

static void tick(struct gs_agent *agent);

static int on_tick(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct gs_agent *agent = ctx;
    (void)usec;
    sd_event_source_disable_unref(source);
    agent->tick = NULL;
    tick(agent);
    return 0;
}

/* Health has changed, or may have come back. */
static void tick(struct gs_agent *agent)
{
    uint64_t next_us = UINT64_MAX;
    gs_offering_tick(agent->offering, now_us(), &next_us);
    judge_health(agent);
    gs_agent_refresh(agent);
    sd_event_source_disable_unref(agent->tick);
    agent->tick = NULL;
    if (next_us != UINT64_MAX && sd_event_add_time(agent->event, &agent->tick, CLOCK_MONOTONIC,
                                                   next_us, 10000, on_tick, agent) < 0) {
        agent->tick = NULL;
    }
}

static void on_event(void *ctx, const struct gs_gpu_event *event)
{
    struct gs_agent *agent = ctx;
    struct gs_err err;
    if (event->kind == GS_GPU_EVENT_MIG_CHANGE || event->kind == GS_GPU_EVENT_LOST) {
        gs_worker_rescan(agent->worker);
    }
    if (event->kind == GS_GPU_EVENT_XID) {
        gs_log_warning("GPU %s: XID %llu", event->uuid, (unsigned long long)event->data);
    }
    if (gs_offering_event(agent->offering, event, &err) < 0) {
        gs_log_error("health: %s", err.msg);
    }
    tick(agent);
}

static void on_found(void *ctx, struct gs_findings *findings)
{
    struct gs_agent *agent = ctx;
    struct gs_err err;
    gs_findings_free(agent->findings);
    agent->findings = findings;
    const struct gs_snapshot *snapshot = &findings->box->snapshot;
    if (findings->has_holding) {
        gs_offering_held(agent->offering, snapshot->number, &findings->holding);
    }
    for (unsigned k = 0; findings->gpus != NULL && k < snapshot->n_gpus; k++) {
        if (gs_offering_recovery(agent->offering, k, findings->gpus[k].recovery, &err) < 0) {
            gs_log_error("health: %s", err.msg);
        }
    }
    if (write_cdi(agent) &&
        agent->unlisted) { /* somebody may have removed it; or it was not to be */
        agent->unlisted = false;
        gs_agent_refresh(agent);
    }
    tick(agent);
    gs_agentnode_found(agent->gpunode);
}

/* ---- The node in the cluster ---- */

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

static void on_settled(void *ctx)
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
        on_settled(agent);
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

static int join_cluster(struct gs_agent *agent, struct gs_err *err)
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

static int watch_node(struct gs_agent *agent, struct gs_err *err)
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
        .wanted = on_wanted,
        .ctx = agent,
    };
    const struct gs_cluster_node_sink sink = {.node = on_node, .reach = on_reach, .ctx = agent};
    int r = gs_nodelabels_new(&labels, &agent->labels, err);
    r = r < 0 ? r : gs_agentnode_new(agent, &agent->gpunode, err);
    return r < 0 ? r
                 : gs_cluster_watch_node(&agent->cluster, agent->node_name, &sink,
                                         &agent->node_watch, err);
}

/* ---- Start ---- */

static int name_node(struct gs_agent *agent, struct gs_err *err)
{
    if (agent->config->node_name[0] != '\0') {
        snprintf(agent->node_name, sizeof(agent->node_name), "%s", agent->config->node_name);
        return 0;
    }
    if (gethostname(agent->node_name, sizeof(agent->node_name) - 1) < 0) {
        return gs_fail_errno(err, errno, "the name of this host; set node-name");
    }
    return 0;
}

/* Control nodes that the host has: containers get them as device specs. */
static unsigned find_control_nodes(const struct gs_machine_roots *roots)
{
    static const struct {
        const char *path;
        enum gs_control_node bit;
    } nodes[] = {
        {"/dev/nvidiactl", GS_CONTROL_CTL},
        {"/dev/nvidia-uvm", GS_CONTROL_UVM},
        {"/dev/nvidia-uvm-tools", GS_CONTROL_UVM_TOOLS},
        {"/dev/nvidia-modeset", GS_CONTROL_MODESET},
    };
    unsigned there = 0;
    for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
        struct gs_device_node node;
        gs_driver_node(roots, nodes[i].path, &node);
        there |= node.exists ? (unsigned)nodes[i].bit : 0;
    }
    return there;
}

static int make_offering(struct gs_agent *agent, struct gs_err *err)
{
    struct gs_device_node imex;
    gs_driver_node(&agent->roots, "/dev/nvidia-caps-imex-channels/channel0", &imex);
    const struct gs_offering_options offering = {
        .config = agent->config,
        .control_nodes = find_control_nodes(&agent->roots),
        .imex_channel_there = imex.exists,
    };
    int r = gs_offering_new(&offering, &agent->offering, err);
    agent->cdifile = r < 0 ? NULL : gs_cdifile_new(&agent->roots, agent->config);
    return r < 0 ? r : agent->cdifile == NULL ? gs_fail(err, GS_NO_MEMORY, "no memory for CDI") : 0;
}

static int make_status(struct gs_agent *agent, struct gs_err *err)
{
    const struct gs_status_options status = {
        .event = agent->event,
        .config = agent->config,
        .offering = agent->offering,
        .cluster = agent->has_cluster ? &agent->cluster : NULL,
        .node_name = agent->node_name,
        .troubles = &agent->troubles,
        .settled = on_settled,
        .ctx = agent,
    };
    const struct gs_plugins_options plugins = {
        .event = agent->event,
        .config = agent->config,
        .offering = agent->offering,
        .troubles = &agent->troubles,
        .counters = &agent->counters,
        .sent = on_sent,
        .granted = on_granted,
        .ctx = agent,
    };
    int r = gs_status_new(&status, &agent->status, err);
    return r < 0 ? r : gs_plugins_new(&plugins, &agent->plugins, err);
}

static void on_stopped(void *ctx)
{
    struct gs_agent *agent = ctx;
    if (--agent->threads == 0) {
        sd_event_exit(agent->event, 0);
    }
}

static void on_quiet(void *ctx, bool quiet)
{
    struct gs_agent *agent = ctx;
    gs_monitor_quiet(agent->monitor, quiet);
}

static int start_monitor(struct gs_agent *agent, struct gs_err *err)
{
    const struct gs_monitor_options monitor = {
        .gather = {.handoff = agent->handoff,
                   .event = agent->event,
                   .config = agent->config,
                   .node_name = agent->node_name,
                   .grants = copy_grants,
                   .seen = on_seen,
                   .ctx = agent},
        .event = on_event,
        .found = on_found,
        .stopped = on_stopped,
        .ctx = agent,
    };
    int r = gs_monitor_start(&monitor, &agent->monitor, err);
    agent->threads += r == 0;
    return r;
}

static int start_worker(struct gs_agent *agent, struct gs_err *err)
{
    const struct gs_worker_options worker = {
        .handoff = agent->handoff,
        .event = agent->event,
        .roots = agent->roots,
        .config = agent->config,
        .cluster = agent->has_cluster ? &agent->cluster : NULL,
        .node_name = agent->node_name,
        .loop = {.lower = on_lower,
                 .retire = on_retire,
                 .give_up = on_give_up,
                 .restore = on_restore,
                 .offer = on_offer,
                 .ctx = agent},
        .grants = copy_grants,
        .seen = on_seen,
        .driver = on_driver,
        .begun = on_begun,
        .ended = on_ended,
        .stopped = on_stopped,
        .ctx = agent,
        .quiet = on_quiet,
        .quiet_ctx = agent,
    };
    int r = gs_worker_start(&worker, &agent->worker, err);
    agent->threads += r == 0;
    return r;
}

static void end_threads(void *ctx);

/* Threads that run already need the loop to come to their ends. */
static int abort_start(struct gs_agent *agent, int r)
{
    if (agent->threads > 0) {
        end_threads(agent);
        (void)sd_event_loop(agent->event);
    }
    return r;
}

int gs_agent_start(struct gs_agent *agent, const struct gs_agentconfig *config, sd_event *event,
                   struct gs_err *err)
{
    *agent = (struct gs_agent){.event = event, .config = config};
    int r = name_node(agent, err);
    r = r < 0 ? r : gs_gpu_env_roots(&agent->roots, err);
    r = r < 0 ? r : gs_handoff_new(event, &agent->handoff, err);
    r = r < 0 || !config->api ? r : join_cluster(agent, err);
    r = r < 0 ? r : make_offering(agent, err);
    r = r < 0 ? r : make_status(agent, err);
    r = r < 0 ? r : gs_control_new(agent, &agent->control, err);
    r = r < 0 || config->emf_interval_s == 0 ? r : gs_figures_new(agent, &agent->figures, err);
    if (r < 0) {
        return r;
    }
    gs_machine_read(&agent->roots, config->machine_type_file, &agent->machine);
    r = start_monitor(agent, err);
    r = r < 0 ? r : start_worker(agent, err);
    if (r == 0 && config->layout_name[0] != '\0') {
        order_layout(agent, GS_ORDER_FILE, config->layout_name);
    }
    r = r < 0 || !agent->has_cluster ? r : watch_node(agent, err);
    return r < 0 ? abort_start(agent, r) : 0;
}

/* ---- End ---- */

bool gs_agent_is_ready(const struct gs_agent *agent)
{
    for (unsigned i = 0; i < GS_TROUBLES; i++) {
        if (agent->troubles.at[i].bad && !gs_trouble_is_minor(i)) {
            return false;
        }
    }
    return gs_offering_box(agent->offering) != NULL && gs_plugins_are_registered(agent->plugins);
}

/* Nobody is on the way here any more: the threads end, and the loop behind the last of them. */
static void end_threads(void *ctx)
{
    struct gs_agent *agent = ctx;
    gs_handoff_close(agent->handoff);
    if (agent->monitor != NULL) {
        gs_monitor_stop(agent->monitor);
    }
    if (agent->worker != NULL) {
        gs_worker_stop(agent->worker);
    }
}

void gs_agent_leave(struct gs_agent *agent, bool reload)
{
    struct gs_err err;
    agent->reload = reload;
    if (agent->leaving != NULL) { /* once more: at once */
        end_threads(agent);
        return;
    }
    gs_log_info("leaving; slices and pods stay as they are");
    if (gs_leave_begin(agent, end_threads, agent, &agent->leaving, &err) < 0) {
        gs_log_warning("%s", err.msg);
        end_threads(agent);
    }
}

void gs_agent_done(struct gs_agent *agent)
{
    gs_leave_free(agent->leaving);
    gs_figures_free(agent->figures);
    gs_control_free(agent->control);
    gs_agentnode_free(agent->gpunode);
    agent->gpunode = NULL;
    gs_plugins_free(agent->plugins);
    gs_status_free(agent->status);
    gs_nodelabels_free(agent->labels);
    if (agent->taint_call != NULL) {
        gs_cluster_cancel(&agent->cluster, agent->taint_call);
    }
    if (agent->node_watch != NULL) {
        gs_cluster_unwatch(&agent->cluster, agent->node_watch);
    }
    gs_events_free(agent->events);
    if (agent->has_cluster) {
        gs_cluster_close(&agent->cluster);
    }
    gs_findings_free(agent->findings);
    gs_cdifile_free(agent->cdifile);
    gs_offering_free(agent->offering);
    gs_monitor_free(agent->monitor);
    gs_worker_free(agent->worker);
    sd_event_source_disable_unref(agent->tick);
    gs_handoff_free(agent->handoff);
}
