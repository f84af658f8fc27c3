/* kubeask: how many of some extended resources a pod holds, as the scheduler counts them.
 *
 * Containers and sidecars run together; a plain init container runs beside the sidecars that were
 * started before it, and only the largest of those moments counts. Where a container gives only a
 * limit, that is its request. Runtime overhead and amounts for the pod as a whole are of cpu and
 * memory only. Source: k8s.io/component-helpers/resource, PodRequests. (kuberequest.h reads pods as
 * planning needs them: known profiles only. This one takes every name of a prefix.) */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct json_t; /* jansson's */

enum { GS_KUBEASK_MAX = 24 /* different resources of one pod */ };
#define GS_KUBEASK_COUNT_MAX 1000000ull

struct gs_kubeask {
    const char *resource; /* borrowed from the pod */
    uint64_t count;       /* at least 1 */
};

/* Reads a pod's "spec"; the result is in the order of the names. GS_INVALID: an amount or a type
 * that is wrong; GS_LIMIT: a bound above, or more containers than GS_KUBESUM_CONTAINERS_MAX. */
int gs_kubeask_parse(const struct json_t *spec, const char *prefix,
                     struct gs_kubeask ret[GS_KUBEASK_MAX], size_t *ret_n, struct gs_err *err);
