/* plan --cluster: where the volumes of pods that wait are, asked for as the controller does. */
#include <stdio.h>

#include "base/cleanup.h"
#include "cli/plan/live.h"
#include "picture/volumes.h"

/* One object after the other. */
static int read_volumes(struct gs_link *link, const struct gs_kubepod *pod, const char *uid,
                        struct gs_volumes **ret, struct gs_err *err)
{
    struct gs_volumes_reading *reading = gs_volumes_read(pod, uid);
    const char *path;
    int r = reading == NULL ? gs_fail(err, GS_NO_MEMORY, "no memory for volumes") : 0;
    while (r == 0 && (path = gs_volumes_next(reading)) != NULL) {
        struct gs_link_request request = {.method = "GET", .path = path};
        gs_link_begin(link, &request);
        r = gs_link_wait(link, err);
        if (r == 0 && request.result != 0 && request.result != GS_NOT_FOUND) {
            r = gs_volumes_fail(reading, request.err.msg, err);
        } else if (r == 0) {
            r = gs_volumes_take(reading, request.object, err);
        }
        gs_link_drop(&request);
    }
    *ret = r == 0 ? gs_volumes_end(reading) : NULL;
    if (r != 0) {
        gs_volumes_reading_free(reading);
    }
    return r == 0 && *ret == NULL ? gs_fail(err, GS_NO_MEMORY, "no memory for volumes") : r;
}

static int note(struct gs_live_volumes *live, const struct gs_kubepod *pod, const char *says,
                struct gs_err *err)
{
    return live->notes++ < GS_LIVE_VOLUMES_NOTES
               ? gs_cmd_plan_note_volume(live->question, err, "pod %.200s: %s", pod->id, says)
               : 0;
}

static int say(struct gs_live_volumes *live, const struct gs_kubepod *pod,
               const struct gs_volumes *volumes, struct gs_err *err)
{
    int r = 0;
    char text[GS_VOLUMES_TEXT_MAX + 100];
    if (volumes->unread != NULL) {
        snprintf(text, sizeof(text), "where its volumes are was not to be read: %s",
                 volumes->unread);
        r = note(live, pod, text, err);
    } else if (volumes->waits != NULL) {
        snprintf(text, sizeof(text), "planned, though it can run nowhere yet: %.240s",
                 volumes->waits);
        r = note(live, pod, text, err);
    }
    return r == 0 && volumes->says[0] != '\0' ? note(live, pod, volumes->says, err) : r;
}

int gs_live_volumes_add(struct gs_live_volumes *live, struct gs_link *link, struct gs_kubepod *pod,
                        const char *uid, struct gs_arena *arena, struct gs_kubeplan *plan,
                        struct gs_err *err)
{
    struct gs_volumes *volumes = NULL;
    const struct gs_constraint *all = pod->constraint;
    int r = read_volumes(link, pod, uid, &volumes, err);
    r = r == 0 ? gs_volumes_fold(volumes, pod->constraint, arena, &all, err) : r;
    if (r == 0) {
        pod->constraint = all;
        pod->unobeyed &= volumes->unread != NULL ? UINT32_MAX : ~(1u << GS_UNOBEYED_VOLUMES);
        r = gs_kubeplan_add_pod(plan, pod, err); /* it copies what it keeps */
    }
    r = r == 0 ? say(live, pod, volumes, err) : r;
    gs_volumes_free(volumes);
    return r;
}

int gs_live_volumes_end(struct gs_live_volumes *live, struct gs_err *err)
{
    return live->notes > GS_LIVE_VOLUMES_NOTES
               ? gs_cmd_plan_note_volume(live->question, err, "and %u more notes about volumes",
                                         live->notes - GS_LIVE_VOLUMES_NOTES)
               : 0;
}
