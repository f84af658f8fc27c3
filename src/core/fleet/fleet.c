#include "core/fleet/fleet.h"

#include <string.h>

#include "core/fleet/work.h"

enum { ROUNDINGS = 16, ROUNDS_MAX = 600, PATIENCE_QUICK = 1, PATIENCE_FULL = 5 };
static const size_t SCRATCH_MAX = (size_t)1 << 30;

/* The items of one node on as few of its GPUs as will hold them, and the others left whole: the
 * relaxation that made the load does not care. Where the search is cut short the load's own cut
 * stays. */
static int pack_tightly(struct gs_arena *arena, const struct gs_fleet_shape *shape,
                        struct gs_program *program, int64_t *x, struct gs_err *err)
{
    enum { SEARCH_NODES = 300 };
    int64_t before = 0;
    for (unsigned j = 0; j < program->ip.n_cols; j++) {
        bool use = j < shape->n_uses;
        program->ip.cost[j] = use ? 0 : 1;
        program->ip.lo[j] = use ? x[j] : 0;
        program->ip.hi[j] = use ? x[j] : program->ip.hi[j];
        before += use ? 0 : x[j];
    }
    const struct gs_ip_options options = {
        .cutoff = before, .goal = INT64_MIN, .step = 1, .max_nodes = SEARCH_NODES};
    struct gs_arena_mark mark = gs_arena_mark(arena); /* a search takes far more than its answer */
    struct gs_ip_result result;
    int r = gs_ip_solve(&program->ip, &options, arena, &result, err);
    if (r == 0 && result.found) {
        memcpy(x, result.x, program->ip.n_cols * sizeof(*x));
    }
    gs_arena_rewind(arena, mark);
    return r;
}

int gs_fleet_layouts(struct gs_arena *arena, const struct gs_fleet_spec *spec,
                     const struct gs_fleet_load *load, const struct gs_pack_layout **ret_layouts,
                     size_t *ret_n, struct gs_err *err)
{
    struct gs_fleet_node node;
    const struct gs_fleet_shape *shape = &spec->shapes[load->shape];
    int r = gs_fleet_node_new(arena, spec, shape, &node, err);
    if (r < 0) {
        return r;
    }
    struct gs_program_spec program = {
        .targets = &shape->target, .n_targets = 1, .uses = shape->uses, .n_uses = shape->n_uses};
    int64_t *x = GS_ARENA_NEW(arena, int64_t, node.program.ip.n_cols);
    if (x == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the layouts of a node");
    }
    memcpy(x, load->x, node.program.ip.n_cols * sizeof(*x));
    r = pack_tightly(arena, shape, &node.program, x, err);
    return r < 0 ? r : gs_pack_layouts(arena, &program, &node.program, x, ret_layouts, ret_n, err);
}

int gs_fleet_program(struct gs_arena *arena, const struct gs_fleet_spec *spec,
                     const struct gs_fleet_shape *shape, struct gs_program *ret, struct gs_err *err)
{
    struct gs_fleet_node node;
    int r = gs_fleet_node_new(arena, spec, shape, &node, err);
    if (r == 0) {
        *ret = node.program;
    }
    return r;
}

static bool take_arrays(struct gs_fleet_work *work)
{
    const struct gs_fleet_spec *spec = work->spec;
    work->nodes = GS_ARENA_NEW(work->arena, struct gs_fleet_node, spec->n_shapes);
    work->most = GS_ARENA_NEW(work->arena, int64_t, spec->n_shapes);
    work->least = GS_ARENA_NEW(work->arena, int64_t, spec->n_shapes);
    work->prices = GS_ARENA_NEW(work->arena, int64_t, spec->n_kinds);
    work->limit_prices = GS_ARENA_NEW(work->arena, int64_t, spec->n_shapes);
    work->worths = GS_ARENA_NEW(work->arena, int64_t, spec->n_shapes);
    work->best_prices = GS_ARENA_NEW(work->arena, int64_t, spec->n_kinds);
    work->best_worths = GS_ARENA_NEW(work->arena, int64_t, spec->n_shapes);
    return work->nodes != NULL && work->most != NULL && work->least != NULL &&
           work->prices != NULL && work->limit_prices != NULL && work->worths != NULL &&
           work->best_prices != NULL && work->best_worths != NULL;
}

/* The finest scale at which what a node is worth, if all its items would be left out otherwise,
 * stays well within a certificate's numbers. */
static int64_t price_scale_of(const struct gs_fleet_work *work)
{
    const struct gs_fleet_spec *spec = work->spec;
    __int128 worth = (__int128)gs_fleet_dearest(spec) * GS_FLEET_LEFT_OUT_NODES;
    int64_t items = 1; /* on a node */
    for (unsigned t = 0; t < spec->n_shapes; t++) {
        const struct gs_ip *program = &work->nodes[t].program.ip;
        int64_t pods = 0;
        for (unsigned u = 0; u < spec->shapes[t].n_uses && pods < spec->shapes[t].pods; u++) {
            pods += program->hi[u];
        }
        pods = pods < spec->shapes[t].pods ? pods : spec->shapes[t].pods;
        items = pods > items ? pods : items;
    }
    int64_t scale = GS_FLEET_PRICE_SCALE;
    while (scale > 1 && worth * items * scale > GS_FLEET_NUMBER_MAX / 4) {
        scale /= 2;
    }
    return scale;
}

static int set_up(struct gs_fleet_work *work)
{
    const struct gs_fleet_spec *spec = work->spec;
    if (!take_arrays(work) || !gs_fleet_master_init(&work->master, work->arena, spec)) {
        return gs_fleet_no_memory(work);
    }
    work->bound = -1;
    for (unsigned t = 0; t < spec->n_shapes; t++) {
        work->most[t] = spec->shapes[t].limit;
        int r = gs_fleet_node_new(work->arena, spec, &spec->shapes[t], &work->nodes[t], work->err);
        if (r < 0) {
            return r;
        }
        gs_fleet_node_limit(&work->nodes[t], spec->needs);
    }
    work->price_scale = price_scale_of(work);
    return 0;
}

/* Adds the fullest load of one kind alone on a shape, if the shape can serve it at all. */
static int start_kind_on(struct gs_fleet_work *work, unsigned kind, unsigned shape, bool *ret_added)
{
    struct gs_arena_mark mark = gs_arena_mark(work->scratch);
    memset(work->prices, 0, work->spec->n_kinds * sizeof(*work->prices));
    work->prices[kind] = 1;
    struct gs_fleet_priced priced;
    int r = gs_fleet_node_price(&work->nodes[shape], work->scratch, work->prices, 0, 50, false,
                                &priced, work->err);
    if (r == 0 && priced.found) {
        *ret_added = gs_fleet_master_add(&work->master, shape, priced.x,
                                         work->nodes[shape].program.ip.n_cols);
    }
    gs_arena_rewind(work->scratch, mark);
    return r;
}

/* A first column for each kind, so that the relaxation has a solution: on the first unlimited shape
 * that serves it, else "left out". */
static int start_kind(struct gs_fleet_work *work, unsigned kind)
{
    bool added = false;
    for (unsigned t = 0; t < work->spec->n_shapes && !added; t++) {
        if (work->spec->shapes[t].limit == GS_FLEET_NO_LIMIT) {
            int r = start_kind_on(work, kind, t, &added);
            if (r < 0) {
                return r;
            }
        }
    }
    if (!added && !gs_fleet_master_add_left_out(&work->master, kind)) {
        return gs_fleet_no_memory(work);
    }
    return 0;
}

int64_t gs_fleet_proof_bound(const struct gs_fleet_proof *proof)
{
    int64_t bound = INT64_MAX;
    for (size_t i = 0; i < proof->n_leaves; i++) {
        bound = proof->leaves[i].bound < bound ? proof->leaves[i].bound : bound;
    }
    return proof->n_leaves == 0 ? 0 : bound;
}

static bool serves_all(const struct gs_fleet_work *work)
{
    return work->found && work->n_unserved == 0 && work->n_spare_unserved == 0;
}

static int solve(struct gs_fleet_work *work, const struct gs_fleet_options *options,
                 struct gs_fleet *ret)
{
    int r = set_up(work);
    for (unsigned k = 0; k < work->spec->n_kinds && r == 0; k++) {
        r = start_kind(work, k);
    }
    if (r == 0 && options->n_start > 0) {
        r = gs_fleet_begin_with(work, options->start, options->n_start);
    }
    if (r == 0) {
        unsigned patience = options->effort == 0 ? PATIENCE_QUICK : PATIENCE_FULL;
        r = gs_fleet_generate(work, ROUNDS_MAX, patience, true);
    }
    r = r < 0 ? r : gs_fleet_round(work);
    /* More tries while they are cheap and the bound says that there may be something to find. */
    unsigned tries = options->effort == 0 ? 1 : ROUNDINGS;
    while (r == 0 && work->roundings < tries && work->value > work->bound &&
           (work->roundings < 2 || work->spent < GS_FLEET_SPENT_MAX / 4)) {
        gs_fleet_master_reset(&work->master, work->spec->needs, work->most, work->least);
        r = gs_fleet_round(work);
    }
    if (r < 0) {
        return r;
    }
    if (r == 0 && work->found) {
        r = gs_fleet_improve(work);
    }
    if (r < 0) {
        return r;
    }
    struct gs_fleet_proof proof = {.price_scale = work->price_scale};
    int64_t bound = work->bound < 0 ? 0 : work->bound;
    if (options->certificate) {
        r = gs_fleet_branch(work, options->effort > 0 && serves_all(work), &proof);
        bound = gs_fleet_proof_bound(&proof);
    }
    *ret = (struct gs_fleet){
        .found = serves_all(work),
        .value = work->value,
        .bound = bound < work->value ? bound : work->value,
        .loads = work->loads,
        .n_loads = work->n_loads,
        .unserved = work->unserved,
        .has_proof = options->certificate,
        .proof = proof,
        .rounds = work->rounds,
        .nodes = work->searched,
    };
    return r;
}

/* Whether prices and sums of costs fit their numbers. */
static int check_range(const struct gs_fleet_spec *spec, struct gs_err *err)
{
    __int128 items = 0;
    int64_t dearest = 1;
    for (unsigned k = 0; k < spec->n_kinds; k++) {
        items += spec->needs[k];
    }
    for (unsigned t = 0; t < spec->n_shapes; t++) {
        dearest = spec->shapes[t].cost > dearest ? spec->shapes[t].cost : dearest;
    }
    if (dearest > GS_FLEET_COST_MAX || items * dearest > INT64_MAX / 2) {
        return gs_fail(err, GS_LIMIT,
                       "%lld items, each on a node of the dearest kind, may cost more than one "
                       "plan counts; expected fewer of them or lower prices",
                       (long long)items);
    }
    return 0;
}

int gs_fleet_solve(struct gs_arena *arena, const struct gs_fleet_spec *spec,
                   const struct gs_fleet_options *options, struct gs_fleet *ret, struct gs_err *err)
{
    if (spec->n_kinds > GS_FLEET_KINDS_MAX || spec->n_shapes > GS_FLEET_SHAPES_MAX) {
        return gs_fail(err, GS_LIMIT,
                       "%u kinds of items on %u kinds of nodes are more than one plan takes (%d "
                       "and %d)",
                       spec->n_kinds, spec->n_shapes, GS_FLEET_KINDS_MAX, GS_FLEET_SHAPES_MAX);
    }
    if (spec->n_kinds == 0) {
        *ret = (struct gs_fleet){.found = true};
        return 0;
    }
    int r = check_range(spec, err);
    if (r < 0) {
        return r;
    }
    struct gs_arena scratch;
    gs_arena_init(&scratch, arena->source, SCRATCH_MAX);
    struct gs_fleet_work work = {.spec = spec, .arena = arena, .scratch = &scratch, .err = err};
    r = solve(&work, options, ret);
    gs_arena_done(&scratch);
    return r;
}
