/* root_files: reading below a root. Private to the room. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

enum { GS_ROOT_PATH_MAX = 4096 };

/* <root><path>. False: it is too long. */
bool gs_root_path(char ret[GS_ROOT_PATH_MAX], const char *root, const char *path);

/* Reads the whole file, `max` bytes at most, into `ret`, which was set up for as many.
 * GS_NOT_FOUND: there is none. GS_LIMIT: it, or its path, is longer. GS_IO, GS_NO_MEMORY. */
int gs_root_read(const char *root, const char *path, struct gs_buf *ret, struct gs_err *err);

/* "00000000:07:00.0" or "0000:07:00.0" as sysfs has it, "0000:07:00.0". GS_INVALID. */
enum { GS_PCI_ADDRESS_MAX = 20 };
int gs_pci_address(const char *pci_bus_id, char ret[GS_PCI_ADDRESS_MAX], struct gs_err *err);
