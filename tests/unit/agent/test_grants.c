/* Grants that the kubelet was answered and does not show yet. */
#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "agent/grants.h"

static const char *const one[] = {"MIG-a"};
static const char *const two[] = {"MIG-b", "MIG-c::1"};

static void add(struct gs_grants *grants, const char *const *ids, unsigned n, uint64_t at_us)
{
    const struct gs_dp_ids asked = {.n = n, .ids = ids};
    assert_int_equal(gs_grants_add(grants, "nvidia.com/mig-1g.5gb", &asked, at_us, NULL), 0);
}

static unsigned left(const struct gs_grants *grants, uint64_t now_us, uint64_t *ret_age_us)
{
    struct gs_arena arena;
    struct gs_holding_input input = {.n_grants = 0};
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 20);
    assert_true(gs_grants_copy(grants, now_us, &arena, &input));
    unsigned n = input.n_grants;
    *ret_age_us = n == 0 ? 0 : input.grants[0].age_us;
    gs_arena_done(&arena);
    return n;
}

static void grants__are_in_flight_until_the_kubelet_shows_them(void **state)
{
    (void)state;
    uint64_t age;
    struct gs_grants *grants = gs_grants_new();
    const struct gs_kubelet_grant shown = {.ids = one, .n_ids = 1};
    const struct gs_kubelet_checkpoint checkpoint = {.n_grants = 1, .grants = &shown};
    add(grants, one, 1, 100);
    add(grants, two, 2, 150);
    assert_int_equal(left(grants, 200, &age), 3);
    gs_grants_seen(grants, NULL, &checkpoint, 160);
    assert_int_equal(left(grants, 200, &age), 2);
    assert_true(gs_grants_have(grants, "MIG-c"));
    assert_false(gs_grants_have(grants, "MIG-a"));
    gs_grants_free(grants);
}

/* What the kubelet shows may be of an older grant of the same device. */
static void grants__given_after_the_question_stay(void **state)
{
    (void)state;
    uint64_t age;
    struct gs_grants *grants = gs_grants_new();
    const struct gs_kubelet_grant shown = {.ids = one, .n_ids = 1};
    const struct gs_kubelet_checkpoint checkpoint = {.n_grants = 1, .grants = &shown};
    add(grants, one, 1, 100);
    gs_grants_seen(grants, NULL, &checkpoint, 100);
    assert_int_equal(left(grants, 200, &age), 1);
    gs_grants_free(grants);
}

static void grants__of_the_same_device_are_one_and_the_latest_counts(void **state)
{
    (void)state;
    uint64_t age;
    struct gs_grants *grants = gs_grants_new();
    add(grants, one, 1, 100);
    add(grants, one, 1, 500);
    assert_int_equal(left(grants, 600, &age), 1);
    assert_int_equal(age, 100);
    gs_grants_free(grants);
}

static void grants__without_a_pod_are_over_after_a_while(void **state)
{
    (void)state;
    uint64_t age;
    struct gs_grants *grants = gs_grants_new();
    add(grants, one, 1, 100);
    add(grants, two, 2, 1000);
    gs_grants_expire(grants, 1200, 1000);
    assert_int_equal(left(grants, 1200, &age), 2);
    gs_grants_free(grants);
}

static void grants__more_than_can_be_kept_are_refused(void **state)
{
    (void)state;
    struct gs_err err;
    struct gs_grants *grants = gs_grants_new();
    for (unsigned i = 0; i < GS_GRANTS_MAX; i++) {
        char id[32];
        const char *ids[] = {id};
        snprintf(id, sizeof(id), "MIG-%u", i);
        add(grants, ids, 1, i);
    }
    const struct gs_dp_ids more = {.n = 1, .ids = one};
    assert_int_equal(gs_grants_add(grants, "nvidia.com/gpu", &more, 0, &err), GS_LIMIT);
    gs_grants_free(grants);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grants__are_in_flight_until_the_kubelet_shows_them),
        cmocka_unit_test(grants__given_after_the_question_stay),
        cmocka_unit_test(grants__of_the_same_device_are_one_and_the_latest_counts),
        cmocka_unit_test(grants__without_a_pod_are_over_after_a_while),
        cmocka_unit_test(grants__more_than_can_be_kept_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
