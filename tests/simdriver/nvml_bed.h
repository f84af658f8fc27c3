/* nvml_bed: a simulated machine in a folder of its own, and the library as a client loads it. */
#pragma once

#include "unit/check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "simdriver/machine.h"
#include "simdriver/nvml_calls.h"
#include "simdriver/store.h"

struct bed {
    char dir[200];
    void *library;
    struct nvml_calls nvml;
    struct sim_store *store; /* the other side */
};

/* The one that `begin` made; tests have one at a time. */
extern struct bed bed;

/* Makes a machine with that driver and `n` GPUs of the model, MIG on where it can be; loads the
 * library of that driver (0xFFFF: the newest) and begins a session. */
void begin_with(uint32_t driver, uint32_t library, const char *model, unsigned n);
void begin(const char *model, unsigned n); /* driver 580, the newest library */
void end(void);

/* Loads a library only, and gives the last one back. */
void load_library(uint32_t library);
void dlclose_library(void);

/* Changes the machine behind the clients' backs. */
struct sim_machine *change(void);
void changed(void);

void *gpu(uint32_t index);

/* The driver's id of a kind of GI of the first GPU. */
uint32_t profile_id(const char *name);

/* Creates instances as a client does; handles. start SIM_NONE: the driver chooses. */
void *create_gi(void *device, const char *profile, uint32_t start);
void *create_whole_ci(void *gi);
void *mig_of(void *ci);
