#include "trace/elements.h"

#include <stdint.h>
#include <string.h>

enum { DATA_DEPTH = 2, RESULT_DEPTH = 3 };

void gs_elements_init(struct gs_elements *elements, const char *label,
                      int (*take)(void *ctx, struct gs_view element, struct gs_err *err), void *ctx)
{
    *elements = (struct gs_elements){.label = label, .take = take, .ctx = ctx, .line = 1};
    gs_buf_init(&elements->element, GS_ELEMENTS_BYTES_MAX);
}

void gs_elements_done(struct gs_elements *elements)
{
    gs_buf_done(&elements->element);
}

static int fail(const struct gs_elements *e, struct gs_err *err, const char *found)
{
    return gs_fail(err, GS_INVALID,
                   "%s:%llu: %s; expected the answer of Prometheus' /api/v1/query_range", e->label,
                   (unsigned long long)e->line, found);
}

static void end_text(struct gs_elements *e)
{
    e->in_text = false;
    e->text[e->n_text] = 0;
    if (e->depth == 1 && strcmp(e->key, "error") == 0) {
        memcpy(e->error, e->text, sizeof(e->error));
    }
}

static void take_text(struct gs_elements *e, char c)
{
    if (e->escaped) {
        e->escaped = false;
    } else if (c == '\\') {
        e->escaped = true;
        return;
    } else if (c == '"') {
        end_text(e);
        return;
    }
    if (e->n_text < GS_ELEMENTS_TEXT_MAX) {
        e->text[e->n_text++] = (unsigned char)c < 0x20 ? ' ' : c;
    }
}

static int open_bracket(struct gs_elements *e, char c, struct gs_err *err)
{
    if (e->depth == GS_ELEMENTS_DEPTH_MAX) {
        return gs_fail(err, GS_LIMIT, "%s:%llu: more than %d brackets within each other", e->label,
                       (unsigned long long)e->line, GS_ELEMENTS_DEPTH_MAX);
    }
    e->depth++;
    if (e->depth == DATA_DEPTH) {
        e->in_data = c == '{' && strcmp(e->key, "data") == 0;
    }
    if (e->depth == RESULT_DEPTH) {
        e->in_result = c == '[' && e->in_data && strcmp(e->key, "result") == 0;
    }
    e->key[0] = 0;
    return 0;
}

static int close_bracket(struct gs_elements *e, struct gs_err *err)
{
    if (e->depth == 0) {
        return fail(e, err, "found a bracket that was not opened");
    }
    e->depth--;
    e->over = e->depth == 0;
    e->in_data = e->in_data && e->depth >= DATA_DEPTH;
    if (e->in_result && e->depth == RESULT_DEPTH) {
        struct gs_view element = {.p = gs_buf_text(&e->element), .n = e->element.len};
        int r = e->take(e->ctx, element, err);
        gs_buf_reset(&e->element);
        return r;
    }
    e->in_result = e->in_result && e->depth >= RESULT_DEPTH;
    return 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* One byte outside of a text. */
static int take_plain(struct gs_elements *e, char c, struct gs_err *err)
{
    if (is_blank(c)) {
        return 0;
    }
    if (e->depth == 0 && (c != '{' || e->over)) {
        return fail(e, err, e->over ? "found more behind the end" : "found no JSON object");
    }
    switch (c) {
    case '"':
        e->in_text = true;
        e->n_text = 0;
        return 0;
    case ':':
        memcpy(e->key, e->text, sizeof(e->key));
        return 0;
    case '{':
    case '[':
        return open_bracket(e, c, err);
    case '}':
    case ']':
        return close_bracket(e, err);
    default:
        return 0;
    }
}

int gs_elements_feed(struct gs_elements *elements, struct gs_view piece, struct gs_err *err)
{
    struct gs_elements *e = elements;
    size_t from = 0; /* of the part that belongs to an element and is not in the buffer yet */
    for (size_t i = 0; i < piece.n; i++) {
        char c = piece.p[i];
        e->line += c == '\n';
        bool inside = e->in_result && e->depth > RESULT_DEPTH;
        if (e->in_text) {
            take_text(e, c);
            continue;
        }
        bool opens = e->in_result && e->depth == RESULT_DEPTH && (c == '{' || c == '[');
        bool closes = inside && e->depth == RESULT_DEPTH + 1 && (c == '}' || c == ']');
        if (opens) {
            from = i;
        }
        if (closes) {
            gs_buf_put(&e->element, piece.p + from, i + 1 - from);
            if (!gs_buf_ok(&e->element)) {
                break;
            }
        }
        int r = take_plain(e, c, err);
        if (r < 0) {
            return r;
        }
    }
    if (e->in_result && e->depth > RESULT_DEPTH) {
        gs_buf_put(&e->element, piece.p + from, piece.n - from);
    }
    if (gs_buf_ok(&e->element)) {
        return 0;
    }
    return e->element.len + piece.n >= GS_ELEMENTS_BYTES_MAX
               ? gs_fail(err, GS_LIMIT, "%s:%llu: a series of more than %d bytes; expected less",
                         e->label, (unsigned long long)e->line, GS_ELEMENTS_BYTES_MAX)
               : gs_fail(err, GS_NO_MEMORY, "%s: no memory for a series", e->label);
}

int gs_elements_end(const struct gs_elements *elements, struct gs_err *err)
{
    if (elements->error[0] != 0) {
        return gs_fail(err, GS_INVALID, "%s: Prometheus answered with an error: %s",
                       elements->label, elements->error);
    }
    return elements->over ? 0 : fail(elements, err, "found an answer that is cut off");
}
