/* What is written: samples, money, events; what is summed up, and what goes. */
#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "history/file.h"

enum { LASTED_MAX = 3600, PAGES_A_ROLL = 256, DROP_MAX_S = 3600 };
#define UUSD_H_MAX (1ull << 44) /* an hour of it is far from what an integer of SQLite holds */

static int check_time(int64_t at_s, struct gs_err *err)
{
    return at_s >= 0 && at_s <= GS_HISTORY_TIME_MAX
               ? 0
               : gs_fail(err, GS_INVALID, "found the time %lld s; expected 0 to %lld",
                         (long long)at_s, GS_HISTORY_TIME_MAX);
}

static int check_name(const char *what, const char *name, size_t max, struct gs_err *err)
{
    return strnlen(name, max + 1) <= max
               ? 0
               : gs_fail(err, GS_INVALID, "%s \"%.60s...\": expected at most %zu bytes", what, name,
                         max);
}

/* What others have named, as text of at most `max` bytes: cut between two characters, and "?" for
 * what is none. */
static const char *clean(const char *text, size_t max, char *ret)
{
    struct gs_view rest = {.p = text, .n = strnlen(text, max + 4)};
    size_t n = 0;
    while (rest.n > 0) {
        uint32_t c;
        size_t length = gs_view_character(rest, &c);
        bool fine = length > 0 && !gs_character_is_control(c);
        size_t more = fine ? length : 1;
        if (n + more > max) {
            break;
        }
        memcpy(ret + n, fine ? rest.p : "?", more);
        n += more;
        length = length == 0 ? 1 : length;
        rest.p += length;
        rest.n -= length;
    }
    ret[n] = '\0';
    return ret;
}

/* The series' number; it gets one now where it has none. */
static int find_series(struct gs_history *history, const struct gs_history_value *value,
                       int64_t *ret, struct gs_err *err)
{
    for (int try = 0; try < 2; try++) {
        struct gs_err why;
        GS_CLEANUP(gs_history_finalize)
        sqlite3_stmt *found =
            gs_history_ask(history, &why, "SELECT id FROM series WHERE name = ? AND label = ?",
                           "ss", value->name, value->label);
        int r = found == NULL ? why.code : gs_history_step(history, found, &why);
        if (r == 0) {
            *ret = sqlite3_column_int64(found, 0);
            return 0;
        }
        if (r < 0) {
            return gs_fail(err, why.code, "%s", why.msg);
        }
        r = gs_history_do(history, err,
                          "INSERT INTO series (name, label) SELECT ?1, ?2 WHERE"
                          " (SELECT count(*) FROM series) < ?3",
                          "ssi", value->name, value->label, (int64_t)GS_HISTORY_SERIES_MAX);
        if (r < 0) {
            return r;
        }
    }
    return gs_fail(err, GS_LIMIT, "%s: %d series are there, and \"%.60s\" would be one more",
                   history->path, GS_HISTORY_SERIES_MAX, value->name);
}

static int add_value(struct gs_history *history, int64_t at_s, const struct gs_history_value *value,
                     struct gs_err *err)
{
    int64_t series = 0;
    int r = find_series(history, value, &series, err);
    if (r < 0) {
        return r;
    }
    return gs_history_do(history, err,
                         "INSERT INTO points VALUES (?1, ?2, ?3, 1, ?4, ?4, ?4)"
                         " ON CONFLICT DO UPDATE SET n = n + 1, sum = sum + excluded.sum,"
                         " least = min(least, excluded.least), most = max(most, excluded.most)",
                         "iiid", (int64_t)GS_HISTORY_SAMPLE_S, series,
                         at_s - at_s % GS_HISTORY_SAMPLE_S, value->value);
}

static uint64_t bill_of(const struct gs_history_cost *costs, size_t n, enum gs_history_by by)
{
    uint64_t uusd_h = 0;
    for (size_t i = 0; i < n; i++) {
        uusd_h += costs[i].by == by ? costs[i].uusd_h : 0;
    }
    return uusd_h;
}

/* Whether an hour may have so many seconds more; see GS_HISTORY_HOUR_S_MAX. */
static int has_room(struct gs_history *history, int64_t hour, uint32_t lasted_s, bool *ret,
                    struct gs_err *err)
{
    struct gs_err why;
    GS_CLEANUP(gs_history_finalize)
    sqlite3_stmt *found = gs_history_ask(
        history, &why, "SELECT coalesce((SELECT seconds FROM known WHERE hour = ?1), 0) <= ?2",
        "ii", hour, (int64_t)GS_HISTORY_HOUR_S_MAX - lasted_s);
    int r = found == NULL ? why.code : gs_history_step(history, found, &why);
    if (r < 0) {
        return gs_fail(err, why.code, "%s", why.msg);
    }
    *ret = sqlite3_column_int(found, 0) != 0;
    return 0;
}

/* The seconds belong to the hour in which they end, so that a sample is one row. */
static int add_costs(struct gs_history *history, int64_t at_s, uint32_t lasted_s,
                     const struct gs_history_cost *costs, size_t n, struct gs_err *err)
{
    int64_t hour = at_s / 3600;
    int64_t digest = lasted_s * GS_HISTORY_DIGEST_S % GS_HISTORY_DIGEST;
    char name[GS_HISTORY_NAME_MAX + 1];
    bool room = false;
    int r = has_room(history, hour, lasted_s, &room, err);
    if (r < 0 || !room) {
        return r;
    }
    for (size_t i = 0; r == 0 && i < n; i++) {
        int64_t amount = (int64_t)(costs[i].uusd_h * lasted_s);
        clean(costs[i].name, GS_HISTORY_NAME_MAX, name);
        digest = (digest + gs_history_digest((int64_t)costs[i].by, name, (uint64_t)amount)) %
                 GS_HISTORY_DIGEST;
        r = gs_history_do(history, err,
                          "INSERT INTO paid VALUES (?1, ?2, ?3, ?4)"
                          " ON CONFLICT DO UPDATE SET uusd_h_s = uusd_h_s + excluded.uusd_h_s",
                          "iisi", hour, (int64_t)costs[i].by, name, amount);
    }
    return r == 0 ? gs_history_do(history, err,
                                  "INSERT INTO known VALUES (?1, ?2, ?3, ?4)"
                                  " ON CONFLICT DO UPDATE SET seconds = seconds + excluded.seconds,"
                                  " bill = bill + excluded.bill, digest = CASE WHEN digest < 0"
                                  " THEN -1 ELSE (digest + excluded.digest) % ?5 END",
                                  "iiiii", hour, (int64_t)lasted_s,
                                  (int64_t)(bill_of(costs, n, GS_HISTORY_PART) * lasted_s), digest,
                                  (int64_t)GS_HISTORY_DIGEST)
                  : r;
}

/* A sample from before what was summed up (the clock was set back) has it summed up anew. */
static int unsum(struct gs_history *history, int64_t at_s, struct gs_err *err)
{
    return gs_history_do(history, err,
                         "UPDATE summed SET until = ?1 - ?1 % step WHERE step > 0 AND until > ?1",
                         "i", at_s);
}

static int check_costs(const struct gs_history_cost *costs, size_t n, struct gs_err *err)
{
    uint64_t bill = 0;
    for (size_t i = 0; i < n; i++) {
        if (costs[i].uusd_h > UUSD_H_MAX || costs[i].by >= GS_HISTORY_BYS) {
            return gs_fail(
                err, GS_INVALID, "cost of \"%.60s\": found %llu millionths an hour, kind %u",
                costs[i].name, (unsigned long long)costs[i].uusd_h, (unsigned)costs[i].by);
        }
    }
    for (unsigned by = 0; by < GS_HISTORY_BYS; by++) {
        uint64_t sum = bill_of(costs, n, (enum gs_history_by)by);
        bill = by == GS_HISTORY_PART ? sum : bill;
        if (sum != bill || sum > UUSD_H_MAX) {
            return gs_fail(err, GS_INVALID,
                           "costs of kind %u: together %llu millionths an hour; expected the "
                           "bill, %llu, and at most %llu",
                           by, (unsigned long long)sum, (unsigned long long)bill, UUSD_H_MAX);
        }
    }
    return 0;
}

static int check_sample(int64_t at_s, const struct gs_history_value *values, size_t n_values,
                        uint32_t lasted_s, const struct gs_history_cost *costs, size_t n_costs,
                        struct gs_err *err)
{
    int r = check_time(at_s, err);
    for (size_t i = 0; r == 0 && i < n_values; i++) {
        r = check_name("series", values[i].name, GS_HISTORY_NAME_MAX, err);
        r = r == 0 ? check_name("label", values[i].label, GS_HISTORY_NAME_MAX, err) : r;
        if (r == 0 && !isfinite(values[i].value)) {
            r = gs_fail(err, GS_INVALID, "series \"%.60s\": found a value that is no number",
                        values[i].name);
        }
    }
    if (r == 0 && lasted_s > LASTED_MAX) {
        r = gs_fail(err, GS_INVALID, "found a sample of %u s; expected at most %d", lasted_s,
                    LASTED_MAX);
    }
    return r == 0 ? check_costs(costs, n_costs, err) : r;
}

int gs_history_add(struct gs_history *history, int64_t at_s, const struct gs_history_value *values,
                   size_t n_values, uint32_t lasted_s, const struct gs_history_cost *costs,
                   size_t n_costs, struct gs_err *err)
{
    int r = check_sample(at_s, values, n_values, lasted_s, costs, n_costs, err);
    r = r == 0 ? gs_history_begin(history, err) : r;
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; r == 0 && i < n_values; i++) {
        r = add_value(history, at_s, &values[i], err);
    }
    r = r == 0 ? unsum(history, at_s, err) : r;
    r = r == 0 && lasted_s > 0 ? add_costs(history, at_s, lasted_s, costs, n_costs, err) : r;
    return gs_history_end(history, r, err);
}

int gs_history_add_event(struct gs_history *history, const struct gs_history_event *event,
                         struct gs_err *err)
{
    char what[GS_HISTORY_NAME_MAX + 1];
    char text[GS_HISTORY_TEXT_MAX + 1];
    int r = check_time(event->at_s, err);
    r = r == 0 ? check_name("subject", event->subject, GS_HISTORY_SUBJECT_MAX, err) : r;
    if (r < 0) {
        return r;
    }
    return gs_history_do(history, err,
                         "INSERT INTO events (at, subject, what, text) VALUES (?, ?, ?, ?)", "isss",
                         event->at_s, event->subject, clean(event->what, GS_HISTORY_NAME_MAX, what),
                         clean(event->text, GS_HISTORY_TEXT_MAX, text));
}

/* Of the next finer resolution, what is complete by now and was not summed up yet. */
static int sum_up(struct gs_history *history, const struct gs_history_kept *finer,
                  const struct gs_history_kept *to, int64_t now_s, struct gs_err *err)
{
    int64_t until = now_s - now_s % to->step_s;
    int r =
        gs_history_do(history, err,
                      "INSERT OR REPLACE INTO points"
                      " SELECT ?1, series, at - at % ?1, sum(n), sum(sum), min(least), max(most)"
                      " FROM points WHERE step = ?2 AND at < ?3 AND at >="
                      " coalesce((SELECT until FROM summed WHERE step = ?1), 0)"
                      " GROUP BY series, at - at % ?1",
                      "iii", (int64_t)to->step_s, (int64_t)finer->step_s, until);
    return r == 0 ? gs_history_do(history, err, "INSERT OR REPLACE INTO summed VALUES (?1, ?2)",
                                  "ii", (int64_t)to->step_s, until)
                  : r;
}

/* What is dropped goes by a clock that goes on DROP_MAX_S a call at most: a clock that leaps a year
 * ahead and is put right within the hour costs hours, and not all there is. Kept as step 0. */
static int go_on(struct gs_history *history, int64_t *now_s, struct gs_err *err)
{
    struct gs_err why;
    GS_CLEANUP(gs_history_finalize)
    sqlite3_stmt *found =
        gs_history_ask(history, &why, "SELECT until FROM summed WHERE step = 0", "");
    int r = found == NULL ? why.code : gs_history_step(history, found, &why);
    if (r < 0) {
        return gs_fail(err, why.code, "%s", why.msg);
    }
    if (r == 0 && *now_s - DROP_MAX_S > sqlite3_column_int64(found, 0)) {
        *now_s = sqlite3_column_int64(found, 0) + DROP_MAX_S;
    }
    return gs_history_do(history, err, "INSERT OR REPLACE INTO summed VALUES (0, ?)", "i", *now_s);
}

static int drop_old(struct gs_history *history, int64_t now_s, struct gs_err *err)
{
    int r = go_on(history, &now_s, err);
    for (int i = 0; r == 0 && i < GS_HISTORY_KEPT; i++) {
        r = gs_history_do(history, err, "DELETE FROM points WHERE step = ? AND at < ?", "ii",
                          (int64_t)gs_history_kept[i].step_s, now_s - gs_history_kept[i].kept_s);
    }
    int64_t hour = (now_s - GS_HISTORY_PAID_KEPT_S) / 3600;
    r = r == 0 ? gs_history_do(history, err, "DELETE FROM paid WHERE hour < ?", "i", hour) : r;
    r = r == 0 ? gs_history_do(history, err, "DELETE FROM known WHERE hour < ?", "i", hour) : r;
    r = r == 0 ? gs_history_do(history, err, "DELETE FROM events WHERE at < ?", "i",
                               now_s - GS_HISTORY_EVENTS_KEPT_S)
               : r;
    r = r == 0 ? gs_history_do(history, err,
                               "DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?",
                               "i", (int64_t)GS_HISTORY_EVENTS_MAX)
               : r;
    /* Series of which nothing is kept any more make room for others. */
    return r == 0 ? gs_history_run(history,
                                   "DELETE FROM series WHERE NOT EXISTS (SELECT 1 FROM points"
                                   " WHERE step IN (15, 300, 3600) AND series = series.id)",
                                   err)
                  : r;
}

int gs_history_roll(struct gs_history *history, int64_t now_s, struct gs_err *err)
{
    int r = check_time(now_s, err);
    r = r == 0 ? gs_history_begin(history, err) : r;
    if (r < 0) {
        return r;
    }
    for (int i = 1; r == 0 && i < GS_HISTORY_KEPT; i++) {
        r = sum_up(history, &gs_history_kept[i - 1], &gs_history_kept[i], now_s, err);
    }
    r = r == 0 ? drop_old(history, now_s, err) : r;
    r = gs_history_end(history, r, err);
    if (r == 0) {
        char sql[64];
        sqlite3_snprintf(sizeof(sql), sql, "PRAGMA incremental_vacuum(%d)", PAGES_A_ROLL);
        r = gs_history_run(history, sql, err);
    }
    return r;
}
