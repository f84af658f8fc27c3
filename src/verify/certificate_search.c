#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verify/certificate_nodes.h"

enum {
    COLUMNS_MAX = 100000,
    LOOKS_MAX = 3000000, /* partial loads of all shapes */
    HELD_MAX = 60000     /* exact packings of them */
};

/* A load of a shape that the search is about. */
struct column {
    uint32_t shape;
    size_t n;
    uint32_t *items;
    uint64_t *counts;
    size_t next; /* column of the same shape, plus 1; 0: none */
};

struct search {
    struct gs_certificate *certificate;
    const struct gs_field *field;
    struct column *columns;
    size_t n_columns;
    size_t *first; /* a shape: its first column, plus 1 */
    size_t *seen;  /* an item: the last column that has it, plus 1 */
    uint64_t looks;
    uint64_t held;
    bool gave_up;
};

static int no_memory(struct gs_check *check)
{
    return gs_fail(check->err, GS_NO_MEMORY, "no memory for the search of a certificate");
}

/* ------------------------------------------------------------------ the program over loads */

static int read_pair(struct search *search, const struct gs_field *pair, struct column *column,
                     size_t i)
{
    struct gs_check *check = search->certificate->check;
    size_t n;
    int r = gs_field_count(pair, 2, &n, check->err);
    if (r == 0 && n != 2) {
        return gs_field_fail(pair, check->err, "it has %zu elements; expected an item and a count",
                             n);
    }
    if (r < 0) {
        return r;
    }
    struct gs_field item = gs_field_item(pair, 0);
    struct gs_field count = gs_field_item(pair, 1);
    r = gs_field_to_index(&item, check->problem.n_items, "items", &column->items[i], check->err);
    r = r < 0 ? r
              : gs_field_to_u64(&count, 1, GS_PROBLEM_COUNT_MAX, &column->counts[i], check->err);
    if (r < 0) {
        return r;
    }
    size_t *seen = &search->seen[column->items[i]];
    size_t number = (size_t)(column - search->columns) + 1;
    if (*seen == number) {
        return gs_field_fail(pair, check->err, "item %u is there twice", column->items[i]);
    }
    *seen = number;
    return 0;
}

static int read_column(struct search *search, const struct gs_field *at, size_t index)
{
    struct gs_check *check = search->certificate->check;
    struct column *column = &search->columns[index];
    struct gs_field list;
    int r = gs_field_index(at, "shape", search->certificate->n_shapes, "shapes", &column->shape,
                           check->err);
    r = r < 0 ? r
              : gs_field_list(at, "items", check->problem.n_items, &list, &column->n, check->err);
    if (r < 0) {
        return r;
    }
    column->items = GS_ARENA_NEW(check->arena, uint32_t, column->n);
    column->counts = GS_ARENA_NEW(check->arena, uint64_t, column->n);
    if (column->items == NULL || column->counts == NULL) {
        return no_memory(check);
    }
    for (size_t i = 0; i < column->n && r == 0; i++) {
        struct gs_field pair = gs_field_item(&list, i);
        r = read_pair(search, &pair, column, i);
    }
    column->next = search->first[column->shape];
    search->first[column->shape] = index + 1;
    return r;
}

static int read_columns(struct search *search, const struct gs_field *at)
{
    struct gs_check *check = search->certificate->check;
    struct gs_field list;
    int r = gs_field_list(at, "columns", COLUMNS_MAX, &list, &search->n_columns, check->err);
    search->columns = GS_ARENA_NEW(check->arena, struct column, search->n_columns);
    search->first = GS_ARENA_NEW(check->arena, size_t, search->certificate->n_shapes);
    search->seen = GS_ARENA_NEW(check->arena, size_t, check->problem.n_items);
    if (r == 0 && (search->columns == NULL || search->first == NULL || search->seen == NULL)) {
        return no_memory(check);
    }
    for (size_t i = 0; i < search->n_columns && r == 0; i++) {
        struct gs_field column = gs_field_item(&list, i);
        r = read_column(search, &column, i);
    }
    return r;
}

/* Rows by what they are about; -1: not in the certificate. */
struct rows {
    int64_t *need;  /* an item */
    int64_t *most;  /* a shape */
    int64_t *least; /* a shape */
};

/* {"need": item}, {"most": shape} or {"least": shape}. */
static int read_row(struct search *search, const struct gs_field *at, int64_t index,
                    struct rows *rows, int64_t *ret_rhs)
{
    struct gs_certificate *certificate = search->certificate;
    struct gs_check *check = certificate->check;
    bool need = gs_field_has(at, "need");
    bool most = !need && gs_field_has(at, "most");
    uint32_t number;
    int r = need ? gs_field_index(at, "need", check->problem.n_items, "items", &number, check->err)
                 : gs_field_index(at, most ? "most" : "least", certificate->n_shapes, "shapes",
                                  &number, check->err);
    if (r < 0) {
        return r;
    }
    if (most && certificate->shapes[number].most == GS_SUPPLY_NO_LIMIT) {
        return gs_field_fail(at, check->err, "shape %u has no limit here", number);
    }
    int64_t *row = need ? &rows->need[number] : most ? &rows->most[number] : &rows->least[number];
    if (*row >= 0) {
        return gs_field_fail(at, check->err, "it is the same row as rows[%lld]", (long long)*row);
    }
    *row = index;
    *ret_rhs = need   ? (int64_t)certificate->placed[number]
               : most ? -(int64_t)certificate->shapes[number].most
                      : (int64_t)certificate->shapes[number].least;
    return 0;
}

/* How often a better fleet has a column at most. So often that it serves all that is needed of
 * everything in it: fewer do the same for less. Where a number of nodes is asked for that does not
 * hold, unless the column is a load that a node holds, which is not asked here; but then each node
 * still serves something of it. */
static uint64_t most_of(const struct search *search, const struct column *column)
{
    const struct gs_certificate *certificate = search->certificate;
    uint64_t most = 0;
    uint64_t all = 0;
    for (size_t i = 0; i < column->n; i++) {
        uint64_t need = certificate->placed[column->items[i]];
        uint64_t times = need / column->counts[i] + (need % column->counts[i] != 0);
        most = times > most ? times : most;
        all += need;
    }
    return certificate->shapes[column->shape].least > 0 ? all : most;
}

static void add_column(struct gs_bound *bound, const struct search *search,
                       const struct column *column, const struct rows *rows)
{
    const struct gs_certificate_shape *shape = &search->certificate->shapes[column->shape];
    gs_bound_add_col(bound, (int64_t)shape->node->price_uusd, (int64_t)most_of(search, column));
    for (size_t i = 0; i < column->n; i++) {
        gs_bound_add_entry(bound, rows->need[column->items[i]], (int64_t)column->counts[i]);
    }
    gs_bound_add_entry(bound, rows->most[column->shape], -1);
    gs_bound_add_entry(bound, rows->least[column->shape], 1);
}

static int find_column(void *ctx, const struct gs_field *split, size_t *ret_col, struct gs_err *err)
{
    const struct search *search = ctx;
    uint32_t index;
    int r = gs_field_to_index(split, search->n_columns, "columns", &index, err);
    if (r == 0) {
        *ret_col = index;
    }
    return r;
}

static int64_t *no_rows(struct search *search, size_t n)
{
    int64_t *rows = GS_ARENA_NEW(search->certificate->check->arena, int64_t, n);
    if (rows != NULL) {
        memset(rows, 0xFF, n * sizeof(*rows));
    }
    return rows;
}

static int build_program(struct search *search, const struct gs_field *at, struct gs_bound *ret)
{
    struct gs_certificate *certificate = search->certificate;
    struct gs_check *check = certificate->check;
    struct gs_field list;
    size_t n;
    int r = gs_field_list(at, "rows", check->problem.n_items + 2 * certificate->n_shapes, &list, &n,
                          check->err);
    if (r < 0) {
        return r;
    }
    int64_t *rhs = GS_ARENA_NEW(check->arena, int64_t, n);
    struct rows rows = {
        .need = no_rows(search, check->problem.n_items),
        .most = no_rows(search, certificate->n_shapes),
        .least = no_rows(search, certificate->n_shapes),
    };
    if (rhs == NULL || rows.need == NULL || rows.most == NULL || rows.least == NULL) {
        return no_memory(check);
    }
    for (size_t i = 0; i < n && r == 0; i++) {
        struct gs_field row = gs_field_item(&list, i);
        r = read_row(search, &row, (int64_t)i, &rows, &rhs[i]);
    }
    *ret = (struct gs_bound){.arena = check->arena, .n_rows = (uint32_t)n, .rhs = rhs};
    for (size_t i = 0; i < search->n_columns && r == 0; i++) {
        add_column(ret, search, &search->columns[i], &rows);
    }
    return r < 0 || !ret->failed ? r : no_memory(check);
}

/* ------------------------------------------------------------------ loads that are no column */

/* The loads of one shape that a cheaper plan could have, leaf by leaf of the shape's proof. Within
 * a leaf a load x costs, beyond its worth, at least what the leaf proves plus what each count is
 * away from the end of its range that is cheapest, times |d|. */
struct listing {
    struct search *search;
    struct gs_certificate_shape *shape;
    size_t index;   /* of the shape */
    __int128 spare; /* a load that is worth less than minus this is in no cheaper plan */
    const struct gs_bound_leaf *leaf;
    __int128 room;    /* times the leaf's scale */
    uint64_t *x;      /* a use */
    uint64_t *totals; /* an item of the problem */
    uint64_t slices[GS_PROFILES_MAX];
    uint64_t gpus;
    uint64_t amounts[GS_PROOF_AMOUNTS];
};

static bool is_in(const struct listing *list, const struct column *column)
{
    const struct gs_proof *proof = &list->shape->proof;
    for (size_t u = 0; u < proof->n_uses; u++) {
        uint32_t item = proof->uses[u].item;
        if (list->x[u] == 0) {
            continue;
        }
        size_t i = 0;
        while (i < column->n && column->items[i] != item) {
            i++;
        }
        if (i == column->n || column->counts[i] < list->totals[item]) {
            return false;
        }
    }
    return true;
}

static bool is_listed(const struct listing *list)
{
    for (size_t c = list->search->first[list->index]; c != 0;
         c = list->search->columns[c - 1].next) {
        if (is_in(list, &list->search->columns[c - 1])) {
            return true;
        }
    }
    return false;
}

static void take(struct listing *list, size_t u, int64_t by)
{
    const struct gs_proof *proof = &list->shape->proof;
    const struct gs_proof_use *use = &proof->uses[u];
    list->x[u] += (uint64_t)by;
    list->totals[use->item] += (uint64_t)by;
    list->gpus += (uint64_t)(by * (int64_t)use->asked.gpus);
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        list->slices[p] += (uint64_t)(by * (int64_t)use->asked.slices[p]);
    }
    for (unsigned a = 0; a < GS_PROOF_AMOUNTS; a++) {
        list->amounts[a] += (uint64_t)by * gs_proof_amount(proof, use->item, a);
    }
}

/* Whether a node holds the load so far. What cannot be told in time counts as held: then the search
 * is given up if it comes to that. */
static bool node_holds(struct listing *list, size_t u)
{
    const struct gs_proof *proof = &list->shape->proof;
    struct search *search = list->search;
    if (list->totals[proof->uses[u].item] > search->certificate->placed[proof->uses[u].item]) {
        return false;
    }
    for (unsigned a = 0; a < GS_PROOF_AMOUNTS; a++) {
        if (list->amounts[a] > proof->capacity[a]) {
            return false;
        }
    }
    search->gave_up = search->gave_up || ++search->held > HELD_MAX;
    return !search->gave_up &&
           gs_supply_holds(search->certificate->check->scratch, &list->shape->target, list->slices,
                           list->gpus) != GS_SUPPLY_NO;
}

/* Whether the load has anything, and is worth enough. */
static bool could_be_in(const struct listing *list)
{
    const struct gs_proof *proof = &list->shape->proof;
    __int128 worth = 0;
    bool any = false;
    for (size_t u = 0; u < proof->n_uses; u++) {
        worth += (__int128)list->search->certificate->prices[proof->uses[u].item] * list->x[u];
        any = any || list->x[u] > 0;
    }
    return any && worth >= -list->spare;
}

/* Refuses a load that a cheaper plan could have and that the search did not look at. */
static int check_load(struct listing *list)
{
    struct search *search = list->search;
    struct gs_check *check = search->certificate->check;
    if (!could_be_in(list) || is_listed(list)) {
        return 0;
    }
    if (gs_supply_holds(check->scratch, &list->shape->target, list->slices, list->gpus) !=
        GS_SUPPLY_YES) {
        search->gave_up = true;
        return 0;
    }
    char text[200] = "";
    size_t used = 0;
    const struct gs_proof *proof = &list->shape->proof;
    for (size_t u = 0; u < proof->n_uses && used + 1 < sizeof(text); u++) {
        if (list->x[u] > 0) {
            int n = snprintf(text + used, sizeof(text) - used, "%s%" PRIu64 " of item %u",
                             used == 0 ? "" : ", ", list->x[u], proof->uses[u].item);
            used += n > 0 ? (size_t)n : 0;
        }
    }
    return gs_field_fail(search->field, check->err,
                         "a cheaper plan could have a %s with %s, which is in no column",
                         list->shape->node->name, text);
}

/* What x of a use adds to the leaf's least cost, 0 or more. False: more than there is room for. */
static bool excess(const struct listing *list, size_t u, int64_t x, __int128 *ret)
{
    __int128 d = list->leaf->d[u];
    __int128 steps = d >= 0 ? x - list->leaf->lo[u] : list->leaf->hi[u] - x;
    *ret = 0;
    return gs_bound_add_product(ret, d >= 0 ? d : -d, steps) && *ret <= list->room;
}

/* All counts of use u and those behind it that leave the load within the room. */
static int list_from(struct listing *list, size_t u, __int128 spent)
{
    struct search *search = list->search;
    if (u == list->shape->proof.n_uses) {
        return check_load(list);
    }
    int r = 0;
    int64_t taken = 0;
    for (int64_t x = 0; x <= list->leaf->hi[u] && r == 0 && !search->gave_up; x++) {
        search->gave_up = ++search->looks > LOOKS_MAX;
        if (x > 0) {
            take(list, u, 1);
            taken = x;
        }
        __int128 more = 0;
        bool inside = x >= list->leaf->lo[u];
        bool room = inside && excess(list, u, x, &more) && spent + more <= list->room;
        if ((inside && !room && list->leaf->d[u] >= 0) || (x > 0 && !node_holds(list, u))) {
            break; /* as would be any more of them */
        }
        r = room ? list_from(list, u + 1, spent + more) : 0;
    }
    take(list, u, -taken);
    return r;
}

static int list_leaf(void *ctx, const struct gs_bound_leaf *leaf, struct gs_err *err)
{
    (void)err; /* the check has it too */
    struct listing *list = ctx;
    __int128 room = 0;
    bool fits = gs_bound_add_product(&room, list->spare, leaf->scale) &&
                !__builtin_sub_overflow(room, leaf->least, &room) && room < (__int128)1 << 125;
    list->search->gave_up = list->search->gave_up || !fits;
    if (list->search->gave_up || room < 0) {
        return 0;
    }
    list->leaf = leaf;
    list->room = room;
    return list_from(list, 0, 0);
}

/* Nothing of the shape is worth anything, so that each load leaves the same to spare. */
static int list_worthless(struct listing *list)
{
    const struct gs_proof *proof = &list->shape->proof;
    struct gs_arena *arena = list->search->certificate->check->arena;
    int64_t *lo = GS_ARENA_NEW(arena, int64_t, proof->n_uses);
    int64_t *hi = GS_ARENA_NEW(arena, int64_t, proof->n_uses);
    __int128 *d = GS_ARENA_NEW(arena, __int128, proof->n_uses);
    if (lo == NULL || hi == NULL || d == NULL) {
        return no_memory(list->search->certificate->check);
    }
    for (size_t u = 0; u < proof->n_uses; u++) {
        hi[u] = proof->uses[u].hi;
    }
    const struct gs_bound_leaf leaf = {.lo = lo, .hi = hi, .d = d, .scale = 1};
    return list_leaf(list, &leaf, NULL);
}

/* `room`: what the loads of a cheaper plan cost together beyond what they are worth, at most. */
static int list_shape(struct search *search, size_t index, __int128 room)
{
    struct gs_certificate *certificate = search->certificate;
    struct gs_check *check = certificate->check;
    struct gs_certificate_shape *shape = &certificate->shapes[index];
    struct listing list = {.search = search, .shape = shape, .index = index};
    list.spare =
        room - (__int128)certificate->price_scale * shape->node->price_uusd - shape->limit_price;
    list.x = GS_ARENA_NEW(check->arena, uint64_t, shape->proof.n_uses);
    list.totals = GS_ARENA_NEW(check->arena, uint64_t, check->problem.n_items);
    if (list.x == NULL || list.totals == NULL) {
        return no_memory(check);
    }
    if (shape->empty) {
        return list_worthless(&list);
    }
    const struct gs_bound_reader reader = {
        .find = gs_proof_find,
        .names = &shape->proof,
        .leaf = list_leaf,
        .visitor = &list,
    };
    struct gs_bound_result result;
    return gs_bound_check(&shape->proof.bound, &shape->field, &reader, &result, check->err);
}

/* ------------------------------------------------------------------ all of it */

static int prove(struct search *search, const struct gs_field *at, uint64_t *ret_bound)
{
    struct gs_certificate *certificate = search->certificate;
    struct gs_check *check = certificate->check;
    struct gs_bound bound;
    struct gs_bound_result result;
    int r = build_program(search, at, &bound);
    const struct gs_bound_reader reader = {.find = find_column, .names = search};
    r = r < 0 ? r : gs_bound_check(&bound, at, &reader, &result, check->err);
    if (r < 0) {
        return r;
    }
    check->report->leaves += result.n_leaves;
    uint64_t least = result.least > 0 ? (uint64_t)result.least : 0;
    uint64_t steps = least / certificate->step + (least % certificate->step != 0);
    uint64_t rounded;
    bool over = __builtin_mul_overflow(steps, certificate->step, &rounded);
    *ret_bound = over || rounded > check->value ? check->value : rounded;
    return 0;
}

int gs_certificate_search(struct gs_certificate *certificate, const struct gs_field *at,
                          uint64_t *ret_bound, bool *ret_known)
{
    struct gs_check *check = certificate->check;
    struct search search = {.certificate = certificate, .field = at};
    int r = read_columns(&search, at);
    r = r < 0 ? r : prove(&search, at, ret_bound);
    if (r < 0) {
        return r;
    }
    __int128 cheaper = (__int128)check->value - certificate->step;
    __int128 room = cheaper * certificate->price_scale - certificate->sum;
    for (size_t s = 0; s < certificate->n_shapes && r == 0 && !search.gave_up; s++) {
        r = list_shape(&search, s, room);
    }
    *ret_known = !search.gave_up;
    return r;
}
