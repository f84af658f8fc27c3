#include <stdio.h>

#include "core/catalog.h"
#include "simdriver/sim_test.h"

/* ---- The driver's choice ---- */

/* The transcripts of the user guide (reference 1.7): profile id, then where and with which GI id;
 * NOWHERE: insufficient resources. */
enum { NOWHERE = 99 };
static const struct {
    struct {
        uint32_t id, start, gi;
    } steps[7];
    unsigned n;
} transcripts[] = {
    {{{19, 6, 13}, {19, 4, 11}, {14, 0, 3}, {9, NOWHERE, 0}}, 4},
    {{{9, 4, 2}, {19, 0, 7}, {14, 2, 4}, {19, 1, 8}}, 4},
    {{{19, 6, 13}, {14, 4, 5}, {5, 0, 1}}, 3},
    {{{14, 4, 5}, {19, 6, 13}, {19, 0, 7}, {19, 1, 8}, {19, 2, 9}, {19, 3, 10}}, 6},
};

static void instances__driver_chooses_the_places_that_nvidia_shows(void **state)
{
    (void)state;
    for (size_t t = 0; t < sizeof(transcripts) / sizeof(transcripts[0]); t++) {
        struct sim_machine *machine = machine_of(580, "A100-40GB", 1);
        for (unsigned i = 0; i < transcripts[t].n; i++) {
            uint32_t gi = SIM_NONE;
            int r = sim_gi_create(machine, 0, transcripts[t].steps[i].id, SIM_NONE, 0, &gi);
            if (transcripts[t].steps[i].start == NOWHERE) {
                assert_int_equal(r, SIM_INSUFFICIENT_RESOURCES);
                continue;
            }
            assert_int_equal(r, SIM_OK);
            assert_int_equal(machine->gpus[0].gis[gi].start, transcripts[t].steps[i].start);
            assert_int_equal(gi, transcripts[t].steps[i].gi);
        }
    }
}

static void instances__h100_pcie_gives_seven_1g_the_ids_that_were_seen(void **state)
{
    (void)state;
    static const uint32_t seen[] = {7, 8, 9, 11, 12, 13, 14};
    struct sim_machine *machine = machine_of(580, "H100-80GB-PCIe", 1);
    for (uint32_t i = 0; i < 7; i++) {
        assert_int_equal(create(machine, "1g.10gb", i), seen[i]);
    }
}

static void instances__first_driver_gives_the_3g_at_4_the_id_1(void **state)
{
    (void)state;
    struct sim_machine *machine = machine_of(450, "A100-40GB", 1);
    assert_int_equal(create(machine, "3g.20gb", 0), 2);
    assert_int_equal(create(machine, "3g.20gb", 4), 1);
}

/* ---- Codes ---- */

static void instances__a_place_that_is_taken_is_no_room(void **state)
{
    (void)state;
    struct sim_machine *machine = machine_of(580, "A100-40GB", 1);
    uint32_t gi;
    create(machine, "1g.5gb", 1);
    assert_int_equal(sim_gi_create(machine, 0, 19, 1, 1, &gi), SIM_INSUFFICIENT_RESOURCES);
    assert_int_equal(sim_gi_create(machine, 0, 9, 0, 4, &gi), SIM_INSUFFICIENT_RESOURCES);
    assert_int_equal(sim_gi_create(machine, 0, 9, 4, 4, &gi), SIM_OK);
}

static void instances__a_place_that_is_none_is_an_invalid_argument(void **state)
{
    (void)state;
    struct sim_machine *machine = machine_of(580, "A100-40GB", 1);
    uint32_t gi;
    assert_int_equal(sim_gi_create(machine, 0, 19, 7, 1, &gi), SIM_INVALID_ARGUMENT);
    assert_int_equal(sim_gi_create(machine, 0, 14, 6, 2, &gi), SIM_INVALID_ARGUMENT);
    assert_int_equal(sim_gi_create(machine, 0, 9, 0, 3, &gi), SIM_INVALID_ARGUMENT);
    assert_int_equal(sim_gi_create(machine, 0, 19, 200, 1, &gi), SIM_INVALID_ARGUMENT);
    assert_int_equal(sim_gi_create(machine, 0, 77, 0, 1, &gi), SIM_INVALID_ARGUMENT);
    assert_int_equal(sim_gi_create(machine, 3, 19, 0, 1, &gi), SIM_INVALID_ARGUMENT);
}

static void instances__nothing_is_cut_while_mig_is_off(void **state)
{
    (void)state;
    struct sim_machine *machine = machine_of(580, "A100-40GB", 1);
    int status;
    uint32_t gi;
    uint32_t n;
    assert_int_equal(sim_mode_set(machine, 0, 0, 1, &status), SIM_OK);
    assert_int_equal(sim_gi_create(machine, 0, 19, SIM_NONE, 0, &gi), SIM_NOT_SUPPORTED);
    assert_int_equal(sim_gi_remaining(machine, 0, 19, &n), SIM_NOT_SUPPORTED);
    assert_int_equal(sim_mig_max(machine, 0), 0);
}

static void instances__a_gi_with_a_ci_is_in_use(void **state)
{
    (void)state;
    struct sim_machine *machine = machine_of(580, "A100-40GB", 1);
    uint32_t gi = create(machine, "3g.20gb", 4);
    uint32_t ci = create_ci(machine, gi);
    assert_int_equal(sim_gi_destroy(machine, 0, gi), SIM_IN_USE);
    assert_int_equal(sim_ci_destroy(machine, 0, gi, ci), SIM_OK);
    assert_int_equal(sim_ci_destroy(machine, 0, gi, ci), SIM_NOT_FOUND);
    assert_int_equal(sim_gi_destroy(machine, 0, gi), SIM_OK);
    assert_int_equal(sim_gi_destroy(machine, 0, gi), SIM_NOT_FOUND);
}

static void instances__a_leaked_handle_says_in_use_and_no_process(void **state)
{
    (void)state;
    struct sim_machine *machine = machine_of(580, "A100-40GB", 1);
    uint32_t gi = create(machine, "3g.20gb", 4);
    uint32_t ci = create_ci(machine, gi);
    machine->gpus[0].gis[gi].cis[ci].leaked = 1;
    assert_int_equal(sim_ci_destroy(machine, 0, gi, ci), SIM_IN_USE);
    assert_false(sim_is_held(machine, 0, SIM_NONE, SIM_NONE, 0));
    machine->gpus[0].gis[gi].cis[ci].leaked = 0;
    assert_int_equal(sim_ci_destroy(machine, 0, gi, ci), SIM_OK);
    machine->gpus[0].gis[gi].leaked = 1;
    assert_int_equal(sim_gi_destroy(machine, 0, gi), SIM_IN_USE);
}

static void instances__a_lost_gpu_answers_so_everywhere(void **state)
{
    (void)state;
    struct sim_machine *machine = machine_of(580, "A100-40GB", 1);
    struct sim_gi_profile kind;
    uint32_t n;
    int status;
    create(machine, "3g.20gb", 4);
    machine->gpus[0].lost = 1;
    assert_int_equal(sim_gi_profile(machine, 0, 0, &kind), SIM_GPU_IS_LOST);
    assert_int_equal(sim_gi_create(machine, 0, 19, SIM_NONE, 0, &n), SIM_GPU_IS_LOST);
    assert_int_equal(sim_gi_destroy(machine, 0, 2), SIM_GPU_IS_LOST);
    assert_int_equal(sim_ci_create(machine, 0, 2, 0, SIM_NONE, 0, &n), SIM_GPU_IS_LOST);
    assert_int_equal(sim_mode_set(machine, 0, 0, 1, &status), SIM_GPU_IS_LOST);
    assert_int_equal(sim_mig_at(machine, 0, 0, &n, &n), SIM_GPU_IS_LOST);
    assert_int_equal(sim_machine_check(machine, NULL), 0);
}

/* ---- What fits ---- */

static void instances__drivers_before_510_put_no_3g_beside_a_4g(void **state)
{
    (void)state;
    uint32_t gi;
    struct sim_machine *machine = machine_of(470, "A100-40GB", 1);
    create(machine, "4g.20gb", 0);
    assert_int_equal(sim_gi_create(machine, 0, 9, 4, 4, &gi), SIM_INSUFFICIENT_RESOURCES);
    machine = machine_of(525, "A100-40GB", 1);
    create(machine, "4g.20gb", 0);
    assert_int_equal(sim_gi_create(machine, 0, 9, 4, 4, &gi), SIM_OK);
}

static void instances__one_me_a_gpu(void **state)
{
    (void)state;
    struct sim_machine *machine = machine_of(580, "A100-40GB", 1);
    uint32_t n;
    uint32_t gi;
    assert_int_equal(sim_gi_remaining(machine, 0, 20, &n), SIM_OK);
    assert_int_equal(n, 1);
    create(machine, "1g.5gb+me", 3);
    assert_int_equal(sim_gi_remaining(machine, 0, 20, &n), SIM_OK);
    assert_int_equal(n, 0);
    assert_int_equal(sim_gi_create(machine, 0, 20, 5, 1, &gi), SIM_INSUFFICIENT_RESOURCES);
    assert_int_equal(sim_gi_remaining(machine, 0, 19, &n), SIM_OK);
    assert_int_equal(n, 6);
}

static void instances__next_to_me_all_only_profiles_without_media(void **state)
{
    (void)state;
    struct sim_machine *machine = machine_of(580, "RTX-PRO-6000-96GB", 1);
    uint32_t n;
    create(machine, "1g.24gb+me.all", 0);
    static const struct {
        const char *name;
        uint32_t left;
    } rest[] = {{"1g.24gb", 0},    {"1g.24gb+me", 0}, {"1g.24gb+gfx", 0},
                {"1g.24gb-me", 3}, {"2g.48gb", 0},    {"2g.48gb-me", 1}};
    for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]); i++) {
        assert_int_equal(sim_gi_remaining(machine, 0, id_of(machine, rest[i].name), &n), SIM_OK);
        assert_int_equal(n, rest[i].left);
    }
}

/* Every model with known placements: each profile alone as often as the catalogue says, by the
 * driver's choice, and remaining capacity tells so beforehand. */
static void instances__every_profile_fits_as_often_as_its_model_says(void **state)
{
    (void)state;
    size_t n_models;
    const struct gs_model *models = gs_catalog(&n_models);
    for (size_t m = 0; m < n_models; m++) {
        for (unsigned p = 0; models[m].placements_known && p < models[m].n_profiles; p++) {
            struct sim_machine *machine = machine_of(595, models[m].id, 1);
            const struct gs_profile *profile = &models[m].profiles[p];
            uint32_t n;
            uint32_t gi;
            assert_int_equal(sim_gi_remaining(machine, 0, profile->nvml_profile_id, &n), SIM_OK);
            assert_int_equal(n, profile->max_instances);
            for (; n > 0; n--) {
                assert_int_equal(
                    sim_gi_create(machine, 0, profile->nvml_profile_id, SIM_NONE, 0, &gi), SIM_OK);
                create_ci(machine, gi);
            }
            assert_int_equal(sim_gi_create(machine, 0, profile->nvml_profile_id, SIM_NONE, 0, &gi),
                             SIM_INSUFFICIENT_RESOURCES);
            assert_int_equal(sim_machine_check(machine, NULL), 0);
        }
    }
}

/* ---- Profiles ---- */

/* NVIDIA's rule (go-nvlib): the name follows from the memory. */
static void name_by_rule(const struct sim_gpu *gpu, const struct sim_gi_profile *kind, char *ret,
                         size_t size)
{
    uint64_t total = sim_gpu_memory_mib(gpu);
    uint64_t eighths = (kind->memory_mib * 8 + total - 1) / total;
    uint64_t gib = (total + 1023) / 1024;
    unsigned gb = (unsigned)((eighths * gib * 2 + 8) / 16);
    const char *attrs = strpbrk(kind->name, "+-");
    snprintf(ret, size, "%ug.%ugb%s", kind->compute_slices, gb, attrs == NULL ? "" : attrs);
}

static void instances__every_profile_gets_its_name_by_nvidias_rule(void **state)
{
    (void)state;
    size_t n_models;
    unsigned estimated = 0;
    const struct gs_model *models = gs_catalog(&n_models);
    for (size_t m = 0; m < n_models; m++) {
        for (unsigned p = 0; models[m].placements_known && p < models[m].n_profiles; p++) {
            struct sim_machine *machine = machine_of(595, models[m].id, 1);
            struct sim_gi_profile kind;
            char name[80];
            assert_int_equal(sim_gi_profile(machine, 0, models[m].profiles[p].nvml_profile, &kind),
                             SIM_OK);
            name_by_rule(&machine->gpus[0], &kind, name, sizeof(name));
            if (strcmp(name, models[m].profiles[p].name) != 0) {
                fail_msg("%s: %s is called %s with %llu of %llu MiB", models[m].id,
                         models[m].profiles[p].name, name, (unsigned long long)kind.memory_mib,
                         (unsigned long long)sim_gpu_memory_mib(&machine->gpus[0]));
            }
            assert_true(kind.sm_count > 0 && kind.sm_count < 300 && kind.engines[0] > 0);
            estimated += kind.estimated;
        }
    }
    assert_true(estimated > 20);
}

static void instances__drivers_hide_what_came_later(void **state)
{
    (void)state;
    static const struct {
        uint32_t driver, profile;
        int code;
    } cases[] = {
        {450, 0, SIM_OK},
        {450, 5, SIM_NOT_SUPPORTED},
        {450, 7, SIM_INVALID_ARGUMENT},
        {470, 7, SIM_OK},
        {470, 9, SIM_INVALID_ARGUMENT},
        {525, 9, SIM_OK},
        {525, 10, SIM_INVALID_ARGUMENT},
        {580, 10, SIM_NOT_SUPPORTED},
        {580, 16, SIM_NOT_SUPPORTED},
        {580, 17, SIM_INVALID_ARGUMENT},
        {595, 17, SIM_NOT_SUPPORTED},
        {595, 18, SIM_INVALID_ARGUMENT},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sim_machine *machine = machine_of(cases[i].driver, "A100-40GB", 1);
        struct sim_gi_profile kind;
        assert_int_equal(sim_gi_profile(machine, 0, cases[i].profile, &kind), cases[i].code);
    }
    uint32_t gi;
    struct sim_machine *machine = machine_of(470, "A100-40GB", 1);
    assert_int_equal(sim_gi_create(machine, 0, 15, SIM_NONE, 0, &gi), SIM_INVALID_ARGUMENT);
}

static void instances__driver_535_hides_profiles_while_mig_is_off(void **state)
{
    (void)state;
    struct sim_gi_profile kind;
    int status;
    struct sim_machine *machine = machine_of(535, "A100-40GB", 1);
    assert_int_equal(sim_gi_profile(machine, 0, 0, &kind), SIM_OK);
    sim_mode_set(machine, 0, 0, 1, &status);
    assert_int_equal(sim_gi_profile(machine, 0, 0, &kind), SIM_NOT_SUPPORTED);
    machine = machine_of(580, "A100-40GB", 1);
    sim_mode_set(machine, 0, 0, 1, &status);
    assert_int_equal(sim_gi_profile(machine, 0, 0, &kind), SIM_OK);
}

/* ---- CIs ---- */

/* -lcip of the user guide: id, slices, how many. */
static const struct {
    const char *gi;
    struct {
        uint32_t id, slices, n;
    } kinds[6];
} compute_kinds[] = {
    {"1g.5gb", {{0, 1, 1}}},
    {"2g.10gb", {{0, 1, 2}, {1, 2, 1}}},
    {"3g.20gb", {{0, 1, 3}, {1, 2, 1}, {2, 3, 1}}},
    {"4g.20gb", {{0, 1, 4}, {1, 2, 2}, {3, 4, 1}}},
    {"7g.40gb", {{0, 1, 7}, {1, 2, 3}, {2, 3, 2}, {3, 4, 1}, {4, 7, 1}}},
};

static void instances__compute_kinds_are_those_that_nvidia_lists(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(compute_kinds) / sizeof(compute_kinds[0]); i++) {
        struct sim_machine *machine = machine_of(580, "A100-40GB", 1);
        uint32_t gi = create(machine, compute_kinds[i].gi, 0);
        unsigned k = 0;
        for (uint32_t p = 0; p < 9; p++) {
            struct sim_ci_profile kind;
            int r = sim_ci_profile(machine, 0, gi, p, 0, &kind);
            if (r != SIM_OK) {
                assert_int_equal(r, SIM_NOT_SUPPORTED);
                continue;
            }
            uint32_t n;
            assert_int_equal(kind.id, compute_kinds[i].kinds[k].id);
            assert_int_equal(kind.compute_slices, compute_kinds[i].kinds[k].slices);
            assert_int_equal(sim_ci_remaining(machine, 0, gi, kind.id, &n), SIM_OK);
            assert_int_equal(n, compute_kinds[i].kinds[k].n);
            assert_int_equal(kind.max_instances, n);
            k++;
        }
        assert_true(k == 6 || compute_kinds[i].kinds[k].n == 0);
        struct sim_ci_profile kind;
        assert_int_equal(sim_ci_profile(machine, 0, gi, 9, 0, &kind), SIM_INVALID_ARGUMENT);
        assert_int_equal(sim_ci_profile(machine, 0, gi, 0, 1, &kind), SIM_INVALID_ARGUMENT);
    }
}

static void instances__a_2g_of_h100_has_two_kinds_of_one_name(void **state)
{
    (void)state;
    struct sim_machine *machine = machine_of(580, "H100-80GB-SXM5", 1);
    uint32_t gi = create(machine, "2g.20gb", 0);
    struct sim_ci_profile small;
    struct sim_ci_profile big;
    assert_int_equal(sim_ci_profile_by_id(machine, 0, gi, 0, &small), SIM_OK);
    assert_int_equal(sim_ci_profile_by_id(machine, 0, gi, 7, &big), SIM_OK);
    assert_string_equal(small.name, "1c.2g.20gb");
    assert_string_equal(big.name, "1c.2g.20gb");
    assert_int_equal(small.sm_count, 16);
    assert_int_equal(big.sm_count, 26);
    assert_int_equal(small.max_instances, 2);
    assert_int_equal(big.max_instances, 1);
}

static void instances__cis_share_a_gi(void **state)
{
    (void)state;
    struct sim_machine *machine = machine_of(580, "A100-40GB", 1);
    uint32_t gi = create(machine, "3g.20gb", 4);
    uint32_t ci;
    assert_int_equal(sim_ci_create(machine, 0, gi, 0, 2, 1, &ci), SIM_OK);
    assert_int_equal(ci, 0);
    assert_int_equal(sim_ci_create(machine, 0, gi, 0, 2, 1, &ci), SIM_INSUFFICIENT_RESOURCES);
    assert_int_equal(sim_ci_create(machine, 0, gi, 1, 1, 2, &ci), SIM_INVALID_ARGUMENT);
    assert_int_equal(sim_ci_create(machine, 0, gi, 3, SIM_NONE, 0, &ci), SIM_INVALID_ARGUMENT);
    assert_int_equal(sim_ci_create(machine, 0, gi, 1, SIM_NONE, 0, &ci), SIM_OK);
    assert_int_equal(ci, 1);
    assert_int_equal(sim_ci_create(machine, 0, gi, 0, SIM_NONE, 0, &ci),
                     SIM_INSUFFICIENT_RESOURCES);
    assert_int_equal(sim_ci_create(machine, 0, 5, 0, SIM_NONE, 0, &ci), SIM_NOT_FOUND);
}

/* ---- MIG devices ---- */

static void mig__a_uuid_comes_back_for_another_profile(void **state)
{
    (void)state;
    struct sim_machine *machine = machine_of(580, "A100-40GB", 1);
    char first[SIM_MIG_UUID_MAX];
    char second[SIM_MIG_UUID_MAX];
    uint32_t gi = create(machine, "3g.20gb", 4);
    uint32_t ci = create_ci(machine, gi);
    uint64_t generation = machine->gpus[0].gis[gi].generation;
    sim_mig_uuid(machine, 0, gi, ci, first);
    sim_ci_destroy(machine, 0, gi, ci);
    /* 1c.3g.20gb in the same GI */
    assert_int_equal(sim_ci_create(machine, 0, gi, 0, SIM_NONE, 0, &ci), SIM_OK);
    sim_mig_uuid(machine, 0, gi, ci, second);
    assert_string_equal(first, second);
    sim_ci_destroy(machine, 0, gi, ci);
    sim_gi_destroy(machine, 0, gi);
    assert_int_equal(create(machine, "3g.20gb", 4), gi);
    assert_true(machine->gpus[0].gis[gi].generation > generation);
    sim_mig_uuid(machine, 0, gi, create_ci(machine, gi), second);
    assert_string_equal(first, second);
}

static void mig__uuids_of_all_devices_of_a_machine_differ_and_are_found(void **state)
{
    (void)state;
    struct sim_machine *machine = machine_of(580, "A100-40GB", 8);
    char uuids[56][SIM_MIG_UUID_MAX];
    unsigned n = 0;
    for (unsigned gpu = 0; gpu < 8; gpu++) {
        for (uint32_t i = 0; i < 7; i++) {
            uint32_t gi;
            uint32_t ci;
            assert_int_equal(sim_gi_create(machine, gpu, 19, i, 1, &gi), SIM_OK);
            assert_int_equal(sim_ci_create(machine, gpu, gi, 0, SIM_NONE, 0, &ci), SIM_OK);
            sim_mig_uuid(machine, gpu, gi, ci, uuids[n]);
            uint32_t found[3];
            assert_int_equal(sim_mig_find(machine, uuids[n], &found[0], &found[1], &found[2]),
                             SIM_OK);
            assert_true(found[0] == gpu && found[1] == gi && found[2] == ci);
            assert_int_equal(strlen(uuids[n]), 40);
            assert_int_equal(uuids[n][18], '5');
            for (unsigned k = 0; k < n; k++) {
                assert_string_not_equal(uuids[k], uuids[n]);
            }
            n++;
        }
    }
    assert_int_equal(sim_mig_find(machine, "MIG-nobody", NULL, NULL, NULL), SIM_NOT_FOUND);
}

static void mig__before_470_a_device_is_called_by_its_gpu(void **state)
{
    (void)state;
    struct sim_machine *machine = machine_of(450, "A100-40GB", 1);
    char uuid[SIM_MIG_UUID_MAX];
    char wanted[SIM_MIG_UUID_MAX];
    uint32_t gi = create(machine, "1g.5gb", 3);
    sim_mig_uuid(machine, 0, gi, create_ci(machine, gi), uuid);
    snprintf(wanted, sizeof(wanted), "MIG-%.47s/10/0", machine->gpus[0].uuid);
    assert_string_equal(uuid, wanted);
    uint32_t found[3];
    assert_int_equal(sim_mig_find(machine, uuid, &found[0], &found[1], &found[2]), SIM_OK);
}

static void mig__indexes_have_holes(void **state)
{
    (void)state;
    struct sim_machine *machine = machine_of(580, "A100-40GB", 1);
    uint32_t gis[3];
    uint32_t gi;
    uint32_t ci;
    for (uint32_t i = 0; i < 3; i++) {
        gis[i] = create(machine, "1g.5gb", i);
        create_ci(machine, gis[i]);
    }
    assert_int_equal(sim_mig_max(machine, 0), 7);
    sim_ci_destroy(machine, 0, gis[1], 0);
    assert_int_equal(sim_mig_at(machine, 0, 0, &gi, &ci), SIM_OK);
    assert_int_equal(sim_mig_at(machine, 0, 1, &gi, &ci), SIM_NOT_FOUND);
    assert_int_equal(sim_mig_at(machine, 0, 2, &gi, &ci), SIM_OK);
    assert_int_equal(gi, gis[2]);
    assert_int_equal(sim_mig_at(machine, 0, 6, &gi, &ci), SIM_NOT_FOUND);
    assert_int_equal(sim_mig_at(machine, 0, 7, &gi, &ci), SIM_INVALID_ARGUMENT);
    create_ci(machine, create(machine, "1g.5gb", 6));
    assert_int_equal(sim_mig_at(machine, 0, 1, &gi, &ci), SIM_OK);
    assert_int_equal(gi, 13);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instances__driver_chooses_the_places_that_nvidia_shows),
        cmocka_unit_test(instances__h100_pcie_gives_seven_1g_the_ids_that_were_seen),
        cmocka_unit_test(instances__first_driver_gives_the_3g_at_4_the_id_1),
        cmocka_unit_test(instances__a_place_that_is_taken_is_no_room),
        cmocka_unit_test(instances__a_place_that_is_none_is_an_invalid_argument),
        cmocka_unit_test(instances__nothing_is_cut_while_mig_is_off),
        cmocka_unit_test(instances__a_gi_with_a_ci_is_in_use),
        cmocka_unit_test(instances__a_leaked_handle_says_in_use_and_no_process),
        cmocka_unit_test(instances__a_lost_gpu_answers_so_everywhere),
        cmocka_unit_test(instances__drivers_before_510_put_no_3g_beside_a_4g),
        cmocka_unit_test(instances__one_me_a_gpu),
        cmocka_unit_test(instances__next_to_me_all_only_profiles_without_media),
        cmocka_unit_test(instances__every_profile_fits_as_often_as_its_model_says),
        cmocka_unit_test(instances__every_profile_gets_its_name_by_nvidias_rule),
        cmocka_unit_test(instances__drivers_hide_what_came_later),
        cmocka_unit_test(instances__driver_535_hides_profiles_while_mig_is_off),
        cmocka_unit_test(instances__compute_kinds_are_those_that_nvidia_lists),
        cmocka_unit_test(instances__a_2g_of_h100_has_two_kinds_of_one_name),
        cmocka_unit_test(instances__cis_share_a_gi),
        cmocka_unit_test(mig__a_uuid_comes_back_for_another_profile),
        cmocka_unit_test(mig__uuids_of_all_devices_of_a_machine_differ_and_are_found),
        cmocka_unit_test(mig__before_470_a_device_is_called_by_its_gpu),
        cmocka_unit_test(mig__indexes_have_holes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
