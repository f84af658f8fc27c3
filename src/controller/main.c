/* gpuslice-controller: the program. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "controller/controller.h"
#include "controller/past/past.h"
#include "term/options.h"
#include "term/output.h"

struct args {
    struct gs_controller_options controller;
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
     GS_TO_TEXT(struct args, controller.kubeconfig),
     .complete = GS_COMPLETE_FILE,
     .env = "KUBECONFIG",
     .help = "who we are and where the API server is; without it as a pod is told"},
    {.name = "context",
     .arg = "NAME",
     GS_TO_TEXT(struct args, controller.context),
     .help = "of the kubeconfig"},
    {.name = "namespace",
     .arg = "NAME",
     GS_TO_TEXT(struct args, controller.name_space),
     .env = "POD_NAMESPACE",
     .help = "of the Lease; the pod's own without it"},
    {.name = "lease-name",
     .arg = "NAME",
     GS_TO_TEXT(struct args, controller.lease),
     .help = "who holds it decides"},
    {.name = "lease-duration",
     .arg = "SECONDS",
     GS_TO_NUMBER(struct args, controller.lease_s, 3600),
     .help = "another controller takes over after so long without a sign"},
    {.name = "identity",
     .arg = "NAME",
     GS_TO_TEXT(struct args, controller.identity),
     .env = "POD_NAME",
     .help = "who we are in the Lease and in Events; the host's name without it"},
    {.group = "Decisions",
     .name = "recut-limit",
     .arg = "SECONDS",
     GS_TO_NUMBER(struct args, controller.recut_limit_s, 3600),
     .help = "a pod's gate stays so long for a re-cut"},
    {.name = "booking-limit",
     .arg = "SECONDS",
     GS_TO_NUMBER(struct args, controller.book_limit_s, 86400),
     .help = "a booking that was not bound ends after so long"},
    {.name = "schedulers",
     .arg = "NAME,...",
     GS_TO_TEXT(struct args, controller.schedulers),
     .help = "whose pods are booked: they must heed status.nominatedNodeName"},
    {.name = "move-limit",
     .arg = "SECONDS",
     GS_TO_NUMBER(struct args, controller.move_limit_s, 3600),
     .help = "a pod's gate stays so long while another one makes way"},
    {.name = "move-rest",
     .arg = "SECONDS",
     GS_TO_NUMBER(struct args, controller.move_rest_s, 31536000),
     .help = "a pod is not moved before it is so old, nor is the next in its place"},
    {.name = "moves-per-hour",
     .arg = "NUMBER",
     GS_TO_NUMBER(struct args, controller.moves_an_hour, 3600),
     .help = "in the whole cluster; 0 for none"},
    {.group = "Admission",
     .name = "webhook-address",
     .arg = "ADDRESS:PORT",
     GS_TO_TEXT(struct args, controller.webhook),
     .help = "the webhook that gates pods, /admit over HTTPS; \"\" for none"},
    {.name = "webhook-names",
     .arg = "NAME,...",
     GS_TO_TEXT(struct args, controller.webhook_names),
     .help =
         "names and addresses in its certificate; those of Service gpuslice-webhook without it"},
    {.name = "webhook-secret",
     .arg = "NAME",
     GS_TO_TEXT(struct args, controller.webhook_secret),
     .help = "where its certificate is kept, in our namespace"},
    {.name = "webhook-configuration",
     .arg = "NAME",
     GS_TO_TEXT(struct args, controller.webhook_configuration),
     .help = "the MutatingWebhookConfiguration that gets its CA"},
    {.name = "webhook-certificate-life",
     .arg = "SECONDS",
     GS_TO_NUMBER(struct args, controller.certificate_life_s, 31536000),
     .help = "renewed after two thirds of it; the CA lives four times as long"},
    {.group = "Dashboard",
     .name = "dashboard-address",
     .arg = "ADDRESS:PORT",
     GS_TO_TEXT(struct args, controller.dashboard),
     .help = "pages and documents over HTTPS, for gpuslice dashboard; \"\" for none"},
    {.name = "dashboard-names",
     .arg = "NAME,...",
     GS_TO_TEXT(struct args, controller.dashboard_names),
     .help = "hosts that browsers reach it by, beside its Service's; others get 421"},
    {.name = "history",
     .arg = "URL",
     GS_TO_TEXT(struct args, controller.history),
     .help = "of gpuslice-history, whom the dashboard asks what was; \"\" for none"},
    {.name = "history-token",
     .arg = "FILE",
     GS_TO_TEXT(struct args, controller.history_token),
     .complete = GS_COMPLETE_FILE,
     .help = "our token for it, of the audience gpuslice-history"},
    {.name = "history-ca",
     .arg = "FILE",
     GS_TO_TEXT(struct args, controller.history_ca),
     .complete = GS_COMPLETE_FILE,
     .help = "who has signed its certificate; else as ConfigMap gpuslice-history-ca says"},
    {.name = "prometheus",
     .arg = "URL",
     GS_TO_TEXT(struct args, controller.prometheus),
     .help = "a Prometheus with our rules in place of gpuslice-history, for the series alone"},
    {.group = "New nodes",
     .name = "region",
     .arg = "NAME",
     GS_TO_TEXT(struct args, controller.region),
     .env = "AWS_REGION",
     .help = "whose prices count; as the nodes are labelled without it"},
    {.group = "Telling",
     .name = "http-address",
     .arg = "ADDRESS:PORT",
     GS_TO_TEXT(struct args, controller.http),
     .help = "/metrics, /healthz, /readyz; \"\" for none"},
    {.name = "emf-interval",
     .arg = "SECONDS",
     GS_TO_NUMBER(struct args, controller.emf_interval_s, 3600),
     .help = "lines of CloudWatch's embedded metric format on stdout so often; 0: none"},
    {.name = "emf-cluster",
     .arg = "NAME",
     GS_TO_TEXT(struct args, controller.emf_cluster),
     .help = "the dimension ClusterName of these"},
    {.name = "emf-namespace",
     .arg = "NAME",
     GS_TO_TEXT(struct args, controller.emf_namespace),
     .help = "the namespace of these"},
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
    {"gpuslice-controller", "in a pod, with its service account"},
    {"gpuslice-controller --kubeconfig ~/.kube/config --http-address 127.0.0.1:8080",
     "from a workstation"},
};

static const struct gs_command command = {
    .program = "gpuslice-controller",
    .name = "gpuslice-controller",
    .summary = "gives waiting pods their slices",
    .text = "Watches pods that ask for slices and every slice there is; books free slices, has "
            "idle ones cut anew, and leaves the rest to Karpenter. Of several only one decides.",
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
};

static int on_end(sd_event_source *source, const struct signalfd_siginfo *si, void *ctx)
{
    (void)source;
    gs_log_info("signal %u", si->ssi_signo);
    gs_controller_leave(ctx);
    return 0;
}

static int heed_signals(struct gs_controller *controller, sd_event *event, struct gs_err *err)
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
        r = sd_event_add_signal(event, NULL, ends[i], on_end, controller);
    }
    return r < 0 ? gs_fail_errno(err, -r, "taking signals") : 0;
}

static int run(const struct args *args, struct gs_err *err)
{
    struct gs_controller controller = {.event = NULL};
    sd_event *event = NULL;
    int r = sd_event_new(&event);
    if (r < 0) {
        return gs_fail_errno(err, -r, "making an event loop");
    }
    r = heed_signals(&controller, event, err);
    r = r == 0 ? gs_controller_start(&controller, &args->controller, event, err) : r;
    if (r == 0 && (r = sd_event_loop(event)) < 0) {
        r = gs_fail_errno(err, -r, "turning the event loop");
    }
    gs_controller_done(&controller);
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
        .controller = {.lease = "gpuslice-controller",
                       .http = ":8080",
                       .region = "",
                       .emf_cluster = "default",
                       .emf_namespace = "GpuSlice",
                       .lease_s = 15,
                       .recut_limit_s = 30,
                       .book_limit_s = 120,
                       .move_limit_s = 120,
                       .move_rest_s = 600,
                       .schedulers = "default-scheduler",
                       .moves_an_hour = 60,
                       .webhook = ":9443",
                       .webhook_secret = "gpuslice-webhook-tls",
                       .webhook_configuration = "gpuslice",
                       .certificate_life_s = 90 * 24 * 3600,
                       .dashboard = "",
                       .dashboard_names = "",
                       .history = "",
                       .history_token = GS_PAST_TOKEN_FILE,
                       .history_ca = "",
                       .prometheus = ""},
        .log_level = GS_LOG_INFO,
    };
    struct gs_err err = {.code = GS_OK};
    int r = gs_options_parse(&command, argc, argv, &args, &err);
    if (r == GS_OPTIONS_HELP) {
        return print_help();
    }
    if (r == 0 && args.version) {
        return printf("gpuslice-controller %s\n", GS_VERSION) > 0 && fflush(stdout) == 0 ? 0 : 1;
    }
    if (r != 0) {
        fprintf(stderr, "gpuslice-controller: %s\n", err.msg);
        return 2;
    }
    gs_log_init((enum gs_log_level)args.log_level, args.log_format == GS_LOG_JSON);
    gs_log_info("gpuslice-controller " GS_VERSION " starts");
    r = run(&args, &err);
    if (r < 0) {
        gs_log_error("%s", err.msg);
        return 1;
    }
    gs_log_info("the end");
    return 0;
}
