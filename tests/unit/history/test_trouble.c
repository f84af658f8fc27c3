/* No memory in SQLite, a full disk, a file that may not be written: what is said, and what is there
 * after it. */
#include "unit/check.h"

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "history/file.h"
#include "history/history.h"
#include "unit/scratch.h"

#define NOON 1800000000ll
enum { NOBODY = 65534, SAMPLES_MAX = 100000 };

static char folder[SCRATCH_PATH];
static char file[SCRATCH_PATH + 8];

static int begin_test(void **state)
{
    if (!scratch_make("gpuslice-trouble", folder, sizeof(folder))) {
        return -1;
    }
    snprintf(file, sizeof(file), "%s/h.db", folder);
    *state = file;
    return 0;
}

static int end_test(void **state)
{
    (void)state;
    scratch_remove_all();
    return 0;
}

/* 30 millionths an hour for 15 s, and a series whose name is new each time. */
static int add(struct gs_history *history, int64_t at_s, struct gs_err *err)
{
    char label[40];
    snprintf(label, sizeof(label), "pool=%lld", (long long)at_s % 1000);
    const struct gs_history_value value = {"held_percent", label, 1};
    const struct gs_history_cost costs[] = {{GS_HISTORY_PART, "used", 30},
                                            {GS_HISTORY_NAMESPACE, label, 30},
                                            {GS_HISTORY_WORKLOAD, label, 30},
                                            {GS_HISTORY_POOL, label, 30}};
    return gs_history_add(history, at_s, &value, 1, 15, costs, 4, err);
}

static int take(void *ctx, const struct gs_history_paid *paid, struct gs_err *err)
{
    uint64_t *sum = ctx;
    (void)err;
    *sum += paid->uusd * 3600 + paid->rest;
    return 0;
}

/* The samples that are in it: each kind has them all, and nothing of others. */
static uint64_t count(struct gs_history *history)
{
    uint64_t known_s = 0;
    for (unsigned by = 0; by < GS_HISTORY_BYS; by++) {
        uint64_t sum = 0;
        struct gs_err err = {.msg = ""};
        if (gs_history_paid(history, (enum gs_history_by)by, NOON - 86400, NOON + 86400 * 30, take,
                            &sum, &known_s, &err) != 0) {
            fail_msg("%s", err.msg);
        }
        assert_int_equal(gs_history_left_out(history)->n, 0);
        assert_int_equal(sum, known_s * 30);
    }
    return known_s / 15;
}

static struct gs_history *open_it(const char *path)
{
    struct gs_history *history = NULL;
    struct gs_err err = {.msg = ""};
    if (gs_history_open(path, &history, &err) != 0) {
        fail_msg("%s", err.msg);
    }
    return history;
}

/* ---- memory ---- */

static sqlite3_mem_methods real;
static unsigned asked, refuse_at; /* 0: none */

static void *get(int n)
{
    return ++asked == refuse_at ? NULL : real.xMalloc(n);
}

static void *get_more(void *old, int n)
{
    return ++asked == refuse_at ? NULL : real.xRealloc(old, n);
}

static void wrap_memory(void)
{
    sqlite3_shutdown();
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real), SQLITE_OK);
    sqlite3_mem_methods mine = real;
    mine.xMalloc = get;
    mine.xRealloc = get_more;
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &mine), SQLITE_OK);
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0), SQLITE_OK);
}

/* A start, a sample, what has to be done each minute, and a bill. */
static int work(const char *path, int64_t at_s, struct gs_err *err)
{
    GS_CLEANUP(gs_history_closep) struct gs_history *history = NULL;
    struct gs_history_aside aside;
    uint64_t sum = 0;
    uint64_t known_s = 0;
    int r = gs_history_open_anew(path, at_s, false, &history, &aside, err);
    assert_string_equal(aside.path, ""); /* no memory is no damage */
    r = r == 0 ? add(history, at_s, err) : r;
    r = r == 0 ? gs_history_roll(history, at_s, err) : r;
    r = r == 0 ? gs_history_paid(history, GS_HISTORY_POOL, 0, at_s + 1, take, &sum, &known_s, err)
               : r;
    assert_true(history == NULL || !gs_history_is_damaged(history));
    return r;
}

static void memory__that_sqlite_does_not_get_damages_nothing(void **state)
{
    unsigned failed = 0;
    wrap_memory();
    int r = -1;
    for (unsigned n = 1; r != 0; n += 1 + n / 20) {
        struct gs_err err = {.msg = ""};
        asked = 0;
        refuse_at = n;
        r = work(*state, NOON + n * 15, &err);
        bool reached = asked >= n;
        refuse_at = 0;
        if (r != 0) {
            assert_true(r == GS_NO_MEMORY || r == GS_IO);
            assert_true(err.msg[0] != '\0');
        }
        r = reached ? -1 : r; /* SQLite may do without */
        failed++;
        GS_CLEANUP(gs_history_closep) struct gs_history *history = open_it(*state);
        (void)count(history);
    }
    print_message("%u requests were refused\n", failed);
    assert_true(failed > 50);
    sqlite3_shutdown();
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &real), SQLITE_OK);
}

/* ---- disk ---- */

/* Adds until it fails; how many went. */
static unsigned fill(struct gs_history *history, int64_t *at_s, struct gs_err *err)
{
    unsigned n = 0;
    while (n < SAMPLES_MAX && add(history, *at_s, err) == 0) {
        *at_s += 15;
        n++;
    }
    assert_true(n < SAMPLES_MAX);
    return n;
}

static void disk__that_is_full_is_said_and_what_was_written_is_there(void **state)
{
    GS_CLEANUP(gs_history_closep) struct gs_history *history = open_it(*state);
    struct gs_err err = {.msg = ""};
    int64_t at_s = NOON;
    assert_int_equal(gs_history_run(history, "PRAGMA max_page_count = 60", &err), 0);
    unsigned n = fill(history, &at_s, &err);
    assert_int_equal(err.code, GS_IO);
    assert_non_null(strstr(err.msg, "full"));
    assert_false(gs_history_is_damaged(history));
    assert_int_equal(count(history), n);
    /* again, and nothing is worse for it */
    assert_int_equal(add(history, at_s, &err), GS_IO);
    assert_int_equal(count(history), n);
    /* room is made */
    assert_int_equal(gs_history_run(history, "PRAGMA max_page_count = 100000", &err), 0);
    assert_int_equal(add(history, at_s, &err), 0);
    assert_int_equal(count(history), n + 1);
}

/* The system itself refuses a write, wherever it falls. */
static void disk__of_which_a_write_fails_loses_that_sample_alone(void **state)
{
    struct rlimit was;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    for (rlim_t kib = 80; kib <= 320; kib += 30) {
        struct gs_err err = {.msg = ""};
        int64_t at_s = NOON;
        uint64_t n = 0;
        (void)unlink(*state);
        {
            GS_CLEANUP(gs_history_closep) struct gs_history *history = open_it(*state);
            const struct rlimit small = {.rlim_cur = kib << 10, .rlim_max = was.rlim_max};
            assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
            n = fill(history, &at_s, &err);
            assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
            assert_int_equal(err.code, GS_IO);
            assert_int_equal(count(history), n);
            assert_int_equal(add(history, at_s, &err), 0); /* there is room again */
        }
        GS_CLEANUP(gs_history_closep) struct gs_history *again = open_it(*state);
        assert_int_equal(count(again), n + 1);
    }
    (void)signal(SIGXFSZ, SIG_DFL);
}

/* Runs as somebody who may not write there; what it says is the exit status. */
static int as_nobody(int (*what)(const char *path), const char *path)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool root = geteuid() == 0;
        _exit(root && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0) ? 99 : what(path));
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int read_four(const char *path)
{
    GS_CLEANUP(gs_history_closep) struct gs_history *history = NULL;
    struct gs_err err = {.msg = ""};
    uint64_t sum = 0;
    uint64_t known_s = 0;
    int r = gs_history_open_to_read(path, &history, &err);
    r = r == 0 ? gs_history_paid(history, GS_HISTORY_POOL, NOON - 86400, NOON + 86400, take, &sum,
                                 &known_s, &err)
               : r;
    if (r != 0) {
        fprintf(stderr, "%s\n", err.msg);
    }
    return r != 0 ? 1 : known_s == 60 ? 0 : 2;
}

static int is_refused(const char *path)
{
    struct gs_history *history = NULL;
    struct gs_history_aside aside;
    struct gs_err err = {.msg = ""};
    int r = gs_history_open_anew(path, NOON, false, &history, &aside, &err);
    return r == GS_IO && aside.path[0] == '\0' ? 0 : 1;
}

static void disk__that_may_only_be_read_is_read(void **state)
{
    struct gs_err err = {.msg = ""};
    {
        GS_CLEANUP(gs_history_closep) struct gs_history *history = open_it(*state);
        for (int i = 0; i < 4; i++) {
            assert_int_equal(add(history, NOON + i * 15, &err), 0);
        }
    }
    assert_int_equal(chmod(*state, 0444), 0);
    assert_int_equal(chmod(folder, 0555), 0);
    int read = as_nobody(read_four, *state);
    int refused = as_nobody(is_refused, *state);
    assert_int_equal(chmod(folder, 0700), 0);
    assert_int_equal(read, 0);
    assert_int_equal(refused, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin_test, end_test)
    const struct CMUnitTest tests[] = {
        CASE(memory__that_sqlite_does_not_get_damages_nothing),
        CASE(disk__that_is_full_is_said_and_what_was_written_is_there),
        CASE(disk__of_which_a_write_fails_loses_that_sample_alone),
        CASE(disk__that_may_only_be_read_is_read),
    };
#undef CASE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
