#include "daemon/daemon.h"

#include <signal.h>

#include "base/cleanup.h"

const char *const gs_daemon_log_levels[] = {"error", "warning", "info", "debug", NULL};
const char *const gs_daemon_log_formats[] = {"key-value", "json", NULL};

/* What the loop hands to who takes a signal. */
struct served {
    const struct gs_daemon *daemon;
    void *state;
};

static int on_end(sd_event_source *source, const struct signalfd_siginfo *si, void *ctx)
{
    const struct served *served = ctx;
    (void)source;
    gs_log_info("signal %u", si->ssi_signo);
    served->daemon->leave(served->state);
    return 0;
}

static int heed_signals(struct served *served, sd_event *event, struct gs_err *err)
{
    static const int ends[] = {SIGTERM, SIGINT};
    sigset_t set;
    int r = 0;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; r >= 0 && i < GS_ARRAY_LEN(ends); i++) {
        r = sd_event_add_signal(event, NULL, ends[i], on_end, served);
    }
    return r < 0 ? gs_fail_errno(err, -r, "taking signals") : 0;
}

static int serve(struct served *served, const void *values, struct gs_err *err)
{
    sd_event *event = NULL;
    int r = sd_event_new(&event);
    if (r < 0) {
        return gs_fail_errno(err, -r, "making an event loop");
    }
    r = heed_signals(served, event, err);
    r = r == 0 ? served->daemon->start(served->state, values, event, err) : r;
    if (r == 0 && (r = sd_event_loop(event)) < 0) {
        r = gs_fail_errno(err, -r, "turning the event loop");
    }
    served->daemon->done(served->state);
    sd_event_unref(event);
    return r;
}

int gs_daemon_main(const struct gs_daemon *daemon, int argc, char **argv, void *values,
                   const struct gs_daemon_args *args, void *state)
{
    struct served served = {.daemon = daemon, .state = state};
    struct gs_err err = {.code = GS_OK};
    int status;
    if (!gs_alone_begin(daemon->command, argc, argv, values, &args->version, &status)) {
        return status;
    }
    if (daemon->check != NULL && daemon->check(values, &err) < 0) {
        return gs_alone_usage(daemon->command, &err);
    }
    gs_log_init((enum gs_log_level)args->log_level, args->log_format == GS_LOG_JSON);
    gs_log_info("%s " GS_VERSION " starts", gs_command_program(daemon->command));
    if (serve(&served, values, &err) < 0) {
        gs_log_error("%s", err.msg);
        return 1;
    }
    gs_log_info("the end");
    return 0;
}
