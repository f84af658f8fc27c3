/* pods: what `kubectl get pods -o json` prints: a moment, not a history. A pod holds its GPUs from
 * when it was scheduled until its last container ended, or until the moment of the snapshot, where
 * it is cut off. Pods that were deleted before are not in it. */
#include <jansson.h>
#include <stdlib.h>

#include "trace/field.h"
#include "trace/reader.h"
#include "wire/kubejson.h"
#include "wire/kubelist.h"
#include "wire/kubepod.h"

enum { PODS_MAX = 1 << 18, POD_BYTES_MAX = 4 << 20 };
#define LIST_BYTES_MAX (1ull << 36)

/* A pod that asks for GPUs, once for each kind of slice. */
struct piece {
    struct gs_trace_ask ask;
    uint32_t count;
    int64_t end_us; /* GS_TRACE_NO_TIME: it has not ended */
};

struct pods {
    struct gs_kubelist *list;
    struct gs_arena one; /* of the pod that is read */
    struct piece *pieces;
    size_t n;
    size_t cap;
    size_t drawn;
    bool sorted;
    int64_t latest_us; /* of all moments in it */
    struct gs_trace *trace;
};

static int take_pod(void *ctx, const struct json_t *object, struct gs_err *err);

static int begin(struct gs_trace *trace, struct gs_err *err)
{
    struct pods *own = GS_ARENA_NEW(&trace->arena, struct pods, 1);
    if (own == NULL) {
        return gs_trace_no_memory(trace, err);
    }
    const struct gs_kubelist_options options = {
        .label = trace->inputs[0].label, .kind = "Pod", .max_bytes = LIST_BYTES_MAX};
    gs_arena_init(&own->one, trace->arena.source, POD_BYTES_MAX);
    own->latest_us = GS_TRACE_NO_TIME;
    own->trace = trace;
    trace->own = own;
    own->list = gs_kubelist_new(&options, (struct gs_kubelist_sink){.take = take_pod, .ctx = own});
    return own->list == NULL ? gs_trace_no_memory(trace, err) : 0;
}

static void end(struct gs_trace *trace)
{
    struct pods *own = trace->own;
    gs_kubelist_free(own->list);
    gs_arena_done(&own->one);
}

/* ---- one pod ---- */

/* The moment under `key`; not there: *ret stays. Remembers the latest of all. */
static int read_moment(struct pods *own, const json_t *object, const char *key, int64_t *ret,
                       struct gs_err *err)
{
    const char *text = NULL;
    int r = gs_kubejson_text(object, key, &text, err);
    if (r < 0 || text == NULL) {
        return r;
    }
    r = gs_field_is_date(gs_view(text))
            ? gs_field_moment(gs_view(text), ret, err)
            : gs_fail(err, GS_INVALID, "found \"%.40s\"; expected a date", text);
    if (r < 0) {
        return gs_wrap(err, r, "%s", key);
    }
    own->latest_us = *ret > own->latest_us ? *ret : own->latest_us;
    return 0;
}

/* When the scheduler gave it a node. */
static int read_scheduled(struct pods *own, const json_t *status, int64_t *ret, struct gs_err *err)
{
    json_t *conditions = NULL;
    int r = gs_kubejson_array(status, "conditions", &conditions, err);
    for (size_t i = 0; r == 0 && i < json_array_size(conditions); i++) {
        const json_t *condition = json_array_get(conditions, i);
        const char *type = NULL;
        const char *is = NULL;
        r = gs_kubejson_text(condition, "type", &type, err);
        r = r == 0 ? gs_kubejson_text(condition, "status", &is, err) : r;
        if (r == 0 && type != NULL && is != NULL && strcmp(type, "PodScheduled") == 0 &&
            strcmp(is, "True") == 0) {
            return read_moment(own, condition, "lastTransitionTime", ret, err);
        }
    }
    return r;
}

/* When the last of its containers ended. */
static int read_finished(struct pods *own, const json_t *status, int64_t *ret, struct gs_err *err)
{
    static const char *const lists[] = {"initContainerStatuses", "containerStatuses"};
    for (size_t i = 0; i < 2; i++) {
        json_t *list = NULL;
        int r = gs_kubejson_array(status, lists[i], &list, err);
        for (size_t k = 0; r == 0 && k < json_array_size(list); k++) {
            json_t *state = NULL;
            json_t *ended = NULL;
            int64_t at = GS_TRACE_NO_TIME;
            r = gs_kubejson_object(json_array_get(list, k), "state", &state, err);
            r = r == 0 ? gs_kubejson_object(state, "terminated", &ended, err) : r;
            r = r == 0 ? read_moment(own, ended, "finishedAt", &at, err) : r;
            *ret = at > *ret ? at : *ret;
        }
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int read_times(struct pods *own, const json_t *object, const struct gs_kubepod *pod,
                      struct piece *piece, struct gs_err *err)
{
    struct gs_trace_ask *ask = &piece->ask;
    json_t *metadata = NULL;
    json_t *status = NULL;
    int64_t started = GS_TRACE_NO_TIME;
    int64_t finished = GS_TRACE_NO_TIME;
    int r = gs_kubejson_object(object, "metadata", &metadata, err);
    r = r == 0 ? gs_kubejson_object(object, "status", &status, err) : r;
    r = r == 0 ? read_moment(own, metadata, "creationTimestamp", &ask->created_us, err) : r;
    r = r == 0 ? read_moment(own, status, "startTime", &started, err) : r;
    r = r == 0 ? read_scheduled(own, status, &ask->start_us, err) : r;
    r = r == 0 ? read_finished(own, status, &finished, err) : r;
    if (r < 0) {
        return r;
    }
    if (ask->start_us == GS_TRACE_NO_TIME) {
        ask->start_us = started;
    }
    bool over = pod->phase == GS_KUBEPOD_SUCCEEDED || pod->phase == GS_KUBEPOD_FAILED;
    piece->end_us = over ? finished : GS_TRACE_NO_TIME;
    if (ask->created_us == GS_TRACE_NO_TIME) {
        return gs_fail(err, GS_INVALID, "it has no creationTimestamp; expected one");
    }
    if (over && (finished == GS_TRACE_NO_TIME || ask->start_us == GS_TRACE_NO_TIME)) {
        return gs_fail(err, GS_INVALID, "it has ended, and does not say when it %s",
                       finished == GS_TRACE_NO_TIME ? "ended" : "began");
    }
    if (!over && pod->node != NULL && ask->start_us == GS_TRACE_NO_TIME) {
        ask->start_us = ask->created_us; /* bound without a scheduler */
    }
    ask->fate = over                                ? GS_TRACE_RAN
                : ask->start_us == GS_TRACE_NO_TIME ? GS_TRACE_NEVER_RAN
                                                    : GS_TRACE_CUT_OFF;
    return 0;
}

static int add_piece(struct pods *own, const struct piece *piece, struct gs_err *err)
{
    struct gs_trace *trace = own->trace;
    if (own->n == PODS_MAX) {
        return gs_fail(err, GS_LIMIT, "more than %d pods with GPUs; expected less", PODS_MAX);
    }
    if (!gs_arena_room(&trace->arena, &own->pieces, &own->cap, own->n, sizeof(*own->pieces))) {
        return gs_trace_no_memory(trace, err);
    }
    own->pieces[own->n++] = *piece;
    return 0;
}

/* Whole GPUs of a pod are one piece of work; each slice is one of its own. */
static int add_want(struct pods *own, const struct gs_want *want, struct piece *piece,
                    struct gs_err *err)
{
    struct gs_trace *trace = own->trace;
    char profile[GS_PROFILE_NAME_MAX + 1];
    if (want->whole_gpu) {
        piece->ask.gpus = want->count;
        piece->count = 1;
        piece->ask.profile = NULL;
        return add_piece(own, piece, err);
    }
    piece->ask.gpus = 1;
    piece->count = want->count;
    gs_profile_name_format(&want->profile, profile);
    int r = gs_texts_keep(&trace->texts, gs_view(profile), &piece->ask.profile, err);
    return r < 0 ? r : add_piece(own, piece, err);
}

static int skip_pod(struct pods *own, enum gs_trace_fault fault, struct gs_err *why)
{
    return gs_trace_skip(own->trace, fault, "%s", why->msg);
}

static int judge_pod(struct pods *own, const json_t *object, const struct gs_kubepod *pod,
                     struct gs_err *err)
{
    struct piece piece = {.ask = gs_trace_nothing_known()};
    struct gs_err why;
    if (pod->refused != NULL) {
        (void)gs_fail(&why, GS_INVALID,
                      "%.200s: it asks for %.100s, which does not say of which "
                      "hardware; expected whole GPUs or slices",
                      pod->id, pod->refused);
        return skip_pod(own, GS_TRACE_FAULT_SIZE, &why);
    }
    for (size_t i = 0; i < pod->n_wants; i++) {
        if (pod->wants[i].whole_gpu && pod->wants[i].count > GS_TRACE_GPUS_MAX) {
            (void)gs_fail(&why, GS_INVALID, "%.200s: it asks for %u GPUs; expected %d at most",
                          pod->id, pod->wants[i].count, GS_TRACE_GPUS_MAX);
            return skip_pod(own, GS_TRACE_FAULT_SIZE, &why);
        }
    }
    if (read_times(own, object, pod, &piece, &why) < 0) {
        (void)gs_wrap(&why, GS_INVALID, "%.200s", pod->id);
        return skip_pod(own, GS_TRACE_FAULT_TIME, &why);
    }
    piece.ask.row = own->trace->row;
    piece.ask.cpu_milli = pod->cpu_milli;
    piece.ask.host_memory_mib = (pod->memory_bytes + (1 << 20) - 1) >> 20;
    gs_trace_set_name(&piece.ask, gs_view(pod->name));
    int r = gs_texts_keep(&own->trace->texts, gs_view(pod->name_space), &piece.ask.name_space, err);
    for (size_t i = 0; r == 0 && i < pod->n_wants; i++) {
        piece.ask.rows = i == 0; /* a pod is one row, whatever it asks for */
        r = add_want(own, &pod->wants[i], &piece, err);
    }
    return r;
}

/* A pod without GPUs says, too, how late it was when the list was made. */
static void note_times(struct pods *own, const json_t *object, const struct gs_kubepod *pod)
{
    struct piece piece = {.ask = gs_trace_nothing_known()};
    struct gs_err why;
    (void)read_times(own, object, pod, &piece, &why);
}

static int take_pod(void *ctx, const struct json_t *object, struct gs_err *err)
{
    struct pods *own = ctx;
    struct gs_kubepod pod;
    struct gs_err why;
    own->trace->row = ++own->trace->totals.input_rows;
    int r = gs_kubepod_parse(object, &own->one, &pod, &why);
    if (r == GS_NO_MEMORY) {
        *err = why;
    } else if (r < 0) {
        r = skip_pod(own, GS_TRACE_FAULT_FORM, &why);
    } else if (pod.n_wants == 0 && pod.refused == NULL) {
        own->trace->totals.without_gpu++;
        own->trace->totals.passed_over++;
        note_times(own, object, &pod);
    } else {
        r = judge_pod(own, object, &pod, err);
    }
    gs_arena_done(&own->one);
    return r;
}

/* ---- the list ---- */

static int take(struct gs_trace *trace, struct gs_view piece, struct gs_err *err)
{
    struct pods *own = trace->own;
    return gs_kubelist_feed(own->list, piece.p, piece.n, err);
}

static int input_end(struct gs_trace *trace, struct gs_err *err)
{
    struct pods *own = trace->own;
    struct gs_kubelist_page page;
    return gs_kubelist_end(own->list, &page, err);
}

static int64_t arrival(const struct piece *piece, enum gs_trace_at at)
{
    return at == GS_TRACE_AT_CREATION || piece->ask.start_us == GS_TRACE_NO_TIME
               ? piece->ask.created_us
               : piece->ask.start_us;
}

static int by_start(const void *a, const void *b)
{
    int64_t p = arrival(a, GS_TRACE_AT_START);
    int64_t q = arrival(b, GS_TRACE_AT_START);
    return (p > q) - (p < q);
}

static int by_creation(const void *a, const void *b)
{
    int64_t p = arrival(a, GS_TRACE_AT_CREATION);
    int64_t q = arrival(b, GS_TRACE_AT_CREATION);
    return (p > q) - (p < q);
}

static int draw(struct gs_trace *trace, struct gs_err *err)
{
    struct pods *own = trace->own;
    (void)err;
    if (!own->sorted && own->n > 0) {
        qsort(own->pieces, own->n, sizeof(*own->pieces),
              trace->options.at == GS_TRACE_AT_START ? by_start : by_creation);
    }
    own->sorted = true;
    if (own->drawn == own->n) {
        return 0;
    }
    struct piece *piece = &own->pieces[own->drawn++];
    struct gs_trace_ask *ask = &piece->ask;
    int64_t now =
        trace->options.now_us == GS_TRACE_NO_TIME ? own->latest_us : trace->options.now_us;
    int64_t from = ask->start_us == GS_TRACE_NO_TIME ? ask->created_us : ask->start_us;
    ask->run_us = (piece->end_us == GS_TRACE_NO_TIME ? now : piece->end_us) - from;
    trace->row = ask->row;
    if (ask->run_us < 0) {
        struct gs_err why;
        (void)gs_fail(&why, GS_INVALID, "%s: it %s before it began", ask->name,
                      piece->end_us == GS_TRACE_NO_TIME ? "is looked at" : "ended");
        (void)gs_trace_wrap_row(trace, ask, &why);
        (void)gs_trace_skip_rows(trace, GS_TRACE_FAULT_TIME, ask->rows, &why);
        return 1;
    }
    (void)gs_trace_put(trace, ask, piece->count);
    return 1;
}

const struct gs_trace_reader gs_trace_reader_pods = {.name = "pods",
                                                     .row_is = "pod",
                                                     .begin = begin,
                                                     .piece = take,
                                                     .input_end = input_end,
                                                     .draw = draw,
                                                     .end = end};
