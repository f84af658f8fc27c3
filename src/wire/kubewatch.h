/* kubewatch: the stream of a Kubernetes watch, in pieces of any size, to its events. Sans-I/O.
 *
 * A watch sends one JSON object a line: {"type": "MODIFIED", "object": {...}}. At most one line is
 * held at a time. */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "wire/kubestatus.h"

enum {
    GS_KUBEWATCH_LINE_MAX = 8 << 20,    /* an object, which etcd holds at 1.5 MiB, as JSON */
    GS_KUBEWATCH_KEEP_BYTES = 64 << 10, /* memory kept between lines */
    GS_KUBEWATCH_VERSION_MAX = 64
};

enum gs_kubewatch_type {
    GS_KUBEWATCH_ADDED,
    GS_KUBEWATCH_MODIFIED,
    GS_KUBEWATCH_DELETED,
    GS_KUBEWATCH_BOOKMARK, /* only the version is new */
    GS_KUBEWATCH_ERROR     /* the watch ends; 410: what it asked for is gone */
};

struct gs_kubewatch_event {
    enum gs_kubewatch_type type;
    const struct json_t *object;  /* of the first three; gone when `take` returns */
    const char *resource_version; /* of the first four, never "" */
    struct gs_kubestatus status;  /* of an error */
};

struct gs_kubewatch_sink {
    /* A negative code ends the reading. */
    int (*take)(void *ctx, const struct gs_kubewatch_event *event, struct gs_err *err);
    void *ctx;
};

struct gs_kubewatch;

/* NULL: no memory. */
struct gs_kubewatch *gs_kubewatch_new(struct gs_kubewatch_sink sink);
void gs_kubewatch_free(struct gs_kubewatch *watch);

/* The next bytes. GS_INVALID: a line that is not such an event; GS_LIMIT: one that is too long;
 * GS_NO_MEMORY; or the code of `take`. After a failure only gs_kubewatch_reset may follow. */
int gs_kubewatch_feed(struct gs_kubewatch *watch, const char *bytes, size_t n, struct gs_err *err);

/* A new stream begins: what was left of a line is dropped. */
void gs_kubewatch_reset(struct gs_kubewatch *watch);
