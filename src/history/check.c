/* What a file says is looked at before it is believed: its tables, its pages, its money. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "history/file.h"

enum { BAD_HOURS_MAX = 20000, RESIDUE = 3600 };
#define UUSD_H_MAX (1ull << 44)

/* ---- tables and pages ---- */

#define SCHEMA                                                                                     \
    "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_stat_'"     \
    " ESCAPE '\\' ORDER BY type, name"

static bool is_same(sqlite3_stmt *a, sqlite3_stmt *b)
{
    bool same = true;
    for (int i = 0; same && i < 4; i++) {
        const char *x = (const char *)sqlite3_column_text(a, i);
        const char *y = (const char *)sqlite3_column_text(b, i);
        same = x == NULL || y == NULL ? x == y : strcmp(x, y) == 0;
    }
    return same;
}

static int differ(struct gs_history *history, struct gs_err *err)
{
    history->damaged = true;
    return gs_fail(err, GS_INVALID,
                   "%s: a history whose tables are not those of version %d; it was damaged or "
                   "changed",
                   history->path, GS_HISTORY_VERSION);
}

/* Both are read to the end, side by side. */
static int compare(struct gs_history *history, struct gs_history *model, struct gs_err *err)
{
    GS_CLEANUP(gs_history_finalize) sqlite3_stmt *found = NULL;
    GS_CLEANUP(gs_history_finalize) sqlite3_stmt *wanted = NULL;
    struct gs_err why = {.code = GS_OK};
    int a = 0;
    int b = 0;
    if ((found = gs_history_ask(history, &why, SCHEMA, "")) == NULL ||
        (wanted = gs_history_ask(model, &why, SCHEMA, "")) == NULL) {
        return gs_fail(err, why.code, "%s", why.msg);
    }
    do {
        a = gs_history_step(history, found, err);
        b = a < 0 ? a : gs_history_step(model, wanted, err);
        if (a < 0 || b < 0) {
            return a < 0 ? a : b;
        }
        if (a != b || (a == 0 && !is_same(found, wanted))) {
            return differ(history, err);
        }
    } while (a == 0);
    return 0;
}

static int check_tables(struct gs_history *history, struct gs_err *err)
{
    char name[] = ":memory:";
    struct gs_history model = {.path = name};
    int code = sqlite3_open_v2(name, &model.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    int r = code == SQLITE_OK ? 0 : gs_fail(err, GS_NO_MEMORY, "%s: no memory", history->path);
    for (int v = 0; r == 0 && v < GS_HISTORY_VERSION; v++) {
        r = gs_history_run(&model, gs_history_steps[v], err);
    }
    r = r == 0 ? compare(history, &model, err) : r;
    sqlite3_close_v2(model.db);
    return r;
}

/* Its first finding ends it. */
int gs_history_check_pages(struct gs_history *history, bool indexes, struct gs_err *err)
{
    struct gs_err why;
    GS_CLEANUP(gs_history_finalize)
    sqlite3_stmt *found = gs_history_ask(
        history, &why, indexes ? "PRAGMA integrity_check(1)" : "PRAGMA quick_check(1)", "");
    int r = found == NULL ? why.code : gs_history_step(history, found, &why);
    if (r < 0) {
        return gs_fail(err, why.code, "%s", why.msg);
    }
    const char *said = (const char *)sqlite3_column_text(found, 0);
    if (said == NULL || strcmp(said, "ok") != 0) {
        /* "*** in database main ***", and then what it is */
        const char *line = said == NULL ? NULL : strchr(said, '\n');
        history->damaged = true;
        return gs_fail(err, GS_INVALID, "%s: a damaged history: %.200s", history->path,
                       line != NULL   ? line + 1
                       : said != NULL ? said
                                      : "nothing is said of it");
    }
    return 0;
}

int gs_history_check(struct gs_history *history, struct gs_err *err)
{
    int r = check_tables(history, err);
    return r == 0 ? gs_history_check_pages(history, false, err) : r;
}

/* ---- what is left out ---- */

const struct gs_history_left_out *gs_history_left_out(const struct gs_history *history)
{
    return &history->left_out;
}

void gs_history_leave_out(struct gs_history *history, int64_t at_s, const char *fmt, ...)
{
    struct gs_history_left_out *out = &history->left_out;
    if (out->n < GS_HISTORY_LEFT_OUT_MAX) {
        va_list values;
        va_start(values, fmt);
        out->at[out->n].at_s = at_s;
        (void)vsnprintf(out->at[out->n].why, sizeof(out->at[out->n].why), fmt, values);
        va_end(values);
    }
    out->n++;
}

bool gs_history_is_text(sqlite3_stmt *row, int column, size_t max)
{
    if (sqlite3_column_type(row, column) != SQLITE_TEXT) {
        return false;
    }
    struct gs_view text = {.p = (const char *)sqlite3_column_text(row, column)};
    text.n = (size_t)sqlite3_column_bytes(row, column);
    if (text.p == NULL || text.n > max) {
        return false;
    }
    while (text.n > 0) {
        uint32_t c;
        size_t n = gs_view_character(text, &c);
        if (n == 0 || gs_character_is_control(c)) {
            return false;
        }
        text.p += n;
        text.n -= n;
    }
    return true;
}

/* ---- money ---- */

/* Ascending. */
struct gs_history_hours {
    int64_t *at;
    size_t n, cap;
};

void gs_history_forget_bad(struct gs_history *history)
{
    if (history->bad != NULL) {
        free(history->bad->at);
        free(history->bad);
        history->bad = NULL;
    }
}

static int by_hour(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void is_left_out(sqlite3_context *context, int n, sqlite3_value **values)
{
    const struct gs_history *history = sqlite3_user_data(context);
    int64_t hour = sqlite3_value_int64(values[0]);
    bool bad = n == 1 && history->bad != NULL && history->bad->n > 0 &&
               bsearch(&hour, history->bad->at, history->bad->n, sizeof(hour), by_hour) != NULL;
    sqlite3_result_int(context, bad);
}

int gs_history_add_functions(struct gs_history *history, struct gs_err *err)
{
    int code =
        sqlite3_create_function_v2(history->db, "gs_left_out", 1, SQLITE_UTF8 | SQLITE_DIRECTONLY,
                                   history, is_left_out, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : gs_history_fail(history, code, "adding a function", err);
}

int64_t gs_history_digest(int64_t kind, const char *name, uint64_t amount)
{
    uint64_t hash = gs_hash64_on((GS_HASH64_EMPTY ^ (uint64_t)kind) * GS_HASH64_PRIME, name);
    return (int64_t)((hash | 1) * amount % (uint64_t)GS_HISTORY_DIGEST);
}

/* An hour, as `known` has it, and what its rows come to. */
struct hour {
    int64_t at;
    int64_t written; /* the digest; -1: none was */
    int64_t digest;
    int64_t bill;                   /* millionths of a dollar an hour times seconds */
    uint64_t whole[GS_HISTORY_BYS]; /* in 3600ths of it, */
    uint64_t rest[GS_HISTORY_BYS];  /* and what that leaves */
    const char *why;                /* NULL: nothing is wrong yet */
};

static int end_hour(struct gs_history *history, struct hour *hour, struct gs_err *err)
{
    static const char *const kinds[] = {"parts", "namespaces", "workloads", "pools"};
    struct gs_history_hours *bad = history->bad;
    unsigned kind = 0;
    while (kind < GS_HISTORY_BYS &&
           hour->whole[kind] + hour->rest[kind] / RESIDUE == (uint64_t)hour->bill / RESIDUE &&
           hour->rest[kind] % RESIDUE == (uint64_t)hour->bill % RESIDUE) {
        kind++;
    }
    if (hour->why == NULL && kind == GS_HISTORY_BYS && hour->written != -1 &&
        hour->written != hour->digest) {
        hour->why = "its seconds, names and amounts are not those that were written";
    }
    if (hour->why == NULL && kind == GS_HISTORY_BYS) {
        return 0;
    }
    if (bad->n == BAD_HOURS_MAX) {
        return gs_fail(err, GS_LIMIT, "%s: in more than %d hours the money does not add up",
                       history->path, BAD_HOURS_MAX);
    }
    if (bad->n == bad->cap) {
        size_t cap = bad->cap == 0 ? 64 : 2 * bad->cap;
        int64_t *grown = reallocarray(bad->at, cap, sizeof(*grown));
        if (grown == NULL) {
            return gs_fail(err, GS_NO_MEMORY, "no memory for the hours that do not add up");
        }
        bad->at = grown;
        bad->cap = cap;
    }
    bad->at[bad->n++] = hour->at;
    if (hour->why != NULL) {
        gs_history_leave_out(history, hour->at * RESIDUE, "%s", hour->why);
    } else {
        gs_history_leave_out(history, hour->at * RESIDUE,
                             "its %s are not its bill: %" PRIu64 " + %" PRIu64 "/3600 and %" PRIu64
                             " + %" PRIu64 "/3600 millionths of a dollar",
                             kinds[kind], hour->whole[kind] + hour->rest[kind] / RESIDUE,
                             hour->rest[kind] % RESIDUE, (uint64_t)hour->bill / RESIDUE,
                             (uint64_t)hour->bill % RESIDUE);
    }
    return 0;
}

/* Of a row of `known`: hour, seconds, bill, digest. */
static void begin_hour(sqlite3_stmt *row, struct hour *hour)
{
    int64_t seconds = sqlite3_column_int64(row, 1);
    *hour = (struct hour){.at = sqlite3_column_int64(row, 0), .bill = sqlite3_column_int64(row, 2)};
    hour->written = sqlite3_column_int64(row, 3);
    if (sqlite3_column_type(row, 1) != SQLITE_INTEGER || seconds <= 0 ||
        seconds > GS_HISTORY_HOUR_S_MAX) {
        hour->why = "of how many seconds it is known is no number that can be";
    } else if (sqlite3_column_type(row, 2) != SQLITE_INTEGER || hour->bill < 0 ||
               hour->bill > seconds * (int64_t)UUSD_H_MAX) {
        hour->why = "its bill is no number that can be";
    } else if (sqlite3_column_type(row, 3) != SQLITE_INTEGER || hour->written < -1) {
        hour->why = "its digest is none that is written";
    } else {
        hour->digest = seconds * GS_HISTORY_DIGEST_S % GS_HISTORY_DIGEST;
    }
}

static bool is_part(const char *name)
{
    static const char *const parts[] = {"used", "idle", "stranded", "starting"};
    for (size_t i = 0; i < GS_ARRAY_LEN(parts); i++) {
        if (strcmp(name, parts[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Of a row of `paid`: hour, kind, name, uusd_h_s. */
static void add_row(sqlite3_stmt *row, struct hour *hour)
{
    int64_t kind = sqlite3_column_int64(row, 1);
    int64_t paid = sqlite3_column_int64(row, 3);
    bool named = gs_history_is_text(row, 2, GS_HISTORY_NAME_MAX);
    const char *name = named ? (const char *)sqlite3_column_text(row, 2) : "";
    if (hour->why != NULL) {
        return;
    }
    if (sqlite3_column_type(row, 0) != SQLITE_INTEGER ||
        sqlite3_column_type(row, 1) != SQLITE_INTEGER || kind < 0 || kind >= GS_HISTORY_BYS) {
        hour->why = "a row is of no kind that is written";
    } else if (!named || (kind == GS_HISTORY_PART && !is_part(name))) {
        hour->why = "a row has no name that is written";
    } else if (sqlite3_column_type(row, 3) != SQLITE_INTEGER || paid < 0 || paid > hour->bill) {
        hour->why = "a row is not a part of its bill";
    } else {
        hour->whole[kind] += (uint64_t)paid / RESIDUE;
        hour->rest[kind] += (uint64_t)paid % RESIDUE;
        hour->digest =
            (hour->digest + gs_history_digest(kind, name, (uint64_t)paid)) % GS_HISTORY_DIGEST;
    }
}

/* Both are in the order of time, and go on side by side. */
static int walk(struct gs_history *history, sqlite3_stmt *known, sqlite3_stmt *paid,
                struct gs_err *err)
{
    int k = gs_history_step(history, known, err);
    int p = k < 0 ? k : gs_history_step(history, paid, err);
    while (k >= 0 && p >= 0 && (k == 0 || p == 0)) {
        struct hour hour = {.why = "of none of its seconds is it known"};
        int64_t at = k == 0 ? sqlite3_column_int64(known, 0) : INT64_MAX;
        int64_t row = p == 0 ? sqlite3_column_int64(paid, 0) : INT64_MAX;
        hour.at = row < at ? row : at;
        if (hour.at == at) {
            begin_hour(known, &hour);
            k = gs_history_step(history, known, err);
        }
        while (p == 0 && sqlite3_column_int64(paid, 0) == hour.at) {
            add_row(paid, &hour);
            p = gs_history_step(history, paid, err);
        }
        int r = k < 0 || p < 0 ? 0 : end_hour(history, &hour, err);
        if (r < 0) {
            return r;
        }
    }
    return k < 0 ? k : p < 0 ? p : 0;
}

int gs_history_find_bad(struct gs_history *history, int64_t from, int64_t to, struct gs_err *err)
{
    GS_CLEANUP(gs_history_finalize) sqlite3_stmt *known = NULL;
    GS_CLEANUP(gs_history_finalize) sqlite3_stmt *paid = NULL;
    struct gs_err why = {.code = GS_OK};
    gs_history_forget_bad(history);
    history->left_out.n = 0;
    history->bad = calloc(1, sizeof(*history->bad));
    if (history->bad == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the hours that do not add up");
    }
    if ((known = gs_history_ask(
             history, &why,
             "SELECT hour, seconds, bill, digest FROM known WHERE hour >= ? AND hour < ?"
             " ORDER BY hour",
             "ii", from, to)) == NULL ||
        (paid = gs_history_ask(history, &why,
                               "SELECT hour, kind, name, uusd_h_s FROM paid WHERE hour >= ?"
                               " AND hour < ? ORDER BY hour",
                               "ii", from, to)) == NULL) {
        return gs_fail(err, why.code, "%s", why.msg);
    }
    int r = walk(history, known, paid, err);
    if (history->bad->n > 0) { /* a damaged file is not in the order of time */
        qsort(history->bad->at, history->bad->n, sizeof(int64_t), by_hour);
    }
    return r;
}
