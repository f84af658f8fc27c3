/* jsonwrite: JSON text written from front to back, without a tree of values.
 *
 * Writers do not check each call: the first failure sticks, and gs_jsonwrite_end tells. A key of
 * NULL is an element of an array. Pure; the buffer's memory is all that is asked for. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct gs_jsonwrite {
    struct gs_buf *out;
    bool comma;       /* something stands before, in the same object or array */
    bool full;        /* the buffer's bound was passed */
    const char *what; /* the key of the first text that is not UTF-8; NULL: none */
};

void gs_jsonwrite_open(struct gs_jsonwrite *json, const char *key, char bracket);
void gs_jsonwrite_close(struct gs_jsonwrite *json, char bracket);
void gs_jsonwrite_text(struct gs_jsonwrite *json, const char *key, const char *text);
void gs_jsonwrite_number(struct gs_jsonwrite *json, const char *key, uint64_t number);
/* A finite number, in the fewest digits that read back the same. */
void gs_jsonwrite_real(struct gs_jsonwrite *json, const char *key, double number);
void gs_jsonwrite_bool(struct gs_jsonwrite *json, const char *key, bool value);
void gs_jsonwrite_null(struct gs_jsonwrite *json, const char *key);

/* A value that is JSON already, whole and well formed. */
void gs_jsonwrite_raw(struct gs_jsonwrite *json, const char *key, const char *value, size_t n);

/* A text that is left out where it is empty. */
void gs_jsonwrite_some(struct gs_jsonwrite *json, const char *key, const char *text);

/* A moment as in kubetime.h. */
void gs_jsonwrite_time(struct gs_jsonwrite *json, const char *key, uint64_t us);

/* GS_INVALID: a text is not UTF-8; GS_LIMIT: the buffer's bound; GS_NO_MEMORY. `what` is named. */
int gs_jsonwrite_end(const struct gs_jsonwrite *json, const char *what, struct gs_err *err);
