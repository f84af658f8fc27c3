/* The dashboard of a cluster: requests of a browser go through the API server's proxy to the
 * controller that decides, with a token of the viewer's account. docs/internals/dashboard.md. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/dashboard/dashboard.h"
#include "dashboard/dashboard.h"
#include "dashboard/pack.h"
#include "term/exit.h"
#include "wire/kubejson.h"

#define API "/api/v1/"
#define TOKENS "/api/v1/namespaces/%s/serviceaccounts/%s/token"
#define RENEW_US 300000000ull     /* half of a token's life */
#define RENEW_SOON_US 10000000ull /* after a failure */
#define SERVICE "/api/v1/namespaces/%s/services/https:%s:%" PRIu64 "/proxy"
#define ACCURACY_US 1000000ull
#define ANSWER_MAX ((size_t)256 << 20)
#define STREAM_MAX ((size_t)16 << 20)

enum { TOKEN_LIVES_S = 600, PATH_MAX_BYTES = 4096 };

struct tunnel {
    const struct gs_dashboard_args *args;
    struct gs_link link;
    struct gs_http_server *server;
    struct gs_door *door;
    sd_event_source *renewal;
    struct gs_link_request health;
    struct gs_link_request token;
    bool renews;
    char header[GS_DOOR_TOKEN_MAX + 64];
    char key[GS_DOOR_ID_TEXT];
};

static uint64_t now_us(const struct tunnel *tunnel)
{
    uint64_t at = 0;
    (void)sd_event_now(tunnel->link.event, CLOCK_MONOTONIC, &at);
    return at;
}

/* ---- the token ---- */

static int take_token(struct tunnel *tunnel, struct gs_err *err)
{
    const char *token = NULL;
    json_t *status = NULL;
    int r = gs_kubejson_object(tunnel->token.object, "status", &status, err);
    r = r == 0 ? gs_kubejson_text(status, "token", &token, err) : r;
    if (r == 0 && (token == NULL || token[0] == '\0' || strlen(token) > GS_DOOR_TOKEN_MAX ||
                   token[strcspn(token, " \t\r\n")] != '\0')) {
        return gs_fail(err, GS_INVALID, "the API server gave no token that can be used");
    }
    if (r == 0) {
        (void)snprintf(tunnel->header, sizeof(tunnel->header), GS_DOOR_HEADER ": %s", token);
    }
    return r;
}

static void begin_health(struct tunnel *tunnel)
{
    static char path[PATH_MAX_BYTES];
    (void)snprintf(path, sizeof(path), SERVICE "/healthz", tunnel->args->name_space,
                   tunnel->args->service, tunnel->args->port);
    tunnel->health = (struct gs_link_request){.method = "GET", .path = path, .ctx = tunnel};
    gs_link_begin(&tunnel->link, &tunnel->health);
}

static void begin_token(struct tunnel *tunnel, void (*done)(struct gs_link_request *request))
{
    static char path[PATH_MAX_BYTES];
    char body[256];
    (void)snprintf(path, sizeof(path), TOKENS, tunnel->args->name_space, tunnel->args->account);
    (void)snprintf(body, sizeof(body),
                   "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"TokenRequest\","
                   "\"spec\":{\"audiences\":[\"gpuslice-dashboard\"],\"expirationSeconds\":%d}}",
                   TOKEN_LIVES_S);
    tunnel->token = (struct gs_link_request){.method = "POST",
                                             .path = path,
                                             .type = "application/json",
                                             .body = gs_view(body),
                                             .done = done,
                                             .ctx = tunnel};
    gs_link_begin(&tunnel->link, &tunnel->token);
}

static void renew_in(const struct tunnel *tunnel, uint64_t wait_us)
{
    (void)sd_event_source_set_time_relative(tunnel->renewal, wait_us);
    (void)sd_event_source_set_enabled(tunnel->renewal, SD_EVENT_ONESHOT);
}

static void on_token(struct gs_link_request *request)
{
    struct tunnel *tunnel = request->ctx;
    int r = request->result == 0 ? take_token(tunnel, NULL) : request->result;
    tunnel->renews = false;
    gs_link_drop(request);
    renew_in(tunnel, r == 0 ? RENEW_US : RENEW_SOON_US);
}

static int on_renewal(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct tunnel *tunnel = ctx;
    (void)source;
    (void)usec;
    if (!tunnel->renews) {
        tunnel->renews = true;
        begin_token(tunnel, on_token);
    }
    return 0;
}

/* ---- one request of the browser ---- */

struct passing {
    struct tunnel *tunnel;
    struct gs_http_exchange *exchange; /* NULL: it is answered, or gone */
    struct gs_http_stream *stream;     /* of events */
    struct gs_kube_call *call;
};

static void on_stream_gone(void *ctx)
{
    struct passing *passing = ctx;
    passing->stream = NULL;
    gs_kube_cancel(passing->call);
    free(passing);
}

static void on_events_open(void *ctx)
{
    static const struct gs_http_header headers[] = {{"Cache-Control", "no-store"}};
    struct passing *passing = ctx;
    const struct gs_http_stream_options options = {.type = "text/event-stream",
                                                   .headers = headers,
                                                   .n_headers = 1,
                                                   .max_waiting = STREAM_MAX,
                                                   .gone = on_stream_gone,
                                                   .ctx = passing};
    if (passing->exchange != NULL) {
        passing->stream = gs_http_stream_begin(passing->exchange, &options);
        passing->exchange = NULL;
    }
}

static int on_events(void *ctx, struct gs_view bytes, struct gs_err *err)
{
    struct passing *passing = ctx;
    if (passing->stream != NULL && !gs_http_stream_put(passing->stream, bytes)) {
        passing->stream = NULL;
    }
    return passing->stream != NULL ? 0 : gs_fail(err, GS_LIMIT, "nobody reads the events");
}

/* What the API server or the controller has said no with. */
static void answer_failure(struct gs_http_exchange *exchange, const struct gs_kubestatus *status,
                           const struct gs_err *err)
{
    bool ours =
        status->code == 401 || status->code == 403 || status->code == 404 || status->code == 421;
    gs_http_answer_text(exchange, ours ? status->code : 503,
                        status->code != 0 && status->message[0] != '\0' ? status->message
                                                                        : err->msg);
}

static void on_passed(void *ctx, int result, const struct gs_kube_answer *answer,
                      const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct passing *passing = ctx;
    if (passing->stream != NULL) {
        gs_http_stream_end(passing->stream);
    } else if (passing->exchange != NULL && result != 0) {
        answer_failure(passing->exchange, status, err);
    } else if (passing->exchange != NULL) {
        char type[128];
        static const struct gs_http_header headers[] = {{"Cache-Control", "no-store"},
                                                        {"Vary", "Accept-Encoding"},
                                                        {"Content-Encoding", "gzip"}};
        (void)snprintf(type, sizeof(type), "%.*s", GS_VIEW_ARGS(answer->type));
        const struct gs_http_reply reply = {.status = answer->status,
                                            .type = type,
                                            .body = answer->body,
                                            .headers = headers,
                                            .n_headers = answer->packed ? 3 : 2};
        gs_http_reply(passing->exchange, &reply);
    }
    free(passing);
}

static void on_exchange_gone(void *ctx)
{
    struct passing *passing = ctx;
    gs_kube_cancel(passing->call);
    free(passing);
}

/* The words of a query that any of our documents knows. */
static void put_query(const struct gs_http_exchange *exchange, struct gs_buf *path)
{
    static const char *const keys[] = {"series", "from", "to", "step", "by"};
    char sign = '?';
    for (size_t i = 0; i < GS_ARRAY_LEN(keys); i++) {
        const char *value = gs_http_asked_query(exchange, keys[i]);
        if (value != NULL) {
            gs_buf_printf(path, "%c%s=", sign, keys[i]);
            gs_kube_put_escaped(path, value);
            sign = '&';
        }
    }
}

static void put_path(const struct tunnel *tunnel, const char *asked, struct gs_buf *path)
{
    struct gs_view rest = gs_view(asked + 1);
    gs_buf_printf(path, SERVICE, tunnel->args->name_space, tunnel->args->service,
                  tunnel->args->port);
    while (rest.p != NULL) {
        struct gs_view word = gs_view_split(&rest, '/');
        char text[1024];
        (void)snprintf(text, sizeof(text), "%.*s", (int)(word.n < 1023 ? word.n : 1023), word.p);
        gs_buf_puts(path, "/");
        gs_kube_put_escaped(path, text);
    }
}

static void pass_on(struct tunnel *tunnel, struct gs_http_exchange *exchange, const char *asked)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf path;
    struct passing *passing = calloc(1, sizeof(*passing));
    struct gs_err err = {.msg = "no memory"};
    bool events = strcmp(asked, API "events") == 0;
    gs_buf_init(&path, PATH_MAX_BYTES);
    put_path(tunnel, asked, &path);
    put_query(exchange, &path);
    if (passing == NULL || !gs_buf_ok(&path)) {
        free(passing);
        gs_http_answer_text(exchange, passing == NULL ? 503 : 414, "the address is too long");
        return;
    }
    passing->tunnel = tunnel;
    passing->exchange = exchange;
    const struct gs_kube_request request = {
        .method = "GET",
        .path = gs_buf_text(&path),
        .header = tunnel->header,
        .limit_us = events ? GS_KUBE_FOREVER : tunnel->link.limit_us,
        .once = true,
        .packs = !events && gs_packs_accepts(gs_http_asked_header(exchange, "Accept-Encoding")),
        .max_body = ANSWER_MAX,
        .on_open = events ? on_events_open : NULL,
        .on_chunk = events ? on_events : NULL,
        .done = on_passed,
        .ctx = passing,
    };
    if (gs_kube_begin(tunnel->link.kube, &request, &passing->call, &err) != 0) {
        free(passing);
        gs_http_answer_text(exchange, 503, err.msg);
        return;
    }
    gs_http_later(exchange, on_exchange_gone, passing);
}

static void serve(void *ctx, struct gs_http_exchange *exchange, const struct gs_http_asked *asked)
{
    struct tunnel *tunnel = ctx;
    uint64_t now = now_us(tunnel);
    if (!gs_door_knows_host(tunnel->door, exchange)) {
        gs_http_answer_text(exchange, 421, "this is reached as 127.0.0.1 or localhost");
        return;
    }
    if (strncmp(asked->path, GS_DOOR_PATH, strlen(GS_DOOR_PATH)) == 0) {
        gs_door_open(tunnel->door, exchange, asked->path + strlen(GS_DOOR_PATH), now);
        return;
    }
    const char *key = gs_door_token(tunnel->door, exchange, now, NULL);
    if (key == NULL || !gs_door_same(tunnel->key, key)) {
        gs_http_answer_text(exchange, 401,
                            "open the address that \"gpuslice dashboard\" has printed");
        return;
    }
    pass_on(tunnel, exchange, asked->path);
}

/* ---- all ---- */

static int open_server(struct tunnel *tunnel, struct gs_err *err)
{
    const struct gs_http_route routes[] = {
        {.method = "GET", .path = "/*", .serve = serve, .ctx = tunnel}};
    const struct gs_http_server_options server = {.routes = routes,
                                                  .n_routes = 1,
                                                  .idle_limit_s = 120,
                                                  .max_body = 1024,
                                                  .headers = gs_dashboard_headers,
                                                  .n_headers = gs_dashboard_n_headers};
    int fd = -1;
    int r = gs_door_random(tunnel->key, err);
    const struct gs_door_options door = {
        .hosts = "", .standing = tunnel->key, .standing_token = tunnel->key};
    r = r == 0 ? gs_door_new(&door, &tunnel->door, err) : r;
    r = r == 0 ? gs_dashboard_listen(tunnel->args->address, &fd, err) : r;
    return r == 0 ? gs_http_server_new(tunnel->link.event, fd, &server, &tunnel->server, err) : r;
}

static int explain(const struct tunnel *tunnel, const struct gs_link_request *request,
                   struct gs_err *err)
{
    const struct gs_dashboard_args *args = tunnel->args;
    *err = request->err;
    if (request == &tunnel->token && request->status == 404) {
        return gs_wrap(err, request->result,
                       "ServiceAccount %s/%s, which the chart makes with dashboard.enabled",
                       args->name_space, args->account);
    }
    if (request == &tunnel->health && request->status == 404) {
        return gs_wrap(err, request->result,
                       "Service %s/%s, which the chart makes with dashboard.enabled",
                       args->name_space, args->service);
    }
    if (request == &tunnel->health && request->status == 503) {
        err->code = GS_NOT_FOUND; /* the way to the API server is well */
        return gs_wrap(err, GS_NOT_FOUND,
                       "no controller decides now, or it has no --dashboard-address (Service "
                       "%s/%s is of the pod with the label gpuslice.dev/leader)",
                       args->name_space, args->service);
    }
    return request->result;
}

/* Asks for both, once, before anybody is told an address. What says that it is well is no JSON. */
static int find_controller(struct tunnel *tunnel, struct gs_err *err)
{
    begin_health(tunnel);
    begin_token(tunnel, NULL);
    int r = gs_link_wait(&tunnel->link, err);
    r = r == 0 && tunnel->token.result != 0 ? explain(tunnel, &tunnel->token, err) : r;
    r = r == 0 && tunnel->health.status != 200 ? explain(tunnel, &tunnel->health, err) : r;
    r = r == 0 ? take_token(tunnel, err) : r;
    gs_link_drop(&tunnel->health);
    gs_link_drop(&tunnel->token);
    return r;
}

static int begin(struct tunnel *tunnel, struct gs_err *err)
{
    char once[GS_DOOR_ID_TEXT];
    int r = gs_link_open(&tunnel->link, &tunnel->args->link, err);
    r = r == 0 ? gs_dashboard_stop_on_signals(tunnel->link.event, err) : r;
    r = r == 0 ? find_controller(tunnel, err) : r;
    r = r == 0 ? open_server(tunnel, err) : r;
    r = r == 0 ? gs_door_code(tunnel->door, tunnel->key, now_us(tunnel), once, err) : r;
    if (r == 0) {
        int s = sd_event_add_time_relative(tunnel->link.event, &tunnel->renewal, CLOCK_MONOTONIC,
                                           RENEW_US, ACCURACY_US, on_renewal, tunnel);
        r = s < 0 ? gs_fail_errno(err, -s, "adding a timer") : 0;
    }
    if (r == 0) {
        gs_dashboard_say(tunnel->args, gs_http_server_port(tunnel->server), tunnel->key, once);
    }
    return r;
}

int gs_dashboard_cluster(const struct gs_dashboard_args *args)
{
    struct tunnel *tunnel = calloc(1, sizeof(*tunnel));
    struct gs_err err = {.msg = ""};
    int status = GS_EXIT_DONE;
    if (tunnel == NULL) {
        gs_fail(&err, GS_NO_MEMORY, "no memory");
        return gs_exit_failed(&err);
    }
    tunnel->args = args;
    int r = begin(tunnel, &err);
    if (r == 0) {
        (void)sd_event_loop(tunnel->link.event);
    } else {
        status = gs_link_failed(&tunnel->link, &err);
    }
    gs_http_server_free(tunnel->server);
    gs_door_free(tunnel->door);
    sd_event_source_disable_unref(tunnel->renewal);
    gs_link_close(&tunnel->link);
    explicit_bzero(tunnel->header, sizeof(tunnel->header));
    free(tunnel);
    return status;
}

/* ---- documents, without a browser ---- */

struct question {
    bool done;
    int result;
    struct gs_err err;
    json_t *object;
};

static void on_document(void *ctx, int result, const struct gs_kube_answer *answer,
                        const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct question *question = ctx;
    json_error_t why;
    question->done = true;
    question->result = result;
    if (result != 0) {
        question->err = *err;
        if (status->code != 0 && status->message[0] != '\0') {
            question->result = gs_fail(&question->err, (enum gs_code)result, "%s", status->message);
        }
        return;
    }
    question->object = json_loadb(answer->body.p, answer->body.n, 0, &why);
    if (question->object == NULL) {
        question->result =
            gs_fail(&question->err, GS_INVALID, "the controller's answer is no JSON: %s", why.text);
    }
}

static int ask(struct tunnel *tunnel, const char *asked, json_t **ret, struct gs_err *err)
{
    char path[PATH_MAX_BYTES];
    struct question question = {.done = false};
    struct gs_kube_call *call = NULL;
    int n = snprintf(path, sizeof(path), SERVICE "%s", tunnel->args->name_space,
                     tunnel->args->service, tunnel->args->port, asked);
    if (n < 0 || (size_t)n >= sizeof(path)) {
        return gs_fail(err, GS_INVALID, "the address is too long");
    }
    const struct gs_kube_request request = {.method = "GET",
                                            .path = path,
                                            .header = tunnel->header,
                                            .limit_us = tunnel->link.limit_us,
                                            .once = true,
                                            .max_body = ANSWER_MAX,
                                            .done = on_document,
                                            .ctx = &question};
    int r = gs_kube_begin(tunnel->link.kube, &request, &call, err);
    while (r == 0 && !question.done) {
        r = gs_link_turn(&tunnel->link, err);
    }
    if (r != 0) {
        return r;
    }
    if (question.result != 0) {
        *err = question.err;
        return question.result;
    }
    *ret = question.object;
    return 0;
}

int gs_dashboard_ask(const struct gs_dashboard_args *args, const char *const paths[],
                     struct json_t *ret[], size_t n)
{
    struct tunnel *tunnel = calloc(1, sizeof(*tunnel));
    struct gs_err err = {.msg = ""};
    int status = GS_EXIT_DONE;
    size_t got = 0;
    if (tunnel == NULL) {
        gs_fail(&err, GS_NO_MEMORY, "no memory");
        return gs_exit_failed(&err);
    }
    tunnel->args = args;
    int r = gs_link_open(&tunnel->link, &args->link, &err);
    r = r == 0 ? find_controller(tunnel, &err) : r;
    while (r == 0 && got < n) {
        r = ask(tunnel, paths[got], &ret[got], &err);
        got += r == 0;
    }
    if (r != 0) {
        status = gs_link_failed(&tunnel->link, &err);
        while (got > 0) {
            json_decref(ret[--got]);
        }
    }
    gs_link_close(&tunnel->link);
    explicit_bzero(tunnel->header, sizeof(tunnel->header));
    free(tunnel);
    return status;
}
