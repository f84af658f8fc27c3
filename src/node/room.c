#include "node/room.h"

void gs_room_init(struct gs_room *room, const struct gs_model *model)
{
    *room = (struct gs_room){.model = model != NULL && model->placements_known ? model : NULL};
}

void gs_room_put(struct gs_room *room, const struct gs_snapshot_slice *slice)
{
    struct gs_profile_name whole = slice->profile;
    whole.compute_slices = whole.gpu_slices;
    int profile = room->model == NULL ? -1 : gs_model_profile_index(room->model, &whole);
    if (slice->start < GS_MEMORY_UNITS_MAX && slice->size <= GS_MEMORY_UNITS_MAX) {
        room->occupied |= (uint16_t)(((1u << slice->size) - 1u) << slice->start);
    }
    if (profile >= 0) {
        room->counts[profile]++;
    }
    room->used_compute += slice->profile.gpu_slices;
    room->n++;
}

unsigned gs_room_count(const struct gs_room *room, unsigned profile)
{
    if (room->model == NULL) {
        return 0;
    }
    const struct gs_profile *kind = &room->model->profiles[profile];
    struct gs_room after = *room;
    unsigned n = 0;
    after.counts[profile]++;
    if (!gs_model_counts_within_limits(room->model, after.counts)) {
        return 0;
    }
    for (unsigned starts = kind->starts; starts != 0; starts &= starts - 1) {
        unsigned start = (unsigned)__builtin_ctz(starts);
        n += (gs_profile_span(kind, start) & room->occupied) == 0 ? 1 : 0;
    }
    return n;
}

unsigned gs_room_count_all(const struct gs_room *room)
{
    unsigned n = 0;
    for (unsigned p = 0; room->model != NULL && p < room->model->n_profiles; p++) {
        n += gs_room_count(room, p);
    }
    return n;
}
