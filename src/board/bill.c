/* The document about money. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "board/bill.h"
#include "board/write.h"

void gs_board_bill_free(struct gs_board_bill **bill)
{
    if (*bill != NULL) {
        free((*bill)->by_namespace);
        free((*bill)->by_workload);
        free((*bill)->by_pool);
        free(*bill);
    }
}

static void add(struct gs_board_use *use, uint64_t uusd_h)
{
    use->uusd_h += uusd_h;
    use->slices++;
}

/* The nth whole GPU that pods of the node have: all cost the same, so it does not matter which. */
static const struct gs_board_holder *whole_pod(const struct gs_board_place *place, unsigned n)
{
    for (const struct gs_board_holder *pod = place->pods; pod != NULL; pod = pod->next) {
        const struct gs_board_asks *asks = pod->bound ? pod->asks : NULL;
        for (unsigned w = 0; asks != NULL && w < asks->n; w++) {
            unsigned count = asks->wants[w].whole ? asks->wants[w].count : 0;
            if (n < count) {
                return pod;
            }
            n -= count;
        }
    }
    return NULL;
}

static void take(void *ctx, unsigned gpu, uint32_t slice, uint64_t uusd_h)
{
    struct gs_board_bill *bill = ctx;
    const struct gs_board *board = bill->board;
    const struct gs_board_holder *holder = slice == GS_MONEY_WHOLE
                                               ? whole_pod(bill->place, bill->whole_given++)
                                               : bill->apart[gpu].slices[slice].holder;
    uint32_t name_space = holder == NULL ? board->namespaces.n : holder->name_space;
    uint32_t workload =
        holder == NULL || holder->workload == GS_BOARD_NONE ? board->workloads.n : holder->workload;
    bool in_pool = bill->place->pool != GS_BOARD_NONE && bill->place->facts.pool[0] != '\0';
    uint32_t pool = in_pool ? bill->place->pool : board->pools.n;
    add(&bill->by_namespace[name_space], uusd_h);
    add(&bill->by_workload[workload], uusd_h);
    add(&bill->by_pool[pool], uusd_h);
}

static int add_place(struct gs_board_bill *bill, const struct gs_board_place *place,
                     struct gs_err *err)
{
    unsigned n = gs_board_gpus(place, bill->apart);
    bool broken = place->facts.state == GS_BOARD_BROKEN;
    bill->place = place;
    bill->whole_given = 0;
    for (unsigned k = 0; k < n; k++) {
        bill->gpus[k] = gs_board_money_gpu(&bill->apart[k], bill->slices[k]);
        bill->gpus[k].sick |= broken;
    }
    const struct gs_money_node node = {.uusd_h = place->uusd_h,
                                       .starting = place->facts.state == GS_BOARD_STARTING,
                                       .gpus = bill->gpus,
                                       .n_gpus = n};
    return gs_money_node(bill->board->money, &node, &bill->sum, take, bill, err);
}

int gs_board_bill(struct gs_board *board, struct gs_board_bill **ret, struct gs_err *err)
{
    GS_CLEANUP(gs_board_bill_free) struct gs_board_bill *bill = calloc(1, sizeof(*bill));
    int r = 0;
    size_t at = 0;
    if (bill == NULL) {
        return gs_board_no_memory(err);
    }
    bill->board = board;
    bill->by_namespace = calloc(board->namespaces.n + 1, sizeof(struct gs_board_use));
    bill->by_workload = calloc(board->workloads.n + 1, sizeof(struct gs_board_use));
    bill->by_pool = calloc(board->pools.n + 1, sizeof(struct gs_board_use));
    if (bill->by_namespace == NULL || bill->by_workload == NULL || bill->by_pool == NULL) {
        return gs_board_no_memory(err);
    }
    const struct gs_board_place *place;
    while (r == 0 && (place = gs_map_next(&board->places, &at)) != NULL) {
        r = place->shown ? add_place(bill, place, err) : 0;
    }
    if (r == 0) {
        *ret = GS_TAKE(bill);
    }
    return r;
}

/* ---- the bound ---- */

static uint64_t hash_kinds(const struct gs_money_sum *sum)
{
    uint64_t hash = GS_HASH64_EMPTY;
    for (unsigned i = 0; i < sum->n_kinds; i++) {
        const struct gs_money_kind *kind = &sum->kinds[i];
        uint64_t parts[GS_PROFILES_MAX + 4] = {(uintptr_t)kind->model, kind->strange, kind->whole,
                                               kind->cheapest_gpu};
        memcpy(parts + 4, kind->slices, sizeof(kind->slices));
        for (size_t k = 0; k < GS_ARRAY_LEN(parts); k++) {
            hash = (hash ^ parts[k]) * GS_HASH64_PRIME;
        }
    }
    return hash;
}

/* Worked out again only when what is held has changed. */
bool gs_board_find_bound(struct gs_board *board, const struct gs_money_sum *sum, uint64_t *ret)
{
    uint64_t of = hash_kinds(sum);
    if (board->bound_of != of || of == 0) {
        board->bound_of = of;
        board->bound_known = gs_money_bound(sum, &board->bound, NULL) == 0;
    }
    *ret = board->bound;
    return board->bound_known;
}

/* ---- the document ---- */

struct row {
    const char *name;
    struct gs_board_use use;
};

static int by_cost(const void *a, const void *b)
{
    const struct row *left = a;
    const struct row *right = b;
    if (left->use.uusd_h != right->use.uusd_h) {
        return left->use.uusd_h > right->use.uusd_h ? -1 : 1;
    }
    return strcmp(left->name, right->name);
}

static void put_rows(struct gs_jsonwrite *json, const char *key, struct row *rows, size_t n)
{
    qsort(rows, n, sizeof(*rows), by_cost);
    gs_jsonwrite_open(json, key, '[');
    for (size_t i = 0; i < n; i++) {
        gs_jsonwrite_open(json, NULL, '{');
        gs_jsonwrite_text(json, "name", rows[i].name);
        gs_jsonwrite_number(json, "uusd_h", rows[i].use.uusd_h);
        gs_jsonwrite_number(json, "slices", rows[i].use.slices);
        gs_jsonwrite_close(json, '}');
    }
    gs_jsonwrite_close(json, ']');
}

/* Those that the reader may not see are one row. */
struct table {
    struct row *rows;
    size_t n;
    struct gs_board_use hidden;
};

static void add_row(struct table *table, bool seen, const char *name,
                    const struct gs_board_use *use)
{
    if (use->slices == 0) {
        return;
    }
    if (!seen) {
        table->hidden.uusd_h += use->uusd_h;
        table->hidden.slices += use->slices;
        return;
    }
    table->rows[table->n++] = (struct row){name, *use};
}

static void end_table(struct table *table, struct gs_jsonwrite *json, const char *key)
{
    struct gs_board_use hidden = table->hidden;
    table->hidden = (struct gs_board_use){0, 0};
    add_row(table, true, "(not yours)", &hidden);
    put_rows(json, key, table->rows, table->n);
    table->n = 0;
}

static void put_tables(const struct gs_board_bill *bill, const struct gs_board_reader *reader,
                       struct row *rows, struct gs_jsonwrite *json)
{
    const struct gs_board *board = bill->board;
    struct table table = {.rows = rows};
    for (uint32_t i = 0; i < board->namespaces.n; i++) {
        const char *name = board->namespaces.at[i];
        add_row(&table, gs_board_sees(board, reader, i), name[0] == '\0' ? "(no pod)" : name,
                &bill->by_namespace[i]);
    }
    add_row(&table, true, "(no pod is known)", &bill->by_namespace[board->namespaces.n]);
    end_table(&table, json, "by_namespace");
    for (uint32_t i = 0; i < board->workloads.n; i++) {
        uint32_t of = board->workloads.name_space_of[i];
        add_row(&table, gs_board_sees(board, reader, of), board->workloads.at[i],
                &bill->by_workload[i]);
    }
    add_row(&table, true, "(no owner is known)", &bill->by_workload[board->workloads.n]);
    end_table(&table, json, "by_workload");
    for (uint32_t i = 0; i < board->pools.n; i++) {
        add_row(&table, true, board->pools.at[i], &bill->by_pool[i]);
    }
    add_row(&table, true, "(no pool)", &bill->by_pool[board->pools.n]);
    end_table(&table, json, "by_pool");
}

static void put_sum(struct gs_board *board, const struct gs_money_sum *sum,
                    struct gs_jsonwrite *json)
{
    uint64_t bound = 0;
    gs_jsonwrite_number(json, "bill", sum->bill);
    gs_jsonwrite_number(json, "used", sum->used);
    gs_jsonwrite_number(json, "idle", sum->idle);
    gs_jsonwrite_number(json, "stranded", sum->stranded);
    gs_jsonwrite_number(json, "starting", sum->starting);
    gs_jsonwrite_number(json, "unknown_nodes", sum->unknown_nodes);
    gs_jsonwrite_number(json, "unknown_gpus", sum->unknown_gpus);
    gs_jsonwrite_number(json, "whole_gpus", sum->whole_gpus);
    if (gs_board_find_bound(board, sum, &bound)) {
        gs_jsonwrite_number(json, "bound", bound);
    } else {
        gs_jsonwrite_null(json, "bound");
    }
}

int gs_board_write_money(struct gs_board *board, const struct gs_board_reader *reader,
                         struct gs_buf *out, struct gs_err *err)
{
    GS_CLEANUP(gs_board_bill_free) struct gs_board_bill *bill = NULL;
    int r = gs_board_bill(board, &bill, err);
    if (r != 0) {
        return r;
    }
    size_t most = (size_t)board->namespaces.n + board->workloads.n + board->pools.n + 4;
    struct row *rows = calloc(most, sizeof(*rows));
    if (rows == NULL) {
        return gs_board_no_memory(err);
    }
    struct gs_jsonwrite json = {.out = out};
    gs_jsonwrite_open(&json, NULL, '{');
    gs_board_put_head(board, &json);
    put_sum(board, &bill->sum, &json);
    put_tables(bill, reader, rows, &json);
    gs_jsonwrite_close(&json, '}');
    free(rows);
    return gs_jsonwrite_end(&json, "the bill", err);
}
