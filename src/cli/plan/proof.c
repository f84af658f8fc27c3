#include <string.h>

#include "cli/plan/proof.h"

/* The certificate, in the words of plan-format.md: rows and columns by what they stand for, so
 * that a checker builds the programs from the problem and not from us. */

/* ------------------------------------------------------------------ names */

/* Packing has a target behind the others for what is left out. A plan leaves nothing out any more,
 * so that the columns of that target are 0 and need not be spoken of. */
static bool is_aside(const struct gs_cmd_plan_proof *proof, uint32_t target)
{
    return !proof->one_node && target + 1 == proof->spec->n_targets;
}

static void put_model(const struct gs_cmd_plan_proof *proof, json_t *at, uint32_t target)
{
    if (!proof->one_node) {
        gs_result_text(proof->result, at, "model", proof->plan->pack_targets[target].gpu_name);
    }
}

static const struct gs_pool *pool_of(const struct gs_cmd_plan_proof *proof, uint32_t target,
                                     uint32_t pool)
{
    return &proof->spec->targets[target].pools[pool];
}

/* The slices in use; null for new GPUs without number. */
static void put_busy(const struct gs_cmd_plan_proof *proof, json_t *at, const char *key,
                     const struct gs_pool *pool)
{
    if (pool->count == GS_POOL_NO_LIMIT) {
        gs_result_null(proof->result, at, key);
        return;
    }
    char text[GS_LAYOUT_TEXT_MAX + 1] = "";
    if (pool->table != NULL) {
        struct gs_layout layout;
        gs_layout_from_set(pool->table, pool->table->sets[pool->busy], 0, &layout);
        gs_layout_format(pool->table->model, &layout, text);
    }
    gs_result_text(proof->result, at, key, text);
}

static const struct gs_model *model_of(const struct gs_cmd_plan_proof *proof, uint32_t target)
{
    return proof->one_node ? proof->node_model : proof->plan->pack_targets[target].model;
}

/* ------------------------------------------------------------------ rows and columns */

static bool is_aside_row(const struct gs_cmd_plan_proof *proof, const struct gs_program_row *row)
{
    switch (row->what) {
    case GS_PROGRAM_SLICES:
    case GS_PROGRAM_GPUS:
    case GS_PROGRAM_POOL:
        return is_aside(proof, row->index);
    case GS_PROGRAM_AMOUNT:
    case GS_PROGRAM_NEED:
    case GS_PROGRAM_MOST:
    case GS_PROGRAM_ROOM:
    case GS_PROGRAM_ROUNDED:
        break;
    }
    return false;
}

static void put_row(const struct gs_cmd_plan_proof *proof, json_t *at,
                    const struct gs_program_row *row)
{
    static const char *const amounts[] = {"cpu_milli", "memory", "pods"};
    static const char *const rooms[] = {"memory_units", "compute_slices"};
    struct gs_result *result = proof->result;
    json_t *one = gs_result_object(result, at, NULL);
    switch (row->what) {
    case GS_PROGRAM_SLICES:
        gs_result_text(result, one, "slices",
                       model_of(proof, row->index)->profiles[row->profile].name);
        put_model(proof, one, row->index);
        break;
    case GS_PROGRAM_GPUS:
        if (proof->one_node) {
            gs_result_bool(result, one, "gpus", true);
        } else {
            gs_result_text(result, one, "gpus", proof->plan->pack_targets[row->index].gpu_name);
        }
        break;
    case GS_PROGRAM_POOL:
        put_busy(proof, one, "pool", pool_of(proof, row->index, row->profile));
        put_model(proof, one, row->index);
        break;
    case GS_PROGRAM_AMOUNT:
        gs_result_text(result, one, "amount", amounts[row->index]);
        break;
    case GS_PROGRAM_NEED:
        gs_result_number(result, one, "need", proof->plan->kinds[row->index]);
        break;
    case GS_PROGRAM_MOST:
        gs_result_number(result, one, "most", proof->plan->kinds[row->index]);
        break;
    case GS_PROGRAM_ROOM:
        gs_result_text(result, one, "amount", rooms[row->index]);
        break;
    case GS_PROGRAM_ROUNDED: {
        const struct gs_program_rounding *rounding = &proof->spec->roundings[row->index];
        gs_result_number(result, one, "need", proof->plan->kinds[rounding->kind]);
        gs_result_number(result, one, "per", (uint64_t)rounding->per);
        break;
    }
    }
}

static bool is_aside_col(const struct gs_cmd_plan_proof *proof, const struct gs_program_col *col)
{
    return is_aside(proof,
                    col->what == GS_PROGRAM_USE ? proof->spec->uses[col->use].target : col->target);
}

static void put_column(const struct gs_cmd_plan_proof *proof, json_t *at,
                       const struct gs_program_col *col)
{
    struct gs_result *result = proof->result;
    json_t *split = gs_result_object(result, at, "split");
    json_t *what;
    switch (col->what) {
    case GS_PROGRAM_USE:
        what = gs_result_object(result, split, "served");
        gs_result_number(result, what, "item",
                         proof->plan->kinds[proof->spec->uses[col->use].kind]);
        gs_result_number(result, what, "alternative", proof->spec->uses[col->use].alternative);
        put_model(proof, what, proof->spec->uses[col->use].target);
        break;
    case GS_PROGRAM_CUT: {
        const struct gs_pool *pool = pool_of(proof, col->target, col->pool);
        what = gs_result_object(result, split, "layout");
        put_model(proof, what, col->target);
        put_busy(proof, what, "busy", pool);
        gs_cmd_plan_put_slices(result, gs_result_object(result, what, "counts"), pool->table->model,
                               pool->columns[col->column].counts);
        break;
    }
    case GS_PROGRAM_WHOLE:
        what = gs_result_object(result, split, "whole");
        put_model(proof, what, col->target);
        put_busy(proof, what, "busy", pool_of(proof, col->target, col->pool));
        break;
    }
}

/* ------------------------------------------------------------------ trees */

void gs_cmd_plan_put_leaf(struct gs_result *result, json_t *at, const struct gs_ip_tree *tree,
                          const struct gs_ip_node *leaf, const int *row_numbers, size_t n_rows)
{
    json_t *one = gs_result_object(result, at, NULL);
    json_t *pairs = gs_result_array(result, one, "leaf");
    const int64_t *y = tree->multipliers + (size_t)leaf->at * n_rows;
    for (size_t i = 0; i < n_rows; i++) {
        int number = row_numbers == NULL ? (int)i : row_numbers[i];
        if (y[i] == 0 || number < 0) {
            continue;
        }
        json_t *pair = gs_result_array(result, pairs, NULL);
        gs_result_number(result, pair, NULL, (uint64_t)number);
        gs_result_number(result, pair, NULL, (uint64_t)y[i]);
    }
    if (leaf->col == GS_IP_LEAF_FILLED) {
        gs_result_bool(result, one, "filled", true);
    }
}

/* The first node behind the subtree that begins at i. */
static size_t end_of_subtree(const struct gs_ip_tree *tree, size_t i)
{
    for (size_t open = 1; open > 0; i++) {
        open += tree->nodes[i].col < 0 ? (size_t)-1 : 1;
    }
    return i;
}

/* A split of a column that is 0 leaves its lower side alone. */
void gs_cmd_plan_put_tree(const struct gs_cmd_plan_proof *proof, json_t *at,
                          const struct gs_ip_tree *tree)
{
    struct gs_result *result = proof->result;
    gs_result_number(result, at, "scale", (uint64_t)tree->scale);
    json_t *nodes = gs_result_array(result, at, "tree");
    for (size_t i = 0; i < tree->n_nodes;) {
        const struct gs_ip_node *node = &tree->nodes[i];
        if (node->col < 0) {
            gs_cmd_plan_put_leaf(result, nodes, tree, node, proof->row_numbers,
                                 proof->program->ip.n_rows);
            i++;
        } else if (is_aside_col(proof, &proof->program->cols[node->col])) {
            i = end_of_subtree(tree, i + 1);
        } else {
            json_t *one = gs_result_object(result, nodes, NULL);
            put_column(proof, one, &proof->program->cols[node->col]);
            gs_result_number(result, one, "at", (uint64_t)node->at);
            i++;
        }
    }
}

int gs_cmd_plan_number_rows(struct gs_cmd_plan_proof *proof, struct gs_arena *arena,
                            struct gs_err *err)
{
    unsigned n = proof->program->ip.n_rows;
    int *numbers = GS_ARENA_NEW(arena, int, n);
    if (numbers == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the certificate");
    }
    int number = 0;
    for (unsigned i = 0; i < n; i++) {
        numbers[i] = is_aside_row(proof, &proof->program->rows[i]) ? -1 : number++;
    }
    proof->row_numbers = numbers;
    return 0;
}

void gs_cmd_plan_put_rows(const struct gs_cmd_plan_proof *proof, json_t *at)
{
    json_t *rows = gs_result_array(proof->result, at, "rows");
    for (unsigned i = 0; i < proof->program->ip.n_rows; i++) {
        if (proof->row_numbers[i] >= 0) {
            put_row(proof, rows, &proof->program->rows[i]);
        }
    }
}

/* ------------------------------------------------------------------ goal gpus */

static int put_pack_proof(struct gs_result *result, json_t *at, struct gs_arena *arena,
                          const struct gs_plan *plan, struct gs_err *err)
{
    struct gs_cmd_plan_proof proof = {
        .result = result, .plan = plan, .spec = &plan->pack_spec, .program = &plan->pack.program};
    json_t *certificate = gs_result_object(result, at, "certificate");
    gs_result_text(result, certificate, "kind", "tree");
    int r = gs_cmd_plan_number_rows(&proof, arena, err);
    if (r == 0) {
        gs_cmd_plan_put_rows(&proof, certificate);
        gs_cmd_plan_put_tree(&proof, certificate, &plan->pack.tree);
    }
    return r;
}

int gs_cmd_plan_put_proof(struct gs_result *result, json_t *at,
                          const struct gs_cmd_plan_question *question, const struct gs_plan *plan,
                          struct gs_err *err)
{
    bool wanted = question->args->certificate == 0;
    if (!wanted || !plan->has_proof || plan->n_kinds == 0) {
        gs_result_null(result, at, "certificate");
        return 0;
    }
    return plan->goal == GS_PLAN_GPUS
               ? put_pack_proof(result, at, question->arena, plan, err)
               : gs_cmd_plan_put_fleet_proof(result, at, question, plan, err);
}
