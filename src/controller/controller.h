/* controller: everything that decides in a cluster, put together. Private to src/controller.
 *
 * Every replica watches and keeps the picture; the one with the Lease makes passes. */
#pragma once

#include <systemd/sd-event.h>

#include "controller/act/act.h"
#include "controller/leader.h"
#include "controller/lease.h"
#include "controller/pass/pass.h"
#include "controller/pools/pools.h"
#include "controller/shown/shown.h"
#include "controller/webhook/webhook.h"
#include "net/http_server.h"

struct gs_claims;
struct gs_feed;
struct gs_cloudwatch;
struct gs_money;
struct gs_tally;
struct gs_tally_rows;
struct gs_tally_turns;

struct gs_controller_options {
    const char *kubeconfig; /* NULL: as a pod */
    const char *context;
    const char *name_space; /* of the Lease; NULL: the pod's own, else "gpuslice-system" */
    const char *lease;
    const char *identity; /* NULL: the host's name */
    const char *http;     /* address of /metrics, /healthz, /readyz; "": none */
    uint64_t lease_s;
    uint64_t recut_limit_s;
    uint64_t book_limit_s;
    uint64_t move_limit_s;
    uint64_t move_rest_s;
    const char *schedulers; /* as of gs_pass_options */
    uint64_t moves_an_hour;
    const char *webhook;       /* address of the admission webhook; "": none */
    const char *webhook_names; /* of its certificate, between commas; NULL: of its Service */
    const char *webhook_secret;
    const char *webhook_configuration;
    uint64_t certificate_life_s;
    const char *dashboard;       /* address of the dashboard; "": none */
    const char *dashboard_names; /* that it is reached by, between commas; "" */
    const char *history;         /* address of gpuslice-history; "": none */
    const char *history_token;   /* file with the token for it */
    const char *history_ca;      /* file with its CA; "": as its ConfigMap says */
    const char *prometheus;      /* address of a Prometheus in its place; "": none */
    const char *region;          /* whose prices count; "": as nodes are labelled */
    uint64_t emf_interval_s;     /* lines for CloudWatch so often; 0: none */
    const char *emf_cluster;
    const char *emf_namespace;
};

struct gs_controller {
    sd_event *event;
    const struct gs_controller_options *options;
    struct gs_kube *kube;
    struct gs_store store;
    struct gs_feed *feed;
    struct gs_claims *claims;
    struct gs_act *act;
    struct gs_pools *pools;
    struct gs_pass *pass;
    struct gs_lease *lease;
    struct gs_leader *leader;
    struct gs_webhook *webhook; /* NULL: none */
    struct gs_shown *shown;     /* the dashboard; NULL: none */
    struct gs_feed_tap shown_tap;
    struct gs_http_server *http;
    struct gs_cloudwatch *cloudwatch; /* NULL: no lines */
    struct gs_money *money;           /* for what is told of the cluster, */
    struct gs_tally_rows *rows;       /* which is counted node by node, */
    struct gs_tally_turns *turns;     /* a few of them at a time */
    char name_space[254];
    sd_event_source *due; /* the next pass */
    uint64_t due_us;      /* CLOCK_MONOTONIC; UINT64_MAX: none */
    bool leaving;
};

/* Puts it together and begins. The error says what to do. */
int gs_controller_start(struct gs_controller *controller,
                        const struct gs_controller_options *options, sd_event *event,
                        struct gs_err *err);

/* Gives the Lease up and ends the loop. */
void gs_controller_leave(struct gs_controller *controller);
void gs_controller_done(struct gs_controller *controller);

/* Whether the picture is whole: every list was read. */
bool gs_controller_is_ready(const struct gs_controller *controller);

/* A pass soon: changes that come together are decided together. */
void gs_controller_wake(struct gs_controller *controller);

/* serve.c: /metrics, /healthz, /readyz. */
int gs_controller_serve(struct gs_controller *controller, struct gs_err *err);

/* What the picture has, now; it lives in the arena. GS_NO_MEMORY. */
int gs_controller_tally(const struct gs_controller *controller, struct gs_arena *arena,
                        struct gs_tally *ret, struct gs_err *err);
