#include "base/cleanup.h"
#include "cli/mig/change.h"
#include "cli/mig/mig.h"

struct apply_args {
    const char *config_file;
    const char *selected;
    struct gs_mig_hook_args hooks;
    bool mode_only;
    bool skip_reset;
    bool only_idle;
    struct gs_mig_change_args common;
};

static const struct gs_option options[] = {
    GS_MIG_OPTIONS_CONFIG(struct apply_args),
    GS_MIG_OPTION_HOOKS_FILE(struct apply_args),
    {.name = "mode-only",
     .letter = 'm',
     GS_TO_FLAG(struct apply_args, mode_only),
     .env = "MIG_PARTED_MODE_CHANGE_ONLY",
     .help = "turn MIG on and off as asked for, and cut nothing"},
    {.name = "skip-reset",
     .letter = 's',
     GS_TO_FLAG(struct apply_args, skip_reset),
     .env = "MIG_PARTED_SKIP_RESET",
     .help = "leave a MIG mode that waits for a reset pending"},
    GS_MIG_APPLY_OPTIONS(struct apply_args),
};

static const struct gs_example examples[] = {
    {"gpuslice mig apply -f config.yaml -c all-1g.5gb", "cut all GPUs into the smallest slices"},
    {"gpuslice mig apply -f config.yaml -c all-1g.5gb --dry-run", "only show the steps"},
};

const struct gs_command gs_command_mig_apply = {
    .name = "mig apply",
    .summary = "cut the GPUs as a configuration says",
    .text = "Slices that are wanted already stay, with their UUIDs, and so do slices in use: where "
            "one stands in the way, nothing at all is touched and it is named. Only GPUs whose MIG "
            "mode needs it are reset, and only when they are idle. Ctrl-C and SIGTERM end a run at "
            "the next whole slice, and apply-exit hooks run; of one that was killed the step that "
            "it was at is finished or taken back by the next command that changes GPUs. Either "
            "way, the same command again does the rest.",
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .drop_in = true,
    .impossible = "it could not be done, or with --only-idle not all of it; stderr says why and "
                  "what the GPUs are now",
    .run = gs_cmd_mig_apply,
};

static int make_wants(struct gs_gpus *gpus, const struct gs_migconfig_choice *choice,
                      struct gs_arena *arena, struct gs_apply_want **ret, unsigned *ret_n,
                      struct gs_err *err)
{
    struct gs_mig_gpu *at;
    struct gs_migconfig_target *targets;
    int r = gs_mig_survey_some(gpus, arena, &at, ret_n, err);
    r = r < 0 ? r : gs_mig_targets(at, *ret_n, arena, &targets, err);
    if (r < 0) {
        return r;
    }
    struct gs_mig_wish *wishes = GS_ARENA_NEW(arena, struct gs_mig_wish, *ret_n);
    struct gs_apply_want *wants = GS_ARENA_NEW(arena, struct gs_apply_want, *ret_n);
    if (wishes == NULL || wants == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the GPUs of this machine");
    }
    gs_mig_resolve(choice, targets, *ret_n, wishes);
    for (unsigned k = 0; k < *ret_n; k++) {
        wants[k].wish = &wishes[k];
    }
    *ret = wants;
    return gs_mig_check_read(at, wishes, *ret_n, err);
}

static int run(const struct apply_args *args, struct gs_mig_change *change, struct gs_err *err)
{
    const struct gs_migconfig_choice *choice;
    struct gs_apply_want *wants = NULL;
    struct gs_hooks hooks;
    unsigned n = 0;
    gs_mig_debug(args->common.debug, "reading the configuration file");
    int r = gs_mig_read_config(change->arena, args->config_file, args->selected, &choice, err);
    r = r < 0 ? r
              : gs_mig_read_hooks(change->arena, &args->hooks, &gs_command_mig_apply, args,
                                  args->common.debug, &hooks, err);
    if (r < 0 || (r = gs_mig_change_open(change, true, err)) < 0 ||
        (r = make_wants(&change->gpus, choice, change->arena, &wants, &n, err)) < 0) {
        return r;
    }
    change->options.mode_only = args->mode_only;
    change->options.skip_reset = args->skip_reset;
    change->options.only_idle = args->only_idle;
    change->options.hooks = &hooks;
    return gs_apply(&change->gpus, wants, n, &change->options, &change->report, err);
}

int gs_cmd_mig_apply(int argc, char **argv)
{
    struct apply_args args = {.config_file = NULL};
    int status;
    if (!gs_mig_begin(&gs_command_mig_apply, argc, argv, &args, &status)) {
        return status;
    }
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_MIG_ARENA_MAX);
    struct gs_mig_change change;
    gs_mig_change_init(&change, &args.common, "mig apply", &arena);
    struct gs_err err;
    int r = run(&args, &change, &err);
    return gs_mig_change_end(&change, r, "MIG configuration applied successfully", &err);
}
