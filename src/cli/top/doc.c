/* The board's documents in one, for programs. */
#include "base/cleanup.h"
#include "cli/top/top.h"
#include "wire/jsonwrite.h"

int gs_top_put_doc(const struct gs_top_source *source, uint64_t now_us, struct gs_buf *out,
                   struct gs_err *err)
{
    static const struct gs_board_reader all = {.sees = NULL};
    struct gs_jsonwrite json = {.out = out};
    static const char *const names[] = {"fleet", "waiting", "money"};
    int r = 0;
    gs_jsonwrite_open(&json, NULL, '{');
    for (unsigned i = 0; r == 0 && i < GS_ARRAY_LEN(names); i++) {
        GS_CLEANUP(gs_buf_done) struct gs_buf text;
        gs_buf_init(&text, GS_BOARD_DOC_MAX);
        r = i == 0   ? gs_board_write_fleet(source->board, &all, &text, err)
            : i == 1 ? gs_board_write_waiting(source->board, source->store, source->decided_us != 0,
                                              now_us, &all, &text, err)
                     : gs_board_write_money(source->board, &all, &text, err);
        if (r == 0) {
            gs_jsonwrite_raw(&json, names[i], gs_buf_text(&text), text.len);
        }
    }
    gs_jsonwrite_close(&json, '}');
    return r == 0 ? gs_jsonwrite_end(&json, "what top shows", err) : r;
}
