/* What a cluster says of itself: kubectl's pods, Prometheus' ranges. */
#include "unit/trace/bed.h"

#include <stdio.h>
#include <string.h>

static void expect_begins(const char *found, const char *expected)
{
    if (strncmp(found, expected, strlen(expected)) != 0) {
        fail_msg("\"%s\"; expected \"%s...\"", found, expected);
    }
}

#define T(minute) "\"2026-01-02T03:" minute ":00Z\""
#define POD(name, limits, status)                                                                           \
    "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"" name "\",\"namespace\":\"ns\","                           \
    "\"creationTimestamp\":" T(                                                                             \
        "00") "},\"spec\":{\"nodeName\":\"n\",\"containers\":[{\"name\":"                                   \
              "\"c\",\"resources\":{\"requests\":{\"cpu\":\"500m\",\"memory\":\"1Gi\"},\"limits\":{" limits \
              "}}}]},\"status\":{" status "}}"
#define LIST(pods) "{\"kind\":\"List\",\"apiVersion\":\"v1\",\"items\":[" pods "]}"
#define SCHEDULED(minute)                                                                          \
    "\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"True\",\"lastTransitionTime\":" T(    \
        minute) "}]"
#define ENDED(minute)                                                                              \
    "\"containerStatuses\":[{\"state\":{\"terminated\":{\"finishedAt\":" T(minute) "}}}]"
#define GPU "\"nvidia.com/gpu\":\"1\""
#define MINUTE 60000000ll
#define ZERO 1767322800000000ll /* 03:00 */

static void pods__hold_their_gpus_from_scheduled_to_ended_or_now(void **state)
{
    struct bed bed;
    (void)state;
    bed_read_text(
        &bed, "pods",
        LIST(POD(
            "done", "\"nvidia.com/mig-1g.5gb\":\"2\"",
            "\"phase\":\"Succeeded\"," SCHEDULED("02") "," ENDED(
                "10")) "," POD("runs", GPU,
                               "\"phase\":\"Running\"," SCHEDULED(
                                   "01")) "," POD("cpu", "\"cpu\":\"1\"",
                                                  "\"phase\":\"Running\"") "," POD("four",
                                                                                   "\"nvidia.com/gpu\":\"4\"",
                                                                                   "\"phase\":\"Running\",\"startTime\":" T(
                                                                                       "05"))));
    assert_int_equal(bed.r, GS_TRACE_OVER);
    assert_int_equal(bed.n_bad, 0);
    assert_int_equal(bed.n, 4);
    assert_string_equal(bed.asks[0].name, "runs");
    assert_string_equal(bed.asks[0].name_space, "ns");
    assert_int_equal(bed.asks[0].arrive_us, ZERO + MINUTE);
    assert_int_equal(bed.asks[0].run_us, 9 * MINUTE); /* until the latest moment there is */
    assert_int_equal(bed.asks[0].fate, GS_TRACE_CUT_OFF);
    assert_int_equal(bed.asks[0].gpus, 1);
    assert_int_equal(bed.asks[0].cpu_milli, 500);
    assert_int_equal(bed.asks[0].host_memory_mib, 1024);
    for (unsigned i = 1; i < 3; i++) {
        assert_string_equal(bed.asks[i].name, "done");
        assert_string_equal(bed.asks[i].profile, "1g.5gb");
        assert_int_equal(bed.asks[i].run_us, 8 * MINUTE);
        assert_int_equal(bed.asks[i].fate, GS_TRACE_RAN);
        assert_int_equal(bed.asks[i].row, 1);
    }
    assert_int_equal(bed.asks[3].gpus, 4);
    assert_int_equal(bed.asks[3].arrive_us, ZERO + 5 * MINUTE);
    assert_int_equal(bed.totals.input_rows, 4);
    assert_int_equal(bed.totals.without_gpu, 1);
    bed_done(&bed);
}

static void pods__without_gpus_say_how_late_it_was(void **state)
{
    struct bed bed;
    (void)state;
    bed_read_text(&bed, "pods",
                  LIST(POD("runs", GPU, "\"phase\":\"Running\"," SCHEDULED("01")) "," POD(
                      "cpu", "\"cpu\":\"1\"", "\"phase\":\"Running\"," SCHEDULED("21"))));
    assert_int_equal(bed.r, GS_TRACE_OVER);
    assert_int_equal(bed.n, 1);
    assert_int_equal(bed.asks[0].run_us, 20 * MINUTE);
    bed_done(&bed);
}

static void pods__now_is_what_the_caller_says(void **state)
{
    struct gs_view text = gs_view(LIST(POD("a", GPU, "\"phase\":\"Running\"," SCHEDULED("01"))));
    struct bed bed;
    (void)state;
    bed_read(&bed, "pods", &text, 1,
             (struct bed_options){.now_us = ZERO + 31 * MINUTE, .step = 7, .push = true});
    assert_int_equal(bed.asks[0].run_us, 30 * MINUTE);
    bed_done(&bed);
    bed_read(&bed, "pods", &text, 1, (struct bed_options){.now_us = ZERO});
    assert_int_equal(bed.n, 0);
    expect_begins(bed.bad[0], "f0: pod 1: a: it is looked at before it began");
    bed_done(&bed);
}

static void pods__bad_ones_are_named(void **state)
{
    static const struct {
        const char *pod;
        const char *says;
    } cases[] = {
        {POD("a", GPU, "\"phase\":\"Failed\"," SCHEDULED("01")),
         "f0: pod 2: ns/a: it has ended, and does not say when it ended"},
        {POD("a", GPU, "\"phase\":\"Failed\"," ENDED("09")),
         "f0: pod 2: ns/a: it has ended, and does not say when it began"},
        {POD("a", GPU, "\"phase\":\"Failed\"," ENDED("01") "," SCHEDULED("09")),
         "f0: pod 2: a: it ended before it began"},
        {POD("a", GPU, "\"phase\":\"Running\",\"startTime\":\"yesterday\""),
         "f0: pod 2: ns/a: startTime: "},
        {POD("a", "\"nvidia.com/gpu\":\"65\"", "\"phase\":\"Running\"," SCHEDULED("01")),
         "f0: pod 2: ns/a: it asks for 65 GPUs"},
        {POD("a", "\"nvidia.com/gpu.shared\":\"1\"", "\"phase\":\"Running\"," SCHEDULED("01")),
         "f0: pod 2: ns/a: it asks for nvidia.com/gpu.shared"},
        {POD("a", "\"nvidia.com/gpu\":\"x\"", "\"phase\":\"Running\""), "f0: pod 2: pod ns/a: "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[4000];
        struct bed bed;
        snprintf(text, sizeof(text), LIST("%s,%s"),
                 POD("good", GPU, "\"phase\":\"Running\"," SCHEDULED("01")), cases[i].pod);
        bed_read_text(&bed, "pods", text);
        assert_int_equal(bed.r, GS_TRACE_OVER);
        assert_int_equal(bed.n, 1);
        assert_int_equal(bed.n_bad, 1);
        expect_begins(bed.bad[0], cases[i].says);
        bed_done(&bed);
    }
}

static void pods__what_is_no_list_of_pods_is_refused(void **state)
{
    static const char cut[] = "{\"kind\":\"List\",\"items\":[";
    static const char nodes[] = "{\"kind\":\"NodeList\",\"items\":[]}";
    static const char empty[] = LIST("");
    static const char *const texts[] = {"", "x", cut, nodes, empty};
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct bed bed;
        bed_read_text(&bed, "pods", texts[i]);
        assert_int_equal(bed.r, GS_INVALID);
        expect_begins(bed.err.msg, "f0");
        bed_done(&bed);
    }
}

/* ---- Prometheus ---- */

#define ANSWER(series)                                                                             \
    "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[" series "]}}\n"
#define SERIES(labels, values) "{\"metric\":{" labels "},\"values\":[" values "]}"
#define FB "\"__name__\":\"DCGM_FI_DEV_FB_USED\","
#define UTIL "\"__name__\":\"DCGM_FI_DEV_GPU_UTIL\","

static void prometheus__one_file_with_both_metrics(void **state)
{
    static const char text[] = ANSWER(
        SERIES(FB "\"pod\":\"a\",\"namespace\":\"ns\",\"UUID\":\"GPU-1\"", "[100,\"1000\"],[130,\"3000.5\"],[160,\"2000\"]") "," SERIES(
            UTIL "\"pod\":\"a\",\"namespace\":\"ns\",\"UUID\":\"GPU-1\"",
            "[100,\"0\"],[130,\"12.5\"]") "," SERIES(FB
                                                     "\"exported_pod\":\"b\",\"pod\":\"dcgm-x\",\"UUID\":\"GPU-2\"",
                                                     "[130.5,\"1\"],[190.5,\"1\"]") "," SERIES(FB
                                                                                               "\"exported_pod\":\"b\",\"pod\":\"dcgm-x\",\"UUID\":\"GPU-3\"",
                                                                                               "[130.5,\"1\"],[190.5,\"1\"]"));
    struct gs_view view = gs_view(text);
    (void)state;
    for (size_t step = 1; step < sizeof(text); step += step < 9 ? 1 : 50) {
        struct bed bed;
        bed_read(&bed, "prometheus", &view, 1, (struct bed_options){.step = step});
        assert_int_equal(bed.r, GS_TRACE_OVER);
        assert_int_equal(bed.n, 2);
        assert_int_equal(bed.totals.input_rows, 4);
        assert_int_equal(bed.n_bad, 0);
        const struct gs_trace_ask *a = &bed.asks[0];
        assert_string_equal(a->name, "a");
        assert_string_equal(a->name_space, "ns");
        assert_int_equal(a->arrive_us, 100000000);
        assert_int_equal(a->run_us, 90000000);
        assert_int_equal(a->memory_mib.peak, 3001);
        assert_int_equal(a->memory_mib.mean, 2000);
        assert_int_equal(a->util_permille.peak, 125);
        assert_int_equal(a->gpus, 1);
        assert_int_equal(bed.asks[1].gpus, 2); /* seen on two GPUs */
        assert_int_equal(bed.asks[1].fate, GS_TRACE_CUT_OFF);
        bed_done(&bed);
    }
}

static void prometheus__two_files_without_names_are_memory_and_use(void **state)
{
    const struct gs_view texts[] = {
        gs_view(ANSWER(SERIES("\"pod\":\"a\"", "[1,\"5000\"],[2,\"5000\"]"))),
        gs_view(ANSWER(SERIES("\"pod\":\"a\"", "[1,\"50\"],[2,\"60\"]")))};
    struct bed bed;
    (void)state;
    bed_read(&bed, "prometheus", texts, 2, (struct bed_options){0});
    assert_int_equal(bed.n, 1);
    assert_int_equal(bed.asks[0].memory_mib.peak, 5000);
    assert_int_equal(bed.asks[0].util_permille.peak, 600);
    bed_done(&bed);
}

static void prometheus__bad_series_are_named(void **state)
{
    static const struct {
        const char *series;
        const char *says;
    } cases[] = {
        {SERIES(FB "\"UUID\":\"x\"", "[1,\"1\"]"), "f0: series 2: the series has no label pod"},
        {SERIES("\"__name__\":\"up\",\"pod\":\"b\"", "[1,\"1\"]"), "f0: series 2: found metric up"},
        {SERIES(FB "\"pod\":\"b\"", "[1,\"NaN\"]"),
         "f0: series 2: found \"NaN\"; expected a plain"},
        {SERIES(FB "\"pod\":\"b\"", "[1,\"-4\"]"), "f0: series 2: found -4, which is negative"},
        {SERIES(FB "\"pod\":\"b\"", "[1,4]"), "f0: series 2: found a sample that is not"},
        {SERIES(FB "\"pod\":\"b\"", "[-1,\"4\"]"), "f0: series 2: found -1.000000, which is neg"},
        {SERIES(UTIL "\"pod\":\"b\"", "[1,\"101\"]"), "f0: series 2: found 101; expected 100 at"},
        {"{\"metric\":{\"pod\":\"b\"}}", "f0: series 2: found no values"},
        {"{\"metric\":{\"pod\":7}}", "f0: series 2: \"pod\" is a number"},
        {"[1,2]", "f0: series 2: found no JSON object"},
        {"{\"a\":}", "f0: series 2: found no JSON object"},
        {SERIES(FB "\"pod\":\"b\"", "[1,\"4\"]"), "f0: series 2: \"b\" has one sample"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[1000];
        struct bed bed;
        snprintf(text, sizeof(text), ANSWER("%s,%s"),
                 SERIES(FB "\"pod\":\"a\"", "[1,\"1\"],[2,\"1\"]"), cases[i].series);
        bed_read_text(&bed, "prometheus", text);
        assert_int_equal(bed.r, GS_TRACE_OVER);
        assert_int_equal(bed.n, 1);
        assert_int_equal(bed.n_bad, 1);
        expect_begins(bed.bad[0], cases[i].says);
        bed_done(&bed);
    }
}

static void prometheus__texts_may_hold_what_looks_like_brackets(void **state)
{
    struct bed bed;
    (void)state;
    bed_read_text(
        &bed, "prometheus",
        "{\"warnings\":[\"]}\\\"{[\"],\"data\":{\"x\":{\"result\":[{}]},\"result\":["
        "{\"metric\":{\"pod\":\"a\",\"note\":\"}]\\\"{\"},\"values\":[[1,\"1\"],[2,\"1\"]]}]}}");
    assert_int_equal(bed.r, GS_TRACE_OVER);
    assert_int_equal(bed.n, 1);
    assert_int_equal(bed.totals.input_rows, 1);
    bed_done(&bed);
}

static void prometheus__what_is_no_answer_is_refused(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"", "f0: found nothing"},
        {"[]", "f0:1: found no JSON object"},
        {"{\"status\":\"success\",\n\"data\":{\"result\":[{\"metric\":{",
         "f0:2: found an answer that "
         "is cut off"},
        {"{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"unexpected end\"}",
         "f0: Prometheus answered with an error: unexpected end"},
        {ANSWER(""), "f0: found no rows"},
        {"{]}", "f0:1: found more behind the end"},
        {"{\"data\":{\"result\":[{\"metric\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
         "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
         "f0:1: more than 100 brackets within each other"},
        {ANSWER("") "x", "f0:2: found more behind the end"},
        {"{\"data\":{\"result\":{}}}", "f0: found no rows"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bed bed;
        bed_read_text(&bed, "prometheus", cases[i].text);
        assert_true(bed.r == GS_INVALID || bed.r == GS_LIMIT);
        expect_begins(bed.err.msg, cases[i].says);
        bed_done(&bed);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(pods__hold_their_gpus_from_scheduled_to_ended_or_now),
        cmocka_unit_test(pods__without_gpus_say_how_late_it_was),
        cmocka_unit_test(pods__now_is_what_the_caller_says),
        cmocka_unit_test(pods__bad_ones_are_named),
        cmocka_unit_test(pods__what_is_no_list_of_pods_is_refused),
        cmocka_unit_test(prometheus__one_file_with_both_metrics),
        cmocka_unit_test(prometheus__two_files_without_names_are_memory_and_use),
        cmocka_unit_test(prometheus__bad_series_are_named),
        cmocka_unit_test(prometheus__texts_may_hold_what_looks_like_brackets),
        cmocka_unit_test(prometheus__what_is_no_answer_is_refused),
    };
    return cmocka_run_group_tests_name("cluster", tests, NULL, NULL);
}
