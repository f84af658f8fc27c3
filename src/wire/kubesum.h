/* kubesum: what a pod holds at most of several resources, from what its containers ask for.
 *
 * Containers and sidecars (init containers with restartPolicy Always) run at the same time; the
 * other init containers run before them, one at a time, each beside the sidecars that stand before
 * it in the list. What a container asks for is read by the caller, who knows the resources. */
#pragma once

#include <stdint.h>

#include "base/err.h"

struct json_t;

enum { GS_KUBESUM_MAX = 32 /* different resources */, GS_KUBESUM_CONTAINERS_MAX = 1000 };

/* An amount a resource, by the caller's numbers. */
struct gs_kubesum {
    uint64_t of[GS_KUBESUM_MAX];
};

/* Adds; what is more than UINT64_MAX stays that. */
void gs_kubesum_add(uint64_t *sum, uint64_t more);

/* Reads one container into *ret_sum, all of which it writes. */
typedef int gs_kubesum_read(void *ctx, const struct json_t *container, struct gs_kubesum *ret_sum,
                            struct gs_err *err);

/* `spec`: a pod's. What `read` says, or GS_INVALID where the lists are wrong, or GS_LIMIT: more
 * than GS_KUBESUM_CONTAINERS_MAX in one of them. */
int gs_kubesum_pod(const struct json_t *spec, gs_kubesum_read *read, void *ctx,
                   struct gs_kubesum *ret_sum, struct gs_err *err);
