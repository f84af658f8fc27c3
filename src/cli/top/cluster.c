/* A cluster as a source: watches feed a board and a store, and what each pod that waits would get
 * is worked out every few seconds, as the controller does it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "board/tap.h"
#include "cli/cluster/case.h"
#include "cli/cluster/scene.h"
#include "cli/top/top.h"
#include "cloud/instances.h"

#define LOOK_EVERY_US 300000ull
#define ACCURACY_US 50000ull
#define DECIDE_EVERY_US 5000000ull

struct gs_top_cluster {
    struct gs_top_source *source;
    struct gs_link *link;
    struct gs_scene scene; /* its store is the one that is fed */
    struct gs_feed *feed;
    struct gs_board *board;
    sd_event_source *timer;
    const char *region;
    bool reads;         /* what decisions need beside the store */
    uint64_t decide_us; /* CLOCK_MONOTONIC: not before */
    uint64_t opened_us; /* likewise */
    uint64_t limit_us;
    struct gs_board_tap tap;
};

/* ---- the board ---- */

static uint64_t price(void *ctx, const char *type, const char *region, const char *capacity)
{
    const struct gs_top_cluster *cluster = ctx;
    const struct gs_instance_labels labels = {.type = type, .region = region, .capacity = capacity};
    uint64_t uusd = 0;
    return gs_instance_price_of(&labels, cluster->region, &uusd) ? uusd : GS_MONEY_NOT_KNOWN;
}

static void on_changed(void *ctx)
{
    struct gs_top_cluster *cluster = ctx;
    cluster->source->changed(cluster->source->ctx);
}

/* ---- what pods get ---- */

/* Into the store, where the board's document has it from. */
static void keep_decision(const struct gs_case_row *row)
{
    struct gs_store_waiting *waiting = row->pod->waiting;
    enum gs_decide_what what = GS_DECIDE_WAIT;
    if (waiting == NULL) {
        return;
    }
    what = row->decided                   ? row->decision->what
           : row->state == GS_CASE_BOOKED ? GS_DECIDE_BOOK
           : row->state == GS_CASE_RECUT  ? GS_DECIDE_RECUT
                                          : GS_DECIDE_WAIT;
    waiting->what = what;
    (void)snprintf(waiting->why, sizeof(waiting->why), "%s", row->says);
}

static void decide(struct gs_top_cluster *cluster, uint64_t now_us)
{
    struct gs_scene *scene = &cluster->scene;
    struct gs_case_row *rows = NULL;
    struct gs_err err;
    size_t n = 0;
    int r = gs_scene_resettle(scene, now_us, &err);
    r = r == 0 ? gs_case_all(scene, &rows, &n, &err) : r;
    for (size_t i = 0; r == 0 && i < n; i++) {
        keep_decision(&rows[i]);
    }
    if (r == 0) {
        cluster->source->decided_us = gs_date_us();
    }
    cluster->source->changed(cluster->source->ctx);
}

/* Lists first, then decisions; both while something waits. */
static void step(struct gs_top_cluster *cluster, uint64_t now_us)
{
    struct gs_top_source *source = cluster->source;
    bool wanted = gs_feed_is_whole(cluster->feed) && cluster->scene.store.n_waiting > 0;
    if (cluster->reads && cluster->link->under_way == 0) {
        cluster->reads = false;
        cluster->decide_us = now_us + DECIDE_EVERY_US;
        if (wanted) {
            decide(cluster, now_us);
        }
    } else if (!cluster->reads && wanted && now_us >= cluster->decide_us) {
        cluster->reads = true;
        gs_scene_reread(&cluster->scene);
        (void)gs_scene_ask_volumes(&cluster->scene, now_us); /* the others the next time */
    }
    if (!wanted) {
        source->decided_us = gs_date_us(); /* nothing is left to be worked out */
    }
}

/* ---- how it stands ---- */

static void say(struct gs_top_source *source, const char *kind, const struct gs_err *why)
{
    (void)snprintf(source->trouble, sizeof(source->trouble), "%ss cannot be read: %.320s", kind,
                   why->msg);
}

static void look(struct gs_top_cluster *cluster, uint64_t now_us)
{
    struct gs_top_source *source = cluster->source;
    unsigned listed = 0;
    unsigned refused = 0;
    const struct gs_feed_state *first = NULL;
    for (unsigned i = 0; i < GS_FEEDS; i++) {
        const struct gs_feed_state *state = gs_feed_state(cluster->feed, i);
        bool trouble = !state->reachable && state->since_us != 0;
        listed += state->listed;
        refused += !state->listed && trouble;
        first = first == NULL && trouble ? state : first;
    }
    source->trouble[0] = '\0';
    if (first != NULL) {
        say(source, first->kind, &first->why);
    } else if (cluster->scene.store.refused > 0) {
        (void)snprintf(source->trouble, sizeof(source->trouble),
                       "left out: %llu objects that cannot be understood",
                       (unsigned long long)cluster->scene.store.refused);
    } else if (cluster->tap.lost > 0) {
        (void)snprintf(source->trouble, sizeof(source->trouble),
                       "left out: %llu objects, as there was no memory for them",
                       (unsigned long long)cluster->tap.lost);
    }
    bool late = now_us > cluster->opened_us + cluster->limit_us;
    source->whole = listed == GS_FEEDS;
    source->settled = listed + refused == GS_FEEDS || late;
    source->failed = source->settled && listed == 0;
    if (source->failed && first != NULL) {
        source->code = first->why.code;
        source->sys_errno = first->why.sys_errno;
    } else if (source->failed) {
        source->code = GS_LIMIT;
        (void)snprintf(source->trouble, sizeof(source->trouble), "nothing was read in %llu s",
                       (unsigned long long)(cluster->limit_us / 1000000));
    }
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *ctx)
{
    struct gs_top_cluster *cluster = ctx;
    uint64_t now_us = gs_now_us();
    (void)usec;
    step(cluster, now_us);
    look(cluster, now_us);
    (void)sd_event_source_set_time_relative(timer, LOOK_EVERY_US);
    (void)sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
    return 0;
}

/* ---- all ---- */

static int begin(struct gs_top_cluster *cluster, struct gs_err *err)
{
    const struct gs_board_options board = {.kind = "cluster",
                                           .name = gs_kube_server(cluster->link->kube),
                                           .price = price,
                                           .ctx = cluster};
    const struct gs_feed_tap tap = gs_board_tap(&cluster->tap);
    const struct gs_feed_options feed = {.kube = cluster->link->kube,
                                         .store = &cluster->scene.store,
                                         .changed = on_changed,
                                         .ctx = cluster,
                                         .tap = &tap};
    int r = gs_scene_last(&cluster->scene, err);
    r = r == 0 ? gs_scene_open_volumes(&cluster->scene, err) : r;
    r = r == 0 ? gs_board_new(&board, &cluster->board, err) : r;
    cluster->tap.board = cluster->board;
    r = r == 0 ? gs_feed_new(&feed, &cluster->feed, err) : r;
    if (r == 0) {
        int s = sd_event_add_time_relative(cluster->link->event, &cluster->timer, CLOCK_MONOTONIC,
                                           LOOK_EVERY_US, ACCURACY_US, on_timer, cluster);
        r = s < 0 ? gs_fail_errno(err, -s, "adding a timer") : 0;
    }
    return r;
}

int gs_top_cluster_open(struct gs_link *link, struct gs_top_source *source, const char *region,
                        struct gs_top_cluster **ret, struct gs_err *err)
{
    struct gs_top_cluster *cluster = calloc(1, sizeof(*cluster));
    if (cluster == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the cluster");
    }
    cluster->source = source;
    cluster->link = link;
    cluster->region = region;
    cluster->limit_us = link->limit_us;
    cluster->opened_us = gs_now_us();
    gs_scene_init(&cluster->scene, link);
    cluster->scene.asked_region = region;
    cluster->scene.env_region = getenv("AWS_REGION");
    int r = begin(cluster, err);
    if (r < 0) {
        gs_top_cluster_close(cluster);
        return r;
    }
    source->kind = "cluster";
    source->name = gs_kube_server(link->kube);
    source->board = cluster->board;
    source->store = &cluster->scene.store;
    *ret = cluster;
    return 0;
}

void gs_top_cluster_close(struct gs_top_cluster *cluster)
{
    if (cluster != NULL) {
        sd_event_source_disable_unref(cluster->timer);
        gs_feed_free(cluster->feed);
        gs_scene_done(&cluster->scene);
        gs_board_free(cluster->board);
        free(cluster);
    }
}
