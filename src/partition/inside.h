/* inside: where compute instances lie in their GPU instance: which of them can stay for what is
 * wanted, and where the others go.
 *
 * The places are the driver's where it tells them (gs_gpu_compute_places), else by the rule of
 * the GPU instances that are known. Pure; no I/O, no allocation. */
#pragma once

#include "partition/geometry.h"

enum {
    GS_INSIDE_KINDS = 16,    /* NVML's numbers of compute instance profiles that are looked at */
    GS_INSIDE_ANYWHERE = 255 /* a start: where the driver likes */
};

/* The places in the GIs of one profile. */
struct gs_inside {
    bool known;                                      /* false: the driver alone decides */
    struct gs_compute_places kinds[GS_INSIDE_KINDS]; /* by NVML profile; size 0: no such kind */
};

/* By the rule, for a GI of so many compute slices: 1 slice anywhere, 2 at even ones, 3 and 4 at 0
 * and 4 of seven, none of three in a four; those that take all of it at 0. */
void gs_inside_by_rule(unsigned of_slices, struct gs_inside *ret);

/* What is known of the GIs of a profile of the GPU's model: the driver's word, else the rule. */
void gs_inside_of(const struct gs_geometry *cut, unsigned profile, struct gs_inside *ret);

/* What it takes to make a wanted GI from one that is there, or from nothing. */
struct gs_inside_plan {
    uint8_t kept;    /* compute instances of the one that is there (bit j) */
    uint8_t missing; /* compute instances of the wanted one (bit j) */
    uint8_t starts[GS_COMPUTE_INSTANCES_MAX]; /* of the missing; GS_INSIDE_ANYWHERE */
    uint8_t sizes[GS_COMPUTE_INSTANCES_MAX];  /* compute slices that each takes; 0: not known */
};

/* Keeps the most compute instances of `gi` (NULL: a new one), those of `busy` (bit j) in any case,
 * so that all others that are wanted have a place; of several such choices the one with the lowest
 * ids. False: what is busy leaves none. */
bool gs_inside_plan(const struct gs_inside *inside, const struct gs_gpu_instance *gi, unsigned busy,
                    const struct gs_geometry_gi *want, struct gs_inside_plan *ret);

/* The fewest of `busy` without which there would be a plan; 0: there is one. */
unsigned gs_inside_blockers(const struct gs_inside *inside, const struct gs_gpu_instance *gi,
                            unsigned busy, const struct gs_geometry_gi *want);

/* A free start for one more compute instance; GS_INSIDE_ANYWHERE: not known here; -1: none. */
int gs_inside_place(const struct gs_inside *inside, const struct gs_gpu_instance *gi,
                    const struct gs_geometry_ci *want);
