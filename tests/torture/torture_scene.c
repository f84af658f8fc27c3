/* The commands on a cluster: what is read of it, one pod's case, the whole status. */
#include "torture/torture.h"

#include <jansson.h>
#include <string.h>

#include "cli/cluster/case.h"
#include "cli/cluster/status.h"

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
    scene->wanted = "d/w";
    for (size_t i = 0; r == 0 && i < sizeof(shows) / sizeof(shows[0]); i++) {
        r = gs_scene_take(scene, shows[i].kind, objects[i], err);
    }
    return r == 0 ? gs_scene_settle(scene, err) : r;
}

/* Cases and status without their texts: lines of those have bounds of their own. */
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
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
