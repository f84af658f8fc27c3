/* scene: the cluster as the controller sees it, read once: lists fed into the same picture.
 *
 * Every kind is asked for by itself; what may not be read is left out and remembered, and the rest
 * is shown. Ages are by the clocks of those who wrote: an agent's of its node, a Lease's of the
 * controller's. Texts and objects live in the scene's arena. */
#pragma once

#include "cli/cluster/link.h"
#include "cli/cluster/region.h"
#include "cloud/pooloffers.h"
#include "karpenter/seen.h"
#include "picture/claims.h"
#include "picture/movers.h"
#include "picture/rules.h"
#include "picture/view.h"
#include "wire/gpunode.h"
#include "wire/kubelease.h"
#include "wire/slicepool.h"

enum gs_scene_kind {
    GS_SCENE_NODES,
    GS_SCENE_GPUNODES,
    GS_SCENE_PODS,
    GS_SCENE_SLICEPOOLS,
    GS_SCENE_CLAIMS,
    GS_SCENE_LEASES,
    GS_SCENE_WEBHOOKS,
    GS_SCENE_KINDS
};

enum {
    GS_SCENE_SILENT_S = 180 /* an agent that was not seen for so long; as the controller has it */
};

/* A GpuNode as it was read. */
struct gs_scene_gpunode {
    struct gs_gpunode object;
};

struct gs_scene_pool {
    struct gs_slicepool spec;
    struct gs_slicepool_status status;
    struct gs_pooloffers offers; /* max_nodes: what its limits leave */
    bool said;                   /* the controller has written its status */
};

/* A pod of ours: a controller or an agent. */
struct gs_scene_program {
    const char *pod; /* "namespace/name" */
    const char *image;
    const char *node;
    bool ready;
    bool is_agent;
};

struct gs_scene;
struct gs_scene_taker {
    struct gs_scene *scene;
    enum gs_scene_kind kind;
};

struct gs_scene {
    struct gs_link *link;
    struct gs_arena arena;
    struct gs_arena decider_arena;
    struct gs_decider *decider;
    struct gs_store store;
    struct gs_nodes_view view;
    struct gs_rules rules;
    struct gs_claims *volumes; /* what volumes of pods require; NULL: it is not asked for */
    struct gs_link_list lists[GS_SCENE_KINDS];
    struct gs_scene_taker takers[GS_SCENE_KINDS]; /* of the lists */
    struct gs_map gpunodes;                       /* by name: struct gs_scene_gpunode */
    struct gs_scene_pool **pools;
    size_t n_pools, cap_pools;
    struct gs_karpenter_claim_seen **claims; /* Karpenter's, of NodePools of SlicePools */
    size_t n_claims, cap_claims;
    struct gs_kubelease lease; /* name "": there is none */
    bool has_webhook;          /* the MutatingWebhookConfiguration gpuslice */
    bool has_ca;               /* and it has a CA */
    struct gs_scene_program *programs;
    size_t n_programs, cap_programs;
    struct gs_offer *offers; /* of all pools, in their order; for decisions */
    size_t n_offers;
    struct gs_movers movers;       /* pods that may be moved, if moves may be made */
    struct gs_decide_pod *holders; /* of slices, by gs_decide_slice.pod: movers, then the others */
    size_t n_holders, cap_holders;
    const char *asked_region; /* --region; NULL: not given. Borrowed, and so is: */
    const char *env_region;   /* AWS_REGION */
    struct gs_region region;  /* whose prices count; chosen when it is settled */
    uint64_t real_us;         /* CLOCK_REALTIME: when it was read */
    uint64_t at_us;    /* the same on the clock of the store's moments: CLOCK_REALTIME too, but in a
                          scene that lasts CLOCK_MONOTONIC */
    uint64_t left_out; /* objects that could not be understood */
    struct gs_err why; /* the first of them */
    const char *wanted; /* "namespace/name": this pod's whole object is kept as well */
    json_t *object;     /* of it; NULL: there is none */
};

void gs_scene_init(struct gs_scene *scene, struct gs_link *link);
void gs_scene_done(struct gs_scene *scene);

/* Reads all kinds. `region`: --region; NULL: as the controller has it, or as the nodes are
 * labelled. Fails only where nobody answers, or
 * nothing at all may be read: GS_IO, GS_LIMIT; GS_NO_MEMORY. */
int gs_scene_read(struct gs_scene *scene, const char *region, struct gs_err *err);

/* The same of objects that are given, one call each; then gs_scene_settle. For tests too. */
int gs_scene_take(struct gs_scene *scene, enum gs_scene_kind kind, const json_t *object,
                  struct gs_err *err);
int gs_scene_settle(struct gs_scene *scene, struct gs_err *err);

/* A scene that lasts: watches feed its store (picture/feed), and what decisions need beside it is
 * read anew now and then. Once, before anything else. GS_NO_MEMORY. */
int gs_scene_last(struct gs_scene *scene, struct gs_err *err);

/* Forgets what was made of the last reading, and begins to read SlicePools, NodeClaims and the
 * Lease; done when nothing of the link is under way. */
void gs_scene_reread(struct gs_scene *scene);

/* And then: the picture as it is now. `at_us`: CLOCK_MONOTONIC. GS_NO_MEMORY. */
int gs_scene_resettle(struct gs_scene *scene, uint64_t at_us, struct gs_err *err);

/* scene_volumes.c: what the volumes of pods that wait require is asked for where that is due. True:
 * more are to be asked for once some of these are known. GS_NO_MEMORY: they are not asked for. */
bool gs_scene_ask_volumes(struct gs_scene *scene, uint64_t now_us);
int gs_scene_open_volumes(struct gs_scene *scene, struct gs_err *err);
/* All of it, of a scene that is read once. GS_IO: the loop broke. */
int gs_scene_read_volumes(struct gs_scene *scene, struct gs_err *err);

/* scene_settle.c: what lives in the arena is not there any more. */
void gs_scene_forget(struct gs_scene *scene);

/* Whether the kind was read; where not, gs_scene_why says why in a line for people. */
bool gs_scene_has(const struct gs_scene *scene, enum gs_scene_kind kind);
const char *gs_scene_kind_name(enum gs_scene_kind kind);

/* The view's nodes by name, as numbers into it; in the arena. NULL: no memory. */
const uint32_t *gs_scene_by_name(struct gs_scene *scene);

/* NULL: the node has no GpuNode. */
const struct gs_gpunode *gs_scene_gpus(const struct gs_scene *scene, const char *node);

/* Whether somebody decides: the Lease is there, held and renewed in time. */
bool gs_scene_is_led(const struct gs_scene *scene);

/* The version of the controller that wrote the SlicePools' status; NULL: none has told. */
const char *gs_scene_controller(const struct gs_scene *scene);

/* Seconds since that moment; 0 where it is yet to come. */
uint64_t gs_scene_age_s(const struct gs_scene *scene, uint64_t at_us);

/* "12 s", "5 min", "3 h", "4 d". */
enum { GS_SCENE_AGE_MAX = 24 };
void gs_scene_format_age(uint64_t s, char ret[GS_SCENE_AGE_MAX]);

/* The agent of a node was not heard of for too long. */
bool gs_scene_is_silent(const struct gs_scene *scene, const struct gs_gpunode *gpus);
