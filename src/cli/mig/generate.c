#include <string.h>

#include "base/cleanup.h"
#include "cli/mig/check.h"
#include "cli/mig/mig.h"
#include "term/outfile.h"
#include "term/output.h"

struct generate_args {
    const char *file;
    unsigned form;
    bool debug;
};

static const struct gs_option options[] = {
    {.name = "output-file",
     .letter = 'f',
     .arg = "FILE",
     GS_TO_TEXT(struct generate_args, file),
     .env = "MIG_PARTED_OUTPUT_FILE",
     .complete = GS_COMPLETE_FILE,
     .help = "where it is written; without it, or for -, to stdout"},
    GS_MIG_OPTION_FORM(struct generate_args, form),
    GS_MIG_OPTION_DEBUG(struct generate_args, debug),
};

static const struct gs_example examples[] = {
    {"gpuslice mig generate-config -f config.yaml", "a configuration for each kind of slice"},
};

const struct gs_command gs_command_mig_generate = {
    .name = "mig generate-config",
    .summary = "write a configuration for each way to cut the GPUs",
    .text = "all-disabled, all-enabled, all-balanced and, for each kind of slice that the driver "
            "offers, all-<profile> with as many of it as a GPU takes.",
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .drop_in = true,
    .impossible = "no GPU can be cut, or the driver does not tell into what; stderr says why",
    .run = gs_cmd_mig_generate,
};

static int run(const struct generate_args *args, struct gs_arena *arena, struct gs_err *err)
{
    GS_CLEANUP(gs_gpu_close) struct gs_gpus gpus = {.ops = NULL};
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, GS_OUTPUT_MAX);
    int r = gs_mig_open(&gpus, err);
    if (r == 0) {
        r = gs_mig_generate_text(&gpus, arena, (enum gs_migwrite_form)args->form, args->debug,
                                 &text, err);
    }
    if (r < 0) {
        return gs_wrap(err, r, "Error generating MIG config");
    }
    if (args->file == NULL || args->file[0] == '\0' || strcmp(args->file, "-") == 0) {
        return gs_output_text(&text, err);
    }
    return gs_outfile_write("output-file", args->file,
                            (struct gs_view){.p = gs_buf_text(&text), .n = text.len}, err);
}

int gs_cmd_mig_generate(int argc, char **argv)
{
    struct generate_args args = {.form = GS_MIGWRITE_YAML};
    int status;
    if (!gs_mig_begin(&gs_command_mig_generate, argc, argv, &args, &status)) {
        return status;
    }
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_MIG_ARENA_MAX);
    struct gs_err err;
    return gs_mig_exit(run(&args, &arena, &err), &err);
}
