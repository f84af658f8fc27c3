/* report: how the boot step went, as a file for whoever looks later (the agent, a person). */
#pragma once

#include "base/buf.h"
#include "gpu/gpu.h"
#include "partition/apply.h"

enum { GS_BOOT_WANTED_MAX = 200 };

#define GS_BOOT_NO_TIME UINT64_MAX /* it did not come to that */

enum gs_boot_state {
    GS_BOOT_WAITING,   /* for the driver */
    GS_BOOT_CUTTING,   /* or looking whether it has to */
    GS_BOOT_REBOOTING, /* a reboot was asked for and has not come yet */
    GS_BOOT_CUT,       /* the GPUs are as wanted */
    GS_BOOT_NOTHING,   /* nobody wants a layout */
    GS_BOOT_FAILED
};

struct gs_boot_report_gpu {
    char uuid[GS_GPU_UUID_MAX]; /* "": it could not be read, as the name */
    char name[GS_GPU_NAME_MAX];
    char wanted[GS_BOOT_WANTED_MAX]; /* "7x 1g.5gb", "MIG off"; "": nothing is asked of it */
    enum gs_apply_condition condition;
};

/* Texts that are not known are "" or NULL. */
struct gs_boot_report {
    enum gs_boot_state state;
    const char *layout;
    const char *from;    /* who said so */
    const char *file;    /* of layouts */
    struct gs_err error; /* code GS_OK: none */
    char driver_version[80];
    char boot_id[64];
    bool rebooted;       /* it went on after a reboot that it had asked for */
    uint64_t started_ms; /* since the epoch */
    uint64_t ended_ms;   /* 0: not yet */
    uint64_t driver_took_ms;
    uint64_t cut_took_ms;
    unsigned n;
    struct gs_boot_report_gpu gpus[GS_GPUS_MAX];
};

const char *gs_boot_state_name(enum gs_boot_state state);

/* As JSON; what is not known is null. */
void gs_boot_report_format(const struct gs_boot_report *report, struct gs_buf *out);
