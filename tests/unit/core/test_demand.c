#include "unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/catalog.h"
#include "core/demand.h"

static struct gs_arena arena;

static int set_up(void **state)
{
    (void)state;
    gs_arena_init(&arena, &gs_alloc_heap, 256 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gs_arena_done(&arena);
    return 0;
}

static const struct gs_model *model(const char *id)
{
    const struct gs_model *found = NULL;
    assert_int_equal(gs_catalog_find(gs_view(id), &found, NULL), 0);
    return found;
}

static struct gs_profile_name profile(const char *text)
{
    struct gs_profile_name name;
    assert_int_equal(gs_profile_name_parse(gs_view(text), &name, NULL), 0);
    return name;
}

/* A rich item whose parts can be changed one at a time. */
struct parts {
    const char *values[2];
    struct gs_requirement selector, affinity[2];
    struct gs_term terms[2];
    struct gs_toleration toleration;
    struct gs_constraint constraint;
    struct gs_want wants[2], other;
    struct gs_alternative alternatives[2];
    struct gs_item item;
};

static void fill(struct parts *p)
{
    *p = (struct parts){
        .values = {"a", "b"},
        .selector = {.key = "disk", .op = GS_LABEL_IN, .values = p->values, .n_values = 1},
        .affinity = {{.key = "zone", .op = GS_LABEL_IN, .values = p->values, .n_values = 2},
                     {.key = "gone", .op = GS_LABEL_NOT_EXISTS}},
        .terms = {{.requirements = &p->affinity[0], .n_requirements = 1},
                  {.requirements = &p->affinity[1], .n_requirements = 1}},
        .toleration = {.key = "nvidia.com/gpu",
                       .value = "",
                       .effect = "NoSchedule",
                       .exists = true},
        .constraint = {.selector = {.requirements = &p->selector, .n_requirements = 1},
                       .terms = p->terms,
                       .n_terms = 2,
                       .tolerations = &p->toleration,
                       .n_tolerations = 1},
        .wants = {{.profile = profile("1g.5gb"), .count = 2},
                  {.whole_gpu = true, .gpu_name = "L4", .count = 1}},
        .other = {.profile = profile("3g.20gb"), .model = model("A100-40GB"), .count = 1},
        .alternatives = {{.wants = p->wants, .n_wants = 2}, {.wants = &p->other, .n_wants = 1}},
        .item = {.name = "chat",
                 .count = 3,
                 .cpu_milli = 500,
                 .memory_bytes = 1 << 30,
                 .gpu_memory_mib = 4096,
                 .alternatives = p->alternatives,
                 .n_alternatives = 2,
                 .constraint = &p->constraint,
                 .bound_node = "node-1"},
    };
}

static const struct gs_item *kinds(struct gs_demand *demand, size_t expected)
{
    size_t n;
    const struct gs_item *items = gs_demand_items(demand, &n);
    assert_int_equal(n, expected);
    return items;
}

static void demand__is_empty_at_first(void **state)
{
    (void)state;
    struct gs_demand *demand = gs_demand_new(&arena);
    (void)kinds(demand, 0);
    assert_int_equal(gs_demand_total(demand), 0);
}

static void demand__counts_equal_items_as_one_kind(void **state)
{
    (void)state;
    struct gs_demand *demand = gs_demand_new(&arena);
    struct parts a, b;
    fill(&a);
    fill(&b);
    b.item.name = "another name";
    b.item.count = 4;
    assert_int_equal(gs_demand_add(demand, &a.item, NULL), 0);
    assert_int_equal(gs_demand_add(demand, &b.item, NULL), 0);
    const struct gs_item *items = kinds(demand, 1);
    assert_string_equal(items[0].name, "chat");
    assert_int_equal(items[0].count, 7);
    assert_int_equal(gs_demand_total(demand), 7);
}

static void demand__keeps_copies_not_the_callers_memory(void **state)
{
    (void)state;
    struct gs_demand *demand = gs_demand_new(&arena);
    struct parts *p = malloc(sizeof(*p));
    struct parts same;
    assert_non_null(p);
    fill(p);
    fill(&same);
    char key[] = "zone", value[] = "a", gpu[] = "L4", name[] = "chat", node[] = "node-1";
    p->affinity[0].key = key;
    p->values[0] = value;
    p->wants[1].gpu_name = gpu;
    p->item.name = name;
    p->item.bound_node = node;
    assert_int_equal(gs_demand_add(demand, &p->item, NULL), 0);
    key[0] = value[0] = gpu[0] = name[0] = node[0] = '?';
    memset(p, 0xA5, sizeof(*p));
    free(p);
    const struct gs_item *items = kinds(demand, 1);
    assert_string_equal(items[0].name, "chat");
    assert_string_equal(items[0].bound_node, "node-1");
    assert_string_equal(items[0].alternatives[0].wants[1].gpu_name, "L4");
    assert_ptr_equal(items[0].alternatives[1].wants[0].model, model("A100-40GB"));
    assert_true(gs_constraint_eq(items[0].constraint, &same.constraint));
}

static void cpu(struct parts *p)
{
    p->item.cpu_milli++;
}
static void memory(struct parts *p)
{
    p->item.memory_bytes++;
}
static void gpu_memory(struct parts *p)
{
    p->item.gpu_memory_mib++;
}
static void spare(struct parts *p)
{
    p->item.spare = true;
}
static void bound(struct parts *p)
{
    p->item.bound_node = "node-2";
}
static void unbound(struct parts *p)
{
    p->item.bound_node = NULL;
}
static void fewer_alternatives(struct parts *p)
{
    p->item.n_alternatives = 1;
}
static void fewer_wants(struct parts *p)
{
    p->alternatives[0].n_wants = 1;
}
static void want_count(struct parts *p)
{
    p->wants[0].count = 3;
}
static void want_profile(struct parts *p)
{
    p->wants[0].profile = profile("1g.5gb+me");
}
static void want_model(struct parts *p)
{
    p->wants[0].model = model("A100-40GB");
}
static void want_gpu_name(struct parts *p)
{
    p->wants[1].gpu_name = "T4";
}
static void want_any_gpu(struct parts *p)
{
    p->wants[1].gpu_name = NULL;
}
static void unconstrained(struct parts *p)
{
    p->item.constraint = NULL;
}
static void selector_value(struct parts *p)
{
    p->values[0] = "c";
}
static void affinity_op(struct parts *p)
{
    p->affinity[0].op = GS_LABEL_NOT_IN;
}
static void fewer_terms(struct parts *p)
{
    p->constraint.n_terms = 1;
}
static void toleration_effect(struct parts *p)
{
    p->toleration.effect = "NoExecute";
}

static void (*const changes[])(struct parts *p) = {
    cpu,
    memory,
    gpu_memory,
    spare,
    bound,
    unbound,
    want_count,
    want_profile,
    want_model,
    want_gpu_name,
    want_any_gpu,
    unconstrained,
    fewer_wants,
    selector_value,
    affinity_op,
    fewer_terms,
    toleration_effect,
    fewer_alternatives,
};

static void demand__takes_any_difference_for_another_kind(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct gs_demand *demand = gs_demand_new(&arena);
        struct parts a, b;
        fill(&a);
        fill(&b);
        changes[i](&b);
        assert_int_equal(gs_demand_add(demand, &a.item, NULL), 0);
        assert_int_equal(gs_demand_add(demand, &b.item, NULL), 0);
        (void)kinds(demand, 2);
    }
}

static void demand__does_not_mind_the_order_of_attributes(void **state)
{
    (void)state;
    struct gs_demand *demand = gs_demand_new(&arena);
    struct parts a, b;
    fill(&a);
    fill(&b);
    a.wants[0].profile = profile("1g.5gb+me,gfx");
    b.wants[0].profile = profile("1g.5gb+gfx,me");
    assert_int_equal(gs_demand_add(demand, &a.item, NULL), 0);
    assert_int_equal(gs_demand_add(demand, &b.item, NULL), 0);
    (void)kinds(demand, 1);
}

static void no_count(struct parts *p)
{
    p->item.count = 0;
}
static void huge_cpu(struct parts *p)
{
    p->item.cpu_milli = GS_CPU_MILLI_MAX + 1;
}
static void huge_memory(struct parts *p)
{
    p->item.memory_bytes = GS_MEMORY_BYTES_MAX + 1;
}
static void no_alternative(struct parts *p)
{
    p->item.n_alternatives = 0;
}
static void many_alternatives(struct parts *p)
{
    p->item.n_alternatives = GS_ALTERNATIVES_MAX + 1;
}
static void many_wants(struct parts *p)
{
    p->alternatives[1].n_wants = GS_WANTS_MAX + 1;
}
static void want_of_none(struct parts *p)
{
    p->wants[0].count = 0;
}
static void want_of_many(struct parts *p)
{
    p->wants[0].count = GS_WANT_COUNT_MAX + 1;
}
static void slice_of_plain_gpu(struct parts *p)
{
    p->wants[0].gpu_name = "L4";
}
static void model_and_name(struct parts *p)
{
    p->wants[1].model = model("A100-40GB");
}
static void too_many_items(struct parts *p)
{
    p->item.count = GS_ITEMS_MAX;
}

static const struct {
    void (*change)(struct parts *p);
    int code;
    const char *says;
} broken[] = {
    {no_count, GS_INVALID, "count 0"},
    {huge_cpu, GS_INVALID, "cores"},
    {huge_memory, GS_INVALID, "1 PiB"},
    {no_alternative, GS_INVALID, "0 alternatives"},
    {many_alternatives, GS_INVALID, "129 alternatives"},
    {many_wants, GS_INVALID, "9 different resources"},
    {want_of_none, GS_INVALID, "wants 0"},
    {want_of_many, GS_INVALID, "wants 1025"},
    {slice_of_plain_gpu, GS_INVALID, "names GPU \"L4\""},
    {model_and_name, GS_INVALID, "names GPU \"L4\""},
    {too_many_items, GS_LIMIT, "more than 1000000000"},
};

static void demand__refuses_what_breaks_a_bound_and_stays_as_it_was(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        struct gs_demand *demand = gs_demand_new(&arena);
        struct parts good, bad;
        struct gs_err err = {0};
        fill(&good);
        fill(&bad);
        broken[i].change(&bad);
        assert_int_equal(gs_demand_add(demand, &good.item, NULL), 0);
        assert_int_equal(gs_demand_add(demand, &bad.item, &err), broken[i].code);
        assert_int_equal(err.code, broken[i].code);
        assert_non_null(strstr(err.msg, broken[i].says));
        assert_int_equal(kinds(demand, 1)[0].count, 3);
        assert_int_equal(gs_demand_total(demand), 3);
    }
}

static void demand__holds_so_many_kinds_and_no_more(void **state)
{
    (void)state;
    struct gs_demand *demand = gs_demand_new(&arena);
    struct gs_want want = {.profile = profile("1g.5gb"), .count = 1};
    struct gs_alternative one = {.wants = &want, .n_wants = 1};
    struct gs_item item = {.count = 1, .alternatives = &one, .n_alternatives = 1};
    for (unsigned i = 0; i < GS_KINDS_MAX; i++) {
        item.cpu_milli = i;
        assert_int_equal(gs_demand_add(demand, &item, NULL), 0);
    }
    item.cpu_milli = GS_KINDS_MAX;
    assert_int_equal(gs_demand_add(demand, &item, NULL), GS_LIMIT);
    item.cpu_milli = 7;
    assert_int_equal(gs_demand_add(demand, &item, NULL), 0);
    const struct gs_item *items = kinds(demand, GS_KINDS_MAX);
    for (unsigned i = 0; i < GS_KINDS_MAX; i++) {
        assert_int_equal(items[i].cpu_milli, i); /* in the order of their first item */
        assert_int_equal(items[i].count, i == 7 ? 2 : 1);
        assert_string_equal(items[i].name, "");
    }
}

/* Against a list that is searched from the front. */
static void demand__equals_a_plain_list_on_random_items(void **state)
{
    (void)state;
    enum { ROUNDS = 5000, CPUS = 40, MEMORIES = 25 };
    const uint32_t seed = 20260715;
    print_message("seed %u\n", seed);
    uint32_t random = seed;
    static uint64_t counts[CPUS][MEMORIES];
    memset(counts, 0, sizeof(counts));
    struct gs_demand *demand = gs_demand_new(&arena);
    struct gs_want want = {.profile = profile("2g.10gb"), .count = 1};
    struct gs_alternative one = {.wants = &want, .n_wants = 1};
    for (unsigned i = 0; i < ROUNDS; i++) {
        random = random * 1664525u + 1013904223u;
        struct gs_item item = {.name = "x",
                               .count = 1 + (random >> 28),
                               .alternatives = &one,
                               .n_alternatives = 1,
                               .cpu_milli = (random >> 8) % CPUS,
                               .memory_bytes = (random >> 16) % MEMORIES};
        counts[item.cpu_milli][item.memory_bytes] += item.count;
        assert_int_equal(gs_demand_add(demand, &item, NULL), 0);
    }
    size_t n;
    const struct gs_item *items = gs_demand_items(demand, &n);
    uint64_t total = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t *count = &counts[items[i].cpu_milli][items[i].memory_bytes];
        assert_int_equal(items[i].count, *count);
        total += *count;
        *count = 0; /* a kind that came twice would find 0 */
    }
    assert_int_equal(gs_demand_total(demand), total);
    for (unsigned i = 0; i < CPUS * MEMORIES; i++) {
        assert_int_equal(counts[i / MEMORIES][i % MEMORIES], 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(demand__is_empty_at_first),
        TEST(demand__counts_equal_items_as_one_kind),
        TEST(demand__keeps_copies_not_the_callers_memory),
        TEST(demand__takes_any_difference_for_another_kind),
        TEST(demand__does_not_mind_the_order_of_attributes),
        TEST(demand__refuses_what_breaks_a_bound_and_stays_as_it_was),
        TEST(demand__holds_so_many_kinds_and_no_more),
        TEST(demand__equals_a_plain_list_on_random_items),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
