/* Somebody else at work: between a kill and the recovery compute instances and GPU instances are
 * made and removed. What the record that was written last does not speak of stays as it is. Then
 * drivers that choose places themselves, and handles that leak while all is killed. More seeds
 * where GPUSLICE_TORTURE=all. */

#include "world.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "partition/journal.h"

enum { SEEDS = 2, SEEDS_ALL = 40, ACTS = 4 };

static unsigned seeds(void)
{
    const char *word = getenv("GPUSLICE_TORTURE");
    return word != NULL && strcmp(word, "all") == 0 ? SEEDS_ALL : SEEDS;
}

/* What somebody did. */
struct act {
    bool done;
    bool made;
    bool of_ci;
    uint32_t gi_profile; /* NVML's */
    uint32_t gi_start;
    uint32_t gi;
    uint32_t ci;
    uint32_t ci_profile;
    uint32_t ci_start;
    uint64_t generation;
    char text[120];
};

static const struct gs_gpu_table_gi *gi_of(const struct world *w, const struct act *act)
{
    return &w->stage.table.gpus[0].gis[act->gi];
}

static void describe(const struct world *w, struct act *act)
{
    snprintf(act->text, sizeof(act->text), "somebody %s %s %u of profile %u at %u, %s %u",
             act->made ? "made" : "removed", act->of_ci ? "in GPU instance" : "GPU instance",
             act->gi, act->gi_profile, act->gi_start, act->of_ci ? "a CI at" : "empty",
             act->ci_start);
    (void)w;
}

/* One more compute instance at a place that is free. */
static void make_ci(struct world *w, struct gs_gpus *gpus, const struct gs_gpu_instance *gi,
                    struct act *act)
{
    struct gs_compute_profile kinds[GS_COMPUTE_PROFILES_MAX];
    struct gs_compute_instance ci;
    unsigned n = 0;
    assert_int_equal(gs_gpu_compute_profiles(gpus, 0, gi->id, kinds, &n, NULL), 0);
    const struct gs_compute_profile *kind = &kinds[world_draw(w, n)];
    /* not the 1c that takes two slices: by its name it is wanted where a plain one is */
    if (kind->profile < 7 &&
        gs_gpu_create_compute(gpus, 0, gi->id, kind->profile_id, GS_NOT_KNOWN, 0, &ci, NULL) == 0) {
        *act = (struct act){.done = true,
                            .made = true,
                            .of_ci = true,
                            .ci = ci.id,
                            .ci_profile = ci.profile,
                            .ci_start = ci.start};
    }
}

static void remove_ci(struct world *w, struct gs_gpus *gpus, const struct gs_gpu_instance *gi,
                      struct act *act)
{
    if (gi->n_compute == 0) {
        return;
    }
    const struct gs_compute_instance *ci = &gi->compute[world_draw(w, gi->n_compute)];
    if (gs_gpu_destroy_compute(gpus, 0, gi->id, ci->id, NULL) == 0) {
        *act = (struct act){.done = true,
                            .of_ci = true,
                            .ci = ci->id,
                            .ci_profile = ci->profile,
                            .ci_start = ci->start};
    }
}

static void make_gi(struct world *w, struct gs_gpus *gpus, struct act *act)
{
    for (unsigned tries = 0; tries < 20 && !act->done; tries++) {
        const struct gs_profile *profile = &w->model->profiles[world_draw(w, w->model->n_profiles)];
        unsigned start = world_draw(w, w->model->memory_units);
        struct gs_gpu_instance gi;
        if ((profile->starts >> start & 1u) != 0 &&
            gs_gpu_create(gpus, 0, profile->nvml_profile_id, start, profile->memory_units, &gi,
                          NULL) == 0) {
            *act = (struct act){.done = true, .made = true, .gi = gi.id};
            act->gi_profile = gi.profile;
            act->gi_start = gi.start;
        }
    }
}

static void do_something(struct world *w, struct act *act)
{
    struct gs_gpus gpus;
    struct gs_gpu_instances all;
    *act = (struct act){.done = false};
    gs_gpu_table_open(&w->stage.table, &gpus);
    assert_int_equal(gs_gpu_instances(&gpus, 0, &all, NULL), 0);
    unsigned what = world_draw(w, 5);
    if (what == 0 || all.n == 0) {
        make_gi(w, &gpus, act);
    } else {
        const struct gs_gpu_instance *gi = &all.at[world_draw(w, all.n)];
        if (what <= 2) {
            make_ci(w, &gpus, gi, act);
        } else if (what == 3 || gi->n_compute > 0) {
            remove_ci(w, &gpus, gi, act);
        } else if (gs_gpu_destroy(&gpus, 0, gi->id, NULL) == 0) {
            act->done = true;
        }
        act->gi = gi->id;
        act->gi_profile = gi->profile;
        act->gi_start = gi->start;
    }
    gs_gpu_close(&gpus);
    act->generation =
        act->of_ci ? gi_of(w, act)->cis[act->ci].generation : gi_of(w, act)->generation;
    describe(w, act);
}

static unsigned count_in(const struct gs_change_cis *cis, const struct act *act)
{
    unsigned n = 0;
    for (unsigned j = 0; j < cis->n && cis->present; j++) {
        n += cis->profiles[j] == act->ci_profile && cis->starts[j] == act->ci_start;
    }
    return n;
}

/* Whether the last record changes what they did: their compute instance is in one of its lists and
 * not in the other, or their GPU instance is its own. */
static bool is_spoken_of(const struct act *act, const struct gs_journal_left *left)
{
    bool same = left->begun && left->step.profile == act->gi_profile &&
                left->step.start == act->gi_start && left->step.size > 0;
    return same &&
           (!act->of_ci || count_in(&left->step.was, act) != count_in(&left->step.shall, act));
}

/* At the place of theirs there is what they left there. */
static bool stands(const struct world *w, const struct act *act)
{
    for (unsigned g = 0; g < GS_GPU_INSTANCES_MAX; g++) {
        const struct gs_gpu_table_gi *gi = &w->stage.table.gpus[0].gis[g];
        if (!gi->present || gi->start != act->gi_start ||
            w->model->profiles[gi->profile].nvml_profile != act->gi_profile) {
            continue;
        }
        if (!act->of_ci) {
            return act->made && gi->generation == act->generation;
        }
        for (unsigned c = 0; c < GS_COMPUTE_INSTANCES_MAX; c++) {
            if (gi->cis[c].present && gi->cis[c].start == act->ci_start &&
                gi->cis[c].profile == act->ci_profile) {
                return act->made && gi->cis[c].generation == act->generation;
            }
        }
        return !act->made;
    }
    return !act->made;
}

static void complain(const struct world *w, int i, const struct act *act,
                     const struct gs_journal_left *left, const char *problem)
{
    char text[DESK_TEXT_MAX];
    char step[GS_JOURNAL_RECORD_MAX] = "no step";
    (void)gs_journal_format_step(&left->step, step, sizeof(step), NULL);
    fail_msg("%s, killed at call %d in %s, %s: %s: %s (%s)", w->name, i, step, act->text,
             desk_read_inside(&w->stage.table, 0, text), problem, w->stage.notes.text);
}

/* False: the apply makes fewer calls. */
static bool kill_and_meddle(struct world *w, int i, unsigned long *theirs)
{
    int r;
    struct act act;
    struct gs_journal_left left = {.begun = false};
    stage_rewind(&w->stage);
    w->stage.kill_at = i;
    if (stage_apply(&w->stage, &r)) {
        return false;
    }
    stage_calm(&w->stage);
    do_something(w, &act);
    if (!act.done) {
        return true;
    }
    (void)gs_journal_load(w->stage.dir, &left, NULL);
    assert_true(stage_recover(&w->stage, &r));
    assert_int_equal(r, 0);
    if (!world_busy_ones_stand(w) ||
        !world_kept_ones_stand(w, act.gi, act.of_ci ? act.ci : GS_NOT_KNOWN)) {
        complain(w, i, &act, &left, "something in use, or that is kept, was touched");
    }
    if (!is_spoken_of(&act, &left) && !stands(w, &act)) {
        complain(w, i, &act, &left, "what somebody else did was undone");
    }
    *theirs += !is_spoken_of(&act, &left);
    /* an apply makes the GPU what is wanted all the same */
    assert_true(stage_apply(&w->stage, &r));
    if (r != 0) {
        complain(w, i, &act, &left, w->stage.err.msg);
    }
    world_check_reached(w, act.text);
    w->cases++;
    return true;
}

/* A world whose apply goes through; false: something is in the way. */
static bool begin(struct world *w, const struct gs_model *model, unsigned seed, unsigned driver)
{
    int r;
    world_begin(w, model, seed, driver);
    assert_true(stage_apply(&w->stage, &r));
    w->done = w->stage.table;
    return r == 0;
}

static void torture__what_others_did_between_a_kill_and_its_recovery_stays(void **state)
{
    (void)state;
    static struct world w;
    unsigned long cases = 0;
    unsigned long theirs = 0;
    size_t n_models;
    const struct gs_model *catalog = gs_catalog(&n_models);
    for (size_t m = 0; m < n_models; m++) {
        for (unsigned seed = 1; seed <= seeds() && catalog[m].placements_known; seed++) {
            bool goes = begin(&w, &catalog[m], 700 + seed, STAGE_DRIVER);
            for (unsigned acts = 0; acts < ACTS && goes; acts++) {
                for (int i = 0; kill_and_meddle(&w, i, &theirs); i++) {
                }
            }
            world_end(&w);
            cases += w.cases;
        }
    }
    print_message("%lu cases, %lu of them of what no record speaks of\n", cases, theirs);
    assert_true(cases > 1000 && theirs > cases / 2);
}

/* Killed at each call, with a driver that puts compute instances where it likes. */
static void torture__drivers_that_choose_places_are_recovered(void **state)
{
    (void)state;
    static const char *const models[] = {"A100-40GB", "A100-80GB", "A30-24GB"};
    static struct world w;
    unsigned long cases = 0;
    unsigned long refused = 0;
    for (size_t m = 0; m < GS_ARRAY_LEN(models); m++) {
        const struct gs_model *model;
        assert_int_equal(gs_catalog_find(gs_view(models[m]), &model, NULL), 0);
        for (unsigned seed = 1; seed <= 4 * seeds(); seed++) {
            struct stage_layout done;
            int r;
            if (!begin(&w, model, 900 + seed, 470)) {
                refused++;
                assert_true(world_busy_ones_stand(&w));
                world_end(&w);
                continue;
            }
            world_check_reached(&w, w.name);
            stage_read(&w.stage.table, &done);
            for (int i = 0;; i++) {
                stage_rewind(&w.stage);
                w.stage.kill_at = i;
                if (stage_apply(&w.stage, &r)) {
                    break;
                }
                stage_calm(&w.stage);
                assert_true(stage_recover(&w.stage, &r));
                assert_true(world_busy_ones_stand(&w));
                assert_true(stage_apply(&w.stage, &r));
                if (r != 0) {
                    fail_msg("%s, killed at call %d: %s", w.name, i, w.stage.err.msg);
                }
                world_check_reached(&w, w.name);
                cases++;
            }
            world_end(&w);
        }
    }
    print_message("%lu cases, %lu with something in the way\n", cases, refused);
    assert_true(cases > 100);
}

static void set_leaks(struct gs_gpu_table *table, unsigned leak, uint16_t handles)
{
    struct gs_gpu_table_gi *gi = &table->gpus[0].gis[leak / 2];
    gi->leaked = leak % 2 == 1 ? handles : 0;
    gi->cis[0].leaked = leak % 2 == 0 ? handles : 0;
}

/* Refused, or killed at call `i` of it; then applied again without the leak. False: refused. */
static bool kill_beside_leak(struct stage *stage, int i, unsigned leak,
                             const struct stage_layout *old, const struct stage_layout *new)
{
    int r;
    char what[80];
    snprintf(what, sizeof(what), "leak %u, killed at call %d", leak, i);
    stage_rewind(stage);
    stage->kill_at = i;
    bool alive = stage_apply(stage, &r);
    stage_calm(stage);
    if (alive) {
        assert_int_equal(r, GS_BUSY);
        stage_check_wanted(stage, &(struct stage_layout){.n = 0}, old, what);
    } else {
        assert_true(stage_recover(stage, &r));
        assert_int_equal(r, 0);
    }
    stage_check_whole(stage, old, new, what);
    for (unsigned any = 0; any < 2 * GS_GPU_INSTANCES_MAX; any++) {
        set_leaks(&stage->table, any, 0);
    }
    assert_true(stage_apply(stage, &r));
    if (r != 0) {
        fail_msg("%s: the second apply failed: %s", what, stage->err.msg);
    }
    stage_check_wanted(stage, old, new, what);
    return !alive;
}

/* A handle of one slice leaks: the apply is refused, and what went is put back. Killed at each call
 * of that too; with the handle gone an apply reaches what is wanted. */
static void torture__a_leak_is_recovered_at_each_call(void **state)
{
    (void)state;
    static const char *const layouts[] = {
        "1g.5gb@0,2g.10gb@2(1c,1c),2g.10gb@4,1g.5gb@6",
        "3g.20gb@0(1c,1c,1c),3g.20gb@4",
    };
    static struct stage stage;
    unsigned cases = 0;
    for (unsigned k = 0; k < GS_ARRAY_LEN(layouts) * 2 * GS_GPU_INSTANCES_MAX; k++) {
        unsigned leak = k % (2 * GS_GPU_INSTANCES_MAX);
        struct stage_layout old;
        struct stage_layout new;
        stage_init(&stage, "A100-40GB", STAGE_DRIVER);
        desk_cut(&stage.table, 0, "7g.40gb@0");
        stage_read(&stage.table, &new);
        stage.table = stage.before;
        desk_cut(&stage.table, 0, layouts[k / (2 * GS_GPU_INSTANCES_MAX)]);
        stage_read(&stage.table, &old);
        bool there = stage.table.gpus[0].gis[leak / 2].present;
        set_leaks(&stage.table, leak, 1);
        stage_mark(&stage);
        desk_state(&stage.state, "A100-40GB", "7g.40gb@0");
        stage.want = (struct gs_apply_want){.state = &stage.state};
        for (int i = 0; there && kill_beside_leak(&stage, i, leak, &old, &new); i++) {
            cases++;
        }
        stage_done(&stage);
    }
    print_message("%u cases\n", cases);
    assert_true(cases > 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__what_others_did_between_a_kill_and_its_recovery_stays),
        cmocka_unit_test(torture__drivers_that_choose_places_are_recovered),
        cmocka_unit_test(torture__a_leak_is_recovered_at_each_call),
    };
    return cmocka_run_group_tests_name("torture of apply beside others", tests, NULL, NULL);
}
