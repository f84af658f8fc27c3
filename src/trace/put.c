/* What readers hand over: asks, and rows that are none. */
#include <stdarg.h>

#include "trace/field.h"
#include "trace/reader.h"

/* What came from a file goes to a terminal: nothing in it may move the cursor. */
void gs_trace_clean(char *text)
{
    struct gs_view rest = gs_view(text);
    while (rest.n > 0) {
        uint32_t c = (unsigned char)rest.p[0];
        size_t n = gs_view_character(rest, &c);
        char *at = text + (rest.p - text);
        n = n == 0 ? 1 : n;
        if (gs_character_is_control(c)) {
            memset(at, '?', n);
        }
        rest.p += n;
        rest.n -= n;
    }
}

int gs_trace_skip_rows(struct gs_trace *trace, enum gs_trace_fault fault, uint64_t rows,
                       const struct gs_err *why)
{
    struct gs_trace_totals *totals = &trace->totals;
    struct gs_err told = *why;
    if (rows == 0 || trace->clock.mixed) {
        return 0; /* another ask has told of it; or the trace ends with this row, and says so */
    }
    gs_trace_clean(told.msg);
    if (totals->skipped_rows == 0) {
        trace->first_bad = told;
    }
    totals->skipped_rows += rows;
    totals->skipped[fault] += rows;
    if (trace->told < GS_TRACE_BAD_MAX) {
        trace->told++;
        if (trace->options.bad != NULL) {
            trace->options.bad(trace->options.bad_ctx, &told);
        }
    }
    return 0;
}

int gs_trace_skip_for(struct gs_trace *trace, enum gs_trace_fault fault, const struct gs_err *why)
{
    return gs_trace_skip_rows(trace, fault, 1, why);
}

/* "jobs.csv:7", "pods.json: pod 7" before the text. */
static int wrap_row(const struct gs_trace *trace, unsigned input, uint64_t row, struct gs_err *err)
{
    const char *label =
        input < trace->options.n_inputs ? trace->inputs[input].label : trace->options.format->name;
    const char *is = trace->reader->row_is;
    return gs_wrap(err, GS_INVALID, is == NULL ? "%s:%s%llu" : "%s: %s %llu", label,
                   is == NULL ? "" : is, (unsigned long long)row);
}

int gs_trace_wrap_row(const struct gs_trace *trace, const struct gs_trace_ask *ask,
                      struct gs_err *err)
{
    (void)wrap_row(trace, ask->input, ask->row, err);
    gs_trace_clean(err->msg);
    return GS_INVALID;
}

int gs_trace_skip(struct gs_trace *trace, enum gs_trace_fault fault, const char *fmt, ...)
{
    struct gs_err why;
    va_list ap;
    va_start(ap, fmt);
    (void)gs_vfail(&why, GS_INVALID, fmt, ap);
    va_end(ap);
    (void)wrap_row(trace, trace->input, trace->row, &why);
    return gs_trace_skip_for(trace, fault, &why);
}

int gs_trace_moment(struct gs_trace *trace, struct gs_view text, int64_t *ret_us,
                    struct gs_err *err)
{
    struct gs_trace_clock *clock = &trace->clock;
    bool date = gs_field_is_date(text);
    int r = gs_field_moment(text, ret_us, err);
    if (r < 0) {
        return r;
    }
    if (clock->row == 0) {
        clock->row = trace->row;
        clock->input = trace->input;
        clock->dates = date;
        return 0;
    }
    if (clock->dates == date) {
        return 0;
    }
    struct gs_err why;
    r = gs_fail(&why, GS_INVALID,
                "found %.*s, %s, where %s:%llu has %s; expected the same in all rows",
                GS_VIEW_ARGS(text), date ? "a date" : "seconds", trace->inputs[clock->input].label,
                (unsigned long long)clock->row, date ? "seconds" : "a date");
    if (!clock->mixed) {
        clock->mixed = true;
        clock->why = why;
        (void)wrap_row(trace, trace->input, trace->row, &clock->why);
    }
    return gs_fail(err, r, "%s", why.msg);
}

struct gs_trace_ask gs_trace_nothing_known(void)
{
    return (struct gs_trace_ask){.rows = 1,
                                 .created_us = GS_TRACE_NO_TIME,
                                 .start_us = GS_TRACE_NO_TIME,
                                 .milli = GS_NOT_KNOWN,
                                 .memory_mib = GS_TRACE_USE_UNKNOWN,
                                 .util_permille = GS_TRACE_USE_UNKNOWN,
                                 .cpu_milli = UINT64_MAX,
                                 .host_memory_mib = UINT64_MAX};
}

void gs_trace_set_name(struct gs_trace_ask *ask, struct gs_view name)
{
    size_t n = name.n < GS_TRACE_NAME_MAX ? name.n : GS_TRACE_NAME_MAX;
    while (n > 0 && n < name.n && ((unsigned char)name.p[n] & 0xc0) == 0x80) {
        n--; /* not within a character */
    }
    if (n > 0) {
        memcpy(ask->name, name.p, n);
    }
    ask->name[n] = 0;
    gs_trace_clean(ask->name);
}

/* What is seen of the trace's beginning and end. */
static void note_end(struct gs_trace_totals *totals, const struct gs_trace_ask *ask)
{
    if (ask->fate == GS_TRACE_NEVER_RAN || ask->gpus == 0) {
        return;
    }
    int64_t from = ask->start_us == GS_TRACE_NO_TIME ? ask->arrive_us : ask->start_us;
    int64_t end = from + ask->run_us;
    if (totals->first_end_us == GS_TRACE_NO_TIME || end < totals->first_end_us) {
        totals->first_end_us = end;
    }
    if (end > totals->last_end_us) {
        totals->last_end_us = end;
    }
}

/* Why an ask cannot be put. */
static int skip_ask(struct gs_trace *trace, const struct gs_trace_ask *ask,
                    enum gs_trace_fault fault, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static int skip_ask(struct gs_trace *trace, const struct gs_trace_ask *ask,
                    enum gs_trace_fault fault, const char *fmt, ...)
{
    struct gs_err why;
    va_list ap;
    va_start(ap, fmt);
    (void)gs_vfail(&why, GS_INVALID, fmt, ap);
    va_end(ap);
    (void)wrap_row(trace, ask->input, ask->row, &why);
    return gs_trace_skip_rows(trace, fault, ask->rows, &why);
}

int gs_trace_put(struct gs_trace *trace, const struct gs_trace_ask *asked, uint32_t count)
{
    struct gs_trace_ask ask = *asked;
    bool created = trace->options.at == GS_TRACE_AT_CREATION;
    int64_t first = created ? ask.created_us : ask.start_us;
    int64_t second = created ? ask.start_us : ask.created_us;
    ask.row = trace->row;
    ask.input = trace->input < trace->options.n_inputs ? trace->input : ask.input;
    ask.arrive_us = first == GS_TRACE_NO_TIME ? second : first;
    if (ask.arrive_us < 0 || ask.arrive_us > GS_SIM_TIME_MAX) {
        return skip_ask(trace, &ask, GS_TRACE_FAULT_TIME,
                        "found no time of arrival within a hundred years; expected one");
    }
    if (ask.run_us < 0 || ask.run_us > GS_SIM_TIME_MAX) {
        return skip_ask(trace, &ask, GS_TRACE_FAULT_TIME,
                        "it ends %s; expected a time behind its start, a hundred years at most",
                        ask.run_us < 0 ? "before it begins" : "too late");
    }
    if (ask.run_us == 0) {
        ask.run_us = 1; /* began and ended in the same tick of the trace's clock */
    }
    if (!gs_order_put(&trace->order, &ask, count)) {
        return skip_ask(trace, &ask, GS_TRACE_FAULT_ORDER,
                        "arrives at %lld.%06lld s, before a row that has gone its way; expected "
                        "rows out of order by %d at most: sort them by arrival",
                        (long long)(ask.arrive_us / 1000000), (long long)(ask.arrive_us % 1000000),
                        GS_TRACE_REORDER_MAX);
    }
    note_end(&trace->totals, &ask);
    return 0;
}
