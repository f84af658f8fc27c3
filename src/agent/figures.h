/* figures: what is known of the node now, for those who tell of it: /metrics, CloudWatch. */
#pragma once

#include "agent/agent.h"
#include "node/metrics.h"

/* False: nothing is offered yet. Borrowed from the agent, until it turns its loop again. */
bool gs_figures_now(const struct gs_agent *agent, struct gs_metrics_input *ret);

struct gs_figures; /* lines for CloudWatch on stdout, every so often */

/* GS_NO_MEMORY, GS_IO. */
int gs_figures_new(struct gs_agent *agent, struct gs_figures **ret, struct gs_err *err);
void gs_figures_free(struct gs_figures *figures); /* NULL is fine */
