#include <string.h>

#include "core/plan/gpus.h"

/* Items for which GPUs that are there leave no room, of models that cannot be bought. Which kinds
 * do without is decided for items that are not spare first; then kind by kind for the spare ones,
 * each beside all that has its place. */

struct leaving {
    struct gs_gpus_work *w;
    const struct gs_program_spec *spec;
    int64_t *spare;      /* a kind: items of it that are */
    struct gs_use *uses; /* without those that leave out other kinds */
    int64_t *yields;     /* of them */
    uint32_t *left_use;  /* a kind: the use that leaves it out, or UINT32_MAX */
};

static int make_room(struct leaving *l)
{
    struct gs_gpus_work *w = l->w;
    struct gs_arena *arena = w->planner->arena;
    l->spare = GS_ARENA_NEW(arena, int64_t, w->n_kinds);
    l->left_use = GS_ARENA_NEW(arena, uint32_t, w->n_kinds);
    l->uses = GS_ARENA_NEW(arena, struct gs_use, w->n_uses);
    l->yields = GS_ARENA_NEW(arena, int64_t, w->n_uses);
    if (l->spare == NULL || l->left_use == NULL || l->uses == NULL || l->yields == NULL) {
        return gs_plan_no_memory(w->planner);
    }
    memset(l->left_use, 0xFF, w->n_kinds * sizeof(*l->left_use));
    for (unsigned u = 0; u < w->n_uses; u++) {
        if (w->uses[u].target == w->n_targets) {
            l->left_use[w->uses[u].kind] = u;
        }
    }
    for (uint32_t i = 0; i < w->input->n_items; i++) {
        if (w->kind_of[i] != UINT32_MAX && w->input->items[i].spare) {
            l->spare[w->kind_of[i]] += (int64_t)w->input->items[i].count;
        }
    }
    return 0;
}

/* As many of a kind's spare items as there is room for beside what is needed by now. A search that
 * is cut short finds none. */
static int add_spare(struct leaving *l, uint32_t kind)
{
    struct gs_gpus_work *w = l->w;
    struct gs_program_spec spec = *l->spec;
    unsigned left_use = 0;
    spec.n_uses = 0;
    for (unsigned u = 0; u < w->n_uses; u++) {
        if (w->uses[u].target == w->n_targets && w->uses[u].kind != kind) {
            continue;
        }
        left_use = u == l->left_use[kind] ? spec.n_uses : left_use;
        l->yields[spec.n_uses] = w->yields[u];
        l->uses[spec.n_uses++] = w->uses[u];
    }
    spec.uses = l->uses;
    spec.yields = l->yields;
    struct gs_pack pack;
    struct gs_arena_mark mark = gs_arena_mark(w->planner->arena);
    w->needs[kind] += l->spare[kind];
    int r = gs_gpus_pack(w, &spec, &pack);
    if (r == 0) {
        int64_t left = pack.found ? pack.served[left_use] : l->spare[kind];
        w->needs[kind] -= left < l->spare[kind] ? left : l->spare[kind];
    }
    gs_arena_rewind(w->planner->arena, mark);
    return r;
}

/* Without any spare item for which room is short. */
static int decide_others(struct leaving *l)
{
    struct gs_gpus_work *w = l->w;
    struct gs_pack pack;
    struct gs_arena_mark mark = gs_arena_mark(w->planner->arena);
    int r = gs_gpus_pack(w, l->spec, &pack);
    for (uint32_t k = 0; r == 0 && k < w->n_kinds; k++) {
        if (l->left_use[k] != UINT32_MAX) {
            w->needs[k] -= pack.found ? pack.served[l->left_use[k]] : 0;
        }
    }
    gs_arena_rewind(w->planner->arena, mark);
    return r;
}

static int decide(struct leaving *l)
{
    struct gs_gpus_work *w = l->w;
    bool any = false;
    for (uint32_t k = 0; k < w->n_kinds; k++) {
        if (l->left_use[k] != UINT32_MAX) {
            w->needs[k] -= l->spare[k];
            any = any || l->spare[k] > 0;
        }
    }
    if (!any) {
        return 1; /* what was solved last is the decision */
    }
    int r = decide_others(l);
    for (uint32_t k = 0; r == 0 && k < w->n_kinds; k++) {
        if (l->left_use[k] != UINT32_MAX && l->spare[k] > 0) {
            r = add_spare(l, k);
        }
    }
    return r;
}

int gs_gpus_leave_out(struct gs_gpus_work *w, const struct gs_program_spec *spec,
                      const struct gs_pack *pack, bool *ret_any)
{
    *ret_any = false;
    for (size_t u = 0; u < w->n_uses; u++) {
        *ret_any = *ret_any || (w->uses[u].target == w->n_targets && pack->served[u] > 0);
    }
    if (!*ret_any) {
        return 0;
    }
    struct leaving l = {.w = w, .spec = spec};
    int r = make_room(&l);
    bool first = !w->decided;
    w->decided = true;
    r = r < 0 ? r : first ? decide(&l) : 1;
    for (uint32_t k = 0; r == 1 && k < w->n_kinds; k++) {
        w->needs[k] -= l.left_use[k] == UINT32_MAX ? 0 : pack->served[l.left_use[k]];
    }
    return r < 0 ? r : 0;
}

/* The last items of a kind have no place, of those that are spare, or of the others. */
static int note_last(struct gs_gpus_work *w, uint32_t kind, bool spare, int64_t *left)
{
    for (uint32_t i = (uint32_t)w->input->n_items; i-- > 0 && *left > 0;) {
        if (w->kind_of[i] != kind || w->input->items[i].spare != spare) {
            continue;
        }
        int64_t count = (int64_t)w->input->items[i].count;
        int64_t off = *left < count ? *left : count;
        *left -= off;
        int r = gs_plan_leave_out(w->planner, i, off,
                                  "the GPUs that are there have no room left for it, and no new "
                                  "ones of such a model may be had");
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int gs_gpus_note_left_out(struct gs_gpus_work *w, const int64_t *asked)
{
    int r = 0;
    for (uint32_t k = 0; r == 0 && k < w->n_kinds; k++) {
        int64_t left = asked[k] - w->needs[k];
        r = note_last(w, k, true, &left);
        r = r < 0 ? r : note_last(w, k, false, &left);
    }
    return r;
}
