/* kubepatch: changes of Kubernetes objects as JSON. Sans-I/O.
 *
 * A merge patch (RFC 7386, which a strategic merge of plain maps equals) is built field by field;
 * a JSON patch (RFC 6902) takes one element out of a list, if it still is the one that is meant. */
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define GS_KUBEPATCH_MERGE "application/merge-patch+json"
#define GS_KUBEPATCH_STRATEGIC "application/strategic-merge-patch+json"
#define GS_KUBEPATCH_JSON "application/json-patch+json"

struct json_t; /* jansson's */

/* Sets the text at part.map.key of the merge patch `*patch` ("metadata", "labels", "a"), which is
 * made where it is NULL; a value of NULL takes the key away. GS_INVALID: not UTF-8; GS_NO_MEMORY.
 * The patch is the caller's, to be given to gs_kubepatch_drop. */
int gs_kubepatch_set(struct json_t **patch, const char *part, const char *map, const char *key,
                     const char *value, struct gs_err *err);
void gs_kubepatch_drop(struct json_t **patch);

/* Appends the patch as text; of NULL the empty one. GS_NO_MEMORY, GS_LIMIT: the buffer's bound. */
int gs_kubepatch_write(const struct json_t *patch, struct gs_buf *out, struct gs_err *err);

/* Appends the JSON patch that removes element `index` of the list at `path` ("/spec/taints") if it
 * equals `element`. */
int gs_kubepatch_remove(const char *path, size_t index, const struct json_t *element,
                        struct gs_buf *out, struct gs_err *err);
