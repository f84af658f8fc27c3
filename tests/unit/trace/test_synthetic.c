#include "unit/trace/bed.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void draw_text(struct bed *bed, const char *text, uint64_t seed)
{
    struct gs_view view = gs_view(text);
    bed_read(bed, "synthetic", &view, 1, (struct bed_options){.seed = seed});
}

static void synthetic__the_same_seed_gives_the_same_asks(void **state)
{
    static const char text[] = "rate=60/h,duration=lognormal(600s,0.8),mix=1g:60+460m:20+4gpu+"
                               "resnet_train64:5,days=2,diurnal=0.5";
    struct bed one;
    struct bed same;
    struct bed other;
    (void)state;
    draw_text(&one, text, 7);
    draw_text(&same, text, 7);
    draw_text(&other, text, 8);
    assert_true(one.n > 2000);
    assert_int_equal(one.n, same.n);
    for (size_t i = 0; i < one.n; i++) {
        assert_int_equal(one.asks[i].arrive_us, same.asks[i].arrive_us);
        assert_int_equal(one.asks[i].run_us, same.asks[i].run_us);
        assert_int_equal(one.asks[i].milli, same.asks[i].milli);
    }
    assert_int_not_equal(one.asks[0].arrive_us, other.asks[0].arrive_us);
    bed_done(&one);
    bed_done(&same);
    bed_done(&other);
}

static void synthetic__the_mix_the_rate_and_the_lengths_are_those_asked_for(void **state)
{
    struct bed bed;
    double sum = 0;
    unsigned short_ones = 0;
    unsigned slices = 0;
    (void)state;
    draw_text(&bed, "rate=100/h,duration=lognormal(10m,1),mix=1g.5gb:3+gpu:1,jobs=20000", 1);
    assert_int_equal(bed.n, 20000);
    for (size_t i = 0; i < bed.n; i++) {
        short_ones += bed.asks[i].run_us < 600000000;
        slices += bed.asks[i].profile != NULL;
        sum += (double)bed.asks[i].run_us / 6e8;
    }
    assert_in_range(short_ones, 9800, 10200); /* half are below the median */
    assert_in_range(slices, 14800, 15200);
    assert_true(fabs(sum / 20000 - exp(0.5)) < 0.05);
    double hours = (double)bed.asks[19999].arrive_us / 3.6e9;
    assert_true(fabs(hours - 200) < 5);
    bed_done(&bed);
}

static void synthetic__the_day_has_more_at_noon_than_at_midnight(void **state)
{
    struct bed bed;
    unsigned noon = 0;
    unsigned night = 0;
    (void)state;
    draw_text(&bed, "rate=600/d,duration=60,mix=gpu,days=30,diurnal=0.5", 3);
    assert_in_range(bed.n, 17400, 18600); /* the mean stays */
    for (size_t i = 0; i < bed.n; i++) {
        int64_t hour = bed.asks[i].arrive_us / 3600000000ll % 24;
        noon += hour >= 9 && hour < 15;
        night += hour >= 21 || hour < 3;
    }
    /* by the triangle 1.25 + 0.125 and its mirror: 1.375 against 0.625 of the mean */
    assert_true(fabs((double)noon / night - 1.375 / 0.625) < 0.2);
    bed_done(&bed);
}

static void synthetic__a_wrong_text_says_what_is_wrong(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"rate=60,duration=60,mix=gpu,days=1", "synthetic: rate: found \"60\"; expected a number"},
        {"rate=1000/s,duration=1s,mix=1g:1,days=36500",
         "synthetic: found 3.15e+12 jobs by rate and time; expected 1000000000 at most"},
        {"rate=0/h,duration=60,mix=gpu,days=1", "synthetic: rate: found a rate of 0"},
        {"rate=-1/h,duration=60,mix=gpu,days=1", "synthetic: rate: found -1, which is negative"},
        {"rate=1/h,duration=0,mix=gpu,days=1", "synthetic: duration: found a length of 0"},
        {"rate=1/h,duration=lognormal(60),mix=gpu,days=1", "synthetic: duration: expected SPAN"},
        {"rate=1/h,duration=gamma(60),mix=gpu,days=1", "synthetic: duration: found \"gamma(60)\""},
        {"rate=1/h,duration=lognormal(,mix=gpu,days=1", "synthetic: duration: found "},
        {"rate=1/h,duration=exp(,mix=gpu", "synthetic: duration: found"},
        {"rate=1/h,duration=60,mix=9x:1,days=1", "synthetic: mix: \"9x\""},
        {"rate=1/h,duration=60,mix=gpu:0,days=1", "synthetic: mix: found weight \"0\""},
        {"rate=1/h,duration=60,mix=65gpu,days=1", "synthetic: mix: found 65 GPUs"},
        {"rate=1/h,duration=60,mix=0m,days=1", "synthetic: mix: found 0m"},
        {"rate=1/h,duration=60,mix=gpu+,days=1", "synthetic: mix: found an item without a name"},
        {"rate=1/h,duration=60,mix=gpu,days=0", "synthetic: days: found 0"},
        {"rate=1/h,duration=60,mix=gpu,diurnal=1.5", "synthetic: diurnal: found 1.5; expected 1"},
        {"rate=1/h,duration=60,mix=gpu,speed=1",
         "synthetic: speed: found \"speed\"; expected rate"},
        {"rate=1/h,duration=60,mix=gpu", "synthetic: found no days, hours or jobs"},
        {"rate=1/h,mix=gpu,days=1", "synthetic: found no duration"},
        {"", "synthetic: found no rate"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bed bed;
        draw_text(&bed, cases[i].text, 0);
        assert_int_equal(bed.r, GS_INVALID);
        if (strncmp(bed.err.msg, cases[i].says, strlen(cases[i].says)) != 0) {
            fail_msg("\"%s\"; expected \"%s...\"", bed.err.msg, cases[i].says);
        }
        bed_done(&bed);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(synthetic__the_same_seed_gives_the_same_asks),
        cmocka_unit_test(synthetic__the_mix_the_rate_and_the_lengths_are_those_asked_for),
        cmocka_unit_test(synthetic__the_day_has_more_at_noon_than_at_midnight),
        cmocka_unit_test(synthetic__a_wrong_text_says_what_is_wrong),
    };
    return cmocka_run_group_tests_name("synthetic", tests, NULL, NULL);
}
