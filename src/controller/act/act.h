/* act: decisions become requests to the API server.
 *
 * Each action is one or two requests about one object; while they are under way, and until the
 * watch shows what they did, the object is left alone. What fails is not tried again here: the next
 * pass decides anew. Writes carry uid or resourceVersion, so that they never hit another object of
 * the same name or undo what somebody else has done. Belongs to the loop. */
#pragma once

#include "cluster/kube.h"
#include "picture/store.h"

struct gs_act;
struct gs_kubemove;

enum gs_act_move_end {
    GS_ACT_MOVED,        /* the pod ends, or was gone already */
    GS_ACT_MOVE_REFUSED, /* `why`: by a disruption budget, or for want of rights */
    GS_ACT_MOVE_UNKNOWN  /* there was no answer */
};

struct gs_act_moved {
    const char *uid; /* of the pod that was to end */
    enum gs_act_move_end end;
    const char *why; /* in words; "": done */
};

struct gs_act_counts {
    uint64_t booked;
    uint64_t lifted; /* gates, without a booking */
    uint64_t wished;
    uint64_t evicted;
    uint64_t move_refused;
    uint64_t cleared;
    uint64_t events;
    uint64_t failed;
    uint64_t requests;
};

struct gs_act_options {
    struct gs_kube *kube;
    struct gs_store *store;
    const char *instance; /* who we are, in Events */
    /* We still decide: looked at before the second write of an action, which may come much later
     * than the first. */
    bool (*decides)(void *ctx);
    /* Something ended, and may be decided anew. */
    void (*again)(void *ctx);
    void (*moved)(void *ctx, const struct gs_act_moved *answer); /* before `again` */
    void *ctx;
};

int gs_act_new(const struct gs_act_options *options, struct gs_act **ret, struct gs_err *err);
void gs_act_free(struct gs_act *act);

/* The pod is expected on the node, and may be scheduled. */
void gs_act_book(struct gs_act *act, struct gs_store_pod *pod, struct gs_store_node *node);

/* The pod may be scheduled, wherever there is room. */
void gs_act_lift(struct gs_act *act, struct gs_store_pod *pod);

/* The pod is expected nowhere any more. */
void gs_act_clear(struct gs_act *act, struct gs_store_pod *pod);

/* The node's wishes become its GpuNode's spec. */
void gs_act_wish(struct gs_act *act, struct gs_store_node *node);

/* The move is noted on the pod that it is for; then the other one is evicted, as its disruption
 * budgets allow. Refused: the note goes. */
void gs_act_move(struct gs_act *act, struct gs_store_pod *waits, const struct gs_kubemove *move);

/* Karpenter leaves the node alone, or may do what it likes with it. */
void gs_act_hold(struct gs_act *act, struct gs_store_node *node, bool hold);

/* An Event of the pod; the same again is not said twice in a row, nor often. */
void gs_act_say(struct gs_act *act, struct gs_store_pod *pod, bool warning, const char *reason,
                const char *action, const char *text);

/* The same of a pod that does not wait, once each time. */
void gs_act_tell(struct gs_act *act, const struct gs_store_pod *pod, const char *reason,
                 const char *action, const char *text);

struct gs_act_counts gs_act_counts(const struct gs_act *act);
