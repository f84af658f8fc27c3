#include "controller/pass/warm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POOL_LABEL "gpuslice.dev/slicepool"

/* A node of the SlicePool; those that stay anyway come first, so that others may go. */
struct stand {
    uint32_t number;
    bool empty;
    const char *name;
};

static int by_stay(const void *a, const void *b)
{
    const struct stand *x = a;
    const struct stand *y = b;
    return x->empty != y->empty ? (int)x->empty - (int)y->empty : strcmp(x->name, y->name);
}

static bool has_slices_in_use(const struct gs_store_node *node)
{
    bool uses = false;
    for (const struct gs_store_pod *pod = node->pods; pod != NULL && !uses; pod = pod->next) {
        uses = pod->n_wants > 0;
    }
    return uses;
}

static size_t find_nodes(const struct gs_nodes_view *view, const char *pool, struct stand *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < view->n; i++) {
        const struct gs_store_node *node = view->more[i].of;
        if (node->known && !node->deleting && strcmp(node->slicepool, pool) == 0) {
            ret[n++] = (struct stand){
                .number = (uint32_t)i, .empty = !has_slices_in_use(node), .name = node->name};
        }
    }
    qsort(ret, n, sizeof(*ret), by_stay);
    return n;
}

static uint32_t take(uint32_t *from, uint32_t most)
{
    uint32_t n = *from < most ? *from : most;
    *from -= n;
    return n;
}

/* What is there and what is coming is set aside. */
static uint32_t set_aside(struct gs_nodes_view *view, const struct gs_warm *warm,
                          const struct stand *stands, size_t n)
{
    uint32_t missing = warm->count;
    for (size_t i = 0; i < n && missing > 0; i++) {
        struct gs_decide_node *node = &view->nodes[stands[i].number];
        int p = node->model == NULL ? -1 : gs_model_profile_index(node->model, &warm->profile);
        if (p < 0) {
            continue;
        }
        uint32_t got = node->usable ? take(&node->free[p], missing) : 0;
        got += take(&node->coming[p], missing - got);
        missing -= got;
        if (got > 0) {
            view->more[stands[i].number].warm = true;
            gs_store_touch(view->more[stands[i].number].of);
        }
    }
    return missing;
}

/* As a pod that goes after all others, on nodes of the SlicePool. *ret_done: a re-cut began. */
static int recut_one(const struct gs_warm_options *options, const struct gs_warm *warm,
                     bool *ret_done, struct gs_err *err)
{
    const char *const values[] = {warm->pool};
    const struct gs_requirement ours = {
        .key = POOL_LABEL, .op = GS_LABEL_IN, .values = values, .n_values = 1};
    const struct gs_toleration all = {.key = "", .value = "", .effect = "", .exists = true};
    const struct gs_constraint constraint = {
        .selector = {.requirements = &ours, .n_requirements = 1},
        .tolerations = &all,
        .n_tolerations = 1};
    const struct gs_want want = {.profile = warm->profile, .count = 1};
    const struct gs_decide_pod ask = {.name = "warm",
                                      .priority = INT32_MIN,
                                      .created_us = options->real_us,
                                      .wants = &want,
                                      .n_wants = 1,
                                      .constraint = &constraint,
                                      .kept_node = GS_DECIDE_NONE};
    const struct gs_decide_cluster cluster = {
        .nodes = options->view->nodes, .n_nodes = options->view->n, .now_us = options->real_us};
    struct gs_decision decision;
    char slice[GS_PROFILE_NAME_MAX + 1];
    char why[400];
    int r = gs_decide(options->decider, &cluster, &ask, &decision, err);
    *ret_done = r == 0 && decision.what == GS_DECIDE_RECUT && !decision.borrowed;
    if (!*ret_done) {
        return r == GS_INVALID ? 0 : r; /* no GPU has it: the schema does not know */
    }
    gs_profile_name_format(&warm->profile, slice);
    snprintf(why, sizeof(why), "SlicePool %.253s keeps %u %s free", warm->pool, warm->count, slice);
    r = options->recut(options->ctx, decision.node, &decision, why, err);
    r = r == 0 ? gs_take_room(options->view, &want, decision.node, decision.recuts,
                              decision.n_recuts, err)
               : r;
    options->view->more[decision.node].warm = true;
    return r;
}

int gs_warm_keep(const struct gs_warm_options *options, const struct gs_warm *list, size_t n,
                 uint32_t *ret_missing, struct gs_err *err)
{
    struct gs_nodes_view *view = options->view;
    unsigned recuts = 0;
    int r = 0;
    for (size_t i = 0; i < view->n; i++) {
        view->more[i].warm = false;
    }
    struct stand *stands = n == 0 ? NULL : calloc(view->n + 1, sizeof(*stands));
    if (stands == NULL) {
        return n == 0 ? 0 : gs_fail(err, GS_NO_MEMORY, "no memory for warm slices");
    }
    for (size_t i = 0; i < n; i++) {
        ret_missing[i] = set_aside(view, &list[i], stands, find_nodes(view, list[i].pool, stands));
    }
    free(stands);
    for (size_t i = 0; r == 0 && i < n; i++) {
        bool done = true;
        while (r == 0 && done && ret_missing[i] > 0 && recuts < GS_WARM_RECUTS_MAX) {
            r = recut_one(options, &list[i], &done, err);
            ret_missing[i] -= done;
            recuts += done;
        }
    }
    return r;
}
