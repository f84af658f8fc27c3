#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/simulate/crew.h"
#include "cli/simulate/simulate.h"
#include "term/outfile.h"
#include "term/progress.h"

enum {
    FIRST_JOBS = 1024,
    SHOWN_EACH = 1 << 14,
    LOOK_EACH_MS = 200,
    STREAM_ROWS_MAX = 1 << 24 /* sixteen times as many as jobs are kept */
};

/* ------------------------------------------------------------------ one reading */

/* Whoever waits for a pipe can still be stopped. */
static int read_bytes(void *ctx, void *bytes, size_t size, size_t *ret_n, struct gs_err *err)
{
    struct gs_infile *file = ctx;
    struct pollfd wait = {.fd = file->fd, .events = POLLIN};
    int came = 0;
    while (came == 0 && !gs_crew_stopped) {
        came = poll(&wait, 1, LOOK_EACH_MS);
        came = came < 0 && errno == EINTR ? 0 : came;
    }
    return gs_crew_stopped ? gs_crew_stop_error(err) : gs_infile_read(ctx, bytes, size, ret_n, err);
}

/* What is no file can be read only once, and may never end. */
static bool is_stream(const struct gs_infile *file)
{
    struct stat st;
    return fstat(file->fd, &st) < 0 || !S_ISREG(st.st_mode);
}

int gs_simulate_open(const struct gs_simulate_question *question, uint64_t seed,
                     void (*bad)(void *ctx, const struct gs_err *err), void *bad_ctx,
                     struct gs_simulate_reading *ret, struct gs_err *err)
{
    const struct gs_simulate_spec *spec = &question->spec;
    const char *out = question->args->out;
    memset(ret, 0, sizeof(*ret));
    ret->is_stream = spec->from_stdin;
    for (size_t i = 0; i < spec->n_paths; i++) {
        int r = gs_infile_open(&ret->files[i], "trace", spec->paths[i], err);
        if (r < 0) {
            gs_simulate_close(ret);
            return gs_crew_stopped ? gs_crew_stop_error(err) : r;
        }
        ret->n_files++;
        r = out == NULL ? 0 : gs_outfile_spare("out", out, &ret->files[i], err);
        if (r < 0) {
            gs_simulate_close(ret);
            return r;
        }
        ret->is_stream = ret->is_stream || is_stream(&ret->files[i]);
        ret->inputs[i] = (struct gs_trace_input){
            .label = ret->files[i].label, .read = read_bytes, .ctx = &ret->files[i]};
    }
    const struct gs_trace_options options = {
        .format = spec->format,
        .inputs = ret->inputs,
        .n_inputs = ret->n_files,
        .text = spec->text,
        .seed = seed,
        .at = question->args->at == 0 ? GS_TRACE_AT_START : GS_TRACE_AT_CREATION,
        .now_us = GS_TRACE_NO_TIME,
        .rows_max = ret->is_stream ? STREAM_ROWS_MAX : 0,
        .bad = bad,
        .bad_ctx = bad_ctx,
    };
    int r = gs_trace_map_init(&ret->map, &question->rule, err);
    r = r < 0 ? r : gs_trace_new(&options, &ret->trace, err);
    if (r < 0) {
        gs_simulate_close(ret);
        return r;
    }
    ret->jobs = (struct gs_trace_jobs){
        .trace = ret->trace, .map = &ret->map, .unmapped = bad, .unmapped_ctx = bad_ctx};
    return 0;
}

void gs_simulate_close(struct gs_simulate_reading *reading)
{
    gs_trace_free(reading->trace);
    reading->trace = NULL;
    for (size_t i = 0; i < reading->n_files; i++) {
        gs_infile_close(&reading->files[i]);
    }
    reading->n_files = 0;
}

/* ------------------------------------------------------------------ all of it */

/* What is being loaded, and the rules for other tolerances. */
struct loading {
    const struct gs_simulate_question *question;
    struct gs_simulate_load *load;
    struct gs_simulate_reading reading;
    struct gs_trace_map others[GS_SIMULATE_WHATIFS];
    size_t n_others; /* 0: nobody asks */
    size_t keep_max;
    size_t cap;
};

static void note_bad(void *ctx, const struct gs_err *err)
{
    struct gs_simulate_load *load = ctx;
    if (load->n_skipped > 0 && strcmp(load->skipped[load->n_skipped - 1], err->msg) == 0) {
        return; /* another piece of the same row */
    }
    if (load->n_skipped < GS_SIMULATE_SKIPPED_MAX) {
        char *text = strdup(err->msg);
        if (text != NULL) {
            load->skipped[load->n_skipped++] = text;
        }
    }
}

static void let_go(struct gs_simulate_load *load)
{
    free(load->jobs);
    load->jobs = NULL;
    load->n_jobs = 0;
    for (size_t i = 0; i < GS_SIMULATE_WHATIFS; i++) {
        free(load->profiles[i]);
        load->profiles[i] = NULL;
    }
}

void gs_simulate_unload(struct gs_simulate_load *load)
{
    let_go(load);
    for (size_t i = 0; i < load->n_skipped; i++) {
        free(load->skipped[i]);
    }
    load->n_skipped = 0;
    free(load->widest);
    load->widest = NULL;
}

static int make_room(struct loading *loading, struct gs_err *err)
{
    struct gs_simulate_load *load = loading->load;
    if (load->n_jobs < loading->cap) {
        return 0;
    }
    size_t cap = loading->cap == 0 ? FIRST_JOBS : loading->cap * 2;
    struct gs_sim_job *jobs = reallocarray(load->jobs, cap, sizeof(*jobs));
    load->jobs = jobs == NULL ? load->jobs : jobs;
    bool failed = jobs == NULL;
    for (size_t i = 0; i < loading->n_others; i++) {
        uint8_t *profiles = realloc(load->profiles[i], cap);
        load->profiles[i] = profiles == NULL ? load->profiles[i] : profiles;
        failed = failed || profiles == NULL;
    }
    if (failed) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the jobs of the trace");
    }
    loading->cap = cap;
    return 0;
}

static void add_us(int64_t *sum_us, int64_t run_us, uint32_t gpus)
{
    int64_t us;
    if (__builtin_mul_overflow(run_us, (int64_t)gpus, &us) ||
        __builtin_add_overflow(*sum_us, us, sum_us)) {
        *sum_us = INT64_MAX; /* of 300,000 GPU-years only the share matters */
    }
}

static void note_job(struct gs_simulate_load *load, const struct gs_sim_job *job,
                     enum gs_trace_grounds grounds)
{
    load->all_jobs++;
    add_us(&load->grounds_us[grounds], job->run_us, job->gpus);
    if (job->speed != NULL && job->speed->shared_permille[1] != 0) {
        load->shared = true;
    }
    bool has_speed = false;
    for (unsigned p = 0; job->speed != NULL && p < GS_PROFILES_MAX; p++) {
        has_speed = has_speed || job->speed->permille[p] != 0;
    }
    load->speeds = load->speeds || has_speed;
    if (job->profile != GS_SIM_WHOLE) {
        (void)__builtin_add_overflow(load->sliced_us, job->run_us, &load->sliced_us);
        (void)__builtin_add_overflow(load->sliced_speed_us, has_speed ? job->run_us : 0,
                                     &load->sliced_speed_us);
    }
}

static int keep_job(struct loading *loading, const struct gs_trace_ask *ask,
                    const struct gs_sim_job *job, struct gs_err *err)
{
    struct gs_simulate_load *load = loading->load;
    int r = make_room(loading, err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < loading->n_others; i++) {
        struct gs_sim_job other;
        enum gs_trace_left_out left;
        load->profiles[i][load->n_jobs] =
            gs_trace_map_job(&loading->others[i], ask, &other, &left, NULL) == 1 ? other.profile
                                                                                 : GS_SIM_WHOLE;
    }
    load->jobs[load->n_jobs++] = *job;
    return 0;
}

/* From now on the trace is counted, and not kept. */
static int stop_keeping(struct loading *loading, struct gs_err *err)
{
    if (loading->reading.is_stream) {
        return gs_fail(err, GS_LIMIT,
                       "%s: over %d jobs are read again for each policy; name a file",
                       loading->reading.files[0].label, GS_SIMULATE_JOBS_MAX);
    }
    let_go(loading->load);
    return 0;
}

/* One of them ends every claim, so that it has to be found in the trace. */
static void note_too_wide(struct loading *loading, const struct gs_trace_ask *ask,
                          const struct gs_sim_job *job)
{
    const struct gs_sim_world *world = &loading->question->world;
    unsigned widest = 0;
    for (unsigned i = 0; i < world->n_types; i++) {
        widest = world->types[i].gpus > widest ? world->types[i].gpus : widest;
    }
    if (job->profile != GS_SIM_WHOLE || job->gpus <= widest) {
        return;
    }
    if (loading->load->too_wide++ == 0) {
        struct gs_err why;
        (void)gs_fail(&why, GS_INVALID, "fits no node: it asks for %u GPUs, and a node has %u",
                      job->gpus, widest);
        (void)gs_trace_wrap_row(loading->reading.trace, ask, &why);
        loading->load->widest = strdup(why.msg);
    }
}

static int take_ask(struct loading *loading, const struct gs_trace_ask *ask, bool *keeping,
                    struct gs_err *err)
{
    struct gs_simulate_load *load = loading->load;
    struct gs_sim_job job;
    enum gs_trace_left_out left;
    struct gs_err why;
    int r = gs_trace_map_job(&loading->reading.map, ask, &job, &left, &why);
    if (r <= 0) {
        load->left_out[left]++;
        load->rows_left[left] += ask->rows;
        if (left == GS_TRACE_LEFT_UNMAPPED) {
            (void)gs_trace_wrap_row(loading->reading.trace, ask, &why);
            note_bad(load, &why);
        }
        return 0;
    }
    load->job_rows += ask->rows;
    note_too_wide(loading, ask, &job);
    note_job(load, &job, gs_trace_map_grounds(&loading->reading.map, ask, &job));
    if (*keeping && load->n_jobs == loading->keep_max) {
        *keeping = false;
        r = stop_keeping(loading, err);
        return r;
    }
    return *keeping ? keep_job(loading, ask, &job, err) : 0;
}

/* How far it is, where the size is known. */
static void show(const struct loading *loading)
{
    const struct gs_trace_totals *totals = gs_trace_totals(loading->reading.trace);
    char text[60];
    uint64_t size = 0;
    for (size_t i = 0; i < loading->reading.n_files; i++) {
        size += loading->reading.files[i].size;
    }
    if (size > 0 && totals->bytes <= size) {
        (void)snprintf(text, sizeof(text), "reading the trace, %u %%",
                       (unsigned)(totals->bytes * 100 / size));
    } else {
        (void)snprintf(text, sizeof(text), "reading the trace, row %" PRIu64, totals->input_rows);
    }
    gs_progress_phase_copy(text);
}

/* Work of which all fits no rule is a wrong rule, or a wrong GPU, and no empty trace. */
static int check_any(const struct gs_simulate_load *load, struct gs_err *err)
{
    uint64_t unmapped = load->left_out[GS_TRACE_LEFT_UNMAPPED];
    if (load->all_jobs > 0 || unmapped == 0) {
        return 0;
    }
    return gs_fail(err, GS_INVALID,
                   "--trace: none of %" PRIu64 " piece%s of work fits the rule%s%s", unmapped,
                   unmapped == 1 ? "" : "s",
                   load->n_skipped > 0 ? "; of rows that are not used the first: " : "",
                   load->n_skipped > 0 ? load->skipped[0] : "");
}

static int read_all(struct loading *loading, struct gs_err *err)
{
    bool keeping = true;
    for (uint64_t n = 0;; n++) {
        struct gs_trace_ask ask;
        if (n % SHOWN_EACH == 0) {
            show(loading);
        }
        int r = gs_crew_stopped ? gs_crew_stop_error(err)
                                : gs_trace_next(loading->reading.trace, &ask, err);
        if (r == GS_TRACE_OVER) {
            break;
        }
        r = r == GS_TRACE_ASK ? take_ask(loading, &ask, &keeping, err) : r;
        if (r < 0) {
            return r;
        }
    }
    loading->load->totals = *gs_trace_totals(loading->reading.trace);
    loading->load->rows_left[GS_TRACE_LEFT_NO_GPU] += loading->load->totals.passed_over;
    return check_any(loading->load, err);
}

int gs_simulate_load(const struct gs_simulate_question *question, uint64_t seed, size_t keep_max,
                     struct gs_simulate_load *ret, struct gs_err *err)
{
    struct loading loading = {
        .question = question,
        .load = ret,
        .keep_max = keep_max,
        .n_others = question->args->what_if == 0 ? GS_SIMULATE_WHATIFS : 0,
    };
    memset(ret, 0, sizeof(*ret));
    int r = 0;
    for (size_t i = 0; r == 0 && i < loading.n_others; i++) {
        struct gs_trace_rule rule = question->rule;
        rule.tolerance_permille = (uint32_t)i * 10;
        r = gs_trace_map_init(&loading.others[i], &rule, err);
    }
    r = r < 0 ? r : gs_simulate_open(question, seed, note_bad, ret, &loading.reading, err);
    if (r < 0) {
        return r;
    }
    r = read_all(&loading, err);
    gs_simulate_close(&loading.reading);
    if (r < 0) {
        gs_simulate_unload(ret);
    }
    return r;
}
