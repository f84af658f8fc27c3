#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "cli/bench/bench.h"

enum { CELL_MAX = 64, BAR_MAX = 40 };

/* ------------------------------------------------------------------ figures for people */

/* Three digits and a unit that suits: "41.2 us", "23.4 M/s". */
static void format_value(enum gs_cmd_bench_unit unit, double value, char ret[CELL_MAX])
{
    static const struct {
        double at_least;
        const char *name;
    } times[] = {{1, "s"}, {1e-3, "ms"}, {1e-6, "us"}, {0, "ns"}},
      rates[] = {{1e9, "G/s"}, {1e6, "M/s"}, {1e3, "k/s"}, {0, "/s"}};
    static const double smallest[] = {1e-9, 1};
    bool is_rate = unit == GS_CMD_BENCH_RATE;
    size_t i = 0;
    while (value < (is_rate ? rates : times)[i].at_least) {
        i++;
    }
    double scale = (is_rate ? rates : times)[i].at_least;
    scale = scale > 0 ? scale : smallest[is_rate];
    double shown = value / scale;
    snprintf(ret, CELL_MAX,
             shown < 10    ? "%.2f %s"
             : shown < 100 ? "%.1f %s"
                           : "%.0f %s",
             shown, (is_rate ? rates : times)[i].name);
}

static void put_value(struct gs_table *table, enum gs_cmd_bench_unit unit, double value)
{
    char text[CELL_MAX];
    format_value(unit, value, text);
    gs_table_put(table, text);
}

static void put_verdict(struct gs_table *table, const struct gs_cmd_bench_measure *measure)
{
    char goal[CELL_MAX];
    format_value(measure->unit, measure->goal, goal);
    switch (gs_cmd_bench_judge(measure)) {
    case GS_CMD_BENCH_NO_GOAL:
        gs_table_put(table, "");
        return;
    case GS_CMD_BENCH_MET:
        gs_table_putf(table, "%s: ok", goal);
        gs_table_style(table, GS_STYLE_GOOD);
        return;
    case GS_CMD_BENCH_MISSED:
        gs_table_putf(table, "%s: missed", goal);
        gs_table_style(table, GS_STYLE_BAD);
        return;
    }
}

static void put_bar(struct gs_table *table, double value, double most)
{
    char bar[BAR_MAX + 1];
    size_t n = most > 0 ? (size_t)lround(value / most * BAR_MAX) : 0;
    n = n == 0 ? 1 : n > BAR_MAX ? BAR_MAX : n;
    memset(bar, '#', n);
    bar[n] = '\0';
    gs_table_put(table, bar);
}

/* ------------------------------------------------------------------ times */

static double longest(const struct gs_cmd_bench_section *section)
{
    double most = 0;
    for (size_t i = 0; i < section->n_measures; i++) {
        most = fmax(most, gs_cmd_bench_of_runs(section->measures[i], true).median);
    }
    return most;
}

static void print_times(const struct gs_cmd_bench_section *section, struct gs_buf *out)
{
    static const struct gs_column columns[] = {
        {.title = "MEASURED"},
        {.title = "CPU MIN", .right = true},
        {.title = "MEDIAN", .right = true},
        {.title = "MAX", .right = true},
        {.title = "WALL MEDIAN", .right = true},
        {.title = "GOAL", .right = true},
        {.title = ""},
    };
    GS_CLEANUP(gs_table_freep)
    struct gs_table *table =
        gs_table_new(columns, GS_ARRAY_LEN(columns) - (section->def->bars ? 0 : 1));
    for (size_t i = 0; i < section->n_measures; i++) {
        const struct gs_cmd_bench_measure *measure = section->measures[i];
        const struct gs_cmd_bench_spread cpu = gs_cmd_bench_of_runs(measure, true);
        gs_table_put(table, measure->what);
        put_value(table, measure->unit, cpu.min);
        put_value(table, measure->unit, cpu.median);
        put_value(table, measure->unit, cpu.max);
        put_value(table, measure->unit, gs_cmd_bench_of_runs(measure, false).median);
        put_verdict(table, measure);
        if (section->def->bars) {
            put_bar(table, cpu.median, longest(section));
        }
    }
    gs_table_print(table, 2, gs_output_styled(), out);
}

/* ------------------------------------------------------------------ what was found */

static void put_words(struct gs_buf *out, const char *key)
{
    for (const char *p = key; *p != '\0'; p++) {
        gs_buf_put(out, *p == '_' ? " " : p, 1);
    }
}

static void put_fact(struct gs_buf *out, const struct gs_cmd_bench_fact *fact)
{
    static const char seconds[] = "_s";
    size_t n = strlen(fact->name);
    double value = (double)fact->number / pow(10, fact->places);
    char text[CELL_MAX];
    if (fact->places >= 9 && n > 2 && strcmp(fact->name + n - 2, seconds) == 0) {
        format_value(GS_CMD_BENCH_SECONDS, value, text);
        gs_buf_printf(out, " %.*s %s", (int)n - 2, fact->name, text);
    } else {
        gs_buf_puts(out, " ");
        put_words(out, fact->name);
        gs_buf_printf(out, " %.*f", (int)fact->places, value);
    }
    if (fact->at_most > 0) {
        gs_buf_printf(out, " (goal %g: %s)", (double)fact->at_most / pow(10, fact->places),
                      fact->number <= fact->at_most ? "ok" : "missed");
    }
}

static void print_found(const struct gs_cmd_bench_section *section, struct gs_buf *out)
{
    for (size_t i = 0; i < section->n_measures; i++) {
        const struct gs_cmd_bench_measure *measure = section->measures[i];
        for (size_t f = 0; f < measure->n_facts; f++) {
            gs_buf_printf(out, f == 0 ? "  %s:" : "%s", f == 0 ? measure->what : ",");
            put_fact(out, &measure->facts[f]);
        }
        gs_buf_puts(out, measure->n_facts > 0 ? "\n" : "");
    }
}

/* ------------------------------------------------------------------ peers */

static void put_spread(struct gs_table *table, bool given, struct gs_cmd_bench_spread spread)
{
    if (given) {
        gs_table_putf(table, "%.3g / %.3g / %.3g", spread.min, spread.median, spread.max);
    } else {
        gs_table_put(table, "not known");
    }
}

static void put_peer(struct gs_table *table, const struct gs_cmd_bench_measure *measure,
                     const struct gs_cmd_bench_peer *peer)
{
    struct gs_cmd_bench_spread spread;
    gs_table_put(table, measure->what);
    gs_table_put(table, peer->name);
    for (int cpu = 1; cpu >= 0; cpu--) {
        bool given = gs_cmd_bench_of_peer(peer, cpu == 1, &spread);
        if (given) {
            put_value(table, GS_CMD_BENCH_SECONDS, spread.median);
        } else {
            gs_table_put(table, "not known");
        }
    }
    put_spread(table, gs_cmd_bench_ratio(measure, peer, true, &spread), spread);
    gs_table_put(table, peer->status == NULL ? "" : peer->status);
    gs_table_putf(table, peer->has_value ? "%.15g" : "none", peer->value);
    gs_table_putf(table, peer->has_bound ? "%.15g" : "none", peer->bound);
}

static void print_peers(const struct gs_cmd_bench_section *section, struct gs_buf *out)
{
    static const struct gs_column columns[] = {
        {.title = "PEER ON THE SAME"},
        {.title = "PEER"},
        {.title = "CPU MEDIAN", .right = true},
        {.title = "WALL", .right = true},
        {.title = "TIMES OUR CPU, MIN / MEDIAN / MAX", .right = true},
        {.title = "STATUS"},
        {.title = "VALUE", .right = true},
        {.title = "BOUND", .right = true},
    };
    GS_CLEANUP(gs_table_freep)
    struct gs_table *table = gs_table_new(columns, GS_ARRAY_LEN(columns));
    for (size_t i = 0; i < section->n_measures; i++) {
        const struct gs_cmd_bench_measure *measure = section->measures[i];
        for (size_t p = 0; p < measure->n_peers; p++) {
            if (measure->peers[p].skipped == NULL) {
                put_peer(table, measure, &measure->peers[p]);
            }
        }
    }
    if (gs_table_rows(table) > 0) {
        gs_buf_puts(out, "\n");
        gs_table_print(table, 2, gs_output_styled(), out);
    }
}

/* Whether a measure before the n-th of the section says the same of a peer. */
static bool said_before(const struct gs_cmd_bench_section *section, size_t n, const char *reason)
{
    for (size_t i = 0; i < n; i++) {
        const struct gs_cmd_bench_measure *measure = section->measures[i];
        for (size_t p = 0; p < measure->n_peers; p++) {
            const char *other = measure->peers[p].skipped;
            if (other != NULL && strcmp(other, reason) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void print_skipped(const struct gs_cmd_bench_section *section, struct gs_buf *out)
{
    for (size_t i = 0; i < section->n_measures; i++) {
        const struct gs_cmd_bench_measure *measure = section->measures[i];
        for (size_t p = 0; p < measure->n_peers; p++) {
            const struct gs_cmd_bench_peer *peer = &measure->peers[p];
            if (peer->skipped != NULL && !said_before(section, i, peer->skipped)) {
                gs_buf_printf(out, "  skipped: %s: %s\n", peer->name, peer->skipped);
            }
        }
    }
}

/* ------------------------------------------------------------------ all of it */

static void print_grid(const struct gs_cmd_bench_grid *grid, struct gs_buf *out)
{
    struct gs_column columns[GS_CMD_BENCH_GRID_MAX + 1] = {{.title = ""}};
    for (size_t c = 0; c < grid->n_columns; c++) {
        columns[c + 1] = (struct gs_column){.title = grid->columns[c], .right = true};
    }
    GS_CLEANUP(gs_table_freep)
    struct gs_table *table = gs_table_new(columns, grid->n_columns + 1);
    for (size_t i = 0; i < grid->n_rows; i++) {
        gs_table_put(table, grid->rows[i].label);
        for (size_t c = 0; c < grid->n_columns; c++) {
            gs_table_putf(table, "%.*f", (int)grid->places, grid->rows[i].cells[c]);
        }
    }
    gs_buf_printf(out, "\n  %s\n", grid->title);
    gs_table_print(table, 2, gs_output_styled(), out);
}

static void print_section(const struct gs_cmd_bench_section *section, struct gs_buf *out)
{
    gs_buf_puts(out, "\n");
    if (gs_output_styled()) {
        gs_text_styled(out, GS_STYLE_BOLD, section->def->name);
    } else {
        gs_buf_puts(out, section->def->name);
    }
    gs_buf_printf(out, ": %s\n", section->def->says);
    if (section->n_measures > 0) {
        print_times(section, out);
    }
    print_found(section, out);
    print_peers(section, out);
    for (size_t i = 0; i < section->n_grids; i++) {
        print_grid(section->grids[i], out);
    }
    print_skipped(section, out);
    for (size_t i = 0; i < section->n_notes; i++) {
        gs_buf_printf(out, "  %s\n", section->notes[i]);
    }
}

int gs_cmd_bench_write_table(const struct gs_cmd_bench *bench, struct gs_err *err)
{
    const struct gs_cmd_bench_machine *machine = &bench->machine;
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, GS_OUTPUT_MAX);
    gs_buf_printf(&out, "gpuslice %s, %s, %s\n%s, %llu cores, %llu MiB, %s", GS_VERSION,
                  machine->build, machine->compiler, machine->cpu,
                  (unsigned long long)machine->cores, (unsigned long long)machine->memory_mib,
                  machine->kernel);
    if (machine->load >= 0) {
        gs_buf_printf(&out, ", load average %.2f", machine->load);
    }
    gs_buf_printf(&out,
                  "\nseed %llu, %llu runs of each after one to warm up; goals are held against the "
                  "median CPU time\n",
                  (unsigned long long)bench->args->seed, (unsigned long long)bench->args->repeat);
    for (size_t i = 0; i < bench->n_sections; i++) {
        print_section(&bench->sections[i], &out);
    }
    return gs_output_text(&out, err);
}
