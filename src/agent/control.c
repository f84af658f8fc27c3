#include "agent/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/figures.h"
#include "agent/state.h"
#include "base/cleanup.h"
#include "wire/doc.h"
#include "wire/migconfig.h"

#define JSON_TYPE "application/json"

enum {
    PAGE_BYTES_MAX = 16 << 20,
    ORDER_BYTES_MAX = 4 << 20,
    CONTROL_CONNECTIONS = 64,
    ORDER_IDLE_S = 3600 /* an order takes as long as the driver does */
};

/* A client that waits for its order. */
struct waiting {
    struct waiting *next;
    struct gs_control *control;
    struct gs_http_exchange *exchange;
    uint64_t number;
};

struct gs_control {
    struct gs_agent *agent;
    struct gs_http_server *http;   /* NULL: off */
    struct gs_http_server *socket; /* NULL: off */
    struct waiting *first;
    size_t metrics_bytes; /* of the last page of metrics: the next one is as long, about */
};

static void answer_buf(struct gs_http_exchange *exchange, const char *type, struct gs_buf *page)
{
    if (gs_buf_ok(page)) {
        gs_http_answer_buf(exchange, 200, type, page);
    } else {
        gs_http_answer_text(exchange, 500, "no memory for the page\n");
        gs_buf_done(page);
    }
}

static void serve_health(void *ctx, struct gs_http_exchange *exchange,
                         const struct gs_http_asked *asked)
{
    (void)ctx;
    (void)asked;
    gs_http_answer_text(exchange, 200, "ok\n");
}

static void serve_ready(void *ctx, struct gs_http_exchange *exchange,
                        const struct gs_http_asked *asked)
{
    const struct gs_agent *agent = ((struct gs_control *)ctx)->agent;
    struct gs_buf page;
    (void)asked;
    gs_buf_init(&page, PAGE_BYTES_MAX);
    gs_buf_puts(&page, gs_agent_is_ready(agent) ? "ok\n" : "not ready\n");
    for (unsigned i = 0; i < GS_TROUBLES; i++) {
        if (agent->troubles.at[i].bad) {
            gs_buf_printf(&page, "%s: %s: %s\n", gs_trouble_name(i), agent->troubles.at[i].reason,
                          agent->troubles.at[i].text);
        }
    }
    gs_http_answer(exchange, gs_agent_is_ready(agent) ? 200 : 503, GS_HTTP_TEXT,
                   (struct gs_view){.p = gs_buf_text(&page), .n = page.len});
    gs_buf_done(&page);
}

static void serve_state(void *ctx, struct gs_http_exchange *exchange,
                        const struct gs_http_asked *asked)
{
    const struct gs_agent *agent = ((struct gs_control *)ctx)->agent;
    const struct gs_state state = {
        .node_name = agent->node_name,
        .config = agent->config,
        .offering = agent->offering,
        .plugins = agent->plugins,
        .status = agent->status,
        .troubles = &agent->troubles,
        .findings = agent->findings,
        .gpunode = agent->gpunode,
        .counters = &agent->counters,
        .ready = gs_agent_is_ready(agent),
    };
    struct gs_buf page;
    (void)asked;
    gs_buf_init(&page, PAGE_BYTES_MAX);
    gs_state_write(&state, &page);
    answer_buf(exchange, JSON_TYPE, &page);
}

static void serve_metrics(void *ctx, struct gs_http_exchange *exchange,
                          const struct gs_http_asked *asked)
{
    struct gs_control *control = ctx;
    const struct gs_agent *agent = control->agent;
    struct gs_metrics_input input;
    struct gs_buf page;
    (void)asked;
    gs_buf_init(&page, PAGE_BYTES_MAX);
    gs_buf_expect(&page, control->metrics_bytes + control->metrics_bytes / 8);
    if (gs_figures_now(agent, &input)) {
        gs_metrics_write(&input, &page);
    }
    gs_trouble_metrics(&agent->troubles, &page);
    control->metrics_bytes = page.len;
    answer_buf(exchange, GS_HTTP_METRICS, &page);
}

/* ---- Orders ---- */

static void drop(struct waiting *waiting)
{
    struct waiting **at = &waiting->control->first;
    while (*at != NULL && *at != waiting) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = waiting->next;
    }
    free(waiting);
}

static void on_gone(void *ctx)
{
    drop(ctx);
}

static int read_order(struct gs_view body, struct gs_arena *arena, struct gs_order *ret,
                      struct gs_err *err)
{
    static const char *const keys[] = {"config", "document", "onlyIdle", "dryRun"};
    const struct gs_doc_input input = {.label = "the order",
                                       .what = "an order, as {\"config\": \"all-1g.5gb\"}",
                                       .max_bytes = ORDER_BYTES_MAX,
                                       .lines = true,
                                       .bytes = body};
    const struct gs_doc_node *root;
    *ret = (struct gs_order){.origin = GS_ORDER_SOCKET, .name = "", .file = ""};
    int r = gs_doc_read(arena, &input, &root, err);
    r = r < 0 ? r : gs_doc_expect_keys(root, keys, GS_ARRAY_LEN(keys), err);
    if (r < 0) {
        return r;
    }
    const struct gs_doc_node *config = gs_doc_find(root, "config");
    const struct gs_doc_node *document = gs_doc_find(root, "document");
    const struct gs_doc_node *only_idle = gs_doc_find(root, "onlyIdle");
    const struct gs_doc_node *dry_run = gs_doc_find(root, "dryRun");
    if (config == NULL && document == NULL) {
        return gs_fail(err, GS_INVALID,
                       "the order names no layout: expected \"config\", a configuration's name, or "
                       "\"document\", the text of a mig-parted file");
    }
    r = config == NULL ? 0 : gs_doc_copy(config, GS_MIGCONFIG_NAME_MAX, arena, &ret->name, err);
    r = r < 0 || document == NULL
            ? r
            : gs_doc_copy(document, GS_DOC_SCALAR_MAX, arena, &ret->text, err);
    r = r < 0 || only_idle == NULL ? r : gs_doc_bool(only_idle, &ret->only_idle, err);
    return r < 0 || dry_run == NULL ? r : gs_doc_bool(dry_run, &ret->dry_run, err);
}

static void refuse(struct gs_http_exchange *exchange, int r, const struct gs_err *err)
{
    const struct gs_order_result result = {.code = r, .err = *err};
    struct gs_buf page;
    gs_buf_init(&page, PAGE_BYTES_MAX);
    gs_state_write_result(&result, &page);
    gs_http_answer(exchange, r == GS_LIMIT || r == GS_NO_MEMORY ? 503 : 400, JSON_TYPE,
                   (struct gs_view){.p = gs_buf_text(&page), .n = page.len});
    gs_buf_done(&page);
}

static int take_order(struct gs_control *control, const struct gs_http_asked *asked,
                      struct waiting *waiting, struct gs_err *err)
{
    struct gs_arena arena;
    struct gs_order order;
    gs_arena_init(&arena, &gs_alloc_heap, PAGE_BYTES_MAX);
    int r = read_order(asked->body, &arena, &order, err);
    if (r == 0 && order.text == NULL) {
        order.file = control->agent->config->layout_file;
    }
    r = r < 0 ? r : gs_agent_order(control->agent, order, &waiting->number, err);
    gs_arena_done(&arena);
    return r;
}

static void serve_apply(void *ctx, struct gs_http_exchange *exchange,
                        const struct gs_http_asked *asked)
{
    struct gs_control *control = ctx;
    struct gs_err err;
    struct waiting *waiting = calloc(1, sizeof(*waiting));
    int r = waiting == NULL ? gs_fail(&err, GS_NO_MEMORY, "no memory for the order")
                            : take_order(control, asked, waiting, &err);
    if (r < 0) {
        free(waiting);
        refuse(exchange, r, &err);
        return;
    }
    waiting->control = control;
    waiting->exchange = exchange;
    waiting->next = control->first;
    control->first = waiting;
    gs_http_later(exchange, on_gone, waiting);
}

void gs_control_ended(struct gs_control *control, const struct gs_order_result *result)
{
    struct waiting *waiting = control->first;
    while (waiting != NULL && waiting->number != result->number) {
        waiting = waiting->next;
    }
    if (waiting != NULL) {
        struct gs_buf page;
        gs_buf_init(&page, PAGE_BYTES_MAX);
        gs_state_write_result(result, &page);
        answer_buf(waiting->exchange, JSON_TYPE, &page);
        drop(waiting);
    }
}

/* ---- Sockets ---- */

static int serve(struct gs_control *control, int fd, bool orders, struct gs_http_server **ret,
                 struct gs_err *err)
{
    const struct gs_http_route routes[] = {
        {"GET", "/healthz", serve_health, control},  {"GET", "/readyz", serve_ready, control},
        {"GET", "/metrics", serve_metrics, control}, {"GET", "/debug/state", serve_state, control},
        {"POST", "/v1/apply", serve_apply, control},
    };
    const struct gs_http_server_options options = {
        .routes = routes,
        .n_routes = GS_ARRAY_LEN(routes) - (orders ? 0 : 1),
        .max_connections = CONTROL_CONNECTIONS,
        .idle_limit_s = orders ? ORDER_IDLE_S : 0,
        .max_body = orders ? ORDER_BYTES_MAX : 0,
    };
    return gs_http_server_new(control->agent->event, fd, &options, ret, err);
}

/* The folder of the socket, if its parent is there. */
static void make_folder(const char *socket)
{
    char folder[1024];
    const char *slash = strrchr(socket, '/');
    if (slash != NULL && slash != socket && (size_t)(slash - socket) < sizeof(folder)) {
        snprintf(folder, sizeof(folder), "%.*s", (int)(slash - socket), socket);
        (void)mkdir(folder, 0755);
    }
}

int gs_control_new(struct gs_agent *agent, struct gs_control **ret, struct gs_err *err)
{
    struct gs_control *control = calloc(1, sizeof(*control));
    int fd;
    if (control == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the agent's pages");
    }
    control->agent = agent;
    int r = 0;
    if (agent->config->http_address[0] != '\0') {
        r = gs_http_listen_tcp(agent->config->http_address, &fd, err);
        r = r < 0 ? r : serve(control, fd, false, &control->http, err);
    }
    if (r == 0 && agent->config->control_socket[0] != '\0') {
        make_folder(agent->config->control_socket);
        r = gs_http_listen_unix(agent->config->control_socket, 0600, &fd, err);
        r = r < 0 ? r : serve(control, fd, true, &control->socket, err);
    }
    if (r < 0) {
        gs_control_free(control);
        return r;
    }
    *ret = control;
    return 0;
}

void gs_control_free(struct gs_control *control)
{
    if (control != NULL) {
        gs_http_server_free(control->http);
        gs_http_server_free(control->socket); /* who waits is told, and drops itself */
        free(control);
    }
}
