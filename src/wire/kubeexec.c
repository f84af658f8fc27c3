#include "wire/kubeexec.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "wire/kubejson.h"
#include "wire/kubetime.h"

/* PEM has line breaks, so gs_kubejson_text would refuse it. */
static int copy_pem(const json_t *status, const char *key, struct gs_arena *arena,
                    struct gs_view *ret, struct gs_err *err)
{
    const json_t *value = json_object_get(status, key);
    *ret = (struct gs_view){.p = "", .n = 0};
    if (value == NULL || json_is_null(value)) {
        return 0;
    }
    size_t n = json_string_length(value);
    if (!json_is_string(value) || n > GS_KUBECONFIG_PEM_MAX) {
        return gs_fail(err, GS_INVALID, "\"%s\": expected PEM of at most %d bytes", key,
                       GS_KUBECONFIG_PEM_MAX);
    }
    ret->p = gs_arena_text(arena, json_string_value(value), n);
    ret->n = n;
    return ret->p == NULL ? gs_kubejson_no_memory(err) : 0;
}

static int read_end(const json_t *status, uint64_t *ret_us, struct gs_err *err)
{
    const char *text = NULL;
    int r = gs_kubejson_text(status, "expirationTimestamp", &text, err);
    *ret_us = UINT64_MAX;
    if (r != 0 || text == NULL || text[0] == '\0') {
        return r;
    }
    r = gs_kubetime_parse(gs_view(text), ret_us, err);
    return r == 0 ? 0 : gs_wrap(err, r, "\"expirationTimestamp\"");
}

static int read_status(const json_t *object, struct gs_arena *arena,
                       struct gs_kubeexec_credential *ret, struct gs_err *err)
{
    json_t *status = NULL;
    int r = gs_kubejson_object(object, "status", &status, err);
    r = r == 0 ? gs_kubejson_copy(status, "token", arena, &ret->token, err) : r;
    r = r == 0 ? copy_pem(status, "clientCertificateData", arena, &ret->cert, err) : r;
    r = r == 0 ? copy_pem(status, "clientKeyData", arena, &ret->key, err) : r;
    r = r == 0 ? read_end(status, &ret->expires_us, err) : r;
    if (r != 0) {
        return r;
    }
    if ((ret->cert.n > 0) != (ret->key.n > 0) || (ret->token[0] == '\0' && ret->cert.n == 0)) {
        return gs_fail(err, GS_INVALID,
                       "found neither a token nor a client certificate with its key in \"status\"");
    }
    return 0;
}

int gs_kubeexec_parse(struct gs_view printed, const char *api_version, struct gs_arena *arena,
                      struct gs_kubeexec_credential *ret, struct gs_err *err)
{
    struct gs_kubeexec_credential credential = {.token = ""};
    const char *version = NULL;
    const char *kind = NULL;
    GS_AUTO_JSON object = json_loadb(printed.p == NULL ? "" : printed.p, printed.n, 0, NULL);
    if (!json_is_object(object)) {
        return gs_fail(err, GS_INVALID, "what it printed is not JSON; expected an ExecCredential");
    }
    int r = gs_kubejson_text(object, "kind", &kind, err);
    r = r == 0 ? gs_kubejson_text(object, "apiVersion", &version, err) : r;
    if (r != 0) {
        return r;
    }
    if (kind == NULL || strcmp(kind, "ExecCredential") != 0 || version == NULL ||
        strcmp(version, api_version) != 0) {
        return gs_fail(err, GS_INVALID,
                       "it printed a %.40s of %.80s; expected an ExecCredential of %s",
                       kind == NULL ? "thing without a kind" : kind,
                       version == NULL ? "no version" : version, api_version);
    }
    r = read_status(object, arena, &credential, err);
    if (r == 0) {
        *ret = credential;
    }
    return r;
}

/* ---- what it is told ---- */

static json_t *text_or_null(const char *text)
{
    return text[0] == '\0' ? NULL : json_string(text);
}

/* []byte of Go in JSON is base64. */
static json_t *base64_or_null(struct gs_view bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (bytes.n == 0) {
        return NULL;
    }
    char *text = malloc(bytes.n / 3 * 4 + 5);
    size_t n = 0;
    if (text == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t left = bytes.n - i;
        unsigned bits = (unsigned)(unsigned char)bytes.p[i] << 16;
        bits |= left > 1 ? (unsigned)(unsigned char)bytes.p[i + 1] << 8 : 0;
        bits |= left > 2 ? (unsigned)(unsigned char)bytes.p[i + 2] : 0;
        text[n++] = digits[bits >> 18];
        text[n++] = digits[bits >> 12 & 63];
        text[n++] = left > 1 ? digits[bits >> 6 & 63] : '=';
        text[n++] = left > 2 ? digits[bits & 63] : '=';
    }
    json_t *value = json_stringn(text, n);
    free(text);
    return value;
}

static json_t *cluster_of(const struct gs_kubeconfig *config)
{
    return json_pack("{s:s, s:o*, s:o*, s:b}", "server", config->server, "tls-server-name",
                     text_or_null(config->server_name), "certificate-authority-data",
                     base64_or_null(config->ca), "insecure-skip-tls-verify", config->insecure);
}

static int put(const char *bytes, size_t size, void *ctx)
{
    struct gs_buf *out = ctx;
    gs_buf_put(out, bytes, size);
    return gs_buf_ok(out) ? 0 : -1;
}

int gs_kubeexec_write_info(const struct gs_kubeconfig *config, struct gs_buf *out,
                           struct gs_err *err)
{
    GS_AUTO_JSON info =
        json_pack("{s:s, s:s, s:{s:b, s:o*}}", "apiVersion", config->exec.api_version, "kind",
                  "ExecCredential", "spec", "interactive", 0, "cluster",
                  config->exec.cluster_info ? cluster_of(config) : NULL);
    if (info == NULL || json_dump_callback(info, put, out, JSON_COMPACT | JSON_SORT_KEYS) != 0) {
        return gs_kubejson_no_memory(err);
    }
    return 0;
}
