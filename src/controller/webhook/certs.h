/* certs: the webhook's certificate and its CA, kept where all replicas find them.
 *
 * They live in a Secret, so that every replica shows the same; the bundle of CAs is written into
 * the MutatingWebhookConfiguration, so that the API server believes them. Every replica looks after
 * both, whether it decides or not: each write names the version that it was decided on, so that of
 * two one is refused and looks again. Belongs to the loop. docs/internals/webhook.md. */
#pragma once

#include "base/view.h"
#include "cluster/kube.h"

struct gs_certs;

struct gs_certs_options {
    struct gs_kube *kube;
    const char *name_space;
    const char *secret;
    const char *configuration;
    const char *const *names; /* that the certificate has to have; kept by the caller */
    size_t n_names;
    uint64_t life_s;
    /* Shows it to who connects from now on. Not 0: it cannot be shown; it comes again. */
    int (*show)(void *ctx, struct gs_view cert, struct gs_view key, struct gs_err *err);
    void *ctx;
};

struct gs_certs_state {
    uint64_t ends_s; /* of what is shown, since the epoch; 0: nothing is */
    bool believed;   /* the API server was seen to have its CA */
    uint64_t made;   /* certificates and CAs that this replica has made */
    const char *why; /* the last trouble; "": none */
};

/* Texts but the names are copied. GS_INVALID: a name that is none; GS_NO_MEMORY, GS_IO.
 */
int gs_certs_new(const struct gs_certs_options *options, struct gs_certs **ret, struct gs_err *err);
void gs_certs_free(struct gs_certs *certs);

struct gs_certs_state gs_certs_state(const struct gs_certs *certs);
