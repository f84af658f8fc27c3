#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "unit/wire/json_text.h"
#include "wire/kubewait.h"

static struct gs_arena arena;

static int parse(const char *text, struct gs_kubewait *ret, struct gs_err *err)
{
    json_t *object = json_text(text);
    int r = gs_kubewait_parse(object, &arena, ret, err);
    json_decref(object);
    return r;
}

static int set_up(void **state)
{
    (void)state;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gs_arena_done(&arena);
    return 0;
}

static void kubewait__a_pod_that_waits_for_us_and_others(void **state)
{
    struct gs_kubewait wait;
    (void)state;
    assert_int_equal(
        parse(
            "{'metadata':{'uid':'u','resourceVersion':'7','creationTimestamp':"
            "'2026-01-01T00:00:01Z','annotations':{'gpuslice.dev/booked':'n1',"
            "'gpuslice.dev/move':'allow','gpuslice.dev/moving':'{}','karpenter.sh/do-not-disrupt':'true'}},'spec':{"
            "'schedulingGates':[{'name':'a.io/x'},{'name':'gpuslice.dev/slice'}],'affinity':{"
            "'nodeAffinity':{'preferredDuringSchedulingIgnoredDuringExecution':[{'weight':1}]}}},"
            "'status':{'nominatedNodeName':'n2','conditions':[{'type':'PodScheduled','status':"
            "'False','reason':'Unschedulable'}]}}",
            &wait, NULL),
        0);
    assert_string_equal(wait.uid, "u");
    assert_string_equal(wait.resource_version, "7");
    assert_int_equal(wait.created_us, 1767225601000000ull);
    assert_true(wait.gated);
    assert_int_equal(wait.n_others, 1);
    assert_string_equal(wait.others, "[{\"name\":\"a.io/x\"}]");
    assert_string_equal(wait.preferred, "[{\"weight\":1}]");
    assert_true(wait.unschedulable);
    assert_string_equal(wait.nominated, "n2");
    assert_string_equal(wait.booked, "n1");
    assert_string_equal(wait.moving, "{}");
    assert_true(wait.may_move);
    assert_true(wait.stays);
}

static void kubewait__a_pod_without_any_of_it(void **state)
{
    struct gs_kubewait wait;
    (void)state;
    assert_int_equal(parse("{'metadata':{},'spec':{},'status':{'conditions':[{'type':"
                           "'PodScheduled','status':'False','reason':'SchedulingGated'}]}}",
                           &wait, NULL),
                     0);
    assert_false(wait.gated || wait.unschedulable || wait.may_move || wait.stays);
    assert_string_equal(wait.others, "[]");
    assert_string_equal(wait.preferred, "[]");
    assert_string_equal(wait.nominated, "");
    assert_string_equal(wait.booked, "");
}

static void kubewait__what_is_no_pod_is_refused(void **state)
{
    static const char *const texts[] = {
        "{'metadata':[]}",
        "{'metadata':{'uid':7}}",
        "{'metadata':{'creationTimestamp':'yesterday'}}",
        "{'spec':{'schedulingGates':{}}}",
        "{'spec':{'affinity':{'nodeAffinity':7}}}",
        "{'status':{'nominatedNodeName':[]}}",
    };
    struct gs_kubewait wait;
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct gs_err err = {.code = GS_OK};
        assert_int_equal(parse(texts[i], &wait, &err), GS_INVALID);
        assert_true(err.msg[0] != '\0');
    }
}

/* Anybody may write annotations: they must not hide his pod. */
static void kubewait__what_we_have_not_written_is_absent(void **state)
{
    struct gs_kubewait wait;
    struct gs_err err = {.code = GS_OK};
    (void)state;
    assert_int_equal(parse("{'metadata':{'annotations':{'gpuslice.dev/booked':'a\\u0000b',"
                           "'gpuslice.dev/moving':'\\u007f','gpuslice.dev/warm':7}}}",
                           &wait, &err),
                     0);
    assert_string_equal(wait.booked, "");
    assert_string_equal(wait.moving, "");
    assert_string_equal(wait.warm, "");
}

/* Lists that are longer than we copy: the pod is read all the same. */
static void kubewait__lists_that_are_too_long_are_left_alone(void **state)
{
    static char text[600000];
    struct gs_kubewait wait;
    struct gs_err err = {.code = GS_OK};
    size_t n = 0;
    (void)state;
    n += (size_t)snprintf(text, sizeof(text),
                          "{'spec':{'schedulingGates':[{'name':'gpuslice.dev/slice'}");
    while (n < 300000) {
        n += (size_t)snprintf(text + n, sizeof(text) - n, ",{'name':'example.org/gate-%zu'}", n);
    }
    snprintf(text + n, sizeof(text) - n, "]}}");
    assert_int_equal(parse(text, &wait, &err), 0);
    assert_true(wait.gated);
    assert_null(wait.others);
    assert_true(wait.n_others > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(kubewait__a_pod_that_waits_for_us_and_others, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(kubewait__a_pod_without_any_of_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(kubewait__what_is_no_pod_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(kubewait__what_we_have_not_written_is_absent, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(kubewait__lists_that_are_too_long_are_left_alone, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
