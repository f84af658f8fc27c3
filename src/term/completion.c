#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/catalog.h"
#include "term/script.h"

static const char *const shells[] = {"bash", "zsh", "fish", NULL};
_Static_assert(GS_ARRAY_LEN(shells) == GS_SHELLS + 1, "one name a shell");

const struct gs_option gs_completion_operand = {
    .arg = "SHELL",
    GS_TO_CHOICE(struct gs_completion_args, shell, shells),
    .help = "the shell that shall complete",
};

static const struct {
    enum gs_complete kind;
    const char *name;
} asked[] = {
    {GS_COMPLETE_CONFIG, "configs"},
    {GS_COMPLETE_GPU, "gpus"},
    {GS_COMPLETE_SLICE, "slices"},
    {GS_COMPLETE_PROFILE, "profiles"},
};

const char *gs_complete_name(enum gs_complete kind)
{
    for (size_t i = 0; i < GS_ARRAY_LEN(asked); i++) {
        if (asked[i].kind == kind) {
            return asked[i].name;
        }
    }
    return NULL;
}

enum gs_complete gs_complete_kind(const char *name)
{
    for (size_t i = 0; i < GS_ARRAY_LEN(asked); i++) {
        if (strcmp(asked[i].name, name) == 0) {
            return asked[i].kind;
        }
    }
    return GS_COMPLETE_NONE;
}

void gs_script_put_quoted(struct gs_buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            gs_buf_puts(out, "'\\''");
        } else {
            gs_buf_put(out, text, 1);
        }
    }
}

static void put_models(struct gs_buf *out)
{
    size_t n;
    const struct gs_model *models = gs_catalog(&n);
    for (size_t i = 0; i < n; i++) {
        gs_buf_printf(out, "%s%s", i == 0 ? "" : " ", models[i].id);
    }
}

void gs_script_put_command_names(const struct gs_script *script)
{
    for (size_t i = 0; i < script->n_commands; i++) {
        gs_buf_printf(script->out, "%s%s", i == 0 ? "" : " ", script->commands[i]->name);
    }
}

void gs_script_put_subcommand_names(struct gs_buf *out, const struct gs_command *group)
{
    for (size_t i = 0; i < group->n_subcommands; i++) {
        gs_buf_printf(out, "%s%s", i == 0 ? "" : " ",
                      group->subcommands[i]->name + strlen(group->name) + 1);
    }
}

static void put_choices(struct gs_buf *out, const struct gs_option *option)
{
    for (size_t i = 0; option->choices[i] != NULL; i++) {
        gs_buf_printf(out, "%s%s", i == 0 ? "" : " ", option->choices[i]);
    }
}

bool gs_script_has_words(const struct gs_option *option)
{
    return option->kind == GS_OPTION_CHOICE || option->complete == GS_COMPLETE_MODEL ||
           option->complete == GS_COMPLETE_COMMAND;
}

void gs_script_put_words(const struct gs_script *script, const struct gs_option *option)
{
    if (option->kind == GS_OPTION_CHOICE) {
        put_choices(script->out, option);
    } else if (option->complete == GS_COMPLETE_MODEL) {
        put_models(script->out);
    } else if (option->complete == GS_COMPLETE_COMMAND) {
        gs_script_put_command_names(script);
    }
}

/* Whether a command, or one of its group, takes words that the program is asked for. */
static bool asks(const struct gs_command *command)
{
    bool any = command->operand != NULL && gs_complete_name(command->operand->complete) != NULL;
    for (size_t i = 0; i < command->n_options; i++) {
        any = any || gs_complete_name(command->options[i].complete) != NULL;
    }
    for (size_t i = 0; i < command->n_subcommands; i++) {
        any = any || asks(command->subcommands[i]);
    }
    return any;
}

void gs_completion_script(enum gs_shell shell, const struct gs_command *const *commands,
                          size_t n_commands, struct gs_buf *out)
{
    char function[64];
    const char *program = gs_command_program(commands[0]);
    snprintf(function, sizeof(function), "_%s", program);
    for (char *c = function; *c != '\0'; c++) {
        *c = *c == '-' ? '_' : *c;
    }
    bool alone = strcmp(commands[0]->name, program) == 0;
    struct gs_script script = {.program = program,
                               .function = function,
                               .alone = alone ? commands[0] : NULL,
                               .commands = commands + alone,
                               .n_commands = n_commands - alone,
                               .out = out};
    for (size_t i = 0; i < n_commands; i++) {
        script.asks = script.asks || asks(commands[i]);
    }
    switch (shell) {
    case GS_SHELL_BASH:
        gs_script_bash(&script);
        break;
    case GS_SHELL_ZSH:
        gs_script_zsh(&script);
        break;
    case GS_SHELL_FISH:
    case GS_SHELLS:
        gs_script_fish(&script);
        break;
    }
}
