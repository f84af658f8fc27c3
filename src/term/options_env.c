#include <stdlib.h>
#include <string.h>

#include "term/options.h"

bool gs_options_bool(const char *text, bool *ret)
{
    static const char *const words[2][6] = {{"0", "f", "F", "false", "False", "FALSE"},
                                            {"1", "t", "T", "true", "True", "TRUE"}};
    for (unsigned value = 0; value < 2; value++) {
        for (unsigned i = 0; i < 6; i++) {
            if (strcmp(text, words[value][i]) == 0) {
                *ret = value == 1;
                return true;
            }
        }
    }
    return false;
}

static int store(const struct gs_option *option, const char *text, void *values, struct gs_err *err)
{
    bool on = false;
    if (option->kind != GS_OPTION_FLAG) {
        int r = gs_options_store(option, text, values, err);
        return r < 0 ? gs_wrap(err, r, "environment variable %s", option->env) : 0;
    }
    if (text[0] != '\0' && !gs_options_bool(text, &on)) {
        return gs_fail(err, GS_INVALID,
                       "environment variable %s cannot be \"%.100s\"; expected true or false",
                       option->env, text);
    }
    return on ? gs_options_store(option, NULL, values, err) : 0;
}

int gs_options_env(const struct gs_command *command, const bool *given, void *ret_values,
                   struct gs_err *err)
{
    for (size_t i = 0; i < command->n_options; i++) {
        const struct gs_option *option = &command->options[i];
        const char *text = option->env == NULL || given[i] ? NULL : getenv(option->env);
        int r = text == NULL ? 0 : store(option, text, ret_values, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}
