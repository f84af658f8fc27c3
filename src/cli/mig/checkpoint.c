#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/mig/check.h"
#include "cli/mig/mig.h"
#include "term/outfile.h"
#include "term/output.h"

struct checkpoint_args {
    const char *file;
    bool debug;
};

static const struct gs_option options[] = {
    {.name = "checkpoint-file",
     .letter = 'f',
     .arg = "FILE",
     GS_TO_TEXT(struct checkpoint_args, file),
     .env = "MIG_PARTED_CHECKPOINT_FILE",
     .complete = GS_COMPLETE_FILE,
     .help = "where it is written; - is stdout"},
    GS_MIG_OPTION_DEBUG(struct checkpoint_args, debug),
};

static const struct gs_example examples[] = {
    {"gpuslice mig checkpoint -f mig.json", "to be restored with gpuslice mig restore -f mig.json"},
};

const struct gs_command gs_command_mig_checkpoint = {
    .name = "mig checkpoint",
    .summary = "keep what the GPUs are cut into, with places, in a file",
    .text = "Places are those of slices (GPU instances). Of compute instances the profiles are "
            "kept: mig-parted's form has no more.",
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .drop_in = true,
    .impossible = "the GPUs could not be read or the file not be written; stderr says why",
    .run = gs_cmd_mig_checkpoint,
};

static const char done_line[] = "MIG configuration checkpointed successfully";

/* Where the checkpoint itself is on stdout, what is said goes to stderr. */
static int put(const char *path, const struct gs_buf *text, struct gs_err *err)
{
    if (strcmp(path, "-") == 0) {
        int r = gs_output_text(text, err);
        if (r == 0) {
            fprintf(stderr, "%s\n", done_line);
        }
        return r;
    }
    int r = gs_outfile_write("checkpoint-file", path,
                             (struct gs_view){.p = gs_buf_text(text), .n = text->len}, err);
    return r < 0 ? r : gs_mig_say(done_line, err);
}

static int run(const struct checkpoint_args *args, struct gs_arena *arena, struct gs_err *err)
{
    GS_CLEANUP(gs_gpu_close) struct gs_gpus gpus = {.ops = NULL};
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, GS_OUTPUT_MAX);
    if (args->file == NULL || args->file[0] == '\0') {
        return gs_fail(err, GS_INVALID,
                       "missing required flags 'checkpoint-file': expected -f FILE, or its name in "
                       "the environment variable MIG_PARTED_CHECKPOINT_FILE");
    }
    gs_mig_debug(args->debug, "reading the GPUs");
    gs_mig_notice_killed();
    int r = gs_mig_open(&gpus, err);
    r = r < 0 ? r : gs_mig_checkpoint_text(&gpus, arena, false, &text, err);
    return r < 0 ? r : put(args->file, &text, err);
}

int gs_cmd_mig_checkpoint(int argc, char **argv)
{
    struct checkpoint_args args = {.file = NULL};
    int status;
    if (!gs_mig_begin(&gs_command_mig_checkpoint, argc, argv, &args, &status)) {
        return status;
    }
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_MIG_ARENA_MAX);
    struct gs_err err;
    return gs_mig_exit(run(&args, &arena, &err), &err);
}
