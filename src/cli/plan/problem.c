#include <string.h>

#include "cli/plan/plan.h"

/* What was asked, resolved: all that a checker of the plan has to know (plan-format.md). */

static const char *goal_text(enum gs_plan_goal goal)
{
    switch (goal) {
    case GS_PLAN_GPUS:
        return "gpus";
    case GS_PLAN_NODES:
        return "nodes";
    }
    return "";
}

static void put_want(struct gs_result *result, json_t *at, const struct gs_want *want)
{
    json_t *one = gs_result_object(result, at, NULL);
    const char *model = want->model == NULL ? NULL : want->model->id;
    if (want->whole_gpu) {
        gs_result_text(result, one, "gpu", model == NULL ? want->gpu_name : model);
    } else {
        char name[GS_PROFILE_NAME_MAX + 1];
        gs_profile_name_format(&want->profile, name);
        gs_result_text(result, one, "slice", name);
        gs_result_text(result, one, "model", model);
    }
    gs_result_number(result, one, "count", want->count);
}

/* `held`: to nodes that are known to carry its labels. */
static bool ruled_out(const struct gs_item *item, bool held, const struct gs_node_facts *facts)
{
    enum gs_verdict verdict = gs_constraint_check(item->constraint, facts, NULL);
    return verdict == GS_VERDICT_NO || (held && verdict == GS_VERDICT_UNKNOWN);
}

/* Nodes are no matter where GPUs alone are planned. */
static void put_not_on(struct gs_result *result, json_t *at, const struct gs_item *item, bool held,
                       const struct gs_plan_input *input)
{
    json_t *names = gs_result_array(result, at, "not_on");
    if (input->goal == GS_PLAN_GPUS) {
        return;
    }
    for (size_t i = 0; i < input->n_offers; i++) {
        if (item->bound_node != NULL || ruled_out(item, held, input->offers[i].facts)) {
            gs_result_text(result, names, NULL, input->offers[i].name);
        }
    }
    for (size_t i = 0; i < input->n_existing; i++) {
        const struct gs_existing_node *node = &input->existing[i];
        bool elsewhere = item->bound_node != NULL && strcmp(item->bound_node, node->name) != 0;
        if (elsewhere || ruled_out(item, held, node->facts)) {
            gs_result_text(result, names, NULL, node->name);
        }
    }
}

static void put_item(struct gs_result *result, json_t *at, const struct gs_plan_input *input,
                     const struct gs_item *item, bool held)
{
    json_t *one = gs_result_object(result, at, NULL);
    gs_result_text(result, one, "name", item->name == NULL ? "" : item->name);
    gs_result_number(result, one, "count", item->count);
    gs_result_number(result, one, "cpu_milli", item->cpu_milli);
    gs_result_number(result, one, "memory_bytes", item->memory_bytes);
    gs_result_number(result, one, "gpu_memory_mib", item->gpu_memory_mib);
    gs_result_bool(result, one, "spare", item->spare);
    json_t *alternatives = gs_result_array(result, one, "alternatives");
    for (size_t a = 0; a < item->n_alternatives; a++) {
        json_t *wants = gs_result_array(result, alternatives, NULL);
        for (size_t w = 0; w < item->alternatives[a].n_wants; w++) {
            put_want(result, wants, &item->alternatives[a].wants[w]);
        }
    }
    put_not_on(result, one, item, held, input);
}

static void put_service(struct gs_result *result, json_t *at, const struct gs_plan_service *service)
{
    json_t *one = gs_result_object(result, at, NULL);
    gs_result_text(result, one, "name", service->name);
    gs_result_number(result, one, "need", (uint64_t)service->need);
    json_t *options = gs_result_array(result, one, "options");
    for (size_t i = 0; i < service->n_options; i++) {
        const struct gs_plan_service_option *option = &service->options[i];
        json_t *way = gs_result_object(result, options, NULL);
        gs_result_text(result, way, "model", option->model->id);
        gs_result_text(result, way, "profile", option->model->profiles[option->profile].name);
        gs_result_number(result, way, "yield", (uint64_t)option->yield);
    }
}

static const char *model_id(const struct gs_model *model)
{
    return model == NULL ? NULL : model->id;
}

static void put_offer(struct gs_result *result, json_t *at, const struct gs_offer *offer)
{
    json_t *one = gs_result_object(result, at, NULL);
    gs_result_text(result, one, "name", offer->name);
    gs_result_text(result, one, "gpu", offer->gpu_name);
    gs_result_text(result, one, "model", model_id(offer->model));
    gs_result_number(result, one, "gpus", offer->gpus);
    gs_result_known(result, one, "gpu_memory_mib", offer->gpu_memory_mib);
    gs_result_number(result, one, "cpu_milli", offer->cpu_milli);
    gs_result_number(result, one, "memory_bytes", offer->memory_bytes);
    gs_result_number(result, one, "pods", offer->pods);
    gs_result_number(result, one, "price_uusd", offer->price_uusd);
    gs_result_known(result, one, "max_nodes", offer->max_nodes);
}

static void put_gpu(struct gs_result *result, json_t *at, const struct gs_existing_gpu *gpu)
{
    json_t *one = gs_result_object(result, at, NULL);
    struct gs_layout layout;
    char text[GS_LAYOUT_TEXT_MAX + 1] = "";
    gs_cmd_plan_layout_of(gpu, &layout);
    if (gpu->model != NULL) {
        gs_layout_format(gpu->model, &layout, text);
    }
    gs_result_text(result, one, "uuid", gpu->uuid);
    gs_result_bool(result, one, "mig", gpu->mig);
    gs_result_bool(result, one, "whole_in_use", gpu->whole_in_use);
    gs_result_text(result, one, "layout", text);
}

static void put_node(struct gs_result *result, json_t *at, const struct gs_existing_node *node)
{
    json_t *one = gs_result_object(result, at, NULL);
    gs_result_text(result, one, "name", node->name);
    gs_result_text(result, one, "gpu", node->gpu_name);
    gs_result_text(result, one, "model", model_id(node->model));
    gs_result_known(result, one, "gpu_memory_mib", node->gpu_memory_mib);
    gs_result_number(result, one, "cpu_milli", node->cpu_milli);
    gs_result_number(result, one, "memory_bytes", node->memory_bytes);
    gs_result_number(result, one, "pods", node->pods);
    gs_result_bool(result, one, "layout_known", node->layout_known);
    json_t *gpus = gs_result_array(result, one, "gpus");
    for (unsigned g = 0; node->layout_known && g < node->n_gpus; g++) {
        put_gpu(result, gpus, &node->gpus[g]);
    }
    json_t *slices = gs_result_object(result, one, "free_slices");
    for (unsigned p = 0; node->model != NULL && p < node->model->n_profiles; p++) {
        if (node->free_slices[p] > 0) {
            gs_result_number(result, slices, node->model->profiles[p].name, node->free_slices[p]);
        }
    }
    gs_result_number(result, one, "free_gpus", node->free_gpus);
}

void gs_cmd_plan_put_problem(struct gs_result *result, json_t *at,
                             const struct gs_cmd_plan_question *question,
                             const struct gs_plan *plan)
{
    const struct gs_plan_input *input = &question->input;
    json_t *problem = gs_result_object(result, at, "problem");
    gs_result_text(result, problem, "goal", goal_text(input->goal));
    json_t *items = gs_result_array(result, problem, "items");
    for (size_t i = 0; i < input->n_items; i++) {
        put_item(result, items, input, &input->items[i], plan->held != NULL && plan->held[i]);
    }
    json_t *services = gs_result_array(result, problem, "services");
    for (size_t i = 0; i < input->n_services; i++) {
        put_service(result, services, &input->services[i]);
    }
    json_t *models = gs_result_array(result, problem, "models");
    for (size_t i = 0; i < input->n_models; i++) {
        gs_result_text(result, models, NULL, input->models[i]->id);
    }
    json_t *offers = gs_result_array(result, problem, "offers");
    for (size_t i = 0; i < input->n_offers; i++) {
        put_offer(result, offers, &input->offers[i]);
    }
    json_t *existing = gs_result_array(result, problem, "existing");
    for (size_t i = 0; i < input->n_existing; i++) {
        put_node(result, existing, &input->existing[i]);
    }
}
