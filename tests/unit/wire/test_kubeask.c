#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/cleanup.h"
#include "wire/kubeask.h"

static int parse(const char *spec, const char *prefix, char *to, size_t size, struct gs_err *err)
{
    struct gs_kubeask asks[GS_KUBEASK_MAX];
    size_t n = 0;
    json_t *object = json_loads(spec, 0, NULL);
    assert_non_null(object);
    int r = gs_kubeask_parse(object, prefix, asks, &n, err);
    to[0] = '\0';
    for (size_t i = 0; r == 0 && i < n; i++) {
        size_t at = strlen(to);
        snprintf(to + at, size - at, "%s=%u ", asks[i].resource, (unsigned)asks[i].count);
    }
    json_decref(object);
    return r;
}

#define REQUESTS(list) "{\"name\":\"c\",\"resources\":{\"requests\":{" list "}}}"
#define LIMITS(list) "{\"name\":\"c\",\"resources\":{\"limits\":{" list "}}}"
#define SIDECAR(list)                                                                              \
    "{\"name\":\"s\",\"restartPolicy\":\"Always\",\"resources\":{\"limits\":{" list "}}}"
#define GPU(n) "\"nvidia.com/gpu\":\"" n "\""
#define MIG(n) "\"nvidia.com/mig-1g.5gb\":\"" n "\""

static void kubeask__asks_are_counted_as_the_scheduler_does(void **state)
{
    static const struct {
        const char *spec;
        const char *asks;
    } cases[] = {
        {"{\"containers\":[" REQUESTS(GPU("1")) "]}", "nvidia.com/gpu=1 "},
        {"{\"containers\":[" LIMITS(GPU("2")) "]}", "nvidia.com/gpu=2 "},
        {"{\"containers\":[{\"name\":\"c\",\"resources\":{\"requests\":{" GPU(
             "1") "},"
                  "\"limits\":{" GPU("3") "," MIG("1") "}}}]}",
         "nvidia.com/gpu=1 nvidia.com/mig-1g.5gb=1 "},
        {"{\"containers\":[" LIMITS(MIG("1")) "," LIMITS(GPU("1") "," MIG("2")) "]}",
         "nvidia.com/gpu=1 nvidia.com/mig-1g.5gb=3 "},
        /* plain init containers: the largest moment */
        {"{\"initContainers\":[" LIMITS(MIG("2")) "," LIMITS(MIG("4")) "],\"containers\":[" LIMITS(
             MIG("3")) "]}",
         "nvidia.com/mig-1g.5gb=4 "},
        {"{\"initContainers\":[" LIMITS(MIG("2")) "," LIMITS(MIG("2")) "],\"containers\":[" LIMITS(
             MIG("3")) "]}",
         "nvidia.com/mig-1g.5gb=3 "},
        /* sidecars run beside the containers, and beside later init containers */
        {"{\"initContainers\":[" SIDECAR(MIG("1")) "],\"containers\":[" LIMITS(MIG("3")) "]}",
         "nvidia.com/mig-1g.5gb=4 "},
        {"{\"initContainers\":[" LIMITS(MIG("5")) "," SIDECAR(MIG("1")) "," LIMITS(
             MIG("2")) "],\"containers\":[" LIMITS(MIG("1")) "]}",
         "nvidia.com/mig-1g.5gb=5 "},
        {"{\"initContainers\":[" SIDECAR(MIG("1")) "," LIMITS(MIG("5")) "],\"containers\":[" LIMITS(
             MIG("1")) "]}",
         "nvidia.com/mig-1g.5gb=6 "},
        /* others, none, and zeros */
        {"{\"containers\":[" LIMITS("\"cpu\":\"2\",\"vpc.amazonaws.com/efa\":\"1\"") "]}", ""},
        {"{\"containers\":[" LIMITS(MIG("0")) "]}", ""},
        {"{\"containers\":[{\"name\":\"c\"}]}", ""},
        {"{}", ""},
        {"{\"overhead\":{" GPU("1") "},\"containers\":[" LIMITS(GPU("1")) "]}",
         "nvidia.com/gpu=1 "},
        {"{\"containers\":[" LIMITS("\"nvidia.com/gpu\":3") "," LIMITS(GPU("1e1")) "]}",
         "nvidia.com/gpu=13 "},
    };
    char asks[200];
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_err err = {.msg = ""};
        int r = parse(cases[i].spec, "nvidia.com/", asks, sizeof(asks), &err);
        if (r != 0 || strcmp(asks, cases[i].asks) != 0) {
            print_message("case %zu: %d %s; %s\n", i, r, err.msg, asks);
            fail();
        }
    }
    assert_int_equal(parse("{\"containers\":[" LIMITS("\"x.dev/a\":\"1\"," GPU("1")) "]}", "x.dev/",
                           asks, sizeof(asks), NULL),
                     0);
    assert_string_equal(asks, "x.dev/a=1 ");
}

static void kubeask__what_cannot_be_counted_is_refused(void **state)
{
    static const struct {
        const char *spec;
        int result;
    } cases[] = {
        {"{\"containers\":{}}", GS_INVALID},
        {"{\"containers\":[7]}", GS_INVALID},
        {"{\"containers\":[{\"resources\":[]}]}", GS_INVALID},
        {"{\"containers\":[" LIMITS(GPU("many")) "]}", GS_INVALID},
        {"{\"containers\":[" LIMITS(GPU("500m")) "]}", GS_INVALID},
        {"{\"containers\":[" LIMITS(GPU("-1")) "]}", GS_INVALID},
        {"{\"containers\":[" LIMITS("\"nvidia.com/gpu\":true") "]}", GS_INVALID},
        {"{\"containers\":[" LIMITS("\"nvidia.com/\\u0007\":\"1\"") "]}", GS_INVALID},
        {"{\"containers\":[" LIMITS(GPU("1000001")) "]}", GS_LIMIT},
        {"{\"initContainers\":[{\"restartPolicy\":7}]}", GS_INVALID},
    };
    char asks[200];
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_err err = {.msg = ""};
        int r = parse(cases[i].spec, "nvidia.com/", asks, sizeof(asks), &err);
        if (r != cases[i].result || err.msg[0] == '\0') {
            print_message("case %zu: %d %s\n", i, r, err.msg);
            fail();
        }
    }
}

static void kubeask__kinds_and_containers_have_bounds(void **state)
{
    char asks[4000];
    struct gs_kubeask found[GS_KUBEASK_MAX];
    size_t n = 0;
    json_t *limits = json_object();
    json_t *spec = json_pack("{s:[{s:{s:O}}]}", "containers", "resources", "limits", limits);
    (void)state;
    for (unsigned i = 0; i <= GS_KUBEASK_MAX; i++) {
        struct gs_err err = {.msg = ""};
        snprintf(asks, sizeof(asks), "nvidia.com/mig-%u", i);
        json_object_set_new(limits, asks, json_string("1"));
        assert_int_equal(gs_kubeask_parse(spec, "nvidia.com/", found, &n, &err),
                         i < GS_KUBEASK_MAX ? 0 : GS_LIMIT);
    }
    json_decref(spec);
    json_decref(limits);
    spec = json_pack("{s:[]}", "containers");
    for (unsigned i = 0; i < 1001; i++) {
        json_array_append_new(json_object_get(spec, "containers"), json_object());
    }
    assert_int_equal(gs_kubeask_parse(spec, "nvidia.com/", found, &n, NULL), GS_LIMIT);
    json_decref(spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kubeask__asks_are_counted_as_the_scheduler_does),
        cmocka_unit_test(kubeask__what_cannot_be_counted_is_refused),
        cmocka_unit_test(kubeask__kinds_and_containers_have_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
