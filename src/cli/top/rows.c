/* The rows of the fleet: nodes in the order that is wanted, and their GPUs. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/top/top.h"

const char *const gs_top_sort_names[GS_TOP_SORTS + 1] = {
    [GS_TOP_BY_NAME] = "name",         [GS_TOP_BY_HELD] = "held",   [GS_TOP_BY_IDLE] = "idle",
    [GS_TOP_BY_STRANDED] = "stranded", [GS_TOP_BY_PRICE] = "price", [GS_TOP_BY_STATE] = "state",
};

bool gs_top_matches(const struct gs_top_view *view, const char *text)
{
    return view->filter[0] == '\0' || (text != NULL && strcasestr(text, view->filter) != NULL);
}

static void add_units(struct gs_board_units *sum, const struct gs_board_units *more)
{
    sum->all += more->all;
    sum->held += more->held;
    sum->idle += more->idle;
    sum->free += more->free;
    sum->stranded += more->stranded;
    sum->sick += more->sick;
}

static void take_node(void *ctx, const struct gs_board_sight *node)
{
    struct gs_top_view *view = ctx;
    if (view->n_nodes == view->cap_nodes) {
        size_t cap = view->cap_nodes == 0 ? 64 : 2 * view->cap_nodes;
        struct gs_board_sight *nodes = reallocarray(view->nodes, cap, sizeof(*nodes));
        if (nodes == NULL) {
            view->failed = true;
            return;
        }
        view->nodes = nodes;
        view->cap_nodes = cap;
    }
    view->nodes[view->n_nodes++] = *node;
    view->n_gpus += node->n_gpus;
    view->n_unwell += node->unwell;
    view->n_nodes_unwell += node->facts->state != GS_BOARD_READY || node->n_gpus == 0;
    add_units(&view->units, &node->units);
}

static uint64_t share_of(uint64_t part, const struct gs_board_sight *node)
{
    return node->units.all == 0 ? 0 : part * 1000000 / node->units.all;
}

/* The larger comes first; of names and states the smaller. */
static uint64_t key_of(const struct gs_board_sight *node, unsigned sort)
{
    switch ((enum gs_top_sort)sort) {
    case GS_TOP_BY_HELD:
        return share_of(node->units.held, node);
    case GS_TOP_BY_IDLE:
        return share_of(node->units.idle + node->units.free, node);
    case GS_TOP_BY_STRANDED:
        return share_of(node->units.stranded, node);
    case GS_TOP_BY_PRICE:
        return node->uusd_h == GS_MONEY_NOT_KNOWN ? 0 : node->uusd_h;
    case GS_TOP_BY_STATE: /* what is not well first */
        return node->facts->state != GS_BOARD_READY || node->n_gpus == 0 ? 2u
               : node->unwell > 0                                        ? 1u
                                                                         : 0u;
    case GS_TOP_BY_NAME:
    case GS_TOP_SORTS:
        break;
    }
    return 0;
}

static int in_order(const void *a, const void *b, void *ctx)
{
    const struct gs_top_view *view = ctx;
    const struct gs_board_sight *left = a;
    const struct gs_board_sight *right = b;
    uint64_t x = key_of(left, view->sort);
    uint64_t y = key_of(right, view->sort);
    int order = x != y ? (x > y ? -1 : 1) : strcmp(left->facts->name, right->facts->name);
    return view->reverse ? -order : order;
}

static void add_row(struct gs_top_view *view, uint32_t node, int gpu)
{
    if (view->n_rows == view->cap_rows) {
        size_t cap = view->cap_rows == 0 ? 256 : 2 * view->cap_rows;
        struct gs_top_row *rows = reallocarray(view->rows, cap, sizeof(*rows));
        if (rows == NULL) {
            view->failed = true;
            return;
        }
        view->rows = rows;
        view->cap_rows = cap;
    }
    view->rows[view->n_rows++] = (struct gs_top_row){.node = node, .gpu = gpu};
}

static bool node_matches(const struct gs_top_view *view, const struct gs_board_sight *node)
{
    return gs_top_matches(view, node->facts->name) || gs_top_matches(view, node->facts->pool) ||
           gs_top_matches(view, node->model) || gs_top_matches(view, node->state) ||
           gs_top_matches(view, node->facts->instance_type);
}

static bool gpu_matches(const struct gs_top_view *view, const struct gs_board_sight_gpu *gpu)
{
    bool found = gs_top_matches(view, gpu->uuid) || gs_top_matches(view, gpu->holder);
    for (unsigned i = 0; i < gpu->n_slices && !found; i++) {
        found = gs_top_matches(view, gpu->slices[i].holder) ||
                gs_top_matches(view, gpu->slices[i].profile);
    }
    return found;
}

/* A node with all its GPUs, or with those alone that are looked for. */
static void add_node(struct gs_top_view *view, uint32_t i)
{
    const struct gs_board_sight *node = &view->nodes[i];
    bool all = node_matches(view, node);
    size_t at = view->n_rows;
    bool any = all;
    add_row(view, i, -1);
    for (unsigned k = 0; k < node->n_gpus && (!view->closed || !any); k++) {
        struct gs_board_sight_gpu gpu;
        bool shown = all || (gs_board_sight_gpu(node->place, k, &gpu) && gpu_matches(view, &gpu));
        any = any || shown;
        if (shown && !view->closed) {
            add_row(view, i, (int)k);
        }
    }
    view->n_rows = any ? view->n_rows : at;
}

void gs_top_make_rows(struct gs_top_view *view)
{
    view->n_nodes = 0;
    view->n_rows = 0;
    view->n_gpus = 0;
    view->n_unwell = 0;
    view->n_nodes_unwell = 0;
    view->units = (struct gs_board_units){.all = 0};
    gs_board_each_sight(view->source->board, take_node, view);
    if (view->n_nodes > 0) {
        qsort_r(view->nodes, view->n_nodes, sizeof(*view->nodes), in_order, view);
    }
    if (!view->asked_closed) {
        view->closed = view->n_gpus > GS_TOP_OPEN_GPUS_MAX;
    }
    for (uint32_t i = 0; i < view->n_nodes; i++) {
        add_node(view, i);
    }
}
