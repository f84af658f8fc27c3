/* The CA of our certificate, written where the controller reads it: a ConfigMap of our namespace
 * that is there already. It is all that this program writes to the API server. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "cluster/kube.h"
#include "historian/historian.h"
#include "wire/jsonwrite.h"
#include "wire/kubepatch.h"

#define CONFIGMAP "gpuslice-history-ca"
#define LIMIT_US 10000000ull
/* Written again, in case that somebody has changed it: nothing happens where it is the same. */
#define AGAIN_US 300000000ull

enum { PATH_BYTES_MAX = 400, BODY_BYTES_MAX = 256 << 10 };

static void on_written(void *ctx, int result, const struct gs_kube_answer *answer,
                       const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct gs_historian *historian = ctx;
    struct gs_publish *publish = &historian->publish;
    (void)answer;
    (void)status;
    publish->call = NULL;
    if (result == 0) {
        if (!publish->known) {
            gs_log_info("the CA of our certificate is in ConfigMap %s/" CONFIGMAP,
                        historian->name_space);
        }
        publish->known = true;
        publish->again_us = gs_now_us() + AGAIN_US;
        return;
    }
    if (publish->known || !publish->said) {
        gs_log_warning(
            "the CA of our certificate cannot be written, so that no controller believes "
            "us: %s; deploy/history/rights.yaml has ConfigMap " CONFIGMAP " and the right to it",
            err->msg);
    }
    publish->said = true;
    publish->known = false;
}

static void write_body(const struct gs_buf *bundle, struct gs_buf *out)
{
    struct gs_jsonwrite json = {.out = out};
    gs_jsonwrite_open(&json, NULL, '{');
    gs_jsonwrite_open(&json, "data", '{');
    gs_jsonwrite_text(&json, "ca.crt", gs_buf_text(bundle));
    gs_jsonwrite_close(&json, '}');
    gs_jsonwrite_close(&json, '}');
}

void gs_historian_publish(struct gs_historian *historian, bool changed)
{
    struct gs_publish *publish = &historian->publish;
    struct gs_err err = {.msg = ""};
    struct gs_buf body;
    char path[PATH_BYTES_MAX];
    publish->known = publish->known && !changed;
    if (publish->call != NULL || (publish->known && gs_now_us() < publish->again_us)) {
        return;
    }
    gs_buf_init(&body, BODY_BYTES_MAX);
    write_body(&historian->authority.bundle, &body);
    (void)snprintf(path, sizeof(path), "/api/v1/namespaces/%s/configmaps/" CONFIGMAP,
                   historian->name_space);
    const struct gs_kube_request request = {
        .method = "PATCH",
        .path = path,
        .type = GS_KUBEPATCH_MERGE,
        .body = {.p = gs_buf_text(&body), .n = body.len},
        .limit_us = LIMIT_US,
        .done = on_written,
        .ctx = historian,
    };
    int r = gs_buf_ok(&body) ? gs_kube_begin(historian->kube, &request, &publish->call, &err)
                             : gs_fail(&err, GS_NO_MEMORY, "no memory");
    if (r != 0) {
        gs_log_warning("the CA of our certificate: %s", err.msg);
    }
    gs_buf_done(&body);
}
