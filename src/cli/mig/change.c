#include "cli/mig/change.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/mig/check.h"
#include "cli/mig/granted.h"
#include "cli/mig/kept.h"
#include "cli/mig/preview.h"
#include "partition/recover.h"
#include "term/exit.h"
#include "term/progress.h"

#define RUN_DIR "/run/gpuslice"
#define KUBELET_DIR "/var/lib/kubelet"

enum { LINES_MAX = 1 << 20 /* bytes of all steps, or of all notes */ };

/* Set by the first SIGINT or SIGTERM; the second one ends the program at once. */
static volatile sig_atomic_t stop;

static void ask_to_stop(int signal_number)
{
    (void)signal_number;
    stop = 1;
}

/* What was ignored stays so: nohup. */
static void catch_signals(void)
{
    static const int which[] = {SIGINT, SIGTERM};
    const struct sigaction catch = {.sa_handler = ask_to_stop,
                                    .sa_flags = SA_RESTART | (int)SA_RESETHAND};
    for (size_t i = 0; i < GS_ARRAY_LEN(which); i++) {
        struct sigaction now;
        if (sigaction(which[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN) {
            (void)sigaction(which[i], &catch, NULL);
        }
    }
}

static unsigned long long now_ms(void)
{
    return (unsigned long long)(gs_now_us() / 1000);
}

static bool is_doc(const struct gs_mig_change *change)
{
    return change->args->format != GS_FORMAT_TABLE;
}

/* ---- where its files are ---- */

const char *gs_mig_state_dir(const char *given, struct gs_arena *arena)
{
    const char *sim = getenv("GPUSLICE_SIM");
    if (given != NULL && given[0] != '\0') {
        return given;
    }
    return sim == NULL || sim[0] == '\0' ? RUN_DIR : gs_arena_printf(arena, "%s/run", sim);
}

static void say_killed(void *ctx, const char *line)
{
    (void)ctx;
    gs_exit_note(line);
}

void gs_mig_notice_killed(void)
{
    const struct gs_say say = {.line = say_killed};
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_MIG_ARENA_MAX);
    const char *dir = gs_mig_state_dir(getenv("GPUSLICE_STATE_DIR"), &arena);
    if (dir != NULL) {
        gs_recover_notice(dir, &say);
    }
}

/* ---- what is said meanwhile ---- */

static void say_note(void *ctx, const char *line)
{
    struct gs_mig_change *change = ctx;
    gs_buf_printf(&change->notes, "%s\n", line);
    gs_exit_note(line);
}

/* A step: for the document and the drawing, for who waits, for who wants to know. A dry run's go to
 * stdout; what cannot be written shows when that is closed. */
static void say_step(void *ctx, const char *line)
{
    struct gs_mig_change *change = ctx;
    gs_buf_printf(&change->steps, "%s\n", line);
    if (change->args->dry_run && !is_doc(change)) {
        gs_mig_say(line, NULL);
    } else if (!change->args->dry_run) {
        gs_mig_debug(change->args->debug, "%s", line);
        gs_progress_phase_copy(line);
    }
}

/* "MIG turned on, 2 slices destroyed, 7 created" */
static void put_done(const struct gs_mig_done *done, struct gs_buf *out)
{
    const char *comma = "";
    if (done->mode_set) {
        gs_buf_printf(out, "MIG turned %s", gs_gpu_mode_word(done->mode));
        comma = ", ";
    }
    if (done->reset) {
        gs_buf_printf(out, "%sreset", comma);
        comma = ", ";
    }
    if (done->destroyed > 0) {
        gs_buf_printf(out, "%s%u slice%s destroyed", comma, done->destroyed,
                      done->destroyed == 1 ? "" : "s");
        comma = ", ";
    }
    if (done->created > 0) {
        gs_buf_printf(out, "%s%u %screated", comma, done->created,
                      done->destroyed > 0  ? ""
                      : done->created == 1 ? "slice "
                                           : "slices ");
    }
}

/* Whether lines of progress are wanted: of a change that may take long, not beside a terminal's one
 * line, nor where a unit of mig-parted expects silence. */
static bool is_told(const struct gs_mig_change *change)
{
    return change->keeps && isatty(STDERR_FILENO) != 1 &&
           !gs_exit_is_mig_parted(program_invocation_name);
}

static void say_turn(void *ctx, unsigned gpu, const struct gs_mig_done *done)
{
    if (!is_told(ctx)) {
        return;
    }
    GS_CLEANUP(gs_buf_done) struct gs_buf line;
    gs_buf_init(&line, 400);
    gs_buf_printf(&line, "GPU %u: ", gpu);
    put_done(done, &line);
    gs_exit_note(gs_buf_text(&line));
}

/* The sum, where something was done or somebody looks. */
static void say_sum(const struct gs_mig_change *change)
{
    struct gs_mig_done sum = {.created = 0};
    unsigned gpus = 0;
    unsigned long long took = now_ms() - change->began_ms;
    for (unsigned k = 0; k < GS_GPUS_MAX; k++) {
        const struct gs_mig_done *done = &change->tap.all[k];
        gpus += gs_mig_done_any(done) ? 1 : 0;
        sum.created += done->created;
        sum.destroyed += done->destroyed;
    }
    bool looked_at = isatty(STDERR_FILENO) == 1;
    if (gpus > 0 && (looked_at || is_told(change))) {
        GS_CLEANUP(gs_buf_done) struct gs_buf line;
        gs_buf_init(&line, 400);
        gs_buf_printf(&line, "%u GPU%s changed", gpus, gpus == 1 ? "" : "s");
        gs_buf_puts(&line, sum.created > 0 || sum.destroyed > 0 ? ": " : "");
        put_done(&sum, &line);
        if (took >= 1000) {
            gs_buf_printf(&line, ", in %llu.%llu s", took / 1000, took % 1000 / 100);
        }
        gs_exit_note(gs_buf_text(&line));
    } else if (looked_at) {
        gs_exit_note("nothing had to change");
    }
}

/* ---- the checkpoint ---- */

/* "apply" of "mig apply" */
static const char *word_of(const struct gs_mig_change *change)
{
    const char *blank = strchr(change->what, ' ');
    return blank == NULL ? change->what : blank + 1;
}

static int keep(void *ctx, struct gs_err *err)
{
    struct gs_mig_change *change = ctx;
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, GS_OUTPUT_MAX);
    struct gs_err why = {.code = GS_OK};
    int r = gs_mig_checkpoint_text(&change->gpus, change->arena, true, &text, &why);
    if (r == 0) {
        r = gs_kept_write(change->options.dir, word_of(change),
                          (struct gs_view){.p = gs_buf_text(&text), .n = text.len}, change->kept,
                          &why);
    }
    if (r < 0) {
        change->kept[0] = '\0';
        gs_wrap(&why, r, "nothing was changed, as no checkpoint of what there is could be kept");
        size_t used = strlen(why.msg);
        snprintf(why.msg + used, sizeof(why.msg) - used, "; --no-checkpoint does without");
        change->not_kept = why;
        if (err != NULL) {
            *err = why;
        }
    }
    return r;
}

/* ---- begin and end ---- */

void gs_mig_change_init(struct gs_mig_change *change, const struct gs_mig_change_args *args,
                        const char *what, struct gs_arena *arena)
{
    *change = (struct gs_mig_change){
        .args = args,
        .what = what,
        .arena = arena,
        .not_kept = {.code = GS_OK},
        .began_ms = now_ms(),
    };
    gs_buf_init(&change->steps, LINES_MAX);
    gs_buf_init(&change->notes, LINES_MAX);
}

int gs_mig_change_open(struct gs_mig_change *change, bool keeps, struct gs_err *err)
{
    const struct gs_mig_change_args *args = change->args;
    const char *kubelet_root = args->kubelet_root == NULL ? KUBELET_DIR : args->kubelet_root;
    change->guard =
        (struct gs_guard){.mark = gs_granted_mark, .ctx = (void *)(uintptr_t)kubelet_root};
    change->options = (struct gs_apply_options){
        .guard = &change->guard,
        .stop = &stop,
        .dir = gs_mig_state_dir(args->state_dir, change->arena),
        .what = change->what,
        .wait_ms = (unsigned)args->wait_s * 1000,
        .dry_run = args->dry_run,
        .note = {.line = say_note, .ctx = change},
        .detail = {.line = say_step, .ctx = change},
    };
    if (change->options.dir == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a change of the GPUs");
    }
    int r = gs_granted_check(kubelet_root, err);
    r = r < 0 ? r : gs_mig_open(&change->gpus, err);
    if (r < 0) {
        return r;
    }
    change->keeps = keeps;
    change->tap.first = keeps && !args->no_checkpoint ? keep : NULL;
    change->tap.turned = say_turn;
    change->tap.ctx = change;
    gs_mig_tap_open(&change->tap, &change->gpus);
    if (args->dry_run || is_doc(change)) {
        r = gs_gpu_machine_look(change->arena, &change->gpus, &change->before, err);
    }
    if (r == 0 && args->dry_run) {
        r = gs_mig_preview_begin(change->arena, &change->before, &change->foreseen, err);
        change->options.planned =
            (struct gs_planned_to){.next = gs_mig_preview_next, .ctx = &change->foreseen};
    }
    if (!args->dry_run) {
        catch_signals();
        gs_progress_start(change->what);
    }
    return r;
}

/* What the machine is now, or will be. False: that cannot be said. */
static bool look_after(struct gs_mig_change *change, int r, struct gs_gpu_machine *ret)
{
    /* of a dry run that fails some steps may have been said, and none would be done */
    if (change->before.at == NULL || (r < 0 && change->args->dry_run)) {
        return false;
    }
    if (!change->args->dry_run) {
        return gs_gpu_machine_look(change->arena, &change->gpus, ret, NULL) == 0;
    }
    gs_mig_preview_end(&change->foreseen);
    *ret = change->foreseen;
    return ret->at != NULL;
}

static int say_end(struct gs_mig_change *change, int r, const char *done,
                   const struct gs_err *failed, struct gs_err *err)
{
    struct gs_gpu_machine after = {.n = 0};
    bool known = look_after(change, r, &after);
    if (is_doc(change)) {
        return gs_mig_change_write_doc(change, known ? &after : NULL, r, failed, err);
    }
    if (r == 0 && change->args->dry_run && known) {
        GS_CLEANUP(gs_buf_done) struct gs_buf text;
        gs_buf_init(&text, GS_OUTPUT_MAX);
        gs_mig_change_draw(change, &after, &text);
        return gs_output_text(&text, err);
    }
    return r == 0 && !change->args->dry_run && done != NULL ? gs_mig_say(done, err) : 0;
}

int gs_mig_change_end(struct gs_mig_change *change, int r, const char *done,
                      const struct gs_err *err)
{
    struct gs_err output;
    gs_progress_end();
    gs_mig_tap_end(&change->tap);
    /* what came of a refused call says less than why it was refused */
    bool refused = change->not_kept.code != GS_OK;
    const struct gs_err *failed = refused ? &change->not_kept : err;
    r = refused ? (int)change->not_kept.code : r;
    int written = say_end(change, r, done, failed, &output);
    if (r == 0 && written == 0 && !change->args->dry_run && change->gpus.ops != NULL) {
        say_sum(change);
    }
    gs_gpu_close(&change->gpus);
    gs_buf_done(&change->steps);
    gs_buf_done(&change->notes);
    return r < 0 ? gs_mig_exit(r, failed) : gs_mig_exit(written, &output);
}
