#include "wire/kuberequest.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "wire/kubejson.h"
#include "wire/kubesum.h"

enum {
    CPU,
    MEMORY,
    FIRST_GPU,
    FIRST_OTHER = FIRST_GPU + GS_WANTS_MAX,
    AMOUNTS = FIRST_OTHER + GS_KUBEREQUEST_OTHERS_MAX
};
_Static_assert((int)AMOUNTS <= (int)GS_KUBESUM_MAX, "a number each");

/* The reading of one pod: which GPU resources were met so far, and what else. */
struct reading {
    const char *gpu_names[GS_WANTS_MAX];
    size_t n_gpu_names;
    const char *other_names[GS_KUBEREQUEST_OTHERS_MAX];
    size_t n_other_names;
    struct gs_kuberequest request;
};

enum kind {
    KIND_CPU,
    KIND_MEMORY,
    KIND_GPU,
    KIND_REFUSED,
    KIND_STORAGE,
    KIND_HUGEPAGES,
    KIND_OTHER
};

static bool begins(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static enum kind kind_of(const char *name)
{
    struct gs_profile_name profile;
    if (strcmp(name, "cpu") == 0) {
        return KIND_CPU;
    }
    if (strcmp(name, "memory") == 0) {
        return KIND_MEMORY;
    }
    if (strcmp(name, "nvidia.com/gpu") == 0) {
        return KIND_GPU;
    }
    if (strcmp(name, "nvidia.com/gpu.shared") == 0) {
        return KIND_REFUSED;
    }
    if (begins(name, "nvidia.com/mig-")) {
        return gs_profile_name_from_resource(gs_view(name), &profile, NULL) == 0 ? KIND_GPU
                                                                                 : KIND_REFUSED;
    }
    if (strcmp(name, "ephemeral-storage") == 0) {
        return KIND_STORAGE;
    }
    return begins(name, "hugepages-") ? KIND_HUGEPAGES : KIND_OTHER;
}

/* ---- one amount ---- */

static int gpu_index(struct reading *reading, const char *name, size_t *ret, struct gs_err *err)
{
    for (size_t i = 0; i < reading->n_gpu_names; i++) {
        if (strcmp(reading->gpu_names[i], name) == 0) {
            *ret = i;
            return 0;
        }
    }
    if (reading->n_gpu_names == GS_WANTS_MAX) {
        return gs_fail(err, GS_LIMIT, "more than %d different GPU resources in one pod",
                       GS_WANTS_MAX);
    }
    *ret = reading->n_gpu_names++;
    reading->gpu_names[*ret] = name;
    return 0;
}

static int add_gpus(struct reading *reading, struct gs_kubesum *amounts, const char *name,
                    const json_t *value, struct gs_err *err)
{
    uint64_t count = 0;
    size_t index = 0;
    int r = gs_kubejson_count(value, GS_WANT_COUNT_MAX, &count, err);
    if (r != 0 || count == 0) {
        return r;
    }
    r = gpu_index(reading, name, &index, err);
    if (r == 0) {
        amounts->of[FIRST_GPU + index] += count;
    }
    return r;
}

static void add_other(struct reading *reading, struct gs_kubesum *amounts, const char *name,
                      uint64_t amount)
{
    size_t i = 0;
    while (i < reading->n_other_names && strcmp(reading->other_names[i], name) != 0) {
        i++;
    }
    if (i == GS_KUBEREQUEST_OTHERS_MAX) {
        reading->request.more_others = true;
        return;
    }
    if (i == reading->n_other_names) {
        reading->other_names[reading->n_other_names++] = name;
    }
    gs_kubesum_add(&amounts->of[FIRST_OTHER + i], amount);
}

static int add_amount(struct reading *reading, struct gs_kubesum *amounts, const char *name,
                      const json_t *value, struct gs_err *err)
{
    struct gs_kuberequest *request = &reading->request;
    enum kind kind = kind_of(name);
    uint64_t amount = 0;
    int r = 0;
    switch (kind) {
    case KIND_CPU:
        r = gs_kubejson_amount(value, GS_QUANTITY_MILLI, GS_CPU_MILLI_MAX, &amount, err);
        amounts->of[CPU] += amount;
        return r;
    case KIND_MEMORY:
        r = gs_kubejson_amount(value, GS_QUANTITY_UNIT, GS_MEMORY_BYTES_MAX, &amount, err);
        amounts->of[MEMORY] += amount;
        return r;
    case KIND_GPU:
        return add_gpus(reading, amounts, name, value, err);
    case KIND_STORAGE:
    case KIND_HUGEPAGES:
    case KIND_REFUSED:
    case KIND_OTHER:
        r = gs_kubejson_amount(value, GS_QUANTITY_UNIT, UINT64_MAX, &amount, err);
        break;
    }
    if (amount > 0) {
        request->ephemeral_storage |= kind == KIND_STORAGE;
        request->hugepages |= kind == KIND_HUGEPAGES;
        const char **first = kind == KIND_REFUSED ? &request->refused : &request->other;
        bool named = kind == KIND_REFUSED || kind == KIND_OTHER;
        *first = named && *first == NULL ? name : *first;
        if (r == 0 && kind != KIND_REFUSED) {
            add_other(reading, amounts, name, amount);
        }
    }
    return r;
}

/* ---- one list of amounts ---- */

/* `unless`: resources in it are skipped; may be NULL. */
static int add_list(struct reading *reading, struct gs_kubesum *amounts, json_t *list,
                    const json_t *unless, struct gs_err *err)
{
    const char *name;
    json_t *value;
    json_object_foreach(list, name, value)
    {
        if (json_object_get(unless, name) != NULL) {
            continue;
        }
        if (!gs_kubejson_is_printable(name)) {
            return gs_fail(err, GS_INVALID, "a resource name has a control character");
        }
        int r = add_amount(reading, amounts, name, value, err);
        if (r != 0) {
            return gs_wrap(err, r, "resource \"%.100s\"", name);
        }
    }
    return 0;
}

/* Requests, and limits where there is no request. */
static int add_resources(struct reading *reading, struct gs_kubesum *amounts, const json_t *holder,
                         struct gs_err *err)
{
    json_t *resources = NULL;
    json_t *requests = NULL;
    json_t *limits = NULL;
    int r = gs_kubejson_object(holder, "resources", &resources, err);
    r = r == 0 ? gs_kubejson_object(resources, "requests", &requests, err) : r;
    r = r == 0 ? gs_kubejson_object(resources, "limits", &limits, err) : r;
    r = r == 0 ? add_list(reading, amounts, requests, NULL, err) : r;
    return r == 0 ? add_list(reading, amounts, limits, requests, err) : r;
}

static int read_container(void *ctx, const json_t *container, struct gs_kubesum *ret_amounts,
                          struct gs_err *err)
{
    struct reading *reading = ctx;
    const char *name = NULL;
    *ret_amounts = (struct gs_kubesum){{0}};
    if (!json_is_object(container)) {
        return gs_fail(err, GS_INVALID, "a container is %s; expected an object",
                       gs_kubejson_type(container));
    }
    int r = gs_kubejson_text(container, "name", &name, err);
    r = r == 0 ? add_resources(reading, ret_amounts, container, err) : r;
    return r == 0 ? 0 : gs_wrap(err, r, "container \"%.63s\"", name == NULL ? "" : name);
}

/* ---- the pod ---- */

/* Amounts for the pod as a whole replace those of its containers; a limit does so only where
 * nothing else asks. Of other resources only huge pages can be given this way. */
static int replace_by_pod_level(struct reading *reading, const json_t *spec, struct gs_kubesum *sum,
                                struct gs_err *err)
{
    static const char *const names[] = {[CPU] = "cpu", [MEMORY] = "memory"};
    json_t *resources = NULL;
    struct gs_kubesum pod = {{0}};
    int r = gs_kubejson_object(spec, "resources", &resources, err);
    if (r != 0 || resources == NULL) {
        return r;
    }
    r = add_resources(reading, &pod, spec, err);
    if (r != 0) {
        return gs_wrap(err, r, "resources of the pod");
    }
    const json_t *requests = json_object_get(resources, "requests");
    for (size_t i = CPU; i <= MEMORY; i++) {
        if (json_object_get(requests, names[i]) != NULL || sum->of[i] == 0) {
            sum->of[i] = pod.of[i];
        }
    }
    for (size_t k = 0; k < reading->n_other_names; k++) {
        const char *name = reading->other_names[k];
        size_t i = FIRST_OTHER + k;
        if (begins(name, "hugepages-") &&
            (json_object_get(requests, name) != NULL || sum->of[i] == 0)) {
            sum->of[i] = pod.of[i];
        }
    }
    return 0;
}

static int add_overhead(struct reading *reading, const json_t *spec, struct gs_kubesum *sum,
                        struct gs_err *err)
{
    json_t *overhead = NULL;
    int r = gs_kubejson_object(spec, "overhead", &overhead, err);
    r = r == 0 ? add_list(reading, sum, overhead, NULL, err) : r;
    return r == 0 ? 0 : gs_wrap(err, r, "overhead");
}

static int sum_up(struct reading *reading, const json_t *spec, struct gs_kubesum *sum,
                  struct gs_err *err)
{
    int r = gs_kubesum_pod(spec, read_container, reading, sum, err);
    r = r == 0 ? replace_by_pod_level(reading, spec, sum, err) : r;
    return r == 0 ? add_overhead(reading, spec, sum, err) : r;
}

static void add_want(struct gs_kuberequest *request, const char *name, uint64_t count)
{
    struct gs_want *want = &request->wants[request->n_wants];
    *want = (struct gs_want){.count = (uint32_t)count};
    want->whole_gpu = gs_profile_name_from_resource(gs_view(name), &want->profile, NULL) != 0;
    request->n_wants++;
}

/* In the order of the names, whichever container came first: equal pods give equal requests. */
static int make_wants(struct reading *reading, const struct gs_kubesum *sum, struct gs_err *err)
{
    const char *last = "";
    for (size_t n = 0; n < reading->n_gpu_names; n++) {
        size_t next = AMOUNTS;
        for (size_t i = 0; i < reading->n_gpu_names; i++) {
            const char *name = reading->gpu_names[i];
            if (strcmp(name, last) > 0 &&
                (next == AMOUNTS || strcmp(name, reading->gpu_names[next]) < 0)) {
                next = i;
            }
        }
        last = reading->gpu_names[next];
        uint64_t count = sum->of[FIRST_GPU + next];
        if (count > GS_WANT_COUNT_MAX) {
            return gs_fail(err, GS_LIMIT, "%" PRIu64 " of \"%.100s\"; expected at most %d", count,
                           last, GS_WANT_COUNT_MAX);
        }
        add_want(&reading->request, last, count);
    }
    return 0;
}

static void keep_others(struct reading *reading, const struct gs_kubesum *sum)
{
    struct gs_kuberequest *request = &reading->request;
    for (size_t i = 0; i < reading->n_other_names; i++) {
        if (sum->of[FIRST_OTHER + i] > 0) {
            request->others[request->n_others++] = (struct gs_kubeamount){
                .name = reading->other_names[i], .amount = sum->of[FIRST_OTHER + i]};
        }
    }
}

int gs_kuberequest_parse(const struct json_t *spec, struct gs_kuberequest *ret, struct gs_err *err)
{
    struct reading reading = {.n_gpu_names = 0};
    struct gs_kubesum sum;
    int r = sum_up(&reading, spec, &sum, err);
    r = r == 0 ? make_wants(&reading, &sum, err) : r;
    if (r != 0) {
        return r;
    }
    if (sum.of[CPU] > GS_CPU_MILLI_MAX || sum.of[MEMORY] > GS_MEMORY_BYTES_MAX) {
        return gs_fail(err, GS_LIMIT,
                       "%" PRIu64 " milli-CPU and %" PRIu64
                       " bytes of memory; expected at most %llu and %llu",
                       sum.of[CPU], sum.of[MEMORY], GS_CPU_MILLI_MAX, GS_MEMORY_BYTES_MAX);
    }
    reading.request.cpu_milli = sum.of[CPU];
    reading.request.memory_bytes = sum.of[MEMORY];
    keep_others(&reading, &sum);
    *ret = reading.request;
    return 0;
}
