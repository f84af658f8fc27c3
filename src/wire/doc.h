/* doc: documents that people write, YAML or JSON (read as YAML's subset), as small trees.
 *
 * Sans-I/O: bytes come from memory or from a read callback. A document is read whole into an arena,
 * or streamed: the elements of one long list are handed out one at a time, each a small tree that
 * lives until the next one, so that a million of them take the memory of one.
 *
 * The subset is what has one meaning to every reader: maps, lists and scalars. Anchors, aliases,
 * tags, merges (<<), duplicate keys, a second document, keys that are not text (~ and null are
 * none), and control characters in a value (line breaks too, unless the input says otherwise) are
 * refused. A scalar has no type of its
 * own: the getters say what is expected, an integer is plain decimal digits (010, 0x1f, 1e3 and
 * 1_000 are refused, not guessed), a boolean is true or false (yes and on are refused), and what is
 * asked for as text stays the text it is.
 *
 * Errors are GS_INVALID "<label>:<line>: <what was found, what was expected>", but for GS_LIMIT
 * (a bound below), GS_NO_MEMORY and what the read callback returns. They speak of JSON where the
 * label ends in ".json", or has no such ending and the document begins with { or [. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/view.h"

enum {
    GS_DOC_DEPTH_MAX = 32,         /* lists and maps within each other */
    GS_DOC_SCALAR_MAX = 64 * 1024, /* bytes of a scalar or key */
    GS_DOC_KEYS_MAX = 1024,        /* keys of one map */
    GS_DOC_NODES_MAX = 1000000,    /* of a document, or of one streamed element */
    GS_DOC_GAP_MAX = 1024 * 1024   /* bytes of comments, blanks or one scalar in a row */
};
#define GS_DOC_BYTES_MAX (1ull << 30) /* of a document, unless the input says otherwise */

/* Where a document comes from. */
struct gs_doc_input {
    const char *label; /* for errors: the file name, or "--demand" */
    const char *what;  /* for errors: what it should hold, "a list of items" */
    uint64_t size; /* bytes in all when known (a file), else 0: too much is then refused at once */
    uint64_t max_bytes;   /* 0: GS_DOC_BYTES_MAX */
    bool may_be_empty;    /* gs_doc_read: nothing at all is no error, the root is NULL then */
    bool lines;           /* values may hold line breaks and tabs: scripts */
    struct gs_view bytes; /* the whole document, when `read` is NULL */
    /* Fills up to `size` bytes at `bytes`; *ret_n 0 is the end. 0 or a negative gs_code. */
    int (*read)(void *ctx, void *bytes, size_t size, size_t *ret_n, struct gs_err *err);
    void *ctx;
};

enum gs_doc_kind { GS_DOC_MAP, GS_DOC_LIST, GS_DOC_SCALAR };

struct gs_doc_node {
    enum gs_doc_kind kind;
    uint32_t line;       /* 1 is the first */
    bool json;           /* of a document in JSON: what errors call things */
    bool quoted;         /* a scalar in quotes or a block scalar: text, whatever it looks like */
    uint32_t n;          /* children */
    const char *label;   /* of the input */
    struct gs_view key;  /* in a map: its key; in a list: the key of the list; else empty */
    struct gs_view text; /* of a scalar; terminated, without any zero byte inside */
    const struct gs_doc_node *first; /* of the children */
    const struct gs_doc_node *next;  /* sibling, in the order of the document */
};

/* Reads the whole document. The tree lives in the arena. An empty document is refused, unless
 * the input says that it may be empty. */
int gs_doc_read(struct gs_arena *arena, const struct gs_doc_input *input,
                const struct gs_doc_node **ret_root, struct gs_err *err);

/* Reads a document that is a list, or a map whose only key is `key` with a list, and calls `each`
 * for every element in order. The node is gone when `each` returns, as is all that the arena handed
 * out meanwhile. A negative result of `each` ends the reading and is returned. */
int gs_doc_stream(struct gs_arena *arena, const struct gs_doc_input *input, const char *key,
                  int (*each)(void *ctx, const struct gs_doc_node *node, struct gs_err *err),
                  void *ctx, struct gs_err *err);

/* GS_INVALID with "<label>:<line>: " before the text. */
int gs_doc_fail(const struct gs_doc_node *at, struct gs_err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The analyzer does not look into functions with any number of arguments: see base/err.h. */
#ifdef __clang_analyzer__
#define gs_doc_fail(at, err, ...) (gs_doc_fail(at, err, __VA_ARGS__), (int)GS_INVALID)
#endif

/* Puts "<label>:<line>: <key>: " before the text that is there; returns GS_NO_MEMORY as it is and
 * GS_INVALID for every other code: whatever is wrong with a value, the file must be changed. */
int gs_doc_wrap(const struct gs_doc_node *at, int code, struct gs_err *err);

/* GS_INVALID with both found and wanted, unless the node is of that kind. */
int gs_doc_expect(const struct gs_doc_node *node, enum gs_doc_kind kind, struct gs_err *err);

/* The node is a map and has no key but the `n` at `keys`; a wrong one is refused with this list. */
int gs_doc_expect_keys(const struct gs_doc_node *node, const char *const *keys, size_t n,
                       struct gs_err *err);

/* The value under `key` of a map; NULL: none. */
const struct gs_doc_node *gs_doc_find(const struct gs_doc_node *map, const char *key);

/* As gs_doc_find, but none is GS_INVALID. */
int gs_doc_need(const struct gs_doc_node *map, const char *key, const struct gs_doc_node **ret,
                struct gs_err *err);

/* The list that `root` is, or has under its only key `key`; 1 to `max` elements. */
int gs_doc_list(const struct gs_doc_node *root, const char *key, uint32_t max,
                const struct gs_doc_node **ret, struct gs_err *err);

/* Nothing is there: an empty plain scalar, ~ or null. */
bool gs_doc_is_null(const struct gs_doc_node *node);

/* The scalar as text of 1 to `max` bytes. */
int gs_doc_text(const struct gs_doc_node *node, size_t max, struct gs_view *ret,
                struct gs_err *err);

/* As gs_doc_text, the text copied into the arena. */
int gs_doc_copy(const struct gs_doc_node *node, size_t max, struct gs_arena *arena,
                const char **ret, struct gs_err *err);

/* A plain decimal integer from `min` to `max`, without sign, quotes or leading zeros. */
int gs_doc_u64(const struct gs_doc_node *node, uint64_t min, uint64_t max, uint64_t *ret,
               struct gs_err *err);

/* A plain decimal of at most `places` (0 to 9) digits behind the point; *ret is the value times
 * 10^places, `max` at most. */
int gs_doc_fixed(const struct gs_doc_node *node, unsigned places, uint64_t max, uint64_t *ret,
                 struct gs_err *err);

/* true or false. */
int gs_doc_bool(const struct gs_doc_node *node, bool *ret, struct gs_err *err);
