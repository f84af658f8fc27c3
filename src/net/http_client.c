#include "net/http_client.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "net/http_call.h"

enum { CALLS_MAX = 1024, IDLE_CONNECTIONS_MAX = 8, TIMER_ACCURACY_US = 1000 };

/* Connections and the calls that use them. There is one that takes new calls; those before it,
 * which were forgotten, live until their last call has ended. */
struct gs_http_pool {
    struct gs_http_pool *next;
    struct gs_http_client *client;
    CURLM *multi;
    sd_event_source *timer;
    unsigned n_calls;
};

struct gs_http_client {
    sd_event *event;
    sd_event_source *starter;     /* hands fresh calls to libcurl */
    struct gs_http_pool *pools;   /* all */
    struct gs_http_pool *current; /* takes new calls; NULL: the next call makes one */
    struct gs_http_call *calls;
    unsigned n_calls;
    struct gs_http_pem *pems;
    bool in_curl; /* libcurl is on the stack: its handles must not be added or removed */
    bool any_cancelled;
};

/* ---- pools ---- */

static void free_pool(struct gs_http_pool *pool)
{
    /* libcurl tells of the sockets that it closes. */
    if (pool->multi != NULL) {
        curl_multi_cleanup(pool->multi);
    }
    sd_event_source_disable_unref(pool->timer);
    free(pool);
}

/* Frees what was forgotten and is not used any more. */
static void sweep(struct gs_http_client *client)
{
    struct gs_http_pool **at = &client->pools;
    while (*at != NULL) {
        struct gs_http_pool *pool = *at;
        if (pool == client->current || pool->n_calls > 0) {
            at = &pool->next;
            continue;
        }
        *at = pool->next;
        free_pool(pool);
    }
}

static void pump(struct gs_http_pool *pool, curl_socket_t fd, int events);

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *ctx)
{
    (void)source;
    int events = 0;
    events |= (revents & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0;
    events |= (revents & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0;
    events |= (revents & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0;
    pump(ctx, fd, events);
    return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *ctx)
{
    (void)source;
    (void)usec;
    pump(ctx, CURL_SOCKET_TIMEOUT, 0);
    return 0;
}

/* libcurl: wake me when this happens to that socket. */
static int want_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *per_socket)
{
    struct gs_http_pool *pool = ctx;
    sd_event_source *source = per_socket;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        sd_event_source_disable_unref(source);
        return 0;
    }
    uint32_t events = 0;
    events |= (what & CURL_POLL_IN) != 0 ? EPOLLIN : 0;
    events |= (what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0;
    if (source != NULL) {
        return sd_event_source_set_io_events(source, events) < 0 ? -1 : 0;
    }
    if (sd_event_add_io(pool->client->event, &source, fd, events, on_io, pool) < 0) {
        return -1;
    }
    curl_multi_assign(pool->multi, fd, source);
    return 0;
}

/* libcurl: wake me in so many milliseconds. */
static int want_timer(CURLM *multi, long in_ms, void *ctx)
{
    struct gs_http_pool *pool = ctx;
    (void)multi;
    if (in_ms < 0) {
        return sd_event_source_set_enabled(pool->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
    }
    if (sd_event_source_set_time_relative(pool->timer, (uint64_t)in_ms * 1000) < 0 ||
        sd_event_source_set_enabled(pool->timer, SD_EVENT_ONESHOT) < 0) {
        return -1;
    }
    return 0;
}

static bool set_up_multi(struct gs_http_pool *pool)
{
    CURLM *multi = pool->multi;
    return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, want_socket) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, pool) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, want_timer) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERDATA, pool) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS_MAX) == CURLM_OK;
}

static int add_pool(struct gs_http_client *client, struct gs_err *err)
{
    struct gs_http_pool *pool = calloc(1, sizeof(*pool));
    if (pool == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for HTTP connections");
    }
    pool->client = client;
    int r = sd_event_add_time(client->event, &pool->timer, CLOCK_MONOTONIC, UINT64_MAX,
                              TIMER_ACCURACY_US, on_timer, pool);
    if (r < 0) {
        free_pool(pool);
        return gs_fail_errno(err, -r, "adding a timer for HTTP");
    }
    pool->multi = curl_multi_init();
    if (pool->multi == NULL || !set_up_multi(pool)) {
        free_pool(pool);
        return gs_fail(err, GS_NO_MEMORY, "no memory for HTTP connections");
    }
    pool->next = client->pools;
    client->pools = pool;
    client->current = pool;
    return 0;
}

/* ---- the end of a call ---- */

/* Takes the call away from libcurl and the client; it is the caller's then. */
static void detach(struct gs_http_call *call)
{
    struct gs_http_client *client = call->client;
    if (call->pool != NULL) {
        client->in_curl = true;
        curl_multi_remove_handle(call->pool->multi, call->easy);
        client->in_curl = false;
        call->pool->n_calls--;
    }
    *(call->prev == NULL ? &client->calls : &call->prev->next) = call->next;
    if (call->next != NULL) {
        call->next->prev = call->prev;
    }
    client->n_calls--;
}

static void finish(struct gs_http_call *call, CURLcode code)
{
    struct gs_http_answer answer;
    struct gs_err err = {.code = GS_OK};
    int r = gs_http_call_result(call, code, &answer, &err);
    detach(call);
    if (!call->cancelled) {
        call->on_done(call->ctx, r, answer.status == 0 ? NULL : &answer, r == 0 ? NULL : &err);
    }
    gs_http_call_free(call);
}

static void drop_cancelled(struct gs_http_client *client)
{
    client->any_cancelled = false;
    for (struct gs_http_call *call = client->calls, *next; call != NULL; call = next) {
        next = call->next;
        if (call->cancelled) {
            detach(call);
            gs_http_call_free(call);
        }
    }
}

/* Lets libcurl do what is to be done now, and ends the calls that it has finished. */
static void pump(struct gs_http_pool *pool, curl_socket_t fd, int events)
{
    struct gs_http_client *client = pool->client;
    CURLM *multi = pool->multi;
    int running;
    pool->n_calls++; /* so that no callback frees it */
    client->in_curl = true;
    curl_multi_socket_action(multi, fd, events, &running);
    client->in_curl = false;
    if (client->any_cancelled) {
        drop_cancelled(client);
    }
    int left;
    for (CURLMsg *msg; (msg = curl_multi_info_read(multi, &left)) != NULL;) {
        struct gs_http_call *call = NULL;
        if (msg->msg == CURLMSG_DONE) {
            CURLcode code = msg->data.result;
            curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&call);
            finish(call, code);
        }
    }
    pool->n_calls--;
    sweep(client);
}

/* ---- begin ---- */

static int on_idle(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct gs_http_call *call = ctx;
    struct gs_http_client *client = call->client;
    uint64_t due_us = call->last_us + call->idle_limit_us;
    if (due_us > usec) {
        sd_event_source_set_time(source, due_us);
        sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        return 0;
    }
    call->failed =
        gs_fail(&call->err, GS_LIMIT, "nothing came for %.1f s", (double)call->idle_limit_us / 1e6);
    finish(call, CURLE_OPERATION_TIMEDOUT);
    sweep(client);
    return 0;
}

static int watch_idle(struct gs_http_call *call, struct gs_err *err)
{
    if (call->idle_limit_us == 0) {
        return 0;
    }
    int r = sd_event_add_time_relative(call->client->event, &call->idle, CLOCK_MONOTONIC,
                                       call->idle_limit_us, TIMER_ACCURACY_US, on_idle, call);
    return r < 0 ? gs_fail_errno(err, -r, "adding a timer for HTTP") : 0;
}

static void hand_over(struct gs_http_call *call)
{
    struct gs_http_client *client = call->client;
    if (client->current == NULL && add_pool(client, &call->err) != 0) {
        call->failed = call->err.code;
        finish(call, CURLE_FAILED_INIT);
        return;
    }
    struct gs_http_pool *pool = client->current;
    client->in_curl = true;
    CURLMcode code = curl_multi_add_handle(pool->multi, call->easy);
    client->in_curl = false;
    if (code == CURLM_OK) {
        call->pool = pool;
        pool->n_calls++;
        return;
    }
    finish(call, code == CURLM_OUT_OF_MEMORY ? CURLE_OUT_OF_MEMORY : CURLE_FAILED_INIT);
}

/* The first call that libcurl does not have yet. */
static struct gs_http_call *find_fresh(struct gs_http_client *client)
{
    struct gs_http_call *found = NULL;
    for (struct gs_http_call *call = client->calls; call != NULL; call = call->next) {
        found = call->pool == NULL ? call : found; /* the oldest is the last */
    }
    return found;
}

static int on_start(sd_event_source *source, void *ctx)
{
    struct gs_http_client *client = ctx;
    (void)source;
    for (struct gs_http_call *call; (call = find_fresh(client)) != NULL;) {
        hand_over(call);
    }
    return 0;
}

/* Files of PEM whose users have gone are closed when there are many. Their paths may then come
 * again with other texts, which libcurl cannot see: no connection may outlive them. */
static void tidy_pems(struct gs_http_client *client)
{
    if (gs_http_pem_is_full(client->pems)) {
        gs_http_client_forget(client);
        gs_http_pem_sweep(&client->pems);
    }
}

int gs_http_begin(struct gs_http_client *client, const struct gs_http_request *request,
                  struct gs_http_call **ret_call, struct gs_err *err)
{
    assert(request->method != NULL && request->url != NULL && request->on_done != NULL);
    GS_CLEANUP(gs_http_call_freep) struct gs_http_call *call = NULL;
    if (client->n_calls == CALLS_MAX) {
        return gs_fail(err, GS_LIMIT, "%d HTTP requests under way; expected fewer", CALLS_MAX);
    }
    tidy_pems(client);
    int r = gs_http_call_new(request, &client->pems, &call, err);
    if (r != 0) {
        return r;
    }
    call->client = client;
    r = watch_idle(call, err);
    if (r != 0) {
        return r;
    }
    r = sd_event_source_set_enabled(client->starter, SD_EVENT_ONESHOT);
    if (r < 0) {
        return gs_fail_errno(err, -r, "starting an HTTP request");
    }
    call->next = client->calls;
    if (call->next != NULL) {
        call->next->prev = call;
    }
    client->calls = call;
    client->n_calls++;
    if (ret_call != NULL) {
        *ret_call = call;
    }
    call = NULL;
    return 0;
}

void gs_http_cancel(struct gs_http_call *call)
{
    struct gs_http_client *client = call->client;
    call->cancelled = true;
    if (client->in_curl) {
        client->any_cancelled = true;
        return;
    }
    detach(call);
    gs_http_call_free(call);
}

/* ---- the client ---- */

int gs_http_client_new(sd_event *event, struct gs_http_client **ret, struct gs_err *err)
{
    GS_CLEANUP(gs_http_client_freep) struct gs_http_client *client = calloc(1, sizeof(*client));
    if (client == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for an HTTP client");
    }
    client->event = sd_event_ref(event);
    if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK) {
        return gs_fail(err, GS_NO_MEMORY, "libcurl does not start");
    }
    int r = sd_event_add_defer(event, &client->starter, on_start, client);
    r = r < 0 ? r : sd_event_source_set_enabled(client->starter, SD_EVENT_OFF);
    if (r < 0) {
        return gs_fail_errno(err, -r, "adding an event source for HTTP");
    }
    *ret = GS_TAKE(client);
    return 0;
}

void gs_http_client_forget(struct gs_http_client *client)
{
    client->current = NULL;
    sweep(client);
}

void gs_http_client_free(struct gs_http_client *client)
{
    if (client == NULL) {
        return;
    }
    while (client->calls != NULL) {
        struct gs_http_call *call = client->calls;
        detach(call);
        gs_http_call_free(call);
    }
    while (client->pools != NULL) {
        struct gs_http_pool *pool = client->pools;
        client->pools = pool->next;
        free_pool(pool);
    }
    gs_http_pem_sweep(&client->pems);
    sd_event_source_disable_unref(client->starter);
    curl_global_cleanup();
    sd_event_unref(client->event);
    free(client);
}

void gs_http_client_freep(struct gs_http_client **client)
{
    gs_http_client_free(*client);
}
