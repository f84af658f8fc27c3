#include "cli/plan/proof.h"

/* The certificate of goal nodes: a tree over node counts whose leaves have prices. */

struct fleet_proof {
    struct gs_result *result;
    const struct gs_cmd_plan_question *question;
    const struct gs_plan *plan;
    struct gs_cmd_plan_proof *programs; /* a shape: of one node */
    uint32_t *least;                    /* a shape: nodes, where the tree is being walked */
    uint32_t *most;
};

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the certificate");
}

/* ------------------------------------------------------------------ shapes */

static void put_shapes(const struct fleet_proof *proof, json_t *at)
{
    struct gs_result *result = proof->result;
    json_t *shapes = gs_result_array(result, at, "shapes");
    for (unsigned s = 0; s < proof->plan->fleet_spec.n_shapes; s++) {
        const struct gs_plan_shape *shape = &proof->plan->shapes[s];
        json_t *one = gs_result_object(result, shapes, NULL);
        gs_result_text(result, one, "offer", shape->offer == NULL ? NULL : shape->offer->name);
        json_t *existing = gs_result_array(result, one, "existing");
        for (size_t i = 0; i < shape->n_existing; i++) {
            gs_result_text(result, existing, NULL,
                           proof->question->input.existing[shape->existing[i]].name);
        }
        gs_result_known(result, one, "limit", proof->plan->fleet_spec.shapes[s].limit);
    }
}

static const struct gs_model *model_of_shape(const struct gs_cmd_plan_question *question,
                                             const struct gs_plan_shape *shape)
{
    return shape->offer != NULL ? shape->offer->model
                                : question->input.existing[shape->existing[0]].model;
}

/* The programs that the leaves' proofs speak of, each made once. */
static int make_programs(struct fleet_proof *proof, struct gs_err *err)
{
    struct gs_arena *arena = proof->question->arena;
    const struct gs_fleet_spec *fleet = &proof->plan->fleet_spec;
    struct gs_program_spec *specs = GS_ARENA_NEW(arena, struct gs_program_spec, fleet->n_shapes);
    struct gs_program *programs = GS_ARENA_NEW(arena, struct gs_program, fleet->n_shapes);
    proof->programs = GS_ARENA_NEW(arena, struct gs_cmd_plan_proof, fleet->n_shapes);
    proof->least = GS_ARENA_NEW(arena, uint32_t, fleet->n_shapes);
    proof->most = GS_ARENA_NEW(arena, uint32_t, fleet->n_shapes);
    if (specs == NULL || programs == NULL || proof->programs == NULL || proof->least == NULL ||
        proof->most == NULL) {
        return no_memory(err);
    }
    int r = 0;
    for (unsigned s = 0; r == 0 && s < fleet->n_shapes; s++) {
        const struct gs_fleet_shape *shape = &fleet->shapes[s];
        r = gs_fleet_program(arena, fleet, shape, &programs[s], err);
        specs[s] = (struct gs_program_spec){.targets = &shape->target,
                                            .n_targets = 1,
                                            .uses = shape->uses,
                                            .n_uses = shape->n_uses};
        proof->programs[s] = (struct gs_cmd_plan_proof){
            .result = proof->result,
            .plan = proof->plan,
            .spec = &specs[s],
            .program = &programs[s],
            .one_node = true,
            .node_model = model_of_shape(proof->question, &proof->plan->shapes[s]),
        };
        r = r < 0 ? r : gs_cmd_plan_number_rows(&proof->programs[s], arena, err);
        proof->most[s] = shape->limit;
    }
    return r;
}

/* ------------------------------------------------------------------ the search over loads */

static void put_load(const struct fleet_proof *proof, json_t *at, const struct gs_fleet_load *load)
{
    struct gs_result *result = proof->result;
    const struct gs_fleet_shape *shape = &proof->plan->fleet_spec.shapes[load->shape];
    json_t *one = gs_result_object(result, at, NULL);
    gs_result_number(result, one, "shape", load->shape);
    json_t *items = gs_result_array(result, one, "items");
    for (unsigned u = 0; u < shape->n_uses;) {
        uint32_t kind = shape->uses[u].kind;
        int64_t count = 0;
        for (; u < shape->n_uses && shape->uses[u].kind == kind; u++) {
            count += load->x[u];
        }
        if (count > 0) {
            json_t *pair = gs_result_array(result, items, NULL);
            gs_result_number(result, pair, NULL, proof->plan->kinds[kind]);
            gs_result_number(result, pair, NULL, (uint64_t)count);
        }
    }
}

/* Needs, and where a shape has them, its bounds. Returns how many. */
static size_t put_search_rows(const struct fleet_proof *proof, json_t *at)
{
    struct gs_result *result = proof->result;
    json_t *rows = gs_result_array(result, at, "rows");
    size_t n = proof->plan->n_kinds;
    for (size_t k = 0; k < proof->plan->n_kinds; k++) {
        gs_result_number(result, gs_result_object(result, rows, NULL), "need",
                         proof->plan->kinds[k]);
    }
    for (unsigned s = 0; s < proof->plan->fleet_spec.n_shapes; s++) {
        if (proof->most[s] != GS_FLEET_NO_LIMIT) {
            gs_result_number(result, gs_result_object(result, rows, NULL), "most", s);
            n++;
        }
        if (proof->least[s] > 0) {
            gs_result_number(result, gs_result_object(result, rows, NULL), "least", s);
            n++;
        }
    }
    return n;
}

/* Its columns are loads, so a split names one by its number. */
static void put_search(const struct fleet_proof *proof, json_t *at,
                       const struct gs_fleet_leaf *leaf)
{
    struct gs_result *result = proof->result;
    if (leaf->tree.n_nodes == 0) {
        gs_result_null(result, at, "search");
        return;
    }
    json_t *search = gs_result_object(result, at, "search");
    json_t *columns = gs_result_array(result, search, "columns");
    for (size_t i = 0; i < leaf->n_columns; i++) {
        put_load(proof, columns, &leaf->columns[i]);
    }
    size_t n_rows = put_search_rows(proof, search);
    gs_result_number(result, search, "scale", (uint64_t)leaf->tree.scale);
    json_t *nodes = gs_result_array(result, search, "tree");
    for (size_t i = 0; i < leaf->tree.n_nodes; i++) {
        const struct gs_ip_node *node = &leaf->tree.nodes[i];
        if (node->col < 0) {
            gs_cmd_plan_put_leaf(result, nodes, &leaf->tree, node, NULL, n_rows);
            continue;
        }
        json_t *one = gs_result_object(result, nodes, NULL);
        gs_result_number(result, one, "split", (uint64_t)node->col);
        gs_result_number(result, one, "at", (uint64_t)node->at);
    }
}

/* ------------------------------------------------------------------ leaves and splits */

static void put_prices(const struct fleet_proof *proof, json_t *at,
                       const struct gs_fleet_leaf *leaf)
{
    json_t *prices = gs_result_array(proof->result, at, "prices");
    size_t k = 0;
    for (uint32_t i = 0; i < proof->question->input.n_items; i++) {
        bool planned = k < proof->plan->n_kinds && proof->plan->kinds[k] == i;
        gs_result_number(proof->result, prices, NULL, planned ? (uint64_t)leaf->prices[k] : 0);
        k += planned ? 1 : 0;
    }
}

static void put_leaf(const struct fleet_proof *proof, json_t *at, const struct gs_fleet_leaf *leaf)
{
    struct gs_result *result = proof->result;
    json_t *one = gs_result_object(result, gs_result_object(result, at, NULL), "leaf");
    put_prices(proof, one, leaf);
    gs_result_number(result, one, "price_bound_uusd", (uint64_t)leaf->price_bound);
    gs_result_number(result, one, "bound_uusd", (uint64_t)leaf->bound);
    json_t *proofs = gs_result_array(result, one, "proofs");
    for (unsigned s = 0; s < proof->plan->fleet_spec.n_shapes; s++) {
        json_t *shape = gs_result_object(result, proofs, NULL);
        gs_result_integer(result, shape, "limit_price", leaf->shapes[s].limit_price);
        gs_cmd_plan_put_rows(&proof->programs[s], shape);
        gs_cmd_plan_put_tree(&proof->programs[s], shape, &leaf->shapes[s].tree);
    }
    put_search(proof, one, leaf);
}

/* Writes the subtree that begins at `i` and returns what is behind it. The depth is that of the
 * planner's own search. */
static size_t put_splits(struct fleet_proof *proof, json_t *at, size_t i)
{
    const struct gs_fleet_proof *tree = &proof->plan->fleet.proof;
    const struct gs_fleet_split *split = &tree->splits[i];
    if (split->shape < 0) {
        put_leaf(proof, at, &tree->leaves[split->at]);
        return i + 1;
    }
    json_t *one = gs_result_object(proof->result, at, NULL);
    gs_result_number(proof->result, one, "split", (uint64_t)split->shape);
    gs_result_number(proof->result, one, "at", (uint64_t)split->at);
    uint32_t least = proof->least[split->shape];
    uint32_t most = proof->most[split->shape];
    proof->least[split->shape] = (uint32_t)split->at + 1;
    size_t next = put_splits(proof, at, i + 1);
    proof->least[split->shape] = least;
    proof->most[split->shape] = (uint32_t)split->at;
    next = put_splits(proof, at, next);
    proof->most[split->shape] = most;
    return next;
}

int gs_cmd_plan_put_fleet_proof(struct gs_result *result, json_t *at,
                                const struct gs_cmd_plan_question *question,
                                const struct gs_plan *plan, struct gs_err *err)
{
    struct fleet_proof proof = {.result = result, .question = question, .plan = plan};
    int r = make_programs(&proof, err);
    if (r < 0) {
        return r;
    }
    json_t *certificate = gs_result_object(result, at, "certificate");
    gs_result_text(result, certificate, "kind", "prices");
    gs_result_number(result, certificate, "price_scale", (uint64_t)plan->fleet.proof.price_scale);
    gs_result_number(result, certificate, "memory_unit", (uint64_t)plan->memory_unit);
    put_shapes(&proof, certificate);
    json_t *tree = gs_result_array(result, certificate, "tree");
    if (plan->fleet.proof.n_splits > 0) {
        put_splits(&proof, tree, 0);
    }
    return 0;
}
