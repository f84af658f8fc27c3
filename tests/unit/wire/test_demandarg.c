#include "unit/check.h"

#include <stdlib.h>
#include <string.h>

#include "wire/demandarg.h"

static const char *const plain[] = {"T4", "A10G", "L4", "L40S"};
static const struct gs_gpu_names names = {.names = plain, .n = 4};

static struct gs_arena arena;

static int set_up(void **state)
{
    gs_arena_init(&arena, &gs_alloc_heap, 16 << 20);
    *state = gs_demand_new(&arena);
    return *state == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    gs_arena_done(&arena);
    return 0;
}

static int parse(struct gs_demand *demand, const char *text, struct gs_err *err)
{
    return gs_demandarg_parse(gs_view(text), "--demand", &names, demand, err);
}

static const struct {
    const char *text;
    const char *name;  /* of the item: the resource in full */
    const char *model; /* or "" */
    const char *gpu;   /* name of a GPU that is never cut, or "" */
    bool whole;
    uint64_t count;
} good[] = {
    {"1g.5gb=12", "1g.5gb", "", "", false, 12},
    {"1g.5gb", "1g.5gb", "", "", false, 1},
    {" 1g.5gb = 12 ", "1g.5gb", "", "", false, 12},
    {"1g.5gb x3", "1g.5gb", "", "", false, 3},
    {"1g.10gb+me=1000000000", "1g.10gb+me", "", "", false, 1000000000},
    /* as Kubernetes' resources are spelled */
    {"1g.10gb.me=2", "1g.10gb+me", "", "", false, 2},
    {"2g.48gb.gfx", "2g.48gb+gfx", "", "", false, 1},
    {"mig-1g.10gb.me=2", "1g.10gb+me", "", "", false, 2},
    {"nvidia.com/mig-1g.5gb=3", "1g.5gb", "", "", false, 3},
    {"nvidia.com/mig-1g.24gb-me", "1g.24gb-me", "", "", false, 1},
    {"A100-40GB/mig-1g.5gb.me", "A100-40GB/1g.5gb+me", "A100-40GB", "", false, 1},
    {"A100-40GB/1g.5gb.me", "A100-40GB/1g.5gb+me", "A100-40GB", "", false, 1},
    {"nvidia.com/gpu=2", "gpu", "", "", true, 2},
    {"3c.3g.20gb=1", "3g.20gb", "", "", false, 1}, /* the whole slice as one compute instance */
    {"A100-40GB/3g.20gb=2", "A100-40GB/3g.20gb", "A100-40GB", "", false, 2},
    {"a100-sxm4-40gb/3g.20gb=2", "A100-40GB/3g.20gb", "A100-40GB", "", false, 2},
    {"20b0/1g.5gb", "A100-40GB/1g.5gb", "A100-40GB", "", false, 1},
    {"gpu=2", "gpu", "", "", true, 2},
    {"gpu:L4=1", "L4/gpu", "", "L4", true, 1},
    {"gpu:l4", "L4/gpu", "", "L4", true, 1},
    {"L4/gpu=1", "L4/gpu", "", "L4", true, 1},
    {"L4", "L4/gpu", "", "L4", true, 1},
    {"A100-40GB=2", "A100-40GB/gpu", "A100-40GB", "", true, 2},
    {"L40S x2", "L40S/gpu", "", "L40S", true, 2},
    {"A100-40GB/gpu=1", "A100-40GB/gpu", "A100-40GB", "", true, 1},
    {"gpu:10de:20b0", "A100-40GB/gpu", "A100-40GB", "", true, 1},
    /* a model that is never cut, its placements not being known, goes by its name */
    {"RTX-PRO-4500-32GB/gpu", "RTX-PRO-4500-32GB/gpu", "", "RTX-PRO-4500-32GB", true, 1},
};

static void demandarg__reads_one_part(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct gs_demand *demand = gs_demand_new(&arena);
        struct gs_err err = {0};
        if (parse(demand, good[i].text, &err) < 0) {
            fail_msg("%s: %s", good[i].text, err.msg);
        }
        size_t n;
        const struct gs_item *item = gs_demand_items(demand, &n);
        assert_int_equal(n, 1);
        assert_string_equal(item->name, good[i].name);
        assert_int_equal(item->count, good[i].count);
        assert_int_equal(item->n_alternatives, 1);
        assert_int_equal(item->alternatives[0].n_wants, 1);
        const struct gs_want *want = item->alternatives[0].wants;
        assert_int_equal(want->whole_gpu, good[i].whole);
        assert_int_equal(want->count, 1);
        assert_string_equal(want->model == NULL ? "" : want->model->id, good[i].model);
        assert_string_equal(want->gpu_name == NULL ? "" : want->gpu_name, good[i].gpu);
    }
}

static void demandarg__reads_every_part_and_adds_up_equal_ones(void **state)
{
    struct gs_demand *demand = *state;
    assert_int_equal(parse(demand, "1g.5gb=12, 2g.10gb=3,1g.5gb=1,gpu", NULL), 0);
    size_t n;
    const struct gs_item *items = gs_demand_items(demand, &n);
    assert_int_equal(n, 3);
    assert_int_equal(items[0].count, 13);
    assert_int_equal(items[1].count, 3);
    assert_string_equal(items[1].name, "2g.10gb");
    assert_int_equal(gs_demand_total(demand), 17);
}

static const struct {
    const char *text, *says;
} bad[] = {
    {"", "--demand: part 1: found nothing; expected a slice or GPU and how many"},
    {",", "--demand: part 1: found nothing"},
    {"1g.5gb=1,", "--demand: part 2: found nothing"},
    {"1g.5gb=0", "--demand: part 1: found count \"0\" of \"1g.5gb\"; expected 1 to 1000000000"},
    {"1g.5gb=", "--demand: part 1: found count \"\""},
    {"1g.5gb=-1", "--demand: part 1: found count \"-1\""},
    {"1g.5gb=+1", "--demand: part 1: found count \"+1\""},
    {"1g.5gb=1.5", "--demand: part 1: found count \"1.5\""},
    {"1g.5gb=1e3", "--demand: part 1: found count \"1e3\""},
    {"1g.5gb=1000000001", "--demand: part 1: found count \"1000000001\""},
    {"1g.5gb=99999999999999999999999", "--demand: part 1: found count \"999"},
    {"1g.5gb=1=2", "--demand: part 1: found \"1g.5gb=1\"; expected a slice"},
    {"=3", "--demand: part 1: found \"\"; expected a slice"},
    {"1g.5gb=600000000,1g.5gb=600000000", "--demand: part 2: 600000000 more items"},
    {"1g.6gb=1,1g.7gb=2", "--demand: part 2: no model has a profile 1g.7gb; expected one of "
                          "`gpuslice profiles`; near names: "},
    {"1g.5gb+mee", "--demand: part 1: no model has a profile 1g.5gb+mee; expected one of "
                   "`gpuslice profiles`; near names: 1g.5gb+me"},
    {"nvidia.com/mig-1g.5gb.shared", "--demand: part 1: \"nvidia.com/mig-1g.5gb.shared\" counts "
                                     "time-sliced replicas"},
    {"mig-5gb", "--demand: part 1: resource \"mig-5gb\": \"5gb\" is not a MIG profile name"},
    {"mig-1g.7gb", "--demand: part 1: no model has a profile mig-1g.7gb; expected one of "},
    {"nvidia.com/L4", "--demand: part 1: no GPU model is named \"nvidia.com\""},
    {"1g,5gb", "--demand: part 1: found \"1g\"; expected a slice (1g.5gb, MODEL/1g.5gb) or a "
               "whole GPU (gpu, gpu:L4)"},
    {"gpu:L5", "--demand: part 1: no GPU is named \"L5\"; expected a model of `gpuslice profiles` "
               "or a GPU without MIG that an instance type has; near names: L4"},
    {"gpu:", "--demand: part 1: no GPU is named \"\""},
    {"A100", "--demand: part 1: \"A100\" fits several GPU models; name one of A100-40GB, "
             "A100-80GB"},
    {"A100/1g.5gb", "--demand: part 1: \"A100\" fits several GPU models"},
    {"A100/gpu", "--demand: part 1: \"A100\" fits several GPU models"},
    {"A100-40GB/1g.12gb", "--demand: part 1: A100-40GB has no profile 1g.12gb; it has 1g.5gb"},
    {"A100-40GB/", "--demand: part 1: "},
    {"A100-40GB/x", "--demand: part 1: "},
    {"/1g.5gb", "--demand: part 1: "},
    {"L4/1g.5gb", "--demand: part 1: no GPU model is named \"L4\""},
    {"1c.3g.20gb", "--demand: part 1: 1c.3g.20gb is a compute instance inside a 3g.20gb, no slice "
                   "that a plan can hand out by itself; expected 3g.20gb"},
    {"A100-40GB/1c.3g.20gb", "--demand: part 1: 1c.3g.20gb is a compute instance"},
    {"1g.16gb+gfx", "--demand: part 1: RTX-PRO-4500-32GB is not planned: where its slices may be "
                    "placed is not known"},
    {"RTX-PRO-4500-32GB/1g.16gb", "--demand: part 1: RTX-PRO-4500-32GB is not planned"},
};

static void demandarg__refuses_what_it_cannot_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct gs_err err = {0};
        int r = parse(gs_demand_new(&arena), bad[i].text, &err);
        if (r >= 0 || (int)err.code != r ||
            strncmp(err.msg, bad[i].says, strlen(bad[i].says)) != 0) {
            fail_msg("%s\ngot %d \"%s\"\nexpected \"%s\"", bad[i].text, r, err.msg, bad[i].says);
        }
    }
}

static void demandarg__refuses_an_argument_without_end(void **state)
{
    char *text = malloc(GS_DEMANDARG_MAX + 2);
    assert_non_null(text);
    memset(text, 'x', GS_DEMANDARG_MAX + 1);
    text[GS_DEMANDARG_MAX + 1] = '\0';
    assert_int_equal(parse(*state, text, NULL), GS_INVALID);
    free(text);
}

static void demandarg__knows_no_plain_gpu_that_it_was_not_told_of(void **state)
{
    struct gs_err err;
    assert_int_equal(gs_demandarg_parse(gs_view("gpu:L4"), "--demand", NULL, *state, &err),
                     GS_INVALID);
    assert_int_equal(gs_demandarg_parse(gs_view("gpu:L4"), "--demand", &names, *state, &err), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(demandarg__reads_one_part),
        TEST(demandarg__reads_every_part_and_adds_up_equal_ones),
        TEST(demandarg__refuses_what_it_cannot_read),
        TEST(demandarg__refuses_an_argument_without_end),
        TEST(demandarg__knows_no_plain_gpu_that_it_was_not_told_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
