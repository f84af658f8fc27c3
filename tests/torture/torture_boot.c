#include "torture/torture.h"

#include "boot/label.h"
#include "boot/options.h"
#include "boot/report.h"
#include "boot/toolkit.h"
#include "core/catalog.h"
#include "partition/layouts.h"

static int find_label(const struct gs_alloc *source, struct gs_err *err)
{
    struct gs_boot_label label = {.key = "nvidia.com/mig.config"};
    struct gs_arena arena;
    gs_arena_init(&arena, source, 64 << 20);
    int r = gs_boot_label_look(
        gs_view("Content-Type: multipart/mixed\n\n--B\nContent-Transfer-Encoding: base64\n\n"
                "LSAtLW5vZGUtbGFiZWxzPWE9Yixu\ndmlkaWEuY29tL21pZy5jb25maWc9YWxsLWJhbGFuY2VkCg==\n"
                "--B--\n"),
        "f", &arena, &label, err);
    assert_true(r < 0 || strcmp(label.value, "all-balanced") == 0);
    gs_arena_done(&arena);
    return r;
}

static int generate_layouts(const struct gs_alloc *source, struct gs_err *err)
{
    const struct gs_gpu facts = {.pci_device_id = 0x20B010DE, .mode = GS_MIG_OFF};
    struct gs_layouts_gpu gpu = {.facts = &facts};
    const struct gs_migconfig_choice *layout = NULL;
    struct gs_migconfig config = {.n = 0};
    struct gs_mig_wish wish;
    struct gs_arena arena;
    assert_int_equal(gs_catalog_find(gs_view("A100-40GB"), &gpu.model, NULL), 0);
    gs_arena_init(&arena, source, 64 << 20);
    int r = gs_layouts_generate(&gpu, 1, &arena, &config, err);
    r = r < 0 ? r : gs_migconfig_select(&config, "all-1g.5gb", &layout, err);
    if (r == 0) {
        gs_layouts_resolve(layout, &gpu, 1, NULL, &wish);
        assert_true(wish.named && wish.n == 1 && wish.slices[0].count == 7);
    }
    gs_arena_done(&arena);
    return r;
}

static int write_texts(struct gs_err *err)
{
    static const struct gs_boot_report report = {
        .state = GS_BOOT_CUT, .layout = "all-1g.5gb", .n = 2};
    struct gs_buf json;
    struct gs_buf help;
    struct gs_buf toml;
    bool changed = false;
    gs_buf_init(&json, 64 * 1024);
    gs_buf_init(&help, 64 * 1024);
    gs_buf_init(&toml, 64 * 1024);
    gs_boot_report_format(&report, &json);
    gs_help_command(&gs_boot_command, &help);
    int r = gs_boot_toolkit_edit(gs_view("a = 1\n"), "f", &toml, &changed, err);
    assert_true(r < 0 || changed);
    if (r == 0 && (!gs_buf_ok(&json) || !gs_buf_ok(&help))) {
        r = gs_fail(err, GS_NO_MEMORY, "no memory for a text");
    }
    gs_buf_done(&json);
    gs_buf_done(&help);
    gs_buf_done(&toml);
    return r;
}

static int generate_from_heap(struct gs_err *err)
{
    return generate_layouts(&gs_alloc_heap, err);
}

static void torture__label(void **state)
{
    (void)state;
    torture_arena(find_label, 1);
}

static void torture__layouts(void **state)
{
    (void)state;
    torture_arena(generate_layouts, 1);
    torture_heap(generate_from_heap, 1);
}

static void torture__texts(void **state)
{
    (void)state;
    torture_heap(write_texts, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__label),
        cmocka_unit_test(torture__layouts),
        cmocka_unit_test(torture__texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
