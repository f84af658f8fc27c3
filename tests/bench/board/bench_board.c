/* bench_board: what the dashboard's documents cost at 10,000 GPUs, all cut into seven, so many
 * held, what memory the board keeps, and what a sample of its history costs.
 *
 *     bench_board [GPUS [HELD [untold]]]      10000 7
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <zlib.h>

#include "board/board.h"
#include "historian/sample.h"

enum { GPUS_A_NODE = 8, SLICES = 7 };

static double now_ms(void)
{
    struct timespec at;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (double)at.tv_sec * 1e3 + (double)at.tv_nsec / 1e6;
}

static uint64_t price(void *ctx, const char *type, const char *region, const char *capacity)
{
    (void)ctx;
    (void)type;
    (void)region;
    (void)capacity;
    return 21957642;
}

/* As src/dashboard/pack.c compresses: size and time. */
static void print_packed(const struct gs_buf *doc)
{
    z_stream z = {.next_in = (unsigned char *)doc->text, .avail_in = (unsigned)doc->len};
    size_t bound = doc->len / 2 + 4096;
    unsigned char *out = malloc(bound);
    double begun = now_ms();
    if (out == NULL || deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, 0) != Z_OK) {
        exit(1);
    }
    z.next_out = out;
    z.avail_out = (unsigned)bound;
    int end = deflate(&z, Z_FINISH);
    printf("compressed: %lu bytes in %.1f ms, %.2f ms a turn of 64 KiB%s\n", z.total_out,
           now_ms() - begun, (now_ms() - begun) / ((double)doc->len / 65536),
           end == Z_STREAM_END ? "" : " (not whole)");
    (void)deflateEnd(&z);
    free(out);
}

static unsigned held = SLICES;

static int put(struct gs_board *board, unsigned number, unsigned turn)
{
    static struct gs_gpunode_slice slices[GPUS_A_NODE][SLICES];
    static char pods[GPUS_A_NODE][SLICES][64];
    static char uuids[GPUS_A_NODE][64];
    static struct gs_gpunode_gpu gpus[GPUS_A_NODE];
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
    for (unsigned k = 0; r == 0 && k < GPUS_A_NODE; k++) {
        snprintf(uuids[k], sizeof(uuids[k]), "GPU-%08x-1111-2222-3333-%012u", number, k);
        for (unsigned i = 0; r == 0 && i < SLICES; i++) {
            struct gs_want want = {.profile = profile, .count = 1};
            snprintf(pods[k][i], sizeof(pods[k][i]), "inference-7d9f8cbb5d-%x%x%x-%u", number, k, i,
                     turn);
            char workload[64];
            snprintf(workload, sizeof(workload), "Deployment/inference-%u", number % 200);
            const struct gs_board_pod pod = {.name_space = i % 2 == 0 ? "team-a" : "team-b",
                                             .name = pods[k][i],
                                             .workload = workload,
                                             .node = name,
                                             .nominated = "",
                                             .wants = &want,
                                             .n_wants = 1};
            r = i < held ? gs_board_put_pod(board, &pod, NULL) : 0;
            slices[k][i] = (struct gs_gpunode_slice){
                .profile = profile,
                .start = (uint8_t)i,
                .state = i < held ? GS_GPUNODE_HELD : GS_GPUNODE_FREE,
                .resource = "",
                .uuid = "",
                .holder = {i < held ? pod.name_space : "", i < held ? pods[k][i] : "", ""}};
        }
        gpus[k] = (struct gs_gpunode_gpu){.index = k,
                                          .uuid = uuids[k],
                                          .model = "A100-40GB",
                                          .product = "",
                                          .mig = true,
                                          .healthy = true,
                                          .slices = slices[k],
                                          .n_slices = SLICES,
                                          .decision = {.message = ""}};
    }
    const struct gs_gpunode node = {.name = name, .gpus = gpus, .n_gpus = GPUS_A_NODE};
    return r == 0 ? gs_board_put_gpus(board, &node, NULL) : r;
}

/* What gpuslice-history does every 15 s, into a file where we are. */
static int bench_sample(struct gs_board *board)
{
    static struct gs_sample sample;
    const char *file = "bench_board.history";
    struct gs_history *history = NULL;
    int r = gs_history_open(file, &history, NULL);
    for (int64_t i = 0; r == 0 && i < 3; i++) {
        double t0 = now_ms();
        r = gs_sample_make(&sample, board, 0, 1, NULL);
        double t1 = now_ms();
        r = r == 0 ? gs_history_add(history, 1800000000 + 15 * i, sample.values, sample.n_values,
                                    15, sample.costs, sample.n_costs, NULL)
                   : r;
        printf("a sample in %.1f ms, written in %.1f ms: %zu numbers, %zu costs\n", t1 - t0,
               now_ms() - t1, sample.n_values, sample.n_costs);
    }
    gs_history_close(history);
    gs_sample_done(&sample);
    (void)remove(file);
    return r;
}

int main(int argc, char **argv)
{
    static const struct gs_board_reader all = {NULL, NULL};
    const struct gs_board_options options = {.kind = "cluster",
                                             .name = "bench",
                                             .untold = argc > 3, /* as gpuslice-history has it */
                                             .price = price};
    unsigned n = (argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 10000) / GPUS_A_NODE;
    struct gs_board *board = NULL;
    struct gs_buf out;
    struct rusage used;
    held = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : SLICES;
    size_t before = mallinfo2().uordblks;
    int r = gs_board_new(&options, &board, NULL);
    double t0 = now_ms();
    for (unsigned i = 0; r == 0 && i < n; i++) {
        r = put(board, i, 0);
    }
    double t1 = now_ms();
    (void)gs_board_refresh(board, 1, NULL);
    double t2 = now_ms();
    printf("the board keeps %.1f MB of %u nodes with %u pods\n",
           (double)(mallinfo2().uordblks - before) / 1e6, n, n * GPUS_A_NODE * held);
    gs_buf_init(&out, GS_BOARD_DOC_MAX);
    r = r == 0 ? gs_board_write_fleet(board, &all, &out, NULL) : r;
    double t3 = now_ms();
    printf("%u GPUs: told in %.1f ms, nodes written in %.1f ms, fleet in %.1f ms: %zu bytes\n",
           n * GPUS_A_NODE, t1 - t0, t2 - t1, t3 - t2, out.len);
    print_packed(&out);
    gs_buf_reset(&out);
    t0 = now_ms();
    r = r == 0 ? gs_board_write_money(board, &all, &out, NULL) : r;
    t1 = now_ms();
    printf("money in %.1f ms: %zu bytes\n", t1 - t0, out.len);
    struct gs_board_mark mark = gs_board_mark(board);
    for (unsigned i = 0; r == 0 && i < 10 && i < n; i++) {
        r = put(board, i, 1);
    }
    gs_buf_reset(&out);
    t0 = now_ms();
    (void)gs_board_refresh(board, 2, NULL);
    r = r == 0 ? gs_board_write_changes(board, &all, &mark, &out, NULL) : r;
    t1 = now_ms();
    printf("ten nodes changed: %.2f ms, %zu bytes\n", t1 - t0, out.len);
    r = r == 0 ? bench_sample(board) : r;
    getrusage(RUSAGE_SELF, &used);
    printf("most memory: %.1f MB\n", (double)used.ru_maxrss / 1024);
    gs_buf_done(&out);
    gs_board_free(board);
    return r == 0 ? 0 : 1;
}
