#include <string.h>

#include "core/fleet/node.h"
#include "core/solve/knapsack.h"
#include "core/solve/lp.h"

/* What a node's GPUs, its pods and the needs allow are rows with few and small numbers, whose
 * relaxation is good; CPU and memory are two rows with large numbers, whose relaxation is not. So
 * the first get prices, and within the second the best choice of items is found exactly:
 *     worth of any load <= prices of the other rows + best choice at what is left of the worths
 * The least of these sums over all prices is found as the relaxation over choices (*points*) that
 * were best at some prices. Where a best choice is one that the GPUs hold, it is a load; where
 * neither that happens nor the sum comes down to what is asked for, the number of some item is
 * split. */

enum {
    STEPS_MAX = 60,     /* prices in one node of the tree */
    DEPTH_MAX = 40,     /* splits on one path */
    POINT_CELLS = 6000, /* numbers in the points of one shape, */
    POINTS_MIN = 16,    /* which are no fewer than this */
    POINTS_MAX = 128,   /* and no more */
    SCALE_BITS = 24,    /* at most, of the tree's scale */
    COST_BITS = 50,     /* at most, of the scaled costs */
    HOLDS_NODES = 200,  /* of the search for how GPUs hold a choice */
    PIVOTS_MAX = 5000,  /* of one relaxation */
    EASY_NODES = 20,    /* of the tree */
    ENOUGH_SHIFT = 13,  /* a part of what is asked for */
    BOUND_ROWS = 30,    /* items in the relaxation of the amounts that have a bound */
    LOOKS_SHORT = 3000, /* partial choices of a knapsack */
    LOOK_CELLS = 60     /* work of one of them */
};

static const double WHOLE = 1e-6;

/* A choice of items that CPU and memory allow. */
struct gs_fleet_point {
    uint32_t *x;  /* a use */
    bool refused; /* the GPUs do not hold it */
};

struct fill {
    struct gs_fleet_node *node;
    const struct gs_ip *ip;
    struct gs_arena *arena;  /* scratch */
    struct gs_arena *points; /* for points */
    struct gs_err *err;
    unsigned n_uses;
    bool want_tree;
    size_t max_nodes;
    size_t looks_max;

    int64_t *cost; /* a use: minus its price */
    int64_t *lo;   /* a use, where the search stands */
    int64_t *hi;
    int64_t above; /* loads worth more are wanted */
    bool found;
    int64_t *best; /* a column of the program */

    /* the relaxation over points */
    struct gs_lp lp;
    int *lp_row; /* a row of the program: that of the relaxation, or -1 */
    double cost_scale;
    double *row_scale;   /* a row of the program */
    unsigned one_row;    /* points add up to one */
    unsigned n_cuts;     /* columns of the relaxation before the points */
    unsigned *lp_points; /* a column of the relaxation behind the cuts: its point */
    unsigned n_lp_points;
    double *y;

    /* the leaf at hand */
    int64_t scale;
    int64_t *multipliers;           /* a row */
    struct gs_knapsack_item *items; /* a use */
    int64_t *choice;                /* a use */
    bool is_best;                   /* the choice is the best at the multipliers */
    double *filled;                 /* a use: beyond lo, in the relaxation of the amounts */

    size_t nodes;
    uint64_t cells;
    int64_t bound; /* the most of all leaves */
    bool done;
    bool out_of_memory;

    struct gs_ip_node *tree;
    size_t n_tree;
    size_t cap_tree;
    int64_t *leaves;
    size_t n_leaves;
    size_t cap_leaves;
};

static int no_memory(struct fill *f)
{
    return gs_fail(f->err, GS_NO_MEMORY, "no memory for the load of a node");
}

static int64_t worth_of(const struct fill *f, const int64_t *x)
{
    int64_t worth = 0;
    for (unsigned u = 0; u < f->n_uses; u++) {
        worth -= f->cost[u] * x[u];
    }
    return worth;
}

/* ------------------------------------------------------------------ points */

static unsigned points_max(const struct fill *f)
{
    unsigned most = f->n_uses == 0 ? POINTS_MAX : POINT_CELLS / f->n_uses;
    most = most < POINTS_MIN ? POINTS_MIN : most;
    return most > POINTS_MAX ? POINTS_MAX : most;
}

/* Keeps the choice; when there are too many, it takes the place of the one that has been there
 * longest. Returns its index, -1: no memory. */
static int keep_point(struct fill *f)
{
    struct gs_fleet_node *node = f->node;
    unsigned most = points_max(f);
    if (node->points == NULL) {
        node->points = GS_ARENA_NEW(f->points, struct gs_fleet_point, most);
        if (node->points == NULL) {
            return -1;
        }
    }
    unsigned index = node->next_point;
    struct gs_fleet_point *point = &node->points[index];
    if (point->x == NULL) {
        point->x = GS_ARENA_NEW(f->points, uint32_t, f->n_uses);
        if (point->x == NULL) {
            return -1;
        }
        node->n_points++;
    }
    for (unsigned u = 0; u < f->n_uses; u++) {
        point->x[u] = (uint32_t)f->choice[u];
    }
    point->refused = false;
    node->next_point = (index + 1) % most;
    return (int)index;
}

static int find_point(const struct fill *f)
{
    for (unsigned i = 0; i < f->node->n_points; i++) {
        bool same = true;
        for (unsigned u = 0; u < f->n_uses && same; u++) {
            same = f->node->points[i].x[u] == f->choice[u];
        }
        if (same) {
            return (int)i;
        }
    }
    return -1;
}

static bool is_inside(const struct fill *f, const struct gs_fleet_point *point)
{
    for (unsigned u = 0; u < f->n_uses; u++) {
        if (point->x[u] < f->lo[u] || point->x[u] > f->hi[u]) {
            return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------------ the relaxation over points */

static void add_point(struct fill *f, unsigned index)
{
    struct gs_arena_mark mark = gs_arena_mark(f->arena);
    struct gs_lp_entry *entries = GS_ARENA_NEW(f->arena, struct gs_lp_entry, f->lp.max_rows);
    if (entries == NULL) {
        f->out_of_memory = true;
        return;
    }
    if (f->lp.n_cols == f->lp.max_cols) {
        return;
    }
    const struct gs_fleet_point *point = &f->node->points[index];
    double worth = 0;
    for (unsigned i = 0; i < f->lp.n_rows; i++) {
        entries[i].index = i;
    }
    for (unsigned u = 0; u < f->n_uses; u++) {
        size_t n;
        const struct gs_ip_entry *column = gs_ip_column(f->ip, u, &n);
        for (size_t e = 0; e < n && point->x[u] > 0; e++) {
            int row = f->lp_row[column[e].row];
            if (row >= 0) {
                double value = (double)column[e].value * (double)point->x[u];
                entries[row].value += value * f->row_scale[column[e].row];
            }
        }
        worth -= (double)f->cost[u] * (double)point->x[u];
    }
    entries[f->one_row].value = -1;
    unsigned n = 0;
    for (unsigned i = 0; i < f->lp.n_rows; i++) {
        if (entries[i].value != 0) {
            entries[n++] = entries[i];
        }
    }
    gs_lp_add_col(&f->lp, -worth * f->cost_scale, entries, n);
    f->lp_points[f->n_lp_points++] = index;
    gs_arena_rewind(f->arena, mark);
}

static void add_cut(struct fill *f, unsigned col)
{
    size_t n;
    const struct gs_ip_entry *column = gs_ip_column(f->ip, col, &n);
    struct gs_lp_entry *entries = GS_ARENA_NEW(f->arena, struct gs_lp_entry, n);
    unsigned kept = 0;
    f->out_of_memory = f->out_of_memory || entries == NULL;
    for (size_t e = 0; entries != NULL && e < n; e++) {
        int row = f->lp_row[column[e].row];
        if (row >= 0) {
            double value = (double)column[e].value * f->row_scale[column[e].row];
            entries[kept++] = (struct gs_lp_entry){.index = (unsigned)row, .value = value};
        }
    }
    gs_lp_add_col(&f->lp, 0, entries, kept);
}

/* Cuts, and the points that are within the present bounds. */
static void load_relaxation(struct fill *f)
{
    gs_lp_clear(&f->lp);
    for (unsigned i = 0; i < f->ip->n_rows; i++) {
        if (f->lp_row[i] >= 0) {
            gs_lp_add_row(&f->lp, NULL, 0, (double)f->ip->rhs[i] * f->row_scale[i]);
        }
    }
    f->one_row = gs_lp_add_row(&f->lp, NULL, 0, -1);
    f->n_lp_points = 0;
    for (unsigned j = f->n_uses; j < f->ip->n_cols; j++) {
        add_cut(f, j);
    }
    f->n_cuts = f->lp.n_cols;
    for (unsigned i = 0; i < f->node->n_points; i++) {
        if (is_inside(f, &f->node->points[i])) {
            add_point(f, i);
        }
    }
}

/* ------------------------------------------------------------------ prices */

static int64_t rounded(double value)
{
    return value <= 0 ? 0 : value < 1e18 ? (int64_t)(value + 0.5) : (int64_t)1e18;
}

/* What is left of an item's worth when the other rows have their prices, times -scale. */
static __int128 cost_left(const struct fill *f, unsigned col)
{
    size_t n;
    const struct gs_ip_entry *column = gs_ip_column(f->ip, col, &n);
    __int128 d = (__int128)(col < f->n_uses ? f->cost[col] : 0) * f->scale;
    for (size_t e = 0; e < n; e++) {
        d -= (__int128)f->multipliers[column[e].row] * column[e].value;
    }
    return d;
}

static int64_t capacity_of(const struct fill *f, unsigned amount)
{
    int row = f->node->filled_row[amount];
    return row < 0 ? 0 : -f->ip->rhs[row];
}

static bool takes_anything(const struct gs_knapsack_item *item)
{
    bool any = false;
    for (unsigned a = 0; a < GS_KNAPSACK_AMOUNTS; a++) {
        any = any || item->amounts[a] > 0;
    }
    return any;
}

/* Rows of the relaxation: the amounts, then the items that may be taken fewer times than would fit,
 * as far as there is room for rows. */
static void load_amounts(struct fill *f, struct gs_lp *lp, double capacity[GS_KNAPSACK_AMOUNTS],
                         const double *worth)
{
    int rows[BOUND_ROWS];
    unsigned n_rows = 0;
    for (unsigned a = 0; a < GS_KNAPSACK_AMOUNTS; a++) {
        double left = (double)capacity_of(f, a);
        capacity[a] = left < 1 ? 1 : left;
        for (unsigned u = 0; u < f->n_uses; u++) {
            left -= (double)f->items[u].amounts[a] * (double)f->lo[u];
        }
        gs_lp_add_row(lp, NULL, 0, left > 0 ? -left / capacity[a] : 0);
    }
    for (unsigned u = 0; u < f->n_uses && n_rows < BOUND_ROWS; u++) {
        if (worth[u] > 0 && f->hi[u] < f->ip->hi[u]) {
            rows[n_rows++] = (int)u;
            gs_lp_add_row(lp, NULL, 0, -(double)(f->hi[u] - f->lo[u]));
        }
    }
    for (unsigned u = 0; u < f->n_uses; u++) {
        struct gs_lp_entry entries[GS_KNAPSACK_AMOUNTS + 1];
        unsigned n = GS_KNAPSACK_AMOUNTS;
        for (unsigned a = 0; a < GS_KNAPSACK_AMOUNTS; a++) {
            double amount = (double)f->items[u].amounts[a];
            entries[a] = (struct gs_lp_entry){.index = a, .value = -amount / capacity[a]};
        }
        for (unsigned i = 0; i < n_rows; i++) {
            if (rows[i] == (int)u) {
                entries[n++] = (struct gs_lp_entry){.index = GS_KNAPSACK_AMOUNTS + i, .value = -1};
            }
        }
        gs_lp_add_col(lp, -worth[u], entries, n);
    }
}

/* Prices of the amounts that are filled: those of their own relaxation, in which the items are
 * worth what the other rows leave of them. */
static void price_amounts(struct fill *f)
{
    struct gs_arena_mark mark = gs_arena_mark(f->arena);
    struct gs_lp lp;
    double capacity[GS_KNAPSACK_AMOUNTS];
    double *worth = GS_ARENA_NEW(f->arena, double, f->n_uses);
    if (worth == NULL || !gs_lp_init(&lp, f->arena, GS_KNAPSACK_AMOUNTS + BOUND_ROWS, f->n_uses)) {
        f->out_of_memory = true;
        return;
    }
    for (unsigned u = 0; u < f->n_uses; u++) {
        double d = (double)cost_left(f, u) / (double)f->scale * f->cost_scale;
        bool counts = takes_anything(&f->items[u]) && f->hi[u] > f->lo[u] && d < 0;
        worth[u] = counts ? -d : 0;
    }
    load_amounts(f, &lp, capacity, worth);
    double y[GS_KNAPSACK_AMOUNTS + BOUND_ROWS] = {0};
    if (gs_lp_solve(&lp, PIVOTS_MAX) == GS_LP_OPTIMAL) {
        gs_lp_duals(&lp, y);
        gs_lp_solution(&lp, f->filled);
    }
    for (unsigned a = 0; a < GS_KNAPSACK_AMOUNTS; a++) {
        double price = y[a] / capacity[a] / f->cost_scale * (double)f->scale;
        if (f->node->filled_row[a] >= 0) {
            f->multipliers[f->node->filled_row[a]] = rounded(price);
        }
    }
    gs_arena_rewind(f->arena, mark);
}

/* All multipliers of a leaf, from the prices of the relaxation. */
static void choose_multipliers(struct fill *f)
{
    gs_lp_duals(&f->lp, f->y);
    for (unsigned i = 0; i < f->ip->n_rows; i++) {
        double y = f->lp_row[i] < 0 ? 0 : f->y[f->lp_row[i]];
        f->multipliers[i] = rounded(y * f->row_scale[i] / f->cost_scale * (double)f->scale);
    }
    price_amounts(f);
}

/* The knapsack that the multipliers leave. *ret_least: what nothing costs less than, times the
 * scale. False: numbers are too large. */
static bool make_knapsack(struct fill *f, struct gs_knapsack *ret, __int128 *ret_least)
{
    const int *rows = f->node->filled_row;
    *ret = (struct gs_knapsack){.items = f->items, .n_items = f->n_uses};
    for (unsigned a = 0; a < GS_KNAPSACK_AMOUNTS; a++) {
        ret->capacities[a] = capacity_of(f, a);
        ret->prices[a] = rows[a] < 0 ? 0 : f->multipliers[rows[a]];
    }
    __int128 least = 0;
    for (unsigned i = 0; i < f->ip->n_rows; i++) {
        least += (__int128)f->multipliers[i] * f->ip->rhs[i];
    }
    for (unsigned j = 0; j < f->ip->n_cols; j++) {
        __int128 d = cost_left(f, j);
        if (d > GS_KNAPSACK_COST_MAX || d < -GS_KNAPSACK_COST_MAX) {
            return false;
        }
        if (j < f->n_uses) {
            f->items[j].cost = (int64_t)d;
            f->items[j].lo = f->lo[j];
            f->items[j].hi = f->hi[j];
            least += d * (d < 0 ? f->hi[j] : f->lo[j]);
        } else {
            least += d < 0 ? d * f->ip->hi[j] : 0;
        }
    }
    *ret_least = least;
    return true;
}

/* ------------------------------------------------------------------ loads */

/* Whether the GPUs hold the choice; then best gets it. */
static int try_choice(struct fill *f, bool *ret_holds)
{
    struct gs_arena_mark mark = gs_arena_mark(f->arena);
    struct gs_ip ip = *f->ip;
    ip.cost = GS_ARENA_NEW(f->arena, int64_t, ip.n_cols);
    ip.lo = GS_ARENA_NEW(f->arena, int64_t, ip.n_cols);
    ip.hi = GS_ARENA_NEW(f->arena, int64_t, ip.n_cols);
    if (ip.cost == NULL || ip.lo == NULL || ip.hi == NULL) {
        return no_memory(f);
    }
    int64_t all = 0;
    for (unsigned j = 0; j < ip.n_cols; j++) {
        bool use = j < f->n_uses;
        ip.cost[j] = use ? -1 : 0;
        ip.hi[j] = use ? f->choice[j] : f->ip->hi[j];
        all += use ? f->choice[j] : 0;
    }
    const struct gs_ip_options options = {
        .cutoff = -all + 1, .goal = -all, .step = 1, .max_nodes = HOLDS_NODES};
    struct gs_ip_result result;
    int r = gs_ip_solve(&ip, &options, f->arena, &result, f->err);
    *ret_holds = r == 0 && result.found;
    if (*ret_holds) {
        memcpy(f->best, result.x, ip.n_cols * sizeof(*f->best));
        f->found = true;
        f->above = worth_of(f, f->choice);
    }
    f->cells += (uint64_t)result.nodes * ip.n_rows * ip.n_cols;
    gs_arena_rewind(f->arena, mark);
    return r;
}

/* ------------------------------------------------------------------ the tree */

/* A node of the tree on the way to the present one: what is proven of it, and by what. */
struct shown {
    int64_t bound;
    int64_t *multipliers;
    bool plain; /* the multipliers alone show it */
};

static int note_node(struct fill *f, int32_t col, int64_t at)
{
    if (!f->want_tree) {
        return 0;
    }
    if (!gs_arena_room(f->arena, &f->tree, &f->cap_tree, f->n_tree, sizeof(*f->tree))) {
        return no_memory(f);
    }
    f->tree[f->n_tree++] = (struct gs_ip_node){.col = col, .at = at};
    return 0;
}

static int close_leaf(struct fill *f, const struct shown *here)
{
    f->bound = here->bound > f->bound ? here->bound : f->bound;
    int r = note_node(f, here->plain ? GS_IP_LEAF : GS_IP_LEAF_FILLED, (int64_t)f->n_leaves);
    if (r < 0 || !f->want_tree) {
        return r;
    }
    size_t size = f->ip->n_rows * sizeof(*f->leaves);
    if (!gs_arena_room(f->arena, &f->leaves, &f->cap_leaves, f->n_leaves, size)) {
        return no_memory(f);
    }
    memcpy(f->leaves + f->n_leaves * f->ip->n_rows, here->multipliers, size);
    f->n_leaves++;
    return 0;
}

/* How one node of the tree went. */
enum outcome {
    CLOSED, /* no load is worth more than asked for */
    OPEN,   /* no prices show that */
    STUCK   /* numbers are too large, or nothing fits the relaxation */
};

static int64_t round_down(__int128 a, int64_t b)
{
    __int128 quotient = a / b - (a < 0 && a % b != 0);
    return quotient > INT64_MAX ? INT64_MAX : (int64_t)quotient;
}

/* What the multipliers at hand prove, when it is more than what was known. */
static void take_over(struct fill *f, int64_t bound, bool plain, struct shown *here)
{
    if (bound < here->bound) {
        here->bound = bound;
        here->plain = plain;
        memcpy(here->multipliers, f->multipliers, f->ip->n_rows * sizeof(*f->multipliers));
    }
}

/* Looks at what was best at some prices. *ret_new: it was not at others. */
static int look_at_choice(struct fill *f, bool *ret_new)
{
    int index = find_point(f);
    bool is_new = index < 0;
    index = is_new ? keep_point(f) : index;
    if (index < 0) {
        return no_memory(f);
    }
    bool holds = false;
    int r = 0;
    if (worth_of(f, f->choice) > f->above && !f->node->points[index].refused) {
        r = try_choice(f, &holds);
        f->node->points[index].refused = !holds;
        f->done = holds && !f->want_tree;
    }
    if (r == 0 && is_new) {
        add_point(f, (unsigned)index);
    }
    *ret_new = is_new || holds;
    return r;
}

/* The best choice, or any that is new: prices that are far off, as the first are, are not worth a
 * long search. */
static bool choose(struct fill *f, const struct gs_knapsack *knapsack, int64_t room,
                   struct gs_knapsack_result *ret)
{
    if (!gs_knapsack_solve(knapsack, room, LOOKS_SHORT, f->arena, f->choice, ret)) {
        return false;
    }
    f->cells += ret->looks * LOOK_CELLS;
    bool done =
        ret->shown > room || (ret->found && (ret->shown == ret->excess || find_point(f) < 0));
    if (done) {
        return true;
    }
    bool ok = gs_knapsack_solve(knapsack, room, f->looks_max, f->arena, f->choice, ret);
    f->cells += ret->looks * LOOK_CELLS;
    return ok;
}

/* The best choice at the prices of the relaxation, which becomes a point. */
static int step(struct fill *f, struct shown *here, enum outcome *ret_outcome, bool *ret_again)
{
    struct gs_knapsack knapsack;
    struct gs_knapsack_result result = {.found = false};
    __int128 least;
    *ret_again = false;
    *ret_outcome = STUCK;
    choose_multipliers(f);
    bool small = make_knapsack(f, &knapsack, &least);
    __int128 room = small ? -(__int128)f->above * f->scale - least - 1 : 0;
    if (!small || room > GS_KNAPSACK_COST_MAX) {
        return 0;
    }
    if (room >= 0 && !choose(f, &knapsack, (int64_t)room, &result)) {
        return no_memory(f);
    }
    if (room < 0 || result.shown > room) {
        take_over(f, f->above, room < 0, here);
        *ret_outcome = CLOSED;
        return 0;
    }
    f->is_best = result.found && result.shown == result.excess;
    take_over(f, round_down(-(least + result.shown), f->scale), false, here);
    *ret_outcome = OPEN;
    return result.found ? look_at_choice(f, ret_again) : 0;
}

/* Prices again and again, until they show enough or no other choice is best. */
static int settle(struct fill *f, struct shown *here, enum outcome *ret_outcome)
{
    bool again = true;
    int r = 0;
    *ret_outcome = STUCK;
    load_relaxation(f);
    for (unsigned i = 0; i < STEPS_MAX && again && r == 0 && !f->done; i++) {
        unsigned before = f->lp.pivots;
        if (gs_lp_solve(&f->lp, PIVOTS_MAX) != GS_LP_OPTIMAL) {
            return 0;
        }
        f->cells += (uint64_t)(f->lp.pivots - before) * f->lp.n_rows * f->lp.n_cols;
        r = step(f, here, ret_outcome, &again);
    }
    return r;
}

/* Numbers of the items in the relaxation: of the points, or where no best choice was found, of the
 * amounts. */
static void average(struct fill *f, double *x, double *ret)
{
    gs_lp_solution(&f->lp, x);
    for (unsigned u = 0; u < f->n_uses; u++) {
        ret[u] = f->is_best ? 0 : (double)f->lo[u] + f->filled[u];
    }
    for (unsigned i = 0; i < f->n_lp_points && f->is_best; i++) {
        for (unsigned u = 0; u < f->n_uses; u++) {
            ret[u] += x[f->n_cuts + i] * (double)f->node->points[f->lp_points[i]].x[u];
        }
    }
}

/* The item whose number is furthest from whole in the relaxation, or else the one of which there is
 * most; -1: all are settled. */
static int choose_split(struct fill *f, int64_t *ret_at)
{
    struct gs_arena_mark mark = gs_arena_mark(f->arena);
    double *x = GS_ARENA_NEW(f->arena, double, f->lp.n_cols);
    double *sums = GS_ARENA_NEW(f->arena, double, f->n_uses);
    if (x == NULL || sums == NULL) {
        f->out_of_memory = true;
        return -1;
    }
    average(f, x, sums);
    int best = -1;
    double most = WHOLE;
    for (unsigned u = 0; u < f->n_uses; u++) {
        double part = sums[u] - (double)(int64_t)(sums[u] + WHOLE);
        part = part < 0.5 ? part : 1 - part;
        bool inside = sums[u] < (double)f->hi[u] && sums[u] > (double)f->lo[u];
        if (part > most && inside) {
            best = (int)u;
            most = part;
            *ret_at = (int64_t)sums[u];
        }
    }
    for (unsigned u = 0; u < f->n_uses && most <= WHOLE; u++) {
        int64_t number = (int64_t)(sums[u] + 0.5);
        if (number > f->lo[u] && number <= f->hi[u] && (best < 0 || number > *ret_at + 1)) {
            best = (int)u;
            *ret_at = number - 1;
        }
    }
    gs_arena_rewind(f->arena, mark);
    return best;
}

static int explore(struct fill *f, unsigned depth, const struct shown *above);

static int explore_sides(struct fill *f, unsigned depth, unsigned use, int64_t at,
                         const struct shown *here)
{
    int64_t lo = f->lo[use];
    int64_t hi = f->hi[use];
    int r = note_node(f, (int32_t)use, at);
    f->lo[use] = at + 1;
    r = r < 0 ? r : explore(f, depth + 1, here);
    f->lo[use] = lo;
    f->hi[use] = at;
    r = r < 0 ? r : explore(f, depth + 1, here);
    f->hi[use] = hi;
    return r;
}

/* What need not be shown more of. The last hundredths of a percent may take a thousand times the
 * work of the rest: they are asked for where little work does it. */
static int64_t enough(const struct fill *f)
{
    return f->above + (f->nodes > EASY_NODES && f->above > 0 ? f->above >> ENOUGH_SHIFT : 0);
}

/* What holds of a node holds of its sides, with the same multipliers. */
static int explore(struct fill *f, unsigned depth, const struct shown *above)
{
    struct shown here = *above;
    here.multipliers = GS_ARENA_NEW(f->arena, int64_t, f->ip->n_rows);
    if (here.multipliers == NULL) {
        return no_memory(f);
    }
    memcpy(here.multipliers, above->multipliers, f->ip->n_rows * sizeof(*here.multipliers));
    enum outcome outcome = STUCK;
    f->nodes++;
    int r = f->done || here.bound <= f->above ? 0 : settle(f, &here, &outcome);
    bool may_split = outcome == OPEN && !f->done && here.bound > enough(f) && depth < DEPTH_MAX &&
                     f->nodes < f->max_nodes;
    int64_t at = 0;
    int use = r == 0 && may_split ? choose_split(f, &at) : -1;
    if (r < 0 || use < 0) {
        return r < 0 ? r : close_leaf(f, &here);
    }
    return explore_sides(f, depth, (unsigned)use, at, &here);
}

/* ------------------------------------------------------------------ all of it */

static void choose_scales(struct fill *f)
{
    int64_t most = 1;
    for (unsigned u = 0; u < f->n_uses; u++) {
        most = -f->cost[u] > most ? -f->cost[u] : most;
    }
    f->cost_scale = 1 / (double)most;
    f->scale = 1;
    for (unsigned bit = 0; bit < SCALE_BITS && most * (f->scale * 2) < (int64_t)1 << COST_BITS;
         bit++) {
        f->scale *= 2;
    }
    for (unsigned i = 0; i < f->ip->n_rows; i++) {
        double rhs = (double)-f->ip->rhs[i];
        f->row_scale[i] = rhs > 1 ? 1 / rhs : 1;
    }
}

static bool take_arrays(struct fill *f)
{
    unsigned rows = f->ip->n_rows;
    f->cost = GS_ARENA_NEW(f->arena, int64_t, f->n_uses);
    f->lo = GS_ARENA_NEW(f->arena, int64_t, f->n_uses);
    f->hi = GS_ARENA_NEW(f->arena, int64_t, f->n_uses);
    f->best = GS_ARENA_NEW(f->arena, int64_t, f->ip->n_cols);
    f->lp_row = GS_ARENA_NEW(f->arena, int, rows);
    f->row_scale = GS_ARENA_NEW(f->arena, double, rows);
    f->lp_points = GS_ARENA_NEW(f->arena, unsigned, POINTS_MAX + STEPS_MAX);
    f->y = GS_ARENA_NEW(f->arena, double, rows + 1);
    f->multipliers = GS_ARENA_NEW(f->arena, int64_t, rows);
    f->items = GS_ARENA_NEW(f->arena, struct gs_knapsack_item, f->n_uses);
    f->choice = GS_ARENA_NEW(f->arena, int64_t, f->n_uses);
    f->filled = GS_ARENA_NEW(f->arena, double, f->n_uses);
    unsigned cols = f->ip->n_cols - f->n_uses + POINTS_MAX + STEPS_MAX;
    return f->cost != NULL && f->lo != NULL && f->hi != NULL && f->best != NULL &&
           f->lp_row != NULL && f->row_scale != NULL && f->lp_points != NULL && f->y != NULL &&
           f->multipliers != NULL && f->items != NULL && f->choice != NULL && f->filled != NULL &&
           gs_lp_init(&f->lp, f->arena, rows + 1, cols);
}

static void set_up(struct fill *f, const int64_t *prices)
{
    const struct gs_fleet_node *node = f->node;
    int n = 0;
    for (unsigned i = 0; i < f->ip->n_rows; i++) {
        bool filled = false;
        for (unsigned a = 0; a < GS_KNAPSACK_AMOUNTS; a++) {
            filled = filled || (int)i == node->filled_row[a];
        }
        f->lp_row[i] = filled ? -1 : n++;
    }
    for (unsigned u = 0; u < f->n_uses; u++) {
        f->cost[u] = -prices[node->shape->uses[u].kind];
        f->hi[u] = f->ip->hi[u];
        size_t n_entries;
        const struct gs_ip_entry *column = gs_ip_column(f->ip, u, &n_entries);
        for (size_t e = 0; e < n_entries; e++) {
            for (unsigned a = 0; a < GS_KNAPSACK_AMOUNTS; a++) {
                if ((int)column[e].row == node->filled_row[a]) {
                    f->items[u].amounts[a] = -column[e].value;
                }
            }
        }
    }
    choose_scales(f);
}

/* What multipliers of nothing prove: each item as often as may be. */
static int64_t worth_of_all(const struct fill *f)
{
    __int128 worth = 0;
    for (unsigned u = 0; u < f->n_uses; u++) {
        worth -= (__int128)f->cost[u] * f->hi[u];
    }
    return worth < INT64_MAX ? (int64_t)worth : INT64_MAX;
}

static bool counts_fit(const struct fill *f)
{
    for (unsigned u = 0; u < f->n_uses; u++) {
        if (f->hi[u] > UINT32_MAX) {
            return false;
        }
    }
    return true;
}

int gs_fleet_node_fill(struct gs_fleet_node *node, struct gs_arena *scratch,
                       struct gs_arena *points, const int64_t *prices, int64_t above,
                       size_t max_nodes, size_t max_looks, bool want_tree,
                       struct gs_fleet_priced *ret, struct gs_err *err)
{
    struct fill f = {
        .node = node,
        .ip = &node->program.ip,
        .arena = scratch,
        .points = points,
        .err = err,
        .n_uses = node->shape->n_uses,
        .want_tree = want_tree,
        .max_nodes = max_nodes,
        .looks_max = max_looks,
        .above = above,
        .bound = above,
    };
    if (!take_arrays(&f)) {
        return no_memory(&f);
    }
    set_up(&f, prices);
    struct shown all = {.bound = worth_of_all(&f), .plain = true};
    all.multipliers = GS_ARENA_NEW(scratch, int64_t, f.ip->n_rows);
    if (all.multipliers == NULL) {
        return no_memory(&f);
    }
    int r = counts_fit(&f) ? explore(&f, 0, &all) : close_leaf(&f, &all);
    r = r == 0 && f.out_of_memory ? no_memory(&f) : r;
    *ret = (struct gs_fleet_priced){
        .found = f.found,
        .worth = f.found ? f.above : 0,
        .x = f.found ? f.best : NULL,
        .bound = f.bound > f.above ? f.bound : f.above,
        .tree = {.nodes = f.tree,
                 .n_nodes = f.n_tree,
                 .multipliers = f.leaves,
                 .n_leaves = f.n_leaves,
                 .scale = f.scale},
        .cells = f.cells,
    };
    return r;
}
