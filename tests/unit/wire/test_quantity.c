#include "unit/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "wire/quantity.h"

#define ANY UINT64_MAX

/* Values as k8s.io/apimachinery's Quantity.Value() and MilliValue() give them. */
static const struct {
    const char *text;
    enum gs_quantity_scale scale;
    uint64_t value;
} amounts[] = {
    {"0", GS_QUANTITY_UNIT, 0},
    {"1", GS_QUANTITY_UNIT, 1},
    {"1", GS_QUANTITY_MILLI, 1000},
    {"+4", GS_QUANTITY_UNIT, 4},
    {"007", GS_QUANTITY_UNIT, 7},
    {"100m", GS_QUANTITY_MILLI, 100},
    {"100m", GS_QUANTITY_UNIT, 1},
    {"1000m", GS_QUANTITY_UNIT, 1},
    {"1001m", GS_QUANTITY_UNIT, 2},
    {"0.5", GS_QUANTITY_MILLI, 500},
    {".5", GS_QUANTITY_MILLI, 500},
    {"5.", GS_QUANTITY_MILLI, 5000},
    {"0.0001", GS_QUANTITY_MILLI, 1},
    {"1500u", GS_QUANTITY_MILLI, 2},
    {"1n", GS_QUANTITY_MILLI, 1},
    {"0n", GS_QUANTITY_MILLI, 0},
    {"1000000n", GS_QUANTITY_MILLI, 1},
    {"1000001n", GS_QUANTITY_MILLI, 2},
    {"1k", GS_QUANTITY_UNIT, 1000},
    {"1M", GS_QUANTITY_UNIT, 1000000},
    {"1G", GS_QUANTITY_UNIT, 1000000000},
    {"1T", GS_QUANTITY_UNIT, 1000000000000},
    {"1P", GS_QUANTITY_UNIT, 1000000000000000},
    {"1E", GS_QUANTITY_UNIT, 1000000000000000000},
    {"1Ki", GS_QUANTITY_UNIT, 1024},
    {"1Ki", GS_QUANTITY_MILLI, 1024000},
    {"16Gi", GS_QUANTITY_UNIT, 17179869184},
    {"1.5Gi", GS_QUANTITY_UNIT, 1610612736},
    {"0.1Ki", GS_QUANTITY_UNIT, 103}, /* 102.4 */
    {"1Ti", GS_QUANTITY_UNIT, 1ull << 40},
    {"1Pi", GS_QUANTITY_UNIT, 1ull << 50},
    {"1Ei", GS_QUANTITY_UNIT, 1ull << 60},
    {"15Ei", GS_QUANTITY_UNIT, 15ull << 60},
    /* 2^60 + 115.29...: a double cannot say this */
    {"1.0000000000000001Ei", GS_QUANTITY_UNIT, (1ull << 60) + 116},
    {"0.00000000000000000000000000000000000000000000000001Ei", GS_QUANTITY_UNIT, 1},
    {"0.00000000000000000000000000000000000000000000000000Ei", GS_QUANTITY_UNIT, 0},
    {"12e6", GS_QUANTITY_UNIT, 12000000},
    {"12E6", GS_QUANTITY_UNIT, 12000000},
    {"1e+3", GS_QUANTITY_UNIT, 1000},
    {"1500e-3", GS_QUANTITY_UNIT, 2},
    {"1e-3", GS_QUANTITY_MILLI, 1},
    {"1.25e1", GS_QUANTITY_MILLI, 12500},
    {"1e-1000", GS_QUANTITY_UNIT, 1},
    {"0e1000", GS_QUANTITY_UNIT, 0},
    {"18446744073709551615", GS_QUANTITY_UNIT, UINT64_MAX},
    {"18446744073709551.615", GS_QUANTITY_MILLI, UINT64_MAX},
    {"128974848", GS_QUANTITY_UNIT, 128974848},
    {"129e6", GS_QUANTITY_UNIT, 129000000},
    {"123Mi", GS_QUANTITY_UNIT, 128974848},
};

static void quantity__reads_what_kubernetes_reads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++) {
        uint64_t value = 77;
        struct gs_err err = {.msg = ""};
        int r = gs_quantity_parse(gs_view(amounts[i].text), amounts[i].scale, ANY, &value, &err);
        if (r != 0 || value != amounts[i].value) {
            fail_msg("\"%s\": %s, %lu in place of %lu", amounts[i].text, err.msg, value,
                     amounts[i].value);
        }
    }
}

static const char *const garbage[] = {
    "",
    "+",
    ".",
    "-1",
    "-0",
    "--1",
    "1.1.M",
    "1+1.0M",
    "0.1mi",
    "0.1am",
    "aoeu",
    ".5i",
    "1i",
    "3.01e-",
    "1e",
    "1e+",
    " 1",
    "1 ",
    "1 Gi",
    "1GiB",
    "1KI",
    "1K",
    "1B",
    "1g",
    "1ki",
    "0x10",
    "1,5",
    "1_000",
    "Ki",
    "e3",
    "1e1.5",
    "1e3Ki",
    "1e1001",
    "1ee3",
    "NaN",
    "inf",
    "1\n",
    "+-1",
    "++1",
    "m",
    "1mm",
    "١",
    "00000000000000000000000000000000000000000000000000000000000000001",
};

static void quantity__refuses_everything_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        uint64_t value = 77;
        struct gs_err err;
        int r = gs_quantity_parse(gs_view(garbage[i]), GS_QUANTITY_UNIT, ANY, &value, &err);
        if (r != GS_INVALID || value != 77) {
            fail_msg("\"%s\" was read as %lu", garbage[i], value);
        }
        assert_int_equal(err.code, GS_INVALID);
    }
}

static const struct {
    const char *text;
    enum gs_quantity_scale scale;
    uint64_t max;
} too_much[] = {
    {"11", GS_QUANTITY_UNIT, 10},
    {"10001m", GS_QUANTITY_UNIT, 10},
    {"10.0001", GS_QUANTITY_MILLI, 10000},
    {"1Ki", GS_QUANTITY_UNIT, 1023},
    {"16Ei", GS_QUANTITY_UNIT, ANY},
    {"18446744073709551616", GS_QUANTITY_UNIT, ANY},
    {"18446744073709551615", GS_QUANTITY_MILLI, ANY},
    {"18446744073709551615.1", GS_QUANTITY_UNIT, ANY},
    {"15.9999999999999999999999Ei", GS_QUANTITY_UNIT, ANY},
    {"1e1000", GS_QUANTITY_UNIT, ANY},
    {"99999999999999999999999999999999999999999999999999999999999999Ei", GS_QUANTITY_UNIT, ANY},
};

static void quantity__is_never_more_than_the_caller_takes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(too_much) / sizeof(too_much[0]); i++) {
        uint64_t value = 77;
        int r = gs_quantity_parse(gs_view(too_much[i].text), too_much[i].scale, too_much[i].max,
                                  &value, NULL);
        if (r != GS_LIMIT || value != 77) {
            fail_msg("\"%s\" was read as %lu", too_much[i].text, value);
        }
    }
}

/* Random decimals with 3 + 12 digits against 128-bit division. */
static void quantity__agrees_with_wide_division(void **state)
{
    (void)state;
    static const char *const unit[] = {"", "Ki", "Mi", "Gi", "m", "u"};
    static const uint64_t mul[] = {1, 1ull << 10, 1ull << 20, 1ull << 30, 1, 1};
    static const uint64_t div[] = {1, 1, 1, 1, 1000, 1000000};
    unsigned seed = 20240607;
    print_message("seed %u\n", seed);
    for (unsigned round = 0; round < 20000; round++) {
        uint64_t whole = (uint64_t)rand_r(&seed) % 1000;
        uint64_t billionths = (uint64_t)rand_r(&seed) % 1000000000;
        unsigned u = (unsigned)rand_r(&seed) % 6;
        char text[64];
        snprintf(text, sizeof(text), "%lu.%09lu%s", whole, billionths, unit[u]);
        unsigned __int128 top =
            (unsigned __int128)(whole * 1000000000 + billionths) * mul[u] * 1000;
        unsigned __int128 bottom = (unsigned __int128)1000000000 * div[u];
        uint64_t value = 0;
        assert_int_equal(gs_quantity_parse(gs_view(text), GS_QUANTITY_MILLI, ANY, &value, NULL), 0);
        assert_true(value == (uint64_t)((top + bottom - 1) / bottom));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantity__reads_what_kubernetes_reads),
        cmocka_unit_test(quantity__refuses_everything_else),
        cmocka_unit_test(quantity__is_never_more_than_the_caller_takes),
        cmocka_unit_test(quantity__agrees_with_wide_division),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
