#include "cli/top/top.h"

#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/cmd.h"
#include "cli/dashboard/machine.h"
#include "cli/top/tty.h"
#include "gpu/gpu_env.h"
#include "term/exit.h"
#include "term/output.h"
#include "term/progress.h"

#define TICK_US 1000000ull
#define SOON_US 200000ull /* after a change; changes meanwhile are drawn together */
#define ESCAPE_US 50000ull
#define ACCURACY_US 20000ull
#define FRAME_BYTES_MAX ((size_t)256 << 20)

enum { COLUMNS = 80 };

struct top_args {
    struct gs_link_args link;
    bool node;
    bool once;
    unsigned view;
    unsigned sort;
    unsigned by;
    const char *filter;
    const char *instance_type;
    const char *region;
    unsigned format;
};

static const char *const by_names[GS_TOP_BYS + 1] = {"namespace", "workload", "pool", NULL};

static const struct gs_option options[] = {
    {.name = "node",
     GS_TO_FLAG(struct top_args, node),
     .help = "this machine's GPUs alone, without a cluster"},
    {.name = "once",
     GS_TO_FLAG(struct top_args, once),
     .help = "print one frame of everything there is, and end"},
    {.name = "view",
     .arg = "VIEW",
     GS_TO_CHOICE(struct top_args, view, gs_top_page_names),
     .help = "what is shown first"},
    {.name = "sort",
     .arg = "ORDER",
     GS_TO_CHOICE(struct top_args, sort, gs_top_sort_names),
     .help = "the order of nodes"},
    {.name = "by",
     .arg = "WHAT",
     GS_TO_CHOICE(struct top_args, by, by_names),
     .help = "whose money is shown"},
    {.name = "filter",
     .arg = "TEXT",
     GS_TO_TEXT(struct top_args, filter),
     .help = "only rows with this in a name"},
    {.name = "instance-type",
     .arg = "TYPE",
     GS_TO_TEXT(struct top_args, instance_type),
     .help = "with --node: EC2 instance type of this machine, for what it costs"},
    {.name = "region",
     .arg = "NAME",
     GS_TO_TEXT(struct top_args, region),
     .help = "whose prices count; without it as the nodes are labelled (what may be bought: as the "
             "controller has it), with --node $AWS_REGION"},
    GS_OPTION_OUTPUT(struct top_args, format, gs_format_names),
    GS_LINK_OPTIONS(struct top_args, link),
};

static const struct gs_example examples[] = {
    {"gpuslice top", "the cluster that kubectl means, live"},
    {"gpuslice top --node", "the GPUs of this machine"},
    {"gpuslice top --view waiting --filter team/", "pods that wait, of one namespace"},
    {"gpuslice top --once --view money --by workload", "one frame, for a file or a pipe"},
    {"gpuslice top -o json", "what is shown, as one document"},
};

const struct gs_command gs_command_top = {
    .name = "top",
    .summary = "watch slices, pods that wait and dollars in the terminal",
    .text = "Fills the terminal and follows the cluster: nodes with their GPUs drawn as memory "
            "units, pods that wait with what they get next, and what is paid an hour. q ends it, "
            "h lists the keys. It watches by your own rights and changes nothing; no dashboard "
            "and no controller has to run.\n"
            "Where stdout is no terminal it prints one frame. NO_COLOR is heeded.\n"
            "With --node only what this machine's driver says. " GS_GPU_ENV_HELP,
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .run = gs_cmd_top,
};

struct top {
    const struct top_args *args;
    sd_event *event;
    struct gs_link link;
    struct gs_top_source source;
    struct gs_top_cluster *cluster;
    struct gs_top_machine *machine;
    struct gs_top_view view;
    struct gs_screen screen;
    struct gs_top_keys keys;
    struct gs_buf out; /* what the terminal has not taken yet, from `sent` on */
    size_t sent;
    bool full;  /* the terminal is ours */
    bool stale; /* there is something to draw when it has taken all */
    sd_event_source *tick;
    sd_event_source *soon;
    sd_event_source *escape;
    sd_event_source *input;
};

static uint64_t now_us(void)
{
    struct timespec at = {.tv_sec = 0};
    (void)clock_gettime(CLOCK_REALTIME, &at);
    return (uint64_t)at.tv_sec * 1000000 + (uint64_t)at.tv_nsec / 1000;
}

static void arm(sd_event_source *timer, uint64_t wait_us)
{
    (void)sd_event_source_set_time_relative(timer, wait_us);
    (void)sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

/* ---- drawing ---- */

static void end(struct top *top)
{
    (void)sd_event_exit(top->event, 0);
}

/* As much as the terminal takes; the rest when it takes more. */
static void send(struct top *top)
{
    bool left = true;
    while (left && top->sent < top->out.len) {
        size_t n = 0;
        const struct gs_view rest = {top->out.text + top->sent, top->out.len - top->sent};
        if (gs_tty_send(rest, &n, NULL) < 0) {
            end(top);
            return;
        }
        top->sent += n;
        left = n > 0;
    }
    bool all = top->sent >= top->out.len;
    (void)sd_event_source_set_io_events(top->input, all ? EPOLLIN : EPOLLIN | EPOLLOUT);
    if (all) {
        gs_buf_reset(&top->out);
        top->sent = 0;
    }
}

static void draw(struct top *top, bool anew)
{
    unsigned columns;
    unsigned rows;
    if (top->out.len > 0) {
        top->stale = true;
        return;
    }
    top->stale = false;
    gs_tty_size(&columns, &rows);
    rows = rows < GS_SCREEN_COLUMNS_MAX ? rows : GS_SCREEN_COLUMNS_MAX;
    if (anew) {
        (void)gs_board_refresh(top->source.board, now_us(), NULL);
        gs_top_view_refresh(&top->view, now_us());
    }
    if (columns != top->screen.columns || rows != top->screen.n_shown) {
        gs_screen_forget(&top->screen);
        gs_buf_puts(&top->out, "\033[H\033[2J");
    }
    gs_top_view_draw(&top->view, &top->screen, columns, rows);
    gs_screen_update(&top->screen, rows, &top->out);
    send(top);
}

static int on_tick(sd_event_source *timer, uint64_t usec, void *ctx)
{
    struct top *top = ctx;
    (void)usec;
    if (!top->view.paused) {
        draw(top, true);
    }
    arm(timer, TICK_US);
    return 0;
}

static int on_soon(sd_event_source *timer, uint64_t usec, void *ctx)
{
    struct top *top = ctx;
    (void)timer;
    (void)usec;
    if (!top->view.paused) {
        draw(top, true);
    }
    return 0;
}

static void on_changed(void *ctx)
{
    const struct top *top = ctx;
    int enabled = SD_EVENT_OFF;
    if (top->full && sd_event_source_get_enabled(top->soon, &enabled) >= 0 &&
        enabled == SD_EVENT_OFF) {
        arm(top->soon, SOON_US);
    }
}

/* ---- keys and signals ---- */

static void take_keys(struct top *top, bool ended)
{
    struct gs_top_typed typed;
    bool any = false;
    while (gs_top_keys_take(&top->keys, ended, &typed)) {
        any = true;
        if (gs_top_view_type(&top->view, &typed)) {
            end(top);
            return;
        }
    }
    if (any) {
        draw(top, true);
    }
    if (top->keys.n > 0) {
        arm(top->escape, ESCAPE_US);
    }
}

static int on_escape(sd_event_source *timer, uint64_t usec, void *ctx)
{
    (void)timer;
    (void)usec;
    take_keys(ctx, true);
    return 0;
}

static int on_terminal(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
    struct top *top = ctx;
    unsigned char bytes[GS_TOP_KEYS_MAX];
    (void)source;
    if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
        end(top);
        return 0;
    }
    if ((events & EPOLLOUT) != 0) {
        send(top);
        if (top->stale && top->out.len == 0) {
            draw(top, !top->view.paused);
        }
    }
    ssize_t n = (events & EPOLLIN) != 0 ? read(fd, bytes, sizeof(bytes)) : 0;
    if (n > 0) {
        gs_top_keys_put(&top->keys, bytes, (size_t)n);
        take_keys(top, false);
    }
    return 0;
}

static void forget_screen(struct top *top)
{
    gs_screen_forget(&top->screen);
    gs_buf_reset(&top->out);
    top->sent = 0;
    draw(top, !top->view.paused);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *ctx)
{
    struct top *top = ctx;
    (void)source;
    switch (info->ssi_signo) {
    case SIGWINCH:
        if (top->full) {
            forget_screen(top);
        }
        break;
    case SIGTSTP:
        gs_tty_leave();
        (void)raise(SIGSTOP);
        break;
    case SIGCONT: /* a shell has had the terminal meanwhile */
        if (top->full) {
            gs_tty_leave();
            gs_tty_enter();
            forget_screen(top);
        }
        break;
    default:
        end(top);
        break;
    }
    return 0;
}

static int wait_for_signals(struct top *top, struct gs_err *err)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT};
    sigset_t set;
    int r = 0;
    (void)sigemptyset(&set);
    for (size_t i = 0; i < GS_ARRAY_LEN(numbers); i++) {
        (void)sigaddset(&set, numbers[i]);
    }
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    for (size_t i = 0; i < GS_ARRAY_LEN(numbers) && r >= 0; i++) {
        r = sd_event_add_signal(top->event, NULL, numbers[i], on_signal, top);
    }
    return r < 0 ? gs_fail_errno(err, -r, "watching for signals") : 0;
}

/* ---- all ---- */

static int add_timer(struct top *top, sd_event_source **ret, sd_event_time_handler_t fn, bool on)
{
    int s =
        sd_event_add_time_relative(top->event, ret, CLOCK_MONOTONIC, TICK_US, ACCURACY_US, fn, top);
    return s < 0 || on ? s : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

static int watch(struct top *top, struct gs_err *err)
{
    int r = gs_tty_open(err);
    if (r < 0) {
        return r;
    }
    int s = add_timer(top, &top->tick, on_tick, true);
    s = s < 0 ? s : add_timer(top, &top->soon, on_soon, false);
    s = s < 0 ? s : add_timer(top, &top->escape, on_escape, false);
    s = s < 0 ? s
              : sd_event_add_io(top->event, &top->input, gs_tty_fd(), EPOLLIN, on_terminal, top);
    if (s < 0) {
        return gs_fail_errno(err, -s, "watching the terminal");
    }
    top->full = true;
    draw(top, true);
    (void)sd_event_loop(top->event);
    top->full = false;
    return 0;
}

static int print_frame(struct top *top, struct gs_err *err)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    unsigned columns = COLUMNS;
    unsigned rows;
    gs_buf_init(&out, FRAME_BYTES_MAX);
    if (isatty(STDOUT_FILENO)) {
        gs_tty_size(&columns, &rows);
    }
    gs_top_view_refresh(&top->view, now_us());
    gs_top_view_draw(&top->view, &top->screen, columns, 0);
    gs_screen_text(&top->screen, &out);
    out.failed |= top->view.failed;
    return gs_output_text(&out, err);
}

static int print_doc(const struct top *top, enum gs_format format, struct gs_err *err)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    struct gs_result result;
    gs_buf_init(&text, FRAME_BYTES_MAX);
    int r = gs_top_put_doc(&top->source, now_us(), &text, err);
    if (r < 0) {
        return r;
    }
    gs_result_init(&result);
    json_decref(result.root);
    result.root = json_loadb(gs_buf_text(&text), text.len, 0, NULL);
    r = gs_output_result(&result, format, err);
    gs_result_done(&result);
    return r;
}

/* Turns the loop until everything was read, and of what waits it is known what it gets. False: it
 * is over before that. */
static bool settle(struct top *top)
{
    const struct gs_top_source *source = &top->source;
    bool all = top->args->once || top->args->format != GS_FORMAT_TABLE;
    gs_progress_start("gpuslice top");
    gs_progress_phase("reading the cluster");
    while (sd_event_get_state(top->event) != SD_EVENT_FINISHED &&
           (!source->settled ||
            (all && source->whole && source->store != NULL && source->decided_us == 0)) &&
           sd_event_run(top->event, UINT64_MAX) >= 0) {
    }
    gs_progress_end();
    return source->settled;
}

static int open_source(struct top *top, struct gs_err *err)
{
    const struct top_args *args = top->args;
    const char *region = args->region;
    top->source = (struct gs_top_source){.changed = on_changed, .ctx = top, .name = ""};
    if (!args->node) {
        int r = gs_link_open(&top->link, &args->link, err);
        top->event = sd_event_ref(top->link.event);
        r = r == 0 ? wait_for_signals(top, err) : r;
        return r == 0 ? gs_top_cluster_open(&top->link, &top->source, region, &top->cluster, err)
                      : r;
    }
    int s = sd_event_new(&top->event);
    region = region == NULL ? getenv("AWS_REGION") : region;
    region = region == NULL ? "" : region;
    int r = s < 0 ? gs_fail_errno(err, -s, "making an event loop") : wait_for_signals(top, err);
    return r == 0 ? gs_top_machine_open(top->event, &top->source, args->instance_type, region,
                                        &top->machine, err)
                  : r;
}

static int show(struct top *top, struct gs_err *err)
{
    const struct top_args *args = top->args;
    const char *no_color = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    bool dumb = terminal == NULL || terminal[0] == '\0' || strcmp(terminal, "dumb") == 0;
    bool full = !args->once && args->format == GS_FORMAT_TABLE && isatty(STDOUT_FILENO) && !dumb;
    bool utf8 = setlocale(LC_CTYPE, "") != NULL && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    gs_screen_init(&top->screen, utf8, full, full && (no_color == NULL || no_color[0] == '\0'));
    gs_top_view_init(&top->view, &top->source);
    top->view.page = args->view;
    top->view.sort = args->sort;
    top->view.by = args->by;
    (void)snprintf(top->view.filter, sizeof(top->view.filter), "%.*s", GS_TOP_FILTER_MAX,
                   args->filter == NULL ? "" : args->filter);
    bool failed = false;
    (void)gs_board_refresh(top->source.board, now_us(), &failed);
    if (full) {
        return watch(top, err); /* where it is tried again */
    }
    if (failed) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for all nodes");
    }
    return args->format == GS_FORMAT_TABLE ? print_frame(top, err)
                                           : print_doc(top, (enum gs_format)args->format, err);
}

static void close_all(struct top *top)
{
    gs_tty_close();
    gs_top_view_done(&top->view);
    gs_screen_done(&top->screen);
    gs_buf_done(&top->out);
    sd_event_source_disable_unref(top->tick);
    sd_event_source_disable_unref(top->soon);
    sd_event_source_disable_unref(top->escape);
    sd_event_source_disable_unref(top->input);
    gs_top_cluster_close(top->cluster);
    gs_top_machine_close(top->machine);
    if (!top->args->node) {
        gs_link_close(&top->link);
    }
    sd_event_unref(top->event);
}

static int check(const struct top_args *args, struct gs_err *err)
{
    const char *region = args->region == NULL ? getenv("AWS_REGION") : args->region;
    if (!args->node && args->instance_type != NULL) {
        return gs_fail(err, GS_INVALID,
                       "--instance-type is of the machine that --node shows; a cluster's nodes say "
                       "themselves what they are");
    }
    return gs_machine_board_check(args->instance_type, region == NULL ? "" : region, err);
}

int gs_cmd_top(int argc, char **argv)
{
    struct top_args args = {.link.timeout_s = GS_LINK_TIMEOUT_S};
    struct gs_err err = {.code = GS_OK};
    struct top top = {.args = &args};
    int status;
    if (!gs_cmd_begin(&gs_command_top, argc, argv, &args, &status)) {
        return status;
    }
    if (check(&args, &err) < 0) {
        return gs_exit_usage(&err);
    }
    gs_log_init(GS_LOG_ERROR, false); /* what goes wrong stands in the frame */
    gs_buf_init(&top.out, FRAME_BYTES_MAX);
    args.once = args.once || !isatty(STDOUT_FILENO);
    int r = open_source(&top, &err);
    bool opened = r == 0;
    if (opened && settle(&top)) {
        const struct gs_top_source *source = &top.source;
        if (source->failed) {
            r = gs_fail(&err, (enum gs_code)source->code, "%s", source->trouble);
            err.sys_errno = source->sys_errno;
        } else {
            r = show(&top, &err);
            gs_tty_close();
        }
    }
    status = r == 0                                         ? GS_EXIT_DONE
             : top.source.failed || (!opened && !args.node) ? gs_link_failed(&top.link, &err)
             : opened && !top.full && r == GS_IO            ? gs_exit_output(r, &err)
                                                            : gs_exit_failed(&err);
    close_all(&top);
    return status;
}
