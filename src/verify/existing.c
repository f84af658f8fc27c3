#include <inttypes.h>
#include <string.h>

#include "verify/check.h"

/* A node that is there, while its transitions are followed. */
struct node_now {
    const struct gs_problem_node *node;
    struct gs_cut cuts[GS_PROBLEM_GPUS_MAX];
    bool whole[GS_PROBLEM_GPUS_MAX]; /* used uncut by the plan */
    bool seen[GS_PROBLEM_GPUS_MAX];
};

static int find_node(struct gs_check *check, const struct gs_field *at,
                     const struct gs_problem_node **ret)
{
    const char *name;
    int r = gs_field_text(at, "node", &name, check->err);
    if (r < 0) {
        return r;
    }
    const struct gs_problem_node *node = gs_problem_node_named(&check->problem, name);
    if (node == NULL || !node->existing) {
        return gs_field_fail(at, check->err, "there is no node %s in the problem", name);
    }
    if (check->bought[node - check->problem.node]++ > 0) {
        return gs_field_fail(at, check->err, "node %s is there twice", name);
    }
    *ret = node;
    return 0;
}

/* ------------------------------------------------------------------ transitions */

static int find_gpu(struct gs_check *check, const struct gs_field *at, struct node_now *now,
                    unsigned *ret_gpu)
{
    const char *uuid;
    int r = gs_field_text(at, "gpu", &uuid, check->err);
    for (unsigned g = 0; r == 0 && g < now->node->gpus; g++) {
        if (strcmp(now->node->list[g].uuid, uuid) != 0) {
            continue;
        }
        if (now->seen[g]) {
            return gs_field_fail(at, check->err, "GPU %s is there twice", uuid);
        }
        if (now->node->list[g].whole_in_use) {
            return gs_field_fail(at, check->err, "GPU %s is in use as a whole", uuid);
        }
        now->seen[g] = true;
        *ret_gpu = g;
        return 0;
    }
    return r < 0 ? r
                 : gs_field_fail(at, check->err, "%s has no GPU %s%s", now->node->name, uuid,
                                 now->node->layout_known ? "" : " whose layout is known");
}

static int do_step(struct gs_check *check, const struct gs_field *at, const struct gs_model *model,
                   struct gs_cut *cut)
{
    const char *action, *name;
    uint64_t start;
    unsigned profile;
    int r = gs_field_text(at, "action", &action, check->err);
    r = r < 0 ? r : gs_field_text(at, "profile", &name, check->err);
    r = r < 0 ? r : gs_field_u64(at, "start", 0, GS_MEMORY_UNITS_MAX, &start, check->err);
    if (r < 0) {
        return r;
    }
    bool create = strcmp(action, "create") == 0;
    if (!create && strcmp(action, "destroy") != 0) {
        return gs_field_fail(at, check->err, "its action is \"%s\"; expected create or destroy",
                             action);
    }
    r = gs_model_profile_find(model, gs_view(name), &profile, check->err);
    if (r == 0) {
        r = create ? gs_cut_add(model, cut, profile, (unsigned)start, false, check->err)
                   : gs_cut_remove(model, cut, profile, (unsigned)start, check->err);
    }
    check->report->steps++;
    return r < 0 ? gs_field_wrap(at, GS_INVALID, check->err) : 0;
}

static int do_transition(struct gs_check *check, const struct gs_field *at, struct node_now *now)
{
    enum { STEPS_MAX = 4 * GS_MEMORY_UNITS_MAX };
    unsigned g = 0;
    struct gs_field steps;
    size_t n;
    bool whole;
    int r = find_gpu(check, at, now, &g);
    if (r < 0) {
        return r;
    }
    check->report->layouts++;
    if (gs_field_has(at, "whole")) {
        r = gs_field_bool(at, "whole", &whole, check->err);
        if (r == 0 && !whole) {
            return gs_field_fail(at, check->err, "whole is false; expected true or steps");
        }
        if (r == 0 && gs_cut_busy(&now->cuts[g]).n > 0) {
            return gs_field_fail(at, check->err, "it is used whole, and slices of it are in use");
        }
        now->whole[g] = true;
        return r;
    }
    r = gs_field_list(at, "steps", STEPS_MAX, &steps, &n, check->err);
    if (r == 0 && now->node->model == NULL) {
        return gs_field_fail(at, check->err, "%s cannot be cut", now->node->gpu);
    }
    for (size_t i = 0; i < n && r == 0; i++) {
        struct gs_field step = gs_field_item(&steps, i);
        r = do_step(check, &step, now->node->model, &now->cuts[g]);
    }
    return r;
}

static int do_transitions(struct gs_check *check, const struct gs_field *at, struct node_now *now)
{
    struct gs_field list;
    size_t n;
    int r = gs_field_list(at, "transitions", GS_PROBLEM_GPUS_MAX, &list, &n, check->err);
    for (unsigned g = 0; g < now->node->gpus; g++) {
        now->cuts[g] = now->node->list[g].cut;
    }
    for (size_t i = 0; i < n && r == 0; i++) {
        struct gs_field transition = gs_field_item(&list, i);
        r = do_transition(check, &transition, now);
    }
    return r;
}

/* ------------------------------------------------------------------ what is used */

/* What the node has that nobody uses, behind its transitions; whole GPUs last. */
static void sum_free(const struct node_now *now, uint64_t *ret)
{
    memset(ret, 0, GS_CHECK_PARTS * sizeof(*ret));
    if (!now->node->layout_known) {
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            ret[p] = now->node->free_slices[p];
        }
        ret[GS_PROFILES_MAX] = now->node->free_gpus;
        return;
    }
    for (unsigned g = 0; g < now->node->gpus; g++) {
        uint8_t counts[GS_PROFILES_MAX];
        gs_cut_counts(&now->cuts[g], false, counts);
        for (unsigned p = 0; p < GS_PROFILES_MAX && !now->whole[g]; p++) {
            ret[p] += counts[p];
        }
        ret[GS_PROFILES_MAX] += now->whole[g];
    }
}

static int read_used(struct gs_check *check, const struct gs_field *at,
                     const struct gs_model *model, uint64_t *ret)
{
    struct gs_field used, slices;
    int r = gs_field_object(at, "used", &used, check->err);
    r = r < 0 ? r
              : gs_field_u64(&used, "gpus", 0, GS_PROBLEM_GPUS_MAX, &ret[GS_PROFILES_MAX],
                             check->err);
    r = r < 0 ? r : gs_field_object(&used, "slices", &slices, check->err);
    return r < 0 ? r : gs_problem_counts(&slices, model, UINT32_MAX, ret, check->err);
}

static int check_used(struct gs_check *check, const struct gs_field *at, const struct node_now *now,
                      const uint64_t *used, const uint64_t *asked)
{
    uint64_t has[GS_CHECK_PARTS];
    sum_free(now, has);
    for (unsigned p = 0; p < GS_CHECK_PARTS; p++) {
        const char *name = gs_check_part_name(now->node->model, p);
        if (used[p] > has[p]) {
            return gs_field_fail(at, check->err,
                                 "%" PRIu64 " of %s are used, and the node has %" PRIu64, used[p],
                                 name, has[p]);
        }
        if (p == GS_PROFILES_MAX && now->node->layout_known && used[p] != has[p]) {
            return gs_field_fail(at, check->err,
                                 "%" PRIu64 " GPUs are made whole, and %" PRIu64 " are used",
                                 has[p], used[p]);
        }
        if (check->problem.nodes && used[p] != asked[p]) {
            return gs_field_fail(at, check->err,
                                 "%" PRIu64 " of %s are used, and its items ask for %" PRIu64,
                                 used[p], name, asked[p]);
        }
    }
    return 0;
}

/* Goal gpus: what a node with a known layout gives belongs to what is given of its GPUs. */
static void add_given(const struct gs_check *check, const struct gs_problem_node *node,
                      const uint64_t *used, uint64_t *given)
{
    for (size_t t = 0; t < check->n_targets; t++) {
        bool same = node->layout_known && strcmp(check->targets[t].of.gpu, node->gpu) == 0;
        for (unsigned p = 0; p < GS_CHECK_PARTS && same; p++) {
            given[t * GS_CHECK_PARTS + p] += used[p];
        }
    }
}

static int check_node(struct gs_check *check, const struct gs_field *at, uint64_t *given)
{
    struct node_now now = {.node = NULL};
    uint64_t used[GS_CHECK_PARTS];
    uint64_t asked[GS_CHECK_PARTS] = {0};
    struct gs_field items;
    size_t n;
    int r = find_node(check, at, &now.node);
    r = r < 0 ? r : do_transitions(check, at, &now);
    r = r < 0 ? r : read_used(check, at, now.node->model, used);
    if (r == 0 && check->problem.nodes) {
        r = gs_check_served(check, at, now.node, 1, asked);
    } else if (r == 0) {
        r = gs_field_list(at, "items", 0, &items, &n, check->err);
        add_given(check, now.node, used, given);
    }
    return r < 0 ? r : check_used(check, at, &now, used, asked);
}

int gs_check_existing(struct gs_check *check, const struct gs_field *root, uint64_t *given)
{
    struct gs_field list;
    size_t n;
    size_t most = check->problem.n_nodes - check->problem.n_offers;
    int r = gs_field_list(root, "existing", most, &list, &n, check->err);
    for (size_t i = 0; i < n && r == 0; i++) {
        struct gs_field node = gs_field_item(&list, i);
        r = check_node(check, &node, given);
    }
    return r;
}
