/* change: what the commands that change GPUs share: `mig apply`, `restore`, `create` and
 * `destroy`: where lock and journal are, hooks, what is said and where. */
#pragma once

#include "cli/mig/mig.h"
#include "partition/apply.h"

/* The values of the options that all of them have. */
struct gs_mig_change_args {
    const char *state_dir;
    uint64_t wait_s;
    bool dry_run;
    bool debug;
};

#define GS_MIG_WAIT_MAX_S 86400

/* Their rows, for a struct of values whose field `common` is a struct gs_mig_change_args. */
#define GS_MIG_CHANGE_OPTIONS(type)                                                                \
    {.name = "dry-run", GS_TO_FLAG(type, common.dry_run), .help = "print the steps, and do none"}, \
        {.name = "wait",                                                                           \
         .arg = "SECONDS",                                                                         \
         GS_TO_NUMBER(type, common.wait_s, GS_MIG_WAIT_MAX_S),                                     \
         .help = "how long to wait while another program changes the GPUs; without, that is an "   \
                 "error"},                                                                         \
        {.name = "state-dir",                                                                      \
         .arg = "DIR",                                                                             \
         GS_TO_TEXT(type, common.state_dir),                                                       \
         .env = "GPUSLICE_STATE_DIR",                                                              \
         .complete = GS_COMPLETE_DIR,                                                              \
         .help = "where lock and journal are; /run/gpuslice, or DIR/run of a simulated machine"},  \
        GS_MIG_OPTION_DEBUG(type, common.debug)

/* The options of an apply that these values stand for; `what` is the command, "mig apply". The
 * folder's name lives in the arena. From here on SIGINT and SIGTERM end the work at the next whole
 * slice, except in a dry run. Notes go to stderr, and steps too where debug is on; the steps
 * of a dry run go to stdout. GS_NO_MEMORY. */
int gs_mig_change_options(const struct gs_mig_change_args *args, const char *what,
                          struct gs_arena *arena, struct gs_apply_options *ret, struct gs_err *err);

/* The values of the options around an apply that apply and restore share. */
struct gs_mig_hook_args {
    const char *hooks_file;
    uint64_t hook_timeout_s;
};

/* Their rows, for a struct of values with them in `hooks`, with `only_idle`, and with `common` as
 * above. */
#define GS_MIG_OPTION_HOOKS_FILE(type)                                                             \
    {                                                                                              \
        .name = "hooks-file", .letter = 'k', .arg = "FILE", GS_TO_TEXT(type, hooks.hooks_file),    \
        .env = "MIG_PARTED_HOOKS_FILE", .complete = GS_COMPLETE_FILE,                              \
        .help = "what to run before and after"                                                     \
    }
#define GS_MIG_APPLY_OPTIONS(type)                                                                 \
    {.name = "only-idle",                                                                          \
     GS_TO_FLAG(type, only_idle),                                                                  \
     .help = "do what can be done beside slices in use; what is left is said, and is status 1"},   \
        {.name = "hook-timeout",                                                                   \
         .arg = "SECONDS",                                                                         \
         GS_TO_NUMBER(type, hooks.hook_timeout_s, GS_MIG_WAIT_MAX_S),                              \
         .help = "kill a hook that takes longer; without, hooks may take as long as they like"},   \
        GS_MIG_CHANGE_OPTIONS(type)

/* Reads the hooks file (NULL or "": none) into the arena. Every option with an environment variable
 * of mig-parted is handed on to the hooks by that name, as mig-parted does. */
int gs_mig_read_hooks(struct gs_arena *arena, const struct gs_mig_hook_args *args,
                      const struct gs_command *command, const void *values, bool debug,
                      struct gs_hooks *ret, struct gs_err *err);
