#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/agent_work.h"
#include "agent/control.h"
#include "agent/figures.h"
#include "agent/leave.h"
#include "base/log.h"
#include "gpu/gpu_env.h"

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
        .settled = gs_agent_on_settled,
        .ctx = agent,
    };
    const struct gs_plugins_options plugins = {
        .event = agent->event,
        .config = agent->config,
        .offering = agent->offering,
        .troubles = &agent->troubles,
        .counters = &agent->counters,
        .sent = gs_agent_on_sent,
        .granted = gs_agent_on_granted,
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
                   .grants = gs_agent_copy_grants,
                   .seen = gs_agent_on_seen,
                   .ctx = agent},
        .event = gs_agent_on_event,
        .found = gs_agent_on_found,
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
        .loop = {.lower = gs_agent_on_lower,
                 .retire = gs_agent_on_retire,
                 .give_up = gs_agent_on_give_up,
                 .restore = gs_agent_on_restore,
                 .offer = gs_agent_on_offer,
                 .ctx = agent},
        .grants = gs_agent_copy_grants,
        .seen = gs_agent_on_seen,
        .driver = gs_agent_on_driver,
        .begun = gs_agent_on_begun,
        .ended = gs_agent_on_ended,
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
    r = r < 0 || !config->api ? r : gs_agent_join_cluster(agent, err);
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
        gs_agent_order_layout(agent, GS_ORDER_FILE, config->layout_name);
    }
    r = r < 0 || !agent->has_cluster ? r : gs_agent_watch_node(agent, err);
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
