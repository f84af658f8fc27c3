#include "oracle/proof.h"

#include <stdlib.h>
#include <string.h>

#include "unit/check.h"

#include "oracle/judge.h"

/* ------------------------------------------------------------------ programs */

struct proof_program proof_new(unsigned n_rows, unsigned n_cols)
{
    struct proof_program program = {.n_rows = n_rows, .n_cols = n_cols};
    program.rhs = calloc(n_rows + 1, sizeof(*program.rhs));
    program.cost = calloc(n_cols + 1, sizeof(*program.cost));
    program.hi = calloc(n_cols + 1, sizeof(*program.hi));
    program.cells = calloc((size_t)n_rows * n_cols + 1, sizeof(*program.cells));
    program.capacity = calloc(n_rows + 1, sizeof(*program.capacity));
    assert_true(program.rhs != NULL && program.cost != NULL && program.hi != NULL &&
                program.cells != NULL && program.capacity != NULL);
    return program;
}

void proof_free(struct proof_program *program)
{
    free(program->rhs);
    free(program->cost);
    free(program->hi);
    free(program->cells);
    free(program->capacity);
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ------------------------------------------------------------------ what labels mean */

static const struct gs_model *model_of(const struct gs_program_target *target)
{
    for (unsigned p = 0; p < target->n_pools; p++) {
        if (target->pools[p].table != NULL) {
            return target->pools[p].table->model;
        }
    }
    return NULL;
}

/* Memory units or compute slices of so many slices and whole GPUs. */
static int64_t size_of(const struct gs_model *model, uint32_t room, const uint32_t *slices,
                       uint32_t gpus)
{
    if (model == NULL) {
        return room == GS_PROGRAM_UNITS ? gpus : 0;
    }
    int64_t size =
        (int64_t)gpus * (room == GS_PROGRAM_UNITS ? model->memory_units : model->compute_slices);
    for (unsigned p = 0; p < model->n_profiles; p++) {
        const struct gs_profile *profile = &model->profiles[p];
        size += (int64_t)slices[p] *
                (room == GS_PROGRAM_UNITS ? profile->memory_units : profile->compute_slices);
    }
    return size;
}

/* All that can be put to use of a node's GPUs: of each the most that one of its columns takes. */
static int64_t room_of(const struct gs_program_spec *spec, uint32_t room)
{
    const struct gs_program_target *target = &spec->targets[0];
    const struct gs_model *model = model_of(target);
    bool asks_gpus = false;
    for (unsigned u = 0; u < spec->n_uses; u++) {
        asks_gpus = asks_gpus || spec->uses[u].gpus > 0;
    }
    static const uint32_t none[GS_PROFILES_MAX];
    int64_t sum = size_of(model, room, target->free_slices, target->free_gpus);
    for (unsigned p = 0; p < target->n_pools; p++) {
        const struct gs_pool *pool = &target->pools[p];
        int64_t most = pool->whole && asks_gpus ? size_of(model, room, none, 1) : 0;
        for (unsigned c = 0; c < pool->n_columns; c++) {
            uint32_t slices[GS_PROFILES_MAX];
            for (unsigned i = 0; i < GS_PROFILES_MAX; i++) {
                slices[i] = pool->columns[c].counts[i];
            }
            int64_t used = size_of(model, room, slices, 0);
            most = used > most ? used : most;
        }
        sum += most * pool->count;
    }
    return sum;
}

static int64_t right_side(const struct gs_program_spec *spec, const struct gs_program_row *row)
{
    switch (row->what) {
    case GS_PROGRAM_SLICES:
        return -(int64_t)spec->targets[row->index].free_slices[row->profile];
    case GS_PROGRAM_GPUS:
        return -(int64_t)spec->targets[row->index].free_gpus;
    case GS_PROGRAM_POOL:
        return -(int64_t)spec->targets[row->index].pools[row->profile].count;
    case GS_PROGRAM_AMOUNT:
        return -spec->resources[row->index].capacity;
    case GS_PROGRAM_NEED:
        return spec->needs[row->index];
    case GS_PROGRAM_MOST:
        return -spec->most[row->index];
    case GS_PROGRAM_ROOM:
        return -room_of(spec, row->index);
    case GS_PROGRAM_ROUNDED: { /* a part that is begun counts whole */
        const struct gs_program_rounding *rounding = &spec->roundings[row->index];
        return (spec->needs[rounding->kind] + rounding->per - 1) / rounding->per;
    }
    }
    return 0;
}

static int64_t cell_of_use(const struct gs_program_spec *spec, const struct gs_program_row *row,
                           uint32_t u)
{
    const struct gs_use *use = &spec->uses[u];
    switch (row->what) {
    case GS_PROGRAM_SLICES:
        return use->target == row->index ? -(int64_t)use->slices[row->profile] : 0;
    case GS_PROGRAM_GPUS:
        return use->target == row->index ? -(int64_t)use->gpus : 0;
    case GS_PROGRAM_POOL:
        return 0;
    case GS_PROGRAM_AMOUNT:
        return -spec->resources[row->index].amounts[use->kind];
    case GS_PROGRAM_NEED:
        return use->kind != row->index ? 0 : spec->yields == NULL ? 1 : spec->yields[u];
    case GS_PROGRAM_MOST:
        return use->kind == row->index ? -1 : 0;
    case GS_PROGRAM_ROOM:
        return -size_of(model_of(&spec->targets[0]), row->index, use->slices, use->gpus);
    case GS_PROGRAM_ROUNDED: {
        const struct gs_program_rounding *rounding = &spec->roundings[row->index];
        int64_t parts = (spec->yields[u] + rounding->per - 1) / rounding->per;
        return use->kind == rounding->kind ? smaller(parts, right_side(spec, row)) : 0;
    }
    }
    return 0;
}

static int64_t cell_of_gpus(const struct gs_program_spec *spec, const struct gs_program_row *row,
                            const struct gs_program_col *col)
{
    const struct gs_pool *pool = &spec->targets[col->target].pools[col->pool];
    bool same = row->index == col->target;
    if (row->what == GS_PROGRAM_SLICES && col->what == GS_PROGRAM_CUT) {
        return same ? pool->columns[col->column].counts[row->profile] : 0;
    }
    if (row->what == GS_PROGRAM_GPUS && col->what == GS_PROGRAM_WHOLE) {
        return same ? 1 : 0;
    }
    return row->what == GS_PROGRAM_POOL && same && row->profile == col->pool ? -1 : 0;
}

/* More than any solution needs of a use. */
static int64_t most_of_use(const struct gs_program_spec *spec, unsigned u, int64_t items_max)
{
    uint32_t kind = spec->uses[u].kind;
    int64_t most = items_max;
    if (spec->needs != NULL) {
        int64_t yield = spec->yields == NULL ? 1 : spec->yields[u];
        most = smaller(most, (spec->needs[kind] + yield - 1) / yield);
    }
    if (spec->most != NULL) {
        most = smaller(most, spec->most[kind]);
    }
    for (unsigned r = 0; r < spec->n_resources; r++) {
        int64_t amount = spec->resources[r].amounts[kind];
        most = amount > 0 ? smaller(most, spec->resources[r].capacity / amount) : most;
    }
    return most;
}

/* One GPU for each slice and GPU that may be asked for. */
static int64_t most_gpus(const struct gs_program_spec *spec, const struct proof_program *proof,
                         const struct gs_program_col *col)
{
    int64_t most = 0;
    for (unsigned u = 0; u < spec->n_uses; u++) {
        int64_t parts = spec->uses[u].gpus;
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            parts += spec->uses[u].slices[p];
        }
        most += spec->uses[u].target == col->target ? parts * proof->hi[u] : 0;
    }
    const struct gs_pool *pool = &spec->targets[col->target].pools[col->pool];
    return pool->count == GS_POOL_NO_LIMIT ? most : smaller(most, pool->count);
}

static uint32_t wanted_of(const struct gs_program_spec *spec, unsigned target)
{
    uint32_t wanted = 0;
    for (unsigned u = 0; u < spec->n_uses; u++) {
        for (unsigned p = 0; p < GS_PROFILES_MAX && spec->uses[u].target == target; p++) {
            wanted |= (uint32_t)(spec->uses[u].slices[p] > 0) << p;
        }
    }
    return wanted;
}

static bool is_covered(const struct gs_pool *pool, const uint8_t *counts)
{
    for (unsigned c = 0; c < pool->n_columns; c++) {
        bool covers = true;
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            covers = covers && pool->columns[c].counts[p] >= counts[p];
        }
        if (covers) {
            return true;
        }
    }
    static const uint8_t nothing[GS_PROFILES_MAX];
    return memcmp(counts, nothing, sizeof(nothing)) == 0;
}

/* The columns of a pool can be cut, and nothing that can be cut is beyond them. */
static void check_pool(const struct gs_pool *pool, uint32_t wanted)
{
    static struct oracle_layouts layouts;
    if (!pool->cut || pool->table == NULL) {
        JUDGE(pool->n_columns == 0);
        return;
    }
    struct oracle_busy busy = oracle_busy_of(pool->table, pool->busy);
    for (unsigned c = 0; c < pool->n_columns; c++) {
        JUDGE(oracle_fits(pool->table->model, &busy, pool->columns[c].counts));
    }
    oracle_list_layouts(pool->table->model, &busy, wanted, &layouts);
    for (unsigned i = 0; i < layouts.n; i++) {
        JUDGE(is_covered(pool, layouts.counts[i]));
    }
}

/* Each GPU and each way to cut it has its column. */
static void check_columns(const struct gs_program_spec *spec, const struct gs_program *program)
{
    unsigned n = spec->n_uses;
    for (unsigned t = 0; t < spec->n_targets; t++) {
        bool asks_whole = false;
        for (unsigned u = 0; u < spec->n_uses; u++) {
            asks_whole = asks_whole || (spec->uses[u].target == t && spec->uses[u].gpus > 0);
        }
        for (unsigned p = 0; p < spec->targets[t].n_pools; p++) {
            const struct gs_pool *pool = &spec->targets[t].pools[p];
            check_pool(pool, wanted_of(spec, t));
            n += pool->n_columns + (pool->whole && asks_whole);
        }
    }
    JUDGE(n == program->ip.n_cols);
}

static void check_numbers(const struct proof_program *proof, const struct gs_ip *ip)
{
    int64_t *cells = calloc((size_t)proof->n_rows * proof->n_cols + 1, sizeof(*cells));
    assert_non_null(cells);
    for (unsigned j = 0; j < ip->n_cols; j++) {
        size_t n;
        const struct gs_ip_entry *entries = gs_ip_column(ip, j, &n);
        for (size_t e = 0; e < n; e++) {
            cells[entries[e].row * ip->n_cols + j] += entries[e].value;
        }
        JUDGE(ip->lo[j] == 0);
    }
    JUDGE(memcmp(cells, proof->cells, (size_t)proof->n_rows * proof->n_cols * sizeof(*cells)) == 0);
    JUDGE(memcmp(ip->rhs, proof->rhs, proof->n_rows * sizeof(*ip->rhs)) == 0);
    free(cells);
}

struct proof_program proof_of_labels(const struct gs_program_spec *spec, int64_t items_max,
                                     const struct gs_program *program)
{
    struct proof_program proof = proof_new(program->ip.n_rows, program->ip.n_cols);
    check_columns(spec, program);
    for (unsigned i = 0; i < proof.n_rows; i++) {
        const struct gs_program_row *row = &program->rows[i];
        proof.rhs[i] = right_side(spec, row);
        proof.capacity[i] = row->what == GS_PROGRAM_ROOM ||
                            (row->what == GS_PROGRAM_AMOUNT && spec->rooms && row->index < 2);
    }
    for (unsigned j = 0; j < proof.n_cols; j++) {
        const struct gs_program_col *col = &program->cols[j];
        bool is_use = col->what == GS_PROGRAM_USE;
        JUDGE(is_use == (j < spec->n_uses) && (!is_use || col->use == j));
        for (unsigned i = 0; i < proof.n_rows; i++) {
            const struct gs_program_row *row = &program->rows[i];
            proof.cells[i * proof.n_cols + j] =
                is_use ? cell_of_use(spec, row, col->use) : cell_of_gpus(spec, row, col);
        }
        if (is_use) {
            proof.hi[j] = most_of_use(spec, j, items_max);
            proof.cost[j] = spec->values == NULL ? 0 : -spec->values[j];
        } else {
            const int64_t *costs = spec->targets[col->target].pool_costs;
            proof.hi[j] = most_gpus(spec, &proof, col);
            proof.cost[j] = costs == NULL ? 0 : costs[col->pool];
        }
    }
    check_numbers(&proof, &program->ip);
    return proof;
}

/* ------------------------------------------------------------------ trees */

struct walk {
    const struct proof_program *program;
    const struct gs_ip_tree *tree;
    size_t at;
    int64_t *lo;
    int64_t *hi;
};

static bool takes_any(const struct proof_program *program, unsigned j)
{
    bool any = false;
    for (unsigned i = 0; i < program->n_rows; i++) {
        any = any || (program->capacity[i] && program->cells[i * program->n_cols + j] != 0);
    }
    return any;
}

/* The least excess of all columns from j on, given what the capacities have left: each number of
 * each column is tried, as far as it is no worse than what was found. */
static __int128 least_excess(const struct walk *walk, const __int128 *d, const int64_t *y,
                             int64_t *left, unsigned j, __int128 spent, __int128 best)
{
    const struct proof_program *program = walk->program;
    if (spent >= best) {
        return best;
    }
    if (j == program->n_cols) {
        for (unsigned i = 0; i < program->n_rows; i++) {
            spent += program->capacity[i] ? (__int128)y[i] * left[i] : 0;
        }
        return spent < best ? spent : best;
    }
    if (!takes_any(program, j)) { /* and so is at the cheaper end */
        return least_excess(walk, d, y, left, j + 1, spent, best);
    }
    for (int64_t x = walk->lo[j]; x <= walk->hi[j]; x++) {
        __int128 more = d[j] >= 0 ? d[j] * (x - walk->lo[j]) : -d[j] * (walk->hi[j] - x);
        bool fits = true;
        for (unsigned i = 0; i < program->n_rows; i++) {
            int64_t cell = program->capacity[i] ? program->cells[i * program->n_cols + j] : 0;
            left[i] += cell * x;
            fits = fits && left[i] >= 0;
        }
        if (fits) {
            best = least_excess(walk, d, y, left, j + 1, spent + more, best);
        }
        for (unsigned i = 0; i < program->n_rows; i++) {
            left[i] -= program->capacity[i] ? program->cells[i * program->n_cols + j] * x : 0;
        }
        if (!fits || (d[j] >= 0 && spent + more >= best)) {
            break;
        }
    }
    return best;
}

/* y b + sum over columns of min(d lo, d hi), times the scale; and of a filled leaf the least
 * excess, as far as it is of use to look at more. */
static __int128 leaf_bound(const struct walk *walk, const struct gs_ip_node *leaf)
{
    const struct proof_program *program = walk->program;
    JUDGE(leaf->at >= 0 && (size_t)leaf->at < walk->tree->n_leaves);
    JUDGE(leaf->col == GS_IP_LEAF || leaf->col == GS_IP_LEAF_FILLED);
    const int64_t *y = walk->tree->multipliers + (size_t)leaf->at * program->n_rows;
    __int128 *d = calloc(program->n_cols + 1, sizeof(*d));
    int64_t *left = calloc(program->n_rows + 1, sizeof(*left));
    assert_true(d != NULL && left != NULL);
    __int128 bound = 0;
    for (unsigned i = 0; i < program->n_rows; i++) {
        JUDGE(y[i] >= 0);
        bound += (__int128)y[i] * program->rhs[i];
        left[i] = program->capacity[i] ? -program->rhs[i] : 0;
    }
    for (unsigned j = 0; j < program->n_cols; j++) {
        d[j] = (__int128)walk->tree->scale * program->cost[j];
        for (unsigned i = 0; i < program->n_rows; i++) {
            d[j] -= (__int128)y[i] * program->cells[i * program->n_cols + j];
        }
        bound += d[j] < 0 ? d[j] * walk->hi[j] : d[j] * walk->lo[j];
    }
    __int128 enough = (__int128)program->enough * walk->tree->scale;
    if (leaf->col == GS_IP_LEAF_FILLED && bound < enough) {
        bound += least_excess(walk, d, y, left, 0, 0, enough - bound);
    }
    free(d);
    free(left);
    return bound;
}

static __int128 walk_node(struct walk *walk)
{
    JUDGE(walk->at < walk->tree->n_nodes);
    const struct gs_ip_node *node = &walk->tree->nodes[walk->at++];
    if (node->col < 0) {
        return leaf_bound(walk, node);
    }
    JUDGE((unsigned)node->col < walk->program->n_cols);
    int64_t lo = walk->lo[node->col];
    int64_t hi = walk->hi[node->col];
    walk->lo[node->col] = node->at + 1;
    __int128 up = walk_node(walk);
    walk->lo[node->col] = lo;
    walk->hi[node->col] = node->at;
    __int128 down = walk_node(walk);
    walk->hi[node->col] = hi;
    return up < down ? up : down;
}

int64_t proof_tree_bound(const struct proof_program *program, const struct gs_ip_tree *tree,
                         int64_t step)
{
    struct walk walk = {.program = program, .tree = tree};
    JUDGE(tree->scale > 0);
    walk.lo = calloc(program->n_cols + 1, sizeof(*walk.lo));
    walk.hi = calloc(program->n_cols + 1, sizeof(*walk.hi));
    assert_true(walk.lo != NULL && walk.hi != NULL);
    memcpy(walk.hi, program->hi, program->n_cols * sizeof(*walk.hi));
    __int128 bound = walk_node(&walk);
    JUDGE(walk.at == tree->n_nodes);
    free(walk.lo);
    free(walk.hi);
    __int128 unit = (__int128)tree->scale * step;
    __int128 steps = bound / unit + (bound > 0 && bound % unit != 0);
    __int128 value = steps * step;
    return value > INT64_MAX ? INT64_MAX : value < INT64_MIN ? INT64_MIN : (int64_t)value;
}
