/* keep: what the board keeps of nodes, GPUs and pods. Of src/board only. */
#pragma once

#include "base/map.h"
#include "board/board.h"
#include "board/news.h"
#include "board/sight.h"

#define GS_BOARD_NONE UINT32_MAX

/* Texts with numbers that stay, in the order in which they were first seen. */
struct gs_board_names {
    struct gs_map map;       /* text to number + 1 */
    char **at;               /* owned */
    uint32_t *name_space_of; /* of workloads: the namespace's number; NULL: not kept */
    uint32_t n;
    uint32_t cap;
};

struct gs_board_want {
    struct gs_profile_name profile;
    bool whole;
    uint16_t count;
};

/* What a pod asks for. Most ask for the same: kept once for all of them. */
struct gs_board_asks {
    uint32_t n_pods;   /* 0: it goes */
    const char *words; /* what they are found by; behind the wants */
    uint8_t n;
    struct gs_board_want wants[];
};

struct gs_board_place;

/* A pod that has asked for slices or GPUs, or that a slice names. Of these there are as many as
 * pods: small, in one piece with its name. */
struct gs_board_holder {
    struct gs_board_place *place;
    struct gs_board_holder *next; /* of the same place */
    struct gs_board_place *named; /* where a slice has named it last; NULL: nowhere */
    struct gs_board_asks *asks;   /* NULL: nothing */
    uint32_t id;                  /* in the board's crowd */
    uint32_t name_space;
    uint32_t workload; /* GS_BOARD_NONE: not known, or none */
    uint32_t number;   /* in the documents; GS_BOARD_NONE: none needs it */
    bool told : 1;     /* there is a pod; false: a slice only names it */
    bool seen : 1;     /* in the list under way */
    bool bound : 1;    /* at `place`; else it is expected there */
    bool stays : 1;    /* while those that nothing needs are let go */
    char key[];        /* "namespace/name" */
};

/* All holders, found by key and by number. */
struct gs_board_crowd {
    struct gs_board_holder **at; /* by id; NULL: free */
    uint32_t *slots;             /* ids + 1 by the hash of the key; 0: free */
    uint32_t n;                  /* holders */
    uint32_t n_ids;              /* behind the last one */
    uint32_t cap;                /* of `at` */
    uint32_t n_slots;            /* a power of two, or 0 */
    uint32_t free_from;          /* no id below it is free */
};

struct gs_board_slice {
    uint8_t profile; /* of the model, or GS_MONEY_NO_PROFILE */
    uint8_t start;
    uint8_t state; /* enum gs_board_slice_state */
    struct gs_board_holder *holder;
};

/* A GPU taken apart: the place keeps it as a few bytes (packed.c), whose texts these are. */
struct gs_board_gpu {
    const char *uuid;
    const char *why;
    unsigned index;
    const struct gs_model *model; /* NULL: not in the catalogue */
    bool mig;
    bool healthy;
    bool held; /* not mig */
    bool recut;
    uint64_t recut_since_us; /* 0: not known */
    uint64_t note;           /* of who listens to news about the re-cut */
    uint32_t asked;          /* the wish that is not answered: a hash of its id; 0: none */
    uint32_t answered;       /* the last that was; and how: */
    uint8_t result;          /* enum gs_gpunode_result */
    uint16_t stranded;       /* memory units that nothing fits into; as of the text */
    uint16_t adds;
    uint16_t removes;
    uint8_t n_slices; /* and behind them those that come */
    uint8_t n_coming;
    struct gs_board_slice slices[2 * GS_MEMORY_UNITS_MAX];
};

struct gs_board_place {
    char *name;
    char *why;                  /* of the facts; NULL: "" */
    struct gs_board_node facts; /* the other texts are the board's */
    struct gs_board *board;
    bool told;   /* there is a Node */
    bool served; /* it was ready once */
    bool seen;
    bool gpus_seen;
    bool has_gpus;
    uint32_t pool;
    uint64_t uusd_h;
    unsigned char *gpus; /* packed.c; NULL: none */
    unsigned n_gpus;
    struct gs_board_holder *pods; /* bound or expected here */
    struct gs_board_place *next;  /* of all, in the order of their names */
    struct gs_board_place *next_dirty;
    bool dirty;
    bool shown;        /* in the documents */
    uint64_t looks;    /* a hash of how it is in them */
    uint64_t revision; /* since which it is so */
};

struct gs_board_gone {
    char *name;
    uint64_t revision;
};

struct gs_board {
    struct gs_board_options options;
    char kind[16];
    char name[GS_BOARD_TEXT_MAX];
    bool whole;
    struct gs_map places; /* by name */
    struct gs_board_crowd crowd;
    struct gs_map asks;          /* by what they are, in words */
    struct gs_board_names facts; /* instance types, zones and the like */
    struct gs_board_names pools;
    struct gs_board_names namespaces;
    struct gs_board_names workloads;
    const struct gs_model *models[GS_MONEY_MODELS_MAX];
    uint32_t n_models;
    struct gs_board_holder **numbered; /* by number; NULL: it has another one now */
    uint32_t n_numbered;
    uint32_t cap_numbered;
    uint32_t renumber_at; /* so many numbers, and they are handed out anew; 0: see refresh */
    struct gs_board_place *dirty;
    struct gs_board_gone gone[GS_BOARD_GONE_MAX];
    size_t n_gone;
    uint64_t gone_floor; /* nodes that went before this revision are forgotten */
    uint64_t epoch;
    uint64_t revision;
    uint64_t at_us; /* CLOCK_REALTIME: of the last refresh */
    bool facts_changed;
    struct gs_money *money;
    uint64_t bound_of; /* a hash of what the bound was worked out for */
    bool bound_known;
    uint64_t bound;
    gs_board_news_fn *news; /* NULL: nobody listens */
    void *news_ctx;
};

/* news.c: what has changed, for who listens. */

bool gs_board_listens(const struct gs_board *board);

/* The GPUs that were there, if any were told of. */
struct gs_board_gpus_were {
    const struct gs_board_gpu *gpus;
    unsigned n;
    bool told;
};

/* `gpus`: those of the place now, whose notes the listener may change. */
void gs_board_news_gpus(const struct gs_board *board, const struct gs_board_place *place,
                        const struct gs_board_gpus_were *were, struct gs_board_gpu *gpus);
void gs_board_news_pod(const struct gs_board *board, const struct gs_board_holder *holder,
                       bool was_told, bool was_bound);
void gs_board_news_node(const struct gs_board *board, struct gs_board_place *place, bool gone);

/* names.c */

/* As many of its bytes as are kept: a character is not cut in two. */
size_t gs_board_text_length(const char *text);

/* GS_BOARD_NONE: no memory, or too many. */
uint32_t gs_board_number_of(struct gs_board_names *names, const char *text, uint32_t name_space);
void gs_board_names_done(struct gs_board_names *names);

/* keep.c */

int gs_board_no_memory(struct gs_err *err);

struct gs_board_place *gs_board_place_named(struct gs_board *board, const char *name);
void gs_board_touch(struct gs_board *board, struct gs_board_place *place);

/* The model's number, which it gets now where it has none. GS_BOARD_NONE: too many. */
uint32_t gs_board_model(struct gs_board *board, const struct gs_model *model);

/* crowd.c */

/* NULL: none of this name. */
struct gs_board_holder *gs_board_crowd_find(const struct gs_board_crowd *crowd, const char *key);

/* One with this key, which is in nobody's way. NULL: no memory, or too many. */
struct gs_board_holder *gs_board_crowd_add(struct gs_board_crowd *crowd, const char *key);

/* The next one behind *at, which begins with 0; NULL: no more. */
struct gs_board_holder *gs_board_crowd_next(const struct gs_board_crowd *crowd, uint32_t *at);

/* Those that do not stay go. None may be told. */
void gs_board_crowd_keep(struct gs_board_crowd *crowd);
void gs_board_crowd_done(struct gs_board_crowd *crowd);

/* pods.c */

/* A namespace can have this name: those in parentheses are parts of the bill, "(stranded)", and no
 * API server has such a namespace. */
bool gs_board_is_space(const char *name_space);

/* The holder of this name, made where there is none. NULL: no memory. */
struct gs_board_holder *gs_board_holder_named(struct gs_board *board, const char *name_space,
                                              const char *name);

/* There is no such pod any more. */
void gs_board_drop_holder(struct gs_board *board, struct gs_board_holder *holder);

/* Its number in the documents, which it gets now where it has none. GS_BOARD_NONE: no memory. */
uint32_t gs_board_number(struct gs_board *board, struct gs_board_holder *holder);

/* Pods that have a number; where nobody is told of them, all that are kept. */
uint32_t gs_board_crowd_size(const struct gs_board *board);

/* Names are handed out anew; readers have to ask for everything. */
void gs_board_renumber(struct gs_board *board);

/* asks.c */

/* These, for one pod more. NULL: no memory. */
struct gs_board_asks *gs_board_asks_take(struct gs_board *board, const struct gs_want *wants,
                                         size_t n);
/* For one pod less. NULL is fine. */
void gs_board_asks_drop(struct gs_board *board, struct gs_board_asks *asks);
void gs_board_asks_done(struct gs_board *board);

/* packed.c */

/* The GPUs of the place, taken apart; texts are the place's until it is told something. How many
 * there are. */
unsigned gs_board_gpus(const struct gs_board_place *place,
                       struct gs_board_gpu ret[GS_GPUNODE_GPUS_MAX]);

/* One of them, counted from 0. False: there is none. */
bool gs_board_gpu_at(const struct gs_board_place *place, unsigned i, struct gs_board_gpu *ret);

/* Keeps these in the place of those that it has. False: no memory; it has what it had. */
bool gs_board_pack(struct gs_board_place *place, const struct gs_board_gpu *gpus, unsigned n);

/* encode.c */

/* How it stands, as the documents have it: "ready", "silent"; and why it is not ready, or "". */
const char *gs_board_state_word(const struct gs_board_place *place);
const char *gs_board_state_why(const struct gs_board_place *place);

/* Writes the node, with its GPUs taken apart. */
struct gs_jsonwrite;
void gs_board_put_place(const struct gs_board_place *place, const struct gs_board_gpu *gpus,
                        unsigned n, struct gs_jsonwrite *json);

/* Who has a whole GPU is known where a single pod of the node has any; NULL: it is not. */
struct gs_board_holder *gs_board_whole_holder(const struct gs_board_place *place);

/* gpus.c */

/* As src/money wants it; `slices` has its slices then. */
struct gs_money_gpu gs_board_money_gpu(const struct gs_board_gpu *gpu,
                                       struct gs_money_slice slices[GS_MEMORY_UNITS_MAX]);
void gs_board_gpus_free(struct gs_board_place *place);
