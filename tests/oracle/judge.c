#include "oracle/judge.h"

#include <stdarg.h>
#include <stdio.h>

#include "unit/check.h"

char judge_case[120];

void judge_name(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(judge_case, sizeof(judge_case), format, args);
    va_end(args);
}

/* ------------------------------------------------------------------ GPUs of one target */

/* The layouts of a target are of its pools, can be cut, and give what is used. */
static void judge_target(const struct gs_program_target *target, uint32_t index,
                         const struct gs_pack_layout *layouts, size_t n, const int64_t *slices,
                         int64_t gpus)
{
    int64_t given[GS_PROFILES_MAX] = {0};
    int64_t whole = 0;
    for (unsigned p = 0; p < target->n_pools; p++) {
        const struct gs_pool *pool = &target->pools[p];
        int64_t taken = 0;
        for (size_t i = 0; i < n; i++) {
            const struct gs_pack_layout *layout = &layouts[i];
            if (layout->target != index || layout->pool != p) {
                continue;
            }
            JUDGE(layout->count > 0);
            taken += layout->count;
            whole += layout->whole ? layout->count : 0;
            JUDGE(!layout->whole || pool->whole);
            if (!layout->whole) {
                JUDGE(pool->cut && pool->table != NULL);
                struct oracle_busy busy = oracle_busy_of(pool->table, pool->busy);
                JUDGE(oracle_fits(pool->table->model, &busy, layout->counts));
                for (unsigned k = 0; k < GS_PROFILES_MAX; k++) {
                    given[k] += layout->counts[k] * layout->count;
                }
            }
        }
        JUDGE(pool->count == GS_POOL_NO_LIMIT || taken <= pool->count);
    }
    for (unsigned k = 0; k < GS_PROFILES_MAX; k++) {
        int64_t missing = slices[k] - target->free_slices[k];
        JUDGE(given[k] == (missing > 0 ? missing : 0)); /* nothing is cut that nobody uses */
    }
    JUDGE(whole + target->free_gpus >= gpus);
}

static void add_use(const struct gs_use *use, int64_t times, int64_t *slices, int64_t *gpus)
{
    for (unsigned k = 0; k < GS_PROFILES_MAX; k++) {
        slices[k] += use->slices[k] * times;
    }
    *gpus += use->gpus * times;
}

/* ------------------------------------------------------------------ packing */

void judge_pack(const struct gs_program_spec *spec, const struct gs_pack *pack)
{
    for (unsigned k = 0; k < spec->n_kinds; k++) {
        int64_t served = 0;
        for (unsigned u = 0; u < spec->n_uses; u++) {
            int64_t yield = spec->yields == NULL ? 1 : spec->yields[u];
            JUDGE(pack->served[u] >= 0);
            served += spec->uses[u].kind == k ? yield * pack->served[u] : 0;
        }
        JUDGE(served >= spec->needs[k]);
    }
    int64_t cost = 0;
    for (size_t i = 0; i < pack->n_layouts; i++) {
        const struct gs_pack_layout *layout = &pack->layouts[i];
        JUDGE(layout->target < spec->n_targets);
        JUDGE(layout->pool < spec->targets[layout->target].n_pools);
        cost += spec->targets[layout->target].pool_costs[layout->pool] * layout->count;
    }
    JUDGE(cost == pack->value);
    for (unsigned t = 0; t < spec->n_targets; t++) {
        int64_t slices[GS_PROFILES_MAX] = {0};
        int64_t gpus = 0;
        for (unsigned u = 0; u < spec->n_uses; u++) {
            if (spec->uses[u].target == t) {
                add_use(&spec->uses[u], pack->served[u], slices, &gpus);
            }
        }
        judge_target(&spec->targets[t], t, pack->layouts, pack->n_layouts, slices, gpus);
    }
}

/* ------------------------------------------------------------------ fleets */

static void judge_node(const struct gs_fleet_spec *spec, const struct gs_fleet_load *load,
                       int64_t *served)
{
    const struct gs_fleet_shape *shape = &spec->shapes[load->shape];
    int64_t slices[GS_PROFILES_MAX] = {0};
    int64_t gpus = 0;
    int64_t cpu = 0;
    int64_t memory = 0;
    int64_t pods = 0;
    for (unsigned u = 0; u < shape->n_uses; u++) {
        const struct gs_use *use = &shape->uses[u];
        JUDGE(load->x[u] >= 0);
        add_use(use, load->x[u], slices, &gpus);
        cpu += spec->cpu_milli[use->kind] * load->x[u];
        memory += spec->memory[use->kind] * load->x[u];
        pods += load->x[u];
        served[use->kind] += load->x[u] * load->count;
    }
    JUDGE(cpu <= shape->cpu_milli);
    JUDGE(memory <= shape->memory);
    JUDGE(pods <= shape->pods);
    JUDGE(pods > 0);

    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 512 << 20);
    const struct gs_pack_layout *layouts;
    size_t n;
    JUDGE(gs_fleet_layouts(&arena, spec, load, &layouts, &n, NULL) == 0);
    for (size_t i = 0; i < n; i++) {
        JUDGE(layouts[i].target == 0 && layouts[i].pool < shape->target.n_pools);
    }
    judge_target(&shape->target, 0, layouts, n, slices, gpus);
    gs_arena_done(&arena);
}

int64_t judge_unserved(const struct gs_fleet_spec *spec, const struct gs_fleet *fleet)
{
    int64_t sum = 0;
    for (unsigned k = 0; k < spec->n_kinds; k++) {
        JUDGE(fleet->unserved[k] >= 0);
        sum += fleet->unserved[k];
    }
    return sum;
}

void judge_fleet(const struct gs_fleet_spec *spec, const struct gs_fleet *fleet)
{
    int64_t served[GS_FLEET_KINDS_MAX] = {0};
    int64_t nodes[GS_FLEET_SHAPES_MAX] = {0};
    int64_t cost = 0;
    for (size_t i = 0; i < fleet->n_loads; i++) {
        const struct gs_fleet_load *load = &fleet->loads[i];
        JUDGE(load->shape < spec->n_shapes);
        JUDGE(load->count > 0);
        nodes[load->shape] += load->count;
        cost += spec->shapes[load->shape].cost * load->count;
        judge_node(spec, load, served);
    }
    for (unsigned t = 0; t < spec->n_shapes; t++) {
        uint32_t limit = spec->shapes[t].limit;
        JUDGE(limit == GS_FLEET_NO_LIMIT || nodes[t] <= limit);
    }
    for (unsigned k = 0; k < spec->n_kinds; k++) {
        JUDGE(served[k] + fleet->unserved[k] == spec->needs[k]);
    }
    JUDGE(cost == fleet->value);
    JUDGE(fleet->found == (judge_unserved(spec, fleet) == 0));
    JUDGE(!fleet->found || fleet->bound <= fleet->value);
}
