#include "wire/kubeask.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "wire/kubejson.h"
#include "wire/kubesum.h"

/* The resources that were met so far; amounts of containers are kept in their order. */
struct reading {
    const char *prefix;
    size_t n_prefix;
    const char *names[GS_KUBEASK_MAX];
    size_t n;
};

_Static_assert((int)GS_KUBEASK_MAX <= (int)GS_KUBESUM_MAX, "a number each");

static int index_of(struct reading *reading, const char *name, size_t *ret, struct gs_err *err)
{
    for (*ret = 0; *ret < reading->n; (*ret)++) {
        if (strcmp(reading->names[*ret], name) == 0) {
            return 0;
        }
    }
    if (reading->n == GS_KUBEASK_MAX) {
        return gs_fail(err, GS_LIMIT, "more than %d different resources of %s in one pod",
                       GS_KUBEASK_MAX, reading->prefix);
    }
    reading->names[reading->n++] = name;
    return 0;
}

/* `unless`: resources in it are skipped; may be NULL. */
static int add_list(struct reading *reading, json_t *list, const json_t *unless,
                    struct gs_kubesum *amounts, struct gs_err *err)
{
    const char *name;
    json_t *value;
    json_object_foreach(list, name, value)
    {
        uint64_t count = 0;
        size_t index = 0;
        if (strncmp(name, reading->prefix, reading->n_prefix) != 0 ||
            json_object_get(unless, name) != NULL) {
            continue;
        }
        int r = gs_kubejson_is_printable(name)
                    ? gs_kubejson_count(value, GS_KUBEASK_COUNT_MAX, &count, err)
                    : gs_fail(err, GS_INVALID, "a name with a control character");
        r = r == 0 && count > 0 ? index_of(reading, name, &index, err) : r;
        if (r != 0) {
            return gs_wrap(err, r, "resource \"%.100s\"",
                           gs_kubejson_is_printable(name) ? name : "?");
        }
        gs_kubesum_add(&amounts->of[index], count);
    }
    return 0;
}

static int read_container(void *ctx, const json_t *container, struct gs_kubesum *ret_amounts,
                          struct gs_err *err)
{
    struct reading *reading = ctx;
    json_t *resources = NULL;
    json_t *requests = NULL;
    json_t *limits = NULL;
    *ret_amounts = (struct gs_kubesum){{0}};
    if (!json_is_object(container)) {
        return gs_fail(err, GS_INVALID, "a container is %s; expected an object",
                       gs_kubejson_type(container));
    }
    int r = gs_kubejson_object(container, "resources", &resources, err);
    r = r == 0 ? gs_kubejson_object(resources, "requests", &requests, err) : r;
    r = r == 0 ? gs_kubejson_object(resources, "limits", &limits, err) : r;
    r = r == 0 ? add_list(reading, requests, NULL, ret_amounts, err) : r;
    return r == 0 ? add_list(reading, limits, requests, ret_amounts, err) : r;
}

static int by_name(const void *a, const void *b)
{
    const struct gs_kubeask *x = a;
    const struct gs_kubeask *y = b;
    return strcmp(x->resource, y->resource);
}

int gs_kubeask_parse(const struct json_t *spec, const char *prefix,
                     struct gs_kubeask ret[GS_KUBEASK_MAX], size_t *ret_n, struct gs_err *err)
{
    struct reading reading = {.prefix = prefix, .n_prefix = strlen(prefix)};
    struct gs_kubesum sum;
    int r = gs_kubesum_pod(spec, read_container, &reading, &sum, err);
    if (r != 0) {
        return r;
    }
    for (size_t i = 0; i < reading.n; i++) {
        ret[i] = (struct gs_kubeask){.resource = reading.names[i], .count = sum.of[i]};
    }
    qsort(ret, reading.n, sizeof(*ret), by_name);
    *ret_n = reading.n;
    return 0;
}
