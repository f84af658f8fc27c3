/* kubefield: fields of our own API objects, each with the bound that its schema has.
 *
 * For the readers of this room. What the schema would refuse is GS_INVALID; the text names the
 * field, what was found and what was expected. Results live in the arena. */
#pragma once

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "core/profile_name.h"

struct json_t; /* jansson's */

/* metadata and its name. */
int gs_kubefield_head(const struct json_t *object, const char *kind, struct gs_arena *arena,
                      struct json_t **ret_metadata, const char **ret_name, struct gs_err *err);

/* A text of at most `max` bytes; "" where it lacks. `need`: it has to be there. */
int gs_kubefield_text(const struct json_t *object, const char *key, size_t max,
                      struct gs_arena *arena, const char **ret, struct gs_err *err);
int gs_kubefield_need(const struct json_t *object, const char *key, size_t max,
                      struct gs_arena *arena, const char **ret, struct gs_err *err);

/* The name of a GPU instance's profile, as NVIDIA prints it. */
int gs_kubefield_profile(const struct json_t *object, const char *key, struct gs_profile_name *ret,
                         struct gs_err *err);
int gs_kubefield_profile_of(const char *text, struct gs_profile_name *ret, struct gs_err *err);

/* A moment; absent: *ret_us stays. */
int gs_kubefield_time(const struct json_t *object, const char *key, uint64_t *ret_us,
                      struct gs_err *err);

/* A list, one element after the other. `items` has `n` of them, zeroed and then read. */
struct gs_kubefield_list {
    const char *key;
    size_t size; /* of an item */
    unsigned max;
    int (*read)(const struct json_t *value, struct gs_arena *arena, void *item, struct gs_err *err);
    void *items;
    unsigned n;
};
int gs_kubefield_list(const struct json_t *object, struct gs_kubefield_list *list,
                      struct gs_arena *arena, struct gs_err *err);
