#include "base/cleanup.h"
#include "cli/mig/check.h"
#include "cli/mig/mig.h"
#include "term/output.h"

struct export_args {
    unsigned form;
    const char *label;
    bool debug;
};

const char *const gs_mig_form_names[] = {
    [GS_MIGWRITE_YAML] = "yaml",
    [GS_MIGWRITE_JSON] = "json",
    NULL,
};

static const struct gs_option options[] = {
    GS_MIG_OPTION_FORM(struct export_args, form),
    {.name = "config-label",
     .letter = 'l',
     .arg = "NAME",
     GS_TO_TEXT(struct export_args, label),
     .env = "MIG_PARTED_CONFIG_LABEL",
     .help = "the name of the configuration; \"current\" where none is given"},
    GS_MIG_OPTION_DEBUG(struct export_args, debug),
};

static const struct gs_example examples[] = {
    {"gpuslice mig export", "what the GPUs are cut into"},
    {"gpuslice mig export -l saved >saved.yaml", "to be applied again later"},
};

const struct gs_command gs_command_mig_export = {
    .name = "mig export",
    .summary = "write what the GPUs are cut into as a configuration",
    .text = "Places are not part of a configuration; gpuslice mig checkpoint keeps them.",
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .drop_in = true,
    .impossible = "the GPUs could not be read; stderr says why",
    .run = gs_cmd_mig_export,
};

static int run(const struct export_args *args, struct gs_arena *arena, struct gs_err *err)
{
    GS_CLEANUP(gs_gpu_close) struct gs_gpus gpus = {.ops = NULL};
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, GS_OUTPUT_MAX);
    gs_mig_debug(args->debug, "reading the GPUs");
    gs_mig_notice_killed();
    int r = gs_mig_open(&gpus, err);
    if (r == 0) {
        r = gs_mig_export_text(&gpus, arena, args->label, (enum gs_migwrite_form)args->form, &text,
                               err);
    }
    return r < 0 ? r : gs_output_text(&text, err);
}

int gs_cmd_mig_export(int argc, char **argv)
{
    struct export_args args = {.form = GS_MIGWRITE_YAML, .label = "current"};
    int status;
    if (!gs_mig_begin(&gs_command_mig_export, argc, argv, &args, &status)) {
        return status;
    }
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_MIG_ARENA_MAX);
    struct gs_err err;
    return gs_mig_exit(run(&args, &arena, &err), &err);
}
