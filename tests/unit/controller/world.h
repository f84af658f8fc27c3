/* world: a small cluster for tests of the pass: objects as text, and actions that are noted down in
 * place of requests. */
#pragma once

#include "controller/pass/pass.h"

struct volumes_object; /* unit/picture/volumes_objects.h */

struct world {
    struct gs_store store;
    struct gs_pass *pass;
    uint32_t takes_s; /* a node that is bought; 0: not known */
    uint64_t now_us;
    uint64_t again_us;
    char acts[32768];       /* "book d/a n1\nlift d/b\n": of the last pass */
    char note[4096];        /* of the last move: as it would be on the pod that waits */
    struct gs_warm warm[2]; /* slices that are to be kept free */
    size_t n_warm;
    uint32_t missing[2];      /* of them; as the last pass has said */
    struct gs_slicepool pool; /* "gpus" */
    bool sells;               /* nodes with A100s can be bought */
    bool sells_two;           /* ... and at a higher price those of type "p4de.24xlarge" */
    const char *futile;       /* why no node is bought for pods; NULL: it is */
    bool futile_first;        /* ... of the first type */
    bool opens;               /* ... from a NodePool that is about to open */
    const struct volumes_object *objects; /* claims, volumes, classes that can be read */
    size_t n_objects;                     /* 0: volumes of pods require nothing */
    bool mute;                            /* ... but nobody answers */
    unsigned looks;                       /* for what volumes require, of the last pass */
    unsigned wanted;                      /* pods of the last pass that need a node */
};

/* Frees what the last one had. */
void world_new(struct world *world);
/* Another controller takes over: it has what the API server has, and no more. */
void world_restart(struct world *world);
void world_free(struct world *world);

/* A node of one A100-40GB; `slices` as "1g.5gb@0,3g.20gb@4!", "!" for one that is held, "!a" by pod
 * d/a. Its allocatable follows. `revision` of its GPU. */
void world_node(struct world *world, const char *name, const char *slices, unsigned revision);
/* The same with what it was asked for last: `result` "Done", "Busy", ...; "" for no answer. */
void world_node_answers(struct world *world, const char *name, const char *slices,
                        unsigned revision, const char *id, const char *result);
/* It is of this SlicePool from now on, until it is given anew. */
void world_node_of(struct world *world, const char *name, const char *slicepool);
/* It may not be disrupted, as somebody else says. */
void world_node_held(struct world *world, const char *name);
void world_node_gone(struct world *world, const char *name);

/* A pod that asks for slices of a profile. */
struct world_pod {
    const char *name;
    const char *profile;
    unsigned count; /* 0: 1 */
    bool gated;     /* by us */
    bool other_gate;
    bool unschedulable;
    const char *node;      /* bound; NULL: not */
    const char *nominated; /* NULL: not */
    int priority;
    unsigned age_s;    /* older goes first */
    const char *owner; /* name of its ReplicaSet, "DaemonSet/NAME" for another kind; NULL: none */
    bool may_move;
    bool stays; /* karpenter.sh/do-not-disrupt */
    bool deleting;
    const char *moving; /* the note of a move for it; NULL: none */
    const char *uid;    /* NULL: "u-" and its name */
};
void world_pod(struct world *world, const struct world_pod *pod);
/* Any pod, as JSON with ' for ". */
void world_pod_text(struct world *world, const char *text, bool gone);
void world_pod_gone(struct world *world, const char *name, const char *profile);

/* One pass; what it did is in `acts`, by lines. */
void world_run(struct world *world);

/* The wishes of a node that are on their way: "1g.5gb@0,... for d/a\n". */
const char *world_wishes(const struct world *world, const char *node);
