/* Readings and events where the driver is not what it should be, and two threads that use it. */
#include "unit/check.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "gpu/gpu_nvml.h"
#include "gpu/gpu_read.h"
#include "gpu/gpu_watch.h"

static struct gs_gpus open_liar(const char *lie)
{
    struct gs_gpus gpus = {.ops = NULL};
    setenv("LIE", lie, 1);
    assert_int_equal(
        gs_gpu_nvml_open(&(struct gs_gpu_nvml_options){.library = getenv("GS_LIAR")}, &gpus, NULL),
        0);
    return gpus;
}

/* What of the library's own was not given back. */
static int kept(void)
{
    void *handle = dlopen(getenv("GS_LIAR"), RTLD_LAZY | RTLD_LOCAL);
    assert_non_null(handle);
    void *found = dlsym(handle, "liar_kept");
    int (*count)(void) = NULL;
    memcpy(&count, &found, sizeof(count));
    int n = count();
    dlclose(handle);
    return n;
}

static void gpu_nvml__readings_that_cannot_be_are_not_known(void **state)
{
    (void)state;
    struct gs_gpu_readings told;
    GS_CLEANUP(gs_gpu_close) struct gs_gpus gpus = open_liar("none");
    assert_int_equal(gs_gpu_read(&gpus, 0, &told, NULL), 0);
    assert_int_equal(told.gpu_percent, 40);
    assert_int_equal(told.sm_clock_mhz, 1410);
    assert_int_equal(told.memory_clock_mhz, 1215);
    assert_int_equal(told.memory_temperature_c, 5);
    assert_int_equal(told.nvlink_tx_kib, 5);
    assert_int_equal(told.recovery, 5);
    assert_int_equal(told.power_mw, GS_NOT_KNOWN); /* the library has no such function */
    assert_true(told.energy_mj == UINT64_MAX);
    assert_int_equal(told.remap_failure, GS_NOT_KNOWN);
    assert_int_equal(told.encoder_percent, GS_NOT_KNOWN);
    assert_true(told.fb_reserved_bytes == UINT64_MAX); /* the older function only */
    assert_int_equal(told.fb_total_bytes, UINT64_C(8) << 30);
    setenv("LIE", "mad percents", 1);
    assert_int_equal(gs_gpu_read(&gpus, 0, &told, NULL), 0);
    assert_int_equal(told.gpu_percent, GS_NOT_KNOWN);
    assert_int_equal(told.memory_percent, GS_NOT_KNOWN);
    static const char *const fields[] = {"fields of other types", "no fields"};
    for (size_t i = 0; i < 2; i++) {
        setenv("LIE", fields[i], 1);
        assert_int_equal(gs_gpu_read(&gpus, 0, &told, NULL), 0);
        assert_int_equal(told.memory_temperature_c, GS_NOT_KNOWN);
        assert_int_equal(told.recovery, GS_NOT_KNOWN);
        assert_true(told.nvlink_tx_kib == UINT64_MAX);
        assert_true(told.nvlink_rx_kib == UINT64_MAX);
    }
    struct gs_err err;
    setenv("LIE", "lost while it is read", 1);
    assert_int_equal(gs_gpu_read(&gpus, 0, &told, &err), GS_IO);
    assert_int_equal(err.sys_errno, ENODEV);
}

static void gpu_nvml__a_mig_device_of_a_liar_has_bounds(void **state)
{
    (void)state;
    struct gs_mig_device device;
    GS_CLEANUP(gs_gpu_close) struct gs_gpus gpus = open_liar("none");
    assert_int_equal(gs_gpu_mig_device(&gpus, 0, 0, 0, &device, NULL), 0);
    assert_int_equal(device.index, 0);
    assert_int_equal(device.gpu_slices, 1);
    setenv("LIE", "slices 4 billion", 1);
    assert_int_equal(gs_gpu_mig_device(&gpus, 0, 0, 0, &device, NULL), 0);
    assert_int_equal(device.gpu_slices, GS_NOT_KNOWN);
    assert_int_equal(device.compute_slices, GS_NOT_KNOWN);
    setenv("LIE", "MIG index 4 billion", 1);
    assert_int_equal(gs_gpu_mig_device(&gpus, 0, 0, 0, &device, NULL), GS_IO);
    setenv("LIE", "no attributes", 1);
    assert_int_equal(gs_gpu_mig_device(&gpus, 0, 0, 0, &device, NULL), GS_IO);
    setenv("LIE", "no MIG device", 1);
    assert_int_equal(gs_gpu_mig_device(&gpus, 0, 0, 0, &device, NULL), GS_NOT_FOUND);
}

static void gpu_nvml__a_fabric_counts_when_it_is_complete(void **state)
{
    (void)state;
    struct gs_gpu_fabric fabric;
    GS_CLEANUP(gs_gpu_close) struct gs_gpus gpus = open_liar("none");
    assert_int_equal(gs_gpu_fabric(&gpus, 0, &fabric, NULL), 0);
    assert_string_equal(fabric.cluster, "abababab-abab-abab-abab-abababababab");
    assert_int_equal(fabric.clique, 7);
    static const char *const lies[] = {"fabric in progress", "fabric that failed",
                                       "fabric of zeros"};
    for (size_t i = 0; i < 3; i++) {
        setenv("LIE", lies[i], 1);
        assert_int_equal(gs_gpu_fabric(&gpus, 0, &fabric, NULL), 0);
        assert_string_equal(fabric.cluster, "");
        assert_int_equal(fabric.clique, GS_NOT_KNOWN);
    }
}

static void rest(void)
{
    nanosleep(&(struct timespec){.tv_nsec = (GS_SAMPLE_GAP_MS + 2) * 1000000}, NULL);
}

static void gpu_nvml__activity_that_cannot_be_is_not_told(void **state)
{
    (void)state;
    static const struct {
        const char *lie;
        uint32_t ppm;
    } cases[] = {{"none", 500000},
                 {"101 percent", 1000000},
                 {"200 percent", GS_NOT_KNOWN},
                 {"negative percent", GS_NOT_KNOWN},
                 {"NaN percent", GS_NOT_KNOWN},
                 {"infinite percent", GS_NOT_KNOWN},
                 {"no metric", GS_NOT_KNOWN},
                 {"no metrics", GS_NOT_KNOWN},
                 {"no samples", GS_NOT_KNOWN}};
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_gpus gpus = open_liar(cases[i].lie);
        struct gs_slice_readings told;
        assert_int_equal(gs_gpu_read_slice(&gpus, 1, GS_NOT_KNOWN, 0, &told, NULL), 0);
        assert_int_equal(told.interval_ms, GS_NOT_KNOWN);
        rest();
        assert_int_equal(gs_gpu_read_slice(&gpus, 1, GS_NOT_KNOWN, 0, &told, NULL), 0);
        assert_int_equal(told.graphics_ppm, cases[i].ppm);
        assert_int_equal(told.interval_ms != GS_NOT_KNOWN, cases[i].ppm != GS_NOT_KNOWN);
        assert_true(told.pcie_rx_bytes_per_s == UINT64_MAX || cases[i].ppm != GS_NOT_KNOWN);
        /* what comes at once gets the same again, and no third sample is taken */
        struct gs_slice_readings again;
        assert_int_equal(gs_gpu_read_slice(&gpus, 1, GS_NOT_KNOWN, 0, &again, NULL), 0);
        assert_memory_equal(&told, &again, sizeof(told));
        gs_gpu_close(&gpus);
        assert_int_equal(kept(), 0);
    }
}

static void gpu_nvml__events_have_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *lie;
        enum gs_gpu_event_kind kind;
        uint64_t data;
        uint32_t gi, ci;
    } cases[] = {
        {"none", GS_GPU_EVENT_XID, 79, 3, 1},
        {"instances 4 billion less one", GS_GPU_EVENT_XID, 79, GS_NOT_KNOWN, GS_NOT_KNOWN},
        {"compute instance 8", GS_GPU_EVENT_XID, 79, 3, GS_NOT_KNOWN},
        {"event of no kind", GS_GPU_EVENT_NONE, UINT64_MAX, GS_NOT_KNOWN, GS_NOT_KNOWN},
        {"recovery", GS_GPU_EVENT_RECOVERY, GS_RECOVERY_RESET, 3, 1},
        {"ECC", GS_GPU_EVENT_ECC_DOUBLE, UINT64_MAX, 3, 1},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_gpus gpus = open_liar(cases[i].lie);
        struct gs_gpu_watch watch;
        struct gs_gpu_event event;
        assert_int_equal(gs_gpu_watch_open(&gpus, &watch, NULL), 0);
        assert_int_equal(gs_gpu_watch_next(&watch, 10, &event, NULL), 0);
        assert_int_equal(event.kind, cases[i].kind);
        assert_true(event.data == cases[i].data);
        assert_int_equal(event.gi, cases[i].gi);
        assert_int_equal(event.ci, cases[i].ci);
        /* the device is one that the driver does not list */
        assert_int_equal(event.gpu, GS_NOT_KNOWN);
        assert_string_equal(event.uuid, "");
        gs_gpu_watch_close(&watch);
        gs_gpu_close(&gpus);
        assert_int_equal(kept(), 0);
    }
}

static void gpu_nvml__a_watch_that_fails_says_so(void **state)
{
    (void)state;
    struct gs_gpu_watch watch;
    struct gs_gpu_event event;
    struct gs_err err;
    struct gs_gpus gpus = open_liar("no sets");
    assert_int_equal(gs_gpu_watch_open(&gpus, &watch, &err), GS_IO);
    setenv("LIE", "no types", 1);
    assert_int_equal(gs_gpu_watch_open(&gpus, &watch, NULL), 0);
    gs_gpu_watch_close(&watch);
    setenv("LIE", "driver gone", 1);
    assert_int_equal(gs_gpu_watch_open(&gpus, &watch, NULL), 0);
    assert_int_equal(gs_gpu_watch_next(&watch, 0, &event, &err), GS_IO);
    assert_int_equal(err.sys_errno, ENODEV);
    setenv("LIE", "lost, and every GPU answers", 1);
    assert_int_equal(gs_gpu_watch_next(&watch, 0, &event, &err), GS_IO);
    gs_gpu_watch_close(&watch);
    gs_gpu_close(&gpus);
    assert_int_equal(kept(), 0);
}

static void gpu_nvml__a_watch_ends_with_the_session_of_its_handle(void **state)
{
    (void)state;
    struct gs_gpu_watch watch;
    struct gs_gpu_event event;
    struct gs_err err;
    enum gs_mig_activation activation;
    struct gs_gpus gpus = open_liar("none");
    assert_int_equal(gs_gpu_watch_open(&gpus, &watch, NULL), 0);
    assert_int_equal(gs_gpu_set_mode(&gpus, 0, GS_MIG_ON, &activation, NULL), 0);
    assert_int_equal(gs_gpu_watch_next(&watch, 0, &event, &err), GS_IO);
    assert_non_null(strstr(err.msg, "session was ended"));
    gs_gpu_watch_close(&watch);
    assert_int_equal(gs_gpu_watch_open(&gpus, &watch, NULL), 0);
    assert_int_equal(gs_gpu_watch_next(&watch, 0, &event, NULL), 0);
    gs_gpu_watch_close(&watch);
    gs_gpu_close(&gpus);
}

/* A monitor, with a handle of its own. */
struct monitor {
    atomic_bool stop;
    atomic_uint events;
    unsigned failures;
};

static void *watch_for_events(void *arg)
{
    struct monitor *monitor = arg;
    struct gs_gpus gpus = {.ops = NULL};
    struct gs_gpu_watch watch = {.gpus = NULL};
    struct gs_gpu_event event;
    struct gs_gpu_readings told;
    const struct gs_gpu_nvml_options options = {.library = getenv("GS_LIAR")};
    monitor->failures +=
        gs_gpu_nvml_open(&options, &gpus, NULL) < 0 || gs_gpu_watch_open(&gpus, &watch, NULL) < 0;
    while (!atomic_load(&monitor->stop) && monitor->failures == 0) {
        monitor->failures += gs_gpu_watch_next(&watch, 1, &event, NULL) < 0;
        monitor->failures += gs_gpu_read(&gpus, 1, &told, NULL) < 0;
        atomic_fetch_add(&monitor->events, 1);
    }
    gs_gpu_watch_close(&watch);
    gs_gpu_close(&gpus);
    return NULL;
}

static void gpu_nvml__two_handles_serve_two_threads(void **state)
{
    (void)state;
    struct gs_gpus gpus = open_liar("none");
    struct monitor monitor = {.failures = 0};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, watch_for_events, &monitor), 0);
    for (unsigned i = 0; i < 300 || (i < 100000 && atomic_load(&monitor.events) < 100); i++) {
        struct gs_gpu_instance gi;
        struct gs_gpu_instances instances;
        enum gs_mig_activation activation;
        assert_int_equal(gs_gpu_create(&gpus, 0, 0, 0, 1, &gi, NULL), 0);
        assert_int_equal(gs_gpu_instances(&gpus, 0, &instances, NULL), 0);
        /* handles of this one are forgotten, not those of the other */
        assert_int_equal(gs_gpu_set_mode(&gpus, 0, GS_MIG_ON, &activation, NULL), 0);
    }
    atomic_store(&monitor.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(monitor.failures, 0);
    assert_true(atomic_load(&monitor.events) >= 100);
    gs_gpu_close(&gpus);
    assert_int_equal(kept(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gpu_nvml__readings_that_cannot_be_are_not_known),
        cmocka_unit_test(gpu_nvml__a_mig_device_of_a_liar_has_bounds),
        cmocka_unit_test(gpu_nvml__a_fabric_counts_when_it_is_complete),
        cmocka_unit_test(gpu_nvml__activity_that_cannot_be_is_not_told),
        cmocka_unit_test(gpu_nvml__events_have_bounds),
        cmocka_unit_test(gpu_nvml__a_watch_that_fails_says_so),
        cmocka_unit_test(gpu_nvml__a_watch_ends_with_the_session_of_its_handle),
        cmocka_unit_test(gpu_nvml__two_handles_serve_two_threads),
    };
    return cmocka_run_group_tests_name("gpu_nvml_live", tests, NULL, NULL);
}
