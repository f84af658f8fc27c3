#include "unit/node/bed.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "node/allocate.h"

static struct bed bed;

static int set_up(void **state)
{
    (void)state;
    bed_init(&bed);
    bed_cut(&bed, "A100-40GB", "1g.5gb@0,1g.5gb@1,2g.10gb@2");
    bed_gpu(&bed, "A100-40GB");
    bed_gpu(&bed, "A100-40GB");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bed_done(&bed);
    return 0;
}

#define UUID "d3b07384-d9a0-4e9b-8a3c-000000000001"
static struct gs_allocate with;
static struct gs_offer offer;

/* Asks for ids that are parted by blanks. */
static int ask(const char *resource, const char *ids, struct gs_dp_grant *grant, struct gs_err *err)
{
    const char *list[16];
    struct gs_dp_ids request = {.ids = list};
    struct gs_view rest = gs_view(ids);
    while (rest.n > 0) {
        struct gs_view id = gs_view_split(&rest, ' ');
        list[request.n++] = gs_arena_text(&bed.arena, id.p, id.n);
    }
    assert_int_equal(gs_offer_new(&bed.arena, &bed.snapshot, &bed.config, &offer, NULL), 0);
    with.offer = &offer;
    with.config = &bed.config;
    with.resource = gs_offer_find(&offer, resource);
    assert_non_null(with.resource);
    snprintf(with.uuid, sizeof(with.uuid), "%s", UUID);
    return gs_allocate(&bed.arena, &with, &request, grant, err);
}

/* Everything of a grant, a line each. */
static const char *describe(const struct gs_dp_grant *grant)
{
    struct gs_buf out;
    gs_buf_init(&out, 1 << 16);
    for (unsigned i = 0; i < grant->n_envs; i++) {
        gs_buf_printf(&out, "env %s=%s\n", grant->envs[i].key, grant->envs[i].value);
    }
    for (unsigned i = 0; i < grant->n_mounts; i++) {
        gs_buf_printf(&out, "mount %s %s%s\n", grant->mounts[i].host_path,
                      grant->mounts[i].container_path, grant->mounts[i].read_only ? " ro" : "");
    }
    for (unsigned i = 0; i < grant->n_specs; i++) {
        gs_buf_printf(&out, "node %s %s %s\n", grant->specs[i].host_path,
                      grant->specs[i].container_path, grant->specs[i].permissions);
    }
    for (unsigned i = 0; i < grant->n_annotations; i++) {
        gs_buf_printf(&out, "note %s=%s\n", grant->annotations[i].key, grant->annotations[i].value);
    }
    for (unsigned i = 0; i < grant->n_cdi_devices; i++) {
        gs_buf_printf(&out, "cdi %s\n", grant->cdi_devices[i]);
    }
    const char *text = gs_arena_text(&bed.arena, gs_buf_text(&out), out.len);
    gs_buf_done(&out);
    return text;
}

#define LIST(list) "flags: {plugin: {deviceListStrategy: " list "}}\n"
#define CDI "k8s.device-plugin.nvidia.com/"
#define NOTE "cdi.k8s.io/nvidia-device-plugin_" UUID

static const struct {
    const char *config;
    const char *resource;
    const char *ids;
    const char *want;
} cases[] = {
    {"", "nvidia.com/mig-1g.5gb", "MIG-0-2-0",
     "env NVIDIA_VISIBLE_DEVICES=void\ncdi " CDI "gpu=MIG-0-2-0\n"},
    {"", "nvidia.com/gpu", "GPU-2 GPU-1",
     "env NVIDIA_VISIBLE_DEVICES=void\ncdi " CDI "gpu=GPU-2\ncdi " CDI "gpu=GPU-1\n"},
    {LIST("envvar"), "nvidia.com/gpu", "GPU-2 GPU-1", "env NVIDIA_VISIBLE_DEVICES=GPU-2,GPU-1\n"},
    {LIST("volume-mounts"), "nvidia.com/mig-1g.5gb", "MIG-0-1-0 MIG-0-2-0",
     "env NVIDIA_VISIBLE_DEVICES=/var/run/nvidia-container-devices\n"
     "mount /dev/null /var/run/nvidia-container-devices/MIG-0-1-0\n"
     "mount /dev/null /var/run/nvidia-container-devices/MIG-0-2-0\n"},
    {LIST("cdi-annotations"), "nvidia.com/mig-1g.5gb", "MIG-0-1-0 MIG-0-2-0",
     "env NVIDIA_VISIBLE_DEVICES=void\n"
     "note " NOTE "=" CDI "gpu=MIG-0-1-0," CDI "gpu=MIG-0-2-0\n"},
    {LIST("[cdi-annotations, cdi-cri]"), "nvidia.com/mig-1g.5gb", "MIG-0-1-0",
     "env NVIDIA_VISIBLE_DEVICES=void\n"
     "note " NOTE "=" CDI "gpu=MIG-0-1-0\ncdi " CDI "gpu=MIG-0-1-0\n"},
    {LIST("[envvar, cdi-cri]"), "nvidia.com/gpu", "GPU-1",
     "env NVIDIA_VISIBLE_DEVICES=GPU-1\ncdi " CDI "gpu=GPU-1\n"},
    {LIST("[envvar, volume-mounts, cdi-annotations]"), "nvidia.com/gpu", "GPU-1",
     "env NVIDIA_VISIBLE_DEVICES=/var/run/nvidia-container-devices\n"
     "mount /dev/null /var/run/nvidia-container-devices/GPU-1\n"
     "note " NOTE "=" CDI "gpu=GPU-1\n"},
    {"flags: {plugin: {deviceListStrategy: cdi-annotations, cdiAnnotationPrefix: my.org/}}",
     "nvidia.com/gpu", "GPU-1",
     "env NVIDIA_VISIBLE_DEVICES=void\n"
     "note my.org/nvidia-device-plugin_" UUID "=" CDI "gpu=GPU-1\n"},
    {"flags: {plugin: {deviceIDStrategy: index}}", "nvidia.com/mig-2g.10gb", "MIG-0-3-0",
     "env NVIDIA_VISIBLE_DEVICES=void\ncdi " CDI "gpu=0:2\n"},
    {"flags: {plugin: {deviceIDStrategy: index, deviceListStrategy: envvar}}", "nvidia.com/gpu",
     "GPU-2 GPU-1", "env NVIDIA_VISIBLE_DEVICES=2,1\n"},
    /* device nodes: not with CDI alone */
    {"flags: {plugin: {passDeviceSpecs: true}}", "nvidia.com/gpu", "GPU-1",
     "env NVIDIA_VISIBLE_DEVICES=void\ncdi " CDI "gpu=GPU-1\n"},
    {"flags: {plugin: {passDeviceSpecs: true, deviceListStrategy: envvar}}", "nvidia.com/gpu",
     "GPU-1",
     "env NVIDIA_VISIBLE_DEVICES=GPU-1\n"
     "node /dev/nvidiactl /dev/nvidiactl rw\nnode /dev/nvidia-uvm /dev/nvidia-uvm rw\n"
     "node /dev/nvidia1 /dev/nvidia1 rw\n"},
    {"flags: {nvidiaDevRoot: /run/d/, plugin: {passDeviceSpecs: true, deviceListStrategy: envvar}}",
     "nvidia.com/mig-1g.5gb", "MIG-0-1-0 MIG-0-2-0",
     "env NVIDIA_VISIBLE_DEVICES=MIG-0-1-0,MIG-0-2-0\n"
     "node /run/d/dev/nvidiactl /dev/nvidiactl rw\n"
     "node /run/d/dev/nvidia-uvm /dev/nvidia-uvm rw\n"
     "node /run/d/dev/nvidia0 /dev/nvidia0 rw\n"
     "node /run/d/dev/nvidia-caps/nvidia-cap12 /dev/nvidia-caps/nvidia-cap12 rw\n"
     "node /run/d/dev/nvidia-caps/nvidia-cap13 /dev/nvidia-caps/nvidia-cap13 rw\n"
     "node /run/d/dev/nvidia-caps/nvidia-cap21 /dev/nvidia-caps/nvidia-cap21 rw\n"
     "node /run/d/dev/nvidia-caps/nvidia-cap22 /dev/nvidia-caps/nvidia-cap22 rw\n"},
    /* switches */
    {"flags: {gdrcopyEnabled: true, gdsEnabled: true, mofedEnabled: true}", "nvidia.com/gpu",
     "GPU-1",
     "env NVIDIA_GDRCOPY=enabled\nenv NVIDIA_GDS=enabled\nenv NVIDIA_MOFED=enabled\n"
     "env NVIDIA_VISIBLE_DEVICES=void\n"
     "cdi " CDI "gpu=GPU-1\ncdi " CDI "gds=all\n"},
    {LIST("envvar") "imex: {channelIDs: [0]}", "nvidia.com/gpu", "GPU-1",
     "env NVIDIA_VISIBLE_DEVICES=GPU-1\nenv NVIDIA_IMEX_CHANNELS=0\n"},
    {"flags: {plugin: {passDeviceSpecs: true, deviceListStrategy: volume-mounts}}\n"
     "imex: {channelIDs: [0]}",
     "nvidia.com/gpu", "GPU-1",
     "env NVIDIA_VISIBLE_DEVICES=/var/run/nvidia-container-devices\n"
     "mount /dev/null /var/run/nvidia-container-devices/GPU-1\n"
     "mount /dev/null /var/run/nvidia-container-devices/imex/0\n"
     "node /dev/nvidiactl /dev/nvidiactl rw\nnode /dev/nvidia-uvm /dev/nvidia-uvm rw\n"
     "node /dev/nvidia1 /dev/nvidia1 rw\n"
     "node /dev/nvidia-caps-imex-channels/channel0 /dev/nvidia-caps-imex-channels/channel0 rw\n"},
    /* replicas: each device once, in the order of the request */
    {LIST("envvar") "sharing: {timeSlicing: {resources: [{name: gpu, replicas: 4}]}}",
     "nvidia.com/gpu", "GPU-2::3 GPU-1::0 GPU-2::0", "env NVIDIA_VISIBLE_DEVICES=GPU-2,GPU-1\n"},
    {"sharing: {timeSlicing: {renameByDefault: true, resources: [{name: gpu, replicas: 4}]}}",
     "nvidia.com/gpu.shared", "GPU-2::3",
     "env NVIDIA_VISIBLE_DEVICES=void\ncdi " CDI "gpu=GPU-2\n"},
};

static void allocate__answers_each_strategy_as_nvidias_plugin(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_dp_grant grant;
        struct gs_err err = {0};
        bed_configure(&bed, cases[i].config);
        with = (struct gs_allocate){.control_nodes = GS_CONTROL_CTL | GS_CONTROL_UVM,
                                    .cdi_extras = GS_CDI_GDS,
                                    .imex_channel_there = true};
        if (ask(cases[i].resource, cases[i].ids, &grant, &err) < 0) {
            fail_msg("case %zu: %s", i, err.msg);
        }
        const char *got = describe(&grant);
        if (strcmp(got, cases[i].want) != 0) {
            fail_msg("case %zu\ngot\n%s\nexpected\n%s", i, got, cases[i].want);
        }
    }
}

#define SHARED                                                                                     \
    "sharing: {timeSlicing: {failRequestsGreaterThanOne: true, resources: [{name: gpu, replicas: " \
    "4}]}}\n"

static const struct {
    const char *config;
    const char *resource;
    const char *ids;
    int code;
    const char *says;
} refused[] = {
    {"", "nvidia.com/gpu", "", GS_INVALID,
     "found a request for 0 devices of nvidia.com/gpu; expected 1 to 2"},
    {"", "nvidia.com/gpu", "GPU-1 GPU-2 GPU-3", GS_INVALID,
     "found a request for 3 devices of nvidia.com/gpu; expected 1 to 2"},
    {"", "nvidia.com/gpu", "GPU-1 GPU-7", GS_NOT_FOUND, "nvidia.com/gpu has no device GPU-7"},
    {"", "nvidia.com/gpu", "MIG-0-1-0", GS_NOT_FOUND, "nvidia.com/gpu has no device MIG-0-1-0"},
    {"", "nvidia.com/gpu", "GPU-1::0", GS_NOT_FOUND, "nvidia.com/gpu has no device GPU-1::0"},
    {"", "nvidia.com/gpu", "GPU-1 GPU-1", GS_INVALID, "found device GPU-1 twice in one request"},
    {SHARED, "nvidia.com/gpu", "GPU-1", GS_NOT_FOUND, "nvidia.com/gpu has no device GPU-1"},
    {SHARED, "nvidia.com/gpu", "GPU-1::0 GPU-2::0", GS_INVALID,
     "found a request for 2 of the shared nvidia.com/gpu; a container may have one "
     "(failRequestsGreaterThanOne)"},
    {"imex: {channelIDs: [0], required: true}", "nvidia.com/gpu", "GPU-1", GS_UNKNOWN,
     "IMEX channel 0 is required (imex.required) and there is no CDI file that describes it"},
    {LIST("envvar") "imex: {channelIDs: [0], required: true}", "nvidia.com/gpu", "GPU-1",
     GS_UNKNOWN,
     "IMEX channel 0 is required (imex.required) and there is no "
     "/dev/nvidia-caps-imex-channels/channel0"},
};

static void allocate__refuses_and_says_why(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(refused); i++) {
        struct gs_dp_grant grant;
        struct gs_err err = {0};
        bed_configure(&bed, refused[i].config);
        with = (struct gs_allocate){.control_nodes = 0};
        assert_int_equal(ask(refused[i].resource, refused[i].ids, &grant, &err), refused[i].code);
        assert_string_equal(err.msg, refused[i].says);
    }
}

static void allocate__refuses_what_is_sick_and_grants_what_is_retiring(void **state)
{
    (void)state;
    struct gs_dp_grant grant;
    struct gs_err err = {0};
    const struct gs_offer_mark marks[] = {
        {.slice = bed.slices[0].id, .sick = true},
        {.slice = bed.slices[1].id, .retiring = true},
    };
    with = (struct gs_allocate){.marks = marks, .n_marks = 2};
    assert_int_equal(ask("nvidia.com/mig-1g.5gb", "MIG-0-1-0", &grant, &err), GS_BUSY);
    assert_string_equal(err.msg, "device MIG-0-1-0 of nvidia.com/mig-1g.5gb is unhealthy; the "
                                 "kubelet was told, or is being told");
    assert_int_equal(ask("nvidia.com/mig-1g.5gb", "MIG-0-2-0", &grant, &err), 0);
    bed.gpus[0].lost = true;
    assert_int_equal(ask("nvidia.com/mig-1g.5gb", "MIG-0-2-0", &grant, &err), GS_BUSY);
    assert_int_equal(ask("nvidia.com/gpu", "GPU-1", &grant, &err), 0);
}

/* Annotation keys of CDI: a name of at most 63 characters behind the prefix. */
static void allocate__keeps_the_annotation_within_kubernetes_bounds(void **state)
{
    (void)state;
    struct gs_dp_grant grant;
    bed_configure(&bed, LIST("cdi-annotations"));
    with = (struct gs_allocate){.control_nodes = 0};
    assert_int_equal(ask("nvidia.com/gpu", "GPU-1", &grant, NULL), 0);
    assert_true(strlen(strchr(grant.annotations[0].key, '/') + 1) <= 63);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(allocate__answers_each_strategy_as_nvidias_plugin),
        TEST(allocate__refuses_and_says_why),
        TEST(allocate__refuses_what_is_sick_and_grants_what_is_retiring),
        TEST(allocate__keeps_the_annotation_within_kubernetes_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
