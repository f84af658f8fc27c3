#include "admit/judge.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/near.h"
#include "core/catalog.h"
#include "core/demand.h"
#include "wire/kubejson.h"
#include "wire/kuberequest.h"
#include "wire/kubesum.h"
#include "wire/kubewait.h"

#define DOMAIN "nvidia.com/"
#define WHOLE DOMAIN "gpu"
#define SLICE DOMAIN "mig-"

enum { NAMES_SHOWN_MAX = 3 };

/* What one container asks for, by the first of each. */
struct asks {
    const char *container;
    uint64_t whole;
    const char *slice; /* NULL: none */
    uint64_t slices;
};

/* The pod so far. */
struct reading {
    const struct gs_admit_rules *rules;
    struct gs_judgement *judgement;
    const char *whole_in; /* the container that asks for whole GPUs; NULL: none */
    const char *slice_in;
    bool slices; /* some of them a decision can be made about */
};

static bool is_refused(const struct reading *reading)
{
    return reading->judgement->outcome == GS_ADMIT_REFUSED;
}

static void refuse(struct reading *reading, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void refuse(struct reading *reading, const char *fmt, ...)
{
    struct gs_judgement *judgement = reading->judgement;
    va_list ap;
    if (!is_refused(reading)) {
        judgement->outcome = GS_ADMIT_REFUSED;
        va_start(ap, fmt);
        (void)vsnprintf(judgement->message, sizeof(judgement->message), fmt, ap);
        va_end(ap);
    }
}

/* The first warning is the one that is said. */
static void warn(struct reading *reading, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void warn(struct reading *reading, const char *fmt, ...)
{
    struct gs_judgement *judgement = reading->judgement;
    va_list ap;
    if (judgement->message[0] == '\0') {
        va_start(ap, fmt);
        (void)vsnprintf(judgement->message, sizeof(judgement->message), fmt, ap);
        va_end(ap);
    }
}

/* ---- names ---- */

/* "; near names: nvidia.com/mig-1g.5gb, ..." as resources spell them, or "". */
static void format_near(const char *wanted, char *ret, size_t size)
{
    struct gs_near near = GS_NEAR_INIT(gs_view(wanted));
    size_t n_models;
    size_t n = 0;
    const struct gs_model *models = gs_catalog(&n_models);
    for (size_t i = 0; i < n_models; i++) {
        for (unsigned p = 0; p < models[i].n_profiles; p++) {
            gs_near_offer(&near, models[i].profiles[p].name);
        }
    }
    ret[0] = '\0';
    for (unsigned i = 0; i < near.n && i < NAMES_SHOWN_MAX && n < size; i++) {
        struct gs_profile_name name;
        char resource[GS_PROFILE_NAME_MAX + 5];
        if (gs_profile_name_parse(gs_view(near.names[i]), &name, NULL) == 0) {
            gs_profile_name_resource(&name, resource);
            int k = snprintf(ret + n, size - n, "%s" DOMAIN "%s", i == 0 ? "; near names: " : ", ",
                             resource);
            n += k > 0 ? (size_t)k : 0;
        }
    }
}

/* A slice of a profile that we know the form of. */
static void take_profile(struct reading *reading, const char *container, const char *resource,
                         const struct gs_profile_name *profile)
{
    enum gs_admit_supply supply = reading->rules->supply(reading->rules->ctx, profile);
    char near[240];
    char name[GS_PROFILE_NAME_MAX + 1];
    if (profile->compute_slices != profile->gpu_slices) {
        warn(reading,
             "%.80s is a compute instance inside a slice; gpuslice does not hand these out, and "
             "does not hold the pod for it",
             resource);
        return;
    }
    reading->slices = true;
    if (supply == GS_ADMIT_SUPPLY_YES) {
        return;
    }
    if (!gs_catalog_has_profile(profile)) {
        format_near(resource + strlen(SLICE), near, sizeof(near));
        refuse(reading,
               "container \"%.63s\" asks for %.80s, a profile that no GPU has%s; `gpuslice "
               "profiles` lists them all",
               container, resource, near);
    } else if (supply == GS_ADMIT_SUPPLY_NO) {
        gs_profile_name_format(profile, name); /* 1g.10gb+me: a SlicePool names it as NVIDIA does */
        refuse(reading,
               "container \"%.63s\" asks for %.80s: no node has a GPU that can be cut into it, and "
               "no SlicePool has it; add %.63s to spec.profiles of a SlicePool, or ask for a "
               "profile that one has",
               container, resource, name);
    } else {
        warn(reading,
             "no node has %.80s now, or a GPU that can be cut into it; the pod waits for one",
             resource);
    }
}

static void take_slice(struct reading *reading, const char *container, const char *resource)
{
    struct gs_profile_name profile;
    char near[240];
    int r = gs_profile_name_from_resource(gs_view(resource), &profile, NULL);
    if (r == 0) {
        take_profile(reading, container, resource, &profile);
    } else if (r == GS_UNSUPPORTED) {
        warn(reading,
             "%.80s counts shares of slices, which gpuslice does not know; the pod is not held",
             resource);
    } else {
        format_near(resource + strlen(SLICE), near, sizeof(near));
        refuse(
            reading,
            "container \"%.63s\" asks for %.80s, which is not the name of a MIG profile; expected "
            "a name as " SLICE "1g.5gb%s",
            container, resource, near);
    }
}

/* ---- containers ---- */

static int take_list(struct reading *reading, const json_t *list, struct asks *asks,
                     struct gs_err *err)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)list, name, value)
    {
        bool whole = strcmp(name, WHOLE) == 0;
        uint64_t count = 0;
        if (!whole && strncmp(name, SLICE, strlen(SLICE)) != 0) {
            continue;
        }
        if (!gs_kubejson_is_printable(name)) {
            return gs_fail(err, GS_INVALID, "a resource name has a control character");
        }
        int r = gs_kubejson_count(value, GS_WANT_COUNT_MAX, &count, err);
        if (r != 0) {
            return gs_wrap(err, r, "resource %.80s", name);
        }
        if (whole) {
            asks->whole = count > asks->whole ? count : asks->whole;
        } else if (count > 0) {
            take_slice(reading, asks->container, name);
            asks->slices = asks->slice == NULL ? count : asks->slices;
            asks->slice = asks->slice == NULL ? name : asks->slice;
        }
    }
    return 0;
}

static int take_container(struct reading *reading, const json_t *container, struct gs_err *err)
{
    struct asks asks = {.container = NULL};
    json_t *resources = NULL;
    json_t *limits = NULL;
    json_t *requests = NULL;
    if (!json_is_object(container)) {
        return gs_fail(err, GS_INVALID, "a container is %s; expected an object",
                       gs_kubejson_type(container));
    }
    int r = gs_kubejson_text(container, "name", &asks.container, err);
    asks.container = asks.container == NULL ? "" : asks.container;
    r = r == 0 ? gs_kubejson_object(container, "resources", &resources, err) : r;
    r = r == 0 ? gs_kubejson_object(resources, "limits", &limits, err) : r;
    r = r == 0 ? gs_kubejson_object(resources, "requests", &requests, err) : r;
    r = r == 0 ? take_list(reading, limits, &asks, err) : r;
    r = r == 0 ? take_list(reading, requests, &asks, err) : r;
    if (r != 0) {
        return gs_wrap(err, r, "container \"%.63s\"", asks.container);
    }
    if (asks.whole > 0 && asks.slice != NULL) {
        refuse(reading,
               "container \"%.63s\" asks for a whole GPU (" WHOLE ": %" PRIu64
               ") and for a slice (%.80s: %" PRIu64 "), and would hold both; for the slice, keep "
               "%.80s and remove " WHOLE "; for a whole GPU, the other way round",
               asks.container, asks.whole, asks.slice, asks.slices, asks.slice);
    }
    reading->whole_in = asks.whole > 0 ? asks.container : reading->whole_in;
    reading->slice_in = asks.slice != NULL ? asks.container : reading->slice_in;
    return 0;
}

static int take_containers(struct reading *reading, const json_t *spec, const char *key,
                           struct gs_err *err)
{
    json_t *containers = NULL;
    int r = gs_kubejson_array(spec, key, &containers, err);
    if (r == 0 && json_array_size(containers) > GS_KUBESUM_CONTAINERS_MAX) {
        r = gs_fail(err, GS_LIMIT, "%zu %s; at most %d are read", json_array_size(containers), key,
                    GS_KUBESUM_CONTAINERS_MAX);
    }
    for (size_t i = 0; r == 0 && i < json_array_size(containers); i++) {
        r = take_container(reading, json_array_get(containers, i), err);
    }
    return r;
}

/* ---- the gate ---- */

/* The kubelet or a DaemonSet places it, not the scheduler: a gate would keep it away for nothing.
 */
static int is_placed(const json_t *pod, const json_t *spec, bool *ret, struct gs_err *err)
{
    json_t *metadata = NULL;
    json_t *owners = NULL;
    json_t *annotations = NULL;
    const char *node = NULL;
    int r = gs_kubejson_text(spec, "nodeName", &node, err);
    r = r == 0 ? gs_kubejson_object(pod, "metadata", &metadata, err) : r;
    r = r == 0 ? gs_kubejson_object(metadata, "annotations", &annotations, err) : r;
    r = r == 0 ? gs_kubejson_array(metadata, "ownerReferences", &owners, err) : r;
    *ret = (node != NULL && node[0] != '\0') ||
           json_object_get(annotations, "kubernetes.io/config.mirror") != NULL;
    for (size_t i = 0; r == 0 && i < json_array_size(owners); i++) {
        const char *kind = NULL;
        r = gs_kubejson_text(json_array_get(owners, i), "kind", &kind, err);
        *ret |= kind != NULL && (strcmp(kind, "DaemonSet") == 0 || strcmp(kind, "Node") == 0);
    }
    return r;
}

static int has_gate(const json_t *spec, bool *ret, bool *ret_first, struct gs_err *err)
{
    json_t *gates = NULL;
    int r = gs_kubejson_array(spec, "schedulingGates", &gates, err);
    *ret = false;
    *ret_first = gates == NULL;
    for (size_t i = 0; r == 0 && i < json_array_size(gates); i++) {
        const char *name = NULL;
        r = gs_kubejson_text(json_array_get(gates, i), "name", &name, err);
        *ret |= name != NULL && strcmp(name, GS_KUBEWAIT_GATE) == 0;
    }
    return r;
}

int gs_judge(const struct json_t *pod, const struct gs_admit_rules *rules, struct gs_judgement *ret,
             struct gs_err *err)
{
    struct reading reading = {.rules = rules, .judgement = ret};
    json_t *spec = NULL;
    bool placed = false;
    bool gated = false;
    *ret = (struct gs_judgement){.outcome = GS_ADMIT_LET};
    int r = gs_kubejson_object(pod, "spec", &spec, err);
    if (r == 0 && spec == NULL) {
        r = gs_fail(err, GS_INVALID, "a pod without spec");
    }
    r = r == 0 ? is_placed(pod, spec, &placed, err) : r;
    r = r == 0 ? has_gate(spec, &gated, &ret->first_gate, err) : r;
    r = r == 0 ? take_containers(&reading, spec, "containers", err) : r;
    r = r == 0 ? take_containers(&reading, spec, "initContainers", err) : r;
    if (r != 0 || is_refused(&reading)) {
        return r;
    }
    if (reading.whole_in != NULL && reading.slice_in != NULL) {
        warn(
            &reading,
            "containers of this pod ask for a whole GPU (\"%.63s\") and for a slice (\"%.63s\"): it "
            "runs only on a node that has both",
            reading.whole_in, reading.slice_in);
    }
    if (reading.slices && rules->gate && !placed && !gated) {
        ret->outcome = GS_ADMIT_GATED;
    }
    return 0;
}
