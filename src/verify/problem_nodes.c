#include <stdlib.h>
#include <string.h>

#include "verify/problem.h"

/* Offers and existing nodes of a problem. */

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for what the plan was asked for");
}

/* What offers and existing nodes have alike. */
static int read_common(const struct gs_field *at, struct gs_problem_node *node, struct gs_err *err)
{
    int r = gs_field_text(at, "name", &node->name, err);
    r = r < 0 ? r : gs_field_text(at, "gpu", &node->gpu, err);
    r = r < 0 ? r : gs_problem_read_model(at, "model", &node->model, err);
    r = r < 0 ? r
              : gs_field_maybe_u32(at, "gpu_memory_mib", UINT32_MAX - 1, GS_NOT_KNOWN,
                                   &node->gpu_memory_mib, err);
    r = r < 0 ? r : gs_field_u64(at, "cpu_milli", 0, GS_PROBLEM_AMOUNT_MAX, &node->cpu_milli, err);
    r = r < 0
            ? r
            : gs_field_u64(at, "memory_bytes", 0, GS_PROBLEM_AMOUNT_MAX, &node->memory_bytes, err);
    r = r < 0 ? r : gs_field_u64(at, "pods", 0, UINT32_MAX, &node->pods, err);
    if (r == 0 && node->model != NULL && strcmp(node->model->id, node->gpu) != 0) {
        return gs_field_fail(at, err, "its GPUs are %s and its model is %s; expected the same",
                             node->gpu, node->model->id);
    }
    return r;
}

static int read_offer(const struct gs_field *at, struct gs_problem_node *node, struct gs_err *err)
{
    int r = read_common(at, node, err);
    r = r < 0 ? r : gs_field_u32(at, "gpus", 0, GS_PROBLEM_GPUS_MAX, &node->gpus, err);
    r = r < 0 ? r : gs_field_u64(at, "price_uusd", 0, GS_PROBLEM_PRICE_MAX, &node->price_uusd, err);
    return r < 0 ? r
                 : gs_field_maybe_u32(at, "max_nodes", UINT32_MAX - 1, GS_PROBLEM_NO_LIMIT,
                                      &node->max_nodes, err);
}

static int read_gpu(const struct gs_field *at, const struct gs_model *model,
                    struct gs_problem_gpu *gpu, struct gs_err *err)
{
    const char *layout;
    int r = gs_field_text(at, "uuid", &gpu->uuid, err);
    r = r < 0 ? r : gs_field_bool(at, "mig", &gpu->mig, err);
    r = r < 0 ? r : gs_field_bool(at, "whole_in_use", &gpu->whole_in_use, err);
    r = r < 0 ? r : gs_field_text(at, "layout", &layout, err);
    if (r < 0 || layout[0] == '\0') {
        return r;
    }
    if (model == NULL || !gpu->mig) {
        return gs_field_fail(at, err, "it has slices; expected none on a GPU that is not cut");
    }
    r = gs_cut_parse(model, layout, &gpu->cut, err);
    return r < 0 ? gs_field_wrap(at, GS_INVALID, err) : 0;
}

static int read_free(const struct gs_field *at, struct gs_problem_node *node, struct gs_err *err)
{
    struct gs_field slices;
    uint64_t counts[GS_PROFILES_MAX];
    int r = gs_field_u32(at, "free_gpus", 0, GS_PROBLEM_GPUS_MAX, &node->free_gpus, err);
    r = r < 0 ? r : gs_field_object(at, "free_slices", &slices, err);
    r = r < 0 ? r : gs_problem_counts(&slices, node->model, 1000, counts, err);
    if (r < 0) {
        return r;
    }
    bool any = node->free_gpus > 0;
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        node->free_slices[p] = (uint32_t)counts[p];
        any = any || counts[p] > 0;
    }
    return any && node->layout_known
               ? gs_field_fail(at, err, "its layout is known; expected no free slices and GPUs")
               : 0;
}

static int read_existing(struct gs_arena *arena, const struct gs_field *at,
                         struct gs_problem_node *node, struct gs_err *err)
{
    struct gs_field list;
    size_t n;
    node->existing = true;
    node->max_nodes = 1;
    int r = read_common(at, node, err);
    r = r < 0 ? r : gs_field_bool(at, "layout_known", &node->layout_known, err);
    r = r < 0 ? r : gs_field_list(at, "gpus", GS_PROBLEM_GPUS_MAX, &list, &n, err);
    r = r < 0 ? r : read_free(at, node, err);
    if (r < 0) {
        return r;
    }
    node->list = GS_ARENA_NEW(arena, struct gs_problem_gpu, n);
    if (node->list == NULL) {
        return no_memory(err);
    }
    node->gpus = node->layout_known ? (uint32_t)n : 0;
    for (size_t i = 0; i < n && r == 0; i++) {
        struct gs_field gpu = gs_field_item(&list, i);
        r = read_gpu(&gpu, node->model, &node->list[i], err);
        for (size_t k = 0; k < i && r == 0; k++) {
            if (strcmp(node->list[k].uuid, node->list[i].uuid) == 0) {
                r = gs_field_fail(&gpu, err, "GPU %zu has the same uuid", k);
            }
        }
    }
    return r;
}

static int compare_names(const void *a, const void *b)
{
    const struct gs_problem_node *const *x = a;
    const struct gs_problem_node *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

/* Two nodes, or a node and an offer, of one name could not be told apart. */
static int sort_names(struct gs_arena *arena, const struct gs_field *at, struct gs_problem *problem,
                      struct gs_err *err)
{
    const struct gs_problem_node **order =
        GS_ARENA_NEW(arena, const struct gs_problem_node *, problem->n_nodes);
    if (order == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < problem->n_nodes; i++) {
        order[i] = &problem->node[i];
    }
    qsort(order, problem->n_nodes, sizeof(const struct gs_problem_node *), compare_names);
    for (size_t i = 1; i < problem->n_nodes; i++) {
        if (strcmp(order[i - 1]->name, order[i]->name) == 0) {
            return gs_field_fail(at, err, "\"%s\" is the name of two nodes; expected one each",
                                 order[i]->name);
        }
    }
    problem->by_name = order;
    return 0;
}

const struct gs_problem_node *gs_problem_node_named(const struct gs_problem *problem,
                                                    const char *name)
{
    const struct gs_problem_node wanted = {.name = name};
    const struct gs_problem_node *key = &wanted;
    const struct gs_problem_node *const *found =
        bsearch(&key, problem->by_name, problem->n_nodes, sizeof(const struct gs_problem_node *),
                compare_names);
    return found == NULL ? NULL : *found;
}

int gs_problem_read_nodes(struct gs_arena *arena, const struct gs_field *at,
                          struct gs_problem *problem, struct gs_err *err)
{
    struct gs_field offers, existing;
    size_t n;
    int r = gs_field_list(at, "offers", GS_PROBLEM_NODES_MAX / 2, &offers, &problem->n_offers, err);
    r = r < 0 ? r : gs_field_list(at, "existing", GS_PROBLEM_NODES_MAX / 2, &existing, &n, err);
    if (r < 0) {
        return r;
    }
    problem->n_nodes = problem->n_offers + n;
    problem->node = GS_ARENA_NEW(arena, struct gs_problem_node, problem->n_nodes);
    if (problem->node == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < problem->n_offers && r == 0; i++) {
        struct gs_field offer = gs_field_item(&offers, i);
        r = read_offer(&offer, &problem->node[i], err);
    }
    for (size_t i = 0; i < n && r == 0; i++) {
        struct gs_field node = gs_field_item(&existing, i);
        r = read_existing(arena, &node, &problem->node[problem->n_offers + i], err);
    }
    return r < 0 ? r : sort_names(arena, at, problem, err);
}
