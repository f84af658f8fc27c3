/* What happens next with a pod, what would help it, and the words for both. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cluster/case.h"

enum { NAMED_MAX = 3, HELP_BYTES_MAX = 4096 };

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the advice");
}

void gs_case_put_wants(const struct gs_want *wants, size_t n, struct gs_buf *out)
{
    for (size_t i = 0; i < n; i++) {
        char name[GS_PROFILE_NAME_MAX + 1] = "whole GPU";
        if (!wants[i].whole_gpu) {
            gs_profile_name_format(&wants[i].profile, name);
        }
        gs_buf_puts(out, i == 0 ? "" : i + 1 < n ? ", " : " and ");
        if (wants[i].count > 1) {
            gs_buf_printf(out, "%u x ", wants[i].count);
        }
        gs_buf_puts(out, name);
    }
}

/* ---- how a node stands to it ---- */

static const char *why_unusable(const struct gs_store_node *node)
{
    return node->deleting   ? "it is being deleted"
           : !node->ready   ? "it is not Ready"
           : node->starting ? "it is starting: the startup taint is on it, or Karpenter has not "
                              "called it initialized"
                            : "it cannot be used now";
}

static void put_in_the_way(const struct gs_case *of, size_t n, struct gs_buf *out)
{
    const struct gs_scene *scene = of->scene;
    const struct gs_decide_node *node = &scene->view.nodes[n];
    const struct gs_look *look = &of->looks[n];
    const struct gs_decide_gpu *gpu = &node->gpus[look->gpu];
    gs_buf_printf(out, "in use on GPU %u, where the fewest are in the way: ", look->gpu);
    bool first = true;
    for (uint32_t bits = look->slices; bits != 0; bits &= bits - 1) {
        const struct gs_decide_slice *slice = &gpu->slices[__builtin_ctz(bits)];
        gs_buf_printf(out, "%s%s", first ? "" : ", ",
                      node->model->profiles[slice->placement.profile].name);
        if (slice->pod < scene->n_holders) {
            gs_buf_printf(out, " of %s", scene->holders[slice->pod].name);
        }
        first = false;
    }
}

static void put_silence(const struct gs_case *of, size_t n, struct gs_buf *out)
{
    const struct gs_gpunode *gpus = gs_scene_gpus(of->scene, of->scene->view.nodes[n].name);
    char age[GS_SCENE_AGE_MAX];
    if (gpus == NULL) {
        gs_buf_puts(out, "it would have to be re-cut, and no agent has told of its GPUs");
        return;
    }
    gs_scene_format_age(gs_scene_age_s(of->scene, gpus->seen_us), age);
    gs_buf_printf(out, "it would have to be re-cut, and its agent was last heard of %s ago", age);
}

void gs_case_put_look(const struct gs_case *of, size_t node, struct gs_buf *out)
{
    const struct gs_look *look = &of->looks[node];
    switch (look->what) {
    case GS_LOOK_FREE:
        gs_buf_puts(out, "has it free");
        break;
    case GS_LOOK_COMES:
        gs_buf_puts(out, of->scene->view.nodes[node].usable ? "a re-cut under way brings it"
                                                            : "has it as soon as it has started");
        break;
    case GS_LOOK_RECUT:
        gs_buf_printf(out, "idle slices of GPU %u can make way", look->gpu);
        break;
    case GS_LOOK_OTHER:
        gs_buf_puts(out, "has no such slices, and its GPUs cannot have them");
        break;
    case GS_LOOK_UNUSABLE:
        gs_buf_puts(out, why_unusable(of->scene->view.more[node].of));
        break;
    case GS_LOOK_SMALL:
        gs_buf_printf(out, "too full: %s", look->because);
        break;
    case GS_LOOK_BARRED:
        gs_buf_printf(out, "not allowed by %s",
                      look->because == NULL ? "its constraints" : look->because);
        break;
    case GS_LOOK_SILENT:
        put_silence(of, node, out);
        break;
    case GS_LOOK_BOUND:
        gs_buf_printf(out,
                      "idle slices could make way, but SlicePool %s allows re-cuts only into "
                      "its profiles (recut: profiles)",
                      of->scene->view.nodes[node].bound_by);
        break;
    case GS_LOOK_IN_USE:
        put_in_the_way(of, node, out);
        break;
    case GS_LOOK_KEPT:
        gs_buf_puts(out, "what would do is kept for pods that go first");
        break;
    case GS_LOOK_FULL:
        gs_buf_puts(out, "every slice that would do, or could make way, is in use or promised");
        break;
    }
    if (look->borrowed) {
        gs_buf_puts(out, ", kept for another pod and lent");
    }
}

/* ---- what happens next ---- */

static const char *next_of_decision(const struct gs_case *of)
{
    switch (of->decision.what) {
    case GS_DECIDE_BOOK:
        return "the controller books that slice and lifts the gate; the scheduler then binds the pod";
    case GS_DECIDE_RECUT:
        return "the agent of that node cuts the GPU anew, which takes seconds; then the slice is "
               "booked";
    case GS_DECIDE_MOVE:
        return "that pod is evicted, if its disruption budget and the moves of this hour "
               "(--moves-per-hour) allow it; then the GPU is cut anew";
    case GS_DECIDE_BUY:
        return "the gate goes, and Karpenter starts that node; its boot step cuts it before pods "
               "come";
    case GS_DECIDE_WAIT:
        return of->nowhere
                   ? "the gate goes after half a minute, and the pod waits on; its volumes are "
                     "looked at again every few seconds"
               : of->decision.until_node != GS_DECIDE_NONE
                   ? "it is booked there as soon as the slice shows"
                   : "nothing, until one of the things below changes; it is decided anew at every "
                     "change of a pod or node";
    }
    return "";
}

static const char *next_of(const struct gs_case *of)
{
    switch (of->state) {
    case GS_CASE_FINISHED:
    case GS_CASE_ENDING:
    case GS_CASE_BOUND:
        return "gpuslice has nothing more to do for it";
    case GS_CASE_NO_SLICES:
        return "the scheduler and Karpenter see to it, as without gpuslice";
    case GS_CASE_DAEMON:
        return "its DaemonSet has chosen the node; gpuslice books nothing for it";
    case GS_CASE_REFUSED:
        return "nothing: gpuslice gives slices to one pod each, by the names of their profiles";
    case GS_CASE_BOOKED:
        return of->wait.gated ? "the gate goes, and the scheduler binds it there"
                              : "the scheduler binds it there; a booking that is not bound in two "
                                "minutes is given up, and decided anew";
    case GS_CASE_OTHERS:
        return "gpuslice waits until the last gate of others has gone, and decides then";
    case GS_CASE_UNSEEN:
        return "the scheduler looks at it first; it is decided if that finds no node for it";
    case GS_CASE_RECUT:
        return "the slice is booked as soon as it is there; after half a minute without an answer "
               "the gate goes and the pod may go elsewhere";
    case GS_CASE_MOVE:
        return "the slice of the pod that makes way comes free, and is booked";
    case GS_CASE_DECIDED:
        return of->decided ? next_of_decision(of)
                           : "the gate goes: what cannot be worked out is not held";
    }
    return "";
}

/* ---- what would help ---- */

/* In the arena; what does not fit any more is left out. */
static int add(struct gs_case *of, struct gs_buf *text, struct gs_err *err)
{
    if (!gs_buf_ok(text)) {
        return no_memory(err);
    }
    if (of->n_help == GS_CASE_HELP_MAX || text->len == 0) {
        gs_buf_reset(text);
        return 0;
    }
    const char *kept = gs_arena_text(&of->scene->arena, gs_buf_text(text), text->len);
    if (kept == NULL) {
        return no_memory(err);
    }
    of->help[of->n_help++] = kept;
    gs_buf_reset(text);
    return 0;
}

/* "node a, b and 3 more", of nodes that stand so; false: none does. */
static bool put_nodes(const struct gs_case *of, enum gs_look_what what, struct gs_buf *out)
{
    size_t n = 0;
    for (size_t k = 0; k < of->scene->view.n; k++) {
        uint32_t i = of->by_name[k];
        if (of->looks[i].what == what && n++ < NAMED_MAX) {
            gs_buf_printf(out, "%s%s", n == 1 ? "" : ", ", of->scene->view.nodes[i].name);
        }
    }
    if (n > NAMED_MAX) {
        gs_buf_printf(out, " and %zu more", n - NAMED_MAX);
    }
    return n > 0;
}

static int help_by_nodes(struct gs_case *of, struct gs_buf *text, struct gs_err *err)
{
    static const struct {
        enum gs_look_what what;
        const char *before;
        const char *after;
    } cures[] = {
        {GS_LOOK_SILENT, "agents that answer again on ",
         ": kubectl get pods -A -o wide -l app.kubernetes.io/name=gpuslice-agent"},
        {GS_LOOK_BARRED, "a node selector, affinity or tolerations that let it onto ", ""},
        {GS_LOOK_SMALL, "smaller requests for CPU and memory, or room on ", ""},
        {GS_LOOK_UNUSABLE, "", " being ready"},
        {GS_LOOK_IN_USE, "the end of a pod that is in the way on ",
         "; or leave to move it: gpuslice.dev/move: allow on the pod and moves: optIn in the "
         "SlicePool of its node"},
        {GS_LOOK_BOUND, "its profile among those of the SlicePool of ",
         ", or recut: anyProfile there: idle slices could make way"},
        {GS_LOOK_KEPT, "an end of the wait of pods that go first: they keep GPUs of ",
         "; a higher priority would go before them"},
    };
    int r = 0;
    for (size_t i = 0; r == 0 && of->looks != NULL && i < GS_ARRAY_LEN(cures); i++) {
        gs_buf_puts(text, cures[i].before);
        if (put_nodes(of, cures[i].what, text)) {
            gs_buf_puts(text, cures[i].after);
        } else {
            gs_buf_reset(text);
        }
        r = add(of, text, err);
    }
    return r;
}

static const char *condition_of(const struct gs_slicepool_status *status, const char *type)
{
    for (unsigned i = 0; i < status->n_conditions; i++) {
        const struct gs_gpunode_condition *one = &status->conditions[i];
        if (strcmp(one->type, type) == 0 && !one->is_true) {
            return one->message;
        }
    }
    return NULL;
}

static bool may_have(const struct gs_scene_pool *pool, const struct gs_want *want)
{
    bool has = false;
    for (unsigned k = 0; k < pool->offers.n; k++) {
        const struct gs_offer *offer = &pool->offers.at[k];
        int p = offer->model == NULL ? -1 : gs_model_profile_index(offer->model, &want->profile);
        has |= p >= 0 && (offer->profiles == 0 || (offer->profiles >> p & 1) != 0);
    }
    return has;
}

/* Why this SlicePool buys nothing for it. */
static void put_pool(const struct gs_case *of, const struct gs_scene_pool *pool,
                     struct gs_buf *text)
{
    const char *closed = condition_of(&pool->status, "Open");
    const char *unready = condition_of(&pool->status, "Ready");
    char name[GS_PROFILE_NAME_MAX + 1];
    for (size_t i = 0; i < of->pod.n_wants; i++) {
        const struct gs_want *want = &of->pod.wants[i];
        if (!want->whole_gpu && pool->offers.n > 0 && !may_have(pool, want)) {
            gs_profile_name_format(&want->profile, name);
            gs_buf_printf(text,
                          "%s among the profiles of SlicePool %s, or an instance type of it "
                          "whose GPUs have it",
                          name, pool->spec.name);
            return;
        }
    }
    const char *why = unready != NULL && unready[0] != '\0' ? unready : closed;
    if (why != NULL && why[0] != '\0') {
        gs_buf_printf(text, "SlicePool %s: %s", pool->spec.name, why);
    } else if (pool->offers.left_out[0] != '\0') {
        gs_buf_printf(text, "SlicePool %s: %s", pool->spec.name, pool->offers.left_out);
    } else {
        gs_buf_printf(text,
                      "a node of SlicePool %s that would hold it: its limits, instance types, "
                      "labels or taints are in the way",
                      pool->spec.name);
    }
}

static int help_by_pools(struct gs_case *of, struct gs_buf *text, struct gs_err *err)
{
    const struct gs_scene *scene = of->scene;
    if (!gs_scene_has(scene, GS_SCENE_SLICEPOOLS)) {
        return 0;
    }
    if (scene->n_pools == 0) {
        gs_buf_puts(text, "a SlicePool, so that a node can be bought: docs/slicepool.md");
    }
    int r = add(of, text, err);
    for (size_t i = 0; r == 0 && i < scene->n_pools; i++) {
        put_pool(of, scene->pools[i], text);
        r = add(of, text, err);
    }
    return r;
}

/* A node is bought for it, or would be: instance types that the cloud has not got. */
static int help_by_capacity(struct gs_case *of, struct gs_buf *text, struct gs_err *err)
{
    const struct gs_scene *scene = of->scene;
    int r = 0;
    for (size_t i = 0; r == 0 && i < scene->n_pools; i++) {
        const char *missing = condition_of(&scene->pools[i]->status, "Capacity");
        if (missing != NULL && missing[0] != '\0') {
            gs_buf_printf(text, "SlicePool %s: %s", scene->pools[i]->spec.name, missing);
            r = add(of, text, err);
        }
    }
    return r;
}

/* The scheduler and Karpenter wait for it too. */
static int help_by_volumes(struct gs_case *of, struct gs_buf *text, struct gs_err *err)
{
    gs_buf_printf(text,
                  "its PersistentVolumeClaims there, bound and its own: kubectl -n %s get "
                  "persistentvolumeclaims, and the Events that describe shows of them",
                  of->pod.name_space);
    return add(of, text, err);
}

static int help_by_controller(struct gs_case *of, struct gs_buf *text, struct gs_err *err)
{
    const struct gs_scene *scene = of->scene;
    char age[GS_SCENE_AGE_MAX];
    if (!gs_scene_has(scene, GS_SCENE_LEASES) || gs_scene_is_led(scene)) {
        return 0;
    }
    if (scene->lease.name[0] == '\0') {
        gs_buf_puts(text, "a controller: there is no Lease gpuslice-controller, so nobody decides");
    } else {
        gs_scene_format_age(gs_scene_age_s(scene, scene->lease.renewed_us), age);
        gs_buf_printf(text,
                      "a controller: the Lease %s/%s was last renewed %s ago, so nobody "
                      "decides (kubectl -n %s get pods -l "
                      "app.kubernetes.io/name=gpuslice-controller)",
                      scene->lease.name_space, scene->lease.name, age, scene->lease.name_space);
    }
    if (of->wait.gated) {
        gs_buf_printf(text, "; or gpuslice ungate %s", of->pod.id);
    }
    return add(of, text, err);
}

int gs_case_advise(struct gs_case *of, struct gs_err *err)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    bool waits = of->state >= GS_CASE_BOOKED;
    bool stuck = of->state == GS_CASE_DECIDED &&
                 (!of->decided || (of->decision.what == GS_DECIDE_WAIT &&
                                   of->decision.until_node == GS_DECIDE_NONE));
    gs_buf_init(&text, HELP_BYTES_MAX);
    of->next = next_of(of);
    int r = waits ? help_by_controller(of, &text, err) : 0;
    bool buys = of->state == GS_CASE_DECIDED && of->decided && of->decision.what == GS_DECIDE_BUY;
    r = r == 0 && of->nowhere ? help_by_volumes(of, &text, err) : r;
    stuck &= !of->nowhere;
    r = r == 0 && stuck ? help_by_nodes(of, &text, err) : r;
    r = r == 0 && buys ? help_by_capacity(of, &text, err) : r;
    return r == 0 && stuck && of->decided ? help_by_pools(of, &text, err) : r;
}
