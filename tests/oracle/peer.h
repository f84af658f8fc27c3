/* peer: the planners' questions, asked of GLPK in programs of another form.
 *
 * Packing: how many GPUs of each pool get which of the layouts that oracle/layouts lists. Fleet:
 * each node that a plan may need is there by name, with its own items and its own layouts; no
 * loads, no prices. Shares nothing with core/solve/program, core/pool's columns or the column
 * generation. */
#pragma once

#include "core/fleet/fleet.h"
#include "oracle/mip.h"

/* The cheapest pack. */
enum oracle_answer peer_pack(const struct gs_program_spec *spec, int limit_ms, int64_t *ret_value);

/* The cheapest fleet that serves all. `known`: what some fleet that was judged to serve all costs
 * (the answer then is optimal), or a negative number. */
enum oracle_answer peer_fleet(const struct gs_fleet_spec *spec, int64_t known, int limit_ms,
                              int64_t *ret_value);
