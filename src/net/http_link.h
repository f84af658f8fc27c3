/* http_link: one connection of the HTTP client to a server: TCP or a unix socket, TLS where wanted.
 *
 * Carries bytes both ways and knows nothing of HTTP. All functions of the owner are called from the
 * loop; they may close the link, but not free it. */
#pragma once

#include <systemd/sd-event.h>

#include "base/err.h"
#include "base/view.h"
#include "net/trust.h"

#define GS_HTTP_LINK_OUT_MAX ((size_t)64 << 20) /* bytes that wait to be sent */

struct gs_http_link;

struct gs_http_link_options {
    sd_event *event;
    const char *host; /* name or address, without brackets; outlives the link */
    unsigned port;
    const char *unix_socket; /* NULL: TCP */
    struct gs_trust *trust;  /* NULL: no TLS; outlives the link */

    void (*opened)(void *ctx, bool http2);
    void (*got)(void *ctx, struct gs_view bytes);
    void (*drained)(void *ctx); /* nothing waits to be sent any more */
    /* It is over: GS_OK: the server has closed it in order, else GS_IO with its errno (as in
     * http_client.h). Not called after gs_http_link_close. */
    void (*ended)(void *ctx, const struct gs_err *err);
    void *ctx;
};

/* Begins to connect. Nothing is called from inside. GS_NO_MEMORY, GS_IO, GS_LIMIT. */
int gs_http_link_new(const struct gs_http_link_options *options, struct gs_http_link **ret,
                     struct gs_err *err);

/* Closes it; nothing is called any more. */
void gs_http_link_close(struct gs_http_link *link);

/* Not from the owner's functions. NULL is fine. */
void gs_http_link_free(struct gs_http_link *link);

/* Sends, now or as soon as it can be. GS_NO_MEMORY, GS_LIMIT; what the connection says comes by
 * `ended`. */
int gs_http_link_send(struct gs_http_link *link, struct gs_view bytes, struct gs_err *err);

/* Bytes that wait to be sent. */
size_t gs_http_link_waiting(const struct gs_http_link *link);
