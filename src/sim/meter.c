#include <assert.h>

#include "sim/run.h"

#define HOUR_US 3600000000ll

int64_t gs_sim_meter_within(const struct gs_sim_world *world, int64_t from, int64_t to)
{
    from = from > world->from_us ? from : world->from_us;
    to = to < world->until_us ? to : world->until_us;
    return to > from ? to - from : 0;
}

void gs_sim_meter_add(struct gs_sim_run *run, uint64_t *sum, uint64_t n, int64_t us)
{
    uint64_t product;
    if (__builtin_mul_overflow(n, (uint64_t)us, &product) ||
        __builtin_add_overflow(*sum, product, sum)) {
        run->overflow = true;
    }
}

static void raise_to(uint32_t *most, uint32_t value)
{
    *most = value > *most ? value : *most;
}

static int add_bound(struct gs_sim_run *run, uint32_t on, int64_t us, struct gs_err *err)
{
    uint64_t fewest;
    int r = gs_sim_fewest_gpus(run->fewest, &fewest, err);
    if (r < 0) {
        return r;
    }
    if (fewest > on) {
        return gs_fail(err, GS_INFEASIBLE,
                       "policy %s: %u GPUs are on at %lld us, and what runs needs %llu: this is a "
                       "mistake in gpuslice",
                       run->rules->policy->name, on, (long long)run->now,
                       (unsigned long long)fewest);
    }
    gs_sim_meter_add(run, &run->score->bound_us, fewest, us);
    return 0;
}

int gs_sim_meter_advance(struct gs_sim_run *run, int64_t to, struct gs_err *err)
{
    struct gs_sim_score *score = run->score;
    int64_t us = gs_sim_meter_within(run->world, run->now, to);
    int r = 0;
    if (us > 0) {
        int64_t from = run->now > run->world->from_us ? run->now : run->world->from_us;
        uint32_t on = run->fleet.gpus_used + run->fleet.nodes_kept;
        gs_sim_meter_add(run, &score->gpu_us, on, us);
        gs_sim_meter_add(run, &score->small_us, run->small_on, us);
        gs_sim_meter_add(run, &score->held_us, run->held, us);
        raise_to(&score->peak_gpus, on);
        raise_to(&score->peak_nodes, run->fleet.nodes_on + run->small_on);
        gs_sim_timeline_add(&score->timeline, from, from + us, on + run->small_on);
        r = run->fewest == NULL ? 0 : add_bound(run, on, us, err);
    }
    run->now = to;
    return r;
}

void gs_sim_meter_node_off(struct gs_sim_run *run, uint32_t n, int64_t at)
{
    const struct gs_sim_node *node = &run->fleet.nodes[n];
    int64_t least = node->on_us + run->world->bill_min_us;
    int64_t us = gs_sim_meter_within(run->world, node->on_us, at > least ? at : least);
    gs_sim_meter_add(run, &run->type_us[node->type], 1, us);
}

void gs_sim_meter_small(struct gs_sim_run *run, int64_t from, int64_t to)
{
    int64_t least = from + run->world->bill_min_us;
    int64_t us = gs_sim_meter_within(run->world, from, to > least ? to : least);
    gs_sim_meter_add(run, &run->small_paid_us, 1, us);
}

/* us * price of an hour, rounded down. */
static void add_cost(struct gs_sim_run *run, uint64_t us, uint64_t uusd, uint64_t gpus)
{
    unsigned __int128 cost = (unsigned __int128)us * uusd / (HOUR_US * gpus);
    if (cost > UINT64_MAX ||
        __builtin_add_overflow(run->score->cost_uusd, (uint64_t)cost, &run->score->cost_uusd)) {
        run->overflow = true;
    }
}

/* The type whose GPU is the cheapest. */
static const struct gs_sim_type *cheapest_gpu(const struct gs_sim_world *world)
{
    const struct gs_sim_type *best = &world->types[0];
    for (unsigned t = 1; t < world->n_types; t++) {
        const struct gs_sim_type *type = &world->types[t];
        if (type->hour_uusd * best->gpus < best->hour_uusd * type->gpus) {
            best = type;
        }
    }
    return best;
}

static void add_costs(struct gs_sim_run *run)
{
    const struct gs_sim_world *world = run->world;
    struct gs_sim_score *score = run->score;
    score->cost_known = run->small_paid_us == 0 || world->small.hour_uusd > 0;
    for (unsigned t = 0; t < world->n_types; t++) {
        const struct gs_sim_type *type = &world->types[t];
        score->cost_known = score->cost_known && type->hour_uusd > 0;
        gs_sim_meter_add(run, &score->node_gpu_us, type->gpus, (int64_t)run->type_us[t]);
        add_cost(run, run->type_us[t], (uint64_t)type->hour_uusd, 1);
    }
    uint64_t of_nodes = score->cost_uusd;
    add_cost(run, run->small_paid_us, (uint64_t)world->small.hour_uusd, 1);
    score->small_uusd = score->cost_uusd - of_nodes;
    const struct gs_sim_type *type = cheapest_gpu(world);
    add_cost(run, score->charged_us, (uint64_t)type->hour_uusd, type->gpus);
    if (!score->cost_known) {
        score->cost_uusd = score->small_uusd = 0;
    }
}

int gs_sim_meter_finish(struct gs_sim_run *run, struct gs_err *err)
{
    struct gs_sim_score *score = run->score;
    for (uint32_t n = 0; n < run->fleet.n_nodes; n++) {
        if (run->fleet.nodes[n].on) {
            gs_sim_meter_node_off(run, n, run->now);
        }
    }
    score->last_us = run->now;
    add_costs(run);
    if (run->overflow) {
        return gs_fail(err, GS_LIMIT,
                       "the GPU time of this workload is beyond what is counted: expected below "
                       "5 thousand million GPU-hours");
    }
    if (run->fewest != NULL && score->gpu_us < score->bound_us) {
        return gs_fail(err, GS_INFEASIBLE,
                       "policy %s: %llu GPU-us, fewer than the %llu that its own work needs: this "
                       "is a mistake in gpuslice",
                       run->rules->policy->name, (unsigned long long)score->gpu_us,
                       (unsigned long long)score->bound_us);
    }
    return 0;
}
