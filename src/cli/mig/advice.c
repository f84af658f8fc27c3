#include "cli/mig/advice.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/near.h"
#include "cli/gpu/gpu.h"

static void append(struct gs_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void append(struct gs_err *err, const char *fmt, ...)
{
    size_t used = strlen(err->msg);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->msg + used, sizeof(err->msg) - used, fmt, ap);
    va_end(ap);
}

/* ---- names ---- */

enum { NAMES_MAX = 64 };

struct names {
    unsigned n;
    char at[NAMES_MAX][GS_PROFILE_NAME_MAX + 1];
};

static void add_name(struct names *names, const char *name)
{
    unsigned i = 0;
    while (i < names->n && strcmp(names->at[i], name) != 0) {
        i++;
    }
    if (i == names->n && i < NAMES_MAX) {
        snprintf(names->at[names->n++], sizeof(names->at[0]), "%s", name);
    }
}

static void append_names(const struct names *names, struct gs_err *err)
{
    for (unsigned i = 0; i < names->n; i++) {
        append(err, "%s%s", i == 0 ? " " : ", ", names->at[i]);
    }
}

void gs_mig_advise_name(struct gs_gpus *gpus, const char *text, struct gs_err *err)
{
    struct names names = {.n = 0};
    unsigned n = 0;
    if (gs_gpu_count(gpus, &n, NULL) < 0) {
        return;
    }
    for (unsigned k = 0; k < n; k++) {
        struct gs_gpu_profile profiles[GS_GPU_PROFILES_MAX];
        unsigned n_profiles = 0;
        if (gs_gpu_profiles(gpus, k, profiles, &n_profiles, NULL) == 0) {
            for (unsigned i = 0; i < n_profiles; i++) {
                add_name(&names, profiles[i].name);
            }
        }
    }
    struct gs_near near = GS_NEAR_INIT(gs_view(text));
    for (unsigned i = 0; i < names.n; i++) {
        gs_near_offer(&near, names.at[i]);
    }
    if (names.n > 0) {
        append(err, "; the GPUs of this machine have");
        append_names(&names, err);
    }
    if (near.n > 0) {
        append(err, "; did you mean %s?", near.names[0]);
    }
}

/* ---- room ---- */

/* Whether the profile has a place when the slices in `gone` (bit i: of the layout) are not there.
 */
static bool fits_without(const struct gs_gpu_view *view, unsigned profile, uint32_t start,
                         uint32_t gone)
{
    const struct gs_model *model = view->model;
    struct gs_layout left = {.n_slices = 0};
    for (unsigned i = 0; i < view->layout.n_slices; i++) {
        if ((gone >> i & 1u) == 0) {
            left.slices[left.n_slices++] = view->layout.slices[i];
        }
    }
    for (unsigned u = 0; u < model->memory_units; u++) {
        struct gs_layout with = left;
        if ((start == GS_NOT_KNOWN || start == u) &&
            gs_layout_add(model, &with, profile, u, false, NULL) == 0) {
            return true;
        }
    }
    return false;
}

static uint32_t slices_in_use(const struct gs_gpu_view *view)
{
    uint32_t in_use = 0;
    for (unsigned i = 0; i < view->layout.n_slices && i < GS_MEMORY_UNITS_MAX; i++) {
        in_use |= (view->layout.slices[i].in_use ? UINT32_C(1) : 0) << i;
    }
    return in_use;
}

/* The fewest idle slices without which there is room, the first such set; 0: none. */
static uint32_t find_way(const struct gs_gpu_view *view, unsigned profile, uint32_t start)
{
    uint32_t best = 0;
    uint32_t in_use = slices_in_use(view);
    uint32_t end = UINT32_C(1) << view->layout.n_slices;
    for (uint32_t gone = 1; gone < end; gone++) {
        bool fewer = best == 0 || __builtin_popcount(gone) < __builtin_popcount(best);
        if (fewer && (gone & in_use) == 0 && fits_without(view, profile, start, gone)) {
            best = gone;
        }
    }
    return best;
}

_Static_assert(GS_MEMORY_UNITS_MAX <= 16, "find_way looks at each set of slices");

/* The whole slice: 3g.20gb of 1c.3g.20gb. -1: this GPU does not have it. */
static int profile_asked(const struct gs_gpu_view *view, const struct gs_slice_ask *ask)
{
    struct gs_profile_name whole = ask->name;
    whole.compute_slices = whole.gpu_slices;
    return view->has_layout ? gs_model_profile_index(view->model, &whole) : -1;
}

/* What could be made instead on this GPU. */
static void add_fitting(const struct gs_gpu_view *view, uint32_t start, struct names *names)
{
    for (unsigned p = 0; p < view->model->n_profiles; p++) {
        if (fits_without(view, p, start, 0)) {
            add_name(names, view->model->profiles[p].name);
        }
    }
}

static void append_way(const struct gs_gpu_view *view, uint32_t gone, struct gs_err *err)
{
    append(err, "; gpuslice mig destroy");
    for (unsigned i = 0; i < view->layout.n_slices; i++) {
        const struct gs_gpu_instance *gi =
            (gone >> i & 1u) == 0 ? NULL
                                  : gs_gpu_model_instance(view->model, &view->instances,
                                                          view->layout.slices[i].placement);
        if (gi != NULL) {
            append(err, " %u:%u", view->index, gi->id);
        }
    }
    append(err, " would make room");
}

void gs_mig_advise_room(struct gs_arena *arena, struct gs_gpus *gpus,
                        const struct gs_slice_ask *ask, struct gs_err *err)
{
    struct gs_gpu_machine machine;
    struct names names = {.n = 0};
    const struct gs_gpu_view *where = NULL;
    uint32_t gone = 0;
    bool in_use = false;
    if (gs_gpu_machine_look(arena, gpus, &machine, NULL) < 0) {
        return;
    }
    for (unsigned k = 0; k < machine.n; k++) {
        const struct gs_gpu_view *view = &machine.at[k];
        int profile = ask->gpus != 0 && (ask->gpus >> k & 1u) == 0 ? -1 : profile_asked(view, ask);
        if (profile < 0) {
            continue;
        }
        uint32_t here = find_way(view, (unsigned)profile, ask->start);
        in_use = in_use || slices_in_use(view) != 0;
        add_fitting(view, ask->start, &names);
        if (here != 0 && (where == NULL || __builtin_popcount(here) < __builtin_popcount(gone))) {
            where = view;
            gone = here;
        }
    }
    if (names.n > 0) {
        append(err, "; there is room for");
        append_names(&names, err);
    }
    if (where != NULL) {
        append_way(where, gone, err);
    } else if (in_use) {
        append(err, "; what is in the way is in use: gpuslice gpu show tells by whom");
    }
}
