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
    GS_MIG_OPTION_NO_CHECKPOINT(struct mode_args),
    GS_MIG_OPTION_KUBELET_ROOT(struct mode_args),
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
            "and it is named. What there was is kept: gpuslice mig restore --list.",
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

enum { DONE_MAX = 32 * 24 + 120 };

/* "MIG is on on GPUs 0, 2 (after a reset)" */
static void format_done(const struct gs_apply_want *wants, unsigned n, unsigned meant,
                        const struct gs_apply_report *report, const char *mode, char text[DONE_MAX])
{
    size_t used =
        (size_t)snprintf(text, DONE_MAX, "MIG is %s on GPU%s", mode, meant == 1 ? "" : "s");
    bool any = false;
    for (unsigned k = 0; k < n && used < DONE_MAX; k++) {
        if (wants[k].wish != NULL) {
            bool waits = report->gpus[k] == GS_APPLY_PENDING;
            used += (size_t)snprintf(text + used, DONE_MAX - used, "%s %u%s", any ? "," : "", k,
                                     waits ? " (after a reset)" : "");
            any = true;
        }
    }
}

static int run(const struct mode_args *args, bool on, struct gs_mig_change *change,
               char done[DONE_MAX], struct gs_err *err)
{
    const struct gs_mig_wish wish = {.named = true, .mig_enabled = on};
    struct gs_apply_want wants[GS_GPUS_MAX];
    struct gs_hooks hooks = {.file = NULL};
    unsigned n;
    unsigned meant;
    int r = gs_mig_change_open(change, true, err);
    if (r < 0 || (r = make_wants(&change->gpus, args, &wish, wants, &n, &meant, err)) < 0) {
        return r;
    }
    change->options.mode_only = true;
    change->options.skip_reset = args->skip_reset;
    change->options.hooks = &hooks;
    r = gs_apply(&change->gpus, wants, n, &change->options, &change->report, err);
    if (r == 0) {
        format_done(wants, n, meant, &change->report, on ? "on" : "off", done);
    }
    return r;
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
    struct gs_mig_change change;
    gs_mig_change_init(&change, &args.common, command->name, &arena);
    char done[DONE_MAX] = "";
    struct gs_err err;
    int r = run(&args, on, &change, done, &err);
    return gs_mig_change_end(&change, r, done, &err);
}

int gs_cmd_mig_enable(int argc, char **argv)
{
    return run_command(&gs_command_mig_enable, true, argc, argv);
}

int gs_cmd_mig_disable(int argc, char **argv)
{
    return run_command(&gs_command_mig_disable, false, argc, argv);
}
