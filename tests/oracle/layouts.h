/* layouts: what a GPU can be cut into, found anew from its placements alone.
 *
 * For judging the planners: shares no code with core/statetable, core/pool or core/model beyond
 * the catalogue's numbers. Memory units are covered one by one; compute slices, instances and
 * engines are counted. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/statetable.h"

enum { ORACLE_LAYOUTS_MAX = 600 };

/* Slices that are on a GPU and stay. */
struct oracle_busy {
    struct gs_placement at[GS_MEMORY_UNITS_MAX];
    unsigned n;
};

struct oracle_layouts {
    uint8_t counts[ORACLE_LAYOUTS_MAX][GS_PROFILES_MAX]; /* what is added to the busy slices */
    unsigned n;
};

/* Every set of counts that can be added in profiles of `wanted` (bit p: profile p) until nothing
 * more fits; each once. Counts that another contains may be among them. */
void oracle_list_layouts(const struct gs_model *model, const struct oracle_busy *busy,
                         uint32_t wanted, struct oracle_layouts *ret);

/* Whether so many slices of each profile can be placed beside the busy ones. */
bool oracle_fits(const struct gs_model *model, const struct oracle_busy *busy,
                 const uint8_t *counts);

/* The slices of a state of a table, as a list. */
struct oracle_busy oracle_busy_of(const struct gs_statetable *table, uint16_t state);
