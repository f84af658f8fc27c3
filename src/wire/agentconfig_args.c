#include "wire/agentconfig_table.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/near.h"

/* An argument in its parts: --name, --name=value. */
struct arg {
    struct gs_view name;
    const char *value; /* NULL: without = */
};

static bool takes_value(const struct gs_setting *setting)
{
    return setting->kind != GS_SETTING_FLAG && setting->kind != GS_SETTING_IDLE_FLAG;
}

static const struct gs_setting *find(struct gs_view name)
{
    size_t n;
    const struct gs_setting *settings = gs_settings(&n);
    for (size_t i = 0; i < n; i++) {
        for (size_t f = 0; f < GS_ARRAY_LEN(settings[i].flags); f++) {
            if (settings[i].flags[f] != NULL && gs_view_eq(name, settings[i].flags[f])) {
                return &settings[i];
            }
        }
    }
    return NULL;
}

static int fail_name(struct gs_view name, struct gs_err *err)
{
    size_t n;
    const struct gs_setting *settings = gs_settings(&n);
    struct gs_near near = GS_NEAR_INIT(name);
    for (size_t i = 0; i < n; i++) {
        for (size_t f = 0; f < GS_ARRAY_LEN(settings[i].flags); f++) {
            if (settings[i].flags[f] != NULL) {
                gs_near_offer(&near, settings[i].flags[f]);
            }
        }
    }
    return gs_fail(err, GS_INVALID, "there is no option --%.*s%s%s%s", GS_VIEW_ARGS(name),
                   near.n == 0 ? "; see --help" : "; did you mean --",
                   near.n == 0 ? "" : near.names[0], near.n == 0 ? "" : "?");
}

/* *ret_found: which of --help and --version it is, or 0. */
static int split(const char *word, struct arg *ret, int *ret_found, struct gs_err *err)
{
    *ret_found = 0;
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        *ret_found = GS_AGENTCONFIG_HELP;
    } else if (strcmp(word, "--version") == 0) {
        *ret_found = GS_AGENTCONFIG_VERSION;
    } else if (strncmp(word, "--", 2) != 0 || word[2] == '\0') {
        return gs_fail(err, GS_INVALID, "found \"%.100s\"; expected options only; see --help",
                       word);
    } else {
        const char *equals = strchr(word, '=');
        ret->name = equals == NULL
                        ? gs_view(word + 2)
                        : (struct gs_view){.p = word + 2, .n = (size_t)(equals - word - 2)};
        ret->value = equals == NULL ? NULL : equals + 1;
    }
    return 0;
}

/* Takes argv[*at], and the next one where that is its value. Moves *at to the last one taken. */
static int take(char *const *argv, int argc, int *at, const struct gs_setting **ret_setting,
                const char **ret_value, struct gs_err *err)
{
    struct arg arg = {.value = NULL};
    int found;
    int r = split(argv[*at], &arg, &found, err);
    if (r < 0 || found != 0) {
        return r < 0 ? r : found;
    }
    *ret_setting = find(arg.name);
    if (*ret_setting == NULL) {
        return fail_name(arg.name, err);
    }
    if (arg.value == NULL && takes_value(*ret_setting)) {
        if (*at + 1 == argc) {
            return gs_fail(err, GS_INVALID, "--%.*s wants its argument, %s", GS_VIEW_ARGS(arg.name),
                           (*ret_setting)->arg);
        }
        arg.value = argv[++*at];
    }
    *ret_value = arg.value == NULL ? "true" : arg.value;
    return 0;
}

int gs_agentconfig_args(struct gs_arena *arena, int argc, char *const *argv,
                        struct gs_agentconfig *config, struct gs_err *err)
{
    bool given[GS_SETTINGS_MAX] = {false};
    size_t n;
    const struct gs_setting *settings = gs_settings(&n);
    for (int i = 1; i < argc; i++) {
        const struct gs_setting *setting = NULL;
        const char *value = NULL;
        int r = take(argv, argc, &i, &setting, &value, err);
        if (r != 0) {
            return r;
        }
        size_t row = (size_t)(setting - settings);
        r = gs_setting_store(setting, value, given[row], config, err);
        if (r < 0) {
            return gs_wrap(err, r, "--%s", setting->flags[0]);
        }
        given[row] = true;
        r = setting->idle == NULL
                ? 0
                : gs_setting_note(arena, config, setting->flags[0], setting->idle, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int gs_agentconfig_file(int argc, char *const *argv, const char *const *environ,
                        const char **ret_path, struct gs_err *err)
{
    struct gs_agentconfig config;
    struct gs_arena none;
    gs_arena_init(&none, &gs_alloc_heap, 64 * 1024); /* for notes, which nobody reads */
    gs_agentconfig_init(&config);
    config.config_file = "";
    int r = gs_agentconfig_env(&none, environ, &config, err);
    r = r < 0 ? r : gs_agentconfig_args(&none, argc, argv, &config, err);
    gs_arena_done(&none);
    if (r == 0) {
        *ret_path = config.config_file;
    }
    return r;
}
