/* kubevolume: what of a PersistentVolumeClaim, a PersistentVolume and a StorageClass bears on where
 * a pod may run.
 *
 * Read as kube-scheduler 1.34 to 1.36 does (plugins VolumeBinding, VolumeZone,
 * VolumeRestrictions), judged elsewhere (picture/volumes). All of a result lives in the arena.
 * Codes of all: GS_INVALID: not what the API server lets pass, or more than is reckoned with;
 * GS_NO_MEMORY. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "core/constraint.h"

struct json_t;

enum {
    GS_KUBEVOLUME_TERMS_MAX = 16,        /* of one volume or class */
    GS_KUBEVOLUME_REQUIREMENTS_MAX = 16, /* of one term */
    GS_KUBEVOLUME_VALUES_MAX = 128       /* of one requirement */
};

struct gs_kubevolume_claim {
    const char *name;
    const char *volume; /* spec.volumeName; "": none */
    const char *class;  /* "": none */
    const char *node;   /* its volume is about to be made for this node; "": for none yet */
    const char *owner;  /* uid of the pod that it is made for; "": none */
    bool bound;         /* to `volume`, and nothing is left to do */
    bool lost;          /* what it was bound to is there no more */
    bool deleting;
    bool one_pod; /* ReadWriteOncePod */
};

int gs_kubevolume_claim(const struct json_t *object, struct gs_arena *arena,
                        struct gs_kubevolume_claim *ret, struct gs_err *err);

/* Where its pods may run: on nodes that meet one of the terms, and its zone labels. */
struct gs_kubevolume {
    const char *name;
    const struct gs_term *terms;
    size_t n_terms;       /* 0: on any */
    struct gs_term zones; /* its own labels of zone and region, as In with the values that are in
                             them; nodes that have no such label at all are free of it */
};

int gs_kubevolume_volume(const struct json_t *object, struct gs_arena *arena,
                         struct gs_kubevolume *ret, struct gs_err *err);

struct gs_kubevolume_class {
    const char *name;
    bool waits; /* WaitForFirstConsumer: its volumes are made where the pod goes */
    bool makes; /* volumes, by its provisioner; else those that are there are found */
    const struct gs_term *terms; /* allowedTopologies */
    size_t n_terms;              /* 0: anywhere */
};

int gs_kubevolume_class(const struct json_t *object, struct gs_arena *arena,
                        struct gs_kubevolume_class *ret, struct gs_err *err);
