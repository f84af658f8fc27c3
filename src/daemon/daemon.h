/* daemon: the frame of a program that serves a cluster until it is told to end: the options that
 * all of them have, its log, the loop, and the signals that end it. What it serves is its own. */
#pragma once

#include <systemd/sd-event.h>

#include "base/log.h"
#include "term/alone.h"

/* What every daemon's struct of values has a field of. */
struct gs_daemon_args {
    unsigned log_level;
    unsigned log_format;
    bool version;
};
#define GS_DAEMON_PRESET                                                                           \
    {                                                                                              \
        .log_level = GS_LOG_INFO                                                                   \
    }

/* Rows that daemons share. `field` of the first: a struct with kubeconfig and context. */
#define GS_DAEMON_CLUSTER_OPTIONS(type, field)                                                     \
    {.group = "Cluster",                                                                           \
     .name = "kubeconfig",                                                                         \
     .arg = "FILE",                                                                                \
     GS_TO_TEXT(type, field.kubeconfig),                                                           \
     .complete = GS_COMPLETE_FILE,                                                                 \
     .env = "KUBECONFIG",                                                                          \
     .help = "who we are and where the API server is; without it as a pod is told"},               \
    {                                                                                              \
        .name = "context", .arg = "NAME", GS_TO_TEXT(type, field.context),                         \
        .help = "of the kubeconfig"                                                                \
    }

/* `field`: the struct gs_daemon_args. */
#define GS_DAEMON_LOG_OPTIONS(type, field)                                                         \
    {.name = "log-level",                                                                          \
     .arg = "LEVEL",                                                                               \
     GS_TO_CHOICE(type, field.log_level, gs_daemon_log_levels),                                    \
     .help = "what is logged"},                                                                    \
        {.name = "log-format",                                                                     \
         .arg = "FORMAT",                                                                          \
         GS_TO_CHOICE(type, field.log_format, gs_daemon_log_formats),                              \
         .help = "how"},                                                                           \
        GS_OPTION_VERSION(type, field.version)

extern const char *const gs_daemon_log_levels[];  /* as enum gs_log_level */
extern const char *const gs_daemon_log_formats[]; /* as enum gs_log_format */

/* Rows of which only the heading above them differs. */
#define GS_DAEMON_NAMESPACE(type, field)                                                           \
    .name = "namespace", .arg = "NAME", GS_TO_TEXT(type, field), .env = "POD_NAMESPACE"
#define GS_DAEMON_REGION(type, field)                                                              \
    .name = "region", .arg = "NAME", GS_TO_TEXT(type, field), .env = "AWS_REGION",                 \
    .help = "whose prices count; as the nodes are labelled without it"
#define GS_DAEMON_HTTP(type, field)                                                                \
    .name = "http-address", .arg = "ADDRESS:PORT", GS_TO_TEXT(type, field),                        \
    .help = "/metrics, /healthz, /readyz; \"\" for none"

/* When a daemon exits with status 1, for --help. */
#define GS_DAEMON_FAILED "it could not start, or not go on; what it has logged says why"

/* A program. `state` is what it holds while it serves, `values` what its command line says. */
struct gs_daemon {
    const struct gs_command *command;
    /* Whether the values go together; GS_INVALID says what does not. NULL: they always do. */
    int (*check)(const void *values, struct gs_err *err);
    int (*start)(void *state, const void *values, sd_event *event, struct gs_err *err);
    void (*leave)(void *state); /* SIGTERM or SIGINT came: ends the loop, now or soon */
    void (*done)(void *state);  /* the loop has ended, or the start failed */
};

/* The whole program. `values` holds the presets, `args` is in it. Returns the exit status: 0; 1: it
 * did not start, the loop broke or stdout cannot be written; 2: wrong use. stderr tells. */
int gs_daemon_main(const struct gs_daemon *daemon, int argc, char **argv, void *values,
                   const struct gs_daemon_args *args, void *state);
