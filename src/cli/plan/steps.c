#include <string.h>

#include "base/cleanup.h"
#include "cli/plan/plan.h"

/* One model's states, for all GPUs of a node. */
struct cutter {
    const struct gs_statetable *table;
    struct gs_transition_index index;
};

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the steps to a new layout");
}

void gs_cmd_plan_layout_of(const struct gs_existing_gpu *gpu, struct gs_layout *ret)
{
    struct gs_layout layout = {.n_slices = 0};
    for (unsigned i = 0; gpu->model != NULL && i < gpu->n_slices; i++) {
        const struct gs_existing_slice *slice = &gpu->slices[i];
        /* they were read as a layout, so they fit together */
        (void)gs_layout_add(gpu->model, &layout, slice->placement.profile, slice->placement.start,
                            slice->in_use, NULL);
    }
    *ret = layout;
}

static bool is_nothing(const struct gs_plan_added *added)
{
    static const uint8_t nothing[GS_PROFILES_MAX];
    return !added->whole && memcmp(added->counts, nothing, sizeof(nothing)) == 0;
}

static bool contains(const uint8_t *counts, const uint8_t *wanted)
{
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        if (counts[p] < wanted[p]) {
            return false;
        }
    }
    return true;
}

/* Fewest steps to any layout that has what is in use and what is added; of equals the fewest
 * destroys, then the first multiset. */
static bool fewest_steps(const struct cutter *cutter, uint16_t from, uint64_t in_use,
                         const uint8_t *wanted, struct gs_transition *ret)
{
    const struct gs_statetable *table = cutter->table;
    bool found = false;
    for (unsigned m = 0; m < table->n_multisets; m++) {
        if (!contains(table->multisets[m].counts, wanted)) {
            continue;
        }
        uint16_t to = gs_transition_target(&cutter->index, from, in_use, m);
        if (to == GS_STATE_NONE) {
            continue;
        }
        struct gs_transition one;
        gs_transition_steps(table, from, to, &one);
        if (!found || one.n_steps < ret->n_steps ||
            (one.n_steps == ret->n_steps && one.n_destroys < ret->n_destroys)) {
            *ret = one;
            found = true;
        }
    }
    return found;
}

static int change_gpu(const struct cutter *cutter, const struct gs_existing_gpu *gpu,
                      const struct gs_plan_added *added, struct gs_cmd_plan_change *ret,
                      struct gs_err *err)
{
    struct gs_layout layout;
    uint16_t from;
    uint64_t in_use;
    uint8_t wanted[GS_PROFILES_MAX];
    gs_cmd_plan_layout_of(gpu, &layout);
    int r = gs_layout_state(cutter->table, &layout, &from, &in_use, err);
    memcpy(wanted, added->counts, sizeof(wanted));
    for (unsigned i = 0; i < layout.n_slices; i++) {
        const struct gs_layout_slice *slice = &layout.slices[i];
        wanted[slice->placement.profile] =
            (uint8_t)(wanted[slice->placement.profile] + (slice->in_use ? 1 : 0));
    }
    if (r == 0 && !fewest_steps(cutter, from, in_use, wanted, &ret->transition)) {
        return gs_fail(err, GS_INFEASIBLE, "GPU %s cannot be cut as the plan wants it", gpu->uuid);
    }
    return r;
}

static int new_cutter(struct gs_arena *arena, const struct gs_model *model, struct cutter *ret,
                      struct gs_err *err)
{
    int r = gs_statetable_new(arena, model, GS_ALL_PROFILES, &ret->table, err);
    return r < 0 ? r : gs_transition_index_init(arena, ret->table, &ret->index, err);
}

int gs_cmd_plan_changes(const struct gs_cmd_plan_question *question,
                        const struct gs_plan_existing *existing,
                        const struct gs_cmd_plan_change **ret, size_t *ret_n, struct gs_err *err)
{
    const struct gs_existing_node *node = existing->node;
    struct gs_cmd_plan_change *changes =
        GS_ARENA_NEW(question->arena, struct gs_cmd_plan_change, node->n_gpus);
    if (changes == NULL) {
        return no_memory(err);
    }
    GS_CLEANUP(gs_arena_done) struct gs_arena scratch;
    gs_arena_init(&scratch, question->arena->source, GS_CMD_PLAN_MEMORY_MAX);
    struct cutter cutter = {.table = NULL};
    size_t n = 0;
    int r = 0;
    for (unsigned g = 0; r == 0 && existing->added != NULL && g < node->n_gpus; g++) {
        const struct gs_plan_added *added = &existing->added[g];
        if (is_nothing(added)) {
            continue;
        }
        changes[n] = (struct gs_cmd_plan_change){.gpu = g, .whole = added->whole};
        if (!added->whole && cutter.table == NULL) {
            r = new_cutter(&scratch, node->model, &cutter, err);
        }
        if (r == 0 && !added->whole) {
            r = change_gpu(&cutter, &node->gpus[g], added, &changes[n], err);
        }
        n += added->whole || changes[n].transition.n_steps > 0 ? 1 : 0;
    }
    *ret = changes;
    *ret_n = n;
    return r;
}
