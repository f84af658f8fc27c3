#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "cli/simulate/simulate.h"
#include "cli/simulate/stretches.h"

/* Lines that grow in an arena. */
struct lines {
    struct gs_arena *arena;
    const char **items;
    size_t n;
    size_t cap;
    bool failed;
};

static void add(struct lines *lines, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct lines *lines, const char *fmt, ...)
{
    char text[GS_TRACE_RULE_TEXT_MAX + 200];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    size_t size = n < 0 ? 0 : (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
    const char *copy = gs_arena_text(lines->arena, text, size);
    if (copy == NULL ||
        !gs_arena_room(lines->arena, &lines->items, &lines->cap, lines->n, sizeof(*lines->items))) {
        lines->failed = true;
        return;
    }
    lines->items[lines->n++] = copy;
}

static int take(const struct lines *lines, struct gs_report_texts *ret, struct gs_err *err)
{
    *ret = (struct gs_report_texts){.items = lines->items, .n = lines->n};
    return lines->failed ? gs_fail(err, GS_NO_MEMORY, "no memory for the report") : 0;
}

/* ------------------------------------------------------------------ the map */

static int describe_map(const struct gs_simulate_study *study, struct gs_report *ret,
                        struct gs_err *err)
{
    struct lines lines = {.arena = study->question->arena};
    char text[GS_TRACE_RULE_TEXT_MAX];
    gs_trace_rule_text(&study->question->rule, text);
    add(&lines, "%s", text);
    return take(&lines, &ret->map_rules, err);
}

/* ------------------------------------------------------------------ the world */

static void describe_fleet(const struct gs_simulate_study *study, struct lines *lines)
{
    const struct gs_sim_world *world = &study->world;
    const struct gs_sim_type *type = &world->types[0];
    if (world->elastic) {
        add(lines, "nodes of %u x %s are switched on as jobs need them%s", type->gpus,
            world->model->id,
            study->question->args->world == GS_SIMULATE_INSTANT
                ? "; nothing takes time, so that GPUs that are on are all that is counted"
                : "");
    } else {
        add(lines, "%u node%s of %u x %s, always on; a job that finds no room %s", type->nodes,
            type->nodes == 1 ? "" : "s", type->gpus, world->model->id,
            world->lose ? "is lost" : "waits");
        add(lines,
            "the nodes are paid on all sides until the last job of any policy ends; SAVED is of "
            "GPU-hours with a job, which is room for other work; NODES is with how few a policy "
            "does as well as whole GPUs on all: %s",
            world->lose ? "no more is lost"
                        : "mean time to being done and 95th percentile of waiting, within a "
                          "re-cut");
    }
    if (type->hour_uusd > 0) {
        char price[GS_REPORT_WORD_MAX];
        add(lines, "%s in %s: %s a node and hour, on demand", type->name,
            study->question->args->region, gs_report_dollars(type->hour_uusd, price));
    } else {
        add(lines, "no price is known, so that no cost is told: --instance and --region name one");
    }
}

static void describe_times(const struct gs_simulate_study *study, struct lines *lines)
{
    const struct gs_sim_world *world = &study->world;
    char a[GS_REPORT_WORD_MAX], b[GS_REPORT_WORD_MAX], c[GS_REPORT_WORD_MAX];
    if (study->question->args->world == GS_SIMULATE_INSTANT) {
        return;
    }
    if (world->elastic) {
        add(lines, "a node boots %s, is kept %s after its last job, and is paid for %s at least",
            gs_report_time(world->boot_us / 1000, a), gs_report_time(world->keep_us / 1000, b),
            gs_report_time(world->bill_min_us / 1000, c));
    }
    add(lines, "a re-cut takes %s, a move %s", gs_report_time(world->recut_us / 1000, a),
        gs_report_time(world->move_us / 1000, b));
    if (world->spot_mean_us > 0) {
        add(lines, "a node is taken away after %s on average; a job goes on after %s, %s%s",
            gs_report_time(world->spot_mean_us / 1000, a),
            gs_report_time(world->restart_us / 1000, b),
            world->checkpoint_us > 0 ? "from what it saved each " : "from its beginning",
            world->checkpoint_us > 0 ? gs_report_time(world->checkpoint_us / 1000, c) : "");
    }
}

static int describe_world(const struct gs_simulate_study *study, struct gs_report *ret,
                          struct gs_err *err)
{
    struct lines lines = {.arena = study->question->arena};
    describe_fleet(study, &lines);
    describe_times(study, &lines);
    if (study->world.small.name != NULL) {
        add(&lines,
            "small-gpu: a job whose slice has no more than %u MiB gets a %s of its own, "
            "where it is %u %% as fast; its GPU-hours count small GPUs too, so compare its cost",
            study->world.small.memory_mib, study->world.small.name,
            study->world.small.speed_permille / 10u);
    }
    if (study->n_seeds > 1) {
        add(&lines, "all figures are means of %zu runs, with seeds from %" PRIu64 " on",
            study->n_seeds, study->question->args->seed);
    }
    return take(&lines, &ret->world_rules, err);
}

/* ------------------------------------------------------------------ notes */

enum { ROUGH = 20 }; /* fewer pieces */

/* Where a trace begins with work that runs already, it has the long ones of it only. */
static void add_blind(const struct gs_simulate_study *study, struct lines *lines)
{
    const struct gs_trace_totals *totals = &study->loads[0].totals;
    int64_t blind = totals->first_end_us - totals->first_arrive_us;
    int64_t span = totals->last_end_us - totals->first_arrive_us;
    char time[GS_REPORT_WORD_MAX];
    if (totals->first_end_us < 0 || totals->first_arrive_us < 0 || blind <= span / 10 ||
        study->world.from_us >= totals->first_end_us) {
        return;
    }
    if (totals->first_end_us >= totals->last_end_us) {
        add(lines, "nothing ends before the trace does: it is a moment, and no history");
        return;
    }
    add(lines, "nothing ends in the trace's first %s: of that time it has survivors only%s",
        gs_report_time(blind / 1000, time),
        study->question->args->world == GS_SIMULATE_QUEUE ? ""
                                                          : "; --window observed leaves it out");
}

static void add_too_wide(const struct gs_simulate_study *study, const struct gs_report *report,
                         struct lines *lines)
{
    const struct gs_simulate_load *load = &study->loads[0];
    if (load->widest == NULL || report->policies[0].lost == 0) {
        return;
    }
    add(lines, "%s", load->widest);
    add(lines,
        "pieces of work that fit no node, so that nobody finishes them and nothing is claimed: "
        "%" PRIu64 " (--node-gpus says how many GPUs a node has; or leave them out of the trace)",
        load->too_wide);
}

/* What was done about work that changes slowly, and what nobody can see. */
static void add_intervals(const struct gs_simulate_study *study, const struct gs_report *report,
                          struct lines *lines)
{
    if (report->policies[0].saving_ci.lo_mpct == GS_REPORT_UNKNOWN) {
        return;
    }
    bool hangs = study->dependence >= GS_STRETCHES_HANGS;
    add(lines,
        "an interval is as wide as the draws make it, and as the saving differs between tenths%s of "
        "the window; work that never changed in this trace, and will, is in none",
        hangs                                    ? ", fifths, quarters and thirds"
        : study->dependence >= GS_STRETCHES_SOME ? ", fifths and quarters"
                                                 : " and fifths");
    if (hangs) {
        add(lines,
            "the work changes in long stretches: the trace's 30 parts say as much as %" PRId64
            " would that do not depend on one another, so that its intervals are wide; a longer "
            "trace makes them narrower",
            report->independent_parts);
    }
}

/* What a reader has to know of this trace to read the figures right. */
static int describe_notes(const struct gs_simulate_study *study, struct gs_report *ret,
                          struct gs_err *err)
{
    struct lines lines = {.arena = study->question->arena};
    const struct gs_trace_totals *totals = &study->loads[0].totals;
    if (totals->skipped_rows > 0) {
        add(&lines, "%" PRIu64 " of %" PRIu64 " row%s could not be used, and %s in no figure",
            totals->skipped_rows, totals->input_rows, totals->input_rows == 1 ? "" : "s",
            totals->skipped_rows == 1 ? "is" : "are");
    }
    uint64_t unmapped = study->loads[0].left_out[GS_TRACE_LEFT_UNMAPPED];
    if (unmapped > 0) {
        add(&lines, "pieces of work in no figure, each of which %s: %" PRIu64,
            gs_trace_left_out_text(GS_TRACE_LEFT_UNMAPPED), unmapped);
    }
    if (totals->cut_off > 0) {
        add(&lines,
            "%" PRIu64 " piece%s of work still ran when the trace ended: what came after is not "
            "known and not counted",
            totals->cut_off, totals->cut_off == 1 ? "" : "s");
    }
    add_blind(study, &lines);
    add_too_wide(study, ret, &lines);
    add_intervals(study, ret, &lines);
    if (study->draws > 0 && ret->policies[0].peak_gpus > 0 && study->pieces < ROUGH) {
        add(&lines, "the trace says as much as %zu equal piece%s of work: a rough interval",
            study->pieces, study->pieces == 1 ? "" : "s");
    }
    if (study->no_draws != NULL) {
        add(&lines, "no intervals: %s", study->no_draws);
    }
    return take(&lines, &ret->notes, err);
}

int gs_simulate_describe(const struct gs_simulate_study *study, struct gs_report *ret,
                         struct gs_err *err)
{
    int r = describe_map(study, ret, err);
    r = r < 0 ? r : describe_world(study, ret, err);
    return r < 0 ? r : describe_notes(study, ret, err);
}
