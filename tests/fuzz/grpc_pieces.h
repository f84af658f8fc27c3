/* grpc_pieces: hands an input to a session of gRPC, as the targets of both roles do. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "wire/grpc.h"

/* In pieces whose size the first byte says, taking what the session answers, while time passes. */
static inline void feed(struct gs_grpc_session *session, const uint8_t *data, size_t size)
{
    size_t piece = size == 0 ? 1 : data[0] + 1u;
    int r = 0;
    for (size_t at = 1; at < size && r == 0; at += piece) {
        struct gs_view bytes = {(const char *)data + at, piece < size - at ? piece : size - at};
        r = gs_grpc_session_recv(session, bytes, at, NULL);
        do {
            r = r < 0 ? r : gs_grpc_session_pull(session, at, &bytes, NULL);
        } while (r == 0 && bytes.n > 0);
        gs_grpc_session_expire(session, at * 1000);
    }
}
