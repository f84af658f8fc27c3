#include "oracle/peer.h"

#include "unit/check.h"

#include "oracle/layouts.h"

/* What the GPUs of one target give: rows from which uses take. */
struct supply {
    int slices[GS_PROFILES_MAX]; /* 0: nobody asks */
    int gpus;
};

/* A row that is at least -free when `on` is negative, else at least -free * x[on]. */
static int supply_row(struct oracle_mip *mip, int64_t has, int on)
{
    int row = oracle_mip_row(mip, on < 0 ? -has : 0);
    if (on >= 0) {
        oracle_mip_entry(mip, row, on, has);
    }
    return row;
}

static void add_cut(struct oracle_mip *mip, const struct gs_pool *pool, int pool_row, int64_t cost,
                    const struct supply *supply)
{
    static struct oracle_layouts layouts;
    struct oracle_busy busy = oracle_busy_of(pool->table, pool->busy);
    uint32_t wanted = 0;
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        wanted |= (uint32_t)(supply->slices[p] != 0) << p;
    }
    oracle_list_layouts(pool->table->model, &busy, wanted, &layouts);
    for (unsigned i = 0; i < layouts.n; i++) {
        int col = oracle_mip_col(mip, cost, -1);
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            if (layouts.counts[i][p] > 0) {
                oracle_mip_entry(mip, supply->slices[p], col, layouts.counts[i][p]);
            }
        }
        if (pool_row != 0) {
            oracle_mip_entry(mip, pool_row, col, -1);
        }
    }
}

/* The GPUs of a target; `on`: a column without which there is nothing, or negative. */
static struct supply add_target(struct oracle_mip *mip, const struct gs_program_target *target,
                                const int64_t *asked, int on)
{
    struct supply supply = {.gpus = supply_row(mip, target->free_gpus, on)};
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        if (asked[p] > 0) {
            supply.slices[p] = supply_row(mip, target->free_slices[p], on);
        }
    }
    for (unsigned i = 0; i < target->n_pools; i++) {
        const struct gs_pool *pool = &target->pools[i];
        int64_t cost = target->pool_costs == NULL ? 0 : target->pool_costs[i];
        bool limited = pool->count != GS_POOL_NO_LIMIT;
        int row = limited ? supply_row(mip, pool->count, on) : 0;
        if (pool->cut && pool->table != NULL) {
            add_cut(mip, pool, row, cost, &supply);
        }
        if (pool->whole) {
            int col = oracle_mip_col(mip, cost, -1);
            oracle_mip_entry(mip, supply.gpus, col, 1);
            if (limited) {
                oracle_mip_entry(mip, row, col, -1);
            }
        }
    }
    return supply;
}

static void add_asked(const struct gs_use *use, int64_t *asked)
{
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        asked[p] += use->slices[p];
    }
}

static void take_supply(struct oracle_mip *mip, const struct supply *supply,
                        const struct gs_use *use, int col)
{
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        if (use->slices[p] > 0) {
            oracle_mip_entry(mip, supply->slices[p], col, -(int64_t)use->slices[p]);
        }
    }
    oracle_mip_entry(mip, supply->gpus, col, -(int64_t)use->gpus);
}

/* ------------------------------------------------------------------ packing */

enum oracle_answer peer_pack(const struct gs_program_spec *spec, int limit_ms, int64_t *ret_value)
{
    struct oracle_mip *mip = oracle_mip_new();
    int need_row[GS_FLEET_KINDS_MAX];
    for (unsigned k = 0; k < spec->n_kinds; k++) {
        need_row[k] = oracle_mip_row(mip, spec->needs[k]);
    }
    for (unsigned t = 0; t < spec->n_targets; t++) {
        int64_t asked[GS_PROFILES_MAX] = {0};
        for (unsigned u = 0; u < spec->n_uses; u++) {
            if (spec->uses[u].target == t) {
                add_asked(&spec->uses[u], asked);
            }
        }
        struct supply supply = add_target(mip, &spec->targets[t], asked, -1);
        for (unsigned u = 0; u < spec->n_uses; u++) {
            if (spec->uses[u].target == t) {
                int col = oracle_mip_col(mip, 0, -1);
                oracle_mip_entry(mip, need_row[spec->uses[u].kind], col,
                                 spec->yields == NULL ? 1 : spec->yields[u]);
                take_supply(mip, &supply, &spec->uses[u], col);
            }
        }
    }
    enum oracle_answer answer = oracle_mip_solve(mip, limit_ms, ret_value);
    oracle_mip_free(mip);
    return answer;
}

/* ------------------------------------------------------------------ fleets */

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* How many nodes of a shape a fleet that is no dearer than `known` can have: each serves an
 * item. */
static int64_t nodes_of(const struct gs_fleet_spec *spec, const struct gs_fleet_shape *shape,
                        int64_t known)
{
    int64_t most = 0;
    for (unsigned k = 0; k < spec->n_kinds; k++) {
        most += spec->needs[k];
    }
    if (shape->limit != GS_FLEET_NO_LIMIT) {
        most = smaller(most, shape->limit);
    }
    if (shape->cost > 0 && known >= 0) {
        most = smaller(most, known / shape->cost);
    }
    return most;
}

/* Rows of one node that its items share. */
struct node_rows {
    int on; /* the column: is it there */
    int cpu;
    int memory;
    int pods;
    int order; /* 0, or the row by which it is no fuller than the node before it */
    struct supply supply;
};

static void add_items(struct oracle_mip *mip, const struct gs_fleet_spec *spec,
                      const struct gs_fleet_shape *shape, const struct node_rows *rows,
                      int next_order, const int *need_row)
{
    for (unsigned u = 0; u < shape->n_uses; u++) {
        const struct gs_use *use = &shape->uses[u];
        int col = oracle_mip_col(mip, 0, spec->needs[use->kind]);
        oracle_mip_entry(mip, need_row[use->kind], col, 1);
        oracle_mip_entry(mip, rows->cpu, col, -spec->cpu_milli[use->kind]);
        oracle_mip_entry(mip, rows->memory, col, -spec->memory[use->kind]);
        oracle_mip_entry(mip, rows->pods, col, -1);
        take_supply(mip, &rows->supply, use, col);
        /* Any weights will do; these tell most loads apart. */
        int64_t weight = 1 + u * 3;
        if (rows->order != 0) {
            oracle_mip_entry(mip, rows->order, col, -weight);
        }
        if (next_order != 0) {
            oracle_mip_entry(mip, next_order, col, weight);
        }
    }
}

/* The nodes of a shape, in falling order of what is on them. */
static void add_shape(struct oracle_mip *mip, const struct gs_fleet_spec *spec,
                      const struct gs_fleet_shape *shape, int64_t nodes, const int *need_row)
{
    int64_t asked[GS_PROFILES_MAX] = {0};
    for (unsigned u = 0; u < shape->n_uses; u++) {
        add_asked(&shape->uses[u], asked);
    }
    int order = 0;
    for (int64_t n = 0; n < nodes; n++) {
        struct node_rows rows = {.on = oracle_mip_col(mip, shape->cost, 1), .order = order};
        rows.cpu = supply_row(mip, shape->cpu_milli, rows.on);
        rows.memory = supply_row(mip, shape->memory, rows.on);
        rows.pods = supply_row(mip, shape->pods, rows.on);
        rows.supply = add_target(mip, &shape->target, asked, rows.on);
        order = n + 1 < nodes ? oracle_mip_row(mip, 0) : 0;
        add_items(mip, spec, shape, &rows, order, need_row);
    }
}

enum oracle_answer peer_fleet(const struct gs_fleet_spec *spec, int64_t known, int limit_ms,
                              int64_t *ret_value)
{
    struct oracle_mip *mip = oracle_mip_new();
    int need_row[GS_FLEET_KINDS_MAX];
    for (unsigned k = 0; k < spec->n_kinds; k++) {
        need_row[k] = oracle_mip_row(mip, spec->needs[k]);
    }
    for (unsigned t = 0; t < spec->n_shapes; t++) {
        const struct gs_fleet_shape *shape = &spec->shapes[t];
        add_shape(mip, spec, shape, nodes_of(spec, shape, known), need_row);
    }
    enum oracle_answer answer = oracle_mip_solve(mip, limit_ms, ret_value);
    oracle_mip_free(mip);
    return answer;
}
