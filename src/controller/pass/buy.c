/* Pods that need a node are let go once the NodePool that is to serve them is open, so that
 * Karpenter finds it at its first look, and all of them together. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/pass/work.h"

#define OPEN_LIMIT_US 10000000ull /* a NodePool takes about one second */

enum { OFFERS_TRIED_MAX = 8 };

/* GS_NO_MEMORY. */
static int leave_out(struct gs_pass *pass, struct gs_decide_cluster *cluster, uint32_t offer,
                     struct gs_err *err)
{
    size_t n = cluster->n_offers;
    if (cluster->offers != pass->offers) {
        if (n > pass->cap_offers) {
            struct gs_offer *wider = reallocarray(pass->offers, n, sizeof(*wider));
            if (wider == NULL) {
                return gs_fail(err, GS_NO_MEMORY, "no memory for what may be bought");
            }
            pass->offers = wider;
            pass->cap_offers = n;
        }
        memcpy(pass->offers, cluster->offers, n * sizeof(*pass->offers));
        cluster->offers = pass->offers;
    }
    pass->offers[offer].max_nodes = 0;
    pass->offers[offer].no_more = NULL;
    return 0;
}

int gs_pass_buy(struct gs_pass *pass, struct gs_store_pod *pod, struct gs_decide_pod *ask,
                struct gs_decide_cluster *cluster, struct gs_decision *decision, bool *ret_vain,
                struct gs_err *err)
{
    const struct gs_pass_market *market = &pass->options.market;
    const struct gs_offer *all = cluster->offers;
    const char *first = NULL;
    int r = 0;
    *ret_vain = false;
    for (unsigned tried = 0; r == 0 && decision->what == GS_DECIDE_BUY; tried++) {
        const char *futile = market->want == NULL || tried == OFFERS_TRIED_MAX
                                 ? first
                                 : market->want(market->ctx, pod, ask, &all[decision->offer]);
        if (futile == NULL) {
            break;
        }
        first = first == NULL ? futile : first;
        if (tried == OFFERS_TRIED_MAX) {
            decision->what = GS_DECIDE_WAIT;
            decision->until_node = GS_DECIDE_NONE;
            break;
        }
        r = leave_out(pass, cluster, decision->offer, err);
        r = r == 0 ? gs_pass_find_way(pass, pod, ask, cluster, decision, err) : r;
    }
    cluster->offers = all;
    if (r == 0 && first != NULL && decision->what == GS_DECIDE_WAIT &&
        decision->until_node == GS_DECIDE_NONE) {
        *ret_vain = true;
        snprintf(decision->why, sizeof(decision->why), "%s", first);
    }
    return r;
}

void gs_pass_let_buyers_go(struct gs_pass *pass, size_t n)
{
    const struct gs_pass_market *market = &pass->options.market;
    size_t n_offers = 0;
    const struct gs_offer *offers =
        market->offers == NULL ? NULL : market->offers(market->ctx, &n_offers);
    for (size_t i = 0; i < n; i++) {
        struct gs_store_waiting *waiting = pass->waiting[i]->waiting;
        if (waiting->buys == 0 || waiting->buys > n_offers || !waiting->wait.gated) {
            continue;
        }
        if (waiting->open_until_us == 0) {
            waiting->open_until_us = pass->now_us + OPEN_LIMIT_US;
        }
        if (pass->now_us < waiting->open_until_us && market->opens != NULL &&
            market->opens(market->ctx, &offers[waiting->buys - 1])) {
            gs_pass_look_again(pass, waiting->open_until_us);
        } else {
            gs_act_lift(pass->options.act, pass->waiting[i]);
        }
    }
}

void gs_pass_note_bought(const struct gs_pass *pass, struct gs_store_waiting *waiting,
                         const struct gs_offer *offer)
{
    const struct gs_pass_market *market = &pass->options.market;
    uint32_t takes_s = 0;
    bool known = market->expects != NULL && market->expects(market->ctx, offer, &takes_s);
    waiting->bought.uusd_h = offer->price_uusd;
    waiting->bought.takes_s = known ? takes_s : 0;
    if (waiting->bought.since_us == 0) {
        waiting->bought.since_us = pass->real_us;
    }
}
