/* The general formats: CSV and JSON Lines. */
#include "unit/trace/bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void expect_begins(const char *found, const char *expected)
{
    if (strncmp(found, expected, strlen(expected)) != 0) {
        fail_msg("\"%s\"; expected \"%s...\"", found, expected);
    }
}

static void csv__a_row_may_say_what_it_needs_in_many_ways(void **state)
{
    struct bed bed;
    (void)state;
    bed_read_text(&bed, "csv",
                  "name,arrival,duration,gpus,milli_gpu,profile,memory_gib,utilisation,model,cpu,"
                  "memory,count,x_note,namespace,gpu\n"
                  "a,1,10,,460,,,,,2,4Gi,,whatever,ns,T4\n"
                  "b,2.5,1.5h,,,nvidia.com/mig-1g.5gb,,,,,,,,,\n"
                  "c,3,2m,,,,9.5,12.34,,500m,,2,,,\n"
                  "d,4,5,4,,,,,,,,,,,\n"
                  "e,5,5,,,,,,resnet_train64,,,,,,\n"
                  "f,6,5,0,,,,,,,,,,,\n");
    assert_int_equal(bed.r, GS_TRACE_OVER);
    assert_int_equal(bed.n, 7);
    const struct gs_trace_ask *ask = bed.asks;
    assert_string_equal(ask[0].name, "a");
    assert_string_equal(ask[0].name_space, "ns");
    assert_string_equal(ask[0].gpu, "T4");
    assert_int_equal(ask[0].gpus, 1);
    assert_int_equal(ask[0].milli, 460);
    assert_int_equal(ask[0].cpu_milli, 2000);
    assert_int_equal(ask[0].host_memory_mib, 4096);
    assert_int_equal(ask[0].start_us, GS_TRACE_NO_TIME);
    assert_string_equal(ask[1].profile, "1g.5gb");
    assert_int_equal(ask[1].arrive_us, 2500000);
    assert_int_equal(ask[1].run_us, 5400000000ll);
    assert_int_equal(ask[1].cpu_milli, UINT64_MAX);
    for (unsigned i = 2; i < 4; i++) { /* two of them */
        assert_string_equal(ask[i].name, "c");
        assert_int_equal(ask[i].row, 4);
        assert_int_equal(ask[i].run_us, 120000000);
        assert_int_equal(ask[i].memory_mib.peak, 9728);
        assert_int_equal(ask[i].memory_mib.p95, 9728);
        assert_int_equal(ask[i].memory_mib.mean, GS_NOT_KNOWN);
        assert_int_equal(ask[i].util_permille.p95, 124);
        assert_int_equal(ask[i].cpu_milli, 500);
    }
    assert_int_equal(ask[4].gpus, 4);
    assert_int_equal(ask[4].milli, GS_NOT_KNOWN);
    assert_string_equal(ask[5].work, "resnet_train64");
    assert_int_equal(ask[6].gpus, 0);
    assert_int_equal(bed.totals.input_rows, 6);
    assert_int_equal(bed.totals.without_gpu, 1);
    bed_done(&bed);
}

static void jsonl__says_the_same_as_csv(void **state)
{
    struct bed bed;
    (void)state;
    bed_read_text(&bed, "jsonl",
                  "{\"name\":\"a\",\"arrival\":1.5,\"duration\":10,\"milli_gpu\":460}\n\n"
                  "{\"arrival\":1767323045,\"end\":1767326645.5,"
                  "\"profile\":\"1g.5gb\",\"gpus\":null,\"x_more\":[1,{\"a\":true}]}\n"
                  "{\"arrival\":1.25,\"start\":3,\"end\":7.5,\"memory_gib\":4.0}");
    assert_int_equal(bed.r, GS_TRACE_OVER);
    assert_int_equal(bed.n, 3);
    assert_int_equal(bed.asks[0].arrive_us, 1500000);
    assert_int_equal(bed.asks[0].milli, 460);
    assert_int_equal(bed.asks[1].arrive_us, 3000000); /* when it started */
    assert_int_equal(bed.asks[1].created_us, 1250000);
    assert_int_equal(bed.asks[1].run_us, 4500000);
    assert_int_equal(bed.asks[1].memory_mib.peak, 4096);
    assert_int_equal(bed.asks[1].row, 4);
    assert_int_equal(bed.asks[2].arrive_us, 1767323045000000ll);
    assert_int_equal(bed.asks[2].run_us, 3600500000ll);
    bed_done(&bed);
}

static void csv__bad_rows_are_named_and_counted(void **state)
{
    static const struct {
        const char *row; /* arrival,duration,end,start,gpus,milli_gpu,profile,memory_gib,... */
        enum gs_trace_fault fault;
        const char *says;
    } cases[] = {
        {"1,2,,,1", GS_TRACE_FAULT_FORM, "f0:3: found 5 fields; expected 11"},
        {",2,,,1,,,,,,", GS_TRACE_FAULT_TIME, "f0:3: found no arrival"},
        {"1,,,,1,,,,,,", GS_TRACE_FAULT_TIME, "f0:3: found neither duration nor end"},
        {"5,,4,,1,,,,,,", GS_TRACE_FAULT_TIME, "f0:3: it ends before it begins"},
        {"5,,6,7,1,,,,,,", GS_TRACE_FAULT_TIME, "f0:3: it ends before it begins"},
        {"5,1,,4,1,,,,,,", GS_TRACE_FAULT_TIME, "f0:3: it starts before it arrives"},
        {"1,-2,,,1,,,,,,", GS_TRACE_FAULT_TIME, "f0:3: duration: found -2, which is negative"},
        {"-1,2,,,1,,,,,,", GS_TRACE_FAULT_TIME, "f0:3: arrival: found -1, which is negative"},
        {"1e9,2,,,1,,,,,,", GS_TRACE_FAULT_TIME, "f0:3: arrival: found \"1e9\"; expected a plain"},
        {"nan,2,,,1,,,,,,", GS_TRACE_FAULT_TIME, "f0:3: arrival: found \"nan\""},
        {"2026-01-02 03:04,2,,,1,,,,,,", GS_TRACE_FAULT_TIME, "f0:3: arrival:"},
        {"99999999999,2,,,1,,,,,,", GS_TRACE_FAULT_TIME, "f0:3: arrival: found 99999999999; expec"},
        {"1,99999999999d,,,1,,,,,,", GS_TRACE_FAULT_TIME,
         "f0:3: duration: found 99999999999d; expected a hundred years"},
        {"1,.,,,1,,,,,,", GS_TRACE_FAULT_TIME, "f0:3: duration: found \".\""},
        {"1,2,,,,,,,,,", GS_TRACE_FAULT_SIZE, "f0:3: found nothing of what it needs"},
        {"1,2,,,65,,,,,,", GS_TRACE_FAULT_SIZE, "f0:3: gpus: found 65; expected 64 at most"},
        {"1,2,,,1.5,,,,,,", GS_TRACE_FAULT_SIZE, "f0:3: gpus: found \"1.5\"; expected a whole"},
        {"1,2,,,,1001,,,,,", GS_TRACE_FAULT_SIZE, "f0:3: milli_gpu: found 1001"},
        {"1,2,,,2,500,,,,,", GS_TRACE_FAULT_SIZE, "f0:3: found 2 GPUs of which it needs a part"},
        {"1,2,,,2,,1g.5gb,,,,", GS_TRACE_FAULT_SIZE, "f0:3: found 2 GPUs of which it needs a pa"},
        {"1,2,,,0,500,,,,,", GS_TRACE_FAULT_SIZE, "f0:3: found 0 GPUs with an amount"},
        {"1,2,,,,0,,5,,,", GS_TRACE_FAULT_SIZE, "f0:3: found 0 GPUs with an amount"},
        {"1,2,,,,,huge,,,,", GS_TRACE_FAULT_SIZE, "f0:3: profile: "},
        {"1,2,,,,,,99999999,,,", GS_TRACE_FAULT_SIZE, "f0:3: memory_gib: found 99999999"},
        {"1,2,,,,,,5,101,,", GS_TRACE_FAULT_SIZE, "f0:3: utilisation: found 101; expected 100"},
        {"1,2,,,1,,,,,0,", GS_TRACE_FAULT_SIZE, "f0:3: count: found 0"},
        {"1,2,,,1,,,,,99999999,", GS_TRACE_FAULT_SIZE, "f0:3: count: found 99999999"},
        {"1,2,,,1,,,,,,12q", GS_TRACE_FAULT_SIZE, "f0:3: cpu: "},
        {"1,2,,,\x01,,,,,,", GS_TRACE_FAULT_FORM, "f0:3: found a control character"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[1000];
        struct bed bed;
        snprintf(text, sizeof(text),
                 "arrival,duration,end,start,gpus,milli_gpu,profile,memory_gib,utilization,count,"
                 "cpu\n1,2,,,1,,,,,,\n%s\n",
                 cases[i].row);
        bed_read_text(&bed, "csv", text);
        assert_int_equal(bed.n, 1);
        assert_int_equal(bed.totals.input_rows, 2);
        assert_int_equal(bed.n_bad, 1);
        expect_begins(bed.bad[0], cases[i].says);
        assert_int_equal(bed.totals.skipped[cases[i].fault], 1);
        bed_done(&bed);
    }
}

static void jsonl__bad_rows_are_named_and_counted(void **state)
{
    static const struct {
        const char *row;
        const char *says;
    } cases[] = {
        {"{\"arrival\":1", "f0:2: found "},
        {"[1]", "f0:2: found no JSON object"},
        {"{\"arrival\":1,\"arrival\":2}", "f0:2: found duplicate"},
        {"{\"arrival\":1,\"durtion\":2}", "f0:2: there is no column \"durtion\"; near names: dura"},
        {"{\"arrival\":true,\"duration\":2,\"gpus\":1}", "f0:2: arrival is not a number"},
        {"{\"arrival\":-0.5,\"duration\":2,\"gpus\":1}", "f0:2: arrival: found -0.500000, which"},
        {"{\"arrival\":1e30,\"duration\":2,\"gpus\":1}", "f0:2: arrival is not a number"},
        {"{\"arrival\":1e17,\"duration\":2,\"gpus\":1}", "f0:2: arrival: found 1000000000000000"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[400];
        struct bed bed;
        snprintf(text, sizeof(text), "{\"arrival\":1,\"duration\":2,\"gpus\":1}\n%s\n",
                 cases[i].row);
        bed_read_text(&bed, "jsonl", text);
        assert_int_equal(bed.n, 1);
        assert_int_equal(bed.n_bad, 1);
        expect_begins(bed.bad[0], cases[i].says);
        bed_done(&bed);
    }
}

static void csv__a_wrong_header_is_refused(void **state)
{
    static const struct {
        const char *header;
        const char *says;
    } cases[] = {
        {"arrival;duration;gpus", "f0:1: found \"arrival;duration;gpus\"; expected commas between"},
        {"start_time,duration,gpus",
         "f0:1: there is no column \"start_time\"; those there are: name, namespace, arrival, start"},
        {"arrival,durtion,gpus", "f0:1: there is no column \"durtion\"; near names: duration"},
        {"arrival,gpus", "f0:1: the header lacks duration"},
        {"duration,gpus", "f0:1: the header lacks arrival"},
        {"arrival,duration,utilisation,utilization", "f0:1: found column \"utilization\" twice"},
        {"arrival,\"duration", "f0:1: found a quote that does not end"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[200];
        struct bed bed;
        snprintf(text, sizeof(text), "%s\n1,2,3\n", cases[i].header);
        bed_read_text(&bed, "csv", text);
        assert_int_equal(bed.r, GS_INVALID);
        expect_begins(bed.err.msg, cases[i].says);
        bed_done(&bed);
    }
}

static void csv__a_line_that_is_too_long_is_one_bad_row(void **state)
{
    static const size_t lengths[] = {5000, GS_TRACE_LINE_MAX, GS_TRACE_LINE_MAX + 1, 300000};
    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        size_t n = lengths[i];
        char *text = malloc(n + 200);
        struct bed bed;
        assert_non_null(text);
        int used = snprintf(text, 100, "arrival,duration,gpus\n1,2,1\n");
        memset(text + used, 'x', n);
        memcpy(text + used + n, "\n3,4,1\n", 8);
        struct gs_view view = gs_view(text);
        bed_read(&bed, "csv", &view, 1, (struct bed_options){.step = 1000});
        assert_int_equal(bed.n, 2);
        assert_int_equal(bed.n_bad, 1);
        expect_begins(bed.bad[0], "f0:3: found a line of ");
        assert_int_equal(bed.asks[1].row, 4);
        bed_done(&bed);
        free(text);
    }
}

/* ---- order ---- */

static char *many_rows(size_t n, int64_t (*arrival)(size_t))
{
    char *text = malloc(n * 32 + 100);
    assert_non_null(text);
    size_t used = (size_t)sprintf(text, "arrival,duration,gpus\n");
    for (size_t i = 0; i < n; i++) {
        used += (size_t)sprintf(text + used, "%lld,2,1\n", (long long)arrival(i));
    }
    return text;
}

static int64_t backwards(size_t i)
{
    return 20000 - (int64_t)i;
}

static void csv__a_small_file_may_have_any_order(void **state)
{
    char *text = many_rows(15000, backwards);
    struct bed bed;
    (void)state;
    bed_read_text(&bed, "csv", text);
    assert_int_equal(bed.n, 15000);
    for (size_t i = 1; i < bed.n; i++) {
        assert_true(bed.asks[i].arrive_us >= bed.asks[i - 1].arrive_us);
    }
    bed_done(&bed);
    free(text);
}

static int next_number;
static int give_rows(void *ctx, void *bytes, size_t size, size_t *ret_n, struct gs_err *err)
{
    (void)ctx;
    (void)err;
    assert_true(size >= 64);
    int i = next_number++;
    int rows = GS_TRACE_REORDER_MAX + 10;
    *ret_n = i == 0      ? (size_t)sprintf(bytes, "arrival,duration,gpus\n")
             : i <= rows ? (size_t)sprintf(bytes, "%d,2,1\n", i == rows ? 3 : i)
                         : 0;
    return 0;
}

static void note_one(void *ctx, const struct gs_err *err)
{
    expect_begins(err->msg, "f0:65547: arrives at 3.000000 s, before a row that has gone its way");
    (*(unsigned *)ctx)++;
}

static void csv__a_row_too_far_out_of_order_is_refused_and_named(void **state)
{
    size_t n_formats;
    unsigned bad = 0;
    struct gs_trace_input input = {.label = "f0", .read = give_rows};
    struct gs_trace_options options = {.format = gs_trace_formats(&n_formats),
                                       .inputs = &input,
                                       .n_inputs = 1,
                                       .bad = note_one,
                                       .bad_ctx = &bad};
    struct gs_trace *trace;
    struct gs_trace_ask ask;
    int64_t last = 0;
    unsigned n = 0;
    (void)state;
    next_number = 0;
    assert_int_equal(gs_trace_new(&options, &trace, NULL), 0);
    while (gs_trace_next(trace, &ask, NULL) == GS_TRACE_ASK) {
        assert_true(ask.arrive_us > last);
        last = ask.arrive_us;
        n++;
    }
    assert_int_equal(n, GS_TRACE_REORDER_MAX + 9);
    assert_int_equal(bad, 1);
    assert_int_equal(gs_trace_totals(trace)->skipped[GS_TRACE_FAULT_ORDER], 1);
    gs_trace_free(trace);
}

static void csv__arrival_is_the_start_or_the_creation_as_asked(void **state)
{
    struct gs_view text = gs_view("arrival,start,duration,gpus\n1,9,2,1\n2,5,2,1\n3,,2,1\n");
    struct bed bed;
    (void)state;
    bed_read(&bed, "csv", &text, 1, (struct bed_options){.at = GS_TRACE_AT_CREATION});
    assert_int_equal(bed.asks[0].row, 2);
    assert_int_equal(bed.asks[0].arrive_us, 1000000);
    bed_done(&bed);
    bed_read(&bed, "csv", &text, 1, (struct bed_options){.at = GS_TRACE_AT_START});
    assert_int_equal(bed.asks[0].row, 4);
    assert_int_equal(bed.asks[1].arrive_us, 5000000);
    assert_int_equal(bed.asks[2].arrive_us, 9000000);
    bed_done(&bed);
}

static void csv__a_duration_may_have_a_unit(void **state)
{
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = {{"90", 90000000},       {"1.5", 1500000},
                 {"250ms", 250000},      {"90s", 90000000},
                 {"4m", 240000000},      {"4min", 240000000},
                 {"1.5h", 5400000000ll}, {"2d", 172800000000ll},
                 {"0.000001", 1},        {"0", 1},
                 {"0.0000001", 1}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[100];
        struct bed bed;
        snprintf(text, sizeof(text), "arrival,duration,gpus\n1,%s,1\n", cases[i].text);
        bed_read_text(&bed, "csv", text);
        assert_int_equal(bed.n, 1);
        assert_int_equal(bed.asks[0].run_us, cases[i].us);
        bed_done(&bed);
    }
}

static void csv__no_end_of_line_a_bom_and_blank_lines_are_fine(void **state)
{
    struct bed bed;
    (void)state;
    bed_read_text(&bed, "csv",
                  "\xEF\xBB\xBF"
                  "arrival,duration,gpus\r\n\r\n 1 , 2 ,1\r\n\n3,4,1");
    assert_int_equal(bed.n, 2);
    assert_int_equal(bed.asks[1].row, 5);
    bed_done(&bed);
}

static int fail_to_read(void *ctx, void *bytes, size_t size, size_t *ret_n, struct gs_err *err)
{
    (void)ctx;
    (void)bytes;
    (void)size;
    (void)ret_n;
    return gs_fail(err, GS_IO, "the disk is gone");
}

static void trace__what_a_callback_says_comes_back(void **state)
{
    const struct gs_trace_input input = {.label = "f0", .read = fail_to_read};
    size_t n;
    struct gs_trace_options options = {
        .format = gs_trace_formats(&n), .inputs = &input, .n_inputs = 1};
    struct gs_trace *trace;
    struct gs_trace_ask ask;
    struct gs_err err;
    (void)state;
    assert_int_equal(gs_trace_new(&options, &trace, &err), 0);
    assert_int_equal(gs_trace_next(trace, &ask, &err), GS_IO);
    assert_string_equal(err.msg, "the disk is gone");
    gs_trace_free(trace);
    options.n_inputs = 2;
    assert_int_equal(gs_trace_new(&options, &trace, &err), GS_INVALID);
    assert_string_equal(err.msg, "found 2 files for a trace of format csv; expected 1");
}

static void trace__too_many_different_names_are_refused(void **state)
{
    size_t used = 0;
    char *text = malloc(GS_TRACE_TEXTS_MAX * 40);
    struct bed bed;
    (void)state;
    assert_non_null(text);
    used += (size_t)sprintf(text, "arrival,duration,gpus,namespace\n");
    for (unsigned i = 0; i <= GS_TRACE_TEXTS_MAX; i++) {
        used += (size_t)sprintf(text + used, "1,2,1,n%u\n", i);
    }
    bed_read_text(&bed, "csv", text);
    assert_int_equal(bed.r, GS_LIMIT);
    expect_begins(bed.err.msg, "f0: more than 16384 different names of profiles");
    bed_done(&bed);
    free(text);
}

static void trace__every_fault_has_words(void **state)
{
    (void)state;
    for (int i = 0; i < GS_TRACE_FAULTS; i++) {
        assert_true(strlen(gs_trace_fault_text((enum gs_trace_fault)i)) > 0);
    }
}

static void spec__names_a_format_and_what_to_read(void **state)
{
    const struct gs_trace_format *format;
    struct gs_view rest;
    struct gs_err err;
    (void)state;
    assert_int_equal(gs_trace_spec_parse(gs_view("openb:a:b"), &format, &rest, &err), 0);
    assert_string_equal(format->name, "openb");
    assert_true(gs_view_eq(rest, "a:b"));
    assert_int_equal(gs_trace_spec_parse(gs_view("opnb:a"), &format, &rest, &err), GS_INVALID);
    assert_non_null(strstr(err.msg, "\"opnb\" is no format of a trace"));
    assert_int_equal(gs_trace_spec_parse(gs_view("csv"), &format, &rest, &err), GS_INVALID);
    assert_non_null(strstr(err.msg, "expected csv:FILE"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv__a_row_may_say_what_it_needs_in_many_ways),
        cmocka_unit_test(jsonl__says_the_same_as_csv),
        cmocka_unit_test(csv__bad_rows_are_named_and_counted),
        cmocka_unit_test(jsonl__bad_rows_are_named_and_counted),
        cmocka_unit_test(csv__a_wrong_header_is_refused),
        cmocka_unit_test(csv__a_line_that_is_too_long_is_one_bad_row),
        cmocka_unit_test(csv__a_small_file_may_have_any_order),
        cmocka_unit_test(csv__a_row_too_far_out_of_order_is_refused_and_named),
        cmocka_unit_test(csv__arrival_is_the_start_or_the_creation_as_asked),
        cmocka_unit_test(csv__a_duration_may_have_a_unit),
        cmocka_unit_test(csv__no_end_of_line_a_bom_and_blank_lines_are_fine),
        cmocka_unit_test(trace__what_a_callback_says_comes_back),
        cmocka_unit_test(trace__too_many_different_names_are_refused),
        cmocka_unit_test(trace__every_fault_has_words),
        cmocka_unit_test(spec__names_a_format_and_what_to_read),
    };
    return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
