/* What is written, to the byte: export, generate-config, and the writer beneath. */
#include "unit/check.h"

#include <string.h>

#include "base/cleanup.h"
#include "wire/migbuild.h"
#include "wire/migexport.h"

static struct gs_arena arena;

static int set_up(void **state)
{
    (void)state;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gs_arena_done(&arena);
    return 0;
}

static struct gs_mig_wish have(bool on, const char *slices)
{
    struct gs_mig_wish wish = {.named = true, .mig_enabled = on};
    struct gs_view rest = slices[0] == '\0' ? (struct gs_view){0} : gs_view(slices);
    while (rest.p != NULL) {
        struct gs_profile_name name;
        assert_int_equal(gs_profile_name_parse(gs_view_split(&rest, ' '), &name, NULL), 0);
        assert_true(gs_mig_wish_add(&wish, &name));
    }
    return wish;
}

/* ---- export ---- */

enum { A = 0x20B010DE, B = 0x233010DE, EXPORT_MAX = 8 };

static const struct {
    const char *what;
    struct {
        uint32_t make;
        const char *slices; /* NULL: MIG off */
    } gpus[EXPORT_MAX];
    unsigned n;
    const char *yaml;
} exports[] = {
    {"no GPU", {{0}}, 0, "  current: []\n"},
    {"one GPU",
     {{A, NULL}},
     1,
     "  current:\n  - devices: all\n    mig-enabled: false\n    mig-devices: {}\n"},
    {"one make, cut alike",
     {{A, "1g.5gb 1g.5gb"}, {A, "1g.5gb 1g.5gb"}},
     2,
     "  current:\n  - devices: all\n    mig-enabled: true\n    mig-devices:\n      1g.5gb: 2\n"},
    {"one make, cut differently",
     {{A, NULL}, {A, ""}},
     2,
     "  current:\n  - devices: [0]\n    mig-enabled: false\n    mig-devices: {}\n"
     "  - devices: [1]\n    mig-enabled: true\n    mig-devices: {}\n"},
    {"two makes, cut alike",
     {{A, NULL}, {B, NULL}},
     2,
     "  current:\n  - devices: all\n    mig-enabled: false\n    mig-devices: {}\n"},
    {"two makes, each cut in its way",
     {{A, NULL}, {A, NULL}, {B, ""}, {B, ""}},
     4,
     "  current:\n  - device-filter: \"0x20B010DE\"\n    devices: all\n    mig-enabled: false\n"
     "    mig-devices: {}\n  - device-filter: \"0x233010DE\"\n    devices: all\n"
     "    mig-enabled: true\n    mig-devices: {}\n"},
    {"two makes, mixed",
     {{A, NULL}, {A, ""}, {B, NULL}, {B, ""}},
     4,
     "  current:\n  - device-filter: [\"0x20B010DE\", \"0x233010DE\"]\n    devices: [0, 2]\n"
     "    mig-enabled: false\n    mig-devices: {}\n"
     "  - device-filter: [\"0x20B010DE\", \"0x233010DE\"]\n    devices: [1, 3]\n"
     "    mig-enabled: true\n    mig-devices: {}\n"},
    {"two makes, one of them whole in its entry",
     {{B, "1g.10gb"}, {A, NULL}, {B, "1g.10gb"}, {A, "1g.10gb"}},
     4,
     "  current:\n  - device-filter: [\"0x20B010DE\", \"0x233010DE\"]\n    devices: [0, 2, 3]\n"
     "    mig-enabled: true\n    mig-devices:\n      1g.10gb: 1\n"
     "  - device-filter: \"0x20B010DE\"\n    devices: [1]\n    mig-enabled: false\n"
     "    mig-devices: {}\n"},
    {"slices in mig-parted's order",
     {{A, "1g.10gb 7g.40gb 1g.5gb+me 1c.3g.20gb 1g.5gb 2g.10gb"}},
     1,
     "  current:\n  - devices: all\n    mig-enabled: true\n    mig-devices:\n      1c.3g.20gb: 1\n"
     "      1g.5gb: 1\n      1g.5gb+me: 1\n      1g.10gb: 1\n      2g.10gb: 1\n      7g.40gb: 1\n"},
};

static struct gs_migwrite_choice export_row(size_t row, const char *name)
{
    struct gs_migexport_gpu gpus[EXPORT_MAX];
    struct gs_migwrite_choice choice;
    struct gs_migexport_gpu *kept = GS_ARENA_NEW(&arena, struct gs_migexport_gpu, EXPORT_MAX);
    for (unsigned g = 0; g < exports[row].n; g++) {
        const char *slices = exports[row].gpus[g].slices;
        gpus[g].pci_device_id = exports[row].gpus[g].make;
        gpus[g].have = have(slices != NULL, slices == NULL ? "" : slices);
        kept[g] = gpus[g];
    }
    assert_int_equal(gs_migexport(&arena, name, kept, exports[row].n, &choice, NULL), 0);
    return choice;
}

static void migexport__merges_gpus_as_mig_parted_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(exports) / sizeof(exports[0]); i++) {
        GS_CLEANUP(gs_buf_done) struct gs_buf out;
        GS_CLEANUP(gs_buf_done) struct gs_buf expected;
        gs_buf_init(&out, 1 << 20);
        gs_buf_init(&expected, 1 << 20);
        gs_buf_printf(&expected, "version: v1\nmig-configs:\n%s", exports[i].yaml);
        struct gs_migwrite_choice choice = export_row(i, "current");
        assert_int_equal(gs_migwrite(&arena, &choice, 1, GS_MIGWRITE_YAML, &out, NULL), 0);
        if (strcmp(gs_buf_text(&out), gs_buf_text(&expected)) != 0) {
            fail_msg("%s:\n%s", exports[i].what, gs_buf_text(&out));
        }
    }
}

static void migexport__writes_json_as_mig_parted_does(void **state)
{
    (void)state;
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, 1 << 20);
    struct gs_migwrite_choice choice = export_row(7, "a<b>&\"");
    assert_int_equal(gs_migwrite(&arena, &choice, 1, GS_MIGWRITE_JSON, &out, NULL), 0);
    assert_string_equal(gs_buf_text(&out), "{\n"
                                           "  \"version\": \"v1\",\n"
                                           "  \"mig-configs\": {\n"
                                           "    \"a\\u003cb\\u003e\\u0026\\\"\": [\n"
                                           "      {\n"
                                           "        \"device-filter\": [\n"
                                           "          \"0x20B010DE\",\n"
                                           "          \"0x233010DE\"\n"
                                           "        ],\n"
                                           "        \"devices\": [\n"
                                           "          0,\n"
                                           "          2,\n"
                                           "          3\n"
                                           "        ],\n"
                                           "        \"mig-enabled\": true,\n"
                                           "        \"mig-devices\": {\n"
                                           "          \"1g.10gb\": 1\n"
                                           "        }\n"
                                           "      },\n"
                                           "      {\n"
                                           "        \"device-filter\": \"0x20B010DE\",\n"
                                           "        \"devices\": [\n"
                                           "          1\n"
                                           "        ],\n"
                                           "        \"mig-enabled\": false,\n"
                                           "        \"mig-devices\": {}\n"
                                           "      }\n"
                                           "    ]\n"
                                           "  }\n"
                                           "}");
    gs_buf_reset(&out);
    choice = export_row(0, "current");
    assert_int_equal(gs_migwrite(&arena, &choice, 1, GS_MIGWRITE_JSON, &out, NULL), 0);
    assert_string_equal(gs_buf_text(&out), "{\n  \"version\": \"v1\",\n  \"mig-configs\": {\n"
                                           "    \"current\": []\n  }\n}");
}

static void migexport__needs_the_makes_only_where_they_differ(void **state)
{
    (void)state;
    static struct gs_migexport_gpu gpus[2] = {{.pci_device_id = UINT32_MAX},
                                              {.pci_device_id = UINT32_MAX}};
    struct gs_migwrite_choice choice;
    struct gs_err err;
    assert_int_equal(gs_migexport(&arena, "a", gpus, 2, &choice, &err), 0);
    assert_int_equal(choice.n, 1);
    gpus[1].pci_device_id = A;
    assert_int_equal(gs_migexport(&arena, "a", gpus, 2, &choice, &err), GS_UNKNOWN);
}

/* What is written reads back and asks of each GPU what it has. */
static void migexport__reads_back_as_it_was(void **state)
{
    (void)state;
    for (size_t i = 1; i < sizeof(exports) / sizeof(exports[0]); i++) {
        for (unsigned form = 0; form < 2; form++) {
            GS_CLEANUP(gs_buf_done) struct gs_buf out;
            gs_buf_init(&out, 1 << 20);
            struct gs_migwrite_choice choice = export_row(i, "yes");
            assert_int_equal(
                gs_migwrite(&arena, &choice, 1, (enum gs_migwrite_form)form, &out, NULL), 0);
            struct gs_doc_input input = {
                .label = "f", .what = "x", .bytes = {.p = gs_buf_text(&out), .n = out.len}};
            struct gs_migconfig config;
            struct gs_err err = {0};
            if (gs_migconfig_read(&arena, &input, &config, &err) < 0) {
                fail_msg("%s\n%s", err.msg, gs_buf_text(&out));
            }
            struct gs_migconfig_target targets[EXPORT_MAX];
            struct gs_mig_wish wishes[EXPORT_MAX];
            for (unsigned g = 0; g < exports[i].n; g++) {
                targets[g] = (struct gs_migconfig_target){
                    .index = g, .pci_device_id = exports[i].gpus[g].make, .capable = true};
            }
            assert_string_equal(config.configs[0].name, "yes");
            gs_migconfig_resolve(&config.configs[0], targets, exports[i].n, wishes);
            for (unsigned g = 0; g < exports[i].n; g++) {
                const char *slices = exports[i].gpus[g].slices;
                struct gs_mig_wish had = have(slices != NULL, slices == NULL ? "" : slices);
                assert_true(wishes[g].named);
                assert_true(gs_mig_wish_met(&wishes[g], &had));
            }
        }
    }
}

/* ---- generate-config ---- */

/* "1g.5gb=7 2g.10gb=3" */
static struct gs_migbuild_gpu offer(uint32_t make, const char *text)
{
    struct gs_migbuild_profile *profiles =
        GS_ARENA_NEW(&arena, struct gs_migbuild_profile, GS_MIGBUILD_PROFILES_MAX);
    struct gs_migbuild_gpu gpu = {.pci_device_id = make, .profiles = profiles};
    struct gs_view rest = text[0] == '\0' ? (struct gs_view){0} : gs_view(text);
    while (rest.p != NULL) {
        struct gs_view count = gs_view_split(&rest, ' ');
        struct gs_view name = gs_view_split(&count, '=');
        uint64_t n = 0;
        assert_int_equal(gs_profile_name_parse(name, &profiles[gpu.n].name, NULL), 0);
        assert_true(gs_view_is_u64(count, 255, &n));
        profiles[gpu.n++].count = (uint32_t)n;
    }
    return gpu;
}

static const char a100[] =
    "1g.10gb=7 2g.20gb=3 3g.40gb=2 4g.40gb=1 7g.80gb=1 1g.10gb+me=1 1g.20gb=4";
static const char a30[] = "1g.6gb=4 2g.12gb=2 4g.24gb=1 1g.6gb+me=1 2g.12gb+me=1";
static const char pro6000[] =
    "1g.24gb=4 2g.48gb=2 4g.96gb=1 1g.24gb+me=1 1g.24gb+gfx=4 2g.48gb+gfx=2 4g.96gb+gfx=1 "
    "1g.24gb-me=4 2g.48gb-me=2 1g.24gb+me.all=1 2g.48gb+me.all=1";
static const char pro5000[] =
    "1g.12gb=1 1g.12gb+me=1 1g.12gb+gfx=1 1g.12gb-me=3 2g.24gb-me=1 4g.48gb=1 4g.48gb+gfx=1";

static const struct gs_migwrite_choice *find(const struct gs_migwrite_choice *choices, unsigned n,
                                             const char *name)
{
    for (unsigned i = 0; i < n; i++) {
        if (strcmp(choices[i].name, name) == 0) {
            return &choices[i];
        }
    }
    return NULL;
}

/* "all-1g.10gb": one line an entry, "20B210DE,233010DE: 7x 1g.10gb" */
static void describe(const struct gs_migwrite_choice *choice, struct gs_buf *out)
{
    for (unsigned i = 0; i < choice->n; i++) {
        const struct gs_migconfig_entry *entry = &choice->entries[i].entry;
        struct gs_mig_wish wish = {.mig_enabled = entry->mig_enabled, .n = entry->n};
        char text[200];
        assert_true(entry->all);
        assert_int_equal(entry->n_devices, 0);
        for (unsigned f = 0; f < entry->n_filters; f++) {
            gs_buf_printf(out, "%s%08X", f == 0 ? "" : ",", entry->filters[f].device);
        }
        for (unsigned s = 0; s < entry->n; s++) {
            wish.slices[s] = entry->slices[s];
        }
        gs_mig_wish_format(&wish, text, sizeof(text));
        gs_buf_printf(out, "%s%s\n", entry->n_filters == 0 ? "" : ": ", text);
    }
}

static const struct {
    const char *what;
    struct {
        uint32_t make;
        const char *offer;
    } gpus[4];
    unsigned n;
    struct {
        const char *name, *entries; /* NULL: there is none of the name */
    } expected[14];
} builds[] = {
    {"seven compute slices",
     {{0x20B210DE, a100}},
     1,
     {{"all-disabled", "MIG off\n"},
      {"all-enabled", "nothing\n"},
      {"all-balanced", "2x 1g.10gb, 1x 2g.20gb, 1x 3g.40gb\n"},
      {"all-1g.10gb", "7x 1g.10gb\n"},
      {"all-1g.10gb.me", "1x 1g.10gb+me\n"},
      {"all-1g.20gb", "4x 1g.20gb\n"},
      {"all-2g.20gb", "3x 2g.20gb\n"},
      {"all-3g.40gb", "2x 3g.40gb\n"},
      {"all-4g.40gb", "1x 4g.40gb\n"},
      {"all-7g.80gb", "1x 7g.80gb\n"}}},
    {"four compute slices",
     {{0x20B710DE, a30}},
     1,
     {{"all-balanced", "2x 1g.6gb, 1x 2g.12gb\n"},
      {"all-1g.6gb", "4x 1g.6gb\n"},
      {"all-2g.12gb.me", "1x 2g.12gb+me\n"}}},
    {"media and graphics",
     {{0x2BB510DE, pro6000}},
     1,
     {{"all-balanced", "2x 1g.24gb, 1x 2g.48gb\n"},
      {"all-1g.24gb.me.all", "1x 1g.24gb+me.all\n"},
      {"all-1g.24gb-me", "4x 1g.24gb-me\n"},
      {"all-2g.48gb.gfx", "2x 2g.48gb+gfx\n"},
      {"all-4g.96gb.gfx", "1x 4g.96gb+gfx\n"}}},
    {"a kind is missing",
     {{0x2BB310DE, pro5000}},
     1,
     {{"all-balanced", NULL}, {"all-2g.24gb-me", "1x 2g.24gb-me\n"}}},
    {"only kinds with attributes",
     {{0x20B210DE, "1g.10gb+me=1 2g.20gb+me=1"}},
     1,
     {{"all-balanced", NULL}, {"all-1g.10gb.me", "1x 1g.10gb+me\n"}}},
    {"two compute slices",
     {{0x2BB610DE, "1g.16gb=2 2g.32gb=1"}},
     1,
     {{"all-balanced", NULL}, {"all-1g.16gb", "2x 1g.16gb\n"}}},
    {"two GPUs of a make",
     {{0x20B710DE, a30}, {0x20B710DE, a30}},
     2,
     {{"all-1g.6gb", "4x 1g.6gb\n"}}},
    {"two makes that take as many",
     {{0x233010DE, a100}, {0x20B210DE, a100}},
     2,
     {{"all-disabled", "MIG off\n"},
      {"all-balanced", "20B210DE: 2x 1g.10gb, 1x 2g.20gb, 1x 3g.40gb\n"
                       "233010DE: 2x 1g.10gb, 1x 2g.20gb, 1x 3g.40gb\n"},
      {"all-1g.10gb", "20B210DE,233010DE: 7x 1g.10gb\n"}}},
    {"two makes that differ",
     {{0x20B210DE, a100}, {0x20B710DE, a30}},
     2,
     {{"all-balanced", "20B210DE: 2x 1g.10gb, 1x 2g.20gb, 1x 3g.40gb\n"
                       "20B710DE: 2x 1g.6gb, 1x 2g.12gb\n"},
      {"all-1g.10gb", "20B210DE: 7x 1g.10gb\n"},
      {"all-1g.6gb", "20B710DE: 4x 1g.6gb\n"}}},
    {"one kind, other counts: fewer come first",
     {{0x20B210DE, "1g.10gb=7"}, {0x20B010DE, "1g.10gb=4"}, {0x233010DE, "1g.10gb=7"}},
     3,
     {{"all-balanced", NULL},
      {"all-1g.10gb", "20B010DE: 4x 1g.10gb\n20B210DE,233010DE: 7x 1g.10gb\n"}}},
    {"a GPU that offers nothing",
     {{0x20B010DE, ""}, {0x20B710DE, a30}},
     2,
     {{"all-1g.6gb", "4x 1g.6gb\n"}}},
};

static void migbuild__makes_the_configurations_of_mig_parted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(builds) / sizeof(builds[0]); i++) {
        struct gs_migbuild_gpu gpus[4];
        const struct gs_migwrite_choice *choices;
        unsigned n;
        for (unsigned g = 0; g < builds[i].n; g++) {
            gpus[g] = offer(builds[i].gpus[g].make, builds[i].gpus[g].offer);
        }
        assert_int_equal(gs_migbuild(&arena, gpus, builds[i].n, &choices, &n, NULL), 0);
        for (unsigned k = 0; builds[i].expected[k].name != NULL; k++) {
            const char *name = builds[i].expected[k].name;
            const struct gs_migwrite_choice *choice = find(choices, n, name);
            GS_CLEANUP(gs_buf_done) struct gs_buf text;
            gs_buf_init(&text, 4096);
            assert_true((choice == NULL) == (builds[i].expected[k].entries == NULL));
            if (choice != NULL) {
                describe(choice, &text);
                assert_string_equal(gs_buf_text(&text), builds[i].expected[k].entries);
            }
        }
        if (i == 0) {
            assert_int_equal(n, 10);
        }
    }
}

static void migbuild__writes_as_mig_parted_does(void **state)
{
    (void)state;
    const struct gs_migbuild_gpu gpus[] = {offer(0x20B710DE, a30)};
    const struct gs_migwrite_choice *choices;
    unsigned n;
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, 1 << 20);
    assert_int_equal(gs_migbuild(&arena, gpus, 1, &choices, &n, NULL), 0);
    assert_int_equal(gs_migwrite(&arena, choices, n, GS_MIGWRITE_YAML, &out, NULL), 0);
    static const char start[] = "version: v1\n"
                                "mig-configs:\n"
                                "  all-1g.6gb:\n"
                                "  - devices: all\n"
                                "    mig-enabled: true\n"
                                "    mig-devices:\n"
                                "      1g.6gb: 4\n"
                                "  all-1g.6gb.me:\n";
    static const char end[] = "  all-balanced:\n"
                              "  - devices: all\n"
                              "    mig-enabled: true\n"
                              "    mig-devices:\n"
                              "      1g.6gb: 2\n"
                              "      2g.12gb: 1\n"
                              "  all-disabled:\n"
                              "  - devices: all\n"
                              "    mig-enabled: false\n"
                              "    mig-devices: {}\n"
                              "  all-enabled:\n"
                              "  - devices: all\n"
                              "    mig-enabled: true\n"
                              "    mig-devices: {}\n";
    assert_int_equal(strncmp(gs_buf_text(&out), start, strlen(start)), 0);
    assert_true(out.len > strlen(end));
    assert_string_equal(gs_buf_text(&out) + out.len - strlen(end), end);
    gs_buf_reset(&out);
    assert_int_equal(gs_migwrite(&arena, choices, n, GS_MIGWRITE_JSON, &out, NULL), 0);
    assert_non_null(
        strstr(gs_buf_text(&out), "\"mig-enabled\": false,\n        \"mig-devices\": null"));
    assert_non_null(
        strstr(gs_buf_text(&out), "\"mig-enabled\": true,\n        \"mig-devices\": {}"));
}

static void migbuild__keeps_its_bounds(void **state)
{
    (void)state;
    static const struct gs_migbuild_gpu many = {.n = GS_MIGBUILD_PROFILES_MAX + 1};
    static const struct gs_migbuild_gpu gpus[GS_MIGBUILD_GPUS_MAX + 1];
    const struct gs_migwrite_choice *choices;
    unsigned n;
    struct gs_err err;
    assert_int_equal(gs_migbuild(&arena, &many, 1, &choices, &n, &err), GS_LIMIT);
    assert_int_equal(gs_migbuild(&arena, gpus, GS_MIGBUILD_GPUS_MAX + 1, &choices, &n, &err),
                     GS_LIMIT);
    assert_int_equal(gs_migbuild(&arena, gpus, GS_MIGBUILD_GPUS_MAX, &choices, &n, &err), 0);
    assert_int_equal(n, 2);
}

/* ---- the writer ---- */

static void migwrite__orders_names_as_mig_parteds_yaml(void **state)
{
    (void)state;
    /* each before the next */
    static const char *const names[] = {"",
                                        "1g.5gb",
                                        "1g.5gb+me",
                                        "1g.10gb",
                                        "1g.10gb+me",
                                        "1g.24gb-me",
                                        "2g.10gb",
                                        "7g.40gb",
                                        "A",
                                        "all-1g.5gb",
                                        "all-1g.5gb.me",
                                        "all-1g.10gb",
                                        "all-2g.10gb",
                                        "all-balanced",
                                        "b",
                                        "b1",
                                        "b01",
                                        "b2",
                                        "b10",
                                        "b100"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(gs_migwrite_compare(names[i], names[i]), 0);
        for (size_t k = i + 1; k < sizeof(names) / sizeof(names[0]); k++) {
            if (gs_migwrite_compare(names[i], names[k]) >= 0 ||
                gs_migwrite_compare(names[k], names[i]) <= 0) {
                fail_msg("%s, %s", names[i], names[k]);
            }
        }
    }
}

static const struct {
    const char *name, *yaml;
} quoted[] = {
    {"current", "current"}, {"1g.5gb", "1g.5gb"},     {"yes", "\"yes\""},   {"12", "\"12\""},
    {"0x1", "\"0x1\""},     {"1e3", "\"1e3\""},       {"null", "\"null\""}, {"1.5", "\"1.5\""},
    {"-x", "-x"},           {"a b", "a b"},           {"x: y", "'x: y'"},   {"#x", "'#x'"},
    {"", "\"\""},           {"<<", "\"<<\""},         {"it's", "it's"},     {"\"q\"", "'\"q\"'"},
    {"{", "'{'"},           {"\xC3\xA9", "\xC3\xA9"},
};

static void migwrite__quotes_what_yaml_would_take_for_something_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(quoted) / sizeof(quoted[0]); i++) {
        GS_CLEANUP(gs_buf_done) struct gs_buf out;
        GS_CLEANUP(gs_buf_done) struct gs_buf expected;
        gs_buf_init(&out, 4096);
        gs_buf_init(&expected, 4096);
        const struct gs_migwrite_choice choice = {.name = quoted[i].name};
        assert_int_equal(gs_migwrite(&arena, &choice, 1, GS_MIGWRITE_YAML, &out, NULL), 0);
        gs_buf_printf(&expected, "version: v1\nmig-configs:\n  %s: []\n", quoted[i].yaml);
        assert_string_equal(gs_buf_text(&out), gs_buf_text(&expected));
    }
}

static void migwrite__breaks_long_lists_of_filters(void **state)
{
    (void)state;
    static struct gs_migconfig_filter filters[8];
    const struct gs_migwrite_entry entry = {
        .entry = {.filters = filters, .n_filters = 8, .all = true}};
    const struct gs_migwrite_choice choice = {.name = "a", .n = 1, .entries = &entry};
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, 4096);
    filters[7] = (struct gs_migconfig_filter){0x233010DE, 0x16C110DE, true};
    assert_int_equal(gs_migwrite(&arena, &choice, 1, GS_MIGWRITE_YAML, &out, NULL), 0);
    assert_non_null(strstr(gs_buf_text(&out),
                           "  - device-filter: [\"0x00000000\", \"0x00000000\", \"0x00000000\", "
                           "\"0x00000000\", \"0x00000000\",\n      \"0x00000000\", \"0x00000000\", "
                           "\"0x233010DE:0x16C110DE\"]\n"));
}

static void migwrite__refuses_names_that_are_no_text(void **state)
{
    (void)state;
    static const char *const bad[] = {"a\nb",
                                      "a\x7F",
                                      "\xFF",
                                      "\xC3",
                                      "\xC0\x80",
                                      "\xE0\x80\x80",
                                      "\xED\xA0\x80",
                                      "\xF5\x80\x80\x80",
                                      "\xC2\x85",
                                      "\xF0\x80\x80\x80",
                                      "\xF4\x90\x80\x80"};
    char longest[GS_MIGCONFIG_NAME_MAX + 2];
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, 4096);
    memset(longest, 'a', sizeof(longest));
    longest[GS_MIGCONFIG_NAME_MAX] = '\0';
    struct gs_migwrite_choice choice = {.name = longest};
    assert_int_equal(gs_migwrite(&arena, &choice, 1, GS_MIGWRITE_YAML, &out, NULL), 0);
    longest[GS_MIGCONFIG_NAME_MAX] = 'a';
    longest[GS_MIGCONFIG_NAME_MAX + 1] = '\0';
    assert_int_equal(gs_migwrite(&arena, &choice, 1, GS_MIGWRITE_YAML, &out, NULL), GS_INVALID);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        choice.name = bad[i];
        if (gs_migwrite(&arena, &choice, 1, GS_MIGWRITE_JSON, &out, NULL) != GS_INVALID) {
            fail_msg("row %zu", i);
        }
    }
}

static void migwrite__says_when_its_buffer_is_full(void **state)
{
    (void)state;
    const struct gs_migwrite_choice choice = {.name = "a"};
    for (unsigned form = 0; form < 2; form++) {
        GS_CLEANUP(gs_buf_done) struct gs_buf out;
        gs_buf_init(&out, 20);
        assert_int_equal(gs_migwrite(&arena, &choice, 1, (enum gs_migwrite_form)form, &out, NULL),
                         GS_NO_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(migexport__merges_gpus_as_mig_parted_does, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(migexport__writes_json_as_mig_parted_does, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(migexport__needs_the_makes_only_where_they_differ, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(migexport__reads_back_as_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(migbuild__makes_the_configurations_of_mig_parted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(migbuild__writes_as_mig_parted_does, set_up, tear_down),
        cmocka_unit_test_setup_teardown(migbuild__keeps_its_bounds, set_up, tear_down),
        cmocka_unit_test(migwrite__orders_names_as_mig_parteds_yaml),
        cmocka_unit_test_setup_teardown(migwrite__quotes_what_yaml_would_take_for_something_else,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(migwrite__breaks_long_lists_of_filters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(migwrite__refuses_names_that_are_no_text, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(migwrite__says_when_its_buffer_is_full, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
