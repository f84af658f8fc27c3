#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/catalog.h"
#include "core/statetable.h"
#include "gpu/gpu_model.h"
#include "gpu/nvml_abi.h"
#include "gpu/profile_rule.h"

/* What a driver of an A30 tells, in NVML's order. */
static const struct gs_gpu_profile a30[] = {
    {.profile = 0,
     .profile_id = 14,
     .name = "1g.6gb",
     .compute_slices = 1,
     .max_instances = 4,
     .memory_mib = 5952,
     .sm_count = 14,
     .size = 1,
     .starts = 0xf},
    {.profile = 1,
     .profile_id = 5,
     .name = "2g.12gb",
     .compute_slices = 2,
     .max_instances = 2,
     .memory_mib = 11968,
     .sm_count = 28,
     .size = 2,
     .starts = 0x5},
    {.profile = 3,
     .profile_id = 0,
     .name = "4g.24gb",
     .compute_slices = 4,
     .max_instances = 1,
     .memory_mib = 24000,
     .sm_count = 56,
     .size = 4,
     .starts = 0x1},
};
enum { N = sizeof(a30) / sizeof(a30[0]) };

static const struct gs_gpu gpu = {.index = 3,
                                  .name = "NVIDIA A30",
                                  .pci_device_id = GS_NOT_KNOWN,
                                  .architecture = 7,
                                  .memory_bytes = UINT64_C(24) << 30,
                                  .mode = GS_MIG_ON,
                                  .mode_change_needs_reset = true};

static struct gs_arena arena;

static int begin(void **state)
{
    (void)state;
    gs_arena_init(&arena, &gs_alloc_heap, 16 << 20);
    return 0;
}

static int end(void **state)
{
    (void)state;
    gs_arena_done(&arena);
    return 0;
}

static void gpu_model__has_what_the_driver_says(void **state)
{
    (void)state;
    const struct gs_model *model = NULL;
    assert_int_equal(gs_gpu_model_new(&arena, &gpu, a30, N, &model, NULL), 0);
    assert_string_equal(model->id, "A30-24GB");
    assert_string_equal(model->architecture, "ampere");
    assert_int_equal(model->n_profiles, N);
    assert_int_equal(model->compute_slices, 4);
    assert_int_equal(model->memory_units, 4);
    assert_int_equal(model->max_instances, 4);
    assert_int_equal(model->memory_gib, 24);
    assert_true(model->placements_known);
    assert_true(model->mode_change_needs_reset);
    const struct gs_statetable *states = NULL;
    assert_int_equal(gs_statetable_new(&arena, model, GS_ALL_PROFILES, &states, NULL), 0);
    /* each half is empty, one of two 1g, both or a 2g: 5 * 5, and the 4g */
    assert_int_equal(states->n_states, 26);
}

static void gpu_model__holds_no_more_instances_than_places(void **state)
{
    (void)state;
    struct gs_gpu_profile wrong[N];
    memcpy(wrong, a30, sizeof(wrong));
    wrong[0].max_instances = 7; /* seen with old drivers */
    wrong[1].max_instances = 3;
    const struct gs_model *model = NULL;
    assert_int_equal(gs_gpu_model_new(&arena, &gpu, wrong, N, &model, NULL), 0);
    assert_int_equal(model->profiles[0].max_instances, 4);
    assert_int_equal(model->profiles[1].max_instances, 2);
    assert_int_equal(model->max_instances, 4);
}

static void gpu_model__of_an_unknown_gpu_is_named_after_its_product(void **state)
{
    (void)state;
    struct gs_gpu other = gpu;
    const struct gs_model *model = NULL;
    snprintf(other.name, sizeof(other.name), "NVIDIA X9000");
    other.memory_bytes = UINT64_MAX;
    assert_int_equal(gs_gpu_model_new(&arena, &other, a30, N, &model, NULL), 0);
    assert_string_equal(model->id, "NVIDIA X9000");
    assert_int_equal(model->memory_mib, GS_NOT_KNOWN);
}

static void gpu_model__without_placements_is_not_planned(void **state)
{
    (void)state;
    struct gs_gpu_profile silent[N];
    memcpy(silent, a30, sizeof(silent));
    for (unsigned i = 0; i < N; i++) {
        silent[i].size = silent[i].starts = 0;
    }
    const struct gs_model *model = NULL;
    assert_int_equal(gs_gpu_model_new(&arena, &gpu, silent, N, &model, NULL), 0);
    assert_false(model->placements_known);
    assert_int_equal(gs_model_require_placements(model, NULL), GS_UNKNOWN);
    /* one that is told is enough; those that are not take no part */
    silent[0] = a30[0];
    assert_int_equal(gs_gpu_model_new(&arena, &gpu, silent, N, &model, NULL), 0);
    const struct gs_statetable *states = NULL;
    assert_int_equal(gs_statetable_new(&arena, model, GS_ALL_PROFILES, &states, NULL), 0);
    assert_int_equal(states->n_states, 16);
}

static void gpu_model__refuses_what_the_core_cannot_hold(void **state)
{
    (void)state;
    struct gs_gpu_profile many[GS_GPU_PROFILES_MAX];
    const struct gs_model *model = NULL;
    struct gs_err err;
    for (unsigned i = 0; i < GS_GPU_PROFILES_MAX; i++) {
        many[i] = a30[0];
    }
    assert_int_equal(gs_gpu_model_new(&arena, &gpu, many, GS_PROFILES_MAX + 1, &model, &err),
                     GS_LIMIT);
    assert_non_null(strstr(err.msg, "17 profiles"));
    many[0].starts = 1u << 16;
    assert_int_equal(gs_gpu_model_new(&arena, &gpu, many, 1, &model, &err), GS_LIMIT);
    assert_non_null(strstr(err.msg, "17 memory units"));
    many[0].starts = 1u << 31;
    many[0].size = UINT32_MAX;
    assert_int_equal(gs_gpu_model_new(&arena, &gpu, many, 1, &model, &err), GS_LIMIT);
    many[0] = a30[0];
    many[0].compute_slices = 0;
    assert_int_equal(gs_gpu_model_new(&arena, &gpu, many, 1, &model, &err), GS_LIMIT);
    many[0] = a30[0];
    many[0].name[0] = '\0';
    assert_int_equal(gs_gpu_model_new(&arena, &gpu, many, 1, &model, &err), GS_UNKNOWN);
    assert_int_equal(gs_gpu_model_new(&arena, &gpu, many, 0, &model, &err), GS_UNSUPPORTED);
    struct gs_gpu whole = gpu;
    whole.mode = GS_MIG_NOT_CAPABLE;
    assert_int_equal(gs_gpu_model_new(&arena, &whole, a30, N, &model, &err), GS_UNSUPPORTED);
    assert_null(model);
}

static void gpu_model__runs_out_of_memory_cleanly(void **state)
{
    (void)state;
    for (size_t max = 0; max < 8192; max += 16) {
        struct gs_arena small;
        const struct gs_model *model = NULL;
        gs_arena_init(&small, &gs_alloc_heap, max);
        int r = gs_gpu_model_new(&small, &gpu, a30, N, &model, NULL);
        assert_true(r == 0 || r == GS_NO_MEMORY);
        assert_true((r == 0) == (model != NULL));
        gs_arena_done(&small);
    }
}

static void gpu_model__layouts_of_strange_instances_are_refused(void **state)
{
    (void)state;
    const struct gs_model *model = NULL;
    struct gs_layout layout = {.n_slices = 7};
    struct gs_err err;
    assert_int_equal(gs_gpu_model_new(&arena, &gpu, a30, N, &model, NULL), 0);
    struct gs_gpu_instances strange = {.n = 1, .at = {{.id = 4, .profile_id = 99}}};
    assert_int_equal(gs_gpu_model_layout(model, &strange, 0, &layout, &err), GS_UNKNOWN);
    strange.at[0].profile_id = 5;
    strange.at[0].start = 1;
    assert_int_equal(gs_gpu_model_layout(model, &strange, 0, &layout, &err), GS_INVALID);
    strange.at[0].start = UINT32_MAX;
    assert_int_equal(gs_gpu_model_layout(model, &strange, 0, &layout, &err), GS_INVALID);
    strange.n = 2;
    strange.at[0].start = 0;
    strange.at[1] = strange.at[0];
    assert_int_equal(gs_gpu_model_layout(model, &strange, 0, &layout, &err), GS_INVALID);
    assert_int_equal(layout.n_slices, 7); /* untouched */
}

static void gpu_model__knows_the_units_that_nothing_can_take(void **state)
{
    (void)state;
    static const struct {
        const char *model, *layout;
        uint16_t stranded;
    } cases[] = {
        {"A100-40GB", "", 0},
        {"A100-40GB", "7g.40gb@0", 0},
        {"A100-40GB", "1g.5gb@0,1g.5gb@1,1g.5gb@2,1g.5gb@3,1g.5gb@4,1g.5gb@5,1g.5gb@6", 0x80},
        {"A100-40GB", "3g.20gb@0,2g.10gb@4,1g.5gb@6", 0x80},
        {"A100-40GB", "3g.20gb@0,3g.20gb@4", 0},
        {"A100-40GB", "3g.20gb@4", 0},
        {"RTX-PRO-6000-96GB", "1g.24gb+me.all@3", 0},
        {"RTX-PRO-6000-96GB", "1g.24gb-me@0,1g.24gb@3,2g.48gb@6", 0},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        const struct gs_model *model = NULL;
        struct gs_layout layout;
        assert_int_equal(gs_catalog_find(gs_view(cases[i].model), &model, NULL), 0);
        assert_int_equal(gs_layout_parse(model, gs_view(cases[i].layout), &layout, NULL), 0);
        assert_int_equal(gs_gpu_model_stranded(model, &layout), cases[i].stranded);
    }
}

/* NVIDIA's rule gives the catalogue's names, wherever the memory is known. */
static void profile_rule__names_the_catalogue(void **state)
{
    (void)state;
    size_t n_models = 0;
    unsigned checked = 0;
    const struct gs_model *models = gs_catalog(&n_models);
    for (size_t m = 0; m < n_models; m++) {
        for (unsigned p = 0; models[m].memory_mib != GS_NOT_KNOWN && p < models[m].n_profiles;
             p++) {
            const struct gs_profile *profile = &models[m].profiles[p];
            char name[64];
            const char *attrs = gs_profile_rule_attrs(profile->nvml_profile);
            if (profile->memory_mib == GS_NOT_KNOWN || attrs == NULL) {
                continue;
            }
            gs_profile_rule_name(profile->compute_slices, profile->memory_mib,
                                 (uint64_t)models[m].memory_mib << 20, attrs, name, sizeof(name));
            assert_string_equal(name, profile->name);
            checked++;
        }
    }
    assert_true(checked > 80);
}

static void profile_rule__names_nothing_by_a_guess(void **state)
{
    (void)state;
    static const struct {
        uint32_t slices, mib;
        uint64_t bytes;
    } wrong[] = {
        {1, GS_NOT_KNOWN, UINT64_C(1) << 35},
        {1, 1000, UINT64_MAX},
        {1, 1000, 0},
        {1, 2000, UINT64_C(1) << 30},
        {0, 100, UINT64_C(1) << 35},
        {4000, 100, UINT64_C(1) << 35},
        {1, 100, UINT64_C(1) << 60},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(wrong); i++) {
        char name[64] = "x";
        gs_profile_rule_name(wrong[i].slices, wrong[i].mib, wrong[i].bytes, "", name, sizeof(name));
        assert_string_equal(name, "");
    }
    assert_null(gs_profile_rule_attrs(NVML_GPU_INSTANCE_PROFILE_COUNT));
    assert_null(gs_profile_rule_attrs(UINT32_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gpu_model__has_what_the_driver_says, begin, end),
        cmocka_unit_test_setup_teardown(gpu_model__holds_no_more_instances_than_places, begin, end),
        cmocka_unit_test_setup_teardown(gpu_model__of_an_unknown_gpu_is_named_after_its_product,
                                        begin, end),
        cmocka_unit_test_setup_teardown(gpu_model__without_placements_is_not_planned, begin, end),
        cmocka_unit_test_setup_teardown(gpu_model__refuses_what_the_core_cannot_hold, begin, end),
        cmocka_unit_test_setup_teardown(gpu_model__runs_out_of_memory_cleanly, begin, end),
        cmocka_unit_test_setup_teardown(gpu_model__layouts_of_strange_instances_are_refused, begin,
                                        end),
        cmocka_unit_test(gpu_model__knows_the_units_that_nothing_can_take),
        cmocka_unit_test(profile_rule__names_the_catalogue),
        cmocka_unit_test(profile_rule__names_nothing_by_a_guess),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
