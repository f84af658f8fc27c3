/* work: what the files of act share. Private to src/controller/act. */
#pragma once

#include <jansson.h>

#include "base/cleanup.h"
#include "controller/act/act.h"
#include "wire/kubemove.h"

enum { GS_ACT_PATH_BYTES_MAX = 700, GS_ACT_KEY_BYTES_MAX = 2 * 254 };

enum gs_act_kind {
    GS_ACT_BOOK_NOMINATE,
    GS_ACT_BOOK_LIFT,
    GS_ACT_LIFT,
    GS_ACT_CLEAR,
    GS_ACT_WISH,
    GS_ACT_MOVE_NOTE,
    GS_ACT_MOVE_EVICT,
    GS_ACT_MOVE_UNNOTE,
    GS_ACT_HOLD,
    GS_ACT_EVENT
};

/* A request under way. The object is found again by its name: it may be gone meanwhile. */
struct gs_act_call {
    struct gs_act_call *next;
    struct gs_act_call *prev;
    struct gs_act *act;
    struct gs_kube_call *request;
    enum gs_act_kind kind;
    char key[GS_ACT_KEY_BYTES_MAX]; /* of the pod, or the node's name */
    char uid[64];                   /* of the pod */
    char node[254];
    struct gs_kubemove
        *move; /* of GS_ACT_MOVE_NOTE, GS_ACT_MOVE_EVICT; behind the call, in the same memory */
};

struct gs_act {
    struct gs_act_options options;
    struct gs_act_call *calls;
    struct gs_act_counts counts;
    unsigned events_under_way;
    uint64_t event_number;
};

static inline void gs_act_drop(json_t **value)
{
    json_decref(*value);
}
#define GS_ACT_JSON GS_CLEANUP(gs_act_drop) json_t *

/* We hold the Lease, as of this moment. */
bool gs_act_decides(const struct gs_act *act);

uint64_t gs_act_now(const struct gs_act *act, clockid_t clock);

/* NULL: no memory, and that was said. */
struct gs_act_call *gs_act_call(struct gs_act *act, enum gs_act_kind kind, const char *key,
                                const char *uid);
void gs_act_call_free(struct gs_act_call *call);

/* False: nothing was begun, and that was said. */
bool gs_act_send_text(struct gs_act_call *call, const char *method, const char *path,
                      const char *type, struct gs_view body);
/* The same; `body` NULL: there was no memory for it. */
bool gs_act_send(struct gs_act_call *call, const char *method, const char *path, const char *type,
                 const json_t *body);

/* "/api/v1/namespaces/NS/pods/NAME" and what follows. */
void gs_act_pod_path(const char *key, const char *end, char ret[GS_ACT_PATH_BYTES_MAX]);

/* The pod of a call, if it still is that one and waits. */
struct gs_store_pod *gs_act_pod(const struct gs_act_call *call);

/* A request about a pod that waits begins; ends: it is left to the watch to show what was done, or
 * it is decided anew. */
void gs_act_begin(struct gs_act *act, struct gs_store_pod *pod);
void gs_act_end(struct gs_act *act, struct gs_store_pod *pod, bool ok);

/* act_move.c. The note stands; now the pod, if it is still needed. False: nothing was begun, and
 * the call ends as it is. */
bool gs_act_move_goes_on(struct gs_act_call *call);
/* Says how the move stands; the note of one that is refused goes. True: that is under way. */
bool gs_act_move_ends(struct gs_act_call *call, bool ok, const struct gs_kubestatus *status,
                      const struct gs_err *err);
