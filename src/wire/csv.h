/* csv: rows of comma-separated fields, RFC 4180 on one line a row.
 *
 * Fields may be quoted ("a,b", with "" for a quote); line ends are LF or CRLF; blank lines are
 * skipped; blanks around a field that is not quoted are not part of it. Refused: control
 * characters, a line break within quotes, text behind a closing quote. Sans-I/O, no allocation. */
#pragma once

#include "base/err.h"
#include "base/view.h"

enum { GS_CSV_LINE_MAX = 4096, GS_CSV_FIELDS_MAX = 32 };
#define GS_CSV_BYTES_MAX (64ull << 20) /* of a file: no table of ours is larger */

struct gs_csv {
    const char *label; /* for errors: the file name */
    struct gs_view rest;
    unsigned line; /* of the row that was read last; 1 is the first */
    size_t n;
    struct gs_view fields[GS_CSV_FIELDS_MAX]; /* into `text`; valid until the next row */
    char text[GS_CSV_LINE_MAX];
};

/* `bytes` must outlive the reading. GS_LIMIT: more than GS_CSV_BYTES_MAX. */
int gs_csv_init(struct gs_csv *csv, const char *label, struct gs_view bytes, struct gs_err *err);

/* Reads the next row into csv->fields. *ret_more false: there is none.
 * GS_INVALID: "<label>:<line>: ...". */
int gs_csv_next(struct gs_csv *csv, bool *ret_more, struct gs_err *err);

/* Reads the first row, which must be these fields; the text of the error lists them. */
int gs_csv_expect_header(struct gs_csv *csv, const char *const *names, size_t n,
                         struct gs_err *err);

/* As gs_csv_next, and a row has exactly `n` fields. */
int gs_csv_next_of(struct gs_csv *csv, size_t n, bool *ret_more, struct gs_err *err);

/* GS_INVALID with file and line of the row before the text. */
int gs_csv_fail(const struct gs_csv *csv, struct gs_err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The analyzer does not look into functions with any number of arguments: see base/err.h. */
#ifdef __clang_analyzer__
#define gs_csv_fail(csv, err, ...) (gs_csv_fail(csv, err, __VA_ARGS__), (int)GS_INVALID)
#endif
