#include "controller/pass/moves.h"

#include <stdio.h>
#include <string.h>

#include "picture/take.h"

#define REFUSED_FIRST_US 30000000ull
#define REFUSED_MOST_US 600000000ull
#define HOUR_US 3600000000ull
/* An eviction that had no answer may have been carried out: its pod shows it by then. */
#define SHOWS_US 15000000ull

void gs_moves_init(struct gs_moves *moves, const struct gs_moves_options *options)
{
    *moves = (struct gs_moves){.options = *options};
}

void gs_moves_done(struct gs_moves *moves)
{
    gs_movers_done(&moves->movers);
}

/* ---- how many ---- */

/* A sixth of an hour's moves may be made at once. */
static uint64_t burst_us(const struct gs_moves *moves)
{
    uint64_t each = HOUR_US / moves->options.an_hour;
    return HOUR_US / 6 > each ? HOUR_US / 6 - each : 0;
}

bool gs_moves_may(const struct gs_moves *moves, uint64_t *ret_when_us)
{
    *ret_when_us = UINT64_MAX;
    if (moves->options.an_hour == 0) {
        return false;
    }
    uint64_t burst = burst_us(moves);
    bool room = moves->n < GS_MOVES_MAX;
    *ret_when_us = moves->full_us > burst ? moves->full_us - burst : 0;
    *ret_when_us = room ? *ret_when_us : moves->list[0].until_us;
    return room && *ret_when_us <= moves->now_us;
}

static void count_one(struct gs_moves *moves)
{
    uint64_t from = moves->full_us > moves->now_us ? moves->full_us : moves->now_us;
    moves->full_us = from + HOUR_US / (moves->options.an_hour == 0 ? 1 : moves->options.an_hour);
}

/* ---- those that are under way ---- */

static void drop(struct gs_moves *moves, unsigned i)
{
    moves->list[i] = moves->list[--moves->n];
}

const struct gs_move *gs_moves_for(const struct gs_moves *moves, const struct gs_store_pod *pod)
{
    for (unsigned i = 0; i < moves->n; i++) {
        if (strcmp(moves->list[i].waits_uid, pod->uid) == 0) {
            return &moves->list[i];
        }
    }
    return NULL;
}

static struct gs_store_pod *pod_of(const struct gs_moves *moves, const char *key, const char *uid)
{
    struct gs_store_pod *pod = gs_store_find_pod(moves->options.store, key);
    return pod != NULL && strcmp(pod->uid, uid) == 0 ? pod : NULL;
}

/* It ends, or has ended. */
static bool goes(const struct gs_moves *moves, const struct gs_kubemove *what)
{
    const struct gs_store_pod *pod = pod_of(moves, what->pod, what->uid);
    return pod == NULL || pod->deleting;
}

/* Pods of that node may be moved: anywhere else a note is none of a controller. */
static bool may_move_from(const struct gs_moves *moves, const char *name)
{
    const struct gs_store_node *node = gs_store_find_node(moves->options.store, name);
    return node != NULL && moves->options.node != NULL &&
           moves->options.node(moves->options.ctx, node);
}

/* Notes of moves that this process has not begun. One whose pod does not end was never asked for,
 * or was refused: it is decided anew. */
static void find_notes(struct gs_moves *moves)
{
    const struct gs_store_waiting *one = moves->options.store->waiting;
    for (; one != NULL && moves->n < GS_MOVES_MAX; one = one->next) {
        struct gs_move *move = &moves->list[moves->n];
        if (one->wait.moving[0] == '\0' || gs_moves_for(moves, one->of) != NULL ||
            gs_kubemove_parse(gs_view(one->wait.moving), &move->what, NULL) != 0) {
            continue;
        }
        uint64_t end_us = move->what.at_us + moves->options.limit_us;
        if (!goes(moves, &move->what) || !may_move_from(moves, move->what.from) ||
            end_us <= moves->real_us || end_us > moves->real_us + moves->options.limit_us ||
            strlen(one->of->key) >= sizeof(move->waits) ||
            strlen(one->of->uid) >= sizeof(move->waits_uid)) {
            continue;
        }
        (void)snprintf(move->waits, sizeof(move->waits), "%s", one->of->key);
        (void)snprintf(move->waits_uid, sizeof(move->waits_uid), "%s", one->of->uid);
        move->until_us = moves->now_us + (end_us - moves->real_us);
        move->evicted = true;
        move->served = false;
        moves->n++;
    }
}

static bool is_later(const struct gs_move *move, uint64_t created_s, const char *uid)
{
    return created_s >= move->what.at_us / 1000000 && strcmp(uid, move->what.uid) != 0;
}

/* One of the same owner that has come since is there where room was made. */
static void look_for_successor(struct gs_moves *moves, struct gs_move *move)
{
    const struct gs_store_node *node = gs_store_find_node(moves->options.store, move->what.to);
    const struct gs_store_pod *pod = node == NULL ? NULL : node->pods;
    for (; pod != NULL && !move->served; pod = pod->next) {
        move->served = pod->kin != NULL && strcmp(pod->kin->owner, move->what.owner) == 0 &&
                       is_later(move, pod->created_s, pod->uid);
    }
}

static bool is_over(const struct gs_moves *moves, const struct gs_move *move)
{
    const struct gs_store_pod *waits = pod_of(moves, move->waits, move->waits_uid);
    bool has_place = waits == NULL || waits->waiting == NULL || waits->nominated != NULL;
    return moves->now_us >= move->until_us || (move->served && has_place);
}

/* What is coming free is the waiting pod's, as far as pods go that come after it. */
static bool keep_gpu(const struct gs_moves *moves, struct gs_nodes_view *view,
                     const struct gs_move *move)
{
    const struct gs_store_node *node = gs_store_find_node(moves->options.store, move->what.from);
    const struct gs_store_pod *waits = pod_of(moves, move->waits, move->waits_uid);
    if (node == NULL || node->number == 0 || waits == NULL || waits->waiting == NULL) {
        return false;
    }
    const struct gs_decide_pod ask = gs_take_ask(waits);
    struct gs_view_node *more = &view->more[node->number - 1];
    for (unsigned g = 0; g < node->n_gpus && g < more->n_gpus; g++) {
        if (strcmp(node->gpus[g].uuid, move->what.gpu) == 0) {
            more->gpus[g].kept_for = gs_decide_rank(&ask);
            return true;
        }
    }
    return false;
}

static void reserve(const struct gs_moves *moves, struct gs_nodes_view *view, struct gs_move *move)
{
    const struct gs_store_node *node = gs_store_find_node(moves->options.store, move->what.to);
    move->reserved = !move->served && node != NULL && node->number != 0 &&
                     gs_take_reserve(view, node->number - 1, &move->what.slice);
}

bool gs_moves_begin(struct gs_moves *moves, struct gs_nodes_view *view, uint64_t now_us,
                    uint64_t real_us)
{
    bool keeps = false;
    if (moves->now_us == 0 && moves->options.an_hour != 0) {
        moves->full_us = now_us + burst_us(moves); /* who ends and starts again gets one at first */
    }
    moves->now_us = now_us;
    moves->real_us = real_us;
    moves->looked = false;
    find_notes(moves);
    for (unsigned i = 0; i < moves->n;) {
        look_for_successor(moves, &moves->list[i]);
        if (is_over(moves, &moves->list[i])) {
            drop(moves, i);
        } else {
            i++;
        }
    }
    for (unsigned i = 0; i < moves->n; i++) {
        reserve(moves, view, &moves->list[i]);
        keeps |= keep_gpu(moves, view, &moves->list[i]);
    }
    return keeps;
}

/* ---- who may be moved ---- */

static bool may_leave_node(void *ctx, const struct gs_store_node *node)
{
    const struct gs_moves *moves = ctx;
    return moves->options.node != NULL && moves->options.node(moves->options.ctx, node);
}

static bool may_be_moved(void *ctx, const struct gs_store_pod *pod)
{
    const struct gs_moves *moves = ctx;
    for (unsigned i = 0; i < GS_MOVES_REFUSED_MAX; i++) {
        const struct gs_moves_refusal *one = &moves->refused[i];
        if (moves->now_us < one->until_us && strcmp(one->uid, pod->uid) == 0) {
            return false;
        }
    }
    return (uint64_t)pod->created_s * 1000000 + moves->options.rest_us <= moves->real_us;
}

/* One at a time of a GPU. */
static void spare_gpus(const struct gs_moves *moves, struct gs_nodes_view *view)
{
    for (unsigned i = 0; i < moves->n; i++) {
        const struct gs_store_node *node =
            gs_store_find_node(moves->options.store, moves->list[i].what.from);
        struct gs_view_node *more =
            node == NULL || node->number == 0 ? NULL : &view->more[node->number - 1];
        for (unsigned g = 0; more != NULL && g < node->n_gpus && g < more->n_gpus; g++) {
            bool same = strcmp(node->gpus[g].uuid, moves->list[i].what.gpu) == 0;
            for (unsigned s = 0; same && s < more->gpus[g].n_slices; s++) {
                more->gpus[g].slices[s].movable = false;
            }
        }
    }
}

int gs_moves_holders(struct gs_moves *moves, struct gs_nodes_view *view,
                     struct gs_decide_cluster *cluster, struct gs_err *err)
{
    const struct gs_movers_rules rules = {
        .node = may_leave_node, .pod = may_be_moved, .ctx = moves};
    if (moves->options.an_hour == 0) {
        return 0;
    }
    if (!moves->looked) {
        int r = gs_movers_find(&moves->movers, view, &rules, err);
        if (r != 0) {
            return r;
        }
        spare_gpus(moves, view);
        moves->looked = true;
    }
    cluster->holders = moves->movers.holders;
    cluster->n_holders = moves->movers.n;
    return 0;
}

/* ---- the one that takes its place ---- */

struct gs_move *gs_moves_after(struct gs_moves *moves, const struct gs_store_pod *pod)
{
    const struct gs_kubepod *asks = &pod->waiting->pod;
    char owner[GS_STORE_OWNER_MAX];
    if (moves->n == 0 || asks->n_wants != 1 || asks->wants[0].whole_gpu ||
        asks->wants[0].count != 1) {
        return NULL;
    }
    gs_store_owner_of(asks, owner);
    for (unsigned i = 0; i < moves->n; i++) {
        struct gs_move *move = &moves->list[i];
        if (!move->served && strcmp(owner, move->what.owner) == 0 &&
            gs_profile_name_eq(&asks->wants[0].profile, &move->what.slice) &&
            is_later(move, pod->created_s, pod->uid)) {
            return move;
        }
    }
    return NULL;
}

bool gs_moves_touch(const struct gs_moves *moves, const struct gs_store_node *node)
{
    bool touches = false;
    for (unsigned i = 0; i < moves->n; i++) {
        const struct gs_kubemove *what = &moves->list[i].what;
        touches |= strcmp(what->from, node->name) == 0 || strcmp(what->to, node->name) == 0;
    }
    return touches;
}

/* ---- one begins, and what became of it ---- */

/* False: it does not fit. */
static bool put(char *ret, size_t size, const char *text)
{
    return snprintf(ret, size, "%s", text) < (int)size;
}

const struct gs_move *gs_moves_add(struct gs_moves *moves, const struct gs_nodes_view *view,
                                   const struct gs_store_pod *pod,
                                   const struct gs_decision *decision)
{
    const struct gs_decide_node *on = &view->nodes[decision->node];
    const struct gs_decide_slice *slice =
        &on->gpus[decision->move.gpu].slices[decision->move.slice];
    const struct gs_store_pod *victim = moves->movers.pods[slice->pod];
    const struct gs_store_node *from = view->more[decision->node].of;
    if (moves->n == GS_MOVES_MAX) {
        return NULL;
    }
    struct gs_move *move = &moves->list[moves->n];
    *move = (struct gs_move){.until_us = moves->now_us + moves->options.limit_us};
    move->what.slice = victim->kin->want.profile;
    move->what.at_us = moves->real_us;
    bool fits = put(move->waits, sizeof(move->waits), pod->key) &&
                put(move->waits_uid, sizeof(move->waits_uid), pod->uid) &&
                put(move->what.pod, sizeof(move->what.pod), victim->key) &&
                put(move->what.uid, sizeof(move->what.uid), victim->uid) &&
                put(move->what.owner, sizeof(move->what.owner), victim->kin->owner) &&
                put(move->what.from, sizeof(move->what.from), from->name) &&
                put(move->what.gpu, sizeof(move->what.gpu), from->gpus[decision->move.gpu].uuid) &&
                put(move->what.to, sizeof(move->what.to), view->nodes[decision->move.to_node].name);
    moves->n += fits;
    return fits ? move : NULL;
}

static void refuse(struct gs_moves *moves, const char *uid)
{
    struct gs_moves_refusal *found = NULL;
    for (unsigned i = 0; i < GS_MOVES_REFUSED_MAX; i++) {
        found = strcmp(moves->refused[i].uid, uid) == 0 ? &moves->refused[i] : found;
    }
    if (found == NULL) {
        found = &moves->refused[moves->next_refused];
        moves->next_refused = (moves->next_refused + 1) % GS_MOVES_REFUSED_MAX;
        *found = (struct gs_moves_refusal){.wait_us = REFUSED_FIRST_US};
        (void)put(found->uid, sizeof(found->uid), uid);
    }
    found->until_us = moves->now_us + found->wait_us;
    found->wait_us = 2 * found->wait_us < REFUSED_MOST_US ? 2 * found->wait_us : REFUSED_MOST_US;
}

const struct gs_move *gs_moves_asked(const struct gs_moves *moves, const char *uid)
{
    for (unsigned i = 0; i < moves->n; i++) {
        if (strcmp(moves->list[i].what.uid, uid) == 0) {
            return &moves->list[i];
        }
    }
    return NULL;
}

void gs_moves_answered(struct gs_moves *moves, const struct gs_act_moved *answer)
{
    unsigned i = 0;
    while (i < moves->n && strcmp(moves->list[i].what.uid, answer->uid) != 0) {
        i++;
    }
    if (i == moves->n) {
        return;
    }
    struct gs_move *move = &moves->list[i];
    switch (answer->end) {
    case GS_ACT_MOVED:
        move->evicted = true;
        count_one(moves);
        break;
    case GS_ACT_MOVE_REFUSED:
        refuse(moves, answer->uid);
        drop(moves, i);
        break;
    case GS_ACT_MOVE_UNKNOWN:
        move->until_us = moves->now_us + SHOWS_US;
        break;
    }
}
