#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "controller/pools/work.h"
#include "wire/kubeevent.h"
#include "wire/kubejson.h"
#include "wire/kubepatch.h"

#define APPLY_TYPE "application/apply-patch+yaml"
#define APPLY_QUERY "?fieldManager=gpuslice-controller&force=true"
#define LIMIT_US 10000000ull
#define RETRY_US 5000000ull
#define OLD_CRD_US 600000000ull
enum { PATH_BYTES_MAX = 700, NAME_BYTES_MAX = 254 };

enum kind { POOL, OVERLAY, STATUS, CLAIM, EVENT, STAND_IN, CORDON };

/* A request under way. The object is found again by its name. */
struct gs_pools_call {
    struct gs_pools_call *next;
    struct gs_pools_call *prev;
    struct gs_pools *pools;
    struct gs_kube_call *request;
    enum kind kind;
    bool deletes;
    char name[NAME_BYTES_MAX];
};

static void free_call(struct gs_pools_call *call)
{
    if (call->prev != NULL) {
        call->prev->next = call->next;
    } else {
        call->pools->calls = call->next;
    }
    if (call->next != NULL) {
        call->next->prev = call->prev;
    }
    free(call);
}

void gs_pools_cancel_calls(struct gs_pools *pools)
{
    while (pools->calls != NULL) {
        gs_kube_cancel(pools->calls->request);
        free_call(pools->calls);
    }
}

/* ---- the end of a request ---- */

static void set_acting(struct gs_pools_call *call, bool acting, bool failed)
{
    struct gs_pools *pools = call->pools;
    uint64_t now = 0;
    (void)sd_event_now(gs_kube_event(pools->options.kube), CLOCK_MONOTONIC, &now);
    struct gs_pools_part *part = gs_map_find(&pools->parts, call->name);
    struct gs_pools_owner *owner = gs_map_find(&pools->owners, call->name);
    struct gs_pools_claim *claim = gs_map_find(&pools->claims, call->name);
    uint64_t retry_us = failed ? now + RETRY_US : 0;
    switch (call->kind) {
    case POOL:
        if (part != NULL) {
            part->pool_acting = acting;
            part->retry_us = failed ? retry_us : part->retry_us;
        }
        break;
    case OVERLAY:
        if (part != NULL) {
            part->overlay_acting = acting;
            part->retry_us = failed ? retry_us : part->retry_us;
        }
        break;
    case STATUS:
        if (owner != NULL) {
            owner->writing = acting;
            owner->retry_us = retry_us;
            owner->written = failed ? 0 : owner->written;
        }
        break;
    case CLAIM:
        if (claim != NULL) {
            claim->ending = acting || !failed;
        }
        break;
    case CORDON:
        if (claim != NULL) {
            claim->cordoning = acting;
        }
        break;
    case EVENT:
    case STAND_IN:
        break;
    }
}

static void note_old_crd(struct gs_pools *pools, const struct gs_kubestatus *status)
{
    uint64_t now = 0;
    if (status == NULL || strstr(status->message, "field not declared in schema") == NULL) {
        return;
    }
    (void)sd_event_now(gs_kube_event(pools->options.kube), CLOCK_MONOTONIC, &now);
    pools->old_crd_until_us = now + OLD_CRD_US;
    gs_log_warning("the CRD slicepools.gpuslice.dev is of an older version: status.region and "
                   "status.controller are not written; kubectl apply -f deploy/crds");
}

static void on_done(void *ctx, int result, const struct gs_kube_answer *answer,
                    const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct gs_pools_call *call = ctx;
    struct gs_pools *pools = call->pools;
    bool gone = call->deletes && result == GS_NOT_FOUND;
    bool failed = result != 0 && !gone;
    (void)answer;
    if (failed && call->kind == STATUS) {
        note_old_crd(pools, status);
    }
    if (failed) {
        pools->counts.failed++;
        gs_log_warning("%s: not done: %s", call->name, err->msg);
    }
    set_acting(call, false, failed);
    enum kind kind = call->kind;
    free_call(call);
    if (kind != EVENT && kind != STATUS) {
        pools->options.changed(pools->options.ctx);
    }
}

/* ---- the beginning ---- */

static bool send(struct gs_pools *pools, enum kind kind, const char *name, const char *method,
                 const char *path, struct gs_view body, const char *type)
{
    struct gs_err err = {.code = GS_NO_MEMORY, .msg = "no memory for a request"};
    struct gs_pools_call *call = calloc(1, sizeof(*call));
    if (call == NULL) {
        gs_log_error("%s: %s", name, err.msg);
        return false;
    }
    call->pools = pools;
    call->kind = kind;
    call->deletes = strcmp(method, "DELETE") == 0;
    snprintf(call->name, sizeof(call->name), "%s", name);
    call->next = pools->calls;
    if (call->next != NULL) {
        call->next->prev = call;
    }
    pools->calls = call;
    const struct gs_kube_request request = {
        .method = method,
        .path = path,
        .type = type,
        .body = body,
        .limit_us = LIMIT_US,
        .done = on_done,
        .ctx = call,
    };
    int r = gs_kube_begin(pools->options.kube, &request, &call->request, &err);
    if (r != 0) {
        gs_log_warning("%s %s: %s", method, path, err.msg);
        pools->counts.failed++;
        free_call(call);
        return false;
    }
    pools->counts.requests++;
    set_acting(call, true, false);
    return true;
}

static void apply(struct gs_pools *pools, enum kind kind, const char *name, const json_t *object)
{
    char path[PATH_BYTES_MAX];
    char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);
    if (text == NULL) {
        gs_log_error("%s: no memory for the object", name);
        return;
    }
    snprintf(path, sizeof(path), "%s/%s" APPLY_QUERY,
             kind == POOL ? GS_KARPENTER_POOLS_PATH : GS_KARPENTER_OVERLAYS_PATH, name);
    (void)send(pools, kind, name, "PATCH", path, gs_view(text), APPLY_TYPE);
    free(text);
}

static void delete (struct gs_pools *pools, enum kind kind, const char *name)
{
    char path[PATH_BYTES_MAX];
    snprintf(path, sizeof(path), "%s/%s",
             kind == POOL ? GS_KARPENTER_POOLS_PATH : GS_KARPENTER_OVERLAYS_PATH, name);
    (void)send(pools, kind, name, "DELETE", path, (struct gs_view){.p = NULL}, "");
}

/* ---- NodePools and NodeOverlays ---- */

static void apply_part(struct gs_pools *pools, struct gs_pools_part *part)
{
    const struct gs_karpenter_pool pool = {
        .owner = &part->of->pool,
        .kind = &part->kind,
        .weight = part->weight,
        .overlay_weight = part->overlay_weight,
        .max_nodes = part->max_nodes,
        .replicas = part->replicas,
        .record = part->record,
    };
    GS_AUTO_JSON overlay = gs_karpenter_write_overlay(&pool);
    GS_AUTO_JSON node_pool = gs_karpenter_write_pool(&pool);
    bool is_static = part->of->pool.scaling == GS_SLICEPOOL_STATIC;
    if (!is_static && !part->overlay_acting &&
        (part->overlay == NULL || !gs_karpenter_says(part->overlay, overlay))) {
        apply(pools, OVERLAY, part->name, overlay);
    }
    if (!part->pool_acting && (part->pool == NULL || !gs_karpenter_says(part->pool, node_pool))) {
        apply(pools, POOL, part->name, node_pool);
    }
}

/* Its SlicePool has no such kind of node any more: no more nodes, and it goes when it is empty. */
static void close_unknown(struct gs_pools *pools, struct gs_pools_part *part)
{
    static const char body[] = "{\"spec\":{\"limits\":{\"nodes\":\"0\"}}}";
    char path[PATH_BYTES_MAX];
    if (part->pool == NULL || part->pool_acting || part->has.max_nodes == 0) {
        return;
    }
    snprintf(path, sizeof(path), GS_KARPENTER_POOLS_PATH "/%s", part->name);
    (void)send(pools, POOL, part->name, "PATCH", path, gs_view(body),
               "application/merge-patch+json");
}

/* The NodePool first: without its overlay it would sell whole GPUs. */
static void prune(struct gs_pools *pools, struct gs_pools_part *part)
{
    if (part->pool != NULL && !part->pool_acting && !part->has.deleting) {
        gs_log_info("NodePool %s is not needed any more", part->name);
        delete (pools, POOL, part->name);
    } else if (part->pool == NULL && part->overlay != NULL && !part->overlay_acting) {
        delete (pools, OVERLAY, part->name);
    }
}

static void take_weights(struct gs_pools *pools, struct gs_karpenter_taken *ret)
{
    size_t at = 0;
    *ret = (struct gs_karpenter_taken){.bits = {1}}; /* 0 is none */
    for (const char *entry; (entry = gs_map_next(&pools->foreign, &at)) != NULL;) {
        uint32_t weight;
        memcpy(&weight, entry, sizeof(weight));
        gs_karpenter_take(ret, weight);
    }
    at = 0;
    for (struct gs_pools_part *part; (part = gs_map_next(&pools->parts, &at)) != NULL;) {
        bool taken = part->overlay_weight <= GS_KARPENTER_OVERLAY_WEIGHT_MAX &&
                     (ret->bits[part->overlay_weight / 64] >> part->overlay_weight % 64 & 1u) != 0;
        part->overlay_weight = taken ? 0 : part->overlay_weight;
        gs_karpenter_take(ret, part->overlay_weight);
    }
}

void gs_pools_send_parts(struct gs_pools *pools)
{
    struct gs_karpenter_taken taken;
    size_t at = 0;
    take_weights(pools, &taken);
    pools->counts.nodepools = 0;
    pools->counts.open = 0;
    for (struct gs_pools_part *part; (part = gs_map_next(&pools->parts, &at)) != NULL;) {
        bool orphan = part->of == NULL || part->of->pool.deleting;
        pools->counts.nodepools += part->pool != NULL;
        pools->counts.open += part->known && part->closed[0] == '\0';
        if (orphan || part->of->stale || !gs_pools_serve(pools, part->of) ||
            pools->now_us < part->retry_us) {
            continue; /* the API server removes what belongs to nobody */
        }
        if (gs_pools_is_spent(pools, part)) {
            prune(pools, part);
        } else if (!part->known) {
            close_unknown(pools, part);
        } else if (part->has.name == NULL || !part->has.deleting) {
            if (part->overlay_weight == 0 && part->of->pool.scaling == GS_SLICEPOOL_OVERLAY) {
                part->overlay_weight = gs_karpenter_overlay_weight(&taken, part->name);
            }
            apply_part(pools, part);
        }
    }
}

/* ---- status, NodeClaims, Events ---- */

void gs_pools_send_status(struct gs_pools *pools, struct gs_pools_owner *owner, struct gs_buf *body)
{
    char path[PATH_BYTES_MAX];
    snprintf(path, sizeof(path), GS_SLICEPOOL_PATH "/%s/status" APPLY_QUERY, owner->pool.name);
    (void)send(pools, STATUS, owner->pool.name, "PATCH", path,
               (struct gs_view){.p = gs_buf_text(body), .n = body->len}, APPLY_TYPE);
}

/* About an object that is in no namespace. */
static void tell(struct gs_pools *pools, const struct gs_kubeevent *about)
{
    char name[300];
    char path[PATH_BYTES_MAX];
    GS_CLEANUP(gs_buf_done) struct gs_buf body;
    struct gs_kubeevent event = *about;
    snprintf(name, sizeof(name), "%.200s.%llx.%llx", about->node,
             (unsigned long long)pools->real_us, (unsigned long long)++pools->event_number);
    event.name = name;
    event.controller = "gpuslice.dev/controller";
    event.instance = pools->options.instance;
    event.warning = true;
    event.count = 1;
    event.first_us = event.last_us = pools->real_us;
    gs_buf_init(&body, 16 << 10);
    gs_kubeevent_path(&event, path, sizeof(path));
    if (gs_kubeevent_write(&event, &body, NULL) == 0) {
        (void)send(pools, EVENT, about->node, "POST", path,
                   (struct gs_view){.p = gs_buf_text(&body), .n = body.len}, "application/json");
    }
}

void gs_pools_warn(struct gs_pools *pools, const struct gs_pools_owner *owner, const char *reason,
                   const char *action, const char *text)
{
    tell(pools, &(struct gs_kubeevent){.kind = "SlicePool",
                                       .api = GS_GPUNODE_GROUP "/" GS_GPUNODE_VERSION,
                                       .node = owner->pool.name,
                                       .node_uid = owner->pool.uid,
                                       .reason = reason,
                                       .action = action,
                                       .note = text});
}

/* ---- static NodePools ---- */

void gs_pools_drop_claim(struct gs_pools *pools, struct gs_pools_claim *claim)
{
    char path[PATH_BYTES_MAX];
    gs_log_info("NodeClaim %s is not needed any more", claim->has.name);
    snprintf(path, sizeof(path), GS_KARPENTER_CLAIMS_PATH "/%s", claim->has.name);
    claim->ending =
        send(pools, CLAIM, claim->has.name, "DELETE", path, (struct gs_view){.p = NULL}, "");
}

void gs_pools_cordon(struct gs_pools *pools, struct gs_pools_claim *claim, bool cordon)
{
    char path[PATH_BYTES_MAX];
    GS_AUTO_JSON patch = json_pack("{s:{s:{s:s?}}, s:{s:o}}", "metadata", "annotations",
                                   GS_STORE_LEAVING, cordon ? "true" : NULL, "spec",
                                   "unschedulable", cordon ? json_true() : json_null());
    char *text = patch == NULL ? NULL : json_dumps(patch, JSON_COMPACT);
    snprintf(path, sizeof(path), "/api/v1/nodes/%s", claim->has.node);
    if (text != NULL && !claim->cordoning) {
        (void)send(pools, CORDON, claim->has.name, "PATCH", path, gs_view(text),
                   GS_KUBEPATCH_MERGE);
    }
    free(text);
}

/* ---- stand-ins ---- */

static void pod_path(const char *key, const char *end, char ret[PATH_BYTES_MAX])
{
    const char *slash = strchr(key, '/');
    snprintf(ret, PATH_BYTES_MAX, "/api/v1/namespaces/%.*s/pods%s%s", (int)(slash - key), key,
             end == NULL ? "" : slash, end == NULL ? "" : end);
}

static bool send_pod(struct gs_pools *pools, const char *key, const char *method, const char *path,
                     const json_t *body, const char *type)
{
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    const struct gs_view none = {.p = NULL};
    bool begun =
        (body == NULL || text != NULL) && send(pools, STAND_IN, strchr(key, '/') + 1, method, path,
                                               text == NULL ? none : gs_view(text), type);
    free(text);
    return begun;
}

bool gs_pools_create_pod(struct gs_pools *pools, const char *key, const struct json_t *pod)
{
    char path[PATH_BYTES_MAX];
    pod_path(key, NULL, path);
    return pod != NULL && send_pod(pools, key, "POST", path, pod, "application/json");
}

bool gs_pools_mark_pod(struct gs_pools *pools, const char *key, const struct json_t *patch)
{
    char path[PATH_BYTES_MAX];
    pod_path(key, "/status", path);
    return patch != NULL &&
           send_pod(pools, key, "PATCH", path, patch, "application/merge-patch+json");
}

bool gs_pools_delete_pod(struct gs_pools *pools, const char *key)
{
    char path[PATH_BYTES_MAX];
    pod_path(key, "", path);
    return send_pod(pools, key, "DELETE", path, NULL, "");
}

void gs_pools_end_claim(struct gs_pools *pools, struct gs_pools_claim *claim, const char *why)
{
    char path[PATH_BYTES_MAX];
    tell(pools, &(struct gs_kubeevent){.kind = "NodeClaim",
                                       .api = "karpenter.sh/v1",
                                       .node = claim->has.name,
                                       .node_uid = claim->has.uid,
                                       .reason = "NodeNeverReady",
                                       .action = "Delete",
                                       .note = why});
    snprintf(path, sizeof(path), GS_KARPENTER_CLAIMS_PATH "/%s", claim->has.name);
    claim->ending =
        send(pools, CLAIM, claim->has.name, "DELETE", path, (struct gs_view){.p = NULL}, "");
}
