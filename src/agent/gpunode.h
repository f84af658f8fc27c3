/* gpunode: the GpuNode of this node. Belongs to the loop.
 *
 * Writes what the hardware is and who holds it into its status (wire/gpunode.h), and takes up what
 * the controller wants of single GPUs from its spec. docs/internals/agent.md, "The GpuNode". */
#pragma once

#include "agent/recut.h"
#include "base/err.h"

struct gs_agent;
struct gs_agentnode;
struct json_t; /* jansson's */

/* Speaks to nobody until it knows the node. NULL: no API server of Kubernetes. GS_NO_MEMORY. */
int gs_agentnode_new(struct gs_agent *agent, struct gs_agentnode **ret, struct gs_err *err);
void gs_agentnode_free(struct gs_agentnode *node); /* NULL is fine, as below */

/* The node as the API server has it; NULL: there is none. */
void gs_agentnode_node(struct gs_agentnode *node, const char *uid);

/* Hardware, health, or what is offered may have changed. */
void gs_agentnode_update(struct gs_agentnode *node);

/* It was found out anew who holds what. */
void gs_agentnode_found(struct gs_agentnode *node);

/* The kubelet was granted a slice. */
void gs_agentnode_granted(struct gs_agentnode *node);

/* An order ended, whoever gave it. */
void gs_agentnode_ended(struct gs_agentnode *node, const struct gs_order_result *result);

/* Hardware, lists, kubelet and node.status agree. */
void gs_agentnode_settled(struct gs_agentnode *node);

/* For /debug/state: wishes and their answers. The reference is the caller's; NULL: no memory. */
struct json_t *gs_agentnode_json(const struct gs_agentnode *node);
