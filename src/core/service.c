#include "core/service.h"

#include <inttypes.h>
#include <string.h>

/* A throughput of 0 is how a run that failed is written down (too little memory, say), with a
 * latency of 0: it serves nothing and is never chosen. */
static int check_row(const struct gs_service *service, const struct gs_service_row *rows, size_t i,
                     struct gs_err *err)
{
    const struct gs_service_row *row = &rows[i];
    const struct {
        const char *what;
        uint64_t value, min, max;
    } numbers[] = {
        {"compute slices", row->compute_slices, 1, UINT8_MAX},
        {"batch size", row->batch, 1, UINT32_MAX},
        {"processes", row->processes, 1, GS_SERVICE_PROCESSES_MAX},
        {"throughput in thousandths a second", row->throughput_milli, 0,
         GS_RATE_MILLI_MAX / GS_SERVICE_PROCESSES_MAX},
        {"latency in microseconds", row->latency_us, row->throughput_milli > 0,
         GS_SERVICE_LATENCY_US_MAX},
    };
    for (size_t n = 0; n < sizeof(numbers) / sizeof(numbers[0]); n++) {
        if (numbers[n].value < numbers[n].min || numbers[n].value > numbers[n].max) {
            return gs_fail(err, GS_INVALID,
                           "service %s, measurement %zu: the %s is %" PRIu64 "; expected %" PRIu64
                           " to %" PRIu64,
                           service->name, i + 1, numbers[n].what, numbers[n].value, numbers[n].min,
                           numbers[n].max);
        }
    }
    return 0;
}

static int check_input(const struct gs_model *model, const struct gs_service *service,
                       const struct gs_service_row *rows, size_t n_rows, struct gs_err *err)
{
    int r = gs_model_require_placements(model, err);
    if (r < 0) {
        return r;
    }
    if (service->latency_us == 0 || service->latency_us > GS_SERVICE_LATENCY_US_MAX) {
        return gs_fail(err, GS_INVALID,
                       "service %s: its latency is %" PRIu64 " microseconds; expected 1 to %llu",
                       service->name, service->latency_us, GS_SERVICE_LATENCY_US_MAX);
    }
    if (n_rows > GS_SERVICE_ROWS_MAX) {
        return gs_fail(err, GS_LIMIT, "service %s has %zu measurements; expected %d at most",
                       service->name, n_rows, GS_SERVICE_ROWS_MAX);
    }
    for (size_t i = 0; i < n_rows && r == 0; i++) {
        r = check_row(service, rows, i, err);
    }
    return r;
}

int gs_service_profile(const struct gs_model *model, uint32_t compute_slices)
{
    int best = -1;
    for (unsigned p = 0; p < model->n_profiles; p++) {
        const struct gs_profile *profile = &model->profiles[p];
        if (profile->parts.sign == 0 && profile->compute_slices == compute_slices &&
            profile->starts != 0 &&
            (best < 0 || profile->memory_units < model->profiles[best].memory_units)) {
            best = (int)p;
        }
    }
    return best;
}

/* latency < 0.9 * service latency / 2, without fractions. */
static bool is_usable(const struct gs_service *service, const struct gs_service_row *row)
{
    return row->throughput_milli > 0 && row->latency_us * 20 < service->latency_us * 9;
}

static uint64_t capacity(const struct gs_service_row *row)
{
    return row->throughput_milli * row->processes;
}

static bool is_better_row(const struct gs_service_row *a, const struct gs_service_row *b)
{
    if (capacity(a) != capacity(b)) {
        return capacity(a) > capacity(b);
    }
    return a->processes != b->processes ? a->processes < b->processes : a->batch < b->batch;
}

static int fail_none(const struct gs_model *model, const struct gs_service *service,
                     const struct gs_service_row *rows, size_t n_rows, struct gs_err *err)
{
    uint64_t fastest = UINT64_MAX;
    for (size_t i = 0; i < n_rows; i++) {
        bool counts =
            gs_service_profile(model, rows[i].compute_slices) >= 0 && rows[i].throughput_milli > 0;
        fastest = counts && rows[i].latency_us < fastest ? rows[i].latency_us : fastest;
    }
    if (fastest == UINT64_MAX) {
        return gs_fail(err, GS_INFEASIBLE,
                       "service %s: none of its %zu measurements is of a slice that %s has and has "
                       "a throughput",
                       service->name, n_rows, model->id);
    }
    return gs_fail(err, GS_INFEASIBLE,
                   "service %s: no measurement takes less than 0.9 * latency / 2 = %" PRIu64
                   " of the %" PRIu64 " microseconds that a request may take; the fastest takes "
                   "%" PRIu64,
                   service->name, service->latency_us * 9 / 20, service->latency_us, fastest);
}

static bool dominates(const struct gs_model *model, const struct gs_service_option *a,
                      const struct gs_service_option *b)
{
    const struct gs_profile *pa = &model->profiles[a->profile];
    const struct gs_profile *pb = &model->profiles[b->profile];
    return a->capacity_milli >= b->capacity_milli && pa->compute_slices <= pb->compute_slices &&
           pa->memory_units <= pb->memory_units;
}

/* Options come by ascending compute slices, so only an earlier one can dominate. */
static unsigned drop_dominated(const struct gs_model *model, struct gs_service_option *options,
                               unsigned n)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < n; i++) {
        bool dominated = false;
        for (unsigned k = 0; k < kept && !dominated; k++) {
            dominated = dominates(model, &options[k], &options[i]);
        }
        if (!dominated) {
            options[kept++] = options[i];
        }
    }
    return kept;
}

int gs_service_options(const struct gs_model *model, const struct gs_service *service,
                       const struct gs_service_row *rows, size_t n_rows,
                       struct gs_service_option ret_options[GS_PROFILES_MAX],
                       unsigned *ret_n_options, struct gs_err *err)
{
    int r = check_input(model, service, rows, n_rows, err);
    if (r < 0) {
        return r;
    }
    struct gs_service_option found[GS_PROFILES_MAX];
    unsigned n = 0;
    for (uint32_t size = 1; size <= model->compute_slices && n < GS_PROFILES_MAX; size++) {
        int profile = gs_service_profile(model, size);
        const struct gs_service_row *best = NULL;
        for (size_t i = 0; i < n_rows && profile >= 0; i++) {
            if (rows[i].compute_slices == size && is_usable(service, &rows[i]) &&
                (best == NULL || is_better_row(&rows[i], best))) {
                best = &rows[i];
            }
        }
        if (best != NULL) {
            found[n++] = (struct gs_service_option){
                .profile = (unsigned)profile,
                .capacity_milli = capacity(best),
                .row = (size_t)(best - rows),
            };
        }
    }
    if (n == 0) {
        return fail_none(model, service, rows, n_rows, err);
    }
    n = drop_dominated(model, found, n);
    memcpy(ret_options, found, n * sizeof(found[0]));
    *ret_n_options = n;
    return 0;
}
