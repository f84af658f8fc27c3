#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BLOCK = 16 * 1024, LARGEST_STEP = 4 * 1024 * 1024 };

struct gs_arena_block {
    struct gs_arena_block *below;
    size_t size; /* of data */
    size_t used;
    alignas(max_align_t) unsigned char data[];
};

static void *heap_get(void *ctx, size_t size)
{
    (void)ctx;
    return malloc(size);
}

static void heap_put(void *ctx, void *block, size_t size)
{
    (void)ctx;
    (void)size;
    free(block);
}

const struct gs_alloc gs_alloc_heap = {.get = heap_get, .put = heap_put, .ctx = NULL};

void gs_arena_init(struct gs_arena *arena, const struct gs_alloc *source, size_t max_bytes)
{
    *arena = (struct gs_arena){.source = source, .max_bytes = max_bytes};
}

static void give_back(struct gs_arena *arena, struct gs_arena_block *block)
{
    size_t whole = sizeof(*block) + block->size;
    arena->used_bytes -= whole;
    arena->source->put(arena->source->ctx, block, whole);
}

/* A loop that rewinds each time round would otherwise ask the source for the same block again and
 * again, and have its pages faulted in anew. */
static void drop_top(struct gs_arena *arena)
{
    struct gs_arena_block *block = arena->top;
    arena->top = block->below;
    struct gs_arena_block *spare = arena->spare;
    if (arena->source->exact || (spare != NULL && spare->size >= block->size)) {
        give_back(arena, block);
        return;
    }
    if (spare != NULL) {
        give_back(arena, spare);
    }
    arena->spare = block;
}

void gs_arena_done(struct gs_arena *arena)
{
    while (arena->top != NULL) {
        drop_top(arena);
    }
    if (arena->spare != NULL) {
        give_back(arena, arena->spare);
        arena->spare = NULL;
    }
}

/* NULL: there is none of that size. One that is too small goes back, since it counts towards the
 * bound and a larger one will take its place. */
static struct gs_arena_block *push_spare(struct gs_arena *arena, size_t at_least)
{
    struct gs_arena_block *spare = arena->spare;
    arena->spare = NULL;
    if (spare != NULL && spare->size < at_least) {
        give_back(arena, spare);
        return NULL;
    }
    if (spare != NULL) {
        spare->below = arena->top;
        spare->used = 0;
        arena->top = spare;
    }
    return spare;
}

static struct gs_arena_block *push_block(struct gs_arena *arena, size_t at_least)
{
    struct gs_arena_block *spare = push_spare(arena, at_least);
    if (spare != NULL) {
        return spare;
    }
    size_t size = arena->top == NULL ? FIRST_BLOCK : arena->top->size * 2;
    if (size > LARGEST_STEP) {
        size = LARGEST_STEP;
    }
    if (size < at_least || arena->source->exact) {
        size = at_least;
    }
    if (size > SIZE_MAX - sizeof(struct gs_arena_block)) {
        return NULL;
    }
    size_t whole = sizeof(struct gs_arena_block) + size;
    if (whole > arena->max_bytes || arena->used_bytes > arena->max_bytes - whole) {
        return NULL;
    }
    struct gs_arena_block *block = arena->source->get(arena->source->ctx, whole);
    if (block == NULL) {
        return NULL;
    }
    *block = (struct gs_arena_block){.below = arena->top, .size = size};
    arena->top = block;
    arena->used_bytes += whole;
    return block;
}

void *gs_arena_get_raw(struct gs_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - alignof(max_align_t)) {
        return NULL;
    }
    bytes = (bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    struct gs_arena_block *block = arena->top;
    if (block == NULL || block->size - block->used < bytes) {
        block = push_block(arena, bytes);
        if (block == NULL) {
            return NULL;
        }
    }
    void *got = block->data + block->used;
    block->used += bytes;
    return got;
}

void *gs_arena_get(struct gs_arena *arena, size_t count, size_t size)
{
    void *got = gs_arena_get_raw(arena, count, size);
    if (got != NULL) {
        memset(got, 0, count * size);
    }
    return got;
}

char *gs_arena_text(struct gs_arena *arena, const char *text, size_t n)
{
    char *copy = n == SIZE_MAX ? NULL : gs_arena_get(arena, n + 1, 1);
    if (copy != NULL && n > 0) {
        memcpy(copy, text, n);
    }
    return copy;
}

char *gs_arena_printf(struct gs_arena *arena, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *text = n < 0 ? NULL : gs_arena_get_raw(arena, (size_t)n + 1, 1);
    if (text != NULL) {
        va_start(ap, fmt);
        vsnprintf(text, (size_t)n + 1, fmt, ap);
        va_end(ap);
    }
    return text;
}

struct gs_arena_mark gs_arena_mark(const struct gs_arena *arena)
{
    return (struct gs_arena_mark){
        .top = arena->top,
        .offset = arena->top == NULL ? 0 : arena->top->used,
    };
}

void gs_arena_rewind(struct gs_arena *arena, struct gs_arena_mark mark)
{
    while (arena->top != mark.top) {
        assert(arena->top != NULL);
        drop_top(arena);
    }
    if (arena->top != NULL) {
        arena->top->used = mark.offset;
    }
}

bool gs_arena_room(struct gs_arena *arena, void *items_ptr, size_t *cap, size_t count, size_t size)
{
    if (count < *cap) {
        return true;
    }
    size_t wider = *cap == 0 ? 8 : *cap * 2;
    void *moved = gs_arena_get(arena, wider, size);
    if (moved == NULL) {
        return false;
    }
    void **items = items_ptr;
    if (count > 0) {
        memcpy(moved, *items, count * size);
    }
    *items = moved;
    *cap = wider;
    return true;
}
