/* gpuslice-history: the program. */
#include "base/cleanup.h"
#include "daemon/daemon.h"
#include "historian/historian.h"

struct args {
    struct gs_historian_options historian;
    struct gs_daemon_args daemon;
};

static const struct gs_option options[] = {
    GS_DAEMON_CLUSTER_OPTIONS(struct args, historian),
    {GS_DAEMON_NAMESPACE(struct args, historian.name_space),
     .help = "that we run in, for the certificate's names; the pod's own without it"},
    {GS_DAEMON_REGION(struct args, historian.region)},
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
    {GS_DAEMON_HTTP(struct args, historian.http)},
    GS_DAEMON_LOG_OPTIONS(struct args, daemon),
};

static const struct gs_example examples[] = {
    {"gpuslice-history --file /var/lib/gpuslice/history.db", "in a pod, on a volume"},
    {"gpuslice-history --kubeconfig ~/.kube/config --file history.db --every 5",
     "from a workstation"},
    {"source <(gpuslice-history completion bash)", "completion of its options, for this bash"},
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
    .impossible = GS_DAEMON_FAILED,
    .plain_status = true,
};

static int check(const void *values, struct gs_err *err)
{
    const struct args *args = values;
    if (args->historian.every_s == 0) {
        return gs_fail(err, GS_INVALID, "--every 0; expected 1 to 60 seconds");
    }
    return args->historian.file[0] != '\0'
               ? 0
               : gs_fail(err, GS_INVALID, "where is the history to be kept? --file FILE says it");
}

static int start(void *state, const void *values, sd_event *event, struct gs_err *err)
{
    const struct args *args = values;
    return gs_historian_start(state, &args->historian, event, err);
}

static void leave(void *state)
{
    gs_historian_leave(state);
}

static void done(void *state)
{
    gs_historian_done(state);
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
        .daemon = GS_DAEMON_PRESET,
    };
    static struct gs_historian historian; /* a big one */
    static const struct gs_daemon program = {
        .command = &command, .check = check, .start = start, .leave = leave, .done = done};
    return gs_daemon_main(&program, argc, argv, &args, &args.daemon, &historian);
}
