#include "partition/goal.h"

#include "partition/fit.h"
#include "partition/inside.h"

/* Ways that are looked at; of more the best of these is taken. A GPU has three GIs at most that
 * hold more than one compute instance: some dozens of ways are many. */
enum { WAYS_MAX = 512 };

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

/* Whether GIs of the profile have compute instances of so many slices. */
static bool has_kind(const struct gs_geometry *cut, unsigned profile, unsigned slices)
{
    struct gs_inside inside;
    uint32_t kind = gs_geometry_ci_profile(slices);
    gs_inside_of(cut, profile, &inside);
    return kind != GS_NOT_KNOWN && (!inside.known || inside.kinds[kind].size > 0);
}

static int count_wish(const struct gs_geometry *cut, const struct gs_mig_wish *wish,
                      struct loose *loose, struct gs_err *err)
{
    uint32_t total = 0;
    for (unsigned k = 0; k < wish->n; k++) {
        const struct gs_mig_count *want = &wish->slices[k];
        char text[GS_PROFILE_NAME_MAX + 1];
        gs_profile_name_format(&want->name, text);
        unsigned profile;
        int r = gs_geometry_profile_find(cut->index->table->model, &want->name, &profile, err);
        if (r < 0) {
            return r;
        }
        unsigned slices = want->name.compute_slices;
        if (slices == 0 || slices > want->name.gpu_slices || !has_kind(cut, profile, slices)) {
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

/* The one way that is there whatever the GPU has now. */
static int plainly(const struct gs_geometry *cut, const struct loose *wanted,
                   struct gs_geometry_goal *goal, struct gs_err *err)
{
    const struct gs_model *model = cut->index->table->model;
    int r = 0;
    *goal = (struct gs_geometry_goal){.placed = false};
    for (unsigned p = 0; p < model->n_profiles && r == 0; p++) {
        struct loose loose = wanted[p];
        for (unsigned i = 0; loose.any && i < cut->instances->n && r == 0; i++) {
            if ((cut->busy->gis >> i & 1u) != 0 &&
                gs_geometry_profile_of(model, &cut->instances->at[i]) == (int)p) {
                r = take_busy(cut, i, p, &loose, goal, err);
            }
        }
        r = r < 0 ? r : fill(model, p, &loose, goal, err);
    }
    return r;
}

/* All ways, one after the other. */
struct share {
    const struct gs_geometry *cut;
    struct loose loose[GS_PROFILES_MAX];
    struct gs_geometry_goal goal; /* as far as it is shared out */
    unsigned ways;
    bool found;
    struct gs_fit_target best_target;
    struct gs_geometry_goal best;
};

/* The most compute instances kept, the fewest GPU instances, the fewest steps. */
static bool is_better(const struct gs_geometry_goal *goal, const struct gs_fit_target *target,
                      const struct share *share)
{
    if (!share->found || target->n_kept != share->best_target.n_kept) {
        return !share->found || target->n_kept > share->best_target.n_kept;
    }
    return goal->n != share->best.n ? goal->n < share->best.n
                                    : target->value > share->best_target.value;
}

static void judge(struct share *share)
{
    struct gs_fit fit;
    struct gs_fit_target target;
    share->ways++;
    gs_fit_init(&fit, share->cut, &share->goal, false);
    if (gs_fit_check(&fit, &share->goal, NULL) == 0 && gs_fit_find(&fit, &share->goal, &target) &&
        is_better(&share->goal, &target, share)) {
        share->found = true;
        share->best_target = target;
        share->best = share->goal;
    }
}

static void share_profile(struct share *share, unsigned profile);

static unsigned largest(const struct loose *loose, unsigned from)
{
    unsigned slices = from;
    while (slices > 0 && loose->of[slices] == 0) {
        slices--;
    }
    return slices;
}

/* GIs are made in falling order, so that none comes twice in another. */
static bool comes_after(const struct gs_geometry_gi *gi, const struct gs_geometry_gi *before)
{
    for (unsigned j = 0; j < gi->n_cis && gi->profile == before->profile; j++) {
        if (j == before->n_cis || gi->cis[j].slices != before->cis[j].slices) {
            return j < before->n_cis && gi->cis[j].slices < before->cis[j].slices;
        }
    }
    return true;
}

static void share_rest(struct share *share, unsigned profile);

/* The last GI has what it shall have. */
static void close_gi(struct share *share, unsigned profile)
{
    const struct gs_geometry_goal *goal = &share->goal;
    const struct gs_geometry_gi *gi = &goal->gis[goal->n - 1];
    struct gs_inside inside;
    struct gs_inside_plan ignored;
    gs_inside_of(share->cut, profile, &inside);
    if ((goal->n == 1 || comes_after(gi, gi - 1)) &&
        gs_inside_plan(&inside, NULL, 0, gi, &ignored)) {
        share_rest(share, profile);
    }
}

/* More into the last GI, in falling order, or no more. */
static void fill_gi(struct share *share, unsigned profile, unsigned most)
{
    struct loose *loose = &share->loose[profile];
    struct gs_geometry_gi *gi = &share->goal.gis[share->goal.n - 1];
    unsigned of = share->cut->index->table->model->profiles[profile].compute_slices;
    for (unsigned slices = largest(loose, most); slices > 0 && share->ways < WAYS_MAX;
         slices = largest(loose, slices - 1)) {
        if (gi->n_cis < GS_COMPUTE_INSTANCES_MAX && slices_in(gi) + slices <= of) {
            loose->of[slices]--;
            gi->cis[gi->n_cis++] = plain_ci(slices);
            fill_gi(share, profile, slices);
            gi->n_cis--;
            loose->of[slices]++;
        }
    }
    if (gi->n_cis > 0 && share->ways < WAYS_MAX) {
        close_gi(share, profile);
    }
}

static unsigned gis_of(const struct gs_geometry_goal *goal, unsigned profile)
{
    unsigned n = 0;
    for (unsigned b = 0; b < goal->n; b++) {
        n += goal->gis[b].profile == profile;
    }
    return n;
}

/* What is left of a profile, beginning with its largest in a new GI. */
static void share_rest(struct share *share, unsigned profile)
{
    const struct gs_model *model = share->cut->index->table->model;
    struct loose *loose = &share->loose[profile];
    unsigned slices = largest(loose, GS_COMPUTE_INSTANCES_MAX);
    if (slices == 0) {
        share_profile(share, profile + 1);
        return;
    }
    if (gis_of(&share->goal, profile) == model->profiles[profile].max_instances ||
        new_gi(model, &share->goal, profile, NULL) < 0) {
        return;
    }
    struct gs_geometry_gi *gi = &share->goal.gis[share->goal.n - 1];
    loose->of[slices]--;
    gi->cis[gi->n_cis++] = plain_ci(slices);
    fill_gi(share, profile, slices);
    loose->of[slices]++;
    share->goal.n--;
}

static void share_profile(struct share *share, unsigned profile)
{
    if (profile == share->cut->index->table->model->n_profiles) {
        judge(share);
    } else {
        share_rest(share, profile);
    }
}

/* Whether there is a choice: compute instances smaller than their GI. */
static bool has_parts(const struct gs_model *model, const struct loose *wanted)
{
    for (unsigned p = 0; p < model->n_profiles; p++) {
        for (unsigned slices = 1; slices < model->profiles[p].compute_slices; slices++) {
            if (slices <= GS_COMPUTE_INSTANCES_MAX && wanted[p].of[slices] > 0) {
                return true;
            }
        }
    }
    return false;
}

int gs_goal_from_wish(const struct gs_geometry *cut, const struct gs_mig_wish *wish,
                      struct gs_geometry_goal *ret_goal, struct gs_err *err)
{
    struct share share = {.cut = cut};
    int r = count_wish(cut, wish, share.loose, err);
    struct gs_geometry_goal plain;
    if (r < 0 || (r = plainly(cut, share.loose, &plain, err)) < 0) {
        return r;
    }
    if (has_parts(cut->index->table->model, share.loose)) {
        share.goal = plain;
        judge(&share); /* of equals the first */
        share.goal = (struct gs_geometry_goal){.placed = false};
        share_profile(&share, 0);
    }
    *ret_goal = share.found ? share.best : plain;
    return 0;
}
