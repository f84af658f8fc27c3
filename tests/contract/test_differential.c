/* The same random operations on the table and on the simulated driver: the answers agree.
 *
 * usage: test_differential [RUNS [SEED]]. A run that differs prints its seed; that seed alone with
 * RUNS 1 repeats it. UUIDs are made differently by the two, so they are compared as names are: what
 * is the same here is the same there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "contract/behaviours.h"
#include "core/catalog.h"
#include "sim/random.h"

const struct bed_ops *bed_now;

enum { STEPS = 150, GPUS_MAX = 3, HOLDS_MAX = 40, NAMES_MAX = 4096, RUNS = 24 };

struct pair {
    char a[GS_GPU_UUID_MAX];
    char b[GS_GPU_UUID_MAX];
};

struct duel {
    struct gs_random random;
    struct bed a; /* the table */
    struct bed b; /* gpu_nvml */
    unsigned n_gpus;
    unsigned n_holds;
    struct {
        uint32_t a, b;
    } holds[HOLDS_MAX];
    unsigned n_names;
    struct pair names[NAMES_MAX];
    unsigned step;
    char did[160];
    unsigned long worked; /* changes that both carried out */
};

static uint64_t seed_now;

static uint32_t below(struct duel *duel, uint32_t n)
{
    return gs_random_below(&duel->random, n);
}

static void differ(const struct duel *duel, const char *what)
{
    fail_msg("seed %llu, step %u (%s): %s differs", (unsigned long long)seed_now, duel->step,
             duel->did, what);
}

static void same_number(const struct duel *duel, const char *what, uint64_t a, uint64_t b)
{
    if (a != b) {
        print_message("table %llu, nvml %llu\n", (unsigned long long)a, (unsigned long long)b);
        differ(duel, what);
    }
}

static void same_code(struct duel *duel, int a, const struct gs_err *ea, int b,
                      const struct gs_err *eb)
{
    if (a != b) {
        print_message("table %d (%s), nvml %d (%s)\n", a, a < 0 ? ea->msg : "", b,
                      b < 0 ? eb->msg : "");
        differ(duel, "the code");
    }
    duel->worked += a == 0;
}

static void same_name(struct duel *duel, const char *a, const char *b)
{
    for (unsigned i = 0; i < duel->n_names; i++) {
        bool is_a = strcmp(duel->names[i].a, a) == 0;
        bool is_b = strcmp(duel->names[i].b, b) == 0;
        if (is_a != is_b) {
            differ(duel, "a UUID's place");
        }
        if (is_a) {
            return;
        }
    }
    assert_true(duel->n_names < NAMES_MAX);
    struct pair *pair = &duel->names[duel->n_names++];
    snprintf(pair->a, sizeof(pair->a), "%s", a);
    snprintf(pair->b, sizeof(pair->b), "%s", b);
}

static void same_ci(struct duel *duel, const struct gs_compute_instance *a,
                    const struct gs_compute_instance *b)
{
    same_number(duel, "a CI's id", a->id, b->id);
    same_number(duel, "a CI's profile", a->profile, b->profile);
    same_number(duel, "a CI's profile id", a->profile_id, b->profile_id);
    same_number(duel, "a CI's start", a->start, b->start);
    same_number(duel, "a CI's size", a->size, b->size);
    same_name(duel, a->uuid, b->uuid);
}

static void same_gi(struct duel *duel, const struct gs_gpu_instance *a,
                    const struct gs_gpu_instance *b)
{
    same_number(duel, "a GI's id", a->id, b->id);
    same_number(duel, "a GI's profile", a->profile, b->profile);
    same_number(duel, "a GI's profile id", a->profile_id, b->profile_id);
    same_number(duel, "a GI's start", a->start, b->start);
    same_number(duel, "a GI's size", a->size, b->size);
    same_number(duel, "a GI's number of CIs", a->n_compute, b->n_compute);
    for (unsigned i = 0; i < a->n_compute; i++) {
        same_ci(duel, &a->compute[i], &b->compute[i]);
    }
}

static void same_processes(struct duel *duel, unsigned gpu)
{
    struct gs_gpu_process a[HOLDS_MAX];
    struct gs_gpu_process b[HOLDS_MAX];
    size_t na = 0;
    size_t nb = 0;
    bed_expect(0, gs_gpu_processes(&duel->a.gpus, gpu, a, HOLDS_MAX, &na, err));
    bed_expect(0, gs_gpu_processes(&duel->b.gpus, gpu, b, HOLDS_MAX, &nb, err));
    same_number(duel, "the number of processes", na, nb);
    for (size_t i = 0; i < na; i++) {
        bool found = false;
        for (size_t k = 0; k < nb; k++) {
            found |= a[i].gpu_instance == b[k].gpu_instance &&
                     a[i].compute_instance == b[k].compute_instance;
        }
        same_number(duel, "a process's slice", found, true);
    }
}

/* Everything that can be read of one GPU. */
static void same_gpu(struct duel *duel, unsigned gpu)
{
    struct gs_gpu a = bed_get(&duel->a, gpu);
    struct gs_gpu b = bed_get(&duel->b, gpu);
    same_number(duel, "the mode", a.mode, b.mode);
    same_number(duel, "the pending mode", a.pending, b.pending);
    same_number(duel, "the most MIG devices", a.max_mig_devices, b.max_mig_devices);
    struct gs_gpu_instances ia = bed_instances(&duel->a, gpu);
    struct gs_gpu_instances ib = bed_instances(&duel->b, gpu);
    same_number(duel, "the number of GIs", ia.n, ib.n);
    for (unsigned i = 0; i < ia.n; i++) {
        same_gi(duel, &ia.at[i], &ib.at[i]);
    }
    same_processes(duel, gpu);
}

/* An id that is there most of the time. */
static uint32_t some_gi(struct duel *duel, unsigned gpu)
{
    struct gs_gpu_instances all = bed_instances(&duel->a, gpu);
    return all.n > 0 && below(duel, 8) != 0 ? all.at[below(duel, all.n)].id : below(duel, 17);
}

static void create(struct duel *duel, unsigned gpu)
{
    struct gs_gpu_profile profiles[GS_GPU_PROFILES_MAX];
    unsigned n = bed_profiles(&duel->a, gpu, profiles);
    struct gs_gpu_profile p = profiles[below(duel, n)];
    uint32_t start = below(duel, 18);
    for (unsigned tries = 0; tries < 20 && below(duel, 12) != 0 && !(p.starts >> start & 1u);
         tries++) {
        start = below(duel, 12);
    }
    uint32_t size = below(duel, 16) == 0 ? below(duel, 9) : p.size;
    uint32_t id = below(duel, 20) == 0 ? below(duel, 70) : p.profile_id;
    snprintf(duel->did, sizeof(duel->did), "GPU %u: create profile %u at %u of %u", gpu, id, start,
             size);
    struct gs_gpu_instance a = {0};
    struct gs_gpu_instance b = {0};
    struct gs_err ea;
    struct gs_err eb;
    int ra = gs_gpu_create(&duel->a.gpus, gpu, id, start, size, &a, &ea);
    int rb = gs_gpu_create(&duel->b.gpus, gpu, id, start, size, &b, &eb);
    same_code(duel, ra, &ea, rb, &eb);
    if (ra == 0) {
        same_gi(duel, &a, &b);
    }
}

static void create_ci(struct duel *duel, unsigned gpu)
{
    uint32_t gi = some_gi(duel, gpu);
    uint32_t id = below(duel, below(duel, 4) == 0 ? 11 : 3);
    uint32_t start = below(duel, 3) != 0 ? GS_NOT_KNOWN : below(duel, 8);
    uint32_t size = below(duel, 5) == 0 ? below(duel, 8) : id + 1;
    snprintf(duel->did, sizeof(duel->did), "GPU %u: create CI profile %u in GI %u at %u of %u", gpu,
             id, gi, start, size);
    struct gs_compute_instance a = {0};
    struct gs_compute_instance b = {0};
    struct gs_err ea;
    struct gs_err eb;
    int ra = gs_gpu_create_compute(&duel->a.gpus, gpu, gi, id, start, size, &a, &ea);
    int rb = gs_gpu_create_compute(&duel->b.gpus, gpu, gi, id, start, size, &b, &eb);
    same_code(duel, ra, &ea, rb, &eb);
    if (ra == 0) {
        same_ci(duel, &a, &b);
    }
}

static void destroy_one(struct duel *duel, unsigned gpu, uint32_t gi)
{
    struct gs_err ea;
    struct gs_err eb;
    snprintf(duel->did, sizeof(duel->did), "GPU %u: destroy GI %u", gpu, gi);
    int ra = gs_gpu_destroy(&duel->a.gpus, gpu, gi, &ea);
    int rb = gs_gpu_destroy(&duel->b.gpus, gpu, gi, &eb);
    same_code(duel, ra, &ea, rb, &eb);
}

static void destroy(struct duel *duel, unsigned gpu)
{
    destroy_one(duel, gpu, some_gi(duel, gpu));
}

static void destroy_one_ci(struct duel *duel, unsigned gpu, uint32_t gi, uint32_t ci)
{
    struct gs_err ea;
    struct gs_err eb;
    snprintf(duel->did, sizeof(duel->did), "GPU %u: destroy CI %u of GI %u", gpu, ci, gi);
    int ra = gs_gpu_destroy_compute(&duel->a.gpus, gpu, gi, ci, &ea);
    int rb = gs_gpu_destroy_compute(&duel->b.gpus, gpu, gi, ci, &eb);
    same_code(duel, ra, &ea, rb, &eb);
}

static void destroy_ci(struct duel *duel, unsigned gpu)
{
    uint32_t gi = some_gi(duel, gpu);
    destroy_one_ci(duel, gpu, gi, below(duel, below(duel, 4) == 0 ? 10 : 2));
}

/* What is in it, then the GI itself: so that the GPU does not stay full. */
static void clear(struct duel *duel, unsigned gpu)
{
    uint32_t gi = some_gi(duel, gpu);
    for (uint32_t ci = 0; ci < GS_COMPUTE_INSTANCES_MAX; ci++) {
        destroy_one_ci(duel, gpu, gi, ci);
    }
    destroy_one(duel, gpu, gi);
}

static void same_places(struct duel *duel, unsigned gpu, uint32_t gi, uint32_t profile_id)
{
    struct gs_compute_places a = {0};
    struct gs_compute_places b = {0};
    struct gs_err ea;
    struct gs_err eb;
    int ra = gs_gpu_compute_places(&duel->a.gpus, gpu, gi, profile_id, &a, &ea);
    int rb = gs_gpu_compute_places(&duel->b.gpus, gpu, gi, profile_id, &b, &eb);
    same_code(duel, ra, &ea, rb, &eb);
    same_number(duel, "what a kind takes", a.size, b.size);
    same_number(duel, "where a kind may start", a.starts, b.starts);
}

static void list_kinds(struct duel *duel, unsigned gpu)
{
    uint32_t gi = some_gi(duel, gpu);
    struct gs_compute_profile a[GS_COMPUTE_PROFILES_MAX];
    struct gs_compute_profile b[GS_COMPUTE_PROFILES_MAX];
    unsigned na = 0;
    unsigned nb = 0;
    struct gs_err ea;
    struct gs_err eb;
    snprintf(duel->did, sizeof(duel->did), "GPU %u: kinds of CI in GI %u", gpu, gi);
    int ra = gs_gpu_compute_profiles(&duel->a.gpus, gpu, gi, a, &na, &ea);
    int rb = gs_gpu_compute_profiles(&duel->b.gpus, gpu, gi, b, &nb, &eb);
    same_code(duel, ra, &ea, rb, &eb);
    same_number(duel, "the number of kinds", na, nb);
    for (unsigned i = 0; i < na; i++) {
        same_number(duel, "a kind's profile", a[i].profile, b[i].profile);
        same_number(duel, "a kind's id", a[i].profile_id, b[i].profile_id);
        same_number(duel, "a kind's slices", a[i].compute_slices, b[i].compute_slices);
        same_number(duel, "a kind's most instances", a[i].max_instances, b[i].max_instances);
        if (a[i].sm_count != GS_NOT_KNOWN) {
            same_number(duel, "a kind's SMs", a[i].sm_count, b[i].sm_count);
        }
        same_places(duel, gpu, gi, a[i].profile_id);
    }
}

static void set_mode(struct duel *duel, unsigned gpu)
{
    enum gs_mig_mode mode = below(duel, 3) != 0 ? GS_MIG_ON : GS_MIG_OFF;
    enum gs_mig_activation a = GS_MIG_ACTIVE;
    enum gs_mig_activation b = GS_MIG_ACTIVE;
    struct gs_err ea;
    struct gs_err eb;
    snprintf(duel->did, sizeof(duel->did), "GPU %u: MIG %s", gpu, mode == GS_MIG_ON ? "on" : "off");
    int ra = gs_gpu_set_mode(&duel->a.gpus, gpu, mode, &a, &ea);
    int rb = gs_gpu_set_mode(&duel->b.gpus, gpu, mode, &b, &eb);
    same_code(duel, ra, &ea, rb, &eb);
    same_number(duel, "the activation", a, b);
}

static void hold(struct duel *duel, unsigned gpu)
{
    struct gs_gpu_instances all = bed_instances(&duel->a, gpu);
    uint32_t gi = GS_NOT_KNOWN;
    uint32_t ci = GS_NOT_KNOWN;
    if (duel->n_holds == HOLDS_MAX || (all.n > 0 && all.at[all.n - 1].n_compute == 0)) {
        return;
    }
    if (all.n > 0) {
        gi = all.at[all.n - 1].id;
        ci = all.at[all.n - 1].compute[0].id;
    } else if (bed_get(&duel->a, gpu).mode == GS_MIG_ON) {
        return;
    }
    snprintf(duel->did, sizeof(duel->did), "GPU %u: hold GI %u, CI %u", gpu, gi, ci);
    uint32_t a;
    uint32_t b;
    assert_int_equal(duel->a.ops->hold(&duel->a, gpu, gi, ci, &a), 0);
    assert_int_equal(duel->b.ops->hold(&duel->b, gpu, gi, ci, &b), 0);
    duel->holds[duel->n_holds].a = a;
    duel->holds[duel->n_holds++].b = b;
}

static void drop(struct duel *duel)
{
    snprintf(duel->did, sizeof(duel->did), "all processes end");
    for (unsigned i = 0; i < duel->n_holds; i++) {
        duel->a.ops->drop(&duel->a, duel->holds[i].a);
        duel->b.ops->drop(&duel->b, duel->holds[i].b);
        duel->holds[i].a = duel->holds[i].b = 0;
    }
}

static void leak(struct duel *duel, unsigned gpu)
{
    struct gs_gpu_instances all = bed_instances(&duel->a, gpu);
    unsigned handles = below(duel, 2);
    for (unsigned i = 0; i < all.n; i++) {
        uint32_t ci = all.at[i].n_compute > 0 ? all.at[i].compute[0].id : GS_NOT_KNOWN;
        duel->a.ops->leak(&duel->a, gpu, all.at[i].id, ci, i == 0 ? handles : 0);
        duel->b.ops->leak(&duel->b, gpu, all.at[i].id, ci, i == 0 ? handles : 0);
    }
    snprintf(duel->did, sizeof(duel->did), "GPU %u: %u handles leak", gpu, handles);
}

static void reset(struct duel *duel, unsigned gpu)
{
    struct gs_err ea;
    struct gs_err eb;
    snprintf(duel->did, sizeof(duel->did), "GPU %u: reset", gpu);
    int ra = gs_gpu_reset(&duel->a.gpus, &gpu, 1, &ea);
    int rb = gs_gpu_reset(&duel->b.gpus, &gpu, 1, &eb);
    same_code(duel, ra, &ea, rb, &eb);
}

static void step(struct duel *duel)
{
    unsigned gpu = below(duel, duel->n_gpus);
    uint32_t what = below(duel, 100);
    duel->did[0] = '\0';
    if (what < 34) {
        create(duel, gpu);
    } else if (what < 60) {
        create_ci(duel, gpu);
    } else if (what < 68) {
        destroy(duel, gpu);
    } else if (what < 75) {
        destroy_ci(duel, gpu);
    } else if (what < 84) {
        clear(duel, gpu);
    } else if (what < 88) {
        list_kinds(duel, gpu);
    } else if (what < 92) {
        set_mode(duel, gpu);
    } else if (what < 95) {
        hold(duel, gpu);
    } else if (what < 97) {
        drop(duel);
    } else if (what < 99) {
        leak(duel, gpu);
    } else {
        reset(duel, gpu);
    }
    same_gpu(duel, gpu);
}

/* One to three kinds of GPU that the driver knows. */
static void draw_machine(struct duel *duel, struct bed_machine *machine)
{
    static const struct {
        unsigned driver;
        const char *models[8];
        unsigned n;
    } worlds[] = {
        {470, {"A100-40GB", "A100-80GB", "A30-24GB", "A800-40GB"}, 4},
        {525, {"A100-40GB", "A30-24GB", "H100-80GB-SXM5", "H100-80GB-PCIe"}, 4},
        {580, {"A100-80GB", "H200-141GB", "RTX-PRO-6000-96GB", "B200-180GB", "H100-80GB-PCIe"}, 5},
        {BED_NEWEST,
         {"GB300-278GB", "H100-94GB-NVL", "GB200-186GB", "RTX-PRO-6000-96GB", "H20-96GB",
          "GH200-96GB", "A100-40GB", "A30-24GB"},
         8},
    };
    unsigned w = below(duel, GS_ARRAY_LEN(worlds));
    *machine = (struct bed_machine){
        .driver = worlds[w].driver, .vm = below(duel, 8) == 0, .mig_on = below(duel, 6) != 0};
    duel->n_gpus = 1 + below(duel, GPUS_MAX);
    for (unsigned i = 0; i < duel->n_gpus; i++) {
        machine->kinds[i].model = worlds[w].models[below(duel, worlds[w].n)];
        machine->kinds[i].count = 1;
    }
}

static struct duel *live;

static void run(uint64_t seed, unsigned long *worked)
{
    struct bed_machine machine;
    struct duel *duel = calloc(1, sizeof(*duel));
    assert_non_null(duel);
    seed_now = seed;
    gs_random_init(&duel->random, seed);
    draw_machine(duel, &machine);
    duel->a.ops = &bed_table;
    duel->b.ops = &bed_nvml;
    assert_int_equal(duel->a.ops->begin(&duel->a, &machine), 0);
    assert_int_equal(duel->b.ops->begin(&duel->b, &machine), 0);
    live = duel;
    for (duel->step = 0; duel->step < STEPS; duel->step++) {
        step(duel);
    }
    *worked += duel->worked;
}

static int sweep(void **state)
{
    (void)state;
    if (live != NULL) {
        gs_gpu_close(&live->a.gpus);
        gs_gpu_close(&live->b.gpus);
        live->a.ops->end(&live->a);
        live->b.ops->end(&live->b);
        free(live);
        live = NULL;
    }
    return 0;
}

static unsigned runs = RUNS;
static uint64_t first_seed = 1;

static void table_and_nvml__answer_alike(void **state)
{
    unsigned long worked = 0;
    for (unsigned i = 0; i < runs; i++) {
        run(first_seed + i, &worked);
        sweep(state);
    }
    print_message("%u machines, %u steps each, %lu calls carried out by both; seeds from %llu\n",
                  runs, (unsigned)STEPS, worked, (unsigned long long)first_seed);
    assert_true(worked > 30ul * runs); /* else the test says little */
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(table_and_nvml__answer_alike, sweep),
    };
    if (argc > 1) {
        runs = (unsigned)strtoul(argv[1], NULL, 10);
    }
    if (argc > 2) {
        first_seed = strtoull(argv[2], NULL, 10);
    }
    return cmocka_run_group_tests_name("differential", tests, NULL, NULL);
}
