/* What the table has beyond the contract: faults, hooks, copies. */
#include "unit/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "gpu/gpu_table.h"

enum { ID_1G = 19, ID_3G = 9 };

static struct gs_gpu_table table;

static int begin(void **state)
{
    (void)state;
    gs_gpu_table_init(&table, 580);
    assert_int_equal(gs_gpu_table_add(&table, "A100-40GB", 2, NULL), 0);
    gs_gpu_table_mig_on(&table);
    return 0;
}

static struct gs_gpus open_it(struct gs_gpu_table *of)
{
    struct gs_gpus gpus;
    gs_gpu_table_open(of, &gpus);
    return gpus;
}

static int create(struct gs_gpus *gpus, uint32_t start, struct gs_err *err)
{
    struct gs_gpu_instance gi;
    return gs_gpu_create(gpus, 0, ID_1G, start, 1, &gi, err);
}

static void gpu_table__refuses_what_it_cannot_hold(void **state)
{
    (void)state;
    struct gs_err err;
    assert_int_equal(gs_gpu_table_add(&table, "A100-40GB", 15, &err), GS_LIMIT);
    assert_int_equal(gs_gpu_table_add(&table, "RTX-PRO-5000-48GB", 1, &err), GS_UNKNOWN);
    assert_int_equal(gs_gpu_table_add(&table, "no such GPU", 1, &err), GS_NOT_FOUND);
    assert_int_equal(table.n_gpus, 2);
    assert_int_equal(gs_gpu_table_hold(&table, 0, 3, 0, 1, &err), GS_NOT_FOUND);
    assert_int_equal(gs_gpu_table_hold(&table, 7, GS_NOT_KNOWN, GS_NOT_KNOWN, 1, &err),
                     GS_NOT_FOUND);
    for (unsigned i = 0; i < GS_GPU_TABLE_PROCESSES_MAX; i++) {
        assert_int_equal(gs_gpu_table_hold(&table, 0, GS_NOT_KNOWN, GS_NOT_KNOWN, 1, &err), 0);
    }
    assert_int_equal(gs_gpu_table_hold(&table, 0, GS_NOT_KNOWN, GS_NOT_KNOWN, 1, &err), GS_LIMIT);
    struct gs_gpu_fault fault = {.op = GS_GPU_OP_GET, .times = 1, .code = GS_IO};
    for (unsigned i = 0; i < GS_GPU_TABLE_FAULTS_MAX; i++) {
        assert_int_equal(gs_gpu_table_fault(&table, &fault, &err), 0);
    }
    assert_int_equal(gs_gpu_table_fault(&table, &fault, &err), GS_LIMIT);
}

static void gpu_table__the_nth_call_fails_and_no_other(void **state)
{
    (void)state;
    struct gs_gpus gpus = open_it(&table);
    struct gs_err err;
    struct gs_gpu_fault fault = {
        .op = GS_GPU_OP_CREATE, .skip = 1, .times = 2, .code = GS_IO, .sys_errno = EPERM};
    assert_int_equal(gs_gpu_table_fault(&table, &fault, NULL), 0);
    assert_int_equal(create(&gpus, 0, &err), 0);
    assert_int_equal(create(&gpus, 1, &err), GS_IO);
    assert_int_equal(err.sys_errno, EPERM);
    assert_non_null(strstr(err.msg, "create: injected failure before"));
    assert_int_equal(create(&gpus, 1, &err), GS_IO);
    assert_int_equal(create(&gpus, 1, &err), 0);
    struct gs_gpu_instances all;
    gs_gpu_table_read(&table, 0, &all);
    assert_int_equal(all.n, 2);
    assert_int_equal(table.calls_of[GS_GPU_OP_CREATE], 4);
    assert_int_equal(table.calls, 4);
}

static void gpu_table__a_failing_call_may_have_been_carried_out(void **state)
{
    (void)state;
    struct gs_gpus gpus = open_it(&table);
    struct gs_err err;
    struct gs_gpu_instance gi = {.id = 99};
    struct gs_gpu_fault fault = {
        .op = GS_GPU_OP_CREATE, .times = GS_NOT_KNOWN, .code = GS_BUSY, .done = true};
    assert_int_equal(gs_gpu_table_fault(&table, &fault, NULL), 0);
    assert_int_equal(gs_gpu_create(&gpus, 0, ID_3G, 4, 4, &gi, &err), GS_BUSY);
    assert_int_equal(gi.id, 99); /* outputs are written on success only */
    assert_int_equal(create(&gpus, 0, &err), GS_BUSY);
    gs_gpu_table_clear_faults(&table);
    struct gs_gpu_instances all;
    assert_int_equal(gs_gpu_instances(&gpus, 0, &all, &err), 0);
    assert_int_equal(all.n, 2);
}

static void gpu_table__a_copy_is_another_machine(void **state)
{
    (void)state;
    struct gs_gpu_table copy = table;
    struct gs_gpus gpus = open_it(&table);
    struct gs_gpus other = open_it(&copy);
    assert_true(gs_gpu_table_equal(&table, &copy));
    assert_int_equal(create(&gpus, 0, NULL), 0);
    assert_false(gs_gpu_table_equal(&table, &copy));
    assert_int_equal(create(&other, 0, NULL), 0);
    assert_true(gs_gpu_table_equal(&table, &copy));
    /* the same slice again is another one, though it looks the same */
    struct gs_gpu_instances all;
    gs_gpu_table_read(&copy, 0, &all);
    assert_int_equal(gs_gpu_destroy(&other, 0, all.at[0].id, NULL), 0);
    assert_int_equal(create(&other, 0, NULL), 0);
    assert_false(gs_gpu_table_equal(&table, &copy));
    copy = table;
    assert_int_equal(gs_gpu_table_hold(&copy, 1, GS_NOT_KNOWN, GS_NOT_KNOWN, 5, NULL), 0);
    assert_false(gs_gpu_table_equal(&table, &copy));
    gs_gpu_table_drop(&copy, 5);
    assert_true(gs_gpu_table_equal(&table, &copy));
}

struct seen {
    unsigned n;
    uint64_t die_at; /* number of the call at which the process ends; 0: never */
    bool die_after;
    struct gs_gpu_call last;
};

static void watch(void *ctx, const struct gs_gpu_call *call, bool after)
{
    struct seen *seen = ctx;
    seen->n++;
    seen->last = *call;
    if (call->number == seen->die_at && after == seen->die_after) {
        _exit(42);
    }
}

static void gpu_table__a_hook_sees_each_call_before_and_after(void **state)
{
    (void)state;
    struct seen seen = {.n = 0};
    struct gs_gpus gpus = open_it(&table);
    table.hook = watch;
    table.hook_ctx = &seen;
    assert_int_equal(create(&gpus, 3, NULL), 0);
    assert_int_equal(seen.n, 2);
    assert_int_equal(seen.last.op, GS_GPU_OP_CREATE);
    assert_int_equal(seen.last.number, 1);
    assert_int_equal(seen.last.gpu, 0);
    assert_int_equal(seen.last.profile_id, ID_1G);
    assert_int_equal(seen.last.start, 3);
    assert_int_equal(seen.last.gi, 10);
    assert_int_equal(gs_gpu_destroy(&gpus, 0, 10, NULL), 0);
    assert_int_equal(seen.n, 4);
    assert_int_equal(seen.last.gi, 10);
}

/* In shared memory the machine outlives the process that is killed in the middle. */
static unsigned instances_after_a_death(bool after)
{
    struct gs_gpu_table *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    *shared = table;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct seen seen = {.die_at = 2, .die_after = after};
        struct gs_gpus gpus = open_it(shared);
        shared->hook = watch;
        shared->hook_ctx = &seen;
        create(&gpus, 0, NULL);
        create(&gpus, 1, NULL);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    struct gs_gpu_instances all;
    gs_gpu_table_read(shared, 0, &all);
    munmap(shared, sizeof(*shared));
    return all.n;
}

static void gpu_table__survives_the_process_that_changes_it(void **state)
{
    (void)state;
    assert_int_equal(instances_after_a_death(false), 1);
    assert_int_equal(instances_after_a_death(true), 2);
}

static void gpu_table__a_gpu_may_lie_in_a_machine_that_forgets(void **state)
{
    (void)state;
    struct gs_gpus gpus = open_it(&table);
    assert_int_equal(create(&gpus, 0, NULL), 0);
    table.gpus[1].lost = true;
    table.gpus[0].clients = 3;
    gs_gpu_table_reboot(&table);
    struct gs_gpu gpu;
    assert_int_equal(gs_gpu_get(&gpus, 1, &gpu, NULL), 0);
    assert_int_equal(gpu.mode, GS_MIG_ON);
    assert_int_equal(table.gpus[0].clients, 0);
    struct gs_gpu_instances all;
    gs_gpu_table_read(&table, 0, &all);
    assert_int_equal(all.n, 0);
}

static void gpu_table__other_sessions_make_an_ampere_change_wait(void **state)
{
    (void)state;
    struct gs_gpus gpus = open_it(&table);
    enum gs_mig_activation activation;
    unsigned gpu = 0;
    table.gpus[0].clients = 1;
    assert_int_equal(gs_gpu_set_mode(&gpus, 0, GS_MIG_OFF, &activation, NULL), 0);
    assert_int_equal(activation, GS_MIG_PENDING_RESET);
    assert_int_equal(gs_gpu_reset(&gpus, &gpu, 1, NULL), GS_BUSY);
    table.gpus[0].clients = 0;
    assert_int_equal(gs_gpu_reset(&gpus, &gpu, 1, NULL), 0);
    assert_int_equal(table.gpus[0].mode, GS_MIG_OFF);
    assert_int_equal(table.gpus[0].resets, 1);
    assert_int_equal(table.gpus[1].resets, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(gpu_table__refuses_what_it_cannot_hold, begin),
        cmocka_unit_test_setup(gpu_table__the_nth_call_fails_and_no_other, begin),
        cmocka_unit_test_setup(gpu_table__a_failing_call_may_have_been_carried_out, begin),
        cmocka_unit_test_setup(gpu_table__a_copy_is_another_machine, begin),
        cmocka_unit_test_setup(gpu_table__a_hook_sees_each_call_before_and_after, begin),
        cmocka_unit_test_setup(gpu_table__survives_the_process_that_changes_it, begin),
        cmocka_unit_test_setup(gpu_table__a_gpu_may_lie_in_a_machine_that_forgets, begin),
        cmocka_unit_test_setup(gpu_table__other_sessions_make_an_ampere_change_wait, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
