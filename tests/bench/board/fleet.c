#include "bench/board/fleet.h"

#include <stdio.h>
#include <time.h>

double fleet_now_ms(void)
{
    struct timespec at;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (double)at.tv_sec * 1e3 + (double)at.tv_nsec / 1e6;
}

uint64_t fleet_price(void *ctx, const char *type, const char *region, const char *capacity)
{
    (void)ctx;
    (void)type;
    (void)region;
    (void)capacity;
    return 21957642;
}

int fleet_put(struct gs_board *board, unsigned number, unsigned turn, unsigned held, bool pods_too)
{
    static struct gs_gpunode_slice slices[FLEET_GPUS][FLEET_SLICES];
    static char names[FLEET_GPUS][FLEET_SLICES][64];
    static char uuids[FLEET_GPUS][64];
    static struct gs_gpunode_gpu gpus[FLEET_GPUS];
    struct gs_profile_name profile;
    char name[64];
    snprintf(name, sizeof(name), "ip-10-%u-%u-12.ec2.internal", number / 250, number % 250);
    const struct gs_board_node facts = {.name = name,
                                        .pool = "training",
                                        .instance_type = "p4d.24xlarge",
                                        .region = "us-east-1",
                                        .zone = "us-east-1a",
                                        .capacity_type = "on-demand",
                                        .why = "",
                                        .shown = true};
    int r = gs_board_put_node(board, &facts, NULL);
    r = r == 0 ? gs_profile_name_parse(gs_view("1g.5gb"), &profile, NULL) : r;
    for (unsigned k = 0; r == 0 && k < FLEET_GPUS; k++) {
        snprintf(uuids[k], sizeof(uuids[k]), "GPU-%08x-1111-2222-3333-%012u", number, k);
        for (unsigned i = 0; r == 0 && i < FLEET_SLICES; i++) {
            bool is_held = (held >> i & 1) != 0;
            struct gs_want want = {.profile = profile, .count = 1};
            snprintf(names[k][i], sizeof(names[k][i]), "inference-7d9f8cbb5d-%x%x%x-%u", number, k,
                     i, turn);
            char workload[64];
            snprintf(workload, sizeof(workload), "Deployment/inference-%u", number % 200);
            const struct gs_board_pod pod = {.name_space = i % 2 == 0 ? "team-a" : "team-b",
                                             .name = names[k][i],
                                             .workload = workload,
                                             .node = name,
                                             .nominated = "",
                                             .wants = &want,
                                             .n_wants = 1};
            r = is_held && pods_too ? gs_board_put_pod(board, &pod, NULL) : 0;
            slices[k][i] = (struct gs_gpunode_slice){
                .profile = profile,
                .start = (uint8_t)i,
                .state = is_held ? GS_GPUNODE_HELD : GS_GPUNODE_FREE,
                .resource = "",
                .uuid = "",
                .holder = {is_held ? pod.name_space : "", is_held ? names[k][i] : "", ""}};
        }
        gpus[k] = (struct gs_gpunode_gpu){.index = k,
                                          .uuid = uuids[k],
                                          .model = "A100-40GB",
                                          .product = "",
                                          .mig = true,
                                          .healthy = true,
                                          .slices = slices[k],
                                          .n_slices = FLEET_SLICES,
                                          .decision = {.message = ""}};
    }
    const struct gs_gpunode node = {.name = name, .gpus = gpus, .n_gpus = FLEET_GPUS};
    return r == 0 ? gs_board_put_gpus(board, &node, NULL) : r;
}
