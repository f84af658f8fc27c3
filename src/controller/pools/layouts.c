/* Which layouts what waits needs, and when they are chosen anew. */
#include <stdio.h>
#include <string.h>

#include "controller/pools/work.h"

static bool is_wanted(const struct gs_pools *pools, const struct gs_pools_part *part)
{
    return part->wanted_us != 0 && pools->now_us < part->wanted_us + GS_POOLS_OPEN_US;
}

/* What there is already: how many nodes of each of it, and what is left unserved. Those that are
 * open first: pods do not come back from the scheduler all at once, and a few of them must not open
 * another for what one of these was chosen for. */
static uint64_t load_parts(const struct gs_pools *pools, struct gs_pools_part **parts, size_t n,
                           const struct gs_pools_waiting *waiting)
{
    const struct gs_karpenter_kind *kinds[GS_KARPENTER_CHOICES_MAX];
    struct gs_pools_part *of[GS_KARPENTER_CHOICES_MAX];
    uint32_t nodes[GS_KARPENTER_CHOICES_MAX];
    uint64_t unserved = 0;
    size_t m = 0;
    for (size_t i = 0; i < 2 * n && m < GS_KARPENTER_CHOICES_MAX; i++) {
        struct gs_pools_part *part = parts[i % n];
        if (is_wanted(pools, part) == (i < n) && !gs_pools_is_resting(pools, part) &&
            !part->has.deleting && !gs_pools_is_refused(part)) {
            of[m] = part;
            kinds[m++] = &part->kind;
        }
    }
    gs_karpenter_load_cheapest(kinds, m, waiting->items, waiting->n, nodes, &unserved);
    for (size_t i = 0; i < m; i++) {
        of[i]->planned = nodes[i];
    }
    return unserved;
}

static int adopt(struct gs_pools *pools, struct gs_pools_owner *owner,
                 const struct gs_karpenter_choice *choice, struct gs_err *err)
{
    struct gs_pools_part *part = gs_pools_part(pools, choice->kind.name);
    if (part == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for NodePool %s", choice->kind.name);
    }
    if (part->has.deleting) {
        return 0;
    }
    snprintf(part->owner, sizeof(part->owner), "%s", owner->pool.name);
    part->of = owner;
    part->kind = choice->kind;
    part->known = true;
    part->planned = choice->nodes;
    return 0;
}

/* Whether more may come that should be planned together with what waits: a layout for the first pod
 * of many would be the wrong one for the rest. */
static bool gathers(struct gs_pools *pools, struct gs_pools_owner *owner, uint64_t unserved)
{
    if (unserved == 0) {
        owner->gathers_us = owner->quiet_us = 0;
        return false;
    }
    owner->gathers_us = owner->gathers_us == 0 ? pools->now_us : owner->gathers_us;
    if (owner->quiet_us == 0 || owner->unserved != unserved) {
        owner->quiet_us = pools->now_us;
        owner->unserved = unserved;
    }
    uint64_t until = owner->quiet_us + GS_POOLS_QUIET_US;
    uint64_t last = owner->gathers_us + GS_POOLS_PATIENCE_US;
    until = until < last ? until : last;
    if (pools->now_us < until) {
        gs_pools_look_again(pools, until);
        return true;
    }
    owner->gathers_us = owner->quiet_us = 0;
    return false;
}

/* After a restart: layouts were chosen last when the youngest NodePool was made. */
static void recall_choice(const struct gs_pools *pools, struct gs_pools_owner *owner,
                          struct gs_pools_part *const *parts, size_t n)
{
    uint64_t at_us = 0;
    for (size_t i = 0; i < n; i++) {
        bool there = parts[i]->pool != NULL;
        at_us = there && parts[i]->has.created_us > at_us ? parts[i]->has.created_us : at_us;
    }
    if (owner->chosen_us == 0 && at_us > 0) {
        uint64_t age_us = pools->real_us > at_us ? pools->real_us - at_us : 0;
        owner->chosen_us = pools->now_us > age_us ? pools->now_us - age_us : 1;
    }
}

static uint64_t cost_of(struct gs_pools_part *const *parts, size_t n)
{
    uint64_t cost = 0;
    for (size_t i = 0; i < n; i++) {
        cost += parts[i]->planned * gs_offer_rank(parts[i]->kind.offer);
    }
    return cost;
}

/* Whether it is time to ask if other layouts serve for less what those there are would serve. */
static bool may_be_cheaper(struct gs_pools *pools, struct gs_pools_owner *owner, uint64_t cost,
                           uint64_t pods)
{
    uint64_t least = UINT64_MAX; /* of any node */
    for (unsigned i = 0; i < owner->n_offers; i++) {
        uint64_t price = gs_offer_rank(&owner->offers[i]);
        least = price < least ? price : least;
    }
    owner->judged_pods = pods < owner->judged_pods ? pods : owner->judged_pods;
    if (cost <= least) {
        return false;
    }
    uint64_t rest = pods > owner->judged_pods ? GS_POOLS_QUIET_US : GS_POOLS_JUDGE_US;
    if (owner->judged_us != 0 && pools->now_us < owner->judged_us + rest) {
        gs_pools_look_again(pools, owner->judged_us + rest);
        return false;
    }
    owner->judged_us = pools->now_us;
    owner->judged_pods = pods;
    return true;
}

/* What the choices cost, and what of the items they leave unserved. */
static uint64_t cost_of_choices(const struct gs_karpenter_choice *choices, size_t n,
                                const struct gs_pools_waiting *waiting, uint64_t *ret_unserved)
{
    const struct gs_karpenter_kind *kinds[GS_KARPENTER_CHOICES_MAX];
    uint32_t nodes[GS_KARPENTER_CHOICES_MAX];
    uint64_t cost = 0;
    for (size_t i = 0; i < n; i++) {
        kinds[i] = &choices[i].kind;
        cost += choices[i].nodes * gs_offer_rank(choices[i].kind.offer);
    }
    gs_karpenter_load(kinds, n, waiting->items, waiting->n, nodes, ret_unserved);
    return cost;
}

/* What was open for what waits, and is not the right one for it, is not kept open: Karpenter would
 * buy from it. */
static void close_rest(const struct gs_pools *pools, struct gs_pools_part *const *parts, size_t n)
{
    uint64_t before = pools->now_us > GS_POOLS_OPEN_US ? pools->now_us - GS_POOLS_OPEN_US : 1;
    for (size_t i = 0; i < n; i++) {
        bool rest = parts[i]->planned == 0 && parts[i]->wanted_us > before;
        parts[i]->wanted_us = rest ? before : parts[i]->wanted_us;
    }
}

/* Layouts are chosen anew where something is served by none of those that there are, or where
 * others cost less: much less, or the last choice is old. */
int gs_pools_choose(struct gs_pools *pools, struct gs_pools_owner *owner, struct gs_arena *arena,
                    const struct gs_pools_waiting *waiting, struct gs_err *err)
{
    struct gs_pools_part *parts[GS_KARPENTER_SHARES_MAX];
    struct gs_karpenter_choice choices[GS_KARPENTER_CHOICES_MAX];
    struct gs_karpenter_ask ask = {.slicepool = owner->pool.name,
                                   .offers = owner->offers,
                                   .n_offers = owner->n_offers,
                                   .items = waiting->items,
                                   .n_items = waiting->n};
    size_t n_choices = 0;
    uint64_t left = 0;
    size_t n = gs_pools_parts_of(pools, owner, parts);
    uint64_t unserved = load_parts(pools, parts, n, waiting);
    uint64_t before = cost_of(parts, n);
    recall_choice(pools, owner, parts, n);
    owner->gathering = gathers(pools, owner, unserved);
    if (owner->gathering || waiting->n == 0 ||
        (unserved == 0 && !may_be_cheaper(pools, owner, before, waiting->pods))) {
        return 0;
    }
    int r = gs_pools_running(pools, owner, arena, &ask.running, &ask.n_running, err);
    r = r == 0 ? gs_karpenter_choose(arena, &ask, choices, &n_choices, err) : r;
    bool old = pools->now_us >= owner->chosen_us + GS_POOLS_STAYS_US;
    uint64_t after = r == 0 ? cost_of_choices(choices, n_choices, waiting, &left) : 0;
    bool better =
        r == 0 && n_choices > 0 &&
        (left < unserved || (left == unserved && gs_karpenter_is_worth(before, after, old)));
    if (!better) {
        return r;
    }
    for (size_t i = 0; i < n; i++) {
        parts[i]->planned = 0;
    }
    for (size_t i = 0; r == 0 && i < n_choices; i++) {
        r = adopt(pools, owner, &choices[i], err);
    }
    close_rest(pools, parts, n);
    owner->chosen_us = pools->now_us;
    return r;
}
