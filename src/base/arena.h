/* arena: memory for one unit of work, freed at once.
 *
 * The core allocates from an arena that its caller passes in and from nowhere else. An arena gets
 * its blocks from an allocator table, so that tests can hand out one that fails at the nth
 * request. Not thread-safe; one arena belongs to one unit of work. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Where blocks come from. `get` returns memory aligned for any type, or NULL. */
struct gs_alloc {
    void *(*get)(void *ctx, size_t size);
    void (*put)(void *ctx, void *block, size_t size);
    void *ctx;
    bool exact; /* each request becomes a block of its own, so that a test can fail every one */
};

/* malloc and free. */
extern const struct gs_alloc gs_alloc_heap;

struct gs_arena_block;

struct gs_arena {
    const struct gs_alloc *source;
    struct gs_arena_block *top;
    struct gs_arena_block *spare; /* the largest block given up by a rewind, for the next need */
    size_t used_bytes;            /* handed out by the source, headers included */
    size_t max_bytes;             /* requests beyond this fail */
};

/* A point to go back to. */
struct gs_arena_mark {
    struct gs_arena_block *top;
    size_t offset;
};

/* `source` must outlive the arena. `max_bytes` bounds what the arena takes from it. */
void gs_arena_init(struct gs_arena *arena, const struct gs_alloc *source, size_t max_bytes);

/* Gives every block back; the arena can be used again. Fine on an arena that holds nothing. */
void gs_arena_done(struct gs_arena *arena);

/* `count` objects of `size` bytes, zeroed, aligned for any type. NULL: no memory, the bound was
 * reached, or count * size overflows. A zero-byte request yields a valid pointer. */
void *gs_arena_get(struct gs_arena *arena, size_t count, size_t size)
    __attribute__((malloc, alloc_size(2, 3)));

/* As gs_arena_get, but the bytes are whatever was there. */
void *gs_arena_get_raw(struct gs_arena *arena, size_t count, size_t size)
    __attribute__((malloc, alloc_size(2, 3)));

/* A copy of the `n` bytes at `text` with a terminating zero. NULL as gs_arena_get. */
char *gs_arena_text(struct gs_arena *arena, const char *text, size_t n);

/* What printf would write, in the arena. NULL as gs_arena_get. */
char *gs_arena_printf(struct gs_arena *arena, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Everything handed out after the mark becomes invalid at the rewind. */
struct gs_arena_mark gs_arena_mark(const struct gs_arena *arena);
void gs_arena_rewind(struct gs_arena *arena, struct gs_arena_mark mark);

#define GS_ARENA_NEW(arena, type, count) ((type *)gs_arena_get((arena), (count), sizeof(type)))

/* Makes room for one more element at the end of an arena array: doubles `*items` when `count` has
 * reached `*cap`. False: no memory; the array is as it was. */
bool gs_arena_room(struct gs_arena *arena, void *items_ptr, size_t *cap, size_t count, size_t size);
