/* kubejson: typed look-ups in the JSON of Kubernetes objects, for the readers beside it.
 *
 * Absent and null are the same, as in Go: the look-up succeeds and gives NULL or 0. A value of
 * another type is GS_INVALID and the text says what was found and expected, so no reader skips
 * what it does not understand. Results are borrowed from the JSON value. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "wire/quantity.h"

struct json_t; /* jansson's; only the .c files of this room know it */

/* How jansson is to load what the API server sends: it lets NUL pass in texts, and one pod with
 * such a text must not hide all the others. */
#define GS_KUBEJSON_LOAD (JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL)

/* `object` may be NULL, which holds nothing. Texts with control characters are refused: they
 * come back in messages to a terminal. */
int gs_kubejson_text(const struct json_t *object, const char *key, const char **ret,
                     struct gs_err *err);
int gs_kubejson_object(const struct json_t *object, const char *key, struct json_t **ret,
                       struct gs_err *err);
int gs_kubejson_array(const struct json_t *object, const char *key, struct json_t **ret,
                      struct gs_err *err);
int gs_kubejson_bool(const struct json_t *object, const char *key, bool *ret, struct gs_err *err);

/* An integer of the JSON, no amount: 0 to `max`. Absent: *ret stays. */
int gs_kubejson_number(const struct json_t *object, const char *key, uint64_t max, uint64_t *ret,
                       struct gs_err *err);

/* gs_kubejson_text with "" for a text that is not there, copied into the arena. GS_NO_MEMORY. */
int gs_kubejson_copy(const struct json_t *object, const char *key, struct gs_arena *arena,
                     const char **ret, struct gs_err *err);

/* A value of a list of resources: a string as in wire/quantity.h, or a number, which the API
 * server takes too. GS_INVALID, GS_LIMIT as gs_quantity_parse. */
int gs_kubejson_amount(const struct json_t *value, enum gs_quantity_scale scale, uint64_t max,
                       uint64_t *ret, struct gs_err *err);

/* As gs_kubejson_amount, of a resource that has no parts: a fraction is GS_INVALID. */
int gs_kubejson_count(const struct json_t *value, uint64_t max, uint64_t *ret, struct gs_err *err);

/* `text` is a DNS subdomain (RFC 1123), as names of Kubernetes objects are: 1 to 253 of a-z, 0-9,
 * dash and dot. */
bool gs_kubejson_is_name(const char *text);

/* True when the text has no control character. */
bool gs_kubejson_is_printable(const char *text);

/* Gives a value back, for GS_CLEANUP: GS_AUTO_JSON object = json_loadb(...). NULL is none. */
void gs_kubejson_drop(struct json_t **value);
#define GS_AUTO_JSON GS_CLEANUP(gs_kubejson_drop) struct json_t *

/* "a number", "an array": for messages. NULL is "nothing". */
const char *gs_kubejson_type(const struct json_t *value);

/* The arena has no more room. */
int gs_kubejson_no_memory(struct gs_err *err);
