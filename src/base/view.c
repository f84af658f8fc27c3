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
