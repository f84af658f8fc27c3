#include "torture/torture.h"

#include <stdio.h>

#include "core/catalog.h"
#include "node/allocate.h"
#include "node/capacity.h"
#include "node/gone.h"
#include "node/health.h"
#include "node/holding.h"
#include "node/labels.h"
#include "node/metrics.h"
#include "node/prefer.h"

/* A node with two cut GPUs and a whole one. Nothing of it is allocated. */
static struct gs_snapshot_gpu gpus[3];
static struct gs_snapshot_slice slices[4];
static const struct gs_snapshot snapshot = {
    .driver = {.driver_version = "580.65.06", .cuda_version = 13000},
    .n_gpus = 3,
    .gpus = gpus,
    .n_slices = 4,
    .slices = slices,
};
static struct gs_agentconfig config;

static int set_up(void **state)
{
    (void)state;
    static const char *const uuids[] = {"MIG-a", "MIG-b", "MIG-c", "MIG-d"};
    const struct gs_model *model;
    assert_int_equal(gs_catalog_find(gs_view("A100-40GB"), &model, NULL), 0);
    for (unsigned g = 0; g < 3; g++) {
        gpus[g] = (struct gs_snapshot_gpu){
            .facts = {.index = g,
                      .minor = g,
                      .mode = g < 2 ? GS_MIG_ON : GS_MIG_OFF,
                      .pending = GS_MIG_ON, /* a condition of GPU 2 */
                      .compute_major = 8,
                      .memory_bytes = 1ull << 35},
            .generation = g + 1,
            .model = model,
            .first = g < 2 ? 2 * g : 4,
            .n = g < 2 ? 2 : 0,
        };
        snprintf(gpus[g].facts.uuid, sizeof(gpus[g].facts.uuid), "GPU-%u", g);
        snprintf(gpus[g].facts.name, sizeof(gpus[g].facts.name), "NVIDIA A100-SXM4-40GB");
    }
    for (unsigned i = 0; i < 4; i++) {
        slices[i] = (struct gs_snapshot_slice){
            .id = {.gpu = i / 2, .gi = i % 2 + 1, .generation = 10 + i},
            .profile = {.compute_slices = 1, .gpu_slices = 1, .memory_gb = 5},
            .start = i % 2,
            .size = 1,
            .gi_minor = 10 + i,
            .ci_minor = 20 + i,
        };
        snprintf(slices[i].uuid, sizeof(slices[i].uuid), "%s", uuids[i]);
    }
    gs_agentconfig_init(&config);
    config.dev_root = "/";
    config.device_list = GS_LIST_ENVVAR | GS_LIST_VOLUME_MOUNTS | GS_LIST_ANY_CDI;
    config.pass_device_specs = true;
    return 0;
}

static int read_config(const struct gs_alloc *source, struct gs_err *err)
{
    static const char text[] =
        "version: v1\n"
        "flags: {migStrategy: single, failOnInitError: true, plugin: {deviceListStrategy: [envvar]}}\n"
        "sharing:\n"
        "  timeSlicing:\n"
        "    renameByDefault: true\n"
        "    resources:\n"
        "    - {name: gpu, replicas: 2, rename: other, devices: [0]}\n"
        "    - {name: mig-1g.5gb, replicas: 3}\n"
        "resources: {gpus: [{pattern: x, name: y}]}\n";
    static const char *const environ[] = {"MPS_ROOT=/m", NULL};
    const struct gs_doc_input input = {.label = "f", .what = "settings", .bytes = gs_view(text)};
    char *const argv[] = {"agent", "--oneshot", "--cdi-dir=/c"};
    struct gs_agentconfig read;
    struct gs_arena arena;
    gs_arena_init(&arena, source, 64 << 20);
    gs_agentconfig_init(&read);
    int r = gs_agentconfig_read(&arena, &input, &read, err);
    r = r < 0 ? r : gs_agentconfig_env(&arena, environ, &read, err);
    r = r < 0 ? r : gs_agentconfig_args(&arena, 3, argv, &read, err);
    r = r < 0 ? r : gs_agentconfig_finish(&arena, &read, err);
    gs_arena_done(&arena);
    return r;
}

static int offer_and_allocate(const struct gs_alloc *source, struct gs_err *err)
{
    static const char *const ids[] = {"MIG-b", "MIG-c"};
    static const struct gs_offer_gone gone = {.resource = "nvidia.com/mig-1g.5gb", .id = "MIG-x"};
    const struct gs_dp_ids request = {.n = 2, .ids = ids};
    const struct gs_dp_choice choice = {.available = {.n = 2, .ids = ids}, .size = 1};
    struct gs_allocate with = {.config = &config, .control_nodes = 15, .uuid = "u"};
    struct gs_arena arena;
    struct gs_offer offer;
    struct gs_dp_list list;
    struct gs_dp_grant grant;
    struct gs_dp_ids chosen;
    gs_arena_init(&arena, source, 64 << 20);
    int r = gs_offer_new(&arena, &snapshot, &config, &offer, err);
    if (r == 0) {
        with.offer = &offer;
        with.resource = gs_offer_find(&offer, "nvidia.com/mig-1g.5gb");
        r = gs_offer_list(&arena, gone.resource, with.resource, NULL, 0, &gone, 1, &list, err);
    }
    r = r < 0 ? r : gs_allocate(&arena, &with, &request, &grant, err);
    const struct gs_prefer prefer = {.offer = &offer, .resource = with.resource, .config = &config};
    r = r < 0 ? r : gs_prefer(&arena, &prefer, &choice, &chosen, err);
    gs_arena_done(&arena);
    return r;
}

static int many_gone(const struct gs_alloc *source, struct gs_err *err)
{
    struct gs_arena arena;
    struct gs_dp_list list;
    struct gs_gone gone = {.arena = &arena, .copies = true};
    int r = 0;
    gs_arena_init(&arena, source, 64 << 20);
    for (unsigned i = 0; r == 0 && i < 40; i++) {
        char id[GS_DEVICE_ID_MAX];
        const struct gs_offer_gone device = {
            .resource = i % 3 == 0 ? "nvidia.com/gpu" : "nvidia.com/mig-1g.5gb", .id = id};
        snprintf(id, sizeof(id), "MIG-x::%u", i / 2);
        r = gs_gone_add(&gone, &device, err);
    }
    r = r < 0 ? r
              : gs_offer_list(&arena, "nvidia.com/mig-1g.5gb", NULL, NULL, 0, gone.at,
                              (unsigned)gone.n, &list, err);
    gs_arena_done(&arena);
    return r;
}

static int prefer_replicas_and_whole(const struct gs_alloc *source, struct gs_err *err)
{
    static const struct gs_shared_resource shared = {
        .name = "nvidia.com/mig-1g.5gb", .rename = "", .replicas = 2};
    static const char *const ids[] = {"MIG-b::0", "MIG-c::1"};
    static const char *const whole[] = {"GPU-2"};
    const struct gs_dp_choice replicas = {.available = {.n = 2, .ids = ids}, .size = 2};
    const struct gs_dp_choice gpu = {.available = {.n = 1, .ids = whole}, .size = 1};
    struct gs_agentconfig own = config;
    struct gs_arena arena;
    struct gs_offer offer;
    struct gs_dp_list list;
    struct gs_dp_ids chosen;
    own.shared = &shared;
    own.n_shared = 1;
    gs_arena_init(&arena, source, 64 << 20);
    int r = gs_offer_new(&arena, &snapshot, &own, &offer, err);
    struct gs_prefer prefer = {.offer = &offer, .config = &own};
    for (unsigned i = 0; r == 0 && i < offer.n_resources; i++) {
        prefer.resource = &offer.resources[i];
        r = gs_offer_list(&arena, prefer.resource->name, prefer.resource, NULL, 0, NULL, 0, &list,
                          err);
        r = r < 0 ? r
                  : gs_prefer(&arena, &prefer, prefer.resource->shared ? &replicas : &gpu, &chosen,
                              err);
    }
    gs_arena_done(&arena);
    return r;
}

static int label(const struct gs_alloc *source, struct gs_err *err)
{
    static const struct gs_vgpu vgpu = {.present = true, .host_driver_version = "1"};
    static const struct gs_label have = {"nvidia.com/mig-2g.10gb.count", "1"};
    const struct gs_labels_input input = {.snapshot = &snapshot,
                                          .config = &config,
                                          .machine_type = "x",
                                          .vgpu = &vgpu,
                                          .started_s = 1};
    struct gs_arena arena;
    struct gs_labels labels;
    struct gs_labels change;
    gs_arena_init(&arena, source, 64 << 20);
    int r = gs_labels_new(&arena, &input, &labels, err);
    r = r < 0 ? r : gs_labels_diff(&arena, &labels, &have, 1, &change, err);
    gs_arena_done(&arena);
    return r;
}

static int hold(const struct gs_alloc *source, struct gs_err *err)
{
    static const char *const ids[] = {"MIG-a", "MIG-z"};
    static const struct gs_podres_devices devices = {
        .resource = "nvidia.com/mig-1g.5gb", .n_ids = 2, .ids = ids};
    static const struct gs_podres_container container = {
        .name = "c", .n_devices = 1, .devices = &devices};
    static const struct gs_podres_pod pod = {
        .name = "p", .namespace_ = "n", .n_containers = 1, .containers = &container};
    static const struct gs_podres_list listed = {.n = 1, .pods = &pod};
    static const struct gs_holder_process process = {.gpu = 1, .gi = 1, .pid = 5, .pod_uid = ""};
    struct gs_holding_input input = {
        .listed = &listed, .processes_known = UINT32_MAX, .n_processes = 1, .processes = &process};
    struct gs_arena arena;
    struct gs_offer offer;
    struct gs_holding holding;
    gs_arena_init(&arena, source, 64 << 20);
    int r = gs_offer_new(&arena, &snapshot, &config, &offer, err);
    input.offer = &offer;
    r = r < 0 ? r : gs_holding_new(&arena, &input, &holding, err);
    gs_arena_done(&arena);
    return r;
}

static int count(const struct gs_alloc *source, struct gs_err *err)
{
    static const struct gs_capacity_row row = {.resource = "r", .listed = 1, .ceiling = 1};
    struct gs_arena arena;
    struct gs_capacity capacity;
    gs_arena_init(&arena, source, 64 << 20);
    int r = gs_capacity_new(&arena, &row, 1, &capacity, err);
    gs_arena_done(&arena);
    return r;
}

/* Sick slices stand in an array that grows. */
static int fall_sick(const struct gs_alloc *source, struct gs_err *err)
{
    struct gs_health health;
    struct gs_health_rules rules;
    int r = 0;
    gs_health_init(&health, source);
    gs_health_rules_init(&rules, &config);
    for (unsigned i = 0; r == 0 && i < 12; i++) {
        const struct gs_gpu_event event = {
            .kind = i % 3 == 0   ? GS_GPU_EVENT_XID
                    : i % 3 == 1 ? GS_GPU_EVENT_LOST
                                 : GS_GPU_EVENT_RECOVERY,
            .gpu = i / 4,
            .gi = i % 4 == 0 ? 1 : GS_NOT_KNOWN,
            .ci = i % 4 == 0 ? 0 : GS_NOT_KNOWN,
            .data = 79,
        };
        bool changed;
        r = gs_health_event(&health, &snapshot, &rules, &event, i, &changed, err);
    }
    gs_health_done(&health);
    return r;
}

/* The page has a buffer of its own, whose failure is its whole result. */
static int write_metrics(struct gs_err *err)
{
    struct gs_arena arena;
    struct gs_offer offer;
    struct gs_buf out;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    gs_buf_init(&out, 1 << 20);
    int r = gs_offer_new(&arena, &snapshot, &config, &offer, err);
    const struct gs_metrics_input input = {
        .offer = &offer, .config = &config, .hostname = "h", .version = "v"};
    if (r == 0) {
        gs_metrics_write(&input, &out);
        r = gs_buf_ok(&out) ? 0 : gs_fail(err, GS_NO_MEMORY, "no memory for the page");
    }
    gs_buf_done(&out);
    gs_arena_done(&arena);
    return r;
}

#define ARENA_TEST(scenario)                                                                       \
    static void node__##scenario##_survives_each_failed_request(void **state)                      \
    {                                                                                              \
        (void)state;                                                                               \
        assert_true(torture_arena(scenario, 1) > 0);                                               \
    }

ARENA_TEST(read_config)
ARENA_TEST(offer_and_allocate)
ARENA_TEST(many_gone)
ARENA_TEST(prefer_replicas_and_whole)
ARENA_TEST(label)
ARENA_TEST(hold)
ARENA_TEST(count)
ARENA_TEST(fall_sick)

static void node__write_metrics_survives_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_heap(write_metrics, 1) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(node__read_config_survives_each_failed_request),
        cmocka_unit_test(node__offer_and_allocate_survives_each_failed_request),
        cmocka_unit_test(node__many_gone_survives_each_failed_request),
        cmocka_unit_test(node__prefer_replicas_and_whole_survives_each_failed_request),
        cmocka_unit_test(node__label_survives_each_failed_request),
        cmocka_unit_test(node__hold_survives_each_failed_request),
        cmocka_unit_test(node__count_survives_each_failed_request),
        cmocka_unit_test(node__fall_sick_survives_each_failed_request),
        cmocka_unit_test(node__write_metrics_survives_each_failed_request),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
