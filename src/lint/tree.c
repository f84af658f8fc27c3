#include "lint/tree.h"

#include <stdarg.h>
#include <yaml.h>

#include "base/cleanup.h"
#include "lint/lint.h"

/* One reading. libyaml counts characters; `to_byte` says at which byte each begins. */
struct reader {
    struct gs_arena *arena;
    const struct gs_lint_piece *piece;
    yaml_parser_t parser;
    yaml_event_t event;
    const uint32_t *to_byte; /* NULL: each character is one byte */
    uint32_t n_chars;
    uint32_t n_nodes;
    struct gs_lint_docs *docs;
};

static void reader_done(struct reader *rd)
{
    yaml_event_delete(&rd->event);
    yaml_parser_delete(&rd->parser);
}

static int index_characters(struct reader *rd)
{
    struct gs_view text = rd->piece->text;
    uint32_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        n += ((unsigned char)text.p[i] & 0xC0) != 0x80 ? 1 : 0;
    }
    rd->n_chars = n;
    if (n == text.n) {
        return 0;
    }
    uint32_t *to_byte = gs_arena_get_raw(rd->arena, (size_t)n + 1, sizeof(*to_byte));
    if (to_byte == NULL) {
        return GS_NO_MEMORY;
    }
    n = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (((unsigned char)text.p[i] & 0xC0) != 0x80) {
            to_byte[n++] = (uint32_t)i;
        }
    }
    to_byte[n] = (uint32_t)text.n;
    rd->to_byte = to_byte;
    return 0;
}

static uint32_t byte_of(const struct reader *rd, yaml_mark_t mark)
{
    uint32_t at = mark.index > rd->n_chars ? rd->n_chars : (uint32_t)mark.index;
    return rd->to_byte == NULL ? at : rd->to_byte[at];
}

/* Ends the reading; what was read stays. */
static int stop(struct reader *rd, uint32_t at, const char *reason)
{
    rd->docs->bad_at = at;
    rd->docs->bad_reason = reason;
    return GS_INVALID;
}

static int advance(struct reader *rd)
{
    yaml_event_delete(&rd->event);
    if (yaml_parser_parse(&rd->parser, &rd->event) != 0) {
        return 0;
    }
    if (rd->parser.error == YAML_MEMORY_ERROR) {
        return GS_NO_MEMORY;
    }
    const char *problem = rd->parser.problem == NULL ? "not valid YAML" : rd->parser.problem;
    bool in_bytes = rd->parser.error == YAML_READER_ERROR;
    return stop(rd, byte_of(rd, in_bytes ? rd->parser.mark : rd->parser.problem_mark), problem);
}

static int take_text(struct reader *rd, struct gs_view *ret)
{
    size_t n = rd->event.data.scalar.length;
    ret->p = gs_arena_text(rd->arena, (const char *)rd->event.data.scalar.value, n);
    ret->n = n;
    return ret->p == NULL ? GS_NO_MEMORY : 0;
}

static int build(struct reader *rd, unsigned depth, struct gs_lint_node *node);

static int add_child(struct reader *rd, unsigned depth, struct gs_lint_node *parent,
                     struct gs_lint_node *child)
{
    child->parent = parent;
    int r = build(rd, depth + 1, child);
    if (r < 0) {
        return r;
    }
    if (parent->last == NULL) {
        parent->first = child;
    } else {
        /* it was made here, a moment ago */
        union {
            const struct gs_lint_node *seen;
            struct gs_lint_node *made;
        } last = {.seen = parent->last};
        last.made->next = child;
    }
    parent->last = child;
    parent->n++;
    parent->anchored = parent->anchored || child->anchored || child->key_anchored;
    return 0;
}

/* Of a block the closing event comes at the next token: it ends with its last child. */
static void end_collection(const struct reader *rd, struct gs_lint_node *node)
{
    node->end = node->flow           ? byte_of(rd, rd->event.end_mark)
                : node->last != NULL ? node->last->end
                                     : node->start;
}

static int build_list(struct reader *rd, unsigned depth, struct gs_lint_node *list)
{
    for (;;) {
        int r = advance(rd);
        if (r < 0 || rd->event.type == YAML_SEQUENCE_END_EVENT) {
            end_collection(rd, list);
            return r;
        }
        struct gs_lint_node *child = GS_ARENA_NEW(rd->arena, struct gs_lint_node, 1);
        if (child == NULL || (r = add_child(rd, depth, list, child)) < 0) {
            return child == NULL ? GS_NO_MEMORY : r;
        }
    }
}

static int take_key(struct reader *rd, struct gs_lint_node *child)
{
    if (rd->event.type != YAML_SCALAR_EVENT) {
        return stop(rd, byte_of(rd, rd->event.start_mark), "a key that is no text");
    }
    child->key_anchored = rd->event.data.scalar.anchor != NULL || rd->event.data.scalar.tag != NULL;
    child->key_start = byte_of(rd, rd->event.start_mark);
    child->key_end = byte_of(rd, rd->event.end_mark);
    return take_text(rd, &child->key);
}

static int build_map(struct reader *rd, unsigned depth, struct gs_lint_node *map)
{
    for (;;) {
        int r = advance(rd);
        if (r < 0 || rd->event.type == YAML_MAPPING_END_EVENT) {
            end_collection(rd, map);
            return r;
        }
        struct gs_lint_node *child = GS_ARENA_NEW(rd->arena, struct gs_lint_node, 1);
        if (child == NULL) {
            return GS_NO_MEMORY;
        }
        r = take_key(rd, child);
        r = r < 0 ? r : advance(rd);
        r = r < 0 ? r : add_child(rd, depth, map, child);
        if (r < 0) {
            return r;
        }
    }
}

/* A block scalar's mark may be behind the lines that are empty after it. */
static uint32_t scalar_end(const struct reader *rd, uint32_t start)
{
    uint32_t end = byte_of(rd, rd->event.end_mark);
    while (end > start && strchr(" \t\r\n", rd->piece->text.p[end - 1]) != NULL) {
        end--;
    }
    return end;
}

static int build_scalar(struct reader *rd, struct gs_lint_node *node)
{
    yaml_scalar_style_t style = rd->event.data.scalar.style;
    node->kind = GS_LINT_SCALAR;
    node->quoted =
        style == YAML_SINGLE_QUOTED_SCALAR_STYLE || style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    node->literal = style == YAML_LITERAL_SCALAR_STYLE;
    node->tagged = rd->event.data.scalar.tag != NULL;
    node->anchored = rd->event.data.scalar.anchor != NULL;
    node->plain = style == YAML_PLAIN_SCALAR_STYLE && !node->tagged;
    node->end = scalar_end(rd, node->start);
    return take_text(rd, &node->text);
}

static int build(struct reader *rd, unsigned depth, struct gs_lint_node *node)
{
    node->start = byte_of(rd, rd->event.start_mark);
    node->end = byte_of(rd, rd->event.end_mark);
    if (depth > GS_LINT_DEPTH_MAX || ++rd->n_nodes > GS_LINT_NODES_MAX) {
        return stop(rd, node->start, "more levels or values than are looked at");
    }
    if (rd->event.type == YAML_SCALAR_EVENT) {
        return build_scalar(rd, node);
    }
    if (rd->event.type == YAML_SEQUENCE_START_EVENT) {
        node->kind = GS_LINT_LIST;
        node->tagged = rd->event.data.sequence_start.tag != NULL;
        node->anchored = rd->event.data.sequence_start.anchor != NULL;
        node->flow = rd->event.data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
        return build_list(rd, depth, node);
    }
    if (rd->event.type == YAML_MAPPING_START_EVENT) {
        node->kind = GS_LINT_MAP;
        node->tagged = rd->event.data.mapping_start.tag != NULL;
        node->anchored = rd->event.data.mapping_start.anchor != NULL;
        node->flow = rd->event.data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
        return build_map(rd, depth, node);
    }
    node->kind = GS_LINT_ALIAS;
    return 0;
}

/* Documents that were read, in an array that grows. */
struct documents {
    struct gs_lint_doc *items;
    size_t cap;
};

/* The document whose start is at hand. */
static int read_document(struct reader *rd, struct documents *into)
{
    struct gs_lint_node *root = GS_ARENA_NEW(rd->arena, struct gs_lint_node, 1);
    if (root == NULL) {
        return GS_NO_MEMORY;
    }
    rd->n_nodes = 0;
    int r = advance(rd);
    r = r < 0 ? r : build(rd, 1, root);
    r = r < 0 ? r : advance(rd);
    if (r < 0) {
        return r;
    }
    if (rd->docs->n == GS_LINT_DOCUMENTS_MAX) {
        return stop(rd, root->start, "more documents than are looked at");
    }
    if (!gs_arena_room(rd->arena, &into->items, &into->cap, rd->docs->n, sizeof(*into->items))) {
        return GS_NO_MEMORY;
    }
    into->items[rd->docs->n++] =
        (struct gs_lint_doc){.root = root, .start = root->start, .end = root->end};
    rd->docs->items = into->items;
    return 0;
}

static int read_all(struct reader *rd)
{
    struct documents into = {.cap = 0};
    int r = advance(rd);
    while (r == 0) {
        r = advance(rd);
        if (r < 0 || rd->event.type == YAML_STREAM_END_EVENT) {
            break;
        }
        r = read_document(rd, &into);
    }
    return r == GS_NO_MEMORY ? r : 0;
}

int gs_lint_tree_read(struct gs_arena *arena, const struct gs_lint_piece *piece,
                      struct gs_lint_docs *ret)
{
    *ret = (struct gs_lint_docs){.n = 0};
    GS_CLEANUP(reader_done) struct reader rd = {.arena = arena, .piece = piece, .docs = ret};
    if (yaml_parser_initialize(&rd.parser) == 0 || index_characters(&rd) < 0) {
        return GS_NO_MEMORY;
    }
    yaml_parser_set_encoding(&rd.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&rd.parser, (const unsigned char *)piece->text.p, piece->text.n);
    return read_all(&rd);
}

const struct gs_lint_node *gs_lint_get(const struct gs_lint_node *map, const char *key)
{
    const struct gs_lint_node *child = map != NULL && map->kind == GS_LINT_MAP ? map->first : NULL;
    while (child != NULL && !gs_view_eq(child->key, key)) {
        child = child->next;
    }
    return child;
}

const struct gs_lint_node *gs_lint_at(const struct gs_lint_node *map, ...)
{
    va_list keys;
    va_start(keys, map);
    for (const char *key = va_arg(keys, const char *); key != NULL && map != NULL;
         key = va_arg(keys, const char *)) {
        map = gs_lint_get(map, key);
    }
    va_end(keys);
    return map;
}

struct gs_view gs_lint_text(const struct gs_lint_node *map, const char *key)
{
    const struct gs_lint_node *node = gs_lint_get(map, key);
    return node != NULL && node->kind == GS_LINT_SCALAR ? node->text : gs_view("");
}
