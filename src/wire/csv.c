#include "wire/csv.h"

#include <stdarg.h>
#include <stdio.h>

int(gs_csv_fail)(const struct gs_csv *csv, struct gs_err *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)gs_vfail(err, GS_INVALID, fmt, ap);
    va_end(ap);
    return gs_wrap(err, GS_INVALID, "%s:%u", csv->label, csv->line);
}

int gs_csv_init(struct gs_csv *csv, const char *label, struct gs_view bytes, struct gs_err *err)
{
    csv->label = label;
    csv->rest = bytes;
    csv->line = 0;
    csv->n = 0;
    if (bytes.n > GS_CSV_BYTES_MAX) {
        return gs_fail(err, GS_LIMIT,
                       "%s: %zu bytes are too many; expected a table of %llu at most", label,
                       bytes.n, GS_CSV_BYTES_MAX);
    }
    if (bytes.p == NULL) {
        csv->rest = gs_view("");
    }
    (void)gs_view_skip(&csv->rest, "\xEF\xBB\xBF");
    return 0;
}

/* One field from the front of *line, behind what is in csv->text so far. Quotes are taken off. */
static int take_quoted(struct gs_csv *csv, struct gs_view *line, size_t *used, struct gs_err *err)
{
    char *start = csv->text + *used;
    size_t n = 0;
    size_t i = 1;
    for (;; i++) {
        if (i == line->n) {
            return gs_csv_fail(csv, err, "found a quote that does not end; expected one more \"");
        }
        if (line->p[i] == '"') {
            if (i + 1 == line->n || line->p[i + 1] != '"') {
                break;
            }
            i++;
        }
        start[n++] = line->p[i];
    }
    struct gs_view behind = {.p = line->p + i + 1, .n = line->n - i - 1};
    struct gs_view blank = gs_view_split(&behind, ',');
    if (gs_view_trim(blank).n > 0) {
        return gs_csv_fail(csv, err, "found \"%.*s\" behind a quoted field; expected a comma",
                           GS_VIEW_ARGS(blank));
    }
    *line = behind;
    *used += n;
    csv->fields[csv->n++] = (struct gs_view){.p = start, .n = n};
    return 0;
}

static int take_field(struct gs_csv *csv, struct gs_view *line, size_t *used, struct gs_err *err)
{
    if (csv->n == GS_CSV_FIELDS_MAX) {
        return gs_csv_fail(csv, err, "found more than %d fields; expected less", GS_CSV_FIELDS_MAX);
    }
    struct gs_view lead = *line;
    while (lead.n > 0 && (lead.p[0] == ' ' || lead.p[0] == '\t')) {
        lead.p++;
        lead.n--;
    }
    if (lead.n > 0 && lead.p[0] == '"') {
        *line = lead;
        return take_quoted(csv, line, used, err);
    }
    struct gs_view field = gs_view_trim(gs_view_split(line, ','));
    if (memchr(field.n == 0 ? "" : field.p, '"', field.n) != NULL) {
        return gs_csv_fail(csv, err,
                           "found a quote within \"%.*s\"; expected the whole field "
                           "quoted",
                           GS_VIEW_ARGS(field));
    }
    if (field.n > 0) {
        memcpy(csv->text + *used, field.p, field.n);
    }
    csv->fields[csv->n++] = (struct gs_view){.p = csv->text + *used, .n = field.n};
    *used += field.n;
    return 0;
}

static int check_line(const struct gs_csv *csv, struct gs_view line, struct gs_err *err)
{
    if (line.n > GS_CSV_LINE_MAX) {
        return gs_csv_fail(csv, err, "found a line of %zu bytes; expected %d at most", line.n,
                           GS_CSV_LINE_MAX);
    }
    return gs_view_has_control(line, "\t")
               ? gs_csv_fail(csv, err, "found a control character; expected text")
               : 0;
}

int gs_csv_next(struct gs_csv *csv, bool *ret_more, struct gs_err *err)
{
    struct gs_view line = {0};
    *ret_more = false;
    while (gs_view_trim(line).n == 0) {
        if (csv->rest.n == 0) {
            return 0;
        }
        line = gs_view_split(&csv->rest, '\n');
        if (line.n > 0 && line.p[line.n - 1] == '\r') {
            line.n--;
        }
        csv->line++;
    }
    int r = check_line(csv, line, err);
    size_t used = 0;
    csv->n = 0;
    while (r == 0 && line.p != NULL) {
        r = take_field(csv, &line, &used, err);
    }
    *ret_more = r == 0;
    return r;
}

static bool is_header(const struct gs_csv *csv, const char *const *names, size_t n)
{
    bool same = csv->n == n;
    for (size_t i = 0; same && i < n; i++) {
        same = gs_view_eq(csv->fields[i], names[i]);
    }
    return same;
}

int gs_csv_expect_header(struct gs_csv *csv, const char *const *names, size_t n, struct gs_err *err)
{
    bool more;
    int r = gs_csv_next(csv, &more, err);
    if (r < 0 || (more && is_header(csv, names, n))) {
        return r;
    }
    char list[300] = "";
    size_t used = 0;
    for (size_t i = 0; i < n && used + 1 < sizeof(list); i++) {
        int wrote = snprintf(list + used, sizeof(list) - used, "%s%s", i == 0 ? "" : ",", names[i]);
        used += wrote > 0 ? (size_t)wrote : 0;
    }
    csv->line = csv->line == 0 ? 1 : csv->line;
    return gs_csv_fail(csv, err, "found %s; expected the header %s",
                       more ? "another header" : "nothing", list);
}

int gs_csv_next_of(struct gs_csv *csv, size_t n, bool *ret_more, struct gs_err *err)
{
    int r = gs_csv_next(csv, ret_more, err);
    if (r == 0 && *ret_more && csv->n != n) {
        *ret_more = false;
        return gs_csv_fail(csv, err, "found %zu fields; expected %zu", csv->n, n);
    }
    return r;
}
