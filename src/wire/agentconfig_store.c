#include "wire/agentconfig_table.h"

#include <stdio.h>

#include "base/near.h"

static int fail_choice(const struct gs_setting *setting, struct gs_view found, struct gs_err *err)
{
    char list[200] = "";
    size_t used = 0;
    struct gs_near near = GS_NEAR_INIT(found);
    for (size_t i = 0; setting->choices[i] != NULL && used < sizeof(list); i++) {
        int wrote = snprintf(list + used, sizeof(list) - used, "%s%s", i == 0 ? "" : ", ",
                             setting->choices[i]);
        used += wrote > 0 ? (size_t)wrote : 0;
        gs_near_offer(&near, setting->choices[i]);
    }
    return gs_fail(err, GS_INVALID, "found \"%.*s\"; expected one of %s%s%s%s", GS_VIEW_ARGS(found),
                   list, near.n == 0 ? "" : "; did you mean ", near.n == 0 ? "" : near.names[0],
                   near.n == 0 ? "" : "?");
}

static int find_choice(const struct gs_setting *setting, struct gs_view text, unsigned *ret,
                       struct gs_err *err)
{
    for (unsigned i = 0; setting->choices[i] != NULL; i++) {
        if (gs_view_eq(text, setting->choices[i])) {
            *ret = i;
            return 0;
        }
    }
    return fail_choice(setting, text, err);
}

static int store_set(const struct gs_setting *setting, const char *text, bool add, unsigned *into,
                     struct gs_err *err)
{
    unsigned set = add ? *into : 0;
    struct gs_view rest = gs_view(text);
    while (rest.p != NULL) {
        unsigned i = 0;
        int r = find_choice(setting, gs_view_trim(gs_view_split(&rest, ',')), &i, err);
        if (r < 0) {
            return r;
        }
        set |= 1u << i;
    }
    *into = set;
    return 0;
}

/* As Go's strconv.ParseBool, which NVIDIA's programs read flags with. */
static int read_flag(const char *text, bool *ret, struct gs_err *err)
{
    static const char *const words[2][6] = {{"0", "f", "F", "false", "False", "FALSE"},
                                            {"1", "t", "T", "true", "True", "TRUE"}};
    for (unsigned i = 0; i < 12; i++) {
        if (strcmp(text, words[i / 6][i % 6]) == 0) {
            *ret = i / 6 == 1;
            return 0;
        }
    }
    return gs_fail(err, GS_INVALID, "found \"%.100s\"; expected true or false", text);
}

static int store_text(const struct gs_setting *setting, const char *text, const char **into,
                      struct gs_err *err)
{
    if (text[0] == '\0' && !setting->may_be_empty) {
        return gs_fail(err, GS_INVALID, "found nothing; expected %s",
                       setting->kind == GS_SETTING_PATH ? "a path" : "a text");
    }
    if (setting->kind == GS_SETTING_PATH && text[0] != '\0' && text[0] != '/') {
        return gs_fail(err, GS_INVALID, "found \"%.100s\"; expected a path that begins with /",
                       text);
    }
    if (gs_view_has_control(gs_view(text), "") || strlen(text) > 4095) {
        return gs_fail(err, GS_INVALID,
                       "found control characters or more than 4095 bytes; expected plain text");
    }
    *into = text;
    return 0;
}

static int store_number(const struct gs_setting *setting, const char *text, uint64_t *into,
                        struct gs_err *err)
{
    uint64_t number;
    if (!gs_view_is_integer(gs_view(text), setting->most, &number) || number < setting->least) {
        return gs_fail(err, GS_INVALID,
                       "found \"%.100s\"; expected a whole number from %llu to %llu", text,
                       (unsigned long long)setting->least, (unsigned long long)setting->most);
    }
    *into = number;
    return 0;
}

static int check_discovery(const char *text, struct gs_err *err)
{
    if (strcmp(text, "auto") == 0 || strcmp(text, "nvml") == 0) {
        return 0;
    }
    bool theirs = strcmp(text, "tegra") == 0 || strcmp(text, "vfio") == 0;
    return gs_fail(err, theirs ? GS_UNSUPPORTED : GS_INVALID,
                   theirs ? "found \"%.100s\", which this agent does not do; expected auto or nvml"
                          : "found \"%.100s\"; expected auto or nvml",
                   text);
}

int gs_setting_store(const struct gs_setting *setting, const char *text, bool add,
                     struct gs_agentconfig *config, struct gs_err *err)
{
    void *into = (char *)config + setting->into;
    bool flag;
    switch (setting->kind) {
    case GS_SETTING_FLAG:
        return read_flag(text, into, err);
    case GS_SETTING_TEXT:
    case GS_SETTING_PATH:
        return store_text(setting, text, into, err);
    case GS_SETTING_CHOICE:
        return find_choice(setting, gs_view(text), into, err);
    case GS_SETTING_SET:
        return store_set(setting, text, add, into, err);
    case GS_SETTING_NUMBER:
        return store_number(setting, text, into, err);
    case GS_SETTING_CHANNELS:
        if (text[0] != '\0' && strcmp(text, "0") != 0) {
            return gs_fail(err, GS_INVALID, "found \"%.100s\"; expected nothing, or 0", text);
        }
        *(bool *)into = text[0] != '\0';
        return 0;
    case GS_SETTING_DISCOVERY:
        return check_discovery(text, err);
    case GS_SETTING_IDLE_FLAG:
        return read_flag(text, &flag, err);
    case GS_SETTING_IDLE:
        return 0;
    }
    return 0;
}

int gs_setting_note(struct gs_arena *arena, struct gs_agentconfig *config, const char *where,
                    const char *why, struct gs_err *err)
{
    if (config->n_notes == GS_AGENTCONFIG_NOTES_MAX) {
        return 0;
    }
    const char *note = gs_arena_printf(arena, "%s has no effect here: %s", where, why);
    if (note == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the configuration");
    }
    config->notes[config->n_notes++] = note;
    return 0;
}
