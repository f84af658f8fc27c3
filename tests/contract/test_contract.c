/* The contract of the GPU port, over one implementation: the one that argv[1] names. */
#include <stdio.h>
#include <string.h>

#include "contract/behaviours.h"

const struct bed_ops *bed_now;

enum { TESTS_MAX = 96 };

static const struct bed_ops *const beds[] = {
    &bed_table,
    &bed_nvml,
};

static size_t add(struct CMUnitTest *tests, char (*names)[128], size_t n,
                  const struct behaviour *behaviours)
{
    for (; behaviours->name != NULL; behaviours++) {
        assert_true(n < TESTS_MAX);
        snprintf(names[n], sizeof(names[n]), "%s__%s", bed_now->name, behaviours->name);
        tests[n] = (struct CMUnitTest){
            .name = names[n], .test_func = behaviours->run, .teardown_func = bed_sweep};
        n++;
    }
    return n;
}

int main(int argc, char **argv)
{
    static struct CMUnitTest tests[TESTS_MAX];
    static char names[TESTS_MAX][128];
    for (size_t i = 0; argc == 2 && i < sizeof(beds) / sizeof(beds[0]); i++) {
        bed_now = strcmp(beds[i]->name, argv[1]) == 0 ? beds[i] : bed_now;
    }
    if (bed_now == NULL) {
        fprintf(stderr, "usage: test_contract table|nvml\n");
        return 2;
    }
    size_t n = add(tests, names, 0, behaviours_of_reading);
    n = add(tests, names, n, behaviours_of_cutting);
    n = add(tests, names, n, behaviours_of_mode);
    n = add(tests, names, n, behaviours_of_telling);
    add(tests, names, n, behaviours_of_watching);
    return cmocka_run_group_tests_name("contract", tests, NULL, NULL);
}
