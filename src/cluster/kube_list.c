#include "cluster/kube_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cluster/cluster.h"
#include "wire/kubelist.h"

enum { PAGE_DEFAULT = 250, ACCURACY_US = 1000, BEGINS_MAX = 20 };
#define AGAIN_FIRST_US 200000ull
#define AGAIN_MOST_US 5000000ull

struct gs_kube_list {
    struct gs_kube *kube;
    struct gs_kube_list_options options; /* its texts are the two below */
    char *path;
    char *selector;
    char *kind;
    struct gs_kube_call *call;
    struct gs_kubelist *reader; /* of the page that comes */
    sd_event_source *timer;
    uint64_t end_us;
    unsigned begins;              /* how often it began */
    bool feeding;                 /* the caller's functions are on the stack */
    bool dead;                    /* cancelled meanwhile */
    struct gs_kubelist_page page; /* the last one that came whole */
};

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for a list of the API server");
}

static uint64_t now_us(struct gs_kube_list *list)
{
    uint64_t at = 0;
    (void)sd_event_now(gs_kube_event(list->kube), CLOCK_MONOTONIC, &at);
    return at;
}

static void free_list(struct gs_kube_list *list)
{
    if (list->call != NULL) {
        gs_kube_cancel(list->call);
    }
    sd_event_source_disable_unref(list->timer);
    gs_kubelist_free(list->reader);
    free(list->path);
    free(list->selector);
    free(list->kind);
    free(list);
}

void gs_kube_list_cancel(struct gs_kube_list *list)
{
    if (list == NULL) {
        return;
    }
    list->dead = true;
    if (!list->feeding) {
        free_list(list);
    }
}

static void finish(struct gs_kube_list *list, int result, const struct gs_kubestatus *status,
                   const struct gs_err *err)
{
    static const struct gs_kubestatus none = {.code = 0};
    list->options.done(list->options.ctx, result, result == 0 ? list->page.resource_version : NULL,
                       status == NULL ? &none : status, result == 0 ? NULL : err);
    free_list(list);
}

/* ---- one page ---- */

static int take(void *ctx, const struct json_t *object, struct gs_err *err)
{
    struct gs_kube_list *list = ctx;
    if (list->dead) {
        return gs_fail(err, GS_BUSY, "cancelled");
    }
    return list->options.take(list->options.ctx, object, err);
}

static int on_chunk(void *ctx, struct gs_view bytes, struct gs_err *err)
{
    struct gs_kube_list *list = ctx;
    list->feeding = true;
    int r = gs_kubelist_feed(list->reader, bytes.p, bytes.n, err);
    list->feeding = false;
    if (list->dead) {
        free_list(list); /* cancels the call */
        return 0;
    }
    return r;
}

static void next_page(struct gs_kube_list *list);

static void on_page(void *ctx, int result, const struct gs_kube_answer *answer,
                    const struct gs_kubestatus *status, const struct gs_err *err);

static int request_page(struct gs_kube_list *list, struct gs_err *err)
{
    const struct gs_kubelist_options options = {
        .label = list->path, .kind = list->kind, .pages = true};
    const struct gs_kubelist_sink sink = {.take = take, .ctx = list};
    struct gs_buf path;
    gs_kubelist_free(list->reader);
    list->reader = gs_kubelist_new(&options, sink);
    if (list->reader == NULL) {
        return no_memory(err);
    }
    gs_buf_init(&path, GS_KUBE_PATH_MAX - 1);
    gs_buf_printf(&path, "%s?limit=%u%s%s", list->path,
                  list->options.page == 0 ? PAGE_DEFAULT : list->options.page,
                  list->selector[0] == '\0' ? "" : "&", list->selector);
    if (list->page.next[0] != '\0') {
        gs_buf_puts(&path, "&continue=");
        gs_kube_put_escaped(&path, list->page.next);
    }
    uint64_t now = now_us(list);
    const struct gs_kube_request request = {
        .method = "GET",
        .path = gs_buf_text(&path),
        .limit_us = list->end_us > now ? list->end_us - now : 1,
        .once = list->options.once,
        .on_chunk = on_chunk,
        .done = on_page,
        .ctx = list,
    };
    int r = 0;
    if (gs_buf_ok(&path)) {
        r = gs_kube_begin(list->kube, &request, &list->call, err);
    } else if (path.len + 3 * strlen(list->page.next) < path.max) {
        r = no_memory(err);
    } else {
        r = gs_fail(err, GS_LIMIT, "%s: a continue token that is too long", list->path);
    }
    gs_buf_done(&path);
    return r;
}

static void next_page(struct gs_kube_list *list)
{
    struct gs_err err = {.code = GS_OK};
    int r = request_page(list, &err);
    if (r != 0) {
        finish(list, r, NULL, &err);
    }
}

/* ---- from the beginning ---- */

static int on_timer(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct gs_kube_list *list = ctx;
    (void)source;
    (void)usec;
    list->begins++;
    list->page = (struct gs_kubelist_page){.count = 0};
    list->feeding = true;
    list->options.begin(list->options.ctx);
    list->feeding = false;
    if (list->dead) {
        free_list(list);
        return 0;
    }
    next_page(list);
    return 0;
}

/* Begins anew, unless that has been tried too often or the limit is over. */
static void begin_anew(struct gs_kube_list *list, const struct gs_kubestatus *status,
                       const struct gs_err *why)
{
    uint64_t wait_us = gs_kube_backoff(list->kube, list->begins - 1, AGAIN_FIRST_US, AGAIN_MOST_US);
    if (list->begins >= BEGINS_MAX || now_us(list) + wait_us >= list->end_us) {
        finish(list, (int)why->code, status, why);
        return;
    }
    sd_event_source_set_time_relative(list->timer, wait_us);
    sd_event_source_set_enabled(list->timer, SD_EVENT_ONESHOT);
}

/* The page's end was read too: the bytes were a whole list. */
static void on_whole_page(struct gs_kube_list *list)
{
    struct gs_err err = {.code = GS_OK};
    int r = gs_kubelist_end(list->reader, &list->page, &err);
    if (r == 0 && list->page.next[0] == '\0' && list->page.resource_version[0] == '\0') {
        r = gs_fail(&err, GS_INVALID, "%s: a list without a resourceVersion", list->path);
    }
    if (r != 0) {
        finish(list, r, NULL, &err);
        return;
    }
    gs_kubelist_free(list->reader);
    list->reader = NULL;
    if (list->page.next[0] == '\0') {
        finish(list, 0, NULL, NULL);
    } else {
        next_page(list);
    }
}

static void on_page(void *ctx, int result, const struct gs_kube_answer *answer,
                    const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct gs_kube_list *list = ctx;
    (void)answer;
    list->call = NULL;
    if (result == 0) {
        on_whole_page(list);
        return;
    }
    /* 410: the first page is too old to have a next one. Cut off: what was taken counts no more. */
    bool cut = !list->options.once && result == GS_IO && status->code == 0 &&
               err->sys_errno != EKEYREJECTED;
    if (status->code == 410 || cut) {
        begin_anew(list, status, err);
    } else {
        finish(list, result, status, err);
    }
}

int gs_kube_list_begin(struct gs_kube *kube, const struct gs_kube_list_options *options,
                       struct gs_kube_list **ret, struct gs_err *err)
{
    struct gs_kube_list *list = calloc(1, sizeof(*list));
    if (list == NULL) {
        return no_memory(err);
    }
    uint64_t limit_us = options->limit_us == 0 ? GS_CLUSTER_LIMIT_DEFAULT_US : options->limit_us;
    list->kube = kube;
    list->options = *options;
    list->path = strdup(options->path);
    list->selector = strdup(options->selector);
    list->kind = strdup(options->kind);
    list->end_us = now_us(list) + limit_us;
    int r = list->path == NULL || list->selector == NULL || list->kind == NULL ? no_memory(err) : 0;
    if (r == 0) {
        int s = sd_event_add_time_relative(gs_kube_event(kube), &list->timer, CLOCK_MONOTONIC, 0,
                                           ACCURACY_US, on_timer, list);
        r = s < 0 ? gs_fail_errno(err, -s, "adding a timer") : 0;
    }
    if (r != 0) {
        free_list(list);
        return r;
    }
    *ret = list;
    return 0;
}
