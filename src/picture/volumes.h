/* volumes: what the volumes of a pod require of its node, found out object by object. Sans-I/O.
 *
 * A reading says what is to be asked of the API server next (a claim, then its volume, or the
 * StorageClass that is to make one) and takes the answer; what follows from all of them is one
 * struct gs_volumes. As kube-scheduler's plugins have it: docs/internals/volumes.md. */
#pragma once

#include "wire/kubepod.h"
#include "wire/kubevolume.h"

enum {
    GS_VOLUMES_PATH_MAX = 640,
    GS_VOLUMES_TEXT_MAX = 240,
    GS_VOLUMES_TERMS_MAX = 64 /* of what the pod and its volumes require together */
};

/* One of its terms must match. */
struct gs_volumes_group {
    const struct gs_term *terms;
    size_t n_terms;
};

/* What is known of all volumes of a pod. */
struct gs_volumes {
    struct gs_arena arena; /* of all of it */
    const struct gs_volumes_group *groups;
    size_t n_groups;
    const char *const *one_pods; /* claims that one pod at a time may have (ReadWriteOncePod) */
    size_t n_one_pods;
    const char *says;   /* "its volume data is in zone us-east-1a"; "": they may be anywhere */
    const char *waits;  /* why the scheduler takes it nowhere now; NULL: it does */
    const char *unread; /* what could not be read of them, and why; NULL: all was */
};

void gs_volumes_free(struct gs_volumes *volumes);

struct gs_volumes_reading;

/* Of the claims of the pod, which are copied. NULL: no memory. */
struct gs_volumes_reading *gs_volumes_read(const struct gs_kubepod *pod, const char *uid);
void gs_volumes_reading_free(struct gs_volumes_reading *reading);

/* The path of what is to be asked for next; NULL: nothing more. */
const char *gs_volumes_next(const struct gs_volumes_reading *reading);

/* The answer: an object, or NULL: there is none of this name. What cannot be understood counts as
 * not read. GS_NO_MEMORY. */
int gs_volumes_take(struct gs_volumes_reading *reading, const struct json_t *object,
                    struct gs_err *err);

/* It could not be asked for: nothing more is. GS_NO_MEMORY. */
int gs_volumes_fail(struct gs_volumes_reading *reading, const char *why, struct gs_err *err);

/* What follows; the reading is spent, and freed. NULL: no memory. */
struct gs_volumes *gs_volumes_end(struct gs_volumes_reading *reading);

/* What the pod requires itself (NULL: nothing) and what its volumes do, as one constraint in the
 * arena, which borrows from both. *ret is `own` where they require nothing. What would be more than
 * GS_VOLUMES_TERMS_MAX terms is left out. GS_NO_MEMORY. */
int gs_volumes_fold(const struct gs_volumes *volumes, const struct gs_constraint *own,
                    struct gs_arena *arena, const struct gs_constraint **ret, struct gs_err *err);
