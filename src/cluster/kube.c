#include "cluster/kube.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "cluster/cluster.h"
#include "cluster/kube_identity.h"
#include "net/http_client.h"

enum { ERROR_BODY_MAX = 64 << 10, ACCURACY_US = 1000, SERVER_MAX = 512 };
#define AGAIN_FIRST_US 100000ull
#define AGAIN_MOST_US 5000000ull
#define TRY_LEAST_US 1000000ull
#define TRY_MOST_US 10000000ull

struct gs_kube {
    sd_event *event;
    struct gs_http_client *client;
    struct gs_kube_identity *identity;
    struct gs_kube_call *calls;
    char *agent; /* the header */
    uint64_t chance;
};

struct gs_kube_call {
    struct gs_kube_call *prev;
    struct gs_kube_call *next;
    struct gs_kube *kube;
    struct gs_kube_request request; /* its texts point into what follows */
    char *path;
    char *method;
    char *type;
    char *header;
    char *body;
    struct gs_http_call *http; /* a try is under way */
    sd_event_source *timer;    /* the next try */
    bool waits;                /* for a credential */
    bool renewed;              /* the credential, once */
    bool delivered;            /* some of the answer was handed out */
    unsigned tries;
    uint64_t end_us;       /* CLOCK_MONOTONIC; UINT64_MAX: never */
    struct gs_buf refusal; /* the body of a status that is a no */
};

static uint64_t now_us(struct gs_kube *kube)
{
    uint64_t at = 0;
    (void)sd_event_now(kube->event, CLOCK_MONOTONIC, &at);
    return at;
}

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for a request to the API server");
}

/* xorshift64*: only to spread clients. */
static uint64_t draw(struct gs_kube *kube, uint64_t below)
{
    kube->chance ^= kube->chance >> 12;
    kube->chance ^= kube->chance << 25;
    kube->chance ^= kube->chance >> 27;
    return below == 0 ? 0 : kube->chance * 0x2545F4914F6CDD1Dull % below;
}

uint64_t gs_kube_backoff(struct gs_kube *kube, unsigned n, uint64_t first_us, uint64_t most_us)
{
    uint64_t whole = first_us << (n > 20 ? 20 : n);
    whole = whole > most_us ? most_us : whole;
    return whole / 2 + draw(kube, whole / 2 + 1);
}

void gs_kube_put_escaped(struct gs_buf *out, const char *value)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    while (value[0] != '\0') {
        size_t n = strspn(value, plain);
        gs_buf_put(out, value, n);
        value += n;
        if (value[0] != '\0') {
            gs_buf_printf(out, "%%%02X", (unsigned)(unsigned char)value[0]);
            value++;
        }
    }
}

/* ---- the end of a call ---- */

static void free_call(struct gs_kube_call *call)
{
    sd_event_source_disable_unref(call->timer);
    gs_buf_done(&call->refusal);
    free(call->path);
    free(call->method);
    free(call->type);
    free(call->header);
    free(call->body);
    free(call);
}

static void detach(struct gs_kube_call *call)
{
    *(call->prev == NULL ? &call->kube->calls : &call->prev->next) = call->next;
    if (call->next != NULL) {
        call->next->prev = call->prev;
    }
}

static void finish(struct gs_kube_call *call, int result, const struct gs_kube_answer *answer,
                   const struct gs_kubestatus *status, const struct gs_err *err)
{
    static const struct gs_kubestatus none = {.code = 0};
    detach(call);
    call->request.done(call->request.ctx, result, answer, status == NULL ? &none : status,
                       result == 0 ? NULL : err);
    free_call(call);
}

void gs_kube_cancel(struct gs_kube_call *call)
{
    if (call->http != NULL) {
        gs_http_cancel(call->http);
    }
    detach(call);
    free_call(call);
}

/* ---- again, or not ---- */

static void attempt(struct gs_kube_call *call);

static int on_timer(sd_event_source *source, uint64_t usec, void *ctx)
{
    (void)source;
    (void)usec;
    attempt(ctx);
    return 0;
}

static uint64_t left_us(struct gs_kube_call *call)
{
    uint64_t now = now_us(call->kube);
    return call->end_us == UINT64_MAX ? UINT64_MAX : call->end_us > now ? call->end_us - now : 0;
}

/* The limit is over, or would be before the next try. */
static void give_up(struct gs_kube_call *call, const struct gs_kubestatus *status,
                    const struct gs_err *why)
{
    struct gs_err err = *why;
    uint64_t limit_us =
        call->request.limit_us == 0 ? GS_CLUSTER_LIMIT_DEFAULT_US : call->request.limit_us;
    err.code = GS_LIMIT;
    err.sys_errno = 0;
    (void)gs_wrap(&err, GS_LIMIT, "no success within %.1f s (%u tries)", (double)limit_us / 1e6,
                  call->tries);
    finish(call, GS_LIMIT, NULL, status, &err);
}

static void again_or_end(struct gs_kube_call *call, uint64_t asked_us,
                         const struct gs_kubestatus *status, const struct gs_err *why)
{
    if (call->request.once || call->delivered) {
        finish(call, (int)why->code, NULL, status, why);
        return;
    }
    uint64_t wait_us = gs_kube_backoff(call->kube, call->tries - 1, AGAIN_FIRST_US, AGAIN_MOST_US);
    wait_us = wait_us < asked_us ? asked_us : wait_us;
    if (wait_us >= left_us(call)) {
        give_up(call, status, why);
        return;
    }
    sd_event_source_set_time_relative(call->timer, wait_us);
    sd_event_source_set_enabled(call->timer, SD_EVENT_ONESHOT);
}

/* No answer came. Only what may pass is tried again: a certificate that is not to be trusted, or a
 * file that is not there, is not. */
static void judge_failure(struct gs_kube_call *call, int result, const struct gs_err *why)
{
    bool passing = result == GS_LIMIT || (result == GS_IO && why->sys_errno != EKEYREJECTED);
    if (result == GS_LIMIT) {
        /* The connection may be dead and nobody has said so: the next try gets a new one. */
        gs_http_client_forget(call->kube->client);
    }
    if (passing) {
        again_or_end(call, 0, NULL, why);
    } else {
        finish(call, result, NULL, NULL, why);
    }
}

static void describe(struct gs_kube_call *call, unsigned http_status,
                     const struct gs_kubestatus *status, struct gs_err *err)
{
    int e = 0;
    int code = gs_kubestatus_code(http_status, &e);
    int n = (int)strcspn(call->path, "?");
    gs_fail(err, (enum gs_code)code, "%s %.*s: the API server says %u%s%s%s%s", call->method,
            n > 200 ? 200 : n, call->path, http_status, status->reason[0] == '\0' ? "" : " ",
            status->reason, status->message[0] == '\0' ? "" : ": ", status->message);
    err->sys_errno = e;
}

/* The server has said no. */
static void judge_status(struct gs_kube_call *call, const struct gs_http_answer *answer)
{
    struct gs_kubestatus status;
    struct gs_err err;
    struct gs_view body =
        call->request.on_chunk == NULL
            ? answer->body
            : (struct gs_view){.p = gs_buf_text(&call->refusal), .n = call->refusal.len};
    gs_kubestatus_read(body, &status);
    status.code = answer->status;
    describe(call, answer->status, &status, &err);
    if (answer->status == 401 && !call->renewed) {
        call->renewed = true;
        gs_kube_identity_refused(call->kube->identity);
        gs_http_client_forget(call->kube->client); /* a certificate may have run out */
        attempt(call);
        return;
    }
    uint64_t asked_us = (uint64_t)status.retry_s * 1000000;
    asked_us = asked_us < answer->retry_after_us ? answer->retry_after_us : asked_us;
    if (gs_kubestatus_is_passing(answer->status)) {
        again_or_end(call, asked_us, &status, &err);
    } else {
        finish(call, (int)err.code, NULL, &status, &err);
    }
}

static void on_done(void *ctx, int result, const struct gs_http_answer *answer,
                    const struct gs_err *err)
{
    struct gs_kube_call *call = ctx;
    call->http = NULL;
    if (result != 0) {
        judge_failure(call, result, err);
    } else if (answer->status < 200 || answer->status > 299) {
        judge_status(call, answer);
    } else {
        const struct gs_kube_answer good = {
            .status = answer->status,
            .body = answer->body,
            .type = answer->type,
            .packed = answer->packed,
        };
        finish(call, 0, &good, NULL, NULL);
    }
}

static void on_head(void *ctx, unsigned status)
{
    struct gs_kube_call *call = ctx;
    if (status >= 200 && status <= 299 && call->request.on_open != NULL) {
        call->request.on_open(call->request.ctx);
    }
}

static int on_chunk(void *ctx, unsigned status, struct gs_view bytes, struct gs_err *err)
{
    struct gs_kube_call *call = ctx;
    if (status >= 200 && status <= 299) {
        call->delivered = true;
        return call->request.on_chunk(call->request.ctx, bytes, err);
    }
    gs_buf_put(&call->refusal, bytes.p, bytes.n); /* what is too long is no Status anyway */
    return 0;
}

/* ---- one try ---- */

static uint64_t idle_limit(struct gs_kube_call *call)
{
    if (call->request.idle_us != 0 || call->end_us == UINT64_MAX) {
        return call->request.idle_us;
    }
    uint64_t limit_us =
        call->request.limit_us == 0 ? GS_CLUSTER_LIMIT_DEFAULT_US : call->request.limit_us;
    uint64_t idle_us = limit_us / 2;
    idle_us = idle_us < TRY_LEAST_US ? TRY_LEAST_US : idle_us;
    return idle_us > TRY_MOST_US ? TRY_MOST_US : idle_us;
}

static int send(struct gs_kube_call *call, const struct gs_kube_credential *credential,
                struct gs_err *err)
{
    char url[SERVER_MAX + GS_KUBE_PATH_MAX];
    char type[128];
    const char *headers[5] = {call->kube->agent, "Accept: application/json"};
    size_t n_headers = 2;
    snprintf(url, sizeof(url), "%s%s", gs_kube_identity_server(call->kube->identity), call->path);
    snprintf(type, sizeof(type), "Content-Type: %s", call->type == NULL ? "" : call->type);
    if (call->type != NULL) {
        headers[n_headers++] = type;
    }
    if (call->header != NULL) {
        headers[n_headers++] = call->header;
    }
    if (call->request.packs) {
        headers[n_headers++] = "Accept-Encoding: gzip";
    }
    gs_buf_reset(&call->refusal);
    const struct gs_http_request request = {
        .method = call->method,
        .url = url,
        .headers = headers,
        .n_headers = n_headers,
        .body = call->request.body,
        .bearer = credential->bearer,
        .tls = &credential->tls,
        .connect_limit_us = call->end_us == UINT64_MAX ? 0 : idle_limit(call),
        .total_limit_us = left_us(call),
        .idle_limit_us = idle_limit(call),
        .max_body = call->request.max_body,
        .on_head = call->request.on_chunk == NULL ? NULL : on_head,
        .on_chunk = call->request.on_chunk == NULL ? NULL : on_chunk,
        .on_done = on_done,
        .ctx = call,
    };
    return gs_http_begin(call->kube->client, &request, &call->http, err);
}

static void attempt(struct gs_kube_call *call)
{
    struct gs_kube_credential credential;
    struct gs_err err = {.code = GS_OK};
    if (left_us(call) == 0) {
        gs_fail(&err, GS_LIMIT, "%s %.200s", call->method, call->path);
        give_up(call, NULL, &err);
        return;
    }
    int r = gs_kube_identity_get(call->kube->identity, &credential, &err);
    call->waits = r == GS_BUSY;
    if (r == GS_BUSY) { /* on_credential goes on, or the limit is over */
        sd_event_source_set_time(call->timer, call->end_us);
        sd_event_source_set_enabled(call->timer, SD_EVENT_ONESHOT);
        return;
    }
    call->tries++;
    if (r == GS_NO_MEMORY) {
        finish(call, r, NULL, NULL, &err);
        return;
    }
    if (r != 0) {
        /* Whatever it was may be mended meanwhile: a token that comes late, a program that fails.
         */
        again_or_end(call, 0, NULL, &err);
        return;
    }
    r = send(call, &credential, &err);
    if (r != 0) {
        finish(call, r, NULL, NULL, &err);
    }
}

static void on_credential(void *ctx)
{
    struct gs_kube *kube = ctx;
    for (struct gs_kube_call *call = kube->calls; call != NULL; call = call->next) {
        if (call->waits) {
            call->waits = false;
            sd_event_source_set_time_relative(call->timer, 0);
            sd_event_source_set_enabled(call->timer, SD_EVENT_ONESHOT);
        }
    }
}

/* ---- begin ---- */

static int copy_request(struct gs_kube_call *call, const struct gs_kube_request *request,
                        struct gs_err *err)
{
    call->request = *request;
    call->path = strdup(request->path);
    call->method = strdup(request->method);
    call->type = request->type == NULL ? NULL : strdup(request->type);
    call->header = request->header == NULL ? NULL : strdup(request->header);
    if (request->body.p != NULL) {
        call->body = malloc(request->body.n + 1);
    }
    if (call->path == NULL || call->method == NULL ||
        (request->type != NULL && call->type == NULL) ||
        (request->header != NULL && call->header == NULL) ||
        (request->body.p != NULL && call->body == NULL)) {
        return no_memory(err);
    }
    if (request->body.p != NULL) {
        memcpy(call->body, request->body.p, request->body.n);
        call->request.body.p = call->body;
    }
    return 0;
}

int gs_kube_begin(struct gs_kube *kube, const struct gs_kube_request *request,
                  struct gs_kube_call **ret_call, struct gs_err *err)
{
    if (strlen(request->path) >= GS_KUBE_PATH_MAX) {
        return gs_fail(err, GS_INVALID, "a path of %zu bytes; expected fewer than %d",
                       strlen(request->path), GS_KUBE_PATH_MAX);
    }
    struct gs_kube_call *call = calloc(1, sizeof(*call));
    if (call == NULL) {
        return no_memory(err);
    }
    uint64_t limit_us = request->limit_us == 0 ? GS_CLUSTER_LIMIT_DEFAULT_US : request->limit_us;
    call->kube = kube;
    call->end_us = limit_us == GS_KUBE_FOREVER ? UINT64_MAX : now_us(kube) + limit_us;
    gs_buf_init(&call->refusal, ERROR_BODY_MAX);
    int r = copy_request(call, request, err);
    if (r == 0) {
        int s = sd_event_add_time_relative(kube->event, &call->timer, CLOCK_MONOTONIC, 0,
                                           ACCURACY_US, on_timer, call);
        r = s < 0 ? gs_fail_errno(err, -s, "adding a timer") : 0;
    }
    if (r != 0) {
        free_call(call);
        return r;
    }
    call->next = kube->calls;
    if (call->next != NULL) {
        call->next->prev = call;
    }
    kube->calls = call;
    if (ret_call != NULL) {
        *ret_call = call;
    }
    return 0;
}

/* ---- the connection ---- */

sd_event *gs_kube_event(struct gs_kube *kube)
{
    return kube->event;
}

const char *gs_kube_server(const struct gs_kube *kube)
{
    return gs_kube_identity_server(kube->identity);
}

const char *gs_kube_namespace(const struct gs_kube *kube)
{
    return gs_kube_identity_namespace(kube->identity);
}

static int make_agent(struct gs_kube *kube, const char *name, struct gs_err *err)
{
    name = name == NULL ? "gpuslice/" GS_VERSION : name;
    size_t size = strlen(name) + sizeof("User-Agent: ");
    kube->agent = malloc(size);
    if (kube->agent == NULL) {
        return no_memory(err);
    }
    snprintf(kube->agent, size, "User-Agent: %s", name);
    return 0;
}

int gs_kube_new(const struct gs_kube_options *options, struct gs_kube **ret, struct gs_err *err)
{
    struct gs_kube *kube = calloc(1, sizeof(*kube));
    if (kube == NULL) {
        return no_memory(err);
    }
    kube->event = sd_event_ref(options->event);
    if (getrandom(&kube->chance, sizeof(kube->chance), 0) != sizeof(kube->chance)) {
        kube->chance = now_us(kube);
    }
    kube->chance |= 1;
    const struct gs_kube_identity_options who = {
        .event = options->event,
        .kubeconfig = options->kubeconfig,
        .several = options->several,
        .context = options->context,
        .service_account = options->service_account,
        .changed = on_credential,
        .ctx = kube,
    };
    int r = gs_kube_identity_new(&who, &kube->identity, err);
    if (r == 0 && strlen(gs_kube_identity_server(kube->identity)) >= SERVER_MAX) {
        r = gs_fail(err, GS_INVALID, "the server's address has more than %d bytes", SERVER_MAX - 1);
    }
    r = r == 0 ? make_agent(kube, options->user_agent, err) : r;
    r = r == 0 ? gs_http_client_new(options->event, &kube->client, err) : r;
    if (r != 0) {
        gs_kube_free(kube);
        return r;
    }
    *ret = kube;
    return 0;
}

void gs_kube_free(struct gs_kube *kube)
{
    if (kube == NULL) {
        return;
    }
    while (kube->calls != NULL) {
        gs_kube_cancel(kube->calls);
    }
    gs_http_client_free(kube->client);
    gs_kube_identity_free(kube->identity);
    sd_event_unref(kube->event);
    free(kube->agent);
    free(kube);
}
