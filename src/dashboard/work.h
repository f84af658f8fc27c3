/* work: what the files of the dashboard share. Of src/dashboard only. */
#pragma once

#include "dashboard/dashboard.h"
#include "dashboard/viewers.h"

#define GS_DASHBOARD_JSON "application/json"

struct gs_dashboard_counts {
    uint64_t documents;
    uint64_t refused; /* 401, 403, 421 */
    uint64_t dropped; /* readers of events that were too slow */
};

struct gs_packs;
struct gs_watcher;

struct gs_dashboard {
    struct gs_dashboard_options options;
    struct gs_http_server *server;
    struct gs_door *door;
    struct gs_viewers *viewers;
    struct gs_packs *packs;
    struct gs_watcher *watchers;
    unsigned n_watchers;
    sd_event_source *tick; /* of the events */
    struct gs_dashboard_counts counts;
};

uint64_t gs_dashboard_now(const struct gs_dashboard *dashboard, clockid_t clock);

/* A document: "fleet", "waiting", "money". GS_NOT_FOUND: no such one. */
int gs_dashboard_write(struct gs_dashboard *dashboard, const char *name, struct gs_viewer *viewer,
                       struct gs_buf *out, struct gs_err *err);

/* events.c */

/* Answers with events that go on; the viewer is kept. */
void gs_events_begin(struct gs_dashboard *dashboard, struct gs_http_exchange *exchange,
                     struct gs_viewer *viewer);
void gs_events_end(struct gs_dashboard *dashboard);
int gs_events_open(struct gs_dashboard *dashboard, struct gs_err *err);

/* past.c */

/* "history", "cost", "gpus/UUID/history", "pods/NS/NAME/history" */
bool gs_past_is_one(const char *name);

/* Answers such a document, now or later. `waits`: the exchange is answered later already. */
void gs_past_begin(struct gs_dashboard *dashboard, struct gs_http_exchange *exchange,
                   struct gs_viewer *viewer, const char *name, bool waits);
