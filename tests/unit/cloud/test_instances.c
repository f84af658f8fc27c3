#include "unit/check.h"

#include <string.h>

#include "cloud/instances.h"
#include "core/catalog.h"

static const struct gs_instance *find(const char *type)
{
    const struct gs_instance *instance = NULL;
    assert_int_equal(gs_instance_find(gs_view(type), &instance, NULL), 0);
    return instance;
}

static void instances__have_what_the_table_says(void **state)
{
    (void)state;
    const struct gs_instance *p4d = find("p4d.24xlarge");
    assert_string_equal(p4d->type, "p4d.24xlarge");
    assert_string_equal(p4d->family, "p4d");
    assert_string_equal(p4d->size, "24xlarge");
    assert_string_equal(p4d->arch, "amd64");
    assert_string_equal(p4d->gpu_name, "A100-40GB");
    assert_string_equal(p4d->karpenter_gpu_name, "a100");
    assert_int_equal(p4d->gpus, 8);
    assert_int_equal(p4d->gpu_memory_mib, 40960);
    assert_int_equal(p4d->vcpu, 96);
    assert_int_equal(p4d->memory_mib, 1152 * 1024);
    assert_int_equal(p4d->max_pods, 737);
    const struct gs_instance *gb200 = find("p6e-gb200.36xlarge");
    assert_int_equal(gb200->max_pods, GS_NOT_KNOWN);
    assert_int_equal(gb200->gpu_memory_mib, GS_NOT_KNOWN);
    assert_null(gb200->karpenter_gpu_name);
    assert_string_equal(gb200->family, "p6e-gb200");
    assert_ptr_equal(find("P4D.24xlarge"), p4d);
}

static void instances__say_near_names_for_one_that_is_not_there(void **state)
{
    (void)state;
    const struct gs_instance *instance;
    struct gs_err err;
    assert_int_equal(gs_instance_find(gs_view("p4d.24xlage"), &instance, &err), GS_NOT_FOUND);
    assert_non_null(strstr(err.msg, "no EC2 instance type with NVIDIA GPUs is named "
                                    "\"p4d.24xlage\"; expected one such as p4d.24xlarge; near "
                                    "names: p4d.24xlarge, p4de.24xlarge, "));
    assert_int_equal(gs_instance_find(gs_view(""), &instance, &err), GS_NOT_FOUND);
    assert_int_equal(gs_instance_find(gs_view("m5.large.and.more"), &instance, &err), GS_NOT_FOUND);
}

static void instances__know_exact_prices_and_guess_none(void **state)
{
    (void)state;
    uint64_t price = 77;
    struct gs_err err;
    const struct gs_instance *p4d = find("p4d.24xlarge");
    assert_int_equal(gs_instance_price(p4d, gs_view("us-east-1"), &price, NULL), 0);
    assert_int_equal(price, 21957642);
    assert_int_equal(gs_instance_price(p4d, gs_view("ap-northeast-1"), &price, NULL), 0);
    assert_int_equal(price, 30097840);
    price = 77;
    assert_int_equal(gs_instance_price(find("p4de.24xlarge"), gs_view("eu-west-1"), &price, &err),
                     GS_UNKNOWN);
    assert_string_equal(err.msg,
                        "the price of p4de.24xlarge in eu-west-1 is not known; none is guessed");
    assert_int_equal(gs_instance_price(p4d, gs_view("mars-1"), &price, &err), GS_NOT_FOUND);
    assert_non_null(strstr(err.msg, "expected one of ap-northeast-1, "));
    assert_non_null(strstr(err.msg, "us-west-2"));
    assert_int_equal(price, 77);
}

static void instances__give_a_node_its_price_by_its_labels(void **state)
{
    static const struct {
        struct gs_instance_labels labels;
        const char *only;
        bool known;
    } cases[] = {
        {{"p4d.24xlarge", "us-east-1", "on-demand"}, "", true},
        {{"p4d.24xlarge", "us-east-1", ""}, "", true}, /* not of Karpenter's */
        {{"p4d.24xlarge", "us-east-1", NULL}, NULL, true},
        {{"p4d.24xlarge", "", "on-demand"}, "us-east-1", true},
        {{"p4d.24xlarge", "nowhere-1", "on-demand"}, "us-east-1", true},
        {{"p4d.24xlarge", "us-east-1", "spot"}, "", false},
        {{"p4d.24xlarge", "us-east-1", "reserved"}, "", false},
        {{"p4d.24xlarge", "nowhere-1", "on-demand"}, "", false},
        {{"p4d.24xlarge", "", "on-demand"}, "", false},
        {{"m7i.large", "us-east-1", "on-demand"}, "", false},
        {{"", "us-east-1", "on-demand"}, "us-east-1", false},
        {{NULL, NULL, NULL}, NULL, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t uusd = 1;
        assert_int_equal(gs_instance_price_of(&cases[i].labels, cases[i].only, &uusd),
                         cases[i].known);
        assert_int_equal(uusd, cases[i].known ? 21957642 : 1);
    }
}

static void instances__list_regions_in_order(void **state)
{
    (void)state;
    size_t n;
    const char *const *regions = gs_instance_regions(&n);
    assert_true(n >= 10);
    for (size_t i = 1; i < n; i++) {
        assert_true(strcmp(regions[i - 1], regions[i]) < 0);
    }
}

static void instances__are_sound(void **state)
{
    (void)state;
    size_t n;
    const struct gs_instance *all = gs_instances(&n);
    const struct gs_gpu_names plain = gs_instance_plain_gpus();
    assert_int_equal(n, 54);
    assert_int_equal(plain.n, 4);
    for (size_t i = 0; i < n; i++) {
        assert_ptr_equal(find(all[i].type), &all[i]);
        /* Every GPU is one that a demand can name. */
        struct gs_gpu_kind named;
        const struct gs_gpu_kind gpu = gs_instance_gpu(&all[i]);
        assert_int_equal(gs_gpu_kind_find(gs_view(all[i].gpu_name), &plain, &named, NULL), 0);
        assert_ptr_equal(named.model, gpu.model);
        assert_string_equal(named.name, gpu.name);
        assert_true(gpu.model == NULL || gpu.model->placements_known);
        for (uint32_t p = 0; p < all[i].n_prices; p++) {
            assert_true(all[i].prices[p].price_uusd > 0);
        }
    }
    assert_null(gs_instance_gpu(find("g6.xlarge")).model);
    assert_null(gs_instance_gpu(find("g7.2xlarge")).model); /* placements are not known */
    assert_string_equal(gs_instance_gpu(find("p5.4xlarge")).model->id, "H100-80GB-SXM5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instances__have_what_the_table_says),
        cmocka_unit_test(instances__say_near_names_for_one_that_is_not_there),
        cmocka_unit_test(instances__know_exact_prices_and_guess_none),
        cmocka_unit_test(instances__give_a_node_its_price_by_its_labels),
        cmocka_unit_test(instances__list_regions_in_order),
        cmocka_unit_test(instances__are_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
