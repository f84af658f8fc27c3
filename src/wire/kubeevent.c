#include "wire/kubeevent.h"

#include <jansson.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "wire/kubejson.h"
#include "wire/kubetime.h"

static int put(const char *bytes, size_t size, void *ctx)
{
    struct gs_buf *out = ctx;
    gs_buf_put(out, bytes, size);
    return gs_buf_ok(out) ? 0 : -1;
}

static int write_json(json_t *value, struct gs_buf *out, struct gs_err *err)
{
    if (value == NULL) {
        return gs_fail(err, GS_INVALID, "an event that is not UTF-8, or no memory for it");
    }
    if (json_dump_callback(value, put, out, JSON_COMPACT | JSON_SORT_KEYS) != 0) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for an event");
    }
    return 0;
}

static json_t *series_of(const struct gs_kubeevent *event)
{
    char last[GS_KUBETIME_MAX];
    gs_kubetime_format(event->last_us, last);
    return json_pack("{s:i, s:s}", "count",
                     (int)(event->count > INT32_MAX ? INT32_MAX : event->count), "lastObservedTime",
                     last);
}

int gs_kubeevent_write_series(const struct gs_kubeevent *event, struct gs_buf *out,
                              struct gs_err *err)
{
    GS_AUTO_JSON object = json_pack("{s:o}", "series", series_of(event));
    return write_json(object, out, err);
}

void gs_kubeevent_path(const struct gs_kubeevent *event, char *ret_path, size_t size)
{
    snprintf(ret_path, size, "/apis/events.k8s.io/v1/namespaces/%s/events",
             event->name_space == NULL ? "default" : event->name_space);
}

int gs_kubeevent_write(const struct gs_kubeevent *event, struct gs_buf *out, struct gs_err *err)
{
    char first[GS_KUBETIME_MAX];
    gs_kubetime_format(event->first_us, first);
    const char *name_space = event->name_space == NULL ? "default" : event->name_space;
    GS_AUTO_JSON object = json_pack(
        "{s:s, s:s, s:{s:s, s:s}, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:{s:s, s:s, s:s*, s:s, s:s}, "
        "s:o*}",
        "apiVersion", "events.k8s.io/v1", "kind", "Event", "metadata", "name", event->name,
        "namespace", name_space, "eventTime", first, "reportingController", event->controller,
        "reportingInstance", event->instance, "action", event->action, "reason", event->reason,
        "type", event->warning ? "Warning" : "Normal", "note", event->note, "regarding",
        "apiVersion", event->api == NULL ? "v1" : event->api, "kind",
        event->kind == NULL ? "Node" : event->kind, "namespace", event->name_space, "name",
        event->node, "uid", event->node_uid[0] == '\0' ? event->node : event->node_uid, "series",
        event->count > 1 ? series_of(event) : NULL);
    return write_json(object, out, err);
}
