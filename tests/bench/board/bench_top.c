/* bench_top: what `gpuslice top` costs with many GPUs, all cut into seven, of which one in two is
 * held: the first frame, and one after ten nodes have changed. CPU time.
 *
 *     bench_top [GPUS]      10000
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench/board/fleet.h"
#include "cli/top/top.h"

enum { EVEN = 0x55, ODD = 0x2a, COLUMNS = 200, ROWS = 60 };

static void frame(struct gs_top_view *view, struct gs_screen *screen, const char *what)
{
    double t0 = fleet_now_ms();
    (void)gs_board_refresh(view->source->board, UINT64_C(1800000000000000), NULL);
    double t1 = fleet_now_ms();
    gs_top_view_refresh(view, UINT64_C(1800000000000000));
    double t2 = fleet_now_ms();
    gs_top_view_draw(view, screen, COLUMNS, ROWS);
    printf("%s: the board in %.2f ms, rows in %.2f ms, drawn in %.2f ms\n", what, t1 - t0, t2 - t1,
           fleet_now_ms() - t2);
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
        .kind = "cluster", .name = "bench", .untold = false, .price = fleet_price};
    unsigned n = (argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 10000) / FLEET_GPUS;
    struct gs_top_source source = {
        .kind = "cluster", .name = "bench", .settled = true, .whole = true};
    struct gs_top_view view;
    struct gs_screen screen;
    int r = gs_board_new(&options, &source.board, NULL);
    for (unsigned i = 0; r == 0 && i < n; i++) {
        r = fleet_put(source.board, i, 0, EVEN, false);
    }
    gs_board_set_whole(source.board, true);
    gs_screen_init(&screen, true, true, true);
    gs_top_view_init(&view, &source);
    frame(&view, &screen, "the first frame");
    frame(&view, &screen, "nothing has changed");
    for (unsigned i = 0; r == 0 && i < 10 && i < n; i++) {
        r = fleet_put(source.board, i, 1, ODD, false);
    }
    frame(&view, &screen, "ten nodes changed");
    type(&view, "/inference-7d9f8cbb5d-7\n");
    frame(&view, &screen, "a filter by holders");
    type(&view, "e");
    frame(&view, &screen, "and the GPUs listed");
    gs_top_view_done(&view);
    gs_screen_done(&screen);
    gs_board_free(source.board);
    return r == 0 ? 0 : 1;
}
