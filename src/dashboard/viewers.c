#include "dashboard/viewers.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dashboard/door.h"
#include "dashboard/viewer.h"

#define KEPT_US 60000000ull
#define REFUSED_KEPT_US 10000000ull

/* ---- rights ---- */

void gs_viewer_free_rights(struct gs_viewer_rights *rights)
{
    size_t at = 0;
    for (struct gs_viewer_right *one; (one = gs_map_next(&rights->by_name, &at)) != NULL;) {
        if (one->call != NULL) {
            gs_kube_cancel(one->call);
        }
        free(one);
    }
    gs_map_done(&rights->by_name);
    *rights = (struct gs_viewer_rights){.all = false};
}

static bool sees(void *ctx, const char *name_space)
{
    const struct gs_viewer *viewer = ctx;
    const struct gs_viewer_right *right = gs_map_find(&viewer->rights.by_name, name_space);
    return viewer->rights.all || (right != NULL && right->allowed);
}

static bool same_rights(const struct gs_viewer_rights *a, const struct gs_viewer_rights *b)
{
    size_t at = 0;
    if (a->all != b->all || a->by_name.n != b->by_name.n) {
        return false;
    }
    for (const struct gs_viewer_right *one; (one = gs_map_next(&a->by_name, &at)) != NULL;) {
        const struct gs_viewer_right *other = gs_map_find(&b->by_name, one->name);
        if (other == NULL || other->allowed != one->allowed) {
            return false;
        }
    }
    return true;
}

struct gs_board_reader gs_viewer_reader(struct gs_viewer *viewer)
{
    return (struct gs_board_reader){.sees = viewer->rights.all ? NULL : sees, .ctx = viewer};
}

uint64_t gs_viewer_rights(const struct gs_viewer *viewer)
{
    return viewer->number;
}

const char *gs_viewer_token(const struct gs_viewer *viewer)
{
    return viewer->token;
}

struct gs_viewer *gs_viewer_keep(struct gs_viewer *viewer)
{
    viewer->refs++;
    return viewer;
}

void gs_viewer_put(struct gs_viewer *viewer)
{
    if (viewer != NULL && --viewer->refs == 0) {
        gs_viewer_free_rights(&viewer->rights);
        gs_viewer_free_rights(&viewer->next);
        explicit_bzero(viewer->token, strlen(viewer->token));
        free(viewer->token);
        free(viewer->user);
        free(viewer);
    }
}

/* ---- the end of asking ---- */

static void tell(struct gs_viewer *viewer)
{
    (void)gs_viewer_keep(viewer);
    while (viewer->waiting != NULL) {
        struct gs_viewer_wait *wait = viewer->waiting;
        viewer->waiting = wait->next;
        wait->waits = false;
        wait->done(wait->ctx, viewer->standing, viewer->standing == GS_VIEWER_IN ? viewer : NULL,
                   viewer->why.msg);
    }
    gs_viewer_put(viewer);
}

void gs_viewer_end(struct gs_viewer *viewer, enum gs_viewer_standing standing, const char *why)
{
    /* while the API server does not answer, who was let in stays so for another minute */
    bool keeps = standing == GS_VIEWER_NOT_ASKED && viewer->known &&
                 viewer->standing == GS_VIEWER_IN && viewer->now_us < viewer->until_us + KEPT_US;
    viewer->asking = false;
    viewer->viewers->n_asking--;
    if (!keeps) {
        if (standing == GS_VIEWER_IN && !same_rights(&viewer->rights, &viewer->next)) {
            viewer->number++;
        }
        gs_viewer_free_rights(&viewer->rights);
        viewer->rights = viewer->next;
        viewer->next = (struct gs_viewer_rights){.all = false};
        viewer->standing = standing;
        viewer->until_us = viewer->now_us + (standing == GS_VIEWER_IN ? KEPT_US : REFUSED_KEPT_US);
        gs_fail(&viewer->why, GS_INVALID, "%s", why);
    } else {
        gs_viewer_free_rights(&viewer->next);
    }
    viewer->known = true;
    tell(viewer);
}

/* ---- tokens ---- */

static void stop(struct gs_viewer *viewer)
{
    if (viewer->call != NULL) {
        gs_kube_cancel(viewer->call);
        viewer->call = NULL;
    }
    gs_viewer_free_rights(&viewer->next);
    while (viewer->waiting != NULL) {
        gs_viewers_forget(viewer->waiting);
    }
    viewer->viewers = NULL;
    gs_viewer_put(viewer);
}

/* Its place, a free one, or that of the one that was not used for longest and nobody asks about. */
static struct gs_viewer **place_of(struct gs_viewers *viewers, const char *token)
{
    struct gs_viewer **room = NULL;
    for (size_t i = 0; i < GS_VIEWERS_MAX; i++) {
        struct gs_viewer **at = &viewers->at[i];
        if (*at != NULL && gs_door_same((*at)->token, token)) {
            return at;
        }
        bool better = room == NULL || (*room != NULL && *at == NULL) ||
                      (*room != NULL && *at != NULL && (*at)->used_us < (*room)->used_us);
        if (better && (*at == NULL || (!(*at)->asking && (*at)->refs == 1))) {
            room = at;
        }
    }
    if (room != NULL && *room != NULL) {
        stop(*room);
        *room = NULL;
    }
    return room;
}

static struct gs_viewer *new_viewer(struct gs_viewers *viewers, const char *token)
{
    struct gs_viewer *viewer = calloc(1, sizeof(*viewer));
    char *copy = strdup(token);
    if (viewer == NULL || copy == NULL) {
        free(viewer);
        free(copy);
        return NULL;
    }
    viewer->viewers = viewers;
    viewer->token = copy;
    viewer->refs = 1;
    viewer->number = 1;
    return viewer;
}

static void refuse(const struct gs_viewer_wait *wait, enum gs_viewer_standing standing,
                   const char *why)
{
    wait->done(wait->ctx, standing, NULL, why);
}

/* Without a cluster there is one token. */
static void know(struct gs_viewer *viewer)
{
    viewer->known = true;
    viewer->standing = GS_VIEWER_IN;
    viewer->rights.all = true;
    viewer->until_us = UINT64_MAX;
}

void gs_viewers_ask(struct gs_viewers *viewers, const char *token, uint64_t now_us,
                    struct gs_viewer_wait *wait)
{
    bool alone = viewers->options.kube == NULL;
    wait->of = NULL;
    wait->next = NULL;
    wait->waits = false;
    if (alone && !gs_door_same(viewers->token, token)) {
        refuse(wait, GS_VIEWER_NOBODY, "the token is not the one that was shown at the start");
        return;
    }
    struct gs_viewer **at = place_of(viewers, token);
    if (at != NULL && *at == NULL) {
        *at = new_viewer(viewers, token);
    }
    struct gs_viewer *viewer = at == NULL ? NULL : *at;
    if (viewer == NULL) {
        refuse(wait, GS_VIEWER_NOT_ASKED, "too many look at once; try again");
        return;
    }
    viewer->used_us = now_us;
    viewer->now_us = now_us;
    if (alone) {
        know(viewer);
    }
    bool fresh = viewer->known && now_us < viewer->until_us;
    if (!fresh && !viewer->asking && viewers->n_asking >= GS_VIEWERS_ASKING_MAX) {
        refuse(wait, GS_VIEWER_NOT_ASKED, "too many tokens are looked at; try again");
        return;
    }
    wait->of = viewer;
    wait->waits = true;
    wait->next = viewer->waiting;
    viewer->waiting = wait;
    if (fresh) {
        tell(viewer);
    } else if (!viewer->asking) {
        gs_viewer_ask(viewer);
    }
}

void gs_viewers_forget(struct gs_viewer_wait *wait)
{
    if (wait->waits) {
        struct gs_viewer_wait **at = &wait->of->waiting;
        while (*at != wait) {
            at = &(*at)->next;
        }
        *at = wait->next;
        wait->waits = false;
    }
}

int gs_viewers_new(const struct gs_viewers_options *options, struct gs_viewers **ret,
                   struct gs_err *err)
{
    struct gs_viewers *viewers = calloc(1, sizeof(*viewers));
    char *token = strdup(options->token == NULL ? "" : options->token);
    if (viewers == NULL || token == NULL) {
        free(viewers);
        free(token);
        return gs_fail(err, GS_NO_MEMORY, "no memory for the dashboard");
    }
    viewers->options = *options;
    viewers->audience = options->audience == NULL ? GS_VIEWERS_AUDIENCE : options->audience;
    viewers->verb = options->verb == NULL ? "list" : options->verb;
    viewers->token = token;
    *ret = viewers;
    return 0;
}

void gs_viewers_free(struct gs_viewers *viewers)
{
    if (viewers == NULL) {
        return;
    }
    for (size_t i = 0; i < GS_VIEWERS_MAX; i++) {
        if (viewers->at[i] != NULL) {
            stop(viewers->at[i]);
        }
    }
    explicit_bzero(viewers->token, strlen(viewers->token));
    free(viewers->token);
    free(viewers);
}
