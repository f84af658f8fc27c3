/* migwrite: configuration files of mig-parted, written as mig-parted itself writes them, byte for
 * byte (its export and generate-config): configurations and slices in its orders, lists of filters
 * and GPUs on one line in YAML. What is written reads back as it was (wire/migconfig.h). For files
 * with comments and our own order there is wire/migparted.h. */
#pragma once

#include "base/buf.h"
#include "wire/migconfig.h"

enum gs_migwrite_form { GS_MIGWRITE_YAML, GS_MIGWRITE_JSON };

/* Entries with n_filters: as one text where there is one and `filter_is_text`, else as a list. */
struct gs_migwrite_entry {
    struct gs_migconfig_entry entry;
    bool filter_is_text;
    bool devices_are_null; /* JSON: mig-devices: null rather than {} */
};

struct gs_migwrite_choice {
    const char *name;
    unsigned n;
    const struct gs_migwrite_entry *entries;
};

/* GS_INVALID: a name is too long, or has control characters or bytes that are not UTF-8.
 * GS_NO_MEMORY: as `out` failed. `arena` is for the work and holds nothing afterwards that counts.
 */
int gs_migwrite(struct gs_arena *arena, const struct gs_migwrite_choice *configs, unsigned n,
                enum gs_migwrite_form form, struct gs_buf *out, struct gs_err *err);

/* The order of mig-parted's YAML: runs of digits as numbers, letters behind other signs. */
int gs_migwrite_compare(const char *a, const char *b);
