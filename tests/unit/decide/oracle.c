#include "unit/decide/oracle.h"

#include <string.h>

struct oracle_need oracle_need(const struct gs_decide_pod *pod, const struct gs_model *model)
{
    struct oracle_need need = {.possible = true};
    for (size_t w = 0; w < pod->n_wants; w++) {
        const struct gs_want *want = &pod->wants[w];
        int p = want->whole_gpu ? -1 : gs_model_profile_index(model, &want->profile);
        if (want->whole_gpu) {
            need.gpus += want->count;
        } else if (p >= 0) {
            need.count[p] += want->count;
        } else {
            need.possible = false;
        }
    }
    return need;
}

static bool admits(const struct gs_decide_node *node, const struct gs_decide_pod *pod)
{
    return node->cpu_milli >= pod->cpu_milli && node->memory_bytes >= pod->memory_bytes &&
           node->pods > 0 &&
           gs_constraint_check(pod->constraint, node->facts, NULL) == GS_VERDICT_YES;
}

bool oracle_books(const struct gs_decide_node *node, const struct gs_decide_pod *pod)
{
    struct oracle_need need = oracle_need(pod, node->model);
    bool books = need.possible && node->usable && admits(node, pod) && node->free_gpus >= need.gpus;
    for (unsigned p = 0; p < node->model->n_profiles; p++) {
        books = books && node->free[p] >= need.count[p];
    }
    return books;
}

/* A GPU as sets of placements. */
struct sets {
    uint64_t fixed;
    uint64_t all;
    bool open;
};

static struct sets sets_of(const struct gs_statetable *states, const struct gs_decide_gpu *gpu)
{
    struct sets sets = {.open = gpu->open && gpu->mig};
    for (unsigned s = 0; s < gpu->n_slices; s++) {
        int i = gs_statetable_placement(states, gpu->slices[s].placement.profile,
                                        gpu->slices[s].placement.start);
        assert_true(i >= 0);
        sets.all |= 1ull << i;
        sets.fixed |= gpu->slices[s].state == GS_DECIDE_FIXED ? 1ull << i : 0;
    }
    return sets;
}

struct tally {
    uint32_t destroyed[GS_PROFILES_MAX];
    uint32_t created[GS_PROFILES_MAX];
    unsigned destroys;
};

static void count(const struct gs_statetable *states, uint64_t from, uint64_t to,
                  struct tally *tally)
{
    for (uint64_t rest = from & ~to; rest != 0; rest &= rest - 1) {
        tally->destroyed[states->placements[__builtin_ctzll(rest)].profile]++;
        tally->destroys++;
    }
    for (uint64_t rest = to & ~from; rest != 0; rest &= rest - 1) {
        tally->created[states->placements[__builtin_ctzll(rest)].profile]++;
    }
}

static bool will_do(const struct gs_decide_node *node, const struct oracle_need *need,
                    const struct tally *tally)
{
    for (unsigned p = 0; p < node->model->n_profiles; p++) {
        if (tally->destroyed[p] > node->free[p] ||
            node->free[p] - tally->destroyed[p] + tally->created[p] < need->count[p] ||
            (tally->created[p] > 0 && !gs_decide_may_make(node, p))) {
            return false;
        }
    }
    return true;
}

static unsigned try_gpus(const struct gs_statetable *states, const struct gs_decide_node *node,
                         const struct oracle_need *need, unsigned g, const struct tally *tally)
{
    if (g == node->n_gpus) {
        return will_do(node, need, tally) ? tally->destroys : ORACLE_NEVER;
    }
    struct sets sets = sets_of(states, &node->gpus[g]);
    if (!sets.open) {
        return try_gpus(states, node, need, g + 1, tally);
    }
    unsigned best = ORACLE_NEVER;
    for (unsigned s = 0; s < states->n_states; s++) {
        if ((states->sets[s] & sets.fixed) == sets.fixed) {
            struct tally more = *tally;
            count(states, sets.all, states->sets[s], &more);
            unsigned destroys = try_gpus(states, node, need, g + 1, &more);
            best = destroys < best ? destroys : best;
        }
    }
    return best;
}

unsigned oracle_recut(const struct gs_statetable *states, const struct gs_decide_node *node,
                      const struct gs_decide_pod *pod)
{
    struct oracle_need need = oracle_need(pod, node->model);
    if (!need.possible || !node->recuttable || !admits(node, pod) || node->free_gpus < need.gpus) {
        return ORACLE_NEVER;
    }
    return try_gpus(states, node, &need, 0, &(struct tally){0});
}

unsigned oracle_apply(const struct gs_statetable *states, const struct gs_decide_node *node,
                      const struct gs_decide_recut *recuts, unsigned n_recuts,
                      uint32_t ret_free[GS_PROFILES_MAX])
{
    struct tally tally = {0};
    uint32_t seen = 0;
    for (unsigned r = 0; r < n_recuts; r++) {
        assert_true(recuts[r].gpu < node->n_gpus);
        assert_int_equal(seen >> recuts[r].gpu & 1u, 0);
        seen |= 1u << recuts[r].gpu;
        struct sets sets = sets_of(states, &node->gpus[recuts[r].gpu]);
        assert_true(sets.open);
        uint16_t state;
        uint64_t in_use;
        assert_int_equal(gs_layout_state(states, &recuts[r].layout, &state, &in_use, NULL), 0);
        assert_true(in_use == sets.fixed);
        assert_true((states->sets[state] & sets.fixed) == sets.fixed);
        assert_true(states->sets[state] != sets.all);
        count(states, sets.all, states->sets[state], &tally);
    }
    for (unsigned p = 0; p < node->model->n_profiles; p++) {
        assert_true(tally.destroyed[p] <= node->free[p]);
        assert_true(tally.created[p] == 0 || gs_decide_may_make(node, p));
        ret_free[p] = node->free[p] - tally.destroyed[p] + tally.created[p];
    }
    return tally.destroys;
}
