#include "unit/check.h"

#include <string.h>

#include "core/catalog.h"
#include "core/plan/plan.h"

/* A question put together from a few lines of a test. */
struct question {
    struct gs_arena arena;
    struct gs_item items[8];
    struct gs_alternative alternatives[8][3];
    struct gs_want wants[8][3][2];
    size_t n_items;
    struct gs_offer offers[4];
    size_t n_offers;
    const struct gs_model *models[3];
    size_t n_models;
    struct gs_existing_node nodes[3];
    struct gs_existing_gpu gpus[3][4];
    size_t n_nodes;
};

static const struct gs_node_facts plain_facts = {.labels_complete = true};

static struct question *ask(void)
{
    static struct question q;
    memset(&q, 0, sizeof(q));
    gs_arena_init(&q.arena, &gs_alloc_heap, 512 << 20);
    return &q;
}

static const struct gs_model *model_named(const char *name)
{
    const struct gs_model *model = NULL;
    assert_int_equal(gs_catalog_find(gs_view(name), &model, NULL), 0);
    return model;
}

static struct gs_item *item(struct question *q, const char *name, uint64_t count)
{
    struct gs_item *made = &q->items[q->n_items];
    *made =
        (struct gs_item){.name = name, .count = count, .alternatives = q->alternatives[q->n_items]};
    q->n_items++;
    return made;
}

/* One more alternative for the last item: so many slices of a profile, or whole GPUs. */
static struct gs_want *any(struct question *q, const char *profile, uint32_t count)
{
    size_t i = q->n_items - 1;
    size_t a = q->items[i].n_alternatives++;
    struct gs_want *want = &q->wants[i][a][0];
    *want = (struct gs_want){.count = count, .whole_gpu = profile == NULL};
    if (profile != NULL) {
        assert_int_equal(gs_profile_name_parse(gs_view(profile), &want->profile, NULL), 0);
    }
    q->alternatives[i][a] = (struct gs_alternative){.wants = want, .n_wants = 1};
    return want;
}

static void offer(struct question *q, const char *name, const char *gpu, unsigned gpus, double usd,
                  uint64_t cpus)
{
    const struct gs_model *model = NULL;
    gs_catalog_find(gs_view(gpu), &model, NULL);
    q->offers[q->n_offers++] = (struct gs_offer){
        .name = name,
        .gpu_name = gpu,
        .model = model,
        .gpus = gpus,
        .gpu_memory_mib = model == NULL ? 22888 : model->memory_mib,
        .cpu_milli = cpus * 1000,
        .memory_bytes = cpus << 32,
        .pods = 100,
        .price_uusd = (uint64_t)(usd * 1e6 + 0.5),
        .max_nodes = UINT32_MAX,
        .facts = &plain_facts,
    };
}

static struct gs_existing_node *node(struct question *q, const char *name, const char *model)
{
    size_t n = q->n_nodes++;
    q->nodes[n] = (struct gs_existing_node){
        .name = name,
        .model = model_named(model),
        .gpu_name = model_named(model)->id,
        .gpu_memory_mib = model_named(model)->memory_mib,
        .cpu_milli = 64000,
        .memory_bytes = 1ull << 38,
        .pods = 100,
        .facts = &plain_facts,
        .layout_known = true,
        .gpus = q->gpus[n],
    };
    return &q->nodes[n];
}

static struct gs_existing_gpu *gpu(struct question *q, bool mig)
{
    struct gs_existing_node *last = &q->nodes[q->n_nodes - 1];
    struct gs_existing_gpu *made = &q->gpus[q->n_nodes - 1][last->n_gpus++];
    *made = (struct gs_existing_gpu){.uuid = "", .model = last->model, .mig = mig};
    return made;
}

static void slice(struct gs_existing_gpu *gpu, const char *profile, unsigned start, bool in_use)
{
    unsigned index;
    assert_int_equal(gs_model_profile_find(gpu->model, gs_view(profile), &index, NULL), 0);
    gpu->slices[gpu->n_slices++] = (struct gs_existing_slice){
        .placement = {(uint8_t)index, (uint8_t)start, 0}, .in_use = in_use};
}

static struct gs_plan answer(struct question *q)
{
    struct gs_plan_input input = {
        .goal = q->n_models > 0 ? GS_PLAN_GPUS : GS_PLAN_NODES,
        .items = q->items,
        .n_items = q->n_items,
        .models = q->models,
        .n_models = q->n_models,
        .offers = q->offers,
        .n_offers = q->n_offers,
        .existing = q->nodes,
        .n_existing = q->n_nodes,
        .certificate = true,
        .baseline = true,
    };
    struct gs_plan plan = {0};
    struct gs_err err = {.msg = ""};
    int r = gs_plan_make(&q->arena, &input, &plan, &err);
    if (r < 0) {
        fail_msg("%s", err.msg);
    }
    return plan;
}

static void plan__packs_seven_small_slices_on_one_gpu(void **state)
{
    (void)state;
    struct question *q = ask();
    q->models[q->n_models++] = model_named("A100-40GB");
    item(q, "small", 7);
    any(q, "1g.5gb", 1);
    struct gs_plan plan = answer(q);
    assert_int_equal(plan.gpus_used, 1);
    assert_true(plan.proven);
    assert_int_equal(plan.baseline_gpus, 7);
    gs_arena_done(&q->arena);
}

static void plan__tells_a_whole_gpu_from_a_slice_of_all(void **state)
{
    (void)state;
    struct question *q = ask();
    q->models[q->n_models++] = model_named("A100-40GB");
    item(q, "whole", 2);
    any(q, NULL, 1);
    item(q, "full slice", 1);
    any(q, "7g.40gb", 1);
    struct gs_plan plan = answer(q);
    assert_int_equal(plan.gpus_used, 3);
    assert_int_equal(plan.n_layouts, 2);
    assert_false(plan.layouts[0].whole);
    assert_true(plan.layouts[1].whole);
    assert_int_equal(plan.layouts[1].count, 2);
    gs_arena_done(&q->arena);
}

static void plan__takes_the_alternative_that_saves_a_gpu(void **state)
{
    (void)state;
    struct question *q = ask();
    q->models[q->n_models++] = model_named("A100-40GB");
    item(q, "big", 1);
    any(q, "4g.20gb", 1);
    item(q, "either", 1);
    any(q, "4g.20gb", 1);
    any(q, "3g.20gb", 1);
    struct gs_plan plan = answer(q);
    assert_int_equal(plan.gpus_used, 1);
    assert_true(plan.proven);
    gs_arena_done(&q->arena);
}

static void plan__cuts_beside_slices_in_use_before_it_buys(void **state)
{
    (void)state;
    struct question *q = ask();
    q->models[q->n_models++] = model_named("A100-40GB");
    node(q, "node-1", "A100-40GB");
    slice(gpu(q, true), "3g.20gb", 4, true);
    item(q, "big", 2);
    any(q, "4g.20gb", 1);
    struct gs_plan plan = answer(q);
    assert_int_equal(plan.gpus_used, 1);
    assert_int_equal(plan.n_existing, 1);
    unsigned four;
    assert_int_equal(gs_model_profile_find(q->models[0], gs_view("4g.20gb"), &four, NULL), 0);
    assert_int_equal(plan.existing[0].added[0].counts[four], 1);
    gs_arena_done(&q->arena);
}

static void plan__does_not_move_a_slice_in_use(void **state)
{
    (void)state;
    struct question *q = ask();
    q->models[q->n_models++] = model_named("A100-40GB");
    node(q, "node-1", "A100-40GB");
    slice(gpu(q, true), "1g.5gb", 0, true);
    item(q, "big", 1);
    any(q, "4g.20gb", 1);
    struct gs_plan plan = answer(q);
    assert_int_equal(plan.gpus_used, 1);
    assert_int_equal(plan.n_existing, 0);
    gs_arena_done(&q->arena);
}

static void plan__says_why_an_item_has_no_place(void **state)
{
    (void)state;
    struct question *q = ask();
    q->models[q->n_models++] = model_named("A100-40GB");
    item(q, "fits", 1);
    any(q, "1g.5gb", 1);
    item(q, "does not", 3);
    any(q, "1g.6gb", 1);
    struct gs_plan plan = answer(q);
    assert_int_equal(plan.gpus_used, 1);
    assert_int_equal(plan.n_unplaced, 1);
    assert_int_equal(plan.unplaced[0].item, 1);
    assert_int_equal(plan.unplaced[0].count, 3);
    assert_string_equal(plan.unplaced[0].reason, "A100-40GB: A100-40GB has no profile 1g.6gb");
    gs_arena_done(&q->arena);
}

static void plan__buys_by_cpu_where_cpu_binds(void **state)
{
    (void)state;
    struct question *q = ask();
    offer(q, "narrow", "A100-40GB", 1, 1.0, 4);
    offer(q, "wide", "A100-40GB", 1, 1.5, 16);
    item(q, "busy", 4)->cpu_milli = 4000;
    any(q, "1g.5gb", 1);
    struct gs_plan plan = answer(q);
    assert_int_equal(plan.value, 1500000);
    assert_true(plan.proven);
    assert_int_equal(plan.n_nodes, 1);
    assert_string_equal(plan.nodes[0].offer->name, "wide");
    gs_arena_done(&q->arena);
}

static void plan__keeps_the_slices_of_one_item_on_one_node(void **state)
{
    (void)state;
    struct question *q = ask();
    offer(q, "single", "A100-40GB", 1, 1.0, 16);
    offer(q, "double", "A100-40GB", 2, 5.0, 32);
    item(q, "pair", 1);
    any(q, "4g.20gb", 2);
    struct gs_plan plan = answer(q);
    assert_int_equal(plan.value, 5000000);
    assert_int_equal(plan.nodes[0].n_layouts, 1);
    assert_int_equal(plan.nodes[0].layouts[0].count, 2);
    gs_arena_done(&q->arena);
}

static void plan__buys_a_small_gpu_where_the_item_says_it_will_do(void **state)
{
    (void)state;
    struct question *q = ask();
    offer(q, "big", "A100-40GB", 8, 22.0, 96);
    offer(q, "small", "L4", 1, 0.8, 4);
    item(q, "chat", 2);
    any(q, "1g.5gb", 1);
    any(q, NULL, 1)->gpu_name = "L4";
    struct gs_plan plan = answer(q);
    assert_int_equal(plan.value, 1600000);
    assert_true(plan.proven);
    gs_arena_done(&q->arena);
}

static void plan__fills_existing_nodes_first_and_leaves_out_what_has_no_room(void **state)
{
    (void)state;
    struct question *q = ask();
    struct gs_existing_node *there = node(q, "node-1", "A30-24GB");
    there->layout_known = false;
    unsigned small;
    assert_int_equal(gs_model_profile_find(there->model, gs_view("1g.6gb"), &small, NULL), 0);
    there->free_slices[small] = 3;
    offer(q, "a100", "A100-40GB", 1, 1.0, 16);
    item(q, "small", 5);
    any(q, "1g.6gb", 1);
    struct gs_plan plan = answer(q);
    assert_int_equal(plan.value, 0);
    assert_int_equal(plan.n_unplaced, 1);
    assert_int_equal(plan.unplaced[0].count, 2);
    assert_int_equal(plan.existing[0].served[0].count, 3);
    gs_arena_done(&q->arena);
}

/* What a plan has no place for, of one item. */
static int64_t unplaced(const struct gs_plan *plan, uint32_t index)
{
    int64_t count = 0;
    for (size_t i = 0; i < plan->n_unplaced; i++) {
        count += plan->unplaced[i].item == index ? plan->unplaced[i].count : 0;
    }
    return count;
}

static void plan__leaves_out_spare_items_before_others(void **state)
{
    (void)state;
    struct question *q = ask();
    offer(q, "a30", "A30-24GB", 1, 1.5, 15);
    q->offers[0].max_nodes = 1;
    item(q, "training", 1);
    any(q, "4g.24gb", 1);
    item(q, "more", 4)->spare = true;
    any(q, "1g.6gb", 1);
    struct gs_plan plan = answer(q);
    assert_int_equal(unplaced(&plan, 0), 0);
    assert_int_equal(unplaced(&plan, 1), 4);
    gs_arena_done(&q->arena);
}

static void plan__leaves_out_spare_items_before_others_on_gpus_that_are_there(void **state)
{
    (void)state;
    struct question *q = ask();
    q->models[q->n_models++] = model_named("A100-40GB");
    node(q, "node-1", "A30-24GB");
    gpu(q, true);
    item(q, "more", 4)->spare = true;
    any(q, "1g.6gb", 1);
    item(q, "big", 1);
    any(q, "2g.12gb", 1);
    item(q, "small", 1);
    any(q, "1g.6gb", 1);
    struct gs_plan plan = answer(q);
    assert_int_equal(plan.value, 0);
    assert_int_equal(unplaced(&plan, 0), 3);
    assert_int_equal(unplaced(&plan, 1), 0);
    assert_int_equal(unplaced(&plan, 2), 0);
    gs_arena_done(&q->arena);
}

static void plan__cuts_gpus_before_it_fills_a_limited_node_with_pods(void **state)
{
    (void)state;
    struct question *q = ask();
    offer(q, "rack", "A100-40GB", 8, 10, 200);
    q->offers[0].max_nodes = 1;
    item(q, "web", 300)->cpu_milli = 10;
    any(q, NULL, 0);
    q->alternatives[0][0].n_wants = 0;
    item(q, "slices", 30)->cpu_milli = 1000;
    any(q, "1g.5gb", 1);
    struct gs_plan plan = answer(q);
    assert_int_equal(unplaced(&plan, 0), 230);
    assert_int_equal(unplaced(&plan, 1), 0);
    gs_arena_done(&q->arena);
}

static void plan__proves_the_only_node_that_may_be_bought(void **state)
{
    (void)state;
    struct question *q = ask();
    offer(q, "h100", "H100-80GB-SXM5", 1, 1.0, 2);
    q->offers[0].max_nodes = 1;
    item(q, "two large", 1);
    any(q, "2g.20gb", 2);
    item(q, "two small", 1);
    any(q, "1g.10gb", 2);
    struct gs_plan plan = answer(q);
    assert_int_equal(plan.value, 1000000);
    assert_true(plan.proven);
    gs_arena_done(&q->arena);
}

static void plan__proves_a_price_of_many_digits_to_the_last_one(void **state)
{
    (void)state;
    struct question *q = ask();
    offer(q, "odd", "A100-80GB", 1, 113.933333, 4);
    offer(q, "other", "L4", 1, 3.9, 2);
    item(q, "one a node", 3)->cpu_milli = 3700;
    any(q, "1g.20gb", 1);
    struct gs_plan plan = answer(q);
    assert_int_equal(plan.value, 341799999);
    assert_int_equal(plan.bound, plan.value);
    gs_arena_done(&q->arena);
}

static void plan__writes_no_number_that_a_certificate_does_not_hold(void **state)
{
    (void)state;
    struct question *q = ask();
    offer(q, "dear", "A100-40GB", 2, 100000, 7);
    q->offers[0].max_nodes = 1;
    item(q, "a", 1)->cpu_milli = 3700;
    any(q, "1g.10gb", 1);
    any(q, "3g.20gb", 1);
    item(q, "b", 6);
    any(q, "1g.10gb", 1);
    any(q, "1g.5gb", 1);
    struct gs_plan plan = answer(q);
    assert_true(plan.proven);
    for (size_t l = 0; l < plan.fleet.proof.n_leaves; l++) {
        int64_t number = plan.fleet.proof.leaves[l].shapes[0].limit_price;
        assert_true(number <= 1ll << 61 && number >= -(1ll << 61));
    }
    gs_arena_done(&q->arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plan__packs_seven_small_slices_on_one_gpu),
        cmocka_unit_test(plan__tells_a_whole_gpu_from_a_slice_of_all),
        cmocka_unit_test(plan__takes_the_alternative_that_saves_a_gpu),
        cmocka_unit_test(plan__cuts_beside_slices_in_use_before_it_buys),
        cmocka_unit_test(plan__does_not_move_a_slice_in_use),
        cmocka_unit_test(plan__says_why_an_item_has_no_place),
        cmocka_unit_test(plan__buys_by_cpu_where_cpu_binds),
        cmocka_unit_test(plan__keeps_the_slices_of_one_item_on_one_node),
        cmocka_unit_test(plan__buys_a_small_gpu_where_the_item_says_it_will_do),
        cmocka_unit_test(plan__fills_existing_nodes_first_and_leaves_out_what_has_no_room),
        cmocka_unit_test(plan__leaves_out_spare_items_before_others),
        cmocka_unit_test(plan__leaves_out_spare_items_before_others_on_gpus_that_are_there),
        cmocka_unit_test(plan__cuts_gpus_before_it_fills_a_limited_node_with_pods),
        cmocka_unit_test(plan__proves_the_only_node_that_may_be_bought),
        cmocka_unit_test(plan__proves_a_price_of_many_digits_to_the_last_one),
        cmocka_unit_test(plan__writes_no_number_that_a_certificate_does_not_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
