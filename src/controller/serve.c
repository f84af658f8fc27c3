/* What the controller shows of itself: health, metrics, the picture. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "controller/controller.h"
#include "controller/pools/metrics.h"
#include "controller/tally/turns.h"
#include "picture/feed.h"

enum { PAGE_BYTES_MAX = 8 << 20 };
#define TALLY_BYTES_MAX ((size_t)64 << 20)

static void answer(struct gs_http_exchange *exchange, unsigned status, const char *type,
                   struct gs_buf *page)
{
    bool ok = gs_buf_ok(page);
    gs_http_answer(exchange, ok ? status : 500, ok ? type : GS_HTTP_TEXT,
                   gs_view(gs_buf_text(page)));
    gs_buf_done(page);
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
    const struct gs_controller *controller = ctx;
    bool shows = gs_webhook_is_ready(controller->webhook);
    bool ready = gs_controller_is_ready(controller) && shows;
    struct gs_buf page;
    (void)asked;
    gs_buf_init(&page, PAGE_BYTES_MAX);
    gs_buf_puts(&page, ready ? "ok\n" : "not ready\n");
    if (!shows || gs_webhook_why(controller->webhook)[0] != '\0') {
        gs_buf_printf(&page, "webhook: %s%s\n",
                      shows ? "" : "no certificate: ", gs_webhook_why(controller->webhook));
    }
    for (unsigned i = 0; i < GS_FEEDS; i++) {
        const struct gs_feed_state *state = gs_feed_state(controller->feed, i);
        if (!state->listed || !state->reachable) {
            gs_buf_printf(&page, "%s: %s%s%s\n", state->kind,
                          state->listed ? "not watched now" : "not listed yet",
                          state->why.code == GS_OK ? "" : ": ", state->why.msg);
        }
    }
    answer(exchange, ready ? 200 : 503, GS_HTTP_TEXT, &page);
}

static void metric(struct gs_buf *page, const char *name, const char *type, const char *help)
{
    gs_buf_printf(page, "# HELP gpuslice_controller_%s %s\n# TYPE gpuslice_controller_%s %s\n",
                  name, help, name, type);
}

static void write_actions(const struct gs_act_counts *counts, struct gs_buf *page)
{
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"book", counts->booked},
        {"lift", counts->lifted},
        {"wish", counts->wished},
        {"evict", counts->evicted},
        {"evict_refused", counts->move_refused},
        {"clear", counts->cleared},
        {"event", counts->events},
        {"failed", counts->failed},
    };
    metric(page, "actions_total", "counter", "Requests that were carried out, by what they did.");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        gs_buf_printf(page, "gpuslice_controller_actions_total{action=\"%s\"} %" PRIu64 "\n",
                      rows[i].name, rows[i].value);
    }
    metric(page, "requests_total", "counter", "Writes sent to the API server.");
    gs_buf_printf(page, "gpuslice_controller_requests_total %" PRIu64 "\n", counts->requests);
}

static void write_decisions(const struct gs_pass_counts *counts, struct gs_buf *page)
{
    static const char *const whats[GS_PASS_WHATS] = {[GS_DECIDE_BOOK] = "book",
                                                     [GS_DECIDE_RECUT] = "recut",
                                                     [GS_DECIDE_MOVE] = "move",
                                                     [GS_DECIDE_BUY] = "buy",
                                                     [GS_DECIDE_WAIT] = "wait"};
    metric(page, "decisions_total", "counter",
           "Decisions about waiting pods, by what was decided.");
    for (unsigned i = 0; i < GS_PASS_WHATS; i++) {
        gs_buf_printf(page, "gpuslice_controller_decisions_total{what=\"%s\"} %" PRIu64 "\n",
                      whats[i], counts->decisions[i]);
    }
    metric(page, "longest_decision_seconds", "gauge", "The longest decision so far.");
    gs_buf_printf(page, "gpuslice_controller_longest_decision_seconds %" PRIu64 ".%06" PRIu64 "\n",
                  counts->longest_us / 1000000, counts->longest_us % 1000000);
    metric(page, "waiting_pods", "gauge", "Pods that wait for slices.");
    gs_buf_printf(page, "gpuslice_controller_waiting_pods %" PRIu64 "\n", counts->waiting);
    metric(page, "gated_pods", "gauge", "Of them, those that our gate holds.");
    gs_buf_printf(page, "gpuslice_controller_gated_pods %" PRIu64 "\n", counts->gated);
    metric(page, "moves", "gauge", "Pods that make way for others, and have no new place yet.");
    gs_buf_printf(page, "gpuslice_controller_moves %" PRIu64 "\n", counts->moves);
}

static void write_pools(const struct gs_pools_counts *counts, struct gs_buf *page)
{
    metric(page, "nodepools", "gauge", "NodePools made of SlicePools.");
    gs_buf_printf(page, "gpuslice_controller_nodepools %" PRIu64 "\n", counts->nodepools);
    metric(page, "open_nodepools", "gauge", "Of them, those from which nodes may be bought.");
    gs_buf_printf(page, "gpuslice_controller_open_nodepools %" PRIu64 "\n", counts->open);
    metric(page, "pool_requests_total", "counter",
           "Writes about NodePools, NodeOverlays, NodeClaims and SlicePools.");
    gs_buf_printf(page, "gpuslice_controller_pool_requests_total %" PRIu64 "\n", counts->requests);
    metric(page, "nodes_never_ready_total", "counter",
           "Nodes that were ended as they did not start.");
    gs_buf_printf(page, "gpuslice_controller_nodes_never_ready_total %" PRIu64 "\n", counts->ended);
}

int gs_controller_tally(const struct gs_controller *controller, struct gs_arena *arena,
                        struct gs_tally *ret, struct gs_err *err)
{
    struct gs_tally_options options = {.store = &controller->store,
                                       .rows = controller->rows,
                                       .money = controller->money,
                                       .region = controller->options->region};
    (void)sd_event_now(controller->event, CLOCK_MONOTONIC, &options.now_us);
    (void)sd_event_now(controller->event, CLOCK_REALTIME, &options.real_us);
    return gs_tally(&options, arena, ret, err);
}

/* The cluster is told of by the replica that decides, so that sums count it once, and by none while
 * not all of it was read. */
static void write_cluster(const struct gs_controller *controller, struct gs_buf *page)
{
    struct gs_arena arena;
    struct gs_tally tally;
    struct gs_err err = {.code = GS_OK};
    if (!gs_lease_leads(controller->lease) || !gs_controller_is_ready(controller)) {
        return;
    }
    gs_arena_init(&arena, &gs_alloc_heap, TALLY_BYTES_MAX);
    if (gs_controller_tally(controller, &arena, &tally, &err) == 0) {
        gs_tally_write(&tally, page);
        gs_pools_write_metrics(controller->pools, page);
    } else {
        gs_log_error("metrics of the cluster: %s", err.msg);
        page->failed = true;
    }
    gs_arena_done(&arena);
}

static void answer_metrics(const struct gs_controller *controller,
                           struct gs_http_exchange *exchange)
{
    struct gs_act_counts actions = gs_act_counts(controller->act);
    struct gs_pass_counts passes = gs_pass_counts(controller->pass);
    struct gs_pools_counts pools = gs_pools_counts(controller->pools);
    struct gs_buf page;
    gs_buf_init(&page, PAGE_BYTES_MAX);
    metric(&page, "info", "gauge", "This controller.");
    gs_buf_puts(&page, "gpuslice_controller_info{version=\"" GS_VERSION "\"} 1\n");
    metric(&page, "leads", "gauge", "1: this replica decides.");
    gs_buf_printf(&page, "gpuslice_controller_leads %d\n", gs_lease_leads(controller->lease));
    write_decisions(&passes, &page);
    write_actions(&actions, &page);
    write_pools(&pools, &page);
    metric(&page, "objects", "gauge", "Objects in the picture.");
    gs_buf_printf(&page, "gpuslice_controller_objects{kind=\"Pod\"} %zu\n",
                  controller->store.pods.n);
    gs_buf_printf(&page, "gpuslice_controller_objects{kind=\"Node\"} %zu\n",
                  controller->store.nodes.n);
    metric(&page, "objects_refused_total", "counter", "Objects that could not be read.");
    gs_buf_printf(&page, "gpuslice_controller_objects_refused_total %" PRIu64 "\n",
                  controller->store.refused);
    gs_webhook_write_metrics(controller->webhook, &page);
    gs_shown_write_metrics(controller->shown, &page);
    write_cluster(controller, &page);
    answer(exchange, 200, GS_HTTP_METRICS, &page);
}

/* Somebody who has asked for metrics. */
struct scrape {
    const struct gs_controller *controller;
    struct gs_http_exchange *exchange;
    struct gs_tally_wait wait;
};

static void on_counted(void *ctx)
{
    struct scrape *scrape = ctx;
    answer_metrics(scrape->controller, scrape->exchange);
    free(scrape);
}

static void on_gone(void *ctx)
{
    struct scrape *scrape = ctx;
    gs_tally_turns_forget(scrape->controller->turns, &scrape->wait);
    free(scrape);
}

/* What has changed is counted first, in turns. */
static void serve_metrics(void *ctx, struct gs_http_exchange *exchange,
                          const struct gs_http_asked *asked)
{
    const struct gs_controller *controller = ctx;
    (void)asked;
    struct scrape *scrape = gs_lease_leads(controller->lease) ? calloc(1, sizeof(*scrape)) : NULL;
    if (scrape == NULL) {
        answer_metrics(controller, exchange);
        return;
    }
    scrape->controller = controller;
    scrape->exchange = exchange;
    scrape->wait.done = on_counted;
    scrape->wait.ctx = scrape;
    gs_http_later(exchange, on_gone, scrape);
    gs_tally_turns_ask(controller->turns, &scrape->wait);
}

int gs_controller_serve(struct gs_controller *controller, struct gs_err *err)
{
    const struct gs_http_route routes[] = {
        {.method = "GET", .path = "/healthz", .serve = serve_health, .ctx = controller},
        {.method = "GET", .path = "/readyz", .serve = serve_ready, .ctx = controller},
        {.method = "GET", .path = "/metrics", .serve = serve_metrics, .ctx = controller},
    };
    const struct gs_http_server_options options = {.routes = routes,
                                                   .n_routes = sizeof(routes) / sizeof(routes[0])};
    int fd = -1;
    int r = gs_http_listen_tcp(controller->options->http, &fd, err);
    r = r == 0 ? gs_http_server_new(controller->event, fd, &options, &controller->http, err) : r;
    return r == 0 ? 0 : gs_wrap(err, r, "--http-address %s", controller->options->http);
}
