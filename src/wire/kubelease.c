#include "wire/kubelease.h"

#include <jansson.h>

#include "wire/jsonwrite.h"
#include "wire/kubefield.h"
#include "wire/kubejson.h"

static int read_number(const json_t *spec, const char *key, uint64_t most, uint32_t *ret,
                       struct gs_err *err)
{
    uint64_t number = *ret;
    int r = gs_kubejson_number(spec, key, most, &number, err);
    *ret = (uint32_t)number;
    return r;
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
    r = r == 0 ? gs_kubefield_time(spec, "acquireTime", &ret->acquired_us, err) : r;
    r = r == 0 ? gs_kubefield_time(spec, "renewTime", &ret->renewed_us, err) : r;
    return r == 0 ? 0 : gs_wrap(err, r, "the Lease");
}

int gs_kubelease_write(const struct gs_kubelease *lease, struct gs_buf *out, struct gs_err *err)
{
    struct gs_jsonwrite json = {.out = out};
    gs_jsonwrite_open(&json, NULL, '{');
    gs_jsonwrite_text(&json, "apiVersion", "coordination.k8s.io/v1");
    gs_jsonwrite_text(&json, "kind", "Lease");
    gs_jsonwrite_open(&json, "metadata", '{');
    gs_jsonwrite_text(&json, "name", lease->name);
    gs_jsonwrite_text(&json, "namespace", lease->name_space);
    gs_jsonwrite_some(&json, "resourceVersion", lease->resource_version);
    gs_jsonwrite_close(&json, '}');
    gs_jsonwrite_open(&json, "spec", '{');
    gs_jsonwrite_text(&json, "holderIdentity", lease->holder);
    gs_jsonwrite_number(&json, "leaseDurationSeconds", lease->duration_s);
    gs_jsonwrite_number(&json, "leaseTransitions", lease->transitions);
    gs_jsonwrite_time(&json, "acquireTime", lease->acquired_us);
    gs_jsonwrite_time(&json, "renewTime", lease->renewed_us);
    gs_jsonwrite_close(&json, '}');
    gs_jsonwrite_close(&json, '}');
    return gs_jsonwrite_end(&json, "a Lease", err);
}
