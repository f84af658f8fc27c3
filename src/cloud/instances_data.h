/* instances_data: the tables that scripts/gen_instances.py writes; used by instances.c alone. */
#pragma once

#include "cloud/instances.h"

extern const struct gs_instance gs_instances_table[];
extern const size_t gs_instances_n;
extern const char *const gs_instances_regions[]; /* in the order of the alphabet */
extern const size_t gs_instances_n_regions;
extern const char *const gs_instances_plain_gpus[];
extern const size_t gs_instances_n_plain_gpus;
