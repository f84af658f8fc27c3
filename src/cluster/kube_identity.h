/* kube_identity: which API server, and what to show it.
 *
 * From a kubeconfig or a pod's service account. Tokens in files are read again when the files
 * change; a credential program is asked when what it said runs out. */
#pragma once

#include <systemd/sd-event.h>

#include "base/err.h"
#include "net/http_client.h"

#define GS_KUBE_SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"

struct gs_kube_identity;

struct gs_kube_identity_options {
    sd_event *event;
    const char *kubeconfig;      /* NULL: as a pod */
    bool several;                /* `kubeconfig` is a list, with ":", of files that may be there */
    const char *context;         /* of the kubeconfig; NULL: its current one */
    const char *service_account; /* a pod's folder; NULL: GS_KUBE_SERVICE_ACCOUNT */
    void (*changed)(void *ctx);  /* what gs_kube_identity_get was busy with is done */
    void *ctx;
};

/* What one request needs; valid until the loop goes on. */
struct gs_kube_credential {
    const char *bearer; /* NULL: none */
    struct gs_http_tls tls;
};

/* Codes of gs_cluster_kube_open. */
int gs_kube_identity_new(const struct gs_kube_identity_options *options,
                         struct gs_kube_identity **ret, struct gs_err *err);
void gs_kube_identity_free(struct gs_kube_identity *identity);

/* "https://10.0.0.1:6443", without a "/" at its end. */
const char *gs_kube_identity_server(const struct gs_kube_identity *identity);

/* The namespace that the kubeconfig's context names; "": none. */
const char *gs_kube_identity_namespace(const struct gs_kube_identity *identity);

/* GS_BUSY: a program is being asked; err untouched. GS_IO, GS_NOT_FOUND, GS_INVALID, GS_LIMIT: the
 * file or the program (sys_errno ENOKEY) did not give one; it may next time. */
int gs_kube_identity_get(struct gs_kube_identity *identity, struct gs_kube_credential *ret,
                         struct gs_err *err);

/* The server did not take it: the program is asked anew, the file is read anew. */
void gs_kube_identity_refused(struct gs_kube_identity *identity);
