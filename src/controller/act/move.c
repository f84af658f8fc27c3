/* A pod that makes way: the note on the one that waits, then the eviction. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "controller/act/work.h"
#include "wire/kubepatch.h"

/* The annotation of the pod that waits; `note` NULL: it goes. */
static bool send_note(struct gs_act_call *call, const char *note)
{
    char path[GS_ACT_PATH_BYTES_MAX];
    gs_act_pod_path(call->key, "", path);
    GS_ACT_JSON patch = json_pack("{s:{s:s, s:{s:s?}}}", "metadata", "uid", call->uid,
                                  "annotations", GS_KUBEMOVE_NOTE, note);
    return gs_act_send(call, "PATCH", path, GS_KUBEPATCH_MERGE, patch);
}

void gs_act_move(struct gs_act *act, struct gs_store_pod *waits, const struct gs_kubemove *move)
{
    struct gs_err err = {.code = GS_NO_MEMORY, .msg = "no memory for a request"};
    struct gs_buf note;
    struct gs_act_call *call = gs_act_call(act, GS_ACT_MOVE_NOTE, waits->key, waits->uid);
    gs_buf_init(&note, GS_KUBEMOVE_BYTES_MAX);
    bool written = call != NULL && gs_kubemove_write(move, &note, &err) == 0;
    if (call != NULL) {
        call->move = (struct gs_kubemove *)(void *)(call + 1);
        *call->move = *move;
    }
    gs_act_begin(act, waits);
    if (!written || !send_note(call, gs_buf_text(&note))) {
        gs_log_warning("pod %s cannot be moved: %s", move->pod, err.msg);
        if (call != NULL) {
            gs_act_call_free(call);
        }
        gs_act_end(act, waits, false);
        act->options.moved(act->options.ctx,
                           &(struct gs_act_moved){.uid = move->uid,
                                                  .end = GS_ACT_MOVE_REFUSED,
                                                  .why = "no request could be made"});
    }
    gs_buf_done(&note);
}

bool gs_act_move_goes_on(struct gs_act_call *call)
{
    char path[GS_ACT_PATH_BYTES_MAX];
    const struct gs_store_pod *waits = gs_act_pod(call);
    if (waits == NULL || waits->nominated != NULL || !gs_act_decides(call->act)) {
        return false;
    }
    const struct gs_kubemove *move = call->move;
    const char *slash = strchr(move->pod, '/');
    gs_act_pod_path(move->pod, "/eviction", path);
    GS_ACT_JSON body =
        json_pack("{s:s, s:s, s:{s:s, s:s%}, s:{s:{s:s}}}", "apiVersion", "policy/v1", "kind",
                  "Eviction", "metadata", "name", slash + 1, "namespace", move->pod,
                  (size_t)(slash - move->pod), "deleteOptions", "preconditions", "uid", move->uid);
    call->kind = GS_ACT_MOVE_EVICT;
    bool begun = gs_act_send(call, "POST", path, "application/json", body);
    call->kind = begun ? GS_ACT_MOVE_EVICT : GS_ACT_MOVE_NOTE;
    return begun;
}

/* A pod that is gone, or another one of its name by now, need not be asked. */
static enum gs_act_move_end end_of_move(const struct gs_act_call *call, bool ok,
                                        const struct gs_kubestatus *status)
{
    unsigned code = status == NULL ? 0 : status->code;
    if (ok || (call->kind == GS_ACT_MOVE_EVICT && (code == 404 || code == 409))) {
        return GS_ACT_MOVED;
    }
    return call->kind == GS_ACT_MOVE_NOTE || code != 0 ? GS_ACT_MOVE_REFUSED : GS_ACT_MOVE_UNKNOWN;
}

bool gs_act_move_ends(struct gs_act_call *call, bool ok, const struct gs_kubestatus *status,
                      const struct gs_err *err)
{
    struct gs_act *act = call->act;
    bool told = status != NULL && status->message[0] != '\0';
    const struct gs_act_moved answer = {
        .uid = call->move->uid,
        .end = end_of_move(call, ok, status),
        .why = ok                     ? ""
               : told                 ? status->message
               : err != NULL          ? err->msg
               : !gs_act_decides(act) ? "another controller decides by now"
                                      : "it is not needed any more",
    };
    act->counts.evicted += answer.end == GS_ACT_MOVED;
    act->counts.move_refused += answer.end == GS_ACT_MOVE_REFUSED;
    act->options.moved(act->options.ctx, &answer);
    if (answer.end != GS_ACT_MOVE_REFUSED || call->kind == GS_ACT_MOVE_NOTE) {
        return false;
    }
    call->kind = GS_ACT_MOVE_UNNOTE;
    return send_note(call, NULL);
}
