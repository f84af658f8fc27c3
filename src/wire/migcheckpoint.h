/* migcheckpoint: what the GPUs of a node are cut into, with places, in the form of mig-parted's
 * checkpoint and restore.
 *
 *     {"Version":"v1","MigState":{"Devices":[{"UUID":"GPU-...","MigMode":1,"GpuInstances":[
 *       {"ProfileID":9,"Placement":{"Start":4,"Size":4},
 *        "ComputeInstances":[{"ProfileID":2,"EngProfileID":0}]}]}]}}
 *
 * ProfileID is NVML's enum, not the driver's id. Written as mig-parted does, byte for byte: GPU
 * instances by profile, empty lists as null. Read: an empty list may be null or left out; keys that
 * are not known, and places that overlap, are errors, where mig-parted takes them and fails later
 * or not at all. Form: mig-parted, pkg/types/mig_state.go. Sans-I/O. */
#pragma once

#include "base/buf.h"
#include "wire/doc.h"
#include "wire/migspec.h"

enum { GS_MIGCHECKPOINT_BYTES_MAX = 4 << 20 };

/* Reads a checkpoint; the states of up to GS_MIG_STATE_GPUS_MAX GPUs, in the arena. GS_INVALID with
 * file and line; GS_LIMIT, GS_NO_MEMORY and what the read callback returns. */
int gs_migcheckpoint_read(struct gs_arena *arena, const struct gs_doc_input *input,
                          const struct gs_mig_state **ret, unsigned *ret_n, struct gs_err *err);

/* Writes one; no newline at its end. A UUID that is no plain text fails `out`. */
void gs_migcheckpoint_write(const struct gs_mig_state *states, unsigned n, struct gs_buf *out);
