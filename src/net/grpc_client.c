#include "net/grpc_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/grpc_link.h"
#include "net/grpc_socket.h"

enum { ANSWER_MAX = 16 << 20 }; /* bytes; what clients of pod-resources take */

struct gs_grpc_ask {
    struct gs_grpc_link *link; /* NULL: there was no connection */
    sd_event_source *later;    /* tells why */
    bool over;                 /* told or cancelled */
    struct gs_buf answer;
    unsigned n_answers;
    int r;
    struct gs_err err;
    void (*done)(void *ctx, int r, struct gs_view response, const struct gs_err *err);
    void *ctx;
    char name[GS_GRPC_PATH_MAX + 160]; /* for errors: the socket and the method */
};

static void release(struct gs_grpc_ask *ask)
{
    gs_grpc_link_free(ask->link);
    sd_event_source_disable_unref(ask->later);
    gs_buf_done(&ask->answer);
    free(ask);
}

static void tell(struct gs_grpc_ask *ask, int r)
{
    const struct gs_view answer = {gs_buf_text(&ask->answer), r == 0 ? ask->answer.len : 0};
    ask->over = true;
    ask->done(ask->ctx, r, answer, r == 0 ? NULL : &ask->err);
    release(ask);
}

static void on_message(void *ctx, struct gs_grpc_stream *stream, struct gs_view message)
{
    struct gs_grpc_ask *ask = ctx;
    (void)stream;
    if (ask->n_answers++ == 0) {
        gs_buf_put(&ask->answer, message.p, message.n);
    }
}

static int judge(struct gs_grpc_ask *ask, enum gs_grpc_status status, const char *text)
{
    if (status != GS_GRPC_OK) {
        return gs_fail(&ask->err, gs_grpc_status_code(status), "%s: %s%s%s", ask->name,
                       gs_grpc_status_name(status), *text == '\0' ? "" : ": ", text);
    }
    if (!gs_buf_ok(&ask->answer)) {
        return gs_fail(&ask->err, GS_NO_MEMORY, "%s: no memory for the answer", ask->name);
    }
    if (ask->n_answers != 1) {
        return gs_fail(&ask->err, GS_INVALID, "%s: found %u answers; expected one", ask->name,
                       ask->n_answers);
    }
    return 0;
}

static void on_ended(void *ctx, struct gs_grpc_stream *stream, enum gs_grpc_status status,
                     const char *text)
{
    struct gs_grpc_ask *ask = ctx;
    (void)stream;
    if (!ask->over) { /* giving back the link ends its call once more */
        tell(ask, judge(ask, status, text));
    }
}

static void on_down(void *ctx, int r, const struct gs_err *err)
{
    struct gs_grpc_ask *ask = ctx;
    if (r < 0) {
        ask->err = *err;
        r = gs_wrap(&ask->err, r, "%s", ask->name);
    } else {
        r = gs_fail(&ask->err, GS_IO, "%s: the connection was closed before the answer", ask->name);
    }
    tell(ask, r);
}

static int on_later(sd_event_source *source, void *ctx)
{
    struct gs_grpc_ask *ask = ctx;
    (void)source;
    tell(ask, ask->r);
    return 0;
}

/* Connects and calls. What fails here because of the other side is told later, as all of that is.
 */
static int begin(struct gs_grpc_ask *ask, sd_event *event, const char *socket_path,
                 const char *method, struct gs_view request, uint64_t limit_us, struct gs_err *err)
{
    static const struct gs_grpc_events events = {.message = on_message, .ended = on_ended};
    const struct gs_grpc_config config = {.message_max = ANSWER_MAX, .events = &events, .ctx = ask};
    struct gs_grpc_stream *stream;
    int fd = -1;
    int r = gs_grpc_socket_connect(socket_path, &fd, &ask->err);
    if (r == GS_IO || r == GS_BUSY) {
        ask->r = gs_wrap(&ask->err, r, "%s", method);
        r = sd_event_add_defer(event, &ask->later, on_later, ask);
        return r < 0 ? gs_fail_errno(err, -r, "adding an event source") : 0;
    }
    if (r < 0) {
        return gs_fail(err, (enum gs_code)r, "%s", ask->err.msg);
    }
    r = gs_grpc_link_new(event, fd, &config, on_down, ask, &ask->link, err);
    if (r < 0) {
        close(fd);
        return r;
    }
    return gs_grpc_session_call(gs_grpc_link_session(ask->link), method, request,
                                limit_us == 0 ? 1 : limit_us, gs_grpc_link_now(ask->link), &stream,
                                err);
}

int gs_grpc_ask(sd_event *event, const char *socket_path, const char *method,
                struct gs_view request, uint64_t limit_us,
                void (*done)(void *ctx, int r, struct gs_view response, const struct gs_err *err),
                void *ctx, struct gs_grpc_ask **ret, struct gs_err *err)
{
    struct gs_grpc_ask *ask = calloc(1, sizeof(*ask));
    if (ask == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a call");
    }
    ask->done = done;
    ask->ctx = ctx;
    gs_buf_init(&ask->answer, ANSWER_MAX);
    snprintf(ask->name, sizeof(ask->name), "%s: %s", socket_path, method);
    int r = begin(ask, event, socket_path, method, request, limit_us, err);
    if (r < 0) {
        gs_grpc_ask_cancel(ask);
        return r;
    }
    if (ret != NULL) {
        *ret = ask;
    }
    return 0;
}

void gs_grpc_ask_cancel(struct gs_grpc_ask *ask)
{
    ask->over = true;
    release(ask);
}
