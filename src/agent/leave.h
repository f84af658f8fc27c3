/* leave: the way out of a running agent, so that no pod fails on it.
 *
 * When a plugin goes, the kubelet refuses every pod that asks for its devices until the next one is
 * there, and such a pod fails for good. So the scheduler is told first that nothing is free
 * (node.status, allocatable 0), and the pods that it had sent already are waited for. Belongs to
 * the loop. */
#pragma once

#include "agent/agent.h"

/* `done` is called, later, when nobody is on the way any more, or after a limit, or at once where
 * there is no API server. GS_NO_MEMORY. */
int gs_leave_begin(struct gs_agent *agent, void (*done)(void *ctx), void *ctx,
                   struct gs_leaving **ret, struct gs_err *err);

void gs_leave_free(struct gs_leaving *leaving); /* NULL is fine */
