/* What runs on the nodes of a SlicePool, by what it asks for: it may come again. */
#include <string.h>

#include "controller/pools/work.h"

/* Pods that ask for so many of a resource. */
struct group {
    struct gs_store_want want;
    uint64_t pods;
    uint64_t cpu_milli; /* of all */
    uint64_t memory_bytes;
};

struct groups {
    struct group at[GS_POOLS_RUNNING_MAX];
    size_t n;
};

/* What is beyond GS_POOLS_RUNNING_MAX kinds is left out. */
static struct group *group_of(struct groups *groups, struct gs_store_want want)
{
    for (size_t i = 0; i < groups->n; i++) {
        if (groups->at[i].want.resource == want.resource &&
            groups->at[i].want.count == want.count) {
            return &groups->at[i];
        }
    }
    if (groups->n == GS_POOLS_RUNNING_MAX) {
        return NULL;
    }
    groups->at[groups->n] = (struct group){.want = want};
    return &groups->at[groups->n++];
}

static void count_pod(struct groups *groups, const struct gs_store_pod *pod)
{
    for (unsigned i = 0; i < pod->n_wants; i++) {
        struct group *group = group_of(groups, pod->wants[i]);
        if (group != NULL) {
            group->pods++;
            group->cpu_milli += i == 0 ? pod->cpu_milli : 0;
            group->memory_bytes += i == 0 ? pod->memory_bytes : 0;
        }
    }
}

static int make_item(const struct gs_store *store, const struct group *group,
                     struct gs_arena *arena, struct gs_item *ret, struct gs_err *err)
{
    struct gs_want *want = GS_ARENA_NEW(arena, struct gs_want, 1);
    struct gs_alternative *alternative = GS_ARENA_NEW(arena, struct gs_alternative, 1);
    if (want == NULL || alternative == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for what runs");
    }
    bool whole = group->want.resource == 0;
    *want = (struct gs_want){.whole_gpu = whole, .count = group->want.count};
    if (!whole) {
        want->profile = store->resources[group->want.resource];
    }
    *alternative = (struct gs_alternative){.wants = want, .n_wants = 1};
    *ret = (struct gs_item){.name = "runs",
                            .count = group->pods,
                            .cpu_milli = group->cpu_milli / group->pods,
                            .memory_bytes = group->memory_bytes / group->pods,
                            .alternatives = alternative,
                            .n_alternatives = 1};
    return 0;
}

int gs_pools_running(const struct gs_pools *pools, const struct gs_pools_owner *owner,
                     struct gs_arena *arena, const struct gs_item **ret, size_t *ret_n,
                     struct gs_err *err)
{
    const struct gs_store *store = pools->options.store;
    struct groups groups = {.n = 0};
    const struct gs_store_node *node;
    size_t at = 0;
    while ((node = gs_map_next(&store->nodes, &at)) != NULL) {
        bool ours = node->slicepool != NULL && strcmp(node->slicepool, owner->pool.name) == 0;
        for (const struct gs_store_pod *pod = ours ? node->pods : NULL; pod != NULL;
             pod = pod->next) {
            if (!pod->deleting && !pod->daemon) {
                count_pod(&groups, pod);
            }
        }
    }
    struct gs_item *items = GS_ARENA_NEW(arena, struct gs_item, groups.n + 1);
    if (items == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for what runs");
    }
    for (size_t i = 0; i < groups.n; i++) {
        int r = make_item(store, &groups.at[i], arena, &items[i], err);
        if (r != 0) {
            return r;
        }
    }
    *ret = items;
    *ret_n = groups.n;
    return 0;
}
