/* Which Karpenter runs: one that does not keep limits.nodes is given nothing to buy from. */
#include <stdio.h>
#include <string.h>

#include "controller/pools/work.h"

#define PROVIDER "karpenter.k8s.aws" /* whose images' versions are Karpenter's */

static struct gs_pools_karpenter *find(struct gs_pools *pools, const char *pod)
{
    for (unsigned i = 0; i < pools->n_karpenters; i++) {
        if (strcmp(pools->karpenters[i].pod, pod) == 0) {
            return &pools->karpenters[i];
        }
    }
    return NULL;
}

static void drop(struct gs_pools *pools, struct gs_pools_karpenter *one)
{
    *one = pools->karpenters[--pools->n_karpenters];
}

void gs_pools_begin_pods(struct gs_pools *pools)
{
    for (unsigned i = 0; i < pools->n_karpenters; i++) {
        pools->karpenters[i].seen = false;
    }
}

void gs_pools_end_pods(struct gs_pools *pools)
{
    for (unsigned i = pools->n_karpenters; i-- > 0;) {
        if (!pools->karpenters[i].seen) {
            drop(pools, &pools->karpenters[i]);
        }
    }
}

/* Where its chart is installed. Elsewhere a pod may call itself what it likes, and must not stop
 * what others buy. */
static bool is_its_place(const char *space)
{
    return space != NULL && (strcmp(space, "kube-system") == 0 || strcmp(space, "karpenter") == 0);
}

void gs_pools_see_pod(struct gs_pools *pools, const struct json_t *pod, bool gone)
{
    struct gs_karpenter_version version;
    const json_t *metadata = json_object_get(pod, "metadata");
    const char *space = json_string_value(json_object_get(metadata, "namespace"));
    const char *name = json_string_value(json_object_get(metadata, "name"));
    bool runs = !gone && is_its_place(space) && gs_karpenter_version_read(pod, &version);
    char key[sizeof(pools->karpenters[0].pod)];
    if ((!runs && pools->n_karpenters == 0) || space == NULL || name == NULL ||
        (size_t)snprintf(key, sizeof(key), "%s/%s", space, name) >= sizeof(key)) {
        return;
    }
    struct gs_pools_karpenter *one = find(pools, key);
    if (!runs) {
        if (one != NULL) {
            drop(pools, one);
        }
        return;
    }
    if (one == NULL && pools->n_karpenters < GS_POOLS_KARPENTERS_MAX) {
        one = &pools->karpenters[pools->n_karpenters++];
    }
    if (one != NULL) {
        *one = (struct gs_pools_karpenter){.version = version, .seen = true};
        memcpy(one->pod, key, sizeof(key));
    }
}

const struct gs_pools_karpenter *gs_pools_too_old(const struct gs_pools *pools,
                                                  const struct gs_pools_owner *owner)
{
    bool bound = owner->pool.scaling == GS_SLICEPOOL_OVERLAY &&
                 owner->pool.node_class.group != NULL &&
                 strcmp(owner->pool.node_class.group, PROVIDER) == 0;
    for (unsigned i = 0; i < pools->n_karpenters && bound; i++) {
        bound = !gs_karpenter_version_keeps_limits(&pools->karpenters[i].version);
    }
    return bound && pools->n_karpenters > 0 ? &pools->karpenters[0] : NULL;
}
