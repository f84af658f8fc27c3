#include "net/http_call.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#define CONNECT_LIMIT_US 10000000ull
#define TOTAL_LIMIT_US 30000000ull
/* A server that has vanished without a word is noticed so soon: what was sent is not acknowledged,
 * or probes are not answered. */
enum { UNHEARD_MS = 20000, PROBE_AFTER_S = 15, PROBE_EVERY_S = 5 };
enum { RETRY_S_MAX = 3600 };

static uint64_t now_us(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000 + (uint64_t)at.tv_nsec / 1000;
}

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for an HTTP request");
}

/* ---- what comes ---- */

/* Ends the transfer from one of libcurl's callbacks. */
static size_t refuse(struct gs_http_call *call, int code)
{
    call->failed = code;
    return 0;
}

static unsigned status_of(struct gs_http_call *call)
{
    long status = 0;
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    return (unsigned)status;
}

/* An empty line ends the headers; those of 1xx come before others. */
static void tell_head(struct gs_http_call *call)
{
    unsigned status = status_of(call);
    if (!call->told_head && status >= 200) {
        call->told_head = true;
        if (call->on_head != NULL && !call->cancelled) {
            call->on_head(call->ctx, status);
        }
    }
}

static size_t on_header(char *bytes, size_t size, size_t n, void *ctx)
{
    struct gs_http_call *call = ctx;
    call->last_us = now_us();
    call->head_bytes += size * n;
    if (call->head_bytes > GS_HTTP_HEAD_MAX) {
        return refuse(call,
                      gs_fail(&call->err, GS_LIMIT,
                              "headers of more than %zu bytes; expected fewer", GS_HTTP_HEAD_MAX));
    }
    if (size * n <= 2 && (bytes[0] == '\r' || bytes[0] == '\n')) {
        tell_head(call);
    }
    return call->cancelled ? 0 : size * n;
}

static size_t collect(struct gs_http_call *call, struct gs_view bytes)
{
    gs_buf_put(&call->body, bytes.p, bytes.n);
    if (gs_buf_ok(&call->body)) {
        return bytes.n;
    }
    if (bytes.n <= call->body.max - call->body.len) {
        return refuse(call, no_memory(&call->err));
    }
    return refuse(
        call, gs_fail(&call->err, GS_LIMIT, "an answer of more than %zu bytes", call->body.max));
}

static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
    struct gs_http_call *call = ctx;
    struct gs_view bytes = {.p = p, .n = size * n};
    call->last_us = now_us();
    if (call->cancelled) {
        return 0;
    }
    if (call->on_chunk == NULL) {
        return collect(call, bytes);
    }
    int r = call->on_chunk(call->ctx, status_of(call), bytes, &call->err);
    if (call->cancelled) {
        return 0;
    }
    return r == 0 ? bytes.n : refuse(call, r);
}

static int on_socket(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
    (void)ctx;
    (void)purpose;
    static const unsigned unheard_ms = UNHEARD_MS;
    /* Unix sockets do not have it; nothing depends on it but time. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unheard_ms, sizeof(unheard_ms));
    return CURL_SOCKOPT_OK;
}

/* ---- making the transfer ---- */

/* Sets options until one fails; the result is that of all. */
#define SET(code, easy, option, value)                                                             \
    ((code) = (code) == CURLE_OK ? curl_easy_setopt((easy), (option), (value)) : (code))

static int put_header(struct gs_http_call *call, const char *line, struct gs_err *err)
{
    const char *colon = strchr(line, ':');
    if (colon == NULL || colon == line || gs_view_has_control(gs_view(line), "")) {
        return gs_fail(err, GS_INVALID, "header \"%.60s\": expected \"Name: value\"", line);
    }
    struct curl_slist *more = curl_slist_append(call->headers, line);
    if (more == NULL) {
        return no_memory(err);
    }
    call->headers = more;
    return 0;
}

static int put_bearer(struct gs_http_call *call, const char *token, struct gs_err *err)
{
    if (token[0] == '\0' || gs_view_has_control(gs_view(token), "")) {
        return gs_fail(err, GS_INVALID, "a token that is empty or has control characters");
    }
    size_t size = strlen(token) + sizeof("Authorization: Bearer ");
    char *line = malloc(size);
    if (line == NULL) {
        return no_memory(err);
    }
    snprintf(line, size, "Authorization: Bearer %s", token);
    int r = put_header(call, line, err);
    explicit_bzero(line, size);
    free(line);
    return r;
}

static int put_headers(struct gs_http_call *call, const struct gs_http_request *request,
                       struct gs_err *err)
{
    if (request->n_headers > GS_HTTP_HEADERS_MAX) {
        return gs_fail(err, GS_INVALID, "%zu headers; expected at most %d", request->n_headers,
                       GS_HTTP_HEADERS_MAX);
    }
    bool typed = false;
    int r = 0;
    for (size_t i = 0; r == 0 && i < request->n_headers; i++) {
        r = put_header(call, request->headers[i], err);
        typed = typed || strncasecmp(request->headers[i], "Content-Type:", 13) == 0;
    }
    if (r == 0 && request->bearer != NULL) {
        r = put_bearer(call, request->bearer, err);
    }
    /* libcurl's own ideas: that a body is a form, and that a server be asked before it is sent. */
    if (r == 0 && request->body.p != NULL) {
        r = put_header(call, "Expect:", err);
        r = r == 0 && !typed ? put_header(call, "Content-Type:", err) : r;
    }
    return r;
}

static int set_basics(struct gs_http_call *call, const struct gs_http_request *request,
                      struct gs_err *err)
{
    uint64_t connect_us =
        request->connect_limit_us == 0 ? CONNECT_LIMIT_US : request->connect_limit_us;
    uint64_t total_us = request->total_limit_us == 0 ? TOTAL_LIMIT_US : request->total_limit_us;
    total_us = total_us == GS_HTTP_NO_LIMIT ? 0 : total_us;
    CURL *easy = call->easy;
    CURLcode code = CURLE_OK;
    SET(code, easy, CURLOPT_PRIVATE, call);
    SET(code, easy, CURLOPT_ERRORBUFFER, call->curl_text);
    SET(code, easy, CURLOPT_NOSIGNAL, 1L);
    SET(code, easy, CURLOPT_PROXY, "");
    SET(code, easy, CURLOPT_HEADERFUNCTION, on_header);
    SET(code, easy, CURLOPT_HEADERDATA, call);
    SET(code, easy, CURLOPT_WRITEFUNCTION, on_body);
    SET(code, easy, CURLOPT_WRITEDATA, call);
    SET(code, easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
    SET(code, easy, CURLOPT_TCP_KEEPALIVE, 1L);
    SET(code, easy, CURLOPT_TCP_KEEPIDLE, (long)PROBE_AFTER_S);
    SET(code, easy, CURLOPT_TCP_KEEPINTVL, (long)PROBE_EVERY_S);
    SET(code, easy, CURLOPT_CONNECTTIMEOUT_MS, (long)((connect_us + 999) / 1000));
    SET(code, easy, CURLOPT_TIMEOUT_MS, (long)((total_us + 999) / 1000));
    SET(code, easy, CURLOPT_HTTPHEADER, call->headers);
    if (request->unix_socket != NULL) {
        SET(code, easy, CURLOPT_UNIX_SOCKET_PATH, request->unix_socket);
    }
    return code == CURLE_OK ? 0 : no_memory(err);
}

static int set_method(struct gs_http_call *call, const struct gs_http_request *request,
                      struct gs_err *err)
{
    CURLcode code = CURLE_OK;
    if (request->body.p != NULL) {
        SET(code, call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.n);
        SET(code, call->easy, CURLOPT_COPYPOSTFIELDS, request->body.p);
    }
    if (strcmp(request->method, "HEAD") == 0) {
        SET(code, call->easy, CURLOPT_NOBODY, 1L);
    } else {
        SET(code, call->easy, CURLOPT_CUSTOMREQUEST, request->method);
    }
    return code == CURLE_OK ? 0 : no_memory(err);
}

/* The path of a file of PEM, or NULL where neither a file nor a text is given. */
static int name_pem(struct gs_http_call *call, unsigned n, struct gs_http_pem **pems,
                    const char *file, struct gs_view text, const char **ret, struct gs_err *err)
{
    if (text.n > 0) {
        int r = gs_http_pem_get(pems, text, &call->pems[n], err);
        *ret = r == 0 ? call->pems[n]->path : NULL;
        return r;
    }
    if (file != NULL && access(file, R_OK) < 0) {
        return gs_fail(err, GS_INVALID, "%s cannot be read: %s", file, strerror(errno));
    }
    *ret = file;
    return 0;
}

static int set_tls(struct gs_http_call *call, const struct gs_http_tls *tls,
                   struct gs_http_pem **pems, struct gs_err *err)
{
    const char *ca = NULL;
    const char *cert = NULL;
    const char *key = NULL;
    int r = name_pem(call, 0, pems, tls->ca_file, tls->ca, &ca, err);
    r = r == 0 ? name_pem(call, 1, pems, tls->cert_file, tls->cert, &cert, err) : r;
    r = r == 0 ? name_pem(call, 2, pems, tls->key_file, tls->key, &key, err) : r;
    if (r != 0) {
        return r;
    }
    if ((cert == NULL) != (key == NULL)) {
        return gs_fail(err, GS_INVALID, "a client certificate without its key, or the key alone");
    }
    CURL *easy = call->easy;
    CURLcode code = CURLE_OK;
    SET(code, easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(code, easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    SET(code, easy, CURLOPT_PIPEWAIT, 1L);
    SET(code, easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    SET(code, easy, CURLOPT_CAPATH, NULL);
    SET(code, easy, CURLOPT_CAINFO, ca == NULL ? "/dev/null" : ca);
    SET(code, easy, CURLOPT_SSL_VERIFYPEER, tls->insecure ? 0L : 1L);
    SET(code, easy, CURLOPT_SSL_VERIFYHOST, tls->insecure ? 0L : 2L);
    if (cert != NULL) {
        SET(code, easy, CURLOPT_SSLCERT, cert);
        SET(code, easy, CURLOPT_SSLKEY, key);
    }
    return code == CURLE_OK ? 0 : no_memory(err);
}

/* ---- the address ---- */

static void drop_url(CURLU **url)
{
    curl_url_cleanup(*url);
}

static void drop_text(char **text)
{
    curl_free(*text);
}
#define AUTO_TEXT GS_CLEANUP(drop_text) char *

/* The certificate is another name's: ask for that name, and connect where the URL says. */
static int rename_host(struct gs_http_call *call, CURLU *url, const char *name, struct gs_err *err)
{
    AUTO_TEXT host = NULL;
    AUTO_TEXT port = NULL;
    char line[600];
    if (curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK) {
        return no_memory(err);
    }
    int n = snprintf(line, sizeof(line), "%s:%s:%s:%s", name, port, host, port);
    if (n >= (int)sizeof(line) || curl_url_set(url, CURLUPART_HOST, name, 0) != CURLUE_OK) {
        return gs_fail(err, GS_INVALID, "\"%.60s\" is no name of a server", name);
    }
    call->connect_to = curl_slist_append(NULL, line);
    if (call->connect_to == NULL ||
        curl_easy_setopt(call->easy, CURLOPT_CONNECT_TO, call->connect_to) != CURLE_OK) {
        return no_memory(err);
    }
    return 0;
}

static int set_url(struct gs_http_call *call, const struct gs_http_request *request,
                   struct gs_err *err)
{
    GS_CLEANUP(drop_url) CURLU *url = curl_url();
    AUTO_TEXT scheme = NULL;
    if (url == NULL) {
        return no_memory(err);
    }
    if (gs_view_has_control(gs_view(request->url), "") ||
        curl_url_set(url, CURLUPART_URL, request->url, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)) {
        return gs_fail(err, GS_INVALID, "\"%.200s\" is no address: expected http:// or https://",
                       request->url);
    }
    if (strcmp(scheme, "https") == 0 && request->tls == NULL) {
        return gs_fail(err, GS_INVALID, "%.200s: expected to be told whom to trust", request->url);
    }
    int r = 0;
    if (request->tls != NULL && request->tls->server_name != NULL) {
        r = rename_host(call, url, request->tls->server_name, err);
    }
    AUTO_TEXT whole = NULL;
    if (r == 0 && (curl_url_get(url, CURLUPART_URL, &whole, 0) != CURLUE_OK ||
                   curl_easy_setopt(call->easy, CURLOPT_URL, whole) != CURLE_OK)) {
        return no_memory(err);
    }
    return r;
}

/* For messages: without the query, which may be long. */
static void name_call(struct gs_http_call *call, const struct gs_http_request *request)
{
    int n = (int)strcspn(request->url, "?#");
    snprintf(call->name, sizeof(call->name), "%s %.*s", request->method, n, request->url);
}

static int prepare(struct gs_http_call *call, const struct gs_http_request *request,
                   struct gs_http_pem **pems, struct gs_err *err)
{
    int r = put_headers(call, request, err);
    r = r == 0 ? set_url(call, request, err) : r;
    r = r == 0 ? set_basics(call, request, err) : r;
    r = r == 0 ? set_method(call, request, err) : r;
    return r == 0 && request->tls != NULL ? set_tls(call, request->tls, pems, err) : r;
}

int gs_http_call_new(const struct gs_http_request *request, struct gs_http_pem **pems,
                     struct gs_http_call **ret, struct gs_err *err)
{
    GS_CLEANUP(gs_http_call_freep) struct gs_http_call *call = calloc(1, sizeof(*call));
    if (call == NULL) {
        return no_memory(err);
    }
    gs_buf_init(&call->body, request->max_body == 0 ? GS_HTTP_BODY_DEFAULT : request->max_body);
    call->easy = curl_easy_init();
    if (call->easy == NULL) {
        return no_memory(err);
    }
    call->on_head = request->on_head;
    call->on_chunk = request->on_chunk;
    call->on_done = request->on_done;
    call->ctx = request->ctx;
    call->idle_limit_us = request->idle_limit_us;
    call->last_us = now_us();
    name_call(call, request);
    int r = prepare(call, request, pems, err);
    if (r != 0) {
        return r;
    }
    *ret = GS_TAKE(call);
    return 0;
}

void gs_http_call_free(struct gs_http_call *call)
{
    if (call == NULL) {
        return;
    }
    sd_event_source_disable_unref(call->idle);
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    curl_slist_free_all(call->connect_to);
    for (size_t i = 0; i < GS_ARRAY_LEN(call->pems); i++) {
        gs_http_pem_put(call->pems[i]);
    }
    gs_buf_done(&call->body);
    free(call);
}

void gs_http_call_freep(struct gs_http_call **call)
{
    gs_http_call_free(*call);
}

/* ---- how it ended ---- */

/* The errno that a caller may look at; the system's own where there is one. */
static int errno_of(struct gs_http_call *call, CURLcode code)
{
    long e = 0;
    curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &e);
    if (code == CURLE_COULDNT_CONNECT || code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR) {
        return e != 0 ? (int)e : code == CURLE_COULDNT_CONNECT ? ECONNREFUSED : ECONNRESET;
    }
    switch ((int)code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return EHOSTUNREACH;
    case CURLE_PEER_FAILED_VERIFICATION:
        return EKEYREJECTED;
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2_STREAM:
        return ECONNRESET;
    default:
        return EPROTO;
    }
}

static enum gs_code code_of(CURLcode code)
{
    switch ((int)code) {
    case CURLE_OPERATION_TIMEDOUT:
        return GS_LIMIT;
    case CURLE_OUT_OF_MEMORY:
        return GS_NO_MEMORY;
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CRL_BADFILE:
        return GS_INVALID; /* a file of ours */
    default:
        return GS_IO;
    }
}

/* libcurl's words, but where they name a file of http_pem.h, or nothing that helps. */
static const char *why_of(const struct gs_http_call *call, CURLcode code)
{
    const char *why = call->curl_text[0] != '\0' ? call->curl_text : curl_easy_strerror(code);
    if (strncmp(why, "server certificate verification failed", 38) == 0) {
        return "the server's certificate is not one of the CA that is to be trusted, or has "
               "expired";
    }
    if (code == CURLE_SSL_CACERT_BADFILE) {
        return "the CA that is to be trusted is not a certificate in PEM";
    }
    return why;
}

static int fail(struct gs_http_call *call, CURLcode code, struct gs_err *err)
{
    const char *why = why_of(call, code);
    bool our_key = strncmp(call->curl_text, "error reading X.509", 19) == 0;
    enum gs_code ours = our_key ? GS_INVALID : code_of(code);
    gs_fail(err, ours, "%s: %s", call->name, why);
    if (ours == GS_IO && err != NULL) {
        err->sys_errno = errno_of(call, code);
    }
    return ours;
}

static void read_answer(struct gs_http_call *call, struct gs_http_answer *ret)
{
    curl_off_t retry_s = 0;
    char *type = NULL;
    curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &type);
    curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &retry_s);
    *ret = (struct gs_http_answer){.status = status_of(call)};
    if (type != NULL) {
        ret->type = gs_view(type);
    }
    if (retry_s > 0) {
        ret->retry_after_us = (uint64_t)(retry_s > RETRY_S_MAX ? RETRY_S_MAX : retry_s) * 1000000;
    }
    ret->body = (struct gs_view){.p = gs_buf_text(&call->body), .n = call->body.len};
}

int gs_http_call_result(struct gs_http_call *call, CURLcode code, struct gs_http_answer *ret_answer,
                        struct gs_err *err)
{
    read_answer(call, ret_answer);
    if (call->failed != 0) {
        if (err != NULL) {
            *err = call->err;
        }
        return gs_wrap(err, call->failed, "%s", call->name);
    }
    return code == CURLE_OK ? 0 : fail(call, code, err);
}
