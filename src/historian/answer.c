#include "historian/answer.h"

#include <string.h>

#include "historian/sample.h"
#include "wire/jsonwrite.h"

static void put_span(struct gs_jsonwrite *json, const struct gs_answer_span *span, int64_t now_s)
{
    gs_jsonwrite_time(json, "at", (uint64_t)now_s * 1000000);
    if (span != NULL) {
        gs_jsonwrite_number(json, "from", (uint64_t)span->from_s);
        gs_jsonwrite_number(json, "to", (uint64_t)span->to_s);
    }
}

/* What was found in the file and is none of ours. */
static void put_left_out(struct gs_jsonwrite *json, const struct gs_history_left_out *out)
{
    gs_jsonwrite_open(json, "left_out", '{');
    gs_jsonwrite_number(json, "count", out->n);
    gs_jsonwrite_open(json, "first", '[');
    for (uint64_t i = 0; i < out->n && i < GS_HISTORY_LEFT_OUT_MAX; i++) {
        bool is_time = out->at[i].at_s >= 0 && out->at[i].at_s <= GS_HISTORY_TIME_MAX;
        gs_jsonwrite_open(json, NULL, '{');
        if (is_time) {
            gs_jsonwrite_time(json, "at", (uint64_t)out->at[i].at_s * 1000000);
        }
        gs_jsonwrite_text(json, "why", out->at[i].why);
        gs_jsonwrite_close(json, '}');
    }
    gs_jsonwrite_close(json, ']');
    gs_jsonwrite_close(json, '}');
}

static void add_left_out(struct gs_history_left_out *to, const struct gs_history_left_out *more)
{
    for (uint64_t i = 0; i < more->n; i++, to->n++) {
        if (to->n < GS_HISTORY_LEFT_OUT_MAX && i < GS_HISTORY_LEFT_OUT_MAX) {
            to->at[to->n] = more->at[i];
        }
    }
}

/* ---- numbers over time ---- */

struct telling {
    struct gs_jsonwrite *json;
    const char *name;
    bool counts;
    char label[GS_HISTORY_NAME_MAX + 1]; /* of the series that is open */
    bool open;
};

/* "pool=training,model=A100": as an object. */
static void put_labels(struct gs_jsonwrite *json, const char *text)
{
    struct gs_view rest = gs_view(text);
    gs_jsonwrite_open(json, "labels", '{');
    while (rest.n > 0) {
        struct gs_view value = gs_view_split(&rest, ',');
        struct gs_view key = gs_view_split(&value, '=');
        char keys[GS_HISTORY_NAME_MAX + 1];
        char values[GS_HISTORY_NAME_MAX + 1];
        memcpy(keys, key.p, key.n);
        keys[key.n] = '\0';
        if (value.n > 0) {
            memcpy(values, value.p, value.n);
        }
        values[value.n] = '\0';
        gs_jsonwrite_text(json, keys, values);
    }
    gs_jsonwrite_close(json, '}');
}

static void close_series(struct telling *telling)
{
    if (telling->open) {
        gs_jsonwrite_close(telling->json, ']');
        gs_jsonwrite_close(telling->json, '}');
        telling->open = false;
    }
}

static int on_point(void *ctx, const struct gs_history_point *point, struct gs_err *err)
{
    struct telling *telling = ctx;
    struct gs_jsonwrite *json = telling->json;
    (void)err;
    if (!telling->open || strcmp(telling->label, point->label) != 0) {
        close_series(telling);
        size_t n = strnlen(point->label, GS_HISTORY_NAME_MAX);
        memcpy(telling->label, point->label, n);
        telling->label[n] = '\0';
        telling->open = true;
        gs_jsonwrite_open(json, NULL, '{');
        gs_jsonwrite_text(json, "name", telling->name);
        put_labels(json, telling->label);
        gs_jsonwrite_open(json, "points", '[');
    }
    gs_jsonwrite_open(json, NULL, '[');
    gs_jsonwrite_number(json, NULL, (uint64_t)point->at_s);
    gs_jsonwrite_real(json, NULL, telling->counts ? point->sum : point->mean);
    gs_jsonwrite_close(json, ']');
    return 0;
}

static int put_one(struct gs_history *history, struct gs_view name,
                   const struct gs_answer_span *span, int64_t now_s, struct gs_jsonwrite *json,
                   uint32_t *ret_step_s, struct gs_err *err)
{
    char text[GS_HISTORY_NAME_MAX + 1];
    struct telling telling = {.json = json, .name = text};
    if (name.n == 0 || name.n > GS_HISTORY_NAME_MAX) {
        return gs_fail(err, GS_INVALID, "found a series of %zu bytes; expected a name", name.n);
    }
    memcpy(text, name.p, name.n);
    text[name.n] = '\0';
    telling.counts = gs_sample_is_count(text);
    int r = gs_history_read(history, text, span->from_s, span->to_s, span->step_s, now_s, on_point,
                            &telling, ret_step_s, err);
    close_series(&telling);
    return r;
}

int gs_answer_series(struct gs_history *history, const char *series,
                     const struct gs_answer_span *span, int64_t now_s, struct gs_buf *out,
                     struct gs_err *err)
{
    struct gs_jsonwrite json = {.out = out};
    struct gs_view rest = gs_view(series);
    struct gs_history_left_out left_out = {.n = 0};
    uint32_t step = span->step_s;
    unsigned n = 0;
    int r = rest.n == 0 ? gs_fail(err, GS_INVALID, "no series; expected ?series=NAME,...") : 0;
    gs_jsonwrite_open(&json, NULL, '{');
    put_span(&json, span, now_s);
    gs_jsonwrite_open(&json, "series", '[');
    while (r == 0 && rest.n > 0) {
        struct gs_view name = gs_view_split(&rest, ',');
        r = ++n > GS_ANSWER_SERIES_MAX
                ? gs_fail(err, GS_LIMIT, "more than %d series are asked for", GS_ANSWER_SERIES_MAX)
                : put_one(history, name, span, now_s, &json, &step, err);
        add_left_out(&left_out, gs_history_left_out(history));
    }
    gs_jsonwrite_close(&json, ']');
    gs_jsonwrite_number(&json, "step", step);
    put_left_out(&json, &left_out);
    gs_jsonwrite_close(&json, '}');
    return r < 0 ? r : gs_jsonwrite_end(&json, "the history", err);
}

/* ---- money ---- */

static const char *const bys[GS_HISTORY_BYS] = {[GS_HISTORY_PART] = "part",
                                                [GS_HISTORY_NAMESPACE] = "namespace",
                                                [GS_HISTORY_WORKLOAD] = "workload",
                                                [GS_HISTORY_POOL] = "pool"};

struct adding {
    struct gs_jsonwrite *json;
    uint64_t uusd;
    uint64_t rest; /* in 3600ths */
};

static int on_paid(void *ctx, const struct gs_history_paid *paid, struct gs_err *err)
{
    struct adding *adding = ctx;
    (void)err;
    adding->uusd += paid->uusd;
    adding->rest += paid->rest;
    gs_jsonwrite_open(adding->json, NULL, '{');
    gs_jsonwrite_text(adding->json, "name", paid->name);
    gs_jsonwrite_number(adding->json, "uusd", paid->uusd);
    gs_jsonwrite_number(adding->json, "rest", paid->rest);
    gs_jsonwrite_close(adding->json, '}');
    return 0;
}

int gs_answer_cost(struct gs_history *history, const char *by, const struct gs_answer_span *span,
                   int64_t now_s, struct gs_buf *out, struct gs_err *err)
{
    struct gs_jsonwrite json = {.out = out};
    struct adding adding = {.json = &json};
    uint64_t known = 0;
    unsigned kind = 0;
    while (kind < GS_HISTORY_BYS && strcmp(bys[kind], by) != 0) {
        kind++;
    }
    if (kind == GS_HISTORY_BYS) {
        return gs_fail(err, GS_INVALID, "by \"%.40s\"; expected part, namespace, workload or pool",
                       by);
    }
    gs_jsonwrite_open(&json, NULL, '{');
    put_span(&json, span, now_s);
    gs_jsonwrite_text(&json, "by", bys[kind]);
    gs_jsonwrite_open(&json, "rows", '[');
    int r = gs_history_paid(history, (enum gs_history_by)kind, span->from_s, span->to_s, on_paid,
                            &adding, &known, err);
    gs_jsonwrite_close(&json, ']');
    gs_jsonwrite_open(&json, "total", '{');
    gs_jsonwrite_number(&json, "uusd", adding.uusd + adding.rest / 3600);
    gs_jsonwrite_number(&json, "rest", adding.rest % 3600);
    gs_jsonwrite_close(&json, '}');
    gs_jsonwrite_number(&json, "known_s", known);
    put_left_out(&json, gs_history_left_out(history));
    gs_jsonwrite_close(&json, '}');
    return r < 0 ? r : gs_jsonwrite_end(&json, "what it cost", err);
}

/* ---- events ---- */

static int on_event(void *ctx, const struct gs_history_event *event, struct gs_err *err)
{
    struct gs_jsonwrite *json = ctx;
    (void)err;
    gs_jsonwrite_open(json, NULL, '{');
    gs_jsonwrite_time(json, "at", (uint64_t)event->at_s * 1000000);
    gs_jsonwrite_text(json, "what", event->what);
    gs_jsonwrite_text(json, "text", event->text);
    gs_jsonwrite_close(json, '}');
    return 0;
}

int gs_answer_events(struct gs_history *history, const char *subject, int64_t now_s,
                     struct gs_buf *out, struct gs_err *err)
{
    struct gs_jsonwrite json = {.out = out};
    gs_jsonwrite_open(&json, NULL, '{');
    put_span(&json, NULL, now_s);
    gs_jsonwrite_open(&json, "events", '[');
    int r = gs_history_events(history, subject, GS_ANSWER_EVENTS_MAX, on_event, &json, err);
    gs_jsonwrite_close(&json, ']');
    put_left_out(&json, gs_history_left_out(history));
    gs_jsonwrite_close(&json, '}');
    return r < 0 ? r : gs_jsonwrite_end(&json, "the events", err);
}
