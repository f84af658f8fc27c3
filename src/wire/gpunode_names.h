/* gpunode_names: what reader and writer of our API objects share. Of this room only. */
#pragma once

#include "wire/gpunode.h"

enum {
    GS_GPUNODE_STATES = GS_GPUNODE_SICK + 1,
    GS_GPUNODE_RESULTS = GS_GPUNODE_REFUSED + 1,
    GS_GPUNODE_CONDITIONS_MAX = 16
};

/* The largest whole number that every reader of JSON keeps exactly. */
#define GS_GPUNODE_REVISION_MAX ((1ull << 53) - 1)

extern const char *const gs_gpunode_states[GS_GPUNODE_STATES];
extern const char *const gs_gpunode_results[GS_GPUNODE_RESULTS];

struct gs_jsonwrite;
void gs_gpunode_put_conditions(struct gs_jsonwrite *json,
                               const struct gs_gpunode_condition *conditions, unsigned n);

/* A condition, as an item of kubefield.h's lists. */
struct json_t;
int gs_gpunode_read_condition(const struct json_t *object, struct gs_arena *arena, void *item,
                              struct gs_err *err);
