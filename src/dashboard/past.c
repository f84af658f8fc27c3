/* Documents about what was: asked of who keeps them, without what the viewer may not see. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "board/past.h"
#include "dashboard/work.h"

enum { PATH_MAX_BYTES = 4096, ARG_MAX = 2048 };

enum kind { SERIES, COSTS, GPU_EVENTS, POD_EVENTS };

/* Somebody who waits for it. */
struct asking {
    struct gs_dashboard *dashboard;
    struct gs_http_exchange *exchange;
    struct gs_viewer *viewer; /* kept */
    struct gs_dashboard_past past;
    struct gs_buf path;
    enum kind kind;
    bool by_name; /* COSTS: of namespaces or workloads */
    bool later;
    bool answered; /* before it had to wait */
};

static void free_asking(struct asking *asking)
{
    gs_viewer_put(asking->viewer);
    gs_buf_done(&asking->path);
    free(asking);
}

/* ---- what is asked ---- */

static bool has_end(const char *name, const char *begin)
{
    size_t n = strlen(name);
    return strncmp(name, begin, strlen(begin)) == 0 && n > strlen(begin) + strlen("/history") &&
           strcmp(name + n - strlen("/history"), "/history") == 0;
}

bool gs_past_is_one(const char *name)
{
    return strcmp(name, "history") == 0 || strcmp(name, "cost") == 0 || has_end(name, "gpus/") ||
           has_end(name, "pods/");
}

/* What the proxy's path may have: UUIDs and names of Kubernetes. */
static bool is_plain(const char *name)
{
    return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./") ==
               strlen(name) &&
           strstr(name, "..") == NULL && strstr(name, "//") == NULL;
}

static void put_args(struct asking *asking)
{
    static const char *const names[] = {"series", "from", "to", "step", "by"};
    char glue = '?';
    for (size_t i = 0; i < GS_ARRAY_LEN(names); i++) {
        const char *value = gs_http_asked_query(asking->exchange, names[i]);
        if (value != NULL && strlen(value) <= ARG_MAX) {
            gs_buf_printf(&asking->path, "%c%s=", glue, names[i]);
            gs_kube_put_escaped(&asking->path, value);
            glue = '&';
        }
    }
}

/* ---- the answer ---- */

static int hide(const struct asking *asking, struct gs_view text, struct gs_buf *out,
                struct gs_err *err)
{
    struct gs_board_reader reader = gs_viewer_reader(asking->viewer);
    if (reader.sees != NULL && asking->kind == COSTS && asking->by_name) {
        return gs_board_hide_costs(text, &reader, out, err);
    }
    if (reader.sees != NULL && asking->kind == GPU_EVENTS) {
        return gs_board_hide_events(text, &reader, out, err);
    }
    gs_buf_put(out, text.p, text.n);
    return gs_buf_ok(out) ? 0 : gs_fail(err, GS_LIMIT, "the history's answer is too long");
}

static void answer_document(struct asking *asking, struct gs_view text)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    struct gs_err err = {.msg = ""};
    static const struct gs_http_header headers[] = {{"Cache-Control", "no-store"}};
    gs_buf_init(&out, GS_BOARD_DOC_MAX);
    if (hide(asking, text, &out, &err) != 0) {
        gs_http_answer_text(asking->exchange, 502, err.msg);
        return;
    }
    const struct gs_http_reply reply = {.status = 200,
                                        .type = GS_DASHBOARD_JSON,
                                        .body = {.p = gs_buf_text(&out), .n = out.len},
                                        .headers = headers,
                                        .n_headers = GS_ARRAY_LEN(headers)};
    asking->dashboard->counts.documents++;
    gs_http_reply(asking->exchange, &reply);
}

static void on_done(void *ctx, unsigned status, struct gs_view text)
{
    struct asking *asking = ctx;
    if (status == 200) {
        answer_document(asking, text);
    } else {
        gs_http_answer(asking->exchange, status, GS_HTTP_TEXT, text);
    }
    asking->answered = true;
    if (asking->later) {
        free_asking(asking);
    }
}

static void on_gone(void *ctx)
{
    struct asking *asking = ctx;
    const struct gs_dashboard_options *options = &asking->dashboard->options;
    options->forget_past(options->past_ctx, &asking->past);
    free_asking(asking);
}

/* ---- asking ---- */

static struct asking *new_asking(struct gs_dashboard *dashboard, struct gs_http_exchange *exchange,
                                 struct gs_viewer *viewer, const char *name)
{
    struct asking *asking = calloc(1, sizeof(*asking));
    if (asking == NULL) {
        return NULL;
    }
    asking->dashboard = dashboard;
    asking->exchange = exchange;
    asking->viewer = gs_viewer_keep(viewer);
    asking->kind = strcmp(name, "history") == 0     ? SERIES
                   : strcmp(name, "cost") == 0      ? COSTS
                   : strncmp(name, "gpus/", 5) == 0 ? GPU_EVENTS
                                                    : POD_EVENTS;
    const char *by = gs_http_asked_query(exchange, "by");
    asking->by_name = by != NULL && strcmp(by, "part") != 0 && strcmp(by, "pool") != 0;
    gs_buf_init(&asking->path, PATH_MAX_BYTES);
    gs_buf_printf(&asking->path, "/api/v1/%s", name);
    put_args(asking);
    return asking;
}

void gs_past_begin(struct gs_dashboard *dashboard, struct gs_http_exchange *exchange,
                   struct gs_viewer *viewer, const char *name, bool waits)
{
    const struct gs_dashboard_options *options = &dashboard->options;
    struct gs_board_reader reader = gs_viewer_reader(viewer);
    if (options->ask_past == NULL) {
        gs_http_answer_text(exchange, 404, "no history is kept here\n");
        return;
    }
    if (!is_plain(name) ||
        (strncmp(name, "pods/", 5) == 0 && !gs_board_sees_name(&reader, name + 5))) {
        gs_http_answer_text(exchange, 404, "there is no such GPU or pod, or it is not yours\n");
        return;
    }
    const char *series =
        strcmp(name, "history") == 0 ? gs_http_asked_query(exchange, "series") : NULL;
    struct gs_err err = {.msg = ""};
    if (series != NULL && gs_board_check_series(series, &err) != 0) {
        gs_http_answer_text(exchange, 400, err.msg);
        return;
    }
    struct asking *asking = new_asking(dashboard, exchange, viewer, name);
    if (asking == NULL || !gs_buf_ok(&asking->path)) {
        gs_http_answer_text(exchange, asking == NULL ? 503 : 400,
                            asking == NULL ? "no memory\n" : "the question is too long\n");
        if (asking != NULL) {
            free_asking(asking);
        }
        return;
    }
    asking->past = (struct gs_dashboard_past){
        .path = gs_buf_text(&asking->path), .done = on_done, .ctx = asking};
    options->ask_past(options->past_ctx, &asking->past);
    if (asking->answered) {
        free_asking(asking);
        return;
    }
    asking->later = true;
    (waits ? gs_http_still_later : gs_http_later)(exchange, on_gone, asking);
}
