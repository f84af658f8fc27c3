#include "unit/node/bed.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "node/labels.h"

static struct bed bed;

static int set_up(void **state)
{
    (void)state;
    bed_init(&bed);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bed_done(&bed);
    return 0;
}

static const struct gs_vgpu no_vgpu = {.present = false};

static struct gs_labels make(void)
{
    const struct gs_labels_input input = {
        .snapshot = &bed.snapshot,
        .config = &bed.config,
        .machine_type = "p4d.24xlarge",
        .vgpu = &no_vgpu,
        .started_s = 1767225600,
    };
    struct gs_labels labels;
    struct gs_err err = {0};
    if (gs_labels_new(&bed.arena, &input, &labels, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return labels;
}

/* Those whose key begins so, "key=value" a line, without "nvidia.com/". */
static const char *describe(const struct gs_labels *labels, const char *const *prefixes, size_t n)
{
    struct gs_buf out;
    gs_buf_init(&out, 1 << 16);
    for (unsigned i = 0; i < labels->n; i++) {
        const char *key = strchr(labels->at[i].key, '/') + 1;
        for (size_t k = 0; k < n; k++) {
            if (strncmp(key, prefixes[k], strlen(prefixes[k])) == 0) {
                gs_buf_printf(&out, "%s=%s\n", key, labels->at[i].value);
                break;
            }
        }
    }
    const char *text = gs_arena_text(&bed.arena, gs_buf_text(&out), out.len);
    gs_buf_done(&out);
    return text;
}

static void labels__describe_the_machine(void **state)
{
    (void)state;
    bed_gpu(&bed, "A100-40GB");
    bed_gpu(&bed, "A100-40GB");
    struct gs_labels labels = make();
    const char *const all[] = {""};
    assert_string_equal(describe(&labels, all, 1), "cuda.driver-version.full=580.65.06\n"
                                                   "cuda.driver-version.major=580\n"
                                                   "cuda.driver-version.minor=65\n"
                                                   "cuda.driver-version.revision=06\n"
                                                   "cuda.driver.major=580\n"
                                                   "cuda.driver.minor=65\n"
                                                   "cuda.driver.rev=06\n"
                                                   "cuda.runtime-version.full=13.0\n"
                                                   "cuda.runtime-version.major=13\n"
                                                   "cuda.runtime-version.minor=0\n"
                                                   "cuda.runtime.major=13\n"
                                                   "cuda.runtime.minor=0\n"
                                                   "gfd.timestamp=1767225600\n"
                                                   "gpu.compute.major=8\n"
                                                   "gpu.compute.minor=0\n"
                                                   "gpu.count=2\n"
                                                   "gpu.family=ampere\n"
                                                   "gpu.machine=p4d.24xlarge\n"
                                                   "gpu.memory=40960\n"
                                                   "gpu.mode=compute\n"
                                                   "gpu.product=NVIDIA-A100-SXM4-40GB\n"
                                                   "gpu.replicas=1\n"
                                                   "gpu.sharing-strategy=none\n"
                                                   "mig.capable=true\n"
                                                   "mig.strategy=mixed\n"
                                                   "mps.capable=false\n"
                                                   "vgpu.present=false\n");
}

/* ---- the resources: cases of GFD's tests (mig-strategy_test.go) and more ---- */

struct gpu {
    const char *model;
    const char *layout; /* NULL: MIG off */
};

#define SHARE(list) "sharing: {timeSlicing: {resources: [" list "]}}\n"
#define RENAME(list) "sharing: {timeSlicing: {renameByDefault: true, resources: [" list "]}}\n"
#define SINGLE "flags: {migStrategy: single}\n"
#define NONE "flags: {migStrategy: none}\n"
#define ARCH "gpu.compute.major=8\ngpu.compute.minor=0\n"
#define A100 "gpu.memory=40960\ngpu.product=NVIDIA-A100-SXM4-40GB"
#define INVALID                                                                                    \
    ARCH "gpu.count=0\ngpu.family=ampere\ngpu.memory=0\n"                                          \
         "gpu.product=NVIDIA-A100-SXM4-40GB-MIG-INVALID\ngpu.replicas=0\n"                         \
         "gpu.sharing-strategy=\nmig.strategy=single\n"

static const struct {
    const char *config;
    struct gpu gpus[4];
    const char *want;
} cases[] = {
    {NONE, {{NULL, NULL}}, ""},
    {NONE,
     {{"A100-40GB", NULL}},
     ARCH "gpu.count=1\ngpu.family=ampere\n" A100 "\ngpu.replicas=1\ngpu.sharing-strategy=none\n"},
    {NONE SHARE("{name: gpu, replicas: 2}"),
     {{"A100-40GB", NULL}, {"A100-40GB", NULL}},
     ARCH "gpu.count=2\ngpu.family=ampere\n" A100
          "-SHARED\ngpu.replicas=2\ngpu.sharing-strategy=time-slicing\n"},
    {NONE RENAME("{name: gpu, replicas: 2}"),
     {{"A100-40GB", NULL}},
     ARCH "gpu.count=1\ngpu.family=ampere\n" A100
          "\ngpu.replicas=2\ngpu.sharing-strategy=time-slicing\n"},
    {NONE SHARE("{name: gpu, replicas: 2}"),
     {{"A100-40GB", ""}, {"A100-40GB", ""}},
     ARCH "gpu.count=2\ngpu.family=ampere\n" A100 "\ngpu.replicas=0\ngpu.sharing-strategy=none\n"},
    {NONE SHARE("{name: gpu, replicas: 2}"),
     {{"A100-40GB", ""}, {"A100-40GB", NULL}},
     ARCH "gpu.count=2\ngpu.family=ampere\n" A100
          "-SHARED\ngpu.replicas=2\ngpu.sharing-strategy=time-slicing\n"},
    /* single */
    {SINGLE,
     {{"A100-40GB", NULL}},
     ARCH "gpu.count=1\ngpu.family=ampere\n" A100
          "\ngpu.replicas=1\ngpu.sharing-strategy=none\nmig.strategy=single\n"},
    {SINGLE,
     {{"A100-40GB", "2g.10gb@0,2g.10gb@2"}, {"A100-40GB", "2g.10gb@0"}},
     ARCH "gpu.count=3\ngpu.engines.copy=2\ngpu.engines.decoder=1\ngpu.engines.encoder=0\n"
          "gpu.engines.jpeg=0\ngpu.engines.ofa=0\ngpu.family=ampere\ngpu.memory=9856\n"
          "gpu.multiprocessors=28\ngpu.product=NVIDIA-A100-SXM4-40GB-MIG-2g.10gb\n"
          "gpu.replicas=1\ngpu.sharing-strategy=none\ngpu.slices.ci=2\ngpu.slices.gi=2\n"
          "mig.strategy=single\n"},
    {SINGLE SHARE("{name: gpu, replicas: 3}"),
     {{"A100-40GB", "1c.2g.10gb@0"}},
     ARCH "gpu.count=1\ngpu.engines.copy=2\ngpu.engines.decoder=1\ngpu.engines.encoder=0\n"
          "gpu.engines.jpeg=0\ngpu.engines.ofa=0\ngpu.family=ampere\ngpu.memory=9856\n"
          "gpu.multiprocessors=28\ngpu.product=NVIDIA-A100-SXM4-40GB-MIG-1c.2g.10gb-SHARED\n"
          "gpu.replicas=3\ngpu.sharing-strategy=time-slicing\ngpu.slices.ci=1\ngpu.slices.gi=2\n"
          "mig.strategy=single\n"},
    {SINGLE, {{"A100-40GB", ""}}, INVALID},
    {SINGLE, {{"A100-40GB", "1g.5gb@0,3g.20gb@4"}}, INVALID},
    {SINGLE, {{"A100-40GB", "1g.5gb@0"}, {"A100-40GB", NULL}}, INVALID},
    {SINGLE SHARE("{name: gpu, replicas: 3}"),
     {{"A100-40GB", "1g.5gb@0"}, {"A100-40GB", NULL}, {"A100-40GB", ""}},
     INVALID},
    /* mixed */
    {"",
     {{"A100-40GB", ""}},
     ARCH "gpu.count=1\ngpu.family=ampere\n" A100
          "\ngpu.replicas=0\ngpu.sharing-strategy=none\nmig.strategy=mixed\n"},
    {SHARE("{name: mig-1g.5gb.me, replicas: 2}"),
     {{"A100-40GB", "1g.5gb+me@0"}, {"A100-40GB", NULL}},
     ARCH "gpu.count=2\ngpu.family=ampere\n" A100 "\ngpu.replicas=1\ngpu.sharing-strategy=none\n"
          "mig-1g.5gb.me.count=1\nmig-1g.5gb.me.engines.copy=1\nmig-1g.5gb.me.engines.decoder=1\n"
          "mig-1g.5gb.me.engines.encoder=0\nmig-1g.5gb.me.engines.jpeg=1\n"
          "mig-1g.5gb.me.engines.ofa=1\nmig-1g.5gb.me.memory=4864\n"
          "mig-1g.5gb.me.multiprocessors=14\n"
          "mig-1g.5gb.me.product=NVIDIA-A100-SXM4-40GB-MIG-1g.5gb.me-SHARED\n"
          "mig-1g.5gb.me.replicas=2\nmig-1g.5gb.me.sharing-strategy=time-slicing\n"
          "mig-1g.5gb.me.slices.ci=1\nmig-1g.5gb.me.slices.gi=1\nmig.strategy=mixed\n"},
};

static void labels__are_those_of_gfd_under_each_strategy(void **state)
{
    (void)state;
    static const char *const prefixes[] = {
        "gpu.compute", "gpu.count",   "gpu.family", "gpu.memory", "gpu.product",  "gpu.replicas",
        "gpu.sharing", "gpu.engines", "gpu.multi",  "gpu.slices", "mig.strategy", "mig-"};
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        bed_done(&bed);
        bed_init(&bed);
        bed_configure(&bed, cases[i].config);
        for (unsigned g = 0; g < 4 && cases[i].gpus[g].model != NULL; g++) {
            if (cases[i].gpus[g].layout == NULL) {
                bed_gpu(&bed, cases[i].gpus[g].model);
            } else {
                bed_cut(&bed, cases[i].gpus[g].model, cases[i].gpus[g].layout);
            }
        }
        struct gs_labels labels = make();
        const char *got = describe(&labels, prefixes, GS_ARRAY_LEN(prefixes));
        if (strcmp(got, cases[i].want) != 0) {
            fail_msg("case %zu\ngot\n%s\nexpected\n%s", i, got, cases[i].want);
        }
    }
}

static void labels__leave_out_what_is_not_known(void **state)
{
    (void)state;
    struct gs_snapshot_gpu *gpu = bed_cut(&bed, "A100-40GB", "1g.5gb@0");
    gpu->facts.memory_bytes = UINT64_MAX;
    gpu->facts.compute_major = GS_NOT_KNOWN;
    gpu->pci_class = GS_NOT_KNOWN;
    bed.slices[0].attributes.sm_count = GS_NOT_KNOWN;
    bed.slices[0].attributes.memory_mib = UINT64_MAX;
    bed.slices[0].attributes.engines[GS_ENGINE_OFA] = GS_NOT_KNOWN;
    snprintf(bed.snapshot.driver.driver_version, sizeof(bed.snapshot.driver.driver_version), "x");
    bed.snapshot.driver.cuda_version = GS_NOT_KNOWN;
    bed.config.no_timestamp = true;
    const struct gs_labels_input input = {.snapshot = &bed.snapshot, .config = &bed.config};
    struct gs_labels labels;
    assert_int_equal(gs_labels_new(&bed.arena, &input, &labels, NULL), 0);
    const char *const all[] = {""};
    assert_string_equal(describe(&labels, all, 1),
                        "gpu.count=1\ngpu.machine=unknown\ngpu.mode=unknown\n"
                        "gpu.product=NVIDIA-A100-SXM4-40GB\ngpu.replicas=0\n"
                        "gpu.sharing-strategy=none\nmig-1g.5gb.count=1\n"
                        "mig-1g.5gb.engines.copy=1\nmig-1g.5gb.engines.decoder=0\n"
                        "mig-1g.5gb.engines.encoder=0\nmig-1g.5gb.engines.jpeg=0\n"
                        "mig-1g.5gb.product=NVIDIA-A100-SXM4-40GB-MIG-1g.5gb\n"
                        "mig-1g.5gb.replicas=1\nmig-1g.5gb.sharing-strategy=none\n"
                        "mig-1g.5gb.slices.ci=1\nmig-1g.5gb.slices.gi=1\n"
                        "mig.capable=true\nmig.strategy=mixed\nmps.capable=false\n");
}

static const struct {
    const char *name;
    const char *product;
} products[] = {
    {"Tesla V100-SXM2-16GB", "Tesla-V100-SXM2-16GB"},
    {"NVIDIA  (R)  H100\t80GB", "NVIDIA-R-H10080GB"},
    {" GRID T4-8Q ", "GRID-T4-8Q"},
    {"a/b:c_d.e", "abc_d.e"},
    {"---x---", "x"}, /* no value of a label begins or ends so */
    {"0123456789012345678901234567890123456789012345678901234567890123456789",
     "012345678901234567890123456789012345678901234567890123456789012"},
    {"\xc3\xa9", ""},
};

static void labels__have_only_values_that_the_api_takes(void **state)
{
    (void)state;
    bed_gpu(&bed, "A100-40GB");
    for (size_t i = 0; i < GS_ARRAY_LEN(products); i++) {
        const char *const prefix[] = {"gpu.product"};
        char want[120];
        snprintf(bed.gpus[0].facts.name, sizeof(bed.gpus[0].facts.name), "%s", products[i].name);
        struct gs_labels labels = make();
        snprintf(want, sizeof(want), "gpu.product=%s\n", products[i].product);
        assert_string_equal(describe(&labels, prefix, 1), want);
    }
}

static const struct {
    uint32_t major;
    uint32_t minor;
    const char *family;
} families[] = {
    {1, 3, "tesla"},      {2, 0, "fermi"},        {3, 7, "kepler"}, {5, 2, "maxwell"},
    {6, 1, "pascal"},     {7, 0, "volta"},        {7, 5, "turing"}, {8, 0, "ampere"},
    {8, 6, "ampere"},     {8, 9, "ada-lovelace"}, {9, 0, "hopper"}, {10, 0, "blackwell"},
    {11, 0, "undefined"}, {12, 0, "blackwell"},   {13, 0, "rubin"},
};

static void labels__name_the_family_by_compute_capability(void **state)
{
    (void)state;
    bed_gpu(&bed, "A100-40GB");
    for (size_t i = 0; i < GS_ARRAY_LEN(families); i++) {
        const char *const prefix[] = {"gpu.family"};
        char want[60];
        bed.gpus[0].facts.compute_major = families[i].major;
        bed.gpus[0].facts.compute_minor = families[i].minor;
        struct gs_labels labels = make();
        snprintf(want, sizeof(want), "gpu.family=%s\n", families[i].family);
        assert_string_equal(describe(&labels, prefix, 1), want);
    }
}

static void labels__name_a_fabric_that_all_share_and_the_mode_that_all_have(void **state)
{
    (void)state;
    const char *const prefixes[] = {"gpu.clique", "gpu.mode"};
    for (unsigned g = 0; g < 3; g++) {
        bed_gpu(&bed, "A100-40GB");
    }
    for (unsigned g = 0; g < 2; g++) {
        snprintf(bed.gpus[g].fabric_cluster, sizeof(bed.gpus[g].fabric_cluster), "%s",
                 "2f6e7a0e-1c1b-4a5e-9d6a-0123456789ab");
        bed.gpus[g].fabric_clique = 7;
    }
    struct gs_labels labels = make();
    assert_string_equal(describe(&labels, prefixes, 2),
                        "gpu.clique=2f6e7a0e-1c1b-4a5e-9d6a-0123456789ab.7\ngpu.mode=compute\n");
    bed.gpus[1].fabric_clique = 8;
    bed.gpus[2].pci_class = 0x030000;
    labels = make();
    assert_string_equal(describe(&labels, prefixes, 2), "gpu.mode=unknown\n");
    bed.gpus[0].pci_class = 0x030000;
    bed.gpus[1].pci_class = 0x030000;
    labels = make();
    assert_string_equal(describe(&labels, prefixes, 2), "gpu.mode=graphics\n");
}

static void labels__that_are_ours_are_all_that_we_write_and_no_control_label(void **state)
{
    (void)state;
    bed_cut(&bed, "A100-40GB", "1g.5gb+me@0,1c.2g.10gb@2;1c.2g.10gb");
    bed_gpu(&bed, "H100-80GB-SXM5");
    struct gs_labels labels = make();
    for (unsigned i = 0; i < labels.n; i++) {
        assert_true(gs_labels_owns(labels.at[i].key));
        assert_true(i == 0 || strcmp(labels.at[i - 1].key, labels.at[i].key) < 0);
    }
    static const char *const owned[] = {"nvidia.com/mig-7g.80gb.product",
                                        "nvidia.com/mig-1g.24gb-me.count",
                                        "nvidia.com/mig-1g.24gb.me.all.engines.ofa",
                                        "nvidia.com/gpu.slices.gi",
                                        "nvidia.com/vgpu.host-driver-branch",
                                        "nvidia.com/gpu.clique"};
    for (size_t i = 0; i < GS_ARRAY_LEN(owned); i++) {
        assert_true(gs_labels_owns(owned[i]));
    }
    static const char *const strange[] = {"nvidia.com/mig.config",
                                          "nvidia.com/mig.config.state",
                                          "nvidia.com/gpu.present",
                                          "nvidia.com/gpu.deploy.device-plugin",
                                          "nvidia.com/device-plugin.config",
                                          "nvidia.com/mig-parted.count",
                                          "nvidia.com/mig-1g.5gb",
                                          "nvidia.com/mig-1g.5gb.color",
                                          "nvidia.com/gpu",
                                          "nvidia.com/gpu.workload.config",
                                          "kubernetes.io/hostname",
                                          "nvidia.com/mig-1g.5gb.countless",
                                          "nvidia.com/mig-.count",
                                          ""};
    for (size_t i = 0; i < GS_ARRAY_LEN(strange); i++) {
        assert_false(gs_labels_owns(strange[i]));
    }
}

static void labels__differ_by_what_is_new_changed_or_stale(void **state)
{
    (void)state;
    const struct gs_label at[] = {{"nvidia.com/gpu.count", "2"},
                                  {"nvidia.com/mig-1g.5gb.count", "1"},
                                  {"nvidia.com/mig.capable", "true"}};
    const struct gs_labels want = {.n = 3, .at = at};
    const struct gs_label have[] = {{"nvidia.com/gpu.count", "1"},
                                    {"nvidia.com/mig-2g.10gb.count", "3"},
                                    {"nvidia.com/mig.capable", "true"},
                                    {"nvidia.com/mig.config", "all-1g.5gb"},
                                    {"nvidia.com/gpu.present", "true"}};
    struct gs_labels diff;
    assert_int_equal(gs_labels_diff(&bed.arena, &want, have, 5, &diff, NULL), 0);
    assert_int_equal(diff.n, 3);
    assert_string_equal(diff.at[0].key, "nvidia.com/gpu.count");
    assert_string_equal(diff.at[0].value, "2");
    assert_string_equal(diff.at[1].key, "nvidia.com/mig-1g.5gb.count");
    assert_string_equal(diff.at[1].value, "1");
    assert_string_equal(diff.at[2].key, "nvidia.com/mig-2g.10gb.count");
    assert_null(diff.at[2].value);
    assert_int_equal(gs_labels_diff(&bed.arena, &want, at, 3, &diff, NULL), 0);
    assert_int_equal(diff.n, 0);
}

static void labels__know_the_states_of_a_layout(void **state)
{
    (void)state;
    for (unsigned i = GS_MIG_STATE_PENDING; i <= GS_MIG_STATE_FAILED; i++) {
        enum gs_mig_config_state one = (enum gs_mig_config_state)i;
        assert_int_equal(gs_mig_config_state_parse(gs_mig_config_state_name(one)), one);
    }
    assert_int_equal(gs_mig_config_state_parse(NULL), GS_MIG_STATE_NONE);
    assert_int_equal(gs_mig_config_state_parse(""), GS_MIG_STATE_NONE);
    assert_int_equal(gs_mig_config_state_parse("Success"), GS_MIG_STATE_OTHER);
    assert_string_equal(gs_mig_config_state_name(GS_MIG_STATE_SUCCESS), "success");
}

/* A configuration space with one capability at 0xd0. */
static void make_config(uint8_t config[256], const char *capability, size_t n)
{
    memset(config, 0, 256);
    config[0x06] = 0x10;
    config[0x34] = 0x68;
    config[0x68] = 0x05; /* MSI, before it */
    config[0x69] = 0xd0;
    config[0x6a] = 0x81;
    memcpy(config + 0xd0, capability, n);
}

static void labels__tell_a_vgpu_by_its_record_in_the_configuration_space(void **state)
{
    (void)state;
    static const char record[] = "\x09\x00\x1b"
                                 "VF\x00\x16"
                                 "460.16\0\0\0\0r460_00\0\0";
    uint8_t config[256];
    struct gs_vgpu vgpu;
    make_config(config, record, 27);
    gs_vgpu_read(&vgpu, config, sizeof(config));
    assert_true(vgpu.present);
    assert_string_equal(vgpu.host_driver_version, "460.16");
    assert_string_equal(vgpu.host_driver_branch, "r460_00");
    bed_gpu(&bed, "A100-40GB");
    const struct gs_labels_input input = {
        .snapshot = &bed.snapshot, .config = &bed.config, .vgpu = &vgpu};
    struct gs_labels labels;
    const char *const prefix[] = {"vgpu."};
    assert_int_equal(gs_labels_new(&bed.arena, &input, &labels, NULL), 0);
    assert_string_equal(describe(&labels, prefix, 1),
                        "vgpu.host-driver-branch=r460_00\nvgpu.host-driver-version=460.16\n"
                        "vgpu.present=true\n");
    make_config(config, "\x09\x00\x14\x01\x00", 5); /* a GPU that is passed through */
    gs_vgpu_read(&vgpu, config, sizeof(config));
    assert_false(vgpu.present);
    gs_vgpu_read(&vgpu, config, 64); /* who is not root reads 64 bytes */
    assert_false(vgpu.present);
}

/* Any 256 bytes are read without a fault, and texts end. */
static void labels__read_any_configuration_space(void **state)
{
    (void)state;
    uint64_t seed = 7;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (unsigned round = 0; round < 20000; round++) {
        uint8_t config[256];
        struct gs_vgpu vgpu;
        for (unsigned i = 0; i < 256; i++) {
            seed = seed * 6364136223846793005ull + 1442695040888963407ull;
            config[i] = (uint8_t)(seed >> 56);
        }
        config[0x06] |= 0x10;
        unsigned at = config[0x34] % 250;
        config[0x34] = (uint8_t)at;
        config[at] = 0x09;
        if (at < 250 && round % 2 == 0) {
            config[at + 3] = 'V';
            config[at + 4] = 'F';
        }
        gs_vgpu_read(&vgpu, config, sizeof(config));
        assert_true(strlen(vgpu.host_driver_version) <= 10);
        assert_true(strlen(vgpu.host_driver_branch) <= 10);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(labels__describe_the_machine),
        TEST(labels__are_those_of_gfd_under_each_strategy),
        TEST(labels__leave_out_what_is_not_known),
        TEST(labels__have_only_values_that_the_api_takes),
        TEST(labels__name_the_family_by_compute_capability),
        TEST(labels__name_a_fabric_that_all_share_and_the_mode_that_all_have),
        TEST(labels__that_are_ours_are_all_that_we_write_and_no_control_label),
        TEST(labels__differ_by_what_is_new_changed_or_stale),
        TEST(labels__know_the_states_of_a_layout),
        TEST(labels__tell_a_vgpu_by_its_record_in_the_configuration_space),
        TEST(labels__read_any_configuration_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
