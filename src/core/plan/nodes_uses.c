/* nodes_uses: what a kind of node can be used for. */
#include <string.h>

#include "core/plan/nodes.h"

static const char *shape_name(const struct gs_nodes_work *w, const struct gs_nodes_shape *shape)
{
    return shape->offer != NULL ? shape->offer->name : w->input->existing[shape->existing[0]].name;
}

static int fits_amounts(const struct gs_nodes_work *w, const struct gs_fleet_shape *fleet,
                        uint32_t kind, struct gs_err *why)
{
    if (fleet->pods < 1) {
        return gs_fail(why, GS_NOT_FOUND, "no pod slot is left");
    }
    if (w->cpu_milli[kind] > fleet->cpu_milli) {
        return gs_fail(why, GS_NOT_FOUND, "asks for %lld.%03lld CPUs, a node has %lld.%03lld",
                       (long long)w->cpu_milli[kind] / 1000, (long long)w->cpu_milli[kind] % 1000,
                       (long long)fleet->cpu_milli / 1000, (long long)fleet->cpu_milli % 1000);
    }
    if (w->memory[kind] > fleet->memory) {
        __int128 mib = (__int128)1 << 20;
        return gs_fail(why, GS_NOT_FOUND, "asks for %lld MiB of host memory, a node has %lld MiB",
                       (long long)((__int128)w->memory[kind] * w->memory_unit / mib),
                       (long long)((__int128)fleet->memory * w->memory_unit / mib));
    }
    return 0;
}

/* Of the uses from `first` on, those of one kind, drops what another covers. */
static void drop_covered(struct gs_nodes_shape *shape, size_t first)
{
    if (shape->target.model == NULL) {
        return;
    }
    for (size_t u = first; u < shape->n_uses;) {
        bool covered = false;
        for (size_t v = first; v < shape->n_uses && !covered; v++) {
            covered =
                u != v && gs_use_is_covered(shape->target.model, &shape->uses[u], &shape->uses[v]);
        }
        if (covered) {
            shape->n_uses--;
            memmove(&shape->uses[u], &shape->uses[u + 1],
                    (shape->n_uses - u) * sizeof(*shape->uses));
        } else {
            u++;
        }
    }
}

int gs_nodes_add_uses(struct gs_nodes_work *w, unsigned s, uint32_t kind,
                      struct gs_plan_reasons *reasons)
{
    struct gs_nodes_shape *shape = &w->shapes[s];
    const struct gs_item *item = &w->input->items[w->item_of[kind]];
    const char *name = shape_name(w, shape);
    struct gs_err why;
    int r = gs_nodes_may_run(w, w->item_of[kind], shape->offer == NULL, name, shape->facts, &why);
    r = r < 0 ? r : fits_amounts(w, &w->fleet_shapes[s], kind, &why);
    if (r == GS_NOT_FOUND) {
        gs_plan_add_reason(reasons, name, &why);
        return 0;
    }
    size_t first = shape->n_uses;
    for (uint32_t a = 0; r == 0 && a < item->n_alternatives; a++) {
        struct gs_use use;
        struct gs_err this_one;
        if (gs_use_resolve(item, &item->alternatives[a], &shape->target, &use, &this_one) < 0) {
            why = a == 0 ? this_one : why;
            continue;
        }
        use.kind = kind;
        use.alternative = a;
        if (!gs_arena_room(w->planner->arena, &shape->uses, &shape->cap_uses, shape->n_uses,
                           sizeof(use))) {
            return gs_plan_no_memory(w->planner);
        }
        shape->uses[shape->n_uses++] = use;
    }
    if (r == 0 && shape->n_uses == first) {
        gs_plan_add_reason(reasons, name, &why); /* the first alternative's stands for all */
    }
    if (r == 0 && w->fleet_shapes[s].target.n_pools > 0) {
        drop_covered(shape, first);
    }
    return r;
}

int gs_nodes_list_columns(struct gs_nodes_work *w, unsigned s)
{
    struct gs_nodes_shape *shape = &w->shapes[s];
    uint32_t wanted = 0;
    for (size_t u = 0; u < shape->n_uses; u++) {
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            wanted |= shape->uses[u].slices[p] > 0 ? 1u << p : 0;
        }
    }
    int r = 0;
    for (unsigned p = 0; r == 0 && p < w->fleet_shapes[s].target.n_pools; p++) {
        r = gs_pool_list_columns(&shape->pools[p], w->planner->arena, wanted, w->planner->err);
    }
    w->fleet_shapes[s].target.pools = shape->pools;
    w->fleet_shapes[s].uses = shape->uses;
    w->fleet_shapes[s].n_uses = (unsigned)shape->n_uses;
    return r;
}

/* One slice or one GPU fits where some GPU gives it. */
static bool holds_one_part(const struct gs_program_target *target, const struct gs_use *use)
{
    for (unsigned i = 0; i < target->n_pools; i++) {
        if (use->gpus > 0 && target->pools[i].whole && target->pools[i].count > 0) {
            return true;
        }
        for (unsigned c = 0; c < target->pools[i].n_columns; c++) {
            for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
                if (use->slices[p] > 0 && target->pools[i].columns[c].counts[p] > 0) {
                    return true;
                }
            }
        }
    }
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        if (use->slices[p] > 0 && target->free_slices[p] > 0) {
            return true;
        }
    }
    return use->gpus > 0 && target->free_gpus > 0;
}

static uint32_t parts_of(const struct gs_use *use)
{
    uint32_t parts = use->gpus;
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        parts += use->slices[p];
    }
    return parts;
}

/* Whether an empty node of the shape holds one item so: the node's program with that use alone. */
static int holds_one(struct gs_nodes_work *w, unsigned s, const struct gs_use *use, bool *ret)
{
    const struct gs_fleet_shape *shape = &w->fleet_shapes[s];
    if (parts_of(use) <= 1) {
        *ret = parts_of(use) == 0 || holds_one_part(&shape->target, use);
        return 0;
    }
    struct gs_arena_mark mark = gs_arena_mark(w->planner->arena);
    struct gs_use alone = *use;
    alone.kind = 0;
    static const int64_t one = 1;
    const struct gs_program_spec spec = {
        .targets = &shape->target,
        .n_targets = 1,
        .uses = &alone,
        .n_uses = 1,
        .n_kinds = 1,
        .needs = &one,
    };
    struct gs_program program;
    struct gs_ip_result result = {0};
    const struct gs_ip_options options = {.cutoff = INT64_MAX, .goal = INT64_MAX};
    int r = gs_program_new(w->planner->arena, &spec, 1, &program, w->planner->err);
    if (r == 0) {
        r = gs_ip_solve(&program.ip, &options, w->planner->arena, &result, w->planner->err);
    }
    *ret = result.found;
    gs_arena_rewind(w->planner->arena, mark);
    return r;
}

int gs_nodes_keep_fitting_uses(struct gs_nodes_work *w, unsigned s, struct gs_plan_reasons *reasons)
{
    struct gs_nodes_shape *shape = &w->shapes[s];
    size_t kept = 0;
    for (size_t u = 0; u < shape->n_uses; u++) {
        bool fits;
        int r = holds_one(w, s, &shape->uses[u], &fits);
        if (r < 0) {
            return r;
        }
        if (fits) {
            shape->uses[kept++] = shape->uses[u];
            continue;
        }
        struct gs_err why;
        gs_fail(&why, GS_NOT_FOUND, "its slices and GPUs do not all fit on one node");
        gs_plan_add_reason(&reasons[shape->uses[u].kind], shape_name(w, shape), &why);
    }
    shape->n_uses = kept;
    w->fleet_shapes[s].n_uses = (unsigned)kept;
    return 0;
}
