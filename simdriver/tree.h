/* tree: the files that a driver shows beside its library, under DIR/root.
 *
 * /proc/driver/nvidia, /proc/driver/nvidia-caps, /proc/modules, /proc/devices,
 * /sys/bus/pci/devices, /dev/nvidia*, /dev/nvidia-caps, a library that tells the driver's version
 * and a stand-in for nvidia-smi. Device nodes are null devices, or empty files. What is there is
 * made to be what the state says, whatever it was before: making it again changes nothing, so a
 * killed client leaves nothing that the next does not mend.
 */
#pragma once

#include "simdriver/machine.h"

/* The minor numbers of the capability files (section 3.4 of the reference). */
enum { SIM_CAP_CONFIG = 1, SIM_CAP_MONITOR = 2, SIM_CAP_MAJOR = 237 };
uint32_t sim_cap_gi_minor(uint32_t gpu_minor, uint32_t gi);
uint32_t sim_cap_ci_minor(uint32_t gpu_minor, uint32_t gi, uint32_t ci);

/* Makes the files of the whole machine, and of each GPU, below `dir`/root. */
int sim_tree_sync(const char *dir, const struct sim_machine *machine, struct gs_err *err);

/* The capability files and nodes of one GPU only: what changes as instances come and go. */
int sim_tree_sync_gpu(const char *dir, const struct sim_machine *machine, unsigned gpu,
                      struct gs_err *err);
