/* Every model that can be planned, in seeded layouts with random slices in use, to seeded goals, by
 * counts and by places: applied, killed at every call, recovered, applied again. More seeds where
 * GPUSLICE_TORTURE=all. */

#include "stage.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "core/catalog.h"

enum { SEEDS = 3, SEEDS_ALL = 60 };

struct world {
    struct stage stage;
    const struct gs_model *model;
    uint64_t random;
    char name[200];
    struct stage_layout old;
    struct stage_layout goal; /* where it is to end, were nothing in use */
    bool placed;
    unsigned long cases;
    unsigned long busy;
};

static unsigned draw(struct world *w, unsigned below)
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
    unsigned how = draw(w, 10);
    if (how < 7) {
        assert_int_equal(gs_gpu_create_compute(gpus, 0, gi->id, kind_of(slices), GS_NOT_KNOWN,
                                               slices, &ci, NULL),
                         0);
        return;
    }
    for (unsigned left = how == 9 ? 0 : slices; left > 0;) {
        unsigned part = 1 + draw(w, left);
        left -= part;
        if (kind_of(part) < 16) {
            gs_gpu_create_compute(gpus, 0, gi->id, kind_of(part), GS_NOT_KNOWN, part, &ci, NULL);
        }
    }
}

/* Cuts the machine at random, through the port. */
static void draw_layout(struct world *w, bool bare)
{
    struct gs_gpus gpus;
    gs_gpu_table_open(&w->stage.table, &gpus);
    for (unsigned tries = 3 + draw(w, 20); tries > 0; tries--) {
        const struct gs_profile *profile = &w->model->profiles[draw(w, w->model->n_profiles)];
        unsigned start = draw(w, w->model->memory_units);
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

static void draw_busy(struct world *w)
{
    for (unsigned g = 0; g < GS_GPU_INSTANCES_MAX; g++) {
        for (unsigned c = 0; c < GS_COMPUTE_INSTANCES_MAX; c++) {
            if (w->stage.table.gpus[0].gis[g].present &&
                w->stage.table.gpus[0].gis[g].cis[c].present && draw(w, 5) == 0) {
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

static bool busy_ones_stand(const struct world *w, const struct stage_layout *now)
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
    (void)now;
    return true;
}

static void check_reached(const struct world *w, const char *what)
{
    struct stage_layout now;
    unsigned have[GS_PROFILES_MAX][16];
    unsigned want[GS_PROFILES_MAX][16];
    stage_read(&w->stage.table, &now);
    tally(&now, have);
    tally(&w->goal, want);
    bool right = memcmp(have, want, sizeof(have)) == 0 && busy_ones_stand(w, &now);
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
static void check_after_recovery(const struct world *w, const struct stage_layout *done,
                                 const char *what)
{
    struct stage_layout now;
    stage_read(&w->stage.table, &now);
    if (!busy_ones_stand(w, &now)) {
        fail_msg("%s: something in use was touched", what);
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

static void kill_at_each_call(struct world *w, const struct stage_layout *done)
{
    for (int i = 0;; i++) {
        int r;
        char what[300];
        stage_rewind(&w->stage);
        w->stage.kill_at = i;
        if (stage_apply(&w->stage, &r)) {
            return;
        }
        snprintf(what, sizeof(what), "%s, killed at call %d", w->name, i);
        stage_calm(&w->stage);
        assert_true(stage_recover(&w->stage, &r));
        assert_int_equal(r, 0);
        check_after_recovery(w, done, what);
        assert_true(stage_apply(&w->stage, &r));
        if (r != 0) {
            fail_msg("%s: the second apply failed: %s", what, w->stage.err.msg);
        }
        check_reached(w, what);
        w->cases++;
    }
}

/* In the way: nothing is touched; and with only_idle, nothing in use. */
static void check_blocked(struct world *w)
{
    int r;
    assert_true(gs_gpu_table_equal(&w->stage.before, &w->stage.table));
    w->busy++;
    stage_rewind(&w->stage);
    w->stage.only_idle = true;
    assert_true(stage_apply(&w->stage, &r));
    w->stage.only_idle = false;
    struct stage_layout now;
    stage_read(&w->stage.table, &now);
    if ((r != GS_BUSY && r != GS_INFEASIBLE) || !busy_ones_stand(w, &now)) {
        fail_msg("%s, only idle: code %d, or something in use was touched: %s", w->name, r,
                 w->stage.err.msg);
    }
    w->cases++;
}

static void run_world(struct world *w)
{
    int r;
    draw_layout(w, true);
    stage_read(&w->stage.table, &w->goal);
    w->stage.table = w->stage.before;
    draw_layout(w, false);
    draw_busy(w);
    stage_read(&w->stage.table, &w->old);
    stage_mark(&w->stage);
    w->placed = draw(w, 2) == 0;
    write_goal(w);
    assert_true(stage_apply(&w->stage, &r));
    if (r == GS_BUSY) {
        check_blocked(w);
        return;
    }
    if (r == GS_INFEASIBLE) {
        /* compute instances in use that leave no room between them: the driver alone knows */
        struct stage_layout now;
        stage_read(&w->stage.table, &now);
        if (w->stage.before.gpus[0].n_processes == 0) {
            char text[DESK_TEXT_MAX];
            fail_msg("%s: from %s: %s", w->name, desk_read(&w->stage.before, 0, text),
                     w->stage.err.msg);
        }
        assert_true(busy_ones_stand(w, &now));
        w->cases++;
        return;
    }
    if (r != 0) {
        fail_msg("%s: %s", w->name, w->stage.err.msg);
    }
    check_reached(w, w->name);
    struct stage_layout done;
    stage_read(&w->stage.table, &done);
    kill_at_each_call(w, &done);
}

static void torture__all_models_with_random_busy_slices(void **state)
{
    (void)state;
    static struct world w;
    const char *word = getenv("GPUSLICE_TORTURE");
    unsigned seeds = word != NULL && strcmp(word, "all") == 0 ? SEEDS_ALL : SEEDS;
    unsigned long cases = 0;
    unsigned long busy = 0;
    unsigned models = 0;
    size_t n_models;
    const struct gs_model *catalog = gs_catalog(&n_models);
    for (size_t m = 0; m < n_models; m++) {
        if (!catalog[m].placements_known) {
            continue;
        }
        models++;
        for (unsigned seed = 1; seed <= seeds; seed++) {
            memset(&w, 0, sizeof(w));
            w.model = &catalog[m];
            w.random = seed * 1000003u + m;
            snprintf(w.name, sizeof(w.name), "%s, seed %u", w.model->id, seed);
            stage_init(&w.stage, w.model->id);
            run_world(&w);
            stage_done(&w.stage);
            cases += w.cases;
            busy += w.busy;
        }
    }
    print_message("%lu cases on %u models, %lu of them with something in the way\n", cases, models,
                  busy);
    assert_true(models > 15);
    assert_true(cases > 500);
    assert_true(busy > 5);
}

/* From what the machine has to `wish`, killed at each call; then applied again. */
static unsigned kill_in_mode_change(struct stage *stage, enum gs_mig_mode mode, const char *layout)
{
    char text[DESK_TEXT_MAX];
    unsigned cases = 0;
    for (int i = 0;; i++, cases++) {
        int r;
        stage_rewind(stage);
        stage->kill_at = i;
        bool alive = stage_apply(stage, &r);
        if (!alive) {
            stage_calm(stage);
            assert_true(stage_apply(stage, &r));
        }
        if (r != 0) {
            fail_msg("killed at call %d: %s", i, stage->err.msg);
        }
        assert_int_equal(stage->table.gpus[0].mode, mode);
        assert_int_equal(stage->table.gpus[0].pending, mode);
        assert_string_equal(desk_read(&stage->table, 0, text), layout);
        assert_false(stage_has_journal(stage));
        if (alive) {
            return cases;
        }
    }
}

/* Turned on and cut; and cleared and turned off; with and without a program that makes an Ampere
 * GPU wait for a reset. */
static void torture__a_kill_while_the_mode_changes_is_recovered(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        const char *counts;
        const char *layout;
    } cases[] = {
        {"A100-40GB", "3g.20gb=1,2g.10gb=1", "2g.10gb@0,3g.20gb@4"},
        {"H100-80GB-SXM5", "3g.40gb=1,2g.20gb=1", "2g.20gb@0,3g.40gb@4"},
    };
    unsigned done = 0;
    for (unsigned k = 0; k < GS_ARRAY_LEN(cases); k++) {
        static struct stage stage;
        stage_init(&stage, cases[k].model);
        stage.table.gpus[0].mode = stage.table.gpus[0].pending = GS_MIG_OFF;
        stage_mark(&stage);
        desk_wish(&stage.wish, cases[k].counts);
        stage.want = (struct gs_apply_want){.wish = &stage.wish};
        done += kill_in_mode_change(&stage, GS_MIG_ON, cases[k].layout);
        stage_mark(&stage);
        stage.wish = (struct gs_mig_wish){.named = true, .mig_enabled = false};
        done += kill_in_mode_change(&stage, GS_MIG_OFF, "");
        stage_done(&stage);
    }
    print_message("%u cases\n", done);
    assert_true(done > 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__all_models_with_random_busy_slices),
        cmocka_unit_test(torture__a_kill_while_the_mode_changes_is_recovered),
    };
    return cmocka_run_group_tests_name("torture of apply, all models", tests, NULL, NULL);
}
