/* The general formats: a CSV file with a header, and JSON Lines with the same keys. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "trace/columns.h"
#include "wire/csv.h"

struct rows {
    struct gs_csv csv;
    bool has_header;
    size_t n;
    unsigned columns[GS_CSV_FIELDS_MAX]; /* GS_COLUMNS: passed over */
};

static int begin(struct gs_trace *trace, struct gs_err *err)
{
    trace->own = GS_ARENA_NEW(&trace->arena, struct rows, 1);
    return trace->own == NULL ? gs_trace_no_memory(trace, err) : 0;
}

/* One line as fields. Negative: the text begins with label and line. */
static int split(struct gs_trace *trace, struct gs_view line, struct gs_err *err)
{
    struct rows *rows = trace->own;
    bool more;
    int r = gs_csv_init(&rows->csv, gs_trace_label(trace), line, err);
    rows->csv.line = (unsigned)(trace->row - 1);
    return r < 0 ? r : gs_csv_next(&rows->csv, &more, err);
}

static int take_header(struct gs_trace *trace, struct gs_view line, struct gs_err *err)
{
    struct rows *rows = trace->own;
    bool has[GS_COLUMNS + 1] = {false};
    int r = split(trace, line, err);
    if (r < 0) {
        return r;
    }
    rows->n = rows->csv.n;
    const struct gs_view first = rows->csv.fields[0];
    if (rows->n == 1 && first.n > 0 &&
        (memchr(first.p, ';', first.n) != NULL || memchr(first.p, '\t', first.n) != NULL)) {
        return gs_csv_fail(&rows->csv, err, "found \"%.*s\"; expected commas between the columns",
                           GS_VIEW_ARGS(first));
    }
    for (size_t i = 0; i < rows->n; i++) {
        r = gs_trace_column_find(rows->csv.fields[i], &rows->columns[i], err);
        if (r < 0) {
            return gs_wrap(err, r, "%s:%u", rows->csv.label, rows->csv.line);
        }
        if (rows->columns[i] < GS_COLUMNS && has[rows->columns[i]]) {
            return gs_csv_fail(&rows->csv, err, "found column \"%.*s\" twice; expected it once",
                               GS_VIEW_ARGS(rows->csv.fields[i]));
        }
        has[rows->columns[i]] = true;
    }
    if (!(has[GS_COLUMN_ARRIVAL] || has[GS_COLUMN_START]) ||
        !(has[GS_COLUMN_DURATION] || has[GS_COLUMN_END])) {
        return gs_csv_fail(&rows->csv, err,
                           "the header lacks %s; expected arrival or start, duration or end, and "
                           "what each row needs",
                           has[GS_COLUMN_ARRIVAL] || has[GS_COLUMN_START] ? "duration" : "arrival");
    }
    rows->has_header = true;
    return 0;
}

static int take_csv(struct gs_trace *trace, struct gs_view line, struct gs_err *err)
{
    struct rows *rows = trace->own;
    struct gs_view fields[GS_COLUMNS + 1] = {0};
    if (!rows->has_header) {
        return take_header(trace, line, err);
    }
    trace->totals.input_rows++;
    struct gs_err why;
    if (split(trace, line, &why) < 0) {
        return gs_trace_skip_for(trace, GS_TRACE_FAULT_FORM, &why);
    }
    if (rows->csv.n != rows->n) {
        return gs_trace_skip(trace, GS_TRACE_FAULT_FORM, "found %zu field%s; expected %zu",
                             rows->csv.n, rows->csv.n == 1 ? "" : "s", rows->n);
    }
    for (size_t i = 0; i < rows->n; i++) {
        fields[rows->columns[i]] = rows->csv.fields[i];
    }
    return gs_trace_columns_put(trace, fields, err);
}

enum { NUMBER_MAX = 48 };

/* A value as the text that a CSV file would have. False: it has none. */
static bool spell(const json_t *value, char buffer[NUMBER_MAX], struct gs_view *ret)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        *ret = (struct gs_view){.p = json_string_value(value), .n = json_string_length(value)};
        return !gs_view_has_control(*ret, "");
    case JSON_INTEGER:
        snprintf(buffer, NUMBER_MAX, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        *ret = gs_view(buffer);
        return true;
    case JSON_REAL:
        if (fabs(json_real_value(value)) > 1e18) {
            return false;
        }
        snprintf(buffer, NUMBER_MAX, "%.6f", json_real_value(value));
        *ret = gs_view(buffer);
        return true;
    case JSON_NULL:
        *ret = (struct gs_view){0};
        return true;
    case JSON_OBJECT:
    case JSON_ARRAY:
    case JSON_TRUE:
    case JSON_FALSE:
        break;
    }
    return false;
}

static int take_object(struct gs_trace *trace, json_t *object, struct gs_err *err)
{
    struct gs_view fields[GS_COLUMNS + 1] = {0};
    char numbers[GS_COLUMNS + 1][NUMBER_MAX];
    void *at = json_object_iter(object);
    for (; at != NULL; at = json_object_iter_next(object, at)) {
        const char *key = json_object_iter_key(at);
        unsigned column;
        struct gs_err why;
        if (gs_view_has_control(gs_view(key), "")) {
            return gs_trace_skip(trace, GS_TRACE_FAULT_FORM, "found a control character in a key");
        }
        if (gs_trace_column_find(gs_view(key), &column, &why) < 0) {
            return gs_trace_skip(trace, GS_TRACE_FAULT_FORM, "%s", why.msg);
        }
        struct gs_view field = {0};
        if (column < GS_COLUMNS && !spell(json_object_iter_value(at), numbers[column], &field)) {
            return gs_trace_skip(trace, GS_TRACE_FAULT_FORM,
                                 "%s is not a number, nor plain text; expected one of them", key);
        }
        fields[column] = field;
    }
    return gs_trace_columns_put(trace, fields, err);
}

static int take_jsonl(struct gs_trace *trace, struct gs_view line, struct gs_err *err)
{
    json_error_t fault;
    trace->totals.input_rows++;
    json_t *object = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, &fault);
    if (object == NULL) {
        return json_error_code(&fault) == json_error_out_of_memory
                   ? gs_trace_no_memory(trace, err)
                   : gs_trace_skip(trace, GS_TRACE_FAULT_FORM, "found %s; expected a JSON object",
                                   gs_view_has_control(gs_view(fault.text), "") ? "what is no JSON"
                                                                                : fault.text);
    }
    int r = json_is_object(object)
                ? take_object(trace, object, err)
                : gs_trace_skip(trace, GS_TRACE_FAULT_FORM, "found no JSON object; expected one");
    json_decref(object);
    return r;
}

const struct gs_trace_reader gs_trace_reader_rows_csv = {
    .name = "csv", .begin = begin, .line = take_csv};

const struct gs_trace_reader gs_trace_reader_rows_jsonl = {.name = "jsonl", .line = take_jsonl};
