#include "controller/webhook/certs.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "controller/webhook/hooks.h"
#include "net/authority.h"
#include "wire/base64.h"
#include "wire/kubejson.h"
#include "wire/kubepatch.h"

#define SECRETS "/api/v1/namespaces/%s/secrets/%s"
#define CONFIGURATIONS "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/%s"
#define EVERY_MAX_US 60000000ull
#define SOON_US 1000000ull
#define LIMIT_US 10000000ull
#define ACCURACY_US 100000ull

enum {
    NAME_MAX_BYTES = 254,
    PATH_MAX_BYTES = 1024,
    ARENA_BYTES_MAX = 1 << 20,
    BODY_MAX = 512 << 10
};

/* The parts as the Secret names them. */
static const char *const keys[] = {"ca.crt", "ca.key", "tls.crt", "tls.key"};

struct gs_certs {
    struct gs_certs_options options;
    char name_space[NAME_MAX_BYTES];
    char secret[NAME_MAX_BYTES];
    char configuration[NAME_MAX_BYTES];
    sd_event_source *timer;
    struct gs_kube_call *request;
    struct gs_authority authority; /* as the Secret has it */
    struct gs_buf shown;           /* the certificate that is shown */
    json_t *hooks;                 /* the configuration, as it was before the Secret was read */
    json_t *object;                /* the Secret */
    uint64_t ends_s;               /* of what is shown */
    uint64_t made;
    bool believed;
    bool troubled; /* in this round */
    char why[400];
};

static uint64_t now_s(const struct gs_certs *certs)
{
    uint64_t at = 0;
    (void)sd_event_now(gs_kube_event(certs->options.kube), CLOCK_REALTIME, &at);
    return at / 1000000;
}

/* ---- rounds ---- */

static void again_in(struct gs_certs *certs, uint64_t wait_us)
{
    (void)sd_event_source_set_time_relative(certs->timer, wait_us);
    (void)sd_event_source_set_enabled(certs->timer, SD_EVENT_ONESHOT);
}

static uint64_t every_us(const struct gs_certs *certs)
{
    uint64_t part_us = certs->options.life_s * 1000000 / 20;
    uint64_t most = part_us < EVERY_MAX_US ? part_us : EVERY_MAX_US;
    return gs_kube_backoff(certs->options.kube, 0, most, most);
}

static void end_round(struct gs_certs *certs, uint64_t wait_us)
{
    gs_kubejson_drop(&certs->hooks);
    gs_kubejson_drop(&certs->object);
    if (!certs->troubled && certs->why[0] != '\0') {
        gs_log_info("the webhook's certificate: all is well again");
        certs->why[0] = '\0';
    }
    again_in(certs, wait_us);
}

/* Says it once; the round goes on, or is ended by the caller. */
static void trouble(struct gs_certs *certs, const char *what, const char *msg)
{
    char text[sizeof(certs->why)];
    (void)snprintf(text, sizeof(text), "%s: %.300s", what, msg);
    certs->troubled = true;
    if (strcmp(text, certs->why) != 0) {
        gs_log_warning("%s", text);
        memcpy(certs->why, text, sizeof(text));
    }
}

typedef void done_fn(void *ctx, int result, const struct gs_kube_answer *answer,
                     const struct gs_kubestatus *status, const struct gs_err *err);

static void begin(struct gs_certs *certs, const char *method, const char *path, const char *type,
                  const struct gs_buf *body, done_fn *done)
{
    struct gs_err err = {.code = GS_OK};
    const struct gs_kube_request request = {
        .method = method,
        .path = path,
        .type = type,
        .body = {.p = body == NULL ? NULL : gs_buf_text(body), .n = body == NULL ? 0 : body->len},
        .limit_us = LIMIT_US,
        .once = body != NULL,
        .done = done,
        .ctx = certs,
    };
    if (gs_kube_begin(certs->options.kube, &request, &certs->request, &err) != 0) {
        trouble(certs, "the webhook's certificate", err.msg);
        end_round(certs, every_us(certs));
    }
}

static void secret_path(const struct gs_certs *certs, char path[PATH_MAX_BYTES])
{
    (void)snprintf(path, PATH_MAX_BYTES, SECRETS, certs->name_space, certs->secret);
}

static void configuration_path(const struct gs_certs *certs, char path[PATH_MAX_BYTES])
{
    (void)snprintf(path, PATH_MAX_BYTES, CONFIGURATIONS, certs->configuration);
}

/* ---- what the API server is to believe ---- */

static int encode_bundle(const struct gs_certs *certs, struct gs_buf *out, struct gs_err *err)
{
    const struct gs_buf *bundle = &certs->authority.bundle;
    gs_buf_init(out, BODY_MAX);
    gs_base64_write((struct gs_view){.p = gs_buf_text(bundle), .n = bundle->len}, out);
    return gs_buf_ok(out) ? 0 : gs_kubejson_no_memory(err);
}

static void on_patched(void *ctx, int result, const struct gs_kube_answer *answer,
                       const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct gs_certs *certs = ctx;
    (void)answer;
    (void)status;
    certs->request = NULL;
    if (result != 0) {
        trouble(certs, "the CA bundle of the webhook's configuration", err->msg);
        end_round(certs, gs_kube_backoff(certs->options.kube, 0, SOON_US, SOON_US));
        return;
    }
    certs->believed = true;
    gs_log_info("the CA bundle of MutatingWebhookConfiguration %s was written",
                certs->configuration);
    end_round(certs, every_us(certs));
}

static void tell_bundle(struct gs_certs *certs)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf bundle;
    GS_CLEANUP(gs_buf_done) struct gs_buf body;
    struct gs_err err = {.code = GS_OK};
    char path[PATH_MAX_BYTES];
    gs_buf_init(&body, BODY_MAX);
    int r = encode_bundle(certs, &bundle, &err);
    certs->believed = r == 0 && gs_hooks_believe(certs->hooks, gs_buf_text(&bundle));
    if (r == 0 && (certs->believed || gs_hooks_count(certs->hooks) == 0)) {
        end_round(certs, every_us(certs));
        return;
    }
    r = r == 0 ? gs_hooks_write_bundle(certs->hooks, gs_buf_text(&bundle), &body, &err) : r;
    if (r != 0) {
        trouble(certs, "the CA bundle", err.msg);
        end_round(certs, every_us(certs));
        return;
    }
    configuration_path(certs, path);
    begin(certs, "PATCH", path, GS_KUBEPATCH_JSON, &body, on_patched);
}

/* ---- the Secret ---- */

static void show(struct gs_certs *certs)
{
    const struct gs_buf *cert = &certs->authority.cert;
    const struct gs_buf *key = &certs->authority.key;
    struct gs_err err = {.code = GS_OK};
    if (strcmp(gs_buf_text(&certs->shown), gs_buf_text(cert)) == 0) {
        return;
    }
    int r = certs->options.show(certs->options.ctx,
                                (struct gs_view){.p = gs_buf_text(cert), .n = cert->len},
                                (struct gs_view){.p = gs_buf_text(key), .n = key->len}, &err);
    gs_buf_reset(&certs->shown);
    if (r != 0) {
        trouble(certs, "the webhook", err.msg);
        return;
    }
    gs_buf_put(&certs->shown, gs_buf_text(cert), cert->len);
    certs->ends_s = gs_authority_ends_s(&certs->authority);
    gs_log_info("the webhook shows a certificate that ends in %llu hours",
                (unsigned long long)(certs->ends_s - now_s(certs)) / 3600);
}

static void on_secret_written(void *ctx, int result, const struct gs_kube_answer *answer,
                              const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct gs_certs *certs = ctx;
    (void)answer;
    (void)status;
    certs->request = NULL;
    if (result != 0) {
        if (result != GS_BUSY) { /* another replica was faster: look again */
            trouble(certs, "writing the webhook's Secret", err->msg);
        }
        end_round(certs, gs_kube_backoff(certs->options.kube, 0, SOON_US, SOON_US));
        return;
    }
    certs->made++;
    show(certs);
    tell_bundle(certs);
}

static struct gs_buf *part(struct gs_authority *authority, size_t i)
{
    struct gs_buf *const parts[] = {&authority->bundle, &authority->ca_key, &authority->cert,
                                    &authority->key};
    return parts[i];
}

/* What is no text or no base64 counts as not there. */
static int read_secret(struct gs_certs *certs, struct gs_err *err)
{
    const json_t *data = json_object_get(certs->object, "data");
    struct gs_arena arena;
    int r = 0;
    gs_authority_done(&certs->authority);
    gs_authority_init(&certs->authority);
    gs_arena_init(&arena, &gs_alloc_heap, ARENA_BYTES_MAX);
    for (size_t i = 0; r == 0 && i < GS_ARRAY_LEN(keys); i++) {
        const char *text = json_string_value(json_object_get(data, keys[i]));
        struct gs_view bytes = {.p = "", .n = 0};
        text = text == NULL || strlen(text) > 2 * (size_t)GS_AUTHORITY_PEM_MAX ? NULL : text;
        r = text == NULL ? 0 : gs_base64_decode(gs_view(text), &arena, &bytes, err);
        r = r == GS_INVALID ? 0 : r;
        if (bytes.n <= GS_AUTHORITY_PEM_MAX && memchr(bytes.p, '\0', bytes.n) == NULL) {
            gs_buf_put(part(&certs->authority, i), bytes.p, bytes.n);
        }
        r = r == 0 && !gs_buf_ok(part(&certs->authority, i)) ? gs_kubejson_no_memory(err) : r;
        explicit_bzero((char *)(uintptr_t)bytes.p, bytes.n);
    }
    gs_arena_done(&arena);
    return r;
}

/* The whole object as it was read, so that a write of another in between is refused. */
static int write_secret(struct gs_certs *certs, struct gs_buf *out, struct gs_err *err)
{
    json_t *data = json_object_get(certs->object, "data");
    bool ok = true;
    if (!json_is_object(data)) {
        data = json_object();
        ok = json_object_set_new(certs->object, "data", data) == 0;
    }
    for (size_t i = 0; ok && i < GS_ARRAY_LEN(keys); i++) {
        const struct gs_buf *pem = part(&certs->authority, i);
        GS_CLEANUP(gs_buf_done) struct gs_buf text;
        gs_buf_init(&text, BODY_MAX);
        gs_base64_write((struct gs_view){.p = gs_buf_text(pem), .n = pem->len}, &text);
        ok = gs_buf_ok(&text) &&
             json_object_set_new(data, keys[i], json_string(gs_buf_text(&text))) == 0;
    }
    return ok ? gs_kubepatch_write(certs->object, out, err) : gs_kubejson_no_memory(err);
}

/* Looks through what was read, and writes what had to be made. */
static void look_after(struct gs_certs *certs)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf body;
    GS_CLEANUP(gs_buf_done) struct gs_buf bundle;
    struct gs_err err = {.code = GS_OK};
    const char *why = NULL;
    bool changed = false;
    char path[PATH_MAX_BYTES];
    gs_buf_init(&body, BODY_MAX);
    int r = encode_bundle(certs, &bundle, &err);
    const struct gs_authority_plan plan = {
        .now_s = now_s(certs),
        .life_s = certs->options.life_s,
        .names = certs->options.names,
        .n_names = certs->options.n_names,
        .believed = r == 0 && gs_hooks_believe(certs->hooks, gs_buf_text(&bundle)),
    };
    r = r == 0 ? gs_authority_renew(&certs->authority, &plan, &changed, &why, &err) : r;
    if (r == 0 && !changed) {
        show(certs);
        tell_bundle(certs);
        return;
    }
    r = r == 0 ? write_secret(certs, &body, &err) : r;
    if (r != 0) {
        trouble(certs, "the webhook's certificate", err.msg);
        end_round(certs, every_us(certs));
        return;
    }
    gs_log_info("Secret %s/%s: %s", certs->name_space, certs->secret, why);
    secret_path(certs, path);
    begin(certs, "PUT", path, "application/json", &body, on_secret_written);
}

static void on_secret(void *ctx, int result, const struct gs_kube_answer *answer,
                      const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct gs_certs *certs = ctx;
    struct gs_err mine = {.code = GS_OK};
    (void)status;
    certs->request = NULL;
    if (result == GS_NOT_FOUND) {
        trouble(certs, "the webhook's Secret is not there; apply deploy/webhook.yaml", err->msg);
    } else if (result != 0) {
        trouble(certs, "the webhook's Secret", err->msg);
    } else if ((certs->object =
                    json_loadb(answer->body.p, answer->body.n, GS_KUBEJSON_LOAD, NULL)) == NULL) {
        trouble(certs, "the webhook's Secret", "the answer is not JSON");
    } else if (read_secret(certs, &mine) != 0) {
        trouble(certs, "the webhook's Secret", mine.msg);
    } else {
        look_after(certs);
        return;
    }
    end_round(certs, every_us(certs));
}

/* ---- the configuration, first ---- */

static void on_configuration(void *ctx, int result, const struct gs_kube_answer *answer,
                             const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct gs_certs *certs = ctx;
    char path[PATH_MAX_BYTES];
    (void)status;
    certs->request = NULL;
    if (result == 0) {
        certs->hooks = json_loadb(answer->body.p, answer->body.n, GS_KUBEJSON_LOAD, NULL);
    }
    if (certs->hooks == NULL) {
        trouble(certs, "the MutatingWebhookConfiguration",
                result == 0 ? "the answer is not JSON" : err->msg);
    }
    secret_path(certs, path);
    begin(certs, "GET", path, NULL, NULL, on_secret);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct gs_certs *certs = ctx;
    char path[PATH_MAX_BYTES];
    (void)source;
    (void)usec;
    certs->troubled = false;
    configuration_path(certs, path);
    begin(certs, "GET", path, NULL, NULL, on_configuration);
    return 0;
}

struct gs_certs_state gs_certs_state(const struct gs_certs *certs)
{
    return (struct gs_certs_state){
        .ends_s = certs->ends_s,
        .believed = certs->believed,
        .made = certs->made,
        .why = certs->why,
    };
}

static int copy_name(const char *name, char ret[NAME_MAX_BYTES], struct gs_err *err)
{
    if (!gs_kubejson_is_name(name)) {
        return gs_fail(err, GS_INVALID, "\"%.100s\" is no name of a Kubernetes object", name);
    }
    (void)snprintf(ret, NAME_MAX_BYTES, "%s", name);
    return 0;
}

int gs_certs_new(const struct gs_certs_options *options, struct gs_certs **ret, struct gs_err *err)
{
    struct gs_certs *certs = calloc(1, sizeof(*certs));
    if (certs == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the webhook's certificate");
    }
    certs->options = *options;
    gs_authority_init(&certs->authority);
    gs_buf_init(&certs->shown, GS_AUTHORITY_PEM_MAX);
    int r = copy_name(options->name_space, certs->name_space, err);
    r = r == 0 ? copy_name(options->secret, certs->secret, err) : r;
    r = r == 0 ? copy_name(options->configuration, certs->configuration, err) : r;
    if (r == 0) {
        int s = sd_event_add_time_relative(gs_kube_event(options->kube), &certs->timer,
                                           CLOCK_MONOTONIC, 0, ACCURACY_US, on_timer, certs);
        r = s < 0 ? gs_fail_errno(err, -s, "adding a timer") : 0;
    }
    if (r != 0) {
        gs_certs_free(certs);
        return r;
    }
    *ret = certs;
    return 0;
}

void gs_certs_free(struct gs_certs *certs)
{
    if (certs == NULL) {
        return;
    }
    if (certs->request != NULL) {
        gs_kube_cancel(certs->request);
    }
    sd_event_source_disable_unref(certs->timer);
    gs_kubejson_drop(&certs->hooks);
    gs_kubejson_drop(&certs->object);
    gs_authority_done(&certs->authority);
    gs_buf_done(&certs->shown);
    free(certs);
}
