/* grpc_client: one question to a gRPC server on a unix socket, from the loop.
 *
 * Each question has a connection of its own: they are rare (Register, List), and a server that was
 * restarted is found anew. All functions belong to the loop's thread. */
#pragma once

#include <systemd/sd-event.h>

#include "base/err.h"
#include "base/view.h"
#include "wire/grpc_status.h"

struct gs_grpc_ask;

/* Calls `method` ("/v1.PodResourcesLister/List") with `request`, which is copied, and tells `done`
 * within `limit_us`: never from inside this function, and exactly once unless the question is
 * cancelled. r is 0 and `response` lives until `done` returns; or r < 0 with `err`: what
 * gs_grpc_status_code makes of the server's status, GS_IO where nobody serves at the path or the
 * connection broke, GS_LIMIT when time is over, GS_INVALID where the other side does not speak
 * gRPC. `done` may ask again. The question is gone when `done` is called; `ret` may be NULL.
 * GS_LIMIT: a path too long for a socket, or a request larger than GS_GRPC_MESSAGE_MAX.
 * GS_NO_MEMORY, GS_IO: `done` is not called. */
int gs_grpc_ask(sd_event *event, const char *socket_path, const char *method,
                struct gs_view request, uint64_t limit_us,
                void (*done)(void *ctx, int r, struct gs_view response, const struct gs_err *err),
                void *ctx, struct gs_grpc_ask **ret, struct gs_err *err);

/* `done` is not called any more. Not after it was called, and not with NULL. */
void gs_grpc_ask_cancel(struct gs_grpc_ask *ask);
