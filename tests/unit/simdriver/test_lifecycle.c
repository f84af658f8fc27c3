#include "core/catalog.h"
#include "simdriver/sim_test.h"

/* A machine with one GPU and MIG off. */
static struct sim_machine *off(const char *model)
{
    struct sim_machine *machine = machine_of(595, model, 1);
    int status;
    assert_int_equal(sim_mode_set(machine, 0, 0, 1, &status), SIM_OK);
    assert_int_equal(machine->gpus[0].mode, 0);
    return machine;
}

/* ---- Mode ---- */

static void mode__changes_at_once_on_an_idle_gpu(void **state)
{
    (void)state;
    static const char *const models[] = {"A100-40GB", "A30-24GB", "H100-80GB-SXM5", "B200-180GB",
                                         "RTX-PRO-6000-96GB"};
    for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
        struct sim_machine *machine = off(models[i]);
        int status = -1;
        sim_session_begin(machine, 7, 70); /* the caller's own does not count */
        assert_int_equal(sim_mode_set(machine, 0, 1, 7, &status), SIM_OK);
        assert_int_equal(status, SIM_OK);
        assert_true(machine->gpus[0].mode == 1 && machine->gpus[0].pending == 1);
    }
}

static void mode__stays_pending_on_ampere_while_another_client_is_there(void **state)
{
    (void)state;
    struct sim_machine *machine = off("A100-40GB");
    int status = -1;
    unsigned gpu;
    sim_session_begin(machine, 8, 80);
    assert_int_equal(sim_mode_set(machine, 0, 1, 7, &status), SIM_OK);
    assert_int_equal(status, SIM_IN_USE);
    assert_true(machine->gpus[0].mode == 0 && machine->gpus[0].pending == 1);
    assert_int_equal(sim_reset(machine, 1, 7, &gpu), SIM_IN_USE);
    sim_session_end(machine, 8, 80);
    assert_int_equal(sim_reset(machine, 1, 7, &gpu), SIM_OK);
    assert_true(machine->gpus[0].mode == 1 && machine->gpus[0].pending == 1);
}

static void mode__changes_on_hopper_while_another_client_watches(void **state)
{
    (void)state;
    struct sim_machine *machine = off("H100-80GB-SXM5");
    int status = -1;
    sim_session_begin(machine, 8, 80);
    assert_int_equal(sim_mode_set(machine, 0, 1, 7, &status), SIM_OK);
    assert_int_equal(status, SIM_OK);
    assert_int_equal(machine->gpus[0].mode, 1);
}

static void mode__waits_for_processes_on_any_gpu(void **state)
{
    (void)state;
    static const char *const models[] = {"A100-40GB", "H100-80GB-SXM5"};
    for (size_t i = 0; i < 2; i++) {
        struct sim_machine *machine = off(models[i]);
        int status = -1;
        struct sim_holder holder = {
            .pid = 9, .start_time = 90, .gpu = 0, .gi = SIM_NONE, .ci = SIM_NONE};
        assert_int_equal(sim_hold(machine, &holder), SIM_OK);
        assert_int_equal(sim_mode_set(machine, 0, 1, 7, &status), SIM_OK);
        assert_int_equal(status, SIM_IN_USE);
        assert_int_equal(machine->gpus[0].mode, 0);
    }
}

static void mode__waits_for_a_reboot_in_a_vm(void **state)
{
    (void)state;
    struct sim_machine *machine = off("A100-40GB");
    int status = -1;
    unsigned gpu;
    machine->gpus[0].vm = 1;
    assert_int_equal(sim_mode_set(machine, 0, 1, 7, &status), SIM_OK);
    assert_int_equal(status, SIM_RESET_REQUIRED);
    assert_int_equal(sim_reset(machine, 1, 7, &gpu), SIM_NOT_SUPPORTED);
    assert_int_equal(sim_driver_unload(machine, 7), SIM_OK);
    sim_driver_load(machine);
    assert_int_equal(machine->gpus[0].mode, 0);
    sim_reboot(machine);
    assert_int_equal(machine->gpus[0].mode, 1);
}

static void mode__cannot_go_off_while_instances_exist(void **state)
{
    (void)state;
    struct sim_machine *machine = machine_of(580, "A100-40GB", 1);
    int status = -1;
    create(machine, "1g.5gb", 0);
    assert_int_equal(sim_mode_set(machine, 0, 0, 7, &status), SIM_IN_USE);
    assert_true(machine->gpus[0].mode == 1 && machine->gpus[0].pending == 1);
}

static void mode__a_pending_one_can_be_taken_back(void **state)
{
    (void)state;
    struct sim_machine *machine = off("A100-40GB");
    int status = -1;
    sim_session_begin(machine, 8, 80);
    sim_mode_set(machine, 0, 1, 7, &status);
    assert_int_equal(sim_mode_set(machine, 0, 0, 7, &status), SIM_OK);
    assert_int_equal(status, SIM_OK);
    assert_int_equal(machine->gpus[0].pending, 0);
}

static void mode__is_not_for_gpus_that_cannot_be_cut(void **state)
{
    (void)state;
    struct sim_machine *machine = machine_of(580, "L4", 1);
    int status;
    assert_int_equal(sim_mode_set(machine, 0, 1, 7, &status), SIM_NOT_SUPPORTED);
    struct sim_gi_profile kind;
    assert_int_equal(sim_gi_profile(machine, 0, 0, &kind), SIM_NOT_SUPPORTED);
}

/* ---- What survives (reference 3.2) ---- */

enum event { RESET, RELOAD, REBOOT };

static void happen(struct sim_machine *machine, enum event what)
{
    unsigned gpu;
    switch (what) {
    case RESET:
        assert_int_equal(sim_reset(machine, 1, 1, &gpu), SIM_OK);
        break;
    case RELOAD:
        assert_int_equal(sim_driver_unload(machine, 1), SIM_OK);
        assert_int_equal(sim_session_begin(machine, 1, 1), SIM_DRIVER_NOT_LOADED);
        sim_driver_load(machine);
        break;
    case REBOOT:
        sim_reboot(machine);
        break;
    }
}

static void lifecycle__layouts_never_survive_and_modes_do_on_ampere(void **state)
{
    (void)state;
    static const struct {
        const char *model, *profile;
        enum event event;
        uint8_t mode;
    } cases[] = {
        {"A100-40GB", "3g.20gb", RESET, 1},       {"A100-40GB", "3g.20gb", RELOAD, 1},
        {"A100-40GB", "3g.20gb", REBOOT, 1},      {"H100-80GB-SXM5", "3g.40gb", RESET, 0},
        {"H100-80GB-SXM5", "3g.40gb", RELOAD, 0}, {"H100-80GB-SXM5", "3g.40gb", REBOOT, 0},
        {"B200-180GB", "1g.23gb", REBOOT, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sim_machine *machine = machine_of(580, cases[i].model, 1);
        uint32_t gi = create(machine, cases[i].profile, SIM_NONE);
        create_ci(machine, gi);
        happen(machine, cases[i].event);
        assert_int_equal(machine->gpus[0].mode, cases[i].mode);
        assert_int_equal(machine->gpus[0].pending, cases[i].mode);
        for (uint32_t g = 0; g < SIM_GIS; g++) {
            assert_null(sim_gi_get(machine, 0, g));
        }
        assert_int_equal(sim_machine_check(machine, NULL), 0);
    }
}

static void lifecycle__a_reset_touches_only_its_gpus(void **state)
{
    (void)state;
    struct sim_machine *machine = machine_of(580, "A100-40GB", 3);
    uint32_t gi;
    unsigned gpu;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(sim_gi_create(machine, i, 19, 0, 1, &gi), SIM_OK);
    }
    assert_int_equal(sim_reset(machine, 1u << 1, 1, &gpu), SIM_OK);
    assert_non_null(sim_gi_get(machine, 0, gi));
    assert_null(sim_gi_get(machine, 1, gi));
    assert_non_null(sim_gi_get(machine, 2, gi));
}

static void lifecycle__a_busy_gpu_stops_the_reset_of_all_that_were_named(void **state)
{
    (void)state;
    struct sim_machine *machine = machine_of(580, "A100-40GB", 2);
    uint32_t gi;
    uint32_t ci;
    unsigned gpu;
    assert_int_equal(sim_gi_create(machine, 1, 19, 0, 1, &gi), SIM_OK);
    assert_int_equal(sim_ci_create(machine, 1, gi, 0, SIM_NONE, 0, &ci), SIM_OK);
    struct sim_holder holder = {.pid = 9, .start_time = 90, .gpu = 1, .gi = gi, .ci = ci};
    assert_int_equal(sim_hold(machine, &holder), SIM_OK);
    assert_int_equal(sim_reset(machine, 3, 1, &gpu), SIM_IN_USE);
    assert_int_equal(gpu, 1);
    assert_non_null(sim_ci_get(machine, 1, gi, ci));
    assert_int_equal(sim_reset(machine, 1, 1, &gpu), SIM_OK);
}

static void lifecycle__a_lost_gpu_comes_back_with_a_reboot_only(void **state)
{
    (void)state;
    struct sim_machine *machine = machine_of(580, "A100-40GB", 1);
    unsigned gpu;
    uint32_t gi;
    machine->gpus[0].lost = 1;
    assert_int_equal(sim_reset(machine, 1, 1, &gpu), SIM_GPU_IS_LOST);
    happen(machine, RELOAD);
    assert_int_equal(machine->gpus[0].lost, 1);
    happen(machine, REBOOT);
    assert_int_equal(sim_gi_create(machine, 0, 19, 0, 1, &gi), SIM_OK);
}

/* ---- Holders ---- */

static void holders__keep_their_slice_and_no_other(void **state)
{
    (void)state;
    struct sim_machine *machine = machine_of(580, "A100-40GB", 1);
    uint32_t a = create(machine, "3g.20gb", 4);
    uint32_t b = create(machine, "1g.5gb", 0);
    create_ci(machine, a);
    create_ci(machine, b);
    struct sim_holder holder = {
        .pid = 9, .start_time = 90, .gpu = 0, .gi = a, .ci = 0, .memory_mib = 1000};
    assert_int_equal(sim_hold(machine, &holder), SIM_OK);
    assert_int_equal(sim_used_mib(machine, 0, a, 0), 1000);
    assert_int_equal(sim_ci_destroy(machine, 0, a, 0), SIM_IN_USE);
    assert_int_equal(sim_ci_destroy(machine, 0, b, 0), SIM_OK);
    assert_int_equal(sim_gi_destroy(machine, 0, b), SIM_OK);
    create(machine, "2g.10gb", 0); /* beside the running process */
    assert_int_equal(sim_release(machine, 9, 91), SIM_NOT_FOUND);
    assert_int_equal(sim_release(machine, 9, 90), SIM_OK);
    assert_int_equal(sim_ci_destroy(machine, 0, a, 0), SIM_OK);
}

static void holders__are_refused_where_there_is_nothing_to_hold(void **state)
{
    (void)state;
    struct sim_machine *machine = machine_of(580, "A100-40GB", 1);
    struct sim_holder holder = {.pid = 9, .gpu = 0, .gi = SIM_NONE, .ci = SIM_NONE};
    assert_int_equal(sim_hold(machine, &holder), SIM_NOT_FOUND); /* a cut GPU as a whole */
    uint32_t gi = create(machine, "1g.5gb", 0);
    holder.gi = gi;
    holder.ci = 0;
    assert_int_equal(sim_hold(machine, &holder), SIM_NOT_FOUND); /* a GI without a CI */
    create_ci(machine, gi);
    holder.memory_mib = 4865; /* of 4864 */
    assert_int_equal(sim_hold(machine, &holder), SIM_INSUFFICIENT_RESOURCES);
    holder.memory_mib = 4864;
    assert_int_equal(sim_hold(machine, &holder), SIM_OK);
    holder.gpu = 1;
    assert_int_equal(sim_hold(machine, &holder), SIM_NOT_FOUND);
}

static bool only_nine(uint32_t pid, uint64_t start_time)
{
    return pid == 9 && start_time == 90;
}

static void holders__that_are_gone_hold_nothing(void **state)
{
    (void)state;
    struct sim_machine *machine = machine_of(580, "A100-40GB", 1);
    uint32_t gi = create(machine, "3g.20gb", 4);
    create_ci(machine, gi);
    struct sim_holder holder = {.pid = 9, .start_time = 90, .gpu = 0, .gi = gi, .ci = 0};
    assert_int_equal(sim_hold(machine, &holder), SIM_OK);
    holder.start_time = 89; /* another process had the same number */
    assert_int_equal(sim_hold(machine, &holder), SIM_OK);
    sim_session_begin(machine, 10, 100);
    assert_true(sim_prune(machine, only_nine));
    assert_false(sim_prune(machine, only_nine));
    assert_int_equal(sim_session_end(machine, 10, 100), SIM_UNINITIALIZED);
    assert_true(sim_is_held(machine, 0, gi, 0, 0));
    assert_false(sim_is_held(machine, 0, gi, 0, 9));
}

static void sessions__are_counted(void **state)
{
    (void)state;
    struct sim_machine *machine = machine_of(580, "A100-40GB", 1);
    assert_int_equal(sim_session_begin(machine, 5, 50), SIM_OK);
    assert_int_equal(sim_session_begin(machine, 5, 50), SIM_OK);
    assert_int_equal(sim_driver_unload(machine, 1), SIM_IN_USE);
    assert_int_equal(sim_session_end(machine, 5, 50), SIM_OK);
    assert_int_equal(sim_driver_unload(machine, 1), SIM_IN_USE);
    assert_int_equal(sim_session_end(machine, 5, 50), SIM_OK);
    assert_int_equal(sim_session_end(machine, 5, 50), SIM_UNINITIALIZED);
    assert_int_equal(sim_driver_unload(machine, 1), SIM_OK);
    for (uint32_t i = 0; i < SIM_SESSIONS; i++) {
        sim_driver_load(machine);
        assert_int_equal(sim_session_begin(machine, 100 + i, 1), SIM_OK);
    }
    assert_int_equal(sim_session_begin(machine, 9, 1), SIM_INSUFFICIENT_RESOURCES);
}

/* ---- Events ---- */

static void events__come_in_order_and_only_where_asked(void **state)
{
    (void)state;
    struct sim_machine *machine = machine_of(580, "A100-40GB", 2);
    uint64_t last = machine->next_event - 1;
    uint64_t types[SIM_GPUS_MAX] = {SIM_EVENT_XID, 0};
    assert_int_equal(sim_event_push(machine, SIM_EVENT_XID, 1, SIM_NONE, SIM_NONE, 79), SIM_OK);
    assert_int_equal(sim_event_push(machine, SIM_EVENT_MIG, 0, 3, SIM_NONE, 0), SIM_OK);
    assert_int_equal(sim_event_push(machine, SIM_EVENT_XID, 0, 3, 0, 94), SIM_OK);
    assert_int_equal(sim_event_push(machine, SIM_EVENT_XID, 2, 3, 0, 94), SIM_NOT_FOUND);
    const struct sim_event *event = sim_event_next(machine, last, types);
    assert_non_null(event);
    assert_true(event->data == 94 && event->gpu == 0 && event->gi == 3 && event->ci == 0);
    assert_null(sim_event_next(machine, event->seq, types));
    assert_int_equal(machine->gpus[1].xids, 1);
    types[0] = SIM_EVENT_MIG;
    assert_int_equal(sim_event_next(machine, last, types)->gi, 3);
}

static void events__a_slow_reader_loses_the_oldest(void **state)
{
    (void)state;
    struct sim_machine *machine = machine_of(580, "A100-40GB", 1);
    const uint64_t types[SIM_GPUS_MAX] = {SIM_EVENT_XID};
    for (unsigned i = 0; i < 3 * SIM_EVENTS; i++) {
        sim_event_push(machine, SIM_EVENT_XID, 0, SIM_NONE, SIM_NONE, i);
    }
    assert_int_equal(sim_machine_check(machine, NULL), 0);
    unsigned n = 0;
    uint64_t after = 0;
    for (const struct sim_event *e; (e = sim_event_next(machine, after, types)) != NULL; n++) {
        assert_int_equal(e->data, 2 * SIM_EVENTS + n);
        after = e->seq;
    }
    assert_int_equal(n, SIM_EVENTS);
}

static void events__tell_of_each_change_of_what_is_cut(void **state)
{
    (void)state;
    struct sim_machine *machine = machine_of(580, "A100-40GB", 1);
    const uint64_t types[SIM_GPUS_MAX] = {SIM_EVENT_MIG};
    uint64_t after = machine->next_event - 1;
    uint32_t gi = create(machine, "3g.20gb", 4);
    sim_ci_destroy(machine, 0, gi, create_ci(machine, gi));
    sim_gi_destroy(machine, 0, gi);
    unsigned n = 0;
    for (const struct sim_event *e; (e = sim_event_next(machine, after, types)) != NULL; n++) {
        assert_int_equal(e->gi, gi);
        assert_int_equal(e->ci, n == 1 || n == 2 ? 0 : SIM_NONE);
        after = e->seq;
    }
    assert_int_equal(n, 4);
}

/* ---- Making machines ---- */

static void machine__holds_every_model_with_known_places_and_refuses_the_others(void **state)
{
    (void)state;
    size_t n;
    const struct gs_model *models = gs_catalog(&n);
    static struct sim_machine machine;
    for (size_t i = 0; i < n; i++) {
        struct gs_err err = {.msg = ""};
        assert_int_equal(sim_machine_init(&machine, 595), SIM_OK);
        int r = sim_machine_add_gpu(&machine, &models[i], NULL, "", false, &err);
        assert_int_equal(r, models[i].placements_known ? 0 : GS_UNKNOWN);
        if (r == 0) {
            assert_int_equal(sim_machine_check(&machine, NULL), 0);
        }
    }
}

static void machine__needs_a_driver_that_knows_the_gpu(void **state)
{
    (void)state;
    static const struct {
        uint32_t driver;
        const char *model;
        int code;
    } cases[] = {
        {450, "A100-40GB", 0},
        {450, "A30-24GB", GS_UNSUPPORTED},
        {470, "H100-80GB-PCIe", GS_UNSUPPORTED},
        {525, "H100-80GB-PCIe", 0},
        {525, "H20-96GB", GS_UNSUPPORTED},
        {535, "H200-141GB", GS_UNSUPPORTED},
        {550, "H200-141GB", 0},
        {580, "GB300-278GB", GS_UNSUPPORTED},
        {595, "GB300-278GB", 0},
    };
    static struct sim_machine machine;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct gs_model *model;
        struct gs_err err = {.msg = ""};
        assert_int_equal(sim_model_find(gs_view(cases[i].model), &model, NULL), 0);
        assert_int_equal(sim_machine_init(&machine, cases[i].driver), SIM_OK);
        assert_int_equal(sim_machine_add_gpu(&machine, model, NULL, "", false, &err),
                         cases[i].code);
    }
    assert_int_equal(sim_machine_init(&machine, 460), SIM_NOT_FOUND);
}

static void machine__has_sixteen_different_gpus_at_most(void **state)
{
    (void)state;
    struct sim_machine *machine = machine_of(580, "A100-40GB", SIM_GPUS_MAX);
    struct gs_err err;
    assert_int_equal(
        sim_machine_add_gpu(machine, sim_gpu_model(&machine->gpus[0]), NULL, "", false, &err),
        GS_LIMIT);
    assert_int_equal(machine->gpus[0].numa_node, 0);
    assert_int_equal(machine->gpus[15].numa_node, 1);
}

static void machine__seed_tells_gpus_of_machines_apart(void **state)
{
    (void)state;
    static struct sim_machine machine;
    const struct gs_model *model;
    sim_model_find(gs_view("A100"), &model, NULL);
    sim_model_find(gs_view("A100-40GB"), &model, NULL);
    sim_machine_init(&machine, 580);
    sim_machine_add_gpu(&machine, model, "NVIDIA A100-PCIE-40GB", "a", false, NULL);
    sim_machine_add_gpu(&machine, model, NULL, "b", false, NULL);
    assert_string_not_equal(machine.gpus[0].uuid, machine.gpus[1].uuid);
    assert_string_equal(machine.gpus[0].name, "NVIDIA A100-PCIE-40GB");
    assert_int_equal(machine.gpus[0].pci_device_id, 0x20F110DE);
    struct gs_err err;
    assert_int_equal(sim_machine_add_gpu(&machine, model, "NVIDIA H100", "b", false, &err),
                     GS_NOT_FOUND);
    assert_int_equal(machine.n_gpus, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mode__changes_at_once_on_an_idle_gpu),
        cmocka_unit_test(mode__stays_pending_on_ampere_while_another_client_is_there),
        cmocka_unit_test(mode__changes_on_hopper_while_another_client_watches),
        cmocka_unit_test(mode__waits_for_processes_on_any_gpu),
        cmocka_unit_test(mode__waits_for_a_reboot_in_a_vm),
        cmocka_unit_test(mode__cannot_go_off_while_instances_exist),
        cmocka_unit_test(mode__a_pending_one_can_be_taken_back),
        cmocka_unit_test(mode__is_not_for_gpus_that_cannot_be_cut),
        cmocka_unit_test(lifecycle__layouts_never_survive_and_modes_do_on_ampere),
        cmocka_unit_test(lifecycle__a_reset_touches_only_its_gpus),
        cmocka_unit_test(lifecycle__a_busy_gpu_stops_the_reset_of_all_that_were_named),
        cmocka_unit_test(lifecycle__a_lost_gpu_comes_back_with_a_reboot_only),
        cmocka_unit_test(holders__keep_their_slice_and_no_other),
        cmocka_unit_test(holders__are_refused_where_there_is_nothing_to_hold),
        cmocka_unit_test(holders__that_are_gone_hold_nothing),
        cmocka_unit_test(sessions__are_counted),
        cmocka_unit_test(events__come_in_order_and_only_where_asked),
        cmocka_unit_test(events__a_slow_reader_loses_the_oldest),
        cmocka_unit_test(events__tell_of_each_change_of_what_is_cut),
        cmocka_unit_test(machine__holds_every_model_with_known_places_and_refuses_the_others),
        cmocka_unit_test(machine__needs_a_driver_that_knows_the_gpu),
        cmocka_unit_test(machine__has_sixteen_different_gpus_at_most),
        cmocka_unit_test(machine__seed_tells_gpus_of_machines_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
