/* master: the relaxation over loads; used by the fleet files alone.
 *
 * Rows: a kind (its items are served), then a shape's most and least nodes where there are such.
 * Columns: loads, and for each kind that only limited shapes serve one "left out" column at a
 * cost above all else. */
#pragma once

#include "core/fleet/fleet.h"
#include "core/solve/lp.h"

enum {
    GS_FLEET_COLUMNS_MAX = 4000,
    GS_FLEET_LEFT_OUT_NODES = 1000 /* an item that is left out costs as much as so many nodes of the
                                      dearest shape, at most */
};

/* What a column serves, sparse. */
struct gs_fleet_column {
    uint32_t shape;   /* GS_FLEET_LEFT_OUT: one item of the only part's kind has no place */
    const int64_t *x; /* as gs_fleet_load; NULL when left out */
    const struct gs_fleet_part {
        uint32_t kind;
        uint32_t count;
    } * parts;
    unsigned n_parts;
};

#define GS_FLEET_LEFT_OUT UINT32_MAX

struct gs_fleet_master {
    const struct gs_fleet_spec *spec;
    struct gs_arena *arena;
    struct gs_lp lp;
    struct gs_fleet_column *columns;
    unsigned n_columns;
    unsigned *most_row;      /* a shape: the row of its most nodes, or UINT_MAX */
    unsigned *least_row;     /* a shape: the row of its least nodes, or UINT_MAX */
    const int64_t *needs;    /* a kind: what the simplex asks for now */
    double cost_scale;       /* costs of the simplex are costs times this */
    double need_scale;       /* so are its right sides */
    int64_t *left_out_costs; /* a kind: of one item */
};

/* The cost of the dearest shape, 1 or more. */
int64_t gs_fleet_dearest(const struct gs_fleet_spec *spec);

bool gs_fleet_master_init(struct gs_fleet_master *master, struct gs_arena *arena,
                          const struct gs_fleet_spec *spec);

/* Starts the simplex anew for these needs (which must live on) and, a shape, at most and at least
 * so many nodes (GS_FLEET_NO_LIMIT and 0: any number; `least` NULL: all 0). Every column serves no
 * more of a kind than is needed: without that, a tenth of a load of fifty would seem to serve the
 * last five. */
void gs_fleet_master_reset(struct gs_fleet_master *master, const int64_t *needs,
                           const int64_t *most, const int64_t *least);

/* What a column serves of its part i, as the simplex sees it. */
int64_t gs_fleet_master_serves(const struct gs_fleet_master *master, unsigned column, unsigned i);

/* Adds the load x, n_x numbers, of a shape's program. False: no memory, or no room for more
 * columns. */
bool gs_fleet_master_add(struct gs_fleet_master *master, uint32_t shape, const int64_t *x,
                         unsigned n_x);
bool gs_fleet_master_add_left_out(struct gs_fleet_master *master, uint32_t kind);

int64_t gs_fleet_column_cost(const struct gs_fleet_master *master, unsigned column);

/* Solves the relaxation. False: the simplex got stuck. */
bool gs_fleet_master_solve(struct gs_fleet_master *master);

/* Prices of the kinds, rounded down, and of the bounds on shapes (what one more node allowed is
 * worth, less what one fewer demanded is), rounded up, times `scale`. */
void gs_fleet_master_prices(const struct gs_fleet_master *master, int64_t scale, int64_t *prices,
                            int64_t *limit_prices);
