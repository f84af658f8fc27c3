#include "lint/diff.h"

#include <stdint.h>

#include "base/err.h"

/* Myers 1986: lines of both texts as a path of the fewest steps. D is bounded, as the trace takes
 * the square of it. */
enum { STEPS_MAX = 1500, CONTEXT = 3 };

struct lines {
    struct gs_view *items;
    int32_t n;
};

struct differ {
    struct gs_arena *arena;
    struct lines a, b;
    bool *gone; /* of a */
    bool *come; /* of b */
};

static int split(struct gs_arena *arena, struct gs_view text, struct lines *ret)
{
    size_t n = text.n > 0 && text.p[text.n - 1] != '\n' ? 1 : 0;
    for (size_t i = 0; i < text.n; i++) {
        n += text.p[i] == '\n' ? 1 : 0;
    }
    ret->items = GS_ARENA_NEW(arena, struct gs_view, n + 1);
    if (ret->items == NULL) {
        return GS_NO_MEMORY;
    }
    ret->n = (int32_t)n;
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        const char *end = memchr(text.p + at, '\n', text.n - at);
        size_t next = end == NULL ? text.n : (size_t)(end - text.p) + 1;
        ret->items[i] = (struct gs_view){text.p + at, next - at};
        at = next;
    }
    return 0;
}

static bool same(const struct differ *differ, int32_t i, int32_t j)
{
    struct gs_view a = differ->a.items[i];
    struct gs_view b = differ->b.items[j];
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

static void mark_all(struct differ *differ, int32_t low, int32_t a_end, int32_t b_end)
{
    for (int32_t i = low; i < a_end; i++) {
        differ->gone[i] = true;
    }
    for (int32_t j = low; j < b_end; j++) {
        differ->come[j] = true;
    }
}

/* Walks the kept rows back from the end and marks each step. */
static void trace(struct differ *differ, int32_t *const *rows, int32_t d, int32_t low, int32_t x,
                  int32_t y)
{
    for (; d > 0; d--) {
        const int32_t *row = rows[d - 1] + d; /* of step d - 1, by k */
        int32_t k = x - y;
        bool down = k == -d || (k != d && row[k - 1] < row[k + 1]);
        int32_t before_k = down ? k + 1 : k - 1;
        int32_t before_x = row[before_k];
        int32_t before_y = before_x - before_k;
        if (down) {
            differ->come[low + before_y] = true;
        } else {
            differ->gone[low + before_x] = true;
        }
        x = before_x;
        y = before_y;
    }
}

static int compare(struct differ *differ, int32_t low, int32_t a_end, int32_t b_end)
{
    int32_t n = a_end - low;
    int32_t m = b_end - low;
    int32_t most = n + m < STEPS_MAX ? n + m : STEPS_MAX;
    int32_t **rows = GS_ARENA_NEW(differ->arena, int32_t *, (size_t)most + 1);
    int32_t *now = GS_ARENA_NEW(differ->arena, int32_t, 2 * (size_t)most + 3);
    if (rows == NULL || now == NULL) {
        return GS_NO_MEMORY;
    }
    int32_t *v = now + most + 1;
    for (int32_t d = 0; d <= most; d++) {
        for (int32_t k = -d; k <= d; k += 2) {
            bool down = k == -d || (k != d && v[k - 1] < v[k + 1]);
            int32_t x = d == 0 ? 0 : down ? v[k + 1] : v[k - 1] + 1;
            while (x < n && x - k < m && same(differ, low + x, low + x - k)) {
                x++;
            }
            v[k] = x;
            if (x >= n && x - k >= m) {
                trace(differ, rows, d, low, n, m);
                return 0;
            }
        }
        /* row d holds k = -(d+1) .. d+1, at index k + d + 1 */
        rows[d] = gs_arena_get_raw(differ->arena, 2 * (size_t)d + 3, sizeof(**rows));
        if (rows[d] == NULL) {
            return GS_NO_MEMORY;
        }
        memcpy(rows[d], v - d - 1, (2 * (size_t)d + 3) * sizeof(**rows));
    }
    mark_all(differ, low, a_end, b_end);
    return 0;
}

static void put_line(struct gs_buf *out, char sign, struct gs_view line)
{
    gs_buf_put(out, &sign, 1);
    gs_buf_put(out, line.p, line.n);
    if (line.n == 0 || line.p[line.n - 1] != '\n') {
        gs_buf_puts(out, "\n\\ No newline at end of file\n");
    }
}

static void put_range(struct gs_buf *out, char sign, int32_t start, int32_t n)
{
    gs_buf_printf(out, n == 1 ? "%c%d" : "%c%d,%d", sign, n == 0 ? start : start + 1, n);
}

/* From (i, j) on, where a difference is: the end of what is shown together with it. */
static void put_hunk(const struct differ *differ, int32_t *i, int32_t *j, struct gs_buf *out)
{
    int32_t context = *i < CONTEXT ? *i : CONTEXT;
    int32_t i0 = *i - context;
    int32_t j0 = *j - context;
    int32_t x = *i;
    int32_t y = *j;
    int32_t equal = 0;
    while ((x < differ->a.n || y < differ->b.n) && equal <= 2 * CONTEXT) {
        bool gone = x < differ->a.n && differ->gone[x];
        bool come = y < differ->b.n && differ->come[y];
        equal = gone || come ? 0 : equal + 1;
        x += !come || gone ? 1 : 0;
        y += !gone ? 1 : 0;
    }
    int32_t cut = equal > CONTEXT ? equal - CONTEXT : 0;
    x -= cut;
    y -= cut;
    gs_buf_puts(out, "@@ ");
    put_range(out, '-', i0, x - i0);
    gs_buf_puts(out, " ");
    put_range(out, '+', j0, y - j0);
    gs_buf_puts(out, " @@\n");
    while (i0 < x || j0 < y) {
        if (i0 < x && differ->gone[i0]) {
            put_line(out, '-', differ->a.items[i0++]);
        } else if (j0 < y && differ->come[j0]) {
            put_line(out, '+', differ->b.items[j0++]);
        } else {
            put_line(out, ' ', differ->a.items[i0++]);
            j0++;
        }
    }
    *i = x;
    *j = y;
}

static void put_all(const struct differ *differ, const char *label, struct gs_buf *out)
{
    bool any = false;
    int32_t i = 0;
    int32_t j = 0;
    while (i < differ->a.n || j < differ->b.n) {
        bool differs = (i < differ->a.n && differ->gone[i]) || (j < differ->b.n && differ->come[j]);
        if (!differs) {
            i++;
            j++;
            continue;
        }
        if (!any) {
            gs_buf_printf(out, "--- %s\n+++ %s\n", label, label);
            any = true;
        }
        put_hunk(differ, &i, &j, out);
    }
}

int gs_lint_diff(struct gs_arena *arena, const char *label, struct gs_view before,
                 struct gs_view after, struct gs_buf *out)
{
    struct differ differ = {.arena = arena};
    if (split(arena, before, &differ.a) < 0 || split(arena, after, &differ.b) < 0) {
        return GS_NO_MEMORY;
    }
    differ.gone = GS_ARENA_NEW(arena, bool, (size_t)differ.a.n + 1);
    differ.come = GS_ARENA_NEW(arena, bool, (size_t)differ.b.n + 1);
    if (differ.gone == NULL || differ.come == NULL) {
        return GS_NO_MEMORY;
    }
    int32_t low = 0;
    int32_t a_end = differ.a.n;
    int32_t b_end = differ.b.n;
    while (low < a_end && low < b_end && same(&differ, low, low)) {
        low++;
    }
    while (a_end > low && b_end > low && same(&differ, a_end - 1, b_end - 1)) {
        a_end--;
        b_end--;
    }
    if (compare(&differ, low, a_end, b_end) < 0) {
        return GS_NO_MEMORY;
    }
    put_all(&differ, label, out);
    return 0;
}
