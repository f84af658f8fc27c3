#include "controller/pools/pools.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "controller/pools/work.h"

static uint64_t now_on(const struct gs_pools *pools, clockid_t clock)
{
    uint64_t at = 0;
    (void)sd_event_now(gs_kube_event(pools->options.kube), clock, &at);
    return at;
}

/* ---- what may be bought ---- */

/* Nodes on their way: a pod that waits for one of them still needs a node, and no limit is in its
 * way. */
static void count_coming(const struct gs_pools *pools)
{
    size_t at = 0;
    for (const struct gs_pools_claim *claim; (claim = gs_map_next(&pools->claims, &at)) != NULL;) {
        bool starts = !claim->has.initialized && !claim->has.deleting && !claim->ending;
        const struct gs_pools_part *part =
            starts ? gs_map_find(&pools->parts, claim->has.pool) : NULL;
        for (unsigned i = 0; part != NULL && part->known && i < part->of->n_offers; i++) {
            struct gs_offer *offer = &part->of->offers[i];
            offer->max_nodes += part->kind.offer == offer && offer->max_nodes < UINT32_MAX;
        }
    }
}

/* Nodes that its limits leave; none where Karpenter is not there or cannot use its node class, or
 * its nodes do not start. */
static void count_left(struct gs_pools *pools, struct gs_pools_owner *owner)
{
    struct gs_pools_part *parts[GS_KARPENTER_SHARES_MAX];
    struct gs_karpenter_share shares[GS_KARPENTER_SHARES_MAX];
    const struct gs_karpenter_caps caps = gs_pools_caps(owner);
    size_t n = gs_pools_parts_of(pools, owner, parts);
    bool works = gs_pools_serve(pools, owner) && !owner->pool.deleting && owner->refused == NULL;
    (void)gs_pools_shares(parts, n, shares);
    for (unsigned i = 0; i < owner->n_offers; i++) {
        struct gs_offer *offer = &owner->offers[i];
        offer->max_nodes =
            !works ? 0 : gs_karpenter_left(shares, n, &caps, offer->gpus, offer->price_uusd);
        for (size_t k = 0; k < n; k++) {
            if (parts[k]->kind.offer == offer &&
                parts[k]->record.closed_until_s > pools->real_us / 1000000) {
                offer->max_nodes = 0;
            }
        }
    }
    gs_pools_note_spent(owner, parts, n);
}

static int put_offers(struct gs_pools *pools, struct gs_pools_owner *owner, struct gs_err *err)
{
    size_t n = pools->n_offers + owner->n_offers;
    owner->first_offer = SIZE_MAX;
    if (n > GS_OFFERS_MAX) {
        return gs_fail(err, GS_LIMIT, "more than %d instance types in all SlicePools",
                       GS_OFFERS_MAX);
    }
    if (n > pools->cap_offers) {
        struct gs_offer *wider = reallocarray(pools->offers, 2 * n, sizeof(*wider));
        if (wider == NULL) {
            return gs_fail(err, GS_NO_MEMORY, "no memory for what may be bought");
        }
        pools->offers = wider;
        pools->cap_offers = 2 * n;
    }
    owner->first_offer = pools->n_offers;
    if (owner->n_offers > 0) {
        memcpy(&pools->offers[pools->n_offers], owner->offers,
               owner->n_offers * sizeof(struct gs_offer));
    }
    pools->n_offers = n;
    return 0;
}

static void market_begin(void *ctx)
{
    struct gs_pools *pools = ctx;
    size_t at = 0;
    pools->now_us = now_on(pools, CLOCK_MONOTONIC);
    pools->real_us = now_on(pools, CLOCK_REALTIME);
    pools->n_offers = 0;
    gs_pools_find_region(pools);
    for (struct gs_pools_owner *owner; (owner = gs_map_next(&pools->owners, &at)) != NULL;) {
        struct gs_err err = {.code = GS_OK};
        int r = owner->stale ? gs_pools_make_offers(pools, owner, &err) : 0;
        gs_arena_done(&owner->demand_arena);
        owner->demand = NULL;
        owner->opens = owner->gathering = false;
        memset(owner->cold, 0, sizeof(owner->cold));
        if (r != 0) {
            gs_log_error("SlicePool %s: %s", owner->pool.name, err.msg);
        }
    }
    gs_pools_look_at_parts(pools);
    gs_pools_look_at_idle(pools);
    gs_pools_find_refused(pools);
    at = 0;
    for (struct gs_pools_owner *owner; (owner = gs_map_next(&pools->owners, &at)) != NULL;) {
        gs_pools_mark_scarce(pools, owner);
        count_left(pools, owner);
    }
    count_coming(pools);
    at = 0;
    for (struct gs_pools_owner *owner; (owner = gs_map_next(&pools->owners, &at)) != NULL;) {
        struct gs_err err = {.code = GS_OK};
        if (put_offers(pools, owner, &err) != 0) {
            gs_log_error("SlicePool %s: %s", owner->pool.name, err.msg);
        }
    }
}

static const struct gs_offer *market_offers(void *ctx, size_t *ret_n)
{
    const struct gs_pools *pools = ctx;
    *ret_n = pools->n_offers;
    return pools->offers;
}

/* ---- who waits ---- */

static struct gs_pools_owner *owner_of(struct gs_pools *pools, const struct gs_offer *offer)
{
    size_t i = (size_t)(offer - pools->offers);
    size_t at = 0;
    for (struct gs_pools_owner *owner; (owner = gs_map_next(&pools->owners, &at)) != NULL;) {
        if (i >= owner->first_offer && i < owner->first_offer + owner->n_offers) {
            return owner;
        }
    }
    return NULL;
}

/* The pod on no node of a type that came for it in vain. */
static int add_to_demand(struct gs_pools *pools, struct gs_pools_owner *owner,
                         const struct gs_store_pod *pod, struct gs_err *err)
{
    const struct gs_kubepod *asks = &pod->waiting->pod;
    const struct gs_constraint *requires = gs_store_constraint(pod->waiting);
    const struct gs_alternative wants = {.wants = asks->wants, .n_wants = asks->n_wants};
    const char *types[GS_POOLS_VAIN_MAX];
    size_t n_types = gs_pools_vain_types(pools, owner, pod, types);
    struct gs_constraint constraint = {.n_terms = 0};
    struct gs_item item = {
        .name = asks->id,
        .count = 1,
        .cpu_milli = asks->cpu_milli,
        .memory_bytes = asks->memory_bytes,
        .alternatives = &wants,
        .n_alternatives = 1,
        .constraint = requires,
    };
    if (n_types == 0) {
        return gs_demand_add(owner->demand, &item, err);
    }
    if (requires != NULL) {
        constraint = *requires;
    }
    size_t n = constraint.selector.n_requirements;
    struct gs_requirement *all = GS_ARENA_NEW(&owner->demand_arena, struct gs_requirement, n + 1);
    if (all == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory");
    }
    if (n > 0) {
        memcpy(all, constraint.selector.requirements, n * sizeof(*all));
    }
    all[n] = (struct gs_requirement){.key = "node.kubernetes.io/instance-type",
                                     .op = GS_LABEL_NOT_IN,
                                     .values = types,
                                     .n_values = n_types};
    constraint.selector.requirements = all;
    constraint.selector.n_requirements = n + 1;
    item.constraint = &constraint;
    return gs_demand_add(owner->demand, &item, err);
}

static const char *market_want(void *ctx, const struct gs_store_pod *pod,
                               const struct gs_decide_pod *ask, const struct gs_offer *offer)
{
    struct gs_pools *pools = ctx;
    struct gs_pools_owner *owner = offer == NULL ? NULL : owner_of(pools, offer);
    struct gs_err err = {.code = GS_OK};
    const char *why = NULL;
    if (owner == NULL || gs_pools_help(pools, owner, pod, ask, offer, &why) != GS_POOLS_BUYS) {
        return why;
    }
    if (owner->demand == NULL) {
        owner->demand = gs_demand_new(&owner->demand_arena);
    }
    if (owner->demand == NULL || add_to_demand(pools, owner, pod, &err) != 0) {
        gs_log_warning("pod %s is not counted for new nodes: %s", pod->key,
                       owner->demand == NULL ? "no memory" : err.msg);
    }
    return NULL;
}

static void market_end(void *ctx)
{
    struct gs_pools *pools = ctx;
    size_t at = 0;
    bool whole = gs_pools_are_whole(pools, false);
    pools->due_us = UINT64_MAX;
    if (whole) {
        gs_pools_look_at_claims(pools, &pools->due_us);
        gs_pools_look_at_scarce(pools);
        gs_pools_settle_idle(pools);
    }
    for (struct gs_pools_owner *owner; (owner = gs_map_next(&pools->owners, &at)) != NULL;) {
        struct gs_err err = {.code = GS_OK};
        if (gs_pools_serve(pools, owner) && !owner->pool.deleting &&
            gs_pools_plan(pools, owner, &err) != 0) {
            gs_log_error("SlicePool %s: %s", owner->pool.name, err.msg);
        }
    }
    if (whole) {
        gs_pools_weigh(pools);
        gs_pools_look_at_empty(pools);
        gs_pools_send_parts(pools);
        gs_pools_stand_ins(pools);
        (void)sd_event_source_set_time(pools->due, pools->due_us);
        (void)sd_event_source_set_enabled(
            pools->due, pools->due_us == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
    }
    at = 0;
    for (struct gs_pools_owner *owner; (owner = gs_map_next(&pools->owners, &at)) != NULL;) {
        gs_pools_say(pools, owner);
    }
}

static bool market_opens(void *ctx, const struct gs_offer *offer)
{
    const struct gs_pools_owner *owner = owner_of(ctx, offer);
    return owner != NULL && owner->opens;
}

/* ---- warm slices ---- */

static size_t market_warm(void *ctx, struct gs_warm *ret, size_t max)
{
    const struct gs_pools *pools = ctx;
    size_t n = 0;
    size_t at = 0;
    for (struct gs_pools_owner *owner; (owner = gs_map_next(&pools->owners, &at)) != NULL;) {
        for (unsigned i = 0; i < owner->pool.n_warm && !owner->pool.deleting && n < max; i++) {
            const struct gs_slicepool_warm *warm = &owner->pool.warm[i];
            if (warm->count > 0) {
                ret[n++] = (struct gs_warm){
                    .pool = owner->pool.name, .profile = warm->profile, .count = warm->count};
            }
        }
    }
    return n;
}

static void market_cold(void *ctx, const struct gs_warm *warm, uint32_t missing)
{
    const struct gs_pools *pools = ctx;
    struct gs_pools_owner *owner = gs_map_find(&pools->owners, warm->pool);
    for (unsigned i = 0; owner != NULL && i < owner->pool.n_warm; i++) {
        if (gs_profile_name_eq(&owner->pool.warm[i].profile, &warm->profile)) {
            owner->cold[i] = missing;
        }
    }
}

static const struct gs_slicepool *market_pool(void *ctx, const char *name)
{
    const struct gs_pools *pools = ctx;
    const struct gs_pools_owner *owner = gs_map_find(&pools->owners, name);
    return owner == NULL ? NULL : &owner->pool;
}

static bool market_moves(void *ctx, const struct gs_store_node *node)
{
    const struct gs_pools *pools = ctx;
    const struct gs_pools_owner *owner =
        node->slicepool == NULL ? NULL : gs_map_find(&pools->owners, node->slicepool);
    return owner != NULL && owner->pool.moves == GS_SLICEPOOL_MOVES_OPT_IN;
}

/* ---- all ---- */

static bool market_expects(void *ctx, const struct gs_offer *offer, uint32_t *ret_s)
{
    const struct gs_pools *pools = ctx;
    return gs_pools_lasted_median(&pools->lasted, offer->name, ret_s);
}

struct gs_pass_market gs_pools_market(struct gs_pools *pools)
{
    return (struct gs_pass_market){
        .offers = market_offers,
        .begin = market_begin,
        .want = market_want,
        .end = market_end,
        .opens = market_opens,
        .expects = market_expects,
        .warm = market_warm,
        .cold = market_cold,
        .pool = market_pool,
        .moves = market_moves,
        .ctx = pools,
    };
}

static int on_late(sd_event_source *source, uint64_t usec, void *ctx)
{
    const struct gs_pools *pools = ctx;
    (void)source;
    (void)usec;
    pools->options.changed(pools->options.ctx);
    return 0;
}

int gs_pools_new(const struct gs_pools_options *options, struct gs_pools **ret, struct gs_err *err)
{
    struct gs_pools *pools = calloc(1, sizeof(*pools));
    if (pools == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the pools");
    }
    pools->options = *options;
    int s = sd_event_add_time(gs_kube_event(options->kube), &pools->due, CLOCK_MONOTONIC,
                              UINT64_MAX, 0, on_late, pools);
    int r = s < 0 ? gs_fail_errno(err, -s, "adding a timer") : gs_pools_watch(pools, err);
    if (r != 0) {
        gs_pools_free(pools);
        return r;
    }
    *ret = pools;
    return 0;
}

void gs_pools_free(struct gs_pools *pools)
{
    if (pools != NULL) {
        gs_pools_cancel_calls(pools);
        gs_pools_unwatch(pools);
        sd_event_source_disable_unref(pools->due);
        free(pools->offers);
        free(pools);
    }
}

struct gs_pools_counts gs_pools_counts(const struct gs_pools *pools)
{
    struct gs_pools_counts counts = pools->counts;
    counts.slicepools = pools->owners.n;
    counts.claims = pools->claims.n;
    return counts;
}
