#include "wire/kubeask.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "wire/kubejson.h"
#include "wire/kuberequest.h"

/* The resources that were met so far; amounts of containers are kept in their order. */
struct reading {
    const char *prefix;
    size_t n_prefix;
    const char *names[GS_KUBEASK_MAX];
    size_t n;
};

struct amounts {
    uint64_t of[GS_KUBEASK_MAX];
};

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
                    struct amounts *amounts, struct gs_err *err)
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
        amounts->of[index] += count;
    }
    return 0;
}

static int read_container(struct reading *reading, const json_t *container,
                          struct amounts *ret_amounts, struct gs_err *err)
{
    json_t *resources = NULL;
    json_t *requests = NULL;
    json_t *limits = NULL;
    *ret_amounts = (struct amounts){{0}};
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

static void add(struct amounts *sum, const struct amounts *more)
{
    for (size_t i = 0; i < GS_KUBEASK_MAX; i++) {
        sum->of[i] += more->of[i];
    }
}

static void raise_to(struct amounts *most, const struct amounts *other)
{
    for (size_t i = 0; i < GS_KUBEASK_MAX; i++) {
        most->of[i] = most->of[i] > other->of[i] ? most->of[i] : other->of[i];
    }
}

static int get_containers(const json_t *spec, const char *key, json_t **ret, struct gs_err *err)
{
    int r = gs_kubejson_array(spec, key, ret, err);
    if (r == 0 && json_array_size(*ret) > GS_KUBEREQUEST_CONTAINERS_MAX) {
        return gs_fail(err, GS_LIMIT, "%zu %s; expected at most %d", json_array_size(*ret), key,
                       GS_KUBEREQUEST_CONTAINERS_MAX);
    }
    return r;
}

static int add_running(struct reading *reading, const json_t *containers, struct amounts *sum,
                       struct gs_err *err)
{
    for (size_t i = 0; i < json_array_size(containers); i++) {
        struct amounts one;
        int r = read_container(reading, json_array_get(containers, i), &one, err);
        if (r != 0) {
            return r;
        }
        add(sum, &one);
    }
    return 0;
}

/* Sidecars go into *sum for good; *peak is the most that is held while the pod starts. */
static int add_starting(struct reading *reading, const json_t *containers, struct amounts *sum,
                        struct amounts *peak, struct gs_err *err)
{
    struct amounts sidecars = {{0}};
    for (size_t i = 0; i < json_array_size(containers); i++) {
        struct amounts one;
        const char *policy = NULL;
        const json_t *container = json_array_get(containers, i);
        int r = read_container(reading, container, &one, err);
        r = r == 0 ? gs_kubejson_text(container, "restartPolicy", &policy, err) : r;
        if (r != 0) {
            return r;
        }
        if (policy != NULL && strcmp(policy, "Always") == 0) {
            add(sum, &one);
            add(&sidecars, &one);
            one = sidecars;
        } else {
            add(&one, &sidecars);
        }
        raise_to(peak, &one);
    }
    return 0;
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
    struct amounts sum = {{0}};
    struct amounts peak = {{0}};
    json_t *running = NULL;
    json_t *starting = NULL;
    int r = get_containers(spec, "containers", &running, err);
    r = r == 0 ? get_containers(spec, "initContainers", &starting, err) : r;
    r = r == 0 ? add_running(&reading, running, &sum, err) : r;
    r = r == 0 ? add_starting(&reading, starting, &sum, &peak, err) : r;
    if (r != 0) {
        return r;
    }
    raise_to(&sum, &peak);
    for (size_t i = 0; i < reading.n; i++) {
        ret[i] = (struct gs_kubeask){.resource = reading.names[i], .count = sum.of[i]};
    }
    qsort(ret, reading.n, sizeof(*ret), by_name);
    *ret_n = reading.n;
    return 0;
}
