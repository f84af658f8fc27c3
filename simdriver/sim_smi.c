/* The stand-in for nvidia-smi, as far as other tools call it: `-L`, and `-r`/`--gpu-reset` with
 * `-i`. What it prints and its exit status are nvidia-smi's: 255 when a GPU is in use (that is what
 * mig-parted's users report), 6 when no GPU has that name, 9 without a driver, 3 where a reset is
 * not supported. */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "simdriver/fault.h"
#include "simdriver/sim.h"

enum smi_exit {
    SMI_DONE = 0,
    SMI_USAGE = 2,
    SMI_NOT_SUPPORTED = 3,
    SMI_NO_DEVICE = 6,
    SMI_NO_DRIVER = 9,
    SMI_LOST = 15,
    SMI_FAILED = 255
};

static void list_gpu(const struct sim_machine *machine, unsigned gpu)
{
    printf("GPU %u: %s (UUID: %s)\n", gpu, machine->gpus[gpu].name, machine->gpus[gpu].uuid);
    for (uint32_t i = 0; i < sim_mig_max(machine, gpu); i++) {
        uint32_t gi;
        uint32_t ci;
        struct sim_ci_profile kind;
        char uuid[SIM_MIG_UUID_MAX];
        if (sim_mig_at(machine, gpu, i, &gi, &ci) == SIM_OK &&
            sim_ci_profile(machine, gpu, gi, sim_ci_get(machine, gpu, gi, ci)->profile, 0, &kind) ==
                SIM_OK) {
            sim_mig_uuid(machine, gpu, gi, ci, uuid);
            printf("  MIG %-15s Device %2u: (UUID: %s)\n", kind.name, i, uuid);
        }
    }
}

static int list(struct sim_store *store)
{
    const struct sim_machine *machine = sim_store_view(store);
    for (unsigned i = 0; i < machine->n_gpus; i++) {
        if (!machine->gpus[i].lost) {
            list_gpu(machine, i);
        }
    }
    sim_store_end(store);
    return SMI_DONE;
}

static int say_refused(int code, const char *bus)
{
    switch (code) {
    case SIM_IN_USE:
        printf("The following GPUs could not be reset:\n"
               "  GPU %s: In use by another client\n\n"
               "1 device is currently being used by one or more other processes (e.g., Fabric "
               "Manager, CUDA application, graphics application such as an X server, or a "
               "monitoring application such as another instance of nvidia-smi). Please first kill "
               "all processes using this device and all compute applications running in the "
               "system.\n",
               bus);
        return SMI_FAILED;
    case SIM_NOT_SUPPORTED:
        printf("Resetting GPU %s is not supported.\n", bus);
        return SMI_NOT_SUPPORTED;
    case SIM_GPU_IS_LOST:
        printf("Unable to reset GPU %s: GPU is lost\n", bus);
        return SMI_LOST;
    default:
        printf("Unable to reset GPU %s: Unknown Error\n", bus);
        return SMI_FAILED;
    }
}

static int reset(struct sim_store *store, const char *names)
{
    struct gs_err err;
    uint32_t gpus = UINT32_MAX;
    unsigned gpu = 0;
    sim_store_prune(store);
    sim_delay(store, SIM_DELAY_RESET);
    struct sim_machine *machine = sim_store_begin(store);
    if (machine == NULL) {
        printf("Insufficient Permissions\n");
        return 4;
    }
    if (names != NULL && sim_find_gpus(machine, names, &gpus, &err) < 0) {
        sim_store_abandon(store);
        printf("No devices were found\n");
        return SMI_NO_DEVICE;
    }
    char bus[SIM_GPUS_MAX][20];
    unsigned n = machine->n_gpus;
    for (unsigned i = 0; i < n; i++) {
        sim_bus_id(&machine->gpus[i], bus[i]);
    }
    int code = sim_reset(machine, gpus, (uint32_t)getpid(), &gpu);
    if (code != SIM_OK) {
        sim_store_abandon(store);
        return say_refused(code, bus[gpu]);
    }
    if (sim_store_commit(store) != SIM_OK) {
        return say_refused(SIM_UNKNOWN, bus[gpu]);
    }
    for (unsigned i = 0; i < n; i++) {
        if (gpus >> i & 1u) {
            printf("GPU %s was successfully reset.\n", bus[i]);
        }
    }
    printf("All done.\n");
    return SMI_DONE;
}

/* Called by a name below DIR/root, the machine is that one; else the one of GPUSLICE_SIM. */
static const char *machine_of(const char *called)
{
    static char dir[4096];
    static const char end[] = "/root/usr/bin/nvidia-smi";
    size_t n = strlen(called);
    if (n > sizeof(end) - 1 && n < sizeof(dir) &&
        strcmp(called + n - (sizeof(end) - 1), end) == 0) {
        memcpy(dir, called, n - (sizeof(end) - 1));
        dir[n - (sizeof(end) - 1)] = '\0';
        return dir;
    }
    return NULL;
}

int sim_smi_main(int argc, char **argv)
{
    static const struct option longs[] = {{"gpu-reset", no_argument, NULL, 'r'},
                                          {"id", required_argument, NULL, 'i'},
                                          {"list-gpus", no_argument, NULL, 'L'},
                                          {NULL, 0, NULL, 0}};
    const char *names = NULL;
    int what = 0;
    int option;
    while ((option = getopt_long(argc, argv, "rLi:", longs, NULL)) != -1) {
        if (option == 'i') {
            names = optarg;
        } else if (option == 'r' || option == 'L') {
            what = option;
        } else {
            return SMI_USAGE;
        }
    }
    if (what == 0 || optind < argc) {
        fprintf(stderr, "nvidia-smi: this is the simulation's, which takes -L, and -r with or "
                        "without -i GPU[,GPU...]\n");
        return SMI_USAGE;
    }
    struct gs_err err;
    GS_CLEANUP(sim_store_closep) struct sim_store *store = NULL;
    const char *chosen = getenv("GPUSLICE_SIM") == NULL ? machine_of(argv[0]) : NULL;
    if (sim_store_open(chosen, &store, &err) < 0) {
        fprintf(stderr, "nvidia-smi: %s\n", err.msg);
        return SMI_NO_DRIVER;
    }
    bool gone = sim_store_view(store)->driver_gone;
    sim_store_end(store);
    if (gone) {
        printf("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make "
               "sure that the latest NVIDIA driver is installed and running.\n");
        return SMI_NO_DRIVER;
    }
    return what == 'L' ? list(store) : reset(store, names);
}
