#include "unit/check.h"

#include <stdio.h>

#include "oracle/judge.h"
#include "oracle/proof.h"
#include "oracle/world.h"
#include "unit/core/tables.h"

enum { CASES = 120 };

/* What the cases of one flavour need. */
struct bench {
    struct gs_arena keep;
    struct gs_arena work;
    struct world_gpus gpus;
    struct world world;
    uint64_t seed;
};

static void set_up(struct bench *b)
{
    b->seed = take_seed();
    gs_arena_init(&b->keep, &gs_alloc_heap, 64 << 20);
    gs_arena_init(&b->work, &gs_alloc_heap, 1 << 30);
    world_gpus_init(&b->gpus, &b->keep);
}

static void tear_down(struct bench *b)
{
    gs_arena_done(&b->work);
    gs_arena_done(&b->keep);
}

/* ------------------------------------------------------------------ packing */

/* A proof that there is no plan goes beyond what all GPUs together could cost. */
static int64_t above_all(const struct proof_program *labels)
{
    int64_t sum = 1;
    for (unsigned j = 0; j < labels->n_cols; j++) {
        sum += labels->cost[j] > 0 ? labels->cost[j] * labels->hi[j] : 0;
    }
    return sum;
}

/* `step`: what the costs are multiplied with. */
static void check_pack(struct bench *b, int64_t step)
{
    for (unsigned t = 0; t < b->world.pack.n_targets; t++) {
        for (unsigned p = 0; p < WORLD_POOLS_MAX; p++) {
            b->world.pool_costs[t][p] *= step;
        }
    }
    struct gs_pack pack;
    int64_t items = 0;
    for (unsigned k = 0; k < b->world.n_kinds; k++) {
        items += b->world.needs[k];
    }
    JUDGE(gs_pack_solve(&b->work, &b->world.pack, step, &pack, NULL) == 0);
    struct proof_program labels = proof_of_labels(&b->world.pack, items, &pack.program);
    int64_t proven = proof_tree_bound(&labels, &pack.tree, step);
    JUDGE(proven >= pack.bound);
    JUDGE(pack.found || proven >= above_all(&labels));
    proof_free(&labels);
}

static void pack__bound_follows_from_its_tree_alone(void **state)
{
    (void)state;
    static struct bench b;
    set_up(&b);
    for (unsigned flavour = 0; flavour < WORLD_FLAVOURS; flavour++) {
        for (unsigned i = 0; i < CASES && flavour != WORLD_TIGHT; i++) {
            struct gs_arena_mark mark = gs_arena_mark(&b.work);
            judge_name("%s, seed %llu, case %u", world_flavour_names[flavour],
                       (unsigned long long)b.seed, i);
            world_make_pack(&b.world, &b.gpus, &b.work, (enum world_flavour)flavour,
                            b.seed + i * 7919ull);
            check_pack(&b, i % 2 == 0 ? 1 : 7);
            gs_arena_rewind(&b.work, mark);
        }
    }
    tear_down(&b);
}

/* ------------------------------------------------------------------ fleets */

static void check_fleet(struct bench *b, struct proof_seen *seen)
{
    struct gs_fleet_options options = {.effort = 1, .certificate = true};
    struct gs_fleet fleet;
    JUDGE(gs_fleet_solve(&b->work, &b->world.fleet, &options, &fleet, NULL) == 0);
    if (fleet.found) {
        proof_check_fleet(&b->world.fleet, &fleet, seen);
    }
}

/* Items of CPU and memory alone, on nodes that are there and on new ones. */
static void make_vectors(struct world *world, unsigned n_kinds, unsigned most, uint64_t seed)
{
    *world = (struct world){.n_kinds = n_kinds};
    for (unsigned k = 0; k < world->n_kinds; k++) {
        world->needs[k] = 1 + random_below(&seed, most);
        world->cpu[k] = 3 + random_below(&seed, 9);
        world->memory[k] = 3 + random_below(&seed, 9);
        world->uses[0][k] = world->uses[1][k] = (struct gs_use){.kind = k};
    }
    for (unsigned t = 0; t < 2; t++) {
        world->shapes[t] = (struct gs_fleet_shape){
            .cost = 5 * t,
            .limit = t == 0 ? 1 + random_below(&seed, 3) : GS_FLEET_NO_LIMIT,
            .cpu_milli = 17 + 5 * t + random_below(&seed, 6),
            .memory = 17 + 5 * t + random_below(&seed, 6),
            .pods = 10,
            .uses = world->uses[t],
            .n_uses = world->n_kinds,
        };
    }
    world->fleet = (struct gs_fleet_spec){
        .n_kinds = world->n_kinds,
        .needs = world->needs,
        .cpu_milli = world->cpu,
        .memory = world->memory,
        .shapes = world->shapes,
        .n_shapes = 2,
        .step = 1,
    };
}

static void check_vectors(struct bench *b, struct proof_seen *seen, unsigned n_kinds, unsigned most,
                          uint64_t seed)
{
    struct gs_arena_mark mark = gs_arena_mark(&b->work);
    judge_name("%u vectors, seed %llu", n_kinds, (unsigned long long)seed);
    make_vectors(&b->world, n_kinds, most, seed);
    check_fleet(b, seen);
    gs_arena_rewind(&b->work, mark);
}

static void check_flavour(struct bench *b, struct proof_seen *seen, enum world_flavour flavour,
                          uint64_t seed)
{
    struct gs_arena_mark mark = gs_arena_mark(&b->work);
    judge_name("%s, seed %llu", world_flavour_names[flavour], (unsigned long long)seed);
    world_make_fleet(&b->world, &b->gpus, &b->work, flavour, seed);
    check_fleet(b, seen);
    gs_arena_rewind(&b->work, mark);
}

static void fleet__bound_follows_from_its_proof_alone(void **state)
{
    (void)state;
    static struct bench b;
    struct proof_seen seen = {0};
    set_up(&b);
    for (unsigned i = 0; i < CASES; i++) {
        for (unsigned flavour = 0; flavour < WORLD_FLAVOURS; flavour++) {
            check_flavour(&b, &seen, (enum world_flavour)flavour, b.seed + i * 7919ull);
        }
        check_vectors(&b, &seen, 5, 5, b.seed + i * 7919ull);
    }
    tear_down(&b);
    print_message("%u proofs, %u split on node counts, %u leaves, %u searches over loads\n",
                  seen.proofs, seen.split, seen.leaves, seen.searches);
    assert_true(seen.proofs > CASES * 4 && seen.split > CASES);
}

/* About one random fleet in ten thousand needs the search over loads; this is one. */
static void fleet__proof_that_searches_loads_lists_all_that_matter(void **state)
{
    (void)state;
    static struct bench b;
    struct proof_seen seen = {0};
    set_up(&b);
    check_flavour(&b, &seen, WORLD_ALTERNATIVES, 1 + 113 * 7919);
    tear_down(&b);
    assert_true(seen.searches > 0 && seen.listings > 0);
}

/* Nodes that cost nothing were taken again and again, where they served nothing any more. */
static void fleet__ends_where_only_free_nodes_are_left_in_fractions(void **state)
{
    (void)state;
    static struct bench b;
    struct proof_seen seen = {0};
    set_up(&b);
    check_vectors(&b, &seen, 6, 3, 1 + 835 * 7919);
    tear_down(&b);
    assert_int_equal(seen.proofs, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pack__bound_follows_from_its_tree_alone),
        cmocka_unit_test(fleet__bound_follows_from_its_proof_alone),
        cmocka_unit_test(fleet__proof_that_searches_loads_lists_all_that_matter),
        cmocka_unit_test(fleet__ends_where_only_free_nodes_are_left_in_fractions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
