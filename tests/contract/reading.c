/* What is told of GPUs, without changing them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "contract/behaviours.h"
#include "core/catalog.h"
#include "core/statetable.h"
#include "gpu/gpu_model.h"

const struct gs_model *next_model(size_t *at)
{
    size_t n = 0;
    const struct gs_model *all = gs_catalog(&n);
    while (*at < n) {
        const struct gs_model *model = &all[(*at)++];
        if (model->placements_known) {
            return model;
        }
    }
    return NULL;
}

static const struct gs_gpu_profile *find(const struct gs_gpu_profile *profiles, unsigned n,
                                         uint32_t profile)
{
    for (unsigned i = 0; i < n; i++) {
        if (profiles[i].profile == profile) {
            return &profiles[i];
        }
    }
    return NULL;
}

/* What the catalogue does not know, a driver may tell all the same. */
static void check_known(uint32_t told, uint32_t catalogued)
{
    if (catalogued != GS_NOT_KNOWN) {
        assert_int_equal(told, catalogued);
    }
}

static void check_profile(const struct gs_gpu_profile *told, const struct gs_profile *p)
{
    assert_non_null(told);
    assert_string_equal(told->name, p->name);
    assert_int_equal(told->profile_id, p->nvml_profile_id);
    assert_int_equal(told->compute_slices, p->compute_slices);
    assert_int_equal(told->max_instances, p->max_instances);
    assert_int_equal(told->size, p->memory_units);
    assert_int_equal(told->starts, p->starts);
    check_known(told->memory_mib, p->memory_mib);
    check_known(told->sm_count, p->sm_count);
    for (unsigned e = 0; e < GS_ENGINES; e++) {
        check_known(told->engines[e], p->engines[e]);
    }
}

static void check_model(const struct gs_model *model, bool mig_on)
{
    struct bed bed = bed_begin(&(struct bed_machine){.mig_on = mig_on, .kinds = {{model->id, 1}}});
    struct gs_gpu_profile profiles[GS_GPU_PROFILES_MAX];
    unsigned n = bed_profiles(&bed, 0, profiles);
    assert_int_equal(n, model->n_profiles);
    for (unsigned i = 0; i < model->n_profiles; i++) {
        check_profile(find(profiles, n, model->profiles[i].nvml_profile), &model->profiles[i]);
    }
    for (unsigned i = 1; i < n; i++) {
        assert_true(profiles[i - 1].profile < profiles[i].profile);
    }
    bed_end(&bed);
}

static void every_model_lists_its_profiles_and_placements(void **state)
{
    (void)state;
    size_t at = 0;
    for (const struct gs_model *model; (model = next_model(&at)) != NULL;) {
        check_model(model, true);
        check_model(model, false);
    }
}

static void facts_of_a_gpu_are_told_or_marked_unknown(void **state)
{
    (void)state;
    size_t at = 0;
    for (const struct gs_model *model; (model = next_model(&at)) != NULL;) {
        struct bed bed = bed_one(model->id);
        struct gs_gpu gpu = bed_get(&bed, 0);
        assert_int_equal(gpu.index, 0);
        assert_int_equal(strncmp(gpu.uuid, "GPU-", 4), 0);
        assert_int_equal(strlen(gpu.uuid), 40);
        assert_int_equal(strncmp(gpu.name, "NVIDIA ", 7) == 0 || strstr(gpu.name, "GPU") != NULL,
                         1);
        assert_int_equal(strlen(gpu.pci_bus_id), 16);
        assert_int_equal(gpu.mode, GS_MIG_ON);
        assert_int_equal(gpu.pending, GS_MIG_ON);
        assert_int_equal(gpu.mode_change_needs_reset, model->mode_change_needs_reset);
        assert_int_equal(gpu.max_mig_devices, model->max_instances);
        assert_true(gpu.architecture == GS_NOT_KNOWN || gpu.architecture >= 7);
        assert_true(gpu.compute_major == GS_NOT_KNOWN || gpu.compute_major >= 8);
        assert_true(gpu.memory_bytes > UINT64_C(1) << 34);
        bed_end(&bed);
    }
}

static void the_model_of_a_live_gpu_has_the_states_of_the_catalogue(void **state)
{
    (void)state;
    size_t at = 0;
    for (const struct gs_model *model; (model = next_model(&at)) != NULL;) {
        struct bed bed = bed_one(model->id);
        struct gs_arena arena;
        gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
        const struct gs_model *live = NULL;
        const struct gs_statetable *of_live = NULL;
        const struct gs_statetable *of_catalogue = NULL;
        bed_expect(0, gs_gpu_model_read(&arena, &bed.gpus, 0, &live, err));
        bed_expect(0, gs_statetable_new(&arena, live, GS_ALL_PROFILES, &of_live, err));
        bed_expect(0, gs_statetable_new(&arena, model, GS_ALL_PROFILES, &of_catalogue, err));
        assert_string_equal(live->id, model->id);
        assert_int_equal(live->memory_units, model->memory_units);
        assert_int_equal(live->compute_slices, model->compute_slices);
        assert_int_equal(live->max_instances, model->max_instances);
        assert_int_equal(of_live->n_placements, of_catalogue->n_placements);
        assert_int_equal(of_live->n_states, of_catalogue->n_states);
        assert_int_equal(of_live->n_multisets, of_catalogue->n_multisets);
        gs_arena_done(&arena);
        bed_end(&bed);
    }
}

static void what_is_cut_becomes_a_layout_and_is_found_again(void **state)
{
    (void)state;
    struct bed bed = bed_one("A100-40GB");
    struct gs_gpu_instance three = bed_create(&bed, 0, ID_3G, 4, 4);
    bed_create(&bed, 0, ID_1G, 1, 1);
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 20);
    const struct gs_model *live = NULL;
    bed_expect(0, gs_gpu_model_read(&arena, &bed.gpus, 0, &live, err));
    struct gs_gpu_instances instances = bed_instances(&bed, 0);
    struct gs_layout layout;
    bed_expect(0, gs_gpu_model_layout(live, &instances, 1u << three.id, &layout, err));
    char text[GS_LAYOUT_TEXT_MAX + 1];
    gs_layout_format(live, &layout, text);
    assert_string_equal(text, "1g.5gb@1,3g.20gb@4!");
    const struct gs_gpu_instance *found =
        gs_gpu_model_instance(live, &instances, layout.slices[1].placement);
    assert_non_null(found);
    assert_int_equal(found->id, three.id);
    struct gs_placement other = layout.slices[1].placement;
    other.start = 0;
    assert_null(gs_gpu_model_instance(live, &instances, other));
    gs_arena_done(&arena);
    bed_end(&bed);
}

static void gpus_that_are_not_there_are_not_found(void **state)
{
    (void)state;
    struct bed bed = bed_begin(&(struct bed_machine){.kinds = {{"A30-24GB", 2}}});
    unsigned n = 0;
    struct gs_gpu gpu;
    struct gs_gpu_instances instances;
    struct gs_gpu_profile profiles[GS_GPU_PROFILES_MAX];
    struct gs_gpu_process process;
    size_t n_processes;
    enum gs_mig_activation activation;
    bed_expect(0, gs_gpu_count(&bed.gpus, &n, err));
    assert_int_equal(n, 2);
    static const unsigned wrong[] = {2, 31, 32, 4096, UINT32_MAX};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        unsigned w = wrong[i];
        bed_expect(GS_NOT_FOUND, gs_gpu_get(&bed.gpus, w, &gpu, err));
        bed_expect(GS_NOT_FOUND, gs_gpu_profiles(&bed.gpus, w, profiles, &n, err));
        bed_expect(GS_NOT_FOUND, gs_gpu_instances(&bed.gpus, w, &instances, err));
        bed_expect(GS_NOT_FOUND, gs_gpu_processes(&bed.gpus, w, &process, 1, &n_processes, err));
        bed_expect(GS_NOT_FOUND, gs_gpu_destroy(&bed.gpus, w, 0, err));
        bed_expect(GS_NOT_FOUND, gs_gpu_set_mode(&bed.gpus, w, GS_MIG_ON, &activation, err));
        bed_expect(GS_NOT_FOUND, gs_gpu_reset(&bed.gpus, &w, 1, err));
    }
    bed_end(&bed);
}

static void a_gpu_that_cannot_be_cut_is_listed_and_left_alone(void **state)
{
    (void)state;
    struct bed bed =
        bed_begin(&(struct bed_machine){.mig_on = true, .kinds = {{"", 1}, {"A100-40GB", 1}}});
    struct gs_gpu_profile profiles[GS_GPU_PROFILES_MAX];
    struct gs_gpu_instance gi;
    enum gs_mig_activation activation;
    struct gs_gpu gpu = bed_get(&bed, 0);
    assert_int_equal(gpu.mode, GS_MIG_NOT_CAPABLE);
    assert_int_equal(gpu.pending, GS_MIG_NOT_CAPABLE);
    assert_false(gpu.mode_change_needs_reset);
    assert_int_equal(gpu.max_mig_devices, 0);
    assert_int_equal(bed_profiles(&bed, 0, profiles), 0);
    assert_int_equal(bed_instances(&bed, 0).n, 0);
    bed_expect(GS_UNSUPPORTED, gs_gpu_create(&bed.gpus, 0, ID_1G, 0, 1, &gi, err));
    bed_expect(GS_UNSUPPORTED, gs_gpu_set_mode(&bed.gpus, 0, GS_MIG_ON, &activation, err));
    assert_int_equal(bed_get(&bed, 1).mode, GS_MIG_ON);
    bed_end(&bed);
}

static void a_lost_gpu_is_no_device(void **state)
{
    (void)state;
    struct bed bed = bed_begin(&(struct bed_machine){.mig_on = true, .kinds = {{"A100-40GB", 2}}});
    bed.ops->lose(&bed, 1);
    struct gs_gpu gpu;
    struct gs_gpu_instances instances;
    struct gs_gpu_instance gi;
    struct gs_gpu_process process;
    size_t n;
    bed_expect(GS_IO, gs_gpu_get(&bed.gpus, 1, &gpu, err));
    bed_expect(GS_IO, gs_gpu_instances(&bed.gpus, 1, &instances, err));
    bed_expect(GS_IO, gs_gpu_create(&bed.gpus, 1, ID_1G, 0, 1, &gi, err));
    bed_expect(GS_IO, gs_gpu_processes(&bed.gpus, 1, &process, 1, &n, err));
    struct gs_err err;
    assert_int_equal(gs_gpu_get(&bed.gpus, 1, &gpu, &err), GS_IO);
    assert_int_equal(err.sys_errno, ENODEV);
    assert_non_null(strstr(err.msg, "GPU 1"));
    assert_int_equal(bed_get(&bed, 0).mode, GS_MIG_ON);
    bed_create(&bed, 0, ID_1G, 0, 1);
    bed_reboot(&bed);
    assert_int_equal(bed_get(&bed, 1).mode, GS_MIG_ON);
    bed_end(&bed);
}

static bool has_process(const struct gs_gpu_process *list, size_t n, uint32_t pid, uint32_t gi,
                        uint32_t ci)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i].pid == pid && list[i].gpu_instance == gi && list[i].compute_instance == ci) {
            return true;
        }
    }
    return false;
}

static void processes_are_told_with_their_slice(void **state)
{
    (void)state;
    struct bed bed =
        bed_begin(&(struct bed_machine){.kinds = {{"A100-40GB", 1}, {"H100-80GB-SXM5", 1}}});
    enum gs_mig_activation activation;
    bed_expect(0, gs_gpu_set_mode(&bed.gpus, 1, GS_MIG_ON, &activation, err));
    struct gs_gpu_instance a = bed_create(&bed, 1, ID_2G, 0, 2);
    struct gs_gpu_instance b = bed_create(&bed, 1, ID_3G, 4, 4);
    bed_create_ci(&bed, 1, a.id, CI_1);
    bed_create_ci(&bed, 1, a.id, CI_1);
    bed_create_ci(&bed, 1, b.id, CI_3);
    struct gs_gpu_process list[8];
    size_t n = 99;
    bed_expect(0, gs_gpu_processes(&bed.gpus, 1, list, 8, &n, err));
    assert_int_equal(n, 0);
    uint32_t whole;
    uint32_t second;
    uint32_t third;
    assert_int_equal(bed.ops->hold(&bed, 0, GS_NOT_KNOWN, GS_NOT_KNOWN, &whole), 0);
    assert_int_equal(bed.ops->hold(&bed, 1, a.id, 1, &second), 0);
    assert_int_equal(bed.ops->hold(&bed, 1, b.id, 0, &third), 0);
    bed_expect(0, gs_gpu_processes(&bed.gpus, 0, list, 8, &n, err));
    assert_int_equal(n, 1);
    assert_true(has_process(list, n, whole, GS_NOT_KNOWN, GS_NOT_KNOWN));
    bed_expect(0, gs_gpu_processes(&bed.gpus, 1, list, 8, &n, err));
    assert_int_equal(n, 2);
    assert_true(has_process(list, n, second, a.id, 1));
    assert_true(has_process(list, n, third, b.id, 0));
    bed.ops->drop(&bed, second);
    bed_expect(0, gs_gpu_processes(&bed.gpus, 1, list, 8, &n, err));
    assert_int_equal(n, 1);
    assert_true(has_process(list, n, third, b.id, 0));
    bed_end(&bed);
}

static void more_processes_than_asked_for_are_counted_and_not_written(void **state)
{
    (void)state;
    struct bed bed = bed_begin(&(struct bed_machine){.kinds = {{"A30-24GB", 1}}});
    uint32_t pid;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(bed.ops->hold(&bed, 0, GS_NOT_KNOWN, GS_NOT_KNOWN, &pid), 0);
    }
    struct gs_gpu_process list[3] = {{.pid = 7}, {.pid = 7}, {.pid = 7}};
    size_t n = 0;
    bed_expect(0, gs_gpu_processes(&bed.gpus, 0, list, 2, &n, err));
    assert_int_equal(n, 3);
    assert_int_not_equal(list[1].pid, 7);
    assert_int_equal(list[2].pid, 7);
    bed_end(&bed);
}

static void a_second_session_sees_what_the_first_does(void **state)
{
    (void)state;
    struct bed bed = bed_one("A100-40GB");
    GS_CLEANUP(gs_gpu_close) struct gs_gpus other = {.ops = NULL};
    assert_int_equal(bed.ops->open_another(&bed, &other), 0);
    struct gs_gpu_instance gi = bed_create(&bed, 0, ID_2G, 2, 2);
    struct gs_compute_instance ci = bed_create_ci(&bed, 0, gi.id, CI_2);
    struct gs_gpu_instances seen;
    bed_expect(0, gs_gpu_instances(&other, 0, &seen, err));
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.at[0].start, 2);
    assert_int_equal(seen.at[0].n_compute, 1);
    assert_string_equal(seen.at[0].compute[0].uuid, ci.uuid);
    bed_expect(0, gs_gpu_destroy_compute(&other, 0, gi.id, ci.id, err));
    bed_expect(0, gs_gpu_destroy(&other, 0, gi.id, err));
    assert_int_equal(bed_instances(&bed, 0).n, 0);
    bed_end(&bed);
}

static void the_driver_says_what_it_can(void **state)
{
    (void)state;
    static const unsigned majors[] = {450, 470, 525, 580};
    for (size_t i = 0; i < sizeof(majors) / sizeof(majors[0]); i++) {
        struct bed bed =
            bed_begin(&(struct bed_machine){.driver = majors[i], .kinds = {{"A100-40GB", 1}}});
        struct gs_gpu_driver driver;
        bed_expect(0, gs_gpu_driver(&bed.gpus, &driver, err));
        assert_int_equal(driver.can_place, majors[i] >= 460);
        assert_int_equal(driver.can_place_compute, majors[i] >= 525);
        char major[8];
        snprintf(major, sizeof(major), "%u.", majors[i]);
        assert_int_equal(strncmp(driver.driver_version, major, 4), 0);
        assert_true(driver.cuda_version == GS_NOT_KNOWN || driver.cuda_version >= 11000);
        bed_end(&bed);
    }
}

/* A100 profiles by NVML's enum: what each driver has. */
static const struct {
    unsigned driver;
    unsigned n;
    uint32_t profiles[7];
} drivers[] = {
    {450, 5, {0, 1, 2, 3, 4}},
    {470, 6, {0, 1, 2, 3, 4, 7}},
    {525, 7, {0, 1, 2, 3, 4, 7, 9}},
    {580, 7, {0, 1, 2, 3, 4, 7, 9}},
};

static void each_driver_offers_the_profiles_it_brought(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
        struct bed bed = bed_begin(&(struct bed_machine){
            .driver = drivers[i].driver, .mig_on = true, .kinds = {{"A100-40GB", 1}}});
        struct gs_gpu_profile profiles[GS_GPU_PROFILES_MAX];
        unsigned n = bed_profiles(&bed, 0, profiles);
        assert_int_equal(n, drivers[i].n);
        for (unsigned p = 0; p < n; p++) {
            assert_int_equal(profiles[p].profile, drivers[i].profiles[p]);
            assert_true(profiles[p].starts != 0);
            assert_true(profiles[p].name[0] != '\0');
        }
        bed_end(&bed);
    }
}

static void an_old_driver_is_read_and_never_changed(void **state)
{
    (void)state;
    struct bed bed = bed_begin(
        &(struct bed_machine){.driver = 450, .mig_on = true, .kinds = {{"A100-40GB", 1}}});
    bed.ops->cut(&bed, 0, ID_3G, 4);
    bed.ops->cut(&bed, 0, ID_1G, 0);
    struct gs_gpu_instances before = bed_instances(&bed, 0);
    assert_int_equal(before.n, 2);
    assert_int_equal(before.at[0].start, 0);
    assert_int_equal(before.at[0].profile_id, ID_1G);
    assert_int_equal(before.at[0].n_compute, 1);
    assert_int_equal(before.at[1].start, 4);
    assert_true(before.at[1].compute[0].uuid[0] != '\0');
    assert_string_not_equal(before.at[0].compute[0].uuid, before.at[1].compute[0].uuid);
    struct gs_gpu_instance gi;
    struct gs_compute_instance ci;
    enum gs_mig_activation activation;
    unsigned gpu = 0;
    bed_expect(GS_UNSUPPORTED, gs_gpu_create(&bed.gpus, 0, ID_1G, 1, 1, &gi, err));
    bed_expect(GS_UNSUPPORTED, gs_gpu_create_compute(&bed.gpus, 0, before.at[1].id, CI_1,
                                                     GS_NOT_KNOWN, 0, &ci, err));
    bed_expect(GS_UNSUPPORTED, gs_gpu_destroy_compute(&bed.gpus, 0, before.at[0].id, 0, err));
    bed_expect(GS_UNSUPPORTED, gs_gpu_destroy(&bed.gpus, 0, before.at[0].id, err));
    bed_expect(GS_UNSUPPORTED, gs_gpu_set_mode(&bed.gpus, 0, GS_MIG_OFF, &activation, err));
    bed_expect(GS_UNSUPPORTED, gs_gpu_reset(&bed.gpus, &gpu, 1, err));
    struct gs_err err;
    assert_int_equal(gs_gpu_destroy(&bed.gpus, 0, 0, &err), GS_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "450"));
    struct gs_gpu_instances after = bed_instances(&bed, 0);
    assert_memory_equal(&before, &after, sizeof(after));
    bed_end(&bed);
}

const struct behaviour behaviours_of_reading[] = {
    BEHAVIOUR(every_model_lists_its_profiles_and_placements),
    BEHAVIOUR(facts_of_a_gpu_are_told_or_marked_unknown),
    BEHAVIOUR(the_model_of_a_live_gpu_has_the_states_of_the_catalogue),
    BEHAVIOUR(what_is_cut_becomes_a_layout_and_is_found_again),
    BEHAVIOUR(gpus_that_are_not_there_are_not_found),
    BEHAVIOUR(a_gpu_that_cannot_be_cut_is_listed_and_left_alone),
    BEHAVIOUR(a_lost_gpu_is_no_device),
    BEHAVIOUR(processes_are_told_with_their_slice),
    BEHAVIOUR(more_processes_than_asked_for_are_counted_and_not_written),
    BEHAVIOUR(a_second_session_sees_what_the_first_does),
    BEHAVIOUR(the_driver_says_what_it_can),
    BEHAVIOUR(each_driver_offers_the_profiles_it_brought),
    BEHAVIOUR(an_old_driver_is_read_and_never_changed),
    BEHAVIOURS_END,
};
