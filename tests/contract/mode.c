/* MIG on and off, resets, reboots. */
#include <string.h>

#include "contract/behaviours.h"

static void check_mode(struct bed *bed, unsigned gpu, enum gs_mig_mode mode,
                       enum gs_mig_mode pending)
{
    struct gs_gpu got = bed_get(bed, gpu);
    assert_int_equal(got.mode, mode);
    assert_int_equal(got.pending, pending);
}

static enum gs_mig_activation set_mode(struct bed *bed, unsigned gpu, enum gs_mig_mode mode)
{
    enum gs_mig_activation activation = GS_MIG_PENDING_RESET;
    bed_expect(0, gs_gpu_set_mode(&bed->gpus, gpu, mode, &activation, err));
    return activation;
}

static void reset(struct bed *bed, unsigned gpu)
{
    bed_expect(0, gs_gpu_reset(&bed->gpus, &gpu, 1, err));
}

static void mig_turns_on_and_off_at_once_on_an_idle_gpu(void **state)
{
    (void)state;
    struct bed bed = bed_begin(&(struct bed_machine){
        .kinds = {{"A100-40GB", 1}, {"H100-80GB-SXM5", 1}, {"RTX-PRO-6000-96GB", 1}}});
    for (unsigned gpu = 0; gpu < 3; gpu++) {
        check_mode(&bed, gpu, GS_MIG_OFF, GS_MIG_OFF);
        assert_int_equal(set_mode(&bed, gpu, GS_MIG_ON), GS_MIG_ACTIVE);
        check_mode(&bed, gpu, GS_MIG_ON, GS_MIG_ON);
        assert_true(bed_get(&bed, gpu).max_mig_devices > 0);
        assert_int_equal(set_mode(&bed, gpu, GS_MIG_ON), GS_MIG_ACTIVE);
        assert_int_equal(set_mode(&bed, gpu, GS_MIG_OFF), GS_MIG_ACTIVE);
        check_mode(&bed, gpu, GS_MIG_OFF, GS_MIG_OFF);
    }
    bed_end(&bed);
}

static void a_change_on_a_gpu_in_use_waits_for_a_reset(void **state)
{
    (void)state;
    struct bed bed = bed_begin(&(struct bed_machine){.kinds = {{"A100-40GB", 1}}});
    uint32_t pid;
    unsigned gpu = 0;
    assert_int_equal(bed.ops->hold(&bed, 0, GS_NOT_KNOWN, GS_NOT_KNOWN, &pid), 0);
    assert_int_equal(set_mode(&bed, 0, GS_MIG_ON), GS_MIG_PENDING_RESET);
    check_mode(&bed, 0, GS_MIG_OFF, GS_MIG_ON);
    bed_expect(GS_BUSY, gs_gpu_reset(&bed.gpus, &gpu, 1, err));
    check_mode(&bed, 0, GS_MIG_OFF, GS_MIG_ON);
    bed.ops->drop(&bed, pid);
    reset(&bed, 0);
    check_mode(&bed, 0, GS_MIG_ON, GS_MIG_ON);
    bed_end(&bed);
}

static void asking_for_the_present_mode_takes_back_a_pending_one(void **state)
{
    (void)state;
    struct bed bed = bed_begin(&(struct bed_machine){.kinds = {{"A100-40GB", 1}}});
    uint32_t pid;
    assert_int_equal(bed.ops->hold(&bed, 0, GS_NOT_KNOWN, GS_NOT_KNOWN, &pid), 0);
    assert_int_equal(set_mode(&bed, 0, GS_MIG_ON), GS_MIG_PENDING_RESET);
    assert_int_equal(set_mode(&bed, 0, GS_MIG_OFF), GS_MIG_ACTIVE);
    check_mode(&bed, 0, GS_MIG_OFF, GS_MIG_OFF);
    bed_end(&bed);
}

static void in_a_virtual_machine_an_ampere_change_waits_for_a_reboot(void **state)
{
    (void)state;
    struct bed bed = bed_begin(&(struct bed_machine){.vm = true, .kinds = {{"A100-40GB", 1}}});
    unsigned gpu = 0;
    assert_int_equal(set_mode(&bed, 0, GS_MIG_ON), GS_MIG_PENDING_RESET);
    check_mode(&bed, 0, GS_MIG_OFF, GS_MIG_ON);
    bed_expect(GS_UNSUPPORTED, gs_gpu_reset(&bed.gpus, &gpu, 1, err));
    check_mode(&bed, 0, GS_MIG_OFF, GS_MIG_ON);
    bed_reboot(&bed);
    check_mode(&bed, 0, GS_MIG_ON, GS_MIG_ON);
    bed_end(&bed);
}

static void a_cut_gpu_keeps_its_mode(void **state)
{
    (void)state;
    struct bed bed = bed_begin(
        &(struct bed_machine){.mig_on = true, .kinds = {{"A100-40GB", 1}, {"H100-80GB-SXM5", 1}}});
    for (unsigned gpu = 0; gpu < 2; gpu++) {
        enum gs_mig_activation activation;
        struct gs_gpu_instance gi = bed_create(&bed, gpu, ID_1G, 0, 1);
        bed_expect(GS_BUSY, gs_gpu_set_mode(&bed.gpus, gpu, GS_MIG_OFF, &activation, err));
        check_mode(&bed, gpu, GS_MIG_ON, GS_MIG_ON);
        assert_int_equal(bed_instances(&bed, gpu).n, 1);
        bed_expect(0, gs_gpu_destroy(&bed.gpus, gpu, gi.id, err));
        assert_int_equal(set_mode(&bed, gpu, GS_MIG_OFF), GS_MIG_ACTIVE);
    }
    bed_end(&bed);
}

static void a_reset_takes_what_is_cut_and_later_gpus_forget_the_mode(void **state)
{
    (void)state;
    struct bed bed = bed_begin(
        &(struct bed_machine){.mig_on = true, .kinds = {{"A100-40GB", 2}, {"H100-80GB-SXM5", 1}}});
    for (unsigned gpu = 0; gpu < 3; gpu++) {
        struct gs_gpu_instance gi = bed_create(&bed, gpu, ID_1G, 0, 1);
        bed_create_ci(&bed, gpu, gi.id, CI_1);
    }
    bed_expect(0, gs_gpu_reset(&bed.gpus, (const unsigned[]){0, 2}, 2, err));
    assert_int_equal(bed_instances(&bed, 0).n, 0);
    assert_int_equal(bed_instances(&bed, 1).n, 1);
    assert_int_equal(bed_instances(&bed, 2).n, 0);
    check_mode(&bed, 0, GS_MIG_ON, GS_MIG_ON);
    check_mode(&bed, 1, GS_MIG_ON, GS_MIG_ON);
    check_mode(&bed, 2, GS_MIG_OFF, GS_MIG_OFF);
    bed_end(&bed);
}

static void gpus_are_reset_together_or_not_at_all(void **state)
{
    (void)state;
    struct bed bed = bed_begin(&(struct bed_machine){.mig_on = true, .kinds = {{"A100-40GB", 2}}});
    struct gs_gpu_instance gi = bed_create(&bed, 0, ID_1G, 0, 1);
    struct gs_gpu_instance held = bed_create(&bed, 1, ID_1G, 0, 1);
    bed_create_ci(&bed, 1, held.id, CI_1);
    uint32_t pid;
    assert_int_equal(bed.ops->hold(&bed, 1, held.id, 0, &pid), 0);
    bed_expect(GS_BUSY, gs_gpu_reset(&bed.gpus, (const unsigned[]){0, 1}, 2, err));
    assert_int_equal(bed_instances(&bed, 0).n, 1);
    assert_int_equal(bed_instances(&bed, 0).at[0].id, gi.id);
    assert_int_equal(bed_instances(&bed, 1).n, 1);
    bed_expect(0, gs_gpu_reset(&bed.gpus, NULL, 0, err));
    assert_int_equal(bed_instances(&bed, 0).n, 1);
    bed_end(&bed);
}

static void a_reboot_takes_what_is_cut(void **state)
{
    (void)state;
    struct bed bed = bed_begin(
        &(struct bed_machine){.mig_on = true, .kinds = {{"A100-40GB", 1}, {"H100-80GB-SXM5", 1}}});
    for (unsigned gpu = 0; gpu < 2; gpu++) {
        bed_create(&bed, gpu, ID_2G, 0, 2);
    }
    bed_reboot(&bed);
    check_mode(&bed, 0, GS_MIG_ON, GS_MIG_ON);
    check_mode(&bed, 1, GS_MIG_OFF, GS_MIG_OFF);
    assert_int_equal(bed_instances(&bed, 0).n, 0);
    assert_int_equal(bed_instances(&bed, 1).n, 0);
    bed_end(&bed);
}

const struct behaviour behaviours_of_mode[] = {
    BEHAVIOUR(mig_turns_on_and_off_at_once_on_an_idle_gpu),
    BEHAVIOUR(a_change_on_a_gpu_in_use_waits_for_a_reset),
    BEHAVIOUR(asking_for_the_present_mode_takes_back_a_pending_one),
    BEHAVIOUR(in_a_virtual_machine_an_ampere_change_waits_for_a_reboot),
    BEHAVIOUR(a_cut_gpu_keeps_its_mode),
    BEHAVIOUR(a_reset_takes_what_is_cut_and_later_gpus_forget_the_mode),
    BEHAVIOUR(gpus_are_reset_together_or_not_at_all),
    BEHAVIOUR(a_reboot_takes_what_is_cut),
    BEHAVIOURS_END,
};
