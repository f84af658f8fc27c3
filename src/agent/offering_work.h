/* offering_work: what the files of offering share. Private to src/agent/offering*.c. */
#pragma once

#include "agent/offering.h"
#include "node/gone.h"

/* A resource for as long as the agent runs: one that is offered no more has an empty list. */
struct gs_offering_known {
    char name[GS_RESOURCE_NAME_MAX + 1];
    char socket[GS_RESOURCE_NAME_MAX + 16];
    uint32_t ceiling; /* devices, replicas counted; UINT32_MAX: none */
    bool unheard;     /* no kubelet listens to its list */
};

struct gs_offering {
    struct gs_offering_options options;
    struct gs_box *box;
    struct gs_arena arena; /* of the offer and what follows from it */
    struct gs_offer offer;
    struct gs_offer_mark *marks;
    unsigned n_marks;
    bool *held; /* a slice of the box */
    struct gs_health_rules rules;
    struct gs_health health;
    struct gs_grants *grants;
    unsigned n_known;
    struct gs_offering_known known[GS_OFFER_RESOURCES_MAX];
    struct gs_arena gone_arena;
    struct gs_gone gone; /* in gone_arena */
    unsigned n_leaving;  /* of a re-cut */
    struct gs_slice_id *leaving;
    bool retiring;
};

/* Fails for want of memory. */
int gs_offering_no_memory(struct gs_err *err);

/* Whether a re-cut is about to take it. */
bool gs_offering_is_leaving(const struct gs_offering *offering, const struct gs_slice_id *slice);

/* What is not well or retires, from what is known now. */
void gs_offering_make_marks(struct gs_offering *offering);
