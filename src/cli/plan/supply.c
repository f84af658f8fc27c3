#include <string.h>

#include "base/cleanup.h"
#include "cli/plan/plan.h"
#include "core/catalog.h"
#include "term/infile.h"
#include "wire/quantity.h"

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for what may be had");
}

/* ------------------------------------------------------------------ --model */

static bool has_model(const struct gs_plan_input *input, const struct gs_model *model)
{
    for (size_t i = 0; i < input->n_models; i++) {
        if (input->models[i] == model) {
            return true;
        }
    }
    return false;
}

static int read_models(struct gs_cmd_plan_question *question, struct gs_err *err)
{
    const struct gs_texts *names = &question->args->model;
    size_t n;
    gs_catalog(&n);
    const struct gs_model **models = GS_ARENA_NEW(question->arena, const struct gs_model *, n);
    if (models == NULL) {
        return no_memory(err);
    }
    question->input.goal = GS_PLAN_GPUS;
    question->input.models = models;
    for (size_t i = 0; i < names->n; i++) {
        struct gs_view rest = gs_view(names->items[i]);
        while (rest.p != NULL) {
            const struct gs_model *model;
            int r = gs_catalog_find(gs_view_trim(gs_view_split(&rest, ',')), &model, err);
            if (r < 0 || (r = gs_model_require_placements(model, err)) < 0) {
                return gs_wrap(err, r, "--model");
            }
            if (!has_model(&question->input, model)) {
                models[question->input.n_models++] = model;
            }
        }
    }
    return 0;
}

/* ------------------------------------------------------------------ what a node keeps */

static int read_quantity(const char *option, const char *text, enum gs_quantity_scale scale,
                         uint64_t max, uint64_t *ret, struct gs_err *err)
{
    int r = text == NULL ? 0 : gs_quantity_parse(gs_view(text), scale, max, ret, err);
    return r < 0 ? gs_wrap(err, r, "--%s", option) : 0;
}

/* What the pods' DaemonSets ask for, unless the options say otherwise. */
static int read_overhead(const struct gs_cmd_plan_question *question, struct gs_node_overhead *ret,
                         struct gs_err *err)
{
    const struct gs_cmd_plan_args *args = question->args;
    struct gs_node_overhead overhead = gs_node_overhead_default;
    if (question->cluster != NULL) {
        overhead.daemonset_cpu_milli = question->cluster->daemon_cpu_milli;
        overhead.daemonset_memory_bytes = question->cluster->daemon_memory_bytes;
        overhead.daemonset_pods = question->cluster->daemon_pods;
    }
    int r = read_quantity("daemonset-cpu", args->daemonset_cpu, GS_QUANTITY_MILLI, GS_CPU_MILLI_MAX,
                          &overhead.daemonset_cpu_milli, err);
    r = r < 0 ? r
              : read_quantity("daemonset-memory", args->daemonset_memory, GS_QUANTITY_UNIT,
                              GS_MEMORY_BYTES_MAX, &overhead.daemonset_memory_bytes, err);
    if (args->daemonset_pods != GS_CMD_PLAN_NOT_GIVEN) {
        overhead.daemonset_pods = (uint32_t)args->daemonset_pods;
    }
    *ret = overhead;
    return r;
}

/* ------------------------------------------------------------------ which EC2 types */

/* Why a type takes part: of one that was named, or came with `all`, whatever is wrong is said. */
enum pick { PICK_NOT, PICK_ALL_MIG, PICK_DEMANDED, PICK_ALL, PICK_NAMED };

struct picks {
    const struct gs_instance *types;
    size_t n;
    enum pick *of; /* a type */
};

/* MIG is what its GPU has, whether or not it can be planned. */
static const struct gs_model *mig_model(const struct gs_instance *instance)
{
    size_t n;
    const struct gs_model *models = gs_catalog(&n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(models[i].id, instance->gpu_name) == 0) {
            return &models[i];
        }
    }
    return NULL;
}

static bool wants_gpu(const struct gs_item *item, const char *gpu_name)
{
    for (size_t a = 0; a < item->n_alternatives; a++) {
        for (size_t w = 0; w < item->alternatives[a].n_wants; w++) {
            const char *name = item->alternatives[a].wants[w].gpu_name;
            if (name != NULL && strcmp(name, gpu_name) == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool names_product(const struct gs_term *term, const char *product)
{
    for (size_t r = 0; r < term->n_requirements; r++) {
        const struct gs_requirement *requirement = &term->requirements[r];
        for (size_t v = 0; requirement->op == GS_LABEL_IN && v < requirement->n_values; v++) {
            if (strcmp(requirement->key, "nvidia.com/gpu.product") == 0 &&
                strcmp(requirement->values[v], product) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* By name, or by the product label that pods select nodes by. */
static bool demands_gpu(const struct gs_plan_input *input, const struct gs_instance *instance)
{
    char product[GS_PRODUCT_MAX + 1];
    gs_instance_product(instance, product);
    for (size_t i = 0; i < input->n_items; i++) {
        const struct gs_constraint *constraint = input->items[i].constraint;
        bool named = constraint != NULL && names_product(&constraint->selector, product);
        for (size_t t = 0; constraint != NULL && t < constraint->n_terms && !named; t++) {
            named = names_product(&constraint->terms[t], product);
        }
        if (named || wants_gpu(&input->items[i], instance->gpu_name)) {
            return true;
        }
    }
    return false;
}

static void pick_all_mig(struct picks *picks, const struct gs_plan_input *input)
{
    for (size_t i = 0; i < picks->n; i++) {
        enum pick pick = demands_gpu(input, &picks->types[i])  ? PICK_DEMANDED
                         : mig_model(&picks->types[i]) != NULL ? PICK_ALL_MIG
                                                               : PICK_NOT;
        picks->of[i] = pick > picks->of[i] ? pick : picks->of[i];
    }
}

static void pick_all(struct picks *picks)
{
    for (size_t i = 0; i < picks->n; i++) {
        picks->of[i] = PICK_ALL > picks->of[i] ? PICK_ALL : picks->of[i];
    }
}

static int pick_word(struct picks *picks, const struct gs_plan_input *input, struct gs_view word,
                     struct gs_err *err)
{
    if (gs_view_eq(word, "all-mig")) {
        pick_all_mig(picks, input);
        return 0;
    }
    if (gs_view_eq(word, "all")) {
        pick_all(picks);
        return 0;
    }
    const struct gs_instance *instance;
    int r = gs_instance_find(word, &instance, err);
    if (r < 0) {
        return gs_wrap(err, r, "--instances");
    }
    picks->of[instance - picks->types] = PICK_NAMED;
    return 0;
}

static int pick_types(struct gs_cmd_plan_question *question, struct picks *ret, struct gs_err *err)
{
    const struct gs_texts *words = &question->args->instances;
    struct picks picks;
    picks.types = gs_instances(&picks.n);
    picks.of = GS_ARENA_NEW(question->arena, enum pick, picks.n);
    if (picks.of == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < words->n; i++) {
        struct gs_view rest = gs_view(words->items[i]);
        while (rest.p != NULL) {
            int r =
                pick_word(&picks, &question->input, gs_view_trim(gs_view_split(&rest, ',')), err);
            if (r < 0) {
                return r;
            }
        }
    }
    *ret = picks;
    return 0;
}

/* ------------------------------------------------------------------ offers */

static int exclude(struct gs_cmd_plan_question *question, const char *type, const char *reason,
                   struct gs_err *err)
{
    const char *kept = gs_arena_text(question->arena, reason, strlen(reason));
    if (kept == NULL ||
        !gs_arena_room(question->arena, &question->excluded, &question->cap_excluded,
                       question->n_excluded, sizeof(*question->excluded))) {
        return no_memory(err);
    }
    question->excluded[question->n_excluded++] =
        (struct gs_cmd_plan_excluded){.type = type, .reason = kept};
    return 0;
}

static const struct gs_instance_entry *own_entry(const struct gs_cmd_plan_question *question,
                                                 const char *type)
{
    for (size_t i = 0; i < question->n_entries; i++) {
        if (strcmp(question->entries[i].type, type) == 0) {
            return &question->entries[i];
        }
    }
    return NULL;
}

/* 0, GS_UNKNOWN or GS_INFEASIBLE when the type cannot take part (the text says why), or worse. */
static int offer_of(struct gs_cmd_plan_question *question, const struct gs_instance *instance,
                    enum pick pick, const struct gs_node_overhead *overhead, struct gs_offer *ret,
                    struct gs_err *err)
{
    if (own_entry(question, instance->type) != NULL) {
        return gs_fail(err, GS_UNKNOWN, "%.200s has a price of its own for it",
                       question->args->instances_file);
    }
    const struct gs_model *model = mig_model(instance);
    int r = pick == PICK_ALL_MIG && model != NULL ? gs_model_require_placements(model, err) : 0;
    struct gs_instance asked = *instance;
    if (question->args->max_pods != GS_CMD_PLAN_NOT_GIVEN) {
        asked.max_pods = (uint32_t)question->args->max_pods;
    }
    return r < 0 ? r
                 : gs_offer_of_instance(question->arena, &asked, gs_view(question->args->region),
                                        overhead, ret, err);
}

static bool only_excludes(int r)
{
    return r == GS_UNKNOWN || r == GS_INFEASIBLE;
}

static int offer_types(struct gs_cmd_plan_question *question, const struct picks *picks,
                       const struct gs_node_overhead *overhead, struct gs_offer *offers,
                       struct gs_err *err)
{
    for (size_t i = 0; i < picks->n; i++) {
        if (picks->of[i] == PICK_NOT) {
            continue;
        }
        int r = offer_of(question, &picks->types[i], picks->of[i], overhead,
                         &offers[question->input.n_offers], err);
        if (r == 0) {
            question->input.n_offers++;
            continue;
        }
        r = only_excludes(r) ? exclude(question, picks->types[i].type, err->msg, err) : r;
        if (r < 0) {
            return r == GS_NOT_FOUND ? gs_wrap(err, r, "--region") : r;
        }
    }
    return 0;
}

static int offer_entries(struct gs_cmd_plan_question *question,
                         const struct gs_node_overhead *overhead, struct gs_offer *offers,
                         struct gs_err *err)
{
    for (size_t i = 0; i < question->n_entries; i++) {
        int r = gs_offer_of_entry(&question->entries[i], overhead,
                                  &offers[question->input.n_offers], err);
        if (r == 0) {
            question->input.n_offers++;
            continue;
        }
        r = only_excludes(r) ? exclude(question, question->entries[i].type, err->msg, err) : r;
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int fail_no_offer(const struct gs_cmd_plan_question *question, struct gs_err *err)
{
    if (question->n_excluded == 0) {
        return gs_fail(err, GS_INFEASIBLE, "there is no instance type to plan with");
    }
    return gs_fail(err, GS_INFEASIBLE, "none of the %zu instance types can be planned with: %s: %s",
                   question->n_excluded, question->excluded[0].type, question->excluded[0].reason);
}

static int read_offers(struct gs_cmd_plan_question *question, struct gs_err *err)
{
    struct gs_node_overhead overhead;
    struct picks picks = {.n = 0};
    int r = read_overhead(question, &overhead, err);
    r = r == 0 && question->args->instances.n > 0 ? pick_types(question, &picks, err) : r;
    if (r < 0) {
        return r;
    }
    struct gs_offer *offers =
        GS_ARENA_NEW(question->arena, struct gs_offer, picks.n + question->n_entries);
    if (offers == NULL) {
        return no_memory(err);
    }
    question->input.goal = GS_PLAN_NODES;
    question->input.offers = offers;
    r = offer_types(question, &picks, &overhead, offers, err);
    return r < 0 ? r : offer_entries(question, &overhead, offers, err);
}

/* ------------------------------------------------------------------ nodes that are there */

static int read_existing_file(struct gs_cmd_plan_question *question,
                              const struct gs_existing_node **ret, size_t *ret_n,
                              struct gs_err *err)
{
    GS_CLEANUP(gs_infile_close) struct gs_infile file = {.fd = -1};
    int r = gs_infile_open(&file, "existing", question->args->existing, err);
    if (r < 0) {
        return r;
    }
    struct gs_doc_input input = {.label = file.label,
                                 .what = "a list of nodes",
                                 .size = file.size,
                                 .read = gs_infile_read,
                                 .ctx = &file};
    return gs_existingfile_read(question->arena, &input, &question->gpu_names,
                                &gs_instance_existing_types, ret, ret_n, err);
}

static const struct gs_existing_node *find_node(const struct gs_existing_node *nodes, size_t n,
                                                const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(nodes[i].name, name) == 0) {
            return &nodes[i];
        }
    }
    return NULL;
}

/* A node of both files is taken from --existing, which knows its layout. */
static int read_existing(struct gs_cmd_plan_question *question, struct gs_err *err)
{
    const struct gs_existing_node *written = NULL;
    size_t n_written = 0;
    size_t n_seen = question->cluster == NULL ? 0 : question->cluster->n_existing;
    int r = question->args->existing == NULL
                ? 0
                : read_existing_file(question, &written, &n_written, err);
    if (r < 0) {
        return r;
    }
    struct gs_existing_node *nodes =
        GS_ARENA_NEW(question->arena, struct gs_existing_node, n_written + n_seen);
    if (nodes == NULL) {
        return no_memory(err);
    }
    size_t n = 0;
    for (size_t i = 0; i < n_written; i++) {
        nodes[n++] = written[i];
    }
    for (size_t i = 0; r == 0 && i < n_seen; i++) {
        const struct gs_existing_node *seen = &question->cluster->existing[i];
        if (find_node(written, n_written, seen->name) == NULL) {
            nodes[n++] = *seen;
        } else {
            r = gs_cmd_plan_note(question, err, "node %s is taken from %s, not from %s", seen->name,
                                 question->args->existing,
                                 question->args->cluster ? "the cluster" : question->args->nodes);
        }
    }
    question->input.existing = nodes;
    question->input.n_existing = n;
    return r;
}

int gs_cmd_plan_read_supply(struct gs_cmd_plan_question *question, struct gs_err *err)
{
    const struct gs_plan_input *input = &question->input;
    int r = question->args->model.n > 0 ? read_models(question, err) : read_offers(question, err);
    r = r < 0 ? r : read_existing(question, err);
    /* Without types to buy there may still be nodes to use, or nothing was asked to be bought. */
    bool asked = question->args->instances.n > 0 || question->args->instances_file != NULL;
    bool none = input->n_offers == 0 && input->n_existing == 0;
    return r == 0 && asked && none ? fail_no_offer(question, err) : r;
}
