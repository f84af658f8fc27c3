#include "agent/status.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "net/grpc_client.h"
#include "wire/podresources.h"

#define TURN_BYTES_MAX ((size_t)32 << 20)

enum {
    ASK_LIMIT_US = 5 * 1000 * 1000,
    PATCH_LIMIT_US = 10 * 1000 * 1000,
    POLL_FIRST_US = 2 * 1000,
    POLL_MAX_US = 1000 * 1000,
    RETRY_US = 5 * 1000 * 1000,
    AMOUNT_TEXT = 24
};

/* What node.status shows of a resource. */
struct shown {
    char resource[GS_RESOURCE_NAME_MAX + 1];
    uint64_t capacity;
    uint64_t allocatable;
};

struct gs_status {
    struct gs_status_options options;
    /* the kubelet */
    struct gs_arena answer_arena;
    struct gs_podres_allocatable answer;
    bool answered; /* since the last list was sent */
    struct gs_grpc_ask *ask;
    bool ask_again; /* a list was sent while it was under way */
    sd_event_source *poll;
    uint64_t poll_in_us;
    /* the API server */
    bool node_known;
    unsigned n_shown;
    struct shown shown[GS_OFFER_RESOURCES_MAX];
    struct gs_cluster_call *patch;
    bool refused;       /* the last one was, and that is the condition */
    unsigned n_patched; /* what the patch under way says */
    struct shown patched[GS_OFFER_RESOURCES_MAX];
    sd_event_source *retry;
    /* who waits */
    struct gs_await *for_patch;
    struct gs_await *for_kubelet;
    bool settled;
    bool written;
};

static void turn(struct gs_status *status);

/* ---- The kubelet ---- */

/* The ids of a resource that the kubelet has. It tells of each in an entry of its own, and there
 * are tens of thousands where slices are shared. */
static int list_ids(const struct gs_podres_allocatable *answer, const char *resource,
                    struct gs_map *ret, struct gs_err *err)
{
    for (unsigned i = 0; i < answer->n; i++) {
        const struct gs_podres_devices *devices = &answer->devices[i];
        for (unsigned k = 0; k < devices->n_ids && strcmp(devices->resource, resource) == 0; k++) {
            if (!gs_map_put(ret, devices->ids[k], ret)) {
                return gs_fail(err, GS_NO_MEMORY, "no memory for what the kubelet has");
            }
        }
    }
    return 0;
}

/* How many devices of the list that are healthy the kubelet has, and whether it has one that is
 * not. */
static int compare(const struct gs_status *status, const char *resource, struct gs_arena *arena,
                   uint32_t *ret_has, bool *ret_too_much, struct gs_err *err)
{
    struct gs_dp_list list;
    struct gs_map ids = {.n = 0};
    int r = gs_offering_list(status->options.offering, resource, arena, &list, err);
    r = r < 0 ? r : list_ids(&status->answer, resource, &ids, err);
    *ret_has = 0;
    *ret_too_much = false;
    for (unsigned i = 0; r == 0 && i < list.n; i++) {
        if (gs_map_find(&ids, list.devices[i].id) != NULL) {
            *ret_has += list.devices[i].healthy;
            *ret_too_much = *ret_too_much || !list.devices[i].healthy;
        }
    }
    gs_map_done(&ids);
    return r;
}

static void ask(struct gs_status *status);

static int on_poll(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct gs_status *status = ctx;
    (void)usec;
    sd_event_source_disable_unref(source);
    status->poll = NULL;
    ask(status);
    return 0;
}

static void poll_later(struct gs_status *status)
{
    if (status->poll != NULL || status->ask != NULL) {
        return;
    }
    if (sd_event_add_time_relative(status->options.event, &status->poll, CLOCK_MONOTONIC,
                                   status->poll_in_us, 500, on_poll, status) < 0) {
        status->poll = NULL;
        return;
    }
    status->poll_in_us = status->poll_in_us * 3 / 2;
    status->poll_in_us = status->poll_in_us > POLL_MAX_US ? POLL_MAX_US : status->poll_in_us;
}

static void on_answer(void *ctx, int r, struct gs_view response, const struct gs_err *err)
{
    struct gs_status *status = ctx;
    struct gs_arena arena;
    struct gs_podres_allocatable answer;
    struct gs_err local = {.code = GS_OK};
    status->ask = NULL;
    gs_arena_init(&arena, &gs_alloc_heap, TURN_BYTES_MAX);
    if (r == 0) {
        r = gs_podres_allocatable_decode(&arena, response, &answer, &local);
        err = &local;
    }
    if (r < 0) {
        gs_log_debug("asking the kubelet what it may give away: %s", err->msg);
        gs_arena_done(&arena);
        poll_later(status);
        return;
    }
    gs_arena_done(&status->answer_arena);
    status->answer_arena = arena;
    status->answer = answer;
    status->answered = !status->ask_again;
    status->ask_again = false;
    turn(status);
}

static void ask(struct gs_status *status)
{
    struct gs_err err;
    static const struct gs_view nothing = {.p = "", .n = 0};
    if (gs_grpc_ask(status->options.event, status->options.config->pod_resources_socket,
                    GS_PODRES_GET_ALLOCATABLE, nothing, ASK_LIMIT_US, on_answer, status,
                    &status->ask, &err) < 0) {
        status->ask = NULL;
        poll_later(status);
    }
}

/* ---- The API server ---- */

static struct shown *find_shown(struct gs_status *status, const char *resource)
{
    for (unsigned i = 0; i < status->n_shown; i++) {
        if (strcmp(status->shown[i].resource, resource) == 0) {
            return &status->shown[i];
        }
    }
    return NULL;
}

static bool read_amount(const struct gs_cluster_pairs *pairs, const char *resource, uint64_t *ret)
{
    const char *text = gs_cluster_pairs_find(pairs, resource);
    return text != NULL && gs_view_is_u64(gs_view(text), UINT32_MAX, ret);
}

void gs_status_node(struct gs_status *status, const struct gs_cluster_node *node)
{
    const char *socket;
    const char *resource;
    status->node_known = node != NULL;
    status->n_shown = 0;
    for (unsigned i = 0; node != NULL && (resource = gs_offering_resource(status->options.offering,
                                                                          i, &socket)) != NULL;
         i++) {
        struct shown *shown = &status->shown[status->n_shown];
        uint64_t capacity = 0;
        uint64_t allocatable = 0;
        bool has = read_amount(&node->capacity, resource, &capacity);
        has = read_amount(&node->allocatable, resource, &allocatable) || has;
        if (has) {
            *shown = (struct shown){.capacity = capacity, .allocatable = allocatable};
            snprintf(shown->resource, sizeof(shown->resource), "%s", resource);
            status->n_shown++;
        }
    }
    turn(status);
}

static void end_patch_await(struct gs_status *status, int r, const struct gs_err *err)
{
    struct gs_await *await = status->for_patch;
    status->for_patch = NULL;
    if (await != NULL) {
        gs_await_end(await, r, err);
    }
}

static int on_retry(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct gs_status *status = ctx;
    (void)usec;
    sd_event_source_disable_unref(source);
    status->retry = NULL;
    turn(status);
    return 0;
}

static void on_patched(void *ctx, int result, const struct gs_err *err)
{
    struct gs_status *status = ctx;
    status->patch = NULL;
    if (result < 0) {
        gs_trouble_bad(status->options.troubles, GS_TROUBLE_API, "StatusNotWritten", err->msg);
        status->refused = true;
        end_patch_await(status, result, err);
        if (status->retry == NULL &&
            sd_event_add_time_relative(status->options.event, &status->retry, CLOCK_MONOTONIC,
                                       RETRY_US, 1000, on_retry, status) < 0) {
            status->retry = NULL;
        }
        return;
    }
    gs_trouble_good(status->options.troubles, GS_TROUBLE_API);
    status->refused = false;
    /* what was written is what is shown, until the watch says otherwise */
    for (unsigned i = 0; i < status->n_patched; i++) {
        struct shown *shown = find_shown(status, status->patched[i].resource);
        if (shown == NULL && status->n_shown < GS_OFFER_RESOURCES_MAX) {
            shown = &status->shown[status->n_shown++];
        }
        if (shown != NULL) {
            *shown = status->patched[i];
        }
    }
    turn(status);
}

static int send_patch(struct gs_status *status, const struct gs_capacity *capacity,
                      struct gs_arena *arena, struct gs_err *err)
{
    struct gs_cluster_pair *pairs = GS_ARENA_NEW(arena, struct gs_cluster_pair, 2 * capacity->n);
    if (pairs == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a change of node.status");
    }
    status->n_patched = 0;
    for (unsigned i = 0; i < capacity->n; i++) {
        const struct gs_capacity_patch *at = &capacity->at[i];
        struct shown *patched = &status->patched[status->n_patched++];
        *patched = (struct shown){.capacity = at->capacity, .allocatable = at->allocatable};
        snprintf(patched->resource, sizeof(patched->resource), "%s", at->resource);
        pairs[i].key = at->resource;
        pairs[capacity->n + i].key = at->resource;
        if (!at->remove) {
            pairs[i].value = gs_arena_printf(arena, "%llu", (unsigned long long)at->capacity);
            pairs[capacity->n + i].value =
                gs_arena_printf(arena, "%llu", (unsigned long long)at->allocatable);
            if (pairs[i].value == NULL || pairs[capacity->n + i].value == NULL) {
                return gs_fail(err, GS_NO_MEMORY, "no memory for a change of node.status");
            }
        }
        gs_log_debug("node.status: %s capacity %llu allocatable %llu", at->resource,
                     (unsigned long long)at->capacity, (unsigned long long)at->allocatable);
    }
    const struct gs_cluster_status_change change = {
        .node = status->options.node_name,
        .capacity = {.at = pairs, .n = capacity->n},
        .allocatable = {.at = pairs + capacity->n, .n = capacity->n},
        .limit_us = PATCH_LIMIT_US,
    };
    return gs_cluster_change_status(status->options.cluster, &change, on_patched, status,
                                    &status->patch, err);
}

/* ---- Together ---- */

static int make_rows(struct gs_status *status, struct gs_arena *arena, struct gs_capacity_row **ret,
                     unsigned *ret_n, bool *ret_too_much, struct gs_err *err)
{
    int r = gs_offering_rows(status->options.offering, arena, ret, ret_n, err);
    *ret_too_much = false;
    for (unsigned i = 0; r == 0 && i < *ret_n; i++) {
        struct gs_capacity_row *row = &(*ret)[i];
        const struct shown *shown = find_shown(status, row->resource);
        bool too_much = false;
        r = compare(status, row->resource, arena, &row->kubelet, &too_much, err);
        *ret_too_much = *ret_too_much || too_much;
        row->kubelet_known = status->answered;
        row->in_status = shown != NULL;
        row->capacity = shown == NULL ? 0 : shown->capacity;
        row->allocatable = shown == NULL ? 0 : shown->allocatable;
    }
    return r;
}

/* The kubelet may be ahead of nothing, and must not be behind. */
static void end_kubelet_await(struct gs_status *status, bool agrees)
{
    if (status->for_kubelet != NULL && agrees) {
        struct gs_await *await = status->for_kubelet;
        status->for_kubelet = NULL;
        gs_await_end(await, 0, NULL);
    }
}

static void judge(struct gs_status *status, const struct gs_capacity *capacity, bool too_much)
{
    bool written = status->options.cluster == NULL || (capacity->n == 0 && status->node_known);
    bool agrees = status->answered && !too_much && !capacity->waiting;
    status->written = written && status->patch == NULL;
    if (status->written && status->refused && status->retry == NULL) { /* given up meanwhile */
        gs_trouble_good(status->options.troubles, GS_TROUBLE_API);
        status->refused = false;
    }
    if (status->written) {
        end_patch_await(status, 0, NULL);
        end_kubelet_await(status, status->answered && !too_much);
    }
    if (!agrees) {
        poll_later(status);
    }
    bool settled = agrees && written && status->patch == NULL;
    if (settled && !status->settled) {
        status->settled = true;
        status->options.settled(status->options.ctx);
    }
    status->settled = settled;
}

static void turn(struct gs_status *status)
{
    struct gs_arena arena;
    struct gs_capacity_row *rows;
    struct gs_capacity capacity;
    unsigned n = 0;
    bool too_much;
    struct gs_err err;
    if (gs_offering_box(status->options.offering) == NULL) {
        return;
    }
    gs_arena_init(&arena, &gs_alloc_heap, TURN_BYTES_MAX);
    int r = make_rows(status, &arena, &rows, &n, &too_much, &err);
    r = r < 0 ? r : gs_capacity_new(&arena, rows, n, &capacity, &err);
    if (r == 0 && capacity.n > 0 && status->options.cluster != NULL && status->node_known &&
        status->patch == NULL && status->retry == NULL) {
        r = send_patch(status, &capacity, &arena, &err);
    }
    if (r == 0) {
        judge(status, &capacity, too_much);
    } else {
        gs_log_error("node.status: %s", err.msg);
    }
    gs_arena_done(&arena);
}

void gs_status_update(struct gs_status *status)
{
    status->answered = false;
    status->settled = false;
    status->written = false;
    status->poll_in_us = POLL_FIRST_US;
    status->ask_again = status->ask != NULL;
    if (status->poll != NULL) {
        sd_event_source_disable_unref(status->poll);
        status->poll = NULL;
    }
    turn(status);
}

void gs_status_await_patch(struct gs_status *status, struct gs_await *await)
{
    status->for_patch = await;
    if (status->retry != NULL) { /* somebody waits: try again at once */
        sd_event_source_disable_unref(status->retry);
        status->retry = NULL;
    }
    turn(status);
}

void gs_status_await_kubelet(struct gs_status *status, struct gs_await *await)
{
    status->for_kubelet = await;
    turn(status);
}

void gs_status_give_up(struct gs_status *status)
{
    status->for_patch = NULL;
    status->for_kubelet = NULL;
}

bool gs_status_is_settled(const struct gs_status *status)
{
    return status->settled;
}

bool gs_status_is_written(const struct gs_status *status)
{
    return status->written;
}

int gs_status_new(const struct gs_status_options *options, struct gs_status **ret,
                  struct gs_err *err)
{
    struct gs_status *status = calloc(1, sizeof(*status));
    if (status == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for node.status");
    }
    status->options = *options;
    status->poll_in_us = POLL_FIRST_US;
    gs_arena_init(&status->answer_arena, &gs_alloc_heap, TURN_BYTES_MAX);
    *ret = status;
    return 0;
}

void gs_status_free(struct gs_status *status)
{
    if (status == NULL) {
        return;
    }
    if (status->ask != NULL) {
        gs_grpc_ask_cancel(status->ask);
    }
    if (status->patch != NULL) {
        gs_cluster_cancel(status->options.cluster, status->patch);
    }
    sd_event_source_disable_unref(status->poll);
    sd_event_source_disable_unref(status->retry);
    gs_arena_done(&status->answer_arena);
    free(status);
}
