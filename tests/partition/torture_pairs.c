/* Every ordered pair of the 19 layouts of an A100 to which nothing can be added: killed at every
 * call, torn at every byte of the journal, a full disk, every call failing with every code it may
 * give. A sample of the pairs, unless GPUSLICE_TORTURE=all. */

#include "stage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

/* mig-hardware 1.4, for an A100-40GB. */
static const char *const layouts[] = {
    "7g.40gb@0",
    "4g.20gb@0,3g.20gb@4",
    "4g.20gb@0,2g.10gb@4,1g.5gb@6",
    "4g.20gb@0,1g.5gb@4,1g.5gb@5,1g.5gb@6",
    "3g.20gb@0,3g.20gb@4",
    "3g.20gb@0,2g.10gb@4,1g.5gb@6",
    "3g.20gb@0,1g.5gb@4,1g.5gb@5,1g.5gb@6",
    "2g.10gb@0,2g.10gb@2,3g.20gb@4",
    "2g.10gb@0,2g.10gb@2,2g.10gb@4,1g.5gb@6",
    "2g.10gb@0,2g.10gb@2,1g.5gb@4,1g.5gb@5,1g.5gb@6",
    "2g.10gb@0,1g.5gb@2,1g.5gb@3,3g.20gb@4",
    "2g.10gb@0,1g.5gb@2,1g.5gb@3,2g.10gb@4,1g.5gb@6",
    "2g.10gb@0,1g.5gb@2,1g.5gb@3,1g.5gb@4,1g.5gb@5,1g.5gb@6",
    "1g.5gb@0,1g.5gb@1,2g.10gb@2,3g.20gb@4",
    "1g.5gb@0,1g.5gb@1,2g.10gb@2,2g.10gb@4,1g.5gb@6",
    "1g.5gb@0,1g.5gb@1,2g.10gb@2,1g.5gb@4,1g.5gb@5,1g.5gb@6",
    "1g.5gb@0,1g.5gb@1,1g.5gb@2,1g.5gb@3,3g.20gb@4",
    "1g.5gb@0,1g.5gb@1,1g.5gb@2,1g.5gb@3,2g.10gb@4,1g.5gb@6",
    "1g.5gb@0,1g.5gb@1,1g.5gb@2,1g.5gb@3,1g.5gb@4,1g.5gb@5,1g.5gb@6",
};
enum { LAYOUTS = GS_ARRAY_LEN(layouts), SAMPLE_STEP = 37 };

struct pair {
    struct stage stage;
    struct stage_layout old;
    struct stage_layout new;
    char name[300];
    unsigned long cases;
};

static unsigned long total;

/* The apply, undisturbed, reaches the goal; and then nothing more is to be done. */
static void finish(struct pair *pair, const char *what)
{
    int r = -1;
    stage_calm(&pair->stage);
    stage_apply(&pair->stage, &r);
    if (r != 0) {
        fail_msg("%s: the second apply failed: %s", what, pair->stage.err.msg);
    }
    stage_check_wanted(&pair->stage, &pair->old, &pair->new, what);
    assert_false(stage_has_journal(&pair->stage));
    pair->cases++;
}

static void recover(struct pair *pair, const char *what)
{
    int r = -1;
    stage_calm(&pair->stage);
    stage_recover(&pair->stage, &r);
    if (r != 0) {
        fail_msg("%s: the recovery failed: %s", what, pair->stage.err.msg);
    }
    assert_false(stage_has_journal(&pair->stage));
    stage_check_whole(&pair->stage, &pair->old, &pair->new, what);
}

/* The apply is killed at call `i`; false: it makes fewer. */
static bool killed_at(struct pair *pair, int i)
{
    int r;
    stage_rewind(&pair->stage);
    pair->stage.kill_at = i;
    return !stage_apply(&pair->stage, &r);
}

static void kill_at_each_call(struct pair *pair)
{
    char what[400];
    for (int i = 0; killed_at(pair, i); i++) {
        snprintf(what, sizeof(what), "%s, killed at call %d", pair->name, i);
        recover(pair, what);
        finish(pair, what);
        /* and without a recovery of its own before */
        killed_at(pair, i);
        finish(pair, what);
    }
}

static void kill_in_recovery(struct pair *pair)
{
    char what[400];
    for (int i = 0; killed_at(pair, i); i++) {
        if (!stage_has_journal(&pair->stage)) {
            continue;
        }
        for (int j = 0;; j++) {
            int r;
            killed_at(pair, i);
            stage_calm(&pair->stage);
            pair->stage.kill_at = j;
            if (stage_recover(&pair->stage, &r)) {
                break;
            }
            snprintf(what, sizeof(what), "%s, killed at call %d, recovery at %d", pair->name, i, j);
            recover(pair, what);
            finish(pair, what);
        }
    }
}

static void tear_the_journal(struct pair *pair, int step)
{
    char what[400];
    for (int byte = 0;; byte += step) {
        int r;
        stage_rewind(&pair->stage);
        pair->stage.kill_byte = byte;
        if (stage_apply(&pair->stage, &r)) {
            break;
        }
        snprintf(what, sizeof(what), "%s, killed at byte %d of the journal", pair->name, byte);
        recover(pair, what);
        finish(pair, what);
    }
}

/* What is written is reserved before, so that a full disk shows before anything is touched. */
static void fill_the_disk(struct pair *pair)
{
    char what[400];
    int r;
    stage_rewind(&pair->stage);
    pair->stage.promised = 0;
    struct gs_gpu_table before = pair->stage.table;
    snprintf(what, sizeof(what), "%s, a full disk", pair->name);
    assert_true(stage_apply(&pair->stage, &r));
    assert_int_equal(r, GS_IO);
    assert_int_equal(pair->stage.err.sys_errno, ENOSPC);
    assert_true(gs_gpu_table_equal(&before, &pair->stage.table));
    assert_false(stage_has_journal(&pair->stage));
    finish(pair, what);
}

/* As above, on a disk that lets us reserve and then breaks its word. */
static void break_the_disk(struct pair *pair, int step)
{
    char what[400];
    int r;
    stage_rewind(&pair->stage);
    stage_apply(&pair->stage, &r);
    int bytes = pair->stage.bytes;
    for (int room = 0; room < bytes; room += step) {
        stage_rewind(&pair->stage);
        pair->stage.room = room;
        snprintf(what, sizeof(what), "%s, a disk of %d bytes", pair->name, room);
        assert_true(stage_apply(&pair->stage, &r));
        assert_int_equal(r, GS_IO);
        assert_int_equal(pair->stage.err.sys_errno, ENOSPC);
        assert_false(stage_has_journal(&pair->stage));
        stage_check_whole(&pair->stage, &pair->old, &pair->new, what);
        finish(pair, what);
    }
}

/* The codes of gpu.h. */
static const struct {
    enum gs_code code;
    int sys_errno;
    bool of_changes; /* only of calls that change something */
} codes[] = {
    {GS_NOT_FOUND, 0, false}, {GS_UNSUPPORTED, 0, false}, {GS_IO, EPERM, false},
    {GS_IO, ENODEV, false},   {GS_BUSY, 0, true},         {GS_INFEASIBLE, 0, true},
    {GS_INVALID, 0, true},
};

/* The nth call of an operation fails; false: there is no nth call. */
static bool fail_call(struct pair *pair, enum gs_gpu_op op, unsigned nth, unsigned c, bool done,
                      uint32_t times)
{
    const struct gs_gpu_fault fault = {
        .op = op,
        .skip = nth,
        .times = times,
        .code = codes[c].code,
        .sys_errno = codes[c].sys_errno,
        .done = done,
    };
    char what[400];
    int r = 0;
    stage_rewind(&pair->stage);
    assert_int_equal(gs_gpu_table_fault(&pair->stage.table, &fault, NULL), 0);
    uint64_t calls = pair->stage.table.calls_of[op];
    assert_true(stage_apply(&pair->stage, &r));
    if (pair->stage.table.calls_of[op] - calls <= nth) {
        return false;
    }
    snprintf(what, sizeof(what), "%s, %s call %u fails with code %d (%s%s)", pair->name,
             gs_gpu_op_names[op], nth, codes[c].code, times == 1 ? "once" : "always",
             done ? ", and was done" : "");
    /* what could not be taken back, as the driver goes on failing, is stated */
    if (r < 0 && strstr(pair->stage.err.msg, "could not be taken back") == NULL) {
        stage_check_whole(&pair->stage, &pair->old, &pair->new, what);
    }
    assert_true(r == 0 || pair->stage.err.msg[0] != '\0');
    assert_false(stage_has_journal(&pair->stage));
    finish(pair, what);
    return true;
}

static void fail_each_call(struct pair *pair)
{
    for (unsigned op = 0; op < GS_GPU_OPS; op++) {
        bool changes = gs_gpu_op_changes((enum gs_gpu_op)op);
        for (unsigned c = 0; c < GS_ARRAY_LEN(codes); c++) {
            if (codes[c].of_changes && !changes) {
                continue;
            }
            for (unsigned nth = 0; fail_call(pair, (enum gs_gpu_op)op, nth, c, false, 1); nth++) {
                fail_call(pair, (enum gs_gpu_op)op, nth, c, false, GS_NOT_KNOWN);
                if (changes) {
                    fail_call(pair, (enum gs_gpu_op)op, nth, c, true, 1);
                }
            }
        }
    }
}

static void set_the_stage(struct pair *pair, unsigned from, unsigned to)
{
    stage_init(&pair->stage, "A100-40GB", STAGE_DRIVER);
    desk_cut(&pair->stage.table, 0, layouts[to]);
    stage_read(&pair->stage.table, &pair->new);
    pair->stage.table = pair->stage.before;
    desk_cut(&pair->stage.table, 0, layouts[from]);
    stage_read(&pair->stage.table, &pair->old);
    stage_mark(&pair->stage);
    desk_state(&pair->stage.state, "A100-40GB", layouts[to]);
    pair->stage.want = (struct gs_apply_want){.state = &pair->stage.state};
    snprintf(pair->name, sizeof(pair->name), "%s -> %s", layouts[from], layouts[to]);
}

static bool all_of_it(void)
{
    const char *word = getenv("GPUSLICE_TORTURE");
    return word != NULL && strcmp(word, "all") == 0;
}

static unsigned long each_pair(void (*act)(struct pair *pair), unsigned step)
{
    static struct pair pair;
    unsigned long cases = 0;
    unsigned n = 0;
    for (unsigned from = 0; from < LAYOUTS; from++) {
        for (unsigned to = 0; to < LAYOUTS; to++) {
            if (from == to || (!all_of_it() && n++ % step != 0)) {
                continue;
            }
            set_the_stage(&pair, from, to);
            pair.cases = 0;
            act(&pair);
            cases += pair.cases;
            stage_done(&pair.stage);
        }
    }
    total += cases;
    print_message("%lu cases\n", cases);
    return cases;
}

static void act_tear(struct pair *pair)
{
    tear_the_journal(pair, 1);
}

static void act_disk(struct pair *pair)
{
    fill_the_disk(pair);
    break_the_disk(pair, 7);
}

static void torture__a_kill_at_each_call_is_recovered(void **state)
{
    (void)state;
    assert_true(each_pair(kill_at_each_call, 4) > 1000);
}

static void torture__a_kill_in_the_recovery_is_recovered(void **state)
{
    (void)state;
    assert_true(each_pair(kill_in_recovery, SAMPLE_STEP) > 1000);
}

static void torture__a_torn_journal_is_recovered(void **state)
{
    (void)state;
    assert_true(each_pair(act_tear, SAMPLE_STEP) > 1000);
}

static void torture__a_full_disk_touches_nothing(void **state)
{
    (void)state;
    assert_true(each_pair(act_disk, SAMPLE_STEP) > 100);
}

static void torture__each_call_may_fail_with_each_code(void **state)
{
    (void)state;
    assert_true(each_pair(fail_each_call, SAMPLE_STEP) > 1000);
}

/* The verdicts can be "no". */
static void torture__the_verdict_sees_what_is_wrong(void **state)
{
    (void)state;
    static struct pair pair;
    struct stage_layout now;
    set_the_stage(&pair, 4, 6);
    assert_null(stage_judge_whole(&pair.old, &pair.old, &pair.new));
    assert_null(stage_judge_whole(&pair.new, &pair.old, &pair.new));
    assert_non_null(stage_judge_wanted(&pair.old, &pair.old, &pair.new));
    now = pair.new;
    now.at[0].generation++;
    assert_non_null(stage_judge_wanted(&now, &pair.old, &pair.new));
    now.at[0] = pair.old.at[0];
    assert_null(stage_judge_wanted(&now, &pair.old, &pair.new));
    now.n--;
    assert_non_null(stage_judge_wanted(&now, &pair.old, &pair.new));
    now = pair.old;
    now.at[1].n_cis = 0;
    assert_non_null(stage_judge_whole(&now, &pair.old, &pair.new));
    now = pair.old;
    pair.old.at[0].busy = true;
    now.at[0].ci_generations[0]++;
    assert_non_null(stage_judge_whole(&now, &pair.old, &pair.new));
    assert_non_null(stage_judge_wanted(&now, &pair.old, &pair.old));
    stage_done(&pair.stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__the_verdict_sees_what_is_wrong),
        cmocka_unit_test(torture__a_kill_at_each_call_is_recovered),
        cmocka_unit_test(torture__a_kill_in_the_recovery_is_recovered),
        cmocka_unit_test(torture__a_torn_journal_is_recovered),
        cmocka_unit_test(torture__a_full_disk_touches_nothing),
        cmocka_unit_test(torture__each_call_may_fail_with_each_code),
    };
    int failed = cmocka_run_group_tests_name("torture of apply", tests, NULL, NULL);
    print_message("%s: %lu cases in all\n", all_of_it() ? "all pairs" : "a sample of the pairs",
                  total);
    return failed;
}
