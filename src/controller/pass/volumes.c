/* Pods with volumes: decided once it is known where those are, and not at all while the scheduler
 * would take them nowhere. Nothing here holds a pod for good: what cannot be read is done without,
 * and the gate goes after a time. */
#include "controller/pass/work.h"

#define READ_LIMIT_US 15000000ull /* many pods, a slow API server: without it then */

/* False: it is to be waited for. */
static bool is_known(struct gs_pass *pass, struct gs_store_pod *pod)
{
    const struct gs_pass_volumes *source = &pass->options.volumes;
    struct gs_store_volumes *volumes = &pod->waiting->volumes;
    volumes->since_us = volumes->since_us == 0 ? pass->now_us : volumes->since_us;
    (void)source->look(source->ctx, pod, pass->now_us);
    uint64_t until_us = volumes->since_us + READ_LIMIT_US;
    if (volumes->of != NULL || pass->now_us >= until_us) {
        return true;
    }
    gs_pass_look_again(pass, until_us);
    return false;
}

bool gs_pass_has_volumes(struct gs_pass *pass, struct gs_store_pod *pod)
{
    struct gs_store_waiting *waiting = pod->waiting;
    struct gs_store_volumes *volumes = &waiting->volumes;
    if (waiting->pod.n_claims == 0 || pass->options.volumes.look == NULL) {
        return true;
    }
    if (!is_known(pass, pod)) {
        return false;
    }
    if (!gs_take_is_nowhere(pod, waiting->why, sizeof(waiting->why))) {
        return true;
    }
    waiting->what = GS_DECIDE_WAIT;
    waiting->bought.since_us = 0;
    if (volumes->until_us == 0) {
        volumes->until_us = pass->now_us + pass->options.recut_limit_us;
    }
    if (pass->now_us < volumes->again_us) { /* else it is being asked for */
        gs_pass_look_again(pass, volumes->again_us);
    }
    if (pass->now_us < volumes->until_us) {
        gs_pass_look_again(pass, volumes->until_us);
        gs_act_say(pass->options.act, pod, false, "WaitsForVolume", "Wait", waiting->why);
    } else {
        gs_pass_let_go(pass, pod, "WaitsForVolume", "Wait", waiting->why);
    }
    return false;
}
