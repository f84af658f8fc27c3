/* What a SlicePool says of its limits: in conditions, and to decisions. */
#include "unit/check.h"

#include <jansson.h>
#include <string.h>

#include "controller/pools/work.h"
#include "unit/controller/world.h"

#define FULL "limits.gpus is 8, 8 are there or on their way, 8 more are needed"

struct room {
    struct world world;
    struct gs_pools pools;
    struct gs_pools_owner *owner;
    struct gs_pools_part *parts[GS_KARPENTER_SHARES_MAX];
    size_t n;
};

/* A SlicePool of 8 GPUs at most whose one NodePool has one node of 8. */
static void begin(struct room *room, const char *warm)
{
    char spec[400];
    struct gs_err err = {.msg = ""};
    memset(room, 0, sizeof(*room));
    world_new(&room->world);
    room->pools.options.store = &room->world.store;
    room->pools.now_us = 1;
    memcpy(room->pools.region, "us-east-1", sizeof("us-east-1"));
    snprintf(spec, sizeof(spec),
             "{\"metadata\": {\"name\": \"gpus\", \"uid\": \"u1\"}, \"spec\": {\"nodeClassRef\": "
             "{\"name\": \"c\"}, \"instanceTypes\": [\"p4d.24xlarge\"], \"limits\": {\"gpus\": 8}, "
             "\"warm\": {%s}}}",
             warm);
    json_t *object = json_loads(spec, 0, NULL);
    assert_non_null(object);
    assert_int_equal(gs_pools_take(&room->pools, GS_POOLS_SLICEPOOLS, object, false, &err), 0);
    json_decref(object);
    room->owner = gs_map_find(&room->pools.owners, "gpus");
    assert_non_null(room->owner);
    assert_int_equal(gs_pools_make_offers(&room->pools, room->owner, &err), 0);
    for (unsigned i = 0; i < room->owner->pool.n_warm; i++) {
        room->owner->cold[i] = room->owner->pool.warm[i].count - 1;
    }
    room->owner->cold[0] = 2;
    assert_int_equal(gs_pools_plan(&room->pools, room->owner, &err), 0);
    room->pools.now_us += GS_POOLS_STAYS_US;
    assert_int_equal(gs_pools_plan(&room->pools, room->owner, &err), 0);
    room->n = gs_pools_parts_of(&room->pools, room->owner, room->parts);
    assert_true(room->n > 0);
    for (size_t i = 0; i < room->n; i++) {
        room->parts[i]->there = i == 0;
        room->parts[i]->planned = i == 0 ? 2 : 0;
    }
    room->owner->offers[0].max_nodes = 0;
}

static void end(struct room *room)
{
    gs_pools_forget_all(&room->pools);
    world_free(&room->world);
}

static void room__that_a_limit_leaves_not_is_said_with_its_numbers(void **state)
{
    struct room room;
    char text[GS_KARPENTER_LIMITS_MAX];
    (void)state;
    begin(&room, "\"1g.5gb\": 4");
    struct gs_offer *offer = &room.owner->offers[0];
    gs_pools_note_spent(room.owner, room.parts, room.n);
    assert_string_equal(offer->no_more, "SlicePool gpus: " FULL);
    assert_true(gs_pools_say_spent(room.owner, room.parts, room.n, text));
    assert_string_equal(text, FULL);
    room.owner->short_of_room = true;
    assert_true(gs_pools_say_short(room.owner, room.parts, room.n, text));
    assert_string_equal(text, "limits.gpus is 8, 8 are there or on their way, 16 more are needed");
    gs_pools_say_no_room(room.owner, room.parts, room.n, room.parts[0]);
    assert_string_equal(room.parts[0]->closed, text);
    end(&room);
}

static void room__that_there_is_is_not_said_to_lack(void **state)
{
    struct room room;
    char text[GS_KARPENTER_LIMITS_MAX];
    (void)state;
    begin(&room, "\"1g.5gb\": 4");
    room.owner->pool.gpus_limit = UINT64_MAX;
    gs_pools_note_spent(room.owner, room.parts, room.n);
    assert_null(room.owner->offers[0].no_more); /* it is not for the limits */
    assert_false(gs_pools_say_spent(room.owner, room.parts, room.n, text));
    room.owner->short_of_room = true;
    assert_false(gs_pools_say_short(room.owner, room.parts, room.n, text));
    gs_pools_say_no_room(room.owner, room.parts, room.n, room.parts[0]);
    assert_non_null(strstr(room.parts[0]->closed, "other NodePools may still use it"));
    room.owner->pool.gpus_limit = 8;
    room.owner->short_of_room = false;
    assert_false(gs_pools_say_short(room.owner, room.parts, room.n, text));
    room.owner->offers[0].max_nodes = 1;
    gs_pools_note_spent(room.owner, room.parts, room.n);
    assert_null(room.owner->offers[0].no_more);
    end(&room);
}

static void warm__slices_out_of_reach_are_said_to_be(void **state)
{
    static const struct {
        const char *warm;
        uint32_t max_nodes;
        bool coming;
        const char *says;
    } cases[] = {
        {"\"1g.5gb\": 100", 0, false, "2 of 100 free 1g.5gb missing: " FULL},
        {"\"1g.5gb\": 100", 1, true,
         "2 of 100 free 1g.5gb missing: a node for them is being bought"},
        {"\"1g.5gb\": 100, \"1g.24gb\": 3", 0, false,
         "2 of 100 free 1g.5gb missing: " FULL
         "; 2 of 3 free 1g.24gb missing: none of its instance types has such slices"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct room room;
        char text[GS_POOLS_TEXT_MAX];
        bool coming = !cases[i].coming;
        begin(&room, cases[i].warm);
        room.owner->offers[0].max_nodes = cases[i].max_nodes;
        for (size_t k = 0; k < room.n; k++) {
            room.parts[k]->closed = "";
        }
        assert_true(gs_pools_say_cold(room.owner, room.parts, room.n, text, &coming));
        assert_string_equal(text, cases[i].says);
        assert_int_equal(coming, cases[i].coming);
        memset(room.owner->cold, 0, sizeof(room.owner->cold));
        assert_false(gs_pools_say_cold(room.owner, room.parts, room.n, text, &coming));
        end(&room);
    }
}

static void see_in(struct room *room, const char *name_space, const char *name, const char *version,
                   bool gone)
{
    char image[100];
    snprintf(image, sizeof(image), "public.ecr.aws/karpenter/controller:%s", version);
    json_t *pod = json_pack("{s:{s:s, s:s, s:{s:s}}, s:{s:[{s:s}]}}", "metadata", "namespace",
                            name_space, "name", name, "labels", "app.kubernetes.io/name",
                            "karpenter", "spec", "containers", "image", image);
    assert_non_null(pod);
    gs_pools_see_pod(&room->pools, pod, gone);
    json_decref(pod);
}

static void see(struct room *room, const char *name, const char *version, bool gone)
{
    see_in(room, "kube-system", name, version, gone);
}

static void karpenter__that_is_too_old_is_given_nothing_to_buy_from(void **state)
{
    struct room room;
    (void)state;
    begin(&room, "\"1g.5gb\": 4");
    for (unsigned i = 0; i < GS_POOLS_NEEDED; i++) {
        room.pools.streams[i].listed = room.pools.streams[i].reachable = true;
    }
    assert_true(gs_pools_serve(&room.pools, room.owner)); /* which it is is not known */
    see_in(&room, "team", "calls-itself-so", "1.0.0", false);
    assert_true(gs_pools_serve(&room.pools, room.owner));
    see(&room, "a", "1.10.0", false);
    see(&room, "b", "1.10.0", false);
    const struct gs_pools_karpenter *old = gs_pools_too_old(&room.pools, room.owner);
    assert_non_null(old);
    assert_string_equal(old->pod, "kube-system/a");
    assert_string_equal(old->version.text, "1.10.0");
    assert_false(gs_pools_serve(&room.pools, room.owner));
    room.owner->pool.scaling = GS_SLICEPOOL_STATIC; /* which keep to limits.nodes */
    assert_true(gs_pools_serve(&room.pools, room.owner));
    room.owner->pool.scaling = GS_SLICEPOOL_OVERLAY;
    room.owner->pool.node_class.group = "karpenter.azure.com"; /* with other numbers */
    assert_true(gs_pools_serve(&room.pools, room.owner));
    room.owner->pool.node_class.group = "karpenter.k8s.aws";
    see(&room, "c", "1.11.2", false); /* an upgrade */
    assert_true(gs_pools_serve(&room.pools, room.owner));
    see(&room, "c", "1.11.2", true);
    assert_false(gs_pools_serve(&room.pools, room.owner));
    gs_pools_begin_pods(&room.pools); /* a new list has neither */
    gs_pools_end_pods(&room.pools);
    assert_int_equal(room.pools.n_karpenters, 0);
    for (unsigned i = 0; i < 2 * GS_POOLS_KARPENTERS_MAX; i++) {
        char name[8];
        snprintf(name, sizeof(name), "k%u", i);
        see(&room, name, "1.9.0", false);
    }
    assert_int_equal(room.pools.n_karpenters, GS_POOLS_KARPENTERS_MAX);
    end(&room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room__that_a_limit_leaves_not_is_said_with_its_numbers),
        cmocka_unit_test(room__that_there_is_is_not_said_to_lack),
        cmocka_unit_test(warm__slices_out_of_reach_are_said_to_be),
        cmocka_unit_test(karpenter__that_is_too_old_is_given_nothing_to_buy_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
