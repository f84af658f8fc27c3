#include "historian/historian.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "cloud/instances.h"
#include "cluster/kube.h"
#include "cluster/kube_namespace.h"
#include "dashboard/viewers.h"

#define ACCURACY_US 10000ull
#define ROLL_US 60000000ull
#define RENEW_US 3600000000ull

/* Longer gaps are not known: what was paid in them, nobody has seen. */
enum { GAP_MAX_S = 60 };

bool gs_historian_watches(const struct gs_historian *historian)
{
    bool watches = historian->feed != NULL && gs_feed_is_whole(historian->feed);
    for (unsigned i = 0; watches && i < GS_FEEDS; i++) {
        watches = gs_feed_state(historian->feed, i)->reachable;
    }
    return watches;
}

static uint64_t price(void *ctx, const char *type, const char *region, const char *capacity)
{
    const struct gs_historian *historian = ctx;
    const struct gs_instance_labels labels = {.type = type, .region = region, .capacity = capacity};
    uint64_t uusd = 0;
    bool known = gs_instance_price_of(&labels, historian->options->region, &uusd);
    return known ? uusd : GS_MONEY_NOT_KNOWN;
}

/* ---- events ---- */

static void count_news(struct gs_historian *historian, const struct gs_board_news *news)
{
    struct gs_sample_counts *counts = &historian->sample.counts;
    if (news->what == GS_BOARD_RECUT_BEGINS) {
        *news->note = gs_now_us();
    } else if (news->what == GS_BOARD_RECUT_DONE) {
        counts->recuts++;
        if (*news->note != 0) {
            uint64_t now = gs_now_us();
            gs_sample_recut(&historian->sample, now, now - *news->note);
        }
    } else if (news->what == GS_BOARD_RECUT_FAILED) {
        counts->failed_recuts++;
    } else if (news->what == GS_BOARD_NODE_SERVES) {
        counts->node_starts++;
    } else if (news->what == GS_BOARD_NODE_LOST) {
        counts->failed_node_starts++;
    }
    gs_pods_news(&historian->pods, news, counts);
}

static void on_news(void *ctx, const struct gs_board_news *news)
{
    struct gs_historian *historian = ctx;
    struct gs_err err;
    const struct gs_history_event event = {.at_s = (int64_t)(gs_date_us() / 1000000),
                                           .subject = news->subject,
                                           .what = gs_board_news_words[news->what],
                                           .text = news->text};
    count_news(historian, news);
    int r = historian->history == NULL ? gs_fail(&err, GS_IO, "no file is open")
                                       : gs_history_add_event(historian->history, &event, &err);
    historian->counts.events += r == 0;
    historian->counts.failed_events += r != 0;
    if (r != 0 && historian->counts.failed_events == 1) {
        gs_log_error("an event is not kept: %s", err.msg);
    }
}

/* ---- what is watched ---- */

static void on_listing(void *ctx, enum gs_store_kind kind)
{
    const struct gs_historian *historian = ctx;
    historian->board_tap.listing(historian->board_tap.ctx, kind);
}

static void on_listed(void *ctx, enum gs_store_kind kind)
{
    const struct gs_historian *historian = ctx;
    historian->board_tap.listed(historian->board_tap.ctx, kind);
}

static void on_object(void *ctx, enum gs_store_kind kind, const struct json_t *object, bool gone)
{
    struct gs_historian *historian = ctx;
    historian->board_tap.object(historian->board_tap.ctx, kind, object, gone);
    gs_pods_look(&historian->pods, &historian->store, kind, object);
}

static void on_changed(void *ctx)
{
    struct gs_historian *historian = ctx;
    historian->store.changed = false;
}

/* ---- samples ---- */

static uint64_t waiting_pods(const struct gs_store *store)
{
    uint64_t n = 0;
    for (const struct gs_store_waiting *one = store->waiting; one != NULL; one = one->next) {
        n += !one->of->stand_in;
    }
    return n;
}

static int write_sample(struct gs_historian *historian, uint64_t now_us, struct gs_err *err)
{
    struct gs_sample *sample = &historian->sample;
    uint64_t now_s = now_us / 1000000;
    uint64_t gap = historian->sampled_s == 0 ? 0 : now_s - historian->sampled_s;
    (void)gs_board_refresh(historian->board, gs_date_us(), NULL);
    int r = gs_sample_make(sample, historian->board, waiting_pods(&historian->store), now_us, err);
    r = r == 0
            ? gs_history_add(historian->history, (int64_t)(gs_date_us() / 1000000), sample->values,
                             sample->n_values, gap <= GAP_MAX_S ? (uint32_t)gap : 0, sample->costs,
                             sample->n_costs, err)
            : r;
    if (r == 0) {
        historian->sampled_s = now_s;
        gs_sample_taken(sample);
    }
    return r;
}

/* A damaged one is put aside, and said. */
static int open_history(struct gs_historian *historian, bool doubted, struct gs_err *err)
{
    struct gs_history_aside aside;
    const char *file = historian->options->file;
    int r = gs_history_open_anew(file, (int64_t)(gs_date_us() / 1000000), doubted,
                                 &historian->history, &aside, err);
    unsigned n = gs_history_count_aside(file);
    if (aside.path[0] != '\0') {
        gs_log_error("%s: it was put aside as %s, and a new history is begun: what was kept until "
                     "now is not shown any more",
                     aside.why.msg, aside.path);
    }
    if (n > 0 && n != historian->aside) {
        gs_log_warning("%u damaged %s beside %s: look at the disk, and take %s away", n,
                       n == 1 ? "file is" : "files are", file, n == 1 ? "it" : "them");
    }
    historian->aside = n;
    return r;
}

/* One in which SQLite has found damage is looked through, to the last index. */
static int ensure_history(struct gs_historian *historian, struct gs_err *err)
{
    bool doubted = historian->history != NULL && gs_history_is_damaged(historian->history);
    if (historian->history != NULL && !doubted) {
        return 0;
    }
    gs_history_close(GS_TAKE(historian->history));
    return open_history(historian, doubted, err);
}

static void take_sample(struct gs_historian *historian)
{
    uint64_t now = gs_now_us();
    struct gs_err err;
    if (!gs_historian_watches(historian)) {
        historian->counts.skipped++;
        return;
    }
    int r = ensure_history(historian, &err);
    r = r == 0 ? write_sample(historian, now, &err) : r;
    historian->counts.samples += r == 0;
    historian->counts.failed += r != 0;
    historian->counts.sample_us = gs_now_us() - now;
    if (r != 0 && !historian->fails) {
        gs_log_error("a sample is not kept: %s", err.msg);
    } else if (r == 0 && historian->fails) {
        gs_log_info("samples are kept again");
    }
    historian->fails = r != 0;
}

static void roll(struct gs_historian *historian, uint64_t now)
{
    struct gs_err err;
    if (now - historian->rolled_us < ROLL_US) {
        return;
    }
    historian->rolled_us = now;
    if (historian->history != NULL &&
        gs_history_roll(historian->history, (int64_t)(gs_date_us() / 1000000), &err) != 0) {
        gs_log_error("nothing was summed up: %s", err.msg);
    }
}

static int on_due(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct gs_historian *historian = ctx;
    uint64_t every = historian->options->every_s * 1000000;
    (void)usec;
    take_sample(historian);
    uint64_t now = gs_now_us();
    roll(historian, now);
    gs_historian_publish(historian, false);
    if (now - historian->renewed_us >= RENEW_US) {
        historian->renewed_us = now;
        gs_historian_renew(historian);
    }
    historian->next_us += every;
    if (historian->next_us < now) { /* it was held up: no two at once */
        historian->next_us = now + every;
    }
    (void)sd_event_source_set_time(source, historian->next_us);
    (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    return 0;
}

/* ---- all ---- */

static int open_picture(struct gs_historian *historian, struct gs_err *err)
{
    const struct gs_historian_options *options = historian->options;
    const struct gs_kube_options kube = {
        .event = historian->event,
        .kubeconfig = options->kubeconfig,
        .context = options->context,
        .user_agent = "gpuslice-history/" GS_VERSION,
    };
    const struct gs_board_options board = {
        .kind = "cluster", .name = "", .untold = true, .price = price, .ctx = historian};
    int r = gs_kube_new(&kube, &historian->kube, err);
    r = r == 0 ? gs_board_new(&board, &historian->board, err) : r;
    if (r == 0) {
        historian->tap.board = historian->board;
        historian->board_tap = gs_board_tap(&historian->tap);
        gs_board_on_news(historian->board, on_news, historian);
    }
    return r;
}

static int open_feed(struct gs_historian *historian, struct gs_err *err)
{
    const struct gs_feed_tap tap = {
        .listing = on_listing, .listed = on_listed, .object = on_object, .ctx = historian};
    const struct gs_feed_options feed = {.kube = historian->kube,
                                         .store = &historian->store,
                                         .changed = on_changed,
                                         .ctx = historian,
                                         .tap = &tap};
    return gs_feed_new(&feed, &historian->feed, err);
}

int gs_historian_start(struct gs_historian *historian, const struct gs_historian_options *options,
                       sd_event *event, struct gs_err *err)
{
    *historian = (struct gs_historian){.event = event, .options = options};
    gs_store_init(&historian->store);
    gs_authority_init(&historian->authority);
    gs_kube_own_namespace(options->name_space, historian->name_space,
                          sizeof(historian->name_space));
    historian->next_us = gs_now_us() + options->every_s * 1000000;
    historian->rolled_us = gs_now_us();
    historian->begun_s = historian->rolled_us / 1000000;
    historian->renewed_us = historian->rolled_us;
    int s = sd_event_add_time(event, &historian->due, CLOCK_MONOTONIC, historian->next_us,
                              ACCURACY_US, on_due, historian);
    int r = s < 0 ? gs_fail_errno(err, -s, "adding a timer") : 0;
    r = r == 0 ? open_history(historian, false, err) : r;
    r = r == 0 ? open_picture(historian, err) : r;
    r = r == 0 ? gs_historian_serve(historian, err) : r;
    r = r == 0 ? open_feed(historian, err) : r;
    if (r == 0) {
        gs_historian_publish(historian, true);
    }
    return r;
}

void gs_historian_leave(struct gs_historian *historian)
{
    if (historian->history != NULL) {
        take_sample(historian);
    }
    (void)sd_event_exit(historian->event, 0);
}

void gs_historian_done(struct gs_historian *historian)
{
    gs_http_server_free(historian->server);
    gs_http_server_free(historian->http);
    gs_feed_free(historian->feed);
    gs_viewers_free(historian->viewers);
    gs_board_free(historian->board);
    gs_pods_done(&historian->pods);
    gs_sample_done(&historian->sample);
    gs_store_done(&historian->store);
    if (historian->publish.call != NULL) {
        gs_kube_cancel(historian->publish.call);
    }
    if (historian->kube != NULL) {
        gs_kube_free(historian->kube);
    }
    gs_authority_done(&historian->authority);
    gs_history_close(historian->history);
    sd_event_source_disable_unref(historian->due);
}
