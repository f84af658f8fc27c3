#include "torture/torture.h"

#include "core/catalog.h"
#include "sim/loss.h"
#include "sim/online_load.h"

static int build_tables(struct gs_arena *arena, const struct gs_policy_table **ret_decisions,
                        const struct gs_move_table **ret_moves, struct gs_err *err)
{
    const struct gs_model *model;
    assert_int_equal(gs_catalog_find(gs_view("A30-24GB"), &model, NULL), 0);
    size_t n;
    const struct gs_statetable *states;
    int r = gs_statetable_new(arena, model, GS_ALL_PROFILES, &states, err);
    if (r == 0) {
        r = gs_policy_table_new(arena, states, gs_policies(&n), ret_decisions, err);
    }
    if (r == 0) {
        r = gs_move_table_new(arena, *ret_decisions, ret_moves, err);
    }
    return r;
}

static int run_loss(const struct gs_alloc *source, struct gs_err *err)
{
    struct gs_arena arena;
    gs_arena_init(&arena, source, 64 << 20);
    struct gs_loss_world world = {
        .weights = {1, 0, 1, 0, 1}, .gpus = 4, .load = 1.0, .arrivals = 100, .warm_up = 10};
    struct gs_loss_score score = {0};
    int r = build_tables(&arena, &world.decisions, &world.moves, err);
    if (r == 0) {
        r = gs_loss_run(&arena, &world, &score, err);
        assert_true((r == 0) == (score.arrived[0] > 0));
    }
    gs_arena_done(&arena);
    return r;
}

static int run_load(const struct gs_alloc *source, struct gs_err *err)
{
    struct gs_arena arena;
    gs_arena_init(&arena, source, 64 << 20);
    struct gs_online_load_options options = {
        .weights = {1, 0, 1, 0, 1}, .gpus = 4, .occupancy_permille = 800, .seed = 1};
    const struct gs_move_table *moves;
    struct gs_online_load *load = NULL;
    int r = build_tables(&arena, &options.decisions, &moves, err);
    if (r == 0) {
        r = gs_online_load_new(&arena, &options, &load, err);
        assert_true((r == 0) == (load != NULL));
    }
    gs_arena_done(&arena);
    return r;
}

static void torture__a_loss_system_survives_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_arena(run_loss, 1) >= 25);
}

static void torture__a_full_fleet_survives_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_arena(run_load, 1) >= 25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__a_loss_system_survives_each_failed_request),
        cmocka_unit_test(torture__a_full_fleet_survives_each_failed_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
