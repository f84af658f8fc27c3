/* viewer: one token, and what is known of who stands behind it. Of src/dashboard's viewers.c and
 * review.c only. */
#pragma once

#include "base/map.h"
#include "dashboard/viewers.h"

/* A namespace, and whether they may see its pods. */
struct gs_viewer_right {
    struct gs_viewer *of;
    struct gs_kube_call *call;
    bool allowed;
    bool asked;
    char name[];
};

/* What was found out; the one in use stays until the next is whole. */
struct gs_viewer_rights {
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
    struct gs_viewer_rights rights;
    struct gs_viewer_rights next;
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

/* viewers.c */

void gs_viewer_free_rights(struct gs_viewer_rights *rights);

/* What was found out takes effect, and who waits is told. */
void gs_viewer_end(struct gs_viewer *viewer, enum gs_viewer_standing standing, const char *why);

/* review.c */

/* Asks the API server who the token belongs to and what they may see; gs_viewer_end comes once, now
 * or later, unless viewer->call and the calls of viewer->next are cancelled. */
void gs_viewer_ask(struct gs_viewer *viewer);
