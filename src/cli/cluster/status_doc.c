#include <stdio.h>
#include <string.h>

#include "cli/cluster/status.h"
#include "cli/cluster/text.h"

static void put_slices(struct gs_result *result, json_t *at, const struct gs_gpunode_gpu *gpu)
{
    json_t *list = gs_result_array(result, at, "slices");
    for (unsigned i = 0; i < gpu->n_slices; i++) {
        const struct gs_gpunode_slice *slice = &gpu->slices[i];
        json_t *one = gs_result_object(result, list, NULL);
        char name[GS_PROFILE_NAME_MAX + 1];
        gs_profile_name_format(&slice->profile, name);
        gs_result_text(result, one, "profile", name);
        gs_result_number(result, one, "start", slice->start);
        gs_result_text(result, one, "state", gs_gpunode_state_text(slice->state));
        if (slice->holder.name[0] == '\0') {
            gs_result_null(result, one, "pod");
        } else {
            char pod[600];
            (void)snprintf(pod, sizeof(pod), "%s/%s", slice->holder.name_space, slice->holder.name);
            gs_result_text(result, one, "pod", pod);
        }
    }
}

static void put_gpus(struct gs_result *result, json_t *at, const struct gs_gpunode *gpus)
{
    json_t *list = gs_result_array(result, at, "gpus");
    for (unsigned i = 0; i < gpus->n_gpus; i++) {
        const struct gs_gpunode_gpu *gpu = &gpus->gpus[i];
        json_t *one = gs_result_object(result, list, NULL);
        gs_result_number(result, one, "index", gpu->index);
        gs_result_text(result, one, "uuid", gpu->uuid);
        gs_result_text(result, one, "model", gpu->model[0] == '\0' ? NULL : gpu->model);
        gs_result_bool(result, one, "cut", gpu->mig);
        gs_result_bool(result, one, "healthy", gpu->healthy);
        if (gpu->mig) {
            put_slices(result, one, gpu);
        } else {
            gs_result_bool(result, one, "inUse", gpu->whole_held);
        }
    }
}

static void put_recuts(struct gs_result *result, json_t *at, const struct gs_store_node *node)
{
    json_t *list = gs_result_array(result, at, "recuts");
    for (const struct gs_store_wish *wish = node->wishes; wish != NULL; wish = wish->next) {
        json_t *one = gs_result_object(result, list, NULL);
        gs_result_text(result, one, "gpu", wish->wish.uuid);
        gs_result_text(result, one, "layout", wish->wish.layout);
        gs_result_text(result, one, "reason", wish->wish.reason);
        json_t *pods = gs_result_array(result, one, "pods");
        for (unsigned i = 0; i < wish->wish.n_pods; i++) {
            char pod[600];
            (void)snprintf(pod, sizeof(pod), "%s/%s", wish->wish.pods[i].name_space,
                           wish->wish.pods[i].name);
            gs_result_text(result, pods, NULL, pod);
        }
    }
}

static void put_nodes(const struct gs_status *status, struct gs_result *result)
{
    json_t *list = gs_result_array(result, result->root, "nodes");
    for (size_t i = 0; i < status->n_nodes; i++) {
        const struct gs_status_node *node = &status->nodes[i];
        json_t *one = gs_result_object(result, list, NULL);
        gs_result_text(result, one, "name", node->node->name);
        gs_result_text(result, one, "state", node->state);
        gs_result_text(result, one, "slicePool",
                       node->node->slicepool == NULL || node->node->slicepool[0] == '\0'
                           ? NULL
                           : node->node->slicepool);
        if (node->gpus == NULL) {
            gs_result_null(result, one, "agent");
            continue;
        }
        gs_result_text(result, one, "agent", node->gpus->agent);
        gs_put_time(result, one, "seen", node->gpus->seen_us);
        gs_result_bool(result, one, "silent", node->silent);
        gs_result_number(result, one, "slices", node->slices);
        gs_result_number(result, one, "held", node->held);
        gs_result_number(result, one, "idle", node->idle);
        gs_result_number(result, one, "promised", node->promised);
        put_gpus(result, one, node->gpus);
        put_recuts(result, one, node->node);
    }
}

static void put_limit(struct gs_result *result, json_t *at, const char *key, uint64_t limit,
                      unsigned places)
{
    if (limit == UINT64_MAX) {
        gs_result_null(result, at, key);
    } else {
        gs_result_fixed(result, at, key, limit, places);
    }
}

static void put_pools(const struct gs_scene *scene, struct gs_result *result)
{
    if (!gs_scene_has(scene, GS_SCENE_SLICEPOOLS)) {
        gs_result_null(result, result->root, "slicePools");
        return;
    }
    json_t *list = gs_result_array(result, result->root, "slicePools");
    for (size_t i = 0; i < scene->n_pools; i++) {
        const struct gs_scene_pool *pool = scene->pools[i];
        json_t *one = gs_result_object(result, list, NULL);
        gs_result_text(result, one, "name", pool->spec.name);
        if (pool->said) {
            gs_result_number(result, one, "gpus", pool->status.gpus);
            gs_result_fixed(result, one, "usdPerHour", pool->status.uusd, 6);
        } else {
            gs_result_null(result, one, "gpus");
            gs_result_null(result, one, "usdPerHour");
        }
        put_limit(result, one, "gpusLimit", pool->spec.gpus_limit, 0);
        put_limit(result, one, "usdPerHourLimit", pool->spec.uusd_limit, 6);
        json_t *conditions = gs_result_array(result, one, "conditions");
        for (unsigned k = 0; k < pool->status.n_conditions; k++) {
            const struct gs_gpunode_condition *is = &pool->status.conditions[k];
            json_t *condition = gs_result_object(result, conditions, NULL);
            gs_result_text(result, condition, "type", is->type);
            gs_result_bool(result, condition, "true", is->is_true);
            gs_result_text(result, condition, "reason", is->reason);
            gs_result_text(result, condition, "message", is->message);
        }
    }
}

static void put_waiting(const struct gs_status *status, struct gs_result *result)
{
    json_t *list = gs_result_array(result, result->root, "waiting");
    for (size_t i = 0; i < status->n_waiting; i++) {
        const struct gs_case_row *row = &status->waiting[i];
        const struct gs_kubewait *wait = &row->pod->waiting->wait;
        json_t *one = gs_result_object(result, list, NULL);
        gs_result_text(result, one, "pod", row->pod->key);
        gs_put_time(result, one, "created", wait->created_us);
        gs_result_bool(result, one, "gated", wait->gated);
        gs_result_number(result, one, "otherGates", wait->n_others);
        gs_result_text(result, one, "decision",
                       row->decided ? gs_case_decision_word(row->decision->what) : NULL);
        gs_result_text(result, one, "says", row->says);
    }
}

void gs_status_put_doc(const struct gs_status *status, struct gs_result *result)
{
    size_t n =
        status->n_problems < GS_STATUS_PROBLEMS_MAX ? status->n_problems : GS_STATUS_PROBLEMS_MAX;
    json_t *problems = gs_result_array(result, result->root, "problems");
    for (size_t i = 0; i < n; i++) {
        gs_result_text(result, problems, NULL, status->problems[i]);
    }
    gs_put_controller_doc(status->scene, result, result->root);
    gs_put_region_doc(status->scene, result, result->root);
    put_nodes(status, result);
    put_pools(status->scene, result);
    put_waiting(status, result);
    gs_put_unread_doc(status->scene, result, result->root);
}
