#include "torture/torture.h"
#include "unit/verify/plans.h"

#include "verify/verify.h"

/* Plans are written with ' for ". */
static int verify(const struct gs_alloc *source, const char *plan, struct gs_err *err)
{
    static char text[8192];
    size_t n = strlen(plan);
    assert_true(n < sizeof(text));
    for (size_t i = 0; i <= n; i++) {
        text[i] = plan[i];
        text[i] = text[i] == '\'' ? '"' : text[i];
    }
    static struct gs_verify_report report;
    return gs_verify_plan_with(source, "f", gs_view(text), &report, err);
}

static int verify_gpus(const struct gs_alloc *source, struct gs_err *err)
{
    return verify(source, PLAN_GPUS, err);
}

static int verify_nodes(const struct gs_alloc *source, struct gs_err *err)
{
    return verify(source, PLAN_NODES, err);
}

static int verify_search(const struct gs_alloc *source, struct gs_err *err)
{
    return verify(source, PLAN_SEARCH, err);
}

static int verify_existing(const struct gs_alloc *source, struct gs_err *err)
{
    return verify(source, PLAN_EXISTING, err);
}

static void torture__verify_survives_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_arena(verify_gpus, 1) >= 20);
    assert_true(torture_arena(verify_nodes, 1) >= 20);
    assert_true(torture_arena(verify_search, 1) >= 20);
    assert_true(torture_arena(verify_existing, 1) >= 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__verify_survives_each_failed_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
