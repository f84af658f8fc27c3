/* Every model that can be planned, in seeded layouts with random slices in use, to seeded goals, by
 * counts and by places: applied, killed at every call, recovered, applied again. More seeds where
 * GPUSLICE_TORTURE=all. */

#include "world.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "core/catalog.h"

enum { SEEDS = 3, SEEDS_ALL = 60 };

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
        world_check_after_recovery(w, done, what);
        assert_true(stage_apply(&w->stage, &r));
        if (r != 0) {
            fail_msg("%s: the second apply failed: %s", what, w->stage.err.msg);
        }
        world_check_reached(w, what);
        if (!world_kept_ones_stand(w, GS_NOT_KNOWN, 0)) {
            fail_msg("%s: the second apply made anew what can be kept", what);
        }
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
    if (r != GS_BUSY || !world_busy_ones_stand(w)) {
        fail_msg("%s, only idle: code %d, or something in use was touched: %s", w->name, r,
                 w->stage.err.msg);
    }
    w->cases++;
}

static void run_world(struct world *w)
{
    int r;
    assert_true(stage_apply(&w->stage, &r));
    if (r == GS_BUSY) {
        check_blocked(w);
        return;
    }
    if (r != 0) {
        fail_msg("%s: %s", w->name, w->stage.err.msg);
    }
    world_check_reached(w, w->name);
    struct stage_layout done;
    stage_read(&w->stage.table, &done);
    w->done = w->stage.table;
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
            world_begin(&w, &catalog[m], seed, STAGE_DRIVER);
            run_world(&w);
            world_end(&w);
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
        stage_init(&stage, cases[k].model, STAGE_DRIVER);
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
