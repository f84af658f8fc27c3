#include "dashboard/viewers.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/map.h"
#include "dashboard/door.h"
#include "wire/kubereview.h"

#define KEPT_US 60000000ull
#define REFUSED_KEPT_US 10000000ull
#define LIMIT_US 10000000ull

enum { BODY_MAX = 256 << 10, AT_A_TIME = 8, NAMESPACES_MAX = 4096 };

/* A namespace, and whether they may see its pods. */
struct right {
    struct gs_viewer *of;
    struct gs_kube_call *call;
    bool allowed;
    bool asked;
    char name[];
};

/* What was found out; the one in use stays until the next is whole. */
struct rights {
    bool all; /* pods of every namespace */
    struct gs_map by_name;
};

struct gs_viewer {
    struct gs_viewers *viewers; /* NULL: it is kept by others alone */
    char *token;
    char *user; /* for access reviews */
    unsigned refs;
    bool known; /* standing and rights are there */
    bool asking;
    enum gs_viewer_standing standing;
    struct gs_err why;
    uint64_t until_us;
    uint64_t used_us;
    uint64_t number; /* of rights */
    struct rights rights;
    struct rights next;
    size_t at;          /* of next.by_name: those before it are asked */
    unsigned under_way; /* access reviews of namespaces */
    struct gs_kube_call *call;
    struct gs_viewer_wait *waiting;
    uint64_t now_us;
};

struct gs_viewers {
    struct gs_viewers_options options;
    const char *audience;
    const char *verb;
    char *token;
    struct gs_viewer *at[GS_VIEWERS_MAX];
    unsigned n_asking;
};

/* ---- rights ---- */

static void free_rights(struct rights *rights)
{
    size_t at = 0;
    for (struct right *one; (one = gs_map_next(&rights->by_name, &at)) != NULL;) {
        if (one->call != NULL) {
            gs_kube_cancel(one->call);
        }
        free(one);
    }
    gs_map_done(&rights->by_name);
    *rights = (struct rights){.all = false};
}

static bool sees(void *ctx, const char *name_space)
{
    const struct gs_viewer *viewer = ctx;
    const struct right *right = gs_map_find(&viewer->rights.by_name, name_space);
    return viewer->rights.all || (right != NULL && right->allowed);
}

static bool same_rights(const struct rights *a, const struct rights *b)
{
    size_t at = 0;
    if (a->all != b->all || a->by_name.n != b->by_name.n) {
        return false;
    }
    for (const struct right *one; (one = gs_map_next(&a->by_name, &at)) != NULL;) {
        const struct right *other = gs_map_find(&b->by_name, one->name);
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
        free_rights(&viewer->rights);
        free_rights(&viewer->next);
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

static void end(struct gs_viewer *viewer, enum gs_viewer_standing standing, const char *why)
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
        free_rights(&viewer->rights);
        viewer->rights = viewer->next;
        viewer->next = (struct rights){.all = false};
        viewer->standing = standing;
        viewer->until_us = viewer->now_us + (standing == GS_VIEWER_IN ? KEPT_US : REFUSED_KEPT_US);
        gs_fail(&viewer->why, GS_INVALID, "%s", why);
    } else {
        free_rights(&viewer->next);
    }
    viewer->known = true;
    tell(viewer);
}

/* ---- asking ---- */

typedef void done_fn(void *ctx, int result, const struct gs_kube_answer *answer,
                     const struct gs_kubestatus *status, const struct gs_err *err);

static int post(const struct gs_viewer *viewer, const char *path, const struct gs_buf *body,
                done_fn *done, void *ctx, struct gs_kube_call **ret, struct gs_err *err)
{
    const struct gs_kube_request request = {
        .method = "POST",
        .path = path,
        .type = "application/json",
        .body = {.p = gs_buf_text(body), .n = body->len},
        .limit_us = LIMIT_US,
        .done = done,
        .ctx = ctx,
    };
    return gs_kube_begin(viewer->viewers->options.kube, &request, ret, err);
}

static int ask_access(struct gs_viewer *viewer, const struct gs_kubereview_access *access,
                      done_fn *done, void *ctx, struct gs_kube_call **ret, struct gs_err *err)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf body;
    gs_buf_init(&body, BODY_MAX);
    int r = gs_kubereview_write_access(viewer->user, access, &body, err);
    return r == 0 ? post(viewer, GS_KUBEREVIEW_ACCESS, &body, done, ctx, ret, err) : r;
}

/* The answer of an access review. GS_IO and the like: there is none. */
static int read_access(int result, const struct gs_kube_answer *answer, const struct gs_err *err,
                       bool *ret_allowed, struct gs_err *ret_err)
{
    if (result != 0) {
        *ret_err = *err;
        return result;
    }
    return gs_kubereview_read_access(answer->body, ret_allowed, ret_err);
}

static void ask_namespaces(struct gs_viewer *viewer);

static void on_namespace(void *ctx, int result, const struct gs_kube_answer *answer,
                         const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct right *right = ctx;
    struct gs_viewer *viewer = right->of;
    struct gs_err why;
    (void)status;
    right->call = NULL;
    viewer->under_way--;
    if (read_access(result, answer, err, &right->allowed, &why) != 0) {
        right->allowed = false; /* what is not known to be allowed is not shown */
    }
    ask_namespaces(viewer);
}

static void ask_namespaces(struct gs_viewer *viewer)
{
    struct right *right = NULL;
    while (viewer->under_way < AT_A_TIME &&
           (right = gs_map_next(&viewer->next.by_name, &viewer->at)) != NULL) {
        const struct gs_kubereview_access access = {
            .verb = "list", .group = "", .resource = "pods", .name_space = right->name};
        viewer->under_way +=
            ask_access(viewer, &access, on_namespace, right, &right->call, NULL) == 0;
    }
    if (viewer->under_way == 0 && right == NULL) {
        end(viewer, GS_VIEWER_IN, "");
    }
}

static void add_namespace(void *ctx, const char *name_space)
{
    struct gs_viewer *viewer = ctx;
    size_t n = strlen(name_space) + 1;
    if (n == 1 || viewer->next.by_name.n >= NAMESPACES_MAX) {
        return; /* more than that are not asked about, and not shown */
    }
    struct right *right = calloc(1, sizeof(*right) + n);
    if (right == NULL) {
        return;
    }
    right->of = viewer;
    memcpy(right->name, name_space, n);
    if (!gs_map_put(&viewer->next.by_name, right->name, right)) {
        free(right);
    }
}

static void on_all(void *ctx, int result, const struct gs_kube_answer *answer,
                   const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct gs_viewer *viewer = ctx;
    struct gs_err why;
    (void)status;
    viewer->call = NULL;
    if (read_access(result, answer, err, &viewer->next.all, &why) != 0) {
        end(viewer, GS_VIEWER_NOT_ASKED, why.msg);
        return;
    }
    viewer->at = 0;
    if (!viewer->next.all) {
        gs_board_each_namespace(viewer->viewers->options.board, add_namespace, viewer);
    }
    ask_namespaces(viewer);
}

static void on_entry(void *ctx, int result, const struct gs_kube_answer *answer,
                     const struct gs_kubestatus *status, const struct gs_err *err)
{
    static const struct gs_kubereview_access pods = {
        .verb = "list", .group = "", .resource = "pods", .name_space = ""};
    struct gs_viewer *viewer = ctx;
    struct gs_err why;
    bool allowed = false;
    (void)status;
    viewer->call = NULL;
    int r = read_access(result, answer, err, &allowed, &why);
    if (r == 0 && !allowed) {
        gs_fail(
            &why, GS_INVALID,
            "this account may not %s gpunodes.gpuslice.dev; whoever looks after the cluster can "
            "bind it to ClusterRole gpuslice-viewer",
            viewer->viewers->verb);
        end(viewer, GS_VIEWER_FORBIDDEN, why.msg);
        return;
    }
    if (r == 0 && viewer->viewers->options.whole) {
        viewer->next.all = true;
        end(viewer, GS_VIEWER_IN, "");
        return;
    }
    r = r == 0 ? ask_access(viewer, &pods, on_all, viewer, &viewer->call, &why) : r;
    if (r != 0) {
        end(viewer, GS_VIEWER_NOT_ASKED, why.msg);
    }
}

static void on_token(void *ctx, int result, const struct gs_kube_answer *answer,
                     const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct gs_viewer *viewer = ctx;
    const struct gs_kubereview_access gpunodes = {.verb = viewer->viewers->verb,
                                                  .group = "gpuslice.dev",
                                                  .resource = "gpunodes",
                                                  .name_space = ""};
    struct gs_err why = {.msg = ""};
    char *user = NULL;
    bool good = false;
    (void)status;
    viewer->call = NULL;
    if (result != 0) {
        why = *err;
    }
    int r = result != 0 ? result
                        : gs_kubereview_read_token(answer->body, viewer->viewers->audience, &good,
                                                   &user, &why);
    if (r == 0 && !good) {
        gs_fail(&why, GS_INVALID, "the token is none, has ended, or is not for %s",
                viewer->viewers->audience);
        end(viewer, GS_VIEWER_NOBODY, why.msg);
        return;
    }
    if (r == 0) {
        free(viewer->user);
        viewer->user = user;
        r = ask_access(viewer, &gpunodes, on_entry, viewer, &viewer->call, &why);
    }
    if (r != 0) {
        end(viewer, GS_VIEWER_NOT_ASKED, why.msg);
    }
}

static void ask(struct gs_viewer *viewer)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf body;
    struct gs_err err = {.msg = ""};
    gs_buf_init(&body, BODY_MAX);
    viewer->asking = true;
    viewer->viewers->n_asking++;
    free_rights(&viewer->next);
    int r = gs_kubereview_write_token(viewer->token, viewer->viewers->audience, &body, &err);
    if (r == GS_INVALID) {
        end(viewer, GS_VIEWER_NOBODY, "the token is not a text");
        return;
    }
    r = r == 0 ? post(viewer, GS_KUBEREVIEW_TOKENS, &body, on_token, viewer, &viewer->call, &err)
               : r;
    if (r != 0) {
        end(viewer, GS_VIEWER_NOT_ASKED, err.msg);
    }
}

/* ---- tokens ---- */

static void stop(struct gs_viewer *viewer)
{
    if (viewer->call != NULL) {
        gs_kube_cancel(viewer->call);
        viewer->call = NULL;
    }
    free_rights(&viewer->next);
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
        ask(viewer);
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
