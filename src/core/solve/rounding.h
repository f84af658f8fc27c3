/* rounding: what follows from a need when everything is whole.
 *
 * From   sum(yields x) >= need, x whole,   follows for every part p > 0
 *     sum(ceil(yields / p) x) >= ceil(need / p),
 * where no coefficient need be above the right side. Such a row cuts off fractions that the first
 * one lets pass: of slices that serve 30 of 50 it takes two, not five thirds. Few of them close
 * most of the gap between a packing and its relaxation. Pure; no allocation. */
#pragma once

#include <stdint.h>

enum { GS_ROUNDINGS_MAX = 16, GS_ROUNDING_YIELDS_MAX = 32 };

/* ceil(yield / per), no more than ceil(need / per). All positive. */
int64_t gs_rounding_value(int64_t yield, int64_t need, int64_t per);

/* Chooses parts worth a row, none of which says only what another or the need itself says: the
 * yields, their halves, thirds and fourths. Writes at most GS_ROUNDINGS_MAX into ret_pers and
 * returns how many; 0 for more than GS_ROUNDING_YIELDS_MAX yields. */
unsigned gs_rounding_choose(const int64_t *yields, unsigned n_yields, int64_t need,
                            int64_t ret_pers[GS_ROUNDINGS_MAX]);
