/* plan: from a demand and what may be had to GPUs, layouts and nodes, with proof.
 *
 * Two questions. *GPUs*: the fewest GPUs of given models (core/pack); nodes are not looked at.
 * *Nodes*: the cheapest nodes among offers (core/fleet), CPU, memory, pods and constraints obeyed.
 * Both may use what is there already, at no cost. This module turns names into uses and pools,
 * says what cannot be placed and why, and puts the answer into the words of the question.
 * Pure; memory from an arena; everything in the result lives there or is borrowed from the input.
 */
#pragma once

#include "core/fleet/fleet.h"
#include "core/offer.h"

/* State tables by model, made when first asked for; one set may serve many plans. */
struct gs_plan_tables;

/* NULL: no memory. The tables live in the arena. */
struct gs_plan_tables *gs_plan_tables_new(struct gs_arena *arena);

/* GS_UNKNOWN: the model's placements are not known. GS_LIMIT, GS_NO_MEMORY. */
int gs_plan_table(struct gs_plan_tables *tables, const struct gs_model *model,
                  const struct gs_statetable **ret, struct gs_err *err);

enum gs_plan_goal { GS_PLAN_GPUS, GS_PLAN_NODES };

/* A service: any mixture of these uses that serves the need will do (core/service). */
struct gs_plan_service {
    const char *name;
    int64_t need; /* in the unit of the yields */
    const struct gs_plan_service_option {
        const struct gs_model *model;
        unsigned profile;
        int64_t yield; /* of one slice, 1 or more */
    } * options;
    size_t n_options;
};

struct gs_plan_input {
    struct gs_plan_tables *tables; /* NULL: made for this plan */
    enum gs_plan_goal goal;
    const struct gs_item *items;
    size_t n_items;
    const struct gs_plan_service *services; /* goal GPUS only; their items come behind n_items */
    size_t n_services;
    const struct gs_model *const *models; /* goal GPUS: new GPUs may be of these */
    size_t n_models;
    const struct gs_offer *offers; /* goal NODES */
    size_t n_offers;
    const struct gs_existing_node *existing;
    size_t n_existing;
    bool quick;       /* a plan and a bound; do not search for the proven optimum */
    bool certificate; /* keep the proof */
    bool baseline;    /* work out what a whole GPU for each slice would take */
};

/* GPUs that are cut alike. */
struct gs_plan_layout {
    const struct gs_model *model; /* NULL: cannot be cut */
    const char *gpu_name;
    bool whole;                        /* used uncut; counts are 0 */
    uint8_t counts[GS_PROFILES_MAX];   /* slices */
    const struct gs_statetable *table; /* NULL when whole */
    uint16_t state;                    /* of the table: where the slices go */
    int64_t count;                     /* GPUs; of one node when the layout is a node's */
};

/* How many items of a kind an alternative serves, on a node or in all. */
struct gs_plan_served {
    uint32_t item; /* index of items; services follow */
    uint32_t alternative;
    const struct gs_model *model; /* where; NULL: GPUs that cannot be cut */
    const char *gpu_name;         /* the model's id, or the name of such GPUs */
    int64_t count;
};

/* New nodes that are loaded alike. */
struct gs_plan_nodes {
    const struct gs_offer *offer;
    int64_t count;
    const struct gs_plan_layout *layouts; /* of one node; its other GPUs stay unused */
    size_t n_layouts;
    const struct gs_plan_served *served; /* on one node */
    size_t n_served;
};

/* What one node that is there takes on. */
struct gs_plan_existing {
    const struct gs_existing_node *node;
    const struct gs_plan_served *served;
    size_t n_served;
    /* A GPU of the node, when its layout is known: what it should have on top of its slices in
     * use; whole: used uncut. NULL when the layout is not known. */
    const struct gs_plan_added {
        bool whole;
        uint8_t counts[GS_PROFILES_MAX];
    } * added;
};

/* Items that have no place in the plan. */
struct gs_plan_unplaced {
    uint32_t item;
    int64_t count;
    const char *reason;
};

/* An item of the input is not held to this: it hangs on a label that is not known beforehand. */
struct gs_plan_unchecked {
    uint32_t item;
    const char *offer;
    const char *key;
};

struct gs_plan {
    enum gs_plan_goal goal;
    int64_t gpus_used;  /* new GPUs that are used, cut or whole; of nodes: all that are bought */
    int64_t value;      /* GPUs, or millionths of a dollar an hour */
    int64_t bound;      /* no plan for the items that are placed has less */
    bool proven;        /* bound == value */
    int64_t gpus_bound; /* fewest new GPUs that could hold the slices, by the relaxation; -1: not
                           worked out */
    const struct gs_plan_layout *layouts; /* new GPUs, all together */
    size_t n_layouts;
    const struct gs_plan_nodes *nodes; /* goal NODES */
    size_t n_nodes;
    const struct gs_plan_existing *existing; /* those that take something on */
    size_t n_existing;
    const struct gs_plan_served *served; /* goal GPUS: all together; new and existing GPUs */
    size_t n_served;
    const struct gs_plan_unplaced *unplaced;
    size_t n_unplaced;
    const struct gs_plan_unchecked *unchecked;
    size_t n_unchecked;
    const bool *held; /* goal NODES, an item of the input: it goes only onto nodes that are known to
                         carry the labels it asks for, as some that are there do */

    bool has_baseline;
    int64_t baseline_gpus; /* one a slice or GPU asked for; of a service the fewest whole ones that
                              serve it, each as its best slice does */
    int64_t baseline_uusd; /* goal NODES: of a fleet for it; -1: no offer holds some item so */

    /* The proof, in the terms of core/pack and core/fleet. Kinds of those are items here. */
    bool has_proof;
    const uint32_t *kinds; /* a kind of the program: its item */
    size_t n_kinds;
    struct gs_program_spec pack_spec;     /* goal GPUS */
    const struct gs_target *pack_targets; /* of pack_spec; behind them one for what is left
                                             out, which a plan does not use */
    struct gs_pack pack;
    struct gs_fleet_spec fleet_spec; /* goal NODES */
    const struct gs_plan_shape {
        const struct gs_offer *offer; /* NULL: existing nodes */
        const uint32_t *existing;     /* their indices in the input */
        size_t n_existing;
    } * shapes; /* a shape of fleet_spec */
    struct gs_fleet fleet;
    int64_t memory_unit; /* bytes in one unit of fleet_spec's memory */
};

/* Makes the plan. Items that cannot be placed are in `unplaced`; the rest is planned.
 * GS_INVALID: neither models nor offers. GS_UNKNOWN: a model without placements is asked for.
 * GS_LIMIT: more kinds or nodes than one plan takes. GS_NO_MEMORY. */
int gs_plan_make(struct gs_arena *arena, const struct gs_plan_input *input, struct gs_plan *ret,
                 struct gs_err *err);
