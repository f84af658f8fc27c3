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

/* Wanted compute instances of one GI profile, by their slices, not yet put into a GPU instance. */
struct loose {
    uint32_t of[GS_COMPUTE_INSTANCES_MAX + 1];
    bool any;
};

static struct gs_geometry_ci plain_ci(unsigned slices)
{
    return (struct gs_geometry_ci){.slices = (uint8_t)slices,
                                   .profile = gs_geometry_ci_profile(slices)};
}

static int count_wish(const struct gs_model *model, const struct gs_mig_wish *wish,
                      struct loose *loose, struct gs_err *err)
{
    uint32_t total = 0;
    for (unsigned k = 0; k < wish->n; k++) {
        const struct gs_mig_count *want = &wish->slices[k];
        char text[GS_PROFILE_NAME_MAX + 1];
        gs_profile_name_format(&want->name, text);
        unsigned profile;
        int r = gs_geometry_profile_find(model, &want->name, &profile, err);
        if (r < 0) {
            return r;
        }
        unsigned slices = want->name.compute_slices;
        if (slices == 0 || slices > want->name.gpu_slices ||
            gs_geometry_ci_profile(slices) == GS_NOT_KNOWN) {
            return gs_fail(err, GS_INVALID, "%s: no GPU has compute instances of %u slices there",
                           text, slices);
        }
        total += want->count;
        if (want->count > UINT8_MAX || total > GS_MEMORY_UNITS_MAX * GS_COMPUTE_INSTANCES_MAX) {
            return gs_fail(err, GS_INFEASIBLE, "%u of %s are asked for, which no GPU holds",
                           want->count, text);
        }
        loose[profile].of[slices] += want->count;
        loose[profile].any = loose[profile].any || want->count > 0;
    }
    return 0;
}

static unsigned slices_in(const struct gs_geometry_gi *gi)
{
    unsigned n = 0;
    for (unsigned j = 0; j < gi->n_cis; j++) {
        n += gi->cis[j].slices;
    }
    return n;
}

static int new_gi(const struct gs_model *model, struct gs_geometry_goal *goal, unsigned profile,
                  struct gs_err *err)
{
    if (goal->n == GS_MEMORY_UNITS_MAX) {
        return gs_fail(err, GS_INFEASIBLE, "more GPU instances are asked for than a %s holds (%u)",
                       model->id, model->max_instances);
    }
    goal->gis[goal->n++] = (struct gs_geometry_gi){.profile = (uint8_t)profile};
    return 0;
}

/* A busy GI keeps its busy compute instances: where all of them are wanted, they come first. */
static int take_busy(const struct gs_geometry *cut, unsigned i, unsigned profile,
                     struct loose *loose, struct gs_geometry_goal *goal, struct gs_err *err)
{
    const struct gs_gpu_instance *gi = &cut->instances->at[i];
    struct loose left = *loose;
    struct gs_geometry_gi there = {.profile = (uint8_t)profile};
    for (unsigned j = 0; j < gi->n_compute; j++) {
        unsigned slices = gs_geometry_slices_of(&gi->compute[j]);
        if ((cut->busy->cis[i] >> j & 1u) == 0) {
            continue;
        }
        if (slices == 0 || slices > GS_COMPUTE_INSTANCES_MAX || left.of[slices] == 0) {
            return 0;
        }
        left.of[slices]--;
        there.cis[there.n_cis++] = plain_ci(slices);
    }
    if (there.n_cis == 0) {
        return 0;
    }
    int r = new_gi(cut->index->table->model, goal, profile, err);
    if (r == 0) {
        goal->gis[goal->n - 1] = there;
        *loose = left;
    }
    return r;
}

/* Largest first into the first GI that has room. GIs that several of a GPU have are of 3 slices at
 * most, where that is the fewest of them (parts are 1, 2 or 3); of the others there is but one. */
static int fill(const struct gs_model *model, unsigned profile, struct loose *loose,
                struct gs_geometry_goal *goal, struct gs_err *err)
{
    unsigned first = 0;
    while (first < goal->n && goal->gis[first].profile != profile) {
        first++;
    }
    for (unsigned slices = GS_COMPUTE_INSTANCES_MAX; slices > 0; slices--) {
        for (; loose->of[slices] > 0; loose->of[slices]--) {
            unsigned at = first;
            while (at < goal->n &&
                   (goal->gis[at].n_cis == GS_COMPUTE_INSTANCES_MAX ||
                    slices_in(&goal->gis[at]) + slices > model->profiles[profile].compute_slices)) {
                at++;
            }
            int r = at == goal->n ? new_gi(model, goal, profile, err) : 0;
            if (r < 0) {
                return r;
            }
            struct gs_geometry_gi *gi = &goal->gis[at];
            gi->cis[gi->n_cis++] = plain_ci(slices);
        }
    }
    return 0;
}

int gs_geometry_goal_from_wish(const struct gs_geometry *cut, const struct gs_mig_wish *wish,
                               struct gs_geometry_goal *ret_goal, struct gs_err *err)
{
    const struct gs_model *model = cut->index->table->model;
    struct loose loose[GS_PROFILES_MAX] = {{.any = false}};
    struct gs_geometry_goal goal = {.placed = false};
    int r = count_wish(model, wish, loose, err);
    for (unsigned p = 0; p < model->n_profiles && r == 0; p++) {
        for (unsigned i = 0; loose[p].any && i < cut->instances->n && r == 0; i++) {
            if ((cut->busy->gis >> i & 1u) != 0 &&
                gs_geometry_profile_of(model, &cut->instances->at[i]) == (int)p) {
                r = take_busy(cut, i, p, &loose[p], &goal, err);
            }
        }
        r = r < 0 ? r : fill(model, p, &loose[p], &goal, err);
    }
    if (r == 0) {
        *ret_goal = goal;
    }
    return r;
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
