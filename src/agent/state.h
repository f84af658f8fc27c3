/* state: everything that the agent knows, as JSON for /debug/state and `gpuslice-agent state`.
 * docs/agent.md has the keys. */
#pragma once

#include "agent/gpunode.h"
#include "agent/monitor.h"
#include "agent/offering.h"
#include "agent/plugin.h"
#include "agent/status.h"
#include "agent/trouble.h"
#include "base/buf.h"

struct gs_state {
    const char *node_name;
    const struct gs_agentconfig *config;
    const struct gs_offering *offering;
    const struct gs_plugins *plugins;
    const struct gs_status *status;
    const struct gs_troubles *troubles;
    const struct gs_findings *findings; /* NULL: nothing was read yet */
    const struct gs_agentnode *gpunode; /* NULL: there is no API server */
    const struct gs_metrics_counters *counters;
    bool ready;
};

/* Appends one document with a line feed at its end. `out` keeps a failure. */
void gs_state_write(const struct gs_state *state, struct gs_buf *out);

/* How an order ended, likewise. */
void gs_state_write_result(const struct gs_order_result *result, struct gs_buf *out);
