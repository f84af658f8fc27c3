/* agent_work: what the files of agent share: whom its parts tell what. Private to
 * src/agent/agent*.c.
 *
 * All on the loop; `ctx` is the struct gs_agent. */
#pragma once

#include "agent/agent.h"

/* ---- agent_offers.c: what is offered, and what goes and comes with a re-cut ---- */
void gs_agent_on_offer(void *ctx, struct gs_box *box);
void gs_agent_on_sent(void *ctx);
void gs_agent_on_granted(void *ctx);
void gs_agent_on_lower(void *ctx, struct gs_recut_leaving *leaving, struct gs_await *await);
void gs_agent_on_retire(void *ctx, struct gs_await *await);
void gs_agent_on_give_up(void *ctx);
void gs_agent_on_restore(void *ctx);

bool gs_agent_copy_grants(void *ctx, struct gs_arena *arena, struct gs_holding_input *input);
void gs_agent_on_seen(void *ctx, const struct gs_holding_input *input, uint64_t started_us);

void gs_agent_on_driver(void *ctx, const struct gs_err *err);
void gs_agent_on_event(void *ctx, const struct gs_gpu_event *event);
void gs_agent_on_found(void *ctx, struct gs_findings *findings);

/* ---- agent_orders.c: layouts that somebody wants ---- */
void gs_agent_on_begun(void *ctx, const struct gs_order *order);
void gs_agent_on_ended(void *ctx, const struct gs_order_result *result);
void gs_agent_order_layout(struct gs_agent *agent, enum gs_order_origin origin, const char *name);
void gs_agent_on_wanted(void *ctx, const char *name);

/* ---- agent_cluster.c: the node in the cluster ---- */
int gs_agent_join_cluster(struct gs_agent *agent, struct gs_err *err);
int gs_agent_watch_node(struct gs_agent *agent, struct gs_err *err);

/* Hardware, lists and node.status agree: the startup taint may go. */
void gs_agent_on_settled(void *ctx);
