#include "unit/check.h"

#include <math.h>

#include "base/cleanup.h"
#include "history/file.h"
#include "history/history.h"
#include "unit/scratch.h"

#define NOON 1790000400ll /* a second of 2026; a multiple of 300 */

static char folder[SCRATCH_PATH];
static char file[SCRATCH_PATH + 8];

static int begin_test(void **state)
{
    if (!scratch_make("gpuslice-history", folder, sizeof(folder))) {
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

static void assert_ok(int r, const struct gs_err *err)
{
    if (r != 0) {
        fail_msg("%s", err->msg);
    }
}

static struct gs_history *open_it(const char *path)
{
    struct gs_history *history = NULL;
    struct gs_err err;
    assert_ok(gs_history_open(path, &history, &err), &err);
    return history;
}

static void sample(struct gs_history *history, int64_t at_s, double value)
{
    struct gs_err err;
    struct gs_history_value values[] = {{"held_percent", "", value},
                                        {"held_percent", "pool=a", value / 2}};
    assert_ok(gs_history_add(history, at_s, values, 2, 0, NULL, 0, &err), &err);
}

/* What a reading told, of one label. */
struct told {
    const char *label;
    unsigned n;
    double sum, least, most;
    int64_t first, last;
};

static int take_point(void *ctx, const struct gs_history_point *point, struct gs_err *err)
{
    struct told *told = ctx;
    (void)err;
    if (strcmp(point->label, told->label) == 0) {
        told->first = told->n == 0 ? point->at_s : told->first;
        told->last = point->at_s;
        told->least = told->n == 0 || point->least < told->least ? point->least : told->least;
        told->most = told->n == 0 || point->most > told->most ? point->most : told->most;
        told->sum += point->mean;
        told->n++;
    }
    return 0;
}

static struct told read_it(struct gs_history *history, const char *label, int64_t from, int64_t to,
                           uint32_t step, int64_t now, uint32_t *ret_step)
{
    struct told told = {.label = label};
    struct gs_err err;
    assert_ok(gs_history_read(history, "held_percent", from, to, step, now, take_point, &told,
                              ret_step, &err),
              &err);
    return told;
}

static void history__keeps_samples_with_their_labels_apart(void **state)
{
    GS_CLEANUP(gs_history_closep)
    struct gs_history *history = open_it(*state);
    uint32_t step = 0;
    for (int i = 0; i < 40; i++) {
        sample(history, NOON + i * 15, i);
    }
    struct told all = read_it(history, "", NOON, NOON + 600, 15, NOON + 600, &step);
    assert_int_equal(step, 15);
    assert_int_equal(all.n, 40);
    assert_true(all.least == 0 && all.most == 39);
    struct told of_pool = read_it(history, "pool=a", NOON, NOON + 600, 15, NOON + 600, &step);
    assert_int_equal(of_pool.n, 40);
    assert_true(of_pool.most == 19.5);
}

static void history__sums_up_to_means_with_their_extremes(void **state)
{
    GS_CLEANUP(gs_history_closep)
    struct gs_history *history = open_it(*state);
    struct gs_err err;
    uint32_t step = 0;
    int64_t begin = NOON - NOON % 3600;
    for (int i = 0; i < 2 * 240; i++) { /* two hours */
        sample(history, begin + i * 15, i % 240);
    }
    assert_ok(gs_history_roll(history, begin + 7200, &err), &err);
    assert_ok(gs_history_roll(history, begin + 7200, &err), &err); /* again changes nothing */
    int64_t later = begin + 20 * 86400;                            /* only hours are left for it */
    struct told hours = read_it(history, "", begin, begin + 7200, 15, later, &step);
    assert_int_equal(step, 3600);
    assert_int_equal(hours.n, 2);
    assert_true(hours.sum == 2 * 119.5);
    assert_true(hours.least == 0 && hours.most == 239);
    /* and 5 minutes from the same, where those are still kept */
    struct told fives = read_it(history, "", begin, begin + 7200, 15, begin + 2 * 86400, &step);
    assert_int_equal(step, 300);
    assert_int_equal(fives.n, 24);
}

static void history__drops_what_is_older_than_it_is_kept(void **state)
{
    GS_CLEANUP(gs_history_closep)
    struct gs_history *history = open_it(*state);
    struct gs_err err;
    uint32_t step = 0;
    struct gs_history_event event = {NOON, "GPU-1", "Recut", "one"};
    sample(history, NOON, 1);
    assert_ok(gs_history_add_event(history, &event, &err), &err);
    assert_ok(gs_history_roll(history, NOON + 27 * 3600, &err), &err);
    assert_int_equal(read_it(history, "", NOON - 3600, NOON + 3600, 15, NOON, &step).n, 0);
    assert_int_equal(read_it(history, "", NOON - 3600, NOON + 3600, 300, NOON, &step).n, 1);
    /* the clock that it goes by is an hour a call, and so three hours from the end of it */
    int64_t end = NOON + 401ll * 86400;
    char sql[100];
    snprintf(sql, sizeof(sql), "UPDATE summed SET until = %lld WHERE step = 0",
             (long long)(NOON - 2 * 3600 + gs_history_kept[2].kept_s));
    assert_ok(gs_history_run(history, sql, &err), &err);
    assert_ok(gs_history_roll(history, end, &err), &err);
    assert_int_equal(read_it(history, "", NOON - 3600, NOON + 3600, 3600, NOON, &step).n, 1);
    assert_ok(gs_history_roll(history, end, &err), &err);
    assert_ok(gs_history_roll(history, end, &err), &err);
    assert_int_equal(read_it(history, "", NOON - 3600, NOON + 3600, 3600, NOON, &step).n, 0);
}

/* A clock a year ahead for half an hour, and a day behind after it. */
static void history__a_clock_that_leaps_takes_little_with_it(void **state)
{
    GS_CLEANUP(gs_history_closep)
    struct gs_history *history = open_it(*state);
    struct gs_err err;
    uint32_t step = 0;
    int64_t begin = NOON - NOON % 3600;
    int64_t ahead = begin + 365ll * 86400;
    for (int i = 0; i < 48 * 4; i++) { /* two days */
        sample(history, begin + i * 900, 1);
        assert_ok(gs_history_roll(history, begin + i * 900, &err), &err);
    }
    int64_t now = begin + 2 * 86400;
    for (int i = 0; i < 30; i++) {
        sample(history, ahead + i * 60, 1);
        assert_ok(gs_history_roll(history, ahead + i * 60, &err), &err);
    }
    for (int i = 0; i < 30; i++) {
        sample(history, now - 86400 + i * 60, 1);
        assert_ok(gs_history_roll(history, now - 86400 + i * 60, &err), &err);
    }
    /* and it goes on as ever */
    sample(history, now, 1);
    assert_ok(gs_history_roll(history, now + 3600, &err), &err);
    assert_int_equal(read_it(history, "", now, now + 3600, 3600, now + 3600, &step).n, 1);
    /* hours and 5 minutes are all there; what has gone is of the finest */
    assert_int_equal(read_it(history, "", begin, now, 3600, now, &step).n, 48);
    assert_int_equal(step, 3600);
    struct told fives = read_it(history, "", begin, now - 86400, 300, now, &step);
    assert_int_equal(step, 300);
    assert_int_equal(fives.n, 24 * 4);
}

static void history__a_clock_set_back_is_summed_up_anew(void **state)
{
    GS_CLEANUP(gs_history_closep)
    struct gs_history *history = open_it(*state);
    struct gs_err err;
    uint32_t step = 0;
    int64_t begin = NOON - NOON % 3600;
    sample(history, begin, 10);
    assert_ok(gs_history_roll(history, begin + 3600, &err), &err);
    sample(history, begin + 15, 20);
    assert_ok(gs_history_roll(history, begin + 3600, &err), &err);
    struct told found = read_it(history, "", begin, begin + 3600, 3600, begin + 3600, &step);
    assert_int_equal(found.n, 1);
    assert_true(found.sum == 15);
}

/* ---- money ---- */

struct bill {
    uint64_t uusd;
    uint64_t rest;
    unsigned n;
};

static int take_paid(void *ctx, const struct gs_history_paid *paid, struct gs_err *err)
{
    struct bill *bill = ctx;
    (void)err;
    bill->uusd += paid->uusd;
    bill->rest += paid->rest;
    bill->n++;
    return 0;
}

static struct bill paid_for(struct gs_history *history, enum gs_history_by by, int64_t from,
                            int64_t to, uint64_t *ret_known)
{
    struct bill bill = {.n = 0};
    struct gs_err err;
    assert_ok(gs_history_paid(history, by, from, to, take_paid, &bill, ret_known, &err), &err);
    bill.uusd += bill.rest / 3600;
    bill.rest %= 3600;
    return bill;
}

static void history__money_adds_up_exactly_over_odd_times(void **state)
{
    GS_CLEANUP(gs_history_closep)
    struct gs_history *history = open_it(*state);
    struct gs_err err;
    uint64_t sum = 0;
    uint64_t known = 0;
    srand(7);
    int64_t at = NOON - NOON % 3600;
    int64_t begin = at;
    for (int i = 0; i < 500; i++) {
        uint32_t lasted = 1 + (uint32_t)(rand() % 37);
        uint64_t a = (uint64_t)rand() % 100000000, b = (uint64_t)rand() % 1000;
        struct gs_history_cost costs[] = {{GS_HISTORY_NAMESPACE, "a", a},
                                          {GS_HISTORY_NAMESPACE, "b", b},
                                          {GS_HISTORY_PART, "used", a + b},
                                          {GS_HISTORY_WORKLOAD, "w", a + b},
                                          {GS_HISTORY_POOL, "", a + b}};
        at += lasted;
        assert_ok(gs_history_add(history, at, NULL, 0, lasted, costs, 5, &err), &err);
        sum += (a + b) * lasted;
        known += lasted;
    }
    uint64_t found_known = 0;
    struct bill parts = paid_for(history, GS_HISTORY_PART, begin, at + 1, &found_known);
    struct bill spaces = paid_for(history, GS_HISTORY_NAMESPACE, begin, at + 1, &found_known);
    assert_int_equal(found_known, known);
    assert_int_equal(spaces.n, 2);
    assert_int_equal(parts.uusd * 3600 + parts.rest, sum);
    assert_int_equal(spaces.uusd * 3600 + spaces.rest, sum);
}

static void history__of_the_dearest_fleet_for_400_days_the_sum_is_told(void **state)
{
    GS_CLEANUP(gs_history_closep)
    struct gs_history *history = open_it(*state);
    struct gs_err err;
    uint64_t known = 0;
    const uint64_t dear = 1ull << 44;
    for (int hour = 0; hour < 400 * 24; hour += 24) {
        struct gs_history_cost costs[] = {{GS_HISTORY_PART, "used", dear},
                                          {GS_HISTORY_NAMESPACE, "a", dear},
                                          {GS_HISTORY_WORKLOAD, "a", dear},
                                          {GS_HISTORY_POOL, "a", dear}};
        for (int k = 0; k < 24; k++) {
            assert_ok(
                gs_history_add(history, NOON + (hour + k) * 3600ll, NULL, 0, 3600, costs, 4, &err),
                &err);
        }
    }
    struct bill bill = paid_for(history, GS_HISTORY_PART, 0, NOON * 2, &known);
    assert_int_equal(bill.uusd, dear * 400 * 24);
    assert_int_equal(bill.rest, 0);
}

/* ---- what is refused ---- */

static void history__refuses_what_is_out_of_bounds_and_writes_nothing(void **state)
{
    GS_CLEANUP(gs_history_closep)
    struct gs_history *history = open_it(*state);
    struct gs_err err;
    char name[GS_HISTORY_NAME_MAX + 2];
    memset(name, 'x', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    struct gs_history_value good = {"held_percent", "", 1};
    struct gs_history_value bad[] = {{"held_percent", "", NAN},
                                     {"held_percent", "", INFINITY},
                                     {name, "", 1},
                                     {"held_percent", name, 1}};
    for (size_t i = 0; i < GS_ARRAY_LEN(bad); i++) {
        struct gs_history_value both[] = {good, bad[i]};
        assert_int_equal(gs_history_add(history, NOON, both, 2, 0, NULL, 0, &err), GS_INVALID);
    }
    assert_int_equal(gs_history_add(history, -1, &good, 1, 0, NULL, 0, &err), GS_INVALID);
    assert_int_equal(gs_history_add(history, NOON, &good, 1, 3601, NULL, 0, &err), GS_INVALID);
    struct gs_history_cost cost = {GS_HISTORY_PART, "used", (1ull << 44) + 1};
    assert_int_equal(gs_history_add(history, NOON, &good, 1, 15, &cost, 1, &err), GS_INVALID);
    struct gs_history_cost lone = {GS_HISTORY_PART, "used", 7}; /* of nobody's namespace */
    assert_int_equal(gs_history_add(history, NOON, &good, 1, 15, &lone, 1, &err), GS_INVALID);
    assert_non_null(strstr(err.msg, "expected the bill, 7"));
    uint32_t step;
    assert_int_equal(read_it(history, "", NOON - 60, NOON + 60, 15, NOON, &step).n, 0);
    struct told told = {.label = ""};
    assert_int_equal(gs_history_read(history, "held_percent", NOON, NOON, 15, NOON, take_point,
                                     &told, &step, &err),
                     GS_INVALID);
    assert_int_equal(
        gs_history_read(history, "held_percent", 0, NOON, 0, NOON, take_point, &told, &step, &err),
        GS_INVALID);
    assert_int_equal(
        gs_history_read(history, "held_percent", 0, NOON, 1, NOON, take_point, &told, &step, &err),
        GS_LIMIT);
}

static void history__leaves_files_of_others_alone(void **state)
{
    const char *path = *state;
    struct gs_history *history = NULL;
    struct gs_err err;
    FILE *text = fopen(path, "w");
    fputs("this is no database, but it is long enough that nobody could take it for an empty one: "
          "a header has a hundred bytes",
          text);
    fclose(text);
    assert_int_equal(gs_history_open(path, &history, &err), GS_INVALID);
    assert_null(history);
    assert_non_null(strstr(err.msg, "move it away"));
    assert_int_equal(gs_history_open("/no/such/folder/h.db", &history, &err), GS_IO);
}

static int take_event(void *ctx, const struct gs_history_event *event, struct gs_err *err)
{
    char *text = ctx;
    (void)err;
    strncat(text, event->text, 50);
    strcat(text, ";");
    return 0;
}

static void history__tells_the_newest_events_of_a_subject(void **state)
{
    GS_CLEANUP(gs_history_closep)
    struct gs_history *history = open_it(*state);
    struct gs_err err;
    const char *texts[] = {"one", "two", "three"};
    for (int i = 0; i < 3; i++) {
        struct gs_history_event event = {NOON + i, "GPU-1", "Recut", texts[i]};
        struct gs_history_event other = {NOON + i, "GPU-2'; DROP TABLE events; --", "Recut", "x"};
        assert_ok(gs_history_add_event(history, &event, &err), &err);
        assert_ok(gs_history_add_event(history, &other, &err), &err);
    }
    char found[200] = "";
    assert_ok(gs_history_events(history, "GPU-1", 2, take_event, found, &err), &err);
    assert_string_equal(found, "three;two;");
}

/* ---- a kill at any point ---- */

static _Noreturn void write_until_killed(const char *path, int64_t at)
{
    struct gs_history *history = NULL;
    struct gs_err err;
    if (gs_history_open(path, &history, &err) < 0) {
        _exit(1);
    }
    for (;; at += 15) {
        struct gs_history_value value = {"held_percent", "", 1};
        struct gs_history_cost costs[] = {{GS_HISTORY_PART, "used", 30},
                                          {GS_HISTORY_NAMESPACE, "a", 10},
                                          {GS_HISTORY_NAMESPACE, "b", 20},
                                          {GS_HISTORY_WORKLOAD, "w", 30},
                                          {GS_HISTORY_POOL, "p", 30}};
        if (gs_history_add(history, at, &value, 1, 15, costs, 5, &err) < 0 ||
            (at % 300 == 0 && gs_history_roll(history, at, &err) < 0)) {
            _exit(1);
        }
    }
}

static void history__survives_a_kill_at_any_point_and_the_money_still_adds_up(void **state)
{
    const char *path = *state;
    uint64_t before = 0;
    for (int i = 0; i < 40; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            write_until_killed(path, NOON + i * INT64_C(86400));
        }
        usleep((useconds_t)(3000 + i * 700));
        kill(child, SIGKILL);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status)); /* it did not end by itself */
        GS_CLEANUP(gs_history_closep) struct gs_history *history = open_it(path);
        uint64_t known = 0;
        struct bill parts = paid_for(history, GS_HISTORY_PART, 0, NOON * 2, &known);
        struct bill spaces = paid_for(history, GS_HISTORY_NAMESPACE, 0, NOON * 2, &known);
        assert_int_equal(parts.uusd * 3600 + parts.rest, known * 30);
        assert_int_equal(spaces.uusd * 3600 + spaces.rest, known * 30);
        assert_true(known >= before);
        before = known;
    }
    assert_true(before > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(history__keeps_samples_with_their_labels_apart, begin_test,
                                        end_test),
        cmocka_unit_test_setup_teardown(history__sums_up_to_means_with_their_extremes, begin_test,
                                        end_test),
        cmocka_unit_test_setup_teardown(history__drops_what_is_older_than_it_is_kept, begin_test,
                                        end_test),
        cmocka_unit_test_setup_teardown(history__a_clock_that_leaps_takes_little_with_it,
                                        begin_test, end_test),
        cmocka_unit_test_setup_teardown(history__a_clock_set_back_is_summed_up_anew, begin_test,
                                        end_test),
        cmocka_unit_test_setup_teardown(history__money_adds_up_exactly_over_odd_times, begin_test,
                                        end_test),
        cmocka_unit_test_setup_teardown(history__of_the_dearest_fleet_for_400_days_the_sum_is_told,
                                        begin_test, end_test),
        cmocka_unit_test_setup_teardown(history__refuses_what_is_out_of_bounds_and_writes_nothing,
                                        begin_test, end_test),
        cmocka_unit_test_setup_teardown(history__leaves_files_of_others_alone, begin_test,
                                        end_test),
        cmocka_unit_test_setup_teardown(history__tells_the_newest_events_of_a_subject, begin_test,
                                        end_test),
        cmocka_unit_test_setup_teardown(
            history__survives_a_kill_at_any_point_and_the_money_still_adds_up, begin_test,
            end_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
