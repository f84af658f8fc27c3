/* What is paid, drawn. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/top/top.h"

enum { PRICE = 14, SHARE = 7, SLICES = 8, NAME_MIN = 10 };
#define BILL_BYTES_MAX ((size_t)64 << 20)

static const char *const keys[GS_TOP_BYS] = {[GS_TOP_BY_NAMESPACE] = "by_namespace",
                                             [GS_TOP_BY_WORKLOAD] = "by_workload",
                                             [GS_TOP_BY_POOL] = "by_pool"};

void gs_top_format_dollars(uint64_t uusd, char ret[GS_TOP_DOLLARS_MAX])
{
    char digits[24];
    size_t used = 0;
    if (uusd == GS_MONEY_NOT_KNOWN) {
        (void)snprintf(ret, GS_TOP_DOLLARS_MAX, "?");
        return;
    }
    uint64_t cents = uusd / 10000 + (uusd % 10000 >= 5000);
    int n = snprintf(digits, sizeof(digits), "%" PRIu64, cents / 100);
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0) {
            ret[used++] = ',';
        }
        ret[used++] = digits[i];
    }
    (void)snprintf(ret + used, GS_TOP_DOLLARS_MAX - used, ".%02u", (unsigned)(cents % 100));
}

static uint64_t number_of(const json_t *object, const char *key)
{
    const json_t *number = json_object_get(object, key);
    return json_is_integer(number) ? (uint64_t)json_integer_value(number) : GS_MONEY_NOT_KNOWN;
}

/* The board's own document, so that what is shown here is what programs are told. */
static void ask(struct gs_top_view *view)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    static const struct gs_board_reader all = {.sees = NULL};
    gs_buf_init(&text, BILL_BYTES_MAX);
    json_decref(view->bill);
    view->bill = NULL;
    if (gs_board_write_money(view->source->board, &all, &text, NULL) == 0) {
        view->bill = json_loadb(gs_buf_text(&text), text.len, 0, NULL);
    }
    view->failed |= view->bill == NULL;
}

static void add_row(struct gs_top_view *view, const json_t *one)
{
    const char *name = json_string_value(json_object_get(one, "name"));
    if (name == NULL || !gs_top_matches(view, name)) {
        return;
    }
    if (view->n_money == view->cap_money) {
        size_t cap = view->cap_money == 0 ? 64 : 2 * view->cap_money;
        struct gs_top_money_row *rows = reallocarray(view->money, cap, sizeof(*rows));
        if (rows == NULL) {
            view->failed = true;
            return;
        }
        view->money = rows;
        view->cap_money = cap;
    }
    view->money[view->n_money++] = (struct gs_top_money_row){
        .name = name, .uusd_h = number_of(one, "uusd_h"), .slices = number_of(one, "slices")};
}

void gs_top_make_money(struct gs_top_view *view)
{
    if (view->bill == NULL || gs_board_revision(view->source->board) != view->revision) {
        ask(view);
    }
    const json_t *list = json_object_get(view->bill, keys[view->by]);
    view->n_money = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        add_row(view, json_array_get(list, i));
    }
}

static void put_part(const struct gs_top_view *view, struct gs_screen *screen, const char *word,
                     const char *key, enum gs_screen_style style)
{
    char text[GS_TOP_DOLLARS_MAX];
    uint64_t uusd_h = number_of(view->bill, key);
    if (uusd_h != 0) {
        gs_top_format_dollars(uusd_h, text);
        gs_screen_putf(screen, style, "  %s %s", word, text);
    }
}

void gs_top_put_bill(const struct gs_top_view *view, struct gs_screen *screen)
{
    char text[GS_TOP_DOLLARS_MAX];
    uint64_t bill = number_of(view->bill, "bill");
    uint64_t unknown = number_of(view->bill, "unknown_nodes");
    bool priced = view->bill != NULL && (bill > 0 || unknown == 0);
    gs_top_format_dollars(priced ? bill : GS_MONEY_NOT_KNOWN, text);
    gs_screen_putf(screen, GS_SCREEN_BOLD, "$%s/h", text);
    if (view->bill != NULL && bill > 0) {
        put_part(view, screen, "used", "used", GS_SCREEN_HELD);
        put_part(view, screen, "idle", "idle", GS_SCREEN_IDLE);
        put_part(view, screen, "stranded", "stranded", GS_SCREEN_BAD);
        put_part(view, screen, "starting", "starting", GS_SCREEN_COMES);
    }
    if (view->bill != NULL && unknown > 0) {
        gs_screen_putf(screen, GS_SCREEN_PLAIN, "  no price known of %" PRIu64 " node%s", unknown,
                       unknown == 1 ? "" : "s");
    }
}

static void put_cells(struct gs_screen *screen, const char *const text[4],
                      enum gs_screen_style style)
{
    unsigned others = PRICE + SHARE + SLICES + 3;
    unsigned name = screen->columns > others + NAME_MIN ? screen->columns - others : NAME_MIN;
    const unsigned columns[] = {name, PRICE, SHARE, SLICES};
    for (unsigned i = 0; i < GS_ARRAY_LEN(columns); i++) {
        gs_screen_put(screen, style, i == 0 ? "" : " ");
        gs_screen_cell(screen, style, columns[i], i > 0, text[i]);
    }
}

void gs_top_draw_money_head(const struct gs_top_view *view, struct gs_screen *screen)
{
    static const char *const names[] = {"NAMESPACE", "WORKLOAD", "POOL"};
    const char *const titles[] = {names[view->by], "$/H", "OF USED", "SLICES"};
    put_cells(screen, titles, GS_SCREEN_TITLE);
}

void gs_top_draw_money_row(const struct gs_top_view *view, struct gs_screen *screen, size_t row,
                           bool marked)
{
    const struct gs_top_money_row *one = &view->money[row];
    uint64_t used = number_of(view->bill, "used");
    char price[GS_TOP_DOLLARS_MAX];
    char share[16] = "-";
    char slices[24];
    gs_top_format_dollars(one->uusd_h, price);
    if (used > 0 && used != GS_MONEY_NOT_KNOWN) {
        (void)snprintf(share, sizeof(share), "%.1f%%", 100.0 * (double)one->uusd_h / (double)used);
    }
    (void)snprintf(slices, sizeof(slices), "%" PRIu64, one->slices);
    const char *const text[] = {one->name, price, share, slices};
    gs_screen_line(screen);
    put_cells(screen, text, marked ? GS_SCREEN_MARKED : GS_SCREEN_PLAIN);
}
