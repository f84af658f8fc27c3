/* demandarg: a demand as one argument of the command line, "1g.5gb=12,A100-40GB/3g.20gb=2,gpu:L4".
 *
 * Parts are separated by commas; each is a resource in a form of want.h and, behind "=", how many
 * items want one of it (1 without). Profiles whose name has a comma in it cannot be given here. */
#pragma once

#include "wire/want.h"

enum { GS_DEMANDARG_MAX = 64 * 1024 }; /* bytes of the argument */

/* Adds the items to the demand, each named as its resource is written. `label` is the option's
 * name, for errors. On failure the demand holds the parts before the wrong one. GS_INVALID:
 * "<label>: part <n>: ...". GS_LIMIT, GS_NO_MEMORY as gs_demand_add. */
int gs_demandarg_parse(struct gs_view text, const char *label, const struct gs_gpu_names *names,
                       struct gs_demand *demand, struct gs_err *err);
