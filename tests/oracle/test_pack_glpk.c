#include "unit/check.h"

#include <stdio.h>

#include "oracle/judge.h"
#include "oracle/peer.h"
#include "oracle/world.h"
#include "unit/core/tables.h"

enum { CASES = 120, TRIES = 200, LIMIT_MS = 1000, UNPROVEN_MAX = 2 };

struct tally {
    unsigned compared;
    unsigned infeasible; /* of them */
    unsigned proven;
    unsigned unfinished; /* by GLPK */
};

/* The largest number that every cost is a multiple of. */
static int64_t step_of(const struct gs_program_spec *spec)
{
    int64_t step = 0;
    for (unsigned t = 0; t < spec->n_targets; t++) {
        for (unsigned p = 0; p < spec->targets[t].n_pools; p++) {
            int64_t cost = spec->targets[t].pool_costs[p];
            while (cost != 0) {
                int64_t rest = step % cost;
                step = cost;
                cost = rest;
            }
        }
    }
    return step == 0 ? 1 : step;
}

static void compare(struct gs_arena *work, const struct world *world, struct tally *tally)
{
    struct gs_pack pack;
    int64_t peer_value;
    JUDGE(gs_pack_solve(work, &world->pack, step_of(&world->pack), &pack, NULL) == 0);
    if (pack.found) {
        judge_pack(&world->pack, &pack);
        JUDGE(pack.bound <= pack.value);
    }
    enum oracle_answer answer = peer_pack(&world->pack, LIMIT_MS, &peer_value);
    if (answer == ORACLE_UNFINISHED) {
        tally->unfinished++;
        return;
    }
    JUDGE(pack.found == (answer == ORACLE_OPTIMAL));
    tally->compared++;
    if (!pack.found) {
        tally->infeasible++;
        return;
    }
    JUDGE(pack.value == peer_value);
    tally->proven += pack.bound == pack.value;
    if (pack.bound != pack.value) {
        print_message("not proven: %s (%lld of %lld)\n", judge_case, (long long)pack.bound,
                      (long long)pack.value);
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
        world_make_pack(&world, &gpus, &work, flavour, seed + i * 1000003ull);
        compare(&work, &world, &tally);
        gs_arena_rewind(&work, mark);
    }
    print_message("%s: %u compared, %u without a plan, %u proven, %u not finished by GLPK\n",
                  world_flavour_names[flavour], tally.compared, tally.infeasible, tally.proven,
                  tally.unfinished);
    assert_int_equal(tally.compared, CASES);
    assert_true(tally.proven + tally.infeasible >= CASES - UNPROVEN_MAX);
    gs_arena_done(&work);
    gs_arena_done(&keep);
}

static void pack__equals_glpk_on_one_model(void **state)
{
    (void)state;
    equals_glpk(WORLD_ONE_MODEL);
}

static void pack__equals_glpk_on_mixed_models(void **state)
{
    (void)state;
    equals_glpk(WORLD_MIXED);
}

static void pack__equals_glpk_with_alternatives_and_yields(void **state)
{
    (void)state;
    equals_glpk(WORLD_ALTERNATIVES);
}

static void pack__equals_glpk_on_large_needs(void **state)
{
    (void)state;
    equals_glpk(WORLD_TIGHT);
}

static void pack__equals_glpk_on_gpus_that_are_there(void **state)
{
    (void)state;
    equals_glpk(WORLD_EXISTING);
}

static void pack__equals_glpk_where_gpus_are_scarce(void **state)
{
    (void)state;
    equals_glpk(WORLD_SCARCE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pack__equals_glpk_on_one_model),
        cmocka_unit_test(pack__equals_glpk_on_mixed_models),
        cmocka_unit_test(pack__equals_glpk_with_alternatives_and_yields),
        cmocka_unit_test(pack__equals_glpk_on_large_needs),
        cmocka_unit_test(pack__equals_glpk_on_gpus_that_are_there),
        cmocka_unit_test(pack__equals_glpk_where_gpus_are_scarce),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
