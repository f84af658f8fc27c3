#include "torture/torture.h"

#include "admit/admit.h"

#define POD(name, asks)                                                                             \
    "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{\"uid\":"    \
    "\"u\",\"operation\":\"CREATE\",\"resource\":{\"resource\":\"pods\"},\"object\":{\"metadata\":" \
    "{\"name\":\"" name "\"},\"spec\":{\"containers\":[{\"name\":\"m\",\"resources\":{"             \
    "\"limits\":{" asks "}}}]}}}}"

static enum gs_admit_supply supply(void *ctx, const struct gs_profile_name *profile)
{
    (void)ctx;
    (void)profile;
    return GS_ADMIT_SUPPLY_YES;
}

static int ask(const char *review, enum gs_admit_outcome outcome, struct gs_err *err)
{
    const struct gs_admit_rules rules = {.gate = true, .supply = supply};
    struct gs_admit_verdict verdict;
    struct gs_buf out;
    gs_buf_init(&out, GS_ADMIT_ANSWER_MAX);
    int r = gs_admit_review(gs_view(review), &rules, &out, &verdict, err);
    if (r == 0) {
        assert_int_equal(verdict.outcome, outcome);
    }
    gs_buf_done(&out);
    return r;
}

static int ask_both(struct gs_err *err)
{
    int r = ask(POD("a", "\"nvidia.com/mig-1g.5gb\":1"), GS_ADMIT_GATED, err);
    return r == 0 ? ask(POD("b", "\"nvidia.com/mig-1g5gb\":1"), GS_ADMIT_REFUSED, err) : r;
}

static void torture__a_review_is_answered_or_not_whatever_request_fails(void **state)
{
    (void)state;
    assert_true(torture_heap(ask_both, 1) > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__a_review_is_answered_or_not_whatever_request_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
