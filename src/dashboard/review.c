/* Who a token belongs to, and what they may see: one question to the API server after the other. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dashboard/viewer.h"
#include "wire/kubereview.h"

#define LIMIT_US 10000000ull

enum { BODY_MAX = 256 << 10, AT_A_TIME = 8, NAMESPACES_MAX = 4096 };

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
    struct gs_viewer_right *right = ctx;
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
    struct gs_viewer_right *right = NULL;
    while (viewer->under_way < AT_A_TIME &&
           (right = gs_map_next(&viewer->next.by_name, &viewer->at)) != NULL) {
        const struct gs_kubereview_access access = {
            .verb = "list", .group = "", .resource = "pods", .name_space = right->name};
        viewer->under_way +=
            ask_access(viewer, &access, on_namespace, right, &right->call, NULL) == 0;
    }
    if (viewer->under_way == 0 && right == NULL) {
        gs_viewer_end(viewer, GS_VIEWER_IN, "");
    }
}

static void add_namespace(void *ctx, const char *name_space)
{
    struct gs_viewer *viewer = ctx;
    size_t n = strlen(name_space) + 1;
    if (n == 1 || viewer->next.by_name.n >= NAMESPACES_MAX) {
        return; /* more than that are not asked about, and not shown */
    }
    struct gs_viewer_right *right = calloc(1, sizeof(*right) + n);
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
        gs_viewer_end(viewer, GS_VIEWER_NOT_ASKED, why.msg);
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
        gs_viewer_end(viewer, GS_VIEWER_FORBIDDEN, why.msg);
        return;
    }
    if (r == 0 && viewer->viewers->options.whole) {
        viewer->next.all = true;
        gs_viewer_end(viewer, GS_VIEWER_IN, "");
        return;
    }
    r = r == 0 ? ask_access(viewer, &pods, on_all, viewer, &viewer->call, &why) : r;
    if (r != 0) {
        gs_viewer_end(viewer, GS_VIEWER_NOT_ASKED, why.msg);
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
        gs_viewer_end(viewer, GS_VIEWER_NOBODY, why.msg);
        return;
    }
    if (r == 0) {
        free(viewer->user);
        viewer->user = user;
        r = ask_access(viewer, &gpunodes, on_entry, viewer, &viewer->call, &why);
    }
    if (r != 0) {
        gs_viewer_end(viewer, GS_VIEWER_NOT_ASKED, why.msg);
    }
}

void gs_viewer_ask(struct gs_viewer *viewer)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf body;
    struct gs_err err = {.msg = ""};
    gs_buf_init(&body, BODY_MAX);
    viewer->asking = true;
    viewer->viewers->n_asking++;
    gs_viewer_free_rights(&viewer->next);
    int r = gs_kubereview_write_token(viewer->token, viewer->viewers->audience, &body, &err);
    if (r == GS_INVALID) {
        gs_viewer_end(viewer, GS_VIEWER_NOBODY, "the token is not a text");
        return;
    }
    r = r == 0 ? post(viewer, GS_KUBEREVIEW_TOKENS, &body, on_token, viewer, &viewer->call, &err)
               : r;
    if (r != 0) {
        gs_viewer_end(viewer, GS_VIEWER_NOT_ASKED, err.msg);
    }
}
