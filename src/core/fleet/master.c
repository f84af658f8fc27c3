#include "core/fleet/master.h"

#include <limits.h>
#include <string.h>

static const double NEEDS_AT_MOST = 1000; /* right sides of the simplex */
static const double PRICE_MAX = 1e18;

int64_t gs_fleet_dearest(const struct gs_fleet_spec *spec)
{
    int64_t most = 1;
    for (unsigned t = 0; t < spec->n_shapes; t++) {
        most = spec->shapes[t].cost > most ? spec->shapes[t].cost : most;
    }
    return most;
}

static bool takes_gpus(const struct gs_fleet_spec *spec, uint32_t kind)
{
    static const struct gs_use without;
    for (unsigned t = 0; t < spec->n_shapes; t++) {
        for (unsigned u = 0; u < spec->shapes[t].n_uses; u++) {
            const struct gs_use *use = &spec->shapes[t].uses[u];
            if (use->kind == kind &&
                (use->gpus > 0 || memcmp(use->slices, without.slices, sizeof(use->slices)) != 0)) {
                return true;
            }
        }
    }
    return false;
}

/* Above any node's cost; of spare items far less than of others; of equals those without GPUs go
 * first, as other nodes may do for them. */
static void price_left_out(struct gs_fleet_master *master, int64_t most)
{
    enum { SPARE = 20, OTHERS = GS_FLEET_LEFT_OUT_NODES - 1 };
    const struct gs_fleet_spec *spec = master->spec;
    for (uint32_t k = 0; k < spec->n_kinds; k++) {
        bool spare = spec->spare != NULL && spec->spare[k];
        master->left_out_costs[k] = most * ((spare ? SPARE : OTHERS) + takes_gpus(spec, k));
    }
}

static double need_scale_of(const struct gs_fleet_master *master)
{
    double most = 1;
    for (unsigned k = 0; k < master->spec->n_kinds; k++) {
        most = (double)master->needs[k] > most ? (double)master->needs[k] : most;
    }
    return most > NEEDS_AT_MOST ? NEEDS_AT_MOST / most : 1;
}

bool gs_fleet_master_init(struct gs_fleet_master *master, struct gs_arena *arena,
                          const struct gs_fleet_spec *spec)
{
    *master = (struct gs_fleet_master){.spec = spec, .arena = arena};
    int64_t most = gs_fleet_dearest(spec);
    master->cost_scale = 1 / (double)most;
    master->left_out_costs = GS_ARENA_NEW(arena, int64_t, spec->n_kinds);
    master->columns = GS_ARENA_NEW(arena, struct gs_fleet_column, GS_FLEET_COLUMNS_MAX);
    master->most_row = GS_ARENA_NEW(arena, unsigned, spec->n_shapes);
    master->least_row = GS_ARENA_NEW(arena, unsigned, spec->n_shapes);
    int64_t *limits = GS_ARENA_NEW(arena, int64_t, spec->n_shapes);
    if (master->columns == NULL || master->most_row == NULL || master->least_row == NULL ||
        limits == NULL || master->left_out_costs == NULL) {
        return false;
    }
    price_left_out(master, most);
    for (unsigned t = 0; t < spec->n_shapes; t++) {
        limits[t] = spec->shapes[t].limit;
    }
    if (!gs_lp_init(&master->lp, arena, spec->n_kinds + 2 * spec->n_shapes, GS_FLEET_COLUMNS_MAX)) {
        return false;
    }
    gs_fleet_master_reset(master, spec->needs, limits, NULL);
    return true;
}

static void enter(struct gs_fleet_master *master, unsigned column);

void gs_fleet_master_reset(struct gs_fleet_master *master, const int64_t *needs,
                           const int64_t *most, const int64_t *least)
{
    const struct gs_fleet_spec *spec = master->spec;
    master->needs = needs;
    master->need_scale = need_scale_of(master);
    gs_lp_clear(&master->lp);
    for (unsigned k = 0; k < spec->n_kinds; k++) {
        gs_lp_add_row(&master->lp, NULL, 0, (double)needs[k] * master->need_scale);
    }
    for (unsigned t = 0; t < spec->n_shapes; t++) {
        master->most_row[t] = UINT_MAX;
        master->least_row[t] = UINT_MAX;
        if (most[t] < GS_FLEET_NO_LIMIT) {
            double rhs = -(double)most[t] * master->need_scale;
            master->most_row[t] = gs_lp_add_row(&master->lp, NULL, 0, rhs);
        }
        if (least != NULL && least[t] > 0) {
            double rhs = (double)least[t] * master->need_scale;
            master->least_row[t] = gs_lp_add_row(&master->lp, NULL, 0, rhs);
        }
    }
    for (unsigned c = 0; c < master->n_columns; c++) {
        enter(master, c);
    }
}

int64_t gs_fleet_master_serves(const struct gs_fleet_master *master, unsigned column, unsigned i)
{
    const struct gs_fleet_part *part = &master->columns[column].parts[i];
    int64_t need = master->needs[part->kind];
    return part->count < need ? part->count : need;
}

int64_t gs_fleet_column_cost(const struct gs_fleet_master *master, unsigned column)
{
    const struct gs_fleet_column *load = &master->columns[column];
    return load->shape == GS_FLEET_LEFT_OUT ? master->left_out_costs[load->parts[0].kind]
                                            : master->spec->shapes[load->shape].cost;
}

/* Puts a column into the simplex, where it gets the same index. */
static void enter(struct gs_fleet_master *master, unsigned column)
{
    const struct gs_fleet_column *load = &master->columns[column];
    struct gs_lp_entry entries[GS_FLEET_KINDS_MAX + 2];
    unsigned n = 0;
    for (unsigned i = 0; i < load->n_parts; i++) {
        double serves = (double)gs_fleet_master_serves(master, column, i);
        entries[n++] = (struct gs_lp_entry){.index = load->parts[i].kind, .value = serves};
    }
    if (load->shape != GS_FLEET_LEFT_OUT && master->most_row[load->shape] != UINT_MAX) {
        entries[n++] = (struct gs_lp_entry){.index = master->most_row[load->shape], .value = -1};
    }
    if (load->shape != GS_FLEET_LEFT_OUT && master->least_row[load->shape] != UINT_MAX) {
        entries[n++] = (struct gs_lp_entry){.index = master->least_row[load->shape], .value = 1};
    }
    double cost = (double)gs_fleet_column_cost(master, column) * master->cost_scale;
    gs_lp_add_col(&master->lp, cost, entries, n);
}

static bool list_parts(struct gs_fleet_master *master, const int64_t *x, unsigned n_x,
                       struct gs_fleet_column *column)
{
    const struct gs_fleet_shape *shape = &master->spec->shapes[column->shape];
    int64_t *kept = GS_ARENA_NEW(master->arena, int64_t, n_x);
    struct gs_fleet_part *parts = GS_ARENA_NEW(master->arena, struct gs_fleet_part, shape->n_uses);
    if (kept == NULL || parts == NULL) {
        return false;
    }
    memcpy(kept, x, n_x * sizeof(*kept));
    unsigned n = 0;
    for (unsigned u = 0; u < shape->n_uses; u++) {
        if (x[u] == 0) {
            continue;
        }
        /* Uses are ordered by kind. */
        if (n > 0 && parts[n - 1].kind == shape->uses[u].kind) {
            parts[n - 1].count += (uint32_t)x[u];
        } else {
            parts[n++] = (struct gs_fleet_part){shape->uses[u].kind, (uint32_t)x[u]};
        }
    }
    column->x = kept;
    column->parts = parts;
    column->n_parts = n;
    return true;
}

bool gs_fleet_master_add(struct gs_fleet_master *master, uint32_t shape, const int64_t *x,
                         unsigned n_x)
{
    if (master->n_columns == GS_FLEET_COLUMNS_MAX) {
        return false;
    }
    struct gs_fleet_column column = {.shape = shape};
    if (!list_parts(master, x, n_x, &column)) {
        return false;
    }
    master->columns[master->n_columns++] = column;
    enter(master, master->n_columns - 1);
    return true;
}

bool gs_fleet_master_add_left_out(struct gs_fleet_master *master, uint32_t kind)
{
    struct gs_fleet_part *part = GS_ARENA_NEW(master->arena, struct gs_fleet_part, 1);
    if (part == NULL || master->n_columns == GS_FLEET_COLUMNS_MAX) {
        return false;
    }
    *part = (struct gs_fleet_part){.kind = kind, .count = 1};
    master->columns[master->n_columns++] =
        (struct gs_fleet_column){.shape = GS_FLEET_LEFT_OUT, .parts = part, .n_parts = 1};
    enter(master, master->n_columns - 1);
    return true;
}

bool gs_fleet_master_solve(struct gs_fleet_master *master)
{
    return gs_lp_solve(&master->lp, 50000) == GS_LP_OPTIMAL;
}

static int64_t in_price_units(double dual, double times)
{
    double price = dual * times;
    return price > 0 ? (int64_t)(price < PRICE_MAX ? price : PRICE_MAX) : 0;
}

void gs_fleet_master_prices(const struct gs_fleet_master *master, int64_t scale, int64_t *prices,
                            int64_t *limit_prices)
{
    /* The duals of the rows are the reduced costs of their slacks, which come first. */
    const double *y = master->lp.costs;
    double times = (double)scale / master->cost_scale;
    for (unsigned k = 0; k < master->spec->n_kinds; k++) {
        prices[k] = in_price_units(y[k], times);
    }
    for (unsigned t = 0; t < master->spec->n_shapes; t++) {
        double most = master->most_row[t] == UINT_MAX ? 0 : y[master->most_row[t]];
        double least = master->least_row[t] == UINT_MAX ? 0 : y[master->least_row[t]];
        limit_prices[t] =
            in_price_units(most, times) + (most > 0 ? 1 : 0) - in_price_units(least, times);
    }
}
