#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "karpenter/limits.h"

#define NONE UINT64_MAX

static void limits__that_stand_in_the_way_are_named_with_their_numbers(void **state)
{
    static const struct {
        struct gs_karpenter_caps caps;
        struct gs_karpenter_sum has, more;
        const char *says; /* "": neither is in the way */
    } cases[] = {
        {{64, NONE},
         {56, 0},
         {16, 0},
         "limits.gpus is 64, 56 are there or on their way, 16 more are needed"},
        {{64, NONE}, {56, 0}, {8, 0}, ""},
        {{0, NONE},
         {0, 0},
         {1, 0},
         "limits.gpus is 0, 0 are there or on their way, 1 more are needed"},
        {{8, NONE},
         {16, 0},
         {8, 0},
         "limits.gpus is 8, 16 are there or on their way, 8 more are needed"},
        {{NONE, 180000000},
         {8, 175661136},
         {8, 21957642},
         "limits.usdPerHour is 180, what is there or on its way costs 175.661136, 21.957642 more are needed"},
        {{NONE, 180000000}, {8, 158042358}, {8, 21957642}, ""},
        {{8, 30000000},
         {8, 21957642},
         {8, 21957642},
         "limits.gpus is 8, 8 are there or on their way, 8 more are needed; limits.usdPerHour is 30, "
         "what is there or on its way costs 21.957642, 21.957642 more are needed"},
        {{NONE, NONE}, {NONE, NONE}, {NONE, NONE}, ""},
        {{1000000, NONE - 1},
         {NONE, NONE},
         {NONE, NONE},
         "limits.gpus is 1000000, 18446744073709551615 are there or on their way, "
         "18446744073709551615 more are needed; limits.usdPerHour is 18446744073709.551614, what is "
         "there or on its way costs 18446744073709.5516"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[GS_KARPENTER_LIMITS_MAX] = "before";
        bool says = gs_karpenter_say_limits(&cases[i].caps, &cases[i].has, &cases[i].more, text);
        if (says != (cases[i].says[0] != '\0') ||
            strncmp(text, cases[i].says, strlen(cases[i].says)) != 0 ||
            (!says && text[0] != '\0')) {
            fail_msg("case %zu: %s", i, text);
        }
        assert_true(strlen(text) < sizeof(text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits__that_stand_in_the_way_are_named_with_their_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
