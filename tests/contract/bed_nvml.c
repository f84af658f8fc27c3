/* gpu_nvml over the simulated driver, the machine of which lies in a folder of its own. */
#include "contract/bed.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/catalog.h"
#include "gpu/gpu_nvml.h"
#include "simdriver/machine.h"
#include "simdriver/store.h"

enum { HOLDERS_MAX = 64 };

struct world {
    char dir[64];
    char library[512];
    char smi[80];
    struct sim_store *store;
    pid_t holders[HOLDERS_MAX];
    unsigned n_holders;
};

static struct sim_machine *change(struct bed *bed)
{
    struct world *world = bed->impl;
    struct sim_machine *machine = sim_store_begin(world->store);
    assert_non_null(machine);
    return machine;
}

static void commit(struct bed *bed)
{
    struct world *world = bed->impl;
    sim_store_commit(world->store);
}

static int open_session(struct world *world, struct gs_gpus *ret)
{
    struct gs_err err;
    setenv("GPUSLICE_SIM", world->dir, 1);
    int r = gs_gpu_nvml_open(&(struct gs_gpu_nvml_options){.library = world->library,
                                                           .smi = world->smi,
                                                           .reset_limit_s = 60},
                             ret, &err);
    if (r < 0) {
        print_message("%s\n", err.msg);
    }
    return r;
}

static void add_gpus(struct sim_machine *made, const struct bed_machine *machine)
{
    for (unsigned i = 0; i < BED_KINDS_MAX && machine->kinds[i].count > 0; i++) {
        const char *name = machine->kinds[i].model[0] == '\0' ? "L4" : machine->kinds[i].model;
        const struct gs_model *model = NULL;
        bed_expect(0, sim_model_find(gs_view(name), &model, err));
        for (unsigned n = 0; n < machine->kinds[i].count; n++) {
            bed_expect(0, sim_machine_add_gpu(made, model, NULL, "bed", machine->vm, err));
        }
    }
    for (unsigned i = 0; machine->mig_on && i < made->n_gpus; i++) {
        bool can = sim_gpu_model(&made->gpus[i])->n_profiles > 0;
        made->gpus[i].mode = made->gpus[i].pending = can ? 1 : 0;
    }
}

/* The library of the machine's own generation, which does not export what a later one brought;
 * for the others the newest. */
static void name_library(struct world *world, unsigned driver)
{
    const char *folder = getenv("GS_SIMDRIVER_DIR");
    assert_non_null(folder);
    bool own = driver == 450 || driver == 470 || driver == 525 || driver == 580;
    char which[16];
    snprintf(which, sizeof(which), "%u", driver);
    int n = snprintf(world->library, sizeof(world->library), "%s/libnvidia-ml-%s.so", folder,
                     own ? which : "newest");
    assert_true(n > 0 && (size_t)n < sizeof(world->library));
}

/* The control program is the machine's nvidia-smi when it is called by that name. */
static void name_smi(struct world *world)
{
    char program[512];
    const char *folder = getenv("GS_SIMDRIVER_DIR");
    snprintf(program, sizeof(program), "%s/gpuslice-sim", folder);
    snprintf(world->smi, sizeof(world->smi), "%s/nvidia-smi", world->dir);
    assert_int_equal(symlink(program, world->smi), 0);
}

static int begin(struct bed *bed, const struct bed_machine *machine)
{
    unsigned driver = machine->driver != 0 ? machine->driver : BED_NEWEST;
    struct world *world = calloc(1, sizeof(*world));
    struct sim_machine *made = calloc(1, sizeof(*made));
    assert_non_null(world);
    assert_non_null(made);
    /* a memory file system where there is one: each change is written */
    snprintf(world->dir, sizeof(world->dir), "%s/gs-contract-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(world->dir));
    name_library(world, driver);
    name_smi(world);
    assert_int_equal(sim_machine_init(made, driver), SIM_OK);
    add_gpus(made, machine);
    bed_expect(0, sim_store_create(world->dir, made, err));
    free(made);
    bed_expect(0, sim_store_open(world->dir, &world->store, err));
    bed->impl = world;
    return open_session(world, &bed->gpus);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void stop(pid_t pid)
{
    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
}

static void end(struct bed *bed)
{
    struct world *world = bed->impl;
    for (unsigned i = 0; i < world->n_holders; i++) {
        stop(world->holders[i]);
    }
    sim_store_close(world->store);
    nftw(world->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(world);
}

/* A process that does nothing but be there. */
static pid_t idle_process(void)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(0);
        }
        for (;;) {
            pause();
        }
    }
    return pid;
}

static int hold(struct bed *bed, unsigned gpu, uint32_t gi, uint32_t ci, uint32_t *ret_pid)
{
    struct world *world = bed->impl;
    assert_true(world->n_holders < HOLDERS_MAX);
    pid_t pid = idle_process();
    world->holders[world->n_holders++] = pid;
    struct sim_holder holder = {.pid = (uint32_t)pid,
                                .gpu = gpu,
                                .gi = gi,
                                .ci = ci,
                                .start_time = sim_process_start((uint32_t)pid),
                                .memory_mib = 100,
                                .name = "idle"};
    int r = sim_hold(change(bed), &holder);
    commit(bed);
    *ret_pid = (uint32_t)pid;
    return r == SIM_OK ? 0 : GS_NOT_FOUND;
}

static void drop(struct bed *bed, uint32_t pid)
{
    struct world *world = bed->impl;
    for (unsigned i = 0; i < world->n_holders; i++) {
        if (world->holders[i] == (pid_t)pid) {
            stop(world->holders[i]);
            world->holders[i] = 0;
        }
    }
}

static void leak(struct bed *bed, unsigned gpu, uint32_t gi, uint32_t ci, unsigned handles)
{
    struct sim_gi *at = &change(bed)->gpus[gpu].gis[gi];
    if (ci == GS_NOT_KNOWN) {
        at->leaked = (uint16_t)handles;
    } else {
        at->cis[ci].leaked = (uint16_t)handles;
    }
    commit(bed);
}

static void lose(struct bed *bed, unsigned gpu)
{
    change(bed)->gpus[gpu].lost = 1;
    commit(bed);
}

static void xid(struct bed *bed, unsigned gpu, uint32_t gi, uint32_t ci, uint64_t number)
{
    assert_int_equal(sim_event_push(change(bed), SIM_EVENT_XID, gpu, gi, ci, number), SIM_OK);
    commit(bed);
}

static void busy(struct bed *bed, unsigned gpu, uint32_t gi, unsigned percent)
{
    struct sim_machine *machine = change(bed);
    for (unsigned i = 0; i < SIM_HOLDERS; i++) {
        struct sim_holder *holder = &machine->holders[i];
        if (holder->pid != 0 && holder->gpu == gpu && (gi == GS_NOT_KNOWN || holder->gi == gi)) {
            holder->busy_percent = percent;
        }
    }
    commit(bed);
}

static void boot_again(struct bed *bed)
{
    gs_gpu_close(&bed->gpus);
    sim_reboot(change(bed));
    commit(bed);
    assert_int_equal(open_session(bed->impl, &bed->gpus), 0);
}

static int open_another(struct bed *bed, struct gs_gpus *ret)
{
    return open_session(bed->impl, ret);
}

static void cut(struct bed *bed, unsigned gpu, uint32_t profile_id, uint32_t start)
{
    struct sim_gi_profile kind;
    uint32_t gi = 0;
    uint32_t ci = 0;
    struct sim_machine *machine = change(bed);
    assert_int_equal(sim_gi_profile_by_id(machine, gpu, profile_id, &kind), SIM_OK);
    assert_int_equal(sim_gi_create(machine, gpu, profile_id, start, kind.size, &gi), SIM_OK);
    assert_int_equal(sim_ci_create(machine, gpu, gi, 0, SIM_NONE, 0, &ci), SIM_OK);
    commit(bed);
}

const struct bed_ops bed_nvml = {
    .name = "nvml",
    .begin = begin,
    .end = end,
    .hold = hold,
    .drop = drop,
    .leak = leak,
    .lose = lose,
    .xid = xid,
    .busy = busy,
    .reboot = boot_again,
    .open_another = open_another,
    .cut = cut,
};
