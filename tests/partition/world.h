/* world: a machine of one GPU of any model in a seeded layout, with random compute instances and
 * slices in use, and a seeded goal for it. */
#pragma once

#include "core/catalog.h"
#include "stage.h"

struct world {
    struct stage stage;
    const struct gs_model *model;
    uint64_t random;
    char name[200];
    struct stage_layout old;
    struct stage_layout goal; /* where it is to end, were nothing in use */
    bool placed;
    struct gs_gpu_table done; /* after the apply that nothing disturbed */
    unsigned long cases;
    unsigned long busy;
};

/* 0 up to below `below`. */
unsigned world_draw(struct world *w, unsigned below);

/* A world from its seed, up to what is wanted of it; `model` of the catalogue. */
void world_begin(struct world *w, const struct gs_model *model, unsigned seed, unsigned driver);
void world_end(struct world *w);

bool world_busy_ones_stand(const struct world *w);

/* Whether the compute instances that the undisturbed apply keeps are still the same ones; but for
 * one of a GI, of which somebody else knows (both ids; GS_NOT_KNOWN: none). */
bool world_kept_ones_stand(const struct world *w, uint32_t but_gi, uint32_t but_ci);

/* Fail the test: it must have what is wanted, or be whole. */
void world_check_reached(const struct world *w, const char *what);
void world_check_after_recovery(const struct world *w, const struct stage_layout *done,
                                const char *what);
