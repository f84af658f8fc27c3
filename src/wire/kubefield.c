#include "wire/kubefield.h"

#include <jansson.h>
#include <string.h>

#include "wire/kubejson.h"
#include "wire/kubetime.h"

int gs_kubefield_head(const struct json_t *object, const char *kind, struct gs_arena *arena,
                      struct json_t **ret_metadata, const char **ret_name, struct gs_err *err)
{
    int r = gs_kubejson_object(object, "metadata", ret_metadata, err);
    r = r < 0 ? r : gs_kubejson_copy(*ret_metadata, "name", arena, ret_name, err);
    if (r == 0 && !gs_kubejson_is_name(*ret_name)) {
        return gs_fail(err, GS_INVALID,
                       "a %s named \"%.100s\"; expected lower-case letters, digits, '-' and '.', 1 "
                       "to 253",
                       kind, *ret_name);
    }
    return r < 0 ? gs_wrap(err, r, "a %s", kind) : 0;
}

int gs_kubefield_text(const struct json_t *object, const char *key, size_t max,
                      struct gs_arena *arena, const char **ret, struct gs_err *err)
{
    int r = gs_kubejson_copy(object, key, arena, ret, err);
    if (r == 0 && strlen(*ret) > max) {
        return gs_fail(err, GS_INVALID, "\"%s\" has %zu bytes; expected %zu at most", key,
                       strlen(*ret), max);
    }
    return r;
}

int gs_kubefield_need(const struct json_t *object, const char *key, size_t max,
                      struct gs_arena *arena, const char **ret, struct gs_err *err)
{
    int r = gs_kubefield_text(object, key, max, arena, ret, err);
    return r == 0 && (*ret)[0] == '\0' ? gs_fail(err, GS_INVALID, "no \"%s\"; expected it", key)
                                       : r;
}

int gs_kubefield_profile_of(const char *text, struct gs_profile_name *ret, struct gs_err *err)
{
    struct gs_profile_name profile = {0};
    int r = gs_profile_name_parse(gs_view(text), &profile, err);
    if (r == 0 && profile.compute_slices != profile.gpu_slices) {
        return gs_fail(err, GS_INVALID,
                       "\"%s\" is a compute instance; expected the profile of a GPU instance, "
                       "such as 1g.5gb",
                       text);
    }
    *ret = profile;
    return r;
}

int gs_kubefield_profile(const struct json_t *object, const char *key, struct gs_profile_name *ret,
                         struct gs_err *err)
{
    const char *text = NULL;
    int r = gs_kubejson_text(object, key, &text, err);
    r = r < 0 ? r : gs_kubefield_profile_of(text == NULL ? "" : text, ret, err);
    return r < 0 ? gs_wrap(err, r, "\"%s\"", key) : 0;
}

int gs_kubefield_time(const struct json_t *object, const char *key, uint64_t *ret_us,
                      struct gs_err *err)
{
    const char *text = NULL;
    int r = gs_kubejson_text(object, key, &text, err);
    r = r < 0 || text == NULL ? r : gs_kubetime_parse(gs_view(text), ret_us, err);
    return r < 0 ? gs_wrap(err, r, "\"%s\"", key) : 0;
}

int gs_kubefield_list(const struct json_t *object, struct gs_kubefield_list *list,
                      struct gs_arena *arena, struct gs_err *err)
{
    json_t *array = NULL;
    list->items = NULL;
    list->n = 0;
    int r = gs_kubejson_array(object, list->key, &array, err);
    size_t n = json_array_size(array);
    if (r == 0 && n > list->max) {
        return gs_fail(err, GS_INVALID, "\"%s\" has %zu entries; expected %u at most", list->key, n,
                       list->max);
    }
    char *items = r < 0 ? NULL : gs_arena_get(arena, n, list->size);
    if (r == 0 && items == NULL) {
        return gs_kubejson_no_memory(err);
    }
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = list->read(json_array_get(array, i), arena, items + i * list->size, err);
        if (r < 0) {
            return gs_wrap(err, r, "%s[%zu]", list->key, i);
        }
    }
    if (r == 0) {
        list->items = items;
        list->n = (unsigned)n;
    }
    return r;
}
