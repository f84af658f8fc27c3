/* http_slow: connections that take their time to say what they want. Of http_server.c only.
 *
 * libmicrohttpd ends a connection when no byte has come for a while; one that sends a byte now and
 * then keeps its place for ever. Here each has so long for the whole of its next request, and when
 * all places are taken the one that has waited longest makes room. Belongs to the loop. */
#pragma once

#include <stdbool.h>

#include <microhttpd.h>
#include <systemd/sd-event.h>

#include "base/err.h"

struct gs_http_slow;

/* `limit_us`: for a request, its body too. GS_NO_MEMORY, GS_IO. */
int gs_http_slow_new(sd_event *event, uint64_t limit_us, unsigned max_connections,
                     struct gs_http_slow **ret, struct gs_err *err);
void gs_http_slow_free(struct gs_http_slow *slow);

/* A request is waited for; has come; and the connection is gone. */
void gs_http_slow_waits(struct gs_http_slow *slow, struct MHD_Connection *connection);
void gs_http_slow_came(struct gs_http_slow *slow, struct MHD_Connection *connection);
void gs_http_slow_gone(struct gs_http_slow *slow, struct MHD_Connection *connection);

/* Whether all places are taken, from now on. */
void gs_http_slow_full(struct gs_http_slow *slow, bool full);
