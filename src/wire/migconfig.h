/* migconfig: configuration files of NVIDIA's mig-parted, version v1, YAML or JSON, read.
 *
 *     version: v1
 *     mig-configs:
 *       name-a:
 *       - device-filter: ["0x233010DE", "0x232110DE:0x16C110DE"]
 *         devices: [0, 1]
 *         mig-enabled: true
 *         mig-devices: {"1c.3g.40gb": 3, "1g.10gb+me": 1}
 *       - devices: all
 *         mig-enabled: false
 *
 * Rules: mig-parted api/spec/v1/spec.go. Unknown keys are errors; devices and mig-enabled are
 * required, mig-devices where mig-enabled is true (empty: cut on, nothing cut), absent or empty
 * where it is false; not every count may be 0. An empty document is a file without configurations.
 * Where we refuse what mig-parted takes, and why: docs/mig-parted.md. Sans-I/O. */
#pragma once

#include "wire/doc.h"
#include "wire/migspec.h"

enum {
    GS_MIGCONFIG_BYTES_MAX = 4 << 20,
    GS_MIGCONFIG_NAME_MAX = 253,     /* bytes of a configuration's name */
    GS_MIGCONFIG_ENTRIES_MAX = 1024, /* of one configuration */
    GS_MIGCONFIG_FILTERS_MAX = 1024, /* of one entry */
    GS_MIGCONFIG_DEVICES_MAX = 1024, /* of one entry */
    GS_MIGCONFIG_DEVICE_MAX = 65535, /* number of a GPU */
    GS_MIGCONFIG_COUNT_MAX = 255     /* slices of a kind on one GPU */
};

/* GPUs of one make: "<device><vendor>" as one number, and of one board where has_subsystem. */
struct gs_migconfig_filter {
    uint32_t device;
    uint32_t subsystem;
    bool has_subsystem;
};

struct gs_migconfig_entry {
    uint32_t line;
    unsigned n_filters; /* 0: GPUs of every make */
    const struct gs_migconfig_filter *filters;
    bool all; /* devices: all */
    unsigned n_devices;
    const uint32_t *devices;
    bool mig_enabled;
    unsigned n; /* kinds of slices, those with count 0 left out */
    const struct gs_mig_count *slices;
};

/* One configuration: entries that are applied in order, of which the last that fits a GPU counts.
 */
struct gs_migconfig_choice {
    const char *name;
    uint32_t line;
    unsigned n;
    const struct gs_migconfig_entry *entries;
};

struct gs_migconfig {
    const char *label; /* of the input */
    unsigned n;
    const struct gs_migconfig_choice *configs; /* in the order of the file */
};

/* Reads a file; all lives in the arena. GS_INVALID with file and line; GS_LIMIT, GS_NO_MEMORY and
 * what the read callback returns. */
int gs_migconfig_read(struct gs_arena *arena, const struct gs_doc_input *input,
                      struct gs_migconfig *ret, struct gs_err *err);

/* The configuration `name`; NULL or "": the only one. GS_NOT_FOUND: there is none of this name (the
 * text has the nearest). GS_AMBIGUOUS: no name was given, and there are several. */
int gs_migconfig_select(const struct gs_migconfig *config, const char *name,
                        const struct gs_migconfig_choice **ret, struct gs_err *err);

/* Reads "0x233010DE" or "0x232110DE:0x16C110DE" (hexadecimal behind 0x, or decimal). */
int gs_migconfig_filter_parse(struct gs_view text, struct gs_migconfig_filter *ret,
                              struct gs_err *err);

/* A GPU as configurations tell GPUs apart. */
struct gs_migconfig_target {
    uint32_t index;            /* NVML's: in the order of the PCI bus */
    uint32_t pci_device_id;    /* device << 16 | vendor; GS_NOT_KNOWN fits no filter */
    uint32_t pci_subsystem_id; /* likewise */
    bool capable;              /* can be cut at all */
};

bool gs_migconfig_filter_fits(const struct gs_migconfig_filter *filter,
                              const struct gs_migconfig_target *gpu);

/* What `choice` asks of each of the `n` GPUs, into ret[n]. As mig-parted applies it: entries in
 * order, the last that fits counts; a GPU that cannot be cut is passed over by `devices: all`, but
 * named where its number is listed (the caller has to refuse that, if MIG is to be on). */
void gs_migconfig_resolve(const struct gs_migconfig_choice *choice,
                          const struct gs_migconfig_target *gpus, unsigned n,
                          struct gs_mig_wish *ret);

/* What the author of `choice` would want to know on a machine of these `n` GPUs, a line at a time:
 * numbers of GPUs that it does not have, and that no GPU at all is selected. Entries whose
 * device-filter fits no GPU here are for other machines, as long as one is for this. */
void gs_migconfig_doubts(const struct gs_migconfig_choice *choice,
                         const struct gs_migconfig_target *gpus, unsigned n,
                         void (*say)(void *ctx, const char *line), void *ctx);

/* Whether a GPU that has `have` is what `wish` asks for: same mode and, where MIG is on, as many
 * slices of each kind. */
bool gs_mig_wish_met(const struct gs_mig_wish *wish, const struct gs_mig_wish *have);

/* "3x 2g.10gb, 1x 1c.3g.20gb", "nothing", or "MIG off"; cut with "..." where it is too long. */
void gs_mig_wish_format(const struct gs_mig_wish *wish, char *ret_text, size_t size);

/* Adds one device of this kind. False: there are GS_MIG_COUNTS_MAX kinds. */
bool gs_mig_wish_add(struct gs_mig_wish *wish, const struct gs_profile_name *name);
