#include "cloud/pooloffers.h"

#include <stdio.h>
#include <string.h>

#include "cloud/poolprofiles.h"

enum { LABELS_MAX = GS_SLICEPOOL_LABELS_MAX + 24 };
#define POOL_LABEL "gpuslice.dev/slicepool"

struct making {
    struct gs_arena *arena;
    const struct gs_slicepool *pool;
    struct gs_view region;
    struct gs_pooloffers *ret;
};

static void leave_out(struct making *making, const char *why)
{
    size_t n = strlen(making->ret->left_out);
    snprintf(making->ret->left_out + n, sizeof(making->ret->left_out) - n, "%s%s",
             n == 0 ? "" : "; ", why);
}

/* ---- what a node of it would carry ---- */

static void put_label(struct gs_label *labels, size_t *n, const char *key, const char *value)
{
    size_t i = 0;
    while (i < *n && strcmp(labels[i].key, key) != 0) {
        i++;
    }
    if (i == LABELS_MAX) {
        return;
    }
    labels[i] = (struct gs_label){.key = key, .value = value};
    *n += i == *n;
}

static void drop_label(struct gs_label *labels, size_t *n, const char *key)
{
    for (size_t i = 0; i < *n; i++) {
        if (strcmp(labels[i].key, key) == 0) {
            labels[i] = labels[--*n];
            return;
        }
    }
}

/* The instance type's labels, the SlicePool's and ours; which capacity type and zone it will be is
 * known only where there is one. */
static int put_facts(struct making *making, struct gs_offer *offer, struct gs_err *err)
{
    const struct gs_slicepool *pool = making->pool;
    const struct gs_node_facts *plain = offer->facts;
    struct gs_node_facts *facts = GS_ARENA_NEW(making->arena, struct gs_node_facts, 1);
    struct gs_label *labels = GS_ARENA_NEW(making->arena, struct gs_label, LABELS_MAX);
    size_t n = 0;
    if (facts == NULL || labels == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the labels of SlicePool %s", pool->name);
    }
    for (size_t i = 0; i < plain->n_labels; i++) {
        put_label(labels, &n, plain->labels[i].key, plain->labels[i].value);
    }
    drop_label(labels, &n, "karpenter.sh/capacity-type");
    if (pool->n_capacity_types == 1) {
        put_label(labels, &n, "karpenter.sh/capacity-type", pool->capacity_types[0]);
    }
    if (pool->n_zones == 1) {
        put_label(labels, &n, "topology.kubernetes.io/zone", pool->zones[0]);
    }
    for (unsigned i = 0; i < pool->n_labels; i++) {
        put_label(labels, &n, pool->labels[i].key, pool->labels[i].value);
    }
    put_label(labels, &n, POOL_LABEL, pool->name);
    *facts = (struct gs_node_facts){.labels = labels,
                                    .n_labels = n,
                                    .taints = pool->taints,
                                    .n_taints = pool->n_taints,
                                    .labels_by_pool = true};
    offer->facts = facts;
    return 0;
}

/* ---- what it may be cut into ---- */

static bool put_profiles(struct making *making, struct gs_offer *offer)
{
    const struct gs_slicepool *pool = making->pool;
    offer->profiles = 0;
    for (unsigned i = 0; i < pool->n_profiles && offer->model != NULL; i++) {
        int p = gs_model_profile_index(offer->model, &pool->profiles[i]);
        offer->profiles = (uint16_t)(offer->profiles | (p < 0 ? 0u : 1u << p));
    }
    return pool->n_profiles == 0 || offer->model == NULL || offer->profiles != 0;
}

/* Profiles that would be waited for in vain; the rest is served all the same. */
static void find_unmade(const struct gs_slicepool *pool, char ret[GS_POOLOFFERS_TEXT_MAX])
{
    size_t n = 0;
    ret[0] = '\0';
    for (unsigned i = 0; i < pool->n_profiles && n < GS_POOLOFFERS_TEXT_MAX; i++) {
        char text[GS_POOLPROFILES_TEXT_MAX];
        struct gs_near near;
        if (gs_poolprofiles_lack(pool->instance_types, pool->n_instance_types, &pool->profiles[i],
                                 text, &near)) {
            int k = snprintf(ret + n, GS_POOLOFFERS_TEXT_MAX - n, "%s%s", n == 0 ? "" : ". ", text);
            n += k > 0 ? (size_t)k : 0;
        }
    }
}

static int make_offer(struct making *making, const char *type, struct gs_err *err)
{
    const struct gs_instance *instance;
    struct gs_offer *offer = &making->ret->at[making->ret->n];
    struct gs_err why;
    char text[300];
    int r = gs_instance_find(gs_view(type), &instance, &why);
    r = r == 0 ? gs_offer_of_instance(making->arena, instance, making->region,
                                      &gs_node_overhead_default, offer, &why)
               : r;
    if (r == GS_NO_MEMORY) {
        *err = why;
        return r;
    }
    if (r != 0) {
        leave_out(making, why.msg);
        return 0;
    }
    if (!put_profiles(making, offer)) {
        snprintf(text, sizeof(text), "the GPUs of %s (%s) have none of the profiles", type,
                 offer->gpu_name);
        leave_out(making, text);
        return 0;
    }
    const struct gs_slicepool *pool = making->pool;
    if (pool->n_capacity_types == 1 && strcmp(pool->capacity_types[0], "spot") == 0) {
        offer->price_uusd = offer->price_uusd * pool->spot_percent / 100; /* no table has it */
    }
    r = put_facts(making, offer, err);
    making->ret->n += r == 0;
    return r;
}

int gs_pooloffers_make(struct gs_arena *arena, const struct gs_slicepool *pool,
                       struct gs_view region, struct gs_pooloffers *ret, struct gs_err *err)
{
    struct making making = {.arena = arena, .pool = pool, .region = region, .ret = ret};
    int r = 0;
    ret->n = 0;
    ret->left_out[0] = '\0';
    find_unmade(pool, ret->unmade);
    if (region.n == 0) {
        leave_out(&making, "in which region prices are to be looked up is not known: no node has "
                           "the label topology.kubernetes.io/region; start the controller with "
                           "--region");
        return 0;
    }
    for (unsigned i = 0; r == 0 && i < pool->n_instance_types; i++) {
        r = make_offer(&making, pool->instance_types[i], err);
    }
    return r;
}
