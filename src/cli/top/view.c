/* The frame around the pages, and what keys do. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/view.h"
#include "cli/top/top.h"

enum { DETAILS = 3, DETAILS_FROM_ROWS = 16, HEAD = 5 };

const char *const gs_top_page_names[GS_TOP_PAGES + 1] = {
    [GS_TOP_FLEET] = "fleet", [GS_TOP_WAITING] = "waiting", [GS_TOP_MONEY] = "money"};

static const struct page {
    void (*head)(const struct gs_top_view *view, struct gs_screen *screen);
    void (*row)(const struct gs_top_view *view, struct gs_screen *screen, size_t row, bool marked);
    void (*details)(const struct gs_top_view *view, struct gs_screen *screen, unsigned lines);
} pages[GS_TOP_PAGES] = {
    [GS_TOP_FLEET] = {gs_top_draw_fleet_head, gs_top_draw_fleet_row, gs_top_draw_fleet_details},
    [GS_TOP_WAITING] = {gs_top_draw_waiting_head, gs_top_draw_waiting_row,
                        gs_top_draw_waiting_details},
    [GS_TOP_MONEY] = {gs_top_draw_money_head, gs_top_draw_money_row, NULL},
};

void gs_top_view_init(struct gs_top_view *view, const struct gs_top_source *source)
{
    *view = (struct gs_top_view){.source = source};
}

void gs_top_view_done(struct gs_top_view *view)
{
    free(view->nodes);
    free(view->rows);
    free((void *)view->waiting);
    free(view->money);
    json_decref(view->bill);
}

size_t gs_top_view_length(const struct gs_top_view *view)
{
    switch ((enum gs_top_page)view->page) {
    case GS_TOP_FLEET:
        return view->n_rows;
    case GS_TOP_WAITING:
        return view->n_waiting;
    case GS_TOP_MONEY:
        return view->n_money;
    case GS_TOP_PAGES:
        break;
    }
    return 0;
}

static void keep_cursor(struct gs_top_view *view)
{
    size_t n = gs_top_view_length(view);
    view->cursor = view->cursor < n ? view->cursor : n == 0 ? 0 : n - 1;
}

void gs_top_view_refresh(struct gs_top_view *view, uint64_t now_us)
{
    uint64_t revision = gs_board_revision(view->source->board);
    view->now_us = now_us;
    view->failed = false;
    gs_top_make_money(view);
    if (!view->made || revision != view->revision) {
        gs_top_make_rows(view);
        view->revision = revision;
        view->made = !view->failed; /* what is missing comes with the next refresh */
    }
    gs_top_make_waiting(view);
    keep_cursor(view);
}

/* ---- keys ---- */

static void move_by(struct gs_top_view *view, long by)
{
    size_t n = gs_top_view_length(view);
    size_t most = n == 0 ? 0 : n - 1;
    size_t back = by < 0 ? (size_t)-by : 0;
    view->cursor = by >= 0               ? view->cursor + (size_t)by
                   : view->cursor < back ? 0
                                         : view->cursor - back;
    view->cursor = view->cursor < most ? view->cursor : most;
}

static void turn_to(struct gs_top_view *view, unsigned page)
{
    view->page = page % GS_TOP_PAGES;
    view->cursor = 0;
    view->top = 0;
}

static void type_filter(struct gs_top_view *view, const struct gs_top_typed *typed)
{
    size_t n = strlen(view->filter);
    if (typed->key == GS_TOP_KEY_ENTER) {
        view->typing = false;
    } else if (typed->key == GS_TOP_KEY_ESCAPE) {
        view->typing = false;
        view->filter[0] = '\0';
    } else if (typed->key == GS_TOP_KEY_BACKSPACE) {
        while (n > 0 && ((unsigned char)view->filter[n - 1] & 0xc0) == 0x80) {
            n--;
        }
        view->filter[n > 0 ? n - 1 : 0] = '\0';
    } else if (typed->key == GS_TOP_KEY_CHARACTER && typed->c >= 0x20 && typed->c < 0x7f &&
               n < GS_TOP_FILTER_MAX) {
        view->filter[n] = (char)typed->c; /* names of Kubernetes are ASCII */
        view->filter[n + 1] = '\0';
    }
    view->cursor = 0;
    view->top = 0;
}

static bool type_character(struct gs_top_view *view, uint32_t c)
{
    long page = view->height > 1 ? (long)view->height - 1 : 1;
    switch (c) {
    case 'q':
    case 'Q':
        return true;
    case 'j':
        move_by(view, 1);
        break;
    case 'k':
        move_by(view, -1);
        break;
    case ' ':
        move_by(view, page);
        break;
    case 'g':
        view->cursor = 0;
        break;
    case 'G':
        move_by(view, (long)gs_top_view_length(view));
        break;
    case '1':
    case '2':
    case '3':
        turn_to(view, c - '1');
        break;
    case 's':
        view->sort = (view->sort + 1) % GS_TOP_SORTS;
        break;
    case 'r':
        view->reverse = !view->reverse;
        break;
    case 'b':
        view->by = (view->by + 1) % GS_TOP_BYS;
        break;
    case 'e':
        view->closed = !view->closed;
        view->asked_closed = true;
        break;
    case 'p':
        view->paused = !view->paused;
        break;
    case '/':
        view->typing = true;
        break;
    case 'h':
    case '?':
        view->help = !view->help;
        break;
    default:
        break;
    }
    return false;
}

static bool type_key(struct gs_top_view *view, const struct gs_top_typed *typed)
{
    long page = view->height > 1 ? (long)view->height - 1 : 1;
    switch (typed->key) {
    case GS_TOP_KEY_CHARACTER:
        return type_character(view, typed->c);
    case GS_TOP_KEY_UP:
        move_by(view, -1);
        break;
    case GS_TOP_KEY_DOWN:
        move_by(view, 1);
        break;
    case GS_TOP_KEY_LEFT:
        turn_to(view, view->page + GS_TOP_PAGES - 1);
        break;
    case GS_TOP_KEY_RIGHT:
    case GS_TOP_KEY_TAB:
        turn_to(view, view->page + 1);
        break;
    case GS_TOP_KEY_PAGE_UP:
        move_by(view, -page);
        break;
    case GS_TOP_KEY_PAGE_DOWN:
        move_by(view, page);
        break;
    case GS_TOP_KEY_HOME:
        view->cursor = 0;
        break;
    case GS_TOP_KEY_END:
        move_by(view, (long)gs_top_view_length(view));
        break;
    case GS_TOP_KEY_ESCAPE:
        view->help = false;
        view->filter[0] = '\0';
        break;
    case GS_TOP_KEY_ENTER:
    case GS_TOP_KEY_BACKSPACE:
        break;
    }
    return false;
}

bool gs_top_view_type(struct gs_top_view *view, const struct gs_top_typed *typed)
{
    view->made = false; /* order or filter may be others now */
    if (view->typing) {
        type_filter(view, typed);
        return false;
    }
    return type_key(view, typed);
}

/* ---- the frame ---- */

void gs_top_put_lines(struct gs_screen *screen, unsigned lines, const char *text)
{
    for (unsigned i = 0; i < lines; i++) {
        size_t n = strlen(text);
        char line[GS_SCREEN_COLUMNS_MAX + 1];
        if (n > screen->columns && i + 1 < lines) {
            n = screen->columns;
            while (n > screen->columns / 2 && text[n] != ' ') {
                n--;
            }
        }
        (void)snprintf(line, sizeof(line), "%.*s", (int)n, text);
        gs_screen_line(screen);
        if (text[0] != '\0') {
            gs_screen_cell(screen, GS_SCREEN_PLAIN, screen->columns, false, line);
        }
        text += n;
        text += strspn(text, " ");
    }
}

static void put_title(const struct gs_top_view *view, struct gs_screen *screen, bool live)
{
    char clock[32];
    char left[300];
    time_t now = (time_t)(view->now_us / 1000000);
    struct tm tm;
    (void)localtime_r(&now, &tm);
    (void)strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
    const char *state = view->paused             ? "paused"
                        : !view->source->settled ? "reading"
                        : live                   ? "live"
                                                 : "";
    (void)snprintf(left, sizeof(left), "gpuslice top  %s %.200s", view->source->kind,
                   view->source->name);
    unsigned right = (unsigned)(strlen(clock) + strlen(state) + (state[0] == '\0' ? 0 : 2));
    gs_screen_line(screen);
    gs_screen_cell(screen, GS_SCREEN_BOLD,
                   screen->columns > right ? screen->columns - right : screen->columns, false,
                   left);
    gs_screen_putf(screen, view->paused ? GS_SCREEN_BAD : GS_SCREEN_PLAIN, "%s%s", state,
                   state[0] == '\0' ? "" : "  ");
    gs_screen_put(screen, GS_SCREEN_PLAIN, clock);
}

static void put_share(struct gs_screen *screen, const char *word, uint64_t part, uint64_t all,
                      enum gs_screen_style style)
{
    if (all > 0 && part > 0) {
        gs_screen_putf(screen, style, "  %s %.1f%%", word, 100.0 * (double)part / (double)all);
    }
}

static void put_summary(const struct gs_top_view *view, struct gs_screen *screen)
{
    const struct gs_board_units *units = &view->units;
    gs_screen_line(screen);
    gs_screen_putf(screen, GS_SCREEN_PLAIN, "%" PRIu64 " GPU%s", view->n_gpus,
                   view->n_gpus == 1 ? "" : "s");
    if (view->source->store != NULL) {
        gs_screen_putf(screen, GS_SCREEN_PLAIN, " on %zu node%s", view->n_nodes,
                       view->n_nodes == 1 ? "" : "s");
    }
    gs_screen_put(screen, GS_SCREEN_PLAIN, units->all > 0 ? "; memory" : "");
    put_share(screen, "held", units->held, units->all, GS_SCREEN_HELD);
    put_share(screen, "idle", units->idle + units->free, units->all, GS_SCREEN_IDLE);
    put_share(screen, "stranded", units->stranded, units->all, GS_SCREEN_BAD);
    put_share(screen, "sick", units->sick, units->all, GS_SCREEN_BAD);
    if (view->n_nodes_unwell > 0) {
        gs_screen_putf(screen, GS_SCREEN_BAD, "  %" PRIu64 " not ready", view->n_nodes_unwell);
    }
    gs_screen_line(screen);
    gs_top_put_bill(view, screen);
}

static void put_tabs(const struct gs_top_view *view, struct gs_screen *screen)
{
    static const char *const names[] = {"1 Fleet", "2 Waiting", "3 Money"};
    static const char *const bys[] = {"namespace", "workload", "pool"};
    gs_screen_line(screen);
    for (unsigned i = 0; i < GS_TOP_PAGES; i++) {
        char text[48];
        char count[24] = "";
        if (i == GS_TOP_WAITING && view->n_waiting_all > 0) {
            (void)snprintf(count, sizeof(count), " (%zu)", view->n_waiting_all);
        }
        (void)snprintf(text, sizeof(text), i == view->page ? "[%s%s]" : " %s%s ", names[i], count);
        gs_screen_put(screen, i == view->page ? GS_SCREEN_BOLD : GS_SCREEN_DIM, text);
    }
    if (view->page == GS_TOP_FLEET) {
        gs_screen_putf(screen, GS_SCREEN_DIM, "  by %s%s", gs_top_sort_names[view->sort],
                       view->reverse ? ", turned round" : "");
    } else if (view->page == GS_TOP_MONEY) {
        gs_screen_putf(screen, GS_SCREEN_DIM, "  by %s", bys[view->by]);
    }
    if (view->filter[0] != '\0') {
        gs_screen_putf(screen, GS_SCREEN_COMES, "  filter: %s", view->filter);
    }
}

static void put_foot(const struct gs_top_view *view, struct gs_screen *screen)
{
    gs_screen_line(screen);
    if (view->typing) {
        gs_screen_putf(screen, GS_SCREEN_BOLD, "/%s_", view->filter);
        gs_screen_put(screen, GS_SCREEN_DIM, "  Enter keeps it, Esc drops it");
    } else if (view->source->trouble[0] != '\0') {
        gs_screen_cell(screen, GS_SCREEN_BAD, screen->columns, false, view->source->trouble);
    } else if (view->failed) {
        gs_screen_put(screen, GS_SCREEN_BAD, "no memory for all of it");
    } else {
        gs_screen_put(screen, GS_SCREEN_DIM,
                      "q quit  1 2 3 views  / filter  s sort  e GPUs  b by  p pause  h help");
    }
}

static void put_help(struct gs_screen *screen, unsigned lines)
{
    static const char *const text[] = {
        "q, ^C       ends                          p        stands still",
        "1 2 3, Tab  fleet, waiting, money         /        filter: names, holders, pools",
        "arrows, j k one row; PgUp PgDn a page     Esc      no filter",
        "g G         first row, last row           s r      order of nodes; turned round",
        "e           GPUs of nodes, or not         b        whose money",
        "",
        "1g!   held              1g    idle        1g>   promised to a pod",
        "1g+   comes by a re-cut 1g-   goes        1g?   sick",
        " .    not cut            x    stranded: nothing fits beside what is cut",
        "",
        "HELD: slices that somebody has, of all. IDLE, STRAND: of the memory.",
        "Stranded dollars: of what nothing fits into even if idle slices are cut anew.",
    };
    for (unsigned i = 0; i < lines; i++) {
        gs_screen_line(screen);
        gs_screen_put(screen, GS_SCREEN_PLAIN, i < GS_ARRAY_LEN(text) ? text[i] : "");
    }
}

static void put_rows(struct gs_top_view *view, struct gs_screen *screen, unsigned height)
{
    const struct page *page = &pages[view->page];
    size_t n = gs_top_view_length(view);
    view->height = height;
    view->top = view->cursor < view->top             ? view->cursor
                : view->cursor >= view->top + height ? view->cursor - height + 1
                                                     : view->top;
    view->top = n > height && view->top + height > n ? n - height : n <= height ? 0 : view->top;
    for (size_t i = view->top; i < view->top + height; i++) {
        if (i < n) {
            page->row(view, screen, i, i == view->cursor);
        } else {
            gs_screen_line(screen);
        }
    }
}

/* All there is, for a file or a pipe. */
static void draw_plain(struct gs_top_view *view, struct gs_screen *screen)
{
    const struct page *page = &pages[view->page];
    put_title(view, screen, false);
    put_summary(view, screen);
    if (view->n_waiting_all > 0 && view->page != GS_TOP_WAITING) {
        gs_screen_line(screen);
        gs_screen_putf(screen, GS_SCREEN_PLAIN, "%zu pod%s for slices", view->n_waiting_all,
                       view->n_waiting_all == 1 ? " waits" : "s wait");
    }
    if (view->source->trouble[0] != '\0') {
        gs_screen_line(screen);
        gs_screen_put(screen, GS_SCREEN_BAD, view->source->trouble);
    }
    gs_screen_line(screen);
    size_t n = gs_top_view_length(view);
    if (n == 0 && page->details != NULL) {
        page->details(view, screen, 1);
        return;
    }
    gs_screen_line(screen);
    page->head(view, screen);
    for (size_t i = 0; i < n; i++) {
        page->row(view, screen, i, false);
    }
}

void gs_top_view_draw(struct gs_top_view *view, struct gs_screen *screen, unsigned columns,
                      unsigned rows)
{
    const struct page *page = &pages[view->page];
    gs_screen_begin(screen, columns);
    if (rows == 0) {
        draw_plain(view, screen);
        return;
    }
    bool details = rows >= DETAILS_FROM_ROWS && page->details != NULL;
    unsigned others = HEAD + 1 + (details ? DETAILS : 0);
    put_title(view, screen, true);
    put_summary(view, screen);
    put_tabs(view, screen);
    gs_screen_line(screen);
    page->head(view, screen);
    unsigned height = rows > others ? rows - others : 0;
    if (view->help) {
        put_help(screen, height);
    } else {
        put_rows(view, screen, height > 0 ? height : 1);
    }
    if (details) {
        page->details(view, screen, DETAILS);
    }
    put_foot(view, screen);
}
