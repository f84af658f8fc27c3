#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "cli/cluster/commands.h"
#include "cli/cluster/gates.h"
#include "cli/cluster/leftovers.h"
#include "cli/cmd.h"
#include "term/exit.h"
#include "term/output.h"
#include "term/progress.h"

enum { WAIT_S = 180, WAIT_MAX_S = 3600 };

struct uninstall_args {
    struct gs_link_args link;
    const char *name_space;
    uint64_t wait_s;
    bool keep_nodes;
    bool dry_run;
    bool yes;
};

static const struct gs_option options[] = {
    {.name = "namespace",
     .letter = 'n',
     .arg = "NAME",
     GS_TO_TEXT(struct uninstall_args, name_space),
     .help = "where gpuslice-controller runs; without it gpuslice-system, or in a pod its own"},
    {.name = "keep-nodes",
     GS_TO_FLAG(struct uninstall_args, keep_nodes),
     .help = "leave SlicePools with their NodePools: their nodes stay, and nobody keeps their "
             "limits"},
    {.name = "dry-run",
     GS_TO_FLAG(struct uninstall_args, dry_run),
     .help = "say what there is, and change nothing"},
    {.name = "yes",
     .letter = 'y',
     GS_TO_FLAG(struct uninstall_args, yes),
     .help = "do it; without it and without --dry-run nothing is done"},
    {.name = "wait",
     .arg = "SECONDS",
     GS_TO_NUMBER(struct uninstall_args, wait_s, WAIT_MAX_S),
     .help = "for NodePools and the controller to go; 180 without it"},
    GS_LINK_OPTIONS(struct uninstall_args, link),
};

static const struct gs_example examples[] = {
    {"gpuslice uninstall --dry-run", "what of gpuslice is in this cluster"},
    {"gpuslice uninstall --yes && helm uninstall gpuslice -n gpuslice-system",
     "what helm uninstall does by its Job, by hand"},
};

const struct gs_command gs_command_uninstall = {
    .name = "uninstall",
    .summary = "take out of a cluster what would be left behind by gpuslice",
    .text = "Before the programs go: deletes the webhook's configuration, so that no pod is gated "
            "any more; deletes SlicePools and waits until their NodePools and NodeOverlays are "
            "gone (Karpenter drains their nodes); stops the controller; lifts every gate; takes "
            "bookings off pods, and our annotations and startup taint off nodes. Slices stay cut, "
            "and pods on nodes that stay run on. The chart's Job does this before helm uninstall. "
            "CRDs, agents and the labels of feature discovery are not touched.",
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .impossible = "something could not be taken out, or was still there when the time was over",
    .run = gs_cmd_uninstall,
};

static int lift_gates(struct gs_leftovers *left, struct gs_err *err)
{
    GS_CLEANUP(gs_gates_done) struct gs_gates gates;
    gs_gates_init(&gates, left->link);
    int r = gs_gates_find(&gates, "", err);
    r = r == 0 && !left->dry_run ? gs_gates_lift(&gates, err) : r;
    for (size_t i = 0; r == 0 && i < gates.n; i++) {
        const struct gs_gates_pod *pod = gates.pods[i];
        char name[600];
        bool ok = pod->lifted || pod->gone;
        (void)snprintf(name, sizeof(name), "%s/%s", pod->name_space, pod->name);
        gs_leftovers_say(left, "gate of pod", name, "lifted",
                         left->dry_run || ok ? NULL : &pod->err);
    }
    return r;
}

/* In this order, since who removes something has to be there still, and nothing new may come. */
static int take_out(struct gs_leftovers *left, bool keep_nodes, struct gs_err *err)
{
    gs_progress_phase("the webhook");
    int r = gs_leftovers_webhook(left, err);
    gs_progress_phase("SlicePools");
    r = r == 0 && !keep_nodes ? gs_leftovers_pools(left, err) : r;
    gs_progress_phase("the controller");
    r = r == 0 ? gs_leftovers_controller(left, err) : r;
    gs_progress_phase("gates");
    r = r == 0 ? lift_gates(left, err) : r;
    gs_progress_phase("bookings");
    r = r == 0 ? gs_leftovers_pods(left, err) : r;
    gs_progress_phase("nodes");
    return r == 0 ? gs_leftovers_nodes(left, err) : r;
}

static int finish(struct gs_leftovers *left, int r, struct gs_err *err)
{
    if (left->n == 0 && r == 0) {
        gs_buf_puts(&left->out, "nothing of gpuslice is in the way\n");
    }
    struct gs_err unwritten;
    int w = gs_output_text(&left->out, &unwritten);
    if (w < 0) {
        return gs_exit_output(w, &unwritten);
    }
    if (r < 0) {
        return gs_link_failed(left->link, err);
    }
    if (left->failed.code != GS_OK) {
        (void)gs_link_failed(left->link, &left->failed);
        return GS_EXIT_IMPOSSIBLE;
    }
    return GS_EXIT_DONE;
}

int gs_cmd_uninstall(int argc, char **argv)
{
    struct uninstall_args args = {.link = {.timeout_s = GS_LINK_TIMEOUT_S}, .wait_s = WAIT_S};
    struct gs_err err = {.code = GS_OK};
    int status;
    if (!gs_cmd_begin(&gs_command_uninstall, argc, argv, &args, &status)) {
        return status;
    }
    if (args.yes == args.dry_run) {
        (void)gs_fail(&err, GS_INVALID,
                      args.yes ? "--yes and --dry-run: which one?"
                               : "this deletes SlicePools, whose nodes are drained, and stops the "
                                 "controller: --dry-run shows what there is, --yes does it");
        return gs_exit_usage(&err);
    }
    GS_CLEANUP(gs_link_close) struct gs_link link;
    if (gs_link_open(&link, &args.link, &err) < 0) {
        return gs_link_failed(&link, &err);
    }
    struct gs_leftovers left = {.link = &link, .dry_run = args.dry_run, .wait_s = args.wait_s};
    left.name_space = args.name_space != NULL ? args.name_space
                      : link.in_pod           ? link.name_space
                                              : "gpuslice-system";
    gs_buf_init(&left.out, GS_OUTPUT_MAX);
    gs_progress_start("gpuslice uninstall");
    int r = take_out(&left, args.keep_nodes, &err);
    gs_progress_end();
    status = finish(&left, r, &err);
    gs_buf_done(&left.out);
    return status;
}
