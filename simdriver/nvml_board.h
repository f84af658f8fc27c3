/* nvml_board: what a kind of card is beside its slices: clocks, power, links.
 *
 * Typical numbers of the cards' data sheets, so that monitors have something plausible to show.
 * They are no part of the catalogue, and nothing that plans ever sees them. */
#pragma once

#include "simdriver/machine.h"

struct nvml_board {
    const char *begins; /* of the model's id */
    uint8_t architecture;
    uint8_t compute_major, compute_minor; /* CUDA compute capability */
    uint8_t brand;                        /* nvmlBrandType_t */
    uint16_t cores_per_sm;
    uint16_t memory_bus_bits;
    uint16_t sm_mhz_idle, sm_mhz_max, memory_mhz;
    uint16_t watts_idle, watts_min, watts_max;
    uint8_t pcie_generation;
    uint8_t nvlinks, nvlink_version; /* 0: none */
    bool fabric;                     /* registers with the fabric manager of its node */
    bool multi_node;                 /* its fabric spans nodes: it has a cluster UUID */
    const char *vbios;
};

/* Never NULL. */
const struct nvml_board *nvml_board(const struct sim_gpu *gpu);

/* Streaming multiprocessors of the whole GPU: those of its largest profile. */
uint32_t nvml_board_sms(const struct sim_machine *machine, unsigned gpu);

/* How busy the processes on a GPU (gi SIM_NONE), GPU instance (ci SIM_NONE) or MIG device are,
 * percent of what it has, 0 to 100. */
uint32_t nvml_board_load(const struct sim_machine *machine, unsigned gpu, uint32_t gi, uint32_t ci);

uint32_t nvml_board_milliwatts(const struct sim_machine *machine, unsigned gpu);
uint32_t nvml_board_celsius(const struct sim_machine *machine, unsigned gpu);

/* Millijoules since the host's boot: what the GPU takes at rest, and more for as long as this
 * process has looked on. Never goes back within a process. */
uint64_t nvml_board_millijoules(const struct sim_machine *machine, unsigned gpu, uint64_t boot_us);
