/* Pods whose rules are met once others, that are booked already, are bound: the scheduler counts
 * them for affinity and spread only then. Without this each would go for a new node. */
#include <stdio.h>
#include <string.h>

#include "controller/pass/work.h"

#define HOPE_LIMIT_US 10000000ull /* a booked pod is bound in less than a second */

static bool is_at_once(const struct gs_decision *decision)
{
    return decision->what == GS_DECIDE_BOOK || decision->what == GS_DECIDE_RECUT;
}

bool gs_pass_hopes(struct gs_pass *pass, struct gs_store_pod *pod, struct gs_decide_pod *ask,
                   const struct gs_decide_cluster *cluster, struct gs_decision *decision)
{
    struct gs_store_waiting *waiting = pod->waiting;
    struct gs_decision hoped;
    bool waits = decision->what == GS_DECIDE_WAIT && decision->until_node == GS_DECIDE_NONE;
    if (!waiting->wait.gated || (decision->what != GS_DECIDE_BUY && !waits)) {
        return false;
    }
    if (waiting->hope_until_us == 0) {
        waiting->hope_until_us = pass->now_us + HOPE_LIMIT_US;
    }
    if (pass->now_us >= waiting->hope_until_us ||
        gs_rules_judge(&pass->rules, pod, GS_RULES_HOPEFUL, ask, NULL, NULL) != 0 ||
        gs_pass_ask(pass, cluster, ask, &hoped, NULL) != 0 || !is_at_once(&hoped)) {
        return false;
    }
    hoped.what = GS_DECIDE_WAIT;
    size_t n = strlen(hoped.why);
    snprintf(hoped.why + n, sizeof(hoped.why) - n,
             "; its affinity or spread allows that once the pods on their way are bound");
    gs_pass_look_again(pass, waiting->hope_until_us);
    gs_pass_remember(pod, &hoped);
    gs_act_say(pass->options.act, pod, false, "WaitsForPods", "Wait", hoped.why);
    return true;
}
