#include "torture/torture.h"

#include <jansson.h>

#include "picture/movers.h"
#include "picture/rules.h"
#include "picture/take.h"
#include "unit/wire/json_text.h"

/* What the watches show, in this order; each may be shown again after a failure. */
static const struct shown {
    enum gs_store_kind kind;
    bool gone;
    const char *text;
} shows[] = {
    {GS_STORE_NODES, false,
     "{\"metadata\":{\"name\":\"n1\",\"uid\":\"1\",\"labels\":{\"a\":\"b\"}},\"spec\":{\"taints\":[{"
     "\"key\":\"k\",\"value\":\"v\",\"effect\":\"NoSchedule\"}]},\"status\":{\"conditions\":[{"
     "\"type\":\"Ready\",\"status\":\"True\"}],\"allocatable\":{\"cpu\":\"8\",\"memory\":\"8Gi\","
     "\"pods\":\"9\",\"nvidia.com/mig-1g.5gb\":\"2\"}}}"},
    {GS_STORE_GPUNODES, false,
     "{\"metadata\":{\"name\":\"n1\",\"resourceVersion\":\"5\"},\"spec\":{\"gpus\":[{\"uuid\":"
     "\"GPU-1\",\"id\":\"w\",\"basedOn\":1,\"layout\":\"3g.20gb@4\",\"pods\":[{\"namespace\":\"d\","
     "\"name\":\"w\",\"uid\":\"u-w\"}]}]},\"status\":{\"agent\":\"1\",\"gpus\":[{\"uuid\":\"GPU-1\","
     "\"model\":\"A100-40GB\",\"mig\":true,\"healthy\":true,\"index\":0,\"revision\":1,\"slices\":[{"
     "\"profile\":\"1g.5gb\",\"start\":0,\"size\":1,\"state\":\"Held\",\"plain\":true,\"resource\":"
     "\"nvidia.com/mig-1g.5gb\",\"holder\":{\"namespace\":\"d\",\"name\":\"v\"}},{\"profile\":"
     "\"1g.5gb\",\"start\":4,\"size\":1,\"state\":\"Free\",\"plain\":true,\"resource\":"
     "\"nvidia.com/mig-1g.5gb\"}]}]}}"},
    {GS_STORE_PODS, false,
     "{\"metadata\":{\"name\":\"v\",\"namespace\":\"d\",\"uid\":\"u-v\",\"annotations\":{"
     "\"gpuslice.dev/move\":\"allow\"},\"ownerReferences\":[{\"kind\":\"ReplicaSet\",\"name\":\"web\","
     "\"controller\":true}]},\"spec\":{\"nodeName\":\"n1\",\"nodeSelector\":{\"a\":\"b\"},"
     "\"tolerations\":[{\"key\":\"k\",\"operator\":\"Exists\"}],\"affinity\":{\"nodeAffinity\":{"
     "\"requiredDuringSchedulingIgnoredDuringExecution\":{\"nodeSelectorTerms\":[{"
     "\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\",\"values\":[\"b\",\"c\"]}]}]}}},"
     "\"containers\":[{\"name\":\"c\",\"resources\":{\"limits\":{\"nvidia.com/mig-1g.5gb\":\"1\"}}}]},"
     "\"status\":{\"phase\":\"Running\"}}"},
    {GS_STORE_PODS, false, /* of the same owner, asking for something else */
     "{\"metadata\":{\"name\":\"v2\",\"namespace\":\"d\",\"uid\":\"u-v2\",\"annotations\":{"
     "\"gpuslice.dev/move\":\"allow\"},\"ownerReferences\":[{\"kind\":\"ReplicaSet\",\"name\":\"web\","
     "\"controller\":true}]},\"spec\":{\"nodeName\":\"n2\",\"containers\":[{\"name\":\"c\","
     "\"resources\":{\"limits\":{\"nvidia.com/mig-1g.5gb\":\"1\"}}}]},\"status\":{\"phase\":"
     "\"Running\"}}"},
    {GS_STORE_PODS, false,
     "{\"metadata\":{\"name\":\"w\",\"namespace\":\"d\",\"uid\":\"u-w\"},\"spec\":{"
     "\"schedulingGates\":[{\"name\":\"gpuslice.dev/slice\"}],\"containers\":[{\"name\":\"c\","
     "\"resources\":{\"limits\":{\"nvidia.com/mig-3g.20gb\":\"1\"}}}]},\"status\":{\"phase\":"
     "\"Pending\",\"nominatedNodeName\":\"n3\"}}"},
    {GS_STORE_PODS, true,
     "{\"metadata\":{\"name\":\"v\",\"namespace\":\"d\",\"uid\":\"u-v\"},\"spec\":{\"nodeName\":"
     "\"n1\",\"containers\":[{\"name\":\"c\"}]},\"status\":{\"phase\":\"Running\"}}"},
};

enum { NODE = 0, BOUND = 2, WAITS = 4, MORE = 20 };

static json_t *objects[sizeof(shows) / sizeof(shows[0])];
static json_t *more[MORE]; /* nodes */

static int show(struct gs_store *store, size_t i, struct gs_err *err)
{
    switch (shows[i].kind) {
    case GS_STORE_PODS:
        return gs_store_pod(store, objects[i], shows[i].gone, 1, err);
    case GS_STORE_NODES:
        return gs_store_node(store, objects[i], shows[i].gone, err);
    case GS_STORE_GPUNODES:
        return gs_store_gpunode(store, objects[i], shows[i].gone, 1, err);
    }
    return 0;
}

/* Sums of what nodes are said to have are those of the pods that are there. */
static void check_sums(const struct gs_store *store)
{
    const struct gs_store_node *node;
    size_t at = 0;
    while ((node = gs_map_next(&store->nodes, &at)) != NULL) {
        uint32_t n = 0;
        uint32_t movable = 0;
        for (const struct gs_store_pod *pod = node->pods; pod != NULL; pod = pod->next) {
            n++;
            movable += pod->kin != NULL;
        }
        assert_int_equal(node->n_pods, n);
        assert_int_equal(node->n_movable, movable);
    }
}

/* The view is made, who may be moved is found, a wish goes on its way. */
static int use(struct gs_store *store, struct gs_decider *decider, struct gs_err *err)
{
    static const struct gs_gpunode_pod named = {.name_space = "d", .name = "w", .uid = "u-w"};
    static const struct gs_gpunode_wish wish = {.id = "x",
                                                .uuid = "GPU-1",
                                                .based_on = 1,
                                                .layout = "3g.20gb@4",
                                                .reason = "r",
                                                .pods = &named,
                                                .n_pods = 1};
    const struct gs_movers_rules rules = {.node = NULL};
    struct gs_movers movers = {.n = 0};
    struct gs_nodes_view view;
    gs_nodes_view_init(&view, store, decider);
    int r = gs_nodes_view_refresh(&view, 2, err);
    r = r == 0 ? gs_movers_find(&movers, &view, &rules, err) : r;
    if (r == 0) {
        assert_int_equal(movers.n, 1);
        assert_string_equal(movers.holders[0].name, "d/v");
        r = gs_store_wish(gs_store_find_node(store, "n1"), &wish, 3, err);
    }
    gs_movers_done(&movers);
    gs_nodes_view_done(&view);
    return r;
}

static struct gs_decider *decider_of_all;

static int look(struct gs_err *err)
{
    struct gs_store store;
    int r = 0;
    size_t n = sizeof(shows) / sizeof(shows[0]);
    gs_store_init(&store);
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = i + 1 == n ? use(&store, decider_of_all, err) : 0;
        r = r == 0 ? show(&store, i, err) : r;
        check_sums(&store);
    }
    if (r == 0) {
        assert_int_equal(store.n_waiting, 1);
        assert_int_equal(store.kins.n, 1);
        assert_int_equal(store.n_wishes, 1);
        gs_store_listing(&store, GS_STORE_PODS);
        gs_store_listed(&store, GS_STORE_PODS);
        assert_int_equal(store.kins.n, 0);
        check_sums(&store);
    }
    gs_store_done(&store);
    return r;
}

/* The same, but what failed is shown again, as a watch does: nothing of the first time is left. */
static int look_twice(struct gs_err *err)
{
    struct gs_store store;
    int r = 0;
    gs_store_init(&store);
    for (size_t i = 0; i + 1 < sizeof(shows) / sizeof(shows[0]); i++) {
        if (show(&store, i, err) != 0) {
            r = GS_NO_MEMORY;
            assert_int_equal(show(&store, i, NULL), 0);
        }
        check_sums(&store);
    }
    assert_int_equal(store.n_waiting, 1);
    assert_int_equal(gs_store_find_node(&store, "n1")->n_movable, 1);
    gs_store_done(&store);
    return r;
}

/* Labels are those of nodes that are known, and no others. */
static void check_places(const struct gs_store *store)
{
    const struct gs_store_node *node;
    const struct gs_places_label *label = gs_map_find(&store->places.labels, "a");
    size_t at = 0;
    while ((node = gs_map_next(&store->nodes, &at)) != NULL) {
        assert_int_equal(store->places.facts[node->seat] != NULL, node->known);
        assert_true(label == NULL || (label->of[node->seat] != 0) == node->known);
    }
}

/* Not beside pods of its namespace, by the values of a label, and evenly. */
static const struct gs_requirement bare = {.key = "l", .op = GS_LABEL_NOT_EXISTS};
static const char *const own_space[] = {"d"};
static const struct gs_kuberules_term apart = {
    .topology_key = "a", .pods.all = {&bare, 1}, .spaces = own_space, .n_spaces = 1};
static const struct gs_kuberules_spread evenly = {
    .topology_key = "a", .pods.all = {&bare, 1}, .max_skew = 1, .min_domains = 1};

static int judge(struct gs_store *store, const struct gs_nodes_view *view, struct gs_err *err)
{
    struct gs_store_rules kept = {
        .rules = {.apart = &apart, .n_apart = 1, .spreads = &evenly, .n_spreads = 1}};
    struct gs_decide_pod ask = {.name = "d/w"};
    struct gs_store_pod *pod = gs_store_find_pod(store, "d/w");
    struct gs_rules rules;
    pod->shape->rules = &kept; /* as if they had been read: the reader is tried elsewhere */
    gs_rules_init(&rules, store, view);
    int r = gs_rules_judge(&rules, pod, GS_RULES_STRICT, &ask, NULL, err);
    assert_true(r != 0 || (ask.barred != NULL && ask.barred[0] != 0));
    gs_rules_done(&rules);
    pod->shape->rules = NULL;
    return r;
}

/* The rules of a pod are judged, with one node more each time. */
static int judge_often(struct gs_err *err)
{
    struct gs_store store;
    struct gs_nodes_view view;
    int r = 0;
    gs_store_init(&store);
    gs_nodes_view_init(&view, &store, decider_of_all);
    for (size_t i = NODE; r == 0 && i <= WAITS; i += BOUND) {
        r = show(&store, i, err);
    }
    for (unsigned i = 0; r == 0 && i < MORE; i++) {
        r = gs_nodes_view_refresh(&view, 2, err);
        r = r == 0 ? judge(&store, &view, err) : r;
        r = r == 0 ? gs_store_node(&store, more[i], false, err) : r;
        check_places(&store);
    }
    gs_nodes_view_done(&view);
    gs_store_done(&store);
    return r;
}

/* What is asked for of the pod's volumes, in this order. */
static const char *const answers[] = {
    "{'metadata':{'name':'a','annotations':{'pv.kubernetes.io/bind-completed':'yes'}},'spec':{"
    "'volumeName':'pv','accessModes':['ReadWriteOncePod']}}",
    "{'metadata':{'name':'pv','labels':{'topology.kubernetes.io/zone':'x__y'}},'spec':{"
    "'nodeAffinity':{'required':{'nodeSelectorTerms':[{'matchExpressions':[{'key':"
    "'kubernetes.io/hostname','operator':'In','values':['n1']}]},{'matchExpressions':[{'key':'k',"
    "'operator':'Exists'},{'key':'l','operator':'Exists'}]}]}}}}",
    "{'metadata':{'name':'v-b','ownerReferences':[{'uid':'u-v','controller':true}]},'spec':{"
    "'storageClassName':'fast'}}",
    "{'metadata':{'name':'fast'},'provisioner':'p','volumeBindingMode':'WaitForFirstConsumer',"
    "'allowedTopologies':[{'matchLabelExpressions':[{'key':'k','values':['1']}]}]}",
    "{'metadata':{'name':'c'},'spec':{'storageClassName':'slow'}}",
    "{'metadata':{'name':'slow'},'volumeBindingMode':'Immediate'}",
};
static json_t *answer_objects[sizeof(answers) / sizeof(answers[0])];
static json_t *with_volumes;

static int read_volumes(struct gs_store_pod *pod, struct gs_err *err)
{
    struct gs_volumes_reading *reading = gs_volumes_read(&pod->waiting->pod, pod->uid);
    int r = reading == NULL ? gs_fail(err, GS_NO_MEMORY, "no memory") : 0;
    for (size_t i = 0; r == 0 && gs_volumes_next(reading) != NULL; i++) {
        r = gs_volumes_take(reading, answer_objects[i], err);
    }
    if (r != 0) {
        gs_volumes_reading_free(reading);
        return r;
    }
    struct gs_volumes *volumes = gs_volumes_end(reading);
    return volumes == NULL ? gs_fail(err, GS_NO_MEMORY, "no memory")
                           : gs_store_set_volumes(pod, volumes, 7, err);
}

/* A pod with volumes is shown, they are read, and it is shown again. */
static int look_at_volumes(struct gs_err *err)
{
    struct gs_store store;
    gs_store_init(&store);
    int r = gs_store_pod(&store, with_volumes, false, 1, err);
    r = r == 0 ? read_volumes(gs_store_find_pod(&store, "d/v"), err) : r;
    r = r == 0 ? gs_store_pod(&store, with_volumes, false, 2, err) : r;
    r = r == 0 ? read_volumes(gs_store_find_pod(&store, "d/v"), err) : r;
    if (r == 0) {
        const struct gs_store_waiting *waiting = gs_store_find_pod(&store, "d/v")->waiting;
        assert_int_equal(gs_store_constraint(waiting)->n_terms, 8);
        assert_int_equal(gs_store_constraint(waiting)->selector.n_requirements, 2);
        assert_non_null(waiting->volumes.of->waits);
    }
    gs_store_done(&store);
    return r;
}

static void torture__rules_are_judged_or_memory_is_said_to_be_short(void **state)
{
    (void)state;
    assert_true(torture_heap(judge_often, 1) > 3 * MORE);
}

static void torture__volumes_survive_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_heap(look_at_volumes, 1) > 15);
}

static void torture__the_picture_survives_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_heap(look, 1) > 30);
}

static void torture__what_failed_is_shown_again(void **state)
{
    (void)state;
    assert_true(torture_heap(look_twice, 1) > 15);
}

static struct gs_arena arena;

static int set_up(void **state)
{
    static const char names[][2] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j",
                                    "k", "l", "m", "n", "o", "p", "q", "r", "s", "t"};
    struct gs_err err = {.code = GS_OK};
    (void)state;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    decider_of_all = gs_decider_new(&arena);
    for (size_t i = 0; i < sizeof(shows) / sizeof(shows[0]); i++) {
        objects[i] = json_loads(shows[i].text, 0, NULL);
        if (objects[i] == NULL) {
            return -1;
        }
    }
    for (unsigned i = 0; i < MORE; i++) {
        more[i] = json_pack("{s:{s:s++,s:{s:s++}},s:{s:{}}}", "metadata", "name", "m", names[i], "",
                            "labels", "a", "v", names[i / 2], "", "status", "allocatable");
        if (more[i] == NULL) {
            return -1;
        }
    }
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        answer_objects[i] = json_text(answers[i]);
    }
    with_volumes = json_text(
        "{'metadata':{'name':'v','namespace':'d','uid':'u-v'},'spec':{'nodeSelector':{'a':'b'},"
        "'affinity':{'nodeAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':{"
        "'nodeSelectorTerms':[{'matchExpressions':[{'key':'m','operator':'Exists'}]},{"
        "'matchExpressions':[{'key':'n','operator':'Exists'}]}]}}},'schedulingGates':[{'name':"
        "'gpuslice.dev/slice'}],'volumes':[{'name':'a','persistentVolumeClaim':{'claimName':'a'}},{"
        "'name':'b','ephemeral':{}},{'name':'c','persistentVolumeClaim':{'claimName':'c'}}],"
        "'containers':[{'name':'c','resources':{'limits':{'nvidia.com/mig-3g.20gb':'1'}}}]},"
        "'status':{'phase':'Pending'}}");
    return look(&err); /* a model's tables are made once, and are the decider's */
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(shows) / sizeof(shows[0]); i++) {
        json_decref(objects[i]);
    }
    for (unsigned i = 0; i < MORE; i++) {
        json_decref(more[i]);
    }
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        json_decref(answer_objects[i]);
    }
    json_decref(with_volumes);
    gs_arena_done(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__the_picture_survives_each_failed_request),
        cmocka_unit_test(torture__what_failed_is_shown_again),
        cmocka_unit_test(torture__rules_are_judged_or_memory_is_said_to_be_short),
        cmocka_unit_test(torture__volumes_survive_each_failed_request),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
