#include "gpu/gpu.h"

#include <assert.h>

#include "gpu/gpu_read.h"
#include "gpu/gpu_watch.h"

void gs_gpu_close(struct gs_gpus *gpus)
{
    if (gpus->ops != NULL) {
        gpus->ops->close(gpus->impl);
    }
    *gpus = (struct gs_gpus){0};
}

int gs_gpu_driver(struct gs_gpus *gpus, struct gs_gpu_driver *ret, struct gs_err *err)
{
    return gpus->ops->driver(gpus->impl, ret, err);
}

int gs_gpu_count(struct gs_gpus *gpus, unsigned *ret, struct gs_err *err)
{
    return gpus->ops->count(gpus->impl, ret, err);
}

int gs_gpu_get(struct gs_gpus *gpus, unsigned gpu, struct gs_gpu *ret, struct gs_err *err)
{
    return gpus->ops->get(gpus->impl, gpu, ret, err);
}

int gs_gpu_profiles(struct gs_gpus *gpus, unsigned gpu, struct gs_gpu_profile *ret, unsigned *ret_n,
                    struct gs_err *err)
{
    return gpus->ops->profiles(gpus->impl, gpu, ret, ret_n, err);
}

int gs_gpu_instances(struct gs_gpus *gpus, unsigned gpu, struct gs_gpu_instances *ret,
                     struct gs_err *err)
{
    return gpus->ops->instances(gpus->impl, gpu, ret, err);
}

int gs_gpu_compute_profiles(struct gs_gpus *gpus, unsigned gpu, uint32_t gi,
                            struct gs_compute_profile *ret, unsigned *ret_n, struct gs_err *err)
{
    return gpus->ops->compute_profiles(gpus->impl, gpu, gi, ret, ret_n, err);
}

int gs_gpu_compute_places(struct gs_gpus *gpus, unsigned gpu, uint32_t gi, uint32_t profile_id,
                          struct gs_compute_places *ret, struct gs_err *err)
{
    return gpus->ops->compute_places(gpus->impl, gpu, gi, profile_id, ret, err);
}

int gs_gpu_processes(struct gs_gpus *gpus, unsigned gpu, struct gs_gpu_process *ret, size_t cap,
                     size_t *ret_n, struct gs_err *err)
{
    return gpus->ops->processes(gpus->impl, gpu, ret, cap, ret_n, err);
}

int gs_gpu_mig_device(struct gs_gpus *gpus, unsigned gpu, uint32_t gi, uint32_t ci,
                      struct gs_mig_device *ret, struct gs_err *err)
{
    return gpus->ops->mig_device(gpus->impl, gpu, gi, ci, ret, err);
}

int gs_gpu_fabric(struct gs_gpus *gpus, unsigned gpu, struct gs_gpu_fabric *ret, struct gs_err *err)
{
    return gpus->ops->fabric(gpus->impl, gpu, ret, err);
}

int gs_gpu_read(struct gs_gpus *gpus, unsigned gpu, struct gs_gpu_readings *ret, struct gs_err *err)
{
    return gpus->ops->read(gpus->impl, gpu, ret, err);
}

int gs_gpu_read_slice(struct gs_gpus *gpus, unsigned gpu, uint32_t gi, uint64_t generation,
                      struct gs_slice_readings *ret, struct gs_err *err)
{
    return gpus->ops->read_slice(gpus->impl, gpu, gi, generation, ret, err);
}

int gs_gpu_watch_open(struct gs_gpus *gpus, struct gs_gpu_watch *ret, struct gs_err *err)
{
    void *impl = NULL;
    int r = gpus->ops->watch_open(gpus->impl, &impl, err);
    if (r == 0) {
        *ret = (struct gs_gpu_watch){.gpus = gpus, .impl = impl};
    }
    return r;
}

int gs_gpu_watch_next(struct gs_gpu_watch *watch, unsigned limit_ms, struct gs_gpu_event *ret,
                      struct gs_err *err)
{
    return watch->gpus->ops->watch_next(watch->gpus->impl, watch->impl, limit_ms, ret, err);
}

void gs_gpu_watch_close(struct gs_gpu_watch *watch)
{
    if (watch->gpus != NULL) {
        watch->gpus->ops->watch_close(watch->gpus->impl, watch->impl);
    }
    *watch = (struct gs_gpu_watch){.gpus = NULL};
}

int gs_gpu_create(struct gs_gpus *gpus, unsigned gpu, uint32_t profile_id, uint32_t start,
                  uint32_t size, struct gs_gpu_instance *ret, struct gs_err *err)
{
    return gpus->ops->create(gpus->impl, gpu, profile_id, start, size, ret, err);
}

int gs_gpu_destroy(struct gs_gpus *gpus, unsigned gpu, uint32_t gi, struct gs_err *err)
{
    return gpus->ops->destroy(gpus->impl, gpu, gi, err);
}

int gs_gpu_create_compute(struct gs_gpus *gpus, unsigned gpu, uint32_t gi, uint32_t profile_id,
                          uint32_t start, uint32_t size, struct gs_compute_instance *ret,
                          struct gs_err *err)
{
    return gpus->ops->create_compute(gpus->impl, gpu, gi, profile_id, start, size, ret, err);
}

int gs_gpu_destroy_compute(struct gs_gpus *gpus, unsigned gpu, uint32_t gi, uint32_t ci,
                           struct gs_err *err)
{
    return gpus->ops->destroy_compute(gpus->impl, gpu, gi, ci, err);
}

int gs_gpu_set_mode(struct gs_gpus *gpus, unsigned gpu, enum gs_mig_mode mode,
                    enum gs_mig_activation *ret, struct gs_err *err)
{
    assert(mode != GS_MIG_NOT_CAPABLE);
    return gpus->ops->set_mode(gpus->impl, gpu, mode, ret, err);
}

int gs_gpu_reset(struct gs_gpus *gpus, const unsigned *indices, unsigned n, struct gs_err *err)
{
    return gpus->ops->reset(gpus->impl, indices, n, err);
}
