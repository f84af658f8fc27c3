#include "unit/partition/desk.h"

#include "unit/check.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "core/catalog.h"
#include "gpu/gpu_model.h"
#include "partition/layouts.h"

static struct gs_arena arena;

static int set_up(void **state)
{
    (void)state;
    gs_arena_init(&arena, &gs_alloc_heap, 256 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gs_arena_done(&arena);
    return 0;
}

/* The GPUs of a machine, as the boot step and the agent see them. */
struct seen {
    struct gs_gpu facts[GS_GPUS_MAX];
    struct gs_layouts_gpu gpus[GS_GPUS_MAX];
    unsigned n;
};

static void look(struct gs_gpu_table *table, struct seen *ret)
{
    struct gs_err err;
    struct gs_gpus gpus;
    gs_gpu_table_open(table, &gpus);
    assert_int_equal(gs_gpu_count(&gpus, &ret->n, &err), 0);
    for (unsigned k = 0; k < ret->n; k++) {
        assert_int_equal(gs_gpu_get(&gpus, k, &ret->facts[k], &err), 0);
        ret->gpus[k].facts = &ret->facts[k];
        if (gs_layouts_model(&gpus, &ret->facts[k], &arena, &ret->gpus[k].model, &err) < 0) {
            fail_msg("%s", err.msg);
        }
    }
    gs_gpu_close(&gpus);
}

static struct gs_migconfig generate(const struct seen *seen)
{
    struct gs_migconfig config = {.n = 0};
    struct gs_err err;
    if (gs_layouts_generate(seen->gpus, seen->n, &arena, &config, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return config;
}

static const char *wished(const struct seen *seen, const struct gs_migconfig *config,
                          const char *name, unsigned gpu)
{
    static char text[400];
    struct gs_mig_wish wishes[GS_GPUS_MAX];
    const struct gs_migconfig_choice *layout;
    struct gs_err err;
    if (gs_layouts_select(config, name, seen->n, &arena, &layout, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    gs_layouts_resolve(layout, seen->gpus, seen->n, NULL, wishes);
    gs_mig_wish_format(&wishes[gpu], text, sizeof(text));
    return wishes[gpu].named ? text : "not named";
}

/* As many as the catalogue says: those of generate-config. */
static void layouts__are_those_that_each_model_offers(void **state)
{
    (void)state;
    size_t n;
    unsigned checked = 0;
    const struct gs_model *models = gs_catalog(&n);
    for (size_t m = 0; m < n; m++) {
        static struct gs_gpu_table table;
        struct seen seen = {.n = 0};
        if (!models[m].placements_known) {
            continue;
        }
        desk_machine(&table, models[m].id, 1);
        look(&table, &seen);
        struct gs_migconfig config = generate(&seen);
        assert_string_equal(wished(&seen, &config, "all-disabled", 0), "MIG off");
        assert_string_equal(wished(&seen, &config, "all-enabled", 0), "nothing");
        for (unsigned p = 0; p < models[m].n_profiles; p++) {
            char name[80];
            char slices[80];
            snprintf(name, sizeof(name), "all-%s", models[m].profiles[p].name);
            for (char *plus = strchr(name, '+'); plus != NULL; plus = strchr(plus, '+')) {
                *plus = '.';
            }
            snprintf(slices, sizeof(slices), "%ux %s", models[m].profiles[p].max_instances,
                     models[m].profiles[p].name);
            assert_string_equal(wished(&seen, &config, name, 0), slices);
            checked++;
        }
    }
    assert_true(checked > 100);
}

static void layouts__of_mixed_machines_go_by_make(void **state)
{
    (void)state;
    const struct gs_model *a100 = NULL;
    const struct gs_model *a30 = NULL;
    struct gs_err err;
    assert_int_equal(gs_catalog_find(gs_view("A100-40GB"), &a100, &err), 0);
    assert_int_equal(gs_catalog_find(gs_view("A30"), &a30, &err), 0);
    const struct gs_gpu facts[] = {
        {.index = 0, .pci_device_id = 0x20B010DE, .mode = GS_MIG_OFF},
        {.index = 1, .pci_device_id = 0x20B710DE, .mode = GS_MIG_OFF},
        {.index = 2, .pci_device_id = 0x1EB810DE, .mode = GS_MIG_NOT_CAPABLE},
    };
    const struct seen seen = {
        .gpus = {{&facts[0], a100}, {&facts[1], a30}, {&facts[2], NULL}},
        .n = 3,
    };
    struct gs_migconfig config = generate(&seen);
    assert_string_equal(wished(&seen, &config, "all-1g.5gb", 0), "7x 1g.5gb");
    assert_string_equal(wished(&seen, &config, "all-1g.5gb", 1), "not named");
    assert_string_equal(wished(&seen, &config, "all-balanced", 0),
                        "2x 1g.5gb, 1x 2g.10gb, 1x 3g.20gb");
    assert_string_equal(wished(&seen, &config, "all-balanced", 1), "2x 1g.6gb, 1x 2g.12gb");
    assert_string_equal(wished(&seen, &config, "all-disabled", 2), "not named");
}

static void layouts__may_be_spelled_where_they_have_no_name(void **state)
{
    (void)state;
    static struct gs_gpu_table table;
    const struct gs_migconfig_choice *layout = NULL;
    struct seen seen = {.n = 0};
    struct gs_err err;
    desk_machine(&table, "A100-40GB", 4);
    look(&table, &seen);
    struct gs_migconfig config = generate(&seen);
    static const char name[] = "2x7-1g.5gb_1x1-3g.20gb--4-1g.5gb_1xwhole";
    assert_string_equal(wished(&seen, &config, name, 0), "7x 1g.5gb");
    assert_string_equal(wished(&seen, &config, name, 1), "7x 1g.5gb");
    assert_string_equal(wished(&seen, &config, name, 2), "1x 3g.20gb, 4x 1g.5gb");
    assert_string_equal(wished(&seen, &config, name, 3), "MIG off");
    assert_int_equal(gs_layouts_select(&config, "3x7-1g.5gb", 4, &arena, &layout, &err),
                     GS_INVALID);
    assert_non_null(strstr(err.msg, "is for 3 GPUs; this machine has 4"));
    assert_int_equal(gs_layouts_select(&config, "4x7", 4, &arena, &layout, &err), GS_INVALID);
    assert_int_equal(gs_layouts_select(&config, "no-such", 4, &arena, &layout, &err), GS_NOT_FOUND);
    assert_int_equal(gs_layouts_select(&config, NULL, 4, &arena, &layout, &err), GS_AMBIGUOUS);
    assert_null(layout);
}

static void layouts__no_gpu_that_can_be_cut_has_none(void **state)
{
    (void)state;
    const struct gs_gpu facts = {.pci_device_id = 0x1EB810DE, .mode = GS_MIG_NOT_CAPABLE};
    const struct gs_layouts_gpu gpu = {.facts = &facts};
    struct gs_migconfig config;
    struct gs_err err;
    assert_int_equal(gs_layouts_generate(&gpu, 1, &arena, &config, &err), GS_NOT_FOUND);
    assert_non_null(strstr(err.msg, "none of the 1 GPUs"));
    assert_int_equal(gs_layouts_generate(&gpu, 0, &arena, &config, &err), GS_NOT_FOUND);
}

/* Numbers of A30 that some drivers tell are higher than its places. */
static void layouts__count_no_more_than_there_is_room_for(void **state)
{
    (void)state;
    static const struct gs_gpu unknown = {.name = "a GPU of nobody", .pci_device_id = GS_NOT_KNOWN};
    static const struct gs_gpu a30 = {.pci_device_id = 0x20B710DE};
    static const struct {
        const struct gs_gpu *facts;
        const char *name;
        uint32_t max_instances, size, starts, expected;
    } cases[] = {
        {&unknown, "1g.6gb", 9, 1, 0xF, 4},
        {&unknown, "1g.6gb", 9, 2, 0xF, 2},
        {&unknown, "1g.6gb", 7, 2, 0x0D, 2}, /* 0 and 2, or 0 and 3 */
        {&unknown, "1g.6gb", 9, 2, 0x12, 2}, /* 1 and 4 */
        {&unknown, "1g.6gb", 9, 1, 0x80000001, 2},
        {&unknown, "1g.6gb", 9, UINT32_MAX, 0xF, 1},
        {&unknown, "1g.6gb", 7, 2, 0, 7}, /* places are not told */
        {&unknown, "1g.6gb", 9, 0, 0xF, 9},
        {&a30, "1g.6gb", 7, 0, 0, 4},
        {&a30, "1g.6gb+me", 4, 1, 0xF, 1},
        {&a30, "1g.6gb+me", 0, 1, 0xF, 0},
        {&a30, "3g.20gb", 5, 0, 0, 5}, /* which the catalogue does not have */
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_profile_name name;
        assert_int_equal(gs_profile_name_parse(gs_view(cases[i].name), &name, NULL), 0);
        assert_int_equal(gs_layouts_count(cases[i].facts, &name, cases[i].max_instances,
                                          cases[i].size, cases[i].starts),
                         cases[i].expected);
    }
}

static void note_line(void *ctx, const char *line)
{
    snprintf(ctx, 400, "%s", line);
}

static void layouts__of_a_file_are_read_and_doubted(void **state)
{
    (void)state;
    static const char text[] = "version: v1\nmig-configs:\n  mine:\n  - {devices: [0, 9], "
                               "mig-enabled: true, mig-devices: {3g.20gb: 2}}\n";
    const struct gs_gpu facts = {.pci_device_id = 0x20B010DE, .mode = GS_MIG_OFF};
    const struct gs_layouts_gpu gpu = {.facts = &facts};
    const struct gs_migconfig_choice *layout = NULL;
    struct gs_mig_wish wish;
    struct gs_migconfig config;
    struct gs_err err;
    char dir[64];
    char path[80];
    char noted[400] = "";
    desk_dir(dir);
    snprintf(path, sizeof(path), "%s/f.yaml", dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, sizeof(text) - 1, file), sizeof(text) - 1);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(gs_layouts_read(path, &arena, &config, &err), 0);
    assert_int_equal(gs_migconfig_select(&config, NULL, &layout, &err), 0);
    const struct gs_say say = {.line = note_line, .ctx = noted};
    gs_layouts_resolve(layout, &gpu, 1, &say, &wish);
    assert_true(wish.named && wish.mig_enabled && wish.n == 1 && wish.slices[0].count == 2);
    assert_non_null(strstr(noted, "names GPU 9; this machine has 0 to 0"));
    assert_int_equal(gs_layouts_read(dir, &arena, &config, &err), GS_INVALID);
    assert_non_null(strstr(err.msg, "is no regular file"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(gs_layouts_read(path, &arena, &config, &err), GS_IO);
    assert_non_null(strstr(err.msg, "No such file"));
    desk_dir_done(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layouts__are_those_that_each_model_offers),
        cmocka_unit_test(layouts__of_mixed_machines_go_by_make),
        cmocka_unit_test(layouts__may_be_spelled_where_they_have_no_name),
        cmocka_unit_test(layouts__no_gpu_that_can_be_cut_has_none),
        cmocka_unit_test(layouts__count_no_more_than_there_is_room_for),
        cmocka_unit_test(layouts__of_a_file_are_read_and_doubted),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
