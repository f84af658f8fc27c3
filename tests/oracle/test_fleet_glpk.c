#include "unit/check.h"

#include <stdio.h>
#include <time.h>

#include "oracle/judge.h"
#include "oracle/peer.h"
#include "oracle/world.h"
#include "unit/core/tables.h"

enum { CASES = 150, TRIES = 250, LIMIT_MS = 300, UNPROVEN_MAX = 1 };

struct tally {
    unsigned compared;
    unsigned infeasible; /* of them */
    unsigned proven;
    unsigned unfinished; /* by GLPK */
    double core_s;
    double glpk_s;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void compare(struct gs_arena *work, const struct world *world, struct tally *tally)
{
    struct gs_fleet_options options = {.effort = 1, .certificate = true};
    struct gs_fleet fleet;
    int64_t peer_value;
    double start = now();
    JUDGE(gs_fleet_solve(work, &world->fleet, &options, &fleet, NULL) == 0);
    judge_fleet(&world->fleet, &fleet);
    double middle = now();
    enum oracle_answer answer =
        peer_fleet(&world->fleet, fleet.found ? fleet.value : -1, LIMIT_MS, &peer_value);
    tally->core_s += middle - start;
    tally->glpk_s += now() - middle;
    if (answer == ORACLE_UNFINISHED) {
        tally->unfinished++;
        return;
    }
    JUDGE(fleet.found == (answer == ORACLE_OPTIMAL));
    tally->compared++;
    if (!fleet.found) {
        tally->infeasible++;
        return;
    }
    JUDGE(fleet.value == peer_value);
    tally->proven += fleet.bound == fleet.value;
    if (fleet.bound != fleet.value) {
        print_message("not proven: %s (%lld of %lld)\n", judge_case, (long long)fleet.bound,
                      (long long)fleet.value);
    }
}

static void equals_glpk(enum world_flavour flavour)
{
    static struct world world;
    struct gs_arena keep;
    struct gs_arena work;
    struct world_gpus gpus;
    struct tally tally = {0};
    uint64_t seed = take_seed();
    gs_arena_init(&keep, &gs_alloc_heap, 64 << 20);
    gs_arena_init(&work, &gs_alloc_heap, 1 << 30);
    world_gpus_init(&gpus, &keep);
    for (unsigned i = 0; i < TRIES && tally.compared < CASES; i++) {
        struct gs_arena_mark mark = gs_arena_mark(&work);
        judge_name("%s, seed %llu, case %u", world_flavour_names[flavour], (unsigned long long)seed,
                   i);
        world_make_fleet(&world, &gpus, &work, flavour, seed + i * 1000003ull);
        compare(&work, &world, &tally);
        gs_arena_rewind(&work, mark);
    }
    print_message("%s: %u compared, %u without a plan, %u proven, %u not finished by GLPK; "
                  "%.2f s, GLPK %.2f s\n",
                  world_flavour_names[flavour], tally.compared, tally.infeasible, tally.proven,
                  tally.unfinished, tally.core_s, tally.glpk_s);
    assert_int_equal(tally.compared, CASES);
    assert_true(tally.proven + tally.infeasible >= CASES - UNPROVEN_MAX);
    gs_arena_done(&work);
    gs_arena_done(&keep);
}

static void fleet__equals_glpk_on_one_model(void **state)
{
    (void)state;
    equals_glpk(WORLD_ONE_MODEL);
}

static void fleet__equals_glpk_on_mixed_models(void **state)
{
    (void)state;
    equals_glpk(WORLD_MIXED);
}

static void fleet__equals_glpk_with_alternatives(void **state)
{
    (void)state;
    equals_glpk(WORLD_ALTERNATIVES);
}

static void fleet__equals_glpk_where_cpu_memory_and_pods_bind(void **state)
{
    (void)state;
    equals_glpk(WORLD_TIGHT);
}

static void fleet__equals_glpk_with_nodes_that_are_there(void **state)
{
    (void)state;
    equals_glpk(WORLD_EXISTING);
}

static void fleet__equals_glpk_where_nodes_are_scarce(void **state)
{
    (void)state;
    equals_glpk(WORLD_SCARCE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fleet__equals_glpk_on_one_model),
        cmocka_unit_test(fleet__equals_glpk_on_mixed_models),
        cmocka_unit_test(fleet__equals_glpk_with_alternatives),
        cmocka_unit_test(fleet__equals_glpk_where_cpu_memory_and_pods_bind),
        cmocka_unit_test(fleet__equals_glpk_with_nodes_that_are_there),
        cmocka_unit_test(fleet__equals_glpk_where_nodes_are_scarce),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
