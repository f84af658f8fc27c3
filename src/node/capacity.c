#include "node/capacity.h"

#include <stdlib.h>
#include <string.h>

static uint64_t lower(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What allocatable may be: as many as are healthy, but no more than the kubelet has; while that is
 * not known, no more than there is now. */
static uint64_t wanted_allocatable(const struct gs_capacity_row *row)
{
    uint64_t now = row->in_status ? row->allocatable : 0;
    return lower(lower(row->healthy, row->ceiling), row->kubelet_known ? row->kubelet : now);
}

/* The kubelet counts all devices, healthy or not. It is told of more only once it has the list. */
static uint64_t wanted_capacity(const struct gs_capacity_row *row)
{
    uint64_t now = row->in_status ? row->capacity : 0;
    return row->kubelet_known ? row->listed : lower(row->listed, now);
}

static bool is_waiting(const struct gs_capacity_row *row)
{
    return !row->forgotten && (!row->kubelet_known || row->kubelet != row->healthy);
}

/* False: node.status is right about this resource. */
static bool make_patch(const struct gs_capacity_row *row, struct gs_capacity_patch *ret)
{
    *ret = (struct gs_capacity_patch){
        .resource = row->resource,
        .remove = row->forgotten && row->listed == 0,
        .capacity = wanted_capacity(row),
        .allocatable = wanted_allocatable(row),
    };
    if (ret->remove) {
        ret->capacity = 0;
        ret->allocatable = 0;
        return row->in_status;
    }
    if (!row->in_status) {
        return ret->capacity > 0 || ret->allocatable > 0;
    }
    return ret->capacity != row->capacity || ret->allocatable != row->allocatable;
}

static int compare_patches(const void *a, const void *b)
{
    const struct gs_capacity_patch *x = a;
    const struct gs_capacity_patch *y = b;
    return strcmp(x->resource, y->resource);
}

int gs_capacity_new(struct gs_arena *arena, const struct gs_capacity_row *rows, unsigned n_rows,
                    struct gs_capacity *ret, struct gs_err *err)
{
    struct gs_capacity_patch *at = GS_ARENA_NEW(arena, struct gs_capacity_patch, n_rows);
    if (at == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the numbers of node.status");
    }
    struct gs_capacity capacity = {.at = at, .settled = true};
    for (unsigned i = 0; i < n_rows; i++) {
        bool differs = make_patch(&rows[i], &at[capacity.n]);
        bool complete = at[capacity.n].remove || at[capacity.n].allocatable == rows[i].healthy;
        capacity.n += differs ? 1 : 0;
        capacity.waiting = capacity.waiting || is_waiting(&rows[i]);
        capacity.settled = capacity.settled && !differs && complete && !is_waiting(&rows[i]);
    }
    if (capacity.n > 0) {
        qsort(at, capacity.n, sizeof(*at), compare_patches);
    }
    *ret = capacity;
    return 0;
}
