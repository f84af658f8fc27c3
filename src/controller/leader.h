/* leader: the label gpuslice.dev/leader on the pod of the controller that decides, on no other.
 *
 * By it a Service finds the one replica that knows why pods wait (deploy/dashboard/rights.yaml),
 * and people do with kubectl. The Lease says who decides; the label only follows it: who leads
 * takes it from other pods of its namespace, puts it on its own, and looks once a minute that it is
 * so. Who does not lead takes it from its own. A controller in no pod has no label. Belongs to the
 * loop. */
#pragma once

#include <stdbool.h>

#include "cluster/kube.h"

#define GS_LEADER_LABEL "gpuslice.dev/leader"

struct gs_leader;

/* Begins as one that does not lead. `kube` outlives it; texts are copied; `pod` is the own pod's
 * name. GS_INVALID: a name of more than 253 bytes; GS_NO_MEMORY, GS_IO. */
int gs_leader_new(struct gs_kube *kube, const char *name_space, const char *pod,
                  struct gs_leader **ret, struct gs_err *err);
void gs_leader_free(struct gs_leader *leader);

void gs_leader_set(struct gs_leader *leader, bool leads);
