/* Inputs that never end: each has an end of its own. */
#include <stdio.h>
#include <string.h>

#include "unit/check.h"

#include "trace/trace.h"

struct endless {
    const char *head;
    const char *again; /* NULL: zeros */
    bool headed;
};

static int give(void *ctx, void *bytes, size_t size, size_t *ret_n, struct gs_err *err)
{
    struct endless *endless = ctx;
    (void)err;
    if (!endless->headed && endless->head != NULL) {
        endless->headed = true;
        *ret_n = strlen(endless->head);
        memcpy(bytes, endless->head, *ret_n);
        return 0;
    }
    if (endless->again == NULL) {
        memset(bytes, 0, size);
        *ret_n = size;
        return 0;
    }
    size_t n = strlen(endless->again);
    for (*ret_n = 0; *ret_n + n <= size; *ret_n += n) {
        memcpy((char *)bytes + *ret_n, endless->again, n);
    }
    return 0;
}

/* What ends it. */
static int read_all(const char *format, struct endless *endless, uint64_t rows_max,
                    struct gs_err *err)
{
    struct gs_view rest;
    char spec[40];
    snprintf(spec, sizeof(spec), "%s:x", format);
    struct gs_trace_input input = {.label = "x", .read = give, .ctx = endless};
    struct gs_trace_options options = {
        .inputs = &input, .n_inputs = 1, .now_us = GS_TRACE_NO_TIME, .rows_max = rows_max};
    assert_int_equal(gs_trace_spec_parse(gs_view(spec), &options.format, &rest, err), 0);
    struct gs_trace *trace;
    assert_int_equal(gs_trace_new(&options, &trace, err), 0);
    struct gs_trace_ask ask;
    int r;
    do {
        r = gs_trace_next(trace, &ask, err);
    } while (r > 0);
    gs_trace_free(trace);
    return r;
}

static void trace__that_never_ends_ends_with_an_error(void **state)
{
    static const char header[] = "arrival,duration,gpus\n";
    static const char pods[] = "{\"kind\":\"List\",\"items\":[";
    static const char answer[] = "{\"data\":{\"result\":[";
    static const struct {
        const char *format, *head, *again;
        uint64_t rows_max;
        const char *says;
    } cases[] = {
        {"csv", NULL, NULL, 0,
         "x: found no row that can be used in 256 MiB; expected a trace of format csv"},
        {"csv", header, NULL, 0, "x: found no row that can be used in 256 MiB"},
        {"jsonl", NULL, NULL, 0, "x: found no row that can be used in 256 MiB"},
        {"openb", NULL, NULL, 0, "x: found no row that can be used in 256 MiB"},
        {"csv", header, "?\n", 0,
         "x: found 1048576 rows one after the other that cannot be used; expected a trace of "
         "format csv; the first: x:2: found 1 field; expected 3"},
        {"jsonl", NULL, "1\n", 0, "x: found 1048576 rows one after the other that cannot be used"},
        {"pods", pods, "                                                               ", 0,
         "x: found no row that can be used in 256 MiB"},
        {"prometheus", answer, "                                                         ", 0,
         "x: found no row that can be used in 256 MiB"},
        {"csv", header, "1,2,1\n", 100000, "x: found more than 100000 rows and no end"},
        {"csv", header, "1,2,0\n", 100000, "x: found more than 100000 rows and no end"},
        {"csv", header, "1,2,0\n?\n", 100000, "x: found more than 100000 rows and no end"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct endless endless = {.head = cases[i].head, .again = cases[i].again};
        struct gs_err err = {0};
        assert_int_equal(read_all(cases[i].format, &endless, cases[i].rows_max, &err), GS_LIMIT);
        if (strncmp(err.msg, cases[i].says, strlen(cases[i].says)) != 0) {
            fail_msg("%zu: %s", i, err.msg);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trace__that_never_ends_ends_with_an_error),
    };
    return cmocka_run_group_tests_name("bounds", tests, NULL, NULL);
}
