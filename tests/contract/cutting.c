/* Creating and destroying. */
#include <string.h>

#include "contract/behaviours.h"

static void check_made(struct bed *bed, const struct gs_gpu_profile *profile, unsigned start,
                       const struct gs_gpu_instance *made)
{
    assert_int_equal(made->profile, profile->profile);
    assert_int_equal(made->profile_id, profile->profile_id);
    assert_int_equal(made->start, start);
    assert_int_equal(made->size, profile->size);
    assert_int_equal(made->n_compute, 0);
    assert_true(made->id < GS_GPU_INSTANCES_MAX);
    struct gs_gpu_instances all = bed_instances(bed, 0);
    assert_int_equal(all.n, 1);
    assert_int_equal(all.at[0].id, made->id);
    assert_int_equal(all.at[0].profile, made->profile);
    assert_int_equal(all.at[0].start, start);
    assert_int_equal(all.at[0].size, made->size);
}

/* Each place of a profile on the empty GPU, and each place that is none. */
static void try_profile(struct bed *bed, const struct gs_gpu_profile *profile)
{
    for (unsigned start = 0; start < 18; start++) {
        struct gs_gpu_instance made;
        bool allowed = (profile->starts >> start & 1u) != 0;
        bed_expect(allowed ? 0 : GS_INVALID, gs_gpu_create(&bed->gpus, 0, profile->profile_id,
                                                           start, profile->size, &made, err));
        if (allowed) {
            check_made(bed, profile, start, &made);
            bed_expect(0, gs_gpu_destroy(&bed->gpus, 0, made.id, err));
        }
        assert_int_equal(bed_instances(bed, 0).n, 0);
    }
}

static void every_allowed_start_creates_and_no_other(void **state)
{
    (void)state;
    size_t at = 0;
    for (const struct gs_model *model; (model = next_model(&at)) != NULL;) {
        struct bed bed = bed_one(model->id);
        struct gs_gpu_profile profiles[GS_GPU_PROFILES_MAX];
        unsigned n = bed_profiles(&bed, 0, profiles);
        for (unsigned i = 0; i < n; i++) {
            try_profile(&bed, &profiles[i]);
        }
        bed_end(&bed);
    }
}

static void wrong_sizes_and_profiles_are_invalid(void **state)
{
    (void)state;
    struct bed bed = bed_one("A100-40GB");
    static const struct {
        uint32_t id, start, size;
    } wrong[] = {
        {ID_1G, 0, 2},      {ID_1G, 0, 0},          {ID_3G, 0, 3},          {ID_1G, 7, 1},
        {ID_2G, 6, 2},      {ID_4G, 4, 4},          {ID_7G, 0, 7},          {99, 0, 1},
        {UINT32_MAX, 0, 1}, {ID_1G, UINT32_MAX, 1}, {ID_1G, 0, UINT32_MAX},
    };
    struct gs_gpu_instance made;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        bed_expect(GS_INVALID, gs_gpu_create(&bed.gpus, 0, wrong[i].id, wrong[i].start,
                                             wrong[i].size, &made, err));
    }
    assert_int_equal(bed_instances(&bed, 0).n, 0);
    bed_end(&bed);
}

static void nothing_is_cut_while_mig_is_off(void **state)
{
    (void)state;
    struct bed bed = bed_begin(&(struct bed_machine){.kinds = {{"A100-40GB", 1}}});
    struct gs_gpu_instance gi;
    struct gs_compute_instance ci;
    struct gs_compute_profile kinds[GS_COMPUTE_PROFILES_MAX];
    unsigned n = 0;
    assert_int_equal(bed_get(&bed, 0).mode, GS_MIG_OFF);
    assert_int_equal(bed_get(&bed, 0).max_mig_devices, 0);
    assert_int_equal(bed_instances(&bed, 0).n, 0);
    bed_expect(GS_UNSUPPORTED, gs_gpu_create(&bed.gpus, 0, ID_1G, 0, 1, &gi, err));
    bed_expect(GS_UNSUPPORTED, gs_gpu_destroy(&bed.gpus, 0, 7, err));
    bed_expect(GS_UNSUPPORTED, gs_gpu_compute_profiles(&bed.gpus, 0, 7, kinds, &n, err));
    bed_expect(GS_UNSUPPORTED,
               gs_gpu_create_compute(&bed.gpus, 0, 7, CI_1, GS_NOT_KNOWN, 0, &ci, err));
    bed_expect(GS_UNSUPPORTED, gs_gpu_destroy_compute(&bed.gpus, 0, 7, 0, err));
    bed_end(&bed);
}

/* What is there, and what then has no room. */
static const struct {
    const char *model;
    struct {
        uint32_t id, start, size;
    } there[7], wanted;
} full[] = {
    {"A100-40GB", {{ID_1G, 0, 1}}, {ID_1G, 0, 1}},
    {"A100-40GB", {{ID_1G, 0, 1}}, {ID_4G, 0, 4}},
    {"A100-40GB", {{ID_7G, 0, 8}}, {ID_1G, 6, 1}},
    {"A100-40GB", {{ID_1G, 0, 1}}, {ID_7G, 0, 8}},
    {"A100-40GB", {{ID_1G, 1, 1}, {ID_2G, 4, 2}}, {ID_3G, 0, 4}},
    {"A100-40GB", {{ID_1G_ME, 0, 1}}, {ID_1G_ME, 3, 1}},
    {"A100-40GB", {{ID_1G_TWICE, 6, 2}}, {ID_1G, 6, 1}},
    {"A100-40GB", {{ID_2G, 0, 2}, {ID_2G, 2, 2}, {ID_2G, 4, 2}}, {ID_1G_TWICE, 4, 2}},
    {"A30-24GB", {{21, 0, 1}}, {6, 2, 2}},           /* two +me: one OFA */
    {"RTX-PRO-6000-96GB", {{65, 0, 3}}, {14, 3, 3}}, /* me.all beside a plain 1g */
    {"RTX-PRO-6000-96GB", {{14, 0, 3}}, {64, 6, 6}}, /* and the other way round */
    {"RTX-PRO-6000-96GB", {{5, 0, 6}, {5, 6, 6}}, {14, 0, 3}},
};

static void a_taken_place_or_engine_is_no_room(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(full) / sizeof(full[0]); i++) {
        struct bed bed = bed_one(full[i].model);
        struct gs_gpu_instance made;
        unsigned n = 0;
        for (; n < 7 && full[i].there[n].size > 0; n++) {
            bed_create(&bed, 0, full[i].there[n].id, full[i].there[n].start, full[i].there[n].size);
        }
        bed_expect(GS_INFEASIBLE,
                   gs_gpu_create(&bed.gpus, 0, full[i].wanted.id, full[i].wanted.start,
                                 full[i].wanted.size, &made, err));
        assert_int_equal(bed_instances(&bed, 0).n, n);
        bed_end(&bed);
    }
}

static void only_minus_me_fits_beside_me_all(void **state)
{
    (void)state;
    struct bed bed = bed_one("RTX-PRO-6000-96GB");
    bed_create(&bed, 0, 65, 0, 3);
    bed_create(&bed, 0, 67, 3, 3);
    bed_create(&bed, 0, 66, 6, 6);
    assert_int_equal(bed_instances(&bed, 0).n, 3);
    bed_end(&bed);
}

/* How many 1g.10gb fit beside a 2g at 0, one after another: the driver's remaining capacity. */
static void as_many_fit_as_there_is_room_for(void **state)
{
    (void)state;
    static const unsigned order[] = {6, 0, 2, 4, 6};
    struct bed bed = bed_one("A100-40GB");
    bed_create(&bed, 0, ID_2G, 0, 2);
    unsigned made = 0;
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        struct gs_gpu_instance gi;
        made += gs_gpu_create(&bed.gpus, 0, ID_1G_TWICE, order[i], 2, &gi, NULL) == 0;
    }
    assert_int_equal(made, 3);
    assert_int_equal(bed_instances(&bed, 0).n, 4);
    bed_end(&bed);
}

static void instances_are_told_by_start_and_have_ids_of_their_own(void **state)
{
    (void)state;
    static const unsigned order[] = {3, 6, 0, 5, 1, 4, 2};
    struct bed bed = bed_one("A100-40GB");
    uint32_t ids = 0;
    for (unsigned i = 0; i < 7; i++) {
        ids |= 1u << bed_create(&bed, 0, ID_1G, order[i], 1).id;
    }
    assert_int_equal(__builtin_popcount(ids), 7);
    assert_int_equal(ids & 0x7fu, 0); /* 0 to 6 are larger parts of the GPU */
    struct gs_gpu_instances all = bed_instances(&bed, 0);
    assert_int_equal(all.n, 7);
    for (unsigned i = 0; i < 7; i++) {
        assert_int_equal(all.at[i].start, i);
    }
    bed_end(&bed);
}

static void ids_go_by_the_size_of_the_part(void **state)
{
    (void)state;
    static const struct {
        uint32_t id, start, size, first, last;
    } parts[] = {
        {ID_7G, 0, 8, 0, 0}, {ID_4G, 0, 4, 1, 2},       {ID_3G, 4, 4, 1, 2},
        {ID_2G, 2, 2, 3, 6}, {ID_1G_TWICE, 6, 2, 3, 6}, {ID_1G, 6, 1, 7, 14},
    };
    struct bed bed = bed_one("H200-141GB");
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct gs_gpu_instance gi = bed_create(&bed, 0, parts[i].id, parts[i].start, parts[i].size);
        assert_in_range(gi.id, parts[i].first, parts[i].last);
        bed_expect(0, gs_gpu_destroy(&bed.gpus, 0, gi.id, err));
    }
    bed_end(&bed);
}

static void gpus_are_cut_one_without_the_other(void **state)
{
    (void)state;
    struct bed bed = bed_begin(&(struct bed_machine){.mig_on = true, .kinds = {{"A100-40GB", 2}}});
    struct gs_gpu_instance a = bed_create(&bed, 0, ID_3G, 0, 4);
    struct gs_gpu_instance b = bed_create(&bed, 1, ID_3G, 0, 4);
    struct gs_compute_instance ca = bed_create_ci(&bed, 0, a.id, CI_3);
    struct gs_compute_instance cb = bed_create_ci(&bed, 1, b.id, CI_3);
    assert_int_equal(a.id, b.id);
    assert_string_not_equal(ca.uuid, cb.uuid);
    bed_expect(0, gs_gpu_destroy_compute(&bed.gpus, 0, a.id, ca.id, err));
    bed_expect(0, gs_gpu_destroy(&bed.gpus, 0, a.id, err));
    assert_int_equal(bed_instances(&bed, 0).n, 0);
    assert_int_equal(bed_instances(&bed, 1).n, 1);
    assert_string_equal(bed_instances(&bed, 1).at[0].compute[0].uuid, cb.uuid);
    bed_end(&bed);
}

static void an_instance_goes_after_what_is_in_it(void **state)
{
    (void)state;
    struct bed bed = bed_one("A100-40GB");
    struct gs_gpu_instance gi = bed_create(&bed, 0, ID_3G, 4, 4);
    struct gs_compute_instance ci = bed_create_ci(&bed, 0, gi.id, CI_3);
    bed_expect(GS_BUSY, gs_gpu_destroy(&bed.gpus, 0, gi.id, err));
    assert_int_equal(bed_instances(&bed, 0).at[0].n_compute, 1);
    bed_expect(0, gs_gpu_destroy_compute(&bed.gpus, 0, gi.id, ci.id, err));
    assert_int_equal(bed_instances(&bed, 0).at[0].n_compute, 0);
    bed_expect(0, gs_gpu_destroy(&bed.gpus, 0, gi.id, err));
    assert_int_equal(bed_instances(&bed, 0).n, 0);
    bed_end(&bed);
}

static void a_slice_with_a_process_is_busy_and_its_neighbours_are_not(void **state)
{
    (void)state;
    struct bed bed = bed_one("A100-40GB");
    struct gs_gpu_instance busy = bed_create(&bed, 0, ID_3G, 4, 4);
    struct gs_gpu_instance idle = bed_create(&bed, 0, ID_2G, 0, 2);
    bed_create_ci(&bed, 0, busy.id, CI_3);
    bed_create_ci(&bed, 0, idle.id, CI_2);
    uint32_t pid;
    assert_int_equal(bed.ops->hold(&bed, 0, busy.id, 0, &pid), 0);
    bed_expect(GS_BUSY, gs_gpu_destroy_compute(&bed.gpus, 0, busy.id, 0, err));
    bed_expect(GS_BUSY, gs_gpu_destroy(&bed.gpus, 0, busy.id, err));
    bed_expect(0, gs_gpu_destroy_compute(&bed.gpus, 0, idle.id, 0, err));
    bed_expect(0, gs_gpu_destroy(&bed.gpus, 0, idle.id, err));
    bed_create(&bed, 0, ID_1G, 0, 1);
    bed.ops->drop(&bed, pid);
    bed_expect(0, gs_gpu_destroy_compute(&bed.gpus, 0, busy.id, 0, err));
    bed_expect(0, gs_gpu_destroy(&bed.gpus, 0, busy.id, err));
    bed_end(&bed);
}

static void a_leaked_handle_keeps_a_slice_and_names_nobody(void **state)
{
    (void)state;
    struct bed bed = bed_one("A100-40GB");
    struct gs_gpu_instance gi = bed_create(&bed, 0, ID_1G, 0, 1);
    bed_create_ci(&bed, 0, gi.id, CI_1);
    bed.ops->leak(&bed, 0, gi.id, 0, 1);
    bed_expect(GS_BUSY, gs_gpu_destroy_compute(&bed.gpus, 0, gi.id, 0, err));
    struct gs_gpu_process process;
    size_t n = 99;
    bed_expect(0, gs_gpu_processes(&bed.gpus, 0, &process, 1, &n, err));
    assert_int_equal(n, 0);
    bed.ops->leak(&bed, 0, gi.id, 0, 0);
    bed_expect(0, gs_gpu_destroy_compute(&bed.gpus, 0, gi.id, 0, err));
    bed.ops->leak(&bed, 0, gi.id, GS_NOT_KNOWN, 2);
    bed_expect(GS_BUSY, gs_gpu_destroy(&bed.gpus, 0, gi.id, err));
    bed.ops->leak(&bed, 0, gi.id, GS_NOT_KNOWN, 0);
    bed_expect(0, gs_gpu_destroy(&bed.gpus, 0, gi.id, err));
    bed_end(&bed);
}

static void ids_of_what_is_gone_are_not_found(void **state)
{
    (void)state;
    struct bed bed = bed_one("A100-40GB");
    struct gs_gpu_instance gi = bed_create(&bed, 0, ID_2G, 0, 2);
    struct gs_compute_instance ci = bed_create_ci(&bed, 0, gi.id, CI_1);
    struct gs_compute_profile kinds[GS_COMPUTE_PROFILES_MAX];
    unsigned n = 0;
    bed_expect(GS_NOT_FOUND, gs_gpu_destroy_compute(&bed.gpus, 0, gi.id, ci.id + 1, err));
    bed_expect(0, gs_gpu_destroy_compute(&bed.gpus, 0, gi.id, ci.id, err));
    bed_expect(GS_NOT_FOUND, gs_gpu_destroy_compute(&bed.gpus, 0, gi.id, ci.id, err));
    bed_expect(0, gs_gpu_destroy(&bed.gpus, 0, gi.id, err));
    bed_expect(GS_NOT_FOUND, gs_gpu_destroy(&bed.gpus, 0, gi.id, err));
    bed_expect(GS_NOT_FOUND, gs_gpu_compute_profiles(&bed.gpus, 0, gi.id, kinds, &n, err));
    bed_expect(GS_NOT_FOUND,
               gs_gpu_create_compute(&bed.gpus, 0, gi.id, CI_1, GS_NOT_KNOWN, 0, &ci, err));
    static const uint32_t wrong[] = {0, 14, 15, 77, UINT32_MAX};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        bed_expect(GS_NOT_FOUND, gs_gpu_destroy(&bed.gpus, 0, wrong[i], err));
        bed_expect(GS_NOT_FOUND, gs_gpu_destroy_compute(&bed.gpus, 0, wrong[i], 0, err));
    }
    bed_end(&bed);
}

/* Slices of the compute instances of each kind of GI: what -lcip prints. */
static const struct {
    uint32_t id, start, size;
    unsigned n;
    uint32_t slices[6];
    uint32_t most[6];
} kinds_of[] = {
    {ID_1G, 0, 1, 1, {1}, {1}},
    {ID_2G, 0, 2, 2, {1, 2}, {2, 1}},
    {ID_3G, 0, 4, 3, {1, 2, 3}, {3, 1, 1}},
    {ID_4G, 0, 4, 3, {1, 2, 4}, {4, 2, 1}},
    {ID_7G, 0, 8, 5, {1, 2, 3, 4, 7}, {7, 3, 2, 1, 1}},
};

static void each_kind_of_instance_tells_what_fits_into_it(void **state)
{
    (void)state;
    struct bed bed = bed_one("A100-40GB");
    for (size_t i = 0; i < sizeof(kinds_of) / sizeof(kinds_of[0]); i++) {
        struct gs_gpu_instance gi =
            bed_create(&bed, 0, kinds_of[i].id, kinds_of[i].start, kinds_of[i].size);
        struct gs_compute_profile kinds[GS_COMPUTE_PROFILES_MAX];
        unsigned n = 0;
        bed_expect(0, gs_gpu_compute_profiles(&bed.gpus, 0, gi.id, kinds, &n, err));
        assert_int_equal(n, kinds_of[i].n);
        for (unsigned k = 0; k < n; k++) {
            assert_int_equal(kinds[k].compute_slices, kinds_of[i].slices[k]);
            assert_int_equal(kinds[k].max_instances, kinds_of[i].most[k]);
        }
        bed_expect(0, gs_gpu_destroy(&bed.gpus, 0, gi.id, err));
    }
    bed_end(&bed);
}

static void each_kind_of_compute_instance_tells_its_places(void **state)
{
    (void)state;
    static const struct {
        uint32_t gi, start, size;
        uint32_t kind;
        uint32_t takes, starts;
    } places[] = {
        {ID_1G, 0, 1, CI_1, 1, 0x01}, {ID_2G, 0, 2, CI_1, 1, 0x03}, {ID_2G, 0, 2, CI_2, 2, 0x01},
        {ID_3G, 4, 4, CI_1, 1, 0x07}, {ID_3G, 4, 4, CI_2, 2, 0x01}, {ID_3G, 4, 4, CI_3, 3, 0x01},
        {ID_4G, 0, 4, CI_2, 2, 0x05}, {ID_4G, 0, 4, CI_4, 4, 0x01}, {ID_7G, 0, 8, CI_1, 1, 0x7f},
        {ID_7G, 0, 8, CI_2, 2, 0x15}, {ID_7G, 0, 8, CI_3, 3, 0x11}, {ID_7G, 0, 8, CI_4, 4, 0x01},
        {ID_7G, 0, 8, CI_7, 7, 0x01},
    };
    struct bed bed = bed_one("A100-40GB");
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct gs_gpu_instance gi =
            bed_create(&bed, 0, places[i].gi, places[i].start, places[i].size);
        struct gs_compute_places told;
        struct gs_compute_instance ci;
        /* empty, then taken: places are told whether they are free or not */
        for (unsigned taken = 0; taken < 2; taken++) {
            told = (struct gs_compute_places){0};
            bed_expect(0, gs_gpu_compute_places(&bed.gpus, 0, gi.id, places[i].kind, &told, err));
            assert_int_equal(told.size, places[i].takes);
            assert_int_equal(told.starts, places[i].starts);
            for (uint32_t s = 0; taken == 0 && s < 32; s++) {
                if ((told.starts >> s & 1u) != 0) {
                    bed_expect(0, gs_gpu_create_compute(&bed.gpus, 0, gi.id, places[i].kind, s,
                                                        told.size, &ci, err));
                    assert_int_equal(ci.start, s);
                }
            }
        }
        bed_expect(GS_INVALID, gs_gpu_compute_places(&bed.gpus, 0, gi.id, 44, &told, err));
        for (unsigned c = 0; c < (unsigned)__builtin_popcount(places[i].starts); c++) {
            bed_expect(0, gs_gpu_destroy_compute(&bed.gpus, 0, gi.id, c, err));
        }
        bed_expect(0, gs_gpu_destroy(&bed.gpus, 0, gi.id, err));
        bed_expect(GS_NOT_FOUND,
                   gs_gpu_compute_places(&bed.gpus, 0, gi.id, places[i].kind, &told, err));
    }
    bed_end(&bed);
}

static void a_gpu_instance_holds_several_compute_instances(void **state)
{
    (void)state;
    struct bed bed = bed_one("A100-40GB");
    struct gs_gpu_instance gi = bed_create(&bed, 0, ID_3G, 4, 4);
    struct gs_compute_instance made[3];
    for (unsigned i = 0; i < 3; i++) {
        made[i] = bed_create_ci(&bed, 0, gi.id, CI_1);
        assert_int_equal(made[i].id, i);
        assert_int_equal(made[i].start, i);
        assert_int_equal(made[i].size, 1);
        assert_int_equal(made[i].profile, CI_1);
    }
    struct gs_compute_instance more;
    bed_expect(GS_INFEASIBLE,
               gs_gpu_create_compute(&bed.gpus, 0, gi.id, CI_1, GS_NOT_KNOWN, 0, &more, err));
    struct gs_gpu_instances all = bed_instances(&bed, 0);
    assert_int_equal(all.at[0].n_compute, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(all.at[0].compute[i].id, i);
        assert_string_equal(all.at[0].compute[i].uuid, made[i].uuid);
        assert_string_not_equal(made[i].uuid, made[(i + 1) % 3].uuid);
    }
    /* a hole is filled by what fits it */
    bed_expect(0, gs_gpu_destroy_compute(&bed.gpus, 0, gi.id, 1, err));
    bed_expect(GS_INFEASIBLE,
               gs_gpu_create_compute(&bed.gpus, 0, gi.id, CI_2, GS_NOT_KNOWN, 0, &more, err));
    more = bed_create_ci(&bed, 0, gi.id, CI_1);
    assert_int_equal(more.start, 1);
    assert_string_equal(more.uuid, made[1].uuid);
    bed_end(&bed);
}

static void compute_instances_go_where_they_are_put(void **state)
{
    (void)state;
    struct bed bed = bed_one("A100-40GB");
    struct gs_gpu_instance gi = bed_create(&bed, 0, ID_4G, 0, 4);
    struct gs_compute_instance ci;
    bed_expect(0, gs_gpu_create_compute(&bed.gpus, 0, gi.id, CI_2, 2, 2, &ci, err));
    assert_int_equal(ci.start, 2);
    assert_int_equal(ci.size, 2);
    static const struct {
        uint32_t id, start, size;
        int code;
    } tries[] = {
        {CI_2, 2, 2, GS_INFEASIBLE}, {CI_2, 1, 2, GS_INVALID},
        {CI_2, 0, 1, GS_INVALID},    {CI_1, 3, 1, GS_INFEASIBLE},
        {CI_1, 4, 1, GS_INVALID},    {CI_3, 0, 3, GS_INVALID},
        {CI_4, 0, 4, GS_INFEASIBLE}, {CI_7, 0, 7, GS_INVALID},
        {44, 0, 1, GS_INVALID},      {CI_1, 1, 1, 0},
        {CI_1, GS_NOT_KNOWN, 0, 0},
    };
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        bed_expect(tries[i].code, gs_gpu_create_compute(&bed.gpus, 0, gi.id, tries[i].id,
                                                        tries[i].start, tries[i].size, &ci, err));
    }
    assert_int_equal(bed_instances(&bed, 0).at[0].n_compute, 3);
    bed_end(&bed);
}

static void a_uuid_is_of_the_place_and_comes_back(void **state)
{
    (void)state;
    struct bed bed = bed_one("A100-40GB");
    struct gs_gpu_instance gi = bed_create(&bed, 0, ID_2G, 2, 2);
    struct gs_compute_instance first = bed_create_ci(&bed, 0, gi.id, CI_2);
    assert_int_equal(strncmp(first.uuid, "MIG-", 4), 0);
    assert_int_equal(strlen(first.uuid), 40);
    assert_string_equal(bed_instances(&bed, 0).at[0].compute[0].uuid, first.uuid);
    bed_expect(0, gs_gpu_destroy_compute(&bed.gpus, 0, gi.id, first.id, err));
    bed_expect(0, gs_gpu_destroy(&bed.gpus, 0, gi.id, err));
    /* another kind of slice with the same id */
    gi = bed_create(&bed, 0, ID_1G_TWICE, 2, 2);
    struct gs_compute_instance second = bed_create_ci(&bed, 0, gi.id, CI_1);
    assert_string_equal(second.uuid, first.uuid);
    gi = bed_create(&bed, 0, ID_1G_TWICE, 4, 2);
    assert_string_not_equal(bed_create_ci(&bed, 0, gi.id, CI_1).uuid, first.uuid);
    bed_end(&bed);
}

static void before_r510_a_4g_and_a_3g_do_not_share_a_gpu(void **state)
{
    (void)state;
    static const struct {
        unsigned driver;
        int code;
    } tries[] = {{470, GS_INFEASIBLE}, {525, 0}};
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        struct bed bed = bed_begin(&(struct bed_machine){
            .driver = tries[i].driver, .mig_on = true, .kinds = {{"A100-40GB", 1}}});
        struct gs_gpu_instance gi;
        bed_create(&bed, 0, ID_4G, 0, 4);
        bed_expect(tries[i].code, gs_gpu_create(&bed.gpus, 0, ID_3G, 4, 4, &gi, err));
        bed_end(&bed);
    }
}

static void before_r525_compute_instances_go_where_the_driver_likes(void **state)
{
    (void)state;
    struct bed bed = bed_begin(
        &(struct bed_machine){.driver = 470, .mig_on = true, .kinds = {{"A100-40GB", 1}}});
    struct gs_gpu_instance gi = bed_create(&bed, 0, ID_3G, 4, 4);
    struct gs_compute_instance ci;
    struct gs_compute_places places;
    bed_expect(GS_UNSUPPORTED, gs_gpu_create_compute(&bed.gpus, 0, gi.id, CI_1, 1, 1, &ci, err));
    bed_expect(GS_UNSUPPORTED, gs_gpu_compute_places(&bed.gpus, 0, gi.id, CI_1, &places, err));
    /* a part of the GI that is to take all of it */
    bed_expect(GS_INVALID, gs_gpu_create_compute(&bed.gpus, 0, gi.id, CI_1, 0, 3, &ci, err));
    bed_expect(0, gs_gpu_create_compute(&bed.gpus, 0, gi.id, CI_3, 0, 3, &ci, err));
    assert_int_equal(ci.size, 3);
    bed_expect(0, gs_gpu_destroy_compute(&bed.gpus, 0, gi.id, ci.id, err));
    bed_create_ci(&bed, 0, gi.id, CI_2);
    bed_create_ci(&bed, 0, gi.id, CI_1);
    assert_int_equal(bed_instances(&bed, 0).at[0].n_compute, 2);
    bed_end(&bed);
}

const struct behaviour behaviours_of_cutting[] = {
    BEHAVIOUR(every_allowed_start_creates_and_no_other),
    BEHAVIOUR(wrong_sizes_and_profiles_are_invalid),
    BEHAVIOUR(nothing_is_cut_while_mig_is_off),
    BEHAVIOUR(a_taken_place_or_engine_is_no_room),
    BEHAVIOUR(only_minus_me_fits_beside_me_all),
    BEHAVIOUR(as_many_fit_as_there_is_room_for),
    BEHAVIOUR(instances_are_told_by_start_and_have_ids_of_their_own),
    BEHAVIOUR(ids_go_by_the_size_of_the_part),
    BEHAVIOUR(gpus_are_cut_one_without_the_other),
    BEHAVIOUR(an_instance_goes_after_what_is_in_it),
    BEHAVIOUR(a_slice_with_a_process_is_busy_and_its_neighbours_are_not),
    BEHAVIOUR(a_leaked_handle_keeps_a_slice_and_names_nobody),
    BEHAVIOUR(ids_of_what_is_gone_are_not_found),
    BEHAVIOUR(each_kind_of_instance_tells_what_fits_into_it),
    BEHAVIOUR(each_kind_of_compute_instance_tells_its_places),
    BEHAVIOUR(a_gpu_instance_holds_several_compute_instances),
    BEHAVIOUR(compute_instances_go_where_they_are_put),
    BEHAVIOUR(a_uuid_is_of_the_place_and_comes_back),
    BEHAVIOUR(before_r510_a_4g_and_a_3g_do_not_share_a_gpu),
    BEHAVIOUR(before_r525_compute_instances_go_where_the_driver_likes),
    BEHAVIOURS_END,
};
