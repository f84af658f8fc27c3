/* Events of pods. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "controller/act/work.h"
#include "wire/kubeevent.h"

/* so long an Event of a pod with the same reason says nothing new */
#define REPEAT_US 30000000ull
enum { EVENTS_UNDER_WAY_MAX = 64 };

static uint32_t hash_of(const char *a, const char *b)
{
    return gs_hash_on(gs_hash_on(GS_HASH_EMPTY, a), b);
}

/* False: nothing was begun. */
static bool send_event(struct gs_act *act, const struct gs_store_pod *pod, bool warning,
                       const char *reason, const char *action, const char *text)
{
    struct gs_act_call *call = gs_act_call(act, GS_ACT_EVENT, pod->key, pod->uid);
    const char *slash = strchr(pod->key, '/');
    char name[300];
    char path[GS_ACT_PATH_BYTES_MAX];
    char name_space[254];
    uint64_t at = gs_act_now(act, CLOCK_REALTIME);
    if (call == NULL) {
        return false;
    }
    snprintf(name_space, sizeof(name_space), "%.*s", (int)(slash - pod->key), pod->key);
    snprintf(name, sizeof(name), "%.200s.%" PRIx64 ".%" PRIx64, slash + 1, at, ++act->event_number);
    const struct gs_kubeevent event = {
        .name = name,
        .kind = "Pod",
        .name_space = name_space,
        .node = slash + 1,
        .node_uid = pod->uid,
        .controller = "gpuslice.dev/controller",
        .instance = act->options.instance,
        .reason = reason,
        .action = action,
        .note = text,
        .warning = warning,
        .count = 1,
        .first_us = at,
        .last_us = at,
    };
    struct gs_err err = {.code = GS_OK};
    struct gs_buf body;
    gs_buf_init(&body, 16 << 10);
    gs_kubeevent_path(&event, path, sizeof(path));
    bool begun =
        gs_kubeevent_write(&event, &body, &err) == 0 &&
        gs_act_send_text(call, "POST", path, "application/json", gs_view(gs_buf_text(&body)));
    gs_buf_done(&body);
    act->counts.events += begun;
    if (!begun) {
        gs_act_call_free(call);
    }
    return begun;
}

void gs_act_say(struct gs_act *act, struct gs_store_pod *pod, bool warning, const char *reason,
                const char *action, const char *text)
{
    struct gs_store_waiting *waiting = pod->waiting;
    uint64_t now = gs_act_now(act, CLOCK_MONOTONIC);
    uint32_t said = hash_of(reason, text);
    uint32_t why = hash_of(reason, "");
    struct gs_store_told *place = &waiting->told[0];
    bool often = false;
    for (size_t i = 0; i < GS_STORE_TOLD_MAX; i++) {
        struct gs_store_told *one = &waiting->told[i];
        often |= one->at_us != 0 && one->reason == why && now < one->at_us + REPEAT_US;
        place = one->at_us < place->at_us ? one : place;
    }
    /* A new reason is news at once. Another text for one that was told is not, nor are two reasons
     * that take turns. */
    if (said == waiting->said || often || act->events_under_way >= EVENTS_UNDER_WAY_MAX) {
        return;
    }
    if (send_event(act, pod, warning, reason, action, text)) {
        waiting->said = said;
        *place = (struct gs_store_told){.reason = why, .at_us = now};
    }
}

void gs_act_tell(struct gs_act *act, const struct gs_store_pod *pod, const char *reason,
                 const char *action, const char *text)
{
    if (act->events_under_way < EVENTS_UNDER_WAY_MAX) {
        (void)send_event(act, pod, false, reason, action, text);
    }
}
