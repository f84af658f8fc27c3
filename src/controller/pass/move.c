/* Decisions by which another pod makes way. */
#include <stdio.h>
#include <string.h>

#include "controller/pass/work.h"

enum { NOTE_MAX = 1024 /* of an Event */ };

/* Room for the successor first; where it is there already, the pod is asked to go. */
static int make_room(struct gs_pass *pass, struct gs_store_pod *pod,
                     const struct gs_store_pod *victim, const struct gs_decision *decision,
                     struct gs_err *err)
{
    uint32_t to = decision->move.to_node;
    int r = 0;
    for (unsigned i = 0; r == 0 && i < decision->n_recuts; i++) {
        r = gs_pass_wish(pass, pod, victim, to, &decision->recuts[i], decision->why, err);
    }
    r = r == 0 ? gs_take_room(&pass->view, &victim->kin->want, to, decision->recuts,
                              decision->n_recuts, err)
               : r;
    if (r == 0) {
        pod->waiting->keep_until_us = pass->now_us + pass->options.recut_limit_us;
        gs_pass_look_again(pass, pod->waiting->keep_until_us);
        gs_act_say(pass->options.act, pod, false, "RecutForMove", "Recut", decision->why);
    }
    return r;
}

static void evict(struct gs_pass *pass, struct gs_store_pod *pod, const struct gs_store_pod *victim,
                  const struct gs_decision *decision)
{
    const struct gs_move *move = gs_moves_add(&pass->moves, &pass->view, pod, decision);
    char text[NOTE_MAX];
    char slice[GS_PROFILE_NAME_MAX + 1];
    if (move == NULL) {
        return;
    }
    gs_profile_name_format(&move->what.slice, slice);
    snprintf(
        text, sizeof(text),
        "pod %s needs the room of this pod's %s on node %s; this pod is asked to end, and node "
        "%s has a free %s for the one that takes its place",
        pod->key, slice, move->what.from, move->what.to, slice);
    (void)gs_take_reserve(&pass->view, decision->move.to_node, &move->what.slice);
    gs_pass_look_again(pass, move->until_us);
    gs_act_say(pass->options.act, pod, false, "Moving", "Move", decision->why);
    gs_act_tell(pass->options.act, victim, "MovesAway", "Move", text);
    gs_act_move(pass->options.act, pod, &move->what);
}

int gs_pass_move(struct gs_pass *pass, struct gs_store_pod *pod, const struct gs_decide_pod *ask,
                 const struct gs_decision *decision, struct gs_err *err)
{
    const struct gs_decide_gpu *gpu = &pass->view.more[decision->node].gpus[decision->move.gpu];
    const struct gs_store_pod *victim =
        pass->moves.movers.pods[gpu->slices[decision->move.slice].pod];
    pass->keeps |= gs_take_keep(&pass->view, ask, decision);
    if (decision->n_recuts > 0) {
        return make_room(pass, pod, victim, decision, err);
    }
    evict(pass, pod, victim, decision);
    return 0;
}

bool gs_pass_waits_for_move(struct gs_pass *pass, const struct gs_store_pod *pod)
{
    const struct gs_move *move = gs_moves_for(&pass->moves, pod);
    if (move != NULL) {
        gs_pass_look_again(pass, move->until_us);
    }
    return move != NULL;
}

bool gs_pass_book_successor(struct gs_pass *pass, struct gs_store_pod *pod,
                            const struct gs_decide_pod *ask)
{
    struct gs_move *after = gs_moves_after(&pass->moves, pod);
    const struct gs_store_node *node =
        after == NULL ? NULL : gs_store_find_node(pass->options.store, after->what.to);
    struct gs_decide_node *on = node == NULL ? NULL : gs_nodes_view_of(&pass->view, node);
    int profile = on == NULL || on->model == NULL
                      ? -1
                      : gs_model_profile_index(on->model, &after->what.slice);
    struct gs_decide_pod asks = *ask;
    struct gs_decision decision;
    if (profile < 0) {
        return false;
    }
    asks.barred = ask->barred == NULL ? NULL : &ask->barred[node->number - 1];
    const struct gs_decide_cluster there = {.nodes = on, .n_nodes = 1, .now_us = pass->real_us};
    uint32_t reserved = after->reserved ? 1 : 0; /* for it */
    on->free[profile] += reserved;
    if (gs_pass_ask(pass, &there, &asks, &decision, NULL) != 0 || decision.what != GS_DECIDE_BOOK) {
        on->free[profile] -= reserved;
        return false;
    }
    decision.node = node->number - 1;
    after->served = true;
    pass->counts.decisions[decision.what]++;
    gs_pass_remember(pod, &decision);
    gs_pass_book(pass, pod, &decision);
    return true;
}

void gs_pass_moved(struct gs_pass *pass, const struct gs_act_moved *answer)
{
    const struct gs_move *move = gs_moves_asked(&pass->moves, answer->uid);
    struct gs_store_pod *pod =
        move == NULL ? NULL : gs_store_find_pod(pass->options.store, move->waits);
    bool waits = pod != NULL && pod->waiting != NULL && strcmp(pod->uid, move->waits_uid) == 0;
    if (waits && answer->end == GS_ACT_MOVE_REFUSED) {
        char text[NOTE_MAX];
        snprintf(
            text, sizeof(text),
            "pod %.300s is not moved: %.300s; another way is looked for, and it is asked again "
            "later",
            move->what.pod, answer->why);
        gs_act_say(pass->options.act, pod, true, "MoveRefused", "Move", text);
    }
    gs_moves_answered(&pass->moves, answer);
}
