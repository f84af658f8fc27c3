#include "boot/boot.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "boot/clock.h"
#include "boot/cut.h"
#include "boot/files.h"
#include "boot/label.h"
#include "boot/reboot.h"
#include "boot/toolkit.h"
#include "gpu/gpu_env.h"
#include "term/alone.h"

#define MEMORY_MAX ((size_t)64 << 20)
enum { REPORT_MAX = 64 * 1024, BLOCKED_SAY_MS = 60000 };

enum { STATUS_DONE, STATUS_NOT_DONE };

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

/* The first ends the work at its next whole slice; the second is a kill. */
static void catch_signals(void)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    stop = 0;
    for (size_t i = 0; i < GS_ARRAY_LEN(numbers); i++) {
        sigaction(numbers[i], &action, NULL);
    }
}

/* One run. */
struct work {
    const struct gs_boot_options *options;
    struct gs_arena *arena;
    struct gs_machine_roots roots;
    struct gs_boot_report report;
    struct gs_boot_label label;
    const char *name; /* of the layout; NULL: the only one of the file */
    const struct gs_migconfig_choice *layout;
    char waiting[GS_BOOT_LIST_MAX]; /* GPUs that a reboot would help */
};

/* That it cannot be written is said, and is no reason to keep a node from starting. */
static void write_report(struct work *work, enum gs_boot_state state)
{
    char path[GS_BOOT_FOLDER_MAX + 16];
    struct gs_err err;
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, REPORT_MAX);
    work->report.state = state;
    if (work->options->dry_run) {
        return;
    }
    gs_boot_report_format(&work->report, &text);
    snprintf(path, sizeof(path), "%s/boot.json", work->options->run_dir);
    const struct gs_view bytes = {.p = gs_buf_text(&text), .n = text.len};
    if (!gs_buf_ok(&text)) {
        gs_log(GS_LOG_WARNING, "no memory for %s", path);
    } else if (gs_boot_file_replace(path, bytes, &err) < 0) {
        gs_log(GS_LOG_WARNING, "how it went is not kept: %s", err.msg);
    }
}

/* ---- the toolkit's configuration ---- */

static int edit_toolkit(const struct work *work, struct gs_err *err)
{
    const char *path = work->options->toolkit_config;
    struct gs_view text;
    bool changed = false;
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, GS_BOOT_TOOLKIT_MAX + 256);
    if (path == NULL) {
        return 0;
    }
    int r = gs_boot_file_read(path, GS_BOOT_TOOLKIT_MAX, work->arena, &text, err);
    r = r < 0 ? r : gs_boot_toolkit_edit(text, path, &out, &changed, err);
    if (r == 0 && changed && !work->options->dry_run) {
        const struct gs_view bytes = {.p = gs_buf_text(&out), .n = out.len};
        r = gs_boot_file_replace(path, bytes, err);
    }
    if (r < 0) {
        return gs_wrap(err, r, "--toolkit-config");
    }
    gs_log(GS_LOG_INFO, "%s: " GS_BOOT_TOOLKIT_KEY " %s false", path,
           !changed                 ? "is"
           : work->options->dry_run ? "would be set to"
                                    : "is set to");
    return 0;
}

/* ---- which layout ---- */

static int look_into_files(struct work *work, struct gs_err *err)
{
    const struct gs_boot_options *options = work->options;
    struct gs_view text;
    work->label = (struct gs_boot_label){.key = options->label};
    for (size_t i = 0; i < options->label_files.n; i++) {
        const char *path = options->label_files.items[i];
        int r = gs_boot_file_read(path, GS_BOOT_LABEL_TEXT_MAX, work->arena, &text, err);
        r = r < 0 ? r : gs_boot_label_look(text, path, work->arena, &work->label, err);
        if (r < 0) {
            return gs_wrap(err, r == GS_NOT_FOUND ? GS_IO : r, "--label-file");
        }
    }
    int r = gs_boot_label_end(&work->label, err);
    if (r == 0) {
        work->name = work->label.value;
        work->report.from =
            gs_arena_printf(work->arena, "the label %s in %s", work->label.key, work->label.place);
    }
    return r;
}

/* GS_NOT_FOUND, err untouched: nobody wants a layout. */
static int find_name(struct work *work, struct gs_err *err)
{
    const struct gs_boot_options *options = work->options;
    if (options->layout != NULL) {
        work->name = options->layout;
        work->report.from = "--layout";
    } else if (options->label_files.n > 0) {
        return look_into_files(work, err);
    } else if (options->layout_file != NULL) {
        work->report.from = "the only configuration of --layout-file";
    } else {
        return GS_NOT_FOUND;
    }
    return 0;
}

static int find_layout(struct work *work, struct gs_err *err)
{
    const char *file = work->options->layout_file;
    work->report.layout = work->name;
    work->report.file = file;
    if (file == NULL) {
        return 0;
    }
    int r = gs_boot_layout_find(file, work->name, work->arena, &work->layout, err);
    if (r == 0 && work->layout != NULL) {
        work->report.layout = work->layout->name;
    }
    return r;
}

/* ---- the GPUs ---- */

static int cut(struct work *work, struct gs_gpus *gpus, unsigned n, struct gs_err *err)
{
    struct gs_boot_cut cut = {
        .options = work->options,
        .roots = &work->roots,
        .gpus = gpus,
        .n = n,
        .name = work->name,
        .layout = work->layout,
        .stop = &stop,
        .arena = work->arena,
        .report = &work->report,
    };
    uint64_t begun = gs_boot_clock_ms();
    write_report(work, GS_BOOT_CUTTING);
    int r = gs_boot_cut(&cut, work->waiting, err);
    work->report.cut_took_ms = gs_boot_clock_ms() - begun;
    return r;
}

static int open_and_cut(struct work *work, struct gs_err *err)
{
    const struct gs_boot_wait wait = {.limit_s = work->options->wait_s,
                                      .missing_gpus = work->options->missing_gpus,
                                      .stop = &stop};
    GS_CLEANUP(gs_gpu_close) struct gs_gpus gpus = {.ops = NULL};
    unsigned n = 0;
    uint64_t begun = gs_boot_clock_ms();
    write_report(work, GS_BOOT_WAITING);
    if (gs_boot_pci_gpus(&work->roots) == 0 && gs_boot_layout_is_idle(work->layout, work->name)) {
        gs_log(GS_LOG_INFO, "no NVIDIA GPU is here, and none is to be cut");
        return 0;
    }
    int r = gs_boot_driver_open(&work->roots, &wait, &gpus, &n, err);
    work->report.driver_took_ms = gs_boot_clock_ms() - begun;
    return r < 0 ? r : cut(work, &gpus, n, err);
}

/* ---- how it ends ---- */

static int fail(struct work *work, const struct gs_err *err)
{
    gs_log(GS_LOG_ERROR, "%s", err->msg);
    work->report.error = *err;
    work->report.ended_ms = gs_boot_now_ms();
    write_report(work, GS_BOOT_FAILED);
    return STATUS_NOT_DONE;
}

static int succeed(struct work *work, enum gs_boot_state state)
{
    struct gs_err err;
    if (work->options->dry_run) {
        return STATUS_DONE;
    }
    if (gs_boot_reboot_done(work->options->state_dir, &work->report.rebooted, &err) < 0) {
        gs_log(GS_LOG_WARNING, "a reboot that may be needed later will not be asked for: %s",
               err.msg);
    }
    work->report.ended_ms = gs_boot_now_ms();
    write_report(work, state);
    return STATUS_DONE;
}

/* The kubelet must not start in between: returns only when a signal comes. */
static int wait_for_reboot(struct work *work)
{
    uint64_t said = gs_boot_clock_ms();
    while (stop == 0) {
        gs_boot_sleep_ms(1000);
        if (gs_boot_clock_ms() - said >= BLOCKED_SAY_MS) {
            gs_log(GS_LOG_WARNING, "still waiting for the machine to go down");
            said = gs_boot_clock_ms();
        }
    }
    gs_log(GS_LOG_INFO, "ended by a signal while waiting for the machine to go down");
    write_report(work, GS_BOOT_REBOOTING);
    return STATUS_NOT_DONE;
}

static int reboot(struct work *work, const struct gs_err *why)
{
    const struct gs_boot_options *options = work->options;
    const struct gs_boot_reboot reboot = {
        .state_dir = options->state_dir,
        .boot_id = work->report.boot_id,
        .layout = work->report.layout,
        .gpus = work->waiting,
    };
    struct gs_err err;
    uint32_t kubelet = gs_boot_kubelet(&work->roots);
    int r = 0;
    gs_log(GS_LOG_WARNING, "%s", why->msg);
    if (kubelet != 0) {
        r = gs_fail(&err, GS_UNSUPPORTED,
                    "GPU %s: the MIG mode waits for a reboot, and a kubelet runs here (pid %u): "
                    "drain the node and reboot it",
                    work->waiting, kubelet);
    } else if (options->reboot_command[0] == '\0') {
        r = gs_fail(&err, GS_UNSUPPORTED,
                    "GPU %s: the MIG mode waits for a reboot of the machine, and --reboot-command "
                    "is empty",
                    work->waiting);
    }
    if (r == 0 && stop != 0) {
        r = gs_fail_errno(&err, EINTR, "before a reboot was asked for");
    }
    r = r < 0 ? r : gs_boot_reboot_prepare(&reboot, &err);
    if (r < 0) {
        return fail(work, &err);
    }
    gs_log(GS_LOG_INFO, "GPU %s: asking for a reboot, once: %s", work->waiting,
           options->reboot_command);
    work->report.error = *why;
    write_report(work, GS_BOOT_REBOOTING);
    r = gs_boot_reboot_ask(options->reboot_command, &stop, &err);
    return r < 0 ? fail(work, &err) : wait_for_reboot(work);
}

static int run(struct work *work)
{
    struct gs_err err = {.code = GS_OK};
    int r = gs_gpu_env_roots(&work->roots, &err);
    gs_boot_id(&work->roots, work->report.boot_id);
    r = r < 0 ? r : edit_toolkit(work, &err);
    if (r < 0) {
        return fail(work, &err);
    }
    r = find_name(work, &err);
    if (r == GS_NOT_FOUND) {
        gs_log(GS_LOG_INFO, "no layout is asked for%s%s: nothing to do",
               work->options->label_files.n == 0 ? "" : ": there is no label ",
               work->options->label_files.n == 0 ? "" : work->options->label);
        return succeed(work, GS_BOOT_NOTHING);
    }
    r = r < 0 ? r : find_layout(work, &err);
    if (r == 0) {
        gs_log(GS_LOG_INFO, "layout %s, from %s",
               work->report.layout == NULL ? "" : work->report.layout,
               work->report.from == NULL ? "" : work->report.from);
        r = open_and_cut(work, &err);
    }
    if (r == 0) {
        return succeed(work, GS_BOOT_CUT);
    }
    return work->waiting[0] != '\0' ? reboot(work, &err) : fail(work, &err);
}

/* ---- the program ---- */

/* As a command of the agent it is called by its word alone. */
static void name_it(const char *called, struct gs_command *command)
{
    const char *slash = called == NULL ? NULL : strrchr(called, '/');
    if (called != NULL) {
        command->name = slash == NULL ? called : slash + 1;
        command->program = strcmp(command->name, "boot") == 0 ? "gpuslice-agent" : command->name;
    }
}

int gs_boot_main(int argc, char **argv)
{
    struct gs_boot_options options;
    struct gs_err err;
    struct gs_command command = gs_boot_command;
    int status;
    name_it(argc > 0 ? argv[0] : NULL, &command);
    int r = gs_boot_options_preset(&options, &err);
    if (r == 0 && !gs_alone_begin(&command, argc, argv, &options, &options.version, &status)) {
        return status;
    }
    r = r == 0 ? gs_boot_options_check(&options, &err) : r;
    if (r < 0) {
        return gs_alone_usage(&command, &err);
    }
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, MEMORY_MAX);
    struct work work = {
        .options = &options,
        .arena = &arena,
        .report = {.started_ms = gs_boot_now_ms(),
                   .driver_took_ms = GS_BOOT_NO_TIME,
                   .cut_took_ms = GS_BOOT_NO_TIME},
    };
    gs_log_init(GS_LOG_DEBUG, false);
    catch_signals();
    return run(&work);
}
