#include "agent/agent_work.h"

#include <stdio.h>

#include "agent/control.h"
#include "base/log.h"

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
void gs_agent_on_begun(void *ctx, const struct gs_order *order)
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

void gs_agent_on_ended(void *ctx, const struct gs_order_result *result)
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

void gs_agent_order_layout(struct gs_agent *agent, enum gs_order_origin origin, const char *name)
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

void gs_agent_on_wanted(void *ctx, const char *name)
{
    gs_agent_order_layout(ctx, GS_ORDER_LABEL, name);
}
