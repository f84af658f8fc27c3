#include "term/result.h"

#include <assert.h>
#include <string.h>

#include "core/model.h"

/* Takes `value` over, as jansson's _new functions do. */
static json_t *put(struct gs_result *result, json_t *at, const char *key, json_t *value)
{
    if (value == NULL || at == NULL || result->failed) {
        result->failed = true;
        json_decref(value);
        return NULL;
    }
    assert(json_is_object(at) == (key != NULL));
    int r = key == NULL ? json_array_append_new(at, value) : json_object_set_new(at, key, value);
    if (r < 0) {
        result->failed = true;
        return NULL;
    }
    return value;
}

void gs_result_init(struct gs_result *result)
{
    *result = (struct gs_result){.root = json_object()};
}

void gs_result_done(struct gs_result *result)
{
    json_decref(result->root);
    *result = (struct gs_result){.root = NULL};
}

json_t *gs_result_object(struct gs_result *result, json_t *at, const char *key)
{
    return put(result, at, key, json_object());
}

json_t *gs_result_array(struct gs_result *result, json_t *at, const char *key)
{
    return put(result, at, key, json_array());
}

/* jansson refuses text that is not UTF-8. */
static json_t *text_value(const char *text)
{
    json_t *value = json_string(text);
    if (value != NULL) {
        return value;
    }
    char *copy = strdup(text);
    for (char *p = copy; p != NULL && *p != '\0'; p++) {
        *p = (unsigned char)*p < 0x80 ? *p : '?';
    }
    value = copy == NULL ? NULL : json_string(copy);
    free(copy);
    return value;
}

void gs_result_text(struct gs_result *result, json_t *at, const char *key, const char *text)
{
    put(result, at, key, text == NULL ? json_null() : text_value(text));
}

void gs_result_bool(struct gs_result *result, json_t *at, const char *key, bool value)
{
    put(result, at, key, json_boolean(value));
}

void gs_result_null(struct gs_result *result, json_t *at, const char *key)
{
    put(result, at, key, json_null());
}

void gs_result_number(struct gs_result *result, json_t *at, const char *key, uint64_t value)
{
    put(result, at, key, value > INT64_MAX ? NULL : json_integer((json_int_t)value));
}

void gs_result_integer(struct gs_result *result, json_t *at, const char *key, int64_t value)
{
    put(result, at, key, json_integer(value));
}

void gs_result_known(struct gs_result *result, json_t *at, const char *key, uint32_t value)
{
    put(result, at, key, value == GS_NOT_KNOWN ? json_null() : json_integer(value));
}

void gs_result_fixed(struct gs_result *result, json_t *at, const char *key, uint64_t value,
                     unsigned places)
{
    double divisor = 1;
    for (unsigned i = 0; i < places; i++) {
        divisor *= 10;
    }
    put(result, at, key, json_real((double)value / divisor));
}
