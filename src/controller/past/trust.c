#include "controller/past/trust.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "cluster/kube.h"
#include "net/authority.h"

#define LIMIT_US 10000000ull

enum { NAME_SPACE_MAX = 254, BODY_MAX = 1 << 20 };

struct gs_trust {
    struct gs_kube *kube;
    struct gs_kube_call *call;
    gs_trust_fn *done;
    void *ctx;
    struct gs_buf ca;
    char name_space[NAME_SPACE_MAX];
};

static void drop(json_t **tree)
{
    json_decref(*tree);
}

static int take(struct gs_trust *trust, struct gs_view body, struct gs_err *err)
{
    GS_CLEANUP(drop)
    json_t *tree = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
    const json_t *data = json_object_get(tree, "data");
    const char *pem = json_string_value(json_object_get(data, "ca.crt"));
    size_t n = pem == NULL ? 0 : strlen(pem);
    if (n == 0 || n > GS_AUTHORITY_PEM_MAX) {
        return gs_fail(err, GS_NOT_FOUND,
                       "ConfigMap %s/" GS_TRUST_CONFIGMAP
                       " has no ca.crt yet: gpuslice-history writes it when it starts",
                       trust->name_space);
    }
    gs_buf_put(&trust->ca, pem, n);
    return gs_buf_ok(&trust->ca) ? 0 : gs_fail(err, GS_NO_MEMORY, "no memory for a CA");
}

static void on_read(void *ctx, int result, const struct gs_kube_answer *answer,
                    const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct gs_trust *trust = ctx;
    struct gs_err why = {.code = GS_OK};
    (void)status;
    trust->call = NULL;
    gs_buf_reset(&trust->ca);
    if (result == 0) {
        result = take(trust, answer->body, &why);
    } else {
        result = gs_fail(&why, err->code,
                         "the CA of gpuslice-history is not known: %s; deploy/history/rights.yaml "
                         "has its ConfigMap and the right to read it, and --history-ca a file",
                         err->msg);
    }
    trust->done(trust->ctx, result == 0 ? NULL : &why);
}

int gs_trust_look(struct gs_trust *trust, struct gs_err *err)
{
    char path[NAME_SPACE_MAX + 100];
    const struct gs_kube_request request = {.method = "GET",
                                            .path = path,
                                            .limit_us = LIMIT_US,
                                            .max_body = BODY_MAX,
                                            .done = on_read,
                                            .ctx = trust};
    if (trust->call != NULL) {
        return 0;
    }
    (void)snprintf(path, sizeof(path), "/api/v1/namespaces/%s/configmaps/" GS_TRUST_CONFIGMAP,
                   trust->name_space);
    return gs_kube_begin(trust->kube, &request, &trust->call, err);
}

struct gs_view gs_trust_ca(const struct gs_trust *trust)
{
    return (struct gs_view){.p = gs_buf_text(&trust->ca), .n = trust->ca.len};
}

int gs_trust_new(struct gs_kube *kube, const char *name_space, gs_trust_fn *done, void *ctx,
                 struct gs_trust **ret, struct gs_err *err)
{
    struct gs_trust *trust = calloc(1, sizeof(*trust));
    if (trust == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the history's CA");
    }
    trust->kube = kube;
    trust->done = done;
    trust->ctx = ctx;
    gs_buf_init(&trust->ca, GS_AUTHORITY_PEM_MAX);
    (void)snprintf(trust->name_space, sizeof(trust->name_space), "%s", name_space);
    *ret = trust;
    return 0;
}

void gs_trust_free(struct gs_trust *trust)
{
    if (trust != NULL) {
        if (trust->call != NULL) {
            gs_kube_cancel(trust->call);
        }
        gs_buf_done(&trust->ca);
        free(trust);
    }
}
