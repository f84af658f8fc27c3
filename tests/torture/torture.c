#include "torture/torture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Counts requests and what is alive; says no to the request number `fail_at` (0: to none). */
struct meter {
    unsigned requests;
    unsigned fail_at;
    size_t live_blocks;
    size_t live_bytes; /* of arenas only: the heap does not tell sizes at free */
};

static bool says_no(struct meter *meter)
{
    meter->requests++;
    return meter->requests == meter->fail_at;
}

static void *arena_get(void *ctx, size_t size)
{
    struct meter *meter = ctx;
    if (says_no(meter)) {
        return NULL;
    }
    void *block = malloc(size);
    assert_non_null(block);
    memset(block, 0xA5, size); /* nobody may count on zeroes */
    meter->live_blocks++;
    meter->live_bytes += size;
    return block;
}

static void arena_put(void *ctx, void *block, size_t size)
{
    struct meter *meter = ctx;
    meter->live_blocks--;
    meter->live_bytes -= size;
    free(block);
}

/* Only calls from objects linked with --wrap come here (tests/torture/meson.build). */
static struct meter *heap_meter;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
char *__real_strdup(const char *text);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *block);

static void *count_block(void *block)
{
    if (heap_meter != NULL && block != NULL) {
        heap_meter->live_blocks++;
    }
    return block;
}

static bool heap_says_no(void)
{
    return heap_meter != NULL && says_no(heap_meter);
}

void *__wrap_malloc(size_t size)
{
    return heap_says_no() ? NULL : count_block(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return heap_says_no() ? NULL : count_block(__real_calloc(count, size));
}

void *__wrap_realloc(void *old, size_t size)
{
    if (heap_says_no()) {
        return NULL;
    }
    void *moved = __real_realloc(old, size);
    return old == NULL ? count_block(moved) : moved;
}

void *__wrap_reallocarray(void *old, size_t count, size_t size)
{
    if (heap_says_no()) {
        return NULL;
    }
    void *moved = __real_reallocarray(old, count, size);
    return old == NULL ? count_block(moved) : moved;
}

char *__wrap_strdup(const char *text)
{
    return heap_says_no() ? NULL : count_block(__real_strdup(text));
}

void __wrap_free(void *block)
{
    if (heap_meter != NULL && block != NULL) {
        heap_meter->live_blocks--;
    }
    __real_free(block);
}

static int run_arena(torture_arena_scenario *scenario, struct meter *meter, struct gs_err *err)
{
    struct gs_alloc source = {.get = arena_get, .put = arena_put, .ctx = meter, .exact = true};
    return scenario(&source, err);
}

static int run_heap(torture_heap_scenario *scenario, struct meter *meter, struct gs_err *err)
{
    heap_meter = meter;
    int r = scenario(err);
    heap_meter = NULL;
    return r;
}

static void check_run(int r, const struct meter *meter, const struct gs_err *err)
{
    bool failed = meter->fail_at <= meter->requests;
    if (meter->live_blocks != 0 || meter->live_bytes != 0) {
        fail_msg("request %u of memory failed: %zu blocks are left", meter->fail_at,
                 meter->live_blocks);
    }
    if (r != (failed ? GS_NO_MEMORY : 0)) {
        fail_msg("request %u of memory failed: the scenario returned %d (%s)", meter->fail_at, r,
                 err->msg);
    }
    if (failed && (err->code != GS_NO_MEMORY || err->msg[0] == '\0')) {
        fail_msg("request %u of memory failed: the error has no text", meter->fail_at);
    }
}

/* Exactly one of the two scenarios is given. */
static unsigned torture(torture_arena_scenario *arena, torture_heap_scenario *heap, unsigned step)
{
    for (unsigned n = 1; n <= TORTURE_REQUESTS_MAX; n += step) {
        struct meter meter = {.fail_at = n};
        struct gs_err err = {0};
        int r = arena != NULL ? run_arena(arena, &meter, &err) : run_heap(heap, &meter, &err);
        check_run(r, &meter, &err);
        if (meter.requests < n) {
            assert_true(meter.requests > 0); /* a scenario without requests tests nothing */
            return meter.requests;
        }
    }
    fail_msg("no success within %d requests", TORTURE_REQUESTS_MAX);
    return 0;
}

unsigned torture_arena(torture_arena_scenario *scenario, unsigned step)
{
    return torture(scenario, NULL, step);
}

unsigned torture_heap(torture_heap_scenario *scenario, unsigned step)
{
    return torture(NULL, scenario, step);
}
