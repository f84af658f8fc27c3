#include "wire/kubepod.h"

#include <jansson.h>
#include <string.h>

#include "base/cleanup.h"
#include "wire/kubeconstraint.h"
#include "wire/kubejson.h"
#include "wire/kuberequest.h"

static const char *const unobeyed_texts[GS_UNOBEYED_COUNT] = {
    [GS_UNOBEYED_POD_AFFINITY] = "required pod affinity",
    [GS_UNOBEYED_POD_ANTI_AFFINITY] = "required pod anti-affinity",
    [GS_UNOBEYED_SPREAD] = "topology spread constraints",
    [GS_UNOBEYED_VOLUMES] = "where persistent volumes are",
    [GS_UNOBEYED_HOST_PORTS] = "host ports",
    [GS_UNOBEYED_CLAIMS] = "resource claims",
    [GS_UNOBEYED_EPHEMERAL_STORAGE] = "ephemeral storage",
    [GS_UNOBEYED_HUGEPAGES] = "huge pages",
    [GS_UNOBEYED_OTHER_RESOURCE] = "other extended resources",
    [GS_UNOBEYED_TOLERATION] = "tolerations that compare numbers",
};

const char *gs_kubepod_unobeyed_text(enum gs_kubepod_unobeyed what)
{
    return unobeyed_texts[what];
}

static void flag(struct gs_kubepod *pod, enum gs_kubepod_unobeyed what, bool is_so)
{
    pod->unobeyed |= is_so ? 1u << what : 0;
}

static int copy(struct gs_arena *arena, const char *text, const char **ret, struct gs_err *err)
{
    if (text == NULL) {
        return 0;
    }
    *ret = gs_arena_text(arena, text, strlen(text));
    return *ret == NULL ? gs_kubejson_no_memory(err) : 0;
}

/* ---- metadata ---- */

static int make_id(struct gs_kubepod *pod, struct gs_arena *arena, struct gs_err *err)
{
    size_t n_space = strlen(pod->name_space);
    size_t n_name = strlen(pod->name);
    char *id = gs_arena_get(arena, n_space + n_name + 2, 1);
    if (id == NULL) {
        return gs_kubejson_no_memory(err);
    }
    memcpy(id, pod->name_space, n_space);
    id[n_space] = '/';
    memcpy(id + n_space + 1, pod->name, n_name);
    pod->id = id;
    return 0;
}

static int read_name(const json_t *metadata, struct gs_arena *arena, struct gs_kubepod *pod,
                     struct gs_err *err)
{
    int r = gs_kubejson_copy(metadata, "name", arena, &pod->name, err);
    r = r == 0 ? gs_kubejson_copy(metadata, "namespace", arena, &pod->name_space, err) : r;
    if (r != 0) {
        return r;
    }
    if (pod->name[0] == '\0') {
        return gs_fail(err, GS_INVALID, "a pod without a name; expected metadata.name");
    }
    if (pod->name_space[0] == '\0') {
        pod->name_space = "default";
    }
    if (!gs_kubejson_is_name(pod->name) || !gs_kubejson_is_name(pod->name_space)) {
        return gs_fail(err, GS_INVALID,
                       "a pod named \"%.100s/%.100s\"; expected lower-case letters, digits, '-' "
                       "and '.', 253 at most each",
                       pod->name_space, pod->name);
    }
    return make_id(pod, arena, err);
}

/* Of several owners only the controller decides when there is such a pod. */
static int read_owner(const json_t *metadata, struct gs_arena *arena, struct gs_kubepod *pod,
                      struct gs_err *err)
{
    json_t *owners = NULL;
    int r = gs_kubejson_array(metadata, "ownerReferences", &owners, err);
    pod->owner_kind = "";
    pod->owner_name = "";
    for (size_t i = 0; r == 0 && i < json_array_size(owners); i++) {
        const json_t *owner = json_array_get(owners, i);
        if (json_is_true(json_object_get(owner, "controller"))) {
            r = gs_kubejson_copy(owner, "kind", arena, &pod->owner_kind, err);
            return r == 0 ? gs_kubejson_copy(owner, "name", arena, &pod->owner_name, err) : r;
        }
    }
    return r;
}

static int read_metadata(const json_t *metadata, struct gs_arena *arena, struct gs_kubepod *pod,
                         struct gs_err *err)
{
    json_t *annotations = NULL;
    const char *deleted = NULL;
    int r = read_owner(metadata, arena, pod, err);
    r = r == 0 ? gs_kubejson_object(metadata, "annotations", &annotations, err) : r;
    r = r == 0 ? gs_kubejson_text(metadata, "deletionTimestamp", &deleted, err) : r;
    if (r != 0) {
        return r;
    }
    pod->mirror = json_object_get(annotations, "kubernetes.io/config.mirror") != NULL ||
                  strcmp(pod->owner_kind, "Node") == 0;
    pod->deleting = deleted != NULL;
    return 0;
}

/* ---- status ---- */

static int read_phase(const json_t *object, struct gs_kubepod *pod, struct gs_err *err)
{
    static const char *const phases[] = {
        [GS_KUBEPOD_PENDING] = "Pending",     [GS_KUBEPOD_RUNNING] = "Running",
        [GS_KUBEPOD_SUCCEEDED] = "Succeeded", [GS_KUBEPOD_FAILED] = "Failed",
        [GS_KUBEPOD_UNKNOWN] = "Unknown",
    };
    json_t *status = NULL;
    const char *phase = NULL;
    int r = gs_kubejson_object(object, "status", &status, err);
    r = r == 0 ? gs_kubejson_text(status, "phase", &phase, err) : r;
    if (r != 0 || phase == NULL || phase[0] == '\0') {
        return r;
    }
    for (size_t i = 0; i < GS_ARRAY_LEN(phases); i++) {
        if (strcmp(phase, phases[i]) == 0) {
            pod->phase = (enum gs_kubepod_phase)i;
            return 0;
        }
    }
    return gs_fail(err, GS_INVALID,
                   "phase \"%.40s\"; expected Pending, Running, Succeeded, Failed or Unknown",
                   phase);
}

/* ---- what is not obeyed ---- */

static bool has_required(const json_t *affinity, const char *kind)
{
    return json_array_size(json_object_get(json_object_get(affinity, kind),
                                           "requiredDuringSchedulingIgnoredDuringExecution")) > 0;
}

static bool has_strict_spread(const json_t *spec)
{
    const json_t *list = json_object_get(spec, "topologySpreadConstraints");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *then =
            json_string_value(json_object_get(json_array_get(list, i), "whenUnsatisfiable"));
        if (then == NULL || strcmp(then, "ScheduleAnyway") != 0) {
            return true;
        }
    }
    return false;
}

static bool is_there(const json_t *volume, const char *source)
{
    const json_t *found = json_object_get(volume, source);
    return found != NULL && !json_is_null(found);
}

static bool is_claim(const json_t *volume)
{
    return is_there(volume, "persistentVolumeClaim") || is_there(volume, "ephemeral");
}

static int read_claim(const json_t *volume, const struct gs_kubepod *pod, struct gs_arena *arena,
                      struct gs_kubepod_claim *ret, struct gs_err *err)
{
    json_t *source = NULL;
    const char *name = NULL;
    int r = gs_kubejson_object(volume, "persistentVolumeClaim", &source, err);
    if (r == 0 && source != NULL) {
        return gs_kubejson_copy(source, "claimName", arena, &ret->name, err);
    }
    r = r == 0 ? gs_kubejson_text(volume, "name", &name, err) : r;
    if (r == 0) {
        ret->own = true;
        ret->name = gs_arena_printf(arena, "%s-%s", pod->name, name == NULL ? "" : name);
    }
    return r == 0 && ret->name == NULL ? gs_kubejson_no_memory(err) : r;
}

/* One that cannot be read is of those that are not looked at. */
static int read_claims(const json_t *spec, struct gs_arena *arena, struct gs_kubepod *pod,
                       struct gs_err *err)
{
    const json_t *list = json_object_get(spec, "volumes");
    struct gs_kubepod_claim *claims = NULL;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *volume = json_array_get(list, i);
        struct gs_kubepod_claim claim = {.own = false};
        if (!is_claim(volume)) {
            continue;
        }
        if (claims == NULL) {
            claims = GS_ARENA_NEW(arena, struct gs_kubepod_claim, GS_KUBEPOD_CLAIMS_MAX);
        }
        int r = claims == NULL ? gs_kubejson_no_memory(err)
                               : read_claim(volume, pod, arena, &claim, err);
        if (r == GS_NO_MEMORY) {
            return r;
        }
        if (r == 0 && gs_kubejson_is_name(claim.name) && pod->n_claims < GS_KUBEPOD_CLAIMS_MAX) {
            claims[pod->n_claims++] = claim;
        } else {
            pod->more_claims = true;
        }
    }
    pod->claims = claims;
    return 0;
}

static bool has_host_port(const json_t *containers)
{
    for (size_t i = 0; i < json_array_size(containers); i++) {
        const json_t *ports = json_object_get(json_array_get(containers, i), "ports");
        for (size_t k = 0; k < json_array_size(ports); k++) {
            if (json_integer_value(json_object_get(json_array_get(ports, k), "hostPort")) > 0) {
                return true;
            }
        }
    }
    return false;
}

static void read_unobeyed(const json_t *spec, const struct gs_kuberequest *request,
                          struct gs_kubepod *pod)
{
    const json_t *affinity = json_object_get(spec, "affinity");
    flag(pod, GS_UNOBEYED_POD_AFFINITY, has_required(affinity, "podAffinity"));
    flag(pod, GS_UNOBEYED_POD_ANTI_AFFINITY, has_required(affinity, "podAntiAffinity"));
    flag(pod, GS_UNOBEYED_SPREAD, has_strict_spread(spec));
    flag(pod, GS_UNOBEYED_VOLUMES, pod->n_claims > 0 || pod->more_claims);
    flag(pod, GS_UNOBEYED_HOST_PORTS,
         has_host_port(json_object_get(spec, "containers")) ||
             has_host_port(json_object_get(spec, "initContainers")));
    flag(pod, GS_UNOBEYED_CLAIMS, json_array_size(json_object_get(spec, "resourceClaims")) > 0);
    flag(pod, GS_UNOBEYED_EPHEMERAL_STORAGE, request->ephemeral_storage);
    flag(pod, GS_UNOBEYED_HUGEPAGES, request->hugepages);
    flag(pod, GS_UNOBEYED_OTHER_RESOURCE, request->other != NULL);
}

/* ---- spec ---- */

static int keep_request(const struct gs_kuberequest *request, struct gs_arena *arena,
                        struct gs_kubepod *pod, struct gs_err *err)
{
    struct gs_want *wants = GS_ARENA_NEW(arena, struct gs_want, request->n_wants);
    struct gs_kubeamount *others = GS_ARENA_NEW(arena, struct gs_kubeamount, request->n_others);
    if (wants == NULL || others == NULL) {
        return gs_kubejson_no_memory(err);
    }
    memcpy(wants, request->wants, request->n_wants * sizeof(*wants));
    for (size_t i = 0; i < request->n_others; i++) {
        others[i].amount = request->others[i].amount;
        int r = copy(arena, request->others[i].name, &others[i].name, err);
        if (r != 0) {
            return r;
        }
    }
    pod->others = others;
    pod->n_others = request->n_others;
    pod->more_others = request->more_others;
    pod->wants = wants;
    pod->n_wants = request->n_wants;
    pod->cpu_milli = request->cpu_milli;
    pod->memory_bytes = request->memory_bytes;
    int r = copy(arena, request->other, &pod->other_resource, err);
    return r == 0 ? copy(arena, request->refused, &pod->refused, err) : r;
}

static int read_binding(const json_t *spec, struct gs_arena *arena, struct gs_kubepod *pod,
                        struct gs_err *err)
{
    const char *node = NULL;
    int r = gs_kubejson_text(spec, "nodeName", &node, err);
    const json_t *priority = json_object_get(spec, "priority");
    json_int_t value = json_integer_value(priority);
    if (r == 0 && priority != NULL && !json_is_null(priority) &&
        (!json_is_integer(priority) || value < INT32_MIN || value > INT32_MAX)) {
        return gs_fail(err, GS_INVALID, "\"priority\" is not a 32-bit number");
    }
    pod->priority = (int32_t)value;
    return r == 0 && node != NULL && node[0] != '\0' ? copy(arena, node, &pod->node, err) : r;
}

static int read_spec(const json_t *object, struct gs_arena *arena, struct gs_kubepod *pod,
                     struct gs_err *err)
{
    json_t *spec = NULL;
    bool dropped = false;
    struct gs_kuberequest request;
    int r = gs_kubejson_object(object, "spec", &spec, err);
    if (r == 0 && json_array_size(json_object_get(spec, "containers")) == 0) {
        return gs_fail(err, GS_INVALID, "no containers; expected spec.containers");
    }
    r = r == 0 ? gs_kuberequest_parse(spec, &request, err) : r;
    r = r == 0 ? keep_request(&request, arena, pod, err) : r;
    r = r == 0 ? read_binding(spec, arena, pod, err) : r;
    r = r == 0 ? gs_kubeconstraint_parse(spec, arena, &pod->constraint, &dropped, err) : r;
    r = r == 0 ? read_claims(spec, arena, pod, err) : r;
    if (r == 0) {
        read_unobeyed(spec, &request, pod);
        flag(pod, GS_UNOBEYED_TOLERATION, dropped);
    }
    return r;
}

/* Who it is and how it stands. */
static int read_head(const struct json_t *object, struct gs_arena *arena, struct gs_kubepod *pod,
                     struct gs_err *err)
{
    json_t *metadata = NULL;
    int r = gs_kubejson_object(object, "metadata", &metadata, err);
    r = r == 0 ? read_name(metadata, arena, pod, err) : r;
    if (r != 0) {
        return r;
    }
    r = read_metadata(metadata, arena, pod, err);
    r = r == 0 ? read_phase(object, pod, err) : r;
    return r == 0 ? 0 : gs_wrap(err, r, "pod %s", pod->id);
}

int gs_kubepod_parse(const struct json_t *object, struct gs_arena *arena, struct gs_kubepod *ret,
                     struct gs_err *err)
{
    struct gs_kubepod pod = {.phase = GS_KUBEPOD_PENDING};
    int r = read_head(object, arena, &pod, err);
    if (r != 0) {
        return r;
    }
    r = read_spec(object, arena, &pod, err);
    if (r != 0) {
        return gs_wrap(err, r, "pod %s", pod.id);
    }
    *ret = pod;
    return 0;
}

int gs_kubepod_outline(const struct json_t *object, const char *why, struct gs_arena *arena,
                       struct gs_kubepod *ret, struct gs_err *err)
{
    struct gs_kubepod pod = {.phase = GS_KUBEPOD_PENDING};
    json_t *spec = NULL;
    int r = read_head(object, arena, &pod, err);
    r = r == 0 ? gs_kubejson_object(object, "spec", &spec, err) : r;
    r = r == 0 ? read_binding(spec, arena, &pod, err) : r;
    r = r == 0 ? copy(arena, why, &pod.refused, err) : r;
    if (r == 0) {
        *ret = pod;
    }
    return r;
}
