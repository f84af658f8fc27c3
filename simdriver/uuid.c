#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "simdriver/inside.h"

/* The driver takes SHA-1 over the chip, the GPU's serial id, the GI id and the engine. Clients
 * never see what it was made from, so that only its form and its being a function of those count;
 * two 64-bit multiply-and-shift hashes (FNV-1a, then the finaliser of splitmix64) serve. */
static uint64_t hash(const char *text, uint64_t h)
{
    h = gs_hash64_on(h, text);
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
    h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
    return h ^ (h >> 31);
}

void sim_uuid(const char *text, char ret_uuid[37])
{
    uint64_t a = hash(text, GS_HASH64_EMPTY);
    uint64_t b = hash(text, 0x9ae16a3b2f90404fu ^ a);
    snprintf(ret_uuid, 37, "%08x-%04x-5%03x-%04x-%012llx", (unsigned)(a >> 32),
             (unsigned)(a >> 16) & 0xFFFFu, (unsigned)a & 0xFFFu,
             ((unsigned)(b >> 48) & 0x3FFFu) | 0x8000u, (unsigned long long)(b & 0xFFFFFFFFFFFFu));
}

/* Where the graphics engines of a GI begin: an instance of a 7-slice GPU takes those of its first
 * memory unit; where a compute slice has several units (RTX PRO), every so many units are one. */
static unsigned first_engine(const struct gs_model *model, const struct sim_gi *gi)
{
    unsigned units_a_slice = model->memory_units / model->compute_slices;
    return gi->start / (units_a_slice == 0 ? 1 : units_a_slice);
}

void sim_mig_uuid(const struct sim_machine *machine, unsigned gpu, uint32_t gi, uint32_t ci,
                  char ret_uuid[SIM_MIG_UUID_MAX])
{
    const struct sim_gpu *g = &machine->gpus[gpu];
    if (machine->driver_major < 470) {
        snprintf(ret_uuid, SIM_MIG_UUID_MAX, "MIG-%s/%u/%u", g->uuid, gi, ci);
        return;
    }
    unsigned engine = first_engine(sim_gpu_model(g), &g->gis[gi]) + g->gis[gi].cis[ci].start;
    char text[128];
    char uuid[37];
    snprintf(text, sizeof(text), "gpuslice SMC %s %u %u", g->uuid, gi, engine);
    sim_uuid(text, uuid);
    snprintf(ret_uuid, SIM_MIG_UUID_MAX, "MIG-%s", uuid);
}

static bool is_called(const struct sim_machine *machine, unsigned gpu, uint32_t gi, uint32_t ci,
                      const char *uuid)
{
    char name[SIM_MIG_UUID_MAX];
    sim_mig_uuid(machine, gpu, gi, ci, name);
    if (strcmp(name, uuid) == 0) {
        return true;
    }
    snprintf(name, sizeof(name), "MIG-%s/%u/%u", machine->gpus[gpu].uuid, gi, ci);
    return strcmp(name, uuid) == 0;
}

int sim_mig_find(const struct sim_machine *machine, const char *uuid, uint32_t *ret_gpu,
                 uint32_t *ret_gi, uint32_t *ret_ci)
{
    for (uint32_t gpu = 0; gpu < machine->n_gpus; gpu++) {
        for (uint32_t gi = 0; gi < SIM_GIS; gi++) {
            for (uint32_t ci = 0; ci < SIM_CIS; ci++) {
                if (sim_ci_get(machine, gpu, gi, ci) != NULL &&
                    is_called(machine, gpu, gi, ci, uuid)) {
                    *ret_gpu = gpu;
                    *ret_gi = gi;
                    *ret_ci = ci;
                    return SIM_OK;
                }
            }
        }
    }
    return SIM_NOT_FOUND;
}

uint32_t sim_mig_max(const struct sim_machine *machine, unsigned gpu)
{
    const struct sim_gpu *g = &machine->gpus[gpu];
    return g->mode ? sim_gpu_model(g)->compute_slices : 0;
}

int sim_mig_at(const struct sim_machine *machine, unsigned gpu, uint32_t index, uint32_t *ret_gi,
               uint32_t *ret_ci)
{
    const struct sim_gpu *g;
    int r = sim_gpu_get(machine, gpu, &g);
    if (r != SIM_OK) {
        return r;
    }
    if (index >= sim_mig_max(machine, gpu)) {
        return SIM_INVALID_ARGUMENT;
    }
    for (uint32_t gi = 0; gi < SIM_GIS; gi++) {
        for (uint32_t ci = 0; g->gis[gi].present && ci < SIM_CIS; ci++) {
            if (g->gis[gi].cis[ci].present && g->gis[gi].cis[ci].mig_index == index) {
                *ret_gi = gi;
                *ret_ci = ci;
                return SIM_OK;
            }
        }
    }
    return SIM_NOT_FOUND;
}
