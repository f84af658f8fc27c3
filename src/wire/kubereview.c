#include "wire/kubereview.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "wire/jsonwrite.h"
#include "wire/kubejson.h"

/* ---- tokens ---- */

int gs_kubereview_write_token(const char *token, const char *audience, struct gs_buf *out,
                              struct gs_err *err)
{
    struct gs_jsonwrite json = {.out = out};
    gs_jsonwrite_open(&json, NULL, '{');
    gs_jsonwrite_text(&json, "apiVersion", "authentication.k8s.io/v1");
    gs_jsonwrite_text(&json, "kind", "TokenReview");
    gs_jsonwrite_open(&json, "spec", '{');
    gs_jsonwrite_text(&json, "token", token);
    gs_jsonwrite_open(&json, "audiences", '[');
    gs_jsonwrite_text(&json, NULL, audience);
    gs_jsonwrite_close(&json, ']');
    gs_jsonwrite_close(&json, '}');
    gs_jsonwrite_close(&json, '}');
    return gs_jsonwrite_end(&json, "a TokenReview", err);
}

static int read_answer(struct gs_view answer, const char *kind, json_t **ret, json_t **ret_status,
                       struct gs_err *err)
{
    const char *have = NULL;
    json_t *object = json_loadb(answer.p, answer.n, JSON_REJECT_DUPLICATES, NULL);
    if (object == NULL) {
        return gs_fail(err, GS_INVALID, "the answer to a %s is not JSON", kind);
    }
    int r = gs_kubejson_text(object, "kind", &have, err);
    if (r == 0 && (have == NULL || strcmp(have, kind) != 0)) {
        r = gs_fail(err, GS_INVALID, "the answer is a \"%.50s\"; expected a %s",
                    have == NULL ? "" : have, kind);
    }
    r = r == 0 ? gs_kubejson_object(object, "status", ret_status, err) : r;
    if (r == 0 && *ret_status == NULL) {
        r = gs_fail(err, GS_INVALID, "a %s without status", kind);
    }
    if (r != 0) {
        json_decref(object);
        return r;
    }
    *ret = object;
    return 0;
}

static bool is_for(const json_t *status, const char *audience)
{
    const json_t *list = json_object_get(status, "audiences");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *one = json_string_value(json_array_get(list, i));
        if (one != NULL && strcmp(one, audience) == 0) {
            return true;
        }
    }
    return false;
}

static bool are_texts(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (!json_is_string(json_array_get(list, i))) {
            return false;
        }
    }
    return list == NULL || json_is_array(list);
}

static bool are_lists(const json_t *extra)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)extra, key, value)
    {
        if (!json_is_array(value) || !are_texts(value)) {
            return false;
        }
    }
    return extra == NULL || json_is_object(extra);
}

/* "username" is "user" in a SubjectAccessReview; the rest has the same names. */
static int copy_user(const json_t *user, char **ret, struct gs_err *err)
{
    json_t *name = json_object_get(user, "username");
    json_t *uid = json_object_get(user, "uid");
    json_t *groups = json_object_get(user, "groups");
    json_t *extra = json_object_get(user, "extra");
    if (!json_is_string(name) || json_string_length(name) == 0 ||
        (uid != NULL && !json_is_string(uid)) || !are_texts(groups) || !are_lists(extra)) {
        return gs_fail(
            err, GS_INVALID,
            "a TokenReview whose user is not one: expected username, uid, groups, extra");
    }
    GS_AUTO_JSON spec = json_pack("{s:O, s:O*, s:O*, s:O*}", "user", name, "uid", uid, "groups",
                                  groups, "extra", extra);
    char *text = spec == NULL ? NULL : json_dumps(spec, JSON_COMPACT);
    size_t n = text == NULL ? 0 : strlen(text);
    if (text == NULL) {
        return gs_kubejson_no_memory(err);
    }
    if (n > GS_KUBEREVIEW_USER_MAX) {
        free(text);
        return gs_fail(err, GS_LIMIT, "a user of %zu bytes; at most %d are read", n,
                       GS_KUBEREVIEW_USER_MAX);
    }
    memmove(text, text + 1, n - 2); /* without its braces */
    text[n - 2] = '\0';
    *ret = text;
    return 0;
}

int gs_kubereview_read_token(struct gs_view answer, const char *audience, bool *ret_good,
                             char **ret_user, struct gs_err *err)
{
    GS_AUTO_JSON object = NULL;
    json_t *status = NULL;
    json_t *user = NULL;
    bool good = false;
    int r = read_answer(answer, "TokenReview", &object, &status, err);
    r = r == 0 ? gs_kubejson_bool(status, "authenticated", &good, err) : r;
    r = r == 0 ? gs_kubejson_object(status, "user", &user, err) : r;
    if (r != 0) {
        return r;
    }
    if (!good || !is_for(status, audience)) {
        *ret_good = false;
        *ret_user = NULL;
        return 0;
    }
    r = copy_user(user, ret_user, err);
    if (r == 0) {
        *ret_good = true;
    }
    return r;
}

/* ---- access ---- */

int gs_kubereview_write_access(const char *user, const struct gs_kubereview_access *access,
                               struct gs_buf *out, struct gs_err *err)
{
    struct gs_jsonwrite json = {.out = out};
    gs_jsonwrite_open(&json, NULL, '{');
    gs_jsonwrite_text(&json, "apiVersion", "authorization.k8s.io/v1");
    gs_jsonwrite_text(&json, "kind", "SubjectAccessReview");
    gs_jsonwrite_open(&json, "spec", '{');
    gs_jsonwrite_raw(&json, NULL, user, strlen(user));
    gs_jsonwrite_open(&json, "resourceAttributes", '{');
    gs_jsonwrite_text(&json, "verb", access->verb);
    gs_jsonwrite_text(&json, "group", access->group);
    gs_jsonwrite_text(&json, "resource", access->resource);
    gs_jsonwrite_some(&json, "namespace", access->name_space);
    gs_jsonwrite_close(&json, '}');
    gs_jsonwrite_close(&json, '}');
    gs_jsonwrite_close(&json, '}');
    return gs_jsonwrite_end(&json, "a SubjectAccessReview", err);
}

int gs_kubereview_read_access(struct gs_view answer, bool *ret_allowed, struct gs_err *err)
{
    GS_AUTO_JSON object = NULL;
    json_t *status = NULL;
    bool allowed = false;
    bool denied = false;
    int r = read_answer(answer, "SubjectAccessReview", &object, &status, err);
    r = r == 0 ? gs_kubejson_bool(status, "allowed", &allowed, err) : r;
    r = r == 0 ? gs_kubejson_bool(status, "denied", &denied, err) : r;
    if (r == 0) {
        *ret_allowed = allowed && !denied;
    }
    return r;
}
