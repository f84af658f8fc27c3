#include "cli/cluster/status.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/near.h"
#include "cli/cluster/commands.h"
#include "cli/cmd.h"
#include "term/exit.h"
#include "term/progress.h"

struct status_args {
    struct gs_link_args link;
    struct gs_texts nodes;
    const char *region;
    uint64_t watch_s;
    unsigned format;
};
enum { WATCH_MAX_S = 86400 };

static const struct gs_option operand = {
    .arg = "NODE",
    GS_TO_LIST(struct status_args, nodes),
    .help = "nodes to be drawn; without it all where they are few",
};

static const struct gs_option options[] = {
    {.name = "region",
     .arg = "REGION",
     GS_TO_TEXT(struct status_args, region),
     .help = "whose prices count for what may be bought; without it the controller's, as its "
             "SlicePools say, else as the nodes are labelled, else $AWS_REGION"},
    {.name = "watch",
     .letter = 'w',
     .arg = "SECONDS",
     GS_TO_NUMBER(struct status_args, watch_s, WATCH_MAX_S),
     .min = 1,
     .help = "show it anew so often, until ^C"},
    GS_OPTION_OUTPUT(struct status_args, format, gs_format_names),
    GS_LINK_OPTIONS(struct status_args, link),
};

static const struct gs_example examples[] = {
    {"gpuslice status", "nodes, slices, SlicePools and who waits; what is wrong first"},
    {"gpuslice status node-7 -o json", "one node, for programs"},
    {"gpuslice status --watch 2", "every two seconds anew"},
};

const struct gs_command gs_command_status = {
    .name = "status",
    .summary = "show nodes, slices, pools, who waits and what is wrong",
    .text = "Reads the API server once and shows what gpuslice sees: who decides, what each GPU is "
            "cut into and who holds it, what is promised and being re-cut, what SlicePools may "
            "buy and cost, and what each waiting pod gets next. What the account may not read is "
            "named and left out.",
    .operand = &operand,
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .run = gs_cmd_status,
};

/* ---- what each node has ---- */

static bool is_shown(const struct gs_status *status, const char *name)
{
    bool shown = status->named->n == 0;
    for (size_t i = 0; i < status->named->n && !shown; i++) {
        shown = strcmp(status->named->items[i], name) == 0;
    }
    return shown;
}

static void count_slices(const struct gs_gpunode_gpu *gpu, struct gs_status_node *ret)
{
    for (unsigned i = 0; i < gpu->n_slices; i++) {
        enum gs_gpunode_slice_state state = gpu->slices[i].state;
        ret->slices++;
        ret->held += state == GS_GPUNODE_HELD;
        ret->idle += state == GS_GPUNODE_FREE;
        ret->other += state != GS_GPUNODE_HELD && state != GS_GPUNODE_FREE;
    }
    ret->whole += !gpu->mig;
    ret->whole_held += !gpu->mig && gpu->whole_held;
}

/* Slices of pods that are expected there and not bound. */
static uint32_t count_promised(const struct gs_store_node *node)
{
    struct gs_store_taken taken[GS_STORE_RESOURCES_MAX];
    uint32_t n = 0;
    gs_store_taken(node, taken);
    for (unsigned i = 1; i < node->store->n_resources; i++) {
        n += taken[i].all - taken[i].bound;
    }
    return n;
}

static const char *state_of(const struct gs_status_node *one)
{
    const struct gs_store_node *node = one->node;
    return !node->known           ? "no Node"
           : node->deleting       ? "ending"
           : !node->ready         ? "not Ready"
           : one->gpus == NULL    ? "no agent"
           : one->silent          ? "agent silent"
           : node->starting       ? "starting"
           : node->wishes != NULL ? "re-cut"
                                  : "ready";
}

static void fill_node(const struct gs_status *status, uint32_t at, struct gs_status_node *ret)
{
    *ret = (struct gs_status_node){.at = at, .node = status->scene->view.more[at].of};
    ret->gpus = gs_scene_gpus(status->scene, ret->node->name);
    ret->silent = ret->gpus != NULL && gs_scene_is_silent(status->scene, ret->gpus);
    for (unsigned i = 0; ret->gpus != NULL && i < ret->gpus->n_gpus; i++) {
        count_slices(&ret->gpus->gpus[i], ret);
    }
    ret->promised = count_promised(ret->node);
    ret->state = state_of(ret);
}

static int check_named(const struct gs_status *status, struct gs_err *err)
{
    for (size_t i = 0; i < status->named->n; i++) {
        const char *name = status->named->items[i];
        struct gs_near near = GS_NEAR_INIT(gs_view(name));
        char text[400];
        bool found = false;
        for (size_t k = 0; k < status->scene->view.n && !found; k++) {
            const char *there = status->scene->view.nodes[k].name;
            found = strcmp(there, name) == 0;
            gs_near_offer(&near, there);
        }
        if (!found) {
            gs_near_format(&near, text, sizeof(text));
            return gs_fail(err, GS_NOT_FOUND, "there is no node with GPUs named %.100s%s", name,
                           text);
        }
    }
    return 0;
}

int gs_status_make(struct gs_status *status, struct gs_err *err)
{
    struct gs_scene *scene = status->scene;
    int r = check_named(status, err);
    if (r != 0) {
        return r;
    }
    const uint32_t *order = gs_scene_by_name(scene);
    status->nodes = GS_ARENA_NEW(&scene->arena, struct gs_status_node, scene->view.n);
    if (order == NULL || status->nodes == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the nodes");
    }
    for (size_t i = 0; i < scene->view.n; i++) {
        if (is_shown(status, scene->view.nodes[order[i]].name)) {
            fill_node(status, order[i], &status->nodes[status->n_nodes++]);
        }
    }
    bool whole = gs_scene_has(scene, GS_SCENE_PODS) && gs_scene_has(scene, GS_SCENE_NODES) &&
                 gs_scene_has(scene, GS_SCENE_GPUNODES);
    r = whole ? gs_case_all(scene, &status->waiting, &status->n_waiting, err) : 0;
    return r == 0 ? gs_status_find_problems(status, err) : r;
}

/* ---- the command ---- */

static int show(struct gs_status *status, enum gs_format format)
{
    struct gs_err err = {.code = GS_OK};
    int r = gs_status_make(status, &err);
    if (r != 0) {
        return gs_exit_failed(&err);
    }
    if (format == GS_FORMAT_TABLE) {
        GS_CLEANUP(gs_buf_done) struct gs_buf out;
        gs_buf_init(&out, GS_OUTPUT_MAX);
        gs_buf_puts(&out, status->clears ? "\033[H\033[2J" : "");
        gs_status_put_text(status, gs_output_styled(), &out);
        return gs_exit_output(gs_output_text(&out, &err), &err);
    }
    struct gs_result result;
    gs_result_init(&result);
    gs_status_put_doc(status, &result);
    r = gs_output_result(&result, format, &err);
    gs_result_done(&result);
    return gs_exit_output(r, &err);
}

/* What does not work now may work the next time: it is said, and tried again. */
static int show_once(struct gs_link *link, const struct status_args *args)
{
    struct gs_err err = {.code = GS_OK};
    struct gs_scene scene;
    struct gs_status shown = {.scene = &scene, .named = &args->nodes};
    gs_scene_init(&scene, link);
    gs_progress_start("gpuslice status");
    gs_progress_phase("reading the cluster");
    int r = gs_scene_read(&scene, args->region, &err);
    gs_progress_end();
    shown.clears = args->watch_s > 0 && args->format == GS_FORMAT_TABLE && gs_output_styled();
    int status = r != 0 ? gs_link_failed(link, &err) : show(&shown, (enum gs_format)args->format);
    gs_scene_done(&scene);
    return status;
}

int gs_cmd_status(int argc, char **argv)
{
    struct status_args args = {.link = {.timeout_s = GS_LINK_TIMEOUT_S}};
    struct gs_err err = {.code = GS_OK};
    int status;
    if (!gs_cmd_begin(&gs_command_status, argc, argv, &args, &status)) {
        return status;
    }
    GS_CLEANUP(gs_link_close) struct gs_link link;
    if (gs_link_open(&link, &args.link, &err) < 0) {
        return gs_link_failed(&link, &err);
    }
    status = show_once(&link, &args);
    while (args.watch_s > 0 && fflush(stdout) == 0) { /* until ^C, or nobody reads any more */
        const struct timespec pause = {.tv_sec = (time_t)args.watch_s};
        (void)nanosleep(&pause, NULL);
        status = show_once(&link, &args);
    }
    return status;
}
