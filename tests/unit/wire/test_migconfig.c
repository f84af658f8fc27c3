#include "unit/wire/bad_input.h"

#include <stdio.h>

#include "core/catalog.h"
#include "core/statetable.h"
#include "unit/wire/mig_names.h"
#include "wire/migconfig.h"

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

static int parse(const char *text, struct gs_err *err)
{
    struct gs_doc_input input = text_input(text);
    struct gs_migconfig config;
    return gs_migconfig_read(&arena, &input, &config, err);
}

static struct gs_migconfig read_config(const char *text)
{
    struct gs_doc_input input = text_input(text);
    struct gs_migconfig config = {.n = 77};
    struct gs_err err = {0};
    if (gs_migconfig_read(&arena, &input, &config, &err) < 0) {
        fail_msg("%s\n%s", err.msg, text);
    }
    return config;
}

/* The only configuration of a file with one entry. */
static const struct gs_migconfig_entry *read_entry(const char *entry)
{
    char text[2000];
    snprintf(text, sizeof(text), "version: v1\nmig-configs:\n  a:\n  - {%s}\n", entry);
    struct gs_migconfig config = read_config(text);
    assert_int_equal(config.n, 1);
    assert_int_equal(config.configs[0].n, 1);
    return &config.configs[0].entries[0];
}

/* ---- what is taken and what is refused: whole files ---- */

static const struct {
    const char *text;
    unsigned n_configs;
} good_files[] = {
    {"", 0},
    {"# nothing but a comment\n", 0},
    {"---\n", 0},
    {"null\n", 0},
    {"~\n", 0},
    {"version: v1\n", 0},
    {"{\"version\": \"v1\"}", 0},
    {"version: \"v1\"\nmig-configs: {a: [{devices: all, mig-enabled: false}]}\n", 1},
    {"mig-configs: {a: [{devices: all, mig-enabled: false}]}\nversion: v1\n", 1},
    {"{\"version\":\"v1\",\"mig-configs\":{\"all-disabled\":[{\"devices\":\"all\","
     "\"mig-enabled\":false}]}}",
     1},
    {"version: v1\nmig-configs:\n  1:\n  - {devices: all, mig-enabled: false}\n  yes:\n  - "
     "{devices: all, mig-enabled: false}\n",
     2},
    {"version: v1\nmig-configs: {\"\": [{devices: all, mig-enabled: false}], '~': [{devices: all, "
     "mig-enabled: false}], '<<': [{devices: all, mig-enabled: false}]}\n",
     3},
};

static void migconfig__takes_files_as_mig_parted_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good_files) / sizeof(good_files[0]); i++) {
        assert_int_equal(read_config(good_files[i].text).n, good_files[i].n_configs);
    }
}

#define OFF "{devices: all, mig-enabled: false}"

static const struct bad_input bad_files[] = {
    {"{}\n", "f.yaml:1: found no key \"version\""},
    {"version: v2\n", "f.yaml:1: version: found \"v2\"; expected v1"},
    {"version: v2\nmig-configs: {a: [" OFF "]}\n", "f.yaml:1: version: found \"v2\""},
    {"version: null\nmig-configs: {a: [" OFF "]}\n", "f.yaml:1: version: found nothing"},
    {"version: [v1]\n", "f.yaml:1: version: found a list"},
    {"mig-configs: {a: [" OFF "]}\n", "f.yaml:1: found no key \"version\""},
    {"version: v1\nbogus: field\nmig-configs: {a: [" OFF "]}\n",
     "f.yaml:2: found key \"bogus\"; expected one of version, mig-configs"},
    {"version: v1\nmig-configs: {}\n", "f.yaml:2: mig-configs: found none"},
    {"version: v1\nmig-configs:\n", "f.yaml:2: mig-configs: found nothing"},
    {"version: v1\nmig-configs: []\n", "f.yaml:2: mig-configs: found a list"},
    {"version: v1\nmig-configs: {a: []}\n", "f.yaml:2: a: found an empty list"},
    {"version: v1\nmig-configs: {a: }\n", "f.yaml:2: a: found nothing; expected a list"},
    {"version: v1\nmig-configs: {a: {}}\n", "f.yaml:2: a: found a map"},
    {"version: v1\nmig-configs: {a: [null]}\n", "f.yaml:2: a: found nothing; expected a map"},
    {"version: v1\nmig-configs: {a: [x]}\n", "f.yaml:2: a: found \"x\"; expected a map"},
    {"version: v1\nmig-configs: {~: [" OFF "]}\n",
     "f.yaml:2: found a key that YAML reads as nothing"},
    {"version: v1\nmig-configs: {<<: [" OFF "]}\n",
     "f.yaml:2: found a key that YAML reads as nothing"},
    {"version: v1\nmig-configs:\n  a: [" OFF "]\n  a: [" OFF "]\n",
     "f.yaml:4: found key \"a\" again (first in line 3)"},
    {"version: v1\n---\nversion: v1\n", "f.yaml:2: found a second document"},
    {"---\n---\nversion: v1\n", "f.yaml:2: found a second document"},
    {"version: v1\nmig-configs: {a: [&x " OFF "]}\n", "f.yaml:2: found an anchor"},
    {"version: [v1\n", "f.yaml:2: not valid YAML"},
    {"[version, v1]", "f.yaml:1: the document: found a list"},
    {"v1", "f.yaml:1: the document: found \"v1\""},
};

static void migconfig__refuses_files_that_are_not_of_its_form(void **state)
{
    (void)state;
    CHECK_BAD_INPUTS(bad_files, parse);
}

/* ---- entries ---- */

static const char *const good_entries[] = {
    "devices: all, mig-enabled: false",
    "devices: all, mig-enabled: false, mig-devices: {}",
    "devices: all, mig-enabled: false, mig-devices: null",
    "devices: all, mig-enabled: true, mig-devices: {}",
    "devices: all, mig-enabled: true, mig-devices: {1g.5gb: 2}",
    "devices: all, mig-enabled: true, mig-devices: {1g.5gb: 0, 2g.10gb: 1}",
    "devices: all, mig-enabled: true, mig-devices: {0g.0gb: 100}",
    "devices: [], mig-enabled: false",
    "devices: [0, 1, 2, 3], mig-enabled: false",
    "devices: [7, 7], mig-enabled: false",
    "device-filter: \"\", devices: all, mig-enabled: false",
    "device-filter: null, devices: all, mig-enabled: false",
    "device-filter: [], devices: all, mig-enabled: false",
    "device-filter: \"0x233010DE\", devices: all, mig-enabled: false",
    "device-filter: 0x233010de, devices: all, mig-enabled: false",
    "device-filter: [\"0x233010DE\", \"0x232110DE:0x16C110DE\"], devices: [1], mig-enabled: false",
    "\"devices\": \"all\", \"mig-enabled\": false,",
    "devices: all, mig-enabled: no",
    "devices: all, mig-enabled: Off",
    "devices: all, mig-enabled: FALSE",
};

static void migconfig__takes_entries_as_mig_parted_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good_entries) / sizeof(good_entries[0]); i++) {
        (void)read_entry(good_entries[i]);
    }
}

static const struct {
    const char *entry, *says;
} bad_entries[] = {
    {"mig-enabled: true, mig-devices: {1g.5gb: 2}", "found no key \"devices\""},
    {"devices: all, mig-devices: {1g.5gb: 2}", "found no key \"mig-enabled\""},
    {"devices: all, mig-enabled: true", "found no mig-devices where mig-enabled is true"},
    {"devices: all, mig-enabled: true, mig-devices: null", "found no mig-devices"},
    {"devices: all, mig-enabled: false, mig-devices: {1g.5gb: 1}",
     "found mig-devices where mig-enabled is false"},
    {"devices: all, mig-enabled: false, mig-devices: {1g.5gb: 0}",
     "mig-devices: found only counts"},
    {"bogus: field, devices: all, mig-enabled: false",
     "found key \"bogus\"; expected one of device-filter, devices, mig-enabled, mig-devices"},
    {"devices: bogus, mig-enabled: false", "devices: found \"bogus\"; expected all, or a list"},
    {"devices: null, mig-enabled: false", "devices: found \"null\"; expected all"},
    {"devices: 1, mig-enabled: false", "devices: found \"1\"; expected all, or a list"},
    {"devices: {}, mig-enabled: false", "devices: found a map"},
    {"devices: [-1], mig-enabled: false",
     "devices: found \"-1\"; expected a plain decimal integer"},
    {"devices: [\"1\"], mig-enabled: false", "devices: found \"1\" in quotes"},
    {"devices: [1.5], mig-enabled: false", "devices: found \"1.5\""},
    {"devices: [65536], mig-enabled: false", "devices: found \"65536\""},
    {"devices: [[]], mig-enabled: false", "devices: found a list"},
    {"devices: all, mig-enabled: 1", "mig-enabled: found \"1\"; expected true or false"},
    {"devices: all, mig-enabled: \"true\"", "mig-enabled: found \"true\" in quotes"},
    {"devices: all, mig-enabled: null", "mig-enabled: found nothing"},
    {"devices: all, mig-enabled: []", "mig-enabled: found a list"},
    {"devices: all, mig-enabled: true, mig-devices: {bogus: 2}",
     "mig-devices: \"bogus\" is not a MIG profile name"},
    {"devices: all, mig-enabled: true, mig-devices: []", "mig-devices: found a list"},
    {"devices: all, mig-enabled: true, mig-devices: {1g.5gb: 0}", "mig-devices: found only counts"},
    {"devices: all, mig-enabled: true, mig-devices: {1g.5gb: -1, 2g.10gb: 1}",
     "1g.5gb: found \"-1\""},
    {"devices: all, mig-enabled: true, mig-devices: {1g.5gb: \"1\"}",
     "1g.5gb: found \"1\" in quotes"},
    {"devices: all, mig-enabled: true, mig-devices: {1g.5gb: 1.5}", "1g.5gb: found \"1.5\""},
    {"devices: all, mig-enabled: true, mig-devices: {1g.5gb: 256}", "1g.5gb: found \"256\""},
    {"devices: all, mig-enabled: true, mig-devices: {1g.5gb: null}", "1g.5gb: found nothing"},
    {"devices: all, mig-enabled: true, mig-devices: {1c.3g.20gb: 1, 1g.5gb: 1, \"1c.1g.5gb\": 2}",
     "found \"1c.1g.5gb\" again, spelled differently"},
    {"device-filter: \"bogus\", devices: all, mig-enabled: false",
     "device-filter: found \"bogus\", which fits no GPU"},
    {"device-filter: [\"0x233010DE\", nope], devices: all, mig-enabled: false",
     "device-filter: found \"nope\", which fits no GPU"},
    {"device-filter: \"0x233010DE:0x16C010DE:x\", devices: all, mig-enabled: false",
     "device-filter: found \"0x233010DE:0x16C010DE:x\""},
    {"device-filter: [\"\"], devices: all, mig-enabled: false", "device-filter: found \"\""},
    {"device-filter: {}, devices: all, mig-enabled: false", "device-filter: found a map"},
    {"device-filter: [[]], devices: all, mig-enabled: false", "device-filter: found a list"},
};

static void migconfig__refuses_entries_and_names_their_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad_entries) / sizeof(bad_entries[0]); i++) {
        char text[600];
        char says[300];
        snprintf(text, sizeof(text), "version: v1\nmig-configs:\n  a:\n  - {%s}\n",
                 bad_entries[i].entry);
        snprintf(says, sizeof(says), "f.yaml:4: %s", bad_entries[i].says);
        const struct bad_input bad = {text, says};
        check_bad_inputs(&bad, 1, parse);
    }
}

static void migconfig__bounds_what_a_file_may_hold(void **state)
{
    (void)state;
    char text[60000];
    struct gs_err err;
    size_t n = (size_t)snprintf(text, sizeof(text),
                                "version: v1\nmig-configs:\n  a:\n"
                                "  - mig-enabled: false\n    devices: [0");
    for (unsigned i = 0; i < GS_MIGCONFIG_DEVICES_MAX; i++) {
        n += (size_t)snprintf(text + n, sizeof(text) - n, ",%u", i);
    }
    snprintf(text + n, sizeof(text) - n, "]\n");
    assert_int_equal(parse(text, &err), GS_INVALID);
    assert_non_null(strstr(err.msg, "devices: found 1025 elements; expected 1024 at most"));

    n = (size_t)snprintf(text, sizeof(text),
                         "version: v1\nmig-configs:\n  a:\n"
                         "  - {devices: all, mig-enabled: true, mig-devices: {");
    for (unsigned i = 0; i <= GS_MIG_COUNTS_MAX; i++) {
        n += (size_t)snprintf(text + n, sizeof(text) - n, "1g.%ugb: 1, ", i);
    }
    snprintf(text + n, sizeof(text) - n, "}}\n");
    assert_int_equal(parse(text, &err), GS_INVALID);
    assert_non_null(strstr(err.msg, "found more than 64 kinds of slices"));
}

/* ---- profile names: form alone ---- */

static const char *const good_names[] = {
    "1g.5gb",         "2g.10gb",          "7g.40gb",       "1c.3g.20gb",   "2c.7g.40gb",
    "1c.1g.5gb",      "1g.5gb+me",        "1g.10gb+me",    "1c.1g.5gb+me", "1c.2g.10gb+me",
    "0g.0gb",         "0g.0gb+me",        "1g.5gb-me",     "1g.24gb-me",   "1g.24gb+me.all",
    "1g.24gb-me,all", "2g.48gb+gfx",      "1g.5gb+me,gfx", "1g.5gb+ABC",   "1g.5gb+a1",
    "1g.5gb+a.b.c",   "1g.5gb+me,me.all", "01g.5gb",
};
static const char *const bad_names[] = {
    "\"\"",
    "1g",
    "5gb",
    "1g.5",
    "1c.1g",
    "g.5gb",
    "1g.gb",
    "1g5gb",
    "1.5g.5gb",
    "-1g.5gb",
    "1g.-5gb",
    "+1g.5gb",
    "\" 1g.5gb\"",
    "\"1g.5gb \"",
    "\"1g. 5gb\"",
    "1g.5GB",
    "1G.5gb",
    "1g.5gb.me",
    "1g.5gb+",
    "1g.5gb-",
    "1g.5gb++me",
    "1g.5gb+me+gfx",
    "1g.5gb+me-gfx",
    "1g.5gb-me+gfx",
    "\"1g.5gb+me,\"",
    "\"1g.5gb+,me\"",
    "\"1g.5gb+me,me\"",
    "1g.5gb+1me",
    "1g.5gb+.me",
    "1g.5gb+me.",
    "1g.5gb+m_e",
    "\"1g.5gb+m e\"",
    "1g.5gb+*",
    "c.1g.5gb",
    "1c.g.5gb",
    "1c.1c.1g.5gb",
    "0.1g.5gb",
    "1cg.5gb",
};

static void migconfig__looks_at_the_form_of_profile_names_only(void **state)
{
    (void)state;
    char text[200];
    struct gs_err err;
    for (size_t i = 0; i < sizeof(good_names) / sizeof(good_names[0]); i++) {
        snprintf(text, sizeof(text),
                 "version: v1\nmig-configs: {a: [{devices: all, mig-enabled: true, mig-devices: "
                 "{\"%s\": 1}}]}",
                 good_names[i]);
        if (parse(text, &err) < 0) {
            fail_msg("%s", err.msg);
        }
    }
    for (size_t i = 0; i < sizeof(bad_names) / sizeof(bad_names[0]); i++) {
        snprintf(text, sizeof(text),
                 "version: v1\nmig-configs: {a: [{devices: all, mig-enabled: true, mig-devices: "
                 "{%s: 1}}]}",
                 bad_names[i]);
        if (parse(text, &err) != GS_INVALID) {
            fail_msg("%s was taken", bad_names[i]);
        }
    }
}

/* ---- what is read ---- */

static void migconfig__reads_every_field(void **state)
{
    (void)state;
    struct gs_migconfig config =
        read_config("version: v1\n"
                    "mig-configs:\n"
                    "  first:\n"
                    "    - device-filter: [\"0x233010DE\", \"0x232110DE:0x16C110DE\"]\n"
                    "      devices: [0, 3]\n"
                    "      mig-enabled: true\n"
                    "      mig-devices: {\"1c.3g.40gb\": 3, 1g.10gb+me: 1, 2g.20gb: 0}\n"
                    "  second:\n"
                    "    - devices: all\n"
                    "      mig-enabled: off\n");
    assert_string_equal(config.label, "f.yaml");
    assert_int_equal(config.n, 2);
    assert_string_equal(config.configs[0].name, "first");
    assert_int_equal(config.configs[0].line, 4);
    assert_string_equal(config.configs[1].name, "second");
    const struct gs_migconfig_entry *entry = &config.configs[0].entries[0];
    assert_int_equal(entry->line, 4);
    assert_int_equal(entry->n_filters, 2);
    assert_int_equal(entry->filters[0].device, 0x233010DE);
    assert_false(entry->filters[0].has_subsystem);
    assert_int_equal(entry->filters[1].device, 0x232110DE);
    assert_int_equal(entry->filters[1].subsystem, 0x16C110DE);
    assert_true(entry->filters[1].has_subsystem);
    assert_false(entry->all);
    assert_int_equal(entry->n_devices, 2);
    assert_int_equal(entry->devices[1], 3);
    assert_true(entry->mig_enabled);
    assert_int_equal(entry->n, 2);
    assert_int_equal(entry->slices[0].name.compute_slices, 1);
    assert_int_equal(entry->slices[0].name.gpu_slices, 3);
    assert_int_equal(entry->slices[0].count, 3);
    assert_string_equal(entry->slices[1].name.attrs, "me");
    entry = &config.configs[1].entries[0];
    assert_true(entry->all);
    assert_false(entry->mig_enabled);
    assert_int_equal(entry->n, 0);
    assert_int_equal(entry->n_filters, 0);
}

static void migconfig__selects_by_name_or_the_only_one(void **state)
{
    (void)state;
    struct gs_migconfig two =
        read_config("version: v1\nmig-configs: {all-1g.5gb: [" OFF "], all-2g.10gb: [" OFF "]}\n");
    struct gs_migconfig one = read_config("version: v1\nmig-configs: {only: [" OFF "]}\n");
    struct gs_migconfig none = read_config("");
    const struct gs_migconfig_choice *choice = NULL;
    struct gs_err err;
    assert_int_equal(gs_migconfig_select(&two, "all-2g.10gb", &choice, &err), 0);
    assert_ptr_equal(choice, &two.configs[1]);
    assert_int_equal(gs_migconfig_select(&one, NULL, &choice, &err), 0);
    assert_ptr_equal(choice, &one.configs[0]);
    assert_int_equal(gs_migconfig_select(&one, "", &choice, &err), 0);
    assert_int_equal(gs_migconfig_select(&two, "", &choice, &err), GS_AMBIGUOUS);
    assert_string_equal(err.msg, "f.yaml: found 2 configurations, \"all-1g.5gb\" the first; say by "
                                 "--selected-config which one is meant");
    assert_int_equal(gs_migconfig_select(&two, "all-1g.5g", &choice, &err), GS_NOT_FOUND);
    assert_non_null(strstr(err.msg, "all-1g.5gb"));
    assert_int_equal(gs_migconfig_select(&one, "other", &choice, &err), GS_NOT_FOUND);
    assert_int_equal(gs_migconfig_select(&none, "", &choice, &err), GS_NOT_FOUND);
    assert_int_equal(gs_migconfig_select(&none, "a", &choice, &err), GS_NOT_FOUND);
}

/* ---- filters ---- */

static const struct {
    const char *filter;
    uint32_t device, subsystem;
    bool fits;
} filters[] = {
    /* of one H100 whose subsystem is 16C0, unless the row says otherwise */
    {"0x233010DE", 0x233010DE, 0x16C010DE, true},
    {"0x233010de", 0x233010DE, 0x16C010DE, true},
    {"0X233010DE", 0x233010DE, 0x16C010DE, true},
    {"590352606", 0x233010DE, 0x16C010DE, true},
    {"0x233010DE:0x16C010DE", 0x233010DE, 0x16C010DE, true},
    {"0x233010DE:0x16C110DE", 0x233010DE, 0x16C010DE, false},
    {"0x233010DE:0x16C010DE", 0x233010DE, 0, false},
    {"0x233010DE:0x0", 0x233010DE, 0, true},
    {"0x233010DE:0x16C010DE", 0x233010DE, UINT32_MAX, false},
    {"0x233010DE:0xFFFFFFFF", 0x233010DE, UINT32_MAX, false},
    {"0xFFFFFFFF", UINT32_MAX, UINT32_MAX, false},
    {"0x233110DE", 0x233010DE, 0x16C010DE, false},
    {"0x2330", 0x233010DE, 0x16C010DE, false},
};

static void migconfig__filters_by_make_and_board(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        struct gs_migconfig_filter filter;
        const struct gs_migconfig_target gpu = {.pci_device_id = filters[i].device,
                                                .pci_subsystem_id = filters[i].subsystem};
        assert_int_equal(gs_migconfig_filter_parse(gs_view(filters[i].filter), &filter, NULL), 0);
        if (gs_migconfig_filter_fits(&filter, &gpu) != filters[i].fits) {
            fail_msg("row %zu, %s", i, filters[i].filter);
        }
    }
    static const char *const bad[] = {
        "",
        "0x",
        ":",
        "0x1:",
        ":0x1",
        "0x1:0x2:0x3",
        "not-an-id",
        "0x1FFFFFFFF",
        "4294967296",
        "010",
        "0x12g",
        "-1",
        "A100-SXM4-40GB",
        " 0x1",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct gs_migconfig_filter filter;
        struct gs_err err;
        assert_int_equal(gs_migconfig_filter_parse(gs_view(bad[i]), &filter, &err), GS_INVALID);
    }
}

/* ---- what each GPU is asked for ---- */

/* Four A100, one T4 that cannot be cut, two H100. */
static const struct gs_migconfig_target node[] = {
    {0, 0x20B010DE, 0x134F10DE, true},  {1, 0x20B010DE, 0x134F10DE, true},
    {2, 0x20B010DE, 0x144F10DE, true},  {3, 0x20B010DE, UINT32_MAX, true},
    {4, 0x1EB810DE, 0x12A210DE, false}, {5, 0x233010DE, 0x16C010DE, true},
    {6, 0x233010DE, 0x16C110DE, true},
};
enum { NODE = sizeof(node) / sizeof(node[0]) };

/* A letter a GPU: "." it keeps what it has, "-" MIG off, "0" on and empty, else the number of
 * slices. */
static const struct {
    const char *entries, *wishes;
} resolved[] = {
    {"[{devices: all, mig-enabled: false}]", "----.--"},
    {"[{devices: all, mig-enabled: true, mig-devices: {}}]", "0000.00"},
    {"[{devices: [4], mig-enabled: false}]", "....-.."},
    {"[{devices: [4], mig-enabled: true, mig-devices: {}}]", "....0.."},
    {"[{devices: [0, 6, 99], mig-enabled: true, mig-devices: {1g.5gb: 7}}]", "7.....7"},
    {"[{device-filter: 0x20B010DE, devices: all, mig-enabled: true, mig-devices: {1g.5gb: 2}}]",
     "2222..."},
    {"[{device-filter: [0x20B010DE, 0x233010DE], devices: [1, 5], mig-enabled: false}]", ".-...-."},
    {"[{device-filter: \"0x20B010DE:0x134F10DE\", devices: all, mig-enabled: false}]", "--....."},
    {"[{device-filter: [\"0x20B010DE:0x144F10DE\", \"0x233010DE:0x16C110DE\"], devices: all, "
     "mig-enabled: false}]",
     "..-...-"},
    {"[{device-filter: \"0x1EB810DE\", devices: all, mig-enabled: false}]", "......."},
    /* entries in order, the last that fits counts */
    {"[{devices: all, mig-enabled: true, mig-devices: {1g.5gb: 3}}, {devices: [1], mig-enabled: "
     "false}]",
     "3-33.33"},
    {"[{devices: [1], mig-enabled: false}, {devices: all, mig-enabled: true, mig-devices: {1g.5gb: "
     "3}}]",
     "3333.33"},
    {"[{device-filter: \"0x111110DE\", devices: all, mig-enabled: false}]", "......."},
    {"[{devices: [], mig-enabled: false}]", "......."},
};

static void migconfig__resolves_entries_for_each_gpu(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(resolved) / sizeof(resolved[0]); i++) {
        char text[600];
        snprintf(text, sizeof(text), "version: v1\nmig-configs:\n  a: %s\n", resolved[i].entries);
        struct gs_migconfig config = read_config(text);
        struct gs_mig_wish wishes[NODE];
        char got[NODE + 1] = "";
        gs_migconfig_resolve(&config.configs[0], node, NODE, wishes);
        for (unsigned g = 0; g < NODE; g++) {
            got[g] = !wishes[g].named         ? '.'
                     : !wishes[g].mig_enabled ? '-'
                     : wishes[g].n == 0       ? '0'
                                              : (char)('0' + wishes[g].slices[0].count);
        }
        assert_string_equal(got, resolved[i].wishes);
    }
}

/* ---- wishes ---- */

static struct gs_mig_wish wish_of(const char *slices)
{
    char text[400];
    struct gs_mig_wish wish;
    const struct gs_migconfig_target gpu = {.capable = true};
    snprintf(text, sizeof(text),
             "version: v1\nmig-configs: {a: [{devices: all, mig-enabled: true, mig-devices: %s}]}",
             slices);
    struct gs_migconfig config = read_config(text);
    gs_migconfig_resolve(&config.configs[0], &gpu, 1, &wish);
    return wish;
}

static const struct {
    const char *wish, *have;
    bool met;
} compared[] = {
    {"{}", "{}", true},
    {"{1g.5gb: 2}", "{1g.5gb: 2}", true},
    {"{1g.5gb: 2}", "{1g.5gb: 3}", false},
    {"{1g.5gb: 2}", "{}", false},
    {"{}", "{1g.5gb: 2}", false},
    {"{1g.5gb: 2, 2g.10gb: 1}", "{2g.10gb: 1, 1g.5gb: 2}", true},
    {"{1g.5gb: 2, 2g.10gb: 0}", "{1g.5gb: 2}", true}, /* mig-parted never says so */
    {"{1c.1g.5gb: 2}", "{1g.5gb: 2}", true},          /* nor here */
    {"{1c.3g.20gb: 3}", "{3g.20gb: 1}", false},
    {"{1g.5gb+me: 1}", "{1g.5gb: 1}", false},
    {"{\"1g.5gb+a,b\": 1}", "{\"1g.5gb+b,a\": 1}", true},
};

static void mig_wish__is_met_by_as_many_slices_of_each_kind(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(compared) / sizeof(compared[0]); i++) {
        struct gs_mig_wish wish = wish_of(compared[i].wish);
        struct gs_mig_wish have = wish_of(compared[i].have);
        if (gs_mig_wish_met(&wish, &have) != compared[i].met) {
            fail_msg("row %zu: %s, %s", i, compared[i].wish, compared[i].have);
        }
    }
    struct gs_mig_wish on = wish_of("{}");
    struct gs_mig_wish off = {.named = true};
    assert_false(gs_mig_wish_met(&on, &off));
    assert_false(gs_mig_wish_met(&off, &on));
    assert_true(gs_mig_wish_met(&off, &off));
}

static void mig_wish__is_written_for_people(void **state)
{
    (void)state;
    char text[60];
    struct gs_mig_wish wish = wish_of("{1c.3g.20gb: 1, 1g.5gb+me: 2}");
    gs_mig_wish_format(&wish, text, sizeof(text));
    assert_string_equal(text, "1x 1c.3g.20gb, 2x 1g.5gb+me");
    char small[18];
    gs_mig_wish_format(&wish, small, sizeof(small));
    assert_string_equal(small, "...");
    char mid[19];
    gs_mig_wish_format(&wish, mid, sizeof(mid));
    assert_string_equal(mid, "1x 1c.3g.20gb, ...");
    wish = wish_of("{}");
    gs_mig_wish_format(&wish, text, sizeof(text));
    assert_string_equal(text, "nothing");
    wish.mig_enabled = false;
    gs_mig_wish_format(&wish, text, sizeof(text));
    assert_string_equal(text, "MIG off");
}

static void mig_wish__counts_devices_up_to_its_bound(void **state)
{
    (void)state;
    struct gs_mig_wish wish = {.named = true};
    for (unsigned i = 0; i < GS_MIG_COUNTS_MAX; i++) {
        assert_true(gs_mig_wish_add(&wish, &(struct gs_profile_name){1, 1, i, 0, ""}));
        assert_true(gs_mig_wish_add(&wish, &(struct gs_profile_name){1, 1, i, 0, ""}));
    }
    assert_int_equal(wish.n, GS_MIG_COUNTS_MAX);
    assert_int_equal(wish.slices[63].count, 2);
    assert_false(gs_mig_wish_add(&wish, &(struct gs_profile_name){2, 2, 0, 0, ""}));
    assert_true(gs_mig_wish_add(&wish, &(struct gs_profile_name){1, 1, 5, 0, ""}));
}

/* ---- the configurations that NVIDIA brings along ---- */

static bool fits_model(const struct gs_model *model, const struct gs_mig_wish *wish)
{
    struct gs_arena work;
    uint8_t counts[GS_PROFILES_MAX] = {0};
    for (unsigned i = 0; i < wish->n; i++) {
        int p = gs_model_profile_index(model, &wish->slices[i].name);
        if (p < 0 || wish->slices[i].count > UINT8_MAX) {
            return false;
        }
        counts[p] = (uint8_t)wish->slices[i].count;
    }
    gs_arena_init(&work, &gs_alloc_heap, 256 << 20);
    const struct gs_statetable *states;
    bool fits = gs_statetable_new(&work, model, GS_ALL_PROFILES, &states, NULL) == 0 &&
                gs_statetable_multiset(states, counts) >= 0;
    gs_arena_done(&work);
    return fits;
}

static bool list_has(const char *models, const char *id)
{
    struct gs_view rest = gs_view(models);
    while (rest.p != NULL) {
        if (gs_view_eq(gs_view_split(&rest, ','), id)) {
            return true;
        }
    }
    return false;
}

static void migconfig__shipped_names_fit_the_models_that_they_are_for(void **state)
{
    (void)state;
    unsigned n_names = 2; /* all-disabled, all-enabled */
    unsigned n_fit = 2;
    size_t n_models;
    const struct gs_model *models = gs_catalog(&n_models);
    const char *last = "";
    for (size_t i = 0; i < sizeof(mig_names) / sizeof(mig_names[0]); i++) {
        const struct mig_name *row = &mig_names[i];
        struct gs_mig_wish wish = wish_of(row->slices);
        unsigned n = 0;
        for (size_t m = 0; m < n_models; m++) {
            if (list_has(row->models, models[m].id)) {
                assert_true(fits_model(&models[m], &wish));
                n++;
            }
        }
        bool is_new = strcmp(row->name, last) != 0;
        n_names += is_new ? 1 : 0;
        n_fit += is_new && n > 0 ? 1 : 0;
        last = row->name;
        if (n == 0) { /* it fits no model at all */
            for (size_t m = 0; m < n_models; m++) {
                assert_false(fits_model(&models[m], &wish));
            }
        }
    }
    assert_int_equal(n_names, 81);
    assert_int_equal(n_fit, 78);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(migconfig__takes_files_as_mig_parted_does, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(migconfig__refuses_files_that_are_not_of_its_form, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(migconfig__takes_entries_as_mig_parted_does, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(migconfig__refuses_entries_and_names_their_line, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(migconfig__bounds_what_a_file_may_hold, set_up, tear_down),
        cmocka_unit_test_setup_teardown(migconfig__looks_at_the_form_of_profile_names_only, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(migconfig__reads_every_field, set_up, tear_down),
        cmocka_unit_test_setup_teardown(migconfig__selects_by_name_or_the_only_one, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(migconfig__filters_by_make_and_board, set_up, tear_down),
        cmocka_unit_test_setup_teardown(migconfig__resolves_entries_for_each_gpu, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(mig_wish__is_met_by_as_many_slices_of_each_kind, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(mig_wish__is_written_for_people, set_up, tear_down),
        cmocka_unit_test(mig_wish__counts_devices_up_to_its_bound),
        cmocka_unit_test_setup_teardown(migconfig__shipped_names_fit_the_models_that_they_are_for,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
