/* What the program answers: documents over HTTPS to who has a token for them, and its health. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "cluster/kube.h"
#include "dashboard/viewers.h"
#include "historian/answer.h"
#include "historian/historian.h"
#include "wire/kubetime.h"

#define API "/api/v1/"
#define JSON_TYPE "application/json"
#define LIFE_S (30ull * 86400)

enum {
    PAGE_BYTES_MAX = 1 << 20,
    BODY_MAX = 1024,
    IDLE_S = 120,
    DAY_S = 86400,
    STEP_S = 300,
    SUBJECT_MAX = 700
};

static int64_t today_s(void)
{
    return (int64_t)(gs_date_us() / 1000000);
}

/* ---- what is asked ---- */

/* All texts are copied: the answer may come later. */
struct question {
    struct gs_historian *historian;
    struct gs_http_exchange *exchange;
    struct gs_viewer_wait wait;
    bool later;
    bool answered; /* before it had to wait */
    int bad;       /* what was asked cannot be: the code, and */
    struct gs_err why;
    struct gs_answer_span span;
    char what[16]; /* "history", "cost", "events" */
    char by[16];
    char subject[SUBJECT_MAX];
    char *series;
};

static void free_question(struct question *question)
{
    free(question->series);
    free(question);
}

static int number_of(const struct gs_http_exchange *exchange, const char *name, uint64_t max,
                     uint64_t without, uint64_t *ret, struct gs_err *err)
{
    const char *text = gs_http_asked_query(exchange, name);
    *ret = without;
    if (text != NULL && !gs_view_is_u64(gs_view(text), max, ret)) {
        return gs_fail(err, GS_INVALID, "%s=\"%.40s\"; expected a whole number of at most %" PRIu64,
                       name, text, max);
    }
    return 0;
}

static int read_span(const struct gs_http_exchange *exchange, struct gs_answer_span *ret,
                     struct gs_err *err)
{
    uint64_t from = 0;
    uint64_t to = 0;
    uint64_t step = 0;
    int r = number_of(exchange, "to", (uint64_t)GS_HISTORY_TIME_MAX, (uint64_t)today_s(), &to, err);
    r = r == 0 ? number_of(exchange, "from", (uint64_t)GS_HISTORY_TIME_MAX,
                           to > DAY_S ? to - DAY_S : 0, &from, err)
               : r;
    r = r == 0 ? number_of(exchange, "step", UINT32_MAX, STEP_S, &step, err) : r;
    *ret = (struct gs_answer_span){(int64_t)from, (int64_t)to, (uint32_t)step};
    return r;
}

/* "gpus/UUID/history", "pods/NS/NAME/history": whose events. False: neither. */
static bool read_subject(const char *name, struct question *question)
{
    size_t n = strlen(name);
    if (n < 14 || strcmp(name + n - 8, "/history") != 0) {
        return false;
    }
    bool gpus = strncmp(name, "gpus/", 5) == 0;
    if (!gpus && strncmp(name, "pods/", 5) != 0) {
        return false;
    }
    (void)snprintf(question->what, sizeof(question->what), "events");
    int k = snprintf(question->subject, sizeof(question->subject), "%s%.*s", gpus ? "" : "pod ",
                     (int)(n - 13), name + 5);
    return k > 0 && (size_t)k < sizeof(question->subject);
}

/* GS_NOT_FOUND: there is no such document. */
static int read_question(const struct gs_http_exchange *exchange, const char *name,
                         struct question *question, struct gs_err *err)
{
    const char *series = gs_http_asked_query(exchange, "series");
    const char *by = gs_http_asked_query(exchange, "by");
    if (read_subject(name, question)) {
        return 0;
    }
    if (strcmp(name, "history") != 0 && strcmp(name, "cost") != 0) {
        return gs_fail(err, GS_NOT_FOUND, "there is nothing at this path");
    }
    (void)snprintf(question->what, sizeof(question->what), "%s", name);
    (void)snprintf(question->by, sizeof(question->by), "%s", by == NULL ? "part" : by);
    question->series = strdup(series == NULL ? "" : series);
    return question->series == NULL ? gs_fail(err, GS_NO_MEMORY, "no memory")
                                    : read_span(exchange, &question->span, err);
}

/* ---- answers ---- */

static unsigned status_of(int r)
{
    return r == 0 ? 200 : r == GS_INVALID || r == GS_LIMIT ? 400 : r == GS_NOT_FOUND ? 404 : 503;
}

static int write_answer(const struct question *question, struct gs_buf *out, struct gs_err *err)
{
    struct gs_history *history = question->historian->history;
    if (history == NULL) {
        return gs_fail(err, GS_IO, "the history's file cannot be opened: see the log");
    }
    if (strcmp(question->what, "history") == 0) {
        return gs_answer_series(history, question->series, &question->span, today_s(), out, err);
    }
    if (strcmp(question->what, "cost") == 0) {
        return gs_answer_cost(history, question->by, &question->span, today_s(), out, err);
    }
    return gs_answer_events(history, question->subject, today_s(), out, err);
}

static void answer_question(struct question *question)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    struct gs_err err = {.msg = ""};
    gs_buf_init(&out, GS_ANSWER_BYTES_MAX);
    int r = question->bad;
    if (r != 0) {
        err = question->why;
    } else {
        r = write_answer(question, &out, &err);
    }
    if (r != 0) {
        gs_http_answer_text(question->exchange, status_of(r), err.msg);
        return;
    }
    static const struct gs_http_header headers[] = {{"Cache-Control", "no-store"},
                                                    {"X-Content-Type-Options", "nosniff"}};
    const struct gs_http_reply reply = {.status = 200,
                                        .type = JSON_TYPE,
                                        .body = {.p = gs_buf_text(&out), .n = out.len},
                                        .headers = headers,
                                        .n_headers = GS_ARRAY_LEN(headers)};
    question->historian->counts.answers++;
    gs_http_reply(question->exchange, &reply);
}

/* ---- who asks ---- */

static void on_told(void *ctx, enum gs_viewer_standing standing, struct gs_viewer *viewer,
                    const char *why)
{
    struct question *question = ctx;
    (void)viewer;
    question->historian->counts.refused +=
        standing == GS_VIEWER_NOBODY || standing == GS_VIEWER_FORBIDDEN;
    switch (standing) {
    case GS_VIEWER_IN:
        answer_question(question);
        break;
    case GS_VIEWER_NOBODY:
        gs_http_answer_text(question->exchange, 401, why);
        break;
    case GS_VIEWER_FORBIDDEN:
        gs_http_answer_text(question->exchange, 403, why);
        break;
    case GS_VIEWER_NOT_ASKED:
        gs_http_answer_text(question->exchange, 503, why);
        break;
    }
    question->answered = true;
    if (question->later) {
        free_question(question);
    }
}

static void on_gone(void *ctx)
{
    struct question *question = ctx;
    gs_viewers_forget(&question->wait);
    free_question(question);
}

static void ask_who(struct question *question, const char *token)
{
    gs_viewers_ask(question->historian->viewers, token, gs_now_us(), &question->wait);
    if (question->answered) {
        free_question(question);
    } else {
        question->later = true;
        gs_http_later(question->exchange, on_gone, question);
    }
}

static void serve(void *ctx, struct gs_http_exchange *exchange, const struct gs_http_asked *asked)
{
    struct gs_historian *historian = ctx;
    const char *header = gs_http_asked_header(exchange, "Authorization");
    if (header == NULL || strncasecmp(header, "Bearer ", 7) != 0) {
        historian->counts.refused++;
        gs_http_answer_text(exchange, 401,
                            "who are you? a token for " GS_HISTORIAN_AUDIENCE " is needed");
        return;
    }
    struct question *question = calloc(1, sizeof(*question));
    if (question == NULL) {
        gs_http_answer_text(exchange, 503, "no memory");
        return;
    }
    question->historian = historian;
    question->exchange = exchange;
    question->wait.done = on_told;
    question->wait.ctx = question;
    /* What is wrong with it is told to who may come in. */
    question->bad = read_question(exchange, asked->path + strlen(API), question, &question->why);
    ask_who(question, header + 7);
}

/* ---- health and metrics ---- */

static void serve_health(void *ctx, struct gs_http_exchange *exchange,
                         const struct gs_http_asked *asked)
{
    (void)ctx;
    (void)asked;
    gs_http_answer_text(exchange, 200, "ok");
}

/* Since when a kind is not watched; the samples stop meanwhile. What was kept is told all the same,
 * so that this alone is no 503. */
static void put_watches(const struct gs_feed *feed, struct gs_buf *page)
{
    for (unsigned i = 0; feed != NULL && i < GS_FEEDS; i++) {
        const struct gs_feed_state *state = gs_feed_state(feed, i);
        char at[GS_KUBETIME_MAX];
        if (state->listed && state->reachable) {
            continue;
        }
        gs_kubetime_format(state->since_us, at);
        gs_buf_printf(page, "\n%s: %s", state->kind,
                      state->listed ? "not watched since " : "not listed yet");
        if (state->listed) {
            gs_buf_printf(page, "%.19sZ, no samples meanwhile", at);
        }
        if (state->why.code != GS_OK) {
            gs_buf_printf(page, ": %s", state->why.msg);
        }
    }
}

static void serve_ready(void *ctx, struct gs_http_exchange *exchange,
                        const struct gs_http_asked *asked)
{
    const struct gs_historian *historian = ctx;
    bool lists = historian->feed != NULL && gs_feed_is_whole(historian->feed);
    GS_CLEANUP(gs_buf_done) struct gs_buf page;
    (void)asked;
    gs_buf_init(&page, PAGE_BYTES_MAX);
    gs_buf_puts(&page, !lists             ? "not ready: not all was listed yet"
                       : historian->fails ? "not ready: the last sample could not be written"
                                          : "ok");
    if (historian->aside > 0) {
        gs_buf_printf(&page, "; damaged files beside the history: %u", historian->aside);
    }
    put_watches(historian->feed, &page);
    gs_http_answer_text(exchange, lists && !historian->fails ? 200 : 503,
                        gs_buf_ok(&page) ? gs_buf_text(&page) : "no memory");
}

static void metric(struct gs_buf *page, const char *name, const char *type, const char *help,
                   uint64_t value)
{
    gs_buf_printf(page,
                  "# HELP gpuslice_history_%s %s\n# TYPE gpuslice_history_%s %s\n"
                  "gpuslice_history_%s %" PRIu64 "\n",
                  name, help, name, type, name, value);
}

static void serve_metrics(void *ctx, struct gs_http_exchange *exchange,
                          const struct gs_http_asked *asked)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf page;
    const struct gs_historian *historian = ctx;
    const struct gs_historian_counts *counts = &historian->counts;
    (void)asked;
    gs_buf_init(&page, PAGE_BYTES_MAX);
    gs_buf_puts(&page, "# HELP gpuslice_history_info This program.\n"
                       "# TYPE gpuslice_history_info gauge\n"
                       "gpuslice_history_info{version=\"" GS_VERSION "\"} 1\n");
    metric(&page, "watches", "gauge", "1: the cluster is watched.",
           gs_historian_watches(historian));
    metric(&page, "samples_total", "counter", "Samples that were written.", counts->samples);
    metric(&page, "failed_samples_total", "counter", "Samples that could not be written.",
           counts->failed);
    metric(&page, "skipped_samples_total", "counter",
           "Samples that were not taken, as the cluster was not watched.", counts->skipped);
    metric(&page, "unsampled_seconds", "gauge",
           "Seconds since the last sample that was written, or since the start.",
           gs_now_us() / 1000000 -
               (historian->sampled_s == 0 ? historian->begun_s : historian->sampled_s));
    metric(&page, "events_total", "counter", "Events that were written.", counts->events);
    metric(&page, "failed_events_total", "counter", "Events that could not be written.",
           counts->failed_events);
    metric(&page, "damaged_files", "gauge", "Histories that were damaged and put aside.",
           historian->aside);
    metric(&page, "answers_total", "counter", "Documents that were served.", counts->answers);
    metric(&page, "refused_total", "counter", "Requests of somebody who may not ask.",
           counts->refused);
    gs_buf_printf(&page,
                  "# HELP gpuslice_history_sample_seconds How long the last sample took.\n"
                  "# TYPE gpuslice_history_sample_seconds gauge\n"
                  "gpuslice_history_sample_seconds %" PRIu64 ".%06" PRIu64 "\n",
                  counts->sample_us / 1000000, counts->sample_us % 1000000);
    gs_http_answer(exchange, gs_buf_ok(&page) ? 200 : 500, GS_HTTP_METRICS,
                   gs_view(gs_buf_text(&page)));
}

/* ---- the certificate ---- */

static struct gs_view bytes_of(const struct gs_buf *buf)
{
    return (struct gs_view){.p = gs_buf_text(buf), .n = buf->len};
}

static int renew(struct gs_historian *historian, bool *ret_changed, struct gs_err *err)
{
    const char *why = NULL;
    const struct gs_authority_plan plan = {.now_s = (uint64_t)today_s(),
                                           .life_s = LIFE_S,
                                           .names = historian->names,
                                           .n_names = historian->n_names,
                                           .believed = true};
    return gs_authority_renew(&historian->authority, &plan, ret_changed, &why, err);
}

void gs_historian_renew(struct gs_historian *historian)
{
    struct gs_err err;
    bool changed = false;
    int r = renew(historian, &changed, &err);
    if (r == 0 && changed) {
        r = gs_http_server_show(historian->server, bytes_of(&historian->authority.cert),
                                bytes_of(&historian->authority.key), &err);
        gs_historian_publish(historian, true);
    }
    if (r != 0) {
        gs_log_warning("the certificate: %s", err.msg);
    }
}

/* Of the Service, of this machine, and those that are given. */
static int split_names(struct gs_historian *historian, struct gs_err *err)
{
    const char *more = historian->options->names;
    char *at = historian->names_text;
    int k = snprintf(at, sizeof(historian->names_text), "gpuslice-history.%s.svc,localhost%s%s",
                     historian->name_space, more[0] == '\0' ? "" : ",", more);
    if (k < 0 || (size_t)k >= sizeof(historian->names_text)) {
        return gs_fail(err, GS_LIMIT, "names of more than %zu bytes",
                       sizeof(historian->names_text) - 1);
    }
    while (at != NULL) {
        if (historian->n_names == GS_AUTHORITY_NAMES_MAX) {
            return gs_fail(err, GS_LIMIT, "more than %d names", GS_AUTHORITY_NAMES_MAX - 2);
        }
        historian->names[historian->n_names++] = strsep(&at, ",");
    }
    const struct gs_authority_plan plan = {
        .names = historian->names, .n_names = historian->n_names, .life_s = LIFE_S};
    return gs_authority_check(&plan, err);
}

/* ---- all ---- */

static int open_documents(struct gs_historian *historian, struct gs_err *err)
{
    bool changed = false;
    int fd = -1;
    const struct gs_http_route routes[] = {
        {.method = "GET", .path = "/healthz", .serve = serve_health, .ctx = historian},
        {.method = "GET", .path = API "*", .serve = serve, .ctx = historian},
    };
    int r = split_names(historian, err);
    if (r != 0) {
        return gs_wrap(err, r, "--names");
    }
    r = renew(historian, &changed, err);
    if (r != 0) {
        return gs_wrap(err, r, "the certificate");
    }
    const struct gs_http_server_options options = {
        .routes = routes,
        .n_routes = GS_ARRAY_LEN(routes),
        .idle_limit_s = IDLE_S,
        .max_body = BODY_MAX,
        .tls_cert = bytes_of(&historian->authority.cert),
        .tls_key = bytes_of(&historian->authority.key),
    };
    r = gs_http_listen_tcp(historian->options->listen, &fd, err);
    r = r == 0 ? gs_http_server_new(historian->event, fd, &options, &historian->server, err) : r;
    return r == 0 ? 0 : gs_wrap(err, r, "--listen %s", historian->options->listen);
}

static int open_health(struct gs_historian *historian, struct gs_err *err)
{
    int fd = -1;
    const struct gs_http_route routes[] = {
        {.method = "GET", .path = "/healthz", .serve = serve_health, .ctx = historian},
        {.method = "GET", .path = "/readyz", .serve = serve_ready, .ctx = historian},
        {.method = "GET", .path = "/metrics", .serve = serve_metrics, .ctx = historian},
    };
    const struct gs_http_server_options options = {.routes = routes,
                                                   .n_routes = GS_ARRAY_LEN(routes)};
    if (historian->options->http[0] == '\0') {
        return 0;
    }
    int r = gs_http_listen_tcp(historian->options->http, &fd, err);
    r = r == 0 ? gs_http_server_new(historian->event, fd, &options, &historian->http, err) : r;
    return r == 0 ? 0 : gs_wrap(err, r, "--http-address %s", historian->options->http);
}

int gs_historian_serve(struct gs_historian *historian, struct gs_err *err)
{
    const struct gs_viewers_options viewers = {.kube = historian->kube,
                                               .board = historian->board,
                                               .audience = GS_HISTORIAN_AUDIENCE,
                                               .verb = "get",
                                               .whole = true};
    int r = gs_viewers_new(&viewers, &historian->viewers, err);
    r = r == 0 ? open_documents(historian, err) : r;
    return r == 0 ? open_health(historian, err) : r;
}
