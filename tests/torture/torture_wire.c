#include "torture/torture.h"

#include <stdio.h>

#include "wire/demandfile.h"
#include "wire/emf.h"
#include "wire/existingfile.h"
#include "wire/instancefile.h"
#include "wire/migbuild.h"
#include "wire/migcheckpoint.h"
#include "wire/migexport.h"
#include "wire/mighooks.h"
#include "wire/servicefile.h"

static const char *const plain[] = {"L4"};
static const struct gs_gpu_names names = {.names = plain, .n = 1};

static struct gs_doc_input text_input(const char *text)
{
    return (struct gs_doc_input){.label = "f", .what = "a file", .bytes = gs_view(text)};
}

static int read_demandfile(const struct gs_alloc *source, struct gs_err *err)
{
    const struct gs_doc_input input = text_input("items:\n"
                                                 "- {name: a, profile: 1g.5gb, cpu: 1}\n"
                                                 "- {any: [L4, 1g.24gb x2], gpu_memory: 8Gi}\n"
                                                 "- {name: b, profile: 1g.5gb, cpu: 1}\n"
                                                 "- {gpu_memory: 100Gi}\n");
    struct gs_arena arena;
    gs_arena_init(&arena, source, 64 << 20);
    struct gs_demand *demand = gs_demand_new(&arena);
    int r = demand == NULL ? gs_fail(err, GS_NO_MEMORY, "no memory for a demand")
                           : gs_demandfile_read(source, &input, &names, demand, err);
    assert_true(r < 0 || gs_demand_total(demand) == 4);
    gs_arena_done(&arena);
    return r;
}

static int find_type(void *ctx, struct gs_view type, struct gs_existing_type *ret,
                     struct gs_err *err)
{
    (void)ctx;
    (void)type;
    (void)err;
    *ret = (struct gs_existing_type){.gpu = {.name = "L4"}, .gpus = 1};
    return 0;
}

static int read_existingfile(const struct gs_alloc *source, struct gs_err *err)
{
    static const struct gs_existing_types types = {.find = find_type};
    const struct gs_doc_input input = text_input(
        "- {name: a, instance_type: x, cpu: 1, memory: 1, pods: 1, gpus: [{whole: free}]}\n"
        "- {name: b, model: A100-40GB, cpu: 1, memory: 1, pods: 1, labels: {k: v, l: w},\n"
        "   taints: [{key: t, effect: NoSchedule}], gpus: [{layout: \"1g.5gb@0!\", uuid: u}]}\n");
    const struct gs_existing_node *nodes;
    size_t n;
    struct gs_arena arena;
    gs_arena_init(&arena, source, 64 << 20);
    int r = gs_existingfile_read(&arena, &input, &names, &types, &nodes, &n, err);
    gs_arena_done(&arena);
    return r;
}

static int read_instancefile(const struct gs_alloc *source, struct gs_err *err)
{
    const struct gs_doc_input input = text_input(
        "- {type: a, gpu: V100, mig: false, gpus: 2, vcpu: 8, memory: 32Gi, max_pods: 50,\n"
        "   usd_per_hour: 1, labels: {k: v}, taints: [{key: t, value: u, effect: NoExecute}]}\n"
        "- {type: b, gpu: A30, gpus: 1, vcpu: 8, memory: 32Gi, max_pods: 50, usd_per_hour: 2}\n");
    const struct gs_instance_entry *entries;
    struct gs_gpu_names all;
    size_t n;
    struct gs_arena arena;
    gs_arena_init(&arena, source, 64 << 20);
    int r = gs_instancefile_read(&arena, &input, &names, &entries, &n, err);
    if (r == 0) {
        r = gs_instancefile_gpus(&arena, &names, entries, n, &all, err);
    }
    gs_arena_done(&arena);
    return r;
}

static int read_services(const struct gs_alloc *source, struct gs_err *err)
{
    static const char csv[] = "name,rate_per_s,latency_ms\na,1,2\nb,1,2\nc,1,2\nd,1,2\ne,1,2\n"
                              "f,1,2\ng,1,2\nh,1,2\ni,1,2\n";
    static const char rows[] = "Mig instance,Batch size,Workload Number,Throughput,Latency\n"
                               "1,1,1,74.408,0.013\n";
    const struct gs_service *services;
    const struct gs_service_row *measured;
    size_t n;
    struct gs_arena arena;
    gs_arena_init(&arena, source, 64 << 20);
    int r = gs_servicefile_read(&arena, "f", gs_view(csv), &services, &n, err);
    if (r == 0) {
        r = gs_servicefile_read(&arena, "f", gs_view("- {name: a, rate_per_s: 1, latency_ms: 2}\n"),
                                &services, &n, err);
    }
    if (r == 0) {
        r = gs_servicefile_read_rows(&arena, "f", gs_view(rows), &measured, &n, err);
    }
    gs_arena_done(&arena);
    return r;
}

static int read_mig_files(const struct gs_alloc *source, struct gs_err *err)
{
    const struct gs_doc_input files[] = {
        text_input("version: v1\nmig-configs: {a: [{device-filter: [\"0x1\"], devices: [0], "
                   "mig-enabled: true, mig-devices: {1g.5gb: 2}}]}\n"),
        text_input(
            "{\"Version\":\"v1\",\"MigState\":{\"Devices\":[{\"UUID\":\"G\",\"MigMode\":1}]}}"),
        text_input("version: v1\nhooks: {apply-exit: [{command: a, args: [b], envs: {C: d}}]}\n"),
    };
    struct gs_migconfig config;
    const struct gs_mig_state *states;
    struct gs_mighooks hooks;
    unsigned n;
    struct gs_arena arena;
    gs_arena_init(&arena, source, 64 << 20);
    int r = gs_migconfig_read(&arena, &files[0], &config, err);
    r = r < 0 ? r : gs_migcheckpoint_read(&arena, &files[1], &states, &n, err);
    r = r < 0 ? r : gs_mighooks_read(&arena, &files[2], &hooks, err);
    gs_arena_done(&arena);
    return r;
}

static int write_mig_files(const struct gs_alloc *source, struct gs_err *err)
{
    static const struct gs_migexport_gpu had[2] = {{.pci_device_id = 1}, {.pci_device_id = 2}};
    static const struct gs_migbuild_profile kinds[] = {{{1, 1, 5, 0, ""}, 7},
                                                       {{2, 2, 10, 0, ""}, 3}};
    static const struct gs_migbuild_gpu offers[] = {{1, 2, kinds}, {2, 1, kinds}};
    struct gs_migwrite_choice exported;
    const struct gs_migwrite_choice *built;
    unsigned n;
    struct gs_arena arena;
    struct gs_buf out;
    gs_arena_init(&arena, source, 64 << 20);
    gs_buf_init(&out, 1 << 20);
    int r = gs_migexport(&arena, "a", had, 2, &exported, err);
    r = r < 0 ? r : gs_migwrite(&arena, &exported, 1, GS_MIGWRITE_YAML, &out, err);
    r = r < 0 ? r : gs_migbuild(&arena, offers, 2, &built, &n, err);
    r = r < 0 ? r : gs_migwrite(&arena, built, n, GS_MIGWRITE_JSON, &out, err);
    gs_buf_done(&out);
    gs_arena_done(&arena);
    return r;
}

static int write_mig_texts(struct gs_err *err)
{
    return write_mig_files(&gs_alloc_heap, err);
}

static void torture__mig_parteds_files_survive_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_arena(read_mig_files, 1) >= 20);
    assert_true(torture_arena(write_mig_files, 1) >= 15);
    assert_true(torture_heap(write_mig_texts, 1) >= 2);
}

static void torture__demandfile_survives_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_arena(read_demandfile, 1) >= 20);
}

static void torture__existingfile_survives_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_arena(read_existingfile, 1) >= 20);
}

static void torture__instancefile_survives_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_arena(read_instancefile, 1) >= 20);
}

static void torture__servicefile_survives_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_arena(read_services, 1) >= 20);
}

static int write_emf(struct gs_err *err)
{
    static const char *const dimensions[] = {"ClusterName"};
    static const struct gs_emf_set set = {dimensions, 1};
    static const struct gs_emf_member member = {"ClusterName", "c1"};
    static struct gs_emf_metric metrics[250];
    static char texts[250][8];
    struct gs_buf out;
    for (unsigned i = 0; i < 250; i++) {
        snprintf(texts[i], sizeof(texts[i]), "m%u", i);
        metrics[i] = (struct gs_emf_metric){texts[i], i, GS_EMF_COUNT};
    }
    const struct gs_emf emf = {"GpuSlice", 1, &set, 1, &member, 1, metrics, 250};
    gs_buf_init(&out, 1 << 20);
    int r = gs_emf_write(&emf, &out, err);
    assert_true(r == 0 || out.len == 0); /* all lines, or none */
    gs_buf_done(&out);
    return r;
}

static void torture__lines_for_cloudwatch_survive_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_heap(write_emf, 1) >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__demandfile_survives_each_failed_request),
        cmocka_unit_test(torture__mig_parteds_files_survive_each_failed_request),
        cmocka_unit_test(torture__existingfile_survives_each_failed_request),
        cmocka_unit_test(torture__instancefile_survives_each_failed_request),
        cmocka_unit_test(torture__servicefile_survives_each_failed_request),
        cmocka_unit_test(torture__lines_for_cloudwatch_survive_each_failed_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
