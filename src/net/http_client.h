/* http_client: HTTP and HTTPS requests that never hold up the loop.
 *
 * Any number of requests run at a time on one sd-event loop; connections are kept and shared, and
 * over HTTPS requests to one server share an HTTP/2 connection where it offers that. A request that
 * was begun ends with exactly one call of on_done, from the loop and never from inside
 * gs_http_begin, unless it is cancelled. Statuses are not judged: 404 is an answer like 200.
 * Redirects are not followed, proxies of the environment not used, and no certificate of the
 * system's is trusted unless the caller names its file. One loop, one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "base/err.h"
#include "base/view.h"

#define GS_HTTP_BODY_DEFAULT ((size_t)4 << 20) /* bytes of an answer */
#define GS_HTTP_HEAD_MAX ((size_t)64 << 10)    /* bytes of an answer's headers */
#define GS_HTTP_NO_LIMIT UINT64_MAX
enum { GS_HTTP_HEADERS_MAX = 32 /* of a request */ };

struct gs_http_client;
struct gs_http_call; /* a request under way */

/* Who the server must be, and who we are. PEM; of each pair at most one is given. */
struct gs_http_tls {
    const char *ca_file; /* no CA at all: nobody is trusted */
    struct gs_view ca;
    const char *cert_file;
    struct gs_view cert;
    const char *key_file;
    struct gs_view key;
    const char *server_name; /* the certificate's, where it is not the URL's host; or NULL */
    bool insecure;           /* whoever answers is believed */
};

/* What came back. Gone when on_done returns. */
struct gs_http_answer {
    unsigned status;         /* 200 */
    struct gs_view type;     /* Content-Type; empty: none */
    bool packed;             /* the body is gzip's: somebody has sent Accept-Encoding */
    uint64_t retry_after_us; /* Retry-After in seconds; 0: none */
    struct gs_view body;     /* empty with on_chunk */
};

struct gs_http_request {
    const char *method;         /* "GET" */
    const char *url;            /* http:// or https:// */
    const char *const *headers; /* "Accept: application/json" */
    size_t n_headers;
    struct gs_view body;           /* p NULL: none */
    const char *bearer;            /* token for Authorization; NULL: none */
    const struct gs_http_tls *tls; /* NULL for http:// */
    const char *unix_socket;       /* connect there, whatever the URL's host is; NULL: do not */
    uint64_t connect_limit_us;     /* name, connection and TLS; 0: 10 s */
    uint64_t total_limit_us;       /* 0: 30 s; GS_HTTP_NO_LIMIT for streams */
    uint64_t idle_limit_us;        /* no byte for so long ends it; 0: no such limit */
    size_t max_body;               /* 0: GS_HTTP_BODY_DEFAULT; not with on_chunk */

    /* The headers have come, with this status; NULL: nobody asks. As on_chunk it may cancel. */
    void (*on_head)(void *ctx, unsigned status);

    /* Pieces of the body as they come, of any size; NULL: the body is collected. A negative code
     * ends the request with it and the text in `err`. May cancel the request, and then returns 0.
     */
    int (*on_chunk)(void *ctx, unsigned status, struct gs_view bytes, struct gs_err *err);

    /* `result` 0: `answer` is there. GS_IO: no connection, cut off, TLS (sys_errno where the
     * system said no: ECONNREFUSED, ETIMEDOUT, ...; EPROTO: not HTTP or TLS; EKEYREJECTED: the
     * server is not who it must be). GS_LIMIT: a limit above. Or the code of on_chunk. `answer` is
     * NULL where not even a status came. */
    void (*on_done)(void *ctx, int result, const struct gs_http_answer *answer,
                    const struct gs_err *err);
    void *ctx;
};

/* GS_NO_MEMORY, GS_IO. */
int gs_http_client_new(sd_event *event, struct gs_http_client **ret, struct gs_err *err);

/* Cancels what is under way and closes all connections. NULL is fine. Not from inside a callback.
 */
void gs_http_client_free(struct gs_http_client *client);
void gs_http_client_freep(struct gs_http_client **client);

/* Begins a request. Everything in `request` is copied. *ret_call (may be NULL) is valid until
 * on_done is called or it is cancelled. GS_INVALID: a URL, header or file that cannot be;
 * GS_NO_MEMORY. on_done is not called then. */
int gs_http_begin(struct gs_http_client *client, const struct gs_http_request *request,
                  struct gs_http_call **ret_call, struct gs_err *err);

/* Ends the request without a call of on_done. From callbacks too, but for its own on_done. */
void gs_http_cancel(struct gs_http_call *call);

/* Closes the idle connections, so that the next request makes a new one: the server's address or
 * certificates have changed. */
void gs_http_client_forget(struct gs_http_client *client);
