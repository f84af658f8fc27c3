#include "cluster/kube_watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cluster/kube_list.h"
#include "wire/kubewatch.h"

enum { ACCURACY_US = 10000, STREAM_LEAST_S = 240 };
#define AGAIN_FIRST_US 1000000ull
#define AGAIN_MOST_US 30000000ull
#define LIST_LIMIT_US 60000000ull
#define SILENCE_US 150000000ull /* bookmarks come about once a minute */
#define SHORT_US 1000000ull     /* a stream that ends so soon is as good as none */

struct gs_kube_watch {
    struct gs_kube *kube;
    struct gs_kube_watch_options options;
    char *path;
    char *selector;
    char *kind;
    struct gs_kube_list *list;
    struct gs_kube_call *stream;
    struct gs_kubewatch *reader;
    sd_event_source *timer;
    char version[GS_KUBEWATCH_VERSION_MAX]; /* to watch from; "": a list is needed */
    unsigned failures;                      /* in a row */
    uint64_t opened_us;                     /* CLOCK_MONOTONIC: the stream was opened; 0: not yet */
    bool got;                               /* something came on it */
    bool gone;                              /* it ended with 410 */
    bool gone_before;                       /* so did the one before it, at once */
    bool told;                              /* the sink knows `reachable` */
    bool reachable;
    bool inside; /* functions of the sink are on the stack */
    bool dead;   /* ended meanwhile */
};

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for a watch of the API server");
}

static uint64_t now_on(struct gs_kube_watch *watch, clockid_t clock)
{
    uint64_t at = 0;
    (void)sd_event_now(gs_kube_event(watch->kube), clock, &at);
    return at;
}

static void free_watch(struct gs_kube_watch *watch)
{
    gs_kube_list_cancel(watch->list);
    if (watch->stream != NULL) {
        gs_kube_cancel(watch->stream);
    }
    sd_event_source_disable_unref(watch->timer);
    gs_kubewatch_free(watch->reader);
    free(watch->path);
    free(watch->selector);
    free(watch->kind);
    free(watch);
}

void gs_kube_watch_end(struct gs_kube_watch *watch)
{
    if (watch == NULL) {
        return;
    }
    watch->dead = true;
    if (!watch->inside) {
        free_watch(watch);
    }
}

/* Frees a watch that its own functions have ended. True: it is gone. */
static bool leave(struct gs_kube_watch *watch)
{
    watch->inside = false;
    if (watch->dead) {
        free_watch(watch);
        return true;
    }
    return false;
}

static void tell_reach(struct gs_kube_watch *watch, const struct gs_err *why)
{
    bool reachable = why == NULL;
    if (watch->dead || (watch->told && watch->reachable == reachable)) {
        return;
    }
    const struct gs_cluster_reach reach = {
        .reachable = reachable, .since_us = now_on(watch, CLOCK_REALTIME), .why = why};
    watch->told = true;
    watch->reachable = reachable;
    watch->options.reach(watch->options.ctx, &reach);
}

static void wait_until(struct gs_kube_watch *watch, uint64_t wait_us)
{
    sd_event_source_set_time_relative(watch->timer, wait_us);
    sd_event_source_set_enabled(watch->timer, SD_EVENT_ONESHOT);
}

/* ---- what goes wrong ---- */

/* The try has failed: it is told, and another one comes later. */
static void fail(struct gs_kube_watch *watch, const struct gs_err *why)
{
    watch->inside = true;
    tell_reach(watch, why);
    if (!leave(watch)) {
        wait_until(watch,
                   gs_kube_backoff(watch->kube, watch->failures++, AGAIN_FIRST_US, AGAIN_MOST_US));
    }
}

/* ---- the list ---- */

static void open_stream(struct gs_kube_watch *watch);

static void on_list_begin(void *ctx)
{
    struct gs_kube_watch *watch = ctx;
    watch->inside = true;
    watch->options.listing(watch->options.ctx);
    (void)leave(watch);
}

static int on_list_object(void *ctx, const struct json_t *object, struct gs_err *err)
{
    struct gs_kube_watch *watch = ctx;
    int r = 0;
    watch->inside = true;
    tell_reach(watch, NULL);
    if (!watch->dead) {
        r = watch->options.object(watch->options.ctx, object, false, err);
    }
    return leave(watch) ? gs_fail(err, GS_BUSY, "the watch has ended") : r;
}

static void on_listed(void *ctx, int result, const char *version,
                      const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct gs_kube_watch *watch = ctx;
    (void)status;
    watch->list = NULL;
    if (result != 0 || strlen(version) >= sizeof(watch->version)) {
        struct gs_err none = {.code = GS_INVALID, .msg = "a resourceVersion that is too long"};
        fail(watch, result != 0 ? err : &none);
        return;
    }
    memcpy(watch->version, version, strlen(version) + 1);
    watch->inside = true;
    tell_reach(watch, NULL);
    if (!watch->dead) {
        watch->options.listed(watch->options.ctx);
    }
    if (!leave(watch)) {
        open_stream(watch);
    }
}

static void begin_list(struct gs_kube_watch *watch)
{
    struct gs_err err = {.code = GS_OK};
    const struct gs_kube_list_options options = {
        .path = watch->path,
        .selector = watch->selector,
        .kind = watch->kind,
        .page = watch->options.page,
        .limit_us = LIST_LIMIT_US,
        .once = true,
        .begin = on_list_begin,
        .take = on_list_object,
        .done = on_listed,
        .ctx = watch,
    };
    if (gs_kube_list_begin(watch->kube, &options, &watch->list, &err) != 0) {
        fail(watch, &err);
    }
}

/* ---- the stream ---- */

static int on_event(void *ctx, const struct gs_kubewatch_event *event, struct gs_err *err)
{
    struct gs_kube_watch *watch = ctx;
    int r = 0;
    if (watch->dead) {
        return gs_fail(err, GS_BUSY, "the watch has ended");
    }
    if (event->type == GS_KUBEWATCH_ERROR) {
        watch->gone = event->status.code == 410;
        return gs_fail(err, GS_IO, "the API server ends the watch: %u %s: %s", event->status.code,
                       event->status.reason, event->status.message);
    }
    watch->got = true;
    if (event->type != GS_KUBEWATCH_BOOKMARK) {
        r = watch->options.object(watch->options.ctx, event->object,
                                  event->type == GS_KUBEWATCH_DELETED, err);
    }
    if (r == 0) {
        memcpy(watch->version, event->resource_version, strlen(event->resource_version) + 1);
    }
    return r;
}

static int on_chunk(void *ctx, struct gs_view bytes, struct gs_err *err)
{
    struct gs_kube_watch *watch = ctx;
    watch->inside = true;
    int r = gs_kubewatch_feed(watch->reader, bytes.p, bytes.n, err);
    return leave(watch) ? 0 : r;
}

static void on_open(void *ctx)
{
    struct gs_kube_watch *watch = ctx;
    watch->opened_us = now_on(watch, CLOCK_MONOTONIC);
    watch->inside = true;
    tell_reach(watch, NULL);
    (void)leave(watch);
}

/* The stream is over: by the server's plan, cut, or it never was one. */
static void on_stream_end(void *ctx, int result, const struct gs_kube_answer *answer,
                          const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct gs_kube_watch *watch = ctx;
    const struct gs_err short_lived = {.code = GS_IO,
                                       .msg = "the API server ends watches as soon as they begin"};
    (void)answer;
    watch->stream = NULL;
    bool was_one = watch->opened_us != 0 &&
                   (watch->got || now_on(watch, CLOCK_MONOTONIC) - watch->opened_us >= SHORT_US);
    bool gone = watch->gone || status->code == 410;
    bool ended = result == 0 || result == GS_IO || result == GS_LIMIT;
    if (gone || !ended) {
        watch->version[0] = '\0';
    }
    if (was_one && (gone || ended)) {
        watch->failures = 0;
        watch->gone_before = false;
        wait_until(watch, 0);
    } else if (gone && !watch->gone_before) { /* a server that was away for long begins so */
        watch->failures++;
        watch->gone_before = true;
        wait_until(watch, 0);
    } else {
        watch->gone_before = gone;
        fail(watch, result == 0 ? &short_lived : err);
    }
}

static void open_stream(struct gs_kube_watch *watch)
{
    struct gs_err err = {.code = GS_OK};
    struct gs_buf path;
    gs_buf_init(&path, GS_KUBE_PATH_MAX - 1);
    gs_buf_printf(
        &path,
        "%s?watch=1&allowWatchBookmarks=true&timeoutSeconds=%u&resourceVersion=", watch->path,
        (unsigned)(gs_kube_backoff(watch->kube, 0, 2ull * STREAM_LEAST_S, 2ull * STREAM_LEAST_S)));
    gs_kube_put_escaped(&path, watch->version);
    gs_buf_printf(&path, "%s%s", watch->selector[0] == '\0' ? "" : "&", watch->selector);
    gs_kubewatch_reset(watch->reader);
    watch->opened_us = 0;
    watch->got = false;
    watch->gone = false;
    const struct gs_kube_request request = {
        .method = "GET",
        .path = gs_buf_text(&path),
        .limit_us = GS_KUBE_FOREVER,
        .idle_us = SILENCE_US,
        .once = true,
        .on_open = on_open,
        .on_chunk = on_chunk,
        .done = on_stream_end,
        .ctx = watch,
    };
    int r = gs_buf_ok(&path) ? gs_kube_begin(watch->kube, &request, &watch->stream, &err)
                             : gs_fail(&err, GS_NO_MEMORY, "no memory for a watch");
    gs_buf_done(&path);
    if (r != 0) {
        fail(watch, &err);
    }
}

/* ---- all ---- */

static int on_timer(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct gs_kube_watch *watch = ctx;
    (void)source;
    (void)usec;
    if (watch->version[0] == '\0') {
        begin_list(watch);
    } else {
        open_stream(watch);
    }
    return 0;
}

int gs_kube_watch_begin(struct gs_kube *kube, const struct gs_kube_watch_options *options,
                        struct gs_kube_watch **ret, struct gs_err *err)
{
    struct gs_kube_watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL) {
        return no_memory(err);
    }
    watch->kube = kube;
    watch->options = *options;
    watch->path = strdup(options->path);
    watch->selector = strdup(options->selector);
    watch->kind = strdup(options->kind);
    watch->reader = gs_kubewatch_new((struct gs_kubewatch_sink){.take = on_event, .ctx = watch});
    int r = watch->path == NULL || watch->selector == NULL || watch->kind == NULL ||
                    watch->reader == NULL
                ? no_memory(err)
                : 0;
    if (r == 0) {
        int s = sd_event_add_time_relative(gs_kube_event(kube), &watch->timer, CLOCK_MONOTONIC, 0,
                                           ACCURACY_US, on_timer, watch);
        r = s < 0 ? gs_fail_errno(err, -s, "adding a timer") : 0;
    }
    if (r != 0) {
        free_watch(watch);
        return r;
    }
    *ret = watch;
    return 0;
}
