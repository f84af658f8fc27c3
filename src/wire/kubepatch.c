#include "wire/kubepatch.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/view.h"

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "not enough memory for a change of a Kubernetes object");
}

void gs_kubepatch_drop(struct json_t **patch)
{
    json_decref(*patch);
    *patch = NULL;
}

static bool is_utf8(const char *text)
{
    struct gs_view v = gs_view(text);
    uint32_t c;
    while (v.n > 0) {
        size_t k = gs_view_character(v, &c);
        if (k == 0) {
            return false;
        }
        v.p += k;
        v.n -= k;
    }
    return true;
}

/* The object under `key`, made where there is none. NULL: no memory. */
static json_t *descend(json_t *object, const char *key)
{
    json_t *inner = json_object_get(object, key);
    if (inner != NULL) {
        return inner;
    }
    inner = json_object();
    return inner == NULL || json_object_set_new(object, key, inner) != 0 ? NULL : inner;
}

int gs_kubepatch_set(struct json_t **patch, const char *part, const char *map, const char *key,
                     const char *value, struct gs_err *err)
{
    if (!is_utf8(key) || (value != NULL && !is_utf8(value))) {
        return gs_fail(err, GS_INVALID, "%s.%s: a key or value that is not UTF-8", part, map);
    }
    if (*patch == NULL) {
        *patch = json_object();
    }
    json_t *of_part = *patch == NULL ? NULL : descend(*patch, part);
    json_t *of_map = of_part == NULL ? NULL : descend(of_part, map);
    json_t *text = value == NULL ? json_null() : json_string(value);
    if (of_map == NULL || text == NULL) {
        json_decref(text);
        return no_memory(err);
    }
    return json_object_set_new(of_map, key, text) == 0 ? 0 : no_memory(err);
}

static int put(const char *bytes, size_t size, void *ctx)
{
    struct gs_buf *out = ctx;
    gs_buf_put(out, bytes, size);
    return gs_buf_ok(out) ? 0 : -1;
}

static int write_json(const json_t *value, struct gs_buf *out, struct gs_err *err)
{
    if (json_dump_callback(value, put, out, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) == 0) {
        return 0;
    }
    return out->failed && out->len + 1 >= out->max
               ? gs_fail(err, GS_LIMIT, "a change of more than %zu bytes", out->max)
               : no_memory(err);
}

int gs_kubepatch_write(const struct json_t *patch, struct gs_buf *out, struct gs_err *err)
{
    if (patch != NULL) {
        return write_json(patch, out, err);
    }
    gs_buf_puts(out, "{}");
    return gs_buf_ok(out) ? 0 : no_memory(err);
}

int gs_kubepatch_remove(const char *path, size_t index, const struct json_t *element,
                        struct gs_buf *out, struct gs_err *err)
{
    gs_buf_printf(out, "[{\"op\":\"test\",\"path\":\"%s/%zu\",\"value\":", path, index);
    int r = write_json(element, out, err);
    gs_buf_printf(out, "},{\"op\":\"remove\",\"path\":\"%s/%zu\"}]", path, index);
    return r != 0 ? r : gs_buf_ok(out) ? 0 : no_memory(err);
}
