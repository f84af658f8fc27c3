/* What the commands on a cluster say of SlicePools: whose prices, which limits. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
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

static void region__is_the_first_that_is_said(void **state)
{
    static const struct {
        struct gs_region_sources of;
        const char *name;
        enum gs_region_from from;
    } cases[] = {
        {{"a", "b", true, "c", "d"}, "a", GS_REGION_GIVEN},
        {{NULL, "b", true, "c", "d"}, "b", GS_REGION_CONTROLLER},
        {{"", "", true, "c", "d"}, "c", GS_REGION_NODE},
        {{NULL, NULL, false, NULL, "d"}, "d", GS_REGION_ENV},
        /* the controller knows of none, and AWS_REGION of this shell does not help it */
        {{NULL, NULL, true, NULL, "d"}, "", GS_REGION_NOWHERE},
        {{NULL, NULL, false, NULL, NULL}, "", GS_REGION_NOWHERE},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        const struct gs_region got = gs_region_choose(&cases[i].of);
        if (strcmp(got.name, cases[i].name) != 0 || got.from != cases[i].from) {
            fail_msg("case %zu: \"%s\" from %d", i, got.name, (int)got.from);
        }
    }
}

#define POOL(limits, status)                                                                       \
    "{'metadata': {'name': 'p'}, 'spec': {'nodeClassRef': {'name': 'x'}, 'instanceTypes': "        \
    "['p4d.24xlarge'], 'limits': {" limits "}}, 'status': {" status "}}"
#define NODE(labels)                                                                               \
    "{'metadata': {'name': 'n', 'uid': 'u', 'labels': {" labels "}}, 'status': {'conditions': [{'" \
    "type': 'Ready', 'status': 'True'}], 'allocatable': {'cpu': '8', 'memory': '64Gi', 'pods': "   \
    "'110'}}}"
#define IN(region) "'topology.kubernetes.io/region': '" region "'"

static void status__says_whose_prices_count(void **state)
{
    static const struct {
        const char *asked, *env, *pool, *node, *says;
    } cases[] = {
        {NULL, NULL, POOL("", "'region': 'eu-west-1', 'controller': '0.1.0'"),
         NODE(IN("us-east-1")), "\nprices      of eu-west-1: the controller's\n"},
        {"us-east-2", NULL, POOL("", "'region': 'eu-west-1'"), NODE(""),
         "\nprices      of us-east-2: --region\n"},
        {NULL, "us-west-2", POOL("", ""), NODE(IN("us-east-1")),
         "\nprices      of us-east-1: a node's label\n"},
        {NULL, "us-west-2", POOL("", ""), NODE(""), "\nprices      of us-west-2: AWS_REGION\n"},
        {NULL, "us-west-2", POOL("", "'controller': '0.1.0'"), NODE(""),
         "\nprices      of no region that is known: --region\n"},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_scene scene;
        struct gs_texts none = {.n = 0};
        struct gs_status status = {.scene = &scene, .named = &none};
        struct gs_err err = {.msg = ""};
        struct gs_buf out;
        gs_buf_init(&out, 1 << 20);
        gs_scene_init(&scene, NULL);
        scene.real_us = REAL_US;
        scene.asked_region = cases[i].asked;
        scene.env_region = cases[i].env;
        take(&scene, GS_SCENE_NODES, cases[i].node);
        take(&scene, GS_SCENE_SLICEPOOLS, cases[i].pool);
        if (gs_scene_settle(&scene, &err) != 0 || gs_status_make(&status, &err) != 0) {
            fail_msg("%s", err.msg);
        }
        gs_status_put_text(&status, false, &out);
        if (strstr(gs_buf_text(&out), cases[i].says) == NULL) {
            fail_msg("case %zu:\n%s", i, gs_buf_text(&out));
        }
        gs_buf_done(&out);
        gs_scene_done(&scene);
    }
}

#define WAITS                                                                                      \
    "{'metadata': {'name': 'a', 'namespace': 'd', 'uid': 'u-a', 'resourceVersion': '7'}, 'spec': " \
    "{'schedulingGates': [{'name': 'gpuslice.dev/slice'}], 'containers': [{'name': 'c', "          \
    "'resources': {'limits': {'nvidia.com/mig-1g.5gb': '1'}}}]}, 'status': {'phase': 'Pending'}}"

static void why__names_the_limit_that_is_reached(void **state)
{
    static const struct {
        const char *pool, *says;
    } cases[] = {
        {POOL("'gpus': 12", "'region': 'us-east-1', 'gpus': 8, 'usdPerHour': '21.957642'"),
         "there is no node with GPUs; no node may be bought for it: SlicePool p: limits.gpus is 12, "
         "8 are there or on their way, 8 more are needed"},
        {POOL("'usdPerHour': '40'", "'region': 'us-east-1', 'gpus': 8, 'usdPerHour': '21.957642'"),
         "there is no node with GPUs; no node may be bought for it: SlicePool p: limits.usdPerHour is "
         "40, what is there or on its way costs 21.957642, 21.957642 more are needed"},
        {POOL("'gpus': 16", "'region': 'us-east-1', 'gpus': 8, 'usdPerHour': '21.957642'"),
         "there is no node with GPUs; a new p4d.24xlarge would hold it"},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_scene scene;
        struct gs_case of;
        struct gs_err err = {.msg = ""};
        gs_scene_init(&scene, NULL);
        scene.real_us = REAL_US;
        scene.wanted = "d/a";
        take(&scene, GS_SCENE_SLICEPOOLS, cases[i].pool);
        take(&scene, GS_SCENE_PODS, WAITS);
        if (gs_scene_settle(&scene, &err) != 0 ||
            gs_case_make(&scene, scene.object, &of, &err) != 0) {
            fail_msg("%s", err.msg);
        }
        assert_string_equal(of.decision.why, cases[i].says);
        gs_scene_done(&scene);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(region__is_the_first_that_is_said),
        cmocka_unit_test(status__says_whose_prices_count),
        cmocka_unit_test(why__names_the_limit_that_is_reached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
