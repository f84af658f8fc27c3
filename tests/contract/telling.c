/* MIG devices, the fabric, readings of GPUs and slices. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "contract/behaviours.h"

static struct gs_mig_device mig_device(struct bed *bed, unsigned gpu, uint32_t gi, uint32_t ci)
{
    struct gs_mig_device ret;
    bed_expect(0, gs_gpu_mig_device(&bed->gpus, gpu, gi, ci, &ret, err));
    return ret;
}

static struct gs_gpu_readings readings(struct bed *bed, unsigned gpu)
{
    struct gs_gpu_readings ret;
    bed_expect(0, gs_gpu_read(&bed->gpus, gpu, &ret, err));
    return ret;
}

static struct gs_slice_readings slice(struct bed *bed, unsigned gpu, uint32_t gi,
                                      uint64_t generation)
{
    struct gs_slice_readings ret;
    bed_expect(0, gs_gpu_read_slice(&bed->gpus, gpu, gi, generation, &ret, err));
    return ret;
}

/* The CI that fills a GI of this profile: kinds are told by slices. */
static struct gs_compute_instance fill(struct bed *bed, uint32_t gi, uint32_t compute_slices)
{
    struct gs_compute_profile kinds[GS_COMPUTE_PROFILES_MAX];
    unsigned n = 0;
    bed_expect(0, gs_gpu_compute_profiles(&bed->gpus, 0, gi, kinds, &n, err));
    for (unsigned i = 0; i < n; i++) {
        if (kinds[i].compute_slices == compute_slices) {
            return bed_create_ci(bed, 0, gi, kinds[i].profile_id);
        }
    }
    fail_msg("no compute instance of %u slices", compute_slices);
    return (struct gs_compute_instance){.id = 0};
}

static void known_equal(uint64_t told, uint64_t wanted, uint64_t not_known)
{
    if (wanted != not_known) {
        assert_int_equal(told, wanted);
    }
}

static void check_device(struct bed *bed, const struct gs_gpu_profile *profile)
{
    struct gs_gpu_instance gi = bed_create(bed, 0, profile->profile_id,
                                           (uint32_t)__builtin_ctz(profile->starts), profile->size);
    struct gs_compute_instance ci = fill(bed, gi.id, profile->compute_slices);
    struct gs_mig_device told = mig_device(bed, 0, gi.id, ci.id);
    assert_int_equal(told.index, 0);
    assert_int_equal(told.gpu_slices, profile->compute_slices);
    assert_int_equal(told.compute_slices, profile->compute_slices);
    known_equal(told.memory_mib, profile->memory_mib, GS_NOT_KNOWN);
    known_equal(told.sm_count, profile->sm_count, GS_NOT_KNOWN);
    for (unsigned e = 0; e < GS_ENGINES; e++) {
        known_equal(told.engines[e], profile->engines[e], GS_NOT_KNOWN);
    }
    bed_expect(0, gs_gpu_destroy_compute(&bed->gpus, 0, gi.id, ci.id, err));
    bed_expect(0, gs_gpu_destroy(&bed->gpus, 0, gi.id, err));
}

static void a_mig_device_has_the_attributes_of_its_profile(void **state)
{
    (void)state;
    size_t at = 0;
    for (const struct gs_model *model; (model = next_model(&at)) != NULL;) {
        struct bed bed = bed_one(model->id);
        struct gs_gpu_profile profiles[GS_GPU_PROFILES_MAX];
        unsigned n = bed_profiles(&bed, 0, profiles);
        for (unsigned i = 0; i < n; i++) {
            check_device(&bed, &profiles[i]);
        }
        bed_end(&bed);
    }
}

static void a_part_of_a_gpu_instance_is_told_as_such(void **state)
{
    (void)state;
    struct bed bed = bed_one("A100-40GB");
    struct gs_gpu_instance gi = bed_create(&bed, 0, ID_3G, 4, 4);
    struct gs_compute_instance one = bed_create_ci(&bed, 0, gi.id, CI_1);
    struct gs_compute_instance two = bed_create_ci(&bed, 0, gi.id, CI_1);
    struct gs_mig_device told = mig_device(&bed, 0, gi.id, two.id);
    assert_int_equal(told.index, 1);
    assert_int_equal(told.gpu_slices, 3);
    assert_int_equal(told.compute_slices, 1);
    assert_int_equal(told.memory_mib, mig_device(&bed, 0, gi.id, one.id).memory_mib);
    bed_end(&bed);
}

static void a_mig_device_keeps_its_index_and_leaves_a_hole(void **state)
{
    (void)state;
    struct bed bed = bed_one("A100-40GB");
    uint32_t gis[4];
    for (unsigned i = 0; i < 3; i++) {
        gis[i] = bed_create(&bed, 0, ID_1G, i, 1).id;
        bed_create_ci(&bed, 0, gis[i], CI_1);
        assert_int_equal(mig_device(&bed, 0, gis[i], 0).index, i);
    }
    bed_expect(0, gs_gpu_destroy_compute(&bed.gpus, 0, gis[1], 0, err));
    bed_expect(0, gs_gpu_destroy(&bed.gpus, 0, gis[1], err));
    assert_int_equal(mig_device(&bed, 0, gis[0], 0).index, 0);
    assert_int_equal(mig_device(&bed, 0, gis[2], 0).index, 2);
    gis[3] = bed_create(&bed, 0, ID_1G, 5, 1).id;
    bed_create_ci(&bed, 0, gis[3], CI_1);
    assert_int_equal(mig_device(&bed, 0, gis[3], 0).index, 1);
    bed_end(&bed);
}

static void mig_devices_that_are_not_there_are_not_found(void **state)
{
    (void)state;
    struct bed bed =
        bed_begin(&(struct bed_machine){.mig_on = true, .kinds = {{"A100-40GB", 1}, {"", 1}}});
    struct gs_gpu_instance gi = bed_create(&bed, 0, ID_2G, 0, 2);
    struct gs_mig_device told;
    bed_expect(GS_NOT_FOUND, gs_gpu_mig_device(&bed.gpus, 0, gi.id, 0, &told, err));
    bed_create_ci(&bed, 0, gi.id, CI_2);
    bed_expect(0, gs_gpu_mig_device(&bed.gpus, 0, gi.id, 0, &told, err));
    bed_expect(GS_NOT_FOUND, gs_gpu_mig_device(&bed.gpus, 0, gi.id, 1, &told, err));
    bed_expect(GS_NOT_FOUND, gs_gpu_mig_device(&bed.gpus, 0, gi.id, 4096, &told, err));
    bed_expect(GS_NOT_FOUND, gs_gpu_mig_device(&bed.gpus, 0, gi.id + 1, 0, &told, err));
    bed_expect(GS_NOT_FOUND, gs_gpu_mig_device(&bed.gpus, 0, GS_NOT_KNOWN, 0, &told, err));
    bed_expect(GS_NOT_FOUND, gs_gpu_mig_device(&bed.gpus, 2, 0, 0, &told, err));
    bed_expect(GS_UNSUPPORTED, gs_gpu_mig_device(&bed.gpus, 1, 0, 0, &told, err));
    bed_end(&bed);
}

static void mig_devices_of_every_driver_are_told(void **state)
{
    (void)state;
    static const unsigned majors[] = {450, 470, 525, 580};
    for (size_t i = 0; i < sizeof(majors) / sizeof(majors[0]); i++) {
        struct bed bed = bed_begin(&(struct bed_machine){
            .driver = majors[i], .mig_on = true, .kinds = {{"A100-40GB", 1}}});
        bed.ops->cut(&bed, 0, ID_3G, 4);
        bed.ops->cut(&bed, 0, ID_1G, 0);
        struct gs_gpu_instances cut = bed_instances(&bed, 0);
        struct gs_mig_device three = mig_device(&bed, 0, cut.at[1].id, 0);
        assert_int_equal(three.index, 0);
        assert_int_equal(mig_device(&bed, 0, cut.at[0].id, 0).index, 1);
        assert_true(three.gpu_slices == 3 || (majors[i] < 470 && three.gpu_slices == GS_NOT_KNOWN));
        bed_end(&bed);
    }
}

static void a_fabric_is_attached_or_not(void **state)
{
    (void)state;
    static const char *const models[] = {"A100-40GB", "H100-80GB-SXM5", "GB200-186GB"};
    for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
        struct bed bed = bed_begin(&(struct bed_machine){.kinds = {{models[i], 1}}});
        struct gs_gpu_fabric fabric;
        bed_expect(0, gs_gpu_fabric(&bed.gpus, 0, &fabric, err));
        bool attached = fabric.cluster[0] != '\0';
        assert_true(!attached || i == 2); /* only GPUs that share one with other machines */
        assert_int_equal(strlen(fabric.cluster), attached ? 36 : 0);
        assert_int_equal(fabric.clique != GS_NOT_KNOWN, attached);
        bed_expect(GS_NOT_FOUND, gs_gpu_fabric(&bed.gpus, 1, &fabric, err));
        bed_end(&bed);
    }
}

static void check_readings(const struct gs_gpu_readings *told, bool cut)
{
    const uint32_t percents[] = {told->gpu_percent, told->memory_percent, told->encoder_percent,
                                 told->decoder_percent};
    for (unsigned i = 0; i < 4; i++) {
        assert_true(percents[i] == GS_NOT_KNOWN || (percents[i] <= 100 && !cut));
    }
    assert_true(told->fb_total_bytes > UINT64_C(1) << 34);
    uint64_t reserved = told->fb_reserved_bytes == UINT64_MAX ? 0 : told->fb_reserved_bytes;
    assert_int_equal(told->fb_total_bytes, told->fb_free_bytes + told->fb_used_bytes + reserved);
    assert_true(told->remap_failure == GS_NOT_KNOWN || told->remap_failure <= 1);
    assert_true(told->remap_pending == GS_NOT_KNOWN || told->remap_pending <= 1);
}

static void readings_of_a_gpu_are_told_or_marked_unknown(void **state)
{
    (void)state;
    static const unsigned majors[] = {470, 525, 580, BED_NEWEST};
    for (size_t i = 0; i < sizeof(majors) / sizeof(majors[0]); i++) {
        for (unsigned cut = 0; cut < 2; cut++) {
            struct bed bed = bed_begin(&(struct bed_machine){
                .driver = majors[i], .mig_on = cut, .kinds = {{"A100-40GB", 1}}});
            struct gs_gpu_readings told = readings(&bed, 0);
            check_readings(&told, cut);
            bed_end(&bed);
        }
    }
}

static void memory_of_a_slice_is_its_own(void **state)
{
    (void)state;
    struct bed bed = bed_one("A100-40GB");
    struct gs_gpu_profile two = bed_profile(&bed, "2g.10gb");
    struct gs_gpu_instance a = bed_create(&bed, 0, ID_2G, 0, 2);
    struct gs_gpu_instance b = bed_create(&bed, 0, ID_2G, 2, 2);
    bed_create_ci(&bed, 0, a.id, CI_2);
    bed_create_ci(&bed, 0, b.id, CI_2);
    uint32_t pid;
    assert_int_equal(bed.ops->hold(&bed, 0, a.id, 0, &pid), 0);
    struct gs_slice_readings held = slice(&bed, 0, a.id, 1);
    struct gs_slice_readings idle = slice(&bed, 0, b.id, 1);
    assert_int_equal(held.fb_total_bytes, (uint64_t)two.memory_mib << 20);
    assert_int_equal(idle.fb_total_bytes, held.fb_total_bytes);
    assert_true(held.fb_used_bytes > 0);
    assert_int_equal(idle.fb_used_bytes, 0);
    assert_int_equal(idle.fb_free_bytes, idle.fb_total_bytes);
    bed_end(&bed);
}

static void rest(void)
{
    nanosleep(&(struct timespec){.tv_nsec = (GS_SAMPLE_GAP_MS + 5) * 1000000}, NULL);
}

static bool has_activity(const struct gs_slice_readings *told)
{
    bool any = told->interval_ms != GS_NOT_KNOWN;
    assert_int_equal(told->graphics_ppm != GS_NOT_KNOWN, any);
    assert_int_equal(told->sm_ppm != GS_NOT_KNOWN, any);
    assert_int_equal(told->dram_ppm != GS_NOT_KNOWN, any);
    assert_true(!any || (told->graphics_ppm <= 1000000 && told->interval_ms >= GS_SAMPLE_GAP_MS));
    return any;
}

static void activity_is_told_from_the_second_reading_on(void **state)
{
    (void)state;
    struct bed bed = bed_one("H100-80GB-SXM5");
    struct gs_gpu_instance gi = bed_create(&bed, 0, ID_3G, 4, 4);
    bed_create_ci(&bed, 0, gi.id, CI_3);
    uint32_t pid;
    assert_int_equal(bed.ops->hold(&bed, 0, gi.id, 0, &pid), 0);
    bed.ops->busy(&bed, 0, gi.id, 80);
    struct gs_slice_readings told = slice(&bed, 0, gi.id, 7);
    assert_false(has_activity(&told));
    rest();
    told = slice(&bed, 0, gi.id, 7);
    assert_true(has_activity(&told));
    assert_int_equal(told.graphics_ppm, 800000);
    /* the link is the whole GPU's */
    assert_int_equal(told.pcie_tx_bytes_per_s, UINT64_MAX);
    bed_end(&bed);
}

static void activity_begins_anew_with_another_slice_of_that_id(void **state)
{
    (void)state;
    struct bed bed = bed_one("H100-80GB-SXM5");
    uint32_t first = 0;
    for (uint64_t generation = 1; generation < 4; generation++) {
        struct gs_gpu_instance gi = bed_create(&bed, 0, ID_3G, 4, 4);
        first = generation == 1 ? gi.id : first;
        assert_int_equal(gi.id, first);
        bed_create_ci(&bed, 0, gi.id, CI_3);
        rest(); /* long enough for a difference, were it taken */
        struct gs_slice_readings told = slice(&bed, 0, gi.id, generation);
        assert_false(has_activity(&told));
        rest();
        told = slice(&bed, 0, gi.id, generation);
        assert_true(has_activity(&told));
        assert_int_equal(told.graphics_ppm, 0);
        bed_expect(0, gs_gpu_destroy_compute(&bed.gpus, 0, gi.id, 0, err));
        bed_expect(0, gs_gpu_destroy(&bed.gpus, 0, gi.id, err));
    }
    bed_end(&bed);
}

static void a_whole_gpu_has_activity_too(void **state)
{
    (void)state;
    struct bed bed = bed_begin(&(struct bed_machine){.kinds = {{"H100-80GB-SXM5", 1}}});
    uint32_t pid;
    assert_int_equal(bed.ops->hold(&bed, 0, GS_NOT_KNOWN, GS_NOT_KNOWN, &pid), 0);
    bed.ops->busy(&bed, 0, GS_NOT_KNOWN, 50);
    struct gs_slice_readings told = slice(&bed, 0, GS_NOT_KNOWN, 1);
    assert_false(has_activity(&told));
    assert_true(told.fb_total_bytes > UINT64_C(1) << 34);
    rest();
    told = slice(&bed, 0, GS_NOT_KNOWN, 1);
    assert_true(has_activity(&told));
    assert_int_equal(told.graphics_ppm, 500000);
    bed_end(&bed);
}

static void ampere_has_no_activity(void **state)
{
    (void)state;
    struct bed bed = bed_one("A100-40GB");
    struct gs_gpu_instance gi = bed_create(&bed, 0, ID_2G, 0, 2);
    bed_create_ci(&bed, 0, gi.id, CI_2);
    for (unsigned i = 0; i < 3; i++) {
        struct gs_slice_readings told = slice(&bed, 0, gi.id, 1);
        assert_false(has_activity(&told));
        rest();
    }
    bed_end(&bed);
}

static void an_instance_without_a_device_has_nothing_to_tell(void **state)
{
    (void)state;
    struct bed bed = bed_one("H100-80GB-SXM5");
    struct gs_gpu_instance gi = bed_create(&bed, 0, ID_3G, 4, 4);
    struct gs_slice_readings told = slice(&bed, 0, gi.id, 1);
    assert_false(has_activity(&told));
    bed_expect(GS_NOT_FOUND, gs_gpu_read_slice(&bed.gpus, 0, gi.id + 1, 1, &told, err));
    bed_expect(GS_NOT_FOUND, gs_gpu_read_slice(&bed.gpus, 0, 4096, 1, &told, err));
    bed_expect(GS_NOT_FOUND, gs_gpu_read_slice(&bed.gpus, 1, 0, 1, &told, err));
    struct gs_gpu_readings whole;
    bed_expect(GS_NOT_FOUND, gs_gpu_read(&bed.gpus, 1, &whole, err));
    bed_end(&bed);
}

static void a_lost_gpu_cannot_be_read(void **state)
{
    (void)state;
    struct bed bed = bed_begin(&(struct bed_machine){.mig_on = true, .kinds = {{"A100-40GB", 2}}});
    struct gs_gpu_instance gi = bed_create(&bed, 1, ID_2G, 0, 2);
    bed_create_ci(&bed, 1, gi.id, CI_2);
    readings(&bed, 1);
    bed.ops->lose(&bed, 1);
    struct gs_gpu_readings told;
    struct gs_slice_readings slice_told;
    struct gs_mig_device device;
    bed_expect(GS_IO, gs_gpu_read_slice(&bed.gpus, 1, gi.id, 1, &slice_told, err));
    bed_expect(GS_IO, gs_gpu_mig_device(&bed.gpus, 1, gi.id, 0, &device, err));
    struct gs_err err;
    assert_int_equal(gs_gpu_read(&bed.gpus, 1, &told, &err), GS_IO);
    assert_int_equal(err.sys_errno, ENODEV);
    readings(&bed, 0);
    bed_end(&bed);
}

const struct behaviour behaviours_of_telling[] = {
    BEHAVIOUR(a_mig_device_has_the_attributes_of_its_profile),
    BEHAVIOUR(a_part_of_a_gpu_instance_is_told_as_such),
    BEHAVIOUR(a_mig_device_keeps_its_index_and_leaves_a_hole),
    BEHAVIOUR(mig_devices_that_are_not_there_are_not_found),
    BEHAVIOUR(mig_devices_of_every_driver_are_told),
    BEHAVIOUR(a_fabric_is_attached_or_not),
    BEHAVIOUR(readings_of_a_gpu_are_told_or_marked_unknown),
    BEHAVIOUR(memory_of_a_slice_is_its_own),
    BEHAVIOUR(activity_is_told_from_the_second_reading_on),
    BEHAVIOUR(activity_begins_anew_with_another_slice_of_that_id),
    BEHAVIOUR(a_whole_gpu_has_activity_too),
    BEHAVIOUR(ampere_has_no_activity),
    BEHAVIOUR(an_instance_without_a_device_has_nothing_to_tell),
    BEHAVIOUR(a_lost_gpu_cannot_be_read),
    BEHAVIOURS_END,
};
