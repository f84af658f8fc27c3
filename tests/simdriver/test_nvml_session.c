#include "simdriver/nvml_bed.h"

#include <sys/wait.h>

static int uninitialised(void **state)
{
    (void)state;
    begin("A100-40GB", 2);
    assert_int_equal(bed.nvml.nvmlShutdown(), NVML_SUCCESS);
    return 0;
}

static int a100(void **state)
{
    (void)state;
    begin("A100-40GB", 2);
    return 0;
}

static int done(void **state)
{
    (void)state;
    end();
    return 0;
}

static void nvml__nothing_works_before_init_and_after_shutdown(void **state)
{
    (void)state;
    uint32_t count = 77;
    char text[96];
    assert_int_equal(bed.nvml.nvmlDeviceGetCount_v2(&count), NVML_ERROR_UNINITIALIZED);
    assert_int_equal(bed.nvml.nvmlSystemGetDriverVersion(text, 96), NVML_ERROR_UNINITIALIZED);
    assert_int_equal(bed.nvml.nvmlDeviceGetIndex(NULL, &count), NVML_ERROR_UNINITIALIZED);
    assert_int_equal(bed.nvml.nvmlShutdown(), NVML_ERROR_UNINITIALIZED);
    assert_int_equal(count, 77);
}

static void nvml__sessions_are_counted(void **state)
{
    (void)state;
    uint32_t count;
    assert_int_equal(bed.nvml.nvmlInit(), NVML_SUCCESS);
    assert_int_equal(bed.nvml.nvmlInitWithFlags(NVML_INIT_FLAG_NO_ATTACH), NVML_SUCCESS);
    assert_int_equal(bed.nvml.nvmlShutdown(), NVML_SUCCESS);
    assert_int_equal(bed.nvml.nvmlShutdown(), NVML_SUCCESS);
    assert_int_equal(bed.nvml.nvmlDeviceGetCount_v2(&count), NVML_SUCCESS);
    assert_int_equal(count, 2);
    assert_int_equal(bed.nvml.nvmlShutdown(), NVML_SUCCESS);
    assert_int_equal(bed.nvml.nvmlDeviceGetCount_v2(&count), NVML_ERROR_UNINITIALIZED);
}

static unsigned sessions(void)
{
    const struct sim_machine *machine = sim_store_view(bed.store);
    unsigned n = 0;
    for (unsigned i = 0; i < SIM_SESSIONS; i++) {
        n += machine->sessions[i].pid != 0;
    }
    sim_store_end(bed.store);
    return n;
}

static void nvml__the_machine_knows_who_has_a_session(void **state)
{
    (void)state;
    assert_int_equal(sessions(), 1);
    assert_int_equal(bed.nvml.nvmlShutdown(), NVML_SUCCESS);
    assert_int_equal(sessions(), 0);
    assert_int_equal(bed.nvml.nvmlInit_v2(), NVML_SUCCESS);
    assert_int_equal(sessions(), 1);
}

static void nvml__unknown_flags_are_refused(void **state)
{
    (void)state;
    assert_int_equal(bed.nvml.nvmlInitWithFlags(4), NVML_ERROR_INVALID_ARGUMENT);
}

static void nvml__init_without_a_machine_says_driver_not_loaded(void **state)
{
    (void)state;
    unsetenv("GPUSLICE_SIM");
    assert_int_equal(bed.nvml.nvmlInit_v2(), NVML_ERROR_DRIVER_NOT_LOADED);
    setenv("GPUSLICE_SIM", "/nonexistent", 1);
    assert_int_equal(bed.nvml.nvmlInit_v2(), NVML_ERROR_DRIVER_NOT_LOADED);
    setenv("GPUSLICE_SIM", bed.dir, 1);
    assert_int_equal(bed.nvml.nvmlInit_v2(), NVML_SUCCESS);
}

static void nvml__a_session_and_its_handles_die_with_a_reboot(void **state)
{
    (void)state;
    void *device = gpu(0);
    uint32_t index;
    sim_reboot(change());
    changed();
    assert_int_equal(bed.nvml.nvmlDeviceGetIndex(device, &index), NVML_ERROR_UNINITIALIZED);
    assert_int_equal(bed.nvml.nvmlInit_v2(), NVML_SUCCESS);
    assert_int_equal(bed.nvml.nvmlDeviceGetIndex(device, &index), NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(bed.nvml.nvmlDeviceGetIndex(gpu(1), &index), NVML_SUCCESS);
    assert_int_equal(index, 1);
    assert_int_equal(bed.nvml.nvmlShutdown(), NVML_SUCCESS);
    assert_int_equal(bed.nvml.nvmlShutdown(), NVML_ERROR_UNINITIALIZED);
}

static void nvml__every_call_says_driver_not_loaded_when_it_is_gone(void **state)
{
    (void)state;
    uint32_t count;
    change()->driver_gone = 1;
    changed();
    assert_int_equal(bed.nvml.nvmlDeviceGetCount_v2(&count), NVML_ERROR_DRIVER_NOT_LOADED);
    assert_int_equal(bed.nvml.nvmlInit_v2(), NVML_ERROR_DRIVER_NOT_LOADED);
}

static void nvml__a_child_of_fork_has_a_session_of_its_own(void **state)
{
    (void)state;
    void *device = gpu(1);
    pid_t child = fork();
    if (child == 0) {
        uint32_t index = 99;
        int r = bed.nvml.nvmlDeviceGetIndex(device, &index);
        void *gi = NULL;
        int made = bed.nvml.nvmlDeviceCreateGpuInstance(device, 19, &gi);
        bool ok = r == NVML_SUCCESS && index == 1 && made == NVML_SUCCESS && sessions() == 2;
        ok = ok && bed.nvml.nvmlShutdown() == NVML_SUCCESS && sessions() == 1;
        _exit(ok ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    uint32_t index;
    void *gi = NULL;
    assert_int_equal(bed.nvml.nvmlDeviceGetIndex(device, &index), NVML_SUCCESS);
    assert_int_equal(bed.nvml.nvmlDeviceGetGpuInstanceById(device, 13, &gi), NVML_SUCCESS);
}

/* ---- Words and versions ---- */

static void nvml__every_code_has_its_word(void **state)
{
    (void)state;
    for (int code = 0; code <= 30; code++) {
        assert_string_not_equal(bed.nvml.nvmlErrorString(code), "Unknown Error");
        for (int other = 0; other < code; other++) {
            assert_string_not_equal(bed.nvml.nvmlErrorString(code),
                                    bed.nvml.nvmlErrorString(other));
        }
    }
    assert_string_equal(bed.nvml.nvmlErrorString(NVML_ERROR_IN_USE), "In use by another client");
    static const int unknown[] = {-1, 31, 999, 1000000};
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(bed.nvml.nvmlErrorString(unknown[i]), "Unknown Error");
    }
}

static void nvml__versions_fit_together(void **state)
{
    (void)state;
    char driver[96];
    char nvml[96];
    int cuda;
    assert_int_equal(bed.nvml.nvmlSystemGetDriverVersion(driver, 96), NVML_SUCCESS);
    assert_int_equal(bed.nvml.nvmlSystemGetNVMLVersion(nvml, 96), NVML_SUCCESS);
    assert_int_equal(bed.nvml.nvmlSystemGetCudaDriverVersion(&cuda), NVML_SUCCESS);
    assert_int_equal(strncmp(driver, "580.", 4), 0);
    assert_int_equal(cuda, 13000);
    assert_int_equal(strncmp(nvml, "13.", 3), 0);
    assert_string_equal(nvml + 3, driver);
}

static void nvml__texts_need_room_for_their_end(void **state)
{
    (void)state;
    char text[96] = "untouched";
    uint32_t n = (uint32_t)strlen("580.82.07");
    assert_int_equal(bed.nvml.nvmlSystemGetDriverVersion(text, n), NVML_ERROR_INSUFFICIENT_SIZE);
    assert_string_equal(text, "untouched");
    assert_int_equal(bed.nvml.nvmlSystemGetDriverVersion(text, n + 1), NVML_SUCCESS);
    assert_int_equal(strlen(text), n);
    assert_int_equal(bed.nvml.nvmlSystemGetDriverVersion(NULL, 96), NVML_ERROR_INVALID_ARGUMENT);
}

static void nvml__a_process_has_its_name(void **state)
{
    (void)state;
    char name[256];
    uint32_t pid = (uint32_t)getpid();
    assert_int_equal(bed.nvml.nvmlSystemGetProcessName(pid, name, 256), NVML_SUCCESS);
    assert_non_null(strstr(name, "test_nvml_session"));
    assert_int_equal(bed.nvml.nvmlSystemGetProcessName(0x7FFFFFFF, name, 256),
                     NVML_ERROR_NOT_FOUND);
}

static void nvml__faults_act_on_the_call_that_they_name(void **state)
{
    (void)state;
    uint32_t count;
    void *gi = NULL;
    struct sim_machine *machine = change();
    machine->faults[0] = (struct sim_fault){
        .function = "nvmlDeviceCreateGpuInstance", .skip = 1, .times = 1, .code = 999};
    changed();
    assert_int_equal(bed.nvml.nvmlDeviceCreateGpuInstance(gpu(0), 19, &gi), NVML_SUCCESS);
    assert_int_equal(bed.nvml.nvmlDeviceCreateGpuInstance(gpu(0), 19, &gi), NVML_ERROR_UNKNOWN);
    assert_int_equal(bed.nvml.nvmlDeviceCreateGpuInstance(gpu(0), 19, &gi), NVML_SUCCESS);
    assert_int_equal(bed.nvml.nvmlDeviceGetGpuInstanceRemainingCapacity(gpu(0), 19, &count),
                     NVML_SUCCESS);
    assert_int_equal(count, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nvml__nothing_works_before_init_and_after_shutdown,
                                        uninitialised, done),
        cmocka_unit_test_setup_teardown(nvml__sessions_are_counted, a100, done),
        cmocka_unit_test_setup_teardown(nvml__the_machine_knows_who_has_a_session, a100, done),
        cmocka_unit_test_setup_teardown(nvml__unknown_flags_are_refused, uninitialised, done),
        cmocka_unit_test_setup_teardown(nvml__init_without_a_machine_says_driver_not_loaded,
                                        uninitialised, done),
        cmocka_unit_test_setup_teardown(nvml__a_session_and_its_handles_die_with_a_reboot, a100,
                                        done),
        cmocka_unit_test_setup_teardown(nvml__every_call_says_driver_not_loaded_when_it_is_gone,
                                        a100, done),
        cmocka_unit_test_setup_teardown(nvml__a_child_of_fork_has_a_session_of_its_own, a100, done),
        cmocka_unit_test_setup_teardown(nvml__every_code_has_its_word, a100, done),
        cmocka_unit_test_setup_teardown(nvml__versions_fit_together, a100, done),
        cmocka_unit_test_setup_teardown(nvml__texts_need_room_for_their_end, a100, done),
        cmocka_unit_test_setup_teardown(nvml__a_process_has_its_name, a100, done),
        cmocka_unit_test_setup_teardown(nvml__faults_act_on_the_call_that_they_name, a100, done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
