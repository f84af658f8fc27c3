/* Nodes and GPUs, drawn. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/top/top.h"

enum {
    STATE = 9,
    GPUS = 15,
    HELD = 9,
    IDLE = 6,
    STRANDED = 6,
    PRICE = 9,
    COLUMNS = STATE + GPUS + HELD + IDLE + STRANDED + PRICE + 6,
    NAME_MIN = 8,
    UNIT = 4, /* columns of a memory unit */
    HOLDERS_MAX = 1024
};

static unsigned name_columns(const struct gs_screen *screen)
{
    return screen->columns > COLUMNS + NAME_MIN ? screen->columns - COLUMNS : NAME_MIN;
}

static void put_cells(struct gs_screen *screen, const enum gs_screen_style style[7],
                      const char *const text[7])
{
    static const unsigned columns[] = {0, STATE, GPUS, HELD, IDLE, STRANDED, PRICE};
    for (unsigned i = 0; i < GS_ARRAY_LEN(columns); i++) {
        gs_screen_cell(screen, style[i], i == 0 ? name_columns(screen) : columns[i], i >= 3,
                       text[i]);
        gs_screen_put(screen, style[0], i + 1 < GS_ARRAY_LEN(columns) ? " " : "");
    }
}

void gs_top_draw_fleet_head(const struct gs_top_view *view, struct gs_screen *screen)
{
    static const char *const titles[] = {"NODE", "STATE", "GPUS", "HELD", "IDLE", "STRAND", "$/H"};
    enum gs_screen_style styles[7];
    for (unsigned i = 0; i < 7; i++) {
        styles[i] = GS_SCREEN_TITLE;
    }
    (void)view;
    put_cells(screen, styles, titles);
}

static void draw_node(const struct gs_board_sight *node, struct gs_screen *screen, bool marked)
{
    char gpus[64];
    char held[32];
    char idle[16];
    char stranded[16];
    char price[GS_TOP_DOLLARS_MAX];
    const struct gs_board_units *units = &node->units;
    bool well = strcmp(node->state, "ready") == 0;
    if (node->n_gpus == 0) {
        (void)snprintf(gpus, sizeof(gpus), "?");
    } else {
        (void)snprintf(gpus, sizeof(gpus), "%u x %s", node->n_gpus,
                       node->model[0] == '\0' ? "?" : node->model);
    }
    (void)snprintf(held, sizeof(held), "%u/%u", node->held,
                   node->slices > node->held ? node->slices : node->held);
    if (units->all == 0) {
        (void)snprintf(held, sizeof(held), "?");
        (void)snprintf(idle, sizeof(idle), "?");
        (void)snprintf(stranded, sizeof(stranded), "?");
    } else {
        (void)snprintf(idle, sizeof(idle), "%" PRIu64 "%%",
                       (units->idle + units->free) * 100 / units->all);
        (void)snprintf(stranded, sizeof(stranded), "%" PRIu64 "%%",
                       units->stranded * 100 / units->all);
    }
    gs_top_format_dollars(node->uusd_h, price);
    const char *const text[] = {node->facts->name, node->state, gpus, held, idle, stranded, price};
    enum gs_screen_style style[7];
    for (unsigned i = 0; i < 7; i++) {
        style[i] = marked ? GS_SCREEN_MARKED : i == 0 ? GS_SCREEN_BOLD : GS_SCREEN_PLAIN;
    }
    style[1] = well || marked ? style[1] : GS_SCREEN_BAD;
    put_cells(screen, style, text);
}

/* ---- a GPU ---- */

static enum gs_screen_style style_of(enum gs_board_slice_state state)
{
    switch (state) {
    case GS_BOARD_HELD:
    case GS_BOARD_GRANTED:
        return GS_SCREEN_HELD;
    case GS_BOARD_IDLE:
        return GS_SCREEN_IDLE;
    case GS_BOARD_PROMISED:
    case GS_BOARD_COMING:
        return GS_SCREEN_COMES;
    case GS_BOARD_SICK:
        return GS_SCREEN_BAD;
    case GS_BOARD_GOING:
        return GS_SCREEN_DIM;
    }
    return GS_SCREEN_PLAIN;
}

static const char *mark_of(enum gs_board_slice_state state)
{
    static const char *const marks[] = {
        [GS_BOARD_IDLE] = "",      [GS_BOARD_HELD] = "!", [GS_BOARD_GRANTED] = "!",
        [GS_BOARD_PROMISED] = ">", [GS_BOARD_SICK] = "?", [GS_BOARD_GOING] = "-",
        [GS_BOARD_COMING] = "+",
    };
    return marks[state];
}

/* As much of its name as fits, with the mark: "3g.20gb!", "1g!". */
static void put_slice(struct gs_screen *screen, const struct gs_board_sight_slice *slice,
                      unsigned columns)
{
    char text[64];
    const char *mark = mark_of(slice->state);
    size_t n = strlen(slice->profile);
    n = n + strlen(mark) <= columns ? n : strcspn(slice->profile, ".");
    (void)snprintf(text, sizeof(text), "%.*s%s", (int)n, slice->profile, mark);
    gs_screen_cell(screen, style_of(slice->state), columns, false, text);
}

/* The slice that covers the unit: one that comes only where no other is. */
static const struct gs_board_sight_slice *slice_at(const struct gs_board_sight_gpu *gpu,
                                                   unsigned unit)
{
    for (unsigned i = 0; i < gpu->n_slices; i++) {
        const struct gs_board_sight_slice *slice = &gpu->slices[i];
        if (unit >= slice->start && unit < slice->start + slice->size) {
            return slice;
        }
    }
    return NULL;
}

static void put_units(struct gs_screen *screen, const struct gs_board_sight_gpu *gpu,
                      unsigned units)
{
    const char *bar = gs_screen_glyph(screen, "│", "|");
    unsigned unit = 0;
    while (unit < units) {
        const struct gs_board_sight_slice *slice = slice_at(gpu, unit);
        unsigned n = 1;
        gs_screen_put(screen, GS_SCREEN_DIM, bar);
        if (slice == NULL) {
            bool stranded = (gpu->stranded >> unit & 1u) != 0;
            gs_screen_cell(screen, GS_SCREEN_DIM, UNIT - 1, false,
                           stranded ? " x" : gs_screen_glyph(screen, " ·", " ."));
        } else {
            while (unit + n < units && slice_at(gpu, unit + n) == slice) {
                n++;
            }
            put_slice(screen, slice, n * UNIT - 1);
        }
        unit += n;
    }
    gs_screen_put(screen, GS_SCREEN_DIM, bar);
}

static const char *without_namespace_of_none(const char *holder)
{
    return holder[0] == '/' ? holder + 1 : holder; /* a process on a machine */
}

/* Who holds its slices, each once. */
static void list_holders(const struct gs_board_sight_gpu *gpu, char *ret, size_t size)
{
    size_t used = 0;
    ret[0] = '\0';
    for (unsigned i = 0; i < gpu->n_slices; i++) {
        const char *holder = gpu->slices[i].holder;
        bool again = holder == NULL;
        for (unsigned k = 0; k < i && !again; k++) {
            again = gpu->slices[k].holder == holder;
        }
        if (!again && used < size) {
            int n = snprintf(ret + used, size - used, "%s%s", used == 0 ? "" : ", ",
                             without_namespace_of_none(holder));
            used += n < 0 ? 0 : (size_t)n;
        }
    }
    if (gpu->holder != NULL) {
        (void)snprintf(ret, size, "%s", without_namespace_of_none(gpu->holder));
    }
}

static void draw_gpu(const struct gs_board_sight_gpu *gpu, struct gs_screen *screen, bool marked)
{
    char holders[HOLDERS_MAX];
    char index[16];
    unsigned units = gpu->units != 0 ? gpu->units : gpu->n_slices;
    unsigned columns = units * UNIT - (units > 0);
    const char *bar = gs_screen_glyph(screen, "│", "|");
    (void)snprintf(index, sizeof(index), "%u", gpu->index);
    gs_screen_cell(screen, marked ? GS_SCREEN_MARKED : GS_SCREEN_PLAIN, 4, true, index);
    gs_screen_put(screen, GS_SCREEN_PLAIN, " ");
    list_holders(gpu, holders, sizeof(holders));
    if (!gpu->healthy || !gpu->mig || units == 0) {
        columns = columns < 31 ? 31 : columns;
        gs_screen_put(screen, GS_SCREEN_DIM, bar);
        gs_screen_cell(screen,
                       !gpu->healthy ? GS_SCREEN_BAD
                       : gpu->held   ? GS_SCREEN_HELD
                                     : GS_SCREEN_IDLE,
                       columns, false,
                       !gpu->healthy ? "not healthy"
                       : gpu->mig    ? "model not known"
                       : gpu->held   ? "whole, held!"
                                     : "whole, idle");
        gs_screen_put(screen, GS_SCREEN_DIM, bar);
    } else {
        put_units(screen, gpu, units);
    }
    gs_screen_put(screen, GS_SCREEN_PLAIN, " ");
    unsigned left =
        screen->columns > gs_screen_used(screen) ? screen->columns - gs_screen_used(screen) : 0;
    if (left > 0) {
        gs_screen_cell(screen, GS_SCREEN_PLAIN, left, false,
                       !gpu->healthy ? gpu->why
                       : gpu->recut  ? "re-cut"
                                     : holders);
    }
}

void gs_top_draw_fleet_row(const struct gs_top_view *view, struct gs_screen *screen, size_t row,
                           bool marked)
{
    const struct gs_top_row *at = &view->rows[row];
    const struct gs_board_sight *node = &view->nodes[at->node];
    struct gs_board_sight_gpu gpu;
    gs_screen_line(screen);
    if (at->gpu < 0) {
        draw_node(node, screen, marked);
    } else if (gs_board_sight_gpu(node->place, (unsigned)at->gpu, &gpu)) {
        draw_gpu(&gpu, screen, marked);
    }
}

void gs_top_draw_fleet_details(const struct gs_top_view *view, struct gs_screen *screen,
                               unsigned lines)
{
    char text[HOLDERS_MAX + 1024] = "";
    char holders[HOLDERS_MAX];
    struct gs_board_sight_gpu gpu;
    const struct gs_top_row *at = view->cursor < view->n_rows ? &view->rows[view->cursor] : NULL;
    const struct gs_board_sight *node = at == NULL ? NULL : &view->nodes[at->node];
    if (node == NULL) {
        (void)snprintf(text, sizeof(text), "%s",
                       view->filter[0] != '\0' ? "nothing here matches the filter"
                       : view->source->settled ? "no GPUs"
                                               : "reading");
    } else if (at->gpu < 0) {
        const struct gs_board_node *facts = node->facts;
        const char *why = gs_board_sight_why(node->place);
        (void)snprintf(
            text, sizeof(text), "%s: %s%s%s; pool %s, %s, zone %s, %s", facts->name, node->state,
            why[0] == '\0' ? "" : ": ", why, facts->pool[0] == '\0' ? "none" : facts->pool,
            facts->instance_type[0] == '\0' ? "type not known" : facts->instance_type,
            facts->zone[0] == '\0' ? "not known" : facts->zone,
            facts->capacity_type[0] == '\0' ? "capacity type not known" : facts->capacity_type);
    } else if (gs_board_sight_gpu(node->place, (unsigned)at->gpu, &gpu)) {
        list_holders(&gpu, holders, sizeof(holders));
        (void)snprintf(text, sizeof(text), "%s GPU %u %s %s%s%s%s%s", node->facts->name, gpu.index,
                       gpu.model[0] == '\0' ? "of a model that is not known" : gpu.model, gpu.uuid,
                       gpu.why[0] == '\0' ? "" : "; ", gpu.why,
                       holders[0] == '\0' ? "" : "; held by ", holders);
    }
    gs_top_put_lines(screen, lines, text);
}
