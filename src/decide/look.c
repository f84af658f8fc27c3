#include "decide/look.h"

#include <string.h>

#include "decide/work.h"

/* The slices in use that stand in the way on the GPU that would be kept; false: there are none. */
static bool find_in_the_way(struct gs_work *work, const struct gs_blame *blame, struct gs_look *ret)
{
    const struct gs_decide_node *node = &work->cluster->nodes[0];
    const struct gs_need *need;
    if (blame->keep_node == GS_DECIDE_NONE ||
        gs_need_of(work, node->model, node->gpu_name, &need, NULL) < 0) {
        return false;
    }
    int profile = gs_work_short(need, node->free);
    ret->gpu = (uint32_t)__builtin_ctz(blame->keep_gpus);
    ret->slices =
        profile < 0 ? 0 : gs_work_in_the_way(need->kind, &node->gpus[ret->gpu], (unsigned)profile);
    return ret->slices != 0;
}

static void judge(struct gs_work *work, const struct gs_blame *blame, struct gs_look *ret)
{
    ret->because = NULL;
    if (blame->other > 0) {
        ret->what = GS_LOOK_OTHER;
    } else if (blame->unusable > 0) {
        ret->what = GS_LOOK_UNUSABLE;
    } else if (blame->small > 0) {
        ret->what = GS_LOOK_SMALL;
        ret->because = blame->lacking;
    } else if (blame->barred > 0) {
        ret->what = GS_LOOK_BARRED;
        ret->because = blame->because;
    } else if (blame->silent > 0) {
        ret->what = GS_LOOK_SILENT;
    } else if (blame->bound > 0) {
        ret->what = GS_LOOK_BOUND;
    } else if (find_in_the_way(work, blame, ret)) {
        ret->what = GS_LOOK_IN_USE;
    } else {
        ret->what = blame->kept > 0 ? GS_LOOK_KEPT : GS_LOOK_FULL;
    }
}

int gs_look(struct gs_decider *decider, const struct gs_decide_cluster *cluster,
            const struct gs_decide_pod *pod, uint32_t node, struct gs_look *ret, struct gs_err *err)
{
    struct gs_decide_cluster alone = *cluster;
    struct gs_decide_pod stays = *pod;
    struct gs_decision decision;
    struct gs_blame blame;
    alone.nodes = &cluster->nodes[node];
    alone.n_nodes = 1;
    alone.n_offers = 0;
    stays.may_move_others = false;
    stays.barred = pod->barred == NULL ? NULL : pod->barred + node;
    stays.kept_node = GS_DECIDE_NONE;
    int r = gs_decide(decider, &alone, &stays, &decision, err);
    if (r < 0) {
        return r;
    }
    *ret = (struct gs_look){.borrowed = decision.borrowed, .gpu = GS_DECIDE_NONE};
    if (decision.what == GS_DECIDE_BOOK) {
        ret->what = GS_LOOK_FREE;
        return 0;
    }
    if (decision.what == GS_DECIDE_RECUT) {
        ret->what = GS_LOOK_RECUT;
        ret->gpu = decision.recuts[0].gpu;
        return 0;
    }
    if (decision.until_node != GS_DECIDE_NONE) {
        ret->what = GS_LOOK_COMES;
        return 0;
    }
    struct gs_work work = {.decider = decider,
                           .cluster = &alone,
                           .pod = &stays,
                           .rank = gs_decide_rank(&stays),
                           .except = GS_DECIDE_NONE};
    r = gs_blame(&work, &blame, err);
    if (r == 0) {
        judge(&work, &blame, ret);
    }
    return r;
}
