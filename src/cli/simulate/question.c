#include <stdio.h>
#include <string.h>

#include "cli/simulate/crew.h"
#include "cli/simulate/simulate.h"
#include "core/catalog.h"
#include "wire/kubetime.h"

static const char default_gpu[] = "A100-40GB";

/* ------------------------------------------------------------------ small things */

/* "90s", "250ms", "4min", "816h", "34d"; a number alone is seconds. */
static bool parse_time(struct gs_view text, int64_t *ret_us)
{
    static const struct {
        const char *name;
        uint64_t us;
    } units[] = {{"ms", 1000},       {"min", 60000000},     {"m", 60000000}, {"s", 1000000},
                 {"h", 3600000000u}, {"d", 86400000000ull}, {"", 1000000}};
    struct gs_view number = gs_view_trim(text);
    size_t digits = 0;
    while (digits < number.n &&
           ((number.p[digits] >= '0' && number.p[digits] <= '9') || number.p[digits] == '.')) {
        digits++;
    }
    const struct gs_view unit = {.p = number.p + digits, .n = number.n - digits};
    number.n = digits;
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        uint64_t value;
        if (gs_view_eq(unit, units[i].name)) {
            if (!gs_view_is_fixed(number, 3, (uint64_t)GS_SIM_TIME_MAX, &value) ||
                value > (uint64_t)GS_SIM_TIME_MAX / units[i].us * 1000) {
                return false;
            }
            *ret_us = (int64_t)(value * (units[i].us / 1000));
            return true;
        }
    }
    return false;
}

/* A time since the trace's zero; or a date, with a time of day or without, as rows have them. */
static bool parse_moment(struct gs_view text, int64_t *ret_us)
{
    enum { DAY = 10 };
    char date[DAY + sizeof("T00:00:00Z")];
    uint64_t us;
    if (text.n < DAY || text.p[4] != '-') {
        return parse_time(text, ret_us);
    }
    if (text.n == DAY) {
        (void)snprintf(date, sizeof(date), "%.*sT00:00:00Z", DAY, text.p);
        text = gs_view(date);
    }
    if (gs_kubetime_parse(text, &us, NULL) < 0 || us > (uint64_t)GS_SIM_TIME_MAX) {
        return false;
    }
    *ret_us = (int64_t)us;
    return true;
}

/* Not given: as it was. */
static int read_time(const char *option, const char *text, int64_t *ret_us, struct gs_err *err)
{
    if (text == NULL || parse_time(gs_view(text), ret_us)) {
        return 0;
    }
    return gs_fail(err, GS_INVALID,
                   "--%s: \"%.100s\" was given; expected a time of at most a hundred years: 90s, "
                   "4min, 816h, 34d",
                   option, text);
}

static int read_fixed(const char *option, const char *text, unsigned places, uint64_t min,
                      uint64_t max, const char *expected, uint32_t *ret, struct gs_err *err)
{
    uint64_t value;
    if (text == NULL) {
        return 0;
    }
    if (!gs_view_is_fixed(gs_view(text), places, max, &value) || value < min) {
        return gs_fail(err, GS_INVALID, "--%s: \"%.100s\" was given; expected %s", option, text,
                       expected);
    }
    *ret = (uint32_t)value;
    return 0;
}

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the question");
}

/* ------------------------------------------------------------------ the trace */

static int add_path(struct gs_simulate_question *question, const char *folder, struct gs_view name,
                    struct gs_err *err)
{
    struct gs_simulate_spec *spec = &question->spec;
    char *path = folder == NULL
                     ? gs_arena_text(question->arena, name.p, name.n)
                     : gs_arena_printf(question->arena, "%s/%.*s", folder, (int)name.n, name.p);
    if (path == NULL) {
        return no_memory(err);
    }
    spec->from_stdin = spec->from_stdin || strcmp(path, "-") == 0;
    spec->paths[spec->n_paths++] = path;
    return 0;
}

static int read_paths(struct gs_simulate_question *question, struct gs_err *err)
{
    struct gs_simulate_spec *spec = &question->spec;
    const struct gs_trace_format *format = spec->format;
    struct gs_view rest = spec->text;
    int r = 0;
    if (format->takes == GS_TRACE_TAKES_TEXT) {
        return 0;
    }
    if (rest.n == 0) {
        return gs_fail(err, GS_INVALID, "--trace: expected %s:%s", format->name, format->form);
    }
    if (format->takes == GS_TRACE_TAKES_FOLDER) {
        const char *folder = gs_arena_text(question->arena, rest.p, rest.n);
        for (size_t i = 0; r == 0 && format->files[i] != NULL; i++) {
            r = folder == NULL ? no_memory(err)
                               : add_path(question, folder, gs_view(format->files[i]), err);
        }
        return r;
    }
    while (r == 0 && rest.p != NULL) {
        if (spec->n_paths == format->max_files || spec->n_paths == GS_TRACE_INPUTS_MAX) {
            return gs_fail(err, GS_INVALID, "--trace: %s takes %u file%s at most: expected %s:%s",
                           format->name, format->max_files, format->max_files == 1 ? "" : "s",
                           format->name, format->form);
        }
        struct gs_view name = format->max_files == 1 ? rest : gs_view_split(&rest, ',');
        rest = format->max_files == 1 ? (struct gs_view){NULL, 0} : rest;
        r = add_path(question, NULL, name, err);
    }
    return r;
}

static int read_trace(struct gs_simulate_question *question, struct gs_err *err)
{
    if (question->args->trace == NULL) {
        return gs_fail(err, GS_INVALID,
                       "which workload? --trace FORMAT:FILE, as openb:pods.csv; see gpuslice "
                       "simulate --help");
    }
    int r = gs_trace_spec_parse(gs_view(question->args->trace), &question->spec.format,
                                &question->spec.text, err);
    r = r < 0 ? gs_wrap(err, r, "--trace") : read_paths(question, err);
    return r;
}

static int read_window(struct gs_simulate_question *question, struct gs_err *err)
{
    const char *text = question->args->window;
    question->window_from_us = question->window_until_us = -1;
    if (text == NULL) {
        return 0;
    }
    const char *dots = strstr(text, "..");
    if (strcmp(text, "observed") == 0) {
        question->window_observed = true;
        return 0;
    }
    if (dots == NULL) {
        return parse_time(gs_view(text), &question->window_us) && question->window_us > 0
                   ? 0
                   : gs_fail(err, GS_INVALID,
                             "--window: \"%.100s\" was given; expected a length that is counted "
                             "back from the trace's end, 816h, two times, 30d..64d, two dates, "
                             "2026-11-01..2026-11-08, or observed",
                             text);
    }
    if (!parse_moment((struct gs_view){.p = text, .n = (size_t)(dots - text)},
                      &question->window_from_us) ||
        !parse_moment(gs_view(dots + 2), &question->window_until_us) ||
        question->window_until_us <= question->window_from_us) {
        return gs_fail(err, GS_INVALID,
                       "--window: \"%.100s\" was given; expected two times since the trace's zero, "
                       "or two dates, the earlier one first: 30d..64d, 2026-11-01..2026-11-08",
                       text);
    }
    return 0;
}

/* ------------------------------------------------------------------ the rule */

static int read_rule(struct gs_simulate_question *question, struct gs_err *err)
{
    const struct gs_simulate_args *args = question->args;
    struct gs_trace_rule *rule = &question->rule;
    int r = gs_trace_rule_find(gs_view(args->map), question->world.model, rule, err);
    if (r < 0) {
        return gs_wrap(err, r, "--map");
    }
    r = read_fixed("tolerance", args->tolerance, 1, 0, GS_TRACE_TOLERANCE_MAX,
                   "percents from 0 to 15", &rule->tolerance_permille, err);
    r = r < 0 ? r
              : read_fixed("slo", args->slo, 3, 1000, 100000, "1 to 100: times a whole GPU's run",
                           &rule->slowdown_permille, err);
    r = r < 0 ? r
              : read_fixed("scale", args->scale, 3, 1, 100000,
                           "0.001 to 100: the old GPU's speed, of the new one's",
                           &rule->scale_permille, err);
    if (r < 0) {
        return r;
    }
    rule->memory_by = args->memory_by == 0 ? rule->memory_by : args->memory_by - 1;
    rule->util_by = args->util_by == 0 ? rule->util_by : args->util_by - 1;
    rule->fractional_only = args->fractional_only;
    rule->with_never_ran = args->with_pending;
    question->world.slowdown_max_permille = rule->slowdown_permille;
    return 0;
}

/* ------------------------------------------------------------------ the world */

static int read_model(struct gs_simulate_question *question, const struct gs_model **ret,
                      struct gs_err *err)
{
    const struct gs_simulate_args *args = question->args;
    const struct gs_model *of_instance = NULL;
    if (args->instance != NULL) {
        int r = gs_instance_find(gs_view(args->instance), &question->instance, err);
        if (r < 0) {
            return gs_wrap(err, r, "--instance");
        }
        of_instance = gs_instance_gpu(question->instance).model;
        if (of_instance == NULL) {
            return gs_fail(err, GS_INVALID,
                           "--instance: the GPUs of %s (%s) cannot be cut, or how is not known; "
                           "gpuslice profiles lists those that can",
                           question->instance->type, question->instance->gpu_name);
        }
    }
    int r = args->gpu == NULL && of_instance != NULL
                ? 0
                : gs_catalog_find(gs_view(args->gpu == NULL ? default_gpu : args->gpu), ret, err);
    if (r < 0) {
        return gs_wrap(err, r, "--gpu");
    }
    if (args->gpu == NULL && of_instance != NULL) {
        *ret = of_instance;
    }
    if (of_instance != NULL && *ret != of_instance) {
        return gs_fail(err, GS_INVALID, "--gpu: %s was given, and the GPUs of --instance %s are %s",
                       args->gpu, question->instance->type, of_instance->id);
    }
    r = gs_model_require_placements(*ret, err);
    return r < 0 ? gs_wrap(err, r, "--gpu") : 0;
}

/* `option` names the instance. */
static int read_price(const struct gs_simulate_question *question, const char *option,
                      const struct gs_instance *instance, int64_t *ret_uusd, struct gs_err *err)
{
    uint64_t uusd;
    if (question->args->region == NULL) {
        return gs_fail(err, GS_INVALID,
                       "--region: expected with --%s %s, as us-east-1: whose price holds", option,
                       instance->type);
    }
    int r = gs_instance_price(instance, gs_view(question->args->region), &uusd, err);
    if (r < 0) {
        return gs_wrap(err, r, "--region");
    }
    *ret_uusd = (int64_t)uusd;
    return 0;
}

static int read_small(struct gs_simulate_question *question, struct gs_err *err)
{
    const struct gs_simulate_args *args = question->args;
    const struct gs_instance *small;
    if (args->small == NULL) {
        return 0;
    }
    int r = gs_instance_find(gs_view(args->small), &small, err);
    if (r < 0) {
        return gs_wrap(err, r, "--small-gpu");
    }
    if (small->gpus != 1 || small->gpu_memory_mib == GS_NOT_KNOWN) {
        return gs_fail(err, GS_INVALID,
                       "--small-gpu: %s has %u GPU%s, of a memory that is %s; expected a type with "
                       "one, as g6.xlarge",
                       small->type, small->gpus, small->gpus == 1 ? "" : "s",
                       small->gpu_memory_mib == GS_NOT_KNOWN ? "not known" : "known");
    }
    question->world.small =
        (struct gs_sim_small){.name = small->type,
                              .memory_mib = small->gpu_memory_mib,
                              .speed_permille = (uint16_t)(args->small_speed * 10)};
    return read_price(question, "small-gpu", small, &question->world.small.hour_uusd, err);
}

static int read_fleet(struct gs_simulate_question *question, const struct gs_model *model,
                      struct gs_err *err)
{
    const struct gs_simulate_args *args = question->args;
    struct gs_sim_world *world = &question->world;
    bool fixed = args->world == GS_SIMULATE_QUEUE || args->world == GS_SIMULATE_LOSS;
    if (args->world == GS_SIMULATE_QUEUE && args->window != NULL) {
        return gs_fail(err, GS_INVALID,
                       "--window was given with --world queue: what waits moves out of the window, "
                       "which would count as saved; leave --window out, or cut the trace");
    }
    uint64_t node_gpus = args->node_gpus != GS_SIMULATE_NOT_GIVEN ? args->node_gpus
                         : question->instance != NULL             ? question->instance->gpus
                                                                  : 8;
    if (node_gpus == 0 || node_gpus > GS_SIM_NODE_GPUS_MAX) {
        return gs_fail(err, GS_INVALID, "--node-gpus: expected 1 to %d", GS_SIM_NODE_GPUS_MAX);
    }
    if (question->instance != NULL && node_gpus != question->instance->gpus) {
        return gs_fail(err, GS_INVALID, "--node-gpus: %s has %u GPU%s; leave the option out",
                       question->instance->type, question->instance->gpus,
                       question->instance->gpus == 1 ? "" : "s");
    }
    if (args->world == GS_SIMULATE_INSTANT) {
        gs_sim_world_init_timeless(world, model, (uint16_t)node_gpus);
    } else {
        gs_sim_world_init(world, model, (uint16_t)node_gpus);
    }
    world->elastic = !fixed;
    world->lose = args->world == GS_SIMULATE_LOSS;
    world->backfill = args->backfill;
    world->static_permille = (uint32_t)args->static_share * 10;
    if (fixed != (args->gpus != GS_SIMULATE_NOT_GIVEN)) {
        return fixed ? gs_fail(err, GS_INVALID,
                               "--gpus: expected with --world queue and --world loss: how many "
                               "GPUs there are")
                     : gs_fail(err, GS_INVALID,
                               "--gpus: goes with --world queue or --world loss; elsewhere GPUs "
                               "are switched on as they are needed");
    }
    if (fixed && (args->gpus == 0 || args->gpus % node_gpus != 0)) {
        return gs_fail(err, GS_INVALID, "--gpus: expected whole nodes of %u GPU%s",
                       (unsigned)node_gpus, node_gpus == 1 ? "" : "s");
    }
    if (fixed) {
        world->types[0].nodes = (uint32_t)(args->gpus / node_gpus);
    }
    return 0;
}

static int read_times(struct gs_simulate_question *question, struct gs_err *err)
{
    const struct gs_simulate_args *args = question->args;
    struct gs_sim_world *world = &question->world;
    const struct {
        const char *option;
        const char *text;
        int64_t *us;
        bool of_nodes;
        const char *never; /* what is so without it, where 0 would mean that too */
    } times[] = {
        {"boot", args->boot, &world->boot_us, true, NULL},
        {"idle", args->idle, &world->keep_us, true, NULL},
        {"bill-min", args->bill_min, &world->bill_min_us, true, NULL},
        {"spot", args->spot, &world->spot_mean_us, true, "no node is taken away"},
        {"recut", args->recut, &world->recut_us, false, NULL},
        {"move", args->move, &world->move_us, false, NULL},
        {"restart", args->restart, &world->restart_us, false, NULL},
        {"checkpoint", args->checkpoint, &world->checkpoint_us, false, "a job begins anew"},
    };
    for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
        if (times[i].text != NULL && args->world == GS_SIMULATE_INSTANT) {
            return gs_fail(err, GS_INVALID,
                           "--%s: in the world instant nothing takes time; add --world elastic",
                           times[i].option);
        }
        if (times[i].text != NULL && times[i].of_nodes && !world->elastic) {
            return gs_fail(err, GS_INVALID,
                           "--%s: goes with --world elastic: nodes of a fixed "
                           "fleet are always on",
                           times[i].option);
        }
        int r = read_time(times[i].option, times[i].text, times[i].us, err);
        if (r < 0) {
            return r;
        }
        if (times[i].never != NULL && times[i].text != NULL && *times[i].us == 0) {
            return gs_fail(err, GS_INVALID, "--%s: expected more than 0; without it %s",
                           times[i].option, times[i].never);
        }
    }
    return 0;
}

static int read_world(struct gs_simulate_question *question, struct gs_err *err)
{
    const struct gs_model *model = NULL;
    int r = read_model(question, &model, err);
    r = r < 0 ? r : read_fleet(question, model, err);
    r = r < 0 ? r : read_times(question, err);
    if (r == 0 && question->instance != NULL) {
        question->world.types[0].name = question->instance->type;
        r = read_price(question, "instance", question->instance,
                       &question->world.types[0].hour_uusd, err);
    } else if (r == 0 && question->args->region != NULL && question->args->small == NULL) {
        r = gs_fail(err, GS_INVALID,
                    "--region: goes with --instance or --small-gpu, whose price it tells");
    }
    return r < 0 ? r : read_small(question, err);
}

/* ------------------------------------------------------------------ the policies */

static int add_policy(struct gs_simulate_question *question, struct gs_view name,
                      struct gs_err *err)
{
    const struct gs_sim_policy *policy;
    int r = gs_sim_policy_find(name, &policy, err);
    if (r < 0) {
        return gs_wrap(err, GS_INVALID, "--policy");
    }
    for (size_t i = 0; i < question->n_policies; i++) {
        if (question->policies[i] == policy) {
            return 0;
        }
    }
    if (question->n_policies == GS_SIMULATE_POLICIES_MAX) {
        return gs_fail(err, GS_INVALID, "--policy: %d at most", GS_SIMULATE_POLICIES_MAX);
    }
    question->policies[question->n_policies++] = policy;
    return 0;
}

static int read_policies(struct gs_simulate_question *question, struct gs_err *err)
{
    const struct gs_texts *texts = &question->args->policy;
    for (size_t i = 0; i < texts->n; i++) {
        struct gs_view rest = gs_view(texts->items[i]);
        while (rest.p != NULL) {
            int r = add_policy(question, gs_view_trim(gs_view_split(&rest, ',')), err);
            if (r < 0) {
                return r;
            }
        }
    }
    for (size_t i = 0; i < question->n_policies; i++) {
        if ((question->policies[i]->needs & GS_SIM_NEEDS_SMALL) != 0 &&
            question->args->small == NULL) {
            return gs_fail(err, GS_INVALID,
                           "--policy: %s needs --small-gpu TYPE, as g6.xlarge, and --region",
                           question->policies[i]->name);
        }
    }
    return 0;
}

int gs_simulate_ask(const struct gs_simulate_args *args, struct gs_simulate_question *ret,
                    struct gs_err *err)
{
    ret->args = args;
    ret->threads =
        args->threads == GS_SIMULATE_NOT_GIVEN ? gs_crew_cores() : (unsigned)args->threads;
    int r = read_trace(ret, err);
    r = r < 0 ? r : read_window(ret, err);
    r = r < 0 ? r : read_world(ret, err);
    r = r < 0 ? r : read_rule(ret, err);
    r = r < 0 ? r : read_policies(ret, err);
    if (r == 0 && args->threads == 0) {
        r = gs_fail(err, GS_INVALID,
                    "--threads: expected 1 to %d; without it there are as many as cores",
                    GS_CREW_THREADS_MAX);
    }
    if (r == 0 && (args->seeds < 1 || args->seeds > GS_SIMULATE_SEEDS_MAX)) {
        r = gs_fail(err, GS_INVALID, "--seeds: expected 1 to %d", GS_SIMULATE_SEEDS_MAX);
    }
    return r;
}
