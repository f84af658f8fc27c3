#include "wire/kubegpu.h"

#include <string.h>

#include "base/cleanup.h"
#include "core/catalog.h"
#include "wire/kubejson.h"

static const char product_key[] = "nvidia.com/gpu.product";
static const char strategy_key[] = "nvidia.com/mig.strategy";
static const char *const single_value[] = {"single"};

const struct gs_taint gs_kubegpu_single_taint = {
    .key = strategy_key, .value = "single", .effect = "NoSchedule"};

static const struct gs_requirement on_single = {
    .key = strategy_key, .op = GS_LABEL_IN, .values = single_value, .n_values = 1};
static const struct gs_requirement not_on_single = {
    .key = strategy_key, .op = GS_LABEL_NOT_IN, .values = single_value, .n_values = 1};
static const struct gs_toleration tolerates_single = {
    .key = strategy_key, .value = "single", .effect = "NoSchedule"};

/* What an item turns into: one alternative a kind of slice. */
struct slices {
    struct {
        const struct gs_model *model;
        struct gs_profile_name profile;
    } kinds[GS_ALTERNATIVES_MAX];
    size_t n;
};

static bool asks_for_gpus(const struct gs_item *item)
{
    const struct gs_alternative *only = &item->alternatives[0];
    for (size_t i = 0; i < only->n_wants; i++) {
        if (only->wants[i].whole_gpu) {
            return true;
        }
    }
    return false;
}

static bool asks_for_slices(const struct gs_item *item)
{
    const struct gs_alternative *only = &item->alternatives[0];
    for (size_t i = 0; i < only->n_wants; i++) {
        if (!only->wants[i].whole_gpu) {
            return true;
        }
    }
    return false;
}

/* The one product that a term demands, or NULL. */
static const char *product_in(const struct gs_term *term)
{
    for (size_t i = 0; i < term->n_requirements; i++) {
        const struct gs_requirement *one = &term->requirements[i];
        if (one->op == GS_LABEL_IN && one->n_values == 1 && !one->on_field &&
            strcmp(one->key, product_key) == 0) {
            return one->values[0];
        }
    }
    return NULL;
}

static const char *demanded_product(const struct gs_constraint *constraint)
{
    const char *product = constraint == NULL ? NULL : product_in(&constraint->selector);
    if (product == NULL && constraint != NULL && constraint->n_terms == 1) {
        product = product_in(&constraint->terms[0]);
    }
    return product;
}

/* ---- which slices ---- */

static int add_kind(struct slices *slices, const struct gs_model *model,
                    const struct gs_profile_name *profile, struct gs_err *err)
{
    for (size_t i = 0; i < slices->n; i++) {
        if (slices->kinds[i].model == model &&
            gs_profile_name_eq(&slices->kinds[i].profile, profile)) {
            return 0;
        }
    }
    if (slices->n == GS_ALTERNATIVES_MAX) {
        return gs_fail(err, GS_LIMIT, "more than %d kinds of slices behind nvidia.com/gpu",
                       GS_ALTERNATIVES_MAX);
    }
    slices->kinds[slices->n].model = model;
    slices->kinds[slices->n].profile = *profile;
    slices->n++;
    return 0;
}

static bool may_run_on(const struct gs_item *item, const struct gs_kubenode *node)
{
    return node->gpus > 0 &&
           gs_constraint_check(item->constraint, &node->facts, NULL) == GS_VERDICT_YES;
}

/* By the nodes there are: the slices that the item may be given, and whether it may be given a
 * whole GPU too. */
static int find_slices(const struct gs_item *item, const struct gs_kubegpu_nodes *nodes,
                       struct slices *slices, bool *ret_whole, struct gs_err *err)
{
    *ret_whole = false;
    for (size_t i = 0; i < nodes->n_nodes; i++) {
        const struct gs_kubenode *node = nodes->nodes[i];
        bool slice = node->gpu_means == GS_KUBENODE_SLICE && node->model != NULL;
        if ((!slice && node->gpu_means != GS_KUBENODE_WHOLE) || !may_run_on(item, node)) {
            continue;
        }
        int r = slice ? add_kind(slices, node->model, &node->single, err) : 0;
        if (r != 0) {
            return r;
        }
        *ret_whole |= !slice;
    }
    return 0;
}

static bool any_single(const struct gs_kubegpu_nodes *nodes)
{
    for (size_t i = 0; i < nodes->n_nodes; i++) {
        if (nodes->nodes[i]->gpu_means == GS_KUBENODE_SLICE) {
            return true;
        }
    }
    return false;
}

/* ---- the constraint ---- */

/* `term` without what the wants say already, with one more requirement. */
static int rewrite_term(const struct gs_term *term, const struct gs_requirement *more,
                        struct gs_arena *arena, struct gs_term *ret)
{
    struct gs_requirement *kept =
        GS_ARENA_NEW(arena, struct gs_requirement, term->n_requirements + 1);
    size_t n = 0;
    if (kept == NULL) {
        return GS_NO_MEMORY;
    }
    for (size_t i = 0; i < term->n_requirements; i++) {
        const struct gs_requirement *one = &term->requirements[i];
        if (one->on_field ||
            (strcmp(one->key, product_key) != 0 && strcmp(one->key, strategy_key) != 0)) {
            kept[n++] = *one;
        }
    }
    kept[n++] = *more;
    *ret = (struct gs_term){.requirements = kept, .n_requirements = n};
    return 0;
}

static int tolerate_single(struct gs_constraint *constraint, struct gs_arena *arena)
{
    struct gs_toleration *tolerations =
        GS_ARENA_NEW(arena, struct gs_toleration, constraint->n_tolerations + 1);
    if (tolerations == NULL) {
        return GS_NO_MEMORY;
    }
    if (constraint->n_tolerations > 0) {
        memcpy(tolerations, constraint->tolerations,
               constraint->n_tolerations * sizeof(*tolerations));
    }
    tolerations[constraint->n_tolerations++] = tolerates_single;
    constraint->tolerations = tolerations;
    return 0;
}

/* Onto nodes of strategy single. An affinity of one term is rewritten like the selector, since
 * demanded_product looks into both. */
static int keep_on_single(struct gs_item *item, struct gs_arena *arena)
{
    struct gs_constraint *constraint = GS_ARENA_NEW(arena, struct gs_constraint, 1);
    struct gs_term *term = GS_ARENA_NEW(arena, struct gs_term, 1);
    if (constraint == NULL || term == NULL) {
        return GS_NO_MEMORY;
    }
    if (item->constraint != NULL) {
        *constraint = *item->constraint;
    }
    int r = rewrite_term(&constraint->selector, &on_single, arena, &constraint->selector);
    if (r == 0 && constraint->n_terms == 1 && constraint->terms[0].n_requirements > 0) {
        r = rewrite_term(&constraint->terms[0], &on_single, arena, term);
        constraint->terms = term;
    }
    item->constraint = constraint;
    return r == 0 ? tolerate_single(constraint, arena) : r;
}

static bool tolerates_the_mark(const struct gs_constraint *constraint)
{
    struct gs_node_facts marked = {.taints = &gs_kubegpu_single_taint, .n_taints = 1};
    struct gs_constraint only = {.tolerations = constraint->tolerations,
                                 .n_tolerations = constraint->n_tolerations};
    return gs_constraint_check(&only, &marked, NULL) == GS_VERDICT_YES;
}

/* A pod that tolerates every taint is not held by the mark: it gets a label to avoid. */
static int keep_off_single(struct gs_item *item, struct gs_arena *arena)
{
    if (item->constraint == NULL || !tolerates_the_mark(item->constraint)) {
        return 0;
    }
    struct gs_constraint *constraint = GS_ARENA_NEW(arena, struct gs_constraint, 1);
    size_t n = item->constraint->selector.n_requirements;
    struct gs_requirement *all = GS_ARENA_NEW(arena, struct gs_requirement, n + 1);
    if (constraint == NULL || all == NULL) {
        return GS_NO_MEMORY;
    }
    if (n > 0) {
        memcpy(all, item->constraint->selector.requirements, n * sizeof(*all));
    }
    all[n] = not_on_single;
    *constraint = *item->constraint;
    constraint->selector = (struct gs_term){.requirements = all, .n_requirements = n + 1};
    item->constraint = constraint;
    return 0;
}

/* ---- the wants ---- */

static struct gs_want *copy_wants(const struct gs_item *item, struct gs_arena *arena)
{
    const struct gs_alternative *only = &item->alternatives[0];
    struct gs_want *wants = GS_ARENA_NEW(arena, struct gs_want, only->n_wants);
    if (wants != NULL && only->n_wants > 0) {
        memcpy(wants, only->wants, only->n_wants * sizeof(*wants));
    }
    return wants;
}

static int become_slices(struct gs_item *item, const struct slices *slices, struct gs_arena *arena)
{
    struct gs_alternative *alternatives = GS_ARENA_NEW(arena, struct gs_alternative, slices->n);
    if (alternatives == NULL) {
        return GS_NO_MEMORY;
    }
    size_t n_wants = item->alternatives[0].n_wants;
    for (size_t i = 0; i < slices->n; i++) {
        struct gs_want *wants = copy_wants(item, arena);
        if (wants == NULL) {
            return GS_NO_MEMORY;
        }
        for (size_t k = 0; k < n_wants; k++) {
            if (wants[k].whole_gpu) {
                wants[k] = (struct gs_want){.model = slices->kinds[i].model,
                                            .profile = slices->kinds[i].profile,
                                            .count = wants[k].count};
            }
        }
        alternatives[i] = (struct gs_alternative){.wants = wants, .n_wants = n_wants};
    }
    item->alternatives = alternatives;
    item->n_alternatives = slices->n;
    return keep_on_single(item, arena);
}

static int pin_model(struct gs_item *item, const struct gs_model *model, struct gs_arena *arena)
{
    struct gs_alternative *only = GS_ARENA_NEW(arena, struct gs_alternative, 1);
    struct gs_want *wants = copy_wants(item, arena);
    if (only == NULL || wants == NULL) {
        return GS_NO_MEMORY;
    }
    *only = (struct gs_alternative){.wants = wants, .n_wants = item->alternatives[0].n_wants};
    for (size_t i = 0; i < only->n_wants; i++) {
        wants[i].model = model;
    }
    item->alternatives = only;
    return 0;
}

/* ---- putting it together ---- */

/* The item names its product. */
static int settle_by_product(struct gs_item *item, const char *label, struct gs_arena *arena,
                             struct gs_err *err)
{
    struct gs_kubenode_product product = gs_kubenode_product(gs_view(label));
    const struct gs_model *model = NULL;
    struct slices slices = {.n = 0};
    int found = gs_catalog_find(product.name, &model, NULL);
    switch (product.means) {
    case GS_KUBENODE_WHOLE:
        return found == 0 ? pin_model(item, model, arena) : 0;
    case GS_KUBENODE_SHARE:
        return gs_fail(err, GS_UNSUPPORTED, "shares of GPUs (%.63s)", label);
    case GS_KUBENODE_SLICE:
        break;
    }
    if (!asks_for_gpus(item)) {
        return 0;
    }
    if (found != 0) {
        return gs_fail(err, GS_UNSUPPORTED, "slices of a GPU that is not known (%.63s)", label);
    }
    int r = add_kind(&slices, model, &product.profile, err);
    return r == 0 ? become_slices(item, &slices, arena) : r;
}

/* It does not: the nodes tell. */
static int settle_by_nodes(struct gs_item *item, const struct gs_kubegpu_nodes *nodes,
                           struct gs_arena *arena, bool *ret_also_slices, struct gs_err *err)
{
    struct slices slices = {.n = 0};
    bool whole = true;
    int r = asks_for_gpus(item) ? find_slices(item, nodes, &slices, &whole, err) : 0;
    if (r != 0) {
        return r;
    }
    *ret_also_slices = whole && slices.n > 0;
    return !whole && slices.n > 0 ? become_slices(item, &slices, arena) : 0;
}

int gs_kubegpu_settle(const struct gs_item *item, const struct gs_kubegpu_nodes *nodes,
                      struct gs_arena *arena, struct gs_item *ret, bool *ret_also_slices,
                      struct gs_err *err)
{
    struct gs_item settled = *item;
    bool also_slices = false;
    int r = 0;
    const char *product = demanded_product(item->constraint);
    if (asks_for_slices(item) && any_single(nodes)) {
        r = keep_off_single(&settled, arena);
    }
    if (r == 0 && product != NULL) {
        r = settle_by_product(&settled, product, arena, err);
    } else if (r == 0) {
        r = settle_by_nodes(&settled, nodes, arena, &also_slices, err);
    }
    if (r == 0) {
        *ret = settled;
        *ret_also_slices = also_slices;
    }
    return r == GS_NO_MEMORY ? gs_kubejson_no_memory(err) : r;
}
