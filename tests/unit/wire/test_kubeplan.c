#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "unit/wire/kube_input.h"
#include "wire/kubeplan.h"

/* Everything of one test: what the lists hold, and what came of them. */
struct fixture {
    struct gs_arena arena, scratch;
    struct gs_demand *demand;
    const struct gs_kubeplan_summary *summary;
    struct gs_buf text;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){0};
    gs_arena_init(&fixture.arena, &gs_alloc_heap, 1 << 26);
    gs_arena_init(&fixture.scratch, &gs_alloc_heap, 1 << 26);
    gs_buf_init(&fixture.text, 100000);
    fixture.demand = gs_demand_new(&fixture.arena);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    gs_buf_done(&fixture->text);
    gs_arena_done(&fixture->scratch);
    gs_arena_done(&fixture->arena);
    return 0;
}

/* A list with these elements; single quotes stand for double ones. */
static void make_list(struct gs_buf *buf, const char *items)
{
    gs_buf_reset(buf);
    gs_buf_puts(buf, "{\"items\":[");
    for (; *items != '\0'; items++) {
        gs_buf_put(buf, *items == '\'' ? "\"" : items, 1);
    }
    gs_buf_puts(buf, "],\"kind\":\"List\"}");
}

static int read_lists(struct fixture *fixture, const char *pods, const char *nodes,
                      struct gs_err *err)
{
    struct gs_buf texts[2];
    struct kube_input inputs[2];
    struct gs_kubeplan_file files[2] = {{.label = "pods.json"}, {.label = "nodes.json"}};
    const char *items[2] = {pods, nodes};
    for (int i = 0; i < 2; i++) {
        gs_buf_init(&texts[i], 1000000);
        make_list(&texts[i], items[i] == NULL ? "" : items[i]);
        inputs[i] = (struct kube_input){.p = gs_buf_text(&texts[i]), .n = texts[i].len};
        files[i].source = kube_input_source(&inputs[i]);
    }
    int r = gs_kubeplan_read(&files[0], nodes == NULL ? NULL : &files[1], &fixture->arena,
                             &fixture->scratch, fixture->demand, &fixture->summary, err);
    gs_buf_done(&texts[0]);
    gs_buf_done(&texts[1]);
    return r;
}

static void put_want(struct gs_buf *buf, const struct gs_want *want)
{
    char name[GS_PROFILE_NAME_MAX + 1] = "gpu";
    if (!want->whole_gpu) {
        gs_profile_name_format(&want->profile, name);
    }
    gs_buf_printf(buf, " %s%s%s=%u", want->model == NULL ? "" : want->model->id,
                  want->model == NULL ? "" : "/", name, want->count);
}

/* "2x ml/a 1g.5gb=1; 1x ml/b gpu=1 or A30-24GB/1g.6gb=1; " */
static const char *demand_text(struct fixture *fixture)
{
    size_t n = 0;
    const struct gs_item *items = gs_demand_items(fixture->demand, &n);
    gs_buf_reset(&fixture->text);
    for (size_t i = 0; i < n; i++) {
        gs_buf_printf(&fixture->text, "%lux %s", items[i].count, items[i].name);
        for (size_t a = 0; a < items[i].n_alternatives; a++) {
            gs_buf_puts(&fixture->text, a == 0 ? "" : " or");
            for (size_t w = 0; w < items[i].alternatives[a].n_wants; w++) {
                put_want(&fixture->text, &items[i].alternatives[a].wants[w]);
            }
        }
        gs_buf_puts(&fixture->text, "; ");
    }
    return gs_buf_text(&fixture->text);
}

/* "gpu-a 5000m 1024 9 gpu=1 1g.5gb=3; " */
static const char *existing_text(struct fixture *fixture)
{
    gs_buf_reset(&fixture->text);
    for (size_t i = 0; i < fixture->summary->n_existing; i++) {
        const struct gs_existing_node *node = &fixture->summary->existing[i];
        gs_buf_printf(&fixture->text, "%s %s %lum %lu %u", node->name, node->gpu_name,
                      node->cpu_milli, node->memory_bytes, node->pods);
        assert_false(node->layout_known);
        if (node->free_gpus > 0) {
            gs_buf_printf(&fixture->text, " gpu=%u", node->free_gpus);
        }
        for (unsigned p = 0; node->model != NULL && p < node->model->n_profiles; p++) {
            if (node->free_slices[p] > 0) {
                gs_buf_printf(&fixture->text, " %s=%u", node->model->profiles[p].name,
                              node->free_slices[p]);
            }
        }
        gs_buf_puts(&fixture->text, "; ");
    }
    return gs_buf_text(&fixture->text);
}

static bool has_note(const struct fixture *fixture, const char *text)
{
    for (size_t i = 0; i < fixture->summary->notes.n; i++) {
        if (strcmp(fixture->summary->notes.texts[i], text) == 0) {
            return true;
        }
    }
    return false;
}

static void assert_notes(const struct fixture *fixture, size_t n, const char *text)
{
    if (fixture->summary->notes.n != n || (n > 0 && !has_note(fixture, text))) {
        for (size_t i = 0; i < fixture->summary->notes.n; i++) {
            print_message("note: %s\n", fixture->summary->notes.texts[i]);
        }
        fail_msg("expected %zu notes, one of them: %s", n, text);
    }
}

static uint64_t fate(const struct fixture *fixture, enum gs_kubeplan_fate which)
{
    return fixture->summary->fates[which].pods;
}

#define POD(name, phase, spec, resources)                                                          \
    "{'kind': 'Pod', 'metadata': {'name': '" name                                                  \
    "', 'namespace': 'ml'}, 'status': {'phase': '" phase "'}, 'spec': {" spec                      \
    "'containers': [{'name': 'c', 'resources': {'requests': {" resources "}}}]}}"
#define OWNED(name, phase, spec, resources, owner)                                                 \
    "{'kind': 'Pod', 'metadata': {'name': '" name                                                  \
    "', 'namespace': 'kube-system', 'ownerReferences': [{'kind': '" owner                          \
    "', 'name': 'agent', 'controller': true}]}, 'status': {'phase': '" phase "'}, 'spec': {" spec  \
    "'containers': [{'name': 'c', 'resources': {'requests': {" resources "}}}]}}"
#define LEAVING(name, spec, resources)                                                             \
    "{'kind': 'Pod', 'metadata': {'name': '" name                                                  \
    "', 'deletionTimestamp': '2025-06-01T00:00:00Z'}, 'status': {'phase': 'Running'}, 'spec': "    \
    "{" spec "'containers': [{'name': 'c', 'resources': {'requests': {" resources "}}}]}}"
#define ON(node) "'nodeName': '" node "', "
#define SELECT(key, value) "'nodeSelector': {'" key "': '" value "'}, "
#define SLICE(count) "'nvidia.com/mig-1g.5gb': '" count "'"
#define GPU(count) "'nvidia.com/gpu': '" count "'"
#define NODE(name, labels, allocatable)                                                            \
    "{'kind': 'Node', 'metadata': {'name': '" name "', 'labels': {" labels                         \
    "}}, 'status': {'allocatable': {'cpu': '8', 'memory': '1000', 'pods': '10'" allocatable "}}}"
#define A100 "'nvidia.com/gpu.product': 'NVIDIA-A100-SXM4-40GB', 'nvidia.com/mig.strategy': 'mixed'"
#define SINGLE                                                                                     \
    "'nvidia.com/gpu.product': 'NVIDIA-A100-SXM4-40GB-MIG-1g.5gb', "                               \
    "'nvidia.com/mig.strategy': 'single'"

static void kubeplan__without_nodes_all_that_waits_or_runs_is_demand(void **state)
{
    struct fixture *fixture = *state;
    int r = read_lists(
        fixture,
        POD("a", "Pending", "", SLICE("1")) "," POD("b", "Running", ON("n"), SLICE("1")) "," POD("c", "Running", ON("n"), GPU("8") ", 'cpu': '2'") "," POD(
            "d", "Unknown", ON("n"),
            SLICE(
                "1")) "," POD("e", "Succeeded", ON("n"),
                              SLICE(
                                  "1")) "," POD("f", "Failed", ON("n"),
                                                SLICE(
                                                    "1")) "," POD("g", "Running", ON("n"),
                                                                  "'cpu': '1'") "," OWNED("h",
                                                                                          "Running",
                                                                                          ON("n"),
                                                                                          SLICE(
                                                                                              "1"),
                                                                                          "DaemonSet") "," OWNED("i",
                                                                                                                 "Running",
                                                                                                                 ON("n"),
                                                                                                                 SLICE(
                                                                                                                     "1"),
                                                                                                                 "Node") "," LEAVING("j",
                                                                                                                                     ON("n"),
                                                                                                                                     SLICE(
                                                                                                                                         "1")) "," POD("k",
                                                                                                                                                       "Pending",
                                                                                                                                                       "",
                                                                                                                                                       "'nvidia.com/gpu.shared': '1'"),
        NULL, NULL);
    assert_int_equal(r, 0);
    assert_string_equal(demand_text(fixture), "3x ml/a 1g.5gb=1; 1x ml/c gpu=8; ");
    assert_int_equal(fixture->summary->pods, 11);
    assert_int_equal(fate(fixture, GS_FATE_DEMAND), 4);
    assert_string_equal(fixture->summary->fates[GS_FATE_DEMAND].first, "ml/a");
    assert_int_equal(fate(fixture, GS_FATE_FINISHED), 2);
    assert_int_equal(fate(fixture, GS_FATE_NO_GPU), 1);
    assert_int_equal(fate(fixture, GS_FATE_DAEMON), 1);
    assert_int_equal(fate(fixture, GS_FATE_MIRROR), 1);
    assert_int_equal(fate(fixture, GS_FATE_LEAVING), 1);
    assert_int_equal(fate(fixture, GS_FATE_REFUSED), 1);
    assert_notes(fixture, 1,
                 "pod ml/k asks for \"nvidia.com/gpu.shared\", which is no hardware that can be "
                 "planned");
    assert_int_equal(fixture->summary->n_existing, 0);
}

static void kubeplan__with_nodes_what_is_bound_stays_and_takes(void **state)
{
    struct fixture *fixture = *state;
    int r = read_lists(
        fixture,
        POD("a", "Pending", "", SLICE("1")) "," POD("b", "Running", ON("gpu-a"), SLICE("2") ", 'cpu': '1', 'memory': '100'") "," POD(
            "c", "Pending", ON("gpu-a"),
            GPU("1")) "," POD("d", "Running", ON("gpu-a"),
                              "'cpu': '500m'") "," POD("e", "Succeeded", ON("gpu-a"),
                                                       SLICE(
                                                           "1")) "," OWNED("f", "Running",
                                                                           ON("gpu-a"),
                                                                           "'memory': '50'",
                                                                           "DaemonSet") "," OWNED("g",
                                                                                                  "Running",
                                                                                                  ON("gpu-a"),
                                                                                                  "'cpu': '1'",
                                                                                                  "Node") "," LEAVING("h",
                                                                                                                      ON("gpu-a"),
                                                                                                                      SLICE(
                                                                                                                          "1")) "," POD("i",
                                                                                                                                        "Running",
                                                                                                                                        ON("cpu-a"),
                                                                                                                                        "'cpu': '1'"),
        NODE("gpu-b", A100, ", 'nvidia.com/mig-3g.20gb': '2', 'nvidia.com/gpu': '0'") "," NODE(
            "cpu-a", "", "") "," NODE("gpu-a", A100,
                                      ", 'nvidia.com/mig-1g.5gb': '7', 'nvidia.com/gpu': '4'"),
        NULL);
    assert_int_equal(r, 0);
    assert_string_equal(demand_text(fixture), "1x ml/a 1g.5gb=1; ");
    assert_string_equal(existing_text(fixture), "gpu-a A100-40GB 5500m 850 4 gpu=3 1g.5gb=4; "
                                                "gpu-b A100-40GB 8000m 1000 10 3g.20gb=2; ");
    assert_int_equal(fate(fixture, GS_FATE_STAYS), 5);
    assert_int_equal(fate(fixture, GS_FATE_DEMAND), 1);
    assert_int_equal(fixture->summary->nodes, 3);
    assert_notes(fixture, 0, "");
}

static void kubeplan__says_what_does_not_add_up(void **state)
{
    struct fixture *fixture = *state;
    int r = read_lists(
        fixture,
        POD("a", "Running", ON("gpu-a"), SLICE("3")) "," POD(
            "b", "Running", ON("lost"),
            SLICE(
                "1")) "," POD("c", "Running", ON("lost"),
                              SLICE(
                                  "1")) "," POD("d", "Running", "",
                                                SLICE(
                                                    "1")) "," POD("e", "Running", ON("gpu-a"),
                                                                  "'nvidia.com/mig-7g.40gb': '1'"),
        NODE("gpu-a", A100, ", 'nvidia.com/mig-1g.5gb': '2'") "," NODE("gpu-b", "'a': 'b'", ", 'nvidia.com/mig-1g.5gb': '2'") "," NODE(
            "gpu-c", A100,
            ", 'nvidia.com/mig-1g.10gb.me': '2'") "," NODE("gpu-d",
                                                           A100
                                                           ", 'nvidia.com/mig-1g.5gb.sharing-strategy': 'time-slicing'",
                                                           ", 'nvidia.com/mig-1g.5gb': '28'") "," NODE("gpu-e",
                                                                                                       "'nvidia.com/gpu.product': 'Tesla-T4-SHARED'",
                                                                                                       ", 'nvidia.com/gpu': '10'"),
        NULL);
    assert_int_equal(r, 0);
    assert_string_equal(demand_text(fixture), "");
    assert_string_equal(existing_text(fixture),
                        "gpu-a A100-40GB 8000m 1000 8; gpu-b  8000m 1000 10; "
                        "gpu-c A100-40GB 8000m 1000 10; gpu-d A100-40GB 8000m 1000 10; "
                        "gpu-e T4 8000m 1000 10; ");
    assert_int_equal(fate(fixture, GS_FATE_NODE_UNKNOWN), 2);
    assert_int_equal(fate(fixture, GS_FATE_ADRIFT), 1);
    static const char *const notes[] = {
        "pod ml/b is bound to node lost, which the node list lacks",
        "pod ml/d runs, and has no spec.nodeName",
        "pod ml/e is on node gpu-a, which does not offer all that it asks for",
        "node gpu-a: its pods ask for 3 of mig-1g.5gb, and only 2 can be allocated",
        ("node gpu-b: 2 free mig-1g.5gb are not used: its GPU model is not known (label "
         "nvidia.com/gpu.product)"),
        "node gpu-c: 2 free mig-1g.10gb.me are not used: its GPU model has no such profile",
        "node gpu-d: its mig-1g.5gb count shares of slices and are not used",
        "node gpu-e: its nvidia.com/gpu count shares of GPUs and are not used",
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(notes); i++) {
        assert_notes(fixture, GS_ARRAY_LEN(notes), notes[i]);
    }
}

static void kubeplan__notes_are_bounded(void **state)
{
    struct fixture *fixture = *state;
    struct gs_buf pods;
    gs_buf_init(&pods, 100000);
    for (int i = 0; i < 70; i++) {
        gs_buf_printf(&pods,
                      "%s{'kind': 'Pod', 'metadata': {'name': 'p%d'}, 'spec': {'nodeName': "
                      "'cpu', 'containers': [{'resources': {'limits': {" GPU("1") "}}}]}}",
                      i == 0 ? "" : ",", i);
    }
    assert_int_equal(read_lists(fixture, gs_buf_text(&pods), NODE("cpu", "", ""), NULL), 0);
    assert_int_equal(fixture->summary->notes.n, GS_KUBENOTES_MAX);
    assert_int_equal(fixture->summary->notes.left_out, 70 - GS_KUBENOTES_MAX);
    gs_buf_done(&pods);
}

static void kubeplan__counts_the_rules_it_does_not_obey(void **state)
{
    struct fixture *fixture = *state;
    int r = read_lists(
        fixture,
        POD("a", "Pending", "'resourceClaims': [{}], ", SLICE("1")) "," POD(
            "b", "Pending", "'resourceClaims': [{}], ",
            SLICE("1") ", 'vpc.amazonaws.com/efa': '1'") "," POD("c", "Pending",
                                                                 "'resourceClaims': [{}], ",
                                                                 "'cpu': '1'"),
        NULL, NULL);
    assert_int_equal(r, 0);
    const struct gs_kubeplan_tally *unobeyed = fixture->summary->unobeyed;
    assert_int_equal(unobeyed[GS_UNOBEYED_CLAIMS].pods, 2);
    assert_string_equal(unobeyed[GS_UNOBEYED_CLAIMS].first, "ml/a");
    assert_int_equal(unobeyed[GS_UNOBEYED_OTHER_RESOURCE].pods, 1);
    assert_string_equal(unobeyed[GS_UNOBEYED_OTHER_RESOURCE].first, "ml/b");
    assert_string_equal(fixture->summary->other_resource, "vpc.amazonaws.com/efa");
    assert_int_equal(unobeyed[GS_UNOBEYED_SPREAD].pods, 0);
    assert_null(unobeyed[GS_UNOBEYED_SPREAD].first);
}

static void kubeplan__adds_up_daemonsets_by_their_largest_pod(void **state)
{
    struct fixture *fixture = *state;
    int r = read_lists(
        fixture,
        OWNED("a", "Running", ON("n"), "'cpu': '100m', 'memory': '7'", "DaemonSet") "," OWNED(
            "b", "Running", ON("m"), "'cpu': '200m', 'memory': '5'",
            "DaemonSet") ","
                         "{'kind': 'Pod', 'metadata': {'name': 'c', 'namespace': 'x', 'ownerReferences': "
                         "[{'kind': 'DaemonSet', 'name': 'agent', 'controller': true}]}, 'spec': {'containers': "
                         "[{'resources': {'requests': {'cpu': '1'}}}]}}",
        NULL, NULL);
    assert_int_equal(r, 0);
    assert_int_equal(fixture->summary->daemon_cpu_milli, 1200);
    assert_int_equal(fixture->summary->daemon_memory_bytes, 7);
    assert_int_equal(fixture->summary->daemon_pods, 2);
}

static void kubeplan__a_daemon_pod_that_waits_takes_from_its_node(void **state)
{
    struct fixture *fixture = *state;
    int r = read_lists(
        fixture,
        OWNED("a", "Pending",
              "'affinity': {'nodeAffinity': {'requiredDuringSchedulingIgnoredDuringExecution': "
              "{'nodeSelectorTerms': [{'matchFields': [{'key': 'metadata.name', 'operator': 'In', "
              "'values': ['gpu-a']}]}]}}}, ",
              "'cpu': '3'", "DaemonSet"),
        NODE("gpu-a", A100, ", 'nvidia.com/gpu': '8'"), NULL);
    assert_int_equal(r, 0);
    assert_string_equal(existing_text(fixture), "gpu-a A100-40GB 5000m 1000 9 gpu=8; ");
}

/* ---- MIG strategy single ---- */

static enum gs_verdict may_use(const struct fixture *fixture, size_t item, size_t node)
{
    size_t n;
    const struct gs_item *items = gs_demand_items(fixture->demand, &n);
    assert_true(item < n && node < fixture->summary->n_existing);
    return gs_constraint_check(items[item].constraint, fixture->summary->existing[node].facts,
                               NULL);
}

static void kubeplan__gpus_of_strategy_single_are_slices(void **state)
{
    struct fixture *fixture = *state;
    int r = read_lists(
        fixture,
        POD("a", "Running", ON("single"), GPU("2")) "," POD("b", "Pending", "", GPU("1")) "," POD(
            "c", "Pending", "", SLICE("1")) "," POD("d", "Pending",
                                                    "'tolerations': [{'operator': 'Exists'}], ",
                                                    SLICE("1")),
        NODE("single", SINGLE,
             ", 'nvidia.com/gpu': '7'") "," NODE("mixed", A100, ", 'nvidia.com/mig-1g.5gb': '7'"),
        NULL);
    assert_int_equal(r, 0);
    assert_string_equal(demand_text(fixture), "1x ml/b A100-40GB/1g.5gb=1; 1x ml/c 1g.5gb=1; "
                                              "1x ml/d 1g.5gb=1; ");
    assert_string_equal(existing_text(fixture), "mixed A100-40GB 8000m 1000 10 1g.5gb=7; "
                                                "single A100-40GB 8000m 1000 9 1g.5gb=5; ");
    /* Nobody can be given the resource of the other strategy, not even who tolerates all. */
    assert_int_equal(may_use(fixture, 0, 0), GS_VERDICT_NO);
    assert_int_equal(may_use(fixture, 0, 1), GS_VERDICT_YES);
    assert_int_equal(may_use(fixture, 1, 0), GS_VERDICT_YES);
    assert_int_equal(may_use(fixture, 1, 1), GS_VERDICT_NO);
    assert_int_equal(may_use(fixture, 2, 0), GS_VERDICT_YES);
    assert_int_equal(may_use(fixture, 2, 1), GS_VERDICT_NO);
    assert_notes(fixture, 0, "");
}

static void kubeplan__a_gpu_that_could_be_either_is_planned_whole(void **state)
{
    struct fixture *fixture = *state;
    int r = read_lists(fixture, POD("a", "Pending", "", GPU("1")),
                       NODE("single", SINGLE, ", 'nvidia.com/gpu': '7'") "," NODE(
                           "whole", A100, ", 'nvidia.com/gpu': '8'"),
                       NULL);
    assert_int_equal(r, 0);
    assert_string_equal(demand_text(fixture), "1x ml/a gpu=1; ");
    assert_notes(fixture, 1,
                 "pod ml/a asks for nvidia.com/gpu, which is a whole GPU on some nodes and a slice "
                 "on others; it is planned on whole GPUs");
}

static void kubeplan__different_slices_behind_one_name_are_alternatives(void **state)
{
    struct fixture *fixture = *state;
    int r =
        read_lists(fixture, POD("a", "Pending", "", GPU("1")),
                   NODE("s1", SINGLE, ", 'nvidia.com/gpu': '7'") "," NODE(
                       "s2",
                       "'nvidia.com/gpu.product': 'NVIDIA-A30-MIG-2g.12gb', "
                       "'nvidia.com/mig.strategy': 'single'",
                       ", 'nvidia.com/gpu': '2'") "," NODE("s3", SINGLE, ", 'nvidia.com/gpu': '7'"),
                   NULL);
    assert_int_equal(r, 0);
    assert_string_equal(demand_text(fixture), "1x ml/a A100-40GB/1g.5gb=1 or A30-24GB/2g.12gb=1; ");
}

static void kubeplan__a_product_in_the_selector_says_what_is_wanted(void **state)
{
    struct fixture *fixture = *state;
    int r = read_lists(
        fixture,
        POD("a", "Pending", SELECT("nvidia.com/gpu.product", "NVIDIA-A100-SXM4-40GB-MIG-1g.5gb"), GPU("2")) "," POD(
            "b", "Pending", SELECT("nvidia.com/gpu.product", "NVIDIA-H100-80GB-HBM3"),
            GPU("1")) "," POD("c", "Pending",
                              SELECT("nvidia.com/gpu.product", "NVIDIA-A100-SXM4-80GB"),
                              "'nvidia.com/mig-1g.10gb': '1'") "," POD("d", "Pending",
                                                                       SELECT(
                                                                           "nvidia.com/gpu.product",
                                                                           "NVIDIA-L4"),
                                                                       GPU("1")) "," POD("e",
                                                                                         "Pending",
                                                                                         SELECT(
                                                                                             "nvidia.com/gpu.product",
                                                                                             "Tesla-T4-SHARED"),
                                                                                         GPU("1")) "," POD("f",
                                                                                                           "Pending",
                                                                                                           SELECT(
                                                                                                               "nvidia.com/gpu.product",
                                                                                                               "NVIDIA-X1-MIG-1g.5gb"),
                                                                                                           GPU("1")),
        NULL, NULL);
    assert_int_equal(r, 0);
    assert_string_equal(demand_text(fixture),
                        "1x ml/a A100-40GB/1g.5gb=2; 1x ml/b H100-80GB-SXM5/gpu=1; "
                        "1x ml/c A100-80GB/1g.10gb=1; 1x ml/d gpu=1; ");
    assert_int_equal(fate(fixture, GS_FATE_DEMAND), 4);
    assert_int_equal(fate(fixture, GS_FATE_REFUSED), 2);
    assert_notes(fixture, 2, "1 pods like ml/e are not planned: shares of GPUs (Tesla-T4-SHARED)");
    assert_notes(fixture, 2,
                 "1 pods like ml/f are not planned: slices of a GPU that is not known "
                 "(NVIDIA-X1-MIG-1g.5gb)");
    /* The wants say the product already: a new node without that label yet would do. */
    size_t n;
    const struct gs_item *items = gs_demand_items(fixture->demand, &n);
    const struct gs_label strategy = {"nvidia.com/mig.strategy", "single"};
    const struct gs_node_facts fresh = {
        .labels = &strategy, .n_labels = 1, .labels_complete = true};
    assert_int_equal(gs_constraint_check(items[0].constraint, &fresh, NULL), GS_VERDICT_YES);
    assert_int_equal(gs_constraint_check(items[1].constraint, &fresh, NULL), GS_VERDICT_NO);
}

/* ---- what is refused ---- */

static const struct {
    const char *pods, *nodes, *says;
} bad[] = {
    {"{'kind': 'Pod'}", NULL, "pods.json:1: a pod without a name; expected metadata.name"},
    {POD("a", "Pending", "", SLICE("1")) ",\n\n" POD("b", "Pending", "", SLICE("-1")), NULL,
     "pods.json:3: pod ml/b: container \"c\": resource \"nvidia.com/mig-1g.5gb\": \"-1\" is "
     "negative; expected an amount of 0 or more"},
    {POD("a", "Pending", "", SLICE("1")) ",\n" POD("b", "Pending", "", "") ",\n" POD("a", "Running",
                                                                                     "", ""),
     NULL, "pods.json:3: pod ml/a is listed twice; expected once"},
    {"", "\n" NODE("a", "", "") ",\n" NODE("a", "", ""),
     "nodes.json: node a is listed twice; expected once"},
    {"", POD("a", "Pending", "", ""), "nodes.json:1: items[0] is a Pod; expected a List of Nodes"},
};

static void kubeplan__refuses_with_file_and_line(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < GS_ARRAY_LEN(bad); i++) {
        struct gs_err err = {.msg = ""};
        assert_int_equal(read_lists(fixture, bad[i].pods, bad[i].nodes, &err), GS_INVALID);
        assert_string_equal(err.msg, bad[i].says);
        assert_null(fixture->summary);
        assert_int_equal(fixture->scratch.used_bytes, 0);
    }
}

/* Whatever block the arena is refused, it is said and nothing is lost. */
static void kubeplan__runs_out_of_memory_in_an_orderly_way(void **state)
{
    struct fixture *fixture = *state;
    const char *nodes = NODE("single", SINGLE, ", 'nvidia.com/gpu': '7'") "," NODE("b", "", "");
    struct gs_buf pods;
    unsigned refused = 0;
    int r = GS_NO_MEMORY;
    gs_buf_init(&pods, 1000000);
    for (int i = 0; i < 200; i++) {
        gs_buf_printf(
            &pods,
            "%s{'kind': 'Pod', 'metadata': {'name': 'p%d'}, 'spec': {'nodeSelector': "
            "{'k': 'v'}, 'containers': [{'resources': {'limits': {'cpu': '%d', " GPU("1") "}}}]}}",
            i == 0 ? "" : ",", i, i + 1);
    }
    for (size_t max = 0; r == GS_NO_MEMORY; max += 8192) {
        struct gs_err err = {.msg = ""};
        gs_arena_done(&fixture->arena);
        gs_arena_init(&fixture->arena, &gs_alloc_heap, 1 << 20);
        fixture->demand = gs_demand_new(&fixture->arena);
        fixture->arena.max_bytes = fixture->arena.used_bytes + max;
        r = read_lists(fixture, gs_buf_text(&pods), nodes, &err);
        assert_true(r == 0 || (r == GS_NO_MEMORY && err.msg[0] != '\0'));
        refused += r != 0;
    }
    assert_int_equal(r, 0);
    assert_true(refused > 5);
    gs_buf_done(&pods);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(kubeplan__without_nodes_all_that_waits_or_runs_is_demand,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(kubeplan__with_nodes_what_is_bound_stays_and_takes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(kubeplan__says_what_does_not_add_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(kubeplan__notes_are_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(kubeplan__counts_the_rules_it_does_not_obey, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(kubeplan__adds_up_daemonsets_by_their_largest_pod, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(kubeplan__a_daemon_pod_that_waits_takes_from_its_node,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(kubeplan__gpus_of_strategy_single_are_slices, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(kubeplan__a_gpu_that_could_be_either_is_planned_whole,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(kubeplan__different_slices_behind_one_name_are_alternatives,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(kubeplan__a_product_in_the_selector_says_what_is_wanted,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(kubeplan__refuses_with_file_and_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(kubeplan__runs_out_of_memory_in_an_orderly_way, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
