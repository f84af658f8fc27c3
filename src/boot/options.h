/* options: the command line of the boot step. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum { GS_BOOT_LABEL_FILES_MAX = 8, GS_BOOT_WAIT_MAX_S = 24 * 3600, GS_BOOT_FOLDER_MAX = 1024 };

/* Texts are borrowed from the command line and the environment. */
struct gs_boot_options {
    const char *layout; /* NULL: not given, as all below that have no preset */
    const char *label_files[GS_BOOT_LABEL_FILES_MAX];
    unsigned n_label_files;
    const char *label;
    const char *layout_file;
    const char *toolkit_config;
    const char *reboot_command; /* "": it never reboots */
    uint64_t wait_s;
    bool missing_gpus; /* fewer than the PCI bus has are fine */
    bool dry_run;
    bool debug;
    char state_dir[GS_BOOT_FOLDER_MAX]; /* of what outlives a reboot */
    char run_dir[GS_BOOT_FOLDER_MAX];   /* of lock, journal and boot.json */
};

/* What is asked for in place of work. */
enum { GS_BOOT_HELP = 1, GS_BOOT_VERSION = 2 };

/* Reads argv[1..]. Presets of the folders follow the environment (GPUSLICE_STATE_DIR,
 * GPUSLICE_SIM). Returns 0, GS_BOOT_HELP, GS_BOOT_VERSION, or GS_INVALID: wrong use. */
int gs_boot_options_read(int argc, char *const *argv, struct gs_boot_options *ret,
                         struct gs_err *err);

/* What --help prints; `program` is how it was called. */
void gs_boot_options_help(const char *program, struct gs_buf *out);
