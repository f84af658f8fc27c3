#include "wire/instancefile.h"

#include "base/cleanup.h"
#include "core/catalog.h"
#include "core/offer.h"
#include "wire/amount.h"

#define PRICE_UUSD_MAX 1000000000000ull /* a million dollars an hour */
enum { PODS_MAX = 100000 };

static const char *const entry_keys[] = {
    "type",   "gpu",    "mig",          "gpu_memory",         "gpus",
    "vcpu",   "memory", "max_pods",     "max_nodes",          "allocatable_cpu",
    "labels", "taints", "usd_per_hour", "allocatable_memory",
};

struct reading {
    struct gs_arena *arena;
    const struct gs_gpu_names *names;
};

/* A name that neither the catalogue nor the list knows: fine for a GPU that is never cut. */
static int new_gpu(const struct reading *reading, const struct gs_doc_node *node, bool can_mig,
                   const struct gs_err *unknown, struct gs_gpu_kind *ret, struct gs_err *err)
{
    const struct gs_model *model;
    if (can_mig || gs_catalog_find(node->text, &model, NULL) != GS_NOT_FOUND) {
        return gs_doc_fail(node, err, "gpu: %s (one that gpuslice does not know takes mig: false)",
                           unknown->msg);
    }
    *ret = (struct gs_gpu_kind){0};
    return gs_doc_copy(node, GS_INSTANCEFILE_NAME_MAX, reading->arena, &ret->name, err);
}

static int read_gpu_kind(const struct reading *reading, const struct gs_doc_node *map,
                         struct gs_gpu_kind *ret, struct gs_err *err)
{
    const struct gs_doc_node *node;
    const struct gs_doc_node *mig = gs_doc_find(map, "mig");
    struct gs_view name;
    bool can_mig = true;
    int r = gs_doc_need(map, "gpu", &node, err);
    if (r < 0 || (r = gs_doc_text(node, GS_INSTANCEFILE_NAME_MAX, &name, err)) < 0 ||
        (mig != NULL && (r = gs_doc_bool(mig, &can_mig, err)) < 0)) {
        return r;
    }
    struct gs_err unknown;
    r = gs_gpu_kind_find(name, reading->names, ret, &unknown);
    if (r < 0) {
        return new_gpu(reading, node, can_mig, &unknown, ret, err);
    }
    if (mig != NULL && can_mig != (ret->model != NULL)) {
        return gs_doc_fail(mig, err,
                           "mig: found %s for %s; expected no such key for a GPU that "
                           "gpuslice knows",
                           can_mig ? "true" : "false", ret->name);
    }
    return 0;
}

static const struct gs_model *known_model(const struct gs_gpu_kind *gpu)
{
    const struct gs_model *model = gpu->model;
    return model != NULL || gs_catalog_find(gs_view(gpu->name), &model, NULL) == 0 ? model : NULL;
}

static int read_gpus(const struct reading *reading, const struct gs_doc_node *map,
                     struct gs_instance_entry *entry, struct gs_err *err)
{
    uint64_t gpus;
    bool given;
    const struct gs_doc_node *node;
    int r = gs_doc_need(map, "gpus", &node, err);
    if (r < 0 || (r = gs_doc_u64(node, 0, GS_OFFER_GPUS_MAX, &gpus, err)) < 0) {
        return r;
    }
    entry->gpus = (uint32_t)gpus;
    entry->gpu = (struct gs_gpu_kind){.name = ""};
    entry->gpu_memory_mib = GS_NOT_KNOWN;
    const struct gs_doc_node *gpu = gs_doc_find(map, "gpu");
    if (gpus == 0) {
        return gpu == NULL ? 0
                           : gs_doc_fail(gpu, err,
                                         "gpu: found a GPU beside gpus: 0; expected "
                                         "gpus: 1 or more, or no gpu");
    }
    uint32_t mib;
    r = read_gpu_kind(reading, map, &entry->gpu, err);
    if (r < 0 ||
        (r = gs_amount_read_mib(map, "gpu_memory", GS_MEMORY_BYTES_MAX, &mib, &given, err)) < 0) {
        return r;
    }
    const struct gs_model *model = known_model(&entry->gpu);
    entry->gpu_memory_mib = given ? mib : model == NULL ? GS_NOT_KNOWN : model->memory_mib;
    return 0;
}

/* What pods may use of an amount, which is no more than all of it. */
static int read_allocatable(const struct gs_doc_node *map, const char *key, const char *of,
                            enum gs_quantity_scale scale, uint64_t all, uint64_t *ret,
                            bool *ret_given, struct gs_err *err)
{
    int r = gs_amount_read(map, key, scale,
                           scale == GS_QUANTITY_MILLI ? GS_CPU_MILLI_MAX : GS_MEMORY_BYTES_MAX, ret,
                           ret_given, err);
    if (r < 0 || *ret <= all) {
        return r;
    }
    const struct gs_doc_node *node = gs_doc_find(map, key);
    return gs_doc_fail(node, err, "%s: found \"%.*s\"; expected no more than %s, which is \"%.*s\"",
                       key, GS_VIEW_ARGS(node->text), of, GS_VIEW_ARGS(gs_doc_find(map, of)->text));
}

static int read_amounts(const struct gs_doc_node *map, struct gs_instance_entry *entry,
                        struct gs_err *err)
{
    int r =
        gs_amount_need(map, "vcpu", GS_QUANTITY_MILLI, GS_CPU_MILLI_MAX, &entry->cpu_milli, err);
    if (r == 0) {
        r = gs_amount_need(map, "memory", GS_QUANTITY_UNIT, GS_MEMORY_BYTES_MAX,
                           &entry->memory_bytes, err);
    }
    if (r == 0) {
        r = read_allocatable(map, "allocatable_cpu", "vcpu", GS_QUANTITY_MILLI, entry->cpu_milli,
                             &entry->allocatable_cpu_milli, &entry->allocatable_cpu_given, err);
    }
    if (r == 0) {
        r = read_allocatable(map, "allocatable_memory", "memory", GS_QUANTITY_UNIT,
                             entry->memory_bytes, &entry->allocatable_memory_bytes,
                             &entry->allocatable_memory_given, err);
    }
    return r;
}

static int read_counts(const struct gs_doc_node *map, struct gs_instance_entry *entry,
                       struct gs_err *err)
{
    uint64_t pods;
    uint64_t nodes = UINT32_MAX;
    const struct gs_doc_node *node;
    int r = gs_doc_need(map, "max_pods", &node, err);
    if (r < 0 || (r = gs_doc_u64(node, 1, PODS_MAX, &pods, err)) < 0 ||
        (r = gs_doc_need(map, "usd_per_hour", &node, err)) < 0 ||
        (r = gs_doc_fixed(node, 6, PRICE_UUSD_MAX, &entry->price_uusd, err)) < 0) {
        return r;
    }
    node = gs_doc_find(map, "max_nodes");
    if (node != NULL && (r = gs_doc_u64(node, 0, UINT32_MAX - 1, &nodes, err)) < 0) {
        return r;
    }
    entry->max_pods = (uint32_t)pods;
    entry->max_nodes = (uint32_t)nodes;
    return 0;
}

static int read_entry(const struct reading *reading, const struct gs_doc_node *map,
                      struct gs_instance_entry *entry, struct gs_err *err)
{
    const struct gs_doc_node *type;
    int r = gs_doc_expect_keys(map, entry_keys, GS_ARRAY_LEN(entry_keys), err);
    if (r < 0 || (r = gs_doc_need(map, "type", &type, err)) < 0 ||
        (r = gs_doc_copy(type, GS_INSTANCEFILE_NAME_MAX, reading->arena, &entry->type, err)) < 0 ||
        (r = read_gpus(reading, map, entry, err)) < 0 || (r = read_amounts(map, entry, err)) < 0 ||
        (r = read_counts(map, entry, err)) < 0) {
        return r;
    }
    return gs_nodefacts_read(reading->arena, map, NULL, entry->type, &entry->facts, err);
}

static int refuse_second(const struct gs_doc_node *map, const struct gs_instance_entry *entries,
                         size_t n, struct gs_err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(entries[i].type, entries[n].type) == 0) {
            return gs_doc_fail(map, err, "found type \"%s\" again; expected it once",
                               entries[n].type);
        }
    }
    return 0;
}

int gs_instancefile_read(struct gs_arena *arena, const struct gs_doc_input *input,
                         const struct gs_gpu_names *names, const struct gs_instance_entry **ret,
                         size_t *ret_count, struct gs_err *err)
{
    const struct gs_doc_node *root;
    const struct gs_doc_node *list;
    const struct reading reading = {.arena = arena, .names = names};
    int r = gs_doc_read(arena, input, &root, err);
    if (r < 0 ||
        (r = gs_doc_list(root, "instances", GS_INSTANCEFILE_ENTRIES_MAX, &list, err)) < 0) {
        return r;
    }
    struct gs_instance_entry *entries = GS_ARENA_NEW(arena, struct gs_instance_entry, list->n);
    if (entries == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "%s: no memory for its entries", input->label);
    }
    size_t n = 0;
    for (const struct gs_doc_node *map = list->first; map != NULL; map = map->next, n++) {
        r = read_entry(&reading, map, &entries[n], err);
        if (r < 0 || (r = refuse_second(map, entries, n, err)) < 0) {
            return r;
        }
    }
    *ret = entries;
    *ret_count = n;
    return 0;
}

static bool has_name(const char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (gs_view_eq_nocase(gs_view(name), names[i])) {
            return true;
        }
    }
    return false;
}

int gs_instancefile_gpus(struct gs_arena *arena, const struct gs_gpu_names *names,
                         const struct gs_instance_entry *entries, size_t n_entries,
                         struct gs_gpu_names *ret, struct gs_err *err)
{
    size_t n = names == NULL ? 0 : names->n;
    const char **all = GS_ARENA_NEW(arena, const char *, n + n_entries);
    if (all == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the names of GPUs");
    }
    for (size_t i = 0; i < n; i++) {
        all[i] = names->names[i];
    }
    for (size_t i = 0; i < n_entries; i++) {
        const struct gs_gpu_kind *gpu = &entries[i].gpu;
        if (gpu->model == NULL && gpu->name[0] != '\0' && !has_name(all, n, gpu->name)) {
            all[n++] = gpu->name;
        }
    }
    *ret = (struct gs_gpu_names){.names = all, .n = n};
    return 0;
}
