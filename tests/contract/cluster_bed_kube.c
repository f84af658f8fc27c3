#include "contract/cluster_bed.h"

#include <stdio.h>
#include <string.h>

#include "cluster/cluster_kube.h"
#include "wire/kubeevent.h"
#include "wire/kubepatch.h"

static void open_cluster(struct cluster_bed *bed)
{
    struct gs_err err = {.msg = ""};
    const struct gs_cluster_kube_options options = {
        .event = bed->event,
        .kubeconfig = api_kubeconfig(&bed->api, NULL),
        .user_agent = "contract/1",
    };
    if (gs_cluster_kube_open(&options, &bed->cluster, &err) != 0) {
        print_message("%s\n", err.msg);
    }
    assert_non_null(bed->cluster.ops);
}

static void begin_fake(struct cluster_bed *bed)
{
    api_start(&bed->api, bed->event);
    open_cluster(bed);
}

/* What an earlier behaviour has left on the real one goes. */
static void sweep(struct cluster_bed *bed, const char *path)
{
    json_t *list = json_incref(api_must(&bed->api, "GET", path, NULL, NULL));
    const json_t *items = json_object_get(list, "items");
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *metadata = json_object_get(json_array_get(items, i), "metadata");
        const char *space = json_string_value(json_object_get(metadata, "namespace"));
        const char *name = json_string_value(json_object_get(metadata, "name"));
        char one[700];
        if (space != NULL) {
            snprintf(one, sizeof(one), "/api/v1/namespaces/%s/pods/%s?gracePeriodSeconds=0", space,
                     name);
        } else {
            snprintf(one, sizeof(one), "%s/%s", path, name);
        }
        (void)api_do(&bed->api, "DELETE", one, NULL, NULL);
    }
    json_decref(list);
}

static void begin_real(struct cluster_bed *bed)
{
    assert_true(api_join(&bed->api, bed->event));
    sweep(bed, "/api/v1/pods");
    sweep(bed, "/api/v1/nodes");
    open_cluster(bed);
}

static void end(struct cluster_bed *bed)
{
    api_stop(&bed->api);
}

/* ---- nodes ---- */

static json_t *pairs_of(const struct gs_cluster_pairs *pairs)
{
    json_t *map = json_object();
    for (size_t i = 0; i < pairs->n; i++) {
        json_object_set_new(map, pairs->at[i].key, json_string(pairs->at[i].value));
    }
    return map;
}

static json_t *taints_of(const struct gs_cluster_node *node)
{
    json_t *list = json_array();
    for (size_t i = 0; i < node->n_taints; i++) {
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s}", "key", node->taints[i].key, "value",
                                        node->taints[i].value, "effect", node->taints[i].effect));
    }
    return list;
}

static void put_node(struct cluster_bed *bed, const struct gs_cluster_node *node)
{
    char path[600];
    json_t *whole =
        json_pack("{s:s, s:s, s:{s:s, s:o, s:o}, s:{s:b, s:o}}", "apiVersion", "v1", "kind", "Node",
                  "metadata", "name", node->name, "labels", pairs_of(&node->labels), "annotations",
                  pairs_of(&node->annotations), "spec", "unschedulable", node->unschedulable,
                  "taints", taints_of(node));
    assert_non_null(whole);
    snprintf(path, sizeof(path), "/api/v1/nodes/%s", node->name);
    if (api_do(&bed->api, "POST", "/api/v1/nodes", NULL, json_incref(whole)) == 409) {
        api_must(&bed->api, "PATCH", path, GS_KUBEPATCH_MERGE, json_incref(whole));
    } else {
        assert_int_equal(bed->api.status, 201);
    }
    json_decref(whole);
    if (node->capacity.n + node->allocatable.n > 0) {
        snprintf(path, sizeof(path), "/api/v1/nodes/%s/status", node->name);
        api_must(&bed->api, "PATCH", path, GS_KUBEPATCH_MERGE,
                 json_pack("{s:{s:o, s:o}}", "status", "capacity", pairs_of(&node->capacity),
                           "allocatable", pairs_of(&node->allocatable)));
    }
}

static void remove_node(struct cluster_bed *bed, const char *name)
{
    char path[600];
    snprintf(path, sizeof(path), "/api/v1/nodes/%s", name);
    api_must(&bed->api, "DELETE", path, NULL, NULL);
}

/* ---- pods ---- */

static void set_pod_status(struct cluster_bed *bed, const struct gs_cluster_pod *pod)
{
    static const char *const phases[] = {"Pending", "Running", "Succeeded", "Failed", "Unknown"};
    char path[700];
    json_t *status = json_pack("{s:s}", "phase", phases[pod->phase]);
    if (pod->nominated_node != NULL && pod->nominated_node[0] != '\0') {
        json_object_set_new(status, "nominatedNodeName", json_string(pod->nominated_node));
    }
    snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods/%s/status", pod->name_space,
             pod->name);
    api_must(&bed->api, "PATCH", path, GS_KUBEPATCH_MERGE, json_pack("{s:o}", "status", status));
}

static void put_pod(struct cluster_bed *bed, const struct gs_cluster_pod *pod)
{
    char path[700];
    json_t *limits = json_object();
    for (size_t i = 0; i < pod->n_asks; i++) {
        json_object_set_new(limits, pod->asks[i].resource,
                            json_sprintf("%u", (unsigned)pod->asks[i].count));
    }
    json_t *whole = json_pack("{s:s, s:s, s:{s:s}, s:{s:b, s:[{s:s, s:s, s:{s:o}}]}}", "apiVersion",
                              "v1", "kind", "Pod", "metadata", "name", pod->name, "spec",
                              "automountServiceAccountToken", 0, "containers", "name", "c", "image",
                              "none", "resources", "limits", limits);
    assert_non_null(whole);
    bool bound = pod->node != NULL && pod->node[0] != '\0';
    bool nominated = pod->nominated_node != NULL && pod->nominated_node[0] != '\0';
    if (bound && !nominated) {
        json_object_set_new(json_object_get(whole, "spec"), "nodeName", json_string(pod->node));
    }
    snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods", pod->name_space);
    api_must(&bed->api, "POST", path, NULL, whole);
    set_pod_status(bed, pod);
    if (bound &&
        nominated) { /* the API server takes it in this order only, as the scheduler does */
        snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods/%s/binding", pod->name_space,
                 pod->name);
        api_must(&bed->api, "POST", path, NULL,
                 json_pack("{s:s, s:s, s:{s:s}, s:{s:s, s:s}}", "apiVersion", "v1", "kind",
                           "Binding", "metadata", "name", pod->name, "target", "kind", "Node",
                           "name", pod->node));
    }
}

static void remove_pod(struct cluster_bed *bed, const char *name_space, const char *name)
{
    char path[700];
    snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods/%s?gracePeriodSeconds=0", name_space,
             name);
    api_must(&bed->api, "DELETE", path, NULL, NULL);
}

/* ---- the cable, and events ---- */

static void away(struct cluster_bed *bed, bool is_away)
{
    proxy_shut(&bed->api.proxy, is_away);
}

static bool event(struct cluster_bed *bed, const char *name, uint32_t *ret_count, char *ret_note,
                  size_t size)
{
    char path[600];
    snprintf(path, sizeof(path), "%s/%s", GS_KUBEEVENT_PATH, name);
    if (api_do(&bed->api, "GET", path, NULL, NULL) != 200) {
        return false;
    }
    const json_t *series = json_object_get(bed->api.answer, "series");
    *ret_count = series == NULL || json_is_null(series)
                     ? 1
                     : (uint32_t)json_integer_value(json_object_get(series, "count"));
    snprintf(ret_note, size, "%s", json_string_value(json_object_get(bed->api.answer, "note")));
    return true;
}

static void remove_event(struct cluster_bed *bed, const char *name)
{
    char path[600];
    snprintf(path, sizeof(path), "%s/%s", GS_KUBEEVENT_PATH, name);
    api_must(&bed->api, "DELETE", path, NULL, NULL);
}

const struct cluster_bed_ops cluster_bed_fake = {
    .name = "fake",
    .begin = begin_fake,
    .end = end,
    .put_node = put_node,
    .remove_node = remove_node,
    .put_pod = put_pod,
    .remove_pod = remove_pod,
    .away = away,
    .event = event,
    .remove_event = remove_event,
};

const struct cluster_bed_ops cluster_bed_real = {
    .name = "real",
    .begin = begin_real,
    .end = end,
    .put_node = put_node,
    .remove_node = remove_node,
    .put_pod = put_pod,
    .remove_pod = remove_pod,
    .away = away,
    .event = event,
    .remove_event = remove_event,
};
