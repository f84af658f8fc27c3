#include "partition/inside.h"

#include <string.h>

enum { SLICES_MAX = 16 };

/* A kind of compute instance by the rule: of `slices`, and taking `size`; 0: there is none. */
static unsigned size_by_rule(uint32_t profile, unsigned slices, unsigned of)
{
    enum { REV1 = 7, SEVEN_NVL = 8 };
    if (profile == REV1) {
        return of == 2 ? of : 0; /* one slice with more SMs, which takes all of it */
    }
    if (profile == SEVEN_NVL || slices == of) {
        return slices == of ? of : 0;
    }
    return slices < of && (slices <= 2 || (slices <= 4 && of == 7)) ? slices : 0;
}

void gs_inside_by_rule(unsigned of, struct gs_inside *ret)
{
    *ret = (struct gs_inside){.known = of >= 1 && of <= 7 && of != 5 && of != 6};
    for (uint32_t profile = 0; ret->known && profile < GS_INSIDE_KINDS; profile++) {
        unsigned slices = gs_geometry_ci_slices(profile);
        unsigned size = slices == 0 ? 0 : size_by_rule(profile, slices, of);
        unsigned step = size == 3 ? 4 : size;
        struct gs_compute_places *kind = &ret->kinds[profile];
        kind->size = size;
        for (unsigned start = 0; size > 0 && start + size <= of; start += step) {
            kind->starts |= UINT32_C(1) << start;
        }
    }
}

void gs_inside_of(const struct gs_geometry *cut, unsigned profile, struct gs_inside *ret)
{
    if (cut->inside != NULL && cut->inside[profile].known) {
        *ret = cut->inside[profile];
        return;
    }
    gs_inside_by_rule(cut->index->table->model->profiles[profile].compute_slices, ret);
}

static bool matches(const struct gs_compute_instance *ci, const struct gs_geometry_ci *want)
{
    return want->exact ? ci->profile == want->profile : gs_geometry_slices_of(ci) == want->slices;
}

/* Gives each of `kept` one of the wanted ones; false: one of them is not wanted. */
static bool match(const struct gs_gpu_instance *gi, unsigned kept,
                  const struct gs_geometry_gi *want, unsigned *ret_missing)
{
    unsigned missing = (1u << want->n_cis) - 1u;
    for (unsigned j = 0; gi != NULL && j < gi->n_compute; j++) {
        unsigned w = 0;
        if ((kept >> j & 1u) == 0) {
            continue;
        }
        while (w < want->n_cis &&
               ((missing >> w & 1u) == 0 || !matches(&gi->compute[j], &want->cis[w]))) {
            w++;
        }
        if (w == want->n_cis) {
            return false;
        }
        missing &= ~(1u << w);
    }
    *ret_missing = missing;
    return true;
}

/* The compute slices that these take; false: of one of them that is not known. */
static bool taken_by(const struct gs_gpu_instance *gi, unsigned these, uint32_t *ret)
{
    *ret = 0;
    for (unsigned j = 0; gi != NULL && j < gi->n_compute; j++) {
        const struct gs_compute_instance *ci = &gi->compute[j];
        if ((these >> j & 1u) == 0) {
            continue;
        }
        if (ci->size == 0 || ci->size > SLICES_MAX || ci->start > SLICES_MAX - ci->size) {
            return false;
        }
        *ret |= ((UINT32_C(1) << ci->size) - 1u) << ci->start;
    }
    return true;
}

/* The kind that is wanted; NULL: there is none, or more than we look at. */
static const struct gs_compute_places *kind_of(const struct gs_inside *inside,
                                               const struct gs_geometry_ci *want)
{
    const struct gs_compute_places *kind =
        want->profile < GS_INSIDE_KINDS ? &inside->kinds[want->profile] : NULL;
    return kind != NULL && kind->size > 0 && kind->size <= SLICES_MAX ? kind : NULL;
}

static int free_start(const struct gs_compute_places *kind, uint32_t taken, unsigned from)
{
    for (unsigned start = from; start < SLICES_MAX; start++) {
        uint32_t span = ((UINT32_C(1) << kind->size) - 1u) << start;
        if ((kind->starts >> start & 1u) != 0 && (taken & span) == 0) {
            return (int)start;
        }
    }
    return -1;
}

/* The largest of these; of equals the first. */
static unsigned next_of(const struct gs_inside *inside, const struct gs_geometry_gi *want,
                        unsigned these)
{
    unsigned best = (unsigned)__builtin_ctz(these);
    for (unsigned w = best + 1; w < want->n_cis; w++) {
        if ((these >> w & 1u) != 0 &&
            kind_of(inside, &want->cis[w])->size > kind_of(inside, &want->cis[best])->size) {
            best = w;
        }
    }
    return best;
}

/* Largest first, each at the lowest start that leaves room for the rest. */
static bool pack(const struct gs_inside *inside, const struct gs_geometry_gi *want, unsigned these,
                 uint32_t taken, uint8_t *starts)
{
    if (these == 0) {
        return true;
    }
    unsigned w = next_of(inside, want, these);
    const struct gs_compute_places *kind = kind_of(inside, &want->cis[w]);
    uint32_t span = (UINT32_C(1) << kind->size) - 1u;
    for (int start = free_start(kind, taken, 0); start >= 0;
         start = free_start(kind, taken, (unsigned)start + 1)) {
        if (pack(inside, want, these & ~(1u << w), taken | span << start, starts)) {
            starts[w] = (uint8_t)start;
            return true;
        }
    }
    return false;
}

/* Whether exactly these stay and all the rest has a place. */
static bool try(const struct gs_inside *inside, const struct gs_gpu_instance *gi, unsigned kept,
                const struct gs_geometry_gi *want, struct gs_inside_plan *ret)
{
    struct gs_inside_plan plan = {.kept = (uint8_t)kept};
    unsigned missing;
    uint32_t taken;
    if (!match(gi, kept, want, &missing)) {
        return false;
    }
    plan.missing = (uint8_t)missing;
    memset(plan.starts, GS_INSIDE_ANYWHERE, sizeof(plan.starts));
    for (unsigned w = 0; w < want->n_cis && inside->known; w++) {
        const struct gs_compute_places *kind = kind_of(inside, &want->cis[w]);
        if ((missing >> w & 1u) != 0 && kind == NULL) {
            return false;
        }
        plan.sizes[w] = kind == NULL ? 0 : (uint8_t)kind->size;
    }
    if (inside->known && taken_by(gi, kept, &taken) &&
        !pack(inside, want, missing, taken, plan.starts)) {
        return false;
    }
    *ret = plan;
    return true;
}

bool gs_inside_plan(const struct gs_inside *inside, const struct gs_gpu_instance *gi, unsigned busy,
                    const struct gs_geometry_gi *want, struct gs_inside_plan *ret)
{
    unsigned n = gi == NULL ? 0 : gi->n_compute;
    int least = __builtin_popcount(busy);
    int most = (int)(n < want->n_cis ? n : want->n_cis);
    for (int many = most; many >= least; many--) {
        for (unsigned kept = 0; kept < 1u << n; kept++) {
            if ((busy & ~kept) == 0 && __builtin_popcount(kept) == many &&
                try(inside, gi, kept, want, ret)) {
                return true;
            }
        }
    }
    return false;
}

unsigned gs_inside_blockers(const struct gs_inside *inside, const struct gs_gpu_instance *gi,
                            unsigned busy, const struct gs_geometry_gi *want)
{
    unsigned best = busy;
    for (unsigned these = 0; these <= busy; these++) {
        struct gs_inside_plan ignored;
        if ((these & ~busy) == 0 && __builtin_popcount(these) < __builtin_popcount(best) &&
            gs_inside_plan(inside, gi, busy & ~these, want, &ignored)) {
            best = these;
        }
    }
    return best;
}

int gs_inside_place(const struct gs_inside *inside, const struct gs_gpu_instance *gi,
                    const struct gs_geometry_ci *want)
{
    const struct gs_compute_places *kind = kind_of(inside, want);
    uint32_t taken;
    if (!inside->known || !taken_by(gi, (1u << gi->n_compute) - 1u, &taken)) {
        return GS_INSIDE_ANYWHERE;
    }
    return kind == NULL ? -1 : free_start(kind, taken, 0);
}
