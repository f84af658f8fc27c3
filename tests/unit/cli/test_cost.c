#include "unit/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/cost/cost.h"
#include "history/history.h"
#include "sim/random.h"
#include "unit/scratch.h"

enum { PARTS = 4, SPACES = 9, HOUR = 3600 };
#define AT_S INT64_C(1700000000)

/* A sample whose namespaces and workloads are what is used. */
static void add_sample(struct gs_history *history, struct gs_random *random, int64_t at_s)
{
    static const char *const parts[PARTS] = {"used", "idle", "stranded", "starting"};
    struct gs_history_cost costs[2 * PARTS + SPACES + 2];
    uint64_t bill = 0;
    char names[SPACES][16];
    size_t n = PARTS;
    uint64_t used = 0;
    for (unsigned i = 0; i < SPACES; i++) {
        uint64_t uusd_h = gs_random_below(random, 3) == 0 ? 0 : gs_random_below(random, 50000000);
        (void)snprintf(names[i], sizeof(names[i]), "team-%u", i);
        used += uusd_h;
        costs[n++] = (struct gs_history_cost){GS_HISTORY_NAMESPACE, names[i], uusd_h};
    }
    for (unsigned i = 0; i < PARTS; i++) {
        costs[i] = (struct gs_history_cost){GS_HISTORY_PART, parts[i],
                                            i == 0 ? used : gs_random_below(random, 20000000)};
        if (i > 0) { /* nobody's, in every table */
            costs[n++] = (struct gs_history_cost){GS_HISTORY_NAMESPACE, parts[i], costs[i].uusd_h};
        }
    }
    for (unsigned i = 0; i < PARTS; i++) {
        bill += costs[i].uusd_h;
    }
    costs[n++] = (struct gs_history_cost){GS_HISTORY_WORKLOAD, "all", bill};
    costs[n++] = (struct gs_history_cost){GS_HISTORY_POOL, "", bill};
    uint32_t lasted = 1 + gs_random_below(random, 30);
    assert_int_equal(gs_history_add(history, at_s, NULL, 0, lasted, costs, n, NULL), 0);
}

static void make_history(const char *path, struct gs_random *random)
{
    GS_CLEANUP(gs_history_closep) struct gs_history *history = NULL;
    assert_int_equal(gs_history_open(path, &history, NULL), 0);
    for (unsigned i = 0; i < 60; i++) {
        add_sample(history, random, AT_S + (int64_t)i * 400);
    }
}

static void check_sums(const struct gs_cost_bill *bill)
{
    uint64_t cents = 0;
    uint64_t uusd = 0;
    uint64_t rest = 0;
    for (size_t i = 0; i < bill->n; i++) {
        cents += bill->rows[i].cents;
        uusd += bill->rows[i].uusd;
        rest += bill->rows[i].rest;
        /* no row is a cent or more away from what it is */
        uint64_t exact = bill->rows[i].uusd / 10000;
        assert_true(bill->rows[i].cents == exact || bill->rows[i].cents == exact + 1);
    }
    assert_int_equal(cents, bill->cents);
    assert_int_equal(uusd + rest / HOUR, bill->uusd);
    assert_int_equal(rest % HOUR, bill->rest);
}

static void file__rows_and_parts_are_the_bill_to_the_cent(void **state)
{
    const uint64_t seed = 271828;
    struct gs_random random;
    (void)state;
    print_message("seed %lu\n", seed);
    gs_random_init(&random, seed);
    for (unsigned round = 0; round < 4; round++) {
        char folder[SCRATCH_PATH];
        char path[SCRATCH_PATH + 16];
        assert_true(scratch_make("cost", folder, sizeof(folder)));
        (void)snprintf(path, sizeof(path), "%s/h.db", folder);
        make_history(path, &random);
        const struct gs_cost_span span = {
            .from_s = AT_S - HOUR, .to_s = AT_S + 100 * HOUR, .now_s = AT_S + 100 * HOUR};
        uint64_t of_parts = 0;
        for (unsigned by = GS_COST_BY_PART; by < GS_COST_BYS; by++) {
            const struct gs_cost_args args = {.by = by, .file = path};
            GS_CLEANUP(gs_cost_bill_done) struct gs_cost_bill bill = {.n = 0};
            assert_int_equal(gs_cost_read_file(&args, &span, &bill, NULL), 0);
            assert_int_equal(gs_cost_bill_round(&bill, NULL), 0);
            check_sums(&bill);
            assert_true(bill.known_s > 0);
            of_parts = by == GS_COST_BY_PART ? bill.cents : of_parts;
            assert_int_equal(bill.cents, of_parts);
        }
    }
}

static void check__a_row_that_is_lost_is_found_out(void **state)
{
    GS_CLEANUP(gs_cost_bill_done) struct gs_cost_bill all = {.n = 0};
    GS_CLEANUP(gs_cost_bill_done) struct gs_cost_bill lost = {.n = 0};
    struct gs_err err;
    (void)state;
    GS_CLEANUP(gs_cost_bill_done) struct gs_cost_bill parts = {.n = 0};
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(gs_cost_bill_add(&all, "a", 100 + i, 1234, NULL), 0);
        assert_int_equal(i == 3 ? 0 : gs_cost_bill_add(&lost, "a", 100 + i, 1234, NULL), 0);
    }
    assert_int_equal(gs_cost_bill_add(&parts, "used", 511, 5 * 1234 % HOUR, NULL), 0);
    assert_int_equal(gs_cost_bill_check(&all, &parts, NULL), 0);
    assert_int_equal(gs_cost_bill_check(&lost, &parts, &err), GS_INVALID);
    assert_non_null(strstr(err.msg, "do not add up"));
}

static void file__that_is_no_history_is_left_alone(void **state)
{
    char folder[SCRATCH_PATH];
    char path[SCRATCH_PATH + 16];
    struct gs_history *history = NULL;
    struct gs_err err;
    (void)state;
    assert_true(scratch_make("cost", folder, sizeof(folder)));
    (void)snprintf(path, sizeof(path), "%s/none.db", folder);
    assert_int_equal(gs_history_open_to_read(path, &history, &err), GS_IO);
    assert_int_equal(access(path, F_OK), -1); /* not made */
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    (void)fputs("this is no database at all, though it is long enough to be looked at", file);
    (void)fclose(file);
    assert_int_equal(gs_history_open_to_read(path, &history, &err), GS_INVALID);
}

static void file__that_is_none_or_empty_is_refused_at_once(void **state)
{
    char folder[SCRATCH_PATH];
    char paths[3][SCRATCH_PATH + 16];
    const struct {
        const char *path;
        const char *said;
    } cases[] = {
        {paths[0], "found a pipe; expected a history's file"},
        {paths[1], "is empty: expected a history that gpuslice-history keeps"},
        {paths[2], "found a socket"},
        {folder, "found a folder"},
        {"/dev/zero", "found a device"},
        {"", "found no name"},
        {"-", "-: expected a history's file: No such file"},
    };
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)state;
    assert_true(scratch_make("cost", folder, sizeof(folder)));
    for (int i = 0; i < 3; i++) {
        (void)snprintf(paths[i], sizeof(paths[i]), "%s/%d", folder, i);
    }
    assert_int_equal(mkfifo(paths[0], 0600), 0);
    int fd = open(paths[1], O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_true(strlen(paths[2]) < sizeof(address.sun_path));
    memcpy(address.sun_path, paths[2], strlen(paths[2]) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_history *history = NULL;
        struct gs_history_aside aside;
        struct gs_err err = {.msg = ""};
        if (gs_history_open_to_read(cases[i].path, &history, &err) == 0 ||
            strstr(err.msg, cases[i].said) == NULL) {
            fail_msg("%s: %s; expected: %s", cases[i].path, err.msg, cases[i].said);
        }
        /* nor is it written, or moved away as one that is damaged */
        if (strstr(cases[i].said, "found a ") != NULL) {
            assert_int_equal(gs_history_open_anew(cases[i].path, 1, true, &history, &aside, &err),
                             GS_INVALID);
            assert_string_equal(aside.path, "");
            assert_non_null(strstr(err.msg, cases[i].said));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file__rows_and_parts_are_the_bill_to_the_cent),
        cmocka_unit_test(check__a_row_that_is_lost_is_found_out),
        cmocka_unit_test(file__that_is_no_history_is_left_alone),
        cmocka_unit_test(file__that_is_none_or_empty_is_refused_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
