/* outfile: a file that a command writes: all of it or nothing.
 *
 * A regular file, or one that is not there yet, is written beside its place and put there when it
 * is whole, so that a full disk or a kill leaves what was there before; it keeps its owner's mode.
 * A link is followed and stays, where it points to nothing too: what it names is made. Anything
 * else (a device, a pipe) is written to as it is. */
#pragma once

#include "base/err.h"
#include "base/view.h"
#include "term/infile.h"

/* `option` is the one that names the file, for errors. GS_IO, GS_INVALID (a directory). */
int gs_outfile_write(const char *option, const char *path, struct gs_view bytes,
                     struct gs_err *err);

/* Before anything is done: GS_INVALID where `path` is the file that `input` is open on, by whatever
 * name, since the result would take its place. */
int gs_outfile_spare(const char *option, const char *path, const struct gs_infile *input,
                     struct gs_err *err);
