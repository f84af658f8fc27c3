/* What the commands of `gpuslice mig` that only look find out, on GPUs in memory. */
#include "unit/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/mig/check.h"
#include "gpu/gpu_table.h"
#include "wire/migcheckpoint.h"

static struct gs_gpu_table table;
static struct gs_gpus gpus;
static struct gs_arena arena;

static int set_up(void **state)
{
    (void)state;
    gs_arena_init(&arena, &gs_alloc_heap, GS_MIG_ARENA_MAX);
    gs_gpu_table_init(&table, 580);
    gs_gpu_table_open(&table, &gpus);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gs_gpu_close(&gpus);
    gs_arena_done(&arena);
    return 0;
}

static void add(const char *model, unsigned n)
{
    assert_int_equal(gs_gpu_table_add(&table, model, n, NULL), 0);
}

static void turn_on(unsigned gpu)
{
    enum gs_mig_activation activation;
    assert_int_equal(gs_gpu_set_mode(&gpus, gpu, GS_MIG_ON, &activation, NULL), 0);
}

/* One slice; `compute` as compute slices of its compute instances, "3" or "11"; "" for none. */
static void cut(unsigned gpu, const char *profile, uint32_t start, const char *compute)
{
    struct gs_gpu_profile profiles[GS_GPU_PROFILES_MAX];
    struct gs_compute_profile kinds[GS_COMPUTE_PROFILES_MAX];
    struct gs_gpu_instance gi;
    struct gs_compute_instance ci;
    unsigned n = 0;
    unsigned p = 0;
    assert_int_equal(gs_gpu_profiles(&gpus, gpu, profiles, &n, NULL), 0);
    while (p < n && strcmp(profiles[p].name, profile) != 0) {
        p++;
    }
    assert_true(p < n);
    assert_int_equal(
        gs_gpu_create(&gpus, gpu, profiles[p].profile_id, start, profiles[p].size, &gi, NULL), 0);
    assert_int_equal(gs_gpu_compute_profiles(&gpus, gpu, gi.id, kinds, &n, NULL), 0);
    for (; *compute != '\0'; compute++) {
        unsigned k = 0;
        while (k < n && kinds[k].compute_slices != (unsigned)(*compute - '0')) {
            k++;
        }
        assert_true(k < n);
        assert_int_equal(gs_gpu_create_compute(&gpus, gpu, gi.id, kinds[k].profile_id, GS_NOT_KNOWN,
                                               kinds[k].compute_slices, &ci, NULL),
                         0);
    }
}

static int check(const char *entries, bool mode_only, struct gs_err *err)
{
    char text[1000];
    struct gs_migconfig config;
    snprintf(text, sizeof(text), "version: v1\nmig-configs: {a: %s}\n", entries);
    struct gs_doc_input input = {.label = "f", .what = "x", .bytes = gs_view(text)};
    assert_int_equal(gs_migconfig_read(&arena, &input, &config, err), 0);
    return gs_mig_check(&gpus, &arena, &config.configs[0], mode_only, false, err);
}

static void assert_says(const char *entries, const char *says)
{
    struct gs_err err = {.msg = ""};
    assert_int_equal(check(entries, false, &err), GS_INFEASIBLE);
    assert_string_equal(err.msg, says);
}

#define ON(slices) "mig-enabled: true, mig-devices: {" slices "}"

static void mig_assert__compares_slices_of_each_kind(void **state)
{
    (void)state;
    add("A100-40GB", 2);
    turn_on(0);
    cut(0, "3g.20gb", 4, "3");
    cut(0, "1g.5gb", 0, "1");
    cut(0, "1g.5gb", 2, "1");
    assert_int_equal(check("[{devices: [0], " ON("3g.20gb: 1, 1g.5gb: 2") "}]", false, NULL), 0);
    assert_int_equal(
        check("[{devices: [0], " ON("3g.20gb: 1, 1g.5gb: 2, 7g.40gb: 0") "}]", false, NULL), 0);
    assert_int_equal(check("[{devices: [0], " ON("3g.20gb: 1, 1g.5gb: 2") "}, {devices: [1], "
                                                                          "mig-enabled: false}]",
                           false, NULL),
                     0);
    assert_says("[{devices: [0], " ON("3g.20gb: 1, 1g.5gb: 3") "}]",
                "GPU 0 has 2x 1g.5gb, 1x 3g.20gb; expected 1x 3g.20gb, 3x 1g.5gb");
    assert_says("[{devices: all, " ON("3g.20gb: 1, 1g.5gb: 2") "}]",
                "GPU 1 has MIG off; expected on");
    assert_says("[{devices: all, mig-enabled: false}]", "GPU 0 has MIG on; expected off");
    assert_says("[{devices: all, " ON("1g.5gb: 7") "}]",
                "GPU 0 has 2x 1g.5gb, 1x 3g.20gb; expected 7x 1g.5gb; GPU 1 has MIG off; expected "
                "on");
    assert_int_equal(check("[{devices: [0], " ON("") "}]", true, NULL), 0);
    assert_says("[{devices: [0], " ON("") "}]",
                "GPU 0 has 2x 1g.5gb, 1x 3g.20gb; expected nothing");
}

static void mig_assert__tells_compute_instances_apart(void **state)
{
    (void)state;
    add("A100-40GB", 1);
    turn_on(0);
    cut(0, "3g.20gb", 4, "21");
    cut(0, "2g.10gb", 0, "1");
    cut(0, "1g.5gb", 3, ""); /* no compute instance: no MIG device */
    assert_says("[{devices: all, " ON("3g.20gb: 1, 2g.10gb: 1") "}]",
                "GPU 0 has 1x 1c.2g.10gb, 1x 2c.3g.20gb, 1x 1c.3g.20gb; expected 1x 3g.20gb, 1x "
                "2g.10gb");
    assert_int_equal(
        check("[{devices: all, " ON("1c.3g.20gb: 1, 2c.3g.20gb: 1, 1c.2g.10gb: 1") "}]", false,
              NULL),
        0);
}

static void mig_assert__passes_over_gpus_that_are_not_named(void **state)
{
    (void)state;
    add("A100-40GB", 1);
    assert_int_equal(gs_gpu_table_add_whole(&table, 1, NULL), 0);
    turn_on(0);
    assert_int_equal(check("[{devices: all, " ON("") "}]", false, NULL), 0);
    assert_int_equal(check("[{devices: [1], mig-enabled: false}]", false, NULL), 0);
    assert_int_equal(check("[{devices: [9], " ON("1g.5gb: 7") "}]", false, NULL), 0);
    struct gs_err err;
    assert_int_equal(check("[{devices: [1], " ON("") "}]", true, &err), GS_INFEASIBLE);
    assert_non_null(strstr(err.msg, "GPU 1"));
    assert_non_null(strstr(err.msg, "cannot be cut; expected it to have MIG on"));
}

static void mig_assert__names_as_many_as_a_message_holds(void **state)
{
    (void)state;
    add("A100-40GB", GS_GPU_TABLE_GPUS_MAX);
    struct gs_err err;
    assert_int_equal(check("[{devices: all, " ON("1g.5gb: 7") "}]", false, &err), GS_INFEASIBLE);
    const char *tail = strstr(err.msg, "; and ");
    assert_non_null(tail);
    unsigned more = 0;
    assert_int_equal(sscanf(tail, "; and %u GPUs more", &more), 1);
    assert_true(more > 0 && more < GS_GPU_TABLE_GPUS_MAX);
    unsigned said = 0;
    for (const char *at = err.msg; (at = strstr(at, "has MIG off")) != NULL; at++) {
        said++;
    }
    assert_int_equal(said + more, GS_GPU_TABLE_GPUS_MAX);
}

static void mig_assert__fails_over_a_lost_gpu_only_where_it_is_named(void **state)
{
    (void)state;
    add("A100-40GB", 2);
    turn_on(0);
    const struct gs_gpu_fault fault = {
        .op = GS_GPU_OP_GET, .skip = 1, .times = 1, .code = GS_IO, .sys_errno = ENODEV};
    struct gs_err err;
    assert_int_equal(gs_gpu_table_fault(&table, &fault, NULL), 0);
    assert_int_equal(check("[{devices: [0], " ON("") "}]", false, &err), 0);
    gs_gpu_table_clear_faults(&table);
    assert_int_equal(gs_gpu_table_fault(&table, &fault, NULL), 0);
    assert_int_equal(check("[{devices: all, " ON("") "}]", false, &err), GS_IO);
    assert_int_equal(err.sys_errno, ENODEV);
    gs_gpu_table_clear_faults(&table);
}

static void mig_assert__says_what_waits_for_a_reset(void **state)
{
    (void)state;
    add("A100-40GB", 1);
    table.gpus[0].pending = GS_MIG_ON;
    assert_says("[{devices: all, " ON("") "}]",
                "GPU 0 has MIG off; expected on (set, but it waits for a reset of the GPU)");
}

static void mig_assert__asks_for_instances_only_where_they_matter(void **state)
{
    (void)state;
    add("A100-40GB", 8);
    gs_gpu_table_mig_on(&table);
    for (unsigned g = 0; g < 8; g++) {
        for (uint32_t start = 0; start < 7; start++) {
            cut(g, "1g.5gb", start, "1");
        }
    }
    memset(table.calls_of, 0, sizeof(table.calls_of));
    assert_int_equal(check("[{devices: all, " ON("1g.5gb: 7") "}]", true, NULL), 0);
    assert_int_equal(table.calls_of[GS_GPU_OP_GET], 8);
    assert_int_equal(table.calls_of[GS_GPU_OP_INSTANCES], 0);
    assert_int_equal(table.calls_of[GS_GPU_OP_PROFILES], 0);
    assert_int_equal(check("[{devices: [3], " ON("1g.5gb: 7") "}]", false, NULL), 0);
    assert_int_equal(table.calls_of[GS_GPU_OP_INSTANCES], 1);
    assert_int_equal(table.calls_of[GS_GPU_OP_PROFILES], 1);
}

/* Each way of looking, with each operation of the port failing in turn. */
static int look(unsigned way, struct gs_buf *out, struct gs_err *err)
{
    switch (way) {
    case 0:
        return check("[{devices: all, " ON("1g.5gb: 1") "}]", false, err);
    case 1:
        return gs_mig_export_text(&gpus, &arena, "a", GS_MIGWRITE_YAML, out, err);
    case 2:
        return gs_mig_generate_text(&gpus, &arena, GS_MIGWRITE_JSON, false, out, err);
    default:
        return gs_mig_checkpoint_text(&gpus, &arena, false, out, err);
    }
}

static void mig_looking__passes_on_what_the_driver_says(void **state)
{
    (void)state;
    add("A100-40GB", 2);
    gs_gpu_table_mig_on(&table);
    cut(0, "1g.5gb", 6, "1");
    cut(1, "1g.5gb", 0, "1");
    for (unsigned way = 0; way < 4; way++) {
        unsigned failures = 0;
        for (unsigned op = 0; op < GS_GPU_OPS; op++) {
            for (uint32_t skip = 0; skip < 2; skip++) {
                GS_CLEANUP(gs_buf_done) struct gs_buf out;
                const struct gs_gpu_fault fault = {.op = (enum gs_gpu_op)op,
                                                   .skip = skip,
                                                   .times = 1,
                                                   .code = GS_IO,
                                                   .sys_errno = ENODEV};
                struct gs_err err = {.msg = ""};
                gs_buf_init(&out, 1 << 20);
                assert_int_equal(gs_gpu_table_fault(&table, &fault, NULL), 0);
                int r = look(way, &out, &err);
                assert_true(r == 0 || r == GS_IO);
                assert_true(r == 0 || (err.code == GS_IO && err.sys_errno == ENODEV));
                failures += r < 0 ? 1 : 0;
                gs_gpu_table_clear_faults(&table);
            }
        }
        assert_true(failures >= 3);
    }
}

static void mig_export__reads_back_as_met(void **state)
{
    (void)state;
    add("A100-40GB", 2);
    add("H100-80GB-SXM5", 1);
    assert_int_equal(gs_gpu_table_add_whole(&table, 1, NULL), 0);
    table.gpus[3].pci_device_id = 0x1EB810DE;
    turn_on(0);
    cut(0, "3g.20gb", 4, "21");
    turn_on(2);
    cut(2, "1g.10gb+me", 3, "1");
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, 1 << 20);
    assert_int_equal(gs_mig_export_text(&gpus, &arena, "now", GS_MIGWRITE_YAML, &out, NULL), 0);
    struct gs_doc_input input = {.label = "f", .what = "x", .bytes = gs_view(gs_buf_text(&out))};
    struct gs_migconfig config;
    struct gs_err err = {.msg = ""};
    assert_int_equal(gs_migconfig_read(&arena, &input, &config, &err), 0);
    if (gs_mig_check(&gpus, &arena, &config.configs[0], false, false, &err) < 0) {
        fail_msg("%s\n%s", err.msg, gs_buf_text(&out));
    }
    cut(2, "1g.10gb", 0, "1");
    assert_int_equal(gs_mig_check(&gpus, &arena, &config.configs[0], false, false, &err),
                     GS_INFEASIBLE);
}

static void mig_generate__needs_a_gpu_that_can_be_cut(void **state)
{
    (void)state;
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    struct gs_err err;
    gs_buf_init(&out, 1 << 20);
    assert_int_equal(gs_mig_generate_text(&gpus, &arena, GS_MIGWRITE_YAML, false, &out, &err),
                     GS_NOT_FOUND);
    assert_int_equal(gs_gpu_table_add_whole(&table, 2, NULL), 0);
    assert_int_equal(gs_mig_generate_text(&gpus, &arena, GS_MIGWRITE_YAML, false, &out, &err),
                     GS_NOT_FOUND);
    assert_non_null(strstr(err.msg, "no MIG-capable devices found on the system: it has 2 GPUs"));
    add("A30-24GB", 1);
    assert_int_equal(gs_mig_generate_text(&gpus, &arena, GS_MIGWRITE_YAML, false, &out, &err), 0);
    assert_non_null(strstr(gs_buf_text(&out), "  all-1g.6gb:\n  - devices: all\n    mig-enabled: "
                                              "true\n    mig-devices:\n      1g.6gb: 4\n"));
}

static void mig_checkpoint__keeps_places_of_gpus_that_can_be_cut(void **state)
{
    (void)state;
    assert_int_equal(gs_gpu_table_add_whole(&table, 1, NULL), 0);
    add("A100-40GB", 2);
    turn_on(1);
    cut(1, "2g.10gb", 4, "11");
    cut(1, "1g.5gb", 6, "1");
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, 1 << 20);
    assert_int_equal(gs_mig_checkpoint_text(&gpus, &arena, false, &out, NULL), 0);
    struct gs_doc_input input = {.label = "f", .what = "x", .bytes = gs_view(gs_buf_text(&out))};
    const struct gs_mig_state *states;
    unsigned n;
    assert_int_equal(gs_migcheckpoint_read(&arena, &input, &states, &n, NULL), 0);
    assert_int_equal(n, 2);
    assert_string_equal(states[0].uuid, table.gpus[1].uuid);
    assert_true(states[0].mig_enabled);
    assert_int_equal(states[0].n_gis, 2);
    assert_int_equal(states[0].gis[0].profile, 0);
    assert_int_equal(states[0].gis[0].start, 6);
    assert_int_equal(states[0].gis[1].profile, 1);
    assert_int_equal(states[0].gis[1].start, 4);
    assert_int_equal(states[0].gis[1].size, 2);
    assert_int_equal(states[0].gis[1].n_cis, 2);
    assert_false(states[1].mig_enabled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(mig_assert__compares_slices_of_each_kind, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(mig_assert__tells_compute_instances_apart, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(mig_assert__passes_over_gpus_that_are_not_named, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(mig_assert__names_as_many_as_a_message_holds, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(mig_assert__fails_over_a_lost_gpu_only_where_it_is_named,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(mig_assert__says_what_waits_for_a_reset, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mig_assert__asks_for_instances_only_where_they_matter,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(mig_looking__passes_on_what_the_driver_says, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(mig_export__reads_back_as_met, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mig_generate__needs_a_gpu_that_can_be_cut, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(mig_checkpoint__keeps_places_of_gpus_that_can_be_cut,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
