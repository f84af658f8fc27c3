#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "simdriver/sim.h"
#include "term/output.h"

static const char *const driver_names[] = {"450", "470", "525", "535", "550",
                                           "570", "580", "595", NULL};
static const char *const delay_names[] = {"none", "realistic", NULL};
enum { DRIVER_NONE = 8, DRIVER_580 = 6, DRIVER_595 = 7 };

struct create_args {
    const char *dir;
    struct gs_texts gpus;
    unsigned driver;
    unsigned delays;
    const char *seed;
    bool mig;
    bool vm;
};

static const struct gs_option operand = {
    .arg = "DIR",
    GS_TO_TEXT(struct create_args, dir),
    .complete = GS_COMPLETE_DIR,
    .help = "the machine's folder, made where it is missing; a memory file system is fastest",
};

static const struct gs_option options[] = {
    {.name = "gpus",
     .arg = "NxMODEL",
     GS_TO_LIST(struct create_args, gpus),
     .help =
         "what the machine has, as 8xA100-40GB; a model's id or product name (gpuslice profiles "
         "lists them), or T4, L4, A10G, L40S, which cannot be cut"},
    {.name = "driver",
     .arg = "MAJOR",
     GS_TO_CHOICE(struct create_args, driver, driver_names),
     .help = "hides what later drivers brought; default: 580, or 595 where a GPU needs it"},
    {.name = "mig",
     GS_TO_FLAG(struct create_args, mig),
     .help = "MIG is on from the start on the GPUs that can be cut"},
    {.name = "vm",
     GS_TO_FLAG(struct create_args, vm),
     .help = "the GPUs are passed through to a VM: no reset, a change of mode on Ampere waits for "
             "a reboot"},
    {.name = "delays",
     .arg = "PRESET",
     GS_TO_CHOICE(struct create_args, delays, delay_names),
     .help = "how long operations take; realistic: a destroy of a GPU instance 1 s, as NVIDIA's "
             "developers write, the others a guess"},
    {.name = "seed",
     .arg = "TEXT",
     GS_TO_TEXT(struct create_args, seed),
     .help = "UUIDs and serials are made from it: machines with other seeds have other GPUs"},
};

static const struct gs_example examples[] = {
    {"gpuslice-sim create /dev/shm/a100 --gpus 8xA100-40GB", "a machine as a DGX A100"},
    {"gpuslice-sim create M --gpus 1xH100-80GB-SXM5 --gpus 1xL4 --driver 550",
     "mixed GPUs, an older driver"},
};

const struct gs_command sim_command_create = {
    .program = "gpuslice-sim",
    .name = "create",
    .summary = "make a machine",
    .text = "Prints what to export, so that any program that loads libnvidia-ml.so.1 sees the "
            "machine. Facts that nobody published (some SM counts) are estimated; they are the "
            "simulation's and never planned with.",
    .operand = &operand,
    .operand_required = true,
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .impossible = "the machine is there already, or its driver does not know a GPU",
    .run = sim_cmd_create,
};

/* The only figure that was found is for the destroy of a GI (reference 3.5: "of the order of 1 s")
 * and for reading all profiles (25 ms); the others are guesses of the same order. */
static const uint32_t realistic_us[SIM_DELAYS] = {
    [SIM_DELAY_CREATE_GI] = 500000,   [SIM_DELAY_CREATE_CI] = 200000,
    [SIM_DELAY_DESTROY_GI] = 1000000, [SIM_DELAY_DESTROY_CI] = 200000,
    [SIM_DELAY_SET_MODE] = 1500000,   [SIM_DELAY_RESET] = 5000000,
    [SIM_DELAY_INIT] = 25000,
};

static int read_gpus(const char *text, unsigned *ret_n, const struct gs_model **ret_model,
                     struct gs_view *ret_name, struct gs_err *err)
{
    struct gs_view name = gs_view(text);
    struct gs_view rest = name;
    uint64_t n = 1;
    if (gs_view_u64(&rest, 9999, &n) && gs_view_skip(&rest, "x")) {
        name = rest;
    } else {
        n = 1;
    }
    if (n == 0 || n > SIM_GPUS_MAX) {
        return gs_fail(err, GS_INVALID, "\"%.100s\": expected 1 to %d GPUs, as in 8xA100-40GB",
                       text, SIM_GPUS_MAX);
    }
    *ret_n = (unsigned)n;
    *ret_name = name;
    int r = sim_model_find(name, ret_model, err);
    return r < 0 ? gs_wrap(err, r, "--gpus %.100s", text) : 0;
}

/* The product, where the name says which of the model's is meant. */
static const char *product_of(const struct gs_model *model, struct gs_view name)
{
    for (unsigned i = 0; i < model->n_variants; i++) {
        struct gs_view product = gs_view(model->variants[i].product_name);
        if (gs_view_eq_nocase(name, product.p) ||
            (gs_view_skip(&product, "NVIDIA ") && gs_view_eq_nocase(name, product.p))) {
            return model->variants[i].product_name;
        }
    }
    return NULL;
}

static int add_gpus(struct sim_machine *machine, const struct create_args *args, const char *text,
                    struct gs_err *err)
{
    unsigned n;
    const struct gs_model *model;
    struct gs_view name;
    int r = read_gpus(text, &n, &model, &name, err);
    for (unsigned i = 0; r == 0 && i < n; i++) {
        r = sim_machine_add_gpu(machine, model, product_of(model, name), args->seed, args->vm, err);
    }
    if (r < 0) {
        return r;
    }
    for (unsigned i = machine->n_gpus - n; args->mig && i < machine->n_gpus; i++) {
        if (model->n_profiles > 0) {
            machine->gpus[i].mode = 1;
            machine->gpus[i].pending = 1;
        }
    }
    return 0;
}

/* Without --driver: the newest of the second newest branch, unless a GPU needs a later one. */
static unsigned choose_driver(const struct create_args *args)
{
    unsigned driver = args->driver;
    for (size_t i = 0; args->driver == DRIVER_NONE && i < args->gpus.n; i++) {
        unsigned n;
        const struct gs_model *model;
        struct gs_view name;
        if (read_gpus(args->gpus.items[i], &n, &model, &name, NULL) == 0 &&
            sim_model_min_driver(model) > 580) {
            driver = DRIVER_595;
        }
    }
    return driver == DRIVER_NONE ? DRIVER_580 : driver;
}

static int make_machine(const struct create_args *args, struct sim_machine *machine,
                        struct gs_err *err)
{
    if (args->gpus.n == 0) {
        return gs_fail(err, GS_INVALID, "which GPUs? --gpus 8xA100-40GB, for one");
    }
    sim_machine_init(machine, (uint32_t)strtoul(driver_names[choose_driver(args)], NULL, 10));
    for (size_t i = 0; i < args->gpus.n; i++) {
        int r = add_gpus(machine, args, args->gpus.items[i], err);
        if (r < 0) {
            return r;
        }
    }
    for (unsigned i = 0; args->delays == 1 && i < SIM_DELAYS; i++) {
        machine->delay_us[i] = realistic_us[i];
    }
    return 0;
}

/* ---- The programs beside the machine ---- */

/* Other tools call nvidia-smi for a reset: that of the machine is this program by another name. */
static int link_smi(const char *dir, struct gs_err *err)
{
    char self[PATH_MAX];
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n <= 0 || strlen(dir) > PATH_MAX - 64) {
        return gs_fail_errno(err, errno, "finding this program");
    }
    self[n] = '\0';
    static const char *const folders[] = {"root/usr", "root/usr/bin"};
    for (unsigned i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%.4000s/%s", dir, folders[i]);
        if (mkdir(path, 0755) < 0 && errno != EEXIST) {
            return gs_fail_errno(err, errno, "making %.300s", path);
        }
    }
    snprintf(path, sizeof(path), "%.4000s/root/usr/bin/nvidia-smi", dir);
    unlink(path);
    return symlink(self, path) < 0 ? gs_fail_errno(err, errno, "making %.300s", path) : 0;
}

/* The folder `beside`/../lib, or one of a single driver in it, when the library is there. */
static bool library_in(const char *beside, const char *sub, char ret[PATH_MAX])
{
    char folder[PATH_MAX];
    char file[PATH_MAX + 32];
    snprintf(folder, sizeof(folder), "%.4000s/../lib%s", beside, sub);
    snprintf(file, sizeof(file), "%s/libnvidia-ml.so.1", folder);
    return access(file, F_OK) == 0 && realpath(folder, ret) != NULL;
}

/* build/lib/DRIVER for a generation of drivers that has a library of its own, else build/lib. */
static bool find_library(uint32_t driver, char ret[PATH_MAX])
{
    char self[PATH_MAX];
    char sub[16];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n <= 0) {
        return false;
    }
    self[n] = '\0';
    char *slash = strrchr(self, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    snprintf(sub, sizeof(sub), "/%u", driver);
    return library_in(self, sub, ret) || library_in(self, "", ret);
}

/* As one word of a shell. */
static void put_word(struct gs_buf *out, const char *text)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+-";
    if (text[strspn(text, plain)] == '\0') {
        gs_buf_puts(out, text);
        return;
    }
    gs_buf_puts(out, "'");
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            gs_buf_puts(out, "'\\''");
        } else {
            gs_buf_put(out, text, 1);
        }
    }
    gs_buf_puts(out, "'");
}

/* eval "$(gpuslice-sim create ...)" does not see our exit status: what is evaluated has to fail. */
static int fail_for_eval(const struct gs_err *err, int status)
{
    if (isatty(STDOUT_FILENO) != 1) {
        GS_CLEANUP(gs_buf_done) struct gs_buf text;
        gs_buf_init(&text, 100);
        gs_buf_puts(&text, "false # no machine was made\n");
        gs_output_text(&text, NULL);
    }
    return status == SIM_EXIT_USAGE ? sim_usage(err) : sim_failed(err);
}

static int print_exports(const char *dir, const struct sim_machine *machine, struct gs_err *err)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    char library[PATH_MAX];
    char *real = realpath(dir, NULL);
    gs_buf_init(&text, 9 * PATH_MAX);
    gs_buf_printf(&text, "# %u GPU%s, driver %s\nexport GPUSLICE_SIM=", machine->n_gpus,
                  machine->n_gpus == 1 ? "" : "s", machine->driver_version);
    put_word(&text, real == NULL ? dir : real);
    free(real);
    gs_buf_puts(&text, "\n");
    if (find_library(machine->driver_major, library)) {
        gs_buf_puts(&text, "export LD_LIBRARY_PATH=");
        put_word(&text, library);
        gs_buf_puts(&text, "\"${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}\"\n"); /* the user's own */
    } else {
        gs_buf_puts(&text, "# LD_LIBRARY_PATH: the folder of the simulated libnvidia-ml.so.1, "
                           "which is not beside this program\n");
    }
    return gs_output_text(&text, err);
}

int sim_cmd_create(int argc, char **argv)
{
    struct create_args args = {.driver = DRIVER_NONE, .seed = ""};
    int status;
    if (!sim_begin(&sim_command_create, argc, argv, &args, &status)) {
        return status;
    }
    struct gs_err err = {.code = GS_OK};
    if (args.gpus.n == 0) {
        make_machine(&args, NULL, &err);
        return fail_for_eval(&err, SIM_EXIT_USAGE);
    }
    struct sim_machine *machine = calloc(1, sizeof(*machine));
    int r = machine == NULL ? gs_fail(&err, GS_NO_MEMORY, "no memory for the machine")
                            : make_machine(&args, machine, &err);
    if (r == 0) {
        r = sim_store_create(args.dir, machine, &err);
    }
    if (r == 0) {
        r = link_smi(args.dir, &err);
    }
    if (r == 0) {
        r = print_exports(args.dir, machine, &err);
    }
    free(machine);
    return r == 0 ? SIM_EXIT_DONE : fail_for_eval(&err, SIM_EXIT_BAD_INPUT);
}
