#include <stdio.h>
#include <string.h>

#include "simdriver/inside.h"

/* NVML_COMPUTE_INSTANCE_PROFILE_*: slices of each. Note the order. */
static const uint8_t ci_slices[] = {1, 2, 3, 4, 7, 8, 6, 1, 7};
enum { CI_REV1 = 7, CI_NVL = 8, CI_PROFILES = 9, CI_PROFILES_450 = 7 };

bool sim_profile_is_offered(const struct sim_machine *machine, const struct gs_profile *profile,
                            const struct gs_model *model)
{
    const struct sim_driver *driver = sim_driver_find(machine->driver_major);
    return model->placements_known && profile->nvml_profile <= driver->last_profile;
}

/* ---- What the catalogue does not know. Nothing of it is ever seen by the planner. ---- */

/* SMs of the smallest profile; 18 is what a Blackwell 1g has. */
static uint32_t slice_sms(const struct gs_model *model)
{
    uint32_t known = model->profiles[0].sm_count;
    return known == GS_NOT_KNOWN ? 18 : known;
}

/* A little less than the profile's share, as where it is known: NVIDIA's rule then rounds it up to
 * the share, which gives the profile its name. */
static uint64_t estimated_mib(const struct sim_gpu *gpu, const struct gs_model *model,
                              const struct gs_profile *profile)
{
    uint64_t share = sim_gpu_memory_mib(gpu) * profile->memory_units / model->memory_units;
    return (share - share / 50) / 64 * 64;
}

/* As many a slice as the smallest profile has, where that is known: a GPU must not have fewer than
 * its slices take together. */
static uint32_t estimated_engines(const struct gs_model *model, const struct gs_profile *profile,
                                  unsigned engine)
{
    uint32_t known = model->profiles[0].engines[engine];
    uint32_t a_slice = known == GS_NOT_KNOWN || known == 0 ? 1 : known;
    switch ((enum gs_engine)engine) {
    case GS_ENGINE_COPY:
    case GS_ENGINE_DECODER:
    case GS_ENGINE_JPEG:
        return a_slice * profile->compute_slices;
    case GS_ENGINE_OFA:
        return profile->compute_slices == model->compute_slices || profile->parts.sign == '+';
    case GS_ENGINE_ENCODER:
    case GS_ENGINES:
        break;
    }
    return 0;
}

static void fill_estimates(const struct sim_gpu *gpu, const struct gs_model *model,
                           const struct gs_profile *profile, struct sim_gi_profile *ret)
{
    ret->memory_mib = profile->memory_mib;
    ret->sm_count = profile->sm_count;
    if (profile->memory_mib == GS_NOT_KNOWN) {
        ret->memory_mib = estimated_mib(gpu, model, profile);
        ret->estimated = true;
    }
    if (profile->sm_count == GS_NOT_KNOWN) {
        ret->sm_count = slice_sms(model) * profile->compute_slices;
        ret->estimated = true;
    }
    for (unsigned i = 0; i < GS_ENGINES; i++) {
        ret->engines[i] = profile->engines[i];
        if (profile->engines[i] == GS_NOT_KNOWN) {
            ret->engines[i] = estimated_engines(model, profile, i);
            ret->estimated = true;
        }
    }
}

/* ---- GIs ---- */

/* mig-parted does not trust what NVML says of A30 and has its own numbers. Which wrong ones it saw
 * is not written; a guess: those of a GA100 that is not reduced. */
static uint32_t told_instances(const struct sim_machine *machine, const struct gs_model *model,
                               const struct gs_profile *profile)
{
    if (machine->driver_major <= 525 && strcmp(model->family, "A30") == 0 &&
        profile->parts.sign == 0) {
        return profile->compute_slices == 1 ? 7 : profile->compute_slices == 2 ? 3 : 1;
    }
    return profile->max_instances;
}

static void fill_gi(const struct sim_machine *machine, unsigned gpu, unsigned index,
                    struct sim_gi_profile *ret)
{
    const struct sim_gpu *g = &machine->gpus[gpu];
    const struct gs_model *model = sim_gpu_model(g);
    const struct gs_profile *profile = &model->profiles[index];
    *ret = (struct sim_gi_profile){
        .profile = profile->nvml_profile,
        .id = profile->nvml_profile_id,
        .index = index,
        .compute_slices = profile->compute_slices,
        .max_instances = told_instances(machine, model, profile),
        .size = profile->memory_units,
        .starts = profile->starts,
        .gfx = strcmp(profile->parts.attrs, "gfx") == 0,
    };
    fill_estimates(g, model, profile, ret);
    snprintf(ret->name, sizeof(ret->name), "%s", profile->name);
}

void sim_gi_profile_of(const struct sim_machine *machine, unsigned gpu, uint32_t gi,
                       struct sim_gi_profile *ret)
{
    fill_gi(machine, gpu, machine->gpus[gpu].gis[gi].profile, ret);
}

int sim_gi_profile(const struct sim_machine *machine, unsigned gpu, uint32_t profile,
                   struct sim_gi_profile *ret)
{
    const struct sim_gpu *g;
    int r = sim_gpu_get(machine, gpu, &g);
    if (r != SIM_OK) {
        return r;
    }
    if (profile > sim_driver_find(machine->driver_major)->last_profile) {
        return SIM_INVALID_ARGUMENT;
    }
    if (machine->driver_major == 535 && !g->mode) {
        return SIM_NOT_SUPPORTED;
    }
    const struct gs_model *model = sim_gpu_model(g);
    for (unsigned i = 0; i < model->n_profiles; i++) {
        if (model->profiles[i].nvml_profile == profile &&
            sim_profile_is_offered(machine, &model->profiles[i], model)) {
            fill_gi(machine, gpu, i, ret);
            return SIM_OK;
        }
    }
    return SIM_NOT_SUPPORTED;
}

int sim_gi_profile_by_id(const struct sim_machine *machine, unsigned gpu, uint32_t id,
                         struct sim_gi_profile *ret)
{
    const struct sim_gpu *g;
    int r = sim_gpu_get(machine, gpu, &g);
    if (r != SIM_OK) {
        return r;
    }
    const struct gs_model *model = sim_gpu_model(g);
    for (unsigned i = 0; i < model->n_profiles; i++) {
        if (model->profiles[i].nvml_profile_id == id &&
            sim_profile_is_offered(machine, &model->profiles[i], model)) {
            fill_gi(machine, gpu, i, ret);
            return SIM_OK;
        }
    }
    return model->n_profiles == 0 ? SIM_NOT_SUPPORTED : SIM_INVALID_ARGUMENT;
}

/* ---- CIs ---- */

/* The slices at which a CI of so many may start in a GI of so many: as those of GIs, 1 anywhere, 2
 * at even ones, 3 and 4 at 0 and 4 (a rule; transcripts show the counts only). */
static uint32_t ci_starts(unsigned slices, unsigned of)
{
    unsigned step = slices <= 2 ? slices : 4;
    uint32_t starts = 0;
    for (unsigned s = 0; s + slices <= of; s += step) {
        starts |= 1u << s;
    }
    return starts;
}

/* The whole GI, or a part of 1 to 4 slices; 3 slices are none of a 4g's kinds (-lcip, user guide).
 */
static bool gi_has_ci(unsigned of, unsigned slices)
{
    return slices == of || (slices < of && slices <= 4 && !(of == 4 && slices == 3));
}

/* Since Hopper, where a 1g with double memory has more SMs than a 1g, a 2g offers a second kind of
 * 1-slice CI with as many (-lcip of an H100). 0: there is none. */
static uint32_t rev1_sms(const struct gs_model *model, const struct sim_gi_profile *gi)
{
    if (gi->compute_slices != 2 || strcmp(model->architecture, "ampere") == 0) {
        return 0;
    }
    for (unsigned i = 0; i < model->n_profiles; i++) {
        const struct gs_profile *p = &model->profiles[i];
        if (p->nvml_profile == 9 && p->sm_count != GS_NOT_KNOWN && p->sm_count > slice_sms(model) &&
            p->sm_count < gi->sm_count) {
            return p->sm_count;
        }
    }
    return 0;
}

static uint32_t count_bits(uint32_t bits)
{
    return (uint32_t)__builtin_popcount(bits);
}

static int fill_ci(const struct gs_model *model, const struct sim_gi_profile *gi, uint32_t profile,
                   struct sim_ci_profile *ret)
{
    uint32_t slices = ci_slices[profile];
    uint32_t rev1 = profile == CI_REV1 ? rev1_sms(model, gi) : 0;
    if (profile == CI_NVL || (profile == CI_REV1 && rev1 == 0) ||
        !gi_has_ci(gi->compute_slices, slices)) {
        return SIM_NOT_SUPPORTED;
    }
    *ret = (struct sim_ci_profile){
        .profile = profile,
        .id = profile,
        .compute_slices = slices,
        .sm_count = slices * slice_sms(model),
        .size = rev1 != 0 ? gi->compute_slices : slices,
        .gfx = gi->gfx,
    };
    if (slices == gi->compute_slices || ret->sm_count > gi->sm_count) {
        ret->sm_count = gi->sm_count;
    }
    if (rev1 != 0) {
        ret->sm_count = rev1;
    }
    ret->starts = ci_starts(ret->size, gi->compute_slices);
    ret->max_instances = count_bits(ret->starts);
    memcpy(ret->engines, gi->engines, sizeof(ret->engines));
    struct gs_profile_name name = model->profiles[gi->index].parts;
    name.compute_slices = slices;
    gs_profile_name_format(&name, ret->name);
    return SIM_OK;
}

static int gi_for_ci(const struct sim_machine *machine, unsigned gpu, uint32_t gi,
                     struct sim_gi_profile *ret)
{
    const struct sim_gpu *g;
    int r = sim_gpu_get(machine, gpu, &g);
    if (r != SIM_OK) {
        return r;
    }
    if (sim_gi_get(machine, gpu, gi) == NULL) {
        return SIM_NOT_FOUND;
    }
    sim_gi_profile_of(machine, gpu, gi, ret);
    return SIM_OK;
}

int sim_ci_profile(const struct sim_machine *machine, unsigned gpu, uint32_t gi, uint32_t profile,
                   uint32_t engine_profile, struct sim_ci_profile *ret)
{
    struct sim_gi_profile of;
    int r = gi_for_ci(machine, gpu, gi, &of);
    if (r != SIM_OK) {
        return r;
    }
    uint32_t known = machine->driver_major < 525 ? CI_PROFILES_450 : CI_PROFILES;
    if (profile >= known || engine_profile != 0) {
        return SIM_INVALID_ARGUMENT;
    }
    return fill_ci(sim_gpu_model(&machine->gpus[gpu]), &of, profile, ret);
}

int sim_ci_profile_by_id(const struct sim_machine *machine, unsigned gpu, uint32_t gi, uint32_t id,
                         struct sim_ci_profile *ret)
{
    int r = sim_ci_profile(machine, gpu, gi, id, 0, ret);
    return r == SIM_NOT_SUPPORTED ? SIM_INVALID_ARGUMENT : r;
}
