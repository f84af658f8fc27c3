#include "board/past.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "wire/jsonwrite.h"
#include "wire/kubejson.h"

#define NOT_YOURS "(not yours)"
#define POD ": pod " /* before a pod's name, at the end of an event's text: board/news.h */

enum { SECONDS = 3600, TEXT_MAX = 2048 };

static int parse(struct gs_view document, const char *list, json_t **ret, struct gs_err *err)
{
    json_error_t error;
    *ret = json_loadb(document.p, document.n, JSON_REJECT_DUPLICATES, &error);
    if (*ret == NULL || !json_is_array(json_object_get(*ret, list))) {
        return gs_fail(err, GS_INVALID, "the history's answer has no list \"%s\"%s%s", list,
                       *ret == NULL ? ": " : "", *ret == NULL ? error.text : "");
    }
    return 0;
}

bool gs_board_sees_name(const struct gs_board_reader *reader, const char *name)
{
    char name_space[GS_BOARD_TEXT_MAX];
    size_t n = strcspn(name, "/");
    if (reader->sees == NULL) {
        return true;
    }
    if (n >= sizeof(name_space)) {
        return false;
    }
    memcpy(name_space, name, n);
    name_space[n] = '\0';
    return reader->sees(reader->ctx, name_space);
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static void put_text(struct gs_jsonwrite *json, const json_t *object, const char *key)
{
    gs_jsonwrite_text(json, key, text_of(object, key));
}

static void put_number(struct gs_jsonwrite *json, const json_t *object, const char *key)
{
    json_int_t number = json_integer_value(json_object_get(object, key));
    gs_jsonwrite_number(json, key, number < 0 ? 0 : (uint64_t)number);
}

/* ---- money ---- */

struct cost {
    const char *name;
    uint64_t uusd;
    uint64_t rest; /* in 3600ths of a millionth */
};

static int read_cost(const json_t *row, struct cost *ret, struct gs_err *err)
{
    const json_t *uusd = json_object_get(row, "uusd");
    const json_t *rest = json_object_get(row, "rest");
    ret->name = json_string_value(json_object_get(row, "name"));
    if (ret->name == NULL || !json_is_integer(uusd) || json_integer_value(uusd) < 0 ||
        !json_is_integer(rest) || json_integer_value(rest) < 0 ||
        json_integer_value(rest) >= SECONDS) {
        return gs_fail(err, GS_INVALID, "a row of the history's answer is no name with its cost");
    }
    ret->uusd = (uint64_t)json_integer_value(uusd);
    ret->rest = (uint64_t)json_integer_value(rest);
    return 0;
}

static void put_cost(struct gs_jsonwrite *json, const struct cost *cost)
{
    gs_jsonwrite_open(json, NULL, '{');
    gs_jsonwrite_text(json, "name", cost->name);
    gs_jsonwrite_number(json, "uusd", cost->uusd);
    gs_jsonwrite_number(json, "rest", cost->rest);
    gs_jsonwrite_close(json, '}');
}

static bool is_shown(const struct cost *cost, const struct gs_board_reader *reader)
{
    return cost->name[0] == '(' || gs_board_sees_name(reader, cost->name);
}

static int sum_hidden(const json_t *rows, const struct gs_board_reader *reader,
                      struct cost *ret_hidden, struct gs_err *err)
{
    struct cost hidden = {.name = NOT_YOURS};
    for (size_t i = 0; i < json_array_size(rows); i++) {
        struct cost cost;
        int r = read_cost(json_array_get(rows, i), &cost, err);
        if (r != 0) {
            return r;
        }
        if (!is_shown(&cost, reader)) {
            hidden.uusd += cost.uusd + (hidden.rest + cost.rest) / SECONDS;
            hidden.rest = (hidden.rest + cost.rest) % SECONDS;
        }
    }
    *ret_hidden = hidden;
    return 0;
}

static bool is_dearer(const struct cost *a, const struct cost *b)
{
    return a->uusd != b->uusd ? a->uusd > b->uusd : a->rest > b->rest;
}

/* The dearest stay first. */
static void put_costs(struct gs_jsonwrite *json, const json_t *rows,
                      const struct gs_board_reader *reader, const struct cost *hidden)
{
    bool pending = hidden->uusd > 0 || hidden->rest > 0;
    gs_jsonwrite_open(json, "rows", '[');
    for (size_t i = 0; i < json_array_size(rows); i++) {
        struct cost cost;
        if (read_cost(json_array_get(rows, i), &cost, NULL) != 0 || !is_shown(&cost, reader)) {
            continue;
        }
        if (pending && is_dearer(hidden, &cost)) {
            put_cost(json, hidden);
            pending = false;
        }
        put_cost(json, &cost);
    }
    if (pending) {
        put_cost(json, hidden);
    }
    gs_jsonwrite_close(json, ']');
}

/* Of hours that were damaged; no name is in it. */
static void put_left_out(struct gs_jsonwrite *json, const json_t *tree)
{
    const json_t *out = json_object_get(tree, "left_out");
    const json_t *first = json_object_get(out, "first");
    gs_jsonwrite_open(json, "left_out", '{');
    put_number(json, out, "count");
    gs_jsonwrite_open(json, "first", '[');
    for (size_t i = 0; i < json_array_size(first); i++) {
        gs_jsonwrite_open(json, NULL, '{');
        put_text(json, json_array_get(first, i), "at");
        put_text(json, json_array_get(first, i), "why");
        gs_jsonwrite_close(json, '}');
    }
    gs_jsonwrite_close(json, ']');
    gs_jsonwrite_close(json, '}');
}

int gs_board_hide_costs(struct gs_view document, const struct gs_board_reader *reader,
                        struct gs_buf *out, struct gs_err *err)
{
    GS_AUTO_JSON tree = NULL;
    struct gs_jsonwrite json = {.out = out};
    struct cost hidden;
    int r = parse(document, "rows", &tree, err);
    const json_t *rows = json_object_get(tree, "rows");
    r = r == 0 ? sum_hidden(rows, reader, &hidden, err) : r;
    if (r != 0) {
        return r;
    }
    const json_t *total = json_object_get(tree, "total");
    gs_jsonwrite_open(&json, NULL, '{');
    put_text(&json, tree, "at");
    put_number(&json, tree, "from");
    put_number(&json, tree, "to");
    put_text(&json, tree, "by");
    put_costs(&json, rows, reader, &hidden);
    gs_jsonwrite_open(&json, "total", '{');
    put_number(&json, total, "uusd");
    put_number(&json, total, "rest");
    gs_jsonwrite_close(&json, '}');
    put_number(&json, tree, "known_s");
    put_left_out(&json, tree);
    gs_jsonwrite_close(&json, '}');
    return gs_jsonwrite_end(&json, "what it cost", err);
}

/* ---- events ---- */

static void put_event(struct gs_jsonwrite *json, const json_t *event,
                      const struct gs_board_reader *reader)
{
    const char *text = text_of(event, "text");
    const char *pod = strstr(text, POD);
    gs_jsonwrite_open(json, NULL, '{');
    put_text(json, event, "at");
    put_text(json, event, "what");
    if (pod != NULL && !gs_board_sees_name(reader, pod + strlen(POD))) {
        char cut[TEXT_MAX];
        (void)snprintf(cut, sizeof(cut), "%.*s: a pod that is not yours", (int)(pod - text), text);
        gs_jsonwrite_text(json, "text", cut);
    } else {
        gs_jsonwrite_text(json, "text", text);
    }
    gs_jsonwrite_close(json, '}');
}

int gs_board_hide_events(struct gs_view document, const struct gs_board_reader *reader,
                         struct gs_buf *out, struct gs_err *err)
{
    GS_AUTO_JSON tree = NULL;
    struct gs_jsonwrite json = {.out = out};
    int r = parse(document, "events", &tree, err);
    if (r != 0) {
        return r;
    }
    const json_t *events = json_object_get(tree, "events");
    gs_jsonwrite_open(&json, NULL, '{');
    put_text(&json, tree, "at");
    gs_jsonwrite_open(&json, "events", '[');
    for (size_t i = 0; i < json_array_size(events); i++) {
        put_event(&json, json_array_get(events, i), reader);
    }
    gs_jsonwrite_close(&json, ']');
    put_left_out(&json, tree);
    gs_jsonwrite_close(&json, '}');
    return gs_jsonwrite_end(&json, "the events", err);
}
