#include "unit/node/bed.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/statetable.h"
#include "node/metrics.h"
#include "node/room.h"

static struct bed bed;
static struct gs_offer offer;
static struct gs_holding holding;
static struct gs_health health;
static struct gs_metrics_counters counters;
static struct gs_metrics_input input;
static struct gs_gpu_readings gpus[GS_GPUS_MAX];
static struct gs_slice_readings slices[64];
static struct gs_buf out;

static int set_up(void **state)
{
    (void)state;
    bed_init(&bed);
    gs_health_init(&health, &gs_alloc_heap);
    gs_buf_init(&out, 4 << 20);
    counters = (struct gs_metrics_counters){.recuts = 0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gs_buf_done(&out);
    gs_health_done(&health);
    bed_done(&bed);
    return 0;
}

static const struct gs_podres_list nobody = {.n = 0};
static const struct gs_kubelet_checkpoint nothing = {.n_grants = 0};

static void hold(const struct gs_podres_list *listed)
{
    const struct gs_holding_input from = {
        .offer = &offer,
        .listed = listed,
        .checkpoint = &nothing,
        .pods_known = true,
        .pod_dirs_known = true,
        .processes_known = UINT32_MAX,
    };
    assert_int_equal(gs_holding_new(&bed.arena, &from, &holding, NULL), 0);
}

/* Everything is known, nobody holds anything. */
static void make(void)
{
    assert_int_equal(gs_offer_new(&bed.arena, &bed.snapshot, &bed.config, &offer, NULL), 0);
    hold(&nobody);
    memset(gpus, 0xff, sizeof(gpus)); /* all is not known */
    memset(slices, 0xff, sizeof(slices));
    input = (struct gs_metrics_input){
        .offer = &offer,
        .config = &bed.config,
        .holding = &holding,
        .health = &health,
        .gpus = gpus,
        .slices = slices,
        .counters = &counters,
        .hostname = "node-1",
        .version = "0.1.0",
    };
}

/* The lines that begin so, without their HELP and TYPE. */
static const char *lines(const char *prefix)
{
    struct gs_buf found;
    gs_buf_reset(&out);
    gs_metrics_write(&input, &out);
    assert_true(gs_buf_ok(&out));
    gs_buf_init(&found, 4 << 20);
    for (const char *line = gs_buf_text(&out); *line != '\0'; line += strcspn(line, "\n") + 1) {
        if (strncmp(line, prefix, strlen(prefix)) == 0) {
            gs_buf_put(&found, line, strcspn(line, "\n") + 1);
        }
    }
    const char *text = gs_arena_text(&bed.arena, gs_buf_text(&found), found.len);
    gs_buf_done(&found);
    return text;
}

static void metrics__of_a_whole_gpu_are_those_of_dcgm_exporter(void **state)
{
    (void)state;
    bed_gpu(&bed, "A100-40GB");
    make();
    struct gs_slice_readings activity = slices[0];
    activity.graphics_ppm = 250000;
    activity.pcie_tx_bytes_per_s = 123456789012;
    input.activity = &activity;
    gpus[0] = (struct gs_gpu_readings){
        .sm_clock_mhz = 1410,
        .memory_clock_mhz = 1215,
        .temperature_c = 41,
        .memory_temperature_c = GS_NOT_KNOWN,
        .power_mw = 61417,
        .energy_mj = 1234567890123,
        .gpu_percent = 87,
        .memory_percent = GS_NOT_KNOWN,
        .encoder_percent = GS_NOT_KNOWN,
        .decoder_percent = GS_NOT_KNOWN,
        .fb_free_bytes = 40000ull << 20,
        .fb_used_bytes = (537ull << 20) + 5,
        .fb_reserved_bytes = UINT64_MAX,
        .remapped_correctable = 0,
        .remapped_uncorrectable = GS_NOT_KNOWN,
        .remap_failure = 0,
    };
#define OF                                                                                         \
    "{gpu=\"0\",UUID=\"GPU-0\",pci_bus_id=\"00000000:01:00.0\",device=\"nvidia0\","                \
    "modelName=\"NVIDIA A100-SXM4-40GB\",hostname=\"node-1\",DCGM_FI_DRIVER_VERSION=\"580.65.06\"} "
    assert_string_equal(lines("DCGM_"), "DCGM_FI_DEV_SM_CLOCK" OF "1410\n"
                                        "DCGM_FI_DEV_MEM_CLOCK" OF "1215\n"
                                        "DCGM_FI_DEV_GPU_TEMP" OF "41\n"
                                        "DCGM_FI_DEV_POWER_USAGE" OF "61.417000\n"
                                        "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION" OF "1234567890123\n"
                                        "DCGM_FI_DEV_PCIE_REPLAY_COUNTER" OF "0\n"
                                        "DCGM_FI_DEV_GPU_UTIL" OF "87\n"
                                        "DCGM_FI_DEV_XID_ERRORS" OF "0\n"
                                        "DCGM_FI_DEV_FB_FREE" OF "40000\n"
                                        "DCGM_FI_DEV_FB_USED" OF "537\n"
                                        "DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS" OF "0\n"
                                        "DCGM_FI_DEV_ROW_REMAP_FAILURE" OF "0\n"
                                        "DCGM_FI_PROF_GR_ENGINE_ACTIVE" OF "0.250000\n"
                                        "DCGM_FI_PROF_PCIE_TX_BYTES" OF "123456789012\n");
    assert_string_equal(lines("# HELP DCGM_FI_DEV_SM_CLOCK"),
                        "# HELP DCGM_FI_DEV_SM_CLOCK SM clock frequency (in MHz).\n");
    assert_string_equal(lines("# TYPE DCGM_FI_DEV_TOTAL"),
                        "# TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION counter\n");
    assert_string_equal(lines("# TYPE DCGM_FI_DEV_MEMORY_TEMP"), "");
}

/* One device of one container of one pod. */
struct holder {
    const char *ids[1];
    struct gs_podres_devices devices;
    struct gs_podres_container container;
    struct gs_podres_pod pod;
};

static const struct gs_podres_pod *one_pod(struct holder *holder, const char *name,
                                           const char *resource, const char *id)
{
    holder->ids[0] = id;
    holder->devices =
        (struct gs_podres_devices){.resource = resource, .n_ids = 1, .ids = holder->ids};
    holder->container =
        (struct gs_podres_container){.name = "main", .n_devices = 1, .devices = &holder->devices};
    holder->pod = (struct gs_podres_pod){
        .name = name, .namespace_ = "ns", .n_containers = 1, .containers = &holder->container};
    return &holder->pod;
}

static void metrics__of_a_cut_gpu_are_of_its_instances_and_name_the_pod(void **state)
{
    (void)state;
    struct holder one;
    bed_cut(&bed, "A100-40GB", "1g.5gb+me@0,1c.2g.10gb@2;1c.2g.10gb");
    bed_cut(&bed, "A100-40GB", "");
    make();
    struct gs_podres_list listed = {
        .n = 1, .pods = one_pod(&one, "train", "nvidia.com/mig-1c.2g.10gb", "MIG-0-2-1")};
    hold(&listed);
    gpus[0].temperature_c = 50;
    gpus[1].temperature_c = 30;
    slices[0].fb_used_bytes = 12ull << 20;
    slices[1].fb_used_bytes = 34ull << 20;
#define HEAD(g, more) "{gpu=\"" g "\",UUID=\"GPU-" g "\",pci_bus_id=\"00000000:0" more
#define TAIL(g) ":00.0\",device=\"nvidia" g "\",modelName=\"NVIDIA A100-SXM4-40GB\","
#define HOST "hostname=\"node-1\",DCGM_FI_DRIVER_VERSION=\"580.65.06\""
#define POD ",container=\"main\",namespace=\"ns\",pod=\"train\""
    assert_string_equal(
        lines("DCGM_FI_DEV_GPU_TEMP"),
        "DCGM_FI_DEV_GPU_TEMP" HEAD("0", "1")
            TAIL("0") "GPU_I_PROFILE=\"1g.5gb+me\",GPU_I_ID=\"1\"," HOST "} 50\n"
                      "DCGM_FI_DEV_GPU_TEMP" HEAD("0", "1")
                          TAIL("0") "GPU_I_PROFILE=\"2g.10gb\",GPU_I_ID=\"2\"," HOST POD "} 50\n"
                                    "DCGM_FI_DEV_GPU_TEMP" HEAD("1", "2") TAIL("1") HOST "} 30\n");
    assert_string_equal(
        lines("DCGM_FI_DEV_FB_USED"),
        "DCGM_FI_DEV_FB_USED" HEAD("0", "1")
            TAIL("0") "GPU_I_PROFILE=\"1g.5gb+me\",GPU_I_ID=\"1\"," HOST "} 12\n"
                      "DCGM_FI_DEV_FB_USED" HEAD("0", "1")
                          TAIL("0") "GPU_I_PROFILE=\"2g.10gb\",GPU_I_ID=\"2\"," HOST POD "} 34\n");
}

static void metrics__have_a_sample_for_each_container_of_a_shared_device(void **state)
{
    (void)state;
    struct holder one;
    struct holder two;
    struct gs_podres_pod pods[2];
    bed_configure(&bed, "sharing: {timeSlicing: {resources: [{name: gpu, replicas: 4}]}}\n"
                        "agent: {metricsPodUID: true, metricsOldNames: true}");
    bed_gpu(&bed, "A100-40GB");
    make();
    pods[0] = *one_pod(&one, "a", "nvidia.com/gpu", "GPU-0::3");
    pods[1] = *one_pod(&two, "b", "nvidia.com/gpu", "GPU-0::1");
    const struct gs_podres_list listed = {.n = 2, .pods = pods};
    const struct gs_holder_pod known = {.uid = "u-a", .name_space = "ns", .name = "a"};
    const struct gs_holding_input from = {.offer = &offer,
                                          .listed = &listed,
                                          .checkpoint = &nothing,
                                          .pods_known = true,
                                          .pods = &known,
                                          .n_pods = 1,
                                          .pod_dirs_known = true,
                                          .processes_known = UINT32_MAX};
    assert_int_equal(gs_holding_new(&bed.arena, &from, &holding, NULL), 0);
    gpus[0].temperature_c = 50;
#define GPU0                                                                                       \
    "DCGM_FI_DEV_GPU_TEMP" HEAD("0", "1") TAIL("0") "Hostname=\"node-1\","                         \
                                                    "DCGM_FI_DRIVER_VERSION=\"580.65.06\","        \
                                                    "container=\"main\",namespace=\"ns\","
    assert_string_equal(lines("DCGM_FI_DEV_GPU_TEMP"),
                        GPU0 "pod=\"a\",pod_uid=\"u-a\",vgpu=\"3\"} 50\n" GPU0
                             "pod=\"b\",vgpu=\"1\"} 50\n");
}

static void metrics__show_the_last_error_of_an_instance(void **state)
{
    (void)state;
    bool changed;
    struct gs_health_rules rules;
    bed_cut(&bed, "A100-40GB", "1g.5gb@0,1g.5gb@1");
    make();
    gs_health_rules_init(&rules, &bed.config);
    const struct gs_gpu_event event = {
        .kind = GS_GPU_EVENT_XID, .gpu = 0, .gi = 2, .ci = 0, .data = 43};
    assert_int_equal(gs_health_event(&health, &bed.snapshot, &rules, &event, 1, &changed, NULL), 0);
    const char *text = lines("DCGM_FI_DEV_XID_ERRORS");
    assert_non_null(strstr(text, "GPU_I_ID=\"1\"," HOST "} 0\n"));
    assert_non_null(strstr(text, "GPU_I_ID=\"2\"," HOST "} 43\n"));
    input.health = NULL;
    assert_string_equal(lines("DCGM_FI_DEV_XID_ERRORS"), "");
}

static void metrics__count_slices_by_what_is_with_them(void **state)
{
    (void)state;
    struct holder one;
    struct gs_health_rules rules;
    bool changed;
    bed_cut(&bed, "A100-40GB", "1g.5gb@0,1g.5gb@1,1g.5gb@2,1g.5gb@3,2g.10gb@4");
    bed_cut(&bed, "A100-40GB", "2g.10gb@0")->lost = true;
    make();
    struct gs_podres_list listed = {
        .n = 1, .pods = one_pod(&one, "a", "nvidia.com/mig-1g.5gb", "MIG-0-1-0")};
    hold(&listed);
    gs_health_rules_init(&rules, &bed.config);
    const struct gs_gpu_event event = {
        .kind = GS_GPU_EVENT_XID, .gpu = 0, .gi = 2, .ci = 0, .data = 79};
    assert_int_equal(gs_health_event(&health, &bed.snapshot, &rules, &event, 1, &changed, NULL), 0);
    const struct gs_offer_mark mark = {.slice = bed.slices[2].id, .retiring = true};
    input.marks = &mark;
    input.n_marks = 1;
    assert_string_equal(lines("gpuslice_slices{"),
                        "gpuslice_slices{profile=\"1g.5gb\",state=\"idle\"} 1\n"
                        "gpuslice_slices{profile=\"1g.5gb\",state=\"held\"} 1\n"
                        "gpuslice_slices{profile=\"1g.5gb\",state=\"sick\"} 1\n"
                        "gpuslice_slices{profile=\"1g.5gb\",state=\"retiring\"} 1\n"
                        "gpuslice_slices{profile=\"2g.10gb\",state=\"idle\"} 1\n"
                        "gpuslice_slices{profile=\"2g.10gb\",state=\"held\"} 0\n"
                        "gpuslice_slices{profile=\"2g.10gb\",state=\"sick\"} 1\n"
                        "gpuslice_slices{profile=\"2g.10gb\",state=\"retiring\"} 0\n");
    input.holding = NULL;
    assert_non_null(strstr(lines("gpuslice_slices{"),
                           "gpuslice_slices{profile=\"1g.5gb\",state=\"unknown\"} 2\n"));
    assert_string_equal(lines("gpuslice_slice_info{gpu=\"1\""),
                        "gpuslice_slice_info{gpu=\"1\",UUID=\"GPU-1\",profile=\"2g.10gb\","
                        "GPU_I_ID=\"1\",ci=\"0\",start=\"0\",mig_uuid=\"MIG-1-1-0\"} 1\n");
}

static void metrics__tell_where_more_could_be_cut(void **state)
{
    (void)state;
    struct holder one;
    bed_cut(&bed, "A100-40GB", "3g.20gb@4,1g.5gb@0");
    make();
    struct gs_podres_list listed = {
        .n = 1, .pods = one_pod(&one, "a", "nvidia.com/mig-1g.5gb", "MIG-0-2-0")};
    hold(&listed);
#define PLACE(profile, beside)                                                                     \
    "gpuslice_free_placements{gpu=\"0\",UUID=\"GPU-0\",profile=\"" profile "\",beside=\"" beside   \
    "\"} "
    const char *text = lines("gpuslice_free_placements{");
    assert_non_null(strstr(text, PLACE("1g.5gb", "all") "3\n"));
    assert_non_null(strstr(text, PLACE("2g.10gb", "all") "1\n"));
    assert_non_null(strstr(text, PLACE("3g.20gb", "all") "0\n"));
    assert_non_null(strstr(text, PLACE("2g.10gb", "held") "2\n"));
    assert_non_null(strstr(text, PLACE("3g.20gb", "held") "1\n"));
    assert_non_null(strstr(text, PLACE("4g.20gb", "held") "0\n"));
    assert_non_null(strstr(text, PLACE("7g.40gb", "held") "0\n"));
    /* 6 of 7 compute slices are free, and the largest that fits is a 3g */
    assert_string_equal(lines("gpuslice_fragmentation_ratio{"),
                        "gpuslice_fragmentation_ratio{gpu=\"0\",UUID=\"GPU-0\"} 0.5\n");
    bed.gpus[0].model = NULL;
    assert_string_equal(lines("gpuslice_free_placements"), "");
    assert_string_equal(lines("gpuslice_fragmentation_ratio"), "");
}

static void metrics__count_what_the_agent_did(void **state)
{
    (void)state;
    const struct gs_condition conditions[] = {
        {.code = GS_COND_GPU_LOST, .subject = "GPU-0", .text = ""},
        {.code = GS_COND_GPU_LOST, .subject = "GPU-0", .text = ""},
        {.code = GS_COND_SINGLE_MIXED, .subject = "", .text = ""},
    };
    make();
    gs_metrics_count(&counters, 50000);
    gs_metrics_count(&counters, 50001);
    gs_metrics_count(&counters, UINT32_MAX);
    counters.recuts_busy = 4;
    counters.allocations = 7;
    input.conditions = conditions;
    input.n_conditions = 3;
    assert_string_equal(lines("gpuslice_recuts_total{"),
                        "gpuslice_recuts_total{result=\"done\"} 3\n"
                        "gpuslice_recuts_total{result=\"failed\"} 0\n"
                        "gpuslice_recuts_total{result=\"busy\"} 4\n");
    const char *text = lines("gpuslice_recut_seconds");
    assert_non_null(strstr(text, "gpuslice_recut_seconds_bucket{le=\"0.05\"} 1\n"
                                 "gpuslice_recut_seconds_bucket{le=\"0.1\"} 2\n"));
    assert_non_null(strstr(text, "gpuslice_recut_seconds_bucket{le=\"160\"} 2\n"
                                 "gpuslice_recut_seconds_bucket{le=\"+Inf\"} 3\n"
                                 "gpuslice_recut_seconds_sum 4295.067296\n"
                                 "gpuslice_recut_seconds_count 3\n"));
    assert_string_equal(lines("gpuslice_condition{"),
                        "gpuslice_condition{condition=\"GPULost\",subject=\"GPU-0\"} 1\n"
                        "gpuslice_condition{condition=\"SingleMixed\",subject=\"\"} 1\n");
    assert_string_equal(lines("gpuslice_agent_info"),
                        "gpuslice_agent_info{version=\"0.1.0\",driver_version=\"580.65.06\","
                        "mig_strategy=\"mixed\"} 1\n");
}

/* ---- the page as a whole ---- */

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Prometheus' text format: a family's lines stand together behind its HELP and TYPE; no series is
 * there twice; a line is a name, labels and a number. */
static void check_page(char *page)
{
    char *series[20000];
    size_t n = 0;
    char family[100] = "";
    for (char *line = strtok(page, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (strncmp(line, "# TYPE ", 7) == 0) {
            snprintf(family, sizeof(family), "%.*s", (int)strcspn(line + 7, " "), line + 7);
            continue;
        }
        if (line[0] == '#') {
            continue;
        }
        assert_true(strncmp(line, family, strlen(family)) == 0);
        char *number = strrchr(line, ' ');
        assert_non_null(number);
        *number++ = '\0';
        assert_true(isdigit((unsigned char)number[0]) &&
                    strspn(number, "0123456789.") == strlen(number));
        assert_true(n < GS_ARRAY_LEN(series));
        series[n++] = line;
    }
    qsort(series, n, sizeof(series[0]), compare_texts);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(series[i - 1], series[i]) == 0) {
            fail_msg("%s is there twice", series[i]);
        }
    }
}

/* A full node: 8 GPUs, 56 slices, all held, with everything read. */
static void metrics__of_a_full_node_are_well_formed_and_no_series_is_there_twice(void **state)
{
    (void)state;
    struct holder holders[8];
    struct gs_podres_pod pods[8];
    for (unsigned g = 0; g < 8; g++) {
        bed_cut(&bed, "A100-40GB",
                g == 3   ? "1c.3g.20gb@4;1c.3g.20gb;1c.3g.20gb,1g.10gb@0"
                : g == 4 ? ""
                         : "1g.5gb@0,1g.5gb@1,1g.5gb@2,1g.5gb@3,1g.5gb@4,1g.5gb@5,1g.5gb@6");
    }
    bed_gpu(&bed, "L4");
    make();
    memset(gpus, 0, sizeof(gpus));
    memset(slices, 0, sizeof(slices));
    for (unsigned i = 0; i < 8; i++) {
        pods[i] = *one_pod(&holders[i], "same", "nvidia.com/mig-1g.5gb", bed.slices[i].uuid);
    }
    const struct gs_podres_list listed = {.n = 8, .pods = pods};
    hold(&listed);
    gs_metrics_write(&input, &out);
    assert_true(gs_buf_ok(&out));
    print_message("%zu bytes\n", out.len);
    char *page = strdup(gs_buf_text(&out));
    check_page(page);
    free(page);
}

static void metrics__keep_within_the_bound_of_the_page(void **state)
{
    (void)state;
    struct gs_buf small;
    bed_cut(&bed, "A100-40GB", "1g.5gb@0");
    make();
    memset(gpus, 0, sizeof(gpus));
    gs_buf_init(&small, 1000);
    gs_metrics_write(&input, &small);
    assert_false(gs_buf_ok(&small));
    assert_true(small.len <= 1000);
    gs_buf_done(&small);
}

/* gs_room agrees with the core's state tables in every state of a model. */
static void room__is_that_of_the_cores_state_tables(void **state)
{
    (void)state;
    static const char *const models[] = {"A100-40GB", "A30-24GB", "RTX-PRO-6000-96GB"};
    for (size_t m = 0; m < GS_ARRAY_LEN(models); m++) {
        struct gs_snapshot_gpu *gpu = bed_gpu(&bed, models[m]);
        const struct gs_statetable *table;
        assert_int_equal(gs_statetable_new(&bed.arena, gpu->model, GS_ALL_PROFILES, &table, NULL),
                         0);
        for (unsigned s = 0; s < table->n_states; s++) {
            struct gs_room room;
            gs_room_init(&room, gpu->model);
            for (uint64_t rest = table->sets[s]; rest != 0; rest &= rest - 1) {
                const struct gs_placement *placement = &table->placements[__builtin_ctzll(rest)];
                const struct gs_profile *profile = &gpu->model->profiles[placement->profile];
                const struct gs_snapshot_slice slice = {.profile = profile->parts,
                                                        .start = placement->start,
                                                        .size = profile->memory_units};
                gs_room_put(&room, &slice);
            }
            assert_int_equal(gs_room_count_all(&room), gs_statetable_freedom(table, (uint16_t)s));
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(metrics__of_a_whole_gpu_are_those_of_dcgm_exporter),
        TEST(metrics__of_a_cut_gpu_are_of_its_instances_and_name_the_pod),
        TEST(metrics__have_a_sample_for_each_container_of_a_shared_device),
        TEST(metrics__show_the_last_error_of_an_instance),
        TEST(metrics__count_slices_by_what_is_with_them),
        TEST(metrics__tell_where_more_could_be_cut),
        TEST(metrics__count_what_the_agent_did),
        TEST(metrics__of_a_full_node_are_well_formed_and_no_series_is_there_twice),
        TEST(metrics__keep_within_the_bound_of_the_page),
        TEST(room__is_that_of_the_cores_state_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
