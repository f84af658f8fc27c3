/* machine: what the node's labels say of the machine itself, beside its GPUs. */
#pragma once

#include "gpu/driver_files.h"
#include "node/labels.h"

enum { GS_MACHINE_TYPE_MAX = 256 };

struct gs_machine_facts {
    char type[GS_MACHINE_TYPE_MAX]; /* contents of the file that the configuration names */
    bool has_type;
    struct gs_vgpu vgpu;
    bool has_vgpu;
};

/* Reads files; takes no longer than sysfs does. What cannot be read is left out. */
void gs_machine_read(const struct gs_machine_roots *roots, const char *type_file,
                     struct gs_machine_facts *ret);
