#include "wire/kubelist.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "wire/kubejson.h"

enum { CHUNK = 64 * 1024, BOM_BYTES = 3 };

/* Where the scanner is. The envelope is the top-level object without the elements of "items". */
enum stage { BEFORE, ENVELOPE, ITEMS, ITEM, AFTER };

/* What may come next between two elements. */
enum next { ELEMENT_OR_END, ELEMENT, COMMA_OR_END };

struct reader {
    const struct gs_kubelist_options *options;
    struct gs_kubelist_sink sink;
    enum stage stage;
    enum next next;
    unsigned mark;  /* bytes of a byte order mark; BOM_BYTES: there can be none any more */
    unsigned depth; /* open brackets */
    bool in_string;
    bool escaped;
    bool after_blank;
    bool at_items; /* in the envelope: the value of the key "items" comes or is read */
    bool saw_items;
    size_t string_start; /* in the envelope: where the last string of the top level began */
    uint64_t bytes;
    uint64_t line;       /* of the input, from 1 */
    uint64_t first_line; /* of the envelope */
    uint64_t items_line;
    uint64_t items_end_line;
    uint64_t item_line;
    uint64_t unnamed_line; /* of the first object without a kind; 0: none so far */
    uint64_t n_items;
    struct gs_buf envelope;
    struct gs_buf item;
    struct gs_kubelist_page *page; /* NULL: nobody asks */
};

struct gs_kubelist {
    struct reader reader;
    struct gs_kubelist_options options;
    struct gs_kubelist_page page;
};

static void drop_json(json_t **value)
{
    json_decref(*value);
}
#define AUTO_JSON GS_CLEANUP(drop_json) json_t *

__attribute__((format(printf, 5, 6))) static int fail_at(const struct reader *r, uint64_t line,
                                                         struct gs_err *err, enum gs_code code,
                                                         const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return gs_fail(err, code, "%s:%" PRIu64 ": %s", r->options->label, line, text);
}

static int fail_byte(const struct reader *r, struct gs_err *err, char c, const char *expected)
{
    unsigned byte = (unsigned char)c;
    if (byte > 0x20 && byte < 0x7F) {
        return fail_at(r, r->line, err, GS_INVALID, "found '%c'; expected %s", c, expected);
    }
    return fail_at(r, r->line, err, GS_INVALID, "found byte 0x%02x; expected %s", byte, expected);
}

/* Jansson's own words about a text that began at `line`. */
static int fail_json(const struct reader *r, uint64_t line, const json_error_t *why,
                     struct gs_err *err)
{
    if (json_error_code(why) == json_error_out_of_memory) {
        return gs_kubejson_no_memory(err);
    }
    line += why->line > 1 ? (uint64_t)why->line - 1 : 0;
    if (r->stage != ITEM && r->saw_items && line > r->items_line) {
        line += r->items_end_line - r->items_line;
    }
    const char *text = gs_kubejson_is_printable(why->text) ? why->text : "a stray byte";
    return fail_at(r, line, err, GS_INVALID, "not valid JSON: %s", text);
}

static int keep(struct reader *r, const char *bytes, size_t n, struct gs_err *err)
{
    struct gs_buf *buf = r->stage == ITEM ? &r->item : &r->envelope;
    gs_buf_put(buf, bytes, n);
    if (gs_buf_ok(buf)) {
        return 0;
    }
    if (n <= buf->max - buf->len) {
        return gs_kubejson_no_memory(err);
    }
    return fail_at(r, r->stage == ITEM ? r->item_line : r->first_line, err, GS_LIMIT,
                   "an object of more than %zu bytes; expected a %s", buf->max, r->options->kind);
}

/* ---- objects ---- */

static bool is_list_kind(const struct reader *r, const char *kind)
{
    size_t n = strlen(r->options->kind);
    return strcmp(kind, "List") == 0 ||
           (strncmp(kind, r->options->kind, n) == 0 && strcmp(kind + n, "List") == 0);
}

static int take_object(struct reader *r, uint64_t line, const json_t *object, struct gs_err *err)
{
    int code = r->sink.take(r->sink.ctx, object, err);
    r->n_items++;
    return code == 0 ? 0 : gs_wrap(err, code, "%s:%" PRIu64, r->options->label, line);
}

static int end_item(struct reader *r, struct gs_err *err)
{
    json_error_t why;
    AUTO_JSON object = json_loadb(r->item.text, r->item.len, GS_KUBEJSON_LOAD, &why);
    if (object == NULL) {
        return fail_json(r, r->item_line, &why, err);
    }
    const char *kind = json_string_value(json_object_get(object, "kind"));
    if (kind != NULL && strcmp(kind, r->options->kind) != 0) {
        return fail_at(r, r->item_line, err, GS_INVALID,
                       "items[%" PRIu64 "] is a %.60s; expected a List of %ss", r->n_items,
                       gs_kubejson_is_printable(kind) ? kind : "thing with a broken kind",
                       r->options->kind);
    }
    if (kind == NULL && r->unnamed_line == 0) {
        r->unnamed_line = r->item_line;
    }
    int code = take_object(r, r->item_line, object, err);
    r->stage = ITEMS;
    r->next = COMMA_OR_END;
    gs_buf_reset(&r->item);
    return code;
}

static int fail_kind(const struct reader *r, const char *kind, struct gs_err *err)
{
    return fail_at(r, r->first_line, err, GS_INVALID, "expected a List of %ss, found %.60s",
                   r->options->kind,
                   kind == NULL                     ? "an object without a kind"
                   : gs_kubejson_is_printable(kind) ? kind
                                                    : "a broken kind");
}

/* A text of the list's metadata, whole or an error. */
static int copy_text(const struct reader *r, const json_t *metadata, const char *key, char *ret,
                     size_t size, struct gs_err *err)
{
    const char *text = json_string_value(json_object_get(metadata, key));
    size_t n = text == NULL ? 0 : strlen(text);
    if (n >= size || (n > 0 && !gs_kubejson_is_printable(text))) {
        return fail_at(r, r->first_line, err, GS_INVALID,
                       "\"%s\" of the list is no text of that kind", key);
    }
    memcpy(ret, text == NULL ? "" : text, n);
    ret[n] = '\0';
    return 0;
}

/* What the list says of itself; it is refused where it is a part and the whole is expected. */
static int read_page(const struct reader *r, const json_t *envelope, struct gs_err *err)
{
    const json_t *metadata = json_object_get(envelope, "metadata");
    const char *more = json_string_value(json_object_get(metadata, "continue"));
    if (!r->options->pages && more != NULL && more[0] != '\0') {
        return fail_at(
            r, r->first_line, err, GS_INVALID,
            "the list is one page of several (metadata.continue is set); expected all of "
            "it, as kubectl get prints");
    }
    if (r->page == NULL) {
        return 0;
    }
    int code = copy_text(r, metadata, "continue", r->page->next, sizeof(r->page->next), err);
    return code == 0 ? copy_text(r, metadata, "resourceVersion", r->page->resource_version,
                                 sizeof(r->page->resource_version), err)
                     : code;
}

/* The kind may stand behind the items, as kubectl prints it, or before them, as the API server
 * does: then a list of something else is refused before any of it is read. */
static int begin_items(struct reader *r, struct gs_err *err)
{
    if (r->saw_items) {
        return fail_at(r, r->line, err, GS_INVALID, "a second \"items\"; expected one");
    }
    size_t len = r->envelope.len;
    int code = keep(r, "]}", 2, err);
    if (code != 0) {
        return code;
    }
    json_error_t why;
    AUTO_JSON so_far = json_loadb(r->envelope.text, r->envelope.len, GS_KUBEJSON_LOAD, &why);
    r->envelope.len = len;
    r->envelope.text[len] = '\0';
    if (so_far == NULL) {
        return fail_json(r, r->first_line, &why, err);
    }
    const char *kind = json_string_value(json_object_get(so_far, "kind"));
    if (kind != NULL && !is_list_kind(r, kind)) {
        return fail_kind(r, kind, err);
    }
    r->saw_items = true;
    r->items_line = r->line;
    r->stage = ITEMS;
    r->next = ELEMENT_OR_END;
    return read_page(r, so_far, err);
}

static int check_list(const struct reader *r, const char *kind, const json_t *envelope,
                      struct gs_err *err)
{
    if (kind == NULL || !is_list_kind(r, kind)) {
        return fail_kind(r, kind, err);
    }
    if (!r->saw_items && !json_is_null(json_object_get(envelope, "items"))) {
        return fail_at(r, r->first_line, err, GS_INVALID,
                       "the %s has no array \"items\"; expected one", kind);
    }
    /* Only a list of one known kind may leave the kind of its elements out. */
    if (r->unnamed_line != 0 && strcmp(kind, "List") == 0) {
        return fail_at(r, r->unnamed_line, err, GS_INVALID, "an object without kind; expected a %s",
                       r->options->kind);
    }
    return read_page(r, envelope, err);
}

static int end_envelope(struct reader *r, struct gs_err *err)
{
    json_error_t why;
    AUTO_JSON envelope = json_loadb(r->envelope.text, r->envelope.len, GS_KUBEJSON_LOAD, &why);
    if (envelope == NULL) {
        return fail_json(r, r->first_line, &why, err);
    }
    r->stage = AFTER;
    const char *kind = json_string_value(json_object_get(envelope, "kind"));
    if (!r->saw_items && kind != NULL && strcmp(kind, r->options->kind) == 0) {
        return take_object(r, r->first_line, envelope, err);
    }
    return check_list(r, kind, envelope, err);
}

/* ---- bytes ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int open_bracket(struct reader *r, char c, struct gs_err *err)
{
    if (++r->depth > GS_KUBELIST_DEPTH_MAX) {
        return fail_at(r, r->line, err, GS_LIMIT, "values nested deeper than %d",
                       GS_KUBELIST_DEPTH_MAX);
    }
    int code = keep(r, &c, 1, err);
    if (code == 0 && r->stage == ENVELOPE && r->depth == 2 && c == '[' && r->at_items) {
        return begin_items(r, err);
    }
    return code;
}

static int close_bracket(struct reader *r, char c, struct gs_err *err)
{
    int code = keep(r, &c, 1, err);
    r->depth--;
    if (code == 0 && r->stage == ITEM && r->depth == 2) {
        return end_item(r, err);
    }
    if (code == 0 && r->stage == ENVELOPE && r->depth == 0) {
        return end_envelope(r, err);
    }
    return code;
}

static void note_key(struct reader *r, char c)
{
    if (r->stage != ENVELOPE || r->depth != 1) {
        return;
    }
    if (c == '"') {
        r->string_start = r->envelope.len;
    } else if (c == ':') {
        r->at_items = strncmp(gs_buf_text(&r->envelope) + r->string_start, "\"items\"", 7) == 0;
    } else if (c == ',') {
        r->at_items = false;
    }
}

/* A byte outside of strings, within the envelope or an element. */
static int inside(struct reader *r, char c, struct gs_err *err)
{
    switch (c) {
    case '{':
    case '[':
        return open_bracket(r, c, err);
    case '}':
    case ']':
        return close_bracket(r, c, err);
    default:
        note_key(r, c);
        r->in_string = c == '"';
        return keep(r, &c, 1, err);
    }
}

static int between_items(struct reader *r, char c, struct gs_err *err)
{
    if (is_blank(c)) {
        return 0;
    }
    if (c == '{' && r->next != COMMA_OR_END) {
        r->stage = ITEM;
        r->item_line = r->line;
        return open_bracket(r, c, err);
    }
    if (c == ',' && r->next == COMMA_OR_END) {
        r->next = ELEMENT;
        return 0;
    }
    if (c == ']' && r->next != ELEMENT) {
        r->stage = ENVELOPE;
        r->items_end_line = r->line;
        return close_bracket(r, c, err);
    }
    return fail_byte(r, err, c,
                     r->next == COMMA_OR_END ? "',' or ']' behind an element of \"items\""
                                             : "an object as element of \"items\"");
}

/* The input may begin with a byte order mark. *ret_part: c belongs to it. */
static int skip_mark(struct reader *r, char c, bool *ret_part, struct gs_err *err)
{
    *ret_part = r->mark < BOM_BYTES && c == "\xEF\xBB\xBF"[r->mark];
    if (!*ret_part && r->mark > 0 && r->mark < BOM_BYTES) {
        return fail_byte(r, err, c, "the rest of a byte order mark");
    }
    r->mark = *ret_part ? r->mark + 1 : BOM_BYTES;
    return 0;
}

static int outside(struct reader *r, char c, struct gs_err *err)
{
    bool mark;
    int code = skip_mark(r, c, &mark, err);
    if (code != 0 || mark) {
        return code;
    }
    if (is_blank(c)) {
        return 0;
    }
    if (r->stage == AFTER) {
        return fail_byte(r, err, c, "the end: one JSON document, not two");
    }
    if (c != '{') {
        return fail_byte(r, err, c, "a JSON object, as kubectl get -o json prints");
    }
    r->stage = ENVELOPE;
    r->first_line = r->line;
    return open_bracket(r, c, err);
}

/* How many bytes from the front need no look: neither the end of a string nor an escape. */
static size_t plain_run(const char *p, size_t n)
{
    size_t i = 0;
    while (i < n && p[i] != '"' && p[i] != '\\' && p[i] != '\n') {
        i++;
    }
    return i;
}

/* The rest of a string, its closing quote included. */
static int inside_string(struct reader *r, const char *p, size_t n, size_t *ret_used,
                         struct gs_err *err)
{
    size_t used = 0;
    while (used < n && r->in_string) {
        used += r->escaped ? 0 : plain_run(p + used, n - used);
        if (used == n) {
            break;
        }
        char c = p[used++];
        if (c == '\n') {
            return fail_at(r, r->line, err, GS_INVALID,
                           "a string is not closed at the end of the line");
        }
        r->in_string = r->escaped || c != '"';
        r->escaped = !r->escaped && c == '\\';
    }
    *ret_used = used;
    return keep(r, p, used, err);
}

/* Indentation, half of what kubectl prints, is dropped. The first blank stays, so that two words
 * do not become one, and so do newlines, for jansson's line numbers. */
static int inside_blanks(struct reader *r, const char *p, size_t n, size_t *ret_used,
                         struct gs_err *err)
{
    size_t used = 1;
    while (used < n && is_blank(p[used]) && p[used] != '\n') {
        used++;
    }
    *ret_used = used;
    return r->after_blank ? 0 : keep(r, p, 1, err);
}

static int feed(struct reader *r, const char *p, size_t n, struct gs_err *err)
{
    size_t used = 1;
    for (size_t i = 0; i < n; i += used) {
        int code;
        used = 1;
        if (r->in_string) {
            code = inside_string(r, p + i, n - i, &used, err);
        } else if (r->stage == ENVELOPE || r->stage == ITEM) {
            code = is_blank(p[i]) && p[i] != '\n' ? inside_blanks(r, p + i, n - i, &used, err)
                                                  : inside(r, p[i], err);
        } else if (r->stage == ITEMS) {
            code = between_items(r, p[i], err);
        } else {
            code = outside(r, p[i], err);
        }
        if (code != 0) {
            return code;
        }
        r->line += p[i] == '\n';
        r->after_blank = is_blank(p[i]);
    }
    return 0;
}

static int end_input(const struct reader *r, struct gs_err *err)
{
    switch (r->stage) {
    case AFTER:
        return 0;
    case BEFORE:
        return fail_at(r, r->line, err, GS_INVALID,
                       "empty; expected a List of %ss, as kubectl get -o json prints",
                       r->options->kind);
    case ENVELOPE:
    case ITEMS:
        return fail_at(r, r->line, err, GS_INVALID,
                       "the input ends inside the object of line %" PRIu64, r->first_line);
    case ITEM:
        return fail_at(r, r->line, err, GS_INVALID,
                       "the input ends inside items[%" PRIu64 "], which begins in line %" PRIu64,
                       r->n_items, r->item_line);
    }
    return 0;
}

static int require_size(const struct reader *r, uint64_t bytes, struct gs_err *err)
{
    uint64_t max = r->options->max_bytes == 0 ? GS_KUBELIST_BYTES_MAX : r->options->max_bytes;
    if (bytes > max) {
        return fail_at(r, r->line, err, GS_LIMIT,
                       "more than %" PRIu64 " bytes; expected a list of at most that size", max);
    }
    return 0;
}

static int read_all(struct reader *r, struct gs_kubelist_source source, struct gs_err *err)
{
    char chunk[CHUNK];
    int code = require_size(r, r->options->size, err);
    if (code != 0) {
        return code;
    }
    for (;;) {
        size_t n = 0;
        code = source.read(source.ctx, chunk, sizeof(chunk), &n, err);
        if (code != 0) {
            return gs_wrap(err, code, "%s", r->options->label);
        }
        if (n == 0) {
            return end_input(r, err);
        }
        r->bytes += n;
        code = require_size(r, r->bytes, err);
        code = code == 0 ? feed(r, chunk, n, err) : code;
        if (code != 0) {
            return code;
        }
    }
}

static void begin(struct reader *r, const struct gs_kubelist_options *options,
                  struct gs_kubelist_sink sink)
{
    *r = (struct reader){.options = options, .sink = sink, .line = 1};
    gs_buf_init(&r->envelope, GS_KUBELIST_ITEM_BYTES_MAX);
    gs_buf_init(&r->item, GS_KUBELIST_ITEM_BYTES_MAX);
}

static void done(struct reader *r)
{
    gs_buf_done(&r->envelope);
    gs_buf_done(&r->item);
}

int gs_kubelist_read(const struct gs_kubelist_options *options, struct gs_kubelist_source source,
                     struct gs_kubelist_sink sink, uint64_t *ret_count, struct gs_err *err)
{
    struct reader r;
    begin(&r, options, sink);
    int code = read_all(&r, source, err);
    done(&r);
    if (code == 0 && ret_count != NULL) {
        *ret_count = r.n_items;
    }
    return code;
}

/* ---- in pieces ---- */

struct gs_kubelist *gs_kubelist_new(const struct gs_kubelist_options *options,
                                    struct gs_kubelist_sink sink)
{
    struct gs_kubelist *list = calloc(1, sizeof(*list));
    if (list != NULL) {
        list->options = *options;
        begin(&list->reader, &list->options, sink);
        list->reader.page = &list->page;
    }
    return list;
}

void gs_kubelist_free(struct gs_kubelist *list)
{
    if (list != NULL) {
        done(&list->reader);
        free(list);
    }
}

int gs_kubelist_feed(struct gs_kubelist *list, const char *bytes, size_t n, struct gs_err *err)
{
    struct reader *r = &list->reader;
    r->bytes += n;
    int code = require_size(r, r->bytes, err);
    return code == 0 ? feed(r, bytes, n, err) : code;
}

int gs_kubelist_end(struct gs_kubelist *list, struct gs_kubelist_page *ret, struct gs_err *err)
{
    int code = end_input(&list->reader, err);
    if (code == 0) {
        list->page.count = list->reader.n_items;
        *ret = list->page;
    }
    return code;
}
