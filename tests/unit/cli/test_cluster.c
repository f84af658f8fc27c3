/* The commands on a cluster, without one: objects as JSON, and what is said of them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cluster/commands.h"
#include "cli/cluster/status.h"
#include "cli/cluster/text.h"
#include "cli/cluster/why.h"
#include "unit/check.h"
#include "unit/wire/json_text.h"

#define REAL_US 1767225660000000ull /* 2026-01-01T00:01:00Z */

static void take(struct gs_scene *scene, enum gs_scene_kind kind, const char *text)
{
    struct gs_err err = {.msg = ""};
    json_t *object = json_text(text);
    int r = gs_scene_take(scene, kind, object, &err);
    json_decref(object);
    if (r != 0) {
        fail_msg("%s: %s", text, err.msg);
    }
}

#define NODE(name, more, slices)                                                                   \
    "{'metadata': {'name': '" name "', 'uid': 'u-" name "', 'labels': {'kubernetes.io/hostname': " \
    "'" name "'}}, " more "'status': {'conditions': [{'type': 'Ready', 'status': 'True'}], "       \
    "'allocatable': {'cpu': '8', 'memory': '64Gi', 'pods': '110'" slices "}}}"
#define GPUNODE(name, seen, slices)                                                                \
    "{'metadata': {'name': '" name "', 'resourceVersion': '5'}, 'status': {'agent': '0.1.0', "     \
    "'seen': '" seen "', 'gpus': [{'index': 0, 'uuid': 'GPU-" name "', 'model': 'A100-40GB', "     \
    "'mig': true, 'healthy': true, 'revision': 1, 'slices': [" slices "]}]}}"
#define SLICE(profile, start, size, state)                                                         \
    "{'profile': '" profile "', 'start': " start ", 'size': " size ", 'state': '" state            \
    "', 'plain': true, 'resource': 'nvidia.com/mig-" profile "'"
#define HELD(profile, start, size, pod)                                                            \
    SLICE(profile, start, size, "Held") ", 'holder': {'namespace': 'd', 'name': '" pod "'}}"
#define FREE(profile, start, size) SLICE(profile, start, size, "Free") "}"
#define NOW "2026-01-01T00:00:50Z"
#define POD(name, spec, profile, status)                                                           \
    "{'metadata': {'name': '" name "', 'namespace': 'd', 'uid': 'u-" name                          \
    "', 'resourceVersion': '7', 'creationTimestamp': '2026-01-01T00:00:48Z'}, 'spec': {" spec      \
    "'containers': [{'name': 'c', 'resources': {'limits': {'nvidia.com/mig-" profile               \
    "': '1'}, 'requests': {'cpu': '500m', 'memory': '1Gi'}}}]}, 'status': {'phase': "              \
    "'Pending'" status "}}"
#define GATE "'schedulingGates': [{'name': 'gpuslice.dev/slice'}], "
#define LEASE(renewed)                                                                             \
    "{'metadata': {'name': 'gpuslice-controller', 'namespace': 'g'}, 'spec': {'holderIdentity': "  \
    "'one', 'leaseDurationSeconds': 15, 'renewTime': '" renewed "'}}"

/* n1 has 3g.20gb of d/web and one free, n2 idle 1g.5gb, n3's agent is silent. */
static void fill(struct gs_scene *scene)
{
    gs_scene_init(scene, NULL);
    scene->real_us = REAL_US;
    take(scene, GS_SCENE_NODES, NODE("n1", "", ", 'nvidia.com/mig-3g.20gb': '2'"));
    take(scene, GS_SCENE_NODES, NODE("n2", "", ", 'nvidia.com/mig-1g.5gb': '2'"));
    take(scene, GS_SCENE_NODES, NODE("n3", "", ", 'nvidia.com/mig-1g.5gb': '1'"));
    take(scene, GS_SCENE_GPUNODES,
         GPUNODE("n1", NOW, HELD("3g.20gb", "0", "4", "web") ", " FREE("3g.20gb", "4", "4")));
    take(scene, GS_SCENE_GPUNODES,
         GPUNODE("n2", NOW, FREE("1g.5gb", "0", "1") ", " FREE("1g.5gb", "1", "1")));
    take(scene, GS_SCENE_GPUNODES, GPUNODE("n3", "2025-12-31T23:00:00Z", FREE("1g.5gb", "0", "1")));
    take(scene, GS_SCENE_LEASES, LEASE("2026-01-01T00:00:59Z"));
    take(scene, GS_SCENE_PODS, POD("web", "'nodeName': 'n1', ", "3g.20gb", ""));
}

static void settle(struct gs_scene *scene)
{
    struct gs_err err = {.msg = ""};
    if (gs_scene_settle(scene, &err) != 0) {
        fail_msg("%s", err.msg);
    }
}

/* ---- words ---- */

static void words__of_a_pod_are_understood_as_kubectl_has_them(void **state)
{
    (void)state;
    static const struct {
        const char *word, *space, *name; /* name NULL: refused */
    } words[] = {
        {"a", "here", "a"}, {"x/a", "x", "a"},  {"pod/a", "here", "a"},  {"pods/a", "here", "a"},
        {"x/", NULL, NULL}, {"/a", NULL, NULL}, {"x/y/a", NULL, NULL},   {"", NULL, NULL},
        {"A", NULL, NULL},  {"..", NULL, NULL}, {"x/a?b=c", NULL, NULL}, {"a%2fb", NULL, NULL},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(words); i++) {
        char space[GS_LINK_NAMESPACE_MAX] = "";
        const char *name = NULL;
        struct gs_err err;
        int r = gs_pod_word(words[i].word, "here", space, &name, &err);
        if (words[i].name == NULL ? r != GS_INVALID
                                  : r != 0 || strcmp(space, words[i].space) != 0 ||
                                        strcmp(name, words[i].name) != 0) {
            fail_msg("%s: %d, %s/%s", words[i].word, r, space, name == NULL ? "" : name);
        }
    }
}

static void ages__are_short(void **state)
{
    (void)state;
    static const struct {
        uint64_t s;
        const char *says;
    } ages[] = {{0, "0 s"},    {119, "119 s"},   {120, "2 min"}, {7199, "119 min"},
                {7200, "2 h"}, {172799, "47 h"}, {172800, "2 d"}};
    for (size_t i = 0; i < GS_ARRAY_LEN(ages); i++) {
        char text[GS_SCENE_AGE_MAX];
        gs_scene_format_age(ages[i].s, text);
        assert_string_equal(text, ages[i].says);
    }
}

static void wrapping__keeps_lines_short_and_terminals_safe(void **state)
{
    (void)state;
    struct gs_buf out;
    char text[400] = "\033[2Jx";
    gs_buf_init(&out, 4096);
    for (unsigned i = 0; i < 60; i++) {
        strcat(text, " word");
    }
    gs_put_wrapped(&out, "  - ", text);
    for (const char *line = gs_buf_text(&out); line[0] != '\0';) {
        size_t n = strcspn(line, "\n");
        assert_true(n <= 80 && n > 4);
        line += n + 1;
    }
    assert_null(strchr(gs_buf_text(&out), '\033'));
    gs_buf_done(&out);
}

static void advice__is_given_for_what_can_be_done_about(void **state)
{
    (void)state;
    static const struct {
        enum gs_code code;
        int e;
        const char *msg, *says; /* says NULL: none */
    } cases[] = {
        {GS_LIMIT, 0, "", "--request-timeout"},
        {GS_IO, ECONNREFUSED, "", "nobody listens"},
        {GS_IO, EKEYREJECTED, "", "trusts"},
        {GS_IO, EPERM, "GET /x: the API server says 401 Unauthorized", "whoami"},
        {GS_IO, EPERM, "GET /x: the API server says 403 Forbidden", "can-i"},
        {GS_IO, EPROTO, "", "HTTPS"},
        {GS_IO, EHOSTUNREACH, "", "address"},
        {GS_IO, EISDIR, "reading /etc: Is a directory", "expected a kubeconfig"},
        {GS_IO, ENOKEY, "aws ended with status 255: no SSO session", "credential program"},
        {GS_LIMIT, ENOKEY, "aws did not end within 60 s", "credential program"},
        {GS_NOT_FOUND, ENOKEY, "there is no program aws", "credential program"},
        {GS_NOT_FOUND, 0, "", NULL},
        {GS_NO_MEMORY, 0, "", NULL},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_err err = {.code = cases[i].code, .sys_errno = cases[i].e};
        snprintf(err.msg, sizeof(err.msg), "%s", cases[i].msg);
        const char *advice = gs_link_advice(&err);
        assert_true((advice == NULL) == (cases[i].says == NULL));
        assert_true(advice == NULL || strstr(advice, cases[i].says) != NULL);
    }
}

/* ---- why ---- */

static const struct {
    const char *says;
    const char *pod;
    const char *name;
    enum gs_case_state state;
    const char *text; /* in what is printed */
} whys[] = {
    {"a free slice is booked", POD("a", GATE, "3g.20gb", ""), "d/a", GS_CASE_DECIDED,
     "Decision now: book\n  node n1 has what it asks for free: 3g.20gb\n"},
    {"idle slices make way", POD("a", GATE, "2g.10gb", ""), "d/a", GS_CASE_DECIDED,
     "n2    idle slices of GPU 0 can make way\n"},
    {"what is in use is named with its pod", POD("a", GATE, "4g.20gb", ""), "d/a", GS_CASE_DECIDED,
     "n1    in use on GPU 0, where the fewest are in the way: 3g.20gb of d/web\n"},
    {"a silent agent is named", POD("a", GATE, "7g.40gb", ""), "d/a", GS_CASE_DECIDED,
     "n3    it would have to be re-cut, and its agent was last heard of 61 min ago\n"},
    {"a profile that there is not", POD("a", GATE, "9g.99gb", ""), "d/a", GS_CASE_DECIDED,
     "Decision now: none\n"},
    {"a selector that no node has", POD("a", GATE "'nodeSelector': {'x': 'y'}, ", "3g.20gb", ""),
     "d/a", GS_CASE_DECIDED, "a node selector, affinity or tolerations that let it onto n1"},
    {"without a pool there is one thing to do",
     POD("a", GATE "'nodeSelector': {'x': 'y'}, ", "3g.20gb", ""), "d/a", GS_CASE_DECIDED,
     "a SlicePool, so that a node can be bought"},
    {"a booking", POD("a", GATE, "3g.20gb", ", 'nominatedNodeName': 'n1'"), "d/a", GS_CASE_BOOKED,
     "booked on  n1, not by gpuslice\n"},
    {"other gates", POD("a", "'schedulingGates': [{'name': 'x.y/z'}], ", "3g.20gb", ""), "d/a",
     GS_CASE_OTHERS, "gates      x.y/z\n"},
    {"not looked at yet", POD("a", "", "3g.20gb", ""), "d/a", GS_CASE_UNSEEN,
     "the scheduler looks at it first"},
    {"bound", POD("web", "'nodeName': 'n1', ", "3g.20gb", ""), "d/web", GS_CASE_BOUND,
     "gpuslice has nothing more to do for it"},
};

static void why__has_a_text_for_each_pod(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(whys); i++) {
        struct gs_scene scene;
        struct gs_case of;
        struct gs_err err = {.msg = ""};
        struct gs_buf out;
        gs_buf_init(&out, 1 << 20);
        fill(&scene);
        scene.wanted = whys[i].name;
        take(&scene, GS_SCENE_PODS, whys[i].pod);
        settle(&scene);
        assert_non_null(scene.object);
        if (gs_case_make(&scene, scene.object, &of, &err) != 0) {
            fail_msg("%s: %s", whys[i].says, err.msg);
        }
        const struct gs_why_answer answer = {.of = &of};
        gs_why_put_text(&answer, false, &out);
        if (of.state != whys[i].state || strstr(gs_buf_text(&out), whys[i].text) == NULL) {
            fail_msg("%s: state %d:\n%s", whys[i].says, (int)of.state, gs_buf_text(&out));
        }
        gs_buf_done(&out);
        gs_scene_done(&scene);
    }
}

#define POOL_NODE(name, slices)                                                                    \
    "{'metadata': {'name': '" name "', 'uid': 'u-" name "', 'labels': {'kubernetes.io/hostname': " \
    "'" name "', 'gpuslice.dev/slicepool': 'p'}}, 'status': {'conditions': [{'type': 'Ready', "    \
    "'status': 'True'}], 'allocatable': {'cpu': '8', 'memory': '64Gi', 'pods': '110'" slices "}}}"
#define RUNS(name, node, profile, annotations)                                                             \
    "{'metadata': {'name': '" name "', 'namespace': 'd', 'uid': 'u-" name                                  \
    "', 'resourceVersion': '7', 'creationTimestamp': '2025-12-31T20:00:00Z', 'annotations': {" annotations \
    "}, 'ownerReferences': [{'kind': 'ReplicaSet', 'name': 'web', 'controller': "                          \
    "true}]}, 'spec': {'nodeName': '" node "', 'containers': [{'name': 'c', 'resources': "                 \
    "{'limits': {'nvidia.com/mig-" profile "': '1'}}}]}, 'status': {'phase': 'Running'}}"

/* A 1g.5gb is in the way of half a GPU, and there is room for it on the other node. */
static void why__says_who_would_make_way_where_both_sides_agree(void **state)
{
    static const struct {
        const char *moves, *web, *says;
    } cases[] = {
        {"'optIn'", RUNS("web", "n1", "1g.5gb", "'gpuslice.dev/move': 'allow'"),
         "Decision now: move\n"},
        {"'never'", RUNS("web", "n1", "1g.5gb", "'gpuslice.dev/move': 'allow'"),
         "Decision now: wait\n"},
        {"'optIn'", RUNS("web", "n1", "1g.5gb", ""), "Decision now: wait\n"},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_scene scene;
        struct gs_case of;
        struct gs_buf out;
        char pool[300];
        snprintf(pool, sizeof(pool),
                 "{'metadata': {'name': 'p'}, 'spec': {'nodeClassRef': {'name': 'x'}, "
                 "'instanceTypes': ['p4d.24xlarge'], 'limits': {'gpus': 0}, 'moves': %s}}",
                 cases[i].moves);
        gs_buf_init(&out, 1 << 20);
        gs_scene_init(&scene, NULL);
        scene.real_us = REAL_US;
        take(&scene, GS_SCENE_NODES,
             POOL_NODE("n1", ", 'nvidia.com/mig-4g.20gb': '1', 'nvidia.com/mig-1g.5gb': '1'"));
        take(&scene, GS_SCENE_NODES,
             POOL_NODE("n2", ", 'nvidia.com/mig-4g.20gb': '1', 'nvidia.com/mig-2g.10gb': '1', "
                             "'nvidia.com/mig-1g.5gb': '1'"));
        take(&scene, GS_SCENE_GPUNODES,
             GPUNODE("n1", NOW,
                     HELD("4g.20gb", "0", "4", "half") ", " HELD("1g.5gb", "4", "1", "web")));
        take(&scene, GS_SCENE_GPUNODES,
             GPUNODE("n2", NOW,
                     HELD("4g.20gb", "0", "4", "other") ", " HELD(
                         "2g.10gb", "4", "2", "third") ", " FREE("1g.5gb", "6", "1")));
        take(&scene, GS_SCENE_LEASES, LEASE("2026-01-01T00:00:59Z"));
        take(&scene, GS_SCENE_SLICEPOOLS, pool);
        take(&scene, GS_SCENE_PODS, RUNS("half", "n1", "4g.20gb", ""));
        take(&scene, GS_SCENE_PODS, RUNS("other", "n2", "4g.20gb", ""));
        take(&scene, GS_SCENE_PODS, RUNS("third", "n2", "2g.10gb", ""));
        take(&scene, GS_SCENE_PODS, cases[i].web);
        scene.wanted = "d/a";
        take(&scene, GS_SCENE_PODS, POD("a", GATE, "3g.20gb", ""));
        settle(&scene);
        assert_int_equal(gs_case_make(&scene, scene.object, &of, NULL), 0);
        const struct gs_why_answer answer = {.of = &of};
        gs_why_put_text(&answer, false, &out);
        if (strstr(gs_buf_text(&out), cases[i].says) == NULL) {
            fail_msg("case %zu:\n%s", i, gs_buf_text(&out));
        }
        gs_buf_done(&out);
        gs_scene_done(&scene);
    }
}

static void why__says_that_a_slicepool_bounds_what_a_node_is_cut_into(void **state)
{
    static const struct {
        const char *recut;
        const char *says[3];
    } cases[] = {
        {"anyProfile", {"Decision now: re-cut\n"}},
        {"profiles",
         {"but SlicePool p allows only 1g.5gb (recut: profiles)",
          "idle slices could make way, but SlicePool p allows re-cuts only into its profiles",
          "its profile among those of the SlicePool of n1, or recut: anyProfile there"}},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_scene scene;
        struct gs_case of;
        struct gs_buf out;
        char pool[300];
        snprintf(pool, sizeof(pool),
                 "{'metadata': {'name': 'p'}, 'spec': {'nodeClassRef': {'name': 'x'}, "
                 "'instanceTypes': ['p4d.24xlarge'], 'profiles': ['1g.5gb'], 'recut': '%s'}}",
                 cases[i].recut);
        gs_buf_init(&out, 1 << 20);
        gs_scene_init(&scene, NULL);
        scene.real_us = REAL_US;
        take(&scene, GS_SCENE_NODES, POOL_NODE("n1", ", 'nvidia.com/mig-1g.5gb': '1'"));
        take(&scene, GS_SCENE_GPUNODES, GPUNODE("n1", NOW, FREE("1g.5gb", "0", "1")));
        take(&scene, GS_SCENE_LEASES, LEASE("2026-01-01T00:00:59Z"));
        take(&scene, GS_SCENE_SLICEPOOLS, pool);
        scene.wanted = "d/a";
        take(&scene, GS_SCENE_PODS, POD("a", GATE, "3g.20gb", ""));
        settle(&scene);
        assert_int_equal(gs_case_make(&scene, scene.object, &of, NULL), 0);
        const struct gs_why_answer answer = {.of = &of};
        gs_why_put_text(&answer, false, &out);
        for (size_t k = 0; k < 3 && cases[i].says[k] != NULL; k++) {
            if (strstr(gs_buf_text(&out), cases[i].says[k]) == NULL) {
                fail_msg("case %zu, %s:\n%s", i, cases[i].says[k], gs_buf_text(&out));
            }
        }
        gs_buf_done(&out);
        gs_scene_done(&scene);
    }
}

static void why__says_what_the_cloud_has_not_got(void **state)
{
    struct gs_scene scene;
    struct gs_case of;
    (void)state;
    gs_scene_init(&scene, NULL);
    scene.real_us = REAL_US;
    scene.asked_region = "us-east-1";
    take(&scene, GS_SCENE_LEASES, LEASE("2026-01-01T00:00:59Z"));
    take(&scene, GS_SCENE_SLICEPOOLS,
         "{'metadata': {'name': 'p'}, 'spec': {'nodeClassRef': {'name': 'x'}, 'instanceTypes': "
         "['p4d.24xlarge']}, 'status': {'conditions': [{'type': 'Ready', 'status': 'True'}, "
         "{'type': 'Open', 'status': 'True'}, {'type': 'Capacity', 'status': 'False', 'reason': "
         "'NoCapacity', 'message': 'p4d.24xlarge: no capacity'}]}}");
    scene.wanted = "d/a";
    take(&scene, GS_SCENE_PODS, POD("a", GATE, "3g.20gb", ""));
    settle(&scene);
    assert_int_equal(gs_case_make(&scene, scene.object, &of, NULL), 0);
    assert_int_equal(of.decision.what, GS_DECIDE_BUY);
    assert_int_equal(of.n_help, 1);
    assert_string_equal(of.help[0], "SlicePool p: p4d.24xlarge: no capacity");
    gs_scene_done(&scene);
}

/* As the controller, which does not count on it. */
static void why__buys_nothing_where_karpenter_cannot_use_the_node_class(void **state)
{
    static const char *const decisions[] = {"Decision now: buy\n", "Decision now: wait\n"};
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(decisions); i++) {
        struct gs_scene scene;
        struct gs_case of;
        struct gs_buf out;
        char pool[600];
        snprintf(pool, sizeof(pool),
                 "{'metadata': {'name': 'p'}, 'spec': {'nodeClassRef': {'name': 'x'}, "
                 "'instanceTypes': ['p4d.24xlarge']}, 'status': {'conditions': [{'type': 'Open', "
                 "'status': '%s', 'reason': 'NodeClassNotReady', 'message': 'it is not there'}]}}",
                 i == 0 ? "True" : "False");
        gs_buf_init(&out, 1 << 20);
        gs_scene_init(&scene, NULL);
        scene.asked_region = "us-east-1";
        scene.real_us = REAL_US;
        take(&scene, GS_SCENE_LEASES, LEASE("2026-01-01T00:00:59Z"));
        take(&scene, GS_SCENE_SLICEPOOLS, pool);
        scene.wanted = "d/a";
        take(&scene, GS_SCENE_PODS, POD("a", GATE, "3g.20gb", ""));
        settle(&scene);
        assert_int_equal(gs_case_make(&scene, scene.object, &of, NULL), 0);
        const struct gs_why_answer answer = {.of = &of};
        gs_why_put_text(&answer, false, &out);
        if (strstr(gs_buf_text(&out), decisions[i]) == NULL ||
            (strstr(gs_buf_text(&out), "SlicePool p: it is not there") != NULL) != (i == 1)) {
            fail_msg("case %zu:\n%s", i, gs_buf_text(&out));
        }
        gs_buf_done(&out);
        gs_scene_done(&scene);
    }
}

static void why__names_a_lease_that_nobody_renews(void **state)
{
    (void)state;
    struct gs_scene scene;
    struct gs_case of;
    fill(&scene);
    scene.lease.renewed_us = REAL_US - 16000000;
    scene.wanted = "d/a";
    take(&scene, GS_SCENE_PODS, POD("a", GATE, "3g.20gb", ""));
    settle(&scene);
    assert_false(gs_scene_is_led(&scene));
    assert_int_equal(gs_case_make(&scene, scene.object, &of, NULL), 0);
    assert_int_equal(of.n_help, 1);
    assert_non_null(strstr(of.help[0], "Lease g/gpuslice-controller was last renewed 16 s ago"));
    assert_non_null(strstr(of.help[0], "gpuslice ungate d/a"));
    gs_scene_done(&scene);
}

static void why__keeps_the_latest_events_in_their_order(void **state)
{
    (void)state;
    struct gs_why_answer answer = {.n_events = 0};
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 20);
    for (unsigned i = 0; i < GS_WHY_EVENTS_MAX + 10; i++) {
        char text[200];
        snprintf(text, sizeof(text),
                 "{'reason': 'R%u', 'message': 'm\\nn', 'lastTimestamp': "
                 "'2026-01-01T00:%02u:%02uZ', 'count': 2}",
                 i, (i * 7 % 74) / 60, (i * 7 % 74) % 60);
        json_t *object = json_text(text);
        assert_int_equal(gs_why_take_event(&answer, &arena, object, NULL), 0);
        json_decref(object);
    }
    json_t *odd = json_text("{'reason': 5}");
    assert_int_equal(gs_why_take_event(&answer, &arena, odd, NULL), 0);
    json_decref(odd);
    assert_int_equal(answer.n_events, GS_WHY_EVENTS_MAX);
    for (unsigned i = 1; i < answer.n_events; i++) {
        assert_true(answer.events[i - 1].at_us <= answer.events[i].at_us);
    }
    assert_true(answer.events[GS_WHY_EVENTS_MAX - 1].at_us == 1767225673000000ull);
    gs_arena_done(&arena);
}

/* ---- status ---- */

static void status__puts_what_is_wrong_first(void **state)
{
    (void)state;
    struct gs_scene scene;
    struct gs_texts none = {.n = 0};
    struct gs_status status = {.scene = &scene, .named = &none};
    struct gs_err err = {.msg = ""};
    struct gs_buf out;
    gs_buf_init(&out, 1 << 20);
    fill(&scene);
    take(&scene, GS_SCENE_PODS, POD("a", GATE, "3g.20gb", ""));
    take(&scene, GS_SCENE_SLICEPOOLS,
         "{'metadata': {'name': 'p'}, 'spec': {'nodeClassRef': {'name': 'x'}, 'instanceTypes': "
         "['p4d.24xlarge'], 'limits': {'gpus': 8, 'usdPerHour': '30'}}, 'status': {'gpus': 8, "
         "'usdPerHour': '21.96', 'conditions': [{'type': 'Ready', 'status': 'True'}, {'type': "
         "'Open', 'status': 'False', 'reason': 'LimitsReached', 'message': 'no more'}]}}");
    take(&scene, GS_SCENE_SLICEPOOLS, "{'metadata': {'name': 'q'}, 'spec': {}}");
    settle(&scene);
    if (gs_status_make(&status, &err) != 0) {
        fail_msg("%s", err.msg);
    }
    gs_status_put_text(&status, false, &out);
    const char *text = gs_buf_text(&out);
    static const char *const parts[] = {
        "! the agent of node n3 is silent for 61 min: what is shown of it is as old, and\n"
        "  nothing is re-cut there\n"
        "! SlicePool p: LimitsReached: no more\n",
        "left out: 1 objects that cannot be understood",
        "cluster     3 nodes with GPUs: 3 GPUs, 5 slices, 1 in use, 4 idle, 0 promised; 1 pod "
        "waiting\n"
        "controller  one decides, Lease g/gpuslice-controller renewed 1 s ago\n"
        "webhook     none: pods come without the gate\n",
        "NODE  STATE         GPUS           SLICES  HELD  IDLE  PROMISED  POOL  AGENT  SEEN\n"
        "n1    ready         1 x A100-40GB       2     1     1         0  -     0.1.0  10 s ago\n",
        "n3    agent silent  1 x A100-40GB       1     0     1         0  -     0.1.0  61 min ago\n",
        "  GPU 0  |3g.20gb!       |3g.20gb        |\n"
        "         3g.20gb@0 d/web\n",
        "p          yes    no           0     8      8  21.96     30\n",
        "d/a    12 s  3g.20gb   ours  book  node n1 has what it asks for free: 3g.20gb\n",
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(parts); i++) {
        const char *at = strstr(text, parts[i]);
        if (at == NULL) {
            fail_msg("not there, or not in this order:\n%s\nin:\n%s", parts[i], gs_buf_text(&out));
        } else {
            text = at;
        }
    }
    gs_buf_done(&out);
    gs_scene_done(&scene);
}

static void status__of_nothing_is_no_failure(void **state)
{
    (void)state;
    struct gs_scene scene;
    struct gs_texts none = {.n = 0};
    struct gs_status status = {.scene = &scene, .named = &none};
    struct gs_buf out;
    struct gs_result result;
    gs_buf_init(&out, 1 << 20);
    gs_result_init(&result);
    gs_scene_init(&scene, NULL);
    settle(&scene);
    assert_int_equal(gs_status_make(&status, NULL), 0);
    gs_status_put_text(&status, true, &out);
    gs_status_put_doc(&status, &result);
    assert_true(gs_buf_ok(&out) && gs_result_ok(&result));
    assert_non_null(strstr(gs_buf_text(&out), "there is no Lease gpuslice-controller"));
    gs_result_done(&result);
    gs_buf_done(&out);
    gs_scene_done(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words__of_a_pod_are_understood_as_kubectl_has_them),
        cmocka_unit_test(ages__are_short),
        cmocka_unit_test(wrapping__keeps_lines_short_and_terminals_safe),
        cmocka_unit_test(advice__is_given_for_what_can_be_done_about),
        cmocka_unit_test(why__has_a_text_for_each_pod),
        cmocka_unit_test(why__says_who_would_make_way_where_both_sides_agree),
        cmocka_unit_test(why__says_that_a_slicepool_bounds_what_a_node_is_cut_into),
        cmocka_unit_test(why__says_what_the_cloud_has_not_got),
        cmocka_unit_test(why__buys_nothing_where_karpenter_cannot_use_the_node_class),
        cmocka_unit_test(why__names_a_lease_that_nobody_renews),
        cmocka_unit_test(why__keeps_the_latest_events_in_their_order),
        cmocka_unit_test(status__puts_what_is_wrong_first),
        cmocka_unit_test(status__of_nothing_is_no_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
