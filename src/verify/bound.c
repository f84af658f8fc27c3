#include "verify/bound.h"

#include <string.h>

#include "verify/fill.h"

void gs_bound_add_col(struct gs_bound *bound, int64_t cost, int64_t hi)
{
    if (bound->failed || !gs_arena_room(bound->arena, &bound->cols, &bound->cap_cols, bound->n_cols,
                                        sizeof(*bound->cols))) {
        bound->failed = true;
        return;
    }
    bound->cols[bound->n_cols++] =
        (struct gs_bound_col){.cost = cost, .hi = hi, .first = bound->n_entries};
}

void gs_bound_add_entry(struct gs_bound *bound, int64_t row, int64_t value)
{
    if (bound->failed || row < 0 || value == 0) {
        return;
    }
    if (!gs_arena_room(bound->arena, &bound->entries, &bound->cap_entries, bound->n_entries,
                       sizeof(*bound->entries))) {
        bound->failed = true;
        return;
    }
    bound->entries[bound->n_entries++] =
        (struct gs_bound_entry){.row = (uint32_t)row, .value = value};
}

/* ------------------------------------------------------------------ exact sums */

static unsigned bits_of(__int128 value)
{
    unsigned __int128 size = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
    uint64_t high = (uint64_t)(size >> 64);
    uint64_t low = (uint64_t)size;
    return high != 0 ? 128 - (unsigned)__builtin_clzll(high)
                     : (low != 0 ? 64 - (unsigned)__builtin_clzll(low) : 0);
}

bool gs_bound_add_product(__int128 *sum, __int128 a, __int128 b)
{
    return bits_of(a) + bits_of(b) <= 126 && !__builtin_add_overflow(*sum, a * b, sum);
}

/* ------------------------------------------------------------------ the walk */

/* A split on the way to the present node. */
struct turn {
    size_t col;
    int64_t at;
    int64_t lo; /* before the split */
    int64_t hi;
    bool second; /* on the x <= at side */
};

struct walk {
    const struct gs_bound *bound;
    const struct gs_bound_reader *reader;
    struct gs_err *err;
    int64_t scale;
    int64_t *lo;
    int64_t *hi;
    int64_t *y;
    __int128 *d;
    struct turn *turns;
    size_t n_turns;
    size_t cap_turns;
    struct gs_arena *arena;
    uint64_t work;
    size_t n_empty; /* columns whose bounds hold nothing */
    struct gs_bound_result result;
};

static int too_large(const struct gs_field *at, struct gs_err *err)
{
    return gs_field_fail(at, err, "its numbers are too large to be checked in 128 bits");
}

static bool column_sums(struct walk *walk, __int128 *least)
{
    const struct gs_bound *bound = walk->bound;
    for (size_t j = 0; j < bound->n_cols; j++) {
        size_t end = j + 1 < bound->n_cols ? bound->cols[j + 1].first : bound->n_entries;
        __int128 d = 0;
        if (!gs_bound_add_product(&d, bound->cols[j].cost, walk->scale)) {
            return false;
        }
        for (size_t e = bound->cols[j].first; e < end; e++) {
            const struct gs_bound_entry *entry = &bound->entries[e];
            if (!gs_bound_add_product(&d, -(__int128)walk->y[entry->row], entry->value)) {
                return false;
            }
        }
        walk->d[j] = d;
        if (!gs_bound_add_product(least, d, d < 0 ? walk->hi[j] : walk->lo[j])) {
            return false;
        }
    }
    return true;
}

static int64_t ceil_div(__int128 a, int64_t b)
{
    __int128 quotient = a / b + (a > 0 && a % b != 0);
    if (quotient >= INT64_MAX) {
        return INT64_MAX - 1;
    }
    return quotient < INT64_MIN ? INT64_MIN : (int64_t)quotient;
}

/* ------------------------------------------------------------------ filled leaves */

static unsigned capacity_of_row(const struct gs_bound *bound, uint32_t row)
{
    unsigned a = 0;
    while (a < GS_BOUND_CAPACITIES && bound->capacity_row[a] != row) {
        a++;
    }
    return a;
}

/* The columns as they are in this leaf. False: one gives of a capacity. */
static bool list_columns(const struct walk *walk, struct gs_fill_col *cols)
{
    const struct gs_bound *bound = walk->bound;
    for (size_t j = 0; j < bound->n_cols; j++) {
        size_t end = j + 1 < bound->n_cols ? bound->cols[j + 1].first : bound->n_entries;
        cols[j] = (struct gs_fill_col){.d = walk->d[j], .lo = walk->lo[j], .hi = walk->hi[j]};
        for (size_t e = bound->cols[j].first; e < end; e++) {
            unsigned a = capacity_of_row(bound, bound->entries[e].row);
            if (a < GS_BOUND_CAPACITIES) {
                cols[j].takes[a] -= bound->entries[e].value;
            }
        }
        for (unsigned a = 0; a < GS_BOUND_CAPACITIES; a++) {
            if (cols[j].takes[a] < 0) {
                return false;
            }
        }
    }
    return true;
}

/* Adds the least excess to *least, as far as that is asked for. */
static int fill_leaf(struct walk *walk, const struct gs_field *at, __int128 *least)
{
    const struct gs_bound *bound = walk->bound;
    __int128 enough = 0;
    if (!gs_bound_add_product(&enough, walk->reader->enough, walk->scale)) {
        return too_large(at, walk->err);
    }
    if (*least >= enough) {
        return 0;
    }
    if (*least < enough - 1 - GS_FILL_ROOM_MAX) {
        return too_large(at, walk->err);
    }
    struct gs_arena_mark mark = gs_arena_mark(walk->arena);
    struct gs_fill_col *cols = GS_ARENA_NEW(walk->arena, struct gs_fill_col, bound->n_cols);
    if (cols == NULL) {
        return gs_fail(walk->err, GS_NO_MEMORY, "no memory for a certificate");
    }
    struct gs_fill fill = {.cols = cols, .n_cols = bound->n_cols};
    for (unsigned a = 0; a < GS_BOUND_CAPACITIES; a++) {
        int64_t row = bound->capacity_row[a];
        fill.capacity[a] = row < 0 ? 0 : -bound->rhs[row];
        fill.price[a] = row < 0 ? 0 : walk->y[row];
    }
    if (!list_columns(walk, cols)) {
        return gs_field_fail(at, walk->err, "it is filled, and a column gives of a capacity");
    }
    bool any;
    __int128 excess;
    __int128 room = enough - *least - 1;
    int r = gs_fill_least(walk->arena, &fill, room, walk->reader->looks, &any, &excess, walk->err);
    *least = r == 0 && any ? *least + excess : enough;
    gs_arena_rewind(walk->arena, mark);
    return r;
}

/* Reads whether a leaf is filled. */
static int read_filled(const struct walk *walk, const struct gs_field *at, bool *ret)
{
    *ret = false;
    if (!gs_field_has(at, "filled")) {
        return 0;
    }
    int r = gs_field_bool(at, "filled", ret, walk->err);
    if (r == 0 && *ret && !walk->bound->has_capacities) {
        return gs_field_fail(at, walk->err, "it is filled, and nothing here has a capacity");
    }
    return r;
}

static int weigh_leaf(struct walk *walk, const struct gs_field *at)
{
    const struct gs_bound *bound = walk->bound;
    walk->work += bound->n_entries + bound->n_cols;
    if (walk->work > GS_BOUND_WORK_MAX) {
        return gs_fail(walk->err, GS_LIMIT, "the certificate is too large to be checked");
    }
    __int128 least = 0;
    for (uint32_t i = 0; i < bound->n_rows; i++) {
        if (!gs_bound_add_product(&least, walk->y[i], bound->rhs[i])) {
            return too_large(at, walk->err);
        }
    }
    if (!column_sums(walk, &least)) {
        return too_large(at, walk->err);
    }
    const __int128 plain = least;
    bool filled;
    int r = read_filled(walk, at, &filled);
    r = r == 0 && filled && walk->reader->looks != NULL ? fill_leaf(walk, at, &least) : r;
    if (r < 0) {
        return r;
    }
    int64_t rounded = ceil_div(least, walk->scale);
    if (rounded < walk->result.least) {
        walk->result.least = rounded;
        walk->result.leaf = walk->result.n_leaves;
    }
    const struct gs_bound_leaf leaf = {
        .index = walk->result.n_leaves,
        .lo = walk->lo,
        .hi = walk->hi,
        .d = walk->d,
        .least = plain,
        .scale = walk->scale,
    };
    return walk->reader->leaf == NULL ? 0
                                      : walk->reader->leaf(walk->reader->visitor, &leaf, walk->err);
}

/* One [row, y] pair; a row may come once. */
static int read_multiplier(struct walk *walk, const struct gs_field *pair)
{
    size_t n;
    int r = gs_field_count(pair, 2, &n, walk->err);
    if (r == 0 && n != 2) {
        return gs_field_fail(pair, walk->err, "it has %zu elements; expected a row and a number",
                             n);
    }
    if (r < 0) {
        return r;
    }
    struct gs_field first = gs_field_item(pair, 0);
    struct gs_field second = gs_field_item(pair, 1);
    uint32_t row;
    uint64_t y;
    r = gs_field_to_index(&first, walk->bound->n_rows, "rows", &row, walk->err);
    r = r < 0 ? r : gs_field_to_u64(&second, 0, (uint64_t)INT64_MAX, &y, walk->err);
    if (r == 0 && walk->y[row] != 0) {
        return gs_field_fail(pair, walk->err, "row %u is there twice", row);
    }
    if (r == 0) {
        walk->y[row] = (int64_t)y;
    }
    return r;
}

static int read_leaf(struct walk *walk, const struct gs_field *node)
{
    struct gs_field list;
    size_t n;
    memset(walk->y, 0, walk->bound->n_rows * sizeof(*walk->y));
    int r = gs_field_list(node, "leaf", walk->bound->n_rows, &list, &n, walk->err);
    for (size_t i = 0; i < n && r == 0; i++) {
        struct gs_field pair = gs_field_item(&list, i);
        r = read_multiplier(walk, &pair);
    }
    if (r == 0 && walk->n_empty == 0) {
        r = weigh_leaf(walk, node);
    }
    walk->result.n_leaves++;
    return r;
}

static void narrow(struct walk *walk, size_t col, int64_t lo, int64_t hi)
{
    walk->n_empty -= walk->lo[col] > walk->hi[col];
    walk->lo[col] = lo;
    walk->hi[col] = hi;
    walk->n_empty += lo > hi;
}

static int read_split(struct walk *walk, const struct gs_field *node)
{
    struct gs_field split;
    uint64_t at;
    size_t col;
    int r = gs_field_get(node, "split", &split, walk->err);
    r = r < 0 ? r : gs_field_u64(node, "at", 0, GS_FIELD_NUMBER_MAX, &at, walk->err);
    r = r < 0 ? r : walk->reader->find(walk->reader->names, &split, &col, walk->err);
    if (r < 0) {
        return r;
    }
    if (!gs_arena_room(walk->arena, &walk->turns, &walk->cap_turns, walk->n_turns,
                       sizeof(*walk->turns))) {
        return gs_fail(walk->err, GS_NO_MEMORY, "no memory for the tree of a certificate");
    }
    struct turn turn = {.col = col, .at = (int64_t)at, .lo = walk->lo[col], .hi = walk->hi[col]};
    walk->turns[walk->n_turns++] = turn;
    narrow(walk, col, turn.lo > turn.at + 1 ? turn.lo : turn.at + 1, turn.hi);
    return 0;
}

/* Behind a leaf: to the other side of the last split of which only one was seen. False: the tree is
 * complete. */
static bool turn_back(struct walk *walk)
{
    while (walk->n_turns > 0) {
        struct turn *turn = &walk->turns[walk->n_turns - 1];
        if (!turn->second) {
            turn->second = true;
            narrow(walk, turn->col, turn->lo, turn->hi < turn->at ? turn->hi : turn->at);
            return true;
        }
        narrow(walk, turn->col, turn->lo, turn->hi);
        walk->n_turns--;
    }
    return false;
}

static int walk_tree(struct walk *walk, const struct gs_field *tree, size_t n)
{
    bool open = true;
    for (size_t i = 0; i < n; i++) {
        struct gs_field node = gs_field_item(tree, i);
        if (!open) {
            return gs_field_fail(&node, walk->err, "the tree was complete before it");
        }
        bool leaf = gs_field_has(&node, "leaf");
        int r = leaf ? read_leaf(walk, &node) : read_split(walk, &node);
        if (r < 0) {
            return r;
        }
        open = !leaf || turn_back(walk);
    }
    return open ? gs_field_fail(tree, walk->err,
                                "the tree is not complete: a side of a split "
                                "is missing")
                : 0;
}

static int make_room(struct walk *walk)
{
    const struct gs_bound *bound = walk->bound;
    walk->lo = GS_ARENA_NEW(walk->arena, int64_t, bound->n_cols);
    walk->hi = GS_ARENA_NEW(walk->arena, int64_t, bound->n_cols);
    walk->d = GS_ARENA_NEW(walk->arena, __int128, bound->n_cols);
    walk->y = GS_ARENA_NEW(walk->arena, int64_t, bound->n_rows);
    if (bound->failed || walk->lo == NULL || walk->hi == NULL || walk->d == NULL ||
        walk->y == NULL) {
        return gs_fail(walk->err, GS_NO_MEMORY, "no memory for a certificate");
    }
    for (size_t j = 0; j < bound->n_cols; j++) {
        walk->hi[j] = bound->cols[j].hi;
    }
    return 0;
}

int gs_bound_check(struct gs_bound *bound, const struct gs_field *at,
                   const struct gs_bound_reader *reader, struct gs_bound_result *ret,
                   struct gs_err *err)
{
    struct walk walk = {
        .bound = bound,
        .reader = reader,
        .err = err,
        .arena = bound->arena,
        .result = {.least = INT64_MAX},
    };
    struct gs_field tree;
    size_t n;
    uint64_t scale;
    int r = gs_field_u64(at, "scale", 1, GS_FIELD_NUMBER_MAX, &scale, err);
    r = r < 0 ? r : gs_field_list(at, "tree", GS_BOUND_NODES_MAX, &tree, &n, err);
    r = r < 0 ? r : make_room(&walk);
    if (r < 0) {
        return r;
    }
    walk.scale = (int64_t)scale;
    r = walk_tree(&walk, &tree, n);
    if (r == 0) {
        *ret = walk.result;
    }
    return r;
}
