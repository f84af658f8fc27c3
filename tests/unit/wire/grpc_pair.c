#include "unit/wire/grpc_pair.h"

#include "unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct pair_call *find(struct pair_side *side, const struct gs_grpc_stream *stream)
{
    for (unsigned i = side->n; i-- > 0;) {
        if (side->calls[i].stream == stream) {
            return &side->calls[i];
        }
    }
    fail_msg("an event of a stream that is not known");
    return NULL;
}

static struct pair_call *add(struct pair_side *side, struct gs_grpc_stream *stream)
{
    assert_true(side->n < PAIR_CALLS_MAX);
    struct pair_call *call = &side->calls[side->n++];
    *call = (struct pair_call){.stream = stream};
    return call;
}

static void note_message(struct pair_call *call, struct gs_view message)
{
    size_t n = message.n < sizeof(call->last) - 1 ? message.n : sizeof(call->last) - 1;
    memcpy(call->last, message.p, n);
    call->last[n] = '\0';
    call->last_n = message.n;
    call->n_messages++;
}

static void on_request(void *ctx, struct gs_grpc_stream *stream, struct gs_view path,
                       struct gs_view message)
{
    struct pair_side *side = ctx;
    struct pair_call *call = add(side, stream);
    snprintf(call->path, sizeof(call->path), "%.*s", GS_VIEW_ARGS(path));
    note_message(call, message);
    if (side->serve != NULL) {
        side->serve(side, call);
    }
}

static void on_message(void *ctx, struct gs_grpc_stream *stream, struct gs_view message)
{
    note_message(find(ctx, stream), message);
}

static void on_ended(void *ctx, struct gs_grpc_stream *stream, enum gs_grpc_status status,
                     const char *text)
{
    struct pair_call *call = find(ctx, stream);
    call->n_ended++;
    call->status = status;
    snprintf(call->text, sizeof(call->text), "%s", text);
    call->stream = NULL;
}

static const struct gs_grpc_events events = {
    .request = on_request, .message = on_message, .ended = on_ended};

void pair_init(struct pair *pair)
{
    memset(pair, 0, sizeof(*pair));
    pair->account.max = 64 << 20;
    pair->now_us = 1000000;
    const struct gs_grpc_config client = {.events = &events, .ctx = &pair->client};
    const struct gs_grpc_config server = {
        .server = true, .events = &events, .ctx = &pair->server, .account = &pair->account};
    pair->client.session = gs_grpc_session_new(&client);
    pair->server.session = gs_grpc_session_new(&server);
    assert_non_null(pair->client.session);
    assert_non_null(pair->server.session);
}

void pair_done(struct pair *pair)
{
    gs_grpc_session_free(pair->client.session);
    gs_grpc_session_free(pair->server.session);
    assert_int_equal(pair->account.used, 0);
}

/* xorshift64*, Vigna 2016. */
static uint64_t draw(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * 0x2545F4914F6CDD1Dull;
}

static void hand_over(struct pair *pair, struct pair_side *to, struct gs_view bytes)
{
    struct gs_err err = {0};
    while (bytes.n > 0) {
        size_t n = pair->seed == 0 ? bytes.n : 1 + (size_t)(draw(&pair->seed) % 40);
        n = n < bytes.n ? n : bytes.n;
        /* A block of its own, so that a sanitizer sees a read beyond the end. */
        char *copy = memcpy(malloc(n), bytes.p, n);
        if (gs_grpc_session_recv(to->session, (struct gs_view){copy, n}, pair->now_us, &err) < 0) {
            fail_msg("%s", err.msg);
        }
        free(copy);
        bytes.p += n;
        bytes.n -= n;
        pair->moved += n;
    }
}

size_t pair_move(struct pair *pair, struct pair_side *from, struct pair_side *to, size_t max)
{
    struct gs_err err = {0};
    size_t all = 0;
    while (all < max) {
        struct gs_view bytes;
        if (gs_grpc_session_pull(from->session, pair->now_us, &bytes, &err) < 0) {
            fail_msg("%s", err.msg);
        }
        if (bytes.n == 0) {
            break;
        }
        hand_over(pair, to, bytes);
        all += bytes.n;
    }
    return all;
}

void pair_run(struct pair *pair)
{
    size_t moved;
    do {
        moved = pair_move(pair, &pair->client, &pair->server, SIZE_MAX) +
                pair_move(pair, &pair->server, &pair->client, SIZE_MAX);
    } while (moved > 0);
}

struct pair_call *pair_call(struct pair *pair, const char *path, struct gs_view request,
                            uint64_t timeout_us)
{
    struct gs_grpc_stream *stream = NULL;
    struct gs_err err = {0};
    if (gs_grpc_session_call(pair->client.session, path, request, timeout_us, pair->now_us, &stream,
                             &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return add(&pair->client, stream);
}

static void send_text(const struct pair_call *call, const char *text)
{
    assert_int_equal(gs_grpc_stream_send(call->stream, gs_view(text), 0), 0);
}

void pair_echo(struct pair_side *side, struct pair_call *call)
{
    (void)side;
    send_text(call, call->last);
    gs_grpc_stream_finish(call->stream, GS_GRPC_OK, NULL, 0);
}

void pair_thrice(struct pair_side *side, struct pair_call *call)
{
    (void)side;
    send_text(call, "a");
    send_text(call, "b");
    send_text(call, "c");
    gs_grpc_stream_finish(call->stream, GS_GRPC_OK, NULL, 0);
}

void pair_refuse(struct pair_side *side, struct pair_call *call)
{
    (void)side;
    gs_grpc_stream_finish(call->stream, GS_GRPC_NOT_FOUND, "there is no \xc3\xbc", 0);
}
