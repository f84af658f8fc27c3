/* field: values of a JSON document that know where they stand, for errors that name the place.
 *
 * A field is a value and the way to it from the document's root; the way is a chain of fields that
 * the caller keeps. Every look-up says what it expects and fails with GS_INVALID and a text like
 * "instances[2].count: it is a text; expected a whole number from 1 to 1000". Nothing is converted
 * and nothing has a default: a key that is not there is an error. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct json_t; /* jansson's; only the .c files of this room know it */

enum {
    GS_FIELD_TEXT_MAX = 4096, /* bytes of a text */
    GS_FIELD_PATH_MAX = 240   /* bytes of a path in an error */
};
#define GS_FIELD_NUMBER_MAX ((uint64_t)1 << 53) /* what every reader of JSON holds exactly */

struct gs_field {
    const struct gs_field *up; /* NULL: the document itself */
    const char *key;           /* in an object; NULL: an element of a list */
    size_t index;              /* of the element */
    const struct json_t *value;
};

/* GS_INVALID with the way to `at` before the text. */
int gs_field_fail(const struct gs_field *at, struct gs_err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The analyzer does not look into functions with any number of arguments: see base/err.h. */
#ifdef __clang_analyzer__
#define gs_field_fail(at, err, ...) (gs_field_fail(at, err, __VA_ARGS__), (int)GS_INVALID)
#endif

/* Puts the way to `at` before a text that is there; returns `code`. */
int gs_field_wrap(const struct gs_field *at, int code, struct gs_err *err);

/* The value under `key` of the object `at`. It may be null. */
int gs_field_get(const struct gs_field *at, const char *key, struct gs_field *ret,
                 struct gs_err *err);
bool gs_field_is_null(const struct gs_field *at);
bool gs_field_is_text(const struct gs_field *at);
bool gs_field_has(const struct gs_field *at, const char *key);

/* A list of at most `max` elements under `key`, and its elements. */
int gs_field_list(const struct gs_field *at, const char *key, size_t max, struct gs_field *ret,
                  size_t *ret_n, struct gs_err *err);
struct gs_field gs_field_item(const struct gs_field *list, size_t index);
/* The same of a field that should itself be a list. */
int gs_field_count(const struct gs_field *list, size_t max, size_t *ret_n, struct gs_err *err);

/* An object under `key`, and its members one by one: start with *iter NULL; false at the end. */
int gs_field_object(const struct gs_field *at, const char *key, struct gs_field *ret,
                    struct gs_err *err);
bool gs_field_member(const struct gs_field *object, void **iter, struct gs_field *ret);

/* The field itself as a value. Texts have no control characters and are borrowed. */
int gs_field_to_text(const struct gs_field *at, const char **ret, struct gs_err *err);
int gs_field_to_u64(const struct gs_field *at, uint64_t min, uint64_t max, uint64_t *ret,
                    struct gs_err *err);
int gs_field_to_i64(const struct gs_field *at, int64_t min, int64_t max, int64_t *ret,
                    struct gs_err *err);
int gs_field_to_index(const struct gs_field *at, size_t n, const char *of, uint32_t *ret,
                      struct gs_err *err);

/* The value under `key`. */
int gs_field_text(const struct gs_field *at, const char *key, const char **ret, struct gs_err *err);
int gs_field_maybe_text(const struct gs_field *at, const char *key, const char **ret,
                        struct gs_err *err); /* null: NULL */
int gs_field_bool(const struct gs_field *at, const char *key, bool *ret, struct gs_err *err);
int gs_field_u64(const struct gs_field *at, const char *key, uint64_t min, uint64_t max,
                 uint64_t *ret, struct gs_err *err);
int gs_field_i64(const struct gs_field *at, const char *key, int64_t min, int64_t max, int64_t *ret,
                 struct gs_err *err);
int gs_field_u32(const struct gs_field *at, const char *key, uint32_t min, uint32_t max,
                 uint32_t *ret, struct gs_err *err);
/* null: `none`. */
int gs_field_maybe_u64(const struct gs_field *at, const char *key, uint64_t max, uint64_t none,
                       uint64_t *ret, struct gs_err *err);
int gs_field_maybe_u32(const struct gs_field *at, const char *key, uint32_t max, uint32_t none,
                       uint32_t *ret, struct gs_err *err);
/* A number below `n`: an index into what `of` names. */
int gs_field_index(const struct gs_field *at, const char *key, size_t n, const char *of,
                   uint32_t *ret, struct gs_err *err);
/* Any number, 0 or more. */
int gs_field_fraction(const struct gs_field *at, const char *key, double *ret, struct gs_err *err);
/* Dollars with at most six digits behind the point, in millionths. null: *ret_known is false. */
int gs_field_dollars(const struct gs_field *at, const char *key, uint64_t *ret_uusd,
                     bool *ret_known, struct gs_err *err);
