/* change: what the commands that change GPUs share: `mig apply`, `restore`, `create`, `destroy`,
 * `enable` and `disable`: where lock and journal are, the checkpoint that is kept first, hooks,
 * what is said while they work, and the end: a line, a drawing or a document.
 *
 *     struct gs_mig_change change;
 *     gs_mig_change_init(&change, &args.common, "mig apply", &arena);
 *     int r = run(&args, &change, &err);     with gs_mig_change_open, then gs_apply on change.gpus
 *     return gs_mig_change_end(&change, r, "MIG configuration applied successfully", &err); */
#pragma once

#include <limits.h>

#include "cli/gpu/gpu.h"
#include "cli/mig/mig.h"
#include "cli/mig/tap.h"
#include "partition/apply.h"
#include "partition/slice.h"
#include "term/output.h"

/* The values of the options that all of them have. */
struct gs_mig_change_args {
    const char *state_dir;
    const char *kubelet_root; /* NULL: the usual one; "": it is not asked */
    uint64_t wait_s;
    unsigned format; /* enum gs_format */
    bool dry_run;
    bool no_checkpoint;
    bool debug;
};

#define GS_MIG_WAIT_MAX_S 86400

#define GS_MIG_OPTION_STATE_DIR(type, field)                                                       \
    {                                                                                              \
        .name = "state-dir", .arg = "DIR", GS_TO_TEXT(type, field), .env = "GPUSLICE_STATE_DIR",   \
        .complete = GS_COMPLETE_DIR,                                                               \
        .help = "where lock, journal and kept checkpoints are; /run/gpuslice, or DIR/run of a "    \
                "simulated machine"                                                                \
    }

/* Their rows, for a struct of values whose field `common` is a struct gs_mig_change_args. */
#define GS_MIG_CHANGE_OPTIONS(type)                                                                \
    {.name = "dry-run",                                                                            \
     GS_TO_FLAG(type, common.dry_run),                                                             \
     .help = "print the steps and draw what comes of them, and do none"},                          \
        GS_OPTION_OUTPUT(type, common.format, gs_format_names),                                    \
        {.name = "wait",                                                                           \
         .arg = "SECONDS",                                                                         \
         GS_TO_NUMBER(type, common.wait_s, GS_MIG_WAIT_MAX_S),                                     \
         .help = "how long to wait while another program changes the GPUs; without, that is an "   \
                 "error"},                                                                         \
        GS_MIG_OPTION_STATE_DIR(type, common.state_dir), GS_MIG_OPTION_DEBUG(type, common.debug)

/* For commands that take slices away. */
#define GS_MIG_OPTION_KUBELET_ROOT(type)                                                           \
    {                                                                                              \
        .name = "kubelet-root", .arg = "DIR", GS_TO_TEXT(type, common.kubelet_root),               \
        .env = "GPUSLICE_KUBELET_ROOT", .complete = GS_COMPLETE_DIR,                               \
        .help = "where the kubelet's record of the slices that pods have is; /var/lib/kubelet; "   \
                "\"\": it is not asked"                                                            \
    }

/* For commands that keep a checkpoint first. */
#define GS_MIG_OPTION_NO_CHECKPOINT(type)                                                          \
    {                                                                                              \
        .name = "no-checkpoint", GS_TO_FLAG(type, common.no_checkpoint),                           \
        .help = "keep no checkpoint of what there was; see gpuslice mig restore --list"            \
    }

/* One run of such a command. */
struct gs_mig_change {
    const struct gs_mig_change_args *args;
    const char *what; /* "mig apply" */
    struct gs_arena *arena;
    struct gs_gpus gpus;             /* from gs_mig_change_open on */
    struct gs_guard guard;           /* asks the kubelet's record */
    struct gs_apply_options options; /* likewise; for gs_apply, gs_slice_create and the like */
    struct gs_apply_report report;   /* written by who calls gs_apply; n 0: nobody did */
    struct gs_slice_made made;       /* written by who calls gs_slice_create */

    /* for the files of change */
    bool keeps;
    struct gs_mig_tap tap;
    struct gs_gpu_machine before;   /* at NULL: nobody asks */
    struct gs_gpu_machine foreseen; /* of a dry run, likewise */
    struct gs_buf steps;            /* a line each */
    struct gs_buf notes;
    char kept[PATH_MAX]; /* "": no checkpoint */
    struct gs_err not_kept;
    unsigned long long began_ms;
};

void gs_mig_change_init(struct gs_mig_change *change, const struct gs_mig_change_args *args,
                        const char *what, struct gs_arena *arena);

/* Opens the GPUs and fills the options. With `keeps` a checkpoint is written before anything is
 * changed; where that fails nothing is. From here on SIGINT and SIGTERM end the work at the next
 * whole slice, except in a dry run. */
int gs_mig_change_open(struct gs_mig_change *change, bool keeps, struct gs_err *err);

/* Says how it went (`done` is the line for stdout where all did; NULL: none), closes the GPUs and
 * gives everything back. The exit status. */
int gs_mig_change_end(struct gs_mig_change *change, int r, const char *done,
                      const struct gs_err *err);

/* report.c: the change as a document, "schema: docs/gpus.md", and the drawings of a dry run.
 * `after` NULL: it could not be read. */
int gs_mig_change_write_doc(const struct gs_mig_change *change, const struct gs_gpu_machine *after,
                            int r, const struct gs_err *failed, struct gs_err *err);
void gs_mig_change_draw(const struct gs_mig_change *change, const struct gs_gpu_machine *after,
                        struct gs_buf *out);

/* The folder of lock, journal and kept checkpoints; in the arena. NULL: no memory. */
const char *gs_mig_state_dir(const char *given, struct gs_arena *arena);

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
        GS_MIG_OPTION_NO_CHECKPOINT(type), GS_MIG_OPTION_KUBELET_ROOT(type),                       \
        GS_MIG_CHANGE_OPTIONS(type)

/* restore.c: reads a checkpoint ("-": stdin) into the arena; NULL or "": the option is missing. */
int gs_mig_read_checkpoint(struct gs_arena *arena, const char *path,
                           const struct gs_mig_state **ret, unsigned *ret_n, struct gs_err *err);

/* kept_list.c: `mig restore --list`. */
int gs_kept_print(const struct gs_mig_change_args *args, struct gs_arena *arena,
                  struct gs_err *err);

/* hooks.c: reads the hooks file (NULL or "": none) into the arena. Every option with an environment
 * variable of mig-parted is handed on to the hooks by that name, as mig-parted does. */
int gs_mig_read_hooks(struct gs_arena *arena, const struct gs_mig_hook_args *args,
                      const struct gs_command *command, const void *values, bool debug,
                      struct gs_hooks *ret, struct gs_err *err);
