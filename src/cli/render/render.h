/* render: Kubernetes objects written from a few options. Private to src/cli/render. */
#pragma once

#include "cli/cmd.h"
#include "cloud/instances.h"
#include "term/result.h"

enum { GS_RENDER_LIST_MAX = 32, GS_RENDER_TEXT_MAX = 240 };

enum gs_render_family { GS_RENDER_AL2023, GS_RENDER_BOTTLEROCKET };

struct gs_render_eks {
    const char *cluster;
    const char *role;
    const char *name;   /* of both objects */
    const char *region; /* NULL: prices are not looked at */
    const char *ami_version;
    unsigned family;
    const char *boot_url;
    const char *boot_sha256;
    bool boot_in_image;
    struct gs_texts types;
    struct gs_texts profiles;
    struct gs_texts capacity_types;
    struct gs_texts zones;
    const char *gpus;
    const char *usd;
    const char *values; /* file for the values of Karpenter's chart; NULL: none */
    unsigned format;
};

/* A comma-separated list option, taken apart; the texts are copied. */
struct gs_render_list {
    char texts[GS_RENDER_LIST_MAX][64];
    unsigned n;
};

struct gs_render_names {
    struct gs_render_list types;
    const struct gs_instance *instances[GS_RENDER_LIST_MAX]; /* of each type */
    struct gs_render_list profiles;
    struct gs_render_list capacity_types;
    struct gs_render_list zones;
};

/* What the options name, looked up. GS_INVALID, GS_NOT_FOUND, GS_UNKNOWN; the text says what to
 * do. */
int gs_render_read(const struct gs_render_eks *args, struct gs_render_names *ret,
                   struct gs_err *err);

/* Whether not even one node of that type is within the limits, and why; a limit of 0 says
 * that nothing is to be bought for now, and is no slip; dollars only where the
 * region is given. */
bool gs_render_is_beyond(const struct gs_render_eks *args, const struct gs_render_names *names,
                         unsigned type, char ret[GS_RENDER_TEXT_MAX]);

/* The user data of the nodes. GS_INVALID: an option that it needs is wrong or not there. */
int gs_render_user_data(const struct gs_render_eks *args, const struct gs_render_names *names,
                        struct gs_buf *out, struct gs_err *err);
