/* Many threads and many processes at one machine. */
#include "simdriver/nvml_bed.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>

enum { THREADS = 8, ROUNDS = 120, PROCESSES = 4 };

static atomic_uint wrong;
static atomic_uint created;

/* A code that may come, whatever the others do meanwhile. */
static bool is_expected(int code)
{
    switch (code) {
    case NVML_SUCCESS:
    case NVML_ERROR_INVALID_ARGUMENT: /* of a handle that another thread's destroy made stale */
    case NVML_ERROR_NOT_FOUND:
    case NVML_ERROR_IN_USE:
    case NVML_ERROR_INSUFFICIENT_RESOURCES:
        return true;
    default:
        return false;
    }
}

static void note(int code)
{
    if (!is_expected(code)) {
        atomic_fetch_add(&wrong, 1);
    }
}

static void look(const struct nvml_calls *nvml, void *device)
{
    for (uint32_t i = 0; i < 7; i++) {
        void *mig = NULL;
        int r = nvml->nvmlDeviceGetMigDeviceHandleByIndex(device, i, &mig);
        note(r);
        if (r == NVML_SUCCESS) {
            char uuid[96];
            struct nvml_attributes attributes;
            struct nvml_process_info processes[4];
            uint32_t n = 4;
            note(nvml->nvmlDeviceGetUUID(mig, uuid, sizeof(uuid)));
            note(nvml->nvmlDeviceGetAttributes_v2(mig, &attributes));
            note(nvml->nvmlDeviceGetComputeRunningProcesses_v3(mig, &n, processes));
        }
    }
    uint32_t watts;
    note(nvml->nvmlDeviceGetPowerUsage(device, &watts));
}

/* Creates, looks, destroys; what it could not undo others have undone. */
static void cut(const struct nvml_calls *nvml, void *device)
{
    void *gi = NULL;
    void *ci = NULL;
    int r = nvml->nvmlDeviceCreateGpuInstance(device, 19, &gi);
    note(r);
    if (r != NVML_SUCCESS) {
        return;
    }
    atomic_fetch_add(&created, 1);
    struct nvml_gi_info info;
    r = nvml->nvmlGpuInstanceGetInfo(gi, &info);
    if (r != NVML_SUCCESS || info.device != device) {
        atomic_fetch_add(&wrong, 1);
    }
    r = nvml->nvmlGpuInstanceCreateComputeInstance(gi, 0, &ci);
    note(r);
    look(nvml, device);
    if (r == NVML_SUCCESS && nvml->nvmlComputeInstanceDestroy(ci) != NVML_SUCCESS) {
        atomic_fetch_add(&wrong, 1);
    }
    if (nvml->nvmlGpuInstanceDestroy(gi) != NVML_SUCCESS) {
        atomic_fetch_add(&wrong, 1);
    }
}

static void *hammer(void *number)
{
    const struct nvml_calls *nvml = &bed.nvml;
    uintptr_t me = (uintptr_t)number;
    void *device = NULL;
    void *set = NULL;
    note(nvml->nvmlInit_v2());
    note(nvml->nvmlDeviceGetHandleByIndex_v2(me % 2, &device));
    note(nvml->nvmlEventSetCreate(&set));
    note(nvml->nvmlDeviceRegisterEvents(device, NVML_EVENT_MIG_CONFIG_CHANGE, set));
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct nvml_event_data event;
        if (me % 4 == 3) {
            look(nvml, device);
            int r = nvml->nvmlEventSetWait_v2(set, &event, 1);
            if (r != NVML_SUCCESS && r != NVML_ERROR_TIMEOUT) {
                atomic_fetch_add(&wrong, 1);
            }
        } else {
            cut(nvml, device);
        }
    }
    note(nvml->nvmlEventSetFree(set));
    note(nvml->nvmlShutdown());
    return NULL;
}

static unsigned instances_left(void)
{
    const struct sim_machine *machine = sim_store_view(bed.store);
    unsigned n = 0;
    for (unsigned g = 0; g < machine->n_gpus; g++) {
        for (unsigned i = 0; i < SIM_GIS; i++) {
            n += machine->gpus[g].gis[i].present;
        }
    }
    struct gs_err err = {.msg = ""};
    if (sim_machine_check(machine, &err) != 0) {
        print_message("%s\n", err.msg);
        n += 1000;
    }
    sim_store_end(bed.store);
    return n;
}

static void threads__eight_cut_and_look_and_nothing_is_lost(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    begin("A100-40GB", 2);
    for (uintptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, (void *)i), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(wrong, 0);
    assert_int_equal(instances_left(), 0);
    assert_true(created > 100);
    end();
}

static void processes__four_cut_and_one_is_killed_again_and_again(void **state)
{
    (void)state;
    pid_t children[PROCESSES];
    begin("A100-40GB", 2);
    assert_int_equal(bed.nvml.nvmlShutdown(), NVML_SUCCESS);
    for (uintptr_t i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            hammer((void *)i);
            _exit(wrong == 0 ? 0 : 1);
        }
    }
    unsigned killed = 0;
    for (unsigned i = 0; i < 40; i++) {
        pid_t victim = fork();
        if (victim == 0) {
            hammer((void *)(uintptr_t)2);
            _exit(0);
        }
        usleep(200 + i * 150);
        killed += kill(victim, SIGKILL) == 0;
        waitpid(victim, NULL, 0);
    }
    for (size_t i = 0; i < PROCESSES; i++) {
        int status = -1;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    assert_true(killed > 0);
    /* What the killed left is there, whole; nothing else is. */
    assert_true(instances_left() <= 14);
    assert_int_equal(bed.nvml.nvmlInit_v2(), NVML_SUCCESS);
    uint32_t count;
    assert_int_equal(bed.nvml.nvmlDeviceGetCount_v2(&count), NVML_SUCCESS);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processes__four_cut_and_one_is_killed_again_and_again),
        cmocka_unit_test(threads__eight_cut_and_look_and_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
