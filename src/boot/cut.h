/* cut: brings the GPUs to a layout, by its name, and says whether only a reboot is missing. */
#pragma once

#include "boot/machine.h"
#include "boot/options.h"
#include "boot/report.h"
#include "partition/layouts.h"

struct gs_boot_cut {
    const struct gs_boot_options *options;
    const struct gs_machine_roots *roots;
    struct gs_gpus *gpus;
    unsigned n;                               /* that the driver lists */
    const char *name;                         /* of the layout; NULL: the only one */
    const struct gs_migconfig_choice *layout; /* of a file; NULL: by name, of what the GPUs offer */
    const volatile sig_atomic_t *stop;
    struct gs_arena *arena;
    struct gs_boot_report *report; /* of each GPU it is said there what is wanted and how it is */
};

/* Finds the layout in the file of layouts; NULL: it is not there, but spelled, and is made of its
 * name when the GPUs are known. Codes of gs_layouts_read and gs_migconfig_select. */
int gs_boot_layout_find(const char *path, const char *name, struct gs_arena *arena,
                        const struct gs_migconfig_choice **ret, struct gs_err *err);

/* Whether a machine without any GPU that can be cut is as this layout wants it. */
bool gs_boot_layout_is_idle(const struct gs_migconfig_choice *layout, const char *name);

/* Cuts. 0: the GPUs are as wanted. *ret_waiting: it failed, and the GPUs of that list ("0,1") have
 * their MIG mode stored, run nothing, and need a reboot for it; "": a reboot is not what helps.
 * GS_NOT_FOUND: there is no such layout. GS_UNSUPPORTED: a kubelet runs, and slices or GPUs would
 * go. Codes of gs_apply. */
enum { GS_BOOT_LIST_MAX = GS_GPUS_MAX * 4 + 1 };
int gs_boot_cut(struct gs_boot_cut *cut, char ret_waiting[GS_BOOT_LIST_MAX], struct gs_err *err);
