#include "karpenter/seen.h"

#include <jansson.h>
#include <stdio.h>

#include "wire/kubefield.h"

enum { NAME_MAX_BYTES = 253, VALUE_MAX = 63, CONDITIONS_MAX = 64 };

struct head {
    const char *name;
    const char *slicepool;
    const char *uid;
    const char *pool;
    uint64_t generation;
    uint64_t created_us;
    bool deleting;
    json_t *metadata;
};

static uint64_t number_of(const json_t *value, uint64_t otherwise)
{
    return json_is_integer(value) && json_integer_value(value) >= 0
               ? (uint64_t)json_integer_value(value)
               : otherwise;
}

static int read_head(const json_t *object, const char *kind, struct gs_arena *arena,
                     struct head *ret, struct gs_err *err)
{
    *ret = (struct head){.generation = 0};
    int r = gs_kubefield_head(object, kind, arena, &ret->metadata, &ret->name, err);
    if (r != 0) {
        return r;
    }
    const json_t *labels = json_object_get(ret->metadata, "labels");
    ret->deleting = json_object_get(ret->metadata, "deletionTimestamp") != NULL;
    ret->generation = number_of(json_object_get(ret->metadata, "generation"), 0);
    r = gs_kubefield_text(labels, GS_KARPENTER_POOL_LABEL, VALUE_MAX, arena, &ret->slicepool, err);
    r = r == 0
            ? gs_kubefield_text(labels, "karpenter.sh/nodepool", VALUE_MAX, arena, &ret->pool, err)
            : r;
    r = r == 0 ? gs_kubefield_text(ret->metadata, "uid", NAME_MAX_BYTES, arena, &ret->uid, err) : r;
    return r == 0 ? gs_kubefield_time(ret->metadata, "creationTimestamp", &ret->created_us, err)
                  : r;
}

/* ---- conditions ---- */

static const json_t *find_condition(const json_t *object, const char *type)
{
    const json_t *list = json_object_get(json_object_get(object, "status"), "conditions");
    size_t n = json_is_array(list) ? json_array_size(list) : 0;
    for (size_t i = 0; i < n && i < CONDITIONS_MAX; i++) {
        const json_t *one = json_array_get(list, i);
        const char *has = json_string_value(json_object_get(one, "type"));
        if (has != NULL && strcmp(has, type) == 0) {
            return one;
        }
    }
    return NULL;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static struct gs_karpenter_condition condition_of(const json_t *object, const char *type,
                                                  uint64_t generation)
{
    const json_t *one = find_condition(object, type);
    struct gs_karpenter_condition ret = {.is_true = strcmp(text_of(one, "status"), "True") == 0,
                                         .is_false = strcmp(text_of(one, "status"), "False") == 0};
    ret.current = one != NULL &&
                  number_of(json_object_get(one, "observedGeneration"), generation) >= generation;
    snprintf(ret.reason, sizeof(ret.reason), "%s", text_of(one, "reason"));
    snprintf(ret.message, sizeof(ret.message), "%s", text_of(one, "message"));
    return ret;
}

/* ---- NodePool ---- */

static uint64_t decimal_of(const json_t *object, const char *key, uint64_t otherwise)
{
    const json_t *value = json_object_get(object, key);
    uint64_t number = otherwise;
    if (json_is_string(value) &&
        !gs_view_is_integer(gs_view(json_string_value(value)), UINT64_MAX / 2, &number)) {
        number = otherwise;
    }
    return json_is_string(value) ? number : number_of(value, otherwise);
}

static uint32_t narrow(uint64_t number)
{
    return number > UINT32_MAX ? UINT32_MAX : (uint32_t)number;
}

static struct gs_karpenter_record record_of(const json_t *metadata)
{
    const json_t *annotations = json_object_get(metadata, "annotations");
    struct gs_karpenter_record ret = {
        .failed_starts = narrow(decimal_of(annotations, GS_KARPENTER_FAILED, 0)),
        .closed_until_s = decimal_of(annotations, GS_KARPENTER_CLOSED_UNTIL, 0),
        .scarce_tries = narrow(decimal_of(annotations, GS_KARPENTER_SCARCE_TRIES, 0)),
        .scarce_since_s = decimal_of(annotations, GS_KARPENTER_SCARCE_SINCE, 0),
        .scarce_until_s = decimal_of(annotations, GS_KARPENTER_SCARCE_UNTIL, 0),
    };
    if (!gs_slicepool_usd_parse(gs_view(text_of(annotations, GS_KARPENTER_LOST)), &ret.lost_uusd)) {
        ret.lost_uusd = 0;
    }
    return ret;
}

/* The values that the requirement leaves; NULL: there is none that names them. */
static const json_t *values_of(const json_t *spec, const char *key)
{
    const json_t *list = json_object_get(spec, "requirements");
    for (size_t i = 0; json_is_array(list) && i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        const json_t *values = json_object_get(one, "values");
        if (strcmp(text_of(one, "key"), key) == 0 && strcmp(text_of(one, "operator"), "In") == 0 &&
            json_is_array(values)) {
            return values;
        }
    }
    return NULL;
}

/* The only value of the requirement; "": there is none, or another number of them. */
static const char *required(const json_t *spec, const char *key)
{
    const json_t *list = json_object_get(spec, "requirements");
    for (size_t i = 0; json_is_array(list) && i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        const json_t *values = json_object_get(one, "values");
        if (strcmp(text_of(one, "key"), key) == 0 && json_array_size(values) == 1) {
            const char *value = json_string_value(json_array_get(values, 0));
            return value == NULL ? "" : value;
        }
    }
    return "";
}

int gs_karpenter_read_pool(const json_t *object, struct gs_arena *arena,
                           struct gs_karpenter_pool_seen *ret, struct gs_err *err)
{
    struct head head;
    struct gs_karpenter_pool_seen seen = {.name = NULL};
    int r = read_head(object, "NodePool", arena, &head, err);
    if (r != 0) {
        return r;
    }
    const json_t *spec = json_object_get(object, "spec");
    const json_t *template = json_object_get(spec, "template");
    const json_t *labels = json_object_get(json_object_get(template, "metadata"), "labels");
    const char *type =
        required(json_object_get(template, "spec"), "node.kubernetes.io/instance-type");
    r = gs_kubefield_text(labels, GS_KARPENTER_LAYOUT_LABEL, VALUE_MAX, arena, &seen.layout, err);
    seen.instance_type = gs_arena_text(arena, type, strlen(type));
    if (r == 0 && seen.instance_type == NULL) {
        r = gs_fail(err, GS_NO_MEMORY, "no memory for NodePool %s", head.name);
    }
    if (r != 0) {
        return r;
    }
    seen.name = head.name;
    seen.slicepool = head.slicepool;
    seen.created_us = head.created_us;
    seen.deleting = head.deleting;
    seen.weight = narrow(number_of(json_object_get(spec, "weight"), 0));
    seen.replicas = narrow(number_of(json_object_get(spec, "replicas"), 0));
    seen.max_nodes = narrow(decimal_of(json_object_get(spec, "limits"), "nodes", UINT32_MAX));
    seen.record = record_of(head.metadata);
    seen.ready = condition_of(object, "Ready", head.generation);
    seen.node_class = condition_of(object, "NodeClassReady", head.generation);
    *ret = seen;
    return 0;
}

/* ---- NodeOverlay ---- */

int gs_karpenter_read_overlay(const json_t *object, struct gs_arena *arena,
                              struct gs_karpenter_overlay_seen *ret, struct gs_err *err)
{
    struct head head;
    int r = read_head(object, "NodeOverlay", arena, &head, err);
    if (r != 0) {
        return r;
    }
    *ret = (struct gs_karpenter_overlay_seen){
        .name = head.name,
        .slicepool = head.slicepool,
        .weight = narrow(number_of(json_object_get(json_object_get(object, "spec"), "weight"), 0)),
        .deleting = head.deleting,
        .valid = condition_of(object, "ValidationSucceeded", head.generation),
    };
    return 0;
}

/* ---- NodeClaim ---- */

/* What it waits for: the first step that was not taken, in Karpenter's own words. */
static void say_why(const json_t *object, char ret[GS_KARPENTER_TEXT_MAX])
{
    static const char *const steps[] = {"Launched", "Registered", "Initialized"};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        const struct gs_karpenter_condition one = condition_of(object, steps[i], 0);
        if (!one.is_true) {
            snprintf(ret, GS_KARPENTER_TEXT_MAX, "not %s: %s%s%.300s", steps[i],
                     one.reason[0] == '\0' ? "nothing is said of it" : one.reason,
                     one.message[0] == '\0' ? "" : ": ", one.message);
            return;
        }
    }
    ret[0] = '\0';
}

static int read_zones(const json_t *spec, struct gs_arena *arena, const char **ret,
                      struct gs_err *err)
{
    const json_t *zones = values_of(spec, "topology.kubernetes.io/zone");
    char text[GS_KARPENTER_TEXT_MAX] = "";
    size_t used = 0;
    for (size_t i = 0; i < json_array_size(zones) && used + VALUE_MAX + 3 < sizeof(text); i++) {
        const char *zone = json_string_value(json_array_get(zones, i));
        if (zone != NULL && strlen(zone) <= VALUE_MAX) {
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
                                     used == 0 ? "" : ", ", zone);
        }
    }
    *ret = gs_arena_text(arena, text, used);
    return *ret == NULL ? gs_fail(err, GS_NO_MEMORY, "no memory for a NodeClaim") : 0;
}

int gs_karpenter_read_claim(const json_t *object, struct gs_arena *arena,
                            struct gs_karpenter_claim_seen *ret, struct gs_err *err)
{
    struct head head;
    struct gs_karpenter_claim_seen seen = {.name = NULL};
    int r = read_head(object, "NodeClaim", arena, &head, err);
    r = r == 0 ? gs_kubefield_text(json_object_get(object, "status"), "nodeName", NAME_MAX_BYTES,
                                   arena, &seen.node, err)
               : r;
    const json_t *spec = json_object_get(object, "spec");
    r = r == 0 ? read_zones(spec, arena, &seen.zones, err) : r;
    if (r != 0) {
        return r;
    }
    seen.name = head.name;
    seen.uid = head.uid;
    seen.pool = head.pool;
    seen.created_us = head.created_us;
    seen.deleting = head.deleting;
    seen.launched = condition_of(object, "Launched", 0).is_true || seen.node[0] != '\0';
    seen.capacity_types = (unsigned)json_array_size(values_of(spec, "karpenter.sh/capacity-type"));
    seen.initialized = condition_of(object, "Initialized", 0).is_true;
    say_why(object, seen.why);
    *ret = seen;
    return 0;
}
