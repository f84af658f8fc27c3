#include "karpenter/choose.h"

#include <stdlib.h>
#include <string.h>

#include "karpenter/mixed.h"

enum {
    ITEMS_MAX = 200, /* kinds of pods that are planned one by one */
    SKIPS_MAX = 8    /* kinds that are tried without */
};

/* ---- how much ---- */

/* What items take of a kind, whatever node it is on. */
struct load {
    uint64_t slices[GS_PROFILES_MAX];
    uint64_t whole;
    uint64_t cpu_milli;
    uint64_t memory_bytes;
    uint64_t pods;
    uint64_t least; /* nodes, by one kind of item alone */
};

static uint64_t nodes_for(uint64_t amount, uint64_t of_node)
{
    return amount == 0 || of_node == 0 ? 0 : (amount - 1) / of_node + 1;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The first alternative that the node holds counts. */
static void add_load(const struct gs_karpenter_kind *kind, const struct gs_item *item,
                     uint32_t holds, struct load *load)
{
    const struct gs_model *model = kind->offer->model;
    for (size_t a = 0; a < item->n_alternatives; a++) {
        struct gs_item only = *item;
        only.alternatives = &item->alternatives[a];
        only.n_alternatives = 1;
        if (gs_karpenter_kind_holds(kind, &only) == 0) {
            continue;
        }
        for (size_t i = 0; i < only.alternatives->n_wants; i++) {
            const struct gs_want *want = &only.alternatives->wants[i];
            if (want->whole_gpu) {
                load->whole += item->count * want->count;
            } else {
                int p = gs_model_profile_index(model, &want->profile);
                load->slices[p] += item->count * want->count;
            }
        }
        break;
    }
    load->cpu_milli += item->count * item->cpu_milli;
    load->memory_bytes += item->count * (item->memory_bytes >> 20) << 20;
    load->pods += item->count;
    load->least = larger(load->least, nodes_for(item->count, holds));
}

static uint32_t nodes_of(const struct gs_karpenter_kind *kind, const struct load *load)
{
    const struct gs_offer *offer = kind->offer;
    uint64_t nodes = larger(load->least, nodes_for(load->whole, kind->whole));
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        nodes = larger(nodes, nodes_for(load->slices[p], kind->slices[p]));
    }
    nodes = larger(nodes, nodes_for(load->cpu_milli, offer->cpu_milli));
    nodes = larger(nodes, nodes_for(load->memory_bytes, offer->memory_bytes));
    nodes = larger(nodes, nodes_for(load->pods, offer->pods));
    return nodes > UINT32_MAX ? UINT32_MAX : (uint32_t)nodes;
}

void gs_karpenter_load(const struct gs_karpenter_kind *const *kinds, size_t n,
                       const struct gs_item *items, size_t n_items, uint32_t *ret_nodes,
                       uint64_t *ret_unserved)
{
    struct load loads[GS_KARPENTER_CHOICES_MAX] = {{.least = 0}};
    n = n > GS_KARPENTER_CHOICES_MAX ? GS_KARPENTER_CHOICES_MAX : n;
    *ret_unserved = 0;
    for (size_t i = 0; i < n_items; i++) {
        size_t k = 0;
        uint32_t holds = 0;
        while (k < n && (holds = gs_karpenter_kind_holds(kinds[k], &items[i])) == 0) {
            k++;
        }
        if (k < n) {
            add_load(kinds[k], &items[i], holds, &loads[k]);
        } else {
            *ret_unserved += items[i].count;
        }
    }
    for (size_t k = 0; k < n; k++) {
        ret_nodes[k] = nodes_of(kinds[k], &loads[k]);
    }
}

static uint64_t cost_of_nodes(const struct gs_karpenter_kind *const *kinds, size_t n,
                              const uint32_t *nodes)
{
    uint64_t cost = 0;
    for (size_t k = 0; k < n; k++) {
        cost += nodes[k] * gs_offer_rank(kinds[k]->offer);
    }
    return cost;
}

void gs_karpenter_load_cheapest(const struct gs_karpenter_kind *const *kinds, size_t n,
                                const struct gs_item *items, size_t n_items, uint32_t *ret_nodes,
                                uint64_t *ret_unserved)
{
    n = n > GS_KARPENTER_CHOICES_MAX ? GS_KARPENTER_CHOICES_MAX : n;
    gs_karpenter_load(kinds, n, items, n_items, ret_nodes, ret_unserved);
    uint64_t least = cost_of_nodes(kinds, n, ret_nodes);
    for (size_t out = 1; out < n && out <= SKIPS_MAX; out++) {
        uint32_t nodes[GS_KARPENTER_CHOICES_MAX];
        uint64_t unserved;
        gs_karpenter_load(kinds + out, n - out, items, n_items, nodes, &unserved);
        uint64_t cost = cost_of_nodes(kinds + out, n - out, nodes);
        if (unserved <= *ret_unserved && cost < least) {
            memset(ret_nodes, 0, out * sizeof(*ret_nodes));
            memcpy(ret_nodes + out, nodes, (n - out) * sizeof(*nodes));
            *ret_unserved = unserved;
            least = cost;
        }
    }
}

/* ---- the same on every GPU ---- */

/* The cheapest of the kinds that are alike on all GPUs, for one of the item. */
static bool plain_for(const struct gs_karpenter_ask *ask, const struct gs_item *item,
                      struct gs_karpenter_kind *ret)
{
    struct gs_karpenter_kind kind;
    double best = 0;
    bool found = false;
    for (size_t o = 0; o < ask->n_offers; o++) {
        const struct gs_offer *offer = &ask->offers[o];
        int profiles = offer->model == NULL ? 0 : offer->model->n_profiles;
        for (int p = -1; p < profiles; p++) {
            if (offer->max_nodes == 0 || (p >= 0 && !gs_offer_allows(offer, (unsigned)p)) ||
                gs_karpenter_kind_all(ask->slicepool, offer, p, &kind, NULL) != 0) {
                continue;
            }
            uint32_t holds = gs_karpenter_kind_holds(&kind, item);
            double price = holds == 0 ? 0 : (double)gs_offer_rank(offer) / holds;
            if (holds > 0 && (!found || price < best)) {
                *ret = kind;
                best = price;
                found = true;
            }
        }
    }
    return found;
}

static bool add_choice(const struct gs_karpenter_kind *kind, uint32_t nodes,
                       struct gs_karpenter_choice *choices, size_t *n)
{
    for (size_t i = 0; i < *n; i++) {
        if (strcmp(choices[i].kind.name, kind->name) == 0) {
            choices[i].nodes += nodes;
            return true;
        }
    }
    if (*n == GS_KARPENTER_CHOICES_MAX) {
        return false;
    }
    choices[(*n)++] = (struct gs_karpenter_choice){.kind = *kind, .nodes = nodes};
    return true;
}

static int by_order(const void *a, const void *b)
{
    const struct gs_karpenter_choice *x = a;
    const struct gs_karpenter_choice *y = b;
    return gs_karpenter_kind_order(&x->kind, &y->kind);
}

static uint64_t cost_of(const struct gs_karpenter_choice *choices, size_t n)
{
    uint64_t cost = 0;
    for (size_t i = 0; i < n; i++) {
        cost += choices[i].nodes * gs_offer_rank(choices[i].kind.offer);
    }
    return cost;
}

static void choose_plain(const struct gs_karpenter_ask *ask, struct gs_karpenter_choice *choices,
                         size_t *ret_n, uint64_t *ret_unserved)
{
    const struct gs_karpenter_kind *kinds[GS_KARPENTER_CHOICES_MAX];
    uint32_t nodes[GS_KARPENTER_CHOICES_MAX];
    *ret_n = 0;
    for (size_t i = 0; i < ask->n_items; i++) {
        struct gs_karpenter_kind kind;
        if (plain_for(ask, &ask->items[i], &kind)) {
            (void)add_choice(&kind, 0, choices, ret_n);
        }
    }
    qsort(choices, *ret_n, sizeof(*choices), by_order);
    for (size_t i = 0; i < *ret_n; i++) {
        kinds[i] = &choices[i].kind;
    }
    gs_karpenter_load(kinds, *ret_n, ask->items, ask->n_items, nodes, ret_unserved);
    for (size_t i = 0; i < *ret_n; i++) {
        choices[i].nodes = nodes[i];
    }
}

/* ---- both ---- */

static bool has_few_kinds(const struct gs_karpenter_choice *choices, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned same = 0;
        for (size_t k = 0; k < n; k++) {
            same += choices[k].kind.offer == choices[i].kind.offer;
        }
        if (same > GS_KARPENTER_KINDS_MAX) {
            return false;
        }
    }
    return true;
}

bool gs_karpenter_is_worth(uint64_t before_uusd, uint64_t after_uusd, bool old)
{
    return old ? after_uusd < before_uusd : after_uusd < before_uusd - before_uusd / 4;
}

/* Kinds for what waits, and what speaks for them. */
struct candidate {
    struct gs_karpenter_choice choices[GS_KARPENTER_CHOICES_MAX];
    size_t n;
    uint64_t unserved; /* of what waits */
    uint64_t cost;     /* for what waits */
    /* The same with what runs, were it to come again. */
    uint64_t all_unserved;
    uint64_t all_cost;
};

/* What waits and what runs, together. */
static struct gs_item *join(struct gs_arena *arena, const struct gs_karpenter_ask *ask)
{
    struct gs_item *items = GS_ARENA_NEW(arena, struct gs_item, ask->n_items + ask->n_running + 1);
    if (items != NULL && ask->n_items > 0) {
        memcpy(items, ask->items, ask->n_items * sizeof(*items));
    }
    if (items != NULL && ask->n_running > 0) {
        memcpy(items + ask->n_items, ask->running, ask->n_running * sizeof(*items));
    }
    return items;
}

static void weigh_all(struct candidate *candidate, const struct gs_item *all, size_t n_all)
{
    const struct gs_karpenter_kind *kinds[GS_KARPENTER_CHOICES_MAX];
    uint32_t nodes[GS_KARPENTER_CHOICES_MAX];
    for (size_t i = 0; i < candidate->n; i++) {
        kinds[i] = &candidate->choices[i].kind;
    }
    candidate->cost = cost_of(candidate->choices, candidate->n);
    gs_karpenter_load_cheapest(kinds, candidate->n, all, n_all, nodes, &candidate->all_unserved);
    candidate->all_cost = cost_of_nodes(kinds, candidate->n, nodes);
}

/* Only what waits is bought for, of kinds that were found for all: others are not needed now. */
static void keep_needed(const struct gs_karpenter_ask *ask, struct candidate *candidate)
{
    const struct gs_karpenter_kind *kinds[GS_KARPENTER_CHOICES_MAX];
    uint32_t nodes[GS_KARPENTER_CHOICES_MAX];
    size_t n = 0;
    qsort(candidate->choices, candidate->n, sizeof(candidate->choices[0]), by_order);
    for (size_t i = 0; i < candidate->n; i++) {
        kinds[i] = &candidate->choices[i].kind;
    }
    gs_karpenter_load_cheapest(kinds, candidate->n, ask->items, ask->n_items, nodes,
                               &candidate->unserved);
    for (size_t i = 0; i < candidate->n; i++) {
        if (nodes[i] > 0) {
            candidate->choices[n] = candidate->choices[i];
            candidate->choices[n++].nodes = nodes[i];
        }
    }
    candidate->n = n;
}

static bool is_better(const struct candidate *one, const struct candidate *other)
{
    const uint64_t of_one[] = {one->unserved, one->cost, one->all_unserved, one->all_cost};
    const uint64_t of_other[] = {other->unserved, other->cost, other->all_unserved,
                                 other->all_cost};
    size_t i = 0;
    while (i < 3 && of_one[i] == of_other[i]) {
        i++;
    }
    return has_few_kinds(one->choices, one->n) && of_one[i] < of_other[i];
}

/* What the planner is asked for, and what the rest of the GPUs is cut for. A layout that suits more
 * may be too long for a label, so that each is tried. */
enum plan_for { WAITING, WAITING_AND_REST_FOR_ALL, ALL, PLANS };

/* The planner's kinds; GS_NO_MEMORY, or 0: it found none, or they are not better. */
static int try_mixed(struct gs_arena *arena, const struct gs_karpenter_ask *ask,
                     const struct gs_item *all, enum plan_for plan_for, struct candidate *best,
                     struct gs_err *err)
{
    struct candidate *mixed = GS_ARENA_NEW(arena, struct candidate, 1);
    struct gs_karpenter_ask planned = *ask;
    if (mixed == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory to choose layouts");
    }
    if (plan_for == ALL) {
        planned.items = all;
        planned.n_items = ask->n_items + ask->n_running;
    }
    if (plan_for != WAITING_AND_REST_FOR_ALL) {
        planned.running = NULL;
        planned.n_running = 0;
    }
    int r = gs_karpenter_choose_mixed(arena, &planned, mixed->choices, &mixed->n, &mixed->unserved,
                                      err);
    if (r != 0) {
        return r == GS_LIMIT || r == GS_UNKNOWN ? 0 : r;
    }
    if (plan_for == ALL) {
        keep_needed(ask, mixed);
    }
    weigh_all(mixed, all, ask->n_items + ask->n_running);
    if (is_better(mixed, best)) {
        *best = *mixed;
    }
    return 0;
}

int gs_karpenter_choose(struct gs_arena *arena, const struct gs_karpenter_ask *ask,
                        struct gs_karpenter_choice ret[GS_KARPENTER_CHOICES_MAX], size_t *ret_n,
                        struct gs_err *err)
{
    struct candidate *best = GS_ARENA_NEW(arena, struct candidate, 1);
    const struct gs_item *all = join(arena, ask);
    if (best == NULL || all == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory to choose layouts");
    }
    choose_plain(ask, best->choices, &best->n, &best->unserved);
    bool simple = ask->n_running == 0 && ask->n_items <= 1 && best->unserved == 0;
    int r = 0;
    if (!simple && ask->n_items <= ITEMS_MAX) {
        unsigned plans = ask->n_running == 0                          ? WAITING + 1
                         : ask->n_items + ask->n_running <= ITEMS_MAX ? PLANS
                                                                      : ALL;
        weigh_all(best, all, ask->n_items + ask->n_running);
        for (unsigned i = 0; r == 0 && i < plans; i++) {
            r = try_mixed(arena, ask, all, (enum plan_for)i, best, err);
        }
    }
    if (r == 0) {
        memcpy(ret, best->choices, best->n * sizeof(*ret));
        *ret_n = best->n;
        qsort(ret, *ret_n, sizeof(*ret), by_order);
    }
    return r;
}
