#include <assert.h>

#include "base/cleanup.h"
#include "cli/plan/plan.h"

/* The plan as a tree: docs/internals/plan-format.md tells every key. */

enum { GAP_PLACES = 9, DOLLAR_PLACES = 6 };

void gs_cmd_plan_put_slices(struct gs_result *result, json_t *at, const struct gs_model *model,
                            const uint8_t *counts)
{
    for (unsigned p = 0; model != NULL && p < model->n_profiles; p++) {
        if (counts[p] > 0) {
            gs_result_number(result, at, model->profiles[p].name, counts[p]);
        }
    }
}

static void put_placements(struct gs_result *result, json_t *at, const struct gs_plan_layout *cut)
{
    struct gs_layout layout;
    gs_layout_from_set(cut->table, cut->table->sets[cut->state], 0, &layout);
    for (unsigned i = 0; i < layout.n_slices; i++) {
        const struct gs_placement *placement = &layout.slices[i].placement;
        json_t *one = gs_result_object(result, at, NULL);
        gs_result_text(result, one, "profile", cut->model->profiles[placement->profile].name);
        gs_result_number(result, one, "start", placement->start);
    }
}

void gs_cmd_plan_put_layouts(struct gs_result *result, json_t *at,
                             const struct gs_plan_layout *layouts, size_t n)
{
    json_t *all = gs_result_array(result, at, "layouts");
    for (size_t i = 0; i < n; i++) {
        const struct gs_plan_layout *layout = &layouts[i];
        json_t *one = gs_result_object(result, all, NULL);
        gs_result_text(result, one, "model", layout->gpu_name);
        gs_result_number(result, one, "count", (uint64_t)layout->count);
        if (layout->whole) {
            gs_result_bool(result, one, "whole", true);
            continue;
        }
        json_t *slices = gs_result_object(result, one, "slices");
        gs_cmd_plan_put_slices(result, slices, layout->model, layout->counts);
        put_placements(result, gs_result_array(result, one, "placements"), layout);
    }
}

static void put_served(struct gs_result *result, json_t *at,
                       const struct gs_cmd_plan_question *question,
                       const struct gs_plan_served *served, size_t n)
{
    json_t *items = gs_result_array(result, at, "items");
    for (size_t i = 0; i < n; i++) {
        json_t *one = gs_result_object(result, items, NULL);
        gs_result_number(result, one, "item", served[i].item);
        gs_result_text(result, one, "name", gs_cmd_plan_item_name(question, served[i].item));
        gs_result_number(result, one, "alternative", served[i].alternative);
        gs_result_text(result, one, "model", served[i].gpu_name);
        gs_result_number(result, one, "count", (uint64_t)served[i].count);
    }
}

/* ------------------------------------------------------------------ figures */

/* Rounded up, so that it is 0 for a proven plan alone. */
static uint64_t gap_of(const struct gs_plan *plan)
{
    if (plan->value <= plan->bound) {
        return 0;
    }
    __int128 scale = 1;
    for (unsigned i = 0; i < GAP_PLACES; i++) {
        scale *= 10;
    }
    __int128 part = (__int128)(plan->value - plan->bound) * scale;
    return (uint64_t)((part + plan->value - 1) / plan->value);
}

static void put_dollars(struct gs_result *result, json_t *at, const char *key, bool known,
                        int64_t uusd)
{
    if (known) {
        gs_result_fixed(result, at, key, (uint64_t)uusd, DOLLAR_PLACES);
    } else {
        gs_result_null(result, at, key);
    }
}

static void put_baseline(struct gs_result *result, json_t *at, const struct gs_plan *plan)
{
    if (!plan->has_baseline) {
        gs_result_null(result, at, "whole_gpu_baseline");
        return;
    }
    json_t *baseline = gs_result_object(result, at, "whole_gpu_baseline");
    gs_result_number(result, baseline, "gpus", (uint64_t)plan->baseline_gpus);
    put_dollars(result, baseline, "cost_usd_per_hour",
                plan->goal == GS_PLAN_NODES && plan->baseline_uusd >= 0, plan->baseline_uusd);
}

static void put_figures(struct gs_result *result, json_t *at, const struct gs_plan *plan)
{
    bool nodes = plan->goal == GS_PLAN_NODES;
    gs_result_text(result, at, "format", "gpuslice-plan/1");
    gs_result_text(result, at, "minimises", nodes ? "usd_per_hour" : "gpus");
    gs_result_number(result, at, "gpus_used", (uint64_t)plan->gpus_used);
    if (plan->gpus_bound < 0) {
        gs_result_null(result, at, "lower_bound");
    } else {
        gs_result_number(result, at, "lower_bound", (uint64_t)plan->gpus_bound);
    }
    gs_result_fixed(result, at, "gap", gap_of(plan), GAP_PLACES);
    gs_result_bool(result, at, "proven", plan->proven);
    put_dollars(result, at, "cost_usd_per_hour", nodes, plan->value);
    put_dollars(result, at, "cost_lower_bound_usd_per_hour", nodes, plan->bound);
    put_baseline(result, at, plan);
}

/* ------------------------------------------------------------------ nodes */

static void put_instances(struct gs_result *result, json_t *at,
                          const struct gs_cmd_plan_question *question, const struct gs_plan *plan)
{
    json_t *instances = gs_result_array(result, at, "instances");
    for (size_t i = 0; i < plan->n_nodes; i++) {
        const struct gs_plan_nodes *nodes = &plan->nodes[i];
        json_t *one = gs_result_object(result, instances, NULL);
        gs_result_text(result, one, "type", nodes->offer->name);
        gs_result_number(result, one, "count", (uint64_t)nodes->count);
        gs_result_number(result, one, "gpus", nodes->offer->gpus);
        gs_result_fixed(result, one, "usd_per_hour", nodes->offer->price_uusd, DOLLAR_PLACES);
        gs_cmd_plan_put_layouts(result, one, nodes->layouts, nodes->n_layouts);
        put_served(result, one, question, nodes->served, nodes->n_served);
    }
}

/* What the items of a node take of it; where items are not told apart by node, what its GPUs are
 * to have. */
static void sum_used(const struct gs_cmd_plan_question *question,
                     const struct gs_plan_existing *existing, uint64_t *slices, uint64_t *ret_gpus)
{
    const struct gs_existing_node *node = existing->node;
    const struct gs_target target = {
        .model = node->model, .gpu_name = node->gpu_name, .gpu_memory_mib = node->gpu_memory_mib};
    for (size_t i = 0; i < existing->n_served; i++) {
        const struct gs_plan_served *served = &existing->served[i];
        const struct gs_item *item = &question->input.items[served->item];
        struct gs_use use;
        struct gs_err why;
        if (gs_use_resolve(item, &item->alternatives[served->alternative], &target, &use, &why) ==
            0) {
            *ret_gpus += use.gpus * (uint64_t)served->count;
            for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
                slices[p] += use.slices[p] * (uint64_t)served->count;
            }
        }
    }
    for (unsigned g = 0; existing->n_served == 0 && g < node->n_gpus; g++) {
        *ret_gpus += existing->added[g].whole ? 1 : 0;
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            slices[p] += existing->added[g].counts[p];
        }
    }
}

static void put_change(struct gs_result *result, json_t *at, const struct gs_existing_node *node,
                       const struct gs_cmd_plan_change *change)
{
    json_t *one = gs_result_object(result, at, NULL);
    gs_result_text(result, one, "gpu", node->gpus[change->gpu].uuid);
    if (change->whole) {
        gs_result_bool(result, one, "whole", true);
        return;
    }
    assert(node->model != NULL); /* only slices are cut */
    json_t *steps = gs_result_array(result, one, "steps");
    for (unsigned i = 0; i < change->transition.n_steps; i++) {
        const struct gs_step *step = &change->transition.steps[i];
        json_t *put = gs_result_object(result, steps, NULL);
        gs_result_text(result, put, "action", gs_step_word(step->kind));
        gs_result_text(result, put, "profile", node->model->profiles[step->placement.profile].name);
        gs_result_number(result, put, "start", step->placement.start);
    }
}

static int put_existing(struct gs_result *result, json_t *at,
                        const struct gs_cmd_plan_question *question,
                        const struct gs_plan_existing *existing, struct gs_err *err)
{
    const struct gs_existing_node *node = existing->node;
    uint64_t slices[GS_PROFILES_MAX] = {0};
    uint64_t gpus = 0;
    const struct gs_cmd_plan_change *changes;
    size_t n;
    int r = gs_cmd_plan_changes(question, existing, &changes, &n, err);
    if (r < 0) {
        return r;
    }
    sum_used(question, existing, slices, &gpus);
    json_t *one = gs_result_object(result, at, NULL);
    gs_result_text(result, one, "node", node->name);
    json_t *used = gs_result_object(result, one, "used");
    json_t *used_slices = gs_result_object(result, used, "slices");
    for (unsigned p = 0; node->model != NULL && p < node->model->n_profiles; p++) {
        if (slices[p] > 0) {
            gs_result_number(result, used_slices, node->model->profiles[p].name, slices[p]);
        }
    }
    gs_result_number(result, used, "gpus", gpus);
    put_served(result, one, question, existing->served, existing->n_served);
    json_t *transitions = gs_result_array(result, one, "transitions");
    for (size_t i = 0; i < n; i++) {
        put_change(result, transitions, node, &changes[i]);
    }
    return 0;
}

/* ------------------------------------------------------------------ what is not in the plan */

static void put_rest(struct gs_result *result, json_t *at,
                     const struct gs_cmd_plan_question *question, const struct gs_plan *plan)
{
    json_t *unplaceable = gs_result_array(result, at, "unplaceable");
    for (size_t i = 0; i < plan->n_unplaced; i++) {
        json_t *one = gs_result_object(result, unplaceable, NULL);
        gs_result_number(result, one, "item", plan->unplaced[i].item);
        gs_result_text(result, one, "name",
                       gs_cmd_plan_item_name(question, plan->unplaced[i].item));
        gs_result_number(result, one, "count", (uint64_t)plan->unplaced[i].count);
        gs_result_text(result, one, "reason", plan->unplaced[i].reason);
    }
    json_t *excluded = gs_result_array(result, at, "excluded");
    for (size_t i = 0; i < question->n_excluded; i++) {
        json_t *one = gs_result_object(result, excluded, NULL);
        gs_result_text(result, one, "type", question->excluded[i].type);
        gs_result_text(result, one, "reason", question->excluded[i].reason);
    }
    json_t *ignored = gs_result_array(result, at, "ignored");
    for (size_t i = 0; i < question->ignored.n; i++) {
        gs_result_text(result, ignored, NULL, question->ignored.items[i]);
    }
    json_t *volumes = question->volumes.n == 0 ? NULL : gs_result_array(result, at, "volumes");
    for (size_t i = 0; i < question->volumes.n; i++) {
        gs_result_text(result, volumes, NULL, question->volumes.items[i]);
    }
}

static int build(struct gs_result *result, const struct gs_cmd_plan_question *question,
                 const struct gs_cmd_plan_answer *answer, struct gs_err *err)
{
    const struct gs_plan *plan = &answer->plan;
    put_figures(result, result->root, plan);
    gs_cmd_plan_put_layouts(result, result->root, plan->layouts, plan->n_layouts);
    put_instances(result, result->root, question, plan);
    json_t *existing = gs_result_array(result, result->root, "existing");
    for (size_t i = 0; i < plan->n_existing; i++) {
        int r = put_existing(result, existing, question, &plan->existing[i], err);
        if (r < 0) {
            return r;
        }
    }
    put_served(result, result->root, question, plan->served, plan->n_served);
    put_rest(result, result->root, question, plan);
    int r = gs_cmd_plan_put_proof(result, result->root, question, plan, err);
    gs_cmd_plan_put_problem(result, result->root, question, plan);
    if (question->args->timing) {
        gs_result_number(result, result->root, "elapsed_us", answer->read_us + answer->plan_us);
    }
    return r;
}

int gs_cmd_plan_write_document(const struct gs_cmd_plan_question *question,
                               const struct gs_cmd_plan_answer *answer, struct gs_err *err)
{
    GS_CLEANUP(gs_result_done) struct gs_result result;
    gs_result_init(&result);
    int r = build(&result, question, answer, err);
    return r < 0 ? r : gs_output_result(&result, question->args->format, err);
}
