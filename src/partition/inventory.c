#include "partition/inventory.h"

#include <assert.h>
#include <stdio.h>

#include "gpu/gpu_model.h"
#include "partition/line.h"

void gs_inventory_tables_init(struct gs_inventory_tables *tables, struct gs_arena *arena)
{
    *tables = (struct gs_inventory_tables){.arena = arena};
}

static int make_index(struct gs_inventory_tables *tables, const struct gs_model *model,
                      struct gs_inventory_kind *kind, struct gs_err *err)
{
    const struct gs_statetable *table;
    int r = gs_model_require_placements(model, err);
    if (r == 0) {
        r = gs_statetable_new(tables->arena, model, GS_ALL_PROFILES, &table, err);
    }
    return r < 0 ? r : gs_transition_index_init(tables->arena, table, &kind->index, err);
}

static int make_kind(struct gs_inventory_tables *tables, const struct gs_gpu *facts,
                     const struct gs_gpu_profile *profiles, unsigned n,
                     struct gs_inventory_kind *kind, struct gs_err *err)
{
    const struct gs_model *model;
    int r = gs_gpu_model_new(tables->arena, facts, profiles, n, &model, err);
    r = r < 0 ? r : make_index(tables, model, kind, err);
    kind->memory_bytes = facts->memory_bytes;
    kind->n_profiles = n;
    memcpy(kind->profiles, profiles, n * sizeof(*profiles));
    return r;
}

static bool is_kind(const struct gs_inventory_kind *kind, const struct gs_gpu *facts,
                    const struct gs_gpu_profile *profiles, unsigned n)
{
    return kind->expected == NULL && kind->memory_bytes == facts->memory_bytes &&
           kind->n_profiles == n && memcmp(kind->profiles, profiles, n * sizeof(*profiles)) == 0;
}

/* NULL: no memory, or more kinds than GPUs. */
static struct gs_inventory_kind *new_kind(struct gs_inventory_tables *tables,
                                          const struct gs_gpu *facts, struct gs_err *err)
{
    struct gs_inventory_kind *kind = GS_ARENA_NEW(tables->arena, struct gs_inventory_kind, 1);
    if (kind == NULL || tables->n == GS_INVENTORY_KINDS_MAX) {
        gs_fail(err, GS_NO_MEMORY, "no memory for the table of %s", facts->name);
        return NULL;
    }
    kind->expected = NULL;
    return kind;
}

static int find_index(struct gs_inventory_tables *tables, const struct gs_gpu *facts,
                      const struct gs_gpu_profile *profiles, unsigned n,
                      const struct gs_transition_index **ret, struct gs_err *err)
{
    for (unsigned k = 0; k < tables->n; k++) {
        if (is_kind(tables->kinds[k], facts, profiles, n)) {
            *ret = &tables->kinds[k]->index;
            return 0;
        }
    }
    struct gs_inventory_kind *kind = new_kind(tables, facts, err);
    int r = kind == NULL ? GS_NO_MEMORY : make_kind(tables, facts, profiles, n, kind, err);
    if (r == 0) {
        tables->kinds[tables->n++] = kind;
        *ret = &kind->index;
    }
    return r;
}

int gs_inventory_expect(struct gs_inventory_tables *tables, const struct gs_inventory_gpu *gpu,
                        const struct gs_transition_index **ret, struct gs_err *err)
{
    const struct gs_model *model = gs_gpu_model_expected(&gpu->facts);
    *ret = NULL;
    if (model == NULL || !model->placements_known) {
        return 0;
    }
    for (unsigned k = 0; k < tables->n; k++) {
        if (tables->kinds[k]->expected == model) {
            *ret = &tables->kinds[k]->index;
            return 0;
        }
    }
    struct gs_inventory_kind *kind = new_kind(tables, &gpu->facts, err);
    int r = kind == NULL ? GS_NO_MEMORY : make_index(tables, model, kind, err);
    if (r == 0) {
        kind->expected = model;
        tables->kinds[tables->n++] = kind;
        *ret = &kind->index;
    }
    return r;
}

/* A GPU without a table can still be looked at, and cleared: that is no failure of the reading. */
static int read_profiles(struct gs_gpus *gpus, struct gs_inventory_tables *tables,
                         struct gs_inventory_gpu *gpu, struct gs_err *err)
{
    struct gs_gpu_profile profiles[GS_GPU_PROFILES_MAX];
    unsigned n = 0;
    memset(profiles, 0, sizeof(profiles));
    int r = gs_gpu_profiles(gpus, gpu->gpu, profiles, &n, &gpu->why);
    if (r == 0 && n == 0) {
        r = gs_fail(&gpu->why, GS_UNSUPPORTED, "GPU %u (%s) offers no profile", gpu->gpu,
                    gpu->facts.name);
    }
    if (r == 0) {
        r = find_index(tables, &gpu->facts, profiles, n, &gpu->index, &gpu->why);
    }
    if (r == GS_NO_MEMORY) {
        return gs_fail(err, r, "%s", gpu->why.msg);
    }
    return 0;
}

static void mark_gi(struct gs_inventory_gpu *gpu, unsigned i)
{
    gpu->busy.gis = (uint16_t)(gpu->busy.gis | 1u << i);
    gpu->busy.cis[i] = (uint16_t)((1u << gpu->instances.at[i].n_compute) - 1u);
}

void gs_inventory_mark(struct gs_inventory_gpu *gpu, uint32_t gi, uint32_t ci)
{
    for (unsigned i = 0; i < gpu->instances.n; i++) {
        const struct gs_gpu_instance *instance = &gpu->instances.at[i];
        if (gi != GS_NOT_KNOWN && instance->id != gi) {
            continue;
        }
        bool found = false;
        for (unsigned j = 0; j < instance->n_compute && gi != GS_NOT_KNOWN; j++) {
            if (instance->compute[j].id == ci) {
                gpu->busy.gis = (uint16_t)(gpu->busy.gis | 1u << i);
                gpu->busy.cis[i] = (uint16_t)(gpu->busy.cis[i] | 1u << j);
                found = true;
            }
        }
        if (!found) {
            mark_gi(gpu, i);
        }
    }
}

void gs_inventory_mark_by(struct gs_inventory_gpu *gpu, uint32_t gi, uint32_t ci, const char *who)
{
    gs_inventory_mark(gpu, gi, ci);
    gpu->held = true;
    gpu->n_processes++;
    if (gpu->n_holders < GS_INVENTORY_HOLDERS_MAX) {
        struct gs_holder *holder = &gpu->holders[gpu->n_holders++];
        *holder = (struct gs_holder){.gi = gi, .ci = ci};
        snprintf(holder->command, sizeof(holder->command), "%s", who);
    }
}

static bool has_gi(const struct gs_gpu_instances *instances, uint32_t gi)
{
    for (unsigned i = 0; i < instances->n; i++) {
        if (instances->at[i].id == gi) {
            return true;
        }
    }
    return false;
}

static void note_processes(struct gs_inventory_gpu *gpu, const struct gs_gpu_process *processes,
                           size_t n, size_t kept)
{
    gpu->n_processes = (unsigned)n;
    gpu->held = n > 0;
    for (size_t k = 0; k < kept; k++) {
        /* one that names an instance that was not there a moment ago: do not guess */
        uint32_t gi = has_gi(&gpu->instances, processes[k].gpu_instance) ? processes[k].gpu_instance
                                                                         : GS_NOT_KNOWN;
        gs_inventory_mark(gpu, gi, processes[k].compute_instance);
        if (gpu->n_holders < GS_INVENTORY_HOLDERS_MAX) {
            gs_holder_read(&processes[k], &gpu->holders[gpu->n_holders++]);
        }
    }
    if (n > kept) {
        gs_inventory_mark(gpu, GS_NOT_KNOWN, GS_NOT_KNOWN);
    }
}

/* More than any GPU has; those beyond make everything busy. No heap, so that a recovery needs
 * none. */
enum { PROCESSES_READ = 1024 };

static void read_holders(struct gs_gpus *gpus, struct gs_inventory_gpu *gpu)
{
    struct gs_gpu_process processes[PROCESSES_READ];
    size_t n = 0;
    gpu->busy = (struct gs_geometry_busy){.gis = 0};
    gpu->n_holders = 0;
    gpu->holders_unknown =
        gs_gpu_processes(gpus, gpu->gpu, processes, PROCESSES_READ, &n, NULL) < 0;
    if (gpu->holders_unknown) {
        gpu->n_processes = 0;
        gpu->held = true;
        gs_inventory_mark(gpu, GS_NOT_KNOWN, GS_NOT_KNOWN);
        return;
    }
    note_processes(gpu, processes, n, n < PROCESSES_READ ? n : PROCESSES_READ);
}

/* Whether the places in a GI matter: something in it leaves room beside it. */
static bool has_parts(const struct gs_model *model, unsigned profile,
                      const struct gs_gpu_instance *gi)
{
    return gi->n_compute > 1 || (gi->n_compute == 1 && gs_geometry_slices_of(&gi->compute[0]) <
                                                           model->profiles[profile].compute_slices);
}

/* Asked once for each profile that has such a GI. One kind that is not told, and the rule holds for
 * all of them. */
static void read_inside(struct gs_gpus *gpus, struct gs_inventory_gpu *gpu)
{
    const struct gs_model *model = gs_inventory_model(gpu);
    for (unsigned i = 0; model != NULL && gpu->places_cis && i < gpu->instances.n; i++) {
        const struct gs_gpu_instance *gi = &gpu->instances.at[i];
        int profile = gs_geometry_profile_of(model, gi);
        if (profile < 0 || gpu->inside[profile].known || !has_parts(model, (unsigned)profile, gi)) {
            continue;
        }
        struct gs_compute_profile kinds[GS_COMPUTE_PROFILES_MAX];
        struct gs_inside inside = {.known = false};
        unsigned n = 0;
        inside.known =
            gs_gpu_compute_profiles(gpus, gpu->gpu, gi->id, kinds, &n, NULL) == 0 && n > 0;
        for (unsigned k = 0; inside.known && k < n; k++) {
            struct gs_compute_places places = {.size = 0};
            inside.known = gs_gpu_compute_places(gpus, gpu->gpu, gi->id, kinds[k].profile_id,
                                                 &places, NULL) == 0;
            if (kinds[k].profile < GS_INSIDE_KINDS) {
                inside.kinds[kinds[k].profile] = places;
            }
        }
        gpu->inside[profile] = inside;
    }
}

int gs_inventory_refresh(struct gs_gpus *gpus, struct gs_inventory_gpu *gpu, struct gs_err *err)
{
    gpu->instances.n = 0;
    if (gpu->facts.mode == GS_MIG_ON) {
        int r = gs_gpu_instances(gpus, gpu->gpu, &gpu->instances, err);
        if (r < 0) {
            return r;
        }
        read_inside(gpus, gpu);
    }
    if (gpu->facts.mode != GS_MIG_NOT_CAPABLE) {
        read_holders(gpus, gpu);
    }
    return 0;
}

static int read_driver(struct gs_gpus *gpus, struct gs_inventory_tables *tables, struct gs_err *err)
{
    struct gs_gpu_driver driver;
    int r = tables->driver_known ? 0 : gs_gpu_driver(gpus, &driver, err);
    if (r == 0 && !tables->driver_known) {
        tables->driver_known = true;
        tables->places_cis = driver.can_place_compute;
    }
    return r;
}

int gs_inventory_read(struct gs_gpus *gpus, unsigned gpu, bool with_profiles,
                      struct gs_inventory_tables *tables, struct gs_inventory_gpu *ret,
                      struct gs_err *err)
{
    *ret = (struct gs_inventory_gpu){.gpu = gpu};
    int r = gs_gpu_get(gpus, gpu, &ret->facts, err);
    r = r < 0 ? r : read_driver(gpus, tables, err);
    ret->places_cis = tables->places_cis;
    if (r == 0 && ret->facts.mode != GS_MIG_NOT_CAPABLE &&
        (with_profiles || ret->facts.mode == GS_MIG_ON)) {
        r = read_profiles(gpus, tables, ret, err);
    }
    return r < 0 ? r : gs_inventory_refresh(gpus, ret, err);
}

struct gs_geometry gs_inventory_geometry(const struct gs_inventory_gpu *gpu)
{
    assert(gpu->index != NULL);
    return (struct gs_geometry){.index = gpu->index,
                                .instances = &gpu->instances,
                                .busy = &gpu->busy,
                                .inside = gpu->inside,
                                .places_cis = gpu->places_cis};
}

const struct gs_model *gs_inventory_model(const struct gs_inventory_gpu *gpu)
{
    return gpu->index == NULL ? NULL : gpu->index->table->model;
}

static void put_holder(struct gs_line *text, const struct gs_holder *holder)
{
    if (holder->pid == 0) { /* known to who marked it */
        gs_line_put(text, "%s", holder->command);
        return;
    }
    gs_line_put(text, "pid %u", holder->pid);
    if (holder->command[0] != '\0') {
        gs_line_put(text, " (%s)", holder->command);
    }
    if (holder->pod[0] != '\0') {
        gs_line_put(text, " of pod %s", holder->pod);
    }
}

/* How many holders one slice is named with, and how many MIG devices. */
enum { NAMED_MAX = 2 };

/* Whether a holder is on one of these compute instances (bit j), or on which is not known. */
static bool holds(const struct gs_holder *holder, const struct gs_gpu_instance *gi, unsigned cis)
{
    for (unsigned j = 0; j < gi->n_compute; j++) {
        if (gi->compute[j].id == holder->ci) {
            return (cis >> j & 1u) != 0;
        }
    }
    return true;
}

static void put_holders(struct gs_line *text, const struct gs_inventory_gpu *gpu,
                        const struct gs_gpu_instance *gi, unsigned cis)
{
    unsigned n = 0;
    for (unsigned k = 0; k < gpu->n_holders; k++) {
        const struct gs_holder *holder = &gpu->holders[k];
        bool here =
            holder->gi == gi->id ? holds(holder, gi, cis) : !has_gi(&gpu->instances, holder->gi);
        if (!here) {
            continue;
        }
        if (n < NAMED_MAX) {
            gs_line_put(text, "%s", n == 0 ? " by " : ", ");
            put_holder(text, holder);
        }
        n++;
    }
    if (n > NAMED_MAX) {
        gs_line_put(text, " and %u more", n - NAMED_MAX);
    } else if (n == 0) {
        gs_line_put(text, "%s", gpu->holders_unknown ? " by processes that cannot be read" : "");
    }
}

static void put_devices(struct gs_line *text, const struct gs_gpu_instance *gi, unsigned cis)
{
    unsigned n = 0;
    for (unsigned j = 0; j < gi->n_compute; j++) {
        if ((cis >> j & 1u) != 0 && n++ < NAMED_MAX) {
            gs_line_put(text, "%s%s", n == 1 ? " (" : ", ", gi->compute[j].uuid);
        }
    }
    gs_line_put(text, "%s%s", n > NAMED_MAX ? ", ..." : "", n > 0 ? ")" : "");
}

void gs_inventory_name_blockers(const struct gs_inventory_gpu *gpu,
                                const struct gs_geometry_blockers *blockers,
                                char ret_text[GS_INVENTORY_TEXT_MAX + 1])
{
    struct gs_line text = {.p = ret_text, .size = GS_INVENTORY_TEXT_MAX + 1};
    gs_line_put(&text, "%s", "");
    for (unsigned i = 0; i < gpu->instances.n; i++) {
        if (((blockers->busy | blockers->foreign) >> i & 1) == 0) {
            continue;
        }
        const struct gs_gpu_instance *gi = &gpu->instances.at[i];
        char name[GS_GEOMETRY_TEXT_MAX + 1];
        gs_geometry_format(gs_inventory_model(gpu), &gpu->instances, 1u << i, name);
        gs_line_put(&text, "%s%s", text.used == 0 ? "" : "; ", name);
        unsigned cis = blockers->cis[i] != 0 ? blockers->cis[i] : (1u << gi->n_compute) - 1u;
        put_devices(&text, gi, cis);
        put_holders(&text, gpu, gi, cis);
    }
}

void gs_inventory_name_holders(const struct gs_inventory_gpu *gpu, uint32_t which,
                               char ret_text[GS_INVENTORY_TEXT_MAX + 1])
{
    struct gs_geometry_blockers blockers = {.busy = (uint16_t)which};
    memcpy(blockers.cis, gpu->busy.cis, sizeof(blockers.cis));
    gs_inventory_name_blockers(gpu, &blockers, ret_text);
}

void gs_inventory_name_holder(const struct gs_holder *holder,
                              char ret_text[GS_INVENTORY_TEXT_MAX + 1])
{
    struct gs_line text = {.p = ret_text, .size = GS_INVENTORY_TEXT_MAX + 1};
    put_holder(&text, holder);
}
