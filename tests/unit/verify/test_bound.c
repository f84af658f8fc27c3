#include <jansson.h>
#include <string.h>

#include "unit/check.h"

#include "verify/bound.h"

static struct gs_arena arena;

static int set_up(void **state)
{
    (void)state;
    gs_arena_init(&arena, &gs_alloc_heap, (size_t)64 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gs_arena_done(&arena);
    return 0;
}

/* A split names a column by its number. */
static int find(void *ctx, const struct gs_field *split, size_t *ret_col, struct gs_err *err)
{
    const struct gs_bound *bound = ctx;
    uint32_t col;
    int r = gs_field_to_index(split, bound->n_cols, "columns", &col, err);
    *ret_col = r == 0 ? col : 0;
    return r;
}

static int check_text(struct gs_bound *bound, const char *text, struct gs_bound_result *ret,
                      struct gs_err *err)
{
    json_t *tree = json_loads(text, 0, NULL);
    assert_non_null(tree);
    const struct gs_field root = {.value = tree};
    const struct gs_bound_reader reader = {.find = find, .names = bound};
    int r = gs_bound_check(bound, &root, &reader, ret, err);
    json_decref(tree);
    return r;
}

/* minimise 3x + 2y, 2x + y >= 5, x + 3y >= 6, x and y to 10: the optimum is 9 at (1, 3). */
static void small_program(struct gs_bound *bound)
{
    static const int64_t rhs[] = {5, 6};
    *bound = (struct gs_bound){.arena = &arena, .n_rows = 2, .rhs = rhs};
    gs_bound_add_col(bound, 3, 10);
    gs_bound_add_entry(bound, 0, 2);
    gs_bound_add_entry(bound, 1, 1);
    gs_bound_add_col(bound, 2, 10);
    gs_bound_add_entry(bound, 0, 1);
    gs_bound_add_entry(bound, 1, 3);
}

static void bound__weighs_a_leaf_by_its_multipliers(void **state)
{
    (void)state;
    struct gs_bound bound;
    struct gs_bound_result result;
    small_program(&bound);
    /* The duals are 7/5 and 1/5: 8.2, so 9. */
    assert_int_equal(check_text(&bound, "{\"scale\": 5, \"tree\": [{\"leaf\": [[0, 7], [1, 1]]}]}",
                                &result, NULL),
                     0);
    assert_int_equal(result.least, 9);
    assert_int_equal(result.n_leaves, 1);
    /* Too large a price of row 0 is paid back by columns at their upper ends. */
    assert_int_equal(check_text(&bound, "{\"scale\": 5, \"tree\": [{\"leaf\": [[0, 8], [1, 1]]}]}",
                                &result, NULL),
                     0);
    assert_int_equal(result.least, 4 /* (46 - 20 - 10) / 5, rounded up */);
    assert_int_equal(
        check_text(&bound, "{\"scale\": 1, \"tree\": [{\"leaf\": []}]}", &result, NULL), 0);
    assert_int_equal(result.least, 0);
}

static void bound__takes_the_least_leaf_of_a_tree(void **state)
{
    (void)state;
    struct gs_bound bound;
    struct gs_bound_result result;
    small_program(&bound);
    /* x >= 2: 3x alone is 6. x <= 1: y >= 3 from row 0. */
    static const char text[] =
        "{\"scale\": 1, \"tree\": [{\"split\": 0, \"at\": 1}, {\"leaf\": []}, "
        "{\"leaf\": [[0, 2]]}]}";
    assert_int_equal(check_text(&bound, text, &result, NULL), 0);
    assert_int_equal(result.least, 6);
    assert_int_equal(result.leaf, 0);
    assert_int_equal(result.n_leaves, 2);
}

static void bound__passes_over_leaves_that_hold_nothing(void **state)
{
    (void)state;
    struct gs_bound bound;
    struct gs_bound_result result;
    small_program(&bound);
    static const char text[] =
        "{\"scale\": 5, \"tree\": [{\"split\": 1, \"at\": 10}, {\"leaf\": []}, "
        "{\"leaf\": [[0, 7], [1, 1]]}]}";
    assert_int_equal(check_text(&bound, text, &result, NULL), 0);
    assert_int_equal(result.least, 9);
    assert_int_equal(result.n_leaves, 2);
}

static void bound__refuses_trees_that_leave_a_side_out(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"{\"scale\": 1, \"tree\": []}", "tree: the tree is not complete"},
        {"{\"scale\": 1, \"tree\": [{\"split\": 0, \"at\": 1}, {\"leaf\": []}]}",
         "tree: the tree is not complete"},
        {"{\"scale\": 1, \"tree\": [{\"leaf\": []}, {\"leaf\": []}]}",
         "tree[1]: the tree was complete before it"},
        {"{\"scale\": 0, \"tree\": [{\"leaf\": []}]}", "scale: it is 0"},
        {"{\"scale\": 1, \"tree\": [{\"split\": 2, \"at\": 1}]}", "tree[0].split: it is 2"},
        {"{\"scale\": 1, \"tree\": [{\"split\": 0, \"at\": -1}]}", "tree[0].at: it is -1"},
        {"{\"scale\": 1, \"tree\": [{\"leaf\": [[0, 1], [0, 1]]}]}",
         "tree[0].leaf[1]: row 0 is there twice"},
        {"{\"scale\": 1, \"tree\": [{\"leaf\": [[2, 1]]}]}", "tree[0].leaf[0][0]: it is 2"},
        {"{\"scale\": 1, \"tree\": [{}]}", "tree[0]: it has no \"split\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gs_bound bound;
        struct gs_bound_result result;
        struct gs_err err = {0};
        small_program(&bound);
        assert_int_equal(check_text(&bound, cases[i].text, &result, &err), GS_INVALID);
        if (strstr(err.msg, cases[i].says) == NULL) {
            fail_msg("expected \"%s\", got \"%s\"", cases[i].says, err.msg);
        }
    }
}

static void bound__refuses_numbers_that_do_not_fit_128_bits(void **state)
{
    (void)state;
    static const int64_t rhs[] = {INT64_MAX};
    struct gs_bound bound = {.arena = &arena, .n_rows = 1, .rhs = rhs};
    gs_bound_add_col(&bound, INT64_MAX, INT64_MAX);
    gs_bound_add_entry(&bound, 0, INT64_MAX);
    struct gs_bound_result result;
    struct gs_err err = {0};
    static const char text[] =
        "{\"scale\": 9007199254740992, \"tree\": [{\"leaf\": [[0, 9223372036854775807]]}]}";
    assert_int_equal(check_text(&bound, text, &result, &err), GS_INVALID);
    assert_non_null(strstr(err.msg, "too large to be checked in 128 bits"));
    __int128 sum = 0;
    assert_true(gs_bound_add_product(&sum, (__int128)1 << 62, -((__int128)1 << 62)));
    assert_true(sum == -((__int128)1 << 124));
    assert_false(gs_bound_add_product(&sum, (__int128)1 << 63, (__int128)1 << 63));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bound__weighs_a_leaf_by_its_multipliers),
        cmocka_unit_test(bound__takes_the_least_leaf_of_a_tree),
        cmocka_unit_test(bound__passes_over_leaves_that_hold_nothing),
        cmocka_unit_test(bound__refuses_trees_that_leave_a_side_out),
        cmocka_unit_test(bound__refuses_numbers_that_do_not_fit_128_bits),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
