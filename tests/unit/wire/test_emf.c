#include "unit/check.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "wire/emf.h"

#define UUID "5e2c1d0a-94b1-4c55-8d4e-0f6f5a3c2b1d"

static const char *const cluster[] = {"ClusterName"};
static const char *const profile[] = {"ClusterName", "Profile"};
static const struct gs_emf_set sets[] = {{cluster, 1}, {profile, 2}};
static const struct gs_emf_member members[] = {
    {"ClusterName", "c1"}, {"Profile", "1g.5gb"}, {"GpuUuid", "GPU-" UUID}};
static const struct gs_emf_metric metrics[] = {{"SlicesTotal", 56, GS_EMF_COUNT},
                                               {"EngineActive", 63.5, GS_EMF_PERCENT}};

static struct gs_emf good(void)
{
    return (struct gs_emf){.name_space = "GpuSlice",
                           .at_ms = 1790000000000,
                           .sets = sets,
                           .n_sets = 2,
                           .members = members,
                           .n_members = 3,
                           .metrics = metrics,
                           .n_metrics = 2};
}

static void emf__a_line_is_as_the_specification_has_it(void **state)
{
    struct gs_emf emf = good();
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    (void)state;
    gs_buf_init(&out, GS_EMF_LINE_MAX);
    assert_int_equal(gs_emf_write(&emf, &out, NULL), 0);
    assert_string_equal(gs_buf_text(&out),
                        "{\"_aws\":{\"Timestamp\":1790000000000,\"CloudWatchMetrics\":[{"
                        "\"Namespace\":\"GpuSlice\",\"Dimensions\":[[\"ClusterName\"],"
                        "[\"ClusterName\",\"Profile\"]],\"Metrics\":[{\"Name\":\"SlicesTotal\","
                        "\"Unit\":\"Count\"},{\"Name\":\"EngineActive\",\"Unit\":\"Percent\"}]}]},"
                        "\"ClusterName\":\"c1\",\"Profile\":\"1g.5gb\",\"GpuUuid\":\"GPU-" UUID
                        "\",\"SlicesTotal\":56,\"EngineActive\":63.5}\n");
}

static void emf__what_is_no_number_does_not_leave(void **state)
{
    const double unknown[] = {NAN, -NAN, INFINITY, -INFINITY, 0x1p361, -0x1p361};
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(unknown); i++) {
        struct gs_emf_metric both[] = {{"A", unknown[i], GS_EMF_COUNT}, {"B", 1, GS_EMF_COUNT}};
        struct gs_emf emf = good();
        GS_CLEANUP(gs_buf_done) struct gs_buf out;
        gs_buf_init(&out, GS_EMF_LINE_MAX);
        emf.metrics = both;
        emf.n_metrics = 1;
        assert_int_equal(gs_emf_write(&emf, &out, NULL), 0);
        assert_int_equal(out.len, 0); /* a line that tells nothing is none */
        emf.n_metrics = 2;
        assert_int_equal(gs_emf_write(&emf, &out, NULL), 0);
        assert_null(strstr(gs_buf_text(&out), "\"A\""));
        assert_non_null(strstr(gs_buf_text(&out), "\"B\":1}"));
    }
}

static const char long_name[] =
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

static void emf__bad_names_do_not_leave(void **state)
{
    static const struct {
        const char *name_space; /* NULL: a good one, and so on */
        const char *dimension;
        const char *value;
        const char *member;
        const char *metric;
        int code;
    } cases[] = {
        {.name_space = "Gpu Slice", .code = GS_INVALID},
        {.name_space = ":GpuSlice", .code = GS_INVALID},
        {.name_space = "", .code = GS_INVALID},
        {.dimension = "", .code = GS_INVALID},
        {.dimension = " ", .code = GS_INVALID},
        {.dimension = ":Cluster", .code = GS_INVALID},
        {.dimension = "Größe", .code = GS_INVALID},
        {.dimension = "a\nb", .code = GS_INVALID},
        {.dimension = "_aws", .code = GS_INVALID},
        {.dimension = long_name, .code = GS_INVALID},
        {.value = "", .code = GS_INVALID},
        {.value = "   ", .code = GS_INVALID},
        {.value = "ä", .code = GS_INVALID},
        {.value = "a\tb", .code = GS_INVALID},
        {.value = "GPU-" UUID, .code = GS_INVALID},
        {.value = "MIG-" UUID, .code = GS_INVALID},
        {.value = "x" UUID "y", .code = GS_INVALID},
        {.value = "5e2c1d0a-94b1-4c55-8d4e-0f6f5a3c2b1", .code = 0}, /* a digit short */
        {.member = "ClusterName", .code = GS_INVALID},
        {.member = "_aws", .code = GS_INVALID},
        {.member = "", .code = GS_INVALID},
        {.member = "\xff", .code = GS_INVALID},
        {.member = "any \"name\" \\ is fine\n", .code = 0},
        {.metric = "", .code = GS_INVALID},
        {.metric = ":A", .code = GS_INVALID},
        {.metric = "_aws", .code = GS_INVALID},
        {.metric = "ClusterName", .code = GS_INVALID}, /* would take the place of the dimension */
        {.metric = "B", .code = GS_INVALID},
        {.metric = "\xc3\xa4", .code = GS_INVALID},
        {.metric = long_name, .code = GS_INVALID},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        const char *name = cases[i].dimension != NULL ? cases[i].dimension : "ClusterName";
        const char *names[] = {name};
        struct gs_emf_set set = {names, 1};
        struct gs_emf_member own[] = {{name, cases[i].value != NULL ? cases[i].value : "c1"},
                                      {cases[i].member != NULL ? cases[i].member : "Note", "text"}};
        struct gs_emf_metric two[] = {
            {cases[i].metric != NULL ? cases[i].metric : "A", 1, GS_EMF_COUNT},
            {"B", 1, GS_EMF_COUNT}};
        struct gs_emf emf = {.name_space =
                                 cases[i].name_space != NULL ? cases[i].name_space : "GpuSlice",
                             .sets = &set,
                             .n_sets = 1,
                             .members = own,
                             .n_members = 2,
                             .metrics = two,
                             .n_metrics = 2};
        struct gs_err err = {.code = GS_OK};
        GS_CLEANUP(gs_buf_done) struct gs_buf out;
        gs_buf_init(&out, GS_EMF_LINE_MAX);
        int r = gs_emf_write(&emf, &out, &err);
        if (r != cases[i].code || (r != 0 && (out.len != 0 || err.msg[0] == '\0'))) {
            fail_msg("case %zu: %d, %zu bytes: %s", i, r, out.len, err.msg);
        }
    }
}

static void emf__a_dimension_has_a_value_and_is_there_once(void **state)
{
    static const char *const missing[] = {"ClusterName", "NodeName"};
    static const char *const twice[] = {"ClusterName", "ClusterName"};
    const char *const *const bad[] = {missing, twice};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct gs_emf_set set = {bad[i], 2};
        struct gs_emf emf = good();
        struct gs_buf out;
        gs_buf_init(&out, GS_EMF_LINE_MAX);
        emf.sets = &set;
        emf.n_sets = 1;
        assert_int_equal(gs_emf_write(&emf, &out, NULL), GS_INVALID);
        assert_int_equal(out.len, 0);
    }
}

static void emf__bounds_hold(void **state)
{
    const char *names[GS_EMF_DIMENSIONS_MAX + 1];
    struct gs_emf_member own[GS_EMF_DIMENSIONS_MAX + 1];
    char texts[GS_EMF_DIMENSIONS_MAX + 1][8];
    struct gs_emf emf = good();
    struct gs_emf_set set = {names, GS_EMF_DIMENSIONS_MAX};
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    (void)state;
    gs_buf_init(&out, GS_EMF_LINE_MAX);
    for (unsigned i = 0; i <= GS_EMF_DIMENSIONS_MAX; i++) {
        snprintf(texts[i], sizeof(texts[i]), "d%u", i);
        names[i] = texts[i];
        own[i] = (struct gs_emf_member){texts[i], "v"};
    }
    emf.sets = &set;
    emf.n_sets = 1;
    emf.members = own;
    emf.n_members = GS_EMF_DIMENSIONS_MAX + 1;
    assert_int_equal(gs_emf_write(&emf, &out, NULL), 0);
    set.n++;
    assert_int_equal(gs_emf_write(&emf, &out, NULL), GS_LIMIT);
    emf = good();
    emf.n_sets = 0;
    assert_int_equal(gs_emf_write(&emf, &out, NULL), GS_LIMIT);
    emf = good();
    emf.n_metrics = GS_EMF_RECORD_METRICS_MAX + 1;
    assert_int_equal(gs_emf_write(&emf, &out, NULL), GS_LIMIT);
}

static void emf__more_than_100_metrics_become_lines(void **state)
{
    struct gs_emf_metric many[250];
    char texts[250][8];
    struct gs_emf emf = good();
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    size_t sum = 0;
    size_t lines = 0;
    (void)state;
    gs_buf_init(&out, 4 * GS_EMF_LINE_MAX);
    for (unsigned i = 0; i < 250; i++) {
        snprintf(texts[i], sizeof(texts[i]), "m%u", i);
        many[i] = (struct gs_emf_metric){texts[i], i % 5 == 0 ? (double)NAN : i, GS_EMF_NONE};
    }
    emf.metrics = many;
    emf.n_metrics = 250;
    assert_int_equal(gs_emf_write(&emf, &out, NULL), 0);
    for (const char *at = gs_buf_text(&out); *at != '\0'; at = strchr(at, '\n') + 1, lines++) {
        json_t *root = json_loadb(at, (size_t)(strchr(at, '\n') - at), 0, NULL);
        json_t *directives = json_object_get(json_object_get(root, "_aws"), "CloudWatchMetrics");
        size_t n = json_array_size(json_object_get(json_array_get(directives, 0), "Metrics"));
        assert_in_range(n, 1, GS_EMF_METRICS_MAX);
        assert_int_equal(json_object_size(root), 1 + 3 + n);
        sum += n;
        json_decref(root);
    }
    assert_int_equal(lines, 2);
    assert_int_equal(sum, 200);
}

static void emf__a_line_that_is_too_long_is_none(void **state)
{
    static char text[GS_EMF_LINE_MAX];
    struct gs_emf_member own[] = {{"ClusterName", "c1"}, {"Note", text}};
    struct gs_emf_set set = {cluster, 1};
    struct gs_emf emf = good();
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    gs_buf_init(&out, 2 * GS_EMF_LINE_MAX);
    gs_buf_puts(&out, "kept");
    emf.sets = &set;
    emf.n_sets = 1;
    emf.members = own;
    emf.n_members = 2;
    assert_int_equal(gs_emf_write(&emf, &out, NULL), GS_LIMIT);
    assert_string_equal(gs_buf_text(&out), "kept");
    text[1000] = '\0';
    assert_int_equal(gs_emf_write(&emf, &out, NULL), 0);
    struct gs_buf small;
    gs_buf_init(&small, 500); /* the caller's own bound */
    assert_int_equal(gs_emf_write(&emf, &small, NULL), GS_LIMIT);
    assert_true(gs_buf_ok(&small));
}

static void emf__numbers_read_back_the_same(void **state)
{
    static const double numbers[] = {0,       -0.0,   1, 0.1, 1e-300, 12345678901234567.0,
                                     1.0 / 3, 0x1p360};
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(numbers); i++) {
        struct gs_emf_metric one = {"A", numbers[i], GS_EMF_NONE};
        struct gs_emf emf = good();
        GS_CLEANUP(gs_buf_done) struct gs_buf out;
        gs_buf_init(&out, GS_EMF_LINE_MAX);
        emf.metrics = &one;
        emf.n_metrics = 1;
        assert_int_equal(gs_emf_write(&emf, &out, NULL), 0);
        json_t *root = json_loads(gs_buf_text(&out), JSON_DECODE_INT_AS_REAL, NULL);
        assert_non_null(root);
        assert_true(json_real_value(json_object_get(root, "A")) == numbers[i]);
        json_decref(root);
    }
}

static void emf__any_text_becomes_a_value(void **state)
{
    static const struct {
        const char *text;
        const char *value;
    } cases[] = {{"node-1", "node-1"}, {"", "-"},
                 {"  ", "-"},          {"a\nb", "a?b"},
                 {"\xc3\xa4x", "??x"}, {"123456789012345", "12345678901"}};
    char value[12];
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        gs_emf_value(cases[i].text, value, sizeof(value));
        assert_string_equal(value, cases[i].value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(emf__a_line_is_as_the_specification_has_it),
        cmocka_unit_test(emf__what_is_no_number_does_not_leave),
        cmocka_unit_test(emf__bad_names_do_not_leave),
        cmocka_unit_test(emf__a_dimension_has_a_value_and_is_there_once),
        cmocka_unit_test(emf__bounds_hold),
        cmocka_unit_test(emf__more_than_100_metrics_become_lines),
        cmocka_unit_test(emf__a_line_that_is_too_long_is_none),
        cmocka_unit_test(emf__numbers_read_back_the_same),
        cmocka_unit_test(emf__any_text_becomes_a_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
