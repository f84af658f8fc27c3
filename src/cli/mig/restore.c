#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/mig/change.h"
#include "cli/mig/kept.h"
#include "cli/mig/mig.h"
#include "term/infile.h"
#include "wire/migcheckpoint.h"

#define NOT_GIVEN UINT64_MAX
#define FILE_VARIABLE "MIG_PARTED_CHECKPOINT_FILE"

struct restore_args {
    const char *file;
    uint64_t number;
    bool list;
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
     .env = FILE_VARIABLE,
     .complete = GS_COMPLETE_FILE,
     .help = "what gpuslice mig checkpoint wrote; - is stdin"},
    {.name = "number",
     .letter = 'n',
     .arg = "N",
     GS_TO_NUMBER(struct restore_args, number, GS_KEPT_MAX),
     .min = 1,
     .help = "instead of a file the checkpoint that was kept before the last change (1), the one "
             "before that (2) and so on, as --list numbers them"},
    {.name = "list",
     GS_TO_FLAG(struct restore_args, list),
     .help = "list the checkpoints that were kept before changes, and do nothing else"},
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
    {"gpuslice mig restore --list", "what was kept before each of the last changes"},
    {"gpuslice mig restore -n 1 --dry-run", "what undoing the last change would do"},
};

const struct gs_command gs_command_mig_restore = {
    .name = "mig restore",
    .summary = "cut the GPUs as a checkpoint says, with places",
    .text = "As gpuslice mig apply: slices that are there already stay, with their UUIDs. GPUs "
            "that are not in the checkpoint stay as they are.\n"
            "apply, restore, enable and disable keep a checkpoint of what there was before they "
            "change anything, the last 24 of them.",
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

static int read_from(struct gs_arena *arena, struct gs_infile *file,
                     const struct gs_mig_state **ret, unsigned *ret_n, struct gs_err *err)
{
    const struct gs_doc_input input = {
        .label = file->label,
        .what = "a checkpoint of mig-parted (Version: v1, MigState: ...)",
        .size = file->size,
        .read = gs_infile_read,
        .ctx = file,
    };
    return gs_migcheckpoint_read(arena, &input, ret, ret_n, err);
}

int gs_mig_read_checkpoint(struct gs_arena *arena, const char *path,
                           const struct gs_mig_state **ret, unsigned *ret_n, struct gs_err *err)
{
    GS_CLEANUP(close_file) struct gs_infile file = {.fd = -1};
    if (path == NULL || path[0] == '\0') {
        return gs_fail(err, GS_INVALID,
                       "missing required flags 'checkpoint-file': expected -f FILE, or its name in "
                       "the environment variable " FILE_VARIABLE);
    }
    int r = gs_infile_open(&file, "checkpoint-file", path, err);
    return r < 0 ? r : read_from(arena, &file, ret, ret_n, err);
}

int gs_mig_read_kept(struct gs_arena *arena, const char *path, const struct gs_mig_state **ret,
                     unsigned *ret_n, struct gs_err *err)
{
    GS_CLEANUP(close_file) struct gs_infile file = {.fd = -1};
    int r = gs_kept_open(path, &file, err);
    return r < 0 ? r : read_from(arena, &file, ret, ret_n, err);
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

/* Reads the automatic checkpoint that --list numbers so. */
static int read_numbered(const struct restore_args *args, struct gs_arena *arena,
                         const struct gs_mig_state **ret, unsigned *ret_n, struct gs_err *err)
{
    struct gs_kept list[GS_KEPT_MAX];
    struct gs_kept_odds odds;
    char path[PATH_MAX];
    unsigned n = 0;
    const char *dir = gs_mig_state_dir(args->common.state_dir, arena);
    int r = dir == NULL ? gs_fail(err, GS_NO_MEMORY, "no memory for a path")
                        : gs_kept_list(dir, list, &n, &odds, err);
    if (r < 0) {
        return r;
    }
    gs_kept_say_odd(dir, list, n, &odds);
    if (args->number > n) {
        return gs_fail(err, GS_NOT_FOUND,
                       "there is no kept checkpoint %llu: %.300s/checkpoints has %u, counted from "
                       "1; see gpuslice mig restore --list",
                       (unsigned long long)args->number, dir, n);
    }
    r = gs_kept_path(dir, &list[args->number - 1], path, err);
    const char *kept = r < 0 ? NULL : gs_arena_text(arena, path, strlen(path));
    if (r == 0 && kept == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a path");
    }
    return r < 0 ? r : gs_mig_read_kept(arena, kept, ret, ret_n, err);
}

/* Each says what is restored, or that nothing is. A file of the environment is asked for where
 * nothing else is. */
static int check_one_is_asked(const struct restore_args *args, struct gs_err *err)
{
    bool file = args->file != NULL && args->file != getenv(FILE_VARIABLE);
    bool number = args->number != NOT_GIVEN;
    if (number && file) {
        return gs_fail(err, GS_INVALID,
                       "--number %llu and --checkpoint-file %.200s both say what to restore; "
                       "expected one of the two",
                       (unsigned long long)args->number, args->file);
    }
    if (args->list && (number || file)) {
        return gs_fail(err, GS_INVALID, "--list restores nothing; expected it without --%s",
                       number ? "number" : "checkpoint-file");
    }
    return 0;
}

static int run(const struct restore_args *args, struct gs_mig_change *change, struct gs_err *err)
{
    const struct gs_mig_state *states;
    struct gs_apply_want *wants = NULL;
    struct gs_hooks hooks;
    unsigned n_states;
    unsigned n = 0;
    int r = args->number == NOT_GIVEN
                ? gs_mig_read_checkpoint(change->arena, args->file, &states, &n_states, err)
                : read_numbered(args, change->arena, &states, &n_states, err);
    r = r < 0 ? r
              : gs_mig_read_hooks(change->arena, &args->hooks, &gs_command_mig_restore, args,
                                  args->common.debug, &hooks, err);
    if (r < 0 || (r = gs_mig_change_open(change, true, err)) < 0 ||
        (r = make_wants(&change->gpus, states, n_states, change->arena, &wants, &n, err)) < 0) {
        return r;
    }
    change->options.mode_only = args->mode_only;
    change->options.only_idle = args->only_idle;
    change->options.hooks = &hooks;
    return gs_apply(&change->gpus, wants, n, &change->options, &change->report, err);
}

int gs_cmd_mig_restore(int argc, char **argv)
{
    struct restore_args args = {.number = NOT_GIVEN};
    int status;
    if (!gs_mig_begin(&gs_command_mig_restore, argc, argv, &args, &status)) {
        return status;
    }
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_MIG_ARENA_MAX);
    struct gs_err err;
    if (check_one_is_asked(&args, &err) < 0) {
        return gs_mig_exit(GS_INVALID, &err);
    }
    if (args.list) {
        return gs_mig_exit(gs_kept_print(&args.common, &arena, &err), &err);
    }
    struct gs_mig_change change;
    gs_mig_change_init(&change, &args.common, "mig restore", &arena);
    int r = run(&args, &change, &err);
    return gs_mig_change_end(&change, r, "MIG configuration restored successfully", &err);
}
