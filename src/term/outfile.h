/* outfile: a file that a command writes: all of it or nothing.
 *
 * A regular file, or one that is not there yet, is written beside its place and put there when it
 * is whole, so that a full disk or a kill leaves what was there before; it keeps its owner's mode.
 * A link is followed. Anything else (a device, a pipe) is written to as it is. */
#pragma once

#include "base/err.h"
#include "base/view.h"

/* `option` is the one that names the file, for errors. GS_IO, GS_INVALID (a directory). */
int gs_outfile_write(const char *option, const char *path, struct gs_view bytes,
                     struct gs_err *err);
