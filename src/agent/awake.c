#include "agent/awake.h"

#include <stdlib.h>

#include "base/log.h"
#include "net/grpc_client.h"
#include "wire/podresources.h"

#define ANSWER_BYTES_MAX ((size_t)64 << 20)

enum {
    ASK_LIMIT_US = 1000 * 1000,
    AGAIN_US = 50 * 1000,
    LIMIT_US = 3 * 1000 * 1000 /* of the whole */
};

struct gs_awake {
    sd_event *event;
    const char *socket;
    void (*done)(void *ctx);
    void *ctx;
    sd_event_source *limit;
    sd_event_source *again;
    struct gs_grpc_ask *ask;
};

static void finish(struct gs_awake *awake)
{
    awake->done(awake->ctx);
}

static int on_limit(sd_event_source *source, uint64_t usec, void *ctx)
{
    (void)source;
    (void)usec;
    gs_log_info("the kubelet knows of no pod here");
    finish(ctx);
    return 0;
}

static void ask(struct gs_awake *awake);

static int on_again(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct gs_awake *awake = ctx;
    (void)usec;
    sd_event_source_disable_unref(source);
    awake->again = NULL;
    ask(awake);
    return 0;
}

static void ask_again(struct gs_awake *awake)
{
    if (sd_event_add_time_relative(awake->event, &awake->again, CLOCK_MONOTONIC, AGAIN_US, 1000,
                                   on_again, awake) < 0) {
        awake->again = NULL; /* the limit ends it */
    }
}

static void on_list(void *ctx, int r, struct gs_view response, const struct gs_err *err)
{
    struct gs_awake *awake = ctx;
    struct gs_arena arena;
    struct gs_podres_list list;
    (void)err;
    awake->ask = NULL;
    gs_arena_init(&arena, &gs_alloc_heap, ANSWER_BYTES_MAX);
    bool any = r == 0 && gs_podres_list_decode(&arena, response, &list, NULL) == 0 && list.n > 0;
    gs_arena_done(&arena);
    if (any) {
        finish(awake);
    } else {
        ask_again(awake);
    }
}

static void ask(struct gs_awake *awake)
{
    static const struct gs_view nothing = {.p = "", .n = 0};
    if (gs_grpc_ask(awake->event, awake->socket, GS_PODRES_LIST, nothing, ASK_LIMIT_US, on_list,
                    awake, &awake->ask, NULL) < 0) {
        awake->ask = NULL;
        ask_again(awake);
    }
}

int gs_awake_begin(sd_event *event, const char *pod_resources_socket, void (*done)(void *ctx),
                   void *ctx, struct gs_awake **ret, struct gs_err *err)
{
    struct gs_awake *awake = calloc(1, sizeof(*awake));
    if (awake == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory to wait for the kubelet");
    }
    *awake =
        (struct gs_awake){.event = event, .socket = pod_resources_socket, .done = done, .ctx = ctx};
    int r = sd_event_add_time_relative(event, &awake->limit, CLOCK_MONOTONIC, LIMIT_US, 1000,
                                       on_limit, awake);
    if (r < 0) {
        free(awake);
        return gs_fail_errno(err, -r, "waiting for the kubelet");
    }
    ask(awake);
    *ret = awake;
    return 0;
}

void gs_awake_free(struct gs_awake *awake)
{
    if (awake == NULL) {
        return;
    }
    if (awake->ask != NULL) {
        gs_grpc_ask_cancel(awake->ask);
    }
    sd_event_source_disable_unref(awake->limit);
    sd_event_source_disable_unref(awake->again);
    free(awake);
}
