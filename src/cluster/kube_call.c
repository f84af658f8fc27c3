#include "cluster/kube_call.h"

#include <stdlib.h>
#include <string.h>

static uint64_t now_us(const struct gs_cluster_call *call)
{
    uint64_t at = 0;
    (void)sd_event_now(gs_kube_event(call->cluster->kube), CLOCK_MONOTONIC, &at);
    return at;
}

struct gs_cluster_call *gs_kube_call_new(struct gs_cluster_kube *cluster, const char *node,
                                         uint64_t limit_us, void *ctx)
{
    struct gs_cluster_call *call = calloc(1, sizeof(*call));
    if (call == NULL) {
        return NULL;
    }
    call->cluster = cluster;
    call->ctx = ctx;
    call->end_us = now_us(call) + (limit_us == 0 ? GS_CLUSTER_LIMIT_DEFAULT_US : limit_us);
    gs_arena_init(&call->arena, &gs_alloc_heap, GS_KUBE_CALL_BYTES_MAX);
    gs_arena_init(&call->nominated.arena, &gs_alloc_heap, GS_KUBE_CALL_BYTES_MAX);
    gs_arena_init(&call->bound.arena, &gs_alloc_heap, GS_KUBE_CALL_BYTES_MAX);
    call->next = cluster->calls;
    if (call->next != NULL) {
        call->next->prev = call;
    }
    cluster->calls = call;
    call->node = gs_arena_text(&call->arena, node, strlen(node));
    if (call->node == NULL) {
        gs_kube_call_free(call);
        return NULL;
    }
    return call;
}

void gs_kube_call_free(struct gs_cluster_call *call)
{
    if (call->request != NULL) {
        gs_kube_cancel(call->request);
    }
    gs_kube_list_cancel(call->list);
    *(call->prev == NULL ? &call->cluster->calls : &call->prev->next) = call->next;
    if (call->next != NULL) {
        call->next->prev = call->prev;
    }
    gs_arena_done(&call->arena);
    gs_arena_done(&call->nominated.arena);
    gs_arena_done(&call->bound.arena);
    free(call);
}

void gs_kube_call_finish(struct gs_cluster_call *call, int result, const struct gs_err *err)
{
    call->done(call->ctx, result, result == 0 ? NULL : err);
    gs_kube_call_free(call);
}

uint64_t gs_kube_call_left_us(const struct gs_cluster_call *call)
{
    uint64_t now = now_us(call);
    return call->end_us > now ? call->end_us - now : 1;
}

int gs_kube_call_begun(struct gs_cluster_call *call, int r, struct gs_cluster_call **ret_call)
{
    if (r != 0) {
        gs_kube_call_free(call);
        return r;
    }
    if (ret_call != NULL) {
        *ret_call = call;
    }
    return 0;
}
