/* A model's state table and transition index, for the tests of transitions. */
#pragma once

#include "unit/check.h"

#include "core/catalog.h"
#include "core/transition.h"

struct bed {
    const struct gs_model *model;
    struct gs_arena arena;
    const struct gs_statetable *table;
    struct gs_transition_index index;
};

static inline void bed_init(struct bed *bed, const char *model, const char *profiles)
{
    assert_int_equal(gs_catalog_find(gs_view(model), &bed->model, NULL), 0);
    uint32_t mask = profiles == NULL ? GS_ALL_PROFILES : 0;
    struct gs_view rest = gs_view(profiles == NULL ? "" : profiles);
    while (profiles != NULL && rest.p != NULL) {
        unsigned p;
        struct gs_view name = gs_view_split(&rest, ',');
        assert_int_equal(gs_model_profile_find(bed->model, name, &p, NULL), 0);
        mask |= 1u << p;
    }
    gs_arena_init(&bed->arena, &gs_alloc_heap, 64 << 20);
    assert_int_equal(gs_statetable_new(&bed->arena, bed->model, mask, &bed->table, NULL), 0);
    assert_int_equal(gs_transition_index_init(&bed->arena, bed->table, &bed->index, NULL), 0);
}

static inline void bed_done(struct bed *bed)
{
    gs_arena_done(&bed->arena);
}
