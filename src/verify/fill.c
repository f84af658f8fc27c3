#include "verify/fill.h"

#include <stdlib.h>
#include <string.h>

/* Some of the columns settled: what is left, at what excess. */
struct part {
    int64_t left[GS_BOUND_CAPACITIES];
    int64_t key[GS_BOUND_CAPACITIES]; /* the same, 0 where it has no price */
    __int128 excess;
};

struct parts {
    struct part *items;
    size_t n;
    size_t cap;
};

struct work {
    struct gs_arena *arena;
    const struct gs_fill *fill;
    __int128 room;
    uint64_t looks;
    const struct gs_fill_col **order; /* the columns that are not at their least */
    size_t n_order;
    struct parts now;
    struct parts next;
    int failure;
};

static __int128 size_of(__int128 d)
{
    return d < 0 ? -d : d;
}

/* What one of the column is worth beyond the capacity that it takes; a product that does not fit is
 * more than any room. */
static bool gain(const struct gs_fill *fill, const struct gs_fill_col *col, __int128 *ret)
{
    *ret = -col->d;
    for (unsigned a = 0; a < GS_BOUND_CAPACITIES; a++) {
        if (!gs_bound_add_product(ret, fill->price[a], col->takes[a])) {
            return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------------ which columns matter */

/* Whether in the place of each `col` there can be a `by`: it takes no more, gains no less, and its
 * bound is none. */
static bool stands_for(const struct gs_fill *fill, const struct gs_fill_col *by,
                       const struct gs_fill_col *col)
{
    __int128 mine, theirs;
    bool bound_binds = true;
    if (by == col || !gain(fill, by, &theirs) || !gain(fill, col, &mine) || theirs < mine) {
        return false;
    }
    bool same = theirs == mine;
    for (unsigned a = 0; a < GS_BOUND_CAPACITIES; a++) {
        if (by->takes[a] > col->takes[a]) {
            return false;
        }
        same = same && by->takes[a] == col->takes[a];
        bound_binds =
            bound_binds && !(by->takes[a] > 0 && fill->capacity[a] / by->takes[a] <= by->hi);
    }
    return !bound_binds && (!same || by < col);
}

/* A column that gains nothing is best at its least; one in whose place another can be, too. Neither
 * may cost something there. */
static bool stays_least(const struct gs_fill *fill, const struct gs_fill_col *col)
{
    __int128 worth;
    if (col->lo == col->hi || (gain(fill, col, &worth) && worth <= 0)) {
        return true;
    }
    for (size_t j = 0; j < fill->n_cols && col->d >= 0; j++) {
        if (stands_for(fill, &fill->cols[j], col)) {
            return true;
        }
    }
    return false;
}

/* The columns of the largest d come first, so that few choices are left early. */
static int by_size(const void *a, const void *b)
{
    const struct gs_fill_col *x = *(const struct gs_fill_col *const *)a;
    const struct gs_fill_col *y = *(const struct gs_fill_col *const *)b;
    if ((x->d < 0) != (y->d < 0)) {
        return x->d < 0 ? -1 : 1;
    }
    __int128 p = size_of(x->d);
    __int128 q = size_of(y->d);
    return p != q ? (p > q ? -1 : 1) : (x > y) - (x < y);
}

/* ------------------------------------------------------------------ parts */

static void add_part(struct work *w, const struct part *part)
{
    struct parts *next = &w->next;
    if (w->looks == 0) {
        w->failure = GS_LIMIT;
        return;
    }
    w->looks--;
    if (!gs_arena_room(w->arena, &next->items, &next->cap, next->n, sizeof(*next->items))) {
        w->failure = GS_NO_MEMORY;
        return;
    }
    next->items[next->n] = *part;
    for (unsigned a = 0; a < GS_BOUND_CAPACITIES; a++) {
        next->items[next->n].key[a] = w->fill->price[a] > 0 ? part->left[a] : 0;
    }
    next->n++;
}

/* By what is left of the capacities that have a price, then by excess. */
static int by_left(const void *a, const void *b)
{
    const struct part *x = a;
    const struct part *y = b;
    for (unsigned k = 0; k < GS_BOUND_CAPACITIES; k++) {
        if (x->key[k] != y->key[k]) {
            return x->key[k] < y->key[k] ? -1 : 1;
        }
    }
    return (x->excess > y->excess) - (x->excess < y->excess);
}

/* Whether what can be made of y can be made of x, at no more excess; x comes before y. */
static bool serves_for(const struct part *x, const struct part *y)
{
    bool serves = memcmp(x->key, y->key, sizeof(x->key)) == 0;
    for (unsigned k = 0; k < GS_BOUND_CAPACITIES && serves; k++) {
        serves = x->left[k] >= y->left[k];
    }
    return serves;
}

/* Of parts that leave the same where that has a price, those go that some other serves for. Looks
 * at the last few of the others, which is most of what there is to find. */
static void keep_best(struct parts *parts)
{
    enum { LAST = 24 };
    if (parts->n < 2) {
        return;
    }
    qsort(parts->items, parts->n, sizeof(*parts->items), by_left);
    size_t kept = 1;
    for (size_t i = 1; i < parts->n; i++) {
        bool served = false;
        for (size_t k = kept; k > 0 && kept - k < LAST && !served; k--) {
            served = serves_for(&parts->items[k - 1], &parts->items[i]);
        }
        if (!served) {
            parts->items[kept++] = parts->items[i];
        }
    }
    parts->n = kept;
}

static int64_t most_that_fit(const struct gs_fill_col *col, const int64_t *left)
{
    int64_t most = col->hi - col->lo;
    for (unsigned a = 0; a < GS_BOUND_CAPACITIES; a++) {
        if (col->takes[a] > 0 && left[a] / col->takes[a] < most) {
            most = left[a] / col->takes[a];
        }
    }
    return most;
}

/* The part with `times` more of the column, if that is within the room. */
static void try_times(struct work *w, const struct part *from, const struct gs_fill_col *col,
                      int64_t times)
{
    __int128 off = col->d < 0 ? (__int128)col->hi - col->lo - times : times;
    struct part part = *from;
    if (!gs_bound_add_product(&part.excess, size_of(col->d), off) || part.excess > w->room) {
        return;
    }
    for (unsigned a = 0; a < GS_BOUND_CAPACITIES; a++) {
        part.left[a] -= col->takes[a] * times;
    }
    add_part(w, &part);
}

/* As many as may be are tried, down (d < 0) or up to where the excess is above the room. */
static void extend(struct work *w, const struct part *from, const struct gs_fill_col *col,
                   bool is_last)
{
    int64_t most = most_that_fit(col, from->left);
    if (is_last) {
        try_times(w, from, col, most); /* it has a gain: more is better */
        return;
    }
    for (int64_t i = 0; i <= most && w->failure == 0; i++) {
        size_t before = w->next.n;
        try_times(w, from, col, col->d < 0 ? most - i : i);
        if (w->next.n == before) {
            return;
        }
    }
}

/* What is left over at the end has its price. */
static bool whole_excess(const struct gs_fill *fill, const struct part *part, __int128 *ret)
{
    *ret = part->excess;
    for (unsigned a = 0; a < GS_BOUND_CAPACITIES; a++) {
        if (!gs_bound_add_product(ret, fill->price[a], part->left[a])) {
            return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------------ all of it */

/* False: the least of all columns is more than there is. */
static bool take_least(const struct gs_fill *fill, struct part *part)
{
    for (unsigned a = 0; a < GS_BOUND_CAPACITIES; a++) {
        __int128 left = fill->capacity[a];
        for (size_t j = 0; j < fill->n_cols; j++) {
            left -= (__int128)fill->cols[j].takes[a] * fill->cols[j].lo;
            if (left < 0) {
                return false;
            }
        }
        part->left[a] = (int64_t)left;
    }
    return true;
}

static int make_order(struct work *w)
{
    const struct gs_fill *fill = w->fill;
    uint64_t pairs = (uint64_t)fill->n_cols * fill->n_cols / 16; /* of columns, a look for some */
    if (w->looks < pairs) {
        return GS_LIMIT;
    }
    w->looks -= pairs;
    w->order = (const struct gs_fill_col **)gs_arena_get(w->arena, fill->n_cols, sizeof(*w->order));
    if (w->order == NULL) {
        return GS_NO_MEMORY;
    }
    for (size_t j = 0; j < fill->n_cols; j++) {
        if (!stays_least(fill, &fill->cols[j])) {
            w->order[w->n_order++] = &fill->cols[j];
        }
    }
    if (w->n_order > 1) {
        qsort((void *)w->order, w->n_order, sizeof(*w->order), by_size);
    }
    return 0;
}

static void go_through(struct work *w)
{
    for (size_t i = 0; i < w->n_order && w->failure == 0; i++) {
        struct parts was = w->now;
        w->now = w->next;
        w->next = was;
        w->next.n = 0;
        for (size_t p = 0; p < w->now.n && w->failure == 0; p++) {
            extend(w, &w->now.items[p], w->order[i], i + 1 == w->n_order);
        }
        keep_best(&w->next);
    }
}

int gs_fill_least(struct gs_arena *scratch, const struct gs_fill *fill, __int128 room,
                  uint64_t *looks, bool *ret_any, __int128 *ret_least, struct gs_err *err)
{
    struct gs_arena_mark mark = gs_arena_mark(scratch);
    struct work w = {.arena = scratch, .fill = fill, .room = room, .looks = *looks};
    struct part all = {.excess = 0};
    *ret_any = false;
    w.failure = make_order(&w);
    if (w.failure == 0 && take_least(fill, &all)) {
        add_part(&w, &all);
        go_through(&w);
    }
    for (size_t i = 0; i < w.next.n && w.failure == 0; i++) {
        __int128 excess;
        bool fits = whole_excess(fill, &w.next.items[i], &excess) && excess <= room;
        if (fits && (!*ret_any || excess < *ret_least)) {
            *ret_any = true;
            *ret_least = excess;
        }
    }
    *looks = w.looks;
    gs_arena_rewind(scratch, mark);
    if (w.failure == GS_NO_MEMORY) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a certificate");
    }
    return w.failure < 0 ? gs_fail(err, GS_LIMIT,
                                   "the certificate has a leaf with more loads than can be checked")
                         : 0;
}
