#include <string.h>

#include "decide/work.h"

/* A slice whose pod could go elsewhere; the lower wins, field by field. */
struct victim {
    unsigned size; /* compute slices */
    unsigned destroys;
    int32_t cost;
    uint32_t node;
    uint32_t gpu;
    uint32_t slice;
};

struct victims {
    struct victim list[GS_DECIDE_VICTIMS_MAX]; /* best first */
    unsigned n;
};

static bool comes_before(const struct victim *a, const struct victim *b)
{
    if (a->size != b->size) {
        return a->size < b->size;
    }
    if (a->destroys != b->destroys) {
        return a->destroys < b->destroys;
    }
    return a->cost < b->cost;
}

static void note(struct victims *victims, const struct victim *victim)
{
    unsigned at = victims->n;
    for (; at > 0 && comes_before(victim, &victims->list[at - 1]); at--) {
    }
    if (at == GS_DECIDE_VICTIMS_MAX) {
        return;
    }
    unsigned n = victims->n < GS_DECIDE_VICTIMS_MAX ? victims->n : GS_DECIDE_VICTIMS_MAX - 1;
    memmove(&victims->list[at + 1], &victims->list[at], (n - at) * sizeof(*victim));
    victims->list[at] = *victim;
    victims->n = n + 1;
}

/* Whose slice it is: a pod of one slice that may be moved for this one; NULL: it may not. */
static const struct gs_decide_pod *mover_of(const struct gs_work *work,
                                            const struct gs_decide_slice *slice)
{
    if (slice->state == GS_DECIDE_IDLE || !slice->movable ||
        slice->pod >= work->cluster->n_holders) {
        return NULL;
    }
    const struct gs_decide_pod *holder = &work->cluster->holders[slice->pod];
    bool one_slice =
        holder->n_wants == 1 && holder->wants[0].count == 1 && !holder->wants[0].whole_gpu;
    return one_slice && holder->priority <= work->pod->priority ? holder : NULL;
}

/* Whether the pod finds room on the node once the victim is gone. */
static int makes_room(struct gs_work *work, const struct victim *victim, bool *ret,
                      struct gs_err *err)
{
    struct gs_decide_gpu gpus[GS_OFFER_GPUS_MAX];
    struct gs_decide_node node = work->cluster->nodes[victim->node];
    const struct gs_decide_slice *slice = &node.gpus[victim->gpu].slices[victim->slice];
    const struct gs_decide_pod *holder = mover_of(work, slice);
    const struct gs_need *need;
    struct gs_cut_answer answer;
    struct gs_room room;
    *ret = false;
    if (++work->tried_moves > GS_MOVES_TRIED_MAX) {
        return 0;
    }
    int r = gs_need_of(work, node.model, node.gpu_name, &need, err);
    if (r < 0 || holder == NULL) {
        return r;
    }
    memcpy(gpus, node.gpus, node.n_gpus * sizeof(gpus[0]));
    gpus[victim->gpu].slices[victim->slice].state = GS_DECIDE_IDLE;
    node.gpus = gpus;
    node.free[slice->placement.profile]++;
    node.cpu_milli += holder->cpu_milli;
    node.memory_bytes += holder->memory_bytes;
    node.pods++;
    gs_work_room(work, &node, &room);
    *ret = gs_work_holds(work, &node) && gs_cut_find(work, need, &node, &room, UINT32_MAX, &answer);
    return 0;
}

/* Whether the bids of single GPUs tell all: one slice is asked for and no idle one is promised. */
static bool bids_are_exact(const struct gs_need *need, const struct gs_decide_node *node,
                           const struct gs_decide_sum *sum)
{
    uint64_t free = 0;
    for (unsigned p = 0; p < need->model->n_profiles; p++) {
        free += node->free[p];
    }
    return need->total == 1 && free >= sum->idle;
}

/* The slices of one GPU without which the pod finds room on the node. */
static int look_at_gpu(struct gs_work *work, const struct gs_need *need, unsigned profile,
                       struct victim where, bool exact, struct victims *victims, struct gs_err *err)
{
    const struct gs_decide_node *node = &work->cluster->nodes[where.node];
    const struct gs_decide_gpu *gpu = &node->gpus[where.gpu];
    struct gs_kind_cut cut;
    if (!gpu->open || gpu->kept_for > work->rank || !gs_kind_cut_of(need->kind, gpu, &cut) ||
        gs_kind_row(need->kind, cut)->bids[profile].held > (need->total > 1 ? GS_BID_NONE : 1)) {
        return 0;
    }
    for (unsigned s = 0; s < gpu->n_slices; s++) {
        const struct gs_placement *placement = &gpu->slices[s].placement;
        if (mover_of(work, &gpu->slices[s]) == NULL) {
            continue;
        }
        uint64_t bit = 1ull << need->kind->index[placement->profile][placement->start];
        struct gs_kind_cut left = {.fixed = cut.fixed & ~bit, .idle = cut.idle | bit};
        struct gs_decide_bid bid = gs_kind_row(need->kind, left)->bids[profile];
        bool same = placement->profile == profile; /* it can have that very slice */
        bool makes = bid.destroys != GS_BID_NONE && gs_decide_may_make(node, profile);
        bool helps = same || makes || need->total > 1;
        where.slice = s;
        where.size = need->model->profiles[placement->profile].compute_slices;
        where.destroys = same ? 0 : bid.destroys;
        where.cost = same ? 0 : bid.cost;
        int r = helps && !exact ? makes_room(work, &where, &helps, err) : 0;
        if (r < 0) {
            return r;
        }
        if (helps) {
            note(victims, &where);
        }
    }
    return 0;
}

static int look_at_node(struct gs_work *work, uint32_t n, struct victims *victims,
                        struct gs_err *err)
{
    const struct gs_decide_node *node = &work->cluster->nodes[n];
    const struct gs_need *need;
    const struct gs_decide_sum *sum;
    int r = gs_need_of(work, node->model, node->gpu_name, &need, err);
    if (r < 0 || !need->possible || need->kind == NULL || need->kind->states == NULL ||
        gs_work_bar(work, node) != NULL || node->free_gpus < need->gpus) {
        return r;
    }
    int profile = gs_work_short(need, node->free);
    r = profile < 0 ? 0 : gs_work_sum(work, node, &sum, err);
    if (r < 0 || profile < 0 || (need->total == 1 && sum->bids[profile].held > 1) ||
        gs_work_allows(work, node->facts, NULL) != GS_VERDICT_YES) {
        return r;
    }
    bool exact = bids_are_exact(need, node, sum);
    for (unsigned g = 0; r == 0 && g < node->n_gpus; g++) {
        struct victim where = {.node = n, .gpu = g};
        r = look_at_gpu(work, need, (unsigned)profile, where, exact, victims, err);
    }
    return r;
}

/* Where the victim's successor would go: a free slice, or one after a re-cut, on another node. On
 * the same node it is not for us to say which of two slices the kubelet would give it. */
static int find_target(const struct gs_work *work, const struct victim *victim,
                       const struct gs_decide_pod *holder, struct gs_decision *ret,
                       struct gs_err *err)
{
    struct gs_work other = {.decider = work->decider,
                            .cluster = work->cluster,
                            .pod = holder,
                            .rank = gs_decide_rank(holder),
                            .except = victim->node};
    int r = gs_way_book(&other, ret, err);
    return r != 0 ? r : gs_way_recut(&other, ret, err);
}

/* A successor that found no room; who asks for as much finds none either. */
struct failure {
    const struct gs_decide_pod *pod;
    uint32_t except;
};

static bool failed_before(const struct failure *failures, unsigned n,
                          const struct gs_decide_pod *pod, uint32_t except)
{
    for (unsigned f = 0; f < n; f++) {
        const struct gs_decide_pod *other = failures[f].pod;
        if (failures[f].except == except && other->cpu_milli <= pod->cpu_milli &&
            other->memory_bytes <= pod->memory_bytes &&
            other->wants[0].model == pod->wants[0].model &&
            gs_profile_name_eq(&other->wants[0].profile, &pod->wants[0].profile) &&
            gs_constraint_eq(other->constraint, pod->constraint)) {
            return true;
        }
    }
    return false;
}

static void write_move(const struct victim *victim, struct gs_decision *ret)
{
    ret->what = GS_DECIDE_MOVE;
    ret->move.to_node = ret->node;
    ret->move.gpu = victim->gpu;
    ret->move.slice = victim->slice;
    ret->node = victim->node;
    ret->keep.node = victim->node;
    ret->keep.gpus = 1u << victim->gpu;
}

static int try_victims(const struct gs_work *work, const struct victims *victims,
                       struct gs_decision *ret, struct gs_err *err)
{
    struct failure failures[GS_DECIDE_VICTIMS_MAX];
    unsigned n = 0;
    for (unsigned v = 0; v < victims->n; v++) {
        const struct victim *victim = &victims->list[v];
        const struct gs_decide_gpu *gpu = &work->cluster->nodes[victim->node].gpus[victim->gpu];
        const struct gs_decide_pod *holder = mover_of(work, &gpu->slices[victim->slice]);
        if (failed_before(failures, n, holder, victim->node)) {
            continue;
        }
        int r = find_target(work, victim, holder, ret, err);
        if (r > 0) {
            write_move(victim, ret);
        }
        if (r != 0) {
            return r;
        }
        failures[n++] = (struct failure){.pod = holder, .except = victim->node};
    }
    return 0;
}

int gs_way_move(struct gs_work *work, struct gs_decision *ret, struct gs_err *err)
{
    struct victims victims = {.n = 0};
    if (!work->pod->may_move_others) {
        return 0;
    }
    for (size_t n = 0; n < work->cluster->n_nodes; n++) {
        int r =
            work->cluster->nodes[n].recuttable ? look_at_node(work, (uint32_t)n, &victims, err) : 0;
        if (r < 0) {
            return r;
        }
    }
    return try_victims(work, &victims, ret, err);
}
