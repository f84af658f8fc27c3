#include "unit/check.h"

#include <string.h>

#include "base/cleanup.h"
#include "core/catalog.h"
#include "wire/doc.h"
#include "wire/migparted.h"

static const struct gs_model *a100(void)
{
    const struct gs_model *model = NULL;
    assert_int_equal(gs_catalog_find(gs_view("A100-40GB"), &model, NULL), 0);
    return model;
}

static void migparted__writes_entries_in_its_form(void **state)
{
    (void)state;
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, 4096);
    uint8_t counts[GS_PROFILES_MAX] = {[0] = 3, [1] = 1};
    const uint8_t none[GS_PROFILES_MAX] = {0};
    const unsigned numbers[] = {0, 1, 2};
    const struct gs_migparted_entry entries[] = {
        {.gpus = numbers, .n_gpus = 2, .mig = true, .model = a100(), .counts = counts},
        {.gpus = numbers + 2, .n_gpus = 1, .mig = true, .model = a100(), .counts = none},
        {.n_gpus = 0},
    };
    gs_migparted_begin(&out);
    gs_migparted_comment("two\nlines \xc3\xa9", &out);
    assert_int_equal(gs_migparted_config("p4d.24xlarge-1", entries, 3, &out, NULL), 0);
    assert_string_equal(gs_buf_text(&out), "version: v1\n"
                                           "mig-configs:\n"
                                           "  # two?lines ??\n"
                                           "  \"p4d.24xlarge-1\":\n"
                                           "    - devices: [0, 1]\n"
                                           "      mig-enabled: true\n"
                                           "      mig-devices: {\"1g.5gb\": 3, \"1g.5gb+me\": 1}\n"
                                           "    - devices: [2]\n"
                                           "      mig-enabled: true\n"
                                           "      mig-devices: {}\n"
                                           "    - devices: all\n"
                                           "      mig-enabled: false\n");
}

/* The counts come back through another reader of YAML. */
static void migparted__is_yaml(void **state)
{
    (void)state;
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_buf_init(&out, 4096);
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 20);
    const uint8_t counts[GS_PROFILES_MAX] = {[0] = 7};
    const struct gs_migparted_entry entry = {.mig = true, .model = a100(), .counts = counts};
    gs_migparted_begin(&out);
    assert_int_equal(gs_migparted_config("true", &entry, 1, &out, NULL), 0);
    const struct gs_doc_input input = {
        .label = "text", .what = "a file for mig-parted", .bytes = {gs_buf_text(&out), out.len}};
    const struct gs_doc_node *root;
    assert_int_equal(gs_doc_read(&arena, &input, &root, NULL), 0);
    const struct gs_doc_node *config = gs_doc_find(gs_doc_find(root, "mig-configs"), "true");
    assert_non_null(config);
    const struct gs_doc_node *devices = gs_doc_find(config->first, "mig-devices");
    uint64_t count = 0;
    assert_int_equal(gs_doc_u64(gs_doc_find(devices, "1g.5gb"), 0, 99, &count, NULL), 0);
    assert_int_equal(count, 7);
}

static void migparted__refuses_what_mig_parted_would(void **state)
{
    (void)state;
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, 4096);
    const struct gs_migparted_entry off = {.n_gpus = 0};
    const struct gs_migparted_entry unknown = {.mig = true};
    const struct gs_migparted_entry many = {.n_gpus = GS_MIGPARTED_GPUS_MAX + 1};
    char longer[GS_MIGPARTED_NAME_MAX + 2];
    memset(longer, 'a', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    const struct {
        const char *name;
        const struct gs_migparted_entry *entry;
        size_t n;
    } cases[] = {
        {"", &off, 1},     {"a b", &off, 1},  {"-a", &off, 1},       {"a.", &off, 1},
        {longer, &off, 1}, {"good", &off, 0}, {"good", &unknown, 1}, {"good", &many, 1},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_err err;
        assert_int_equal(gs_migparted_config(cases[i].name, cases[i].entry, cases[i].n, &out, &err),
                         GS_INVALID);
        assert_int_equal(out.len, 0);
    }
}

static void migparted__makes_names_that_a_label_may_have(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *name;
    } cases[] = {
        {"p4d.24xlarge", "p4d.24xlarge"},
        {"my rack/7", "my-rack-7"},
        {"--", "node"},
        {"", "node"},
        {"_a_", "a"},
        {"\xc3\xa9t\xc3\xa9", "t"},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        char name[GS_MIGPARTED_NAME_MAX + 1];
        gs_migparted_name(cases[i].text, name);
        assert_string_equal(name, cases[i].name);
    }
    char longer[200];
    char name[GS_MIGPARTED_NAME_MAX + 1];
    memset(longer, 'a', sizeof(longer));
    longer[GS_MIGPARTED_NAME_MAX - 1] = '.';
    longer[sizeof(longer) - 1] = '\0';
    gs_migparted_name(longer, name);
    assert_int_equal(strlen(name), GS_MIGPARTED_NAME_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(migparted__writes_entries_in_its_form),
        cmocka_unit_test(migparted__is_yaml),
        cmocka_unit_test(migparted__refuses_what_mig_parted_would),
        cmocka_unit_test(migparted__makes_names_that_a_label_may_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
