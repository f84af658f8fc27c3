/* kuberequest: what a pod asks for in all, by the scheduler's rule.
 *
 * Containers and sidecars run together; a plain init container runs beside the sidecars started
 * before it, and only the largest of those moments counts. Requests of the pod as a whole take the
 * place of its containers' for cpu and memory, and the overhead of its runtime class is added.
 * Where a container gives only a limit, that is its request, as the API server fills it in.
 * Source: k8s.io/component-helpers/resource, PodRequests. Resources of a resize under way
 * (status.containerStatuses) are not looked at. */
#pragma once

#include "core/demand.h"

struct json_t;

enum { GS_KUBEREQUEST_OTHERS_MAX = 16 };

/* So much of a resource: bytes, pages in bytes, or a count. */
struct gs_kubeamount {
    const char *name;
    uint64_t amount;
};

struct gs_kuberequest {
    uint64_t cpu_milli;
    uint64_t memory_bytes;
    struct gs_want wants[GS_WANTS_MAX]; /* whole GPUs and slices, by resource name; none twice */
    size_t n_wants;
    struct gs_kubeamount others[GS_KUBEREQUEST_OTHERS_MAX]; /* of all else, none of them 0 */
    size_t n_others;
    bool more_others;       /* there are more kinds than these */
    bool ephemeral_storage; /* some is asked for */
    bool hugepages;
    const char *other;   /* another resource that is asked for, the first of several; or NULL */
    const char *refused; /* an NVIDIA resource that does not say which hardware it means: a shared
                            one, or a profile that is not one; the first of several; or NULL */
};

/* Reads a pod's "spec"; texts are borrowed from it. GS_INVALID: an amount or a type that is wrong.
 * GS_LIMIT: more containers, different GPU resources or amounts than a demand item may have. */
int gs_kuberequest_parse(const struct json_t *spec, struct gs_kuberequest *ret, struct gs_err *err);
