#include "karpenter/version.h"

#include <jansson.h>
#include <string.h>

#include "base/view.h"

#define NUMBER_MAX 9999

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

/* Up to that character, or the end. */
static bool read_number(const char **at, uint32_t *ret)
{
    size_t n = strspn(*at, "0123456789");
    uint64_t number = 0;
    if (n == 0 || !gs_view_is_integer((struct gs_view){.p = *at, .n = n}, NUMBER_MAX, &number)) {
        return false;
    }
    *at += n;
    *ret = (uint32_t)number;
    return true;
}

static bool read_image(const char *image, struct gs_karpenter_version *ret)
{
    static const char name[] = "karpenter/controller:";
    const char *at = strstr(image, name);
    struct gs_karpenter_version read = {.text = ""};
    if (at == NULL || (at > image && at[-1] != '/')) {
        return false;
    }
    at += sizeof(name) - 1;
    at += *at == 'v';
    size_t n = strcspn(at, "@");
    if (n >= sizeof(read.text)) {
        return false;
    }
    memcpy(read.text, at, n);
    if (!read_number(&at, &read.major) || *at++ != '.' || !read_number(&at, &read.minor) ||
        strchr(".-@", *at) == NULL) { /* the end is among them */
        return false;
    }
    *ret = read;
    return true;
}

bool gs_karpenter_version_read(const struct json_t *pod, struct gs_karpenter_version *ret)
{
    const json_t *metadata = json_object_get(pod, "metadata");
    const json_t *labels = json_object_get(metadata, "labels");
    const json_t *list = json_object_get(json_object_get(pod, "spec"), "containers");
    const char *phase = text_at(json_object_get(pod, "status"), "phase");
    bool ends = json_object_get(metadata, "deletionTimestamp") != NULL ||
                strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0;
    bool is = strcmp(text_at(labels, "app.kubernetes.io/name"), "karpenter") == 0 && !ends;
    for (size_t i = 0; is && i < json_array_size(list); i++) {
        if (read_image(text_at(json_array_get(list, i), "image"), ret)) {
            return true;
        }
    }
    return false;
}
