#include <string.h>

#include "decide/work.h"

/* How good a node is; the lower wins, field by field. */
struct merit {
    int64_t first;
    int64_t second;
    uint64_t left;
    uint32_t node;
};

static bool better(const struct gs_work *work, const struct merit *a, const struct merit *best)
{
    if (best->node == GS_DECIDE_NONE || a->first != best->first) {
        return best->node == GS_DECIDE_NONE || a->first < best->first;
    }
    if (a->second != best->second) {
        return a->second < best->second;
    }
    if (a->left != best->left) {
        return a->left < best->left;
    }
    const struct gs_decide_node *nodes = work->cluster->nodes;
    return strcmp(nodes[a->node].name, nodes[best->node].name) < 0;
}

/* The node, if its model has what is asked for, with room for the pod itself. */
static int look(struct gs_work *work, size_t n, const struct gs_need **ret_need, bool *ret_fits,
                struct gs_err *err)
{
    const struct gs_decide_node *node = &work->cluster->nodes[n];
    *ret_fits = false;
    if (n == work->except || !gs_work_holds(work, node) || gs_work_avoids(work, node) ||
        gs_work_bar(work, node) != NULL) {
        return 0;
    }
    int r = gs_need_of(work, node->model, node->gpu_name, ret_need, err);
    *ret_fits = r == 0 && (*ret_need)->possible && node->free_gpus >= (*ret_need)->gpus;
    return r;
}

static bool suffices(const struct gs_need *need, const uint32_t *free, const uint32_t *coming)
{
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        uint64_t have = (uint64_t)free[p] + (coming == NULL ? 0 : coming[p]);
        if (have < need->count[p]) {
            return false;
        }
    }
    return true;
}

/* A node on which nobody has a slice, and nobody is on the way: Karpenter could end it. */
static bool is_empty(const struct gs_decide_node *node)
{
    struct gs_decide_sum counted = {.held = 0};
    const struct gs_decide_sum *sum = node->sum;
    if (sum == NULL) {
        for (unsigned g = 0; g < node->n_gpus && g < GS_OFFER_GPUS_MAX; g++) {
            gs_work_count(&node->gpus[g], &counted);
        }
        sum = &counted;
    }
    uint64_t free = 0;
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        free += node->free[p];
    }
    return sum->held == 0 && free >= sum->idle;
}

int gs_way_book(struct gs_work *work, struct gs_decision *ret, struct gs_err *err)
{
    struct merit best = {.node = GS_DECIDE_NONE};
    for (size_t n = 0; n < work->cluster->n_nodes; n++) {
        const struct gs_decide_node *node = &work->cluster->nodes[n];
        const struct gs_need *need;
        struct gs_room room;
        bool fits;
        int r = node->usable ? look(work, n, &need, &fits, err) : 0;
        if (r < 0) {
            return r;
        }
        if (!node->usable || !fits || !suffices(need, node->free, NULL)) {
            continue;
        }
        struct merit merit = {is_empty(node), 0, gs_work_left(node), (uint32_t)n};
        if (!better(work, &merit, &best) ||
            gs_work_allows(work, node->facts, NULL) != GS_VERDICT_YES) {
            continue;
        }
        gs_work_room(work, node, &room);
        if (suffices(need, room.free, NULL)) {
            best = merit;
        }
    }
    ret->what = GS_DECIDE_BOOK;
    ret->node = best.node;
    return best.node != GS_DECIDE_NONE;
}

/* Whether what is free and what is coming do it together, and what is free alone does not: then it
 * is kept for somebody else. What a node that is not usable has free does not count. */
static bool will_suffice(struct gs_work *work, const struct gs_need *need,
                         const struct gs_decide_node *node)
{
    static const uint32_t nothing[GS_PROFILES_MAX];
    struct gs_room room;
    if (!node->usable) {
        return suffices(need, nothing, node->coming);
    }
    gs_work_room(work, node, &room);
    return suffices(need, room.free, node->coming) && !suffices(need, node->free, NULL);
}

/* On a node that starts the drivers of volumes may have labels to add yet. */
static bool will_allow(const struct gs_work *work, const struct gs_decide_node *node)
{
    enum gs_verdict verdict = gs_work_allows(work, node->facts, NULL);
    return verdict == GS_VERDICT_YES || (verdict == GS_VERDICT_UNKNOWN && !node->usable);
}

int gs_way_coming(struct gs_work *work, struct gs_decision *ret, struct gs_err *err)
{
    struct merit best = {.node = GS_DECIDE_NONE};
    for (size_t n = 0; n < work->cluster->n_nodes; n++) {
        const struct gs_decide_node *node = &work->cluster->nodes[n];
        const struct gs_need *need;
        bool fits;
        int r = look(work, n, &need, &fits, err);
        if (r < 0) {
            return r;
        }
        struct merit merit = {!node->usable, 0, gs_work_left(node), (uint32_t)n};
        if (fits && need->total > 0 && suffices(need, node->free, node->coming) &&
            better(work, &merit, &best) && will_suffice(work, need, node) &&
            will_allow(work, node)) {
            best = merit;
        }
    }
    ret->what = GS_DECIDE_WAIT;
    ret->until_node = best.node;
    return best.node != GS_DECIDE_NONE;
}

/* The least that the node can ask: exact for one slice where nothing is promised or kept. */
static bool bid_of(const struct gs_need *need, const struct gs_decide_node *node,
                   const struct gs_decide_sum *sum, struct merit *merit)
{
    merit->first = 0;
    merit->second = INT64_MIN;
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        const struct gs_decide_bid *bid = &sum->bids[p];
        if (need->count[p] == 0 || (need->total > 1 && need->count[p] <= node->free[p])) {
            continue;
        }
        if (bid->destroys == GS_BID_NONE || !gs_decide_may_make(node, p) ||
            need->count[p] > (uint64_t)bid->most + node->free[p]) {
            return false;
        }
        merit->first = bid->destroys > merit->first ? bid->destroys : merit->first;
        merit->second = need->total == 1 ? bid->cost : INT64_MIN;
    }
    return true;
}

/* Looks closer at one node, and takes it if it is the best so far. */
static void try_recut(struct gs_work *work, const struct gs_need *need, struct merit *merit,
                      struct merit *best, struct gs_cut_answer *answer)
{
    const struct gs_decide_node *node = &work->cluster->nodes[merit->node];
    struct gs_cut_answer found;
    struct gs_room room;
    gs_work_room(work, node, &room);
    unsigned most = best->node == GS_DECIDE_NONE ? UINT32_MAX : (unsigned)best->first;
    if (!gs_cut_find(work, need, node, &room, most, &found) || found.n_recuts == 0) {
        return;
    }
    merit->first = found.destroys;
    merit->second = found.cost;
    if (better(work, merit, best)) {
        *best = *merit;
        *answer = found;
    }
}

int gs_way_recut(struct gs_work *work, struct gs_decision *ret, struct gs_err *err)
{
    struct merit best = {.node = GS_DECIDE_NONE};
    struct gs_cut_answer answer;
    for (size_t n = 0; n < work->cluster->n_nodes; n++) {
        const struct gs_decide_node *node = &work->cluster->nodes[n];
        const struct gs_need *need;
        const struct gs_decide_sum *sum;
        bool fits;
        int r = node->recuttable ? look(work, n, &need, &fits, err) : 0;
        if (r < 0) {
            return r;
        }
        if (!node->recuttable || !fits || need->total == 0) {
            continue;
        }
        r = gs_work_sum(work, node, &sum, err);
        if (r < 0) {
            return r;
        }
        struct merit merit = {.left = gs_work_left(node), .node = (uint32_t)n};
        if (bid_of(need, node, sum, &merit) && better(work, &merit, &best) &&
            gs_work_allows(work, node->facts, NULL) == GS_VERDICT_YES) {
            try_recut(work, need, &merit, &best, &answer);
        }
    }
    if (best.node == GS_DECIDE_NONE) {
        return 0;
    }
    ret->what = GS_DECIDE_RECUT;
    ret->node = best.node;
    ret->n_recuts = answer.n_recuts;
    memcpy(ret->recuts, answer.recuts, answer.n_recuts * sizeof(answer.recuts[0]));
    return 1;
}

static bool offer_holds(struct gs_work *work, const struct gs_offer *offer,
                        const struct gs_need *need)
{
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        if (need->count[p] > 0 && !gs_offer_allows(offer, p)) {
            return false;
        }
    }
    return need->possible && offer->gpus >= need->gpus &&
           offer->cpu_milli >= work->pod->cpu_milli &&
           offer->memory_bytes >= work->pod->memory_bytes && offer->pods >= 1;
}

/* The best of those that may be bought, or, `spent`, of those that a limit forbids. */
static int find_offer(struct gs_work *work, bool spent, const struct gs_offer **ret,
                      struct gs_err *err)
{
    const struct gs_offer *best = NULL;
    bool best_unsure = false;
    for (size_t o = 0; o < work->cluster->n_offers; o++) {
        const struct gs_offer *offer = &work->cluster->offers[o];
        const struct gs_need *need;
        int r = gs_need_of(work, offer->model, offer->gpu_name, &need, err);
        if (r < 0) {
            return r;
        }
        bool asked = spent ? offer->max_nodes == 0 && offer->no_more != NULL : offer->max_nodes > 0;
        if (!asked || !offer_holds(work, offer, need)) {
            continue;
        }
        enum gs_verdict verdict = gs_work_allows(work, offer->facts, NULL);
        bool unsure = verdict == GS_VERDICT_UNKNOWN;
        bool cheaper = best == NULL || unsure < best_unsure ||
                       (unsure == best_unsure && gs_offer_rank(offer) < gs_offer_rank(best));
        if (verdict != GS_VERDICT_NO && cheaper &&
            gs_cut_holds_empty(work, need, offer->gpus - need->gpus)) {
            best = offer;
            best_unsure = unsure;
        }
    }
    *ret = best;
    return 0;
}

int gs_way_buy(struct gs_work *work, struct gs_decision *ret, struct gs_err *err)
{
    const struct gs_offer *best = NULL;
    int r = find_offer(work, false, &best, err);
    if (r < 0) {
        return r;
    }
    ret->what = GS_DECIDE_BUY;
    ret->offer = best == NULL ? GS_DECIDE_NONE : (uint32_t)(best - work->cluster->offers);
    return best != NULL;
}

const char *gs_way_no_more(struct gs_work *work)
{
    const struct gs_offer *best = NULL;
    return find_offer(work, true, &best, NULL) < 0 || best == NULL ? NULL : best->no_more;
}
