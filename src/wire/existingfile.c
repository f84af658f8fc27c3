#include "wire/existingfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/demand.h"
#include "core/layout.h"
#include "wire/amount.h"
#include "wire/nodefacts.h"

enum { PODS_MAX = 100000, UUID_MAX = 96, FREE_MAX = 4096 };

static const char *const node_keys[] = {
    "name",   "model",  "instance_type", "cpu",  "memory",      "pods",
    "labels", "taints", "gpu_memory",    "gpus", "free_slices", "free_gpus",
};

/* A name that may be given once, and where it is. */
struct named {
    const char *name;
    const struct gs_doc_node *at;
};

struct reading {
    struct gs_arena *arena;
    const struct gs_gpu_names *names;
    const struct gs_existing_types *types;
    struct named *uuids; /* those that are written, of all nodes */
    size_t n_uuids;
    size_t cap_uuids;
};

static int no_memory(const struct gs_doc_node *at, struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "%s:%u: no memory for the nodes", at->label, at->line);
}

static int refuse_second(const struct named *first, const struct named *second, const char *what,
                         struct gs_err *err)
{
    return gs_doc_fail(second->at, err,
                       "found %s \"%s\" again (first in line %u); expected it once", what,
                       second->name, first->at->line);
}

static int compare_named(const void *a, const void *b)
{
    const struct named *x = a;
    const struct named *y = b;
    int names = strcmp(x->name, y->name);
    return names != 0 ? names : (x->at->line > y->at->line) - (x->at->line < y->at->line);
}

/* Refuses the first name of the file that was there before; puts the names into another order. */
static int refuse_repeated(struct named *all, size_t n, const char *what, struct gs_err *err)
{
    const struct named *second = NULL;
    if (n > 1) {
        qsort(all, n, sizeof(*all), compare_named);
    }
    for (size_t i = 1; i < n; i++) {
        bool again = strcmp(all[i - 1].name, all[i].name) == 0;
        if (again && (second == NULL || all[i].at->line < second->at->line)) {
            second = &all[i];
        }
    }
    return second == NULL ? 0 : refuse_second(second - 1, second, what, err);
}

static int find_type(const struct reading *reading, const struct gs_doc_node *node,
                     struct gs_existing_type *ret, struct gs_err *err)
{
    struct gs_view type;
    int r = gs_doc_text(node, GS_EXISTINGFILE_NAME_MAX, &type, err);
    if (r < 0) {
        return r;
    }
    r = reading->types->find(reading->types->ctx, type, ret, err);
    return r < 0 ? gs_doc_wrap(node, r, err) : 0;
}

static int find_model(const struct reading *reading, const struct gs_doc_node *node,
                      struct gs_existing_type *ret, struct gs_err *err)
{
    struct gs_view name;
    int r = gs_doc_text(node, GS_EXISTINGFILE_NAME_MAX, &name, err);
    if (r < 0) {
        return r;
    }
    *ret = (struct gs_existing_type){.gpu_memory_mib = GS_NOT_KNOWN};
    r = gs_gpu_kind_find(name, reading->names, &ret->gpu, err);
    if (r < 0) {
        return gs_doc_wrap(node, r, err);
    }
    if (ret->gpu.model != NULL) {
        ret->gpu_memory_mib = ret->gpu.model->memory_mib;
    }
    return 0;
}

/* The GPUs of a node, from its model or its instance type; `gpus` 0: the model does not say. */
static int read_kind(const struct reading *reading, const struct gs_doc_node *map,
                     struct gs_existing_type *ret, struct gs_err *err)
{
    const struct gs_doc_node *model = gs_doc_find(map, "model");
    const struct gs_doc_node *type = gs_doc_find(map, "instance_type");
    uint32_t mib;
    bool given;
    if ((model == NULL) == (type == NULL)) {
        return gs_doc_fail(map, err, "found %s; expected model or instance_type",
                           model == NULL ? "neither model nor instance_type"
                                         : "both model and instance_type");
    }
    int r =
        model == NULL ? find_type(reading, type, ret, err) : find_model(reading, model, ret, err);
    if (r == 0) {
        r = gs_amount_read_mib(map, "gpu_memory", GS_MEMORY_BYTES_MAX, &mib, &given, err);
    }
    if (r == 0 && given) {
        ret->gpu_memory_mib = mib;
    }
    return r;
}

static int read_layout(const struct gs_doc_node *node, struct gs_existing_gpu *gpu,
                       const char *gpu_name, struct gs_err *err)
{
    struct gs_layout layout;
    if (gpu->model == NULL) {
        return gs_doc_fail(node, err,
                           "layout: found one for %s; expected whole: free or used, as "
                           "it is never cut",
                           gpu_name);
    }
    /* An empty text is a GPU in MIG mode without a slice; it must be written, as "". */
    int r = node->kind == GS_DOC_SCALAR && node->quoted && node->text.n == 0
                ? 0
                : gs_doc_text(node, GS_LAYOUT_INPUT_MAX, &(struct gs_view){0}, err);
    if (r < 0) {
        return r;
    }
    r = gs_layout_parse(gpu->model, node->text, &layout, err);
    if (r < 0) {
        return gs_doc_wrap(node, r, err);
    }
    gpu->mig = true;
    gpu->n_slices = layout.n_slices;
    for (unsigned i = 0; i < layout.n_slices; i++) {
        gpu->slices[i].placement = layout.slices[i].placement;
        gpu->slices[i].in_use = layout.slices[i].in_use;
    }
    return 0;
}

static int read_whole(const struct gs_doc_node *node, struct gs_existing_gpu *gpu,
                      struct gs_err *err)
{
    struct gs_view text;
    int r = gs_doc_text(node, UUID_MAX, &text, err);
    if (r < 0) {
        return r;
    }
    gpu->whole_in_use = gs_view_eq(text, "used");
    if (!gpu->whole_in_use && !gs_view_eq(text, "free")) {
        return gs_doc_fail(node, err, "whole: found \"%.*s\"; expected free or used",
                           GS_VIEW_ARGS(text));
    }
    return 0;
}

static int read_uuid(struct reading *reading, const struct gs_doc_node *map, unsigned index,
                     const char **ret, struct gs_err *err)
{
    const struct gs_doc_node *node = gs_doc_find(map, "uuid");
    if (node != NULL) {
        int r = gs_doc_copy(node, UUID_MAX, reading->arena, ret, err);
        if (r == 0 && !gs_arena_room(reading->arena, &reading->uuids, &reading->cap_uuids,
                                     reading->n_uuids, sizeof(*reading->uuids))) {
            return no_memory(map, err);
        }
        if (r == 0) {
            reading->uuids[reading->n_uuids++] = (struct named){*ret, node};
        }
        return r;
    }
    char text[16];
    int n = snprintf(text, sizeof(text), "%u", index);
    *ret = gs_arena_text(reading->arena, text, (size_t)n);
    return *ret == NULL ? no_memory(map, err) : 0;
}

static int read_gpu(struct reading *reading, const struct gs_doc_node *map, unsigned index,
                    const struct gs_existing_node *node, struct gs_existing_gpu *gpu,
                    struct gs_err *err)
{
    static const char *const keys[] = {"layout", "whole", "uuid"};
    int r = gs_doc_expect_keys(map, keys, GS_ARRAY_LEN(keys), err);
    if (r < 0) {
        return r;
    }
    const struct gs_doc_node *layout = gs_doc_find(map, "layout");
    const struct gs_doc_node *whole = gs_doc_find(map, "whole");
    gpu->model = node->model;
    if ((layout == NULL) == (whole == NULL)) {
        return gs_doc_fail(map, err, "found %s; expected layout or whole",
                           layout == NULL ? "neither layout nor whole" : "both layout and whole");
    }
    r = read_uuid(reading, map, index, &gpu->uuid, err);
    if (r < 0) {
        return r;
    }
    return layout != NULL ? read_layout(layout, gpu, node->gpu_name, err)
                          : read_whole(whole, gpu, err);
}

/* A GPU without uuid goes by its number, which another of the node may bear as its uuid. */
static int refuse_number_as_uuid(const struct gs_doc_node *list, const struct gs_existing_gpu *gpus,
                                 struct gs_err *err)
{
    struct named at[GS_OFFER_GPUS_MAX];
    unsigned n = 0;
    for (const struct gs_doc_node *map = list->first; map != NULL; map = map->next, n++) {
        at[n] = (struct named){gpus[n].uuid, map};
    }
    return refuse_repeated(at, n, "the GPU", err);
}

static int read_gpus(struct reading *reading, const struct gs_doc_node *list, unsigned expected,
                     struct gs_existing_node *node, struct gs_err *err)
{
    int r = gs_doc_expect(list, GS_DOC_LIST, err);
    if (r < 0) {
        return r;
    }
    if (list->n > GS_OFFER_GPUS_MAX) {
        return gs_doc_fail(list, err, "gpus: found %u; expected %d at most", list->n,
                           GS_OFFER_GPUS_MAX);
    }
    if (expected != 0 && list->n != expected) {
        return gs_doc_fail(list, err, "gpus: found %u; expected the %u that the instance type has",
                           list->n, expected);
    }
    struct gs_existing_gpu *gpus = GS_ARENA_NEW(reading->arena, struct gs_existing_gpu, list->n);
    if (gpus == NULL) {
        return no_memory(list, err);
    }
    for (const struct gs_doc_node *map = list->first; map != NULL; map = map->next) {
        r = read_gpu(reading, map, node->n_gpus, node, &gpus[node->n_gpus], err);
        if (r < 0) {
            return r;
        }
        node->n_gpus++;
    }
    int second = refuse_number_as_uuid(list, gpus, err);
    if (second < 0) {
        return second;
    }
    node->layout_known = true;
    node->gpus = gpus;
    return 0;
}

static int read_free_slices(const struct gs_doc_node *map, struct gs_existing_node *node,
                            struct gs_err *err)
{
    int r = gs_doc_expect(map, GS_DOC_MAP, err);
    if (r == 0 && node->model == NULL) {
        r = gs_doc_fail(map, err,
                        "free_slices: found some on %s; expected none, as it is never cut",
                        node->gpu_name);
    }
    for (const struct gs_doc_node *child = map->first; r == 0 && child != NULL;
         child = child->next) {
        uint64_t count;
        unsigned profile;
        r = gs_doc_u64(child, 0, FREE_MAX, &count, err);
        if (r < 0) {
            return r;
        }
        r = gs_model_profile_find(node->model, child->key, &profile, err);
        if (r < 0) {
            return gs_doc_wrap(child, r, err);
        }
        if (node->free_slices[profile] != 0) {
            return gs_doc_fail(child, err, "found the profile %.*s again; expected it once",
                               GS_VIEW_ARGS(child->key));
        }
        node->free_slices[profile] = (uint32_t)count;
    }
    return r;
}

/* What is free where the layout is not known. */
static int read_free(const struct gs_doc_node *map, unsigned most, struct gs_existing_node *node,
                     struct gs_err *err)
{
    const struct gs_doc_node *slices = gs_doc_find(map, "free_slices");
    const struct gs_doc_node *gpus = gs_doc_find(map, "free_gpus");
    uint64_t count = 0;
    int r = slices == NULL ? 0 : read_free_slices(slices, node, err);
    if (r == 0 && gpus != NULL) {
        r = gs_doc_u64(gpus, 0, most == 0 ? GS_OFFER_GPUS_MAX : most, &count, err);
    }
    node->free_gpus = (uint32_t)count;
    return r;
}

static int read_what_is_there(struct reading *reading, const struct gs_doc_node *map,
                              unsigned expected, struct gs_existing_node *node, struct gs_err *err)
{
    const struct gs_doc_node *gpus = gs_doc_find(map, "gpus");
    bool free_given =
        gs_doc_find(map, "free_slices") != NULL || gs_doc_find(map, "free_gpus") != NULL;
    if ((gpus != NULL) == free_given) {
        return gs_doc_fail(map, err,
                           "found %s; expected gpus, or free_slices and free_gpus where "
                           "the layout is not known",
                           gpus == NULL ? "none of gpus, free_slices, free_gpus"
                                        : "gpus beside free_slices or free_gpus");
    }
    return gpus != NULL ? read_gpus(reading, gpus, expected, node, err)
                        : read_free(map, expected, node, err);
}

/* cpu, memory and pods, which may be 0: a full node. */
static int read_amounts(const struct gs_doc_node *map, struct gs_existing_node *node,
                        struct gs_err *err)
{
    static const char *const needed[] = {"cpu", "memory", "pods"};
    const struct gs_doc_node *pods = NULL;
    uint64_t n_pods;
    bool given;
    int r = 0;
    for (size_t i = 0; r == 0 && i < GS_ARRAY_LEN(needed); i++) {
        r = gs_doc_need(map, needed[i], &pods, err);
    }
    if (r < 0 || (r = gs_doc_u64(pods, 0, PODS_MAX, &n_pods, err)) < 0 ||
        (r = gs_amount_read(map, "cpu", GS_QUANTITY_MILLI, GS_CPU_MILLI_MAX, &node->cpu_milli,
                            &given, err)) < 0) {
        return r;
    }
    node->pods = (uint32_t)n_pods;
    return gs_amount_read(map, "memory", GS_QUANTITY_UNIT, GS_MEMORY_BYTES_MAX, &node->memory_bytes,
                          &given, err);
}

static int read_facts(const struct reading *reading, const struct gs_doc_node *map,
                      struct gs_existing_node *node, struct gs_err *err)
{
    const char *type = NULL;
    const struct gs_doc_node *type_node = gs_doc_find(map, "instance_type");
    int r = type_node == NULL
                ? 0
                : gs_doc_copy(type_node, GS_EXISTINGFILE_NAME_MAX, reading->arena, &type, err);
    return r < 0 ? r : gs_nodefacts_read(reading->arena, map, node->name, type, &node->facts, err);
}

static int read_node(struct reading *reading, const struct gs_doc_node *map,
                     struct gs_existing_node *node, struct gs_err *err)
{
    const struct gs_doc_node *name;
    struct gs_existing_type kind;
    int r = gs_doc_expect_keys(map, node_keys, GS_ARRAY_LEN(node_keys), err);
    if (r < 0 || (r = gs_doc_need(map, "name", &name, err)) < 0 ||
        (r = gs_doc_copy(name, GS_EXISTINGFILE_NAME_MAX, reading->arena, &node->name, err)) < 0 ||
        (r = read_kind(reading, map, &kind, err)) < 0) {
        return r;
    }
    node->gpu_name = kind.gpu.name;
    node->model = kind.gpu.model;
    node->gpu_memory_mib = kind.gpu_memory_mib;
    r = read_amounts(map, node, err);
    if (r < 0 || (r = read_what_is_there(reading, map, kind.gpus, node, err)) < 0) {
        return r;
    }
    return read_facts(reading, map, node, err);
}

int gs_existingfile_read(struct gs_arena *arena, const struct gs_doc_input *input,
                         const struct gs_gpu_names *names, const struct gs_existing_types *types,
                         const struct gs_existing_node **ret, size_t *ret_count, struct gs_err *err)
{
    struct reading reading = {.arena = arena, .names = names, .types = types};
    const struct gs_doc_node *root;
    const struct gs_doc_node *list;
    int r = gs_doc_read(arena, input, &root, err);
    if (r < 0 || (r = gs_doc_list(root, "nodes", GS_EXISTINGFILE_NODES_MAX, &list, err)) < 0) {
        return r;
    }
    struct gs_existing_node *nodes = GS_ARENA_NEW(arena, struct gs_existing_node, list->n);
    struct named *names_given = GS_ARENA_NEW(arena, struct named, list->n);
    if (nodes == NULL || names_given == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "%s: no memory for the nodes", input->label);
    }
    size_t n = 0;
    for (const struct gs_doc_node *map = list->first; map != NULL; map = map->next, n++) {
        r = read_node(&reading, map, &nodes[n], err);
        if (r < 0) {
            return r;
        }
        names_given[n] = (struct named){nodes[n].name, map};
    }
    r = refuse_repeated(names_given, n, "the node", err);
    r = r < 0 ? r : refuse_repeated(reading.uuids, reading.n_uuids, "the GPU", err);
    if (r < 0) {
        return r;
    }
    *ret = nodes;
    *ret_count = n;
    return 0;
}
