#include "cli/cluster/case.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "picture/take.h"

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the decision");
}

/* ---- how it stands ---- */

static bool asks_for_slices(const struct gs_kubepod *pod)
{
    bool slices = false;
    for (size_t i = 0; i < pod->n_wants; i++) {
        slices |= !pod->wants[i].whole_gpu;
    }
    return slices;
}

static const struct gs_gpunode_wish *find_wish(const struct gs_case *of, const char **ret_node)
{
    const struct gs_store_node *node;
    size_t at = 0;
    while ((node = gs_map_next(&of->scene->store.nodes, &at)) != NULL) {
        for (const struct gs_store_wish *wish = node->wishes; wish != NULL; wish = wish->next) {
            for (unsigned i = 0; i < wish->wish.n_pods; i++) {
                if (strcmp(wish->wish.pods[i].uid, of->wait.uid) == 0) {
                    *ret_node = node->name;
                    return &wish->wish;
                }
            }
        }
    }
    return NULL;
}

static bool find_move(const json_t *object, struct gs_kubemove *ret)
{
    const json_t *metadata = json_object_get(object, "metadata");
    const char *note = json_string_value(
        json_object_get(json_object_get(metadata, "annotations"), GS_KUBEMOVE_NOTE));
    return note != NULL && gs_kubemove_parse(gs_view(note), ret, NULL) == 0;
}

static enum gs_case_state state_of(struct gs_case *of, const json_t *object)
{
    const struct gs_kubepod *pod = &of->pod;
    if (pod->phase == GS_KUBEPOD_SUCCEEDED || pod->phase == GS_KUBEPOD_FAILED) {
        return GS_CASE_FINISHED;
    }
    if (pod->deleting) {
        return GS_CASE_ENDING;
    }
    if (pod->node != NULL) {
        return GS_CASE_BOUND;
    }
    if (pod->refused != NULL) {
        return GS_CASE_REFUSED;
    }
    if (!asks_for_slices(pod)) {
        return GS_CASE_NO_SLICES;
    }
    if (strcmp(pod->owner_kind, "DaemonSet") == 0) {
        return GS_CASE_DAEMON;
    }
    if (of->wait.nominated[0] != '\0') {
        return GS_CASE_BOOKED;
    }
    if (of->wait.n_others > 0) {
        return GS_CASE_OTHERS;
    }
    of->wish = find_wish(of, &of->wish_node);
    if (of->wish != NULL) {
        return GS_CASE_RECUT;
    }
    if (find_move(object, &of->move)) {
        return GS_CASE_MOVE;
    }
    return of->wait.gated || of->wait.unschedulable ? GS_CASE_DECIDED : GS_CASE_UNSEEN;
}

const char *gs_case_words(const struct gs_case *of)
{
    static const char *const words[] = {
        [GS_CASE_FINISHED] = "has finished",
        [GS_CASE_ENDING] = "is being deleted",
        [GS_CASE_BOUND] = "has its node",
        [GS_CASE_NO_SLICES] = "asks for no slices",
        [GS_CASE_DAEMON] = "is of a DaemonSet",
        [GS_CASE_REFUSED] = "asks for what gpuslice does not give",
        [GS_CASE_BOOKED] = "has a slice booked",
        [GS_CASE_OTHERS] = "waits at gates of others",
        [GS_CASE_UNSEEN] = "was not looked at by the scheduler yet",
        [GS_CASE_RECUT] = "waits for a re-cut",
        [GS_CASE_MOVE] = "waits for a pod that makes way",
        [GS_CASE_DECIDED] = "waits without the gate",
    };
    return of->state == GS_CASE_DECIDED && of->wait.gated ? "waits at the gate" : words[of->state];
}

/* ---- the pass of the controller, up to this pod ---- */

static bool is_wished(const struct gs_scene *scene, const struct gs_store_pod *pod)
{
    const struct gs_store_node *node;
    size_t at = 0;
    if (scene->store.n_wishes == 0) {
        return false;
    }
    while ((node = gs_map_next(&scene->store.nodes, &at)) != NULL) {
        for (const struct gs_store_wish *wish = node->wishes; wish != NULL; wish = wish->next) {
            for (unsigned i = 0; i < wish->wish.n_pods; i++) {
                if (gs_store_pod_of(&scene->store, &wish->wish.pods[i]) == pod) {
                    return true;
                }
            }
        }
    }
    return false;
}

/* Whether a pass decides it: not those that are booked, held by others, waiting for a re-cut. */
static bool is_due(const struct gs_scene *scene, const struct gs_store_pod *pod)
{
    const struct gs_kubewait *wait = &pod->waiting->wait;
    return pod->nominated == NULL && wait->n_others == 0 && (wait->gated || wait->unschedulable) &&
           !is_wished(scene, pod);
}

static int by_order(const void *a, const void *b)
{
    struct gs_decide_pod x = gs_take_ask(*(struct gs_store_pod *const *)a);
    struct gs_decide_pod y = gs_take_ask(*(struct gs_store_pod *const *)b);
    return gs_decide_order(&x, &y);
}

static int decide(struct gs_scene *scene, const struct gs_store_pod *pod, struct gs_decision *ret,
                  struct gs_err *err)
{
    struct gs_decide_pod ask = gs_take_ask(pod);
    const struct gs_decide_cluster cluster = {
        .nodes = scene->view.nodes,
        .n_nodes = scene->view.n,
        .offers = scene->offers,
        .n_offers = scene->n_offers,
        .holders = scene->holders,
        .n_holders = scene->n_holders,
        .now_us = scene->at_us,
    };
    ask.may_move_others = scene->movers.n > 0;
    struct gs_decision none = {.what = GS_DECIDE_WAIT,
                               .node = GS_DECIDE_NONE,
                               .offer = GS_DECIDE_NONE,
                               .until_node = GS_DECIDE_NONE,
                               .keep = {.node = GS_DECIDE_NONE}};
    if (gs_take_is_nowhere(pod, none.why, sizeof(none.why))) {
        *ret = none;
        return 0;
    }
    int r = gs_rules_judge(&scene->rules, pod, GS_RULES_STRICT, &ask, NULL, err);
    r = r == 0 ? gs_decide(scene->decider, &cluster, &ask, ret, err) : r;
    if (r == 0 && scene->volumes != NULL) {
        gs_take_words(pod, ret);
    }
    return r;
}

/* What the answer takes off the picture, for those that come later. */
static int take(struct gs_scene *scene, const struct gs_store_pod *pod,
                const struct gs_decision *decision, struct gs_err *err)
{
    const struct gs_decide_pod ask = gs_take_ask(pod);
    switch (decision->what) {
    case GS_DECIDE_BOOK:
        gs_take_booking(&scene->view, pod, decision->node);
        return gs_rules_expect(&scene->rules, pod, scene->view.more[decision->node].of, err);
    case GS_DECIDE_RECUT: {
        int r = gs_rules_expect(&scene->rules, pod, scene->view.more[decision->node].of, err);
        return r == 0 ? gs_take_recut(&scene->view, pod, decision->node, decision->recuts,
                                      decision->n_recuts, err)
                      : r;
    }
    case GS_DECIDE_WAIT:
        if (decision->until_node != GS_DECIDE_NONE) {
            gs_take_coming(&scene->view, pod, decision->until_node);
        }
        (void)gs_take_keep(&scene->view, &ask, decision);
        return 0;
    case GS_DECIDE_MOVE:
        (void)gs_take_keep(&scene->view, &ask, decision);
        return 0;
    case GS_DECIDE_BUY:
        return 0;
    }
    return 0;
}

/* The pods that are decided before it, each with what it gets. */
static int decide_those_before(struct gs_case *of, struct gs_err *err)
{
    struct gs_scene *scene = of->scene;
    struct gs_store_pod **pods =
        GS_ARENA_NEW(&scene->arena, struct gs_store_pod *, scene->store.n_waiting);
    size_t n = 0;
    if (pods == NULL) {
        return no_memory(err);
    }
    for (const struct gs_store_waiting *one = scene->store.waiting; one != NULL; one = one->next) {
        if (one->of != of->stored && is_due(scene, one->of) &&
            by_order(&one->of, &of->stored) < 0) {
            pods[n++] = one->of;
        }
    }
    if (n > 0) {
        qsort(pods, n, sizeof(struct gs_store_pod *), by_order);
    }
    for (of->before = 0; of->before < n; of->before++) {
        struct gs_decision decision;
        int r = decide(scene, pods[of->before], &decision, err);
        r = r == 0 ? take(scene, pods[of->before], &decision, err) : r;
        if (r != 0 && r != GS_INVALID && r != GS_LIMIT) {
            return r;
        }
    }
    return 0;
}

static int look_at_nodes(struct gs_case *of, struct gs_err *err)
{
    struct gs_scene *scene = of->scene;
    struct gs_decide_pod ask = gs_take_ask(of->stored);
    const struct gs_decide_cluster cluster = {.nodes = scene->view.nodes,
                                              .n_nodes = scene->view.n,
                                              .holders = scene->holders,
                                              .n_holders = scene->n_holders,
                                              .now_us = scene->at_us};
    of->looks = GS_ARENA_NEW(&scene->arena, struct gs_look, scene->view.n);
    of->by_name = gs_scene_by_name(scene);
    if (of->looks == NULL || of->by_name == NULL) {
        return no_memory(err);
    }
    int r = gs_rules_judge(&scene->rules, of->stored, GS_RULES_STRICT, &ask, NULL, err);
    for (size_t i = 0; r == 0 && i < scene->view.n; i++) {
        r = gs_look(scene->decider, &cluster, &ask, (uint32_t)i, &of->looks[i], err);
    }
    return r;
}

static int decide_it(struct gs_case *of, struct gs_err *err)
{
    int r = decide_those_before(of, err);
    int d = r == 0 ? decide(of->scene, of->stored, &of->decision, &of->cannot) : 0;
    if (r != 0 || d == GS_NO_MEMORY) {
        return r != 0 ? r : no_memory(err);
    }
    char why[GS_DECIDE_TEXT_MAX];
    of->decided = d == 0;
    of->nowhere = of->decided && gs_take_is_nowhere(of->stored, why, sizeof(why));
    return of->decided && !of->nowhere ? look_at_nodes(of, err) : 0;
}

const char *gs_case_decision_word(enum gs_decide_what what)
{
    static const char *const words[] = {[GS_DECIDE_BOOK] = "book",
                                        [GS_DECIDE_RECUT] = "re-cut",
                                        [GS_DECIDE_MOVE] = "move",
                                        [GS_DECIDE_BUY] = "buy",
                                        [GS_DECIDE_WAIT] = "wait"};
    return words[what];
}

/* What holds a pod that is not decided now. */
static enum gs_case_state held_by(const struct gs_store_pod *pod)
{
    const struct gs_kubewait *wait = &pod->waiting->wait;
    return pod->nominated != NULL                 ? GS_CASE_BOOKED
           : wait->n_others > 0                   ? GS_CASE_OTHERS
           : !wait->gated && !wait->unschedulable ? GS_CASE_UNSEEN
                                                  : GS_CASE_RECUT;
}

static int fill_row(struct gs_scene *scene, struct gs_store_pod *pod, struct gs_case_row *row,
                    struct gs_err *err)
{
    static const char *const says[] = {
        [GS_CASE_BOOKED] = "a slice is booked; the scheduler binds it",
        [GS_CASE_OTHERS] = "gates of others hold it",
        [GS_CASE_UNSEEN] = "the scheduler looks at it first",
        [GS_CASE_RECUT] = "a re-cut for it is under way",
    };
    struct gs_err why = {.code = GS_OK};
    *row = (struct gs_case_row){.pod = pod, .state = GS_CASE_DECIDED};
    if (!is_due(scene, pod)) {
        row->state = held_by(pod);
        row->says = says[row->state];
        return 0;
    }
    row->decision = GS_ARENA_NEW(&scene->arena, struct gs_decision, 1);
    int r = row->decision == NULL ? no_memory(err) : decide(scene, pod, row->decision, &why);
    if (r == 0) {
        row->decided = true;
        row->says = row->decision->why;
        return take(scene, pod, row->decision, err);
    }
    if (r != GS_INVALID && r != GS_LIMIT) {
        return no_memory(err);
    }
    row->says = gs_arena_text(&scene->arena, why.msg, strlen(why.msg));
    return row->says == NULL ? no_memory(err) : 0;
}

int gs_case_all(struct gs_scene *scene, struct gs_case_row **ret, size_t *ret_n, struct gs_err *err)
{
    size_t n = 0;
    struct gs_store_pod **pods =
        GS_ARENA_NEW(&scene->arena, struct gs_store_pod *, scene->store.n_waiting);
    struct gs_case_row *rows =
        GS_ARENA_NEW(&scene->arena, struct gs_case_row, scene->store.n_waiting);
    if (pods == NULL || rows == NULL) {
        return no_memory(err);
    }
    for (const struct gs_store_waiting *one = scene->store.waiting; one != NULL; one = one->next) {
        pods[n++] = one->of;
    }
    if (n > 0) {
        qsort(pods, n, sizeof(struct gs_store_pod *), by_order);
    }
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = fill_row(scene, pods[i], &rows[i], err);
    }
    *ret = rows;
    *ret_n = n;
    return r;
}

int gs_case_make(struct gs_scene *scene, const json_t *object, struct gs_case *ret,
                 struct gs_err *err)
{
    *ret = (struct gs_case){.scene = scene, .cannot = {.code = GS_OK}};
    int r = gs_kubepod_parse(object, &scene->arena, &ret->pod, err);
    r = r == 0 ? gs_kubewait_parse(object, &scene->arena, &ret->wait, err) : r;
    if (r != 0) {
        return r;
    }
    ret->state = state_of(ret, object);
    struct gs_store_pod *stored = gs_store_find_pod(&scene->store, ret->pod.id);
    bool decides = ret->state == GS_CASE_OTHERS || ret->state == GS_CASE_UNSEEN ||
                   ret->state == GS_CASE_DECIDED;
    bool whole = gs_scene_has(scene, GS_SCENE_PODS) && gs_scene_has(scene, GS_SCENE_NODES) &&
                 gs_scene_has(scene, GS_SCENE_GPUNODES);
    if (whole && stored != NULL && stored->waiting != NULL) {
        ret->stored = stored;
        r = decides ? decide_it(ret, err) : 0;
    }
    return r == 0 ? gs_case_advise(ret, err) : r;
}
