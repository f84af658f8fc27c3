#include "wire/gpunode.h"

#include "wire/gpunode_names.h"
#include "wire/jsonwrite.h"

const char *const gs_gpunode_states[GS_GPUNODE_STATES] = {
    [GS_GPUNODE_FREE] = "Free",       [GS_GPUNODE_HELD] = "Held", [GS_GPUNODE_GRANTED] = "Granted",
    [GS_GPUNODE_LEAVING] = "Leaving", [GS_GPUNODE_SICK] = "Sick",
};

const char *const gs_gpunode_results[GS_GPUNODE_RESULTS] = {
    [GS_GPUNODE_NONE] = "None",       [GS_GPUNODE_RUNNING] = "Running",
    [GS_GPUNODE_DONE] = "Done",       [GS_GPUNODE_STALE] = "Stale",
    [GS_GPUNODE_BUSY] = "Busy",       [GS_GPUNODE_FAILED] = "Failed",
    [GS_GPUNODE_REFUSED] = "Refused",
};

const char *gs_gpunode_state_text(enum gs_gpunode_slice_state state)
{
    return gs_gpunode_states[state];
}

const char *gs_gpunode_result_text(enum gs_gpunode_result result)
{
    return gs_gpunode_results[result];
}

/* ---- Parts ---- */

static void put_pod(struct gs_jsonwrite *json, const char *key, const struct gs_gpunode_pod *pod)
{
    gs_jsonwrite_open(json, key, '{');
    gs_jsonwrite_text(json, "namespace", pod->name_space);
    gs_jsonwrite_text(json, "name", pod->name);
    gs_jsonwrite_some(json, "uid", pod->uid);
    gs_jsonwrite_close(json, '}');
}

static void put_slice(struct gs_jsonwrite *json, const struct gs_gpunode_slice *slice)
{
    char profile[GS_PROFILE_NAME_MAX + 1];
    gs_profile_name_format(&slice->profile, profile);
    gs_jsonwrite_open(json, NULL, '{');
    gs_jsonwrite_text(json, "profile", profile);
    gs_jsonwrite_number(json, "start", slice->start);
    gs_jsonwrite_number(json, "size", slice->size);
    gs_jsonwrite_text(json, "state", gs_gpunode_state_text(slice->state));
    gs_jsonwrite_bool(json, "plain", slice->plain);
    gs_jsonwrite_some(json, "resource", slice->resource);
    gs_jsonwrite_some(json, "uuid", slice->uuid);
    if (slice->holder.name != NULL && slice->holder.name[0] != '\0') {
        put_pod(json, "holder", &slice->holder);
    }
    gs_jsonwrite_close(json, '}');
}

static void put_decision(struct gs_jsonwrite *json, const struct gs_gpunode_decision *decision)
{
    if (decision->result == GS_GPUNODE_NONE) {
        return;
    }
    gs_jsonwrite_open(json, "decision", '{');
    gs_jsonwrite_text(json, "id", decision->id);
    gs_jsonwrite_text(json, "result", gs_gpunode_result_text(decision->result));
    gs_jsonwrite_some(json, "message", decision->message);
    gs_jsonwrite_time(json, "at", decision->at_us);
    gs_jsonwrite_close(json, '}');
}

static void put_gpu(struct gs_jsonwrite *json, const struct gs_gpunode_gpu *gpu)
{
    gs_jsonwrite_open(json, NULL, '{');
    gs_jsonwrite_text(json, "uuid", gpu->uuid);
    gs_jsonwrite_number(json, "index", gpu->index);
    gs_jsonwrite_some(json, "model", gpu->model);
    gs_jsonwrite_some(json, "product", gpu->product);
    gs_jsonwrite_bool(json, "mig", gpu->mig);
    gs_jsonwrite_bool(json, "held", gpu->whole_held);
    gs_jsonwrite_bool(json, "healthy", gpu->healthy);
    gs_jsonwrite_number(json, "revision", gpu->revision);
    gs_jsonwrite_open(json, "slices", '[');
    for (unsigned i = 0; i < gpu->n_slices; i++) {
        put_slice(json, &gpu->slices[i]);
    }
    gs_jsonwrite_close(json, ']');
    put_decision(json, &gpu->decision);
    gs_jsonwrite_close(json, '}');
}

void gs_gpunode_put_conditions(struct gs_jsonwrite *json,
                               const struct gs_gpunode_condition *conditions, unsigned n)
{
    gs_jsonwrite_open(json, "conditions", '[');
    for (unsigned i = 0; i < n; i++) {
        gs_jsonwrite_open(json, NULL, '{');
        gs_jsonwrite_text(json, "type", conditions[i].type);
        gs_jsonwrite_text(json, "status", conditions[i].is_true ? "True" : "False");
        gs_jsonwrite_text(json, "reason", conditions[i].reason);
        gs_jsonwrite_text(json, "message", conditions[i].message);
        gs_jsonwrite_time(json, "lastTransitionTime", conditions[i].since_us);
        gs_jsonwrite_close(json, '}');
    }
    gs_jsonwrite_close(json, ']');
}

/* For the columns of `kubectl get`: what nobody wants to count by hand. */
static void put_summary(struct gs_jsonwrite *json, const struct gs_gpunode *node)
{
    unsigned slices = 0;
    unsigned free_slices = 0;
    for (unsigned i = 0; i < node->n_gpus; i++) {
        slices += node->gpus[i].n_slices;
        for (unsigned k = 0; k < node->gpus[i].n_slices; k++) {
            free_slices += node->gpus[i].slices[k].state == GS_GPUNODE_FREE;
        }
    }
    gs_jsonwrite_open(json, "summary", '{');
    gs_jsonwrite_number(json, "gpus", node->n_gpus);
    gs_jsonwrite_number(json, "slices", slices);
    gs_jsonwrite_number(json, "freeSlices", free_slices);
    gs_jsonwrite_close(json, '}');
}

static void put_wish(struct gs_jsonwrite *json, const struct gs_gpunode_wish *wish)
{
    gs_jsonwrite_open(json, NULL, '{');
    gs_jsonwrite_text(json, "uuid", wish->uuid);
    gs_jsonwrite_text(json, "id", wish->id);
    gs_jsonwrite_number(json, "basedOn", wish->based_on);
    gs_jsonwrite_text(json, "layout", wish->layout);
    gs_jsonwrite_some(json, "reason", wish->reason);
    gs_jsonwrite_open(json, "pods", '[');
    for (unsigned i = 0; i < wish->n_pods; i++) {
        put_pod(json, NULL, &wish->pods[i]);
    }
    gs_jsonwrite_close(json, ']');
    gs_jsonwrite_close(json, '}');
}

/* ---- The object ---- */

static void put_head(struct gs_jsonwrite *json, const struct gs_gpunode *node)
{
    gs_jsonwrite_open(json, NULL, '{');
    gs_jsonwrite_text(json, "apiVersion", GS_GPUNODE_GROUP "/" GS_GPUNODE_VERSION);
    gs_jsonwrite_text(json, "kind", "GpuNode");
    gs_jsonwrite_open(json, "metadata", '{');
    gs_jsonwrite_text(json, "name", node->name);
}

static void put_owner(struct gs_jsonwrite *json, const struct gs_gpunode *node)
{
    gs_jsonwrite_open(json, "ownerReferences", '[');
    gs_jsonwrite_open(json, NULL, '{');
    gs_jsonwrite_text(json, "apiVersion", "v1");
    gs_jsonwrite_text(json, "kind", "Node");
    gs_jsonwrite_text(json, "name", node->name);
    gs_jsonwrite_text(json, "uid", node->node_uid);
    gs_jsonwrite_close(json, '}');
    gs_jsonwrite_close(json, ']');
}

int gs_gpunode_write_status(const struct gs_gpunode *node, struct gs_buf *out, struct gs_err *err)
{
    struct gs_jsonwrite json = {.out = out};
    put_head(&json, node);
    if (node->node_uid != NULL && node->node_uid[0] != '\0') {
        put_owner(&json, node);
    }
    gs_jsonwrite_close(&json, '}');
    gs_jsonwrite_open(&json, "status", '{');
    gs_jsonwrite_some(&json, "agent", node->agent);
    if (node->seen_us != 0) {
        gs_jsonwrite_time(&json, "seen", node->seen_us);
    }
    gs_jsonwrite_open(&json, "gpus", '[');
    for (unsigned i = 0; i < node->n_gpus; i++) {
        put_gpu(&json, &node->gpus[i]);
    }
    gs_jsonwrite_close(&json, ']');
    put_summary(&json, node);
    gs_gpunode_put_conditions(&json, node->conditions, node->n_conditions);
    gs_jsonwrite_close(&json, '}');
    gs_jsonwrite_close(&json, '}');
    return gs_jsonwrite_end(&json, "the status of a GpuNode", err);
}

int gs_gpunode_write_spec(const struct gs_gpunode *node, struct gs_buf *out, struct gs_err *err)
{
    struct gs_jsonwrite json = {.out = out};
    put_head(&json, node);
    if (node->resource_version != NULL && node->resource_version[0] != '\0') {
        gs_jsonwrite_text(&json, "resourceVersion", node->resource_version);
    }
    gs_jsonwrite_close(&json, '}');
    gs_jsonwrite_open(&json, "spec", '{');
    gs_jsonwrite_open(&json, "gpus", '[');
    for (unsigned i = 0; i < node->n_wishes; i++) {
        put_wish(&json, &node->wishes[i]);
    }
    gs_jsonwrite_close(&json, ']');
    gs_jsonwrite_close(&json, '}');
    gs_jsonwrite_close(&json, '}');
    return gs_jsonwrite_end(&json, "the spec of a GpuNode", err);
}
