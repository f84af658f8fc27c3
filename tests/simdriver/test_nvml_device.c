/* Readings: who a device is, what is used, what MIG takes away; events; GPM. */
#include "simdriver/nvml_bed.h"

#include <pthread.h>
#include <time.h>

static int a100(void **state)
{
    (void)state;
    begin("A100-40GB", 2);
    return 0;
}

static int h100(void **state)
{
    (void)state;
    begin("H100-80GB-SXM5", 2);
    return 0;
}

static int t4(void **state)
{
    (void)state;
    begin("T4", 1);
    return 0;
}

static int done(void **state)
{
    (void)state;
    end();
    return 0;
}

/* This process holds something. */
static void hold(uint32_t index, uint32_t gi, uint32_t ci, uint64_t mib, uint32_t busy)
{
    uint32_t pid = (uint32_t)getpid();
    struct sim_holder holder = {.pid = pid,
                                .gpu = index,
                                .gi = gi,
                                .ci = ci,
                                .start_time = sim_process_start(pid),
                                .memory_mib = mib,
                                .busy_percent = busy,
                                .name = "me"};
    assert_int_equal(sim_hold(change(), &holder), SIM_OK);
    changed();
}

static void mig_off(void)
{
    int status;
    assert_int_equal(bed.nvml.nvmlDeviceSetMigMode(gpu(0), 0, &status), NVML_SUCCESS);
}

/* ---- Who it is ---- */

static void device__every_name_leads_back_to_it(void **state)
{
    (void)state;
    const struct nvml_calls *nvml = &bed.nvml;
    char text[96];
    struct nvml_pci_info pci;
    void *found = NULL;
    assert_int_equal(nvml->nvmlDeviceGetUUID(gpu(1), text, 96), NVML_SUCCESS);
    assert_int_equal(nvml->nvmlDeviceGetHandleByUUID(text, &found), NVML_SUCCESS);
    assert_ptr_equal(found, gpu(1));
    assert_int_equal(nvml->nvmlDeviceGetSerial(gpu(1), text, 30), NVML_SUCCESS);
    assert_int_equal(nvml->nvmlDeviceGetHandleBySerial(text, &found), NVML_SUCCESS);
    assert_ptr_equal(found, gpu(1));
    assert_int_equal(nvml->nvmlDeviceGetPciInfo_v3(gpu(1), &pci), NVML_SUCCESS);
    const char *names[] = {pci.bus_id, pci.bus_id_legacy};
    for (size_t i = 0; i < 2; i++) {
        found = NULL;
        assert_int_equal(nvml->nvmlDeviceGetHandleByPciBusId_v2(names[i], &found), NVML_SUCCESS);
        assert_ptr_equal(found, gpu(1));
    }
    assert_int_equal(nvml->nvmlDeviceGetName(gpu(1), text, 96), NVML_SUCCESS);
    assert_string_equal(text, "NVIDIA A100-SXM4-40GB");
    assert_int_equal(pci.pci_device_id & 0xFFFF, 0x10DE);
}

static void device__what_names_none_is_not_found_or_refused(void **state)
{
    (void)state;
    const struct nvml_calls *nvml = &bed.nvml;
    static const char *const unreadable[] = {"",
                                             ":",
                                             "zz",
                                             "00000000:07",
                                             "0:0:0:0",
                                             "0000:07:00.1",
                                             "0000000000000000000000000000000000:07:00.0"};
    void *found = NULL;
    for (size_t i = 0; i < sizeof(unreadable) / sizeof(unreadable[0]); i++) {
        assert_int_equal(nvml->nvmlDeviceGetHandleByPciBusId_v2(unreadable[i], &found),
                         NVML_ERROR_INVALID_ARGUMENT);
    }
    assert_int_equal(nvml->nvmlDeviceGetHandleByPciBusId_v2("0000:FE:1F.0", &found),
                     NVML_ERROR_NOT_FOUND);
    assert_int_equal(nvml->nvmlDeviceGetHandleByUUID("", &found), NVML_ERROR_NOT_FOUND);
    assert_int_equal(nvml->nvmlDeviceGetHandleByUUID("MIG-GPU-/1/2", &found), NVML_ERROR_NOT_FOUND);
    assert_int_equal(nvml->nvmlDeviceGetHandleByIndex_v2(2, &found), NVML_ERROR_INVALID_ARGUMENT);
    assert_null(found);
}

static void device__older_pci_info_is_shorter(void **state)
{
    (void)state;
    uint8_t bytes[sizeof(struct nvml_pci_info)];
    static const struct {
        int (**call)(void *, void *);
        size_t n;
    } kinds[] = {{&bed.nvml.nvmlDeviceGetPciInfo, 32},
                 {&bed.nvml.nvmlDeviceGetPciInfo_v2, 36},
                 {&bed.nvml.nvmlDeviceGetPciInfo_v3, 68}};
    for (size_t i = 0; i < 3; i++) {
        memset(bytes, 0xAA, sizeof(bytes));
        assert_int_equal((*kinds[i].call)(gpu(0), bytes), NVML_SUCCESS);
        for (size_t at = kinds[i].n; at < sizeof(bytes); at++) {
            assert_int_equal(bytes[at], 0xAA);
        }
    }
}

static void device__one_that_cannot_be_cut_says_so(void **state)
{
    (void)state;
    uint32_t now;
    uint32_t pending;
    int status;
    struct nvml_gi_profile_info info;
    struct nvml_utilization utilization;
    assert_int_equal(bed.nvml.nvmlDeviceGetMigMode(gpu(0), &now, &pending),
                     NVML_ERROR_NOT_SUPPORTED);
    assert_int_equal(bed.nvml.nvmlDeviceSetMigMode(gpu(0), 1, &status), NVML_ERROR_NOT_SUPPORTED);
    assert_int_equal(bed.nvml.nvmlDeviceGetGpuInstanceProfileInfo(gpu(0), 0, &info),
                     NVML_ERROR_NOT_SUPPORTED);
    assert_int_equal(bed.nvml.nvmlDeviceGetMaxMigDeviceCount(gpu(0), &now), NVML_SUCCESS);
    assert_int_equal(now, 0);
    assert_int_equal(bed.nvml.nvmlDeviceGetUtilizationRates(gpu(0), &utilization), NVML_SUCCESS);
}

static void device__a_lost_gpu_is_lost_and_the_others_are_not(void **state)
{
    (void)state;
    void *lost = gpu(0);
    uint32_t value;
    void *found;
    change()->gpus[0].lost = 1;
    changed();
    assert_int_equal(bed.nvml.nvmlDeviceGetPowerUsage(lost, &value), NVML_ERROR_GPU_IS_LOST);
    assert_int_equal(bed.nvml.nvmlDeviceCreateGpuInstance(lost, 19, &found),
                     NVML_ERROR_GPU_IS_LOST);
    assert_int_equal(bed.nvml.nvmlDeviceGetHandleByIndex_v2(0, &found), NVML_ERROR_GPU_IS_LOST);
    assert_int_equal(bed.nvml.nvmlDeviceGetCount_v2(&value), NVML_SUCCESS);
    assert_int_equal(value, 2);
    assert_int_equal(bed.nvml.nvmlDeviceGetPowerUsage(gpu(1), &value), NVML_SUCCESS);
}

/* ---- What is used ---- */

static void memory__of_a_slice_and_of_its_gpu(void **state)
{
    (void)state;
    void *mig = mig_of(create_whole_ci(create_gi(gpu(0), "3g.20gb", 4)));
    struct nvml_memory memory;
    struct nvml_memory_v2 v2 = {.version = NVML_MEMORY_V2};
    hold(0, 2, 0, 1000, 50);
    assert_int_equal(bed.nvml.nvmlDeviceGetMemoryInfo(mig, &memory), NVML_SUCCESS);
    assert_int_equal(memory.total >> 20, 19968);
    assert_int_equal(memory.used >> 20, 1000);
    assert_int_equal(memory.free, memory.total - memory.used);
    assert_int_equal(bed.nvml.nvmlDeviceGetMemoryInfo_v2(gpu(0), &v2), NVML_SUCCESS);
    assert_int_equal(v2.total >> 20, 40960);
    assert_int_equal(v2.used >> 20, 1000);
    assert_true(v2.reserved > 0);
    assert_int_equal(v2.free + v2.used + v2.reserved, v2.total);
    v2.version = NVML_VERSION(sizeof(v2), 3);
    assert_int_equal(bed.nvml.nvmlDeviceGetMemoryInfo_v2(gpu(0), &v2),
                     NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
}

static void processes__are_where_their_slice_is(void **state)
{
    (void)state;
    const struct nvml_calls *nvml = &bed.nvml;
    void *mig = mig_of(create_whole_ci(create_gi(gpu(0), "3g.20gb", 4)));
    void *other = mig_of(create_whole_ci(create_gi(gpu(0), "1g.5gb", 0)));
    hold(0, 2, 0, 1000, 50);
    struct nvml_process_info processes[4];
    struct nvml_process_info_v1 old[4];
    uint32_t n = 4;
    assert_int_equal(nvml->nvmlDeviceGetComputeRunningProcesses_v3(gpu(0), &n, processes), 0);
    assert_int_equal(n, 1);
    assert_int_equal(processes[0].pid, getpid());
    assert_int_equal(processes[0].gpu_instance_id, 2);
    assert_int_equal(processes[0].compute_instance_id, 0);
    assert_int_equal(processes[0].used_gpu_memory >> 20, 1000);
    n = 4;
    assert_int_equal(nvml->nvmlDeviceGetComputeRunningProcesses_v3(mig, &n, processes), 0);
    assert_int_equal(n, 1);
    n = 4;
    assert_int_equal(nvml->nvmlDeviceGetComputeRunningProcesses_v3(other, &n, processes), 0);
    assert_int_equal(n, 0);
    n = 4;
    assert_int_equal(nvml->nvmlDeviceGetComputeRunningProcesses(mig, &n, old), 0);
    assert_int_equal(n, 1);
    assert_int_equal(old[0].pid, getpid());
    n = 0;
    assert_int_equal(nvml->nvmlDeviceGetComputeRunningProcesses_v3(mig, &n, NULL),
                     NVML_ERROR_INSUFFICIENT_SIZE);
    assert_int_equal(n, 1);
}

static void processes__hold_their_instance(void **state)
{
    (void)state;
    void *gi = create_gi(gpu(0), "1g.5gb", 0);
    void *ci = create_whole_ci(gi);
    hold(0, 7, 0, 10, 0);
    assert_int_equal(bed.nvml.nvmlComputeInstanceDestroy(ci), NVML_ERROR_IN_USE);
    uint32_t pid = (uint32_t)getpid();
    assert_int_equal(sim_release(change(), pid, sim_process_start(pid)), SIM_OK);
    changed();
    assert_int_equal(bed.nvml.nvmlComputeInstanceDestroy(ci), NVML_SUCCESS);
    assert_int_equal(bed.nvml.nvmlGpuInstanceDestroy(gi), NVML_SUCCESS);
}

/* ---- What MIG takes away ---- */

static void mig__takes_utilisation_from_the_gpu_and_gives_none_to_slices(void **state)
{
    (void)state;
    const struct nvml_calls *nvml = &bed.nvml;
    void *devices[] = {gpu(0), mig_of(create_whole_ci(create_gi(gpu(0), "1g.5gb", 0)))};
    for (size_t i = 0; i < 2; i++) {
        struct nvml_utilization utilization;
        uint32_t a;
        uint32_t b = 4;
        uint8_t samples[4 * 32];
        assert_int_equal(nvml->nvmlDeviceGetUtilizationRates(devices[i], &utilization),
                         NVML_ERROR_NOT_SUPPORTED);
        assert_int_equal(nvml->nvmlDeviceGetDecoderUtilization(devices[i], &a, &b),
                         NVML_ERROR_NOT_SUPPORTED);
        assert_int_equal(nvml->nvmlDeviceGetProcessUtilization(devices[i], samples, &b, 0),
                         NVML_ERROR_NOT_SUPPORTED);
        assert_int_equal(nvml->nvmlDeviceGetFanSpeed(devices[i], &a), NVML_ERROR_NOT_SUPPORTED);
    }
    uint32_t value;
    uint64_t errors;
    assert_int_equal(nvml->nvmlDeviceGetPowerUsage(gpu(0), &value), NVML_SUCCESS);
    assert_int_equal(nvml->nvmlDeviceGetPowerUsage(devices[1], &value), NVML_ERROR_NOT_SUPPORTED);
    assert_int_equal(nvml->nvmlDeviceGetTemperature(devices[1], 0, &value),
                     NVML_ERROR_NOT_SUPPORTED);
    assert_int_equal(nvml->nvmlDeviceGetComputeMode(gpu(0), &value), NVML_ERROR_NOT_SUPPORTED);
    assert_int_equal(nvml->nvmlDeviceGetComputeMode(devices[1], &value), NVML_SUCCESS);
    assert_int_equal(nvml->nvmlDeviceGetTotalEccErrors(devices[1], 1, 0, &errors), NVML_SUCCESS);
    assert_int_equal(nvml->nvmlDeviceGetTotalEccErrors(devices[1], 0, 0, &errors),
                     NVML_ERROR_NOT_SUPPORTED);
    assert_int_equal(nvml->nvmlDeviceGetTotalEccErrors(gpu(0), 0, 0, &errors), NVML_SUCCESS);
    assert_int_equal(nvml->nvmlDeviceGetNvLinkState(gpu(0), 0, &value), NVML_SUCCESS);
    assert_int_equal(value, 0);
}

static void utilisation__is_what_the_processes_are_busy(void **state)
{
    (void)state;
    struct nvml_utilization utilization;
    uint32_t idle;
    uint32_t busy;
    mig_off();
    assert_int_equal(bed.nvml.nvmlDeviceGetPowerUsage(gpu(0), &idle), NVML_SUCCESS);
    assert_int_equal(bed.nvml.nvmlDeviceGetUtilizationRates(gpu(0), &utilization), NVML_SUCCESS);
    assert_int_equal(utilization.gpu, 0);
    hold(0, SIM_NONE, SIM_NONE, 100, 60);
    assert_int_equal(bed.nvml.nvmlDeviceGetUtilizationRates(gpu(0), &utilization), NVML_SUCCESS);
    assert_int_equal(utilization.gpu, 60);
    assert_int_equal(bed.nvml.nvmlDeviceGetPowerUsage(gpu(0), &busy), NVML_SUCCESS);
    assert_true(busy > idle);
}

static void energy__never_goes_back(void **state)
{
    (void)state;
    uint64_t last = 0;
    for (unsigned i = 0; i < 200; i++) {
        uint64_t now;
        assert_int_equal(bed.nvml.nvmlDeviceGetTotalEnergyConsumption(gpu(0), &now), NVML_SUCCESS);
        assert_true(now >= last);
        last = now;
        if (i == 50) {
            mig_off();
            hold(0, SIM_NONE, SIM_NONE, 10, 100);
        }
        if (i == 150) {
            uint32_t pid = (uint32_t)getpid();
            sim_release(change(), pid, sim_process_start(pid));
            changed();
        }
    }
}

static void fields__each_says_how_it_went(void **state)
{
    (void)state;
    struct nvml_field_value fields[] = {
        {.field_id = NVML_FI_DEV_IS_RESETLESS_MIG_SUPPORTED},
        {.field_id = NVML_FI_DEV_IS_MIG_MODE_INDEPENDENT_MIG_QUERY_CAPABLE},
        {.field_id = 60},
        {.field_id = 0},
        {.field_id = 5000},
    };
    assert_int_equal(bed.nvml.nvmlDeviceGetFieldValues(gpu(0), 5, fields), NVML_SUCCESS);
    assert_int_equal(fields[0].nvml_return, NVML_SUCCESS);
    assert_int_equal(fields[0].value.ui, 0);
    assert_int_equal(fields[1].nvml_return, NVML_SUCCESS);
    assert_int_equal(fields[1].value.ui, 1);
    assert_int_equal(fields[2].nvml_return, NVML_ERROR_NOT_SUPPORTED);
    assert_int_equal(fields[3].nvml_return, NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(fields[4].nvml_return, NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(bed.nvml.nvmlDeviceGetFieldValues(gpu(0), -1, fields),
                     NVML_ERROR_INVALID_ARGUMENT);
}

static void topology__two_whole_gpus_are_peers_and_cut_ones_are_not(void **state)
{
    (void)state;
    uint32_t value = 77;
    assert_int_equal(bed.nvml.nvmlDeviceGetP2PStatus(gpu(0), gpu(1), 2, &value), NVML_SUCCESS);
    assert_int_not_equal(value, 0);
    int status;
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(bed.nvml.nvmlDeviceSetMigMode(gpu(i), 0, &status), NVML_SUCCESS);
    }
    assert_int_equal(bed.nvml.nvmlDeviceGetP2PStatus(gpu(0), gpu(1), 2, &value), NVML_SUCCESS);
    assert_int_equal(value, 0);
    assert_int_equal(bed.nvml.nvmlDeviceGetTopologyCommonAncestor(gpu(0), gpu(0), &value), 0);
    assert_int_equal(value, 0);
    assert_int_equal(bed.nvml.nvmlDeviceGetTopologyCommonAncestor(gpu(0), gpu(1), &value), 0);
    assert_true(value >= 10);
    assert_int_equal(bed.nvml.nvmlDeviceGetTopologyCommonAncestor(gpu(0), NULL, &value),
                     NVML_ERROR_INVALID_ARGUMENT);
}

/* ---- Events ---- */

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void *registered(uint64_t types)
{
    void *set = NULL;
    assert_int_equal(bed.nvml.nvmlEventSetCreate(&set), NVML_SUCCESS);
    assert_int_equal(bed.nvml.nvmlDeviceRegisterEvents(gpu(0), types, set), NVML_SUCCESS);
    return set;
}

static void events__only_what_was_registered_comes_and_in_order(void **state)
{
    (void)state;
    const struct nvml_calls *nvml = &bed.nvml;
    struct nvml_event_data event;
    create_gi(gpu(0), "1g.5gb", 0);
    sim_event_push(change(), NVML_EVENT_XID_CRITICAL, 0, SIM_NONE, SIM_NONE, 13);
    changed();
    void *set = registered(NVML_EVENT_XID_CRITICAL);
    assert_int_equal(nvml->nvmlEventSetWait_v2(set, &event, 0), NVML_ERROR_TIMEOUT);
    struct sim_machine *machine = change();
    sim_event_push(machine, NVML_EVENT_XID_CRITICAL, 1, SIM_NONE, SIM_NONE, 79);
    sim_event_push(machine, NVML_EVENT_MIG_CONFIG_CHANGE, 0, SIM_NONE, SIM_NONE, 0);
    sim_event_push(machine, NVML_EVENT_XID_CRITICAL, 0, 7, 0, 31);
    sim_event_push(machine, NVML_EVENT_XID_CRITICAL, 0, SIM_NONE, SIM_NONE, 48);
    changed();
    assert_int_equal(nvml->nvmlEventSetWait_v2(set, &event, 1000), NVML_SUCCESS);
    assert_int_equal(event.event_type, NVML_EVENT_XID_CRITICAL);
    assert_int_equal(event.event_data, 31);
    assert_int_equal(event.gpu_instance_id, 7);
    assert_int_equal(event.compute_instance_id, 0);
    assert_ptr_equal(event.device, gpu(0));
    memset(&event, 0xAA, sizeof(event));
    assert_int_equal(nvml->nvmlEventSetWait(set, &event, 1000), NVML_SUCCESS);
    assert_int_equal(event.event_data, 48);
    assert_int_equal(event.gpu_instance_id, 0xAAAAAAAA); /* not in the older structure */
    assert_int_equal(nvml->nvmlEventSetWait_v2(set, &event, 0), NVML_ERROR_TIMEOUT);
    assert_int_equal(nvml->nvmlEventSetFree(set), NVML_SUCCESS);
    assert_int_equal(nvml->nvmlEventSetWait_v2(set, &event, 0), NVML_ERROR_INVALID_ARGUMENT);
}

static void events__a_change_of_what_is_cut_is_told(void **state)
{
    (void)state;
    struct nvml_event_data event;
    void *set = registered(NVML_EVENT_MIG_CONFIG_CHANGE);
    create_gi(gpu(0), "1g.5gb", 0);
    assert_int_equal(bed.nvml.nvmlEventSetWait_v2(set, &event, 1000), NVML_SUCCESS);
    assert_int_equal(event.event_type, NVML_EVENT_MIG_CONFIG_CHANGE);
    assert_int_equal(bed.nvml.nvmlEventSetFree(set), NVML_SUCCESS);
}

static void events__unknown_types_and_slices_are_refused(void **state)
{
    (void)state;
    void *set = registered(NVML_EVENT_XID_CRITICAL);
    uint64_t types;
    void *mig = mig_of(create_whole_ci(create_gi(gpu(0), "1g.5gb", 0)));
    assert_int_equal(bed.nvml.nvmlDeviceGetSupportedEventTypes(gpu(0), &types), NVML_SUCCESS);
    assert_int_equal(bed.nvml.nvmlDeviceRegisterEvents(gpu(0), types, set), NVML_SUCCESS);
    assert_int_equal(bed.nvml.nvmlDeviceRegisterEvents(gpu(0), UINT64_C(1) << 40, set),
                     NVML_ERROR_NOT_SUPPORTED);
    assert_int_equal(bed.nvml.nvmlDeviceRegisterEvents(mig, 8, set), NVML_ERROR_NOT_SUPPORTED);
    assert_int_equal(bed.nvml.nvmlEventSetFree(set), NVML_SUCCESS);
}

static void events__a_wait_ends_when_its_time_is_up(void **state)
{
    (void)state;
    struct nvml_event_data event;
    void *set = registered(NVML_EVENT_XID_CRITICAL);
    uint64_t begin_ms = now_ms();
    assert_int_equal(bed.nvml.nvmlEventSetWait_v2(set, &event, 150), NVML_ERROR_TIMEOUT);
    uint64_t took = now_ms() - begin_ms;
    assert_true(took >= 149);
    assert_true(took < 60000);
    assert_int_equal(bed.nvml.nvmlEventSetFree(set), NVML_SUCCESS);
}

static void *push_later(void *unused)
{
    (void)unused;
    struct timespec pause = {.tv_nsec = 50000000};
    nanosleep(&pause, NULL);
    sim_event_push(change(), NVML_EVENT_XID_CRITICAL, 0, SIM_NONE, SIM_NONE, 79);
    changed();
    return NULL;
}

static void events__a_wait_wakes_when_something_happens(void **state)
{
    (void)state;
    struct nvml_event_data event;
    pthread_t thread;
    void *set = registered(NVML_EVENT_XID_CRITICAL);
    uint64_t begin_ms = now_ms();
    assert_int_equal(pthread_create(&thread, NULL, push_later, NULL), 0);
    assert_int_equal(bed.nvml.nvmlEventSetWait_v2(set, &event, 20000), NVML_SUCCESS);
    uint64_t took = now_ms() - begin_ms;
    pthread_join(thread, NULL);
    assert_int_equal(event.event_data, 79);
    assert_true(took >= 49);
    assert_true(took < 19000); /* some ms after; a wait of its own ends after 20 s */
    assert_int_equal(bed.nvml.nvmlEventSetFree(set), NVML_SUCCESS);
}

static void *shut_down_later(void *unused)
{
    (void)unused;
    struct timespec pause = {.tv_nsec = 50000000};
    nanosleep(&pause, NULL);
    bed.nvml.nvmlShutdown();
    return NULL;
}

static void events__a_wait_ends_when_the_library_is_shut_down(void **state)
{
    (void)state;
    struct nvml_event_data event;
    pthread_t thread;
    void *set = registered(NVML_EVENT_XID_CRITICAL);
    assert_int_equal(pthread_create(&thread, NULL, shut_down_later, NULL), 0);
    assert_int_equal(bed.nvml.nvmlEventSetWait_v2(set, &event, 60000), NVML_ERROR_UNINITIALIZED);
    pthread_join(thread, NULL);
}

/* ---- GPM ---- */

static void gpm__ampere_has_none(void **state)
{
    (void)state;
    struct nvml_gpm_support support = {.version = NVML_GPM_VERSION, .is_supported_device = 77};
    void *sample = NULL;
    assert_int_equal(bed.nvml.nvmlGpmQueryDeviceSupport(gpu(0), &support), NVML_SUCCESS);
    assert_int_equal(support.is_supported_device, 0);
    assert_int_equal(bed.nvml.nvmlGpmSampleAlloc(&sample), NVML_SUCCESS);
    assert_int_equal(bed.nvml.nvmlGpmSampleGet(gpu(0), sample), NVML_ERROR_NOT_SUPPORTED);
    assert_int_equal(bed.nvml.nvmlGpmSampleFree(sample), NVML_SUCCESS);
    support.version = 2;
    assert_int_equal(bed.nvml.nvmlGpmQueryDeviceSupport(gpu(0), &support),
                     NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
}

static struct nvml_gpm_metrics_get gpm(void *first, void *second)
{
    struct nvml_gpm_metrics_get get = {
        .version = NVML_GPM_VERSION, .n_metrics = 4, .sample1 = first, .sample2 = second};
    get.metrics[0].metric_id = NVML_GPM_METRIC_GRAPHICS_UTIL;
    get.metrics[1].metric_id = NVML_GPM_METRIC_PCIE_TX_PER_SEC;
    get.metrics[2].metric_id = NVML_GPM_METRIC_NVDEC_0_UTIL + 7;
    get.metrics[3].metric_id = 9999;
    return get;
}

static void pause_gap(void)
{
    struct timespec pause = {.tv_nsec = 110000000};
    nanosleep(&pause, NULL);
}

static void gpm__a_slice_is_measured_between_two_samples(void **state)
{
    (void)state;
    const struct nvml_calls *nvml = &bed.nvml;
    void *samples[3] = {NULL};
    create_whole_ci(create_gi(gpu(0), "3g.40gb", 4));
    hold(0, 2, 0, 10, 80);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(nvml->nvmlGpmSampleAlloc(&samples[i]), NVML_SUCCESS);
    }
    assert_int_equal(nvml->nvmlGpmMigSampleGet(gpu(0), 2, samples[0]), NVML_SUCCESS);
    assert_int_equal(nvml->nvmlGpmMigSampleGet(gpu(0), 2, samples[1]), NVML_SUCCESS);
    pause_gap();
    assert_int_equal(nvml->nvmlGpmMigSampleGet(gpu(0), 2, samples[2]), NVML_SUCCESS);
    struct nvml_gpm_metrics_get get = gpm(samples[0], samples[2]);
    assert_int_equal(nvml->nvmlGpmMetricsGet(&get), NVML_SUCCESS);
    assert_int_equal(get.metrics[0].nvml_return, NVML_SUCCESS);
    assert_true(get.metrics[0].value > 79.9 && get.metrics[0].value < 80.1);
    assert_string_equal(get.metrics[0].unit, "%");
    assert_int_equal(get.metrics[1].nvml_return, NVML_ERROR_NOT_SUPPORTED);
    assert_int_equal(get.metrics[2].nvml_return, NVML_ERROR_NOT_SUPPORTED);
    assert_int_equal(get.metrics[3].nvml_return, NVML_ERROR_INVALID_ARGUMENT);
    get = gpm(samples[0], samples[1]); /* too near */
    assert_int_equal(nvml->nvmlGpmMetricsGet(&get), NVML_SUCCESS);
    assert_int_equal(get.metrics[0].nvml_return, NVML_ERROR_NO_DATA);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(nvml->nvmlGpmSampleFree(samples[i]), NVML_SUCCESS);
    }
    assert_int_equal(nvml->nvmlGpmMetricsGet(&get), NVML_ERROR_INVALID_ARGUMENT);
}

static void gpm__samples_of_two_lives_of_an_instance_give_nonsense(void **state)
{
    (void)state;
    const struct nvml_calls *nvml = &bed.nvml;
    void *samples[2] = {NULL};
    void *gi = create_gi(gpu(0), "1g.10gb", 0);
    void *ci = create_whole_ci(gi);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(nvml->nvmlGpmSampleAlloc(&samples[i]), NVML_SUCCESS);
    }
    assert_int_equal(nvml->nvmlGpmMigSampleGet(gpu(0), 7, samples[0]), NVML_SUCCESS);
    assert_int_equal(nvml->nvmlComputeInstanceDestroy(ci), NVML_SUCCESS);
    assert_int_equal(nvml->nvmlGpuInstanceDestroy(gi), NVML_SUCCESS);
    assert_int_equal(nvml->nvmlGpmMigSampleGet(gpu(0), 7, samples[1]), NVML_ERROR_INVALID_ARGUMENT);
    gi = create_gi(gpu(0), "1g.10gb", 0);
    pause_gap();
    assert_int_equal(nvml->nvmlGpmMigSampleGet(gpu(0), 7, samples[1]), NVML_SUCCESS);
    struct nvml_gpm_metrics_get get = gpm(samples[0], samples[1]);
    assert_int_equal(nvml->nvmlGpmMetricsGet(&get), NVML_SUCCESS);
    assert_int_equal(get.metrics[0].nvml_return, NVML_ERROR_NO_DATA); /* no compute instance */
    create_whole_ci(gi);
    assert_int_equal(nvml->nvmlGpmMigSampleGet(gpu(0), 7, samples[1]), NVML_SUCCESS);
    get = gpm(samples[0], samples[1]);
    assert_int_equal(nvml->nvmlGpmMetricsGet(&get), NVML_SUCCESS);
    assert_int_equal(get.metrics[0].nvml_return, NVML_SUCCESS);
    assert_true(get.metrics[0].value > 100);
}

/* ---- Fabric ---- */

static void fabric__hopper_has_it_and_ampere_does_not(void **state)
{
    (void)state;
    struct nvml_fabric_info_v3 v3 = {.version = NVML_FABRIC_INFO_V3};
    struct nvml_fabric_info_v2 v2 = {.version = NVML_FABRIC_INFO_V2};
    mig_off();
    assert_int_equal(bed.nvml.nvmlDeviceGetGpuFabricInfoV(gpu(0), &v3), NVML_SUCCESS);
    assert_int_equal(bed.nvml.nvmlDeviceGetGpuFabricInfoV(gpu(0), &v2), NVML_SUCCESS);
    assert_int_equal(v3.state, NVML_GPU_FABRIC_STATE_COMPLETED);
    assert_int_equal(v3.status, NVML_SUCCESS);
    assert_int_equal(v2.state, v3.state);
    assert_int_equal(v2.version, NVML_FABRIC_INFO_V2);
    v3.version = 3;
    assert_int_equal(bed.nvml.nvmlDeviceGetGpuFabricInfoV(gpu(0), &v3),
                     NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
}

static void fabric__ampere_has_none(void **state)
{
    (void)state;
    struct nvml_fabric_info_v3 info = {.version = NVML_FABRIC_INFO_V3};
    assert_int_equal(bed.nvml.nvmlDeviceGetGpuFabricInfoV(gpu(0), &info), NVML_ERROR_NOT_SUPPORTED);
}

static void absent__what_is_not_simulated_says_not_supported(void **state)
{
    (void)state;
    char name[64];
    uint32_t n = 64;
    uint32_t units = 77;
    assert_int_equal(bed.nvml.nvmlVgpuTypeGetName(1, name, &n), NVML_ERROR_NOT_SUPPORTED);
    assert_int_equal(bed.nvml.nvmlUnitGetCount(&units), NVML_SUCCESS);
    assert_int_equal(units, 0);
    assert_int_equal(bed.nvml.nvmlDeviceGetFanSpeed(NULL, &n), NVML_ERROR_INVALID_ARGUMENT);
}

int main(void)
{
#define ON(setup, name) cmocka_unit_test_setup_teardown(name, setup, done)
    const struct CMUnitTest tests[] = {
        ON(a100, device__every_name_leads_back_to_it),
        ON(a100, device__what_names_none_is_not_found_or_refused),
        ON(a100, device__older_pci_info_is_shorter),
        ON(t4, device__one_that_cannot_be_cut_says_so),
        ON(a100, device__a_lost_gpu_is_lost_and_the_others_are_not),
        ON(a100, memory__of_a_slice_and_of_its_gpu),
        ON(a100, processes__are_where_their_slice_is),
        ON(a100, processes__hold_their_instance),
        ON(a100, mig__takes_utilisation_from_the_gpu_and_gives_none_to_slices),
        ON(a100, utilisation__is_what_the_processes_are_busy),
        ON(a100, energy__never_goes_back),
        ON(a100, fields__each_says_how_it_went),
        ON(a100, topology__two_whole_gpus_are_peers_and_cut_ones_are_not),
        ON(a100, events__only_what_was_registered_comes_and_in_order),
        ON(a100, events__a_change_of_what_is_cut_is_told),
        ON(a100, events__unknown_types_and_slices_are_refused),
        ON(a100, events__a_wait_ends_when_its_time_is_up),
        ON(a100, events__a_wait_wakes_when_something_happens),
        ON(a100, events__a_wait_ends_when_the_library_is_shut_down),
        ON(a100, gpm__ampere_has_none),
        ON(h100, gpm__a_slice_is_measured_between_two_samples),
        ON(h100, gpm__samples_of_two_lives_of_an_instance_give_nonsense),
        ON(h100, fabric__hopper_has_it_and_ampere_does_not),
        ON(a100, fabric__ampere_has_none),
        ON(a100, absent__what_is_not_simulated_says_not_supported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
