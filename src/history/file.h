/* file: the SQLite file of a history, for the parts of this room alone. */
#pragma once

#include <sqlite3.h>

#include "history/history.h"

/* How long a resolution is kept, and what it is summed up from. */
struct gs_history_kept {
    uint32_t step_s;
    int64_t kept_s;
};
enum { GS_HISTORY_KEPT = 3 };
extern const struct gs_history_kept gs_history_kept[GS_HISTORY_KEPT];
#define GS_HISTORY_PAID_KEPT_S (400ll * 86400)
#define GS_HISTORY_EVENTS_KEPT_S (30ll * 86400)

/* "gsHi" in the header of the file: whose it is. */
enum { GS_HISTORY_APPLICATION = 0x67734869, GS_HISTORY_VERSION = 3 };

struct gs_history {
    sqlite3 *db;
    char *path;
    bool damaged;                        /* SQLite or a check of ours has found it to be */
    struct gs_history_left_out left_out; /* by the last reading */
    struct gs_history_hours *bad;        /* hours of money that the reading under way leaves out */
};

/* The steps of the schema, each from version [v] to v + 1: GS_HISTORY_VERSION of them. */
extern const char *const gs_history_steps[GS_HISTORY_VERSION];

/* check.c */

/* The tables are those that gs_history_steps make, no more and no less, and every page is whole.
 * GS_INVALID: not so, and the history is `damaged`; GS_IO, GS_NO_MEMORY. */
int gs_history_check(struct gs_history *history, struct gs_err *err);

/* The pages alone, and what indexes say of them, too. */
int gs_history_check_pages(struct gs_history *history, bool indexes, struct gs_err *err);

/* One more that is left out; the text is of printf. */
void gs_history_leave_out(struct gs_history *history, int64_t at_s, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* A text as the writer writes it: of at most `max` bytes, UTF-8, without control characters. */
bool gs_history_is_text(sqlite3_stmt *row, int column, size_t max);

/* What an amount adds to the digest of its hour, modulo GS_HISTORY_DIGEST: an amount or a name that
 * is not the one that was written is found out. Amounts of one name may be added up. */
#define GS_HISTORY_DIGEST (INT64_C(1) << 61)
int64_t gs_history_digest(int64_t kind, const char *name, uint64_t amount);

/* What each second that is known adds to the digest of its hour; step 3 of the schema has it, too.
 */
#define GS_HISTORY_DIGEST_S INT64_C(1779033703951)

/* Of one hour. A sample is of the hour in which it ends, and a clock that was set back lives
 * through an hour again: what is beyond four times is not known. */
enum { GS_HISTORY_HOUR_S_MAX = 4 * 3600 };

/* Finds the hours of money from `from` to before `to` (since 1970) that are not what a writer has
 * written: they are left out, and gs_left_out(hour) is 1 in SQL until gs_history_forget_bad.
 * GS_LIMIT: too many to be a history; GS_IO, GS_NO_MEMORY. */
int gs_history_find_bad(struct gs_history *history, int64_t from, int64_t to, struct gs_err *err);
void gs_history_forget_bad(struct gs_history *history);
int gs_history_add_functions(struct gs_history *history, struct gs_err *err);

/* The failure of a call of SQLite: GS_NO_MEMORY, GS_INVALID for a damaged file, else GS_IO. */
int gs_history_fail(struct gs_history *history, int code, const char *what, struct gs_err *err);

/* Statements without an answer. */
int gs_history_run(struct gs_history *history, const char *sql, struct gs_err *err);

/* A statement with its values bound, in order, by the letters of `types`: i (int64_t), d (double),
 * s (const char *, which has to live as long as the statement). NULL on failure. */
sqlite3_stmt *gs_history_ask(struct gs_history *history, struct gs_err *err, const char *sql,
                             const char *types, ...);

/* GS_OK: there is a row. 1: there are no more. Negative: it failed. */
int gs_history_step(struct gs_history *history, sqlite3_stmt *statement, struct gs_err *err);

/* The statement is run and freed. */
int gs_history_do(struct gs_history *history, struct gs_err *err, const char *sql,
                  const char *types, ...);

/* A transaction: everything until gs_history_end, or nothing. `r` is what it has come to. */
int gs_history_begin(struct gs_history *history, struct gs_err *err);
int gs_history_end(struct gs_history *history, int r, struct gs_err *err);

void gs_history_finalize(sqlite3_stmt **statement);
