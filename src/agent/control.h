/* control: the agent over HTTP.
 *
 *     GET  /healthz       the loop turns
 *     GET  /readyz        pods can be served; 503 and the reasons where not
 *     GET  /metrics       Prometheus
 *     GET  /debug/state   everything the agent knows, JSON
 *     POST /v1/apply      an order (docs/agent.md), JSON both ways; on the control socket only
 *
 * On http_address, and on the control socket, which root alone may open. */
#pragma once

#include "agent/agent.h"

/* GS_IO, GS_BUSY, GS_INVALID: an address that cannot be listened on. */
int gs_control_new(struct gs_agent *agent, struct gs_control **ret, struct gs_err *err);
void gs_control_free(struct gs_control *control);

/* An order of the socket has ended: whoever asked is answered. */
void gs_control_ended(struct gs_control *control, const struct gs_order_result *result);
