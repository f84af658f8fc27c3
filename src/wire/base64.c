#include "wire/base64.h"

enum { NOT_ONE = 64 };

static unsigned value_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (unsigned)(c - 'A');
    }
    if (c >= 'a' && c <= 'z') {
        return (unsigned)(c - 'a') + 26;
    }
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0') + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : NOT_ONE;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The decoder's state: up to three characters that make no whole byte yet. */
struct decoder {
    unsigned bits;
    unsigned n;       /* characters of the group */
    unsigned padding; /* '=' of the group */
    char *out;
    size_t n_out;
};

static bool take(struct decoder *decoder, char c)
{
    unsigned value = value_of(c);
    if (c == '=') {
        decoder->padding++;
        decoder->n++;
        decoder->bits <<= 6;
    } else if (value != NOT_ONE && decoder->padding == 0) {
        decoder->n++;
        decoder->bits = decoder->bits << 6 | value;
    } else {
        return false;
    }
    if (decoder->n < 4) {
        return true;
    }
    if (decoder->padding > 2) {
        return false;
    }
    for (unsigned i = 0; i + decoder->padding < 3; i++) {
        decoder->out[decoder->n_out++] = (char)(decoder->bits >> (16 - 8 * i));
    }
    decoder->n = 0;
    decoder->bits = 0;
    return true;
}

int gs_base64_decode(struct gs_view text, struct gs_arena *arena, struct gs_view *ret,
                     struct gs_err *err)
{
    struct decoder decoder = {.out = gs_arena_get(arena, text.n / 4 * 3 + 4, 1)};
    bool ended = false;
    if (decoder.out == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for %zu characters of base64", text.n);
    }
    for (size_t i = 0; i < text.n; i++) {
        if (is_blank(text.p[i])) {
            continue;
        }
        if (ended || !take(&decoder, text.p[i])) {
            return gs_fail(err, GS_INVALID, "character %zu is not base64", i + 1);
        }
        ended = decoder.n == 0 && decoder.padding > 0;
    }
    if (decoder.n != 0) {
        return gs_fail(err, GS_INVALID, "base64 that ends within a group of four characters");
    }
    decoder.out[decoder.n_out] = '\0';
    *ret = (struct gs_view){.p = decoder.out, .n = decoder.n_out};
    return 0;
}

void gs_base64_write(struct gs_view bytes, struct gs_buf *out)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t n = bytes.n - i < 3 ? bytes.n - i : 3;
        unsigned bits = 0;
        char group[4] = {'=', '=', '=', '='};
        for (size_t k = 0; k < 3; k++) {
            bits = bits << 8 | (k < n ? (unsigned char)bytes.p[i + k] : 0);
        }
        for (size_t k = 0; k <= n; k++) {
            group[k] = letters[bits >> (18 - 6 * k) & 63];
        }
        gs_buf_put(out, group, sizeof(group));
    }
}
