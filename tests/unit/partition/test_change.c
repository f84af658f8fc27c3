#include "unit/check.h"

#include <stdio.h>

#include "core/catalog.h"
#include "partition/change.h"
#include "partition/goal.h"
#include "sim/random.h"
#include "unit/partition/desk.h"

/* A GPU in memory, and the search tables of its model. */
struct bed {
    struct gs_gpu_table table;
    struct gs_arena arena;
    struct gs_inventory_tables tables;
    struct gs_inventory_gpu gpu;
};

static void read_bed(struct bed *bed)
{
    struct gs_gpus gpus;
    struct gs_err err;
    gs_gpu_table_open(&bed->table, &gpus);
    if (gs_inventory_read(&gpus, 0, true, &bed->tables, &bed->gpu, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    gs_gpu_close(&gpus);
}

static void begin(struct bed *bed, const char *model, const char *layout)
{
    desk_machine(&bed->table, model, 1);
    desk_cut(&bed->table, 0, layout);
    gs_arena_init(&bed->arena, &gs_alloc_heap, (size_t)64 << 20);
    gs_inventory_tables_init(&bed->tables, &bed->arena);
    read_bed(bed);
}

static void end(struct bed *bed)
{
    gs_arena_done(&bed->arena);
}

/* Goal: one slice of each placement of a state, filled by one compute instance. */
static void goal_of_state(const struct gs_statetable *table, uint16_t state, bool placed,
                          struct gs_geometry_goal *goal)
{
    *goal = (struct gs_geometry_goal){.placed = placed};
    for (uint64_t rest = table->sets[state]; rest != 0; rest &= rest - 1) {
        const struct gs_placement *place = &table->placements[__builtin_ctzll(rest)];
        unsigned slices = table->model->profiles[place->profile].compute_slices;
        goal->gis[goal->n++] = (struct gs_geometry_gi){
            .profile = place->profile,
            .start = place->start,
            .n_cis = 1,
            .cis = {{.slices = (uint8_t)slices, .profile = gs_geometry_ci_profile(slices)}},
        };
    }
}

/* The same state as the driver would list it. */
static void instances_of_state(const struct gs_statetable *table, uint16_t state, uint64_t in_use,
                               struct gs_gpu_instances *instances, struct gs_geometry_busy *busy)
{
    *instances = (struct gs_gpu_instances){.n = 0};
    *busy = (struct gs_geometry_busy){.gis = 0};
    for (uint64_t rest = table->sets[state]; rest != 0; rest &= rest - 1) {
        unsigned i = (unsigned)__builtin_ctzll(rest);
        const struct gs_placement *place = &table->placements[i];
        const struct gs_profile *profile = &table->model->profiles[place->profile];
        if ((in_use >> i & 1u) != 0) {
            busy->gis = (uint16_t)(busy->gis | 1u << instances->n);
            busy->cis[instances->n] = 1;
        }
        instances->at[instances->n] = (struct gs_gpu_instance){
            .id = instances->n,
            .profile = profile->nvml_profile,
            .profile_id = profile->nvml_profile_id,
            .start = place->start,
            .size = profile->memory_units,
            .n_compute = 1,
            .compute = {{.profile = gs_geometry_ci_profile(profile->compute_slices),
                         .size = profile->compute_slices}},
        };
        instances->n++;
    }
}

/* GI steps of a change, in order, as gs_transition_steps writes them. */
static unsigned gi_steps(const struct gs_change *change, const struct gs_model *model,
                         struct gs_step steps[GS_STEPS_MAX])
{
    unsigned n = 0;
    for (unsigned k = 0; k < change->n; k++) {
        const struct gs_change_step *step = &change->steps[k];
        if (step->kind != GS_CHANGE_CREATE_GI && step->kind != GS_CHANGE_DESTROY_GI) {
            continue;
        }
        for (unsigned p = 0; p < model->n_profiles; p++) {
            if (model->profiles[p].nvml_profile == step->profile) {
                steps[n++] = (struct gs_step){
                    .kind = step->kind == GS_CHANGE_CREATE_GI ? GS_STEP_CREATE : GS_STEP_DESTROY,
                    .placement = {.profile = (uint8_t)p,
                                  .start = (uint8_t)step->start,
                                  .span = gs_profile_span(&model->profiles[p], step->start)},
                };
            }
        }
    }
    return n;
}

static void compare(const struct gs_transition_index *index, uint16_t from, uint16_t to,
                    uint64_t in_use, bool placed)
{
    const struct gs_statetable *table = index->table;
    struct gs_gpu_instances instances;
    struct gs_geometry_busy busy;
    struct gs_geometry_goal goal;
    struct gs_geometry_blockers blockers;
    struct gs_layout_goal layout_goal = {.placed = placed};
    struct gs_layout layout;
    struct gs_transition expected;
    static struct gs_change change;
    struct gs_err err;
    instances_of_state(table, from, in_use, &instances, &busy);
    goal_of_state(table, to, placed, &goal);
    gs_layout_from_set(table, table->sets[from], in_use, &layout);
    gs_layout_from_set(table, table->sets[to], 0, &layout_goal.layout);
    gs_layout_counts(&layout_goal.layout, layout_goal.counts);
    const struct gs_geometry cut = {.index = index, .instances = &instances, .busy = &busy};
    int r = gs_change_plan(&cut, &goal, 0, &change, &blockers, &err);
    assert_int_equal(r, gs_transition_plan(index, &layout, &layout_goal, &expected, &err));
    if (r < 0) {
        assert_int_equal(r, GS_BUSY);
        assert_int_equal(blockers.busy & ~busy.gis, 0);
        assert_int_not_equal(blockers.busy, 0);
        return;
    }
    struct gs_step steps[GS_STEPS_MAX];
    assert_int_equal(gi_steps(&change, table->model, steps), expected.n_steps);
    /* here destroys come first, each kind of step in its order */
    unsigned at[2] = {0, expected.n_destroys};
    for (unsigned k = 0; k < expected.n_steps; k++) {
        const struct gs_step *step = &steps[at[expected.steps[k].kind == GS_STEP_CREATE]++];
        assert_int_equal(step->kind, expected.steps[k].kind);
        assert_int_equal(step->placement.profile, expected.steps[k].placement.profile);
        assert_int_equal(step->placement.start, expected.steps[k].placement.start);
    }
}

/* With whole compute instances only, it is the transition of the core. */
static void change__is_the_transition_of_the_core_without_small_compute_instances(void **state)
{
    (void)state;
    static const char *const models[] = {"A100-40GB", "A30-24GB", "RTX-PRO-6000-96GB",
                                         "B200-180GB"};
    struct gs_random random;
    gs_random_init(&random, 7);
    for (unsigned m = 0; m < 4; m++) {
        struct bed bed;
        begin(&bed, models[m], "");
        const struct gs_transition_index *index = bed.gpu.index;
        for (unsigned k = 0; k < 3000; k++) {
            uint16_t from = (uint16_t)gs_random_below(&random, index->table->n_states);
            uint16_t to = (uint16_t)gs_random_below(&random, index->table->n_states);
            uint64_t in_use =
                index->table->sets[from] & gs_random_u64(&random) & gs_random_u64(&random);
            compare(index, from, to, in_use, k % 2 == 0);
        }
        end(&bed);
    }
}

static void change__a_foreign_instance_stays_and_is_named_when_in_the_way(void **state)
{
    (void)state;
    struct bed bed;
    struct gs_err err;
    struct gs_geometry_goal goal;
    struct gs_geometry_blockers blockers;
    struct gs_mig_wish wish;
    static struct gs_change change;
    begin(&bed, "A100-40GB", "3g.20gb@4,1g.5gb@0");
    bed.gpu.instances.at[0].profile = 17; /* of a driver newer than its own list */
    struct gs_geometry cut = gs_inventory_geometry(&bed.gpu);
    desk_wish(&wish, "2g.10gb=1,3g.20gb=1");
    assert_int_equal(gs_goal_from_wish(&cut, &wish, &goal, &err), 0);
    assert_int_equal(gs_change_plan(&cut, &goal, 0, &change, &blockers, &err), 0);
    for (unsigned k = 0; k < change.n; k++) {
        assert_int_not_equal(change.steps[k].start, 0);
    }
    desk_wish(&wish, "4g.20gb=1");
    assert_int_equal(gs_goal_from_wish(&cut, &wish, &goal, &err), 0);
    assert_int_equal(gs_change_plan(&cut, &goal, 0, &change, &blockers, &err), GS_BUSY);
    assert_int_equal(blockers.foreign, 1);
    assert_non_null(strstr(err.msg, "profile 17"));
    assert_int_equal(gs_change_clear(bed.gpu.index->table->model, &bed.gpu.instances, &bed.gpu.busy,
                                     &change, &blockers, &err),
                     GS_BUSY);
    end(&bed);
}

static void change__prefers_to_keep_the_gi_with_the_right_compute_instances(void **state)
{
    (void)state;
    struct bed bed;
    struct gs_err err;
    struct gs_geometry_goal goal;
    struct gs_geometry_blockers blockers;
    struct gs_mig_wish wish;
    static struct gs_change change;
    begin(&bed, "A100-40GB", "3g.20gb@0(1c,1c,1c),3g.20gb@4(2c,1c)");
    struct gs_geometry cut = gs_inventory_geometry(&bed.gpu);
    desk_wish(&wish, "1c.3g.20gb=3");
    assert_int_equal(gs_goal_from_wish(&cut, &wish, &goal, &err), 0);
    assert_int_equal(gs_change_plan(&cut, &goal, 0, &change, &blockers, &err), 0);
    assert_int_equal(change.n_kept, 3);
    assert_int_equal(change.n, 3);
    for (unsigned k = 0; k < change.n; k++) {
        assert_int_equal(change.steps[k].start, 4);
    }
    end(&bed);
}

static void change__attempts_go_through_the_orders_of_compute_instances(void **state)
{
    (void)state;
    struct bed bed;
    struct gs_err err;
    struct gs_geometry_goal goal;
    struct gs_geometry_blockers blockers;
    struct gs_mig_wish wish;
    static struct gs_change change;
    bool seen[3][3][3] = {{{false}}};
    unsigned different = 0;
    begin(&bed, "A100-40GB", "");
    struct gs_geometry cut = gs_inventory_geometry(&bed.gpu);
    desk_wish(&wish, "3c.7g.40gb=1,2c.7g.40gb=2");
    assert_int_equal(gs_goal_from_wish(&cut, &wish, &goal, &err), 0);
    for (unsigned attempt = 0; attempt < GS_CHANGE_ATTEMPTS; attempt++) {
        assert_int_equal(gs_change_plan(&cut, &goal, attempt, &change, &blockers, &err), 0);
        assert_int_equal(change.n, 4);
        bool *cell = &seen[change.steps[1].ci_slices - 1][change.steps[2].ci_slices - 1]
                          [change.steps[3].ci_slices - 1];
        different += !*cell;
        *cell = true;
        assert_true(attempt > 1 || change.steps[1].ci_slices == 3);
    }
    assert_int_equal(different, 3);
    end(&bed);
}

static void place__is_where_the_fewest_placements_are_lost(void **state)
{
    (void)state;
    static const struct {
        const char *layout;
        const char *profile;
        unsigned start;
    } cases[] = {
        {"", "3g.20gb", 4},
        {"", "1g.5gb", 6},
        {"3g.20gb@4", "2g.10gb", 0},
        {"1g.5gb@6", "1g.5gb", 4},
    };
    for (unsigned k = 0; k < 4; k++) {
        struct bed bed;
        struct gs_err err;
        unsigned profile;
        unsigned start = 99;
        int32_t cost;
        begin(&bed, "A100-40GB", cases[k].layout);
        struct gs_geometry cut = gs_inventory_geometry(&bed.gpu);
        assert_int_equal(gs_model_profile_find(bed.gpu.index->table->model,
                                               gs_view(cases[k].profile), &profile, &err),
                         0);
        assert_int_equal(gs_change_place(&cut, profile, GS_NOT_KNOWN, &start, &cost, &err), 0);
        assert_int_equal(start, cases[k].start);
        end(&bed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(change__is_the_transition_of_the_core_without_small_compute_instances),
        cmocka_unit_test(change__a_foreign_instance_stays_and_is_named_when_in_the_way),
        cmocka_unit_test(change__prefers_to_keep_the_gi_with_the_right_compute_instances),
        cmocka_unit_test(change__attempts_go_through_the_orders_of_compute_instances),
        cmocka_unit_test(place__is_where_the_fewest_placements_are_lost),
    };
    return cmocka_run_group_tests_name("change", tests, NULL, NULL);
}
