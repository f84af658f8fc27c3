/* Actions of two requests, against a scripted API server: who does not decide any more when the
 * first was answered does not send the second. */
#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "controller/act/act.h"
#include "kube/api.h"
#include "unit/net/loop.h"
#include "unit/wire/json_text.h"
#include "wire/kubemove.h"
#include "wire/kubewait.h"

enum { WAIT_MS = 30000 };

#define PODS "/api/v1/namespaces/d/pods"
#define WAITS                                                                                      \
    "{\"metadata\":{\"namespace\":\"d\",\"name\":\"a\",\"uid\":\"u-a\"},\"spec\":{"                \
    "\"schedulingGates\":[{\"name\":\"" GS_KUBEWAIT_GATE                                           \
    "\"}],\"containers\":[{\"name\":\"c\",\"resources\":{\"limits\":{\"nvidia.com/mig-1g.5gb\":"   \
    "\"1\"}}}]},\"status\":{\"phase\":\"Pending\"}}"
#define NODE                                                                                       \
    "{\"metadata\":{\"name\":\"n1\",\"uid\":\"u-n1\"},\"status\":{\"allocatable\":{"               \
    "\"nvidia.com/mig-1g.5gb\":\"1\"}}}"

static struct bed {
    sd_event *event;
    struct api api;
    struct gs_kube *kube;
    struct gs_store store;
    struct gs_act *act;
    bool decides;
    bool again;
    struct gs_act_moved moved;
    char why[300];
} bed;

static bool decides(void *ctx)
{
    (void)ctx;
    return bed.decides;
}

static void on_again(void *ctx)
{
    (void)ctx;
    bed.again = true;
}

static void on_moved(void *ctx, const struct gs_act_moved *answer)
{
    (void)ctx;
    bed.moved = *answer;
    snprintf(bed.why, sizeof(bed.why), "%s", answer->why);
}

static int set_up(void **state)
{
    struct gs_err err = {.msg = ""};
    (void)state;
    memset(&bed, 0, sizeof(bed));
    bed.decides = true;
    assert_true(sd_event_new(&bed.event) >= 0);
    api_start(&bed.api, bed.event);
    const struct gs_kube_options kube = {.event = bed.event,
                                         .kubeconfig = api_kubeconfig(&bed.api, NULL)};
    assert_int_equal(gs_kube_new(&kube, &bed.kube, &err), 0);
    gs_store_init(&bed.store);
    const struct gs_act_options act = {.kube = bed.kube,
                                       .store = &bed.store,
                                       .instance = "test",
                                       .decides = decides,
                                       .again = on_again,
                                       .moved = on_moved};
    assert_int_equal(gs_act_new(&act, &bed.act, &err), 0);
    json_t *pod = json_text(WAITS);
    json_t *node = json_text(NODE);
    assert_int_equal(gs_store_node(&bed.store, node, false, NULL), 0);
    assert_int_equal(gs_store_pod(&bed.store, pod, false, 1, NULL), 0);
    json_decref(node);
    api_must(&bed.api, "POST", PODS, "application/json", pod);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gs_act_free(bed.act);
    gs_store_done(&bed.store);
    gs_kube_free(bed.kube);
    api_stop(&bed.api);
    sd_event_unref(bed.event);
    return 0;
}

static struct gs_store_pod *waits(void)
{
    struct gs_store_pod *pod = gs_store_find_pod(&bed.store, "d/a");
    assert_non_null(pod);
    assert_non_null(pod->waiting);
    return pod;
}

/* Whose turn it is changes while the first request is under way. */
static void move(bool still_decides)
{
    static const struct gs_kubemove asked = {
        .pod = "d/v",
        .uid = "u-v",
        .owner = "d/ReplicaSet/v",
        .from = "n1",
        .gpu = "GPU-1",
        .to = "n2",
        .slice = {.compute_slices = 1, .gpu_slices = 1, .memory_gb = 5},
        .at_us = 1768000000000000};
    gs_act_move(bed.act, waits(), &asked);
    bed.decides = still_decides;
    loop_until(bed.event, &bed.again, WAIT_MS);
}

static void act__a_move_is_noted_and_then_the_pod_is_evicted(void **state)
{
    (void)state;
    move(true);
    assert_int_equal(api_seen(&bed.api, "PATCH " PODS "/a"), 1);
    assert_int_equal(api_seen(&bed.api, "POST " PODS "/v/eviction"), 1);
    assert_int_equal(bed.moved.end, GS_ACT_MOVED); /* there is no such pod any more */
}

static void act__who_decides_no_more_evicts_nobody(void **state)
{
    (void)state;
    move(false);
    assert_int_equal(api_seen(&bed.api, "PATCH " PODS "/a"), 1);
    assert_int_equal(api_seen(&bed.api, "POST " PODS "/v/eviction"), 0);
    assert_int_equal(bed.moved.end, GS_ACT_MOVE_REFUSED);
    assert_string_equal(bed.why, "another controller decides by now");
    assert_int_equal(gs_act_counts(bed.act).evicted, 0);
}

static void act__who_decides_no_more_lifts_no_gate(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        bed.again = false;
        gs_act_book(bed.act, waits(), gs_store_find_node(&bed.store, "n1"));
        bed.decides = i > 0;
        loop_until(bed.event, &bed.again, WAIT_MS);
        assert_int_equal(api_seen(&bed.api, "PATCH " PODS "/a/status"), i + 1);
        assert_int_equal(api_seen(&bed.api, "PATCH " PODS "/a"), 2 * i + 1); /* both */
    }
}

static void act__reasons_that_take_turns_are_told_once_each(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        gs_act_say(bed.act, waits(), false, i % 2 == 0 ? "WaitsForRecut" : "Recutting", "Wait",
                   i % 2 == 0 ? "one" : "other");
    }
    assert_int_equal(gs_act_counts(bed.act).events, 2);
    gs_act_say(bed.act, waits(), false, "SliceBooked", "Book", "news");
    assert_int_equal(gs_act_counts(bed.act).events, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(act__reasons_that_take_turns_are_told_once_each, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(act__a_move_is_noted_and_then_the_pod_is_evicted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(act__who_decides_no_more_evicts_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(act__who_decides_no_more_lifts_no_gate, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
