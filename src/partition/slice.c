#include "partition/slice.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "partition/apply_work.h"

#define SLICE_MEMORY_MAX ((size_t)256 << 20)

/* The machine while one slice changes. */
struct slice_work {
    struct gs_gpus *gpus;
    const struct gs_apply_options *options;
    struct gs_inventory_tables tables;
    struct gs_inventory_gpu *gpu; /* the one that is looked at */
    struct gs_change *change;
    struct gs_lock lock;
    struct gs_arena arena;
};

static void leave(struct slice_work *work)
{
    gs_lock_release(&work->lock);
    gs_arena_done(&work->arena);
}

static int enter(struct slice_work *work, struct gs_gpus *gpus,
                 const struct gs_apply_options *options, struct gs_err *err)
{
    *work = (struct slice_work){.gpus = gpus, .options = options, .lock = {.fd = -1}};
    gs_arena_init(&work->arena, options->alloc == NULL ? &gs_alloc_heap : options->alloc,
                  SLICE_MEMORY_MAX);
    gs_inventory_tables_init(&work->tables, &work->arena);
    work->gpu = GS_ARENA_NEW(&work->arena, struct gs_inventory_gpu, 1);
    work->change = GS_ARENA_NEW(&work->arena, struct gs_change, 1);
    if (work->gpu == NULL || work->change == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a change of the GPUs");
    }
    return gs_apply_enter(gpus, options, &work->lock, err);
}

static int perform(struct slice_work *work, struct gs_err *err)
{
    if (work->options->dry_run) {
        struct gs_apply_sum sum = {.gpus = 0};
        gs_apply_say_steps(work->options, work->gpu, work->change);
        gs_apply_sum_add(&sum, work->gpu, work->change);
        gs_apply_sum_say(&sum, &work->options->detail);
        return 0;
    }
    struct gs_journal journal;
    int r = gs_journal_open(&journal, work->options->dir, work->options->what, false,
                            work->change->n, work->options->io, err);
    if (r < 0) {
        return r;
    }
    struct gs_perform perform = {
        .gpus = work->gpus,
        .journal = &journal,
        .detail = work->options->detail,
        .of = work->change->n,
        .stop = work->options->stop,
    };
    unsigned done;
    r = gs_perform(&perform, work->gpu, work->change, &done, err);
    int closed = gs_journal_close(&journal, r < 0 ? NULL : err);
    return r < 0 ? r : closed;
}

/* Why a GPU cannot have it, from the furthest away to the nearest. */
enum obstacle {
    OBSTACLE_NOT_CAPABLE,
    OBSTACLE_UNREADABLE,
    OBSTACLE_OFF,
    OBSTACLE_NO_PROFILE,
    OBSTACLE_NO_SUCH_PLACE,
    OBSTACLE_NO_ROOM,
    OBSTACLES
};

/* Where a slice could go; the best so far. */
struct choice {
    bool found;
    unsigned gpu;
    struct gs_geometry_gi gi;
    int inside; /* an instance that has room for the compute instance, or -1; */
    int start;  /* there */
    int32_t cost;
};

/* Those GPUs that cannot have it. */
struct obstacles {
    unsigned n;             /* GPUs looked at */
    unsigned of[OBSTACLES]; /* GPUs each */
    struct gs_err first[OBSTACLES];
};

static int wanted_cis(const struct gs_slice_ask *ask, const struct gs_profile *profile,
                      struct gs_geometry_gi *gi, struct gs_err *err)
{
    unsigned sum = 0;
    gi->n_cis = 0;
    for (unsigned j = 0; j < (ask->n_cis == 0 ? 1 : ask->n_cis); j++) {
        unsigned slices = ask->n_cis == 0 ? ask->name.compute_slices : ask->cis[j];
        uint32_t kind = gs_geometry_ci_profile(slices);
        sum += slices;
        if (kind == GS_NOT_KNOWN || sum > profile->compute_slices) {
            return gs_fail(err, GS_INVALID,
                           "a %s has %u compute slices: %u more do not fit, or there are no "
                           "compute instances of that size",
                           profile->name, profile->compute_slices, slices);
        }
        gi->cis[gi->n_cis++] = (struct gs_geometry_ci){.slices = (uint8_t)slices, .profile = kind};
    }
    return 0;
}

/* A GPU instance with room for one small compute instance: in slices, and a place. */
static void find_inside(const struct gs_geometry *cut, const struct gs_slice_ask *ask,
                        unsigned profile, struct choice *choice)
{
    const struct gs_model *model = cut->index->table->model;
    struct gs_inside inside;
    gs_inside_of(cut, profile, &inside);
    choice->inside = -1;
    for (unsigned i = 0; i < cut->instances->n && choice->inside < 0; i++) {
        const struct gs_gpu_instance *gi = &cut->instances->at[i];
        unsigned used = 0;
        for (unsigned j = 0; j < gi->n_compute; j++) {
            used += gs_geometry_slices_of(&gi->compute[j]);
        }
        if (gs_geometry_profile_of(model, gi) != (int)profile ||
            gi->n_compute >= GS_COMPUTE_INSTANCES_MAX ||
            (ask->start != GS_NOT_KNOWN && gi->start != ask->start) ||
            used + ask->name.compute_slices > model->profiles[profile].compute_slices) {
            continue;
        }
        choice->start = gs_inside_place(&inside, gi, &choice->gi.cis[0]);
        choice->inside = choice->start < 0 ? -1 : (int)i;
    }
}

/* What it would cost on this GPU. */
static int consider(const struct gs_inventory_gpu *gpu, const struct gs_slice_ask *ask,
                    struct choice *ret, struct gs_err *err)
{
    if (gpu->index == NULL) {
        return gs_fail(err, GS_UNSUPPORTED, "%s", gpu->why.msg);
    }
    struct gs_geometry cut = gs_inventory_geometry(gpu);
    unsigned profile;
    struct choice choice = {.found = true, .gpu = gpu->gpu, .inside = -1, .cost = INT32_MIN};
    int r = gs_geometry_profile_find(gs_inventory_model(gpu), &ask->name, &profile, err);
    if (r == 0) {
        r = wanted_cis(ask, &gs_inventory_model(gpu)->profiles[profile], &choice.gi, err);
    }
    if (r < 0) {
        return r;
    }
    choice.gi.profile = (uint8_t)profile;
    if (ask->n_cis == 0 && ask->name.compute_slices < ask->name.gpu_slices) {
        find_inside(&cut, ask, profile, &choice);
    }
    if (choice.inside < 0) {
        unsigned start;
        r = gs_change_place(&cut, profile, ask->start, &start, &choice.cost, err);
        choice.gi.start = r < 0 ? 0 : (uint8_t)start;
    }
    if (r == 0) {
        *ret = choice;
    }
    return r;
}

static enum obstacle obstacle_of(const struct gs_inventory_gpu *gpu, int r)
{
    switch ((enum gs_code)r) {
    case GS_INFEASIBLE:
        return OBSTACLE_NO_ROOM;
    case GS_INVALID:
        return OBSTACLE_NO_SUCH_PLACE;
    case GS_NOT_FOUND:
    case GS_AMBIGUOUS:
        return OBSTACLE_NO_PROFILE;
    case GS_OK:
    case GS_BUSY:
    case GS_UNKNOWN:
    case GS_NO_MEMORY:
    case GS_LIMIT:
    case GS_IO:
    case GS_UNSUPPORTED:
        break;
    }
    return gpu->index == NULL && gpu->why.code == GS_OK ? OBSTACLE_OFF : OBSTACLE_UNREADABLE;
}

/* One GPU into the best so far or among those that cannot have it. GS_NO_MEMORY. */
static int look_at(struct slice_work *work, const struct gs_slice_ask *ask, unsigned k,
                   struct choice *best, struct obstacles *against, struct gs_err *err)
{
    struct gs_inventory_gpu *gpu = work->gpu;
    struct gs_err why = {.code = GS_OK};
    struct choice here;
    enum obstacle obstacle;
    int r = gs_inventory_read(work->gpus, k, false, &work->tables, gpu, &why);
    against->n++;
    if (r < 0) {
        obstacle = OBSTACLE_UNREADABLE;
    } else if (gpu->facts.mode == GS_MIG_NOT_CAPABLE) {
        obstacle = OBSTACLE_NOT_CAPABLE;
        gs_fail(&why, GS_UNSUPPORTED, "GPU %u (%s) cannot be cut", k, gpu->facts.name);
    } else if (gpu->facts.mode == GS_MIG_OFF) {
        obstacle = OBSTACLE_OFF;
        gs_fail(&why, GS_UNSUPPORTED,
                "GPU %u: MIG is off%s; turn it on with gpuslice mig enable --gpu %u", k,
                gpu->facts.pending == GS_MIG_ON ? " until the GPU is reset" : "", k);
    } else if ((r = consider(gpu, ask, &here, &why)) < 0) {
        obstacle = obstacle_of(gpu, r);
        gs_wrap(&why, r, "GPU %u", k);
    } else {
        if (!best->found || here.cost < best->cost) {
            *best = here;
        }
        return 0;
    }
    if (r == GS_NO_MEMORY) {
        return gs_fail(err, r, "%s", why.msg);
    }
    if (against->of[obstacle]++ == 0) {
        against->first[obstacle] = why;
    }
    return 0;
}

/* Of several GPUs the ones that come nearest are told of, and how many have MIG off beside them. */
static int fail_nowhere(const struct obstacles *against, struct gs_err *err)
{
    unsigned most = OBSTACLES - 1;
    if (against->n == 0) {
        return gs_fail(err, GS_NOT_FOUND, "this machine has no GPU");
    }
    while (against->of[most] == 0) {
        most--;
    }
    const struct gs_err *why = &against->first[most];
    unsigned off = most == OBSTACLE_OFF ? 0 : against->of[OBSTACLE_OFF];
    char also[80] = "";
    if (off > 0) {
        snprintf(also, sizeof(also), "; MIG is off on %u other%s (gpuslice mig enable)", off,
                 off == 1 ? "" : "s");
    }
    if (against->n == 1) {
        return gs_fail(err, why->code, "%s", why->msg);
    }
    switch ((enum obstacle)most) {
    case OBSTACLE_NOT_CAPABLE:
        return gs_fail(err, why->code, "none of %u GPUs can be cut: %s", against->n, why->msg);
    case OBSTACLE_OFF:
        return gs_fail(err, why->code,
                       "MIG is on on none of %u GPUs; turn it on with gpuslice mig enable",
                       against->n);
    case OBSTACLE_NO_PROFILE:
        return gs_fail(err, why->code, "none of %u GPUs has it: %s%s", against->n, why->msg, also);
    case OBSTACLE_NO_ROOM:
        return gs_fail(err, why->code, "none of %u GPUs has room for it: %s%s", against->n,
                       why->msg, also);
    case OBSTACLE_UNREADABLE:
    case OBSTACLE_NO_SUCH_PLACE:
    case OBSTACLES:
        break;
    }
    return gs_fail(err, why->code, "%s%s", why->msg, also);
}

static int choose(struct slice_work *work, const struct gs_slice_ask *ask, struct choice *best,
                  struct gs_err *err)
{
    unsigned n;
    int r = gs_gpu_count(work->gpus, &n, err);
    struct obstacles *against = GS_ARENA_NEW(&work->arena, struct obstacles, 1);
    if (r < 0) {
        return r;
    }
    if (against == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a change of the GPUs");
    }
    *best = (struct choice){.found = false};
    for (unsigned k = 0; k < n && r == 0; k++) {
        if (ask->gpus == 0 || (ask->gpus >> k & 1u) != 0) {
            r = look_at(work, ask, k, best, against, err);
        }
    }
    if (r < 0 || !best->found) {
        return r < 0 ? r : fail_nowhere(against, err);
    }
    return gs_inventory_read(work->gpus, best->gpu, false, &work->tables, work->gpu, err);
}

static bool was_there(const struct gs_gpu_instances *before, const struct gs_gpu_instance *gi,
                      const struct gs_compute_instance *ci)
{
    for (unsigned i = 0; i < before->n; i++) {
        for (unsigned j = 0; j < before->at[i].n_compute; j++) {
            if (before->at[i].id == gi->id && before->at[i].compute[j].id == ci->id) {
                return true;
            }
        }
    }
    return false;
}

/* What is there now and was not before. */
static void list_made(const struct gs_inventory_gpu *gpu, const struct gs_gpu_instances *before,
                      struct gs_slice_made *ret)
{
    *ret = (struct gs_slice_made){.gpu = gpu->gpu, .gi = GS_NOT_KNOWN};
    for (unsigned i = 0; i < gpu->instances.n; i++) {
        const struct gs_gpu_instance *gi = &gpu->instances.at[i];
        for (unsigned j = 0; j < gi->n_compute; j++) {
            if (!was_there(before, gi, &gi->compute[j]) && ret->n < GS_COMPUTE_INSTANCES_MAX) {
                ret->gi = gi->id;
                ret->compute[ret->n++] = gi->compute[j];
            }
        }
    }
}

int gs_slice_create(struct gs_gpus *gpus, const struct gs_slice_ask *ask,
                    const struct gs_apply_options *options, struct gs_slice_made *ret_made,
                    struct gs_err *err)
{
    GS_CLEANUP(leave) struct slice_work work;
    struct choice choice;
    int r = enter(&work, gpus, options, err);
    if (r < 0 || (r = choose(&work, ask, &choice, err)) < 0) {
        return r;
    }
    struct gs_gpu_instances *before = GS_ARENA_NEW(&work.arena, struct gs_gpu_instances, 1);
    if (before == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a change of the GPUs");
    }
    *before = work.gpu->instances;
    const struct gs_geometry cut = gs_inventory_geometry(work.gpu);
    if (choice.inside >= 0) {
        gs_change_add_ci(&cut, (unsigned)choice.inside, &choice.gi.cis[0], choice.start,
                         work.change);
    } else {
        r = gs_change_add(&cut, &choice.gi, work.change, err);
    }
    r = r < 0 ? r : perform(&work, err);
    if (r == 0) {
        list_made(work.gpu, before, ret_made);
    }
    return r;
}
