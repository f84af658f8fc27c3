#include "torture/torture.h"

#include <string.h>

#include "trace/map.h"

struct text {
    struct gs_view rest;
};

static int give(void *ctx, void *bytes, size_t size, size_t *ret_n, struct gs_err *err)
{
    struct text *text = ctx;
    (void)err;
    *ret_n = text->rest.n < size ? text->rest.n : size;
    memcpy(bytes, text->rest.p, *ret_n);
    text->rest.p += *ret_n;
    text->rest.n -= *ret_n;
    return 0;
}

/* A row of bytes that gzip made of "arrival,duration,profile\n1,2,1g.5gb\n". */
static const char packed[] =
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\x4b\x2c\x2a\xca\x2c\x4b\xcc\xd1\x49\x29\x2d\x4a\x2c"
    "\xc9\xcc\xcf\xd3\x29\x28\xca\x4f\xcb\xcc\x49\xe5\x32\xd4\x31\xd2\x31\x4c\xd7\x33\x4d\x4f\xe2"
    "\x02\x00\xb0\xd8\x15\x42\x24\x00\x00\x00";

static const char pods[] =
    "{\"kind\":\"List\",\"apiVersion\":\"v1\",\"items\":[{\"kind\":\"Pod\",\"metadata\":{"
    "\"name\":\"a\",\"namespace\":\"ns\",\"creationTimestamp\":\"2026-01-02T03:00:00Z\"},\"spec\":{"
    "\"nodeName\":\"n\",\"containers\":[{\"name\":\"c\",\"resources\":{\"limits\":{"
    "\"nvidia.com/mig-1g.5gb\":\"2\"}}}]},\"status\":{\"phase\":\"Running\",\"startTime\":"
    "\"2026-01-02T03:02:00Z\"}}]}";

static const char ranges[] =
    "{\"status\":\"success\",\"data\":{\"result\":[{\"metric\":{\"pod\":\"a\",\"namespace\":\"n\","
    "\"UUID\":\"g\"},\"values\":[[1,\"5\"],[2,\"7\"]]}]}}";

#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static const struct {
    const char *format;
    struct gs_view files[3];
    uint64_t asks;
} cases[] = {
    {"csv", {{packed, sizeof(packed) - 1}}, 1},
    {"jsonl", {TEXT("{\"arrival\":1,\"duration\":2,\"profile\":\"1g.5gb\"}")}, 1},
    {"openb",
     {TEXT("name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,"
           "deletion_time,scheduled_time\np0,6000,12288,1,460,T4,LS,Running,5,105,7\n")},
     1},
    {"gentd26",
     {TEXT("timestamp_anon,value,container_ip\n1,5,a\n2,5,a\n"),
      TEXT("timestamp_anon,value,container_ip\n1,5,a\n")},
     1},
    {"miso", {TEXT("{\"0\":1}"), TEXT("{\"0\":\"bert_train2\"}")}, 1},
    {"pods", {{pods, sizeof(pods) - 1}}, 2},
    {"prometheus", {{ranges, sizeof(ranges) - 1}}, 1},
    {"synthetic", {TEXT("rate=1/s,duration=1,mix=1g,jobs=5")}, 5},
};

static const struct gs_trace_format *find_format(const char *name)
{
    size_t n;
    const struct gs_trace_format *format = gs_trace_formats(&n);
    while (strcmp(format->name, name) != 0) {
        format++;
    }
    return format;
}

static size_t running; /* of `cases` */

static int read_trace(const struct gs_alloc *source, struct gs_err *err)
{
    struct text texts[3];
    struct gs_trace_input inputs[3];
    struct gs_trace_options options = {.format = find_format(cases[running].format),
                                       .inputs = inputs,
                                       .now_us = GS_TRACE_NO_TIME,
                                       .alloc = source};
    if (options.format->takes == GS_TRACE_TAKES_TEXT) {
        options.text = cases[running].files[0];
    }
    while (options.format->takes != GS_TRACE_TAKES_TEXT && options.n_inputs < 3 &&
           cases[running].files[options.n_inputs].n > 0) {
        size_t i = options.n_inputs++;
        texts[i].rest = cases[running].files[i];
        inputs[i] = (struct gs_trace_input){.label = "f", .read = give, .ctx = &texts[i]};
    }
    struct gs_trace *trace = NULL;
    struct gs_trace_ask ask;
    int r = gs_trace_new(&options, &trace, err);
    while (r == 0 && (r = gs_trace_next(trace, &ask, err)) == GS_TRACE_ASK) {
        r = 0;
    }
    if (r == 0) {
        assert_int_equal(gs_trace_totals(trace)->asks, cases[running].asks);
        assert_int_equal(gs_trace_totals(trace)->skipped_rows, 0);
    }
    gs_trace_free(trace);
    return r;
}

static int read_on_heap(struct gs_err *err)
{
    return read_trace(NULL, err);
}

static void torture__each_format_with_each_request_failing(void **state)
{
    (void)state;
    for (running = 0; running < sizeof(cases) / sizeof(cases[0]); running++) {
        assert_true(torture_arena(read_trace, 1) >= 8);
        assert_true(torture_heap(read_on_heap, 1) >= 4);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__each_format_with_each_request_failing),
    };
    return cmocka_run_group_tests_name("torture_trace", tests, NULL, NULL);
}
