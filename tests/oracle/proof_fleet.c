#include "oracle/proof.h"

#include <stdlib.h>
#include <string.h>

#include "unit/check.h"

#include "oracle/judge.h"

enum { LISTED_GPUS_MAX = 3, LISTED_USES_MAX = 6 }; /* of a shape whose loads are all tried */

/* An amount without what no sum of the shape's items can use: down to a multiple of
 * what divides all they ask for. */
static int64_t usable(const struct gs_fleet_shape *shape, const int64_t *amounts, int64_t capacity)
{
    int64_t unit = 0;
    for (unsigned u = 0; u < shape->n_uses; u++) {
        int64_t a = unit;
        int64_t b = amounts[shape->uses[u].kind];
        while (a != 0 && b != 0) {
            if (a > b) {
                a %= b;
            } else {
                b %= a;
            }
        }
        unit = a + b;
    }
    return unit == 0 ? capacity : capacity - capacity % unit;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* One leaf of a proof with the bounds on nodes under which it stands. */
struct leaf {
    const struct gs_fleet_spec *spec;
    const struct gs_fleet_leaf *shown;
    int64_t price_scale;
    const int64_t *most;  /* a shape */
    const int64_t *least; /* a shape */
};

/* ------------------------------------------------------------------ one shape */

/* A node as a program's spec; `most` has one number a kind. */
struct node_spec {
    struct gs_program_spec spec;
    struct gs_program_resource resources[3];
    int64_t ones[GS_FLEET_KINDS_MAX];
};

static void describe_node(const struct gs_fleet_spec *spec, const struct gs_fleet_shape *shape,
                          struct node_spec *ret)
{
    for (unsigned k = 0; k < spec->n_kinds; k++) {
        ret->ones[k] = 1;
    }
    ret->resources[0] = (struct gs_program_resource){
        .amounts = spec->cpu_milli, .capacity = usable(shape, spec->cpu_milli, shape->cpu_milli)};
    ret->resources[1] = (struct gs_program_resource){
        .amounts = spec->memory, .capacity = usable(shape, spec->memory, shape->memory)};
    ret->resources[2] = (struct gs_program_resource){.amounts = ret->ones, .capacity = shape->pods};
    ret->spec = (struct gs_program_spec){
        .targets = &shape->target,
        .n_targets = 1,
        .uses = shape->uses,
        .n_uses = shape->n_uses,
        .n_kinds = spec->n_kinds,
        .most = spec->needs,
        .rooms = true,
        .resources = ret->resources,
        .n_resources = 3,
    };
}

/* At the prices, no load of the shape is worth more than its node and the limit's price. */
static void check_shape(const struct leaf *at, unsigned t, struct gs_arena *arena)
{
    static struct node_spec node;
    const struct gs_fleet_spec *spec = at->spec;
    const struct gs_fleet_shape *shape = &spec->shapes[t];
    const struct gs_fleet_shape_proof *shown = &at->shown->shapes[t];
    struct gs_program program;
    JUDGE(shown->limit_price <= 0 || at->most[t] != GS_FLEET_NO_LIMIT);
    JUDGE(gs_fleet_program(arena, spec, shape, &program, NULL) == 0);
    describe_node(spec, shape, &node);
    struct proof_program labels = proof_of_labels(&node.spec, shape->pods, &program);
    for (unsigned u = 0; u < shape->n_uses; u++) {
        labels.cost[u] = -at->shown->prices[shape->uses[u].kind];
    }
    labels.enough = -(shape->cost * at->price_scale + shown->limit_price);
    int64_t worth = -proof_tree_bound(&labels, &shown->tree, 1);
    JUDGE(worth <= shape->cost * at->price_scale + shown->limit_price);
    proof_free(&labels);
}

/* ------------------------------------------------------------------ prices */

static __int128 price_sum(const struct leaf *at)
{
    __int128 sum = 0;
    for (unsigned k = 0; k < at->spec->n_kinds; k++) {
        JUDGE(at->shown->prices[k] >= 0);
        sum += (__int128)at->shown->prices[k] * at->spec->needs[k];
    }
    for (unsigned t = 0; t < at->spec->n_shapes; t++) {
        __int128 price = at->shown->shapes[t].limit_price;
        sum -= price * (price > 0 ? at->most[t] : at->least[t]);
    }
    return sum;
}

static int64_t price_bound(const struct leaf *at)
{
    __int128 sum = price_sum(at);
    __int128 unit = (__int128)at->price_scale * at->spec->step;
    return sum <= 0 ? 0 : (int64_t)((sum + unit - 1) / unit * at->spec->step);
}

/* ------------------------------------------------------------------ the search over loads */

static void served_of(const struct gs_fleet_spec *spec, const struct gs_fleet_load *load,
                      int64_t *ret)
{
    const struct gs_fleet_shape *shape = &spec->shapes[load->shape];
    memset(ret, 0, spec->n_kinds * sizeof(*ret));
    for (unsigned u = 0; u < shape->n_uses; u++) {
        ret[shape->uses[u].kind] += load->x[u];
    }
}

/* Kinds, then the nodes of each shape: no more than, no fewer than. */
static unsigned add_bound_rows(const struct leaf *at, struct proof_program *program)
{
    unsigned row = at->spec->n_kinds;
    for (unsigned t = 0; t < at->spec->n_shapes; t++) {
        for (unsigned side = 0; side < 2; side++) {
            bool any = side == 0 ? at->most[t] != GS_FLEET_NO_LIMIT : at->least[t] > 0;
            if (!any) {
                continue;
            }
            if (program != NULL) {
                program->rhs[row] = side == 0 ? -at->most[t] : at->least[t];
                for (unsigned c = 0; c < program->n_cols; c++) {
                    bool same = at->shown->columns[c].shape == t;
                    program->cells[row * program->n_cols + c] = !same ? 0 : side == 0 ? -1 : 1;
                }
            }
            row++;
        }
    }
    return row;
}

/* A cheapest fleet of fewest nodes has no load more often than serves all its kinds. */
static struct proof_program program_of_loads(const struct leaf *at)
{
    const struct gs_fleet_spec *spec = at->spec;
    int64_t served[GS_FLEET_KINDS_MAX];
    struct proof_program program =
        proof_new(add_bound_rows(at, NULL), (unsigned)at->shown->n_columns);
    add_bound_rows(at, &program);
    for (unsigned c = 0; c < program.n_cols; c++) {
        const struct gs_fleet_load *load = &at->shown->columns[c];
        JUDGE(load->shape < spec->n_shapes);
        served_of(spec, load, served);
        program.cost[c] = spec->shapes[load->shape].cost;
        for (unsigned k = 0; k < spec->n_kinds; k++) {
            int64_t times = served[k] > 0 ? (spec->needs[k] + served[k] - 1) / served[k] : 0;
            program.hi[c] = times > program.hi[c] ? times : program.hi[c];
            program.rhs[k] = spec->needs[k];
            program.cells[k * program.n_cols + c] = served[k];
        }
    }
    return program;
}

/* What the leaf proves of fleets within its bounds that cost less than `value`. */
static int64_t check_leaf(const struct leaf *at, int64_t value)
{
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 256 << 20);
    for (unsigned t = 0; t < at->spec->n_shapes; t++) {
        check_shape(at, t, &arena);
    }
    gs_arena_done(&arena);
    int64_t bound = price_bound(at);
    JUDGE(at->shown->price_bound <= bound);
    if (at->shown->tree.n_nodes > 0) {
        struct proof_program program = program_of_loads(at);
        int64_t searched = proof_tree_bound(&program, &at->shown->tree, at->spec->step);
        proof_free(&program);
        /* A fleet with a load that is no column costs no less than the one that was found. */
        searched = smaller(searched, value);
        bound = searched > bound ? searched : bound;
    }
    JUDGE(smaller(at->shown->bound, value) <= bound);
    return bound;
}

/* ------------------------------------------------------------------ all loads */

struct listing {
    const struct leaf *at;
    unsigned shape;
    struct oracle_layouts *layouts; /* a pool */
    int64_t x[LISTED_USES_MAX];
    __int128 room; /* what a load may cost above its worth in a cheaper fleet */
};

/* What is still missing on a node while its GPUs are cut. */
struct missing {
    int64_t slices[GS_PROFILES_MAX];
    int64_t gpus;
};

static bool can_cut(const struct listing *list, struct missing missing, unsigned pool,
                    int64_t left);

/* One more GPU of the pool, in each way that it can be used. */
static bool can_cut_one(const struct listing *list, const struct missing *missing, unsigned pool,
                        int64_t left)
{
    const struct gs_program_target *target = &list->at->spec->shapes[list->shape].target;
    struct missing rest = *missing;
    rest.gpus--;
    bool fits =
        missing->gpus > 0 && target->pools[pool].whole && can_cut(list, rest, pool, left - 1);
    for (unsigned i = 0; i < list->layouts[pool].n && !fits; i++) {
        rest = *missing;
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            rest.slices[p] -= list->layouts[pool].counts[i][p];
        }
        fits = can_cut(list, rest, pool, left - 1);
    }
    return fits || can_cut(list, *missing, pool, left - 1);
}

/* Whether GPUs from pool `pool` on, `left` of it, can give what is missing. */
static bool can_cut(const struct listing *list, struct missing missing, unsigned pool, int64_t left)
{
    const struct gs_program_target *target = &list->at->spec->shapes[list->shape].target;
    bool enough = missing.gpus <= 0;
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        enough = enough && missing.slices[p] <= 0;
    }
    if (enough || pool == target->n_pools) {
        return enough;
    }
    if (left > 0) {
        return can_cut_one(list, &missing, pool, left);
    }
    unsigned next = pool + 1;
    return can_cut(list, missing, next, next < target->n_pools ? target->pools[next].count : 0);
}

/* Whether a node holds the load, which serves no more than is needed. */
static bool node_holds(const struct listing *list)
{
    const struct gs_fleet_spec *spec = list->at->spec;
    const struct gs_fleet_shape *shape = &spec->shapes[list->shape];
    struct missing missing = {.gpus = -(int64_t)shape->target.free_gpus};
    struct gs_fleet_load load = {.shape = list->shape, .x = list->x};
    int64_t served[GS_FLEET_KINDS_MAX];
    int64_t cpu = 0;
    int64_t memory = 0;
    int64_t pods = 0;
    served_of(spec, &load, served);
    for (unsigned k = 0; k < spec->n_kinds; k++) {
        cpu += spec->cpu_milli[k] * served[k];
        memory += spec->memory[k] * served[k];
        pods += served[k];
        if (served[k] > spec->needs[k]) {
            return false;
        }
    }
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        missing.slices[p] = -(int64_t)shape->target.free_slices[p];
        for (unsigned u = 0; u < shape->n_uses; u++) {
            missing.slices[p] += shape->uses[u].slices[p] * list->x[u];
        }
    }
    for (unsigned u = 0; u < shape->n_uses; u++) {
        missing.gpus += shape->uses[u].gpus * list->x[u];
    }
    int64_t first = shape->target.n_pools > 0 ? shape->target.pools[0].count : 0;
    return cpu <= shape->cpu_milli && memory <= shape->memory && pods <= shape->pods &&
           can_cut(list, missing, 0, first);
}

static bool is_contained(const struct listing *list)
{
    const struct gs_fleet_leaf *shown = list->at->shown;
    int64_t served[GS_FLEET_KINDS_MAX];
    int64_t column[GS_FLEET_KINDS_MAX];
    struct gs_fleet_load load = {.shape = list->shape, .x = list->x};
    served_of(list->at->spec, &load, served);
    for (size_t c = 0; c < shown->n_columns; c++) {
        bool covers = shown->columns[c].shape == list->shape;
        served_of(list->at->spec, &shown->columns[c], column);
        for (unsigned k = 0; k < list->at->spec->n_kinds; k++) {
            covers = covers && column[k] >= served[k];
        }
        if (covers) {
            return true;
        }
    }
    return false;
}

/* Every load that starts with the counts before use u: it is worth too little, or a column. */
static void try_all(struct listing *list, unsigned u)
{
    const struct gs_fleet_shape *shape = &list->at->spec->shapes[list->shape];
    const struct gs_fleet_leaf *shown = list->at->shown;
    if (u == shape->n_uses) {
        __int128 reduced =
            (__int128)shape->cost * list->at->price_scale + shown->shapes[list->shape].limit_price;
        for (unsigned v = 0; v < shape->n_uses; v++) {
            reduced -= (__int128)shown->prices[shape->uses[v].kind] * list->x[v];
        }
        JUDGE(reduced > list->room || is_contained(list));
        return;
    }
    for (list->x[u] = 0; node_holds(list); list->x[u]++) {
        try_all(list, u + 1);
    }
    list->x[u] = 0;
}

static void list_layouts(struct listing *list)
{
    const struct gs_fleet_shape *shape = &list->at->spec->shapes[list->shape];
    uint32_t wanted = 0;
    for (unsigned u = 0; u < shape->n_uses; u++) {
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            wanted |= (uint32_t)(shape->uses[u].slices[p] > 0) << p;
        }
    }
    for (unsigned p = 0; p < shape->target.n_pools; p++) {
        const struct gs_pool *pool = &shape->target.pools[p];
        list->layouts[p].n = 0;
        if (pool->table != NULL && pool->cut) {
            struct oracle_busy busy = oracle_busy_of(pool->table, pool->busy);
            oracle_list_layouts(pool->table->model, &busy, wanted, &list->layouts[p]);
        }
    }
}

static bool is_small(const struct gs_fleet_shape *shape)
{
    unsigned gpus = 0;
    for (unsigned p = 0; p < shape->target.n_pools; p++) {
        gpus += shape->target.pools[p].count;
    }
    return gpus <= LISTED_GPUS_MAX && shape->n_uses <= LISTED_USES_MAX;
}

/* Tries every load of the small shapes. Returns how many shapes that were. */
static unsigned check_listing(const struct leaf *at, int64_t value)
{
    unsigned tried = 0;
    struct listing list = {
        .at = at,
        .room = (__int128)(value - at->spec->step) * at->price_scale - price_sum(at),
        .layouts = calloc(LISTED_GPUS_MAX, sizeof(*list.layouts)),
    };
    assert_non_null(list.layouts);
    for (list.shape = 0; list.shape < at->spec->n_shapes; list.shape++) {
        if (is_small(&at->spec->shapes[list.shape])) {
            list_layouts(&list);
            try_all(&list, 0);
            tried++;
        }
    }
    free(list.layouts);
    return tried;
}

/* ------------------------------------------------------------------ the tree over node counts */

struct walk {
    const struct gs_fleet_spec *spec;
    const struct gs_fleet *fleet;
    struct proof_seen *seen;
    size_t at;
    int64_t most[GS_FLEET_SHAPES_MAX];
    int64_t least[GS_FLEET_SHAPES_MAX];
};

static int64_t walk_splits(struct walk *walk);

static int64_t end_at_leaf(struct walk *walk, int64_t index)
{
    const struct gs_fleet_proof *proof = &walk->fleet->proof;
    JUDGE(index >= 0 && (size_t)index < proof->n_leaves);
    struct leaf at = {
        .spec = walk->spec,
        .shown = &proof->leaves[index],
        .price_scale = proof->price_scale,
        .most = walk->most,
        .least = walk->least,
    };
    int64_t bound = check_leaf(&at, walk->fleet->value);
    walk->seen->leaves++;
    if (at.shown->tree.n_nodes > 0) {
        walk->seen->searches++;
        walk->seen->listings += check_listing(&at, walk->fleet->value);
    }
    return bound;
}

static int64_t walk_splits(struct walk *walk)
{
    JUDGE(walk->at < walk->fleet->proof.n_splits);
    const struct gs_fleet_split *split = &walk->fleet->proof.splits[walk->at++];
    if (split->shape < 0) {
        return end_at_leaf(walk, split->at);
    }
    uint32_t t = (uint32_t)split->shape;
    JUDGE(t < walk->spec->n_shapes);
    int64_t least = walk->least[t];
    int64_t most = walk->most[t];
    walk->least[t] = split->at + 1;
    int64_t up = walk_splits(walk);
    walk->least[t] = least;
    walk->most[t] = split->at;
    int64_t down = walk_splits(walk);
    walk->most[t] = most;
    return smaller(up, down);
}

void proof_check_fleet(const struct gs_fleet_spec *spec, const struct gs_fleet *fleet,
                       struct proof_seen *seen)
{
    static struct walk walk;
    walk = (struct walk){.spec = spec, .fleet = fleet, .seen = seen};
    JUDGE(fleet->has_proof && fleet->proof.price_scale > 0);
    for (unsigned t = 0; t < spec->n_shapes; t++) {
        walk.most[t] = spec->shapes[t].limit;
    }
    JUDGE(fleet->bound <= walk_splits(&walk));
    JUDGE(walk.at == fleet->proof.n_splits);
    seen->proofs++;
    seen->split += fleet->proof.n_splits > 1;
}
