/* apply, assert and export on a simulated machine, NVIDIA's mig-parted beside them. */
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/bench/child.h"

enum { TEXT_MAX = 1 << 20, RUN_SECONDS = 120, SHARE_GOAL = 20 /* percent of mig-parted's */ };

static const char config[] =
    "version: v1\n"
    "mig-configs:\n"
    "  from: [{devices: all, mig-enabled: true,\n"
    "          mig-devices: {3g.20gb: 1, 2g.10gb: 1, 1g.5gb: 2}}]\n"
    "  to: [{devices: all, mig-enabled: true, mig-devices: {1g.5gb: 7}}]\n";

/* The machine that all work on, and the programs. */
struct mig {
    struct gs_cmd_bench *bench;
    char self[PATH_MAX];
    char sim[PATH_MAX];
    const char *machine; /* folder */
    const char *config;  /* file */
    const char *peer;    /* mig-parted; NULL: not given */
};

/* One benchmark. */
struct job {
    struct mig *mig;
    const char *const *words; /* behind "gpuslice mig", or behind mig-parted's name */
    bool prepare;             /* cut as `from` before each run */
    struct gs_cmd_bench_time took;
    uint64_t peak_kib;
    uint64_t peer_peak_kib;
    uint64_t peer_calls;
};

enum { JOB_WORDS_MAX = 12 };

/* ---- the machine ---- */

/* gpuslice-sim of the same installation or build. False: it is not there. */
static bool find_sim(struct mig *mig)
{
    static const char *const beside[] = {"gpuslice-sim", "../../simdriver/gpuslice-sim"};
    ssize_t n = readlink("/proc/self/exe", mig->self, sizeof(mig->self) - 1);
    if (n <= 0) {
        return false;
    }
    mig->self[n] = '\0';
    const char *slash = strrchr(mig->self, '/');
    for (size_t i = 0; slash != NULL && i < GS_ARRAY_LEN(beside); i++) {
        int used = snprintf(mig->sim, sizeof(mig->sim), "%.*s/%s", (int)(slash - mig->self),
                            mig->self, beside[i]);
        if (used > 0 && used < (int)sizeof(mig->sim) && access(mig->sim, X_OK) == 0) {
            return true;
        }
    }
    return false;
}

/* Points every program that is run from here on at the machine: what gpuslice-sim create prints,
 * and nvidia-smi's stand-in for mig-parted. */
static int point_at(struct mig *mig, const char *printed, struct gs_err *err)
{
    static const char head[] = "export LD_LIBRARY_PATH=";
    const char *library = strstr(printed, head);
    const char *path = getenv("PATH");
    if (library == NULL) {
        return gs_fail(err, GS_IO, "%.200s create: expected a line %s... and found none", mig->sim,
                       head);
    }
    library += strlen(head);
    const char *folder =
        gs_cmd_bench_text(mig->bench, "%.*s", (int)strcspn(library, "\"\n"), library);
    const char *all = gs_cmd_bench_text(mig->bench, "%s/root/usr/bin:%s", mig->machine,
                                        path == NULL ? "/usr/bin:/bin" : path);
    if (folder == NULL || all == NULL) {
        return gs_cmd_bench_no_memory(err);
    }
    setenv("GPUSLICE_SIM", mig->machine, 1);
    setenv("LD_LIBRARY_PATH", folder, 1);
    setenv("PATH", all, 1);
    unsetenv("GPUSLICE_NVML");
    unsetenv("GPUSLICE_STATE_DIR");
    setenv("GPUSLICE_KUBELET_ROOT", "", 1); /* no pod of this machine is on a simulated GPU */
    return 0;
}

static int write_config(const struct mig *mig, struct gs_err *err)
{
    FILE *file = fopen(mig->config, "we");
    if (file == NULL || fputs(config, file) < 0 || fclose(file) != 0) {
        return gs_fail(err, GS_IO, "cannot write %.300s", mig->config);
    }
    return 0;
}

static int make_machine(struct mig *mig, struct gs_err *err)
{
    char printed[4096];
    const char *gpus = gs_cmd_bench_text(mig->bench, "%lluxA100-40GB",
                                         (unsigned long long)gs_cmd_bench_size(mig->bench, 8, 1));
    mig->machine = gs_cmd_bench_path(mig->bench, "machine");
    mig->config = gs_cmd_bench_path(mig->bench, "mig.yaml");
    if (gpus == NULL || mig->machine == NULL || mig->config == NULL) {
        return gs_cmd_bench_no_memory(err);
    }
    const char *const create[] = {mig->sim, "create", mig->machine, "--gpus", gpus, "--mig", NULL};
    int r = gs_cmd_bench_ask_child(create, printed, sizeof(printed), err);
    r = r < 0 ? r : point_at(mig, printed, err);
    return r < 0 ? r : write_config(mig, err);
}

static void remove_machine(const struct mig *mig)
{
    char printed[400];
    const char *const destroy[] = {mig->sim, "destroy", mig->machine, NULL};
    (void)gs_cmd_bench_ask_child(destroy, printed, sizeof(printed), NULL);
}

/* NVML calls that the machine has seen. 0: not known. */
static uint64_t count_calls(const struct mig *mig)
{
    static char printed[TEXT_MAX];
    const char *const show[] = {mig->sim, "show", mig->machine, "-o", "json", NULL};
    if (gs_cmd_bench_ask_child(show, printed, sizeof(printed), NULL) < 0) {
        return 0;
    }
    json_t *state = json_loads(printed, 0, NULL);
    const json_t *calls = json_object_get(state, "calls");
    uint64_t n = json_is_integer(calls) ? (uint64_t)json_integer_value(calls) : 0;
    json_decref(state);
    return n;
}

/* ---- runs ---- */

static int run_words(const struct job *job, const char *program, const char *group,
                     const char *const *words, struct gs_cmd_bench_child *ret, struct gs_err *err)
{
    const char *argv[JOB_WORDS_MAX + 3];
    size_t n = 0;
    argv[n++] = program;
    if (group != NULL) {
        argv[n++] = group;
    }
    for (size_t i = 0; words[i] != NULL && i < JOB_WORDS_MAX; i++) {
        argv[n++] = strcmp(words[i], "FILE") == 0 ? job->mig->config : words[i];
    }
    argv[n] = NULL;
    return gs_cmd_bench_run_child(argv, RUN_SECONDS, ret, err);
}

static int run_ours(const struct job *job, const char *const *words, struct gs_cmd_bench_child *ret,
                    struct gs_err *err)
{
    int r = run_words(job, job->mig->self, "mig", words, ret, err);
    return r == 0 && ret->status != 0
               ? gs_fail(err, GS_IO, "gpuslice mig %s ended with status %d", words[0], ret->status)
               : r;
}

static int prepare(const struct job *job, struct gs_err *err)
{
    static const char *const words[] = {"apply", "-f", "FILE", "-c", "from", NULL};
    struct gs_cmd_bench_child done;
    return job->prepare ? run_ours(job, words, &done, err) : 0;
}

static int run(void *ctx, struct gs_err *err)
{
    struct job *job = ctx;
    struct gs_cmd_bench_child done;
    int r = prepare(job, err);
    r = r < 0 ? r : run_ours(job, job->words, &done, err);
    if (r == 0) {
        job->took = done.time;
        job->peak_kib = done.peak_kib > job->peak_kib ? done.peak_kib : job->peak_kib;
    }
    return r;
}

static int skip(const struct job *job, struct gs_cmd_bench_peer *peer, const char *reason,
                struct gs_err *err)
{
    peer->skipped = gs_cmd_bench_text(job->mig->bench, "%s", reason);
    return peer->skipped == NULL ? gs_cmd_bench_no_memory(err) : 0;
}

/* Theirs once, from where ours began. */
static int run_peer(void *ctx, struct gs_cmd_bench_peer *peer, struct gs_err *err)
{
    struct job *job = ctx;
    struct gs_cmd_bench_child done;
    struct gs_err failed;
    if (job->mig->peer == NULL) {
        return skip(job, peer, "not given: --mig-parted FILE, or the variable GPUSLICE_MIG_PARTED",
                    err);
    }
    int r = prepare(job, err);
    if (r < 0) {
        return r;
    }
    uint64_t before = count_calls(job->mig);
    if (run_words(job, job->mig->peer, NULL, job->words, &done, &failed) < 0) {
        return skip(job, peer, failed.msg, err);
    }
    if (done.status != 0) {
        char reason[120];
        snprintf(reason, sizeof(reason), "%s ended with status %d", job->words[0], done.status);
        return skip(job, peer, reason, err);
    }
    job->peer_calls = count_calls(job->mig) - before;
    job->peer_peak_kib = done.peak_kib > job->peer_peak_kib ? done.peak_kib : job->peer_peak_kib;
    peer->times[peer->n_times++] = done.time;
    return 0;
}

/* ---- figures ---- */

static uint64_t in_tenths_of_mib(uint64_t kib)
{
    return (kib * 10 + 512) / 1024;
}

static int add_share(struct gs_cmd_bench *bench, struct gs_cmd_bench_measure *measure,
                     const char *name, double ours, double theirs, struct gs_err *err)
{
    const struct gs_cmd_bench_fact fact = {
        .name = name,
        .number = theirs > 0 ? (uint64_t)(ours / theirs * 1000 + 0.5) : 0,
        .places = 1,
        .at_most = SHARE_GOAL * 10,
    };
    return gs_cmd_bench_fact(bench, measure, &fact, err);
}

/* Beside theirs: CPU and memory as shares of it. */
static int add_peer_facts(const struct job *job, struct gs_cmd_bench_measure *measure,
                          struct gs_err *err)
{
    struct gs_cmd_bench *bench = job->mig->bench;
    struct gs_cmd_bench_peer *peer = &measure->peers[measure->n_peers - 1];
    struct gs_cmd_bench_spread theirs;
    if (!gs_cmd_bench_of_peer(peer, true, &theirs)) {
        return 0;
    }
    peer->status =
        gs_cmd_bench_text(bench, "%.1f MiB, %llu calls", (double)job->peer_peak_kib / 1024,
                          (unsigned long long)job->peer_calls);
    double ours = gs_cmd_bench_of_runs(measure, true).median;
    int r = add_share(bench, measure, "cpu_percent_of_peer", ours, theirs.median, err);
    return r < 0 ? r
                 : add_share(bench, measure, "memory_percent_of_peer", (double)job->peak_kib,
                             (double)job->peer_peak_kib, err);
}

static int measure_job(struct job *job, const char *what, struct gs_err *err)
{
    struct gs_cmd_bench *bench = job->mig->bench;
    const struct gs_cmd_bench_work work = {
        .what = what,
        .run = run,
        .ctx = job,
        .took = &job->took,
        .peer_name = "mig-parted",
        .run_peer = run_peer,
    };
    struct gs_cmd_bench_measure *measure;
    int r = gs_cmd_bench_measure(bench, &work, &measure, err);
    r = r < 0 ? r : prepare(job, err);
    struct gs_cmd_bench_child done;
    uint64_t before = r < 0 ? 0 : count_calls(job->mig);
    r = r < 0 ? r : run_ours(job, job->words, &done, err);
    uint64_t calls = r < 0 ? 0 : count_calls(job->mig) - before;
    r = r < 0 ? r
              : gs_cmd_bench_number(bench, measure, "peak_mib", in_tenths_of_mib(job->peak_kib), 1,
                                    err);
    r = r < 0 ? r : gs_cmd_bench_number(bench, measure, "nvml_calls", calls, 0, err);
    return r < 0 ? r : add_peer_facts(job, measure, err);
}

int gs_cmd_bench_mig(struct gs_cmd_bench *bench, struct gs_err *err)
{
    static const char *const apply[] = {"apply", "-f", "FILE", "-c", "to", NULL};
    static const char *const check[] = {"assert", "-f", "FILE", "-c", "to", NULL};
    static const char *const export[] = {"export", NULL};
    static const struct {
        const char *what;
        const char *const *words;
        bool prepare;
    } jobs[] = {{"apply: 4 slices a GPU become 7", apply, true},
                {"assert: 7 slices a GPU", check, false},
                {"export", export, false}};
    struct mig mig = {.bench = bench, .peer = bench->args->mig_parted};
    if (!find_sim(&mig)) {
        return gs_cmd_bench_note(bench, err, "skipped: gpuslice-sim is not beside this program");
    }
    int r = make_machine(&mig, err);
    for (size_t i = 0; r == 0 && i < GS_ARRAY_LEN(jobs); i++) {
        struct job job = {.mig = &mig, .words = jobs[i].words, .prepare = jobs[i].prepare};
        r = measure_job(&job, jobs[i].what, err);
    }
    if (mig.machine != NULL) {
        remove_machine(&mig);
    }
    return r;
}
