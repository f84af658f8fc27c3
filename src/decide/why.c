#include <stdio.h>
#include <string.h>

#include "decide/work.h"

/* The text while it is written; what does not fit ends in "...". */
struct words {
    char *text;
    size_t used;
};

static void say(struct words *words, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(struct words *words, const char *fmt, ...)
{
    size_t left = GS_DECIDE_TEXT_MAX - words->used;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(words->text + words->used, left, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < left) {
        words->used += (size_t)n;
        return;
    }
    words->used = GS_DECIDE_TEXT_MAX - 1;
    memcpy(words->text + GS_DECIDE_TEXT_MAX - 4, "...", 4);
}

/* "3g.20gb", "2 x 1g.5gb and a whole GPU": what the pod asks for. */
static void say_wants(struct words *words, const struct gs_decide_pod *pod)
{
    for (size_t w = 0; w < pod->n_wants; w++) {
        const struct gs_want *want = &pod->wants[w];
        char name[GS_PROFILE_NAME_MAX + 1] = "whole GPU";
        if (!want->whole_gpu) {
            gs_profile_name_format(&want->profile, name);
        }
        say(words, "%s", w == 0 ? "" : w + 1 < pod->n_wants ? ", " : " and ");
        if (want->count > 1) {
            say(words, "%u x ", want->count);
        }
        say(words, "%s", name);
    }
}

static const char *node_name(const struct gs_work *work, uint32_t node)
{
    return work->cluster->nodes[node].name;
}

/* "pod default/a", "a pod that is not known". */
static const char *holder_name(const struct gs_work *work, const struct gs_decide_slice *slice)
{
    return slice->pod < work->cluster->n_holders ? work->cluster->holders[slice->pod].name
                                                 : "a holder that is not known";
}

static const char *nodes(size_t n)
{
    return n == 1 ? "node" : "nodes";
}

/* Whether idle slices of the node are promised. */
static bool has_promised(const struct gs_decide_node *node)
{
    uint64_t idle = 0;
    uint64_t free = 0;
    for (unsigned g = 0; g < node->n_gpus; g++) {
        for (unsigned s = 0; s < node->gpus[g].n_slices && s < GS_MEMORY_UNITS_MAX; s++) {
            idle += node->gpus[g].slices[s].state == GS_DECIDE_IDLE ? 1 : 0;
        }
    }
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        free += node->free[p];
    }
    return free < idle;
}

/* The slices that keep the GPU which could be kept from having the room. */
static void say_holders(struct words *words, struct gs_work *work, const struct gs_blame *blame)
{
    const struct gs_decide_node *node = &work->cluster->nodes[blame->keep_node];
    const struct gs_decide_gpu *gpu = &node->gpus[__builtin_ctz(blame->keep_gpus)];
    const struct gs_need *need;
    if (gs_need_of(work, node->model, node->gpu_name, &need, NULL) < 0) {
        return;
    }
    int profile = gs_work_short(need, node->free);
    uint32_t slices = profile < 0 ? 0 : gs_work_in_the_way(need->kind, gpu, (unsigned)profile);
    if (slices == 0) {
        say(words, has_promised(node)
                       ? "; idle slices that could make way are promised to pods on their way there"
                       : "; no node has room for all of it at once beside what is in use");
        return;
    }
    say(words, "; slices in use stand in the way, fewest on GPU %u of node %s (",
        (unsigned)(gpu - node->gpus), node->name);
    for (unsigned k = 0; slices != 0; slices &= slices - 1, k++) {
        const struct gs_decide_slice *slice = &gpu->slices[__builtin_ctz(slices)];
        if (k == 3) {
            say(words, ", ...");
            break;
        }
        say(words, "%s%s of %s", k == 0 ? "" : ", ",
            node->model->profiles[slice->placement.profile].name, holder_name(work, slice));
    }
    say(words, ")");
}

/* Why no slice that is free will do. */
static void say_not_free(struct words *words, struct gs_work *work, const struct gs_blame *blame)
{
    if (blame->nodes == 0) {
        say(words, "there is no node with GPUs");
        return;
    }
    say(words, "no node that it may run on has what it asks for free: ");
    say_wants(words, work->pod);
    const char *sep = " (";
    if (blame->other > 0) {
        say(words, "%s%zu %s without such slices", sep, blame->other, nodes(blame->other));
        sep = ", ";
    }
    if (blame->unusable > 0) {
        say(words, "%s%zu not ready", sep, blame->unusable);
        sep = ", ";
    }
    if (blame->small > 0) {
        say(words, "%s%zu too full: %s", sep, blame->small, blame->lacking);
        sep = ", ";
    }
    if (blame->barred > 0) {
        say(words, "%s%zu not allowed by %s", sep, blame->barred,
            blame->because == NULL ? "its constraints" : blame->because);
        sep = ", ";
    }
    say(words, "%s", sep[0] == ',' ? ")" : "");
}

static bool asks_for_whole_only(const struct gs_decide_pod *pod)
{
    bool slices = false;
    for (size_t w = 0; w < pod->n_wants; w++) {
        slices = slices || !pod->wants[w].whole_gpu;
    }
    return !slices;
}

/* A node that only its SlicePool keeps from being cut for the pod. */
static void say_bound(struct words *words, const struct gs_work *work, const struct gs_blame *blame)
{
    const struct gs_decide_node *node = &work->cluster->nodes[blame->bound_node];
    const char *sep = "";
    say(words, "; node %s ", node->name);
    if (blame->bound > 1) {
        say(words, "(and %zu more) ", blame->bound - 1);
    }
    say(words, "could be cut for it, but SlicePool %s allows only ", node->bound_by);
    for (unsigned p = 0; p < node->model->n_profiles; p++) {
        if (gs_decide_may_make(node, p)) {
            say(words, "%s%s", sep, node->model->profiles[p].name);
            sep = ", ";
        }
    }
    say(words, "%s (recut: profiles)", sep[0] == '\0' ? "what its GPUs do not have" : "");
}

/* Why no re-cut and no move will do either. */
static void say_not_recut(struct words *words, struct gs_work *work, const struct gs_blame *blame)
{
    if (blame->taken == 0) {
        return;
    }
    if (blame->keep_node != GS_DECIDE_NONE) {
        say_holders(words, work, blame);
    } else if (blame->silent == blame->taken) {
        say(words, "; no GPU can be re-cut now: the agent does not answer or the node is starting");
    } else if (asks_for_whole_only(work->pod)) {
        say(words, "; GPUs that are cut into slices are not made whole");
    } else if (blame->kept + blame->bound == 0) {
        say(words, "; every slice that could make way for it is in use or promised");
    }
    if (blame->kept > 0) {
        say(words, "; %zu %s GPUs that are kept for pods that go first", blame->kept,
            blame->kept == 1 ? "node has" : "nodes have");
    }
    if (blame->bound > 0) {
        say_bound(words, work, blame);
    }
    if (work->pod->may_move_others) {
        say(words, "; no single slice that may be moved would help");
    }
}

static void say_recuts(struct words *words, struct gs_work *work,
                       const struct gs_decision *decision, uint32_t n)
{
    const struct gs_decide_node *node = &work->cluster->nodes[n];
    for (unsigned r = 0; r < decision->n_recuts; r++) {
        const struct gs_decide_recut *recut = &decision->recuts[r];
        char layout[GS_LAYOUT_TEXT_MAX + 1];
        gs_layout_format(node->model, &recut->layout, layout);
        say(words, "%sGPU %u becomes %s", r == 0 ? "" : ", ", recut->gpu, layout);
    }
}

static void say_recut(struct words *words, struct gs_work *work, const struct gs_blame *blame,
                      const struct gs_decision *decision)
{
    say_not_free(words, work, blame);
    say(words, "; on node %s idle slices make way: ", node_name(work, decision->node));
    say_recuts(words, work, decision, decision->node);
}

static void say_move(struct words *words, struct gs_work *work, const struct gs_blame *blame,
                     const struct gs_decision *decision)
{
    const struct gs_decide_node *node = &work->cluster->nodes[decision->node];
    const struct gs_decide_slice *slice =
        &node->gpus[decision->move.gpu].slices[decision->move.slice];
    say_not_free(words, work, blame);
    say(words, "; pod %s on GPU %u of node %s may be moved: its %s stands in the way, and node %s",
        holder_name(work, slice), decision->move.gpu, node->name,
        node->model->profiles[slice->placement.profile].name,
        node_name(work, decision->move.to_node));
    if (decision->n_recuts == 0) {
        say(words, " has a free one");
        return;
    }
    say(words, " has room for one: ");
    say_recuts(words, work, decision, decision->move.to_node);
}

static void say_buy(struct words *words, struct gs_work *work, const struct gs_blame *blame,
                    const struct gs_decision *decision)
{
    const struct gs_offer *offer = &work->cluster->offers[decision->offer];
    say_not_free(words, work, blame);
    say_not_recut(words, work, blame);
    say(words, "; a new %s would hold it", offer->name);
    if (offer->scarce != NULL) {
        say(words, ", but %s", offer->scarce);
    }
}

static void say_wait(struct words *words, struct gs_work *work, const struct gs_blame *blame,
                     const struct gs_decision *decision)
{
    if (decision->until_node != GS_DECIDE_NONE) {
        say(words,
            work->cluster->nodes[decision->until_node].usable
                ? "a re-cut under way on node %s will have it"
                : "node %s, which is starting, will have it",
            node_name(work, decision->until_node));
        return;
    }
    say_not_free(words, work, blame);
    say_not_recut(words, work, blame);
    const char *no_more = gs_way_no_more(work);
    say(words, work->cluster->n_offers == 0 ? "; no pool may start a node"
               : no_more != NULL            ? "; no node may be bought for it: "
                                            : "; no node that a pool may start would hold it");
    say(words, "%s", no_more == NULL ? "" : no_more);
    if (decision->keep.node != GS_DECIDE_NONE) {
        say(words, "; it gets the next room on node %s", node_name(work, decision->keep.node));
    }
}

void gs_why(struct gs_work *work, const struct gs_blame *blame, struct gs_decision *decision)
{
    struct words words = {.text = decision->why};
    switch (decision->what) {
    case GS_DECIDE_BOOK:
        say(&words, "node %s has what it asks for free: ", node_name(work, decision->node));
        say_wants(&words, work->pod);
        break;
    case GS_DECIDE_RECUT:
        say_recut(&words, work, blame, decision);
        break;
    case GS_DECIDE_MOVE:
        say_move(&words, work, blame, decision);
        break;
    case GS_DECIDE_BUY:
        say_buy(&words, work, blame, decision);
        break;
    case GS_DECIDE_WAIT:
        say_wait(&words, work, blame, decision);
        break;
    }
    if (decision->borrowed) {
        say(&words, "; it is kept for another pod that waits, and lent as there is no other way");
    }
}
