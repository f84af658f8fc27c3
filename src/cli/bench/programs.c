#include "cli/bench/programs.h"

#include <string.h>

struct maker {
    struct gs_arena *arena;
    const struct gs_fleet_spec *spec;
    struct gs_ip *ip;
    int *needs;  /* a kind: its row */
    bool failed; /* no memory; then nothing is added any more */
};

/* Rows of nodes of one shape, all of the form "has - takes >= 0". */
struct block {
    int slices[GS_PROFILES_MAX];
    int whole;
    int gpus;
    int cpu;
    int memory;
    int pods;
};

static int add_row(struct maker *maker, int64_t rhs)
{
    int row = gs_ip_add_row(maker->ip, maker->arena, rhs);
    maker->failed = maker->failed || row < 0;
    return row;
}

static void add_col(struct maker *maker, int64_t cost, int64_t hi)
{
    maker->failed = maker->failed || gs_ip_add_col(maker->ip, maker->arena, cost, hi) < 0;
}

static void add_entry(struct maker *maker, int row, int64_t value)
{
    if (!maker->failed && value != 0) {
        maker->failed = !gs_ip_add_entry(maker->ip, maker->arena, (unsigned)row, value);
    }
}

static void add_rows(struct maker *maker, struct block *block)
{
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        block->slices[p] = add_row(maker, 0);
    }
    block->whole = add_row(maker, 0);
    block->gpus = add_row(maker, 0);
    block->cpu = add_row(maker, 0);
    block->memory = add_row(maker, 0);
    block->pods = add_row(maker, 0);
}

static void add_nodes(struct maker *maker, const struct gs_fleet_shape *shape,
                      const struct block *block, int64_t most)
{
    int64_t gpus = 0;
    for (unsigned p = 0; p < shape->target.n_pools; p++) {
        gpus += shape->target.pools[p].count;
    }
    add_col(maker, shape->cost, most);
    add_entry(maker, block->gpus, gpus);
    add_entry(maker, block->cpu, shape->cpu_milli);
    add_entry(maker, block->memory, shape->memory);
    add_entry(maker, block->pods, shape->pods);
}

static void add_cuts(struct maker *maker, const struct gs_fleet_shape *shape,
                     const struct block *block, int64_t most)
{
    for (unsigned p = 0; p < shape->target.n_pools; p++) {
        const struct gs_pool *pool = &shape->target.pools[p];
        for (unsigned c = 0; c < pool->n_columns; c++) {
            add_col(maker, 0, most * pool->count);
            add_entry(maker, block->gpus, -1);
            for (unsigned i = 0; i < GS_PROFILES_MAX; i++) {
                add_entry(maker, block->slices[i], pool->columns[c].counts[i]);
            }
        }
        if (pool->whole) {
            add_col(maker, 0, most * pool->count);
            add_entry(maker, block->gpus, -1);
            add_entry(maker, block->whole, 1);
        }
    }
}

static void add_uses(struct maker *maker, const struct gs_fleet_shape *shape,
                     const struct block *block)
{
    const struct gs_fleet_spec *spec = maker->spec;
    for (unsigned u = 0; u < shape->n_uses; u++) {
        const struct gs_use *use = &shape->uses[u];
        add_col(maker, 0, spec->needs[use->kind]);
        add_entry(maker, maker->needs[use->kind], 1);
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            add_entry(maker, block->slices[p], -(int64_t)use->slices[p]);
        }
        add_entry(maker, block->whole, -(int64_t)use->gpus);
        add_entry(maker, block->cpu, -spec->cpu_milli[use->kind]);
        add_entry(maker, block->memory, -spec->memory[use->kind]);
        add_entry(maker, block->pods, -1);
    }
}

/* Nodes of one shape, `most` at most, as one block. Rows come before the columns that use them. */
static void add_block(struct maker *maker, const struct gs_fleet_shape *shape, int64_t most)
{
    struct block block;
    add_rows(maker, &block);
    add_nodes(maker, shape, &block, most);
    add_cuts(maker, shape, &block, most);
    add_uses(maker, shape, &block);
}

static int begin(struct maker *maker, struct gs_arena *arena, const struct gs_fleet_spec *spec,
                 struct gs_ip *ip, struct gs_err *err)
{
    *maker = (struct maker){.arena = arena, .spec = spec, .ip = ip};
    gs_ip_init(ip);
    maker->needs = GS_ARENA_NEW(arena, int, spec->n_kinds);
    if (maker->needs == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for an integer program");
    }
    for (unsigned k = 0; k < spec->n_kinds; k++) {
        maker->needs[k] = add_row(maker, spec->needs[k]);
    }
    return 0;
}

static int end(const struct maker *maker, struct gs_err *err)
{
    return maker->failed ? gs_fail(err, GS_NO_MEMORY, "no memory for an integer program") : 0;
}

static int64_t total_of(const struct gs_fleet_spec *spec)
{
    int64_t total = 0;
    for (unsigned k = 0; k < spec->n_kinds; k++) {
        total += spec->needs[k];
    }
    return total;
}

int gs_cmd_bench_fleet_totals(struct gs_arena *arena, const struct gs_fleet_spec *spec,
                              struct gs_ip *ret, struct gs_err *err)
{
    struct maker maker;
    int r = begin(&maker, arena, spec, ret, err);
    for (unsigned t = 0; r == 0 && t < spec->n_shapes; t++) {
        add_block(&maker, &spec->shapes[t], total_of(spec));
    }
    return r < 0 ? r : end(&maker, err);
}

int gs_cmd_bench_fleet_nodes(struct gs_arena *arena, const struct gs_fleet_spec *spec,
                             int64_t value, struct gs_ip *ret, struct gs_err *err)
{
    struct maker maker;
    int r = begin(&maker, arena, spec, ret, err);
    for (unsigned t = 0; r == 0 && t < spec->n_shapes; t++) {
        int64_t most = spec->shapes[t].cost > 0 ? value / spec->shapes[t].cost : 0;
        most = most < total_of(spec) ? most : total_of(spec);
        for (int64_t i = 0; i < most; i++) {
            add_block(&maker, &spec->shapes[t], 1);
        }
    }
    return r < 0 ? r : end(&maker, err);
}
