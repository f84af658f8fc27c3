#include "base/cleanup.h"
#include "controller/tally/tally.h"
#include "wire/promtext.h"

static void put(struct gs_promtext *prom, const char *name, const char *value, uint64_t number)
{
    const struct gs_promtext_label label = {name, value};
    gs_promtext_u64(prom, "", &label, 1, number);
}

static void put_two(struct gs_promtext *prom, const char *const labels[4], uint64_t number)
{
    const struct gs_promtext_label both[] = {{labels[0], labels[1]}, {labels[2], labels[3]}};
    gs_promtext_u64(prom, "", both, GS_ARRAY_LEN(both), number);
}

static void put_three(struct gs_promtext *prom, const char *const labels[6], uint64_t number)
{
    const struct gs_promtext_label all[] = {
        {labels[0], labels[1]}, {labels[2], labels[3]}, {labels[4], labels[5]}};
    gs_promtext_u64(prom, "", all, GS_ARRAY_LEN(all), number);
}

/* ---- nodes ---- */

static void write_nodes(const struct gs_tally *tally, struct gs_promtext *prom)
{
    gs_promtext_family(prom, "gpuslice_cluster_nodes", GS_PROM_GAUGE,
                       "Nodes with GPUs, by SlicePool and by how they stand.");
    for (unsigned i = 0; i < tally->n_pools; i++) {
        for (unsigned s = 0; s < GS_TALLY_NODES; s++) {
            const char *const labels[] = {"pool", tally->pools[i].name, "state",
                                          gs_tally_node_texts[s]};
            put_two(prom, labels, tally->pools[i].nodes[s]);
        }
    }
    gs_promtext_family(prom, "gpuslice_cluster_silent_agents", GS_PROM_GAUGE,
                       "Ready nodes whose agent has not written for three minutes.");
    for (unsigned i = 0; i < tally->n_pools; i++) {
        put(prom, "pool", tally->pools[i].name, tally->pools[i].silent);
    }
    gs_promtext_family(prom, "gpuslice_cluster_bookings", GS_PROM_GAUGE,
                       "Pods that are expected on a node and not bound yet.");
    for (unsigned i = 0; i < tally->n_pools; i++) {
        put(prom, "pool", tally->pools[i].name, tally->pools[i].bookings);
    }
    gs_promtext_family(prom, "gpuslice_cluster_recuts_under_way", GS_PROM_GAUGE,
                       "GPUs whose agent was asked to cut them anew and has not answered.");
    for (unsigned i = 0; i < tally->n_pools; i++) {
        put(prom, "pool", tally->pools[i].name, tally->pools[i].recuts);
    }
    if (tally->oldest_recut_us != UINT64_MAX) {
        gs_promtext_family(prom, "gpuslice_cluster_oldest_recut_seconds", GS_PROM_GAUGE,
                           "How long the oldest of them has been under way.");
        gs_promtext_fixed(prom, "", NULL, 0, tally->oldest_recut_us, 6);
    }
}

/* ---- GPUs ---- */

static void write_gpus(const struct gs_tally *tally, struct gs_promtext *prom)
{
    gs_promtext_family(prom, "gpuslice_cluster_gpus", GS_PROM_GAUGE,
                       "GPUs: cut into slices, whole and held, whole and idle, or sick.");
    for (unsigned i = 0; i < tally->n_pools; i++) {
        const struct gs_tally_pool *pool = &tally->pools[i];
        for (unsigned m = 0; m < pool->n_models; m++) {
            for (unsigned s = 0; s < GS_TALLY_GPUS; s++) {
                const char *const labels[] = {"pool",  pool->name,
                                              "model", pool->models[m].id,
                                              "state", gs_tally_gpu_texts[s]};
                put_three(prom, labels, pool->models[m].gpus[s]);
            }
        }
    }
    gs_promtext_family(prom, "gpuslice_cluster_memory_units", GS_PROM_GAUGE,
                       "Memory units of GPUs: held; idle: in a slice that nobody holds, or could "
                       "be; stranded: no profile fits into them beside what is held; or sick.");
    for (unsigned i = 0; i < tally->n_pools; i++) {
        const struct gs_tally_pool *pool = &tally->pools[i];
        for (unsigned m = 0; m < pool->n_models; m++) {
            for (unsigned s = 0; s < GS_TALLY_UNITS; s++) {
                const char *const labels[] = {"pool",  pool->name,
                                              "model", pool->models[m].id,
                                              "state", gs_tally_units_texts[s]};
                put_three(prom, labels, pool->models[m].units[s]);
            }
        }
    }
}

static void write_slices(const struct gs_tally *tally, struct gs_promtext *prom)
{
    gs_promtext_family(prom, "gpuslice_cluster_slices", GS_PROM_GAUGE,
                       "MIG slices, as the agents tell of them: idle, held, granted (a moment "
                       "ago), retiring (a re-cut takes them), or sick.");
    for (unsigned i = 0; i < tally->n_pools; i++) {
        const struct gs_tally_pool *pool = &tally->pools[i];
        for (unsigned p = 0; p < pool->n_profiles; p++) {
            for (unsigned s = 0; s < GS_TALLY_SLICES; s++) {
                const char *const labels[] = {"pool",    pool->name,
                                              "profile", pool->profiles[p].name,
                                              "state",   gs_tally_slice_texts[s]};
                put_three(prom, labels, pool->profiles[p].slices[s]);
            }
        }
    }
}

/* ---- dollars ---- */

static void write_dollars(const struct gs_tally *tally, struct gs_promtext *prom)
{
    gs_promtext_family(prom, "gpuslice_cluster_usd_per_hour", GS_PROM_GAUGE,
                       "What the nodes whose price is known cost an hour, on demand, by what it "
                       "is paid for.");
    for (unsigned i = 0; i < tally->n_pools; i++) {
        const struct gs_tally_pool *pool = &tally->pools[i];
        for (unsigned s = 0; s < GS_TALLY_PARTS && pool->priced > 0; s++) {
            const struct gs_promtext_label labels[] = {{"pool", pool->name},
                                                       {"part", gs_tally_part_texts[s]}};
            gs_promtext_fixed(prom, "", labels, GS_ARRAY_LEN(labels), pool->uusd[s], 6);
        }
    }
    gs_promtext_family(prom, "gpuslice_cluster_nodes_without_price", GS_PROM_GAUGE,
                       "Nodes whose price is not known: they are in no sum of dollars.");
    for (unsigned i = 0; i < tally->n_pools; i++) {
        put(prom, "pool", tally->pools[i].name, tally->pools[i].unpriced);
    }
}

/* ---- pods ---- */

static void write_namespaces(const struct gs_tally *tally, struct gs_promtext *prom)
{
    gs_promtext_family(prom, "gpuslice_cluster_waiting_pods", GS_PROM_GAUGE,
                       "Pods that wait for slices, by what comes next for them.");
    for (unsigned i = 0; i < tally->n_namespaces; i++) {
        const struct gs_tally_namespace *row = &tally->namespaces[i];
        for (unsigned k = 0; k < GS_TALLY_NEXTS; k++) {
            const char *const labels[] = {"namespace", row->name, "next", gs_tally_next_texts[k]};
            put_two(prom, labels, row->waiting[k]);
        }
    }
    gs_promtext_family(prom, "gpuslice_cluster_held_slices", GS_PROM_GAUGE,
                       "Slices that bound pods ask for.");
    for (unsigned i = 0; i < tally->n_namespaces; i++) {
        put(prom, "namespace", tally->namespaces[i].name, tally->namespaces[i].slices);
    }
    gs_promtext_family(prom, "gpuslice_cluster_held_gpus", GS_PROM_GAUGE,
                       "Whole GPUs that bound pods ask for.");
    for (unsigned i = 0; i < tally->n_namespaces; i++) {
        put(prom, "namespace", tally->namespaces[i].name, tally->namespaces[i].gpus);
    }
    if (tally->longest_wait_us != UINT64_MAX) {
        gs_promtext_family(prom, "gpuslice_cluster_longest_wait_seconds", GS_PROM_GAUGE,
                           "How long ago the pod that waits longest was made.");
        gs_promtext_fixed(prom, "", NULL, 0, tally->longest_wait_us, 6);
    }
}

void gs_tally_write(const struct gs_tally *tally, struct gs_buf *page)
{
    struct gs_promtext prom;
    gs_promtext_init(&prom, page);
    write_nodes(tally, &prom);
    write_gpus(tally, &prom);
    write_slices(tally, &prom);
    write_dollars(tally, &prom);
    write_namespaces(tally, &prom);
}
