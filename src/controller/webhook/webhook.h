/* webhook: answers the API server about pods that are to be created, over HTTPS.
 *
 * Serves POST /admit (src/admit has the rules) with the certificate of certs.h, from when there is
 * one. Every replica serves, whether it decides or not. Belongs to the loop.
 * docs/internals/webhook.md. */
#pragma once

#include "admit/admit.h"
#include "cluster/kube.h"

struct gs_webhook;

struct gs_webhook_options {
    struct gs_kube *kube;
    const char *address; /* as of gs_http_listen_tcp */
    const char *name_space;
    const char *secret;
    const char *configuration;
    const char *names; /* of the certificate, between commas; NULL: of Service gpuslice-webhook */
    uint64_t life_s;   /* of a certificate */
    enum gs_admit_supply (*supply)(void *ctx, const struct gs_profile_name *profile);
    bool (*gates)(void *ctx); /* somebody lifts gates */
    void *ctx;
};

struct gs_webhook_counts {
    uint64_t outcomes[GS_ADMIT_OUTCOMES]; /* dry runs too */
    uint64_t dry_runs;
    uint64_t unread; /* reviews without an answer of ours: 4xx and 5xx */
    uint64_t spent_us;
    uint64_t longest_us;
};

/* GS_INVALID, GS_LIMIT: an address or a name that is none; GS_IO: the address is in use;
 * GS_NO_MEMORY. */
int gs_webhook_new(const struct gs_webhook_options *options, struct gs_webhook **ret,
                   struct gs_err *err);
void gs_webhook_free(struct gs_webhook *webhook);

/* It shows a certificate that has not ended. NULL (there is no webhook) is ready. */
bool gs_webhook_is_ready(const struct gs_webhook *webhook);

/* The last trouble with the certificate; "": none. */
const char *gs_webhook_why(const struct gs_webhook *webhook);

struct gs_webhook_counts gs_webhook_counts(const struct gs_webhook *webhook);

/* Appends its metrics in Prometheus' text. NULL is fine. */
void gs_webhook_write_metrics(const struct gs_webhook *webhook, struct gs_buf *page);
