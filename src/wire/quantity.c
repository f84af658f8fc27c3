#include "wire/quantity.h"

enum { LARGEST_EXPONENT = 1000 }; /* beyond it every amount but 0 is out of any range */

static const struct suffix {
    const char *text;
    int power_of_ten;
    unsigned power_of_two;
} suffixes[] = {
    {"", 0, 0},    {"n", -9, 0},  {"u", -6, 0},  {"m", -3, 0},  {"k", 3, 0},   {"M", 6, 0},
    {"G", 9, 0},   {"T", 12, 0},  {"P", 15, 0},  {"E", 18, 0},  {"Ki", 0, 10}, {"Mi", 0, 20},
    {"Gi", 0, 30}, {"Ti", 0, 40}, {"Pi", 0, 50}, {"Ei", 0, 60},
};

/* An amount: `digits` as one number, times 2^power_of_two, times 10^power_of_ten. */
struct amount {
    unsigned char digits[GS_QUANTITY_TEXT_MAX];
    int n_digits;
    int power_of_ten;
    unsigned power_of_two;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void take_digits(struct gs_view *v, struct amount *amount)
{
    while (v->n > 0 && is_digit(v->p[0])) {
        amount->digits[amount->n_digits++] = (unsigned char)(v->p[0] - '0');
        v->p++;
        v->n--;
    }
}

/* "e-3": a decimal exponent. A lone "E" is exa and never comes here. */
static bool take_exponent(struct gs_view v, struct amount *amount)
{
    uint64_t exponent;
    if (!gs_view_skip(&v, "e") && !gs_view_skip(&v, "E")) {
        return false;
    }
    bool negative = gs_view_skip(&v, "-");
    if (!negative) {
        gs_view_skip(&v, "+");
    }
    if (!gs_view_is_u64(v, LARGEST_EXPONENT, &exponent)) {
        return false;
    }
    amount->power_of_ten += negative ? -(int)exponent : (int)exponent;
    return true;
}

static bool take_suffix(struct gs_view v, struct amount *amount)
{
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        if (gs_view_eq(v, suffixes[i].text)) {
            amount->power_of_ten += suffixes[i].power_of_ten;
            amount->power_of_two = suffixes[i].power_of_two;
            return true;
        }
    }
    return take_exponent(v, amount);
}

static bool read_amount(struct gs_view v, struct amount *amount)
{
    *amount = (struct amount){0};
    gs_view_skip(&v, "+");
    take_digits(&v, amount);
    int before_point = amount->n_digits;
    if (gs_view_skip(&v, ".")) {
        take_digits(&v, amount);
    }
    amount->power_of_ten = before_point - amount->n_digits;
    return amount->n_digits > 0 && take_suffix(v, amount);
}

/* The part behind the decimal point, times `factor`, by school multiplication from the right:
 * what is carried over the point is the whole part of it, any digit left behind rounds up. */
static uint64_t round_up_fraction(const struct amount *amount, int behind_point, uint64_t factor)
{
    unsigned __int128 carry = 0;
    bool rest = false;
    for (int i = 0; i < behind_point && (i < amount->n_digits || carry > 0); i++) {
        if (i < amount->n_digits) {
            carry += (unsigned __int128)amount->digits[amount->n_digits - 1 - i] * factor;
        }
        rest |= carry % 10 != 0;
        carry /= 10;
    }
    return (uint64_t)carry + rest;
}

/* The digits before the decimal point as a number. False: over `max`. */
static bool whole_part(const struct amount *amount, int behind_point, uint64_t max, uint64_t *ret)
{
    uint64_t value = 0;
    int n = amount->n_digits - behind_point; /* more than n_digits: zeros follow */
    for (int i = 0; i < n; i++) {
        uint64_t digit = i < amount->n_digits ? amount->digits[i] : 0;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value) || value > max) {
            return false;
        }
    }
    *ret = value;
    return true;
}

static bool to_integer(const struct amount *amount, uint64_t max, uint64_t *ret)
{
    uint64_t factor = 1ull << amount->power_of_two;
    uint64_t value;
    int behind_point = -amount->power_of_ten;
    uint64_t fraction = round_up_fraction(amount, behind_point, factor);
    if (!whole_part(amount, behind_point, max, &value) ||
        __builtin_mul_overflow(value, factor, &value) ||
        __builtin_add_overflow(value, fraction, &value) || value > max) {
        return false;
    }
    *ret = value;
    return true;
}

int gs_quantity_parse(struct gs_view text, enum gs_quantity_scale scale, uint64_t max,
                      uint64_t *ret, struct gs_err *err)
{
    struct amount amount;
    if (text.n > 0 && text.p[0] == '-') {
        return gs_fail(err, GS_INVALID, "\"%.*s\" is negative; expected an amount of 0 or more",
                       GS_VIEW_ARGS(text));
    }
    if (text.n > GS_QUANTITY_TEXT_MAX || !read_amount(text, &amount)) {
        return gs_fail(err, GS_INVALID,
                       "\"%.*s\" is not an amount; expected a form like 4, 0.5, 250m, 16Gi or 1e3",
                       GS_VIEW_ARGS(text));
    }
    amount.power_of_ten += scale == GS_QUANTITY_MILLI ? 3 : 0;
    if (!to_integer(&amount, max, ret)) {
        return gs_fail(err, GS_LIMIT, "\"%.*s\" is more than the largest amount taken here",
                       GS_VIEW_ARGS(text));
    }
    return 0;
}
