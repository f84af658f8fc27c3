/* sim_test: machines for the tests of the simulated driver. */
#pragma once

#include "unit/check.h"

#include <stdlib.h>
#include <string.h>

#include "simdriver/machine.h"

/* A machine with `n` GPUs of one model, MIG on where it can be. One static machine: each call
 * makes it anew. */
static inline struct sim_machine *machine_of(uint32_t driver, const char *model_name, unsigned n)
{
    static struct sim_machine machine;
    const struct gs_model *model = NULL;
    assert_int_equal(sim_model_find(gs_view(model_name), &model, NULL), 0);
    assert_int_equal(sim_machine_init(&machine, driver), SIM_OK);
    for (unsigned i = 0; i < n; i++) {
        int status;
        struct gs_err err = {.msg = ""};
        assert_int_equal(sim_machine_add_gpu(&machine, model, NULL, "test", false, &err), 0);
        if (model->n_profiles > 0) {
            assert_int_equal(sim_mode_set(&machine, i, 1, 1, &status), SIM_OK);
            assert_int_equal(status, SIM_OK);
        }
    }
    assert_int_equal(sim_machine_check(&machine, NULL), 0);
    return &machine;
}

/* The driver's id of a profile by its name. */
static inline uint32_t id_of(const struct sim_machine *machine, const char *name)
{
    const struct gs_model *model = sim_gpu_model(&machine->gpus[0]);
    for (unsigned i = 0; i < model->n_profiles; i++) {
        if (strcmp(model->profiles[i].name, name) == 0) {
            return model->profiles[i].nvml_profile_id;
        }
    }
    fail_msg("%s lacks %s", model->id, name);
    return SIM_NONE;
}

static inline uint32_t create(struct sim_machine *machine, const char *name, uint32_t start)
{
    struct sim_gi_profile kind;
    uint32_t gi = SIM_NONE;
    uint32_t id = id_of(machine, name);
    assert_int_equal(sim_gi_profile_by_id(machine, 0, id, &kind), SIM_OK);
    assert_int_equal(sim_gi_create(machine, 0, id, start, kind.size, &gi), SIM_OK);
    assert_int_equal(sim_machine_check(machine, NULL), 0);
    return gi;
}

/* A CI over the whole GI. */
static inline uint32_t create_ci(struct sim_machine *machine, uint32_t gi)
{
    struct sim_gi_profile kind;
    uint32_t ci = SIM_NONE;
    sim_gi_profile_of(machine, 0, gi, &kind);
    for (uint32_t p = 0; p < 9; p++) {
        struct sim_ci_profile c;
        if (sim_ci_profile(machine, 0, gi, p, 0, &c) == SIM_OK &&
            c.compute_slices == kind.compute_slices) {
            assert_int_equal(sim_ci_create(machine, 0, gi, c.id, SIM_NONE, 0, &ci), SIM_OK);
            assert_int_equal(sim_machine_check(machine, NULL), 0);
            return ci;
        }
    }
    fail_msg("no CI profile for the whole GI");
    return SIM_NONE;
}
