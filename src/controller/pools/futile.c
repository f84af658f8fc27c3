/* Nodes that came for a pod and do not hold it.
 *
 * We decide by what we know of nodes; the scheduler knows more, and a node may have less than its
 * instance type promises. A pod that such a node cannot have would be bought for again and again,
 * up to the limits. So where a node of the kind came after the pod was first bought for, is ready,
 * its agent has told of its GPUs, it is empty, and the pod still needs a new one: nothing more of
 * that instance type is bought for it for a while, which is longer with each such node, or until
 * the SlicePool is changed or the pod is made anew. Kept in memory: a controller that is started
 * again buys once more at most. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "controller/pools/work.h"

#define SETTLES_US 10000000ull /* bookings and the scheduler have had their turn */
#define SETTLES_LEAST_US 1000000ull
#define TAINTED_US 600000000ull /* what taints a new node for a moment has gone by then */
#define VAIN_FIRST_US 600000000ull
#define VAIN_MOST_US 7200000000ull

enum { TAKEN_AT_ONCE = 256 };

/* What does not help a pod. */
struct futile {
    char owner[GS_KARPENTER_NAME_MAX + 1];
    char type[64]; /* the instance type that does not hold it */
    char why[GS_POOLS_WHY_MAX];
};

/* One instance type of one SlicePool that is bought for a pod. */
struct attempt {
    uint64_t since_us;     /* CLOCK_REALTIME: bought for since then */
    uint64_t until_us;     /* CLOCK_MONOTONIC: when `futile` lapses */
    uint64_t generation;   /* of the SlicePool */
    uint32_t of;           /* its name and the type: a hash */
    struct futile *futile; /* NULL: no node has come in vain */
};

/* A pod that is bought for; there may be a hundred thousand. */
struct bought {
    struct attempt *attempts;
    uint32_t of;  /* its uid: a hash */
    uint8_t n;    /* GS_POOLS_VAIN_MAX at most */
    uint8_t vain; /* nodes; no more than it takes to wait longest */
    char key[];   /* "namespace/name" */
};

static void forget_attempts(struct bought *record)
{
    for (unsigned i = 0; i < record->n; i++) {
        free(record->attempts[i].futile);
    }
    free(record->attempts);
    record->attempts = NULL;
    record->n = record->vain = 0;
}

static void free_bought(struct bought *record)
{
    forget_attempts(record);
    free(record);
}

static uint32_t hash_of(const char *a, const char *b)
{
    uint32_t between = gs_hash_on(GS_HASH_EMPTY, a) * GS_HASH_PRIME;
    return gs_hash_on(between, b);
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

static bool has_taint(const struct gs_node_facts *facts, const struct gs_taint *taint)
{
    bool has = false;
    for (size_t i = 0; i < facts->n_taints && !has; i++) {
        has = strcmp(facts->taints[i].key, taint->key) == 0 &&
              strcmp(facts->taints[i].effect, taint->effect) == 0;
    }
    return has;
}

/* By somebody who has to do something there first, as a driver of volumes. */
static bool is_bare(const struct gs_pools *pools, const struct gs_pools_claim *claim,
                    const struct gs_store_node *node)
{
    const struct gs_pools_part *part = gs_map_find(&pools->parts, claim->has.pool);
    const struct gs_node_facts *facts = &node->node.facts;
    bool bare = true;
    for (size_t i = 0; bare && part != NULL && part->known && i < facts->n_taints; i++) {
        const struct gs_taint *taint = &facts->taints[i];
        bare = strcmp(taint->effect, "PreferNoSchedule") == 0 ||
               has_taint(part->kind.offer->facts, taint);
    }
    return bare;
}

void gs_pools_look_at_idle(struct gs_pools *pools)
{
    size_t at = 0;
    pools->vain_until_us = UINT64_MAX;
    pools->n_idle = 0;
    for (struct gs_pools_claim *claim; (claim = gs_map_next(&pools->claims, &at)) != NULL;) {
        const struct gs_store_node *node =
            claim->has.node[0] == '\0' ? NULL
                                       : gs_store_find_node(pools->options.store, claim->has.node);
        bool idle = is_idle(claim, node);
        bool bare = idle && is_bare(pools, claim, node);
        claim->idle_us = !idle ? 0 : claim->idle_us != 0 ? claim->idle_us : pools->now_us;
        claim->bare_us = !bare ? 0 : claim->bare_us != 0 ? claim->bare_us : pools->now_us;
        if (idle && pools->n_idle < GS_POOLS_IDLE_MAX) {
            pools->idle[pools->n_idle++] = claim;
        }
    }
}

/* Before it goes for being empty. A taint that stays is a reason as any other. */
static uint64_t settled_at(const struct gs_pools_owner *owner, const struct gs_pools_claim *claim)
{
    uint64_t rest_us = (uint64_t)owner->pool.empty_after_s * 1000000 / 2;
    uint64_t most_us = claim->bare_us != 0 ? SETTLES_US : TAINTED_US;
    rest_us = rest_us > most_us ? most_us : rest_us;
    return (claim->bare_us != 0 ? claim->bare_us : claim->idle_us) +
           (rest_us < SETTLES_LEAST_US ? SETTLES_LEAST_US : rest_us);
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

/* Which makes room: what lapses first. */
static struct attempt *least(const struct bought *record)
{
    struct attempt *ret = &record->attempts[0];
    for (unsigned i = 1; i < record->n; i++) {
        struct attempt *one = &record->attempts[i];
        uint64_t until = one->futile == NULL ? 0 : one->until_us;
        uint64_t least_until = ret->futile == NULL ? 0 : ret->until_us;
        bool sooner = until < least_until;
        ret = sooner || (until == least_until && one->since_us < ret->since_us) ? one : ret;
    }
    return ret;
}

static struct attempt *find_attempt(const struct bought *record, uint32_t of)
{
    for (unsigned i = 0; i < record->n; i++) {
        if (record->attempts[i].of == of) {
            return &record->attempts[i];
        }
    }
    return NULL;
}

/* As it stands now: begun anew where its mark has lapsed or the SlicePool was changed. NULL: there
 * is none. */
static struct attempt *attempt_of(const struct gs_pools *pools, const struct bought *record,
                                  const struct gs_pools_owner *owner, const char *type)
{
    struct attempt *one = find_attempt(record, hash_of(owner->pool.name, type));
    if (one != NULL && (one->generation != owner->pool.generation ||
                        (one->futile != NULL && pools->now_us >= one->until_us))) {
        free(one->futile);
        one->futile = NULL;
        one->generation = owner->pool.generation;
        one->since_us = pools->real_us;
    }
    return one;
}

/* NULL: no memory. */
static struct attempt *attempt_at(const struct gs_pools *pools, struct bought *record,
                                  const struct gs_pools_owner *owner, const char *type)
{
    struct attempt *one = attempt_of(pools, record, owner, type);
    if (one != NULL) {
        return one;
    }
    if (record->n < GS_POOLS_VAIN_MAX) {
        struct attempt *wider =
            reallocarray(record->attempts, record->n + 1u, sizeof(*record->attempts));
        if (wider == NULL) {
            return NULL;
        }
        record->attempts = wider;
        one = &wider[record->n++];
    } else {
        one = least(record);
        free(one->futile);
    }
    *one = (struct attempt){.since_us = pools->real_us,
                            .generation = owner->pool.generation,
                            .of = hash_of(owner->pool.name, type)};
    return one;
}

/* False: no memory. */
static bool note(const struct gs_pools *pools, struct bought *record, struct attempt *attempt,
                 const struct gs_pools_owner *owner, const char *type,
                 const struct gs_pools_claim *claim)
{
    struct futile *futile = malloc(sizeof(*futile));
    if (futile == NULL) {
        return false;
    }
    uint64_t lasts_us = VAIN_FIRST_US << record->vain;
    if (lasts_us < VAIN_MOST_US) {
        record->vain++;
    } else {
        lasts_us = VAIN_MOST_US;
    }
    snprintf(futile->owner, sizeof(futile->owner), "%s", owner->pool.name);
    snprintf(futile->type, sizeof(futile->type), "%.63s", type);
    snprintf(futile->why, sizeof(futile->why),
             "node %.120s (%.63s) came for it, is empty and does not hold it: no other is bought "
             "for it for %" PRIu64 " minutes, or until SlicePool %s is changed or the pod is made "
             "anew; kubectl describe pod has the scheduler's reasons",
             claim->has.node, type, lasts_us / 60000000, owner->pool.name);
    attempt->futile = futile;
    attempt->until_us = pools->now_us + lasts_us;
    gs_log_warning("pod %s: %s", record->key, futile->why);
    return true;
}

/* By a rule about its zone or the like, as of the pass. */
static bool is_elsewhere(const struct gs_decide_pod *ask, const struct gs_store_node *node)
{
    uint8_t bar =
        ask == NULL || ask->barred == NULL || node->number == 0 ? 0 : ask->barred[node->number - 1];
    return bar != 0 && ask->bars[bar - 1].by_place;
}

/* Karpenter may start the next one where the pod can go: a label that is each node's own, as the
 * zone. A static NodePool's nodes come where they come. */
static bool may_differ(const struct gs_pools_owner *owner, const struct gs_store_pod *pod,
                       const struct gs_decide_pod *ask, const struct gs_offer *offer,
                       const struct gs_store_node *node)
{
    const struct gs_constraint *constraint = gs_store_constraint(pod->waiting);
    return owner->pool.scaling == GS_SLICEPOOL_OVERLAY &&
           (is_elsewhere(ask, node) ||
            (gs_constraint_check(constraint, &node->node.facts, NULL) == GS_VERDICT_NO &&
             gs_constraint_check(constraint, offer->facts, NULL) == GS_VERDICT_UNKNOWN));
}

/* The node of the claim is one that would hold it, by all that we know of its kind. */
static bool came_for(const struct gs_pools *pools, const struct gs_pools_claim *claim,
                     const struct gs_pools_part *part, const struct gs_store_pod *pod,
                     const struct gs_decide_pod *ask, uint64_t since_us)
{
    const struct gs_store_node *node = gs_store_find_node(pools->options.store, claim->has.node);
    const struct gs_kubepod *asks = &pod->waiting->pod;
    const struct gs_alternative wants = {.wants = asks->wants, .n_wants = asks->n_wants};
    const struct gs_item item = {.name = asks->id,
                                 .count = 1,
                                 .cpu_milli = asks->cpu_milli,
                                 .memory_bytes = asks->memory_bytes,
                                 .alternatives = &wants,
                                 .n_alternatives = 1};
    return claim->has.created_us + 1000000 > since_us && /* whole seconds */
           gs_karpenter_kind_holds(&part->kind, &item) > 0 && node != NULL &&
           !may_differ(part->of, pod, ask, part->kind.offer, node);
}

/* Notes all that came in vain, of whatever type. True: one of `mine` has just come, and whether it
 * holds the pod is not seen yet. */
static bool look_at_came(const struct gs_pools *pools, struct bought *record,
                         const struct attempt *mine, const struct gs_store_pod *pod,
                         const struct gs_decide_pod *ask)
{
    bool settles = false;
    for (size_t i = 0; i < pools->n_idle; i++) {
        const struct gs_pools_claim *claim = pools->idle[i];
        const struct gs_pools_part *part = gs_map_find(&pools->parts, claim->has.pool);
        bool known = part != NULL && part->known && part->of != NULL;
        struct attempt *attempt =
            known ? attempt_of(pools, record, part->of, part->kind.offer->name) : NULL;
        if (attempt == NULL || attempt->futile != NULL ||
            !came_for(pools, claim, part, pod, ask, attempt->since_us)) {
            continue;
        }
        if (pools->now_us < settled_at(part->of, claim)) {
            settles |= attempt == mine && claim->bare_us != 0;
        } else {
            settles |= !note(pools, record, attempt, part->of, part->kind.offer->name, claim) &&
                       attempt == mine;
        }
    }
    return settles;
}

enum gs_pools_help gs_pools_help(struct gs_pools *pools, const struct gs_pools_owner *owner,
                                 const struct gs_store_pod *pod, const struct gs_decide_pod *ask,
                                 const struct gs_offer *offer, const char **ret_why)
{
    struct bought *record = record_of(pools, pod);
    if (record == NULL) {
        return GS_POOLS_BUYS; /* no memory to know better */
    }
    uint32_t of = hash_of(pod->uid, "");
    if (record->of != of) { /* another pod of that name */
        forget_attempts(record);
        record->of = of;
    }
    struct attempt *mine = attempt_at(pools, record, owner, offer->name);
    if (mine == NULL) {
        return GS_POOLS_BUYS;
    }
    bool settles = look_at_came(pools, record, mine, pod, ask);
    if (mine->futile == NULL) {
        return settles ? GS_POOLS_SETTLES : GS_POOLS_BUYS;
    }
    pools->vain_until_us =
        mine->until_us < pools->vain_until_us ? mine->until_us : pools->vain_until_us;
    *ret_why = mine->futile->why;
    return GS_POOLS_FUTILE;
}

/* Of that SlicePool, and not lapsed. */
static const struct futile *futile_of(const struct gs_pools *pools,
                                      const struct gs_pools_owner *owner,
                                      const struct attempt *attempt)
{
    const struct futile *futile = attempt->futile;
    bool stands = futile != NULL && pools->now_us < attempt->until_us &&
                  attempt->generation == owner->pool.generation &&
                  strcmp(futile->owner, owner->pool.name) == 0;
    return stands ? futile : NULL;
}

size_t gs_pools_vain_types(const struct gs_pools *pools, const struct gs_pools_owner *owner,
                           const struct gs_store_pod *pod, const char *ret[GS_POOLS_VAIN_MAX])
{
    const struct bought *record = gs_map_find(&pools->bought, pod->key);
    size_t n = 0;
    for (unsigned i = 0; record != NULL && i < record->n; i++) {
        const struct futile *futile = futile_of(pools, owner, &record->attempts[i]);
        if (futile != NULL) {
            ret[n++] = futile->type;
        }
    }
    return n;
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
    if (pools->vain_until_us != UINT64_MAX) {
        gs_pools_look_again(pools, pools->vain_until_us);
    }
}

void gs_pools_say_futile(const struct gs_pools *pools, const struct gs_pools_owner *owner,
                         char *ret, size_t size)
{
    const struct bought *first = NULL;
    const struct futile *why = NULL;
    const struct bought *record;
    uint64_t n = 0;
    size_t at = 0;
    ret[0] = '\0';
    while ((record = gs_map_next(&pools->bought, &at)) != NULL) {
        const struct futile *one = NULL;
        for (unsigned i = 0; i < record->n && one == NULL; i++) {
            one = futile_of(pools, owner, &record->attempts[i]);
        }
        if (one != NULL && (first == NULL || strcmp(record->key, first->key) < 0)) {
            first = record;
            why = one;
        }
        n += one != NULL;
    }
    if (n > 0) {
        snprintf(ret, size, "%" PRIu64 " pod%s not bought for again; %.200s: %s", n,
                 n == 1 ? " is" : "s are", first->key, why->why);
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
