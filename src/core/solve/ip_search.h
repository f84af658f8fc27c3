/* ip_search: the branch and bound behind core/solve/ip; used by ip.c alone. */
#pragma once

#include "core/solve/ip.h"

struct gs_ip_search;

/* NULL: no memory. */
struct gs_ip_search *gs_ip_search_new(const struct gs_ip *ip, const struct gs_ip_options *options,
                                      struct gs_arena *arena);

/* False: no memory. */
bool gs_ip_search_run(struct gs_ip_search *search, struct gs_ip_result *ret);
