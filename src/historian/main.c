/* gpuslice-history: the program. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "historian/historian.h"
#include "term/options.h"
#include "term/output.h"

struct args {
    struct gs_historian_options historian;
    unsigned log_level;
    unsigned log_format;
    bool version;
};

static const char *const levels[] = {"error", "warning", "info", "debug", NULL};
static const char *const formats[] = {"key-value", "json", NULL};

static const struct gs_option options[] = {
    {.group = "Cluster",
     .name = "kubeconfig",
     .arg = "FILE",
     GS_TO_TEXT(struct args, historian.kubeconfig),
     .complete = GS_COMPLETE_FILE,
     .env = "KUBECONFIG",
     .help = "who we are and where the API server is; without it as a pod is told"},
    {.name = "context",
     .arg = "NAME",
     GS_TO_TEXT(struct args, historian.context),
     .help = "of the kubeconfig"},
    {.name = "namespace",
     .arg = "NAME",
     GS_TO_TEXT(struct args, historian.name_space),
     .env = "POD_NAMESPACE",
     .help = "that we run in, for the certificate's names; the pod's own without it"},
    {.name = "region",
     .arg = "NAME",
     GS_TO_TEXT(struct args, historian.region),
     .env = "AWS_REGION",
     .help = "whose prices count; as the nodes are labelled without it"},
    {.group = "History",
     .name = "file",
     .arg = "FILE",
     GS_TO_TEXT(struct args, historian.file),
     .complete = GS_COMPLETE_FILE,
     .help = "where it is kept; made where it is not there"},
    {.name = "every",
     .arg = "SECONDS",
     GS_TO_NUMBER(struct args, historian.every_s, 60),
     .help = "a sample so often, 1 to 60"},
    {.group = "Telling",
     .name = "listen",
     .arg = "ADDRESS:PORT",
     GS_TO_TEXT(struct args, historian.listen),
     .help = "documents over HTTPS, for the controller's dashboard"},
    {.name = "names",
     .arg = "NAME,...",
     GS_TO_TEXT(struct args, historian.names),
     .help = "names in the certificate, beside those of Service gpuslice-history"},
    {.name = "http-address",
     .arg = "ADDRESS:PORT",
     GS_TO_TEXT(struct args, historian.http),
     .help = "/metrics, /healthz, /readyz; \"\" for none"},
    {.name = "log-level",
     .arg = "LEVEL",
     GS_TO_CHOICE(struct args, log_level, levels),
     .help = "what is logged"},
    {.name = "log-format",
     .arg = "FORMAT",
     GS_TO_CHOICE(struct args, log_format, formats),
     .help = "how"},
    {.name = "version", GS_TO_FLAG(struct args, version), .help = "show the version"},
};

static const struct gs_example examples[] = {
    {"gpuslice-history --file /var/lib/gpuslice/history.db", "in a pod, on a volume"},
    {"gpuslice-history --kubeconfig ~/.kube/config --file history.db --every 5",
     "from a workstation"},
};

static const struct gs_command command = {
    .program = "gpuslice-history",
    .name = "gpuslice-history",
    .summary = "keeps what GPUs, slices and pods did, and what it cost",
    .text = "Watches nodes, GPUs and pods as the controller does, keeps a sample of them in one "
            "file, and answers the controller's dashboard. It changes nothing in the cluster.",
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
};

static int on_end(sd_event_source *source, const struct signalfd_siginfo *si, void *ctx)
{
    (void)source;
    gs_log_info("signal %u", si->ssi_signo);
    gs_historian_leave(ctx);
    return 0;
}

static int heed_signals(struct gs_historian *historian, sd_event *event, struct gs_err *err)
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
        r = sd_event_add_signal(event, NULL, ends[i], on_end, historian);
    }
    return r < 0 ? gs_fail_errno(err, -r, "taking signals") : 0;
}

static int run(const struct args *args, struct gs_err *err)
{
    static struct gs_historian historian; /* a big one */
    sd_event *event = NULL;
    int r = sd_event_new(&event);
    if (r < 0) {
        return gs_fail_errno(err, -r, "making an event loop");
    }
    r = heed_signals(&historian, event, err);
    r = r == 0 ? gs_historian_start(&historian, &args->historian, event, err) : r;
    if (r == 0 && (r = sd_event_loop(event)) < 0) {
        r = gs_fail_errno(err, -r, "turning the event loop");
    }
    gs_historian_done(&historian);
    sd_event_unref(event);
    return r;
}

static int print_help(void)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    struct gs_err err = {.code = GS_OK};
    gs_buf_init(&text, 64 << 10);
    gs_help_command(&command, &text);
    return gs_output_text(&text, &err) == 0 && gs_output_close(&err) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct args args = {
        .historian = {.file = "",
                      .listen = ":9744",
                      .names = "",
                      .http = ":8080",
                      .region = "",
                      .every_s = GS_HISTORY_SAMPLE_S},
        .log_level = GS_LOG_INFO,
    };
    struct gs_err err = {.code = GS_OK};
    int r = gs_options_parse(&command, argc, argv, &args, &err);
    if (r == GS_OPTIONS_HELP) {
        return print_help();
    }
    if (r == 0 && args.version) {
        return printf("gpuslice-history %s\n", GS_VERSION) > 0 && fflush(stdout) == 0 ? 0 : 1;
    }
    if (r == 0 && (args.historian.file[0] == '\0' || args.historian.every_s == 0)) {
        r = gs_fail(&err, GS_INVALID, "%s",
                    args.historian.every_s == 0
                        ? "--every 0; expected 1 to 60 seconds"
                        : "where is the history to be kept? --file FILE says it");
    }
    if (r != 0) {
        fprintf(stderr, "gpuslice-history: %s\n", err.msg);
        return 2;
    }
    gs_log_init((enum gs_log_level)args.log_level, args.log_format == GS_LOG_JSON);
    gs_log_info("gpuslice-history " GS_VERSION " starts");
    r = run(&args, &err);
    if (r < 0) {
        gs_log_error("%s", err.msg);
        return 1;
    }
    gs_log_info("the end");
    return 0;
}
