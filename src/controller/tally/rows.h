/* rows: what was counted of each node, kept until the node changes. Of src/controller/tally only.
 */
#pragma once

#include "base/map.h"
#include "controller/tally/tally.h"

enum { GS_TALLY_NAMESPACE_MAX = 63, GS_TALLY_ROOMS = 256, GS_TALLY_TYPE_MAX = 64 };

/* A namespace that has, or had, pods. */
struct gs_tally_entry {
    struct gs_tally_namespace is; /* of the sum under way */
    struct gs_tally_entry *next;
    uint64_t stamp; /* of the node that was counted last, */
    uint32_t at;    /* and where in its row */
    char name[GS_TALLY_NAMESPACE_MAX + 1];
};

struct gs_tally_space {
    struct gs_tally_entry *of;
    uint32_t slices;
    uint32_t gpus;
};

struct gs_tally_few_models {
    const char *id;
    uint16_t gpus[GS_TALLY_GPUS];
    uint16_t units[GS_TALLY_UNITS];
};

struct gs_tally_few_profiles {
    const char *name;
    uint16_t slices[GS_TALLY_SLICES];
};

/* A node. */
struct gs_tally_row {
    const struct gs_store_node *node;
    uint32_t changes; /* of the node, when it was counted */
    bool counted;
    bool ours;
    bool priced;
    uint8_t n_models;
    uint8_t n_profiles;
    uint32_t n_spaces;
    uint64_t uusd[GS_TALLY_PARTS];
    struct gs_tally_few_models *models; /* with the next two in one piece of memory */
    struct gs_tally_few_profiles *profiles;
    struct gs_tally_space *spaces;
};

/* Where slices could be beside those that stay: asked for again and again of GPUs that are alike.
 */
struct gs_tally_room {
    const struct gs_model *model; /* NULL: none is remembered */
    uint16_t taken;
    uint8_t counts[GS_PROFILES_MAX];
    unsigned is;
};

struct gs_tally_rows {
    const struct gs_store *store;
    struct gs_money *money;
    const char *only; /* the region whose prices count; "": that of each node */
    struct gs_tally_row *at;
    size_t n;
    size_t cap;
    struct gs_map names; /* of nodes that have a row */
    uint32_t forgets;    /* of the store, as the rows are of */
    struct gs_map namespaces;
    struct gs_tally_entry *entries;
    size_t n_entries;
    size_t n_used; /* of them, in the last sum */
    uint64_t stamp;
    /* the price that was looked up last: nodes of a kind come together */
    char type[GS_TALLY_TYPE_MAX];
    char region[GS_TALLY_TYPE_MAX];
    char capacity[GS_TALLY_TYPE_MAX];
    uint64_t uusd;                /* or GS_MONEY_NOT_KNOWN */
    struct gs_money_sum sum;      /* of one node */
    struct gs_tally_pool counted; /* the same */
    struct gs_tally_room rooms[GS_TALLY_ROOMS];
};

/* NULL: no memory. `key`: "namespace/name" of a pod. */
struct gs_tally_entry *gs_tally_entry_of(struct gs_tally_rows *rows, const char *key);

/* The row of this name, made where there is none; that of all others where there are too many. */
struct gs_tally_model *gs_tally_model_of(struct gs_tally_pool *pool, const char *id);
struct gs_tally_profile *gs_tally_profile_of(struct gs_tally_pool *pool, const char *name);
