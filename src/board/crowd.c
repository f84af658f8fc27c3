/* The holders, by key: a table of numbers of four bytes, as there may be hundreds of thousands. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "board/keep.h"

/* A slot: the id + 1 below, and above it as much of the hash as there is room for. */
enum { ID_BITS = 21, SLOTS_FIRST = 256 };
#define ID_MASK ((1u << ID_BITS) - 1)
_Static_assert(GS_BOARD_NAMES_MAX < (1 << ID_BITS), "an id and one fit a slot");

static uint64_t hash_of(const char *key)
{
    return gs_hash64_fold(gs_hash64_on(GS_HASH64_EMPTY, key));
}

static uint32_t tag_of(uint64_t hash)
{
    return (uint32_t)(hash >> 40) & ~ID_MASK;
}

/* The slot of the key, or the free one where it would go. */
static uint32_t *look(const struct gs_board_crowd *crowd, const char *key, uint64_t hash)
{
    uint32_t mask = crowd->n_slots - 1;
    uint32_t i = (uint32_t)hash & mask;
    for (;; i = (i + 1) & mask) {
        uint32_t slot = crowd->slots[i];
        if (slot == 0 || ((slot & ~ID_MASK) == tag_of(hash) &&
                          strcmp(crowd->at[(slot & ID_MASK) - 1]->key, key) == 0)) {
            return &crowd->slots[i];
        }
    }
}

struct gs_board_holder *gs_board_crowd_find(const struct gs_board_crowd *crowd, const char *key)
{
    uint32_t slot = crowd->n_slots == 0 ? 0 : *look(crowd, key, hash_of(key));
    return slot == 0 ? NULL : crowd->at[(slot & ID_MASK) - 1];
}

static void file(struct gs_board_crowd *crowd, const struct gs_board_holder *holder)
{
    uint64_t hash = hash_of(holder->key);
    *look(crowd, holder->key, hash) = tag_of(hash) | (holder->id + 1);
}

static void file_all(struct gs_board_crowd *crowd)
{
    uint32_t at = 0;
    memset(crowd->slots, 0, crowd->n_slots * sizeof(*crowd->slots));
    for (const struct gs_board_holder *one; (one = gs_board_crowd_next(crowd, &at)) != NULL;) {
        file(crowd, one);
    }
}

static bool room(struct gs_board_crowd *crowd)
{
    if (4 * (crowd->n + 1) > 3 * crowd->n_slots) {
        uint32_t n = crowd->n_slots == 0 ? SLOTS_FIRST : 2 * crowd->n_slots;
        uint32_t *slots = malloc(n * sizeof(*slots));
        if (slots == NULL) {
            return false;
        }
        free(crowd->slots);
        crowd->slots = slots;
        crowd->n_slots = n;
        file_all(crowd);
    }
    if (crowd->n == crowd->n_ids && crowd->n_ids == crowd->cap) {
        uint32_t cap = crowd->cap == 0 ? SLOTS_FIRST : crowd->cap + crowd->cap / 2;
        struct gs_board_holder **at = realloc((void *)crowd->at, cap * sizeof(*at));
        if (at == NULL) {
            return false;
        }
        crowd->at = at;
        crowd->cap = cap;
    }
    return true;
}

/* One that is free: there is one, or room for one more. */
static uint32_t free_id(struct gs_board_crowd *crowd)
{
    if (crowd->n == crowd->n_ids) {
        return crowd->n_ids++;
    }
    uint32_t id = crowd->free_from;
    while (crowd->at[id] != NULL) {
        id++;
    }
    crowd->free_from = id + 1;
    return id;
}

struct gs_board_holder *gs_board_crowd_add(struct gs_board_crowd *crowd, const char *key)
{
    size_t n = strlen(key) + 1;
    if (crowd->n == GS_BOARD_NAMES_MAX || !room(crowd)) {
        return NULL;
    }
    struct gs_board_holder *holder = calloc(1, sizeof(*holder) + n);
    if (holder != NULL) {
        memcpy(holder->key, key, n);
        holder->id = free_id(crowd);
        crowd->at[holder->id] = holder;
        crowd->n++;
        file(crowd, holder);
    }
    return holder;
}

struct gs_board_holder *gs_board_crowd_next(const struct gs_board_crowd *crowd, uint32_t *at)
{
    while (*at < crowd->n_ids) {
        struct gs_board_holder *holder = crowd->at[(*at)++];
        if (holder != NULL) {
            return holder;
        }
    }
    return NULL;
}

void gs_board_crowd_keep(struct gs_board_crowd *crowd)
{
    for (uint32_t id = 0; id < crowd->n_ids; id++) {
        if (crowd->at[id] != NULL && !crowd->at[id]->stays) {
            free(crowd->at[id]);
            crowd->at[id] = NULL;
            crowd->n--;
        }
    }
    while (crowd->n_ids > 0 && crowd->at[crowd->n_ids - 1] == NULL) {
        crowd->n_ids--;
    }
    crowd->free_from = 0;
    if (crowd->n_slots > 0) {
        file_all(crowd);
    }
}

void gs_board_crowd_done(struct gs_board_crowd *crowd)
{
    uint32_t at = 0;
    for (struct gs_board_holder *one; (one = gs_board_crowd_next(crowd, &at)) != NULL;) {
        free(one);
    }
    free((void *)crowd->at);
    free(crowd->slots);
    *crowd = (struct gs_board_crowd){.n = 0};
}
