/* viewers: who stands behind a token, and which namespaces they may see: asked of the API server,
 * and kept for a minute. Without a cluster one token sees everything. Belongs to the loop. */
#pragma once

#include "board/board.h"
#include "cluster/kube.h"

#define GS_VIEWERS_AUDIENCE "gpuslice-dashboard"

enum {
    GS_VIEWERS_MAX = 256,      /* tokens that are kept */
    GS_VIEWERS_ASKING_MAX = 32 /* tokens that are asked about at a time */
};

struct gs_viewers;
struct gs_viewer;

struct gs_viewers_options {
    struct gs_kube *kube;         /* NULL: `token` alone is let in, and sees everything */
    const char *token;            /* copied */
    const struct gs_board *board; /* whose namespaces are asked about */
    const char *audience;         /* that tokens have to be for; NULL: GS_VIEWERS_AUDIENCE */
    const char *verb;             /* of gpunodes, that they need to come in; NULL: "list" */
    bool whole;                   /* who comes in sees everything: nothing else is asked */
};

/* What is known of a token now. */
enum gs_viewer_standing {
    GS_VIEWER_IN,
    GS_VIEWER_NOBODY,    /* 401: no such token, or not for us */
    GS_VIEWER_FORBIDDEN, /* 403: may not read GpuNodes */
    GS_VIEWER_NOT_ASKED  /* 503: the API server did not say */
};

/* Somebody who waits to be told; kept by the caller until then. */
struct gs_viewer_wait {
    /* `viewer` is there where they are let in; gs_viewer_keep keeps it. `why`: else, in words. */
    void (*done)(void *ctx, enum gs_viewer_standing standing, struct gs_viewer *viewer,
                 const char *why);
    void *ctx;
    struct gs_viewer *of; /* ours, as the next two */
    struct gs_viewer_wait *next;
    bool waits;
};

/* GS_NO_MEMORY. */
int gs_viewers_new(const struct gs_viewers_options *options, struct gs_viewers **ret,
                   struct gs_err *err);
void gs_viewers_free(struct gs_viewers *viewers);

/* Tells who shows the token: at once where that is known, else later. `now_us`: CLOCK_MONOTONIC. */
void gs_viewers_ask(struct gs_viewers *viewers, const char *token, uint64_t now_us,
                    struct gs_viewer_wait *wait);

/* It is not to be told any more. */
void gs_viewers_forget(struct gs_viewer_wait *wait);

/* Kept as long as somebody needs it. */
struct gs_viewer *gs_viewer_keep(struct gs_viewer *viewer);
void gs_viewer_put(struct gs_viewer *viewer);

const char *gs_viewer_token(const struct gs_viewer *viewer);

/* Grows whenever their rights have changed. */
uint64_t gs_viewer_rights(const struct gs_viewer *viewer);

/* As a reader of the board; valid as long as the viewer. */
struct gs_board_reader gs_viewer_reader(struct gs_viewer *viewer);
