/* Where the agent's settings come from. */
#include "unit/check.h"

#include <stdlib.h>

#include "agent/setup.h"

static void setup__takes_the_state_folder_of_the_other_programs_unless_another_is_set(void **state)
{
    static const struct {
        const char *sim;
        const char *env;
        char *argument;
        const char *expected;
    } cases[] = {
        {NULL, NULL, NULL, "/run/gpuslice"}, /* of gpuslice mig and gpuslice-boot, too */
        {"", NULL, NULL, "/run/gpuslice"},
        {"/tmp/m", NULL, NULL, "/tmp/m/run"},
        {"/tmp/m", "/tmp/env", NULL, "/tmp/env"},
        {"/tmp/m", NULL, "--state-dir=/tmp/arg", "/tmp/arg"},
        {NULL, "/tmp/env", "--state-dir=/tmp/arg", "/tmp/arg"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char name[] = "gpuslice-agent";
        char node[] = "--node-name=one";
        char *argv[] = {name, node, cases[i].argument, NULL};
        struct gs_arena arena;
        struct gs_agentconfig config;
        struct gs_err err;
        gs_arena_init(&arena, &gs_alloc_heap, (size_t)1 << 20);
        unsetenv("GPUSLICE_SIM");
        unsetenv("GPUSLICE_STATE_DIR");
        if (cases[i].sim != NULL) {
            setenv("GPUSLICE_SIM", cases[i].sim, 1);
        }
        if (cases[i].env != NULL) {
            setenv("GPUSLICE_STATE_DIR", cases[i].env, 1);
        }
        assert_int_equal(
            gs_setup_read(cases[i].argument == NULL ? 2 : 3, argv, &arena, &config, &err), 0);
        assert_string_equal(config.state_dir, cases[i].expected);
        gs_arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setup__takes_the_state_folder_of_the_other_programs_unless_another_is_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
