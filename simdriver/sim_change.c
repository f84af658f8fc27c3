/* reset, reload, unload, load, reboot, lose, xid, leak: what happens to a machine. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "simdriver/fault.h"
#include "simdriver/sim.h"

/* Opens the machine and does `what` to it in one change. Returns the exit status. */
static int change(const char *dir, void *args,
                  int (*what)(struct sim_machine *machine, void *args, struct gs_err *err),
                  enum sim_delay delay)
{
    struct gs_err err = {.code = GS_OK};
    GS_CLEANUP(sim_store_closep) struct sim_store *store = NULL;
    if (sim_store_open(dir, &store, &err) < 0) {
        return sim_failed(&err);
    }
    sim_store_prune(store);
    if (delay < SIM_DELAYS) {
        sim_delay(store, delay);
    }
    struct sim_machine *machine = sim_store_begin(store);
    if (machine == NULL) {
        gs_fail(&err, GS_IO, "the machine in %.300s cannot be changed", sim_store_dir(store));
        return sim_failed(&err);
    }
    if (what(machine, args, &err) < 0) {
        sim_store_abandon(store);
        return sim_failed(&err);
    }
    if (sim_store_commit(store) != SIM_OK) {
        gs_fail(&err, GS_IO, "%.300s/state could not be written", sim_store_dir(store));
        return sim_failed(&err);
    }
    return SIM_EXIT_DONE;
}

/* ---- reset ---- */

struct reset_args {
    const char *dir;
    const char *gpus;
};

static const struct gs_option reset_options[] = {
    {.name = "gpus",
     .letter = 'i',
     .arg = "LIST",
     GS_TO_TEXT(struct reset_args, gpus),
     .help = "numbers, UUIDs or PCI addresses, with commas between; without it, all"},
};

static const struct gs_example reset_examples[] = {
    {"gpuslice-sim reset -i 0,3", "two GPUs of the machine that GPUSLICE_SIM names"},
};

const struct gs_command sim_command_reset = {
    .program = "gpuslice-sim",
    .name = "reset",
    .summary = "reset GPUs: what is cut is gone, a pending MIG mode becomes the mode",
    .operand = &sim_dir_operand,
    .options = reset_options,
    .n_options = GS_ARRAY_LEN(reset_options),
    .examples = reset_examples,
    .n_examples = GS_ARRAY_LEN(reset_examples),
    .impossible = "a process holds one of them (then none is reset), or there is no reset in a VM",
    .run = sim_cmd_reset,
};

static int reset(struct sim_machine *machine, void *data, struct gs_err *err)
{
    const struct reset_args *args = data;
    uint32_t gpus = UINT32_MAX;
    int r = args->gpus == NULL ? 0 : sim_find_gpus(machine, args->gpus, &gpus, err);
    if (r < 0) {
        return r;
    }
    unsigned gpu = 0;
    r = sim_reset(machine, gpus, (uint32_t)getpid(), &gpu);
    char what[40];
    snprintf(what, sizeof(what), "reset of GPU %u", gpu);
    return sim_explain(r, what, err);
}

int sim_cmd_reset(int argc, char **argv)
{
    struct reset_args args = {.dir = NULL};
    int status;
    if (!sim_begin(&sim_command_reset, argc, argv, &args, &status)) {
        return status;
    }
    return change(args.dir, &args, reset, SIM_DELAY_RESET);
}

/* ---- reload, unload, load, reboot ---- */

static int unload(struct sim_machine *machine, void *data, struct gs_err *err)
{
    (void)data;
    return sim_explain(sim_driver_unload(machine, (uint32_t)getpid()), "unloading the driver", err);
}

static int load(struct sim_machine *machine, void *data, struct gs_err *err)
{
    (void)data;
    (void)err;
    sim_driver_load(machine);
    return 0;
}

static int reload(struct sim_machine *machine, void *data, struct gs_err *err)
{
    int r = unload(machine, data, err);
    return r < 0 ? r : load(machine, data, err);
}

static int reboot(struct sim_machine *machine, void *data, struct gs_err *err)
{
    (void)data;
    (void)err;
    sim_reboot(machine);
    return 0;
}

#define PLAIN_COMMAND(verb, does, no)                                                              \
    const struct gs_command sim_command_##verb = {                                                 \
        .program = "gpuslice-sim",                                                                 \
        .name = #verb,                                                                             \
        .summary = does,                                                                           \
        .operand = &sim_dir_operand,                                                               \
        .impossible = no,                                                                          \
        .run = sim_cmd_##verb,                                                                     \
    };                                                                                             \
    int sim_cmd_##verb(int argc, char **argv)                                                      \
    {                                                                                              \
        struct sim_dir_args args = {.dir = NULL};                                                  \
        int status;                                                                                \
        if (!sim_begin(&sim_command_##verb, argc, argv, &args, &status)) {                         \
            return status;                                                                         \
        }                                                                                          \
        return change(args.dir, NULL, verb, SIM_DELAYS);                                           \
    }

PLAIN_COMMAND(unload, "unload the driver: nvmlInit says DRIVER_NOT_LOADED, its files are gone",
              "a process has a session or a context, or it is not loaded")
PLAIN_COMMAND(load, "load the driver again", NULL)
PLAIN_COMMAND(reload, "unload the driver and load it: what is cut is gone, MIG stays on on Ampere",
              "a process has a session or a context")
PLAIN_COMMAND(reboot, "reboot: nothing runs, nothing is cut, MIG stays on on Ampere", NULL)

/* ---- lose, xid, leak ---- */

struct slice_args {
    const char *dir;
    struct gs_texts words; /* xid: [DIR] XID */
    const char *slice;
    bool clear;
    uint64_t xid;
};

#define SLICE_ROW                                                                                  \
    {                                                                                              \
        .name = "slice", .letter = 's', .arg = "SLICE", GS_TO_TEXT(struct slice_args, slice),      \
        .help = "MIG-UUID, GPU:GI:CI, GPU:GI, or a GPU by number or UUID"                          \
    }

/* --slice is wanted; says so in the command's words. */
static int want_slice(const struct gs_command *command, const struct slice_args *args)
{
    if (args->slice != NULL) {
        return SIM_EXIT_DONE;
    }
    struct gs_err err;
    gs_fail(&err, GS_INVALID, "%s wants --slice; see gpuslice-sim %s --help", command->name,
            command->name);
    return sim_usage(&err);
}

static int lose(struct sim_machine *machine, void *data, struct gs_err *err)
{
    const struct slice_args *args = data;
    uint32_t gpus;
    int r = sim_find_gpus(machine, args->slice, &gpus, err);
    for (unsigned i = 0; r == 0 && i < SIM_GPUS_MAX; i++) {
        if (gpus >> i & 1u) {
            sim_event_push(machine, SIM_EVENT_XID, i, SIM_NONE, SIM_NONE, 79);
            sim_lose(machine, i);
        }
    }
    return r;
}

static const struct gs_option lose_options[] = {
    {.name = "gpu",
     .letter = 'i',
     .arg = "LIST",
     GS_TO_TEXT(struct slice_args, slice),
     .help = "numbers, UUIDs or PCI addresses, with commas between"},
};

const struct gs_command sim_command_lose = {
    .program = "gpuslice-sim",
    .name = "lose",
    .summary = "let GPUs fall off the bus (XID 79), until the next reboot",
    .operand = &sim_dir_operand,
    .options = lose_options,
    .n_options = GS_ARRAY_LEN(lose_options),
    .run = sim_cmd_lose,
};

int sim_cmd_lose(int argc, char **argv)
{
    struct slice_args args = {.slice = NULL};
    int status;
    if (!sim_begin(&sim_command_lose, argc, argv, &args, &status)) {
        return status;
    }
    if (args.slice == NULL) {
        struct gs_err err;
        gs_fail(&err, GS_INVALID, "lose wants --gpu; see gpuslice-sim lose --help");
        return sim_usage(&err);
    }
    return change(args.dir, &args, lose, SIM_DELAYS);
}

static int xid(struct sim_machine *machine, void *data, struct gs_err *err)
{
    const struct slice_args *args = data;
    uint32_t gpu;
    uint32_t gi;
    uint32_t ci;
    int r = sim_find_slice(machine, args->slice, true, &gpu, &gi, &ci, err);
    return r < 0 ? r
                 : sim_explain(sim_event_push(machine, SIM_EVENT_XID, gpu, gi, ci, args->xid),
                               args->slice, err);
}

static const struct gs_option xid_operand = {
    .arg = "[DIR] XID",
    GS_TO_LIST(struct slice_args, words),
    .help = "the machine's folder, or GPUSLICE_SIM names it; and the number of the error",
};

static const struct gs_option xid_options[] = {SLICE_ROW};

static const struct gs_example xid_examples[] = {
    {"gpuslice-sim xid --slice 0:2:0 94", "a contained memory error on a slice"},
    {"gpuslice-sim xid --slice 1 79", "GPU 1 as a whole"},
};

const struct gs_command sim_command_xid = {
    .program = "gpuslice-sim",
    .name = "xid",
    .summary = "report a critical error (XID) of a slice or a GPU to who listens",
    .operand = &xid_operand,
    .operand_required = true,
    .options = xid_options,
    .n_options = GS_ARRAY_LEN(xid_options),
    .examples = xid_examples,
    .n_examples = GS_ARRAY_LEN(xid_examples),
    .run = sim_cmd_xid,
};

int sim_cmd_xid(int argc, char **argv)
{
    struct slice_args args = {.slice = NULL};
    struct gs_err err;
    int status;
    if (!sim_begin(&sim_command_xid, argc, argv, &args, &status)) {
        return status;
    }
    if (args.words.n > 2 ||
        !gs_view_is_u64(gs_view(args.words.items[args.words.n - 1]), UINT32_MAX, &args.xid)) {
        gs_fail(&err, GS_INVALID, "xid wants [DIR] XID with a number; see gpuslice-sim xid --help");
        return sim_usage(&err);
    }
    args.dir = args.words.n == 2 ? args.words.items[0] : NULL;
    status = want_slice(&sim_command_xid, &args);
    return status != SIM_EXIT_DONE ? status : change(args.dir, &args, xid, SIM_DELAYS);
}

static int leak(struct sim_machine *machine, void *data, struct gs_err *err)
{
    const struct slice_args *args = data;
    uint32_t gpu;
    uint32_t gi;
    uint32_t ci;
    int r = sim_find_slice(machine, args->slice, true, &gpu, &gi, &ci, err);
    if (r < 0) {
        return r;
    }
    if (gi == SIM_NONE) {
        return gs_fail(err, GS_INVALID, "a handle leaks on a slice: \"%.100s\" is a whole GPU",
                       args->slice);
    }
    struct sim_gi *g = &machine->gpus[gpu].gis[gi];
    uint16_t *leaked = ci == SIM_NONE ? &g->leaked : &g->cis[ci].leaked;
    if (args->clear) {
        *leaked = 0;
    } else if (*leaked < UINT16_MAX) {
        ++*leaked;
    }
    return 0;
}

static const struct gs_option leak_options[] = {
    SLICE_ROW,
    {.name = "clear",
     GS_TO_FLAG(struct slice_args, clear),
     .help = "give them back, as the end of the monitoring service would"},
};

const struct gs_command sim_command_leak = {
    .program = "gpuslice-sim",
    .name = "leak",
    .summary = "leak a handle on a slice: a destroy says IN_USE, and no process is listed",
    .operand = &sim_dir_operand,
    .options = leak_options,
    .n_options = GS_ARRAY_LEN(leak_options),
    .run = sim_cmd_leak,
};

int sim_cmd_leak(int argc, char **argv)
{
    struct slice_args args = {.slice = NULL};
    int status;
    if (!sim_begin(&sim_command_leak, argc, argv, &args, &status)) {
        return status;
    }
    status = want_slice(&sim_command_leak, &args);
    return status != SIM_EXIT_DONE ? status : change(args.dir, &args, leak, SIM_DELAYS);
}
