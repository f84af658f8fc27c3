/* bench_board: what the dashboard's documents cost at 10,000 GPUs, all cut into seven, so many
 * held, what memory the board keeps, and what a sample of its history costs.
 *
 *     bench_board [GPUS [HELD [untold]]]      10000 7
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <zlib.h>

#include "bench/board/fleet.h"
#include "historian/sample.h"

/* As src/dashboard/pack.c compresses: size and time. */
static void print_packed(const struct gs_buf *doc)
{
    z_stream z = {.next_in = (unsigned char *)doc->text, .avail_in = (unsigned)doc->len};
    size_t bound = doc->len / 2 + 4096;
    unsigned char *out = malloc(bound);
    double begun = fleet_now_ms();
    if (out == NULL || deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, 0) != Z_OK) {
        exit(1);
    }
    z.next_out = out;
    z.avail_out = (unsigned)bound;
    int end = deflate(&z, Z_FINISH);
    printf("compressed: %lu bytes in %.1f ms, %.2f ms a turn of 64 KiB%s\n", z.total_out,
           fleet_now_ms() - begun, (fleet_now_ms() - begun) / ((double)doc->len / 65536),
           end == Z_STREAM_END ? "" : " (not whole)");
    (void)deflateEnd(&z);
    free(out);
}

/* What gpuslice-history does every 15 s, into a file where we are. */
static int bench_sample(struct gs_board *board)
{
    static struct gs_sample sample;
    const char *file = "bench_board.history";
    struct gs_history *history = NULL;
    int r = gs_history_open(file, &history, NULL);
    for (int64_t i = 0; r == 0 && i < 3; i++) {
        double t0 = fleet_now_ms();
        r = gs_sample_make(&sample, board, 0, 1, NULL);
        double t1 = fleet_now_ms();
        r = r == 0 ? gs_history_add(history, 1800000000 + 15 * i, sample.values, sample.n_values,
                                    15, sample.costs, sample.n_costs, NULL)
                   : r;
        printf("a sample in %.1f ms, written in %.1f ms: %zu numbers, %zu costs\n", t1 - t0,
               fleet_now_ms() - t1, sample.n_values, sample.n_costs);
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
                                             .price = fleet_price};
    unsigned n = (argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 10000) / FLEET_GPUS;
    struct gs_board *board = NULL;
    struct gs_buf out;
    struct rusage used;
    unsigned n_held = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : FLEET_SLICES;
    n_held = n_held < FLEET_SLICES ? n_held : FLEET_SLICES;
    const unsigned held = (1u << n_held) - 1;
    size_t before = mallinfo2().uordblks;
    int r = gs_board_new(&options, &board, NULL);
    double t0 = fleet_now_ms();
    for (unsigned i = 0; r == 0 && i < n; i++) {
        r = fleet_put(board, i, 0, held, true);
    }
    double t1 = fleet_now_ms();
    (void)gs_board_refresh(board, 1, NULL);
    double t2 = fleet_now_ms();
    printf("the board keeps %.1f MB of %u nodes with %u pods\n",
           (double)(mallinfo2().uordblks - before) / 1e6, n, n * FLEET_GPUS * n_held);
    gs_buf_init(&out, GS_BOARD_DOC_MAX);
    r = r == 0 ? gs_board_write_fleet(board, &all, &out, NULL) : r;
    double t3 = fleet_now_ms();
    printf("%u GPUs: told in %.1f ms, nodes written in %.1f ms, fleet in %.1f ms: %zu bytes\n",
           n * FLEET_GPUS, t1 - t0, t2 - t1, t3 - t2, out.len);
    print_packed(&out);
    gs_buf_reset(&out);
    t0 = fleet_now_ms();
    r = r == 0 ? gs_board_write_money(board, &all, &out, NULL) : r;
    t1 = fleet_now_ms();
    printf("money in %.1f ms: %zu bytes\n", t1 - t0, out.len);
    struct gs_board_mark mark = gs_board_mark(board);
    for (unsigned i = 0; r == 0 && i < 10 && i < n; i++) {
        r = fleet_put(board, i, 1, held, true);
    }
    gs_buf_reset(&out);
    t0 = fleet_now_ms();
    (void)gs_board_refresh(board, 2, NULL);
    r = r == 0 ? gs_board_write_changes(board, &all, &mark, &out, NULL) : r;
    t1 = fleet_now_ms();
    printf("ten nodes changed: %.2f ms, %zu bytes\n", t1 - t0, out.len);
    r = r == 0 ? bench_sample(board) : r;
    getrusage(RUSAGE_SELF, &used);
    printf("most memory: %.1f MB\n", (double)used.ru_maxrss / 1024);
    gs_buf_done(&out);
    gs_board_free(board);
    return r == 0 ? 0 : 1;
}
