/* Who follows events, and what they are told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "dashboard/work.h"

#define TICK_US 500000ull
#define PING_US 15000000ull
#define MONEY_EVERY_US 2000000ull /* it is worked out over the whole fleet */
#define ACCURACY_US 50000ull
#define WAITING_MAX ((size_t)8 << 20) /* bytes for one reader */

struct gs_watcher {
    struct gs_watcher *next;
    struct gs_dashboard *dashboard;
    struct gs_http_stream *stream; /* NULL: it has gone, to be freed */
    struct gs_viewer *viewer;
    struct gs_viewer_wait wait; /* for news of their rights */
    uint64_t rights;
    struct gs_board_mark mark;
    uint64_t money; /* hashes of what was sent, but for the moment */
    uint64_t waiting;
    uint64_t said_us;        /* CLOCK_MONOTONIC */
    uint64_t money_us;       /* when it was worked out last, */
    uint64_t money_revision; /* and of which revision of the board */
};

/* ---- what is said ---- */

/* False: the reader was too slow, and is gone. */
static bool say(struct gs_watcher *watcher, const char *name, struct gs_view data)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, GS_BOARD_DOC_MAX);
    gs_buf_printf(&text, "id: %llu\nevent: %s\ndata: ",
                  (unsigned long long)gs_board_revision(watcher->dashboard->options.board), name);
    gs_buf_put(&text, data.p, data.n);
    gs_buf_puts(&text, "\n\n");
    watcher->said_us = gs_dashboard_now(watcher->dashboard, CLOCK_MONOTONIC);
    if (gs_buf_ok(&text) &&
        gs_http_stream_put(watcher->stream, (struct gs_view){.p = text.text, .n = text.len})) {
        return true;
    }
    if (!gs_buf_ok(&text)) {
        gs_http_stream_end(watcher->stream);
    }
    watcher->stream = NULL;
    watcher->dashboard->counts.dropped++;
    return false;
}

static bool say_resync(struct gs_watcher *watcher)
{
    watcher->mark = gs_board_mark(watcher->dashboard->options.board);
    return say(watcher, "resync", gs_view("{}"));
}

static bool say_nodes(struct gs_watcher *watcher)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    const struct gs_board *board = watcher->dashboard->options.board;
    struct gs_board_reader reader = gs_viewer_reader(watcher->viewer);
    gs_buf_init(&out, WAITING_MAX / 2);
    if (gs_board_revision(board) == watcher->mark.revision) {
        return true;
    }
    int r = gs_board_write_changes(board, &reader, &watcher->mark, &out, NULL);
    if (r != 0) {
        return say_resync(watcher);
    }
    watcher->mark = gs_board_mark(board);
    return say(watcher, "nodes", (struct gs_view){.p = gs_buf_text(&out), .n = out.len});
}

/* Of what follows "at" and "revision", which every document begins with. */
static uint64_t hash_of(const struct gs_buf *doc)
{
    const char *at = strstr(gs_buf_text(doc), "\"revision\":");
    at = at == NULL ? gs_buf_text(doc) : strchr(at, ',');
    return gs_hash64_on(GS_HASH64_EMPTY, at == NULL ? "" : at);
}

static bool say_document(struct gs_watcher *watcher, const char *name, uint64_t *said)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, WAITING_MAX / 2);
    if (gs_dashboard_write(watcher->dashboard, name, watcher->viewer, &out, NULL) != 0) {
        return true; /* of more than fits nobody is told; it can be asked for */
    }
    uint64_t hash = hash_of(&out);
    if (hash == *said) {
        return true;
    }
    *said = hash;
    return say(watcher, name, (struct gs_view){.p = gs_buf_text(&out), .n = out.len});
}

/* The bill follows from the board alone. */
static bool say_money(struct gs_watcher *watcher)
{
    uint64_t now = gs_dashboard_now(watcher->dashboard, CLOCK_MONOTONIC);
    uint64_t revision = gs_board_revision(watcher->dashboard->options.board);
    if (watcher->money_revision == revision ||
        (watcher->money_us != 0 && now < watcher->money_us + MONEY_EVERY_US)) {
        return true;
    }
    watcher->money_revision = revision;
    watcher->money_us = now;
    return say_document(watcher, "money", &watcher->money);
}

/* ---- rights ---- */

static void on_rights(void *ctx, enum gs_viewer_standing standing, struct gs_viewer *viewer,
                      const char *why)
{
    struct gs_watcher *watcher = ctx;
    (void)viewer;
    (void)why;
    if (watcher->stream == NULL) {
        return;
    }
    if (standing == GS_VIEWER_NOBODY || standing == GS_VIEWER_FORBIDDEN) {
        gs_http_stream_end(watcher->stream);
        watcher->stream = NULL;
    } else if (standing == GS_VIEWER_IN && viewer != watcher->viewer) {
        gs_viewer_put(watcher->viewer);
        watcher->viewer = gs_viewer_keep(viewer);
        watcher->rights = 0;
    }
}

/* A token may have ended, and rights may have been taken away. False: it is gone. */
static bool look_again(struct gs_watcher *watcher)
{
    if (!watcher->wait.waits) {
        watcher->wait = (struct gs_viewer_wait){.done = on_rights, .ctx = watcher};
        gs_viewers_ask(watcher->dashboard->viewers, gs_viewer_token(watcher->viewer),
                       gs_dashboard_now(watcher->dashboard, CLOCK_MONOTONIC), &watcher->wait);
    }
    if (watcher->stream == NULL) {
        return false;
    }
    if (gs_viewer_rights(watcher->viewer) != watcher->rights) {
        watcher->rights = gs_viewer_rights(watcher->viewer);
        watcher->money_revision = 0;
        return say_resync(watcher);
    }
    return true;
}

/* ---- the tick ---- */

static void tell(struct gs_watcher *watcher)
{
    uint64_t now = gs_dashboard_now(watcher->dashboard, CLOCK_MONOTONIC);
    bool there = look_again(watcher) && say_nodes(watcher) &&
                 say_document(watcher, "waiting", &watcher->waiting) && say_money(watcher);
    if (there && now >= watcher->said_us + PING_US) {
        (void)say(watcher, "ping", gs_view("{}"));
    }
}

static void free_watcher(struct gs_watcher *watcher)
{
    gs_viewers_forget(&watcher->wait);
    gs_viewer_put(watcher->viewer);
    watcher->dashboard->n_watchers--;
    free(watcher);
}

static void sweep(struct gs_dashboard *dashboard)
{
    for (struct gs_watcher **at = &dashboard->watchers; *at != NULL;) {
        struct gs_watcher *watcher = *at;
        if (watcher->stream == NULL) {
            *at = watcher->next;
            free_watcher(watcher);
        } else {
            at = &watcher->next;
        }
    }
}

static int on_tick(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct gs_dashboard *dashboard = ctx;
    (void)usec;
    sweep(dashboard);
    (void)gs_board_refresh(dashboard->options.board, gs_dashboard_now(dashboard, CLOCK_REALTIME),
                           NULL);
    for (struct gs_watcher *one = dashboard->watchers; one != NULL; one = one->next) {
        tell(one);
    }
    sweep(dashboard);
    if (dashboard->watchers != NULL) {
        (void)sd_event_source_set_time_relative(source, TICK_US);
        (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    }
    return 0;
}

static void on_gone(void *ctx)
{
    struct gs_watcher *watcher = ctx;
    watcher->stream = NULL; /* the next tick frees it */
}

/* ---- begin and end ---- */

void gs_events_begin(struct gs_dashboard *dashboard, struct gs_http_exchange *exchange,
                     struct gs_viewer *viewer)
{
    static const struct gs_http_header headers[] = {{"Cache-Control", "no-store"},
                                                    {"X-Accel-Buffering", "no"}};
    struct gs_watcher *watcher = NULL;
    if (dashboard->n_watchers < GS_DASHBOARD_WATCHERS) {
        watcher = calloc(1, sizeof(*watcher));
    }
    if (watcher == NULL) {
        gs_http_answer_text(exchange, 503, "too many follow the events already\n");
        return;
    }
    const struct gs_http_stream_options options = {.type = "text/event-stream",
                                                   .headers = headers,
                                                   .n_headers = GS_ARRAY_LEN(headers),
                                                   .max_waiting = WAITING_MAX,
                                                   .gone = on_gone,
                                                   .ctx = watcher};
    (void)gs_board_refresh(dashboard->options.board, gs_dashboard_now(dashboard, CLOCK_REALTIME),
                           NULL);
    watcher->dashboard = dashboard;
    watcher->viewer = gs_viewer_keep(viewer);
    watcher->rights = gs_viewer_rights(viewer);
    watcher->mark = gs_board_mark(dashboard->options.board);
    watcher->said_us = gs_dashboard_now(dashboard, CLOCK_MONOTONIC);
    watcher->stream = gs_http_stream_begin(exchange, &options);
    watcher->next = dashboard->watchers;
    dashboard->watchers = watcher;
    dashboard->n_watchers++;
    if (watcher->stream != NULL &&
        !gs_http_stream_put(watcher->stream, gs_view("retry: 1000\n: hello\n\n"))) {
        watcher->stream = NULL;
    }
    if (dashboard->n_watchers == 1) {
        (void)sd_event_source_set_time_relative(dashboard->tick, TICK_US);
        (void)sd_event_source_set_enabled(dashboard->tick, SD_EVENT_ONESHOT);
    }
}

void gs_events_end(struct gs_dashboard *dashboard)
{
    for (struct gs_watcher *one = dashboard->watchers; one != NULL; one = one->next) {
        gs_http_stream_end(one->stream);
        one->stream = NULL;
    }
    sweep(dashboard);
}

int gs_events_open(struct gs_dashboard *dashboard, struct gs_err *err)
{
    int r = sd_event_add_time_relative(dashboard->options.event, &dashboard->tick, CLOCK_MONOTONIC,
                                       0, ACCURACY_US, on_tick, dashboard);
    return r < 0 ? gs_fail_errno(err, -r, "adding a timer") : 0;
}
