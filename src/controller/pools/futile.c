/* Nodes that came for a pod and do not hold it.
 *
 * We decide by what we know of nodes; the scheduler knows more, and a node may have less than its
 * instance type promises. A pod that such a node cannot have would be bought for again and again,
 * up to the limits. So where a node of the kind came after the pod was first bought for, is ready,
 * its agent has told of its GPUs, it is empty, and the pod still needs a new one: nothing more of
 * that instance type is bought for it, until the SlicePool is changed or the pod is made anew. Kept
 * in memory: a controller that is started again buys once more at most. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "controller/pools/work.h"

#define SETTLES_US 10000000ull /* bookings and the scheduler have had their turn */
#define SETTLES_LEAST_US 1000000ull

enum { TAKEN_AT_ONCE = 256 };

/* What does not help a pod. */
struct futile {
    char owner[GS_KARPENTER_NAME_MAX + 1];
    char type[64]; /* the instance type that does not hold it */
    char why[GS_POOLS_WHY_MAX];
};

/* A pod that is bought for; there may be a hundred thousand. */
struct bought {
    uint64_t since_us;     /* CLOCK_REALTIME: bought for since then */
    uint64_t generation;   /* of the SlicePool */
    uint32_t of;           /* its uid and the SlicePool's name: a hash */
    struct futile *futile; /* NULL: no node has come in vain */
    char key[];            /* "namespace/name" */
};

static void free_bought(struct bought *record)
{
    free(record->futile);
    free(record);
}

static uint32_t hash_of(const char *a, const char *b)
{
    uint32_t hash = 2166136261u;
    for (; *a != '\0'; a++) {
        hash = (hash ^ (unsigned char)*a) * 16777619u;
    }
    for (; *b != '\0'; b++) {
        hash = (hash ^ (unsigned char)*b) * 16777619u;
    }
    return hash;
}

/* ---- nodes that are idle ---- */

bool gs_pools_is_cordoned(const struct gs_store_node *node)
{
    bool cordoned = false;
    for (size_t i = 0; i < node->node.facts.n_taints; i++) {
        cordoned |= strcmp(node->node.facts.taints[i].key, "node.kubernetes.io/unschedulable") == 0;
    }
    return cordoned && !node->leaving;
}

bool gs_pools_is_empty(const struct gs_store_node *node)
{
    bool empty = !node->held && !node->holding && node->wishes == NULL;
    for (const struct gs_store_pod *pod = node->pods; pod != NULL && empty; pod = pod->next) {
        empty = pod->daemon;
    }
    return empty;
}

static bool is_idle(const struct gs_pools_claim *claim, const struct gs_store_node *node)
{
    bool idle = node != NULL && claim->has.initialized && !claim->has.deleting && !claim->ending &&
                node->known && node->ready && node->has_gpus && node->n_gpus > 0 &&
                !node->starting && !node->deleting && !gs_pools_is_cordoned(node) &&
                gs_pools_is_empty(node);
    for (unsigned i = 0; idle && i < node->n_gpus; i++) {
        idle = node->gpus[i].healthy;
    }
    return idle;
}

void gs_pools_look_at_idle(struct gs_pools *pools)
{
    size_t at = 0;
    pools->n_idle = 0;
    for (struct gs_pools_claim *claim; (claim = gs_map_next(&pools->claims, &at)) != NULL;) {
        const struct gs_store_node *node =
            claim->has.node[0] == '\0' ? NULL
                                       : gs_store_find_node(pools->options.store, claim->has.node);
        bool idle = is_idle(claim, node);
        claim->idle_us = !idle ? 0 : claim->idle_us != 0 ? claim->idle_us : pools->now_us;
        if (idle && pools->n_idle < GS_POOLS_IDLE_MAX) {
            pools->idle[pools->n_idle++] = claim;
        }
    }
}

/* Before it goes for being empty. */
static uint64_t settled_at(const struct gs_pools_owner *owner, const struct gs_pools_claim *claim)
{
    uint64_t rest_us = (uint64_t)owner->pool.empty_after_s * 1000000 / 2;
    rest_us = rest_us > SETTLES_US ? SETTLES_US : rest_us;
    return claim->idle_us + (rest_us < SETTLES_LEAST_US ? SETTLES_LEAST_US : rest_us);
}

/* ---- pods ---- */

/* NULL: no memory. */
static struct bought *record_of(struct gs_pools *pools, const struct gs_store_pod *pod)
{
    struct bought *record = gs_map_find(&pools->bought, pod->key);
    if (record != NULL) {
        return record;
    }
    size_t n = strlen(pod->key) + 1;
    record = calloc(1, sizeof(*record) + n);
    if (record == NULL) {
        return NULL;
    }
    memcpy(record->key, pod->key, n);
    if (!gs_map_put(&pools->bought, record->key, record)) {
        free(record);
        return NULL;
    }
    return record;
}

/* Begins anew for another pod of that name, and for a SlicePool that was changed. */
static void begin_anew(const struct gs_pools *pools, const struct gs_pools_owner *owner,
                       const struct gs_store_pod *pod, struct bought *record)
{
    uint32_t of = hash_of(pod->uid, owner->pool.name);
    if (record->since_us == 0 || record->of != of || record->generation != owner->pool.generation) {
        free(record->futile);
        record->futile = NULL;
        record->of = of;
        record->generation = owner->pool.generation;
        record->since_us = pools->real_us;
    }
}

static bool is_futile(const struct bought *record, const struct gs_offer *offer)
{
    return record->futile != NULL && strcmp(record->futile->type, offer->name) == 0;
}

/* False: no memory. */
static bool note(struct bought *record, const struct gs_pools_owner *owner,
                 const struct gs_offer *offer, const struct gs_pools_claim *claim)
{
    struct futile *futile = record->futile != NULL ? record->futile : malloc(sizeof(*futile));
    if (futile == NULL) {
        return false;
    }
    snprintf(futile->owner, sizeof(futile->owner), "%s", owner->pool.name);
    snprintf(futile->type, sizeof(futile->type), "%.63s", offer->name);
    snprintf(futile->why, sizeof(futile->why),
             "node %.120s (%.63s) came for it, is empty and does not hold it: no other is bought "
             "for it until SlicePool %s is changed or the pod is made anew; kubectl describe pod "
             "has the scheduler's reasons",
             claim->has.node, offer->name, owner->pool.name);
    record->futile = futile;
    gs_log_warning("pod %s: %s", record->key, futile->why);
    return true;
}

/* Karpenter may start the next one where the pod can go: a label that is each node's own, as the
 * zone. A static NodePool's nodes come where they come. */
static bool may_differ(const struct gs_pools_owner *owner, const struct gs_store_pod *pod,
                       const struct gs_offer *offer, const struct gs_store_node *node)
{
    const struct gs_constraint *constraint = pod->waiting->pod.constraint;
    return owner->pool.scaling == GS_SLICEPOOL_OVERLAY &&
           gs_constraint_check(constraint, &node->node.facts, NULL) == GS_VERDICT_NO &&
           gs_constraint_check(constraint, offer->facts, NULL) == GS_VERDICT_UNKNOWN;
}

/* The node of the claim is one that would hold it, by all that we know of its kind. */
static bool came_for(const struct gs_pools *pools, const struct gs_pools_claim *claim,
                     const struct gs_pools_owner *owner, const struct gs_store_pod *pod,
                     const struct gs_offer *offer, uint64_t since_us)
{
    const struct gs_pools_part *part = gs_map_find(&pools->parts, claim->has.pool);
    const struct gs_store_node *node = gs_store_find_node(pools->options.store, claim->has.node);
    const struct gs_kubepod *asks = &pod->waiting->pod;
    const struct gs_alternative wants = {.wants = asks->wants, .n_wants = asks->n_wants};
    const struct gs_item item = {.name = asks->id,
                                 .count = 1,
                                 .cpu_milli = asks->cpu_milli,
                                 .memory_bytes = asks->memory_bytes,
                                 .alternatives = &wants,
                                 .n_alternatives = 1};
    return part != NULL && part->of == owner && part->known &&
           strcmp(part->kind.offer->name, offer->name) == 0 &&
           claim->has.created_us + 1000000 > since_us && /* whole seconds */
           gs_karpenter_kind_holds(&part->kind, &item) > 0 && node != NULL &&
           !may_differ(owner, pod, offer, node);
}

enum gs_pools_help gs_pools_help(struct gs_pools *pools, const struct gs_pools_owner *owner,
                                 const struct gs_store_pod *pod, const struct gs_offer *offer,
                                 const char **ret_why)
{
    struct bought *record = record_of(pools, pod);
    if (record == NULL) {
        return GS_POOLS_BUYS; /* no memory to know better */
    }
    begin_anew(pools, owner, pod, record);
    for (size_t i = 0; i < pools->n_idle && !is_futile(record, offer); i++) {
        const struct gs_pools_claim *claim = pools->idle[i];
        if (!came_for(pools, claim, owner, pod, offer, record->since_us)) {
            continue;
        }
        if (pools->now_us < settled_at(owner, claim) || !note(record, owner, offer, claim)) {
            return GS_POOLS_SETTLES;
        }
    }
    if (!is_futile(record, offer)) {
        return GS_POOLS_BUYS;
    }
    *ret_why = record->futile->why;
    return GS_POOLS_FUTILE;
}

/* ---- after the pods ---- */

/* Taking out ends a walk, so that some are found at a time. */
static size_t find_gone(const struct gs_pools *pools, struct bought *ret[TAKEN_AT_ONCE])
{
    size_t n = 0;
    size_t at = 0;
    struct bought *record;
    while (n < TAKEN_AT_ONCE && (record = gs_map_next(&pools->bought, &at)) != NULL) {
        const struct gs_store_pod *pod = gs_store_find_pod(pools->options.store, record->key);
        if (pod == NULL || pod->waiting == NULL) {
            ret[n++] = record;
        }
    }
    return n;
}

void gs_pools_settle_idle(struct gs_pools *pools)
{
    struct bought *gone[TAKEN_AT_ONCE];
    size_t n_gone = find_gone(pools, gone);
    for (size_t i = 0; i < n_gone; i++) {
        (void)gs_map_take(&pools->bought, gone[i]->key);
        free_bought(gone[i]);
    }
    for (size_t i = 0; i < pools->n_idle; i++) {
        const struct gs_pools_part *part = gs_map_find(&pools->parts, pools->idle[i]->has.pool);
        uint64_t until =
            part == NULL || part->of == NULL ? 0 : settled_at(part->of, pools->idle[i]);
        if (pools->now_us < until) {
            gs_pools_look_again(pools, until);
        }
    }
}

void gs_pools_say_futile(const struct gs_pools *pools, const struct gs_pools_owner *owner,
                         char *ret, size_t size)
{
    const struct bought *first = NULL;
    const struct bought *record;
    uint64_t n = 0;
    size_t at = 0;
    ret[0] = '\0';
    while ((record = gs_map_next(&pools->bought, &at)) != NULL) {
        if (record->futile != NULL && strcmp(record->futile->owner, owner->pool.name) == 0) {
            first = first == NULL || strcmp(record->key, first->key) < 0 ? record : first;
            n++;
        }
    }
    if (n > 0) {
        snprintf(ret, size, "%" PRIu64 " pod%s not bought for again; %.200s: %s", n,
                 n == 1 ? " is" : "s are", first->key, first->futile->why);
    }
}

void gs_pools_forget_bought(struct gs_pools *pools)
{
    size_t at = 0;
    for (struct bought *one; (one = gs_map_next(&pools->bought, &at)) != NULL;) {
        free_bought(one);
    }
    gs_map_done(&pools->bought);
}
