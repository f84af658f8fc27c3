/* inventory: the GPUs of the machine as changes see them: what they are cut into, what of it is in
 * use and by whom, and the state table of their kind.
 *
 * A slice is busy when a process is on it. A process of which it is not known on which slice it is
 * makes every slice of the GPU busy, and so do processes that cannot be read. Others who know of
 * more (pods that were granted a slice and have no process yet) mark it with
 * gs_inventory_mark. Read through the port; nothing is changed. */
#pragma once

#include "base/arena.h"
#include "partition/holder.h"
#include "partition/inside.h"

enum {
    GS_INVENTORY_HOLDERS_MAX = 32,            /* of one GPU, kept by name */
    GS_INVENTORY_KINDS_MAX = 2 * GS_GPUS_MAX, /* as the driver tells them, and as we expect them */
};

/* State tables by what the driver says of a GPU, so that equal GPUs share one. Lives as long as its
 * arena, through any number of readings. */
struct gs_inventory_kind {
    const struct gs_model *expected; /* of the catalogue; NULL: told by the driver, as follows */
    uint64_t memory_bytes;
    unsigned n_profiles;
    struct gs_gpu_profile profiles[GS_GPU_PROFILES_MAX];
    struct gs_transition_index index;
};

struct gs_inventory_tables {
    struct gs_arena *arena;
    bool driver_known;
    bool places_cis; /* the driver creates compute instances where it is told */
    unsigned n;
    struct gs_inventory_kind *kinds[GS_INVENTORY_KINDS_MAX];
};

struct gs_inventory_gpu {
    unsigned gpu; /* its number in the port */
    struct gs_gpu facts;
    /* NULL: MIG is off or the GPU cannot be cut (or driver 535 hides the profiles while it is off),
     * or gs_inventory_gpu.why says */
    const struct gs_transition_index *index;
    struct gs_err why;
    bool places_cis; /* as of the tables */
    struct gs_inside
        inside[GS_PROFILES_MAX]; /* by profile of the model; where the driver told it */
    struct gs_gpu_instances instances;
    struct gs_geometry_busy busy;
    bool held; /* a process is on the GPU or on one of its slices, or that is not known */
    bool holders_unknown; /* the processes cannot be read */
    unsigned n_processes; /* those not kept in `holders` too */
    unsigned n_holders;
    struct gs_holder holders[GS_INVENTORY_HOLDERS_MAX];
};

void gs_inventory_tables_init(struct gs_inventory_tables *tables, struct gs_arena *arena);

/* Reads one GPU. `with_profiles`: also where MIG is off. Fails where facts or instances cannot be
 * read (codes of gpu.h); a GPU whose profiles make no table has `why` and no index. GS_NO_MEMORY.
 */
int gs_inventory_read(struct gs_gpus *gpus, unsigned gpu, bool with_profiles,
                      struct gs_inventory_tables *tables, struct gs_inventory_gpu *ret,
                      struct gs_err *err);

/* The table that a GPU has by the catalogue, for one that does not tell its profiles now. NULL in
 * *ret: the catalogue does not know it, or not its placements. GS_NO_MEMORY. */
int gs_inventory_expect(struct gs_inventory_tables *tables, const struct gs_inventory_gpu *gpu,
                        const struct gs_transition_index **ret, struct gs_err *err);

/* Reads its instances and holders anew. */
int gs_inventory_refresh(struct gs_gpus *gpus, struct gs_inventory_gpu *gpu, struct gs_err *err);

/* Marks a slice as in use; ci GS_NOT_KNOWN: all of its GPU instance. */
void gs_inventory_mark(struct gs_inventory_gpu *gpu, uint32_t gi, uint32_t ci);

/* The same, with who it is ("pod default/train-0") for messages; gi GS_NOT_KNOWN: all of the GPU,
 * cut or not. */
void gs_inventory_mark_by(struct gs_inventory_gpu *gpu, uint32_t gi, uint32_t ci, const char *who);

/* As struct gs_geometry wants it; the index must be there. */
struct gs_geometry gs_inventory_geometry(const struct gs_inventory_gpu *gpu);

/* NULL without an index. */
const struct gs_model *gs_inventory_model(const struct gs_inventory_gpu *gpu);

/* Who holds these instances (bit i: at[i]), for a message: "3g.20gb@4 (MIG-...) by pid 12 (python3)
 * of pod 1234-...". Of more than a message takes it says how many. */
enum { GS_INVENTORY_TEXT_MAX = 360 };
void gs_inventory_name_holders(const struct gs_inventory_gpu *gpu, uint32_t which,
                               char ret_text[GS_INVENTORY_TEXT_MAX + 1]);

/* The same of what stands in the way, with the MIG devices and holders of the compute instances
 * that do. */
void gs_inventory_name_blockers(const struct gs_inventory_gpu *gpu,
                                const struct gs_geometry_blockers *blockers,
                                char ret_text[GS_INVENTORY_TEXT_MAX + 1]);

/* One of them: "pid 12 (python3) of pod 1234-...". */
void gs_inventory_name_holder(const struct gs_holder *holder,
                              char ret_text[GS_INVENTORY_TEXT_MAX + 1]);
