/* Pods that stand in for slices which are to be kept free and are not there.
 *
 * Karpenter starts nodes only for pods. A stand-in is a pod that it sees: it asks for such a slice
 * on a node of the SlicePool, and says of itself that the scheduler found no node. No scheduler
 * knows its scheduler's name, so it is never bound, pulls nothing and holds nothing. It goes as
 * soon as the slices are there, or coming on a node that is. */
#include <stdio.h>
#include <string.h>

#include "controller/pools/work.h"
#include "wire/kubetime.h"
#include "wire/kubewait.h"

#define SCHEDULER "gpuslice.dev/nobody"
#define IMAGE "localhost/gpuslice-stand-in:never-pulled" /* a pod has to have one; never pulled */
#define SETTLES_US 5000000ull
enum { STAND_INS_MAX = 16 /* of a profile at a time */, KEY_BYTES_MAX = 2 * 254 };

/* "NAMESPACE/warm-POOL-1g-5gb-0". False: it would be too long. */
static bool key_of(const struct gs_pools *pools, const struct gs_pools_owner *owner, unsigned warm,
                   unsigned k, char ret[KEY_BYTES_MAX])
{
    char slice[GS_PROFILE_NAME_MAX + 1];
    gs_profile_name_format(&owner->pool.warm[warm].profile, slice);
    for (char *at = slice; *at != '\0'; at++) {
        *at = strchr(".+,", *at) != NULL ? '-' : *at;
    }
    int n = snprintf(ret, KEY_BYTES_MAX, "%s/warm-%s-%s-%u", pools->options.name_space,
                     owner->pool.name, slice, k);
    return n > 0 && (size_t)n - strlen(pools->options.name_space) - 1 <= 253;
}

static json_t *write_pod(const struct gs_pools_owner *owner, unsigned warm, const char *name)
{
    char resource[sizeof("nvidia.com/") + GS_PROFILE_NAME_MAX + 5] = "nvidia.com/";
    gs_profile_name_resource(&owner->pool.warm[warm].profile, resource + strlen(resource));
    return json_pack("{s:s, s:s, s:{s:s, s:{s:s}, s:[{s:s, s:s, s:s, s:s}]},"
                     " s:{s:s, s:{s:s}, s:[{s:s}], s:b, s:i, s:[{s:s, s:s, s:{s:{s:s}}}]}}",
                     "apiVersion", "v1", "kind", "Pod", "metadata", "name", name, "annotations",
                     GS_KUBEWAIT_WARM, owner->pool.name, "ownerReferences", "apiVersion",
                     GS_GPUNODE_GROUP "/" GS_GPUNODE_VERSION, "kind", "SlicePool", "name",
                     owner->pool.name, "uid", owner->pool.uid, "spec", "schedulerName", SCHEDULER,
                     "nodeSelector", GS_KARPENTER_POOL_LABEL, owner->pool.name, "tolerations",
                     "operator", "Exists", "automountServiceAccountToken", 0,
                     "terminationGracePeriodSeconds", 0, "containers", "name", "nothing", "image",
                     IMAGE, "resources", "limits", resource, "1");
}

/* What Karpenter looks for. */
static json_t *write_mark(const struct gs_pools *pools)
{
    char at[GS_KUBETIME_MAX];
    gs_kubetime_format(pools->real_us / 1000000 * 1000000, at);
    return json_pack("{s:{s:[{s:s, s:s, s:s, s:s, s:s}]}}", "status", "conditions", "type",
                     "PodScheduled", "status", "False", "reason", "Unschedulable", "message",
                     "stands in for a slice that its SlicePool keeps free", "lastTransitionTime",
                     at);
}

/* True: a request was begun. */
static bool put(struct gs_pools *pools, const struct gs_pools_owner *owner, unsigned warm,
                const char *key)
{
    const struct gs_store_pod *pod = gs_store_find_pod(pools->options.store, key);
    json_t *body = NULL;
    bool begun = false;
    if (pod == NULL) {
        body = write_pod(owner, warm, strchr(key, '/') + 1);
        begun = gs_pools_create_pod(pools, key, body);
    } else if (pod->stand_in && !pod->unschedulable) {
        body = write_mark(pools);
        begun = gs_pools_mark_pod(pools, key, body);
    }
    json_decref(body);
    return begun;
}

/* So many of each stand in; the others go. True: something was asked for. */
static bool look_at_owner(struct gs_pools *pools, const struct gs_pools_owner *owner)
{
    bool may =
        !owner->pool.deleting && owner->pool.scaling == GS_SLICEPOOL_OVERLAY && owner->n_offers > 0;
    bool begun = false;
    char key[KEY_BYTES_MAX];
    for (unsigned i = 0; i < owner->pool.n_warm; i++) {
        uint32_t wanted = !may ? 0 : owner->cold[i];
        for (unsigned k = 0; k < STAND_INS_MAX && key_of(pools, owner, i, k, key); k++) {
            const struct gs_store_pod *pod = gs_store_find_pod(pools->options.store, key);
            if (k < wanted) {
                begun |= put(pools, owner, i, key);
            } else if (pod != NULL && pod->stand_in && !pod->deleting) {
                begun |= gs_pools_delete_pod(pools, key);
            }
        }
    }
    return begun;
}

/* Whether a stand-in is one that its SlicePool still names. */
static bool is_known(const struct gs_pools *pools, const char *key)
{
    const struct gs_pools_owner *owner;
    char known[KEY_BYTES_MAX];
    size_t at = 0;
    while ((owner = gs_map_next(&pools->owners, &at)) != NULL) {
        for (unsigned i = 0; i < owner->pool.n_warm; i++) {
            for (unsigned k = 0; k < STAND_INS_MAX && key_of(pools, owner, i, k, known); k++) {
                if (strcmp(known, key) == 0) {
                    return true;
                }
            }
        }
    }
    return false;
}

/* `warm` was changed meanwhile. What is not in our namespace is not ours. */
static void drop_unknown(struct gs_pools *pools)
{
    size_t n = strlen(pools->options.name_space);
    size_t at = 0;
    for (struct gs_store_pod *pod; (pod = gs_map_next(&pools->options.store->pods, &at)) != NULL;) {
        if (pod->stand_in && !pod->deleting &&
            strncmp(pod->key, pools->options.name_space, n) == 0 && pod->key[n] == '/' &&
            !is_known(pools, pod->key)) {
            (void)gs_pools_delete_pod(pools, pod->key);
        }
    }
}

void gs_pools_stand_ins(struct gs_pools *pools)
{
    size_t at = 0;
    for (struct gs_pools_owner *owner; (owner = gs_map_next(&pools->owners, &at)) != NULL;) {
        if (pools->now_us >= owner->stand_ins_us && look_at_owner(pools, owner)) {
            owner->stand_ins_us = pools->now_us + SETTLES_US; /* until the watch shows it */
        }
        bool looks = owner->stand_ins_us > pools->now_us;
        pools->due_us =
            looks && owner->stand_ins_us < pools->due_us ? owner->stand_ins_us : pools->due_us;
    }
    if (pools->options.store->n_stand_ins > 0) {
        drop_unknown(pools);
    }
}
