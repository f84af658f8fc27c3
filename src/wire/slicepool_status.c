#include "wire/gpunode_names.h"
#include "wire/jsonwrite.h"
#include "wire/slicepool.h"

static void put_part(struct gs_jsonwrite *json, const struct gs_slicepool_part *part)
{
    gs_jsonwrite_open(json, NULL, '{');
    gs_jsonwrite_text(json, "name", part->name);
    gs_jsonwrite_text(json, "instanceType", part->instance_type);
    gs_jsonwrite_text(json, "layout", part->layout);
    gs_jsonwrite_number(json, "nodes", part->nodes);
    gs_jsonwrite_bool(json, "open", part->open);
    gs_jsonwrite_some(json, "reason", part->reason);
    gs_jsonwrite_close(json, '}');
}

int gs_slicepool_write_status(const struct gs_slicepool_status *status, struct gs_buf *out,
                              struct gs_err *err)
{
    struct gs_jsonwrite json = {.out = out};
    char usd[GS_SLICEPOOL_USD_MAX];
    gs_slicepool_usd_format(status->uusd, usd);
    gs_jsonwrite_open(&json, NULL, '{');
    gs_jsonwrite_text(&json, "apiVersion", GS_GPUNODE_GROUP "/" GS_GPUNODE_VERSION);
    gs_jsonwrite_text(&json, "kind", "SlicePool");
    gs_jsonwrite_open(&json, "metadata", '{');
    gs_jsonwrite_text(&json, "name", status->name);
    gs_jsonwrite_close(&json, '}');
    gs_jsonwrite_open(&json, "status", '{');
    gs_jsonwrite_number(&json, "observedGeneration", status->observed_generation);
    gs_jsonwrite_number(&json, "gpus", status->gpus);
    gs_jsonwrite_text(&json, "usdPerHour", usd);
    gs_jsonwrite_some(&json, "region", status->region);
    gs_jsonwrite_some(&json, "controller", status->controller);
    gs_jsonwrite_open(&json, "pools", '[');
    for (unsigned i = 0; i < status->n_parts; i++) {
        put_part(&json, &status->parts[i]);
    }
    gs_jsonwrite_close(&json, ']');
    gs_gpunode_put_conditions(&json, status->conditions, status->n_conditions);
    gs_jsonwrite_close(&json, '}');
    gs_jsonwrite_close(&json, '}');
    return gs_jsonwrite_end(&json, "the status of a SlicePool", err);
}
