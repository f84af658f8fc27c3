#include "base/near.h"

#include <stdio.h>

enum { CUT = 64 };

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = a < b ? a : b;
    return ab < c ? ab : c;
}

unsigned gs_near_distance(struct gs_view a, const char *b)
{
    unsigned row[CUT + 1]; /* distances of a prefix of `a` to every prefix of `b` */
    size_t n_a = a.n < CUT ? a.n : CUT;
    size_t n_b = strnlen(b, CUT);
    for (size_t j = 0; j <= n_b; j++) {
        row[j] = (unsigned)j;
    }
    for (size_t i = 1; i <= n_a; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= n_b; j++) {
            unsigned replaced = diagonal + (lower(a.p[i - 1]) != lower(b[j - 1]));
            diagonal = row[j];
            row[j] = least(replaced, row[j] + 1, row[j - 1] + 1);
        }
    }
    return row[n_b];
}

static unsigned farthest(struct gs_view want, const char *name)
{
    size_t n = strnlen(name, CUT);
    size_t longer = want.n > n ? want.n : n;
    unsigned third = (unsigned)((longer < CUT ? longer : CUT) / 3);
    return third < 2 ? 2 : third;
}

void gs_near_offer(struct gs_near *near, const char *name)
{
    unsigned distance = gs_near_distance(near->want, name);
    if (distance > farthest(near->want, name)) {
        return;
    }
    unsigned at = near->n;
    for (unsigned i = 0; i < near->n; i++) {
        if (strcmp(near->names[i], name) == 0) {
            return;
        }
    }
    while (at > 0 && near->distances[at - 1] > distance) {
        at--;
    }
    if (at == GS_NEAR_MAX) {
        return;
    }
    near->n = near->n < GS_NEAR_MAX ? near->n + 1 : GS_NEAR_MAX;
    for (unsigned i = near->n - 1; i > at; i--) {
        near->names[i] = near->names[i - 1];
        near->distances[i] = near->distances[i - 1];
    }
    near->names[at] = name;
    near->distances[at] = distance;
}

void gs_near_format(const struct gs_near *near, char *ret_text, size_t size)
{
    size_t used = 0;
    ret_text[0] = '\0';
    for (unsigned i = 0; i < near->n && used + 1 < size; i++) {
        int n = snprintf(ret_text + used, size - used, "%s%s", i == 0 ? "; near names: " : ", ",
                         near->names[i]);
        used += n > 0 ? (size_t)n : 0;
    }
}
