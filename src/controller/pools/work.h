/* work: what the files of pools share. Private to src/controller/pools. */
#pragma once

#include <jansson.h>

#include "cluster/kube_watch.h"
#include "controller/pools/lasted.h"
#include "controller/pools/pools.h"
#include "karpenter/choose.h"
#include "karpenter/limits.h"
#include "karpenter/seen.h"
#include "karpenter/share.h"
#include "karpenter/version.h"
#include "karpenter/weights.h"

#define GS_POOLS_REST_MOST_S 7200ull   /* after starts that failed */
#define GS_POOLS_STAYS_US 600000000ull /* a layout that was wanted stays there for so long */
/* ... and open. Not longer: Karpenter would buy for a pod that gets its slice by a re-cut. */
#define GS_POOLS_OPEN_US 5000000ull
/* Pods come one by one, also those of one Deployment: layouts are chosen once nothing new has come
 * for so long, or the first has waited for so long. */
#define GS_POOLS_QUIET_US 400000ull
#define GS_POOLS_PATIENCE_US 5000000ull
/* What waits is served by layouts that there are: whether others would be cheaper is looked at once
 * more has come, or after so long. */
#define GS_POOLS_JUDGE_US 10000000ull

enum { GS_POOLS_IDLE_MAX = 64, GS_POOLS_WHY_MAX = 400 };
enum { GS_POOLS_ITEMS_MAX = 2000, GS_POOLS_RUNNING_MAX = 64 };

enum gs_pools_kind {
    GS_POOLS_SLICEPOOLS,
    GS_POOLS_NODEPOOLS,
    GS_POOLS_OVERLAYS,
    GS_POOLS_CLAIMS,
    GS_POOLS_NEEDED,                   /* the kinds above: without them no NodePool can be made */
    GS_POOLS_EVENTS = GS_POOLS_NEEDED, /* of launches that found no capacity: for texts alone */
    GS_POOLS_KINDS
};

enum { GS_POOLS_CONDITIONS = 5, GS_POOLS_TEXT_MAX = 900, GS_POOLS_CLOUD_MAX = 200 };

/* A condition of a SlicePool as it was said last. */
struct gs_pools_said {
    bool is_true;
    char reason[40];
    char message[GS_POOLS_TEXT_MAX];
    uint64_t since_us; /* 0: never said */
};

/* A SlicePool. */
struct gs_pools_owner {
    struct gs_arena arena; /* of `pool` and the offers */
    struct gs_slicepool pool;
    bool seen;
    bool stale; /* the offers have to be made */
    /* Why its spec could not be read: nothing is bought, and what is there stays. "": it could. */
    char unread[GS_POOLS_TEXT_MAX];
    struct gs_offer offers[GS_SLICEPOOL_TYPES_MAX];
    unsigned n_offers;
    char scarce[GS_SLICEPOOL_TYPES_MAX][GS_POOLS_CLOUD_MAX + 160]; /* offers[].scarce */
    bool scarce_news;                 /* a launch found no capacity: its Event was not sent yet */
    size_t first_offer;               /* among those of all */
    char left_out[GS_POOLS_TEXT_MAX]; /* instance types without an offer, and why */
    char unmade[GS_POOLS_TEXT_MAX];   /* profiles that none of them makes, and what they make */
    struct gs_arena demand_arena;
    struct gs_demand *demand; /* of the pass under way; NULL: nothing waits */
    uint64_t chosen_us;       /* CLOCK_MONOTONIC: when layouts were chosen last; 0: never */
    uint64_t gathers_us;  /* since when something waits that no layout serves; 0: nothing does */
    uint64_t quiet_us;    /* since when it is as much as now */
    uint64_t unserved;    /* pods, then */
    bool gathering;       /* as of the pass, and so is: */
    bool opens;           /* a NodePool that is needed is about to open */
    uint64_t judged_us;   /* when layouts were last compared with what they might be; 0: never */
    uint64_t judged_pods; /* that waited then, or less since */
    bool short_of_room;   /* a limit stands in the way */
    struct gs_pools_part *refused; /* whose node class Karpenter cannot use; NULL: none */
    uint32_t cold[GS_SLICEPOOL_PROFILES_MAX]; /* of pool.warm: missing; as of the pass */
    uint64_t stand_ins_us;                    /* CLOCK_MONOTONIC: when they are looked at again */
    struct gs_pools_said said[GS_POOLS_CONDITIONS];
    uint32_t written; /* hash of the status that was sent; 0: none */
    bool writing;
    uint64_t retry_us;
};

/* A NodePool with its NodeOverlay; either may not be there (yet). */
struct gs_pools_part {
    char name[GS_KARPENTER_NAME_MAX + 1];
    char owner[GS_KARPENTER_NAME_MAX + 1]; /* the SlicePool's name */
    json_t *pool;                          /* as the API server has it; NULL: it has none */
    json_t *overlay;
    bool pool_seen; /* in the list under way */
    bool overlay_seen;
    struct gs_arena arena; /* of `has` */
    struct gs_karpenter_pool_seen has;
    bool judged; /* has.ready and has.node_class are about its template as it is */
    struct gs_karpenter_condition valid; /* the overlay's */
    uint32_t overlay_weight;             /* as there; 0: none yet */
    struct gs_karpenter_kind kind;       /* made anew in each pass */
    bool known;                          /* `kind` and `of` are good */
    struct gs_pools_owner *of;
    uint32_t there;  /* NodeClaims; as of the pass, and so are: */
    uint32_t active; /* of them: do not end */
    uint32_t soon; /* of those: will take pods, and what they will have need not show in full yet */
    uint32_t planned;
    uint32_t max_nodes;
    uint32_t replicas; /* of a static one */
    uint32_t weight;
    const char *closed;                        /* why, for people; "": open */
    char refusal[GS_KARPENTER_TEXT_MAX + 320]; /* `closed` of one that Karpenter refuses */
    char no_room[GS_KARPENTER_LIMITS_MAX];     /* likewise of one that a limit keeps closed */
    uint64_t wanted_us;                        /* CLOCK_MONOTONIC: when it was wanted last */
    uint64_t there_us;                         /* CLOCK_MONOTONIC: when it had a NodeClaim last */
    uint32_t misses;                /* launches that found no capacity, of the try under way */
    uint64_t missed_us;             /* CLOCK_REALTIME: the last of them; 0: none */
    uint64_t missed_at_us;          /* CLOCK_MONOTONIC: the same; 0: that try was counted */
    char missed_zones[64];          /* to which they were bound; "": to none, as far as is known */
    char cloud[GS_POOLS_CLOUD_MAX]; /* what the cloud said to it; "": not known */
    struct gs_karpenter_record record;
    bool record_ours; /* it was changed here, and the NodePool does not say so yet */
    bool pool_acting; /* a request about it is under way */
    bool overlay_acting;
    uint64_t retry_us; /* CLOCK_MONOTONIC: after a request that failed */
};

struct gs_pools_claim {
    struct gs_arena arena; /* of `has` */
    struct gs_karpenter_claim_seen has;
    bool seen;
    bool ending;          /* we have asked for its end */
    bool counted;         /* as a failed start */
    bool started;         /* it was initialized when we last looked */
    bool began;           /* it was not, once */
    bool had;             /* the cloud had given its machine when we last looked */
    uint64_t idle_us;     /* since when its node is ready, told of and empty; 0: it is not */
    uint64_t bare_us;     /* likewise without taints that are not of its kind */
    uint64_t empty_us;    /* of a static NodePool: since when its node has no pods; 0: it has */
    uint64_t cordoned_us; /* since when it takes none; 0: it does */
    bool cordoning;       /* a request about that is under way */
};

struct gs_pools_stream {
    struct gs_pools *pools;
    enum gs_pools_kind kind;
    struct gs_kube_watch *watch;
    bool listed;
    bool reachable;
    bool heard; /* listed, or found not to be there */
    char why[GS_POOLS_TEXT_MAX];
};

/* What waits in a pass, and warm slices that are neither there nor coming. */
struct gs_pools_waiting {
    struct gs_item items[GS_POOLS_ITEMS_MAX + GS_SLICEPOOL_PROFILES_MAX];
    struct gs_want wants[GS_SLICEPOOL_PROFILES_MAX];
    struct gs_alternative alternatives[GS_SLICEPOOL_PROFILES_MAX];
    size_t n;
    uint64_t pods;
};

struct gs_pools_call;

/* A pod in which Karpenter runs. */
struct gs_pools_karpenter {
    char pod[2 * 254];
    struct gs_karpenter_version version;
    bool seen; /* in the list under way */
};
enum { GS_POOLS_KARPENTERS_MAX = 8 };

struct gs_pools {
    struct gs_pools_options options;
    struct gs_pools_stream streams[GS_POOLS_KINDS];
    struct gs_map owners;                           /* by name */
    struct gs_map parts;                            /* by name */
    struct gs_map claims;                           /* by name */
    struct gs_map bought;                           /* pods that are bought for, by key: futile.c */
    struct gs_pools_claim *idle[GS_POOLS_IDLE_MAX]; /* whose nodes are idle; as of the pass */
    size_t n_idle;
    uint64_t vain_until_us; /* CLOCK_MONOTONIC: the first mark that stood in the way lapses */
    struct gs_pools_lasted lasted;
    struct gs_map foreign; /* NodeOverlays of others, by name: their weights */
    struct gs_pools_call *calls;
    struct gs_offer *offers; /* of all SlicePools, for the decisions */
    size_t n_offers;
    size_t cap_offers;
    char region[64]; /* of the offers; "": not known */
    /* CLOCK_MONOTONIC: Helm never changes a CRD, and one of an older version refuses a status that
     * has fields it does not know: till then it is written without them. */
    uint64_t old_crd_until_us;
    struct gs_pools_karpenter karpenters[GS_POOLS_KARPENTERS_MAX];
    unsigned n_karpenters;
    struct gs_pools_counts counts;
    uint64_t now_us;  /* of the pass under way: CLOCK_MONOTONIC */
    uint64_t real_us; /* CLOCK_REALTIME */
    uint64_t event_number;
    sd_event_source *due; /* a node that is late, layouts to choose, a pool to close */
    uint64_t due_us;
};

/* watch.c */
int gs_pools_watch(struct gs_pools *pools, struct gs_err *err);
void gs_pools_unwatch(struct gs_pools *pools);

/* take.c */
void gs_pools_forget_owner(struct gs_pools *pools, const char *name);
/* With neither object, and nothing under way, there is nothing to remember. */
void gs_pools_forget_part(struct gs_pools *pools, struct gs_pools_part *part);
/* `shown`: its end was; else it is not in a list, and what happened to it is not known. */
void gs_pools_forget_claim(struct gs_pools *pools, struct gs_pools_claim *claim, bool shown);
void gs_pools_forget_all(struct gs_pools *pools);
/* An object as it is now (`gone`: as it last was). GS_INVALID, GS_LIMIT, GS_NO_MEMORY. */
int gs_pools_take(struct gs_pools *pools, enum gs_pools_kind kind, const struct json_t *object,
                  bool gone, struct gs_err *err);
/* All that is needed for NodePools is known; `overlays`: for those that need NodeOverlays. */
bool gs_pools_are_whole(const struct gs_pools *pools, bool overlays);
/* version.c: a Karpenter that would buy from what is closed; NULL: there is none that is known. */
const struct gs_pools_karpenter *gs_pools_too_old(const struct gs_pools *pools,
                                                  const struct gs_pools_owner *owner);
static inline bool gs_pools_serve(const struct gs_pools *pools, const struct gs_pools_owner *owner)
{
    return gs_pools_are_whole(pools, owner->pool.scaling == GS_SLICEPOOL_OVERLAY) &&
           gs_pools_too_old(pools, owner) == NULL;
}
struct gs_pools_part *gs_pools_part(struct gs_pools *pools, const char *name);

/* pools_offers.c: what each SlicePool may buy. */
void gs_pools_find_region(struct gs_pools *pools);
int gs_pools_make_offers(struct gs_pools *pools, struct gs_pools_owner *owner, struct gs_err *err);

/* plan.c: which NodePools there should be, and how wide open. */
int gs_pools_plan(struct gs_pools *pools, struct gs_pools_owner *owner, struct gs_err *err);
bool gs_pools_is_resting(const struct gs_pools *pools, const struct gs_pools_part *part);

/* It has no node, and nothing wanted one of it for so long that its objects go. */
bool gs_pools_is_spent(const struct gs_pools *pools, const struct gs_pools_part *part);
/* The next pass is due by then. */
void gs_pools_look_again(struct gs_pools *pools, uint64_t at_us);

/* room.c: what limits leave no room for, in words. `parts`: all of the SlicePool. */
/* Why none of an offer may be bought, into the offer: for the Events of pods. */
void gs_pools_note_spent(struct gs_pools_owner *owner, struct gs_pools_part *const *parts,
                         size_t n);
/* Why a part that is wanted is closed. */
void gs_pools_say_no_room(const struct gs_pools_owner *owner, struct gs_pools_part *const *parts,
                          size_t n, struct gs_pools_part *part);
/* Not one node more, not even of the smallest type; false: no limit is in its way. */
bool gs_pools_say_spent(const struct gs_pools_owner *owner, struct gs_pools_part *const *parts,
                        size_t n, char ret[GS_KARPENTER_LIMITS_MAX]);
/* Not all that is planned. */
bool gs_pools_say_short(const struct gs_pools_owner *owner, struct gs_pools_part *const *parts,
                        size_t n, char ret[GS_KARPENTER_LIMITS_MAX]);
/* Warm slices that are missing, and why; false: none is. *ret_coming: all of them are on their
 * way. */
bool gs_pools_say_cold(const struct gs_pools_owner *owner, struct gs_pools_part *const *parts,
                       size_t n, char ret[GS_POOLS_TEXT_MAX], bool *ret_coming);

/* layouts.c: how many nodes of each part are planned for what waits; new parts where they serve
 * more, or for less. GS_LIMIT, GS_NO_MEMORY. */
int gs_pools_choose(struct gs_pools *pools, struct gs_pools_owner *owner, struct gs_arena *arena,
                    const struct gs_pools_waiting *waiting, struct gs_err *err);

/* running.c: what runs on the SlicePool's nodes, as items in the arena.
 * GS_NO_MEMORY. */
int gs_pools_running(const struct gs_pools *pools, const struct gs_pools_owner *owner,
                     struct gs_arena *arena, const struct gs_item **ret, size_t *ret_n,
                     struct gs_err *err);

void gs_pools_look_at_parts(struct gs_pools *pools);
/* Whose node is on its way, and not seen with its GPUs by decisions yet; NULL: it is not. */
const struct gs_pools_part *gs_pools_coming(const struct gs_pools *pools,
                                            const struct gs_pools_claim *claim);
void gs_pools_weigh(struct gs_pools *pools);
/* In the order in which they are served; owner NULL: of all. */
size_t gs_pools_parts_of(const struct gs_pools *pools, const struct gs_pools_owner *owner,
                         struct gs_pools_part *ret[GS_KARPENTER_SHARES_MAX]);
struct gs_karpenter_caps gs_pools_caps(const struct gs_pools_owner *owner);
size_t gs_pools_shares(struct gs_pools_part *const *parts, size_t n,
                       struct gs_karpenter_share ret[GS_KARPENTER_SHARES_MAX]);

/* pools_starts.c: nodes that never start. */
/* *ret_next_us: CLOCK_MONOTONIC, when the next is late if it does not start; UINT64_MAX: none. */
void gs_pools_look_at_claims(struct gs_pools *pools, uint64_t *ret_next_us);
/* Its end was shown. */
void gs_pools_lost_claim(struct gs_pools *pools, const struct gs_pools_claim *claim);

/* refused.c: NodePools that Karpenter does not work with. */
bool gs_pools_is_refused(const struct gs_pools_part *part);
/* Sets `refused` of all SlicePools. */
void gs_pools_find_refused(struct gs_pools *pools);
/* Why, for people; lives in the part. */
const char *gs_pools_why_refused(struct gs_pools_part *part);
/* It is there for a minute and Karpenter has not looked at it. */
bool gs_pools_is_unseen(struct gs_pools *pools, const struct gs_pools_part *part);

/* The cloud had none of it, and that still counts: a launch that finds none is one more of them. */
bool gs_pools_scarce_is_live(const struct gs_karpenter_record *record, uint64_t now_s);

/* scarce.c: instance types of which the cloud has nothing left. */
/* Karpenter gave the claim up as there was no capacity for it. */
void gs_pools_missed(struct gs_pools *pools, struct gs_pools_part *part,
                     const struct gs_pools_claim *claim);
/* The cloud gave a machine of the part's instance type. */
void gs_pools_launched(struct gs_pools *pools, struct gs_pools_part *part);
/* An Event of Karpenter's that says so, in the cloud's words. */
void gs_pools_take_event(struct gs_pools *pools, const struct json_t *event);
/* When that is over, or sure: at the end of a pass, before plans. */
void gs_pools_look_at_scarce(struct gs_pools *pools);
/* Sets offers[].scarce of the SlicePool. */
void gs_pools_mark_scarce(struct gs_pools *pools, struct gs_pools_owner *owner);
/* How it stands with the SlicePool's instance types, in words. False: nothing is missing. */
bool gs_pools_say_scarce(const struct gs_pools *pools, const struct gs_pools_owner *owner,
                         struct gs_pools_part *const *parts, size_t n, char ret[GS_POOLS_TEXT_MAX]);
/* Launches in a row that found none of the instance type; 0: as far as is known it can be had. */
uint32_t gs_pools_scarce_tries(const struct gs_pools *pools, const struct gs_pools_owner *owner,
                               const char *type, uint64_t real_us);

/* futile.c: nodes that came for a pod and do not hold it. */
enum gs_pools_help {
    GS_POOLS_BUYS,
    GS_POOLS_SETTLES, /* a node has just come: whether it holds the pod is seen in a moment */
    GS_POOLS_FUTILE   /* one came and does not */
};
/* Before pods are asked about, and after. */
void gs_pools_look_at_idle(struct gs_pools *pools);
void gs_pools_settle_idle(struct gs_pools *pools);
/* Whether a node of the offer is bought for the pod; `ask`: what keeps it off the nodes of the
 * pass. FUTILE: *ret_why says why not; it lives until the end of the pass at least. */
enum gs_pools_help gs_pools_help(struct gs_pools *pools, const struct gs_pools_owner *owner,
                                 const struct gs_store_pod *pod, const struct gs_decide_pod *ask,
                                 const struct gs_offer *offer, const char **ret_why);
enum { GS_POOLS_VAIN_MAX = 8 }; /* types of SlicePools that are remembered of one pod */
/* The SlicePool's instance types that are not bought for the pod now; names live as *ret_why. */
size_t gs_pools_vain_types(const struct gs_pools *pools, const struct gs_pools_owner *owner,
                           const struct gs_store_pod *pod, const char *ret[GS_POOLS_VAIN_MAX]);
/* "": all are bought for. */
void gs_pools_say_futile(const struct gs_pools *pools, const struct gs_pools_owner *owner,
                         char *ret, size_t size);
void gs_pools_forget_bought(struct gs_pools *pools);
/* By somebody else, whose business it is. */
bool gs_pools_is_cordoned(const struct gs_store_node *node);
/* Nobody is there but pods of the node's own, nobody is on the way, and nobody holds it. */
bool gs_pools_is_empty(const struct gs_store_node *node);

/* pools_static.c: NodePools that do not scale by themselves. */
/* How many nodes each is to have, after limits were set. */
void gs_pools_set_replicas(struct gs_pools_part *const *parts, size_t n);
/* Nodes that have been empty for long enough take no more pods, and then go. */
void gs_pools_look_at_empty(struct gs_pools *pools);

/* pools_warm.c: pods that stand in for slices which are to be kept free and are not there. */
void gs_pools_stand_ins(struct gs_pools *pools);

/* pools_status.c */
void gs_pools_say(struct gs_pools *pools, struct gs_pools_owner *owner);

/* pools_send.c */
void gs_pools_send_parts(struct gs_pools *pools);
void gs_pools_send_status(struct gs_pools *pools, struct gs_pools_owner *owner,
                          struct gs_buf *body);
/* False: nothing was begun. `key`: "namespace/name". */
bool gs_pools_create_pod(struct gs_pools *pools, const char *key, const struct json_t *pod);
bool gs_pools_mark_pod(struct gs_pools *pools, const char *key, const struct json_t *patch);
bool gs_pools_delete_pod(struct gs_pools *pools, const char *key);
void gs_pools_drop_claim(struct gs_pools *pools, struct gs_pools_claim *claim);
/* The node of the claim takes no more pods, or takes them again. */
void gs_pools_cordon(struct gs_pools *pools, struct gs_pools_claim *claim, bool cordon);
void gs_pools_end_claim(struct gs_pools *pools, struct gs_pools_claim *claim, const char *why);
/* A warning about the SlicePool, as an Event. */
void gs_pools_warn(struct gs_pools *pools, const struct gs_pools_owner *owner, const char *reason,
                   const char *action, const char *text);
void gs_pools_cancel_calls(struct gs_pools *pools);
