#include <limits.h>
#include <string.h>

#include "core/fleet/work.h"

enum {
    TAIL_NODES = 400, /* from here on loads are made for what is left */
    TAIL_ROUNDS = 8,  /* of making them, each time */
    TAIL_PATIENCE = 0,
    MANY_KINDS = 150, /* from here on steps are larger and shorter */
    TAIL_ROUNDS_MANY = 3,
    EXACT_NODES = 2,     /* from here on an exact program chooses among the loads there are */
    EXACT_SEARCH = 200,  /* nodes of its search */
    EXACT_CELLS = 300000 /* of its matrix: a search keeps up to eighty copies */
};

/* What is left to serve while a fleet is put together. */
struct rest {
    struct gs_fleet_work *work;
    int64_t *needs;  /* a kind */
    int64_t *limits; /* a shape */
    int64_t *takes;  /* a column */
    double *x;
};

int gs_fleet_no_memory(struct gs_fleet_work *work)
{
    return gs_fail(work->err, GS_NO_MEMORY, "no memory for planning %u kinds on %u shapes",
                   work->spec->n_kinds, work->spec->n_shapes);
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* How often a column may be taken: not at all when it serves nothing that is needed, and no more
 * than there may be nodes. */
static int64_t times_left(const struct rest *rest, unsigned c)
{
    const struct gs_fleet_column *column = &rest->work->master.columns[c];
    bool serves = false;
    for (unsigned i = 0; i < column->n_parts && !serves; i++) {
        serves = rest->needs[column->parts[i].kind] > 0;
    }
    if (!serves) {
        return 0;
    }
    return column->shape == GS_FLEET_LEFT_OUT ? INT64_MAX : rest->limits[column->shape];
}

/* Takes a column n times. */
static void take(struct rest *rest, unsigned c, int64_t n)
{
    const struct gs_fleet_column *column = &rest->work->master.columns[c];
    rest->takes[c] += n;
    for (unsigned i = 0; i < column->n_parts; i++) {
        int64_t *need = &rest->needs[column->parts[i].kind];
        *need -= smaller(*need, n * column->parts[i].count);
    }
    if (column->shape != GS_FLEET_LEFT_OUT && rest->limits[column->shape] != GS_FLEET_NO_LIMIT) {
        rest->limits[column->shape] -= n;
    }
}

static bool is_served(const struct rest *rest)
{
    for (unsigned k = 0; k < rest->work->spec->n_kinds; k++) {
        if (rest->needs[k] > 0) {
            return false;
        }
    }
    return true;
}

static double solution_of(const struct rest *rest)
{
    const struct gs_fleet_master *master = &rest->work->master;
    double sum = 0;
    gs_lp_solution(&master->lp, rest->x);
    for (unsigned c = 0; c < master->n_columns; c++) {
        rest->x[c] /= master->need_scale;
        sum += rest->x[c];
    }
    return sum;
}

/* Whether nothing the column serves is more than is still needed. */
static bool fits_rest(const struct rest *rest, unsigned c)
{
    const struct gs_fleet_column *column = &rest->work->master.columns[c];
    for (unsigned i = 0; i < column->n_parts; i++) {
        if (column->parts[i].count > rest->needs[column->parts[i].kind]) {
            return false;
        }
    }
    return true;
}

/* A number from 0.5 to 1.5 that looks drawn by chance and is always the same. */
static double jitter(unsigned column, unsigned rounding)
{
    uint64_t mixed = ((uint64_t)rounding << 32 | column) * 0x9e3779b97f4a7c15ull;
    mixed = (mixed ^ mixed >> 29) * 0xbf58476d1ce4e5b9ull;
    return 0.5 + (double)(mixed >> 40) / (double)(1u << 24);
}

/* What of two fractions comes first: the larger; the second time the one of more money, so that
 * dear nodes are filled while there is much to choose from and cheap ones take the rest; after that
 * any order, as the best of several fleets is kept. */
static double weight_of(const struct rest *rest, unsigned c)
{
    unsigned rounding = rest->work->roundings;
    if (rounding == 0) {
        return rest->x[c];
    }
    if (rounding == 1) {
        return rest->x[c] * (double)gs_fleet_column_cost(&rest->work->master, c);
    }
    return rest->x[c] * jitter(c, rounding);
}

/* No whole part is left: takes one of the largest fraction, and of many kinds also the other large
 * fractions that serve nothing in vain, as each step costs a relaxation. False: nothing to take. */
static bool take_largest(struct rest *rest)
{
    const struct gs_fleet_work *work = rest->work;
    unsigned largest = UINT_MAX;
    for (unsigned c = 0; c < work->master.n_columns; c++) {
        if (rest->x[c] > 0 && times_left(rest, c) > 0 &&
            (largest == UINT_MAX || weight_of(rest, c) > weight_of(rest, largest))) {
            largest = c;
        }
    }
    if (largest == UINT_MAX) {
        return false;
    }
    double enough = work->spec->n_kinds > MANY_KINDS ? 0.4 : 0.8;
    take(rest, largest, 1);
    for (unsigned c = 0; c < work->master.n_columns; c++) {
        bool large = c != largest && rest->x[c] >= enough;
        if (large && times_left(rest, c) > 0 && fits_rest(rest, c)) {
            take(rest, c, 1);
        }
    }
    return true;
}

/* Takes the whole part of everything. False: nothing to take. */
static bool take_whole_parts(struct rest *rest)
{
    bool any = false;
    for (unsigned c = 0; c < rest->work->master.n_columns; c++) {
        int64_t whole = smaller((int64_t)(rest->x[c] + 1e-6), times_left(rest, c));
        if (whole > 0) {
            take(rest, c, whole);
            any = true;
        }
    }
    return any || take_largest(rest);
}

/* Takes columns that serve a kind, in their order. */
static void take_for(struct rest *rest, unsigned kind, bool left_out)
{
    const struct gs_fleet_master *master = &rest->work->master;
    for (unsigned c = 0; c < master->n_columns && rest->needs[kind] > 0; c++) {
        const struct gs_fleet_column *column = &master->columns[c];
        for (unsigned i = 0; i < column->n_parts; i++) {
            if (column->parts[i].kind == kind && (column->shape == GS_FLEET_LEFT_OUT) == left_out) {
                int64_t each = column->parts[i].count;
                int64_t times = (rest->needs[kind] + each - 1) / each;
                take(rest, c, smaller(times, times_left(rest, c)));
                break;
            }
        }
    }
}

/* The simplex is of no help, by rounding: serves what is left in any way that there is. Each kind
 * has a column of a shape without limit or one that leaves it out. */
static void take_anything(struct rest *rest)
{
    for (unsigned k = 0; k < rest->work->spec->n_kinds; k++) {
        take_for(rest, k, false);
        take_for(rest, k, true);
    }
}

/* The rest as an exact program over the columns that can still serve something of it. */
struct exact {
    struct gs_ip ip;
    int *kind_row;     /* a kind: its row, when it is needed */
    int *shape_row;    /* a shape: its row, when there is a limit */
    unsigned *columns; /* a column of the program: that of the master */
    bool failed;
};

static void add_rows(const struct rest *rest, struct exact *exact)
{
    const struct gs_fleet_work *work = rest->work;
    for (unsigned k = 0; k < work->spec->n_kinds && !exact->failed; k++) {
        if (rest->needs[k] > 0) {
            exact->kind_row[k] = gs_ip_add_row(&exact->ip, work->scratch, rest->needs[k]);
            exact->failed = exact->kind_row[k] < 0;
        }
    }
    for (unsigned t = 0; t < work->spec->n_shapes && !exact->failed; t++) {
        if (rest->limits[t] != GS_FLEET_NO_LIMIT) {
            exact->shape_row[t] = gs_ip_add_row(&exact->ip, work->scratch, -rest->limits[t]);
            exact->failed = exact->shape_row[t] < 0;
        }
    }
}

static void add_column(const struct rest *rest, struct exact *exact, unsigned c)
{
    struct gs_fleet_work *work = rest->work;
    struct gs_ip *ip = &exact->ip;
    const struct gs_fleet_column *column = &work->master.columns[c];
    int64_t most = 0;
    for (unsigned i = 0; i < column->n_parts; i++) {
        int64_t need = rest->needs[column->parts[i].kind];
        int64_t times = (need + column->parts[i].count - 1) / column->parts[i].count;
        most = times > most ? times : most;
    }
    exact->columns[ip->n_cols] = c;
    bool ok = gs_ip_add_col(ip, work->scratch, gs_fleet_column_cost(&work->master, c), most) >= 0;
    for (unsigned i = 0; i < column->n_parts && ok; i++) {
        int64_t serves = gs_fleet_master_serves(&work->master, c, i);
        unsigned row = (unsigned)exact->kind_row[column->parts[i].kind];
        ok = serves == 0 || gs_ip_add_entry(ip, work->scratch, row, serves);
    }
    if (ok && column->shape != GS_FLEET_LEFT_OUT &&
        rest->limits[column->shape] != GS_FLEET_NO_LIMIT) {
        unsigned row = (unsigned)exact->shape_row[column->shape];
        ok = gs_ip_add_entry(ip, work->scratch, row, -1);
    }
    exact->failed = !ok;
}

static int build_exact(const struct rest *rest, struct exact *exact)
{
    struct gs_fleet_work *work = rest->work;
    *exact = (struct exact){
        .kind_row = GS_ARENA_NEW(work->scratch, int, work->spec->n_kinds),
        .shape_row = GS_ARENA_NEW(work->scratch, int, work->spec->n_shapes),
        .columns = GS_ARENA_NEW(work->scratch, unsigned, work->master.n_columns),
    };
    gs_ip_init(&exact->ip);
    if (exact->kind_row == NULL || exact->shape_row == NULL || exact->columns == NULL) {
        return gs_fleet_no_memory(work);
    }
    add_rows(rest, exact);
    for (unsigned c = 0; c < work->master.n_columns && !exact->failed; c++) {
        if (times_left(rest, c) > 0) {
            add_column(rest, exact, c);
        }
    }
    return exact->failed ? gs_fleet_no_memory(work) : 0;
}

/* Takes the exact program's solution, if there is one. */
static int take_exactly(struct rest *rest, bool *ret_done)
{
    struct gs_fleet_work *work = rest->work;
    struct gs_arena_mark mark = gs_arena_mark(work->scratch);
    struct exact exact;
    int r = build_exact(rest, &exact);
    if (r < 0) {
        return r;
    }
    struct gs_ip_result result = {.found = false};
    struct gs_ip_options options = {.cutoff = INT64_MAX,
                                    .goal = INT64_MIN,
                                    .step = work->spec->step,
                                    .max_nodes = EXACT_SEARCH};
    if ((size_t)exact.ip.n_rows * exact.ip.n_cols <= EXACT_CELLS) {
        r = gs_ip_solve(&exact.ip, &options, work->scratch, &result, work->err);
    }
    for (unsigned c = 0; result.found && c < exact.ip.n_cols; c++) {
        rest->takes[exact.columns[c]] += result.x[c];
    }
    *ret_done = result.found;
    gs_arena_rewind(work->scratch, mark);
    return r;
}

static int start(struct rest *rest, struct gs_fleet_work *work)
{
    const struct gs_fleet_spec *spec = work->spec;
    *rest = (struct rest){
        .work = work,
        .needs = GS_ARENA_NEW(work->scratch, int64_t, spec->n_kinds),
        .limits = GS_ARENA_NEW(work->scratch, int64_t, spec->n_shapes),
        .takes = GS_ARENA_NEW(work->scratch, int64_t, GS_FLEET_COLUMNS_MAX),
        .x = GS_ARENA_NEW(work->scratch, double, GS_FLEET_COLUMNS_MAX),
    };
    if (rest->needs == NULL || rest->limits == NULL || rest->takes == NULL || rest->x == NULL) {
        return gs_fleet_no_memory(work);
    }
    memcpy(rest->needs, spec->needs, spec->n_kinds * sizeof(*rest->needs));
    memcpy(rest->limits, work->most, spec->n_shapes * sizeof(*rest->limits));
    return 0;
}

static void limit_nodes(struct gs_fleet_work *work, const int64_t *needs)
{
    for (unsigned t = 0; t < work->spec->n_shapes; t++) {
        gs_fleet_node_limit(&work->nodes[t], needs);
    }
}

/* Loads of their own for what is left: none serves more than that. */
static int tailor(struct rest *rest)
{
    limit_nodes(rest->work, rest->needs);
    bool many = rest->work->spec->n_kinds > MANY_KINDS;
    return gs_fleet_generate(rest->work, many ? TAIL_ROUNDS_MANY : TAIL_ROUNDS, TAIL_PATIENCE,
                             false);
}

/* One step: takes something, or all of the rest. */
static int take_some(struct rest *rest, bool *ret_done)
{
    struct gs_fleet_master *master = &rest->work->master;
    gs_fleet_master_reset(master, rest->needs, rest->limits, NULL);
    bool solved = gs_fleet_master_solve(master);
    int r = 0;
    if (solved && solution_of(rest) <= TAIL_NODES) {
        r = tailor(rest);
        solved = r == 0 && gs_fleet_master_solve(master);
    }
    if (r == 0 && solved && solution_of(rest) <= EXACT_NODES) {
        r = take_exactly(rest, ret_done);
    }
    if (r == 0 && !*ret_done && !(solved && take_whole_parts(rest))) {
        take_anything(rest);
    }
    return r;
}

/* Whole parts first, then one load at a time, made for what is left; the last few exactly. */
int gs_fleet_round(struct gs_fleet_work *work)
{
    struct gs_arena_mark mark = gs_arena_mark(work->scratch);
    struct rest rest;
    bool done = false;
    int r = start(&rest, work);
    while (r == 0 && !done && !is_served(&rest)) {
        r = take_some(&rest, &done);
    }
    r = r < 0 ? r : gs_fleet_keep(work, rest.takes);
    work->roundings++;
    limit_nodes(work, work->spec->needs);
    work->master.needs = work->spec->needs; /* the rest's own go with the scratch memory */
    gs_arena_rewind(work->scratch, mark);
    return r;
}
