#include "cli/dashboard/dashboard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/cmd.h"
#include "dashboard/door.h"
#include "gpu/gpu_env.h"
#include "term/exit.h"

#define ADDRESS "127.0.0.1:0"

static const struct gs_option options[] = {
    {.name = "node",
     GS_TO_FLAG(struct gs_dashboard_args, node),
     .help = "this machine's GPUs alone, without a cluster"},
    {.name = "address",
     .arg = "ADDRESS:PORT",
     GS_TO_TEXT(struct gs_dashboard_args, address),
     .help = "where the browser asks, on loopback; " ADDRESS " without it (any port)"},
    {.name = "no-browser",
     GS_TO_FLAG(struct gs_dashboard_args, no_browser),
     .help = "only print the address"},
    {.group = "With --node",
     .name = "instance-type",
     .arg = "TYPE",
     GS_TO_TEXT(struct gs_dashboard_args, instance_type),
     .help = "EC2 instance type of this machine, for what it costs"},
    {.name = "region",
     .arg = "NAME",
     GS_TO_TEXT(struct gs_dashboard_args, region),
     .env = "AWS_REGION",
     .help = "whose prices count"},
    GS_LINK_OPTIONS(struct gs_dashboard_args, link),
    {.name = "namespace",
     .letter = 'n',
     .arg = "NAME",
     GS_TO_TEXT(struct gs_dashboard_args, name_space),
     .help = "of the controller; gpuslice-system without it"},
    {.name = "service-account",
     .arg = "NAME",
     GS_TO_TEXT(struct gs_dashboard_args, account),
     .help = "whose rights decide what is shown; gpuslice-viewer without it"},
    {.name = "service",
     .arg = "NAME",
     GS_TO_TEXT(struct gs_dashboard_args, service),
     .help = "of the controller that decides; gpuslice-dashboard without it"},
    {.name = "port",
     .arg = "PORT",
     GS_TO_NUMBER(struct gs_dashboard_args, port, 65535),
     .min = 1,
     .help = "of that Service; 443 without it"},
};

static const struct gs_example examples[] = {
    {"gpuslice dashboard", "the cluster that kubectl means, in a browser"},
    {"gpuslice dashboard --node", "the GPUs of this machine"},
    {"gpuslice dashboard --node --instance-type p4d.24xlarge --region us-east-1",
     "with what it costs"},
};

const struct gs_command gs_command_dashboard = {
    .name = "dashboard",
    .summary = "see in a browser who uses which slice, and what it costs",
    .text = "Serves pages on loopback until ^C. The address has a code in it that nobody else "
            "knows.\n"
            "Without --node the pages are the controller's, asked for through the API server with "
            "a token of ten minutes for the account gpuslice-viewer, renewed as long as this runs; "
            "your own token goes to the API server alone. You need the rights to create "
            "serviceaccounts/token of that account and to get services/proxy of the Service "
            "gpuslice-dashboard in the controller's namespace (Role gpuslice-dashboard-user), and "
            "the controller its --dashboard-address.\n"
            "With --node only what this machine's driver says. " GS_GPU_ENV_HELP,
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .run = gs_cmd_dashboard,
};

/* ---- the loop ---- */

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *ctx)
{
    (void)info;
    (void)ctx;
    return sd_event_exit(sd_event_source_get_event(source), 0);
}

int gs_dashboard_stop_on_signals(sd_event *event, struct gs_err *err)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    int r = sd_event_add_signal(event, NULL, SIGINT, on_signal, NULL);
    r = r < 0 ? r : sd_event_add_signal(event, NULL, SIGTERM, on_signal, NULL);
    return r < 0 ? gs_fail_errno(err, -r, "watching for signals") : 0;
}

/* ---- where ---- */

int gs_dashboard_listen(const char *address, int *ret_fd, struct gs_err *err)
{
    static const struct gs_door_options none = {.hosts = ""};
    struct gs_door *door = NULL;
    address = address == NULL ? ADDRESS : address;
    int r = gs_door_new(&none, &door, err);
    if (r == 0 && !gs_door_is_ours(door, address)) {
        r = gs_fail(err, GS_INVALID,
                    "--address %.100s: expected an address of loopback (127.0.0.1:8080, "
                    "[::1]:8080): what is served here is for this machine's users",
                    address);
    }
    gs_door_free(door);
    return r == 0 ? gs_http_listen_tcp(address, ret_fd, err) : r;
}

/* A browser, if there is a screen; it is nobody's concern whether that works. */
static void open_browser(const char *address)
{
    const char *screen = getenv("DISPLAY");
    const char *wayland = getenv("WAYLAND_DISPLAY");
    char *const argv[] = {(char[]){"xdg-open"}, (char *)(uintptr_t)address, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    pid_t pid;
    if ((screen == NULL || screen[0] == '\0') && (wayland == NULL || wayland[0] == '\0')) {
        return;
    }
    (void)sigemptyset(&none);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    (void)posix_spawn_file_actions_init(&files);
    (void)posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    (void)posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    (void)signal(SIGCHLD, SIG_IGN);
    (void)posix_spawnp(&pid, argv[0], &files, &attributes, argv, environ);
    (void)posix_spawn_file_actions_destroy(&files);
    (void)posix_spawnattr_destroy(&attributes);
}

static void format_address(const struct gs_dashboard_args *args, unsigned port, const char *code,
                           char *ret, size_t size)
{
    const char *host = args->address != NULL && args->address[0] == '[' ? "[::1]" : "127.0.0.1";
    (void)snprintf(ret, size, "http://%s:%u" GS_DOOR_PATH "%s", host, port, code);
}

void gs_dashboard_say(const struct gs_dashboard_args *args, unsigned port, const char *standing,
                      const char *once)
{
    char address[200];
    format_address(args, port, standing, address, sizeof(address));
    printf("%s\n", address);
    (void)fflush(stdout);
    if (!args->no_browser) {
        format_address(args, port, once, address, sizeof(address));
        open_browser(address);
    }
}

int gs_cmd_dashboard(int argc, char **argv)
{
    struct gs_dashboard_args args = {.link.timeout_s = GS_LINK_TIMEOUT_S,
                                     .name_space = "gpuslice-system",
                                     .account = "gpuslice-viewer",
                                     .service = "gpuslice-dashboard",
                                     .region = "",
                                     .port = 443};
    int status;
    if (!gs_cmd_begin(&gs_command_dashboard, argc, argv, &args, &status)) {
        return status;
    }
    return args.node ? gs_dashboard_node(&args) : gs_dashboard_cluster(&args);
}
