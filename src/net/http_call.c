#include "net/http_call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "net/http_conn.h"
#include "wire/url.h"

#define CONNECT_LIMIT_US 10000000ull
#define TOTAL_LIMIT_US 30000000ull
enum { ACCURACY_US = 1000, ASKED_MAX = 80 << 20 };

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for an HTTP request");
}

/* ---- what is asked ---- */

static int keep(struct gs_http_call *call, struct gs_view text, const char **ret,
                struct gs_err *err)
{
    *ret = gs_arena_text(&call->arena, text.p, text.n);
    return *ret == NULL ? no_memory(err) : 0;
}

static int keep_header(struct gs_http_call *call, const char *line, const char **ret,
                       struct gs_err *err)
{
    const char *colon = strchr(line, ':');
    if (colon == NULL || colon == line || gs_view_has_control(gs_view(line), "")) {
        return gs_fail(err, GS_INVALID, "header \"%.60s\": expected \"Name: value\"",
                       gs_view_has_control(gs_view(line), "") ? "?" : line);
    }
    if (strncasecmp(line, "Content-Length:", 15) == 0 ||
        strncasecmp(line, "Transfer-Encoding:", 18) == 0 || strncasecmp(line, "Host:", 5) == 0) {
        return gs_fail(err, GS_INVALID, "header \"%.60s\": the client says that itself", line);
    }
    return keep(call, gs_view(line), ret, err);
}

static int keep_bearer(struct gs_http_call *call, const char *token, const char **ret,
                       struct gs_err *err)
{
    size_t size = strlen(token) + sizeof("Authorization: Bearer ");
    if (token[0] == '\0' || gs_view_has_control(gs_view(token), "")) {
        return gs_fail(err, GS_INVALID, "a token that is empty or has control characters");
    }
    char *line = gs_arena_get(&call->arena, size, 1);
    if (line == NULL) {
        return no_memory(err);
    }
    snprintf(line, size, "Authorization: Bearer %s", token);
    *ret = line;
    return 0;
}

static int keep_headers(struct gs_http_call *call, const struct gs_http_request *request,
                        struct gs_err *err)
{
    if (request->n_headers > GS_HTTP_HEADERS_MAX) {
        return gs_fail(err, GS_INVALID, "%zu headers; expected at most %d", request->n_headers,
                       GS_HTTP_HEADERS_MAX);
    }
    const char **lines = GS_ARENA_NEW(&call->arena, const char *, request->n_headers + 1);
    if (lines == NULL) {
        return no_memory(err);
    }
    int r = 0;
    for (size_t i = 0; r == 0 && i < request->n_headers; i++) {
        r = keep_header(call, request->headers[i], &lines[i], err);
    }
    call->n_headers = request->n_headers;
    if (r == 0 && request->bearer != NULL) {
        r = keep_bearer(call, request->bearer, &lines[call->n_headers++], err);
    }
    call->headers = lines;
    return r;
}

static int keep_address(struct gs_http_call *call, const struct gs_url *url, const char *name,
                        struct gs_err *err)
{
    char authority[300];
    char port[8] = "";
    bool brackets = url->v6 && name == NULL;
    struct gs_view host = name == NULL ? url->host : gs_view(name);
    if (!url->default_port) {
        snprintf(port, sizeof(port), ":%u", url->port);
    }
    snprintf(authority, sizeof(authority), "%s%.*s%s%s", brackets ? "[" : "", (int)host.n, host.p,
             brackets ? "]" : "", port);
    int r = keep(call, gs_view(authority), &call->authority, err);
    r = r == 0 ? keep(call, url->host, &call->where.host, err) : r;
    call->where.port = url->port;
    if (r != 0) {
        return r;
    }
    if (url->target.n > 0 && url->target.p[0] == '/') {
        return keep(call, url->target, &call->target, err);
    }
    char *target = gs_arena_get(&call->arena, url->target.n + 2, 1); /* "?a" is "/?a" */
    if (target == NULL) {
        return no_memory(err);
    }
    target[0] = '/';
    memcpy(target + 1, url->target.p, url->target.n);
    call->target = target;
    return 0;
}

static int keep_body(struct gs_http_call *call, struct gs_view body, struct gs_err *err)
{
    if (body.p == NULL) {
        return 0;
    }
    call->body.n = body.n;
    return keep(call, body, &call->body.p, err);
}

/* A name that stands for the server in place of its address. */
static int check_name(const char *name, struct gs_err *err)
{
    if (name == NULL || (name[0] != '\0' && strlen(name) < 254 && strpbrk(name, " /:@?#") == NULL &&
                         !gs_view_has_control(gs_view(name), ""))) {
        return 0;
    }
    return gs_fail(err, GS_INVALID, "a server's name that is none");
}

static int keep_request(struct gs_http_call *call, const struct gs_http_request *request,
                        struct gs_trust **trusts, struct gs_err *err)
{
    struct gs_url url;
    int r = gs_url_parse(request->url, &url, err);
    if (r == 0 && url.https && request->tls == NULL) {
        r = gs_fail(err, GS_INVALID, "%.200s: expected to be told whom to trust", request->url);
    }
    const char *name = r == 0 && url.https ? request->tls->server_name : NULL;
    r = r == 0 ? check_name(name, err) : r;
    r = r == 0 ? keep_address(call, &url, name, err) : r;
    r = r == 0 ? keep(call, gs_view(request->method), &call->method, err) : r;
    r = r == 0 ? keep_headers(call, request, err) : r;
    r = r == 0 ? keep_body(call, request->body, err) : r;
    if (r == 0 && request->unix_socket != NULL) {
        r = keep(call, gs_view(request->unix_socket), &call->where.unix_socket, err);
    }
    return r == 0 && url.https ? gs_trust_get(trusts, request->tls, &call->where.trust, err) : r;
}

/* For messages: without the query, which may be long. */
static void name_call(struct gs_http_call *call, const struct gs_http_request *request)
{
    int n = (int)strcspn(request->url, "?#");
    snprintf(call->name, sizeof(call->name), "%s %.*s", request->method, n, request->url);
}

int gs_http_call_new(const struct gs_http_request *request, struct gs_trust **trusts,
                     struct gs_http_call **ret, struct gs_err *err)
{
    struct gs_http_call *call = calloc(1, sizeof(*call));
    if (call == NULL) {
        return no_memory(err);
    }
    gs_arena_init(&call->arena, &gs_alloc_heap, ASKED_MAX);
    gs_buf_init(&call->answer, request->max_body == 0 ? GS_HTTP_BODY_DEFAULT : request->max_body);
    call->on_head = request->on_head;
    call->on_chunk = request->on_chunk;
    call->on_done = request->on_done;
    call->ctx = request->ctx;
    call->connect_limit_us =
        request->connect_limit_us == 0 ? CONNECT_LIMIT_US : request->connect_limit_us;
    call->total_limit_us = request->total_limit_us == 0 ? TOTAL_LIMIT_US : request->total_limit_us;
    call->idle_limit_us = request->idle_limit_us;
    call->begin_us = gs_now_us();
    call->seek_us = call->begin_us;
    call->last_us = call->begin_us;
    int r = keep_request(call, request, trusts, err);
    if (r != 0) {
        gs_http_call_free(call, trusts);
        return r;
    }
    name_call(call, request);
    *ret = call;
    return 0;
}

void gs_http_call_free(struct gs_http_call *call, struct gs_trust **trusts)
{
    sd_event_source_disable_unref(call->timer);
    gs_trust_put(trusts, call->where.trust);
    gs_buf_done(&call->answer);
    gs_arena_done(&call->arena);
    free(call);
}

/* ---- limits ---- */

static uint64_t later(uint64_t from_us, uint64_t limit_us)
{
    return limit_us >= UINT64_MAX - from_us ? UINT64_MAX : from_us + limit_us;
}

/* When something has to have happened, and what. */
static uint64_t due_of(const struct gs_http_call *call, const char **ret_what,
                       uint64_t *ret_limit_us)
{
    uint64_t due_us = later(call->begin_us, call->total_limit_us);
    *ret_what = "no whole answer";
    *ret_limit_us = call->total_limit_us;
    if (!call->opened && later(call->seek_us, call->connect_limit_us) < due_us) {
        due_us = later(call->seek_us, call->connect_limit_us);
        *ret_what = "no connection";
        *ret_limit_us = call->connect_limit_us;
    }
    if (call->opened && call->idle_limit_us > 0 &&
        later(call->last_us, call->idle_limit_us) < due_us) {
        due_us = later(call->last_us, call->idle_limit_us);
        *ret_what = "nothing came";
        *ret_limit_us = call->idle_limit_us;
    }
    return due_us;
}

static void arm(struct gs_http_call *call)
{
    const char *what;
    uint64_t limit_us;
    uint64_t due_us = due_of(call, &what, &limit_us);
    sd_event_source_set_time(call->timer, due_us);
    sd_event_source_set_enabled(call->timer,
                                due_us == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct gs_http_call *call = ctx;
    struct gs_err why;
    const char *what;
    uint64_t limit_us;
    (void)source;
    if (due_of(call, &what, &limit_us) > usec) { /* bytes have come since it was set */
        arm(call);
        return 0;
    }
    gs_fail(&why, GS_LIMIT, "%s within %.1f s", what, (double)limit_us / 1e6);
    gs_http_call_fail(call, &why);
    return 0;
}

int gs_http_call_limit(struct gs_http_call *call, sd_event *event, struct gs_err *err)
{
    int r = sd_event_add_time(event, &call->timer, CLOCK_MONOTONIC, UINT64_MAX, ACCURACY_US,
                              on_timer, call);
    if (r < 0) {
        return gs_fail_errno(err, -r, "adding a timer for HTTP");
    }
    arm(call);
    return 0;
}

void gs_http_call_opened(struct gs_http_call *call, bool on_used)
{
    call->opened = true;
    call->on_used = on_used;
    call->last_us = gs_now_us();
    arm(call);
}

/* ---- what comes ---- */

bool gs_http_call_take_head(struct gs_http_call *call)
{
    bool gone = false;
    call->told_head = true;
    if (call->on_head == NULL) {
        return true;
    }
    call->gone = &gone;
    call->on_head(call->ctx, call->head.status);
    if (!gone) {
        call->gone = NULL;
    }
    return !gone;
}

static bool collect(struct gs_http_call *call, struct gs_view bytes)
{
    struct gs_err why;
    gs_buf_put(&call->answer, bytes.p, bytes.n);
    if (gs_buf_ok(&call->answer)) {
        return true;
    }
    if (bytes.n <= call->answer.max - call->answer.len) {
        no_memory(&why);
    } else {
        gs_fail(&why, GS_LIMIT, "an answer of more than %zu bytes", call->answer.max);
    }
    gs_http_call_fail(call, &why);
    return false;
}

bool gs_http_call_take_bytes(struct gs_http_call *call, struct gs_view bytes)
{
    bool gone = false;
    struct gs_err why = {.code = GS_OK};
    if (call->on_chunk == NULL) {
        return collect(call, bytes);
    }
    call->gone = &gone;
    int r = call->on_chunk(call->ctx, call->head.status, bytes, &why);
    if (gone) {
        return false;
    }
    call->gone = NULL;
    if (r != 0) {
        why.code = (enum gs_code)r;
        gs_http_call_fail(call, &why);
        return false;
    }
    return true;
}

/* ---- the end ---- */

static struct gs_http_answer answer_of(const struct gs_http_call *call)
{
    return (struct gs_http_answer){
        .status = call->head.status,
        .type = gs_view(call->head.type),
        .packed = call->head.packed,
        .retry_after_us = (uint64_t)call->head.retry_s * 1000000,
        .body = {.p = gs_buf_text(&call->answer), .n = call->answer.len},
    };
}

void gs_http_call_end(struct gs_http_call *call)
{
    const struct gs_http_answer answer = answer_of(call);
    gs_http_client_take_out(call);
    call->on_done(call->ctx, 0, &answer, NULL);
    gs_http_client_free_call(call);
}

void gs_http_call_fail(struct gs_http_call *call, const struct gs_err *why)
{
    struct gs_err err = *why;
    const struct gs_http_answer answer = answer_of(call);
    (void)gs_wrap(&err, (int)err.code, "%s", call->name);
    gs_http_client_take_out(call);
    call->on_done(call->ctx, (int)err.code, call->told_head ? &answer : NULL, &err);
    gs_http_client_free_call(call);
}

/* Doing it twice is as doing it once (RFC 9110, section 9.2.2). */
static bool is_idempotent(const char *method)
{
    static const char *const methods[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"};
    for (size_t i = 0; i < GS_ARRAY_LEN(methods); i++) {
        if (strcmp(method, methods[i]) == 0) {
            return true;
        }
    }
    return false;
}

void gs_http_call_lost(struct gs_http_call *call, bool refused, const struct gs_err *why)
{
    bool again = refused || (call->on_used && is_idempotent(call->method));
    if (call->heard || !again || call->restarts >= GS_HTTP_RESTARTS_MAX) {
        gs_http_call_fail(call, why);
        return;
    }
    call->restarts++;
    call->opened = false;
    call->seek_us = gs_now_us();
    call->n_sent = 0;
    arm(call);
    gs_http_client_look(call->client);
}
