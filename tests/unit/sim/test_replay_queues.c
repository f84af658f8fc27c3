#include "unit/sim/feed.h"

#include <math.h>

/* Worlds whose answers are known: Erlang's loss and delay systems, and the benchmark of
 * docs/internals/online.md. */
enum { SEEDS = 8 };

struct stream {
    struct gs_random random;
    double now_us;
    double gap_us;
    uint64_t left;
    uint64_t row;
    const uint32_t *weights; /* of the plain profiles; they sum up to 100 */
    unsigned plain[5];
    int64_t from_us;
    uint64_t asked, given; /* compute slices, from from_us on */
};

static const unsigned slices[5] = {1, 2, 3, 4, 7};

static int next_job(void *ctx, struct gs_sim_job *ret, struct gs_err *err)
{
    struct stream *stream = ctx;
    (void)err;
    if (stream->left == 0) {
        return 0;
    }
    stream->left--;
    stream->now_us += stream->gap_us * gs_random_exp(&stream->random);
    uint32_t drawn = gs_random_below(&stream->random, 100);
    unsigned k = 0;
    while (drawn >= stream->weights[k]) {
        drawn -= stream->weights[k++];
    }
    *ret = (struct gs_sim_job){.row = ++stream->row,
                               .arrive_us = (int64_t)stream->now_us,
                               .run_us = 1 + (int64_t)(1e6 * gs_random_exp(&stream->random)),
                               .gpus = 1,
                               .profile = (uint8_t)stream->plain[k]};
    stream->asked += ret->arrive_us >= stream->from_us ? slices[k] : 0;
    return 1;
}

static void take_note(void *ctx, const struct gs_sim_note *note)
{
    struct stream *stream = ctx;
    for (unsigned k = 0; k < 5; k++) {
        if (note->what == GS_SIM_STARTS && note->now_us >= stream->from_us &&
            note->held == stream->plain[k]) {
            stream->given += slices[k];
        }
    }
}

static struct gs_sim_score score;

/* `load`: of all compute slices; a job stays a second on average. Returns the compute slices that
 * were given of those that were asked for. */
static double run_stream(const char *policy, bool lose, uint32_t gpus, double load,
                         const uint32_t *weights, uint64_t jobs, uint64_t warm_up, uint64_t seed)
{
    const struct gs_model *model = model_named("A100-40GB");
    struct stream stream = {.left = jobs, .weights = weights};
    struct gs_sim_world world;
    gs_sim_world_init_timeless(&world, model, 1);
    world.profiles = plain_profiles(model, stream.plain);
    world.elastic = false;
    world.busy_first = false;
    world.lose = lose;
    world.types[0].nodes = gpus;
    double mean = 0;
    for (unsigned k = 0; k < 5; k++) {
        mean += weights[k] * slices[k] / 100.0;
    }
    stream.gap_us = 1e6 * mean / (load * gpus * 7);
    world.from_us = (int64_t)(stream.gap_us * (double)warm_up);
    stream.from_us = world.from_us;
    gs_random_init(&stream.random, seed);
    struct gs_sim_source source = {next_job, &stream};
    struct gs_sim_watch watch = {take_note, &stream};
    struct gs_err err = {0};
    if (run_source(&world, policy_named(policy), &source, &watch, &score, &err) < 0) {
        fail_msg("%s: %s", policy, err.msg);
    }
    return (double)stream.given / (double)stream.asked;
}

static double erlang_b(unsigned servers, double erlang)
{
    double lost = 1.0;
    for (unsigned n = 1; n <= servers; n++) {
        lost = erlang * lost / (n + erlang * lost);
    }
    return lost;
}

/* Mean and standard error of what `measure` says over the seeds. */
static void assert_agrees(const char *what, const double *values, unsigned n, double wanted)
{
    double sum = 0;
    double squares = 0;
    for (unsigned i = 0; i < n; i++) {
        sum += values[i];
    }
    double mean = sum / n;
    for (unsigned i = 0; i < n; i++) {
        squares += (values[i] - mean) * (values[i] - mean);
    }
    double error = sqrt(squares / (n - 1) / n);
    print_message("%s: %.5f (+-%.5f), expected %.5f\n", what, mean, error, wanted);
    if (fabs(mean - wanted) > 4 * error + 1e-6) {
        fail_msg("%s: %.5f is more than four standard errors (%.5f) from %.5f", what, mean, error,
                 wanted);
    }
}

static const uint32_t full_gpus[5] = {0, 0, 0, 0, 100};

static void replay__loses_what_erlang_b_says(void **state)
{
    (void)state;
    static const struct {
        unsigned gpus;
        double load;
    } cases[] = {{8, 0.7}, {8, 1.2}, {32, 0.9}, {64, 1.0}};
    for (unsigned c = 0; c < 4; c++) {
        double lost[SEEDS];
        for (unsigned s = 0; s < SEEDS; s++) {
            run_stream("gpuslice", true, cases[c].gpus, cases[c].load, full_gpus, 40000, 2000,
                       s + 1);
            lost[s] = (double)score.lost / (double)score.arrived;
        }
        assert_agrees("share that is lost", lost, SEEDS,
                      erlang_b(cases[c].gpus, cases[c].load * cases[c].gpus));
    }
}

static void replay__keeps_waiting_what_erlang_c_says(void **state)
{
    (void)state;
    static const struct {
        unsigned gpus;
        double load;
    } cases[] = {{1, 0.5}, {4, 0.7}, {16, 0.85}};
    for (unsigned c = 0; c < 3; c++) {
        double n = cases[c].gpus;
        double b = erlang_b(cases[c].gpus, cases[c].load * n);
        double waits = b / (1 - cases[c].load * (1 - b));
        double delayed[SEEDS];
        double wait[SEEDS];
        for (unsigned s = 0; s < SEEDS; s++) {
            run_stream("gpuslice", false, cases[c].gpus, cases[c].load, full_gpus, 60000, 3000,
                       s + 1);
            assert_int_equal(score.done, score.arrived);
            delayed[s] = (double)score.delayed / (double)score.arrived;
            wait[s] = (double)score.wait_us.sum / (double)score.wait_us.n / 1e6;
        }
        assert_agrees("share that waits", delayed, SEEDS, waits);
        assert_agrees("mean wait, s", wait, SEEDS, waits / (n * (1 - cases[c].load)));
    }
}

/* The table of docs/internals/online.md. */
static void replay__accepts_what_the_loss_system_accepted(void **state)
{
    (void)state;
    static const uint32_t a[5] = {35, 25, 20, 15, 5};
    static const uint32_t b[5] = {20, 20, 20, 20, 20};
    static const uint32_t c[5] = {60, 20, 10, 8, 2};
    static const struct {
        const char *policy;
        const uint32_t *weights;
        double load, accepted;
    } cases[] = {
        {"gpuslice", a, 0.8, 99.09},       {"gpuslice", a, 1.0, 89.31},
        {"gpuslice", b, 1.0, 88.31},       {"first-fit", a, 1.0, 86.16},
        {"spread", a, 1.0, 70.46},         {"hami", a, 1.0, 88.44},
        {"gpuslice+moves", a, 1.0, 91.49}, {"gpuslice+moves", b, 1.0, 90.61},
        {"gpuslice", c, 1.0, 90.75},       {"first-fit", c, 0.8, 98.66},
        {"spread", b, 0.8, 69.81},         {"hami", b, 0.8, 98.01},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double percent = 0;
        for (unsigned s = 0; s < 4; s++) {
            percent += 100.0 / 4 *
                       run_stream(cases[i].policy, true, 64, cases[i].load, cases[i].weights, 60000,
                                  5000, s + 1);
        }
        print_message("%s, load %.1f: %.2f %%, the loss system has %.2f %%\n", cases[i].policy,
                      cases[i].load, percent, cases[i].accepted);
        assert_true(fabs(percent - cases[i].accepted) < 0.4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replay__loses_what_erlang_b_says),
        cmocka_unit_test(replay__keeps_waiting_what_erlang_c_says),
        cmocka_unit_test(replay__accepts_what_the_loss_system_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
