/* kube_decode: what counts of Kubernetes' nodes and pods, from their JSON. Pure. */
#pragma once

#include "base/arena.h"
#include "cluster/cluster.h"

struct json_t; /* jansson's */

/* All of the result lives in the arena. GS_INVALID: not what the API server sends; the text says
 * which field. GS_NO_MEMORY. */
int gs_kube_decode_node(const struct json_t *object, struct gs_arena *arena,
                        struct gs_cluster_node *ret, struct gs_err *err);

/* `resources`: the prefix of what is counted. GS_LIMIT: more containers or resources than a pod can
 * have (kubeask.h). */
int gs_kube_decode_pod(const struct json_t *object, const char *resources, struct gs_arena *arena,
                       struct gs_cluster_pod *ret, struct gs_err *err);
