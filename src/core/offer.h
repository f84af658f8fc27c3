/* offer: the nodes that a plan may use: kinds that can be had at a price, and nodes that are there.
 *
 * Amounts are what pods may use: allocatable, with the kubelet's reserve and DaemonSets taken off
 * by whoever makes the offer. Plain values; everything is borrowed. */
#pragma once

#include "core/constraint.h"
#include "core/statetable.h"

enum {
    GS_OFFER_GPUS_MAX = 16, /* GPUs of one node */
    GS_OFFERS_MAX = 4096    /* kinds of node plus existing nodes of one plan */
};

/* A kind of node that can be bought: as many as wanted, each at this price. */
struct gs_offer {
    const char *name;             /* "p4d.24xlarge" */
    const char *gpu_name;         /* model id, or the name of a GPU without MIG ("L4") */
    const struct gs_model *model; /* NULL: its GPUs cannot be cut, or no placements are known */
    unsigned gpus;                /* 0 to GS_OFFER_GPUS_MAX */
    uint32_t gpu_memory_mib;      /* of one whole GPU, or GS_NOT_KNOWN */
    uint64_t cpu_milli;
    uint64_t memory_bytes;
    uint32_t pods;
    uint64_t price_uusd; /* millionths of a dollar an hour */
    uint32_t max_nodes;  /* how many may be bought; UINT32_MAX: no limit */
    const struct gs_node_facts *facts;
    uint16_t profiles;   /* bit p: it may be cut into the model's profile p; 0: into all */
    const char *no_more; /* which limits keep max_nodes at 0, for people; NULL: none does */
    const char *scarce;  /* why the cloud has none now, for people; NULL: it may have */
};

/* By which offers are compared: one that is not to be had is taken where no other will do. */
static inline uint64_t gs_offer_rank(const struct gs_offer *offer)
{
    return offer->price_uusd * (offer->scarce == NULL ? 1 : 1000);
}

static inline bool gs_offer_allows(const struct gs_offer *offer, unsigned profile)
{
    return offer->profiles == 0 || (offer->profiles >> profile & 1u) != 0;
}

/* One GPU of a node that is there. */
struct gs_existing_gpu {
    const char *uuid;             /* or index as text; "" when not known */
    const struct gs_model *model; /* NULL: cannot be cut */
    bool mig;                     /* cut into slices; false: whole */
    bool whole_in_use;            /* not mig: a pod has it */
    /* mig: the slices there are, and which are in use and must stay where they are */
    struct gs_existing_slice {
        struct gs_placement placement;
        bool in_use;
    } slices[GS_MEMORY_UNITS_MAX];
    unsigned n_slices;
};

/* A node that is there and costs nothing more. Amounts are what is left beside the pods that
 * stay. */
struct gs_existing_node {
    const char *name;
    const char *gpu_name; /* as gs_offer */
    const struct gs_model *model;
    uint32_t gpu_memory_mib;
    uint64_t cpu_milli;
    uint64_t memory_bytes;
    uint32_t pods;
    const struct gs_node_facts *facts;

    /* When the layout is known: every GPU, and idle slices may be cut anew. */
    bool layout_known;
    const struct gs_existing_gpu *gpus;
    unsigned n_gpus;

    /* When it is not: only what the node advertises and nobody uses. */
    uint32_t free_slices[GS_PROFILES_MAX]; /* a profile of `model` */
    uint32_t free_gpus;
};
