/* gentd26: samples of Alibaba's cluster-trace-v2026-GenAI. Two files, memory in bytes and duty
 * cycle in percent, each with the columns timestamp_anon, value and container_ip in an order of its
 * own. The first and the last sample of a container are its arrival and departure, cut where the
 * day was cut. */
#include "trace/field.h"
#include "trace/samples.h"
#include "wire/csv.h"

enum { TIMESTAMP, VALUE, CONTAINER, NEEDED };

static const char *const needed[] = {"timestamp_anon", "value", "container_ip"};

struct gentd26 {
    struct gs_samples samples;
    struct gs_csv csv;
    bool has_header;
    size_t n;
    size_t at[NEEDED]; /* which field it is */
};

static int begin(struct gs_trace *trace, struct gs_err *err)
{
    trace->own = GS_ARENA_NEW(&trace->arena, struct gentd26, 1);
    return trace->own == NULL ? gs_trace_no_memory(trace, err) : 0;
}

static void end(struct gs_trace *trace)
{
    struct gentd26 *own = trace->own;
    gs_samples_done(&own->samples);
}

static int take_header(struct gentd26 *own, struct gs_err *err)
{
    for (unsigned i = 0; i < NEEDED; i++) {
        size_t at = 0;
        while (at < own->csv.n && !gs_view_eq(own->csv.fields[at], needed[i])) {
            at++;
        }
        if (at == own->csv.n) {
            return gs_csv_fail(&own->csv, err,
                               "the header lacks %s; expected timestamp_anon, value and "
                               "container_ip",
                               needed[i]);
        }
        own->at[i] = at;
    }
    own->n = own->csv.n;
    own->has_header = true;
    return 0;
}

static int take_sample(struct gs_trace *trace, struct gs_err *err)
{
    struct gentd26 *own = trace->own;
    bool memory = trace->input == 0;
    int64_t at_us;
    uint64_t value;
    struct gs_err why;
    if (own->csv.n != own->n) {
        return gs_trace_skip(trace, GS_TRACE_FAULT_FORM, "found %zu field%s; expected %zu",
                             own->csv.n, own->csv.n == 1 ? "" : "s", own->n);
    }
    if (own->csv.fields[own->at[CONTAINER]].n == 0) {
        return gs_trace_skip(trace, GS_TRACE_FAULT_FORM, "container_ip is empty; expected a name");
    }
    if (gs_trace_moment(trace, own->csv.fields[own->at[TIMESTAMP]], &at_us, &why) < 0) {
        return gs_trace_skip(trace, GS_TRACE_FAULT_TIME, "timestamp_anon: %s", why.msg);
    }
    struct gs_view text = own->csv.fields[own->at[VALUE]];
    uint64_t max = memory ? (uint64_t)GS_TRACE_MEMORY_MIB_MAX << 20 : 1000;
    if (gs_field_decimal(text, memory ? 0 : 1, max, true, &value, &why) < 0) {
        return gs_trace_skip(trace, GS_TRACE_FAULT_SIZE, "value: %s", why.msg);
    }
    return gs_samples_add(&own->samples, trace, own->csv.fields[own->at[CONTAINER]],
                          (struct gs_view){0},
                          memory ? GS_METRIC_MEMORY_MIB : GS_METRIC_UTIL_PERMILLE, at_us,
                          (uint32_t)(memory ? (value + (1 << 20) - 1) >> 20 : value), err);
}

static int take(struct gs_trace *trace, struct gs_view line, struct gs_err *err)
{
    struct gentd26 *own = trace->own;
    struct gs_err why;
    bool more;
    int r = gs_csv_init(&own->csv, gs_trace_label(trace), line, err);
    if (r < 0) {
        return r;
    }
    own->csv.line = (unsigned)(trace->row - 1);
    r = gs_csv_next(&own->csv, &more, &why);
    if (!own->has_header) {
        if (r < 0) {
            return gs_fail(err, GS_INVALID, "%s", why.msg);
        }
        return take_header(own, err);
    }
    trace->totals.input_rows++;
    return r < 0 ? gs_trace_skip_for(trace, GS_TRACE_FAULT_FORM, &why) : take_sample(trace, err);
}

static int input_end(struct gs_trace *trace, struct gs_err *err)
{
    struct gentd26 *own = trace->own;
    if (!own->has_header) {
        return gs_fail(err, GS_INVALID, "%s: found nothing; expected a table of samples",
                       gs_trace_label(trace));
    }
    own->has_header = false; /* each file has its own */
    return 0;
}

static int draw(struct gs_trace *trace, struct gs_err *err)
{
    struct gentd26 *own = trace->own;
    return gs_samples_draw(&own->samples, trace, err);
}

const struct gs_trace_reader gs_trace_reader_gentd26 = {.name = "gentd26",
                                                        .begin = begin,
                                                        .line = take,
                                                        .input_end = input_end,
                                                        .draw = draw,
                                                        .end = end};
