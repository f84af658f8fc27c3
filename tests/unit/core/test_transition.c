#include "unit/core/transition_bed.h"

#include <stdio.h>
#include <string.h>

/* The steps as text: "-" destroy, "+" create. */
static void write_steps(const struct gs_model *model, const struct gs_transition *plan, char *text,
                        size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (unsigned s = 0; s < plan->n_steps; s++) {
        int n = snprintf(text + used, size - used, "%s%c%s@%u", s == 0 ? "" : " ",
                         plan->steps[s].kind == GS_STEP_CREATE ? '+' : '-',
                         model->profiles[plan->steps[s].placement.profile].name,
                         plan->steps[s].placement.start);
        assert_true(n > 0 && (size_t)n < size - used);
        used += (size_t)n;
    }
}

static const struct {
    const char *model, *from, *to, *steps;
} worked[] = {
    /* The example of the command line. */
    {"A100-40GB", "3g.20gb@4!,1g.5gb@0", "3g.20gb=1,2g.10gb=2", "+2g.10gb@2 -1g.5gb@0 +2g.10gb@0"},
    /* Nothing to do. */
    {"A100-40GB", "3g.20gb@4", "3g.20gb", ""},
    {"A100-40GB", "", "", ""},
    {"A100-40GB", "1g.5gb@3,2g.10gb@0", "", "-2g.10gb@0 -1g.5gb@3"},
    /* A 3g goes to 4 and keeps 0..3 for a 4g; an idle one at 0 is not moved for that. */
    {"A100-40GB", "", "3g.20gb", "+3g.20gb@4"},
    {"A100-40GB", "3g.20gb@0", "3g.20gb", ""},
    {"A100-40GB", "", "3g.20gb@0", "+3g.20gb@0"},
    /* Placed: an idle slice at the wrong place is made anew. */
    {"A100-40GB", "3g.20gb@0", "3g.20gb@4", "+3g.20gb@4 -3g.20gb@0"},
    {"A100-40GB", "3g.20gb@0", "4g.20gb@0,3g.20gb@4", "+3g.20gb@4 -3g.20gb@0 +4g.20gb@0"},
    /* What needs no destroy comes first; what nothing needs is destroyed last. */
    {"A100-40GB", "1g.5gb@0,1g.5gb@1,1g.5gb@6!", "2g.10gb@2,2g.10gb@4,1g.5gb@6",
     "+2g.10gb@2 +2g.10gb@4 -1g.5gb@0 -1g.5gb@1"},
    /* The larger first, then the lower. */
    {"A100-40GB", "", "1g.5gb@2,1g.5gb@3,2g.10gb@0,3g.20gb@4",
     "+3g.20gb@4 +2g.10gb@0 +1g.5gb@2 +1g.5gb@3"},
    /* First what waits for the fewest destroys, and only those. */
    {"A100-40GB", "1g.5gb@0,1g.5gb@1,1g.5gb@4", "2g.10gb@0,2g.10gb@4",
     "-1g.5gb@4 +2g.10gb@4 -1g.5gb@0 -1g.5gb@1 +2g.10gb@0"},
    {"A100-40GB", "1g.5gb@0,1g.5gb@4", "2g.10gb@4", "-1g.5gb@4 +2g.10gb@4 -1g.5gb@0"},
    /* The limit of one JPEG engine, with nothing on the wanted place. */
    {"A30-24GB", "1g.6gb+me@0", "1g.6gb+me@3", "-1g.6gb+me@0 +1g.6gb+me@3"},
    {"RTX-PRO-6000-96GB", "2g.48gb@0!,2g.48gb@6", "2g.48gb=1,1g.24gb=2",
     "-2g.48gb@6 +1g.24gb@6 +1g.24gb@9"},
};

static void transition__orders_its_steps_as_promised(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(worked) / sizeof(worked[0]); i++) {
        struct bed bed;
        bed_init(&bed, worked[i].model, NULL);
        struct gs_layout from;
        struct gs_layout_goal goal;
        struct gs_transition plan;
        char text[512];
        assert_int_equal(gs_layout_parse(bed.model, gs_view(worked[i].from), &from, NULL), 0);
        assert_int_equal(gs_layout_goal_parse(bed.model, gs_view(worked[i].to), &goal, NULL), 0);
        assert_int_equal(gs_transition_plan(&bed.index, &from, &goal, &plan, NULL), 0);
        write_steps(bed.model, &plan, text, sizeof(text));
        assert_string_equal(text, worked[i].steps);
        bed_done(&bed);
    }
}

static const struct {
    const char *from, *to;
    int code;
    const char *says[2];
} refused[] = {
    {"3g.20gb@4!", "2g.10gb=2", GS_BUSY, {"3g.20gb@4 is in use", "in the way of 2g.10gb=2; wait"}},
    {"3g.20gb@4!,1g.5gb@0!",
     "",
     GS_BUSY,
     {"1g.5gb@0,3g.20gb@4 are in use", "of an empty GPU; wait until they"}},
    {"1g.5gb@1!,2g.10gb@4!",
     "3g.20gb=1,2g.10gb=1,1g.5gb=1",
     GS_BUSY,
     {" is in use and stands in", "until it is free"}},
    {"1g.5gb@0!,1g.5gb@1!",
     "1g.5gb=1",
     GS_BUSY,
     {"1g.5gb@", " is in use and stands in the way of 1g.5gb=1;"}},
    {"1g.5gb@0!", "1g.5gb@1", GS_BUSY, {"1g.5gb@0 is in use", "in the way of 1g.5gb@1;"}},
    {"3g.20gb@0!", "4g.20gb@0", GS_BUSY, {"3g.20gb@0 is in use", NULL}},
    {"", "3g.20gb=2,1g.5gb=1", GS_INFEASIBLE, {"not even an empty one", "8 memory units, and 9"}},
    {"", "1g.5gb+me=2", GS_INFEASIBLE, {"1g.5gb+me=2 does not fit", "1 of 1g.5gb+me at most"}},
    /* Impossible at all is said before what is in the way. */
    {"1g.5gb@0!", "7g.40gb=2", GS_INFEASIBLE, {"1 of 7g.40gb at most", NULL}},
};

static void transition__says_what_stands_in_the_way(void **state)
{
    (void)state;
    struct bed bed;
    bed_init(&bed, "A100-40GB", NULL);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct gs_layout from;
        struct gs_layout_goal goal;
        struct gs_transition plan = {.n_steps = 77};
        struct gs_err err = {.msg = ""};
        assert_int_equal(gs_layout_parse(bed.model, gs_view(refused[i].from), &from, NULL), 0);
        assert_int_equal(gs_layout_goal_parse(bed.model, gs_view(refused[i].to), &goal, NULL), 0);
        int r = gs_transition_plan(&bed.index, &from, &goal, &plan, &err);
        assert_int_equal(r, refused[i].code);
        assert_int_equal(err.code, refused[i].code);
        assert_int_equal(plan.n_steps, 77);
        for (unsigned s = 0; s < 2 && refused[i].says[s] != NULL; s++) {
            if (strstr(err.msg, refused[i].says[s]) == NULL) {
                fail_msg("\"%s\" does not say \"%s\"", err.msg, refused[i].says[s]);
            }
        }
    }
    bed_done(&bed);
}

static void transition__refuses_profiles_that_the_table_was_built_without(void **state)
{
    (void)state;
    struct bed bed;
    bed_init(&bed, "A100-40GB", "1g.5gb,7g.40gb");
    struct gs_layout from = {.n_slices = 0};
    struct gs_layout_goal goal;
    struct gs_transition plan;
    assert_int_equal(gs_layout_goal_parse(bed.model, gs_view("2g.10gb"), &goal, NULL), 0);
    assert_int_equal(gs_transition_plan(&bed.index, &from, &goal, &plan, NULL), GS_INVALID);
    assert_int_equal(gs_layout_goal_parse(bed.model, gs_view("2g.10gb@0"), &goal, NULL), 0);
    assert_int_equal(gs_transition_plan(&bed.index, &from, &goal, &plan, NULL), GS_INVALID);
    assert_int_equal(gs_layout_goal_parse(bed.model, gs_view("1g.5gb"), &goal, NULL), 0);
    assert_int_equal(gs_layout_parse(bed.model, gs_view("2g.10gb@0"), &from, NULL), 0);
    assert_int_equal(gs_transition_plan(&bed.index, &from, &goal, &plan, NULL), GS_INVALID);
    bed_done(&bed);
}

static void transition__index_says_when_there_is_no_memory(void **state)
{
    (void)state;
    struct bed bed;
    bed_init(&bed, "A100-40GB", NULL);
    struct gs_transition_index index = {.table = NULL};
    struct gs_arena small;
    gs_arena_init(&small, &gs_alloc_heap, 20 * 1024);
    assert_int_equal(gs_transition_index_init(&small, bed.table, &index, NULL), GS_NO_MEMORY);
    assert_null(index.table);
    gs_arena_done(&small);
    bed_done(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transition__orders_its_steps_as_promised),
        cmocka_unit_test(transition__says_what_stands_in_the_way),
        cmocka_unit_test(transition__refuses_profiles_that_the_table_was_built_without),
        cmocka_unit_test(transition__index_says_when_there_is_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
