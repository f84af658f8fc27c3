#include "torture/torture.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/catalog.h"
#include "karpenter/choose.h"
#include "karpenter/objects.h"
#include "karpenter/seen.h"

static void make_offer(struct gs_offer *ret)
{
    static const struct gs_node_facts facts = {.n_labels = 0};
    const struct gs_model *model;
    assert_int_equal(gs_catalog_find(gs_view("A100-40GB"), &model, NULL), 0);
    *ret = (struct gs_offer){.name = "p4d.24xlarge",
                             .gpu_name = model->id,
                             .model = model,
                             .gpus = 8,
                             .gpu_memory_mib = GS_NOT_KNOWN,
                             .cpu_milli = 95000,
                             .memory_bytes = 1ull << 40,
                             .pods = 700,
                             .price_uusd = 21957642,
                             .max_nodes = 4,
                             .facts = &facts};
}

/* A fleet does with the loads that it has where there is no memory for one more (core/fleet): such
 * a choice is good, and counts as one without memory here. */
struct watched {
    const struct gs_alloc *source;
    bool failed;
};

static void *get_watched(void *ctx, size_t size)
{
    struct watched *watched = ctx;
    void *block = watched->source->get(watched->source->ctx, size);
    watched->failed = watched->failed || block == NULL;
    return block;
}

static void put_watched(void *ctx, void *block, size_t size)
{
    const struct watched *watched = ctx;
    watched->source->put(watched->source->ctx, block, size);
}

static int choose(const struct gs_alloc *source, struct gs_err *err)
{
    struct gs_want wants[2] = {{.count = 1}, {.count = 1}};
    struct gs_alternative alternatives[2];
    struct gs_item items[2];
    struct gs_offer offer;
    struct gs_arena arena;
    static struct gs_karpenter_choice choices[GS_KARPENTER_CHOICES_MAX];
    size_t n = 0;
    make_offer(&offer);
    assert_int_equal(gs_profile_name_parse(gs_view("1g.5gb"), &wants[0].profile, NULL), 0);
    assert_int_equal(gs_profile_name_parse(gs_view("3g.20gb"), &wants[1].profile, NULL), 0);
    for (int i = 0; i < 2; i++) {
        alternatives[i] = (struct gs_alternative){.wants = &wants[i], .n_wants = 1};
        items[i] = (struct gs_item){
            .name = "", .count = 3, .alternatives = &alternatives[i], .n_alternatives = 1};
    }
    const struct gs_karpenter_ask ask = {.slicepool = "p",
                                         .offers = &offer,
                                         .n_offers = 1,
                                         .items = items,
                                         .n_items = 2,
                                         .running = items,
                                         .n_running = 1};
    struct watched watched = {.source = source};
    const struct gs_alloc alloc = {
        .get = get_watched, .put = put_watched, .ctx = &watched, .exact = source->exact};
    gs_arena_init(&arena, &alloc, (size_t)64 << 20);
    int r = gs_karpenter_choose(&arena, &ask, choices, &n, err);
    assert_true(r != 0 || n > 0);
    gs_arena_done(&arena);
    return r == 0 && watched.failed ? gs_fail(err, GS_NO_MEMORY, "a dearer choice") : r;
}

/* ---- objects: jansson's memory ---- */

static size_t requests;
static size_t failing;

static void *get_or_fail(size_t size)
{
    return ++requests == failing ? NULL : malloc(size);
}

static json_t *write_both(void)
{
    static const char *const types[] = {"p4d.24xlarge"};
    static const char *const capacity[] = {"on-demand"};
    static const char *const zones[] = {"a", "b"};
    static const struct gs_label label = {.key = "team", .value = "a"};
    static const struct gs_taint taint = {.key = "k", .value = "v", .effect = "NoSchedule"};
    const struct gs_slicepool owner = {.name = "p",
                                       .uid = "u",
                                       .node_class = {.group = "g", .kind = "k", .name = "n"},
                                       .instance_types = types,
                                       .n_instance_types = 1,
                                       .capacity_types = capacity,
                                       .n_capacity_types = 1,
                                       .zones = zones,
                                       .n_zones = 2,
                                       .labels = &label,
                                       .n_labels = 1,
                                       .taints = &taint,
                                       .n_taints = 1};
    struct gs_offer offer;
    struct gs_karpenter_kind kind;
    make_offer(&offer);
    assert_int_equal(
        gs_karpenter_kind_read("p", &offer, gs_view("4x7-1g.5gb_4x2-3g.20gb"), &kind, NULL), 0);
    const struct gs_karpenter_pool pool = {.owner = &owner,
                                           .kind = &kind,
                                           .weight = 1,
                                           .overlay_weight = 1,
                                           .record = {.failed_starts = 1}};
    json_t *node_pool = gs_karpenter_write_pool(&pool);
    json_t *overlay = node_pool == NULL ? NULL : gs_karpenter_write_overlay(&pool);
    if (overlay == NULL) {
        json_decref(node_pool);
        return NULL;
    }
    return json_pack("[o, o]", node_pool, overlay);
}

static void torture__an_object_is_whole_or_none_whatever_request_fails(void **state)
{
    (void)state;
    json_t *whole = write_both();
    assert_non_null(whole);
    size_t tries = 0;
    for (json_t *found = NULL; found == NULL; tries++) {
        json_set_alloc_funcs(get_or_fail, free);
        requests = 0;
        failing = tries + 1;
        found = write_both();
        json_set_alloc_funcs(malloc, free);
        assert_true(found == NULL || json_equal(found, whole));
        assert_true(found != NULL || requests >= failing);
        if (found != NULL && requests >= failing) { /* it could do without */
            json_decref(found);
            found = NULL;
        }
        json_decref(found);
    }
    assert_true(tries > 100);
    json_decref(whole);
}

static void torture__layouts_are_chosen_whatever_request_fails(void **state)
{
    (void)state;
    assert_true(torture_arena(choose, 1) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__an_object_is_whole_or_none_whatever_request_fails),
        cmocka_unit_test(torture__layouts_are_chosen_whatever_request_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
