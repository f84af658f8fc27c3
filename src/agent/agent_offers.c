#include "agent/agent_work.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"

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
void gs_agent_on_offer(void *ctx, struct gs_box *box)
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

void gs_agent_on_sent(void *ctx)
{
    struct gs_agent *agent = ctx;
    gs_status_update(agent->status);
}

void gs_agent_on_granted(void *ctx)
{
    struct gs_agent *agent = ctx;
    gs_agentnode_granted(agent->gpunode);
}

/* ---- Re-cuts ---- */

void gs_agent_on_lower(void *ctx, struct gs_recut_leaving *leaving, struct gs_await *await)
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

void gs_agent_on_retire(void *ctx, struct gs_await *await)
{
    struct gs_agent *agent = ctx;
    gs_offering_retire(agent->offering);
    gs_plugins_update(agent->plugins);
    gs_status_update(agent->status);
    gs_agentnode_update(agent->gpunode);
    gs_status_await_kubelet(agent->status, await);
}

void gs_agent_on_give_up(void *ctx)
{
    struct gs_agent *agent = ctx;
    gs_status_give_up(agent->status);
}

void gs_agent_on_restore(void *ctx)
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

bool gs_agent_copy_grants(void *ctx, struct gs_arena *arena, struct gs_holding_input *input)
{
    struct gs_agent *agent = ctx;
    struct gs_grants *grants = gs_offering_grants(agent->offering);
    gs_grants_expire(grants, gs_now_us(), agent->config->grant_timeout_s * 1000000);
    return gs_grants_copy(grants, gs_now_us(), arena, input);
}

void gs_agent_on_seen(void *ctx, const struct gs_holding_input *input, uint64_t started_us)
{
    struct gs_agent *agent = ctx;
    gs_grants_seen(gs_offering_grants(agent->offering), input->listed, input->checkpoint,
                   started_us);
}

/* ---- Driver and health ---- */

void gs_agent_on_driver(void *ctx, const struct gs_err *err)
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
    gs_offering_tick(agent->offering, gs_now_us(), &next_us);
    judge_health(agent);
    gs_agent_refresh(agent);
    sd_event_source_disable_unref(agent->tick);
    agent->tick = NULL;
    if (next_us != UINT64_MAX && sd_event_add_time(agent->event, &agent->tick, CLOCK_MONOTONIC,
                                                   next_us, 10000, on_tick, agent) < 0) {
        agent->tick = NULL;
    }
}

void gs_agent_on_event(void *ctx, const struct gs_gpu_event *event)
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

void gs_agent_on_found(void *ctx, struct gs_findings *findings)
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
