#include "unit/check.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "admit/admit.h"
#include "base/cleanup.h"
#include "wire/base64.h"

#define REVIEW(request)                                                                            \
    "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{"           \
    "\"uid\":\"u-1\"," request "}}"
#define CREATE "\"operation\":\"CREATE\",\"resource\":{\"resource\":\"pods\"},\"namespace\":\"ns\","
#define POD(metadata, spec)                                                                        \
    REVIEW(CREATE "\"object\":{\"metadata\":{\"name\":\"p\"" metadata "},\"spec\":{" spec "}}")
#define CONTAINER(name, what) "{\"name\":\"" name "\",\"resources\":{\"limits\":{" what "}}}"
#define ONE(what) "\"containers\":[" CONTAINER("main", what) "]"
#define SLICE ONE("\"nvidia.com/mig-1g.5gb\":\"1\"")
#define FIRST                                                                                      \
    "[{\"op\":\"add\",\"path\":\"/spec/schedulingGates\",\"value\":[{\"name\":"                    \
    "\"gpuslice.dev/slice\"}]}]"
#define MORE                                                                                       \
    "[{\"op\":\"add\",\"path\":\"/spec/schedulingGates/-\",\"value\":{\"name\":"                   \
    "\"gpuslice.dev/slice\"}}]"

static enum gs_admit_supply supply(void *ctx, const struct gs_profile_name *profile)
{
    (void)profile;
    return *(enum gs_admit_supply *)ctx;
}

struct answered {
    struct gs_admit_verdict verdict;
    json_t *answer;
    json_t *response;
};

static int ask(const char *review, bool gate, enum gs_admit_supply known, struct answered *ret,
               struct gs_err *err)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    const struct gs_admit_rules rules = {.gate = gate, .supply = supply, .ctx = &known};
    memset(ret, 0, sizeof(*ret));
    gs_buf_init(&out, GS_ADMIT_ANSWER_MAX);
    int r = gs_admit_review(gs_view(review), &rules, &out, &ret->verdict, err);
    if (r == 0) {
        ret->answer = json_loads(gs_buf_text(&out), JSON_REJECT_DUPLICATES, NULL);
        ret->response = json_object_get(ret->answer, "response");
        assert_string_equal(json_string_value(json_object_get(ret->response, "uid")), "u-1");
    }
    return r;
}

/* The patch as text; "" for none. */
static void patch_of(const struct answered *got, char *ret, size_t size)
{
    struct gs_arena arena;
    struct gs_view bytes = {.p = "", .n = 0};
    const char *text = json_string_value(json_object_get(got->response, "patch"));
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 16);
    if (text != NULL) {
        assert_string_equal(json_string_value(json_object_get(got->response, "patchType")),
                            "JSONPatch");
        assert_int_equal(gs_base64_decode(gs_view(text), &arena, &bytes, NULL), 0);
    }
    snprintf(ret, size, "%.*s", (int)bytes.n, bytes.p);
    gs_arena_done(&arena);
}

static void admit__the_gate_is_put_where_it_helps_and_nowhere_else(void **state)
{
    static const struct {
        const char *what;
        const char *review;
        bool gate;
        const char *patch;
    } cases[] = {
        {"a pod that asks for a slice", POD("", SLICE), true, FIRST},
        {"nobody decides", POD("", SLICE), false, ""},
        {"no slice", POD("", ONE("\"cpu\":\"1\"")), true, ""},
        {"no slice in numbers", POD("", ONE("\"nvidia.com/mig-1g.5gb\":0")), true, ""},
        {"a whole GPU", POD("", ONE("\"nvidia.com/gpu\":1")), true, ""},
        {"by its request",
         POD("",
             "\"containers\":[{\"resources\":{\"requests\":{\"nvidia.com/mig-2g.10gb\":\"2\"}}}]"),
         true, FIRST},
        {"in an init container",
         POD("", "\"initContainers\":[" CONTAINER(
                     "i", "\"nvidia.com/mig-1g.5gb\":1") "],"
                                                         "\"containers\":[]"),
         true, FIRST},
        {"other gates", POD("", SLICE ",\"schedulingGates\":[{\"name\":\"a\"}]"), true, MORE},
        {"an empty list of gates", POD("", SLICE ",\"schedulingGates\":[]"), true, MORE},
        {"a list of gates that is null", POD("", SLICE ",\"schedulingGates\":null"), true, FIRST},
        {"the gate is there",
         POD("", SLICE ",\"schedulingGates\":[{\"name\":\"a\"},{\"name\":\"gpuslice.dev/slice\"}]"),
         true, ""},
        {"a node's name", POD("", SLICE ",\"nodeName\":\"n\""), true, ""},
        {"an empty name of a node", POD("", SLICE ",\"nodeName\":\"\""), true, FIRST},
        {"of a DaemonSet",
         POD(",\"ownerReferences\":[{\"kind\":\"DaemonSet\",\"name\":\"d\"}]", SLICE), true, ""},
        {"of a ReplicaSet",
         POD(",\"ownerReferences\":[{\"kind\":\"ReplicaSet\",\"name\":\"d\"}]", SLICE), true,
         FIRST},
        {"a mirror of a static pod",
         POD(",\"annotations\":{\"kubernetes.io/config.mirror\":\"x\"}", SLICE), true, ""},
        {"a compute instance", POD("", ONE("\"nvidia.com/mig-1c.3g.20gb\":1")), true, ""},
        {"shares of slices", POD("", ONE("\"nvidia.com/mig-1g.5gb.shared\":1")), true, ""},
        {"dry run", REVIEW(CREATE "\"dryRun\":true,\"object\":{\"spec\":{" SLICE "}}"), true,
         FIRST},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct answered got;
        struct gs_err err = {.msg = ""};
        char patch[300];
        int r = ask(cases[i].review, cases[i].gate, GS_ADMIT_SUPPLY_YES, &got, &err);
        if (r == 0) {
            patch_of(&got, patch, sizeof(patch));
        }
        if (r != 0 || strcmp(patch, cases[i].patch) != 0 ||
            got.verdict.outcome != (patch[0] == '\0' ? GS_ADMIT_LET : GS_ADMIT_GATED) ||
            !json_is_true(json_object_get(got.response, "allowed"))) {
            print_message("%s: %d %s: %s\n", cases[i].what, r, err.msg, got.verdict.message);
            fail();
        }
        json_decref(got.answer);
    }
}

static void admit__what_can_never_run_is_refused_with_the_fix(void **state)
{
    static const struct {
        const char *review;
        enum gs_admit_supply known;
        const char *message;
    } cases[] = {
        {POD("", ONE("\"nvidia.com/gpu\":\"1\",\"nvidia.com/mig-1g.5gb\":\"2\"")),
         GS_ADMIT_SUPPLY_YES,
         "container \"main\" asks for a whole GPU (nvidia.com/gpu: 1) and for a slice "
         "(nvidia.com/mig-1g.5gb: 2), and would hold both; for the slice, keep "
         "nvidia.com/mig-1g.5gb and remove nvidia.com/gpu; for a whole GPU, the other way round"},
        {POD("", ONE("\"nvidia.com/mig-1g5gb\":1")), GS_ADMIT_SUPPLY_UNKNOWN,
         "container \"main\" asks for nvidia.com/mig-1g5gb, which is not the name of a MIG profile; "
         "expected a name as nvidia.com/mig-1g.5gb; near names: nvidia.com/mig-1g.5gb, "
         "nvidia.com/mig-1g.6gb, nvidia.com/mig-1g.8gb"},
        {POD("", ONE("\"nvidia.com/mig-1g.4gb\":1")), GS_ADMIT_SUPPLY_NO,
         "container \"main\" asks for nvidia.com/mig-1g.4gb, a profile that no GPU has; near names: nvidia.com/mig-1g.6gb, nvidia.com/mig-1g.5gb, nvidia.com/mig-1g.24gb; `gpuslice profiles` lists them all"},
        {POD("", ONE("\"nvidia.com/mig-3g.20gb\":1")), GS_ADMIT_SUPPLY_NO,
         "container \"main\" asks for nvidia.com/mig-3g.20gb: no node has a GPU that can be cut "
         "into it, and no SlicePool has it; add 3g.20gb to spec.profiles of a SlicePool, or ask for "
         "a profile that one has"},
        {POD("", ONE("\"nvidia.com/mig-1g.10gb.me\":1")), GS_ADMIT_SUPPLY_NO,
         "container \"main\" asks for nvidia.com/mig-1g.10gb.me: no node has a GPU that can be "
         "cut into it, and no SlicePool has it; add 1g.10gb+me to spec.profiles of a SlicePool, or "
         "ask for a profile that one has"},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct answered got;
        struct gs_err err = {.msg = ""};
        assert_int_equal(ask(cases[i].review, true, cases[i].known, &got, &err), 0);
        assert_int_equal(got.verdict.outcome, GS_ADMIT_REFUSED);
        assert_true(json_is_false(json_object_get(got.response, "allowed")));
        const json_t *status = json_object_get(got.response, "status");
        assert_string_equal(json_string_value(json_object_get(status, "message")),
                            cases[i].message);
        assert_string_equal(got.verdict.message, cases[i].message);
        assert_string_equal(got.verdict.pod, "ns/p");
        assert_null(json_object_get(got.response, "patch"));
        json_decref(got.answer);
    }
}

static void admit__what_may_run_comes_with_a_warning(void **state)
{
    static const struct {
        const char *review;
        enum gs_admit_supply known;
        enum gs_admit_outcome outcome;
        const char *part;
    } cases[] = {
        {POD("", SLICE), GS_ADMIT_SUPPLY_UNKNOWN, GS_ADMIT_GATED,
         "no node has nvidia.com/mig-1g.5gb"},
        /* A GPU that is newer than the catalogue. */
        {POD("", ONE("\"nvidia.com/mig-1g.4gb\":1")), GS_ADMIT_SUPPLY_YES, GS_ADMIT_GATED, ""},
        {POD("", ONE("\"nvidia.com/mig-1c.3g.20gb\":1")), GS_ADMIT_SUPPLY_UNKNOWN, GS_ADMIT_LET,
         "compute instance"},
        {POD("", ONE("\"nvidia.com/mig-1g.5gb.shared\":1")), GS_ADMIT_SUPPLY_UNKNOWN, GS_ADMIT_LET,
         "shares"},
        {POD("", "\"containers\":[" CONTAINER("a", "\"nvidia.com/gpu\":1") "," CONTAINER(
                     "b", "\"nvidia.com/mig-1g.5gb\":1") "]"),
         GS_ADMIT_SUPPLY_YES, GS_ADMIT_GATED, "only on a node that has both"},
        {REVIEW("\"operation\":\"UPDATE\",\"resource\":{\"resource\":\"pods\"},\"object\":{}"),
         GS_ADMIT_SUPPLY_YES, GS_ADMIT_PASSED_OVER, "expected a pod that is created"},
        {REVIEW("\"operation\":\"CREATE\",\"resource\":{\"resource\":\"nodes\"},\"object\":{}"),
         GS_ADMIT_SUPPLY_YES, GS_ADMIT_PASSED_OVER, "expected a pod that is created"},
        {REVIEW(CREATE "\"subResource\":\"binding\",\"object\":{}"), GS_ADMIT_SUPPLY_YES,
         GS_ADMIT_PASSED_OVER, "expected a pod that is created"},
        {REVIEW("\"operation\":7"), GS_ADMIT_SUPPLY_YES, GS_ADMIT_PASSED_OVER, "expected a pod"},
        {REVIEW(CREATE "\"object\":{}"), GS_ADMIT_SUPPLY_YES, GS_ADMIT_PASSED_OVER,
         "a pod without spec"},
        {POD("", ONE("\"nvidia.com/mig-1g.5gb\":\"1.5\"")), GS_ADMIT_SUPPLY_YES,
         GS_ADMIT_PASSED_OVER, "found a fraction"},
        {POD("", ONE("\"nvidia.com/mig-1g.5gb\":[]")), GS_ADMIT_SUPPLY_YES, GS_ADMIT_PASSED_OVER,
         "resource nvidia.com/mig-1g.5gb"},
        {POD("", "\"containers\":{}"), GS_ADMIT_SUPPLY_YES, GS_ADMIT_PASSED_OVER, "containers"},
        {POD("", "\"containers\":[3]"), GS_ADMIT_SUPPLY_YES, GS_ADMIT_PASSED_OVER,
         "a container is a number"},
        {POD("", SLICE ",\"schedulingGates\":3"), GS_ADMIT_SUPPLY_YES, GS_ADMIT_PASSED_OVER,
         "schedulingGates"},
        {POD(",\"ownerReferences\":3", SLICE), GS_ADMIT_SUPPLY_YES, GS_ADMIT_PASSED_OVER,
         "ownerReferences"},
        {POD("", ONE("\"nvidia.com/mig-1g.5gb\\u0007\":1")), GS_ADMIT_SUPPLY_YES,
         GS_ADMIT_PASSED_OVER, "control character"},
        {POD("", "\"containers\":[" CONTAINER("h\xc3\xa9", "\"nvidia.com/mig-1g.5gb\":[]") "]"),
         GS_ADMIT_SUPPLY_YES, GS_ADMIT_PASSED_OVER, "container \"h??\""},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct answered got;
        struct gs_err err = {.msg = ""};
        int r = ask(cases[i].review, true, cases[i].known, &got, &err);
        json_t *warnings = r == 0 ? json_object_get(got.response, "warnings") : NULL;
        const char *said = json_string_value(json_array_get(warnings, 0));
        bool as_said = cases[i].part[0] == '\0'
                           ? said == NULL
                           : said != NULL && strstr(said, cases[i].part) != NULL;
        if (r != 0 || got.verdict.outcome != cases[i].outcome || !as_said ||
            !json_is_true(json_object_get(got.response, "allowed"))) {
            print_message("%s: %d %s; %s\n", cases[i].review, r, err.msg,
                          said == NULL ? "no warning" : said);
            fail();
        }
        json_decref(got.answer);
    }
}

static void admit__what_has_no_answer_is_an_error(void **state)
{
    static const struct {
        const char *review;
        int code;
        const char *part;
    } cases[] = {
        {"", GS_INVALID, "not JSON"},
        {"{", GS_INVALID, "not JSON"},
        {"[]", GS_INVALID, "an array"},
        {"{}", GS_INVALID, "AdmissionReview"},
        {"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1beta1\"}",
         GS_UNSUPPORTED, "v1beta1"},
        {"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\"}", GS_INVALID,
         "request.uid"},
        {"{\"kind\":\"AdmissionReview\",\"kind\":\"a\"}", GS_INVALID, "not JSON"},
        {"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{"
         "\"uid\":7}}",
         GS_INVALID, "uid"},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct answered got;
        struct gs_err err = {.msg = ""};
        int r = ask(cases[i].review, true, GS_ADMIT_SUPPLY_YES, &got, &err);
        if (r != cases[i].code || strstr(err.msg, cases[i].part) == NULL) {
            print_message("%s: %d %s\n", cases[i].review, r, err.msg);
            fail();
        }
    }
}

static void admit__a_dry_run_is_known_and_a_pod_of_a_set_is_named_by_its_beginning(void **state)
{
    struct answered got;
    struct gs_err err = {.msg = ""};
    (void)state;
    assert_int_equal(ask(REVIEW(CREATE "\"dryRun\":true,\"object\":{\"metadata\":{\"generateName\":"
                                       "\"set-\"},\"spec\":{" SLICE "}}"),
                         true, GS_ADMIT_SUPPLY_YES, &got, &err),
                     0);
    assert_true(got.verdict.dry_run);
    assert_string_equal(got.verdict.pod, "ns/set-");
    json_decref(got.answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(admit__the_gate_is_put_where_it_helps_and_nowhere_else),
        cmocka_unit_test(admit__what_can_never_run_is_refused_with_the_fix),
        cmocka_unit_test(admit__what_may_run_comes_with_a_warning),
        cmocka_unit_test(admit__what_has_no_answer_is_an_error),
        cmocka_unit_test(admit__a_dry_run_is_known_and_a_pod_of_a_set_is_named_by_its_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
