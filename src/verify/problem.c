#include "verify/problem.h"

#include <string.h>

#include "core/catalog.h"

/* ------------------------------------------------------------------ names */

const struct gs_model *gs_problem_model(const char *id)
{
    size_t n;
    const struct gs_model *models = gs_catalog(&n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(models[i].id, id) == 0) {
            return &models[i];
        }
    }
    return NULL;
}

int gs_problem_read_model(const struct gs_field *at, const char *key, const struct gs_model **ret,
                          struct gs_err *err)
{
    const char *id;
    int r = gs_field_maybe_text(at, key, &id, err);
    *ret = NULL;
    if (r < 0 || id == NULL) {
        return r;
    }
    *ret = gs_problem_model(id);
    if (*ret == NULL) {
        return gs_field_fail(at, err, "there is no GPU model \"%s\"", id);
    }
    return (*ret)->placements_known
               ? 0
               : gs_field_fail(at, err, "the placements of %s are not known, so nothing is cut",
                               id);
}

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for what the plan was asked for");
}

int gs_problem_counts(const struct gs_field *at, const struct gs_model *model, uint64_t max,
                      uint64_t ret_counts[GS_PROFILES_MAX], struct gs_err *err)
{
    memset(ret_counts, 0, GS_PROFILES_MAX * sizeof(*ret_counts));
    struct gs_field member;
    for (void *iter = NULL; gs_field_member(at, &iter, &member);) {
        unsigned profile;
        if (model == NULL) {
            return gs_field_fail(at, err, "GPUs that cannot be cut have no slices");
        }
        int r = gs_model_profile_find(model, gs_view(member.key), &profile, err);
        if (r < 0) {
            return gs_field_wrap(at, GS_INVALID, err);
        }
        if (ret_counts[profile] != 0) {
            return gs_field_fail(at, err, "%s is there twice", model->profiles[profile].name);
        }
        r = gs_field_to_u64(&member, 0, max, &ret_counts[profile], err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* ------------------------------------------------------------------ items */

static int read_want(const struct gs_field *at, struct gs_problem_want *ret, struct gs_err *err)
{
    *ret = (struct gs_problem_want){.whole = gs_field_has(at, "gpu")};
    int r = gs_field_u32(at, "count", 1, GS_PROBLEM_WANT_MAX, &ret->count, err);
    if (r < 0) {
        return r;
    }
    if (ret->whole) {
        return gs_field_has(at, "slice")
                   ? gs_field_fail(at, err, "it has both \"slice\" and \"gpu\"; expected one")
                   : gs_field_maybe_text(at, "gpu", &ret->gpu, err);
    }
    const char *name;
    r = gs_field_text(at, "slice", &name, err);
    r = r < 0 ? r : gs_problem_read_model(at, "model", &ret->model, err);
    if (r < 0) {
        return r;
    }
    r = gs_profile_name_parse(gs_view(name), &ret->profile, err);
    return r < 0 ? gs_field_wrap(at, GS_INVALID, err) : 0;
}

static int read_way(struct gs_arena *arena, const struct gs_field *list, struct gs_problem_way *ret,
                    struct gs_err *err)
{
    size_t n;
    int r = gs_field_count(list, GS_PROBLEM_WANTS_MAX, &n, err);
    if (r < 0) {
        return r;
    }
    ret->wants = GS_ARENA_NEW(arena, struct gs_problem_want, n);
    ret->n_wants = n;
    ret->yield = 1;
    if (ret->wants == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < n && r == 0; i++) {
        struct gs_field want = gs_field_item(list, i);
        r = read_want(&want, &ret->wants[i], err);
    }
    return r;
}

/* The list under `key`, by `read_one`. */
static int read_ways(struct gs_arena *arena, const struct gs_field *at, const char *key,
                     int (*read_one)(struct gs_arena *arena, const struct gs_field *at,
                                     struct gs_problem_way *ret, struct gs_err *err),
                     struct gs_problem_item *item, struct gs_err *err)
{
    struct gs_field list;
    int r = gs_field_list(at, key, GS_PROBLEM_ALTERNATIVES_MAX, &list, &item->n_ways, err);
    if (r < 0) {
        return r;
    }
    item->ways = GS_ARENA_NEW(arena, struct gs_problem_way, item->n_ways);
    if (item->ways == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < item->n_ways && r == 0; i++) {
        struct gs_field way = gs_field_item(&list, i);
        r = read_one(arena, &way, &item->ways[i], err);
    }
    return r;
}

static int read_not_on(struct gs_arena *arena, const struct gs_field *at,
                       const struct gs_problem *problem, struct gs_problem_item *item,
                       struct gs_err *err)
{
    struct gs_field list;
    size_t n;
    int r = gs_field_list(at, "not_on", GS_PROBLEM_NODES_MAX, &list, &n, err);
    if (r < 0 || n == 0) {
        return r;
    }
    uint64_t *bits = GS_ARENA_NEW(arena, uint64_t, problem->n_nodes / 64 + 1);
    if (bits == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < n; i++) {
        struct gs_field name = gs_field_item(&list, i);
        const char *text;
        r = gs_field_to_text(&name, &text, err);
        if (r < 0) {
            return r;
        }
        const struct gs_problem_node *node = gs_problem_node_named(problem, text);
        if (node == NULL) {
            return gs_field_fail(&name, err, "\"%s\" is no offer and no existing node", text);
        }
        size_t k = (size_t)(node - problem->node);
        bits[k / 64] |= 1ull << (k % 64);
    }
    item->not_on = bits;
    return 0;
}

static int read_item(struct gs_arena *arena, const struct gs_field *at,
                     const struct gs_problem *problem, struct gs_problem_item *item,
                     struct gs_err *err)
{
    bool spare;
    int r = gs_field_text(at, "name", &item->name, err);
    r = r < 0 ? r : gs_field_u64(at, "count", 1, GS_PROBLEM_COUNT_MAX, &item->need, err);
    r = r < 0 ? r : gs_field_u64(at, "cpu_milli", 0, GS_PROBLEM_AMOUNT_MAX, &item->cpu_milli, err);
    r = r < 0
            ? r
            : gs_field_u64(at, "memory_bytes", 0, GS_PROBLEM_AMOUNT_MAX, &item->memory_bytes, err);
    r = r < 0 ? r
              : gs_field_u32(at, "gpu_memory_mib", 0, UINT32_MAX - 1, &item->gpu_memory_mib, err);
    r = r < 0 ? r : gs_field_bool(at, "spare", &spare, err);
    r = r < 0 ? r : read_ways(arena, at, "alternatives", read_way, item, err);
    return r < 0 ? r : read_not_on(arena, at, problem, item, err);
}

static int read_option(struct gs_arena *arena, const struct gs_field *at,
                       struct gs_problem_way *way, struct gs_err *err)
{
    way->wants = GS_ARENA_NEW(arena, struct gs_problem_want, 1);
    way->n_wants = 1;
    if (way->wants == NULL) {
        return no_memory(err);
    }
    way->wants->count = 1;
    const char *name;
    unsigned profile;
    int r = gs_problem_read_model(at, "model", &way->wants->model, err);
    r = r < 0 ? r : gs_field_text(at, "profile", &name, err);
    r = r < 0 ? r : gs_field_u64(at, "yield", 1, GS_PROBLEM_NEED_MAX, &way->yield, err);
    if (r < 0) {
        return r;
    }
    if (way->wants->model == NULL) {
        return gs_field_fail(at, err, "it has no model; expected one");
    }
    r = gs_model_profile_find(way->wants->model, gs_view(name), &profile, err);
    if (r < 0) {
        return gs_field_wrap(at, GS_INVALID, err);
    }
    way->wants->profile = way->wants->model->profiles[profile].parts;
    return 0;
}

static int read_service(struct gs_arena *arena, const struct gs_field *at,
                        struct gs_problem_item *item, struct gs_err *err)
{
    item->service = true;
    int r = gs_field_text(at, "name", &item->name, err);
    r = r < 0 ? r : gs_field_u64(at, "need", 1, GS_PROBLEM_NEED_MAX, &item->need, err);
    return r < 0 ? r : read_ways(arena, at, "options", read_option, item, err);
}

static int read_items(struct gs_arena *arena, const struct gs_field *at, struct gs_problem *problem,
                      struct gs_err *err)
{
    struct gs_field items, services;
    size_t n;
    int r = gs_field_list(at, "items", GS_PROBLEM_ITEMS_MAX, &items, &n, err);
    r = r < 0 ? r
              : gs_field_list(at, "services", GS_PROBLEM_SERVICES_MAX, &services,
                              &problem->n_services, err);
    if (r < 0) {
        return r;
    }
    problem->n_items = n + problem->n_services;
    problem->items = GS_ARENA_NEW(arena, struct gs_problem_item, problem->n_items);
    if (problem->items == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < n && r == 0; i++) {
        struct gs_field item = gs_field_item(&items, i);
        r = read_item(arena, &item, problem, &problem->items[i], err);
    }
    for (size_t i = 0; i < problem->n_services && r == 0; i++) {
        struct gs_field service = gs_field_item(&services, i);
        r = read_service(arena, &service, &problem->items[n + i], err);
    }
    return r;
}

/* ------------------------------------------------------------------ all of it */

static int read_goal(const struct gs_field *at, bool *ret_nodes, struct gs_err *err)
{
    const char *goal;
    int r = gs_field_text(at, "goal", &goal, err);
    if (r < 0) {
        return r;
    }
    *ret_nodes = strcmp(goal, "nodes") == 0;
    return *ret_nodes || strcmp(goal, "gpus") == 0
               ? 0
               : gs_field_fail(at, err, "the goal is \"%s\"; expected gpus or nodes", goal);
}

static int read_models(struct gs_arena *arena, const struct gs_field *at,
                       struct gs_problem *problem, struct gs_err *err)
{
    struct gs_field list;
    size_t n_known;
    gs_catalog(&n_known);
    int r = gs_field_list(at, "models", n_known, &list, &problem->n_models, err);
    if (r < 0) {
        return r;
    }
    problem->models = GS_ARENA_NEW(arena, const struct gs_model *, problem->n_models);
    if (problem->models == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < problem->n_models; i++) {
        struct gs_field element = gs_field_item(&list, i);
        const char *id;
        r = gs_field_to_text(&element, &id, err);
        if (r < 0) {
            return r;
        }
        problem->models[i] = gs_problem_model(id);
        if (problem->models[i] == NULL || !problem->models[i]->placements_known) {
            return gs_field_fail(&element, err, "\"%s\" is no GPU model that can be cut", id);
        }
        for (size_t k = 0; k < i; k++) {
            if (problem->models[k] == problem->models[i]) {
                return gs_field_fail(&element, err, "%s is there twice", id);
            }
        }
    }
    return 0;
}

int gs_problem_read(struct gs_arena *arena, const struct gs_field *at, struct gs_problem *ret,
                    struct gs_err *err)
{
    *ret = (struct gs_problem){.nodes = false};
    int r = read_goal(at, &ret->nodes, err);
    r = r < 0 ? r : read_models(arena, at, ret, err);
    r = r < 0 ? r : gs_problem_read_nodes(arena, at, ret, err);
    r = r < 0 ? r : read_items(arena, at, ret, err);
    if (r == 0 && ret->nodes && (ret->n_models > 0 || ret->n_services > 0)) {
        return gs_field_fail(at, err, "the goal is nodes; expected no models and no services");
    }
    if (r == 0 && !ret->nodes && ret->n_offers > 0) {
        return gs_field_fail(at, err, "the goal is gpus; expected no offers");
    }
    return r;
}
