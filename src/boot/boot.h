/* boot: cuts the GPUs of a machine to a layout before its kubelet starts.
 *
 * One run of a program, top to bottom: which layout, wait for the driver, recover, cut, and where
 * only that helps one reboot (docs/internals/boot.md). It is done by gpuslice-boot, which links
 * libc only, and by `gpuslice-agent boot`. */
#pragma once

/* argv[0] is how the program is called in its help; "boot" is a command of the agent. Returns
 * the exit status: 0 cut as wanted, or nothing to do; 1 not, and the kubelet must not start; 2
 * wrong use. Catches SIGTERM, SIGINT and SIGHUP once each. Does not return after it asked for a
 * reboot, until a signal ends it, with 1. */
int gs_boot_main(int argc, char **argv);
