/* machine: what the boot step has to know of the machine beside its GPUs' driver. */
#pragma once

#include <signal.h>

#include "gpu/driver_files.h"
#include "gpu/gpu.h"

/* NVIDIA GPUs on the PCI bus that are the driver's or nobody's (those given to vfio-pci are not for
 * us). GS_NOT_KNOWN: /sys does not tell. */
uint32_t gs_boot_pci_gpus(const struct gs_machine_roots *roots);

/* The process id of a kubelet that runs; 0: none is seen. */
uint32_t gs_boot_kubelet(const struct gs_machine_roots *roots);

/* The kernel's id of this boot, another after each; "": not known. */
enum { GS_BOOT_ID_MAX = 64 };
void gs_boot_id(const struct gs_machine_roots *roots, char ret[GS_BOOT_ID_MAX]);

struct gs_boot_wait {
    uint64_t limit_s;
    bool missing_gpus; /* fewer GPUs than the bus has are fine, and not waited for */
    const volatile sig_atomic_t *stop; /* not 0: waits no longer */
};

/* Opens the driver, waiting for it to come: kernel modules load late. *ret_n: GPUs that it lists.
 * GS_NOT_FOUND: there is no GPU on the PCI bus, which is not waited for. GS_BUSY: it came, but not
 * all GPUs. GS_IO with EINTR: stopped. Else what the driver said last. */
int gs_boot_driver_open(const struct gs_machine_roots *roots, const struct gs_boot_wait *wait,
                        struct gs_gpus *ret, unsigned *ret_n, struct gs_err *err);

/* Sleeps; ends early by a signal. */
void gs_boot_sleep_ms(unsigned ms);
