#include "history/file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"

enum { VERSION = GS_HISTORY_VERSION, BUSY_MS = 5000, NAME_BYTES_MAX = 16384 };

const struct gs_history_kept gs_history_kept[GS_HISTORY_KEPT] = {
    {GS_HISTORY_SAMPLE_S, 26ll * 3600},
    {300, 9ll * 86400},
    {3600, 400ll * 86400},
};

/* [v]: from version v to v + 1. What was released is never changed: a new step is added. */
const char *const gs_history_steps[VERSION] = {
    "CREATE TABLE series (id INTEGER PRIMARY KEY, name TEXT NOT NULL, label TEXT NOT NULL,"
    "  UNIQUE (name, label));"
    "CREATE TABLE points (step INTEGER NOT NULL, series INTEGER NOT NULL, at INTEGER NOT NULL,"
    "  n INTEGER NOT NULL, sum REAL NOT NULL, least REAL NOT NULL, most REAL NOT NULL,"
    "  PRIMARY KEY (step, series, at)) WITHOUT ROWID;"
    "CREATE INDEX points_by_time ON points (step, at);"
    /* to where a resolution was summed up */
    "CREATE TABLE summed (step INTEGER PRIMARY KEY, until INTEGER NOT NULL);"
    "CREATE TABLE paid (hour INTEGER NOT NULL, kind INTEGER NOT NULL, name TEXT NOT NULL,"
    "  uusd_h_s INTEGER NOT NULL, PRIMARY KEY (hour, kind, name)) WITHOUT ROWID;"
    "CREATE TABLE known (hour INTEGER PRIMARY KEY, seconds INTEGER NOT NULL);"
    "CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, subject TEXT NOT NULL,"
    "  what TEXT NOT NULL, text TEXT NOT NULL);"
    "CREATE INDEX events_by_subject ON events (subject, at);"
    "CREATE INDEX events_by_time ON events (at);",
    /* what each kind has to come to, and a sum over names and amounts (-1: of before this step),
       written beside them; and whose file it is, in its header */
    "ALTER TABLE known ADD COLUMN bill INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE known ADD COLUMN digest INTEGER NOT NULL DEFAULT -1;"
    "UPDATE known SET bill = (SELECT coalesce(sum(uusd_h_s), 0) FROM paid"
    "  WHERE paid.hour = known.hour AND kind = 0);"
    "PRAGMA application_id = 1735608425;",
    /* the seconds are in the digest, too (GS_HISTORY_DIGEST_S) */
    ("UPDATE known SET digest = (digest + seconds * 1779033703951) % (1 << 61)"
     "  WHERE digest >= 0 AND typeof(seconds) = 'integer' AND seconds BETWEEN 1 AND 14400;"),
};

int gs_history_fail(struct gs_history *history, int code, const char *what, struct gs_err *err)
{
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return gs_fail(err, GS_NO_MEMORY, "%s: no memory (%s)", history->path, what);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        history->damaged = true;
        return gs_fail(err, GS_INVALID,
                       "%s: no history, or a damaged one (%.100s: %s); move it away, and a new one "
                       "is begun",
                       history->path, what, sqlite3_errmsg(history->db));
    default:
        return gs_fail(err, GS_IO, "%s: %s: %s", history->path, what, sqlite3_errmsg(history->db));
    }
}

int gs_history_run(struct gs_history *history, const char *sql, struct gs_err *err)
{
    int code = sqlite3_exec(history->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : gs_history_fail(history, code, sql, err);
}

void gs_history_finalize(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}

static sqlite3_stmt *ask(struct gs_history *history, struct gs_err *err, const char *sql,
                         const char *types, va_list values)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(history->db, sql, -1, &statement, NULL);
    for (int i = 0; code == SQLITE_OK && types[i] != '\0'; i++) {
        switch (types[i]) {
        case 'i':
            code = sqlite3_bind_int64(statement, i + 1, va_arg(values, int64_t));
            break;
        case 'd':
            code = sqlite3_bind_double(statement, i + 1, va_arg(values, double));
            break;
        default:
            code = sqlite3_bind_text(statement, i + 1, va_arg(values, const char *), -1,
                                     SQLITE_STATIC);
            break;
        }
    }
    if (code != SQLITE_OK) {
        gs_history_fail(history, code, sql, err);
        sqlite3_finalize(statement);
        return NULL;
    }
    return statement;
}

sqlite3_stmt *gs_history_ask(struct gs_history *history, struct gs_err *err, const char *sql,
                             const char *types, ...)
{
    va_list values;
    va_start(values, types);
    sqlite3_stmt *statement = ask(history, err, sql, types, values);
    va_end(values);
    return statement;
}

int gs_history_step(struct gs_history *history, sqlite3_stmt *statement, struct gs_err *err)
{
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW || code == SQLITE_DONE) {
        return code == SQLITE_DONE;
    }
    return gs_history_fail(history, code, sqlite3_sql(statement), err);
}

int gs_history_do(struct gs_history *history, struct gs_err *err, const char *sql,
                  const char *types, ...)
{
    struct gs_err why;
    va_list values;
    va_start(values, types);
    GS_CLEANUP(gs_history_finalize)
    sqlite3_stmt *statement = ask(history, &why, sql, types, values);
    va_end(values);
    int r = statement == NULL ? why.code : gs_history_step(history, statement, &why);
    if (r < 0 && err != NULL) {
        *err = why;
    }
    return r < 0 ? r : 0;
}

int gs_history_begin(struct gs_history *history, struct gs_err *err)
{
    return gs_history_run(history, "BEGIN IMMEDIATE", err);
}

int gs_history_end(struct gs_history *history, int r, struct gs_err *err)
{
    if (r == 0) {
        r = gs_history_run(history, "COMMIT", err);
    }
    /* A full disk may have ended it already. */
    if (r != 0 && sqlite3_get_autocommit(history->db) == 0) {
        sqlite3_exec(history->db, "ROLLBACK", NULL, NULL, NULL);
    }
    return r;
}

bool gs_history_is_damaged(const struct gs_history *history)
{
    return history->damaged;
}

static int read_number(struct gs_history *history, const char *sql, int *ret, struct gs_err *err)
{
    struct gs_err why;
    GS_CLEANUP(gs_history_finalize)
    sqlite3_stmt *statement = gs_history_ask(history, &why, sql, "");
    int r = statement == NULL ? why.code : gs_history_step(history, statement, &why);
    if (r < 0) {
        if (err != NULL) {
            *err = why;
        }
        return r;
    }
    *ret = sqlite3_column_int(statement, 0);
    return 0;
}

/* Its version, and whether it says that it is ours, as all do from version 2 on. */
static int read_version(struct gs_history *history, int *ret, struct gs_err *err)
{
    int application = 0;
    int r = read_number(history, "PRAGMA user_version", ret, err);
    r = r == 0 ? read_number(history, "PRAGMA application_id", &application, err) : r;
    if (r == 0 && application != (*ret < 2 ? 0 : GS_HISTORY_APPLICATION)) {
        r = gs_fail(err, GS_INVALID,
                    "%s: a database of another program (application_id %d, version %d); expected "
                    "a history",
                    history->path, application, *ret);
    }
    return r;
}

/* A file that has tables and no version is somebody else's. */
static int check_is_ours(struct gs_history *history, struct gs_err *err)
{
    struct gs_err why;
    GS_CLEANUP(gs_history_finalize)
    sqlite3_stmt *statement =
        gs_history_ask(history, &why, "SELECT name FROM sqlite_schema LIMIT 1", "");
    int r = statement == NULL ? why.code : gs_history_step(history, statement, &why);
    if (r == 0) {
        return gs_fail(err, GS_INVALID,
                       "%s: a database of another program (it has a table \"%.60s\"); expected a "
                       "history or no file",
                       history->path, (const char *)sqlite3_column_text(statement, 0));
    }
    if (r < 0 && err != NULL) {
        *err = why;
    }
    return r < 0 ? r : 0;
}

static int bring_up_to_date(struct gs_history *history, struct gs_err *err)
{
    int version = 0;
    int r = gs_history_begin(history, err);
    if (r < 0) {
        return r;
    }
    r = read_version(history, &version, err);
    if (r == 0 && version == 0) {
        r = check_is_ours(history, err);
    }
    if (r == 0 && (version < 0 || version > VERSION)) {
        r = gs_fail(err, GS_UNSUPPORTED,
                    "%s: version %d of a history; this program knows up to %d: use a newer one, or "
                    "another file",
                    history->path, version, VERSION);
    }
    for (int v = version; r == 0 && v < VERSION; v++) {
        r = gs_history_run(history, gs_history_steps[v], err);
    }
    if (r == 0 && version < VERSION) {
        char sql[64];
        sqlite3_snprintf(sizeof(sql), sql, "PRAGMA user_version = %d", VERSION);
        r = gs_history_run(history, sql, err);
    }
    r = gs_history_end(history, r, err);
    /* The header itself says whose it is from now on. */
    return r == 0 && version < VERSION
               ? gs_history_run(history, "PRAGMA wal_checkpoint(TRUNCATE)", err)
               : r;
}

static const char *kind_of(mode_t mode)
{
    return S_ISDIR(mode)    ? "a folder"
           : S_ISFIFO(mode) ? "a pipe"
           : S_ISSOCK(mode) ? "a socket"
                            : "a device";
}

/* SQLite waits for ever at a pipe. */
static int check_kind(const char *path, const struct stat *st, struct gs_err *err)
{
    return S_ISREG(st->st_mode)
               ? 0
               : gs_fail(err, GS_INVALID, "%s: found %s; expected a history's file", path,
                         kind_of(st->st_mode));
}

static int check_file(const char *path, struct gs_err *err)
{
    struct stat st;
    if (path[0] == '\0') {
        return gs_fail(err, GS_INVALID, "found no name of a file; expected a history's");
    }
    if (stat(path, &st) != 0) {
        return gs_fail_errno(err, errno, "%s: expected a history's file", path);
    }
    int r = check_kind(path, &st, err);
    return r == 0 && st.st_size == 0
               ? gs_fail(err, GS_INVALID,
                         "%s is empty: expected a history that gpuslice-history keeps", path)
               : r;
}

int gs_history_open(const char *path, struct gs_history **ret, struct gs_err *err)
{
    struct stat st;
    if (stat(path, &st) == 0 && check_kind(path, &st, err) < 0) {
        return GS_INVALID;
    }
    GS_CLEANUP(gs_history_closep) struct gs_history *history = calloc(1, sizeof(*history));
    if (history == NULL || (history->path = strdup(path)) == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "%s: no memory", path);
    }
    int code = sqlite3_open_v2(
        path, &history->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) {
        return history->db == NULL ? gs_fail(err, GS_NO_MEMORY, "%s: no memory", path)
                                   : gs_history_fail(history, code, "open", err);
    }
    sqlite3_busy_timeout(history->db, BUSY_MS);
    /* With a write-ahead log a kill leaves it whole at any point; the power going may cost the last
     * transactions. Pages that are free are given back bit by bit (gs_history_roll). */
    int r = gs_history_run(history,
                           "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;"
                           "PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 16777216;"
                           "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON",
                           err);
    r = r == 0 ? gs_history_add_functions(history, err) : r;
    r = r == 0 ? bring_up_to_date(history, err) : r;
    r = r == 0 ? gs_history_check(history, err) : r;
    if (r == 0) {
        *ret = GS_TAKE(history);
    }
    return r;
}

/* One transaction to the end: its first answer settles the moment. */
static int begin_to_read(struct gs_history *history, struct gs_err *err)
{
    int version = 0;
    int r = gs_history_run(history,
                           "PRAGMA trusted_schema = OFF; PRAGMA query_only = ON;"
                           "PRAGMA cell_size_check = ON; BEGIN",
                           err);
    r = r == 0 ? gs_history_add_functions(history, err) : r;
    r = r == 0 ? read_version(history, &version, err) : r;
    if (r == 0 && version > VERSION) {
        return gs_fail(err, GS_UNSUPPORTED,
                       "%s: version %d of a history; this program knows up to %d: use a newer one",
                       history->path, version, VERSION);
    }
    if (r == 0 && version != VERSION) {
        return gs_fail(err, GS_INVALID,
                       version == 0 ? "%s: a database of another program (version %d); expected a "
                                      "history (version %d)"
                                    : "%s: a history of version %d, before %d: gpuslice-history "
                                      "brings it up to date",
                       history->path, version, VERSION);
    }
    return r == 0 ? gs_history_check(history, err) : r;
}

/* "file:PATH?immutable=1", for a file beside which SQLite can make nothing. */
static int put_immutable(const char *path, struct gs_buf *out, struct gs_err *err)
{
    gs_buf_puts(out, "file:");
    for (; *path != '\0'; path++) {
        gs_buf_printf(out, strchr("?#%", *path) == NULL ? "%c" : "%%%02x", (unsigned char)*path);
    }
    gs_buf_puts(out, "?immutable=1");
    return gs_buf_ok(out) ? 0 : gs_fail(err, GS_NO_MEMORY, "no memory for a file's name");
}

/* *ret_code: what SQLite said last. */
static int open_as(const char *path, const char *name, int flags, struct gs_history **ret,
                   int *ret_code, struct gs_err *err)
{
    GS_CLEANUP(gs_history_closep) struct gs_history *history = calloc(1, sizeof(*history));
    if (history == NULL || (history->path = strdup(path)) == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "%s: no memory", path);
    }
    *ret_code = sqlite3_open_v2(name, &history->db,
                                SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | flags, NULL);
    if (*ret_code != SQLITE_OK) {
        return history->db == NULL ? gs_fail(err, GS_NO_MEMORY, "%s: no memory", path)
                                   : gs_history_fail(history, *ret_code, "open", err);
    }
    sqlite3_busy_timeout(history->db, BUSY_MS);
    int r = begin_to_read(history, err);
    *ret_code = sqlite3_errcode(history->db) & 0xff;
    if (r == 0) {
        *ret = GS_TAKE(history);
    }
    return r;
}

int gs_history_open_to_read(const char *path, struct gs_history **ret, struct gs_err *err)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf name;
    struct gs_err why = {.code = GS_OK};
    struct stat st;
    int code = SQLITE_OK;
    gs_buf_init(&name, NAME_BYTES_MAX);
    int r = check_file(path, err);
    if (r < 0) {
        return r;
    }
    r = open_as(path, path, 0, ret, &code, &why);
    if (r == 0 || (code != SQLITE_READONLY && code != SQLITE_CANTOPEN) || stat(path, &st) != 0) {
        return r == 0 ? 0 : gs_fail(err, why.code, "%s", why.msg);
    }
    /* A log that is not looked at would be samples that are missing. */
    gs_buf_printf(&name, "%s-wal", path);
    if (gs_buf_ok(&name) && stat(gs_buf_text(&name), &st) == 0 && st.st_size > 0) {
        return gs_fail(err, GS_IO,
                       "%s lies where you may not write, and has a log that is not written into it "
                       "yet: copy both, %s-wal, too, to a folder of yours",
                       path, path);
    }
    gs_buf_reset(&name);
    r = put_immutable(path, &name, err);
    return r == 0 ? open_as(path, gs_buf_text(&name), SQLITE_OPEN_URI, ret, &code, err) : r;
}

void gs_history_close(struct gs_history *history)
{
    if (history != NULL) {
        gs_history_forget_bad(history);
        sqlite3_close_v2(history->db);
        free(history->path);
        free(history);
    }
}

void gs_history_closep(struct gs_history **history)
{
    gs_history_close(*history);
}
