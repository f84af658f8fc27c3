/* Pods that wait, drawn. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cluster/case.h"
#include "cli/cluster/scene.h"
#include "cli/top/top.h"
#include "decide/decide.h"
#include "picture/store.h"

enum { ASKS = 15, WAITS = 7, NEXT = 7, NAME_MIN = 10, WHY_MIN = 20, TEXT_MAX = 1400 };

static unsigned name_columns(const struct gs_screen *screen)
{
    unsigned others = ASKS + WAITS + NEXT + 4 + WHY_MIN;
    unsigned left = screen->columns > others ? screen->columns - others : 0;
    return left < NAME_MIN ? NAME_MIN : left > 40 ? 40 : left;
}

/* "2 x 1g.5gb, GPU" */
static void format_asks(const struct gs_store *store, const struct gs_store_pod *pod, char *ret,
                        size_t size)
{
    size_t used = 0;
    ret[0] = '\0';
    for (unsigned i = 0; i < pod->n_wants && used < size; i++) {
        char name[GS_PROFILE_NAME_MAX + 1] = "GPU";
        char count[16] = "";
        if (pod->wants[i].resource != 0) {
            gs_profile_name_format(&store->resources[pod->wants[i].resource], name);
        }
        if (pod->wants[i].count != 1) {
            (void)snprintf(count, sizeof(count), "%u x ", pod->wants[i].count);
        }
        int n = snprintf(ret + used, size - used, "%s%s%s", i == 0 ? "" : ", ", count, name);
        used += n < 0 ? 0 : (size_t)n;
    }
}

/* Who has waited longest first. */
static int by_age(const void *a, const void *b)
{
    const struct gs_store_waiting *left = *(const struct gs_store_waiting *const *)a;
    const struct gs_store_waiting *right = *(const struct gs_store_waiting *const *)b;
    if (left->wait.created_us != right->wait.created_us) {
        return left->wait.created_us < right->wait.created_us ? -1 : 1;
    }
    return strcmp(left->of->key, right->of->key);
}

static const char *decision_of(const struct gs_store_waiting *waiting)
{
    return waiting->why[0] == '\0' ? "?"
                                   : gs_case_decision_word((enum gs_decide_what)waiting->what);
}

static bool matches(const struct gs_top_view *view, const struct gs_store_waiting *waiting)
{
    char asks[TEXT_MAX];
    format_asks(view->source->store, waiting->of, asks, sizeof(asks));
    return gs_top_matches(view, waiting->of->key) || gs_top_matches(view, asks) ||
           gs_top_matches(view, decision_of(waiting)) || gs_top_matches(view, waiting->why);
}

static bool make_room(struct gs_top_view *view, size_t n)
{
    if (n <= view->cap_waiting) {
        return true;
    }
    const struct gs_store_waiting **grown = (const struct gs_store_waiting **)reallocarray(
        (void *)view->waiting, n, sizeof(const struct gs_store_waiting *));
    if (grown == NULL) {
        view->failed = true;
        return false;
    }
    view->waiting = grown;
    view->cap_waiting = n;
    return true;
}

void gs_top_make_waiting(struct gs_top_view *view)
{
    const struct gs_store *store = view->source->store;
    size_t n = store == NULL ? 0 : store->n_waiting;
    view->n_waiting = 0;
    view->n_waiting_all = n;
    if (store == NULL || !make_room(view, n)) {
        return;
    }
    for (const struct gs_store_waiting *one = store->waiting; one != NULL && view->n_waiting < n;
         one = one->next) {
        if (view->page != GS_TOP_WAITING || matches(view, one)) {
            view->waiting[view->n_waiting++] = one;
        }
    }
    if (view->n_waiting > 0 && view->page == GS_TOP_WAITING) {
        qsort((void *)view->waiting, view->n_waiting, sizeof(const struct gs_store_waiting *),
              by_age);
    }
}

static void put_cells(struct gs_screen *screen, const char *const text[5],
                      enum gs_screen_style style, enum gs_screen_style why)
{
    const unsigned columns[] = {name_columns(screen), ASKS, WAITS, NEXT};
    for (unsigned i = 0; i < GS_ARRAY_LEN(columns); i++) {
        gs_screen_cell(screen, style, columns[i], i == 2, text[i]);
        gs_screen_put(screen, style, " ");
    }
    if (gs_screen_used(screen) < screen->columns) {
        gs_screen_cell(screen, why, screen->columns - gs_screen_used(screen), false, text[4]);
    }
}

void gs_top_draw_waiting_head(const struct gs_top_view *view, struct gs_screen *screen)
{
    static const char *const titles[] = {"POD", "ASKS FOR", "WAITS", "NEXT", "WHY"};
    (void)view;
    put_cells(screen, titles, GS_SCREEN_TITLE, GS_SCREEN_TITLE);
}

void gs_top_draw_waiting_row(const struct gs_top_view *view, struct gs_screen *screen, size_t row,
                             bool marked)
{
    const struct gs_store_waiting *waiting = view->waiting[row];
    char asks[TEXT_MAX];
    char age[GS_SCENE_AGE_MAX];
    uint64_t since = waiting->wait.created_us;
    format_asks(view->source->store, waiting->of, asks, sizeof(asks));
    gs_scene_format_age(since < view->now_us ? (view->now_us - since) / 1000000 : 0, age);
    const char *const text[] = {waiting->of->key, asks, age, decision_of(waiting), waiting->why};
    gs_screen_line(screen);
    put_cells(screen, text, marked ? GS_SCREEN_MARKED : GS_SCREEN_PLAIN, GS_SCREEN_PLAIN);
}

void gs_top_draw_waiting_details(const struct gs_top_view *view, struct gs_screen *screen,
                                 unsigned lines)
{
    char text[TEXT_MAX] = "";
    if (view->source->store == NULL) {
        (void)snprintf(text, sizeof(text), "a machine without a cluster has no pods that wait");
    } else if (view->cursor < view->n_waiting) {
        const struct gs_store_waiting *waiting = view->waiting[view->cursor];
        (void)snprintf(text, sizeof(text), "%s: %s%s%s", waiting->of->key,
                       waiting->why[0] == '\0' ? "not worked out yet" : waiting->why,
                       waiting->wait.gated ? "; at our gate" : "; without our gate",
                       waiting->of->nominated == NULL ? "" : "; booked");
    } else {
        (void)snprintf(text, sizeof(text), "%s",
                       view->n_waiting_all > 0 ? "nothing here matches the filter"
                       : view->source->settled ? "no pod waits for slices"
                                               : "reading");
    }
    gs_top_put_lines(screen, lines, text);
}
