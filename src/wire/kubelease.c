#include "wire/kubelease.h"

#include <jansson.h>
#include <string.h>

#include "base/cleanup.h"
#include "wire/kubejson.h"
#include "wire/kubetime.h"

static void drop(json_t **value)
{
    json_decref(*value);
}
#define AUTO_JSON GS_CLEANUP(drop) json_t *

static int read_time(const json_t *spec, const char *key, uint64_t *ret, struct gs_err *err)
{
    const char *text = NULL;
    int r = gs_kubejson_text(spec, key, &text, err);
    return r == 0 && text != NULL && text[0] != '\0' ? gs_kubetime_parse(gs_view(text), ret, err)
                                                     : r;
}

static int read_number(const json_t *spec, const char *key, uint64_t most, uint32_t *ret,
                       struct gs_err *err)
{
    const json_t *value = json_object_get(spec, key);
    if (value == NULL || json_is_null(value)) {
        return 0;
    }
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        (uint64_t)json_integer_value(value) > most) {
        return gs_fail(err, GS_INVALID, "%s is %s; expected a number up to %llu", key,
                       json_is_integer(value) ? "out of range" : gs_kubejson_type(value),
                       (unsigned long long)most);
    }
    *ret = (uint32_t)json_integer_value(value);
    return 0;
}

int gs_kubelease_parse(const struct json_t *object, struct gs_arena *arena,
                       struct gs_kubelease *ret, struct gs_err *err)
{
    json_t *metadata = NULL;
    json_t *spec = NULL;
    *ret = (struct gs_kubelease){.name = ""};
    int r = gs_kubejson_object(object, "metadata", &metadata, err);
    r = r == 0 ? gs_kubejson_object(object, "spec", &spec, err) : r;
    r = r == 0 ? gs_kubejson_copy(metadata, "name", arena, &ret->name, err) : r;
    r = r == 0 ? gs_kubejson_copy(metadata, "namespace", arena, &ret->name_space, err) : r;
    r = r == 0 ? gs_kubejson_copy(metadata, "resourceVersion", arena, &ret->resource_version, err)
               : r;
    r = r == 0 ? gs_kubejson_copy(spec, "holderIdentity", arena, &ret->holder, err) : r;
    r = r == 0 ? read_number(spec, "leaseDurationSeconds", GS_KUBELEASE_DURATION_MAX_S,
                             &ret->duration_s, err)
               : r;
    r = r == 0 ? read_number(spec, "leaseTransitions", INT32_MAX, &ret->transitions, err) : r;
    r = r == 0 ? read_time(spec, "acquireTime", &ret->acquired_us, err) : r;
    r = r == 0 ? read_time(spec, "renewTime", &ret->renewed_us, err) : r;
    return r == 0 ? 0 : gs_wrap(err, r, "the Lease");
}

static int put(const char *bytes, size_t size, void *ctx)
{
    struct gs_buf *out = ctx;
    gs_buf_put(out, bytes, size);
    return gs_buf_ok(out) ? 0 : -1;
}

int gs_kubelease_write(const struct gs_kubelease *lease, struct gs_buf *out, struct gs_err *err)
{
    char acquired[GS_KUBETIME_MAX];
    char renewed[GS_KUBETIME_MAX];
    gs_kubetime_format(lease->acquired_us, acquired);
    gs_kubetime_format(lease->renewed_us, renewed);
    const char *version = lease->resource_version[0] == '\0' ? NULL : lease->resource_version;
    AUTO_JSON object = json_pack(
        "{s:s, s:s, s:{s:s, s:s, s:s*}, s:{s:s, s:i, s:i, s:s, s:s}}", "apiVersion",
        "coordination.k8s.io/v1", "kind", "Lease", "metadata", "name", lease->name, "namespace",
        lease->name_space, "resourceVersion", version, "spec", "holderIdentity", lease->holder,
        "leaseDurationSeconds", (int)lease->duration_s, "leaseTransitions", (int)lease->transitions,
        "acquireTime", acquired, "renewTime", renewed);
    if (object == NULL) {
        return gs_fail(err, GS_INVALID, "a Lease that is not UTF-8, or no memory for it");
    }
    if (json_dump_callback(object, put, out, JSON_COMPACT) != 0) {
        return gs_fail(err, gs_buf_ok(out) ? GS_NO_MEMORY : GS_LIMIT, "no room for a Lease");
    }
    return 0;
}
