/* run: a process that holds a slice. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "simdriver/sim.h"

struct run_args {
    const char *dir;
    const char *slice;
    const char *gpu;
    uint64_t memory_mib;
    uint64_t busy_percent;
};

static const struct gs_option options[] = {
    {.name = "slice",
     .letter = 's',
     .arg = "SLICE",
     GS_TO_TEXT(struct run_args, slice),
     .help = "MIG-UUID or GPU:GI:CI"},
    {.name = "gpu",
     .letter = 'i',
     .arg = "GPU",
     GS_TO_TEXT(struct run_args, gpu),
     .help = "a whole GPU with MIG off, by number or UUID"},
    {.name = "memory",
     .arg = "MIB",
     GS_TO_NUMBER(struct run_args, memory_mib, 1u << 30),
     .help = "GPU memory that it takes"},
    {.name = "busy",
     .arg = "PERCENT",
     GS_TO_NUMBER(struct run_args, busy_percent, 100),
     .help = "of its slice, what GPM and utilisation report"},
};

static const struct gs_example examples[] = {
    {"gpuslice-sim run --slice 0:2:0 --memory 4000 -- sleep 60", "a slice in use for a minute"},
};

const struct gs_command sim_command_run = {
    .program = "gpuslice-sim",
    .name = "run",
    .summary = "run a command that holds a slice as a CUDA program would",
    .text = "Usage in full: gpuslice-sim run [DIR] --slice SLICE [OPTIONS] -- CMD [ARG...]\n"
            "The slice is held for as long as CMD lives, even when this program is killed. Signals "
            "are passed on, and the exit status is that of CMD (128 and the signal's number, 127 "
            "when it could not be run).",
    .operand = &sim_dir_operand,
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .impossible = "the slice lacks the memory, or the GPU is lost",
    .run = sim_cmd_run,
};

/* ---- The process ---- */

static volatile sig_atomic_t child_pid;

static void pass_on(int number)
{
    if (child_pid > 0) {
        kill((pid_t)child_pid, number);
    }
}

static const int passed_on[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT};

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = pass_on};
    for (size_t i = 0; i < GS_ARRAY_LEN(passed_on); i++) {
        sigaction(passed_on[i], &action, NULL);
    }
}

/* Waits until it is registered as holder, then becomes the command. Does not return. */
static void become(char **command, int go)
{
    char byte;
    ssize_t n = read(go, &byte, 1);
    if (n != 1) {
        _exit(SIM_EXIT_REFUSED); /* not registered; that was said */
    }
    signal(SIGPIPE, SIG_DFL);
    execvp(command[0], command);
    fprintf(stderr, "gpuslice-sim: %.200s: %s\n", command[0], strerror(errno));
    _exit(127);
}

static int wait_for(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return SIM_EXIT_SYSTEM;
        }
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- The holder ---- */

static int find_place(const struct sim_machine *machine, const struct run_args *args,
                      struct sim_holder *holder, struct gs_err *err)
{
    if (args->slice != NULL) {
        return sim_find_slice(machine, args->slice, false, &holder->gpu, &holder->gi, &holder->ci,
                              err);
    }
    uint32_t gpus;
    int r = sim_find_gpus(machine, args->gpu, &gpus, err);
    if (r < 0) {
        return r;
    }
    holder->gpu = (uint32_t)__builtin_ctz(gpus);
    holder->gi = SIM_NONE;
    holder->ci = SIM_NONE;
    if (machine->gpus[holder->gpu].mode) {
        return gs_fail(err, GS_UNSUPPORTED, "MIG is on on GPU %u: a process runs on a slice of it",
                       holder->gpu);
    }
    return 0;
}

static int register_holder(struct sim_store *store, const struct run_args *args, pid_t child,
                           const char *name, struct gs_err *err)
{
    const char *slash = strrchr(name, '/');
    struct sim_holder holder = {
        .pid = (uint32_t)child,
        .start_time = sim_process_start((uint32_t)child),
        .memory_mib = args->memory_mib,
        .busy_percent = (uint32_t)args->busy_percent,
    };
    snprintf(holder.name, sizeof(holder.name), "%s", slash == NULL ? name : slash + 1);
    for (char *c = holder.name; *c != '\0'; c++) {
        *c = (unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e ? '?' : *c;
    }
    struct sim_machine *machine = sim_store_begin(store);
    if (machine == NULL) {
        return gs_fail(err, GS_IO, "the machine in %.300s cannot be changed", sim_store_dir(store));
    }
    sim_prune(machine, sim_process_alive);
    int r = find_place(machine, args, &holder, err);
    if (r == 0) {
        r = sim_explain(sim_hold(machine, &holder), args->slice == NULL ? args->gpu : args->slice,
                        err);
    }
    if (r < 0) {
        sim_store_abandon(store);
        return r;
    }
    return sim_store_commit(store) == SIM_OK ? 0 : gs_fail(err, GS_IO, "the state was not written");
}

static void release(struct sim_store *store, pid_t child, uint64_t start)
{
    struct sim_machine *machine = sim_store_begin(store);
    if (machine == NULL) {
        return;
    }
    if (sim_release(machine, (uint32_t)child, start) == SIM_OK) {
        sim_store_commit(store);
    } else {
        sim_store_abandon(store);
    }
}

static int run(struct sim_store *store, const struct run_args *args, char **command)
{
    int go[2];
    struct gs_err err = {.code = GS_OK};
    if (pipe2(go, O_CLOEXEC) < 0) {
        gs_fail_errno(&err, errno, "making a pipe");
        return sim_failed(&err);
    }
    pid_t child = fork();
    if (child == 0) {
        close(go[1]);
        become(command, go[0]);
    }
    close(go[0]);
    int r = child < 0 ? gs_fail_errno(&err, errno, "starting a process")
                      : register_holder(store, args, child, command[0], &err);
    uint64_t start = r == 0 ? sim_process_start((uint32_t)child) : 0;
    if (r == 0) {
        child_pid = child;
        catch_signals();
        r = write(go[1], "", 1) == 1 ? 0 : gs_fail_errno(&err, errno, "starting the command");
    }
    close(go[1]);
    if (child < 0) {
        return sim_failed(&err);
    }
    int status = wait_for(child);
    release(store, child, start);
    return r == 0 ? status : sim_failed(&err);
}

int sim_cmd_run(int argc, char **argv)
{
    struct run_args args = {.dir = NULL};
    struct gs_err err = {.code = GS_OK};
    int status;
    int ours = 1;
    while (ours < argc && strcmp(argv[ours], "--") != 0) {
        ours++;
    }
    if (!sim_begin(&sim_command_run, ours, argv, &args, &status)) {
        return status;
    }
    if (ours + 1 >= argc || (args.slice == NULL) == (args.gpu == NULL)) {
        gs_fail(&err, GS_INVALID,
                "run wants --slice or --gpu, and -- CMD; see gpuslice-sim run --help");
        return sim_usage(&err);
    }
    GS_CLEANUP(sim_store_closep) struct sim_store *store = NULL;
    if (sim_store_open(args.dir, &store, &err) < 0) {
        return sim_failed(&err);
    }
    return run(store, &args, argv + ours + 1);
}
