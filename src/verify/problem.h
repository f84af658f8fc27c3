/* problem: what a plan was asked for, read back from the plan's own document.
 *
 * The one part of a plan that is taken as given: everything else is checked against it. It is
 * still read with suspicion: names that do not exist, layouts that no GPU can have and numbers out
 * of bounds are refused with GS_INVALID. Format: docs/internals/plan-format.md. */
#pragma once

#include "base/arena.h"
#include "verify/cut.h"
#include "verify/field.h"

enum {
    GS_PROBLEM_ITEMS_MAX = 20000,
    GS_PROBLEM_SERVICES_MAX = 20000,
    GS_PROBLEM_NODES_MAX = 8192, /* offers and existing nodes together */
    GS_PROBLEM_ALTERNATIVES_MAX = 128,
    GS_PROBLEM_WANTS_MAX = 8,
    GS_PROBLEM_WANT_MAX = 1024, /* of one resource in one item */
    GS_PROBLEM_GPUS_MAX = 16    /* GPUs of one node */
};
#define GS_PROBLEM_COUNT_MAX 1000000000ull        /* items of one kind */
#define GS_PROBLEM_NEED_MAX ((uint64_t)1 << 50)   /* of a service */
#define GS_PROBLEM_AMOUNT_MAX ((uint64_t)1 << 52) /* CPU, memory */
#define GS_PROBLEM_PRICE_MAX ((uint64_t)1 << 45)  /* millionths of a dollar an hour */
#define GS_PROBLEM_NO_LIMIT UINT32_MAX

struct gs_problem_want {
    bool whole;
    const char *gpu;              /* whole: of this name; NULL: any */
    const struct gs_model *model; /* slices: of this model; NULL: any */
    struct gs_profile_name profile;
    uint32_t count;
};

/* One way to serve an item; of a service: one slice that serves `yield` of its need. */
struct gs_problem_way {
    struct gs_problem_want *wants;
    size_t n_wants;
    uint64_t yield; /* 1 for items */
};

struct gs_problem_item {
    const char *name;
    bool service;
    uint64_t need; /* items, or a service's need */
    uint64_t cpu_milli;
    uint64_t memory_bytes;
    uint32_t gpu_memory_mib;
    struct gs_problem_way *ways;
    size_t n_ways;
    const uint64_t *not_on; /* bit n: may not run on node n; NULL: may run everywhere */
};

struct gs_problem_gpu {
    const char *uuid;
    bool mig;
    bool whole_in_use;
    struct gs_cut cut;
};

/* An offer, or a node that is there. */
struct gs_problem_node {
    const char *name;
    bool existing;
    const char *gpu;              /* name of its GPUs; of a model: the model's id */
    const struct gs_model *model; /* NULL: they cannot be cut */
    uint32_t gpus;
    uint32_t gpu_memory_mib; /* or GS_NOT_KNOWN */
    uint64_t cpu_milli;
    uint64_t memory_bytes;
    uint64_t pods;
    /* offers */
    uint64_t price_uusd;
    uint32_t max_nodes; /* or GS_PROBLEM_NO_LIMIT */
    /* existing nodes */
    bool layout_known;
    struct gs_problem_gpu *list; /* `gpus` of them when the layout is known */
    uint32_t free_slices[GS_PROFILES_MAX];
    uint32_t free_gpus;
};

struct gs_problem {
    bool nodes;                    /* goal: cheapest nodes; else fewest GPUs */
    struct gs_problem_item *items; /* services behind the items */
    size_t n_items;                /* both */
    size_t n_services;
    const struct gs_model **models;
    size_t n_models;
    struct gs_problem_node *node; /* offers, then existing nodes */
    size_t n_offers;
    size_t n_nodes;                               /* both */
    const struct gs_problem_node *const *by_name; /* sorted */
};

/* Reads the object `at`. Texts are borrowed from the document, the rest lives in the arena.
 * GS_INVALID, GS_NO_MEMORY. */
int gs_problem_read(struct gs_arena *arena, const struct gs_field *at, struct gs_problem *ret,
                    struct gs_err *err);

/* problem_nodes.c: "offers" and "existing" into the nodes. */
int gs_problem_read_nodes(struct gs_arena *arena, const struct gs_field *at,
                          struct gs_problem *problem, struct gs_err *err);

/* The offer or existing node of this name; NULL: none. */
const struct gs_problem_node *gs_problem_node_named(const struct gs_problem *problem,
                                                    const char *name);

/* A model that can be cut, by its id; null is NULL. */
int gs_problem_read_model(const struct gs_field *at, const char *key, const struct gs_model **ret,
                          struct gs_err *err);

/* The model with this id; NULL: none. */
const struct gs_model *gs_problem_model(const char *id);

/* Counts that are an object {profile: n}. GS_INVALID: the model lacks a profile. */
int gs_problem_counts(const struct gs_field *at, const struct gs_model *model, uint64_t max,
                      uint64_t ret_counts[GS_PROFILES_MAX], struct gs_err *err);

/* The GPUs that a way is asked of. */
struct gs_problem_target {
    const char *gpu;
    const struct gs_model *model;
    uint32_t gpu_memory_mib;
};

/* What one item takes when served so. */
struct gs_problem_asked {
    uint32_t slices[GS_PROFILES_MAX];
    uint32_t gpus;
};

/* False: it cannot be had there; `why` (NULL is fine) says what is missing. */
bool gs_problem_resolve(const struct gs_problem_item *item, const struct gs_problem_way *way,
                        const struct gs_problem_target *target, struct gs_problem_asked *ret,
                        struct gs_err *why);

static inline bool gs_problem_may_run(const struct gs_problem_item *item, size_t node)
{
    return item->not_on == NULL || (item->not_on[node / 64] >> (node % 64) & 1u) == 0;
}
