#include "board/sight.h"

#include "board/keep.h"

static const struct gs_profile *profile_of(const struct gs_board_gpu *gpu,
                                           const struct gs_board_slice *slice)
{
    return gpu->model != NULL && slice->profile < gpu->model->n_profiles
               ? &gpu->model->profiles[slice->profile]
               : NULL;
}

static unsigned size_of(const struct gs_profile *profile)
{
    return profile == NULL || profile->memory_units == 0 ? 1 : profile->memory_units;
}

static bool is_had(uint8_t state)
{
    return state == GS_BOARD_HELD || state == GS_BOARD_GRANTED;
}

static void count_gpu(const struct gs_board_gpu *gpu, struct gs_board_sight *ret)
{
    struct gs_board_units *units = &ret->units;
    unsigned all = gpu->model == NULL ? gpu->n_slices : gpu->model->memory_units;
    unsigned cut = 0;
    units->all += all;
    ret->unwell += !gpu->healthy;
    if (!gpu->mig) {
        *(gpu->held ? &units->held : gpu->healthy ? &units->idle : &units->sick) += all;
        ret->held += gpu->held;
        return;
    }
    for (unsigned i = 0; i < gpu->n_slices; i++) {
        unsigned size = size_of(profile_of(gpu, &gpu->slices[i]));
        uint8_t state = gpu->slices[i].state;
        bool sick = state == GS_BOARD_SICK || !gpu->healthy;
        *(is_had(state) ? &units->held : sick ? &units->sick : &units->idle) += size;
        ret->slices++;
        ret->held += is_had(state);
        cut += size;
    }
    unsigned left = all > cut ? all - cut : 0;
    unsigned stranded = (unsigned)__builtin_popcount(gpu->stranded);
    stranded = stranded < left ? stranded : left;
    units->stranded += gpu->healthy ? stranded : 0;
    *(gpu->healthy ? &units->free : &units->sick) += left - (gpu->healthy ? stranded : 0);
}

static struct gs_board_sight see(const struct gs_board_place *place)
{
    struct gs_board_gpu gpus[GS_GPUNODE_GPUS_MAX];
    unsigned n = gs_board_gpus(place, gpus);
    struct gs_board_sight node = {
        .place = place,
        .facts = &place->facts,
        .state = gs_board_state_word(place),
        .model = n == 0 || gpus[0].model == NULL ? "" : gpus[0].model->id,
        .uusd_h = place->uusd_h,
        .n_gpus = n,
    };
    for (unsigned i = 0; i < n; i++) {
        count_gpu(&gpus[i], &node);
    }
    return node;
}

void gs_board_each_sight(const struct gs_board *board,
                         void (*each)(void *ctx, const struct gs_board_sight *node), void *ctx)
{
    const struct gs_board_place *place;
    size_t at = 0;
    while ((place = gs_map_next(&board->places, &at)) != NULL) {
        if (place->shown) {
            const struct gs_board_sight node = see(place);
            each(ctx, &node);
        }
    }
}

const char *gs_board_sight_why(const struct gs_board_place *place)
{
    return gs_board_state_why(place);
}

bool gs_board_sight_gpu(const struct gs_board_place *place, unsigned i,
                        struct gs_board_sight_gpu *ret)
{
    struct gs_board_gpu at;
    const struct gs_board_gpu *gpu = &at;
    if (!gs_board_gpu_at(place, i, &at)) {
        return false;
    }
    const struct gs_board_holder *whole =
        gpu->mig || !gpu->held ? NULL : gs_board_whole_holder(place);
    *ret = (struct gs_board_sight_gpu){
        .uuid = gpu->uuid,
        .why = gpu->why,
        .model = gpu->model == NULL ? "" : gpu->model->id,
        .index = gpu->index,
        .units = gpu->model == NULL ? 0 : gpu->model->memory_units,
        .mig = gpu->mig,
        .healthy = gpu->healthy,
        .held = !gpu->mig && gpu->held,
        .holder = whole == NULL ? NULL : whole->key,
        .recut = gpu->recut,
        .stranded = gpu->stranded,
    };
    for (unsigned k = 0; k < gpu->n_slices + gpu->n_coming; k++) {
        const struct gs_board_slice *slice = &gpu->slices[k];
        const struct gs_profile *profile = profile_of(gpu, slice);
        ret->slices[ret->n_slices++] = (struct gs_board_sight_slice){
            .profile = profile == NULL ? "?" : profile->name,
            .start = slice->start,
            .size = size_of(profile),
            .state = (enum gs_board_slice_state)slice->state,
            .holder = slice->holder == NULL ? NULL : slice->holder->key,
        };
    }
    return true;
}
