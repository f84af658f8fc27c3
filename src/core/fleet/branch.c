#include <string.h>

#include "core/fleet/work.h"

/* Bounds of the search over node counts, beside GS_FLEET_SPENT_MAX. */
enum { SPLITS_MAX = 1000, BRANCH_ROUNDS = 200, BRANCH_PATIENCE = 5, ROUNDINGS_MAX = 40 };

struct branching {
    struct gs_fleet_work *work;
    bool search; /* split and search; else the root is the only leaf */
    double *x;
    struct gs_fleet_split *splits;
    size_t n_splits;
    size_t cap_splits;
    struct gs_fleet_leaf *leaves;
    size_t n_leaves;
    size_t cap_leaves;

    /* What the root proves holds on both sides of every split. */
    int64_t root_bound;
    int64_t *root_prices;
    int64_t *root_worths;
};

static int note_split(struct branching *b, int32_t shape, int64_t at)
{
    if (!gs_arena_room(b->work->arena, &b->splits, &b->cap_splits, b->n_splits,
                       sizeof(*b->splits))) {
        return gs_fleet_no_memory(b->work);
    }
    b->splits[b->n_splits++] = (struct gs_fleet_split){.shape = shape, .at = at};
    return 0;
}

static void keep_root(struct branching *b)
{
    const struct gs_fleet_work *work = b->work;
    b->root_bound = work->bound;
    memcpy(b->root_prices, work->best_prices, work->spec->n_kinds * sizeof(*b->root_prices));
    memcpy(b->root_worths, work->best_worths, work->spec->n_shapes * sizeof(*b->root_worths));
}

/* Proves the leaf; where the search for that is cut short, by the prices of the root. */
static int prove_leaf(struct branching *b, struct gs_fleet_leaf *leaf)
{
    struct gs_fleet_work *work = b->work;
    int r = gs_fleet_prove(work, leaf);
    if (r < 0 || leaf->bound >= b->root_bound) {
        return r;
    }
    struct gs_fleet_leaf by_root;
    work->bound = b->root_bound;
    memcpy(work->best_prices, b->root_prices, work->spec->n_kinds * sizeof(*b->root_prices));
    memcpy(work->best_worths, b->root_worths, work->spec->n_shapes * sizeof(*b->root_worths));
    r = gs_fleet_prove(work, &by_root);
    if (r == 0 && by_root.bound > leaf->bound) {
        *leaf = by_root;
    }
    return r;
}

static int close_leaf(struct branching *b)
{
    struct gs_fleet_work *work = b->work;
    struct gs_fleet_leaf leaf;
    int r = prove_leaf(b, &leaf);
    if (r == 0 && b->search && leaf.bound < work->value && work->spent < GS_FLEET_SPENT_MAX) {
        r = gs_fleet_search(work, &leaf);
    }
    if (r < 0) {
        return r;
    }
    if (!gs_arena_room(work->arena, &b->leaves, &b->cap_leaves, b->n_leaves, sizeof(leaf))) {
        return gs_fleet_no_memory(work);
    }
    b->leaves[b->n_leaves] = leaf;
    return note_split(b, -1, (int64_t)b->n_leaves++);
}

/* The shape whose number of nodes is furthest from whole, in money; UINT32_MAX: all are whole. */
static uint32_t choose_shape(struct branching *b, int64_t *ret_floor)
{
    struct gs_fleet_work *work = b->work;
    uint32_t best = UINT32_MAX;
    double most = 0;
    gs_lp_solution(&work->master.lp, b->x);
    for (uint32_t t = 0; t < work->spec->n_shapes; t++) {
        double nodes = 0;
        for (unsigned c = 0; c < work->master.n_columns; c++) {
            nodes += work->master.columns[c].shape == t ? b->x[c] / work->master.need_scale : 0;
        }
        double part = nodes - (double)(int64_t)nodes;
        double money = (part < 0.5 ? part : 1 - part) * (double)work->spec->shapes[t].cost;
        if (part > 1e-5 && part < 1 - 1e-5 && money > most) {
            best = t;
            most = money;
            *ret_floor = (int64_t)nodes;
        }
    }
    return best;
}

static int explore(struct branching *b, bool root);

/* One side of a split. */
static int explore_side(struct branching *b, uint32_t shape, int64_t least, int64_t most)
{
    struct gs_fleet_work *work = b->work;
    int64_t least_before = work->least[shape];
    int64_t most_before = work->most[shape];
    work->least[shape] = least;
    work->most[shape] = most;
    int r = explore(b, false);
    work->least[shape] = least_before;
    work->most[shape] = most_before;
    return r;
}

/* The relaxation within the present bounds. */
static int relax(struct branching *b)
{
    struct gs_fleet_work *work = b->work;
    work->bound = -1;
    gs_fleet_master_reset(&work->master, work->spec->needs, work->most, work->least);
    int r = gs_fleet_generate(work, BRANCH_ROUNDS, BRANCH_PATIENCE, true);
    if (r == 0 && work->bound < work->value && work->roundings < ROUNDINGS_MAX) {
        r = gs_fleet_round(work);
        gs_fleet_master_reset(&work->master, work->spec->needs, work->most, work->least);
    }
    return r;
}

static int explore(struct branching *b, bool root)
{
    struct gs_fleet_work *work = b->work;
    int r = root ? 0 : relax(b);
    if (r < 0) {
        return r;
    }
    bool open = b->search && work->bound < work->value && b->n_splits < SPLITS_MAX &&
                work->spent < GS_FLEET_SPENT_MAX && gs_fleet_master_solve(&work->master);
    int64_t floor = 0;
    uint32_t shape = open ? choose_shape(b, &floor) : UINT32_MAX;
    if (shape == UINT32_MAX) {
        return close_leaf(b);
    }
    if (root) {
        keep_root(b);
    }
    r = note_split(b, (int32_t)shape, floor);
    r = r < 0 ? r : explore_side(b, shape, floor + 1, work->most[shape]);
    return r < 0 ? r : explore_side(b, shape, work->least[shape], floor);
}

/* With bounds on shapes a kind may have no place; the relaxation must have a solution still. */
static int allow_leaving_out(struct gs_fleet_work *work)
{
    for (unsigned k = 0; k < work->spec->n_kinds; k++) {
        if (!gs_fleet_master_add_left_out(&work->master, k)) {
            return gs_fleet_no_memory(work);
        }
    }
    return 0;
}

int gs_fleet_branch(struct gs_fleet_work *work, bool search, struct gs_fleet_proof *proof)
{
    bool room = work->master.n_columns + work->spec->n_kinds < GS_FLEET_COLUMNS_MAX;
    struct branching b = {
        .work = work,
        .search = search && room,
        .x = GS_ARENA_NEW(work->arena, double, GS_FLEET_COLUMNS_MAX),
        .root_bound = -1,
        .root_prices = GS_ARENA_NEW(work->arena, int64_t, work->spec->n_kinds),
        .root_worths = GS_ARENA_NEW(work->arena, int64_t, work->spec->n_shapes),
    };
    if (b.x == NULL || b.root_prices == NULL || b.root_worths == NULL) {
        return gs_fleet_no_memory(work);
    }
    int r = b.search ? allow_leaving_out(work) : 0;
    gs_fleet_master_reset(&work->master, work->spec->needs, work->most, work->least);
    r = r < 0 ? r : explore(&b, true);
    proof->splits = b.splits;
    proof->n_splits = b.n_splits;
    proof->leaves = b.leaves;
    proof->n_leaves = b.n_leaves;
    return r;
}
