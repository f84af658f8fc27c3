/* doc: a result, built once as a tree and then printed as JSON or as YAML.
 *
 * Keys keep the order in which they are put. Building does not stop for errors: after the first
 * failure (no memory) everything else does nothing, and gs_doc_ok tells at the end. Wherever a
 * `json_t *` of a doc is taken, NULL is allowed and does nothing. Containers belong to the doc. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gs_doc {
    json_t *root; /* an object */
    bool failed;
};

void gs_doc_init(struct gs_doc *doc);
void gs_doc_done(struct gs_doc *doc);

static inline bool gs_doc_ok(const struct gs_doc *doc)
{
    return !doc->failed && doc->root != NULL;
}

/* A new container at `key` of the object `at`, or at the end of the array `at` when `key` is
 * NULL. */
json_t *gs_doc_object(struct gs_doc *doc, json_t *at, const char *key);
json_t *gs_doc_array(struct gs_doc *doc, json_t *at, const char *key);

/* A value at `key` of the object `at`, or at the end of the array `at` when `key` is NULL. */

/* Bytes that are not UTF-8 become "?"; NULL becomes null. */
void gs_doc_text(struct gs_doc *doc, json_t *at, const char *key, const char *text);
void gs_doc_bool(struct gs_doc *doc, json_t *at, const char *key, bool value);
void gs_doc_null(struct gs_doc *doc, json_t *at, const char *key);
/* Over INT64_MAX fails the doc. */
void gs_doc_number(struct gs_doc *doc, json_t *at, const char *key, uint64_t value);
/* GS_NOT_KNOWN becomes null. */
void gs_doc_known(struct gs_doc *doc, json_t *at, const char *key, uint32_t value);
/* value / 10^places as a decimal: dollars from millionths are (value, 6). Exact up to 15 digits. */
void gs_doc_fixed(struct gs_doc *doc, json_t *at, const char *key, uint64_t value, unsigned places);
