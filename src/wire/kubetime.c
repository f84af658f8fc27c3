#include "wire/kubetime.h"

#include <stdio.h>

enum { DAY_S = 86400, HOUR_S = 3600, MINUTE_S = 60, YEAR_MAX = 9999, MICRO_DIGITS = 6 };

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar; the year begins in March
 * here, so that the leap day is its last. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = year / 400;
    unsigned of_era = (unsigned)(year - era * 400);
    unsigned of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    unsigned days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    return era * 146097 + (int64_t)days - 719468;
}

static void date_of(int64_t days, unsigned *ret_year, unsigned *ret_month, unsigned *ret_day)
{
    days += 719468;
    int64_t era = days / 146097;
    unsigned of_era = (unsigned)(days - era * 146097);
    unsigned years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * years + years / 4 - years / 100);
    unsigned month = (5 * of_year + 2) / 153;
    *ret_day = of_year - (153 * month + 2) / 5 + 1;
    *ret_month = month < 10 ? month + 3 : month - 9;
    *ret_year = (unsigned)(years + era * 400) + (*ret_month <= 2);
}

void gs_kubetime_format(uint64_t us, char ret[GS_KUBETIME_MAX])
{
    unsigned year;
    unsigned month;
    unsigned day;
    uint64_t s = us / 1000000;
    date_of((int64_t)(s / DAY_S), &year, &month, &day);
    year = year > YEAR_MAX ? YEAR_MAX : year;
    unsigned of_day = (unsigned)(s % DAY_S);
    char text[64]; /* for the compiler, which does not know how large the parts are */
    snprintf(text, sizeof(text), "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ", year, month, day,
             of_day / HOUR_S, of_day / MINUTE_S % 60, of_day % 60, (unsigned)(us % 1000000));
    memcpy(ret, text, GS_KUBETIME_MAX);
}

/* Exactly `digits` digits, at most `max`. */
static bool number(struct gs_view *text, size_t digits, unsigned max, unsigned *ret)
{
    uint64_t value;
    if (text->n < digits ||
        !gs_view_is_u64((struct gs_view){.p = text->p, .n = digits}, max, &value)) {
        return false;
    }
    text->p += digits;
    text->n -= digits;
    *ret = (unsigned)value;
    return true;
}

static bool part_of_second(struct gs_view *text, unsigned *ret_us)
{
    unsigned n = 0;
    *ret_us = 0;
    if (!gs_view_skip(text, ".")) {
        return true;
    }
    for (unsigned digit; number(text, 1, 9, &digit); n++) {
        *ret_us = n < MICRO_DIGITS ? *ret_us * 10 + digit : *ret_us;
    }
    for (unsigned i = n; i < MICRO_DIGITS; i++) {
        *ret_us *= 10;
    }
    return n > 0 && n <= 9;
}

static bool offset(struct gs_view *text, int *ret_s)
{
    unsigned hours;
    unsigned minutes;
    *ret_s = 0;
    if (gs_view_skip(text, "Z")) {
        return true;
    }
    bool west = gs_view_skip(text, "-");
    if (!west && !gs_view_skip(text, "+")) {
        return false;
    }
    if (!number(text, 2, 23, &hours) || !gs_view_skip(text, ":") ||
        !number(text, 2, 59, &minutes)) {
        return false;
    }
    *ret_s = (int)(hours * HOUR_S + minutes * MINUTE_S);
    *ret_s = west ? -*ret_s : *ret_s;
    return true;
}

static unsigned days_in(unsigned year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1U : 0U);
}

int gs_kubetime_parse(struct gs_view text, uint64_t *ret_us, struct gs_err *err)
{
    struct gs_view rest = text;
    unsigned year;
    unsigned month;
    unsigned day;
    unsigned hour;
    unsigned minute;
    unsigned second;
    unsigned us;
    int offset_s;
    if (number(&rest, 4, YEAR_MAX, &year) && gs_view_skip(&rest, "-") &&
        number(&rest, 2, 12, &month) && gs_view_skip(&rest, "-") && number(&rest, 2, 31, &day) &&
        gs_view_skip(&rest, "T") && number(&rest, 2, 23, &hour) && gs_view_skip(&rest, ":") &&
        number(&rest, 2, 59, &minute) && gs_view_skip(&rest, ":") &&
        number(&rest, 2, 60, &second) && part_of_second(&rest, &us) && offset(&rest, &offset_s) &&
        rest.n == 0 && year >= 1970 && month >= 1 && day >= 1 && day <= days_in(year, month)) {
        int64_t s = days_of(year, month, day) * DAY_S + (int64_t)hour * HOUR_S +
                    (int64_t)minute * MINUTE_S + second - offset_s;
        if (s >= 0) {
            *ret_us = (uint64_t)s * 1000000 + us;
            return 0;
        }
    }
    return gs_fail(err, GS_INVALID, "\"%.*s\": expected a moment such as 2026-01-02T03:04:05Z",
                   text.n > 60 ? 60 : (int)text.n, text.p);
}
