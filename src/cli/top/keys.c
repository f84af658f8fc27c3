#include "cli/top/keys.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/view.h"

enum { ESCAPE = 0x1b, SEQUENCE_MAX = 32 };

void gs_top_keys_put(struct gs_top_keys *keys, const void *bytes, size_t n)
{
    size_t room = sizeof(keys->bytes) - keys->n;
    n = n < room ? n : room;
    memcpy(keys->bytes + keys->n, bytes, n);
    keys->n += n;
}

static void drop(struct gs_top_keys *keys, size_t n)
{
    keys->n -= n;
    memmove(keys->bytes, keys->bytes + n, keys->n);
}

/* Behind "ESC [" or "ESC O": parameters and a last letter. */
static bool key_of(const unsigned char *bytes, size_t n, struct gs_top_typed *ret)
{
    static const struct {
        const char *text;
        enum gs_top_key key;
    } known[] = {
        {"A", GS_TOP_KEY_UP},         {"B", GS_TOP_KEY_DOWN},     {"C", GS_TOP_KEY_RIGHT},
        {"D", GS_TOP_KEY_LEFT},       {"H", GS_TOP_KEY_HOME},     {"F", GS_TOP_KEY_END},
        {"1~", GS_TOP_KEY_HOME},      {"7~", GS_TOP_KEY_HOME},    {"4~", GS_TOP_KEY_END},
        {"8~", GS_TOP_KEY_END},       {"5~", GS_TOP_KEY_PAGE_UP}, {"6~", GS_TOP_KEY_PAGE_DOWN},
        {"3~", GS_TOP_KEY_BACKSPACE}, {"M", GS_TOP_KEY_ENTER},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(known); i++) {
        if (strlen(known[i].text) == n && memcmp(known[i].text, bytes, n) == 0) {
            *ret = (struct gs_top_typed){.key = known[i].key};
            return true;
        }
    }
    return false;
}

enum found { TAKEN, PASSED, LATER };

/* At an escape character. */
static enum found take_sequence(struct gs_top_keys *keys, bool ended, struct gs_top_typed *ret)
{
    size_t n = 2;
    if (keys->n < 2 || (keys->bytes[1] != '[' && keys->bytes[1] != 'O')) {
        if (keys->n < 2 && !ended) {
            return LATER;
        }
        drop(keys, 1);
        *ret = (struct gs_top_typed){.key = GS_TOP_KEY_ESCAPE};
        return TAKEN;
    }
    while (n < keys->n && n < SEQUENCE_MAX && keys->bytes[n] >= 0x20 && keys->bytes[n] < 0x40) {
        n++;
    }
    if (n == keys->n && n < SEQUENCE_MAX && !ended) {
        return LATER;
    }
    n += n < keys->n; /* the last letter */
    bool known = key_of(keys->bytes + 2, n - 2, ret);
    drop(keys, n);
    return known ? TAKEN : PASSED;
}

static enum found take_character(struct gs_top_keys *keys, bool ended, struct gs_top_typed *ret)
{
    struct gs_view rest = {.p = (const char *)keys->bytes, .n = keys->n};
    unsigned char first = keys->bytes[0];
    uint32_t c = 0;
    size_t n = gs_view_character(rest, &c);
    if (n == 0) {
        bool begun = first >= 0xc2 && first <= 0xf4 && keys->n < 4;
        if (begun && !ended) {
            return LATER;
        }
        drop(keys, 1);
        return PASSED;
    }
    drop(keys, n);
    *ret = (struct gs_top_typed){.key = GS_TOP_KEY_CHARACTER, .c = c};
    if (c == '\r' || c == '\n') {
        ret->key = GS_TOP_KEY_ENTER;
    } else if (c == '\t') {
        ret->key = GS_TOP_KEY_TAB;
    } else if (c == 0x7f || c == 8) {
        ret->key = GS_TOP_KEY_BACKSPACE;
    } else if (gs_character_is_control(c)) {
        return PASSED;
    }
    return TAKEN;
}

bool gs_top_keys_take(struct gs_top_keys *keys, bool ended, struct gs_top_typed *ret)
{
    while (keys->n > 0) {
        enum found found = keys->bytes[0] == ESCAPE ? take_sequence(keys, ended, ret)
                                                    : take_character(keys, ended, ret);
        if (found != PASSED) {
            return found == TAKEN;
        }
    }
    return false;
}
