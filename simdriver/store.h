/* store: the one state that all processes of a simulated machine share: the file DIR/state.
 *
 * The file has a fixed size: a header, and two copies of struct sim_machine. A change is made on a
 * private copy, written into the copy that is not in force, and takes force with one atomic store
 * of the sequence number (its lowest bit says which copy). A process killed at any point leaves the
 * state before or the state after. Writers are kept apart by an open-file-description lock, which
 * the kernel takes from a process that dies: nothing in the file can block or mislead the next one,
 * as a mutex in shared memory could after a reboot of the host.
 *
 * Each process reads its private copy, refreshed when the sequence number has moved; so a reader
 * pays nothing while nothing changes, and what it looks at does not change under it. All calls are
 * safe from several threads: between sim_store_view or sim_store_begin and its end this process's
 * store is locked (not recursively), so do not block meanwhile.
 *
 * After a change the files under DIR/root follow (tree.h), before the lock is given up. A client
 * killed in between leaves that to the next one that opens or changes the machine. */
#pragma once

#include <stdatomic.h>

#include "simdriver/machine.h"

struct sim_store;

/* Makes DIR (which may be there) and DIR/state in it. GS_BUSY: there is a machine in it already. */
int sim_store_create(const char *dir, const struct sim_machine *machine, struct gs_err *err);

/* Opens a machine. `dir` NULL: the folder that GPUSLICE_SIM names.
 * GS_NOT_FOUND: no GPUSLICE_SIM, or there is no machine. GS_INVALID: the file is not one of ours,
 * of another version, cut short, or what it says cannot be. */
int sim_store_open(const char *dir, struct sim_store **ret_store, struct gs_err *err);
void sim_store_close(struct sim_store *store);
void sim_store_closep(struct sim_store **store);

/* The machine's folder. */
const char *sim_store_dir(const struct sim_store *store);

/* False: this user may only read it. Nothing is counted then, and no change can begin. */
bool sim_store_writable(const struct sim_store *store);

/* The state as it is now, until sim_store_end. Never NULL: where the file was damaged meanwhile it
 * is the last whole state that was seen. */
const struct sim_machine *sim_store_view(struct sim_store *store);
void sim_store_end(struct sim_store *store);

/* Begins a change: no other process changes the machine until the commit or the abandon, one of
 * which must follow. NULL: the file could not be locked or is damaged (nothing to end then). */
struct sim_machine *sim_store_begin(struct sim_store *store);

/* SIM_OK, or SIM_UNKNOWN: the disk refused, and nothing is changed. */
int sim_store_commit(struct sim_store *store);
void sim_store_abandon(struct sim_store *store);

/* Drops holders and sessions of processes that are gone, if there are any. To be called where it
 * matters: before a destroy, a change of mode, a reset, a list of processes. Not inside a view. */
void sim_store_prune(struct sim_store *store);

/* Waits until the state differs from the one with sequence number `seq`, for `timeout_ms` at most.
 * False: the time is up. Not inside a view. */
uint64_t sim_store_seq(const struct sim_store *store);
bool sim_store_wait(struct sim_store *store, uint64_t seq, unsigned timeout_ms);

/* NVML calls of all clients so far; counted beside the state. */
uint64_t sim_store_calls(const struct sim_store *store);

/* Counts one call, returns its number (1, 2, ...). */
uint64_t sim_store_count_call(struct sim_store *store);

/* Counts a call that a fault has seen: 0, 1, 2, ... */
uint32_t sim_store_count_fault(struct sim_store *store, unsigned fault);
uint32_t sim_store_fault_seen(const struct sim_store *store, unsigned fault);

/* Starts its count again; for the entry of a new fault. */
void sim_store_clear_fault(struct sim_store *store, unsigned fault);

/* This process: its start time (field 22 of /proc/PID/stat, 0: not known), and whether a process
 * that began then is still there. */
uint64_t sim_process_start(uint32_t pid);
bool sim_process_alive(uint32_t pid, uint64_t start_time);

/* Checks a whole file in memory as sim_store_open does, and copies the state out. */
int sim_store_decode(const void *bytes, size_t n, struct sim_machine *ret, struct gs_err *err);
