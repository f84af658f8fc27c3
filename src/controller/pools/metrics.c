#include "controller/pools/metrics.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "controller/pools/work.h"
#include "wire/promtext.h"

/* A SlicePool, of its NodePools and NodeClaims together. */
struct row {
    const struct gs_pools_owner *owner;
    uint64_t nodepools;
    uint64_t open;
    uint64_t failed_starts; /* in a row: the worst NodePool */
    uint64_t closed;        /* NodePools, after failed starts */
    uint64_t lost_uusd;
    uint64_t starting;  /* NodeClaims that are not initialized */
    uint64_t oldest_us; /* of them */
};

struct rows {
    struct row at[GS_SLICEPOOLS_MAX];
    size_t n;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct row *)a)->owner->pool.name,
                  ((const struct row *)b)->owner->pool.name);
}

static struct row *row_of(struct rows *rows, const struct gs_pools_owner *owner)
{
    for (size_t i = 0; i < rows->n; i++) {
        if (rows->at[i].owner == owner) {
            return &rows->at[i];
        }
    }
    return NULL;
}

static void add_part(struct rows *rows, const struct gs_pools_part *part, uint64_t real_us)
{
    struct row *row = part->of == NULL ? NULL : row_of(rows, part->of);
    if (row == NULL || part->pool == NULL) {
        return;
    }
    row->nodepools++;
    row->open += part->closed != NULL && part->closed[0] == '\0';
    row->closed += part->record.closed_until_s > real_us / 1000000;
    row->lost_uusd += part->record.lost_uusd;
    if (part->record.failed_starts > row->failed_starts) {
        row->failed_starts = part->record.failed_starts;
    }
}

static void add_claim(struct rows *rows, const struct gs_pools *pools,
                      const struct gs_pools_claim *claim, uint64_t real_us)
{
    const struct gs_pools_part *part = gs_map_find(&pools->parts, claim->has.pool);
    struct row *row = part == NULL || part->of == NULL ? NULL : row_of(rows, part->of);
    if (row == NULL || claim->has.initialized || claim->has.deleting) {
        return;
    }
    uint64_t age_us = real_us > claim->has.created_us ? real_us - claim->has.created_us : 0;
    row->starting++;
    row->oldest_us = age_us > row->oldest_us ? age_us : row->oldest_us;
}

static void fill(const struct gs_pools *pools, struct rows *rows)
{
    struct timespec now;
    size_t at = 0;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t real_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
    for (const struct gs_pools_owner *owner;
         rows->n < GS_SLICEPOOLS_MAX && (owner = gs_map_next(&pools->owners, &at)) != NULL;) {
        rows->at[rows->n++].owner = owner;
    }
    qsort(rows->at, rows->n, sizeof(rows->at[0]), by_name);
    at = 0;
    for (const struct gs_pools_part *part; (part = gs_map_next(&pools->parts, &at)) != NULL;) {
        add_part(rows, part, real_us);
    }
    at = 0;
    for (const struct gs_pools_claim *claim; (claim = gs_map_next(&pools->claims, &at)) != NULL;) {
        add_claim(rows, pools, claim, real_us);
    }
}

/* `places`: the field is that many digits of a fraction. */
static void write_family(const struct rows *rows, struct gs_promtext *prom, const char *name,
                         const char *help, size_t offset, unsigned places)
{
    gs_promtext_family(prom, name, GS_PROM_GAUGE, help);
    for (size_t i = 0; i < rows->n; i++) {
        const struct row *row = &rows->at[i];
        const struct gs_promtext_label label = {"pool", row->owner->pool.name};
        uint64_t value;
        memcpy(&value, (const char *)row + offset, sizeof(value));
        gs_promtext_fixed(prom, "", &label, 1, value, places);
    }
}

static void write_limits(const struct rows *rows, struct gs_promtext *prom)
{
    gs_promtext_family(prom, "gpuslice_slicepool_limit_usd_per_hour", GS_PROM_GAUGE,
                       "Up to what its nodes may cost an hour, where there is such a limit.");
    for (size_t i = 0; i < rows->n; i++) {
        const struct gs_slicepool *pool = &rows->at[i].owner->pool;
        const struct gs_promtext_label label = {"pool", pool->name};
        if (pool->uusd_limit != UINT64_MAX) {
            gs_promtext_fixed(prom, "", &label, 1, pool->uusd_limit, 6);
        }
    }
}

static void write_scarce(const struct gs_pools *pools, const struct rows *rows,
                         struct gs_promtext *prom)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t real_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
    gs_promtext_family(
        prom, "gpuslice_slicepool_launches_without_capacity", GS_PROM_GAUGE,
        "Launches in a row for which the cloud had no machine of the instance type.");
    for (size_t i = 0; i < rows->n; i++) {
        const struct gs_pools_owner *owner = rows->at[i].owner;
        for (unsigned k = 0; k < owner->n_offers; k++) {
            const struct gs_promtext_label labels[] = {{"pool", owner->pool.name},
                                                       {"instance_type", owner->offers[k].name}};
            gs_promtext_u64(prom, "", labels, 2,
                            gs_pools_scarce_tries(pools, owner, owner->offers[k].name, real_us));
        }
    }
}

static void write_conditions(const struct rows *rows, struct gs_promtext *prom)
{
    static const char *const types[GS_POOLS_CONDITIONS] = {"Ready", "Open", "NodesStart",
                                                           "Capacity", "Warm"};
    gs_promtext_family(prom, "gpuslice_slicepool_condition", GS_PROM_GAUGE,
                       "How the SlicePool stands, as in its status: 1: true.");
    for (size_t i = 0; i < rows->n; i++) {
        for (unsigned k = 0; k < GS_POOLS_CONDITIONS; k++) {
            const struct gs_pools_said *said = &rows->at[i].owner->said[k];
            const struct gs_promtext_label labels[] = {{"pool", rows->at[i].owner->pool.name},
                                                       {"condition", types[k]}};
            if (said->since_us != 0) {
                gs_promtext_u64(prom, "", labels, 2, said->is_true);
            }
        }
    }
}

void gs_pools_write_metrics(const struct gs_pools *pools, struct gs_buf *page)
{
    static const struct {
        const char *name;
        const char *help;
        size_t offset;
        unsigned places;
    } families[] = {
        {"gpuslice_slicepool_nodepools", "NodePools made of the SlicePool.",
         offsetof(struct row, nodepools), 0},
        {"gpuslice_slicepool_open_nodepools", "Of them, those from which nodes may be bought.",
         offsetof(struct row, open), 0},
        {"gpuslice_slicepool_closed_nodepools",
         "Of them, those that are closed for a while as nodes of theirs did not start.",
         offsetof(struct row, closed), 0},
        {"gpuslice_slicepool_failed_starts",
         "Starts in a row that failed, of the NodePool that has the most.",
         offsetof(struct row, failed_starts), 0},
        {"gpuslice_slicepool_lost_usd",
         "What nodes that never started have cost, about, at the price on demand.",
         offsetof(struct row, lost_uusd), 6},
        {"gpuslice_slicepool_nodes_starting", "Nodes that are bought and not initialized yet.",
         offsetof(struct row, starting), 0},
        {"gpuslice_slicepool_oldest_start_seconds",
         "How long ago the oldest of them was bought; 0: there is none.",
         offsetof(struct row, oldest_us), 6},
    };
    struct rows *rows = calloc(1, sizeof(*rows));
    struct gs_promtext prom;
    if (rows == NULL) {
        page->failed = true;
        return;
    }
    fill(pools, rows);
    gs_promtext_init(&prom, page);
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        write_family(rows, &prom, families[i].name, families[i].help, families[i].offset,
                     families[i].places);
    }
    write_limits(rows, &prom);
    write_scarce(pools, rows, &prom);
    write_conditions(rows, &prom);
    free(rows);
}
