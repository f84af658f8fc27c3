/* feed: the watches that keep the store up to date. Belongs to the loop. */
#pragma once

#include "base/err.h"
#include "picture/store.h"

struct gs_kube;
struct json_t; /* jansson's */
struct gs_feed;

/* Somebody who is shown the same objects, after the store. What it says of one that it cannot read
 * is its own concern. */
struct gs_feed_tap {
    void (*listing)(void *ctx, enum gs_store_kind kind);
    void (*listed)(void *ctx, enum gs_store_kind kind);
    void (*object)(void *ctx, enum gs_store_kind kind, const struct json_t *object, bool gone);
    void *ctx;
};

struct gs_feed_options {
    struct gs_kube *kube;
    struct gs_store *store;
    void (*changed)(void *ctx);
    void *ctx;
    const struct gs_feed_tap *tap; /* copied; NULL: nobody */
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
