#include <string.h>

#include "decide/work.h"

/* Nodes that are looked at for GPUs to keep for a pod of several slices. */
enum { KEEPS_TRIED_MAX = 64 };

/* What is short on the node for the pod itself. */
static const char *lacking(const struct gs_work *work, const struct gs_decide_node *node)
{
    if (node->cpu_milli < work->pod->cpu_milli) {
        return "CPU";
    }
    return node->memory_bytes < work->pod->memory_bytes ? "memory" : "room for one pod more";
}

/* The GPU of the node on which the fewest fixed slices stand in the way, but for those in `taken`
 * and those that are kept for pods before this one. */
static uint32_t pick_gpu(const struct gs_work *work, const struct gs_need *need,
                         const struct gs_decide_node *node, unsigned profile, uint32_t taken,
                         unsigned *ret_held)
{
    uint32_t best = GS_DECIDE_NONE;
    bool best_own = false;
    *ret_held = GS_BID_NONE;
    for (unsigned g = 0; g < node->n_gpus; g++) {
        const struct gs_decide_gpu *gpu = &node->gpus[g];
        struct gs_kind_cut cut;
        if ((taken >> g & 1u) != 0 || !gpu->open || gpu->kept_for > work->rank ||
            !gs_kind_cut_of(need->kind, gpu, &cut)) {
            continue;
        }
        unsigned held = gs_kind_row(need->kind, cut)->bids[profile].held;
        bool own = gpu->kept_for == work->rank;
        if (held != GS_BID_NONE && (best == GS_DECIDE_NONE || held < *ret_held ||
                                    (held == *ret_held && own && !best_own))) {
            best = g;
            best_own = own;
            *ret_held = held;
        }
    }
    return best;
}

/* GPUs of the node for all the slices of one profile that are missing. */
static void try_keep(const struct gs_work *work, const struct gs_need *need, uint32_t n,
                     unsigned profile, struct gs_blame *blame)
{
    const struct gs_decide_node *node = &work->cluster->nodes[n];
    uint32_t missing = need->count[profile] - node->free[profile];
    uint32_t gpus = 0;
    unsigned held = 0;
    for (uint32_t k = 0; k < missing && k < node->n_gpus; k++) {
        unsigned more;
        uint32_t g = pick_gpu(work, need, node, profile, gpus, &more);
        if (g == GS_DECIDE_NONE) {
            break;
        }
        gpus |= 1u << g;
        held += more;
    }
    if (gpus != 0 && (blame->keep_node == GS_DECIDE_NONE || held < blame->keep_held)) {
        blame->keep_node = n;
        blame->keep_gpus = gpus;
        blame->keep_held = held;
    }
}

/* Whether keeping a GPU of the node free would ever help. Not for the smallest slices: room for one
 * comes with every slice that ends, and no smaller one can take it. */
static bool is_worth_keeping(const struct gs_need *need, const struct gs_decide_node *node,
                             unsigned profile)
{
    const struct gs_profile *wanted = &need->model->profiles[profile];
    return wanted->memory_units > 1 && node->recuttable && node->free_gpus >= need->gpus &&
           need->count[profile] <= (uint64_t)node->n_gpus * wanted->max_instances;
}

/* Counts the node where the pod failed on it first. */
static bool passes(struct gs_work *work, const struct gs_decide_node *node,
                   const struct gs_need *need, struct gs_blame *blame)
{
    const char *because = NULL;
    const struct gs_decide_bar *bar = gs_work_bar(work, node);
    if (!need->possible) {
        blame->other++;
    } else if (!node->usable) {
        blame->unusable++;
    } else if (!gs_work_holds(work, node)) {
        blame->small++;
        blame->lacking = lacking(work, node);
    } else if (bar != NULL && bar->amount) {
        blame->small++;
        blame->lacking = bar->what;
    } else if (bar != NULL) {
        blame->barred++;
        blame->because = bar->what;
    } else if (gs_work_avoids(work, node)) {
        blame->barred++;
        blame->because = "what made a booking there fail";
    } else if (gs_work_allows(work, node->facts, &because) != GS_VERDICT_YES) {
        blame->barred++;
        blame->because = because;
    } else {
        blame->taken++;
        blame->silent += !node->recuttable && need->total > 0 ? 1 : 0;
        return true;
    }
    return false;
}

/* Whether a GPU of the node is kept for somebody before this pod. */
static bool keeps_for_others(const struct gs_work *work, const struct gs_decide_node *node)
{
    bool keeps = false;
    for (unsigned g = 0; g < node->n_gpus; g++) {
        keeps = keeps || node->gpus[g].kept_for > work->rank;
    }
    return keeps;
}

/* Nothing but what its SlicePool allows stands in the way. */
static void note_bound(const struct gs_work *work, const struct gs_decide_node *node,
                       const struct gs_decide_bid *bid, struct gs_blame *blame)
{
    if (node->recuttable && bid->destroys != GS_BID_NONE && !keeps_for_others(work, node) &&
        blame->bound++ == 0) {
        blame->bound_node = (uint32_t)(node - work->cluster->nodes);
    }
}

static int blame_node(struct gs_work *work, uint32_t n, struct gs_blame *blame, struct gs_err *err)
{
    const struct gs_decide_node *node = &work->cluster->nodes[n];
    const struct gs_need *need;
    const struct gs_decide_sum *sum;
    int r = gs_need_of(work, node->model, node->gpu_name, &need, err);
    if (r < 0 || !passes(work, node, need, blame)) {
        return r;
    }
    int profile = gs_work_short(need, node->free);
    if (profile < 0) {
        blame->kept += need->total > 0 && keeps_for_others(work, node) ? 1 : 0;
        return 0;
    }
    r = gs_work_sum(work, node, &sum, err);
    if (r < 0) {
        return r;
    }
    const struct gs_decide_bid *bid = &sum->bids[profile];
    if (!gs_work_may_make(need, node)) {
        note_bound(work, node, bid, blame);
        return 0;
    }
    blame->kept += bid->destroys != GS_BID_NONE && keeps_for_others(work, node) ? 1 : 0;
    if (is_worth_keeping(need, node, (unsigned)profile) && bid->held != GS_BID_NONE &&
        (blame->keep_node == GS_DECIDE_NONE || bid->held < blame->keep_held) &&
        (need->total == 1 || blame->tried++ < KEEPS_TRIED_MAX)) {
        try_keep(work, need, n, (unsigned)profile, blame);
    }
    return 0;
}

int gs_blame(struct gs_work *work, struct gs_blame *ret, struct gs_err *err)
{
    struct gs_blame blame = {.nodes = work->cluster->n_nodes, .keep_node = GS_DECIDE_NONE};
    uint32_t first = work->pod->kept_node;
    struct gs_blame unused = blame;
    int r = first < blame.nodes ? blame_node(work, first, &unused, err) : 0;
    blame.keep_node = unused.keep_node;
    blame.keep_gpus = unused.keep_gpus;
    blame.keep_held = unused.keep_held;
    for (size_t n = 0; r == 0 && n < blame.nodes; n++) {
        r = blame_node(work, (uint32_t)n, &blame, err);
    }
    *ret = blame;
    return r;
}
