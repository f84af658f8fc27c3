#include "sim/world.h"

#include "sim/job.h"

#define SECOND 1000000ll
/* No time of a world is longer: about a hundred years. */
#define TIME_MAX GS_SIM_TIME_MAX
#define HOUR_UUSD_MAX 100000000000ll

/* Nodes of 1, 2, 4 and so on: whoever wants several GPUs gets a node of its own for them. */
static void list_any_size(struct gs_sim_world *world)
{
    static const char *const names[] = {"1 GPU",   "2 GPUs",  "4 GPUs", "8 GPUs",
                                        "16 GPUs", "32 GPUs", "64 GPUs"};
    world->n_types = sizeof(names) / sizeof(names[0]);
    for (unsigned t = 0; t < world->n_types; t++) {
        uint32_t gpus = t == 0 ? GS_SIM_GPUS_MAX / 4u : GS_SIM_GPUS_MAX / 8u;
        world->types[t] =
            (struct gs_sim_type){.name = names[t], .gpus = (uint16_t)(1u << t), .nodes = gpus >> t};
    }
}

void gs_sim_world_init_timeless(struct gs_sim_world *world, const struct gs_model *model,
                                uint16_t gpus)
{
    *world = (struct gs_sim_world){
        .model = model,
        .profiles = GS_ALL_PROFILES,
        .elastic = true,
        .busy_first = true,
        .static_permille = 500,
        .until_us = GS_SIM_FOREVER,
    };
    if (gpus == 0) {
        list_any_size(world);
        return;
    }
    world->n_types = 1;
    world->types[0] = (struct gs_sim_type){
        .name = "node", .gpus = gpus, .nodes = (uint32_t)GS_SIM_GPUS_MAX / gpus};
}

void gs_sim_world_init(struct gs_sim_world *world, const struct gs_model *model, uint16_t gpus)
{
    gs_sim_world_init_timeless(world, model, gpus);
    world->busy_first = false;
    world->book_idle = true;
    world->boot_us = 180 * SECOND;
    world->keep_us = 30 * SECOND;
    world->bill_min_us = 60 * SECOND;
    world->recut_us = 3 * SECOND;
    world->move_us = 30 * SECOND;
    world->restart_us = 30 * SECOND;
}

uint32_t gs_sim_world_gpus(const struct gs_sim_world *world)
{
    uint64_t sum = 0;
    for (unsigned t = 0; t < world->n_types; t++) {
        sum += (uint64_t)world->types[t].gpus * world->types[t].nodes;
    }
    if (world->gpus_max != 0 && sum > world->gpus_max) {
        sum = world->gpus_max;
    }
    return sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
}

static int check_types(const struct gs_sim_world *world, struct gs_err *err)
{
    if (world->n_types < 1 || world->n_types > GS_SIM_TYPES_MAX) {
        return gs_fail(err, GS_INVALID, "%u kinds of node: expected 1 to %d", world->n_types,
                       GS_SIM_TYPES_MAX);
    }
    uint64_t gpus = 0;
    for (unsigned t = 0; t < world->n_types; t++) {
        const struct gs_sim_type *type = &world->types[t];
        if (type->gpus < 1 || type->gpus > GS_SIM_NODE_GPUS_MAX) {
            return gs_fail(err, GS_INVALID, "%s: %u GPUs a node: expected 1 to %d", type->name,
                           type->gpus, GS_SIM_NODE_GPUS_MAX);
        }
        if (type->nodes < 1) {
            return gs_fail(err, GS_INVALID, "%s: no nodes: expected 1 or more", type->name);
        }
        if (type->hour_uusd < 0 || type->hour_uusd > HOUR_UUSD_MAX) {
            return gs_fail(err, GS_INVALID,
                           "%s: a price of %lld millionths of a dollar an hour: expected 0 to %lld",
                           type->name, (long long)type->hour_uusd, HOUR_UUSD_MAX);
        }
        gpus += (uint64_t)type->gpus * type->nodes;
    }
    if (gpus > GS_SIM_GPUS_MAX) {
        return gs_fail(err, GS_INVALID, "%llu GPUs: expected %d at most", (unsigned long long)gpus,
                       GS_SIM_GPUS_MAX);
    }
    return 0;
}

static int check_times(const struct gs_sim_world *world, struct gs_err *err)
{
    const struct {
        const char *name;
        int64_t us;
    } times[] = {
        {"boot", world->boot_us},
        {"keep", world->keep_us},
        {"least billed", world->bill_min_us},
        {"re-cut", world->recut_us},
        {"move", world->move_us},
        {"restart", world->restart_us},
        {"checkpoint", world->checkpoint_us},
        {"mean life of a spot node", world->spot_mean_us},
        {"start of the window", world->from_us},
    };
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        if (times[i].us < 0 || times[i].us > TIME_MAX) {
            return gs_fail(err, GS_INVALID, "%s: %lld us: expected 0 to %lld", times[i].name,
                           (long long)times[i].us, TIME_MAX);
        }
    }
    if (world->until_us <= world->from_us) {
        return gs_fail(err, GS_INVALID, "a window from %lld to %lld us: expected an end after it",
                       (long long)world->from_us, (long long)world->until_us);
    }
    return 0;
}

static int check_small(const struct gs_sim_small *small, struct gs_err *err)
{
    if (small->name == NULL) {
        return 0;
    }
    if (small->speed_permille < 1 || small->speed_permille > 10000) {
        return gs_fail(err, GS_INVALID, "%s: a speed of %u permille: expected 1 to 10000",
                       small->name, small->speed_permille);
    }
    if (small->hour_uusd < 0 || small->hour_uusd > HOUR_UUSD_MAX) {
        return gs_fail(err, GS_INVALID,
                       "%s: a price of %lld millionths of a dollar an hour: expected 0 to %lld",
                       small->name, (long long)small->hour_uusd, HOUR_UUSD_MAX);
    }
    return 0;
}

int gs_sim_world_check(const struct gs_sim_world *world, struct gs_err *err)
{
    int r = gs_model_require_placements(world->model, err);
    r = r < 0 ? r : check_types(world, err);
    r = r < 0 ? r : check_times(world, err);
    r = r < 0 ? r : check_small(&world->small, err);
    if (r < 0) {
        return r;
    }
    if (!world->elastic && world->spot_mean_us > 0) {
        return gs_fail(err, GS_INVALID,
                       "nodes that are taken away in a fixed fleet: expected an "
                       "elastic one, in which others are switched on");
    }
    if (world->static_permille > 1000) {
        return gs_fail(err, GS_INVALID, "a share of %u permille for cut nodes: expected 0 to 1000",
                       world->static_permille);
    }
    if (world->slowdown_max_permille != 0 && world->slowdown_max_permille < 1000) {
        return gs_fail(err, GS_INVALID, "a slowdown of %u permille at most: expected 1000 or more",
                       world->slowdown_max_permille);
    }
    return 0;
}
