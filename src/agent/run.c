/* run: the agent as a daemon: signals, and the loop. */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/program.h"
#include "agent/setup.h"
#include "base/cleanup.h"
#include "base/log.h"

#define CONFIG_BYTES_MAX ((size_t)16 << 20)

enum { HEAP_FREE_BYTES = 64 * 1024 };

/* The arguments, for who reads the configuration anew. */
struct daemon {
    struct gs_agent agent;
    int argc;
    char **argv;
};

static int on_end(sd_event_source *source, const struct signalfd_siginfo *si, void *ctx)
{
    struct daemon *daemon = ctx;
    (void)source;
    gs_log_info("signal %u", si->ssi_signo);
    gs_agent_leave(&daemon->agent, false);
    return 0;
}

/* A configuration that is wrong changes nothing; a right one is that of the next start, which comes
 * at once: this program in its place, with every slice, pod and file where it was. */
static int on_reload(sd_event_source *source, const struct signalfd_siginfo *si, void *ctx)
{
    struct daemon *daemon = ctx;
    struct gs_arena arena;
    struct gs_agentconfig config;
    struct gs_err err;
    (void)source;
    (void)si;
    if (daemon->agent.leaving != NULL) {
        return 0; /* what is read at the next start is what there is then */
    }
    gs_arena_init(&arena, &gs_alloc_heap, CONFIG_BYTES_MAX);
    int r = gs_setup_read(daemon->argc, daemon->argv, &arena, &config, &err);
    gs_arena_done(&arena);
    if (r < 0) {
        gs_trouble_bad(&daemon->agent.troubles, GS_TROUBLE_CONFIG, "NotTakenOver", err.msg);
        return 0;
    }
    gs_log_info("the configuration is right: starting anew with it");
    gs_agent_leave(&daemon->agent, true);
    return 0;
}

static int heed_signals(struct daemon *daemon, sd_event *event, struct gs_err *err)
{
    static const int ends[] = {SIGTERM, SIGINT, SIGQUIT};
    int r = sd_event_add_signal(event, NULL, SIGHUP, on_reload, daemon);
    for (size_t i = 0; r >= 0 && i < GS_ARRAY_LEN(ends); i++) {
        r = sd_event_add_signal(event, NULL, ends[i], on_end, daemon);
    }
    return r < 0 ? gs_fail_errno(err, -r, "taking signals") : 0;
}

/* Before any thread, so that all have it, and before anything that takes time: signals go to the
 * loop. */
static void block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGQUIT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* Where this process finds the driver; gpu/gpu_env is told as everybody tells it. */
static void find_driver(const struct gs_agentconfig *config)
{
    const char *root = config->container_driver_root;
    if (root[0] != '\0' && strcmp(root, "/") != 0) {
        setenv("GPUSLICE_DRIVER_ROOT", root, 0);
    }
}

static int turn_loop(struct daemon *daemon, const struct gs_agentconfig *config, struct gs_err *err)
{
    sd_event *event = NULL;
    int r = sd_event_new(&event);
    if (r < 0) {
        return gs_fail_errno(err, -r, "making an event loop");
    }
    r = heed_signals(daemon, event, err);
    r = r < 0 ? r : gs_agent_start(&daemon->agent, config, event, err);
    if (r == 0 && (r = sd_event_loop(event)) < 0) {
        r = gs_fail_errno(err, -r, "turning the event loop");
    }
    gs_agent_done(&daemon->agent);
    sd_event_unref(event);
    return r;
}

/* Work comes in bursts and takes memory by arenas: with a heap for each thread, and what is free
 * kept for later, a fifth more stays with the process than it uses.
 */
static void keep_no_free_memory(void)
{
    (void)mallopt(M_ARENA_MAX, 1);
    (void)mallopt(M_TRIM_THRESHOLD, HEAP_FREE_BYTES);
    (void)mallopt(M_TOP_PAD, 0);
}

static void done_arena(struct gs_arena *arena)
{
    gs_arena_done(arena);
}

int gs_agent_run(int argc, char **argv)
{
    struct daemon daemon = {.argc = argc, .argv = argv};
    struct gs_agentconfig config;
    struct gs_err err;
    GS_CLEANUP(done_arena) struct gs_arena arena;
    keep_no_free_memory();
    block_signals();
    (void)prctl(PR_SET_NAME, "gpuslice-agent"); /* also when /proc/self/exe was started */
    gs_arena_init(&arena, &gs_alloc_heap, CONFIG_BYTES_MAX);
    int r = gs_setup_read(argc, argv, &arena, &config, &err);
    if (r == GS_AGENTCONFIG_HELP) {
        return gs_program_help();
    }
    if (r == GS_AGENTCONFIG_VERSION) {
        return gs_program_version();
    }
    if (r < 0) {
        return gs_program_fail(&err, 2);
    }
    gs_log_init((enum gs_log_level)config.log_level, config.log_format == GS_LOG_JSON);
    for (unsigned i = 0; i < config.n_notes; i++) {
        gs_log_warning("%s", config.notes[i]);
    }
    find_driver(&config);
    gs_log_info("gpuslice-agent " GS_VERSION " starts");
    r = turn_loop(&daemon, &config, &err);
    if (r < 0) {
        gs_log_error("%s", err.msg);
        return 1;
    }
    if (daemon.agent.reload) { /* signals stay blocked: one that comes meanwhile waits */
        execv("/proc/self/exe", argv);
        gs_log_error("starting anew: %s", strerror(errno));
        return 1;
    }
    gs_log_info("the end");
    return 0;
}
