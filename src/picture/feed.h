/* feed: the watches that keep the store up to date. Belongs to the loop. */
#pragma once

#include "base/err.h"
#include "cluster/kube.h"
#include "picture/store.h"

struct gs_feed;

struct gs_feed_options {
    struct gs_kube *kube;
    struct gs_store *store;
    void (*changed)(void *ctx);
    void *ctx;
};

/* How a kind stands. */
struct gs_feed_state {
    const char *kind; /* "Pod" */
    bool listed;      /* wholly, at least once */
    bool reachable;
    uint64_t since_us; /* CLOCK_REALTIME: reachable, or not */
    uint64_t objects;  /* that were shown, each time counted */
    struct gs_err why; /* where it is not reachable */
};

enum { GS_FEEDS = 3 };

/* GS_NO_MEMORY. */
int gs_feed_new(const struct gs_feed_options *options, struct gs_feed **ret, struct gs_err *err);
void gs_feed_free(struct gs_feed *feed);

/* i < GS_FEEDS. */
const struct gs_feed_state *gs_feed_state(const struct gs_feed *feed, unsigned i);

/* Every kind was listed. */
bool gs_feed_is_whole(const struct gs_feed *feed);
