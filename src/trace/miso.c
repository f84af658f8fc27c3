/* miso: the 100 jobs of MISO (SoCC 2022). Two JSON objects with a key a job: its seconds on a whole
 * GPU (trace_100.json, which MISO's run.py reads as job_runtime), and the name of its work. When
 * they come is drawn, as there: in any order, a third of them twice as densely as the others. */
#include <jansson.h>
#include <stdio.h>

#include "base/buf.h"
#include "sim/random.h"
#include "trace/field.h"
#include "trace/reader.h"

enum { LENGTH, WORK, FILES };
enum { BYTES_MAX = 16 << 20, DENSE_GAP_S = 30, GAP_S = 60 };

struct miso {
    struct gs_buf text;
    json_t *files[FILES];
    struct gs_random random;
    uint32_t *order; /* of the jobs, as they come; NULL: not drawn yet */
    size_t n;
    size_t drawn;
    int64_t now_us;
};

static int begin(struct gs_trace *trace, struct gs_err *err)
{
    struct miso *own = GS_ARENA_NEW(&trace->arena, struct miso, 1);
    if (own == NULL) {
        return gs_trace_no_memory(trace, err);
    }
    gs_buf_init(&own->text, BYTES_MAX);
    trace->own = own;
    return 0;
}

static void end(struct gs_trace *trace)
{
    struct miso *own = trace->own;
    gs_buf_done(&own->text);
    for (unsigned i = 0; i < FILES; i++) {
        json_decref(own->files[i]);
    }
}

static int take(struct gs_trace *trace, struct gs_view piece, struct gs_err *err)
{
    struct miso *own = trace->own;
    gs_buf_put(&own->text, piece.p, piece.n);
    if (gs_buf_ok(&own->text)) {
        return 0;
    }
    return own->text.len + piece.n > BYTES_MAX
               ? gs_fail(err, GS_LIMIT, "%s: more than %d bytes; expected less",
                         gs_trace_label(trace), BYTES_MAX)
               : gs_trace_no_memory(trace, err);
}

static int input_end(struct gs_trace *trace, struct gs_err *err)
{
    struct miso *own = trace->own;
    json_error_t fault;
    json_t *object =
        json_loadb(gs_buf_text(&own->text), own->text.len, JSON_REJECT_DUPLICATES, &fault);
    gs_buf_reset(&own->text);
    if (object == NULL) {
        bool plain = !gs_view_has_control(gs_view(fault.text), "");
        return json_error_code(&fault) == json_error_out_of_memory
                   ? gs_trace_no_memory(trace, err)
                   : gs_fail(err, GS_INVALID, "%s:%d: %s; expected a JSON object",
                             gs_trace_label(trace), fault.line, plain ? fault.text : "no JSON");
    }
    own->files[trace->input] = object;
    if (!json_is_object(object) || json_object_size(object) > GS_TRACE_REORDER_MAX) {
        return gs_fail(err, GS_INVALID,
                       "%s: expected a JSON object with a key a job, %d jobs at most",
                       gs_trace_label(trace), GS_TRACE_REORDER_MAX);
    }
    return 0;
}

/* Seconds of a job in one of the files. Negative: `err` says what is wrong. */
static int read_seconds(const struct gs_trace *trace, unsigned file, const char *key, int64_t *ret,
                        struct gs_err *err)
{
    const struct miso *own = trace->own;
    const json_t *value = json_object_get(own->files[file], key);
    double seconds = json_number_value(value);
    char text[48] = "nothing";
    if (json_is_number(value) && seconds > -1e12 && seconds < 1e12) {
        snprintf(text, sizeof(text), "%.6f", seconds);
    }
    int r = gs_field_moment(gs_view(text), ret, err);
    return r < 0 ? gs_wrap(err, r, "%s, job \"%.20s\"", trace->inputs[file].label, key) : 0;
}

/* MISO draws an order, and between two jobs a number of seconds from Poisson's law. */
static int draw_order(struct gs_trace *trace, struct gs_err *err)
{
    struct miso *own = trace->own;
    own->n = json_object_size(own->files[LENGTH]);
    own->order = GS_ARENA_NEW(&trace->arena, uint32_t, own->n + 1);
    if (own->order == NULL) {
        return gs_trace_no_memory(trace, err);
    }
    gs_random_init(&own->random, trace->options.seed);
    for (uint32_t i = 0; i < own->n; i++) {
        uint32_t at = gs_random_below(&own->random, i + 1);
        own->order[i] = own->order[at];
        own->order[at] = i;
    }
    return 0;
}

/* How many events of rate 1 fall into `mean`. */
static unsigned draw_poisson(struct gs_random *random, double mean)
{
    unsigned n = 0;
    for (double sum = gs_random_exp(random); sum <= mean; sum += gs_random_exp(random)) {
        n++;
    }
    return n;
}

static int draw(struct gs_trace *trace, struct gs_err *err)
{
    struct miso *own = trace->own;
    int r = own->order == NULL ? draw_order(trace, err) : 0;
    if (r < 0 || own->drawn == own->n) {
        return r;
    }
    char key[24];
    bool dense = own->drawn <= own->n / 3;
    uint32_t job = own->order[own->drawn++];
    snprintf(key, sizeof(key), "%u", job);
    struct gs_trace_ask ask = gs_trace_nothing_known();
    struct gs_err why;
    own->now_us += (int64_t)draw_poisson(&own->random, dense ? DENSE_GAP_S : GAP_S) * 1000000;
    ask.created_us = own->now_us;
    trace->row = job + 1;
    trace->totals.input_rows++;
    if (read_seconds(trace, LENGTH, key, &ask.run_us, &why) < 0) {
        (void)gs_trace_skip_for(trace, GS_TRACE_FAULT_TIME, &why);
        return 1;
    }
    const json_t *name = json_object_get(own->files[WORK], key);
    struct gs_view work = {.p = json_string_value(name), .n = json_string_length(name)};
    if (!json_is_string(name) || work.n == 0 || gs_view_has_control(work, "")) {
        (void)gs_fail(&why, GS_INVALID, "%s: the work of job \"%s\" has no name; expected a text",
                      trace->inputs[WORK].label, key);
        (void)gs_trace_skip_for(trace, GS_TRACE_FAULT_FORM, &why);
        return 1;
    }
    r = gs_texts_keep(&trace->texts, work, &ask.work, err);
    if (r < 0) {
        return gs_wrap(err, r, "%s", trace->inputs[WORK].label);
    }
    ask.gpus = 1;
    gs_trace_set_name(&ask, gs_view(key));
    (void)gs_trace_put(trace, &ask, 1);
    return 1;
}

const struct gs_trace_reader gs_trace_reader_miso = {.name = "miso",
                                                     .row_is = "job number",
                                                     .begin = begin,
                                                     .piece = take,
                                                     .input_end = input_end,
                                                     .draw = draw,
                                                     .end = end};
