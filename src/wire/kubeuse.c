#include "wire/kubeuse.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "wire/kubejson.h"

/* A node and what the pods bound to it take. */
struct gs_kubeuse_node {
    const char *name;
    const struct gs_kubenode *gpu; /* NULL: a node without GPUs, of which nothing is asked */
    uint64_t cpu_milli;
    uint64_t memory_bytes;
    uint64_t pods;
    uint64_t gpus;
    uint64_t slices[GS_KUBENODE_SLICES_MAX];
};

static bool has_gpus(const struct gs_kubenode *node)
{
    return node->gpus > 0 || node->n_slices > 0;
}

int gs_kubeuse_add(struct gs_kubeuse *use, const struct gs_kubenode *node, struct gs_err *err)
{
    if (use->n_nodes == GS_KUBEUSE_NODES_MAX) {
        return gs_fail(err, GS_LIMIT, "more than %d nodes", GS_KUBEUSE_NODES_MAX);
    }
    const char *name = node->name;
    if (!has_gpus(node)) {
        name = gs_arena_text(use->arena, name, strlen(name));
    }
    if (name == NULL || !gs_arena_room(use->arena, &use->nodes, &use->cap_nodes, use->n_nodes,
                                       sizeof(*use->nodes))) {
        return gs_kubejson_no_memory(err);
    }
    use->nodes[use->n_nodes++] =
        (struct gs_kubeuse_node){.name = name, .gpu = has_gpus(node) ? node : NULL};
    return 0;
}

static int compare_nodes(const void *a, const void *b)
{
    const struct gs_kubeuse_node *x = a;
    const struct gs_kubeuse_node *y = b;
    return strcmp(x->name, y->name);
}

int gs_kubeuse_seal(struct gs_kubeuse *use, struct gs_err *err)
{
    if (use->sealed || use->n_nodes == 0) {
        return 0;
    }
    qsort(use->nodes, use->n_nodes, sizeof(*use->nodes), compare_nodes);
    for (size_t i = 1; i < use->n_nodes; i++) {
        if (strcmp(use->nodes[i - 1].name, use->nodes[i].name) == 0) {
            return gs_fail(err, GS_INVALID, "node %s is listed twice; expected once",
                           use->nodes[i].name);
        }
    }
    use->sealed = true;
    return 0;
}

struct gs_kubeuse_node *gs_kubeuse_find(const struct gs_kubeuse *use, const char *name)
{
    struct gs_kubeuse_node wanted = {.name = name};
    if (name == NULL || use->n_nodes == 0) {
        return NULL;
    }
    return bsearch(&wanted, use->nodes, use->n_nodes, sizeof(wanted), compare_nodes);
}

static uint64_t *taken_by(struct gs_kubeuse_node *node, const struct gs_want *want)
{
    if (want->whole_gpu) {
        return &node->gpus;
    }
    for (size_t i = 0; i < node->gpu->n_slices; i++) {
        if (gs_profile_name_eq(&node->gpu->slices[i].profile, &want->profile)) {
            return &node->slices[i];
        }
    }
    return NULL;
}

void gs_kubeuse_take(struct gs_kubeuse *use, struct gs_kubeuse_node *node,
                     const struct gs_kubepod *pod)
{
    node->cpu_milli += pod->cpu_milli;
    node->memory_bytes += pod->memory_bytes;
    node->pods++;
    for (size_t i = 0; i < pod->n_wants; i++) {
        uint64_t *taken = node->gpu == NULL ? NULL : taken_by(node, &pod->wants[i]);
        if (taken == NULL) {
            gs_kubenotes_add(use->notes, use->arena,
                             "pod %s is on node %s, which does not offer all that it asks for",
                             pod->id, node->name);
            continue;
        }
        *taken += pod->wants[i].count;
    }
}

/* ---- what is left ---- */

/* What is free of `what`; pods that hold more than there is are named, and leave nothing. */
static uint64_t left(const struct gs_kubeuse *use, const struct gs_kubeuse_node *node,
                     const char *what, uint64_t allocatable, uint64_t taken)
{
    if (taken > allocatable) {
        gs_kubenotes_add(use->notes, use->arena,
                         "node %s: its pods ask for %" PRIu64 " of %s, and only %" PRIu64
                         " can be allocated",
                         node->name, taken, what, allocatable);
        return 0;
    }
    return allocatable - taken;
}

/* `count` free slices of a profile, if the node's model is known to have it. */
static void free_slices(const struct gs_kubeuse *use, struct gs_existing_node *existing,
                        const struct gs_profile_name *profile, const char *resource, uint64_t count)
{
    if (count == 0) {
        return;
    }
    int index = existing->model == NULL ? -1 : gs_model_profile_index(existing->model, profile);
    if (index < 0) {
        gs_kubenotes_add(use->notes, use->arena, "node %s: %" PRIu64 " free %s are not used: %s",
                         existing->name, count, resource,
                         existing->model == NULL
                             ? "its GPU model is not known (label nvidia.com/gpu.product)"
                             : "its GPU model has no such profile");
        return;
    }
    existing->free_slices[index] += (uint32_t)count;
}

static void free_gpus(const struct gs_kubeuse *use, const struct gs_kubeuse_node *node,
                      struct gs_existing_node *existing)
{
    uint64_t count = left(use, node, "nvidia.com/gpu", node->gpu->gpus, node->gpus);
    switch (node->gpu->gpu_means) {
    case GS_KUBENODE_WHOLE:
        existing->free_gpus = (uint32_t)count;
        return;
    case GS_KUBENODE_SLICE:
        free_slices(use, existing, &node->gpu->single, "nvidia.com/gpu (MIG strategy single)",
                    count);
        return;
    case GS_KUBENODE_SHARE:
        if (node->gpu->gpus > 0) {
            gs_kubenotes_add(use->notes, use->arena,
                             "node %s: its nvidia.com/gpu count shares of GPUs and are not used",
                             node->name);
        }
        return;
    }
}

static void free_named_slices(const struct gs_kubeuse *use, const struct gs_kubeuse_node *node,
                              struct gs_existing_node *existing)
{
    for (size_t i = 0; i < node->gpu->n_slices; i++) {
        const struct gs_kubenode_slices *slices = &node->gpu->slices[i];
        char resource[GS_PROFILE_NAME_MAX + 5];
        gs_profile_name_resource(&slices->profile, resource);
        uint64_t count = left(use, node, resource, slices->count, node->slices[i]);
        if (slices->shared) {
            gs_kubenotes_add(use->notes, use->arena,
                             "node %s: its %s count shares of slices and are not used", node->name,
                             resource);
        } else {
            free_slices(use, existing, &slices->profile, resource, count);
        }
    }
}

/* The node's facts, with the mark of strategy single. */
static const struct gs_node_facts *mark_facts(const struct gs_kubenode *gpu, struct gs_arena *arena)
{
    if (gpu->gpu_means != GS_KUBENODE_SLICE) {
        return &gpu->facts;
    }
    struct gs_node_facts *facts = GS_ARENA_NEW(arena, struct gs_node_facts, 1);
    struct gs_taint *taints = GS_ARENA_NEW(arena, struct gs_taint, gpu->facts.n_taints + 1);
    if (facts == NULL || taints == NULL) {
        return NULL;
    }
    *facts = gpu->facts;
    if (facts->n_taints > 0) {
        memcpy(taints, facts->taints, facts->n_taints * sizeof(*taints));
    }
    taints[facts->n_taints++] = gs_kubegpu_single_taint;
    facts->taints = taints;
    return facts;
}

/* "L4" of the label "NVIDIA-L4". */
static const char *gpu_name(const struct gs_kubenode *gpu)
{
    struct gs_view name = gs_view(gpu->product);
    if (gpu->model != NULL) {
        return gpu->model->id;
    }
    return gs_view_skip(&name, "NVIDIA-") || gs_view_skip(&name, "Tesla-") ? name.p : gpu->product;
}

static int leave(const struct gs_kubeuse *use, const struct gs_kubeuse_node *node,
                 struct gs_existing_node *ret, struct gs_err *err)
{
    const struct gs_kubenode *gpu = node->gpu;
    const struct gs_node_facts *facts = mark_facts(gpu, use->arena);
    if (facts == NULL) {
        return gs_kubejson_no_memory(err);
    }
    *ret = (struct gs_existing_node){
        .name = node->name,
        .gpu_name = gpu_name(gpu),
        .model = gpu->model,
        .gpu_memory_mib = gpu->model == NULL ? GS_NOT_KNOWN : gpu->model->memory_mib,
        .cpu_milli = left(use, node, "milli-CPU", gpu->cpu_milli, node->cpu_milli),
        .memory_bytes = left(use, node, "bytes of memory", gpu->memory_bytes, node->memory_bytes),
        .pods = (uint32_t)left(use, node, "pods", gpu->pods, node->pods),
        .facts = facts,
    };
    free_gpus(use, node, ret);
    free_named_slices(use, node, ret);
    return 0;
}

int gs_kubeuse_left(const struct gs_kubeuse *use, const struct gs_existing_node **ret,
                    size_t *ret_count, struct gs_err *err)
{
    struct gs_existing_node *existing =
        GS_ARENA_NEW(use->arena, struct gs_existing_node, use->n_nodes);
    size_t n = 0;
    if (existing == NULL) {
        return gs_kubejson_no_memory(err);
    }
    for (size_t i = 0; i < use->n_nodes; i++) {
        if (use->nodes[i].gpu != NULL) {
            int r = leave(use, &use->nodes[i], &existing[n++], err);
            if (r != 0) {
                return r;
            }
        }
    }
    *ret = existing;
    *ret_count = n;
    return 0;
}

int gs_kubeuse_gpu_nodes(const struct gs_kubeuse *use, struct gs_kubegpu_nodes *ret,
                         struct gs_err *err)
{
    const struct gs_kubenode **nodes =
        GS_ARENA_NEW(use->arena, const struct gs_kubenode *, use->n_nodes);
    size_t n = 0;
    if (nodes == NULL) {
        return gs_kubejson_no_memory(err);
    }
    for (size_t i = 0; i < use->n_nodes; i++) {
        if (use->nodes[i].gpu != NULL) {
            nodes[n++] = use->nodes[i].gpu;
        }
    }
    *ret = (struct gs_kubegpu_nodes){.nodes = nodes, .n_nodes = n};
    return 0;
}
