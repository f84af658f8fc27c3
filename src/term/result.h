/* result: what a command found out, built once as a tree and then printed as JSON or as YAML.
 *
 * Keys keep the order in which they are put. Building does not stop for errors: after the first
 * failure (no memory) everything else does nothing, and gs_result_ok tells at the end. Wherever a
 * `json_t *` of a result is taken, NULL is allowed and does nothing. Containers belong to it. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gs_result {
    json_t *root; /* an object */
    bool failed;
};

void gs_result_init(struct gs_result *result);
void gs_result_done(struct gs_result *result);

static inline bool gs_result_ok(const struct gs_result *result)
{
    return !result->failed && result->root != NULL;
}

/* A new container at `key` of the object `at`, or at the end of the array `at` when `key` is
 * NULL. */
json_t *gs_result_object(struct gs_result *result, json_t *at, const char *key);
json_t *gs_result_array(struct gs_result *result, json_t *at, const char *key);

/* A value at `key` of the object `at`, or at the end of the array `at` when `key` is NULL. */

/* Bytes that are not UTF-8 become "?"; NULL becomes null. */
void gs_result_text(struct gs_result *result, json_t *at, const char *key, const char *text);
void gs_result_bool(struct gs_result *result, json_t *at, const char *key, bool value);
void gs_result_null(struct gs_result *result, json_t *at, const char *key);
/* Over INT64_MAX fails the result. */
void gs_result_number(struct gs_result *result, json_t *at, const char *key, uint64_t value);
void gs_result_integer(struct gs_result *result, json_t *at, const char *key, int64_t value);
/* GS_NOT_KNOWN becomes null. */
void gs_result_known(struct gs_result *result, json_t *at, const char *key, uint32_t value);
/* value / 10^places as a decimal: dollars from millionths are (value, 6). Exact up to 15 digits. */
void gs_result_fixed(struct gs_result *result, json_t *at, const char *key, uint64_t value,
                     unsigned places);
