#include "oracle/layouts.h"

#include <assert.h>
#include <string.h>

/* One GPU while slices are put on it. */
struct gpu {
    const struct gs_model *model;
    bool taken[GS_MEMORY_UNITS_MAX];
    uint8_t all[GS_PROFILES_MAX];   /* slices on it */
    uint8_t added[GS_PROFILES_MAX]; /* of them, those that were not busy before */
};

static uint32_t engines_of_gpu(const struct gs_model *model, unsigned engine)
{
    uint32_t has = 0;
    for (unsigned p = 0; p < model->n_profiles; p++) {
        const struct gs_profile *profile = &model->profiles[p];
        if (profile->engines[engine] == GS_NOT_KNOWN) {
            return GS_NOT_KNOWN;
        }
        if (profile->memory_units == model->memory_units && profile->engines[engine] > has) {
            has = profile->engines[engine];
        }
    }
    return has;
}

/* Whether one more slice of a profile stays within what is counted a GPU. */
static bool within_totals(const struct gpu *gpu, unsigned one_more)
{
    const struct gs_model *model = gpu->model;
    unsigned compute = model->profiles[one_more].compute_slices;
    unsigned instances = 1;
    for (unsigned p = 0; p < model->n_profiles; p++) {
        compute += (unsigned)gpu->all[p] * model->profiles[p].compute_slices;
        instances += gpu->all[p];
    }
    if (compute > model->compute_slices || instances > model->max_instances ||
        gpu->all[one_more] >= model->profiles[one_more].max_instances) {
        return false;
    }
    for (unsigned e = 0; e < GS_ENGINES; e++) {
        uint32_t has = engines_of_gpu(model, e);
        uint32_t used = model->profiles[one_more].engines[e];
        for (unsigned p = 0; p < model->n_profiles && has != GS_NOT_KNOWN; p++) {
            used += gpu->all[p] * model->profiles[p].engines[e];
        }
        if (has != GS_NOT_KNOWN && used > has) {
            return false;
        }
    }
    return true;
}

static bool can_place(const struct gpu *gpu, unsigned profile, unsigned start)
{
    const struct gs_profile *kind = &gpu->model->profiles[profile];
    if ((kind->starts >> start & 1u) == 0) {
        return false;
    }
    for (unsigned unit = start; unit < start + kind->memory_units; unit++) {
        if (unit >= gpu->model->memory_units || gpu->taken[unit]) {
            return false;
        }
    }
    return within_totals(gpu, profile);
}

static void place(struct gpu *gpu, unsigned profile, unsigned start, bool busy)
{
    memset(gpu->taken + start, true, gpu->model->profiles[profile].memory_units);
    gpu->all[profile]++;
    gpu->added[profile] = (uint8_t)(gpu->added[profile] + !busy);
}

static void unplace(struct gpu *gpu, unsigned profile, unsigned start)
{
    memset(gpu->taken + start, false, gpu->model->profiles[profile].memory_units);
    gpu->all[profile]--;
    gpu->added[profile]--;
}

static struct gpu gpu_with(const struct gs_model *model, const struct oracle_busy *busy)
{
    struct gpu gpu = {.model = model};
    for (unsigned i = 0; i < busy->n; i++) {
        assert(can_place(&gpu, busy->at[i].profile, busy->at[i].start));
        place(&gpu, busy->at[i].profile, busy->at[i].start, true);
    }
    return gpu;
}

static void note(struct oracle_layouts *list, const uint8_t *counts)
{
    for (unsigned i = 0; i < list->n; i++) {
        if (memcmp(list->counts[i], counts, GS_PROFILES_MAX) == 0) {
            return;
        }
    }
    assert(list->n < ORACLE_LAYOUTS_MAX);
    memcpy(list->counts[list->n++], counts, GS_PROFILES_MAX);
}

/* Each set of slices is reached once: in the order of (start, profile), from `from` on. */
static void fill(struct gpu *gpu, unsigned from, uint32_t wanted, struct oracle_layouts *list)
{
    unsigned n_profiles = gpu->model->n_profiles;
    bool full = true;
    for (unsigned at = 0; at < gpu->model->memory_units * n_profiles; at++) {
        unsigned start = at / n_profiles;
        unsigned profile = at % n_profiles;
        if ((wanted >> profile & 1u) == 0 || !can_place(gpu, profile, start)) {
            continue;
        }
        full = false;
        if (at >= from) {
            place(gpu, profile, start, false);
            fill(gpu, at + 1, wanted, list);
            unplace(gpu, profile, start);
        }
    }
    if (full) {
        note(list, gpu->added);
    }
}

void oracle_list_layouts(const struct gs_model *model, const struct oracle_busy *busy,
                         uint32_t wanted, struct oracle_layouts *ret)
{
    struct gpu gpu = gpu_with(model, busy);
    ret->n = 0;
    fill(&gpu, 0, wanted, ret);
}

static bool place_all(struct gpu *gpu, const uint8_t *counts)
{
    unsigned profile = 0;
    while (profile < gpu->model->n_profiles && gpu->added[profile] == counts[profile]) {
        profile++;
    }
    if (profile == gpu->model->n_profiles) {
        return true;
    }
    for (unsigned start = 0; start < gpu->model->memory_units; start++) {
        if (!can_place(gpu, profile, start)) {
            continue;
        }
        place(gpu, profile, start, false);
        bool fits = place_all(gpu, counts);
        unplace(gpu, profile, start);
        if (fits) {
            return true;
        }
    }
    return false;
}

bool oracle_fits(const struct gs_model *model, const struct oracle_busy *busy,
                 const uint8_t *counts)
{
    struct gpu gpu = gpu_with(model, busy);
    return place_all(&gpu, counts);
}

struct oracle_busy oracle_busy_of(const struct gs_statetable *table, uint16_t state)
{
    struct oracle_busy busy = {.n = 0};
    for (unsigned i = 0; i < table->n_placements; i++) {
        if ((table->sets[state] >> i & 1u) != 0) {
            busy.at[busy.n++] = table->placements[i];
        }
    }
    return busy;
}
