/* cdifile: the CDI file on disk is always that of the slices there are. Belongs to the loop. */
#pragma once

#include "agent/offering.h"
#include "gpu/driver_files.h"

struct gs_cdifile;

/* `roots` and `config` outlive it. NULL: no memory. */
struct gs_cdifile *gs_cdifile_new(const struct gs_machine_roots *roots,
                                  const struct gs_agentconfig *config);
void gs_cdifile_free(struct gs_cdifile *file); /* the file stays: containers restart by it */

/* Writes the file where it would differ, by rename. GS_IO: it could not be written, and is as it
 * was; GS_NO_MEMORY, GS_INVALID. */
int gs_cdifile_write(struct gs_cdifile *file, const struct gs_snapshot *snapshot,
                     struct gs_err *err);
