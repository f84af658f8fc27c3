#include "controller/webhook/hooks.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "wire/jsonwrite.h"
#include "wire/kubejson.h"

static const json_t *hook_of(const struct json_t *configuration, size_t i)
{
    return json_array_get(json_object_get(configuration, "webhooks"), i);
}

size_t gs_hooks_count(const struct json_t *configuration)
{
    size_t n = json_array_size(json_object_get(configuration, "webhooks"));
    return n < GS_HOOKS_MAX ? n : GS_HOOKS_MAX;
}

static bool has_bundle(const json_t *hook, const char *bundle)
{
    const char *text =
        json_string_value(json_object_get(json_object_get(hook, "clientConfig"), "caBundle"));
    return text != NULL && strcmp(text, bundle) == 0;
}

bool gs_hooks_believe(const struct json_t *configuration, const char *bundle)
{
    size_t n = gs_hooks_count(configuration);
    bool all = n > 0;
    for (size_t i = 0; i < n; i++) {
        all &= has_bundle(hook_of(configuration, i), bundle);
    }
    return all;
}

int gs_hooks_write_bundle(const struct json_t *configuration, const char *bundle,
                          struct gs_buf *out, struct gs_err *err)
{
    struct gs_jsonwrite json = {.out = out};
    const char *version = NULL;
    json_t *metadata = NULL;
    char path[80];
    int r = gs_kubejson_object(configuration, "metadata", &metadata, err);
    r = r == 0 ? gs_kubejson_text(metadata, "resourceVersion", &version, err) : r;
    if (r != 0) {
        return r;
    }
    gs_jsonwrite_open(&json, NULL, '[');
    gs_jsonwrite_open(&json, NULL, '{');
    gs_jsonwrite_text(&json, "op", "test");
    gs_jsonwrite_text(&json, "path", "/metadata/resourceVersion");
    gs_jsonwrite_text(&json, "value", version == NULL ? "" : version);
    gs_jsonwrite_close(&json, '}');
    for (size_t i = 0; i < gs_hooks_count(configuration); i++) {
        if (has_bundle(hook_of(configuration, i), bundle)) {
            continue;
        }
        (void)snprintf(path, sizeof(path), "/webhooks/%zu/clientConfig/caBundle", i);
        gs_jsonwrite_open(&json, NULL, '{');
        gs_jsonwrite_text(&json, "op", "add");
        gs_jsonwrite_text(&json, "path", path);
        gs_jsonwrite_text(&json, "value", bundle);
        gs_jsonwrite_close(&json, '}');
    }
    gs_jsonwrite_close(&json, ']');
    return gs_jsonwrite_end(&json, "a change of the webhook's configuration", err);
}
