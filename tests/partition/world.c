#include "world.h"

#include <stdio.h>

#include "base/cleanup.h"

unsigned world_draw(struct world *w, unsigned below)
{
    w->random = w->random * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(w->random >> 33) % below;
}

/* The plain compute instance of so many slices; 16: none. */
static uint8_t kind_of(unsigned slices)
{
    static const uint8_t slices_of[] = {1, 2, 3, 4, 7, 8, 6};
    for (uint8_t k = 0; k < GS_ARRAY_LEN(slices_of); k++) {
        if (slices_of[k] == slices) {
            return k;
        }
    }
    return 16;
}

static void draw_cis(struct world *w, struct gs_gpus *gpus, const struct gs_gpu_instance *gi,
                     unsigned slices)
{
    struct gs_compute_instance ci;
    unsigned how = world_draw(w, 10);
    if (how < 5) {
        assert_int_equal(gs_gpu_create_compute(gpus, 0, gi->id, kind_of(slices), GS_NOT_KNOWN,
                                               slices, &ci, NULL),
                         0);
        return;
    }
    for (unsigned left = how == 9 ? 0 : slices; left > 0;) {
        unsigned part = 1 + world_draw(w, left);
        uint32_t start = world_draw(w, 2) == 0 ? GS_NOT_KNOWN : world_draw(w, slices);
        left -= part;
        if (kind_of(part) < 16) {
            gs_gpu_create_compute(gpus, 0, gi->id, kind_of(part), start, part, &ci, NULL);
        }
    }
}

/* Cuts the machine at random, through the port. */
static void draw_layout(struct world *w, bool bare)
{
    struct gs_gpus gpus;
    gs_gpu_table_open(&w->stage.table, &gpus);
    for (unsigned tries = 3 + world_draw(w, 20); tries > 0; tries--) {
        const struct gs_profile *profile = &w->model->profiles[world_draw(w, w->model->n_profiles)];
        unsigned start = world_draw(w, w->model->memory_units);
        struct gs_gpu_instance gi;
        if ((profile->starts >> start & 1u) != 0 &&
            gs_gpu_create(&gpus, 0, profile->nvml_profile_id, start, profile->memory_units, &gi,
                          NULL) == 0) {
            draw_cis(w, &gpus, &gi, profile->compute_slices);
            if (bare && w->stage.table.gpus[0].gis[gi.id].cis[0].present == false) {
                gs_gpu_destroy(&gpus, 0, gi.id, NULL);
            }
        }
    }
    gs_gpu_close(&gpus);
}

/* Others in some of the GIs that are there, where idle ones go. */
static void change_inside(struct world *w)
{
    struct gs_gpus gpus;
    struct gs_gpu_instances all;
    gs_gpu_table_open(&w->stage.table, &gpus);
    assert_int_equal(gs_gpu_instances(&gpus, 0, &all, NULL), 0);
    for (unsigned i = 0; i < all.n; i++) {
        const struct gs_gpu_instance *gi = &all.at[i];
        struct gs_compute_instance ci;
        for (unsigned j = 0; j < gi->n_compute; j++) {
            if (world_draw(w, 3) == 0) {
                gs_gpu_destroy_compute(&gpus, 0, gi->id, gi->compute[j].id, NULL);
            }
        }
        for (unsigned tries = world_draw(w, 5); tries > 0; tries--) {
            uint8_t kind = kind_of(1 + world_draw(w, 4));
            gs_gpu_create_compute(&gpus, 0, gi->id, kind, GS_NOT_KNOWN, 0, &ci, NULL);
        }
        gs_gpu_destroy(&gpus, 0, gi->id, NULL); /* unless something is in it */
    }
    gs_gpu_close(&gpus);
}

static void draw_busy(struct world *w)
{
    for (unsigned g = 0; g < GS_GPU_INSTANCES_MAX; g++) {
        for (unsigned c = 0; c < GS_COMPUTE_INSTANCES_MAX; c++) {
            if (w->stage.table.gpus[0].gis[g].present &&
                w->stage.table.gpus[0].gis[g].cis[c].present && world_draw(w, 5) == 0) {
                assert_int_equal(
                    gs_gpu_table_hold(&w->stage.table, 0, g, c, 1000 + 10 * g + c, NULL), 0);
            }
        }
    }
}

/* The goal as a configuration or a checkpoint says it. */
static void write_goal(struct world *w)
{
    static const uint8_t slices_of[] = {1, 2, 3, 4, 7, 8, 6};
    w->stage.wish = (struct gs_mig_wish){.named = true, .mig_enabled = true};
    w->stage.state = (struct gs_mig_state){.mig_enabled = true};
    for (unsigned i = 0; i < w->goal.n; i++) {
        const struct stage_slice *slice = &w->goal.at[i];
        const struct gs_profile *profile = &w->model->profiles[slice->profile];
        struct gs_mig_state_gi *gi = &w->stage.state.gis[w->stage.state.n_gis++];
        *gi = (struct gs_mig_state_gi){.profile = profile->nvml_profile,
                                       .start = slice->start,
                                       .size = profile->memory_units,
                                       .n_cis = slice->n_cis};
        for (unsigned c = 0; c < slice->n_cis; c++) {
            struct gs_mig_count *count = &w->stage.wish.slices[w->stage.wish.n++];
            *count = (struct gs_mig_count){.name = profile->parts, .count = 1};
            count->name.compute_slices = slices_of[slice->cis[c]];
            gi->cis[c].profile = slice->cis[c];
        }
    }
    w->stage.want = (struct gs_apply_want){.wish = w->placed ? NULL : &w->stage.wish,
                                           .state = w->placed ? &w->stage.state : NULL};
}

/* Compute instances by profile and kind. */
static void tally(const struct stage_layout *layout, unsigned counts[GS_PROFILES_MAX][16])
{
    memset(counts, 0, GS_PROFILES_MAX * 16 * sizeof(unsigned));
    for (unsigned i = 0; i < layout->n; i++) {
        for (unsigned c = 0; c < layout->at[i].n_cis; c++) {
            counts[layout->at[i].profile][layout->at[i].cis[c]]++;
        }
    }
}

bool world_busy_ones_stand(const struct world *w)
{
    for (unsigned i = 0; i < w->old.n; i++) {
        for (unsigned p = 0; p < w->stage.before.gpus[0].n_processes; p++) {
            const struct gs_gpu_process *process = &w->stage.before.gpus[0].processes[p];
            const struct gs_gpu_table_ci *before =
                &w->stage.before.gpus[0].gis[process->gpu_instance].cis[process->compute_instance];
            const struct gs_gpu_table_ci *after =
                &w->stage.table.gpus[0].gis[process->gpu_instance].cis[process->compute_instance];
            if (!after->present || after->generation != before->generation) {
                return false;
            }
        }
    }
    return true;
}

bool world_kept_ones_stand(const struct world *w, uint32_t but_gi, uint32_t but_ci)
{
    for (unsigned g = 0; g < GS_GPU_INSTANCES_MAX; g++) {
        for (unsigned c = 0; c < GS_COMPUTE_INSTANCES_MAX; c++) {
            const struct gs_gpu_table_ci *before = &w->stage.before.gpus[0].gis[g].cis[c];
            const struct gs_gpu_table_ci *done = &w->done.gpus[0].gis[g].cis[c];
            const struct gs_gpu_table_ci *now = &w->stage.table.gpus[0].gis[g].cis[c];
            bool kept = before->present && done->present && before->generation == done->generation;
            if (kept && (g != but_gi || c != but_ci) &&
                (!now->present || now->generation != before->generation)) {
                return false;
            }
        }
    }
    return true;
}

void world_check_reached(const struct world *w, const char *what)
{
    struct stage_layout now;
    unsigned have[GS_PROFILES_MAX][16];
    unsigned want[GS_PROFILES_MAX][16];
    stage_read(&w->stage.table, &now);
    tally(&now, have);
    tally(&w->goal, want);
    bool right = memcmp(have, want, sizeof(have)) == 0 && world_busy_ones_stand(w);
    for (unsigned i = 0; i < now.n && right && w->placed; i++) {
        right = now.n == w->goal.n && now.at[i].start == w->goal.at[i].start;
    }
    if (!right) {
        char text[DESK_TEXT_MAX];
        fail_msg("%s: %s is not what was wanted, or something in use was touched", what,
                 desk_read(&w->stage.table, 0, text));
    }
}

/* Slices that are there are of before, of after, or on the way: a GI that stays has some of its
 * compute instances when a run is killed and recovered, never none but it had none. */
void world_check_after_recovery(const struct world *w, const struct stage_layout *done,
                                const char *what)
{
    struct stage_layout now;
    stage_read(&w->stage.table, &now);
    if (!world_busy_ones_stand(w) || !world_kept_ones_stand(w, GS_NOT_KNOWN, 0)) {
        fail_msg("%s: something in use, or that is kept, was touched", what);
    }
    struct stage_layout old = w->old;
    for (unsigned i = 0; i < old.n; i++) {
        old.at[i].busy = false; /* judged above, by compute instance */
    }
    const char *problem = stage_judge_whole(&now, &old, done);
    if (problem != NULL) {
        char text[DESK_TEXT_MAX];
        fail_msg("%s: %s: %s", what, desk_read(&w->stage.table, 0, text), problem);
    }
}

void world_begin(struct world *w, const struct gs_model *model, unsigned seed, unsigned driver)
{
    memset(w, 0, sizeof(*w));
    w->model = model;
    w->random = seed * 1000003ull + strlen(model->id) * 131u + model->n_profiles;
    snprintf(w->name, sizeof(w->name), "%s, driver %u, seed %u", model->id, driver, seed);
    stage_init(&w->stage, model->id, driver);
    struct gs_gpu_table empty = w->stage.table;
    draw_layout(w, false);
    draw_busy(w);
    stage_read(&w->stage.table, &w->old);
    stage_mark(&w->stage);
    if (world_draw(w, 2) == 0) {
        change_inside(w);
    } else {
        w->stage.table = empty;
        draw_layout(w, true);
    }
    stage_read(&w->stage.table, &w->goal);
    stage_rewind(&w->stage);
    w->placed = world_draw(w, 2) == 0;
    write_goal(w);
}

void world_end(struct world *w)
{
    stage_done(&w->stage);
}
