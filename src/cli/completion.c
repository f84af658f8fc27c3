#include <stdio.h>
#include <string.h>

#include "cli/options.h"
#include "core/catalog.h"

/* All commands, and what is being written. */
struct script {
    const char *program;  /* gpuslice */
    const char *function; /* _gpuslice: the shell's function */
    const struct gs_command *const *commands;
    size_t n_commands;
    struct gs_buf *out;
};

/* Text inside single quotes: a quote ends them, stands escaped, and begins them again. fish knows
 * the same spelling. */
static void put_quoted(struct gs_buf *out, const char *text)
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

static void put_command_names(const struct script *script)
{
    for (size_t i = 0; i < script->n_commands; i++) {
        gs_buf_printf(script->out, "%s%s", i == 0 ? "" : " ", script->commands[i]->name);
    }
}

/* The words that name a group's commands. */
static void put_subcommand_names(struct gs_buf *out, const struct gs_command *group)
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

/* False: the argument is a file, a folder or anything. */
static bool has_words(const struct gs_option *option)
{
    return option->kind == GS_OPTION_CHOICE || option->complete == GS_COMPLETE_MODEL ||
           option->complete == GS_COMPLETE_COMMAND;
}

/* The words that can stand as the argument; nothing when there are none. */
static void put_words(const struct script *script, const struct gs_option *option)
{
    if (option->kind == GS_OPTION_CHOICE) {
        put_choices(script->out, option);
    } else if (option->complete == GS_COMPLETE_MODEL) {
        put_models(script->out);
    } else if (option->complete == GS_COMPLETE_COMMAND) {
        put_command_names(script);
    }
}

/* bash. No helper of the package bash-completion is used, for it may not be there. */

static const char bash_head[] = "    local cur prev command options\n"
                                "    cur=${COMP_WORDS[COMP_CWORD]}\n"
                                "    prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                                "    # bash takes --option=value for three words\n"
                                "    if [[ $cur == '=' ]]; then\n"
                                "        cur=\n"
                                "    elif [[ $prev == '=' ]]; then\n"
                                "        prev=${COMP_WORDS[COMP_CWORD-2]}\n"
                                "    fi\n"
                                "    command=\n"
                                "    (( COMP_CWORD > 1 )) && command=${COMP_WORDS[1]}\n"
                                "    COMPREPLY=()\n";

/* The command of a group has two words. */
static void put_bash_groups(const struct script *script)
{
    for (size_t i = 0; i < script->n_commands; i++) {
        const struct gs_command *group = script->commands[i];
        if (group->n_subcommands > 0) {
            gs_buf_printf(script->out,
                          "    [[ $command == %s ]] && (( COMP_CWORD > 2 )) && command=\"%s "
                          "${COMP_WORDS[2]}\"\n",
                          group->name, group->name);
        }
    }
}

static void put_bash_words(const struct script *script, const struct gs_option *option)
{
    struct gs_buf *out = script->out;
    if (has_words(option)) {
        gs_buf_puts(out, "COMPREPLY=($(compgen -W '");
        put_words(script, option);
        gs_buf_puts(out, "' -- \"$cur\"))");
    } else if (option->complete == GS_COMPLETE_FILE) {
        gs_buf_puts(out, "local IFS=$'\\n'; compopt -o filenames 2>/dev/null\n"
                         "            COMPREPLY=($(compgen -f -- \"$cur\"))");
    } else if (option->complete == GS_COMPLETE_DIR) {
        gs_buf_puts(out, "local IFS=$'\\n'; compopt -o filenames 2>/dev/null\n"
                         "            COMPREPLY=($(compgen -d -- \"$cur\"))");
    } else {
        gs_buf_puts(out, ":");
    }
}

static void put_bash_command(const struct script *script, const struct gs_command *command)
{
    struct gs_buf *out = script->out;
    gs_buf_printf(out, "    '%s')\n        case $prev in\n", command->name);
    for (size_t i = 0; i < command->n_options; i++) {
        const struct gs_option *option = &command->options[i];
        if (option->kind == GS_OPTION_FLAG) {
            continue;
        }
        gs_buf_printf(out, "        --%s", option->name);
        if (option->letter != 0) {
            gs_buf_printf(out, "|-%c", option->letter);
        }
        gs_buf_puts(out, ")\n            ");
        put_bash_words(script, option);
        gs_buf_puts(out, "\n            return\n            ;;\n");
    }
    gs_buf_puts(out, "        esac\n        options='--help");
    for (size_t i = 0; i < command->n_options; i++) {
        gs_buf_printf(out, " --%s", command->options[i].name);
    }
    gs_buf_puts(out, "'\n        [[ $cur == -* ]] || ");
    if (command->n_subcommands > 0) {
        gs_buf_puts(out, "COMPREPLY=($(compgen -W '");
        put_subcommand_names(out, command);
        gs_buf_puts(out, "' -- \"$cur\"))");
    } else if (command->operand != NULL) {
        put_bash_words(script, command->operand);
    } else {
        gs_buf_puts(out, ":");
    }
    gs_buf_puts(out, "\n        ;;\n");
    for (size_t i = 0; i < command->n_subcommands; i++) {
        put_bash_command(script, command->subcommands[i]);
    }
}

static void put_bash(const struct script *script)
{
    struct gs_buf *out = script->out;
    gs_buf_printf(out, "# bash completion for %s; made by `%s completion bash`\n%s() {\n%s",
                  script->program, script->program, script->function, bash_head);
    put_bash_groups(script);
    gs_buf_puts(out, "    case $command in\n    '')\n        options='--help --version'\n"
                     "        [[ $cur == -* ]] || COMPREPLY=($(compgen -W '");
    put_command_names(script);
    gs_buf_puts(out, "' -- \"$cur\"))\n        ;;\n");
    for (size_t i = 0; i < script->n_commands; i++) {
        put_bash_command(script, script->commands[i]);
    }
    gs_buf_puts(out, "    esac\n"
                     "    if [[ $cur == -* ]]; then\n"
                     "        COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
                     "    fi\n"
                     "}\n");
    gs_buf_printf(out, "complete -F %s %s\n", script->function, script->program);
}

/* zsh */

/* Inside a specification of _arguments, brackets and colons are its own. */
static void put_zsh_help(struct gs_buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr("[]:\\", *text) != NULL) {
            gs_buf_puts(out, "\\");
        }
        char one[2] = {*text, '\0'};
        put_quoted(out, one);
    }
}

/* ":MODEL:(A B C)" */
static void put_zsh_argument(const struct script *script, const struct gs_option *option)
{
    gs_buf_printf(script->out, ":%s:", option->arg);
    if (option->complete == GS_COMPLETE_FILE) {
        gs_buf_puts(script->out, "_files");
    } else if (option->complete == GS_COMPLETE_DIR) {
        gs_buf_puts(script->out, "_files -/");
    } else if (has_words(option)) {
        gs_buf_puts(script->out, "(");
        put_words(script, option);
        gs_buf_puts(script->out, ")");
    }
}

static void put_zsh_option(const struct script *script, const struct gs_option *option)
{
    struct gs_buf *out = script->out;
    const char *many = option->kind == GS_OPTION_LIST ? "*" : "";
    if (option->letter != 0 && many[0] == '\0') {
        gs_buf_printf(out, " \\\n            '(-%c --%s)'{-%c,--%s%s}'[", option->letter,
                      option->name, option->letter, option->name,
                      option->kind == GS_OPTION_FLAG ? "" : "=");
    } else {
        gs_buf_printf(out, " \\\n            '%s--%s%s[", many, option->name,
                      option->kind == GS_OPTION_FLAG ? "" : "=");
    }
    put_zsh_help(out, option->help);
    gs_buf_puts(out, "]");
    if (option->kind != GS_OPTION_FLAG) {
        put_zsh_argument(script, option);
    }
    gs_buf_puts(out, "'");
}

static void put_zsh_command(const struct script *script, const struct gs_command *command)
{
    struct gs_buf *out = script->out;
    gs_buf_printf(out,
                  "    '%s')\n        _arguments '(-h --help)'{-h,--help}'[show help and exit]'",
                  command->name);
    for (size_t i = 0; i < command->n_options; i++) {
        put_zsh_option(script, &command->options[i]);
    }
    if (command->operand != NULL) {
        gs_buf_puts(out, " \\\n            '");
        gs_buf_puts(out, command->operand->kind == GS_OPTION_LIST ? "*" : "");
        put_zsh_argument(script, command->operand);
        gs_buf_puts(out, "'");
    }
    if (command->n_subcommands > 0) {
        gs_buf_puts(out, " \\\n            ':COMMAND:(");
        put_subcommand_names(out, command);
        gs_buf_puts(out, ")'");
    }
    gs_buf_puts(out, "\n        ;;\n");
    for (size_t i = 0; i < command->n_subcommands; i++) {
        put_zsh_command(script, command->subcommands[i]);
    }
}

/* The command of a group has two words. */
static void put_zsh_groups(const struct script *script)
{
    for (size_t i = 0; i < script->n_commands; i++) {
        const struct gs_command *group = script->commands[i];
        if (group->n_subcommands > 0) {
            gs_buf_printf(script->out,
                          "    if [[ $command == %s ]] && (( CURRENT > 2 )); then\n"
                          "        command=\"%s ${words[2]}\"\n"
                          "        shift words\n"
                          "        (( CURRENT-- ))\n"
                          "    fi\n",
                          group->name, group->name);
        }
    }
}

static void put_zsh(const struct script *script)
{
    struct gs_buf *out = script->out;
    gs_buf_printf(out,
                  "#compdef %s\n"
                  "# zsh completion for %s; made by `%s completion zsh`\n"
                  "%s() {\n"
                  "    local -a commands\n"
                  "    commands=(\n",
                  script->program, script->program, script->program, script->function);
    for (size_t i = 0; i < script->n_commands; i++) {
        gs_buf_printf(out, "        '%s:", script->commands[i]->name);
        put_zsh_help(out, script->commands[i]->summary);
        gs_buf_puts(out, "'\n");
    }
    gs_buf_puts(out,
                "    )\n"
                "    if (( CURRENT == 2 )); then\n"
                "        _describe command commands\n"
                "        _arguments '--help[show help and exit]' '--version[show the version]'\n"
                "        return\n"
                "    fi\n"
                "    local command=${words[2]}\n"
                "    shift words\n"
                "    (( CURRENT-- ))\n");
    put_zsh_groups(script);
    gs_buf_puts(out, "    case $command in\n");
    for (size_t i = 0; i < script->n_commands; i++) {
        put_zsh_command(script, script->commands[i]);
    }
    gs_buf_printf(out,
                  "    esac\n"
                  "}\n"
                  "if [[ $funcstack[1] == %s ]]; then\n"
                  "    %s \"$@\"\n"
                  "else\n"
                  "    compdef %s %s\n"
                  "fi\n",
                  script->function, script->function, script->function, script->program);
}

/* fish */

static void put_fish_argument(const struct script *script, const struct gs_option *option)
{
    struct gs_buf *out = script->out;
    if (option->complete == GS_COMPLETE_FILE) {
        gs_buf_puts(out, " -rF");
    } else if (option->complete == GS_COMPLETE_DIR) {
        gs_buf_puts(out, " -x -a '(__fish_complete_directories)'");
    } else {
        gs_buf_puts(out, " -x -a '");
        put_words(script, option);
        gs_buf_puts(out, "'");
    }
}

/* "-n '<when the command is on the line>'"; the command of a group has two words. */
static void put_fish_when(const struct script *script, const struct gs_command *command)
{
    struct gs_buf *out = script->out;
    const char *second = strchr(command->name, ' ');
    gs_buf_printf(out, "complete -c %s -n '__fish_seen_subcommand_from ", script->program);
    gs_buf_put(out, command->name,
               second == NULL ? strlen(command->name) : (size_t)(second - command->name));
    gs_buf_printf(out, "%s%s'", second == NULL ? "" : "; and __fish_seen_subcommand_from",
                  second == NULL ? "" : second);
}

/* Offers the command by its name. */
static void put_fish_name(const struct script *script, const struct gs_command *group,
                          const struct gs_command *command)
{
    struct gs_buf *out = script->out;
    if (group == NULL) {
        gs_buf_printf(out, "complete -c %s -n __fish_use_subcommand -a %s", script->program,
                      command->name);
    } else {
        gs_buf_printf(out,
                      "complete -c %s -n '__fish_seen_subcommand_from %s; and not "
                      "__fish_seen_subcommand_from ",
                      script->program, group->name);
        put_subcommand_names(out, group);
        gs_buf_printf(out, "' -a %s", command->name + strlen(group->name) + 1);
    }
    gs_buf_puts(out, " -d '");
    put_quoted(out, command->summary);
    gs_buf_puts(out, "'\n");
}

static void put_fish_command(const struct script *script, const struct gs_command *group,
                             const struct gs_command *command)
{
    struct gs_buf *out = script->out;
    put_fish_name(script, group, command);
    for (size_t i = 0; i < command->n_options; i++) {
        const struct gs_option *option = &command->options[i];
        put_fish_when(script, command);
        gs_buf_printf(out, " -l %s", option->name);
        if (option->letter != 0) {
            gs_buf_printf(out, " -s %c", option->letter);
        }
        gs_buf_puts(out, " -d '");
        put_quoted(out, option->help);
        gs_buf_puts(out, "'");
        if (option->kind != GS_OPTION_FLAG) {
            put_fish_argument(script, option);
        }
        gs_buf_puts(out, "\n");
    }
    if (command->operand != NULL) {
        put_fish_when(script, command);
        put_fish_argument(script, command->operand);
        gs_buf_puts(out, "\n");
    }
    for (size_t i = 0; i < command->n_subcommands; i++) {
        put_fish_command(script, command, command->subcommands[i]);
    }
}

static void put_fish(const struct script *script)
{
    const char *program = script->program;
    gs_buf_printf(script->out,
                  "# fish completion for %s; made by `%s completion fish`\n"
                  "complete -c %s -f\n"
                  "complete -c %s -s h -l help -d 'show help and exit'\n"
                  "complete -c %s -n __fish_use_subcommand -l version -d 'show the version'\n",
                  program, program, program, program, program);
    for (size_t i = 0; i < script->n_commands; i++) {
        put_fish_command(script, NULL, script->commands[i]);
    }
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
    struct script script = {.program = program,
                            .function = function,
                            .commands = commands,
                            .n_commands = n_commands,
                            .out = out};
    switch (shell) {
    case GS_SHELL_BASH:
        put_bash(&script);
        break;
    case GS_SHELL_ZSH:
        put_zsh(&script);
        break;
    case GS_SHELL_FISH:
    case GS_SHELLS:
        put_fish(&script);
        break;
    }
}
