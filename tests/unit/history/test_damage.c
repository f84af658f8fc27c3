/* A file that is not what was written: what is said of it, and that no other sum comes of it. */
#include "unit/check.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "history/history.h"
#include "unit/scratch.h"

#define HOUR_0 INT64_C(500000) /* since 1970 */
enum { HOURS = 6, AN_HOUR = 3600, FLIPS = 400 };

static char folder[SCRATCH_PATH];
static char file[SCRATCH_PATH + 8];

static int begin_test(void **state)
{
    if (!scratch_make("gpuslice-damage", folder, sizeof(folder))) {
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

/* What hour `i` has cost, in millionths of a dollar. */
static uint64_t bill_of(unsigned i)
{
    return 1000 * (i + 2) + 7;
}

static void write_hour(struct gs_history *history, unsigned i)
{
    struct gs_err err = {.msg = ""};
    uint64_t bill = bill_of(i);
    const struct gs_history_value value = {"held_percent", "", 10};
    const struct gs_history_cost costs[] = {{GS_HISTORY_PART, "used", bill - 100},
                                            {GS_HISTORY_PART, "idle", 100},
                                            {GS_HISTORY_NAMESPACE, "team-a", 1000},
                                            {GS_HISTORY_NAMESPACE, "team-b", bill - 1100},
                                            {GS_HISTORY_NAMESPACE, "(idle)", 100},
                                            {GS_HISTORY_WORKLOAD, "team-a/Job/a", bill},
                                            {GS_HISTORY_POOL, "", bill}};
    const struct gs_history_event event = {(HOUR_0 + i) * AN_HOUR, "GPU-1", "Held", "one"};
    int r =
        gs_history_add(history, (HOUR_0 + i) * AN_HOUR + 1800, &value, 1, AN_HOUR, costs, 7, &err);
    r = r == 0 ? gs_history_add_event(history, &event, &err) : r;
    if (r != 0) {
        fail_msg("%s", err.msg);
    }
}

static void write_file(const char *path)
{
    GS_CLEANUP(gs_history_closep) struct gs_history *history = NULL;
    struct gs_err err = {.msg = ""};
    if (gs_history_open(path, &history, &err) != 0) {
        fail_msg("%s", err.msg);
    }
    for (unsigned i = 0; i < HOURS; i++) {
        write_hour(history, i);
    }
}

static void change(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    char *said = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &said) != SQLITE_OK) {
        fail_msg("%s: %s", sql, said);
    }
    sqlite3_close(db);
}

/* ---- reading it ---- */

static int take(void *ctx, const struct gs_history_paid *paid, struct gs_err *err)
{
    uint64_t *sum = ctx; /* in 3600ths of a millionth */
    (void)err;
    *sum += paid->uusd * AN_HOUR + paid->rest;
    return 0;
}

/* The sum of one kind. Negative: it says that it cannot be read. */
static int read_sum(struct gs_history *history, unsigned by, uint64_t *ret, uint64_t *ret_known_s,
                    struct gs_err *err)
{
    *ret = 0;
    return gs_history_paid(history, (enum gs_history_by)by, (HOUR_0 - 100) * AN_HOUR,
                           (HOUR_0 + 100) * AN_HOUR, take, ret, ret_known_s, err);
}

/* Hours of ours that are not left out, added up as they were written. */
static uint64_t truth_but(const struct gs_history_left_out *out, unsigned *ret_gone)
{
    uint64_t truth = 0;
    *ret_gone = 0;
    for (unsigned i = 0; i < HOURS; i++) {
        bool gone = false;
        for (uint64_t k = 0; k < out->n && k < GS_HISTORY_LEFT_OUT_MAX; k++) {
            gone = gone || out->at[k].at_s == (HOUR_0 + i) * AN_HOUR;
        }
        truth += gone ? 0 : bill_of(i) * AN_HOUR;
        *ret_gone += gone;
    }
    return truth;
}

/* Every kind gives what was written, without the hours that it says are left out. */
static unsigned read_all(struct gs_history *history)
{
    unsigned gone = 0;
    for (unsigned by = 0; by < GS_HISTORY_BYS; by++) {
        struct gs_err err = {.msg = ""};
        uint64_t sum = 0;
        uint64_t known_s = 0;
        if (read_sum(history, by, &sum, &known_s, &err) != 0) {
            fail_msg("%s", err.msg);
        }
        uint64_t truth = truth_but(gs_history_left_out(history), &gone);
        assert_int_equal(sum, truth);
        assert_int_equal(known_s, (HOURS - gone) * AN_HOUR);
    }
    return gone;
}

static void money__that_was_changed_is_left_out_with_its_time_whatever_is_asked(void **state)
{
#define AT " WHERE hour = 500002"
    static const struct {
        const char *sql;
        const char *why;
    } damages[] = {
        {"UPDATE paid SET uusd_h_s = uusd_h_s + 1" AT " AND kind = 1 AND name = 'team-a'",
         "its namespaces are not its bill"},
        {"UPDATE paid SET uusd_h_s = uusd_h_s - 1" AT " AND name = 'used'",
         "its parts are not its bill"},
        {"UPDATE paid SET uusd_h_s = -1" AT " AND name = 'idle'", "not a part of its bill"},
        {"UPDATE paid SET uusd_h_s = 1 << 62" AT " AND name = 'idle'", "not a part of its bill"},
        {"UPDATE paid SET uusd_h_s = 1.5" AT " AND name = 'idle'", "not a part of its bill"},
        {"UPDATE paid SET uusd_h_s = 'many'" AT " AND name = 'idle'", "not a part of its bill"},
        {"UPDATE paid SET name = 'usedd'" AT " AND name = 'used'", "no name that is written"},
        {"UPDATE paid SET name = 'team-z'" AT " AND name = 'team-a'", "names and amounts"},
        {"UPDATE paid SET name = x'7465616d2d61'" AT " AND name = 'team-a'",
         "no name that is written"},
        {"UPDATE paid SET name = 'team' || char(27) || '[2J'" AT " AND name = 'team-a'",
         "no name that is written"},
        {"UPDATE paid SET name = CAST(x'74ff' AS TEXT)" AT " AND name = 'team-a'",
         "no name that is written"},
        {"UPDATE paid SET name = printf('%.*c', 257, 'x')" AT " AND name = 'team-a'",
         "no name that is written"},
        {"UPDATE paid SET kind = 2" AT " AND kind = 3", "its workloads are not its bill"},
        {"UPDATE paid SET kind = 4" AT " AND kind = 3", "of no kind that is written"},
        {"UPDATE paid SET kind = 'x'" AT " AND kind = 3", "of no kind that is written"},
        {"UPDATE paid SET hour = 500002.5" AT " AND kind = 3", "of no kind that is written"},
        {"DELETE FROM paid" AT " AND kind = 3", "its pools are not its bill: 0 +"},
        {"DELETE FROM paid" AT, "its parts are not its bill: 0 +"},
        {"UPDATE known SET bill = bill + 1" AT, "its parts are not its bill"},
        {"UPDATE known SET bill = 'much'" AT, "its bill is no number"},
        {"UPDATE known SET bill = 1 << 62" AT, "its bill is no number"},
        {"UPDATE known SET seconds = 0" AT, "of how many seconds"},
        {"UPDATE known SET seconds = 'all'" AT, "of how many seconds"},
        {"UPDATE known SET seconds = 3599" AT, "its seconds, names and amounts"},
        {"UPDATE known SET seconds = 3601" AT, "its seconds, names and amounts"},
        {"UPDATE known SET seconds = 14400" AT, "its seconds, names and amounts"},
        {"UPDATE known SET seconds = 14401" AT, "of how many seconds"},
        {"UPDATE known SET seconds = 86400" AT, "of how many seconds"},
        {"UPDATE known SET seconds = 3600 + (1 << 61)" AT, "of how many seconds"},
        {"UPDATE known SET digest = digest + 1" AT, "names and amounts"},
        {"UPDATE known SET digest = -2" AT, "digest"},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(damages); i++) {
        const char *path = *state;
        GS_CLEANUP(gs_history_closep) struct gs_history *history = NULL;
        struct gs_err err = {.msg = ""};
        (void)unlink(path);
        write_file(path);
        change(path, damages[i].sql);
        if (gs_history_open_to_read(path, &history, &err) != 0) {
            fail_msg("%s: %s", damages[i].sql, err.msg);
        }
        if (read_all(history) != 1 ||
            strstr(gs_history_left_out(history)->at[0].why, damages[i].why) == NULL) {
            fail_msg("%s: found %llu: %s", damages[i].sql,
                     (unsigned long long)gs_history_left_out(history)->n,
                     gs_history_left_out(history)->at[0].why);
        }
    }
#undef AT
}

static void money__of_an_hour_that_nobody_knows_is_in_no_sum(void **state)
{
    GS_CLEANUP(gs_history_closep) struct gs_history *history = NULL;
    write_file(*state);
    change(*state, "DELETE FROM known WHERE hour = 500003");
    assert_int_equal(gs_history_open_to_read(*state, &history, NULL), 0);
    assert_int_equal(read_all(history), 1);
    assert_string_equal(gs_history_left_out(history)->at[0].why,
                        "of none of its seconds is it known");
}

static int count_point(void *ctx, const struct gs_history_point *point, struct gs_err *err)
{
    unsigned *n = ctx;
    (void)err;
    assert_true(point->mean == 10 && point->least == 10 && point->most == 10);
    (*n)++;
    return 0;
}

static void numbers__that_were_changed_are_left_out_with_their_time(void **state)
{
    static const char *const damages[] = {
        "UPDATE points SET sum = sum + 1 WHERE at = 1800009000",
        "UPDATE points SET sum = 9e999 WHERE at = 1800009000",
        "UPDATE points SET sum = 'x' WHERE at = 1800009000",
        "UPDATE points SET n = 0 WHERE at = 1800009000",
        "UPDATE points SET n = -1 WHERE at = 1800009000",
        "UPDATE points SET least = 11 WHERE at = 1800009000",
        "UPDATE points SET most = -9e999, least = -9e999 WHERE at = 1800009000",
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(damages); i++) {
        GS_CLEANUP(gs_history_closep) struct gs_history *history = NULL;
        unsigned n = 0;
        uint32_t step = 0;
        (void)unlink(*state);
        write_file(*state);
        change(*state, damages[i]);
        assert_int_equal(gs_history_open_to_read(*state, &history, NULL), 0);
        assert_int_equal(gs_history_read(history, "held_percent", HOUR_0 * AN_HOUR,
                                         (HOUR_0 + HOURS) * AN_HOUR, 15, HOUR_0 * AN_HOUR,
                                         count_point, &n, &step, NULL),
                         0);
        const struct gs_history_left_out *out = gs_history_left_out(history);
        if (n != HOURS - 1 || out->n != 1 || out->at[0].at_s != 1800009000) {
            fail_msg("%s: %u points, %llu left out", damages[i], n, (unsigned long long)out->n);
        }
    }
}

static int count_event(void *ctx, const struct gs_history_event *event, struct gs_err *err)
{
    unsigned *n = ctx;
    (void)err;
    assert_string_equal(event->text, "one");
    (*n)++;
    return 0;
}

static void events__that_no_terminal_should_see_are_left_out(void **state)
{
    GS_CLEANUP(gs_history_closep) struct gs_history *history = NULL;
    unsigned n = 0;
    write_file(*state);
    change(*state, "UPDATE events SET text = char(27) || '[2J' WHERE id = 1;"
                   "UPDATE events SET what = x'00' WHERE id = 2;"
                   "UPDATE events SET at = -5 WHERE id = 3");
    assert_int_equal(gs_history_open_to_read(*state, &history, NULL), 0);
    assert_int_equal(gs_history_events(history, "GPU-1", 100, count_event, &n, NULL), 0);
    assert_int_equal(n, HOURS - 3);
    assert_int_equal(gs_history_left_out(history)->n, 3);
}

/* ---- opening it ---- */

static void file__with_other_tables_is_no_history(void **state)
{
    static const char *const damages[] = {
        "CREATE TABLE more (a)",
        "DROP INDEX points_by_time",
        "CREATE TRIGGER t AFTER INSERT ON paid BEGIN DELETE FROM known; END",
        /* it has no end */
        ("DROP TABLE paid; CREATE VIEW paid AS WITH RECURSIVE n(a) AS"
         " (SELECT 1 UNION ALL SELECT a FROM n) SELECT a FROM n"),
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(damages); i++) {
        struct gs_history *history = NULL;
        struct gs_err err = {.msg = ""};
        (void)unlink(*state);
        write_file(*state);
        change(*state, damages[i]);
        assert_int_equal(gs_history_open_to_read(*state, &history, &err), GS_INVALID);
        assert_non_null(strstr(err.msg, "tables"));
    }
    /* what ANALYZE leaves is fine */
    GS_CLEANUP(gs_history_closep) struct gs_history *history = NULL;
    (void)unlink(*state);
    write_file(*state);
    change(*state, "ANALYZE");
    assert_int_equal(gs_history_open_to_read(*state, &history, NULL), 0);
}

static void file__of_another_program_is_refused_and_left_alone(void **state)
{
    struct gs_history_aside aside;
    struct gs_history *history = NULL;
    struct gs_err err = {.msg = ""};
    change(*state, "CREATE TABLE a (b); PRAGMA user_version = 2");
    assert_int_equal(gs_history_open_to_read(*state, &history, &err), GS_INVALID);
    assert_non_null(strstr(err.msg, "another program"));
    assert_int_equal(gs_history_open_anew(*state, 1, false, &history, &aside, &err), GS_INVALID);
    assert_string_equal(aside.path, "");
    assert_int_equal(gs_history_count_aside(*state), 0);
    assert_int_equal(access(*state, F_OK), 0);
}

static void file__of_version_2_is_brought_up_to_date_and_its_seconds_guarded(void **state)
{
    GS_CLEANUP(gs_history_closep) struct gs_history *history = NULL;
    write_file(*state);
    change(*state, "UPDATE known SET digest = (digest + (1 << 61) - seconds * 1779033703951)"
                   " % (1 << 61);"
                   "PRAGMA user_version = 2");
    assert_int_equal(gs_history_open(*state, &history, NULL), 0);
    assert_int_equal(read_all(history), 0);
    change(*state, "UPDATE known SET seconds = 3599 WHERE hour = 500001");
    assert_int_equal(read_all(history), 1);
}

/* The clock stands still, or is set back again and again. */
static void hour__that_is_lived_through_again_has_the_costs_of_four_at_most(void **state)
{
    GS_CLEANUP(gs_history_closep) struct gs_history *history = NULL;
    struct gs_err err;
    assert_int_equal(gs_history_open(*state, &history, &err), 0);
    for (uint64_t lived = 1; lived <= 6; lived++) {
        uint64_t sum = 0;
        uint64_t known_s = 0;
        write_hour(history, 0);
        assert_int_equal(read_sum(history, GS_HISTORY_POOL, &sum, &known_s, &err), 0);
        assert_int_equal(sum, (lived < 4 ? lived : 4) * bill_of(0) * AN_HOUR);
        assert_int_equal(known_s, AN_HOUR);
        assert_int_equal(gs_history_left_out(history)->n, 0);
    }
}

static void file__of_version_1_is_brought_up_to_date_with_its_money(void **state)
{
    write_file(*state);
    change(*state, "ALTER TABLE known DROP COLUMN bill; ALTER TABLE known DROP COLUMN digest;"
                   "PRAGMA user_version = 1; PRAGMA application_id = 0");
    struct gs_history *none = NULL;
    assert_int_equal(gs_history_open_to_read(*state, &none, NULL), GS_INVALID);
    GS_CLEANUP(gs_history_closep) struct gs_history *history = NULL;
    struct gs_err err = {.msg = ""};
    if (gs_history_open(*state, &history, &err) != 0) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(read_all(history), 0);
}

static void overwrite(const char *path, off_t at, const void *bytes, size_t n)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && pwrite(fd, bytes, n, at) == (ssize_t)n);
    close(fd);
}

static void file__that_is_damaged_is_put_aside_and_a_new_one_begun(void **state)
{
    static const unsigned char zeros[4096];
    for (unsigned i = 0; i <= GS_HISTORY_ASIDE_MAX; i++) {
        GS_CLEANUP(gs_history_closep) struct gs_history *history = NULL;
        struct gs_history_aside aside;
        struct gs_err err = {.msg = ""};
        uint64_t sum = 0;
        uint64_t known_s = 0;
        (void)unlink(*state);
        write_file(*state);
        /* a page of a table; the header, as a lost write leaves it */
        overwrite(*state, i == 1 ? 0 : 4096 * 4, zeros, sizeof(zeros));
        int r = gs_history_open_anew(*state, 1795396687, false, &history, &aside, &err);
        if (i == GS_HISTORY_ASIDE_MAX) {
            assert_int_equal(r, GS_LIMIT);
            assert_non_null(strstr(err.msg, "3 damaged ones are beside it already"));
            break;
        }
        if (r != 0) {
            fail_msg("%s", err.msg);
        }
        assert_non_null(strstr(aside.path, "h.db.damaged-20261123T"));
        assert_int_equal(access(aside.path, F_OK), 0);
        assert_int_equal(aside.why.code, GS_INVALID);
        assert_int_equal(gs_history_count_aside(*state), i + 1);
        assert_int_equal(read_sum(history, 0, &sum, &known_s, &err), 0);
        assert_true(sum == 0 && known_s == 0);
        write_hour(history, 0);
        assert_int_equal(read_sum(history, 0, &sum, &known_s, &err), 0);
        assert_int_equal(sum, bill_of(0) * AN_HOUR);
    }
}

/* ---- any damage at all ---- */

static size_t load(const char *path, unsigned char **ret)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    *ret = malloc((size_t)st.st_size);
    assert_true(*ret != NULL && read(fd, *ret, (size_t)st.st_size) == st.st_size);
    close(fd);
    return (size_t)st.st_size;
}

/* A few bytes anywhere are another: either it is refused, or what is told of is what was written.
 */
static void file__of_which_any_bytes_are_others_gives_no_other_sum(void **state)
{
    unsigned seed = (unsigned)time(NULL);
    unsigned refused = 0;
    unsigned char *bytes = NULL;
    print_message("seed %u\n", seed);
    srand(seed);
    write_file(*state);
    size_t size = load(*state, &bytes);
    for (unsigned i = 0; i < FLIPS; i++) {
        GS_CLEANUP(gs_history_closep) struct gs_history *history = NULL;
        struct gs_err err = {.msg = ""};
        off_t at = 0;
        do { /* most of it is free */
            at = (off_t)((size_t)rand() % size);
        } while (bytes[at] == 0 && rand() % 16 != 0);
        unsigned char other = (unsigned char)(bytes[at] ^ (1 + rand() % 255));
        overwrite(*state, 0, bytes, size);
        overwrite(*state, at, &other, 1);
        int r = gs_history_open_to_read(*state, &history, &err);
        refused += r != 0;
        for (unsigned by = 0; r == 0 && by < GS_HISTORY_BYS; by++) {
            uint64_t sum = 0;
            uint64_t known_s = 0;
            unsigned gone = 0;
            r = read_sum(history, by, &sum, &known_s, &err);
            if (r == 0 && sum != truth_but(gs_history_left_out(history), &gone)) {
                fail_msg("byte %lld is %02x: another sum", (long long)at, other);
            }
        }
        (void)unlink(*state);
    }
    free(bytes);
    print_message("%u of %d refused as a whole\n", refused, FLIPS);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin_test, end_test)
    const struct CMUnitTest tests[] = {
        CASE(money__that_was_changed_is_left_out_with_its_time_whatever_is_asked),
        CASE(money__of_an_hour_that_nobody_knows_is_in_no_sum),
        CASE(numbers__that_were_changed_are_left_out_with_their_time),
        CASE(events__that_no_terminal_should_see_are_left_out),
        CASE(file__with_other_tables_is_no_history),
        CASE(file__of_another_program_is_refused_and_left_alone),
        CASE(file__of_version_2_is_brought_up_to_date_and_its_seconds_guarded),
        CASE(hour__that_is_lived_through_again_has_the_costs_of_four_at_most),
        CASE(file__of_version_1_is_brought_up_to_date_with_its_money),
        CASE(file__that_is_damaged_is_put_aside_and_a_new_one_begun),
        CASE(file__of_which_any_bytes_are_others_gives_no_other_sum),
    };
#undef CASE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
