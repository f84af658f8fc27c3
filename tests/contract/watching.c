/* What the driver tells unasked. */
#include <string.h>

#include "contract/behaviours.h"

/* Nothing is waited for: what happened is there, or it never comes. */
static struct gs_gpu_event next(struct gs_gpu_watch *watch)
{
    struct gs_gpu_event ret;
    bed_expect(0, gs_gpu_watch_next(watch, 0, &ret, err));
    return ret;
}

static struct gs_gpu_watch watch_of(struct bed *bed)
{
    struct gs_gpu_watch ret;
    bed_expect(0, gs_gpu_watch_open(&bed->gpus, &ret, err));
    return ret;
}

static struct bed two_gpus(void)
{
    return bed_begin(&(struct bed_machine){.mig_on = true, .kinds = {{"A100-40GB", 2}}});
}

static void nothing_is_told_when_nothing_happened(void **state)
{
    (void)state;
    struct bed bed = two_gpus();
    struct gs_gpu_watch watch = watch_of(&bed);
    assert_int_equal(next(&watch).kind, GS_GPU_EVENT_NONE);
    struct gs_gpu_event event;
    bed_expect(0, gs_gpu_watch_next(&watch, 20, &event, err));
    assert_int_equal(event.kind, GS_GPU_EVENT_NONE);
    gs_gpu_watch_close(&watch);
    gs_gpu_watch_close(&watch);
    bed_end(&bed);
}

static void an_xid_is_told_with_its_slice(void **state)
{
    (void)state;
    struct bed bed = two_gpus();
    struct gs_gpu_instance gi = bed_create(&bed, 1, ID_2G, 2, 2);
    bed_create_ci(&bed, 1, gi.id, CI_1);
    bed_create_ci(&bed, 1, gi.id, CI_1);
    bed.ops->xid(&bed, 0, GS_NOT_KNOWN, GS_NOT_KNOWN, 31); /* before it is watched */
    struct gs_gpu_watch watch = watch_of(&bed);
    bed.ops->xid(&bed, 1, gi.id, 1, 43);
    bed.ops->xid(&bed, 0, GS_NOT_KNOWN, GS_NOT_KNOWN, 79);
    struct gs_gpu_event event = next(&watch);
    assert_int_equal(event.kind, GS_GPU_EVENT_XID);
    assert_int_equal(event.gpu, 1);
    assert_string_equal(event.uuid, bed_get(&bed, 1).uuid);
    assert_int_equal(event.data, 43);
    assert_int_equal(event.gi, gi.id);
    assert_int_equal(event.ci, 1);
    event = next(&watch);
    assert_int_equal(event.kind, GS_GPU_EVENT_XID);
    assert_int_equal(event.gpu, 0);
    assert_int_equal(event.data, 79);
    assert_int_equal(event.gi, GS_NOT_KNOWN);
    assert_int_equal(event.ci, GS_NOT_KNOWN);
    assert_int_equal(next(&watch).kind, GS_GPU_EVENT_NONE);
    gs_gpu_watch_close(&watch);
    bed_end(&bed);
}

/* Reads until nothing more is there; every one is of this kind and GPU. */
static unsigned count(struct gs_gpu_watch *watch, enum gs_gpu_event_kind kind, unsigned gpu)
{
    for (unsigned n = 0;; n++) {
        struct gs_gpu_event event = next(watch);
        if (event.kind == GS_GPU_EVENT_NONE) {
            return n;
        }
        assert_int_equal(event.kind, kind);
        assert_int_equal(event.gpu, gpu);
        assert_int_equal(event.data, UINT64_MAX);
    }
}

static void a_change_of_what_is_cut_is_told(void **state)
{
    (void)state;
    struct bed bed = two_gpus();
    struct gs_gpu_watch watch = watch_of(&bed);
    GS_CLEANUP(gs_gpu_close) struct gs_gpus other = {.ops = NULL};
    assert_int_equal(bed.ops->open_another(&bed, &other), 0);
    struct gs_gpu_instance gi;
    struct gs_compute_instance ci;
    bed_expect(0, gs_gpu_create(&other, 1, ID_2G, 2, 2, &gi, err));
    assert_true(count(&watch, GS_GPU_EVENT_MIG_CHANGE, 1) >= 1);
    bed_expect(0, gs_gpu_create_compute(&other, 1, gi.id, CI_2, GS_NOT_KNOWN, 0, &ci, err));
    assert_true(count(&watch, GS_GPU_EVENT_MIG_CHANGE, 1) >= 1);
    bed_expect(0, gs_gpu_destroy_compute(&other, 1, gi.id, ci.id, err));
    bed_expect(0, gs_gpu_destroy(&other, 1, gi.id, err));
    assert_true(count(&watch, GS_GPU_EVENT_MIG_CHANGE, 1) >= 1);
    gs_gpu_watch_close(&watch);
    bed_end(&bed);
}

static void a_lost_gpu_is_told_once_and_the_others_go_on(void **state)
{
    (void)state;
    struct bed bed = two_gpus();
    char uuid[GS_GPU_UUID_MAX];
    memcpy(uuid, bed_get(&bed, 0).uuid, sizeof(uuid));
    struct gs_gpu_watch watch = watch_of(&bed);
    bed.ops->lose(&bed, 0);
    struct gs_gpu_event event = next(&watch);
    assert_int_equal(event.kind, GS_GPU_EVENT_LOST);
    assert_int_equal(event.gpu, 0);
    assert_string_equal(event.uuid, uuid);
    assert_int_equal(event.gi, GS_NOT_KNOWN);
    assert_int_equal(next(&watch).kind, GS_GPU_EVENT_NONE);
    bed.ops->xid(&bed, 1, GS_NOT_KNOWN, GS_NOT_KNOWN, 48);
    event = next(&watch);
    assert_int_equal(event.kind, GS_GPU_EVENT_XID);
    assert_int_equal(event.gpu, 1);
    assert_int_equal(next(&watch).kind, GS_GPU_EVENT_NONE);
    gs_gpu_watch_close(&watch);
    bed_end(&bed);
}

static void a_gpu_that_is_lost_already_is_left_out(void **state)
{
    (void)state;
    struct bed bed = two_gpus();
    bed.ops->lose(&bed, 1);
    struct gs_gpu_watch watch = watch_of(&bed);
    assert_int_equal(next(&watch).kind, GS_GPU_EVENT_NONE);
    bed.ops->xid(&bed, 0, GS_NOT_KNOWN, GS_NOT_KNOWN, 94);
    assert_int_equal(next(&watch).data, 94);
    gs_gpu_watch_close(&watch);
    bed_end(&bed);
}

static void two_watches_are_told_all(void **state)
{
    (void)state;
    struct bed bed = two_gpus();
    struct gs_gpu_watch a = watch_of(&bed);
    struct gs_gpu_watch b = watch_of(&bed);
    for (uint64_t i = 1; i <= 20; i++) {
        bed.ops->xid(&bed, (unsigned)(i % 2), GS_NOT_KNOWN, GS_NOT_KNOWN, i);
    }
    for (uint64_t i = 1; i <= 20; i++) {
        assert_int_equal(next(&a).data, i);
        assert_int_equal(next(&b).data, i);
    }
    gs_gpu_watch_close(&a);
    bed.ops->xid(&bed, 0, GS_NOT_KNOWN, GS_NOT_KNOWN, 21);
    assert_int_equal(next(&b).data, 21);
    gs_gpu_watch_close(&b);
    bed_end(&bed);
}

static void a_handle_that_is_closed_ends_no_other(void **state)
{
    (void)state;
    struct bed bed = two_gpus();
    struct gs_gpu_watch watch = watch_of(&bed);
    for (unsigned i = 0; i < 3; i++) {
        struct gs_gpus other = {.ops = NULL};
        assert_int_equal(bed.ops->open_another(&bed, &other), 0);
        struct gs_gpu_watch second;
        bed_expect(0, gs_gpu_watch_open(&other, &second, err));
        bed.ops->xid(&bed, 1, GS_NOT_KNOWN, GS_NOT_KNOWN, 13);
        assert_int_equal(next(&second).data, 13);
        gs_gpu_watch_close(&second);
        gs_gpu_close(&other);
        assert_int_equal(next(&watch).data, 13);
    }
    assert_int_equal(bed_get(&bed, 1).mode, GS_MIG_ON);
    gs_gpu_watch_close(&watch);
    bed_end(&bed);
}

const struct behaviour behaviours_of_watching[] = {
    BEHAVIOUR(nothing_is_told_when_nothing_happened),
    BEHAVIOUR(an_xid_is_told_with_its_slice),
    BEHAVIOUR(a_change_of_what_is_cut_is_told),
    BEHAVIOUR(a_lost_gpu_is_told_once_and_the_others_go_on),
    BEHAVIOUR(a_gpu_that_is_lost_already_is_left_out),
    BEHAVIOUR(two_watches_are_told_all),
    BEHAVIOUR(a_handle_that_is_closed_ends_no_other),
    BEHAVIOURS_END,
};
