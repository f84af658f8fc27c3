#include "core/solve/rounding.h"

#include <stdbool.h>

enum { SHARES = 4, CANDIDATES_MAX = SHARES * GS_ROUNDING_YIELDS_MAX + 1 };

/* One need and all parts that may be chosen. */
struct choice {
    const int64_t *yields;
    unsigned n_yields;
    int64_t need;
    int64_t pers[CANDIDATES_MAX];
    unsigned n;
};

static int64_t ceil_div(int64_t a, int64_t b)
{
    return a / b + (a % b != 0);
}

int64_t gs_rounding_value(int64_t yield, int64_t need, int64_t per)
{
    int64_t value = ceil_div(yield, per);
    int64_t most = ceil_div(need, per);
    return value < most ? value : most;
}

static void add(struct choice *choice, int64_t per)
{
    for (unsigned i = 0; i < choice->n; i++) {
        if (choice->pers[i] == per) {
            return;
        }
    }
    choice->pers[choice->n++] = per;
}

/* Shares of 1 come first: the yields themselves say most. */
static void list(struct choice *choice)
{
    for (int64_t share = 1; share <= SHARES; share++) {
        for (unsigned i = 0; i < choice->n_yields; i++) {
            add(choice, ceil_div(choice->yields[i], share));
        }
    }
    add(choice, 1); /* no coefficient above the need */
}

/* Whether the row of part a follows from that of part b: with right sides made equal, no
 * coefficient of b is the larger. *ret_same: they say the same. */
static bool follows(const struct choice *choice, int64_t a, int64_t b, bool *ret_same)
{
    *ret_same = true;
    for (unsigned i = 0; i < choice->n_yields; i++) {
        __int128 of_a = (__int128)gs_rounding_value(choice->yields[i], choice->need, a) *
                        ceil_div(choice->need, b);
        __int128 of_b = (__int128)gs_rounding_value(choice->yields[i], choice->need, b) *
                        ceil_div(choice->need, a);
        if (of_b > of_a) {
            return false;
        }
        *ret_same = *ret_same && of_a == of_b;
    }
    return true;
}

/* The row of part 1 is the need itself unless a yield is above it. */
static bool says_nothing(const struct choice *choice, unsigned i)
{
    bool above = false;
    for (unsigned y = 0; y < choice->n_yields; y++) {
        above = above || choice->yields[y] > choice->need;
    }
    if (choice->pers[i] == 1 && !above) {
        return true;
    }
    for (unsigned k = 0; k < choice->n; k++) {
        bool same;
        bool less = k != i && follows(choice, choice->pers[i], choice->pers[k], &same);
        /* Of two that say the same the earlier one stays; the need itself goes before all. */
        bool other_stays = choice->pers[k] == 1 || (k < i && choice->pers[i] != 1);
        if (less && (!same || other_stays)) {
            return true;
        }
    }
    return false;
}

unsigned gs_rounding_choose(const int64_t *yields, unsigned n_yields, int64_t need,
                            int64_t ret_pers[GS_ROUNDINGS_MAX])
{
    if (n_yields > GS_ROUNDING_YIELDS_MAX || need < 1) {
        return 0;
    }
    struct choice choice = {.yields = yields, .n_yields = n_yields, .need = need};
    list(&choice);
    unsigned n = 0;
    for (unsigned i = 0; i < choice.n && n < GS_ROUNDINGS_MAX; i++) {
        if (!says_nothing(&choice, i)) {
            ret_pers[n++] = choice.pers[i];
        }
    }
    return n;
}
