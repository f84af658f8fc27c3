#include <string.h>

#include "decide/work.h"

/* Steps of the search over one node, fewer where there are many nodes, and of a decision. Only pods
 * that ask for several slices come near. */
enum { TRIES_A_NODE_MIN = 200, TRIES_A_NODE_MAX = 8000, TRIES_MAX = 16000 };

/* One open GPU while the search goes on. */
struct gpu {
    uint32_t number;
    uint64_t fixed;
    uint64_t idle;  /* at first */
    uint64_t kept;  /* of those, the ones that are still there */
    uint64_t must;  /* fixed, and what the search has added */
    uint16_t state; /* of must */
};

struct search {
    const struct gs_kind *kind;
    const struct gs_need *need;
    const struct gs_decide_node *node; /* NULL: a new one */
    uint32_t free[GS_PROFILES_MAX];
    uint32_t destroyed[GS_PROFILES_MAX];
    uint32_t created[GS_PROFILES_MAX];
    struct gpu gpus[GS_OFFER_GPUS_MAX];
    unsigned n_gpus;
    unsigned destroys;
    int64_t cost;
    unsigned tries;
    unsigned most_tries;
    unsigned most_destroys;
    bool any; /* the first answer will do */
    bool found;
    unsigned best_destroys;
    int64_t best_cost;
    struct gpu best[GS_OFFER_GPUS_MAX];
};

/* Where the search stands: slices of one profile are added in one order only. */
struct after {
    unsigned profile;
    unsigned gpu;
    unsigned placement;
};

static void step(struct search *search, struct after after);

static uint16_t with(const struct gs_kind *kind, uint16_t state, unsigned placement)
{
    return kind->states->next[(size_t)state * kind->states->n_placements + placement];
}

/* The largest profile of which there is not enough. */
static int find_short(const struct search *search)
{
    unsigned n = search->kind->model->n_profiles;
    for (unsigned k = 0; k < n; k++) {
        unsigned p = search->kind->by_size[k];
        if (search->free[p] - search->destroyed[p] + search->created[p] < search->need->count[p]) {
            return (int)p;
        }
    }
    return -1;
}

static void consider(struct search *search)
{
    if (search->found &&
        (search->destroys > search->best_destroys ||
         (search->destroys == search->best_destroys && search->cost >= search->best_cost))) {
        return;
    }
    search->found = true;
    search->best_destroys = search->most_destroys = search->destroys;
    search->best_cost = search->cost;
    memcpy(search->best, search->gpus, sizeof(search->best));
}

/* Counts slices as destroyed, or takes that back. False: one of them is not free to go. */
static bool count_gone(struct search *search, uint64_t gone, bool back)
{
    bool allowed = true;
    for (; gone != 0; gone &= gone - 1) {
        unsigned p = search->kind->states->placements[__builtin_ctzll(gone)].profile;
        search->destroyed[p] += back ? UINT32_MAX : 1;
        search->destroys += back ? UINT32_MAX : 1;
        allowed = allowed && search->destroyed[p] <= search->free[p];
    }
    return allowed;
}

/* The search goes on without `gone`. False: a slice of it may not go. */
static bool go_without(struct search *search, struct gpu *gpu, uint64_t gone, struct after after)
{
    bool allowed = count_gone(search, gone, false);
    if (allowed) {
        uint64_t kept = gpu->kept;
        gpu->kept &= ~gone;
        step(search, after);
        gpu->kept = kept;
    }
    (void)count_gone(search, gone, true);
    return allowed;
}

/* What has to go beside the GPU's `must` goes, in every way of the fewest slices. */
static void make_way(struct search *search, struct gpu *gpu, struct after after)
{
    const struct gs_kind *kind = search->kind;
    uint64_t forced = gs_kind_forced(kind, gpu->must, gpu->kept);
    uint64_t rest = gpu->kept & ~forced;
    if (gs_statetable_find(kind->states, gpu->must | rest) != GS_STATE_NONE) {
        (void)go_without(search, gpu, forced, after);
        return;
    }
    bool done = false;
    for (unsigned more = 1; !done && more <= (unsigned)__builtin_popcountll(rest); more++) {
        uint64_t gone;
        for (uint32_t mask = 0; gs_kind_choose(rest, more, &mask, &gone);) {
            uint64_t left = gpu->must | (rest & ~gone);
            if (gs_statetable_find(kind->states, left) != GS_STATE_NONE) {
                done = go_without(search, gpu, forced | gone, after) || done;
            }
        }
    }
}

static bool may_make(const struct search *search, unsigned profile)
{
    return search->node == NULL || gs_decide_may_make(search->node, profile);
}

static void add(struct search *search, struct gpu *gpu, unsigned placement, struct after after)
{
    const struct gs_kind *kind = search->kind;
    uint16_t next = with(kind, gpu->state, placement);
    if (next == GS_STATE_NONE || (gpu->kept >> placement & 1u) != 0 ||
        ++search->tries > search->most_tries) {
        return;
    }
    struct gpu before = *gpu;
    int32_t cost = kind->policy->policy->cost(kind->states, gpu->state, placement);
    search->cost += cost;
    search->created[after.profile]++;
    gpu->must |= 1ull << placement;
    gpu->state = next;
    make_way(search, gpu, after);
    *gpu = before;
    search->created[after.profile]--;
    search->cost -= cost;
}

/* An earlier GPU that looks the same was tried already. */
static bool is_twin(const struct search *search, unsigned g)
{
    for (unsigned k = 0; k < g; k++) {
        if (search->gpus[k].must == search->gpus[g].must &&
            search->gpus[k].fixed == search->gpus[g].fixed &&
            search->gpus[k].kept == search->gpus[g].kept) {
            return true;
        }
    }
    return false;
}

static void step(struct search *search, struct after after)
{
    if (++search->tries > search->most_tries || search->destroys > search->most_destroys ||
        (search->found && search->any)) {
        return;
    }
    int found = find_short(search);
    if (found < 0) {
        consider(search);
        return;
    }
    const struct gs_statetable *states = search->kind->states;
    unsigned p = (unsigned)found;
    bool same = p == after.profile;
    if (!may_make(search, p)) {
        return;
    }
    for (unsigned g = same ? after.gpu : 0; g < search->n_gpus; g++) {
        if (is_twin(search, g)) {
            continue;
        }
        for (unsigned i = 0; i < states->n_placements; i++) {
            bool later = !same || g > after.gpu || i > after.placement;
            if (states->placements[i].profile == p && later) {
                add(search, &search->gpus[g], i, (struct after){p, g, i});
            }
        }
    }
}

static const struct after from_start = {.profile = GS_PROFILES_MAX};

static void add_gpu(struct search *search, uint32_t number, struct gs_kind_cut cut)
{
    uint16_t state = gs_statetable_find(search->kind->states, cut.fixed);
    if (state == GS_STATE_NONE ||
        gs_statetable_find(search->kind->states, cut.fixed | cut.idle) == GS_STATE_NONE) {
        return;
    }
    search->gpus[search->n_gpus++] = (struct gpu){.number = number,
                                                  .fixed = cut.fixed,
                                                  .idle = cut.idle,
                                                  .kept = cut.idle,
                                                  .must = cut.fixed,
                                                  .state = state};
}

/* What was destroyed, and may be made, comes back where it still fits, larger ones first. */
static void lay_out(const struct search *search, const struct gpu *gpu, struct gs_layout *ret)
{
    const struct gs_kind *kind = search->kind;
    const struct gs_policy_table *policy = kind->policy;
    uint64_t gone = gpu->idle & ~gpu->kept;
    uint64_t set = gpu->must | gpu->kept;
    uint16_t state = gs_statetable_find(kind->states, set);
    for (unsigned k = 0; k < kind->model->n_profiles; k++) {
        unsigned p = kind->by_size[k];
        for (uint64_t rest = may_make(search, p) ? gone : 0; rest != 0; rest &= rest - 1) {
            unsigned i = policy->best[(size_t)state * policy->n_profiles + p];
            if (kind->states->placements[__builtin_ctzll(rest)].profile == p &&
                i != GS_PLACEMENT_NONE) {
                set |= 1ull << i;
                state = with(kind, state, i);
            }
        }
    }
    gs_layout_from_set(kind->states, set, gpu->fixed, ret);
}

static void answer(const struct search *search, struct gs_cut_answer *ret)
{
    ret->destroys = search->best_destroys;
    ret->cost = search->best_cost;
    ret->n_recuts = 0;
    for (unsigned g = 0; g < search->n_gpus; g++) {
        const struct gpu *gpu = &search->best[g];
        if (gpu->must != gpu->fixed) {
            struct gs_decide_recut *recut = &ret->recuts[ret->n_recuts++];
            recut->gpu = gpu->number;
            lay_out(search, gpu, &recut->layout);
        }
    }
}

static void run(struct gs_work *work, struct search *search)
{
    size_t n_nodes = work->cluster->n_nodes;
    size_t share = TRIES_MAX / (n_nodes > 0 ? n_nodes : 1);
    share = share < TRIES_A_NODE_MIN ? TRIES_A_NODE_MIN : share;
    search->most_tries = share > TRIES_A_NODE_MAX ? TRIES_A_NODE_MAX : (unsigned)share;
    step(search, from_start);
    work->tries += search->need->total > 1 ? search->tries + search->n_gpus : 0;
}

bool gs_cut_find(struct gs_work *work, const struct gs_need *need,
                 const struct gs_decide_node *node, const struct gs_room *room,
                 unsigned most_destroys, struct gs_cut_answer *ret)
{
    if (need->kind == NULL || need->kind->states == NULL ||
        (need->total > 1 && work->tries >= TRIES_MAX)) {
        return false;
    }
    struct search search = {
        .kind = need->kind, .need = need, .node = node, .most_destroys = most_destroys};
    memcpy(search.free, room->free, sizeof(search.free));
    for (unsigned g = 0; g < node->n_gpus && g < GS_OFFER_GPUS_MAX; g++) {
        struct gs_kind_cut cut;
        if ((room->closed >> g & 1u) == 0 && gs_kind_cut_of(need->kind, &node->gpus[g], &cut)) {
            add_gpu(&search, g, cut);
        }
    }
    run(work, &search);
    if (!search.found) {
        return false;
    }
    answer(&search, ret);
    return true;
}

bool gs_cut_holds_empty(struct gs_work *work, const struct gs_need *need, unsigned n_gpus)
{
    if (need->total == 0) {
        return true;
    }
    if (need->kind == NULL || need->kind->states == NULL) {
        return false;
    }
    struct search search = {.kind = need->kind, .need = need, .any = true};
    for (unsigned g = 0; g < n_gpus && g < GS_OFFER_GPUS_MAX; g++) {
        add_gpu(&search, g, (struct gs_kind_cut){0});
    }
    run(work, &search);
    return search.found;
}
