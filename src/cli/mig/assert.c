#include "base/cleanup.h"
#include "cli/mig/check.h"
#include "cli/mig/mig.h"

struct assert_args {
    const char *config_file;
    const char *selected;
    bool mode_only;
    bool valid_config;
    bool debug;
};

static const struct gs_option options[] = {
    GS_MIG_OPTIONS_CONFIG(struct assert_args),
    {.name = "mode-only",
     .letter = 'm',
     GS_TO_FLAG(struct assert_args, mode_only),
     .env = "MIG_PARTED_MODE_CHANGE_ONLY",
     .help = "look whether MIG is on and off as asked for, not at slices"},
    {.name = "valid-config",
     .letter = 'a',
     GS_TO_FLAG(struct assert_args, valid_config),
     .env = "MIG_PARTED_VALID_CONFIG",
     .help = "look at the file only, not at GPUs"},
    GS_MIG_OPTION_DEBUG(struct assert_args, debug),
};

static const struct gs_example examples[] = {
    {"gpuslice mig assert -f config.yaml -c all-1g.5gb", "whether the GPUs are cut so"},
    {"gpuslice mig assert -af config.yaml -c all-1g.5gb", "whether the file is as it must be"},
};

const struct gs_command gs_command_mig_assert = {
    .name = "mig assert",
    .summary = "check that the GPUs are cut as a configuration says",
    .text = "GPUs that the configuration does not name are not looked at.",
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .drop_in = true,
    .impossible = "they are not, or that could not be found out; stderr says why",
    .run = gs_cmd_mig_assert,
};

static int check_gpus(const struct assert_args *args, const struct gs_migconfig_choice *choice,
                      struct gs_arena *arena, struct gs_err *err)
{
    GS_CLEANUP(gs_gpu_close) struct gs_gpus gpus = {.ops = NULL};
    gs_mig_notice_killed();
    int r = gs_mig_open(&gpus, err);
    if (r < 0) {
        return r;
    }
    return gs_mig_check(&gpus, arena, choice, args->mode_only, args->debug, err);
}

static int run(const struct assert_args *args, struct gs_arena *arena, struct gs_err *err)
{
    const struct gs_migconfig_choice *choice;
    gs_mig_debug(args->debug, "reading the configuration file");
    int r = gs_mig_read_config(arena, args->config_file, args->selected, &choice, err);
    if (r < 0) {
        return r;
    }
    if (args->valid_config) {
        return gs_mig_say("Selected MIG configuration is valid", err);
    }
    r = check_gpus(args, choice, arena, err);
    if (r < 0) {
        return gs_wrap(err, r, "Assertion failure: selected configuration not currently applied");
    }
    return gs_mig_say(args->mode_only
                          ? "Selected MIG mode settings from configuration currently applied"
                          : "Selected MIG configuration currently applied",
                      err);
}

int gs_cmd_mig_assert(int argc, char **argv)
{
    struct assert_args args = {.debug = false};
    int status;
    if (!gs_mig_begin(&gs_command_mig_assert, argc, argv, &args, &status)) {
        return status;
    }
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_MIG_ARENA_MAX);
    struct gs_err err;
    return gs_mig_exit(run(&args, &arena, &err), &err);
}
