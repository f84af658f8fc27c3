/* table: a text table for people.
 *
 * Cells are put from left to right, row by row; widths are what a terminal shows (wcwidth), so
 * that names in any script line up. Text is UTF-8; a control character or a broken byte becomes
 * '?', because names come from outside and a terminal obeys what it is sent. As with gs_buf the
 * first failure (no memory, a bound) sticks and shows up in the buffer printed to. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum { GS_TABLE_COLUMNS_MAX = 32 };
#define GS_TABLE_TEXT_MAX ((size_t)256 << 20) /* bytes of all cells of one table */

/* How a cell stands out on a terminal. */
enum gs_style { GS_STYLE_PLAIN, GS_STYLE_BOLD, GS_STYLE_DIM, GS_STYLE_GOOD, GS_STYLE_BAD };

struct gs_column {
    const char *title; /* "" for none; a table whose titles are all "" has no title row */
    bool right;        /* numbers: aligned at their right end */
};

struct gs_table;

/* The columns are borrowed. NULL: no memory. */
struct gs_table *gs_table_new(const struct gs_column *columns, size_t n_columns);
void gs_table_free(struct gs_table *table);
void gs_table_freep(struct gs_table **table);

/* Puts the next cell; the text is copied. A NULL table is allowed and does nothing, so that a
 * failed gs_table_new need not be checked before gs_table_print. */
void gs_table_put(struct gs_table *table, const char *text);
void gs_table_putf(struct gs_table *table, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Styles the cell that was put last. */
void gs_table_style(struct gs_table *table, enum gs_style style);

size_t gs_table_rows(const struct gs_table *table);

/* Appends the table, each line behind `indent` blanks and none with blanks at its end. Escape
 * sequences are written only when `styled`. A NULL or failed table fails `out`. */
void gs_table_print(const struct gs_table *table, unsigned indent, bool styled, struct gs_buf *out);

/* Columns that a terminal needs for `text`. */
size_t gs_text_width(const char *text);

/* Appends `text` with everything that a terminal would obey or could not read as '?'. */
void gs_text_clean(struct gs_buf *out, const char *text, size_t n);

/* Appends `text` between the escape sequences of `style`. */
void gs_text_styled(struct gs_buf *out, enum gs_style style, const char *text);
