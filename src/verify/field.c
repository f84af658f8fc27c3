#include "verify/field.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/view.h"

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7F;
}

/* Writes the way to `at`; the document itself is "". Cut at `size`. */
static size_t format_path(const struct gs_field *at, char *out, size_t size)
{
    if (at == NULL || at->up == NULL) {
        out[0] = '\0';
        return 0;
    }
    size_t used = format_path(at->up, out, size);
    int n = at->key == NULL
                ? snprintf(out + used, size - used, "[%zu]", at->index)
                : snprintf(out + used, size - used, "%s%s", used == 0 ? "" : ".", at->key);
    size_t end = used + (n > 0 ? (size_t)n : 0);
    return end < size ? end : size - 1;
}

int gs_field_wrap(const struct gs_field *at, int code, struct gs_err *err)
{
    char path[GS_FIELD_PATH_MAX];
    format_path(at, path, sizeof(path));
    for (char *c = path; *c != '\0'; c++) {
        *c = is_control(*c) ? '?' : *c; /* keys come from outside */
    }
    return path[0] == '\0' ? code : gs_wrap(err, code, "%s", path);
}

int(gs_field_fail)(const struct gs_field *at, struct gs_err *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)gs_vfail(err, GS_INVALID, fmt, ap);
    va_end(ap);
    return gs_field_wrap(at, GS_INVALID, err);
}

static const char *kind_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a text";
    case JSON_INTEGER:
        return "a whole number";
    case JSON_REAL:
        return "a number with a point";
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_NULL:
        return "null";
    }
    return "nothing";
}

static int fail_kind(const struct gs_field *at, const char *wanted, struct gs_err *err)
{
    return gs_field_fail(at, err, "it is %s; expected %s", kind_of(at->value), wanted);
}

int gs_field_get(const struct gs_field *at, const char *key, struct gs_field *ret,
                 struct gs_err *err)
{
    if (!json_is_object(at->value)) {
        return fail_kind(at, "an object", err);
    }
    const json_t *value = json_object_get(at->value, key);
    if (value == NULL) {
        return gs_field_fail(at, err, "it has no \"%s\"; expected one", key);
    }
    *ret = (struct gs_field){.up = at, .key = key, .value = value};
    return 0;
}

bool gs_field_is_null(const struct gs_field *at)
{
    return json_is_null(at->value);
}

bool gs_field_is_text(const struct gs_field *at)
{
    return json_is_string(at->value);
}

bool gs_field_has(const struct gs_field *at, const char *key)
{
    return json_object_get(at->value, key) != NULL;
}

int gs_field_count(const struct gs_field *list, size_t max, size_t *ret_n, struct gs_err *err)
{
    if (!json_is_array(list->value)) {
        return fail_kind(list, "a list", err);
    }
    size_t n = json_array_size(list->value);
    if (n > max) {
        return gs_field_fail(list, err, "it has %zu elements; expected %zu at most", n, max);
    }
    *ret_n = n;
    return 0;
}

int gs_field_list(const struct gs_field *at, const char *key, size_t max, struct gs_field *ret,
                  size_t *ret_n, struct gs_err *err)
{
    int r = gs_field_get(at, key, ret, err);
    return r < 0 ? r : gs_field_count(ret, max, ret_n, err);
}

struct gs_field gs_field_item(const struct gs_field *list, size_t index)
{
    return (struct gs_field){
        .up = list,
        .index = index,
        .value = json_array_get(list->value, index),
    };
}

int gs_field_object(const struct gs_field *at, const char *key, struct gs_field *ret,
                    struct gs_err *err)
{
    int r = gs_field_get(at, key, ret, err);
    return r == 0 && !json_is_object(ret->value) ? fail_kind(ret, "an object", err) : r;
}

bool gs_field_member(const struct gs_field *object, void **iter, struct gs_field *ret)
{
    /* jansson iterates over const objects by a pointer that is not; nothing is changed. */
    union {
        const json_t *in;
        json_t *out;
    } whole = {.in = object->value};
    *iter = *iter == NULL ? json_object_iter(whole.out) : json_object_iter_next(whole.out, *iter);
    if (*iter == NULL) {
        return false;
    }
    *ret = (struct gs_field){
        .up = object,
        .key = json_object_iter_key(*iter),
        .value = json_object_iter_value(*iter),
    };
    return true;
}

int gs_field_to_text(const struct gs_field *at, const char **ret, struct gs_err *err)
{
    if (!json_is_string(at->value)) {
        return fail_kind(at, "a text", err);
    }
    size_t n = json_string_length(at->value);
    const char *text = json_string_value(at->value);
    if (n > GS_FIELD_TEXT_MAX) {
        return gs_field_fail(at, err, "a text of %zu bytes; expected %d at most", n,
                             GS_FIELD_TEXT_MAX);
    }
    if (gs_view_has_control((struct gs_view){text, n}, "")) {
        return gs_field_fail(at, err, "it has a control character; expected plain text");
    }
    *ret = text;
    return 0;
}

int gs_field_to_i64(const struct gs_field *at, int64_t min, int64_t max, int64_t *ret,
                    struct gs_err *err)
{
    if (!json_is_integer(at->value)) {
        return fail_kind(at, "a whole number", err);
    }
    json_int_t value = json_integer_value(at->value);
    if (value < min || value > max) {
        return gs_field_fail(at, err,
                             "it is %" JSON_INTEGER_FORMAT "; expected %" PRId64 " to %" PRId64,
                             value, min, max);
    }
    *ret = value;
    return 0;
}

int gs_field_to_u64(const struct gs_field *at, uint64_t min, uint64_t max, uint64_t *ret,
                    struct gs_err *err)
{
    int64_t value;
    assert(max <= INT64_MAX && min <= max);
    int r = gs_field_to_i64(at, (int64_t)min, (int64_t)max, &value, err);
    if (r == 0) {
        *ret = (uint64_t)value;
    }
    return r;
}

int gs_field_to_index(const struct gs_field *at, size_t n, const char *of, uint32_t *ret,
                      struct gs_err *err)
{
    uint64_t value;
    int r = gs_field_to_u64(at, 0, UINT32_MAX - 1, &value, err);
    if (r == 0 && value >= n) {
        return gs_field_fail(at, err, "it is %" PRIu64 "; expected the number of one of the %zu %s",
                             value, n, of);
    }
    if (r == 0) {
        *ret = (uint32_t)value;
    }
    return r;
}

int gs_field_text(const struct gs_field *at, const char *key, const char **ret, struct gs_err *err)
{
    struct gs_field field;
    int r = gs_field_get(at, key, &field, err);
    return r < 0 ? r : gs_field_to_text(&field, ret, err);
}

int gs_field_maybe_text(const struct gs_field *at, const char *key, const char **ret,
                        struct gs_err *err)
{
    struct gs_field field;
    int r = gs_field_get(at, key, &field, err);
    if (r == 0 && gs_field_is_null(&field)) {
        *ret = NULL;
        return 0;
    }
    return r < 0 ? r : gs_field_to_text(&field, ret, err);
}

int gs_field_bool(const struct gs_field *at, const char *key, bool *ret, struct gs_err *err)
{
    struct gs_field field;
    int r = gs_field_get(at, key, &field, err);
    if (r == 0 && !json_is_boolean(field.value)) {
        return fail_kind(&field, "true or false", err);
    }
    if (r == 0) {
        *ret = json_is_true(field.value);
    }
    return r;
}

int gs_field_u64(const struct gs_field *at, const char *key, uint64_t min, uint64_t max,
                 uint64_t *ret, struct gs_err *err)
{
    struct gs_field field;
    int r = gs_field_get(at, key, &field, err);
    return r < 0 ? r : gs_field_to_u64(&field, min, max, ret, err);
}

int gs_field_i64(const struct gs_field *at, const char *key, int64_t min, int64_t max, int64_t *ret,
                 struct gs_err *err)
{
    struct gs_field field;
    int r = gs_field_get(at, key, &field, err);
    return r < 0 ? r : gs_field_to_i64(&field, min, max, ret, err);
}

int gs_field_u32(const struct gs_field *at, const char *key, uint32_t min, uint32_t max,
                 uint32_t *ret, struct gs_err *err)
{
    uint64_t value;
    int r = gs_field_u64(at, key, min, max, &value, err);
    if (r == 0) {
        *ret = (uint32_t)value;
    }
    return r;
}

int gs_field_maybe_u64(const struct gs_field *at, const char *key, uint64_t max, uint64_t none,
                       uint64_t *ret, struct gs_err *err)
{
    struct gs_field field;
    int r = gs_field_get(at, key, &field, err);
    if (r == 0 && gs_field_is_null(&field)) {
        *ret = none;
        return 0;
    }
    return r < 0 ? r : gs_field_to_u64(&field, 0, max, ret, err);
}

int gs_field_maybe_u32(const struct gs_field *at, const char *key, uint32_t max, uint32_t none,
                       uint32_t *ret, struct gs_err *err)
{
    uint64_t value;
    int r = gs_field_maybe_u64(at, key, max, none, &value, err);
    if (r == 0) {
        *ret = (uint32_t)value;
    }
    return r;
}

int gs_field_index(const struct gs_field *at, const char *key, size_t n, const char *of,
                   uint32_t *ret, struct gs_err *err)
{
    struct gs_field field;
    int r = gs_field_get(at, key, &field, err);
    return r < 0 ? r : gs_field_to_index(&field, n, of, ret, err);
}

int gs_field_fraction(const struct gs_field *at, const char *key, double *ret, struct gs_err *err)
{
    struct gs_field field;
    int r = gs_field_get(at, key, &field, err);
    if (r < 0) {
        return r;
    }
    if (!json_is_number(field.value)) {
        return fail_kind(&field, "a number", err);
    }
    double value = json_number_value(field.value);
    if (!isfinite(value) || value < 0) {
        return gs_field_fail(&field, err, "it is %g; expected 0 or more", value);
    }
    *ret = value;
    return 0;
}

int gs_field_dollars(const struct gs_field *at, const char *key, uint64_t *ret_uusd,
                     bool *ret_known, struct gs_err *err)
{
    struct gs_field field;
    int r = gs_field_get(at, key, &field, err);
    if (r < 0) {
        return r;
    }
    if (gs_field_is_null(&field)) {
        *ret_known = false;
        *ret_uusd = 0;
        return 0;
    }
    double dollars;
    r = gs_field_fraction(at, key, &dollars, err);
    if (r < 0) {
        return r;
    }
    /* The nearest double to a decimal of six digits is far closer to it than to the next one. */
    double scaled = dollars * 1e6;
    double whole = scaled < (double)GS_FIELD_NUMBER_MAX ? (double)(uint64_t)(scaled + 0.5) : -1;
    if (whole < 0 || fabs(scaled - whole) > 1e-3 + scaled * 1e-15) {
        return gs_field_fail(&field, err,
                             "it is %.9g; expected dollars with at most six digits behind the "
                             "point",
                             dollars);
    }
    *ret_known = true;
    *ret_uusd = (uint64_t)whole;
    return 0;
}
