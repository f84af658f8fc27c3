#include "unit/node/bed.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "node/metrics_emf.h"
#include "wire/emf.h"

static struct bed bed;
static struct gs_offer offer;
static struct gs_holding holding;
static struct gs_health health;
static struct gs_slice_readings readings[64];
static struct gs_metrics_counters counters;
static struct gs_metrics_input input;

static int set_up(void **state)
{
    (void)state;
    bed_init(&bed);
    gs_health_init(&health, &gs_alloc_heap);
    counters = (struct gs_metrics_counters){.recuts = 7, .recuts_failed = 2};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gs_health_done(&health);
    bed_done(&bed);
    return 0;
}

static void make(void)
{
    static const struct gs_podres_list nobody = {.n = 0};
    static const struct gs_kubelet_checkpoint nothing = {.n_grants = 0};
    assert_int_equal(gs_offer_new(&bed.arena, &bed.snapshot, &bed.config, &offer, NULL), 0);
    const struct gs_holding_input from = {
        .offer = &offer,
        .listed = &nobody,
        .checkpoint = &nothing,
        .pods_known = true,
        .pod_dirs_known = true,
        .processes_known = UINT32_MAX,
    };
    assert_int_equal(gs_holding_new(&bed.arena, &from, &holding, NULL), 0);
    memset(readings, 0xff, sizeof(readings)); /* nothing is known */
    input = (struct gs_metrics_input){.offer = &offer,
                                      .config = &bed.config,
                                      .holding = &holding,
                                      .health = &health,
                                      .slices = readings,
                                      .counters = &counters,
                                      .hostname = "node-1",
                                      .version = "0.1.0"};
}

/* The lines, as a list of JSON. */
static json_t *write_lines(unsigned detail, const struct gs_metrics_counters *before)
{
    const struct gs_metrics_emf emf = {.input = &input,
                                       .name_space = "GpuSlice",
                                       .cluster = "c1",
                                       .nodepool = "",
                                       .detail = detail,
                                       .at_ms = 5,
                                       .before = before};
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    json_t *all = json_array();
    gs_buf_init(&out, 4 << 20);
    assert_int_equal(gs_metrics_emf_write(&emf, &out, NULL), 0);
    for (const char *at = gs_buf_text(&out); *at != '\0'; at = strchr(at, '\n') + 1) {
        json_t *line =
            json_loadb(at, (size_t)(strchr(at, '\n') - at), JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(line);
        json_array_append_new(all, line);
    }
    return all;
}

static double number(const json_t *lines, size_t i, const char *name)
{
    const json_t *value = json_object_get(json_array_get(lines, i), name);
    return value == NULL ? -1 : json_number_value(value);
}

static const char *text(const json_t *lines, size_t i, const char *name)
{
    return json_string_value(json_object_get(json_array_get(lines, i), name));
}

static void emf__a_node_has_one_line_and_more_where_more_is_asked_for(void **state)
{
    static const size_t lines[] = {
        [GS_EMF_DETAIL_NODE] = 1, [GS_EMF_DETAIL_PROFILE] = 3, [GS_EMF_DETAIL_SLICE] = 3 + 4};
    (void)state;
    bed_cut(&bed, "A100-40GB", "3g.20gb@4,1g.5gb@0");
    bed_cut(&bed, "A100-40GB", "1g.5gb@0,1g.5gb@1");
    make();
    for (unsigned i = 0; i < 4; i++) {
        readings[i].fb_used_bytes = 0;
    }
    for (unsigned detail = 0; detail < GS_ARRAY_LEN(lines); detail++) {
        json_t *all = write_lines(detail, NULL);
        assert_int_equal(json_array_size(all), lines[detail]);
        assert_true(number(all, 0, "SlicesTotal") == 4);
        assert_true(number(all, 0, "SlicesIdle") == 4);
        assert_true(number(all, 0, "Gpus") == 2);
        json_decref(all);
    }
}

static void emf__what_is_not_known_is_not_told(void **state)
{
    (void)state;
    bed_cut(&bed, "A100-40GB", "1g.5gb@0");
    make();
    input.holding = NULL;
    json_t *all = write_lines(GS_EMF_DETAIL_SLICE, NULL);
    assert_int_equal(json_array_size(all), 2); /* of the slice nothing is known: it has no line */
    assert_true(number(all, 1, "SlicesTotal") == 1);
    assert_true(number(all, 1, "SlicesUsed") == -1);
    assert_true(number(all, 1, "SlicesIdle") == -1);
    assert_true(number(all, 1, "EngineActive") == -1);
    assert_true(number(all, 0, "RecutsDone") == -1);
    json_decref(all);
}

static void emf__counters_are_told_since_the_last_lines(void **state)
{
    const struct gs_metrics_counters before = {.recuts = 4, .recuts_failed = 2};
    (void)state;
    bed_cut(&bed, "A100-40GB", "1g.5gb@0");
    make();
    json_t *all = write_lines(GS_EMF_DETAIL_NODE, &before);
    assert_true(number(all, 0, "RecutsDone") == 3);
    assert_true(number(all, 0, "RecutsFailed") == 0);
    json_decref(all);
}

static void emf__uuids_are_members_and_no_dimensions(void **state)
{
    (void)state;
    bed_cut(&bed, "A100-40GB", "1g.5gb@0");
    make();
    readings[0].graphics_ppm = 635000;
    readings[0].fb_used_bytes = 3000000;
    json_t *all = write_lines(GS_EMF_DETAIL_SLICE, NULL);
    assert_true(number(all, 1, "EngineActive") == 63.5);
    assert_true(number(all, 2, "SliceEngineActive") == 63.5);
    assert_true(number(all, 2, "SliceMemoryUsed") == 3);
    assert_string_equal(text(all, 2, "GpuUuid"), "GPU-0");
    assert_string_equal(text(all, 2, "GpuIndex"), "0");
    json_t *directive = json_array_get(
        json_object_get(json_object_get(json_array_get(all, 2), "_aws"), "CloudWatchMetrics"), 0);
    char *dimensions = json_dumps(json_object_get(directive, "Dimensions"), JSON_COMPACT);
    assert_string_equal(dimensions,
                        "[[\"ClusterName\",\"NodeName\",\"GpuIndex\",\"GpuInstanceId\"]]");
    free(dimensions);
    json_decref(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(emf__a_node_has_one_line_and_more_where_more_is_asked_for,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(emf__what_is_not_known_is_not_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(emf__counters_are_told_since_the_last_lines, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(emf__uuids_are_members_and_no_dimensions, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
