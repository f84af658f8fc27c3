/* seen: what is read back of Karpenter's objects. Sans-I/O.
 *
 * Only fields that decisions need. What a newer Karpenter says beside them is passed over; what is
 * not as its schema has it is GS_INVALID, with the object and the field. */
#pragma once

#include "base/arena.h"
#include "karpenter/objects.h"

enum { GS_KARPENTER_TEXT_MAX = 400 };

struct gs_karpenter_condition {
    bool is_true;
    bool is_false; /* neither: it is not there, or Unknown */
    bool current;  /* about this generation of the object */
    char reason[64];
    char message[GS_KARPENTER_TEXT_MAX]; /* cut */
};

/* A NodePool that was made of a SlicePool. Texts live in the arena. */
struct gs_karpenter_pool_seen {
    const char *name;
    const char *slicepool; /* "": not ours */
    const char *instance_type;
    const char *layout;
    uint64_t created_us; /* CLOCK_REALTIME */
    uint32_t weight;
    uint32_t max_nodes; /* limits.nodes; UINT32_MAX: none */
    uint32_t replicas;  /* of a static one; 0 of others */
    bool deleting;
    struct gs_karpenter_record record;
    struct gs_karpenter_condition ready;      /* Ready: its node class, too */
    struct gs_karpenter_condition node_class; /* NodeClassReady: why, where that is it */
};

struct gs_karpenter_overlay_seen {
    const char *name;
    const char *slicepool; /* "": not ours */
    uint32_t weight;       /* 0: none */
    bool deleting;
    struct gs_karpenter_condition valid; /* ValidationSucceeded */
};

struct gs_karpenter_claim_seen {
    const char *name;
    const char *uid;
    const char *pool; /* "": of none */
    const char *node; /* "": there is none yet */
    uint64_t created_us;
    bool deleting;
    bool launched; /* the cloud has given a machine */
    bool initialized;
    unsigned capacity_types;         /* that it may be; 0: not told */
    const char *zones;               /* to which it is bound, "a, b"; "": to none */
    char why[GS_KARPENTER_TEXT_MAX]; /* it is not: the first condition that is not True, in words */
};

/* GS_INVALID, GS_NO_MEMORY. */
int gs_karpenter_read_pool(const struct json_t *object, struct gs_arena *arena,
                           struct gs_karpenter_pool_seen *ret, struct gs_err *err);
int gs_karpenter_read_overlay(const struct json_t *object, struct gs_arena *arena,
                              struct gs_karpenter_overlay_seen *ret, struct gs_err *err);
int gs_karpenter_read_claim(const struct json_t *object, struct gs_arena *arena,
                            struct gs_karpenter_claim_seen *ret, struct gs_err *err);
