#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/plan/plan.h"
#include "core/catalog.h"
#include "term/infile.h"
#include "wire/csv.h"

/* Services: what serves them, from measurements. GPUs are planned with all mixtures of slices at
 * once; nodes are planned for slices that were chosen before. */

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for services");
}

/* ------------------------------------------------------------------ files */

static int read_rows(struct gs_cmd_plan_question *question, const char *service,
                     const struct gs_service_row **ret, size_t *ret_n, struct gs_err *err)
{
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/%s.csv", question->args->profiles_dir, service);
    if (n < 0 || (size_t)n >= sizeof(path)) {
        return gs_fail(err, GS_INVALID, "--profiles-dir: the path is longer than %zu bytes",
                       sizeof(path) - 1);
    }
    const char *label = gs_arena_text(question->arena, path, (size_t)n);
    if (label == NULL) {
        return no_memory(err);
    }
    GS_CLEANUP(gs_infile_close) struct gs_infile file = {.fd = -1};
    struct gs_view bytes;
    int r = gs_infile_open(&file, "profiles-dir", label, err);
    if (r < 0) {
        return gs_wrap(err, r, "service %s", service);
    }
    r = gs_infile_whole(&file, question->arena, GS_CSV_BYTES_MAX, &bytes, err);
    return r < 0 ? r : gs_servicefile_read_rows(question->arena, label, bytes, ret, ret_n, err);
}

/* The slices of one model that serve the service in time. */
static int add_options(struct gs_cmd_plan_question *question, const struct gs_model *model,
                       const struct gs_service *service, const struct gs_service_row *rows,
                       size_t n_rows, struct gs_plan_service_option *options, size_t *n_options,
                       struct gs_err *err)
{
    struct gs_service_option found[GS_PROFILES_MAX];
    unsigned n = 0;
    int r = gs_service_options(model, service, rows, n_rows, found, &n, err);
    if (r == GS_INFEASIBLE) { /* the text says why; the planner reports services without a slice */
        return gs_cmd_plan_note(question, err, "%s", err->msg);
    }
    for (unsigned i = 0; r == 0 && i < n; i++) {
        options[(*n_options)++] = (struct gs_plan_service_option){
            .model = model,
            .profile = found[i].profile,
            .yield = (int64_t)found[i].capacity_milli,
        };
    }
    return r;
}

/* ------------------------------------------------------------------ which GPUs they hold for */

static const char *plain_name(const struct gs_model *model, uint32_t compute_slices)
{
    int profile = gs_service_profile(model, compute_slices);
    return profile < 0 ? "" : model->profiles[profile].name;
}

/* The same slices by name, of as much memory: what was measured on one may run on the other. */
static bool same_profiles(const struct gs_model *a, const struct gs_model *b)
{
    bool same = a->compute_slices == b->compute_slices;
    for (uint32_t size = 1; same && size <= a->compute_slices; size++) {
        same = strcmp(plain_name(a, size), plain_name(b, size)) == 0;
    }
    return same;
}

/* Whether the model has every size that was measured; if not, the table is another GPU's. */
static bool has_all_sizes(const struct gs_model *model, const struct gs_service_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (gs_service_profile(model, rows[i].compute_slices) < 0) {
            return false;
        }
    }
    return true;
}

/* For which models the tables hold, and what was left out for it. */
struct measured {
    const struct gs_model *on; /* NULL: not told */
    struct left_out {
        size_t services;
        const char *first;
    } * left_out; /* a model of the input */
};

static bool holds_for(struct measured *measured, const struct gs_plan_input *input, size_t m,
                      const char *service, const struct gs_service_row *rows, size_t n_rows)
{
    const struct gs_model *model = input->models[m];
    bool holds = measured->on != NULL ? same_profiles(measured->on, model)
                                      : has_all_sizes(model, rows, n_rows);
    if (!holds && measured->left_out[m].services++ == 0) {
        measured->left_out[m].first = service;
    }
    return holds;
}

static int note_left_out(struct gs_cmd_plan_question *question, const struct measured *measured,
                         const struct gs_model *model, const struct left_out *left_out,
                         struct gs_err *err)
{
    if (measured->on != NULL) {
        return gs_cmd_plan_note(question, err,
                                "%s for services: measured was on %s, whose profiles are others",
                                model->id, measured->on->id);
    }
    return gs_cmd_plan_note(question, err,
                            "%s for %zu service%s (%s%s): sizes of slices were measured that this "
                            "GPU does not have, so it was on another",
                            model->id, left_out->services, left_out->services == 1 ? "" : "s",
                            left_out->services == 1 ? "" : "the first is ", left_out->first);
}

/* The tables themselves do not tell. */
static int note_measured_on(struct gs_cmd_plan_question *question, const struct measured *measured,
                            struct gs_err *err)
{
    int r = 0;
    for (size_t m = 0; r == 0 && m < question->input.n_models; m++) {
        const struct left_out *left_out = &measured->left_out[m];
        r = left_out->services == 0
                ? 0
                : note_left_out(question, measured, question->input.models[m], left_out, err);
    }
    return r < 0 || measured->on != NULL
               ? r
               : gs_cmd_plan_note(question, err,
                                  "which GPU the services were measured on: the tables do not say, "
                                  "and are taken to hold for every model planned with that has all "
                                  "sizes measured; --measured-on MODEL says it");
}

static int find_measured_on(const struct gs_cmd_plan_question *question,
                            const struct gs_model **ret, struct gs_err *err)
{
    const char *name = question->args->measured_on;
    *ret = NULL;
    int r = name == NULL ? 0 : gs_catalog_find(gs_view(name), ret, err);
    r = r == 0 && *ret != NULL ? gs_model_require_placements(*ret, err) : r;
    return r < 0 ? gs_wrap(err, r, "--measured-on") : 0;
}

static int read_service(struct gs_cmd_plan_question *question, struct measured *measured,
                        const struct gs_service *service, struct gs_plan_service *ret,
                        struct gs_err *err)
{
    const struct gs_plan_input *input = &question->input;
    const struct gs_service_row *rows;
    size_t n_rows;
    int r = read_rows(question, service->name, &rows, &n_rows, err);
    struct gs_plan_service_option *options = GS_ARENA_NEW(
        question->arena, struct gs_plan_service_option, input->n_models * GS_PROFILES_MAX);
    if (r == 0 && options == NULL) {
        return no_memory(err);
    }
    size_t n = 0;
    for (size_t m = 0; r == 0 && m < input->n_models; m++) {
        if (holds_for(measured, input, m, service->name, rows, n_rows)) {
            r = add_options(question, input->models[m], service, rows, n_rows, options, &n, err);
        }
    }
    *ret = (struct gs_plan_service){
        .name = service->name,
        .need = (int64_t)service->rate_milli,
        .options = options,
        .n_options = n,
    };
    return r;
}

static int read_services(struct gs_cmd_plan_question *question, struct gs_err *err)
{
    GS_CLEANUP(gs_infile_close) struct gs_infile file = {.fd = -1};
    struct gs_view bytes;
    const struct gs_service *services;
    struct measured measured;
    size_t n = 0;
    measured.left_out = GS_ARENA_NEW(question->arena, struct left_out, question->input.n_models);
    if (measured.left_out == NULL) {
        return no_memory(err);
    }
    int r = find_measured_on(question, &measured.on, err);
    r = r < 0 ? r : gs_infile_open(&file, "services", question->args->services, err);
    r = r < 0 ? r : gs_infile_whole(&file, question->arena, GS_CSV_BYTES_MAX, &bytes, err);
    r = r < 0 ? r : gs_servicefile_read(question->arena, file.label, bytes, &services, &n, err);
    if (r < 0) {
        return r;
    }
    struct gs_plan_service *made = GS_ARENA_NEW(question->arena, struct gs_plan_service, n);
    if (made == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = read_service(question, &measured, &services[i], &made[i], err);
    }
    question->input.services = made;
    question->input.n_services = n;
    return r < 0 ? r : note_measured_on(question, &measured, err);
}

/* ------------------------------------------------------------------ nodes */

static bool has_model(const struct gs_plan_input *input, const struct gs_model *model)
{
    for (size_t i = 0; i < input->n_models; i++) {
        if (input->models[i] == model) {
            return true;
        }
    }
    return false;
}

/* The models of the offers and of the nodes that are there, each once. */
static int list_models(struct gs_cmd_plan_question *question, struct gs_err *err)
{
    struct gs_plan_input *input = &question->input;
    const struct gs_model **models =
        GS_ARENA_NEW(question->arena, const struct gs_model *, input->n_offers + input->n_existing);
    if (models == NULL) {
        return no_memory(err);
    }
    input->models = models;
    for (size_t i = 0; i < input->n_offers; i++) {
        const struct gs_model *model = input->offers[i].model;
        if (model != NULL && model->placements_known && !has_model(input, model)) {
            models[input->n_models++] = model;
        }
    }
    return 0;
}

/* Adds to `demand` the slices that serve the services on the fewest GPUs of one model.
 * *ret_served: every service has some. */
static int choose_slices(const struct gs_cmd_plan_question *question, const struct gs_model *model,
                         struct gs_demand *demand, bool *ret_served, struct gs_err *err)
{
    const struct gs_plan_input *all = &question->input;
    const struct gs_plan_input input = {
        .goal = GS_PLAN_GPUS,
        .services = all->services,
        .n_services = all->n_services,
        .models = &model,
        .n_models = 1,
    };
    struct gs_plan plan;
    int r = gs_plan_make(question->arena, &input, &plan, err);
    *ret_served = r == 0 && plan.n_unplaced == 0;
    for (size_t i = 0; r == 0 && i < plan.n_served; i++) {
        const struct gs_plan_served *served = &plan.served[i];
        const struct gs_plan_service *service = &all->services[served->item];
        const struct gs_want want = {
            .model = model,
            .profile = model->profiles[service->options[served->alternative].profile].parts,
            .count = 1,
        };
        const struct gs_alternative way = {.wants = &want, .n_wants = 1};
        /* Equal slices become one kind of item, whichever service they are for. */
        const struct gs_item item = {.name = "services",
                                     .count = (uint64_t)served->count,
                                     .alternatives = &way,
                                     .n_alternatives = 1};
        r = gs_demand_add(demand, &item, err);
    }
    return r;
}

static int copy_items(const struct gs_plan_input *input, struct gs_demand *demand,
                      struct gs_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < input->n_items; i++) {
        r = gs_demand_add(demand, &input->items[i], err);
    }
    return r;
}

/* What the cheapest nodes for a demand cost, roughly. */
static int price(const struct gs_cmd_plan_question *question, const struct gs_demand *demand,
                 int64_t *ret_uusd, struct gs_err *err)
{
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, question->arena->source, GS_CMD_PLAN_MEMORY_MAX);
    struct gs_plan_input input = question->input;
    struct gs_plan plan;
    input.services = NULL;
    input.n_services = 0;
    input.items = gs_demand_items(demand, &input.n_items);
    input.quick = true;
    int r = gs_plan_make(&arena, &input, &plan, err);
    *ret_uusd = r == 0 ? plan.value : INT64_MAX;
    return r;
}

/* One model at a time: a service measured once is served by slices of one kind of GPU. */
static int choose_model(struct gs_cmd_plan_question *question, struct gs_err *err)
{
    struct gs_plan_input *input = &question->input;
    const struct gs_model *best = NULL;
    int64_t least = INT64_MAX;
    for (size_t m = 0; m < input->n_models; m++) {
        struct gs_demand *demand = gs_demand_new(question->arena);
        bool served;
        int64_t uusd = 0;
        int r = demand == NULL ? no_memory(err) : copy_items(input, demand, err);
        r = r < 0 ? r : choose_slices(question, input->models[m], demand, &served, err);
        r = r == 0 && served ? price(question, demand, &uusd, err) : r;
        if (r < 0) {
            return r;
        }
        if (served && uusd < least) {
            least = uusd;
            best = input->models[m];
            question->demand = demand;
        }
    }
    if (best == NULL) {
        return gs_fail(err, GS_INFEASIBLE,
                       "no instance type has GPUs that can serve every service within its latency");
    }
    input->items = gs_demand_items(question->demand, &input->n_items);
    input->services = NULL;
    input->n_services = 0;
    input->models = NULL;
    input->n_models = 0;
    question->chosen_before = true;
    return gs_cmd_plan_note(question, err,
                            "mixtures of slices for the services: those that take the fewest GPUs "
                            "of %s were chosen before the nodes were, so that no bound is given, "
                            "and the baseline has a GPU for each slice",
                            best->id);
}

int gs_cmd_plan_read_services(struct gs_cmd_plan_question *question, struct gs_err *err)
{
    bool nodes = question->input.goal == GS_PLAN_NODES;
    int r = 0;
    if (question->args->services == NULL) {
        return 0;
    }
    r = nodes ? list_models(question, err) : 0;
    r = r < 0 ? r : read_services(question, err);
    return r == 0 && nodes ? choose_model(question, err) : r;
}
