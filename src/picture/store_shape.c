#include "picture/store_shape.h"

#include <stdlib.h>
#include <string.h>

#define RULES_BYTES_MAX ((size_t)1 << 20)
#define SCRATCH_BYTES_MAX ((size_t)4 << 20)

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the labels of a pod");
}

/* ---- namespaces ---- */

static struct gs_store_space *space_named(struct gs_store *store, const char *name)
{
    struct gs_store_space *space = gs_map_find(&store->spaces, name);
    size_t n = strlen(name) + 1;
    if (space != NULL) {
        return space;
    }
    space = calloc(1, sizeof(*space) + n);
    if (space == NULL) {
        return NULL;
    }
    memcpy(space->name, name, n);
    if (!gs_map_put(&store->spaces, space->name, space)) {
        free(space);
        return NULL;
    }
    return space;
}

static void drop_if_empty(struct gs_store *store, struct gs_store_space *space)
{
    if (space->shapes == NULL) {
        (void)gs_map_take(&store->spaces, space->name);
        free(space);
    }
}

/* ---- a shape ---- */

static void unlist(struct gs_store *store, struct gs_store_rules *rules)
{
    *(rules->prev != NULL ? &rules->prev->next : &store->ruled) = rules->next;
    if (rules->next != NULL) {
        rules->next->prev = rules->prev;
    }
    store->rules_changes++;
}

static void list(struct gs_store *store, struct gs_store_rules *rules)
{
    rules->listed = rules->rules.n_apart > 0 || rules->rules.n_ports > 0;
    if (!rules->listed) {
        return;
    }
    rules->next = store->ruled;
    if (rules->next != NULL) {
        rules->next->prev = rules;
    }
    store->ruled = rules;
    store->rules_changes++;
}

static void free_rules(struct gs_store *store, struct gs_store_rules *rules)
{
    if (rules == NULL) {
        return;
    }
    if (rules->listed) {
        unlist(store, rules);
    }
    gs_arena_done(&rules->arena);
    free(rules);
}

/* A copy of its own, in pieces of just the size: there may be thousands. */
static int keep_rules(struct gs_store *store, struct gs_store_shape *shape,
                      const struct json_t *object, const struct gs_kubepod *read,
                      struct gs_err *err)
{
    struct gs_store_rules *rules = calloc(1, sizeof(*rules));
    if (rules == NULL) {
        return no_memory(err);
    }
    gs_arena_init(&rules->arena, &store->pieces, RULES_BYTES_MAX);
    int r = gs_kuberules_parse(object, read, &rules->arena, &rules->rules, err);
    struct gs_kubeamount *amounts =
        GS_ARENA_NEW(&rules->arena, struct gs_kubeamount, read->n_others);
    bool whole = r == 0 && amounts != NULL;
    for (size_t i = 0; whole && i < read->n_others; i++) {
        const char *name = read->others[i].name;
        amounts[i].amount = read->others[i].amount;
        amounts[i].name = gs_arena_text(&rules->arena, name, strlen(name));
        whole = amounts[i].name != NULL;
    }
    if (!whole) {
        gs_arena_done(&rules->arena);
        free(rules);
        return r != 0 ? r : no_memory(err);
    }
    rules->rules.amounts = amounts;
    rules->shape = shape;
    shape->rules = rules;
    list(store, rules);
    return 0;
}

static void free_shape(struct gs_store *store, struct gs_store_shape *shape)
{
    struct gs_store_space *space = shape->space;
    *(shape->prev != NULL ? &shape->prev->next : &space->shapes) = shape->next;
    if (shape->next != NULL) {
        shape->next->prev = shape->prev;
    }
    free_rules(store, shape->rules);
    free(shape);
    drop_if_empty(store, space);
}

static struct gs_store_shape *make_shape(struct gs_store *store, const struct gs_kuberules *rules)
{
    size_t n = strlen(rules->text) + 1;
    struct gs_store_space *space = space_named(store, rules->name_space);
    struct gs_store_shape *shape = space == NULL ? NULL : calloc(1, sizeof(*shape) + n);
    if (shape == NULL) {
        if (space != NULL) {
            drop_if_empty(store, space);
        }
        return NULL;
    }
    memcpy(shape->text, rules->text, n);
    shape->n_labels = (uint32_t)rules->n_labels;
    shape->space = space;
    shape->next = space->shapes;
    if (shape->next != NULL) {
        shape->next->prev = shape;
    }
    space->shapes = shape;
    return shape;
}

static struct gs_store_shape *find_or_make(struct gs_store *store, const struct json_t *object,
                                           const struct gs_kubepod *read,
                                           const struct gs_kuberules *rules, struct gs_err *err)
{
    struct gs_store_shape *shape = gs_map_find(&store->shapes, rules->text);
    if (shape != NULL) {
        return shape;
    }
    shape = make_shape(store, rules);
    if (shape == NULL) {
        (void)no_memory(err);
        return NULL;
    }
    int r = gs_kuberules_any(rules) ? keep_rules(store, shape, object, read, err) : 0;
    if (r != 0 || !gs_map_put(&store->shapes, shape->text, shape)) {
        free_shape(store, shape);
        (void)no_memory(err);
        return NULL;
    }
    return shape;
}

struct gs_store_shape *gs_store_shape_of(struct gs_store *store, const struct json_t *object,
                                         const struct gs_kubepod *read, struct gs_err *err)
{
    struct gs_arena scratch;
    struct gs_kuberules rules;
    gs_arena_init(&scratch, &gs_alloc_heap, SCRATCH_BYTES_MAX);
    int r = gs_kuberules_parse(object, read, &scratch, &rules, err);
    struct gs_store_shape *shape = r == 0 ? find_or_make(store, object, read, &rules, err) : NULL;
    if (shape != NULL) {
        shape->n_pods++;
    }
    gs_arena_done(&scratch);
    return shape;
}

void gs_store_shape_leave(struct gs_store *store, struct gs_store_shape *shape)
{
    if (shape != NULL && --shape->n_pods == 0) {
        (void)gs_map_take(&store->shapes, shape->text);
        free_shape(store, shape);
    }
}

void gs_store_shapes_done(struct gs_store *store)
{
    size_t at = 0;
    for (struct gs_store_shape *shape; (shape = gs_map_next(&store->shapes, &at)) != NULL;) {
        free_shape(store, shape);
    }
    gs_map_done(&store->shapes);
    gs_map_done(&store->spaces);
}

/* ---- on a node ---- */

static const struct gs_kuberules *rules_of(const struct gs_store_pod *pod)
{
    return pod->shape == NULL || pod->shape->rules == NULL ? NULL : &pod->shape->rules->rules;
}

/* Adds to what is taken, or takes off. What is too much for a number stays the most there is. */
static void count(struct gs_store_node *node, const struct gs_store_pod *pod, bool more)
{
    const struct gs_kuberules *rules = rules_of(pod);
    for (size_t i = 0; rules != NULL && i < rules->n_amounts; i++) {
        for (size_t k = 0; k < node->n_others; k++) {
            struct gs_store_other *other = &node->others[k];
            if (strcmp(other->name, rules->amounts[i].name) == 0) {
                uint64_t amount = rules->amounts[i].amount;
                other->taken += more ? amount : -amount;
            }
        }
    }
}

void gs_store_shape_settle(struct gs_store_pod *pod, struct gs_store_node *node)
{
    struct gs_store_shape *shape = pod->shape;
    count(node, pod, true);
    if (shape == NULL) {
        return;
    }
    pod->next_alike = shape->pods;
    if (pod->next_alike != NULL) {
        pod->next_alike->prev_alike = pod;
    }
    shape->pods = pod;
}

void gs_store_shape_unsettle(struct gs_store_pod *pod, struct gs_store_node *node)
{
    count(node, pod, false);
    if (pod->shape == NULL) {
        return;
    }
    *(pod->prev_alike != NULL ? &pod->prev_alike->next_alike : &pod->shape->pods) = pod->next_alike;
    if (pod->next_alike != NULL) {
        pod->next_alike->prev_alike = pod->prev_alike;
    }
    pod->prev_alike = pod->next_alike = NULL;
}

void gs_store_shape_recount(struct gs_store_node *node)
{
    for (size_t k = 0; k < node->n_others; k++) {
        node->others[k].taken = 0;
    }
    for (const struct gs_store_pod *pod = node->pods; node->n_others > 0 && pod != NULL;
         pod = pod->next) {
        count(node, pod, true);
    }
}
