#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "simdriver/fault.h"
#include "simdriver/store_test.h"

static void add(struct sim_store *store, const char *text)
{
    struct sim_fault fault;
    struct gs_err err = {.msg = ""};
    if (sim_fault_parse(gs_view(text), &fault, &err) != 0 ||
        sim_fault_add(store, &fault, &err) != 0) {
        fail_msg("%s", err.msg);
    }
}

/* As an exported function. */
static int nvmlDeviceGetCount(struct sim_store *store)
{
    SIM_CALL(store);
    return SIM_OK;
}

static int nvmlInit(struct sim_store *store)
{
    SIM_CALL(store);
    return SIM_OK;
}

static void fault__the_nth_call_gives_a_code_and_the_others_do_not(void **state)
{
    (void)state;
    struct sim_store *store = new_machine("A100-40GB", 1);
    add(store, "nvmlDeviceGetCount:nth=3,times=2,code=IN_USE");
    static const int wanted[] = {0, 0, 19, 19, 0, 0};
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(nvmlInit(store), 0);
        assert_int_equal(nvmlDeviceGetCount(store), wanted[i]);
    }
    assert_int_equal(sim_store_calls(store), 12);
    end_machine(store);
}

static void fault__counts_calls_of_every_process(void **state)
{
    (void)state;
    struct sim_store *store = new_machine("A100-40GB", 1);
    add(store, "*:nth=2,code=999");
    pid_t child = fork();
    if (child == 0) {
        _exit(nvmlInit(open_machine()));
    }
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_int_equal(nvmlDeviceGetCount(store), 999);
    assert_int_equal(nvmlDeviceGetCount(store), 0);
    end_machine(store);
}

static void fault__kills_before_or_after_the_call_acts(void **state)
{
    (void)state;
    for (int after = 0; after < 2; after++) {
        struct sim_store *store = new_machine("A100-40GB", 1);
        add(store, after ? "nvmlInit:kill-after" : "nvmlInit:kill");
        pid_t child = fork();
        if (child == 0) {
            struct sim_store *mine = open_machine();
            struct sim_call call = {.kill_after = false};
            if (sim_call_begin(&call, mine, "nvmlInit") == SIM_OK) {
                sim_event_push(sim_store_begin(mine), SIM_EVENT_XID, 0, SIM_NONE, SIM_NONE, 1);
                sim_store_commit(mine);
            }
            sim_call_end(&call);
            _exit(0);
        }
        int status;
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        assert_int_equal(sim_store_view(store)->gpus[0].xids, after);
        sim_store_end(store);
        end_machine(store);
    }
}

static void fault__a_hanging_call_comes_back_when_the_fault_is_lifted(void **state)
{
    (void)state;
    struct sim_store *store = new_machine("A100-40GB", 1);
    add(store, "nvmlInit:hang,code=TIMEOUT");
    pid_t child = fork();
    if (child == 0) {
        _exit(nvmlInit(open_machine()));
    }
    usleep(100000);
    int status;
    assert_int_equal(waitpid(child, &status, WNOHANG), 0);
    struct sim_machine *machine = sim_store_begin(store);
    memset(machine->faults, 0, sizeof(machine->faults));
    sim_store_commit(store);
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 10);
    end_machine(store);
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void fault__calls_and_operations_take_as_long_as_the_machine_says(void **state)
{
    (void)state;
    struct sim_store *store = new_machine("A100-40GB", 1);
    add(store, "nvmlInit:delay=60");
    uint64_t start = now_ms();
    assert_int_equal(nvmlInit(store), 0);
    assert_true(now_ms() - start >= 59);
    sim_store_begin(store)->delay_us[SIM_DELAY_RESET] = 50000;
    sim_store_commit(store);
    start = now_ms();
    sim_delay(store, SIM_DELAY_RESET);
    assert_true(now_ms() - start >= 49);
    end_machine(store);
}

static void fault__no_machine_has_no_faults(void **state)
{
    (void)state;
    assert_int_equal(nvmlInit(NULL), SIM_OK);
    sim_delay(NULL, SIM_DELAY_INIT);
}

static void fault__text_is_read_and_written(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"nvmlInit_v2:code=9", "nvmlInit_v2:nth=1,times=1,code=DRIVER_NOT_LOADED"},
        {"*:nth=7,times=all,code=NVML_ERROR_IN_USE", "*:nth=7,times=all,code=IN_USE"},
        {"nvmlX:delay=2s,hang,kill", "nvmlX:nth=1,times=1,delay=2000000us,hang,kill"},
        {"nvmlX:delay=5us,kill-after,code=77", "nvmlX:nth=1,times=1,code=77,delay=5us,kill-after"},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct sim_fault fault;
        char text[300];
        assert_int_equal(sim_fault_parse(gs_view(texts[i][0]), &fault, NULL), 0);
        sim_fault_format(&fault, text, sizeof(text));
        assert_string_equal(text, texts[i][1]);
        assert_int_equal(sim_fault_parse(gs_view(text), &fault, NULL), 0);
        for (size_t size = 1; size < sizeof(text); size++) {
            sim_fault_format(&fault, text, size);
            assert_true(strlen(text) < size);
        }
    }
}

static void fault__text_that_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "nvmlInit",
        "cuInit:code=1",
        "nvmlInit:",
        "nvmlInit:nth=1",
        "nvml/x:hang",
        "nvmlInit:code=0",
        "nvmlInit:code=ODD",
        "nvmlInit:nth=0,hang",
        "nvmlInit:times=0,hang",
        "nvmlInit:delay=5h",
        "nvmlInit:delay=99999999s",
        "nvmlInit:delay=,hang",
        "nvmlInit:hang,,",
        "nvmlInit:nth=99999999999,hang",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct sim_fault fault;
        struct gs_err err = {.msg = ""};
        assert_int_equal(sim_fault_parse(gs_view(texts[i]), &fault, &err), GS_INVALID);
        assert_true(strlen(err.msg) > 20);
    }
}

static void fault__there_is_a_bound(void **state)
{
    (void)state;
    struct sim_store *store = new_machine("A100-40GB", 1);
    for (unsigned i = 0; i < SIM_FAULTS; i++) {
        add(store, "nvmlInit:nth=1000,code=19");
    }
    struct sim_fault fault = {.function = "nvmlInit", .code = 1, .times = 1};
    struct gs_err err;
    assert_int_equal(sim_fault_add(store, &fault, &err), GS_LIMIT);
    end_machine(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fault__the_nth_call_gives_a_code_and_the_others_do_not),
        cmocka_unit_test(fault__counts_calls_of_every_process),
        cmocka_unit_test(fault__kills_before_or_after_the_call_acts),
        cmocka_unit_test(fault__a_hanging_call_comes_back_when_the_fault_is_lifted),
        cmocka_unit_test(fault__calls_and_operations_take_as_long_as_the_machine_says),
        cmocka_unit_test(fault__no_machine_has_no_faults),
        cmocka_unit_test(fault__text_is_read_and_written),
        cmocka_unit_test(fault__text_that_is_none_is_refused),
        cmocka_unit_test(fault__there_is_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
