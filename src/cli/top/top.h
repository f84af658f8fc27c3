/* top: what `gpuslice top` shows, of a cluster or of one machine, and what keys do to it.
 *
 * A source keeps a board (and, of a cluster, the store) up to date; a view makes rows of them and
 * draws those that fit into the window. Views are pure but for the heap: whole frames are made in
 * tests. docs/internals/top.md. */
#pragma once

#include <jansson.h>
#include <systemd/sd-event.h>

#include "board/sight.h"
#include "cli/cluster/link.h"
#include "cli/top/keys.h"
#include "cli/top/screen.h"

struct gs_store;
struct gs_store_waiting;

/* ---- sources ---- */

enum { GS_TOP_TROUBLE_MAX = 400 };

struct gs_top_source {
    const char *kind; /* "cluster", "machine" */
    const char *name;
    struct gs_board *board;
    struct gs_store *store; /* NULL: one machine */
    bool settled;           /* everything was read once, or cannot be */
    bool whole;             /* everything was read */
    bool failed;            /* nothing at all can be read; `trouble` says why */
    int code;               /* of that failure */
    int sys_errno;
    uint64_t decided_us; /* CLOCK_REALTIME: when it was worked out what pods get; 0: it is not */
    char trouble[GS_TOP_TROUBLE_MAX]; /* what cannot be read, in a line; "": nothing */
    void (*changed)(void *ctx);       /* something may be drawn anew */
    void *ctx;
};

struct gs_top_cluster; /* cluster.c */
struct gs_top_machine; /* machine.c */

/* Begins to watch; turns nothing. The link is borrowed. GS_NO_MEMORY, GS_IO. */
int gs_top_cluster_open(struct gs_link *link, struct gs_top_source *source, const char *region,
                        struct gs_top_cluster **ret, struct gs_err *err);
void gs_top_cluster_close(struct gs_top_cluster *cluster);

/* Looks once, and then every second. Texts are borrowed. Codes of gs_machine_board_open. */
int gs_top_machine_open(sd_event *event, struct gs_top_source *source, const char *instance_type,
                        const char *region, struct gs_top_machine **ret, struct gs_err *err);
void gs_top_machine_close(struct gs_top_machine *machine);

/* ---- the view ---- */

enum gs_top_page { GS_TOP_FLEET, GS_TOP_WAITING, GS_TOP_MONEY, GS_TOP_PAGES };
enum gs_top_sort {
    GS_TOP_BY_NAME,
    GS_TOP_BY_HELD,
    GS_TOP_BY_IDLE,
    GS_TOP_BY_STRANDED,
    GS_TOP_BY_PRICE,
    GS_TOP_BY_STATE,
    GS_TOP_SORTS
};
enum gs_top_by { GS_TOP_BY_NAMESPACE, GS_TOP_BY_WORKLOAD, GS_TOP_BY_POOL, GS_TOP_BYS };
enum { GS_TOP_FILTER_MAX = 64, GS_TOP_OPEN_GPUS_MAX = 64 };

extern const char *const gs_top_page_names[GS_TOP_PAGES + 1];
extern const char *const gs_top_sort_names[GS_TOP_SORTS + 1];

struct gs_top_row {
    uint32_t node; /* in `nodes` */
    int gpu;       /* -1: the node itself */
};

struct gs_top_money_row {
    const char *name;
    uint64_t uusd_h;
    uint64_t slices;
};

struct gs_top_view {
    const struct gs_top_source *source;
    unsigned page; /* enum gs_top_page */
    unsigned sort; /* enum gs_top_sort */
    unsigned by;   /* enum gs_top_by */
    bool reverse;
    bool closed; /* GPUs of nodes are not listed */
    bool asked_closed;
    bool paused;
    bool typing; /* the filter */
    bool help;
    char filter[GS_TOP_FILTER_MAX * 4];
    size_t cursor; /* the row at hand */
    size_t top;    /* the first that is drawn */
    size_t height; /* rows that were drawn last */
    uint64_t now_us;

    /* made by gs_top_view_refresh */
    uint64_t revision;
    bool made;
    struct gs_board_sight *nodes;
    size_t n_nodes, cap_nodes;
    struct gs_board_units units;
    uint64_t n_gpus, n_unwell, n_nodes_unwell;
    struct gs_top_row *rows;
    size_t n_rows, cap_rows;
    const struct gs_store_waiting **waiting;
    size_t n_waiting, cap_waiting, n_waiting_all;
    json_t *bill; /* the document; NULL: none */
    struct gs_top_money_row *money;
    size_t n_money, cap_money;
    bool failed; /* no memory */
};

void gs_top_view_init(struct gs_top_view *view, const struct gs_top_source *source);
void gs_top_view_done(struct gs_top_view *view);

/* Rows anew of what the source has now. `now_us`: CLOCK_REALTIME. */
void gs_top_view_refresh(struct gs_top_view *view, uint64_t now_us);

/* True: the program is to end. */
bool gs_top_view_type(struct gs_top_view *view, const struct gs_top_typed *typed);

/* How many rows the page has. */
size_t gs_top_view_length(const struct gs_top_view *view);

/* A frame as of the last refresh. `rows` 0: all there is, without what is for keys. */
void gs_top_view_draw(struct gs_top_view *view, struct gs_screen *screen, unsigned columns,
                      unsigned rows);

/* ---- parts of the view ---- */

/* rows.c */
void gs_top_make_rows(struct gs_top_view *view);
bool gs_top_matches(const struct gs_top_view *view, const char *text);

/* fleet.c: `row` is in `rows` */
void gs_top_draw_fleet_head(const struct gs_top_view *view, struct gs_screen *screen);
void gs_top_draw_fleet_row(const struct gs_top_view *view, struct gs_screen *screen, size_t row,
                           bool marked);
void gs_top_draw_fleet_details(const struct gs_top_view *view, struct gs_screen *screen,
                               unsigned lines);

/* waiting.c */
void gs_top_make_waiting(struct gs_top_view *view);
void gs_top_draw_waiting_head(const struct gs_top_view *view, struct gs_screen *screen);
void gs_top_draw_waiting_row(const struct gs_top_view *view, struct gs_screen *screen, size_t row,
                             bool marked);
void gs_top_draw_waiting_details(const struct gs_top_view *view, struct gs_screen *screen,
                                 unsigned lines);

/* money.c */
void gs_top_make_money(struct gs_top_view *view);
void gs_top_draw_money_head(const struct gs_top_view *view, struct gs_screen *screen);
void gs_top_draw_money_row(const struct gs_top_view *view, struct gs_screen *screen, size_t row,
                           bool marked);
/* "$12.34/h used 10.00, ..." into the line begun last. */
void gs_top_put_bill(const struct gs_top_view *view, struct gs_screen *screen);

/* "12.34", thousands parted by commas; millionths of a dollar, rounded to cents. "?": not known. */
enum { GS_TOP_DOLLARS_MAX = 40 };
void gs_top_format_dollars(uint64_t uusd, char ret[GS_TOP_DOLLARS_MAX]);

/* A text over several lines, cut at blanks where they come. */
void gs_top_put_lines(struct gs_screen *screen, unsigned lines, const char *text);

/* ---- the document ---- */

/* The board's documents in one, appended to `out` as JSON. GS_LIMIT, GS_NO_MEMORY. */
int gs_top_put_doc(const struct gs_top_source *source, uint64_t now_us, struct gs_buf *out,
                   struct gs_err *err);
