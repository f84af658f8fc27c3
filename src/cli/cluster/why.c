#include "cli/cluster/why.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/near.h"
#include "cli/cluster/commands.h"
#include "cli/cmd.h"
#include "term/exit.h"
#include "term/progress.h"
#include "wire/kubefield.h"
#include "wire/kubejson.h"

struct why_args {
    struct gs_link_args link;
    const char *pod;
    const char *name_space;
    const char *region;
    unsigned format;
};

static const struct gs_option operand = {
    .arg = "[NAMESPACE/]POD",
    GS_TO_TEXT(struct why_args, pod),
    .help = "the pod, in any state",
};

static const struct gs_option options[] = {
    {.name = "namespace",
     .letter = 'n',
     .arg = "NAME",
     GS_TO_TEXT(struct why_args, name_space),
     .help = "of the pod; without it that of the context"},
    {.name = "region",
     .arg = "REGION",
     GS_TO_TEXT(struct why_args, region),
     .help = "whose prices count; without it the controller's, as its SlicePools say, else as the "
             "nodes are labelled, else $AWS_REGION"},
    GS_OPTION_OUTPUT(struct why_args, format, gs_format_names),
    GS_LINK_OPTIONS(struct why_args, link),
};

static const struct gs_example examples[] = {
    {"gpuslice why trainer-0", "why it waits, and what happens next"},
    {"gpuslice why team-a/trainer-0 -o json", "the same for programs, with all nodes"},
};

const struct gs_command gs_command_why = {
    .name = "why",
    .summary = "say why a pod waits for its slice, and what happens next",
    .text = "Reads the cluster as the controller does and decides as it does, with its own code: "
            "pods that go first are decided first. Nothing is changed. Says what stands in the way "
            "on each node, what would help, and what the last Events of the pod were.",
    .operand = &operand,
    .operand_required = true,
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .run = gs_cmd_why,
};

/* ---- Events ---- */

/* When it was seen last: an Event has one of four times, by who wrote it. */
static int read_time(const json_t *object, uint64_t *ret_us, struct gs_err *err)
{
    static const char *const keys[] = {"lastTimestamp", "eventTime", "firstTimestamp"};
    json_t *series = NULL;
    int r = gs_kubejson_object(object, "series", &series, err);
    r = r == 0 ? gs_kubefield_time(series, "lastObservedTime", ret_us, err) : r;
    for (size_t i = 0; r == 0 && *ret_us == 0 && i < GS_ARRAY_LEN(keys); i++) {
        r = gs_kubefield_time(object, keys[i], ret_us, err);
    }
    return r;
}

static int read_event(const json_t *object, struct gs_arena *arena, struct gs_why_event *ret,
                      struct gs_err *err)
{
    const char *type = NULL;
    json_t *series = NULL;
    int r = gs_kubefield_text(object, "reason", 256, arena, &ret->reason, err);
    /* notes of the scheduler have line ends, which a reader of names refuses */
    const char *message = json_string_value(json_object_get(object, "message"));
    ret->message =
        gs_arena_text(arena, message == NULL ? "" : message, message == NULL ? 0 : strlen(message));
    if (r == 0 && ret->message == NULL) {
        return gs_kubejson_no_memory(err);
    }
    r = r == 0 ? gs_kubejson_text(object, "type", &type, err) : r;
    r = r == 0 ? read_time(object, &ret->at_us, err) : r;
    ret->count = 1;
    r = r == 0 ? gs_kubejson_number(object, "count", UINT32_MAX, &ret->count, err) : r;
    r = r == 0 ? gs_kubejson_object(object, "series", &series, err) : r;
    r = r == 0 ? gs_kubejson_number(series, "count", UINT32_MAX, &ret->count, err) : r;
    ret->warning = type != NULL && strcmp(type, "Warning") == 0;
    return r;
}

int gs_why_take_event(struct gs_why_answer *answer, struct gs_arena *arena, const json_t *object,
                      struct gs_err *err)
{
    struct gs_why_event event = {.at_us = 0};
    int r = read_event(object, arena, &event, err);
    if (r == GS_INVALID) {
        return 0; /* one that cannot be read is nothing that anybody waits for */
    }
    if (r != 0) {
        return r;
    }
    if (answer->n_events == GS_WHY_EVENTS_MAX) {
        if (event.at_us < answer->events[0].at_us) {
            return 0;
        }
        memmove(answer->events, answer->events + 1, --answer->n_events * sizeof(answer->events[0]));
    }
    unsigned k = answer->n_events++;
    for (; k > 0 && answer->events[k - 1].at_us > event.at_us; k--) {
        answer->events[k] = answer->events[k - 1];
    }
    answer->events[k] = event;
    return 0;
}

struct event_taker {
    struct gs_why_answer *answer;
    struct gs_arena *arena;
};

static void begin_events(void *ctx)
{
    struct event_taker *taker = ctx;
    taker->answer->n_events = 0;
}

static int take_event(void *ctx, const struct json_t *object, struct gs_err *err)
{
    struct event_taker *taker = ctx;
    return gs_why_take_event(taker->answer, taker->arena, object, err);
}

/* ---- a pod that is not there ---- */

static int fail_unknown(const struct gs_scene *scene, const char *id, struct gs_err *err)
{
    struct gs_near near = GS_NEAR_INIT(gs_view(id));
    const struct gs_store_pod *pod;
    const char *slash = strchr(id, '/');
    char text[400];
    size_t at = 0;
    while ((pod = gs_map_next(&scene->store.pods, &at)) != NULL) {
        gs_near_offer(&near, pod->key);
        const char *name = strchr(pod->key, '/');
        if (slash != NULL && name != NULL && strcmp(name, slash) == 0) {
            near = GS_NEAR_INIT(gs_view(id)); /* the same name elsewhere is what was meant */
            gs_near_offer(&near, pod->key);
            return gs_fail(err, GS_NOT_FOUND, "there is no pod %.200s; did you mean %.200s?", id,
                           pod->key);
        }
    }
    gs_near_format(&near, text, sizeof(text));
    return gs_fail(err, GS_NOT_FOUND, "there is no pod %.200s%s", id, text);
}

/* ---- all ---- */

static int answer(struct gs_scene *scene, const json_t *object, struct gs_why_answer *said,
                  enum gs_format format, struct gs_err *err)
{
    struct gs_case of;
    int r = gs_case_make(scene, object, &of, err);
    if (r != 0) {
        return gs_exit_failed(err);
    }
    said->of = &of;
    if (format == GS_FORMAT_TABLE) {
        GS_CLEANUP(gs_buf_done) struct gs_buf out;
        gs_buf_init(&out, GS_OUTPUT_MAX);
        gs_why_put_text(said, gs_output_styled(), &out);
        return gs_exit_output(gs_output_text(&out, err), err);
    }
    struct gs_result result;
    gs_result_init(&result);
    gs_why_put_doc(said, &result);
    r = gs_output_result(&result, format, err);
    gs_result_done(&result);
    return gs_exit_output(r, err);
}

static int why(struct gs_link *link, const struct why_args *args, const char *space,
               const char *name)
{
    struct gs_scene scene;
    struct gs_why_answer said = {.n_events = 0};
    struct gs_err err = {.code = GS_OK};
    char id[2 * GS_LINK_NAMESPACE_MAX];
    char path[700];
    char events_path[400];
    char selector[400];
    (void)snprintf(id, sizeof(id), "%s/%s", space, name);
    (void)snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods/%s", space, name);
    (void)snprintf(events_path, sizeof(events_path), "/api/v1/namespaces/%s/events", space);
    (void)snprintf(selector, sizeof(selector),
                   "fieldSelector=involvedObject.kind%%3DPod%%2CinvolvedObject.name%%3D%s", name);
    gs_scene_init(&scene, link);
    struct event_taker taker = {.answer = &said, .arena = &scene.arena};
    struct gs_link_request pod = {.method = "GET", .path = path};
    struct gs_link_list events = {.kind = "Event",
                                  .path = events_path,
                                  .selector = selector,
                                  .begin = begin_events,
                                  .take = take_event,
                                  .ctx = &taker};
    gs_progress_start("gpuslice why");
    gs_progress_phase("reading the cluster");
    gs_link_begin(link, &pod);
    gs_link_begin_list(link, &events);
    int r = gs_scene_read(&scene, args->region, &err);
    gs_progress_end();
    int status;
    if (r != 0) {
        status = gs_link_failed(link, &err);
    } else if (pod.result == GS_NOT_FOUND) {
        (void)fail_unknown(&scene, id, &err);
        status = gs_exit_failed(&err);
    } else if (pod.result != 0) {
        status = gs_link_failed(link, &pod.err);
    } else {
        said.no_events = events.result == 0 ? NULL : &events.err;
        status = answer(&scene, pod.object, &said, (enum gs_format)args->format, &err);
    }
    gs_link_drop(&pod);
    gs_scene_done(&scene);
    return status;
}

int gs_cmd_why(int argc, char **argv)
{
    struct why_args args = {.link = {.timeout_s = GS_LINK_TIMEOUT_S}};
    struct gs_err err = {.code = GS_OK};
    char space[GS_LINK_NAMESPACE_MAX];
    const char *name = NULL;
    int status;
    if (!gs_cmd_begin(&gs_command_why, argc, argv, &args, &status)) {
        return status;
    }
    GS_CLEANUP(gs_link_close) struct gs_link link;
    if (gs_link_open(&link, &args.link, &err) < 0) {
        return gs_link_failed(&link, &err);
    }
    if (gs_pod_word(args.pod, args.name_space != NULL ? args.name_space : link.name_space, space,
                    &name, &err) < 0) {
        return gs_exit_failed(&err);
    }
    return why(&link, &args, space, name);
}
