/* What is counted of each node, kept until the node changes. */
#include "controller/tally/rows.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/instances.h"

enum { SPARE_ENTRIES = 1024, NEW_AT_ONCE = 1024 };

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory to count nodes and pods");
}

/* ---- namespaces ---- */

struct gs_tally_entry *gs_tally_entry_of(struct gs_tally_rows *rows, const char *key)
{
    char name[GS_TALLY_NAMESPACE_MAX + 1];
    size_t n = strcspn(key, "/");
    n = n > GS_TALLY_NAMESPACE_MAX ? GS_TALLY_NAMESPACE_MAX : n;
    memcpy(name, key, n);
    name[n] = '\0';
    struct gs_tally_entry *entry = gs_map_find(&rows->namespaces, name);
    if (entry != NULL) {
        return entry;
    }
    entry = calloc(1, sizeof(*entry));
    if (entry == NULL) {
        return NULL;
    }
    memcpy(entry->name, name, n + 1);
    if (!gs_map_put(&rows->namespaces, entry->name, entry)) {
        free(entry);
        return NULL;
    }
    entry->is.name = entry->name;
    entry->next = rows->entries;
    rows->entries = entry;
    rows->n_entries++;
    return entry;
}

static void drop_entries(struct gs_tally_rows *rows)
{
    for (struct gs_tally_entry *entry = rows->entries; entry != NULL;) {
        struct gs_tally_entry *next = entry->next;
        free(entry);
        entry = next;
    }
    gs_map_done(&rows->namespaces);
    rows->namespaces = (struct gs_map){.n = 0};
    rows->entries = NULL;
    rows->n_entries = 0;
    rows->n_used = 0;
}

/* Namespaces that have gone must not stay for ever: all is counted anew. */
static void forget_namespaces(struct gs_tally_rows *rows)
{
    if (rows->n_entries < 2 * rows->n_used + SPARE_ENTRIES) {
        return;
    }
    for (size_t i = 0; i < rows->n; i++) {
        rows->at[i].counted = false;
        rows->at[i].n_spaces = 0;
    }
    drop_entries(rows);
}

/* ---- GPUs ---- */

static unsigned bits(unsigned mask)
{
    return (unsigned)__builtin_popcount(mask);
}

/* Where a slice of some profile could be beside those that stay. */
static unsigned room_beside(const struct gs_model *model, const uint8_t *counts, unsigned taken)
{
    unsigned room = 0;
    for (unsigned p = 0; p < model->n_profiles; p++) {
        const struct gs_profile *profile = &model->profiles[p];
        uint8_t more[GS_PROFILES_MAX];
        memcpy(more, counts, sizeof(more));
        more[p]++;
        if (!gs_model_counts_within_limits(model, more)) {
            continue;
        }
        for (unsigned start = 0; start < model->memory_units; start++) {
            unsigned span = gs_profile_span(profile, start);
            if ((profile->starts >> start & 1) != 0 && (span & taken) == 0) {
                room |= span;
            }
        }
    }
    return room;
}

/* The same, remembered. `rooms` may be NULL. */
static unsigned find_room(struct gs_tally_room *rooms, const struct gs_model *model,
                          const uint8_t *counts, unsigned taken)
{
    uint32_t hash = taken * 2654435761u;
    if (rooms == NULL) {
        return room_beside(model, counts, taken);
    }
    for (unsigned p = 0; p < model->n_profiles; p++) {
        hash = (hash ^ counts[p]) * 16777619u;
    }
    struct gs_tally_room *room = &rooms[(hash >> 16 ^ hash) % GS_TALLY_ROOMS];
    if (room->model != model || room->taken != taken ||
        memcmp(room->counts, counts, sizeof(room->counts)) != 0) {
        room->model = model;
        room->taken = (uint16_t)taken;
        memcpy(room->counts, counts, sizeof(room->counts));
        room->is = room_beside(model, counts, taken);
    }
    return room->is;
}

static void count_units(struct gs_tally_room *rooms, const struct gs_store_gpu *gpu,
                        uint64_t ret[GS_TALLY_UNITS])
{
    const struct gs_model *model = gpu->model;
    uint8_t counts[GS_PROFILES_MAX] = {0};
    unsigned all = (1u << model->memory_units) - 1;
    unsigned held = 0;
    unsigned sick = 0;
    memset(ret, 0, GS_TALLY_UNITS * sizeof(ret[0]));
    if (!gpu->healthy || !gpu->mig) {
        ret[!gpu->healthy     ? GS_TALLY_UNITS_SICK
            : gpu->whole_held ? GS_TALLY_UNITS_HELD
                              : GS_TALLY_UNITS_IDLE] = model->memory_units;
        return;
    }
    for (unsigned i = 0; i < gpu->n_slices; i++) {
        const struct gs_store_slice *slice = &gpu->slices[i];
        if (slice->profile >= model->n_profiles || slice->state == GS_GPUNODE_FREE) {
            continue;
        }
        unsigned span = gs_profile_span(&model->profiles[slice->profile], slice->start) & all;
        counts[slice->profile]++;
        *(slice->state == GS_GPUNODE_SICK ? &sick : &held) |= span;
    }
    sick &= ~held;
    unsigned idle = find_room(rooms, model, counts, held | sick) & all;
    ret[GS_TALLY_UNITS_HELD] = bits(held);
    ret[GS_TALLY_UNITS_SICK] = bits(sick);
    ret[GS_TALLY_UNITS_IDLE] = bits(idle);
    ret[GS_TALLY_UNITS_STRANDED] = bits(all & ~(held | sick | idle));
}

void gs_tally_gpu(const struct gs_store_gpu *gpu, uint64_t ret[GS_TALLY_UNITS])
{
    count_units(NULL, gpu, ret);
}

static void count_gpu(struct gs_tally_room *rooms, struct gs_tally_pool *pool,
                      const struct gs_store_gpu *gpu)
{
    bool known = gpu->model != NULL;
    struct gs_tally_model *model = gs_tally_model_of(pool, known ? gpu->model->id : GS_TALLY_OTHER);
    uint64_t units[GS_TALLY_UNITS];
    model->gpus[!gpu->healthy     ? GS_TALLY_GPU_SICK
                : gpu->mig        ? GS_TALLY_GPU_CUT
                : gpu->whole_held ? GS_TALLY_GPU_HELD
                                  : GS_TALLY_GPU_IDLE]++;
    for (unsigned i = 0; i < gpu->n_slices; i++) {
        const struct gs_store_slice *slice = &gpu->slices[i];
        bool named = known && slice->profile < gpu->model->n_profiles;
        struct gs_tally_profile *profile = gs_tally_profile_of(
            pool, named ? gpu->model->profiles[slice->profile].name : GS_TALLY_OTHER);
        profile->slices[slice->state]++;
    }
    if (known && gpu->model->placements_known) {
        count_units(rooms, gpu, units);
        for (unsigned i = 0; i < GS_TALLY_UNITS; i++) {
            model->units[i] += units[i];
        }
    }
}

/* ---- dollars ---- */

/* What the node costs an hour on demand. What is paid on the spot market changes, and we do not see
 * it. */
static uint64_t price_of(struct gs_tally_rows *rows, const struct gs_store_node *node)
{
    const struct gs_instance_labels labels = {
        .type = node->node.instance_type == NULL ? "" : node->node.instance_type,
        .region = gs_kubenode_label(&node->node, "topology.kubernetes.io/region"),
        .capacity = gs_kubenode_label(&node->node, "karpenter.sh/capacity-type"),
    };
    uint64_t uusd;
    if (labels.type[0] == '\0') {
        return GS_MONEY_NOT_KNOWN;
    }
    if (strcmp(labels.type, rows->type) != 0 || strcmp(labels.region, rows->region) != 0 ||
        strcmp(labels.capacity, rows->capacity) != 0) {
        (void)snprintf(rows->type, sizeof(rows->type), "%s", labels.type);
        (void)snprintf(rows->region, sizeof(rows->region), "%s", labels.region);
        (void)snprintf(rows->capacity, sizeof(rows->capacity), "%s", labels.capacity);
        bool known = gs_instance_price_of(&labels, rows->only, &uusd);
        rows->uusd = known ? uusd : GS_MONEY_NOT_KNOWN;
    }
    return rows->uusd;
}

static enum gs_money_use use_of(const struct gs_store_slice *slice)
{
    return slice->state == GS_GPUNODE_FREE   ? GS_MONEY_FREE
           : slice->state == GS_GPUNODE_SICK ? GS_MONEY_SICK
                                             : GS_MONEY_HELD;
}

/* A node that is beyond a bound of the money counts as one without a price. GS_NO_MEMORY. */
static int count_dollars(struct gs_tally_rows *rows, const struct gs_store_node *node,
                         struct gs_tally_pool *pool, struct gs_err *err)
{
    struct gs_money_gpu gpus[GS_GPUNODE_GPUS_MAX];
    struct gs_money_slice slices[GS_GPUNODE_GPUS_MAX][GS_MEMORY_UNITS_MAX];
    const struct gs_money_node priced = {.uusd_h = price_of(rows, node),
                                         .starting = node->starting,
                                         .gpus = gpus,
                                         .n_gpus = node->n_gpus};
    bool known = priced.uusd_h != GS_MONEY_NOT_KNOWN && node->n_gpus <= GS_GPUNODE_GPUS_MAX;
    for (unsigned g = 0; known && g < node->n_gpus; g++) {
        const struct gs_store_gpu *gpu = &node->gpus[g];
        for (unsigned i = 0; i < gpu->n_slices; i++) {
            slices[g][i] = (struct gs_money_slice){.profile = gpu->slices[i].profile,
                                                   .start = gpu->slices[i].start,
                                                   .use = use_of(&gpu->slices[i])};
        }
        gpus[g] = (struct gs_money_gpu){.model = gpu->model,
                                        .mig = gpu->mig,
                                        .sick = !gpu->healthy,
                                        .held = gpu->whole_held,
                                        .slices = slices[g],
                                        .n_slices = gpu->n_slices};
    }
    struct gs_money_sum *sum = &rows->sum;
    memset(sum, 0, offsetof(struct gs_money_sum, kinds)); /* a big one, for each node */
    sum->n_kinds = 0;
    int r = known ? gs_money_node(rows->money, &priced, sum, NULL, NULL, err) : GS_UNKNOWN;
    if (r != 0) {
        pool->unpriced++;
        return r == GS_NO_MEMORY ? r : 0;
    }
    pool->priced++;
    pool->uusd[GS_TALLY_PART_USED] += sum->used;
    pool->uusd[GS_TALLY_PART_IDLE] += sum->idle;
    pool->uusd[GS_TALLY_PART_STRANDED] += sum->stranded;
    pool->uusd[GS_TALLY_PART_STARTING] += sum->starting;
    return 0;
}

/* ---- one node ---- */

static bool counts_as_ours(const struct gs_store_node *node)
{
    return node->known && (node->has_gpus || node->slicepool[0] != '\0' || node->node.gpus > 0 ||
                           node->node.n_slices > 0);
}

/* What bound pods have, by namespace, into `ret`, which has room for all pods of the node. */
static int count_pods(struct gs_tally_rows *rows, const struct gs_store_node *node,
                      struct gs_tally_space *ret, unsigned *ret_n, struct gs_err *err)
{
    unsigned n = 0;
    rows->stamp++;
    for (const struct gs_store_pod *pod = node->pods; pod != NULL; pod = pod->next) {
        if (pod->node == NULL || pod->n_wants == 0) {
            continue;
        }
        struct gs_tally_entry *entry = gs_tally_entry_of(rows, pod->key);
        if (entry == NULL) {
            return no_memory(err);
        }
        if (entry->stamp != rows->stamp) {
            entry->stamp = rows->stamp;
            entry->at = n;
            ret[n++] = (struct gs_tally_space){.of = entry};
        }
        for (unsigned i = 0; i < pod->n_wants; i++) {
            *(pod->wants[i].resource == 0 ? &ret[entry->at].gpus : &ret[entry->at].slices) +=
                pod->wants[i].count;
        }
    }
    *ret_n = n;
    return 0;
}

/* Counts small enough to be kept ten thousand times. */
static void keep_counts(struct gs_tally_row *row, const struct gs_tally_pool *counted)
{
    for (unsigned i = 0; i < counted->n_models; i++) {
        row->models[i].id = counted->models[i].id;
        for (unsigned k = 0; k < GS_TALLY_GPUS; k++) {
            row->models[i].gpus[k] = (uint16_t)counted->models[i].gpus[k];
        }
        for (unsigned k = 0; k < GS_TALLY_UNITS; k++) {
            row->models[i].units[k] = (uint16_t)counted->models[i].units[k];
        }
    }
    for (unsigned i = 0; i < counted->n_profiles; i++) {
        row->profiles[i].name = counted->profiles[i].name;
        for (unsigned k = 0; k < GS_TALLY_SLICES; k++) {
            row->profiles[i].slices[k] = (uint16_t)counted->profiles[i].slices[k];
        }
    }
    memcpy(row->uusd, counted->uusd, sizeof(row->uusd));
    row->priced = counted->priced > 0;
}

/* Gives the row room for so many, in one piece of memory. */
static int make_room(struct gs_tally_row *row, const struct gs_tally_pool *counted,
                     unsigned n_spaces, struct gs_err *err)
{
    size_t models = counted->n_models * sizeof(*row->models);
    size_t profiles = counted->n_profiles * sizeof(*row->profiles);
    size_t spaces = n_spaces * sizeof(*row->spaces);
    char *parts = malloc(models + profiles + spaces + 1);
    if (parts == NULL) {
        return no_memory(err);
    }
    free(row->models);
    row->models = (struct gs_tally_few_models *)(void *)parts;
    row->profiles = (struct gs_tally_few_profiles *)(void *)(parts + models);
    row->spaces = (struct gs_tally_space *)(void *)(parts + models + profiles);
    row->n_models = (uint8_t)counted->n_models;
    row->n_profiles = (uint8_t)counted->n_profiles;
    row->n_spaces = n_spaces;
    return 0;
}

static int count_row(struct gs_tally_rows *rows, struct gs_tally_row *row, struct gs_err *err)
{
    const struct gs_store_node *node = row->node;
    struct gs_tally_pool *counted = &rows->counted;
    struct gs_tally_space *spaces = calloc(node->n_pods + 1, sizeof(*spaces));
    unsigned n_spaces = 0;
    int r = spaces == NULL ? no_memory(err) : count_pods(rows, node, spaces, &n_spaces, err);
    counted->n_models = 0;
    counted->n_profiles = 0;
    counted->priced = 0;
    memset(counted->uusd, 0, sizeof(counted->uusd));
    row->ours = counts_as_ours(node);
    for (unsigned i = 0; r == 0 && row->ours && i < node->n_gpus; i++) {
        count_gpu(rows->rooms, counted, &node->gpus[i]);
    }
    r = r == 0 && row->ours ? count_dollars(rows, node, counted, err) : r;
    r = r == 0 ? make_room(row, counted, n_spaces, err) : r;
    if (r == 0) {
        keep_counts(row, counted);
        if (n_spaces > 0) {
            memcpy(row->spaces, spaces, n_spaces * sizeof(*spaces));
        }
        row->changes = node->changes;
        row->counted = true;
    }
    free(spaces);
    return r;
}

/* ---- all ---- */

static int add_node(struct gs_tally_rows *rows, struct gs_store_node *node, struct gs_err *err)
{
    if (rows->n == rows->cap) {
        size_t cap = rows->cap == 0 ? 64 : 2 * rows->cap;
        struct gs_tally_row *grown = realloc(rows->at, cap * sizeof(*grown));
        if (grown == NULL) {
            return no_memory(err);
        }
        rows->at = grown;
        rows->cap = cap;
    }
    if (!gs_map_put(&rows->names, node->name, node)) {
        return no_memory(err);
    }
    rows->at[rows->n++] = (struct gs_tally_row){.node = node};
    return 0;
}

static void drop_rows(struct gs_tally_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        free(rows->at[i].models);
    }
    gs_map_done(&rows->names);
    rows->n = 0;
}

/* Nodes leave the store only when it forgets many, and then all is counted anew: there are as many
 * rows as nodes once all are here. */
static int find_nodes(struct gs_tally_rows *rows, size_t most, struct gs_err *err)
{
    size_t at = 0;
    int r = 0;
    most = most < SIZE_MAX - rows->n ? rows->n + most : SIZE_MAX;
    if (rows->n == rows->store->nodes.n) {
        return 0;
    }
    for (struct gs_store_node *node;
         r == 0 && rows->n < most && (node = gs_map_next(&rows->store->nodes, &at)) != NULL;) {
        r = gs_map_find(&rows->names, node->name) == NULL ? add_node(rows, node, err) : 0;
    }
    return r;
}

int gs_tally_rows_step(struct gs_tally_rows *rows, unsigned most, bool *ret_more,
                       struct gs_err *err)
{
    if (rows->forgets != rows->store->forgets) {
        drop_rows(rows);
        drop_entries(rows);
        rows->forgets = rows->store->forgets;
    }
    forget_namespaces(rows);
    int r = find_nodes(rows, most == UINT_MAX ? SIZE_MAX : NEW_AT_ONCE, err);
    bool more = false;
    for (size_t i = 0; r == 0 && !more && i < rows->n; i++) {
        struct gs_tally_row *row = &rows->at[i];
        if (row->counted && row->changes == row->node->changes) {
            continue;
        }
        more = most == 0;
        if (!more) {
            most--;
            r = count_row(rows, row, err);
        }
    }
    if (r == 0) {
        *ret_more = more || rows->n < rows->store->nodes.n;
    }
    return r;
}

int gs_tally_rows_new(const struct gs_store *store, struct gs_money *money, const char *region,
                      struct gs_tally_rows **ret, struct gs_err *err)
{
    struct gs_tally_rows *rows = calloc(1, sizeof(*rows));
    if (rows == NULL) {
        return no_memory(err);
    }
    rows->store = store;
    rows->money = money;
    rows->only = region;
    *ret = rows;
    return 0;
}

void gs_tally_rows_free(struct gs_tally_rows *rows)
{
    if (rows == NULL) {
        return;
    }
    drop_rows(rows);
    drop_entries(rows);
    free(rows->at);
    free(rows);
}

void gs_tally_rows_freep(struct gs_tally_rows **rows)
{
    gs_tally_rows_free(*rows);
}
