#include "boot/base64.h"

#include <stdint.h>

/* 0 to 63, or -1. */
static int value_of(char c)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c == '\0' ? NULL : strchr(letters, c);
    return at == NULL ? -1 : (int)(at - letters);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Digits and padding are counted before anything is taken from the arena. */
static bool is_base64(struct gs_view text, size_t *ret_digits)
{
    size_t digits = 0;
    size_t padding = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (is_space(text.p[i])) {
            continue;
        }
        if (text.p[i] == '=') {
            padding++;
        } else if (value_of(text.p[i]) < 0 || padding > 0) {
            return false;
        } else {
            digits++;
        }
    }
    *ret_digits = digits;
    return padding <= 2 && (digits + padding) % 4 == 0 && digits % 4 != 1;
}

int gs_boot_base64_decode(struct gs_view text, struct gs_arena *arena, struct gs_view *ret,
                          struct gs_err *err)
{
    size_t digits;
    if (!is_base64(text, &digits)) {
        return GS_INVALID;
    }
    char *bytes = gs_arena_get_raw(arena, 1, digits / 4 * 3 + 3);
    if (bytes == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for %zu bytes of base64", text.n);
    }
    size_t n = 0;
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < text.n; i++) {
        int value = value_of(text.p[i]);
        if (value < 0) {
            continue;
        }
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            bytes[n++] = (char)(bits >> held & 0xff);
        }
    }
    *ret = (struct gs_view){.p = bytes, .n = n};
    return 0;
}
