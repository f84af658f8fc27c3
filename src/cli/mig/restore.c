#include <string.h>

#include "base/cleanup.h"
#include "cli/infile.h"
#include "cli/mig/change.h"
#include "cli/mig/mig.h"
#include "wire/migcheckpoint.h"

struct restore_args {
    const char *file;
    struct gs_mig_hook_args hooks;
    bool mode_only;
    bool only_idle;
    struct gs_mig_change_args common;
};

static const struct gs_option options[] = {
    {.name = "checkpoint-file",
     .letter = 'f',
     .arg = "FILE",
     GS_TO_TEXT(struct restore_args, file),
     .env = "MIG_PARTED_CHECKPOINT_FILE",
     .complete = GS_COMPLETE_FILE,
     .help = "what gpuslice mig checkpoint wrote; - is stdin"},
    GS_MIG_OPTION_HOOKS_FILE(struct restore_args),
    {.name = "mode-only",
     .letter = 'm',
     GS_TO_FLAG(struct restore_args, mode_only),
     .env = "MIG_PARTED_MODE_CHANGE_ONLY",
     .help = "turn MIG on and off as it was, and cut nothing"},
    GS_MIG_APPLY_OPTIONS(struct restore_args),
};

static const struct gs_example examples[] = {
    {"gpuslice mig restore -f mig.json", "what the GPUs were cut into, at the same places"},
};

const struct gs_command gs_command_mig_restore = {
    .name = "mig restore",
    .summary = "cut the GPUs as a checkpoint says, with places",
    .text = "As gpuslice mig apply: slices that are there already stay, with their UUIDs. GPUs "
            "that are not in the checkpoint stay as they are.",
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .drop_in = true,
    .impossible = "it could not be done, or with --only-idle not all of it; stderr says why and "
                  "what the GPUs are now",
    .run = gs_cmd_mig_restore,
};

static void close_file(struct gs_infile *file)
{
    gs_infile_close(file);
}

static int read_checkpoint(struct gs_arena *arena, const char *path,
                           const struct gs_mig_state **ret, unsigned *ret_n, struct gs_err *err)
{
    GS_CLEANUP(close_file) struct gs_infile file = {.fd = -1};
    if (path == NULL || path[0] == '\0') {
        return gs_fail(err, GS_INVALID,
                       "missing required flags 'checkpoint-file': expected -f FILE, or its name in "
                       "the environment variable MIG_PARTED_CHECKPOINT_FILE");
    }
    int r = gs_infile_open(&file, "checkpoint-file", path, err);
    if (r < 0) {
        return r;
    }
    const struct gs_doc_input input = {
        .label = file.label,
        .what = "a checkpoint of mig-parted (Version: v1, MigState: ...)",
        .size = file.size,
        .read = gs_infile_read,
        .ctx = &file,
    };
    return gs_migcheckpoint_read(arena, &input, ret, ret_n, err);
}

static int find(const struct gs_mig_gpu *at, unsigned n, const char *uuid)
{
    for (unsigned k = 0; k < n; k++) {
        if (strcmp(at[k].facts.uuid, uuid) == 0) {
            return (int)k;
        }
    }
    return -1;
}

static int make_wants(struct gs_gpus *gpus, const struct gs_mig_state *states, unsigned n_states,
                      struct gs_arena *arena, struct gs_apply_want **ret, unsigned *ret_n,
                      struct gs_err *err)
{
    struct gs_mig_gpu *at;
    int r = gs_mig_survey_some(gpus, arena, &at, ret_n, err);
    struct gs_apply_want *wants = r < 0 ? NULL : GS_ARENA_NEW(arena, struct gs_apply_want, *ret_n);
    if (r == 0 && wants == NULL) {
        r = gs_fail(err, GS_NO_MEMORY, "no memory for the GPUs of this machine");
    }
    for (unsigned i = 0; i < n_states && r == 0; i++) {
        int k = find(at, *ret_n, states[i].uuid);
        int lost = k < 0 ? find(at, *ret_n, "") : -1;
        if (lost >= 0) { /* which may be the one */
            r = gs_fail(err, at[lost].why.code, "%s", at[lost].why.msg);
        } else if (k < 0) {
            r = gs_fail(err, GS_NOT_FOUND,
                        "the checkpoint is of GPU %.90s, which this machine does not have",
                        states[i].uuid);
        } else {
            wants[k].state = &states[i];
        }
    }
    *ret = wants;
    return r;
}

static int run(const struct restore_args *args, struct gs_arena *arena, struct gs_err *err)
{
    const struct gs_mig_state *states;
    struct gs_apply_options apply;
    struct gs_apply_report report;
    struct gs_apply_want *wants = NULL;
    struct gs_hooks hooks;
    unsigned n_states;
    unsigned n = 0;
    int r = read_checkpoint(arena, args->file, &states, &n_states, err);
    r = r < 0 ? r
              : gs_mig_read_hooks(arena, &args->hooks, &gs_command_mig_restore, args,
                                  args->common.debug, &hooks, err);
    r = r < 0 ? r : gs_mig_change_options(&args->common, "mig restore", arena, &apply, err);
    GS_CLEANUP(gs_gpu_close) struct gs_gpus gpus = {.ops = NULL};
    if (r < 0 || (r = gs_mig_open(&gpus, err)) < 0 ||
        (r = make_wants(&gpus, states, n_states, arena, &wants, &n, err)) < 0) {
        return r;
    }
    apply.mode_only = args->mode_only;
    apply.only_idle = args->only_idle;
    apply.hooks = &hooks;
    r = gs_apply(&gpus, wants, n, &apply, &report, err);
    return r < 0 || apply.dry_run ? r : gs_mig_say("MIG configuration restored successfully", err);
}

int gs_cmd_mig_restore(int argc, char **argv)
{
    struct restore_args args = {.file = NULL};
    int status;
    if (!gs_mig_begin(&gs_command_mig_restore, argc, argv, &args, &status)) {
        return status;
    }
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_MIG_ARENA_MAX);
    struct gs_err err;
    return gs_mig_exit(run(&args, &arena, &err), &err);
}
