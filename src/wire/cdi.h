/* cdi: files of the Container Device Interface, which tell a container runtime what a device is.
 *
 * Structs to JSON, no more: what belongs into the file is for others to say. The version written is
 * the lowest whose readers know every field that is used (CNCF CDI specification, its table of
 * versions), since readers refuse fields that they do not know. Lists keep their order. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum { GS_CDI_BYTES_MAX = 16 * 1024 * 1024, /* enough for `out` */ GS_CDI_NAME_MAX = 256 };

#define GS_CDI_NOT_TOLD UINT32_MAX

struct gs_cdi_texts {
    size_t n;
    const char *const *at;
};

/* What is left out is filled in by the runtime, from the node on the host. */
struct gs_cdi_node {
    const char *path;        /* in the container */
    const char *host_path;   /* NULL, or the same as path: not written */
    const char *permissions; /* "rwm"; NULL */
    char type;               /* 'c', 'b'; 0 */
    uint32_t major;          /* GS_CDI_NOT_TOLD, as the five below; with a type: it is needed */
    uint32_t minor;
    uint32_t file_mode; /* permission bits */
    uint32_t uid;
    uint32_t gid;
};

struct gs_cdi_mount {
    const char *host_path;
    const char *container_path;
    struct gs_cdi_texts options;
    const char *type; /* NULL */
};

struct gs_cdi_hook {
    const char *name; /* of the stage: "createContainer" */
    const char *path;
    struct gs_cdi_texts args; /* argv, with the program first */
    struct gs_cdi_texts env;
};

struct gs_cdi_edits {
    struct gs_cdi_texts env;
    size_t n_nodes;
    const struct gs_cdi_node *nodes;
    size_t n_hooks;
    const struct gs_cdi_hook *hooks;
    size_t n_mounts;
    const struct gs_cdi_mount *mounts;
    size_t n_gids; /* additional groups of the container's process */
    const uint32_t *gids;
};

struct gs_cdi_device {
    const char *name;
    struct gs_cdi_edits edits; /* at least one */
};

struct gs_cdi_spec {
    const char *kind; /* "k8s.device-plugin.nvidia.com/gpu": vendor/class */
    size_t n_devices;
    const struct gs_cdi_device *devices;
    struct gs_cdi_edits edits; /* of every container that gets any of the devices */
};

/* Writes the document, with a line feed at its end. GS_NOT_FOUND: it has no devices; readers refuse
 * such a file, so there must be none. GS_INVALID: a kind, name, path, variable or
 * stage that the specification does not allow, two devices of one name, a device without edits.
 * GS_NO_MEMORY: that, or more than `out` may hold. */
int gs_cdi_format(const struct gs_cdi_spec *spec, struct gs_buf *out, struct gs_err *err);

/* "0.5.0": what gs_cdi_format would write. */
const char *gs_cdi_version(const struct gs_cdi_spec *spec);

/* Whether a device may have this name: letters, digits, "_-.:", both ends a letter or digit. */
bool gs_cdi_name_is_valid(const char *name);
