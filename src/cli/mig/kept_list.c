/* The checkpoints that were kept, for people and programs. */
#include "base/cleanup.h"
#include "base/table.h"
#include "cli/mig/change.h"
#include "cli/mig/kept.h"
#include "term/exit.h"

/* A kept checkpoint and what is in it. */
struct row {
    const struct gs_kept *kept;
    char path[PATH_MAX];
    int code; /* 0, or why it cannot be read */
    struct gs_err why;
    unsigned gpus;
    unsigned slices; /* MIG devices */
};

static int read_row(const char *dir, struct row *row, struct gs_err *err)
{
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_MIG_ARENA_MAX);
    const struct gs_mig_state *states;
    int r = gs_kept_path(dir, row->kept, row->path, err);
    if (r < 0) {
        return r;
    }
    row->slices = 0;
    row->code = gs_mig_read_kept(&arena, row->path, &states, &row->gpus, &row->why);
    for (unsigned i = 0; row->code == 0 && i < row->gpus; i++) {
        for (unsigned j = 0; j < states[i].n_gis; j++) {
            row->slices += states[i].gis[j].n_cis;
        }
    }
    return row->code == GS_NO_MEMORY ? gs_fail(err, GS_NO_MEMORY, "%s", row->why.msg) : 0;
}

void gs_kept_say_odd(const char *dir, const struct gs_kept *list, unsigned n,
                     const struct gs_kept_odds *odds)
{
    char text[PATH_MAX + 400];
    unsigned to_come = 0; /* they are the newest */
    while (to_come < n && list[to_come].to_come) {
        to_come++;
    }
    if (to_come > 0) {
        snprintf(text, sizeof(text),
                 "kept checkpoints of a time to come: %u, the newest of %s; the clock was set back "
                 "since",
                 to_come, list[0].when);
        gs_exit_note(text);
    }
    for (unsigned i = 0; i < odds->n && i < GS_KEPT_MAX; i++) {
        snprintf(text, sizeof(text), "left out: %.*s/checkpoints/%s: %s", PATH_MAX, dir,
                 odds->at[i].name, odds->at[i].why);
        gs_exit_note(text);
    }
    if (odds->n > GS_KEPT_MAX) {
        snprintf(text, sizeof(text), "left out: %u more in %.*s/checkpoints", odds->n - GS_KEPT_MAX,
                 PATH_MAX, dir);
        gs_exit_note(text);
    }
}

static void put_left_out(struct gs_result *result, const char *dir, const struct gs_kept_odds *odds)
{
    json_t *list = gs_result_array(result, result->root, "left_out");
    for (unsigned i = 0; i < odds->n && i < GS_KEPT_MAX; i++) {
        char path[PATH_MAX + GS_KEPT_NAME_MAX + 20];
        json_t *item = gs_result_object(result, list, NULL);
        snprintf(path, sizeof(path), "%.*s/checkpoints/%s", PATH_MAX, dir, odds->at[i].name);
        gs_result_text(result, item, "file", path);
        gs_result_text(result, item, "why", odds->at[i].why);
    }
}

static int write_doc(const struct row *rows, unsigned n, const char *dir,
                     const struct gs_kept_odds *odds, enum gs_format format, struct gs_err *err)
{
    GS_CLEANUP(gs_result_done) struct gs_result result;
    gs_result_init(&result);
    json_t *list = gs_result_array(&result, result.root, "checkpoints");
    for (unsigned i = 0; i < n; i++) {
        json_t *item = gs_result_object(&result, list, NULL);
        gs_result_number(&result, item, "number", i + 1);
        gs_result_text(&result, item, "when", rows[i].kept->when);
        gs_result_bool(&result, item, "to_come", rows[i].kept->to_come);
        gs_result_text(&result, item, "before", rows[i].kept->what);
        gs_result_known(&result, item, "gpus", rows[i].code < 0 ? GS_NOT_KNOWN : rows[i].gpus);
        gs_result_known(&result, item, "slices", rows[i].code < 0 ? GS_NOT_KNOWN : rows[i].slices);
        gs_result_text(&result, item, "error", rows[i].code < 0 ? rows[i].why.msg : NULL);
        gs_result_text(&result, item, "file", rows[i].path);
    }
    put_left_out(&result, dir, odds);
    return gs_output_result(&result, format, err);
}

static int write_table(const struct row *rows, unsigned n, const char *dir, struct gs_err *err)
{
    static const struct gs_column columns[] = {
        {.title = "NUMBER", .right = true},
        {.title = "WHEN"},
        {.title = "BEFORE"},
        {.title = "GPUS", .right = true},
        {.title = "SLICES", .right = true},
        {.title = "FILE"},
    };
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, GS_OUTPUT_MAX);
    if (n == 0) {
        gs_buf_printf(&text, "no checkpoint was kept in %s/checkpoints yet\n", dir);
        return gs_output_text(&text, err);
    }
    GS_CLEANUP(gs_table_freep)
    struct gs_table *table = gs_table_new(columns, GS_ARRAY_LEN(columns));
    for (unsigned i = 0; i < n; i++) {
        gs_table_putf(table, "%u", i + 1);
        gs_table_put(table, rows[i].kept->when);
        gs_table_put(table, rows[i].kept->what);
        if (rows[i].code < 0) {
            gs_table_put(table, "-");
            gs_table_put(table, "-");
        } else {
            gs_table_putf(table, "%u", rows[i].gpus);
            gs_table_putf(table, "%u", rows[i].slices);
        }
        gs_table_put(table, rows[i].path);
    }
    gs_table_print(table, 0, gs_output_styled(), &text);
    return gs_output_text(&text, err);
}

int gs_kept_print(const struct gs_mig_change_args *args, struct gs_arena *arena, struct gs_err *err)
{
    struct gs_kept list[GS_KEPT_MAX];
    struct gs_kept_odds odds;
    unsigned n = 0;
    const char *dir = gs_mig_state_dir(args->state_dir, arena);
    struct row *rows = GS_ARENA_NEW(arena, struct row, GS_KEPT_MAX);
    if (dir == NULL || rows == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the kept checkpoints");
    }
    int r = gs_kept_list(dir, list, &n, &odds, err);
    for (unsigned i = 0; r == 0 && i < n; i++) {
        rows[i].kept = &list[i];
        r = read_row(dir, &rows[i], err);
    }
    if (r < 0) {
        return r;
    }
    gs_kept_say_odd(dir, list, n, &odds);
    return args->format == GS_FORMAT_TABLE
               ? write_table(rows, n, dir, err)
               : write_doc(rows, n, dir, &odds, (enum gs_format)args->format, err);
}
