#include "sim/run.h"

/* A way to run a job: a profile, or a whole GPU. */
struct choice {
    uint8_t profile; /* GS_SIM_WHOLE */
    uint16_t rate;
    uint32_t cost; /* thousandths of a GPU's memory, by the time that the job takes there */
};

static bool bears(const struct gs_sim_run *run, unsigned rate)
{
    uint32_t most = run->world->slowdown_max_permille;
    return rate > 0 && (most == 0 || 1000000u <= (uint64_t)most * rate);
}

/* Every profile that is no smaller than what the job needs and on which its speed is known. */
static unsigned list_choices(const struct gs_sim_run *run, const struct gs_sim_task *t,
                             struct choice *choices)
{
    const struct gs_model *model = run->world->model;
    const struct gs_profile *least = &model->profiles[t->profile];
    unsigned n = 0;
    for (unsigned p = 0; p < model->n_profiles; p++) {
        const struct gs_profile *profile = &model->profiles[p];
        unsigned rate = t->speed->permille[p];
        if (gs_policy_table_has(run->rules->decisions, p) && (int)p != run->full_profile &&
            profile->memory_units >= least->memory_units &&
            profile->compute_slices >= least->compute_slices && bears(run, rate)) {
            choices[n++] = (struct choice){.profile = (uint8_t)p,
                                           .rate = (uint16_t)rate,
                                           .cost = 1000000u * profile->memory_units /
                                                   (model->memory_units * rate)};
        }
    }
    choices[n++] = (struct choice){.profile = GS_SIM_WHOLE, .rate = 1000, .cost = 1000};
    return n;
}

/* `fast`: the faster first; else the one that takes the least of a GPU for the work. */
static void order(struct choice *choices, unsigned n, bool fast)
{
    for (unsigned i = 1; i < n; i++) {
        struct choice choice = choices[i];
        unsigned at = i;
        for (; at > 0; at--) {
            const struct choice *other = &choices[at - 1];
            bool first = fast || choice.cost == other->cost ? choice.rate > other->rate
                                                            : choice.cost < other->cost;
            if (!first) {
                break;
            }
            choices[at] = *other;
        }
        choices[at] = choice;
    }
}

static int place_as(struct gs_sim_run *run, uint32_t task, const struct choice *choice, bool buy,
                    struct gs_err *err)
{
    return choice->profile == GS_SIM_WHOLE
               ? gs_sim_place_gpus(run, task, buy, err)
               : gs_sim_place_slice(run, task, choice->profile, buy, err);
}

int gs_sim_mold(struct gs_sim_run *run, uint32_t task, struct gs_err *err)
{
    struct choice choices[GS_PROFILES_MAX + 1];
    unsigned n = list_choices(run, gs_sim_task_at(run, task), choices);
    bool wide = !run->world->elastic && run->waiting[0] == 0 && run->waiting[1] == 0;
    order(choices, n, wide);
    for (unsigned i = 0; i < n; i++) {
        int r = place_as(run, task, &choices[i], false, err);
        if (r != 0) {
            return r;
        }
    }
    return place_as(run, task, &choices[0], true, err);
}
