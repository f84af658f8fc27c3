/* What the volumes of pods that wait require, asked for as the controller does. */
#include "base/clock.h"
#include "cli/cluster/scene.h"

int gs_scene_open_volumes(struct gs_scene *scene, struct gs_err *err)
{
    const struct gs_claims_options options = {.kube = scene->link->kube,
                                              .store = &scene->store,
                                              .limit_us = scene->link->limit_us,
                                              .once = true};
    return gs_claims_new(&options, &scene->volumes, err);
}

bool gs_scene_ask_volumes(struct gs_scene *scene, uint64_t now_us)
{
    bool more = false;
    for (const struct gs_store_waiting *one = scene->store.waiting; one != NULL && !more;
         one = one->next) {
        more = one->pod.n_claims > 0 && !gs_claims_look(scene->volumes, one->of, now_us);
    }
    return more;
}

int gs_scene_read_volumes(struct gs_scene *scene, struct gs_err *err)
{
    bool more = true;
    uint64_t begun_us = gs_now_us(); /* what is known by then is not asked for again */
    int r = gs_scene_open_volumes(scene, err);
    while (r == 0 && (more || gs_claims_under_way(scene->volumes) > 0)) {
        more = gs_scene_ask_volumes(scene, begun_us);
        r = gs_claims_under_way(scene->volumes) > 0 ? gs_link_turn(scene->link, err) : r;
        more = more && gs_claims_under_way(scene->volumes) > 0; /* no memory */
    }
    return r;
}
