#include "partition/steps.h"

#include <assert.h>

void gs_steps_list(struct gs_change_cis *cis, uint32_t profile, uint8_t start)
{
    cis->profiles[cis->n] = (uint8_t)profile;
    cis->starts[cis->n++] = start;
}

uint8_t gs_steps_start(const struct gs_compute_instance *ci)
{
    return ci->start < GS_INSIDE_ANYWHERE ? (uint8_t)ci->start : GS_INSIDE_ANYWHERE;
}

struct gs_change_step gs_steps_of(const struct gs_gpu_instance *gi)
{
    struct gs_change_step step = {
        .gi = gi->id,
        .ci = GS_NOT_KNOWN,
        .profile = gi->profile,
        .profile_id = gi->profile_id,
        .start = gi->start,
        .size = gi->size,
        .ci_profile = GS_NOT_KNOWN,
        .ci_start = GS_INSIDE_ANYWHERE,
        .was = {.present = true},
    };
    for (unsigned j = 0; j < gi->n_compute; j++) {
        gs_steps_list(&step.was, gi->compute[j].profile, gs_steps_start(&gi->compute[j]));
    }
    return step;
}

static void put(struct gs_change *change, struct gs_change_step step, enum gs_change_kind kind)
{
    assert(change->n < GS_CHANGE_STEPS_MAX);
    step.kind = kind;
    change->steps[change->n++] = step;
}

void gs_steps_destroy_ci(struct gs_change *change, struct gs_change_step step,
                         const struct gs_compute_instance *ci)
{
    step.ci = ci->id;
    step.ci_profile = ci->profile;
    step.ci_start = gs_steps_start(ci);
    step.ci_slices = (uint8_t)gs_geometry_slices_of(ci);
    put(change, step, GS_CHANGE_DESTROY_CI);
}

/* The order that comes before this one of all orders of sizes; the smallest first becomes the
 * largest first. */
static void swap(uint8_t *a, uint8_t *b)
{
    uint8_t kept = *a;
    *a = *b;
    *b = kept;
}

static void next_order(const struct gs_geometry_gi *want, uint8_t *order, unsigned n)
{
    unsigned tail = n - 1; /* from here on they ascend */
    while (tail > 0 && want->cis[order[tail - 1]].slices <= want->cis[order[tail]].slices) {
        tail--;
    }
    if (tail > 0) {
        unsigned smaller = n - 1;
        while (want->cis[order[smaller]].slices >= want->cis[order[tail - 1]].slices) {
            smaller--;
        }
        swap(&order[tail - 1], &order[smaller]);
    }
    for (unsigned i = tail, j = n - 1; i < j; i++, j--) {
        swap(&order[i], &order[j]);
    }
}

/* Largest first, so that a driver that chooses finds a place for each; in other orders when that
 * failed. */
static unsigned order_of(const struct gs_steps_making *making,
                         uint8_t order[GS_COMPUTE_INSTANCES_MAX])
{
    const struct gs_geometry_gi *want = making->want;
    unsigned n = 0;
    for (unsigned slices = GS_COMPUTE_INSTANCES_MAX; slices > 0; slices--) {
        for (unsigned j = 0; j < want->n_cis; j++) {
            if ((making->inside->missing >> j & 1u) != 0 && want->cis[j].slices == slices) {
                order[n++] = (uint8_t)j;
            }
        }
    }
    for (unsigned k = 1; k < making->attempt && n > 1; k++) {
        next_order(want, order, n);
    }
    return n;
}

/* One compute instance into the steps. */
static void put_create_ci(struct gs_change *change, struct gs_change_step step,
                          const struct gs_steps_making *making, unsigned j)
{
    const struct gs_geometry_ci *ci = &making->want->cis[j];
    step.ci_profile = ci->profile;
    step.ci_slices = ci->slices;
    step.ci_fills = ci->slices == making->of_slices;
    step.ci_size = step.ci_fills ? ci->slices : making->inside->sizes[j];
    step.ci_start = step.ci_fills ? 0 : making->inside->starts[j];
    if (!step.ci_fills && !making->places) {
        step.ci_start = GS_INSIDE_ANYWHERE; /* not known until the driver has chosen */
    }
    put(change, step, GS_CHANGE_CREATE_CI);
}

/* The steps that create what is missing; what they make is added to what the GI shall have, in all
 * of its steps from `first` on. */
void gs_steps_create_cis(struct gs_change *change, const struct gs_change_step *step,
                         const struct gs_steps_making *making, unsigned first)
{
    uint8_t order[GS_COMPUTE_INSTANCES_MAX];
    unsigned n = order_of(making, order);
    unsigned made = change->n;
    struct gs_change_cis shall = step->shall;
    for (unsigned k = 0; k < n; k++) {
        put_create_ci(change, *step, making, order[k]);
    }
    for (unsigned k = made; k < change->n; k++) {
        gs_steps_list(&shall, change->steps[k].ci_profile, change->steps[k].ci_start);
    }
    for (unsigned k = first; k < change->n; k++) {
        change->steps[k].shall = shall;
    }
}

void gs_steps_gone(struct gs_change *change, const struct gs_gpu_instance *gi)
{
    struct gs_change_step step = gs_steps_of(gi);
    for (unsigned j = 0; j < gi->n_compute; j++) {
        gs_steps_destroy_ci(change, step, &gi->compute[j]);
    }
    put(change, step, GS_CHANGE_DESTROY_GI);
}

void gs_steps_new(struct gs_change *change, const struct gs_model *model, unsigned start,
                  const struct gs_steps_making *making)
{
    const struct gs_profile *profile = &model->profiles[making->want->profile];
    unsigned first = change->n;
    struct gs_change_step step = {
        .gi = GS_NOT_KNOWN,
        .ci = GS_NOT_KNOWN,
        .profile = profile->nvml_profile,
        .profile_id = profile->nvml_profile_id,
        .start = start,
        .size = profile->memory_units,
        .ci_profile = GS_NOT_KNOWN,
        .ci_start = GS_INSIDE_ANYWHERE,
        .shall = {.present = true},
    };
    put(change, step, GS_CHANGE_CREATE_GI);
    gs_steps_create_cis(change, &step, making, first);
}

/* A GPU instance that stays: the compute instances that it shall not have, then those that it
 * lacks. What it shall have afterwards are those kept and those made: their profiles are not
 * always the plain ones of the goal. */
void gs_steps_stay(struct gs_change *change, const struct gs_gpu_instance *gi,
                   const struct gs_steps_making *making)
{
    struct gs_change_step step = gs_steps_of(gi);
    unsigned first = change->n;
    step.shall.present = true;
    for (unsigned j = 0; j < gi->n_compute; j++) {
        if ((making->inside->kept >> j & 1u) != 0) {
            gs_steps_list(&step.shall, gi->compute[j].profile, gs_steps_start(&gi->compute[j]));
        }
    }
    for (unsigned j = 0; j < gi->n_compute; j++) {
        if ((making->inside->kept >> j & 1u) == 0) {
            gs_steps_destroy_ci(change, step, &gi->compute[j]);
        }
    }
    gs_steps_create_cis(change, &step, making, first);
}

static uint64_t units_of(const struct gs_change_step *step)
{
    uint64_t units = 0;
    for (uint32_t u = step->start; u - step->start < step->size && u < 64; u++) {
        units |= UINT64_C(1) << u;
    }
    return units;
}

/* The memory units that these steps gave to new GPU instances. */
static uint64_t units_given(const struct gs_change *change, unsigned done)
{
    uint64_t units = 0;
    for (unsigned k = 0; k < done; k++) {
        const struct gs_change_step *step = &change->steps[k];
        units |= step->kind == GS_CHANGE_CREATE_GI ? units_of(step) : 0;
    }
    return units;
}

bool gs_steps_begins(const struct gs_change *change, unsigned k)
{
    const struct gs_change_step *here = &change->steps[k];
    const struct gs_change_step *last = k == 0 ? NULL : &change->steps[k - 1];
    return last == NULL || here->profile != last->profile || here->start != last->start ||
           here->was.present != last->was.present;
}

/* The GPU instance that a step destroyed, with all that was in it. */
static void put_gi_back(const struct gs_change_step *gone, struct gs_change *back)
{
    struct gs_change_step step = *gone;
    step.gi = GS_NOT_KNOWN;
    step.was = (struct gs_change_cis){.present = false};
    step.shall = gone->was;
    put(back, step, GS_CHANGE_CREATE_GI);
    for (unsigned j = 0; j < gone->was.n; j++) {
        step.ci_profile = gone->was.profiles[j];
        step.ci_start = gone->was.starts[j];
        step.ci_slices = (uint8_t)gs_geometry_ci_slices(step.ci_profile);
        put(back, step, GS_CHANGE_CREATE_CI);
    }
}

static void take_off(struct gs_change_cis *cis, const struct gs_change_step *gone)
{
    unsigned n = 0;
    bool found = false;
    for (unsigned j = 0; j < cis->n; j++) {
        if (!found && cis->profiles[j] == (uint8_t)gone->ci_profile &&
            cis->starts[j] == gone->ci_start) {
            found = true;
        } else {
            cis->profiles[n] = cis->profiles[j];
            cis->starts[n++] = cis->starts[j];
        }
    }
    cis->n = (uint8_t)n;
}

/* The compute instances that these steps destroyed in a GPU instance that is there. */
static void put_cis_back(const struct gs_change *change, unsigned from, unsigned to,
                         struct gs_change *back)
{
    struct gs_change_step step = change->steps[from];
    for (unsigned k = from; k < to; k++) {
        take_off(&step.was, &change->steps[k]);
    }
    step.ci = GS_NOT_KNOWN;
    step.shall = step.was;
    for (unsigned k = from; k < to; k++) {
        gs_steps_list(&step.shall, change->steps[k].ci_profile, change->steps[k].ci_start);
    }
    for (unsigned k = from; k < to; k++) {
        step.ci_profile = change->steps[k].ci_profile;
        step.ci_start = change->steps[k].ci_start;
        step.ci_slices = change->steps[k].ci_slices;
        put(back, step, GS_CHANGE_CREATE_CI);
    }
}

static bool only_destroys_cis(const struct gs_change *change, unsigned from, unsigned to)
{
    while (from < to && change->steps[from].kind == GS_CHANGE_DESTROY_CI) {
        from++;
    }
    return from == to;
}

unsigned gs_change_put_back(const struct gs_change *change, unsigned done,
                            struct gs_change *ret_back)
{
    uint64_t given = units_given(change, done);
    unsigned stay = 0;
    *ret_back = (struct gs_change){.n = 0};
    for (unsigned to = done; to > 0;) {
        unsigned from = to - 1;
        while (!gs_steps_begins(change, from)) {
            from--;
        }
        const struct gs_change_step *last = &change->steps[to - 1];
        if (last->kind == GS_CHANGE_DESTROY_GI && (units_of(last) & given) == 0) {
            put_gi_back(last, ret_back);
        } else if (only_destroys_cis(change, from, to)) {
            put_cis_back(change, from, to, ret_back);
        } else {
            stay += to - from;
        }
        to = from;
    }
    return stay;
}
