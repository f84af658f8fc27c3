#include "picture/take.h"

#include <stdio.h>
#include <string.h>

struct gs_decide_pod gs_take_ask(const struct gs_store_pod *pod)
{
    const struct gs_store_waiting *waiting = pod->waiting;
    return (struct gs_decide_pod){
        .name = waiting->pod.id,
        .priority = waiting->pod.priority,
        .created_us = waiting->wait.created_us,
        .cpu_milli = waiting->pod.cpu_milli,
        .memory_bytes = waiting->pod.memory_bytes,
        .wants = waiting->pod.wants,
        .n_wants = waiting->pod.n_wants,
        .constraint = gs_store_constraint(waiting),
        .avoid = waiting->failed_on,
        .n_avoid = waiting->n_failed_on,
    };
}

bool gs_take_is_nowhere(const struct gs_store_pod *pod, char *ret, size_t size)
{
    const struct gs_volumes *volumes = pod->waiting->volumes.of;
    const char *claim = NULL;
    if (volumes != NULL && volumes->waits != NULL) {
        snprintf(ret, size, "%.400s; it can run nowhere until that is otherwise", volumes->waits);
        return true;
    }
    const struct gs_store_pod *user = gs_store_volume_user(pod, &claim);
    if (user != NULL) {
        snprintf(ret, size,
                 "PersistentVolumeClaim %.100s is for one pod at a time (ReadWriteOncePod), and "
                 "pod %.250s has it; it can run nowhere until that is otherwise",
                 claim, user->key);
    }
    return user != NULL;
}

/* Where both do not fit what was decided is cut. */
void gs_take_words(const struct gs_store_pod *pod, struct gs_decision *decision)
{
    const struct gs_kubepod *read = &pod->waiting->pod;
    const struct gs_volumes *volumes = pod->waiting->volumes.of;
    char more[GS_DECIDE_TEXT_MAX / 2] = "";
    if (volumes == NULL && read->n_claims > 0) {
        snprintf(more, sizeof(more), "; where its volumes are is not known yet");
    } else if (volumes != NULL && volumes->unread != NULL) {
        snprintf(more, sizeof(more), "; where its volumes are was not to be read: %.200s",
                 volumes->unread);
    } else if (volumes != NULL && volumes->says[0] != '\0') {
        snprintf(more, sizeof(more), "; %.240s", volumes->says);
    }
    size_t n = strlen(decision->why);
    size_t n_more = strlen(more);
    size_t most = sizeof(decision->why) - 1 - n_more;
    if (n_more > 0 && n > most) {
        n = most;
        memcpy(decision->why + n - 3, "...", 3);
    }
    memcpy(decision->why + n, more, n_more + 1);
}

/* Wants of a pod in profiles of the node's model. */
static void count_wants(const struct gs_want *wants, size_t n, const struct gs_model *model,
                        uint32_t ret[GS_PROFILES_MAX], uint32_t *ret_gpus)
{
    *ret_gpus = 0;
    for (size_t i = 0; i < n; i++) {
        const struct gs_want *want = &wants[i];
        int profile =
            want->whole_gpu || model == NULL ? -1 : gs_model_profile_index(model, &want->profile);
        if (want->whole_gpu) {
            *ret_gpus += want->count;
        } else if (profile >= 0) {
            ret[profile] += want->count;
        }
    }
}

void gs_take_booking(struct gs_nodes_view *view, const struct gs_store_pod *pod, uint32_t node)
{
    struct gs_decide_node *on = &view->nodes[node];
    uint32_t wants[GS_PROFILES_MAX] = {0};
    uint32_t gpus = 0;
    count_wants(pod->waiting->pod.wants, pod->waiting->pod.n_wants, on->model, wants, &gpus);
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        on->free[p] = gs_nodes_view_less(on->free[p], wants[p]);
    }
    on->free_gpus = gs_nodes_view_less(on->free_gpus, gpus);
    on->cpu_milli -= pod->cpu_milli;
    on->memory_bytes -= pod->memory_bytes;
    on->pods--;
}

/* The picture of the node is made anew at the next pass. */
static void take_coming(struct gs_nodes_view *view, const struct gs_want *asks, size_t n,
                        uint32_t node)
{
    struct gs_decide_node *on = &view->nodes[node];
    uint32_t wants[GS_PROFILES_MAX] = {0};
    uint32_t gpus = 0;
    gs_store_touch(view->more[node].of);
    count_wants(asks, n, on->model, wants, &gpus);
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        on->coming[p] = gs_nodes_view_less(on->coming[p], wants[p]);
    }
}

void gs_take_coming(struct gs_nodes_view *view, const struct gs_store_pod *pod, uint32_t node)
{
    take_coming(view, pod->waiting->pod.wants, pod->waiting->pod.n_wants, node);
}

/* Whether the GPU has this slice now; what it is, then. */
static const struct gs_decide_slice *same_slice(const struct gs_decide_gpu *gpu,
                                                const struct gs_placement *placement)
{
    for (unsigned k = 0; k < gpu->n_slices; k++) {
        if (gpu->slices[k].placement.profile == placement->profile &&
            gpu->slices[k].placement.start == placement->start) {
            return &gpu->slices[k];
        }
    }
    return NULL;
}

/* What one GPU becomes. */
static int show_recut(struct gs_nodes_view *view, uint32_t node,
                      const struct gs_decide_recut *recut, uint32_t wants[GS_PROFILES_MAX],
                      struct gs_err *err)
{
    struct gs_decide_node *on = &view->nodes[node];
    struct gs_view_node *more = &view->more[node];
    struct gs_decide_gpu *gpu = &more->gpus[recut->gpu];
    struct gs_decide_gpu then = *gpu;
    uint32_t there[GS_PROFILES_MAX] = {0};
    uint8_t wanted[GS_PROFILES_MAX] = {0};
    gs_layout_counts(&recut->layout, wanted);
    for (unsigned k = 0; k < gpu->n_slices; k++) {
        there[gpu->slices[k].placement.profile]++;
    }
    gs_nodes_view_recut(on, there, wanted);
    then.n_slices = recut->layout.n_slices;
    for (unsigned k = 0; k < then.n_slices; k++) {
        const struct gs_placement *placement = &recut->layout.slices[k].placement;
        const struct gs_decide_slice *now = same_slice(gpu, placement);
        bool is_wanted = now == NULL && wants[placement->profile] > 0;
        wants[placement->profile] -= is_wanted;
        then.slices[k] = now != NULL ? *now
                                     : (struct gs_decide_slice){.placement = *placement,
                                                                .state = is_wanted ? GS_DECIDE_FIXED
                                                                                   : GS_DECIDE_IDLE,
                                                                .pod = GS_DECIDE_NONE};
    }
    *gpu = then;
    return gs_decide_sum(view->decider, on->model, more->gpus, more->n_gpus, &more->sum, err);
}

static int take_recuts(struct gs_nodes_view *view, const struct gs_want *asks, size_t n_asks,
                       uint32_t node, const struct gs_decide_recut *recuts, unsigned n,
                       struct gs_err *err)
{
    uint32_t wants[GS_PROFILES_MAX] = {0};
    uint32_t gpus = 0;
    int r = 0;
    count_wants(asks, n_asks, view->nodes[node].model, wants, &gpus);
    for (unsigned i = 0; r == 0 && i < n; i++) {
        r = show_recut(view, node, &recuts[i], wants, err);
    }
    if (r == 0) {
        take_coming(view, asks, n_asks, node);
    }
    return r;
}

int gs_take_recut(struct gs_nodes_view *view, const struct gs_store_pod *pod, uint32_t node,
                  const struct gs_decide_recut *recuts, unsigned n, struct gs_err *err)
{
    const struct gs_kubepod *asks = &pod->waiting->pod;
    return take_recuts(view, asks->wants, asks->n_wants, node, recuts, n, err);
}

int gs_take_room(struct gs_nodes_view *view, const struct gs_want *want, uint32_t node,
                 const struct gs_decide_recut *recuts, unsigned n, struct gs_err *err)
{
    return take_recuts(view, want, 1, node, recuts, n, err);
}

bool gs_take_reserve(struct gs_nodes_view *view, uint32_t node, const struct gs_profile_name *slice)
{
    struct gs_decide_node *on = &view->nodes[node];
    int profile = on->model == NULL ? -1 : gs_model_profile_index(on->model, slice);
    gs_store_touch(view->more[node].of);
    if (profile < 0 || on->free[profile] == 0) {
        return false;
    }
    on->free[profile]--;
    return true;
}

bool gs_take_keep(struct gs_nodes_view *view, const struct gs_decide_pod *ask,
                  const struct gs_decision *decision)
{
    bool keeps = false;
    if (decision->keep.node == GS_DECIDE_NONE) {
        return false;
    }
    struct gs_view_node *more = &view->more[decision->keep.node];
    for (unsigned g = 0; g < more->n_gpus; g++) {
        if ((decision->keep.gpus >> g & 1u) != 0) {
            more->gpus[g].kept_for = gs_decide_rank(ask);
            keeps = true;
        }
    }
    return keeps;
}
