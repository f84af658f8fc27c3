/* keys: what somebody types at a terminal, from its bytes. Pure.
 *
 * Sequences of xterm and those that took after it are known; others are passed over whole. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gs_top_key {
    GS_TOP_KEY_CHARACTER, /* `c` is it */
    GS_TOP_KEY_UP,
    GS_TOP_KEY_DOWN,
    GS_TOP_KEY_LEFT,
    GS_TOP_KEY_RIGHT,
    GS_TOP_KEY_PAGE_UP,
    GS_TOP_KEY_PAGE_DOWN,
    GS_TOP_KEY_HOME,
    GS_TOP_KEY_END,
    GS_TOP_KEY_ENTER,
    GS_TOP_KEY_TAB,
    GS_TOP_KEY_BACKSPACE,
    GS_TOP_KEY_ESCAPE
};

struct gs_top_typed {
    enum gs_top_key key;
    uint32_t c; /* no control character */
};

enum { GS_TOP_KEYS_MAX = 256 };

struct gs_top_keys {
    unsigned char bytes[GS_TOP_KEYS_MAX]; /* not taken yet */
    size_t n;
};

/* Adds what was read. What there is no room for is dropped: nobody types so fast. */
void gs_top_keys_put(struct gs_top_keys *keys, const void *bytes, size_t n);

/* The next key. False: there is none, or its sequence has not come wholly. `ended`: nothing more
 * comes of what has begun, so that an escape character is the key of that name. */
bool gs_top_keys_take(struct gs_top_keys *keys, bool ended, struct gs_top_typed *ret);
