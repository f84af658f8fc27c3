#include "wire/kubejson.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { NAME_MAX_BYTES = 253 };

const char *gs_kubejson_type(const struct json_t *value)
{
    if (value == NULL) {
        return "nothing";
    }
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        return "null";
    }
    return "nothing";
}

static json_t *find(const struct json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

static int wrong_type(struct gs_err *err, const char *key, const json_t *found, const char *wanted)
{
    return gs_fail(err, GS_INVALID, "\"%s\" is %s; expected %s", key, gs_kubejson_type(found),
                   wanted);
}

int gs_kubejson_text(const struct json_t *object, const char *key, const char **ret,
                     struct gs_err *err)
{
    json_t *value = find(object, key);
    if (value != NULL && !json_is_string(value)) {
        return wrong_type(err, key, value, "a string");
    }
    const char *text = json_string_value(value);
    if (text != NULL &&
        (!gs_kubejson_is_printable(text) || strlen(text) != json_string_length(value))) {
        return gs_fail(err, GS_INVALID, "\"%s\" has a control character; expected plain text", key);
    }
    *ret = text;
    return 0;
}

int gs_kubejson_object(const struct json_t *object, const char *key, struct json_t **ret,
                       struct gs_err *err)
{
    json_t *value = find(object, key);
    if (value != NULL && !json_is_object(value)) {
        return wrong_type(err, key, value, "an object");
    }
    *ret = value;
    return 0;
}

int gs_kubejson_array(const struct json_t *object, const char *key, struct json_t **ret,
                      struct gs_err *err)
{
    json_t *value = find(object, key);
    if (value != NULL && !json_is_array(value)) {
        return wrong_type(err, key, value, "an array");
    }
    *ret = value;
    return 0;
}

int gs_kubejson_bool(const struct json_t *object, const char *key, bool *ret, struct gs_err *err)
{
    json_t *value = find(object, key);
    if (value != NULL && !json_is_boolean(value)) {
        return wrong_type(err, key, value, "true or false");
    }
    *ret = json_is_true(value);
    return 0;
}

int gs_kubejson_number(const struct json_t *object, const char *key, uint64_t max, uint64_t *ret,
                       struct gs_err *err)
{
    json_t *value = find(object, key);
    if (value == NULL) {
        return 0;
    }
    if (!json_is_integer(value)) {
        return wrong_type(err, key, value, "a whole number");
    }
    json_int_t number = json_integer_value(value);
    if (number < 0 || (uint64_t)number > max) {
        return gs_fail(err, GS_INVALID, "\"%s\" is %" JSON_INTEGER_FORMAT "; expected 0 to %llu",
                       key, number, (unsigned long long)max);
    }
    *ret = (uint64_t)number;
    return 0;
}

int gs_kubejson_copy(const struct json_t *object, const char *key, struct gs_arena *arena,
                     const char **ret, struct gs_err *err)
{
    const char *text = NULL;
    int r = gs_kubejson_text(object, key, &text, err);
    if (r != 0) {
        return r;
    }
    text = text == NULL ? "" : gs_arena_text(arena, text, strlen(text));
    if (text == NULL) {
        return gs_kubejson_no_memory(err);
    }
    *ret = text;
    return 0;
}

int gs_kubejson_amount(const struct json_t *value, enum gs_quantity_scale scale, uint64_t max,
                       uint64_t *ret, struct gs_err *err)
{
    char number[40];
    const char *text = json_string_value(value);
    if (json_is_integer(value)) {
        snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        text = number;
    } else if (json_is_real(value)) {
        snprintf(number, sizeof(number), "%.15g", json_real_value(value));
        text = number;
    } else if (text == NULL || !gs_kubejson_is_printable(text)) {
        return gs_fail(err, GS_INVALID, "found %s; expected an amount", gs_kubejson_type(value));
    }
    return gs_quantity_parse(gs_view(text), scale, max, ret, err);
}

int gs_kubejson_count(const struct json_t *value, uint64_t max, uint64_t *ret, struct gs_err *err)
{
    uint64_t milli = 0;
    int r = gs_kubejson_amount(value, GS_QUANTITY_MILLI, max * 1000, &milli, err);
    if (r == 0 && milli % 1000 != 0) {
        return gs_fail(err, GS_INVALID, "found a fraction; expected a whole number");
    }
    *ret = milli / 1000;
    return r;
}

bool gs_kubejson_is_name(const char *text)
{
    size_t n = strlen(text);
    size_t plain = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-.");
    return n > 0 && n <= NAME_MAX_BYTES && plain == n;
}

bool gs_kubejson_is_printable(const char *text)
{
    return !gs_view_has_control(gs_view(text), "");
}

int gs_kubejson_no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "not enough memory for this Kubernetes object");
}

void gs_kubejson_drop(struct json_t **value)
{
    json_decref(*value);
    *value = NULL;
}
