/* A server takes any bytes of a client, answers what it understands, and leaves nothing behind. */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "fuzz/grpc_pieces.h"

static void on_request(void *ctx, struct gs_grpc_stream *stream, struct gs_view path,
                       struct gs_view message)
{
    (void)ctx;
    gs_grpc_stream_send(stream, message, 0);
    if (path.n % 2 == 0) {
        gs_grpc_stream_finish(stream, GS_GRPC_NOT_FOUND, "a %", 0);
    }
}

static void on_ended(void *ctx, struct gs_grpc_stream *stream, enum gs_grpc_status status,
                     const char *text)
{
    (void)ctx;
    (void)stream;
    if (text == NULL || status == GS_GRPC_OK) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct gs_grpc_events events = {.request = on_request, .ended = on_ended};
    struct gs_grpc_account account = {.max = 1 << 20};
    struct gs_grpc_session *session =
        gs_grpc_session_new(&(struct gs_grpc_config){true, 0, &events, NULL, &account});
    feed(session, data, size);
    gs_grpc_session_free(session);
    return account.used == 0 ? 0 : (abort(), 0);
}
