/* bed: a machine with GPUs to try the port on, whatever implements it.
 *
 * The suite speaks to the GPUs through the port (bed->gpus) and to the world around them through
 * the functions here: processes that hold slices, handles that leak, GPUs that fall off the bus.
 * `table` is the table in memory; `nvml` is gpu_nvml over the simulated driver. */
#pragma once

#include "unit/check.h"

#include "base/cleanup.h"
#include "gpu/gpu.h"
#include "gpu/gpu_read.h"
#include "gpu/gpu_watch.h"

enum { BED_KINDS_MAX = 4, BED_NEWEST = 595 };

struct bed_machine {
    unsigned driver; /* major; 0: BED_NEWEST */
    bool vm;         /* the GPUs are passed through to a VM */
    bool mig_on;
    struct {
        const char *model; /* of the catalogue; "": one that cannot be cut */
        unsigned count;
    } kinds[BED_KINDS_MAX];
};

struct bed;

struct bed_ops {
    const char *name;
    int (*begin)(struct bed *bed, const struct bed_machine *machine);
    void (*end)(struct bed *bed);
    int (*hold)(struct bed *bed, unsigned gpu, uint32_t gi, uint32_t ci, uint32_t *ret_pid);
    void (*drop)(struct bed *bed, uint32_t pid);
    void (*leak)(struct bed *bed, unsigned gpu, uint32_t gi, uint32_t ci, unsigned handles);
    void (*lose)(struct bed *bed, unsigned gpu);
    void (*xid)(struct bed *bed, unsigned gpu, uint32_t gi, uint32_t ci, uint64_t number);
    /* what holds the GPU instance keeps it busy; GS_NOT_KNOWN: the whole GPU */
    void (*busy)(struct bed *bed, unsigned gpu, uint32_t gi, unsigned percent);
    void (*reboot)(struct bed *bed); /* ends the session, and opens bed->gpus anew */
    int (*open_another)(struct bed *bed, struct gs_gpus *ret); /* a second session */
    /* a GI at a place, whatever the driver lets clients do */
    void (*cut)(struct bed *bed, unsigned gpu, uint32_t profile_id, uint32_t start);
};

struct bed {
    const struct bed_ops *ops;
    struct gs_gpus gpus;
    void *impl;
};

extern const struct bed_ops bed_table;
extern const struct bed_ops bed_nvml;

/* The implementation that the suite runs over now. */
extern const struct bed_ops *bed_now;

/* Makes a machine, or fails the test. One at a time. */
struct bed bed_begin(const struct bed_machine *machine);
void bed_end(struct bed *bed);

/* Starts the machine anew, with a new session. */
void bed_reboot(struct bed *bed);

/* Teardown of each test: ends a machine that a failure left behind. */
int bed_sweep(void **state);

/* One GPU of a model, MIG on, the newest driver. */
struct bed bed_one(const char *model);

/* Calls that have to work. */
struct gs_gpu bed_get(struct bed *bed, unsigned gpu);
struct gs_gpu_instances bed_instances(struct bed *bed, unsigned gpu);
unsigned bed_profiles(struct bed *bed, unsigned gpu, struct gs_gpu_profile *ret);
struct gs_gpu_instance bed_create(struct bed *bed, unsigned gpu, uint32_t profile_id,
                                  uint32_t start, uint32_t size);
struct gs_compute_instance bed_create_ci(struct bed *bed, unsigned gpu, uint32_t gi,
                                         uint32_t profile_id);

/* The profile of GPU 0 with this name, or fails. */
struct gs_gpu_profile bed_profile(struct bed *bed, const char *name);

/* Checks a call's code; prints what it said where it is another one. */
#define bed_expect(wanted, call)                                                                   \
    do {                                                                                           \
        struct gs_err err_ = {.msg = ""};                                                          \
        struct gs_err *err = &err_;                                                                \
        int r_ = (call);                                                                           \
        if (r_ != (wanted)) {                                                                      \
            print_message("%s:%d: %s gave %d: %s\n", __FILE__, __LINE__, #call, r_, err_.msg);     \
        }                                                                                          \
        assert_int_equal(r_, (wanted));                                                            \
        if (r_ < 0) {                                                                              \
            assert_int_equal(err_.code, (wanted));                                                 \
            assert_true(err_.msg[0] != '\0');                                                      \
        }                                                                                          \
    } while (0)
