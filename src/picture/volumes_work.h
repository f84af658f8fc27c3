/* volumes_work: what the files of volumes share; nothing outside them sees it. */
#pragma once

#include "picture/volumes.h"

/* The terms as a group whose requirements are a volume's; terms of one label with values become
 * one. GS_NO_MEMORY. */
int gs_volumes_group_of(const struct gs_term *terms, size_t n, struct gs_arena *arena,
                        struct gs_volumes_group *ret, struct gs_err *err);

/* The node of that name. GS_NO_MEMORY. */
int gs_volumes_named(const char *node, struct gs_arena *arena, struct gs_term *ret,
                     struct gs_err *err);

/* Labels of a volume as terms: nodes that have them so, and nodes that say of no zone or region
 * where they are. GS_NO_MEMORY. */
int gs_volumes_zones(const struct gs_term *zones, struct gs_arena *arena, struct gs_term ret[2],
                     struct gs_err *err);

/* Whether every node that the group allows meets the zones anyway. NULL: no group. */
bool gs_volumes_implies(const struct gs_volumes_group *group, const struct gs_term *zones);

/* "in zone us-east-1a or us-east-1b". False: nothing that is short. */
bool gs_volumes_place(const struct gs_volumes_group *group, char *ret, size_t size);
