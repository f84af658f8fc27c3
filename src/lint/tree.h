/* tree: the documents of a YAML piece as trees whose nodes know their bytes.
 *
 * Unlike wire/doc, which refuses what has not one meaning, this takes whatever libyaml does:
 * anchors are read over, an alias is a node without value, a key that is given twice stands twice.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "lint/piece.h"

enum gs_lint_node_kind { GS_LINT_MAP, GS_LINT_LIST, GS_LINT_SCALAR, GS_LINT_ALIAS };

struct gs_lint_node {
    enum gs_lint_node_kind kind;
    bool flow;                   /* a map or list in braces or brackets */
    bool quoted;                 /* a scalar in quotes */
    bool literal;                /* a scalar behind "|" */
    bool plain;                  /* a scalar without quotes, not behind "|" or ">", without tag */
    bool tagged;                 /* "!!str" before it */
    bool anchored;               /* "&a" before it, or before anything in it */
    bool key_anchored;           /* "&a" or a tag before its key */
    uint32_t start, end;         /* bytes of the piece: the value */
    uint32_t key_start, key_end; /* in a map: its key */
    struct gs_view key, text;    /* terminated */
    const struct gs_lint_node *parent, *first, *last, *next;
    uint32_t n; /* children */
};

struct gs_lint_doc {
    const struct gs_lint_node *root;
    uint32_t start, end; /* bytes of the piece, without "---" */
};

struct gs_lint_docs {
    const struct gs_lint_doc *items;
    size_t n;
    uint32_t bad_at;        /* where the reading ended with an error */
    const char *bad_reason; /* NULL: it did not */
};

/* What comes behind an error is not read; that is told in *ret. GS_NO_MEMORY. */
int gs_lint_tree_read(struct gs_arena *arena, const struct gs_lint_piece *piece,
                      struct gs_lint_docs *ret);

/* The value under `key` of a map. NULL: none, or `map` is none. */
const struct gs_lint_node *gs_lint_get(const struct gs_lint_node *map, const char *key);

/* The value at the end of these keys, the last followed by NULL. NULL: none. */
const struct gs_lint_node *gs_lint_at(const struct gs_lint_node *map, ...)
    __attribute__((sentinel));

/* The text of the scalar under `key`; empty: none. */
struct gs_view gs_lint_text(const struct gs_lint_node *map, const char *key);

/* Where the entry or element begins: its key, or its value. */
static inline uint32_t gs_lint_node_from(const struct gs_lint_node *node)
{
    return node->key.p != NULL ? node->key_start : node->start;
}
