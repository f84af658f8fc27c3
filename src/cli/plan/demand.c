#include <string.h>

#include "base/cleanup.h"
#include "cli/plan/plan.h"
#include "term/infile.h"
#include "wire/demandarg.h"
#include "wire/demandfile.h"

#define SCRATCH_MAX ((size_t)1 << 30)
enum { SPARE_PERCENT_MAX = 1000 };

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the demand");
}

/* ------------------------------------------------------------------ GPUs that may be named */

static struct gs_doc_input doc_of(struct gs_infile *file, const char *what)
{
    return (struct gs_doc_input){.label = file->label,
                                 .what = what,
                                 .size = file->size,
                                 .read = gs_infile_read,
                                 .ctx = file};
}

static int read_instances_file(struct gs_cmd_plan_question *question, struct gs_err *err)
{
    GS_CLEANUP(gs_infile_close) struct gs_infile file = {.fd = -1};
    int r = gs_infile_open(&file, "instances-file", question->args->instances_file, err);
    if (r < 0) {
        return r;
    }
    struct gs_doc_input input = doc_of(&file, "a list of instance types");
    r = gs_instancefile_read(question->arena, &input, &question->gpu_names, &question->entries,
                             &question->n_entries, err);
    return r < 0 ? r
                 : gs_instancefile_gpus(question->arena, &question->gpu_names, question->entries,
                                        question->n_entries, &question->gpu_names, err);
}

/* ------------------------------------------------------------------ items */

static int read_demand_file(struct gs_cmd_plan_question *question, const char *path,
                            struct gs_err *err)
{
    GS_CLEANUP(gs_infile_close) struct gs_infile file = {.fd = -1};
    int r = gs_infile_open(&file, "demand-file", path, err);
    if (r < 0) {
        return r;
    }
    struct gs_doc_input input = doc_of(&file, "a list of items");
    return gs_demandfile_read(&gs_alloc_heap, &input, &question->gpu_names, question->demand, err);
}

static int read_named_items(struct gs_cmd_plan_question *question, struct gs_err *err)
{
    const struct gs_cmd_plan_args *args = question->args;
    int r = 0;
    for (size_t i = 0; r == 0 && i < args->demand.n; i++) {
        r = gs_demandarg_parse(gs_view(args->demand.items[i]), "--demand", &question->gpu_names,
                               question->demand, err);
    }
    for (size_t i = 0; r == 0 && i < args->demand_file.n; i++) {
        r = read_demand_file(question, args->demand_file.items[i], err);
    }
    return r;
}

static struct gs_kubeplan_file cluster_file(struct gs_infile *file)
{
    return (struct gs_kubeplan_file){
        .label = file->label,
        .size = file->size,
        .source = {.read = gs_infile_read, .ctx = file},
    };
}

static int read_cluster(struct gs_cmd_plan_question *question, struct gs_err *err)
{
    const struct gs_cmd_plan_args *args = question->args;
    GS_CLEANUP(gs_infile_close) struct gs_infile pods = {.fd = -1};
    GS_CLEANUP(gs_infile_close) struct gs_infile nodes = {.fd = -1};
    int r = gs_infile_open(&pods, "pods", args->pods, err);
    if (r == 0 && args->nodes != NULL) {
        r = gs_infile_open(&nodes, "nodes", args->nodes, err);
    }
    if (r < 0) {
        return r;
    }
    struct gs_kubeplan_file pod_file = cluster_file(&pods);
    struct gs_kubeplan_file node_file = cluster_file(&nodes);
    GS_CLEANUP(gs_arena_done) struct gs_arena scratch;
    gs_arena_init(&scratch, &gs_alloc_heap, SCRATCH_MAX);
    return gs_kubeplan_read(&pod_file, args->nodes == NULL ? NULL : &node_file, question->arena,
                            &scratch, question->demand, &question->cluster, err);
}

/* ------------------------------------------------------------------ spare */

/* So many hundredths more of every kind that is there now, begun ones count whole. */
static int add_spare_percent(struct gs_cmd_plan_question *question, uint64_t percent,
                             struct gs_err *err)
{
    size_t n;
    gs_demand_items(question->demand, &n);
    for (size_t i = 0; i < n; i++) {
        size_t now;
        struct gs_item spare = gs_demand_items(question->demand, &now)[i];
        if (spare.spare || spare.bound_node != NULL) {
            continue;
        }
        spare.spare = true;
        spare.count = (spare.count * percent + 99) / 100;
        int r = gs_demand_add(question->demand, &spare, err);
        if (r < 0) {
            return gs_wrap(err, r, "--spare");
        }
    }
    return 0;
}

static int add_spare_slices(struct gs_cmd_plan_question *question, const char *text,
                            struct gs_err *err)
{
    struct gs_demand *demand = gs_demand_new(question->arena);
    if (demand == NULL) {
        return no_memory(err);
    }
    int r = gs_demandarg_parse(gs_view(text), "--spare", &question->gpu_names, demand, err);
    size_t n = 0;
    const struct gs_item *items = r < 0 ? NULL : gs_demand_items(demand, &n);
    for (size_t i = 0; r == 0 && i < n; i++) {
        struct gs_item spare = items[i];
        spare.spare = true;
        r = gs_demand_add(question->demand, &spare, err);
    }
    return r;
}

/* "10%". False: it has no percent sign, and is about slices. */
static bool is_share(const char *text, struct gs_view *ret_number)
{
    struct gs_view number = gs_view_trim(gs_view(text));
    if (number.n == 0 || number.p[number.n - 1] != '%') {
        return false;
    }
    number.n--;
    *ret_number = number;
    return true;
}

/* Shares first, so that they are of what runs and not of other spare capacity. */
static int add_spare(struct gs_cmd_plan_question *question, struct gs_err *err)
{
    const struct gs_texts *spare = &question->args->spare;
    struct gs_view number;
    int r = 0;
    for (size_t i = 0; r == 0 && i < spare->n; i++) {
        uint64_t percent;
        if (!is_share(spare->items[i], &number)) {
            continue;
        }
        if (!gs_view_is_integer(number, SPARE_PERCENT_MAX, &percent) || percent == 0) {
            return gs_fail(err, GS_INVALID,
                           "--spare: \"%.100s\" is no share; expected 1%% to %d%%, or slices as "
                           "in 1g.5gb=4",
                           spare->items[i], SPARE_PERCENT_MAX);
        }
        r = add_spare_percent(question, percent, err);
    }
    for (size_t i = 0; r == 0 && i < spare->n; i++) {
        r = is_share(spare->items[i], &number) ? 0
                                               : add_spare_slices(question, spare->items[i], err);
    }
    return r;
}

/* ------------------------------------------------------------------ all of it */

/* Nodes are planned for so many kinds at once; where there are more, requests are rounded up. */
int gs_cmd_plan_limit_kinds(struct gs_cmd_plan_question *question, struct gs_err *err)
{
    const struct gs_demand *coarse;
    unsigned percent;
    size_t before = question->input.n_items;
    if (question->input.goal != GS_PLAN_NODES || before <= GS_FLEET_KINDS_MAX) {
        return 0;
    }
    int r = gs_demand_coarsen(question->arena, question->demand, GS_FLEET_KINDS_MAX, &coarse,
                              &percent, err);
    if (r < 0) {
        return r;
    }
    question->input.items = gs_demand_items(coarse, &question->input.n_items);
    return gs_cmd_plan_note(question, err,
                            "CPU and host memory requests by themselves: %zu kinds of items became "
                            "%zu by rounding requests up, by %u %% at most",
                            before, question->input.n_items, percent);
}

static int fail_empty(const struct gs_cmd_plan_question *question, struct gs_err *err)
{
    const char *pods = question->args->pods;
    if (question->cluster != NULL && question->args->cluster) {
        pods = "the cluster";
    }
    if (question->cluster != NULL && pods != NULL) {
        return gs_fail(err, GS_INVALID,
                       "%s: none of its %llu pods asks for a GPU or a slice and waits for one or "
                       "has to be planned anew; expected at least one",
                       strcmp(pods, "-") == 0 ? "stdin" : pods,
                       (unsigned long long)question->cluster->pods);
    }
    return gs_fail(err, GS_INVALID, "the demand is empty; expected at least one item");
}

int gs_cmd_plan_read_demand(struct gs_cmd_plan_question *question, struct gs_err *err)
{
    const struct gs_cmd_plan_args *args = question->args;
    question->demand = gs_demand_new(question->arena);
    if (question->demand == NULL) {
        return no_memory(err);
    }
    question->gpu_names = gs_instance_plain_gpus();
    int r = args->instances_file == NULL ? 0 : read_instances_file(question, err);
    r = r < 0 ? r : read_named_items(question, err);
    r = r == 0 && args->pods != NULL ? read_cluster(question, err) : r;
    r = r == 0 && args->cluster ? gs_cmd_plan_read_live(question, err) : r;
    r = r < 0 ? r : add_spare(question, err);
    if (r == 0 && gs_demand_total(question->demand) == 0 && args->services == NULL) {
        r = fail_empty(question, err);
    }
    question->input.items = gs_demand_items(question->demand, &question->input.n_items);
    return r;
}
