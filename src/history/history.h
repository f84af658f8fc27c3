/* history: what was, in one SQLite file: numbers over time, what was paid for what, and events.
 *
 * Numbers come in as samples and are kept as means with their extremes: of 15 s for a day, of 5 min
 * for nine days, of an hour for 400 days. Money is kept by the hour as whole millionths of a dollar
 * an hour times seconds, so that its parts add up however often it was written. Each call is one
 * transaction: a kill at any point loses what was not yet written and nothing else. One thread.
 * docs/internals/history.md. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

struct gs_history;

enum {
    GS_HISTORY_NAME_MAX = 256,       /* bytes of a name, a label */
    GS_HISTORY_SUBJECT_MAX = 330,    /* "pod ", a namespace, "/", a pod's name */
    GS_HISTORY_TEXT_MAX = 1024,      /* of an event; longer ones are cut */
    GS_HISTORY_SERIES_MAX = 20000,   /* one more is refused */
    GS_HISTORY_EVENTS_MAX = 1000000, /* the oldest go */
    GS_HISTORY_POINTS_MAX = 12000,   /* of one answer */
    GS_HISTORY_SAMPLE_S = 15,        /* the finest that is kept */
    GS_HISTORY_LEFT_OUT_MAX = 100,   /* told one by one */
    GS_HISTORY_ASIDE_MAX = 3         /* damaged files beside the one that is written */
};
#define GS_HISTORY_TIME_MAX 253402300799ll /* the end of the year 9999; seconds since 1970 */

/* One number of a sample. */
struct gs_history_value {
    const char *name;  /* "held_percent" */
    const char *label; /* "": none; what tells series of one name apart: "pool=training" */
    double value;      /* finite */
};

enum gs_history_by {
    GS_HISTORY_PART, /* used, idle, stranded, starting */
    GS_HISTORY_NAMESPACE,
    GS_HISTORY_WORKLOAD,
    GS_HISTORY_POOL,
    GS_HISTORY_BYS
};

/* What was paid an hour for something while `lasted_s` of the sample. */
struct gs_history_cost {
    enum gs_history_by by;
    const char *name;
    uint64_t uusd_h; /* millionths of a dollar; 2^44 at most */
};

struct gs_history_event {
    int64_t at_s;
    const char *subject; /* "GPU-...", or "pod NAMESPACE/NAME" */
    const char *what;    /* one word, as an Event's reason */
    const char *text;
};

/* Opens the file or makes it; a file of an older version is brought up to date. All of its pages
 * are looked at: 0.4 s for 30 days (176 MB) that the system has in memory, else as fast as the disk
 * reads. GS_INVALID: it is no history, or damaged. GS_UNSUPPORTED: a newer program has written it.
 * GS_IO, GS_NO_MEMORY. */
int gs_history_open(const char *path, struct gs_history **ret, struct gs_err *err);

/* A damaged history that was put aside. */
struct gs_history_aside {
    char path[4096]; /* what it is called now; "": nothing was damaged */
    struct gs_err why;
};

/* As gs_history_open, but where the file is a history of ours and damaged, it is renamed to
 * FILE.damaged-20261123T011807Z, with its log, and a new one is begun. Files of others are left
 * alone. `doubted`: its indexes are looked at, too, as SQLite has met with damage; ten times as
 * long. GS_LIMIT: GS_HISTORY_ASIDE_MAX are aside already. */
int gs_history_open_anew(const char *path, int64_t now_s, bool doubted, struct gs_history **ret,
                         struct gs_history_aside *ret_aside, struct gs_err *err);

/* How many damaged ones lie beside it. */
unsigned gs_history_count_aside(const char *path);

/* Something that was called has found the file damaged: it is to be closed, and opened anew. */
bool gs_history_is_damaged(const struct gs_history *history);

/* Opens a file that is there, to read it alone, as it is at this moment: what somebody else writes
 * meanwhile is not seen. Its pages are looked at, too. Where nothing can be written beside it, it
 * is taken for one that nobody writes. GS_INVALID: as above, or it is of an older
 * version; GS_UNSUPPORTED, GS_IO, GS_NO_MEMORY. */
int gs_history_open_to_read(const char *path, struct gs_history **ret, struct gs_err *err);

/* NULL is fine. */
void gs_history_close(struct gs_history *history);
void gs_history_closep(struct gs_history **history);

/* What was seen at `at_s`, and what was paid in the `lasted_s` seconds before it (0: nothing is
 * known of them, as after a start; at most an hour). The bill are the costs of GS_HISTORY_PART, and
 * those of each other kind have to be as much. Names of costs are cut at GS_HISTORY_NAME_MAX, and
 * what is no text in them is "?". Of one hour four are known at most (a clock that was set back, or
 * stands still): costs beyond them are not written. GS_INVALID: a time, a name or a number out of
 * its bounds, nothing is written then; GS_LIMIT: too many series; GS_IO: the disk is full, and so
 * on. */
int gs_history_add(struct gs_history *history, int64_t at_s, const struct gs_history_value *values,
                   size_t n_values, uint32_t lasted_s, const struct gs_history_cost *costs,
                   size_t n_costs, struct gs_err *err);

/* Codes as gs_history_add; what is no text in its texts is "?". */
int gs_history_add_event(struct gs_history *history, const struct gs_history_event *event,
                         struct gs_err *err);

/* Sums up what is complete by now, and drops what is older than it is kept: of each hour that the
 * clock goes on, and one hour at a call at most, so that a clock that leaps forward for a while
 * costs little. Once a minute is enough; it may be ended at any point. */
int gs_history_roll(struct gs_history *history, int64_t now_s, struct gs_err *err);

/* What the last reading has found and not told, as it is not what a writer writes: the file was
 * damaged or changed. */
struct gs_history_left_out {
    uint64_t n; /* all of them */
    struct {
        int64_t at_s;
        char why[120];
    } at[GS_HISTORY_LEFT_OUT_MAX]; /* the first */
};
const struct gs_history_left_out *gs_history_left_out(const struct gs_history *history);

struct gs_history_point {
    const char *label;
    int64_t at_s; /* its beginning: a multiple of the answer's step */
    double mean;
    double sum; /* of all that was added: of things that are counted */
    double least;
    double most;
};

/* Negative ends the reading with that code. */
typedef int gs_history_point_fn(void *ctx, const struct gs_history_point *point,
                                struct gs_err *err);

/* All series of a name between from_s (inclusive) and to_s, by label and then time; `step_s` is
 * rounded up to what is kept for that time and comes back in *ret_step_s. Steps without a sample
 * are left out. GS_INVALID: from after to, or a step of 0; GS_LIMIT: more than
 * GS_HISTORY_POINTS_MAX steps. */
int gs_history_read(struct gs_history *history, const char *name, int64_t from_s, int64_t to_s,
                    uint32_t step_s, int64_t now_s, gs_history_point_fn *fn, void *ctx,
                    uint32_t *ret_step_s, struct gs_err *err);

/* What something cost: uusd + rest / 3600 millionths of a dollar, exactly. */
struct gs_history_paid {
    const char *name;
    uint64_t uusd;
    uint32_t rest; /* below 3600 */
};
typedef int gs_history_paid_fn(void *ctx, const struct gs_history_paid *paid, struct gs_err *err);

/* Whole hours from that of from_s to before to_s, dearest first; *ret_known_s: of how many seconds
 * it is known, 3600 of an hour that was lived through twice, as the clock was set back (it has the
 * costs of both). An hour of which a row is not what is written, or a kind is not the
 * bill, is left out, whichever kind is asked for. */
int gs_history_paid(struct gs_history *history, enum gs_history_by by, int64_t from_s, int64_t to_s,
                    gs_history_paid_fn *fn, void *ctx, uint64_t *ret_known_s, struct gs_err *err);

typedef int gs_history_event_fn(void *ctx, const struct gs_history_event *event,
                                struct gs_err *err);

/* The newest of a subject first, `most` at most. */
int gs_history_events(struct gs_history *history, const char *subject, unsigned most,
                      gs_history_event_fn *fn, void *ctx, struct gs_err *err);
