/* files: what the boot step reads and writes: whole files, small ones. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/view.h"

/* The whole file in the arena, with a zero behind it. GS_NOT_FOUND: there is none. GS_LIMIT: it has
 * more than `max` bytes. GS_INVALID: no regular file, nor one of /proc. GS_IO, GS_NO_MEMORY. */
int gs_boot_file_read(const char *path, size_t max, struct gs_arena *arena, struct gs_view *ret,
                      struct gs_err *err);

/* Writes the file beside its place, down to the disk, and renames it there, so that it is as before
 * or as it shall be, whatever happens. A file that was there keeps owner and mode, a link is
 * followed; a new one has mode 0644. Makes missing folders. GS_IO. */
int gs_boot_file_replace(const char *path, struct gs_view bytes, struct gs_err *err);

/* Removes it, down to the disk. One that is not there is fine. GS_IO. */
int gs_boot_file_remove(const char *path, struct gs_err *err);

/* Makes a folder with those above it. GS_IO. */
int gs_boot_folder_make(const char *path, struct gs_err *err);
