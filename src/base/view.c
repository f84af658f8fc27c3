#include "base/view.h"

#include <assert.h>
#include <strings.h>

bool gs_view_eq(struct gs_view v, const char *text)
{
    return v.n == strlen(text) && (v.n == 0 || memcmp(v.p, text, v.n) == 0);
}

bool gs_view_eq_nocase(struct gs_view v, const char *text)
{
    return v.n == strlen(text) && (v.n == 0 || strncasecmp(v.p, text, v.n) == 0);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct gs_view gs_view_trim(struct gs_view v)
{
    while (v.n > 0 && is_blank(v.p[0])) {
        v.p++;
        v.n--;
    }
    while (v.n > 0 && is_blank(v.p[v.n - 1])) {
        v.n--;
    }
    return v;
}

struct gs_view gs_view_split(struct gs_view *rest, char sep)
{
    struct gs_view part = *rest;
    const char *at = rest->n == 0 ? NULL : memchr(rest->p, sep, rest->n);
    if (at == NULL) {
        *rest = (struct gs_view){.p = NULL, .n = 0};
        return part;
    }
    part.n = (size_t)(at - part.p);
    rest->p = at + 1;
    rest->n -= part.n + 1;
    return part;
}

bool gs_view_skip(struct gs_view *v, const char *text)
{
    size_t n = strlen(text);
    if (v->n < n || memcmp(v->p, text, n) != 0) {
        return false;
    }
    v->p += n;
    v->n -= n;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool gs_view_u64(struct gs_view *v, uint64_t max, uint64_t *ret)
{
    uint64_t value = 0;
    size_t i = 0;
    for (; i < v->n && is_digit(v->p[i]); i++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(v->p[i] - '0'), &value) || value > max) {
            return false;
        }
    }
    if (i == 0) {
        return false;
    }
    v->p += i;
    v->n -= i;
    *ret = value;
    return true;
}

bool gs_view_is_u64(struct gs_view v, uint64_t max, uint64_t *ret)
{
    uint64_t value;
    if (!gs_view_u64(&v, max, &value) || v.n != 0) {
        return false;
    }
    *ret = value;
    return true;
}

bool gs_view_is_integer(struct gs_view v, uint64_t max, uint64_t *ret)
{
    return (v.n < 2 || v.p[0] != '0') && gs_view_is_u64(v, max, ret);
}

bool gs_view_is_fixed(struct gs_view v, unsigned places, uint64_t max, uint64_t *ret)
{
    assert(places <= 9);
    uint64_t value;
    if (!gs_view_u64(&v, max, &value)) {
        return false;
    }
    bool point = gs_view_skip(&v, ".");
    if (point && (v.n == 0 || v.n > places)) {
        return false;
    }
    for (unsigned i = 0; i < places; i++) {
        uint64_t digit = 0;
        if (v.n > 0) {
            if (!is_digit(v.p[0])) {
                return false;
            }
            digit = (uint64_t)(v.p[0] - '0');
            v.p++;
            v.n--;
        }
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value)) {
            return false;
        }
    }
    if (v.n != 0 || value > max) {
        return false;
    }
    *ret = value;
    return true;
}

size_t gs_view_character(struct gs_view v, uint32_t *ret)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)v.p;
    size_t len = p[0] < 0x80 ? 1 : p[0] < 0xC0 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    if (len == 0 || p[0] > 0xF4 || len > v.n) {
        return 0;
    }
    uint32_t c = len == 1 ? p[0] : p[0] & (0x7Fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80) {
            return 0;
        }
        c = c << 6 | (p[i] & 0x3Fu);
    }
    if (c < least[len] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) {
        return 0;
    }
    *ret = c;
    return len;
}

bool gs_character_is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 || c == 0x200E ||
           c == 0x200F || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

bool gs_view_has_control(struct gs_view v, const char *but)
{
    while (v.n > 0) {
        if (v.p[0] >= 0x20 && v.p[0] < 0x7f) { /* nearly all of nearly every text */
            v.p++;
            v.n--;
            continue;
        }
        uint32_t c = (unsigned char)v.p[0]; /* a terminal may take a byte for a character */
        size_t len = gs_view_character(v, &c);
        bool fine = c != 0 && c < 0x80 && strchr(but, (int)c) != NULL;
        if (!fine && gs_character_is_control(c)) {
            return true;
        }
        len = len == 0 ? 1 : len;
        v.p += len;
        v.n -= len;
    }
    return false;
}
