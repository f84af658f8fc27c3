#include "agent/leave.h"

#include <stdlib.h>

#include "base/log.h"
#include "net/grpc_client.h"
#include "wire/podresources.h"

#define WORK_BYTES_MAX ((size_t)64 << 20)

enum {
    LIMIT_US = 8 * 1000 * 1000, /* of the whole; a pod has thirty seconds to end by default */
    AGAIN_US = 100 * 1000,
    STEP_LIMIT_US = 2 * 1000 * 1000
};

/* First node.status; then again and again: how many devices do pods here ask for, how many has the
 * kubelet given away? When these are equal everybody has arrived. */
struct gs_leaving {
    struct gs_agent *agent;
    void (*done)(void *ctx);
    void *ctx;
    bool lowered; /* node.status says so */
    uint64_t asked;
    sd_event_source *limit;
    sd_event_source *step;
    struct gs_cluster_call *pods;
    struct gs_grpc_ask *granted;
};

static void stop(struct gs_leaving *leaving)
{
    sd_event_source_disable_unref(leaving->limit);
    leaving->limit = NULL;
    sd_event_source_disable_unref(leaving->step);
    leaving->step = NULL;
    if (leaving->pods != NULL) {
        gs_cluster_cancel(&leaving->agent->cluster, leaving->pods);
        leaving->pods = NULL;
    }
    if (leaving->granted != NULL) {
        gs_grpc_ask_cancel(leaving->granted);
        leaving->granted = NULL;
    }
}

static void finish(struct gs_leaving *leaving)
{
    stop(leaving);
    leaving->done(leaving->ctx);
}

static int on_limit(sd_event_source *source, uint64_t usec, void *ctx)
{
    (void)source;
    (void)usec;
    gs_log_warning("leaving although pods may be on their way here");
    finish(ctx);
    return 0;
}

static int on_step(sd_event_source *source, uint64_t usec, void *ctx);

static void step_in(struct gs_leaving *leaving, uint64_t us)
{
    if (sd_event_add_time_relative(leaving->agent->event, &leaving->step, CLOCK_MONOTONIC, us, 1000,
                                   on_step, leaving) < 0) {
        leaving->step = NULL;
        finish(leaving);
    }
}

static uint64_t count_granted(const struct gs_podres_list *list)
{
    uint64_t n = 0;
    for (unsigned p = 0; p < list->n; p++) {
        for (unsigned c = 0; c < list->pods[p].n_containers; c++) {
            const struct gs_podres_container *container = &list->pods[p].containers[c];
            for (unsigned d = 0; d < container->n_devices; d++) {
                bool ours = strncmp(container->devices[d].resource, "nvidia.com/", 11) == 0;
                n += ours ? container->devices[d].n_ids : 0;
            }
        }
    }
    return n;
}

static void on_granted(void *ctx, int r, struct gs_view response, const struct gs_err *err)
{
    struct gs_leaving *leaving = ctx;
    struct gs_arena arena;
    struct gs_podres_list list;
    (void)err;
    leaving->granted = NULL;
    gs_arena_init(&arena, &gs_alloc_heap, WORK_BYTES_MAX);
    bool all = r == 0 && gs_podres_list_decode(&arena, response, &list, NULL) == 0 &&
               count_granted(&list) >= leaving->asked;
    gs_arena_done(&arena);
    if (all) {
        finish(leaving);
    } else {
        step_in(leaving, AGAIN_US);
    }
}

static void on_pods(void *ctx, int result, const struct gs_cluster_pod *pods, size_t n_pods,
                    const struct gs_err *err)
{
    struct gs_leaving *leaving = ctx;
    static const struct gs_view nothing = {.p = "", .n = 0};
    (void)err;
    leaving->pods = NULL;
    leaving->asked = 0;
    for (size_t i = 0; result == 0 && i < n_pods; i++) {
        bool over = pods[i].phase == GS_CLUSTER_SUCCEEDED || pods[i].phase == GS_CLUSTER_FAILED;
        for (size_t k = 0; !over && k < pods[i].n_asks; k++) {
            leaving->asked += pods[i].asks[k].count;
        }
    }
    if (result < 0 ||
        gs_grpc_ask(leaving->agent->event, leaving->agent->config->pod_resources_socket,
                    GS_PODRES_LIST, nothing, STEP_LIMIT_US, on_granted, leaving, &leaving->granted,
                    NULL) < 0) {
        step_in(leaving, AGAIN_US);
    }
}

static int on_step(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct gs_leaving *leaving = ctx;
    const struct gs_cluster_pods_query query = {
        .node = leaving->agent->node_name, .resources = "nvidia.com/", .limit_us = STEP_LIMIT_US};
    (void)usec;
    sd_event_source_disable_unref(source);
    leaving->step = NULL;
    if (!leaving->lowered && !gs_status_is_written(leaving->agent->status)) {
        step_in(leaving, AGAIN_US / 4);
        return 0;
    }
    if (!leaving->lowered) { /* the scheduler may have bound a pod on the old number */
        leaving->lowered = true;
        step_in(leaving, leaving->agent->config->settle_ms * 1000);
        return 0;
    }
    if (gs_cluster_list_pods(&leaving->agent->cluster, &query, on_pods, leaving, &leaving->pods,
                             NULL) < 0) {
        leaving->pods = NULL;
        step_in(leaving, AGAIN_US);
    }
    return 0;
}

int gs_leave_begin(struct gs_agent *agent, void (*done)(void *ctx), void *ctx,
                   struct gs_leaving **ret, struct gs_err *err)
{
    struct gs_leaving *leaving = calloc(1, sizeof(*leaving));
    if (leaving == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory to leave in good order");
    }
    *leaving = (struct gs_leaving){.agent = agent, .done = done, .ctx = ctx};
    *ret = leaving;
    if (!agent->has_cluster || gs_offering_box(agent->offering) == NULL) {
        done(ctx);
        return 0;
    }
    gs_offering_close(agent->offering);
    gs_status_update(agent->status);
    if (sd_event_add_time_relative(agent->event, &leaving->limit, CLOCK_MONOTONIC, LIMIT_US, 1000,
                                   on_limit, leaving) < 0) {
        leaving->limit = NULL;
    }
    step_in(leaving, 0);
    return 0;
}

void gs_leave_free(struct gs_leaving *leaving)
{
    if (leaving != NULL) {
        stop(leaving);
        free(leaving);
    }
}
