/* What is read: numbers over time, money, events. */
#include <string.h>

#include "base/cleanup.h"
#include "history/file.h"

/* What add_value and sum_up write; sums are of binary fractions, so that the mean may be a little
 * off its bounds. */
#define IS_WRITTEN                                                                                 \
    "coalesce(typeof(at) = 'integer' AND typeof(n) = 'integer' AND n BETWEEN 1 AND 1000000000"     \
    " AND typeof(sum) = 'real' AND typeof(least) = 'real' AND typeof(most) = 'real'"               \
    " AND abs(sum) < 1e300 AND abs(least) < 1e300 AND abs(most) < 1e300 AND least <= most"         \
    " AND sum / n BETWEEN least - 1e-6 * (1 + abs(least)) AND most + 1e-6 * (1 + abs(most)), 0)"

/* The finest resolution that is still there for all of the time and is not finer than asked for;
 * what is asked for finer than that is kept gets that. */
static const struct gs_history_kept *choose(int64_t from_s, int64_t now_s, uint32_t step_s)
{
    const struct gs_history_kept *chosen = NULL;
    for (int i = 0; i < GS_HISTORY_KEPT; i++) {
        const struct gs_history_kept *kept = &gs_history_kept[i];
        bool there = from_s >= now_s - kept->kept_s || i == GS_HISTORY_KEPT - 1;
        if (there && (chosen == NULL || kept->step_s <= step_s)) {
            chosen = kept;
        }
    }
    return chosen;
}

static int check_span(int64_t from_s, int64_t to_s, struct gs_err *err)
{
    if (from_s < 0 || to_s > GS_HISTORY_TIME_MAX || from_s >= to_s) {
        return gs_fail(
            err, GS_INVALID,
            "found the time from %lld to %lld s; expected one that begins before it ends",
            (long long)from_s, (long long)to_s);
    }
    return 0;
}

static int tell_points(struct gs_history *history, sqlite3_stmt *rows, gs_history_point_fn *fn,
                       void *ctx, struct gs_err *err)
{
    int r;
    while ((r = gs_history_step(history, rows, err)) == 0) {
        bool named = gs_history_is_text(rows, 0, GS_HISTORY_NAME_MAX);
        if (sqlite3_column_int64(rows, 6) > 0 || !named) {
            gs_history_leave_out(history, sqlite3_column_int64(rows, 1), "%s",
                                 named ? "a number is none that is written"
                                       : "numbers have no label that is written");
        }
        if (!named || sqlite3_column_type(rows, 2) == SQLITE_NULL) {
            continue;
        }
        struct gs_history_point point = {
            .label = (const char *)sqlite3_column_text(rows, 0),
            .at_s = sqlite3_column_int64(rows, 1),
            .mean = sqlite3_column_double(rows, 2),
            .least = sqlite3_column_double(rows, 3),
            .most = sqlite3_column_double(rows, 4),
            .sum = sqlite3_column_double(rows, 5),
        };
        r = point.label == NULL ? gs_fail(err, GS_NO_MEMORY, "no memory") : fn(ctx, &point, err);
        if (r < 0) {
            return r;
        }
    }
    return r < 0 ? r : 0;
}

/* To where a resolution was summed up; what came since is read from the finest one. */
static int read_summed(struct gs_history *history, uint32_t step_s, int64_t *ret,
                       struct gs_err *err)
{
    struct gs_err why;
    GS_CLEANUP(gs_history_finalize)
    sqlite3_stmt *found = gs_history_ask(
        history, &why, "SELECT coalesce((SELECT until FROM summed WHERE step = ?), 0)", "i",
        (int64_t)step_s);
    int r = found == NULL ? why.code : gs_history_step(history, found, &why);
    if (r < 0) {
        return gs_fail(err, why.code, "%s", why.msg);
    }
    *ret = sqlite3_column_int64(found, 0);
    return 0;
}

int gs_history_read(struct gs_history *history, const char *name, int64_t from_s, int64_t to_s,
                    uint32_t step_s, int64_t now_s, gs_history_point_fn *fn, void *ctx,
                    uint32_t *ret_step_s, struct gs_err *err)
{
    int r = check_span(from_s, to_s, err);
    if (r == 0 && step_s == 0) {
        r = gs_fail(err, GS_INVALID, "found a step of 0 s; expected 1 or more");
    }
    if (r < 0) {
        return r;
    }
    const struct gs_history_kept *kept = choose(from_s, now_s, step_s);
    uint64_t multiple = ((uint64_t)step_s + kept->step_s - 1) / kept->step_s;
    uint64_t step = multiple * kept->step_s;
    if (step > UINT32_MAX || (uint64_t)(to_s - from_s) / step > GS_HISTORY_POINTS_MAX) {
        return gs_fail(err, GS_LIMIT,
                       "from %lld to %lld s in steps of %u s are more than %d points; ask for "
                       "longer steps",
                       (long long)from_s, (long long)to_s, step_s, GS_HISTORY_POINTS_MAX);
    }
    *ret_step_s = (uint32_t)step;
    int64_t until = to_s;
    history->left_out.n = 0;
    r = kept->step_s == GS_HISTORY_SAMPLE_S ? 0 : read_summed(history, kept->step_s, &until, err);
    if (r < 0) {
        return r;
    }
    struct gs_err why;
    GS_CLEANUP(gs_history_finalize)
    sqlite3_stmt *rows = gs_history_ask(
        history, &why,
        "SELECT label, at - at % ?1, sum(sum) FILTER (WHERE ok) / sum(n) FILTER (WHERE ok),"
        " min(least) FILTER (WHERE ok), max(most) FILTER (WHERE ok), sum(sum) FILTER (WHERE ok),"
        " count(*) FILTER (WHERE NOT ok) FROM (SELECT *, " IS_WRITTEN " AS ok FROM ("
        "SELECT label, at, n, sum, least, most FROM series JOIN points ON points.series = series.id"
        " WHERE name = ?2 AND step = ?3 AND at >= ?4 AND at < min(?5, ?6)"
        " UNION ALL "
        "SELECT label, at, n, sum, least, most FROM series JOIN points ON points.series = series.id"
        " WHERE name = ?2 AND step = ?7 AND ?3 <> ?7 AND at >= max(?4, ?6) AND at < ?5))"
        " GROUP BY label, at - at % ?1 ORDER BY label, at - at % ?1",
        "isiiiii", (int64_t)step, name, (int64_t)kept->step_s, from_s, to_s, until,
        (int64_t)GS_HISTORY_SAMPLE_S);
    return rows == NULL ? gs_fail(err, why.code, "%s", why.msg)
                        : tell_points(history, rows, fn, ctx, err);
}

/* An hour has a little more where its first sample began before it, and much more where it was
 * lived through again. */
static int read_known(struct gs_history *history, int64_t from, int64_t to, uint64_t *ret,
                      struct gs_err *err)
{
    struct gs_err why;
    GS_CLEANUP(gs_history_finalize)
    sqlite3_stmt *sum =
        gs_history_ask(history, &why,
                       "SELECT coalesce(sum(iif(seconds > 3660, 3600, seconds)), 0) FROM known"
                       " WHERE hour >= ? AND hour < ? AND NOT gs_left_out(hour)",
                       "ii", from, to);
    int r = sum == NULL ? why.code : gs_history_step(history, sum, &why);
    if (r < 0) {
        return gs_fail(err, why.code, "%s", why.msg);
    }
    *ret = (uint64_t)sqlite3_column_int64(sum, 0);
    return 0;
}

static int tell_paid(struct gs_history *history, enum gs_history_by by, int64_t from, int64_t to,
                     gs_history_paid_fn *fn, void *ctx, struct gs_err *err)
{
    struct gs_err why;
    GS_CLEANUP(gs_history_finalize)
    sqlite3_stmt *rows = gs_history_ask(
        history, &why,
        "SELECT name, sum(uusd_h_s / 3600) + sum(uusd_h_s % 3600) / 3600, sum(uusd_h_s % 3600) % 3600"
        " FROM paid WHERE kind = ? AND hour >= ? AND hour < ? AND NOT gs_left_out(hour)"
        " GROUP BY name ORDER BY 2 DESC, 3 DESC, 1",
        "iii", (int64_t)by, from, to);
    if (rows == NULL) {
        return gs_fail(err, why.code, "%s", why.msg);
    }
    int r;
    while ((r = gs_history_step(history, rows, err)) == 0) {
        struct gs_history_paid paid = {.name = (const char *)sqlite3_column_text(rows, 0),
                                       .uusd = (uint64_t)sqlite3_column_int64(rows, 1),
                                       .rest = (uint32_t)sqlite3_column_int64(rows, 2)};
        r = paid.name == NULL ? gs_fail(err, GS_NO_MEMORY, "no memory") : fn(ctx, &paid, err);
        if (r < 0) {
            return r;
        }
    }
    return r < 0 ? r : 0;
}

int gs_history_paid(struct gs_history *history, enum gs_history_by by, int64_t from_s, int64_t to_s,
                    gs_history_paid_fn *fn, void *ctx, uint64_t *ret_known_s, struct gs_err *err)
{
    int64_t from = from_s / 3600;
    int64_t to = (to_s + 3599) / 3600;
    int r = check_span(from_s, to_s, err);
    r = r == 0 ? gs_history_find_bad(history, from, to, err) : r;
    r = r == 0 ? read_known(history, from, to, ret_known_s, err) : r;
    r = r == 0 ? tell_paid(history, by, from, to, fn, ctx, err) : r;
    gs_history_forget_bad(history);
    return r;
}

int gs_history_events(struct gs_history *history, const char *subject, unsigned most,
                      gs_history_event_fn *fn, void *ctx, struct gs_err *err)
{
    struct gs_err why;
    GS_CLEANUP(gs_history_finalize)
    sqlite3_stmt *rows = gs_history_ask(history, &why,
                                        "SELECT at, what, text FROM events WHERE subject = ?"
                                        " ORDER BY at DESC, id DESC LIMIT ?",
                                        "si", subject, (int64_t)most);
    if (rows == NULL) {
        return gs_fail(err, why.code, "%s", why.msg);
    }
    int r;
    history->left_out.n = 0;
    while ((r = gs_history_step(history, rows, err)) == 0) {
        int64_t at_s = sqlite3_column_int64(rows, 0);
        if (sqlite3_column_type(rows, 0) != SQLITE_INTEGER || at_s < 0 ||
            at_s > GS_HISTORY_TIME_MAX || !gs_history_is_text(rows, 1, GS_HISTORY_NAME_MAX) ||
            !gs_history_is_text(rows, 2, GS_HISTORY_TEXT_MAX)) {
            gs_history_leave_out(history, at_s, "an event is none that is written");
            continue;
        }
        struct gs_history_event event = {.at_s = sqlite3_column_int64(rows, 0),
                                         .subject = subject,
                                         .what = (const char *)sqlite3_column_text(rows, 1),
                                         .text = (const char *)sqlite3_column_text(rows, 2)};
        r = event.what == NULL || event.text == NULL ? gs_fail(err, GS_NO_MEMORY, "no memory")
                                                     : fn(ctx, &event, err);
        if (r < 0) {
            return r;
        }
    }
    return r < 0 ? r : 0;
}
