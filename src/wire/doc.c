#include "wire/doc.h"

#include <yaml.h>

#include "base/cleanup.h"

/* What the document is written in; the name of the file says so, or else its first byte. */
enum language { NOT_KNOWN_YET, JSON, YAML };

/* One reading: libyaml's parser, the event at hand, and what bounds them. */
struct reader {
    yaml_parser_t parser;
    yaml_event_t event;
    const struct gs_doc_input *input;
    struct gs_arena *arena;
    struct gs_err *err;
    struct gs_view left; /* of input->bytes */
    uint64_t n_bytes;    /* read so far */
    uint64_t gap_bytes;  /* read since the last event */
    uint64_t n_nodes;    /* of the tree at hand */
    enum language language;
    bool empty; /* the document is */
    int failed; /* what our read handler failed with */
};

static uint64_t byte_limit(const struct gs_doc_input *input)
{
    return input->max_bytes == 0 ? GS_DOC_BYTES_MAX : input->max_bytes;
}

static int fail_size(const struct reader *rd, struct gs_err *err)
{
    uint64_t limit = byte_limit(rd->input);
    if (rd->input->size > limit) {
        return gs_fail(err, GS_LIMIT, "%s: %llu bytes are too many; expected %s in %llu at most",
                       rd->input->label, (unsigned long long)rd->input->size, rd->input->what,
                       (unsigned long long)limit);
    }
    return gs_fail(err, GS_LIMIT, "%s: more than %llu bytes; expected %s in so many at most",
                   rd->input->label, (unsigned long long)limit, rd->input->what);
}

static int take_bytes(struct reader *rd, void *bytes, size_t size, size_t *ret_n)
{
    if (rd->input->read != NULL) {
        return rd->input->read(rd->input->ctx, bytes, size, ret_n, rd->err);
    }
    *ret_n = rd->left.n < size ? rd->left.n : size;
    if (*ret_n > 0) {
        memcpy(bytes, rd->left.p, *ret_n);
        rd->left.p += *ret_n;
        rd->left.n -= *ret_n;
    }
    return 0;
}

static bool ends_with(const char *text, const char *tail)
{
    size_t n = strlen(text);
    size_t of_tail = strlen(tail);
    return n >= of_tail && strcmp(text + n - of_tail, tail) == 0;
}

static enum language language_of_name(const char *label)
{
    if (ends_with(label, ".yaml") || ends_with(label, ".yml")) {
        return YAML;
    }
    return ends_with(label, ".json") ? JSON : NOT_KNOWN_YET;
}

static enum language language_of_text(const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strchr(" \t\r\n\xEF\xBB\xBF", bytes[i]) == NULL) { /* blanks and a byte order mark */
            return bytes[i] == '{' || bytes[i] == '[' ? JSON : YAML;
        }
    }
    return NOT_KNOWN_YET;
}

/* libyaml's read handler: 1 is good, 0 ends the parsing with a reader error. */
static int feed(void *ctx, unsigned char *bytes, size_t size, size_t *ret_n)
{
    struct reader *rd = ctx;
    rd->failed = take_bytes(rd, bytes, size, ret_n);
    if (rd->failed < 0) {
        return 0;
    }
    if (rd->language == NOT_KNOWN_YET) {
        rd->language = language_of_text(bytes, *ret_n);
    }
    rd->n_bytes += *ret_n;
    rd->gap_bytes += *ret_n;
    if (rd->n_bytes > byte_limit(rd->input)) {
        rd->failed = fail_size(rd, rd->err);
    } else if (rd->gap_bytes > GS_DOC_GAP_MAX) {
        rd->failed = gs_fail(
            rd->err, GS_LIMIT, "%s:%zu: more than %d bytes without a value ending; expected %s",
            rd->input->label, rd->parser.mark.line + 1, GS_DOC_GAP_MAX, rd->input->what);
    }
    return rd->failed == 0;
}

static void reader_done(struct reader *rd)
{
    yaml_event_delete(&rd->event);
    yaml_parser_delete(&rd->parser);
}

static int reader_init(struct reader *rd, struct gs_arena *arena, const struct gs_doc_input *input,
                       struct gs_err *err)
{
    *rd = (struct reader){.input = input,
                          .arena = arena,
                          .err = err,
                          .left = input->bytes,
                          .language = language_of_name(input->label)};
    if (yaml_parser_initialize(&rd->parser) == 0) {
        return gs_fail(err, GS_NO_MEMORY, "%s: no memory for a parser", input->label);
    }
    yaml_parser_set_input(&rd->parser, feed, rd);
    return input->size > byte_limit(input) ? fail_size(rd, err) : 0;
}

static uint32_t line_of(const struct reader *rd)
{
    size_t line = rd->event.start_mark.line + 1;
    return line > UINT32_MAX ? UINT32_MAX : (uint32_t)line;
}

/* Refuses what stands at the event at hand. */
static int refuse(const struct reader *rd, const char *found, const char *expected)
{
    return gs_fail(rd->err, GS_INVALID, "%s:%u: found %s; expected %s", rd->input->label,
                   line_of(rd), found, expected);
}

static const char *language_name(const struct reader *rd)
{
    switch (rd->language) {
    case JSON:
        return "JSON";
    case YAML:
        return "YAML";
    case NOT_KNOWN_YET:
        return "YAML or JSON";
    }
    return "";
}

/* libyaml's words are YAML's; what they mean to one who writes JSON. */
static const char *in_words_of(const struct reader *rd, const char *text)
{
    static const struct {
        const char *yaml, *json;
    } words[] = {
        {"while parsing a flow mapping", "in an object"},
        {"while parsing a flow sequence", "in an array"},
        {"while parsing a flow node", "where a value belongs"},
        {"while parsing a block mapping", "behind the end of the value"},
        {"while parsing a quoted scalar", "in a text"},
        {"while scanning a quoted scalar", "in a text"},
        {"while scanning for the next token", "where a value belongs"},
        {"did not find expected node content", "found none"},
        {"did not find expected <document start>", "found more behind the end of the value"},
        {"found character that cannot start any token", "found a character that begins none"},
    };
    for (size_t i = 0; rd->language == JSON && text != NULL && i < GS_ARRAY_LEN(words); i++) {
        if (strcmp(words[i].yaml, text) == 0) {
            return words[i].json;
        }
    }
    return text == NULL ? "" : text;
}

static int syntax_error(const struct reader *rd)
{
    if (rd->failed < 0) {
        return rd->failed;
    }
    const yaml_parser_t *parser = &rd->parser;
    if (parser->error == YAML_MEMORY_ERROR) {
        return gs_fail(rd->err, GS_NO_MEMORY, "%s: no memory to parse it", rd->input->label);
    }
    bool in_bytes = parser->error == YAML_READER_ERROR;
    size_t line = in_bytes ? parser->mark.line : parser->problem_mark.line;
    return gs_fail(rd->err, GS_INVALID, "%s:%zu: not valid %s: %s%s%s; expected %s",
                   rd->input->label, line + 1, language_name(rd), in_words_of(rd, parser->problem),
                   parser->context == NULL ? "" : " ", in_words_of(rd, parser->context),
                   rd->input->what);
}

static bool is_marked(const yaml_event_t *event)
{
    if (event->type == YAML_SCALAR_EVENT) {
        return event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL;
    }
    if (event->type == YAML_SEQUENCE_START_EVENT) {
        return event->data.sequence_start.anchor != NULL || event->data.sequence_start.tag != NULL;
    }
    return event->type == YAML_MAPPING_START_EVENT &&
           (event->data.mapping_start.anchor != NULL || event->data.mapping_start.tag != NULL);
}

/* The next event into rd->event. */
static int advance(struct reader *rd)
{
    yaml_event_delete(&rd->event);
    if (yaml_parser_parse(&rd->parser, &rd->event) == 0) {
        return syntax_error(rd);
    }
    rd->gap_bytes = 0;
    if (rd->event.type == YAML_ALIAS_EVENT) {
        return refuse(rd, rd->language == JSON ? "a *, which begins no value" : "an alias (*name)",
                      "the value written out");
    }
    if (is_marked(&rd->event)) {
        return refuse(rd,
                      rd->language == JSON ? "a & or !, which begins no value"
                                           : "an anchor (&name) or a tag (!type)",
                      "a plain value");
    }
    return 0;
}

static int no_memory(const struct reader *rd)
{
    return gs_fail(rd->err, GS_NO_MEMORY, "%s:%u: no memory to hold the document; expected less",
                   rd->input->label, line_of(rd));
}

/* Copies the scalar at hand into the arena. */
static int take_scalar(struct reader *rd, struct gs_view *ret)
{
    const char *text = (const char *)rd->event.data.scalar.value;
    size_t n = rd->event.data.scalar.length;
    if (n > GS_DOC_SCALAR_MAX) {
        return gs_fail(rd->err, GS_LIMIT, "%s:%u: found a value of %zu bytes; expected %d at most",
                       rd->input->label, line_of(rd), n, GS_DOC_SCALAR_MAX);
    }
    if (gs_view_has_control((struct gs_view){text, n}, rd->input->lines ? "\n\t" : "")) {
        return refuse(rd, "a control character or line break within a value", "text on one line");
    }
    ret->p = gs_arena_text(rd->arena, text, n);
    ret->n = n;
    return ret->p == NULL ? no_memory(rd) : 0;
}

static int build(struct reader *rd, unsigned depth, struct gs_view key, struct gs_doc_node **ret);

/* Children are hung in order: `*last` is where the next one goes. */
static int build_list(struct reader *rd, unsigned depth, struct gs_doc_node *list)
{
    const struct gs_doc_node **last = &list->first;
    for (;;) {
        int r = advance(rd);
        if (r < 0 || rd->event.type == YAML_SEQUENCE_END_EVENT) {
            return r;
        }
        struct gs_doc_node *child;
        r = build(rd, depth + 1, list->key, &child);
        if (r < 0) {
            return r;
        }
        *last = child;
        last = &child->next;
        list->n++;
    }
}

/* Whether YAML reads the scalar at hand as nothing, or as the merge of another map. */
static bool is_no_text(const struct reader *rd)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL", "<<"};
    bool plain = rd->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    for (size_t i = 0; plain && i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp((const char *)rd->event.data.scalar.value, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Reads the key at hand; `map` holds the keys before it. */
static int take_key(struct reader *rd, const struct gs_doc_node *map, struct gs_view *ret)
{
    if (rd->event.type != YAML_SCALAR_EVENT) {
        return refuse(rd,
                      rd->language == JSON ? "a key that is an array or an object"
                                           : "a key that is a list or a map",
                      "a key that is text");
    }
    if (is_no_text(rd)) {
        return refuse(rd, "a key that YAML reads as nothing (~, null) or as a merge (<<)",
                      "text, in quotes where it is meant to be that");
    }
    if (map->n == GS_DOC_KEYS_MAX) {
        return gs_fail(rd->err, GS_LIMIT, "%s:%u: found more than %d keys in one map",
                       rd->input->label, line_of(rd), GS_DOC_KEYS_MAX);
    }
    int r = take_scalar(rd, ret);
    const struct gs_doc_node *before = r < 0 ? NULL : gs_doc_find(map, ret->p);
    if (before != NULL) {
        return gs_fail(rd->err, GS_INVALID,
                       "%s:%u: found key \"%.*s\" again (first in line %u); expected it once",
                       rd->input->label, line_of(rd), GS_VIEW_ARGS(*ret), before->line);
    }
    return r;
}

static int build_map(struct reader *rd, unsigned depth, struct gs_doc_node *map)
{
    const struct gs_doc_node **last = &map->first;
    for (;;) {
        int r = advance(rd);
        if (r < 0 || rd->event.type == YAML_MAPPING_END_EVENT) {
            return r;
        }
        struct gs_view key;
        r = take_key(rd, map, &key);
        if (r < 0 || (r = advance(rd)) < 0) {
            return r;
        }
        struct gs_doc_node *child;
        r = build(rd, depth + 1, key, &child);
        if (r < 0) {
            return r;
        }
        *last = child;
        last = &child->next;
        map->n++;
    }
}

static int build_scalar(struct reader *rd, struct gs_doc_node *node)
{
    node->quoted = rd->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return take_scalar(rd, &node->text);
}

/* The tree that begins with the event at hand; afterwards its last event is at hand. */
static int build(struct reader *rd, unsigned depth, struct gs_view key, struct gs_doc_node **ret)
{
    if (depth > GS_DOC_DEPTH_MAX || ++rd->n_nodes > GS_DOC_NODES_MAX) {
        return gs_fail(rd->err, GS_LIMIT,
                       "%s:%u: found more than %d levels or %d values; expected less",
                       rd->input->label, line_of(rd), GS_DOC_DEPTH_MAX, GS_DOC_NODES_MAX);
    }
    struct gs_doc_node *node = GS_ARENA_NEW(rd->arena, struct gs_doc_node, 1);
    if (node == NULL) {
        return no_memory(rd);
    }
    node->label = rd->input->label;
    node->line = line_of(rd);
    node->json = rd->language == JSON;
    node->key = key;
    *ret = node;
    if (rd->event.type == YAML_SCALAR_EVENT) {
        node->kind = GS_DOC_SCALAR;
        return build_scalar(rd, node);
    }
    if (rd->event.type == YAML_SEQUENCE_START_EVENT) {
        node->kind = GS_DOC_LIST;
        return build_list(rd, depth, node);
    }
    node->kind = GS_DOC_MAP;
    return build_map(rd, depth, node);
}

static int fail_empty(struct reader *rd)
{
    rd->empty = true;
    return gs_fail(rd->err, GS_INVALID, "%s:%u: the document is empty; expected %s",
                   rd->input->label, line_of(rd), rd->input->what);
}

/* Advances to the first event of the root node. */
static int open_document(struct reader *rd)
{
    int r = advance(rd); /* stream start */
    if (r < 0 || (r = advance(rd)) < 0) {
        return r;
    }
    if (rd->event.type == YAML_STREAM_END_EVENT) {
        return fail_empty(rd);
    }
    r = advance(rd); /* past the document start */
    if (r == 0 && rd->event.type == YAML_SCALAR_EVENT && rd->event.data.scalar.length == 0) {
        return fail_empty(rd);
    }
    return r;
}

/* After the root's last event: nothing else may come. */
static int close_document(struct reader *rd)
{
    int r = advance(rd); /* document end */
    if (r < 0 || (r = advance(rd)) < 0) {
        return r;
    }
    if (rd->event.type != YAML_STREAM_END_EVENT) {
        return refuse(rd, "a second document", "one document in a file");
    }
    return 0;
}

/* The document is empty, and may be. */
static int take_nothing(struct reader *rd, const struct gs_doc_node **ret_root)
{
    int r = rd->event.type == YAML_STREAM_END_EVENT ? 0 : close_document(rd);
    if (r == 0) {
        *ret_root = NULL;
    }
    return r;
}

int gs_doc_read(struct gs_arena *arena, const struct gs_doc_input *input,
                const struct gs_doc_node **ret_root, struct gs_err *err)
{
    GS_CLEANUP(reader_done) struct reader rd;
    int r = reader_init(&rd, arena, input, err);
    if (r < 0 || (r = open_document(&rd)) < 0) {
        return rd.empty && input->may_be_empty ? take_nothing(&rd, ret_root) : r;
    }
    struct gs_doc_node *root;
    r = build(&rd, 1, gs_view(""), &root);
    if (r < 0 || (r = close_document(&rd)) < 0) {
        return r;
    }
    *ret_root = root;
    return 0;
}

/* ---- streaming ---- */

struct each {
    int (*fn)(void *ctx, const struct gs_doc_node *node, struct gs_err *err);
    void *ctx;
    const char *key;
};

static int stream_list(struct reader *rd, const struct each *each)
{
    for (;;) {
        int r = advance(rd);
        if (r < 0 || rd->event.type == YAML_SEQUENCE_END_EVENT) {
            return r;
        }
        struct gs_arena_mark mark = gs_arena_mark(rd->arena);
        struct gs_doc_node *node;
        rd->n_nodes = 0;
        r = build(rd, 2, gs_view(each->key), &node);
        if (r == 0) {
            r = each->fn(each->ctx, node, rd->err);
        }
        gs_arena_rewind(rd->arena, mark);
        if (r < 0) {
            return r;
        }
    }
}

/* The key at hand must be the one with the list, and its value must be a list. */
static int enter_list(struct reader *rd, const struct each *each)
{
    struct gs_view key;
    struct gs_arena_mark mark = gs_arena_mark(rd->arena);
    if (rd->event.type != YAML_SCALAR_EVENT) {
        return refuse(rd,
                      rd->language == JSON ? "a key that is an array or an object"
                                           : "a key that is a list or a map",
                      each->key);
    }
    int r = take_scalar(rd, &key);
    if (r == 0 && !gs_view_eq(key, each->key)) {
        r = gs_fail(rd->err, GS_INVALID, "%s:%u: found key \"%.*s\"; expected the key %s only",
                    rd->input->label, line_of(rd), GS_VIEW_ARGS(key), each->key);
    }
    gs_arena_rewind(rd->arena, mark);
    if (r < 0 || (r = advance(rd)) < 0) {
        return r;
    }
    return rd->event.type == YAML_SEQUENCE_START_EVENT
               ? 0
               : refuse(rd, "a value that is no list", rd->input->what);
}

static int stream_map(struct reader *rd, const struct each *each)
{
    bool found = false;
    for (;;) {
        int r = advance(rd);
        if (r < 0) {
            return r;
        }
        if (rd->event.type == YAML_MAPPING_END_EVENT) {
            return found ? 0
                         : refuse(rd,
                                  rd->language == JSON ? "an object without its list"
                                                       : "a map without its list",
                                  each->key);
        }
        if (found) {
            return refuse(rd, "a key behind the list", "one key only");
        }
        found = true;
        r = enter_list(rd, each);
        if (r < 0 || (r = stream_list(rd, each)) < 0) {
            return r;
        }
    }
}

int gs_doc_stream(struct gs_arena *arena, const struct gs_doc_input *input, const char *key,
                  int (*each)(void *ctx, const struct gs_doc_node *node, struct gs_err *err),
                  void *ctx, struct gs_err *err)
{
    GS_CLEANUP(reader_done) struct reader rd;
    const struct each todo = {.fn = each, .ctx = ctx, .key = key};
    int r = reader_init(&rd, arena, input, err);
    if (r < 0 || (r = open_document(&rd)) < 0) {
        return r;
    }
    if (rd.event.type == YAML_SEQUENCE_START_EVENT) {
        r = stream_list(&rd, &todo);
    } else if (rd.event.type == YAML_MAPPING_START_EVENT) {
        r = stream_map(&rd, &todo);
    } else {
        r = refuse(&rd, "a single value", input->what);
    }
    return r < 0 ? r : close_document(&rd);
}
