/* Rows add up in every format: bed.c compares the sums, here are rows of every kind. */
#include "unit/trace/bed.h"

#include <string.h>

#define POD(name, limits, status)                                                                  \
    "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"" name                                             \
    "\",\"namespace\":\"n\",\"creationTimestamp\":\"2026-01-02T03:00:00Z\"},\"spec\":{"            \
    "\"nodeName\":\"n\",\"containers\":[{\"name\":\"c\",\"resources\":{\"limits\":{" limits        \
    "}}}]},\"status\":{" status "}}"
#define RUNS "\"phase\":\"Running\",\"startTime\":\"2026-01-02T03:01:00Z\""
#define BACKWARDS                                                                                  \
    "\"phase\":\"Succeeded\",\"startTime\":\"2026-01-02T03:09:00Z\",\"containerStatuses\":[{"      \
    "\"state\":{\"terminated\":{\"finishedAt\":\"2026-01-02T03:05:00Z\"}}}]"
#define SERIES(pod, values)                                                                        \
    "{\"metric\":{\"pod\":\"" pod "\",\"UUID\":\"g\"},\"values\":[" values "]}"
#define RANGES(series) "{\"status\":\"success\",\"data\":{\"result\":[" series "]}}"
#define TWO "[1,\"5\"],[2,\"7\"]"

static const struct {
    const char *format;
    const char *files[3];
    uint64_t input, asks, ask_rows, passed_over, without_gpu, skipped;
    const char *first_bad;
} cases[] = {
    {"csv",
     {"arrival,duration,gpus,milli_gpu,count\n1,2,1,500,3\n2,2,,0,\n3,2,1,1000,\n4,x,1,,\n"},
     4,
     5,
     3,
     0,
     1,
     1,
     "f0:5: duration: found \"x\""},
    {"jsonl",
     {"{\"arrival\":1,\"duration\":2,\"milli_gpu\":0}\n\n{\"arrival\":1,\"duration\":2,\"gpus\":2,"
      "\"count\":2}\n[]\n"},
     3,
     3,
     2,
     0,
     1,
     1,
     "f0:4: found no JSON object"},
    {"openb",
     {"name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,"
      "deletion_time,scheduled_time\na,1,1,1,460,,LS,Running,5,105,7\nb,1,1,0,0,,LS,Running,5,105,7\n"
      "c,1,1,1,500,,LS,Pending,5,105,\nd,1,1,1,500,,LS,Running,50,40,50\n"},
     4,
     3,
     3,
     0,
     1,
     1,
     "f0:5: it ends before it begins"},
    /* One pod is two kinds of slices, one never was; of two pieces that ended too early one row. */
    {"pods",
     {"{\"kind\":\"List\",\"apiVersion\":\"v1\",\"items\":[" POD(
         "two", "\"nvidia.com/mig-1g.5gb\":\"2\",\"nvidia.com/mig-2g.10gb\":\"1\"",
         RUNS) "," POD("cpu", "\"cpu\":\"1\"",
                       RUNS) "," POD("early",
                                     "\"nvidia.com/mig-1g.5gb\":\"2\",\"nvidia.com/mig-2g.10gb\":\"1\"",
                                     BACKWARDS) "," POD("gone", "\"nvidia.com/gpu\":\"1\"",
                                                        "\"phase\":\"Failed\"") "]}"},
     4,
     3,
     1,
     1,
     1,
     2,
     "f0: pod 4: n/gone: it has ended"},
    /* a has memory and use, b memory with one sample only, c no values. */
    {"prometheus",
     {RANGES(SERIES("a", TWO) "," SERIES("b", "[1,\"5\"]") "," SERIES("c", "")),
      RANGES(SERIES("a", TWO))},
     4,
     1,
     2,
     0,
     0,
     2,
     "f0: series 3: found no values"},
    /* Samples: four of a, one of b alone, one that is no number. */
    {"gentd26",
     {"timestamp_anon,value,container_ip\n1,5,a\n2,5,a\n1,5,b\n2,x,a\n",
      "timestamp_anon,value,container_ip\n1,5,a\n2,5,a\n"},
     6,
     1,
     4,
     0,
     0,
     2,
     "f0:5: value: found \"x\""},
    {"miso",
     {"{\"0\":1,\"1\":2}", "{\"0\":\"bert_train2\"}"},
     2,
     1,
     1,
     0,
     0,
     1,
     "f1: the work of job \"1\" has no name"},
    {"synthetic", {"rate=1/s,duration=1,mix=1g,jobs=5"}, 5, 5, 5, 0, 0, 0, NULL},
};

static void sums__every_row_is_used_without_a_gpu_or_skipped(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gs_view texts[3];
        size_t n = 0;
        for (; n < 3 && cases[i].files[n] != NULL; n++) {
            texts[n] = gs_view(cases[i].files[n]);
        }
        for (size_t step = 1; step < 5000; step += 4096) {
            struct bed bed;
            bed_read(&bed, cases[i].format, texts, n, (struct bed_options){.step = step});
            assert_int_equal(bed.r, GS_TRACE_OVER);
            assert_int_equal(bed.totals.input_rows, cases[i].input);
            assert_int_equal(bed.totals.asks, cases[i].asks);
            assert_int_equal(bed.totals.ask_rows, cases[i].ask_rows);
            assert_int_equal(bed.totals.passed_over, cases[i].passed_over);
            assert_int_equal(bed.totals.without_gpu, cases[i].without_gpu);
            assert_int_equal(bed.totals.skipped_rows, cases[i].skipped);
            if (cases[i].first_bad != NULL) {
                assert_memory_equal(bed.bad[0], cases[i].first_bad, strlen(cases[i].first_bad));
            }
            bed_done(&bed);
        }
    }
}

/* Seconds and dates count from different zeros. */
static void sums__a_trace_of_seconds_and_dates_is_refused_with_its_line(void **state)
{
    static const struct {
        const char *format, *text, *says;
    } mixed[] = {
        {"csv", "arrival,end,gpus\n1,2,1\n2026-01-02T03:04:05Z,2026-01-02T03:04:09Z,1\n3,4,1\n",
         "f0:3: found 2026-01-02T03:04:05Z, a date, where f0:2 has seconds; expected the same in "
         "all rows"},
        {"csv", "arrival,end,gpus\n2026-01-02T03:04:05Z,99,1\n",
         "f0:2: found 99, seconds, where f0:2 has a date; expected the same in all rows"},
        {"jsonl",
         "{\"arrival\":\"2026-01-02T03:04:05Z\",\"duration\":1,\"gpus\":1}\n"
         "{\"arrival\":1662858720,\"duration\":1,\"gpus\":1}\n",
         "f0:2: found 1662858720, seconds, where f0:1 has a date; expected the same in all rows"},
        {"openb",
         "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,"
         "deletion_time,scheduled_time\na,1,1,1,460,,LS,Running,5,2026-01-02T03:04:05Z,7\n",
         "f0:2: found 2026-01-02T03:04:05Z, a date, where f0:2 has seconds; expected the same in "
         "all rows"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(mixed) / sizeof(mixed[0]); i++) {
        struct bed bed;
        bed_read_text(&bed, mixed[i].format, mixed[i].text);
        assert_int_equal(bed.r, GS_INVALID);
        assert_string_equal(bed.err.msg, mixed[i].says);
        bed_done(&bed);
    }
}

/* A value that is refused is told what its column holds. */
static void sums__a_refused_value_is_told_its_unit(void **state)
{
    static const struct {
        const char *column, *value, *says;
    } units[] = {
        {"arrival", "1662858720000",
         "f0:3: arrival: found 1662858720000; expected 3155760000 at "
         "most (seconds, as 90.25, or a date, as 2026-11-22T10:00:00Z)"},
        {"duration", "1h30m",
         "f0:3: duration: found \"1h30\"; expected a plain number (seconds, or "
         "with a unit: 250ms, 90s, 4min, 1.5h, 2d)"},
        {"milli_gpu", "0.5",
         "f0:3: milli_gpu: found \"0.5\"; expected a whole number (thousandths "
         "of one GPU: half of it is 500)"},
        {"gpus", "0.5",
         "f0:3: gpus: found \"0.5\"; expected a whole number (whole GPUs; a part of "
         "one is milli_gpu, in thousandths)"},
        {"memory_gib", "16Gi",
         "f0:3: memory_gib: found \"16Gi\"; expected a plain number (GiB as a "
         "plain number: 16)"},
        {"utilisation", "45%",
         "f0:3: utilisation: found \"45%\"; expected a plain number (percent "
         "as a plain number: 35)"},
    };
    static const char *const names[] = {"arrival", "duration",   "milli_gpu",
                                        "gpus",    "memory_gib", "utilisation"};
    (void)state;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        char text[400] = "arrival,duration,milli_gpu,gpus,memory_gib,utilisation\n1,2,,1,,\n";
        for (size_t k = 0; k < 6; k++) {
            bool here = strcmp(names[k], units[i].column) == 0;
            strcat(text, here ? units[i].value : k < 2 ? "1" : "");
            strcat(text, k < 5 ? "," : "\n");
        }
        struct bed bed;
        bed_read_text(&bed, "csv", text);
        assert_int_equal(bed.n_bad, 1);
        assert_string_equal(bed.bad[0], units[i].says);
        bed_done(&bed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums__every_row_is_used_without_a_gpu_or_skipped),
        cmocka_unit_test(sums__a_trace_of_seconds_and_dates_is_refused_with_its_line),
        cmocka_unit_test(sums__a_refused_value_is_told_its_unit),
    };
    return cmocka_run_group_tests_name("trace_sums", tests, NULL, NULL);
}
