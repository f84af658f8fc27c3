#include "wire/kubesum.h"

#include <jansson.h>
#include <string.h>

#include "wire/kubejson.h"

void gs_kubesum_add(uint64_t *sum, uint64_t more)
{
    *sum = more > UINT64_MAX - *sum ? UINT64_MAX : *sum + more;
}

static void add(struct gs_kubesum *sum, const struct gs_kubesum *more)
{
    for (size_t i = 0; i < GS_KUBESUM_MAX; i++) {
        gs_kubesum_add(&sum->of[i], more->of[i]);
    }
}

static void raise_to(struct gs_kubesum *most, const struct gs_kubesum *other)
{
    for (size_t i = 0; i < GS_KUBESUM_MAX; i++) {
        most->of[i] = most->of[i] > other->of[i] ? most->of[i] : other->of[i];
    }
}

static int get_containers(const json_t *spec, const char *key, json_t **ret, struct gs_err *err)
{
    int r = gs_kubejson_array(spec, key, ret, err);
    if (r == 0 && json_array_size(*ret) > GS_KUBESUM_CONTAINERS_MAX) {
        return gs_fail(err, GS_LIMIT, "%zu %s; expected at most %d", json_array_size(*ret), key,
                       GS_KUBESUM_CONTAINERS_MAX);
    }
    return r;
}

static int add_running(gs_kubesum_read *read, void *ctx, const json_t *containers,
                       struct gs_kubesum *sum, struct gs_err *err)
{
    for (size_t i = 0; i < json_array_size(containers); i++) {
        struct gs_kubesum one;
        int r = read(ctx, json_array_get(containers, i), &one, err);
        if (r != 0) {
            return r;
        }
        add(sum, &one);
    }
    return 0;
}

/* Sidecars go into *sum for good; *peak is the most that is held while the pod starts. */
static int add_starting(gs_kubesum_read *read, void *ctx, const json_t *containers,
                        struct gs_kubesum *sum, struct gs_kubesum *peak, struct gs_err *err)
{
    struct gs_kubesum sidecars = {{0}};
    for (size_t i = 0; i < json_array_size(containers); i++) {
        struct gs_kubesum one;
        const char *policy = NULL;
        const json_t *container = json_array_get(containers, i);
        int r = read(ctx, container, &one, err);
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

int gs_kubesum_pod(const struct json_t *spec, gs_kubesum_read *read, void *ctx,
                   struct gs_kubesum *ret_sum, struct gs_err *err)
{
    struct gs_kubesum peak = {{0}};
    json_t *running = NULL;
    json_t *starting = NULL;
    *ret_sum = (struct gs_kubesum){{0}};
    int r = get_containers(spec, "containers", &running, err);
    r = r == 0 ? get_containers(spec, "initContainers", &starting, err) : r;
    r = r == 0 ? add_running(read, ctx, running, ret_sum, err) : r;
    r = r == 0 ? add_starting(read, ctx, starting, ret_sum, &peak, err) : r;
    if (r == 0) {
        raise_to(ret_sum, &peak);
    }
    return r;
}
