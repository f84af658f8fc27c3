/* Pods that need a node are let go once the NodePool that is to serve them is open, so that
 * Karpenter finds it at its first look, and all of them together. */
#include "controller/pass/work.h"

#define OPEN_LIMIT_US 10000000ull /* a NodePool takes about one second */

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
