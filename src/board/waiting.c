/* The document about pods that wait. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board/write.h"
#include "decide/decide.h"
#include "picture/store.h"

static const char *word_of(enum gs_decide_what what)
{
    switch (what) {
    case GS_DECIDE_BOOK:
        return "book";
    case GS_DECIDE_RECUT:
        return "recut";
    case GS_DECIDE_MOVE:
        return "move";
    case GS_DECIDE_BUY:
        return "buy";
    case GS_DECIDE_WAIT:
        return "wait";
    }
    return "wait";
}

/* What comes now, in words. */
static const char *next_of(const struct gs_store_waiting *waiting)
{
    switch ((enum gs_decide_what)waiting->what) {
    case GS_DECIDE_BOOK:
        return "the scheduler binds it to the node where its slices are booked";
    case GS_DECIDE_RECUT:
        return "the node's agent cuts the slices, and then they are booked for it";
    case GS_DECIDE_MOVE:
        return "a pod that may be moved makes room, and then the GPU is cut anew";
    case GS_DECIDE_BUY:
        return "Karpenter starts a node that has such slices";
    case GS_DECIDE_WAIT:
        return "it is decided anew when a slice gets free or a node comes";
    }
    return "";
}

static void put_asks(const struct gs_store *store, const struct gs_store_pod *pod,
                     struct gs_jsonwrite *json)
{
    gs_jsonwrite_open(json, "asks", '[');
    for (unsigned i = 0; i < pod->n_wants; i++) {
        char name[GS_PROFILE_NAME_MAX + 1] = "GPU";
        if (pod->wants[i].resource != 0) {
            gs_profile_name_format(&store->resources[pod->wants[i].resource], name);
        }
        gs_jsonwrite_open(json, NULL, '{');
        gs_jsonwrite_text(json, "profile", name);
        gs_jsonwrite_number(json, "count", pod->wants[i].count);
        gs_jsonwrite_close(json, '}');
    }
    gs_jsonwrite_close(json, ']');
}

/* `with_why`: the reader may see what the reason names. */
static void put_decision(const struct gs_store_waiting *waiting, bool decides, bool with_why,
                         struct gs_jsonwrite *json)
{
    bool decided = decides && waiting->why[0] != '\0';
    if (!decided) {
        gs_jsonwrite_null(json, "decision");
        gs_jsonwrite_null(json, "why");
        gs_jsonwrite_null(json, "next");
        gs_jsonwrite_null(json, "costs_uusd_h");
        return;
    }
    gs_jsonwrite_text(json, "decision", word_of((enum gs_decide_what)waiting->what));
    if (with_why) {
        gs_jsonwrite_text(json, "why", waiting->why);
    } else {
        gs_jsonwrite_null(json, "why");
    }
    gs_jsonwrite_text(json, "next", next_of(waiting));
    if (waiting->what == GS_DECIDE_BUY && waiting->bought.since_us == 0) {
        gs_jsonwrite_null(json, "costs_uusd_h"); /* it waits for a move before that */
    } else if (waiting->what == GS_DECIDE_BUY) {
        gs_jsonwrite_number(json, "costs_uusd_h", waiting->bought.uusd_h);
    } else {
        gs_jsonwrite_number(json, "costs_uusd_h", 0);
    }
}

/* How long the rest may take: of nodes that are bought, as others of their type took. One that is
 * late, and all else, nobody has measured. */
static void put_expected(const struct gs_store_waiting *waiting, bool decides, uint64_t now_us,
                         struct gs_jsonwrite *json)
{
    const struct gs_store_bought *bought = &waiting->bought;
    uint64_t gone_s = now_us > bought->since_us ? (now_us - bought->since_us) / 1000000 : 0;
    if (decides && waiting->what == GS_DECIDE_BUY && bought->takes_s > gone_s) {
        gs_jsonwrite_number(json, "expected_s", bought->takes_s - gone_s);
    } else {
        gs_jsonwrite_null(json, "expected_s");
    }
}

/* The reason names a pod of a namespace that the reader may not see. */
static bool tells_hidden(const struct gs_board *board, const struct gs_board_reader *reader,
                         const char *why)
{
    for (uint32_t i = 0; reader->sees != NULL && i < board->namespaces.n; i++) {
        char text[GS_BOARD_TEXT_MAX];
        (void)snprintf(text, sizeof(text), " %s/", board->namespaces.at[i]);
        if (!gs_board_sees(board, reader, i) && strstr(why, text) != NULL) {
            return true;
        }
    }
    return false;
}

static void put_pod(const struct gs_board *board, const struct gs_store *store,
                    const struct gs_store_waiting *waiting, bool decides, uint64_t now_us,
                    const struct gs_board_reader *reader, struct gs_jsonwrite *json)
{
    const struct gs_store_pod *pod = waiting->of;
    bool shown = reader->sees == NULL || reader->sees(reader->ctx, waiting->pod.name_space);
    gs_jsonwrite_open(json, NULL, '{');
    if (shown) {
        gs_jsonwrite_text(json, "namespace", waiting->pod.name_space);
        gs_jsonwrite_text(json, "name", waiting->pod.name);
    } else {
        gs_jsonwrite_bool(json, "hidden", true);
    }
    gs_jsonwrite_time(json, "since", waiting->wait.created_us);
    put_asks(store, pod, json);
    if (waiting->pod.priority < 0) {
        char text[16];
        int n = snprintf(text, sizeof(text), "%d", (int)waiting->pod.priority);
        gs_jsonwrite_raw(json, "priority", text, (size_t)n);
    } else {
        gs_jsonwrite_number(json, "priority", (uint64_t)waiting->pod.priority);
    }
    gs_jsonwrite_bool(json, "gated", waiting->wait.gated);
    if (pod->nominated == NULL) {
        gs_jsonwrite_null(json, "booked_on");
    } else {
        gs_jsonwrite_text(json, "booked_on", pod->nominated->name);
    }
    bool with_why = shown && !tells_hidden(board, reader, waiting->why);
    put_decision(waiting, decides, with_why, json);
    put_expected(waiting, decides, now_us, json);
    gs_jsonwrite_close(json, '}');
}

/* Who has waited longest first. */
static int by_age(const void *a, const void *b)
{
    const struct gs_store_waiting *left = *(const struct gs_store_waiting *const *)a;
    const struct gs_store_waiting *right = *(const struct gs_store_waiting *const *)b;
    if (left->wait.created_us != right->wait.created_us) {
        return left->wait.created_us < right->wait.created_us ? -1 : 1;
    }
    return strcmp(left->of->key, right->of->key);
}

int gs_board_write_waiting(const struct gs_board *board, const struct gs_store *store, bool decides,
                           uint64_t now_us, const struct gs_board_reader *reader,
                           struct gs_buf *out, struct gs_err *err)
{
    struct gs_jsonwrite json = {.out = out};
    size_t n = store == NULL ? 0 : store->n_waiting;
    const struct gs_store_waiting **list = calloc(n + 1, sizeof(const struct gs_store_waiting *));
    size_t k = 0;
    if (list == NULL) {
        return gs_board_no_memory(err);
    }
    for (const struct gs_store_waiting *one = store == NULL ? NULL : store->waiting;
         one != NULL && k < n; one = one->next) {
        list[k++] = one;
    }
    qsort(list, k, sizeof(const struct gs_store_waiting *), by_age);
    gs_jsonwrite_open(&json, NULL, '{');
    gs_jsonwrite_time(&json, "at", now_us);
    gs_jsonwrite_number(&json, "revision", board->revision);
    gs_jsonwrite_bool(&json, "decides", decides);
    gs_jsonwrite_open(&json, "pods", '[');
    for (size_t i = 0; i < k; i++) {
        put_pod(board, store, list[i], decides, now_us, reader, &json);
    }
    gs_jsonwrite_close(&json, ']');
    gs_jsonwrite_close(&json, '}');
    free((void *)list);
    return gs_jsonwrite_end(&json, "the pods that wait", err);
}
