/* GPUs as bars. */
#include "cli/draw.h"
#include "cli/gpu/gpu.h"

_Static_assert(2 * (int)GS_COMPUTE_INSTANCES_MAX <= (int)GS_DRAW_PARTS_MAX,
               "a part a compute instance, and one for what is free before it");

static const struct gs_gpu_instance *instance_at(const struct gs_gpu_view *view, unsigned start)
{
    for (unsigned i = 0; i < view->instances.n; i++) {
        if (view->instances.at[i].start == start) {
            return &view->instances.at[i];
        }
    }
    return NULL;
}

static bool holds(const struct gs_gpu_view *view, uint32_t gi, uint32_t ci)
{
    if (ci == GS_NOT_KNOWN) {
        return false; /* only planned */
    }
    for (size_t i = 0; i < view->n_holders; i++) {
        const struct gs_gpu_process *process = &view->holders[i].process;
        if (process->gpu_instance == GS_NOT_KNOWN ||
            gs_gpu_holder_is_of(&view->holders[i], gi, ci)) {
            return true;
        }
    }
    return !view->holders_known;
}

/* Before another one, by where it lies in its GPU instance where that is known. */
static bool is_before(const struct gs_compute_instance *a, const struct gs_compute_instance *b)
{
    return a->start != GS_NOT_KNOWN && b->start != GS_NOT_KNOWN && a->start < b->start;
}

/* False: the size of one is not known; then the slice is drawn as a whole. */
static bool list_parts(const struct gs_gpu_view *view, const struct gs_gpu_instance *gi,
                       struct gs_draw_parts *ret)
{
    const struct gs_compute_instance *order[GS_COMPUTE_INSTANCES_MAX];
    unsigned at_slice = 0; /* how far the parts go */
    *ret = (struct gs_draw_parts){.n = 0};
    for (unsigned i = 0; i < gi->n_compute; i++) {
        unsigned at = i;
        for (; at > 0 && is_before(&gi->compute[i], order[at - 1]); at--) {
            order[at] = order[at - 1];
        }
        order[at] = &gi->compute[i];
    }
    for (unsigned i = 0; i < gi->n_compute; i++) {
        unsigned slices = gs_gpu_slices_of(order[i]);
        uint32_t start = order[i]->start;
        if (start != GS_NOT_KNOWN && start > at_slice) {
            ret->at[ret->n].slices = (uint8_t)(start - at_slice);
            ret->at[ret->n++].is_free = true;
            at_slice = start;
        }
        ret->at[ret->n].slices = (uint8_t)slices;
        ret->at[ret->n++].in_use = holds(view, gi->id, order[i]->id);
        at_slice += slices;
        if (slices == 0 || at_slice > UINT8_MAX) {
            return false;
        }
    }
    return true;
}

void gs_gpu_view_draw(const struct gs_gpu_view *view, struct gs_buf *out)
{
    struct gs_draw_parts parts[GS_MEMORY_UNITS_MAX];
    for (unsigned i = 0; i < view->layout.n_slices; i++) {
        const struct gs_placement *placement = &view->layout.slices[i].placement;
        const struct gs_gpu_instance *gi = instance_at(view, placement->start);
        if (gi == NULL || !list_parts(view, gi, &parts[i])) {
            parts[i] = (struct gs_draw_parts){.n = 1};
            parts[i].at[0].slices = view->model->profiles[placement->profile].compute_slices;
        }
    }
    gs_draw_cut(view->model, &view->layout, parts, view->stranded, out);
}

/* ---- the legend ---- */

enum sign { SIGN_BUSY, SIGN_LOST, SIGN_PART, SIGN_EMPTY, SIGNS };

static void find_signs(const struct gs_gpu_view *view, bool found[SIGNS])
{
    for (unsigned i = 0; i < view->layout.n_slices; i++) {
        const struct gs_layout_slice *slice = &view->layout.slices[i];
        const struct gs_gpu_instance *gi = instance_at(view, slice->placement.start);
        unsigned whole = view->model->profiles[slice->placement.profile].compute_slices;
        unsigned n = gi == NULL ? 1 : gi->n_compute;
        found[SIGN_BUSY] = found[SIGN_BUSY] || slice->in_use;
        found[SIGN_EMPTY] = found[SIGN_EMPTY] || n == 0;
        found[SIGN_PART] = found[SIGN_PART] || n > 1 ||
                           (gi != NULL && n == 1 && gs_gpu_slices_of(&gi->compute[0]) < whole);
    }
    found[SIGN_LOST] = found[SIGN_LOST] || view->stranded != 0;
}

void gs_gpu_put_legend(const struct gs_gpu_view *const *views, size_t n, struct gs_buf *out)
{
    static const char *const says[SIGNS] = {
        [SIGN_BUSY] = "! in use",
        [SIGN_LOST] = "x free, but no slice can take it",
        [SIGN_PART] = ": between compute instances of a slice",
        [SIGN_EMPTY] = "() without a compute instance",
    };
    bool found[SIGNS] = {false};
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        if (views[i]->has_layout) {
            find_signs(views[i], found);
        }
    }
    for (unsigned i = 0; i < SIGNS; i++) {
        if (found[i]) {
            gs_buf_puts(out, any ? ", " : "");
            gs_buf_puts(out, says[i]);
            any = true;
        }
    }
    gs_buf_puts(out, any ? "\n" : "");
}
