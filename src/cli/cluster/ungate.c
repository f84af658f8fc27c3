#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/near.h"
#include "base/table.h"
#include "cli/cluster/commands.h"
#include "cli/cluster/gates.h"
#include "cli/cmd.h"
#include "term/exit.h"
#include "term/output.h"
#include "term/progress.h"

struct ungate_args {
    struct gs_link_args link;
    struct gs_texts pods;
    const char *name_space;
    bool all;
    bool dry_run;
};

static const struct gs_option operand = {
    .arg = "[NAMESPACE/]POD",
    GS_TO_LIST(struct ungate_args, pods),
    .complete = GS_COMPLETE_NONE,
    .help = "pods that are to be scheduled as they stand",
};

static const struct gs_option options[] = {
    {.name = "all",
     GS_TO_FLAG(struct ungate_args, all),
     .help = "every pod of the cluster that has the gate; with --namespace, of that namespace"},
    {.name = "namespace",
     .letter = 'n',
     .arg = "NAME",
     GS_TO_TEXT(struct ungate_args, name_space),
     .help = "of the pods without one; alone, all of its pods that have the gate"},
    {.name = "dry-run",
     GS_TO_FLAG(struct ungate_args, dry_run),
     .help = "say which pods have the gate, and change nothing"},
    GS_LINK_OPTIONS(struct ungate_args, link),
};

static const struct gs_example examples[] = {
    {"gpuslice ungate default/trainer-0", "one pod is scheduled as it stands"},
    {"gpuslice ungate --all --dry-run", "who waits at the gate, in the whole cluster"},
    {"gpuslice ungate --all", "nobody waits at it any more: the controller is gone for good"},
};

const struct gs_command gs_command_ungate = {
    .name = "ungate",
    .summary = "take our scheduling gate off pods that wait at it",
    .text =
        "The gate gpuslice.dev/slice holds a new pod until its slice is there, half a minute at "
        "most while a controller runs. Where none runs any more, this lifts it; the scheduler "
        "and Karpenter then see the pod. Other gates and all else of the pod stay. New pods "
        "are gated only while a controller decides, in namespaces with the label "
        "gpuslice.dev/gate=enabled.",
    .operand = &operand,
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .impossible = "the gate of some pod could not be lifted",
    .run = gs_cmd_ungate,
};

/* ---- which ---- */

struct names {
    struct gs_near near;
    struct gs_arena *arena;
};

static int check(const struct ungate_args *args, struct gs_err *err)
{
    bool some = args->pods.n > 0;
    if (some && args->all) {
        return gs_fail(err, GS_INVALID,
                       "--all is every pod at the gate, and \"%.100s\" names one: give one of the "
                       "two; see gpuslice ungate --help",
                       args->pods.items[0]);
    }
    if (!some && !args->all && args->name_space == NULL) {
        return gs_fail(err, GS_INVALID,
                       "which pods? ungate wants NAMESPACE/POD, --namespace or --all; see gpuslice "
                       "ungate --help");
    }
    return 0;
}

static int add_named(struct gs_gates *gates, const struct gs_link *link, const char *space,
                     const char *word, struct gs_err *err)
{
    char given[GS_LINK_NAMESPACE_MAX];
    const char *name = word;
    int r = gs_pod_word(word, space == NULL ? link->name_space : space, given, &name, err);
    return r < 0 ? r : gs_gates_add(gates, given, name, err);
}

static int offer_name(void *ctx, const struct json_t *object, struct gs_err *err)
{
    struct names *names = ctx;
    const char *name =
        json_string_value(json_object_get(json_object_get(object, "metadata"), "name"));
    const char *kept = name == NULL ? "" : gs_arena_text(names->arena, name, strlen(name));
    if (kept == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for namespaces");
    }
    gs_near_offer(&names->near, kept);
    return 0;
}

/* The API server lists no pods for a namespace that there is not, and calls that no failure.
 * Whether it is there may not be ours to know: then it is passed over. */
static int check_namespace(struct gs_gates *gates, struct gs_link *link, const char *space,
                           struct gs_err *err)
{
    char path[400];
    char text[400];
    struct names names = {.near = GS_NEAR_INIT(gs_view(space)), .arena = &gates->arena};
    struct gs_link_request request = {.method = "GET", .path = path};
    struct gs_link_list all = {
        .kind = "Namespace", .path = "/api/v1/namespaces", .take = offer_name, .ctx = &names};
    (void)snprintf(path, sizeof(path), "/api/v1/namespaces/%s", space);
    gs_link_begin(link, &request);
    int r = gs_link_wait(link, err);
    bool lacks = r == 0 && request.result == GS_NOT_FOUND;
    gs_link_drop(&request);
    if (!lacks) {
        return r;
    }
    gs_link_begin_list(link, &all);
    r = gs_link_wait(link, err);
    gs_near_format(&names.near, text, sizeof(text));
    return r < 0 ? r : gs_fail(err, GS_NOT_FOUND, "there is no namespace %.100s%s", space, text);
}

static int gather(struct gs_gates *gates, struct gs_link *link, const struct ungate_args *args,
                  struct gs_err *err)
{
    int r = 0;
    if (args->pods.n == 0) {
        r = gs_gates_find(gates, args->name_space == NULL ? "" : args->name_space, err);
        return r == 0 && gates->read == 0 && args->name_space != NULL
                   ? check_namespace(gates, link, args->name_space, err)
                   : r;
    }
    for (size_t i = 0; r == 0 && i < args->pods.n; i++) {
        r = add_named(gates, link, args->name_space, args->pods.items[i], err);
    }
    return r;
}

/* ---- what became of them ---- */

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

static int say_planned(const struct gs_gates *gates, struct gs_err *err)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    size_t n = 0;
    gs_buf_init(&out, GS_OUTPUT_MAX);
    for (size_t i = 0; i < gates->n; i++) {
        const struct gs_gates_pod *pod = gates->pods[i];
        n += pod->gated;
        gs_buf_printf(&out, "%s/%s: %s\n", pod->name_space, pod->name,
                      pod->gated ? "has the gate; it would be lifted" : "has not our gate");
    }
    gs_buf_printf(&out, "%zu pod%s at the gate, of %zu; nothing was changed (--dry-run)\n", n,
                  plural(n), gates->read);
    return gs_output_text(&out, err);
}

static int say_done(const struct gs_gates *gates, struct gs_err *ret_failed, struct gs_err *err)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    size_t lifted = 0;
    size_t failed = 0;
    gs_buf_init(&out, GS_OUTPUT_MAX);
    for (size_t i = 0; i < gates->n; i++) {
        const struct gs_gates_pod *pod = gates->pods[i];
        lifted += pod->lifted;
        bool ok = pod->lifted || pod->gone || !pod->gated;
        if (!ok && failed++ == 0) {
            *ret_failed = pod->err;
        }
        gs_buf_printf(&out, "%s/%s: ", pod->name_space, pod->name);
        gs_buf_puts(&out, pod->lifted   ? "gate lifted"
                          : !pod->gated ? "had not our gate"
                          : pod->gone   ? "was gone, or somebody was faster"
                                        : "NOT lifted: ");
        if (!ok) {
            gs_text_clean(&out, pod->err.msg, strlen(pod->err.msg));
        }
        gs_buf_puts(&out, "\n");
    }
    gs_buf_printf(&out, "%zu gate%s lifted", lifted, plural(lifted));
    if (failed > 0) {
        gs_buf_printf(&out, ", %zu not", failed);
    }
    gs_buf_printf(&out, "; %zu pod%s looked at\n", gates->read, plural(gates->read));
    return gs_output_text(&out, err);
}

static void on_progress(const struct gs_gates *gates)
{
    char text[60];
    (void)snprintf(text, sizeof(text), "%zu of %zu gates", gates->ended, gates->n);
    gs_progress_phase_copy(text);
}

static int ungate(struct gs_link *link, const struct ungate_args *args)
{
    GS_CLEANUP(gs_gates_done) struct gs_gates gates;
    struct gs_err err = {.code = GS_OK};
    struct gs_err failed = {.code = GS_OK};
    gs_gates_init(&gates, link);
    gates.progress = on_progress;
    gs_progress_start("gpuslice ungate");
    gs_progress_phase("reading pods");
    int r = gather(&gates, link, args, &err);
    if (r == 0 && !args->dry_run) {
        r = gs_gates_lift(&gates, &err);
    }
    gs_progress_end();
    if (r < 0) {
        return gs_link_failed(link, &err);
    }
    r = args->dry_run ? say_planned(&gates, &err) : say_done(&gates, &failed, &err);
    if (r == 0 && failed.code != GS_OK) {
        (void)gs_link_failed(link, &failed);
        return GS_EXIT_IMPOSSIBLE;
    }
    return gs_exit_output(r, &err);
}

int gs_cmd_ungate(int argc, char **argv)
{
    struct ungate_args args = {.link = {.timeout_s = GS_LINK_TIMEOUT_S}};
    struct gs_err err = {.code = GS_OK};
    int status;
    if (!gs_cmd_begin(&gs_command_ungate, argc, argv, &args, &status)) {
        return status;
    }
    if (check(&args, &err) < 0) {
        return gs_exit_usage(&err);
    }
    GS_CLEANUP(gs_link_close) struct gs_link link;
    if (gs_link_open(&link, &args.link, &err) < 0) {
        return gs_link_failed(&link, &err);
    }
    return ungate(&link, &args);
}
