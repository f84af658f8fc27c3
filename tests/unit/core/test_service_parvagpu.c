/* ParvaGPU's six scenarios (SC'24), where their data is at hand: the fewest compute slices of each
 * are known (dynamic-slicing 4.1 of the project's notes, found by an exact solver). The reader of
 * the files here is as crude as its input is known; the real one is in the wire room. */
#include "unit/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/catalog.h"
#include "core/service.h"

enum { SKIPPED = 77, SCENARIOS = 6, MODELS = 11, ROWS = 1000 };

static const char *const model_files[MODELS] = {
    "bert",      "densenet121", "densenet169", "densenet201", "inceptionv3", "mobilenetv2",
    "resnet101", "resnet152",   "resnet50",    "vgg16",       "vgg19",
};
static const uint64_t known_compute[SCENARIOS] = {10, 20, 30, 44, 82, 104};

static char folder[4096];

static bool find_data(void)
{
    const char *named = getenv("GPUSLICE_TESTDATA");
    snprintf(folder, sizeof(folder), "%s/parvagpu",
             named != NULL && named[0] != '\0' ? named : GS_SOURCE_DIR "/../shared/data");
    struct stat st;
    return stat(folder, &st) == 0 && S_ISDIR(st.st_mode);
}

/* One line as numbers of 10^-places; UINT64_MAX: no number there ("N/A", a heading). */
static unsigned read_line(FILE *file, unsigned places, uint64_t *values, unsigned max)
{
    char line[1024];
    if (fgets(line, sizeof(line), file) == NULL) {
        return 0;
    }
    unsigned n = 0;
    struct gs_view rest = gs_view_trim(gs_view(line));
    while (rest.p != NULL && n < max) {
        struct gs_view part = gs_view_split(&rest, ',');
        if (!gs_view_is_fixed(part, places, UINT64_MAX - 1, &values[n])) {
            values[n] = UINT64_MAX;
        }
        n++;
    }
    return n;
}

static FILE *open_file(const char *name)
{
    char path[sizeof(folder) + 64];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fail_msg("%s: cannot be opened", path);
    }
    return file;
}

static void read_scenarios(const char *name, uint64_t values[SCENARIOS][MODELS])
{
    FILE *file = open_file(name);
    for (unsigned s = 0; s < SCENARIOS; s++) {
        assert_int_equal(read_line(file, 3, values[s], MODELS), MODELS);
    }
    fclose(file);
}

static size_t read_rows(const char *model, struct gs_service_row rows[ROWS])
{
    char name[128];
    snprintf(name, sizeof(name), "prof_data/%s.csv", model);
    FILE *file = open_file(name);
    uint64_t v[5];
    size_t n = 0;
    assert_int_equal(read_line(file, 0, v, 5), 5);
    while (read_line(file, 6, v, 5) == 5) {
        assert_true(n < ROWS);
        rows[n++] = (struct gs_service_row){
            .compute_slices = (uint32_t)(v[0] / 1000000),
            .batch = (uint32_t)(v[1] / 1000000),
            .processes = (uint32_t)(v[2] / 1000000),
            .throughput_milli = v[3] / 1000,
            .latency_us = v[4],
        };
    }
    fclose(file);
    assert_true(n > 200);
    return n;
}

/* The fewest compute slices for a rate, straight from the measurements and one compute slice
 * after the other: not by gs_service_options and not by gs_choose_slices. */
static uint64_t fewest_compute(const struct gs_service *service, const struct gs_service_row *rows,
                               size_t n_rows)
{
    enum { MOST = 200 };
    uint64_t most[MOST] = {0};
    for (unsigned c = 1; c < MOST; c++) {
        most[c] = most[c - 1];
        for (size_t i = 0; i < n_rows; i++) {
            const struct gs_service_row *row = &rows[i];
            double limit_ms = 0.9 * ((double)service->latency_us / 1000) / 2;
            if (row->compute_slices <= c && (double)row->latency_us / 1000 < limit_ms - 1e-9) {
                uint64_t with =
                    most[c - row->compute_slices] + row->throughput_milli * row->processes;
                most[c] = with > most[c] ? with : most[c];
            }
        }
        if (most[c] >= service->rate_milli) {
            return c;
        }
    }
    fail_msg("%s needs more than %d compute slices", service->name, MOST);
    return 0;
}

static uint64_t chosen_compute(const struct gs_service *service, const struct gs_service_row *rows,
                               size_t n_rows)
{
    const struct gs_model *model;
    struct gs_service_option options[GS_PROFILES_MAX];
    struct gs_choose_mix mix;
    struct gs_arena arena;
    unsigned n;
    uint64_t rates[GS_PROFILES_MAX] = {0};
    gs_arena_init(&arena, &gs_alloc_heap, 16 << 20);
    assert_int_equal(gs_catalog_find(gs_view("A100-80GB"), &model, NULL), 0);
    assert_int_equal(gs_service_options(model, service, rows, n_rows, options, &n, NULL), 0);
    for (unsigned i = 0; i < n; i++) {
        rates[options[i].profile] = options[i].capacity_milli;
    }
    const struct gs_choose_need need = {
        .profiles = GS_CHOOSE_ANY,
        .rate_milli = service->rate_milli,
        .rates_milli = rates,
    };
    assert_int_equal(gs_choose_slices(&arena, model, &need, &mix, NULL), 0);
    gs_arena_done(&arena);
    return mix.compute_slices;
}

static void service__needs_the_known_compute_slices_in_parvagpus_scenarios(void **state)
{
    (void)state;
    static uint64_t latency_us[SCENARIOS][MODELS];
    static uint64_t rate_milli[SCENARIOS][MODELS];
    static struct gs_service_row rows[ROWS];
    uint64_t oracle[SCENARIOS] = {0};
    uint64_t chosen[SCENARIOS] = {0};
    read_scenarios("SLO_latency.csv", latency_us);
    read_scenarios("SLO_req_rate.csv", rate_milli);
    for (unsigned m = 0; m < MODELS; m++) {
        size_t n_rows = read_rows(model_files[m], rows);
        for (unsigned s = 0; s < SCENARIOS; s++) {
            struct gs_service service = {
                .name = model_files[m],
                .rate_milli = rate_milli[s][m],
                .latency_us = latency_us[s][m],
            };
            if (service.rate_milli != UINT64_MAX) {
                oracle[s] += fewest_compute(&service, rows, n_rows);
                chosen[s] += chosen_compute(&service, rows, n_rows);
            }
        }
    }
    for (unsigned s = 0; s < SCENARIOS; s++) {
        print_message("scenario %u: %" PRIu64 " compute slices\n", s + 1, chosen[s]);
        assert_true(oracle[s] == known_compute[s]);
        assert_true(chosen[s] == known_compute[s]);
    }
}

int main(void)
{
    if (!find_data()) {
        printf("SKIP: no ParvaGPU data in %s (GPUSLICE_TESTDATA names the folder above it)\n",
               folder);
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(service__needs_the_known_compute_slices_in_parvagpus_scenarios),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
