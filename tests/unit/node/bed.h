/* bed: snapshots of nodes for tests, made from models of the catalogue and layouts as text. */
#pragma once

#include "unit/check.h"

#include "base/arena.h"
#include "node/snapshot.h"
#include "wire/agentconfig.h"

struct bed {
    struct gs_arena arena;
    struct gs_snapshot snapshot;
    struct gs_snapshot_gpu gpus[GS_GPUS_MAX];
    struct gs_snapshot_slice slices[1024];
    struct gs_agentconfig config; /* the defaults */
    uint64_t generation;
};

/* A node without GPUs, and the default configuration. bed_done frees everything. */
void bed_init(struct bed *bed);
void bed_done(struct bed *bed);

/* Adds a GPU of the model, with MIG off, UUID "GPU-<g>". A model that the catalogue does not have
 * is the name of a GPU that cannot be cut. */
struct gs_snapshot_gpu *bed_gpu(struct bed *bed, const char *model);

/* Adds a GPU with MIG on, cut as `layout` says: "3g.20gb@4,1g.5gb@0"; "1c.2g.10gb@0;1c.2g.10gb" are
 * two compute instances of one GPU instance. UUIDs are "MIG-<g>-<gi>-<ci>". */
struct gs_snapshot_gpu *bed_cut(struct bed *bed, const char *model, const char *layout);

/* The slice with that UUID; fails the test where there is none. */
struct gs_snapshot_slice *bed_slice(struct bed *bed, const char *uuid);

/* Reads settings as the file would hold them. */
void bed_configure(struct bed *bed, const char *yaml);
