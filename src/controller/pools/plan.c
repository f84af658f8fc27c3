#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/pools/work.h"

#define PLAN_BYTES_MAX ((size_t)256 << 20)

/* ---- the parts as they are ---- */

static struct gs_offer *offer_of(struct gs_pools_owner *owner, const char *type)
{
    for (unsigned i = 0; i < owner->n_offers; i++) {
        if (strcmp(owner->offers[i].name, type) == 0) {
            return &owner->offers[i];
        }
    }
    return NULL;
}

/* Whose it is and what its nodes are, anew in each pass: a SlicePool may have changed. */
static void look_at_part(struct gs_pools *pools, struct gs_pools_part *part)
{
    struct gs_pools_owner *owner = gs_map_find(&pools->owners, part->owner);
    struct gs_offer *offer =
        owner == NULL || part->pool == NULL ? NULL : offer_of(owner, part->has.instance_type);
    struct gs_karpenter_kind kind;
    part->there = part->active = part->soon = 0;
    part->planned = 0;
    part->of = owner;
    if (part->pool == NULL && part->known && owner != NULL) {
        offer = offer_of(owner, part->kind.offer->name); /* it was asked for and is not there yet */
        part->kind.offer = offer;
        part->known = offer != NULL;
        return;
    }
    part->known =
        offer != NULL &&
        gs_karpenter_kind_read(part->owner, offer, gs_view(part->has.layout), &kind, NULL) == 0 &&
        strcmp(kind.name, part->name) == 0;
    if (part->known) {
        part->kind = kind;
    }
}

/* After a restart of ours it stays a while: open only if it is. */
static void recall_want(const struct gs_pools *pools, struct gs_pools_part *part)
{
    uint64_t before = pools->now_us > GS_POOLS_OPEN_US ? pools->now_us - GS_POOLS_OPEN_US : 1;
    if (part->wanted_us == 0 && part->pool != NULL) {
        part->wanted_us = part->has.max_nodes > part->there ? pools->now_us : before;
    }
}

void gs_pools_look_at_parts(struct gs_pools *pools)
{
    size_t at = 0;
    for (struct gs_pools_part *part; (part = gs_map_next(&pools->parts, &at)) != NULL;) {
        look_at_part(pools, part);
    }
    at = 0;
    for (const struct gs_pools_claim *claim; (claim = gs_map_next(&pools->claims, &at)) != NULL;) {
        struct gs_pools_part *part = gs_map_find(&pools->parts, claim->has.pool);
        if (part != NULL) {
            part->there++;
            bool active = !claim->has.deleting && !claim->ending;
            part->active += active;
            bool starts = !claim->has.initialized && gs_pools_coming(pools, claim) == NULL;
            part->soon += active && (starts || claim->cordoned_us != 0);
        }
    }
    at = 0;
    for (struct gs_pools_part *part; (part = gs_map_next(&pools->parts, &at)) != NULL;) {
        recall_want(pools, part);
        part->there_us = part->there > 0 ? pools->now_us : part->there_us;
    }
}

const struct gs_pools_part *gs_pools_coming(const struct gs_pools *pools,
                                            const struct gs_pools_claim *claim)
{
    const struct gs_pools_part *part = gs_map_find(&pools->parts, claim->has.pool);
    const struct gs_store_node *node =
        claim->has.node[0] == '\0' ? NULL
                                   : gs_store_find_node(pools->options.store, claim->has.node);
    bool coming = part != NULL && part->known && !claim->has.deleting && !claim->ending &&
                  !claim->has.initialized && (node == NULL || !node->has_gpus);
    return coming ? part : NULL;
}

static int by_order(const void *a, const void *b)
{
    const struct gs_pools_part *x = *(struct gs_pools_part *const *)a;
    const struct gs_pools_part *y = *(struct gs_pools_part *const *)b;
    return gs_karpenter_kind_order(&x->kind, &y->kind);
}

size_t gs_pools_parts_of(const struct gs_pools *pools, const struct gs_pools_owner *owner,
                         struct gs_pools_part *ret[GS_KARPENTER_SHARES_MAX])
{
    size_t n = 0;
    size_t at = 0;
    for (struct gs_pools_part *part; (part = gs_map_next(&pools->parts, &at)) != NULL;) {
        if (part->known && (owner == NULL || part->of == owner) && n < GS_KARPENTER_SHARES_MAX) {
            ret[n++] = part;
        }
    }
    qsort(ret, n, sizeof(struct gs_pools_part *), by_order);
    return n;
}

/* ---- what waits ---- */

static void add_warm(const struct gs_pools_owner *owner, struct gs_pools_waiting *waiting)
{
    for (unsigned i = 0; i < owner->pool.n_warm && i < GS_SLICEPOOL_PROFILES_MAX; i++) {
        const struct gs_slicepool_warm *warm = &owner->pool.warm[i];
        if (owner->cold[i] == 0) {
            continue;
        }
        waiting->wants[i] = (struct gs_want){.profile = warm->profile, .count = 1};
        waiting->alternatives[i] =
            (struct gs_alternative){.wants = &waiting->wants[i], .n_wants = 1};
        waiting->items[waiting->n++] = (struct gs_item){.name = "warm",
                                                        .count = owner->cold[i],
                                                        .alternatives = &waiting->alternatives[i],
                                                        .n_alternatives = 1,
                                                        .spare = true};
    }
}

/* A node on its way, of which the picture has no GPUs yet, will take some of what waits. */
static void take_coming(const struct gs_karpenter_kind *kind, struct gs_pools_waiting *waiting)
{
    uint32_t slices[GS_PROFILES_MAX];
    struct gs_karpenter_kind left = *kind;
    memcpy(slices, kind->slices, sizeof(slices));
    for (size_t i = 0; i < waiting->n; i++) {
        struct gs_item *item = &waiting->items[i];
        uint64_t holds = gs_karpenter_kind_holds(&left, item);
        uint64_t take = holds < item->count ? holds : item->count;
        item->count -= take;
        const struct gs_alternative *first = &item->alternatives[0];
        for (size_t k = 0; take > 0 && k < first->n_wants; k++) {
            const struct gs_want *want = &first->wants[k];
            int p =
                want->whole_gpu ? -1 : gs_model_profile_index(left.offer->model, &want->profile);
            uint32_t *of = p < 0 ? &left.whole : &left.slices[p];
            uint64_t taken = take * want->count;
            *of = taken >= *of ? 0 : *of - (uint32_t)taken;
        }
    }
}

static void drop_served(struct gs_pools_waiting *waiting)
{
    size_t n = 0;
    waiting->pods = 0;
    for (size_t i = 0; i < waiting->n; i++) {
        if (waiting->items[i].count > 0) {
            waiting->pods += waiting->items[i].spare ? 0 : waiting->items[i].count;
            waiting->items[n++] = waiting->items[i];
        }
    }
    waiting->n = n;
}

static int gather(struct gs_pools *pools, struct gs_pools_owner *owner, struct gs_arena *arena,
                  struct gs_pools_waiting *waiting, struct gs_err *err)
{
    const struct gs_demand *demand = owner->demand;
    unsigned percent;
    size_t n = 0;
    waiting->n = 0;
    if (demand != NULL && gs_demand_coarsen(arena, owner->demand, GS_POOLS_ITEMS_MAX / 10, &demand,
                                            &percent, err) == GS_NO_MEMORY) {
        return GS_NO_MEMORY;
    }
    const struct gs_item *items = demand == NULL ? NULL : gs_demand_items(demand, &n);
    for (size_t i = 0; i < n && i < GS_POOLS_ITEMS_MAX; i++) {
        waiting->items[waiting->n++] = items[i];
    }
    add_warm(owner, waiting);
    size_t at = 0;
    for (const struct gs_pools_claim *claim; (claim = gs_map_next(&pools->claims, &at)) != NULL;) {
        const struct gs_pools_part *part = gs_pools_coming(pools, claim);
        if (part != NULL && part->of == owner) {
            take_coming(&part->kind, waiting);
        }
    }
    drop_served(waiting);
    return 0;
}

/* ---- how wide open ---- */

bool gs_pools_is_resting(const struct gs_pools *pools, const struct gs_pools_part *part)
{
    return part->record.closed_until_s > pools->real_us / 1000000;
}

/* What it knows of starts that failed and of a cloud that had none goes with its NodePool: kept
 * until a rest twice as long as the last could not follow from it any more. */
static bool is_remembered(const struct gs_pools *pools, const struct gs_pools_part *part)
{
    const struct gs_karpenter_record *record = &part->record;
    uint64_t now_s = pools->real_us / 1000000;
    return (record->closed_until_s != 0 && now_s < record->closed_until_s + GS_POOLS_REST_MOST_S) ||
           gs_pools_scarce_is_live(record, now_s);
}

bool gs_pools_is_spent(const struct gs_pools *pools, const struct gs_pools_part *part)
{
    uint64_t used_us = part->wanted_us > part->there_us ? part->wanted_us : part->there_us;
    bool unwanted = part->planned == 0 && pools->now_us >= used_us + GS_POOLS_STAYS_US &&
                    !is_remembered(pools, part) &&
                    part != part->of->refused; /* it tells when its node class is there */
    return part->there == 0 && (!part->known || unwanted || part->has.deleting);
}

void gs_pools_look_again(struct gs_pools *pools, uint64_t at_us)
{
    pools->due_us = at_us < pools->due_us ? at_us : pools->due_us;
}

struct gs_karpenter_caps gs_pools_caps(const struct gs_pools_owner *owner)
{
    return (struct gs_karpenter_caps){.gpus = owner->pool.gpus_limit,
                                      .uusd = owner->pool.uusd_limit};
}

/* Why no node may be bought from it, whatever is wanted; "": it may be open. */
static const char *why_closed(const struct gs_pools *pools, struct gs_pools_part *part)
{
    bool is_static = part->of->pool.scaling == GS_SLICEPOOL_STATIC;
    if (part->pool == NULL || (part->overlay == NULL && !is_static)) {
        return "its NodePool and NodeOverlay are being made";
    }
    if (part->has.deleting) {
        return "its NodePool is being deleted";
    }
    if (gs_pools_is_refused(part)) {
        return gs_pools_why_refused(part);
    }
    if (!is_static && (!part->valid.is_true || !part->valid.current)) {
        return part->valid.reason[0] != '\0' && !part->valid.is_true
                   ? "Karpenter refuses its NodeOverlay"
                   : "Karpenter has not accepted its NodeOverlay yet: is the feature gate "
                     "NodeOverlay on?";
    }
    if (gs_pools_is_resting(pools, part)) {
        return "its nodes do not start: it rests before the next try";
    }
    return "";
}

size_t gs_pools_shares(struct gs_pools_part *const *parts, size_t n,
                       struct gs_karpenter_share ret[GS_KARPENTER_SHARES_MAX])
{
    for (size_t i = 0; i < n; i++) {
        const struct gs_pools_part *part = parts[i];
        ret[i] = (struct gs_karpenter_share){
            .gpus = part->kind.offer->gpus,
            .uusd = part->kind.offer->price_uusd,
            .there = part->there,
            .limit = part->pool == NULL ? 0 : part->has.max_nodes,
            .planned = part->planned,
            .may_open = part->closed[0] == '\0',
        };
    }
    return n;
}

/* Whether Karpenter is to see another NodePool in a moment: one that what waits needs and that it
 * cannot buy from yet, or one that is open and no longer the right one. */
static bool changes(const struct gs_pools *pools, const struct gs_pools_part *part)
{
    bool made = part->pool != NULL && part->overlay != NULL;
    bool refused =
        made && part->valid.current && strcmp(part->valid.reason, "") != 0 && !part->valid.is_true;
    bool shows_open = part->pool != NULL && part->has.max_nodes > part->there;
    bool is_open = part->max_nodes > part->there;
    if (part->has.deleting || gs_pools_is_resting(pools, part) || gs_pools_is_refused(part)) {
        return false;
    }
    if (part->planned == 0) {
        return shows_open && !is_open;
    }
    bool awaited = !made || (!refused && !(part->valid.is_true && part->valid.current));
    return awaited || (is_open && !shows_open);
}

static void set_limits(struct gs_pools *pools, struct gs_pools_owner *owner,
                       struct gs_pools_part **parts, size_t n)
{
    struct gs_karpenter_share shares[GS_KARPENTER_SHARES_MAX];
    uint32_t limits[GS_KARPENTER_SHARES_MAX];
    const struct gs_karpenter_caps caps = gs_pools_caps(owner);
    for (size_t i = 0; i < n; i++) {
        struct gs_pools_part *part = parts[i];
        part->wanted_us = part->planned > 0 ? pools->now_us : part->wanted_us;
        part->closed = why_closed(pools, part);
        /* after failed starts one node at a time shows whether they work again */
        part->planned = part->record.failed_starts >= 3 && part->planned > 1 ? 1 : part->planned;
    }
    (void)gs_pools_shares(parts, n, shares);
    for (size_t i = 0; i < n; i++) {
        shares[i].keeps = pools->now_us < parts[i]->wanted_us + GS_POOLS_OPEN_US;
        if (shares[i].keeps && parts[i]->planned == 0) {
            gs_pools_look_again(pools, parts[i]->wanted_us + GS_POOLS_OPEN_US);
        }
    }
    owner->short_of_room = !gs_karpenter_share(shares, n, &caps, limits);
    for (size_t i = 0; i < n; i++) {
        struct gs_pools_part *part = parts[i];
        part->max_nodes = limits[i];
        if (part->closed[0] == '\0' && limits[i] <= part->there && part->planned > 0) {
            gs_pools_say_no_room(owner, parts, n, part);
        } else if (part->closed[0] == '\0' && limits[i] <= part->there) {
            part->closed = part->kind.offer->scarce != NULL
                               ? "the cloud has no machine of its instance type now: see Capacity"
                               : "nothing that waits needs it";
        }
    }
    owner->opens = owner->gathering;
    for (size_t i = 0; i < n; i++) {
        owner->opens |= changes(pools, parts[i]);
    }
    if (owner->pool.scaling == GS_SLICEPOOL_STATIC) {
        owner->opens = false; /* Karpenter does not look at pods */
        gs_pools_set_replicas(parts, n);
    }
}

/* Over all SlicePools: a pod may be held by several. */
void gs_pools_weigh(struct gs_pools *pools)
{
    struct gs_pools_part *parts[GS_KARPENTER_SHARES_MAX];
    uint32_t weights[GS_KARPENTER_SHARES_MAX];
    size_t n = gs_pools_parts_of(pools, NULL, parts);
    for (size_t i = 0; i < n; i++) {
        weights[i] = parts[i]->pool == NULL ? 0 : parts[i]->has.weight;
    }
    gs_karpenter_weigh(weights, n);
    for (size_t i = 0; i < n; i++) {
        parts[i]->weight = weights[i];
    }
}

int gs_pools_plan(struct gs_pools *pools, struct gs_pools_owner *owner, struct gs_err *err)
{
    struct gs_pools_part *parts[GS_KARPENTER_SHARES_MAX];
    struct gs_arena arena;
    struct gs_pools_waiting *waiting = calloc(1, sizeof(*waiting));
    if (waiting == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the plan of SlicePool %s",
                       owner->pool.name);
    }
    gs_arena_init(&arena, &gs_alloc_heap, PLAN_BYTES_MAX);
    int r = gather(pools, owner, &arena, waiting, err);
    r = r == 0 ? gs_pools_choose(pools, owner, &arena, waiting, err) : r;
    if (r == 0) {
        size_t n = gs_pools_parts_of(pools, owner, parts);
        set_limits(pools, owner, parts, n);
    }
    gs_arena_done(&arena);
    free(waiting);
    return r;
}
