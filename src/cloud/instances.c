#include "cloud/instances.h"

#include <stdio.h>

#include "base/near.h"
#include "cloud/instances_data.h"
#include "core/catalog.h"

const struct gs_instance *gs_instances(size_t *ret_count)
{
    *ret_count = gs_instances_n;
    return gs_instances_table;
}

int gs_instance_find(struct gs_view type, const struct gs_instance **ret, struct gs_err *err)
{
    struct gs_near near = GS_NEAR_INIT(type);
    for (size_t i = 0; i < gs_instances_n; i++) {
        if (gs_view_eq_nocase(type, gs_instances_table[i].type)) {
            *ret = &gs_instances_table[i];
            return 0;
        }
        gs_near_offer(&near, gs_instances_table[i].type);
    }
    char list[200];
    gs_near_format(&near, list, sizeof(list));
    return gs_fail(err, GS_NOT_FOUND,
                   "no EC2 instance type with NVIDIA GPUs is named \"%.*s\"; expected one such as "
                   "p4d.24xlarge%s",
                   GS_VIEW_ARGS(type), list);
}

struct gs_gpu_kind gs_instance_gpu(const struct gs_instance *instance)
{
    size_t n;
    const struct gs_model *models = gs_catalog(&n);
    for (size_t i = 0; i < n; i++) {
        if (models[i].placements_known && strcmp(models[i].id, instance->gpu_name) == 0) {
            return (struct gs_gpu_kind){.model = &models[i], .name = models[i].id};
        }
    }
    return (struct gs_gpu_kind){.name = instance->gpu_name};
}

const char *const *gs_instance_regions(size_t *ret_count)
{
    *ret_count = gs_instances_n_regions;
    return gs_instances_regions;
}

struct gs_gpu_names gs_instance_plain_gpus(void)
{
    return (struct gs_gpu_names){.names = gs_instances_plain_gpus, .n = gs_instances_n_plain_gpus};
}

/* 0, or GS_NOT_FOUND with all regions that there are. */
static int check_region(struct gs_view region, struct gs_err *err)
{
    char list[500] = "";
    size_t used = 0;
    for (size_t i = 0; i < gs_instances_n_regions; i++) {
        if (gs_view_eq(region, gs_instances_regions[i])) {
            return 0;
        }
        if (used + 1 < sizeof(list)) {
            int n = snprintf(list + used, sizeof(list) - used, "%s%s", i == 0 ? "" : ", ",
                             gs_instances_regions[i]);
            used += n > 0 ? (size_t)n : 0;
        }
    }
    return gs_fail(err, GS_NOT_FOUND, "no prices are known for region \"%.*s\"; expected one of %s",
                   GS_VIEW_ARGS(region), list);
}

int gs_instance_price(const struct gs_instance *instance, struct gs_view region, uint64_t *ret_uusd,
                      struct gs_err *err)
{
    for (uint32_t i = 0; i < instance->n_prices; i++) {
        if (gs_view_eq(region, instance->prices[i].region)) {
            *ret_uusd = instance->prices[i].price_uusd;
            return 0;
        }
    }
    int r = check_region(region, err);
    return r < 0 ? r
                 : gs_fail(err, GS_UNKNOWN, "the price of %s in %.*s is not known; none is guessed",
                           instance->type, GS_VIEW_ARGS(region));
}

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

bool gs_instance_price_of(const struct gs_instance_labels *labels, const char *only,
                          uint64_t *ret_uusd)
{
    const struct gs_instance *instance;
    const char *region = is_given(only) ? only : labels->region;
    bool on_demand = !is_given(labels->capacity) || strcmp(labels->capacity, "on-demand") == 0;
    return on_demand && is_given(labels->type) && is_given(region) &&
           gs_instance_find(gs_view(labels->type), &instance, NULL) == 0 &&
           gs_instance_price(instance, gs_view(region), ret_uusd, NULL) == 0;
}
