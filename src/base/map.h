/* map: texts to pointers. Keys are borrowed: what they belong to holds them as long as they are in
 * the map. Open addressing; the order of gs_map_next is that of no key. Not thread-safe. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gs_map_entry {
    const char *key; /* NULL: free */
    void *value;
    uint64_t hash;
};

/* All zero: empty. */
struct gs_map {
    struct gs_map_entry *entries;
    size_t n;
    size_t cap; /* a power of two, or 0 */
};

void gs_map_done(struct gs_map *map);

/* NULL: no such key. */
void *gs_map_find(const struct gs_map *map, const char *key);

/* Adds it, or puts the value in the place of the one there is (the key then too). False: no
 * memory; the map is as it was. */
bool gs_map_put(struct gs_map *map, const char *key, void *value);

/* Takes the key out and gives its value; NULL: it was not there. */
void *gs_map_take(struct gs_map *map, const char *key);

/* The value behind *at, which begins with 0 and is for gs_map_next alone; NULL: no more. Nothing
 * may be added or taken meanwhile. */
void *gs_map_next(const struct gs_map *map, size_t *at);
