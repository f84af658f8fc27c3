#include "picture/movers.h"

#include <stdlib.h>
#include <string.h>

#include "picture/rules.h"

void gs_movers_done(struct gs_movers *movers)
{
    free(movers->holders);
    free(movers->pods);
    *movers = (struct gs_movers){.n = 0};
}

static int make_room(struct gs_movers *movers, struct gs_err *err)
{
    size_t cap = movers->cap == 0 ? 64 : 2 * movers->cap;
    if (movers->n < movers->cap) {
        return 0;
    }
    struct gs_decide_pod *holders = reallocarray(movers->holders, cap, sizeof(*holders));
    movers->holders = holders != NULL ? holders : movers->holders;
    struct gs_store_pod **pods = reallocarray(movers->pods, cap, sizeof(struct gs_store_pod *));
    movers->pods = pods != NULL ? pods : movers->pods;
    if (holders == NULL || pods == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for pods that may be moved");
    }
    movers->cap = cap;
    return 0;
}

static void forget(struct gs_nodes_view *view)
{
    for (size_t i = 0; i < view->n; i++) {
        struct gs_view_node *more = &view->more[i];
        for (unsigned g = 0; more->marked && g < more->n_gpus; g++) {
            for (unsigned s = 0; s < more->gpus[g].n_slices; s++) {
                more->gpus[g].slices[s].pod = GS_DECIDE_NONE;
                more->gpus[g].slices[s].movable = false;
            }
        }
        more->marked = false;
    }
}

/* The slice of the view that the node's status says the pod has; NULL: none, or more than one, and
 * then it is not known which of them would come free. */
static struct gs_decide_slice *slice_of(struct gs_view_node *more, const struct gs_store_pod *pod)
{
    const struct gs_store_node *node = more->of;
    const char *slash = strchr(pod->key, '/');
    char space[256];
    struct gs_decide_slice *found = NULL;
    size_t n = (size_t)(slash - pod->key);
    if (n >= sizeof(space)) {
        return NULL;
    }
    memcpy(space, pod->key, n);
    space[n] = '\0';
    uint32_t holder = gs_store_holder(space, slash + 1);
    for (unsigned g = 0; g < node->n_gpus && g < more->n_gpus; g++) {
        for (unsigned k = 0; k < node->gpus[g].n_slices; k++) {
            const struct gs_store_slice *slice = &node->gpus[g].slices[k];
            if (slice->holder != holder) {
                continue;
            }
            if (found != NULL || !slice->plain || slice->state != GS_GPUNODE_HELD) {
                return NULL;
            }
            for (unsigned s = 0; s < more->gpus[g].n_slices; s++) {
                struct gs_decide_slice *seen = &more->gpus[g].slices[s];
                bool same = seen->placement.profile == slice->profile &&
                            seen->placement.start == slice->start;
                found = same ? seen : found;
            }
        }
    }
    return found;
}

static int add(struct gs_movers *movers, struct gs_view_node *more, struct gs_store_pod *pod,
               struct gs_err *err)
{
    struct gs_decide_slice *slice = slice_of(more, pod);
    int r = slice == NULL ? 0 : make_room(movers, err);
    if (r != 0 || slice == NULL) {
        return r;
    }
    const struct gs_store_kin *kin = pod->kin;
    slice->pod = (uint32_t)movers->n;
    slice->movable = true;
    more->marked = true;
    movers->pods[movers->n] = pod;
    movers->holders[movers->n++] = (struct gs_decide_pod){
        .name = pod->key,
        .priority = kin->priority,
        .created_us = (uint64_t)pod->created_s * 1000000,
        .cpu_milli = kin->cpu_milli,
        .memory_bytes = kin->memory_bytes,
        .wants = &kin->want,
        .n_wants = 1,
        .constraint = kin->constraint,
    };
    return 0;
}

int gs_movers_find(struct gs_movers *movers, struct gs_nodes_view *view,
                   const struct gs_movers_rules *rules, struct gs_err *err)
{
    int r = 0;
    if (movers->marked) {
        forget(view);
    }
    movers->n = 0;
    movers->marked = view->store->kins.n > 0;
    for (size_t i = 0; r == 0 && movers->marked && i < view->n; i++) {
        struct gs_view_node *more = &view->more[i];
        const struct gs_store_node *node = more->of;
        bool may = node->n_movable > 0 && node->known && (!node->held || node->held_by_us) &&
                   (rules->node == NULL || rules->node(rules->ctx, node));
        for (struct gs_store_pod *pod = node->pods; r == 0 && may && pod != NULL; pod = pod->next) {
            if (pod->kin != NULL && pod->node != NULL && !gs_rules_shuns(view->store, pod->shape) &&
                (rules->pod == NULL || rules->pod(rules->ctx, pod))) {
                r = add(movers, more, pod, err);
            }
        }
    }
    return r;
}
