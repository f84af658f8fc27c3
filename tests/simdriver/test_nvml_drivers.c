/* Each generation of the driver: what its library lacks, and what the newest library then says. */
#include "simdriver/nvml_bed.h"

enum { NEWEST = 0xFFFF };

static const uint32_t drivers[] = {450, 470, 525, 580};
#define N_DRIVERS (sizeof(drivers) / sizeof(drivers[0]))

static void for_each(void (*check)(uint32_t driver), uint32_t library)
{
    for (size_t i = 0; i < N_DRIVERS; i++) {
        begin_with(drivers[i], library == NEWEST ? NEWEST : drivers[i], "A100-40GB", 1);
        check(drivers[i]);
        end();
    }
}

/* dlsym's answer for a name, where the bed has one. */
static void symbols(uint32_t driver)
{
    const struct nvml_calls *nvml = &bed.nvml;
    assert_non_null(nvml->nvmlDeviceCreateGpuInstance);
    assert_non_null(nvml->nvmlDeviceGetGpuInstancePossiblePlacements);
    assert_int_equal(nvml->nvmlDeviceCreateGpuInstanceWithPlacement != NULL, driver >= 470);
    assert_int_equal(nvml->nvmlComputeInstanceGetInfo_v2 != NULL, driver >= 470);
    assert_int_equal(nvml->nvmlDeviceGetAttributes_v2 != NULL, driver >= 470);
    assert_int_equal(nvml->nvmlDeviceGetGpuInstancePossiblePlacements_v2 != NULL, driver >= 470);
    assert_int_equal(nvml->nvmlDeviceGetGpuInstanceProfileInfoV != NULL, driver >= 525);
    assert_int_equal(nvml->nvmlDeviceGetComputeRunningProcesses_v3 != NULL, driver >= 525);
    assert_int_equal(nvml->nvmlDeviceGetMemoryInfo_v2 != NULL, driver >= 525);
    assert_int_equal(nvml->nvmlGpmSampleAlloc != NULL, driver >= 525);
    assert_int_equal(nvml->nvmlDeviceGetGpuInstanceProfileInfoByIdV != NULL, driver >= 580);
    assert_int_equal(nvml->nvmlDeviceGetHandleByUUIDV != NULL, driver >= 580);
    assert_int_equal(nvml->nvmlDeviceGetGpuFabricInfoV != NULL, driver >= 580);
}

static void drivers__their_libraries_lack_what_came_later(void **state)
{
    (void)state;
    for_each(symbols, 0);
}

static void say_so(uint32_t driver)
{
    const struct nvml_calls *nvml = &bed.nvml;
    struct nvml_memory_v2 memory = {.version = NVML_MEMORY_V2};
    struct nvml_gi_profile_info_v2 v2 = {.version = NVML_GI_PROFILE_INFO_V2};
    struct nvml_gi_profile_info_v3 v3 = {.version = NVML_GI_PROFILE_INFO_V3};
    struct nvml_placement place = {0, 1};
    void *gi;
    uint32_t n = 0;
    assert_int_equal(nvml->nvmlDeviceCreateGpuInstanceWithPlacement(gpu(0), 19, &place, &gi),
                     driver >= 470 ? NVML_SUCCESS : NVML_ERROR_FUNCTION_NOT_FOUND);
    assert_int_equal(nvml->nvmlDeviceGetMemoryInfo_v2(gpu(0), &memory),
                     driver >= 525 ? NVML_SUCCESS : NVML_ERROR_FUNCTION_NOT_FOUND);
    assert_int_equal(nvml->nvmlDeviceGetGpuInstanceProfileInfoV(gpu(0), 0, &v2),
                     driver >= 525 ? NVML_SUCCESS : NVML_ERROR_FUNCTION_NOT_FOUND);
    int old = driver >= 525 ? NVML_ERROR_ARGUMENT_VERSION_MISMATCH : NVML_ERROR_FUNCTION_NOT_FOUND;
    assert_int_equal(nvml->nvmlDeviceGetGpuInstanceProfileInfoV(gpu(0), 0, &v3),
                     driver >= 580 ? NVML_SUCCESS : old);
    assert_int_equal(nvml->nvmlDeviceGetGpuInstanceProfileInfoByIdV(gpu(0), 19, &v2),
                     driver >= 580 ? NVML_SUCCESS : NVML_ERROR_FUNCTION_NOT_FOUND);
    assert_int_equal(nvml->nvmlDeviceGetGpuInstancePossiblePlacements_v2(gpu(0), 19, NULL, &n),
                     driver >= 470 ? NVML_SUCCESS : NVML_ERROR_FUNCTION_NOT_FOUND);
}

static void drivers__the_newest_library_says_function_not_found(void **state)
{
    (void)state;
    for_each(say_so, NEWEST);
}

static void walk(uint32_t driver)
{
    const struct nvml_calls *nvml = &bed.nvml;
    uint32_t count = 0;
    uint32_t kinds = 0;
    int r = NVML_SUCCESS;
    assert_int_equal(nvml->nvmlDeviceGetCount_v2(&count), NVML_SUCCESS);
    assert_int_equal(count, 1);
    uint32_t last = 0;
    for (uint32_t profile = 0; r != NVML_ERROR_INVALID_ARGUMENT; profile++) {
        struct nvml_gi_profile_info info;
        r = nvml->nvmlDeviceGetGpuInstanceProfileInfo(gpu(0), profile, &info);
        kinds += r == NVML_SUCCESS;
        last = profile;
    }
    /* +me came with 470, twice the memory with 525 */
    assert_int_equal(kinds, driver == 450 ? 5 : driver == 470 ? 6 : 7);
    assert_true(last <= 17);
    void *gi = NULL;
    assert_int_equal(nvml->nvmlDeviceCreateGpuInstance(gpu(0), 9, &gi), NVML_SUCCESS);
    void *ci = create_whole_ci(gi);
    struct nvml_ci_info info;
    assert_int_equal(nvml->nvmlComputeInstanceGetInfo(ci, &info), NVML_SUCCESS);
    void *mig = NULL;
    char uuid[96];
    assert_int_equal(nvml->nvmlDeviceGetMigDeviceHandleByIndex(gpu(0), 0, &mig), NVML_SUCCESS);
    assert_int_equal(nvml->nvmlDeviceGetUUID(mig, uuid, 96), NVML_SUCCESS);
    const char *form = driver < 470 ? "MIG-GPU-" : "MIG-";
    assert_int_equal(strncmp(uuid, form, strlen(form)), 0);
    assert_int_equal(nvml->nvmlComputeInstanceDestroy(ci), NVML_SUCCESS);
    assert_int_equal(nvml->nvmlGpuInstanceDestroy(gi), NVML_SUCCESS);
}

static void drivers__each_cuts_and_joins_with_its_own_library(void **state)
{
    (void)state;
    for_each(walk, 0);
}

static void drivers__a_library_older_than_the_driver_is_refused(void **state)
{
    (void)state;
    begin("A100-40GB", 1);
    void *kept = bed.library;
    struct nvml_calls calls = bed.nvml;
    load_library(470);
    assert_int_equal(bed.nvml.nvmlInit_v2(), NVML_ERROR_LIB_RM_VERSION_MISMATCH);
    dlclose_library();
    bed.library = kept;
    bed.nvml = calls;
    end();
}

static void drivers__placements_of_the_first_fill_an_unbounded_array(void **state)
{
    (void)state;
    struct nvml_placement places[32] = {{0}};
    uint32_t n = 1; /* written only, by this one */
    begin_with(450, 450, "A100-40GB", 1);
    assert_int_equal(bed.nvml.nvmlDeviceGetGpuInstancePossiblePlacements(gpu(0), 19, places, &n),
                     NVML_SUCCESS);
    assert_int_equal(n, 7);
    assert_int_equal(places[6].start, 6);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drivers__their_libraries_lack_what_came_later),
        cmocka_unit_test(drivers__the_newest_library_says_function_not_found),
        cmocka_unit_test(drivers__each_cuts_and_joins_with_its_own_library),
        cmocka_unit_test(drivers__a_library_older_than_the_driver_is_refused),
        cmocka_unit_test(drivers__placements_of_the_first_fill_an_unbounded_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
