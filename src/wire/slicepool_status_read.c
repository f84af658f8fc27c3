#include <jansson.h>
#include <string.h>

#include "wire/gpunode_names.h"
#include "wire/kubefield.h"
#include "wire/kubejson.h"
#include "wire/slicepool.h"

enum { NAME_BYTES_MAX = 253, TYPE_BYTES_MAX = 63, WORD_BYTES_MAX = 63, REASON_BYTES_MAX = 1024 };

static int read_part(const json_t *object, struct gs_arena *arena, void *item, struct gs_err *err)
{
    struct gs_slicepool_part *part = item;
    uint64_t nodes = 0;
    int r = gs_kubefield_need(object, "name", NAME_BYTES_MAX, arena, &part->name, err);
    r = r < 0 ? r
              : gs_kubefield_text(object, "instanceType", TYPE_BYTES_MAX, arena,
                                  &part->instance_type, err);
    r = r < 0 ? r : gs_kubefield_text(object, "layout", NAME_BYTES_MAX, arena, &part->layout, err);
    r = r < 0 ? r : gs_kubejson_number(object, "nodes", INT32_MAX, &nodes, err);
    r = r < 0 ? r : gs_kubejson_bool(object, "open", &part->open, err);
    r = r < 0 ? r
              : gs_kubefield_text(object, "reason", REASON_BYTES_MAX, arena, &part->reason, err);
    part->nodes = (uint32_t)nodes;
    return r;
}

static int read_dollars(const json_t *status, uint64_t *ret_uusd, struct gs_err *err)
{
    const char *text = NULL;
    int r = gs_kubejson_text(status, "usdPerHour", &text, err);
    if (r == 0 && text != NULL && !gs_slicepool_usd_parse(gs_view(text), ret_uusd)) {
        return gs_fail(err, GS_INVALID,
                       "\"usdPerHour\" is \"%.40s\"; expected dollars such as \"32.77\"", text);
    }
    return r;
}

static int read_status(const json_t *object, struct gs_arena *arena,
                       struct gs_slicepool_status *ret, struct gs_err *err)
{
    json_t *status = NULL;
    struct gs_kubefield_list parts = {
        .key = "pools", .size = sizeof(*ret->parts), .max = GS_SLICEPOOL_PARTS_MAX, read_part};
    struct gs_kubefield_list conditions = {.key = "conditions",
                                           .size = sizeof(*ret->conditions),
                                           .max = GS_GPUNODE_CONDITIONS_MAX,
                                           gs_gpunode_read_condition};
    int r = gs_kubejson_object(object, "status", &status, err);
    r = r < 0 ? r
              : gs_kubejson_number(status, "observedGeneration", INT64_MAX,
                                   &ret->observed_generation, err);
    r = r < 0 ? r : gs_kubejson_number(status, "gpus", INT64_MAX, &ret->gpus, err);
    r = r < 0 ? r : read_dollars(status, &ret->uusd, err);
    r = r < 0 ? r : gs_kubefield_text(status, "region", WORD_BYTES_MAX, arena, &ret->region, err);
    r = r < 0
            ? r
            : gs_kubefield_text(status, "controller", WORD_BYTES_MAX, arena, &ret->controller, err);
    r = r < 0 ? r : gs_kubefield_list(status, &parts, arena, err);
    r = r < 0 ? r : gs_kubefield_list(status, &conditions, arena, err);
    ret->parts = parts.items;
    ret->n_parts = parts.n;
    ret->conditions = conditions.items;
    ret->n_conditions = conditions.n;
    return r;
}

int gs_slicepool_parse_status(const struct json_t *object, struct gs_arena *arena,
                              struct gs_slicepool_status *ret, struct gs_err *err)
{
    struct gs_slicepool_status status = {.name = ""};
    json_t *metadata = NULL;
    int r = gs_kubefield_head(object, "SlicePool", arena, &metadata, &status.name, err);
    if (r == 0 && (r = read_status(object, arena, &status, err)) < 0) {
        return gs_wrap(err, r, "SlicePool %s: status", status.name);
    }
    if (r == 0) {
        *ret = status;
    }
    return r;
}
