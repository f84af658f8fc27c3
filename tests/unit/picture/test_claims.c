/* What volumes of pods require, asked of an API server that answers, refuses, or is slow. */
#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "cluster/kube.h"
#include "kube/api.h"
#include "picture/claims.h"
#include "unit/net/loop.h"
#include "unit/wire/json_text.h"

#define PVC(name) "GET /api/v1/namespaces/d/persistentvolumeclaims/" name
#define BOUND                                                                                      \
    "{\"metadata\":{\"name\":\"data\",\"annotations\":{\"pv.kubernetes.io/bind-completed\":"       \
    "\"yes\"}},\"spec\":{\"volumeName\":\"pv\"}}"
#define ZONAL                                                                                      \
    "{\"metadata\":{\"name\":\"pv\"},\"spec\":{\"nodeAffinity\":{\"required\":{"                   \
    "\"nodeSelectorTerms\":[{\"matchExpressions\":[{\"key\":\"topology.kubernetes.io/zone\","      \
    "\"operator\":\"In\",\"values\":[\"a\"]}]}]}}}}"

struct world {
    sd_event *event;
    struct api api;
    struct gs_kube *kube;
    struct gs_store store;
    struct gs_claims *claims;
    unsigned changes;
};

static void on_changed(void *ctx)
{
    struct world *world = ctx;
    world->changes++;
}

static void begin(struct world *world)
{
    *world = (struct world){.changes = 0};
    assert_true(sd_event_new(&world->event) >= 0);
    api_start(&world->api, world->event);
    const struct gs_kube_options kube = {.event = world->event,
                                         .kubeconfig = api_kubeconfig(&world->api, NULL),
                                         .user_agent = "test/1"};
    assert_int_equal(gs_kube_new(&kube, &world->kube, NULL), 0);
    gs_store_init(&world->store);
    const struct gs_claims_options claims = {
        .kube = world->kube, .store = &world->store, .changed = on_changed, .ctx = world};
    assert_int_equal(gs_claims_new(&claims, &world->claims, NULL), 0);
}

static void end(struct world *world)
{
    gs_claims_free(world->claims);
    gs_store_done(&world->store);
    gs_kube_free(world->kube);
    api_stop(&world->api);
    sd_event_unref(world->event);
}

static struct gs_store_pod *give(struct world *world, const char *name, bool gone)
{
    char text[600];
    char key[100];
    snprintf(text, sizeof(text),
             "{'metadata':{'namespace':'d','name':'%s','uid':'u-%s'},'spec':{'schedulingGates':[{"
             "'name':'gpuslice.dev/slice'}],'volumes':[{'name':'v','persistentVolumeClaim':{"
             "'claimName':'data'}}],'containers':[{'name':'c','resources':{'limits':{"
             "'nvidia.com/mig-1g.5gb':'1'}}}]},'status':{'phase':'Pending'}}",
             name, name);
    json_t *object = json_text(text);
    assert_int_equal(gs_store_pod(&world->store, object, gone, 1, NULL), 0);
    json_decref(object);
    snprintf(key, sizeof(key), "d/%s", name);
    return gs_store_find_pod(&world->store, key);
}

static uint64_t now_of(struct world *world)
{
    uint64_t at = 0;
    assert_true(sd_event_now(world->event, CLOCK_MONOTONIC, &at) >= 0);
    return at;
}

static void wait_for_all(struct world *world)
{
    while (gs_claims_under_way(world->claims) > 0) {
        assert_true(sd_event_run(world->event, UINT64_MAX) >= 0);
    }
}

/* So often; what nobody has told of is not there. */
static void answer(struct world *world, const char *match, unsigned times, unsigned status,
                   const char *body)
{
    api_script(&world->api,
               "{\"faults\":[{\"match\":\"%s\",\"times\":%u,\"status\":%u,\"body\":%s}]}", match,
               times, status, body);
}

static void claims__and_their_volumes_are_read_once_while_they_are_fresh(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    struct gs_store_pod *pod = give(&world, "a", false);
    answer(&world, PVC("data"), 1, 200, BOUND);
    answer(&world, "GET /api/v1/persistentvolumes/pv", 1, 200, ZONAL);
    assert_true(gs_claims_look(world.claims, pod, now_of(&world)));
    assert_true(gs_claims_look(world.claims, pod, now_of(&world)));
    assert_int_equal(gs_claims_under_way(world.claims), 1);
    pod = give(&world, "a", false); /* the watch shows it again meanwhile */
    wait_for_all(&world);
    assert_int_equal(world.changes, 1);
    assert_string_equal(pod->waiting->volumes.of->says, "its volume data is in zone a");
    assert_int_equal(gs_store_constraint(pod->waiting)->selector.n_requirements, 1);
    assert_true(gs_claims_look(world.claims, pod, now_of(&world)));
    assert_int_equal(gs_claims_under_way(world.claims), 0);
    assert_true(gs_claims_look(world.claims, pod, pod->waiting->volumes.again_us));
    assert_int_equal(gs_claims_under_way(world.claims), 1);
    end(&world); /* and with one under way it ends */
}

static void claims__that_are_not_there_are_asked_for_soon_and_then_seldom(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    struct gs_store_pod *pod = give(&world, "a", false);
    uint64_t rests[8];
    for (size_t i = 0; i < 8; i++) {
        assert_true(gs_claims_look(world.claims, pod, pod->waiting->volumes.again_us));
        wait_for_all(&world);
        rests[i] = pod->waiting->volumes.again_us - now_of(&world);
        assert_non_null(strstr(pod->waiting->volumes.of->waits, "data is not there"));
    }
    assert_true(rests[0] <= 500000 && rests[7] > 8000000 && rests[7] <= 16000000);
    end(&world);
}

static void claims__that_may_not_be_read_are_told_and_what_was_known_stays(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    struct gs_store_pod *pod = give(&world, "a", false);
    struct gs_store_pod *other = give(&world, "b", false);
    answer(&world, PVC("data"), 1, 200, BOUND);
    answer(&world, "GET /api/v1/persistentvolumes/pv", 1, 200, ZONAL);
    assert_true(gs_claims_look(world.claims, pod, now_of(&world)));
    wait_for_all(&world);
    answer(&world, PVC("data"), 2, 403,
           "{\"kind\":\"Status\",\"code\":403,\"reason\":\"Forbidden\",\"message\":\"no right\"}");
    assert_true(gs_claims_look(world.claims, pod, pod->waiting->volumes.again_us));
    assert_true(gs_claims_look(world.claims, other, now_of(&world)));
    wait_for_all(&world);
    assert_non_null(strstr(other->waiting->volumes.of->unread, "no right"));
    assert_string_equal(pod->waiting->volumes.of->says, "its volume data is in zone a");
    assert_null(pod->waiting->volumes.of->unread);
    end(&world);
}

static void claims__of_a_pod_that_goes_meanwhile_are_forgotten(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    struct gs_store_pod *pod = give(&world, "a", false);
    assert_true(gs_claims_look(world.claims, pod, now_of(&world)));
    (void)give(&world, "a", true);
    wait_for_all(&world);
    assert_null(gs_store_find_pod(&world.store, "d/a"));
    assert_int_equal(world.changes, 1);
    end(&world);
}

static void claims__of_so_many_pods_at_once_and_of_others_then(void **state)
{
    struct world world;
    char name[20];
    unsigned begun = 0;
    (void)state;
    begin(&world);
    for (unsigned i = 0; i < GS_CLAIMS_AT_ONCE + 3; i++) {
        snprintf(name, sizeof(name), "p%u", i);
        begun += gs_claims_look(world.claims, give(&world, name, false), now_of(&world));
    }
    assert_int_equal(begun, GS_CLAIMS_AT_ONCE);
    wait_for_all(&world);
    for (const struct gs_store_waiting *one = world.store.waiting; one != NULL; one = one->next) {
        assert_true(gs_claims_look(world.claims, one->of, 0));
    }
    assert_int_equal(gs_claims_under_way(world.claims), 3);
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claims__and_their_volumes_are_read_once_while_they_are_fresh),
        cmocka_unit_test(claims__that_are_not_there_are_asked_for_soon_and_then_seldom),
        cmocka_unit_test(claims__that_may_not_be_read_are_told_and_what_was_known_stays),
        cmocka_unit_test(claims__of_a_pod_that_goes_meanwhile_are_forgotten),
        cmocka_unit_test(claims__of_so_many_pods_at_once_and_of_others_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
