#include "wire/kubemove.h"

#include <jansson.h>
#include <string.h>

#include "wire/jsonwrite.h"
#include "wire/kubefield.h"
#include "wire/kubejson.h"

/* A text that is there, in room for `size` bytes. */
static int read_text(const json_t *object, const char *key, char *ret, size_t size,
                     struct gs_err *err)
{
    const char *text = NULL;
    int r = gs_kubejson_text(object, key, &text, err);
    if (r != 0) {
        return r;
    }
    if (text == NULL || text[0] == '\0' || strlen(text) >= size) {
        return gs_fail(err, GS_INVALID, "%s: expected a text of 1 to %zu bytes", key, size - 1);
    }
    memcpy(ret, text, strlen(text) + 1);
    return 0;
}

/* Names are put into paths. */
static int check_pod(const char *pod, struct gs_err *err)
{
    char space[GS_KUBEMOVE_NAME_MAX + 1] = "";
    const char *slash = strchr(pod, '/');
    size_t n = slash == NULL ? 0 : (size_t)(slash - pod);
    if (n > 0 && n <= GS_KUBEMOVE_NAME_MAX) {
        memcpy(space, pod, n);
    }
    if (slash == NULL || !gs_kubejson_is_name(space) || !gs_kubejson_is_name(slash + 1)) {
        return gs_fail(err, GS_INVALID, "pod: found \"%.100s\"; expected namespace/name", pod);
    }
    return 0;
}

static int read_fields(const json_t *object, struct gs_kubemove *ret, struct gs_err *err)
{
    char slice[GS_PROFILE_NAME_MAX + 1];
    int r = read_text(object, "pod", ret->pod, sizeof(ret->pod), err);
    r = r == 0 ? check_pod(ret->pod, err) : r;
    r = r == 0 ? read_text(object, "uid", ret->uid, sizeof(ret->uid), err) : r;
    r = r == 0 ? read_text(object, "owner", ret->owner, sizeof(ret->owner), err) : r;
    r = r == 0 ? read_text(object, "from", ret->from, sizeof(ret->from), err) : r;
    r = r == 0 ? read_text(object, "gpu", ret->gpu, sizeof(ret->gpu), err) : r;
    r = r == 0 ? read_text(object, "to", ret->to, sizeof(ret->to), err) : r;
    r = r == 0 ? read_text(object, "slice", slice, sizeof(slice), err) : r;
    r = r == 0 ? gs_profile_name_parse(gs_view(slice), &ret->slice, err) : r;
    r = r == 0 ? gs_kubefield_time(object, "at", &ret->at_us, err) : r;
    return r == 0 && ret->at_us == 0 ? gs_fail(err, GS_INVALID, "at: expected a time") : r;
}

int gs_kubemove_parse(struct gs_view text, struct gs_kubemove *ret, struct gs_err *err)
{
    struct gs_kubemove read = {.at_us = 0};
    if (text.n > GS_KUBEMOVE_BYTES_MAX) {
        return gs_fail(err, GS_LIMIT, "a note of a move of %zu bytes; at most %d are read", text.n,
                       GS_KUBEMOVE_BYTES_MAX);
    }
    json_t *object = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(object)) {
        json_decref(object);
        return gs_fail(err, GS_INVALID, "a note of a move: expected a JSON object");
    }
    int r = read_fields(object, &read, err);
    json_decref(object);
    if (r != 0) {
        return gs_wrap(err, r, "a note of a move");
    }
    *ret = read;
    return 0;
}

int gs_kubemove_write(const struct gs_kubemove *move, struct gs_buf *out, struct gs_err *err)
{
    struct gs_jsonwrite json = {.out = out};
    char slice[GS_PROFILE_NAME_MAX + 1];
    gs_profile_name_format(&move->slice, slice);
    gs_jsonwrite_open(&json, NULL, '{');
    gs_jsonwrite_text(&json, "pod", move->pod);
    gs_jsonwrite_text(&json, "uid", move->uid);
    gs_jsonwrite_text(&json, "owner", move->owner);
    gs_jsonwrite_text(&json, "from", move->from);
    gs_jsonwrite_text(&json, "gpu", move->gpu);
    gs_jsonwrite_text(&json, "to", move->to);
    gs_jsonwrite_text(&json, "slice", slice);
    gs_jsonwrite_time(&json, "at", move->at_us);
    gs_jsonwrite_close(&json, '}');
    return gs_jsonwrite_end(&json, "a note of a move", err);
}
