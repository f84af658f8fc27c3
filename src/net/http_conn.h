/* http_conn: a connection of the HTTP client and the protocol on it. Of http_client.c and its
 * neighbours only. */
#pragma once

#include <nghttp2/nghttp2.h>

#include "net/http_call.h"
#include "net/http_link.h"

enum gs_http_conn_state { GS_HTTP_CONNECTING, GS_HTTP_ONE, GS_HTTP_TWO, GS_HTTP_GONE };

struct gs_http_conn {
    struct gs_http_conn *next;
    struct gs_http_client *client;
    struct gs_http_link *link;
    enum gs_http_conn_state state;
    struct gs_http_where where; /* with a user of the trust */
    bool retired;               /* takes no more calls */
    bool used;                  /* has carried a call to its end */
    unsigned n_calls;
    uint64_t idle_us;          /* CLOCK_MONOTONIC: since when it has none */
    struct gs_http_call *call; /* HTTP/1: the one that it carries */
    struct gs_http1 *one;      /* its answer */
    nghttp2_session *two;
    bool goodbye;   /* the other side has said it */
    bool settled;   /* the other side's settings are there */
    unsigned guess; /* how many calls it takes before that */
    bool feeding;   /* the session is at work: it must not be asked to send */
    char host[256];
};

/* Begins to connect. GS_NO_MEMORY, GS_IO, GS_LIMIT. */
int gs_http_conn_new(struct gs_http_client *client, sd_event *event,
                     const struct gs_http_where *where, struct gs_http_conn **ret,
                     struct gs_err *err);

/* Not from anything that it calls. It must have no calls. */
void gs_http_conn_free(struct gs_http_conn *conn, struct gs_trust **trusts);

/* Closes it at once; its calls have been taken away. */
void gs_http_conn_close(struct gs_http_conn *conn);

/* Whether it can carry one more call now. */
bool gs_http_conn_has_room(const struct gs_http_conn *conn);

/* Carries the call, which waits or was told to it while it was connecting. A failure is told to the
 * call. */
void gs_http_conn_carry(struct gs_http_conn *conn, struct gs_http_call *call);

/* The call is given up: HTTP/1 closes, HTTP/2 resets the stream. */
void gs_http_conn_drop(struct gs_http_conn *conn, struct gs_http_call *call);

/* ---- HTTP/2 (http_two.c) ---- */

int gs_http_two_begin(struct gs_http_conn *conn, struct gs_err *err);
void gs_http_two_got(struct gs_http_conn *conn, struct gs_view bytes);

/* Sends what the session has to say, as far as the link takes it. */
void gs_http_two_send(struct gs_http_conn *conn);
int gs_http_two_carry(struct gs_http_conn *conn, struct gs_http_call *call, struct gs_err *err);
void gs_http_two_drop(struct gs_http_conn *conn, struct gs_http_call *call);
bool gs_http_two_has_room(const struct gs_http_conn *conn);

/* Has no room now and may have it in a moment: its settings are still to come, or it takes no
 * request at all for now. */
bool gs_http_two_is_soon(const struct gs_http_conn *conn);

/* How many calls a new connection may carry before its server says so, as another connection to it
 * (or NULL) lets us think. */
unsigned gs_http_two_guess(const struct gs_http_conn *other);

/* ---- for connections (http_client.c) ---- */

/* The connection has opened, or can carry more calls, or is gone. */
void gs_http_client_look(struct gs_http_client *client);

/* The connection that carries the call, if one does, lets go, and nobody finds it any more. */
void gs_http_client_take_out(struct gs_http_call *call);
void gs_http_client_free_call(struct gs_http_call *call);

/* Fails the calls that the connection carries or was to carry. */
void gs_http_client_end_calls(struct gs_http_conn *conn, const struct gs_err *why);

/* Hands the connection, which is open now, the calls that waited for it. */
void gs_http_client_start_calls(struct gs_http_conn *conn);

/* The call that the connection carries on this stream; NULL: none. */
struct gs_http_call *gs_http_client_find(struct gs_http_conn *conn, int32_t stream);
