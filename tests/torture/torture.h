/* torture: runs a piece of work again and again, each time failing one more request for memory.
 *
 * A scenario does its whole work with memory from one place and gives all of it back. The harness
 * fails request 1, then 2, and so on until a run asks for no more, and checks each time that the
 * scenario said GS_NO_MEMORY and that nothing is left. Two places can fail:
 *   torture_arena  the allocator table that the scenario hands to its arenas; blocks are exact, so
 *                  that each gs_arena_get is a request and a sanitizer sees where each ends
 *   torture_heap   malloc, calloc, realloc, reallocarray and strdup called by our own objects (the
 *                  linker wraps them; libraries keep theirs) */
#pragma once

#include "unit/check.h"

#include "base/arena.h"
#include "base/err.h"

enum { TORTURE_REQUESTS_MAX = 200000 };

/* Does its work, gives all memory back, and returns 0 or the code of the failure. The text of a
 * failure goes to `err`; the harness checks that it is there. */
typedef int torture_arena_scenario(const struct gs_alloc *source, struct gs_err *err);
typedef int torture_heap_scenario(struct gs_err *err);

/* Fail the running cmocka test when a scenario does not keep the rules above, or when it does not
 * succeed within TORTURE_REQUESTS_MAX requests. Return the number of requests of a good run.
 * `step` is the distance between the requests that fail, 1 unless a scenario makes too many. */
unsigned torture_arena(torture_arena_scenario *scenario, unsigned step);
unsigned torture_heap(torture_heap_scenario *scenario, unsigned step);
