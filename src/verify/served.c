#include <inttypes.h>
#include <string.h>

#include "verify/check.h"

const char *gs_check_part_name(const struct gs_model *model, unsigned part)
{
    bool profile = model != NULL && part < model->n_profiles;
    return profile ? model->profiles[part].name : "whole GPUs";
}

/* The GPUs that an entry says it uses. */
static int find_target(struct gs_check *check, const struct gs_field *at,
                       const struct gs_problem_node *node, size_t *ret_target,
                       struct gs_problem_target *ret)
{
    const char *gpu;
    int r = gs_field_text(at, "model", &gpu, check->err);
    if (r < 0) {
        return r;
    }
    *ret_target = 0;
    if (node != NULL) {
        *ret = (struct gs_problem_target){
            .gpu = node->gpu, .model = node->model, .gpu_memory_mib = node->gpu_memory_mib};
        return strcmp(node->gpu, gpu) == 0
                   ? 0
                   : gs_field_fail(at, check->err, "its model is %s, and %s has %s", gpu,
                                   node->name, node->gpu);
    }
    for (size_t t = 0; t < check->n_targets; t++) {
        if (strcmp(check->targets[t].of.gpu, gpu) == 0) {
            *ret_target = t;
            *ret = check->targets[t].of;
            return 0;
        }
    }
    return gs_field_fail(at, check->err, "there are no GPUs \"%s\" in the problem", gpu);
}

static int check_name(struct gs_check *check, const struct gs_field *at, uint32_t item)
{
    const char *said;
    const char *name = check->problem.items[item].name;
    int r = gs_field_text(at, "name", &said, check->err);
    if (r == 0 && name[0] != '\0' && strcmp(said, name) != 0) {
        return gs_field_fail(at, check->err,
                             "item %u is named \"%s\" here and \"%s\" in the "
                             "problem",
                             item, said, name);
    }
    return r;
}

/* *sum += a * b, refused when it is absurd. */
static int add(struct gs_check *check, const struct gs_field *at, uint64_t *sum, uint64_t a,
               uint64_t b)
{
    uint64_t product;
    if (__builtin_mul_overflow(a, b, &product) || __builtin_add_overflow(*sum, product, sum) ||
        *sum > INT64_MAX) {
        return gs_field_fail(at, check->err, "its counts are larger than any plan's");
    }
    return 0;
}

static int add_parts(struct gs_check *check, const struct gs_field *at,
                     const struct gs_problem_asked *asked, uint64_t count, uint64_t *sums)
{
    int r = add(check, at, &sums[GS_PROFILES_MAX], asked->gpus, count);
    for (unsigned p = 0; p < GS_PROFILES_MAX && r == 0; p++) {
        r = add(check, at, &sums[p], asked->slices[p], count);
    }
    return r;
}

/* What items take of a node besides GPUs. */
struct amounts {
    uint64_t cpu_milli;
    uint64_t memory_bytes;
    uint64_t pods;
};

static int check_entry(struct gs_check *check, const struct gs_field *at,
                       const struct gs_problem_node *node, uint64_t times, struct amounts *amounts,
                       uint64_t *asked)
{
    uint32_t item, way;
    uint64_t count;
    size_t t;
    struct gs_problem_target target;
    struct gs_problem_asked parts;
    int r = gs_field_index(at, "item", check->problem.n_items, "items", &item, check->err);
    r = r < 0 ? r : check_name(check, at, item);
    r = r < 0 ? r
              : gs_field_index(at, "alternative", check->problem.items[item].n_ways, "alternatives",
                               &way, check->err);
    r = r < 0 ? r : gs_field_u64(at, "count", 1, GS_PROBLEM_NEED_MAX, &count, check->err);
    r = r < 0 ? r : find_target(check, at, node, &t, &target);
    if (r < 0) {
        return r;
    }
    const struct gs_problem_item *it = &check->problem.items[item];
    struct gs_err why;
    if (node != NULL && !gs_problem_may_run(it, (size_t)(node - check->problem.node))) {
        return gs_field_fail(at, check->err, "item %u may not run on %s (not_on)", item,
                             node->name);
    }
    if (!gs_problem_resolve(it, &it->ways[way], &target, &parts, &why)) {
        return gs_field_fail(at, check->err, "item %u is not served so: %s", item, why.msg);
    }
    uint64_t all = 0;
    r = add(check, at, &all, count, times);
    r = r < 0 ? r : add(check, at, &check->served[item], all, it->ways[way].yield);
    r = r < 0 ? r : add(check, at, &amounts->cpu_milli, it->cpu_milli, count);
    r = r < 0 ? r : add(check, at, &amounts->memory_bytes, it->memory_bytes, count);
    r = r < 0 ? r : add(check, at, &amounts->pods, 1, count);
    return r < 0 ? r : add_parts(check, at, &parts, count, asked + t * GS_CHECK_PARTS);
}

static int check_amount(struct gs_check *check, const struct gs_field *at, const char *what,
                        uint64_t used, uint64_t has)
{
    return used <= has ? 0
                       : gs_field_fail(at, check->err,
                                       "its items take %" PRIu64 " %s, the node has %" PRIu64, used,
                                       what, has);
}

static int keep_load(struct gs_check *check, const struct gs_problem_node *node,
                     const struct amounts *amounts, const uint64_t *asked)
{
    if (!gs_arena_room(check->arena, &check->loads, &check->cap_loads, check->n_loads,
                       sizeof(*check->loads))) {
        return gs_fail(check->err, GS_NO_MEMORY, "no memory for the nodes of a plan");
    }
    struct gs_check_load *load = &check->loads[check->n_loads++];
    *load = (struct gs_check_load){
        .node = (size_t)(node - check->problem.node),
        .cpu_milli = node->cpu_milli - amounts->cpu_milli,
        .memory_bytes = node->memory_bytes - amounts->memory_bytes,
        .pods = node->pods - amounts->pods,
        .gpus = asked[GS_PROFILES_MAX],
    };
    memcpy(load->slices, asked, sizeof(load->slices));
    return 0;
}

int gs_check_served(struct gs_check *check, const struct gs_field *at,
                    const struct gs_problem_node *node, uint64_t times, uint64_t *asked)
{
    struct gs_field list;
    size_t n;
    struct amounts amounts = {0};
    size_t most = check->problem.n_items * (GS_PROBLEM_ALTERNATIVES_MAX + 1);
    int r = gs_field_list(at, "items", most, &list, &n, check->err);
    for (size_t i = 0; i < n && r == 0; i++) {
        struct gs_field entry = gs_field_item(&list, i);
        r = check_entry(check, &entry, node, times, &amounts, asked);
    }
    if (r < 0 || node == NULL) {
        return r;
    }
    r = check_amount(check, at, "thousandths of a CPU", amounts.cpu_milli, node->cpu_milli);
    r = r < 0
            ? r
            : check_amount(check, at, "bytes of memory", amounts.memory_bytes, node->memory_bytes);
    r = r < 0 ? r : check_amount(check, at, "pods", amounts.pods, node->pods);
    return r < 0 ? r : keep_load(check, node, &amounts, asked);
}
