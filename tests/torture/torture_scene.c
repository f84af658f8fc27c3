/* The commands on a cluster: what is read of it, one pod's case, the whole status. */
#include "torture/torture.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/cluster/case.h"
#include "cli/cluster/status.h"
#include "cli/cluster/why.h"

/* What the API server has, in the order in which it is listed. */
static const struct {
    enum gs_scene_kind kind;
    const char *text;
} shows[] = {
    {GS_SCENE_NODES,
     "{\"metadata\":{\"name\":\"n1\",\"uid\":\"1\",\"labels\":{\"gpuslice.dev/slicepool\":\"p\"}},"
     "\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}],\"allocatable\":{\"cpu\":"
     "\"8\",\"memory\":\"8Gi\",\"pods\":\"9\",\"nvidia.com/mig-1g.5gb\":\"2\"}}}"},
    {GS_SCENE_GPUNODES,
     "{\"metadata\":{\"name\":\"n1\",\"resourceVersion\":\"5\"},\"status\":{\"agent\":\"1\",\"seen\":"
     "\"2026-01-01T00:00:00Z\",\"gpus\":[{\"uuid\":\"GPU-1\",\"model\":\"A100-40GB\",\"mig\":true,"
     "\"healthy\":true,\"index\":0,\"revision\":1,\"slices\":[{\"profile\":\"1g.5gb\",\"start\":0,"
     "\"size\":1,\"state\":\"Held\",\"plain\":true,\"resource\":\"nvidia.com/mig-1g.5gb\",\"holder\":{"
     "\"namespace\":\"d\",\"name\":\"v\"}},{\"profile\":\"1g.5gb\",\"start\":4,\"size\":1,\"state\":"
     "\"Free\",\"plain\":true,\"resource\":\"nvidia.com/mig-1g.5gb\"}]}]}}"},
    {GS_SCENE_SLICEPOOLS,
     "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"nodeClassRef\":{\"name\":\"x\"},\"instanceTypes\":["
     "\"p4d.24xlarge\"],\"moves\":\"optIn\"}}"},
    {GS_SCENE_LEASES,
     "{\"metadata\":{\"name\":\"gpuslice-controller\",\"namespace\":\"g\"},\"spec\":{"
     "\"holderIdentity\":\"one\",\"leaseDurationSeconds\":15,\"renewTime\":"
     "\"2026-01-01T00:00:00Z\"}}"},
    {GS_SCENE_PODS,
     "{\"metadata\":{\"name\":\"v\",\"namespace\":\"d\",\"uid\":\"u-v\",\"annotations\":{"
     "\"gpuslice.dev/move\":\"allow\"},\"ownerReferences\":[{\"kind\":\"ReplicaSet\",\"name\":\"web\","
     "\"controller\":true}]},\"spec\":{\"nodeName\":\"n1\",\"containers\":[{\"name\":\"c\","
     "\"resources\":{\"limits\":{\"nvidia.com/mig-1g.5gb\":\"1\"}}}]},\"status\":{\"phase\":"
     "\"Running\"}}"},
    {GS_SCENE_PODS,
     "{\"metadata\":{\"name\":\"w\",\"namespace\":\"d\",\"uid\":\"u-w\"},\"spec\":{"
     "\"schedulingGates\":[{\"name\":\"gpuslice.dev/slice\"}],\"containers\":[{\"name\":\"c\","
     "\"resources\":{\"limits\":{\"nvidia.com/mig-3g.20gb\":\"1\"}}}]},\"status\":{\"phase\":"
     "\"Pending\"}}"},
    {GS_SCENE_PODS,
     "{\"metadata\":{\"name\":\"a\",\"namespace\":\"d\",\"uid\":\"u-a\"},\"spec\":{\"priority\":7,"
     "\"schedulingGates\":[{\"name\":\"gpuslice.dev/slice\"}],\"containers\":[{\"name\":\"c\","
     "\"resources\":{\"limits\":{\"nvidia.com/mig-1g.5gb\":\"1\"}}}]},\"status\":{\"phase\":"
     "\"Pending\"}}"},
};

static json_t *objects[sizeof(shows) / sizeof(shows[0])];

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(shows) / sizeof(shows[0]); i++) {
        objects[i] = json_loads(shows[i].text, 0, NULL);
        assert_non_null(objects[i]);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(shows) / sizeof(shows[0]); i++) {
        json_decref(objects[i]);
    }
    return 0;
}

static int fill(struct gs_scene *scene, struct gs_err *err)
{
    int r = 0;
    gs_scene_init(scene, NULL);
    scene->real_us = 1767225660000000ull; /* 2026-01-01T00:01:00Z: ages are the same each time */
    scene->wanted = "d/w";
    for (size_t i = 0; r == 0 && i < sizeof(shows) / sizeof(shows[0]); i++) {
        r = gs_scene_take(scene, shows[i].kind, objects[i], err);
    }
    return r == 0 ? gs_scene_settle(scene, err) : r;
}

/* Cases and status without their texts. */
static int make_case(struct gs_err *err)
{
    struct gs_scene scene;
    struct gs_case of;
    int r = fill(&scene, err);
    r = r == 0 ? gs_case_make(&scene, scene.object, &of, err) : r;
    gs_scene_done(&scene);
    return r;
}

static int make_status(struct gs_err *err)
{
    struct gs_scene scene;
    struct gs_texts none = {.n = 0};
    struct gs_status status = {.scene = &scene, .named = &none};
    int r = fill(&scene, err);
    r = r == 0 ? gs_status_make(&status, err) : r;
    gs_scene_done(&scene);
    return r;
}

/* ---- texts: whole, or none ---- */

#define SAID_MAX ((size_t)1 << 16)

static char whole[SAID_MAX]; /* as it reads where every request succeeds; "": not made yet */

static int settle_text(const struct gs_buf *text, const struct gs_result *doc, struct gs_err *err)
{
    static char said[SAID_MAX];
    if (!gs_buf_ok(text) || !gs_result_ok(doc)) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the text");
    }
    assert_true(text->len < SAID_MAX / 2);
    memcpy(said, gs_buf_text(text), text->len);
    size_t n = json_dumpb(doc->root, said + text->len, SAID_MAX - text->len - 1, JSON_COMPACT);
    assert_true(n > 0 && n < SAID_MAX - text->len - 1);
    said[text->len + n] = '\0';
    if (whole[0] == '\0') {
        memcpy(whole, said, sizeof(whole));
    }
    size_t k = 0;
    while (said[k] == whole[k] && said[k] != '\0') {
        k++;
    }
    if (said[k] != whole[k]) {
        fail_msg("from here on: %.200s\nin place of: %.200s", said + k, whole + k);
    }
    return 0;
}

static int say_case(struct gs_err *err)
{
    struct gs_scene scene;
    struct gs_case of;
    struct gs_why_answer answer = {.of = &of, .n_events = 1};
    struct gs_buf out;
    struct gs_result doc;
    answer.events[0] = (struct gs_why_event){.reason = "NoSlice", .message = "no room", .count = 2};
    gs_buf_init(&out, 1 << 20);
    gs_result_init(&doc);
    int r = fill(&scene, err);
    r = r == 0 ? gs_case_make(&scene, scene.object, &of, err) : r;
    if (r == 0) {
        gs_why_put_text(&answer, false, &out);
        gs_why_put_doc(&answer, &doc);
        r = settle_text(&out, &doc, err);
    }
    gs_result_done(&doc);
    gs_buf_done(&out);
    gs_scene_done(&scene);
    return r;
}

static int say_status(struct gs_err *err)
{
    struct gs_scene scene;
    struct gs_texts none = {.n = 0};
    struct gs_status status = {.scene = &scene, .named = &none};
    struct gs_buf out;
    struct gs_result doc;
    gs_buf_init(&out, 1 << 20);
    gs_result_init(&doc);
    int r = fill(&scene, err);
    r = r == 0 ? gs_status_make(&status, err) : r;
    if (r == 0) {
        gs_status_put_text(&status, false, &out);
        gs_status_put_doc(&status, &doc);
        r = settle_text(&out, &doc, err);
    }
    gs_result_done(&doc);
    gs_buf_done(&out);
    gs_scene_done(&scene);
    return r;
}

static void say_each_way(torture_heap_scenario *say, unsigned least)
{
    struct gs_err err = {.msg = ""};
    whole[0] = '\0';
    assert_int_equal(say(&err), 0);
    assert_true(strlen(whole) > 300);
    assert_true(torture_heap(say, 1) > least);
}

static void torture__why_says_all_of_it_or_that_it_cannot(void **state)
{
    (void)state;
    say_each_way(say_case, 25);
}

static void torture__status_says_all_of_it_or_that_it_cannot(void **state)
{
    (void)state;
    say_each_way(say_status, 25);
}

static void torture__a_case_survives_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_heap(make_case, 1) > 20);
}

static void torture__status_survives_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_heap(make_status, 1) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__a_case_survives_each_failed_request),
        cmocka_unit_test(torture__status_survives_each_failed_request),
        cmocka_unit_test(torture__why_says_all_of_it_or_that_it_cannot),
        cmocka_unit_test(torture__status_says_all_of_it_or_that_it_cannot),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
