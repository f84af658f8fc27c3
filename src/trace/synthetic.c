/* synthetic: work drawn from a seed. A Poisson stream of arrivals, its rate with or without a daily
 * wave; lengths constant, exponential or lognormal; a mix of what is asked for. The same text and
 * the same seed give the same asks. */
#include <math.h>
#include <stdio.h>

#include "core/profile_name.h"
#include "sim/random.h"
#include "trace/field.h"
#include "trace/reader.h"

enum { ITEMS_MAX = 64, WEIGHT_MAX = 1000000, SIGMA_MILLI_MAX = 10000 };
#define JOBS_MAX 1000000000ull
#define RATE_MICRO_MAX 1000000000000ull /* of an hour, in millionths: a million an hour */
#define DAY_US 86400000000ll

enum law { CONSTANT, EXPONENTIAL, LOGNORMAL };

struct item {
    uint32_t weight;
    uint32_t gpus;
    uint32_t milli;
    const char *profile;
    const char *work;
};

struct synthetic {
    struct gs_random random;
    double mean_gap_us; /* at the mean rate */
    double diurnal;     /* 0 to 1: how far the rate swings around its mean in a day */
    enum law law;
    double length_us; /* constant, mean, or median */
    double sigma;
    struct item items[ITEMS_MAX];
    unsigned n_items;
    uint32_t weights; /* of all items together */
    int64_t until_us;
    uint64_t jobs;
    bool has_rate;
    bool has_length;
    bool has_end;
    double now_us;
    uint64_t drawn;
};

/* ---- reading the text ---- */

/* The part before the first comma that is in no brackets. */
static struct gs_view take_part(struct gs_view *rest)
{
    size_t depth = 0;
    for (size_t i = 0; i < rest->n; i++) {
        depth += rest->p[i] == '(';
        depth -= rest->p[i] == ')' && depth > 0;
        if (rest->p[i] == ',' && depth == 0) {
            struct gs_view part = {.p = rest->p, .n = i};
            *rest = (struct gs_view){.p = rest->p + i + 1, .n = rest->n - i - 1};
            return part;
        }
    }
    struct gs_view part = *rest;
    *rest = (struct gs_view){0};
    return part;
}

static int read_rate(struct synthetic *own, struct gs_view value, struct gs_err *err)
{
    struct gs_view unit = value;
    struct gs_view number = gs_view_split(&unit, '/');
    double unit_us = gs_view_eq(unit, "s")   ? 1e6
                     : gs_view_eq(unit, "m") ? 60e6
                     : gs_view_eq(unit, "h") ? 3600e6
                     : gs_view_eq(unit, "d") ? 86400e6
                                             : 0;
    uint64_t micro;
    if (unit_us == 0) {
        return gs_fail(err, GS_INVALID, "found \"%.*s\"; expected a number and /s, /m, /h or /d",
                       GS_VIEW_ARGS(value));
    }
    int r = gs_field_decimal(number, 6, RATE_MICRO_MAX, false, &micro, err);
    if (r < 0) {
        return r;
    }
    if (micro == 0) {
        return gs_fail(err, GS_INVALID, "found a rate of 0; expected more");
    }
    own->mean_gap_us = unit_us * 1e6 / (double)micro;
    own->has_rate = true;
    return 0;
}

/* "name(a,b)" or "name(a)": *value becomes what is in the brackets. */
static bool take_law(struct gs_view *value, const char *name)
{
    struct gs_view rest = *value;
    if (!gs_view_skip(&rest, name) || !gs_view_skip(&rest, "(") || rest.n == 0 ||
        rest.p[rest.n - 1] != ')') {
        return false;
    }
    *value = (struct gs_view){.p = rest.p, .n = rest.n - 1};
    return true;
}

static int read_duration(struct synthetic *own, struct gs_view value, struct gs_err *err)
{
    int64_t length;
    uint64_t sigma = 0;
    own->law = take_law(&value, "exp")         ? EXPONENTIAL
               : take_law(&value, "lognormal") ? LOGNORMAL
                                               : CONSTANT;
    struct gs_view behind = value;
    struct gs_view first = gs_view_split(&behind, ',');
    int r = gs_field_span(gs_view_trim(first), &length, err);
    if (r < 0) {
        return r;
    }
    if ((own->law == LOGNORMAL) != (behind.p != NULL)) {
        return gs_fail(
            err, GS_INVALID,
            "expected SPAN, exp(MEAN) or lognormal(MEDIAN,SIGMA), as lognormal(600s,0.8)");
    }
    if (own->law == LOGNORMAL &&
        gs_field_decimal(gs_view_trim(behind), 3, SIGMA_MILLI_MAX, false, &sigma, err) < 0) {
        return gs_wrap(err, GS_INVALID, "sigma");
    }
    if (length < 1) {
        return gs_fail(err, GS_INVALID, "found a length of 0; expected more");
    }
    own->length_us = (double)length;
    own->sigma = (double)sigma / 1000;
    own->has_length = true;
    return 0;
}

/* What one item of the mix asks for: "1g", "1g.10gb", "460m", "gpu", "4gpu", or work by name. */
static int read_item(struct gs_trace *trace, struct gs_view name, struct item *item,
                     struct gs_err *err)
{
    struct gs_profile_name parts;
    struct gs_view rest = name;
    uint64_t number = 1;
    bool counted = gs_view_u64(&rest, 1000, &number);
    item->gpus = 1;
    item->milli = GS_NOT_KNOWN;
    if (gs_view_eq(rest, "gpu")) {
        item->gpus = (uint32_t)number;
        return number >= 1 && number <= GS_TRACE_GPUS_MAX
                   ? 0
                   : gs_fail(err, GS_INVALID, "found %llu GPUs; expected 1 to %d",
                             (unsigned long long)number, GS_TRACE_GPUS_MAX);
    }
    if (counted && gs_view_eq(rest, "m")) {
        item->milli = (uint32_t)number;
        return number > 0 ? 0 : gs_fail(err, GS_INVALID, "found 0m; expected 1m to 1000m");
    }
    bool slices = counted && gs_view_eq(rest, "g");
    if (!slices && counted && gs_profile_name_parse(name, &parts, err) < 0) {
        return GS_INVALID;
    }
    if (name.n == 0 || gs_view_has_control(name, "")) {
        return gs_fail(err, GS_INVALID, "found an item without a name; expected one like 1g:60");
    }
    return gs_texts_keep(&trace->texts, name, counted ? &item->profile : &item->work, err);
}

static int read_mix(struct gs_trace *trace, struct gs_view value, struct gs_err *err)
{
    struct synthetic *own = trace->own;
    for (struct gs_view rest = value; rest.p != NULL;) {
        struct gs_view weight_text = gs_view_trim(gs_view_split(&rest, '+'));
        struct gs_view name = gs_view_split(&weight_text, ':');
        uint64_t weight = 1;
        if (own->n_items == ITEMS_MAX) {
            return gs_fail(err, GS_INVALID, "more than %d items; expected less", ITEMS_MAX);
        }
        if (weight_text.p != NULL &&
            (!gs_view_is_u64(weight_text, WEIGHT_MAX, &weight) || weight == 0)) {
            return gs_fail(err, GS_INVALID, "found weight \"%.*s\"; expected 1 to %d",
                           GS_VIEW_ARGS(weight_text), WEIGHT_MAX);
        }
        struct item *item = &own->items[own->n_items++];
        item->weight = (uint32_t)weight;
        own->weights += item->weight;
        int r = read_item(trace, name, item, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int read_end(struct synthetic *own, struct gs_view key, struct gs_view value,
                    struct gs_err *err)
{
    own->has_end = true;
    if (gs_view_eq(key, "jobs")) {
        int r = gs_field_whole(value, JOBS_MAX, &own->jobs, err);
        return r == 0 && own->jobs == 0 ? gs_fail(err, GS_INVALID, "found 0; expected more") : r;
    }
    uint64_t micro;
    uint64_t unit = gs_view_eq(key, "days") ? 86400 : 3600;
    int r = gs_field_decimal(value, 6, (uint64_t)GS_SIM_TIME_MAX / unit, false, &micro, err);
    if (r == 0) {
        own->until_us = (int64_t)(micro * unit);
    }
    return r == 0 && micro == 0 ? gs_fail(err, GS_INVALID, "found 0; expected more") : r;
}

static int read_part(struct gs_trace *trace, struct gs_view key, struct gs_view value,
                     struct gs_err *err)
{
    struct synthetic *own = trace->own;
    uint64_t milli;
    if (gs_view_eq(key, "rate")) {
        return read_rate(own, value, err);
    }
    if (gs_view_eq(key, "duration")) {
        return read_duration(own, value, err);
    }
    if (gs_view_eq(key, "mix")) {
        return read_mix(trace, value, err);
    }
    if (gs_view_eq(key, "diurnal")) {
        int r = gs_field_decimal(value, 3, 1000, false, &milli, err);
        own->diurnal = r == 0 ? (double)milli / 1000 : 0;
        return r;
    }
    if (gs_view_eq(key, "days") || gs_view_eq(key, "hours") || gs_view_eq(key, "jobs")) {
        return read_end(own, key, value, err);
    }
    return gs_fail(err, GS_INVALID,
                   "found \"%.*s\"; expected rate, duration, mix, days, hours, jobs or diurnal",
                   GS_VIEW_ARGS(key));
}

/* Where jobs= says nothing, the rate and the time do. */
static int check_jobs(const struct synthetic *own, struct gs_err *err)
{
    double jobs = (double)own->until_us / own->mean_gap_us;
    if (own->jobs > 0 || jobs <= (double)JOBS_MAX) {
        return 0;
    }
    return gs_fail(err, GS_INVALID,
                   "synthetic: found %.3g jobs by rate and time; expected %llu at most: a lower "
                   "rate, fewer days, or jobs=N",
                   jobs, JOBS_MAX);
}

static int begin(struct gs_trace *trace, struct gs_err *err)
{
    struct synthetic *own = GS_ARENA_NEW(&trace->arena, struct synthetic, 1);
    if (own == NULL) {
        return gs_trace_no_memory(trace, err);
    }
    trace->own = own;
    own->until_us = GS_SIM_TIME_MAX;
    gs_random_init(&own->random, trace->options.seed);
    for (struct gs_view rest = trace->options.text; rest.p != NULL && rest.n > 0;) {
        struct gs_view value = gs_view_trim(take_part(&rest));
        struct gs_view key = gs_view_split(&value, '=');
        int r = read_part(trace, key, value, err);
        if (r < 0) {
            return gs_wrap(err, r, "synthetic: %.*s", GS_VIEW_ARGS(key));
        }
    }
    if (!own->has_rate || !own->has_length || own->n_items == 0 || !own->has_end) {
        return gs_fail(err, GS_INVALID,
                       "synthetic: found no %s; expected "
                       "rate=60/h,duration=lognormal(600s,0.8),mix=1g:60+2g:40,days=7",
                       !own->has_rate      ? "rate"
                       : !own->has_length  ? "duration"
                       : own->n_items == 0 ? "mix"
                                           : "days, hours or jobs");
    }
    int r = check_jobs(own, err);
    own->jobs = own->jobs == 0 ? 2 * JOBS_MAX : own->jobs; /* drawn, it may be a few more */
    return r;
}

/* ---- drawing ---- */

/* 0 to 1, of 53 random bits. */
static double draw_unit(struct gs_random *random)
{
    return (double)(gs_random_u64(random) >> 11) * 0x1p-53;
}

/* Normal with mean 0 and deviation 1: Marsaglia's polar method, one of each pair. */
static double draw_normal(struct gs_random *random)
{
    for (;;) {
        double u = 2 * draw_unit(random) - 1;
        double v = 2 * draw_unit(random) - 1;
        double s = u * u + v * v;
        if (s > 0 && s < 1) {
            return u * sqrt(-2 * log(s) / s);
        }
    }
}

static int64_t draw_length(struct synthetic *own)
{
    double length = own->length_us;
    switch (own->law) {
    case CONSTANT:
        break;
    case EXPONENTIAL:
        length *= gs_random_exp(&own->random);
        break;
    case LOGNORMAL:
        length *= exp(own->sigma * draw_normal(&own->random));
        break;
    }
    double most = (double)GS_SIM_TIME_MAX;
    return length < 1 ? 1 : length > most ? GS_SIM_TIME_MAX : (int64_t)length;
}

/* The rate at this time against the mean: a triangle, lowest at midnight, highest at noon. */
static double wave(const struct synthetic *own)
{
    double phase = fmod(own->now_us, (double)DAY_US) / (double)DAY_US;
    return 1 + own->diurnal * (1 - 4 * fabs(phase - 0.5));
}

/* The next arrival: of a stream at the highest rate, each is kept with the chance that the wave
 * gives it. False: behind the end. */
static bool draw_arrival(struct synthetic *own)
{
    double highest = 1 + own->diurnal;
    do {
        own->now_us += own->mean_gap_us / highest * gs_random_exp(&own->random);
        if (own->now_us >= (double)own->until_us) {
            return false;
        }
    } while (own->diurnal > 0 && draw_unit(&own->random) * highest >= wave(own));
    return true;
}

static int draw(struct gs_trace *trace, struct gs_err *err)
{
    struct synthetic *own = trace->own;
    (void)err;
    if (own->drawn == own->jobs || !draw_arrival(own)) {
        return 0;
    }
    uint32_t at = gs_random_below(&own->random, own->weights);
    const struct item *item = own->items;
    for (; at >= item->weight; item++) {
        at -= item->weight;
    }
    struct gs_trace_ask ask = gs_trace_nothing_known();
    ask.created_us = (int64_t)own->now_us;
    ask.run_us = draw_length(own);
    ask.gpus = item->gpus;
    ask.milli = item->milli;
    ask.profile = item->profile;
    ask.work = item->work;
    trace->row = ++own->drawn;
    trace->totals.input_rows++;
    (void)gs_trace_put(trace, &ask, 1);
    return 1;
}

const struct gs_trace_reader gs_trace_reader_synthetic = {
    .name = "synthetic", .begin = begin, .draw = draw};
