/* gpunode_work: what the parts of agent/gpunode share. */
#pragma once

#include <stdbool.h>

#include <systemd/sd-event.h>

#include "agent/agent.h"
#include "agent/gpunode.h"
#include "cluster/kube_watch.h"
#include "wire/gpunode.h"

enum {
    GS_AGENTNODE_RECENT_MAX = 64 /* grants that the findings do not show yet */
};

/* One GPU, for as long as the agent runs. */
struct gs_agentnode_gpu {
    char uuid[GS_GPU_UUID_MAX];
    uint64_t revision; /* 0: nothing was seen of it yet */
    uint64_t print;    /* of what the revision counts */
    bool adopted;      /* the object's revision was taken over */
    struct gs_gpunode_decision decision;
    char message[GS_GPUNODE_MESSAGE_MAX + 1]; /* of the decision */
    uint64_t order;                           /* that carries its wish out; 0: none */
    bool carried_out;                         /* and node.status does not show it yet */
};

struct gs_agentnode_recent {
    struct gs_slice_id slice;
    uint64_t n_found;
};

struct gs_agentnode {
    struct gs_agent *agent;
    struct gs_kube *kube;
    char node_uid[64]; /* "": there is no node */
    bool there;        /* the object exists, owned by this node */
    struct gs_kube_call *call;
    struct gs_kube_watch *watch;
    sd_event_source *timer;  /* the next turn */
    uint64_t timer_us;       /* when; UINT64_MAX: none */
    sd_event_source *settle; /* node.status does not follow */
    sd_event_source *pods;   /* of the folder of the kubelet's pods */
    unsigned tries;          /* that have failed, in a row */
    bool dirty;              /* something has changed since the last write was made */
    uint64_t sent_print;     /* of the write that is under way */
    uint64_t written_print;
    uint64_t written_us; /* CLOCK_MONOTONIC; 0: never */
    struct gs_agentnode_gpu gpus[GS_GPUNODE_GPUS_MAX];
    unsigned n_gpus;
    uint64_t n_found;
    struct gs_agentnode_recent recent[GS_AGENTNODE_RECENT_MAX];
    unsigned n_recent;
    bool was_ready;
    uint64_t ready_us; /* CLOCK_REALTIME, of its last change */
    struct gs_arena spec_arena;
    const struct gs_gpunode_wish *wishes;
    unsigned n_wishes;
    bool watched; /* the server was reached */
    bool listed;  /* the object was seen since the last list began */
};

/* gpunode_status.c */

/* Revisions follow the hardware and its holders. */
void gs_agentnode_look(struct gs_agentnode *node);

/* The record of a GPU; NULL: there is none and no room for one more. */
struct gs_agentnode_gpu *gs_agentnode_gpu(struct gs_agentnode *node, const char *uuid, bool make);

/* The object as it should be; `seen_us` 0 leaves the moment out. GS_NO_MEMORY. */
int gs_agentnode_make(struct gs_agentnode *node, uint64_t seen_us, struct gs_arena *arena,
                      struct gs_gpunode *ret, struct gs_err *err);

/* gpunode_wish.c */

/* Answers what can be answered now, and begins what can be begun. */
void gs_agentnode_heed(struct gs_agentnode *node);

/* Wishes and, of GPUs whose record is new, revision and answer, out of the object. */
void gs_agentnode_take(struct gs_agentnode *node, const struct gs_gpunode *object);

/* gpunode.c */

/* Writes soon, or at once. */
void gs_agentnode_touch(struct gs_agentnode *node, bool at_once);

/* Where something was carried out: not for ever, if the kubelet or node.status does not follow. */
void gs_agentnode_await_settled(struct gs_agentnode *node);
