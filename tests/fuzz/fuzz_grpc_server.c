/* A server takes any bytes of a client, in pieces, answers what it understands, and leaves nothing
 * behind. The first byte says how large the pieces are. */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "wire/grpc.h"

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
    size_t piece = size == 0 ? 1 : data[0] + 1u;
    int r = 0;
    for (size_t at = 1; at < size && r == 0; at += piece) {
        struct gs_view bytes = {(const char *)data + at, piece < size - at ? piece : size - at};
        r = gs_grpc_session_recv(session, bytes, at, NULL);
        while (r == 0 && (r = gs_grpc_session_pull(session, at, &bytes, NULL)) == 0 &&
               bytes.n > 0) {
        }
        gs_grpc_session_expire(session, at * 1000);
    }
    gs_grpc_session_free(session);
    return account.used == 0 ? 0 : (abort(), 0);
}
