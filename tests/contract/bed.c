#include "contract/bed.h"

#include <string.h>

/* What is open, for the sweep: a failing test leaves by longjmp. */
static struct bed live;

struct bed bed_begin(const struct bed_machine *machine)
{
    struct bed bed = {.ops = bed_now};
    assert_null(live.ops);
    assert_int_equal(bed_now->begin(&bed, machine), 0);
    live = bed;
    return bed;
}

void bed_end(struct bed *bed)
{
    gs_gpu_close(&bed->gpus);
    bed->ops->end(bed);
    live.ops = NULL; /* `bed` may be `live` */
}

void bed_reboot(struct bed *bed)
{
    bed->ops->reboot(bed);
    live = *bed;
}

int bed_sweep(void **state)
{
    (void)state;
    if (live.ops != NULL) {
        bed_end(&live);
    }
    return 0;
}

struct bed bed_one(const char *model)
{
    return bed_begin(&(struct bed_machine){.mig_on = true, .kinds = {{model, 1}}});
}

struct gs_gpu bed_get(struct bed *bed, unsigned gpu)
{
    struct gs_gpu ret;
    bed_expect(0, gs_gpu_get(&bed->gpus, gpu, &ret, err));
    return ret;
}

struct gs_gpu_instances bed_instances(struct bed *bed, unsigned gpu)
{
    struct gs_gpu_instances ret;
    bed_expect(0, gs_gpu_instances(&bed->gpus, gpu, &ret, err));
    return ret;
}

unsigned bed_profiles(struct bed *bed, unsigned gpu, struct gs_gpu_profile *ret)
{
    unsigned n = 0;
    bed_expect(0, gs_gpu_profiles(&bed->gpus, gpu, ret, &n, err));
    return n;
}

struct gs_gpu_instance bed_create(struct bed *bed, unsigned gpu, uint32_t profile_id,
                                  uint32_t start, uint32_t size)
{
    struct gs_gpu_instance ret;
    bed_expect(0, gs_gpu_create(&bed->gpus, gpu, profile_id, start, size, &ret, err));
    return ret;
}

struct gs_compute_instance bed_create_ci(struct bed *bed, unsigned gpu, uint32_t gi,
                                         uint32_t profile_id)
{
    struct gs_compute_instance ret;
    bed_expect(0,
               gs_gpu_create_compute(&bed->gpus, gpu, gi, profile_id, GS_NOT_KNOWN, 0, &ret, err));
    return ret;
}

struct gs_gpu_profile bed_profile(struct bed *bed, const char *name)
{
    struct gs_gpu_profile profiles[GS_GPU_PROFILES_MAX];
    unsigned n = bed_profiles(bed, 0, profiles);
    for (unsigned i = 0; i < n; i++) {
        if (strcmp(profiles[i].name, name) == 0) {
            return profiles[i];
        }
    }
    fail_msg("GPU 0 has no profile %s", name);
    return (struct gs_gpu_profile){0};
}
