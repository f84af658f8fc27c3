/* cdi: structs to JSON, the version that the fields need, and what is refused. */
#include "unit/check.h"

#include <string.h>

#include "base/cleanup.h"
#include "wire/cdi.h"

#define TEXTS(...)                                                                                 \
    {                                                                                              \
        .n = sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), .at = (const char *const[])   \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

#define PLAIN_NODE(p)                                                                              \
    {                                                                                              \
        .path = (p), .major = GS_CDI_NOT_TOLD, .minor = GS_CDI_NOT_TOLD,                           \
        .file_mode = GS_CDI_NOT_TOLD, .uid = GS_CDI_NOT_TOLD, .gid = GS_CDI_NOT_TOLD               \
    }

static const struct gs_cdi_node plain[] = {PLAIN_NODE("/dev/nvidia0")};

/* One device with these edits, or with a plain node. */
static struct gs_cdi_spec spec_of(struct gs_cdi_device *device, const struct gs_cdi_edits *edits)
{
    *device = (struct gs_cdi_device){.name = "GPU-1", .edits = {.n_nodes = 1, .nodes = plain}};
    if (edits != NULL) {
        device->edits = *edits;
    }
    return (struct gs_cdi_spec){.kind = "nvidia.com/gpu", .n_devices = 1, .devices = device};
}

static void gives(const struct gs_cdi_spec *spec, const char *json)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    struct gs_err err;
    gs_buf_init(&out, GS_CDI_BYTES_MAX);
    assert_int_equal(gs_cdi_format(spec, &out, &err), 0);
    assert_string_equal(gs_buf_text(&out), json);
}

static void refuses(const struct gs_cdi_spec *spec, int code, const char *says)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    struct gs_err err = {.msg = ""};
    gs_buf_init(&out, GS_CDI_BYTES_MAX);
    assert_int_equal(gs_cdi_format(spec, &out, &err), code);
    if (strstr(err.msg, says) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", err.msg, says);
    }
    assert_int_equal(out.len, 0);
}

static void cdi__everything_is_written_in_the_order_of_the_specification(void **state)
{
    (void)state;
    static const struct gs_cdi_node nodes[] = {{.path = "/dev/nvidia0",
                                                .host_path = "/run/nvidia/driver/dev/nvidia0",
                                                .permissions = "rwm",
                                                .type = 'c',
                                                .major = 195,
                                                .minor = 0,
                                                .file_mode = 0666,
                                                .uid = 7,
                                                .gid = 44},
                                               PLAIN_NODE("/dev/nvidiactl")};
    const struct gs_cdi_hook hooks[] = {
        {.name = "createContainer",
         .path = "/usr/bin/nvidia-cdi-hook",
         .args = TEXTS("nvidia-cdi-hook", "update-ldcache", "--folder", "/usr/lib64"),
         .env = TEXTS("NVIDIA_CTK_DEBUG=false")}};
    const struct gs_cdi_mount mounts[] = {{.host_path = "/run/nvidia/driver/lib/x",
                                           .container_path = "/lib/x",
                                           .options = TEXTS("ro", "nosuid"),
                                           .type = "bind"}};
    static const uint32_t gids[] = {44, 226};
    const struct gs_cdi_edits edits = {.env = TEXTS("A=1", "B="),
                                       .n_nodes = 2,
                                       .nodes = nodes,
                                       .n_hooks = 1,
                                       .hooks = hooks,
                                       .n_mounts = 1,
                                       .mounts = mounts,
                                       .n_gids = 2,
                                       .gids = gids};
    struct gs_cdi_device device;
    struct gs_cdi_spec spec = spec_of(&device, &edits);
    spec.edits.env = (struct gs_cdi_texts)TEXTS("NVIDIA_VISIBLE_DEVICES=void");
    gives(
        &spec,
        "{\"cdiVersion\":\"0.7.0\",\"kind\":\"nvidia.com/gpu\",\"devices\":[{\"name\":\"GPU-1\","
        "\"containerEdits\":{\"env\":[\"A=1\",\"B=\"],\"deviceNodes\":[{\"path\":"
        "\"/dev/nvidia0\",\"hostPath\":\"/run/nvidia/driver/dev/nvidia0\",\"type\":\"c\","
        "\"major\":195,\"minor\":0,\"fileMode\":438,\"permissions\":\"rwm\",\"uid\":7,\"gid\":44},"
        "{\"path\":\"/dev/nvidiactl\"}],\"hooks\":[{\"hookName\":\"createContainer\",\"path\":"
        "\"/usr/bin/nvidia-cdi-hook\",\"args\":[\"nvidia-cdi-hook\",\"update-ldcache\","
        "\"--folder\",\"/usr/lib64\"],\"env\":[\"NVIDIA_CTK_DEBUG=false\"]}],\"mounts\":[{"
        "\"hostPath\":\"/run/nvidia/driver/lib/x\",\"containerPath\":\"/lib/x\",\"options\":["
        "\"ro\",\"nosuid\"],\"type\":\"bind\"}],\"additionalGids\":[44,226]}}],"
        "\"containerEdits\":{\"env\":[\"NVIDIA_VISIBLE_DEVICES=void\"]}}\n");
}

static void cdi__little_is_written_where_little_is_told(void **state)
{
    (void)state;
    struct gs_cdi_device device;
    struct gs_cdi_spec spec = spec_of(&device, NULL);
    gives(&spec, "{\"cdiVersion\":\"0.3.0\",\"kind\":\"nvidia.com/gpu\",\"devices\":[{\"name\":"
                 "\"GPU-1\",\"containerEdits\":{\"deviceNodes\":[{\"path\":\"/dev/nvidia0\"}]}}],"
                 "\"containerEdits\":{}}\n");
}

static void cdi__quotes_and_control_characters_are_escaped(void **state)
{
    (void)state;
    const struct gs_cdi_edits edits = {.env = TEXTS("A=\"b\"\\\n\x01\x7f\xc3\xa9")};
    struct gs_cdi_device device;
    struct gs_cdi_spec spec = spec_of(&device, &edits);
    gives(&spec, "{\"cdiVersion\":\"0.3.0\",\"kind\":\"nvidia.com/gpu\",\"devices\":[{\"name\":"
                 "\"GPU-1\",\"containerEdits\":{\"env\":[\"A=\\\"b\\\"\\\\\\u000a\\u0001\\u007f"
                 "\xc3\xa9\"]}}],\"containerEdits\":{}}\n");
}

static void cdi__the_version_is_the_lowest_that_knows_the_fields(void **state)
{
    (void)state;
    static const struct gs_cdi_node same[] = {
        {.path = "/dev/a", .host_path = "/dev/a", .major = GS_CDI_NOT_TOLD}};
    static const struct gs_cdi_node other[] = {
        {.path = "/dev/a", .host_path = "/host/dev/a", .major = GS_CDI_NOT_TOLD}};
    static const struct gs_cdi_mount typed[] = {
        {.host_path = "/a", .container_path = "/a", .type = "tmpfs"}};
    static const uint32_t gids[] = {44};
    static const struct {
        const char *version;
        const char *kind;
        const char *name;
        struct gs_cdi_edits edits;
    } cases[] = {
        {"0.3.0", "nvidia.com/gpu", "gpu0", {.n_nodes = 1, .nodes = plain}},
        {"0.3.0", "k8s.device-plugin.nvidia.com/gpu", "GPU-1", {.n_nodes = 1, .nodes = same}},
        {"0.4.0", "nvidia.com/gpu", "gpu0", {.n_mounts = 1, .mounts = typed}},
        {"0.5.0", "nvidia.com/gpu", "0", {.n_nodes = 1, .nodes = plain}},
        {"0.5.0", "nvidia.com/gpu", "gpu0", {.n_nodes = 1, .nodes = other}},
        {"0.6.0", "nvidia.com/gpu.mig", "0", {.n_nodes = 1, .nodes = other}},
        {"0.7.0", "nvidia.com/gpu", "0", {.n_nodes = 1, .nodes = plain, .n_gids = 1, .gids = gids}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gs_cdi_device devices[2] = {{.name = cases[i].name, .edits = cases[i].edits}};
        struct gs_cdi_spec spec = {.kind = cases[i].kind, .n_devices = 1, .devices = devices};
        assert_string_equal(gs_cdi_version(&spec), cases[i].version);
        /* of the second device, and of the whole file, it counts as well */
        devices[1] = devices[0];
        devices[0] = (struct gs_cdi_device){.name = "a", .edits = {.n_nodes = 1, .nodes = plain}};
        spec.n_devices = 2;
        assert_string_equal(gs_cdi_version(&spec), cases[i].version);
        spec.n_devices = 1;
        spec.edits = cases[i].edits;
        if (cases[i].name[0] != '0') {
            assert_string_equal(gs_cdi_version(&spec), cases[i].version);
        }
    }
}

static void cdi__names_are_those_of_the_specification(void **state)
{
    (void)state;
    static const char *const fine[] = {"0",
                                       "0:1",
                                       "gpu0",
                                       "mig0:1",
                                       "all",
                                       "GPU-a_b.c",
                                       "MIG-6d0e1f2a-0000-5000-8000-000000000000"};
    static const char *const wrong[] = {"",         "-a",  "a-", ":", "a b", "a/b", "MIG-GPU-1/2/0",
                                        "\xc3\xa9", "a\n", ".a"};
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
        assert_true(gs_cdi_name_is_valid(fine[i]));
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(gs_cdi_name_is_valid(wrong[i]));
    }
}

static void cdi__a_file_without_devices_is_not_written(void **state)
{
    (void)state;
    struct gs_cdi_device device;
    struct gs_cdi_spec spec = spec_of(&device, NULL);
    spec.n_devices = 0;
    refuses(&spec, GS_NOT_FOUND, "no devices");
}

static void cdi__what_readers_refuse_is_refused(void **state)
{
    (void)state;
    static const struct gs_cdi_node no_path[] = {PLAIN_NODE("")};
    static const struct gs_cdi_node bytes[] = {PLAIN_NODE("/dev/\xff")};
    static const struct gs_cdi_node typed[] = {
        {.path = "/dev/a", .type = 'c', .major = GS_CDI_NOT_TOLD}};
    static const struct gs_cdi_node major_0[] = {{.path = "/dev/a", .type = 'c', .major = 0}};
    static const struct gs_cdi_node strange[] = {{.path = "/dev/a", .type = 'x', .major = 1}};
    static const struct gs_cdi_node rights[] = {{.path = "/dev/a", .permissions = "rx"}};
    static const struct gs_cdi_node no_rights[] = {{.path = "/dev/a", .permissions = ""}};
    static const struct gs_cdi_hook stage[] = {{.name = "later", .path = "/a"}};
    static const struct gs_cdi_hook no_program[] = {{.name = "poststop", .path = ""}};
    const struct gs_cdi_hook hook_env[] = {{.name = "poststop", .path = "/a", .env = TEXTS("A")}};
    static const struct gs_cdi_mount from[] = {{.host_path = "", .container_path = "/a"}};
    static const struct gs_cdi_mount to[] = {{.host_path = "/a", .container_path = NULL}};
    const struct {
        struct gs_cdi_edits edits;
        const char *says;
    } cases[] = {
        {{.n_nodes = 1, .nodes = no_path}, "is empty"},
        {{.n_nodes = 1, .nodes = bytes}, "not UTF-8"},
        {{.n_nodes = 1, .nodes = typed}, "needs a major number"},
        {{.n_nodes = 1, .nodes = major_0}, "needs a major number"},
        {{.n_nodes = 1, .nodes = strange}, "type 'x'"},
        {{.n_nodes = 1, .nodes = rights}, "\"rx\""},
        {{.n_nodes = 1, .nodes = no_rights}, "permissions"},
        {{.n_hooks = 1, .hooks = stage}, "no stage \"later\""},
        {{.n_hooks = 1, .hooks = no_program}, "is empty"},
        {{.n_hooks = 1, .hooks = hook_env}, "no variable"},
        {{.n_mounts = 1, .mounts = from}, "host's path"},
        {{.n_mounts = 1, .mounts = to}, "container's path"},
        {{.env = TEXTS("A=1", "=2")}, "no variable"},
        {{.env = TEXTS("A")}, "no variable"},
        {{.n_nodes = 0}, "changes nothing"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gs_cdi_device device;
        struct gs_cdi_spec spec = spec_of(&device, &cases[i].edits);
        refuses(&spec, GS_INVALID, cases[i].says);
        refuses(&spec, GS_INVALID, "GPU-1");
        spec = spec_of(&device, NULL);
        spec.edits = cases[i].edits;
        if (strcmp(cases[i].says, "changes nothing") != 0) {
            refuses(&spec, GS_INVALID, cases[i].says);
        }
    }
}

static void cdi__kinds_and_names_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static const char *const kinds[] = {"",        "gpu",     "nvidia.com/", "/gpu",
                                        "1.com/a", "a.com/1", "a.com/gpu/x", "a .com/gpu"};
    struct gs_cdi_device devices[2];
    struct gs_cdi_spec spec;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        spec = spec_of(devices, NULL);
        spec.kind = kinds[i];
        refuses(&spec, GS_INVALID, "no kind of device");
    }
    spec = spec_of(devices, NULL);
    devices[0].name = "MIG-GPU-1/2/0";
    refuses(&spec, GS_INVALID, "no name of a device");
    spec = spec_of(devices, NULL);
    devices[1] = devices[0];
    spec.n_devices = 2;
    refuses(&spec, GS_INVALID, "two devices GPU-1");
}

static void cdi__a_small_buffer_is_no_success(void **state)
{
    (void)state;
    struct gs_cdi_device device;
    struct gs_cdi_spec spec = spec_of(&device, NULL);
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    struct gs_err err;
    gs_buf_init(&out, 100);
    assert_int_equal(gs_cdi_format(&spec, &out, &err), GS_NO_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cdi__everything_is_written_in_the_order_of_the_specification),
        cmocka_unit_test(cdi__little_is_written_where_little_is_told),
        cmocka_unit_test(cdi__quotes_and_control_characters_are_escaped),
        cmocka_unit_test(cdi__the_version_is_the_lowest_that_knows_the_fields),
        cmocka_unit_test(cdi__names_are_those_of_the_specification),
        cmocka_unit_test(cdi__a_file_without_devices_is_not_written),
        cmocka_unit_test(cdi__what_readers_refuse_is_refused),
        cmocka_unit_test(cdi__kinds_and_names_that_cannot_be_are_refused),
        cmocka_unit_test(cdi__a_small_buffer_is_no_success),
    };
    return cmocka_run_group_tests_name("cdi", tests, NULL, NULL);
}
