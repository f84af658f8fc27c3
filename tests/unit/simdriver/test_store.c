#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "simdriver/store_test.h"

/* ---- One process ---- */

static void store__a_change_is_seen_by_others_after_its_commit(void **state)
{
    (void)state;
    struct sim_store *a = new_machine("A100-40GB", 2);
    struct sim_store *b = open_machine();
    uint32_t gi;
    struct sim_machine *change = sim_store_begin(a);
    assert_non_null(change);
    assert_int_equal(sim_gi_create(change, 0, 9, 4, 4, &gi), SIM_OK);
    assert_int_equal(sim_store_commit(a), SIM_OK);
    assert_non_null(sim_gi_get(sim_store_view(b), 0, gi));
    sim_store_end(b);
    sim_store_close(b);
    end_machine(a);
}

static void store__an_abandoned_change_never_was(void **state)
{
    (void)state;
    struct sim_store *store = new_machine("A100-40GB", 1);
    uint64_t seq = sim_store_seq(store);
    uint32_t gi;
    assert_int_equal(sim_gi_create(sim_store_begin(store), 0, 9, 4, 4, &gi), SIM_OK);
    sim_store_abandon(store);
    assert_null(sim_gi_get(sim_store_view(store), 0, gi));
    sim_store_end(store);
    assert_int_equal(sim_store_seq(store), seq);
    end_machine(store);
}

static void store__there_is_one_machine_a_folder(void **state)
{
    (void)state;
    struct sim_store *store = new_machine("A100-40GB", 1);
    struct gs_err err;
    assert_int_equal(sim_store_create(test_dir, machine_of(580, "A100-40GB", 2), &err), GS_BUSY);
    assert_non_null(strstr(err.msg, "already"));
    assert_int_equal(sim_store_view(store)->n_gpus, 1);
    sim_store_end(store);
    end_machine(store);
}

static void store__is_chosen_by_the_environment(void **state)
{
    (void)state;
    struct sim_store *store = new_machine("A100-40GB", 1);
    struct sim_store *other = NULL;
    struct gs_err err;
    unsetenv("GPUSLICE_SIM");
    assert_int_equal(sim_store_open(NULL, &other, &err), GS_NOT_FOUND);
    assert_non_null(strstr(err.msg, "GPUSLICE_SIM"));
    setenv("GPUSLICE_SIM", test_dir, 1);
    assert_int_equal(sim_store_open(NULL, &other, &err), 0);
    assert_string_equal(sim_store_dir(other), test_dir);
    unsetenv("GPUSLICE_SIM");
    sim_store_close(other);
    end_machine(store);
    assert_int_equal(sim_store_open("/nonexistent", &other, &err), GS_NOT_FOUND);
}

static void store__waiting_ends_with_the_next_change_or_the_time(void **state)
{
    (void)state;
    struct sim_store *store = new_machine("A100-40GB", 1);
    uint64_t seq = sim_store_seq(store);
    assert_false(sim_store_wait(store, seq, 20));
    pid_t child = fork();
    if (child == 0) {
        struct sim_store *mine = open_machine();
        usleep(20000);
        sim_event_push(sim_store_begin(mine), SIM_EVENT_XID, 0, SIM_NONE, SIM_NONE, 79);
        sim_store_commit(mine);
        _exit(0);
    }
    assert_true(sim_store_wait(store, seq, 20000));
    waitpid(child, NULL, 0);
    assert_int_equal(sim_store_view(store)->gpus[0].xids, 1);
    sim_store_end(store);
    end_machine(store);
}

static void store__counts_calls_of_all_clients(void **state)
{
    (void)state;
    struct sim_store *a = new_machine("A100-40GB", 1);
    struct sim_store *b = open_machine();
    sim_store_count_call(a);
    assert_int_equal(sim_store_count_call(b), 2);
    assert_int_equal(sim_store_calls(a), 2);
    sim_store_close(b);
    end_machine(a);
}

static void store__drops_processes_that_are_gone(void **state)
{
    (void)state;
    struct sim_store *store = new_machine("L4", 1);
    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    struct sim_holder holder = {.pid = (uint32_t)child,
                                .start_time = sim_process_start((uint32_t)child),
                                .gi = SIM_NONE,
                                .ci = SIM_NONE};
    assert_true(holder.start_time > 0);
    assert_int_equal(sim_hold(sim_store_begin(store), &holder), SIM_OK);
    sim_store_commit(store);
    sim_store_prune(store);
    assert_true(sim_is_held(sim_store_view(store), 0, SIM_NONE, SIM_NONE, 0));
    sim_store_end(store);
    siginfo_t ended;
    kill(child, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT), 0);
    sim_store_prune(store); /* it has ended, though nobody has waited for it yet */
    assert_false(sim_is_held(sim_store_view(store), 0, SIM_NONE, SIM_NONE, 0));
    waitpid(child, NULL, 0);
    sim_store_end(store);
    end_machine(store);
}

/* ---- Files that are not what they must be ---- */

static char *read_state(size_t *ret_n)
{
    char path[300];
    struct stat st;
    snprintf(path, sizeof(path), "%s/state", test_dir);
    int fd = open(path, O_RDONLY);
    assert_int_equal(fstat(fd, &st), 0);
    char *bytes = malloc((size_t)st.st_size);
    assert_non_null(bytes);
    assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
    close(fd);
    *ret_n = (size_t)st.st_size;
    return bytes;
}

static int open_as(const char *bytes, size_t n, struct gs_err *err)
{
    char path[300];
    struct sim_store *store = NULL;
    snprintf(path, sizeof(path), "%s/state", test_dir);
    int fd = open(path, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
    int r = sim_store_open(test_dir, &store, err);
    if (r == 0) {
        sim_store_close(store);
    }
    return r;
}

static void store__refuses_files_that_are_not_whole(void **state)
{
    (void)state;
    struct sim_store *store = new_machine("A100-40GB", 2);
    size_t n;
    char *bytes = read_state(&n);
    struct gs_err err = {.msg = ""};
    assert_int_equal(open_as(bytes, n, &err), 0);
    assert_int_equal(open_as(bytes, n / 2, &err), GS_INVALID);
    assert_int_equal(open_as(bytes, 0, &err), GS_INVALID);
    unsigned refused = 0;
    for (size_t at = 0; at < 40; at++) { /* the head */
        bytes[at] ^= 0x10;
        refused += open_as(bytes, n, &err) == GS_INVALID;
        bytes[at] ^= 0x10;
    }
    assert_int_equal(refused, 40);
    refused = 0;
    unsigned cases = 0;
    /* The copy in force is the second: seq is 1. */
    for (size_t at = 4096 + (n - 4096) / 2; at < n; at += 997, cases++) {
        bytes[at] ^= 0x01;
        refused += open_as(bytes, n, &err) == GS_INVALID;
        bytes[at] ^= 0x01;
    }
    assert_int_equal(refused, cases);
    assert_non_null(strstr(err.msg, "torn"));
    printf("store: %u damaged files refused\n", cases + 42);
    free(bytes);
    end_machine(store);
}

static void store__a_client_keeps_the_last_whole_state_when_the_file_is_damaged(void **state)
{
    (void)state;
    struct sim_store *store = new_machine("A100-40GB", 2);
    struct sim_store *other = open_machine();
    char path[300];
    sim_event_push(sim_store_begin(other), SIM_EVENT_XID, 0, SIM_NONE, SIM_NONE, 79);
    sim_store_commit(other); /* `store` has not seen it yet */
    snprintf(path, sizeof(path), "%s/state", test_dir);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "garbage!", 8, 4096 + 500), 8); /* seq 2: the first copy */
    close(fd);
    assert_int_equal(sim_store_view(store)->n_gpus, 2);
    sim_store_end(store);
    assert_null(sim_store_begin(store));
    sim_store_close(other);
    end_machine(store);
}

static void store__what_is_whole_but_cannot_be_is_refused(void **state)
{
    (void)state;
    static const char *const models[] = {"A100-40GB", "RTX-PRO-6000-96GB"};
    for (unsigned i = 0; i < 2; i++) {
        struct sim_machine *good = machine_of(580, models[i], 2);
        struct sim_machine *bad = malloc(sizeof(*bad));
        assert_non_null(bad);
        create(good, sim_gpu_model(&good->gpus[0])->profiles[0].name, 0);
        struct sim_gi *gi = NULL;
        unsigned id = 0;
        while (!good->gpus[0].gis[id].present) {
            id++;
        }
        struct gs_err err;
#define IS_REFUSED(change)                                                                         \
    do {                                                                                           \
        *bad = *good;                                                                              \
        gi = &bad->gpus[0].gis[id];                                                                \
        (void)gi;                                                                                  \
        change;                                                                                    \
        assert_int_equal(sim_machine_check(bad, &err), GS_INVALID);                                \
    } while (0)
        IS_REFUSED(bad->n_gpus = 17);
        IS_REFUSED(bad->driver_major = 451);
        IS_REFUSED(memset(bad->driver_version, 'x', sizeof(bad->driver_version)));
        IS_REFUSED(strcpy(bad->gpus[1].model, "A100-41GB"));
        IS_REFUSED(strcpy(bad->gpus[1].model, "THOR-IGPU"));
        IS_REFUSED(strcpy(bad->gpus[1].uuid, "GPU-/../../x"));
        IS_REFUSED(bad->gpus[1].minor = 0);
        IS_REFUSED(bad->gpus[1].minor = 99);
        IS_REFUSED(bad->gpus[1].pci_bus = bad->gpus[0].pci_bus);
        IS_REFUSED(strcpy(bad->gpus[1].uuid, bad->gpus[0].uuid));
        IS_REFUSED(bad->gpus[0].mode = 0);
        IS_REFUSED(gi->profile = 16);
        IS_REFUSED(gi->start = 15);
        IS_REFUSED(gi->size = 7);
        IS_REFUSED(bad->gpus[0].gis[14] = *gi);
        IS_REFUSED((gi->cis[7].present = 1, gi->cis[7].size = 200));
        IS_REFUSED((gi->cis[7].present = 1, gi->cis[7].size = 1, gi->cis[7].mig_index = 77));
        IS_REFUSED((bad->holders[3].pid = 1, bad->holders[3].gpu = 2));
        IS_REFUSED((bad->holders[3].pid = 1, bad->holders[3].gi = 15));
        IS_REFUSED(bad->sessions[0].pid = 1);
        IS_REFUSED(bad->events[9].seq = UINT64_MAX);
        IS_REFUSED(bad->next_event = 0);
        IS_REFUSED(memset(bad->faults[0].function, 'n', 64));
#undef IS_REFUSED
        free(bad);
    }
}

/* ---- Killed at any point ---- */

/* What a client does over and over: cut GPU 0 and GPU 1 alike, in one change. A state in which
 * they differ was never whole. */
static void change_both(struct sim_store *store, unsigned *seed)
{
    struct sim_machine *machine = sim_store_begin(store);
    if (machine == NULL) {
        _exit(3);
    }
    uint32_t id = rand_r(seed) % 2 == 0 ? 19 : 14;
    uint32_t victim = (uint32_t)rand_r(seed) % SIM_GIS;
    for (unsigned gpu = 0; gpu < 2; gpu++) {
        uint32_t gi;
        uint32_t ci;
        if (sim_gi_get(machine, gpu, victim) != NULL) {
            for (uint32_t c = 0; c < SIM_CIS; c++) {
                sim_ci_destroy(machine, gpu, victim, c);
            }
            sim_gi_destroy(machine, gpu, victim);
        } else if (sim_gi_create(machine, gpu, id, SIM_NONE, 0, &gi) == SIM_OK) {
            sim_ci_create(machine, gpu, gi, 0, SIM_NONE, 0, &ci);
        }
    }
    sim_store_commit(store);
}

static bool is_whole(const struct sim_machine *machine)
{
    for (unsigned i = 0; i < SIM_GIS; i++) {
        const struct sim_gi *a = &machine->gpus[0].gis[i];
        const struct sim_gi *b = &machine->gpus[1].gis[i];
        if (a->present != b->present || a->start != b->start || a->profile != b->profile) {
            return false;
        }
    }
    return sim_machine_check(machine, NULL) == 0;
}

static pid_t start_client(unsigned seed)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct sim_store *store = open_machine();
        while (true) {
            change_both(store, &seed);
        }
    }
    return pid;
}

/* Looks all the time; ends with 0 when `stop` is set and nothing was ever torn. */
static pid_t start_reader(volatile int *stop)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct sim_store *store = open_machine();
        uint64_t last = 0;
        while (!*stop) {
            uint64_t seq = sim_store_seq(store);
            const struct sim_machine *machine = sim_store_view(store);
            if (seq < last || !is_whole(machine)) {
                _exit(1);
            }
            sim_store_end(store);
            last = seq;
        }
        _exit(0);
    }
    return pid;
}

static void check_capability_files(const struct sim_machine *machine)
{
    for (unsigned gpu = 0; gpu < machine->n_gpus; gpu++) {
        for (uint32_t gi = 0; gi < SIM_GIS; gi++) {
            for (uint32_t ci = 0; ci < SIM_CIS; ci++) {
                char name[120];
                snprintf(name, sizeof(name),
                         "proc/driver/nvidia/capabilities/gpu%u/mig/gi%u/ci%u/access", gpu, gi, ci);
                assert_int_equal(root_has(name), sim_ci_get(machine, gpu, gi, ci) != NULL);
            }
        }
    }
}

/* How many clients are killed; GPUSLICE_KILLS asks for more. */
static unsigned kills(void)
{
    const char *text = getenv("GPUSLICE_KILLS");
    unsigned long n = text == NULL ? 120 : strtoul(text, NULL, 10);
    return n == 0 || n > 1000000 ? 120 : (unsigned)n;
}

static void store__clients_killed_at_any_time_leave_a_whole_state(void **state)
{
    (void)state;
    struct sim_store *store = new_machine("A100-40GB", 2);
    unsigned seed = (unsigned)time(NULL);
    volatile int *stop =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t readers[2] = {start_reader(stop), start_reader(stop)};
    pid_t other = start_client(seed + 7);
    uint64_t first = sim_store_seq(store);
    for (unsigned i = 0; i < kills(); i++) {
        pid_t pid = start_client(seed + 100 + i);
        usleep((unsigned)rand_r(&seed) % 6000);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        assert_true(is_whole(sim_store_view(store)));
        sim_store_end(store);
    }
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
    *stop = 1;
    for (unsigned i = 0; i < 2; i++) {
        int status = -1;
        waitpid(readers[i], &status, 0);
        assert_int_equal(status, 0);
    }
    /* The next that opens the machine mends the files, even if nothing changes any more. */
    sim_store_close(open_machine());
    check_capability_files(sim_store_view(store));
    sim_store_end(store);
    printf("store: %u clients killed, %llu changes, seed %u\n", kills() + 1,
           (unsigned long long)(sim_store_seq(store) - first), seed);
    assert_true(sim_store_seq(store) - first > kills());
    munmap((void *)(uintptr_t)stop, 4096);
    end_machine(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(store__a_change_is_seen_by_others_after_its_commit),
        cmocka_unit_test(store__an_abandoned_change_never_was),
        cmocka_unit_test(store__there_is_one_machine_a_folder),
        cmocka_unit_test(store__is_chosen_by_the_environment),
        cmocka_unit_test(store__waiting_ends_with_the_next_change_or_the_time),
        cmocka_unit_test(store__counts_calls_of_all_clients),
        cmocka_unit_test(store__drops_processes_that_are_gone),
        cmocka_unit_test(store__refuses_files_that_are_not_whole),
        cmocka_unit_test(store__a_client_keeps_the_last_whole_state_when_the_file_is_damaged),
        cmocka_unit_test(store__what_is_whole_but_cannot_be_is_refused),
        cmocka_unit_test(store__clients_killed_at_any_time_leave_a_whole_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
