#include "controller/pass/work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define ARENA_BYTES_MAX ((size_t)256 << 20)
#define RECUT_LIMIT_US 30000000ull
#define BOOK_LIMIT_US 120000000ull
#define MOVE_LIMIT_US 120000000ull
#define SILENCE_LOOK_US 30000000ull
/* How long a node is left out after a booking there failed: of pods with a rule that we do not look
 * at, and of the others the first time, doubled with each. */
#define FAILED_RULE_US 600000000ull
#define FAILED_US 30000000ull
enum { FAILED_DOUBLINGS_MAX = 5 };

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the decisions");
}

int gs_pass_new(const struct gs_pass_options *options, struct gs_pass **ret, struct gs_err *err)
{
    struct gs_pass *pass = calloc(1, sizeof(*pass));
    if (pass == NULL) {
        return no_memory(err);
    }
    pass->options = *options;
    pass->options.recut_limit_us =
        options->recut_limit_us == 0 ? RECUT_LIMIT_US : options->recut_limit_us;
    pass->options.book_limit_us =
        options->book_limit_us == 0 ? BOOK_LIMIT_US : options->book_limit_us;
    gs_arena_init(&pass->arena, &gs_alloc_heap, ARENA_BYTES_MAX);
    pass->decider = gs_decider_new(&pass->arena);
    if (pass->decider == NULL) {
        gs_arena_done(&pass->arena);
        free(pass);
        return no_memory(err);
    }
    gs_nodes_view_init(&pass->view, options->store, pass->decider);
    gs_rules_init(&pass->rules, options->store, &pass->view);
    const struct gs_moves_options moves = {
        .store = options->store,
        .node = options->market.moves,
        .ctx = options->market.ctx,
        .limit_us = options->move_limit_us == 0 ? MOVE_LIMIT_US : options->move_limit_us,
        .rest_us = options->move_rest_us,
        .an_hour = options->moves_an_hour,
    };
    gs_moves_init(&pass->moves, &moves);
    *ret = pass;
    return 0;
}

void gs_pass_free(struct gs_pass *pass)
{
    if (pass != NULL) {
        gs_moves_done(&pass->moves);
        gs_rules_done(&pass->rules);
        gs_nodes_view_done(&pass->view);
        gs_arena_done(&pass->arena);
        free(pass->waiting);
        free(pass->offers);
        free(pass);
    }
}

struct gs_pass_counts gs_pass_counts(const struct gs_pass *pass)
{
    struct gs_pass_counts counts = pass->counts;
    counts.moves = pass->moves.n;
    return counts;
}

void gs_pass_look_again(struct gs_pass *pass, uint64_t at_us)
{
    pass->again_us = at_us < pass->again_us ? at_us : pass->again_us;
}

/* ---- who waits ---- */

static int by_order(const void *a, const void *b)
{
    struct gs_decide_pod x = gs_take_ask(*(struct gs_store_pod *const *)a);
    struct gs_decide_pod y = gs_take_ask(*(struct gs_store_pod *const *)b);
    return gs_decide_order(&x, &y);
}

static int gather(struct gs_pass *pass, size_t *ret_n, struct gs_err *err)
{
    const struct gs_store *store = pass->options.store;
    *ret_n = 0;
    pass->counts.waiting = store->n_waiting;
    pass->counts.gated = 0;
    if (store->n_waiting > pass->cap_waiting) {
        struct gs_store_pod **wider =
            reallocarray(pass->waiting, 2 * store->n_waiting, sizeof(*wider));
        if (wider == NULL) {
            return no_memory(err);
        }
        pass->waiting = wider;
        pass->cap_waiting = 2 * store->n_waiting;
    }
    if (store->n_waiting == 0) {
        return 0;
    }
    for (const struct gs_store_waiting *one = store->waiting; one != NULL; one = one->next) {
        pass->counts.gated += one->wait.gated;
        pass->waiting[(*ret_n)++] = one->of;
    }
    qsort(pass->waiting, *ret_n, sizeof(struct gs_store_pod *), by_order);
    return 0;
}

/* ---- bookings that stand ---- */

/* It is not booked there again for a time: there is a rule that we do not look at (how many volumes
 * a node attaches), or somebody was faster. */
static void remember_failed(const struct gs_pass *pass, struct gs_store_waiting *waiting,
                            const struct gs_store_node *node)
{
    unsigned n = waiting->n_failed_on < GS_STORE_FAILED_ON_MAX ? ++waiting->n_failed_on
                                                               : GS_STORE_FAILED_ON_MAX;
    memmove(waiting->failed_on + 1, waiting->failed_on, (n - 1) * sizeof(waiting->failed_on[0]));
    waiting->failed_on[0] = node->name;
    unsigned doublings = waiting->n_failed_bookings < FAILED_DOUBLINGS_MAX
                             ? waiting->n_failed_bookings++
                             : FAILED_DOUBLINGS_MAX;
    waiting->failed_until_us =
        pass->now_us +
        (gs_store_unobeyed(waiting->of) != 0 ? FAILED_RULE_US : FAILED_US << doublings);
}

/* A pod that is nominated: is it still right? */
static void look_after_booking(struct gs_pass *pass, struct gs_store_pod *pod)
{
    struct gs_store_waiting *waiting = pod->waiting;
    const struct gs_store_node *node = pod->nominated;
    bool ours = strcmp(waiting->wait.booked, node->name) == 0;
    /* what the scheduler has taken off again it has found no room for */
    uint64_t until =
        waiting->nominated_us == 0 ? 0 : waiting->nominated_us + pass->options.book_limit_us;
    if (waiting->wait.gated && waiting->wait.n_others == 0 && node->known && !node->deleting) {
        gs_act_book(pass->options.act, pod, pod->nominated); /* we ended half-way */
    } else if (waiting->wait.gated) {
        gs_act_lift(pass->options.act, pod);
    } else if (ours && (!node->known || node->deleting || pass->now_us >= until)) {
        gs_act_say(
            pass->options.act, pod, true, "BookingEnded", "Book",
            !node->known || node->deleting
                ? "the node on which a slice was booked for this pod is gone; it is looked "
                  "for anew"
            : until == 0
                ? "the scheduler did not bind it to the node where a slice was booked for it; "
                  "it is looked for anew, not there"
                : "the slice that was booked for this pod could not be bound in time; it is "
                  "looked for anew, not there");
        remember_failed(pass, waiting, node);
        gs_act_clear(pass->options.act, pod);
    } else if (ours) {
        gs_pass_look_again(pass, until);
    }
}

/* ---- decisions ---- */

void gs_pass_remember(struct gs_store_pod *pod, const struct gs_decision *decision)
{
    pod->waiting->what = decision->what;
    pod->waiting->bought.since_us *= decision->what == GS_DECIDE_BUY;
    snprintf(pod->waiting->why, sizeof(pod->waiting->why), "%s", decision->why);
}

/* Nothing holds the gate any more: it goes, and Karpenter and the scheduler see the pod. */
void gs_pass_let_go(struct gs_pass *pass, struct gs_store_pod *pod, const char *reason,
                    const char *action, const char *why)
{
    gs_act_say(pass->options.act, pod, false, reason, action, why);
    if (pod->waiting->wait.gated) {
        gs_act_lift(pass->options.act, pod);
    }
}

static int carry_out(struct gs_pass *pass, struct gs_store_pod *pod,
                     const struct gs_decide_pod *ask, const struct gs_decide_cluster *cluster,
                     const struct gs_decision *decision, struct gs_err *err)
{
    const struct gs_pass_market *market = &pass->options.market;
    switch (decision->what) {
    case GS_DECIDE_BOOK:
        gs_pass_book(pass, pod, decision);
        return 0;
    case GS_DECIDE_RECUT:
        return gs_pass_recut(pass, pod, decision->node, decision, err);
    case GS_DECIDE_MOVE:
        return gs_pass_move(pass, pod, ask, decision, err);
    case GS_DECIDE_BUY:
        if (gs_pass_waits_for_move(pass, pod)) {
            return 0;
        }
        gs_act_say(pass->options.act, pod, false, "NeedsNode", "Buy", decision->why);
        pod->waiting->buys = decision->offer + 1;
        gs_pass_note_bought(pass, pod->waiting, &cluster->offers[decision->offer]);
        return 0;
    case GS_DECIDE_WAIT:
        pass->keeps |= gs_take_keep(&pass->view, ask, decision);
        if (decision->until_node != GS_DECIDE_NONE) {
            gs_take_coming(&pass->view, pod, decision->until_node);
            gs_pass_look_again(pass, pass->now_us + pass->options.recut_limit_us);
            if (pod->waiting->keep_until_us == 0) {
                pod->waiting->keep_until_us = pass->now_us + pass->options.recut_limit_us;
            }
            /* one of the two: the other way about they would take turns, an Event each */
            if (pass->now_us >= pod->waiting->keep_until_us && !gs_pass_waits_for_move(pass, pod)) {
                gs_pass_let_go(pass, pod, "RecutTakesLong", "Wait", decision->why);
            } else {
                gs_act_say(pass->options.act, pod, false, "WaitsForRecut", "Wait", decision->why);
            }
            return 0;
        }
        if (gs_pass_waits_for_move(pass, pod)) {
            return 0;
        }
        if (market->want != NULL) {
            (void)market->want(market->ctx, pod, NULL, NULL);
        }
        gs_pass_let_go(pass, pod, "NoSlice", "Wait", decision->why);
        return 0;
    }
    return 0;
}

int gs_pass_ask(struct gs_pass *pass, const struct gs_decide_cluster *cluster,
                const struct gs_decide_pod *ask, struct gs_decision *ret, struct gs_err *err)
{
    uint64_t begun = gs_now_us();
    int r = gs_decide(pass->decider, cluster, ask, ret, err);
    uint64_t took = gs_now_us() - begun;
    pass->counts.longest_us = took > pass->counts.longest_us ? took : pass->counts.longest_us;
    return r;
}

int gs_pass_find_way(struct gs_pass *pass, struct gs_store_pod *pod, struct gs_decide_pod *ask,
                     struct gs_decide_cluster *cluster, struct gs_decision *ret, struct gs_err *err)
{
    uint64_t when_us;
    bool moving = gs_moves_for(&pass->moves, pod) != NULL;
    int r = moving ? 0 : gs_moves_holders(&pass->moves, &pass->view, cluster, err);
    ask->may_move_others = cluster->n_holders > 0;
    r = r == 0 ? gs_pass_ask(pass, cluster, ask, ret, err) : r;
    if (r != 0 || ret->what != GS_DECIDE_MOVE || gs_moves_may(&pass->moves, &when_us)) {
        return r;
    }
    gs_pass_look_again(pass, when_us);
    ask->may_move_others = false;
    r = gs_pass_ask(pass, cluster, ask, ret, err);
    if (r == 0) {
        size_t n = strlen(ret->why);
        snprintf(ret->why + n, sizeof(ret->why) - n,
                 "; a pod could be moved for it, but as many were as may be (--moves-per-hour)");
    }
    return r;
}

static int decide(struct gs_pass *pass, struct gs_store_pod *pod, struct gs_err *err)
{
    const struct gs_pass_market *market = &pass->options.market;
    struct gs_decide_cluster cluster = {
        .nodes = pass->view.nodes, .n_nodes = pass->view.n, .now_us = pass->real_us};
    struct gs_decide_pod ask = gs_take_ask(pod);
    struct gs_decision decision;
    bool later = false;
    bool vain = false;
    if (!gs_pass_has_volumes(pass, pod)) {
        return 0;
    }
    ask.constraint = gs_store_constraint(pod->waiting);
    int r = gs_rules_judge(&pass->rules, pod, GS_RULES_STRICT, &ask, &later, err);
    if (r != 0 || gs_pass_book_successor(pass, pod, &ask)) {
        return r;
    }
    if (market->offers != NULL) {
        cluster.offers = market->offers(market->ctx, &cluster.n_offers);
    }
    if (pass->now_us >= pod->waiting->failed_until_us) {
        pod->waiting->n_failed_on = 0;
        ask.n_avoid = 0;
    } else if (pod->waiting->n_failed_on == GS_STORE_FAILED_ON_MAX) {
        cluster.n_nodes = 0; /* no use here: let it be bought for, or go */
    }
    r = gs_pass_find_way(pass, pod, &ask, &cluster, &decision, err);
    if (r == GS_INVALID || r == GS_LIMIT) {
        gs_pass_let_go(pass, pod, "CannotRun", "Wait", err->msg);
        return 0;
    }
    if (r != 0) {
        return r;
    }
    if (later && gs_pass_hopes(pass, pod, &ask, &cluster, &decision)) {
        return 0;
    }
    if (decision.what == GS_DECIDE_BUY && gs_moves_for(&pass->moves, pod) == NULL) {
        r = later ? gs_rules_judge(&pass->rules, pod, GS_RULES_STRICT, &ask, NULL, err) : 0;
        r = r == 0 ? gs_pass_buy(pass, pod, &ask, &cluster, &decision, &vain, err) : r;
    }
    if (r != 0) {
        return r;
    }
    pass->counts.decisions[decision.what]++;
    gs_take_words(pod, &decision);
    gs_pass_remember(pod, &decision);
    if (vain) {
        gs_pass_let_go(pass, pod, "NodeDidNotHelp", "Wait", decision.why);
        return 0;
    }
    return carry_out(pass, pod, &ask, &cluster, &decision, err);
}

static void mark_wished(struct gs_pass *pass, const struct gs_store_wish *wish, bool late)
{
    for (unsigned k = 0; k < wish->wish.n_pods; k++) {
        struct gs_store_pod *pod = gs_store_pod_of(pass->options.store, &wish->wish.pods[k]);
        if (pod != NULL && pod->waiting != NULL) {
            pod->waiting->wished |= !late;
            pod->waiting->late |= late;
        }
    }
}

/* Marks the pods that a wish under way is for. One whose node has gone, or that has no answer in
 * time, holds up nobody; and a node that does not answer is not asked for more meanwhile. */
static void find_wished(struct gs_pass *pass, size_t n_waiting)
{
    for (size_t i = 0; i < n_waiting; i++) {
        pass->waiting[i]->waiting->wished = pass->waiting[i]->waiting->late = false;
        pass->waiting[i]->waiting->buys = 0;
    }
    if (pass->options.store->n_wishes == 0) {
        return;
    }
    for (size_t i = 0; i < pass->view.n; i++) {
        const struct gs_store_node *node = pass->view.more[i].of;
        bool there = node->known && !node->deleting && node->has_gpus;
        for (const struct gs_store_wish *wish = node->wishes; wish != NULL; wish = wish->next) {
            bool late = pass->now_us >= wish->since_us + pass->options.recut_limit_us;
            pass->view.nodes[i].recuttable &= !late;
            mark_wished(pass, wish, !there || late);
        }
    }
}

static int look_at(struct gs_pass *pass, struct gs_store_pod *pod, struct gs_err *err)
{
    struct gs_store_waiting *waiting = pod->waiting;
    bool shows = waiting->lifted && !waiting->wait.gated; /* what was asked last */
    if (waiting->acting || (pass->now_us < waiting->settles_us && !shows)) {
        gs_pass_look_again(pass, waiting->settles_us);
        return 0;
    }
    if (waiting->let_go != NULL) {
        waiting->what = GS_DECIDE_WAIT;
        snprintf(waiting->why, sizeof(waiting->why), "gpuslice does not hold this pod back: %s",
                 waiting->let_go);
        gs_pass_let_go(pass, pod, "NotHeld", "Wait", waiting->why);
        return 0;
    }
    if (pod->nominated != NULL) {
        look_after_booking(pass, pod);
        return 0;
    }
    if (waiting->wait.n_others > 0) {
        if (waiting->wait.gated) {
            gs_act_lift(pass->options.act, pod);
        }
        return 0;
    }
    if (!waiting->wait.gated && !waiting->wait.unschedulable) {
        return 0; /* the scheduler has not looked at it yet */
    }
    if (waiting->wished) {
        if (waiting->keep_until_us == 0) { /* another leader wished it */
            waiting->keep_until_us = pass->now_us + pass->options.recut_limit_us;
        }
        if (pass->now_us < waiting->keep_until_us) {
            gs_pass_look_again(pass, waiting->keep_until_us);
            return 0;
        }
        if (waiting->wait.gated) {
            gs_pass_let_go(
                pass, pod, "RecutTakesLong", "Recut",
                "the re-cut for this pod has no answer yet; it may go elsewhere meanwhile");
        }
        return 0;
    }
    if (waiting->late && waiting->wait.gated && pass->now_us >= waiting->keep_until_us) {
        gs_pass_let_go(pass, pod, "RecutTakesLong", "Recut",
                       "the re-cut for this pod has no answer yet; it may go elsewhere meanwhile");
        return 0;
    }
    return decide(pass, pod, err);
}

/* ---- nodes ---- */

/* After the pods: slices that SlicePools keep free. */
static int keep_warm(struct gs_pass *pass, struct gs_err *err)
{
    const struct gs_pass_market *market = &pass->options.market;
    const struct gs_warm_options options = {.view = &pass->view,
                                            .decider = pass->decider,
                                            .real_us = pass->real_us,
                                            .recut = gs_pass_recut_warm,
                                            .ctx = pass};
    struct gs_warm list[GS_WARM_MAX] = {{.pool = NULL}};
    uint32_t missing[GS_WARM_MAX] = {0};
    size_t n = market->warm == NULL ? 0 : market->warm(market->ctx, list, GS_WARM_MAX);
    int r = gs_warm_keep(&options, list, n, missing, err);
    for (size_t i = 0; r == 0 && i < n; i++) {
        market->cold(market->ctx, &list[i], missing[i]);
    }
    return r;
}

/* Nodes with a booking, a re-cut under way or warm slices are not to be taken for empty. */
static void hold_nodes(struct gs_pass *pass)
{
    for (size_t i = 0; i < pass->view.n; i++) {
        struct gs_store_node *node = pass->view.more[i].of;
        bool hold = node->wishes != NULL || node->n_nominated > 0 || pass->view.more[i].warm ||
                    gs_moves_touch(&pass->moves, node);
        bool ours_or_none = node->held_by_us || !node->held;
        bool other = node->known && !node->holding && ours_or_none && hold != node->held_by_us;
        if (other && pass->now_us < node->hold_after_us) {
            gs_pass_look_again(pass, node->hold_after_us);
        } else if (other) {
            gs_act_hold(pass->options.act, node, hold);
        }
    }
}

static void forget_keeps(struct gs_pass *pass)
{
    if (!pass->keeps) {
        return;
    }
    pass->keeps = false;
    for (size_t i = 0; i < pass->view.n; i++) {
        for (unsigned g = 0; g < pass->view.more[i].n_gpus; g++) {
            pass->view.more[i].gpus[g].kept_for = 0;
        }
    }
}

int gs_pass_run(struct gs_pass *pass, uint64_t now_us, uint64_t real_us, uint64_t *ret_again_us,
                struct gs_err *err)
{
    const struct gs_pass_market *market = &pass->options.market;
    size_t n = 0;
    pass->now_us = now_us;
    pass->real_us = real_us;
    pass->options.store->changed = false;
    pass->counts.passes++;
    int r = gs_nodes_view_refresh(&pass->view, now_us, err);
    pass->again_us = pass->view.n > 0 ? now_us + SILENCE_LOOK_US : UINT64_MAX;
    r = r == 0 ? gather(pass, &n, err) : r;
    if (r != 0) {
        return r;
    }
    forget_keeps(pass);
    pass->keeps |= gs_moves_begin(&pass->moves, &pass->view, now_us, real_us);
    find_wished(pass, n);
    if (market->pool != NULL) {
        gs_bound_nodes(&pass->view, market->pool, market->ctx);
    }
    if (market->begin != NULL) {
        market->begin(market->ctx);
    }
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = look_at(pass, pass->waiting[i], err);
    }
    r = r == 0 ? keep_warm(pass, err) : r;
    if (market->end != NULL) {
        market->end(market->ctx);
    }
    gs_pass_let_buyers_go(pass, n);
    gs_pass_send_wishes(pass);
    hold_nodes(pass);
    *ret_again_us = pass->again_us;
    return r;
}
