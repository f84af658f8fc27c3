#include <string.h>

#include "term/script.h"

/* Inside a specification of _arguments some characters are its own. */
static void put_zsh_text(struct gs_buf *out, const char *text, const char *own)
{
    for (; *text != '\0'; text++) {
        if (strchr(own, *text) != NULL) {
            gs_buf_puts(out, "\\");
        }
        char one[2] = {*text, '\0'};
        gs_script_put_quoted(out, one);
    }
}

/* What stands between brackets. */
static void put_zsh_help(struct gs_buf *out, const char *text)
{
    put_zsh_text(out, text, "[]:\\");
}

/* ":MODEL:(A B C)" */
static void put_zsh_argument(const struct gs_script *script, const struct gs_option *option)
{
    gs_buf_puts(script->out, ":");
    put_zsh_text(script->out, option->arg, ":\\");
    gs_buf_puts(script->out, ":");
    if (option->complete == GS_COMPLETE_FILE) {
        gs_buf_puts(script->out, "_files");
    } else if (option->complete == GS_COMPLETE_DIR) {
        gs_buf_puts(script->out, "_files -/");
    } else if (gs_script_has_words(option)) {
        gs_buf_puts(script->out, "(");
        gs_script_put_words(script, option);
        gs_buf_puts(script->out, ")");
    } else if (gs_complete_name(option->complete) != NULL) {
        /* a blank before it: without the words that _arguments adds */
        gs_buf_printf(script->out, " %s_offer %s", script->function,
                      gs_complete_name(option->complete));
    }
}

static void put_zsh_option(const struct gs_script *script, const struct gs_option *option)
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

/* `word`: by which the command is named; "" for what the program is without one. */
static void put_zsh_command(const struct gs_script *script, const struct gs_command *command,
                            const char *word)
{
    struct gs_buf *out = script->out;
    gs_buf_printf(
        out, "    '%s')\n        _arguments '(-h --help)'{-h,--help}'[show help and exit]'", word);
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
        gs_script_put_subcommand_names(out, command);
        gs_buf_puts(out, ")'");
    }
    gs_buf_puts(out, "\n        ;;\n");
    for (size_t i = 0; i < command->n_subcommands; i++) {
        put_zsh_command(script, command->subcommands[i], command->subcommands[i]->name);
    }
}

/* The command of a group has two words. */
static void put_zsh_groups(const struct gs_script *script)
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

/* Finds which command the words are of, in $command. */
static void put_zsh_choice(const struct gs_script *script)
{
    struct gs_buf *out = script->out;
    if (script->alone == NULL) {
        gs_buf_puts(
            out, "    if (( CURRENT == 2 )); then\n"
                 "        _describe command commands\n"
                 "        _arguments '--help[show help and exit]' '--version[show the version]'\n"
                 "        return\n"
                 "    fi\n"
                 "    local command=${words[2]}\n"
                 "    shift words\n"
                 "    (( CURRENT-- ))\n");
        return;
    }
    gs_buf_puts(out, "    local command=\n"
                     "    if (( CURRENT == 2 )); then\n"
                     "        _describe command commands\n"
                     "    elif [[ ' ");
    gs_script_put_command_names(script);
    gs_buf_puts(out, " ' == *\" ${words[2]} \"* ]]; then\n"
                     "        command=${words[2]}\n"
                     "        shift words\n"
                     "        (( CURRENT-- ))\n"
                     "    fi\n");
}

void gs_script_zsh(const struct gs_script *script)
{
    struct gs_buf *out = script->out;
    gs_buf_printf(out,
                  "#compdef %s\n"
                  "# zsh completion for %s; made by `%s completion zsh`\n",
                  script->program, script->program, script->program);
    if (script->asks) {
        gs_buf_printf(out,
                      "%s_offer() {\n"
                      "    local -a found\n"
                      "    [[ $1 == gpus ]] && compset -P '*,'\n"
                      "    found=(\"${(@f)$(%s " GS_WORDS_COMMAND
                      " $1 \"${words[@]}\" 2>/dev/null)}\")\n"
                      "    compadd -- ${found:#}\n"
                      "}\n",
                      script->function, script->program);
    }
    gs_buf_printf(out,
                  "%s() {\n"
                  "    local -a commands\n"
                  "    commands=(\n",
                  script->function);
    for (size_t i = 0; i < script->n_commands; i++) {
        gs_buf_printf(out, "        '%s:", script->commands[i]->name);
        put_zsh_help(out, script->commands[i]->summary);
        gs_buf_puts(out, "'\n");
    }
    gs_buf_puts(out, "    )\n");
    put_zsh_choice(script);
    put_zsh_groups(script);
    gs_buf_puts(out, "    case $command in\n");
    if (script->alone != NULL) {
        put_zsh_command(script, script->alone, "");
    }
    for (size_t i = 0; i < script->n_commands; i++) {
        put_zsh_command(script, script->commands[i], script->commands[i]->name);
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
