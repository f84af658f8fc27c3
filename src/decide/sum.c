#include "decide/work.h"

int gs_work_check(const struct gs_decide_gpu *gpus, unsigned n_gpus, struct gs_err *err)
{
    if (n_gpus > GS_OFFER_GPUS_MAX) {
        return gs_fail(err, GS_LIMIT, "a node has %u GPUs, %d are the most", n_gpus,
                       GS_OFFER_GPUS_MAX);
    }
    for (unsigned g = 0; g < n_gpus; g++) {
        if (gpus[g].n_slices > GS_MEMORY_UNITS_MAX) {
            return gs_fail(err, GS_LIMIT, "GPU %u has %u slices, %d are the most", g,
                           gpus[g].n_slices, GS_MEMORY_UNITS_MAX);
        }
    }
    return 0;
}

void gs_work_count(const struct gs_decide_gpu *gpu, struct gs_decide_sum *sum)
{
    for (unsigned s = 0; s < gpu->n_slices && s < GS_MEMORY_UNITS_MAX; s++) {
        *(gpu->slices[s].state == GS_DECIDE_IDLE ? &sum->idle : &sum->held) += 1;
    }
    sum->held += !gpu->mig && !gpu->whole_free ? 1 : 0;
}

static void take_bids(const struct gs_kind_row *row, unsigned n_profiles, struct gs_decide_sum *sum)
{
    for (unsigned p = 0; p < n_profiles; p++) {
        const struct gs_decide_bid *bid = &row->bids[p];
        struct gs_decide_bid *best = &sum->bids[p];
        if (bid->destroys < best->destroys ||
            (bid->destroys == best->destroys && bid->cost < best->cost)) {
            best->destroys = bid->destroys;
            best->cost = bid->cost;
        }
        best->held = bid->held < best->held ? bid->held : best->held;
        best->most = (uint16_t)(best->most + bid->most);
    }
}

int gs_decide_sum(struct gs_decider *decider, const struct gs_model *model,
                  const struct gs_decide_gpu *gpus, unsigned n_gpus, struct gs_decide_sum *ret,
                  struct gs_err *err)
{
    struct gs_decide_sum sum = {.held = 0};
    struct gs_kind *kind = NULL;
    int r = gs_work_check(gpus, n_gpus, err);
    if (r == 0 && model != NULL) {
        r = gs_kind_of(decider, model, &kind, err);
    }
    if (r < 0) {
        return r;
    }
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        sum.bids[p] =
            (struct gs_decide_bid){.cost = INT32_MAX, .destroys = GS_BID_NONE, .held = GS_BID_NONE};
    }
    for (unsigned g = 0; g < n_gpus; g++) {
        struct gs_kind_cut cut;
        gs_work_count(&gpus[g], &sum);
        if (kind != NULL && gpus[g].open && gs_kind_cut_of(kind, &gpus[g], &cut)) {
            take_bids(gs_kind_row(kind, cut), model->n_profiles, &sum);
        }
    }
    *ret = sum;
    return 0;
}

int gs_work_sum(struct gs_work *work, const struct gs_decide_node *node,
                const struct gs_decide_sum **ret, struct gs_err *err)
{
    if (node->sum != NULL) {
        *ret = node->sum;
        return 0;
    }
    *ret = &work->sum;
    int r = gs_decide_sum(work->decider, node->model, node->gpus, node->n_gpus, &work->sum, err);
    return r < 0 ? gs_wrap(err, r, "node %s", node->name) : 0;
}

bool gs_work_holds(const struct gs_work *work, const struct gs_decide_node *node)
{
    return node->cpu_milli >= work->pod->cpu_milli &&
           node->memory_bytes >= work->pod->memory_bytes && node->pods >= 1;
}

const struct gs_decide_bar *gs_work_bar(const struct gs_work *work,
                                        const struct gs_decide_node *node)
{
    const struct gs_decide_pod *pod = work->pod;
    uint8_t bar = pod->barred == NULL ? 0 : pod->barred[node - work->cluster->nodes];
    return bar == 0 ? NULL : &pod->bars[bar - 1];
}

bool gs_work_avoids(const struct gs_work *work, const struct gs_decide_node *node)
{
    for (size_t i = 0; i < work->pod->n_avoid; i++) {
        if (strcmp(work->pod->avoid[i], node->name) == 0) {
            return true;
        }
    }
    return false;
}

enum gs_verdict gs_work_allows(const struct gs_work *work, const struct gs_node_facts *facts,
                               const char **ret_because)
{
    static const struct gs_node_facts nothing_known = {.name = NULL};
    return gs_constraint_check(work->pod->constraint, facts == NULL ? &nothing_known : facts,
                               ret_because);
}

/* Whether a GPU is kept from the pod: always, or, while it may be borrowed, once who it is kept for
 * has waited for too long. */
static bool is_kept(const struct gs_work *work, const struct gs_decide_gpu *gpu)
{
    if (gpu->kept_for <= work->rank) {
        return false;
    }
    uint64_t created_s = UINT32_MAX - (gpu->kept_for & UINT32_MAX);
    uint64_t now_s = work->cluster->now_us / 1000000;
    return work->keeping == GS_KEEPING_AVOID || now_s >= created_s + GS_DECIDE_PATIENCE_S;
}

void gs_work_room(struct gs_work *work, const struct gs_decide_node *node, struct gs_room *ret)
{
    struct gs_room room = {.closed = 0};
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        room.free[p] = node->free[p];
    }
    for (unsigned g = 0; g < node->n_gpus && g < GS_OFFER_GPUS_MAX; g++) {
        const struct gs_decide_gpu *gpu = &node->gpus[g];
        bool kept = is_kept(work, gpu);
        work->kept |= kept;
        for (unsigned s = 0; kept && s < gpu->n_slices && s < GS_MEMORY_UNITS_MAX; s++) {
            uint32_t *free = &room.free[gpu->slices[s].placement.profile % GS_PROFILES_MAX];
            *free -= gpu->slices[s].state == GS_DECIDE_IDLE && *free > 0 ? 1 : 0;
        }
        room.closed |= kept || !gpu->open ? 1u << g : 0;
    }
    *ret = room;
}

uint64_t gs_work_left(const struct gs_decide_node *node)
{
    uint64_t left = 0;
    unsigned n = node->model == NULL ? 0 : node->model->n_profiles;
    for (unsigned p = 0; p < n; p++) {
        left += (uint64_t)node->free[p] * node->model->profiles[p].compute_slices;
    }
    unsigned whole = node->model == NULL ? 1 : node->model->compute_slices;
    return left + (uint64_t)node->free_gpus * whole;
}

int gs_work_short(const struct gs_need *need, const uint32_t *free)
{
    unsigned n = need->kind == NULL || need->kind->states == NULL ? 0 : need->model->n_profiles;
    for (unsigned k = 0; k < n; k++) {
        unsigned p = need->kind->by_size[k];
        if (free[p] < need->count[p]) {
            return (int)p;
        }
    }
    return -1;
}

bool gs_work_may_make(const struct gs_need *need, const struct gs_decide_node *node)
{
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        if (need->count[p] > node->free[p] && !gs_decide_may_make(node, p)) {
            return false;
        }
    }
    return true;
}

uint32_t gs_work_in_the_way(const struct gs_kind *kind, const struct gs_decide_gpu *gpu,
                            unsigned profile)
{
    struct gs_kind_cut cut;
    if (!gs_kind_cut_of(kind, gpu, &cut)) {
        return 0;
    }
    uint64_t gone = gs_kind_in_the_way(kind, cut.fixed, profile);
    uint32_t slices = 0;
    for (unsigned s = 0; s < gpu->n_slices; s++) {
        const struct gs_placement *placement = &gpu->slices[s].placement;
        unsigned i = kind->index[placement->profile][placement->start];
        slices |= (gone >> i & 1u) != 0 ? 1u << s : 0;
    }
    return slices;
}
