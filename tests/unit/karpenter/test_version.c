#include "unit/check.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "karpenter/version.h"

static json_t *pod_of(const char *name, const char *image, const char *phase)
{
    return json_pack("{s:{s:{s:s}}, s:{s:[{s:s}, {s:s}]}, s:{s:s}}", "metadata", "labels",
                     "app.kubernetes.io/name", name, "spec", "containers", "image", "proxy:1.2",
                     "image", image, "status", "phase", phase);
}

static void version__is_the_tag_of_karpenters_image(void **state)
{
    static const struct {
        const char *image, *text; /* text NULL: it says none */
        bool keeps;
    } cases[] = {
        {"public.ecr.aws/karpenter/controller:1.10.0@sha256:0123", "1.10.0", false},
        {"public.ecr.aws/karpenter/controller:1.11.0", "1.11.0", true},
        {"public.ecr.aws/karpenter/controller:1.7.1", "1.7.1", false},
        {"public.ecr.aws/karpenter/controller:v0.37.5", "0.37.5", false},
        {"public.ecr.aws/karpenter/controller:2.0.0", "2.0.0", true},
        {"1.dkr.ecr.eu-west-1.amazonaws.com/mirror/karpenter/controller:1.9", "1.9", false},
        {"karpenter/controller:1.14.1-rc.1", "1.14.1-rc.1", true},
        {"public.ecr.aws/karpenter/controller:latest", NULL, false},
        {"public.ecr.aws/karpenter/controller@sha256:0123", NULL, false},
        {"public.ecr.aws/karpenter/controller:1.10x", NULL, false},
        {"public.ecr.aws/karpenter/controller:1", NULL, false},
        {"public.ecr.aws/karpenter/controller:99999.1.0", NULL, false},
        {"public.ecr.aws/karpenter/controller:1.10.0-0123456789012345678901234567890", NULL, false},
        {"example.com/notkarpenter/controller:1.10.0", NULL, false},
        {"public.ecr.aws/karpenter/other:1.10.0", NULL, false},
        {"", NULL, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gs_karpenter_version read = {.text = ""};
        json_t *pod = pod_of("karpenter", cases[i].image, "Running");
        bool is = gs_karpenter_version_read(pod, &read);
        json_decref(pod);
        if (is != (cases[i].text != NULL) || (is && strcmp(read.text, cases[i].text) != 0) ||
            (is && gs_karpenter_version_keeps_limits(&read) != cases[i].keeps)) {
            fail_msg("%s: %d \"%s\"", cases[i].image, is, read.text);
        }
    }
}

static void version__is_of_pods_of_karpenter_that_run(void **state)
{
    static const char image[] = "public.ecr.aws/karpenter/controller:1.10.0";
    static const struct {
        const char *name, *phase;
        bool ends, is;
    } cases[] = {{"karpenter", "Running", false, true},    {"karpenter", "Pending", false, true},
                 {"karpenter", "Running", true, false},    {"karpenter", "Failed", false, false},
                 {"karpenter", "Succeeded", false, false}, {"other", "Running", false, false}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gs_karpenter_version read;
        json_t *pod = pod_of(cases[i].name, image, cases[i].phase);
        if (cases[i].ends) {
            json_object_set_new(json_object_get(pod, "metadata"), "deletionTimestamp",
                                json_string("2026-01-01T00:00:00Z"));
        }
        assert_int_equal(gs_karpenter_version_read(pod, &read), cases[i].is);
        json_decref(pod);
    }
    struct gs_karpenter_version read;
    json_t *odd = json_pack("{s:[], s:s, s:i}", "metadata", "spec", "x", "status", 3);
    assert_false(gs_karpenter_version_read(odd, &read));
    json_decref(odd);
    assert_false(gs_karpenter_version_read(NULL, &read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version__is_the_tag_of_karpenters_image),
        cmocka_unit_test(version__is_of_pods_of_karpenter_that_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
