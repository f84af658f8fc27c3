#include "simdriver/nvml_bed.h"

enum { BAD_HANDLES = 7 };

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

static int done(void **state)
{
    (void)state;
    end();
    return 0;
}

/* ---- Kinds ---- */

static void gi_profiles__enums_and_ids_differ_and_the_end_is_told(void **state)
{
    (void)state;
    static const struct {
        uint32_t profile, id, slices, instances, mib;
    } known[] = {{0, 19, 1, 7, 4864}, {1, 14, 2, 3, 9856}, {2, 9, 3, 2, 19968}, {3, 5, 4, 1, 19968},
                 {4, 0, 7, 1, 40192}, {7, 20, 1, 1, 4864}, {9, 15, 1, 4, 9856}};
    unsigned found = 0;
    int r = NVML_SUCCESS;
    for (uint32_t profile = 0; r != NVML_ERROR_INVALID_ARGUMENT; profile++) {
        struct nvml_gi_profile_info info;
        r = bed.nvml.nvmlDeviceGetGpuInstanceProfileInfo(gpu(0), profile, &info);
        if (r == NVML_SUCCESS) {
            assert_int_equal(profile, known[found].profile);
            assert_int_equal(info.id, known[found].id);
            assert_int_equal(info.slice_count, known[found].slices);
            assert_int_equal(info.instance_count, known[found].instances);
            assert_int_equal(info.memory_size_mb, known[found].mib);
            found++;
        } else if (profile <= 16) { /* what driver 580 knows */
            assert_int_equal(r, NVML_ERROR_NOT_SUPPORTED);
        } else {
            assert_int_equal(r, NVML_ERROR_INVALID_ARGUMENT);
        }
    }
    assert_int_equal(found, 7);
}

static void gi_profiles__versions_agree(void **state)
{
    (void)state;
    struct nvml_gi_profile_info v1;
    struct nvml_gi_profile_info_v2 v2 = {.version = NVML_GI_PROFILE_INFO_V2};
    struct nvml_gi_profile_info_v3 v3 = {.version = NVML_GI_PROFILE_INFO_V3};
    struct nvml_gi_profile_info_v3 by_id = {.version = NVML_GI_PROFILE_INFO_V3};
    const struct nvml_calls *nvml = &bed.nvml;
    assert_int_equal(nvml->nvmlDeviceGetGpuInstanceProfileInfo(gpu(0), 9, &v1), NVML_SUCCESS);
    assert_int_equal(nvml->nvmlDeviceGetGpuInstanceProfileInfoV(gpu(0), 9, &v2), NVML_SUCCESS);
    assert_int_equal(nvml->nvmlDeviceGetGpuInstanceProfileInfoV(gpu(0), 9, &v3), NVML_SUCCESS);
    assert_int_equal(nvml->nvmlDeviceGetGpuInstanceProfileInfoByIdV(gpu(0), 15, &by_id),
                     NVML_SUCCESS);
    assert_int_equal(v1.id, 15);
    assert_int_equal(v2.id, 15);
    assert_int_equal(v3.id, 15);
    assert_memory_equal(&v3, &by_id, sizeof(v3));
    assert_int_equal(v2.version, NVML_GI_PROFILE_INFO_V2);
    assert_int_equal(v3.version, NVML_GI_PROFILE_INFO_V3);
    assert_int_equal(v1.memory_size_mb, v2.memory_size_mb);
    assert_int_equal(v1.memory_size_mb, v3.memory_size_mb);
    assert_int_equal(v1.multiprocessor_count, v3.multiprocessor_count);
    assert_string_equal(v2.name, "MIG 1g.10gb");
    assert_string_equal(v3.name, v2.name);
}

static void gi_profiles__wrong_version_words_are_refused(void **state)
{
    (void)state;
    static const uint32_t wrong[] = {0, 1, 2, 0x01000098, 0x02000030, 0x02000097, 0x04000098};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct nvml_gi_profile_info_v3 info = {.version = wrong[i], .id = 77};
        assert_int_equal(bed.nvml.nvmlDeviceGetGpuInstanceProfileInfoV(gpu(0), 0, &info),
                         NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
        assert_int_equal(info.id, 77);
    }
}

static void placements__are_counted_and_then_given(void **state)
{
    (void)state;
    uint32_t n = 0;
    struct nvml_placement places[8] = {{9, 9}};
    const struct nvml_calls *nvml = &bed.nvml;
    assert_int_equal(nvml->nvmlDeviceGetGpuInstancePossiblePlacements_v2(gpu(0), 14, NULL, &n),
                     NVML_SUCCESS);
    assert_int_equal(n, 3);
    n = 2;
    assert_int_equal(nvml->nvmlDeviceGetGpuInstancePossiblePlacements_v2(gpu(0), 14, places, &n),
                     NVML_ERROR_INSUFFICIENT_SIZE);
    assert_int_equal(n, 3);
    assert_int_equal(places[0].start, 9);
    n = 8;
    assert_int_equal(nvml->nvmlDeviceGetGpuInstancePossiblePlacements_v2(gpu(0), 14, places, &n),
                     NVML_SUCCESS);
    assert_int_equal(n, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(places[i].start, 2 * i);
        assert_int_equal(places[i].size, 2);
    }
    assert_int_equal(nvml->nvmlDeviceGetGpuInstancePossiblePlacements_v2(gpu(0), 7, places, &n),
                     NVML_ERROR_INVALID_ARGUMENT);
}

/* ---- Life of an instance ---- */

static void instances__the_drivers_choice_depends_on_the_order(void **state)
{
    (void)state;
    /* the user guide's example: 9,19,14,19 */
    static const struct {
        const char *profile;
        uint32_t id, start;
    } steps[] = {{"3g.20gb", 2, 4}, {"1g.5gb", 7, 0}, {"2g.10gb", 4, 2}, {"1g.5gb", 8, 1}};
    for (size_t i = 0; i < 4; i++) {
        struct nvml_gi_info info;
        void *gi = create_gi(gpu(0), steps[i].profile, SIM_NONE);
        assert_int_equal(bed.nvml.nvmlGpuInstanceGetInfo(gi, &info), NVML_SUCCESS);
        assert_int_equal(info.id, steps[i].id);
        assert_int_equal(info.placement.start, steps[i].start);
        assert_ptr_equal(info.device, gpu(0));
    }
}

static void instances__each_way_to_fail_has_its_code(void **state)
{
    (void)state;
    void *device = gpu(0);
    void *gi = create_gi(device, "2g.10gb", 0);
    void *ignored = NULL;
    const struct nvml_calls *nvml = &bed.nvml;
    struct nvml_placement taken = {0, 1};
    struct nvml_placement none = {7, 1};
    struct nvml_placement wrong_size = {0, 4};
    assert_int_equal(nvml->nvmlDeviceCreateGpuInstanceWithPlacement(device, 19, &taken, &ignored),
                     NVML_ERROR_INSUFFICIENT_RESOURCES);
    assert_int_equal(nvml->nvmlDeviceCreateGpuInstanceWithPlacement(device, 19, &none, &ignored),
                     NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(
        nvml->nvmlDeviceCreateGpuInstanceWithPlacement(device, 14, &wrong_size, &ignored),
        NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(nvml->nvmlDeviceCreateGpuInstance(device, 0, &ignored),
                     NVML_ERROR_INSUFFICIENT_RESOURCES);
    assert_int_equal(nvml->nvmlDeviceCreateGpuInstance(device, 77, &ignored),
                     NVML_ERROR_INVALID_ARGUMENT);
    void *ci = create_whole_ci(gi);
    assert_int_equal(nvml->nvmlGpuInstanceDestroy(gi), NVML_ERROR_IN_USE);
    assert_int_equal(nvml->nvmlGpuInstanceCreateComputeInstance(gi, 0, &ignored),
                     NVML_ERROR_INSUFFICIENT_RESOURCES);
    assert_int_equal(nvml->nvmlComputeInstanceDestroy(ci), NVML_SUCCESS);
    assert_int_equal(nvml->nvmlGpuInstanceDestroy(gi), NVML_SUCCESS);
    assert_null(ignored);
    assert_int_equal(nvml->nvmlDeviceGetGpuInstanceById(device, 3, &ignored), NVML_ERROR_NOT_FOUND);
    assert_int_equal(nvml->nvmlDeviceGetGpuInstanceById(device, 99, &ignored),
                     NVML_ERROR_NOT_FOUND);
}

static void instances__with_mig_off_there_are_none(void **state)
{
    (void)state;
    void *device = gpu(0);
    void *out[8];
    uint32_t n;
    int status = 77;
    const struct nvml_calls *nvml = &bed.nvml;
    assert_int_equal(nvml->nvmlDeviceSetMigMode(device, 0, &status), NVML_SUCCESS);
    assert_int_equal(status, NVML_SUCCESS);
    assert_int_equal(nvml->nvmlDeviceCreateGpuInstance(device, 19, out), NVML_ERROR_NOT_SUPPORTED);
    assert_int_equal(nvml->nvmlDeviceGetGpuInstances(device, 19, out, &n),
                     NVML_ERROR_NOT_SUPPORTED);
    assert_int_equal(nvml->nvmlDeviceGetGpuInstanceById(device, 1, out), NVML_ERROR_NOT_SUPPORTED);
    assert_int_equal(nvml->nvmlDeviceGetGpuInstanceRemainingCapacity(device, 19, &n),
                     NVML_ERROR_NOT_SUPPORTED);
    assert_int_equal(nvml->nvmlDeviceGetMaxMigDeviceCount(device, &n), NVML_SUCCESS);
    assert_int_equal(n, 0);
    assert_int_equal(nvml->nvmlDeviceGetMigDeviceHandleByIndex(device, 0, out),
                     NVML_ERROR_NOT_SUPPORTED);
    /* kinds and places are told all the same */
    struct nvml_gi_profile_info info;
    assert_int_equal(nvml->nvmlDeviceGetGpuInstanceProfileInfo(device, 0, &info), NVML_SUCCESS);
    n = 0;
    assert_int_equal(nvml->nvmlDeviceGetGpuInstancePossiblePlacements_v2(device, 19, NULL, &n),
                     NVML_SUCCESS);
    assert_int_equal(n, 7);
}

static void instances__are_listed_by_their_kind(void **state)
{
    (void)state;
    void *device = gpu(0);
    void *made = create_gi(device, "1g.5gb", 3);
    create_gi(device, "2g.10gb", 4);
    void *found[7];
    uint32_t n = 99;
    assert_int_equal(bed.nvml.nvmlDeviceGetGpuInstances(device, 19, found, &n), NVML_SUCCESS);
    assert_int_equal(n, 1);
    assert_ptr_equal(found[0], made);
    assert_int_equal(bed.nvml.nvmlDeviceGetGpuInstances(device, 9, found, &n), NVML_SUCCESS);
    assert_int_equal(n, 0);
}

static void compute__small_instances_share_a_gpu_instance(void **state)
{
    (void)state;
    void *gi = create_gi(gpu(0), "3g.20gb", 4);
    const struct nvml_calls *nvml = &bed.nvml;
    struct nvml_ci_profile_info one;
    struct nvml_ci_profile_info_v2 v2 = {.version = NVML_CI_PROFILE_INFO_V2};
    struct nvml_ci_profile_info_v3 v3 = {.version = NVML_CI_PROFILE_INFO_V3};
    assert_int_equal(nvml->nvmlGpuInstanceGetComputeInstanceProfileInfo(gi, 0, 0, &one), 0);
    assert_int_equal(nvml->nvmlGpuInstanceGetComputeInstanceProfileInfoV(gi, 0, 0, &v2), 0);
    assert_int_equal(nvml->nvmlGpuInstanceGetComputeInstanceProfileInfoV(gi, 0, 0, &v3), 0);
    assert_memory_equal(&v2.info, &one, sizeof(one));
    assert_memory_equal(&v3.info, &one, sizeof(one));
    assert_string_equal(v2.name, "MIG 1c.3g.20gb");
    v2.version = 0x02000087;
    assert_int_equal(nvml->nvmlGpuInstanceGetComputeInstanceProfileInfoV(gi, 0, 0, &v2),
                     NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
    assert_int_equal(nvml->nvmlGpuInstanceGetComputeInstanceProfileInfo(gi, 0, 1, &one),
                     NVML_ERROR_INVALID_ARGUMENT);
    struct nvml_placement at2 = {2, 1};
    void *ci = NULL;
    assert_int_equal(nvml->nvmlGpuInstanceCreateComputeInstanceWithPlacement(gi, one.id, &at2, &ci),
                     0);
    struct nvml_ci_info info;
    assert_int_equal(nvml->nvmlComputeInstanceGetInfo_v2(ci, &info), NVML_SUCCESS);
    assert_int_equal(info.placement.start, 2);
    uint32_t left;
    assert_int_equal(nvml->nvmlGpuInstanceGetComputeInstanceRemainingCapacity(gi, one.id, &left),
                     0);
    assert_int_equal(left, 2);
    struct nvml_attributes attributes;
    assert_int_equal(nvml->nvmlDeviceGetAttributes_v2(info.device, &attributes), 0);
    assert_int_equal(attributes.gpu_instance_slice_count, 3);
    assert_int_equal(attributes.compute_instance_slice_count, 1);
    assert_int_equal(attributes.memory_size_mb, 19968);
    char name[96];
    assert_int_equal(nvml->nvmlDeviceGetName(info.device, name, 96), NVML_SUCCESS);
    assert_string_equal(name, "NVIDIA A100-SXM4-40GB MIG 1c.3g.20gb");
}

static void compute__old_info_is_shorter(void **state)
{
    (void)state;
    void *ci = create_whole_ci(create_gi(gpu(0), "1g.5gb", 2));
    struct nvml_ci_info info = {.placement = {55, 66}};
    assert_int_equal(bed.nvml.nvmlComputeInstanceGetInfo(ci, &info), NVML_SUCCESS);
    assert_int_equal(info.placement.start, 55);
    assert_int_equal(info.placement.size, 66);
    assert_ptr_equal(info.device, gpu(0));
    uint32_t words[10];
    memset(words, 0xAA, sizeof(words));
    assert_int_equal(bed.nvml.nvmlDeviceGetAttributes(mig_of(ci), words), NVML_SUCCESS);
    assert_int_equal(words[0], 14);
    assert_int_equal(words[6], 0xAAAAAAAA);
}

/* ---- MIG devices ---- */

static void mig__indices_have_holes(void **state)
{
    (void)state;
    void *device = gpu(0);
    void *cis[3];
    void *gis[3];
    uint32_t max;
    for (uint32_t i = 0; i < 3; i++) {
        gis[i] = create_gi(device, "1g.5gb", i);
        cis[i] = create_whole_ci(gis[i]);
    }
    void *last = mig_of(cis[2]);
    assert_int_equal(bed.nvml.nvmlComputeInstanceDestroy(cis[1]), NVML_SUCCESS);
    assert_int_equal(bed.nvml.nvmlGpuInstanceDestroy(gis[1]), NVML_SUCCESS);
    assert_int_equal(bed.nvml.nvmlDeviceGetMaxMigDeviceCount(device, &max), NVML_SUCCESS);
    assert_int_equal(max, 7);
    for (uint32_t i = 0; i < max; i++) {
        void *mig = NULL;
        int r = bed.nvml.nvmlDeviceGetMigDeviceHandleByIndex(device, i, &mig);
        assert_int_equal(r, i == 0 || i == 2 ? NVML_SUCCESS : NVML_ERROR_NOT_FOUND);
        if (r == NVML_SUCCESS) {
            uint32_t index;
            assert_int_equal(bed.nvml.nvmlDeviceGetIndex(mig, &index), NVML_SUCCESS);
            assert_int_equal(index, i);
        }
    }
    void *mig = NULL;
    assert_int_equal(bed.nvml.nvmlDeviceGetMigDeviceHandleByIndex(device, 2, &mig), NVML_SUCCESS);
    assert_ptr_equal(mig, last);
    assert_int_equal(bed.nvml.nvmlDeviceGetMigDeviceHandleByIndex(device, max, &mig),
                     NVML_ERROR_INVALID_ARGUMENT);
}

static void mig__a_device_is_found_by_its_uuid_and_leads_to_its_gpu(void **state)
{
    (void)state;
    void *mig = mig_of(create_whole_ci(create_gi(gpu(1), "3g.20gb", 4)));
    char uuid[96];
    void *found = NULL;
    void *parent = NULL;
    uint32_t value = 77;
    const struct nvml_calls *nvml = &bed.nvml;
    assert_int_equal(nvml->nvmlDeviceGetUUID(mig, uuid, 80), NVML_SUCCESS);
    assert_int_equal(strlen(uuid), 40);
    assert_int_equal(strncmp(uuid, "MIG-", 4), 0);
    assert_int_equal(nvml->nvmlDeviceGetHandleByUUID(uuid, &found), NVML_SUCCESS);
    assert_ptr_equal(found, mig);
    assert_int_equal(nvml->nvmlDeviceGetDeviceHandleFromMigDeviceHandle(mig, &parent), 0);
    assert_ptr_equal(parent, gpu(1));
    assert_int_equal(nvml->nvmlDeviceIsMigDeviceHandle(mig, &value), NVML_SUCCESS);
    assert_int_equal(value, 1);
    assert_int_equal(nvml->nvmlDeviceIsMigDeviceHandle(parent, &value), NVML_SUCCESS);
    assert_int_equal(value, 0);
    assert_int_equal(nvml->nvmlDeviceGetGpuInstanceId(mig, &value), NVML_SUCCESS);
    assert_int_equal(value, 2);
    assert_int_equal(nvml->nvmlDeviceGetComputeInstanceId(mig, &value), NVML_SUCCESS);
    assert_int_equal(value, 0);
    assert_int_equal(nvml->nvmlDeviceGetGpuInstanceId(parent, &value), NVML_ERROR_INVALID_ARGUMENT);
    uuid[39] = uuid[39] == '0' ? '1' : '0';
    assert_int_equal(nvml->nvmlDeviceGetHandleByUUID(uuid, &found), NVML_ERROR_NOT_FOUND);
}

static void mig__the_uuid_is_found_as_text_and_as_bytes(void **state)
{
    (void)state;
    void *mig = mig_of(create_whole_ci(create_gi(gpu(0), "1g.5gb", 5)));
    struct {
        uint32_t version, type;
        char value[44];
    } by = {.version = NVML_VERSION(52, 1), .type = 1};
    void *found = NULL;
    assert_int_equal(bed.nvml.nvmlDeviceGetUUID(mig, by.value, 44), NVML_SUCCESS);
    assert_int_equal(bed.nvml.nvmlDeviceGetHandleByUUIDV(&by, &found), NVML_SUCCESS);
    assert_ptr_equal(found, mig);
    char text[44];
    memcpy(text, by.value, 44);
    unsigned n = 0;
    for (const char *c = text + 4; *c != '\0'; c += 2) {
        c += *c == '-';
        char pair[3] = {c[0], c[1], '\0'};
        by.value[n++] = (char)strtoul(pair, NULL, 16);
    }
    assert_int_equal(n, 16);
    by.type = 2;
    found = NULL;
    assert_int_equal(bed.nvml.nvmlDeviceGetHandleByUUIDV(&by, &found), NVML_SUCCESS);
    assert_ptr_equal(found, mig);
    by.version = 1;
    assert_int_equal(bed.nvml.nvmlDeviceGetHandleByUUIDV(&by, &found),
                     NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
}

/* ---- Handles that are none ---- */

/* All ids come back; the handles do not. */
static void handles__die_with_their_instance_though_its_ids_return(void **state)
{
    (void)state;
    const struct nvml_calls *nvml = &bed.nvml;
    void *gi = create_gi(gpu(0), "1g.5gb", 0);
    void *ci = create_whole_ci(gi);
    void *mig = mig_of(ci);
    char before[96];
    char after[96];
    assert_int_equal(nvml->nvmlDeviceGetUUID(mig, before, 96), NVML_SUCCESS);
    assert_int_equal(nvml->nvmlComputeInstanceDestroy(ci), NVML_SUCCESS);
    assert_int_equal(nvml->nvmlGpuInstanceDestroy(gi), NVML_SUCCESS);
    void *gi2 = create_gi(gpu(0), "1g.5gb", 0);
    void *ci2 = create_whole_ci(gi2);
    assert_int_equal(nvml->nvmlDeviceGetUUID(mig_of(ci2), after, 96), NVML_SUCCESS);
    assert_string_equal(before, after); /* an address, not an identity */
    struct nvml_gi_info gi_info;
    struct nvml_ci_info ci_info;
    uint32_t value;
    assert_int_equal(nvml->nvmlGpuInstanceGetInfo(gi, &gi_info), NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(nvml->nvmlComputeInstanceGetInfo_v2(ci, &ci_info),
                     NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(nvml->nvmlDeviceGetGpuInstanceId(mig, &value), NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(nvml->nvmlGpuInstanceDestroy(gi), NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(nvml->nvmlComputeInstanceDestroy(ci), NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(nvml->nvmlGpuInstanceGetInfo(gi2, &gi_info), NVML_SUCCESS);
}

static void handles__what_is_none_is_refused_by_every_kind_of_call(void **state)
{
    (void)state;
    void *gi = create_gi(gpu(0), "1g.5gb", 0);
    void *ci = create_whole_ci(gi);
    void *set = NULL;
    char here;
    const struct nvml_calls *nvml = &bed.nvml;
    assert_int_equal(nvml->nvmlEventSetCreate(&set), NVML_SUCCESS);
    void *bad[BAD_HANDLES] = {NULL, (void *)1, &here, (void *)UINTPTR_MAX, gi, ci, set};
    for (size_t i = 0; i < BAD_HANDLES; i++) {
        uint32_t value;
        uint32_t other;
        char text[96];
        int status;
        struct nvml_gi_info info;
        struct nvml_ci_info ci_info;
        void *out;
        assert_int_equal(nvml->nvmlDeviceGetIndex(bad[i], &value), NVML_ERROR_INVALID_ARGUMENT);
        assert_int_equal(nvml->nvmlDeviceGetUUID(bad[i], text, 96), NVML_ERROR_INVALID_ARGUMENT);
        assert_int_equal(nvml->nvmlDeviceGetMigMode(bad[i], &value, &other),
                         NVML_ERROR_INVALID_ARGUMENT);
        assert_int_equal(nvml->nvmlDeviceSetMigMode(bad[i], 1, &status),
                         NVML_ERROR_INVALID_ARGUMENT);
        assert_int_equal(nvml->nvmlDeviceCreateGpuInstance(bad[i], 19, &out),
                         NVML_ERROR_INVALID_ARGUMENT);
        assert_int_equal(nvml->nvmlDeviceGetPowerUsage(bad[i], &value),
                         NVML_ERROR_INVALID_ARGUMENT);
        if (bad[i] != gi) {
            assert_int_equal(nvml->nvmlGpuInstanceGetInfo(bad[i], &info),
                             NVML_ERROR_INVALID_ARGUMENT);
            assert_int_equal(nvml->nvmlGpuInstanceDestroy(bad[i]), NVML_ERROR_INVALID_ARGUMENT);
        }
        if (bad[i] != ci) {
            assert_int_equal(nvml->nvmlComputeInstanceGetInfo_v2(bad[i], &ci_info),
                             NVML_ERROR_INVALID_ARGUMENT);
            assert_int_equal(nvml->nvmlComputeInstanceDestroy(bad[i]), NVML_ERROR_INVALID_ARGUMENT);
        }
        if (bad[i] != set) {
            assert_int_equal(nvml->nvmlEventSetFree(bad[i]), NVML_ERROR_INVALID_ARGUMENT);
            assert_int_equal(nvml->nvmlDeviceRegisterEvents(gpu(0), 8, bad[i]),
                             NVML_ERROR_INVALID_ARGUMENT);
        }
        assert_int_equal(nvml->nvmlGpmSampleFree(bad[i]), NVML_ERROR_INVALID_ARGUMENT);
    }
    assert_int_equal(nvml->nvmlEventSetFree(set), NVML_SUCCESS);
    assert_int_equal(nvml->nvmlEventSetFree(set), NVML_ERROR_INVALID_ARGUMENT);
}

/* Every handle that differs from a good one in one bit is another one or none, and never crashes.
 */
static void handles__one_wrong_bit_is_never_taken_for_the_instance(void **state)
{
    (void)state;
    void *gi = create_gi(gpu(0), "2g.10gb", 4);
    for (unsigned bit = 0; bit < 64; bit++) {
        void *wrong = (void *)((uintptr_t)gi ^ (uintptr_t)1 << bit);
        struct nvml_gi_info info;
        assert_int_equal(bed.nvml.nvmlGpuInstanceGetInfo(wrong, &info),
                         NVML_ERROR_INVALID_ARGUMENT);
    }
}

static void arguments__null_is_refused(void **state)
{
    (void)state;
    void *device = gpu(0);
    uint32_t value = 0;
    struct nvml_placement place = {0, 1};
    const struct nvml_calls *nvml = &bed.nvml;
    assert_int_equal(nvml->nvmlDeviceGetCount_v2(NULL), NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(nvml->nvmlDeviceGetHandleByIndex_v2(0, NULL), NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(nvml->nvmlDeviceGetHandleByUUID(NULL, &device), NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(nvml->nvmlDeviceGetIndex(device, NULL), NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(nvml->nvmlDeviceGetMigMode(device, &value, NULL), NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(nvml->nvmlDeviceSetMigMode(device, 1, NULL), NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(nvml->nvmlDeviceGetGpuInstanceProfileInfo(device, 0, NULL),
                     NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(nvml->nvmlDeviceGetGpuInstanceProfileInfoV(device, 0, NULL),
                     NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(nvml->nvmlDeviceCreateGpuInstance(device, 19, NULL),
                     NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(nvml->nvmlDeviceCreateGpuInstanceWithPlacement(device, 19, &place, NULL),
                     NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(nvml->nvmlDeviceGetGpuInstances(device, 19, NULL, &value),
                     NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(nvml->nvmlDeviceGetMemoryInfo(device, NULL), NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(nvml->nvmlEventSetWait_v2(NULL, NULL, 0), NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(nvml->nvmlGpmMetricsGet(NULL), NVML_ERROR_INVALID_ARGUMENT);
}

/* ---- Mode and rights ---- */

static void mode__other_clients_keep_an_ampere_gpu_pending(void **state)
{
    (void)state;
    struct sim_machine *machine = change();
    uint32_t other = (uint32_t)getppid();
    assert_int_equal(sim_session_begin(machine, other, sim_process_start(other)), SIM_OK);
    changed();
    int status = 77;
    uint32_t now;
    uint32_t pending;
    assert_int_equal(bed.nvml.nvmlDeviceSetMigMode(gpu(0), 0, &status), NVML_SUCCESS);
    assert_int_equal(status, NVML_ERROR_IN_USE);
    assert_int_equal(bed.nvml.nvmlDeviceGetMigMode(gpu(0), &now, &pending), NVML_SUCCESS);
    assert_int_equal(now, 1);
    assert_int_equal(pending, 0);
}

static void mode__hopper_changes_at_once(void **state)
{
    (void)state;
    int status = 77;
    uint32_t now;
    uint32_t pending;
    assert_int_equal(bed.nvml.nvmlDeviceSetMigMode(gpu(0), 0, &status), NVML_SUCCESS);
    assert_int_equal(status, NVML_SUCCESS);
    assert_int_equal(bed.nvml.nvmlDeviceGetMigMode(gpu(0), &now, &pending), NVML_SUCCESS);
    assert_int_equal(now, 0);
    assert_int_equal(pending, 0);
    assert_int_equal(bed.nvml.nvmlDeviceSetMigMode(gpu(0), 2, &status),
                     NVML_ERROR_INVALID_ARGUMENT);
}

static void rights__an_unprivileged_client_may_look_but_not_change(void **state)
{
    (void)state;
    void *gi = create_gi(gpu(0), "1g.5gb", 0);
    void *ci = create_whole_ci(gi);
    void *mig = mig_of(ci);
    void *out[8];
    uint32_t n = 8;
    int status;
    struct nvml_memory memory;
    struct nvml_gi_profile_info info;
    const struct nvml_calls *nvml = &bed.nvml;
    setenv("GPUSLICE_SIM_USER", "unprivileged", 1);
    assert_int_equal(nvml->nvmlDeviceSetMigMode(gpu(0), 0, &status), NVML_ERROR_NO_PERMISSION);
    assert_int_equal(nvml->nvmlDeviceCreateGpuInstance(gpu(0), 19, out), NVML_ERROR_NO_PERMISSION);
    assert_int_equal(nvml->nvmlComputeInstanceDestroy(ci), NVML_ERROR_NO_PERMISSION);
    assert_int_equal(nvml->nvmlGpuInstanceDestroy(gi), NVML_ERROR_NO_PERMISSION);
    assert_int_equal(nvml->nvmlDeviceGetGpuInstances(gpu(0), 19, out, &n),
                     NVML_ERROR_NO_PERMISSION);
    assert_int_equal(nvml->nvmlDeviceGetGpuInstanceById(gpu(0), 7, out), NVML_ERROR_NO_PERMISSION);
    assert_int_equal(nvml->nvmlDeviceGetGpuInstancePossiblePlacements_v2(gpu(0), 19, NULL, &n),
                     NVML_ERROR_NO_PERMISSION);
    assert_int_equal(nvml->nvmlDeviceGetMemoryInfo(gpu(0), &memory), NVML_ERROR_NO_PERMISSION);
    assert_int_equal(nvml->nvmlDeviceGetComputeRunningProcesses_v3(gpu(0), &n, out),
                     NVML_ERROR_NO_PERMISSION);
    assert_int_equal(nvml->nvmlDeviceGetMemoryInfo(mig, &memory), NVML_SUCCESS);
    assert_int_equal(nvml->nvmlDeviceGetGpuInstanceProfileInfo(gpu(0), 0, &info), NVML_SUCCESS);
    setenv("GPUSLICE_SIM_USER", "real", 1);
    assert_int_equal(nvml->nvmlComputeInstanceDestroy(ci),
                     geteuid() == 0 ? NVML_SUCCESS : NVML_ERROR_NO_PERMISSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gi_profiles__enums_and_ids_differ_and_the_end_is_told, a100,
                                        done),
        cmocka_unit_test_setup_teardown(gi_profiles__versions_agree, a100, done),
        cmocka_unit_test_setup_teardown(gi_profiles__wrong_version_words_are_refused, a100, done),
        cmocka_unit_test_setup_teardown(placements__are_counted_and_then_given, a100, done),
        cmocka_unit_test_setup_teardown(instances__the_drivers_choice_depends_on_the_order, a100,
                                        done),
        cmocka_unit_test_setup_teardown(instances__each_way_to_fail_has_its_code, a100, done),
        cmocka_unit_test_setup_teardown(instances__with_mig_off_there_are_none, a100, done),
        cmocka_unit_test_setup_teardown(instances__are_listed_by_their_kind, a100, done),
        cmocka_unit_test_setup_teardown(compute__small_instances_share_a_gpu_instance, a100, done),
        cmocka_unit_test_setup_teardown(compute__old_info_is_shorter, a100, done),
        cmocka_unit_test_setup_teardown(mig__indices_have_holes, a100, done),
        cmocka_unit_test_setup_teardown(mig__a_device_is_found_by_its_uuid_and_leads_to_its_gpu,
                                        a100, done),
        cmocka_unit_test_setup_teardown(mig__the_uuid_is_found_as_text_and_as_bytes, a100, done),
        cmocka_unit_test_setup_teardown(handles__die_with_their_instance_though_its_ids_return,
                                        a100, done),
        cmocka_unit_test_setup_teardown(handles__what_is_none_is_refused_by_every_kind_of_call,
                                        a100, done),
        cmocka_unit_test_setup_teardown(handles__one_wrong_bit_is_never_taken_for_the_instance,
                                        a100, done),
        cmocka_unit_test_setup_teardown(arguments__null_is_refused, a100, done),
        cmocka_unit_test_setup_teardown(mode__other_clients_keep_an_ampere_gpu_pending, a100, done),
        cmocka_unit_test_setup_teardown(mode__hopper_changes_at_once, h100, done),
        cmocka_unit_test_setup_teardown(rights__an_unprivileged_client_may_look_but_not_change,
                                        a100, done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
