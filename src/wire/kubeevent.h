/* kubeevent: what happened to a node or a pod, as an Event of events.k8s.io/v1. Sans-I/O.
 *
 * Events of nodes live in the namespace "default", those of pods in the pod's. The kubelet names a
 * node by its name where others name its uid; `kubectl describe node` looks for both. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define GS_KUBEEVENT_PATH "/apis/events.k8s.io/v1/namespaces/default/events"

struct gs_kubeevent {
    const char *name;
    const char *kind;       /* NULL: "Node" */
    const char *api;        /* its apiVersion; NULL: "v1" */
    const char *name_space; /* NULL: "default"; else of the pod too */
    const char *node;       /* or the pod's name */
    const char *node_uid;   /* "": its name stands in */
    const char *controller;
    const char *instance;
    const char *reason;
    const char *action;
    const char *note;
    bool warning;
    uint32_t count;    /* from 2 on there is a series */
    uint64_t first_us; /* since 1970, as below */
    uint64_t last_us;
};

/* Where it is created. */
void gs_kubeevent_path(const struct gs_kubeevent *event, char *ret_path, size_t size);

/* The whole object. GS_INVALID: not UTF-8; GS_NO_MEMORY; GS_LIMIT: the buffer's bound. */
int gs_kubeevent_write(const struct gs_kubeevent *event, struct gs_buf *out, struct gs_err *err);

/* The merge patch that brings the series up to date. */
int gs_kubeevent_write_series(const struct gs_kubeevent *event, struct gs_buf *out,
                              struct gs_err *err);
