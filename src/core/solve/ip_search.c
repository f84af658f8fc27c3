#include "core/solve/ip_search.h"

#include <assert.h>
#include <string.h>

#include "core/solve/lp.h"

#define COST_SUM_MAX (INT64_MAX / 4)

enum {
    DEPTH_MAX = 80, /* splits on one path */
    LAZY_ROWS = 40, /* upper bounds that became rows, on one path */
    NODES_DEFAULT = 100000,
    PIVOTS_MAX = 20000, /* of one solve */
    RESIDUAL_FROM = 3,  /* root values above this are split into a whole and a residual part */
    RESIDUAL_NODES = 2000,
    SCALE_BITS = 40, /* at most, of the tree's scale */
    DUAL_BITS = 58,  /* at most, of the scaled duals of the root */
    COST_BITS = 50   /* at most, of the scaled costs: leaves room for sums in 128 bits */
};

static const size_t LEVELS_MEMORY = (size_t)1
                                    << 29;   /* of all levels: large programs go less deep */
static const double WHOLE = 1e-6;            /* nearer to an integer than this is one */
static const double MULTIPLIER_MAX = 2.3e18; /* a certificate holds no more than 2^61 */

/* The program as the simplex sees it, at one depth of the search. */
struct level {
    struct gs_lp lp;
    bool ready; /* memory was taken */
};

/* Where a variable's bounds stand as rows of the present level, or -1. */
struct bound_rows {
    int at_most;
    int at_least;
};

struct gs_ip_search {
    const struct gs_ip *ip;
    struct gs_ip_options options;
    struct gs_arena *arena;
    bool out_of_memory;
    bool is_residual; /* made by another search: it makes none of its own */

    double cost_scale;
    double *row_scale;
    double rhs_scale;  /* x of the simplex is x / rhs_scale */
    int64_t scale;     /* of the tree */
    unsigned max_rows; /* of each level */
    unsigned max_depth;

    struct level levels[DEPTH_MAX + 1];
    struct bound_rows *bound_rows;
    int64_t *lo;
    int64_t *hi;
    double *x;
    double *y;
    double *ray;
    int64_t *candidate;
    int64_t *multipliers; /* of the leaf at hand */
    int64_t *sums;

    bool found;
    int64_t *best;
    int64_t cutoff;
    int64_t least_leaf; /* least bound of all leaves so far */
    size_t nodes;
    uint64_t work; /* cells gone over */
    bool done;     /* the goal is reached, no memory is left, or the work is spent */

    struct gs_ip_node *tree;
    size_t n_tree;
    size_t cap_tree;
    int64_t *leaves; /* multipliers of all leaves */
    size_t n_leaves;
    size_t cap_leaves;
};

/* ------------------------------------------------------------------ scaling */

static double magnitude(int64_t v)
{
    return v < 0 ? -(double)v : (double)v;
}

static void choose_scales(struct gs_ip_search *s)
{
    const struct gs_ip *ip = s->ip;
    double most = 1;
    for (unsigned j = 0; j < ip->n_cols; j++) {
        most = magnitude(ip->cost[j]) > most ? magnitude(ip->cost[j]) : most;
    }
    s->cost_scale = 1 / most;
    s->scale = 1;
    for (int bit = 0; bit < SCALE_BITS && most * (double)s->scale * 2 < (double)(1ll << COST_BITS);
         bit++) {
        s->scale *= 2;
    }
    double *most_used = s->y; /* a row: no solution takes more of it */
    for (unsigned j = 0; j < ip->n_cols; j++) {
        size_t n;
        const struct gs_ip_entry *entries = gs_ip_column(ip, j, &n);
        for (size_t e = 0; e < n; e++) {
            double value = magnitude(entries[e].value);
            double *row = &s->row_scale[entries[e].row];
            *row = value > *row ? value : *row;
            most_used[entries[e].row] += value * (double)ip->hi[j];
        }
    }
    double widest = 0;
    for (unsigned i = 0; i < ip->n_rows; i++) {
        s->row_scale[i] = s->row_scale[i] > 0 ? 1 / s->row_scale[i] : 1;
        double rhs = magnitude(ip->rhs[i]);
        rhs = (rhs < most_used[i] ? rhs : most_used[i]) * s->row_scale[i];
        widest = rhs > widest ? rhs : widest;
    }
    s->rhs_scale = widest > 1000 ? widest / 1000 : 1;
}

/* ------------------------------------------------------------------ set-up */

static bool prepare_level(struct gs_ip_search *s, unsigned depth)
{
    struct level *level = &s->levels[depth];
    if (!level->ready) {
        level->ready = gs_lp_init(&level->lp, s->arena, s->max_rows, s->ip->n_cols);
    }
    return level->ready;
}

static bool load_root(struct gs_ip_search *s)
{
    const struct gs_ip *ip = s->ip;
    if (!prepare_level(s, 0)) {
        return false;
    }
    struct gs_lp *lp = &s->levels[0].lp;
    struct gs_lp_entry *entries = GS_ARENA_NEW(s->arena, struct gs_lp_entry, ip->n_rows + 1);
    if (entries == NULL) {
        return false;
    }
    for (unsigned i = 0; i < ip->n_rows; i++) {
        gs_lp_add_row(lp, NULL, 0, (double)ip->rhs[i] * s->row_scale[i] / s->rhs_scale);
    }
    for (unsigned j = 0; j < ip->n_cols; j++) {
        size_t n;
        const struct gs_ip_entry *column = gs_ip_column(ip, j, &n);
        for (size_t e = 0; e < n; e++) {
            entries[e] = (struct gs_lp_entry){
                .index = column[e].row,
                .value = (double)column[e].value * s->row_scale[column[e].row],
            };
        }
        gs_lp_add_col(lp, (double)ip->cost[j] * s->cost_scale, entries, (unsigned)n);
    }
    return true;
}

/* More than any solution costs, a multiple of the step where it can be. */
static int64_t cost_ceiling(const struct gs_ip *ip, int64_t step)
{
    __int128 sum = 0;
    for (unsigned j = 0; j < ip->n_cols; j++) {
        sum += ip->cost[j] > 0 ? (__int128)ip->cost[j] * ip->hi[j] : 0;
    }
    sum = (sum / step + 1) * step;
    return sum > INT64_MAX ? INT64_MAX : (int64_t)sum;
}

static bool take_arrays(struct gs_ip_search *s)
{
    unsigned rows = s->ip->n_rows;
    unsigned cols = s->ip->n_cols;
    s->row_scale = GS_ARENA_NEW(s->arena, double, rows);
    s->bound_rows = GS_ARENA_NEW(s->arena, struct bound_rows, cols);
    s->lo = GS_ARENA_NEW(s->arena, int64_t, cols);
    s->hi = GS_ARENA_NEW(s->arena, int64_t, cols);
    s->x = GS_ARENA_NEW(s->arena, double, cols);
    s->y = GS_ARENA_NEW(s->arena, double, s->max_rows);
    s->ray = GS_ARENA_NEW(s->arena, double, s->max_rows);
    s->candidate = GS_ARENA_NEW(s->arena, int64_t, cols);
    s->multipliers = GS_ARENA_NEW(s->arena, int64_t, rows);
    s->sums = GS_ARENA_NEW(s->arena, int64_t, rows);
    s->best = GS_ARENA_NEW(s->arena, int64_t, cols);
    return s->row_scale != NULL && s->bound_rows != NULL && s->lo != NULL && s->hi != NULL &&
           s->x != NULL && s->y != NULL && s->ray != NULL && s->candidate != NULL &&
           s->multipliers != NULL && s->sums != NULL && s->best != NULL;
}

struct gs_ip_search *gs_ip_search_new(const struct gs_ip *ip, const struct gs_ip_options *options,
                                      struct gs_arena *arena)
{
    struct gs_ip_search *s = GS_ARENA_NEW(arena, struct gs_ip_search, 1);
    if (s == NULL) {
        return NULL;
    }
    s->ip = ip;
    s->options = *options;
    s->options.max_nodes = options->max_nodes == 0 ? NODES_DEFAULT : options->max_nodes;
    s->options.step = options->step == 0 ? 1 : options->step;
    s->arena = arena;
    s->options.max_work = options->max_work == 0 ? GS_IP_WORK_MAX : options->max_work;
    s->max_rows = ip->n_rows + DEPTH_MAX + LAZY_ROWS;
    size_t level = (size_t)s->max_rows * (s->max_rows + ip->n_cols) * sizeof(double);
    s->max_depth =
        LEVELS_MEMORY / level < DEPTH_MAX ? (unsigned)(LEVELS_MEMORY / level) : DEPTH_MAX;
    if (!take_arrays(s)) {
        return NULL;
    }
    choose_scales(s);
    for (unsigned j = 0; j < ip->n_cols; j++) {
        s->lo[j] = ip->lo[j];
        s->hi[j] = ip->hi[j];
        s->bound_rows[j] = (struct bound_rows){.at_most = -1, .at_least = -1};
    }
    s->cutoff = options->cutoff < INT64_MAX ? options->cutoff : cost_ceiling(ip, s->options.step);
    s->least_leaf = INT64_MAX;
    return load_root(s) ? s : NULL;
}

/* ------------------------------------------------------------------ bounds in integers */

/* y b + sum of min(d lo, d hi), times the scale. In range: a multiplier is below 2^62, and an
 * entry times the bound of its column is below 2^60 or so. */
static __int128 scaled_bound(const struct gs_ip_search *s, const int64_t *y)
{
    const struct gs_ip *ip = s->ip;
    __int128 bound = 0;
    for (unsigned i = 0; i < ip->n_rows; i++) {
        bound += (__int128)y[i] * ip->rhs[i];
    }
    for (unsigned j = 0; j < ip->n_cols; j++) {
        size_t n;
        const struct gs_ip_entry *entries = gs_ip_column(ip, j, &n);
        __int128 d = (__int128)ip->cost[j] * s->scale;
        for (size_t e = 0; e < n; e++) {
            d -= (__int128)y[entries[e].row] * entries[e].value;
        }
        bound += d * (d >= 0 ? s->lo[j] : s->hi[j]);
    }
    return bound;
}

/* The least multiple of the step that is not below bound / scale. */
static int64_t round_up(const struct gs_ip_search *s, __int128 bound)
{
    __int128 unit = (__int128)s->scale * s->options.step;
    __int128 steps = bound / unit + (bound > 0 && bound % unit != 0 ? 1 : 0);
    __int128 value = steps * s->options.step;
    if (value > INT64_MAX) {
        return INT64_MAX;
    }
    return value < -INT64_MAX ? -INT64_MAX : (int64_t)value;
}

/* Duals of the simplex as multipliers of the unscaled program. */
static void round_multipliers(struct gs_ip_search *s, const double *y)
{
    for (unsigned i = 0; i < s->ip->n_rows; i++) {
        double value = y[i] * s->row_scale[i] / s->cost_scale * (double)s->scale + 0.5;
        double sane = value < MULTIPLIER_MAX ? value : MULTIPLIER_MAX;
        s->multipliers[i] = value > 0 ? (int64_t)sane : 0;
    }
}

/* An infeasible level: the duals may grow along the ray until the bound passes the cutoff. */
static __int128 bound_along_ray(struct gs_ip_search *s, const struct gs_lp *lp)
{
    __int128 target = (__int128)s->cutoff * s->scale;
    __int128 bound = 0;
    double times = 1;
    gs_lp_ray(lp, s->ray);
    for (unsigned attempt = 0; attempt < 16 && (attempt == 0 || bound < target); attempt++) {
        gs_lp_duals(lp, s->y);
        for (unsigned i = 0; i < s->ip->n_rows; i++) {
            s->y[i] += times * s->ray[i];
        }
        round_multipliers(s, s->y);
        bound = scaled_bound(s, s->multipliers);
        times *= 8;
    }
    return bound;
}

/* A lower bound on everything within the present bounds; its proof is left in s->multipliers. */
static int64_t prove_bound(struct gs_ip_search *s, const struct gs_lp *lp, enum gs_lp_status status)
{
    if (status == GS_LP_INFEASIBLE) {
        return round_up(s, bound_along_ray(s, lp));
    }
    gs_lp_duals(lp, s->y);
    round_multipliers(s, s->y);
    return round_up(s, scaled_bound(s, s->multipliers));
}

/* ------------------------------------------------------------------ the proof */

static void note_node(struct gs_ip_search *s, int32_t col, int64_t at)
{
    if (!s->options.want_tree) {
        return;
    }
    if (!gs_arena_room(s->arena, &s->tree, &s->cap_tree, s->n_tree, sizeof(*s->tree))) {
        s->out_of_memory = s->done = true;
        return;
    }
    s->tree[s->n_tree++] = (struct gs_ip_node){.col = col, .at = at};
}

static void close_leaf(struct gs_ip_search *s, int64_t bound)
{
    s->least_leaf = bound < s->least_leaf ? bound : s->least_leaf;
    if (!s->options.want_tree) {
        return;
    }
    note_node(s, GS_IP_LEAF, (int64_t)s->n_leaves);
    size_t size = s->ip->n_rows * sizeof(*s->leaves);
    if (!gs_arena_room(s->arena, &s->leaves, &s->cap_leaves, s->n_leaves, size)) {
        s->out_of_memory = s->done = true;
        return;
    }
    memcpy(s->leaves + s->n_leaves * s->ip->n_rows, s->multipliers, size);
    s->n_leaves++;
}

/* ------------------------------------------------------------------ the search */

static void add_bound_row(struct gs_ip_search *s, struct gs_lp *lp, unsigned col, bool at_most)
{
    double sign = at_most ? -1 : 1;
    double limit = (double)(at_most ? s->hi[col] : s->lo[col]) / s->rhs_scale;
    struct gs_lp_entry entry = {.index = col, .value = sign};
    int *row = at_most ? &s->bound_rows[col].at_most : &s->bound_rows[col].at_least;
    *row = (int)gs_lp_add_row(lp, &entry, 1, sign * limit);
}

static bool rows_are_spent(const struct gs_ip_search *s, const struct gs_lp *lp)
{
    return lp->n_rows == s->max_rows;
}

/* A variable may be above its upper bound only while no row says so: bounds become rows when the
 * simplex first breaks them. Returns whether one was added. */
static bool add_broken_bound(struct gs_ip_search *s, struct gs_lp *lp)
{
    for (unsigned j = 0; j < s->ip->n_cols && !rows_are_spent(s, lp); j++) {
        double x = s->x[j] * s->rhs_scale;
        if (x > (double)s->hi[j] + WHOLE && s->bound_rows[j].at_most < 0) {
            add_bound_row(s, lp, j, true);
            return true;
        }
    }
    return false;
}

/* An unbounded program has a variable that no row holds: its bound becomes one. */
static bool add_missing_bound(struct gs_ip_search *s, struct gs_lp *lp)
{
    unsigned j = gs_lp_grows(lp, 0);
    while (j < s->ip->n_cols && s->bound_rows[j].at_most >= 0) {
        j = gs_lp_grows(lp, j + 1);
    }
    if (j == s->ip->n_cols || rows_are_spent(s, lp)) {
        return false;
    }
    add_bound_row(s, lp, j, true);
    return true;
}

/* What one pivot goes over. */
static uint64_t cells_of(const struct gs_lp *lp)
{
    return (uint64_t)(lp->n_rows + 1) * (lp->n_rows + lp->n_cols + 1);
}

/* The simplex within the work that is left; at least a step, so that bounds are in order. */
static enum gs_lp_status solve_within(struct gs_ip_search *s, struct gs_lp *lp)
{
    uint64_t left = s->work < s->options.max_work ? s->options.max_work - s->work : 0;
    uint64_t pivots = left / cells_of(lp) + 1;
    unsigned before = lp->pivots;
    enum gs_lp_status status = gs_lp_solve(lp, pivots < PIVOTS_MAX ? (unsigned)pivots : PIVOTS_MAX);
    s->work += (uint64_t)(lp->pivots - before + 1) * cells_of(lp);
    return status;
}

static enum gs_lp_status solve_level(struct gs_ip_search *s, struct gs_lp *lp)
{
    for (;;) {
        enum gs_lp_status status = solve_within(s, lp);
        bool again = false;
        if (status == GS_LP_UNBOUNDED) {
            again = add_missing_bound(s, lp);
        } else if (status == GS_LP_OPTIMAL) {
            gs_lp_solution(lp, s->x);
            again = add_broken_bound(s, lp);
        }
        if (!again) {
            return status;
        }
    }
}

/* Takes over x, whole numbers, when it is a solution below the cutoff. */
static bool take_candidate(struct gs_ip_search *s, const int64_t *x)
{
    int64_t cost;
    if (!gs_ip_check(s->ip, x, s->sums, &cost) || cost >= s->cutoff) {
        return false;
    }
    s->found = true;
    s->cutoff = cost;
    memcpy(s->best, x, s->ip->n_cols * sizeof(*x));
    s->done = s->done || cost <= s->options.goal;
    return true;
}

/* The whole part of a value of column `col`, within the bounds of the program. */
static int64_t whole_below(const struct gs_ip_search *s, unsigned col, double value)
{
    int64_t hi = s->ip->hi[col];
    return value >= (double)hi ? hi : (int64_t)value;
}

static double part_above_floor(const struct gs_ip_search *s, unsigned col)
{
    double x = s->x[col] * s->rhs_scale;
    double whole = (double)whole_below(s, col, x + WHOLE);
    return x > whole ? x - whole : 0;
}

/* The variable nearest below an integer, and of equals the first: going up on it soon ends in a
 * solution. -1: all are whole. */
static int choose_split(const struct gs_ip_search *s)
{
    int best = -1;
    double most = WHOLE;
    for (unsigned j = 0; j < s->ip->n_cols; j++) {
        double part = part_above_floor(s, j);
        if (part > most && part < 1 - WHOLE && s->lo[j] < s->hi[j]) {
            best = (int)j;
            most = part + 1e-7;
        }
    }
    return best;
}

static void explore(struct gs_ip_search *s, unsigned depth);

/* One side of a split, on a copy of the program. */
static void explore_side(struct gs_ip_search *s, unsigned depth, unsigned col, bool at_most,
                         int64_t limit)
{
    if (!prepare_level(s, depth + 1)) {
        s->out_of_memory = s->done = true;
        return;
    }
    struct gs_lp *lp = &s->levels[depth + 1].lp;
    gs_lp_copy(lp, &s->levels[depth].lp);
    s->work += cells_of(lp);
    int64_t *bound = at_most ? &s->hi[col] : &s->lo[col];
    int *row = at_most ? &s->bound_rows[col].at_most : &s->bound_rows[col].at_least;
    int64_t bound_before = *bound;
    int row_before = *row;
    *bound = limit;
    if (*row < 0) {
        add_bound_row(s, lp, col, at_most);
    } else {
        double delta = (double)(limit - bound_before) / s->rhs_scale;
        gs_lp_shift_rhs(lp, (unsigned)*row, at_most ? -delta : delta);
    }
    explore(s, depth + 1);
    *bound = bound_before;
    *row = row_before;
}

static void split(struct gs_ip_search *s, unsigned depth, unsigned col, int64_t at)
{
    note_node(s, (int32_t)col, at);
    explore_side(s, depth, col, false, at + 1);
    explore_side(s, depth, col, true, at);
}

/* Bounds that became rows here are not rows on another path. */
static void forget_rows(struct gs_ip_search *s, unsigned from)
{
    for (unsigned j = 0; j < s->ip->n_cols; j++) {
        if (s->bound_rows[j].at_most >= (int)from) {
            s->bound_rows[j].at_most = -1;
        }
    }
}

/* The simplex took for a solution what breaks a row by less than it can see. The candidate's
 * largest part in that row is where to split: below, the row has air; above, less is left to
 * choose. -1: nothing is left, and *ret_row cannot be met within the present bounds. */
static int choose_in_broken_row(const struct gs_ip_search *s, unsigned *ret_row, int64_t *ret_at)
{
    const struct gs_ip *ip = s->ip;
    unsigned row = 0;
    while (row < ip->n_rows && s->sums[row] >= ip->rhs[row]) {
        row++;
    }
    int best = -1;
    int64_t most = 0;
    for (unsigned j = 0; j < ip->n_cols; j++) {
        size_t n;
        const struct gs_ip_entry *entries = gs_ip_column(ip, j, &n);
        for (size_t e = 0; e < n; e++) {
            int64_t value = entries[e].row == row ? entries[e].value : 0;
            bool less = value < 0 && s->candidate[j] > s->lo[j];
            bool more = value > 0 && s->candidate[j] < s->hi[j];
            int64_t size = value < 0 ? -value : value;
            if ((less || more) && size > most) {
                best = (int)j;
                most = size;
                *ret_at = less ? s->candidate[j] - 1 : s->candidate[j];
            }
        }
    }
    *ret_row = row;
    return best;
}

/* A row that cannot be met within the present bounds: its multiplier may grow until the bound
 * reaches the cutoff. */
static int64_t prove_by_row(struct gs_ip_search *s, unsigned row)
{
    __int128 missing = (__int128)s->cutoff * s->scale - scaled_bound(s, s->multipliers);
    __int128 room = (__int128)MULTIPLIER_MAX - s->multipliers[row];
    s->multipliers[row] += (int64_t)(missing < 0 ? 0 : missing < room ? missing : room);
    return round_up(s, scaled_bound(s, s->multipliers));
}

/* Which variable to split in this node and where, -1: none. Takes over a solution; *bound is
 * raised where there is none though the simplex sees one. */
static int look_at_solution(struct gs_ip_search *s, int64_t *ret_at, int64_t *bound)
{
    int col = choose_split(s);
    if (col >= 0) {
        *ret_at = whole_below(s, (unsigned)col, s->x[col] * s->rhs_scale + WHOLE);
        return col;
    }
    for (unsigned j = 0; j < s->ip->n_cols; j++) {
        int64_t whole = whole_below(s, j, s->x[j] * s->rhs_scale + 0.5);
        whole = whole < s->lo[j] ? s->lo[j] : whole;
        s->candidate[j] = whole > s->hi[j] ? s->hi[j] : whole;
    }
    int64_t cost;
    if (gs_ip_check(s->ip, s->candidate, s->sums, &cost)) {
        take_candidate(s, s->candidate);
        return -1;
    }
    unsigned row;
    col = choose_in_broken_row(s, &row, ret_at);
    if (col < 0 && row < s->ip->n_rows) {
        *bound = prove_by_row(s, row);
    }
    return col;
}

static void explore(struct gs_ip_search *s, unsigned depth)
{
    struct gs_lp *lp = &s->levels[depth].lp;
    unsigned rows_before = lp->n_rows;
    s->nodes++;
    s->done = s->done || s->work >= s->options.max_work;
    /* Once the search is over, open sides are closed with the bound of the side they are part of.
     */
    enum gs_lp_status status = s->done ? GS_LP_STUCK : solve_level(s, lp);
    int64_t bound = prove_bound(s, lp, status);
    int col = -1;
    int64_t at = 0;
    if (status == GS_LP_OPTIMAL && bound < s->cutoff) {
        col = look_at_solution(s, &at, &bound);
    }
    bool may_split = depth < s->max_depth && s->nodes < s->options.max_nodes &&
                     !rows_are_spent(s, lp) && !s->done;
    if (col >= 0 && may_split) {
        split(s, depth, (unsigned)col, at);
    } else {
        close_leaf(s, bound);
    }
    forget_rows(s, rows_before);
}

/* ------------------------------------------------------------------ large programs */

/* What is left of the program when `whole` is taken: same columns, lower right sides. */
static bool make_residual(struct gs_ip_search *s, const int64_t *whole, struct gs_ip *ret)
{
    *ret = *s->ip;
    ret->rhs = GS_ARENA_NEW(s->arena, int64_t, s->ip->n_rows);
    ret->hi = GS_ARENA_NEW(s->arena, int64_t, s->ip->n_cols);
    if (ret->rhs == NULL || ret->hi == NULL) {
        return false;
    }
    memcpy(ret->rhs, s->ip->rhs, s->ip->n_rows * sizeof(*ret->rhs));
    for (unsigned j = 0; j < s->ip->n_cols; j++) {
        ret->hi[j] = s->ip->hi[j] - whole[j];
        size_t n;
        const struct gs_ip_entry *entries = gs_ip_column(s->ip, j, &n);
        for (size_t e = 0; e < n; e++) {
            ret->rhs[entries[e].row] -= entries[e].value * whole[j];
        }
    }
    return true;
}

/* Of a program with large numbers nearly all is decided by the relaxation: take its whole part,
 * one less of each so that what is left keeps some freedom, and solve the rest exactly. */
static bool try_residual(struct gs_ip_search *s, int64_t root_bound)
{
    struct gs_arena_mark mark = gs_arena_mark(s->arena);
    int64_t *whole = GS_ARENA_NEW(s->arena, int64_t, s->ip->n_cols);
    if (whole == NULL) {
        return false;
    }
    bool large = false;
    __int128 cost = 0;
    for (unsigned j = 0; j < s->ip->n_cols; j++) {
        double x = s->x[j] * s->rhs_scale;
        whole[j] = x >= 2 ? whole_below(s, j, x + WHOLE) - 1 : 0;
        large = large || whole[j] >= RESIDUAL_FROM - 1;
        cost += (__int128)whole[j] * s->ip->cost[j];
    }
    struct gs_ip residual;
    if (!large || cost > COST_SUM_MAX || cost < -COST_SUM_MAX || s->cutoff > COST_SUM_MAX ||
        s->cutoff < -COST_SUM_MAX || root_bound < -COST_SUM_MAX) {
        return true;
    }
    if (!make_residual(s, whole, &residual)) {
        return false;
    }
    struct gs_ip_options options = {
        .cutoff = s->cutoff - (int64_t)cost,
        .goal = root_bound > s->cutoff ? s->cutoff - (int64_t)cost : root_bound - (int64_t)cost,
        .step = s->options.step,
        .max_nodes = s->options.max_nodes < RESIDUAL_NODES ? s->options.max_nodes : RESIDUAL_NODES,
        .max_work = (s->options.max_work - (s->work < s->options.max_work ? s->work : 0)) / 2 + 1,
    };
    struct gs_ip_search *inner = gs_ip_search_new(&residual, &options, s->arena);
    struct gs_ip_result rest;
    if (inner == NULL) {
        return false;
    }
    inner->is_residual = true;
    if (!gs_ip_search_run(inner, &rest)) {
        return false;
    }
    if (rest.found) {
        for (unsigned j = 0; j < s->ip->n_cols; j++) {
            s->candidate[j] = whole[j] + rest.x[j];
        }
        take_candidate(s, s->candidate);
    }
    s->work += inner->work;
    gs_arena_rewind(s->arena, mark);
    return true;
}

/* As fine a scale as leaves the root's multipliers some room to grow: a row of large numbers has
 * small multipliers, of which rounding takes a large part. */
static void refine_scale(struct gs_ip_search *s, const struct gs_lp *root)
{
    double most = 1 / s->cost_scale;
    gs_lp_duals(root, s->y);
    for (unsigned i = 0; i < s->ip->n_rows; i++) {
        double dual = s->y[i] * s->row_scale[i] / s->cost_scale;
        most = dual > most ? dual : most;
    }
    while (s->scale < 1ll << SCALE_BITS &&
           most * (double)s->scale * 2 < (double)(1ll << DUAL_BITS)) {
        s->scale *= 2;
    }
}

bool gs_ip_search_run(struct gs_ip_search *s, struct gs_ip_result *ret)
{
    struct gs_lp *root = &s->levels[0].lp;
    enum gs_lp_status status = solve_level(s, root);
    if (status == GS_LP_OPTIMAL) {
        refine_scale(s, root);
    }
    if (status == GS_LP_OPTIMAL && !s->is_residual &&
        !try_residual(s, prove_bound(s, root, status))) {
        return false;
    }
    s->done = false;
    explore(s, 0);
    if (s->out_of_memory) {
        return false;
    }
    bool complete = s->least_leaf >= s->cutoff;
    /* Where there is no solution below the cutoff the leaves may prove more than that. */
    int64_t ceiling = cost_ceiling(s->ip, s->options.step);
    ceiling = ceiling > s->cutoff ? ceiling : s->cutoff;
    int64_t beyond = s->least_leaf < ceiling ? s->least_leaf : ceiling;
    *ret = (struct gs_ip_result){
        .found = s->found,
        .infeasible = complete && !s->found,
        .value = s->found ? s->cutoff : 0,
        .x = s->found ? s->best : NULL,
        .bound = !complete  ? s->least_leaf
                 : s->found ? s->cutoff
                            : beyond,
        .tree = {.nodes = s->tree,
                 .n_nodes = s->n_tree,
                 .multipliers = s->leaves,
                 .n_leaves = s->n_leaves,
                 .scale = s->scale},
        .nodes = s->nodes,
    };
    return true;
}
