#include "karpenter/objects.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

/* Karpenter's taints and labels on what we make ourselves. */
#define TYPE_LABEL "node.kubernetes.io/instance-type"
#define CAPACITY_TYPE_LABEL "karpenter.sh/capacity-type"
#define ZONE_LABEL "topology.kubernetes.io/zone"

/* What lacks memory ends as no object at all, never as one that says less. */
static void add(json_t **list, json_t *value)
{
    if (json_array_append_new(*list, value) != 0) {
        json_decref(*list);
        *list = NULL;
    }
}

static void set(json_t **object, const char *key, json_t *value)
{
    if (json_object_set_new(*object, key, value) != 0) {
        json_decref(*object);
        *object = NULL;
    }
}

static json_t *texts_of(const char *const *texts, unsigned n)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < n; i++) {
        add(&list, json_string(texts[i]));
    }
    return list;
}

static json_t *one_of(const char *key, const char *const *values, unsigned n)
{
    return json_pack("{s:s, s:s, s:o}", "key", key, "operator", "In", "values",
                     texts_of(values, n));
}

static json_t *duration_of(uint32_t seconds)
{
    char text[16];
    if (seconds == UINT32_MAX) {
        return json_string("Never");
    }
    snprintf(text, sizeof(text), "%" PRIu32 "s", seconds);
    return json_string(text);
}

static json_t *taint_of(const struct gs_taint *taint)
{
    if (taint->value == NULL || taint->value[0] == '\0') {
        return json_pack("{s:s, s:s}", "key", taint->key, "effect", taint->effect);
    }
    return json_pack("{s:s, s:s, s:s}", "key", taint->key, "value", taint->value, "effect",
                     taint->effect);
}

static json_t *metadata_of(const struct gs_karpenter_pool *pool)
{
    const struct gs_slicepool *owner = pool->owner;
    return json_pack("{s:s, s:{s:s}, s:[{s:s, s:s, s:s, s:s}]}", "name", pool->kind->name, "labels",
                     GS_KARPENTER_POOL_LABEL, owner->name, "ownerReferences", "apiVersion",
                     GS_GPUNODE_GROUP "/" GS_GPUNODE_VERSION, "kind", "SlicePool", "name",
                     owner->name, "uid", owner->uid);
}

/* ---- NodePool ---- */

static json_t *template_labels(const struct gs_karpenter_pool *pool)
{
    json_t *labels = json_object();
    for (unsigned i = 0; i < pool->owner->n_labels; i++) {
        const struct gs_label *label = &pool->owner->labels[i];
        set(&labels, label->key, json_string(label->value));
    }
    set(&labels, GS_KARPENTER_LAYOUT_LABEL, json_string(pool->kind->layout));
    set(&labels, GS_KARPENTER_POOL_LABEL, json_string(pool->owner->name));
    return labels;
}

static json_t *template_spec(const struct gs_karpenter_pool *pool)
{
    static const struct gs_taint startup = {
        .key = GS_KARPENTER_STARTUP_TAINT, .value = "true", .effect = "NoSchedule"};
    const struct gs_slicepool *owner = pool->owner;
    const struct gs_slicepool_class *class = &owner->node_class;
    json_t *needs = json_array();
    add(&needs, one_of(TYPE_LABEL, &pool->kind->offer->name, 1));
    add(&needs, one_of(CAPACITY_TYPE_LABEL, owner->capacity_types, owner->n_capacity_types));
    if (owner->n_zones > 0) {
        add(&needs, one_of(ZONE_LABEL, owner->zones, owner->n_zones));
    }
    json_t *spec =
        json_pack("{s:{s:s, s:s, s:s}, s:o, s:[o], s:o}", "nodeClassRef", "group", class->group,
                  "kind", class->kind, "name", class->name, "requirements", needs, "startupTaints",
                  taint_of(&startup), "expireAfter", duration_of(owner->expire_after_s));
    if (owner->n_taints > 0) {
        json_t *taints = json_array();
        for (unsigned i = 0; i < owner->n_taints; i++) {
            add(&taints, taint_of(&owner->taints[i]));
        }
        set(&spec, "taints", taints);
    }
    return spec;
}

static void put_number(json_t **annotations, const char *key, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, number);
    set(annotations, key, json_string(text));
}

static void put_record(json_t **metadata, const struct gs_karpenter_record *record)
{
    char lost[GS_SLICEPOOL_USD_MAX];
    bool failed = record->failed_starts != 0 || record->lost_uusd != 0;
    json_t *annotations = json_object();
    if (failed) {
        put_number(&annotations, GS_KARPENTER_FAILED, record->failed_starts);
        put_number(&annotations, GS_KARPENTER_CLOSED_UNTIL, record->closed_until_s);
        gs_slicepool_usd_format(record->lost_uusd, lost);
        set(&annotations, GS_KARPENTER_LOST, json_string(lost));
    }
    if (record->scarce_until_s != 0) {
        put_number(&annotations, GS_KARPENTER_SCARCE_TRIES, record->scarce_tries);
        put_number(&annotations, GS_KARPENTER_SCARCE_SINCE, record->scarce_since_s);
        put_number(&annotations, GS_KARPENTER_SCARCE_UNTIL, record->scarce_until_s);
    }
    if (failed || record->scarce_until_s != 0) {
        set(metadata, "annotations", annotations);
    } else {
        json_decref(annotations);
    }
}

json_t *gs_karpenter_write_pool(const struct gs_karpenter_pool *pool)
{
    const struct gs_slicepool *owner = pool->owner;
    char nodes[16];
    snprintf(nodes, sizeof(nodes), "%" PRIu32, pool->max_nodes);
    json_t *metadata = metadata_of(pool);
    put_record(&metadata, &pool->record);
    bool moves = owner->moves != GS_SLICEPOOL_MOVES_NEVER;
    bool is_static = owner->scaling == GS_SLICEPOOL_STATIC; /* such a pool has no weight */
    return json_pack("{s:s, s:s, s:o, s:{s:i, s:{s:s}, s:{s:s, s:o, s:[{s:s}]}, s:{s:{s:o}, s:o}}}",
                     "apiVersion", "karpenter.sh/v1", "kind", "NodePool", "metadata", metadata,
                     "spec", is_static ? "replicas" : "weight",
                     (int)(is_static ? pool->replicas : pool->weight), "limits", "nodes", nodes,
                     "disruption", "consolidationPolicy",
                     moves ? "WhenEmptyOrUnderutilized" : "WhenEmpty", "consolidateAfter",
                     duration_of(owner->empty_after_s), "budgets", "nodes", "10%", "template",
                     "metadata", "labels", template_labels(pool), "spec", template_spec(pool));
}

/* ---- NodeOverlay ---- */

static void put_amount(json_t **capacity, const char *resource, uint32_t amount)
{
    char text[16];
    snprintf(text, sizeof(text), "%" PRIu32, amount);
    set(capacity, resource, json_string(text));
}

json_t *gs_karpenter_write_overlay(const struct gs_karpenter_pool *pool)
{
    const struct gs_karpenter_kind *kind = pool->kind;
    const char *name = kind->name;
    json_t *capacity = json_object();
    json_t *needs = json_array();
    put_amount(&capacity, "nvidia.com/gpu", kind->whole);
    for (unsigned p = 0; kind->offer->model != NULL && p < kind->offer->model->n_profiles; p++) {
        if (kind->slices[p] > 0) {
            char resource[sizeof("nvidia.com/") + GS_PROFILE_NAME_MAX + 5] = "nvidia.com/";
            gs_profile_name_resource(&kind->offer->model->profiles[p].parts,
                                     resource + sizeof("nvidia.com/") - 1);
            put_amount(&capacity, resource, kind->slices[p]);
        }
    }
    add(&needs, one_of("karpenter.sh/nodepool", &name, 1));
    add(&needs, one_of(TYPE_LABEL, &kind->offer->name, 1));
    return json_pack("{s:s, s:s, s:o, s:{s:i, s:o, s:o}}", "apiVersion", "karpenter.sh/v1alpha1",
                     "kind", "NodeOverlay", "metadata", metadata_of(pool), "spec", "weight",
                     (int)pool->overlay_weight, "requirements", needs, "capacity", capacity);
}

/* ---- what is there ---- */

/* No deeper than what we write ourselves. */
bool gs_karpenter_says(const json_t *there, const json_t *wanted)
{
    if (json_is_object(wanted) && json_is_object(there)) {
        bool same = true;
        void *at = json_object_iter((json_t *)(uintptr_t)wanted);
        for (; same && at != NULL; at = json_object_iter_next((json_t *)(uintptr_t)wanted, at)) {
            same = gs_karpenter_says(json_object_get(there, json_object_iter_key(at)),
                                     json_object_iter_value(at));
        }
        return same;
    }
    if (json_is_array(wanted) && json_is_array(there)) {
        bool same = json_array_size(wanted) == json_array_size(there);
        for (size_t i = 0; same && i < json_array_size(wanted); i++) {
            same = gs_karpenter_says(json_array_get(there, i), json_array_get(wanted, i));
        }
        return same;
    }
    return json_equal(there, wanted) == 1;
}
