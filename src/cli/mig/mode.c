/* gpuslice mig enable and gpuslice mig disable: the MIG mode by hand. */

#include <stdio.h>

#include "base/cleanup.h"
#include "cli/mig/change.h"
#include "cli/mig/mig.h"
#include "wire/migspec.h"

struct mode_args {
    const char *gpu;
    bool skip_reset;
    struct gs_mig_change_args common;
};

static const struct gs_option options[] = {
    {.name = "gpu",
     .letter = 'g',
     .arg = "LIST",
     GS_TO_TEXT(struct mode_args, gpu),
     .complete = GS_COMPLETE_GPU,
     .help = "these GPUs, by number, UUID or PCI address: 0,2; without, all that can be cut"},
    {.name = "skip-reset",
     .letter = 's',
     GS_TO_FLAG(struct mode_args, skip_reset),
     .help = "leave a MIG mode that waits for a reset pending"},
    GS_MIG_CHANGE_OPTIONS(struct mode_args),
};

static const struct gs_example enable_examples[] = {
    {"gpuslice mig enable", "on all GPUs that can be cut"},
    {"gpuslice mig enable --gpu 0,2 --dry-run", "only show what would be done to two"},
};

static const struct gs_example disable_examples[] = {
    {"gpuslice mig disable --gpu 0", "the slices of GPU 0 go, and it is whole again"},
};

const struct gs_command gs_command_mig_enable = {
    .name = "mig enable",
    .summary = "turn MIG on",
    .text = "GPUs that have it on stay as they are. Where the change needs a reset (Ampere), the "
            "GPU is reset, and only when it is idle.",
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = enable_examples,
    .n_examples = GS_ARRAY_LEN(enable_examples),
    .drop_in = true,
    .impossible = "a GPU is in use or cannot be cut, or the driver failed; stderr says why",
    .run = gs_cmd_mig_enable,
};

const struct gs_command gs_command_mig_disable = {
    .name = "mig disable",
    .summary = "turn MIG off; idle slices go",
    .text = "The slices of these GPUs are removed. Where one is in use, nothing at all is touched "
            "and it is named. gpuslice mig checkpoint keeps what there was.",
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = disable_examples,
    .n_examples = GS_ARRAY_LEN(disable_examples),
    .drop_in = true,
    .impossible = "a slice or a GPU is in use, or the driver failed; stderr says why",
    .run = gs_cmd_mig_disable,
};

/* The wish for each GPU that is meant; *ret_meant counts them. */
static int make_wants(struct gs_gpus *gpus, const struct mode_args *args,
                      const struct gs_mig_wish *wish, struct gs_apply_want wants[GS_GPUS_MAX],
                      unsigned *ret_n, unsigned *ret_meant, struct gs_err *err)
{
    uint32_t named = 0;
    *ret_meant = 0;
    int r = gs_gpu_count(gpus, ret_n, err);
    r = r < 0 ? r : gs_mig_find_gpus(gpus, args->gpu, &named, err);
    for (unsigned k = 0; r == 0 && k < *ret_n; k++) {
        struct gs_gpu facts;
        wants[k] = (struct gs_apply_want){.wish = NULL};
        bool meant = (named >> k & 1u) != 0;
        if (named == 0) {
            r = gs_gpu_get(gpus, k, &facts, err);
            meant = r == 0 && facts.mode != GS_MIG_NOT_CAPABLE;
        }
        if (meant) {
            wants[k].wish = wish;
            ++*ret_meant;
        }
    }
    if (r == 0 && *ret_meant == 0) {
        return gs_fail(err, GS_UNSUPPORTED, "none of %u GPUs can be cut", *ret_n);
    }
    return r;
}

/* "MIG is on on GPUs 0, 2 (after a reset)" */
static int say_done(const struct gs_apply_want *wants, unsigned n, unsigned meant,
                    const struct gs_apply_report *report, const char *mode, struct gs_err *err)
{
    char text[32 * 4 + 80];
    size_t used = 0;
    for (unsigned k = 0; k < n && used < sizeof(text); k++) {
        if (wants[k].wish != NULL) {
            bool waits = report->gpus[k] == GS_APPLY_PENDING;
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%u%s",
                                     used == 0 ? "" : ", ", k, waits ? " (after a reset)" : "");
        }
    }
    char line[sizeof(text) + 40];
    snprintf(line, sizeof(line), "MIG is %s on GPU%s %s", mode, meant == 1 ? "" : "s", text);
    return gs_mig_say(line, err);
}

static int run(const struct mode_args *args, bool on, struct gs_arena *arena, struct gs_err *err)
{
    const struct gs_mig_wish wish = {.named = true, .mig_enabled = on};
    struct gs_apply_options apply;
    struct gs_apply_want wants[GS_GPUS_MAX];
    struct gs_apply_report report;
    struct gs_hooks hooks = {.file = NULL};
    unsigned n;
    unsigned meant;
    int r =
        gs_mig_change_options(&args->common, on ? "mig enable" : "mig disable", arena, &apply, err);
    GS_CLEANUP(gs_gpu_close) struct gs_gpus gpus = {.ops = NULL};
    if (r < 0 || (r = gs_mig_open(&gpus, err)) < 0 ||
        (r = make_wants(&gpus, args, &wish, wants, &n, &meant, err)) < 0) {
        return r;
    }
    apply.mode_only = true;
    apply.skip_reset = args->skip_reset;
    apply.hooks = &hooks;
    r = gs_apply(&gpus, wants, n, &apply, &report, err);
    return r < 0 || apply.dry_run ? r : say_done(wants, n, meant, &report, on ? "on" : "off", err);
}

static int run_command(const struct gs_command *command, bool on, int argc, char **argv)
{
    struct mode_args args = {.gpu = NULL};
    int status;
    if (!gs_mig_begin(command, argc, argv, &args, &status)) {
        return status;
    }
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_MIG_ARENA_MAX);
    struct gs_err err;
    return gs_mig_exit(run(&args, on, &arena, &err), &err);
}

int gs_cmd_mig_enable(int argc, char **argv)
{
    return run_command(&gs_command_mig_enable, true, argc, argv);
}

int gs_cmd_mig_disable(int argc, char **argv)
{
    return run_command(&gs_command_mig_disable, false, argc, argv);
}
