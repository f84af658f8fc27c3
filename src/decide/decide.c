#include "decide/decide.h"

#include <string.h>

#include "decide/work.h"

struct gs_decider *gs_decider_new(struct gs_arena *arena)
{
    struct gs_decider *decider = GS_ARENA_NEW(arena, struct gs_decider, 1);
    if (decider != NULL) {
        decider->arena = arena;
    }
    return decider;
}

/* The time of creation as what is compared: whole seconds, as Kubernetes has them. */
static uint32_t seconds_of(uint64_t us)
{
    uint64_t s = us / 1000000;
    return s < UINT32_MAX ? (uint32_t)s : UINT32_MAX - 1;
}

uint64_t gs_decide_rank(const struct gs_decide_pod *pod)
{
    uint64_t priority = (uint64_t)((int64_t)pod->priority - INT32_MIN);
    return priority << 32 | (UINT32_MAX - seconds_of(pod->created_us));
}

/* Whole GPUs, then memory, then compute: what is hard to place while small ones can go anywhere. */
static uint64_t size_of(const struct gs_decide_pod *pod)
{
    uint64_t size = 0;
    for (size_t i = 0; i < pod->n_wants; i++) {
        const struct gs_want *want = &pod->wants[i];
        uint64_t one = want->whole_gpu
                           ? 1ull << 32
                           : (uint64_t)want->profile.memory_gb << 12 | want->profile.gpu_slices;
        size += one * want->count;
    }
    return size;
}

int gs_decide_order(const struct gs_decide_pod *a, const struct gs_decide_pod *b)
{
    if (a->priority != b->priority) {
        return a->priority > b->priority ? -1 : 1;
    }
    if (a->created_us != b->created_us) {
        return a->created_us < b->created_us ? -1 : 1;
    }
    uint64_t size_a = size_of(a);
    uint64_t size_b = size_of(b);
    if (size_a != size_b) {
        return size_a > size_b ? -1 : 1;
    }
    return strcmp(a->name, b->name);
}

static void clear(struct gs_decision *decision)
{
    memset(decision, 0, sizeof(*decision));
    decision->what = GS_DECIDE_WAIT;
    decision->node = GS_DECIDE_NONE;
    decision->offer = GS_DECIDE_NONE;
    decision->until_node = GS_DECIDE_NONE;
    decision->keep.node = GS_DECIDE_NONE;
    decision->move.gpu = decision->move.slice = decision->move.to_node = GS_DECIDE_NONE;
}

typedef int way_of(struct gs_work *work, struct gs_decision *ret, struct gs_err *err);

/* The first of the ways that can be gone. */
static int find_way(struct gs_work *work, way_of *const *ways, size_t n_ways,
                    struct gs_decision *decision, struct gs_err *err)
{
    for (size_t w = 0; w < n_ways; w++) {
        clear(decision);
        int r = ways[w](work, decision, err);
        if (r != 0) {
            return r;
        }
    }
    clear(decision);
    return 0;
}

static int find(struct gs_work *work, struct gs_decision *decision, struct gs_err *err)
{
    static way_of *const ways[] = {gs_way_book, gs_way_coming, gs_way_recut, gs_way_move,
                                   gs_way_buy};
    static way_of *const borrowing[] = {gs_way_book, gs_way_recut};
    int r = find_way(work, ways, 5, decision, err);
    if (r != 0 || !work->kept) {
        return r; /* where nothing was left out there is nothing to borrow */
    }
    work->keeping = GS_KEEPING_BORROW;
    r = find_way(work, borrowing, 2, decision, err);
    work->keeping = GS_KEEPING_AVOID;
    decision->borrowed = r > 0;
    return r;
}

static int check_cluster(const struct gs_decide_cluster *cluster, struct gs_err *err)
{
    if (cluster->n_nodes > GS_DECIDE_NODES_MAX || cluster->n_offers > GS_OFFERS_MAX) {
        return gs_fail(err, GS_LIMIT,
                       "%zu nodes and %zu offers: %d nodes and %d offers are the most",
                       cluster->n_nodes, cluster->n_offers, GS_DECIDE_NODES_MAX, GS_OFFERS_MAX);
    }
    for (size_t n = 0; n < cluster->n_nodes; n++) {
        if (cluster->nodes[n].n_gpus > GS_OFFER_GPUS_MAX) {
            return gs_fail(err, GS_LIMIT, "node %s has %u GPUs, %d are the most",
                           cluster->nodes[n].name, cluster->nodes[n].n_gpus, GS_OFFER_GPUS_MAX);
        }
    }
    return 0;
}

int gs_decide(struct gs_decider *decider, const struct gs_decide_cluster *cluster,
              const struct gs_decide_pod *pod, struct gs_decision *ret, struct gs_err *err)
{
    int r = gs_need_check(pod, err);
    r = r < 0 ? r : check_cluster(cluster, err);
    if (r < 0) {
        return r;
    }
    struct gs_work work = {.decider = decider,
                           .cluster = cluster,
                           .pod = pod,
                           .rank = gs_decide_rank(pod),
                           .except = GS_DECIDE_NONE};
    struct gs_blame blame;
    struct gs_decision decision;
    r = find(&work, &decision, err);
    bool looked = r == 0 || (r > 0 && decision.what != GS_DECIDE_BOOK);
    int b = looked ? gs_blame(&work, &blame, err) : 0;
    if (r < 0 || b < 0) {
        return r < 0 ? r : b;
    }
    if (decision.what == GS_DECIDE_WAIT && decision.until_node == GS_DECIDE_NONE) {
        decision.keep.node = blame.keep_node;
        decision.keep.gpus = blame.keep_gpus;
    }
    gs_why(&work, looked ? &blame : NULL, &decision);
    *ret = decision;
    return 0;
}
