#include "cli/cluster/scene.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "wire/kubejson.h"

#define ARENA_BYTES_MAX ((size_t)4 << 30)
#define DECIDER_BYTES_MAX ((size_t)256 << 20)
#define LEASE_NAME "gpuslice-controller"
#define WEBHOOK_NAME "gpuslice"

static const struct source {
    const char *kind;
    const char *path;
    const char *selector;
} sources[GS_SCENE_KINDS] = {
    [GS_SCENE_NODES] = {"Node", "/api/v1/nodes", ""},
    [GS_SCENE_GPUNODES] = {"GpuNode", GS_GPUNODE_PATH, ""},
    [GS_SCENE_PODS] = {"Pod", "/api/v1/pods", ""},
    [GS_SCENE_SLICEPOOLS] = {"SlicePool", GS_SLICEPOOL_PATH, ""},
    [GS_SCENE_CLAIMS] = {"NodeClaim", "/apis/karpenter.sh/v1/nodeclaims", ""},
    [GS_SCENE_LEASES] = {"Lease", "/apis/coordination.k8s.io/v1/leases",
                         "fieldSelector=metadata.name%3D" LEASE_NAME},
    [GS_SCENE_WEBHOOKS] = {"MutatingWebhookConfiguration",
                           "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
                           "fieldSelector=metadata.name%3D" WEBHOOK_NAME},
};

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the cluster");
}

const char *gs_scene_kind_name(enum gs_scene_kind kind)
{
    return sources[kind].kind;
}

void gs_scene_init(struct gs_scene *scene, struct gs_link *link)
{
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    *scene = (struct gs_scene){.link = link, .lease = {.name = ""}};
    scene->real_us = (uint64_t)at.tv_sec * 1000000 + (uint64_t)at.tv_nsec / 1000;
    scene->at_us = scene->real_us;
    gs_arena_init(&scene->arena, &gs_alloc_heap, ARENA_BYTES_MAX);
    gs_arena_init(&scene->decider_arena, &gs_alloc_heap, DECIDER_BYTES_MAX);
    gs_store_init(&scene->store);
}

void gs_scene_done(struct gs_scene *scene)
{
    if (scene->decider != NULL) {
        gs_rules_done(&scene->rules);
        gs_nodes_view_done(&scene->view);
    }
    gs_claims_free(scene->volumes);
    gs_movers_done(&scene->movers);
    gs_store_done(&scene->store);
    gs_map_done(&scene->gpunodes);
    json_decref(scene->object);
    gs_arena_done(&scene->decider_arena);
    gs_arena_done(&scene->arena);
}

/* ---- one object of each kind ---- */

/* Its GPUs are as old as the agent's last sign: so that who is silent is seen as the controller
 * sees it. */
static int take_gpunode(struct gs_scene *scene, const json_t *object, struct gs_err *err)
{
    struct gs_scene_gpunode *one = GS_ARENA_NEW(&scene->arena, struct gs_scene_gpunode, 1);
    int r =
        one == NULL ? no_memory(err) : gs_gpunode_parse(object, &scene->arena, &one->object, err);
    if (r != 0) {
        return r;
    }
    uint64_t at = one->object.seen_us < scene->real_us ? one->object.seen_us : scene->real_us;
    r = gs_store_gpunode(&scene->store, object, false, at, err);
    return r == 0 && !gs_map_put(&scene->gpunodes, one->object.name, one) ? no_memory(err) : r;
}

static const char *text_at(const json_t *object, const char *part, const char *key)
{
    const char *text = json_string_value(json_object_get(json_object_get(object, part), key));
    return text == NULL || !gs_kubejson_is_printable(text) ? "" : text;
}

static bool is_true_condition(const json_t *object, const char *wanted)
{
    const json_t *list = json_object_get(json_object_get(object, "status"), "conditions");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        const char *type = json_string_value(json_object_get(one, "type"));
        const char *status = json_string_value(json_object_get(one, "status"));
        if (type != NULL && status != NULL && strcmp(type, wanted) == 0) {
            return strcmp(status, "True") == 0;
        }
    }
    return false;
}

/* A pod of ours, by the label that the chart and the plain files give it. */
static int note_program(struct gs_scene *scene, const json_t *object, struct gs_err *err)
{
    const json_t *metadata = json_object_get(object, "metadata");
    const char *name = text_at(metadata, "labels", "app.kubernetes.io/name");
    bool agent = strcmp(name, "gpuslice-agent") == 0;
    if (!agent && strcmp(name, "gpuslice-controller") != 0) {
        return 0;
    }
    const json_t *containers = json_object_get(json_object_get(object, "spec"), "containers");
    const char *image = json_string_value(json_object_get(json_array_get(containers, 0), "image"));
    const char *node = text_at(object, "spec", "nodeName");
    if (!gs_arena_room(&scene->arena, &scene->programs, &scene->cap_programs, scene->n_programs,
                       sizeof(*scene->programs))) {
        return no_memory(err);
    }
    struct gs_scene_program program = {
        .pod = gs_arena_printf(&scene->arena, "%s/%s", text_at(object, "metadata", "namespace"),
                               text_at(object, "metadata", "name")),
        .image = gs_arena_printf(&scene->arena, "%s",
                                 image == NULL || !gs_kubejson_is_printable(image) ? "" : image),
        .node = gs_arena_text(&scene->arena, node, strlen(node)),
        .ready = is_true_condition(object, "Ready"),
        .is_agent = agent,
    };
    if (program.pod == NULL || program.image == NULL || program.node == NULL) {
        return no_memory(err);
    }
    scene->programs[scene->n_programs++] = program;
    return 0;
}

static int take_pod(struct gs_scene *scene, const json_t *object, struct gs_err *err)
{
    const char *space = text_at(object, "metadata", "namespace");
    const char *name = text_at(object, "metadata", "name");
    size_t n = strlen(space);
    if (scene->wanted != NULL && strncmp(scene->wanted, space, n) == 0 && scene->wanted[n] == '/' &&
        strcmp(scene->wanted + n + 1, name) == 0) {
        json_decref(scene->object);
        scene->object = json_deep_copy(object);
        if (scene->object == NULL) {
            return no_memory(err);
        }
    }
    int r = note_program(scene, object, err);
    return r == 0 ? gs_store_pod(&scene->store, object, false, scene->real_us, err) : r;
}

static int take_pool(struct gs_scene *scene, const json_t *object, struct gs_err *err)
{
    struct gs_scene_pool *pool = GS_ARENA_NEW(&scene->arena, struct gs_scene_pool, 1);
    if (pool == NULL || !gs_arena_room(&scene->arena, &scene->pools, &scene->cap_pools,
                                       scene->n_pools, sizeof(*scene->pools))) {
        return no_memory(err);
    }
    int r = gs_slicepool_parse(object, &scene->arena, &pool->spec, err);
    r = r == 0 ? gs_slicepool_parse_status(object, &scene->arena, &pool->status, err) : r;
    pool->said = json_object_get(object, "status") != NULL;
    scene->n_pools += r == 0;
    if (r == 0) {
        scene->pools[scene->n_pools - 1] = pool;
    }
    return r;
}

static int take_claim(struct gs_scene *scene, const json_t *object, struct gs_err *err)
{
    const json_t *metadata = json_object_get(object, "metadata");
    struct gs_karpenter_claim_seen *claim =
        GS_ARENA_NEW(&scene->arena, struct gs_karpenter_claim_seen, 1);
    if (text_at(metadata, "labels", "gpuslice.dev/slicepool")[0] == '\0') {
        return 0;
    }
    if (claim == NULL || !gs_arena_room(&scene->arena, &scene->claims, &scene->cap_claims,
                                        scene->n_claims, sizeof(*scene->claims))) {
        return no_memory(err);
    }
    int r = gs_karpenter_read_claim(object, &scene->arena, claim, err);
    if (r == 0) {
        scene->claims[scene->n_claims++] = claim;
    }
    return r;
}

/* Of several namespaces the one that was renewed last. */
static int take_lease(struct gs_scene *scene, const json_t *object, struct gs_err *err)
{
    struct gs_kubelease lease;
    int r = gs_kubelease_parse(object, &scene->arena, &lease, err);
    if (r == 0 && strcmp(lease.name, LEASE_NAME) == 0 &&
        (scene->lease.name[0] == '\0' || lease.renewed_us > scene->lease.renewed_us)) {
        scene->lease = lease;
    }
    return r;
}

static void take_webhook(struct gs_scene *scene, const json_t *object)
{
    const json_t *hook = json_array_get(json_object_get(object, "webhooks"), 0);
    if (strcmp(text_at(object, "metadata", "name"), WEBHOOK_NAME) == 0) {
        scene->has_webhook = true;
        scene->has_ca = json_string_length(
                            json_object_get(json_object_get(hook, "clientConfig"), "caBundle")) > 0;
    }
}

static int take(struct gs_scene *scene, enum gs_scene_kind kind, const json_t *object,
                struct gs_err *err)
{
    switch (kind) {
    case GS_SCENE_NODES:
        return gs_store_node(&scene->store, object, false, err);
    case GS_SCENE_GPUNODES:
        return take_gpunode(scene, object, err);
    case GS_SCENE_PODS:
        return take_pod(scene, object, err);
    case GS_SCENE_SLICEPOOLS:
        return take_pool(scene, object, err);
    case GS_SCENE_CLAIMS:
        return take_claim(scene, object, err);
    case GS_SCENE_LEASES:
        return take_lease(scene, object, err);
    case GS_SCENE_WEBHOOKS:
        take_webhook(scene, object);
        return 0;
    case GS_SCENE_KINDS:
        break;
    }
    return 0;
}

int gs_scene_take(struct gs_scene *scene, enum gs_scene_kind kind, const json_t *object,
                  struct gs_err *err)
{
    struct gs_err why = {.code = GS_OK};
    int r = take(scene, kind, object, &why);
    if (r == GS_INVALID || r == GS_LIMIT) { /* the others count */
        scene->why = scene->left_out++ == 0 ? why : scene->why;
        return 0;
    }
    if (r != 0 && err != NULL) {
        *err = why;
    }
    return r;
}

/* ---- reading ---- */

static int on_object(void *ctx, const struct json_t *object, struct gs_err *err)
{
    const struct gs_scene_taker *taker = ctx;
    return gs_scene_take(taker->scene, taker->kind, object, err);
}

/* A list that begins anew, as it took the server too long: what was taken is taken again, by the
 * same names. */
static void on_begin(void *ctx)
{
    const struct gs_scene_taker *taker = ctx;
    struct gs_scene *scene = taker->scene;
    scene->n_pools = taker->kind == GS_SCENE_SLICEPOOLS ? 0 : scene->n_pools;
    scene->n_claims = taker->kind == GS_SCENE_CLAIMS ? 0 : scene->n_claims;
    scene->n_programs = taker->kind == GS_SCENE_PODS ? 0 : scene->n_programs;
}

bool gs_scene_has(const struct gs_scene *scene, enum gs_scene_kind kind)
{
    return scene->lists[kind].result == 0;
}

/* What nobody could go on with: no answer, or none of the kinds that everything is about. */
static int check(const struct gs_scene *scene, struct gs_err *err)
{
    static const enum gs_scene_kind kinds[] = {GS_SCENE_NODES, GS_SCENE_PODS, GS_SCENE_GPUNODES};
    const struct gs_link_list *first = NULL;
    unsigned none = 0;
    for (unsigned i = 0; i < GS_SCENE_KINDS; i++) {
        const struct gs_link_list *list = &scene->lists[i];
        if (list->result != 0 && list->status == 0 && list->result != GS_NOT_FOUND) {
            *err = list->err;
            return list->result;
        }
    }
    for (size_t i = 0; i < GS_ARRAY_LEN(kinds); i++) {
        const struct gs_link_list *list = &scene->lists[kinds[i]];
        none += list->result != 0;
        first = list->result != 0 && first == NULL ? list : first;
    }
    if (none == GS_ARRAY_LEN(kinds) || (first != NULL && first->status == 401)) {
        *err = first->err;
        return first->result;
    }
    return 0;
}

static void begin_list(struct gs_scene *scene, enum gs_scene_kind kind)
{
    scene->takers[kind] = (struct gs_scene_taker){.scene = scene, .kind = kind};
    scene->lists[kind] = (struct gs_link_list){
        .kind = sources[kind].kind,
        .path = sources[kind].path,
        .selector = sources[kind].selector,
        .begin = on_begin,
        .take = on_object,
        .ctx = &scene->takers[kind],
    };
    gs_link_begin_list(scene->link, &scene->lists[kind]);
}

void gs_scene_reread(struct gs_scene *scene)
{
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    scene->real_us = (uint64_t)at.tv_sec * 1000000 + (uint64_t)at.tv_nsec / 1000;
    gs_scene_forget(scene);
    gs_arena_done(&scene->arena);
    gs_arena_init(&scene->arena, &gs_alloc_heap, ARENA_BYTES_MAX);
    begin_list(scene, GS_SCENE_SLICEPOOLS);
    begin_list(scene, GS_SCENE_CLAIMS);
    begin_list(scene, GS_SCENE_LEASES);
}

int gs_scene_read(struct gs_scene *scene, const char *region, struct gs_err *err)
{
    scene->asked_region = region;
    scene->env_region = getenv("AWS_REGION");
    gs_store_listing(&scene->store, GS_STORE_NODES);
    for (unsigned i = 0; i < GS_SCENE_KINDS; i++) {
        begin_list(scene, (enum gs_scene_kind)i);
    }
    int r = gs_link_wait(scene->link, err);
    r = r == 0 ? check(scene, err) : r;
    r = r == 0 ? gs_scene_read_volumes(scene, err) : r;
    return r == 0 ? gs_scene_settle(scene, err) : r;
}

/* ---- asking ---- */

static int by_name(const void *a, const void *b, void *ctx)
{
    const struct gs_scene *scene = ctx;
    return strcmp(scene->view.nodes[*(const uint32_t *)a].name,
                  scene->view.nodes[*(const uint32_t *)b].name);
}

const uint32_t *gs_scene_by_name(struct gs_scene *scene)
{
    uint32_t *order = GS_ARENA_NEW(&scene->arena, uint32_t, scene->view.n);
    for (uint32_t i = 0; order != NULL && i < scene->view.n; i++) {
        order[i] = i;
    }
    if (order != NULL && scene->view.n > 0) {
        qsort_r(order, scene->view.n, sizeof(*order), by_name, scene);
    }
    return order;
}

const struct gs_gpunode *gs_scene_gpus(const struct gs_scene *scene, const char *node)
{
    const struct gs_scene_gpunode *one = gs_map_find(&scene->gpunodes, node);
    return one == NULL ? NULL : &one->object;
}

uint64_t gs_scene_age_s(const struct gs_scene *scene, uint64_t at_us)
{
    return at_us < scene->real_us ? (scene->real_us - at_us) / 1000000 : 0;
}

bool gs_scene_is_led(const struct gs_scene *scene)
{
    return scene->lease.name[0] != '\0' && scene->lease.holder[0] != '\0' &&
           gs_scene_age_s(scene, scene->lease.renewed_us) <= scene->lease.duration_s;
}

const char *gs_scene_controller(const struct gs_scene *scene)
{
    for (size_t i = 0; i < scene->n_pools; i++) {
        const char *version = scene->pools[i]->status.controller;
        if (version != NULL && version[0] != '\0') {
            return version;
        }
    }
    return NULL;
}

bool gs_scene_is_silent(const struct gs_scene *scene, const struct gs_gpunode *gpus)
{
    return gs_scene_age_s(scene, gpus->seen_us) >= GS_SCENE_SILENT_S;
}

void gs_scene_format_age(uint64_t s, char ret[GS_SCENE_AGE_MAX])
{
    static const struct {
        uint64_t from_s;
        uint64_t unit_s;
        const char *unit;
    } units[] = {{172800, 86400, "d"}, {7200, 3600, "h"}, {120, 60, "min"}, {0, 1, "s"}};
    size_t i = 0;
    while (s < units[i].from_s) {
        i++;
    }
    (void)snprintf(ret, GS_SCENE_AGE_MAX, "%llu %s", (unsigned long long)(s / units[i].unit_s),
                   units[i].unit);
}
