/* A client takes any bytes of a server and hears exactly once how its call ended. The first byte
 * says how large the pieces are. */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "fuzz/grpc_pieces.h"

static void on_message(void *ctx, struct gs_grpc_stream *stream, struct gs_view message)
{
    (void)ctx;
    if (message.n == 3) {
        gs_grpc_stream_set(stream, NULL);
    }
}

static void on_ended(void *ctx, struct gs_grpc_stream *stream, enum gs_grpc_status status,
                     const char *text)
{
    (void)stream;
    (void)status;
    *(unsigned *)ctx += text == NULL ? 2 : 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct gs_grpc_events events = {.message = on_message, .ended = on_ended};
    unsigned n_ended = 0;
    struct gs_grpc_session *session =
        gs_grpc_session_new(&(struct gs_grpc_config){false, 65536, &events, &n_ended, NULL});
    struct gs_grpc_stream *stream;
    gs_grpc_session_call(session, "/a/b", gs_view("x"), 1000000, 0, &stream, NULL);
    feed(session, data, size);
    gs_grpc_session_free(session);
    return n_ended == 1 ? 0 : (abort(), 0);
}
