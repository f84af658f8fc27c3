/* gpuslice-controller: the program. */
#include "base/cleanup.h"
#include "controller/controller.h"
#include "controller/past/past.h"
#include "daemon/daemon.h"

struct args {
    struct gs_controller_options controller;
    struct gs_daemon_args daemon;
};

static const struct gs_option options[] = {
    GS_DAEMON_CLUSTER_OPTIONS(struct args, controller),
    {GS_DAEMON_NAMESPACE(struct args, controller.name_space),
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
     .help = "a pod's gate stays so long for a re-cut, or for its volumes"},
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
    {.group = "New nodes", GS_DAEMON_REGION(struct args, controller.region)},
    {.group = "Telling", GS_DAEMON_HTTP(struct args, controller.http)},
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
    GS_DAEMON_LOG_OPTIONS(struct args, daemon),
};

static const struct gs_example examples[] = {
    {"gpuslice-controller", "in a pod, with its service account"},
    {"gpuslice-controller --kubeconfig ~/.kube/config --http-address 127.0.0.1:8080",
     "from a workstation"},
    {"source <(gpuslice-controller completion bash)", "completion of its options, for this bash"},
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
    .impossible = GS_DAEMON_FAILED,
    .plain_status = true,
};

static int start(void *state, const void *values, sd_event *event, struct gs_err *err)
{
    const struct args *args = values;
    return gs_controller_start(state, &args->controller, event, err);
}

static void leave(void *state)
{
    gs_controller_leave(state);
}

static void done(void *state)
{
    gs_controller_done(state);
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
        .daemon = GS_DAEMON_PRESET,
    };
    static struct gs_controller controller; /* a big one */
    static const struct gs_daemon program = {
        .command = &command, .start = start, .leave = leave, .done = done};
    return gs_daemon_main(&program, argc, argv, &args, &args.daemon, &controller);
}
