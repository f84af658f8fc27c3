#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum { CAP_FIRST = 16 };

/* Keys are names of a cluster's objects, and tables stay at most three quarters full. */
static uint64_t hash_of(const char *key)
{
    return gs_hash64_fold(gs_hash64_on(GS_HASH64_EMPTY, key));
}

/* The entry of the key, or the free one where it would go. */
static struct gs_map_entry *look(const struct gs_map *map, const char *key, uint64_t hash)
{
    size_t i = hash & (map->cap - 1);
    while (map->entries[i].key != NULL &&
           (map->entries[i].hash != hash || strcmp(map->entries[i].key, key) != 0)) {
        i = (i + 1) & (map->cap - 1);
    }
    return &map->entries[i];
}

void gs_map_done(struct gs_map *map)
{
    free(map->entries);
    *map = (struct gs_map){.entries = NULL};
}

void *gs_map_find(const struct gs_map *map, const char *key)
{
    return map->cap == 0 ? NULL : look(map, key, hash_of(key))->value;
}

static bool grow(struct gs_map *map)
{
    struct gs_map wider = {.n = map->n, .cap = map->cap == 0 ? CAP_FIRST : 2 * map->cap};
    wider.entries = calloc(wider.cap, sizeof(*wider.entries));
    if (wider.entries == NULL) {
        return false;
    }
    for (size_t i = 0; i < map->cap; i++) {
        if (map->entries[i].key != NULL) {
            *look(&wider, map->entries[i].key, map->entries[i].hash) = map->entries[i];
        }
    }
    free(map->entries);
    *map = wider;
    return true;
}

bool gs_map_put(struct gs_map *map, const char *key, void *value)
{
    uint64_t hash = hash_of(key);
    if (4 * (map->n + 1) > 3 * map->cap && !grow(map)) {
        return false;
    }
    struct gs_map_entry *entry = look(map, key, hash);
    map->n += entry->key == NULL;
    *entry = (struct gs_map_entry){.key = key, .value = value, .hash = hash};
    return true;
}

/* Entries that had to go on because of this one move back, so that no search ends too early. */
static void close_gap(struct gs_map *map, size_t gap)
{
    size_t mask = map->cap - 1;
    for (size_t i = (gap + 1) & mask; map->entries[i].key != NULL; i = (i + 1) & mask) {
        size_t home = map->entries[i].hash & mask;
        if (((i - home) & mask) >= ((i - gap) & mask)) {
            map->entries[gap] = map->entries[i];
            gap = i;
        }
    }
    map->entries[gap] = (struct gs_map_entry){.key = NULL};
}

void *gs_map_take(struct gs_map *map, const char *key)
{
    if (map->cap == 0) {
        return NULL;
    }
    struct gs_map_entry *entry = look(map, key, hash_of(key));
    void *value = entry->value;
    if (entry->key != NULL) {
        map->n--;
        close_gap(map, (size_t)(entry - map->entries));
    }
    return value;
}

void *gs_map_next(const struct gs_map *map, size_t *at)
{
    while (*at < map->cap) {
        const struct gs_map_entry *entry = &map->entries[(*at)++];
        if (entry->key != NULL) {
            return entry->value;
        }
    }
    return NULL;
}
