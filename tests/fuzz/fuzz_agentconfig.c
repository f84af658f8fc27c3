/* A file that is read leaves a configuration that the agent can use as it is. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "wire/agentconfig.h"

static void check(const struct gs_agentconfig *config)
{
    bool sane = config->mig_strategy <= GS_MIG_STRATEGY_MIXED && config->device_list != 0 &&
                config->device_list < 16 && config->driver_root[0] == '/' &&
                config->dev_root[0] == '/' && config->cdi_dir[0] == '/' &&
                config->n_notes <= GS_AGENTCONFIG_NOTES_MAX;
    for (unsigned i = 0; i < config->n_shared; i++) {
        const struct gs_shared_resource *one = &config->shared[i];
        sane = sane && strncmp(one->name, "nvidia.com/", 11) == 0 && one->replicas >= 2 &&
               strlen(one->name) <= GS_RESOURCE_NAME_MAX &&
               strlen(one->rename) <= GS_RESOURCE_NAME_MAX &&
               gs_agentconfig_shared(config, one->name) == one;
    }
    if (!sane) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gs_doc_input input = {.label = "f", .what = "x", .bytes = {(const char *)data, size}};
    struct gs_agentconfig config;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 16 << 20);
    gs_agentconfig_init(&config);
    if (gs_agentconfig_read(&arena, &input, &config, NULL) == 0 &&
        gs_agentconfig_finish(&arena, &config, NULL) == 0) {
        check(&config);
    }
    gs_arena_done(&arena);
    return 0;
}
