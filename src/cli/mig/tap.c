#include "cli/mig/tap.h"

#include <assert.h>
#include <string.h>

static struct gs_mig_tap *open_tap;

bool gs_mig_done_any(const struct gs_mig_done *done)
{
    return done->created > 0 || done->destroyed > 0 || done->mode_set || done->reset;
}

void gs_mig_tap_end(struct gs_mig_tap *tap)
{
    if (tap->turned != NULL && gs_mig_done_any(&tap->now)) {
        tap->turned(tap->ctx, tap->gpu, &tap->now);
    }
    tap->now = (struct gs_mig_done){.created = 0};
}

/* Before something is changed. */
static int ask(struct gs_mig_tap *tap, struct gs_err *err)
{
    if (!tap->begun) {
        tap->begun = true;
        tap->verdict = tap->first == NULL ? 0 : tap->first(tap->ctx, &tap->why);
    }
    if (tap->verdict < 0 && err != NULL) {
        *err = tap->why;
    }
    return tap->verdict;
}

/* Where it went well it is this GPU's turn. */
static struct gs_mig_done *turn(struct gs_mig_tap *tap, unsigned gpu)
{
    if (tap->gpu != gpu) {
        gs_mig_tap_end(tap);
    }
    tap->gpu = gpu;
    return &tap->now;
}

static int create(void *impl, unsigned gpu, uint32_t profile_id, uint32_t start, uint32_t size,
                  struct gs_gpu_instance *ret, struct gs_err *err)
{
    int r = ask(open_tap, err);
    return r < 0 ? r : open_tap->below->create(impl, gpu, profile_id, start, size, ret, err);
}

static int destroy(void *impl, unsigned gpu, uint32_t gi, struct gs_err *err)
{
    int r = ask(open_tap, err);
    return r < 0 ? r : open_tap->below->destroy(impl, gpu, gi, err);
}

static int create_compute(void *impl, unsigned gpu, uint32_t gi, uint32_t profile_id,
                          uint32_t start, uint32_t size, struct gs_compute_instance *ret,
                          struct gs_err *err)
{
    int r = ask(open_tap, err);
    r = r < 0 ? r
              : open_tap->below->create_compute(impl, gpu, gi, profile_id, start, size, ret, err);
    if (r == 0) {
        turn(open_tap, gpu)->created++;
        open_tap->all[gpu].created++;
    }
    return r;
}

static int destroy_compute(void *impl, unsigned gpu, uint32_t gi, uint32_t ci, struct gs_err *err)
{
    int r = ask(open_tap, err);
    r = r < 0 ? r : open_tap->below->destroy_compute(impl, gpu, gi, ci, err);
    if (r == 0) {
        turn(open_tap, gpu)->destroyed++;
        open_tap->all[gpu].destroyed++;
    }
    return r;
}

static int set_mode(void *impl, unsigned gpu, enum gs_mig_mode mode, enum gs_mig_activation *ret,
                    struct gs_err *err)
{
    int r = ask(open_tap, err);
    r = r < 0 ? r : open_tap->below->set_mode(impl, gpu, mode, ret, err);
    if (r == 0) {
        struct gs_mig_done *now = turn(open_tap, gpu);
        now->mode_set = open_tap->all[gpu].mode_set = true;
        now->mode = open_tap->all[gpu].mode = mode;
    }
    return r;
}

static int reset(void *impl, const unsigned *gpus, unsigned n, struct gs_err *err)
{
    int r = ask(open_tap, err);
    r = r < 0 ? r : open_tap->below->reset(impl, gpus, n, err);
    for (unsigned i = 0; i < n && r == 0; i++) {
        turn(open_tap, gpus[i])->reset = true;
        open_tap->all[gpus[i]].reset = true;
    }
    return r;
}

static void close_below(void *impl)
{
    const struct gs_gpu_ops *below = open_tap->below;
    open_tap = NULL;
    below->close(impl);
}

void gs_mig_tap_open(struct gs_mig_tap *tap, struct gs_gpus *gpus)
{
    assert(open_tap == NULL);
    tap->below = gpus->ops;
    tap->ops = *gpus->ops; /* what is not named below is the driver's own */
    tap->ops.close = close_below;
    tap->ops.create = create;
    tap->ops.destroy = destroy;
    tap->ops.create_compute = create_compute;
    tap->ops.destroy_compute = destroy_compute;
    tap->ops.set_mode = set_mode;
    tap->ops.reset = reset;
    open_tap = tap;
    gpus->ops = &tap->ops;
}
