#include "partition/geometry.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "partition/line.h"

/* NVML's numbers of the plain compute instances, by their slices (mig-hardware.md 2.3), and the two
 * special ones: 1_SLICE_REV1 and 7_SLICE_NVL. */
static const uint8_t slices_of_profile[] = {1, 2, 3, 4, 7, 8, 6, 1, 7};
enum { PLAIN_PROFILES = 7 };

unsigned gs_geometry_ci_slices(uint32_t profile)
{
    return profile < GS_ARRAY_LEN(slices_of_profile) ? slices_of_profile[profile] : 0;
}

uint32_t gs_geometry_ci_profile(unsigned slices)
{
    for (uint32_t p = 0; p < PLAIN_PROFILES; p++) {
        if (slices_of_profile[p] == slices) {
            return p;
        }
    }
    return GS_NOT_KNOWN;
}

unsigned gs_geometry_slices_of(const struct gs_compute_instance *ci)
{
    unsigned slices = gs_geometry_ci_slices(ci->profile);
    return slices != 0 ? slices : ci->size != GS_NOT_KNOWN ? ci->size : 0;
}

int gs_geometry_profile_of(const struct gs_model *model, const struct gs_gpu_instance *gi)
{
    for (unsigned p = 0; p < model->n_profiles; p++) {
        const struct gs_profile *profile = &model->profiles[p];
        if (profile->nvml_profile == gi->profile && profile->memory_units == gi->size &&
            gi->start < GS_MEMORY_UNITS_MAX && (profile->starts >> gi->start & 1u) != 0) {
            return (int)p;
        }
    }
    return -1;
}

/* Memory that differs by one GB: names moved with the driver (3g.39gb, 3g.40gb), and other models
 * have theirs close by (1g.5gb, 1g.6gb). Good for a hint, not for taking one for the other. */
static bool nearly_named(const struct gs_profile *profile, const struct gs_profile_name *name)
{
    struct gs_profile_name near = *name;
    near.memory_gb = profile->parts.memory_gb;
    return gs_profile_name_eq(&profile->parts, &near) &&
           abs((int)name->memory_gb - (int)profile->parts.memory_gb) <= 1;
}

int gs_geometry_profile_find(const struct gs_model *model, const struct gs_profile_name *name,
                             unsigned *ret_profile, struct gs_err *err)
{
    struct gs_profile_name whole = *name;
    whole.compute_slices = whole.gpu_slices;
    int exact = gs_model_profile_index(model, &whole);
    if (exact >= 0) {
        *ret_profile = (unsigned)exact;
        return 0;
    }
    char text[GS_PROFILE_NAME_MAX + 1];
    gs_profile_name_format(&whole, text);
    for (unsigned p = 0; p < model->n_profiles; p++) {
        if (nearly_named(&model->profiles[p], &whole)) {
            return gs_fail(err, GS_NOT_FOUND, "%s has no profile %s; did you mean %s?", model->id,
                           text, model->profiles[p].name);
        }
    }
    /* the model's own text says what it has */
    return gs_model_profile_find(model, gs_view(text), ret_profile, err);
}

static int state_cis(const struct gs_mig_state_gi *from, const struct gs_profile *profile,
                     struct gs_geometry_gi *to, struct gs_err *err)
{
    unsigned sum = 0;
    if (from->n_cis > GS_COMPUTE_INSTANCES_MAX) {
        return gs_fail(err, GS_INVALID, "a GPU instance with %u compute instances: %d at most",
                       from->n_cis, GS_COMPUTE_INSTANCES_MAX);
    }
    for (unsigned j = 0; j < from->n_cis; j++) {
        unsigned slices = gs_geometry_ci_slices(from->cis[j].profile);
        if (slices == 0 || from->cis[j].engine_profile != 0) {
            return gs_fail(err, GS_UNSUPPORTED,
                           "compute instance profile %u with engine profile %u: expected 0 to %zu "
                           "with 0",
                           from->cis[j].profile, from->cis[j].engine_profile,
                           GS_ARRAY_LEN(slices_of_profile) - 1);
        }
        sum += slices;
        to->cis[to->n_cis++] = (struct gs_geometry_ci){
            .slices = (uint8_t)slices, .exact = true, .profile = from->cis[j].profile};
    }
    if (sum > profile->compute_slices) {
        return gs_fail(err, GS_INVALID,
                       "the %s at %u has %u compute slices; its compute instances there take %u",
                       profile->name, from->start, profile->compute_slices, sum);
    }
    return 0;
}

static int state_profile(const struct gs_model *model, const struct gs_mig_state_gi *gi,
                         unsigned *ret_profile, struct gs_err *err)
{
    for (unsigned p = 0; p < model->n_profiles; p++) {
        if (model->profiles[p].nvml_profile == gi->profile) {
            if (model->profiles[p].memory_units != gi->size) {
                return gs_fail(err, GS_INVALID, "%s has %u memory units here, and %u there",
                               model->profiles[p].name, model->profiles[p].memory_units, gi->size);
            }
            *ret_profile = p;
            return 0;
        }
    }
    return gs_fail(err, GS_NOT_FOUND, "%s has no GPU instance profile %u", model->id, gi->profile);
}

int gs_geometry_goal_from_state(const struct gs_model *model, const struct gs_mig_state *state,
                                struct gs_geometry_goal *ret_goal, struct gs_err *err)
{
    struct gs_geometry_goal goal = {.placed = true};
    struct gs_layout layout = {.n_slices = 0};
    for (unsigned i = 0; i < state->n_gis; i++) {
        unsigned profile = 0;
        int r = state_profile(model, &state->gis[i], &profile, err);
        if (r < 0 ||
            (r = gs_layout_add(model, &layout, profile, state->gis[i].start, false, err)) < 0) {
            return r;
        }
        struct gs_geometry_gi *gi = &goal.gis[goal.n++];
        *gi = (struct gs_geometry_gi){.profile = (uint8_t)profile,
                                      .start = (uint8_t)state->gis[i].start};
        if ((r = state_cis(&state->gis[i], &model->profiles[profile], gi, err)) < 0) {
            return r;
        }
    }
    *ret_goal = goal;
    return 0;
}

/* Nothing for the one compute instance that fills its GPU instance, as in names. */
static void put_cis(struct gs_line *text, const unsigned *slices, unsigned n, unsigned whole)
{
    if (n == 1 && slices[0] == whole) {
        return;
    }
    gs_line_put(text, "(");
    for (unsigned j = 0; j < n; j++) {
        gs_line_put(text, "%s%uc", j == 0 ? "" : ",", slices[j]);
    }
    gs_line_put(text, n == 0 ? "no compute instance)" : ")");
}

/* How many from the i-th on read the same. */
static unsigned count_alike(const struct gs_geometry_goal *goal, unsigned i)
{
    const struct gs_geometry_gi *first = &goal->gis[i];
    unsigned n = 1;
    for (; i + n < goal->n && !goal->placed; n++) {
        const struct gs_geometry_gi *next = &goal->gis[i + n];
        bool alike = next->profile == first->profile && next->n_cis == first->n_cis;
        for (unsigned j = 0; j < first->n_cis && alike; j++) {
            alike = next->cis[j].slices == first->cis[j].slices;
        }
        if (!alike) {
            break;
        }
    }
    return n;
}

void gs_geometry_goal_format(const struct gs_model *model, const struct gs_geometry_goal *goal,
                             char ret_text[GS_GEOMETRY_TEXT_MAX + 1])
{
    struct gs_line text = {.p = ret_text, .size = GS_GEOMETRY_TEXT_MAX + 1};
    gs_line_put(&text, goal->n == 0 ? "nothing" : "%s", "");
    unsigned alike;
    for (unsigned i = 0; i < goal->n; i += alike) {
        const struct gs_geometry_gi *gi = &goal->gis[i];
        alike = count_alike(goal, i);
        gs_line_put(&text, "%s", i == 0 ? "" : goal->placed ? "," : ", ");
        if (!goal->placed) {
            gs_line_put(&text, "%ux ", alike);
        }
        gs_line_put(&text, "%s", model->profiles[gi->profile].name);
        if (goal->placed) {
            gs_line_put(&text, "@%u", gi->start);
        }
        unsigned slices[GS_COMPUTE_INSTANCES_MAX];
        for (unsigned j = 0; j < gi->n_cis; j++) {
            slices[j] = gi->cis[j].slices;
        }
        put_cis(&text, slices, gi->n_cis, model->profiles[gi->profile].compute_slices);
    }
}

void gs_geometry_format(const struct gs_model *model, const struct gs_gpu_instances *instances,
                        uint32_t which, char ret_text[GS_GEOMETRY_TEXT_MAX + 1])
{
    struct gs_line text = {.p = ret_text, .size = GS_GEOMETRY_TEXT_MAX + 1};
    bool any = false;
    for (unsigned i = 0; i < instances->n; i++) {
        const struct gs_gpu_instance *gi = &instances->at[i];
        if ((which >> i & 1u) == 0) {
            continue;
        }
        gs_line_put(&text, "%s", any ? "," : "");
        any = true;
        int profile = model == NULL ? -1 : gs_geometry_profile_of(model, gi);
        if (profile < 0) {
            gs_line_put(&text, "GPU instance %u (profile %u)@%u", gi->id, gi->profile, gi->start);
            continue;
        }
        gs_line_put(&text, "%s@%u", model->profiles[profile].name, gi->start);
        unsigned slices[GS_COMPUTE_INSTANCES_MAX];
        for (unsigned j = 0; j < gi->n_compute; j++) {
            slices[j] = gs_geometry_slices_of(&gi->compute[j]);
        }
        put_cis(&text, slices, gi->n_compute, model->profiles[profile].compute_slices);
    }
    gs_line_put(&text, "%s", any ? "" : "nothing");
}
