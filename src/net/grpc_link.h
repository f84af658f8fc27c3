/* grpc_link: a gRPC session (wire/grpc) on a socket, on the loop. What grpc_server and grpc_client
 * share. */
#pragma once

#include <systemd/sd-event.h>

#include "wire/grpc.h"

struct gs_grpc_link;

/* Takes `fd`, a connected socket that does not block, but only on success. `down` is told once,
 * from the loop and not while an event of the session is told, that the connection is over: r is 0
 * where the other side ended it in order, else negative with `err`; the link is to be freed then.
 * GS_IO, GS_NO_MEMORY. */
int gs_grpc_link_new(sd_event *event, int fd, const struct gs_grpc_config *config,
                     void (*down)(void *ctx, int r, const struct gs_err *err), void *ctx,
                     struct gs_grpc_link **ret, struct gs_err *err);

/* Stops the session, sends what can be sent at once, and closes. May be called from inside an event
 * of the session. NULL is fine. */
void gs_grpc_link_free(struct gs_grpc_link *link);

struct gs_grpc_session *gs_grpc_link_session(const struct gs_grpc_link *link);

/* Something was done with the session: its bytes are to go out when the loop comes around. */
void gs_grpc_link_poke(struct gs_grpc_link *link);

/* The loop's time, CLOCK_MONOTONIC. */
uint64_t gs_grpc_link_now(const struct gs_grpc_link *link);

/* When something was last received. */
uint64_t gs_grpc_link_last_us(const struct gs_grpc_link *link);
