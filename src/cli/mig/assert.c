#include "base/cleanup.h"
#include "cli/gpu/gpu.h"
#include "cli/mig/check.h"

struct assert_args {
    const char *config_file;
    const char *selected;
    bool mode_only;
    bool valid_config;
    unsigned format; /* enum gs_format */
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
    GS_OPTION_OUTPUT(struct assert_args, format, gs_format_names),
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

/* What the command says: the verdicts, or why there are none. */
struct outcome {
    const struct gs_migconfig_choice *choice; /* NULL: the file could not be read */
    struct gs_mig_verdicts verdicts;
    const char *done; /* the line for stdout */
};

static int check_gpus(const struct assert_args *args, struct gs_arena *arena, struct outcome *ret,
                      struct gs_err *err)
{
    GS_CLEANUP(gs_gpu_close) struct gs_gpus gpus = {.ops = NULL};
    gs_mig_notice_killed();
    int r = gs_mig_open(&gpus, err);
    if (r < 0) {
        return r;
    }
    r = gs_mig_judge(&gpus, arena, ret->choice, args->mode_only, args->debug, &ret->verdicts, err);
    return r < 0 ? r : gs_mig_sum_up(&ret->verdicts, err);
}

static int run(const struct assert_args *args, struct gs_arena *arena, struct outcome *ret,
               struct gs_err *err)
{
    gs_mig_debug(args->debug, "reading the configuration file");
    int r = gs_mig_read_config(arena, args->config_file, args->selected, &ret->choice, err);
    if (r < 0) {
        return r;
    }
    if (args->valid_config) {
        ret->done = "Selected MIG configuration is valid";
        return 0;
    }
    r = check_gpus(args, arena, ret, err);
    if (r < 0) {
        return gs_wrap(err, r, "Assertion failure: selected configuration not currently applied");
    }
    ret->done = args->mode_only ? "Selected MIG mode settings from configuration currently applied"
                                : "Selected MIG configuration currently applied";
    return 0;
}

/* ---- the document ---- */

/* {"mig_mode": "on", "slices": {"1g.5gb": 7}}; slices are null where they were not looked at. */
static void put_side(struct gs_result *result, json_t *at, const char *key, enum gs_mig_mode mode,
                     const struct gs_mig_wish *slices)
{
    json_t *side = gs_result_object(result, at, key);
    gs_result_text(result, side, "mig_mode", gs_gpu_mode_word(mode));
    if (slices == NULL) {
        gs_result_null(result, side, "slices");
        return;
    }
    json_t *list = gs_result_object(result, side, "slices");
    for (unsigned i = 0; i < slices->n; i++) {
        char name[GS_PROFILE_NAME_MAX + 1];
        gs_profile_name_format(&slices->slices[i].name, name);
        gs_result_number(result, list, name, slices->slices[i].count);
    }
}

static void put_gpu(struct gs_result *result, json_t *at, const struct assert_args *args,
                    const struct gs_mig_gpu *gpu, const struct gs_mig_wish *wish,
                    const struct gs_mig_verdict *verdict)
{
    bool read = gpu->why.code == GS_OK;
    gs_result_number(result, at, "index", gpu->facts.index);
    gs_result_text(result, at, "uuid", read ? gpu->facts.uuid : NULL);
    gs_result_bool(result, at, "named", wish->named);
    if (wish->named && read) {
        gs_result_bool(result, at, "met", verdict->code == 0);
    } else {
        gs_result_null(result, at, "met");
    }
    gs_result_text(result, at, "difference", verdict->code < 0 ? verdict->why.msg : NULL);
    gs_result_text(result, at, "error", read ? NULL : gpu->why.msg);
    if (!wish->named || !read) {
        gs_result_null(result, at, "expected");
        gs_result_null(result, at, "found");
        return;
    }
    put_side(result, at, "expected", wish->mig_enabled ? GS_MIG_ON : GS_MIG_OFF,
             args->mode_only ? NULL : wish);
    put_side(result, at, "found", gpu->facts.mode, verdict->have_known ? &verdict->have : NULL);
}

static int write_doc(const struct assert_args *args, const struct outcome *outcome, int r,
                     const struct gs_err *failed, struct gs_err *err)
{
    GS_CLEANUP(gs_result_done) struct gs_result result;
    gs_result_init(&result);
    gs_result_text(&result, result.root, "command", "mig assert");
    gs_result_bool(&result, result.root, "ok", r == 0);
    gs_result_text(&result, result.root, "error", r < 0 ? failed->msg : NULL);
    gs_result_text(&result, result.root, "configuration",
                   outcome->choice == NULL ? NULL : outcome->choice->name);
    gs_result_text(&result, result.root, "looked_at",
                   args->valid_config ? "file"
                   : args->mode_only  ? "mode"
                                      : "slices");
    json_t *gpus = gs_result_array(&result, result.root, "gpus");
    const struct gs_mig_verdicts *all = &outcome->verdicts;
    for (unsigned i = 0; i < all->n; i++) {
        put_gpu(&result, gs_result_object(&result, gpus, NULL), args, &all->gpus[i],
                &all->wishes[i], &all->at[i]);
    }
    return gs_output_result(&result, (enum gs_format)args->format, err);
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
    struct outcome outcome = {.choice = NULL};
    struct gs_err err;
    struct gs_err output;
    int r = run(&args, &arena, &outcome, &err);
    int written = args.format != GS_FORMAT_TABLE ? write_doc(&args, &outcome, r, &err, &output)
                  : r == 0                       ? gs_mig_say(outcome.done, &output)
                                                 : 0;
    return r < 0 ? gs_mig_exit(r, &err) : gs_mig_exit(written, &output);
}
