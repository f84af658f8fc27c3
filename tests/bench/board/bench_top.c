/* bench_top: what `gpuslice top` costs with many GPUs, all cut into seven, of which one in two is
 * held: the first frame, and one after ten nodes have changed. CPU time.
 *
 *     bench_top [GPUS]      10000
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "board/board.h"
#include "cli/top/top.h"

enum { GPUS_A_NODE = 8, SLICES = 7, COLUMNS = 200, ROWS = 60 };

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
        for (unsigned i = 0; i < SLICES; i++) {
            bool held = (i + turn) % 2 == 0;
            snprintf(pods[k][i], sizeof(pods[k][i]), "inference-%x-%x%x", number, k, i);
            slices[k][i] = (struct gs_gpunode_slice){
                .profile = profile,
                .start = (uint8_t)i,
                .state = held ? GS_GPUNODE_HELD : GS_GPUNODE_FREE,
                .resource = "",
                .uuid = "",
                .holder = {held ? "team-a" : "", held ? pods[k][i] : "", ""}};
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

static void frame(struct gs_top_view *view, struct gs_screen *screen, const char *what)
{
    double t0 = now_ms();
    (void)gs_board_refresh(view->source->board, UINT64_C(1800000000000000), NULL);
    double t1 = now_ms();
    gs_top_view_refresh(view, UINT64_C(1800000000000000));
    double t2 = now_ms();
    gs_top_view_draw(view, screen, COLUMNS, ROWS);
    printf("%s: the board in %.2f ms, rows in %.2f ms, drawn in %.2f ms\n", what, t1 - t0, t2 - t1,
           now_ms() - t2);
}

static void type(struct gs_top_view *view, const char *text)
{
    for (; *text != '\0'; text++) {
        const struct gs_top_typed typed = {.key = *text == '\n' ? GS_TOP_KEY_ENTER
                                                                : GS_TOP_KEY_CHARACTER,
                                           .c = (unsigned char)*text};
        (void)gs_top_view_type(view, &typed);
    }
}

int main(int argc, char **argv)
{
    const struct gs_board_options options = {
        .kind = "cluster", .name = "bench", .untold = false, .price = price};
    unsigned n = (argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 10000) / GPUS_A_NODE;
    struct gs_top_source source = {
        .kind = "cluster", .name = "bench", .settled = true, .whole = true};
    struct gs_top_view view;
    struct gs_screen screen;
    int r = gs_board_new(&options, &source.board, NULL);
    for (unsigned i = 0; r == 0 && i < n; i++) {
        r = put(source.board, i, 0);
    }
    gs_board_set_whole(source.board, true);
    gs_screen_init(&screen, true, true, true);
    gs_top_view_init(&view, &source);
    frame(&view, &screen, "the first frame");
    frame(&view, &screen, "nothing has changed");
    for (unsigned i = 0; r == 0 && i < 10 && i < n; i++) {
        r = put(source.board, i, 1);
    }
    frame(&view, &screen, "ten nodes changed");
    type(&view, "/inference-7\n");
    frame(&view, &screen, "a filter by holders");
    type(&view, "e");
    frame(&view, &screen, "and the GPUs listed");
    gs_top_view_done(&view);
    gs_screen_done(&screen);
    gs_board_free(source.board);
    return r == 0 ? 0 : 1;
}
