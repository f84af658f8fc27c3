#include "node/offer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/offer_kind.h"

#define DOMAIN "nvidia.com/"
#define WHOLE DOMAIN "gpu"

/* Devices of one kind while they are gathered. */
struct gathered {
    char name[GS_RESOURCE_NAME_MAX + 1]; /* before sharing */
    struct gs_offer_device *devices;
    size_t n;
    size_t cap;
};

struct builder {
    struct gs_arena *arena;
    const struct gs_snapshot *snapshot;
    const struct gs_agentconfig *config;
    struct gs_conditions conditions;
    struct gathered kinds[GS_OFFER_RESOURCES_MAX];
    unsigned n_kinds;
    struct gs_err *err;
};

static int fail_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for what is offered");
}

int gs_offer_mig_name(const struct gs_profile_name *profile,
                      char ret_name[GS_RESOURCE_NAME_MAX + 1], struct gs_err *err)
{
    char name[GS_PROFILE_NAME_MAX + 5];
    gs_profile_name_resource(profile, name);
    size_t n = strlen(DOMAIN) + strlen(name);
    if (n > GS_RESOURCE_NAME_MAX) {
        return gs_fail(err, GS_LIMIT, "%s%s has %zu characters; the name of a resource may have %d",
                       DOMAIN, name, n, GS_RESOURCE_NAME_MAX);
    }
    snprintf(ret_name, GS_RESOURCE_NAME_MAX + 1, "%s%s", DOMAIN, name);
    return 0;
}

static int add_condition(struct builder *b, enum gs_condition_code code, const char *subject,
                         const char *text)
{
    return gs_conditions_add(&b->conditions, b->arena, code, subject, "%s", text) < 0
               ? fail_memory(b->err)
               : 0;
}

/* What a GPU has that people should know of. */
static int note_gpu(struct builder *b, const struct gs_snapshot_gpu *gpu)
{
    char text[300];
    int r = 0;
    if (gpu->lost) {
        snprintf(text, sizeof(text),
                 "GPU %u (%s) does not answer; its devices are unhealthy until it is there again",
                 gpu->facts.index, gpu->facts.uuid);
        r = add_condition(b, GS_COND_GPU_LOST, gpu->facts.uuid, text);
    }
    if (r == 0 && gpu->facts.mode != gpu->facts.pending) {
        snprintf(text, sizeof(text),
                 "GPU %u (%s): MIG is %s and will be %s at its next reset; it is offered as it is",
                 gpu->facts.index, gpu->facts.uuid, gpu->facts.mode == GS_MIG_ON ? "on" : "off",
                 gpu->facts.pending == GS_MIG_ON ? "on" : "off");
        r = add_condition(b, GS_COND_MODE_PENDING, gpu->facts.uuid, text);
    }
    return r;
}

/* The list for `name`; a new one where there is none yet. */
static int find_kind(struct builder *b, const char *name, struct gathered **ret)
{
    for (unsigned i = 0; i < b->n_kinds; i++) {
        if (strcmp(b->kinds[i].name, name) == 0) {
            *ret = &b->kinds[i];
            return 0;
        }
    }
    if (b->n_kinds == GS_OFFER_RESOURCES_MAX) {
        return gs_fail(b->err, GS_LIMIT, "found more than %d kinds of slices",
                       GS_OFFER_RESOURCES_MAX);
    }
    *ret = &b->kinds[b->n_kinds++];
    snprintf((*ret)->name, sizeof((*ret)->name), "%s", name);
    return 0;
}

static int add_device(struct builder *b, const char *name, const struct gs_offer_device *device)
{
    struct gathered *kind = NULL;
    int r = find_kind(b, name, &kind);
    if (r < 0) {
        return r;
    }
    if (!gs_arena_room(b->arena, &kind->devices, &kind->cap, kind->n, sizeof(*kind->devices))) {
        return fail_memory(b->err);
    }
    kind->devices[kind->n++] = *device;
    return 0;
}

/* Whether a container can be given a device in the way that is set up; `known`: its device nodes
 * are known. */
static int check_nodes(struct builder *b, bool known, const char *uuid, unsigned gpu,
                       bool *ret_usable)
{
    bool needed = (b->config->device_list & GS_LIST_ANY_CDI) != 0 || b->config->pass_device_specs;
    *ret_usable = known || !needed;
    if (*ret_usable) {
        return 0;
    }
    char text[300];
    snprintf(text, sizeof(text),
             "the driver lists no device node for %s (GPU %u), which a container needs; it is "
             "unhealthy until it does",
             uuid, gpu);
    return add_condition(b, GS_COND_DEVICE_NODES_UNKNOWN, uuid, text);
}

static int add_whole(struct builder *b, unsigned g)
{
    const struct gs_snapshot_gpu *gpu = &b->snapshot->gpus[g];
    bool usable;
    int r = check_nodes(b, gpu->facts.minor != GS_NOT_KNOWN, gpu->facts.uuid, gpu->facts.index,
                        &usable);
    if (r < 0) {
        return r;
    }
    struct gs_offer_device device = {
        .slice = {.gpu = gpu->facts.index,
                  .gi = GS_NOT_KNOWN,
                  .ci = GS_NOT_KNOWN,
                  .generation = gpu->generation},
        .gpu = g,
        .row = GS_NOT_KNOWN,
        .uuid = gpu->facts.uuid,
        .index = gs_arena_printf(b->arena, "%u", gpu->facts.index),
        .numa_node = gpu->numa_node,
        .unusable = gpu->lost || !usable,
    };
    return device.index == NULL ? fail_memory(b->err) : add_device(b, WHOLE, &device);
}

static int add_slice(struct builder *b, const char *name, unsigned g, unsigned row)
{
    const struct gs_snapshot_gpu *gpu = &b->snapshot->gpus[g];
    const struct gs_snapshot_slice *slice = &b->snapshot->slices[row];
    bool known = gpu->facts.minor != GS_NOT_KNOWN && slice->gi_minor != GS_NOT_KNOWN &&
                 slice->ci_minor != GS_NOT_KNOWN;
    bool usable;
    int r = check_nodes(b, known, slice->uuid, slice->id.gpu, &usable);
    if (r < 0) {
        return r;
    }
    struct gs_offer_device device = {
        .slice = slice->id,
        .gpu = g,
        .row = row,
        .uuid = slice->uuid,
        .index = gs_arena_printf(b->arena, "%u:%u", gpu->facts.index, slice->index),
        .numa_node = gpu->numa_node,
        .unusable = gpu->lost || !usable,
    };
    return device.index == NULL ? fail_memory(b->err) : add_device(b, name, &device);
}

static int gather_none(struct builder *b)
{
    int r = 0;
    for (unsigned g = 0; r == 0 && g < b->snapshot->n_gpus; g++) {
        r = add_whole(b, g);
    }
    return r;
}

static int gather_mixed_slice(struct builder *b, unsigned g, unsigned row)
{
    const struct gs_snapshot_slice *slice = &b->snapshot->slices[row];
    char name[GS_RESOURCE_NAME_MAX + 1];
    struct gs_err why;
    return gs_offer_mig_name(&slice->profile, name, &why) < 0
               ? add_condition(b, GS_COND_NAME_TOO_LONG, slice->uuid, why.msg)
               : add_slice(b, name, g, row);
}

static int gather_mixed(struct builder *b)
{
    int r = 0;
    for (unsigned g = 0; r == 0 && g < b->snapshot->n_gpus; g++) {
        const struct gs_snapshot_gpu *gpu = &b->snapshot->gpus[g];
        r = gs_snapshot_is_cut(gpu) ? 0 : add_whole(b, g);
        for (unsigned i = 0; r == 0 && gs_snapshot_is_cut(gpu) && i < gpu->n; i++) {
            r = gather_mixed_slice(b, g, gpu->first + i);
        }
    }
    return r;
}

static int note_single(struct builder *b, const struct gs_offer_kind *kind, unsigned others)
{
    char text[400];
    char name[GS_PROFILE_NAME_MAX + 1];
    int r = 0;
    if (others > 0) {
        gs_offer_kind_name(kind->like, name);
        snprintf(text, sizeof(text),
                 "strategy single wants devices of one kind; found %u %s%s and %u of other kinds, "
                 "which are not offered; cut all GPUs alike, or set the strategy to mixed",
                 kind->n, name, kind->like == NULL && kind->n != 1 ? "s" : "", others);
        r = add_condition(b, GS_COND_SINGLE_MIXED, "", text);
    }
    for (unsigned g = 0; r == 0 && g < b->snapshot->n_gpus; g++) {
        const struct gs_snapshot_gpu *gpu = &b->snapshot->gpus[g];
        if (gs_snapshot_is_cut(gpu) && gpu->n == 0) {
            snprintf(text, sizeof(text), "MIG is on and there is no slice on GPU %u (%s)",
                     gpu->facts.index, gpu->facts.uuid);
            r = add_condition(b, GS_COND_SINGLE_EMPTY_GPU, gpu->facts.uuid, text);
        }
    }
    return r;
}

static int gather_single(struct builder *b)
{
    unsigned others;
    struct gs_offer_kind kind = gs_offer_choose_kind(b->snapshot, &others);
    int r = note_single(b, &kind, others);
    for (unsigned g = 0; r == 0 && g < b->snapshot->n_gpus; g++) {
        const struct gs_snapshot_gpu *gpu = &b->snapshot->gpus[g];
        r = kind.like == NULL && !gs_snapshot_is_cut(gpu) ? add_whole(b, g) : 0;
        for (unsigned i = 0; r == 0 && kind.like != NULL && gs_snapshot_is_cut(gpu) && i < gpu->n;
             i++) {
            if (gs_offer_same_kind(&b->snapshot->slices[gpu->first + i], kind.like)) {
                r = add_slice(b, WHOLE, g, gpu->first + i);
            }
        }
    }
    return r;
}

/* ---- resources ---- */

static int compare_kinds(const void *a, const void *b)
{
    const struct gathered *x = a;
    const struct gathered *y = b;
    return strcmp(x->name, y->name);
}

static int compare_uuids(const void *a, const void *b, void *ctx)
{
    const struct gs_offer_device *devices = ctx;
    const unsigned *x = a;
    const unsigned *y = b;
    int order = strcmp(devices[*x].uuid, devices[*y].uuid);
    return order != 0 ? order : (*x > *y) - (*x < *y);
}

static int index_devices(struct builder *b, const struct gathered *kind,
                         struct gs_offer_resource *resource)
{
    unsigned *by_uuid = GS_ARENA_NEW(b->arena, unsigned, resource->n);
    if (by_uuid == NULL) {
        return fail_memory(b->err);
    }
    for (unsigned i = 0; i < resource->n; i++) {
        by_uuid[i] = i;
    }
    qsort_r(by_uuid, resource->n, sizeof(*by_uuid), compare_uuids, kind->devices);
    resource->by_uuid = by_uuid;
    return 0;
}

/* Replicas that a list has room for. */
static int limit_replicas(struct builder *b, struct gs_offer_resource *resource)
{
    unsigned most = GS_OFFER_DEVICES_MAX / resource->n;
    if (resource->replicas <= most) {
        return 0;
    }
    char text[300];
    snprintf(text, sizeof(text),
             "%s would have %u devices with %u replicas each; %u are offered, as a list may have "
             "%d",
             resource->name, resource->n, resource->replicas, most, GS_OFFER_DEVICES_MAX);
    resource->replicas = most;
    return add_condition(b, GS_COND_TOO_MANY_DEVICES, resource->name, text);
}

static int make_resource(struct builder *b, const struct gathered *kind,
                         struct gs_offer_resource *ret)
{
    const struct gs_shared_resource *shared = gs_agentconfig_shared(b->config, kind->name);
    const char *name = shared != NULL && shared->rename[0] != '\0' ? shared->rename : kind->name;
    *ret = (struct gs_offer_resource){
        .name = gs_arena_text(b->arena, name, strlen(name)),
        .socket = gs_arena_printf(b->arena, "nvidia-%s.sock", strchr(name, '/') + 1),
        .replicas = shared == NULL ? 1 : shared->replicas,
        .shared = shared != NULL,
        .one_only = shared != NULL && b->config->fail_requests_greater_than_one,
        .n = (unsigned)kind->n,
        .devices = kind->devices,
    };
    if (ret->name == NULL || ret->socket == NULL) {
        return fail_memory(b->err);
    }
    int r = limit_replicas(b, ret);
    return r < 0 ? r : index_devices(b, kind, ret);
}

static int make_resources(struct builder *b, struct gs_offer *ret)
{
    struct gs_offer_resource *resources =
        GS_ARENA_NEW(b->arena, struct gs_offer_resource, b->n_kinds);
    if (resources == NULL) {
        return fail_memory(b->err);
    }
    qsort(b->kinds, b->n_kinds, sizeof(b->kinds[0]), compare_kinds);
    for (unsigned i = 0; i < b->n_kinds; i++) {
        int r = make_resource(b, &b->kinds[i], &resources[i]);
        if (r < 0) {
            return r;
        }
    }
    *ret = (struct gs_offer){
        .snapshot = b->snapshot,
        .n_resources = b->n_kinds,
        .resources = resources,
        .conditions = b->conditions,
    };
    return 0;
}

static int gather(struct builder *b)
{
    switch ((enum gs_mig_strategy)b->config->mig_strategy) {
    case GS_MIG_STRATEGY_NONE:
        return gather_none(b);
    case GS_MIG_STRATEGY_SINGLE:
        return gather_single(b);
    case GS_MIG_STRATEGY_MIXED:
        return gather_mixed(b);
    }
    return 0;
}

int gs_offer_new(struct gs_arena *arena, const struct gs_snapshot *snapshot,
                 const struct gs_agentconfig *config, struct gs_offer *ret, struct gs_err *err)
{
    struct builder *b = GS_ARENA_NEW(arena, struct builder, 1);
    if (b == NULL) {
        return fail_memory(err);
    }
    *b = (struct builder){
        .arena = arena, .snapshot = snapshot, .config = config, .n_kinds = 0, .err = err};
    int r = 0;
    for (unsigned g = 0; r == 0 && g < snapshot->n_gpus; g++) {
        r = note_gpu(b, &snapshot->gpus[g]);
    }
    r = r < 0 ? r : gather(b);
    return r < 0 ? r : make_resources(b, ret);
}
