#include "unit/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "partition/journal.h"
#include "partition/journal_text.h"
#include "partition/recover.h"
#include "unit/partition/desk.h"

static struct gs_journal_step a_step(unsigned n)
{
    return (struct gs_journal_step){
        .n = n,
        .of = 9,
        .kind = GS_JOURNAL_CREATE_CI,
        .gpu = "GPU-11111111-2222-3333-4444-555555555555",
        .profile = 2,
        .start = 4,
        .size = 4,
        .ci_profile = 0,
        .ci_start = 1,
        .was = {.present = false},
        .shall = {.present = true, .n = 3, .profiles = {0, 0, 1}, .starts = {0, 1, 255}},
    };
}

static bool same_step(const struct gs_journal_step *a, const struct gs_journal_step *b)
{
    char x[GS_JOURNAL_RECORD_MAX];
    char y[GS_JOURNAL_RECORD_MAX];
    assert_int_equal(gs_journal_format_step(a, x, sizeof(x), NULL), 0);
    assert_int_equal(gs_journal_format_step(b, y, sizeof(y), NULL), 0);
    return strcmp(x, y) == 0;
}

static void journal__the_last_whole_step_is_what_a_kill_leaves(void **state)
{
    (void)state;
    char dir[64];
    struct gs_journal journal;
    struct gs_journal_left left;
    desk_dir(dir);
    assert_int_equal(gs_journal_load(dir, &left, NULL), GS_NOT_FOUND);
    assert_int_equal(gs_journal_open(&journal, dir, "mig apply", true, 9, NULL, NULL), 0);
    assert_int_equal(gs_journal_load(dir, &left, NULL), 0);
    assert_true(left.exit_hook);
    assert_false(left.begun);
    assert_int_equal(left.pid, getpid());
    assert_string_equal(left.what, "mig apply");
    for (unsigned n = 1; n <= 3; n++) {
        struct gs_journal_step step = a_step(n);
        assert_int_equal(gs_journal_write(&journal, &step, NULL), 0);
        assert_int_equal(gs_journal_load(dir, &left, NULL), 0);
        assert_true(left.begun);
        assert_true(same_step(&left.step, &step));
    }
    assert_int_equal(gs_journal_close(&journal, NULL), 0);
    assert_int_equal(gs_journal_load(dir, &left, NULL), GS_NOT_FOUND);
    desk_dir_done(dir);
}

/* Two steps behind a beginning, as bytes. */
static size_t write_bytes(char *bytes, size_t size)
{
    char text[GS_JOURNAL_RECORD_MAX];
    int n = gs_journal_frame(gs_view("begin pid=5 what=mig apply"), bytes, size);
    for (unsigned k = 1; k <= 2; k++) {
        struct gs_journal_step step = a_step(k);
        gs_journal_format_step(&step, text, sizeof(text), NULL);
        n += gs_journal_frame(gs_view(text), bytes + n, size - (size_t)n);
    }
    return (size_t)n;
}

static void journal__a_torn_end_is_as_if_it_had_not_been_written(void **state)
{
    (void)state;
    char bytes[2048];
    size_t n = write_bytes(bytes, sizeof(bytes));
    unsigned last = 0;
    for (size_t cut = 0; cut <= n; cut++) {
        struct gs_journal_left left;
        /* reserved space behind it, of any length, changes nothing */
        char padded[4096] = {0};
        memcpy(padded, bytes, cut);
        for (size_t behind = 0; behind < 2; behind++) {
            struct gs_view view = {.p = padded, .n = cut + behind * 1000};
            assert_int_equal(gs_journal_parse(view, &left, NULL), 0);
            unsigned step = left.begun ? left.step.n : 0;
            assert_true(step == last || (behind == 0 && step == last + 1));
            last = step;
        }
    }
    assert_int_equal(last, 2);
}

static void journal__no_changed_byte_makes_another_step(void **state)
{
    (void)state;
    char bytes[2048];
    size_t n = write_bytes(bytes, sizeof(bytes));
    const struct gs_journal_step first = a_step(1);
    const struct gs_journal_step second = a_step(2);
    for (size_t at = 0; at < n; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            char changed[2048];
            struct gs_journal_left left;
            memcpy(changed, bytes, n);
            changed[at] = (char)(changed[at] ^ 1 << bit);
            assert_int_equal(gs_journal_parse((struct gs_view){.p = changed, .n = n}, &left, NULL),
                             0);
            assert_true(!left.begun || same_step(&left.step, &first) ||
                        same_step(&left.step, &second));
        }
    }
}

static void journal__of_another_version_is_refused_and_kept(void **state)
{
    (void)state;
    char bytes[512];
    char dir[64];
    char path[128];
    struct gs_err err;
    struct gs_journal_left left;
    int n = gs_journal_frame(gs_view("begin version=2 pid=5"), bytes, sizeof(bytes));
    desk_dir(dir);
    snprintf(path, sizeof(path), "%s/journal", dir);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fwrite(bytes, 1, (size_t)n, out);
    fclose(out);
    assert_int_equal(gs_journal_load(dir, &left, &err), GS_INVALID);
    assert_non_null(strstr(err.msg, path));
    assert_int_equal(access(path, F_OK), 0);
    desk_dir_done(dir);
}

static void journal__that_is_no_file_is_refused(void **state)
{
    (void)state;
    char dir[64];
    char path[128];
    struct gs_err err;
    struct gs_journal_left left;
    struct gs_journal journal;
    desk_dir(dir);
    snprintf(path, sizeof(path), "%s/journal", dir);
    assert_int_equal(symlink("/dev/zero", path), 0);
    assert_true(gs_journal_load(dir, &left, &err) < 0);
    assert_int_equal(gs_journal_open(&journal, dir, "mig apply", false, 9, NULL, &err), GS_IO);
    desk_dir_done(dir);
}

/* What a machine looks like, the last record, and what recovery makes of it. */
struct recovery {
    const char *layout;
    const char *step; /* do=... and, of a compute instance, ci=... */
    const char *was;
    const char *shall;
    const char *becomes;
    const char *says;
};

static void recover_one(const struct recovery *c)
{
    struct gs_gpu_table table;
    struct gs_gpus gpus;
    struct gs_journal journal;
    struct gs_journal_step step;
    struct desk_lines lines = {.used = 0};
    const struct gs_say say = {.line = desk_line, .ctx = &lines};
    char dir[64];
    char text[DESK_TEXT_MAX];
    char of_ci[32] = "";
    struct gs_err err;
    desk_dir(dir);
    desk_machine(&table, "A100-40GB", 2);
    desk_cut(&table, 1, c->layout);
    struct gs_view word = gs_view(c->step);
    struct gs_view what = gs_view_split(&word, ' ');
    if (word.p != NULL) {
        snprintf(of_ci, sizeof(of_ci), " %.*s", GS_VIEW_ARGS(word));
    }
    snprintf(text, sizeof(text),
             "step n=1 of=9 %.*s gpu=%s profile=2 start=4 size=4%s was=%s shall=%s",
             GS_VIEW_ARGS(what), table.gpus[1].uuid, of_ci, c->was, c->shall);
    if (gs_journal_parse_step(gs_view(text), &step, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(gs_journal_open(&journal, dir, "mig apply", false, 9, NULL, NULL), 0);
    assert_int_equal(gs_journal_write(&journal, &step, NULL), 0);
    close(journal.fd);
    gs_gpu_table_open(&table, &gpus);
    assert_int_equal(gs_recover(&gpus, dir, &say, &err), 0);
    if (strcmp(desk_read_inside(&table, 1, text), c->becomes) != 0 ||
        strstr(lines.text, c->says) == NULL) {
        fail_msg("%s, %s, %s -> %s: it is %s: %s", c->layout, c->step, c->was, c->shall, text,
                 lines.text);
    }
    gs_gpu_close(&gpus);
    desk_dir_done(dir); /* the journal is gone: nothing but the folder is there */
}

static void recover__follows_from_what_there_is(void **state)
{
    (void)state;
    static const struct recovery cases[] = {
        {"1g.5gb@0", "do=create", "absent", "2@0", "1g.5gb@0(1c@0)", "had not begun"},
        {"3g.20gb@4()", "do=create", "absent", "2@0", "3g.20gb@4(3c@0)", "is finished now"},
        {"3g.20gb@4", "do=create-ci ci=2@0", "absent", "2@0", "3g.20gb@4(3c@0)", "was complete"},
        {"3g.20gb@4(1c@0)", "do=create-ci ci=0@1", "absent", "0@0,0@1,0@2",
         "3g.20gb@4(1c@0,1c@1,1c@2)", "is finished now"},
        {"3g.20gb@4", "do=destroy-ci ci=2@0", "2@0", "absent", "3g.20gb@4(3c@0)", "had not begun"},
        {"3g.20gb@4()", "do=destroy-ci ci=2@0", "2@0", "absent", "", "is finished now"},
        {"3g.20gb@4()", "do=destroy", "2@0", "absent", "", "is finished now"},
        {"1g.5gb@0", "do=destroy", "2@0", "absent", "1g.5gb@0(1c@0)", "was complete"},
        {"3g.20gb@4(1c@1,1c@2)", "do=destroy-ci ci=0@0", "0@0,0@1,0@2", "absent", "",
         "is finished now"},
        {"3g.20gb@4(1c@2!)", "do=destroy-ci ci=0@1", "0@0,0@1,0@2", "absent",
         "3g.20gb@4(1c@0,1c@1,1c@2)", "is undone now"},
        {"3g.20gb@4()", "do=destroy-ci ci=2@0", "2@0", "1@0,0@2", "3g.20gb@4(2c@0,1c@2)",
         "is finished now"},
        {"3g.20gb@4(2c@0)", "do=create-ci ci=0@2", "2@0", "1@0,0@2", "3g.20gb@4(2c@0,1c@2)",
         "is finished now"},
        {"3g.20gb@4()", "do=create-ci ci=1@0", "0@1", "1@0", "3g.20gb@4(2c@0)", "is finished now"},
        {"3g.20gb@4(1c@1)", "do=create-ci ci=1@0", "0@1", "1@0", "3g.20gb@4(1c@1)",
         "had not begun"},
        {"", "do=create-ci ci=1@0", "2@0", "1@0,0@2", "", "has nothing left to finish"},
        /* of another profile at that place: not the one that the journal speaks of */
        {"1g.5gb@4()", "do=destroy", "2@0", "absent", "1g.5gb@4()", "was complete"},
        /* of the first versions, which wrote no places */
        {"3g.20gb@4(1c)", "do=create-ci", "absent", "0,0,0", "3g.20gb@4(1c@0,1c@1,1c@2)",
         "is finished now"},
        {"3g.20gb@4(1c,1c)", "do=destroy-ci", "0,0,0", "absent", "", "is finished now"},
        {"3g.20gb@4(1c@1!)", "do=destroy-ci", "0,0", "absent", "3g.20gb@4(1c@0,1c@1)",
         "is undone now"},
    };
    for (unsigned k = 0; k < GS_ARRAY_LEN(cases); k++) {
        recover_one(&cases[k]);
    }
}

static void recover__leaves_alone_what_others_made_or_removed_since(void **state)
{
    (void)state;
    static const struct recovery cases[] = {
        /* theirs beside ours */
        {"3g.20gb@4(1c@2)", "do=create", "absent", "1@0", "3g.20gb@4(2c@0,1c@2)",
         "is finished now"},
        {"3g.20gb@4(1c@1,1c@2)", "do=destroy-ci ci=0@0", "0@0,0@1", "absent",
         "3g.20gb@4(1c@0,1c@1,1c@2)", "is undone now"},
        {"3g.20gb@4(1c@0,1c@2)", "do=create-ci ci=0@1", "0@0", "0@0,0@1", "3g.20gb@4(1c@0,1c@2)",
         "had not begun"},
        /* theirs in the place of ours */
        {"3g.20gb@4(1c@2)", "do=create", "absent", "2@0", "3g.20gb@4(1c@2)",
         "somebody else made since"},
        {"3g.20gb@4(1c@1)", "do=destroy", "2@0", "absent", "3g.20gb@4(1c@1)",
         "could be neither finished nor undone"},
        /* what neither list changes, and was removed: not made again */
        {"3g.20gb@4(1c@1)", "do=create-ci ci=0@1", "0@0", "0@0,0@1", "3g.20gb@4(1c@1)",
         "was complete"},
        {"3g.20gb@4()", "do=create-ci ci=0@1", "0@0", "0@0,0@1", "3g.20gb@4()", "had not begun"},
        /* what earlier steps had made, and was removed */
        {"3g.20gb@4(1c@1,1c@2)", "do=create-ci ci=0@2", "absent", "0@0,0@1,0@2",
         "3g.20gb@4(1c@1,1c@2)", "somebody else has changed it since"},
        {"3g.20gb@4(1c@1)", "do=create-ci ci=0@2", "absent", "0@0,0@1,0@2", "3g.20gb@4(1c@1,1c@2)",
         "is finished now"},
    };
    for (unsigned k = 0; k < GS_ARRAY_LEN(cases); k++) {
        recover_one(&cases[k]);
    }
}

/* A step had failed, or its recovery, and its undoing was killed. */
static void recover__goes_on_with_an_undoing(void **state)
{
    (void)state;
    static const struct recovery cases[] = {
        {"3g.20gb@4(1c@0)", "do=create-ci ci=0@2", "absent", "0@0,0@1,0@2", "", "is undone now"},
        {"3g.20gb@4(1c@0,1c@2)", "do=destroy-ci ci=0@2", "0@0,0@1,0@2", "absent",
         "3g.20gb@4(1c@0,1c@1,1c@2)", "is undone now"},
        {"3g.20gb@4(1c@1)", "do=destroy", "0@0,0@1", "absent", "3g.20gb@4(1c@0,1c@1)",
         "is undone now"},
        {"3g.20gb@4(2c@0)", "do=destroy", "1@0,0@2", "absent", "3g.20gb@4(2c@0,1c@2)",
         "is undone now"},
    };
    for (unsigned k = 0; k < GS_ARRAY_LEN(cases); k++) {
        recover_one(&cases[k]);
    }
}

static void journal__shows_nothing_that_a_terminal_would_act_on(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "begin pid=5 what=mig\x1b[31m apply", "begin pid=5 what=mig\x7f",
        "begin pid=5 what=\xc2\x9b[31m",
        "step n=1 of=9 do=destroy gpu=GPU-\x1b[2J profile=2 start=4 size=4 was=2@0 shall=absent",
        "nothing\x1b]0;title\x07 of ours"};
    for (unsigned k = 0; k < GS_ARRAY_LEN(texts); k++) {
        char bytes[1024];
        struct gs_journal_left left;
        struct gs_err err;
        int n = 0;
        if (strncmp(texts[k], "begin", 5) != 0) {
            n = gs_journal_frame(gs_view("begin pid=5 what=mig apply"), bytes, sizeof(bytes));
        }
        n += gs_journal_frame(gs_view(texts[k]), bytes + n, sizeof(bytes) - (size_t)n);
        struct gs_view view = {.p = bytes, .n = (size_t)n};
        assert_int_equal(gs_journal_parse(view, &left, &err), GS_INVALID);
        for (const char *c = err.msg; *c != '\0'; c++) {
            assert_true(*c >= ' ' && *c <= '~');
        }
    }
}

static void journal__what_gpuslice_never_wrote_is_told_from_what_is_torn(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        bool not_ours;
    } cases[] = {
        {"", 0, false},
        {"\0\0\0\0\0\0\0\0", 8, false},
        {"gs\0\0\0\0", 6, false},
        {"gsj1 00", 7, false},
        {"gsj1 0004 00000000 nope\n", 24, false},
        {"hello", 5, true},
        {"gsj2 0004", 9, true},
        {"\0\0x", 3, true},
        {"\x1b[31m", 5, true},
    };
    struct gs_gpu_table table;
    struct gs_gpus gpus;
    struct gs_journal_left left;
    char dir[64];
    char path[80];
    desk_machine(&table, "A100-40GB", 1);
    gs_gpu_table_open(&table, &gpus);
    for (unsigned k = 0; k < GS_ARRAY_LEN(cases); k++) {
        struct desk_lines lines = {.used = 0};
        const struct gs_say say = {.line = desk_line, .ctx = &lines};
        desk_dir(dir);
        snprintf(path, sizeof(path), "%s/journal", dir);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(cases[k].bytes, 1, cases[k].n, file), cases[k].n);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(gs_journal_load(dir, &left, NULL), 0);
        assert_int_equal(left.not_ours, cases[k].not_ours);
        gs_recover_notice(dir, &say);
        assert_int_equal(gs_recover_look(&gpus, dir, &say, NULL), 0);
        assert_int_equal(gs_recover(&gpus, dir, &say, NULL), 0);
        assert_int_equal(strstr(lines.text, "killed") != NULL, true);
        assert_int_equal(strstr(lines.text, "nothing in it that gpuslice writes") != NULL,
                         cases[k].not_ours);
        assert_int_equal(strstr(lines.text, "no step had begun") == NULL, cases[k].not_ours);
        assert_int_equal(gs_journal_load(dir, &left, NULL), GS_NOT_FOUND);
        desk_dir_done(dir);
    }
    gs_gpu_close(&gpus);
}

static void recover__a_gpu_that_is_gone_is_said_and_no_error(void **state)
{
    (void)state;
    struct gs_gpu_table table;
    struct gs_gpus gpus;
    struct gs_journal journal;
    struct gs_journal_left left;
    struct desk_lines lines = {.used = 0};
    const struct gs_say say = {.line = desk_line, .ctx = &lines};
    char dir[64];
    struct gs_journal_step step = a_step(1);
    desk_dir(dir);
    desk_machine(&table, "A100-40GB", 1);
    assert_int_equal(gs_journal_open(&journal, dir, "mig apply", false, 9, NULL, NULL), 0);
    assert_int_equal(gs_journal_write(&journal, &step, NULL), 0);
    close(journal.fd);
    gs_gpu_table_open(&table, &gpus);
    assert_int_equal(gs_recover(&gpus, dir, &say, NULL), 0);
    assert_non_null(strstr(lines.text, step.gpu));
    assert_int_equal(gs_journal_load(dir, &left, NULL), GS_NOT_FOUND);
    desk_dir_done(dir);
}

static void recover__a_driver_that_does_not_answer_keeps_the_journal(void **state)
{
    (void)state;
    struct gs_gpu_table table;
    struct gs_gpus gpus;
    struct gs_journal journal;
    struct gs_journal_left left;
    char dir[64];
    const struct gs_say say = {.line = NULL};
    const struct gs_gpu_fault fault = {
        .op = GS_GPU_OP_INSTANCES, .times = 1, .code = GS_IO, .sys_errno = EPERM};
    struct gs_journal_step step = a_step(1);
    desk_dir(dir);
    desk_machine(&table, "A100-40GB", 1);
    desk_cut(&table, 0, "3g.20gb@4()");
    snprintf(step.gpu, sizeof(step.gpu), "%s", table.gpus[0].uuid);
    assert_int_equal(gs_journal_open(&journal, dir, "mig apply", false, 9, NULL, NULL), 0);
    assert_int_equal(gs_journal_write(&journal, &step, NULL), 0);
    close(journal.fd);
    assert_int_equal(gs_gpu_table_fault(&table, &fault, NULL), 0);
    gs_gpu_table_open(&table, &gpus);
    assert_int_equal(gs_recover(&gpus, dir, &say, NULL), GS_IO);
    assert_int_equal(gs_journal_load(dir, &left, NULL), 0);
    assert_int_equal(gs_recover(&gpus, dir, &say, NULL), 0);
    assert_int_equal(gs_journal_load(dir, &left, NULL), GS_NOT_FOUND);
    desk_dir_done(dir);
}

static void holder__finds_the_pod_of_either_cgroup_driver(void **state)
{
    (void)state;
    static const char uid[] = "12345678-9abc-def0-1234-56789abcdef0";
    char pod[GS_HOLDER_POD_MAX + 1];
    static const char *const pods[] = {
        "0::/kubepods/burstable/pod12345678-9abc-def0-1234-56789abcdef0/0123abcd\n",
        "0::/kubepods.slice/kubepods-besteffort-pod12345678_9abc_def0_1234_56789abcdef0.slice/cri-0123.scope\n",
        "12:memory:/system.slice\n5:cpu:/kubepods/pod12345678-9abc-def0-1234-56789abcdef0/x\n",
    };
    static const char *const others[] = {"",
                                         "0::/user.slice/user-0.slice",
                                         "0::/kubepods/besteffort",
                                         "0::/kubepods/pod1234",
                                         "0::/podman/pod12345678-9abc-def0-1234-56789abcdef0",
                                         "0::/kubepods/pod12345678-9abc-def0-1234-56789abcdefg"};
    for (unsigned k = 0; k < GS_ARRAY_LEN(pods); k++) {
        assert_true(gs_holder_pod(gs_view(pods[k]), pod));
        assert_string_equal(pod, uid);
    }
    for (unsigned k = 0; k < GS_ARRAY_LEN(others); k++) {
        assert_false(gs_holder_pod(gs_view(others[k]), pod));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(journal__the_last_whole_step_is_what_a_kill_leaves),
        cmocka_unit_test(journal__a_torn_end_is_as_if_it_had_not_been_written),
        cmocka_unit_test(journal__no_changed_byte_makes_another_step),
        cmocka_unit_test(journal__of_another_version_is_refused_and_kept),
        cmocka_unit_test(journal__that_is_no_file_is_refused),
        cmocka_unit_test(journal__shows_nothing_that_a_terminal_would_act_on),
        cmocka_unit_test(recover__follows_from_what_there_is),
        cmocka_unit_test(recover__leaves_alone_what_others_made_or_removed_since),
        cmocka_unit_test(recover__goes_on_with_an_undoing),
        cmocka_unit_test(journal__what_gpuslice_never_wrote_is_told_from_what_is_torn),
        cmocka_unit_test(recover__a_gpu_that_is_gone_is_said_and_no_error),
        cmocka_unit_test(recover__a_driver_that_does_not_answer_keeps_the_journal),
        cmocka_unit_test(holder__finds_the_pod_of_either_cgroup_driver),
    };
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
