#include "unit/check.h"

#include <string.h>

#include "base/cleanup.h"
#include "core/constraint.h"

#define LABELS(...)                                                                                \
    .labels = (const struct gs_label[]){__VA_ARGS__},                                              \
    .n_labels = GS_ARRAY_LEN(((const struct gs_label[]){__VA_ARGS__}))
#define TAINTS(...)                                                                                \
    .taints = (const struct gs_taint[]){__VA_ARGS__},                                              \
    .n_taints = GS_ARRAY_LEN(((const struct gs_taint[]){__VA_ARGS__}))
#define VALUES(...)                                                                                \
    .values = (const char *const[]){__VA_ARGS__},                                                  \
    .n_values = GS_ARRAY_LEN(((const char *const[]){__VA_ARGS__}))

/* The node that most tests ask about. */
static const struct gs_node_facts node = {
    .name = "gpu-a",
    LABELS({"zone", "a"}, {"disk", ""}, {"memory", "40960"}, {"odd", "12x"}, {"cold", "-3"}),
    .labels_complete = true,
};

/* One requirement against `node`, and against the same node with labels that are not known. */
static const struct {
    struct gs_requirement requirement;
    enum gs_verdict complete, partial;
} requirements[] = {
    {{"zone", GS_LABEL_IN, VALUES("b", "a")}, GS_VERDICT_YES, GS_VERDICT_YES},
    {{"zone", GS_LABEL_IN, VALUES("b")}, GS_VERDICT_NO, GS_VERDICT_NO},
    {{"zone", GS_LABEL_IN, VALUES("A")}, GS_VERDICT_NO, GS_VERDICT_NO},
    {{"disk", GS_LABEL_IN, VALUES("")}, GS_VERDICT_YES, GS_VERDICT_YES},
    {{"gone", GS_LABEL_IN, VALUES("a")}, GS_VERDICT_NO, GS_VERDICT_UNKNOWN},
    {{"gone", GS_LABEL_IN, VALUES("")}, GS_VERDICT_NO, GS_VERDICT_UNKNOWN},
    {{"gone", GS_LABEL_IN, .n_values = 0}, GS_VERDICT_NO, GS_VERDICT_NO},
    {{"zone", GS_LABEL_NOT_IN, VALUES("a")}, GS_VERDICT_NO, GS_VERDICT_NO},
    {{"zone", GS_LABEL_NOT_IN, VALUES("b", "c")}, GS_VERDICT_YES, GS_VERDICT_YES},
    {{"gone", GS_LABEL_NOT_IN, VALUES("a")}, GS_VERDICT_YES, GS_VERDICT_UNKNOWN},
    {{.key = "disk", .op = GS_LABEL_EXISTS}, GS_VERDICT_YES, GS_VERDICT_YES},
    {{.key = "gone", .op = GS_LABEL_EXISTS}, GS_VERDICT_NO, GS_VERDICT_UNKNOWN},
    {{.key = "disk", .op = GS_LABEL_NOT_EXISTS}, GS_VERDICT_NO, GS_VERDICT_NO},
    {{.key = "gone", .op = GS_LABEL_NOT_EXISTS}, GS_VERDICT_YES, GS_VERDICT_UNKNOWN},
    {{"memory", GS_LABEL_GT, VALUES("40959")}, GS_VERDICT_YES, GS_VERDICT_YES},
    {{"memory", GS_LABEL_GT, VALUES("40960")}, GS_VERDICT_NO, GS_VERDICT_NO},
    {{"memory", GS_LABEL_LT, VALUES("40961")}, GS_VERDICT_YES, GS_VERDICT_YES},
    {{"memory", GS_LABEL_LT, VALUES("40960")}, GS_VERDICT_NO, GS_VERDICT_NO},
    {{"cold", GS_LABEL_LT, VALUES("-2")}, GS_VERDICT_YES, GS_VERDICT_YES},
    {{"cold", GS_LABEL_GT, VALUES("+0")}, GS_VERDICT_NO, GS_VERDICT_NO},
    {{"memory", GS_LABEL_GT, VALUES("-9223372036854775808")}, GS_VERDICT_YES, GS_VERDICT_YES},
    {{"memory", GS_LABEL_GT, VALUES("-9223372036854775809")}, GS_VERDICT_NO, GS_VERDICT_NO},
    {{"memory", GS_LABEL_GT, VALUES("1", "2")}, GS_VERDICT_NO, GS_VERDICT_NO},
    {{"memory", GS_LABEL_GT, VALUES("")}, GS_VERDICT_NO, GS_VERDICT_NO},
    {{"memory", GS_LABEL_GT, VALUES(" 1")}, GS_VERDICT_NO, GS_VERDICT_NO},
    {{"odd", GS_LABEL_GT, VALUES("1")}, GS_VERDICT_NO, GS_VERDICT_NO},
    {{"odd", GS_LABEL_LT, VALUES("100")}, GS_VERDICT_NO, GS_VERDICT_NO},
    {{"gone", GS_LABEL_GT, VALUES("1")}, GS_VERDICT_NO, GS_VERDICT_UNKNOWN},
    {{"gone", GS_LABEL_LT, VALUES("x")}, GS_VERDICT_NO, GS_VERDICT_NO},
    {{"metadata.name", GS_LABEL_IN, VALUES("gpu-a"), .on_field = true},
     GS_VERDICT_YES,
     GS_VERDICT_YES},
    {{"metadata.name", GS_LABEL_NOT_IN, VALUES("gpu-a"), .on_field = true},
     GS_VERDICT_NO,
     GS_VERDICT_NO},
    {{"metadata.name", GS_LABEL_IN, VALUES("gpu-b"), .on_field = true},
     GS_VERDICT_NO,
     GS_VERDICT_NO},
    /* A label of that name is not the field. */
    {{.key = "metadata.name", .op = GS_LABEL_EXISTS}, GS_VERDICT_NO, GS_VERDICT_UNKNOWN},
};

static enum gs_verdict check_one(const struct gs_requirement *requirement,
                                 const struct gs_node_facts *facts, bool as_selector)
{
    struct gs_term term = {.requirements = requirement, .n_requirements = 1};
    struct gs_constraint constraint = {.n_terms = 0};
    const char *because = NULL;
    if (as_selector) {
        constraint.selector = term;
    } else {
        constraint.terms = &term;
        constraint.n_terms = 1;
    }
    enum gs_verdict verdict = gs_constraint_check(&constraint, facts, &because);
    if (verdict == GS_VERDICT_YES) {
        assert_null(because);
    } else {
        assert_string_equal(because, requirement->key);
    }
    return verdict;
}

static void constraint__operators_mean_what_kubernetes_means(void **state)
{
    (void)state;
    struct gs_node_facts partial = node;
    partial.labels_complete = false;
    for (size_t i = 0; i < GS_ARRAY_LEN(requirements); i++) {
        for (int as_selector = 0; as_selector < 2; as_selector++) {
            const struct gs_requirement *one = &requirements[i].requirement;
            if (check_one(one, &node, as_selector) != requirements[i].complete ||
                check_one(one, &partial, as_selector) != requirements[i].partial) {
                fail_msg("row %zu: %s", i, one->key);
            }
        }
    }
}

/* Of nodes that a pool would make: what nobody gives them they do not have. */
static void constraint__a_label_that_no_pool_gives_is_not_there(void **state)
{
    static const struct {
        const char *key;
        enum gs_label_op op;
        enum gs_verdict expected;
    } rows[] = {
        {"disk", GS_LABEL_EXISTS, GS_VERDICT_NO},
        {"disk", GS_LABEL_NOT_EXISTS, GS_VERDICT_YES},
        {"example.com/disk", GS_LABEL_EXISTS, GS_VERDICT_NO},
        {"nvidia.com/gpu.product", GS_LABEL_EXISTS, GS_VERDICT_NO},
        {"notkubernetes.io/x", GS_LABEL_EXISTS, GS_VERDICT_NO},
        {"kubernetes.io", GS_LABEL_EXISTS, GS_VERDICT_NO},
        {"topology.kubernetes.io/zone", GS_LABEL_EXISTS, GS_VERDICT_UNKNOWN},
        {"kubernetes.io/arch", GS_LABEL_EXISTS, GS_VERDICT_UNKNOWN},
        {"karpenter.k8s.aws/instance-family", GS_LABEL_EXISTS, GS_VERDICT_UNKNOWN},
        {"gpuslice.dev/layout", GS_LABEL_EXISTS, GS_VERDICT_UNKNOWN},
    };
    const struct gs_node_facts made = {.labels_by_pool = true};
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(rows); i++) {
        const struct gs_requirement one = {.key = rows[i].key, .op = rows[i].op};
        if (check_one(&one, &made, 0) != rows[i].expected) {
            fail_msg("row %zu: %s", i, rows[i].key);
        }
    }
}

/* Of nodes as they are (in zone a, with the driver's label and without) and of new ones (anywhere,
 * in zone b). */
static void constraint__what_a_volume_requires_may_be_its_drivers_label(void **state)
{
    enum { THERE, EARLY, ANYWHERE, NEW_B, N };
    const char *const zone = "topology.kubernetes.io/zone";
    const char *const ebs = "topology.ebs.csi.aws.com/zone";
    const struct gs_node_facts nodes[N] = {
        [THERE] = {.name = "n",
                   LABELS({zone, "a"}, {ebs, "a"}, {"x.io/rack", "7"}),
                   .labels_complete = true},
        [EARLY] = {.name = "n", LABELS({zone, "a"}), .labels_complete = true},
        [ANYWHERE] = {.labels_by_pool = true},
        [NEW_B] = {LABELS({zone, "b"}), .labels_by_pool = true},
    };
    const struct {
        struct gs_requirement requirement;
        const char *expected;
    } rows[] = {
        {{zone, GS_LABEL_IN, VALUES("a")}, "yy?n"},
        {{zone, GS_LABEL_IN, VALUES("b")}, "nn?y"},
        {{ebs, GS_LABEL_IN, VALUES("a")}, "y??n"},
        {{ebs, GS_LABEL_IN, VALUES("b", "c")}, "nn?y"},
        {{"x.io/rack", GS_LABEL_IN, VALUES("7")}, "y???"},
        {{"x.io/rack", GS_LABEL_NOT_IN, VALUES("7")}, "ny??"},
        {{"kubernetes.io/hostname", GS_LABEL_IN, VALUES("n")}, "yynn"},
        {{"kubernetes.io/hostname", GS_LABEL_IN, VALUES("m")}, "nnnn"},
        {{"metadata.name", GS_LABEL_IN, VALUES("n"), .on_field = true}, "yynn"},
    };
    static const char letters[] = {
        [GS_VERDICT_NO] = 'n', [GS_VERDICT_YES] = 'y', [GS_VERDICT_UNKNOWN] = '?'};
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(rows); i++) {
        struct gs_requirement one = rows[i].requirement;
        char got[N + 1] = "";
        one.of_volume = true;
        for (unsigned k = 0; k < N; k++) {
            const struct gs_constraint constraint = {.selector = {&one, 1}};
            got[k] = letters[gs_constraint_check(&constraint, &nodes[k], NULL)];
        }
        if (strcmp(got, rows[i].expected) != 0) {
            fail_msg("row %zu: %s, expected %s", i, got, rows[i].expected);
        }
    }
}

static void constraint__what_a_volume_requires_is_blamed_on_it(void **state)
{
    const struct gs_requirement one = {"zone", GS_LABEL_IN, VALUES("b"), .of_volume = true};
    const struct gs_constraint constraint = {.selector = {&one, 1}};
    const char *because = NULL;
    (void)state;
    assert_int_equal(gs_constraint_check(&constraint, &node, &because), GS_VERDICT_NO);
    assert_string_equal(because, "its volumes");
}

static void constraint__a_field_is_unknown_while_the_node_has_no_name(void **state)
{
    (void)state;
    struct gs_node_facts nameless = node;
    nameless.name = NULL;
    struct gs_requirement pinned = {"metadata.name", GS_LABEL_IN, VALUES("gpu-a"),
                                    .on_field = true};
    assert_int_equal(check_one(&pinned, &nameless, false), GS_VERDICT_UNKNOWN);
}

/* Taints against tolerations. An effect or key that is "" fits all. */
static const struct {
    struct gs_taint taint;
    struct gs_toleration toleration;
    enum gs_verdict verdict;
} tolerations[] = {
    {{"gpu", "yes", "NoSchedule"}, {"gpu", "yes", "NoSchedule", false}, GS_VERDICT_YES},
    {{"gpu", "yes", "NoSchedule"}, {"gpu", "no", "NoSchedule", false}, GS_VERDICT_NO},
    {{"gpu", "yes", "NoSchedule"}, {"gpu", "", "NoSchedule", false}, GS_VERDICT_NO},
    {{"gpu", "", "NoSchedule"}, {"gpu", "", "NoSchedule", false}, GS_VERDICT_YES},
    {{"gpu", "yes", "NoSchedule"}, {"gpu", "", "NoSchedule", true}, GS_VERDICT_YES},
    {{"gpu", "yes", "NoSchedule"}, {"gpu", "", "NoExecute", true}, GS_VERDICT_NO},
    {{"gpu", "yes", "NoSchedule"}, {"gpu", "", "", true}, GS_VERDICT_YES},
    {{"gpu", "yes", "NoSchedule"}, {"cpu", "", "", true}, GS_VERDICT_NO},
    {{"gpu", "yes", "NoSchedule"}, {"", "", "", true}, GS_VERDICT_YES},
    {{"gpu", "yes", "NoExecute"}, {"", "", "", true}, GS_VERDICT_YES},
    {{"gpu", "yes", "NoExecute"}, {"", "", "NoSchedule", true}, GS_VERDICT_NO},
    {{"gpu", "yes", "NoExecute"}, {"gpu", "yes", "", false}, GS_VERDICT_YES},
    {{"gpu", "yes", "NoExecute"}, {"other", "yes", "", false}, GS_VERDICT_NO},
    {{"gpu", "yes", "PreferNoSchedule"}, {"other", "yes", "", false}, GS_VERDICT_YES},
};

static void constraint__tolerations_mean_what_kubernetes_means(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(tolerations); i++) {
        struct gs_node_facts facts = {
            .taints = &tolerations[i].taint, .n_taints = 1, .labels_complete = true};
        struct gs_constraint constraint = {.tolerations = &tolerations[i].toleration,
                                           .n_tolerations = 1};
        if (gs_constraint_check(&constraint, &facts, NULL) != tolerations[i].verdict) {
            fail_msg("row %zu", i);
        }
    }
}

static void constraint__every_taint_needs_a_toleration(void **state)
{
    (void)state;
    struct gs_node_facts facts = {TAINTS({"soft", "", "PreferNoSchedule"},
                                         {"one", "", "NoSchedule"}, {"two", "", "NoExecute"})};
    const struct gs_toleration both[] = {{"two", "", "", true}, {"one", "", "", true}};
    struct gs_constraint constraint = {.tolerations = both, .n_tolerations = 2};
    const char *because = NULL;
    assert_int_equal(gs_constraint_check(&constraint, &facts, NULL), GS_VERDICT_YES);
    constraint.n_tolerations = 1;
    assert_int_equal(gs_constraint_check(&constraint, &facts, &because), GS_VERDICT_NO);
    assert_string_equal(because, "one");
    assert_int_equal(gs_constraint_check(NULL, &facts, &because), GS_VERDICT_NO);
}

static const struct gs_requirement zone_a = {"zone", GS_LABEL_IN, VALUES("a")};
static const struct gs_requirement zone_b = {"zone", GS_LABEL_IN, VALUES("b")};
static const struct gs_requirement rack_1 = {"rack", GS_LABEL_IN, VALUES("1")};

static void constraint__a_host_name_that_is_not_told_is_the_nodes_name(void **state)
{
    (void)state;
    const struct gs_requirement host = {"kubernetes.io/hostname", GS_LABEL_IN, VALUES("a")};
    const struct gs_constraint constraint = {.selector = {&host, 1}};
    const struct gs_label other = {"kubernetes.io/hostname", "b"};
    struct gs_node_facts facts = {.name = "a"};
    assert_int_equal(gs_constraint_check(&constraint, &facts, NULL), GS_VERDICT_YES);
    facts.name = "b";
    assert_int_equal(gs_constraint_check(&constraint, &facts, NULL), GS_VERDICT_NO);
    facts.name = NULL; /* a new node, whose name nobody knows */
    assert_int_equal(gs_constraint_check(&constraint, &facts, NULL), GS_VERDICT_UNKNOWN);
    facts = (struct gs_node_facts){.name = "a", .labels = &other, .n_labels = 1};
    assert_int_equal(gs_constraint_check(&constraint, &facts, NULL), GS_VERDICT_NO);
}

static void constraint__one_term_is_enough_and_an_empty_one_matches_nothing(void **state)
{
    (void)state;
    const struct gs_term terms[] = {{NULL, 0}, {&zone_b, 1}, {&zone_a, 1}};
    struct gs_constraint constraint = {.terms = terms, .n_terms = 3};
    const char *because = NULL;
    assert_int_equal(gs_constraint_check(&constraint, &node, NULL), GS_VERDICT_YES);
    constraint.n_terms = 1;
    assert_int_equal(gs_constraint_check(&constraint, &node, &because), GS_VERDICT_NO);
    assert_string_equal(because, "nodeSelectorTerms");
}

static void constraint__selector_and_affinity_must_both_hold(void **state)
{
    (void)state;
    const struct gs_term b = {&zone_b, 1};
    struct gs_constraint constraint = {.selector = {&zone_a, 1}, .terms = &b, .n_terms = 1};
    assert_int_equal(gs_constraint_check(&constraint, &node, NULL), GS_VERDICT_NO);
    const struct gs_term a = {&zone_a, 1};
    constraint.terms = &a;
    assert_int_equal(gs_constraint_check(&constraint, &node, NULL), GS_VERDICT_YES);
}

/* A term over a known and an unknown label; a constraint over such terms. */
static void constraint__a_sure_no_outweighs_what_is_not_known(void **state)
{
    (void)state;
    struct gs_node_facts partial = node;
    partial.labels_complete = false;
    const struct gs_requirement sure_no[] = {rack_1, zone_b};
    const struct gs_requirement open[] = {zone_a, rack_1};
    const struct gs_term terms[] = {{sure_no, 2}, {open, 2}, {&zone_a, 1}};
    struct gs_constraint constraint = {.terms = terms, .n_terms = 1};
    const char *because = NULL;
    assert_int_equal(gs_constraint_check(&constraint, &partial, &because), GS_VERDICT_NO);
    assert_string_equal(because, "zone");
    constraint.n_terms = 2;
    assert_int_equal(gs_constraint_check(&constraint, &partial, &because), GS_VERDICT_UNKNOWN);
    assert_string_equal(because, "rack");
    constraint.n_terms = 3;
    assert_int_equal(gs_constraint_check(&constraint, &partial, NULL), GS_VERDICT_YES);
    constraint.selector = (struct gs_term){&rack_1, 1};
    assert_int_equal(gs_constraint_check(&constraint, &partial, NULL), GS_VERDICT_UNKNOWN);
    constraint.n_terms = 1;
    assert_int_equal(gs_constraint_check(&constraint, &partial, NULL), GS_VERDICT_NO);
}

static void constraint__none_means_any_node_without_taints(void **state)
{
    (void)state;
    assert_int_equal(gs_constraint_check(NULL, &node, NULL), GS_VERDICT_YES);
    struct gs_constraint empty = {.n_terms = 0};
    assert_int_equal(gs_constraint_check(&empty, &node, NULL), GS_VERDICT_YES);
}

static const struct gs_requirement not_a = {"zone", GS_LABEL_NOT_IN, VALUES("a")};
static const struct gs_requirement a_b = {"zone", GS_LABEL_IN, VALUES("a", "b")};
static const struct gs_requirement field = {"zone", GS_LABEL_IN, VALUES("a"), .on_field = true};
static const struct gs_requirement ab[] = {{"zone", GS_LABEL_IN, VALUES("a")},
                                           {"zone", GS_LABEL_IN, VALUES("b")}};
static const struct gs_term term_a = {&zone_a, 1}, terms_ab[] = {{&zone_a, 1}, {&zone_b, 1}};
static const struct gs_toleration any = {"", "", "", true}, equal = {"", "", "", false},
                                  keyed = {"k", "", "", true}, no_run = {"", "", "e", true};

/* Every row differs from all the others in meaning or order. */
static const struct gs_constraint different[] = {
    {.n_terms = 0},
    {.selector = {&zone_a, 1}},
    {.selector = {&zone_b, 1}},
    {.selector = {&not_a, 1}},
    {.selector = {&a_b, 1}},
    {.selector = {&field, 1}},
    {.selector = {ab, 2}},
    {.terms = &term_a, .n_terms = 1},
    {.terms = terms_ab, .n_terms = 2},
    {.tolerations = &any, .n_tolerations = 1},
    {.tolerations = &equal, .n_tolerations = 1},
    {.tolerations = &keyed, .n_tolerations = 1},
    {.tolerations = &no_run, .n_tolerations = 1},
};

static void constraint__equal_is_same_meaning_in_the_same_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(different); i++) {
        for (size_t k = 0; k < GS_ARRAY_LEN(different); k++) {
            struct gs_constraint copy = different[k];
            assert_int_equal(gs_constraint_eq(&different[i], &copy), i == k);
        }
    }
    assert_true(gs_constraint_eq(NULL, NULL));
    assert_true(gs_constraint_eq(NULL, &different[0]));
    assert_false(gs_constraint_eq(NULL, &different[1]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constraint__operators_mean_what_kubernetes_means),
        cmocka_unit_test(constraint__what_a_volume_requires_may_be_its_drivers_label),
        cmocka_unit_test(constraint__what_a_volume_requires_is_blamed_on_it),
        cmocka_unit_test(constraint__a_field_is_unknown_while_the_node_has_no_name),
        cmocka_unit_test(constraint__a_label_that_no_pool_gives_is_not_there),
        cmocka_unit_test(constraint__tolerations_mean_what_kubernetes_means),
        cmocka_unit_test(constraint__every_taint_needs_a_toleration),
        cmocka_unit_test(constraint__a_host_name_that_is_not_told_is_the_nodes_name),
        cmocka_unit_test(constraint__one_term_is_enough_and_an_empty_one_matches_nothing),
        cmocka_unit_test(constraint__selector_and_affinity_must_both_hold),
        cmocka_unit_test(constraint__a_sure_no_outweighs_what_is_not_known),
        cmocka_unit_test(constraint__none_means_any_node_without_taints),
        cmocka_unit_test(constraint__equal_is_same_meaning_in_the_same_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
