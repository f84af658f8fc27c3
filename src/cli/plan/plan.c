#include "cli/plan/plan.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/cmd.h"
#include "term/exit.h"
#include "term/progress.h"

enum { PODS_MAX = 10000 }; /* of one node: far beyond what any kubelet takes */

static const char *const formats[] = {"table", "json", "yaml", "mig-parted", NULL};
static const char *const yes_no[] = {"yes", "no", NULL};

static const struct gs_option options[] = {
    {.group = "What is wanted",
     .name = "demand",
     .letter = 'd',
     .arg = "ITEMS",
     GS_TO_LIST(struct gs_cmd_plan_args, demand),
     .help = "slices and GPUs by number: 1g.5gb=12,A100-40GB/3g.20gb=2,gpu:L4=1"},
    {.name = "demand-file",
     .letter = 'f',
     .arg = "FILE",
     GS_TO_LIST(struct gs_cmd_plan_args, demand_file),
     .complete = GS_COMPLETE_FILE,
     .help = "items with count, CPU, memory and alternatives, YAML or JSON; - is stdin, here and "
             "with every FILE below"},
    {.name = "pods",
     .arg = "FILE",
     GS_TO_TEXT(struct gs_cmd_plan_args, pods),
     .complete = GS_COMPLETE_FILE,
     .help = "what kubectl get pods -A -o json prints"},
    {.name = "nodes",
     .arg = "FILE",
     GS_TO_TEXT(struct gs_cmd_plan_args, nodes),
     .complete = GS_COMPLETE_FILE,
     .help = "with --pods: what kubectl get nodes -o json prints; pods that run stay where they "
             "are, and what is left of these nodes is used first"},
    {.name = "cluster",
     GS_TO_FLAG(struct gs_cmd_plan_args, cluster),
     .help = "in place of both files: the pods and nodes of a cluster, read from its API server. "
             "Without --instances the types of its SlicePools may be had"},
    {.name = "services",
     .arg = "FILE",
     GS_TO_TEXT(struct gs_cmd_plan_args, services),
     .complete = GS_COMPLETE_FILE,
     .help = "services with rate and latency: CSV name,rate_per_s,latency_ms, or YAML"},
    {.name = "profiles-dir",
     .arg = "DIR",
     GS_TO_TEXT(struct gs_cmd_plan_args, profiles_dir),
     .complete = GS_COMPLETE_DIR,
     .help = "with --services: what was measured for each, DIR/NAME.csv"},
    {.name = "measured-on",
     .arg = "MODEL",
     GS_TO_TEXT(struct gs_cmd_plan_args, measured_on),
     .complete = GS_COMPLETE_MODEL,
     .help = "with --services: the GPU of these measurements; they are used for models with the "
             "same profiles only. Without it, for models with all sizes that were measured"},
    {.name = "spare",
     .arg = "AMOUNT",
     GS_TO_LIST(struct gs_cmd_plan_args, spare),
     .help = "room to grow: slices beyond the demand, 1g.5gb=4, or a share of every item, 10%"},
    {.group = "What may be had (GPUs by --model, or else nodes by --instances)",
     .name = "model",
     .letter = 'm',
     .arg = "MODELS",
     GS_TO_LIST(struct gs_cmd_plan_args, model),
     .complete = GS_COMPLETE_MODEL,
     .help = "the fewest GPUs of these models, A100-40GB,H100-80GB-SXM5"},
    {.name = "instances",
     .letter = 'i',
     .arg = "TYPES",
     GS_TO_LIST(struct gs_cmd_plan_args, instances),
     .help = "the cheapest nodes of these EC2 types, p4d.24xlarge,g6.xlarge; all-mig: every type "
             "whose GPUs can be cut, and those of other GPUs that the demand names; all: every "
             "type with GPUs"},
    {.name = "region",
     .arg = "REGION",
     GS_TO_TEXT(struct gs_cmd_plan_args, region),
     .help = "with --instances: whose prices hold, us-east-1; with --cluster the controller's "
             "where it is left out, else as the nodes are labelled, else $AWS_REGION"},
    {.name = "instances-file",
     .arg = "FILE",
     GS_TO_TEXT(struct gs_cmd_plan_args, instances_file),
     .complete = GS_COMPLETE_FILE,
     .help = "node types with prices of your own: on-premises, other clouds, discounts"},
    {.name = "existing",
     .arg = "FILE",
     GS_TO_TEXT(struct gs_cmd_plan_args, existing),
     .complete = GS_COMPLETE_FILE,
     .help = "nodes that are there, with their layouts and the slices in use that must stay"},
    {.group = "What nodes keep for themselves",
     .name = "daemonset-cpu",
     .arg = "CPU",
     GS_TO_TEXT(struct gs_cmd_plan_args, daemonset_cpu),
     .help = "what DaemonSet pods ask for on each node, 500m; without it what those of --pods do"},
    {.name = "daemonset-memory",
     .arg = "MEMORY",
     GS_TO_TEXT(struct gs_cmd_plan_args, daemonset_memory),
     .help = "likewise, 2Gi"},
    {.name = "daemonset-pods",
     .arg = "N",
     GS_TO_NUMBER(struct gs_cmd_plan_args, daemonset_pods, PODS_MAX),
     .help = "likewise, how many pods they are"},
    {.name = "max-pods",
     .arg = "N",
     GS_TO_NUMBER(struct gs_cmd_plan_args, max_pods, PODS_MAX),
     .help = "pods that a node of --instances takes, in place of the type's own number"},
    {.group = "How it is done and shown",
     .name = "quick",
     GS_TO_FLAG(struct gs_cmd_plan_args, quick),
     .help = "a plan and a bound without the search for the proven optimum"},
    {.name = "explain",
     GS_TO_FLAG(struct gs_cmd_plan_args, explain),
     .help = "say in words what binds and what would make the plan cheaper"},
    {.name = "certificate",
     .arg = "YES_NO",
     GS_TO_CHOICE(struct gs_cmd_plan_args, certificate, yes_no),
     .help = "whether JSON and YAML carry the proof"},
    {.name = "timing",
     GS_TO_FLAG(struct gs_cmd_plan_args, timing),
     .help = "show how long it took; without it equal input gives equal bytes"},
    {.name = "verify",
     .arg = "FILE",
     GS_TO_TEXT(struct gs_cmd_plan_args, verify),
     .complete = GS_COMPLETE_FILE,
     .help = "check a plan that was written with -o json and its proof, without the planner's "
             "code; alone on the command line"},
    GS_OPTION_OUTPUT(struct gs_cmd_plan_args, format, formats),
    GS_LINK_OPTIONS(struct gs_cmd_plan_args, link),
};

static const struct gs_example examples[] = {
    {"gpuslice plan --demand 1g.5gb=12,2g.10gb=3 --model A100-40GB",
     "the fewest GPUs for these slices, with proof"},
    {"gpuslice plan -f examples/cluster.yaml -i all-mig --region us-east-1 --explain",
     "the cheapest nodes for a cluster's work, and why"},
    {"gpuslice plan --pods pods.json -i all-mig --region us-east-1",
     "what the pods of a cluster need, from kubectl get pods -A -o json"},
    {"gpuslice plan --cluster --explain", "what waits in the cluster of kubectl's context"},
    {"gpuslice plan --verify plan.json", "check a plan of -o json, and its proof"},
};

const struct gs_command gs_command_plan = {
    .name = "plan",
    .summary = "say how many GPUs or which nodes some work needs, with proof",
    .text = "Items are pods, slices, whole GPUs or services with a rate. With --model the plan has "
            "the fewest GPUs, whatever nodes they are in; with --instances or --instances-file the "
            "cheapest nodes, where an item's slices, GPUs, CPU and memory are on one node. Beside "
            "the plan stands a bound that no plan can beat; proven says that the two are equal.\n"
            "A profile without a model (1g.10gb) is that Kubernetes resource on any model that has "
            "it; MODEL/PROFILE pins it; a whole GPU is never a slice. What cannot be placed, and "
            "what of the input was not looked at, is listed.",
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .impossible = "no plan exists, or some item cannot be placed (said which and why)",
    .run = gs_cmd_plan,
};

/* ------------------------------------------------------------------ what goes with what */

static bool for_nodes(const struct gs_cmd_plan_args *args)
{
    bool bought = args->instances.n > 0 || args->instances_file != NULL;
    bool there = args->existing != NULL || args->nodes != NULL || args->cluster;
    return bought || (there && args->model.n == 0);
}

static bool any_overhead(const struct gs_cmd_plan_args *args)
{
    return args->daemonset_cpu != NULL || args->daemonset_memory != NULL ||
           args->daemonset_pods != GS_CMD_PLAN_NOT_GIVEN || args->max_pods != GS_CMD_PLAN_NOT_GIVEN;
}

static bool any_demand(const struct gs_cmd_plan_args *args)
{
    return args->demand.n > 0 || args->demand_file.n > 0 || args->pods != NULL || args->cluster ||
           args->services != NULL;
}

static unsigned count_stdin(const struct gs_cmd_plan_args *args)
{
    const char *const files[] = {args->pods, args->nodes, args->services, args->instances_file,
                                 args->existing};
    unsigned n = 0;
    for (size_t i = 0; i < GS_ARRAY_LEN(files); i++) {
        n += files[i] != NULL && strcmp(files[i], "-") == 0 ? 1 : 0;
    }
    for (size_t i = 0; i < args->demand_file.n; i++) {
        n += strcmp(args->demand_file.items[i], "-") == 0 ? 1 : 0;
    }
    return n;
}

/* --verify looks at a plan and nothing else. */
static int check_verify(const struct gs_cmd_plan_args *args, int argc, struct gs_err *err)
{
    bool two_words = argc == 3 || argc == 2; /* "--verify FILE" or "--verify=FILE" */
    return args->verify == NULL || two_words
               ? 0
               : gs_fail(err, GS_INVALID,
                         "--verify FILE stands alone: the plan in the file says "
                         "all that there is to check; see gpuslice plan --help");
}

/* What does not go together, and what to do instead; the first that holds is said. */
static int check_args(const struct gs_cmd_plan_args *args, struct gs_err *err)
{
    bool nodes = for_nodes(args);
    bool models = args->model.n > 0;
    const struct {
        bool wrong;
        const char *text;
    } rules[] = {
        {!any_demand(args), "plan wants to know what is needed: --demand, --demand-file, --pods, "
                            "--cluster or --services"},
        {!models && !nodes, "plan wants to know what may be had: --model for the fewest GPUs, "
                            "--instances or --instances-file for the cheapest nodes, or --existing "
                            "or --nodes for what is there alone"},
        {models && (args->instances.n > 0 || args->instances_file != NULL),
         "--model counts GPUs and --instances prices nodes: give one of the two"},
        {args->instances.n > 0 && args->region == NULL && !args->cluster,
         "--instances wants --region, whose prices hold: --region us-east-1"},
        {args->cluster && (args->pods != NULL || args->nodes != NULL),
         "--cluster reads what --pods and --nodes have in files: give one of the two"},
        {!args->cluster && (args->link.kubeconfig != NULL || args->link.context != NULL),
         "--kubeconfig and --context say which cluster is read: they go with --cluster"},
        {args->instances.n == 0 && args->region != NULL && !args->cluster,
         "--region says whose prices hold for --instances, which is not given"},
        {args->nodes != NULL && args->pods == NULL,
         "--nodes goes with --pods, which says what runs on them; for nodes alone there is "
         "--existing"},
        {(args->services == NULL) != (args->profiles_dir == NULL),
         "--services and --profiles-dir go together: what is to be served, and what was measured"},
        {args->profiles_dir != NULL && args->profiles_dir[0] == '\0',
         "--profiles-dir is empty; expected the folder of the tables of --services, . for this one"},
        {args->measured_on != NULL && args->services == NULL,
         "--measured-on says which GPU the tables of --services were measured on"},
        {models && any_overhead(args),
         "--daemonset-... and --max-pods are about nodes; with --model only GPUs are counted"},
        {args->instances.n == 0 && args->max_pods != GS_CMD_PLAN_NOT_GIVEN,
         "--max-pods is for the types of --instances; those of --instances-file have their own"},
        {args->explain && args->format != GS_FORMAT_TABLE,
         "--explain is words for people: it goes with -o table"},
        {args->timing && args->format == GS_CMD_PLAN_FORMAT_MIGPARTED,
         "--timing has no place in a file for mig-parted"},
        {count_stdin(args) > 1, "only one file can be - (stdin)"},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(rules); i++) {
        if (rules[i].wrong) {
            return gs_fail(err, GS_INVALID, "%s; see gpuslice plan --help", rules[i].text);
        }
    }
    return 0;
}

/* ------------------------------------------------------------------ the order of things */

static int make_plan(struct gs_cmd_plan_question *question, struct gs_cmd_plan_answer *answer,
                     struct gs_err *err)
{
    uint64_t start_us = gs_now_us();
    gs_progress_start("gpuslice plan");
    gs_progress_phase("reading");
    int r = gs_cmd_plan_read_demand(question, err);
    r = r < 0 ? r : gs_cmd_plan_read_supply(question, err);
    gs_progress_phase("choosing slices for services");
    r = r < 0 ? r : gs_cmd_plan_read_services(question, err);
    r = r < 0 ? r : gs_cmd_plan_limit_kinds(question, err);
    uint64_t read_us = gs_now_us();
    /* A proof is worked out whatever the output is, so that each form shows the same figures; a
     * quick plan's is of the bound that it has. */
    question->input.quick = question->args->quick;
    question->input.certificate = true;
    question->input.baseline = !question->args->quick;
    gs_progress_phase("planning (--quick does without the search for the optimum)");
    r = r < 0 ? r : gs_plan_make(question->arena, &question->input, &answer->plan, err);
    if (r == 0 && question->chosen_before) {
        answer->plan.bound = 0;
        answer->plan.proven = answer->plan.value == 0;
        answer->plan.has_proof = false;
    }
    answer->read_us = read_us - start_us;
    answer->plan_us = gs_now_us() - read_us;
    return r < 0 ? r : gs_cmd_plan_note_ignored(question, &answer->plan, err);
}

static int write_plan(const struct gs_cmd_plan_question *question,
                      const struct gs_cmd_plan_answer *answer, struct gs_err *err)
{
    gs_progress_phase(question->args->explain ? "looking for what would make it cheaper"
                                              : "writing");
    switch (question->args->format) {
    case GS_FORMAT_TABLE:
        return gs_cmd_plan_write_table(question, answer, err);
    case GS_CMD_PLAN_FORMAT_MIGPARTED:
        return gs_cmd_plan_write_migparted(question, answer, err);
    default:
        return gs_cmd_plan_write_document(question, answer, err);
    }
}

static int say_unplaced(const struct gs_cmd_plan_question *question, const struct gs_plan *plan)
{
    struct gs_err err;
    const struct gs_plan_unplaced *first = &plan->unplaced[0];
    gs_fail(&err, GS_INFEASIBLE, "%zu kind%s of items cannot be placed in full; %lld of %.100s: %s",
            plan->n_unplaced, plan->n_unplaced == 1 ? "" : "s", (long long)first->count,
            gs_cmd_plan_item_name(question, first->item), first->reason);
    return gs_exit_failed(&err);
}

static int plan(const struct gs_cmd_plan_args *args)
{
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_CMD_PLAN_MEMORY_MAX);
    struct gs_cmd_plan_args own = *args;
    struct gs_cmd_plan_question question = {.arena = &arena, .args = &own, .own = &own};
    struct gs_cmd_plan_answer answer;
    struct gs_err err;
    if (make_plan(&question, &answer, &err) < 0) {
        const char *advice = question.unreached ? gs_link_advice(&err) : NULL;
        int status = gs_exit_failed(&err);
        if (advice != NULL) {
            gs_exit_note(advice);
        }
        return status;
    }
    int r = write_plan(&question, &answer, &err);
    if (r < 0 || answer.plan.n_unplaced == 0) {
        return gs_exit_output(r, &err);
    }
    return say_unplaced(&question, &answer.plan);
}

int gs_cmd_plan(int argc, char **argv)
{
    struct gs_cmd_plan_args args = {.format = GS_FORMAT_TABLE,
                                    .link = {.timeout_s = GS_LINK_TIMEOUT_S},
                                    .daemonset_pods = GS_CMD_PLAN_NOT_GIVEN,
                                    .max_pods = GS_CMD_PLAN_NOT_GIVEN};
    int status;
    if (!gs_cmd_begin(&gs_command_plan, argc, argv, &args, &status)) {
        return status;
    }
    struct gs_err err;
    if (check_verify(&args, argc, &err) < 0 ||
        (args.verify == NULL && check_args(&args, &err) < 0)) {
        return gs_exit_usage(&err);
    }
    return args.verify != NULL ? gs_cmd_plan_verify(args.verify) : plan(&args);
}
