/* historian: the program gpuslice-history, put together: a picture of its own, what is kept of it,
 * who may ask. Private to src/historian. Writes nothing to the API server but its CA. One loop. */
#pragma once

#include <systemd/sd-event.h>

#include "board/tap.h"
#include "historian/pods.h"
#include "historian/sample.h"
#include "history/history.h"
#include "net/authority.h"
#include "net/http_server.h"

struct gs_kube_call;
struct gs_viewers;

#define GS_HISTORIAN_AUDIENCE "gpuslice-history"

struct gs_historian_options {
    const char *kubeconfig; /* NULL: as a pod */
    const char *context;
    const char *name_space; /* ours; NULL: the pod's own, else "gpuslice-system" */
    const char *file;
    const char *listen; /* address of the documents */
    const char *names;  /* that it is reached by, between commas; "" */
    const char *http;   /* address of /metrics, /healthz, /readyz; "": none */
    const char *region; /* whose prices count; "": as nodes are labelled */
    uint64_t every_s;
};

struct gs_historian_counts {
    uint64_t samples;
    uint64_t failed;  /* samples that were not written */
    uint64_t skipped; /* the cluster was not watched then */
    uint64_t events;
    uint64_t failed_events;
    uint64_t answers;
    uint64_t refused;
    uint64_t sample_us; /* how long the last took */
};

/* Whether the ConfigMap has our CA. */
struct gs_publish {
    struct gs_kube_call *call;
    uint64_t again_us; /* CLOCK_MONOTONIC */
    bool known;
    bool said; /* that it failed */
};

struct gs_historian {
    sd_event *event;
    const struct gs_historian_options *options;
    struct gs_kube *kube;
    struct gs_store store;
    struct gs_feed *feed;
    struct gs_board *board;
    struct gs_board_tap tap;
    struct gs_feed_tap board_tap;
    struct gs_history *history;
    struct gs_sample sample;
    struct gs_pods pods;
    struct gs_viewers *viewers;
    struct gs_authority authority;
    struct gs_publish publish;
    struct gs_http_server *server;
    struct gs_http_server *http;
    sd_event_source *due;
    uint64_t next_us;   /* CLOCK_MONOTONIC: of the next sample */
    uint64_t begun_s;   /* CLOCK_MONOTONIC */
    uint64_t sampled_s; /* of the last that was written; 0: none yet */
    uint64_t rolled_us;
    uint64_t renewed_us; /* the certificate was looked at */
    bool fails;          /* the last sample could not be written */
    unsigned aside;      /* damaged files beside the history */
    char name_space[254];
    char names_text[2048];
    const char *names[GS_AUTHORITY_NAMES_MAX];
    size_t n_names;
    struct gs_historian_counts counts;
};

/* Puts it together and begins. The error says what to do. */
int gs_historian_start(struct gs_historian *historian, const struct gs_historian_options *options,
                       sd_event *event, struct gs_err *err);

/* Takes a last sample and ends the loop. */
void gs_historian_leave(struct gs_historian *historian);
void gs_historian_done(struct gs_historian *historian);

/* All was listed, and is watched. */
bool gs_historian_watches(const struct gs_historian *historian);

/* serve.c */

int gs_historian_serve(struct gs_historian *historian, struct gs_err *err);

/* A certificate that ends is made anew. */
void gs_historian_renew(struct gs_historian *historian);

/* publish.c: writes the CA if it is time to, or `changed`. */
void gs_historian_publish(struct gs_historian *historian, bool changed);
