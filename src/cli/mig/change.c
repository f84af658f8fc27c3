#include "cli/mig/change.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/infile.h"
#include "partition/recover.h"

#define RUN_DIR "/run/gpuslice"

/* Set by the first SIGINT or SIGTERM; the second one ends the program at once. */
static volatile sig_atomic_t stop;

static void ask_to_stop(int signal_number)
{
    (void)signal_number;
    stop = 1;
}

/* What was ignored stays so: nohup. */
static void catch_signals(void)
{
    static const int which[] = {SIGINT, SIGTERM};
    const struct sigaction catch = {.sa_handler = ask_to_stop,
                                    .sa_flags = SA_RESTART | (int)SA_RESETHAND};
    for (size_t i = 0; i < GS_ARRAY_LEN(which); i++) {
        struct sigaction now;
        if (sigaction(which[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN) {
            (void)sigaction(which[i], &catch, NULL);
        }
    }
}

static void say_note(void *ctx, const char *line)
{
    (void)ctx;
    fprintf(stderr, "gpuslice: %s\n", line);
}

static void say_step(void *ctx, const char *line)
{
    (void)ctx;
    gs_mig_debug(true, "%s", line);
}

/* What cannot be written shows when stdout is closed. */
static void print_step(void *ctx, const char *line)
{
    (void)ctx;
    gs_mig_say(line, NULL);
}

static const char *find_dir(const struct gs_mig_change_args *args, struct gs_arena *arena)
{
    const char *sim = getenv("GPUSLICE_SIM");
    if (args->state_dir != NULL && args->state_dir[0] != '\0') {
        return args->state_dir;
    }
    if (sim == NULL || sim[0] == '\0') {
        return RUN_DIR;
    }
    size_t size = strlen(sim) + sizeof("/run");
    char *dir = GS_ARENA_NEW(arena, char, size);
    if (dir != NULL) {
        snprintf(dir, size, "%s/run", sim);
    }
    return dir;
}

void gs_mig_notice_killed(void)
{
    const struct gs_say say = {.line = say_note};
    const struct gs_mig_change_args args = {.state_dir = getenv("GPUSLICE_STATE_DIR")};
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_MIG_ARENA_MAX);
    const char *dir = find_dir(&args, &arena);
    if (dir != NULL) {
        gs_recover_notice(dir, &say);
    }
}

int gs_mig_change_options(const struct gs_mig_change_args *args, const char *what,
                          struct gs_arena *arena, struct gs_apply_options *ret, struct gs_err *err)
{
    if (!args->dry_run) {
        catch_signals();
    }
    *ret = (struct gs_apply_options){
        .stop = &stop,
        .dir = find_dir(args, arena),
        .what = what,
        .wait_ms = (unsigned)args->wait_s * 1000,
        .dry_run = args->dry_run,
        .note = {.line = say_note},
        .detail = {.line = args->dry_run ? print_step
                           : args->debug ? say_step
                                         : NULL},
    };
    return ret->dir == NULL ? gs_fail(err, GS_NO_MEMORY, "no memory for a change of the GPUs") : 0;
}

static void close_file(struct gs_infile *file)
{
    gs_infile_close(file);
}

static int read_file(struct gs_arena *arena, const char *path, struct gs_mighooks *ret,
                     struct gs_err *err)
{
    GS_CLEANUP(close_file) struct gs_infile file = {.fd = -1};
    int r = gs_infile_open(&file, "hooks-file", path, err);
    if (r == 0) {
        const struct gs_doc_input input = {
            .label = file.label,
            .what = "hooks of mig-parted (version: v1, hooks: ...)",
            .size = file.size,
            .read = gs_infile_read,
            .ctx = &file,
        };
        r = gs_mighooks_read(arena, &input, ret, err);
    }
    return r < 0 ? gs_wrap(err, r, "Error parsing hooks file") : 0;
}

/* The value of an option as mig-parted hands it on. */
static const char *value_of(const struct gs_option *option, const void *values)
{
    const char *at = (const char *)values + option->into;
    if (option->kind == GS_OPTION_FLAG) {
        return *(const bool *)at ? "true" : "false";
    }
    const char *text = NULL;
    if (option->kind == GS_OPTION_TEXT) {
        memcpy(&text, at, sizeof(text));
    }
    return text == NULL ? "" : text;
}

int gs_mig_read_hooks(struct gs_arena *arena, const struct gs_mig_hook_args *args,
                      const struct gs_command *command, const void *values, bool debug,
                      struct gs_hooks *ret, struct gs_err *err)
{
    *ret = (struct gs_hooks){
        .limit_ms = (unsigned)args->hook_timeout_s * 1000,
        .output = debug,
    };
    if (args->hooks_file == NULL || args->hooks_file[0] == '\0') {
        return 0;
    }
    struct gs_mighooks *file = GS_ARENA_NEW(arena, struct gs_mighooks, 1);
    if (file == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the hooks file");
    }
    for (size_t i = 0; i < command->n_options && ret->n_envs < GS_HOOKS_ENVS_MAX; i++) {
        const struct gs_option *option = &command->options[i];
        if (option->env != NULL && strncmp(option->env, "MIG_PARTED_", 11) == 0) {
            ret->envs[ret->n_envs++] =
                (struct gs_mighook_env){.name = option->env, .value = value_of(option, values)};
        }
    }
    ret->file = file;
    ret->label = args->hooks_file;
    return read_file(arena, args->hooks_file, file, err);
}
