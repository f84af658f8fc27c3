#include "unit/wire/bad_input.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "wire/agentconfig.h"
#include "wire/agentconfig_table.h"

static struct gs_arena arena;

static int set_up(void **state)
{
    (void)state;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gs_arena_done(&arena);
    return 0;
}

static int parse(const char *text, struct gs_err *err)
{
    struct gs_doc_input input = text_input(text);
    struct gs_agentconfig config;
    gs_agentconfig_init(&config);
    return gs_agentconfig_read(&arena, &input, &config, err);
}

static struct gs_agentconfig read_config(const char *text)
{
    struct gs_doc_input input = text_input(text);
    struct gs_agentconfig config;
    struct gs_err err = {0};
    gs_agentconfig_init(&config);
    if (gs_agentconfig_read(&arena, &input, &config, &err) < 0 ||
        gs_agentconfig_finish(&arena, &config, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return config;
}

static void agentconfig__has_a_default_for_everything(void **state)
{
    (void)state;
    struct gs_agentconfig config = read_config("");
    assert_int_equal(config.mig_strategy, GS_MIG_STRATEGY_MIXED);
    assert_int_equal(config.device_list, GS_LIST_CDI_CRI);
    assert_int_equal(config.id_strategy, GS_ID_UUID);
    assert_int_equal(config.packing, GS_PACKING_PACKED);
    assert_int_equal(config.replica_policy, GS_REPLICA_DISTRIBUTED);
    assert_false(config.pass_device_specs);
    assert_int_equal(config.n_shared, 0);
    assert_string_equal(config.driver_root, "/");
    assert_string_equal(config.dev_root, "/");
    assert_string_equal(config.container_driver_root, "/");
    assert_string_equal(config.cdi_dir, "/var/run/cdi");
    assert_string_equal(config.kubelet_socket, "/var/lib/kubelet/device-plugins/kubelet.sock");
    assert_string_equal(config.pod_resources_socket, "/var/lib/kubelet/pod-resources/kubelet.sock");
    assert_string_equal(config.layout_label, "nvidia.com/mig.config");
    assert_string_equal(config.http_address, ":9400");
    assert_true(config.api && config.labels && config.metrics);
    assert_int_equal(config.recover_after_s, 300);
    assert_int_equal(config.log_level, GS_LOG_INFO);
    assert_int_equal(config.n_notes, 0);
}

/* What `helm template` of NVIDIA's chart and its documentation write. */
static const char theirs[] =
    "version: v1\n"
    "flags:\n"
    "  migStrategy: \"single\"\n"
    "  failOnInitError: true\n"
    "  nvidiaDriverRoot: /run/nvidia/driver\n"
    "  gdsEnabled: true\n"
    "  useNodeFeatureAPI: null\n"
    "  deviceDiscoveryStrategy: auto\n"
    "  plugin:\n"
    "    passDeviceSpecs: true\n"
    "    deviceListStrategy: [envvar, cdi-annotations]\n"
    "    deviceIDStrategy: index\n"
    "    containerDriverRoot: /driver-root\n"
    "    sharedDevicesAllocationPolicy: packed\n"
    "  gfd:\n"
    "    oneshot: false\n"
    "    noTimestamp: true\n"
    "    sleepInterval: 60s\n"
    "    outputFile: /etc/kubernetes/node-feature-discovery/features.d/gfd\n"
    "    machineTypeFile: /sys/class/dmi/id/product_name\n"
    "resources:\n"
    "  gpus:\n"
    "  - {pattern: \"A100-SXM4-40GB\", name: a100-40gb}\n"
    "sharing:\n"
    "  timeSlicing:\n"
    "    renameByDefault: true\n"
    "    failRequestsGreaterThanOne: true\n"
    "    resources:\n"
    "    - name: nvidia.com/gpu\n"
    "      replicas: 10\n"
    "    - {name: mig-1g.5gb, replicas: 2, devices: [0, \"0:1\"], rename: nvidia.com/other}\n"
    "imex: {channelIDs: [0], required: true}\n";

static void agentconfig__takes_the_file_of_nvidias_plugin(void **state)
{
    (void)state;
    struct gs_agentconfig config = read_config(theirs);
    assert_int_equal(config.mig_strategy, GS_MIG_STRATEGY_SINGLE);
    assert_int_equal(config.device_list, GS_LIST_ENVVAR | GS_LIST_CDI_ANNOTATIONS);
    assert_int_equal(config.id_strategy, GS_ID_INDEX);
    assert_int_equal(config.replica_policy, GS_REPLICA_PACKED);
    assert_true(config.pass_device_specs && config.gds && config.no_timestamp);
    assert_string_equal(config.driver_root, "/run/nvidia/driver");
    assert_string_equal(config.dev_root, "/run/nvidia/driver");
    assert_string_equal(config.container_driver_root, "/driver-root");
    assert_true(config.imex_channel && config.imex_required);
    assert_true(config.fail_requests_greater_than_one);
    assert_int_equal(config.n_shared, 2);
    const struct gs_shared_resource *gpu = gs_agentconfig_shared(&config, "nvidia.com/gpu");
    assert_int_equal(gpu->replicas, 10);
    assert_string_equal(gpu->rename, "nvidia.com/gpu.shared");
    assert_string_equal(gs_agentconfig_shared(&config, "nvidia.com/mig-1g.5gb")->rename,
                        "nvidia.com/mig-1g.5gb.shared");
    assert_null(gs_agentconfig_shared(&config, "nvidia.com/mig-2g.10gb"));
    /* failOnInitError, oneshot, sleepInterval, outputFile, resources, rename, devices */
    assert_int_equal(config.n_notes, 7);
    assert_string_equal(config.notes[0], "flags.failOnInitError has no effect here: without a "
                                         "driver the agent waits for one and says so");
}

static void agentconfig__takes_json_and_what_is_left_out(void **state)
{
    (void)state;
    static const char *const empty[] = {
        "",
        "# nothing\n",
        "version: v1\n",
        "{}",
        "version:\nflags:\nsharing:\nresources:\nimex:\nagent:\n",
        "flags: {plugin: , gfd: {}}\nsharing: {timeSlicing: {}, mps: }\nimex: {channelIDs: []}",
        "{\"version\": \"v1\", \"flags\": {\"migStrategy\": null}, \"sharing\": {\"mps\": null}}",
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(empty); i++) {
        struct gs_agentconfig config = read_config(empty[i]);
        assert_int_equal(config.mig_strategy, GS_MIG_STRATEGY_MIXED);
        assert_int_equal(config.n_shared, 0);
        assert_false(config.imex_channel);
    }
    struct gs_agentconfig one = read_config(
        "{\"flags\":{\"migStrategy\":\"none\",\"plugin\":{\"deviceListStrategy\":\"envvar\"}}}");
    assert_int_equal(one.mig_strategy, GS_MIG_STRATEGY_NONE);
    assert_int_equal(one.device_list, GS_LIST_ENVVAR);
}

static void agentconfig__takes_our_settings_beside_theirs(void **state)
{
    (void)state;
    struct gs_agentconfig config = read_config("agent:\n"
                                               "  allocationPolicy: spread\n"
                                               "  kubeletRoot: /data/kubelet/\n"
                                               "  layoutFile: /etc/layouts.yaml\n"
                                               "  layout: all-balanced\n"
                                               "  httpAddress: \"\"\n"
                                               "  recoverAfterS: 0\n"
                                               "  api: false\n"
                                               "  logFormat: json\n");
    assert_int_equal(config.packing, GS_PACKING_SPREAD);
    assert_string_equal(config.kubelet_socket, "/data/kubelet/device-plugins/kubelet.sock");
    assert_string_equal(config.layout_name, "all-balanced");
    assert_string_equal(config.http_address, "");
    assert_int_equal(config.recover_after_s, 0);
    assert_false(config.api);
    assert_int_equal(config.log_format, GS_LOG_JSON);
}

#define SHARED(body) "sharing:\n  timeSlicing:\n    resources:\n    - {" body "}\n"

static const struct bad_input bad[] = {
    {"version: v2\n", "f.yaml:1: version: found \"v2\"; expected v1"},
    {"flag: {}\n", "f.yaml:1: found key \"flag\"; expected one of version, flags, resources"},
    {"flags:\n  migStrategie: single\n",
     "f.yaml:2: found key \"migStrategie\" in flags; near names: migStrategy"},
    {"flags:\n  somethingElse: single\n",
     "f.yaml:2: found key \"somethingElse\" in flags; expected one of migStrategy, plugin, "
     "gdrcopyEnabled"},
    {"flags:\n  plugin:\n    deviceIdStrategie: uuid\n",
     "f.yaml:3: found key \"deviceIdStrategie\" in flags.plugin; near names: deviceIDStrategy"},
    {"agent:\n  somethingElse: 1\n",
     "f.yaml:2: found key \"somethingElse\" in agent; expected one of allocationPolicy, cdiDir"},
    {"flags:\n  migStrategy: singel\n",
     "f.yaml:2: migStrategy: found \"singel\"; expected one of none, single, mixed; did you mean "
     "single?"},
    {"flags:\n  migStrategy: [single]\n", "f.yaml:2: migStrategy: found a list"},
    {"flags: single\n", "f.yaml:1: flags: found \"single\"; expected a map"},
    {"flags:\n  plugin:\n    passDeviceSpecs: \"true\"\n",
     "f.yaml:3: passDeviceSpecs: found \"true\" in quotes"},
    {"flags:\n  plugin:\n    deviceListStrategy: []\n", "f.yaml:3: deviceListStrategy: found \"\""},
    {"flags:\n  plugin:\n    deviceListStrategy:\n    - envvar\n    - cdi\n",
     "f.yaml:5: deviceListStrategy: found \"cdi\"; expected one of envvar, volume-mounts"},
    {"flags:\n  nvidiaDriverRoot: run/nvidia\n",
     "f.yaml:2: nvidiaDriverRoot: found \"run/nvidia\"; expected a path that begins with /"},
    {"flags:\n  nvidiaDriverRoot: \"\"\n", "f.yaml:2: nvidiaDriverRoot: found nothing"},
    {"imex: {channelIDs: [1]}\n", "f.yaml:1: channelIDs: found \"1\"; expected nothing, or 0"},
    {"imex: {channelIDs: [0, 1]}\n", "f.yaml:1: channelIDs: found 2; expected [] or [0]"},
    {"imex: {channelIDs: 0}\n", "f.yaml:1: channelIDs: found \"0\"; expected a list"},
    {"agent: {settleMs: 60001}\n",
     "f.yaml:1: settleMs: found \"60001\"; expected a whole number from 0 to 60000"},
    {"agent: {recoverAfterS: -1}\n", "f.yaml:1: recoverAfterS: found \"-1\""},
    {"sharing: {slicing: {}}\n",
     "f.yaml:1: found key \"slicing\"; expected one of timeSlicing, mps"},
    {"sharing: {timeSlicing: {renameByDefault: true}}\n", "f.yaml:1: found no key \"resources\""},
    {"sharing: {timeSlicing: {resources: []}}\n", "f.yaml:1: resources: found 0; expected 1 to"},
    {SHARED("replicas: 2"), "f.yaml:4: found no key \"name\""},
    {SHARED("name: gpu"), "f.yaml:4: found no key \"replicas\""},
    {SHARED("name: gpu, replicas: 1"), "f.yaml:4: replicas: found \"1\""},
    {SHARED("name: gpu, replicas: 1025"), "f.yaml:4: replicas: found \"1025\""},
    {SHARED("name: amd.com/gpu, replicas: 2"),
     "f.yaml:4: name: found \"amd.com/gpu\"; expected the name of a resource, as nvidia.com/gpu"},
    {SHARED("name: mig-1g.5gb+me, replicas: 2"), "f.yaml:4: name: found \"mig-1g.5gb+me\""},
    {SHARED("name: "
            "a123456789b123456789c123456789d123456789e123456789f123456789, replicas: 2"),
     "f.yaml:4: name: found a name of 71 characters; expected 63 at most"},
    {SHARED("name: gpu, replicas: 2, devices: 0"), "f.yaml:4: devices: found \"0\""},
    {SHARED("name: gpu, replicas: 2, devices: some"), "f.yaml:4: devices: found \"some\""},
    {SHARED("name: gpu, replicas: 2}\n    - {name: nvidia.com/gpu, replicas: 3"),
     "f.yaml:5: found nvidia.com/gpu again"},
    {"resources: {gpus: [{pattern: x}]}\n", "f.yaml:1: found no key \"name\""},
    {"resources: {cpus: []}\n", "f.yaml:1: found key \"cpus\""},
};

static void agentconfig__refuses_what_it_does_not_understand_by_line(void **state)
{
    (void)state;
    CHECK_BAD_INPUTS(bad, parse);
}

static void agentconfig__says_what_it_knows_and_does_not_do(void **state)
{
    (void)state;
    struct gs_err err = {0};
    assert_int_equal(
        parse("sharing:\n  mps:\n    resources:\n    - {name: gpu, replicas: 2}\n", &err),
        GS_UNSUPPORTED);
    assert_memory_equal(err.msg, "f.yaml:3: sharing.mps: found MPS, which this agent does not do",
                        40);
    assert_int_equal(parse("flags:\n  deviceDiscoveryStrategy: tegra\n", &err), GS_UNSUPPORTED);
    assert_string_equal(err.msg, "f.yaml:2: deviceDiscoveryStrategy: found \"tegra\", which this "
                                 "agent does not do; expected auto or nvml");
}

static void agentconfig__leaves_a_configuration_as_it_was_when_its_file_is_wrong(void **state)
{
    (void)state;
    struct gs_doc_input input = text_input("flags: {migStrategy: none}\nagent: {x: 1}\n");
    struct gs_agentconfig config;
    gs_agentconfig_init(&config);
    assert_int_equal(gs_agentconfig_read(&arena, &input, &config, NULL), GS_INVALID);
    assert_int_equal(config.mig_strategy, GS_MIG_STRATEGY_MIXED);
}

static void
agentconfig__lets_arguments_win_over_the_environment_and_that_over_the_file(void **state)
{
    (void)state;
    struct gs_agentconfig config = read_config("flags: {migStrategy: none, gdsEnabled: true}\n"
                                               "agent: {logLevel: error, cdiDir: /a}\n");
    const char *const environ[] = {"PATH=/bin",           "MIG_STRATEGY=single", "GDS_ENABLED=f",
                                   "GPUSLICE_CDI_DIR=/b", "NODE_NAME=",          NULL};
    char *const argv[] = {"agent", "--cdi-dir", "/c", "--mig-strategy=mixed", NULL};
    assert_int_equal(gs_agentconfig_env(&arena, environ, &config, NULL), 0);
    assert_int_equal(config.mig_strategy, GS_MIG_STRATEGY_SINGLE);
    assert_false(config.gds);
    assert_string_equal(config.cdi_dir, "/b");
    assert_int_equal(gs_agentconfig_args(&arena, 4, argv, &config, NULL), 0);
    assert_int_equal(config.mig_strategy, GS_MIG_STRATEGY_MIXED);
    assert_string_equal(config.cdi_dir, "/c");
    assert_int_equal(config.log_level, GS_LOG_ERROR);
}

static void agentconfig__takes_an_empty_variable_where_empty_means_something(void **state)
{
    (void)state;
    struct gs_agentconfig config;
    const char *const environ[] = {"KUBELET_SOCKET=", "MIG_STRATEGY=", "GFD_MIG_STRATEGY=none",
                                   "NVIDIA_DEV_ROOT=", NULL};
    gs_agentconfig_init(&config);
    assert_int_equal(gs_agentconfig_env(&arena, environ, &config, NULL), 0);
    assert_int_equal(gs_agentconfig_finish(&arena, &config, NULL), 0);
    assert_string_equal(config.kubelet_socket, "");
    assert_int_equal(config.mig_strategy, GS_MIG_STRATEGY_NONE);
    assert_string_equal(config.dev_root, "/");
}

static void agentconfig__takes_arguments_as_people_write_them(void **state)
{
    (void)state;
    struct gs_agentconfig config;
    gs_agentconfig_init(&config);
    char *const argv[] = {"agent",
                          "--device-list-strategy",
                          "envvar",
                          "--pass-device-specs",
                          "--device-list-strategy=cdi-cri,cdi-annotations",
                          "--api=false",
                          "--nvidia-driver-root=/d",
                          "--imex-channel-ids=0",
                          "--fail-on-init-error=false",
                          "--layout",
                          "a=b",
                          NULL};
    assert_int_equal(gs_agentconfig_args(&arena, 11, argv, &config, NULL), 0);
    assert_int_equal(config.device_list,
                     GS_LIST_ENVVAR | GS_LIST_CDI_ANNOTATIONS | GS_LIST_CDI_CRI);
    assert_true(config.pass_device_specs);
    assert_false(config.api);
    assert_string_equal(config.driver_root, "/d");
    assert_true(config.imex_channel);
    assert_string_equal(config.layout_name, "a=b");
    assert_int_equal(config.n_notes, 1);
}

static const struct {
    char *arg;
    const char *next;
    int result;
    const char *says;
} args[] = {
    {"--help", NULL, GS_AGENTCONFIG_HELP, ""},
    {"-h", NULL, GS_AGENTCONFIG_HELP, ""},
    {"--version", NULL, GS_AGENTCONFIG_VERSION, ""},
    {"--mig-strategi", NULL, GS_INVALID,
     "there is no option --mig-strategi; did you mean --mig-strategy?"},
    {"--nothing-like-it-at-all", NULL, GS_INVALID,
     "there is no option --nothing-like-it-at-all; see --help"},
    {"--mig-strategy", NULL, GS_INVALID, "--mig-strategy wants its argument, STRATEGY"},
    {"--mig-strategy", "all", GS_INVALID,
     "--mig-strategy: found \"all\"; expected one of none, single, mixed"},
    {"--api=maybe", NULL, GS_INVALID, "--api: found \"maybe\"; expected true or false"},
    {"--settle-ms=1e3", NULL, GS_INVALID,
     "--settle-ms: found \"1e3\"; expected a whole number from 0 to 60000"},
    {"word", NULL, GS_INVALID, "found \"word\"; expected options only; see --help"},
    {"--", NULL, GS_INVALID, "found \"--\"; expected options only; see --help"},
    {"--node-name=a\tb", NULL, GS_INVALID,
     "--node-name: found control characters or more than 4095 bytes; expected plain text"},
    {"--device-discovery-strategy=vfio", NULL, GS_UNSUPPORTED,
     "--device-discovery-strategy: found \"vfio\", which this agent does not do; expected auto or "
     "nvml"},
};

static void agentconfig__refuses_arguments_and_says_why(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(args); i++) {
        struct gs_err err = {0};
        struct gs_agentconfig config;
        char next[16];
        snprintf(next, sizeof(next), "%s", args[i].next == NULL ? "" : args[i].next);
        char *const argv[] = {"agent", args[i].arg, next, NULL};
        gs_agentconfig_init(&config);
        int r = gs_agentconfig_args(&arena, args[i].next == NULL ? 2 : 3, argv, &config, &err);
        assert_int_equal(r, args[i].result);
        assert_string_equal(err.msg, args[i].says);
    }
    struct gs_err err = {0};
    struct gs_agentconfig config;
    const char *const environ[] = {"GDS_ENABLED=yes", NULL};
    gs_agentconfig_init(&config);
    assert_int_equal(gs_agentconfig_env(&arena, environ, &config, &err), GS_INVALID);
    assert_string_equal(err.msg,
                        "environment variable GDS_ENABLED: found \"yes\"; expected true or false");
}

static void agentconfig__finds_its_file_before_anything_else(void **state)
{
    (void)state;
    const char *path = NULL;
    const char *const environ[] = {"CONFIG_FILE=/env.yaml", NULL};
    const char *const none[] = {NULL};
    char *const argv[] = {"agent", "--api=false", "--config-file=/args.yaml", NULL};
    assert_int_equal(gs_agentconfig_file(3, argv, environ, &path, NULL), 0);
    assert_string_equal(path, "/args.yaml");
    assert_int_equal(gs_agentconfig_file(2, argv, environ, &path, NULL), 0);
    assert_string_equal(path, "/env.yaml");
    assert_int_equal(gs_agentconfig_file(1, argv, none, &path, NULL), 0);
    assert_string_equal(path, "");
}

/* Its name is then one that the GPUs offer. */
static void agentconfig__takes_a_layout_without_a_file(void **state)
{
    (void)state;
    struct gs_agentconfig config;
    struct gs_err err = {0};
    gs_agentconfig_init(&config);
    config.layout_name = "all-1g";
    assert_int_equal(gs_agentconfig_finish(&arena, &config, &err), 0);
}

/* Each row can be reached in each of its ways, and no name means two things. */
static void agentconfig__has_no_name_twice_and_a_flag_for_each_row(void **state)
{
    (void)state;
    size_t n;
    const struct gs_setting *rows = gs_settings(&n);
    for (size_t i = 0; i < n; i++) {
        assert_non_null(rows[i].flags[0]);
        assert_non_null(rows[i].help);
        assert_true(rows[i].kind == GS_SETTING_FLAG || rows[i].kind == GS_SETTING_IDLE_FLAG ||
                    rows[i].arg != NULL);
        for (size_t k = 0; k < i; k++) {
            assert_false(rows[i].key != NULL && rows[k].key != NULL &&
                         strcmp(rows[i].key, rows[k].key) == 0);
            for (size_t f = 0; f < 4; f++) {
                const char *a = rows[i].flags[f / 2];
                const char *b = rows[k].flags[f % 2];
                assert_false(a != NULL && b != NULL && strcmp(a, b) == 0);
            }
            for (size_t e = 0; e < 9; e++) {
                const char *a = rows[i].envs[e / 3];
                const char *b = rows[k].envs[e % 3];
                assert_false(a != NULL && b != NULL && strcmp(a, b) == 0);
            }
        }
    }
}

static void agentconfig__helps_from_its_table(void **state)
{
    (void)state;
    struct gs_buf out;
    size_t n;
    const struct gs_setting *rows = gs_settings(&n);
    gs_buf_init(&out, 1 << 20);
    gs_agentconfig_help(&out);
    assert_true(gs_buf_ok(&out));
    for (size_t i = 0; i < n; i++) {
        assert_non_null(strstr(gs_buf_text(&out), rows[i].flags[0]));
    }
    for (const char *line = gs_buf_text(&out); *line != '\0'; line += strcspn(line, "\n") + 1) {
        assert_true(strcspn(line, "\n") <= 80 || strstr(line, "environment") != NULL);
    }
    gs_buf_done(&out);
}

/* docs/agent-config.md has the table as it is. */
static void agentconfig__is_described_in_the_documentation(void **state)
{
    (void)state;
    struct gs_buf out;
    gs_buf_init(&out, 1 << 20);
    gs_agentconfig_markdown(&out);
    FILE *file = fopen(GS_SOURCE_DIR "/docs/agent-config.md", "re");
    assert_non_null(file);
    char *page = calloc(1, 1 << 18);
    size_t got = fread(page, 1, (1 << 18) - 1, file);
    fclose(file);
    assert_true(got > 0);
    bool there = strstr(page, gs_buf_text(&out)) != NULL;
    free(page);
    gs_buf_done(&out);
    if (!there) {
        fail_msg("docs/agent-config.md lacks the table of settings as it is now; "
                 "tests/unit/node/test_agentconfig markdown prints it");
    }
}

static int print_markdown(void)
{
    struct gs_buf out;
    gs_buf_init(&out, 1 << 20);
    gs_agentconfig_markdown(&out);
    fputs(gs_buf_text(&out), stdout);
    gs_buf_done(&out);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "markdown") == 0) {
        return print_markdown();
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(agentconfig__has_a_default_for_everything),
        TEST(agentconfig__takes_the_file_of_nvidias_plugin),
        TEST(agentconfig__takes_json_and_what_is_left_out),
        TEST(agentconfig__takes_our_settings_beside_theirs),
        TEST(agentconfig__refuses_what_it_does_not_understand_by_line),
        TEST(agentconfig__says_what_it_knows_and_does_not_do),
        TEST(agentconfig__leaves_a_configuration_as_it_was_when_its_file_is_wrong),
        TEST(agentconfig__lets_arguments_win_over_the_environment_and_that_over_the_file),
        TEST(agentconfig__takes_an_empty_variable_where_empty_means_something),
        TEST(agentconfig__takes_arguments_as_people_write_them),
        TEST(agentconfig__refuses_arguments_and_says_why),
        TEST(agentconfig__finds_its_file_before_anything_else),
        TEST(agentconfig__takes_a_layout_without_a_file),
        TEST(agentconfig__has_no_name_twice_and_a_flag_for_each_row),
        TEST(agentconfig__helps_from_its_table),
        TEST(agentconfig__is_described_in_the_documentation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
