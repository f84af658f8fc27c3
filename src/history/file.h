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

struct gs_history {
    sqlite3 *db;
    char *path;
};

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
