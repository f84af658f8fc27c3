/* options: the command line of the boot step. */
#pragma once

#include "term/options.h"

enum { GS_BOOT_WAIT_MAX_S = 24 * 3600, GS_BOOT_FOLDER_MAX = 1024 };

/* Texts are borrowed from the command line and the environment. Not to be copied: the presets of
 * the folders are in it. */
struct gs_boot_options {
    const char *layout; /* NULL: not given, as all below that have no preset */
    struct gs_texts label_files;
    const char *label;
    const char *layout_file;
    const char *toolkit_config;
    const char *reboot_command; /* "": it never reboots */
    uint64_t wait_s;
    bool missing_gpus; /* fewer than the PCI bus has are fine */
    bool dry_run;
    bool debug;
    bool version;
    const char *state_dir; /* of what outlives a reboot; less than GS_BOOT_FOLDER_MAX bytes */
    const char *run_dir;   /* of lock, journal and boot.json; likewise */
    char state_preset[GS_BOOT_FOLDER_MAX];
    char run_preset[GS_BOOT_FOLDER_MAX];
};

/* Of the program gpuslice-boot. */
extern const struct gs_command gs_boot_command;

/* What holds where the command line says nothing. The folders follow the environment
 * (GPUSLICE_STATE_DIR, GPUSLICE_SIM); GS_INVALID: these are too long. */
int gs_boot_options_preset(struct gs_boot_options *ret, struct gs_err *err);

/* Whether what was given goes together: 0, or GS_INVALID. */
int gs_boot_options_check(const struct gs_boot_options *options, struct gs_err *err);
