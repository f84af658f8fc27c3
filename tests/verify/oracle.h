/* oracle: whether places and steps of a plan are legal, by core's own reading of layouts.
 *
 * The checker under test has a reading of its own; the two were written apart. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/* Every layout's placements fit on one GPU and are what its slices say. */
bool oracle_layouts_are_legal(const json_t *plan);

/* Every transition names a GPU of its node once, each of its steps can be done, and behind them the
 * node has what is used. */
bool oracle_transitions_are_legal(const json_t *plan);
