#include <stdio.h>

#include "trace/reader.h"

static const struct gs_trace_reader *const readers[] = {
    &gs_trace_reader_rows_csv,   &gs_trace_reader_rows_jsonl, &gs_trace_reader_pods,
    &gs_trace_reader_prometheus, &gs_trace_reader_synthetic,  &gs_trace_reader_openb,
    &gs_trace_reader_gentd26,    &gs_trace_reader_miso,
};

const char *gs_trace_fault_text(enum gs_trace_fault fault)
{
    switch (fault) {
    case GS_TRACE_FAULT_FORM:
        return "not readable";
    case GS_TRACE_FAULT_TIME:
        return "times missing or contradicting";
    case GS_TRACE_FAULT_SIZE:
        return "amounts out of range or contradicting";
    case GS_TRACE_FAULT_ORDER:
        return "too far out of order";
    case GS_TRACE_FAULTS:
        break;
    }
    return "";
}

int gs_trace_no_memory(const struct gs_trace *trace, struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "%s: no memory to read it", gs_trace_label(trace));
}

static int clean_error(int code, struct gs_err *err)
{
    if (err != NULL) {
        gs_trace_clean(err->msg);
    }
    return code;
}

static int begin_input(struct gs_trace *trace)
{
    gs_unpack_done(&trace->unpack);
    gs_unpack_init(&trace->unpack, gs_trace_label(trace), trace->arena.source, trace->unpacked,
                   GS_TRACE_BYTES_MAX);
    gs_lines_init(&trace->lines, trace->lines.held, GS_TRACE_LINE_MAX);
    return 0;
}

static int check_options(const struct gs_trace_options *options, struct gs_err *err)
{
    const struct gs_trace_format *format = options->format;
    unsigned want = format->max_files;
    bool few = options->n_inputs < 1 && want > 0;
    bool wrong = format->takes == GS_TRACE_TAKES_FOLDER ? options->n_inputs != want
                                                        : few || options->n_inputs > want;
    if (wrong || want > GS_TRACE_INPUTS_MAX) {
        return gs_fail(err, GS_INVALID, "found %zu files for a trace of format %s; expected %s%u",
                       options->n_inputs, format->name,
                       format->takes == GS_TRACE_TAKES_FILES && want > 1 ? "1 to " : "", want);
    }
    return 0;
}

static const struct gs_trace_reader *find_reader(const char *name)
{
    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
        if (strcmp(readers[i]->name, name) == 0) {
            return readers[i];
        }
    }
    return NULL;
}

static int prepare(struct gs_trace *trace, struct gs_err *err)
{
    struct gs_arena *arena = &trace->arena;
    trace->raw = gs_arena_get_raw(arena, 1, GS_UNPACK_PIECE);
    trace->unpacked = gs_arena_get_raw(arena, 1, GS_UNPACK_PIECE);
    trace->lines.held = gs_arena_get_raw(arena, 1, GS_TRACE_LINE_MAX);
    if (trace->raw == NULL || trace->unpacked == NULL || trace->lines.held == NULL ||
        !gs_texts_init(&trace->texts, arena, GS_TRACE_TEXTS_MAX) ||
        !gs_order_init(&trace->order, arena, GS_TRACE_REORDER_MAX)) {
        return gs_trace_no_memory(trace, err);
    }
    (void)begin_input(trace);
    return trace->reader->begin == NULL ? 0 : trace->reader->begin(trace, err);
}

int gs_trace_new(const struct gs_trace_options *options, struct gs_trace **ret, struct gs_err *err)
{
    int r = check_options(options, err);
    if (r < 0) {
        return r;
    }
    const struct gs_alloc *alloc = options->alloc == NULL ? &gs_alloc_heap : options->alloc;
    struct gs_trace *trace = alloc->get(alloc->ctx, sizeof(*trace));
    if (trace == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory to read a trace");
    }
    *trace = (struct gs_trace){.options = *options, .reader = find_reader(options->format->name)};
    for (size_t i = 0; i < options->n_inputs; i++) {
        trace->inputs[i] = options->inputs[i];
    }
    trace->totals.first_arrive_us = GS_TRACE_NO_TIME;
    trace->totals.first_end_us = GS_TRACE_NO_TIME;
    trace->totals.last_end_us = GS_TRACE_NO_TIME;
    gs_arena_init(&trace->arena, alloc, GS_TRACE_ARENA_MAX);
    r = prepare(trace, err);
    if (r < 0) {
        gs_trace_free(trace);
        return clean_error(r, err);
    }
    *ret = trace;
    return 0;
}

void gs_trace_free(struct gs_trace *trace)
{
    if (trace == NULL) {
        return;
    }
    if (trace->own != NULL && trace->reader->end != NULL) {
        trace->reader->end(trace);
    }
    gs_unpack_done(&trace->unpack);
    const struct gs_alloc *alloc = trace->arena.source;
    gs_arena_done(&trace->arena);
    alloc->put(alloc->ctx, trace, sizeof(*trace));
}

void gs_trace_feed(struct gs_trace *trace, const void *bytes, size_t n)
{
    trace->pushed = (struct gs_view){.p = bytes, .n = n};
    trace->was_pushed = true;
}

const struct gs_trace_totals *gs_trace_totals(const struct gs_trace *trace)
{
    return &trace->totals;
}

static int refuse_dry(const struct gs_trace *trace, struct gs_err *err)
{
    bool told = trace->totals.skipped_rows > 0;
    char found[80];
    if (trace->dry.packed > GS_TRACE_DRY_MAX || trace->dry.flat > GS_TRACE_DRY_MAX) {
        snprintf(found, sizeof(found), "no row that can be used in %llu MiB",
                 GS_TRACE_DRY_MAX >> 20);
    } else {
        snprintf(found, sizeof(found), "%d rows one after the other that cannot be used",
                 GS_TRACE_DRY_ROWS_MAX);
    }
    return gs_fail(err, GS_LIMIT, "%s: found %s; expected a trace of format %s%s%s",
                   gs_trace_label(trace), found, trace->options.format->name,
                   told ? "; the first: " : "", told ? trace->first_bad.msg : "");
}

/* `n` more bytes, of which `sum` is one of trace->dry. An input that never ends ends here, unless
 * it has rows that can be used. */
static int count_bytes(struct gs_trace *trace, uint64_t *sum, size_t n, struct gs_err *err)
{
    const struct gs_trace_totals *totals = &trace->totals;
    struct gs_trace_dry *dry = &trace->dry;
    uint64_t used = totals->input_rows - totals->skipped_rows;
    if (used != dry->used) {
        *dry = (struct gs_trace_dry){.used = used, .skipped = totals->skipped_rows};
    }
    *sum += n;
    if (*sum > GS_TRACE_DRY_MAX || totals->skipped_rows - dry->skipped > GS_TRACE_DRY_ROWS_MAX) {
        return refuse_dry(trace, err);
    }
    if (trace->options.rows_max > 0 && totals->input_rows > trace->options.rows_max) {
        return gs_fail(err, GS_LIMIT,
                       "%s: found more than %llu rows and no end; expected fewer of what is no "
                       "file",
                       gs_trace_label(trace), (unsigned long long)trace->options.rows_max);
    }
    return 0;
}

/* More bytes of the input, from its callback or from what was pushed. GS_TRACE_MORE: none yet. */
static int fetch(struct gs_trace *trace, struct gs_err *err)
{
    const struct gs_trace_input *input = &trace->inputs[trace->input];
    struct gs_view bytes = {.p = trace->raw};
    if (input->read != NULL) {
        int r = input->read(input->ctx, trace->raw, GS_UNPACK_PIECE, &bytes.n, err);
        if (r < 0) {
            return r;
        }
    } else {
        if (!trace->was_pushed) {
            return GS_TRACE_MORE;
        }
        bytes = trace->pushed;
        trace->was_pushed = false;
    }
    trace->totals.bytes += bytes.n;
    gs_unpack_feed(&trace->unpack, bytes);
    return count_bytes(trace, &trace->dry.packed, bytes.n, err);
}

static int end_input(struct gs_trace *trace, struct gs_err *err)
{
    int r = trace->reader->input_end == NULL ? 0 : trace->reader->input_end(trace, err);
    if (r < 0) {
        return r;
    }
    trace->input++;
    if (trace->input < trace->options.n_inputs) {
        return begin_input(trace);
    }
    return 0;
}

static int take_line(struct gs_trace *trace, struct gs_view line, struct gs_err *err)
{
    trace->row = trace->lines.line;
    if (trace->lines.too_long) {
        trace->totals.input_rows++;
        return gs_trace_skip(trace, GS_TRACE_FAULT_FORM,
                             "found a line of more than %d bytes; expected less",
                             GS_TRACE_LINE_MAX);
    }
    return gs_view_trim(line).n == 0 ? 0 : trace->reader->line(trace, line, err);
}

/* One line, one piece, or one call of the callback. */
static int read_on(struct gs_trace *trace, struct gs_err *err)
{
    struct gs_view part = {0};
    if (trace->reader->line != NULL) {
        switch (gs_lines_next(&trace->lines, &part)) {
        case GS_LINES_LINE:
            return take_line(trace, part, err);
        case GS_LINES_OVER:
            return end_input(trace, err);
        case GS_LINES_MORE:
            break;
        }
    }
    int r = gs_unpack_next(&trace->unpack, &part, err);
    if (r < 0) {
        return r;
    }
    if (r == GS_UNPACK_MORE) {
        return fetch(trace, err);
    }
    if (r == GS_UNPACK_OVER) {
        if (trace->reader->line == NULL) {
            return end_input(trace, err);
        }
        gs_lines_end(&trace->lines);
        return 0;
    }
    r = count_bytes(trace, &trace->dry.flat, part.n, err);
    if (r < 0) {
        return r;
    }
    if (trace->reader->line == NULL) {
        return trace->reader->piece(trace, part, err);
    }
    gs_lines_feed(&trace->lines, part);
    return 0;
}

static void count_ask(struct gs_trace *trace, struct gs_trace_ask *ask)
{
    struct gs_trace_totals *totals = &trace->totals;
    if (trace->reader->cut_at_end && trace->all_read && ask->fate == GS_TRACE_RAN &&
        ask->start_us + ask->run_us == totals->last_end_us) {
        ask->fate = GS_TRACE_CUT_OFF;
    }
    totals->asks++;
    totals->ask_rows += ask->rows;
    totals->without_gpu += ask->gpus == 0 ? ask->rows : 0;
    totals->never_ran += ask->gpus > 0 && ask->fate == GS_TRACE_NEVER_RAN;
    totals->cut_off += ask->gpus > 0 && ask->fate == GS_TRACE_CUT_OFF;
    if (totals->first_arrive_us == GS_TRACE_NO_TIME) {
        totals->first_arrive_us = ask->arrive_us;
    }
}

/* A trace of which nothing came is a wrong file, not an empty one. */
static int finish(const struct gs_trace *trace, struct gs_err *err)
{
    const struct gs_trace_totals *totals = &trace->totals;
    if (totals->asks > 0 || totals->without_gpu > 0) {
        return GS_TRACE_OVER;
    }
    const char *name = trace->options.n_inputs > 0 ? trace->inputs[0].label : "synthetic";
    if (totals->skipped_rows == 0) {
        const char *none = trace->reader->none;
        return gs_fail(err, GS_INVALID, "%s: found no rows; expected a trace of format %s%s%s",
                       name, trace->options.format->name, none == NULL ? "" : ": ",
                       none == NULL ? "" : none);
    }
    return gs_fail(err, GS_INVALID, "%s: none of %llu row%s could be used; the first: %s", name,
                   (unsigned long long)totals->input_rows, totals->input_rows == 1 ? "" : "s",
                   trace->first_bad.msg);
}

int gs_trace_next(struct gs_trace *trace, struct gs_trace_ask *ret, struct gs_err *err)
{
    for (;;) {
        if (gs_order_is_full(&trace->order) || trace->all_read) {
            if (!gs_order_take(&trace->order, ret)) {
                int r = finish(trace, err);
                return r < 0 ? clean_error(r, err) : r;
            }
            count_ask(trace, ret);
            return GS_TRACE_ASK;
        }
        bool reading = trace->input < trace->options.n_inputs;
        int r = reading                       ? read_on(trace, err)
                : trace->reader->draw == NULL ? 0
                                              : trace->reader->draw(trace, err);
        if (r >= 0 && trace->clock.mixed) {
            r = gs_fail(err, GS_INVALID, "%s", trace->clock.why.msg);
        }
        if (r < 0) {
            return clean_error(r, err);
        }
        if (reading && r == GS_TRACE_MORE) {
            return r;
        }
        trace->all_read = !reading && r == 0;
    }
}
