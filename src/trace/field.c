#include "trace/field.h"

#include "sim/job.h"
#include "wire/kubetime.h"

static int refuse(struct gs_view text, const char *expected, struct gs_err *err)
{
    if (text.n > 0 && text.p[0] == '-') {
        return gs_fail(err, GS_INVALID, "found %.*s, which is negative; expected %s",
                       GS_VIEW_ARGS(text), expected);
    }
    return gs_fail(err, GS_INVALID, "found \"%.*s\"; expected %s", GS_VIEW_ARGS(text), expected);
}

/* Appends a digit; false: over `max`. */
static bool append(uint64_t *value, unsigned digit, uint64_t max)
{
    if (*value > (max - digit) / 10) {
        return false;
    }
    *value = *value * 10 + digit;
    return true;
}

int gs_field_decimal(struct gs_view text, unsigned places, uint64_t max, bool round_up,
                     uint64_t *ret, struct gs_err *err)
{
    uint64_t value = 0;
    unsigned behind = 0;
    size_t digits = 0;
    bool point = false;
    bool rest = false;
    bool fits = max >= 9;
    for (size_t i = 0; i < text.n && fits; i++) {
        char c = text.p[i];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9') {
            return refuse(text, "a plain number", err);
        }
        digits++;
        if (point && behind == places) {
            rest = rest || c != '0';
            continue;
        }
        behind += point;
        fits = append(&value, (unsigned)(c - '0'), max);
    }
    if (digits == 0 && fits) {
        return refuse(text, "a plain number", err);
    }
    for (; behind < places && fits; behind++) {
        fits = append(&value, 0, max);
    }
    if (fits && rest && round_up) {
        fits = value < max;
        value++;
    }
    if (!fits) {
        uint64_t scale = 1;
        for (unsigned i = 0; i < places; i++) {
            scale *= 10;
        }
        return gs_fail(err, GS_INVALID, "found %.*s; expected %llu at most", GS_VIEW_ARGS(text),
                       (unsigned long long)(max / scale));
    }
    *ret = value;
    return 0;
}

int gs_field_whole(struct gs_view text, uint64_t max, uint64_t *ret, struct gs_err *err)
{
    struct gs_view rest = text;
    struct gs_view whole = gs_view_split(&rest, '.');
    bool zeros = true;
    for (size_t i = 0; i < rest.n; i++) {
        zeros = zeros && rest.p[i] == '0';
    }
    if (!zeros) {
        return refuse(text, "a whole number", err);
    }
    if (gs_view_is_u64(whole, max, ret)) {
        return 0;
    }
    return gs_field_decimal(whole, 0, max < 9 ? 9 : max, false, ret, err) < 0
               ? (int)GS_INVALID
               : gs_fail(err, GS_INVALID, "found %.*s; expected %llu at most", GS_VIEW_ARGS(text),
                         (unsigned long long)max);
}

bool gs_field_is_date(struct gs_view text)
{
    return text.n > 10 && text.p[4] == '-';
}

int gs_field_moment(struct gs_view text, int64_t *ret_us, struct gs_err *err)
{
    uint64_t us;
    int r = gs_field_is_date(text)
                ? gs_kubetime_parse(text, &us, err)
                : gs_field_decimal(text, 6, (uint64_t)GS_SIM_TIME_MAX, false, &us, err);
    if (r < 0) {
        return r;
    }
    if (us > (uint64_t)GS_SIM_TIME_MAX) {
        return refuse(text, "a time before 2070", err);
    }
    *ret_us = (int64_t)us;
    return 0;
}

int gs_field_span(struct gs_view text, int64_t *ret_us, struct gs_err *err)
{
    /* The first that the text ends with: "ms" ends with "s" too. */
    static const struct {
        const char *name;
        uint64_t us;
    } units[] = {{"min", 60000000}, {"ms", 1000},         {"s", 1000000},
                 {"m", 60000000},   {"h", 3600000000ull}, {"d", 86400000000ull}};
    struct gs_view number = text;
    uint64_t unit_us = 1000000;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t n = strlen(units[i].name);
        if (text.n > n && memcmp(text.p + text.n - n, units[i].name, n) == 0) {
            unit_us = units[i].us;
            number.n -= n;
            break;
        }
    }
    uint64_t micro; /* of the unit */
    int r = gs_field_decimal(number, 6, UINT64_MAX / 4, false, &micro, err);
    if (r < 0) {
        return r;
    }
    unsigned __int128 us = (unsigned __int128)micro * unit_us / 1000000;
    if (us > (unsigned __int128)GS_SIM_TIME_MAX) {
        return gs_fail(err, GS_INVALID, "found %.*s; expected a hundred years at most",
                       GS_VIEW_ARGS(text));
    }
    *ret_us = (int64_t)us;
    return 0;
}
