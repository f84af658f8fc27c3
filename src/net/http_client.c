#include "net/http_client.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "net/http_conn.h"

enum {
    CALLS_MAX = 1024,
    CONNS_MAX = 64, /* to one server; requests beyond wait */
    IDLE_MAX = 8,
    ACCURACY_US = 1000000
};
#define IDLE_LIMIT_US 90000000ull /* servers close what is idle for longer */

struct gs_http_client {
    sd_event *event;
    sd_event_source *looker;    /* finds connections for calls, and frees what is gone */
    sd_event_source *tidier;    /* closes what is idle for long */
    struct gs_http_call *calls; /* the oldest first */
    struct gs_http_call *last;
    unsigned n_calls;
    uint64_t number; /* of the last call */
    struct gs_http_conn *conns;
    struct gs_trust *trusts;
};

void gs_http_client_look(struct gs_http_client *client)
{
    sd_event_source_set_enabled(client->looker, SD_EVENT_ONESHOT);
}

/* ---- calls ---- */

static void put_in(struct gs_http_client *client, struct gs_http_call *call)
{
    call->client = client;
    call->number = ++client->number;
    call->prev = client->last;
    *(client->last == NULL ? &client->calls : &client->last->next) = call;
    client->last = call;
    client->n_calls++;
}

void gs_http_client_take_out(struct gs_http_call *call)
{
    struct gs_http_client *client = call->client;
    if (call->conn != NULL) {
        gs_http_conn_drop(call->conn, call);
    }
    *(call->prev == NULL ? &client->calls : &call->prev->next) = call->next;
    *(call->next == NULL ? &client->last : &call->next->prev) = call->prev;
    client->n_calls--;
}

void gs_http_client_free_call(struct gs_http_call *call)
{
    gs_http_call_free(call, &call->client->trusts);
}

struct gs_http_call *gs_http_client_find(struct gs_http_conn *conn, int32_t stream)
{
    struct gs_http_call *call = conn->client->calls;
    while (call != NULL && (call->conn != conn || call->stream != stream)) {
        call = call->next;
    }
    return call;
}

static struct gs_http_call *first_of(struct gs_http_conn *conn)
{
    struct gs_http_call *call = conn->client->calls;
    while (call != NULL && call->conn != conn) {
        call = call->next;
    }
    return call;
}

void gs_http_client_end_calls(struct gs_http_conn *conn, const struct gs_err *why)
{
    for (struct gs_http_call *call; (call = first_of(conn)) != NULL;) {
        if (conn->two != NULL && call->stream != 0) {
            (void)nghttp2_session_set_stream_user_data(conn->two, call->stream, NULL);
        }
        call->stream = 0;
        call->conn = NULL;
        conn->n_calls--;
        conn->call = NULL;
        if (call->opened) {
            gs_http_call_lost(call, false, why);
        } else {
            gs_http_call_fail(call, why);
        }
    }
}

void gs_http_client_start_calls(struct gs_http_conn *conn)
{
    for (struct gs_http_call *call = conn->client->calls, *next; call != NULL; call = next) {
        next = call->next;
        if (call->conn != conn || call->opened) {
            continue;
        }
        call->conn = NULL;
        conn->n_calls--;
        if (gs_http_conn_has_room(conn) || (conn->retired && conn->n_calls == 0)) {
            gs_http_conn_carry(conn,
                               call); /* may fail it, and whoever hears that may cancel others */
            next = conn->client->calls;
        }
    }
    gs_http_client_look(conn->client);
}

/* ---- connections ---- */

static bool is_same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool leads_to(const struct gs_http_conn *conn, const struct gs_http_where *where)
{
    return conn->where.port == where->port && conn->where.trust == where->trust &&
           strcmp(conn->where.host, where->host) == 0 &&
           is_same_text(conn->where.unix_socket, where->unix_socket);
}

/* One that is open rather than one that is not yet. *ret_soon: one will have room in a moment, or
 * there are as many as may be. */
static struct gs_http_conn *find_conn(struct gs_http_client *client,
                                      const struct gs_http_where *where, bool *ret_soon)
{
    struct gs_http_conn *found = NULL;
    unsigned n = 0;
    *ret_soon = false;
    for (struct gs_http_conn *conn = client->conns; conn != NULL; conn = conn->next) {
        if (!leads_to(conn, where)) {
            continue;
        }
        n += conn->state != GS_HTTP_GONE;
        *ret_soon = *ret_soon || n >= CONNS_MAX || gs_http_two_is_soon(conn);
        if (gs_http_conn_has_room(conn) && (found == NULL || found->state == GS_HTTP_CONNECTING)) {
            found = conn;
        }
    }
    return found;
}

static int add_conn(struct gs_http_client *client, const struct gs_http_where *where,
                    struct gs_http_conn **ret, struct gs_err *err)
{
    struct gs_http_conn *other = client->conns;
    while (other != NULL && !(leads_to(other, where) && other->settled)) {
        other = other->next;
    }
    int r = gs_http_conn_new(client, client->event, where, ret, err);
    if (r == 0) {
        (*ret)->guess = gs_http_two_guess(other);
        (*ret)->next = client->conns;
        client->conns = *ret;
    }
    return r;
}

static void find_conn_for(struct gs_http_client *client, struct gs_http_call *call)
{
    struct gs_err err = {.code = GS_OK};
    bool soon;
    struct gs_http_conn *conn = find_conn(client, &call->where, &soon);
    if (conn == NULL && soon) {
        return;
    }
    if (conn == NULL && add_conn(client, &call->where, &conn, &err) != 0) {
        gs_http_call_fail(call, &err);
        return;
    }
    gs_http_conn_carry(conn, call);
}

/* The first that waits for a connection and was begun after `last`. */
static struct gs_http_call *next_waiting(struct gs_http_client *client, uint64_t last)
{
    struct gs_http_call *call = client->calls;
    while (call != NULL && (call->conn != NULL || call->number <= last)) {
        call = call->next;
    }
    return call;
}

static bool is_idle(const struct gs_http_conn *conn)
{
    return conn->n_calls == 0 && (conn->state == GS_HTTP_ONE || conn->state == GS_HTTP_TWO);
}

/* Closes what was told to go, what has been idle for long, and more than a few that are idle. */
static void close_idle(struct gs_http_client *client)
{
    uint64_t now_us = gs_now_us();
    unsigned n = 0;
    bool any = false;
    for (struct gs_http_conn *conn = client->conns; conn != NULL; conn = conn->next) {
        if (!is_idle(conn)) {
            continue;
        }
        if (conn->retired || ++n > IDLE_MAX || now_us - conn->idle_us >= IDLE_LIMIT_US) {
            gs_http_conn_close(conn);
        } else {
            any = true;
        }
    }
    if (any) {
        sd_event_source_set_time_relative(client->tidier, IDLE_LIMIT_US / 2);
    }
    sd_event_source_set_enabled(client->tidier, any ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static void free_gone(struct gs_http_client *client)
{
    struct gs_http_conn **at = &client->conns;
    while (*at != NULL) {
        struct gs_http_conn *conn = *at;
        if (conn->state != GS_HTTP_GONE) {
            at = &conn->next;
            continue;
        }
        *at = conn->next;
        gs_http_conn_free(conn, &client->trusts);
    }
}

static int on_look(sd_event_source *source, void *ctx)
{
    struct gs_http_client *client = ctx;
    (void)source;
    /* The call may be gone when the next is looked for; those that are begun by its owner meanwhile
     * have their turn later, so that who asks again at once does not hold up the loop. */
    const uint64_t newest = client->number;
    uint64_t last = 0;
    for (struct gs_http_call *call;
         (call = next_waiting(client, last)) != NULL && call->number <= newest;) {
        last = call->number;
        find_conn_for(client, call);
    }
    close_idle(client);
    free_gone(client);
    return 0;
}

static int on_tidy(sd_event_source *source, uint64_t usec, void *ctx)
{
    (void)source;
    (void)usec;
    gs_http_client_look(ctx);
    return 0;
}

/* ---- begin ---- */

int gs_http_begin(struct gs_http_client *client, const struct gs_http_request *request,
                  struct gs_http_call **ret_call, struct gs_err *err)
{
    struct gs_http_call *call = NULL;
    assert(request->method != NULL && request->url != NULL && request->on_done != NULL);
    if (client->n_calls == CALLS_MAX) {
        return gs_fail(err, GS_LIMIT, "%d HTTP requests under way; expected fewer", CALLS_MAX);
    }
    int r = gs_http_call_new(request, &client->trusts, &call, err);
    if (r != 0) {
        return r;
    }
    r = gs_http_call_limit(call, client->event, err);
    if (r != 0) {
        gs_http_call_free(call, &client->trusts);
        return r;
    }
    put_in(client, call);
    gs_http_client_look(client);
    if (ret_call != NULL) {
        *ret_call = call;
    }
    return 0;
}

void gs_http_cancel(struct gs_http_call *call)
{
    if (call->gone != NULL) {
        *call->gone = true;
    }
    gs_http_client_take_out(call);
    gs_http_client_free_call(call);
}

/* ---- the client ---- */

int gs_http_client_new(sd_event *event, struct gs_http_client **ret, struct gs_err *err)
{
    GS_CLEANUP(gs_http_client_freep) struct gs_http_client *client = calloc(1, sizeof(*client));
    if (client == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for an HTTP client");
    }
    client->event = sd_event_ref(event);
    int r = sd_event_add_defer(event, &client->looker, on_look, client);
    r = r < 0 ? r : sd_event_source_set_enabled(client->looker, SD_EVENT_OFF);
    r = r < 0 ? r
              : sd_event_add_time(event, &client->tidier, CLOCK_MONOTONIC, UINT64_MAX, ACCURACY_US,
                                  on_tidy, client);
    r = r < 0 ? r : sd_event_source_set_enabled(client->tidier, SD_EVENT_OFF);
    if (r < 0) {
        return gs_fail_errno(err, -r, "adding an event source for HTTP");
    }
    *ret = GS_TAKE(client);
    return 0;
}

void gs_http_client_forget(struct gs_http_client *client)
{
    for (struct gs_http_conn *conn = client->conns; conn != NULL; conn = conn->next) {
        conn->retired = true;
    }
    gs_http_client_look(client);
}

void gs_http_client_free(struct gs_http_client *client)
{
    if (client == NULL) {
        return;
    }
    while (client->calls != NULL) {
        gs_http_cancel(client->calls);
    }
    for (struct gs_http_conn *conn = client->conns; conn != NULL; conn = conn->next) {
        gs_http_conn_close(conn);
    }
    free_gone(client);
    gs_trust_sweep(&client->trusts);
    sd_event_source_disable_unref(client->looker);
    sd_event_source_disable_unref(client->tidier);
    sd_event_unref(client->event);
    free(client);
}

void gs_http_client_freep(struct gs_http_client **client)
{
    gs_http_client_free(*client);
}
