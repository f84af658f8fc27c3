#include "torture/torture.h"

#include "core/catalog.h"
#include "core/plan/plan.h"
#include "wire/demandarg.h"

/* Planning with each request for memory failed once: GPUs and nodes, with what is there, with items
 * that have no place and items that are held to nodes with a label. What is asked lives in memory
 * of its own, which does not fail. */

static struct gs_arena asked;
static struct gs_plan_input gpus;
static struct gs_plan_input nodes;
static struct gs_plan_input scarce_gpus; /* not all has a place, and some of it is spare */
static struct gs_plan_input scarce_nodes;

static const struct gs_model *model(void)
{
    const struct gs_model *found;
    assert_int_equal(gs_catalog_find(gs_view("A100-40GB"), &found, NULL), 0);
    return found;
}

static unsigned profile(const char *name)
{
    unsigned index;
    assert_int_equal(gs_model_profile_find(model(), gs_view(name), &index, NULL), 0);
    return index;
}

static const struct gs_item *items_of(const char *text, size_t *ret_n)
{
    struct gs_demand *demand = gs_demand_new(&asked);
    assert_non_null(demand);
    assert_int_equal(gs_demandarg_parse(gs_view(text), "test", NULL, demand, NULL), 0);
    return gs_demand_items(demand, ret_n);
}

/* One GPU with a 4g in use, and a node of which only free slices are known. */
static const struct gs_existing_node *existing(size_t *ret_n)
{
    static const struct gs_label label = {.key = "team", .value = "ml"};
    static const struct gs_node_facts known = {
        .name = "there", .labels = &label, .n_labels = 1, .labels_complete = true};
    static const struct gs_node_facts other = {.name = "other", .labels_complete = true};
    static struct gs_existing_gpu gpu;
    static struct gs_existing_node there[2];
    gpu = (struct gs_existing_gpu){.uuid = "GPU-0", .model = model(), .mig = true, .n_slices = 1};
    gpu.slices[0] = (struct gs_existing_slice){
        .placement = {.profile = (uint8_t)profile("4g.20gb"), .start = 0}, .in_use = true};
    there[0] = (struct gs_existing_node){.name = "there",
                                         .gpu_name = model()->id,
                                         .model = model(),
                                         .gpu_memory_mib = model()->memory_mib,
                                         .cpu_milli = 8000,
                                         .memory_bytes = 1ull << 36,
                                         .pods = 20,
                                         .facts = &known,
                                         .layout_known = true,
                                         .gpus = &gpu,
                                         .n_gpus = 1};
    there[1] = there[0];
    there[1].name = "other";
    there[1].facts = &other;
    there[1].layout_known = false;
    there[1].n_gpus = 0;
    there[1].free_slices[profile("1g.5gb")] = 2;
    *ret_n = 2;
    return there;
}

static const struct gs_plan_service *service(void)
{
    static struct gs_plan_service_option options[2];
    static struct gs_plan_service one;
    options[0] = (struct gs_plan_service_option){model(), profile("2g.10gb"), 70};
    options[1] = (struct gs_plan_service_option){model(), profile("3g.20gb"), 110};
    one = (struct gs_plan_service){.name = "chat", .need = 400, .options = options, .n_options = 2};
    return &one;
}

static void ask_for_gpus(void)
{
    static const struct gs_model *models[1];
    models[0] = model();
    gpus = (struct gs_plan_input){.goal = GS_PLAN_GPUS,
                                  .models = models,
                                  .n_models = 1,
                                  .services = service(),
                                  .n_services = 1,
                                  .certificate = true,
                                  .baseline = true};
    gpus.items = items_of("1g.5gb=9,2g.10gb=2,4g.20gb=1,1g.6gb=3,gpu=1", &gpus.n_items);
    gpus.existing = existing(&gpus.n_existing);
}

static void ask_for_nodes(void)
{
    static const char *const teams[] = {"ml"};
    static const struct gs_requirement ml = {
        .key = "team", .op = GS_LABEL_IN, .values = teams, .n_values = 1};
    static const struct gs_constraint on_ml = {.selector = {&ml, 1}};
    static const struct gs_node_facts nothing;
    static struct gs_offer offer;
    offer = (struct gs_offer){.name = "box",
                              .gpu_name = model()->id,
                              .model = model(),
                              .gpus = 2,
                              .gpu_memory_mib = model()->memory_mib,
                              .cpu_milli = 16000,
                              .memory_bytes = 1ull << 37,
                              .pods = 30,
                              .price_uusd = 3000000,
                              .max_nodes = 4,
                              .facts = &nothing};
    nodes = (struct gs_plan_input){.goal = GS_PLAN_NODES,
                                   .offers = &offer,
                                   .n_offers = 1,
                                   .certificate = true,
                                   .baseline = true};
    size_t n;
    const struct gs_item *items = items_of("1g.5gb=20,2g.10gb=5,3g.20gb=3,1g.6gb=3,gpu=1", &n);
    struct gs_item *own = GS_ARENA_NEW(&asked, struct gs_item, n);
    assert_non_null(own);
    memcpy(own, items, n * sizeof(*own));
    own[0].cpu_milli = 1500;
    own[1].constraint = &on_ml; /* the node that has it takes one: the others are let go */
    nodes.items = own;
    nodes.n_items = n;
    nodes.existing = existing(&nodes.n_existing);
}

static void ask_for_too_much(void)
{
    static const struct gs_model *other[1];
    static struct gs_offer offer;
    assert_int_equal(gs_catalog_find(gs_view("A30-24GB"), &other[0], NULL), 0);
    size_t n;
    const struct gs_item *items = items_of("1g.5gb=7,2g.10gb=5,3g.20gb=4", &n);
    struct gs_item *own = GS_ARENA_NEW(&asked, struct gs_item, n);
    assert_non_null(own);
    memcpy(own, items, n * sizeof(*own));
    own[0].spare = true;
    scarce_nodes = nodes;
    scarce_nodes.items = own;
    scarce_nodes.n_items = n;
    offer = nodes.offers[0];
    offer.max_nodes = 1;
    scarce_nodes.offers = &offer;
    scarce_gpus = scarce_nodes;
    scarce_gpus.goal = GS_PLAN_GPUS;
    scarce_gpus.n_offers = 0;
    scarce_gpus.models = other;
    scarce_gpus.n_models = 1;
}

static int set_up(void **state)
{
    (void)state;
    gs_arena_init(&asked, &gs_alloc_heap, 16 << 20);
    ask_for_gpus();
    ask_for_nodes();
    ask_for_too_much();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gs_arena_done(&asked);
    return 0;
}

/* Requests go on to `to`; whether one was refused is remembered. */
struct watch {
    const struct gs_alloc *to;
    bool refused;
};

static void *watched_get(void *ctx, size_t size)
{
    struct watch *watch = ctx;
    void *block = watch->to->get(watch->to->ctx, size);
    watch->refused = watch->refused || block == NULL;
    return block;
}

static void watched_put(void *ctx, void *block, size_t size)
{
    struct watch *watch = ctx;
    watch->to->put(watch->to->ctx, block, size);
}

static void check_plan(const struct gs_plan *made)
{
    assert_true(made->bound <= made->value);
    assert_int_equal(made->proven, made->bound == made->value);
    assert_true(made->n_existing > 0);
}

/* 1g.6gb has no place; of what is scarce the spare items have the last. */
static void check_left_out(const struct gs_plan_input *input, const struct gs_plan *made)
{
    bool scarce = input == &scarce_gpus || input == &scarce_nodes;
    assert_true(scarce ? made->n_unplaced > 0 : made->n_unplaced == 1);
    assert_true(made->value > 0 || input == &scarce_gpus);
}

/* A fleet does with the loads that it has where there is no memory for one more (core/fleet): such
 * a plan is whole, if dearer. It counts as one without memory here. */
static int plan(const struct gs_alloc *source, const struct gs_plan_input *input, bool may_go_on,
                struct gs_err *err)
{
    struct watch watch = {.to = source};
    const struct gs_alloc watched = {
        .get = watched_get, .put = watched_put, .ctx = &watch, .exact = source->exact};
    struct gs_arena arena;
    struct gs_plan made = {.gpus_used = -1};
    gs_arena_init(&arena, &watched, 256 << 20);
    int r = gs_plan_make(&arena, input, &made, err);
    assert_true((r == 0) == (made.gpus_used >= 0)); /* outputs are written on success only */
    if (r == 0) {
        check_plan(&made);
        check_left_out(input, &made);
        assert_true(made.proven || watch.refused);
    }
    gs_arena_done(&arena);
    return r == 0 && watch.refused && may_go_on ? gs_fail(err, GS_NO_MEMORY, "done with less") : r;
}

static int plan_gpus(const struct gs_alloc *source, struct gs_err *err)
{
    return plan(source, &gpus, false, err);
}

static int plan_nodes(const struct gs_alloc *source, struct gs_err *err)
{
    return plan(source, &nodes, true, err);
}

static int plan_scarce_gpus(const struct gs_alloc *source, struct gs_err *err)
{
    return plan(source, &scarce_gpus, false, err);
}

static int plan_scarce_nodes(const struct gs_alloc *source, struct gs_err *err)
{
    return plan(source, &scarce_nodes, true, err);
}

static void torture__a_plan_that_leaves_out_survives_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_arena(plan_scarce_gpus, 1) >= 50);
    assert_true(torture_arena(plan_scarce_nodes, 31) >= 100);
}

static void torture__a_plan_of_gpus_survives_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_arena(plan_gpus, 1) >= 100);
}

static void torture__a_plan_of_nodes_survives_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_arena(plan_nodes, 31) >= 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(torture__a_plan_of_gpus_survives_each_failed_request,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(torture__a_plan_of_nodes_survives_each_failed_request,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            torture__a_plan_that_leaves_out_survives_each_failed_request, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
