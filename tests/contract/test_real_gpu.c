/* The read-only half of the contract on this machine's own GPUs, held against the catalogue.
 *
 * Runs with GPUSLICE_REAL_GPU=1 only, and calls nothing that changes a GPU. */
#include "unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "core/catalog.h"
#include "core/statetable.h"
#include "gpu/driver_files.h"
#include "gpu/gpu_model.h"
#include "gpu/gpu_nvml.h"
#include "gpu/gpu_read.h"
#include "gpu/gpu_watch.h"

static struct gs_gpus gpus;
static unsigned n_gpus;

static int begin(void **state)
{
    (void)state;
    struct gs_err err;
    const char *asked = getenv("GPUSLICE_REAL_GPU");
    if (asked == NULL || strcmp(asked, "1") != 0) {
        return 0;
    }
    if (gs_gpu_nvml_open(NULL, &gpus, &err) < 0 || gs_gpu_count(&gpus, &n_gpus, &err) < 0) {
        print_message("%s\n", err.msg);
        return -1;
    }
    return 0;
}

static int end(void **state)
{
    (void)state;
    gs_gpu_close(&gpus);
    return 0;
}

static void require_gpus(void)
{
    if (gpus.ops == NULL) {
        print_message("SKIP: GPUSLICE_REAL_GPU=1 is not set: this machine's GPUs are not asked\n");
        skip();
    }
    assert_true(n_gpus > 0);
}

static void works(int r, const struct gs_err *err)
{
    if (r < 0) {
        fail_msg("%s", err->msg);
    }
}

static void real_gpu__tells_its_facts(void **state)
{
    (void)state;
    require_gpus();
    struct gs_err err;
    struct gs_gpu_driver driver;
    works(gs_gpu_driver(&gpus, &driver, &err), &err);
    print_message("driver %s, NVML %s, CUDA %u, places: %d\n", driver.driver_version,
                  driver.nvml_version, driver.cuda_version, driver.can_place);
    for (unsigned i = 0; i < n_gpus; i++) {
        struct gs_gpu gpu;
        works(gs_gpu_get(&gpus, i, &gpu, &err), &err);
        print_message("GPU %u: %s, %s, pci id %08x, MIG %d (pending %d), reset needed: %d\n", i,
                      gpu.name, gpu.pci_bus_id, gpu.pci_device_id, (int)gpu.mode, (int)gpu.pending,
                      gpu.mode_change_needs_reset);
        assert_int_equal(strncmp(gpu.uuid, "GPU-", 4), 0);
        assert_int_equal(strlen(gpu.uuid), 40);
        assert_int_equal(strlen(gpu.pci_bus_id), 16);
        assert_true(gpu.memory_bytes > 0);
    }
}

static bool is_same(const char *what, const char *profile, uint32_t told, uint32_t catalogued)
{
    if (catalogued == GS_NOT_KNOWN || told == catalogued) {
        return true;
    }
    print_message("%s: %s is %u, the catalogue has %u\n", profile, what, told, catalogued);
    return false;
}

/* Names and memory move a little with the driver; ids, slices, places and counts do not. */
static bool is_as_catalogued(const struct gs_profile *told, const struct gs_profile *known)
{
    is_same("memory (MiB)", known->name, told->memory_mib, known->memory_mib);
    if (strcmp(told->name, known->name) != 0) {
        print_message("%s: the driver's facts name it %s\n", known->name, told->name);
    }
    bool same =
        is_same("the profile id", known->name, told->nvml_profile_id, known->nvml_profile_id);
    same &= is_same("SMs", known->name, told->sm_count, known->sm_count);
    same &= is_same("compute slices", known->name, told->compute_slices, known->compute_slices);
    same &= is_same("memory units", known->name, told->memory_units, known->memory_units);
    same &= is_same("instances", known->name, told->max_instances, known->max_instances);
    for (unsigned e = 0; e < GS_ENGINES; e++) {
        same &= is_same("a number of engines", known->name, told->engines[e], known->engines[e]);
    }
    return same & is_same("starts", known->name, told->starts, known->starts);
}

static const struct gs_profile *numbered(const struct gs_model *model, uint32_t nvml_profile)
{
    for (unsigned i = 0; i < model->n_profiles; i++) {
        if (model->profiles[i].nvml_profile == nvml_profile) {
            return &model->profiles[i];
        }
    }
    return NULL;
}

static bool check_gpu(unsigned i, const struct gs_model *live)
{
    const struct gs_model *known = NULL;
    if (gs_catalog_find(gs_view(live->id), &known, NULL) < 0) {
        print_message("GPU %u (%s) is not in the catalogue\n", i, live->id);
        return true;
    }
    bool same = true;
    for (unsigned p = 0; p < known->n_profiles; p++) {
        const struct gs_profile *told = numbered(live, known->profiles[p].nvml_profile);
        if (told == NULL) {
            print_message("GPU %u: the driver does not offer %s\n", i, known->profiles[p].name);
        } else {
            same &= is_as_catalogued(told, &known->profiles[p]);
        }
    }
    return same;
}

static void real_gpu__is_as_the_catalogue_says(void **state)
{
    (void)state;
    require_gpus();
    bool same = true;
    for (unsigned i = 0; i < n_gpus; i++) {
        struct gs_arena arena;
        struct gs_err err;
        const struct gs_model *live = NULL;
        gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
        int r = gs_gpu_model_read(&arena, &gpus, i, &live, &err);
        if (r == GS_UNSUPPORTED) {
            print_message("%s\n", err.msg);
        } else {
            works(r, &err);
            same &= check_gpu(i, live);
        }
        gs_arena_done(&arena);
    }
    assert_true(same);
}

static void real_gpu__lists_what_is_cut_and_who_is_there(void **state)
{
    (void)state;
    require_gpus();
    for (unsigned i = 0; i < n_gpus; i++) {
        struct gs_gpu_instances all;
        struct gs_gpu_process processes[16];
        struct gs_err err;
        size_t n = 0;
        works(gs_gpu_instances(&gpus, i, &all, &err), &err);
        works(gs_gpu_processes(&gpus, i, processes, GS_ARRAY_LEN(processes), &n, &err), &err);
        print_message("GPU %u: %u GPU instances, %zu processes\n", i, all.n, n);
    }
}

/* Two readings, so that there is activity between them where the GPU has it. */
static void real_gpu__is_read(void **state)
{
    (void)state;
    require_gpus();
    for (unsigned i = 0; i < n_gpus; i++) {
        struct gs_gpu_readings told;
        struct gs_slice_readings whole;
        struct gs_err err;
        works(gs_gpu_read(&gpus, i, &told, &err), &err);
        works(gs_gpu_read_slice(&gpus, i, GS_NOT_KNOWN, 1, &whole, &err), &err);
        nanosleep(&(struct timespec){.tv_nsec = 2 * GS_SAMPLE_GAP_MS * 1000000}, NULL);
        works(gs_gpu_read_slice(&gpus, i, GS_NOT_KNOWN, 1, &whole, &err), &err);
        print_message("GPU %u: %u C, %u mW, SM %u MHz, busy %u %%, energy %llu mJ, memory %llu of "
                      "%llu, activity of %u ms: graphics %u, SM %u, DRAM %u ppm\n",
                      i, told.temperature_c, told.power_mw, told.sm_clock_mhz, told.gpu_percent,
                      (unsigned long long)told.energy_mj, (unsigned long long)told.fb_used_bytes,
                      (unsigned long long)told.fb_total_bytes, whole.interval_ms,
                      whole.graphics_ppm, whole.sm_ppm, whole.dram_ppm);
        assert_true(told.temperature_c == GS_NOT_KNOWN || told.temperature_c < 120);
        assert_true(whole.graphics_ppm == GS_NOT_KNOWN || whole.graphics_ppm <= 1000000);
    }
}

static void real_gpu__is_watched(void **state)
{
    (void)state;
    require_gpus();
    struct gs_gpu_watch watch = {.gpus = NULL};
    struct gs_gpu_event event;
    struct gs_err err;
    works(gs_gpu_watch_open(&gpus, &watch, &err), &err);
    works(gs_gpu_watch_next(&watch, 100, &event, &err), &err);
    print_message("an event within 100 ms: kind %d\n", (int)event.kind);
    gs_gpu_watch_close(&watch);
}

static void real_gpu__has_its_files(void **state)
{
    (void)state;
    require_gpus();
    const struct gs_machine_roots here = {.simulated = false};
    struct gs_gpu_driver driver;
    struct gs_driver_files files;
    struct gs_arena arena;
    struct gs_err err;
    gs_arena_init(&arena, &gs_alloc_heap, 4 << 20);
    works(gs_gpu_driver(&gpus, &driver, &err), &err);
    int r = gs_driver_files_find(&here, driver.driver_version, &arena, &files, &err);
    if (r < 0) { /* in a container only a part of them may be there */
        print_message("%s\n", err.msg);
    } else {
        print_message("%zu files, %zu links, folders: %s, ...\n", files.n_mounts, files.n_links,
                      files.cuda_folders[0]);
    }
    gs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_gpu__tells_its_facts),
        cmocka_unit_test(real_gpu__is_as_the_catalogue_says),
        cmocka_unit_test(real_gpu__lists_what_is_cut_and_who_is_there),
        cmocka_unit_test(real_gpu__is_read),
        cmocka_unit_test(real_gpu__is_watched),
        cmocka_unit_test(real_gpu__has_its_files),
    };
    return cmocka_run_group_tests_name("real_gpu", tests, begin, end);
}
