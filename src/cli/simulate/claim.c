#include <string.h>

#include "base/cleanup.h"
#include "cli/simulate/claim.h"

bool gs_report_is_bounded(const struct gs_report *report)
{
    return strcmp(report->world, "instant") == 0;
}

const char *gs_report_bound_says(const struct gs_report *report)
{
    if (gs_report_is_bounded(report)) {
        return "saved by the fewest GPUs at each instant: nobody saves more with these profiles";
    }
    return strcmp(report->world, "elastic") == 0
               ? "saved by the fewest GPUs at each instant if all work ran as it came; work that "
                 "waits, moves or is interrupted runs at other times"
               : "saved by the fewest GPUs at each instant if all work ran as it came; here work "
                 "waits or is lost, so that it bounds nobody";
}

/* The rules are in docs/savings.md; no sentence is made of the ideal. */
enum {
    SLOWER_PERMILLE = 1050, /* what a reader is told of run times begins here */
    SHOWN_MPCT = 50         /* what is less is printed as 0.0, and so it counts */
};

/* Where blocks of a trace are put together, jobs meet that never did. Work that keeps to a
 * timetable is not like that: the trace's own figure then lies beside the interval. */
enum gs_report_verdict gs_report_judge(struct gs_report_interval ci, int64_t value)
{
    if (ci.lo_mpct == GS_REPORT_UNKNOWN || ci.hi_mpct == GS_REPORT_UNKNOWN) {
        return GS_REPORT_NOT_TESTED;
    }
    if (value < ci.lo_mpct || value > ci.hi_mpct) {
        return GS_REPORT_NOT_THIS_TRACE;
    }
    return ci.lo_mpct >= SHOWN_MPCT    ? GS_REPORT_GAINS
           : ci.hi_mpct <= -SHOWN_MPCT ? GS_REPORT_COSTS
                                       : GS_REPORT_NO_DIFFERENCE;
}

/* Of the GPU-hours: what no policy can save on the trace is not to be claimed of work like it. */
static enum gs_report_verdict judge_saving(const struct gs_report *report,
                                           const struct gs_report_policy *ours)
{
    enum gs_report_verdict verdict = gs_report_judge(ours->saving_ci, ours->saving_mpct);
    bool beyond = gs_report_is_bounded(report) && report->bound_saving_mpct != GS_REPORT_UNKNOWN &&
                  ours->saving_ci.lo_mpct > report->bound_saving_mpct;
    return verdict != GS_REPORT_NOT_TESTED && beyond ? GS_REPORT_NOT_THIS_TRACE : verdict;
}

static void say_saving(const struct gs_report *report, const struct gs_report_policy *ours,
                       struct gs_buf *out)
{
    char pct[GS_REPORT_WORD_MAX], range[GS_REPORT_WORD_MAX];
    gs_report_pct(ours->saving_mpct, pct);
    gs_report_range(ours->saving_ci, range);
    switch (judge_saving(report, ours)) {
    case GS_REPORT_NOT_THIS_TRACE:
        gs_buf_printf(out,
                      "No saving may be claimed: %s of GPU-hours on this trace, and no interval "
                      "can be given, as draws of it (%s %%) meet in other ways than its jobs did",
                      pct, range);
        return;
    case GS_REPORT_NOT_TESTED:
        gs_buf_printf(out,
                      "On this trace alone slicing %s %s of GPU-hours; no interval was computed "
                      "(%s), so that nothing may be claimed beyond it",
                      ours->saving_mpct <= -50 ? "costs more," : "saves", pct,
                      report->no_draws == NULL ? "no draws" : report->no_draws);
        return;
    case GS_REPORT_GAINS:
        gs_buf_printf(out,
                      "For work like this you may claim that slicing saves %s %% of GPU-hours (95 "
                      "%% interval; %s on this trace)",
                      range, pct);
        return;
    case GS_REPORT_NO_DIFFERENCE:
        gs_buf_printf(out,
                      "No saving may be claimed: %s of GPU-hours on this trace, and the 95 %% "
                      "interval, %s %%, has zero in it",
                      pct, range);
        return;
    case GS_REPORT_COSTS:
        gs_buf_printf(out, "Slicing costs GPU-hours here: the saving is %s, 95 %% interval %s %%",
                      pct, range);
        return;
    }
}

static void say_nodes(const struct gs_report *report, const struct gs_report_policy *ours,
                      struct gs_buf *out)
{
    char pct[GS_REPORT_WORD_MAX], range[GS_REPORT_WORD_MAX];
    if (report->node_gpus < 2 || ours->node_saving_mpct == GS_REPORT_UNKNOWN) {
        return;
    }
    gs_report_pct(ours->node_saving_mpct, pct);
    gs_report_range(ours->node_saving_ci, range);
    gs_buf_printf(out, ". By whole nodes of %lld GPUs: ", (long long)report->node_gpus);
    switch (gs_report_judge(ours->node_saving_ci, ours->node_saving_mpct)) {
    case GS_REPORT_NOT_THIS_TRACE:
    case GS_REPORT_NOT_TESTED:
        gs_buf_printf(out, "%s on this trace", pct);
        return;
    case GS_REPORT_GAINS:
        gs_buf_printf(out, "%s %% (%s)", range, pct);
        return;
    case GS_REPORT_NO_DIFFERENCE:
        gs_buf_printf(out, "none may be claimed (%s, %s %%)", pct, range);
        return;
    case GS_REPORT_COSTS:
        gs_buf_printf(out, "it costs more (%s, %s %%)", pct, range);
        return;
    }
}

static void say_price(const struct gs_report *report, const struct gs_report_policy *ours,
                      struct gs_buf *out)
{
    char word[GS_REPORT_WORD_MAX];
    if (ours->slowdown_p95_permille != GS_REPORT_UNKNOWN &&
        ours->slowdown_p95_permille >= SLOWER_PERMILLE) {
        gs_buf_printf(out, ". One job in twenty takes %s as long as on a GPU of its own or more",
                      gs_report_times(ours->slowdown_p95_permille, word));
    }
    if (ours->wait_p95_ms > report->policies[0].wait_p95_ms) {
        char whole[GS_REPORT_WORD_MAX];
        gs_buf_printf(out, ". One job in twenty waits %s or more, with whole GPUs %s",
                      gs_report_time(ours->wait_p95_ms, word),
                      gs_report_time(report->policies[0].wait_p95_ms, whole));
    }
    if (report->speed_known_mpct == 0 && report->sliceable_mpct > 0) {
        gs_buf_puts(out, ". The trace does not say how much slower work runs on slices");
    }
}

/* The two sides did different work, so that neither's hours say what the other saved. */
static void say_unfinished(const struct gs_report *report, const struct gs_report_policy *ours,
                           struct gs_buf *out)
{
    char whole[GS_REPORT_WORD_MAX], sliced[GS_REPORT_WORD_MAX], pct[GS_REPORT_WORD_MAX];
    gs_buf_printf(
        out,
        "No saving may be claimed: jobs not finished: %s with whole GPUs, %s with slices; "
        "%s of GPU-hours where each is charged as a whole GPU",
        gs_report_count(report->policies[0].lost, whole), gs_report_count(ours->lost, sliced),
        gs_report_pct(ours->saving_mpct, pct));
}

static bool has_few_draws(const struct gs_report *report, const struct gs_report_policy *ours)
{
    return ours->saving_ci.lo_mpct != GS_REPORT_UNKNOWN && report->draws < GS_REPORT_DRAWS_CLAIM;
}

static void say_few_draws(const struct gs_report *report, const struct gs_report_policy *ours,
                          struct gs_buf *out)
{
    char pct[GS_REPORT_WORD_MAX];
    gs_buf_printf(out,
                  "No saving may be claimed of %lld draws, %d are the least: %s of GPU-hours on "
                  "this trace",
                  (long long)report->draws, GS_REPORT_DRAWS_CLAIM,
                  gs_report_pct(ours->saving_mpct, pct));
}

/* Of so much of the GPU-hours the compute may be a guess. */
enum { BLIND_MAX_MPCT = 5000 };

/* Whether the trace lacks what a claim would have to know. */
static bool is_blind(const struct gs_report *report)
{
    return strcmp(report->source, "pods") == 0 || report->compute_unknown_mpct > BLIND_MAX_MPCT;
}

static void say_blind(const struct gs_report *report, const struct gs_report_policy *ours,
                      struct gs_buf *out)
{
    char pct[GS_REPORT_WORD_MAX], share[GS_REPORT_WORD_MAX];
    gs_report_pct(ours->saving_mpct, pct);
    if (strcmp(report->source, "pods") == 0) {
        gs_buf_printf(out,
                      "No saving may be claimed: a list of pods is one moment, in which long ones "
                      "are too many and those that have gone are not; %s of GPU-hours on these",
                      pct);
        return;
    }
    gs_buf_printf(out,
                  "No saving may be claimed: %s of the GPU-hours are of jobs of which the memory "
                  "is known and the compute is not (utilisation says it, or --util-by none that "
                  "it does not matter); %s of GPU-hours if it always fits",
                  gs_report_pct(report->compute_unknown_mpct, share), pct);
}

static void say_claim(const struct gs_report *report, struct gs_buf *out)
{
    const struct gs_report_policy *ours = gs_report_find(report, report->ours);
    if (ours == NULL || ours->saving_mpct == GS_REPORT_UNKNOWN) {
        gs_buf_puts(out, report->whole_mh == 0 ? "Nothing ran in the window: there is nothing to "
                                                 "save and nothing to claim."
                                               : "No policy with slices was simulated: there is "
                                                 "nothing to claim.");
        return;
    }
    bool loses = strcmp(report->world, "loss") == 0; /* there it is what is compared */
    if (is_blind(report)) {
        say_blind(report, ours, out);
    } else if (!loses && (report->policies[0].lost > 0 || ours->lost > 0)) {
        say_unfinished(report, ours, out);
    } else if (gs_report_is_fixed(report)) {
        gs_report_say_fixed(report, ours, out);
    } else if (has_few_draws(report, ours)) {
        say_few_draws(report, ours, out);
    } else {
        say_saving(report, ours, out);
        say_nodes(report, ours, out);
    }
    say_price(report, ours, out);
    gs_buf_puts(out, ".");
}

/* ------------------------------------------------------------------ for whom */

enum { SENTENCES_MAX = 8, SENTENCE_MAX = 600 };

struct sentences {
    struct gs_arena *arena;
    const char *items[SENTENCES_MAX];
    size_t n;
    bool failed;
};

static void add(struct sentences *sentences, const struct gs_buf *text)
{
    const char *copy =
        gs_buf_ok(text) ? gs_arena_text(sentences->arena, gs_buf_text(text), text->len) : NULL;
    if (copy == NULL || sentences->n == SENTENCES_MAX) {
        sentences->failed = true;
        return;
    }
    sentences->items[sentences->n++] = copy;
}

/* The share of sliceable GPU-hours that a saving of `goal` needs at this rate, in thousandths of a
 * percent; over 100000: out of reach. */
static int64_t share_for(int64_t goal_mpct, int64_t saving_mpct, int64_t share_mpct)
{
    return (goal_mpct * share_mpct + saving_mpct - 1) / saving_mpct;
}

static void say_share(const struct gs_report *report, const struct gs_report_policy *ours,
                      struct sentences *ret)
{
    char share[GS_REPORT_WORD_MAX], rate[GS_REPORT_WORD_MAX], need[GS_REPORT_WORD_MAX];
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, SENTENCE_MAX);
    gs_report_pct(report->sliceable_mpct, share);
    if (report->sliceable_mpct <= 0) {
        gs_buf_puts(&text, report->use_unknown_mpct > 0
                               ? "No work here is known to have a slice that serves it."
                               : "No work here has a slice that serves it: 30 to 50 % is not for "
                                 "you.");
        add(ret, &text);
        return;
    }
    if (gs_report_is_fixed(report)) {
        gs_buf_printf(&text, "%s of the GPU-hours can be sliced under this map.", share);
        add(ret, &text);
        return;
    }
    int64_t rate_mpct = ours->saving_mpct * 100000 / report->sliceable_mpct;
    gs_buf_printf(&text,
                  "%s of the GPU-hours can be sliced under this map, and on these slicing saves "
                  "%s. ",
                  share, gs_report_pct(rate_mpct, rate));
    int64_t least =
        ours->saving_mpct > 0 ? share_for(30000, ours->saving_mpct, report->sliceable_mpct) : 0;
    if (ours->saving_mpct <= 0 || least > 100000) {
        gs_buf_puts(&text, "30 % is out of reach at that rate, even where all work can be sliced.");
    } else {
        gs_buf_printf(&text, "30 %% overall needs a share of %s or more: %s.",
                      gs_report_pct(least, need),
                      report->sliceable_mpct >= least ? "this workload has it"
                                                      : "this workload does not have it");
    }
    add(ret, &text);
}

/* What asked for one GPU may be small all the same: nobody has measured it. */
static void say_unmeasured(const struct gs_report *report, struct sentences *ret)
{
    char share[GS_REPORT_WORD_MAX];
    if (report->use_unknown_mpct <= 0) {
        return;
    }
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, SENTENCE_MAX);
    gs_buf_printf(&text,
                  "%s of the GPU-hours are of jobs that asked for one GPU, and nothing says what "
                  "they use of it. Measure that before you decide: gpuslice simulate -t "
                  "prometheus:memory.json,util.json (docs/traces.md has the two commands that "
                  "make these files).",
                  gs_report_pct(report->use_unknown_mpct, share));
    add(ret, &text);
}

static void say_bound(const struct gs_report *report, const struct gs_report_policy *ours,
                      struct sentences *ret)
{
    char bound[GS_REPORT_WORD_MAX], left[GS_REPORT_WORD_MAX];
    if (report->bound_saving_mpct == GS_REPORT_UNKNOWN) {
        return;
    }
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, SENTENCE_MAX);
    gs_report_pct(report->bound_saving_mpct, bound);
    int64_t points = report->bound_saving_mpct - ours->saving_mpct;
    gs_buf_printf(&text,
                  "The fewest GPUs at each instant, with every job started as it came and repacked "
                  "for free, would save %s",
                  bound);
    if (points >= 0) {
        gs_report_pct(points, left);
        left[strlen(left) - 2] = '\0';
        gs_buf_printf(&text, ": a better packer has %s points left to win.", left);
    } else {
        gs_buf_puts(&text, "; what is beyond it comes from other profiles or other times.");
    }
    add(ret, &text);
}

int gs_report_say(struct gs_report *report, struct gs_arena *arena, struct gs_err *err)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf claim;
    struct sentences sentences = {.arena = arena};
    const struct gs_report_policy *ours = gs_report_find(report, report->ours);
    gs_buf_init(&claim, GS_REPORT_TEXT_MAX);
    say_claim(report, &claim);
    if (ours != NULL && ours->saving_mpct != GS_REPORT_UNKNOWN) {
        say_share(report, ours, &sentences);
        say_unmeasured(report, &sentences);
        if (!gs_report_is_fixed(report)) {
            say_bound(report, ours, &sentences);
        }
    }
    const char **items = GS_ARENA_NEW(arena, const char *, sentences.n);
    const char *text =
        gs_buf_ok(&claim) ? gs_arena_text(arena, gs_buf_text(&claim), claim.len) : NULL;
    if (items == NULL || text == NULL || sentences.failed) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the report");
    }
    memcpy(items, sentences.items, sentences.n * sizeof(*items));
    report->claim = text;
    report->for_whom = (struct gs_report_texts){.items = items, .n = sentences.n};
    return 0;
}
