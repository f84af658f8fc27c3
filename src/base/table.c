#include "base/table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/view.h"

struct cell {
    size_t offset; /* of its text in gs_table.text */
    size_t width;
    enum gs_style style;
};

struct gs_table {
    const struct gs_column *columns;
    size_t n_columns;
    struct cell *cells;
    size_t n_cells;
    size_t cap;
    struct gs_buf text; /* of all cells, each with a terminating zero */
    bool failed;
};

static const char *const style_on[] = {
    [GS_STYLE_PLAIN] = "",        [GS_STYLE_BOLD] = "\033[1m", [GS_STYLE_DIM] = "\033[2m",
    [GS_STYLE_GOOD] = "\033[32m", [GS_STYLE_BAD] = "\033[31m",
};

/* wcwidth says -1 for every letter beyond ASCII while the locale is "C": count those as one. */
static size_t columns_of(uint32_t c)
{
    int width = wcwidth((wchar_t)c);
    return width < 0 ? 1 : (size_t)width;
}

size_t gs_text_width(const char *text)
{
    size_t n = strlen(text);
    size_t width = 0;
    while (n > 0) {
        uint32_t c = '?';
        size_t len = gs_view_character((struct gs_view){text, n}, &c);
        width += columns_of(c);
        len = len == 0 ? 1 : len;
        text += len;
        n -= len;
    }
    return width;
}

void gs_text_clean(struct gs_buf *out, const char *text, size_t n)
{
    while (n > 0) {
        uint32_t c;
        size_t len = gs_view_character((struct gs_view){text, n}, &c);
        if (len == 0 || gs_character_is_control(c)) {
            gs_buf_puts(out, "?");
            len = len == 0 ? 1 : len;
        } else {
            gs_buf_put(out, text, len);
        }
        text += len;
        n -= len;
    }
}

void gs_text_styled(struct gs_buf *out, enum gs_style style, const char *text)
{
    gs_buf_puts(out, style_on[style]);
    gs_buf_puts(out, text);
    if (style != GS_STYLE_PLAIN) {
        gs_buf_puts(out, "\033[0m");
    }
}

struct gs_table *gs_table_new(const struct gs_column *columns, size_t n_columns)
{
    assert(n_columns >= 1 && n_columns <= GS_TABLE_COLUMNS_MAX);
    struct gs_table *table = calloc(1, sizeof(*table));
    if (table != NULL) {
        table->columns = columns;
        table->n_columns = n_columns;
        gs_buf_init(&table->text, GS_TABLE_TEXT_MAX);
    }
    return table;
}

void gs_table_free(struct gs_table *table)
{
    if (table != NULL) {
        gs_buf_done(&table->text);
        free(table->cells);
        free(table);
    }
}

void gs_table_freep(struct gs_table **table)
{
    gs_table_free(*table);
}

static bool make_room(struct gs_table *table)
{
    if (table->n_cells == table->cap && !table->failed) {
        size_t cap = table->cap == 0 ? 64 : table->cap * 2;
        struct cell *cells =
            realloc(table->cells, cap * sizeof(*cells)) /* GS_TABLE_TEXT_MAX bounds it */;
        if (cells == NULL) {
            table->failed = true;
            return false;
        }
        table->cells = cells;
        table->cap = cap;
    }
    return !table->failed;
}

void gs_table_put(struct gs_table *table, const char *text)
{
    if (table == NULL || !make_room(table)) {
        return;
    }
    size_t offset = table->text.len;
    gs_text_clean(&table->text, text, strlen(text));
    gs_buf_put(&table->text, "", 1);
    if (!gs_buf_ok(&table->text)) {
        table->failed = true;
        return;
    }
    table->cells[table->n_cells++] = (struct cell){
        .offset = offset,
        .width = gs_text_width(table->text.text + offset),
    };
}

void gs_table_putf(struct gs_table *table, const char *fmt, ...)
{
    if (table == NULL) {
        return;
    }
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *text = n < 0 ? NULL : malloc((size_t)n + 1);
    if (text == NULL) {
        table->failed = true;
        return;
    }
    va_start(ap, fmt);
    vsnprintf(text, (size_t)n + 1, fmt, ap);
    va_end(ap);
    gs_table_put(table, text);
    free(text);
}

void gs_table_style(struct gs_table *table, enum gs_style style)
{
    if (table != NULL && table->n_cells > 0) {
        table->cells[table->n_cells - 1].style = style;
    }
}

size_t gs_table_rows(const struct gs_table *table)
{
    return table == NULL ? 0 : (table->n_cells + table->n_columns - 1) / table->n_columns;
}

static void put_blanks(struct gs_buf *out, size_t n)
{
    gs_buf_printf(out, "%*s", (int)n, "");
}

/* Blanks are owed until text follows, so that no line ends with one. */
struct line {
    struct gs_buf *out;
    size_t owed;
};

static void print_cell(struct line *line, const struct gs_column *column, size_t column_width,
                       const char *text, size_t width, enum gs_style style)
{
    size_t pad = column_width - width;
    line->owed += column->right ? pad : 0;
    if (text[0] != '\0') {
        put_blanks(line->out, line->owed);
        gs_text_styled(line->out, style, text);
        line->owed = 0;
    } else {
        line->owed += width;
    }
    line->owed += (column->right ? 0 : pad) + 2;
}

static void measure(const struct gs_table *table, size_t *widths)
{
    assert(table->n_columns >= 1);
    for (size_t c = 0; c < table->n_columns; c++) {
        widths[c] = gs_text_width(table->columns[c].title);
    }
    for (size_t i = 0; i < table->n_cells; i++) {
        size_t *width = &widths[i % table->n_columns];
        *width = table->cells[i].width > *width ? table->cells[i].width : *width;
    }
}

static bool has_titles(const struct gs_table *table)
{
    for (size_t c = 0; c < table->n_columns; c++) {
        if (table->columns[c].title[0] != '\0') {
            return true;
        }
    }
    return false;
}

static void print_titles(const struct gs_table *table, const size_t *widths, unsigned indent,
                         bool styled, struct gs_buf *out)
{
    struct line line = {.out = out, .owed = indent};
    for (size_t c = 0; c < table->n_columns; c++) {
        const char *title = table->columns[c].title;
        print_cell(&line, &table->columns[c], widths[c], title, gs_text_width(title),
                   styled ? GS_STYLE_BOLD : GS_STYLE_PLAIN);
    }
    gs_buf_puts(out, "\n");
}

void gs_table_print(const struct gs_table *table, unsigned indent, bool styled, struct gs_buf *out)
{
    if (table == NULL || table->failed) {
        out->failed = true;
        return;
    }
    size_t widths[GS_TABLE_COLUMNS_MAX];
    measure(table, widths);
    if (has_titles(table)) {
        print_titles(table, widths, indent, styled, out);
    }
    for (size_t i = 0; i < table->n_cells; i += table->n_columns) {
        struct line line = {.out = out, .owed = indent};
        for (size_t c = 0; c < table->n_columns && i + c < table->n_cells; c++) {
            const struct cell *cell = &table->cells[i + c];
            print_cell(&line, &table->columns[c], widths[c], table->text.text + cell->offset,
                       cell->width, styled ? cell->style : GS_STYLE_PLAIN);
        }
        gs_buf_puts(out, "\n");
    }
}
