#include "wire/kubewatch.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "wire/kubejson.h"

struct gs_kubewatch {
    struct gs_kubewatch_sink sink;
    struct gs_buf line;
};

static void drop_json(json_t **value)
{
    json_decref(*value);
}

struct gs_kubewatch *gs_kubewatch_new(struct gs_kubewatch_sink sink)
{
    struct gs_kubewatch *watch = calloc(1, sizeof(*watch));
    if (watch != NULL) {
        watch->sink = sink;
        gs_buf_init(&watch->line, GS_KUBEWATCH_LINE_MAX);
    }
    return watch;
}

void gs_kubewatch_free(struct gs_kubewatch *watch)
{
    if (watch != NULL) {
        gs_buf_done(&watch->line);
        free(watch);
    }
}

void gs_kubewatch_reset(struct gs_kubewatch *watch)
{
    if (watch->line.cap > GS_KUBEWATCH_KEEP_BYTES) {
        gs_buf_done(&watch->line);
        gs_buf_init(&watch->line, GS_KUBEWATCH_LINE_MAX);
    }
    gs_buf_reset(&watch->line);
}

static int type_of(const char *text, enum gs_kubewatch_type *ret)
{
    static const char *const types[] = {
        [GS_KUBEWATCH_ADDED] = "ADDED",     [GS_KUBEWATCH_MODIFIED] = "MODIFIED",
        [GS_KUBEWATCH_DELETED] = "DELETED", [GS_KUBEWATCH_BOOKMARK] = "BOOKMARK",
        [GS_KUBEWATCH_ERROR] = "ERROR",
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(types); i++) {
        if (strcmp(types[i], text) == 0) {
            *ret = (enum gs_kubewatch_type)i;
            return 0;
        }
    }
    return GS_NOT_FOUND;
}

static int read_version(const json_t *object, const char **ret, struct gs_err *err)
{
    json_t *metadata = NULL;
    *ret = NULL;
    int r = gs_kubejson_object(object, "metadata", &metadata, err);
    r = r == 0 ? gs_kubejson_text(metadata, "resourceVersion", ret, err) : r;
    if (r != 0) {
        return r;
    }
    if (*ret == NULL || (*ret)[0] == '\0' || strlen(*ret) >= GS_KUBEWATCH_VERSION_MAX) {
        return gs_fail(err, GS_INVALID, "an object without a resourceVersion of 1 to %d bytes",
                       GS_KUBEWATCH_VERSION_MAX - 1);
    }
    return 0;
}

static int take_event(struct gs_kubewatch *watch, const json_t *line, struct gs_err *err)
{
    struct gs_kubewatch_event event = {.object = NULL};
    const char *type = NULL;
    json_t *object = NULL;
    int r = gs_kubejson_text(line, "type", &type, err);
    r = r == 0 ? gs_kubejson_object(line, "object", &object, err) : r;
    if (r != 0) {
        return r;
    }
    if (type == NULL || object == NULL || type_of(type, &event.type) != 0) {
        return gs_fail(err, GS_INVALID,
                       "a line of type \"%.40s\"; expected ADDED, MODIFIED, DELETED, BOOKMARK or "
                       "ERROR, with its object",
                       type == NULL ? "" : type);
    }
    if (event.type == GS_KUBEWATCH_ERROR) {
        gs_kubestatus_of(object, &event.status);
        return watch->sink.take(watch->sink.ctx, &event, err);
    }
    r = read_version(object, &event.resource_version, err);
    if (r != 0) {
        return r;
    }
    event.object = event.type == GS_KUBEWATCH_BOOKMARK ? NULL : object;
    return watch->sink.take(watch->sink.ctx, &event, err);
}

static int take_line(struct gs_kubewatch *watch, const char *p, size_t n, struct gs_err *err)
{
    json_error_t why;
    if (gs_view_trim((struct gs_view){.p = p, .n = n}).n == 0) {
        return 0;
    }
    GS_CLEANUP(drop_json) json_t *line = json_loadb(p, n, GS_KUBEJSON_LOAD, &why);
    if (line == NULL && json_error_code(&why) == json_error_out_of_memory) {
        return gs_kubejson_no_memory(err);
    }
    int r = line == NULL || !json_is_object(line)
                ? gs_fail(err, GS_INVALID, "a line that is no JSON object")
                : take_event(watch, line, err);
    return r;
}

static int keep(struct gs_kubewatch *watch, const char *p, size_t n, struct gs_err *err)
{
    gs_buf_put(&watch->line, p, n);
    if (gs_buf_ok(&watch->line)) {
        return 0;
    }
    if (n <= watch->line.max - watch->line.len) {
        return gs_kubejson_no_memory(err);
    }
    return gs_fail(err, GS_LIMIT, "a line of more than %d bytes", GS_KUBEWATCH_LINE_MAX);
}

int gs_kubewatch_feed(struct gs_kubewatch *watch, const char *bytes, size_t n, struct gs_err *err)
{
    while (n > 0) {
        const char *end = memchr(bytes, '\n', n);
        size_t part = end == NULL ? n : (size_t)(end - bytes);
        int r = 0;
        if (end != NULL && watch->line.len == 0) {
            r = take_line(watch, bytes, part, err);
        } else {
            r = keep(watch, bytes, part, err);
            if (r == 0 && end != NULL) {
                r = take_line(watch, gs_buf_text(&watch->line), watch->line.len, err);
                gs_kubewatch_reset(watch);
            }
        }
        if (r != 0) {
            return gs_wrap(err, r, "the watch");
        }
        part += end != NULL;
        bytes += part;
        n -= part;
    }
    return 0;
}
