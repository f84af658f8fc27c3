#include "dashboard/dashboard.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "dashboard/pack.h"
#include "dashboard/pages.h"
#include "dashboard/work.h"

#define API "/api/v1/"

enum { IDLE_S = 120, CODE_TEXT_MAX = 256, BODY_MAX = 1024 };

/* Nothing but our own files; nobody else's page around ours. */
const struct gs_http_header gs_dashboard_headers[] = {
    {"Content-Security-Policy",
     "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
     "object-src 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
};
const size_t gs_dashboard_n_headers = GS_ARRAY_LEN(gs_dashboard_headers);

uint64_t gs_dashboard_now(const struct gs_dashboard *dashboard, clockid_t clock)
{
    uint64_t at = 0;
    (void)sd_event_now(dashboard->options.event, clock, &at);
    return at;
}

/* ---- documents ---- */

int gs_dashboard_write(struct gs_dashboard *dashboard, const char *name, struct gs_viewer *viewer,
                       struct gs_buf *out, struct gs_err *err)
{
    const struct gs_dashboard_options *options = &dashboard->options;
    struct gs_board_reader reader = gs_viewer_reader(viewer);
    uint64_t now = gs_dashboard_now(dashboard, CLOCK_REALTIME);
    bool decides = options->decides != NULL && options->decides(options->ctx);
    (void)gs_board_refresh(options->board, now, NULL);
    if (strcmp(name, "fleet") == 0) {
        return gs_board_write_fleet(options->board, &reader, out, err);
    }
    if (strcmp(name, "waiting") == 0) {
        return gs_board_write_waiting(options->board, options->store, decides, now, &reader, out,
                                      err);
    }
    if (strcmp(name, "money") == 0) {
        return gs_board_write_money(options->board, &reader, out, err);
    }
    return gs_fail(err, GS_NOT_FOUND, "there is no document of this name");
}

static void answer_json(struct gs_http_exchange *exchange, const struct gs_buf *out)
{
    static const struct gs_http_header headers[] = {{"Cache-Control", "no-store"}};
    const struct gs_http_reply reply = {.status = 200,
                                        .type = GS_DASHBOARD_JSON,
                                        .body = {.p = gs_buf_text(out), .n = out->len},
                                        .headers = headers,
                                        .n_headers = GS_ARRAY_LEN(headers)};
    gs_http_reply(exchange, &reply);
}

static void serve_document(struct gs_dashboard *dashboard, struct gs_http_exchange *exchange,
                           struct gs_viewer *viewer, const char *name)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    struct gs_err err;
    gs_buf_init(&out, GS_BOARD_DOC_MAX);
    int r = gs_dashboard_write(dashboard, name, viewer, &out, &err);
    dashboard->counts.documents += r == 0;
    if (r != 0) {
        gs_http_answer_text(exchange, r == GS_NOT_FOUND ? 404 : 503, err.msg);
    } else if (!gs_packs_answer(dashboard->packs, exchange, GS_DASHBOARD_JSON, &out)) {
        answer_json(exchange, &out);
    }
}

/* Somebody who waits for what the planner says. */
struct planning {
    struct gs_dashboard *dashboard;
    struct gs_http_exchange *exchange;
    struct gs_dashboard_job job;
    bool later;
    bool answered; /* before it had to wait */
};

static void on_planned(void *ctx, int result, struct gs_view text)
{
    struct planning *planning = ctx;
    static const struct gs_http_header headers[] = {{"Cache-Control", "no-store"}};
    const struct gs_http_reply reply = {.status = result == 0              ? 200
                                                  : result == GS_NOT_FOUND ? 404
                                                                           : 503,
                                        .type = result == 0 ? GS_DASHBOARD_JSON : GS_HTTP_TEXT,
                                        .body = text,
                                        .headers = headers,
                                        .n_headers = GS_ARRAY_LEN(headers)};
    gs_http_reply(planning->exchange, &reply);
    planning->answered = true;
    if (planning->later) {
        free(planning);
    }
}

static void on_planning_gone(void *ctx)
{
    struct planning *planning = ctx;
    const struct gs_dashboard_options *options = &planning->dashboard->options;
    options->forget(options->better_ctx, &planning->job);
    free(planning);
}

/* The exchange may wait already, for who asks. */
static void serve_better(struct gs_dashboard *dashboard, struct gs_http_exchange *exchange,
                         bool waits)
{
    const struct gs_dashboard_options *options = &dashboard->options;
    struct planning *planning = options->better == NULL ? NULL : calloc(1, sizeof(*planning));
    if (planning == NULL) {
        gs_http_answer_text(exchange, options->better == NULL ? 404 : 503,
                            options->better == NULL
                                ? "there is no planner here: gpuslice plan has one\n"
                                : "no memory\n");
        return;
    }
    planning->dashboard = dashboard;
    planning->exchange = exchange;
    planning->job = (struct gs_dashboard_job){.done = on_planned, .ctx = planning};
    options->better(options->better_ctx, &planning->job);
    if (planning->answered) {
        free(planning);
        return;
    }
    planning->later = true;
    if (waits) {
        gs_http_still_later(exchange, on_planning_gone, planning);
    } else {
        gs_http_later(exchange, on_planning_gone, planning);
    }
}

/* A code for a cookie, for whoever has shown a token in a header. */
static void serve_code(struct gs_dashboard *dashboard, struct gs_http_exchange *exchange,
                       const struct gs_viewer *viewer)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    char code[GS_DOOR_ID_TEXT];
    struct gs_err err;
    bool header = false;
    uint64_t now = gs_dashboard_now(dashboard, CLOCK_MONOTONIC);
    gs_buf_init(&out, CODE_TEXT_MAX);
    (void)gs_door_token(dashboard->door, exchange, now, &header);
    int r = header ? gs_door_code(dashboard->door, gs_viewer_token(viewer), now, code, &err)
                   : gs_fail(&err, GS_INVALID, "a code is given for a token in a header");
    if (r != 0) {
        gs_http_answer_text(exchange, r == GS_INVALID ? 403 : 503, err.msg);
        return;
    }
    gs_buf_printf(&out, "{\"path\":\"" GS_DOOR_PATH "%s\"}", code);
    answer_json(exchange, &out);
}

/* ---- pages ---- */

static void serve_page(struct gs_http_exchange *exchange, const char *path)
{
    const struct gs_page *page = NULL;
    /* browsers ask for it while they show a page that names no other */
    path = strcmp(path, "/favicon.ico") == 0 ? "/icon.svg" : path;
    for (size_t i = 0; i < gs_n_pages && page == NULL; i++) {
        page = strcmp(gs_pages[i].path, path) == 0 ? &gs_pages[i] : NULL;
    }
    if (page == NULL) {
        gs_http_answer_text(exchange, 404, "there is nothing at this path\n");
        return;
    }
    const struct gs_http_header headers[] = {{"ETag", page->etag}, {"Cache-Control", "no-cache"}};
    const char *has = gs_http_asked_header(exchange, "If-None-Match");
    bool same = has != NULL && strstr(has, page->etag) != NULL;
    const struct gs_http_reply reply = {
        .status = same ? 304 : 200,
        .type = page->type,
        .body = {.p = (const char *)page->bytes, .n = same ? 0 : page->n},
        .lasts = true,
        .headers = headers,
        .n_headers = GS_ARRAY_LEN(headers),
    };
    gs_http_reply(exchange, &reply);
}

/* ---- who asks ---- */

/* A request that waits to hear who it is from. */
struct asking {
    struct gs_dashboard *dashboard;
    struct gs_http_exchange *exchange;
    struct gs_viewer_wait wait;
    bool later;
    bool answered; /* before it had to wait */
    char path[];
};

static void serve_viewer(struct gs_dashboard *dashboard, struct gs_http_exchange *exchange,
                         const char *path, struct gs_viewer *viewer, bool waits)
{
    if (strncmp(path, API, strlen(API)) != 0) {
        serve_page(exchange, path);
        return;
    }
    const char *name = path + strlen(API);
    if (strcmp(name, "events") == 0) {
        gs_events_begin(dashboard, exchange, viewer);
    } else if (strcmp(name, "code") == 0) {
        serve_code(dashboard, exchange, viewer);
    } else if (strcmp(name, "money/better") == 0) {
        serve_better(dashboard, exchange, waits);
    } else if (gs_past_is_one(name)) {
        gs_past_begin(dashboard, exchange, viewer, name, waits);
    } else {
        serve_document(dashboard, exchange, viewer, name);
    }
}

static void turn_away(struct gs_dashboard *dashboard, struct gs_http_exchange *exchange,
                      unsigned status, const char *why)
{
    static const struct gs_http_header headers[] = {
        {"WWW-Authenticate", "Bearer realm=\"gpuslice\""}};
    char text[700];
    (void)snprintf(text, sizeof(text), "%s\n", why);
    const struct gs_http_reply reply = {.status = status,
                                        .type = GS_HTTP_TEXT,
                                        .body = gs_view(text),
                                        .headers = headers,
                                        .n_headers = status == 401};
    dashboard->counts.refused++;
    gs_http_reply(exchange, &reply);
}

static void on_told(void *ctx, enum gs_viewer_standing standing, struct gs_viewer *viewer,
                    const char *why)
{
    struct asking *asking = ctx;
    struct gs_dashboard *dashboard = asking->dashboard;
    switch (standing) {
    case GS_VIEWER_IN:
        serve_viewer(dashboard, asking->exchange, asking->path, viewer, asking->later);
        break;
    case GS_VIEWER_NOBODY:
        turn_away(dashboard, asking->exchange, 401, why);
        break;
    case GS_VIEWER_FORBIDDEN:
        turn_away(dashboard, asking->exchange, 403, why);
        break;
    case GS_VIEWER_NOT_ASKED:
        gs_http_answer_text(asking->exchange, 503, why);
        break;
    }
    asking->answered = true;
    if (asking->later) {
        free(asking);
    }
}

static void on_gone(void *ctx)
{
    struct asking *asking = ctx;
    gs_viewers_forget(&asking->wait);
    free(asking);
}

static void ask_who(struct gs_dashboard *dashboard, struct gs_http_exchange *exchange,
                    const char *path, const char *token, uint64_t now)
{
    size_t n = strlen(path) + 1;
    struct asking *asking = calloc(1, sizeof(*asking) + n);
    if (asking == NULL) {
        gs_http_answer_text(exchange, 503, "no memory\n");
        return;
    }
    asking->dashboard = dashboard;
    asking->exchange = exchange;
    asking->wait.done = on_told;
    asking->wait.ctx = asking;
    memcpy(asking->path, path, n);
    gs_viewers_ask(dashboard->viewers, token, now, &asking->wait);
    if (asking->answered) {
        free(asking);
    } else {
        asking->later = true;
        gs_http_later(exchange, on_gone, asking);
    }
}

static void serve(void *ctx, struct gs_http_exchange *exchange, const struct gs_http_asked *asked)
{
    struct gs_dashboard *dashboard = ctx;
    uint64_t now = gs_dashboard_now(dashboard, CLOCK_MONOTONIC);
    bool header = false;
    if (strcmp(asked->path, "/healthz") == 0) {
        gs_http_answer_text(exchange, 200, "ok\n");
        return;
    }
    const char *token = gs_door_token(dashboard->door, exchange, now, &header);
    /* Who shows a token in a header is no browser that was led astray: the API server's proxy
     * sends its own name. */
    if (!header && !gs_door_knows_host(dashboard->door, exchange)) {
        turn_away(dashboard, exchange, 421,
                  dashboard->options.kube == NULL
                      ? "this is reached as 127.0.0.1 or localhost"
                      : "this dashboard is not known by the name that was asked for; "
                        "--dashboard-names adds it");
        return;
    }
    if (strncmp(asked->path, GS_DOOR_PATH, strlen(GS_DOOR_PATH)) == 0) {
        gs_door_open(dashboard->door, exchange, asked->path + strlen(GS_DOOR_PATH), now);
        return;
    }
    if (token == NULL) {
        turn_away(dashboard, exchange, 401,
                  "who are you? \"gpuslice dashboard\" opens these pages with a token");
        return;
    }
    ask_who(dashboard, exchange, asked->path, token, now);
}

/* ---- all ---- */

static int open_parts(struct gs_dashboard *dashboard, int *fd,
                      const struct gs_dashboard_options *options, struct gs_err *err)
{
    const struct gs_http_route routes[] = {
        {.method = "GET", .path = "/*", .serve = serve, .ctx = dashboard},
    };
    const struct gs_door_options door = {
        .hosts = options->hosts == NULL ? "" : options->hosts,
        .secure = options->tls_cert.n > 0,
        .standing = options->kube == NULL ? options->token : NULL,
        .standing_token = options->token,
    };
    const struct gs_viewers_options viewers = {
        .kube = options->kube, .token = options->token, .board = options->board};
    const struct gs_http_server_options server = {
        .routes = routes,
        .n_routes = GS_ARRAY_LEN(routes),
        .max_connections = GS_DASHBOARD_CONNECTIONS,
        .idle_limit_s = IDLE_S,
        .max_body = BODY_MAX,
        .tls_cert = options->tls_cert,
        .tls_key = options->tls_key,
        .headers = gs_dashboard_headers,
        .n_headers = gs_dashboard_n_headers,
    };
    int r = gs_door_new(&door, &dashboard->door, err);
    r = r == 0 ? gs_viewers_new(&viewers, &dashboard->viewers, err) : r;
    r = r == 0 ? gs_events_open(dashboard, err) : r;
    r = r == 0 ? gs_packs_new(options->event, &dashboard->packs, err) : r;
    if (r == 0) {
        int served = *fd;
        *fd = -1;
        r = gs_http_server_new(options->event, served, &server, &dashboard->server, err);
    }
    return r;
}

int gs_dashboard_new(int fd, const struct gs_dashboard_options *options, struct gs_dashboard **ret,
                     struct gs_err *err)
{
    struct gs_dashboard *dashboard = calloc(1, sizeof(*dashboard));
    int r = 0;
    if (dashboard == NULL) {
        r = gs_fail(err, GS_NO_MEMORY, "no memory for the dashboard");
    } else {
        dashboard->options = *options;
        r = open_parts(dashboard, &fd, options, err);
    }
    if (fd >= 0) {
        close(fd);
    }
    if (r != 0) {
        gs_dashboard_free(dashboard);
        return r;
    }
    *ret = dashboard;
    return 0;
}

void gs_dashboard_free(struct gs_dashboard *dashboard)
{
    if (dashboard == NULL) {
        return;
    }
    gs_events_end(dashboard);
    gs_packs_free(dashboard->packs);
    gs_http_server_free(dashboard->server);
    gs_viewers_free(dashboard->viewers);
    gs_door_free(dashboard->door);
    sd_event_source_disable_unref(dashboard->tick);
    free(dashboard);
}

int gs_dashboard_show(struct gs_dashboard *dashboard, struct gs_view tls_cert,
                      struct gs_view tls_key, struct gs_err *err)
{
    return gs_http_server_show(dashboard->server, tls_cert, tls_key, err);
}

int gs_dashboard_code(struct gs_dashboard *dashboard, char ret_code[GS_DOOR_ID_TEXT],
                      struct gs_err *err)
{
    return gs_door_code(dashboard->door, dashboard->options.token,
                        gs_dashboard_now(dashboard, CLOCK_MONOTONIC), ret_code, err);
}

unsigned gs_dashboard_port(const struct gs_dashboard *dashboard)
{
    return gs_http_server_port(dashboard->server);
}

static void metric(struct gs_buf *page, const char *name, const char *type, const char *help,
                   uint64_t value)
{
    gs_buf_printf(page,
                  "# HELP gpuslice_dashboard_%s %s\n# TYPE gpuslice_dashboard_%s %s\n"
                  "gpuslice_dashboard_%s %" PRIu64 "\n",
                  name, help, name, type, name, value);
}

void gs_dashboard_write_metrics(const struct gs_dashboard *dashboard, struct gs_buf *page)
{
    if (dashboard == NULL) {
        return;
    }
    metric(page, "documents_total", "counter", "Documents that were served.",
           dashboard->counts.documents);
    metric(page, "refused_total", "counter", "Requests of somebody who may not see it.",
           dashboard->counts.refused);
    metric(page, "watchers", "gauge", "Who follows events now.", dashboard->n_watchers);
    metric(page, "dropped_total", "counter", "Readers of events that were too slow.",
           dashboard->counts.dropped);
}
