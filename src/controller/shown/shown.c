#include "controller/shown/shown.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "board/tap.h"
#include "cloud/instances.h"
#include "controller/past/past.h"
#include "controller/shown/better.h"
#include "dashboard/dashboard.h"
#include "net/authority.h"

#define LIFE_S (30ull * 86400)
#define LOOK_US (3600ull * 1000000)
#define ACCURACY_US 60000000ull

enum { NAMES_TEXT_MAX = 2048 };

struct gs_shown {
    struct gs_shown_options options;
    struct gs_board *board;
    struct gs_dashboard *dashboard;
    struct gs_better *better;
    struct gs_past *past; /* NULL: nobody knows what was */
    struct gs_authority authority;
    sd_event_source *timer;
    struct gs_board_tap tap;
    char region[64];
    char names_text[NAMES_TEXT_MAX];
    const char *names[GS_AUTHORITY_NAMES_MAX];
    size_t n_names;
};

/* ---- what nodes cost ---- */

/* On demand, as far as prices are known; what is paid for spot and reserved nodes is not. */
static uint64_t price(void *ctx, const char *type, const char *region, const char *capacity)
{
    const struct gs_shown *shown = ctx;
    const struct gs_instance_labels labels = {.type = type, .region = region, .capacity = capacity};
    uint64_t uusd = 0;
    bool known = gs_instance_price_of(&labels, shown->options.region, &uusd);
    return known ? uusd : GS_MONEY_NOT_KNOWN;
}

/* ---- what is watched ---- */

struct gs_feed_tap gs_shown_tap(struct gs_shown *shown)
{
    return gs_board_tap(&shown->tap);
}

/* ---- the certificate ---- */

static uint64_t now_s(const struct gs_shown *shown)
{
    uint64_t at = 0;
    (void)sd_event_now(gs_kube_event(shown->options.kube), CLOCK_REALTIME, &at);
    return at / 1000000;
}

static int renew(struct gs_shown *shown, bool *ret_changed, struct gs_err *err)
{
    const char *why = NULL;
    const struct gs_authority_plan plan = {.now_s = now_s(shown),
                                           .life_s = LIFE_S,
                                           .names = shown->names,
                                           .n_names = shown->n_names,
                                           .believed = true};
    return gs_authority_renew(&shown->authority, &plan, ret_changed, &why, err);
}

static struct gs_view bytes_of(const struct gs_buf *buf)
{
    return (struct gs_view){.p = gs_buf_text(buf), .n = buf->len};
}

static int on_timer(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct gs_shown *shown = ctx;
    struct gs_err err;
    bool changed = false;
    (void)usec;
    int r = renew(shown, &changed, &err);
    if (r == 0 && changed) {
        r = gs_dashboard_show(shown->dashboard, bytes_of(&shown->authority.cert),
                              bytes_of(&shown->authority.key), &err);
    }
    if (r != 0) {
        gs_log_warning("the dashboard's certificate: %s", err.msg);
    }
    (void)sd_event_source_set_time_relative(source, LOOK_US);
    (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    return 0;
}

/* Of the Service, of this machine, and those that are given. */
static int split_names(struct gs_shown *shown, struct gs_err *err)
{
    char *at = shown->names_text;
    int k = snprintf(at, NAMES_TEXT_MAX, "gpuslice-dashboard.%s.svc,localhost%s%s",
                     shown->options.name_space, shown->options.names[0] == '\0' ? "" : ",",
                     shown->options.names);
    if (k < 0 || k >= NAMES_TEXT_MAX) {
        return gs_fail(err, GS_LIMIT, "names of more than %d bytes", NAMES_TEXT_MAX - 1);
    }
    while (at != NULL) {
        if (shown->n_names == GS_AUTHORITY_NAMES_MAX) {
            return gs_fail(err, GS_LIMIT, "more than %d names", GS_AUTHORITY_NAMES_MAX - 2);
        }
        shown->names[shown->n_names++] = strsep(&at, ",");
    }
    const struct gs_authority_plan plan = {
        .names = shown->names, .n_names = shown->n_names, .life_s = LIFE_S};
    return gs_authority_check(&plan, err);
}

/* ---- all ---- */

static int open_board(struct gs_shown *shown, struct gs_err *err)
{
    bool events = shown->options.history[0] != '\0'; /* a Prometheus has none */
    const struct gs_board_options board = {.kind = "cluster",
                                           .name = "",
                                           .series = shown->past != NULL,
                                           .events = events,
                                           .price = price,
                                           .ctx = shown};
    int s = sd_event_add_time_relative(gs_kube_event(shown->options.kube), &shown->timer,
                                       CLOCK_MONOTONIC, LOOK_US, ACCURACY_US, on_timer, shown);
    int r =
        s < 0 ? gs_fail_errno(err, -s, "adding a timer") : gs_board_new(&board, &shown->board, err);
    shown->tap.board = shown->board;
    return r;
}

static int open_past(struct gs_shown *shown, struct gs_err *err)
{
    const struct gs_shown_options *options = &shown->options;
    const struct gs_past_options past = {.event = gs_kube_event(options->kube),
                                         .kube = options->kube,
                                         .name_space = options->name_space,
                                         .history = options->history,
                                         .token_file = options->history_token,
                                         .ca_file = options->history_ca,
                                         .prometheus = options->prometheus};
    bool some = options->history[0] != '\0' || options->prometheus[0] != '\0';
    return some ? gs_past_new(&past, &shown->past, err) : 0;
}

static int open_dashboard(struct gs_shown *shown, struct gs_err *err)
{
    bool changed = false;
    int fd = -1;
    char hosts[NAMES_TEXT_MAX];
    (void)snprintf(hosts, sizeof(hosts), "gpuslice-dashboard.%.253s.svc%s%.1700s",
                   shown->options.name_space, shown->options.names[0] == '\0' ? "" : ",",
                   shown->options.names);
    int r = split_names(shown, err);
    if (r != 0) {
        return gs_wrap(err, r, "--dashboard-names");
    }
    r = renew(shown, &changed, err);
    if (r != 0) {
        return gs_wrap(err, r, "the dashboard's certificate");
    }
    const struct gs_dashboard_options options = {
        .event = gs_kube_event(shown->options.kube),
        .board = shown->board,
        .store = shown->options.store,
        .better = gs_better_ask,
        .forget = gs_better_forget,
        .better_ctx = shown->better,
        .ask_past = shown->past == NULL ? NULL : gs_past_ask,
        .forget_past = gs_past_forget,
        .past_ctx = shown->past,
        .decides = shown->options.decides,
        .ctx = shown->options.ctx,
        .kube = shown->options.kube,
        .hosts = hosts,
        .tls_cert = bytes_of(&shown->authority.cert),
        .tls_key = bytes_of(&shown->authority.key),
    };
    r = gs_http_listen_tcp(shown->options.address, &fd, err);
    r = r == 0 ? gs_dashboard_new(fd, &options, &shown->dashboard, err) : r;
    return r == 0 ? 0 : gs_wrap(err, r, "--dashboard-address %s", shown->options.address);
}

int gs_shown_new(const struct gs_shown_options *options, struct gs_shown **ret, struct gs_err *err)
{
    struct gs_shown *shown = calloc(1, sizeof(*shown));
    if (shown == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the dashboard");
    }
    shown->options = *options;
    gs_authority_init(&shown->authority);
    const struct gs_better_options better = {
        .event = gs_kube_event(options->kube), .store = options->store, .region = options->region};
    int r = gs_better_new(&better, &shown->better, err);
    r = r == 0 ? open_past(shown, err) : r;
    r = r == 0 ? open_board(shown, err) : r;
    r = r == 0 ? open_dashboard(shown, err) : r;
    if (r != 0) {
        gs_shown_free(shown);
        return r;
    }
    *ret = shown;
    return 0;
}

void gs_shown_free(struct gs_shown *shown)
{
    if (shown != NULL) {
        sd_event_source_disable_unref(shown->timer);
        gs_dashboard_free(shown->dashboard);
        gs_better_free(shown->better);
        gs_past_free(shown->past);
        gs_board_free(shown->board);
        gs_authority_done(&shown->authority);
        free(shown);
    }
}

void gs_shown_write_metrics(const struct gs_shown *shown, struct gs_buf *page)
{
    gs_dashboard_write_metrics(shown == NULL ? NULL : shown->dashboard, page);
}
