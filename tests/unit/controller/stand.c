#include "unit/controller/stand.h"

#include <jansson.h>
#include <string.h>

#include "base/cleanup.h"
#include "unit/check.h"

#define BEGIN_S STAND_BEGIN_S

static void on_changed(void *ctx)
{
    (void)ctx;
}

void stand_take(struct stand *stand, enum gs_pools_kind kind, bool gone, json_t *object)
{
    struct gs_err err = {.code = GS_OK};
    assert_non_null(object);
    if (gs_pools_take(&stand->pools, kind, object, gone, &err) != 0) {
        print_message("%s\n", err.msg);
        fail();
    }
    json_decref(object);
}

void stand_set_time(struct stand *stand, uint64_t after_s)
{
    stand->pools.real_us = (BEGIN_S + after_s) * 1000000;
    stand->pools.now_us = (1000 + after_s) * 1000000;
    stand->pools.due_us = UINT64_MAX;
}

void stand_begin(struct stand *stand, const char *types, const char *more)
{
    char spec[600];
    struct gs_err err = {.code = GS_OK};
    memset(stand, 0, sizeof(*stand));
    world_new(&stand->world);
    stand->pools.options = (struct gs_pools_options){
        .store = &stand->world.store, .instance = "test", .changed = on_changed};
    snprintf(stand->pools.region, sizeof(stand->pools.region), "us-east-1");
    for (unsigned i = 0; i < GS_POOLS_NEEDED; i++) {
        stand->pools.streams[i].listed = stand->pools.streams[i].reachable = true;
    }
    snprintf(spec, sizeof(spec),
             "{\"metadata\": {\"name\": \"gpus\", \"uid\": \"u1\", \"generation\": 1}, \"spec\":"
             "{\"nodeClassRef\": {\"name\": \"c\"}, \"instanceTypes\": %s%s}}",
             types, more);
    stand_take(stand, GS_POOLS_SLICEPOOLS, false, json_loads(spec, 0, NULL));
    stand->owner = gs_map_find(&stand->pools.owners, "gpus");
    assert_non_null(stand->owner);
    assert_int_equal(gs_pools_make_offers(&stand->pools, stand->owner, &err), 0);
    stand_set_time(stand, 0);
}

void stand_end(struct stand *stand)
{
    gs_pools_forget_all(&stand->pools);
    world_free(&stand->world);
}

unsigned stand_offer(const struct stand *stand, const char *type)
{
    for (unsigned i = 0; i < stand->owner->n_offers; i++) {
        if (strcmp(stand->owner->offers[i].name, type) == 0) {
            return i;
        }
    }
    fail_msg("no offer %s", type);
    return 0;
}

const char *stand_node_pool(struct stand *stand, const char *type, const char *profile)
{
    static struct gs_karpenter_kind kind;
    const struct gs_offer *offer = &stand->owner->offers[stand_offer(stand, type)];
    struct gs_profile_name name;
    int p = -1;
    if (profile != NULL) {
        assert_int_equal(gs_profile_name_parse(gs_view(profile), &name, NULL), 0);
        p = gs_model_profile_index(offer->model, &name);
    }
    assert_int_equal(gs_karpenter_kind_all("gpus", offer, p, &kind, NULL), 0);
    stand_take(stand, GS_POOLS_NODEPOOLS, false,
               json_pack("{s:{s:s, s:s, s:i, s:{s:s}}, s:{s:i, s:{s:s}, s:{s:{s:{s:s}},"
                         " s:{s:[{s:s, s:s, s:[s]}]}}}}",
                         "metadata", "name", kind.name, "uid", "u2", "generation", 1, "labels",
                         "gpuslice.dev/slicepool", "gpus", "spec", "weight", 50, "limits", "nodes",
                         "1", "template", "metadata", "labels", "nvidia.com/mig.config",
                         kind.layout, "spec", "requirements", "key",
                         "node.kubernetes.io/instance-type", "operator", "In", "values", type));
    stand_take(stand, GS_POOLS_OVERLAYS, false,
               json_pack("{s:{s:s, s:i, s:{s:s}}, s:{s:i}, s:{s:[{s:s, s:s, s:s, s:i}]}}",
                         "metadata", "name", kind.name, "generation", 1, "labels",
                         "gpuslice.dev/slicepool", "gpus", "spec", "weight", 7, "status",
                         "conditions", "type", "ValidationSucceeded", "status", "True", "reason",
                         "", "observedGeneration", 1));
    return kind.name;
}

void stand_claim(struct stand *stand, const struct stand_claim *claim)
{
    char name[100];
    char at[GS_KARPENTER_TEXT_MAX];
    json_t *types = json_loads(claim->capacity_types, 0, NULL);
    uint64_t s = stand->pools.real_us / 1000000 - BEGIN_S;
    const struct gs_pools_claim *known;
    snprintf(name, sizeof(name), "%s-%s", claim->pool, claim->end);
    known = gs_map_find(&stand->pools.claims, name);
    s = known == NULL ? s : known->has.created_us / 1000000 - BEGIN_S;
    s += 46ull * 60 + 40; /* since 17:00 */
    snprintf(at, sizeof(at), "2030-03-17T%02u:%02u:%02uZ", (unsigned)(17 + s / 3600),
             (unsigned)(s / 60 % 60), (unsigned)(s % 60));
    stand_take(stand, GS_POOLS_CLAIMS, claim->gone,
               json_pack("{s:{s:s, s:s, s:s, s:{s:s, s:s}}, s:{s:[{s:s, s:s, s:o}]},"
                         " s:{s:s, s:[{s:s, s:s, s:s}, {s:s, s:s}]}}",
                         "metadata", "name", name, "uid", "u3", "creationTimestamp", at, "labels",
                         "gpuslice.dev/slicepool", "gpus", "karpenter.sh/nodepool", claim->pool,
                         "spec", "requirements", "key", "karpenter.sh/capacity-type", "operator",
                         "In", "values", types, "status", "nodeName",
                         claim->node == NULL ? "" : claim->node, "conditions", "type", "Launched",
                         "status", claim->launched ? "True" : "Unknown", "reason",
                         "AwaitingReconciliation", "type", "Initialized", "status",
                         claim->node == NULL ? "Unknown" : "True"));
}
